//! `git revert` of the last step, at any time: state and weights go back together, and the rollout goes
//! on from there and ends well.

use std::collections::BTreeMap;

use proptest::prelude::*;
use weirkeeper::api::{Phase, Traffic};

use crate::engine::{OWN, STRATEGIES, World};
use crate::support::dice::number;
use crate::support::gitops::World as Repository;
use crate::support::judge::judge;
use crate::support::prometheus::Says;
use crate::support::world::git;

/// Ticks after which a rollout that is not over never will be.
const MANY: usize = 60;

/// A rollout with all that was ever committed.
#[derive(Clone)]
struct History {
    world: World,
    /// The files before each commit, and whether it was a step.
    commits: Vec<(BTreeMap<String, String>, bool)>,
}

impl History {
    fn new(strategy: usize, own_route: bool) -> Self {
        Self {
            world: World::bare(strategy, own_route),
            commits: Vec::new(),
        }
    }

    fn commit(&mut self, is_step: bool, change: impl FnOnce(&mut World)) -> bool {
        let before = self.world.texts.clone();
        change(&mut self.world);
        let changed = before != self.world.texts;
        if changed {
            self.commits.push((before, is_step));
        }
        changed
    }

    fn release(&mut self, version: u8) {
        self.commit(false, |world| world.release(version));
    }

    /// Takes a step; says whether there was one.
    fn tick(&mut self, passes: bool) -> bool {
        let stepped = self.commit(true, |world| {
            world.tick(passes);
        });
        if !stepped {
            return false;
        }
        let facts = self.world.facts();
        assert!(
            facts.exposed == 0 || facts.target_replicas != Some(0),
            "requests and no pods: {:#?}",
            self.world.texts
        );
        true
    }

    /// Reverts the last commit, if it is a step.
    fn revert(&mut self) {
        if let Some((before, true)) = self.commits.last().cloned() {
            self.commit(false, |world| world.texts = before);
        }
    }

    /// Goes on until nothing changes any more.
    fn end(&mut self, passes: bool) {
        for _ in 0..MANY {
            if !self.tick(passes) && !self.is_active() {
                return;
            }
        }
        panic!("it does not end: {:?}", self.world.phase());
    }

    fn is_active(&self) -> bool {
        self.world.phase().is_none_or(Phase::is_active)
    }

    /// It is over, everything is on the primary, and nothing is left of the run.
    fn check(&self, own_route: bool) -> Phase {
        let status = self.world.rollout().canary.status.unwrap();
        let phase = status.phase.unwrap();
        assert!(
            [Phase::Initialized, Phase::Succeeded, Phase::Failed].contains(&phase),
            "{phase}"
        );
        let facts = self.world.facts();
        assert_eq!(facts.exposed, 0);
        assert_eq!(status.routed, Some(Traffic::PRIMARY));
        assert_eq!(facts.target_replicas, Some(0));
        assert_ne!(facts.primary_replicas, Some(0));
        if phase == Phase::Succeeded {
            assert_eq!(status.last_promoted_spec, facts.revision);
        }
        if own_route {
            assert_eq!(self.world.texts["route.yaml"], OWN);
        }
        phase
    }
}

/// Every prefix of bootstrap, release and its end (or every second one) with its last step reverted.
fn every_prefix(strategy: usize, own_route: bool, passes: bool, all: bool) {
    let mut history = History::new(strategy, own_route);
    let (mut released, mut prefixes) = (false, 0);
    for _ in 0..MANY {
        // Until the release every check would pass: there is none.
        if history.tick(passes) {
            prefixes += 1;
            if !all && prefixes % 2 == 0 {
                continue;
            }
            let mut other = history.clone();
            other.revert();
            other.end(passes);
            let phase = other.check(own_route);
            let wanted = match (released, passes) {
                (false, _) => Phase::Initialized,
                (true, true) => Phase::Succeeded,
                (true, false) => Phase::Failed,
            };
            assert_eq!(phase, wanted, "{}", STRATEGIES[strategy]);
        } else if history.is_active() {
            continue;
        } else if released {
            assert!(prefixes > 6, "{prefixes}");
            return;
        } else {
            history.release(2);
            released = true;
        }
    }
    panic!("it does not end: {}", STRATEGIES[strategy]);
}

#[test]
fn the_last_step_of_any_prefix_can_be_reverted() {
    let all = number("WEIRKEEPER_PREFIXES", 0) > 0;
    for strategy in 0..STRATEGIES.len() {
        for passes in [true, false] {
            // Without more time, every strategy and every end, though not each with each.
            if all || passes == (strategy % 2 == 0) {
                every_prefix(strategy, strategy % 4 < 2, passes, all);
            }
        }
    }
}

