//! The state machine (Flagger: `scheduler.go`, `advanceCanary`).

use std::borrow::Cow;

use jiff::Timestamp;

use super::{
    Action, Answer, Answers, Effect, Facts, Measurement, Plan, Primary, Probe, Readiness, Workload,
    after_promotion_step, judge, metric_probes, next_canary_weight,
};
use crate::api::{
    Analysis, Canary, CanarySpec, Condition, Deferred, GitOps, OnDrift, Phase, Status, Strategy,
    Traffic,
};

/// Probes without an answer; ends the tick until they have one.
#[derive(Debug)]
pub(super) struct Ask(pub(super) Vec<Probe>);

/// A stage either ends with its value or asks.
type Stage<T = Plan> = Result<T, Ask>;

/// One tick of one Canary.
pub(super) struct Tick<'a> {
    spec: &'a CanarySpec,
    analysis: Cow<'a, Analysis>,
    gitops: Cow<'a, GitOps>,
    facts: &'a Facts,
    answers: &'a Answers,
    now: Timestamp,
    status: Status,
}

/// The outcome of an analysis.
struct Checked {
    measurements: Vec<Measurement>,
    /// Sentences about what failed; empty when nothing did.
    failures: Vec<String>,
    /// Sentences about what holds without having failed.
    holds: Vec<String>,
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
        Self {
            analysis,
            gitops: canary.spec.gitops(),
            spec: &canary.spec,
            facts,
            answers,
            now,
            status: canary.status.clone().unwrap_or_default(),
        }
    }

    /// The stages in Flagger's order. Two are Weirkeeper's own: a cancelled
    /// run ends before anything else is asked, and weights that somebody
    /// changed by hand hold everything except a rollback.
    pub(super) fn run(&self) -> Stage {
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
            return Ok(self.idle());
        }
        if self.is_cancelled(phase) {
            return Ok(self.cancel());
        }
        if let Some(plan) = self.primary_not_ready(phase)? {
            return Ok(plan);
        }
        let drift = self.drift();
        if !Self::is_running(phase) {
            return Ok(drift.unwrap_or_else(|| self.start()));
        }
        if Self::is_analysed(phase) && self.has_new_revision() {
            return Ok(drift.unwrap_or_else(|| self.restart()));
        }
        if let Some(plan) = self.canary_not_ready()? {
            return Ok(plan);
        }
        if self.spec.skips_analysis() {
            return Ok(drift.unwrap_or_else(|| self.promote_at_once()));
        }
        if phase == Phase::Promoting {
            return Ok(drift.unwrap_or_else(|| self.return_traffic()));
        }
        if phase == Phase::Finalising {
            return Ok(drift.unwrap_or_else(|| self.finish()));
        }
        if self.status.failed_checks >= self.analysis.threshold() {
            return Ok(self.rollback(&format!(
                "{} failed checks reached the threshold of {}",
                self.status.failed_checks,
                self.analysis.threshold()
            )));
        }
        self.analyse(drift)
    }

    // ----- what the stages look at -----

    /// Before `lastStepTime + interval`, that time.
    fn not_due(&self) -> Option<Timestamp> {
        let due = self.due()?;
        (self.now < due).then_some(due)
    }

    fn due(&self) -> Option<Timestamp> {
        self.status
            .last_step_time
            .and_then(|last| last.checked_add(self.analysis.interval()).ok())
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
        let spec_changed = self.facts.revision != self.status.last_promoted_spec
            && self.facts.revision != self.status.last_applied_spec;
        spec_changed || self.facts.configs != self.status.tracked_configs
    }

    /// Is the target back at the promoted revision while another one is under
    /// analysis? In Git, reverting the version bump is the abort button.
    fn is_cancelled(&self, phase: Phase) -> bool {
        (Self::is_analysed(phase) || phase == Phase::Waiting)
            && !self.status.last_promoted_spec.is_empty()
            && self.facts.revision == self.status.last_promoted_spec
            && self.status.last_applied_spec != self.status.last_promoted_spec
    }

    /// A plan that holds when the route does not carry what the state says.
    fn drift(&self) -> Option<Plan> {
        let recorded = self.status.routed?;
        if self.gitops.on_drift == OnDrift::Follow || self.facts.routed.agrees_with(recorded) {
            return None;
        }
        let Traffic {
            primary, canary, ..
        } = self.facts.routed.traffic();
        Some(self.unchanged(
            Action::Held,
            format!(
                "the route carries {primary}/{canary} but the state says {}/{}: somebody changed it. \
                 Set the weights back, or set spec.gitops.onDrift to follow",
                recorded.primary, recorded.canary
            ),
        ))
    }

    fn readiness(&self, workload: Workload) -> Stage<&Readiness> {
        let wanted = [workload, Workload::Canary].map(|workload| self.readiness_probe(workload));
        let [probe, canary] = &wanted;
        if let Some(Answer::Readiness(readiness)) = self.answers.get(probe) {
            return Ok(readiness);
        }
        // Both are needed in a running phase: one round of questions instead of two.
        let running = self.status.phase.is_some_and(Self::is_running);
        let both = running && canary != probe && !self.answers.contains_key(canary);
        Err(Ask(match both {
            true => wanted.to_vec(),
            false => vec![probe.clone()],
        }))
    }

    /// `progressDeadlineSeconds` counts from the last step.
    fn readiness_probe(&self, workload: Workload) -> Probe {
        let percent = match workload {
            Workload::Primary => self.analysis.primary_ready_threshold,
            Workload::Canary => self.analysis.canary_ready_threshold,
        };
        let allowed = self.spec.progress_deadline();
        let waited = self
            .status
            .last_step_time
            .map(|last| self.now.duration_since(last));
        Probe::Readiness {
            workload,
            percent: percent.unwrap_or(Analysis::READY_THRESHOLD),
            deadline: waited
                .is_some_and(|waited| waited > allowed)
                .then_some(allowed),
        }
    }

    // ----- the stages -----

    /// Bootstrap: the primary and its Services first; once the primary is
    /// ready the apex Service and the route; the target's pods go in a later
    /// commit, so that no request ever meets a backend without pods.
    fn initialise(&self) -> Stage {
        let mut status = self.status.clone();
        if self.facts.primary == Primary::Missing {
            self.enter(&mut status, Phase::Initializing);
            return Ok(self.plan(
                Action::Held,
                status,
                vec![Effect::EnsureServices, Effect::CreatePrimary],
                vec![format!(
                    "{} created, waiting until it is ready",
                    self.spec.primary_name()
                )],
            ));
        }
        if !self.spec.skips_analysis() {
            match self.readiness(Workload::Primary)? {
                Readiness::Ready => {}
                Readiness::NotReady(why) | Readiness::Stuck(why) | Readiness::Unknown(why) => {
                    self.enter(&mut status, Phase::Initializing);
                    return Ok(self.plan(Action::Held, status, Vec::new(), vec![why.clone()]));
                }
            }
        }
        self.enter(&mut status, Phase::Initialized);
        // A primary that was there before and runs something else: the target
        // is a new revision, and the next tick starts it.
        let revision = match self.facts.primary {
            Primary::Current => self.facts.revision.clone(),
            Primary::Missing | Primary::Different => String::new(),
        };
        status.last_applied_spec.clone_from(&revision);
        status.last_promoted_spec = revision;
        status.tracked_configs.clone_from(&self.facts.configs);
        status.routed = Some(Traffic::PRIMARY);
        let mut effects = vec![
            Effect::EnsureServices,
            Effect::PointApexAtPrimary,
            Effect::SetTraffic {
                traffic: Traffic::PRIMARY,
            },
        ];
        if self.gitops.scales_down() {
            status.deferred = vec![Deferred::ScaleCanaryToZero];
            effects.push(Effect::Defer {
                deferred: Deferred::ScaleCanaryToZero,
            });
        }
        let reason = format!(
            "initialized, all traffic on {}",
            self.spec.primary_service()
        );
        Ok(self.plan(Action::Initialized, status, effects, vec![reason]))
    }

    /// Nothing new; carries out what waited for an earlier commit.
    fn idle(&self) -> Plan {
        if self.status.deferred.is_empty() || !self.gitops.scales_down() {
            return self.unchanged(Action::Idle, "no new revision".to_owned());
        }
        let routed = self.facts.routed.traffic();
        if routed.canary > 0 {
            return self.unchanged(
                Action::Held,
                format!(
                    "the route sends {} to the canary: it is not scaled down",
                    routed.canary
                ),
            );
        }
        let mut status = self.status.clone();
        let mut effects = Vec::new();
        self.scale_to_zero(&mut status, &mut effects);
        let reason = format!("{} scaled to zero", self.spec.target_ref.name);
        self.plan(Action::Idle, status, effects, vec![reason])
    }

    fn cancel(&self) -> Plan {
        let mut status = self.status.clone();
        self.enter(&mut status, Phase::Succeeded);
        if let Some(condition) = status.conditions.first_mut() {
            "Cancelled".clone_into(&mut condition.reason);
            "the target returned to the promoted revision".clone_into(&mut condition.message);
        }
        status.failed_checks = 0;
        status.last_applied_spec.clone_from(&self.facts.revision);
        status.tracked_configs.clone_from(&self.facts.configs);
        let mut effects = self.traffic_to(Traffic::PRIMARY, &mut status);
        self.scale_down(&mut status, &mut effects);
        self.plan(
            Action::Succeeded,
            status,
            effects,
            vec![format!(
                "cancelled: {} is back at the promoted revision {}",
                self.spec.target_ref.name, self.facts.revision
            )],
        )
    }

    /// Stage 8. While a promotion runs a stuck primary is the broken side, so
    /// traffic goes to the canary; after such a failure it stays there.
    fn primary_not_ready(&self, phase: Phase) -> Stage<Option<Plan>> {
        if self.spec.skips_analysis() {
            return Ok(None);
        }
        let (why, stuck) = match self.readiness(Workload::Primary)? {
            Readiness::Ready => return Ok(None),
            Readiness::NotReady(why) | Readiness::Unknown(why) => (why, false),
            Readiness::Stuck(why) => (why, true),
        };
        let canary_serves = phase == Phase::Failed && self.facts.routed.traffic().canary > 0;
        Ok(Some(match (stuck && !canary_serves, phase) {
            (false, _) => self.unchanged(Action::Held, why.clone()),
            (true, Phase::Promoting | Phase::Finalising) => self.fail_promotion(why),
            (true, _) => self.rollback(why),
        }))
    }

    fn canary_not_ready(&self) -> Stage<Option<Plan>> {
        Ok(match self.readiness(Workload::Canary)? {
            Readiness::Ready => None,
            Readiness::NotReady(why) | Readiness::Unknown(why) => {
                Some(self.unchanged(Action::Held, why.clone()))
            }
            Readiness::Stuck(why) => Some(self.rollback(why)),
        })
    }

    /// Stage 10.
    fn start(&self) -> Plan {
        let mut status = self.status.clone();
        self.begin(&mut status);
        status.deferred.clear();
        let replicas = self.replicas_when_up();
        status.target_replicas = None;
        let target = &self.spec.target_ref.name;
        self.plan(
            Action::Started,
            status,
            vec![Effect::EnsureServices, Effect::ScaleCanaryUp { replicas }],
            vec![format!(
                "new revision {} detected, scaling up {target}",
                self.facts.revision
            )],
        )
    }

    /// Stage 11.
    fn restart(&self) -> Plan {
        let mut status = self.status.clone();
        self.begin(&mut status);
        let effects = self.traffic_to(Traffic::PRIMARY, &mut status);
        let reason = format!(
            "new revision {} detected, the analysis starts over",
            self.facts.revision
        );
        self.plan(Action::Restarted, status, effects, vec![reason])
    }

    /// Stage 13. The route goes to the primary before the target's pods go.
    fn promote_at_once(&self) -> Plan {
        let mut status = self.status.clone();
        self.enter(&mut status, Phase::Succeeded);
        status.last_promoted_spec = status.last_applied_spec.clone();
        let mut effects = self.traffic_to(Traffic::PRIMARY, &mut status);
        effects.push(Effect::Promote);
        self.scale_down(&mut status, &mut effects);
        let reason = "promoted without analysis, as spec.skipAnalysis asks".to_owned();
        self.plan(Action::Succeeded, status, effects, vec![reason])
    }

    /// Stage 15 (Flagger: `runPromotionTrafficShift`).
    fn return_traffic(&self) -> Plan {
        let next = after_promotion_step(&self.analysis, self.facts.routed.traffic());
        let mut status = self.status.clone();
        let effects = self.traffic_to(next, &mut status);
        if next.canary == 0 {
            self.enter(&mut status, Phase::Finalising);
            let reason = format!("all traffic back on {}", self.spec.primary_service());
            return self.plan(Action::Finalising, status, effects, vec![reason]);
        }
        status.canary_weight = next.canary;
        let reason = format!("primary ready, its weight {} %", next.primary);
        self.plan(Action::Promoting, status, effects, vec![reason])
    }

    /// Stage 16.
    fn finish(&self) -> Plan {
        let mut status = self.status.clone();
        self.enter(&mut status, Phase::Succeeded);
        status.last_promoted_spec = status.last_applied_spec.clone();
        let mut effects = Vec::new();
        self.scale_down(&mut status, &mut effects);
        let reason = format!("promotion of {} completed", status.last_promoted_spec);
        self.plan(Action::Succeeded, status, effects, vec![reason])
    }

    /// Flagger: `rollback`.
    fn rollback(&self, why: &str) -> Plan {
        let mut status = self.status.clone();
        self.enter(&mut status, Phase::Failed);
        status.failed_checks = 0;
        status.last_applied_spec.clone_from(&self.facts.revision);
        status.tracked_configs.clone_from(&self.facts.configs);
        let mut effects = self.traffic_to(Traffic::PRIMARY, &mut status);
        self.scale_down(&mut status, &mut effects);
        let reason = format!("rolled back: {why}");
        self.plan(Action::RolledBack, status, effects, vec![reason])
    }

    /// Flagger: `handleFailedPromotion`.
    fn fail_promotion(&self, why: &str) -> Plan {
        let mut status = self.status.clone();
        self.enter(&mut status, Phase::Failed);
        let effects = self.traffic_to(Traffic::CANARY, &mut status);
        status.canary_weight = Traffic::CANARY.canary;
        let reason = format!("promotion failed, all traffic goes to the canary: {why}");
        self.plan(Action::RolledBack, status, effects, vec![reason])
    }

    /// Stages 18 and 19: without traffic on the canary there is nothing to
    /// measure yet and the first step is taken, else the checks decide.
    fn analyse(&self, drift: Option<Plan>) -> Stage {
        let routed = self.facts.routed.traffic();
        let untouched = routed.canary == 0 && !routed.mirrored && self.status.iterations == 0;
        if untouched {
            return Ok(drift.unwrap_or_else(|| self.step()));
        }
        let checked = self.check()?;
        let mut plan = if !checked.failures.is_empty() {
            self.halt(checked.failures)
        } else if let Some(drift) = drift {
            drift
        } else if !checked.holds.is_empty() {
            Plan {
                reasons: checked.holds,
                ..self.unchanged(Action::Held, String::new())
            }
        } else {
            self.step()
        };
        plan.measurements = checked.measurements;
        Ok(plan)
    }

    /// Asks for every metric at once; the first failure ends the check, but
    /// all that were asked are reported.
    fn check(&self) -> Stage<Checked> {
        let probes = metric_probes(&self.analysis);
        let missing: Vec<Probe> = probes
            .iter()
            .filter(|probe| !self.answers.contains_key(probe))
            .cloned()
            .collect();
        if !missing.is_empty() {
            return Err(Ask(missing));
        }
        let measurements: Vec<Measurement> = probes
            .iter()
            .filter_map(|probe| match (probe, self.answers.get(probe)?) {
                (Probe::Metric { index, .. }, Answer::Metric(answer)) => {
                    Some(judge(self.analysis.metrics().get(*index)?, answer))
                }
                (Probe::Metric { .. } | Probe::Readiness { .. }, _) => None,
            })
            .collect();
        let sentences = |which: fn(&Measurement) -> bool, words: &str| {
            measurements
                .iter()
                .filter(|measurement| which(measurement))
                .map(|measurement| format!("{words}: {}", measurement.summary()))
                .collect()
        };
        Ok(Checked {
            failures: sentences(Measurement::fails, "check failed"),
            holds: sentences(Measurement::holds, "no data"),
            measurements,
        })
    }

    fn halt(&self, mut failures: Vec<String>) -> Plan {
        let mut status = self.status.clone();
        status.failed_checks += 1;
        failures.push(format!(
            "failed checks {} of {}",
            status.failed_checks,
            self.analysis.threshold()
        ));
        self.plan(Action::Halted, status, Vec::new(), failures)
    }

    /// Stage 19.
    fn step(&self) -> Plan {
        match self.analysis.strategy() {
            Strategy::Canary => self.step_weight(),
            Strategy::AbTesting => self.step_ab_testing(),
            Strategy::BlueGreen => self.step_blue_green(),
        }
    }

    /// Flagger: `runCanary`.
    fn step_weight(&self) -> Plan {
        let routed = self.facts.routed.traffic();
        if routed.canary >= self.analysis.max_weight() {
            return self.promote();
        }
        let next = Traffic::canary(next_canary_weight(&self.analysis, routed.canary));
        let mut status = self.status.clone();
        let effects = self.traffic_to(next, &mut status);
        status.canary_weight = next.canary;
        let reason = format!("canary {} → {} %", routed.canary, next.canary);
        self.plan(Action::Advanced, status, effects, vec![reason])
    }

    /// Flagger: `runAB`. `iterations` lowered below the count ends the test
    /// instead of hanging.
    fn step_ab_testing(&self) -> Plan {
        let total = self.analysis.iterations();
        if self.status.iterations >= total {
            return self.promote();
        }
        let mut status = self.status.clone();
        let effects = self.traffic_to(Traffic::CANARY, &mut status);
        status.iterations += 1;
        let reason = format!("iteration {} of {total}", status.iterations);
        self.plan(Action::Advanced, status, effects, vec![reason])
    }

    /// Flagger: `runBlueGreen`. Live traffic always goes to the canary before
    /// the promotion, also when `iterations` was lowered below the count.
    fn step_blue_green(&self) -> Plan {
        let total = self.analysis.iterations();
        let routed = self.facts.routed.traffic();
        let mut status = self.status.clone();
        if self.status.iterations < total {
            let mut effects = Vec::new();
            if self.analysis.mirrors() && !routed.mirrored {
                let mirrored = Traffic {
                    mirrored: true,
                    ..Traffic::PRIMARY
                };
                effects = self.traffic_to(mirrored, &mut status);
            }
            status.iterations += 1;
            let reason = format!("iteration {} of {total}", status.iterations);
            return self.plan(Action::Advanced, status, effects, vec![reason]);
        }
        if routed.canary == 0 {
            let effects = self.traffic_to(Traffic::CANARY, &mut status);
            status.iterations = total + 1;
            let reason = "all traffic to the canary".to_owned();
            return self.plan(Action::Advanced, status, effects, vec![reason]);
        }
        self.promote()
    }

    fn promote(&self) -> Plan {
        let mut status = self.status.clone();
        self.enter(&mut status, Phase::Promoting);
        let reason = format!(
            "revision {} copied to {}",
            status.last_applied_spec,
            self.spec.primary_name()
        );
        self.plan(
            Action::Promoting,
            status,
            vec![Effect::Promote],
            vec![reason],
        )
    }

    // ----- parts of plans -----

    /// Status of a run that begins with the target's current revision.
    fn begin(&self, status: &mut Status) {
        self.enter(status, Phase::Progressing);
        status.canary_weight = 0;
        status.failed_checks = 0;
        status.iterations = 0;
        status.last_applied_spec.clone_from(&self.facts.revision);
        status.tracked_configs.clone_from(&self.facts.configs);
    }

    /// Sets the phase as Flagger does (`SetStatusPhase`): any phase other than
    /// Progressing, Waiting and Promoting zeroes weight and iterations.
    fn enter(&self, status: &mut Status, phase: Phase) {
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

    fn traffic_to(&self, traffic: Traffic, status: &mut Status) -> Vec<Effect> {
        status.routed = Some(traffic);
        match self.facts.routed.agrees_with(traffic) {
            true => Vec::new(),
            false => vec![Effect::SetTraffic { traffic }],
        }
    }

    /// Stops the target's pods; in a later commit when this one takes traffic
    /// away from them.
    fn scale_down(&self, status: &mut Status, effects: &mut Vec<Effect>) {
        if !self.gitops.scales_down() {
            return;
        }
        let routed = self.facts.routed.traffic();
        if routed.canary > 0 || routed.mirrored {
            status.deferred = vec![Deferred::ScaleCanaryToZero];
            effects.push(Effect::Defer {
                deferred: Deferred::ScaleCanaryToZero,
            });
        } else {
            self.scale_to_zero(status, effects);
        }
    }

    fn scale_to_zero(&self, status: &mut Status, effects: &mut Vec<Effect>) {
        status.deferred.clear();
        if self.facts.target_replicas != Some(0) {
            status.target_replicas = self.facts.target_replicas;
        }
        effects.push(Effect::ScaleCanaryToZero);
    }

    /// Replicas of the target when it runs (Flagger: `ScaleFromZero`): what its
    /// manifest says if that is not zero, else what it said before it was
    /// scaled down, else the primary's.
    fn replicas_when_up(&self) -> Option<i64> {
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
    fn unchanged(&self, action: Action, reason: String) -> Plan {
        self.plan(action, self.status.clone(), Vec::new(), vec![reason])
    }

    fn plan(
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
            traffic: status.routed,
            next_step_at: next_step_at.filter(|_| pending && action != Action::Suspended),
            status: changed.then_some(status),
            effects,
            reasons,
            measurements: Vec::new(),
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
