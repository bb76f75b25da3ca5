//! Success rate, latency, number and share of requests, for each way to name
//! clusters.

use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use weirkeeper::gateway::{Backend as Side, Place, Question};

use super::backend::{Backend, Behaviour};
use super::bootstrap::{Cluster, Route};
use super::load::Exchange;
use super::scene::{Scene, Window, close, metric, number, place, query_set};

/// Percent of the traffic that the canary gets.
const WEIGHT: i64 = 30;
/// Requests for each way to name clusters.
const REQUESTS: usize = 600;

/// How one gateway names the clusters of a route.
struct Naming {
    /// The host of its route here.
    host: &'static str,
    set: &'static str,
    place: Place,
    clusters: Vec<Cluster>,
}

impl Naming {
    /// Names for the primary's and the canary's cluster.
    fn new(
        host: &'static str,
        set: &'static str,
        names: [&str; 2],
        [primary, canary]: [SocketAddr; 2],
    ) -> Self {
        Self {
            host,
            set,
            place: place("podinfo"),
            clusters: vec![
                Cluster::new(names[0], primary),
                Cluster::new(names[1], canary),
            ],
        }
    }

    fn route(&self) -> Route {
        match self.clusters.as_slice() {
            [primary, canary] => {
                let weights = [(primary, 100 - WEIGHT), (canary, WEIGHT)];
                Route::weighted(self.host, &weights)
            }
            clusters => Route::to(self.host, &clusters[0]),
        }
    }
}

fn namings(at: [SocketAddr; 2]) -> Vec<Naming> {
    let mut contour = Naming::new(
        "contour",
        "contour",
        [
            "test/podinfo-primary/9898/da39a3ee5e",
            "test/podinfo-canary/9898/da39a3ee5e",
        ],
        at,
    );
    let known_as = ["test_podinfo-primary_9898", "test_podinfo-canary_9898"];
    for (cluster, name) in contour.clusters.iter_mut().zip(known_as) {
        *cluster = cluster.clone().known_as(name);
    }
    let weights = [100 - WEIGHT, WEIGHT].map(|weight| u32::try_from(weight).unwrap());
    let localities = [(weights[0], at[0]), (weights[1], at[1])];
    vec![
        contour,
        Naming::new(
            "kgateway",
            "kgateway",
            [
                "kube_test_podinfo-primary_9898",
                "kube_test_podinfo-canary_9898",
            ],
            at,
        ),
        Naming::new(
            "cilium",
            "cilium",
            [
                "infra/cilium-gateway-web/test:podinfo-primary:9898",
                "infra/cilium-gateway-web/test:podinfo-canary:9898",
            ],
            at,
        ),
        Naming::new(
            "envoy-gateway",
            "envoy-gateway",
            [
                "httproute/test/podinfo/rule/0/backend/0",
                "httproute/test/podinfo/rule/0/backend/1",
            ],
            at,
        ),
        Naming::new(
            "merged",
            "envoy-gateway-merged",
            [
                "service/test/podinfo-primary/9898",
                "service/test/podinfo-canary/9898",
            ],
            at,
        ),
        Naming {
            host: "endpoint",
            set: "envoy-gateway-endpoint",
            place: place("single"),
            clusters: vec![Cluster::localities(
                "httproute/test/single/rule/0",
                &localities,
            )],
        },
    ]
}

/// Clusters that are not the canary's, whatever they look like.
const LOOK_ALIKES: &[&str] = &[
    "test_podinfo_9898",
    "test2_podinfo-canary_9898",
    "test_podinfo-canary-v2_9898",
    "x-test_podinfo-canary_9898",
    "kube_test_podinfo_9898",
    "kube_test2_podinfo-canary_9898",
    "kube_test_podinfo-canary-v2_9898",
    "infra/cilium-gateway-web/test2:podinfo-canary:9898",
    "infra/cilium-gateway-web/test:podinfo-canary-v2:9898",
    "infra/cilium-gateway-web/x-test:podinfo-canary:9898",
    "httproute/test/podinfo/rule/0",
    "httproute/test/podinfo/rule/0-mirror-1",
    "httproute/test/podinfo/rule/0/backend/11",
    "httproute/test/podinfo/rule/1/backend/0",
    "httproute/test/podinfo-2/rule/0/backend/1",
    "httproute/test2/podinfo/rule/0/backend/1",
    "httproute/test2/single/rule/0",
    "service/test/podinfo-canary-v2/9898",
    "service/test2/podinfo-canary/9898",
];

