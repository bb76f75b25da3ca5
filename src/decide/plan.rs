//! Everything a tick wants to change, as plain data.

use jiff::Timestamp;
use serde::Serialize;

use super::Measurement;
use crate::api::{AlertSeverity, Deferred, Phase, Status, Traffic};

/// What a tick did, in one word.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum Action {
    /// The bootstrap is complete.
    Initialized,
    /// A new revision is scaled up.
    Started,
    /// More traffic goes to the canary, or one more iteration passed.
    Advanced,
    /// Something has to happen first; nothing failed.
    Held,
    /// A failed check.
    Halted,
    /// The primary gets the new revision, or traffic goes back to it step by step.
    Promoting,
    /// All traffic is back on the primary.
    Finalising,
    /// The release is done, or its run was cancelled.
    Succeeded,
    /// All traffic is back on the healthy side, the release failed.
    RolledBack,
    /// Another revision arrived in the middle of a run.
    Restarted,
    /// The interval has not passed yet.
    NotDue,
    /// Nothing new.
    Idle,
    /// `spec.suspend`.
    Suspended,
    /// The tick could not be taken.
    Failed,
}

/// One change to the manifests. A plan lists them in the order of their
/// meaning; they all land in one commit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(
    rename_all = "camelCase",
    rename_all_fields = "camelCase",
    tag = "effect"
)]
pub enum Effect {
    /// Create the Services of target and primary where they are missing.
    EnsureServices,
    /// Create the primary from the target.
    CreatePrimary,
    /// Let the apex Service select the primary's pods.
    PointApexAtPrimary,
    /// Write the weights; create the route if there is none.
    SetTraffic {
        /// The weights.
        traffic: Traffic,
    },
    /// Bring a generated route up to what `spec.service` says now; the weights
    /// stay.
    UpdateRoute {
        /// The weights.
        traffic: Traffic,
    },
    /// Let the target run again.
    ScaleCanaryUp {
        /// Its replicas; `None` removes the field.
        replicas: Option<i64>,
    },
    /// Stop the target's pods.
    ScaleCanaryToZero,
    /// Copy the target's pod template, its ConfigMaps and its autoscaler to the
    /// primary, or the named fields.
    Promote,
    /// Take the target back to what the primary runs (`onFailure: revert`).
    RestoreTarget,
    /// Decided now, carried out by a later tick: see [`Deferred`].
    Defer {
        /// What waits.
        deferred: Deferred,
    },
}

/// Something that happened (Flagger: `events.go`, `recordEvent`).
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Event {
    /// Is it as it should be?
    #[serde(rename = "type")]
    pub kind: EventType,
    /// One sentence without a full stop.
    pub message: String,
}

/// The type of an [`Event`], as Kubernetes has it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub enum EventType {
    /// All is well.
    Normal,
    /// Somebody may want to look.
    Warning,
}

/// Something to alert somebody about (Flagger: `events.go`, `alert`).
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Notice {
    /// How bad it is.
    pub severity: AlertSeverity,
    /// One sentence.
    pub message: String,
    /// Tell target, thresholds and steps, too?
    #[serde(skip)]
    pub details: bool,
}

/// Everything a tick wants to change.
#[derive(Debug, Clone, PartialEq)]
pub struct Plan {
    /// The tick in one word.
    pub action: Action,
    /// The phase afterwards; `None` before the first tick that changes something.
    pub phase: Option<Phase>,
    /// What the route does afterwards.
    pub traffic: Option<Traffic>,
    /// The new status; `None` when it stays as it is. A plan without status
    /// and effects is not committed.
    pub status: Option<Status>,
    /// Changes to the manifests.
    pub effects: Vec<Effect>,
    /// Why, in sentences without a full stop.
    pub reasons: Vec<String>,
    /// What was measured, in the order of judgement.
    pub measurements: Vec<Measurement>,
    /// What happened, for `event` webhooks.
    pub events: Vec<Event>,
    /// What somebody should know, for alert providers.
    pub alerts: Vec<Notice>,
    /// Call the `post-rollout` webhooks, with `phase` in the payload?
    pub post_rollout: bool,
    /// When the next tick is due; `None` when nothing is under way.
    pub next_step_at: Option<Timestamp>,
}

impl Plan {
    /// Does the plan change nothing?
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.status.is_none() && self.effects.is_empty()
    }
}
