//! What is easily got wrong: silence, only failures, failures that begin late,
//! retries, nobody who answers, copies, gRPC, dots.

use std::collections::BTreeMap;
use std::net::Ipv4Addr;

use weirkeeper::gateway::{Backend as Side, Place, Question};

use super::backend::{Backend, Behaviour};
use super::bootstrap::{Cluster, Route};
use super::load::{Exchange, Traffic};
use super::scene::{Scene, Window, close, metric, number, place};

/// Requests to each host before and while it is measured.
const REQUESTS: usize = 80;

/// The status INTERNAL, and one that is the client's fault.
const INTERNAL: u8 = 13;
const NOT_FOUND: u8 = 5;

/// The servers.
struct Backends {
    good: Backend,
    /// Fails every second first attempt.
    flaky: Backend,
    /// Always fails.
    faulty: Backend,
    /// Good, until it is told to fail.
    late: Backend,
    /// Gets copies, and fails every fourth.
    copies: Backend,
}

impl Backends {
    async fn start() -> Self {
        let start = |last, behaviour| Backend::start(Ipv4Addr::new(127, 0, 1, last), behaviour);
        let flaky = Behaviour {
            fails: 2,
            recovers: true,
            ..Behaviour::GOOD
        };
        let copies = Behaviour {
            fails: 4,
            ..Behaviour::GOOD
        };
        Self {
            good: start(1, Behaviour::GOOD).await,
            flaky: start(2, flaky).await,
            faulty: start(3, Behaviour::FAULTY).await,
            late: start(4, Behaviour::GOOD).await,
            copies: start(5, copies).await,
        }
    }

    /// One cluster for each case, and one route.
    fn scenery(&self) -> (Vec<Cluster>, Vec<Route>) {
        let cluster = |name: &str, backend: &Backend| Cluster::new(name, backend.address);
        let both = [(70, self.good.address), (30, self.copies.address)];
        let copied = "httproute/test/copied/rule/0";
        let clusters = vec![
            cluster("test_idle_9898", &self.good),
            cluster("test_never_9898", &self.good),
            cluster("test_broken_9898", &self.faulty),
            cluster("test_late_9898", &self.late),
            cluster("test_flaky_9898", &self.flaky),
            Cluster::empty("test_empty_9898"),
            cluster("httproute/test/podinfo.v1/rule/0/backend/1", &self.good),
            Cluster::localities("grpcroute/test/calls/rule/0", &both),
            cluster(copied, &self.good),
        ];
        let copies = cluster(&format!("{copied}-mirror-0"), &self.copies);
        let routes = clusters.iter().map(|cluster| {
            let route = Route::to(host(cluster.name()), cluster);
            match cluster.name() {
                "test_flaky_9898" => route.retried(),
                name if name == copied => route.mirrored(&copies),
                _ => route,
            }
        });
        let routes = routes.collect();
        (clusters.into_iter().chain([copies]).collect(), routes)
    }
}

