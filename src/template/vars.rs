//! What a query template may name.

use std::collections::BTreeMap;

use crate::api::{Canary, Metric, ObjectRef};

/// What a query template may name.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct QueryVars {
    /// Name of the Canary.
    pub name: String,
    /// Namespace of the Canary; empty when its document has none.
    pub namespace: String,
    /// Name of the target.
    pub target: String,
    /// `service.name`, else the target.
    pub service: String,
    /// Name of `ingressRef`, else the target.
    pub ingress: String,
    /// Name of `routeRef`, else the target.
    pub route: String,
    /// Measured window, `1m`.
    pub interval: String,
    /// `templateVariables` of the metric.
    pub variables: BTreeMap<String, String>,
}

impl QueryVars {
    /// The variables of `metric` of `canary` (Flagger:
    /// `scheduler_metrics.go`, `toMetricModel`).
    #[must_use]
    pub fn new(canary: &Canary, metric: &Metric) -> Self {
        let target = &canary.spec.target_ref.name;
        let named = |object: &Option<ObjectRef>| match object {
            Some(object) if !object.name.is_empty() => object.name.clone(),
            Some(_) | None => target.clone(),
        };
        Self {
            name: canary.metadata.name.clone(),
            namespace: canary.metadata.namespace.clone().unwrap_or_default(),
            target: target.clone(),
            service: canary.spec.apex().to_owned(),
            ingress: named(&canary.spec.ingress_ref),
            route: named(&canary.spec.route_ref),
            interval: metric.interval().to_owned(),
            variables: metric.template_variables.clone().unwrap_or_default(),
        }
    }

    /// The same with every value escaped by [`promql_escape`], for queries of
    /// our own that put values between double quotes.
    #[must_use]
    pub fn promql_escaped(&self) -> Self {
        Self {
            name: promql_escape(&self.name),
            namespace: promql_escape(&self.namespace),
            target: promql_escape(&self.target),
            service: promql_escape(&self.service),
            ingress: promql_escape(&self.ingress),
            route: promql_escape(&self.route),
            interval: promql_escape(&self.interval),
            variables: self
                .variables
                .iter()
                .map(|(key, value)| (key.clone(), promql_escape(value)))
                .collect(),
        }
    }
}

/// `value` as it stands between double quotes in PromQL.
///
/// ```
/// assert_eq!(weirkeeper::template::promql_escape(r#"a"b\c"#), r#"a\"b\\c"#);
/// ```
#[must_use]
pub fn promql_escape(value: &str) -> String {
    value
        .replace('\\', "\\\\")
        .replace('"', "\\\"")
        .replace('\n', "\\n")
}
