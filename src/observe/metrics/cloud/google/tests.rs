use serde_json::json;
use wiremock::matchers::{body_json, body_string_contains, header, method, path};
use wiremock::{Mock, MockServer, ResponseTemplate};

use super::super::testing::{claims, service_account};
use super::*;
use crate::error::Kind;

async fn authorization(tokens: &Tokens) -> Result<String> {
    let headers = tokens.headers().await?;
    Ok(headers[AUTHORIZATION].to_str().unwrap().to_owned())
}

fn of_file(folder: &tempfile::TempDir, content: &Value) -> Tokens {
    let file = folder.path().join("credentials.json");
    fs_err::write(&file, content.to_string()).unwrap();
    Tokens::of_environment(&GoogleSettings {
        credentials_file: Some(file),
        ..GoogleSettings::default()
    })
}

#[tokio::test]
async fn a_token_is_sent_as_it_is() {
    let tokens = Tokens::of_environment(&GoogleSettings {
        token: Some(SecretString::from("ya29.x\n")),
        credentials_file: Some("/nowhere".into()),
        ..GoogleSettings::default()
    });
    assert_eq!(authorization(&tokens).await.unwrap(), "Bearer ya29.x");
}

#[tokio::test]
async fn a_service_account_signs_its_token_once() {
    let key = SecretString::from(service_account().to_string());
    let tokens = Tokens::of_key(key, "the Secret gcp");
    let first = authorization(&tokens).await.unwrap();
    let claims = claims(&first);
    assert_eq!(claims["iss"], "weirkeeper@shop.iam.gserviceaccount.com");
    assert_eq!(claims["scope"], SCOPE);
    let lasts = claims["exp"].as_i64().unwrap() - claims["iat"].as_i64().unwrap();
    assert!((600..=3700).contains(&lasts), "{lasts}");
    assert_eq!(authorization(&tokens).await.unwrap(), first);
}

/// A file as google-github-actions/auth writes it, all addresses on `server`.
fn federated(server: &MockServer, impersonates: bool) -> Value {
    let mut file = json!({
        "type": "external_account",
        "audience": "//iam.googleapis.com/projects/1/locations/global/workloadIdentityPools/github/providers/fleet",
        "subject_token_type": "urn:ietf:params:oauth:token-type:jwt",
        "token_url": format!("{}/v1/token", server.uri()),
        "credential_source": {
            "url": format!("{}/idtoken?audience=x", server.uri()),
            "headers": {"Authorization": "Bearer of-the-runner"},
            "format": {"type": "json", "subject_token_field_name": "value"},
        },
    });
    if impersonates {
        let of = "v1/projects/-/serviceAccounts/w@shop.iam.gserviceaccount.com:generateAccessToken";
        file["service_account_impersonation_url"] = json!(format!("{}/{of}", server.uri()));
    }
    file
}

async fn runner(server: &MockServer) {
    Mock::given(method("GET"))
        .and(path("/idtoken"))
        .and(header("authorization", "Bearer of-the-runner"))
        .respond_with(ResponseTemplate::new(200).set_body_json(json!({"value": "subject.to.ken"})))
        .mount(server)
        .await;
}

async fn exchange(server: &MockServer, template: ResponseTemplate) {
    Mock::given(method("POST"))
        .and(path("/v1/token"))
        .and(body_string_contains("subject_token=subject.to.ken"))
        .and(body_string_contains("workloadIdentityPools"))
        .and(body_string_contains("token-exchange"))
        .respond_with(template)
        .mount(server)
        .await;
}

fn federated_token() -> ResponseTemplate {
    ResponseTemplate::new(200).set_body_json(json!({
        "access_token": "federated",
        "issued_token_type": "urn:ietf:params:oauth:token-type:access_token",
        "token_type": "Bearer",
        "expires_in": 3600,
    }))
}

#[tokio::test]
async fn the_token_of_a_workflow_is_exchanged_once() {
    let server = MockServer::start().await;
    runner(&server).await;
    exchange(&server, federated_token()).await;
    let folder = tempfile::tempdir().unwrap();
    let tokens = of_file(&folder, &federated(&server, false));
    for _ in 0..3 {
        assert_eq!(authorization(&tokens).await.unwrap(), "Bearer federated");
    }
    assert_eq!(server.received_requests().await.unwrap().len(), 2);
}

#[tokio::test]
async fn a_token_from_a_file_is_exchanged_too() {
    let server = MockServer::start().await;
    exchange(&server, federated_token()).await;
    let folder = tempfile::tempdir().unwrap();
    let subject = folder.path().join("subject");
    fs_err::write(&subject, "subject.to.ken").unwrap();
    let mut file = federated(&server, false);
    file["credential_source"] = json!({"file": subject});
    let tokens = of_file(&folder, &file);
    assert_eq!(authorization(&tokens).await.unwrap(), "Bearer federated");
}

