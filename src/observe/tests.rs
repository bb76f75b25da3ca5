//! The observer against a server that notes every request.

use std::collections::BTreeMap;

use clap::Parser as _;
use jiff::Timestamp;
use serde_json::json;
use wiremock::matchers::path;
use wiremock::{Mock, MockServer, ResponseTemplate};

use super::*;
use crate::api::{Canary, MetricTemplate, Phase};
use crate::decide::{Answer, Evidence, MetricSource, Probe, Reading, Times};
use crate::error::Result;
use crate::gateway::{Catalogue, Gateway, Place, Side};
use crate::settings::{Environment, MetricsSettings};
use crate::webhook::Webhooks;

const NOW: Timestamp = Timestamp::UNIX_EPOCH;

fn canary(analysis: &str) -> Canary {
    let text = format!(
        "{{metadata: {{name: podinfo, namespace: test}}, status: {{lastAppliedSpec: abc}},
          spec: {{targetRef: {{name: podinfo}}, analysis: {analysis}}}}}"
    );
    serde_yaml::from_str(&text).unwrap()
}

#[derive(clap::Parser)]
struct Options {
    #[command(flatten)]
    metrics: crate::cli::Metrics,
}

/// A server that answers 7 to every query and whatever else to gates.
async fn server() -> MockServer {
    let server = MockServer::start().await;
    let data = json!({"resultType": "vector", "result": [{"metric": {}, "value": [0, "7"]}]});
    let seven =
        ResponseTemplate::new(200).set_body_json(json!({"status": "success", "data": data}));
    for at in ["/api/v1/query", "/other/api/v1/query"] {
        Mock::given(path(at))
            .respond_with(seven.clone())
            .mount(&server)
            .await;
    }
    let closed = ResponseTemplate::new(403).set_body_string("closed");
    Mock::given(path("/closed"))
        .respond_with(closed)
        .mount(&server)
        .await;
    server
}

/// A gateway that nobody knows: the application measures.
fn unknown(canary: &Canary) -> Gateway {
    let side = |workload: &str| Side {
        workload: workload.to_owned(),
        ..Side::default()
    };
    let place = Place {
        namespace: canary.metadata.namespace.clone().unwrap_or_default(),
        canary: side(&canary.spec.target_ref.name),
        primary: side(&canary.spec.primary_name()),
        ..Place::default()
    };
    Gateway::unknown(Catalogue::builtin(), String::new(), place)
}

async fn ask(
    server: &MockServer,
    canary: &Canary,
    templates: &BTreeMap<usize, MetricTemplate>,
    probe: Probe,
) -> Result<Answer> {
    ask_of(server, canary, templates, probe, &unknown(canary)).await
}

async fn ask_of(
    server: &MockServer,
    canary: &Canary,
    templates: &BTreeMap<usize, MetricTemplate>,
    probe: Probe,
    gateway: &Gateway,
) -> Result<Answer> {
    let options = Options::parse_from(["test", "--prometheus", &server.uri()]);
    let settings = MetricsSettings::new(&options.metrics, &Environment::default()).unwrap();
    let webhooks = Webhooks::new(crate::http::Options {
        environment_proxies: false,
        ..crate::http::Options::default()
    });
    let primary = canary.spec.primary_name();
    let subject = Subject {
        canary,
        templates,
        primary: &primary,
        gateway,
    };
    let observer = Observer::new(settings).with_webhooks(webhooks);
    let mut answers = observer
        .ask(&subject, std::slice::from_ref(&probe), NOW)
        .await?;
    Ok(answers.remove(&probe).unwrap())
}

