//! The `Canary` document (Flagger: `pkg/apis/flagger/v1beta1/canary.go`).

use std::collections::BTreeMap;
use std::fmt;

use jiff::SignedDuration;
use serde::{Deserialize, Serialize};

use super::{Analysis, GitOps, PromotionMode, Service, Status};

/// A release under progressive delivery: what is released (`targetRef`), how
/// it is reached (`service`) and how it is judged (`analysis`).
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Canary {
    /// `flagger.app/v1beta1`.
    pub api_version: String,
    /// `Canary`.
    pub kind: String,
    /// Name and namespace.
    pub metadata: Metadata,
    /// What the user asks for.
    pub spec: CanarySpec,
    /// What Weirkeeper recorded; written by nobody else.
    pub status: Option<Status>,
}

/// Name, namespace and free-form metadata of a document.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Metadata {
    /// Name, unique per kind and namespace.
    pub name: String,
    /// Namespace; absent in documents that a Kustomization moves.
    pub namespace: Option<String>,
    /// Labels.
    pub labels: Option<BTreeMap<String, String>>,
    /// Annotations.
    pub annotations: Option<BTreeMap<String, String>>,
    /// Everything else Kubernetes knows (`finalizers`, `generateName`, …), kept unread.
    #[serde(flatten)]
    pub rest: BTreeMap<String, serde_yaml::Value>,
}

/// `spec` of a [`Canary`].
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct CanarySpec {
    /// Traffic provider. Weirkeeper serves the Gateway API; any other value is
    /// treated as [`CanarySpec::PROVIDER`] with a warning.
    pub provider: Option<String>,
    /// Address of the Prometheus that answers built-in metrics and inline
    /// queries. Defaults to the address given on the command line.
    pub metrics_server: Option<String>,
    /// The workload under release.
    pub target_ref: ObjectRef,
    /// The scaler of the target.
    pub autoscaler_ref: Option<AutoscalerRef>,
    /// Ingress of other providers; only feeds the template variable `ingress`.
    pub ingress_ref: Option<ObjectRef>,
    /// Route of other providers; only feeds the template variable `route`.
    pub route_ref: Option<ObjectRef>,
    /// Upstream of other providers; ignored.
    pub upstream_ref: Option<ObjectRef>,
    /// Services and route.
    pub service: Option<Service>,
    /// Steps, checks and limits.
    pub analysis: Option<Analysis>,
    /// Seconds a workload may take to become ready, see
    /// [`CanarySpec::progress_deadline`].
    pub progress_deadline_seconds: Option<i64>,
    /// Promote a new revision without analysis as soon as it is ready.
    /// Defaults to false.
    pub skip_analysis: Option<bool>,
    /// Freeze everything. Defaults to false.
    pub suspend: Option<bool>,
    /// Restore the target when the Canary is deleted. Defaults to false.
    pub revert_on_deletion: Option<bool>,
    /// What Flagger does not know: how this lives in a Git repository.
    pub gitops: Option<GitOps>,
}

/// Kind and name of another object in the same namespace.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct ObjectRef {
    /// Group and version, `apps/v1`.
    pub api_version: String,
    /// Kind, `Deployment`.
    pub kind: String,
    /// Name.
    pub name: String,
    /// Namespace; only `upstreamRef` has one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub namespace: Option<String>,
}

/// Name of an object of a known kind in the same namespace.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct LocalRef {
    /// Name.
    pub name: String,
}

/// Name of an object that may live in another namespace.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct NamespacedRef {
    /// Name.
    pub name: String,
    /// Namespace. Defaults to the Canary's.
    pub namespace: Option<String>,
}

/// The scaler of the target, copied for the primary.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct AutoscalerRef {
    /// Group and version.
    pub api_version: String,
    /// `HorizontalPodAutoscaler` or `ScaledObject`.
    pub kind: String,
    /// Name.
    pub name: String,
    /// Query by trigger name for the primary's ScaledObject.
    pub primary_scaler_queries: Option<BTreeMap<String, String>>,
    /// Replica bounds for the primary's scaler.
    pub primary_scaler_replicas: Option<PrimaryScalerReplicas>,
}

