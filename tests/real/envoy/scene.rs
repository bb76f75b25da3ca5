//! Envoy, its Prometheus, and questions to the query sets.

use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use axum::Router;
use axum::routing::get;
use weirkeeper::api::Metric;
use weirkeeper::gateway::{Backend, Catalogue, Place, QuerySet, Question, Side, Site};

use super::bootstrap::{Cluster, Route};
use super::load::{Exchange, Traffic};
use super::proxy::{Envoy, waited};
use crate::prometheus::Prometheus;

/// The question for a built-in metric.
pub(crate) fn metric(name: &str) -> Question {
    let metric = Metric {
        name: name.to_owned(),
        ..Metric::default()
    };
    Question::Metric(metric.builtin().unwrap())
}

/// An Envoy, and a Prometheus that scrapes it every second.
pub(crate) struct Scene {
    pub(crate) envoy: Envoy,
    pub(crate) prometheus: Prometheus,
    _pods: Pods,
}

impl Scene {
    /// `pods` are names and addresses, as kube-state-metrics shows them.
    pub(crate) async fn start(
        clusters: &[Cluster],
        routes: &[Route],
        pods: &[(&str, SocketAddr)],
    ) -> Self {
        let envoy = Envoy::start(clusters, routes);
        let pods = Pods::start(pods).await;
        let prometheus = Prometheus::scraping_all(&[
            ("envoy", envoy.admin, "/stats/prometheus"),
            ("pods", pods.address, "/metrics"),
        ]);
        Self {
            envoy,
            prometheus,
            _pods: pods,
        }
    }

    /// So many requests to each host at the same time; what they got, by host.
    pub(crate) async fn send<'a>(
        &self,
        requests: &[(&'a str, usize)],
    ) -> BTreeMap<&'a str, Vec<Exchange>> {
        let sent = requests.iter().map(|(host, requests)| {
            let traffic = Traffic::new(self.envoy.listener, host, *requests);
            (*host, tokio::spawn(traffic.send()))
        });
        let mut exchanges = BTreeMap::new();
        for (host, sent) in sent.collect::<Vec<_>>() {
            exchanges.insert(host, sent.await.unwrap());
        }
        exchanges
    }

    /// Waits until what is over now has been scraped twice; the time of the second
    /// scrape.
    pub(crate) fn scraped(&self) -> f64 {
        let mut after = self.prometheus.value("time()", None).unwrap();
        for _ in 0..2 {
            after = waited("it is scraped", || {
                let last = "timestamp(up{job=\"envoy\"})";
                let last = self.prometheus.value(last, None)?;
                (last > after).then_some(last)
            });
        }
        after
    }

    /// The time between two scrapes.
    pub(crate) fn between(&self, from: f64, to: f64) -> Window<'_> {
        Window {
            prometheus: &self.prometheus,
            from,
            to,
        }
    }
}

/// A query set by name.
pub(crate) fn query_set(name: &str) -> Arc<QuerySet> {
    let set = Catalogue::builtin().set(name);
    set.unwrap_or_else(|| panic!("there is no query set {name}"))
}

/// Time between two scrapes, both of them in it.
pub(crate) struct Window<'a> {
    prometheus: &'a Prometheus,
    from: f64,
    to: f64,
}

impl Window<'_> {
    /// The answer to what the query set `set` asks.
    ///
    /// # Panics
    /// When the set cannot ask it.
    pub(crate) fn ask(
        &self,
        set: &str,
        question: Question,
        place: &Place,
        backend: Backend,
    ) -> Option<f64> {
        let query = query_set(set).query(question, place, backend, &self.interval());
        let query = query.unwrap();
        let query = query.unwrap_or_else(|| panic!("{set} cannot measure {question:?}"));
        self.prometheus.value(&query, Some(self.to))
    }

    /// The value of a query; `INTERVAL` in it is this window.
    pub(crate) fn value(&self, query: &str) -> Option<f64> {
        let query = query.replace("INTERVAL", &self.interval());
        self.prometheus.value(&query, Some(self.to))
    }

    /// One millisecond longer, for a Prometheus that does not count the very start.
    fn interval(&self) -> String {
        format!("{:.0}ms", (self.to - self.from) * 1000.0 + 1.0)
    }
}

/// Prints a measured value beside the counted one.
///
/// # Panics
/// When it differs by more than `tolerance`.
pub(crate) fn close(whose: &str, what: &str, measured: f64, counted: f64, tolerance: f64) {
    println!("{whose}: {what} {measured:.3}, counted {counted:.3}");
    assert!(
        (measured - counted).abs() <= tolerance,
        "{whose}: {what} {measured}, not {counted} ± {tolerance}"
    );
}

/// A count, to calculate with.
pub(crate) fn number(count: usize) -> f64 {
    f64::from(u32::try_from(count).unwrap())
}

/// The place of `podinfo-primary` and `podinfo-canary` in the first rule of a route.
pub(crate) fn place(route: &str) -> Place {
    let side = |workload: &str, service: &str, backend, weight| Side {
        workload: workload.to_owned(),
        service: service.to_owned(),
        sites: vec![Site {
            route: route.to_owned(),
            rule: 0,
            backend,
            weight,
            filtered: true,
        }],
    };
    Place {
        namespace: "test".to_owned(),
        kind: "HTTPRoute".to_owned(),
        primary: side("podinfo-primary", "podinfo-primary", 0, 70),
        canary: side("podinfo", "podinfo-canary", 1, 30),
        gateways: vec!["web".to_owned()],
        mirrored: false,
    }
}

/// Serves the addresses of pods until it is dropped.
struct Pods {
    address: SocketAddr,
    task: tokio::task::JoinHandle<()>,
}

impl Pods {
    async fn start(pods: &[(&str, SocketAddr)]) -> Self {
        let lines = pods.iter().map(|(name, address)| {
            let address: IpAddr = address.ip();
            format!("kube_pod_info{{namespace=\"test\",pod=\"{name}\",pod_ip=\"{address}\"}} 1\n")
        });
        let text: String = lines.collect();
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let router = Router::new().route("/metrics", get(async move || text));
        let task = tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
        Self { address, task }
    }
}

impl Drop for Pods {
    fn drop(&mut self) {
        self.task.abort();
    }
}
