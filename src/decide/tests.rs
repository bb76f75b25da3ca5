//! The worked sequences of Flagger, and what differs from it on purpose.

mod affinity;
mod applied;
mod changes;
mod ends;
mod evidence;
mod gates;
mod git_gates;
mod harm;
mod holds;
mod late;
mod others;
mod people;

use super::world::World;
use super::{Action, Effect, MetricSource, Primary, Probe, Readiness, Reading, Routed, schedule};
use crate::api::{Deferred, OnDrift, Phase, Traffic};

fn lines(text: &str) -> Vec<String> {
    text.trim()
        .lines()
        .map(|line| line.trim().to_owned())
        .collect()
}

fn run(analysis: &str) -> Vec<String> {
    let mut world = World::new(analysis);
    world.release("v2");
    world.run()
}

#[test]
fn linear_weights() {
    let expected = lines(
        "Progressing 100/0 i0 f0 w0
         Progressing 80/20 i0 f0 w20
         Progressing 60/40 i0 f0 w40
         Promoting 60/40 i0 f0 w40
         Finalising 100/0 i0 f0 w0
         Succeeded 100/0 i0 f0 w0",
    );
    assert_eq!(run("threshold: 5, stepWeight: 20, maxWeight: 40"), expected);
}

#[test]
fn ladder_of_weights() {
    let expected = lines(
        "Progressing 100/0 i0 f0 w0
         Progressing 99/1 i0 f0 w1
         Progressing 90/10 i0 f0 w10
         Progressing 20/80 i0 f0 w80
         Promoting 20/80 i0 f0 w80
         Finalising 100/0 i0 f0 w0
         Succeeded 100/0 i0 f0 w0",
    );
    assert_eq!(run("threshold: 5, stepWeights: [1, 10, 80]"), expected);
}

#[test]
fn traffic_returns_step_by_step() {
    let expected = lines(
        "Progressing 100/0 i0 f0 w0
         Progressing 75/25 i0 f0 w25
         Progressing 50/50 i0 f0 w50
         Promoting 50/50 i0 f0 w50
         Promoting 70/30 i0 f0 w30
         Promoting 90/10 i0 f0 w10
         Finalising 100/0 i0 f0 w0
         Succeeded 100/0 i0 f0 w0",
    );
    let analysis = "threshold: 5, stepWeight: 25, maxWeight: 50, stepWeightPromotion: 20";
    assert_eq!(run(analysis), expected);
}

#[test]
fn ab_testing() {
    let expected = lines(
        "Progressing 100/0 i0 f0 w0
         Progressing 0/100 i1 f0 w0
         Progressing 0/100 i2 f0 w0
         Progressing 0/100 i3 f0 w0
         Promoting 0/100 i3 f0 w0
         Finalising 100/0 i0 f0 w0
         Succeeded 100/0 i0 f0 w0",
    );
    let analysis = "threshold: 5, iterations: 3, match: [{headers: {x-beta: {exact: '1'}}}]";
    assert_eq!(run(analysis), expected);
}

#[test]
fn blue_green_with_mirror() {
    let expected = lines(
        "Progressing 100/0 i0 f0 w0
         Progressing 100/0 mirrored i1 f0 w0
         Progressing 100/0 mirrored i2 f0 w0
         Progressing 0/100 i3 f0 w0
         Promoting 0/100 i3 f0 w0
         Finalising 100/0 i0 f0 w0
         Succeeded 100/0 i0 f0 w0",
    );
    assert_eq!(run("threshold: 5, iterations: 2, mirror: true"), expected);
}

/// Failed checks add up over the run and roll back in the tick after the one
/// that reaches the threshold.
#[test]
fn failed_checks_roll_back() {
    let mut world = World::new("threshold: 2, stepWeight: 10, maxWeight: 50");
    world.release("v2");
    let mut seen = Vec::new();
    for reading in [0.0, 0.0, 0.0, 9.0, 0.0, 9.0, 0.0] {
        world.reading = Reading::Value(reading);
        let plan = world.tick();
        seen.push(format!("{:?} {}", plan.action, world.line()));
    }
    let expected = lines(
        "Started Progressing 100/0 i0 f0 w0
         Advanced Progressing 90/10 i0 f0 w10
         Advanced Progressing 80/20 i0 f0 w20
         Halted Progressing 80/20 i0 f1 w20
         Advanced Progressing 70/30 i0 f1 w30
         Halted Progressing 70/30 i0 f2 w30
         RolledBack Failed 100/0 i0 f0 w0",
    );
    assert_eq!(seen, expected);
}

