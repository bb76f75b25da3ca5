use serde_json::{Value, json};
use wiremock::ResponseTemplate;

use super::*;
use crate::decide::Reading;
use crate::error::Error;
use crate::observe::metrics::testing::{
    WINDOW, access, at, leaks, only_request, parameters, secrets, serving,
};
use crate::settings::Secrets;

const QUERY: &str = "avg:trace.http.request.errors{service:podinfo}.as_count()";

fn keys() -> Secrets {
    secrets(&[
        ("datadog_api_key", "an-api-key"),
        ("datadog_application_key", "an-app-key"),
    ])
}

async fn ask(response: ResponseTemplate) -> Result<Answered> {
    let server = serving(response).await;
    let secrets = keys();
    let datadog = Datadog::new(&access("datadog", &server.uri(), &secrets)).unwrap();
    datadog.instant(QUERY, WINDOW, at()).await
}

/// An answer as Datadog documents it.
fn answer(series: Value) -> ResponseTemplate {
    ResponseTemplate::new(200).set_body_json(json!({
        "status": "ok", "res_type": "time_series", "resp_version": 1,
        "query": QUERY, "from_date": 1_699_999_400_000_i64, "to_date": 1_700_000_000_000_i64,
        "series": series, "values": [], "times": [], "message": "", "group_by": [],
    }))
}

fn series(scope: &str, points: &Value) -> Value {
    json!({
        "unit": null, "query_index": 0, "aggr": "avg", "metric": "trace.http.request.errors",
        "tag_set": [], "expression": format!("avg:trace.http.request.errors{{{scope}}}"),
        "scope": scope, "interval": 20, "length": 3, "start": 1_699_999_960_000_i64,
        "end": 1_700_000_019_000_i64, "pointlist": points, "display_name": "trace.http.request.errors",
        "attributes": {},
    })
}

async fn read(series: Value) -> String {
    ask(answer(series)).await.unwrap().reading.to_string()
}

#[tokio::test]
async fn the_question_is_of_the_last_ten_intervals() {
    let server = serving(answer(json!([]))).await;
    let secrets = keys();
    let access = access("datadog", &format!("{}/", server.uri()), &secrets);
    let datadog = Datadog::new(&access).unwrap();
    let found = datadog.instant(QUERY, WINDOW, at()).await.unwrap();
    assert_eq!(found.reading, Reading::Empty);
    let request = only_request(&server).await;
    assert_eq!(request.url.path(), "/api/v1/query");
    let expected = [
        ("query", QUERY),
        ("from", "1699999400"),
        ("to", "1700000000"),
    ];
    assert_eq!(
        parameters(&request),
        expected.map(|(a, b)| (a.to_owned(), b.to_owned()))
    );
    assert_eq!(request.headers["dd-api-key"], "an-api-key");
    assert_eq!(request.headers["dd-application-key"], "an-app-key");
    assert!(!format!("{datadog:?}").contains("-key\""));
}

#[tokio::test]
async fn the_newest_complete_point_is_judged() {
    let t = |second: i64| (1_700_000_000 - second) * 1000;
    let points = json!([[t(60), 1.0], [t(40), 2.5], [t(20), 3.0], [t(0), 0.1]]);
    assert_eq!(read(json!([series("*", &points)])).await, "3");
    let points = json!([[t(60), 1.0], [t(40), 2.5], [t(20), null]]);
    assert_eq!(read(json!([series("*", &points)])).await, "2.5");
    let shuffled = json!([[t(20), 3.0], [t(60), 1.0], [t(40), 2.5]]);
    assert_eq!(read(json!([series("*", &shuffled)])).await, "3");
    let one = json!([[t(30), 7]]);
    assert_eq!(read(json!([series("*", &one)])).await, "7");
    let filling = json!([[t(10), 7]]);
    let found = ask(answer(json!([series("*", &filling)]))).await.unwrap();
    assert_eq!(found.reading, Reading::Empty);
    assert!(
        found.warnings[0].contains("not over"),
        "{:?}",
        found.warnings
    );
}

