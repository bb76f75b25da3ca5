//! Engine and renderer together, in memory: whatever happens to the Canary and
//! the target in the middle of a run, nothing leads to the canary after its end.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};
use proptest::prelude::*;
use weirkeeper::api::Phase;
use weirkeeper::decide::{
    Action, Answer, Answers, Facts, MetricAnswer, Next, Plan, Probe, Reading, best_answer, decide,
};
use weirkeeper::render::{Changes, apply, facts};
use weirkeeper::repo::files::Files;
use weirkeeper::repo::inventory::Inventory;
use weirkeeper::repo::rollout::{self, Rollout};

/// Steps of an analysis; a run may change from any to any.
pub(crate) const STRATEGIES: [&str; 8] = [
    "stepWeight: 30",
    "stepWeights: [10, 50, 90], stepWeightPromotion: 40",
    "stepWeight: 30, mirror: true",
    "stepWeight: 30, match: [{headers: {x-beta: {exact: '1'}}}]",
    "stepWeight: 30, sessionAffinity: {cookieName: c, primaryCookieName: p}",
    "iterations: 3, match: [{headers: {x-beta: {exact: '2'}}}, {headers: {x-alpha: {exact: '1'}}}]",
    "iterations: 3",
    "iterations: 2, mirror: true",
];

/// Somebody's own route, with rules of its own.
pub(crate) const OWN: &str = "apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: {name: shop, namespace: shop} # ours
spec:
  parentRefs: [{name: edge}]
  rules:
    - matches: [{path: {type: PathPrefix, value: /static}}]
      backendRefs: [{name: cdn, port: 80}]
    - matches:
        - path: {type: PathPrefix, value: /shop}
      filters: [{type: RequestHeaderModifier, requestHeaderModifier: {remove: [x-debug]}}]
      backendRefs:
        - {name: shop-primary, port: 80, weight: 100}
        - {name: shop-canary, port: 80, weight: 0}
    - backendRefs: # everything else
        - name: shop-primary
          port: 80
          weight: 100
        - name: shop-canary
          port: 80
          weight: 0
";

/// What happens before one tick.
#[derive(Debug, Clone)]
struct Event {
    strategy: Option<usize>,
    release: Option<u8>,
    passes: bool,
}

fn event() -> impl Strategy<Value = Event> {
    (
        prop::option::weighted(0.2, 0..STRATEGIES.len()),
        prop::option::weighted(0.15, 1u8..4),
        prop::bool::weighted(0.85),
    )
        .prop_map(|(strategy, release, passes)| Event {
            strategy,
            release,
            passes,
        })
}

/// A repository in memory, one interval further with each tick.
#[derive(Clone)]
pub(crate) struct World {
    pub(crate) texts: BTreeMap<String, String>,
    strategy: usize,
    version: u8,
    now: Timestamp,
}

impl World {
    /// After the bootstrap.
    fn new(strategy: usize, own_route: bool) -> Self {
        let mut world = Self::bare(strategy, own_route);
        for _ in 0..3 {
            world.tick(true);
        }
        world
    }

    /// Before the first tick.
    pub(crate) fn bare(strategy: usize, own_route: bool) -> Self {
        let mut texts = BTreeMap::from([
            ("canary.yaml".to_owned(), canary(strategy)),
            ("deployment.yaml".to_owned(), deployment(1)),
        ]);
        if own_route {
            texts.insert("route.yaml".to_owned(), OWN.to_owned());
        }
        let now = "2026-01-01T00:00:00Z".parse().unwrap();
        Self {
            texts,
            strategy,
            version: 1,
            now,
        }
    }

    pub(crate) fn rollout(&self) -> Rollout {
        let inventory = Inventory::load(Files::in_memory(self.texts.clone())).unwrap();
        rollout::resolve(&inventory, &inventory.canaries()[0], self.now).unwrap()
    }

    pub(crate) fn facts(&self) -> Facts {
        facts(&self.rollout()).unwrap()
    }

    pub(crate) fn phase(&self) -> Option<Phase> {
        self.rollout().canary.status?.phase
    }