#[tokio::test]
async fn a_service_account_is_stood_for() {
    let server = MockServer::start().await;
    runner(&server).await;
    exchange(&server, federated_token()).await;
    Mock::given(method("POST"))
        .and(path(
            "/v1/projects/-/serviceAccounts/w@shop.iam.gserviceaccount.com:generateAccessToken",
        ))
        .and(header("authorization", "Bearer federated"))
        .and(body_json(json!({"scope": [SCOPE], "lifetime": "3600s"})))
        .respond_with(ResponseTemplate::new(200).set_body_json(json!({
            "accessToken": "of-the-account",
            "expireTime": "2999-01-01T00:00:00Z",
        })))
        .mount(&server)
        .await;
    let folder = tempfile::tempdir().unwrap();
    let tokens = of_file(&folder, &federated(&server, true));
    assert_eq!(
        authorization(&tokens).await.unwrap(),
        "Bearer of-the-account"
    );
}

#[tokio::test]
async fn an_exchange_that_is_refused_says_what_to_do() {
    for (error, text, hint) in [
        (
            "invalid_grant",
            "ID Token issued at 1 is stale to sign-in.",
            "has ended",
        ),
        (
            "unauthorized_client",
            "The given credential is rejected by the attribute condition.",
            "rejects this repository",
        ),
        (
            "invalid_target",
            "The target service indicated by the \"audience\" parameters is invalid.",
            "audience names no",
        ),
    ] {
        let server = MockServer::start().await;
        runner(&server).await;
        let body = json!({"error": error, "error_description": text});
        exchange(&server, ResponseTemplate::new(400).set_body_json(body)).await;
        let folder = tempfile::tempdir().unwrap();
        let tokens = of_file(&folder, &federated(&server, false));
        let error_ = authorization(&tokens).await.unwrap_err();
        assert_eq!(error_.kind(), Kind::Remote);
        let shown = format!("{} {}", error_.chain(), error_.hints().join(" "));
        for part in [error, text, hint, "GOOGLE_APPLICATION_CREDENTIALS", "400"] {
            assert!(shown.contains(part), "{part}: {shown}");
        }
        assert!(!shown.contains("subject.to.ken"), "{shown}");
    }
}

#[tokio::test]
async fn an_account_that_may_not_be_stood_for_says_what_to_do() {
    let server = MockServer::start().await;
    runner(&server).await;
    exchange(&server, federated_token()).await;
    let denied =
        "Permission 'iam.serviceAccounts.getAccessToken' denied on resource (or it may not exist).";
    Mock::given(header("authorization", "Bearer federated"))
        .respond_with(ResponseTemplate::new(403).set_body_json(json!({
            "error": {"code": 403, "message": denied, "status": "PERMISSION_DENIED"},
        })))
        .mount(&server)
        .await;
    let folder = tempfile::tempdir().unwrap();
    let tokens = of_file(&folder, &federated(&server, true));
    let error = authorization(&tokens).await.unwrap_err();
    let shown = format!("{} {:?}", error.chain(), error.hints());
    assert!(shown.contains(denied), "{shown}");
    assert!(shown.contains("roles/iam.workloadIdentityUser"), "{shown}");
    assert!(!shown.contains("Bearer"), "{shown}");
}

#[tokio::test]
async fn a_failure_does_not_last() {
    let server = MockServer::start().await;
    runner(&server).await;
    let busy = ResponseTemplate::new(400).set_body_json(json!({"error": "invalid_grant"}));
    Mock::given(path("/v1/token"))
        .respond_with(busy)
        .up_to_n_times(1)
        .mount(&server)
        .await;
    exchange(&server, federated_token()).await;
    let folder = tempfile::tempdir().unwrap();
    let tokens = of_file(&folder, &federated(&server, false));
    assert!(authorization(&tokens).await.is_err());
    assert_eq!(authorization(&tokens).await.unwrap(), "Bearer federated");
}

#[tokio::test]
async fn no_text_holds_the_token_of_the_workflow() {
    let server = MockServer::start().await;
    // The token under another name than the file says: the library quotes the answer.
    Mock::given(path("/idtoken"))
        .respond_with(ResponseTemplate::new(200).set_body_json(json!({"token": "subject.to.ken"})))
        .mount(&server)
        .await;
    let folder = tempfile::tempdir().unwrap();
    let tokens = of_file(&folder, &federated(&server, false));
    let error = authorization(&tokens).await.unwrap_err();
    let shown = format!("{error:?} {} {:?}", error.chain(), error.hints());
    assert!(!shown.contains("subject.to.ken"), "{shown}");
    assert!(shown.contains("subject token"), "{shown}");
    assert!(shown.contains("id-token: write"), "{shown}");
}

