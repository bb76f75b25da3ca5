//! What must not happen to requests, however unlucky the moment.

use jiff::Timestamp;

use super::super::person;
use crate::api::{Phase, Said, Traffic};
use crate::decide::world::World;
use crate::decide::{Action, Applied, Effect, Readiness, Reading, Routed, Word};

/// With 10 % on the canary.
fn exposed(analysis: &str, gitops: &str) -> World {
    let mut world = World::new(analysis);
    world.gitops(gitops);
    world.release("v2");
    world.tick();
    world.tick();
    assert_eq!(world.traffic(), Traffic::canary(10));
    world
}

fn ann(at: Timestamp) -> Said {
    Said {
        by: "Ann <ann@example.com>".into(),
        at,
        reason: None,
    }
}

#[test]
fn a_bad_canary_is_rolled_back_while_the_cluster_fails() {
    let failing = || Some(Applied::Failing("apps is not ready".into()));
    let gitops = "applied: {from: githubStatus}";
    let mut world = exposed("threshold: 2, stepWeight: 10", gitops);
    world.applied = failing();
    let plan = world.tick();
    assert_eq!(
        plan.action,
        Action::Held,
        "nothing fails: {:?}",
        plan.reasons
    );
    world.reading = Reading::Empty;
    assert_eq!(world.tick().action, Action::Held, "no data is no proof");
    world.reading = Reading::Value(7.0);
    let actions = [(); 3].map(|()| world.tick().action);
    assert_eq!(
        actions,
        [Action::Halted, Action::Halted, Action::RolledBack]
    );
    assert_eq!(world.traffic(), Traffic::PRIMARY);

    let mut stuck = exposed("threshold: 2, stepWeight: 10", gitops);
    stuck.applied = failing();
    stuck.target = Readiness::Stuck("no pods".into());
    assert_eq!(stuck.tick().action, Action::RolledBack);
}

#[test]
fn a_broken_primary_loses_its_traffic_while_the_cluster_fails() {
    let mut world = World::new("threshold: 1, stepWeight: 50, maxWeight: 50");
    world.gitops("applied: {from: githubStatus}");
    world.release("v2");
    while world.phase() != Some(Phase::Promoting) {
        world.tick();
    }
    world.applied = Some(Applied::Failing("apps is not ready".into()));
    world.primary = Readiness::Stuck("crash loop".into());
    let plan = world.tick();
    assert_eq!(plan.action, Action::RolledBack, "{:?}", plan.reasons);
    assert_eq!(world.traffic(), Traffic::CANARY);
}

#[test]
fn what_came_after_the_failed_revision_has_not_failed() {
    for drift in [false, true] {
        let mut world = exposed("threshold: 1, stepWeight: 10", "onFailure: revert");
        world.release("v3");
        if drift {
            world.route(Traffic::canary(30));
            world.reading = Reading::Value(7.0);
            assert_eq!(world.tick().action, Action::Halted);
        }
        let plan = match drift {
            true => world.decide(),
            false => {
                let said = ann(world.now);
                person(&world.canary, &world.facts, Word::Abort, &said).unwrap()
            }
        };
        assert_eq!(plan.action, Action::RolledBack);
        assert!(
            plan.reasons[0].starts_with("revision v2"),
            "{:?}",
            plan.reasons
        );
        assert!(!plan.effects.contains(&Effect::RestoreTarget));
        world.commit(&plan);
        world.wait(60);
        world.reading = Reading::Value(0.0);
        assert_eq!(world.tick().action, Action::Started, "v3 is new");
    }
}

#[test]
fn configs_that_cannot_be_taken_back_start_nothing() {
    let mut world = exposed("threshold: 1, stepWeight: 10", "onFailure: revert");
    // Generated, and changed together with the image.
    world
        .facts
        .configs
        .insert("configmap/a".into(), "new".into());
    world.canary.status.as_mut().unwrap().tracked_configs = world.facts.configs.clone();
    world.reading = Reading::Value(7.0);
    world.tick();
    let plan = world.tick();
    assert!(plan.effects.contains(&Effect::RestoreTarget));
    world.facts.revision = "v1".into();
    let actions = [(); 4].map(|()| world.tick().action);
    assert_eq!(actions, [Action::Idle; 4]);
    world.release("v3");
    assert_eq!(world.tick().action, Action::Started);
}

#[test]
fn weights_set_by_hand_on_an_idle_target_are_told() {
    let mut world = World::new("threshold: 1, stepWeight: 10");
    world.route(Traffic::canary(50));
    let plan = world.tick();
    assert_eq!(plan.action, Action::Held);
    assert!(plan.reasons[0].contains("50/50"), "{:?}", plan.reasons);
    world.facts.routed = Routed::Even(Traffic::PRIMARY);
    world.facts.exposed = 0;
    assert_eq!(world.tick().action, Action::Idle);
}

#[test]
fn a_wider_match_waits_until_the_pause_is_over() {
    let strategy = |value: &str| {
        format!("threshold: 1, iterations: 9, match: [{{headers: {{x: {{exact: '{value}'}}}}}}]")
    };
    let mut world = World::new(&strategy("a"));
    world.release("v2");
    world.tick();
    world.tick();
    let said = ann(world.now);
    let plan = person(&world.canary, &world.facts, Word::Pause, &said).unwrap();
    world.commit(&plan);
    let wider = World::new(&strategy("b")).canary.spec.analysis;
    world.canary.spec.analysis = wider;
    assert!(world.tick().effects.is_empty());
    let said = ann(world.now);
    let plan = person(&world.canary, &world.facts, Word::Resume, &said).unwrap();
    world.commit(&plan);
    assert!(!world.tick().effects.is_empty());
}
