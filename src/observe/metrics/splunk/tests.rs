use serde_json::json;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;
use wiremock::ResponseTemplate;

use super::*;
use crate::decide::Reading;
use crate::error::Kind;
use crate::observe::metrics::testing::{
    WINDOW, access, at, leaks, only_request, parameters, secrets, serving,
};
use crate::settings::Secrets;

const QUERY: &str = "A = data('http.errors', filter=filter('app', 'podinfo')).sum()\nA.publish()";

fn keys() -> Secrets {
    secrets(&[("sf_token_key", "sf-t0ken")])
}

/// An event as SignalFlow writes it: pretty JSON over several lines.
fn event(kind: &str, data: &Value) -> String {
    let text = serde_json::to_string_pretty(data).unwrap();
    let lines: Vec<String> = text.lines().map(|line| format!("data: {line}")).collect();
    format!("event: {kind}\n{}\n\n", lines.join("\n"))
}

fn control(name: &str) -> String {
    event(
        "control-message",
        &json!({"event": name, "timestampMs": 1_700_000_000_000_i64}),
    )
}

fn data(second: i64, values: &[(&str, Value)]) -> String {
    let all = values.iter();
    let all: Vec<Value> = all
        .map(|(id, value)| json!({"tsId": id, "value": value}))
        .collect();
    event(
        "data",
        &json!({
            "data": all, "logicalTimestampMs": (1_700_000_000 + second) * 1000, "maxDelayMs": 0,
        }),
    )
}

fn metadata(id: &str, host: &str) -> String {
    event(
        "metadata",
        &json!({"tsId": id, "properties": {
            "sf_key": ["sf_originatingMetric", "sf_metric", "host"], "sf_metric": "_SF_COMP",
            "sf_originatingMetric": "http.errors", "sf_streamLabel": "A", "host": host,
            "sf_resolutionMs": 10000,
        }}),
    )
}

/// The events of a whole computation around `inner`.
fn computation(inner: &str) -> String {
    let resolution = event(
        "message",
        &json!({"logicalTimestampMs": 1, "message": {
            "messageCode": "JOB_RUNNING_RESOLUTION", "messageLevel": "INFO", "numInputTimeSeries": 0,
            "contents": {"resolutionMs": 10000},
        }}),
    );
    format!(
        "{}{}{resolution}{inner}{}",
        control("STREAM_START"),
        control("JOB_START"),
        control("END_OF_CHANNEL")
    )
}

fn answer(text: &str) -> ResponseTemplate {
    ResponseTemplate::new(200).set_body_raw(text, "text/event-stream")
}

async fn ask(response: ResponseTemplate) -> Result<Answered> {
    let server = serving(response).await;
    let secrets = keys();
    let splunk = Splunk::new(&access("splunk", &server.uri(), &secrets)).unwrap();
    splunk.instant(QUERY, WINDOW, at()).await
}

async fn read(inner: &str) -> String {
    let answered = ask(answer(&computation(inner))).await.unwrap();
    answered.reading.to_string()
}

#[tokio::test]
async fn the_program_runs_over_the_last_ten_intervals() {
    let server = serving(answer(&computation(""))).await;
    let secrets = keys();
    let splunk = Splunk::new(&access("splunk", &server.uri(), &secrets)).unwrap();
    let found = splunk.instant(QUERY, WINDOW, at()).await.unwrap();
    assert_eq!(found.reading, Reading::Empty);
    let request = only_request(&server).await;
    assert_eq!(request.method.as_str(), "POST");
    assert_eq!(request.url.path(), "/v2/signalflow/execute");
    let expected = [
        ("start", "1699999400000"),
        ("stop", "1700000000000"),
        ("immediate", "true"),
    ];
    assert_eq!(
        parameters(&request),
        expected.map(|(a, b)| (a.to_owned(), b.to_owned()))
    );
    assert_eq!(request.headers["x-sf-token"], "sf-t0ken");
    assert_eq!(request.headers["content-type"], "text/plain");
    assert_eq!(String::from_utf8(request.body).unwrap(), QUERY);
    assert!(!format!("{splunk:?}").contains("sf-t0ken"));
}

#[tokio::test]
async fn readings() {
    let name = metadata("AAA", "a");
    for (inner, reading) in [
        (String::new(), "no series"),
        (name.clone(), "no series"),
        (
            format!("{name}{}", data(-20, &[("AAA", json!(1.5))])),
            "1.5",
        ),
        (data(-20, &[("AAA", json!(2))]), "2"),
        (
            format!(
                "{}{}{}",
                data(-30, &[("AAA", json!(1))]),
                data(-20, &[("AAA", json!(2))]),
                data(0, &[("AAA", json!(9))])
            ),
            "2",
        ),
        (
            format!(
                "{}{}",
                data(-20, &[("AAA", json!(2))]),
                data(-30, &[("AAA", json!(1))])
            ),
            "2",
        ),
        (
            format!(
                "{}{}",
                data(-30, &[("AAA", json!(1))]),
                data(-20, &[("AAA", Value::Null)])
            ),
            "1",
        ),
        (data(-20, &[("AAA", json!("NaN"))]), "no series"),
        (data(-20, &[]), "no series"),
        (
            format!(
                "{name}{}{}",
                metadata("BBB", "b"),
                data(-20, &[("AAA", json!(1)), ("BBB", json!(1))])
            ),
            "2 series: A{host=a}, A{host=b}",
        ),
        // Two batches of one time.
        (
            format!(
                "{}{}",
                data(-20, &[("AAA", json!(1))]),
                data(-20, &[("BBB", json!(1))])
            ),
            "2 series: AAA, BBB",
        ),
    ] {
        assert_eq!(read(&inner).await, reading, "{inner}");
    }
}

