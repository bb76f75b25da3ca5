//! What holds for every Canary and every answer.

use jiff::SignedDuration;
use proptest::prelude::*;

use super::world::World;
use super::{Action, Applied, Effect, Evidence, Readiness, Reading, Wiring, Word};
use crate::api::{AppliedFrom, ObservedShare, Phase, Status, Traffic};

/// What happens before one tick.
#[derive(Debug, Clone)]
struct Event {
    primary: Readiness,
    target: Readiness,
    reading: Reading,
    release: Option<u8>,
    hand: Option<i64>,
    /// Types of webhooks that hold the rollout back.
    against: Vec<&'static str>,
    /// Another number of iterations.
    iterations: Option<i64>,
    calendar: Calendar,
    evidence: Evidence,
}

/// What the clock, the cluster and people do before one tick.
#[derive(Debug, Clone)]
struct Calendar {
    /// What is known of the last commit; with a time as seconds before now.
    applied: Result<Option<i64>, Applied>,
    /// Seconds after the tick was due.
    late: i64,
    missed: Reading,
    frozen: bool,
    word: Option<Word>,
}

fn calendar() -> impl Strategy<Value = Calendar> {
    let applied = prop_oneof![
        6 => Just(Ok(None)),
        1 => (0i64..200).prop_map(|ago| Ok(Some(ago))),
        1 => Just(Err(Applied::NotYet("not yet".into()))),
        1 => Just(Err(Applied::Failing("suspended".into()))),
        1 => Just(Err(Applied::Unknown("nobody knows".into()))),
    ];
    let word = prop_oneof![
        6 => Just(Word::Approve(None)),
        1 => Just(Word::Abort),
        2 => Just(Word::Pause),
        4 => Just(Word::Resume),
        1 => Just(Word::Retry),
    ];
    let late = prop_oneof![4 => Just(0i64), 1 => 1i64..2000];
    (
        applied,
        late,
        reading(),
        prop::bool::weighted(0.1),
        prop::option::weighted(0.3, word),
    )
        .prop_map(|(applied, late, missed, frozen, word)| Calendar {
            applied,
            late,
            missed,
            frozen,
            word,
        })
}

/// What a known gateway may tell.
fn evidence() -> impl Strategy<Value = Evidence> {
    let series = || {
        prop_oneof![
            6 => Just(Reading::Value(2.0)),
            1 => Just(Reading::Empty),
            1 => Just(Reading::Several(vec!["a".into(), "b".into()])),
        ]
    };
    let requests = || {
        prop_oneof![
            3 => (0u32..2000).prop_map(|count| Reading::Value(f64::from(count))),
            1 => Just(Reading::Empty),
            1 => Just(Reading::Nan),
            1 => Just(Reading::WrongType("a string".into())),
        ]
    };
    (requests(), requests(), series(), series(), series()).prop_map(
        |(canary, primary, canary_series, primary_series, canary_series_before)| Evidence {
            canary,
            primary,
            canary_series,
            primary_series,
            canary_series_before,
        },
    )
}

/// A gateway that is known, and a metric that it judges beside the other one.
fn with_gateway(world: &mut World) {
    let wiring = Wiring {
        divided: true,
        late: true,
        ..Wiring::default()
    };
    world.facts.evidence = Some(wiring);
    let analysis = world.canary.spec.analysis.as_mut().unwrap();
    analysis.metrics = serde_yaml::from_str(
        "[{name: errors, query: up, thresholdRange: {max: 1}}, \
          {name: request-duration, thresholdRange: {max: 1}}]",
    )
    .unwrap();
}

fn readiness() -> impl Strategy<Value = Readiness> {
    prop_oneof![
        8 => Just(Readiness::Ready),
        1 => Just(Readiness::NotReady("not yet".into())),
        1 => Just(Readiness::Unknown("no series".into())),
        1 => Just(Readiness::Stuck("stuck".into())),
    ]
}

fn reading() -> impl Strategy<Value = Reading> {
    prop_oneof![
        6 => Just(Reading::Value(0.5)),
        1 => Just(Reading::Value(7.0)),
        1 => Just(Reading::Nan),
        1 => Just(Reading::Infinite(f64::INFINITY)),
        1 => Just(Reading::Empty),
        1 => Just(Reading::Several(vec!["a".into(), "b".into()])),
        1 => Just(Reading::WrongType("a string".into())),
    ]
}

