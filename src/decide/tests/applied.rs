//! A step is judged once the cluster runs it.

use crate::api::{AlertSeverity, Deferred, Phase, Traffic};
use crate::decide::world::World;
use crate::decide::{Action, Applied, Effect, Plan, Probe, Readiness, Reading, schedule};

/// Under analysis with 10 % on the canary, one second after that step.
fn world() -> World {
    let mut world = World::new("threshold: 1, stepWeight: 10");
    world.gitops("applied: {from: githubStatus}");
    world.release("v2");
    world.tick();
    world.tick();
    assert_eq!(world.traffic(), Traffic::canary(10));
    world.wait(-59);
    world
}

fn since(world: &World, seconds_ago: i64) -> Option<Applied> {
    let mut then = world.clone();
    then.wait(-seconds_ago);
    Some(Applied::Since(then.now))
}

fn not_yet() -> Option<Applied> {
    Some(Applied::NotYet("Flux is at main@sha1:1234".into()))
}

fn asks(world: &World, probe: fn(&Probe) -> bool) -> bool {
    world.asked.iter().any(probe)
}

#[test]
fn the_interval_counts_from_when_the_cluster_runs_the_step() {
    let mut world = world();
    assert_eq!(world.decide().action, Action::NotDue);
    world.wait(59);
    world.asked.clear();
    world.applied = not_yet();
    let held = world.decide();
    assert_eq!(held.action, Action::Held);
    assert_eq!(held.reasons, ["Flux is at main@sha1:1234"]);
    assert!(held.is_empty());
    assert_eq!(world.asked, [Probe::Applied]);

    world.applied = since(&world, 10);
    let early = world.decide();
    assert_eq!(early.action, Action::NotDue);
    assert_eq!(
        early.next_step_at,
        Some("2026-01-01T00:04:50Z".parse().unwrap())
    );
    assert!(early.is_empty() && early.events.is_empty());
    world.wait(50);
    assert_eq!(world.tick().action, Action::Advanced);
}

#[test]
fn without_a_source_nobody_asks() {
    let mut world = World::new("threshold: 1, stepWeight: 10");
    world.release("v2");
    world.run();
    assert!(!asks(&world, |probe| *probe == Probe::Applied));
}

#[test]
fn a_rollback_does_not_wait_for_the_cluster() {
    for state in [
        not_yet(),
        Some(Applied::Failing("Kustomization apps is suspended".into())),
        Some(Applied::Unknown("no token".into())),
    ] {
        let mut world = World::new(
            "threshold: 1, stepWeight: 10, webhooks: [{name: back, type: rollback, url: 'http://gate'}]",
        );
        world.gitops("applied: {from: githubStatus}");
        world.release("v2");
        world.tick();
        world.tick();
        world.applied = state;
        let mut asked = world.clone();
        asked.against.insert("back".into());
        assert_eq!(asked.tick().action, Action::RolledBack);

        let mut failed = world.clone();
        failed.canary.status.as_mut().unwrap().failed_checks = 1;
        assert_eq!(failed.tick().action, Action::RolledBack);

        let mut cancelled = world.clone();
        cancelled.release("v1");
        assert_eq!(cancelled.tick().action, Action::Succeeded);

        world.release("v3");
        assert_eq!(world.tick().action, Action::Restarted);
        assert_eq!(world.traffic(), Traffic::PRIMARY);
    }
}

#[test]
fn somebody_is_told_once_that_it_takes_too_long() {
    let mut world = world();
    world.applied = not_yet();
    world.wait(15 * 60);
    let step = world.status().last_step_time;
    let plan = world.tick();
    assert_eq!(plan.action, Action::Held);
    assert_eq!(
        plan.reasons,
        ["not applied for 15 min: Flux is at main@sha1:1234"]
    );
    assert_eq!(plan.alerts[0].severity, AlertSeverity::Warn);
    let status = world.status();
    assert_eq!((status.last_step_time, status.not_applied), (step, step));
    let again = world.tick();
    assert!(again.is_empty() && again.alerts.is_empty(), "{again:?}");

    world.applied = since(&world, 60);
    assert_eq!(world.tick().action, Action::Advanced);
    assert_eq!(world.status().not_applied, None);
}

