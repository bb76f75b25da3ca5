//! Evidence that the metrics tell something, and that the committed weight is in
//! effect.

use crate::api::{OnNoData, Phase, Traffic};
use crate::decide::world::World;
use crate::decide::{
    Action, Applied, Evidence, Plan, Probe, Reading, Routed, ShareVerdict, Verdict, Wiring,
};

/// A release that is started; its metrics are built in, and the gateway is known.
fn started(analysis: &str) -> World {
    let mut world = World::new(analysis);
    builtin(&mut world, "fail");
    world.facts.evidence = Some(Wiring {
        canary: "count(rq{service=\"podinfo-canary\"})".to_owned(),
        primary: "count(rq{service=\"podinfo-primary\"})".to_owned(),
        measured_at: "the gateway".to_owned(),
        late: true,
        divided: true,
        ..Wiring::default()
    });
    world.reading = Reading::Value(100.0);
    world.missed = Reading::Value(100.0);
    world.evidence = counted(0.0, 1000.0);
    world.release("v2");
    assert_eq!(world.tick().action, Action::Started);
    world
}

fn builtin(world: &mut World, on_no_data: &str) {
    let metrics = format!(
        "[{{name: request-success-rate, thresholdRange: {{min: 99}}, onNoData: {on_no_data}}}]"
    );
    let analysis = world.canary.spec.analysis.as_mut().unwrap();
    analysis.metrics = serde_yaml::from_str(&metrics).unwrap();
}

/// Under analysis with 10 % on the canary, one interval after that step.
fn world() -> World {
    let mut world = started("threshold: 3, stepWeights: [5, 10, 50]");
    world.tick();
    world.evidence = counted(50.0, 950.0);
    world.tick();
    assert_eq!(world.traffic(), Traffic::canary(10));
    world.evidence = counted(100.0, 900.0);
    world.asked.clear();
    world
}

fn holding() -> World {
    let mut world = world();
    world.gitops("observedShare: hold");
    world
}

fn counted(canary: f64, primary: f64) -> Evidence {
    Evidence {
        canary: Reading::Value(canary),
        primary: Reading::Value(primary),
        ..Evidence::quiet()
    }
}

fn without_primary() -> Evidence {
    Evidence {
        primary: Reading::Empty,
        primary_series: Reading::Empty,
        ..counted(100.0, 0.0)
    }
}

fn asked(world: &World) -> usize {
    let evidence = world
        .asked
        .iter()
        .filter(|probe| **probe == Probe::Evidence);
    evidence.count()
}

/// Held without a failed check, without a step.
fn is_held(world: &mut World) -> Plan {
    let before = world.status();
    let plan = world.tick();
    assert_eq!(plan.action, Action::Held, "{:?}", plan.reasons);
    assert!(plan.is_empty(), "{plan:?}");
    assert_eq!(world.status(), before);
    plan
}

#[test]
fn nobody_is_asked_where_the_gateway_is_not_known() {
    let mut world = world();
    world.facts.evidence = None;
    assert_eq!(world.tick().share, None);
    assert_eq!(asked(&world), 0);
}

#[test]
fn nobody_is_asked_for_metrics_of_others() {
    let mut world = World::new("threshold: 3, stepWeight: 10");
    world.facts.evidence = Some(Wiring::default());
    world.evidence = without_primary();
    world.release("v2");
    world.run();
    assert_eq!(world.phase(), Some(Phase::Succeeded));
    assert_eq!(asked(&world), 0);
}

#[test]
fn it_is_asked_once_a_tick_with_the_metrics() {
    let mut world = world();
    let plan = world.tick();
    assert_eq!(plan.action, Action::Advanced);
    assert_eq!(asked(&world), 1);
    let share = plan.share.unwrap();
    assert_eq!((share.expected, share.measured), (10.0, 10.0));
    assert_eq!(share.verdict, ShareVerdict::Fits);
    assert_eq!(plan.reasons, ["canary 10 → 50 %"]);
}