/// The webhooks that are asked before a decision.
const GATES: [&str; 6] = [
    "confirm-rollout",
    "pre-rollout",
    "rollout",
    "confirm-traffic-increase",
    "confirm-promotion",
    "rollback",
];

fn event() -> impl Strategy<Value = Event> {
    (
        readiness(),
        readiness(),
        reading(),
        prop::option::weighted(0.1, 1u8..5),
        prop::option::weighted(0.05, 0i64..=100),
        prop::sample::subsequence(GATES.to_vec(), 0..=2),
        prop::option::weighted(0.05, 1i64..6),
        calendar(),
        evidence(),
    )
        .prop_map(
            |(primary, target, reading, release, hand, against, iterations, calendar, evidence)| {
                Event {
                    primary,
                    target,
                    reading,
                    release,
                    hand,
                    against,
                    iterations,
                    calendar,
                    evidence,
                }
            },
        )
}

/// A way to live in Git.
fn gitops() -> impl Strategy<Value = String> {
    let gates = [
        "confirm-rollout",
        "confirm-traffic-increase",
        "confirm-promotion",
    ];
    let gates = prop::sample::subsequence(gates.to_vec(), 0..=3);
    let applied = prop::sample::select(vec!["none", "githubStatus"]);
    let after = prop::sample::select(vec![
        "",
        ", timeout: 5m",
        ", timeout: 5m, onTimeout: approve",
    ]);
    let failure = prop::sample::select(vec!["hold", "revert"]);
    let share = prop::sample::select(vec!["warn", "hold", "'off'"]);
    (gates, after, applied, failure, share).prop_map(|(gates, after, applied, failure, share)| {
        let gates: Vec<String> = gates
            .iter()
            .map(|gate| format!("{{type: {gate}{after}}}"))
            .collect();
        let gates = gates.join(", ");
        format!(
            "{{gates: [{gates}], applied: {{from: {applied}}}, onFailure: {failure}, \
             observedShare: {share}}}"
        )
    })
}

/// An analysis as a user may write it, also with steps that validation refuses.
fn analysis() -> impl Strategy<Value = String> {
    let steps = prop_oneof![
        (-5i64..120, -5i64..150, any::<bool>()).prop_map(|(step, max, mirror)| format!(
            "stepWeight: {step}, maxWeight: {max}, mirror: {mirror}, \
             sessionAffinity: {{cookieName: c}}"
        )),
        prop::collection::vec(-5i64..150, 1..6).prop_map(|rungs| format!("stepWeights: {rungs:?}")),
        (1i64..5, any::<bool>())
            .prop_map(|(iterations, mirror)| format!("iterations: {iterations}, mirror: {mirror}")),
        (1i64..5).prop_map(|iterations| format!(
            "iterations: {iterations}, match: [{{headers: {{x: {{exact: y}}}}}}]"
        )),
    ];
    (steps, -1i64..4, 0i64..60).prop_map(|(steps, threshold, back)| {
        let gates = GATES.map(|gate| format!("{{name: {gate}, type: {gate}, url: 'http://gate'}}"));
        format!(
            "{steps}, threshold: {threshold}, stepWeightPromotion: {back}, webhooks: [{}]",
            gates.join(", ")
        )
    })
}

fn play(world: &mut World, event: &Event) {
    world.primary = event.primary.clone();
    world.target = event.target.clone();
    world.reading = event.reading.clone();
    world.evidence = event.evidence.clone();
    if let Some(revision) = event.release {
        world.release(&format!("v{revision}"));
    }
    if let Some(weight) = event.hand {
        world.route(Traffic::canary(weight));
    }
    world.against = event.against.iter().map(|&name| name.to_owned()).collect();
    let calendar = &event.calendar;
    world.wait(calendar.late);
    world.missed = calendar.missed.clone();
    world.applied = match &calendar.applied {
        Ok(None) => None,
        Ok(Some(ago)) => {
            let ago = SignedDuration::from_secs(*ago);
            Some(Applied::Since(world.now.checked_sub(ago).unwrap()))
        }
        Err(applied) => Some(applied.clone()),
    };
    world.facts.frozen = calendar.frozen.then(|| "audit".to_owned());
    if let Some(analysis) = &mut world.canary.spec.analysis
        && let (Some(iterations), Some(_)) = (event.iterations, analysis.iterations)
    {
        analysis.iterations = Some(iterations);
    }
}

