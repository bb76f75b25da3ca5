//! Gates and hooks that are asked before anything is decided
//! (Flagger: `scheduler_hooks.go`).

use super::{Ask, Stage, Tick};
use crate::api::{AlertSeverity, Phase, Webhook, WebhookType};
use crate::decide::{Action, Answer, Plan, Probe, WebhookAnswer};

/// A webhook and what it said.
pub(super) type Said<'a> = (&'a Webhook, &'a WebhookAnswer);

impl Tick<'_> {
    /// Asks the webhooks of one type, one after the other, until one passes or
    /// one refuses, whichever is looked for.
    pub(super) fn first_that(
        &self,
        passes: bool,
        kind: WebhookType,
        phase: Phase,
    ) -> Stage<Option<Said<'_>>> {
        for (index, webhook) in self.analysis.webhooks().iter().enumerate() {
            if webhook.kind != kind {
                continue;
            }
            let probe = Probe::Webhook { index, phase };
            match self.answers.get(&probe) {
                Some(Answer::Webhook(answer)) if answer.passed == passes => {
                    return Ok(Some((webhook, answer)));
                }
                Some(_) => {}
                None => return Err(Ask(vec![probe])),
            }
        }
        Ok(None)
    }

    /// The first webhook of one type that refuses, with `Progressing` in the payload.
    pub(super) fn refusal(&self, kind: WebhookType) -> Stage<Option<Said<'_>>> {
        self.first_that(false, kind, Phase::Progressing)
    }

    /// Stage 10. While it waits the rollback webhooks may end it, which Flagger
    /// documents and does not do.
    pub(super) fn begin_rollout(&self, phase: Phase) -> Stage {
        if phase == Phase::Waiting
            && let Some(plan) = self.asked_to_roll_back(phase)?
        {
            return Ok(plan);
        }
        Ok(
            match self.first_that(false, WebhookType::ConfirmRollout, phase)? {
                Some(closed) => self.wait_to_start(closed, phase),
                None => self.start(),
            },
        )
    }

    fn wait_to_start(&self, closed: Said<'_>, phase: Phase) -> Plan {
        let mut status = self.status.clone();
        // As Flagger, which saves the revision in every tick while Failed.
        if phase == Phase::Failed && self.facts.revision != status.last_promoted_spec {
            status.last_applied_spec.clone_from(&self.facts.revision);
            status.tracked_configs.clone_from(&self.facts.configs);
        }
        self.enter(&mut status, Phase::Waiting);
        let mut effects = Vec::new();
        if !status.deferred.is_empty() && self.facts.exposed == 0 {
            self.scale_to_zero(&mut status, &mut effects);
        }
        let reason = format!("waiting for approval to start: {}", said(closed));
        let plan = self.plan(Action::Held, status, effects, vec![reason.clone()]);
        match phase == Phase::Waiting {
            true => plan,
            false => self.alert_unless_muted(plan, closed, &reason),
        }
    }

    /// Flagger: `runConfirmTrafficIncreaseHooks`.
    pub(super) fn hold_traffic(&self, closed: Said<'_>) -> Plan {
        let reason = format!(
            "waiting for approval to send more traffic: {}",
            said(closed)
        );
        let plan = self.unchanged(Action::Held, reason.clone());
        self.alert_unless_muted(plan, closed, &reason)
    }

    /// Flagger: `runConfirmPromotionHooks`. `iterations` falls to one below the
    /// number the analysis asks for, −1 where it asks for none.
    pub(super) fn wait_for_promotion(&self, closed: Said<'_>) -> Plan {
        let mut status = self.status.clone();
        let waits = status.phase == Some(Phase::WaitingPromotion);
        if !waits {
            self.enter(&mut status, Phase::WaitingPromotion);
        }
        status.iterations = self.analysis.iterations() - 1;
        let reason = format!("waiting for approval to promote: {}", said(closed));
        let plan = self.plan(Action::Held, status, Vec::new(), vec![reason.clone()]);
        match waits {
            true => plan,
            false => self.alert_unless_muted(plan, closed, &reason),
        }
    }

    /// Stage 14. A rollback webhook that passes asks for a rollback.
    pub(super) fn asked_to_roll_back(&self, phase: Phase) -> Stage<Option<Plan>> {
        let asked = self.first_that(true, WebhookType::Rollback, phase)?;
        Ok(asked.map(|asked| {
            let why = format!("asked for: {}", said(asked));
            let message = format!("{} is rolled back, {why}", self.target());
            self.roll_back(&why).alert(AlertSeverity::Warn, message)
        }))
    }

    fn alert_unless_muted(&self, plan: Plan, (webhook, _): Said<'_>, reason: &str) -> Plan {
        match webhook.mutes_alert() {
            true => plan,
            false => plan.alert(
                AlertSeverity::Warn,
                format!("{} is {reason}", self.target()),
            ),
        }
    }
}

/// `webhook gate: 403 Forbidden`.
pub(super) fn said((webhook, answer): Said<'_>) -> String {
    format!("webhook {}: {}", webhook.name, answer.answer)
}
