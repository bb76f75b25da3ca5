//! What people decide, each as one commit: `approve`, `abort`, `pause`,
//! `resume`, `retry`. Flagger has gates that a service keeps, and no way to say
//! the rest.

use super::Tick;
use super::gates::word;
use crate::api::{AlertSeverity, GateStatus, Phase, Said, Status, Strategy, Traffic, WebhookType};
use crate::decide::{Action, Effect, Plan, Refusal, Routed, Word};

impl Tick<'_> {
    /// Carries out a person's word.
    ///
    /// # Errors
    /// When it makes no sense as things stand.
    pub(in crate::decide) fn person(&self, word: Word, said: &Said) -> Result<Plan, Refusal> {
        let mut plan = match word {
            Word::Approve(kind) => self.approve(kind, said),
            Word::Abort => self.abort(said),
            Word::Pause => self.pause(said),
            Word::Resume => self.resume(said),
            Word::Retry => self.retry(said),
        }?;
        plan.events = self.events(&plan);
        Ok(plan)
    }

    /// Gates in Git that wait.
    fn waiting(&self) -> Vec<&GateStatus> {
        let waits = |gate: &&GateStatus| {
            gate.since.is_some() && gate.approved.is_none() && self.gitops.gate(gate.kind).is_some()
        };
        self.status.gates.iter().filter(waits).collect()
    }

    fn approve(&self, kind: Option<WebhookType>, said: &Said) -> Result<Plan, Refusal> {
        let waiting = self.waiting();
        let names: Vec<&str> = waiting.iter().map(|gate| word(gate.kind)).collect();
        let names = names.join(", ");
        let chosen = match (kind, waiting.as_slice()) {
            (None, [gate]) => gate.kind,
            (None, []) => return Err(self.nothing_to_approve()),
            (None, _) => {
                return Err(Refusal::new(format!("several gates wait: {names}"))
                    .hint("name the one that is meant with --gate"));
            }
            (Some(kind), waiting) if waiting.iter().any(|gate| gate.kind == kind) => kind,
            (Some(_), []) => return Err(self.nothing_to_approve()),
            (Some(kind), _) => {
                let why = format!("{} is not waited for, but {names} is", word(kind));
                return Err(Refusal::new(why));
            }
        };
        let mut status = self.status.clone();
        for gate in &mut status.gates {
            if gate.kind == chosen {
                gate.approved = Some(said.clone());
            }
        }
        let reason = by(&format!("{} approved", word(chosen)), said);
        Ok(self.word(Action::Approved, status, reason))
    }

    /// Nobody waits for an approval; says what is waited for instead.
    fn nothing_to_approve(&self) -> Refusal {
        let approved = |gate: &&GateStatus| gate.approved.is_some();
        if let Some(gate) = self.status.gates.iter().find(approved) {
            let why = format!("{} is approved already", word(gate.kind));
            return Refusal::new(why).hint("the next run goes on");
        }
        let gates = self.gitops.gates.iter().flatten();
        let gates: Vec<&str> = gates.filter_map(|gate| gate.kind).map(word).collect();
        let refusal = Refusal::new(format!(
            "no gate waits for an approval: {}",
            self.standing()
        ));
        match gates.is_empty() {
            true => refusal.hint("gates that are answered in Git are set in spec.gitops.gates"),
            false => refusal.hint(format!(
                "{} can be approved once a run has come to it",
                gates.join(", ")
            )),
        }
    }

    /// Where the rollout stands, in a few words.
    fn standing(&self) -> String {
        match self.status.phase {
            None => "no run was here yet".to_owned(),
            Some(phase @ (Phase::Waiting | Phase::WaitingPromotion)) => {
                format!("in phase {phase} a webhook is waited for")
            }
            Some(phase) if phase.is_active() => {
                format!("the phase is {phase}, the next run takes the next step")
            }
            Some(phase) => format!("the phase is {phase}, nothing is under way"),
        }
    }

    fn abort(&self, said: &Said) -> Result<Plan, Refusal> {
        match self.status.phase {
            Some(Phase::Waiting | Phase::Progressing | Phase::WaitingPromotion) => {}
            Some(phase @ (Phase::Promoting | Phase::Finalising)) => {
                let why = format!("the phase is {phase}: the primary has the new revision");
                let hint = "release the old revision: revert the commit that changed the target";
                return Err(Refusal::new(why).hint(hint));
            }
            Some(Phase::Initializing) => {
                return Err(Refusal::new(
                    "the primary is being created: there is no rollout yet",
                ));
            }
            Some(
                Phase::Initialized
                | Phase::Succeeded
                | Phase::Failed
                | Phase::Terminating
                | Phase::Terminated,
            )
            | None => {
                let why = format!("there is nothing to abort: {}", self.standing());
                return Err(Refusal::new(why));
            }
        }
        let why = by("aborted", said);
        let message = format!("{} is rolled back: {why}", self.target());
        Ok(self.roll_back(&why).alert(AlertSeverity::Warn, message))
    }

    fn pause(&self, said: &Said) -> Result<Plan, Refusal> {
        if let Some(paused) = &self.status.paused {
            let why = format!("it is paused already, by {} at {}", paused.by, paused.at);
            return Err(Refusal::new(why));
        }
        if self.status.phase.is_none() {
            return Err(
                Refusal::new("no run was here yet: there is nothing to pause")
                    .hint("spec.suspend keeps every run away"),
            );
        }
        let mut status = self.status.clone();
        status.paused = Some(said.clone());
        Ok(self.word(Action::Paused, status, by("paused", said)))
    }

    /// Ends a pause; without one, takes weights that were changed by hand for
    /// the state.
    fn resume(&self, said: &Said) -> Result<Plan, Refusal> {
        let drifted = self.drift().is_some();
        if self.status.paused.is_some() {
            let mut status = self.status.clone();
            status.paused = None;
            let mut plan = self.word(Action::Resumed, status, by("resumed", said));
            if drifted {
                let more = "the weights are not what the state says: resume again to accept them";
                plan.reasons.push(more.to_owned());
            }
            return Ok(plan);
        }
        if !drifted {
            let why = "it is not paused, and the weights are what the state says";
            return Err(Refusal::new(format!("{why}: {}", self.standing())));
        }
        let found = match &self.routed {
            Routed::Even(found) => *found,
            Routed::Missing => {
                let why = "the route, or its split between primary and canary, is gone";
                return Err(Refusal::new(why).hint("restore the route from the history"));
            }
            Routed::Uneven(rules) => {
                let rules = rules.iter();
                let rules: Vec<String> = rules
                    .map(|rule| format!("{}/{}", rule.primary, rule.canary))
                    .collect();
                let why = format!(
                    "the rules of the route carry {}: it is not known which is meant",
                    rules.join(" and ")
                );
                return Err(Refusal::new(why).hint("give all of them the same weights first"));
            }
        };
        self.accept(found, said)
    }

    fn accept(&self, found: Traffic, said: &Said) -> Result<Plan, Refusal> {
        let running = self.status.phase.is_some_and(Self::is_running);
        if !running && (found.canary > 0 || found.mirrored) {
            let why = format!(
                "the route sends requests to the canary ({}/{}), and {}",
                found.primary,
                found.canary,
                self.standing()
            );
            return Err(Refusal::new(why).hint("set the weights back to 100/0"));
        }
        // The state knows weights that sum up to 100.
        let accepted = Traffic {
            mirrored: found.mirrored,
            ..Traffic::canary(found.percent())
        };
        let mut status = self.status.clone();
        let effects: Vec<Effect> = self.traffic_to(accepted, &mut status);
        if running && self.analysis.strategy() == Strategy::Canary {
            status.canary_weight = accepted.canary;
        }
        let weights = format!("{}/{} accepted", accepted.primary, accepted.canary);
        let reason = by(&weights, said);
        let message = format!("{}: {reason}", self.target());
        Ok(self
            .note(Action::Resumed, status, effects, vec![reason])
            .alert(AlertSeverity::Info, message))
    }

    /// The revision that failed counts as new again.
    fn retry(&self, said: &Said) -> Result<Plan, Refusal> {
        if self.status.phase != Some(Phase::Failed) {
            let why = format!("nothing failed: {}", self.standing());
            return Err(Refusal::new(why));
        }
        let revision = &self.facts.revision;
        if self.has_new_revision() {
            let why = format!("revision {revision} is not the one that failed");
            return Err(Refusal::new(why).hint("the next run starts it"));
        }
        let mut tick = self.clone();
        let promoted = &self.status.last_promoted_spec;
        tick.status.last_applied_spec.clone_from(promoted);
        tick.status.failed_spec = None;
        tick.status.tracked_configs = self.status.promoted_configs.clone();
        if !tick.has_new_revision() {
            let why = format!("revision {revision} is the one that was promoted");
            return Err(Refusal::new(why).hint("there is nothing to try again"));
        }
        let reason = by(&format!("revision {revision} is tried again"), said);
        Ok(self.word(Action::Retried, tick.status, reason))
    }

    /// A plan that only notes what was said.
    fn word(&self, action: Action, status: Status, reason: String) -> Plan {
        let message = format!("{}: {reason}", self.target());
        self.note(action, status, Vec::new(), vec![reason])
            .alert(AlertSeverity::Info, message)
    }
}

/// `paused by Ann <ann@example.com>: over the weekend`.
fn by(what: &str, said: &Said) -> String {
    match &said.reason {
        Some(reason) => format!("{what} by {}: {reason}", said.by),
        None => format!("{what} by {}", said.by),
    }
}
