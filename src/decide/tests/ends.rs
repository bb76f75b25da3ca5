//! How a rollout ends: the target restored, workloads that people own, a Canary
//! that was deleted.

use crate::api::{Phase, Traffic};
use crate::decide::world::World;
use crate::decide::{Action, Effect, Primary, Readiness, Reading, Routed, Word, deleted, person};

fn failing(gitops: &str) -> World {
    let mut world = World::new("threshold: 1, stepWeight: 10");
    world.gitops(gitops);
    world.release("v2");
    world.tick();
    world.tick();
    world.reading = Reading::Value(7.0);
    world.tick();
    world
}

#[test]
fn a_rollback_can_restore_the_target() {
    let mut world = failing("onFailure: revert");
    let plan = world.tick();
    assert_eq!(plan.action, Action::RolledBack);
    assert!(plan.effects.contains(&Effect::RestoreTarget));
    assert!(
        plan.reasons[1].contains("goes back to revision v1"),
        "{:?}",
        plan.reasons
    );
    let status = world.status();
    assert_eq!(status.last_applied_spec, "v1");
    assert_eq!(status.tracked_configs, status.promoted_configs);
    world.reading = Reading::Value(0.0);
    assert_eq!(world.tick().effects, [Effect::ScaleCanaryToZero]);
    assert_eq!(
        world.tick().action,
        Action::Idle,
        "what is back is nothing new"
    );
    // An image automation brings it back; a person may want it again.
    world.release("v2");
    let plan = world.tick();
    assert_eq!(plan.action, Action::Idle);
    assert_eq!(plan.reasons, ["revision v2 failed and is not tried again"]);
    let mut again = world.clone();
    let said = crate::api::Said {
        by: "Ann <ann@example.com>".into(),
        at: again.now,
        reason: None,
    };
    let retried = person(&again.canary, &again.facts, Word::Retry, &said).unwrap();
    again.commit(&retried);
    assert_eq!(again.tick().action, Action::Started);
    world.release("v3");
    assert_eq!(world.tick().action, Action::Started);
}

#[test]
fn it_stays_as_it_is_by_default() {
    let mut world = failing("{}");
    let plan = world.tick();
    assert!(!plan.effects.contains(&Effect::RestoreTarget));
    assert_eq!(world.status().last_applied_spec, "v2");
}

#[test]
fn an_abort_and_a_deadline_restore_it_too() {
    let mut world = World::new("threshold: 1, stepWeight: 10");
    world.gitops("onFailure: revert");
    world.release("v2");
    world.tick();
    world.tick();
    let mut stuck = world.clone();
    stuck.target = Readiness::Stuck("no pods".into());
    assert!(stuck.tick().effects.contains(&Effect::RestoreTarget));
    let plan = world.say(Word::Abort).unwrap();
    assert!(plan.effects.contains(&Effect::RestoreTarget));
}

#[test]
fn nothing_is_restored_to_what_was_never_promoted() {
    let mut world = World::new("threshold: 1, stepWeight: 10");
    world.gitops("onFailure: revert");
    world.canary.status = None;
    world.facts.primary = Primary::Different;
    world.facts.target_replicas = Some(2);
    world.tick();
    world.tick();
    world.target = Readiness::Stuck("no pods".into());
    let plan = world.tick();
    assert_eq!(plan.action, Action::RolledBack);
    assert!(!plan.effects.contains(&Effect::RestoreTarget));
}

/// The primary is the side that is broken, and not what was promoted.
#[test]
fn a_failed_promotion_restores_nothing() {
    let mut world = World::new("threshold: 1, stepWeight: 50, maxWeight: 50");
    world.gitops("onFailure: revert");
    world.release("v2");
    for _ in 0..3 {
        world.tick();
    }
    world.primary = Readiness::Stuck("crash loop".into());
    let failed = world.tick();
    assert!(!failed.effects.contains(&Effect::RestoreTarget));
    world.primary = Readiness::Ready;
    world.release("v3");
    world.tick();
    let plan = world.say(Word::Abort).unwrap();
    assert!(!plan.effects.contains(&Effect::RestoreTarget));
}

