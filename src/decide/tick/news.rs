//! What others are told of a tick: events and alerts.

use super::Tick;
use super::gates::said;
use crate::api::{AlertSeverity, Phase, WebhookType};
use crate::decide::{Action, Answer, Event, EventType, Notice, Plan, Probe};

impl Plan {
    /// Adds an alert.
    pub(super) fn alert(mut self, severity: AlertSeverity, message: String) -> Self {
        self.alerts.push(Notice {
            severity,
            message,
            details: false,
        });
        self
    }

    /// Adds an alert that tells target, thresholds and steps, too.
    pub(super) fn alert_with_details(self, severity: AlertSeverity, message: String) -> Self {
        let mut plan = self.alert(severity, message);
        if let Some(alert) = plan.alerts.last_mut() {
            alert.details = true;
        }
        plan
    }

    /// The rollout is over, well or not.
    pub(super) fn ends(mut self) -> Self {
        self.post_rollout = true;
        self
    }
}

impl Tick<'_> {
    /// The target as Flagger names it, `podinfo.test`.
    pub(in crate::decide) fn target(&self) -> String {
        let name = &self.spec.target_ref.name;
        match self.namespace {
            Some(namespace) => format!("{name}.{namespace}"),
            None => name.clone(),
        }
    }

    /// What happened (Flagger: `events.go`): what the webhooks said, then what
    /// became of the tick. A gate that is still closed is not told again.
    pub(super) fn events(&self, plan: &Plan) -> Vec<Event> {
        let waits = matches!(plan.phase, Some(Phase::Waiting | Phase::WaitingPromotion));
        let kind = match plan.action {
            Action::NotDue => return Vec::new(),
            Action::Idle if plan.is_empty() => return Vec::new(),
            Action::Held if plan.is_empty() && waits => return Vec::new(),
            Action::Held | Action::Halted | Action::RolledBack | Action::Failed => {
                EventType::Warning
            }
            Action::Initialized
            | Action::Started
            | Action::Advanced
            | Action::Promoting
            | Action::Finalising
            | Action::Succeeded
            | Action::Restarted
            | Action::Approved
            | Action::Paused
            | Action::Resumed
            | Action::Retried
            | Action::Idle
            | Action::Suspended => EventType::Normal,
        };
        let told = Event {
            kind,
            message: format!("{}: {}", self.target(), plan.reasons.join("; ")),
        };
        self.passed().into_iter().chain([told]).collect()
    }

    /// The webhooks that let the rollout go on, in the order of their stages.
    fn passed(&self) -> Vec<Event> {
        let passed = self.answers.iter().filter_map(|(probe, answer)| {
            let (Probe::Webhook { index, .. }, Answer::Webhook(answer)) = (probe, answer) else {
                return None;
            };
            let webhook = self.analysis.webhooks().get(*index)?;
            let goes_on = answer.passed != (webhook.kind == WebhookType::Rollback);
            goes_on.then_some((webhook, answer))
        });
        let mut passed: Vec<_> = passed.collect();
        passed.sort_by_key(|(webhook, _)| stage(webhook.kind));
        let events = passed.into_iter().map(|(webhook, answer)| Event {
            kind: EventType::Normal,
            message: match webhook.kind {
                WebhookType::Rollback => {
                    format!(
                        "{}: webhook {} asks for no rollback",
                        self.target(),
                        webhook.name
                    )
                }
                WebhookType::ConfirmRollout
                | WebhookType::PreRollout
                | WebhookType::Rollout
                | WebhookType::ConfirmTrafficIncrease
                | WebhookType::ConfirmPromotion
                | WebhookType::PostRollout
                | WebhookType::Event => format!("{}: {}", self.target(), said((webhook, answer))),
            },
        });
        events.collect()
    }
}

/// When the webhooks of a type are asked, in Flagger's order.
fn stage(kind: WebhookType) -> u8 {
    match kind {
        WebhookType::Rollback => 0,
        WebhookType::ConfirmRollout => 1,
        WebhookType::PreRollout | WebhookType::Rollout => 2,
        WebhookType::ConfirmTrafficIncrease => 3,
        WebhookType::ConfirmPromotion => 4,
        WebhookType::PostRollout | WebhookType::Event => 5,
    }
}
