//! What a pull request says to the next runs: a comment at the top of its text that
//! nobody sees.

use serde::{Deserialize, Serialize};

use crate::api::{AlertSeverity, Phase, Traffic};
use crate::decide::{Action, Event, EventType, Notice, Plan};
use crate::error::{Error, Result};
use crate::github::PullRequest;

/// Before and after the JSON.
const FENCE: [&str; 2] = ["<!-- weirkeeper pull-request ", " -->"];

/// What one pull request is about.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Marker {
    /// The Canary, as `namespace/name`.
    pub(super) canary: String,
    /// The revision of the target.
    pub(super) revision: String,
    /// Checksum of the status that the step begins with.
    pub(super) before: String,
    /// What kind of step it is.
    pub(super) kind: Kind,
    /// Did a person say so? Then the checks do not take it back.
    #[serde(default)]
    pub(super) word: bool,
    /// Failed checks afterwards.
    #[serde(default)]
    pub(super) failed_checks: i64,
    /// Checksum of the documents that were decided on.
    pub(super) documents: String,
    /// The commit of the branch that were decided on.
    pub(super) base: String,
    /// The commit with the step, which was pushed last.
    pub(super) commit: String,
    /// Was it closed by Weirkeeper, or was the refusal taken back? Then it refuses
    /// nothing.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub(super) lifted: bool,
    /// The newest comment that was carried out in it: not once more.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) comment: Option<u64>,
    /// What is told once it is merged; `None` afterwards.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) news: Option<News>,
}

/// What kind of step it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) enum Kind {
    /// It goes on.
    Step,
    /// Failed checks are counted.
    Halt,
    /// Traffic goes back.
    Rollback,
}

