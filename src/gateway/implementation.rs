//! Implementations of the Gateway API.

use serde::{Deserialize, Serialize};

use super::capability::{Answer, Capabilities, Capability, LeastStep};
use super::set::Confidence;
use super::version::Version;

/// An implementation of the Gateway API: how it is recognised, whose metrics it has,
/// what it can do.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Implementation {
    /// Its name in `spec.gitops.gateway.implementation`: `envoy-gateway`.
    #[serde(skip)]
    pub name: String,
    /// Its name for people: `Envoy Gateway`.
    pub title: String,
    /// `spec.controllerName` of its GatewayClasses; one that ends with `/` stands for
    /// every path of that domain.
    pub controllers: Vec<String>,
    /// GatewayClasses that the implementation itself defines, by name.
    pub classes: Vec<String>,
    /// Why it cannot be used at all, or not for built-in metrics.
    pub refused: Option<Refusal>,
    /// Why no query set is used unless the Canary names one, mostly because the metrics
    /// do not tell two backends of one rule apart.
    pub not_separable: Option<Reason>,
    /// Does a filter on each backendRef make it count the backends of a rule apart?
    pub separated_by_filter: bool,
    /// Its query sets, in order of preference.
    pub query_sets: Vec<String>,
    /// What has to be switched on for its metrics, as Markdown.
    pub switch_on: String,
    /// What does not work, or not as one would think, as Markdown.
    pub limits: String,
    /// How well its names of metrics and labels are known.
    pub confidence: Option<Confidence>,
    /// A Canary for the documentation, where the usual one would not fit.
    pub example: Option<String>,
    /// What it can do, by version.
    pub capabilities: Vec<Capabilities>,
}

/// Why something cannot be, and what to do.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Reason {
    /// As half a sentence.
    pub why: String,
    /// The ways out, each as half a sentence.
    pub instead: Vec<String>,
}

/// Why an implementation cannot be used.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Refusal {
    /// For what.
    pub what: Refused,
    /// Why, and what to do.
    #[serde(flatten)]
    pub reason: Reason,
}

/// What an implementation cannot be used for.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Refused {
    /// A release: it does not serve the routes.
    #[default]
    Everything,
    /// Built-in metrics.
    Metrics,
}

impl Implementation {
    /// The least that weights are written times with, if at all: what people write by
    /// hand, such as 900 to 100, is not taken for it.
    pub const LEAST_SCALE: i64 = 1000;
    /// The most: 100 percent have to be a weight that the Gateway API allows.
    pub const MOST_SCALE: i64 = 10_000;

    /// Is this the name of its controller?
    #[must_use]
    pub fn has_controller(&self, controller: &str) -> bool {
        self.controllers
            .iter()
            .any(|known| match known.ends_with('/') {
                true => controller.starts_with(known.as_str()),
                false => controller == known,
            })
    }

    /// Is it there in this version and for this GatewayClass? The first record that
    /// says something about it counts; when none does, nobody knows.
    #[must_use]
    pub fn answer(
        &self,
        capability: Capability,
        version: Option<&Version>,
        class: Option<&str>,
    ) -> Answer {
        let mut records = self.fitting(version, class);
        let answer = records.find_map(|record| record.answers.get(&capability));
        answer.cloned().unwrap_or_default()
    }

    /// What weights are to be written times with: 1, unless whole numbers are too
    /// coarse for it; then from [`Implementation::LEAST_SCALE`] to
    /// [`Implementation::MOST_SCALE`].
    #[must_use]
    pub fn weight_scale(&self, version: Option<&Version>) -> i64 {
        let mut records = self.fitting(version, None);
        let scale = records.find_map(|record| record.weight_scale);
        scale
            .filter(|scale| (Self::LEAST_SCALE..=Self::MOST_SCALE).contains(scale))
            .unwrap_or(1)
    }

    /// The least share that it keeps well.
    #[must_use]
    pub fn least_step(&self, version: Option<&Version>) -> Option<&LeastStep> {
        let mut records = self.fitting(version, None);
        records.find_map(|record| record.least_step.as_ref())
    }

    fn fitting(
        &self,
        version: Option<&Version>,
        class: Option<&str>,
    ) -> impl Iterator<Item = &Capabilities> {
        let records = self.capabilities.iter();
        records.filter(move |record| record.fits(version, class))
    }
}
