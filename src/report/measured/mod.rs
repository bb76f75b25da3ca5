//! What the metrics of a Canary say now, as one serialisable value. Text and Markdown
//! are functions of it.

pub mod markdown;
pub mod text;

use serde::Serialize;

use crate::api::ThresholdRange;
use crate::decide::{Measurement, Verdict};
use crate::gateway::MeasuredBy;
use crate::report::finding::Finding;

/// What the metrics of a Canary say now.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Measured {
    /// Namespace and name.
    pub canary: String,
    /// Whose metrics measure the requests.
    pub gateway: Chosen,
    /// Each query, for canary and primary.
    pub metrics: Vec<Row>,
    /// What is missing, and what to do; also what is well.
    pub findings: Vec<Finding>,
}

/// Whose metrics measure the requests, and why.
#[derive(Debug, Clone, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Chosen {
    /// The implementation's name for people; `None` when nobody knows.
    pub implementation: Option<String>,
    /// Its version as the Canary says it.
    pub version: Option<String>,
    /// How that is known, or why not.
    pub why: String,
    /// The query set; `None` when the metrics cannot tell the canary apart.
    pub set: Option<ChosenSet>,
}

/// A query set.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ChosenSet {
    /// Its name.
    pub name: String,
    /// What is measured.
    pub about: String,
    /// Who measures.
    pub by: MeasuredBy,
    /// What else is to be known.
    pub notes: Vec<String>,
}

/// Why a query is there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum Wanted {
    /// A metric of the analysis.
    Metric,
    /// The requests of a metric with `minRequests`.
    Requests,
    /// Nobody asks for it: the query set has it.
    Offered,
}

/// One query for both backends.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Row {
    /// Name of the metric, or what is counted.
    pub name: String,
    /// Why it is there.
    pub wanted: Wanted,
    /// The measured window, `1m`.
    pub interval: String,
    /// The inclusive bounds of a metric.
    pub bounds: Option<ThresholdRange>,
    /// For the canary.
    pub canary: Side,
    /// For the primary.
    pub primary: Side,
    /// Bounds of the buckets of its histogram in milliseconds, without the infinite one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub buckets: Option<Vec<f64>>,
}

/// What one query came to.
#[derive(Debug, Clone, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Side {
    /// The query as sent.
    pub query: Option<String>,
    /// The number, if there is one.
    pub value: Option<f64>,
    /// What came back, in words.
    pub shown: String,
    /// How it compares with the bounds.
    pub verdict: Option<Verdict>,
    /// The selectors of the query with what they match.
    pub series: Vec<Matched>,
    /// Why there is no answer.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
    /// The same as a step would judge it.
    #[serde(skip)]
    pub measurement: Option<Box<Measurement>>,
}

/// The series that a selector matches.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Matched {
    /// The selector.
    pub selector: String,
    /// How many there are; `None` when nobody said so.
    pub count: Option<f64>,
    /// Labels of the first few.
    pub labels: Vec<String>,
}

impl Side {
    /// Series that are matched by all selectors together.
    #[must_use]
    pub fn matched(&self) -> Option<f64> {
        let counts = self.series.iter().map(|series| series.count);
        let counts: Option<Vec<f64>> = counts.collect();
        counts
            .filter(|counts| !counts.is_empty())
            .map(|counts| counts.iter().sum())
    }
}

impl Chosen {
    /// `Contour 1.30 (spec.gitops.gateway.implementation says so)`.
    #[must_use]
    pub fn gateway(&self) -> String {
        let version = self.version.as_ref().map(|version| format!(" {version}"));
        match &self.implementation {
            Some(title) => format!("{title}{} ({})", version.unwrap_or_default(), self.why),
            None => format!("nobody knows the gateway ({})", self.why),
        }
    }

    /// The query set in half a sentence.
    #[must_use]
    pub fn set(&self) -> String {
        match &self.set {
            Some(set) => format!("query set {}: {}", set.name, set.about),
            None => "no query set: its metrics do not tell the canary apart".to_owned(),
        }
    }
}

/// Bounds in signs: `≥ 99`, `1 to 2`.
#[must_use]
pub fn bounds(bounds: ThresholdRange) -> String {
    match (bounds.min, bounds.max) {
        (Some(min), Some(max)) => format!("{min} to {max}"),
        (Some(min), None) => format!("≥ {min}"),
        (None, Some(max)) => format!("≤ {max}"),
        (None, None) => "–".to_owned(),
    }
}

/// Numbers of series for canary and primary: `0 / 12`.
fn series(row: &Row) -> String {
    let count = |side: &Side| match side.matched() {
        Some(count) => format!("{count:.0}"),
        None => "–".to_owned(),
    };
    format!("{} / {}", count(&row.canary), count(&row.primary))
}
