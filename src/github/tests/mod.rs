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

/// A client that writes its waits down, and the waits.
fn waiting(server: &MockServer) -> (GitHub, std::sync::Arc<Mutex<Vec<Duration>>>) {
    let waits = std::sync::Arc::new(Mutex::new(Vec::new()));
    let noted = std::sync::Arc::clone(&waits);
    let pause = Pause::new(move |wait| {
        noted.lock().unwrap().push(wait);
        Box::pin(std::future::ready(()))
    });
    (github(server, Some("t")).with_pause(pause), waits)
}

/// Answers `first` once, then with the commit `abc`.
async fn then_made(first: ResponseTemplate) -> MockServer {
    let server = MockServer::start().await;
    Mock::given(method("POST"))
        .and(path("/api/graphql"))
        .respond_with(first)
        .up_to_n_times(1)
        .mount(&server)
        .await;
    let made = json!({"data": {"createCommitOnBranch": {"commit": {"oid": "abc"}}}});
    Mock::given(method("POST"))
        .respond_with(ResponseTemplate::new(200).set_body_json(made))
        .mount(&server)
        .await;
    server
}

fn new_commit() -> NewCommit<'static> {
    NewCommit {
        branch: "main",
        expected: COMMIT,
        message: "headline\n\nbody\n\nKey: v\n",
        additions: vec![("a", b"x")],
        deletions: vec!["b"],
    }
}

#[tokio::test]
async fn a_commit_says_what_it_builds_on() {
    let server = then_made(ResponseTemplate::new(500)).await;
    let github = github(&server, Some("t"));
    // Nobody knows what became of it, so the client does not send it again.
    let refused = github.commit_on_branch(&new_commit()).await.unwrap_err();
    assert!(refused.is_uncertain() && refused.is(500), "{refused:?}");
    assert_eq!(github.commit_on_branch(&new_commit()).await.unwrap(), "abc");
    let requests = server.received_requests().await.unwrap();
    assert_eq!(requests.len(), 2);
    let body: Value = serde_json::from_slice(&requests[1].body).unwrap();
    let input = json!({
        "branch": {"repositoryNameWithOwner": "me/fleet", "branchName": "main"},
        "expectedHeadOid": COMMIT,
        "message": {"headline": "headline", "body": "body\n\nKey: v"},
        "fileChanges": {
            "additions": [{"path": "a", "contents": "eA=="}],
            "deletions": [{"path": "b"}],
        },
    });
    assert_eq!(body["variables"], json!({"input": input}));
}

#[tokio::test]
async fn limits_that_pass_soon_are_waited_for() {
    let date = ("date", "Thu, 01 Jan 2026 00:00:00 GMT");
    let limited = |headers: &[(&'static str, &'static str)], text: &str| {
        let body = json!({"message": text});
        let response = ResponseTemplate::new(403).set_body_json(body);
        let mut all = headers.iter().chain([&date]);
        all.try_fold(response, |response, (name, value)| {
            Some(response.insert_header(*name, *value))
        })
        .unwrap()
    };
    let spent = ("x-ratelimit-remaining", "0");
    for (response, waited) in [
        (
            limited(&[("retry-after", "7")], "secondary rate limit"),
            Some(7),
        ),
        (
            limited(&[], "You have exceeded a secondary rate limit."),
            Some(60),
        ),
        // 2026-01-01T00:00:20Z, by the clock of the answer.
        (
            limited(
                &[spent, ("x-ratelimit-reset", "1767225620")],
                "API rate limit exceeded",
            ),
            Some(20),
        ),
        // Ten minutes are too long.
        (
            limited(
                &[spent, ("x-ratelimit-reset", "1767226200")],
                "API rate limit exceeded",
            ),
            None,
        ),
        (
            limited(&[("retry-after", "3600")], "secondary rate limit"),
            None,
        ),
        (limited(&[], "Resource not accessible"), None),
    ] {
        let server = then_made(response).await;
        let (github, waits) = waiting(&server);
        let made = github.commit_on_branch(&new_commit()).await;
        assert_eq!(made.is_ok(), waited.is_some(), "{made:?}");
        let waits: Vec<u64> = waits
            .lock()
            .unwrap()
            .iter()
            .map(Duration::as_secs)
            .collect();
        assert_eq!(waits, waited.into_iter().collect::<Vec<_>>());
    }
}

