use serde_json::{Value, json};
use wiremock::ResponseTemplate;

use super::*;
use crate::error::Kind;
use crate::observe::metrics::testing::{
    WINDOW, access, at, leaks, only_request, parameters, secrets, serving,
};
use crate::settings::Secrets;

const QUERY: &str = "SELECT filter(count(*), WHERE error) / count(*) * 100 FROM Transaction WHERE appName = 'podinfo'";

fn keys() -> Secrets {
    secrets(&[
        ("newrelic_account_id", "1234567"),
        ("newrelic_query_key", "NRIQ-secret"),
    ])
}

async fn ask(query: &str, response: ResponseTemplate) -> Result<Answered> {
    let server = serving(response).await;
    let secrets = keys();
    let newrelic = NewRelic::new(&access("newrelic", &server.uri(), &secrets)).unwrap();
    newrelic.instant(query, WINDOW, at()).await
}

fn answer(mut body: Value) -> ResponseTemplate {
    body["performanceStats"] = json!({"inspectedCount": 0, "wallClockTime": 1});
    body["metadata"] = json!({
        "eventTypes": ["Transaction"], "openEnded": true, "rawSince": "60 SECONDS AGO",
        "messages": [], "contents": [{"function": "average", "simple": true}],
    });
    ResponseTemplate::new(200).set_body_json(body)
}

async fn read(body: Value) -> String {
    ask(QUERY, answer(body)).await.unwrap().reading.to_string()
}

#[tokio::test]
async fn the_time_is_added_to_the_query() {
    let server = serving(answer(json!({"results": [{"result": 1.5}]}))).await;
    let secrets = keys();
    let newrelic = NewRelic::new(&access("newrelic", &server.uri(), &secrets)).unwrap();
    let found = newrelic.instant(QUERY, WINDOW, at()).await.unwrap();
    assert_eq!(found.reading, Reading::Value(1.5));
    let request = only_request(&server).await;
    assert_eq!(request.url.path(), "/v1/accounts/1234567/query");
    let nrql = format!("{QUERY}\nSINCE 1699999940000 UNTIL 1700000000000");
    assert_eq!(parameters(&request), [("nrql".to_owned(), nrql)]);
    assert_eq!(request.headers["x-query-key"], "NRIQ-secret");
    assert!(!format!("{newrelic:?}").contains("NRIQ"));
}

#[tokio::test]
async fn readings() {
    for (body, reading) in [
        (json!({"results": [{"average": 0.25}]}), "0.25"),
        (json!({"results": [{"average": null}]}), "no series"),
        (json!({"results": [{"count": 0}]}), "0"),
        (json!({"results": [{"percentiles": {"99": 0.4}}]}), "0.4"),
        (
            json!({"results": [{"percentiles": {"99": null}}]}),
            "no series",
        ),
        (
            json!({"results": [{"percentiles": {"50": 0.1, "99": 0.4}}]}),
            "2 series: 50, 99",
        ),
        (json!({"results": []}), "no series"),
        (json!({"results": [{}]}), "no series"),
        (
            json!({"results": [{"average": 1}, {"count": 2}]}),
            "2 series: average, count",
        ),
        (
            json!({"results": [{"events": [{"a": 1}]}]}),
            "`events` instead of a number",
        ),
        (
            json!({"results": [{"latest": "2.0"}]}),
            "`latest` instead of a number",
        ),
        (json!({"facets": []}), "no series"),
        (
            json!({"facets": [{"name": "a", "results": [{"count": 3}]}], "totalResult": {"results": [{"count": 3}]}}),
            "3",
        ),
        (
            json!({"facets": [{"name": "a", "results": [{"count": 3}]}, {"name": ["b", "c"], "results": [{"count": 4}]}]}),
            "2 series: a, b, c",
        ),
        (
            json!({"timeSeries": [{"results": [{"count": 1}]}], "total": {}}),
            "a time series (leave TIMESERIES out) instead of a number",
        ),
        (
            json!({"current": {"results": []}, "previous": {"results": []}}),
            "a comparison (leave COMPARE WITH out) instead of a number",
        ),
    ] {
        assert_eq!(read(body.clone()).await, reading, "{body}");
    }
}

#[tokio::test]
async fn what_new_relic_remarks_is_a_warning() {
    let body = json!({
        "results": [{"average": null}],
        "metadata": {"messages": ["No events found -- do you have the correct event type and time range?"]},
    });
    let found = ask(QUERY, ResponseTemplate::new(200).set_body_json(body)).await;
    let found = found.unwrap();
    assert_eq!(found.reading, Reading::Empty);
    assert!(found.warnings[0].starts_with("No events found"));
}

#[tokio::test]
async fn a_query_with_a_time_of_its_own_is_refused() {
    let server = serving(answer(json!({"results": [{"count": 1}]}))).await;
    let secrets = keys();
    let newrelic = NewRelic::new(&access("newrelic", &server.uri(), &secrets)).unwrap();
    let query = format!("{QUERY} since 1 hour ago");
    let error = newrelic.instant(&query, WINDOW, at()).await.unwrap_err();
    assert_eq!(error.kind(), Kind::Document);
    assert!(
        error.message().contains("the query says SINCE itself"),
        "{error}"
    );
    assert!(server.received_requests().await.unwrap().is_empty());
}

#[tokio::test]
async fn refusals_are_told_in_new_relics_words() {
    let refused = |status: u16, body: Value| ResponseTemplate::new(status).set_body_json(body);
    let cases = [
        (
            refused(403, json!({"error": "Invalid query key NRIQ-secret"})),
            "403 Forbidden: Invalid query key ***",
            "check the keys newrelic_account_id, newrelic_query_key of the Secret metrics; it needs a query key",
        ),
        (
            refused(
                400,
                json!({"error": "Error at line 1 position 8, unexpected 'fro'", "metadata": {}}),
            ),
            "400 Bad Request: Error at line 1 position 8, unexpected 'fro'",
            "",
        ),
        (
            refused(404, json!({"error": {"title": "Not Found"}})),
            "404 Not Found: Not Found",
            "insights-api.eu.newrelic.com",
        ),
        (
            refused(429, json!({"error": "Rate limit"})).insert_header("retry-after", "60"),
            "429 Too Many Requests: Rate limit",
            "again in 60 s",
        ),
        (
            refused(200, json!({"metadata": {}})),
            "it has no results",
            "",
        ),
        (
            refused(200, json!({"results": 1})),
            "is not one of New Relic: invalid type",
            "",
        ),
    ];
    for (response, message, hint) in cases {
        let error = ask(QUERY, response).await.unwrap_err();
        let text = format!("{} {:?}", error.chain(), error.hints());
        assert!(
            text.contains(message) && text.contains(hint),
            "{text}\n{message}\n{hint}"
        );
        assert!(!text.contains("NRIQ"), "{text}");
    }
    assert!(leaks(&keys(), "newrelic", "NRIQ-secret"));
}

#[test]
fn the_account_is_a_number() {
    for account in ["12/../34", "me@x", "1 2"] {
        let secrets = secrets(&[
            ("newrelic_account_id", account),
            ("newrelic_query_key", "a"),
        ]);
        let error = NewRelic::new(&access("newrelic", "http://a", &secrets)).unwrap_err();
        assert!(
            error.message().contains("not the number of an account"),
            "{error}"
        );
    }
}