/// Mode `fields`: only weights, and the fields at promotion.
#[test]
fn workloads_that_people_own_are_not_touched() {
    let mut world = World::new("threshold: 1, stepWeight: 50, maxWeight: 50");
    world.facts.scales = false;
    world.facts.target_replicas = None;
    world.facts.routed = Routed::Missing;
    world.canary.status = None;
    let traffic = Traffic::PRIMARY;
    let plan = world.tick();
    assert_eq!(plan.action, Action::Initialized);
    assert_eq!(plan.effects, [Effect::SetTraffic { traffic }]);
    assert_eq!(world.status().deferred, []);

    world.release("v2");
    let started = world.tick();
    assert_eq!(
        (started.action, started.effects.len()),
        (Action::Started, 0)
    );
    let mut failing = world.clone();
    failing.tick();
    failing.reading = Reading::Value(7.0);
    failing.tick();
    assert_eq!(failing.tick().effects, [Effect::SetTraffic { traffic }]);
    assert!(failing.tick().is_empty());

    let mut effects = Vec::new();
    while world.phase() != Some(Phase::Succeeded) {
        effects.extend(world.tick().effects);
    }
    let traffic = [Traffic::canary(50), Traffic::PRIMARY];
    let [up, back] = traffic.map(|traffic| Effect::SetTraffic { traffic });
    assert_eq!(effects, [up, Effect::Promote, back]);
}

#[test]
fn a_primary_that_people_own_is_released_against() {
    let mut world = World::new("threshold: 1, stepWeight: 50");
    world.facts.scales = false;
    world.facts.primary = Primary::Different;
    world.canary.status = None;
    assert_eq!(world.tick().action, Action::Initialized);
    assert_eq!(world.tick().action, Action::Started);
}

fn gone(reverts: bool) -> World {
    let mut world = World::new("threshold: 1, stepWeight: 10");
    world.canary.spec.revert_on_deletion = Some(reverts);
    world.release("v2");
    world.tick();
    world.tick();
    world
}

fn not_ready() -> Readiness {
    Readiness::NotReady("0 of 2 pods".into())
}

#[test]
fn a_deleted_canary_leaves_the_traffic_on_the_primary() {
    let mut world = gone(false);
    let plan = deleted(&world.canary, &world.facts, &not_ready(), world.now).unwrap();
    let traffic = Traffic::PRIMARY;
    assert_eq!(plan.effects, [Effect::SetTraffic { traffic }]);
    assert_eq!((plan.status.is_none(), plan.alerts.len()), (true, 1));
    world.commit(&plan);
    assert_eq!(
        deleted(&world.canary, &world.facts, &not_ready(), world.now),
        None
    );
}

#[test]
fn with_revert_on_deletion_the_target_takes_over() {
    let mut world = gone(true);
    world.facts.target_replicas = Some(0);
    world.facts.apex_at_primary = true;
    let traffic = Traffic::PRIMARY;
    let up = deleted(&world.canary, &world.facts, &Readiness::Ready, world.now).unwrap();
    assert_eq!(
        up.effects,
        [
            Effect::SetTraffic { traffic },
            Effect::ScaleCanaryUp { replicas: Some(2) }
        ]
    );
    world.commit(&up);
    let waits = deleted(&world.canary, &world.facts, &not_ready(), world.now).unwrap();
    assert!(waits.is_empty());
    let over = deleted(&world.canary, &world.facts, &Readiness::Ready, world.now).unwrap();
    assert_eq!(over.effects, [Effect::PointApexAtTarget]);
    world.commit(&over);
    assert_eq!(
        deleted(&world.canary, &world.facts, &Readiness::Ready, world.now),
        None
    );

    // People own the Services.
    let mut owned = gone(true);
    owned.facts.scales = false;
    let plan = deleted(&owned.canary, &owned.facts, &not_ready(), owned.now).unwrap();
    assert_eq!(plan.effects, [Effect::SetTraffic { traffic }]);
}
