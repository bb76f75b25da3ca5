use serde_json::{Value, json};
use wiremock::ResponseTemplate;

use super::*;
use crate::observe::metrics::testing::{
    WINDOW, access, at, leaks, only_request, parameters, secrets, serving,
};
use crate::settings::Secrets;

const QUERY: &str = r#"builtin:service.errors.total.rate:filter(eq("dt.entity.service","SERVICE-1")):splitBy():avg"#;

fn keys() -> Secrets {
    secrets(&[("dynatrace_token", "dt0c01.ABC.DEF")])
}

async fn ask(response: ResponseTemplate) -> Result<Answered> {
    let server = serving(response).await;
    let secrets = keys();
    let dynatrace = Dynatrace::new(&access("dynatrace", &server.uri(), &secrets)).unwrap();
    dynatrace.instant(QUERY, WINDOW, at()).await
}

/// An answer as Dynatrace documents it, with this `data` of one metric.
fn answer(data: Value) -> ResponseTemplate {
    ResponseTemplate::new(200).set_body_json(json!({
        "totalCount": 1, "nextPageKey": null, "resolution": "Inf",
        "result": [{
            "metricId": "builtin:service.errors.total.rate:splitBy():avg",
            "dataPointCountRatio": 3.0E-5, "dimensionCountRatio": 1.0E-4, "data": data,
        }],
    }))
}

fn tuple(service: &str, values: &Value) -> Value {
    json!({
        "dimensions": [service], "dimensionMap": {"dt.entity.service": service},
        "timestamps": [1_700_000_000_000_i64], "values": values,
    })
}

async fn read(data: Value) -> String {
    ask(answer(data)).await.unwrap().reading.to_string()
}

#[tokio::test]
async fn one_value_for_the_last_ten_intervals() {
    let server = serving(answer(json!([tuple("A", &json!([1.5]))]))).await;
    let secrets = keys();
    let address = format!("{}/e/abc", server.uri());
    let dynatrace = Dynatrace::new(&access("dynatrace", &address, &secrets)).unwrap();
    let found = dynatrace.instant(QUERY, WINDOW, at()).await.unwrap();
    assert_eq!(found.reading, Reading::Value(1.5));
    let request = only_request(&server).await;
    assert_eq!(request.url.path(), "/e/abc/api/v2/metrics/query");
    let expected = [
        ("metricSelector", QUERY),
        ("resolution", "Inf"),
        ("from", "1699999400000"),
        ("to", "1700000000000"),
    ];
    assert_eq!(
        parameters(&request),
        expected.map(|(a, b)| (a.to_owned(), b.to_owned()))
    );
    assert_eq!(request.headers["authorization"], "Api-Token dt0c01.ABC.DEF");
    assert!(!format!("{dynatrace:?}").contains("dt0c01"));
}

#[tokio::test]
async fn readings() {
    for (data, reading) in [
        (json!([]), "no series"),
        (json!([tuple("A", &json!([]))]), "no series"),
        (json!([tuple("A", &json!([null]))]), "no series"),
        (json!([tuple("A", &json!([0]))]), "0"),
        (
            json!([tuple("A", &json!([null])), tuple("B", &json!([2]))]),
            "2",
        ),
        (
            json!([tuple("A", &json!([1])), tuple("B", &json!([2]))]),
            "2 series: builtin:service.errors.total.rate:splitBy():avg{dt.entity.service=A}, \
             builtin:service.errors.total.rate:splitBy():avg{dt.entity.service=B}",
        ),
        (
            json!([tuple("A", &json!([1, 2]))]),
            "2 points instead of a number",
        ),
    ] {
        assert_eq!(read(data).await, reading);
    }
}

#[tokio::test]
async fn several_metrics_are_several_series() {
    let metric = |id: &str| json!({"metricId": id, "data": [{"dimensions": [], "dimensionMap": {}, "timestamps": [1], "values": [1]}]});
    let body = json!({"totalCount": 2, "result": [metric("a"), metric("b")]});
    let found = ask(ResponseTemplate::new(200).set_body_json(body))
        .await
        .unwrap();
    assert_eq!(found.reading.to_string(), "2 series: a, b");
}

#[tokio::test]
async fn warnings_are_kept() {
    let body = json!({
        "warnings": ["too many"],
        "result": [{"metricId": "a", "data": [], "warnings": ["The data was\nlimited"]}],
    });
    let found = ask(ResponseTemplate::new(200).set_body_json(body))
        .await
        .unwrap();
    assert_eq!(found.reading, Reading::Empty);
    assert_eq!(found.warnings, ["too many", "The data was limited"]);
}

#[tokio::test]
async fn refusals_are_told_in_dynatraces_words() {
    let refused = |status: u16, message: &str, violations: Value| {
        let mut error = json!({"code": status, "message": message});
        if violations.is_array() {
            error["constraintViolations"] = violations;
        }
        ResponseTemplate::new(status).set_body_json(json!({"error": error}))
    };
    let cases = [
        (
            refused(401, "Token Authentication failed", Value::Null),
            "Dynatrace at",
            "check the key dynatrace_token of the Secret metrics",
        ),
        (
            refused(
                403,
                "Token is missing required scope. Use one of: metrics.read (Read metrics)",
                Value::Null,
            ),
            "403 Forbidden: Token is missing required scope. Use one of: metrics.read",
            "a token with the scope metrics.read",
        ),
        (
            refused(
                404,
                "The requested metric key `a` is unknown dt0c01.ABC.DEF",
                Value::Null,
            ),
            "404 Not Found: The requested metric key `a` is unknown ***",
            "live.dynatrace.com",
        ),
        (
            refused(
                400,
                "Constraints violated.",
                json!([{"path": "metricSelector", "message": "unexpected token", "parameterLocation": "QUERY"}]),
            ),
            "400 Bad Request: Constraints violated. unexpected token",
            "",
        ),
        (
            refused(429, "Too many requests", Value::Null).insert_header("x-ratelimit-limit", "50"),
            "429 Too Many Requests (2 tries): Too many requests",
            "it is 50",
        ),
        (
            ResponseTemplate::new(200).set_body_json(json!({"results": []})),
            "is not one of Dynatrace: missing field `result`",
            "",
        ),
    ];
    for (response, message, hint) in cases {
        let error = ask(response).await.unwrap_err();
        let text = format!("{} {:?}", error.chain(), error.hints());
        assert!(
            text.contains(message) && text.contains(hint),
            "{text}\n{message}\n{hint}"
        );
        assert!(!leaks(&keys(), "dynatrace", &text), "{text}");
    }
}
