//! `status` of a Canary: the whole state of a rollout. It lives in the document
//! itself and is written by Weirkeeper alone, so that one `git revert` takes
//! state and weights back together.

use std::collections::BTreeMap;
use std::fmt;

use jiff::{SignedDuration, Timestamp};
use serde::de::IntoDeserializer as _;
use serde::{Deserialize, Deserializer, Serialize};

use super::{FieldPath, Problem, WebhookType};

/// The state of a rollout, with Flagger's names for what Flagger has
/// (`pkg/apis/flagger/v1beta1/status.go`).
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Status {
    /// Where the rollout is; absent (Flagger: or empty) before the first tick.
    #[serde(deserialize_with = "empty_as_none")]
    pub phase: Option<Phase>,
    /// The canary's weight as Flagger shows it: 0 at times while the route
    /// carries weight. The truth is [`Status::routed`].
    pub canary_weight: i64,
    /// Failed checks of this run.
    pub failed_checks: i64,
    /// Iterations of this run; −1 while a canary waits for its promotion.
    pub iterations: i64,
    /// Revision of the target that the run is about.
    pub last_applied_spec: String,
    /// Revision the primary was last promoted to.
    pub last_promoted_spec: String,
    /// Checksum by ConfigMap and Secret.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub tracked_configs: BTreeMap<String, String>,
    /// The checksums of the promoted revision.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub promoted_configs: BTreeMap<String, String>,
    /// The weights Weirkeeper last wrote to the route; absent before it wrote any.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub routed: Option<Traffic>,
    /// Checksum of the `analysis.match` that the weights are for; absent when
    /// they are for every request.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub routed_match: Option<String>,
    /// Revision that the primary was last given: not yet the promoted one while
    /// a promotion is under way, or after it failed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub primary_spec: Option<String>,
    /// Checksum of what the generated route was made from; absent when the
    /// route is the user's own, also since an edit made it that.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub generated_route: Option<String>,
    /// Checksums of the matches of the rules that Weirkeeper added to the
    /// route, and removes again.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub added_rules: Vec<String>,
    /// Replicas of the target before it was scaled to zero; absent when its
    /// manifest had none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub target_replicas: Option<i64>,
    /// What was decided and waits for an earlier commit to be applied.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub deferred: Vec<Deferred>,
    /// The revision that failed and was taken back (`onFailure: revert`): it is not
    /// tried again by itself, when an image automation brings it back.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub failed_spec: Option<String>,
    /// Did the last rollback take the target back? The next tick takes the configs
    /// that it finds for those of the promoted revision.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub restored: bool,
    /// Gates in Git (`spec.gitops.gates`) that are waited for, or approved and
    /// not yet passed. One approval is for one passage: the entry goes with it,
    /// and with the end of the run.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub gates: Vec<GateStatus>,
    /// Set while a person has paused the rollout; also between two rollouts, so
    /// that the next one does not start.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub paused: Option<Said>,
    /// Number of the newest comment that was carried out as a person's word. One
    /// that is not newer is not carried out: a workflow that runs again must not say
    /// it twice.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_comment: Option<u64>,
    /// `lastStepTime` of the step of which somebody was alerted that it is not
    /// applied; absent otherwise.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub not_applied: Option<Timestamp>,
    /// `name=value` of the canary cookie of this run.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub session_affinity_cookie: Option<String>,
    /// `name=value` of the canary cookie of the run before.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub previous_session_affinity_cookie: Option<String>,
    /// `name=value` of the primary cookie.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub primary_session_affinity_cookie: Option<String>,
    /// When the last step was committed. The next one is due one interval later.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_step_time: Option<Timestamp>,
    /// When this status last changed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_transition_time: Option<Timestamp>,
    /// One condition, `Promoted`.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub conditions: Vec<Condition>,
}

impl Status {
    /// Do requests, or copies of them, go to the canary, by what was last written?
    #[must_use]
    pub fn is_exposed(&self) -> bool {
        self.routed
            .is_some_and(|routed| routed.canary > 0 || routed.mirrored)
    }
}