/// With real commits: the reverts of a person between the runs of the program.
fn reverting(actions: &[&str], metric: f64) -> Vec<String> {
    // A revert makes the next run a late one, which would judge the checks of the step again.
    let late = (
        "apps/podinfo/canary.yaml",
        "  analysis:\n",
        "  analysis:\n    catchUp: false\n",
    );
    let world = Repository::with(&[late]);
    let mut actions = actions.iter().peekable();
    let mut told = Vec::new();
    let mut released = false;
    for _ in 0..MANY {
        let line = world.tick();
        let action = line
            .split_whitespace()
            .nth(2)
            .unwrap()
            .trim_end_matches(':');
        let quiet = ["no new revision", "is not tried again"];
        let quiet = quiet.iter().any(|end| line.ends_with(end));
        told.push(line.clone());
        if actions.next_if(|wanted| **wanted == action).is_some() {
            world.pull();
            git(&world.person(), &["revert", "--no-edit", "HEAD"]);
            git(&world.person(), &["push", "-q", "origin", "HEAD:main"]);
            told.push("a person reverts that".to_owned());
        } else if quiet && released {
            assert_eq!(actions.next(), None);
            judge(&world.remote(), 60);
            return told;
        } else if quiet {
            world.release("podinfo:6.0.0", "podinfo:6.1.0");
            world.prometheus.set("http_request", Says::Value(metric));
            released = true;
        }
    }
    panic!("it does not end: {told:#?}");
}

#[test]
fn reverts_in_a_promoted_release() {
    let told = reverting(&["initialized", "started", "promoting", "succeeded"], 99.9);
    insta::assert_snapshot!(told.join("\n"), @"
    Initializing -/- held: podinfo-primary created, waiting until it is ready
    Initialized 100/0 initialized: initialized, all traffic on podinfo-primary
    a person reverts that
    Initialized 100/0 initialized: initialized, all traffic on podinfo-primary
    Initialized 100/0 idle: podinfo scaled to zero
    Initialized 100/0 idle: no new revision
    Progressing 100/0 started: new revision bb1ec46e detected, scaling up podinfo
    a person reverts that
    Progressing 100/0 started: new revision bb1ec46e detected, scaling up podinfo
    Progressing 75/25 advanced: canary 0 → 25 %
    Progressing 50/50 advanced: canary 25 → 50 %
    Promoting 50/50 promoting: revision bb1ec46e copied to podinfo-primary
    a person reverts that
    Promoting 50/50 promoting: revision bb1ec46e copied to podinfo-primary
    Finalising 100/0 finalising: all traffic back on podinfo-primary
    Succeeded 100/0 succeeded: promotion of bb1ec46e completed
    a person reverts that
    Succeeded 100/0 succeeded: promotion of bb1ec46e completed
    Succeeded 100/0 idle: no new revision
    ");
}

#[test]
fn reverts_in_a_release_that_is_rolled_back() {
    let told = reverting(&["held", "halted", "rolledBack"], 90.0);
    insta::assert_snapshot!(told.join("\n"), @"
    Initializing -/- held: podinfo-primary created, waiting until it is ready
    a person reverts that
    Initializing -/- held: podinfo-primary created, waiting until it is ready
    Initialized 100/0 initialized: initialized, all traffic on podinfo-primary
    Initialized 100/0 idle: podinfo scaled to zero
    Initialized 100/0 idle: no new revision
    Progressing 100/0 started: new revision bb1ec46e detected, scaling up podinfo
    Progressing 75/25 advanced: canary 0 → 25 %
    Progressing 75/25 halted f1: check failed: request-success-rate 90 (min 99)
    a person reverts that
    Progressing 75/25 halted f1: check failed: request-success-rate 90 (min 99)
    Progressing 75/25 halted f2: check failed: request-success-rate 90 (min 99)
    Progressing 75/25 halted f3: check failed: request-success-rate 90 (min 99)
    Failed 100/0 rolledBack: revision bb1ec46e rolled back: 3 failed checks reached the threshold of 3
    a person reverts that
    Failed 100/0 rolledBack: revision bb1ec46e rolled back: 3 failed checks reached the threshold of 3
    Failed 100/0 idle: podinfo scaled to zero
    Failed 100/0 idle: revision bb1ec46e failed and is not tried again
    ");
}

/// What happens next.
#[derive(Debug, Clone, Copy)]
enum Event {
    Tick(bool),
    Revert,
    Release(u8),
}

fn event() -> impl Strategy<Value = Event> {
    prop_oneof![
        6 => prop::bool::weighted(0.85).prop_map(Event::Tick),
        2 => Just(Event::Revert),
        1 => (1u8..4).prop_map(Event::Release),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 8,
        failure_persistence: None,
        ..ProptestConfig::default()
    })]

    #[test]
    fn steps_can_be_reverted_again_and_again(
        strategy in 0..STRATEGIES.len(),
        own_route in any::<bool>(),
        events in prop::collection::vec(event(), 1..30),
    ) {
        let mut history = History::new(strategy, own_route);
        for event in events {
            match event {
                Event::Tick(passes) => {
                    history.tick(passes);
                }
                Event::Revert => history.revert(),
                Event::Release(version) => history.release(version),
            }
        }
        history.end(true);
        history.check(own_route);
    }
}
