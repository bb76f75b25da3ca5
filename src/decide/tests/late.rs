//! Runs that come late judge the checks that they missed.

use crate::api::{AlertSeverity, OnNoData, Traffic};
use crate::decide::world::World;
use crate::decide::{Action, MetricSource, Probe, Reading, Times};

/// Under analysis with 10 % on the canary, one interval after that step.
fn world(threshold: i64) -> World {
    let mut world = World::new(&format!("threshold: {threshold}, stepWeight: 10"));
    world.release("v2");
    world.tick();
    world.tick();
    assert_eq!(world.traffic(), Traffic::canary(10));
    world.asked.clear();
    world
}

fn missed(world: &World) -> Vec<Times> {
    let times = world.asked.iter().filter_map(|probe| match probe {
        Probe::Missed { times, .. } => Some(*times),
        Probe::Readiness { .. }
        | Probe::Metric { .. }
        | Probe::Requests { .. }
        | Probe::Applied
        | Probe::Evidence
        | Probe::Webhook { .. } => None,
    });
    times.collect()
}

#[test]
fn a_late_run_judges_what_it_missed_and_takes_one_step() {
    let mut world = world(5);
    let due = world.now;
    world.wait(3 * 60 + 20);
    let plan = world.tick();
    assert_eq!(plan.action, Action::Advanced);
    assert_eq!(world.traffic(), Traffic::canary(20));
    let [times] = missed(&world)[..] else {
        panic!("{:?}", world.asked);
    };
    assert_eq!((times.first, times.count), (due, 3));
    assert_eq!(
        plan.reasons,
        ["canary 10 → 20 %", "3 min late: 3 missed checks, 0 failed"]
    );
    let late = plan.late.unwrap();
    assert_eq!((late.by.as_secs(), late.missed, late.failed), (200, 3, 0));
}

#[test]
fn a_little_late_is_nothing_missed() {
    let mut world = world(5);
    world.wait(59);
    let plan = world.tick();
    assert_eq!(missed(&world), []);
    assert_eq!(plan.reasons, ["canary 10 → 20 %"]);
    assert_eq!(plan.late.unwrap().by.as_secs(), 59);
    world.wait(-59);
    assert_eq!(world.tick().late, None, "just in time");
}

#[test]
fn missed_checks_that_fail_count() {
    let mut world = world(5);
    world.missed = Reading::Value(7.0);
    world.wait(2 * 60);
    let plan = world.tick();
    assert_eq!(plan.action, Action::Advanced);
    assert_eq!(world.line(), "Progressing 80/20 i0 f2 w20");
    assert_eq!(
        plan.reasons[1..],
        [
            "missed check of 2026-01-01T00:04:00Z failed: errors 7 (max 1)",
            "2 min late: 2 missed checks, 2 failed"
        ]
    );
    // The one of now counts besides.
    world.reading = Reading::Value(7.0);
    world.wait(60);
    assert_eq!(world.tick().action, Action::Halted);
    assert_eq!(world.line(), "Progressing 80/20 i0 f4 w20");
}

#[test]
fn they_roll_back_in_the_tick_that_finds_them() {
    let mut world = world(3);
    world.missed = Reading::Empty;
    world.wait(5 * 60);
    let plan = world.tick();
    assert_eq!(plan.action, Action::RolledBack);
    assert_eq!(plan.alerts[0].severity, AlertSeverity::Error);
    assert_eq!(
        plan.reasons[0],
        "revision v2 rolled back: 5 failed checks reached the threshold of 3"
    );
    assert!(
        plan.reasons
            .contains(&"5 min late: 5 missed checks, 5 failed".to_owned())
    );
    assert_eq!(world.traffic(), Traffic::PRIMARY);
    assert!(plan.post_rollout);
}

