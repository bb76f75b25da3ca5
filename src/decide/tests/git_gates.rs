//! Gates that a person opens in Git.

use crate::api::{Phase, Traffic, WebhookType};
use crate::decide::world::World;
use crate::decide::{Action, Applied, Plan, Reading, Word, schedule};

const START: &str = "gates: [{type: confirm-rollout}]";
const MORE: &str = "gates: [{type: confirm-traffic-increase}]";
const PROMOTE: &str = "gates: [{type: confirm-promotion}]";

fn world(analysis: &str, gates: &str) -> World {
    let mut world = World::new(&format!("threshold: 2, {analysis}"));
    world.gitops(gates);
    world.release("v2");
    world
}

fn approve(world: &mut World) -> Plan {
    world.say(Word::Approve(None)).unwrap()
}

#[test]
fn a_start_waits_for_its_approval() {
    let mut world = world("stepWeight: 50", START);
    let first = world.tick();
    assert_eq!(
        (first.action, first.phase),
        (Action::Held, Some(Phase::Waiting))
    );
    assert_eq!(
        first.reasons,
        [
            "waiting for approval to start: gate confirm-rollout in Git: `weirkeeper approve test/podinfo`"
        ]
    );
    assert_eq!(first.alerts.len(), 1);
    let gate = world.status().gates[0].clone();
    assert_eq!(
        (gate.kind, gate.approved),
        (WebhookType::ConfirmRollout, None)
    );
    assert!(gate.since.is_some());
    let second = world.tick();
    assert!(second.is_empty() && second.alerts.is_empty());

    approve(&mut world);
    let started = world.tick();
    assert_eq!(started.action, Action::Started);
    assert_eq!(
        started.reasons[1],
        "confirm-rollout approved by Ann <ann@example.com>"
    );
    assert_eq!(world.status().gates, []);
}

#[test]
fn every_increase_needs_its_own_approval() {
    let mut world = world("stepWeight: 40, maxWeight: 80", MORE);
    world.tick();
    for weight in [40, 80] {
        let step = world.status().last_step_time;
        let closed = world.tick();
        assert_eq!((closed.action, closed.alerts.len()), (Action::Held, 1));
        assert_eq!(world.status().last_step_time, step, "waiting is no step");
        let still = world.tick();
        assert!(still.is_empty() && still.alerts.is_empty(), "{still:?}");
        approve(&mut world);
        assert_eq!(world.tick().action, Action::Advanced);
        assert_eq!(world.traffic(), Traffic::canary(weight));
        assert_eq!(world.status().gates, []);
    }
    // As a webhook of that type it is asked once more, before the promotion.
    assert_eq!(world.tick().action, Action::Held);
    approve(&mut world);
    assert_eq!(world.tick().action, Action::Promoting);
    assert_eq!(world.run().last().unwrap(), "Succeeded 100/0 i0 f0 w0");
}

#[test]
fn checks_go_on_while_a_gate_is_closed() {
    for gates in [MORE, PROMOTE] {
        let mut world = world("stepWeight: 50, maxWeight: 50", gates);
        world.tick();
        while world.traffic().canary == 0 {
            if world.tick().action == Action::Held {
                approve(&mut world);
            }
        }
        assert_eq!(world.tick().action, Action::Held);
        world.reading = Reading::Value(7.0);
        assert_eq!(world.tick().action, Action::Halted);
        world.tick();
        assert_eq!(world.tick().action, Action::RolledBack, "{gates}");
        assert_eq!(world.status().gates, []);
    }
}

#[test]
fn a_promotion_waits_for_its_approval() {
    let mut world = world("stepWeight: 50, maxWeight: 50", PROMOTE);
    world.tick();
    world.tick();
    let first = world.tick();
    assert_eq!(first.phase, Some(Phase::WaitingPromotion));
    assert_eq!(first.alerts.len(), 1);
    assert_eq!(world.line(), "WaitingPromotion 50/50 i-1 f0 w0");
    assert!(world.tick().is_empty());
    approve(&mut world);
    assert_eq!(world.tick().action, Action::Promoting);
    assert_eq!(world.status().gates, []);
}

#[test]
fn one_approval_is_enough_for_both_halves_of_a_blue_green_promotion() {
    let mut world = world("iterations: 1", PROMOTE);
    world.tick();
    world.tick();
    assert_eq!(world.tick().phase, Some(Phase::WaitingPromotion));
    approve(&mut world);
    assert_eq!(
        world.run(),
        [
            "WaitingPromotion 100/0 i1 f0 w0",
            "WaitingPromotion 0/100 i2 f0 w0",
            "Promoting 0/100 i2 f0 w0",
            "Finalising 100/0 i0 f0 w0",
            "Succeeded 100/0 i0 f0 w0",
        ]
    );
    assert_eq!(world.status().gates, []);
}