/// The commit that takes the traffic away leaves the pods; a later one stops them.
#[test]
fn the_target_is_scaled_down_after_the_traffic_is_gone() {
    let mut world = World::new("threshold: 1, stepWeight: 50");
    world.release("v2");
    world.tick();
    world.tick();
    world.target = Readiness::Stuck("no pods".into());
    let rollback = world.tick();
    assert_eq!(rollback.action, Action::RolledBack);
    let deferred = Effect::Defer {
        deferred: Deferred::ScaleCanaryToZero,
    };
    assert!(
        rollback.effects.contains(&deferred),
        "{:?}",
        rollback.effects
    );
    assert_eq!(world.facts.target_replicas, Some(2));

    let early = {
        let mut early = world.clone();
        early.now = rollback.status.unwrap().last_step_time.unwrap();
        early.decide()
    };
    assert_eq!(early.action, Action::NotDue);

    let later = world.tick();
    assert_eq!(later.effects, [Effect::ScaleCanaryToZero]);
    let status = world.canary.status.clone().unwrap();
    assert_eq!(status.target_replicas, Some(2));
    assert!(status.deferred.is_empty());
    assert!(world.tick().is_empty());
}

#[test]
fn without_traffic_the_target_goes_at_once() {
    let mut world = World::new("threshold: 1, stepWeight: 50");
    world.release("v2");
    world.tick();
    world.target = Readiness::Stuck("no pods".into());
    let plan = world.tick();
    assert_eq!(plan.effects, [Effect::ScaleCanaryToZero]);
    assert_eq!(world.phase(), Some(Phase::Failed));
}

#[test]
fn a_failed_revision_is_not_tried_again_but_the_next_one_is() {
    let mut world = World::new("threshold: 1, stepWeight: 50");
    world.release("v2");
    world.tick();
    world.tick();
    world.reading = Reading::Empty;
    assert_eq!(world.tick().action, Action::Halted);
    assert_eq!(world.tick().action, Action::RolledBack);
    world.tick();
    assert_eq!(world.tick().action, Action::Idle);
    world.release("v3");
    let start = world.tick();
    assert_eq!(start.action, Action::Started);
    assert!(
        start
            .effects
            .contains(&Effect::ScaleCanaryUp { replicas: Some(2) })
    );
}

#[test]
fn another_revision_starts_over() {
    let mut world = World::new("threshold: 5, stepWeight: 20, maxWeight: 40");
    world.release("v2");
    for _ in 0..3 {
        world.tick();
    }
    world.release("v3");
    assert_eq!(world.tick().action, Action::Restarted);
    assert_eq!(world.line(), "Progressing 100/0 i0 f0 w0");
    assert_eq!(world.canary.status.clone().unwrap().last_applied_spec, "v3");
    assert_eq!(
        world.run().last().map(String::as_str),
        Some("Succeeded 100/0 i0 f0 w0")
    );
    assert_eq!(world.canary.status.unwrap().last_promoted_spec, "v3");
}

/// Reverting the version bump is the abort button.
#[test]
fn back_to_the_promoted_revision_cancels() {
    let mut world = World::new("threshold: 5, stepWeight: 20, maxWeight: 40");
    world.release("v2");
    world.tick();
    world.tick();
    world.release("v1");
    world.primary = Readiness::NotReady("one pod missing".into());
    let plan = world.tick();
    assert_eq!(plan.action, Action::Succeeded);
    assert_eq!(world.line(), "Succeeded 100/0 i0 f0 w0");
    let condition = world.canary.status.clone().unwrap().conditions[0].clone();
    assert_eq!(condition.reason, "Cancelled");
    assert_eq!(world.tick().effects, [Effect::ScaleCanaryToZero]);
    assert_eq!(world.tick().action, Action::Idle);
}

#[test]
fn weights_set_by_hand_hold_but_a_rollback_stays_possible() {
    let mut world = World::new("threshold: 1, stepWeight: 10");
    world.release("v2");
    world.tick();
    world.tick();
    world.route(Traffic::canary(45));
    let held = world.tick();
    assert_eq!(held.action, Action::Held);
    assert!(held.is_empty());
    assert!(held.reasons[0].contains("55/45"), "{:?}", held.reasons);

    world.facts.routed = Routed::Uneven(vec![Traffic::canary(10), Traffic::canary(45)]);
    assert_eq!(world.tick().action, Action::Held);

    world.route(Traffic::canary(45));
    world.reading = Reading::Value(9.0);
    assert_eq!(world.tick().action, Action::Halted);
    assert_eq!(world.tick().action, Action::RolledBack);
    assert_eq!(world.traffic(), Traffic::PRIMARY);
}

