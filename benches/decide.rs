//! Ticks per second of the engine, from the new revision to the promotion, for
//! each strategy: the decision alone, and with everything that `step` does in
//! memory: read the manifests, decide, edit route, workloads and status.
//!
//! `cargo bench --bench decide` (seconds for each figure: `-- 5`).

#![allow(clippy::unwrap_used, reason = "a measurement that cannot be made ends")]
#![allow(clippy::print_stdout, reason = "the figures are the result")]

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use jiff::{SignedDuration, Timestamp};
use weirkeeper::api::Canary;
use weirkeeper::decide::{Answers, Facts, Next, Plan, Primary, best_answer, decide, schedule};
use weirkeeper::render::{Changes, apply, facts};
use weirkeeper::repo::files::Files;
use weirkeeper::repo::inventory::Inventory;
use weirkeeper::repo::rollout;

const STRATEGIES: [(&str, &str); 5] = [
    ("canary", "stepWeight: 5, maxWeight: 50"),
    (
        "sticky canary",
        "stepWeight: 5, maxWeight: 50, sessionAffinity: {cookieName: shop}",
    ),
    (
        "A/B",
        "iterations: 10, match: [{headers: {x-beta: {exact: '1'}}}]",
    ),
    ("blue/green", "iterations: 10"),
    ("blue/green mirrored", "iterations: 10, mirror: true"),
];

fn main() {
    let seconds = std::env::args()
        .skip(1)
        .find_map(|argument| argument.parse().ok())
        .unwrap_or(2);
    let limit = Duration::from_secs(seconds);
    println!(
        "{:<22}{:>14}{:>16}",
        "ticks per second", "decide", "with rendering"
    );
    for (name, steps) in STRATEGIES {
        let canary = canary(steps);
        let alone = rate(limit, || decide_release(&canary));
        let whole = rate(limit, || render_release(&canary));
        println!("{name:<22}{alone:>14.0}{whole:>16.0}");
    }
}

/// Ticks per second of something that says how many it took.
#[expect(clippy::cast_precision_loss, reason = "far fewer ticks than that")]
fn rate(limit: Duration, mut run: impl FnMut() -> usize) -> f64 {
    run();
    let start = Instant::now();
    let mut ticks = 0;
    while start.elapsed() < limit {
        ticks += run();
    }
    ticks as f64 / start.elapsed().as_secs_f64()
}

fn canary(steps: &str) -> String {
    format!(
        "apiVersion: flagger.app/v1beta1
kind: Canary
metadata: {{name: podinfo, namespace: shop}}
spec:
  targetRef: {{apiVersion: apps/v1, kind: Deployment, name: podinfo}}
  service: {{port: 80, gatewayRefs: [{{name: edge}}]}}
  analysis:
    {{interval: 1m, threshold: 5, {steps}, metrics: [
      {{name: request-success-rate, thresholdRange: {{min: 99}}}},
      {{name: request-duration, thresholdRange: {{max: 500}}}}]}}
"
    )
}

fn start() -> Timestamp {
    "2026-01-01T00:00:00Z".parse().unwrap()
}

/// One release, decided ahead.
fn decide_release(canary: &str) -> usize {
    let canary: Canary = serde_yaml::from_str(canary).unwrap();
    let facts = Facts {
        revision: "v1".to_owned(),
        primary: Primary::Current,
        primary_replicas: Some(2),
        target_replicas: Some(2),
        services: true,
        ..Facts::default()
    };
    // The bootstrap brings the status; then the new revision comes.
    let mut canary = canary;
    canary.status = Some(plan(&canary, &facts, start()).status.unwrap());
    let facts = Facts {
        revision: "v2".to_owned(),
        primary: Primary::Different,
        routed: weirkeeper::decide::Routed::Even(weirkeeper::api::Traffic::PRIMARY),
        ..facts
    };
    let milestones = schedule(&canary, &facts, start());
    assert!(milestones.len() > 10, "{milestones:#?}");
    milestones.len()
}

/// One release from the bootstrap on, with its manifests.
fn render_release(canary: &str) -> usize {
    let mut texts = BTreeMap::from([
        ("canary.yaml".to_owned(), canary.to_owned()),
        ("deployment.yaml".to_owned(), deployment("1.0")),
    ]);
    let mut now = start();
    let mut ticks = 0;
    for release in ["1.0", "2.0"] {
        let old = texts["deployment.yaml"].clone();
        texts.insert(
            "deployment.yaml".to_owned(),
            old.replace("shop:1.0", &format!("shop:{release}")),
        );
        loop {
            now = now.checked_add(SignedDuration::from_mins(1)).unwrap();
            let changed = tick(&texts, now);
            ticks += 1;
            if changed.is_empty() {
                break;
            }
            texts.extend(changed);
        }
    }
    assert!(
        texts["canary.yaml"].contains("phase: Succeeded"),
        "{}",
        texts["canary.yaml"]
    );
    ticks
}

fn tick(texts: &BTreeMap<String, String>, now: Timestamp) -> BTreeMap<String, String> {
    let inventory = Inventory::load(Files::in_memory(texts.clone())).unwrap();
    let rollout = rollout::resolve(&inventory, &inventory.canaries()[0], now).unwrap();
    let facts = facts(&rollout).unwrap();
    let plan = plan(&rollout.canary, &facts, now);
    let mut changes = Changes::default();
    apply(&plan, &rollout, inventory.files(), &mut changes).unwrap();
    changes.texts().clone()
}

fn plan(canary: &Canary, facts: &Facts, now: Timestamp) -> Plan {
    let mut answers = Answers::new();
    loop {
        match decide(canary, facts, &answers, now) {
            Next::Done(plan) => return *plan,
            Next::Ask(probes) => answers.extend(probes.into_iter().map(|probe| {
                let answer = best_answer(canary, &probe);
                (probe, answer)
            })),
        }
    }
}

fn deployment(version: &str) -> String {
    format!(
        "apiVersion: apps/v1
kind: Deployment
metadata: {{name: podinfo, namespace: shop}}
spec:
  replicas: 2
  selector: {{matchLabels: {{app: podinfo}}}}
  template:
    metadata: {{labels: {{app: podinfo}}}}
    spec: {{containers: [{{name: shop, image: \"shop:{version}\"}}]}}
"
    )
}
