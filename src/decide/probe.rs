//! Questions to the world and their answers, as data.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};

use super::{Evidence, Reading};
use crate::api::{Analysis, Metric, Phase};

/// A question.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Probe {
    /// Is this workload ready?
    Readiness {
        /// Which of the two.
        workload: Workload,
        /// Percent of its pods that must be available.
        percent: i64,
        /// Set once the workload had this long: not ready in all that time
        /// means stuck.
        deadline: Option<SignedDuration>,
    },
    /// What is the value of this metric?
    Metric {
        /// Position in `analysis.metrics`.
        index: usize,
        /// Which of its queries.
        source: MetricSource,
    },
    /// How many requests did this metric see? Asked when it has `minRequests`.
    Requests {
        /// Position in `analysis.metrics`.
        index: usize,
    },
    /// What were its values at checks that no run came for?
    Missed {
        /// Position in `analysis.metrics`.
        index: usize,
        /// Which of its queries; `None` counts its requests.
        source: Option<MetricSource>,
        /// When the checks were due.
        times: Times,
    },
    /// Does the cluster run what was last committed for this Canary? Asked when
    /// `spec.gitops.applied` is set.
    Applied,
    /// Do the metrics of the gateway have series for both sides, and how many requests
    /// did each get? Asked together with the metrics, and before the first step, when
    /// [`Facts::evidence`](super::Facts::evidence) is known and built-in metrics judge.
    Evidence,
    /// Call this webhook: does it pass?
    Webhook {
        /// Position in `analysis.webhooks`.
        index: usize,
        /// The phase in the payload.
        phase: Phase,
    },
}

/// Evenly spaced times.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Times {
    /// The first.
    pub first: Timestamp,
    /// From one to the next; more than nothing.
    pub every: SignedDuration,
    /// How many; at least one.
    pub count: u32,
}

impl Times {
    /// Each of them, in order.
    pub fn iter(self) -> impl Iterator<Item = Timestamp> {
        (0..self.count).map(move |index| {
            let after = self
                .every
                .saturating_mul(i32::try_from(index).unwrap_or(i32::MAX));
            self.first.saturating_add(after).unwrap_or(self.first)
        })
    }
}

/// One of the two workloads of a Canary.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Workload {
    /// It serves stable traffic.
    Primary,
    /// It is the target.
    Canary,
}

/// Where the query of a metric comes from. One metric can have several.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum MetricSource {
    /// Built in, by the metric's name.
    Builtin,
    /// `query`.
    Inline,
    /// `templateRef`.
    Template,
}

/// The answer to a [`Probe`].
#[derive(Debug, Clone, PartialEq)]
pub enum Answer {
    /// To [`Probe::Readiness`].
    Readiness(Readiness),
    /// To [`Probe::Metric`] and [`Probe::Requests`].
    Metric(MetricAnswer),
    /// To [`Probe::Webhook`].
    Webhook(WebhookAnswer),
    /// To [`Probe::Missed`]: one for each time, in order.
    Missed(Vec<MetricAnswer>),
    /// To [`Probe::Applied`].
    Applied(Applied),
    /// To [`Probe::Evidence`].
    Evidence(Evidence),
}

/// Does the cluster run a commit?
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Applied {
    /// It has run the commit, or one after it, since then.
    Since(Timestamp),
    /// Not yet; the text says what is known.
    NotYet(String),
    /// The GitOps controller says that it fails, or is suspended; the text says
    /// which object and why.
    Failing(String),
    /// Nobody can tell; the text says what to set.
    Unknown(String),
}

/// Answers by question.
pub type Answers = BTreeMap<Probe, Answer>;

/// Is a workload ready (Flagger: `deployment_ready.go`)?
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Readiness {
    /// Enough pods are available.
    Ready,
    /// Not yet; the text says why.
    NotReady(String),
    /// Not once within the deadline; the text says why.
    Stuck(String),
    /// Nobody can tell; the text says what to set.
    Unknown(String),
}

/// What a metric's query returned.
#[derive(Debug, Clone, PartialEq)]
pub struct MetricAnswer {
    /// The query as sent.
    pub query: String,
    /// What came back.
    pub reading: Reading,
    /// Warnings of the provider, such as a partial response.
    pub warnings: Vec<String>,
}

/// What a webhook said.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WebhookAnswer {
    /// Any status from 200 to 299 passes. Flagger: 200 to 202 only.
    pub passed: bool,
    /// What came back, in a few words: `200 OK`, `403 Forbidden: closed`,
    /// `no answer within 10 s`.
    pub answer: String,
    /// Why this was no answer at all: nobody could be reached, a login page.
    /// It counts as a refusal, and the run reports it.
    pub failure: Option<String>,
}

/// The metric probes of an analysis in Flagger's order (`scheduler_metrics.go`):
/// for each metric its built-in check and its inline query, then all templates.
#[must_use]
pub fn metric_probes(analysis: &Analysis) -> Vec<Probe> {
    let probes = |sources: fn(&Metric) -> Vec<MetricSource>| {
        analysis
            .metrics()
            .iter()
            .enumerate()
            .flat_map(move |(index, metric)| {
                sources(metric)
                    .into_iter()
                    .map(move |source| Probe::Metric { index, source })
            })
    };
    let direct = probes(|metric| {
        let builtin = metric.is_builtin().then_some(MetricSource::Builtin);
        let inline = metric.inline_query().map(|_| MetricSource::Inline);
        builtin.into_iter().chain(inline).collect()
    });
    let templates = probes(|metric| {
        let template = metric.template_ref.as_ref().map(|_| MetricSource::Template);
        template.into_iter().collect()
    });
    direct.chain(templates).collect()
}

/// The probes that count requests, for the metrics with `minRequests`.
#[must_use]
pub fn request_probes(analysis: &Analysis) -> Vec<Probe> {
    let metrics = analysis.metrics().iter().enumerate();
    metrics
        .filter(|(_, metric)| metric.min_requests() > 0)
        .map(|(index, _)| Probe::Requests { index })
        .collect()
}
