//! Whole rollouts through a real gateway: the committed weights steer real traffic,
//! and what comes of it is judged.

use std::net::Ipv4Addr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use jiff::Timestamp;
use serde_json::Value as Json;

use super::backend::{Backend, Behaviour};
use super::bootstrap::{Cluster, Route};
use super::load::{Exchange, Traffic};
use super::proxy::waited;
use super::scene::{Scene, close, number};
use crate::gitops::{CANARY, GitOps};

/// Two Canaries of one repository: what becomes of their new revisions.
const APPS: [&str; 2] = ["bad", "good"];
/// Seconds between ticks.
const INTERVAL: i64 = 10;

/// Contour's name for the cluster of a Service.
fn known_as(service: &str) -> String {
    format!("test_{service}_9898")
}

/// The repository.
fn repository() -> GitOps {
    let canary = CANARY
        .replace("interval: 1m", "interval: 10s")
        .replace("threshold: 2", "threshold: 1");
    let gitops = "  gitops:\n    gateway: {implementation: contour}\n    readiness: {from: none}\n";
    GitOps::fleet_of(&(canary + gitops), &APPS.map(str::to_owned))
}

/// A gateway and its traffic.
struct Gateway {
    scene: Scene,
    weights: [Option<[i64; 2]>; 2],
    stop: Arc<AtomicBool>,
    clients: Vec<tokio::task::JoinHandle<Vec<Exchange>>>,
}

impl Gateway {
    async fn start(backends: [&Backend; 3]) -> Self {
        let [primary, bad, good] = backends;
        let clusters = APPS.iter().zip([bad, good]).flat_map(|(app, canary)| {
            [("primary", primary), ("canary", canary)].map(|(side, backend)| {
                let service = format!("{app}-{side}");
                let name = format!("test/{service}/9898/da39a3ee5e");
                Cluster::new(&name, backend.address).known_as(&known_as(&service))
            })
        });
        let clusters: Vec<Cluster> = clusters.collect();
        let scene = Scene::start(&clusters, &[], &[]).await;
        Self {
            scene,
            weights: [None; 2],
            stop: Arc::default(),
            clients: Vec::new(),
        }
    }

    /// Does what a gateway's controller does with the committed routes.
    fn apply(&mut self, world: &GitOps) {
        let weights = APPS.map(|app| weights(world, app));
        if weights == self.weights {
            return;
        }
        let routes = APPS.iter().zip(weights).filter_map(|(app, weights)| {
            let [primary, canary] =
                ["primary", "canary"].map(|side| format!("test/{app}-{side}/9898/da39a3ee5e"));
            let weights = weights?;
            Some(Route::named(
                app,
                &[(&primary, weights[0]), (&canary, weights[1])],
            ))
        });
        self.scene.envoy.route(&routes.collect::<Vec<_>>());
        self.weights = weights;
    }

    /// Sends requests to both, until it is quiet again.
    fn send(&mut self) {
        let to = self.scene.envoy.listener;
        let clients = APPS.map(|app| {
            let stop = Arc::clone(&self.stop);
            tokio::spawn(async move {
                let mut sent = Vec::new();
                while !stop.load(Ordering::Relaxed) {
                    sent.extend(Traffic::new(to, app, 16).send().await);
                    tokio::time::sleep(Duration::from_millis(100)).await;
                }
                sent
            })
        });
        self.clients.extend(clients);
    }

    /// No more requests; what those got that there were.
    async fn quiet(&mut self) -> Vec<Vec<Exchange>> {
        self.stop.store(true, Ordering::Relaxed);
        let mut sent = Vec::new();
        for client in self.clients.drain(..) {
            sent.push(client.await.unwrap());
        }
        sent
    }

    /// The clock of Prometheus.
    fn now(&self) -> i64 {
        let now = self.scene.prometheus.value("time()", None).unwrap();
        format!("{:.0}", now.floor()).parse().unwrap()
    }
}

/// Primary's and canary's weight in the committed route; `None` while there is none.
fn weights(world: &GitOps, app: &str) -> Option<[i64; 2]> {
    let route = world.committed(&format!("apps/{app}/{app}-httproute.yaml"))?;
    let route: Json = serde_yaml::from_str(&route).unwrap();
    let backends = &route["spec"]["rules"][0]["backendRefs"];
    let weight = |side: &str| {
        let name = format!("{app}-{side}");
        let mut backends = backends.as_array().unwrap().iter();
        let backend = backends.find(|backend| backend["name"] == name.as_str());
        backend.unwrap()["weight"].as_i64().unwrap()
    };
    Some([weight("primary"), weight("canary")])
}

/// Ticks of both Canaries.
struct Ticks {
    world: GitOps,
    gateway: Gateway,
    second: i64,
    stories: [Vec<String>; 2],
}

