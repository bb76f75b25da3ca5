//! A rollout that another provider than Prometheus judges.

use std::sync::{Arc, Mutex};

use axum::extract::{Query, State};
use axum::http::HeaderMap;
use axum::routing::get;
use axum::{Json, Router};
use serde_json::{Value, json};

use crate::support::gitops::{PODINFO, World, line};
use crate::support::program::{Call, Ran};
use crate::support::prometheus::RUNTIME;

const CANARY: &str = "apps/podinfo/canary.yaml";

const TEMPLATE: &str = "apiVersion: flagger.app/v1beta1
kind: MetricTemplate
metadata: {name: errors, namespace: test}
spec:
  provider: {type: datadog, secretRef: {name: datadog}}
  query: 'sum:errors{app:{{ target }}}.as_count()'
";

/// A Datadog, and the times it was asked about.
#[derive(Debug, Clone, Default)]
struct Datadog(Arc<Mutex<(f64, Vec<i64>)>>);

type Parameters = std::collections::BTreeMap<String, String>;

impl Datadog {
    /// Serves until the test process ends.
    fn start() -> (Self, String) {
        let datadog = Self::default();
        let app = Router::new()
            .route("/api/v1/query", get(query))
            .with_state(datadog.clone());
        let listening = tokio::net::TcpListener::bind("127.0.0.1:0");
        let listener = RUNTIME.block_on(listening).unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        RUNTIME.spawn(async move { axum::serve(listener, app).await.unwrap() });
        (datadog, url)
    }

    fn set(&self, value: f64) {
        self.0.lock().unwrap().0 = value;
    }

    /// The times since the last call, in order.
    fn take(&self) -> Vec<i64> {
        let mut times = std::mem::take(&mut self.0.lock().unwrap().1);
        times.sort_unstable();
        times
    }
}

async fn query(
    State(datadog): State<Datadog>,
    headers: HeaderMap,
    Query(asked): Query<Parameters>,
) -> Json<Value> {
    assert_eq!(headers["dd-api-key"], "hush-api");
    assert_eq!(headers["dd-application-key"], "hush-app");
    let to: i64 = asked["to"].parse().unwrap();
    let mut state = datadog.0.lock().unwrap();
    state.1.push(to);
    // The newest bucket is not over.
    let points = json!([
        [(to - 40) * 1000, state.0],
        [(to - 20) * 1000, state.0],
        [to * 1000, 77]
    ]);
    let series = json!([{"pointlist": points, "interval": 20, "scope": "*", "metric": "errors"}]);
    Json(json!({"status": "ok", "series": series}))
}

fn asking(call: Call, url: &str) -> Ran {
    let ran = call
        .args(["--prometheus", &format!("https://api.datadoghq.com={url}")])
        .env("WEIRKEEPER_SECRET_DATADOG_DATADOG_API_KEY", "hush-api")
        .env(
            "WEIRKEEPER_SECRET_DATADOG_DATADOG_APPLICATION_KEY",
            "hush-app",
        )
        .run();
    assert!(!format!("{ran}").contains("hush"), "{ran}");
    ran
}

/// A step `minutes` later, in one line.
fn tick(world: &World, url: &str, minutes: i64) -> String {
    world.wait(minutes);
    let ran = asking(world.stepping(), url).exits(0);
    line(&ran.result(PODINFO))
}

#[test]
fn datadog_judges_a_release() {
    let (datadog, url) = Datadog::start();
    let metric = "metrics:\n      - {name: errors, interval: 1m, templateRef: {name: errors}, thresholdRange: {max: 5}}\n";
    let world = World::with(&[(CANARY, "metrics:\n", metric)]);
    world.put("apps/podinfo/errors.yaml", TEMPLATE);
    world.bootstrap();
    world.release("podinfo:6.0.0", "podinfo:6.1.0");
    datadog.set(3.0);
    while !tick(&world, &url, 1).contains("advanced") {}
    assert!(
        world.log(1, "%B").contains("errors 3 (max 5)"),
        "{}",
        world.log(1, "%B")
    );
    assert!(!datadog.take().is_empty());

    datadog.set(9.0);
    let halted = tick(&world, &url, 1);
    assert!(
        halted.contains("check failed: errors 9 (max 5)"),
        "{halted}"
    );
    let now = datadog.take();

    // Two checks are missed, and made up for, each of its time.
    let late = tick(&world, &url, 3);
    assert!(late.contains("rolledBack"), "{late}");
    let times: Vec<i64> = datadog.take().iter().map(|time| time - now[0]).collect();
    assert_eq!(times, [60, 120, 180]);
    for file in world.files().values() {
        assert!(!file.contains("hush"), "{file}");
    }
}

#[test]
fn the_doctor_asks_the_query_of_another_provider() {
    let (datadog, url) = Datadog::start();
    let metric = "metrics:\n      - {name: errors, interval: 1m, templateRef: {name: errors}, thresholdRange: {max: 5}}\n";
    let world = World::with(&[(CANARY, "metrics:\n", metric)]);
    world.put("apps/podinfo/errors.yaml", TEMPLATE);
    world.bootstrap();
    datadog.set(2.0);
    let prometheus = world.prometheus.url();
    let call = world.weirkeeper(["doctor", "--format", "json", "--prometheus", &prometheus]);
    let ran = asking(call, &url);
    assert!(ran.stdout.contains("canary 2, primary 2"), "{ran}");
    assert_eq!(datadog.take().len(), 2);
}
