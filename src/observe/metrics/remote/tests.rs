use std::time::Duration;

use secrecy::SecretString;
use wiremock::matchers::any;
use wiremock::{Mock, MockServer, ResponseTemplate};

use super::*;
use crate::error::Kind;
use crate::http::Retry;
use crate::observe::metrics::testing::{access, secrets};

const ADVICE: Advice = Advice {
    permission: "the scope x",
    not_found: "is it the API?",
};

/// The error of an answer, as chain and hints.
async fn error_of(response: ResponseTemplate) -> (String, String) {
    let server = MockServer::start().await;
    Mock::given(any())
        .respond_with(response)
        .mount(&server)
        .await;
    let secrets = secrets(&[("datadog_api_key", "k3y-of-ours")]);
    let access = access("datadog", &server.uri(), &secrets);
    let remote = Remote::new(&access, &[], ADVICE).unwrap();
    let asked = remote.ask(remote.get("x", &[("query", "up")])).await;
    let error = match asked {
        Err(error) => error,
        Ok(answer) => remote.json::<Vec<String>>(&answer).unwrap_err(),
    };
    assert_eq!(error.kind(), Kind::Remote);
    (
        error.chain().replace(&server.uri(), "ADDRESS"),
        error.hints().join("\n"),
    )
}

#[tokio::test]
async fn answers_that_are_none() {
    let json =
        |status, body: &str| ResponseTemplate::new(status).set_body_raw(body, "application/json");
    let text = |status, text: &str| ResponseTemplate::new(status).set_body_string(text);
    let keys = "check the keys datadog_api_key, datadog_application_key of the Secret metrics";
    let cases = [
        (
            json(401, r#"{"errors": ["Unauthorized"]}"#),
            "Datadog at ADDRESS/ answered 401 Unauthorized: Unauthorized",
            keys,
        ),
        (
            json(
                403,
                r#"{"error": {"code": 403, "message": "Token is missing\u001b[31m a scope"}}"#,
            ),
            "answered 403 Forbidden: Token is missing[31m a scope",
            "Secret metrics; it needs the scope x",
        ),
        (
            json(
                400,
                r#"{"error": {"message": "bad selector.", "constraintViolations": [{"path": "a", "message": "no such metric"}]}}"#,
            ),
            "answered 400 Bad Request: bad selector. no such metric",
            "",
        ),
        (text(404, ""), "answered 404 Not Found", "is it the API?"),
        (
            text(500, "\n\nTraceback\nsecond line"),
            "answered 500 Internal Server Error: Traceback",
            "",
        ),
        (
            text(400, "you sent k3y-of-ours"),
            "answered 400 Bad Request: you sent ***",
            "",
        ),
        (
            json(429, r#"{"errors": ["Rate limit of 300 requests reached"]}"#)
                .insert_header("x-ratelimit-limit", "300")
                .insert_header("x-ratelimit-period", "3600")
                .insert_header("x-ratelimit-reset", "1700"),
            "answered 429 Too Many Requests (2 tries): Rate limit of 300",
            "it is 300 in 3600 s; again in 1700 s",
        ),
        (
            text(302, "").insert_header("location", "https://login.example/?token=a"),
            "answered 302 Found",
            "it redirects to https://login.example/?token=***",
        ),
        (
            ResponseTemplate::new(200).set_body_raw("<!DOCTYPE html>\n<title>Sign in", "text/html"),
            "ADDRESS/ answered with a web page: <!DOCTYPE html>",
            "not the address of the API of Datadog",
        ),
        (
            json(200, ""),
            "the answer of ADDRESS/ is not one of Datadog: it is empty",
            "",
        ),
        (
            json(200, r#"["a", "#),
            "is not one of Datadog: the JSON ends too early",
            "it begins with: [\"a\",",
        ),
        (
            json(200, r#"{"k3y-of-ours": 1}"#),
            "is not one of Datadog: invalid type: map",
            "it begins with: {\"***\": 1}",
        ),
        (
            json(200, &format!("[\"{}\"]", "x".repeat(9 << 20))),
            "no usable answer from Datadog at ADDRESS/: the answer is larger than 8388608 bytes",
            "aggregate the query",
        ),
    ];
    for (response, message, hint) in cases {
        let (found, hints) = error_of(response).await;
        assert!(found.contains(message), "{found}\n{message}");
        assert!(hints.contains(hint), "{hints}\n{hint}");
        let all = format!("{found}{hints}");
        assert!(
            !all.contains("k3y-of-ours") && !all.contains('\u{1b}'),
            "{all}"
        );
    }
}

#[tokio::test]
async fn a_key_is_hidden_where_the_text_is_cut() {
    let long = format!("{}k3y-of-ours", "x".repeat(195));
    let (found, _) = error_of(ResponseTemplate::new(500).set_body_string(long)).await;
    assert!(!found.contains("k3y"), "{found}");
}

#[tokio::test]
async fn nobody_there() {
    let secrets = secrets(&[]);
    let mut access = access("graphite", "http://127.0.0.1:1", &secrets);
    access.options.retry.tries = 1;
    let remote = Remote::new(&access, &[], ADVICE).unwrap();
    let error = remote.ask(remote.get("x", &[])).await.unwrap_err();
    assert_eq!(
        error.chain(),
        "no usable answer from Graphite at http://127.0.0.1:1/: the connection was refused"
    );
    assert_eq!(error.hints(), ["is Graphite running there, on this port?"]);
}

#[tokio::test]
async fn slow_answers_have_a_limit() {
    let slow = ResponseTemplate::new(200).set_delay(Duration::from_secs(30));
    let server = MockServer::start().await;
    Mock::given(any()).respond_with(slow).mount(&server).await;
    let secrets = secrets(&[]);
    let mut access = access("graphite", &server.uri(), &secrets);
    access.options.timeout = Duration::from_millis(50);
    access.options.retry = Retry {
        tries: 1,
        ..Retry::default()
    };
    let remote = Remote::new(&access, &[], ADVICE).unwrap();
    let error = remote.ask(remote.get("x", &[])).await.unwrap_err();
    assert!(
        error.chain().contains("no answer in time"),
        "{}",
        error.chain()
    );
}

#[tokio::test]
async fn addresses_keep_their_path_and_parameters_are_escaped() {
    let server = MockServer::start().await;
    Mock::given(any())
        .respond_with(ResponseTemplate::new(200).set_body_string("[]"))
        .mount(&server)
        .await;
    let secrets = secrets(&[]);
    let with_user = server.uri().replace("http://", "http://me:s3cret@");
    let access = access("graphite", &format!("{with_user}/base/?x=1"), &secrets);
    let remote = Remote::new(&access, &[], ADVICE).unwrap();
    remote
        .ask(remote.get("api/q", &[("query", "a&b=c #{}")]))
        .await
        .unwrap();
    let request = &server.received_requests().await.unwrap()[0];
    assert_eq!(request.url.path(), "/base/api/q");
    assert_eq!(request.url.query(), Some("query=a%26b%3Dc+%23%7B%7D"));
    assert_eq!(request.headers["authorization"], "Basic bWU6czNjcmV0");
    let shown = format!("{} {remote:?}", remote.address());
    assert!(!shown.contains("s3cret"), "{shown}");
}

#[test]
fn keys_that_are_missing_are_named() {
    let secrets = secrets(&[("empty", " \n"), ("a", " value ")]);
    let keys = Keys {
        secrets: &secrets,
        name: Some("metrics"),
    };
    assert_eq!(keys.required("a").unwrap().expose_secret(), "value");
    let error = keys.required("empty").unwrap_err();
    assert_eq!(
        error.message(),
        "the Secret metrics is not given, or has no empty"
    );
    assert!(error.hints()[0].contains("WEIRKEEPER_SECRET_METRICS_EMPTY"));
    let nameless = Keys {
        secrets: &secrets,
        name: None,
    };
    assert!(nameless.get("a").unwrap().is_none());
    let error = nameless.required("a").unwrap_err();
    assert_eq!(error.kind(), Kind::Document);
}

#[test]
fn a_key_that_fits_no_header_is_not_quoted() {
    let secrets = secrets(&[]);
    let access = access("datadog", "http://a", &secrets);
    let header = (AUTHORIZATION, SecretString::from("a\nsecret"));
    let error = Remote::new(&access, &[header], ADVICE).unwrap_err();
    assert!(!format!("{error:?}{}", error.chain()).contains("a\nsecret"));
    assert!(error.message().contains("characters that no header can"));
}