impl Ticks {
    /// One at `self.second`, which is not in the future when metrics are asked for.
    fn tick(&mut self) {
        let now = Timestamp::from_second(self.second).unwrap().to_string();
        let url = self.gateway.scene.prometheus.url();
        let step = self.world.step(&["--now", &now, "--prometheus", &url], &[]);
        for (story, line) in self.stories.iter_mut().zip(step.lines()) {
            println!("{now} {line}");
            story.push(line);
        }
        self.gateway.apply(&self.world);
        self.second += INTERVAL;
    }

    /// Waits until it is time for the next, and all before it is scraped.
    fn wait(&self) {
        let last = format!("timestamp(up{{job=\"envoy\"}}) > {}", self.second);
        waited("its time comes", || {
            self.gateway.scene.prometheus.value(&last, None)
        });
    }

    fn say(&self, both: &str) -> bool {
        let mut stories = self.stories.iter();
        stories.all(|story| story.last().is_some_and(|line| line.contains(both)))
    }
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs real parts"]
async fn traffic_of_a_gateway_decides_between_promotion_and_rollback() {
    let primary = Backend::start(Ipv4Addr::new(127, 0, 2, 1), Behaviour::GOOD).await;
    let failing = Behaviour {
        fails: 4,
        ..Behaviour::GOOD
    };
    let bad = Backend::start(Ipv4Addr::new(127, 0, 2, 2), failing).await;
    let good = Backend::start(Ipv4Addr::new(127, 0, 2, 3), Behaviour::GOOD).await;
    let gateway = Gateway::start([&primary, &bad, &good]).await;
    let mut ticks = Ticks {
        world: repository(),
        // What comes before the first metric need not take place in real time.
        second: gateway.now() - 100,
        gateway,
        stories: [Vec::new(), Vec::new()],
    };
    while !ticks.say("scaled to zero") {
        ticks.tick();
    }
    ticks.gateway.send();
    for app in APPS {
        let deployment = format!("apps/{app}/deployment.yaml");
        ticks.world.edit(&deployment, "6.0.0", "6.1.0");
    }
    ticks.second = ticks.gateway.now() - INTERVAL;
    ticks.tick();
    ticks.wait();
    assert_eq!(bad.answered().0 + good.answered().0, 0);
    ticks.tick();
    let half = Instant::now();
    ticks.wait();
    let judged = Instant::now();
    // Nobody asks for metrics after that.
    for _ in 0..4 {
        ticks.tick();
    }
    let over = Instant::now();
    ticks.gateway.scene.scraped();
    let sent = ticks.gateway.quiet().await;

    told(&ticks.stories);
    let primary_of = |app: &str| {
        let path = format!("apps/{app}/{app}-primary-deployment.yaml");
        ticks.world.file(&path)
    };
    assert!(primary_of("good").contains("good:6.1.0"));
    assert!(primary_of("bad").contains("bad:6.0.0"));
    for (sent, canary) in sent.iter().zip([&bad, &good]) {
        let at_half = sent
            .iter()
            .filter(|one| one.began > half && one.began < judged);
        halved(&at_half.collect::<Vec<_>>(), canary);
        let mut after = sent.iter().filter(|one| one.began > over).peekable();
        assert!(after.peek().is_some());
        assert!(after.all(|one| one.by == Some(primary.address)));
    }
    let (_, measured) = ticks.stories[0][5]
        .split_once("request-success-rate ")
        .unwrap();
    let (measured, _) = measured.split_once(' ').unwrap();
    // The first scrape of each counter is lost, and the ends are estimated.
    close("bad", "success", measured.parse().unwrap(), 75.0, 3.0);
}

/// The canary got half of `sent`.
fn halved(sent: &[&Exchange], canary: &Backend) {
    let canaries = sent.iter().filter(|one| one.by == Some(canary.address));
    let share = 100.0 * number(canaries.count()) / number(sent.len());
    // Five standard deviations of a fair choice.
    close(
        "sent",
        "share",
        share,
        50.0,
        250.0 / number(sent.len()).sqrt(),
    );
}

/// What both stories say from the new revisions on.
fn told(stories: &[Vec<String>; 2]) {
    for (story, expected) in stories.iter().zip(EXPECTED) {
        let started = |line: &String| line.contains("started");
        let begin = story.iter().position(started).unwrap();
        for (line, expected) in story[begin..].iter().zip(expected) {
            assert!(line.starts_with(expected), "{expected}: {story:#?}");
        }
    }
}

/// From the new revisions on.
const EXPECTED: [&[&str]; 2] = [
    &[
        "Progressing started 100/0: ",
        "Progressing advanced 50/50: canary 0 → 50 %",
        "Progressing halted 50/50: check failed: request-success-rate ",
        "Failed rolledBack 100/0: ",
    ],
    &[
        "Progressing started 100/0: ",
        "Progressing advanced 50/50: canary 0 → 50 %",
        "Promoting promoting 50/50: ",
        "Finalising finalising 100/0: all traffic back on good-primary",
        "Succeeded succeeded 100/0: ",
    ],
];
