//! What the plans of several stages have in common.

use super::Tick;
use crate::api::{Condition, Deferred, Phase, Status, Traffic};
use crate::decide::{Action, Effect, Plan, Routed};

impl Tick<'_> {
    /// Status of a run that begins with the target's current revision.
    pub(super) fn begin(&self, status: &mut Status) {
        self.enter(status, Phase::Progressing);
        status.canary_weight = 0;
        status.failed_checks = 0;
        status.iterations = 0;
        status.last_applied_spec.clone_from(&self.facts.revision);
        status.tracked_configs.clone_from(&self.facts.configs);
    }

    /// Sets the phase as Flagger does (`SetStatusPhase`): any phase other than
    /// Progressing, Waiting and Promoting zeroes weight and iterations.
    pub(super) fn enter(&self, status: &mut Status, phase: Phase) {
        status.phase = Some(phase);
        if !matches!(
            phase,
            Phase::Progressing | Phase::Waiting | Phase::Promoting
        ) {
            status.canary_weight = 0;
            status.iterations = 0;
        }
        let reason = phase.to_string();
        let promoted = phase.promoted();
        let old = status.conditions.first();
        if old.is_some_and(|old| old.status == promoted && old.reason == reason) {
            return;
        }
        let transition = match old {
            Some(old) if old.status == promoted => old.last_transition_time,
            _ => Some(self.now),
        };
        status.conditions = vec![Condition {
            kind: "Promoted".to_owned(),
            status: promoted.to_owned(),
            message: condition_message(phase).to_owned(),
            reason,
            last_update_time: Some(self.now),
            last_transition_time: transition,
        }];
    }

    pub(super) fn traffic_to(&self, traffic: Traffic, status: &mut Status) -> Vec<Effect> {
        status.routed = Some(traffic);
        self.renew_cookies(traffic, status);
        match self.facts.routed.agrees_with(traffic) {
            true => Vec::new(),
            false => vec![Effect::SetTraffic { traffic }],
        }
    }

    /// A run gets a canary cookie with its first traffic and hands it on as the
    /// previous one with its last. The primary's is made once
    /// (Flagger: `gateway_api.go`, `getSessionAffinityRouteRules`; it makes the
    /// latter without a name, too).
    fn renew_cookies(&self, traffic: Traffic, status: &mut Status) {
        if traffic.canary == 0 {
            if let Some(cookie) = status.session_affinity_cookie.take() {
                status.previous_session_affinity_cookie = Some(cookie);
            }
            return;
        }
        let Some(affinity) = &self.analysis.session_affinity else {
            return;
        };
        let value =
            |of: &str| cookie_value(&[of, &status.last_applied_spec, &self.now.to_string()]);
        let primary = affinity.primary_cookie_name.as_deref().unwrap_or_default();
        let (ours, primarys) = (value("canary"), value("primary"));
        status
            .session_affinity_cookie
            .get_or_insert_with(|| format!("{}={ours}", affinity.cookie_name));
        status
            .primary_session_affinity_cookie
            .get_or_insert_with(|| format!("{primary}={primarys}"));
    }

    /// A generated route follows `spec.service` in every tick, with the weights
    /// it has (Flagger resets them).
    pub(super) fn update_route(&self, plan: &mut Plan) {
        let is_over = matches!(plan.action, Action::Suspended | Action::NotDue);
        if !self.facts.route_outdated || is_over {
            return;
        }
        for effect in &mut plan.effects {
            if let Effect::SetTraffic { traffic } = *effect {
                *effect = Effect::UpdateRoute { traffic };
                return;
            }
        }
        let Routed::Even(traffic) = self.facts.routed else {
            return;
        };
        plan.effects.push(Effect::UpdateRoute { traffic });
        plan.reasons
            .push("the generated route follows spec.service".to_owned());
        // Not a step: the clocks of step and deadline go on.
        plan.status.get_or_insert_with(|| Status {
            last_transition_time: Some(self.now),
            ..self.status.clone()
        });
    }

    /// Stops the target's pods; in a later commit when this one takes traffic
    /// away from them.
    pub(super) fn scale_down(&self, status: &mut Status, effects: &mut Vec<Effect>) {
        if !self.gitops.scales_down() {
            return;
        }
        let recorded = self.status.routed.unwrap_or(Traffic::PRIMARY);
        let exposed = self.facts.exposed > 0 || recorded.canary > 0 || recorded.mirrored;
        if exposed {
            status.deferred = vec![Deferred::ScaleCanaryToZero];
            effects.push(Effect::Defer {
                deferred: Deferred::ScaleCanaryToZero,
            });
        } else {
            self.scale_to_zero(status, effects);
        }
    }

    pub(super) fn scale_to_zero(&self, status: &mut Status, effects: &mut Vec<Effect>) {
        status.deferred.clear();
        if self.facts.target_replicas != Some(0) {
            status.target_replicas = self.facts.target_replicas;
        }
        effects.push(Effect::ScaleCanaryToZero);
    }

    /// Replicas of the target when it runs (Flagger: `ScaleFromZero`): what its
    /// manifest says if that is not zero, else what it said before it was
    /// scaled down, else the primary's.
    pub(super) fn replicas_when_up(&self) -> Option<i64> {
        match self.facts.target_replicas {
            Some(0) => self
                .status
                .target_replicas
                .or(self.facts.primary_replicas)
                .filter(|replicas| *replicas > 0),
            replicas => replicas,
        }
    }

    /// A plan that changes nothing.
    pub(super) fn unchanged(&self, action: Action, reason: String) -> Plan {
        self.plan(action, self.status.clone(), Vec::new(), vec![reason])
    }

    /// What the route carries afterwards: what is written, else what was found.
    fn traffic_after(&self, status: &Status, changed: bool) -> Option<Traffic> {
        match (changed, &self.facts.routed) {
            (false, Routed::Even(found)) => Some(*found),
            (false, Routed::Uneven(_)) => Some(self.facts.routed.traffic()),
            (true, _) | (false, Routed::Missing) => status.routed,
        }
    }

    pub(super) fn plan(
        &self,
        action: Action,
        mut status: Status,
        effects: Vec<Effect>,
        reasons: Vec<String>,
    ) -> Plan {
        let changed = status != self.status || !effects.is_empty();
        if changed {
            status.last_step_time = Some(self.now);
            status.last_transition_time = Some(self.now);
        }
        let pending = status.phase.is_some_and(Phase::is_active) || !status.deferred.is_empty();
        let next_step_at = status
            .last_step_time
            .and_then(|last| last.checked_add(self.analysis.interval()).ok())
            .map(|due| due.max(self.now));
        Plan {
            action,
            phase: status.phase,
            traffic: self.traffic_after(&status, changed),
            next_step_at: next_step_at.filter(|_| pending && action != Action::Suspended),
            status: changed.then_some(status),
            effects,
            reasons,
            measurements: Vec::new(),
            events: Vec::new(),
            alerts: Vec::new(),
            post_rollout: false,
        }
    }
}

/// Ten letters, as Flagger's random ones, but the same for the same tick: a
/// decision made twice is made alike.
fn cookie_value(of: &[&str]) -> String {
    use sha2::{Digest as _, Sha256};
    const LETTERS: &[u8; 52] = b"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ";
    let digest = Sha256::digest(of.join("\n").as_bytes());
    let letters = digest.iter().take(10);
    letters
        .map(|byte| char::from(LETTERS[usize::from(*byte) % LETTERS.len()]))
        .collect()
}

/// What the condition `Promoted` says in words.
fn condition_message(phase: Phase) -> &'static str {
    match phase {
        Phase::Initializing => "the primary is being created",
        Phase::Initialized => "the primary serves all traffic",
        Phase::Waiting => "waiting for approval to start",
        Phase::Progressing => "a new revision is under analysis",
        Phase::WaitingPromotion => "waiting for approval to promote",
        Phase::Promoting => "the primary gets the new revision",
        Phase::Finalising => "traffic is back on the primary",
        Phase::Succeeded => "the new revision is promoted",
        Phase::Failed => "the new revision failed",
        Phase::Terminating | Phase::Terminated => "the Canary is being deleted",
    }
}