/// Nothing but what runs already goes on: while frozen, paused, or while the
/// cluster does not run the last step.
fn held_means_held(
    world: &World,
    event: &Event,
    before: Traffic,
    after: Traffic,
    started: Option<Phase>,
) -> Result<(), TestCaseError> {
    let paused = world.status().paused.is_some();
    let asks = world.canary.spec.gitops().applied_from() != AppliedFrom::None;
    let lags = asks && event.calendar.applied.is_err();
    if !paused && !lags && !event.calendar.frozen {
        return Ok(());
    }
    // A primary that is stuck leaves the traffic to the canary.
    let promoting = matches!(started, Some(Phase::Promoting | Phase::Finalising));
    if !(promoting && event.primary == Readiness::Stuck("stuck".into())) {
        prop_assert!(
            after.canary <= before.canary,
            "more traffic while it was held"
        );
        prop_assert!(
            !after.mirrored || before.mirrored,
            "mirrored while it was held"
        );
    }
    let promotes = world.phase() == Some(Phase::Promoting) && started != world.phase();
    prop_assert!(!promotes, "promoted while it was held");
    Ok(())
}

/// Nothing goes on without evidence; what fails by its value is never covered up.
fn evidence_means_something(
    world: &World,
    plan: &super::Plan,
    before: Traffic,
    after: Traffic,
) -> Result<(), TestCaseError> {
    let fails = |one: &super::Measurement| one.verdict == super::Verdict::Fail;
    if plan.measurements.iter().any(fails) {
        let counts = matches!(plan.action, Action::Halted | Action::RolledBack);
        prop_assert!(counts, "a failed check was not counted: {:?}", plan);
    }
    let analysed = matches!(
        plan.phase,
        Some(Phase::Progressing | Phase::WaitingPromotion)
    );
    let raised = after.canary > before.canary || (after.mirrored && !before.mirrored);
    let holds = world.canary.spec.gitops().observed_share == ObservedShare::Hold;
    if holds && plan.share.is_some_and(|share| share.is_off()) {
        prop_assert!(!raised, "more traffic though the weight is not in effect");
        prop_assert!(
            plan.action != Action::Promoting,
            "promoted on another share"
        );
    }
    let unwired = world.facts.evidence.is_some()
        && world.evidence.primary_series == Reading::Empty
        && before.primary > 0;
    if analysed && unwired {
        prop_assert!(!raised, "more traffic though nothing is measured");
    }
    Ok(())
}

/// However late it is.
fn one_step(
    world: &World,
    plan: &super::Plan,
    before: Traffic,
    after: Traffic,
) -> Result<(), TestCaseError> {
    let analysis = world.canary.spec.analysis.as_ref().unwrap();
    let weights = analysis.strategy() == crate::api::Strategy::Canary;
    if plan.action == Action::Advanced && weights && after.canary > before.canary {
        let next = super::next_canary_weight(analysis, before.percent());
        prop_assert!(after.canary <= next.max(super::next_canary_weight(analysis, 0)));
    }
    let sets = |effect: &&Effect| matches!(effect, Effect::SetTraffic { .. });
    prop_assert!(plan.effects.iter().filter(sets).count() <= 1);
    Ok(())
}