#[tokio::test]
async fn refusals_of_graphql_are_told_apart() {
    let error = |kind: &str, text: &str| json!({"errors": [{"type": kind, "message": text}]});
    let broken = "Something went wrong while executing your query. Please include `1:2`.";
    for (body, stale, uncertain, said) in [
        (
            error("STALE_DATA", "Expected branch to point to x"),
            true,
            false,
            "Expected",
        ),
        (
            error("", "Expected branch to point to x but it did not"),
            true,
            false,
            "Expected",
        ),
        (error("FORBIDDEN", "no"), false, false, "contents: write"),
        (
            error("RATE_LIMITED", "no"),
            false,
            false,
            "no more requests until 2026-01-01T00:00:00Z",
        ),
        (
            json!({"errors": [{"message": broken}]}),
            false,
            true,
            "went wrong",
        ),
        (
            json!({"data": {"createCommitOnBranch": null}}),
            false,
            true,
            "not one of GitHub",
        ),
        (json!("<html>"), false, true, "not one of GitHub"),
    ] {
        let answer = ResponseTemplate::new(200).set_body_json(&body);
        let server = then_made(answer.insert_header("x-ratelimit-reset", "1767225600")).await;
        let refused = github(&server, Some("t"))
            .commit_on_branch(&new_commit())
            .await;
        let refused = refused.unwrap_err();
        assert_eq!(
            (refused.is_stale(), refused.is_uncertain()),
            (stale, uncertain),
            "{body}"
        );
        let error = Error::from(refused);
        let all = format!("{} {}", error.chain(), error.hints().join(" "));
        assert!(all.contains(said), "{all}");
    }
}

#[tokio::test]
async fn an_answer_that_does_not_come_in_time() {
    let late = ResponseTemplate::new(200).set_delay(Duration::from_millis(500));
    let server = then_made(late).await;
    let options = Options {
        timeout: Duration::from_millis(50),
        environment_proxies: false,
        ..Options::default()
    };
    let github = github(&server, Some("t")).with_options(options);
    let refused = github.commit_on_branch(&new_commit()).await.unwrap_err();
    assert!(refused.unanswered && refused.is_uncertain(), "{refused:?}");
    assert_eq!(server.received_requests().await.unwrap().len(), 1);
}

#[tokio::test]
async fn conflicts_and_what_cannot_be_processed() {
    let empty = json!({"message": "Git Repository is empty."});
    let server = answering(ResponseTemplate::new(409).set_body_json(empty)).await;
    let refused = github(&server, Some("t"))
        .last_commits("main")
        .await
        .unwrap_err();
    assert!(refused.is(409) && !refused.is_uncertain(), "{refused:?}");
    assert_eq!(refused.said, "Git Repository is empty.");
    let invalid = json!({
        "message": "Validation Failed",
        "errors": [{"resource": "Rule", "code": "missing_field", "message": "no branch"}],
    });
    let server = answering(ResponseTemplate::new(422).set_body_json(invalid)).await;
    let refused = github(&server, Some("t")).rules("main").await.unwrap_err();
    assert!(
        refused.is(422) && refused.has("missing_field"),
        "{refused:?}"
    );
    assert_eq!(refused.said, "Validation Failed; no branch");
    // What only reads is asked again.
    let server = answering(ResponseTemplate::new(503)).await;
    let refused = github(&server, Some("t")).rules("a/b").await.unwrap_err();
    assert!(refused.is(503), "{refused:?}");
    let requests = server.received_requests().await.unwrap();
    assert_eq!(requests.len(), 3);
    assert!(
        requests[0].url.path().ends_with("/rules/branches/a%2Fb"),
        "{}",
        requests[0].url
    );
}

#[test]
fn rules_say_what_they_ask_for() {
    let rule = |kind: &str, parameters: Value| {
        let rule = json!({"type": kind, "parameters": parameters, "ruleset_id": 7,
            "ruleset_source_type": "Enterprise", "ruleset_source": "acme"});
        serde_json::from_value::<Rule>(rule).unwrap()
    };
    let negated = json!({"operator": "ends_with", "pattern": "@acme.example", "negate": true});
    for (rule, way, said) in [
        (
            rule("creation", Value::Null),
            Some(Way::Bypass),
            "create the branch",
        ),
        (
            rule("update", Value::Null),
            Some(Way::Bypass),
            "nobody to push",
        ),
        (
            rule("max_file_path_length", json!({"max_file_path_length": 9})),
            Some(Way::Bypass),
            "at most 9 characters",
        ),
        (
            rule("commit_author_email_pattern", negated),
            Some(Way::Commit),
            "not ends with `@acme.example`",
        ),
        (
            rule(
                "file_extension_restriction",
                json!({"restricted_file_extensions": [".exe"]}),
            ),
            Some(Way::Bypass),
            "no file `.exe`",
        ),
        (
            rule("a_new_one", json!({"x": 1})),
            Some(Way::Bypass),
            "`a_new_one` of ruleset 7 of the enterprise acme",
        ),
        (rule("required_linear_history", Value::Null), None, "linear"),
    ] {
        assert_eq!(rule.way(), way, "{rule}");
        assert!(rule.to_string().contains(said), "{rule}");
    }
    let alone: Rule = serde_json::from_value(json!({"type": "update"})).unwrap();
    assert!(
        alone
            .to_string()
            .starts_with("rule `update` asks for nobody"),
        "{alone}"
    );
}
