//! Everything a tick wants to change, as plain data.

use std::fmt;

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use super::{Measurement, Share};
use crate::api::{AlertSeverity, Deferred, Phase, Status, Traffic};

/// What a tick did, in one word.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
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
    /// A person opened a gate in Git.
    Approved,
    /// A person holds the rollout.
    Paused,
    /// A person lets it go on.
    Resumed,
    /// A person wants a revision that failed to be tried again.
    Retried,
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
    /// Let the apex Service select the target's pods again
    /// (`revertOnDeletion`).
    PointApexAtTarget,
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
    /// The share of the requests that the canary had, where it can be compared with the
    /// committed weights.
    pub share: Option<Share>,
    /// What happened, for `event` webhooks.
    pub events: Vec<Event>,
    /// What somebody should know, for alert providers.
    pub alerts: Vec<Notice>,
    /// Call the `post-rollout` webhooks, with `phase` in the payload?
    pub post_rollout: bool,
    /// When the next tick is due; `None` when nothing is under way.
    pub next_step_at: Option<Timestamp>,
    /// How late the tick was; `None` when nothing was due, or just in time.
    pub late: Option<Late>,
    /// Of a plan that only counts failed checks: are they found again by a later
    /// tick (`analysis.catchUp`), when this plan is not carried out?
    pub counted_again: bool,
    /// Does it hold until a person commits something? No time ends it; checks that
    /// go on meanwhile may still take traffic back.
    pub needs_person: bool,
}

/// A tick that came after its time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Late {
    /// How long after.
    #[serde(skip)]
    pub by: SignedDuration,
    /// Checks that were due meanwhile, where there was something to check.
    pub missed: u32,
    /// Those of them that failed.
    pub failed: u32,
    /// Were they judged (`analysis.catchUp`)?
    #[serde(skip)]
    pub judged: bool,
}

/// Missed checks that are judged, the newest.
pub(super) const MOST_MISSED: u32 = 1000;

/// `8 min late: 7 missed checks, 2 failed`.
impl fmt::Display for Late {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} late", in_words(self.by))?;
        let checks = if self.missed == 1 { "check" } else { "checks" };
        match (self.missed, self.judged) {
            (0, _) => Ok(()),
            (missed, true) if missed > MOST_MISSED => write!(
                f,
                ": {missed} missed {checks}, {} of the newest {MOST_MISSED} failed",
                self.failed
            ),
            (missed, true) => write!(f, ": {missed} missed {checks}, {} failed", self.failed),
            (missed, false) => write!(
                f,
                ": {missed} missed {checks}, not judged as analysis.catchUp asks"
            ),
        }
    }
}

/// A duration in its two largest units: `45 s`, `8 min`, `1 h 5 min`, `2 d 3 h`.
pub(super) fn in_words(duration: SignedDuration) -> String {
    const UNITS: [(i64, &str); 4] = [(86_400, "d"), (3600, "h"), (60, "min"), (1, "s")];
    let mut rest = duration.as_secs().max(0);
    let first = UNITS.iter().position(|(size, _)| rest >= *size);
    let Some(first) = first else {
        return "0 s".to_owned();
    };
    // Seconds tell nothing once it is minutes.
    let last = if first == 2 { 3 } else { (first + 2).min(4) };
    let mut parts = Vec::new();
    for (size, unit) in &UNITS[first..last] {
        if rest >= *size {
            parts.push(format!("{} {unit}", rest / size));
        }
        rest %= size;
    }
    parts.join(" ")
}

impl Plan {
    /// A plan that does nothing yet.
    #[must_use]
    pub fn bare(action: Action) -> Self {
        Self {
            action,
            phase: None,
            traffic: None,
            status: None,
            effects: Vec::new(),
            reasons: Vec::new(),
            measurements: Vec::new(),
            share: None,
            events: Vec::new(),
            alerts: Vec::new(),
            post_rollout: false,
            next_step_at: None,
            late: None,
            counted_again: false,
            needs_person: false,
        }
    }

    /// Does the plan change nothing?
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.status.is_none() && self.effects.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lateness_in_words() {
        let late = |secs, missed, failed, judged| {
            let by = SignedDuration::from_secs(secs);
            Late {
                by,
                missed,
                failed,
                judged,
            }
            .to_string()
        };
        assert_eq!(late(12, 0, 0, true), "12 s late");
        assert_eq!(
            late(495, 7, 2, true),
            "8 min late: 7 missed checks, 2 failed"
        );
        assert_eq!(
            late(3_900, 1, 0, true),
            "1 h 5 min late: 1 missed check, 0 failed"
        );
        assert_eq!(
            late(183_600, 9, 0, false),
            "2 d 3 h late: 9 missed checks, not judged as analysis.catchUp asks"
        );
    }
}
