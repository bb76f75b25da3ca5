//! A spec, a route or a target that changes in the middle of a run.

use crate::api::{HttpMatch, Phase, StringMatch, Traffic};
use crate::decide::world::World;
use crate::decide::{Action, Effect, Primary, Readiness, Reading, Routed};

fn header(value: &str) -> Vec<HttpMatch> {
    let value = StringMatch {
        exact: Some(value.to_owned()),
        ..StringMatch::default()
    };
    vec![HttpMatch {
        headers: Some([("x-beta".to_owned(), value)].into()),
        ..HttpMatch::default()
    }]
}

/// An A/B test with everything that matches on the canary.
fn ab_test() -> World {
    let mut world =
        World::new("threshold: 1, iterations: 5, match: [{headers: {x-beta: {exact: '1'}}}]");
    world.release("v2");
    for _ in 0..3 {
        world.tick();
    }
    assert_eq!(world.traffic(), Traffic::CANARY);
    world
}

/// The weights were meant for those who match: nobody else may get them.
#[test]
fn without_its_match_a_test_starts_from_the_primary() {
    for iterations in [None, Some(5)] {
        let mut world = ab_test();
        let analysis = world.canary.spec.analysis.as_mut().unwrap();
        analysis.matches = None;
        analysis.iterations = iterations;
        analysis.step_weight = Some(10);
        world.facts.exposed = 100;
        world.tick();
        assert!(world.traffic().canary <= 10, "{}", world.line());
        world.run();
        assert_eq!(world.phase(), Some(Phase::Succeeded));
    }
}

#[test]
fn a_match_that_comes_starts_from_the_primary() {
    let mut world = World::new("threshold: 1, stepWeight: 30");
    world.release("v2");
    for _ in 0..3 {
        world.tick();
    }
    world.canary.spec.analysis.as_mut().unwrap().matches = Some(header("1"));
    world.tick();
    assert_eq!(world.line(), "Progressing 70/30 i0 f0 w30");
}

#[test]
fn another_match_keeps_the_weights() {
    let mut world = ab_test();
    world.canary.spec.analysis.as_mut().unwrap().matches = Some(header("2"));
    let plan = world.tick();
    let traffic = Traffic::CANARY;
    assert_eq!(plan.effects, [Effect::SetTraffic { traffic }]);
    assert_eq!(plan.action, Action::Advanced);
    assert!(world.tick().effects.is_empty(), "written once");
}

#[test]
fn a_mirror_that_goes_is_taken_out() {
    let mut world = World::new("threshold: 1, iterations: 5, mirror: true");
    world.release("v2");
    for _ in 0..3 {
        world.tick();
    }
    assert!(world.traffic().mirrored);
    world.canary.spec.analysis.as_mut().unwrap().mirror = None;
    world.reading = Reading::Value(7.0);
    let plan = world.tick();
    assert_eq!(plan.action, Action::Halted);
    assert_eq!(world.traffic(), Traffic::PRIMARY);
}

/// A route may read 100/0 and still lead to the canary, by a rule that was added.
#[test]
fn the_end_of_a_run_leaves_nothing_that_leads_to_the_canary() {
    let mut world = ab_test();
    world.route(Traffic::PRIMARY);
    world.facts.exposed = 100;
    world.release("v1");
    let plan = world.tick();
    assert_eq!(plan.phase, Some(Phase::Succeeded));
    let traffic = Traffic::PRIMARY;
    assert!(plan.effects.contains(&Effect::SetTraffic { traffic }));
}

/// One rule set back by hand does not end the measuring of the others.
#[test]
fn checks_go_on_while_a_rule_leads_to_the_canary() {
    let mut world = World::new("threshold: 1, stepWeight: 20");
    world.release("v2");
    world.tick();
    world.tick();
    world.facts.routed = Routed::Uneven(vec![Traffic::canary(20), Traffic::PRIMARY]);
    world.facts.exposed = 20;
    world.reading = Reading::Value(7.0);
    assert_eq!(world.tick().action, Action::Halted);
    assert_eq!(world.tick().action, Action::RolledBack);
}

/// The primary runs the revision whose promotion failed: to go back to the one
/// before is a release, and no cancelled one.
#[test]
fn after_a_failed_promotion_going_back_is_analysed() {
    let mut world = World::new("threshold: 1, stepWeight: 50, maxWeight: 50");
    world.release("v2");
    for _ in 0..4 {
        world.tick();
    }
    world.primary = Readiness::Stuck("no pods".into());
    assert_eq!(world.tick().phase, Some(Phase::Failed));
    world.primary = Readiness::Ready;
    world.release("v3");
    assert_eq!(world.tick().action, Action::Started);
    world.release("v1");
    // Nor is the traffic sent to a primary that breaks again.
    world.primary = Readiness::Stuck("no pods".into());
    assert_eq!(world.tick().action, Action::Held);
    assert_eq!(world.traffic(), Traffic::CANARY);
    world.primary = Readiness::Ready;
    assert_eq!(world.tick().phase, Some(Phase::Promoting), "not cancelled");
}

/// A config that came with the revision is released, or taken back, too.
#[test]
fn a_run_is_cancelled_when_its_configs_are_back_as_well() {
    let mut world = World::new("threshold: 1, stepWeight: 20");
    world.release("v2");
    world
        .facts
        .configs
        .insert("configmap/a".into(), "c2".into());
    world.tick();
    world.tick();
    world.release("v1");
    assert_eq!(world.tick().phase, Some(Phase::Progressing));
    world.facts.configs.clear();
    assert_eq!(world.tick().phase, Some(Phase::Succeeded));
    assert!(world.canary.status.unwrap().tracked_configs.is_empty());
}

#[test]
fn nobody_waits_for_word_of_the_workloads_to_roll_back() {
    let unknown = || Readiness::Unknown("Prometheus does not answer".into());
    let mut world = World::new(
        "threshold: 1, stepWeight: 20, webhooks: [{name: back, type: rollback, url: 'http://gate'}]",
    );
    world.release("v2");
    world.tick();
    world.tick();
    let mut asked = world.clone();
    asked.primary = unknown();
    assert_eq!(asked.tick().action, Action::Held);
    asked.against.insert("back".into());
    assert_eq!(asked.tick().action, Action::RolledBack);

    world.reading = Reading::Value(7.0);
    world.tick();
    world.target = unknown();
    assert_eq!(
        world.tick().action,
        Action::RolledBack,
        "too many failed checks"
    );
}

/// The primary of before, and a revision that came before it was ready.
#[test]
fn a_revision_that_came_during_the_bootstrap_waits_for_its_gate() {
    let mut world = World::new(
        "threshold: 1, stepWeight: 20, webhooks: [{name: start, type: confirm-rollout, url: 'http://gate'}]",
    );
    world.canary.status = None;
    world.facts.primary = Primary::Different;
    world.tick();
    world.against.insert("start".into());
    world.tick();
    let status = world.canary.status.clone().unwrap();
    assert_eq!(status.phase, Some(Phase::Waiting));
    assert_eq!(crate::api::validate_status(&status, world.now), []);
}
