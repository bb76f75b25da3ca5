//! Runs that come after their time: schedulers are late, by minutes to hours.
//! Flagger's timer never is.

use jiff::{SignedDuration, Timestamp};

use super::Tick;
use super::settle::distrust;
use crate::api::{GateStatus, Phase};
use crate::decide::{
    Answer, Late, Measurement, MetricAnswer, MetricSource, Probe, Reading, Times, judge, windows,
};

/// Missed checks that are judged at most, the newest.
const MOST: u32 = crate::decide::plan::MOST_MISSED;

/// Missed checks, and what became of them.
#[derive(Debug, Default)]
pub(super) struct Missed {
    /// How many failed.
    pub(super) failed: u32,
    /// What the first of them says.
    pub(super) example: Option<String>,
}

impl Tick<'_> {
    /// How late the tick is; `None` when nothing was due.
    pub(super) fn late(&self) -> Option<Late> {
        let active = self.before.phase.is_some_and(Phase::is_active);
        let by = self.now.duration_since(self.due().filter(|_| active)?);
        by.is_positive().then_some(Late {
            by,
            missed: 0,
            failed: 0,
            judged: self.catches_up(),
        })
    }

    pub(super) fn catches_up(&self) -> bool {
        self.analysis.catch_up.unwrap_or(true)
    }

    /// The same, with the checks that were due before the one of now. Asked only
    /// where there is something to check.
    pub(super) fn late_checks(&self) -> Option<Late> {
        let mut late = self.late()?;
        let passed = late.by.as_nanos() / self.analysis.interval().as_nanos().max(1);
        late.missed = u32::try_from(passed).unwrap_or(u32::MAX);
        Some(late)
    }

    /// When the checks were due that are judged now: each at one interval after
    /// the one before, the last one at least one interval ago.
    pub(super) fn missed_times(&self, late: Option<Late>) -> Option<Times> {
        let late = late.filter(|late| late.judged && late.missed > 0)?;
        let every = self.analysis.interval();
        let count = late.missed.min(MOST);
        let skipped = times(every, late.missed - count);
        let first = self.due()?.saturating_add(skipped).ok()?;
        Some(Times {
            first,
            every,
            count,
        })
    }

    /// The questions about the missed checks: the same as about the one of now.
    pub(super) fn missed_probes(probes: &[Probe], times: Times) -> Vec<Probe> {
        let missed = probes.iter().filter_map(|probe| {
            let (index, source) = match probe {
                Probe::Metric { index, source } => (*index, Some(*source)),
                Probe::Requests { index } => (*index, None),
                Probe::Readiness { .. }
                | Probe::Missed { .. }
                | Probe::Applied
                | Probe::Evidence
                | Probe::Webhook { .. } => return None,
            };
            Some(Probe::Missed {
                index,
                source,
                times,
            })
        });
        missed.collect()
    }

    /// A missed check fails when a metric does, and counts once however many do.
    pub(super) fn judge_missed(&self, probes: &[Probe], times: Times) -> Missed {
        let mut missed = Missed::default();
        for (position, at) in times.iter().enumerate() {
            let mut measured = probes
                .iter()
                .filter_map(|probe| self.missed_measurement(probe, position, at));
            let Some(failed) = measured.find(Measurement::fails) else {
                continue;
            };
            missed.failed = missed.failed.saturating_add(1);
            missed.example.get_or_insert_with(|| {
                format!("missed check of {at} failed: {}", failed.summary())
            });
        }
        missed
    }

    fn missed_measurement(
        &self,
        probe: &Probe,
        position: usize,
        at: Timestamp,
    ) -> Option<Measurement> {
        let Probe::Missed {
            index,
            source: Some(source),
            times,
        } = probe
        else {
            return None;
        };
        // Who cannot tell of the past says nothing about any check, which fails none.
        if let Some(Answer::Missed(answers)) = self.answers.get(probe)
            && answers.is_empty()
        {
            return None;
        }
        let metric = self.analysis.metrics().get(*index)?;
        let counted = Probe::Missed {
            index: *index,
            source: None,
            times: *times,
        };
        let requests = (metric.min_requests() > 0).then(|| self.missed_answer(&counted, position));
        let answer = self.missed_answer(probe, position);
        let mut measured = judge(metric, *source, &answer, requests.as_ref());
        if *source == MetricSource::Builtin {
            self.excuse_missed(&mut measured);
            if self.may_be_primarys(at) {
                distrust(&mut measured);
            }
        }
        Some(measured)
    }

    /// Nothing said about a check is no data.
    fn missed_answer(&self, probe: &Probe, position: usize) -> MetricAnswer {
        let answer = match self.answers.get(probe) {
            Some(Answer::Missed(answers)) => answers.get(position).cloned(),
            Some(_) | None => None,
        };
        answer.unwrap_or_else(|| MetricAnswer {
            query: String::new(),
            reading: Reading::Empty,
            warnings: Vec::new(),
        })
    }

    /// The tick as it goes on once the missed checks are counted.
    pub(super) fn after_missed(&self, late: Option<Late>, missed: Missed) -> Self {
        let mut tick = self.clone();
        let failed = &mut tick.status.failed_checks;
        *failed = failed.saturating_add(i64::from(missed.failed));
        tick.notes.extend(missed.example);
        let tells = late.filter(|late| late.failed > 0 || (late.missed > 0 && !self.was_held()));
        tick.notes.extend(tells.map(|late| late.to_string()));
        tick
    }

    /// Was the step kept waiting on purpose? Then nobody came late for it.
    fn was_held(&self) -> bool {
        let was_closed = |due| windows::closed(self.gitops.windows(), due).is_some();
        let approved = |gate: &GateStatus| gate.approved.is_some();
        self.status.gates.iter().any(approved) || self.due().is_some_and(was_closed)
    }

    /// When the next tick is due.
    pub(super) fn due(&self) -> Option<Timestamp> {
        self.after_interval(self.base()?)
    }

    pub(super) fn after_interval(&self, base: Timestamp) -> Option<Timestamp> {
        base.checked_add(self.analysis.interval()).ok()
    }
}

fn times(every: SignedDuration, count: u32) -> SignedDuration {
    every.saturating_mul(i32::try_from(count).unwrap_or(i32::MAX))
}
