//! The client against a server that notes every request.

mod exchange;

use serde_json::json;
use wiremock::matchers::{method, path, query_param, query_param_is_missing};
use wiremock::{Mock, MockServer, ResponseTemplate};

use super::*;
use crate::error::Kind;

const COMMIT: &str = "0123456789abcdef0123456789abcdef01234567";

fn github(server: &MockServer, token: Option<&str>) -> GitHub {
    let settings = GithubSettings {
        api: format!("{}/api/v3", server.uri()).parse().unwrap(),
        graphql: format!("{}/api", server.uri()).parse().unwrap(),
        repository: Some("me/fleet".to_owned()),
        token: token.map(|token| token.to_owned().into()),
    };
    let options = Options {
        environment_proxies: false,
        ..Options::default()
    };
    let pause = Pause::new(|_| Box::pin(std::future::ready(())));
    GitHub::new(settings)
        .with_options(options)
        .with_pause(pause)
}

fn status(context: &str, state: &str, minute: u8) -> Value {
    json!({
        "context": context, "state": state, "description": null,
        "created_at": format!("2026-01-01T00:{minute:02}:00Z"), "id": 1,
    })
}

async fn answering(response: ResponseTemplate) -> MockServer {
    let server = MockServer::start().await;
    Mock::given(method("GET"))
        .respond_with(response)
        .mount(&server)
        .await;
    server
}

#[tokio::test]
async fn every_page_is_read_and_the_newest_comes_first() {
    let server = MockServer::start().await;
    let at = format!("/api/v3/repos/me/fleet/commits/{COMMIT}/statuses");
    let next = format!(
        "<{0}{at}?page=9>; rel=\"last\", <{0}{at}?page=2>; rel=\"next\"",
        server.uri()
    );
    let first = json!([status("a", "pending", 2), status("b", "failure", 1)]);
    Mock::given(path(&*at))
        .and(query_param("per_page", "100"))
        .and(query_param_is_missing("page"))
        .respond_with(
            ResponseTemplate::new(200)
                .set_body_json(first)
                .insert_header("link", &*next),
        )
        .mount(&server)
        .await;
    // Elsewhere: the token does not go there.
    Mock::given(path(&*at))
        .and(query_param("page", "2"))
        .respond_with(
            ResponseTemplate::new(200)
                .set_body_json(json!([status("a", "success", 3)]))
                .insert_header("link", "<https://elsewhere.example/x>; rel=\"next\""),
        )
        .mount(&server)
        .await;
    let github = github(&server, Some("s3cret"));
    assert!(!format!("{github:?}").contains("s3cret"));
    let statuses = github.statuses(COMMIT).await.unwrap();
    let found: Vec<_> = statuses
        .iter()
        .map(|status| (status.context.as_str(), status.state))
        .collect();
    assert_eq!(
        found,
        [
            ("a", State::Success),
            ("a", State::Pending),
            ("b", State::Failure)
        ]
    );
    let requests = server.received_requests().await.unwrap();
    assert_eq!(requests.len(), 2);
    for request in requests {
        assert_eq!(request.headers["authorization"], "Bearer s3cret");
        assert_eq!(request.headers["accept"], "application/vnd.github+json");
    }
}

#[tokio::test]
async fn refusals_are_explained() {
    let limited = ResponseTemplate::new(403)
        .insert_header("x-ratelimit-remaining", "0")
        .insert_header("x-ratelimit-reset", "1767225600");
    let message =
        |code: u16, text: &str| ResponseTemplate::new(code).set_body_json(json!({"message": text}));
    for (response, token, said, hint) in [
        (
            limited.clone(),
            Some("t"),
            "no more requests until 2026-01-01T00:00:00Z",
            "run less often",
        ),
        (limited, None, "no more requests", "60 requests an hour"),
        (
            message(429, "You have exceeded a secondary rate limit"),
            Some("t"),
            "for now",
            "run less often",
        ),
        (
            message(401, "Bad credentials"),
            Some("t"),
            "401 Unauthorized: Bad credentials",
            "not valid any more",
        ),
        (
            message(403, "Resource not accessible by integration"),
            Some("t"),
            "Resource not accessible",
            "statuses: read",
        ),
        (
            message(404, "Not Found"),
            Some("t"),
            "404",
            "may not see it",
        ),
        (message(404, "Not Found"), None, "404", "needs a token"),
        (message(500, "oh"), Some("t"), "500", ""),
    ] {
        let server = answering(response).await;
        let error = github(&server, token).statuses(COMMIT).await.unwrap_err();
        assert_eq!(error.kind(), Kind::Remote);
        assert!(error.message().contains(said), "{}", error.message());
        assert!(error.hints().join(" ").contains(hint), "{error:?}");
    }
}

#[tokio::test]
async fn what_is_no_answer_of_github() {
    let server = answering(ResponseTemplate::new(200).set_body_string("<html>")).await;
    let error = github(&server, None).statuses(COMMIT).await.unwrap_err();
    assert!(error.message().contains("not one of GitHub"), "{error}");
    let unknown = json!({"message": "No commit found for SHA"});
    let server = answering(ResponseTemplate::new(422).set_body_json(unknown)).await;
    let none = github(&server, None).statuses(COMMIT).await.unwrap();
    assert!(none.is_empty(), "{none:?}");
    let mut unnamed = github(&server, None);
    unnamed.settings.repository = None;
    let error = unnamed.statuses(COMMIT).await.unwrap_err();
    assert_eq!(error.kind(), Kind::Usage);
}
