//! `spec.gitops`: how a Canary lives in a Git repository. Flagger does not know
//! these fields; all are optional.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::WebhookType;

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
    /// Time after which a commit that is not applied raises an alert.
    pub timeout: Option<String>,
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
    /// How long the gate may stay closed.
    pub timeout: Option<String>,
    /// `approve` or `abort` once the time is over.
    pub on_timeout: Option<String>,
}

/// The gateway in use.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct GatewaySpec {
    /// Name of the implementation.
    pub implementation: Option<String>,
    /// Its version.
    pub version: Option<String>,
    /// Capabilities to take for granted.
    pub assume: Option<BTreeMap<String, bool>>,
}

/// A window of time in which a rollout may or may not advance.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Window {
    /// `allow` or `deny`. Required.
    #[serde(rename = "type")]
    pub kind: Option<WindowKind>,
    /// Days of the week, `Mon` to `Sun`. Defaults to all.
    pub days: Option<Vec<String>>,
    /// Hours of the day, `09:00-17:00`. Defaults to all.
    pub hours: Option<String>,
    /// IANA time zone. Defaults to `UTC`.
    pub time_zone: Option<String>,
}

/// Does the window open or close?
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum WindowKind {
    /// Rollouts advance only inside.
    Allow,
    /// Rollouts do not advance inside.
    Deny,
}