/// The part of a cluster's name that tells it apart.
fn host(cluster: &str) -> &str {
    let mut parts = cluster.split(['_', '/']);
    parts
        .find(|part| !["httproute", "grpcroute", "test"].contains(part))
        .unwrap()
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs real parts"]
async fn silence_failures_and_copies_are_told_apart() {
    let backends = Backends::start().await;
    let (clusters, routes) = backends.scenery();
    let pods = [
        ("podinfo-primary-66bbc7-7kqpz", backends.good.address),
        ("podinfo-5d8f4b-x2x4z", backends.copies.address),
    ];
    let scene = Scene::start(&clusters, &routes, &pods).await;
    let mut requests: Vec<_> = ["broken", "late", "flaky", "empty", "podinfo.v1", "copied"]
        .map(|host| (host, REQUESTS))
        .to_vec();
    requests.push(("idle", REQUESTS));
    scene.send(&requests).await;
    requests.pop();

    let from = scene.scraped();
    backends.late.behave(Behaviour {
        fails: 8,
        ..Behaviour::GOOD
    });
    let before = [&backends.flaky, &backends.copies].map(Backend::answered);
    let sent = scene.send(&requests).await;
    let after = [&backends.flaky, &backends.copies].map(Backend::answered);
    let window = scene.between(from, scene.scraped());
    silence(&window);
    only_failures(&window, &sent);
    failures_that_begin_late(&window, &sent["late"]);
    let failed = |index: usize| after[index].1 - before[index].1;
    retries(&window, &sent["flaky"], failed(0));
    copies(&window, &sent["copied"], failed(1));
    dotted_name_is_cut(&scene, &window);
}

/// A place whose canary has the Service `service`.
fn of(service: &str) -> Place {
    let mut place = place("podinfo");
    place.canary.service = service.to_owned();
    place
}

fn contour(window: &Window<'_>, service: &str, question: Question) -> Option<f64> {
    window.ask("contour", question, &of(service), Side::Canary)
}

fn success(window: &Window<'_>, service: &str) -> Option<f64> {
    contour(window, service, metric("request-success-rate"))
}

fn statuses(sent: &[Exchange]) -> BTreeMap<u16, usize> {
    let mut counts = BTreeMap::new();
    for exchange in sent {
        *counts.entry(exchange.status).or_default() += 1;
    }
    counts
}

/// Nothing now is not a number; nothing ever is nothing.
fn silence(window: &Window<'_>) {
    let requests = |service| contour(window, service, Question::Requests);
    let series = |service| contour(window, service, Question::Series);
    assert!(success(window, "idle").is_some_and(f64::is_nan));
    assert_eq!(requests("idle"), Some(0.0));
    assert_eq!(series("idle"), Some(1.0));
    assert_eq!(success(window, "never"), None);
    assert_eq!(requests("never"), Some(0.0));
    assert_eq!(series("never"), None);
    // Counters by status begin with the first answer. The one of all answers is there
    // before; so is the one of attempts, but what Envoy answers itself is none.
    let raw = |metric: &str, service: &str| {
        window.value(&format!(
            "{metric}{{envoy_cluster_name=\"test_{service}_9898\"}}"
        ))
    };
    assert_eq!(
        raw("envoy_cluster_upstream_rq_completed", "never"),
        Some(0.0)
    );
    assert_eq!(raw("envoy_cluster_upstream_rq_total", "never"), Some(0.0));
    assert_eq!(raw("envoy_cluster_upstream_rq_total", "empty"), Some(0.0));
}

/// That nobody is there to answer is the cluster's fault, too.
fn only_failures(window: &Window<'_>, sent: &BTreeMap<&str, Vec<Exchange>>) {
    for (service, status) in [("broken", 500), ("empty", 503)] {
        assert_eq!(statuses(&sent[service]), [(status, REQUESTS)].into());
        close(
            service,
            "success",
            success(window, service).unwrap(),
            0.0,
            0.01,
        );
        let requests = contour(window, service, Question::Requests).unwrap();
        close(service, "requests", requests, number(REQUESTS), 0.1);
    }
    assert!(sent["empty"].iter().all(|exchange| exchange.by.is_none()));
    // What Envoy answers itself has no duration.
    let latency = |service| contour(window, service, metric("request-duration"));
    assert_eq!(latency("empty"), None);
    assert!(latency("broken").is_some());
}

/// The counter of failures has one value in all of the window.
fn failures_that_begin_late(window: &Window<'_>, sent: &[Exchange]) {
    let failed = statuses(sent)[&500];
    let seen = r#"envoy_cluster_upstream_rq{envoy_cluster_name="test_late_9898",envoy_response_code="500"}"#;
    assert_eq!(window.value(seen), Some(number(failed)));
    assert_eq!(
        window.value(&format!("sum(rate({seen}[INTERVAL]))")),
        Some(0.0)
    );
    let counted = 100.0 - 100.0 * number(failed) / number(REQUESTS);
    close(
        "late",
        "success",
        success(window, "late").unwrap(),
        counted,
        0.01,
    );
}

/// Users see no failure, only the metric of retries does.
fn retries(window: &Window<'_>, sent: &[Exchange], failed: usize) {
    assert_eq!(statuses(sent), [(200, REQUESTS)].into());
    assert!(failed > 0);
    close(
        "flaky",
        "success",
        success(window, "flaky").unwrap(),
        100.0,
        0.01,
    );
    let retried = contour(window, "flaky", metric("request-retry-rate")).unwrap();
    let counted = 100.0 * number(failed) / number(REQUESTS);
    close("flaky", "retries", retried, counted, 0.1);
}

/// The canary's answers to copies are judged; nobody else sees them.
fn copies(window: &Window<'_>, sent: &[Exchange], failed: usize) {
    assert_eq!(statuses(sent), [(200, REQUESTS)].into());
    let mut copied = place("copied");
    copied.mirrored = true;
    let ask = |question| {
        let value = window.ask("envoy-gateway", question, &copied, Side::Canary);
        value.unwrap()
    };
    let counted = 100.0 - 100.0 * number(failed) / number(REQUESTS);
    close(
        "copied",
        "success",
        ask(metric("request-success-rate")),
        counted,
        0.01,
    );
    close(
        "copied",
        "requests",
        ask(Question::Requests),
        number(REQUESTS),
        0.1,
    );
    assert!(ask(metric("request-duration")) > 0.0);
    let merged = window.ask(
        "envoy-gateway-merged",
        Question::Requests,
        &copied,
        Side::Canary,
    );
    close("merged", "requests", merged.unwrap(), number(REQUESTS), 0.1);
}

/// The name of a cluster ends at its first dot; the rest becomes part of the metric's
/// name. So a route with a dot in its name has no series for anybody who asks.
fn dotted_name_is_cut(scene: &Scene, window: &Window<'_>) {
    let series = |route| {
        let place = place(route);
        window.ask("envoy-gateway", Question::Series, &place, Side::Canary)
    };
    assert_eq!(series("podinfo.v1"), None);
    assert_eq!(series("podinfo"), None);
    let cut = "envoy_cluster_v1_rule_0_backend_1_upstream_rq\
               {envoy_response_code=\"200\",envoy_cluster_name=\"httproute/test/podinfo\"}";
    let statistics = scene.envoy.statistics();
    assert!(statistics.contains(cut), "{statistics}");
}

/// gRPC fails in HTTP 200. Statistics by endpoint know that; those by cluster do not.
#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs real parts"]
async fn grpc_fails_where_its_statuses_are_known() {
    let backends = Backends::start().await;
    let (clusters, routes) = backends.scenery();
    let pods = [("podinfo-5d8f4b-x2x4z", backends.copies.address)];
    backends.copies.behave(Behaviour::GOOD);
    let scene = Scene::start(&clusters, &routes, &pods).await;
    let send = async |status| {
        let traffic = Traffic::new(scene.envoy.listener, "calls", REQUESTS);
        let sent = traffic.wanting_grpc_status(status).send().await;
        let sent = sent.iter();
        sent.filter(|one| one.by == Some(backends.copies.address))
            .count()
    };
    send(NOT_FOUND).await;
    send(INTERNAL).await;
    let from = scene.scraped();
    let (good, failed) = (send(NOT_FOUND).await, send(INTERNAL).await);
    let window = scene.between(from, scene.scraped());
    let cluster = r#"envoy_cluster_name="grpcroute/test/calls/rule/0""#;
    let other =
        format!(r#"count(envoy_cluster_upstream_rq{{{cluster},envoy_response_code!="200"}})"#);
    assert_eq!(window.value(&other), None);
    let mut calls = place("calls");
    calls.kind = "GRPCRoute".to_owned();
    let ask = |question| {
        let value = window.ask("envoy-gateway-endpoint", question, &calls, Side::Canary);
        value.unwrap()
    };
    let all = number(good + failed);
    let counted = 100.0 * number(good) / all;
    close(
        "calls",
        "success",
        ask(metric("request-success-rate")),
        counted,
        0.01,
    );
    close("calls", "requests", ask(Question::Requests), all, 0.1);
}