#[tokio::test]
async fn a_missed_check_is_of_its_time() {
    let inner = format!(
        "{}{}",
        data(-3600, &[("AAA", json!(3))]),
        data(-3590, &[("AAA", json!(4))])
    );
    let server = serving(answer(&computation(&inner))).await;
    let secrets = keys();
    let splunk = Splunk::new(&access("splunk", &server.uri(), &secrets)).unwrap();
    let then = Timestamp::from_second(1_700_000_000 - 3585).unwrap();
    let found = splunk.instant(QUERY, WINDOW, then).await.unwrap();
    assert_eq!(found.reading, Reading::Value(3.0));
    let stop = &parameters(&only_request(&server).await)[1].1;
    assert_eq!(stop, "1699996415000");
}

#[tokio::test]
async fn what_the_computation_remarks_is_a_warning() {
    let nothing = event(
        "message",
        &json!({"logicalTimestampMs": 1, "message": {"messageCode": "FIND_MATCHED_NO_TIMESERIES"}}),
    );
    let found = ask(answer(&computation(&nothing))).await.unwrap();
    assert_eq!(found.warnings, ["find matched no timeseries"]);
}

#[tokio::test]
async fn refusals_are_told_in_splunks_words() {
    let start = control("STREAM_START");
    let cases = [
        (
            ResponseTemplate::new(401).set_body_json(json!({"code": 401, "message": "Invalid token sf-t0ken", "errorType": "AUTH"})),
            "401 Unauthorized: Invalid token ***",
            "check the key sf_token_key of the Secret metrics",
        ),
        (
            ResponseTemplate::new(400).set_body_json(json!({"code": 400, "message": "Program contains errors", "errorType": "ANALYTICS_PROGRAM_SYNTAX_ERROR"})),
            "400 Bad Request: Program contains errors",
            "",
        ),
        (
            ResponseTemplate::new(404),
            "404 Not Found",
            "https://stream.us1.signalfx.com",
        ),
        (
            answer(&format!("{start}{}", event("error", &json!({"errors": [{"code": "ANALYTICS_PROGRAM_NAME_ERROR", "context": {"name": "sumx"}}]})))),
            "does not answer the query: ANALYTICS_PROGRAM_NAME_ERROR {\"name\":\"sumx\"}",
            "the query: A = data(",
        ),
        (
            answer(&format!("{start}{}", event("error", &json!({"error": 400, "errorType": "ANALYTICS_INTERNAL_ERROR", "message": "line 1: sf-t0ken"})))),
            "does not answer the query: line 1: ***",
            "",
        ),
        (
            answer(&format!("{start}{}", event("control-message", &json!({"event": "CHANNEL_ABORT", "timestampMs": 1, "abortInfo": {"sf_job_abortState": "UNKNOWN", "sf_job_abortReason": "Too many time series"}})))),
            "the computation was aborted: Too many time series",
            "",
        ),
        (
            answer(&format!("{start}{}", data(-20, &[("AAA", json!(1))]))),
            "the stream ends before the computation",
            "",
        ),
        (answer(""), "the stream ends before the computation", ""),
        (
            answer(&computation("event: data\ndata: {\"data\": 1}\n\n")),
            "an event is invalid type",
            "",
        ),
        (
            ResponseTemplate::new(200).set_body_raw("<html>", "text/html"),
            "answered with a web page",
            "",
        ),
    ];
    for (response, message, hint) in cases {
        let error = ask(response).await.unwrap_err();
        assert_eq!(error.kind(), Kind::Remote);
        let text = format!("{} {}", error.chain(), error.hints().join("\n"));
        assert!(
            text.contains(message) && text.contains(hint),
            "{text}\n{message}\n{hint}"
        );
        assert!(!leaks(&keys(), "splunk", &text), "{text}");
    }
}

#[tokio::test]
async fn a_connection_that_stays_open_is_not_waited_for() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap());
    let body = computation(&data(-20, &[("AAA", json!(7))]));
    let server = tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        let mut request = [0; 4096];
        let read = stream.read(&mut request).await.unwrap();
        assert!(read > 0);
        let head = "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n";
        let chunk = format!("{head}{:x}\r\n{body}\r\n", body.len());
        stream.write_all(chunk.as_bytes()).await.unwrap();
        // The end never comes.
        std::future::pending::<()>().await;
    });
    let secrets = keys();
    let splunk = Splunk::new(&access("splunk", &address, &secrets)).unwrap();
    let found = splunk.instant(QUERY, WINDOW, at()).await.unwrap();
    assert_eq!(found.reading, Reading::Value(7.0));
    server.abort();
}
