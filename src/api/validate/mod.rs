//! What is required, allowed and contradictory: every problem of a document
//! with its field path.
//!
//! The rules are those of Flagger's schema, of Flagger's own checks, and of
//! the Gateway API for what ends up in a route; plus the cases where Flagger
//! accepts a Canary that then does nothing for ever. What Flagger ignores on
//! the Gateway API is a warning.

mod analysis;
mod canary;
mod generated;
mod gitops;
mod headers;
mod matches;
mod metrics;
mod rules;
mod service;
mod templates;
#[cfg(test)]
mod tests;
mod unsupported;

use serde::de::DeserializeOwned;

pub use canary::validate_canary;
pub use generated::{unsupported_by_route, unsupported_in_generated_route};
pub use templates::{validate_alert_provider, validate_metric_template};
pub use unsupported::unsupported;

use super::{AlertProvider, Canary, FieldPath, MetricTemplate, Problem, Segment, decode};

/// A document people write.
pub trait Document: DeserializeOwned {
    /// Its `kind`.
    const KIND: &str;

    /// Everything that is wrong with it.
    fn validate(&self) -> Vec<Problem>;
}

impl Document for Canary {
    const KIND: &str = "Canary";

    fn validate(&self) -> Vec<Problem> {
        validate_canary(self)
    }
}

impl Document for MetricTemplate {
    const KIND: &str = "MetricTemplate";

    fn validate(&self) -> Vec<Problem> {
        validate_metric_template(self)
    }
}

impl Document for AlertProvider {
    const KIND: &str = "AlertProvider";

    fn validate(&self) -> Vec<Problem> {
        validate_alert_provider(self)
    }
}

/// Decodes a document and validates it. Rules about a value that could not be
/// read are left out: that it is missing would be news to nobody.
///
/// The document may be used if no problem is an error.
///
/// ```
/// use weirkeeper::api::{Canary, read};
///
/// let value = serde_yaml::from_str(
///     "
/// apiVersion: flagger.app/v1beta1
/// kind: Canary
/// metadata: {name: podinfo}
/// spec:
///   targetRef: {apiVersion: apps/v1, kind: Deployment, name: podinfo}
///   service: {port: 9898}
///   analysis:
///     interval: 1m
///     threshold: five
///     stepWeight: 10
///     maxWeight: 150
///     metrics: [{name: request-success-rate, thresholdRange: {min: 99}}]
/// ",
/// )?;
/// let (_, problems) = read::<Canary>(value);
/// let told: Vec<String> = problems
///     .iter()
///     .map(|problem| format!("{} {}", problem.path, problem.message))
///     .collect();
/// assert_eq!(told, [
///     "spec.analysis.threshold must be a whole number, found the text \"five\"",
///     "spec.analysis.maxWeight must be at most 100, found 150: it would never be reached",
/// ]);
/// # Ok::<(), serde_yaml::Error>(())
/// ```
#[must_use]
pub fn read<T: Document>(value: serde_yaml::Value) -> (Option<T>, Vec<Problem>) {
    let (document, mut problems) = decode::<T>(value);
    let Some(document) = document else {
        return (None, problems);
    };
    let unread: Vec<FieldPath> = problems
        .iter()
        .filter(|problem| problem.is_error())
        .map(|problem| unjudged(&problem.path))
        .collect();
    let related = |path: &FieldPath| {
        unread.iter().any(|unread| {
            let above = unread
                .segments()
                .len()
                .saturating_sub(path.segments().len());
            path.starts_with(unread) || (unread.starts_with(path) && above <= WHOLE)
        })
    };
    let found = document.validate();
    problems.extend(found.into_iter().filter(|problem| !related(&problem.path)));
    (Some(document), problems)
}

/// How many levels above a value a rule about the whole may stand: a match
/// without conditions is told at the match, two above the condition.
const WHOLE: usize = 2;

/// What nothing can be said about when the value at `path` could not be read.
fn unjudged(path: &FieldPath) -> FieldPath {
    match path.segments().last() {
        // Without the item the others have moved up.
        Some(Segment::Index(_)) => path.parent().unwrap_or_default(),
        // Decides what its neighbours mean.
        Some(Segment::Key(key)) if matches!(key.as_str(), "from" | "mode") => {
            path.parent().unwrap_or_default()
        }
        Some(Segment::Key(_)) | None => path.clone(),
    }
}