#[test]
fn weights_set_by_hand_can_be_followed() {
    let mut world = World::new("threshold: 1, stepWeight: 10");
    world.canary.spec.gitops = Some(crate::api::GitOps {
        on_drift: OnDrift::Follow,
        ..crate::api::GitOps::default()
    });
    world.release("v2");
    world.tick();
    world.tick();
    world.route(Traffic::canary(45));
    world.tick();
    assert_eq!(world.line(), "Progressing 45/55 i0 f0 w55");
}

#[test]
fn a_failed_promotion_keeps_traffic_on_the_canary() {
    let mut world = World::new("threshold: 5, stepWeight: 50, maxWeight: 50");
    world.release("v2");
    for _ in 0..3 {
        world.tick();
    }
    assert_eq!(world.phase(), Some(Phase::Promoting));
    world.primary = Readiness::Stuck("crash loop".into());
    assert_eq!(world.tick().action, Action::RolledBack);
    assert_eq!(world.line(), "Failed 0/100 i0 f0 w100");
    assert_eq!(world.facts.target_replicas, Some(2));
    // Flagger would now send everything to the broken primary.
    world.release("v3");
    assert_eq!(world.tick().action, Action::Held);
    assert_eq!(world.traffic(), Traffic::CANARY);
    world.primary = Readiness::Ready;
    assert_eq!(world.tick().action, Action::Started);
}

#[test]
fn bootstrap_takes_several_commits() {
    let mut world = World::new("threshold: 5, stepWeight: 50");
    world.canary.status = None;
    world.facts.primary = Primary::Missing;
    world.facts.routed = Routed::Missing;
    world.facts.target_replicas = Some(2);
    world.asked.clear();
    let created = world.tick();
    assert_eq!(
        created.effects,
        [Effect::EnsureServices, Effect::CreatePrimary]
    );
    assert_eq!(
        world.asked,
        [],
        "a primary that is not committed is not asked about"
    );
    world.primary = Readiness::NotReady("0 of 2 pods".into());
    let waiting = world.tick();
    assert!(waiting.is_empty());
    assert_eq!(waiting.action, Action::Held);
    world.primary = Readiness::Ready;
    let plan = world.tick();
    assert_eq!(plan.action, Action::Initialized);
    assert!(plan.effects.contains(&Effect::PointApexAtPrimary));
    assert!(!plan.effects.contains(&Effect::ScaleCanaryToZero));
    assert_eq!(world.tick().effects, [Effect::ScaleCanaryToZero]);
}

/// A primary that somebody brought along is not overwritten: the target is
/// released against it.
#[test]
fn an_adopted_primary_is_released_against() {
    let mut world = World::new("threshold: 5, stepWeight: 50");
    world.canary.status = None;
    world.facts.primary = Primary::Different;
    world.facts.target_replicas = Some(2);
    let plan = world.tick();
    assert_eq!(plan.action, Action::Initialized);
    assert!(!plan.effects.contains(&Effect::Promote));
    assert_eq!(world.tick().action, Action::Started);
}

#[test]
fn skipping_the_analysis_promotes_when_the_target_is_ready() {
    let mut world = World::new("threshold: 5, stepWeight: 50");
    world.canary.spec.skip_analysis = Some(true);
    world.release("v2");
    world.asked.clear();
    assert_eq!(world.tick().action, Action::Started);
    world.target = Readiness::NotReady("0 of 2 pods".into());
    assert_eq!(world.tick().action, Action::Held);
    world.target = Readiness::Ready;
    let plan = world.tick();
    assert_eq!(plan.action, Action::Succeeded);
    assert_eq!(plan.effects, [Effect::Promote, Effect::ScaleCanaryToZero]);
    let metric = |probe: &Probe| matches!(probe, Probe::Metric { .. });
    assert!(!world.asked.iter().any(metric));
}

#[test]
fn suspended_changes_nothing() {
    let mut world = World::new("threshold: 5, stepWeight: 50");
    world.release("v2");
    world.tick();
    world.canary.spec.suspend = Some(true);
    world.asked.clear();
    let plan = world.tick();
    assert_eq!(plan.action, Action::Suspended);
    assert!(plan.is_empty());
    assert_eq!(world.asked, []);
}