#[tokio::test]
async fn no_data_is_never_zero() {
    assert_eq!(read(json!([])).await, "no series");
    assert_eq!(read(json!([series("*", &json!([]))])).await, "no series");
    let null = json!([[1_699_999_900_000_i64, null], [1_699_999_920_000_i64, null]]);
    assert_eq!(read(json!([series("*", &null)])).await, "no series");
}

#[tokio::test]
async fn several_series_are_named() {
    let points = json!([[1_699_999_900_000_i64, 1]]);
    let both = json!([series("host:a", &points), series("host:b", &points)]);
    assert_eq!(
        read(both).await,
        "2 series: trace.http.request.errors{host:a}, trace.http.request.errors{host:b}"
    );
}

#[tokio::test]
async fn a_missed_check_is_of_its_time() {
    let points = json!([
        [1_699_999_900_000_i64, 1],
        [1_699_999_920_000_i64, 2],
        [1_699_999_940_000_i64, 3]
    ]);
    let server = serving(answer(json!([series("*", &points)]))).await;
    let secrets = keys();
    let datadog = Datadog::new(&access("datadog", &server.uri(), &secrets)).unwrap();
    let then = Timestamp::from_second(1_699_999_945).unwrap();
    let found = datadog.instant(QUERY, WINDOW, then).await.unwrap();
    assert_eq!(found.reading, Reading::Value(2.0));
    let request = only_request(&server).await;
    assert_eq!(parameters(&request)[2].1, "1699999945");
}

async fn error_of(response: ResponseTemplate) -> (Error, String) {
    let error = ask(response).await.unwrap_err();
    let text = format!("{} {:?}", error.chain(), error.hints());
    assert!(!leaks(&keys(), "datadog", &text), "{text}");
    (error, text)
}

#[tokio::test]
async fn refusals_are_told_in_datadogs_words() {
    let refused = |status: u16, body: Value| ResponseTemplate::new(status).set_body_json(body);
    let cases = [
        (
            refused(403, json!({"status": "error", "code": 403, "errors": ["Forbidden"], "statuspage": "http://status.datadoghq.com", "twitter": "http://twitter.com/datadogops", "email": "support@datadoghq.com"})),
            "answered 403 Forbidden: Forbidden",
            "timeseries_query",
        ),
        (
            refused(400, json!({"errors": ["Error parsing query: \n unable to parse avg:x{: Rule 'scope_expr' didn't match at '' (line 1, column 7)."]})),
            "400 Bad Request: Error parsing query: unable to parse avg:x{",
            "",
        ),
        (
            refused(200, json!({"status": "error", "error": "No such metric an-app-key", "series": []})),
            "does not answer the query: No such metric ***",
            "the query: avg:trace",
        ),
        (
            refused(429, json!({"errors": ["Rate limit of 1600 requests in 3600 seconds reached. Please try again later."]}))
                .insert_header("x-ratelimit-limit", "1600")
                .insert_header("x-ratelimit-period", "3600")
                .insert_header("x-ratelimit-remaining", "0")
                .insert_header("x-ratelimit-reset", "1723"),
            "429 Too Many Requests (2 tries): Rate limit of 1600",
            "1600 in 3600 s; again in 1723 s",
        ),
        (
            refused(404, json!({"errors": ["Not found"]})),
            "404 Not Found: Not found",
            "api.datadoghq.eu",
        ),
    ];
    for (response, message, hint) in cases {
        let (_, text) = error_of(response).await;
        assert!(text.contains(message), "{text}\n{message}");
        assert!(text.contains(hint), "{text}\n{hint}");
    }
}

#[test]
fn both_keys_are_needed() {
    let secrets = secrets(&[("datadog_api_key", "a")]);
    let error = Datadog::new(&access("datadog", "http://a", &secrets)).unwrap_err();
    assert_eq!(
        error.message(),
        "the Secret metrics is not given, or has no datadog_application_key"
    );
}