#[test]
fn nothing_is_shifted_before_the_metrics_are_wired() {
    let hook = "threshold: 1, stepWeight: 10, webhooks: [{name: load, type: pre-rollout, url: 'http://gate'}]";
    let mut world = started(hook);
    world.evidence = without_primary();
    let plan = is_held(&mut world);
    insta::assert_snapshot!(plan.reasons.join("\n"), @r#"metrics not wired: the primary serves and has no series, `count(rq{service="podinfo-primary"})` finds none. Let Prometheus scrape the gateway and keep these labels; `weirkeeper doctor metrics` shows what is there. If nobody was served since it started, one request is enough"#);
    assert_eq!(world.called(), [""; 0], "no load test before that");
    assert_eq!(world.traffic(), Traffic::PRIMARY);
    // Held as long as it takes, and no longer.
    for _ in 0..5 {
        is_held(&mut world);
    }
    world.evidence = counted(0.0, 0.0);
    assert_eq!(world.tick().action, Action::Advanced);
}

#[test]
fn blue_green_is_held_as_well() {
    let mut world = started("threshold: 1, iterations: 2");
    world.evidence = without_primary();
    is_held(&mut world);
}

#[test]
fn series_that_are_lost_hold_and_do_not_fail() {
    let mut world = world();
    world.evidence = without_primary();
    world.reading = Reading::Empty;
    world.missed = Reading::Empty;
    world.wait(180);
    let plan = is_held(&mut world);
    assert!(plan.reasons[0].starts_with("metrics not wired"), "{plan:?}");
    assert_eq!(
        plan.reasons[1],
        "no data: request-success-rate no series (min 99)"
    );
    assert_eq!(plan.share, None);
    // What the metrics do tell counts.
    world.reading = Reading::Value(50.0);
    assert_eq!(world.tick().action, Action::Halted);
    assert_eq!(world.status().failed_checks, 1);
}

#[test]
fn an_idle_primary_is_no_data_as_ever() {
    let mut world = world();
    world.evidence = counted(0.0, 0.0);
    world.reading = Reading::Nan;
    assert_eq!(world.tick().action, Action::Halted);
    world.reading = Reading::Value(100.0);
    assert_eq!(world.tick().action, Action::Advanced);
}

#[test]
fn a_primary_without_traffic_needs_no_series() {
    let mut world = started("threshold: 1, stepWeight: 100, maxWeight: 100");
    world.tick();
    assert_eq!(world.traffic(), Traffic::CANARY);
    world.evidence = without_primary();
    assert_eq!(world.tick().action, Action::Promoting);
    // In A/B testing it serves whoever does not match.
    let mut world = started("threshold: 1, iterations: 3, match: [{headers: {x: {exact: y}}}]");
    world.tick();
    assert_eq!(world.traffic(), Traffic::CANARY);
    world.evidence = without_primary();
    is_held(&mut world);
}

#[test]
fn whoever_lets_no_data_pass_is_only_told() {
    let mut world = started("threshold: 1, stepWeight: 10");
    builtin(&mut world, "pass");
    world.evidence = without_primary();
    world.reading = Reading::Empty;
    assert_eq!(world.tick().action, Action::Advanced);
    let plan = world.tick();
    assert_eq!(plan.action, Action::Advanced);
    assert!(plan.reasons[1].starts_with("metrics not wired"), "{plan:?}");
}

/// A counter that is read for the first time tells nothing of what it counted before.
#[test]
fn a_pass_in_the_first_interval_is_not_believed_yet() {
    let mut world = world();
    world.evidence.canary_series_before = Reading::Empty;
    let mut failing = world.clone();
    let plan = is_held(&mut world);
    insta::assert_snapshot!(plan.reasons.join("\n"), @"first interval with traffic on the canary: its first requests are not counted, the next interval is judged");
    world.evidence.canary_series_before = Reading::Value(1.0);
    assert_eq!(world.tick().action, Action::Advanced);

    // One sample makes no rate.
    failing.reading = Reading::Empty;
    let plan = is_held(&mut failing);
    assert_eq!(plan.measurements[0].verdict, Verdict::NoData);
    failing.missed = Reading::Empty;
    failing.reading = Reading::Value(0.0);
    assert_eq!(failing.tick().action, Action::Halted, "what is seen counts");
}

#[test]
fn counters_that_are_there_from_the_start_miss_nothing() {
    let mut world = world();
    world.facts.evidence.as_mut().unwrap().late = false;
    world.evidence.canary_series_before = Reading::Empty;
    assert_eq!(world.tick().action, Action::Advanced);
}

#[test]
fn a_canary_without_series_is_no_first_interval() {
    let mut world = world();
    world.evidence.canary_series_before = Reading::Empty;
    world.evidence.canary_series = Reading::Empty;
    assert_eq!(world.tick().action, Action::Advanced);
}

#[test]
fn series_that_come_and_go_do_not_hold_for_ever() {
    let mut world = world();
    world.evidence.canary_series_before = Reading::Empty;
    let mut ticks = 1;
    while world.tick().action == Action::Held {
        ticks += 1;
        assert!(ticks < 20, "held for ever");
    }
    assert_eq!(world.traffic(), Traffic::canary(50));
    assert_eq!(ticks, 11);
}

#[test]
fn a_share_that_is_off_is_told() {
    let mut world = world();
    world.evidence = counted(50.0, 2950.0);
    let plan = world.tick();
    assert_eq!(plan.action, Action::Advanced, "that is the default");
    assert_eq!(plan.share.unwrap().verdict, ShareVerdict::Off);
    insta::assert_snapshot!(plan.reasons.join("\n"), @"
    canary 10 → 50 %
    weight not in effect: the canary got 50 of 3000 requests in 1m (1.67 %), 10 % are committed (6.11 to 14.8 % would fit). Most likely sessions are sticky, or few clients keep their connections; else requests take another rule or route than the one that is steered (spec.gitops.route)
    ");
}

#[test]
fn a_share_that_is_off_holds_where_that_is_asked_for() {
    let mut world = holding();
    world.evidence = counted(150.0, 2850.0);
    let plan = is_held(&mut world);
    insta::assert_snapshot!(plan.reasons.join("\n"), @"weight not in effect: the canary got 150 of 3000 requests in 1m (5 %), 10 % are committed (6.11 to 14.8 % would fit). Most likely the cluster has not applied the step yet (spec.gitops.applied lets each step wait for it): this is the share of the step before, 5 %; else sessions are sticky, or few clients keep their connections, or requests take another rule or route than the one that is steered (spec.gitops.route). Held until the share fits; with spec.gitops.observedShare: warn it goes on");
    for _ in 0..30 {
        is_held(&mut world);
    }
    world.evidence = counted(300.0, 2700.0);
    assert_eq!(world.tick().action, Action::Advanced);
}

#[test]
fn failures_count_and_roll_back_whatever_the_share() {
    let mut world = holding();
    world.evidence = counted(150.0, 2850.0);
    world.reading = Reading::Value(12.0);
    for _ in 0..3 {
        let plan = world.tick();
        assert_eq!(plan.action, Action::Halted);
        assert!(plan.share.unwrap().is_off());
    }
    assert_eq!(world.tick().action, Action::RolledBack);
    assert_eq!(world.traffic(), Traffic::PRIMARY);
}

/// The step may not have been applied: that is no failure of the release, for a while.
#[test]
fn a_canary_that_nobody_reaches_yet_has_not_failed() {
    let mut world = holding();
    world.evidence = counted(0.0, 3000.0);
    world.reading = Reading::Empty;
    let plan = is_held(&mut world);
    insta::assert_snapshot!(plan.reasons.join("\n"), @"
    weight not in effect: the canary got 0 of 3000 requests in 1m (0 %), 10 % are committed (6.11 to 14.8 % would fit). Most likely the cluster has not applied the step yet (spec.gitops.applied lets each step wait for it); else requests take another rule or route than the one that is steered (spec.gitops.route). Held until the share fits; with spec.gitops.observedShare: warn it goes on. No data counts as usual once the step is 15 min old
    no data: request-success-rate no series (min 99)
    ");
    assert!(!plan.measurements[0].fails());
    world.wait(14 * 60);
    let plan = world.tick();
    assert_eq!(
        plan.action,
        Action::Halted,
        "no data is what it is after that"
    );

    let mut known = holding();
    known.gitops("{observedShare: hold, applied: {from: githubStatus}}");
    known.evidence = counted(0.0, 3000.0);
    known.reading = Reading::Empty;
    assert_eq!(known.tick().action, Action::Halted, "it is applied");
}

#[test]
fn likely_causes_follow_from_the_numbers() {
    let causes = |canary: f64, primary: f64, change: fn(&mut World)| {
        let mut world = world();
        world.evidence = counted(canary, primary);
        change(&mut world);
        let reasons = world.tick().reasons;
        let told = reasons
            .iter()
            .find_map(|why| why.split_once("Most likely "));
        told.map_or_else(String::new, |(_, causes)| causes.to_owned())
    };
    let same = |_: &mut World| {};
    let shown = [
        causes(0.0, 3000.0, same),
        causes(0.0, 3000.0, |world| {
            world.evidence.canary_series = Reading::Empty;
        }),
        causes(150.0, 2850.0, same),
        causes(150.0, 2850.0, |world| {
            world.gitops("applied: {from: githubStatus}");
        }),
        causes(2_130.0, 27_870.0, same),
        causes(1500.0, 1500.0, same),
        causes(750.0, 2250.0, |world| {
            (world.facts.target_replicas, world.facts.primary_replicas) = (Some(1), Some(3));
        }),
        causes(2900.0, 100.0, same),
    ];
    insta::assert_snapshot!(shown.join("\n"), @r#"
    the cluster has not applied the step yet (spec.gitops.applied lets each step wait for it); else requests take another rule or route than the one that is steered (spec.gitops.route)
    the cluster has not applied the step yet (spec.gitops.applied lets each step wait for it); else requests take another rule or route than the one that is steered (spec.gitops.route), or its series have other labels than `count(rq{service="podinfo-canary"})` looks for
    the cluster has not applied the step yet (spec.gitops.applied lets each step wait for it): this is the share of the step before, 5 %; else sessions are sticky, or few clients keep their connections, or requests take another rule or route than the one that is steered (spec.gitops.route)
    the gateway has not taken over the route that is applied (its condition Accepted tells): this is the share of the step before, 5 %; else sessions are sticky, or few clients keep their connections, or requests take another rule or route than the one that is steered (spec.gitops.route)
    the step took effect in the middle of the window; else sessions are sticky, or few clients keep their connections, or requests take another rule or route than the one that is steered (spec.gitops.route)
    the gateway ignores the weights: this is the canary's share of the pods, 50 %; else sessions are sticky, or few clients keep their connections, or requests take another rule or route than the one that is steered (spec.gitops.route)
    the gateway ignores the weights: this is the canary's share of the pods, 25 %; else sessions are sticky, or few clients keep their connections, or requests take another rule or route than the one that is steered (spec.gitops.route)
    sessions are sticky, or few clients keep their connections; else requests take another rule or route than the one that is steered (spec.gitops.route)
    "#);
}

#[test]
fn the_share_is_not_compared_where_weights_do_not_divide() {
    let unlike = |change: fn(&mut World)| {
        let mut world = holding();
        world.evidence = counted(1000.0, 2000.0);
        change(&mut world);
        world.tick().share
    };
    assert!(unlike(|_| {}).is_some());
    assert_eq!(unlike(|world| world.gitops("observedShare: 'off'")), None);
    assert_eq!(
        unlike(|world| world.facts.evidence.as_mut().unwrap().divided = false),
        None
    );
    assert_eq!(
        unlike(|world| world.evidence.canary = Reading::Several(vec!["a".into()])),
        None
    );
    assert_eq!(unlike(|world| world.evidence = Evidence::quiet()), None);
    assert_eq!(
        unlike(|world| {
            let analysis = world.canary.spec.analysis.as_mut().unwrap();
            analysis.session_affinity = serde_yaml::from_str("{cookieName: c}").unwrap();
        }),
        None,
        "sticky by design"
    );
    let mut mirrored = started("threshold: 1, stepWeight: 10, mirror: true");
    mirrored.tick();
    mirrored.evidence = counted(1000.0, 1000.0);
    assert_eq!(mirrored.tick().share, None);
}

#[test]
fn a_window_of_two_weights_is_not_compared() {
    let mut world = holding();
    world.gitops("{observedShare: hold, applied: {from: githubStatus}}");
    let analysis = world.canary.spec.analysis.as_mut().unwrap();
    analysis.metrics.as_mut().unwrap()[0].interval = Some("3m".to_owned());
    world.evidence = counted(0.0, 3000.0);
    let since = world.now;
    world.applied = Some(Applied::Since(since));
    world.wait(120);
    let early = world.decide();
    assert_eq!((early.action, early.share), (Action::Advanced, None));
    world.wait(60);
    let late = world.decide();
    assert_eq!(late.action, Action::Held);
    assert!(late.share.is_some());
}

#[test]
fn nothing_and_all_of_the_traffic() {
    let mut world = started("threshold: 1, iterations: 1");
    world.gitops("observedShare: hold");
    world.tick();
    // Others than the route may call a canary without weight.
    world.evidence = counted(500.0, 500.0);
    let plan = world.tick();
    assert_eq!((plan.action, plan.share), (Action::Advanced, None));
    assert_eq!(world.traffic(), Traffic::CANARY);
    world.evidence = counted(500.0, 500.0);
    is_held(&mut world);
    world.evidence = counted(998.0, 2.0);
    assert_eq!(world.tick().action, Action::Promoting);
}

#[test]
fn weights_by_hand_are_compared_as_they_are() {
    let mut world = holding();
    world.gitops("{observedShare: hold, onDrift: follow}");
    world.facts.routed = Routed::Even(Traffic {
        primary: 975,
        canary: 25,
        mirrored: false,
    });
    world.evidence = counted(75.0, 2925.0);
    let share = world.decide().share.unwrap();
    assert_eq!((share.expected, share.verdict), (2.5, ShareVerdict::Fits));
}

#[test]
fn no_data_may_still_be_asked_to_hold() {
    let mut world = holding();
    builtin(&mut world, "hold");
    assert_eq!(
        world.canary.spec.analysis.as_ref().unwrap().metrics()[0].on_no_data,
        OnNoData::Hold
    );
    world.reading = Reading::Empty;
    let plan = is_held(&mut world);
    assert_eq!(
        plan.reasons,
        ["no data: request-success-rate no series (min 99)"]
    );
}

/// A canary whose rule stands where one of the primary's stood, exposed just now; the
/// metrics look back five minutes.
fn exposed_in_own_rule() -> World {
    let mut world = started("threshold: 2, iterations: 3, match: [{headers: {x: {exact: y}}}]");
    world.facts.evidence.as_mut().unwrap().reused = true;
    let analysis = world.canary.spec.analysis.as_mut().unwrap();
    analysis.metrics.as_mut().unwrap()[0].interval = Some("5m".to_owned());
    assert_eq!(world.tick().action, Action::Advanced);
    world
}

#[test]
fn what_may_be_the_primarys_is_not_believed() {
    for (reading, value) in [(50.0, "50"), (100.0, "100")] {
        let mut world = exposed_in_own_rule();
        world.reading = Reading::Value(reading);
        world.missed = Reading::Value(reading);
        let plan = is_held(&mut world);
        assert_eq!(plan.measurements[0].verdict, Verdict::NoData);
        assert_eq!(plan.measurements[0].value(), value);
        assert!(plan.reasons[0].contains("counted the primary's requests before"));
        // Neither do checks count that nobody came for.
        world.wait(60);
        is_held(&mut world);
    }
}

#[test]
fn what_is_the_canarys_own_is_believed() {
    let mut world = exposed_in_own_rule();
    world.wait(240);
    assert_eq!(world.tick().action, Action::Advanced);
    // The canary's rule served nobody else since.
    world.reading = Reading::Value(50.0);
    assert_eq!(world.tick().action, Action::Halted);
    let mut world = exposed_in_own_rule();
    world.wait(240);
    world.reading = Reading::Value(50.0);
    assert_eq!(world.tick().action, Action::Halted);
}

#[test]
fn a_rule_that_is_not_applied_is_the_primarys() {
    let mut world = exposed_in_own_rule();
    world.gitops("applied: {from: delay, delay: 1m}");
    world.applied = Some(Applied::NotYet("not applied".to_owned()));
    world.reading = Reading::Value(50.0);
    for _ in 0..10 {
        is_held(&mut world);
    }
}

#[test]
fn values_that_come_late_hold_what_goes_on_and_not_what_goes_back() {
    let late = || {
        let mut world = started("threshold: 1, stepWeights: [5, 10, 50]");
        world.facts.evidence.as_mut().unwrap().lag = jiff::SignedDuration::from_secs(90);
        world.tick();
        assert_eq!(world.traffic(), Traffic::canary(5));
        world.evidence = counted(50.0, 950.0);
        world
    };
    let mut world = late();
    let plan = is_held(&mut world);
    assert!(plan.reasons[0].contains("too new"), "{:?}", plan.reasons);
    world.reading = Reading::Empty;
    is_held(&mut world);
    // Two minutes and a half after the step: nothing is late any more.
    world.reading = Reading::Value(100.0);
    let plan = world.tick();
    assert_eq!(plan.action, Action::Advanced, "{:?}", plan.reasons);
    let mut world = late();
    world.reading = Reading::Value(50.0);
    assert_eq!(world.tick().action, Action::Halted);
    assert_eq!(world.tick().action, Action::RolledBack);
}
