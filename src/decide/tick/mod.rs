//! The state machine (Flagger: `scheduler.go`, `advanceCanary`).

mod analysis;
mod applied;
mod evidence;
mod gates;
mod holds;
mod late;
mod news;
mod parts;
mod people;
mod route;
mod settle;
mod stages;
mod strategies;

use std::borrow::Cow;

use jiff::Timestamp;

use self::route::Rewrite;
use super::{Action, Answer, Answers, Facts, Plan, Probe, Readiness, Routed, Workload};
use crate::api::{
    Analysis, AppliedFrom, Canary, CanarySpec, GitOps, OnDrift, Phase, ReadinessFrom, Status,
    Traffic,
};

/// Probes without an answer; ends the tick until they have one.
#[derive(Debug)]
pub(super) struct Ask(pub(super) Vec<Probe>);

/// A plan that waits for a workload, or ends what nobody waits for any longer.
enum Wait {
    /// It is known how the workload is.
    Known(Plan),
    /// Nobody can tell.
    Unknown(Plan),
}

/// A stage either ends with its value or asks.
type Stage<T = Plan> = Result<T, Ask>;

/// One tick of one Canary.
#[derive(Clone)]
pub(super) struct Tick<'a> {
    spec: &'a CanarySpec,
    analysis: Cow<'a, Analysis>,
    gitops: Cow<'a, GitOps>,
    facts: &'a Facts,
    answers: &'a Answers,
    now: Timestamp,
    namespace: Option<&'a str>,
    /// The Canary as commands name it, `test/podinfo`.
    id: String,
    /// The status in the repository.
    before: Status,
    /// The same, with what this tick has found out so far.
    status: Status,
    /// Reasons that go with whatever is changed.
    notes: Vec<String>,
    /// What the route does, as far as the strategy of now is concerned.
    routed: Routed,
    rewrite: Rewrite,
}

impl<'a> Tick<'a> {
    pub(super) fn new(
        canary: &'a Canary,
        facts: &'a Facts,
        answers: &'a Answers,
        now: Timestamp,
    ) -> Self {
        let analysis = match &canary.spec.analysis {
            Some(analysis) => Cow::Borrowed(analysis),
            None => Cow::Owned(Analysis::default()),
        };
        let status = canary.status.clone().unwrap_or_default();
        let rewrite = Rewrite::of(&analysis, &status);
        Self {
            routed: match rewrite {
                Rewrite::Reset => Routed::Even(Traffic::PRIMARY),
                Rewrite::None | Rewrite::InPlace => facts.routed.clone(),
            },
            rewrite,
            analysis,
            gitops: canary.spec.gitops(),
            spec: &canary.spec,
            namespace: canary.metadata.namespace.as_deref(),
            id: canary.id(),
            facts,
            answers,
            now,
            before: status.clone(),
            status,
            notes: Vec::new(),
        }
    }

    /// The stages, and what concerns all of them.
    pub(super) fn run(&self) -> Stage {
        let mut plan = self.stages()?;
        self.rewrite_route(&mut plan);
        self.update_route(&mut plan);
        plan.events = self.events(&plan);
        let is_taken = !matches!(plan.action, Action::NotDue | Action::Suspended);
        plan.late = plan.late.or_else(|| self.late().filter(|_| is_taken));
        Ok(plan)
    }

