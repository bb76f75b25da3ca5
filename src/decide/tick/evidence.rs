//! Do the metrics tell something, and is the committed weight in effect? Asked where
//! the gateway is known ([`Wiring`]); Flagger does not look.

use jiff::SignedDuration;

use super::{Ask, Stage, Tick};
use crate::api::{
    Analysis, Applied, AppliedFrom, Metric, ObservedShare, OnNoData, Traffic, parse_duration,
};
use crate::decide::evidence::{Evidence, evidence_window, exists, requests};
use crate::decide::plan::in_words;
use crate::decide::share::short;
use crate::decide::{
    Action, Answer, Measurement, Plan, Probe, Routed, Share, Verdict, Wiring, next_canary_weight,
};

/// Windows (or intervals, if they are longer) after a step in which the canary's first
/// series may still keep a check from being believed. They are new for one; this ends
/// what would go on for ever where series come and go.
const NEW_SERIES: i32 = 10;

/// What the evidence makes of a check.
#[derive(Debug, Default)]
pub(super) struct Findings {
    /// Why nothing goes on, though nothing failed.
    pub(super) holds: Vec<String>,
    /// What is worth telling, whatever becomes of the check.
    pub(super) notes: Vec<String>,
    /// The share that the canary had.
    pub(super) share: Option<Share>,
    /// Does no data of a built-in metric say nothing about the release?
    excuses: bool,
}

impl Findings {
    /// No data that is not the release's fault holds instead of failing.
    pub(super) fn excuse(&self, measurement: &mut Measurement) {
        if self.excuses {
            hold(measurement);
        }
    }
}

fn hold(measurement: &mut Measurement) {
    if measurement.verdict == Verdict::NoData && measurement.on_no_data == OnNoData::Fail {
        measurement.on_no_data = OnNoData::Hold;
    }
}

