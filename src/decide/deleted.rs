//! A Canary that somebody deleted in the middle of a rollout.

use jiff::Timestamp;

use super::{Action, Answers, Effect, Facts, Notice, Plan, tick::Tick};
use crate::api::{AlertSeverity, Canary, Phase, Traffic};

/// What is left to do for a Canary that is gone (Flagger: `finalizer.go`), from
/// its last version; `None` once its route sends nothing to the canary.
///
/// All traffic goes to the primary. With `revertOnDeletion` the target is scaled
/// up first, and once `is_ready` says that it runs, the apex Service selects it
/// again in the commit that sets the weights. There is no document to keep a
/// state in: the plans have effects only, and the weights tell what is done.
#[must_use]
pub fn deleted(canary: &Canary, facts: &Facts, is_ready: bool, now: Timestamp) -> Option<Plan> {
    let routed = facts.routed.traffic();
    if routed.canary == 0 && !routed.mirrored && facts.exposed == 0 {
        return None;
    }
    let answers = Answers::new();
    let tick = Tick::new(canary, facts, &answers, now);
    let target = tick.target();
    let reverts = canary.spec.revert_on_deletion.unwrap_or(false) && facts.scales;
    if reverts && facts.target_replicas == Some(0) {
        let replicas = tick.replicas_when_up();
        let reason = format!("the Canary was deleted, scaling up {target} to take over");
        return Some(Plan {
            phase: Some(Phase::Terminating),
            traffic: Some(routed),
            effects: vec![Effect::ScaleCanaryUp { replicas }],
            reasons: vec![reason],
            ..Plan::bare(Action::Held)
        });
    }
    if reverts && !is_ready {
        let reason = format!("the Canary was deleted, waiting until {target} can take over");
        return Some(Plan {
            phase: Some(Phase::Terminating),
            traffic: Some(routed),
            reasons: vec![reason],
            ..Plan::bare(Action::Held)
        });
    }
    let traffic = Traffic::PRIMARY;
    let mut effects = Vec::new();
    let mut reason = "the Canary was deleted, all traffic goes to the primary".to_owned();
    if reverts {
        effects.push(Effect::PointApexAtTarget);
        reason.push_str(", the public Service back to the target");
    }
    effects.push(Effect::SetTraffic { traffic });
    Some(Plan {
        phase: Some(Phase::Terminated),
        traffic: Some(traffic),
        effects,
        alerts: vec![Notice {
            severity: AlertSeverity::Warn,
            message: format!("{target}: {reason}"),
            details: false,
        }],
        reasons: vec![reason],
        ..Plan::bare(Action::RolledBack)
    })
}
