//! Query sets: how the requests to one backend are measured.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::shape;
use super::{Backend, Place};
use crate::api::BuiltIn;
use crate::template::TemplateError;

/// How the requests to one backend are measured, as Prometheus knows them.
///
/// Values stand in braces, `{{ service }}`; see the head of `shape.rs` for their names.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct QuerySet {
    /// Its name, over all files.
    #[serde(skip)]
    pub name: String,
    /// What is measured, in one sentence without a full stop.
    pub about: String,
    /// Who measures.
    pub by: MeasuredBy,
    /// How sure it is that the gateway names its series so; `None` for a set of the
    /// user's own. One of low confidence is used only when it is named.
    pub confidence: Option<Confidence>,
    /// When it fits; without one it always does.
    pub when: When,
    /// Alternatives for `{{ label }}`: a scrape may rename a label to
    /// `exported_…`. The first that selects something counts.
    pub labels: Vec<String>,
    /// The counter of requests.
    pub requests: Option<Counter>,
    /// How long they took.
    pub duration: Option<Duration>,
    /// The counter of repeated attempts, of the same selector.
    pub retries: Option<String>,
    /// Around each selected series, `{{ series }}`: a join with pods, for one.
    pub around: Option<String>,
    /// What is different for gRPC. Without it statuses of gRPC are not known, and
    /// there is no success rate of a GRPCRoute: its failures are HTTP 200.
    pub grpc: Option<Variant>,
    /// What is different while requests are copied to the canary.
    pub mirror: Option<Variant>,
    /// Copied requests are not measured at all.
    pub blind_to_mirror: bool,
    /// Do counters begin with the first request that they count? Then the first
    /// ones are missed.
    pub late: bool,
    /// Are callers counted that do not come by the route? Then the weights do not say
    /// what share the canary gets.
    pub all_callers: bool,
    /// How late values come at most, as a duration: `210s`. Without one they are there
    /// with the next scrape.
    pub lag: Option<String>,
    /// Queries in place of the usual ones, by name: `request-success-rate`,
    /// `request-duration`, `request-duration-average`, `request-retry-rate`,
    /// `requests`, `series`, `buckets`.
    pub queries: BTreeMap<String, String>,
    /// The shortest window that makes sense.
    pub least_interval: Option<String>,
    /// What else is to be known, as sentences.
    pub notes: Vec<String>,
}

/// Who measures.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum MeasuredBy {
    /// The gateway: what fails on the way counts, too.
    #[default]
    Gateway,
    /// The workload or its proxy: it sees what reaches it, also probes.
    Workload,
}

/// How sure it is that a gateway names its series as a set says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Confidence {
    /// A part that it needs is not certain.
    Low,
    /// One part was concluded from others, or read in documentation.
    Medium,
    /// Every name was read in the source of the gateway.
    High,
}

/// When a set fits; all that is named has to be so.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct When {
    /// Every backendRef of the steered rules carries a filter.
    pub filters: Option<bool>,
    /// The canary has a rule of its own: A/B testing.
    pub own_rule: Option<bool>,
    /// The GatewayClass is called so.
    pub classes: Option<Vec<String>>,
}

/// A counter of requests, and what selects those of one backend.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Counter {
    /// Name of the metric.
    pub metric: String,
    /// Label matchers of the backend.
    #[serde(rename = "where")]
    pub selector: String,
    /// Label matcher of the requests that failed.
    pub failed: Option<String>,
    /// A counter of those that failed, of the same selector, where it is another one.
    pub failed_metric: Option<String>,
    /// A counter of those that did not, beside `failed_metric`, of the same selector:
    /// both together are all that count then. Else `metric` does, which may hold
    /// requests under way and such that nobody waited for.
    pub good_metric: Option<String>,
    /// Label matchers of those that did not, where that is easier to say.
    pub good: Option<String>,
    /// A counter of all requests that is there from the first one on, of the same
    /// selector.
    pub completed: Option<String>,
}

/// How long requests took.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Duration {
    /// Name of a histogram, without `_bucket`.
    pub histogram: Option<String>,
    /// Name of a gauge with an average, where there is no histogram.
    pub average: Option<String>,
    /// Label matchers, where they differ from those of the requests.
    #[serde(rename = "where")]
    pub selector: Option<String>,
    /// What it is measured in.
    pub unit: Unit,
    /// Finite bounds of the histogram unless somebody configured others, in `unit`.
    pub bounds: Vec<f64>,
}

/// What a duration is measured in.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Unit {
    /// Milliseconds.
    #[default]
    #[serde(rename = "ms")]
    Milliseconds,
    /// Seconds.
    #[serde(rename = "s")]
    Seconds,
}

impl Unit {
    /// Milliseconds in one of it.
    #[must_use]
    pub fn in_milliseconds(self) -> f64 {
        match self {
            Self::Milliseconds => 1.0,
            Self::Seconds => 1000.0,
        }
    }
}

/// Other counters for some of the requests.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Variant {
    /// The counter of requests.
    pub requests: Option<Counter>,
    /// How long they took.
    pub duration: Option<Duration>,
}

/// What is asked of a set.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Question {
    /// A built-in metric.
    Metric(BuiltIn),
    /// Requests in the window; 0 when there is no series.
    Requests,
    /// How many series there are; nothing when there is none.
    Series,
    /// Series by upper bound of the histogram's buckets, `le`.
    Buckets,
}

impl Question {
    /// The name of a query in [`QuerySet::queries`].
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Metric(BuiltIn::SuccessRate) => "request-success-rate",
            Self::Metric(BuiltIn::Percentile(_)) => "request-duration",
            Self::Metric(BuiltIn::AverageDuration) => "request-duration-average",
            Self::Metric(BuiltIn::RetryRate) => "request-retry-rate",
            Self::Requests => "requests",
            Self::Series => "series",
            Self::Buckets => "buckets",
        }
    }
}

impl QuerySet {
    /// The set for gateways that nobody knows: metrics of the application itself,
    /// as Flagger measures them (`observers/http.go`).
    pub const GENERIC: &str = "http";

    /// The query for one backend, over `interval`. `None` when the set cannot
    /// measure that.
    ///
    /// # Errors
    /// When a template of the set cannot be rendered.
    pub fn query(
        &self,
        question: Question,
        place: &Place,
        backend: Backend,
        interval: &str,
    ) -> Result<Option<String>, TemplateError> {
        shape::render(self, question, place, backend, interval)
    }

    /// The counter that is used for requests as they are at `place`.
    #[must_use]
    pub fn counter(&self, place: &Place, backend: Backend) -> Option<&Counter> {
        let variant = self.variant(place, backend);
        variant
            .and_then(|variant| variant.requests.as_ref())
            .or(self.requests.as_ref())
    }

    /// How long requests took, as [`QuerySet::counter`].
    #[must_use]
    pub fn durations(&self, place: &Place, backend: Backend) -> Option<&Duration> {
        let variant = self.variant(place, backend);
        variant
            .and_then(|variant| variant.duration.as_ref())
            .or(self.duration.as_ref())
    }

    /// Copies go to the canary alone.
    fn variant(&self, place: &Place, backend: Backend) -> Option<&Variant> {
        let mirror = self.mirror.as_ref();
        let mirror = mirror.filter(|_| place.mirrored && backend == Backend::Canary);
        mirror.or(self.grpc.as_ref().filter(|_| place.is_grpc()))
    }
}
