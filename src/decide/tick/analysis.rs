//! The analysis: the checks, and the step when they pass.

use super::{Ask, Stage, Tick};
use crate::api::{Phase, Strategy, Traffic};
use crate::decide::{
    Action, Answer, Effect, Measurement, Plan, Probe, judge, metric_probes, next_canary_weight,
};

/// The outcome of an analysis.
struct Checked {
    measurements: Vec<Measurement>,
    /// Sentences about what failed; empty when nothing did.
    failures: Vec<String>,
    /// Sentences about what holds without having failed.
    holds: Vec<String>,
}

impl Tick<'_> {
    /// Stages 18 and 19: without traffic on the canary there is nothing to
    /// measure yet and the first step is taken, else the checks decide.
    pub(super) fn analyse(&self, drift: Option<Plan>) -> Stage {
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
                (_, _) => None,
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
        let current = self.facts.routed.traffic().percent();
        if current >= self.analysis.max_weight() {
            return self.promote();
        }
        let next = Traffic::canary(next_canary_weight(&self.analysis, current));
        let mut status = self.status.clone();
        let effects = self.traffic_to(next, &mut status);
        status.canary_weight = next.canary;
        let reason = format!("canary {current} → {} %", next.canary);
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
}
