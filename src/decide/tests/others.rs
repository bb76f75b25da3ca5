//! Requests that are too few, the route that follows the spec, the way back
//! from a failure.

use crate::api::{OnNoData, Phase, Traffic};
use crate::decide::world::World;
use crate::decide::{Action, Effect, Probe, Readiness, Reading};

#[test]
fn few_requests_hold_when_the_metric_says_so() {
    let mut world = World::new("threshold: 1, stepWeight: 50");
    let metric = &mut world
        .canary
        .spec
        .analysis
        .as_mut()
        .unwrap()
        .metrics
        .as_mut()
        .unwrap()[0];
    metric.min_requests = Some(10);
    metric.on_no_data = OnNoData::Hold;
    world.release("v2");
    world.tick();
    world.tick();
    world.reading = Reading::Value(0.5);
    let plan = world.tick();
    assert_eq!(
        plan.action,
        Action::Held,
        "half a request is not ten: {:?}",
        plan.reasons
    );
    assert!(world.asked.contains(&Probe::Requests { index: 0 }));
}

#[test]
fn a_generated_route_follows_the_spec_with_its_weights() {
    let mut world = World::new("threshold: 1, stepWeight: 25");
    world.release("v2");
    world.tick();
    world.tick();
    world.facts.route_outdated = true;
    let plan = world.tick();
    let traffic = Traffic::canary(50);
    assert_eq!(
        plan.effects,
        [Effect::UpdateRoute { traffic }],
        "a step writes it at once"
    );

    world.run();
    world.facts.route_outdated = true;
    let last_step = world.canary.status.as_ref().unwrap().last_step_time;
    let plan = world.tick();
    let traffic = Traffic::PRIMARY;
    assert!(
        plan.effects.contains(&Effect::UpdateRoute { traffic }),
        "{plan:?}"
    );
    assert_eq!(plan.phase, Some(Phase::Succeeded));
    assert!(!world.facts.route_outdated && last_step.is_some());
}

/// Flagger saves the target's revision in every tick while Failed.
#[test]
fn a_failed_revision_is_new_again_after_the_promoted_one_was_back() {
    let mut world = World::new("threshold: 1, stepWeight: 50");
    world.release("v2");
    world.tick();
    world.tick();
    world.reading = Reading::Value(7.0);
    world.run();
    assert_eq!(world.phase(), Some(Phase::Failed));
    world.tick();
    world.release("v1");
    assert_eq!(world.tick().action, Action::Idle);
    world.release("v2");
    assert_eq!(world.tick().action, Action::Started);
}

#[test]
fn iterations_lowered_during_a_run_end_it() {
    for (more, strategy) in [
        ("", "blue/green"),
        (", match: [{headers: {x: {exact: y}}}]", "A/B"),
    ] {
        let mut world = World::new(&format!("threshold: 1, iterations: 5{more}"));
        world.release("v2");
        for _ in 0..4 {
            world.tick();
        }
        world.canary.spec.analysis.as_mut().unwrap().iterations = Some(1);
        assert_eq!(world.tick().action, Action::Promoting, "{strategy}");
    }
}

/// A broken primary ends a run, whatever the strategy has sent to the canary.
#[test]
fn a_stuck_primary_rolls_back() {
    for steps in [
        "stepWeight: 50",
        "iterations: 3, match: [{headers: {x: {exact: y}}}]",
        "iterations: 1",
    ] {
        let mut world = World::new(&format!("threshold: 1, {steps}"));
        world.release("v2");
        for _ in 0..3 {
            world.tick();
        }
        world.primary = Readiness::Stuck("no pods".into());
        let plan = world.tick();
        assert_eq!(plan.action, Action::RolledBack, "{steps}");
        assert_eq!(world.traffic(), Traffic::PRIMARY);
    }
}
