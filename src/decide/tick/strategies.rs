//! The step each strategy takes when nothing speaks against it.

use super::{Stage, Tick};
use crate::api::{Phase, Strategy, Traffic, WebhookType};
use crate::decide::{Action, Effect, Plan, next_canary_weight};

impl Tick<'_> {
    /// Stage 19.
    pub(super) fn step(&self) -> Stage {
        if let Some(held) = self.held_back() {
            return Ok(held);
        }
        match self.analysis.strategy() {
            Strategy::Canary => self.step_weight(),
            Strategy::AbTesting => self.step_ab_testing(),
            Strategy::BlueGreen => self.step_blue_green(),
        }
    }

    /// Flagger: `runCanary`. With `mirror` the first step mirrors and the next
    /// begin to shift, as Flagger documents; on the Gateway API its own router
    /// never gets that far.
    fn step_weight(&self) -> Stage {
        if self.routed.traffic().mirrored || self.status.phase != Some(Phase::Progressing) {
            return self.raise_weight();
        }
        match self.traffic_closed()? {
            Some(closed) => Ok(self.hold_traffic(&closed)),
            None => self
                .pass(WebhookType::ConfirmTrafficIncrease)
                .raise_weight(),
        }
    }

    fn raise_weight(&self) -> Stage {
        let routed = self.routed.traffic();
        let current = routed.percent();
        if current >= self.analysis.max_weight() {
            return self.promote_if_confirmed();
        }
        if self.analysis.mirrors() && current == 0 && !routed.mirrored {
            return Ok(self.mirror());
        }
        let next = Traffic::canary(next_canary_weight(&self.analysis, current));
        let mut status = self.status.clone();
        let effects = self.traffic_to(next, &mut status);
        status.canary_weight = next.canary;
        let reason = format!("canary {current} → {} %", next.canary);
        Ok(self.plan(Action::Advanced, status, effects, vec![reason]))
    }

    fn mirror(&self) -> Plan {
        let mut status = self.status.clone();
        let effects = self.traffic_to(Traffic::MIRRORED, &mut status);
        status.canary_weight = 0;
        let reason = "requests are mirrored to the canary".to_owned();
        self.plan(Action::Advanced, status, effects, vec![reason])
    }

    /// Flagger: `runAB`. `iterations` lowered below the count ends the test
    /// instead of hanging.
    fn step_ab_testing(&self) -> Stage {
        let total = self.analysis.iterations();
        if self.status.iterations >= total {
            return self.promote_if_confirmed();
        }
        let mut status = self.status.clone();
        let effects = self.traffic_to(Traffic::CANARY, &mut status);
        status.iterations += 1;
        let reason = format!("iteration {} of {total}", status.iterations);
        Ok(self.plan(Action::Advanced, status, effects, vec![reason]))
    }

    /// Flagger: `runBlueGreen`. The promotion is confirmed before live traffic
    /// goes to the canary, and again after one check with it.
    fn step_blue_green(&self) -> Stage {
        let total = self.analysis.iterations();
        let mut status = self.status.clone();
        if status.iterations < total {
            let mut effects = Vec::new();
            if self.analysis.mirrors() && !self.routed.traffic().mirrored {
                effects = self.traffic_to(Traffic::MIRRORED, &mut status);
            }
            status.iterations += 1;
            let reason = format!("iteration {} of {total}", status.iterations);
            return Ok(self.plan(Action::Advanced, status, effects, vec![reason]));
        }
        if status.iterations > total {
            return self.promote_if_confirmed();
        }
        // An approval in Git is for the promotion, which this begins.
        if let Some(closed) = self.promotion_closed()? {
            return Ok(self.wait_for_promotion(&closed));
        }
        let effects = self.traffic_to(Traffic::CANARY, &mut status);
        status.iterations = total + 1;
        let reason = "all traffic to the canary".to_owned();
        Ok(self.plan(Action::Advanced, status, effects, vec![reason]))
    }

    fn promote_if_confirmed(&self) -> Stage {
        Ok(match self.promotion_closed()? {
            Some(closed) => self.wait_for_promotion(&closed),
            None => self.pass(WebhookType::ConfirmPromotion).promote(),
        })
    }

    fn promote(&self) -> Plan {
        let mut status = self.status.clone();
        self.enter(&mut status, Phase::Promoting);
        status.primary_spec = Some(self.facts.revision.clone());
        let primary = match self.facts.scales {
            true => self.spec.primary_name(),
            false => "the primary".to_owned(),
        };
        let reason = format!("revision {} copied to {primary}", status.last_applied_spec);
        self.plan(
            Action::Promoting,
            status,
            vec![Effect::Promote],
            vec![reason],
        )
    }
}