#[test]
fn the_first_step_measures_nothing_and_metrics_are_asked_together() {
    let mut world = World::new("threshold: 5, stepWeight: 50");
    let analysis = world.canary.spec.analysis.as_mut().unwrap();
    analysis.metrics = serde_yaml::from_str(
        "[{name: a, templateRef: {name: a}, thresholdRange: {max: 1}}, \
          {name: request-success-rate, query: up, thresholdRange: {max: 1}}]",
    )
    .unwrap();
    world.release("v2");
    world.tick();
    world.asked.clear();
    world.tick();
    let metric = |probe: &Probe| matches!(probe, Probe::Metric { .. });
    assert!(!world.asked.iter().any(metric));
    world.asked.clear();
    world.tick();
    let asked: Vec<&Probe> = world.asked.iter().filter(|probe| metric(probe)).collect();
    let probe = |index, source| Probe::Metric { index, source };
    assert_eq!(
        asked,
        [
            &probe(1, MetricSource::Builtin),
            &probe(1, MetricSource::Inline),
            &probe(0, MetricSource::Template)
        ]
    );
}

#[test]
fn the_schedule_ahead_is_the_run_itself() {
    let mut world = World::new("threshold: 5, stepWeight: 20, maxWeight: 40");
    world.release("v2");
    let ahead = schedule(&world.canary, &world.facts, world.now);
    let mut phases = Vec::new();
    let mut now = world.now;
    loop {
        let plan = world.tick();
        phases.push((now, plan.phase, plan.traffic));
        now = world.now;
        if !plan.phase.is_some_and(Phase::is_active) {
            break;
        }
    }
    let ahead: Vec<_> = ahead
        .into_iter()
        .map(|step| (step.at, step.phase, step.traffic))
        .collect();
    assert_eq!(ahead, phases);
}

#[test]
fn a_service_that_is_gone_comes_back_before_the_next_weight() {
    let mut world = World::new("threshold: 5, stepWeight: 10");
    world.release("v2");
    world.tick();
    world.tick();
    world.facts.services = false;
    let plan = world.tick();
    assert_eq!(plan.action, Action::Held);
    assert_eq!(plan.effects, [Effect::EnsureServices]);
    assert_eq!(world.traffic().canary, 10);
    assert_eq!(world.tick().action, Action::Advanced);
}

#[test]
fn after_a_failed_promotion_the_way_back_is_a_release() {
    let mut world = World::new("threshold: 5, stepWeight: 50, maxWeight: 50");
    world.release("v2");
    for _ in 0..3 {
        world.tick();
    }
    world.primary = Readiness::Stuck("crash loop".into());
    world.tick();
    world.primary = Readiness::Ready;
    world.release("v1");
    assert_eq!(world.tick().action, Action::Started);
    assert_eq!(
        world.run().last().map(String::as_str),
        Some("Succeeded 100/0 i0 f0 w0")
    );
}

#[test]
fn weights_set_by_hand_do_not_switch_off_the_checks_of_another_revision() {
    let mut world = World::new("threshold: 1, stepWeight: 10");
    world.release("v2");
    world.tick();
    world.tick();
    world.route(Traffic::canary(60));
    world.release("v3");
    assert_eq!(world.tick().action, Action::Held);
    world.reading = Reading::Value(9.0);
    assert_eq!(world.tick().action, Action::Halted);
    assert_eq!(world.tick().action, Action::RolledBack);
}

#[test]
fn a_rule_that_still_feeds_the_target_keeps_its_pods() {
    let mut world = World::new("threshold: 1, stepWeight: 10");
    world.release("v2");
    world.tick();
    world.tick();
    world.target = Readiness::Stuck("no pods".into());
    world.tick();
    world.facts.exposed = 50;
    let held = world.tick();
    assert_eq!(held.action, Action::Held);
    assert!(held.is_empty());
    world.facts.exposed = 0;
    assert_eq!(world.tick().effects, [Effect::ScaleCanaryToZero]);
}

#[test]
fn weights_that_do_not_sum_up_to_100_are_read_as_shares() {
    let mut world = World::new("threshold: 1, stepWeight: 10, maxWeight: 50");
    world.canary.spec.gitops = Some(crate::api::GitOps {
        on_drift: OnDrift::Follow,
        ..crate::api::GitOps::default()
    });
    world.release("v2");
    world.tick();
    world.tick();
    world.route(Traffic {
        primary: 800,
        canary: 200,
        mirrored: false,
    });
    world.tick();
    assert_eq!(world.traffic(), Traffic::canary(30));
}
