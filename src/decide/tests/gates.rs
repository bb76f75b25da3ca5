//! Gates and hooks: when they are asked, and what their answers do.

use super::{lines, run};
use crate::api::{AlertSeverity, Phase};
use crate::decide::world::World;
use crate::decide::{Action, EventType, Reading};

/// One webhook of each type that is asked before a decision.
const ALL: &str = "webhooks: [
    {name: start, type: confirm-rollout, url: 'http://gate'},
    {name: before, type: pre-rollout, url: 'http://gate'},
    {name: during, url: 'http://gate'},
    {name: more, type: confirm-traffic-increase, url: 'http://gate'},
    {name: promote, type: confirm-promotion, url: 'http://gate'},
    {name: back, type: rollback, url: 'http://gate'},
    {name: after, type: post-rollout, url: 'http://gate'},
    {name: news, type: event, url: 'http://gate'}]";

fn world(steps: &str) -> World {
    let mut world = World::new(&format!("threshold: 5, {steps}, {ALL}"));
    world.release("v2");
    world.called();
    world
}

/// Ticks until the end, one line a tick: the state, then who was called.
fn calls(world: &mut World) -> Vec<String> {
    let mut lines = Vec::new();
    loop {
        let plan = world.tick();
        let line = format!("{}: {}", world.line(), world.called().join(" "));
        lines.push(line.trim().to_owned());
        if !plan.phase.is_some_and(Phase::is_active) {
            return lines;
        }
        assert!(lines.len() < 50, "{lines:#?}");
    }
}

#[test]
fn each_is_asked_when_its_stage_is_reached() {
    let expected = lines(
        "Progressing 100/0 i0 f0 w0: start
         Progressing 80/20 i0 f0 w20: back before more
         Progressing 60/40 i0 f0 w40: back during more
         Promoting 60/40 i0 f0 w40: back during more promote
         Finalising 100/0 i0 f0 w0:
         Succeeded 100/0 i0 f0 w0:",
    );
    let mut world = world("stepWeight: 20, maxWeight: 40");
    assert_eq!(calls(&mut world), expected);
}

#[test]
fn mirrored_traffic_is_approved_once() {
    let expected = lines(
        "Progressing 100/0 i0 f0 w0: start
         Progressing 100/0 mirrored i0 f0 w0: back before more
         Progressing 80/20 i0 f0 w20: back during
         Progressing 60/40 i0 f0 w40: back during more
         Promoting 60/40 i0 f0 w40: back during more promote
         Finalising 100/0 i0 f0 w0:
         Succeeded 100/0 i0 f0 w0:",
    );
    let mut world = world("stepWeight: 20, maxWeight: 40, mirror: true");
    assert_eq!(calls(&mut world), expected);
}

#[test]
fn blue_green_asks_before_the_switch_and_before_the_promotion() {
    let expected = lines(
        "Progressing 100/0 i0 f0 w0: start
         Progressing 100/0 i1 f0 w0: back before
         Progressing 100/0 i2 f0 w0: back during
         Progressing 0/100 i3 f0 w0: back during promote
         Promoting 0/100 i3 f0 w0: back during promote
         Finalising 100/0 i0 f0 w0:
         Succeeded 100/0 i0 f0 w0:",
    );
    let mut world = world("iterations: 2");
    assert_eq!(calls(&mut world), expected);
}

#[test]
fn a_closed_start_waits_and_leaves_no_trace_after_the_first_time() {
    let mut world = world("stepWeight: 50");
    world.against.insert("start".into());
    let first = world.tick();
    assert_eq!(
        (first.action, first.phase),
        (Action::Held, Some(Phase::Waiting))
    );
    assert_eq!(first.alerts[0].severity, AlertSeverity::Warn);
    assert_eq!(first.events.len(), 1);
    assert_eq!(
        first.reasons,
        ["waiting for approval to start: webhook start: 403 Forbidden"]
    );

    let second = world.tick();
    assert!(second.is_empty() && second.alerts.is_empty() && second.events.is_empty());

    world.against.clear();
    world.called();
    assert_eq!(world.tick().action, Action::Started);
    assert_eq!(world.called(), ["back", "start"]);
}

#[test]
fn a_muted_gate_waits_without_an_alert() {
    let mut world = World::new(
        "threshold: 1, stepWeight: 50, webhooks: [
            {name: start, type: confirm-rollout, url: 'http://gate', muteAlert: true}]",
    );
    world.release("v2");
    world.against.insert("start".into());
    let plan = world.tick();
    assert_eq!(plan.phase, Some(Phase::Waiting));
    assert!(plan.alerts.is_empty(), "{:?}", plan.alerts);
}

/// Documented by Flagger, unreachable there.
#[test]
fn a_rollback_hook_ends_the_wait() {
    let mut world = world("stepWeight: 50");
    world.against.insert("start".into());
    world.tick();
    world.against.insert("back".into());
    let plan = world.tick();
    assert_eq!(
        (plan.action, plan.phase),
        (Action::RolledBack, Some(Phase::Failed))
    );
    assert!(plan.post_rollout);
    assert_eq!(plan.alerts.len(), 1);
    assert_eq!(plan.alerts[0].severity, AlertSeverity::Warn);
}

