use std::sync::{Arc, Mutex};
use std::time::Duration;

use serde_json::json;
use wiremock::matchers::{method, path, query_param};
use wiremock::{Mock, MockServer, ResponseTemplate};

use super::*;
use crate::decide::Reading;
use crate::error::Kind;
use crate::http::{Cause, Failure, Retry};

mod requests;

type Waits = Arc<Mutex<Vec<Duration>>>;

fn at() -> Timestamp {
    "2026-01-02T03:04:05.678Z".parse().unwrap()
}

fn config(address: &str) -> PrometheusConfig {
    PrometheusConfig {
        environment_proxies: false,
        ..PrometheusConfig::new(address.parse().unwrap())
    }
}

/// A client that notes its waits instead of waiting.
fn client(config: &PrometheusConfig) -> (Prometheus, Waits) {
    let waits = Waits::default();
    let noted = Arc::clone(&waits);
    let prometheus = Prometheus::new(config).unwrap();
    let prometheus = prometheus.with_pause(Pause::new(move |wait| {
        noted.lock().unwrap().push(wait);
        Box::pin(std::future::ready(()))
    }));
    (prometheus, waits)
}

async fn serving(response: ResponseTemplate) -> (MockServer, Prometheus) {
    let server = MockServer::start().await;
    Mock::given(path("/api/v1/query"))
        .respond_with(response)
        .mount(&server)
        .await;
    let prometheus = client(&config(&server.uri())).0;
    (server, prometheus)
}

fn body(kind: &str, result: serde_json::Value) -> ResponseTemplate {
    let data = json!({"resultType": kind, "result": result});
    ResponseTemplate::new(200).set_body_json(json!({"status": "success", "data": data}))
}

fn sample(value: &str) -> ResponseTemplate {
    body(
        "vector",
        json!([{"metric": {}, "value": [1700000000.1, value]}]),
    )
}