    /// The stages in Flagger's order. Weirkeeper's own are: a cancelled run ends
    /// before anything else is asked; weights that somebody changed by hand, and
    /// a step that the cluster does not run yet, hold everything except a
    /// rollback.
    fn stages(&self) -> Stage {
        if self.spec.is_suspended() {
            return Ok(self.unchanged(Action::Suspended, "suspended by spec.suspend".to_owned()));
        }
        if let Some(due) = self.not_due() {
            return Ok(self.unchanged(Action::NotDue, format!("next step not before {due}")));
        }
        let phase = match self.status.phase {
            None | Some(Phase::Initializing) => return self.initialise(),
            Some(phase) => phase,
        };
        if !self.should_advance(phase) {
            return self.idle();
        }
        if self.is_cancelled(phase) {
            return Ok(self.cancel());
        }
        if !self.facts.services {
            return Ok(self.restore_services());
        }
        let mut held = self.not_applied()?;
        if held.is_none() {
            held = match self.primary_not_ready(phase)? {
                Some(Wait::Unknown(plan)) if Self::is_analysed(phase) => Some(plan),
                Some(Wait::Unknown(plan) | Wait::Known(plan)) => return Ok(plan),
                None => None,
            };
        }
        let drift = self.drift();
        if !Self::is_running(phase) {
            return self.begin_rollout(phase, held.or(drift));
        }
        // With weights set by hand the checks go on: they may still roll back.
        if Self::is_analysed(phase) && self.has_new_revision() && drift.is_none() {
            return Ok(self.restart());
        }
        if held.is_none() {
            held = match self.canary_not_ready()? {
                Some(Wait::Unknown(plan)) if Self::is_analysed(phase) => Some(plan),
                Some(Wait::Unknown(plan) | Wait::Known(plan)) => return Ok(plan),
                None => None,
            };
        }
        if let Some(held) = held {
            return self.judge_while_held(phase, held);
        }
        if self.spec.skips_analysis() {
            let held = drift.or_else(|| self.held_back());
            return Ok(held.unwrap_or_else(|| self.promote_at_once()));
        }
        if Self::is_analysed(phase)
            && let Some(plan) = self.asked_to_roll_back(phase)?
        {
            return Ok(plan);
        }
        if phase == Phase::Promoting {
            let held = drift.or_else(|| self.paused());
            return Ok(held.unwrap_or_else(|| self.return_traffic()));
        }
        if phase == Phase::Finalising {
            let held = drift.or_else(|| self.paused());
            return Ok(held.unwrap_or_else(|| self.finish()));
        }
        self.analyse(drift)
    }

    /// Nobody can tell whether the workloads are ready, or the cluster does not
    /// run the last step: nothing goes on. But a rollback that is due does not wait
    /// for that, and while requests go to the canary it can become due: a check
    /// that fails by its value counts, no data does not.
    fn judge_while_held(&self, phase: Phase, held: Plan) -> Stage {
        if Self::is_analysed(phase)
            && let Some(rollback) = self.due_rollback(phase)?
        {
            return Ok(rollback);
        }
        let is_exposed = self.facts.exposed > 0 || self.status.is_exposed();
        if held.action == Action::NotDue || !is_exposed || self.may_be_applied_soon() {
            return Ok(held);
        }
        let ends = |wait: Option<Wait>| match wait {
            Some(Wait::Known(plan)) if plan.action == Action::RolledBack => Some(plan),
            Some(Wait::Known(_) | Wait::Unknown(_)) | None => None,
        };
        if let Some(ended) = ends(self.primary_not_ready(phase)?) {
            return Ok(ended);
        }
        if !Self::is_analysed(phase) {
            return Ok(held);
        }
        match ends(self.canary_not_ready()?) {
            Some(ended) => Ok(ended),
            None => self.measure_while_held(held),
        }
    }

    /// A rollback that somebody asks for, or that the checks ask for.
    fn due_rollback(&self, phase: Phase) -> Stage<Option<Plan>> {
        Ok(match self.asked_to_roll_back(phase)? {
            Some(asked) => Some(asked),
            None => self.too_many_failures(),
        })
    }

    /// Before `lastStepTime + interval`, that time. What waits until an earlier
    /// commit is applied need not wait longer where that is known.
    fn not_due(&self) -> Option<Timestamp> {
        let status = &self.status;
        let due = self.after_interval(status.last_step_time?)?;
        let waits_for_cluster = self.gitops.applied_from() != AppliedFrom::None
            && !status.deferred.is_empty()
            && status
                .phase
                .is_some_and(|phase| phase != Phase::Initializing && !self.should_advance(phase));
        (self.now < due && !waits_for_cluster).then_some(due)
    }

    /// Has the run started and not yet ended?
    fn is_running(phase: Phase) -> bool {
        Self::is_analysed(phase) || matches!(phase, Phase::Promoting | Phase::Finalising)
    }

    /// Is the new revision being judged?
    fn is_analysed(phase: Phase) -> bool {
        matches!(phase, Phase::Progressing | Phase::WaitingPromotion)
    }

    /// Flagger: `shouldAdvance`. A revision that arrives in `Failed` is seen
    /// until a tick starts it, not only in the first one.
    fn should_advance(&self, phase: Phase) -> bool {
        phase == Phase::Waiting || Self::is_running(phase) || self.has_new_revision()
    }

