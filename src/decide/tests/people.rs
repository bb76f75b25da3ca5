//! What people decide.

use crate::api::{AlertSeverity, Phase, Traffic, WebhookType};
use crate::decide::world::World;
use crate::decide::{Action, Effect, Reading, Routed, Word};

fn world(gates: &str) -> World {
    let mut world = World::new("threshold: 1, stepWeight: 10, maxWeight: 20");
    world.gitops(gates);
    world.release("v2");
    world
}

/// A rollout that has 10 % on the canary.
fn running() -> World {
    let mut world = world("{}");
    world.tick();
    world.tick();
    world
}

fn refused(world: &mut World, word: Word) -> String {
    let before = world.canary.status.clone();
    let refusal = world.say(word).unwrap_err();
    assert_eq!(world.canary.status, before);
    refusal.to_string()
}

#[test]
fn approvals_are_refused_where_nothing_waits() {
    let mut world = world("gates: [{type: confirm-traffic-increase}, {type: confirm-promotion}]");
    let any = Word::Approve(None);
    assert_eq!(
        refused(&mut world, any),
        "no gate waits for an approval: the phase is Initialized, nothing is under way"
    );
    world.tick();
    world.tick();
    let promotion = Word::Approve(Some(WebhookType::ConfirmPromotion));
    assert_eq!(
        refused(&mut world, promotion),
        "confirm-promotion is not waited for, but confirm-traffic-increase is"
    );
    let step = world.status().last_step_time;
    let plan = world
        .say(Word::Approve(Some(WebhookType::ConfirmTrafficIncrease)))
        .unwrap();
    assert_eq!(plan.action, Action::Approved);
    assert_eq!(
        plan.reasons,
        ["confirm-traffic-increase approved by Ann <ann@example.com>"]
    );
    assert_eq!(plan.events.len(), 1);
    assert_eq!(world.status().last_step_time, step);
    assert_eq!(
        refused(&mut world, any),
        "confirm-traffic-increase is approved already"
    );
}

#[test]
fn an_abort_rolls_back() {
    let mut world = running();
    let plan = world.say(Word::Abort).unwrap();
    assert_eq!(plan.action, Action::RolledBack);
    assert_eq!(
        plan.reasons[0],
        "revision v2 rolled back: aborted by Ann <ann@example.com>"
    );
    assert_eq!(plan.alerts[0].severity, AlertSeverity::Warn);
    assert!(plan.post_rollout);
    assert_eq!(world.line(), "Failed 100/0 i0 f0 w0");
    assert_eq!(
        world.status().last_step_time,
        Some(world.now),
        "an abort is a step"
    );
    world.wait(60);
    assert_eq!(world.tick().effects, [Effect::ScaleCanaryToZero]);
    assert_eq!(world.tick().action, Action::Idle, "it is not tried again");
    assert!(refused(&mut world, Word::Abort).starts_with("there is nothing to abort"));
}

#[test]
fn an_abort_ends_the_wait_for_a_start() {
    let mut world = world("gates: [{type: confirm-rollout}]");
    world.tick();
    world.say(Word::Abort).unwrap();
    assert_eq!(world.phase(), Some(Phase::Failed));
    assert_eq!(world.status().gates, []);
}

#[test]
fn a_promotion_that_has_begun_is_not_aborted() {
    let mut world = running();
    world.tick();
    world.tick();
    assert_eq!(world.phase(), Some(Phase::Promoting));
    assert!(refused(&mut world, Word::Abort).contains("the primary has the new revision"));
}

#[test]
fn a_pause_and_its_end_delay_nothing() {
    let mut world = running();
    let step = world.status().last_step_time;
    assert_eq!(world.say(Word::Pause).unwrap().action, Action::Paused);
    assert!(refused(&mut world, Word::Pause).starts_with("it is paused already, by Ann"));
    assert_eq!(world.say(Word::Resume).unwrap().action, Action::Resumed);
    assert_eq!(world.status().last_step_time, step);
    assert_eq!(world.tick().action, Action::Advanced);
    assert!(refused(&mut world, Word::Resume).starts_with("it is not paused"));
    world.canary.status = None;
    assert!(refused(&mut world, Word::Pause).starts_with("no run was here yet"));
}

#[test]
fn weights_changed_by_hand_can_be_accepted() {
    let mut world = running();
    world.route(Traffic::canary(15));
    let held = world.tick();
    assert!(
        held.reasons[0].contains("`weirkeeper resume test/podinfo`"),
        "{:?}",
        held.reasons
    );
    let plan = world.say(Word::Resume).unwrap();
    assert_eq!(plan.reasons, ["85/15 accepted by Ann <ann@example.com>"]);
    assert_eq!(plan.effects, []);
    assert_eq!(world.line(), "Progressing 85/15 i0 f0 w15");
    world.tick();
    assert_eq!(world.traffic(), Traffic::canary(25));
}

#[test]
fn accepted_weights_sum_up_to_100() {
    let mut world = running();
    world.route(Traffic {
        primary: 850,
        canary: 150,
        mirrored: false,
    });
    let plan = world.say(Word::Resume).unwrap();
    let traffic = Traffic::canary(15);
    assert_eq!(plan.effects, [Effect::SetTraffic { traffic }]);
    assert_eq!(world.status().routed, Some(traffic));
}

#[test]
fn weights_that_mean_nothing_are_not_accepted() {
    let mut uneven = running();
    uneven.facts.routed = Routed::Uneven(vec![Traffic::canary(10), Traffic::canary(45)]);
    assert_eq!(
        refused(&mut uneven, Word::Resume),
        "the rules of the route carry 90/10 and 55/45: it is not known which is meant"
    );
    uneven.facts.routed = Routed::Missing;
    assert!(refused(&mut uneven, Word::Resume).ends_with("is gone"));

    let mut idle = world("{}");
    idle.route(Traffic::canary(30));
    assert!(refused(&mut idle, Word::Resume).contains("nothing is under way"));
}

#[test]
fn a_revision_that_failed_can_be_tried_again() {
    let mut world = running();
    assert!(refused(&mut world, Word::Retry).starts_with("nothing failed"));
    world.reading = Reading::Value(7.0);
    world.tick();
    world.tick();
    world.reading = Reading::Value(0.0);
    world.tick();
    assert_eq!(world.phase(), Some(Phase::Failed));
    assert_eq!(world.tick().action, Action::Idle);
    let plan = world.say(Word::Retry).unwrap();
    assert_eq!(plan.action, Action::Retried);
    assert!(refused(&mut world, Word::Retry).contains("not the one that failed"));
    assert_eq!(world.tick().action, Action::Started);
    assert_eq!(world.run().last().unwrap(), "Succeeded 100/0 i0 f0 w0");
}

#[test]
fn what_was_promoted_is_not_tried_again() {
    let mut world = running();
    world.say(Word::Abort).unwrap();
    world.wait(60);
    world.tick();
    world.release("v1");
    world.tick();
    assert!(refused(&mut world, Word::Retry).ends_with("is the one that was promoted"));
}

/// A change of its ConfigMaps alone is a release, and fails like one.
#[test]
fn a_change_of_configs_can_be_tried_again() {
    let mut world = world("{}");
    world.facts.revision = "v1".into();
    world.facts.configs = [("configmap/a".to_owned(), "2".to_owned())].into();
    world.tick();
    world.say(Word::Abort).unwrap();
    world.wait(60);
    assert_eq!(world.tick().action, Action::Idle);
    world.say(Word::Retry).unwrap();
    assert_eq!(world.tick().action, Action::Started);
}