#[tokio::test]
async fn credentials_that_are_none_are_not_quoted() {
    let not_json = SecretString::from("hunter2");
    let error = authorization(&Tokens::of_key(not_json, "the Secret gcp")).await;
    let error = error.unwrap_err();
    assert_eq!(error.kind(), Kind::Usage);
    assert!(
        error.chain().contains("the Secret gcp are not JSON"),
        "{}",
        error.chain()
    );
    for (content, expected) in [
        (json!({"type": "hunter"}), "the type `hunter`"),
        (
            json!({"type": "service_account", "private_key": {"hunter2": 1}}),
            "lack something",
        ),
        (json!([]), "the type ``"),
    ] {
        let folder = tempfile::tempdir().unwrap();
        let error = authorization(&of_file(&folder, &content))
            .await
            .unwrap_err();
        let shown = format!("{error:?} {}", error.chain());
        assert!(shown.contains(expected), "{shown}");
        assert!(!shown.contains("hunter2"), "{shown}");
    }
    // A document names this Secret: it may not send the runner's tokens anywhere.
    let federated = json!({"type": "external_account"}).to_string();
    let error = authorization(&Tokens::of_key(SecretString::from(federated), "x")).await;
    let error = error.unwrap_err();
    assert!(
        error.chain().contains("not the key of a service account"),
        "{}",
        error.chain()
    );
}

#[tokio::test]
async fn without_credentials_it_is_said_how_to_give_them() {
    let tokens = Tokens::of_environment(&GoogleSettings::default());
    let error = authorization(&tokens).await.unwrap_err();
    assert_eq!(error.kind(), Kind::Usage);
    assert!(error.hints()[0].contains("google-github-actions/auth"));
}

#[test]
fn refusals_say_what_to_do() {
    let tokens = Tokens::of_environment(&GoogleSettings::default());
    let answer = |code: u16, status: &str, reason: &str, message: &str| {
        crate::http::Answer {
        status: reqwest::StatusCode::from_u16(code).unwrap(),
        headers: HeaderMap::new(),
        url: "https://monitoring.googleapis.com/".parse().unwrap(),
        body: json!({"error": {"code": code, "message": message, "status": status, "details": [
            {"@type": "type.googleapis.com/google.rpc.ErrorInfo", "reason": reason, "domain": "googleapis.com"},
        ]}})
        .to_string()
        .into_bytes(),
        tries: 1,
    }
    };
    for (code, status, reason, message, expected) in [
        (
            403,
            "PERMISSION_DENIED",
            "SERVICE_DISABLED",
            "Cloud Monitoring API has not been used in project 1 before or it is disabled.",
            "services enable",
        ),
        (
            403,
            "PERMISSION_DENIED",
            "IAM_PERMISSION_DENIED",
            "Permission monitoring.timeSeries.list denied (or the resource may not exist).",
            "roles/monitoring.viewer",
        ),
        (
            403,
            "PERMISSION_DENIED",
            "ACCESS_TOKEN_SCOPE_INSUFFICIENT",
            "Request had insufficient authentication scopes.",
            "monitoring.read",
        ),
        (
            400,
            "INVALID_ARGUMENT",
            "CONSUMER_INVALID",
            "Project 'x' not found or deleted.",
            "id or its number",
        ),
        (
            401,
            "UNAUTHENTICATED",
            "ACCESS_TOKEN_EXPIRED",
            "Request had invalid authentication credentials.",
            "was not accepted",
        ),
        (
            429,
            "RESOURCE_EXHAUSTED",
            "RATE_LIMIT_EXCEEDED",
            "Quota exceeded",
            "run less often",
        ),
        (
            404,
            "NOT_FOUND",
            "",
            "The project 'x' was not found",
            "such a project",
        ),
    ] {
        let answer = answer(code, status, reason, message);
        let refused = refused(&answer, &tokens).unwrap();
        assert!(
            refused.hint.as_ref().unwrap().contains(expected),
            "{refused:?}"
        );
        assert_eq!(
            (refused.code.as_str(), refused.text.as_str()),
            (status, message)
        );
    }
    let query = answer(400, "INVALID_ARGUMENT", "", "Line 1: unknown operation");
    assert_eq!(refused(&query, &tokens).unwrap().hint, None);
}
