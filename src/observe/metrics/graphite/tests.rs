use wiremock::ResponseTemplate;

use super::*;
use crate::decide::Reading;
use crate::error::Kind;
use crate::observe::metrics::testing::{
    WINDOW, access, at, leaks, only_request, parameters, secrets, serving,
};
use crate::settings::Secrets;

const QUERY: &str = "target=summarize(\n  asPercent(\n    sumSeries(app.{a,b}.count),\n    sumSeries(app.*.count)\n  ), '1m', 'avg')\n";

fn keys() -> Secrets {
    secrets(&[("username", "admin"), ("password", "s3cret-pw")])
}

async fn ask(response: ResponseTemplate) -> Result<Answered> {
    let server = serving(response).await;
    let secrets = keys();
    let graphite = Graphite::new(&access("graphite", &server.uri(), &secrets)).unwrap();
    graphite.instant(QUERY, WINDOW, at()).await
}

fn answer(text: &str) -> ResponseTemplate {
    ResponseTemplate::new(200).set_body_raw(text, "application/json")
}

async fn read(points: &str) -> String {
    let text =
        format!(r#"[{{"target": "a.b", "tags": {{"name": "a.b"}}, "datapoints": {points}}}]"#);
    ask(answer(&text)).await.unwrap().reading.to_string()
}

async fn asked(query: &str) -> Vec<(String, String)> {
    let server = serving(answer("[]")).await;
    let secrets = keys();
    let address = format!("{}/graphite/", server.uri());
    let graphite = Graphite::new(&access("graphite", &address, &secrets)).unwrap();
    let found = graphite.instant(query, WINDOW, at()).await.unwrap();
    assert_eq!(found.reading, Reading::Empty);
    let request = only_request(&server).await;
    assert_eq!(request.url.path(), "/graphite/render");
    assert_eq!(
        request.headers["authorization"],
        "Basic YWRtaW46czNjcmV0LXB3"
    );
    assert!(!format!("{graphite:?}").contains("s3cret"));
    parameters(&request)
}

#[tokio::test]
async fn times_are_added_where_they_are_missing() {
    let pairs = |pairs: &[(&str, &str)]| -> Vec<(String, String)> {
        pairs
            .iter()
            .map(|(a, b)| ((*a).to_owned(), (*b).to_owned()))
            .collect()
    };
    let target =
        "summarize( asPercent( sumSeries(app.{a,b}.count), sumSeries(app.*.count) ), '1m', 'avg')";
    assert_eq!(
        asked(QUERY).await,
        pairs(&[
            ("target", target),
            ("from", "1699913600"),
            ("until", "1700000000"),
            ("now", "1700000000"),
            ("format", "json"),
        ])
    );
    assert_eq!(
        asked("target=a%26b&from=-5min&until=-1min&format=png&now=0&noNullPoints=true#x").await,
        pairs(&[
            ("target", "a&b"),
            ("from", "-5min"),
            ("until", "-1min"),
            ("noNullPoints", "true#x"),
            ("now", "1700000000"),
            ("format", "json"),
        ])
    );
}

#[tokio::test]
async fn a_long_query_is_posted() {
    let server = serving(answer("[]")).await;
    let secrets = keys();
    let graphite = Graphite::new(&access("graphite", &server.uri(), &secrets)).unwrap();
    let query = format!("target=sumSeries({})", "a.b,".repeat(600));
    graphite.instant(&query, WINDOW, at()).await.unwrap();
    let request = only_request(&server).await;
    assert_eq!(request.method.as_str(), "POST");
    let body = String::from_utf8(request.body).unwrap();
    assert!(body.starts_with("target=sumSeries%28a.b"), "{body}");
    assert!(body.ends_with("&now=1700000000&format=json"), "{body}");
}

#[tokio::test]
async fn a_query_needs_a_target() {
    let secrets = keys();
    let graphite = Graphite::new(&access("graphite", "http://127.0.0.1:1", &secrets)).unwrap();
    let error = graphite
        .instant("sumSeries(a)", WINDOW, at())
        .await
        .unwrap_err();
    assert_eq!(error.kind(), Kind::Document);
    assert!(error.message().contains("has no target"));
}

#[tokio::test]
async fn the_newest_complete_point_is_judged() {
    let base = 1_700_000_000;
    for (points, reading) in [
        // The last bucket begins at the check and is not over.
        (
            format!(
                "[[1.0, {}], [2.0, {}], [9.0, {}]]",
                base - 120,
                base - 60,
                base
            ),
            "2",
        ),
        (
            format!(
                "[[1.0, {}], [2.0, {}], [9.0, {}]]",
                base - 140,
                base - 80,
                base - 20
            ),
            "2",
        ),
        (
            format!(
                "[[1.0, {}], [2, {}], [null, {}]]",
                base - 180,
                base - 120,
                base - 60
            ),
            "2",
        ),
        (
            format!(
                "[[3, {}], [2, {}], [1, {}]]",
                base - 60,
                base - 120,
                base - 180
            ),
            "3",
        ),
        (format!("[[\"4.5\", {}]]", base - 60), "4.5"),
        (format!("[[1e9999, {}]]", base - 60), "+Inf"),
        (format!("[[null, {}]]", base - 60), "no series"),
        ("[]".to_owned(), "no series"),
        // Of ten minutes ago, and longer.
        (
            format!("[[1, {}], [null, {}]]", base - 700, base - 640),
            "no series",
        ),
        // The last whole hour.
        (
            format!(
                "[[1, {}], [2, {}], [3, {}]]",
                base - 9600,
                base - 6000,
                base - 2400
            ),
            "2",
        ),
    ] {
        assert_eq!(read(&points).await, reading, "{points}");
    }
}

#[tokio::test]
async fn several_targets_are_named() {
    let text = r#"[{"target": "a", "datapoints": [[1, 1699999940]]}, {"target": "b", "datapoints": [[2, 1699999940]]}, {"target": "c", "datapoints": [[null, 1699999940]]}]"#;
    let found = ask(answer(text)).await.unwrap();
    assert_eq!(found.reading.to_string(), "2 series: a, b");
}

#[tokio::test]
async fn a_missed_check_is_of_its_time() {
    let text = r#"[{"target": "a", "datapoints": [[1, 1699996340], [2, 1699996400], [3, 1699996460], [4, 1699999940]]}]"#;
    let server = serving(answer(text)).await;
    let secrets = keys();
    let graphite = Graphite::new(&access("graphite", &server.uri(), &secrets)).unwrap();
    let then = Timestamp::from_second(1_699_996_470).unwrap();
    let found = graphite.instant(QUERY, WINDOW, then).await.unwrap();
    assert_eq!(found.reading, Reading::Value(2.0));
    let request = only_request(&server).await;
    assert!(parameters(&request).contains(&("now".to_owned(), "1699996470".to_owned())));
}

#[tokio::test]
async fn refusals_are_told() {
    let text = |status, text: &str| ResponseTemplate::new(status).set_body_string(text);
    let cases = [
        (
            text(401, "Unauthorized YWRtaW46czNjcmV0LXB3"),
            "401 Unauthorized: Unauthorized ***",
            "check the keys username, password of the Secret metrics",
        ),
        (
            text(
                400,
                "Bad Request: Invalid target for '...': unexpected token s3cret-pw",
            ),
            "400 Bad Request: Bad Request: Invalid target for '...': unexpected token ***",
            "",
        ),
        (
            text(404, "<html>"),
            "404 Not Found",
            "the render API is looked for below the address",
        ),
        (
            ResponseTemplate::new(200).set_body_raw("<!doctype html>", "text/html"),
            "answered with a web page",
            "a login page",
        ),
        (text(200, ""), "is not one of Graphite: it is empty", ""),
        (text(200, "[{\"target\""), "the JSON ends too early", ""),
        (text(200, "{\"a\": 1}"), "invalid type: map", ""),
        (
            text(200, "[{\"target\": 1}]"),
            "the targets are not as usual",
            "",
        ),
        (
            text(200, r#"[{"target": "a", "datapoints": [["many", 1]]}]"#),
            "a point is no number",
            "",
        ),
    ];
    for (response, message, hint) in cases {
        let error = ask(response).await.unwrap_err();
        assert_eq!(error.kind(), Kind::Remote);
        let text = format!("{} {:?}", error.chain(), error.hints());
        assert!(
            text.contains(message) && text.contains(hint),
            "{text}\n{message}\n{hint}"
        );
        assert!(!text.contains("s3cret") && !text.contains("czNj"), "{text}");
    }
    assert!(leaks(&keys(), "graphite", "s3cret-pw"));
}

#[test]
fn a_secret_has_both_keys_or_is_not_named() {
    let half = secrets(&[("username", "admin")]);
    let mut access = access("graphite", "http://a", &half);
    assert!(Graphite::new(&access).is_err());
    access.keys.name = None;
    assert!(Graphite::new(&access).is_ok());
}