#[test]
fn the_deadline_of_a_workload_counts_from_then() {
    let mut world = world();
    world.canary.spec.progress_deadline_seconds = Some(120);
    world.wait(300);
    world.applied = since(&world, 60);
    world.asked.clear();
    world.decide();
    assert!(world.asked.iter().all(|probe| !matches!(
        probe,
        Probe::Readiness {
            deadline: Some(_),
            ..
        }
    )));
    world.applied = since(&world, 200);
    world.decide();
    assert!(asks(&world, |probe| matches!(
        probe,
        Probe::Readiness {
            deadline: Some(_),
            ..
        }
    )));
}

#[test]
fn readiness_can_follow_from_it() {
    let mut world = World::new("threshold: 1, stepWeight: 10, maxWeight: 10");
    world.gitops("{applied: {from: prometheus, query: x}, readiness: {from: applied}}");
    world.canary.spec.progress_deadline_seconds = Some(300);
    world.primary = Readiness::Stuck("nobody asks".into());
    world.release("v2");
    world.tick();
    world.tick();
    world.asked.clear();
    let failing = Some(Applied::Failing("Kustomization apps: not healthy".into()));
    world.applied.clone_from(&failing);
    assert_eq!(world.tick().action, Action::Held);
    let mut stuck = world.clone();
    stuck.wait(200);
    let plan = stuck.tick();
    assert_eq!(plan.action, Action::RolledBack);
    assert_eq!(
        plan.reasons,
        ["revision v2 rolled back: not applied within 5 min: Kustomization apps: not healthy"]
    );

    world.applied = None;
    assert_eq!(world.tick().action, Action::Promoting);
    world.applied = failing;
    world.wait(300);
    assert_eq!(world.tick().action, Action::RolledBack);
    assert_eq!(
        world.traffic(),
        Traffic::CANARY,
        "the primary does not get ready"
    );
    assert!(!asks(&world, |probe| matches!(
        probe,
        Probe::Readiness { .. }
    )));
}

#[test]
fn the_target_is_scaled_down_as_soon_as_the_rollback_runs() {
    let mut world = world();
    world.canary.status.as_mut().unwrap().failed_checks = 1;
    world.wait(59);
    let rollback = world.tick();
    assert_eq!(world.status().deferred, [Deferred::ScaleCanaryToZero]);
    assert!(rollback.effects.contains(&Effect::SetTraffic {
        traffic: Traffic::PRIMARY
    }));
    world.wait(-55);
    world.applied = not_yet();
    assert_eq!(world.decide().action, Action::Held);
    world.wait(600);
    assert_eq!(world.decide().action, Action::Held);
    world.wait(-600);
    world.applied = since(&world, 1);
    assert_eq!(world.tick().effects, [Effect::ScaleCanaryToZero]);
}

#[test]
fn a_rollout_does_not_start_before_its_end_is_applied() {
    let mut world = world();
    world.canary.status.as_mut().unwrap().failed_checks = 1;
    world.wait(59);
    world.tick();
    world.release("v3");
    world.applied = not_yet();
    assert_eq!(world.tick().action, Action::Held);
    world.applied = None;
    assert_eq!(world.tick().action, Action::Started);
}

#[test]
fn the_schedule_ahead_takes_the_delay_into_account() {
    let mut world = World::new("threshold: 1, stepWeight: 50, maxWeight: 50");
    world.gitops("applied: {from: delay, delay: 3m}");
    world.release("v2");
    world.reading = Reading::Value(0.0);
    let ahead = schedule(&world.canary, &world.facts, world.now);
    let minutes: Vec<i64> = ahead
        .iter()
        .map(|step| step.at.duration_since(world.now).as_mins())
        .collect();
    assert_eq!(minutes, [0, 4, 8, 12, 16]);
    let phases: Vec<_> = ahead.iter().filter_map(|step| step.phase).collect();
    assert_eq!(phases.last(), Some(&Phase::Succeeded));
}

#[test]
fn the_bootstrap_waits_for_the_cluster() {
    let mut world = World::new("threshold: 1, stepWeight: 50");
    world.gitops("applied: {from: githubStatus}");
    world.canary.status = None;
    world.facts.primary = crate::decide::Primary::Missing;
    world.tick();
    world.applied = not_yet();
    let held: Plan = world.tick();
    assert_eq!((held.action, held.is_empty()), (Action::Held, true));
    world.applied = None;
    assert_eq!(world.tick().action, Action::Initialized);
}
