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
        status.restored = false;
        status.failed_spec = None;
        status.gates.clear();
        status.routed_match = self.audience();
        status.last_applied_spec.clone_from(&self.facts.revision);
        status.tracked_configs.clone_from(&self.facts.configs);
    }

    /// Sets the phase as Flagger does (`SetStatusPhase`): any phase other than
    /// Progressing, Waiting and Promoting zeroes weight and iterations.
    pub(super) fn enter(&self, status: &mut Status, phase: Phase) {
        status.phase = Some(phase);
        if !phase.is_active() {
            status.gates.clear();
        }
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

    /// Is the idle target stopped? People do that where they own the workloads.
    pub(super) fn scales_down(&self) -> bool {
        self.gitops.scales_down() && self.facts.scales
    }

    /// Stops the target's pods; in a later commit when this one takes traffic
    /// away from them.
    pub(super) fn scale_down(&self, status: &mut Status, effects: &mut Vec<Effect>) {
        if !self.scales_down() {
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
    pub(in crate::decide) fn replicas_when_up(&self) -> Option<i64> {
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
        match (changed, &self.routed) {
            (false, Routed::Even(found)) => Some(*found),
            (false, Routed::Uneven(_)) => Some(self.routed.traffic()),
            (true, _) | (false, Routed::Missing) => status.routed,
        }
    }

    /// A step, or nothing.
    pub(super) fn plan(
        &self,
        action: Action,
        mut status: Status,
        effects: Vec<Effect>,
        reasons: Vec<String>,
    ) -> Plan {
        if status != self.before || !effects.is_empty() {
            status.last_step_time = Some(self.now);
            status.not_applied = None;
        }
        self.note(action, status, effects, reasons)
    }

    /// Something that is recorded without being a step: the clocks of step and
    /// deadline go on.
    pub(super) fn note(
        &self,
        action: Action,
        mut status: Status,
        effects: Vec<Effect>,
        mut reasons: Vec<String>,
    ) -> Plan {
        let changed = status != self.before || !effects.is_empty();
        if changed {
            status.last_transition_time = Some(self.now);
            reasons.extend(self.notes.iter().cloned());
        }
        let pending = status.phase.is_some_and(Phase::is_active) || !status.deferred.is_empty();
        let stepped = status.last_step_time != self.before.last_step_time;
        let base = if stepped {
            status.last_step_time
        } else {
            self.base()
        };
        let next_step_at = base
            .and_then(|base| self.after_interval(base))
            .map(|due| due.max(self.now));
        Plan {
            phase: status.phase,
            traffic: self.traffic_after(&status, changed),
            next_step_at: next_step_at.filter(|_| pending && action != Action::Suspended),
            status: changed.then_some(status),
            effects,
            reasons,
            ..Plan::bare(action)
        }
    }
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