#[tokio::test]
async fn readings() {
    let text = |text: &str| text.to_owned();
    let cases = [
        (sample("99.97"), Reading::Value(99.97)),
        (sample("-0.5e-3"), Reading::Value(-0.0005)),
        (sample("NaN"), Reading::Nan),
        (sample("+Inf"), Reading::Infinite(f64::INFINITY)),
        (sample("-Inf"), Reading::Infinite(f64::NEG_INFINITY)),
        (body("vector", json!([])), Reading::Empty),
        (
            body("scalar", json!([1700000000, "3"])),
            Reading::Value(3.0),
        ),
        (body("scalar", json!([1700000000, "NaN"])), Reading::Nan),
        (
            body("string", json!([1700000000, "hi"])),
            Reading::WrongType(text("a text")),
        ),
        (
            body("matrix", json!([{"metric": {}, "values": [[1, "2"]]}])),
            Reading::WrongType(text("a range of samples (matrix)")),
        ),
        (
            body("streams", json!([])),
            Reading::WrongType(text("`streams`")),
        ),
        (
            body(
                "vector",
                json!([{"metric": {}, "histogram": [1, {"count": "3", "buckets": []}]}]),
            ),
            Reading::WrongType(text("a native histogram")),
        ),
        (
            body(
                "vector",
                json!([
                    {"metric": {"__name__": "up", "job": "a\"b"}, "value": [1, "1"]},
                    {"metric": {"__name__": "up"}, "value": [1, "NaN"]},
                    {"metric": {"a": "1", "b": "2"}, "value": [1, "1"]},
                    {"metric": {}, "histogram": [1, {}]},
                ]),
            ),
            Reading::Several(vec![
                text(r#"up{job="a\"b"}"#),
                text("up"),
                text(r#"{a="1", b="2"}"#),
                text("{}"),
            ]),
        ),
    ];
    for (response, expected) in cases {
        let (_server, prometheus) = serving(response).await;
        let found = prometheus.instant("up", at()).await.unwrap();
        // By their text, because NaN is equal to nothing.
        assert_eq!(format!("{:?}", found.reading), format!("{expected:?}"));
    }
}

#[tokio::test]
async fn warnings_are_kept() {
    let (_server, prometheus) = serving(ResponseTemplate::new(200).set_body_json(json!({
        "status": "success",
        "data": {"resultType": "vector", "result": []},
        "warnings": ["store b is down"],
        "infos": ["not a counter"],
    })))
    .await;
    let found = prometheus.instant("up", at()).await.unwrap();
    assert_eq!(found.warnings, ["store b is down"]);
    assert_eq!(found.infos, ["not a counter"]);
}

/// The error of an answer, as `chain` and hints.
async fn error_of(response: ResponseTemplate) -> (String, String) {
    let (server, prometheus) = serving(response).await;
    let error = prometheus
        .instant("sum(\n  up{a=\"b  c\"}\n)", at())
        .await
        .unwrap_err();
    assert_eq!(error.kind(), Kind::Remote);
    (
        error.chain().replace(&server.uri(), "ADDRESS"),
        error.hints().join("\n"),
    )
}

#[tokio::test]
async fn answers_that_are_none() {
    let page = "<!DOCTYPE html>\n<title>Sign in</title>";
    let refused = |status, kind: &str, text: &str| {
        ResponseTemplate::new(status)
            .set_body_json(json!({"status": "error", "errorType": kind, "error": text}))
    };
    let text = |status, text: &str| ResponseTemplate::new(status).set_body_string(text);
    let cases = [
        (
            ResponseTemplate::new(200).set_body_raw(page, "text/html"),
            "ADDRESS/ answered with a web page: <!DOCTYPE html>",
            "a login page",
        ),
        (
            text(200, "\n <html>"),
            "answered with a web page: <html>",
            "wrong path",
        ),
        (
            text(200, r#"{"status":"success","data":{"resu"#),
            "is not one of Prometheus: the JSON ends too early",
            "it begins with: {\"status\"",
        ),
        (text(200, ""), "the JSON ends too early", ""),
        (
            text(200, "hello"),
            "is not one of Prometheus: expected value at line 1",
            "it begins with: hello",
        ),
        (text(200, "{}"), "missing field `status`", ""),
        (
            text(200, r#"{"status":"success"}"#),
            "`data` is missing",
            "",
        ),
        (sample("many"), "the sample `many` is not a number", ""),
        (body("vector", json!({})), "invalid type: map", ""),
        (
            refused(200, "internal", "no"),
            "does not answer the query: internal: no",
            "the query: sum( up{a=\"b c\"} )",
        ),
        (
            refused(400, "bad_data", "1:4: parse error"),
            "Prometheus at ADDRESS/ does not answer the query: bad_data: 1:4: parse error",
            "the query: sum(",
        ),
        (
            refused(422, "execution", "many-to-many"),
            "execution: many-to-many",
            "the query: ",
        ),
        (
            refused(503, "timeout", "query timed out"),
            "does not answer the query (3 tries): timeout: query timed out",
            "takes less time",
        ),
        (
            text(400, "bad\u{1b}[31m\nsecond"),
            "answered 400 Bad Request: bad[31m",
            "",
        ),
        (
            text(401, "who?"),
            "answered 401 Unauthorized: who?",
            "none were sent",
        ),
        (text(403, ""), "answered 403 Forbidden", "none were sent"),
        (
            text(404, "404 page not found"),
            "answered 404 Not Found: 404 page not found",
            "is a path missing",
        ),
        (
            text(500, "oops"),
            "answered 500 Internal Server Error: oops",
            "",
        ),
        (text(502, ""), "answered 502 Bad Gateway (3 tries)", ""),
        (
            text(429, "slow down"),
            "answered 429 Too Many Requests (3 tries): slow down",
            "too many queries",
        ),
        (
            ResponseTemplate::new(302)
                .insert_header("location", "https://me:pw@login.example/?token=t0k"),
            "answered 302 Found",
            "https://***@login.example/?token=***:",
        ),
    ];
    for (response, chain, hint) in cases {
        let (found, hints) = error_of(response).await;
        assert!(found.contains(chain), "{found}\nshould have {chain}");
        assert!(hints.contains(hint), "{found}: {hints}\nshould have {hint}");
    }
}

#[tokio::test]
async fn a_huge_body_is_not_read() {
    let (found, hints) =
        error_of(ResponseTemplate::new(200).set_body_bytes(vec![b' '; (8 << 20) + 1])).await;
    assert_eq!(
        found,
        "no usable answer from Prometheus at ADDRESS/: the answer is larger than 8388608 bytes"
    );
    assert!(hints.contains("aggregate"), "{hints}");
}

#[tokio::test]
async fn a_slow_answer_is_not_awaited() {
    let server = MockServer::start().await;
    let slow = sample("1").set_delay(Duration::from_secs(600));
    Mock::given(method("GET"))
        .respond_with(slow)
        .expect(2)
        .mount(&server)
        .await;
    let mut config = config(&server.uri());
    config.timeout = Duration::from_millis(50);
    config.retry.tries = 2;
    let (prometheus, waits) = client(&config);
    let error = prometheus.instant("up", at()).await.unwrap_err();
    assert!(
        error.chain().ends_with("no answer in time, 2 tries"),
        "{}",
        error.chain()
    );
    assert_eq!(waits.lock().unwrap().len(), 1);
}

#[tokio::test]
async fn a_refused_connection_is_tried_again() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let free = listener.local_addr().unwrap();
    drop(listener);
    let (prometheus, waits) = client(&config(&format!("http://{free}")));
    let error = prometheus.instant("up", at()).await.unwrap_err();
    assert!(
        error.chain().contains("the connection was refused"),
        "{}",
        error.chain()
    );
    assert!(error.chain().ends_with("3 tries"), "{}", error.chain());
    assert_eq!(
        error.hints(),
        ["is Prometheus running there, on this port?"]
    );
    assert_eq!(waits.lock().unwrap().len(), 2);
}

#[test]
fn names_inside_the_cluster_get_a_hint() {
    let hint = |host: &str, cause| {
        let (prometheus, _) = client(&config(&format!("http://{host}:9090")));
        let failure = Failure {
            url: String::new(),
            cause,
            detail: String::new(),
            tries: 1,
        };
        let error = Question::new(&prometheus, "up").unanswered(failure);
        error.hints()[0].contains("looks like a name inside the cluster")
    };
    assert!(hint("prometheus.monitoring", Cause::Dns));
    assert!(hint("prometheus.monitoring.svc", Cause::Timeout));
    assert!(hint(
        "prometheus.monitoring.svc.cluster.local",
        Cause::Connect
    ));
    assert!(hint("prometheus", Cause::Timeout));
    assert!(!hint("prometheus.example.org", Cause::Dns));
    assert!(!hint("example.org", Cause::Timeout));
    assert!(!hint("localhost", Cause::Connect));
    assert!(!hint("10.0.0.1", Cause::Timeout));
    assert!(!hint("prometheus", Cause::Refused));
}

#[tokio::test]
async fn ranges_are_read_by_time() {
    let server = MockServer::start().await;
    Mock::given(path("/api/v1/query_range"))
        .and(query_param("start", "1700000000.000"))
        .and(query_param("end", "1700000060.000"))
        .and(query_param("step", "30.000"))
        .respond_with(body("matrix", json!([
            {"metric": {"a": "1"}, "values": [[1700000000, "1"], [1700000030, "NaN"]]},
            {"metric": {"a": "2"}, "values": [[1700000000, "2"]], "histograms": [[1700000060, {"count": "1"}]]},
        ])))
        .mount(&server)
        .await;
    let (prometheus, _) = client(&config(&server.uri()));
    let time = |second| Timestamp::from_second(second).unwrap();
    let (start, end) = (time(1_700_000_000), time(1_700_000_060));
    let found = prometheus
        .range("up", start, end, SignedDuration::from_secs(30))
        .await
        .unwrap();
    assert_eq!(found.series.len(), 2);
    assert_eq!(
        found.reading_at(start),
        Reading::Several(vec![r#"{a="1"}"#.into(), r#"{a="2"}"#.into()])
    );
    assert!(matches!(
        found.reading_at(time(1_700_000_030)),
        Reading::Nan
    ));
    assert!(matches!(found.reading_at(end), Reading::WrongType(_)));
    assert_eq!(found.reading_at(time(1_700_000_031)), Reading::Empty);
}

#[tokio::test]
async fn a_range_is_a_matrix() {
    let server = MockServer::start().await;
    Mock::given(method("GET"))
        .respond_with(sample("1"))
        .mount(&server)
        .await;
    let (prometheus, _) = client(&config(&server.uri()));
    let error = prometheus
        .range("up", at(), at(), SignedDuration::from_secs(1))
        .await
        .unwrap_err();
    assert!(
        error.message().contains("a `vector` answers a range query"),
        "{error}"
    );
}

#[tokio::test]
async fn a_long_range_is_asked_in_parts() {
    let server = MockServer::start().await;
    let start = 1_700_000_000;
    for (from, to, values) in [
        (
            start,
            start + 10_000,
            json!([[start, "1"], [start + 10_000, "2"]]),
        ),
        (
            start + 10_001,
            start + 12_000,
            json!([[start + 12_000, "3"]]),
        ),
    ] {
        let data =
            json!({"resultType": "matrix", "result": [{"metric": {"a": "1"}, "values": values}]});
        let answer = json!({"status": "success", "data": data, "warnings": ["partial"]});
        Mock::given(path("/api/v1/query_range"))
            .and(query_param("start", format!("{from}.000")))
            .and(query_param("end", format!("{to}.000")))
            .respond_with(ResponseTemplate::new(200).set_body_json(answer))
            .expect(1)
            .mount(&server)
            .await;
    }
    let (prometheus, _) = client(&config(&server.uri()));
    let time = |second| Timestamp::from_second(second).unwrap();
    let step = SignedDuration::from_secs(1);
    let found = prometheus
        .range("up", time(start), time(start + 12_000), step)
        .await
        .unwrap();
    assert_eq!(found.warnings, ["partial"]);
    assert_eq!(found.series.len(), 1);
    let values: Vec<f64> = found.series[0]
        .points
        .iter()
        .map(|(_, value)| *value)
        .collect();
    assert_eq!(values, [1.0, 2.0, 3.0]);
    let error = prometheus
        .range("up", at(), at(), SignedDuration::ZERO)
        .await
        .unwrap_err();
    assert_eq!(error.kind(), Kind::Internal);
}