#[tokio::test]
async fn requests_are_counted_where_the_metric_is_measured() {
    let server = server().await;
    let canary = canary(
        "{metrics: [{name: request-duration, interval: 2m, minRequests: 9},
                    {name: a, minRequests: 9, templateRef: {name: a}, requestsQuery: ' hits{x=\"{{ target }}\"}'}]}",
    );
    let address = format!("{}/other", server.uri());
    let template = format!("{{spec: {{provider: {{type: prometheus, address: '{address}'}}}}}}");
    let templates = [(1, serde_yaml::from_str(&template).unwrap())].into();
    for (index, query, at) in [
        (0, "sum(\n  increase(\n    http_request", "/api/v1/query"),
        (1, "hits{x=\"podinfo\"}", "/other/api/v1/query"),
    ] {
        let probe = Probe::Requests { index };
        let Answer::Metric(answer) = ask(&server, &canary, &templates, probe).await.unwrap() else {
            panic!("another answer");
        };
        assert_eq!(answer.reading, Reading::Value(7.0));
        assert!(answer.query.starts_with(query), "{}", answer.query);
        let requests = server.received_requests().await.unwrap();
        assert_eq!(requests.last().unwrap().url.path(), at);
    }
}

#[tokio::test]
async fn missed_checks_are_one_range_at_the_server_of_the_metric() {
    let server = server().await;
    let series = json!([
        {"metric": {"pod": "a"}, "values": [[60, "1"], [120, "2"], [240, "4"]]},
        {"metric": {"pod": "b"}, "values": [[120, "2"]]},
    ]);
    let data = json!({"resultType": "matrix", "result": series});
    let body = json!({"status": "success", "data": data, "warnings": ["partial"]});
    Mock::given(path("/other/api/v1/query_range"))
        .respond_with(ResponseTemplate::new(200).set_body_json(body))
        .mount(&server)
        .await;
    let canary =
        canary("{metrics: [{name: a, templateRef: {name: a}, requestsQuery: 'sum(hits)'}]}");
    let template = format!(
        "{{spec: {{query: 'x{{{{ target }}}}', provider: {{type: prometheus, address: '{}/other'}}}}}}",
        server.uri()
    );
    let templates = [(0, serde_yaml::from_str(&template).unwrap())].into();
    let times = Times {
        first: Timestamp::from_second(60).unwrap(),
        every: jiff::SignedDuration::from_mins(1),
        count: 4,
    };
    for (source, query) in [
        (Some(MetricSource::Template), "xpodinfo"),
        (None, "sum(hits)"),
    ] {
        let probe = Probe::Missed {
            index: 0,
            source,
            times,
        };
        let Answer::Missed(answers) = ask(&server, &canary, &templates, probe).await.unwrap()
        else {
            panic!("another answer");
        };
        let readings: Vec<String> = answers
            .iter()
            .map(|answer| answer.reading.to_string())
            .collect();
        assert_eq!(readings[0], "1");
        assert!(readings[1].contains("{pod=\"a\"}"), "{readings:?}");
        assert_eq!(readings[2..], ["no series", "4"]);
        assert!(answers.iter().all(|answer| answer.query == query));
        assert_eq!(answers[3].warnings, ["partial"]);
        let requests = server.received_requests().await.unwrap();
        let asked = requests.last().unwrap().url.query().unwrap();
        let range = format!("query={query}&start=60.000&end=240.000&step=60.000");
        assert_eq!(asked.replace("%28", "(").replace("%29", ")"), range);
    }
}

#[tokio::test]
async fn a_daemon_set_is_asked_about_as_one() {
    let server = server().await;
    let mut canary = canary("{}");
    canary.spec.target_ref.kind = "DaemonSet".to_owned();
    let probe = Probe::Readiness {
        workload: crate::decide::Workload::Primary,
        percent: 100,
        deadline: None,
    };
    let answer = ask(&server, &canary, &BTreeMap::new(), probe).await;
    let ready = Answer::Readiness(crate::decide::Readiness::Ready);
    assert_eq!(answer.unwrap(), ready);
    let requests = server.received_requests().await.unwrap();
    let asked = format!("{requests:?}");
    assert!(
        asked.contains("daemonset%3D%22podinfo-primary%22"),
        "{asked}"
    );
}

