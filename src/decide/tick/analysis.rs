//! The analysis: what has to pass before the next step.

use super::gates::said;
use super::{Ask, Stage, Tick};
use crate::api::WebhookType;
use crate::decide::{
    Action, Answer, Measurement, MetricAnswer, Plan, Probe, judge, metric_probes, request_probes,
};

/// The outcome of the checks.
#[derive(Default)]
struct Checked {
    measurements: Vec<Measurement>,
    /// Sentences about what failed; empty when nothing did.
    failures: Vec<String>,
    /// Sentences about what holds without having failed.
    holds: Vec<String>,
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
            self.step()?
        };
        plan.measurements = checked.measurements;
        Ok(plan)
    }

    /// Stage 17.
    pub(super) fn too_many_failures(&self) -> Option<Plan> {
        let (failed, threshold) = (self.status.failed_checks, self.analysis.threshold());
        let checks = if failed == 1 { "check" } else { "checks" };
        let why = format!("{failed} failed {checks} reached the threshold of {threshold}");
        (failed >= threshold).then(|| self.rollback(&why))
    }

    fn first_step(&self) -> Stage {
        match self.refusal(WebhookType::PreRollout)? {
            Some(refused) => {
                let why = format!("check failed: pre-rollout {}", said(refused));
                Ok(self.halt(vec![why]))
            }
            None => self.step(),
        }
    }

    /// The rollout webhooks in order, then every metric at once. The first
    /// failure ends the check, but all that were asked are reported.
    fn check(&self) -> Stage<Checked> {
        if let Some(refused) = self.refusal(WebhookType::Rollout)? {
            return Ok(Checked {
                failures: vec![format!("check failed: rollout {}", said(refused))],
                ..Checked::default()
            });
        }
        let measurements = self.measure()?;
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

    fn measure(&self) -> Stage<Vec<Measurement>> {
        let probes = metric_probes(&self.analysis);
        let missing: Vec<Probe> = probes
            .iter()
            .cloned()
            .chain(request_probes(&self.analysis))
            .filter(|probe| !self.answers.contains_key(probe))
            .collect();
        if !missing.is_empty() {
            return Err(Ask(missing));
        }
        let measured = |probe: &Probe| {
            let Probe::Metric { index, source } = probe else {
                return None;
            };
            let metric = self.analysis.metrics().get(*index)?;
            let requests = self.metric_answer(&Probe::Requests { index: *index });
            Some(judge(metric, *source, self.metric_answer(probe)?, requests))
        };
        Ok(probes.iter().filter_map(measured).collect())
    }

    fn metric_answer(&self, probe: &Probe) -> Option<&MetricAnswer> {
        match self.answers.get(probe)? {
            Answer::Metric(answer) => Some(answer),
            Answer::Readiness(_) | Answer::Webhook(_) | Answer::Missed(_) | Answer::Applied(_) => {
                None
            }
        }
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
}