/// The canary fails now and then, and is slow now and then.
const CANARY: Behaviour = Behaviour {
    fails: 16,
    recovers: false,
    delay: Duration::from_millis(15),
    slow: (20, Duration::from_millis(150)),
};

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs real parts"]
async fn measured_is_what_was_sent() {
    let primary = Backend::start(Ipv4Addr::new(127, 0, 0, 2), Behaviour::GOOD).await;
    let canary = Backend::start(Ipv4Addr::new(127, 0, 0, 3), Behaviour::GOOD).await;
    let faulty = Backend::start(Ipv4Addr::new(127, 0, 0, 33), Behaviour::FAULTY).await;
    let namings = namings([primary.address, canary.address]);
    let others = LOOK_ALIKES.iter();
    let others: Vec<Cluster> = others
        .map(|name| Cluster::new(name, faulty.address))
        .collect();
    let mut clusters: Vec<Cluster> = namings
        .iter()
        .flat_map(|naming| naming.clusters.clone())
        .collect();
    clusters.extend(others.clone());
    let mut routes: Vec<Route> = namings.iter().map(Naming::route).collect();
    let others: Vec<_> = others.iter().map(|cluster| (cluster, 1)).collect();
    routes.push(Route::weighted("others", &others));
    let pods = [
        ("podinfo-primary-66bbc7-7kqpz", primary.address),
        ("podinfo-5d8f4b-x2x4z", canary.address),
    ];
    let scene = Scene::start(&clusters, &routes, &pods).await;
    warm_up(&scene, &namings, &canary).await;

    let from = scene.scraped();
    let mut requests: Vec<_> = namings
        .iter()
        .map(|naming| (naming.host, REQUESTS))
        .collect();
    requests.push(("others", 10 * LOOK_ALIKES.len()));
    let sent = scene.send(&requests).await;
    let window = scene.between(from, scene.scraped());
    for naming in &namings {
        let exchanges = &sent[naming.host];
        compare(&window, naming, exchanges, [&primary, &canary]);
    }
    // The canary is part of a cluster; its traffic is in no series of its own.
    let single = place("single");
    let alone = window.ask("envoy-gateway", Question::Series, &single, Side::Canary);
    assert_eq!(alone, None);
    assert!(faulty.answered().0 >= 10 * LOOK_ALIKES.len());
}

/// Sends until each status of each backend was seen everywhere: counters that begin
/// later would miss what they begin with.
async fn warm_up(scene: &Scene, namings: &[Naming], canary: &Backend) {
    canary.behave(Behaviour {
        fails: 2,
        ..Behaviour::GOOD
    });
    let mut missing: Vec<_> = namings.iter().map(|naming| (naming.host, 40)).collect();
    missing.push(("others", 10 * LOOK_ALIKES.len()));
    for _ in 0..20 {
        let sent = scene.send(&missing).await;
        missing.retain(|(host, _)| {
            let seen = |status| {
                let mut exchanges = sent[host].iter();
                exchanges.any(|one| one.by == Some(canary.address) && one.status == status)
            };
            *host != "others" && !(seen(200) && seen(500))
        });
        if missing.is_empty() {
            canary.behave(CANARY);
            return;
        }
    }
    panic!("{missing:?} never saw both statuses");
}

fn compare(window: &Window<'_>, naming: &Naming, sent: &[Exchange], backends: [&Backend; 2]) {
    let of = |backend: &Backend| -> Vec<&Exchange> {
        let sent = sent.iter();
        sent.filter(|one| one.by == Some(backend.address)).collect()
    };
    let [primary, canary] = backends.map(of);
    assert_eq!(primary.len() + canary.len(), REQUESTS);
    let ask = |question, side| {
        let value = window.ask(naming.set, question, &naming.place, side);
        value.unwrap_or_else(|| panic!("{}: no {question:?}", naming.set))
    };
    let failed = canary.iter().filter(|one| one.status == 500).count();
    assert!(failed > 0);
    let [primaries, canaries] = [&primary, &canary].map(|sent| number(sent.len()));
    let name = naming.set;
    let success = 100.0 - 100.0 * number(failed) / canaries;
    close(
        name,
        "success",
        ask(metric("request-success-rate"), Side::Canary),
        success,
        0.01,
    );
    close(
        name,
        "primary's success",
        ask(metric("request-success-rate"), Side::Primary),
        100.0,
        0.01,
    );
    let counts = [Side::Primary, Side::Canary].map(|side| ask(Question::Requests, side));
    close(
        name,
        "primary's requests",
        counts[0],
        primaries,
        0.001 * primaries,
    );
    close(name, "requests", counts[1], canaries, 0.001 * canaries);
    let share = 100.0 * counts[1] / (counts[0] + counts[1]);
    close(
        name,
        "share",
        share,
        100.0 * canaries / number(REQUESTS),
        0.05,
    );
    // Five standard deviations of a fair choice.
    let weight = f64::from(i32::try_from(WEIGHT).unwrap());
    let deviation = (weight * (100.0 - weight) / number(REQUESTS)).sqrt();
    close(name, "share of the weight", share, weight, 5.0 * deviation);
    let set = query_set(name);
    let bounds = set.duration.as_ref().map(|duration| &duration.bounds);
    for (question, quantile) in [("request-duration-p50", 0.5), ("request-duration", 0.99)] {
        let Some(bounds) = bounds else { continue };
        let measured = ask(metric(question), Side::Canary);
        // The proxy sees more than the server and less than the client.
        let inside = percentile(quantile, canary.iter().map(|one| one.inside));
        let took = percentile(quantile, canary.iter().map(|one| one.took));
        println!("{name}: p{quantile} {measured:.1} ms, between {inside:.1} and {took:.1}");
        assert!(measured >= bucket(bounds, inside.floor()).0);
        assert!(measured <= bucket(bounds, took).1);
    }
}

/// In milliseconds, as a histogram has it.
fn percentile(quantile: f64, durations: impl Iterator<Item = Duration>) -> f64 {
    let mut durations: Vec<Duration> = durations.collect();
    durations.sort();
    let below = |index: &usize| number(index + 1) < quantile * number(durations.len());
    let rank = (0..durations.len()).take_while(below).count();
    durations[rank].as_secs_f64() * 1000.0
}

/// The bounds of a histogram around `value`.
fn bucket(bounds: &[f64], value: f64) -> (f64, f64) {
    let index = bounds.partition_point(|bound| *bound < value);
    let lower = index.checked_sub(1).map_or(0.0, |index| bounds[index]);
    (lower, bounds[index])
}
