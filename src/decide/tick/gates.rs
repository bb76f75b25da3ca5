//! Gates and hooks that are asked before anything is decided
//! (Flagger: `scheduler_hooks.go`).

use super::{Ask, Stage, Tick};
use crate::api::{AlertSeverity, GateSpec, GateStatus, Phase, Status, Webhook, WebhookType};
use crate::decide::plan::in_words;
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

    /// What keeps a gate of one type closed: a webhook, or a person who has not
    /// yet approved it in Git. The webhooks come first.
    fn closed(&self, kind: WebhookType, phase: Phase) -> Stage<Option<Closed>> {
        if let Some(refused) = self.first_that(false, kind, phase)? {
            return Ok(Some(Closed {
                kind,
                what: said(refused),
                mutes: refused.0.mutes_alert(),
                in_git: false,
                times_out: false,
            }));
        }
        let Some(gate) = self.gitops.gate(kind) else {
            return Ok(None);
        };
        let status = self.gate_status(kind);
        let is_approved = status.is_some_and(|status| status.approved.is_some());
        if is_approved || (gate.opens_on_timeout() && self.is_timed_out(kind)) {
            return Ok(None);
        }
        Ok(Some(Closed {
            kind,
            what: format!(
                "gate {} in Git: `weirkeeper approve {}`",
                word(kind),
                self.id
            ),
            mutes: status.is_some_and(|status| status.since.is_some()),
            in_git: true,
            times_out: gate.timeout().is_some(),
        }))
    }

    pub(super) fn gate_status(&self, kind: WebhookType) -> Option<&GateStatus> {
        self.status.gates.iter().find(|gate| gate.kind == kind)
    }

    fn is_timed_out(&self, kind: WebhookType) -> bool {
        let limit = self.gitops.gate(kind).and_then(GateSpec::timeout);
        let since = self.gate_status(kind).and_then(|status| status.since);
        let (Some(limit), Some(since)) = (limit, since) else {
            return false;
        };
        self.now.duration_since(since) >= limit
    }

    /// The tick once a gate in Git was passed: one approval is for one passage.
    pub(super) fn pass(&self, kind: WebhookType) -> Self {
        let mut tick = self.clone();
        tick.notes.extend(self.approval(kind));
        tick.status.gates.retain(|gate| gate.kind != kind);
        tick
    }

    fn approval(&self, kind: WebhookType) -> Option<String> {
        let gate = self.gitops.gate(kind)?;
        let kind = word(kind);
        match self.gate_status(gate.kind?)?.approved.as_ref() {
            Some(said) => Some(format!("{kind} approved by {}", said.by)),
            None => {
                let limit = in_words(gate.timeout()?);
                Some(format!("{kind} open, nobody objected within {limit}"))
            }
        }
    }

    /// Notes since when a gate in Git is waited for.
    fn wait_at(&self, closed: &Closed, status: &mut Status) {
        if !closed.in_git {
            return;
        }
        let found = status
            .gates
            .iter_mut()
            .find(|gate| gate.kind == closed.kind);
        match found {
            Some(gate) => {
                gate.since.get_or_insert(self.now);
            }
            None => status.gates.push(GateStatus {
                kind: closed.kind,
                since: Some(self.now),
                approved: None,
            }),
        }
    }

    /// Stage 10. While it waits the rollback webhooks may end it, which Flagger
    /// documents and does not do. `held` is why nothing may start.
    pub(super) fn begin_rollout(&self, phase: Phase, held: Option<Plan>) -> Stage {
        if phase == Phase::Waiting
            && let Some(plan) = self.asked_to_roll_back(phase)?
        {
            return Ok(plan);
        }
        if let Some(held) = held.or_else(|| self.held_back()) {
            return Ok(held);
        }
        let kind = WebhookType::ConfirmRollout;
        Ok(match self.closed(kind, phase)? {
            Some(closed) => self.wait_to_start(&closed, phase),
            None => self.pass(kind).start(),
        })
    }

    fn wait_to_start(&self, closed: &Closed, phase: Phase) -> Plan {
        let mut status = self.status.clone();
        // As Flagger, which saves the revision in every tick while Failed.
        if phase == Phase::Failed && self.facts.revision != status.last_promoted_spec {
            status.last_applied_spec.clone_from(&self.facts.revision);
            status.tracked_configs.clone_from(&self.facts.configs);
        }
        self.enter(&mut status, Phase::Waiting);
        self.wait_at(closed, &mut status);
        let mut effects = Vec::new();
        if !status.deferred.is_empty() && self.facts.exposed == 0 {
            self.scale_to_zero(&mut status, &mut effects);
        }
        let reason = format!("waiting for approval to start: {}", closed.what);
        let plan = self.plan(Action::Held, status, effects, vec![reason.clone()]);
        match phase == Phase::Waiting && !closed.in_git {
            true => plan,
            false => self.alert_unless_muted(plan, closed, &reason),
        }
    }

    /// Flagger: `runConfirmTrafficIncreaseHooks`.
    pub(super) fn hold_traffic(&self, closed: &Closed) -> Plan {
        let reason = format!("waiting for approval to send more traffic: {}", closed.what);
        let mut status = self.status.clone();
        self.wait_at(closed, &mut status);
        // That somebody is waited for is no step, which the next one would have to
        // wait for.
        let plan = match status.failed_checks == self.before.failed_checks {
            true => self.note(Action::Held, status, Vec::new(), vec![reason.clone()]),
            false => self.plan(Action::Held, status, Vec::new(), vec![reason.clone()]),
        };
        self.alert_unless_muted(plan, closed, &reason)
    }

    /// The gate before more traffic.
    pub(super) fn traffic_closed(&self) -> Stage<Option<Closed>> {
        self.closed(WebhookType::ConfirmTrafficIncrease, Phase::Progressing)
    }

    /// The gate before the promotion.
    pub(super) fn promotion_closed(&self) -> Stage<Option<Closed>> {
        self.closed(WebhookType::ConfirmPromotion, Phase::Progressing)
    }

    /// Flagger: `runConfirmPromotionHooks`. `iterations` falls to one below the
    /// number the analysis asks for, −1 where it asks for none.
    pub(super) fn wait_for_promotion(&self, closed: &Closed) -> Plan {
        let mut status = self.status.clone();
        let waits = status.phase == Some(Phase::WaitingPromotion);
        if !waits {
            self.enter(&mut status, Phase::WaitingPromotion);
        }
        self.wait_at(closed, &mut status);
        status.iterations = self.analysis.iterations() - 1;
        let reason = format!("waiting for approval to promote: {}", closed.what);
        let plan = self.plan(Action::Held, status, Vec::new(), vec![reason.clone()]);
        match waits && !closed.in_git {
            true => plan,
            false => self.alert_unless_muted(plan, closed, &reason),
        }
    }

    /// Stage 14. A rollback webhook that passes asks for a rollback, and so does a
    /// gate in Git that was not approved in time.
    pub(super) fn asked_to_roll_back(&self, phase: Phase) -> Stage<Option<Plan>> {
        let asked = self.first_that(true, WebhookType::Rollback, phase)?;
        let why = match asked {
            Some(asked) => Some(format!("asked for: {}", said(asked))),
            None => self.not_approved_in_time(),
        };
        Ok(why.map(|why| {
            let message = format!("{} is rolled back, {why}", self.target());
            self.roll_back(&why).alert(AlertSeverity::Warn, message)
        }))
    }

    fn not_approved_in_time(&self) -> Option<String> {
        let expired = |status: &&GateStatus| {
            let gate = self.gitops.gate(status.kind);
            status.approved.is_none()
                && self.is_timed_out(status.kind)
                && gate.is_some_and(|gate| !gate.opens_on_timeout())
        };
        let status = self.status.gates.iter().find(expired)?;
        let limit = self.gitops.gate(status.kind).and_then(GateSpec::timeout)?;
        let (kind, limit) = (word(status.kind), in_words(limit));
        Some(format!("{kind} was not approved within {limit}"))
    }

    fn alert_unless_muted(&self, mut plan: Plan, closed: &Closed, reason: &str) -> Plan {
        plan.needs_person = closed.in_git && !closed.times_out;
        match closed.mutes {
            true => plan,
            false => plan.alert(
                AlertSeverity::Warn,
                format!("{} is {reason}", self.target()),
            ),
        }
    }
}

/// What keeps a gate closed.
pub(super) struct Closed {
    kind: WebhookType,
    what: String,
    /// Nobody is told, or is told again.
    mutes: bool,
    /// Is it a person who is waited for, with a commit?
    in_git: bool,
    /// Does time open it, or end the rollout?
    times_out: bool,
}

/// A gate as it is written in the Canary.
pub(super) fn word(kind: WebhookType) -> &'static str {
    match kind {
        WebhookType::ConfirmRollout => "confirm-rollout",
        WebhookType::ConfirmTrafficIncrease => "confirm-traffic-increase",
        WebhookType::ConfirmPromotion => "confirm-promotion",
        WebhookType::Rollout => "rollout",
        WebhookType::PreRollout => "pre-rollout",
        WebhookType::PostRollout => "post-rollout",
        WebhookType::Rollback => "rollback",
        WebhookType::Event => "event",
    }
}

/// `webhook gate: 403 Forbidden`.
pub(super) fn said((webhook, answer): Said<'_>) -> String {
    format!("webhook {}: {}", webhook.name, answer.answer)
}