#[tokio::test]
async fn a_gate_is_asked_with_the_phase_of_the_probe() {
    let server = server().await;
    let canary = canary(&format!(
        "{{webhooks: [{{name: a, url: '{}/closed'}}]}}",
        server.uri()
    ));
    let phase = Phase::WaitingPromotion;
    let probe = Probe::Webhook { index: 0, phase };
    let Answer::Webhook(answer) = ask(&server, &canary, &BTreeMap::new(), probe)
        .await
        .unwrap()
    else {
        panic!("another answer");
    };
    assert_eq!(
        (answer.passed, answer.answer.as_str(), answer.failure),
        (false, "403 Forbidden: closed", None)
    );
    let requests = server.received_requests().await.unwrap();
    let body: serde_json::Value = serde_json::from_slice(&requests[0].body).unwrap();
    assert_eq!(body["phase"], "WaitingPromotion");
    assert_eq!(
        body["checksum"],
        crate::webhook::checksum(canary.status.as_ref())
    );
}

/// A server that answers each query with what `says` makes of its text and time, and no
/// series for nothing.
async fn counting(says: fn(&str, i64) -> Option<f64>) -> MockServer {
    let server = MockServer::start().await;
    let respond = move |request: &wiremock::Request| {
        let body = url::form_urlencoded::parse(&request.body);
        let sent: BTreeMap<_, _> = request.url.query_pairs().chain(body).collect();
        let time: f64 = sent["time"].parse().unwrap();
        #[expect(clippy::cast_possible_truncation, reason = "whole seconds")]
        let value = says(&sent["query"], time as i64);
        let samples = value.map(|value| json!({"metric": {}, "value": [0, value.to_string()]}));
        let data = json!({"resultType": "vector", "result": Vec::from_iter(samples)});
        ResponseTemplate::new(200).set_body_json(json!({"status": "success", "data": data}))
    };
    Mock::given(path("/api/v1/query"))
        .respond_with(respond)
        .mount(&server)
        .await;
    server
}

#[tokio::test]
async fn evidence_is_asked_for_with_the_query_set() {
    let server = counting(|query, time| {
        let canary = query.contains("test_podinfo-canary_");
        match (query.contains("increase("), canary, time) {
            (true, true, 0) if query.contains("[5m]") => Some(9.0),
            (true, false, 0) => Some(91.0),
            (false, true, 0) => Some(3.0),
            // Five minutes earlier there was nothing.
            (false, true, -300) => None,
            (false, false, 0) => Some(2.0),
            _ => panic!("{query} at {time}"),
        }
    })
    .await;
    let canary = canary(
        "{metrics: [{name: request-success-rate, interval: 1m}, \
          {name: request-duration, interval: 5m}]}",
    );
    let mut gateway = unknown(&canary);
    gateway.set = Catalogue::builtin().set("contour");
    gateway.place.canary.service = canary.spec.canary_service();
    gateway.place.primary.service = canary.spec.primary_service();
    let answer = ask_of(
        &server,
        &canary,
        &BTreeMap::new(),
        Probe::Evidence,
        &gateway,
    )
    .await;
    let Answer::Evidence(evidence) = answer.unwrap() else {
        panic!("another answer");
    };
    let expected = Evidence {
        canary: Reading::Value(9.0),
        primary: Reading::Value(91.0),
        canary_series: Reading::Value(3.0),
        primary_series: Reading::Value(2.0),
        canary_series_before: Reading::Empty,
    };
    assert_eq!(evidence, expected);
}

#[tokio::test]
async fn evidence_without_a_server_is_an_error() {
    let server = MockServer::start().await;
    let canary = canary("{metrics: [{name: request-duration}]}");
    let mut gateway = unknown(&canary);
    gateway.set = Catalogue::builtin().set("contour");
    let answer = ask_of(
        &server,
        &canary,
        &BTreeMap::new(),
        Probe::Evidence,
        &gateway,
    )
    .await;
    let error = answer.unwrap_err();
    assert_eq!(error.message(), "cannot tell what reaches the canary");
}