/// A gate in Git.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct GateStatus {
    /// `confirm-rollout`, `confirm-traffic-increase` or `confirm-promotion`.
    #[serde(rename = "type")]
    pub kind: WebhookType,
    /// Since when it is waited for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub since: Option<Timestamp>,
    /// Who approved.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub approved: Option<Said>,
}

/// A person's word.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Said {
    /// `NAME <EMAIL>`.
    pub by: String,
    /// When.
    pub at: Timestamp,
    /// Why, in one line.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}

/// Reads `""` as `None`.
fn empty_as_none<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Phase>, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Written {
        Phase(Phase),
        Empty(String),
    }

    match Option::<Written>::deserialize(deserializer)? {
        Some(Written::Phase(phase)) => Ok(Some(phase)),
        Some(Written::Empty(text)) if !text.is_empty() => {
            Phase::deserialize(text.into_deserializer()).map(Some)
        }
        Some(Written::Empty(_)) | None => Ok(None),
    }
}

/// Where a rollout is (Flagger: `CanaryPhase`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Phase {
    /// The primary and its Services are being created.
    Initializing,
    /// Idle after the bootstrap.
    Initialized,
    /// A confirm-rollout gate is closed.
    Waiting,
    /// Under analysis.
    Progressing,
    /// A confirm-promotion gate is closed; the analysis goes on.
    WaitingPromotion,
    /// The primary has the new revision; traffic goes back to it.
    Promoting,
    /// Traffic is on the primary; requests to the canary drain.
    Finalising,
    /// Idle after a promotion.
    Succeeded,
    /// Idle after a rollback.
    Failed,
    /// Flagger's finalizer runs; never written here.
    Terminating,
    /// Declared by Flagger, never set.
    Terminated,
}

impl Phase {
    /// Is a rollout under way?
    #[must_use]
    pub fn is_active(self) -> bool {
        match self {
            Self::Initializing
            | Self::Waiting
            | Self::Progressing
            | Self::WaitingPromotion
            | Self::Promoting
            | Self::Finalising => true,
            Self::Initialized
            | Self::Succeeded
            | Self::Failed
            | Self::Terminating
            | Self::Terminated => false,
        }
    }

    /// Status of the condition `Promoted` (Flagger: `MakeStatusConditions`).
    #[must_use]
    pub fn promoted(self) -> &'static str {
        match self {
            Self::Initialized | Self::Succeeded => "True",
            Self::Failed => "False",
            Self::Initializing
            | Self::Waiting
            | Self::Progressing
            | Self::WaitingPromotion
            | Self::Promoting
            | Self::Finalising
            | Self::Terminating
            | Self::Terminated => "Unknown",
        }
    }
}

impl fmt::Display for Phase {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self, f)
    }
}

/// What the route does with the requests: weights, and whether they are mirrored.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Traffic {
    /// Weight of the primary backend.
    pub primary: i64,
    /// Weight of the canary backend.
    pub canary: i64,
    /// Are requests copied to the canary?
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub mirrored: bool,
}

impl Traffic {
    /// Everything to the primary.
    pub const PRIMARY: Self = Self {
        primary: 100,
        canary: 0,
        mirrored: false,
    };

    /// Everything to the primary, and a copy of each request to the canary.
    pub const MIRRORED: Self = Self {
        mirrored: true,
        ..Self::PRIMARY
    };

    /// Everything to the canary.
    pub const CANARY: Self = Self {
        primary: 0,
        canary: 100,
        mirrored: false,
    };

    /// The canary's share in whole percent, whatever the weights sum up to; 0
    /// when nobody gets anything.
    ///
    /// ```
    /// use weirkeeper::api::Traffic;
    ///
    /// let by_hand = Traffic { primary: 900, canary: 100, mirrored: false };
    /// assert_eq!(by_hand.percent(), 10);
    /// ```
    #[must_use]
    pub fn percent(self) -> i64 {
        match self.primary.saturating_add(self.canary) {
            sum if sum > 0 => self.canary.saturating_mul(100) / sum,
            _ => 0,
        }
    }

