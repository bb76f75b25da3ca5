//! A Canary that somebody deleted while something of its rollout is left.

use jiff::Timestamp;

use super::{Action, Answers, Effect, Facts, Notice, Plan, Readiness, tick::Tick};
use crate::api::{AlertSeverity, Canary, Phase, Traffic};

/// What is left to do for a Canary that is gone (Flagger: `finalizer.go`), from
/// its last version; `None` when nothing is.
///
/// All traffic goes to the primary at once. With `revertOnDeletion` the target is
/// scaled up, and once it is `ready` the apex Service selects it again; the route
/// is not reverted, as in Flagger. There is no document to keep a state in: the
/// plans have effects only, and the manifests tell what is done.
#[must_use]
pub fn deleted(canary: &Canary, facts: &Facts, ready: &Readiness, now: Timestamp) -> Option<Plan> {
    let routed = facts.routed.traffic();
    let exposed = routed.canary != 0 || routed.mirrored || facts.exposed > 0;
    let reverts = canary.spec.revert_on_deletion.unwrap_or(false) && facts.scales;
    let idle = reverts && facts.target_replicas == Some(0);
    let apex = reverts && facts.apex_at_primary;
    if !(exposed || idle || apex) {
        return None;
    }
    let answers = Answers::new();
    let tick = Tick::new(canary, facts, &answers, now);
    let target = tick.target();
    let mut effects = Vec::new();
    let mut told = Vec::new();
    if exposed {
        let traffic = Traffic::PRIMARY;
        effects.push(Effect::SetTraffic { traffic });
        told.push("all traffic goes to the primary".to_owned());
    }
    if idle {
        let replicas = tick.replicas_when_up();
        effects.push(Effect::ScaleCanaryUp { replicas });
        told.push(format!("{target} is scaled up to take over"));
    }
    let is_over = match ready {
        _ if exposed || idle => !reverts,
        Readiness::Ready => {
            effects.push(Effect::PointApexAtTarget);
            told.push(format!("the public Service leads to {target} again"));
            true
        }
        Readiness::NotReady(why) | Readiness::Stuck(why) | Readiness::Unknown(why) => {
            told.push(format!("{target} cannot take over yet: {why}"));
            false
        }
    };
    let reason = format!("the Canary was deleted: {}", told.join(", "));
    let alert = Notice {
        severity: AlertSeverity::Warn,
        message: format!("{target}: {reason}"),
        details: false,
    };
    let action = match (exposed, effects.is_empty()) {
        (true, _) => Action::RolledBack,
        (false, true) => Action::Held,
        (false, false) => Action::Idle,
    };
    Some(Plan {
        phase: Some(match is_over {
            true => Phase::Terminated,
            false => Phase::Terminating,
        }),
        traffic: Some(match exposed {
            true => Traffic::PRIMARY,
            false => routed,
        }),
        alerts: Some(alert).filter(|_| exposed).into_iter().collect(),
        effects,
        reasons: vec![reason],
        ..Plan::bare(action)
    })
}