/// What others are told of a step.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct News {
    phase: Option<Phase>,
    /// This and what follows is shown of it as a Deployment; older markers say none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    action: Option<Action>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    traffic: Option<Traffic>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    reason: Option<String>,
    events: Vec<Told>,
    alerts: Vec<Alert>,
    post_rollout: bool,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Told {
    warning: bool,
    message: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Alert {
    severity: AlertSeverity,
    message: String,
    details: bool,
}

impl Kind {
    pub(super) fn of(plan: &Plan) -> Self {
        match plan.action {
            Action::RolledBack => Self::Rollback,
            Action::Halted => Self::Halt,
            Action::Initialized
            | Action::Started
            | Action::Advanced
            | Action::Held
            | Action::Promoting
            | Action::Finalising
            | Action::Succeeded
            | Action::Restarted
            | Action::Approved
            | Action::Paused
            | Action::Resumed
            | Action::Retried
            | Action::NotDue
            | Action::Idle
            | Action::Suspended
            | Action::Failed => Self::Step,
        }
    }
}

impl Marker {
    /// The marker of a pull request; `None` when it has none that can be read.
    pub(super) fn of(pull: &PullRequest) -> Option<Self> {
        Self::read(pull.body.as_deref()?)
    }

    fn read(body: &str) -> Option<Self> {
        let (_, rest) = body.split_once(FENCE[0])?;
        let (json, _) = rest.split_once(FENCE[1])?;
        serde_json::from_str(json).ok()
    }

    /// The marker and, on the lines after it, `text`.
    ///
    /// # Errors
    /// When it cannot be written as JSON.
    pub(super) fn above(&self, text: &str) -> Result<String> {
        let json = serde_json::to_string(self)
            .map_err(|error| Error::internal("cannot write a marker").because(error))?;
        // Nothing in it ends the comment or calls somebody; outside of strings JSON has
        // none of these.
        let json = json
            .replace('<', "\\u003c")
            .replace('>', "\\u003e")
            .replace('@', "\\u0040")
            .replace("--", "\\u002d\\u002d");
        Ok(format!("{}{json}{}\n{text}", FENCE[0], FENCE[1]))
    }

    /// The text of a pull request without its marker.
    pub(super) fn below(body: &str) -> &str {
        let rest = body.split_once(FENCE[0]);
        let rest = rest.and_then(|(_, rest)| rest.split_once(FENCE[1]));
        rest.map_or(body, |(_, text)| text.trim_start())
    }

    /// Does this one, closed by somebody, keep `wanted` from being proposed? Only the
    /// same kind of step does. Failed checks are never refused: where only the status
    /// counts them, the rollback would never come.
    pub(super) fn refuses(&self, wanted: &Self) -> bool {
        let is_same = self.canary == wanted.canary
            && self.revision == wanted.revision
            && self.before == wanted.before
            && self.kind == wanted.kind;
        is_same && !wanted.word && self.kind != Kind::Halt
    }

    /// Does what was decided now take the place of this one, though nothing changed
    /// but what the checks say?
    pub(super) fn gives_way_to(&self, kind: Kind, failed_checks: i64) -> bool {
        match (self.kind, kind) {
            (Kind::Step | Kind::Halt, Kind::Rollback) => true,
            (Kind::Step, Kind::Halt) => !self.word,
            (Kind::Halt, Kind::Halt) => failed_checks > self.failed_checks,
            (Kind::Rollback, _) | (_, Kind::Step) => false,
        }
    }
}

impl News {
    /// What `plan` has to tell; `None` when it is nothing. Where rollouts are
    /// `shown` as Deployments, each step is something.
    pub(super) fn of(plan: &Plan, shown: bool) -> Option<Self> {
        let is_quiet = plan.events.is_empty() && plan.alerts.is_empty() && !plan.post_rollout;
        let events = plan.events.iter().map(|event| Told {
            warning: event.kind == EventType::Warning,
            message: event.message.clone(),
        });
        let alerts = plan.alerts.iter().map(|alert| Alert {
            severity: alert.severity,
            message: alert.message.clone(),
            details: alert.details,
        });
        (shown || !is_quiet).then(|| Self {
            phase: plan.phase,
            action: Some(plan.action),
            traffic: plan.traffic,
            reason: plan.reasons.first().cloned(),
            events: events.collect(),
            alerts: alerts.collect(),
            post_rollout: plan.post_rollout,
        })
    }

    /// The same as the plan it was taken from, as far as others are told of it.
    pub(super) fn into_plan(self) -> Plan {
        let events = self.events.into_iter().map(|told| Event {
            kind: match told.warning {
                true => EventType::Warning,
                false => EventType::Normal,
            },
            message: told.message,
        });
        let alerts = self.alerts.into_iter().map(|alert| Notice {
            severity: alert.severity,
            message: alert.message,
            details: alert.details,
        });
        Plan {
            phase: self.phase,
            traffic: self.traffic,
            reasons: self.reason.into_iter().collect(),
            events: events.collect(),
            alerts: alerts.collect(),
            post_rollout: self.post_rollout,
            ..Plan::bare(self.action.unwrap_or(Action::Idle))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn marker() -> Marker {
        Marker {
            canary: "test/podinfo".to_owned(),
            revision: "1a2b".to_owned(),
            before: "3c4d".to_owned(),
            kind: Kind::Step,
            word: false,
            failed_checks: 1,
            documents: "5e6f".to_owned(),
            base: "a".repeat(40),
            commit: "b".repeat(40),
            lifted: false,
            comment: Some(7),
            news: Some(News {
                phase: Some(Phase::Progressing),
                action: Some(Action::Advanced),
                traffic: Some(Traffic {
                    primary: 50,
                    canary: 50,
                    mirrored: false,
                }),
                reason: Some("canary 25 --> 50 %".to_owned()),
                events: vec![Told {
                    warning: true,
                    message: "a --> b <!-- c --- \"d\"".to_owned(),
                }],
                alerts: vec![Alert {
                    severity: AlertSeverity::Error,
                    message: "-->".to_owned(),
                    details: true,
                }],
                post_rollout: true,
            }),
        }
    }

    #[test]
    fn what_is_written_is_read_whatever_it_says() {
        let marker = marker();
        let body = marker.above("text\n\nmore\n").unwrap();
        assert_eq!(body.matches("-->").count(), 1, "{body}");
        assert_eq!(Marker::read(&body), Some(marker));
        assert_eq!(Marker::below(&body), "text\n\nmore\n");
        // GitHub gives the lines of forms back with carriage returns.
        let body = body.replace('\n', "\r\n");
        assert!(Marker::read(&body).is_some());
    }

    #[test]
    fn a_text_of_somebody_has_none() {
        for text in ["", "please merge", "<!-- weirkeeper pull-request {} -->"] {
            assert_eq!(Marker::read(text), None, "{text}");
        }
        assert_eq!(Marker::below("please merge"), "please merge");
    }

    #[test]
    fn closing_refuses_the_same_kind_of_step_and_no_failed_check() {
        let of = |kind, word| Marker {
            kind,
            word,
            ..marker()
        };
        let kinds = [Kind::Step, Kind::Halt, Kind::Rollback];
        for closed in kinds {
            for wanted in kinds {
                let refuses = of(closed, false).refuses(&of(wanted, false));
                let is_meant = closed == wanted && closed != Kind::Halt;
                assert_eq!(refuses, is_meant, "{closed:?} {wanted:?}");
                assert!(!of(closed, false).refuses(&of(wanted, true)));
            }
        }
        let other = Marker {
            revision: "2b3c".to_owned(),
            ..marker()
        };
        assert!(!marker().refuses(&other));
    }

    #[test]
    fn safety_does_not_wait_and_nothing_else_is_repeated() {
        let open = |kind, word| Marker {
            kind,
            word,
            ..marker()
        };
        let step = open(Kind::Step, false);
        assert!(step.gives_way_to(Kind::Rollback, 1) && step.gives_way_to(Kind::Halt, 1));
        assert!(!step.gives_way_to(Kind::Step, 1));
        let halt = open(Kind::Halt, false);
        assert!(halt.gives_way_to(Kind::Rollback, 1) && halt.gives_way_to(Kind::Halt, 2));
        assert!(!halt.gives_way_to(Kind::Halt, 1));
        let rollback = open(Kind::Rollback, false);
        assert!(!rollback.gives_way_to(Kind::Rollback, 9) && !rollback.gives_way_to(Kind::Halt, 9));
        // What a person said.
        let word = open(Kind::Step, true);
        assert!(word.gives_way_to(Kind::Rollback, 1) && !word.gives_way_to(Kind::Halt, 1));
    }
}
