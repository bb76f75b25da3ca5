//! What holds for every Canary and every answer.

use proptest::prelude::*;

use super::world::World;
use super::{Effect, Readiness, Reading};
use crate::api::{Phase, Traffic};

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
    )
        .prop_map(
            |(primary, target, reading, release, hand, against, iterations)| Event {
                primary,
                target,
                reading,
                release,
                hand,
                against,
                iterations,
            },
        )
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
    if let Some(revision) = event.release {
        world.release(&format!("v{revision}"));
    }
    if let Some(weight) = event.hand {
        world.route(Traffic::canary(weight));
    }
    world.against = event.against.iter().map(|&name| name.to_owned()).collect();
    if let Some(analysis) = &mut world.canary.spec.analysis
        && let (Some(iterations), Some(_)) = (event.iterations, analysis.iterations)
    {
        analysis.iterations = Some(iterations);
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn every_tick_keeps_its_promises(
        analysis in analysis(),
        events in prop::collection::vec(event(), 1..40),
    ) {
        let mut world = World::new(&analysis);
        for event in &events {
            play(&mut world, event);
            let before = world.traffic();
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
            let ended = matches!(plan.action, super::Action::Succeeded | super::Action::RolledBack);
            prop_assert_eq!(plan.post_rollout, ended, "hooks run when a rollout ends");
            if plan.action == super::Action::RolledBack {
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
    fn every_run_ends(analysis in analysis(), events in prop::collection::vec(event(), 1..20)) {
        let mut world = World::new(&analysis);
        world.release("v2");
        for event in &events {
            play(&mut world, event);
            world.tick();
        }
        // From wherever this led, once the hand is taken back and nothing is
        // in the way.
        world.primary = Readiness::Ready;
        world.target = Readiness::Ready;
        world.reading = Reading::Value(0.5);
        world.against.clear();
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