impl Tick<'_> {
    /// The question, where it is asked: the gateway is known, and its metrics judge.
    pub(super) fn evidence_probe(&self) -> Option<Probe> {
        let judges = evidence_window(&self.analysis).is_some();
        (self.facts.evidence.is_some() && judges).then_some(Probe::Evidence)
    }

    fn evidence(&self) -> Option<(&Wiring, &Evidence)> {
        let wiring = self.facts.evidence.as_ref()?;
        match self.answers.get(&Probe::Evidence)? {
            Answer::Evidence(evidence) => Some((wiring, evidence)),
            Answer::Readiness(_)
            | Answer::Metric(_)
            | Answer::Webhook(_)
            | Answer::Missed(_)
            | Answer::Applied(_) => None,
        }
    }

    /// Before anything is shifted: a plan that holds while the metrics that are to
    /// judge are not there.
    pub(super) fn not_wired(&self) -> Stage<Option<Plan>> {
        let Some(probe) = self.evidence_probe() else {
            return Ok(None);
        };
        if !self.answers.contains_key(&probe) {
            return Err(Ask(vec![probe]));
        }
        let unwired = self.unwired().filter(|_| !self.takes_no_data());
        Ok(unwired.map(|why| self.unchanged(Action::Held, why)))
    }

    /// What the evidence says about the checks of now.
    pub(super) fn findings(&self) -> Findings {
        let mut findings = Findings::default();
        if let Some(why) = self.unwired() {
            findings.excuses = true;
            match self.takes_no_data() {
                true => findings.notes.push(why),
                false => findings.holds.push(why),
            }
        } else if self.is_first_interval() {
            findings.excuses = true;
            findings.holds.push(
                "first interval with traffic on the canary: its first requests are not \
                 counted, the next interval is judged"
                    .to_owned(),
            );
        } else if let Some(why) = self.unsettled() {
            findings.excuses = true;
            findings.holds.push(why);
        } else if let Some(share) = self.share() {
            let holds = self.gitops.observed_share == ObservedShare::Hold;
            if share.is_off() {
                let why = self.not_in_effect(&share);
                findings.excuses = holds && self.may_take_effect(&share);
                match holds {
                    true => findings.holds.push(why),
                    false => findings.notes.push(why),
                }
            }
            findings.share = Some(share);
        }
        findings
    }

    /// A missed check without data is not held against the release where evidence is
    /// asked: nobody can tell any more whether the series were there, or just new. What
    /// they say now counts.
    pub(super) fn excuse_missed(&self, measurement: &mut Measurement) {
        if self.evidence_probe().is_some() {
            hold(measurement);
        }
    }

    /// Whoever lets no data pass lets a primary without series pass, too.
    fn takes_no_data(&self) -> bool {
        let metrics = self.analysis.metrics().iter();
        let mut builtin = metrics.filter(|metric| metric.is_builtin());
        builtin.all(|metric| metric.on_no_data == OnNoData::Pass)
    }

    /// Why the metrics cannot tell anything: the primary has traffic and no series at
    /// all. Series without a request are an idle application, which is something else.
    fn unwired(&self) -> Option<String> {
        let (wiring, evidence) = self.evidence()?;
        let serves = self.routed.traffic().primary > 0 || !self.analysis.matches().is_empty();
        if !serves || exists(&evidence.primary_series) {
            return None;
        }
        Some(format!(
            "metrics not wired: the primary serves and has no series, `{}` finds none. Let \
             Prometheus scrape {} and keep these labels; `weirkeeper doctor metrics` shows what \
             is there. If nobody was served since it started, one request is enough",
            wiring.primary, wiring.measured_at
        ))
    }

    /// Did the canary's series begin within the window? `increase` and `rate` miss what
    /// a counter counted before it was first read.
    fn is_first_interval(&self) -> bool {
        let (Some((wiring, evidence)), Some(base)) = (self.evidence(), self.base()) else {
            return false;
        };
        let longest = self.window().max(self.analysis.interval());
        let waited = self.now.duration_since(base);
        wiring.late
            && exists(&evidence.canary_series)
            && !exists(&evidence.canary_series_before)
            && waited <= longest.saturating_mul(NEW_SERIES)
    }

    pub(super) fn window(&self) -> SignedDuration {
        let window = evidence_window(&self.analysis).unwrap_or(Metric::INTERVAL);
        parse_duration(window).unwrap_or_default()
    }

    /// The share of the canary, where it can be compared with the committed weights:
    /// only requests that the weights divide, of a window in which they were the same.
    /// Nothing is expected of a canary without weight, which others than this route may
    /// call.
    fn share(&self) -> Option<Share> {
        let (wiring, evidence) = self.evidence()?;
        let analysis = &self.analysis;
        let sticky = analysis.session_affinity.is_some();
        let chosen = !analysis.matches().is_empty();
        let looks = self.gitops.observed_share != ObservedShare::Off;
        if !wiring.divided || !looks || sticky || chosen {
            return None;
        }
        let Routed::Even(traffic) = self.routed else {
            return None;
        };
        let same = self.now.duration_since(self.base()?) >= self.settling();
        if traffic.canary <= 0 || traffic.mirrored || !same {
            return None;
        }
        Share::of(
            weight(traffic),
            requests(&evidence.canary)?,
            requests(&evidence.primary)?,
        )
    }

    /// Did no request reach the canary yet, which may be because nobody applied the step
    /// yet? Then no data is no failure of the release. Not where it is known what the
    /// cluster runs, and not for longer than a commit may take: a gateway may also answer
    /// by itself what it cannot send to the canary.
    fn may_take_effect(&self, share: &Share) -> bool {
        let waited = self.base().map(|base| self.now.duration_since(base));
        share.canary_requests <= 0.0
            && !self.knows_cluster()
            && waited.is_some_and(|waited| waited <= Applied::TIMEOUT)
    }

    fn knows_cluster(&self) -> bool {
        self.gitops.applied_from() != AppliedFrom::None
    }

    /// That the committed weight is not in effect, why that may be, and what follows.
    fn not_in_effect(&self, share: &Share) -> String {
        let causes = self.causes(share);
        let (first, others) = causes
            .split_first()
            .map_or(("", &[][..]), |(first, others)| (first.as_str(), others));
        let mut text = format!(
            "weight not in effect: the canary got {} of {} requests in {} ({} %), {} % are \
             committed ({} to {} % would fit). Most likely {first}",
            share.canary_requests.round(),
            share.requests().round(),
            evidence_window(&self.analysis).unwrap_or(Metric::INTERVAL),
            short(share.measured),
            short(share.expected),
            short(share.low),
            short(share.high),
        );
        if !others.is_empty() {
            text.push_str(&format!("; else {}", others.join(", or ")));
        }
        if self.gitops.observed_share != ObservedShare::Hold {
            return text;
        }
        text.push_str(
            ". Held until the share fits; with spec.gitops.observedShare: warn it goes on",
        );
        if self.may_take_effect(share) {
            text.push_str(&format!(
                ". No data counts as usual once the step is {} old",
                in_words(Applied::TIMEOUT)
            ));
        }
        text
    }

    /// Causes in the order of their likelihood, given the numbers; at least one.
    fn causes(&self, share: &Share) -> Vec<String> {
        let not_applied = match self.knows_cluster() {
            true => {
                "the gateway has not taken over the route that is applied (its condition \
                     Accepted tells)"
            }
            false => {
                "the cluster has not applied the step yet (spec.gitops.applied lets \
                      each step wait for it)"
            }
        };
        let elsewhere = "requests take another rule or route than the one that is steered \
                         (spec.gitops.route)";
        let mut causes: Vec<String> = Vec::new();
        let before = previous_weight(&self.analysis, share.expected);
        if share.canary_requests <= 0.0 {
            causes.extend([not_applied.to_owned(), elsewhere.to_owned()]);
            causes.extend(self.other_labels());
            return causes;
        }
        if before > 0.0 && share.would_fit(before) {
            causes.push(format!(
                "{not_applied}: this is the share of the step before, {} %",
                short(before * 100.0)
            ));
        }
        if let Some(pods) = self.pods().filter(|pods| share.would_fit(*pods)) {
            causes.push(format!(
                "the gateway ignores the weights: this is the canary's share of the pods, {} %",
                short(pods * 100.0)
            ));
        } else if share.would_fit(0.5) {
            causes.push("the gateway ignores the weights and divides evenly".to_owned());
        }
        let between = share.measured > before * 100.0 && share.measured < share.expected;
        if causes.is_empty() && between {
            causes.push("the step took effect in the middle of the window".to_owned());
        }
        causes.extend([
            "sessions are sticky, or few clients keep their connections".to_owned(),
            elsewhere.to_owned(),
        ]);
        causes
    }

    /// The canary's series are not there at all.
    fn other_labels(&self) -> Option<String> {
        let (wiring, evidence) = self.evidence()?;
        let text = format!(
            "its series have other labels than `{}` looks for",
            wiring.canary
        );
        (!exists(&evidence.canary_series)).then_some(text)
    }

    /// The canary's share of all pods, from 0 to 1, where the manifests tell it.
    fn pods(&self) -> Option<f64> {
        let replicas = (self.facts.target_replicas?, self.facts.primary_replicas?);
        let (canary, primary) = (
            u32::try_from(replicas.0).ok()?,
            u32::try_from(replicas.1).ok()?,
        );
        let all = f64::from(canary) + f64::from(primary);
        (canary > 0 && primary > 0).then(|| f64::from(canary) / all)
    }
}

/// The canary's share of the traffic, from 0 to 1, whatever the weights sum up to.
#[expect(clippy::cast_precision_loss, reason = "weights go up to a million")]
fn weight(traffic: Traffic) -> f64 {
    let sum = traffic.primary.saturating_add(traffic.canary).max(1);
    traffic.canary as f64 / sum as f64
}

/// The weight of the step before the one with `percent`, from 0 to 1.
#[expect(clippy::cast_precision_loss, reason = "a percentage")]
fn previous_weight(analysis: &Analysis, percent: f64) -> f64 {
    let mut before = 0;
    loop {
        let next = next_canary_weight(analysis, before);
        if next as f64 >= percent || next <= before {
            return before as f64 / 100.0;
        }
        before = next;
    }
}
