//! What a cluster shows of itself: requests by pod, Deployments by
//! kube-state-metrics.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Instant;

use axum::Router;
use axum::extract::State;
use axum::routing::get;

/// Requests a second and pod.
const RATE: i64 = 10;

/// The Deployments `podinfo` and `podinfo-primary` in the namespace `test`, by
/// seconds since the test began.
#[derive(Debug, Clone, Copy)]
pub(crate) struct App {
    /// When pods of the primary become available.
    pub(crate) primary_ready: i64,
    /// When every second answer of the canary begins to be a 500.
    pub(crate) faulty: i64,
}

/// Name, labels, value.
type Sample = (&'static str, String, i64);

impl App {
    /// Everything there is to scrape at `second`.
    pub(crate) fn samples(&self, second: i64) -> Vec<Sample> {
        let mut samples = Vec::new();
        let good = RATE * second;
        let bad = RATE * (second - self.faulty).max(0);
        requests(&mut samples, "podinfo-5d8f4b-x2x4z", "200", good);
        requests(&mut samples, "podinfo-5d8f4b-x2x4z", "500", bad);
        // Were the primary's pods taken for the canary's, no check would pass.
        requests(&mut samples, "podinfo-primary-66bbc7-7kqpz", "500", good);
        deployment(&mut samples, "podinfo", 2);
        let available = if second < self.primary_ready { 0 } else { 2 };
        deployment(&mut samples, "podinfo-primary", available);
        samples
    }

    /// The same in the text format.
    fn text(&self, second: i64) -> String {
        let samples = self.samples(second);
        let lines = samples
            .iter()
            .map(|(name, labels, value)| format!("{name}{{{labels}}} {value}\n"));
        lines.collect()
    }
}

/// A tenth of the requests takes up to 500 ms, the others up to 100 ms.
fn requests(samples: &mut Vec<Sample>, pod: &str, status: &str, count: i64) {
    let labels =
        format!("kubernetes_namespace=\"test\",kubernetes_pod_name=\"{pod}\",status=\"{status}\"");
    for (le, value) in [("0.1", count * 9 / 10), ("0.5", count), ("+Inf", count)] {
        let labels = format!("{labels},le=\"{le}\"");
        samples.push(("http_request_duration_seconds_bucket", labels, value));
    }
    samples.push(("http_request_duration_seconds_count", labels, count));
}

fn deployment(samples: &mut Vec<Sample>, name: &str, available: i64) {
    for (metric, value) in [
        ("kube_deployment_metadata_generation", 1),
        ("kube_deployment_status_observed_generation", 1),
        ("kube_deployment_spec_replicas", 2),
        ("kube_deployment_status_replicas", 2),
        ("kube_deployment_status_replicas_updated", 2),
        ("kube_deployment_status_replicas_available", available),
    ] {
        let labels = format!("namespace=\"test\",deployment=\"{name}\"");
        samples.push((metric, labels, value));
    }
}

/// Serves an [`App`] at `/metrics` until it is dropped.
pub(crate) struct Exporter {
    pub(crate) address: SocketAddr,
    state: Served,
    task: tokio::task::JoinHandle<()>,
}

#[derive(Clone)]
struct Served {
    app: Arc<Mutex<App>>,
    began: Instant,
}

impl Served {
    fn seconds(&self) -> i64 {
        i64::try_from(self.began.elapsed().as_secs()).unwrap()
    }
}

impl Exporter {
    pub(crate) async fn start(app: App) -> Self {
        let state = Served {
            app: Arc::new(Mutex::new(app)),
            began: Instant::now(),
        };
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let router = Router::new()
            .route("/metrics", get(scrape))
            .with_state(state.clone());
        let task = tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
        Self {
            address,
            state,
            task,
        }
    }

    /// From now on every second answer of the canary is a 500.
    pub(crate) fn fail_from_now_on(&self) {
        self.state.app.lock().unwrap().faulty = self.state.seconds();
    }
}

impl Drop for Exporter {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn scrape(State(state): State<Served>) -> String {
    let app = *state.app.lock().unwrap();
    app.text(state.seconds())
}