    fn play(&mut self, event: &Event) {
        if let Some(strategy) = event.strategy {
            let change = (canary(self.strategy), canary(strategy));
            let text = self.texts.get_mut("canary.yaml").unwrap();
            *text = text.replacen(&change.0, &change.1, 1);
            self.strategy = strategy;
        }
        if let Some(version) = event.release {
            self.release(version);
        }
    }

    /// Somebody writes another image into the target.
    pub(crate) fn release(&mut self, version: u8) {
        let images = [self.version, version].map(|version| format!("shop:{version}"));
        let text = self.texts.get_mut("deployment.yaml").unwrap();
        *text = text.replacen(&images[0], &images[1], 1);
        self.version = version;
    }

    pub(crate) fn tick(&mut self, passes: bool) -> Plan {
        self.now = self.now.checked_add(SignedDuration::from_mins(1)).unwrap();
        let rollout = self.rollout();
        let facts = facts(&rollout).unwrap();
        let mut answers = Answers::new();
        let plan = loop {
            match decide(&rollout.canary, &facts, &answers, self.now) {
                Next::Done(plan) => break *plan,
                Next::Ask(probes) => answers.extend(probes.into_iter().map(|probe| {
                    let answer = match (&probe, passes) {
                        (Probe::Metric { .. }, false) => Answer::Metric(MetricAnswer {
                            query: String::new(),
                            reading: Reading::Value(0.0),
                            warnings: Vec::new(),
                        }),
                        _ => best_answer(&rollout.canary, &probe),
                    };
                    (probe, answer)
                })),
            }
        };
        let mut changes = Changes::default();
        let files = Files::in_memory(self.texts.clone());
        apply(&plan, &rollout, &files, &mut changes).unwrap();
        self.texts.extend(changes.texts().clone());
        plan
    }
}

fn canary(strategy: usize) -> String {
    let steps = STRATEGIES[strategy];
    format!(
        "apiVersion: flagger.app/v1beta1
kind: Canary
metadata: {{name: shop, namespace: shop}}
spec:
  targetRef: {{apiVersion: apps/v1, kind: Deployment, name: shop}}
  service: {{port: 80, gatewayRefs: [{{name: edge}}]}}
  analysis: {{interval: 1m, threshold: 2, {steps},
    metrics: [{{name: request-success-rate, thresholdRange: {{min: 99}}}}]}}
"
    )
}

fn deployment(version: u8) -> String {
    format!(
        "apiVersion: apps/v1
kind: Deployment
metadata: {{name: shop, namespace: shop}}
spec:
  replicas: 2
  selector: {{matchLabels: {{app: shop}}}}
  template:
    metadata: {{labels: {{app: shop}}}}
    spec: {{containers: [{{name: shop, image: \"shop:{version}\"}}]}}
"
    )
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 24,
        failure_persistence: None,
        ..ProptestConfig::default()
    })]

    #[test]
    fn nothing_leads_to_the_canary_after_the_end(
        strategy in 0..STRATEGIES.len(),
        own_route in any::<bool>(),
        events in prop::collection::vec(event(), 1..14),
    ) {
        let mut world = World::new(strategy, own_route);
        world.play(&Event { strategy: None, release: Some(9), passes: true });
        for event in &events {
            world.play(event);
            let before = world.facts().exposed;
            let plan = world.tick(event.passes);
            let after = world.facts().exposed;
            prop_assert!(
                after <= before || plan.action == Action::Advanced,
                "{:?} raised {before} to {after}", plan.action
            );
        }
        for _ in 0..40 {
            let plan = world.tick(true);
            if plan.is_empty() {
                break;
            }
        }
        let status = world.rollout().canary.status.unwrap();
        prop_assert!(world.phase().is_some_and(|phase| !phase.is_active()), "{:?}", world.phase());
        prop_assert_eq!(world.facts().exposed, 0);
        prop_assert_eq!(status.routed, Some(weirkeeper::api::Traffic::PRIMARY));
        if own_route {
            prop_assert_eq!(&world.texts["route.yaml"], OWN);
        }
    }
}