/// Replica bounds of the primary's scaler, each at least 1.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct PrimaryScalerReplicas {
    /// Lower bound.
    pub min_replicas: Option<i64>,
    /// Upper bound.
    pub max_replicas: Option<i64>,
}

/// How a new revision is exposed (Flagger: `DeploymentStrategy`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Strategy {
    /// Weights rise step by step.
    Canary,
    /// Matching requests go to the canary for a number of iterations.
    AbTesting,
    /// The canary is checked for a number of iterations, then takes all traffic.
    BlueGreen,
}

impl fmt::Display for Strategy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Canary => "canary",
            Self::AbTesting => "ab-testing",
            Self::BlueGreen => "blue-green",
        })
    }
}

impl CanarySpec {
    /// The provider every Canary is treated as.
    pub const PROVIDER: &str = "gatewayapi:v1";

    /// The provider whose generated routes have less in them.
    pub const OLD_PROVIDER: &str = "gatewayapi:v1beta1";

    /// Default of `progressDeadlineSeconds`, in seconds.
    pub const PROGRESS_DEADLINE: i64 = 600;

    /// Name of apex Service and route: `service.name`, else the target's name.
    #[must_use]
    pub fn apex(&self) -> &str {
        self.service
            .as_ref()
            .and_then(|service| service.name.as_deref())
            .filter(|name| !name.is_empty())
            .unwrap_or(&self.target_ref.name)
    }

    /// Name of the workload that serves stable traffic.
    #[must_use]
    pub fn primary_name(&self) -> String {
        format!("{}-primary", self.target_ref.name)
    }

    /// Name of the Service of the primary.
    #[must_use]
    pub fn primary_service(&self) -> String {
        format!("{}-primary", self.apex())
    }

    /// Name of the Service of the target.
    #[must_use]
    pub fn canary_service(&self) -> String {
        format!("{}-canary", self.apex())
    }

    /// How long a workload may take to become ready. An explicit 0 is honoured.
    #[must_use]
    pub fn progress_deadline(&self) -> SignedDuration {
        SignedDuration::from_secs(
            self.progress_deadline_seconds
                .unwrap_or(Self::PROGRESS_DEADLINE),
        )
    }

    /// Are generated routes of the Gateway API's version v1beta1? Then they have
    /// no timeouts, no CORS filter and no cookie of the primary.
    #[must_use]
    pub fn is_v1beta1(&self) -> bool {
        self.provider.as_deref() == Some(Self::OLD_PROVIDER)
    }

    /// Is the analysis skipped?
    #[must_use]
    pub fn skips_analysis(&self) -> bool {
        self.skip_analysis.unwrap_or(false)
    }

    /// Is everything frozen?
    #[must_use]
    pub fn is_suspended(&self) -> bool {
        self.suspend.unwrap_or(false)
    }

    /// How the primary gets the new version; the default without a `promotion`.
    #[must_use]
    pub fn promotion_mode(&self) -> PromotionMode {
        let promotion = self.gitops.as_ref().and_then(|it| it.promotion.as_ref());
        promotion.map_or_else(PromotionMode::default, |promotion| promotion.mode)
    }

    /// `spec.gitops`, or its defaults.
    #[must_use]
    pub fn gitops(&self) -> std::borrow::Cow<'_, GitOps> {
        match &self.gitops {
            Some(gitops) => std::borrow::Cow::Borrowed(gitops),
            None => std::borrow::Cow::Owned(GitOps::default()),
        }
    }
}

impl Canary {
    /// Namespace and name as shown everywhere: `test/podinfo`.
    #[must_use]
    pub fn id(&self) -> String {
        match &self.metadata.namespace {
            Some(namespace) => format!("{namespace}/{}", self.metadata.name),
            None => self.metadata.name.clone(),
        }
    }
}