#[test]
fn what_holds_has_not_failed() {
    let mut world = world(1);
    let metrics = world
        .canary
        .spec
        .analysis
        .as_mut()
        .unwrap()
        .metrics
        .as_mut()
        .unwrap();
    metrics[0].on_no_data = OnNoData::Hold;
    metrics[0].min_requests = Some(10);
    world.missed = Reading::Value(9.0);
    world.reading = Reading::Value(10.0);
    world.wait(2 * 60);
    // Nine requests are too few, ten are enough.
    let plan = world.tick();
    assert_eq!(plan.late.unwrap().failed, 0);
    assert_eq!(plan.action, Action::Halted);
    assert!(
        world
            .asked
            .iter()
            .any(|probe| matches!(probe, Probe::Missed { source: None, .. }))
    );
}

#[test]
fn a_missed_check_counts_once_however_many_metrics_fail() {
    let mut world = world(5);
    world.canary.spec.analysis.as_mut().unwrap().metrics = serde_yaml::from_str(
        "[{name: a, templateRef: {name: a}, query: up, thresholdRange: {max: 1}}, \
          {name: b, query: up, thresholdRange: {max: 1}}]",
    )
    .unwrap();
    world.missed = Reading::Value(7.0);
    world.wait(60);
    let plan = world.tick();
    assert_eq!(world.status().failed_checks, 1);
    assert_eq!(plan.late.unwrap().failed, 1);
    let sources = world.asked.iter().filter_map(|probe| match probe {
        Probe::Missed { index, source, .. } => Some((*index, *source)),
        Probe::Readiness { .. }
        | Probe::Metric { .. }
        | Probe::Requests { .. }
        | Probe::Applied
        | Probe::Evidence
        | Probe::Webhook { .. } => None,
    });
    let sources: Vec<_> = sources.collect();
    let expected = [
        (0, Some(MetricSource::Inline)),
        (1, Some(MetricSource::Inline)),
        (0, Some(MetricSource::Template)),
    ];
    assert_eq!(sources, expected);
}

#[test]
fn the_newest_thousand_are_judged() {
    let mut world = world(5);
    let due = world.now;
    world.wait(5000 * 60);
    let plan = world.tick();
    let [times] = missed(&world)[..] else {
        panic!("{:?}", world.asked);
    };
    assert_eq!(times.count, 1000);
    assert_eq!(times.first.duration_since(due).as_mins(), 4000);
    assert_eq!(plan.late.unwrap().missed, 5000);
    assert_eq!(plan.action, Action::Advanced, "one step, however late");
}

#[test]
fn it_can_be_turned_off() {
    let mut world = world(1);
    world.canary.spec.analysis.as_mut().unwrap().catch_up = Some(false);
    world.missed = Reading::Value(7.0);
    world.wait(5 * 60);
    let plan = world.tick();
    assert_eq!(missed(&world), []);
    assert_eq!(plan.action, Action::Advanced);
    assert_eq!(plan.late.unwrap().missed, 5);
    assert_eq!(
        plan.reasons[1],
        "5 min late: 5 missed checks, not judged as analysis.catchUp asks"
    );
}

/// The first step, a start, the way back of a promotion.
#[test]
fn nothing_is_judged_where_nothing_is_measured() {
    let mut world = World::new("threshold: 1, stepWeight: 50, maxWeight: 50");
    world.missed = Reading::Value(7.0);
    world.release("v2");
    let mut actions = Vec::new();
    for _ in 0..5 {
        // Only before the check that leads to the promotion somebody was in time.
        let is_checked = world.traffic().canary > 0 && actions.len() == 2;
        if !is_checked {
            world.wait(300);
        }
        actions.push(world.tick().action);
    }
    assert_eq!(missed(&world), []);
    assert_eq!(
        actions,
        [
            Action::Started,
            Action::Advanced,
            Action::Promoting,
            Action::Finalising,
            Action::Succeeded
        ]
    );
}

/// A check that is refused by a webhook does not forget the missed ones.
#[test]
fn a_refused_hook_and_missed_checks() {
    let mut world =
        World::new("threshold: 5, stepWeight: 10, webhooks: [{name: during, url: 'http://gate'}]");
    world.release("v2");
    world.tick();
    world.tick();
    world.against.insert("during".into());
    world.missed = Reading::Value(7.0);
    world.wait(60);
    let plan = world.tick();
    assert_eq!(plan.action, Action::Halted);
    assert_eq!(world.status().failed_checks, 2);
    assert!(plan.measurements.is_empty());
}