/// Failed checks rise by what this tick found, and a run that has too many of
/// them does not go on.
fn only_what_failed_counts(
    world: &World,
    plan: &super::Plan,
    before: &Status,
) -> Result<(), TestCaseError> {
    let status = world.status();
    let missed = plan.late.map_or(0, |late| i64::from(late.failed));
    let own = i64::from(plan.action == Action::Halted);
    let raised = status.failed_checks - before.failed_checks;
    prop_assert!(raised <= missed + own, "{raised} of {missed} and {own}");
    let threshold = world.canary.spec.analysis.as_ref().unwrap().threshold();
    let analysed = matches!(
        before.phase,
        Some(Phase::Progressing | Phase::WaitingPromotion)
    );
    if analysed && before.failed_checks + missed >= threshold {
        let stays = matches!(
            plan.action,
            Action::Advanced | Action::Halted | Action::Promoting | Action::Finalising
        );
        prop_assert!(
            !stays,
            "a rollback that is due was not taken: {:?}",
            plan.reasons
        );
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn every_tick_keeps_its_promises(
        analysis in analysis(),
        gitops in gitops(),
        gateway in any::<bool>(),
        events in prop::collection::vec(event(), 1..40),
    ) {
        let mut world = World::new(&analysis);
        world.gitops(&gitops);
        if gateway {
            with_gateway(&mut world);
        }
        for event in &events {
            play(&mut world, event);
            if let Some(word) = event.calendar.word {
                let step = world.status().last_step_time;
                let said = world.say(word);
                let is_step = step != world.status().last_step_time;
                prop_assert_eq!(is_step, said.is_ok() && word == Word::Abort, "{:?}", word);
            }
            let before = world.traffic();
            let status_before = world.status();
            let started = world.phase();
            let twin = world.clone().decide();
            let plan = world.tick();
            prop_assert_eq!(&twin, &plan, "the same observations give the same plan");

            for effect in &plan.effects {
                if let Effect::SetTraffic { traffic } = effect {
                    prop_assert_eq!(traffic.primary + traffic.canary, 100);
                    prop_assert!((0..=100).contains(&traffic.canary));
                }
            }
            let after = world.traffic();
            let promotion_failed = matches!(started, Some(Phase::Promoting | Phase::Finalising))
                && event.primary == Readiness::Stuck("stuck".into());
            if plan.measurements.iter().any(super::Measurement::fails) {
                prop_assert!(after.canary <= before.canary, "a failed check raised the weight");
            }
            if event.target != Readiness::Ready && !promotion_failed {
                prop_assert!(after.canary <= before.canary, "traffic to pods that are not ready");
            }
            let status = world.canary.status.clone().unwrap();
            held_means_held(&world, event, before, after, started)?;
            evidence_means_something(&world, &plan, before, after)?;
            one_step(&world, &plan, before, after)?;
            only_what_failed_counts(&world, &plan, &status_before)?;
            if before.canary > 0 && after.canary == 0 {
                prop_assert!(
                    !plan.effects.contains(&Effect::ScaleCanaryToZero),
                    "traffic and pods went in one commit"
                );
            }
            if world.facts.target_replicas == Some(0) && event.hand.is_none() {
                let by_hand = status.routed != Some(after);
                prop_assert!(after.canary == 0 || by_hand, "traffic to a target without pods");
            }
            prop_assert!(plan.is_empty() || plan.status.is_some(), "effects without a record");
            let ended = matches!(plan.action, Action::Succeeded | Action::RolledBack);
            prop_assert_eq!(plan.post_rollout, ended, "hooks run when a rollout ends");
            if plan.action == Action::RolledBack {
                prop_assert!(!plan.alerts.is_empty(), "a rollback without an alert");
            }
            let sticky = status.session_affinity_cookie.is_some();
            if world.canary.spec.analysis.as_ref().unwrap().session_affinity.is_some() {
                let carries = status.routed.is_some_and(|routed| routed.canary > 0);
                prop_assert_eq!(sticky, carries, "a cookie as long as there is traffic");
            }
        }
    }

    #[test]
    fn every_run_ends(
        analysis in analysis(),
        gitops in gitops(),
        gateway in any::<bool>(),
        events in prop::collection::vec(event(), 1..20),
    ) {
        let mut world = World::new(&analysis);
        world.gitops(&gitops);
        if gateway {
            with_gateway(&mut world);
        }
        world.release("v2");
        for event in &events {
            play(&mut world, event);
            if let Some(word) = event.calendar.word {
                world.say(word).ok();
            }
            world.tick();
        }
        // From wherever this led, once the hand is taken back and nothing is
        // in the way.
        world.primary = Readiness::Ready;
        world.target = Readiness::Ready;
        world.reading = Reading::Value(0.5);
        world.against.clear();
        world.missed = Reading::Value(0.5);
        world.evidence = Evidence::quiet();
        if world.canary.spec.gitops().observed_share != ObservedShare::Hold {
            // A share that is only told of ends nothing.
            world.evidence.canary = Reading::Value(1000.0);
            world.evidence.primary = Reading::Value(1000.0);
        }
        world.applied = None;
        world.facts.frozen = None;
        if let Some(gitops) = &mut world.canary.spec.gitops {
            gitops.gates = None;
        }
        if let Some(status) = &mut world.canary.status {
            status.paused = None;
        }
        if let Some(routed) = world.canary.status.as_ref().and_then(|status| status.routed) {
            world.route(routed);
        }
        world.run();
        let ended = matches!(world.phase(), Some(Phase::Succeeded | Phase::Failed | Phase::Initialized));
        prop_assert!(ended, "{}", world.line());
        let failed_promotion = world.phase() == Some(Phase::Failed);
        prop_assert!(world.traffic() == Traffic::PRIMARY || failed_promotion, "{}", world.line());
    }
}
