//! Freezes, windows and pauses hold what would send more traffic, and nothing
//! that takes it away.

use crate::api::{Phase, Traffic};
use crate::decide::world::World;
use crate::decide::{Action, Effect, Readiness, Reading, Word, schedule};

const HOOKS: &str = "webhooks: [
    {name: start, type: confirm-rollout, url: 'http://gate'},
    {name: before, type: pre-rollout, url: 'http://gate'},
    {name: more, type: confirm-traffic-increase, url: 'http://gate'},
    {name: promote, type: confirm-promotion, url: 'http://gate'},
    {name: back, type: rollback, url: 'http://gate'}]";

fn world(analysis: &str) -> World {
    let mut world = World::new(&format!("threshold: 2, {analysis}, {HOOKS}"));
    world.release("v2");
    world.called();
    world
}

fn freeze(world: &mut World) {
    world.facts.frozen = Some("audit".to_owned());
}

#[test]
fn a_frozen_repository_does_not_start() {
    let mut world = world("stepWeight: 50");
    freeze(&mut world);
    let plan = world.tick();
    assert_eq!(plan.action, Action::Held);
    assert_eq!(plan.reasons, ["frozen by .weirkeeperfreeze: audit"]);
    assert!(plan.is_empty());
    assert_eq!(
        world.called(),
        [""; 0],
        "no gate is asked for what would not happen"
    );
    world.facts.frozen = None;
    assert_eq!(world.tick().action, Action::Started);
    freeze(&mut world);
    world.called();
    assert_eq!(world.tick().action, Action::Held);
    assert_eq!(world.called(), ["back"]);
}

#[test]
fn checks_go_on_while_frozen_and_roll_back() {
    let mut world = world("stepWeight: 10");
    world.tick();
    world.tick();
    freeze(&mut world);
    let held = world.tick();
    assert_eq!(held.action, Action::Held);
    assert_eq!(held.measurements.len(), 1);
    assert!(held.is_empty());
    world.reading = Reading::Value(7.0);
    assert_eq!(world.tick().action, Action::Halted);
    assert_eq!(world.tick().action, Action::Halted);
    assert_eq!(world.tick().action, Action::RolledBack);
    assert_eq!(world.tick().effects, [Effect::ScaleCanaryToZero]);
}

#[test]
fn cancelling_and_starting_over_are_not_frozen() {
    for (revision, action) in [("v1", Action::Succeeded), ("v3", Action::Restarted)] {
        let mut world = world("stepWeight: 10");
        world.tick();
        world.tick();
        freeze(&mut world);
        world.release(revision);
        assert_eq!(world.tick().action, action);
        assert_eq!(world.traffic(), Traffic::PRIMARY);
    }
}

#[test]
fn a_promotion_that_has_begun_ends() {
    let mut world = world("stepWeight: 50, maxWeight: 50");
    world.tick();
    world.tick();
    freeze(&mut world);
    assert_eq!(world.tick().action, Action::Held, "not begun");
    world.facts.frozen = None;
    assert_eq!(world.tick().action, Action::Promoting);
    freeze(&mut world);
    assert_eq!(world.run().last().unwrap(), "Succeeded 100/0 i0 f0 w0");
}

#[test]
fn neither_iterations_nor_releases_without_analysis_advance_while_frozen() {
    let mut tested = world("iterations: 3");
    tested.tick();
    tested.tick();
    freeze(&mut tested);
    assert!(tested.tick().is_empty());
    assert_eq!(tested.line(), "Progressing 100/0 i1 f0 w0");

    let mut skipped = world("stepWeight: 50");
    skipped.canary.spec.skip_analysis = Some(true);
    skipped.tick();
    freeze(&mut skipped);
    assert_eq!(skipped.tick().action, Action::Held);
    skipped.facts.frozen = None;
    assert_eq!(skipped.tick().action, Action::Succeeded);
}

#[test]
fn outside_of_its_windows() {
    let mut world = world("stepWeight: 10");
    // 2026-01-01 is a Thursday.
    world.gitops(
        "windows: [{type: allow, days: [Mon], hours: '09:00-17:00', timeZone: Europe/Berlin}]",
    );
    let plan = world.tick();
    assert_eq!(
        plan.reasons,
        ["outside of its windows, next one opens Mon 2026-01-05 09:00 Europe/Berlin"]
    );
    assert_eq!(
        plan.next_step_at,
        Some("2026-01-05T08:00:00Z".parse().unwrap())
    );
    world.now = "2026-01-05T08:00:00Z".parse().unwrap();
    assert_eq!(world.tick().action, Action::Started);
    world.gitops("windows: [{type: deny}]");
    assert_eq!(world.tick().reasons, ["outside of its windows, none opens"]);
}

#[test]
fn the_schedule_ahead_waits_for_the_windows() {
    let mut world = world("stepWeight: 50, maxWeight: 50");
    world.gitops("windows: [{type: allow, hours: '10:00-10:02'}]");
    let ahead = schedule(&world.canary, &world.facts, world.now);
    let ahead: Vec<String> = ahead
        .iter()
        .map(|step| format!("{} {:?} {}", step.at, step.action, step.reasons.join("; ")))
        .collect();
    assert_eq!(
        ahead,
        [
            "2026-01-01T10:00:00Z Started new revision v2 detected, scaling up podinfo",
            "2026-01-01T10:01:00Z Advanced canary 0 → 50 %",
            "2026-01-02T10:00:00Z Promoting revision v2 copied to podinfo-primary",
            "2026-01-02T10:01:00Z Finalising all traffic back on podinfo-primary",
            "2026-01-02T10:02:00Z Succeeded promotion of v2 completed",
        ]
    );
    freeze(&mut world);
    assert_eq!(schedule(&world.canary, &world.facts, world.now), []);
}

#[test]
fn a_pause_holds_everything_but_a_rollback() {
    let mut world = world("stepWeight: 50, maxWeight: 50");
    world.say(Word::Pause).unwrap();
    let held = world.tick();
    assert_eq!(held.reasons, ["paused by Ann <ann@example.com>"]);
    assert!(held.is_empty());
    world.say(Word::Resume).unwrap();
    assert_eq!(world.tick().action, Action::Started);
    assert_eq!(world.tick().action, Action::Advanced);

    world.say(Word::Pause).unwrap();
    assert_eq!(world.tick().action, Action::Held);
    for (revision, action) in [("v1", Action::Succeeded), ("v3", Action::Restarted)] {
        let mut other = world.clone();
        other.release(revision);
        assert_eq!(other.tick().action, action);
        assert!(other.tick().is_empty(), "what waits is held, too");
    }
    let mut asked = world.clone();
    asked.against.insert("back".into());
    assert_eq!(asked.tick().action, Action::RolledBack);
    let mut stuck = world.clone();
    stuck.target = Readiness::Stuck("no pods".into());
    assert_eq!(stuck.tick().action, Action::RolledBack);
    let mut failing = world.clone();
    failing.reading = Reading::Value(7.0);
    failing.tick();
    failing.tick();
    assert_eq!(failing.tick().action, Action::RolledBack);
    assert!(
        failing.status().paused.is_some(),
        "the next revision waits, too"
    );

    world.say(Word::Resume).unwrap();
    assert_eq!(world.tick().action, Action::Promoting);
    world.say(Word::Pause).unwrap();
    assert_eq!(world.tick().action, Action::Held);
    assert_eq!(world.phase(), Some(Phase::Promoting));
    world.say(Word::Resume).unwrap();
    assert_eq!(world.tick().action, Action::Finalising);
}
