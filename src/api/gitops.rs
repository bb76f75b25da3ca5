//! `spec.gitops`: how a Canary lives in a Git repository. Flagger does not know
//! these fields; all are optional.

use std::collections::BTreeMap;

use jiff::SignedDuration;
use serde::{Deserialize, Serialize};

use super::{WebhookType, Window, parse_duration};

/// How a Canary lives in a Git repository.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct GitOps {
    /// Folder, from the repository's root, that holds target, Services, route
    /// and autoscaler. Defaults to the Canary's own folder, then its parents.
    pub path: Option<String>,
    /// The route to edit.
    pub route: Option<RouteRef>,
    /// Several routes instead of one; all change in the same commit.
    pub routes: Option<Vec<RouteRef>>,
    /// How the primary gets the new version.
    pub promotion: Option<Promotion>,
    /// How a commit is known to run in the cluster.
    pub applied: Option<Applied>,
    /// How a workload is known to be ready.
    pub readiness: Option<Readiness>,
    /// What a rollback does to the target's manifest. Defaults to `hold`.
    pub on_failure: OnFailure,
    /// What weights changed by hand do to a running rollout. Defaults to `hold`.
    pub on_drift: OnDrift,
    /// Scale the idle target to zero. Defaults to true.
    pub scale_down: Option<bool>,
    /// Gates answered in Git by a person.
    pub gates: Option<Vec<GateSpec>>,
    /// Whose metrics and capabilities apply. Defaults to what the GatewayClass tells.
    pub gateway: Option<GatewaySpec>,
    /// What a measured share that differs from the committed weight does.
    /// Defaults to `warn`.
    pub observed_share: ObservedShare,
    /// When a rollout may advance. Defaults to always.
    pub windows: Option<Vec<Window>>,
}

impl GitOps {
    /// Is the idle target scaled to zero?
    #[must_use]
    pub fn scales_down(&self) -> bool {
        self.scale_down.unwrap_or(true)
    }

    /// How a workload is known to be ready; the default without a `readiness`.
    #[must_use]
    pub fn readiness_from(&self) -> ReadinessFrom {
        self.readiness
            .as_ref()
            .map_or_else(ReadinessFrom::default, |readiness| readiness.from)
    }

    /// How a commit is known to run; the default without an `applied`.
    #[must_use]
    pub fn applied_from(&self) -> AppliedFrom {
        self.applied
            .as_ref()
            .map_or_else(AppliedFrom::default, |applied| applied.from)
    }

    /// The gate of one type.
    #[must_use]
    pub fn gate(&self, kind: WebhookType) -> Option<&GateSpec> {
        let mut gates = self.gates.iter().flatten();
        gates.find(|gate| gate.kind == Some(kind))
    }

    /// `windows`, empty when absent.
    #[must_use]
    pub fn windows(&self) -> &[Window] {
        self.windows.as_deref().unwrap_or_default()
    }
}

/// A route by name.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct RouteRef {
    /// Folder, only in `routes[]`.
    pub path: Option<String>,
    /// Name. Defaults to the apex name.
    pub name: Option<String>,
    /// Kind. Defaults to an `HTTPRoute`, else a `GRPCRoute`.
    pub kind: Option<String>,
    /// One rule by its `name`. Defaults to every rule with both backends.
    pub rule: Option<String>,
    /// What a generated route may hold. Defaults to `standard`.
    pub channel: Channel,
}

impl RouteRef {
    /// The kinds that are looked for without a `kind`, in this order.
    pub const KINDS: [&str; 2] = ["HTTPRoute", "GRPCRoute"];

    /// Kinds that are taken when they are named: they carry weights and nothing
    /// else that a release could use.
    pub const PLAIN_KINDS: [&str; 2] = ["TCPRoute", "TLSRoute"];
}

/// The release channel of the Gateway API whose CRDs the cluster has.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Channel {
    /// Fields that are generally available.
    #[default]
    Standard,
    /// Also `retry`, from `spec.service.retries`.
    Experimental,
}

/// How the primary gets the new version.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Promotion {
    /// Defaults to `copy`.
    pub mode: PromotionMode,
    /// What `fields` copies.
    pub fields: Option<Vec<FieldCopy>>,
}

/// How the primary gets the new version.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum PromotionMode {
    /// The primary is generated from the target; promotion copies the pod template.
    #[default]
    Copy,
    /// The user owns both; promotion copies named fields.
    Fields,
}

