//! The notifier against servers that note every request.

mod alerts;
mod formats;
mod hooks;

use serde_json::{Value as Json, json};
use wiremock::matchers::{any, path};
use wiremock::{Mock, MockServer, Request, ResponseTemplate};

use super::*;
use crate::api::{AlertSeverity, Severity};
use crate::decide::EventType;
use crate::error::Kind;
use crate::settings::{Environment, Secrets};

const SHA: &str = "0123456789abcdef0123456789abcdef01234567";

const WEIGHTS: &str = "targetRef: {kind: Deployment, name: podinfo}, progressDeadlineSeconds: 120";

/// A Canary with this in its `analysis`.
fn canary(analysis: &str) -> Canary {
    let text = format!(
        "{{metadata: {{name: podinfo, namespace: test}},
           spec: {{{WEIGHTS}, analysis: {{threshold: 5, stepWeight: 10, maxWeight: 50, {analysis}}}}}}}"
    );
    serde_yaml::from_str(&text).unwrap()
}

fn provider(spec: &str) -> AlertProvider {
    serde_yaml::from_str(&format!("{{metadata: {{name: on-call}}, spec: {spec}}}")).unwrap()
}

fn notice(severity: AlertSeverity, message: &str) -> Notice {
    Notice {
        severity,
        message: message.to_owned(),
        details: severity == AlertSeverity::Info,
    }
}

fn events(messages: &[&str]) -> Vec<Event> {
    let event = |message: &&str| Event {
        kind: EventType::Normal,
        message: (*message).to_owned(),
    };
    messages.iter().map(event).collect()
}

fn news<'a>(canary: &'a Canary, providers: &'a BTreeMap<usize, AlertProvider>) -> News<'a> {
    News {
        canary,
        phase: Some(Phase::Succeeded),
        status: None,
        events: &[],
        notices: &[],
        post_rollout: false,
        commit: Some(SHA),
        providers,
        now: Timestamp::UNIX_EPOCH,
    }
}

fn settings() -> NotifySettings {
    NotifySettings {
        cluster: Some("prod".to_owned()),
        commits: Some("https://github.com/me/fleet/commit/".parse().unwrap()),
        ..NotifySettings::default()
    }
}

fn notifier(settings: NotifySettings) -> Notifier {
    let options = Options {
        environment_proxies: false,
        timeout: Duration::from_millis(500),
        ..Options::default()
    };
    Notifier::new(settings).with(Webhooks::new(options.clone()), options)
}

async fn serving(response: ResponseTemplate) -> MockServer {
    let server = MockServer::start().await;
    Mock::given(any())
        .respond_with(response)
        .mount(&server)
        .await;
    server
}

async fn taking() -> MockServer {
    serving(ResponseTemplate::new(200).set_body_string("ok")).await
}

async fn received(server: &MockServer) -> Vec<Request> {
    server.received_requests().await.unwrap()
}

fn body(request: &Request) -> Json {
    serde_json::from_slice(&request.body).unwrap()
}

/// Place and text of everybody who was not told.
fn told(untold: &[Untold]) -> Vec<String> {
    let line = |untold: &Untold| {
        let problem = untold.problem();
        assert_eq!(problem.severity, Severity::Warning);
        format!("{} {}", problem.path, problem.message)
    };
    untold.iter().map(line).collect()
}
