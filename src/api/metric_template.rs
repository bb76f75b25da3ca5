//! `MetricTemplate` (Flagger: `pkg/apis/flagger/v1beta1/metric.go`).

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::{LocalRef, Metadata};

/// A query that several Canaries share.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct MetricTemplate {
    /// `flagger.app/v1beta1`.
    pub api_version: String,
    /// `MetricTemplate`.
    pub kind: String,
    /// Name and namespace.
    pub metadata: Metadata,
    /// Provider and query.
    pub spec: MetricTemplateSpec,
    /// Unused.
    pub status: Option<serde_yaml::Value>,
}

/// `spec` of a [`MetricTemplate`].
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct MetricTemplateSpec {
    /// Who answers.
    pub provider: MetricProvider,
    /// The query, a template. Required.
    pub query: String,
}

/// Who answers a query, and how to reach it.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct MetricProvider {
    /// The name of one of [`ProviderType::ALL`](super::ProviderType::ALL). Required.
    /// Flagger treats an unknown one as Prometheus; here it is refused.
    #[serde(rename = "type")]
    pub kind: String,
    /// Base address.
    pub address: Option<String>,
    /// Headers of every request; Prometheus only.
    pub headers: Option<BTreeMap<String, Vec<String>>>,
    /// Secret with the credentials, in the template's namespace.
    pub secret_ref: Option<LocalRef>,
    /// CloudWatch region.
    pub region: Option<String>,
    /// Do not verify the certificate. Defaults to false.
    pub insecure_skip_verify: Option<bool>,
}

impl MetricProvider {
    /// The type whose queries are PromQL.
    pub const PROMETHEUS: &str = "prometheus";
}
