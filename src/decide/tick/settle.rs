//! From when on the metrics of a gateway tell what the last step did. Flagger does not
//! ask; its checks begin one interval after a step.

use jiff::{SignedDuration, Timestamp};

use super::Tick;
use crate::api::{OnNoData, Strategy};
use crate::decide::plan::in_words;
use crate::decide::{Answer, Applied, Measurement, Probe, Verdict};

impl Tick<'_> {
    /// Why what the metrics tell is not about the last step yet.
    pub(super) fn unsettled(&self) -> Option<String> {
        let window = in_words(self.window());
        if self.may_be_primarys(self.now) {
            return Some(format!(
                "the series of the canary's rule counted the primary's requests before: checks \
                 count once the step was applied for {window}"
            ));
        }
        let lag = self.facts.evidence.as_ref()?.lag;
        let is_new = self.now.duration_since(self.base()?) < self.settling();
        (is_new && !lag.is_zero() && self.changed_traffic()).then(|| {
            format!(
                "the last step is too new: values come up to {} late and look back {window}. \
                 Checks that fail count nevertheless",
                in_words(lag)
            )
        })
    }

    /// How long after a step the whole window has been after it.
    pub(super) fn settling(&self) -> SignedDuration {
        let wiring = self.facts.evidence.as_ref();
        let lag = wiring.map_or(SignedDuration::ZERO, |wiring| wiring.lag);
        self.window().saturating_add(lag)
    }

    /// Could what is measured `at` this time be the primary's requests? The canary's
    /// rule is known by a position that was the primary's, until the canary's first
    /// step was in effect for a whole window.
    pub(super) fn may_be_primarys(&self, at: Timestamp) -> bool {
        let reused = self.facts.evidence.as_ref().is_some_and(|it| it.reused);
        if !reused || self.before.iterations > 1 {
            return false;
        }
        let waits = match self.answers.get(&Probe::Applied) {
            Some(Answer::Applied(applied)) => !matches!(applied, Applied::Since(_)),
            Some(_) | None => false,
        };
        let is_new = |base| at.duration_since(base) < self.settling();
        waits || self.base().is_some_and(is_new)
    }

    /// Did the last step change the traffic? Of the iterations only the first does, and
    /// the one after the last, which gives a canary in blue/green everything.
    fn changed_traffic(&self) -> bool {
        let iterations = self.before.iterations;
        match self.analysis.strategy() {
            Strategy::Canary => true,
            Strategy::AbTesting => iterations <= 1,
            Strategy::BlueGreen => iterations <= 1 || iterations > self.analysis.iterations(),
        }
    }
}

/// A value that may be the primary's tells nothing about the canary.
pub(super) fn distrust(measurement: &mut Measurement) {
    measurement.verdict = Verdict::NoData;
    measurement.on_no_data = OnNoData::Hold;
}