    /// `canary` percent to the canary, cut to 0–100, the rest to the primary.
    #[must_use]
    pub fn canary(canary: i64) -> Self {
        let canary = canary.clamp(0, 100);
        Self {
            primary: 100 - canary,
            canary,
            mirrored: false,
        }
    }
}

/// A change that waits until an earlier commit is applied, because nothing
/// orders two objects inside one commit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Deferred {
    /// Scale the target to zero, once no request goes to it any more.
    ScaleCanaryToZero,
}

/// A condition in the manner of Kubernetes.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Condition {
    /// `Promoted`.
    #[serde(rename = "type")]
    pub kind: String,
    /// `True`, `False` or `Unknown`.
    pub status: String,
    /// The phase, or `Cancelled`.
    pub reason: String,
    /// One sentence.
    pub message: String,
    /// When status or reason last changed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_update_time: Option<Timestamp>,
    /// When `status` last changed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_transition_time: Option<Timestamp>,
}

/// Checks a status that somebody may have edited: everything that Weirkeeper
/// itself never writes.
#[must_use]
pub fn validate_status(status: &Status, now: Timestamp) -> Vec<Problem> {
    let root = FieldPath::root().key("status");
    let mut problems = Vec::new();
    let mut check = |wrong: bool, field: &str, message: String| {
        if wrong {
            problems.push(
                Problem::error(root.key(field), message)
                    .hint("restore what Weirkeeper last committed: git log -p shows it"),
            );
        }
    };
    let percent = 0..=100;
    check(
        !percent.contains(&status.canary_weight),
        "canaryWeight",
        format!("must be from 0 to 100, found {}", status.canary_weight),
    );
    check(
        status.failed_checks < 0,
        "failedChecks",
        format!("must not be negative, found {}", status.failed_checks),
    );
    check(
        status.iterations < -1,
        "iterations",
        format!("must be at least -1, found {}", status.iterations),
    );
    if let Some(routed) = status.routed {
        let wrong = !percent.contains(&routed.primary) || routed.primary + routed.canary != 100;
        let found = format!("found {} and {}", routed.primary, routed.canary);
        check(
            wrong,
            "routed",
            format!("must be weights that sum up to 100, {found}"),
        );
    }
    check(
        status.target_replicas.is_some_and(|replicas| replicas < 0),
        "targetReplicas",
        "must not be negative".to_owned(),
    );
    // Clocks of runners differ a little.
    let latest = now
        .saturating_add(SignedDuration::from_mins(10))
        .unwrap_or(now);
    check(
        status.last_step_time.is_some_and(|last| last > latest),
        "lastStepTime",
        "lies in the future: no step would ever be due".to_owned(),
    );
    let running = status
        .phase
        .is_some_and(|phase| phase.is_active() && phase != Phase::Initializing);
    check(
        running && status.phase != Some(Phase::Waiting) && status.last_applied_spec.is_empty(),
        "lastAppliedSpec",
        "is empty, but a rollout is under way".to_owned(),
    );
    check(
        running && status.phase != Some(Phase::Waiting) && status.routed.is_none(),
        "routed",
        "is missing: nobody could tell whether somebody changed the weights".to_owned(),
    );
    check(
        matches!(status.phase, Some(Phase::Terminating | Phase::Terminated)),
        "phase",
        "is a phase only Flagger's controller knows".to_owned(),
    );
    problems.extend(gates(&root.key("gates"), &status.gates));
    problems
}

/// One entry for each gate, and nothing else.
fn gates(path: &FieldPath, gates: &[GateStatus]) -> Vec<Problem> {
    let hint = "restore what Weirkeeper last committed: git log -p shows it";
    let wrong = |(index, gate): (usize, &GateStatus)| {
        let message = if !gate.kind.confirms() {
            "is no gate that waits for an approval"
        } else if gates[..index].iter().any(|other| other.kind == gate.kind) {
            "is there twice"
        } else {
            return None;
        };
        let path = path.index(index).key("type");
        Some(Problem::error(path, message).hint(hint))
    };
    gates.iter().enumerate().filter_map(wrong).collect()
}