#[test]
fn an_approval_does_not_outlive_its_run() {
    for (revision, action) in [("v3", Action::Restarted), ("v1", Action::Succeeded)] {
        let mut world = world("stepWeight: 40", MORE);
        world.tick();
        world.tick();
        approve(&mut world);
        world.release(revision);
        assert_eq!(world.tick().action, action);
        assert_eq!(world.status().gates, []);
    }
}

/// That somebody approved is not for the cluster to run.
#[test]
fn an_approval_need_not_be_applied() {
    for gates in [
        "{gates: [{type: confirm-rollout}], applied: {from: githubStatus}}",
        "{gates: [{type: confirm-traffic-increase}], applied: {from: githubStatus}}",
        "{gates: [{type: confirm-promotion}], applied: {from: githubStatus}}",
    ] {
        let mut world = world("stepWeight: 50, maxWeight: 50", gates);
        while world.status().gates.is_empty() {
            world.tick();
        }
        world.applied = Some(Applied::NotYet("Flux is behind".into()));
        approve(&mut world);
        let plan = world.tick();
        assert!(
            !plan.is_empty() && plan.action != Action::Held,
            "{gates}: {plan:?}"
        );
        assert_eq!(world.status().gates, []);
        assert_eq!(
            world.tick().action,
            Action::Held,
            "but what follows must be"
        );
    }
}

/// Nobody was late: the step was kept waiting.
#[test]
fn a_step_that_was_held_on_purpose_is_not_told_to_be_late() {
    let mut world = world("stepWeight: 40", MORE);
    world.tick();
    world.tick();
    approve(&mut world);
    world.tick();
    world.tick();
    world.wait(3600);
    approve(&mut world);
    let plan = world.tick();
    assert_eq!(plan.action, Action::Advanced);
    assert_eq!(plan.reasons.len(), 2, "{:?}", plan.reasons);
}

#[test]
fn webhooks_of_the_type_come_first() {
    let hooks =
        "stepWeight: 40, webhooks: [{name: start, type: confirm-rollout, url: 'http://gate'}]";
    let mut world = world(hooks, START);
    world.against.insert("start".into());
    world.tick();
    assert_eq!(world.status().gates, []);
    world.against.clear();
    let plan = world.tick();
    assert_eq!(plan.alerts.len(), 1, "somebody else is waited for now");
    assert_eq!(world.status().gates.len(), 1);
}

#[test]
fn when_its_time_is_over_a_gate_opens_or_ends_the_run() {
    let gate = |kind: &str, then: &str| {
        let gates = format!("gates: [{{type: {kind}, timeout: 1h{then}}}]");
        let mut world = world("stepWeight: 40", &gates);
        world.tick();
        if kind != "confirm-rollout" {
            world.tick();
        }
        world.wait(3600 - 120);
        assert_eq!(world.tick().action, Action::Held);
        world.wait(60);
        (world.tick(), world)
    };
    let (plan, _) = gate("confirm-traffic-increase", ", onTimeout: approve");
    assert_eq!(plan.action, Action::Advanced);
    assert!(
        plan.reasons
            .iter()
            .any(|reason| reason.contains("nobody objected within 1 h"))
    );
    let (plan, _) = gate("confirm-rollout", ", onTimeout: approve");
    assert_eq!(plan.action, Action::Started);
    for then in ["", ", onTimeout: abort"] {
        for kind in ["confirm-rollout", "confirm-traffic-increase"] {
            let (plan, world) = gate(kind, then);
            assert_eq!(plan.action, Action::RolledBack);
            assert_eq!(
                plan.reasons[0],
                format!("revision v2 rolled back: {kind} was not approved within 1 h")
            );
            assert_eq!((plan.alerts.len(), world.phase()), (1, Some(Phase::Failed)));
        }
    }
}

#[test]
fn a_freeze_does_not_hold_back_the_end_of_a_gate() {
    let mut world = world(
        "stepWeight: 40",
        "gates: [{type: confirm-traffic-increase, timeout: 1h}]",
    );
    world.tick();
    world.tick();
    world.facts.frozen = Some("audit".into());
    world.wait(3600);
    assert_eq!(world.tick().action, Action::RolledBack);
}

#[test]
fn the_schedule_ahead_takes_gates_for_approved() {
    let world = world("stepWeight: 50", START);
    let ahead = schedule(&world.canary, &world.facts, world.now);
    assert_eq!(ahead[0].action, Action::Started);
}
