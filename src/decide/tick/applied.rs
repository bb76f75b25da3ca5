//! Does the cluster run what was committed (`spec.gitops.applied`)? Flagger
//! writes to the cluster itself and need not ask.

use jiff::{SignedDuration, Timestamp};

use super::{Ask, Stage, Tick};
use crate::api::{AlertSeverity, AppliedFrom, GateStatus, Phase, ReadinessFrom};
use crate::decide::plan::in_words;
use crate::decide::{Action, Answer, Applied, Plan, Probe, Readiness};

impl Tick<'_> {
    /// Is there a commit that is still to be judged or carried out, and somebody
    /// who knows whether the cluster runs it?
    fn asks_applied(&self) -> bool {
        let status = &self.before;
        let pending = status.phase.is_some_and(Phase::is_active) || !status.deferred.is_empty();
        // A gate is reached when the step before it was applied and judged; that it
        // is waited for, and its approval, change nothing that a cluster runs.
        let noted = |gate: &GateStatus| gate.since >= status.last_step_time;
        self.gitops.applied_from() != AppliedFrom::None
            && status.last_step_time.is_some()
            && pending
            && !status.gates.iter().any(noted)
    }

    fn applied(&self) -> Stage<Option<&Applied>> {
        if !self.asks_applied() {
            return Ok(None);
        }
        match self.answers.get(&Probe::Applied) {
            Some(Answer::Applied(applied)) => Ok(Some(applied)),
            Some(_) | None => Err(Ask(vec![Probe::Applied])),
        }
    }

    /// What the interval and the deadline count from: the last step, or the time
    /// since which the cluster runs it.
    pub(super) fn base(&self) -> Option<Timestamp> {
        let last = self.before.last_step_time?;
        Some(match self.answers.get(&Probe::Applied) {
            Some(Answer::Applied(Applied::Since(since))) if self.asks_applied() => last.max(*since),
            Some(_) | None => last,
        })
    }

    /// How long the last step, applied or not, is there.
    fn waited(&self) -> SignedDuration {
        self.base().map_or(SignedDuration::ZERO, |base| {
            self.now.duration_since(base).max(SignedDuration::ZERO)
        })
    }

    /// A plan that waits until the last step was in effect for one interval.
    pub(super) fn not_applied(&self) -> Stage<Option<Plan>> {
        if let Some(held) = self.cluster_lags()? {
            return Ok(Some(held));
        }
        Ok(self.due().filter(|due| self.now < *due).map(|due| {
            let reason = format!("next step not before {due}, one interval after it was applied");
            self.unchanged(Action::NotDue, reason)
        }))
    }

    /// A plan that waits until the cluster runs the last step.
    pub(super) fn cluster_lags(&self) -> Stage<Option<Plan>> {
        Ok(match self.applied()? {
            None => None,
            Some(Applied::Since(since)) => (*since > self.now).then(|| {
                let reason = format!("the last commit counts as applied at {since}");
                let mut plan = self.unchanged(Action::NotDue, reason);
                plan.next_step_at = Some(*since);
                plan
            }),
            Some(Applied::Failing(_)) if self.is_stuck() => None,
            Some(Applied::NotYet(why) | Applied::Failing(why) | Applied::Unknown(why)) => {
                Some(self.wait_for_cluster(why))
            }
        })
    }

    /// Is there no more to say than that the cluster has not got there yet, and had
    /// it little time for it?
    pub(super) fn may_be_applied_soon(&self) -> bool {
        let limit = self
            .gitops
            .applied
            .as_ref()
            .map(crate::api::Applied::timeout);
        matches!(
            self.answers.get(&Probe::Applied),
            Some(Answer::Applied(Applied::NotYet(_)))
        ) && limit.is_some_and(|limit| self.waited() <= limit)
    }

    /// With `readiness.from: applied` a commit that fails for longer than the
    /// deadline is a workload that does not get ready.
    fn is_stuck(&self) -> bool {
        self.gitops.readiness_from() == ReadinessFrom::Applied
            && self.waited() > self.spec.progress_deadline()
    }

    /// How the workloads are, by what is known of the commit.
    pub(super) fn readiness_by_applied(&self) -> Stage<Readiness> {
        Ok(match self.applied()? {
            None | Some(Applied::Since(_)) => Readiness::Ready,
            Some(Applied::NotYet(why)) => Readiness::NotReady(why.clone()),
            Some(Applied::Unknown(why)) => Readiness::Unknown(why.clone()),
            Some(Applied::Failing(why)) if self.is_stuck() => Readiness::Stuck(format!(
                "not applied within {}: {why}",
                in_words(self.spec.progress_deadline())
            )),
            Some(Applied::Failing(why)) => Readiness::NotReady(why.clone()),
        })
    }

    /// Once it takes too long, somebody is told, once for each step.
    fn wait_for_cluster(&self, why: &str) -> Plan {
        let held = self.unchanged(Action::Held, why.to_owned());
        let waited = self.waited();
        let limit = match &self.gitops.applied {
            Some(applied) if applied.from != AppliedFrom::Delay => applied.timeout(),
            Some(_) | None => return held,
        };
        if waited <= limit || self.status.not_applied == self.before.last_step_time {
            return held;
        }
        let mut status = self.status.clone();
        status.not_applied = self.before.last_step_time;
        let reason = format!("not applied for {}: {why}", in_words(waited));
        let message = format!("The last step of {} is {reason}", self.target());
        self.note(Action::Held, status, Vec::new(), vec![reason])
            .alert(AlertSeverity::Warn, message)
    }
}
