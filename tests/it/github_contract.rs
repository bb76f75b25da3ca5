//! Every question that the program can ask of GitHub's REST API is one that GitHub
//! describes.

use std::panic::{AssertUnwindSafe, catch_unwind};

use weirkeeper::github::Ask;

use crate::commit_api::client;
use crate::support::github::{GitHub, asks, contract};

#[test]
fn every_path_is_described() {
    let all = asks::all();
    assert!(all.len() >= 3, "{all:?}");
    let Some(description) = contract::description() else {
        return;
    };
    for asked in all {
        let path = asked.path();
        assert!(asked.fits(&asked.method, &path), "{path}");
        let found = contract::operation(description, &asked.method, &path);
        assert!(
            found.is_ok(),
            "{} {path}: {}",
            asked.method,
            found.unwrap_err()
        );
    }
}

#[test]
fn a_request_that_is_not_described_is_found() {
    let Some(description) = contract::description() else {
        return;
    };
    let check = |method: &str, path: &str, body: &str| {
        let checked = contract::check(description, method, path, body.as_bytes());
        checked.err().unwrap_or_default()
    };
    let deployments = "/repos/me/fleet/deployments";
    for (method, path, body, said) in [
        (
            "GET",
            "/repos/me/fleet/rules/branches/main?per_page=100",
            "",
            "",
        ),
        (
            "GET",
            "/repos/me/fleet/rules/branches/main?pages=1",
            "",
            "`pages`",
        ),
        (
            "GET",
            "/repos/me/fleet/commits?per_page=x",
            "",
            "`per_page`",
        ),
        (
            "POST",
            deployments,
            r#"{"ref": "main", "description": null}"#,
            "",
        ),
        ("POST", deployments, r#"{"ref": 1}"#, "/ref"),
        ("POST", deployments, r#"{"reff": "main"}"#, "`reff`"),
        ("POST", deployments, "{}", "required"),
        ("POST", "/repos/me/fleet/deployment", "{}", "no such path"),
        ("DELETE", deployments, "", "no such method"),
    ] {
        let found = check(method, path, body);
        assert_eq!(
            found.is_empty(),
            said.is_empty(),
            "{method} {path} {body}: {found}"
        );
        assert!(found.contains(said), "{method} {path} {body}: {found}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn such_a_request_fails_the_test_that_sends_it() {
    if contract::description().is_none() {
        return;
    }
    let github = tokio::task::block_in_place(GitHub::start);
    let ask = Ask::get(["nothing", "of", "the", "kind"]);
    let refused = client(&github).tell(&ask).await.unwrap_err();
    assert!(refused.is(500), "{refused:?}");
    let ended = catch_unwind(AssertUnwindSafe(|| drop(github)));
    let why = *ended.unwrap_err().downcast::<String>().unwrap();
    assert!(why.contains("there is no such path"), "{why}");
}
