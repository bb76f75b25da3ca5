//! How requests travel: what is repeated, what is waited for, where the token goes.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use serde_json::{Value, json};
use wiremock::matchers::{method, path};
use wiremock::{Mock, MockServer, ResponseTemplate};

use super::super::*;
use super::github;

/// A GitHub that gives `answers` in turn, and then the last one for ever.
async fn answering(answers: Vec<ResponseTemplate>) -> MockServer {
    let server = MockServer::start().await;
    let turn = Mutex::new(answers.into_iter().peekable());
    Mock::given(wiremock::matchers::any())
        .respond_with(move |_: &wiremock::Request| {
            let mut turn = turn.lock().unwrap();
            let answer = turn.peek().unwrap().clone();
            turn.next_if(|_| true);
            if turn.peek().is_none() {
                *turn = vec![answer.clone()].into_iter().peekable();
            }
            answer
        })
        .mount(&server)
        .await;
    server
}

fn made() -> ResponseTemplate {
    ResponseTemplate::new(201).set_body_json(json!({"id": 1}))
}

fn refused(status: u16, text: &str) -> ResponseTemplate {
    ResponseTemplate::new(status).set_body_json(json!({"message": text}))
}

fn comment() -> Ask {
    Ask::post(["issues", "7", "comments"])
        .json(json!({"body": "hello"}))
        .needs("pull-requests: write")
}

/// The GitHub and the waits it was made to take.
fn waiting(server: &MockServer) -> (GitHub, Arc<Mutex<Vec<Duration>>>) {
    let waits = Arc::new(Mutex::new(Vec::new()));
    let noted = Arc::clone(&waits);
    let pause = Pause::new(move |wait| {
        noted.lock().unwrap().push(wait);
        Box::pin(std::future::ready(()))
    });
    (github(server, Some("t")).with_pause(pause), waits)
}

#[tokio::test]
async fn what_writes_is_sent_once() {
    let server = answering(vec![refused(502, "oh"), made()]).await;
    let github = github(&server, Some("t"));
    let refused = github.ask::<Value>(&comment()).await.unwrap_err();
    assert!(refused.is(502) && refused.is_uncertain(), "{refused:?}");
    assert_eq!(server.received_requests().await.unwrap().len(), 1);
    // What only reads is asked again.
    let found: Value = github.ask(&Ask::get(["pulls", "1"])).await.unwrap();
    assert_eq!(found["id"], 1);
}

#[tokio::test]
async fn a_limit_that_passes_soon_is_waited_for() {
    let secondary = "You have exceeded a secondary rate limit";
    let soon = refused(403, secondary).insert_header("retry-after", "7");
    let silent = refused(403, secondary);
    let server = answering(vec![soon, silent, made()]).await;
    let (github, waits) = waiting(&server);
    let done: Value = github.ask(&comment()).await.unwrap();
    assert_eq!(done["id"], 1);
    let waits = waits.lock().unwrap().clone();
    assert_eq!(waits, [Duration::from_secs(7), Duration::from_secs(60)]);
    let requests = server.received_requests().await.unwrap();
    let bodies = requests
        .iter()
        .map(|request| request.body_json::<Value>().unwrap());
    assert!(bodies.clone().all(|body| body == json!({"body": "hello"})));
    assert_eq!(requests.len(), 3);
}

#[tokio::test]
async fn a_limit_of_an_hour_is_told() {
    let spent = refused(403, "API rate limit exceeded")
        .insert_header("x-ratelimit-remaining", "0")
        .insert_header("x-ratelimit-reset", "1767229200")
        .insert_header("date", "Thu, 01 Jan 2026 00:00:00 GMT");
    let server = answering(vec![spent]).await;
    let (github, waits) = waiting(&server);
    let refused = github.ask::<Value>(&comment()).await.unwrap_err();
    let error = Error::from(refused);
    assert!(
        error.message().contains("until 2026-01-01T01:00:00Z"),
        "{error}"
    );
    assert!(waits.lock().unwrap().is_empty());
    assert_eq!(server.received_requests().await.unwrap().len(), 1);
}

#[tokio::test]
async fn a_missing_permission_is_named() {
    let server = answering(vec![refused(403, "Resource not accessible by integration")]).await;
    let refused = github(&server, Some("t"))
        .tell(&comment())
        .await
        .unwrap_err();
    let hints = Error::from(refused).hints().join(" ");
    assert!(hints.contains("`pull-requests: write`"), "{hints}");
}

#[tokio::test]
async fn a_post_is_not_turned_into_a_get() {
    let moved = ResponseTemplate::new(301).insert_header("location", "/api/v3/elsewhere");
    let server = answering(vec![moved]).await;
    let refused = github(&server, Some("t"))
        .tell(&comment())
        .await
        .unwrap_err();
    assert!(refused.is(301));
    let hints = Error::from(refused).hints().join(" ");
    assert!(hints.contains("renamed"), "{hints}");
    assert_eq!(server.received_requests().await.unwrap().len(), 1);
}

#[tokio::test]
async fn parts_of_a_path_stay_parts() {
    let server = answering(vec![made()]).await;
    let ask = Ask::get(["git", "ref", "heads/a b", "../.."]).query("q", "a&b=c");
    github(&server, None).tell(&ask).await.unwrap();
    let asked = server.received_requests().await.unwrap();
    let url = asked[0].url.as_str();
    let expected = "/api/v3/repos/me/fleet/git/ref/heads%2Fa%20b/..%2F..?q=a%26b%3Dc";
    assert!(url.ends_with(expected), "{url}");
    assert!(!asked[0].headers.contains_key("authorization"));
}

#[tokio::test]
async fn graphql_has_its_own_address_and_its_own_refusals() {
    let server = MockServer::start().await;
    let stale = json!({"data": null, "errors": [
        {"type": "STALE_DATA", "message": "Expected branch to point to a"},
    ]});
    for (name, body) in [("good", json!({"data": {"n": 5}})), ("stale", stale)] {
        let variables = json!({"name": name});
        Mock::given(method("POST"))
            .and(path("/api/graphql"))
            .and(wiremock::matchers::body_json(
                json!({"query": "query q", "variables": variables}),
            ))
            .respond_with(ResponseTemplate::new(200).set_body_json(body))
            .mount(&server)
            .await;
    }
    let github = github(&server, Some("t"));
    let ask = async |name: &str| -> Result<Value, Refused> {
        github.graphql("query q", json!({"name": name}), "").await
    };
    assert_eq!(ask("good").await.unwrap(), json!({"n": 5}));
    let refused = ask("stale").await.unwrap_err();
    assert!(refused.has("STALE_DATA"), "{refused:?}");
    assert!(!refused.is_uncertain());
    assert!(refused.said.contains("Expected branch"));
    assert!(ask("other").await.unwrap_err().is(404));
}