#[test]
fn the_promoted_revision_ends_the_wait() {
    let mut world = world("stepWeight: 50");
    world.against.insert("start".into());
    world.tick();
    world.release("v1");
    let plan = world.tick();
    assert_eq!(
        (plan.action, plan.phase),
        (Action::Succeeded, Some(Phase::Succeeded))
    );
}

#[test]
fn closed_traffic_alerts_in_every_tick_and_changes_nothing() {
    let mut world = world("stepWeight: 50");
    world.tick();
    world.called();
    world.against.insert("more".into());
    for _ in 0..2 {
        let plan = world.tick();
        assert!(plan.is_empty(), "{plan:?}");
        assert_eq!(plan.alerts.len(), 1);
        // Nothing was routed yet: the pre-rollout hooks run again (Flagger, too).
        assert_eq!(world.called(), ["back", "before", "more"]);
    }
}

#[test]
fn a_closed_promotion_of_weights() {
    let expected = lines(
        "Progressing 50/50 i0 f0 w50
         WaitingPromotion 50/50 i-1 f0 w0
         WaitingPromotion 50/50 i-1 f0 w0
         WaitingPromotion 50/50 i-1 f0 w0
         Promoting 50/50 i-1 f0 w0
         Finalising 100/0 i0 f0 w0
         Succeeded 100/0 i0 f0 w0",
    );
    let mut world = world("stepWeight: 50, maxWeight: 50");
    world.tick();
    let mut seen = Vec::new();
    for tick in 2..=8 {
        match (3..=5).contains(&tick) {
            true => world.against.insert("promote".into()),
            false => world.against.remove("promote"),
        };
        let plan = world.tick();
        assert_eq!(
            plan.alerts.len(),
            usize::from(tick == 3 || tick == 8),
            "{tick}"
        );
        seen.push(world.line());
    }
    assert_eq!(seen, expected);
}

#[test]
fn a_closed_promotion_of_blue_green_is_asked_every_second_tick() {
    let expected = lines(
        "Progressing 100/0 i2 f0 w0
         WaitingPromotion 100/0 i1 f0 w0
         WaitingPromotion 100/0 i2 f0 w0
         WaitingPromotion 100/0 i1 f0 w0
         WaitingPromotion 100/0 i2 f0 w0
         WaitingPromotion 0/100 i3 f0 w0
         Promoting 0/100 i3 f0 w0
         Finalising 100/0 i0 f0 w0
         Succeeded 100/0 i0 f0 w0",
    );
    let mut world = world("iterations: 2");
    world.tick();
    world.tick();
    let mut seen = Vec::new();
    for tick in 3..=11 {
        match (4..=7).contains(&tick) {
            true => world.against.insert("promote".into()),
            false => world.against.remove("promote"),
        };
        world.called();
        world.tick();
        let asked = world.called().contains(&"promote".to_owned());
        assert_eq!(asked, [4, 6, 8, 9].contains(&tick), "{tick}");
        seen.push(world.line());
    }
    assert_eq!(seen, expected);
}

#[test]
fn refused_hooks_are_failed_checks() {
    let mut world = world("stepWeight: 50");
    world.tick();
    world.against.insert("before".into());
    let plan = world.tick();
    assert_eq!(
        (plan.action, world.line()),
        (Action::Halted, "Progressing 100/0 i0 f1 w0".into())
    );
    assert!(
        plan.reasons[0].contains("pre-rollout webhook before"),
        "{:?}",
        plan.reasons
    );
    world.against.clear();
    world.tick();

    world.against.insert("during".into());
    world.called();
    let plan = world.tick();
    assert_eq!(plan.action, Action::Halted);
    assert!(plan.measurements.is_empty(), "measured after a hook failed");
    assert_eq!(plan.events.last().unwrap().kind, EventType::Warning);
    assert_eq!(world.called(), ["back", "during"]);
}

#[test]
fn hooks_of_one_type_stop_at_the_first_that_decides() {
    let mut world = World::new(
        "threshold: 5, stepWeight: 50, webhooks: [
            {name: one, type: pre-rollout, url: 'http://gate'},
            {name: two, type: pre-rollout, url: 'http://gate'},
            {name: back-one, type: rollback, url: 'http://gate'},
            {name: back-two, type: rollback, url: 'http://gate'}]",
    );
    world.release("v2");
    world.tick();
    world.against.insert("one".into());
    world.called();
    world.tick();
    assert_eq!(world.called(), ["back-one", "back-two", "one"]);
    world.against.insert("back-one".into());
    assert_eq!(world.tick().action, Action::RolledBack);
    assert_eq!(world.called(), ["back-one"]);
}

#[test]
fn every_rollback_alerts_and_runs_the_hooks_afterwards() {
    let mut world = world("stepWeight: 50");
    world.canary.spec.analysis.as_mut().unwrap().threshold = Some(1);
    world.tick();
    world.tick();
    world.reading = Reading::Value(7.0);
    world.tick();
    let plan = world.tick();
    assert_eq!(plan.action, Action::RolledBack);
    assert!(plan.post_rollout);
    assert_eq!(plan.alerts.len(), 1);
    assert_eq!(plan.alerts[0].severity, AlertSeverity::Error);
}

#[test]
fn without_webhooks_nothing_is_called() {
    assert_eq!(run("threshold: 5, stepWeight: 100").len(), 5);
}