    /// Flagger: `hasSpecChanged`, then `HasConfigChanged`.
    fn has_new_revision(&self) -> bool {
        if self.status.last_applied_spec.is_empty() {
            return true;
        }
        // After a failed promotion the canary serves and the primary is broken:
        // the way back to the promoted revision is a release like any other.
        let served_by_canary = self.status.phase == Some(Phase::Failed)
            && self.status.routed.is_some_and(|routed| routed.canary > 0);
        let spec_changed = !self.failed_before()
            && self.facts.revision != self.status.last_applied_spec
            && (served_by_canary || self.facts.revision != self.status.last_promoted_spec);
        // What a rollback took back is what the next tick finds, be it all or not:
        // a generator cannot be taken back.
        let configs_changed = self.facts.configs != self.status.tracked_configs;
        spec_changed || (configs_changed && !self.status.restored)
    }

    /// Is the target at the revision that failed, after it was taken back?
    pub(super) fn failed_before(&self) -> bool {
        self.status.failed_spec.as_ref() == Some(&self.facts.revision)
    }

    /// Is the target back at what the primary runs, while something else is under
    /// analysis? In Git, reverting the version bump is the abort button. After a
    /// failed promotion the primary runs something else, and nothing is cancelled.
    fn is_cancelled(&self, phase: Phase) -> bool {
        let status = &self.status;
        let promoted = &status.last_promoted_spec;
        let is_begun = match phase == Phase::Waiting {
            true => true,
            false => {
                let other = status.last_applied_spec != *promoted
                    || status.tracked_configs != status.promoted_configs;
                Self::is_analysed(phase) && other
            }
        };
        let primary = status.primary_spec.as_ref().unwrap_or(promoted);
        is_begun
            && !promoted.is_empty()
            && self.facts.revision == *promoted
            && primary == promoted
            && self.facts.configs == status.promoted_configs
    }

    /// A plan that holds when the route does not carry what the state says.
    fn drift(&self) -> Option<Plan> {
        let recorded = self.status.routed?;
        if self.rewrite == Rewrite::Reset {
            return None;
        }
        if self.gitops.on_drift == OnDrift::Follow || self.routed.agrees_with(recorded) {
            return None;
        }
        let found = match &self.routed {
            Routed::Missing => {
                "the route, or its split between primary and canary, is gone".to_owned()
            }
            Routed::Even(found) => format!("the route carries {}/{}", found.primary, found.canary),
            Routed::Uneven(rules) => {
                let rules = rules.iter();
                let rules = rules.map(|rule| format!("{}/{}", rule.primary, rule.canary));
                format!(
                    "the rules of the route carry {}",
                    rules.collect::<Vec<_>>().join(" and ")
                )
            }
        };
        Some(self.held_by_person(format!(
            "{found} but the state says {}/{}: somebody changed it. \
             Set the weights back, accept them with `weirkeeper resume {}`, \
             or set spec.gitops.onDrift to follow",
            recorded.primary, recorded.canary, self.id
        )))
    }

    fn readiness(&self, workload: Workload) -> Stage<Readiness> {
        if self.gitops.readiness_from() == ReadinessFrom::Applied {
            return self.readiness_by_applied();
        }
        let wanted = [workload, Workload::Canary].map(|workload| self.readiness_probe(workload));
        let [probe, canary] = &wanted;
        if let Some(Answer::Readiness(readiness)) = self.answers.get(probe) {
            return Ok(readiness.clone());
        }
        // Both are needed in a running phase: one round of questions instead of two.
        let running = self.status.phase.is_some_and(Self::is_running);
        let both = running && canary != probe && !self.answers.contains_key(canary);
        Err(Ask(match both {
            true => wanted.to_vec(),
            false => vec![probe.clone()],
        }))
    }

    /// `progressDeadlineSeconds` counts from the last step, or from when the
    /// cluster runs it.
    fn readiness_probe(&self, workload: Workload) -> Probe {
        let percent = match workload {
            Workload::Primary => self.analysis.primary_ready_threshold,
            Workload::Canary => self.analysis.canary_ready_threshold,
        };
        let allowed = self.spec.progress_deadline();
        let waited = self.base().map(|base| self.now.duration_since(base));
        Probe::Readiness {
            workload,
            percent: percent.unwrap_or(Analysis::READY_THRESHOLD),
            deadline: waited
                .is_some_and(|waited| waited > allowed)
                .then_some(allowed),
        }
    }
}
