//! The analysis: what has to pass before the next step.

use super::evidence::Findings;
use super::gates::said;
use super::late::Missed;
use super::settle::distrust;
use super::{Ask, Stage, Tick};
use crate::api::WebhookType;
use crate::decide::{
    Action, Answer, Measurement, MetricAnswer, MetricSource, Plan, Probe, Times, Verdict, judge,
    metric_probes, request_probes,
};

/// The outcome of the checks.
#[derive(Default)]
struct Checked {
    measurements: Vec<Measurement>,
    /// Sentences about what failed; empty when nothing did.
    failures: Vec<String>,
    /// Sentences about what holds without having failed.
    holds: Vec<String>,
    /// The checks that no run came for.
    missed: Missed,
    /// Did a webhook fail the check? Its answer is not to be had later.
    refused: bool,
    /// What the evidence says.
    findings: Findings,
}

impl Tick<'_> {
    /// Stages 17 to 19: too many failed checks roll back; without traffic on
    /// the canary there is nothing to measure yet, and the pre-rollout webhooks
    /// decide; else the checks do.
    pub(super) fn analyse(&self, drift: Option<Plan>) -> Stage {
        if let Some(rollback) = self.too_many_failures() {
            return Ok(rollback);
        }
        let routed = self.routed.traffic();
        // A hand that took one rule back leaves the canary with the others'.
        let is_exposed = drift.is_some() && self.facts.exposed > 0;
        let untouched =
            routed.canary == 0 && !routed.mirrored && self.status.iterations == 0 && !is_exposed;
        if untouched {
            return match drift {
                Some(drift) => Ok(drift),
                None => self.first_step(),
            };
        }
        let mut late = self.late_checks();
        let times = self.missed_times(late);
        let checked = self.check(times)?;
        if let Some(late) = &mut late {
            late.failed = checked.missed.failed;
        }
        let tick = self.after_missed(late, checked.missed);
        let caught_up = late.is_some_and(|late| late.failed > 0);
        let rollback = tick.too_many_failures().filter(|_| caught_up);
        let counted_again = self.catches_up() && !checked.refused;
        let mut plan = if let Some(rollback) = rollback {
            rollback
        } else if !checked.failures.is_empty() {
            Plan {
                counted_again,
                ..tick.halt(checked.failures)
            }
        } else if let Some(drift) = tick.drift().filter(|_| drift.is_some()) {
            drift
        } else if !checked.holds.is_empty() {
            tick.plan(Action::Held, tick.status.clone(), Vec::new(), checked.holds)
        } else {
            tick.step()?
        };
        let told = checked.findings.notes.into_iter();
        let told = told.filter(|note| !plan.reasons.contains(note));
        let told: Vec<String> = told.collect();
        plan.reasons.extend(told);
        plan.share = checked.findings.share;
        plan.measurements = checked.measurements;
        plan.late = late;
        Ok(plan)
    }

    /// Stage 17.
    pub(super) fn too_many_failures(&self) -> Option<Plan> {
        let (failed, threshold) = (self.status.failed_checks, self.analysis.threshold());
        let checks = if failed == 1 { "check" } else { "checks" };
        let why = format!("{failed} failed {checks} reached the threshold of {threshold}");
        (failed >= threshold).then(|| self.rollback(&why))
    }

    /// Measures without going on: only what fails by its value counts.
    pub(super) fn measure_while_held(&self, held: Plan) -> Stage {
        let (measurements, _) = self.measure(true, None, None)?;
        let failed = measurements
            .iter()
            .filter(|measurement| measurement.verdict == Verdict::Fail)
            .map(|measurement| format!("check failed: {}", measurement.summary()));
        let failures: Vec<String> = failed.collect();
        let mut plan = match failures.is_empty() {
            true => held,
            false => self.halt([failures, held.reasons].concat()),
        };
        // Where nobody measures there is nothing to tell but why it is held.
        if measurements
            .iter()
            .any(|one| one.verdict != Verdict::NoData)
        {
            plan.measurements = measurements;
        }
        Ok(plan)
    }

    fn first_step(&self) -> Stage {
        if let Some(held) = self.held_back() {
            return Ok(held);
        }
        if let Some(held) = self.not_wired()? {
            return Ok(held);
        }
        match self.refusal(WebhookType::PreRollout)? {
            Some(refused) => {
                let why = format!("check failed: pre-rollout {}", said(refused));
                Ok(self.halt(vec![why]))
            }
            None => self.step(),
        }
    }

    /// The rollout webhooks in order, then every metric at once, together with
    /// those of missed checks. The first failure ends the check, but all that
    /// were asked are reported.
    fn check(&self, times: Option<Times>) -> Stage<Checked> {
        if let Some(refused) = self.refusal(WebhookType::Rollout)? {
            let (_, missed) = self.measure(false, times, None)?;
            return Ok(Checked {
                failures: vec![format!("check failed: rollout {}", said(refused))],
                missed,
                refused: true,
                ..Checked::default()
            });
        }
        let evidence = self.evidence_probe();
        let (measurements, missed) = self.measure(true, times, evidence)?;
        let findings = self.findings();
        let sentences = |which: fn(&Measurement) -> bool, words: &str| {
            measurements
                .iter()
                .filter(|measurement| which(measurement))
                .map(|measurement| format!("{words}: {}", measurement.summary()))
                .collect()
        };
        Ok(Checked {
            failures: sentences(Measurement::fails, "check failed"),
            holds: [
                findings.holds.clone(),
                sentences(Measurement::holds, "no data"),
            ]
            .concat(),
            measurements,
            missed,
            refused: false,
            findings,
        })
    }

    /// What the metrics say `now`, and what they said at `times`. `evidence` is asked
    /// for with them.
    fn measure(
        &self,
        now: bool,
        times: Option<Times>,
        evidence: Option<Probe>,
    ) -> Stage<(Vec<Measurement>, Missed)> {
        let mut probes = metric_probes(&self.analysis);
        probes.extend(request_probes(&self.analysis));
        let missed = times.map_or_else(Vec::new, |times| Self::missed_probes(&probes, times));
        probes.retain(|_| now);
        let missing: Vec<Probe> = probes
            .iter()
            .chain(&missed)
            .chain(&evidence)
            .filter(|probe| !self.answers.contains_key(probe))
            .cloned()
            .collect();
        if !missing.is_empty() {
            return Err(Ask(missing));
        }
        let findings = match evidence {
            Some(_) => self.findings(),
            None => Findings::default(),
        };
        let measured = |probe: &Probe| {
            let Probe::Metric { index, source } = probe else {
                return None;
            };
            let metric = self.analysis.metrics().get(*index)?;
            let requests = self.metric_answer(&Probe::Requests { index: *index });
            let mut measured = judge(metric, *source, self.metric_answer(probe)?, requests);
            if *source == MetricSource::Builtin {
                findings.excuse(&mut measured);
                if self.may_be_primarys(self.now) {
                    distrust(&mut measured);
                }
            }
            Some(measured)
        };
        let judged = times.map(|times| self.judge_missed(&missed, times));
        let measured = probes.iter().filter_map(measured).collect();
        Ok((measured, judged.unwrap_or_default()))
    }

    fn metric_answer(&self, probe: &Probe) -> Option<&MetricAnswer> {
        match self.answers.get(probe)? {
            Answer::Metric(answer) => Some(answer),
            Answer::Readiness(_)
            | Answer::Webhook(_)
            | Answer::Missed(_)
            | Answer::Applied(_)
            | Answer::Evidence(_) => None,
        }
    }

    fn halt(&self, mut failures: Vec<String>) -> Plan {
        let mut status = self.status.clone();
        status.failed_checks = status.failed_checks.saturating_add(1);
        failures.push(format!(
            "failed checks {} of {}",
            status.failed_checks,
            self.analysis.threshold()
        ));
        self.plan(Action::Halted, status, Vec::new(), failures)
    }
}