/// One field to copy at promotion.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct FieldCopy {
    /// The canary's field.
    pub from: FieldEnd,
    /// The primary's field.
    pub to: FieldEnd,
}

/// A field of a document, the document given by file or by kind and name.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct FieldEnd {
    /// File, from the repository's root.
    pub file: Option<String>,
    /// Kind.
    pub kind: Option<String>,
    /// Name.
    pub name: Option<String>,
    /// Path of the field, `spec.values.image.tag`.
    pub path: String,
}

/// How a commit is known to run in the cluster.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Applied {
    /// Defaults to `none`.
    pub from: AppliedFrom,
    /// Context of the commit status.
    pub context: Option<String>,
    /// Query that returns the applied revision.
    pub query: Option<String>,
    /// Time after which a commit counts as applied.
    pub delay: Option<String>,
    /// Time after which a commit that is not applied raises an alert, see
    /// [`Applied::timeout`].
    pub timeout: Option<String>,
}

impl Applied {
    /// Default of `timeout`.
    pub const TIMEOUT: SignedDuration = SignedDuration::from_mins(15);

    /// Time after which a commit that is not applied raises an alert.
    #[must_use]
    pub fn timeout(&self) -> SignedDuration {
        duration(self.timeout.as_deref()).unwrap_or(Self::TIMEOUT)
    }

    /// Time after which a commit counts as applied with `from: delay`.
    #[must_use]
    pub fn delay(&self) -> SignedDuration {
        duration(self.delay.as_deref()).unwrap_or_default()
    }
}

/// A duration that reads.
fn duration(text: Option<&str>) -> Option<SignedDuration> {
    text.filter(|text| !text.is_empty())
        .and_then(|text| parse_duration(text).ok())
}

/// Where the word that a commit is applied comes from.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum AppliedFrom {
    /// Not known; a step counts from its commit.
    #[default]
    None,
    /// Flux's commit status on GitHub.
    GithubStatus,
    /// A Prometheus query.
    Prometheus,
    /// A fixed time.
    Delay,
}

/// How a workload is known to be ready.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Readiness {
    /// Defaults to `prometheus`.
    pub from: ReadinessFrom,
    /// Query that returns 1 (ready) or 0, a template with `workload`,
    /// `namespace` and `percent`. Defaults to kube-state-metrics.
    pub query: Option<String>,
}

/// Where the word that a workload is ready comes from.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum ReadinessFrom {
    /// A Prometheus query.
    #[default]
    Prometheus,
    /// The health check of the GitOps controller.
    Applied,
    /// Nobody is asked; a committed workload counts as ready.
    None,
}

/// What a rollback does to the target's manifest.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum OnFailure {
    /// Nothing: the manifest keeps the bad revision until somebody changes it.
    #[default]
    Hold,
    /// Restore the promoted revision in the rollback's commit.
    Revert,
}

/// What weights changed by hand do to a running rollout.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum OnDrift {
    /// Hold and say so; rollback stays possible.
    #[default]
    Hold,
    /// Go on from the weights found, as Flagger does.
    Follow,
}

/// What a measured share that differs from the committed weight does.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum ObservedShare {
    /// Say so.
    #[default]
    Warn,
    /// Hold.
    Hold,
    /// Do not look.
    Off,
}

/// A gate answered in Git.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct GateSpec {
    /// One of the confirm types. Required.
    #[serde(rename = "type")]
    pub kind: Option<WebhookType>,
    /// How long the gate may stay closed. Defaults to for ever.
    pub timeout: Option<String>,
    /// `approve` or `abort` once the time is over. Defaults to `abort`.
    pub on_timeout: Option<String>,
}

impl GateSpec {
    /// How long the gate may stay closed; `None` is for ever.
    #[must_use]
    pub fn timeout(&self) -> Option<SignedDuration> {
        duration(self.timeout.as_deref())
    }

    /// Does the gate open by itself once its time is over? Otherwise the
    /// rollout ends.
    #[must_use]
    pub fn opens_on_timeout(&self) -> bool {
        self.on_timeout.as_deref() == Some("approve")
    }
}

/// The gateway in use.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct GatewaySpec {
    /// Name of the implementation.
    pub implementation: Option<String>,
    /// Its version, as `1.9.0`.
    pub version: Option<String>,
    /// The query set that built-in metrics are measured with. Defaults to the
    /// first of the implementation that fits the route.
    pub query_set: Option<String>,
    /// Capabilities to take for granted.
    pub assume: Option<BTreeMap<String, bool>>,
}
