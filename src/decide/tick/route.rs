//! What a plan does to the route, and what a spec that changed in the middle of
//! a run makes of it.

use super::Tick;
use crate::api::{Analysis, HttpMatch, Status, Traffic};
use crate::decide::{Action, Effect, Plan, Routed};

/// Has the route to be written again, because the strategy changed?
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Rewrite {
    /// It has not.
    None,
    /// `analysis.match` says something else: the weights stay, for other requests.
    InPlace,
    /// `analysis.match` came or went, or `mirror` went: the weights were meant for
    /// other requests, and the next step starts from 100/0 as it does in Flagger.
    Reset,
}

impl Rewrite {
    pub(super) fn of(analysis: &Analysis, status: &Status) -> Self {
        let (Some(routed), true) = (status.routed, status.phase.is_some_and(Tick::is_running))
        else {
            return Self::None;
        };
        let (old, new) = (&status.routed_match, checksum(analysis.matches()));
        let stopped = routed.mirrored && !analysis.mirrors();
        if old.is_some() != new.is_some() || stopped {
            Self::Reset
        } else if *old != new {
            Self::InPlace
        } else {
            Self::None
        }
    }
}

impl Tick<'_> {
    /// Checksum of the requests that the weights are for.
    pub(super) fn audience(&self) -> Option<String> {
        checksum(self.analysis.matches())
    }

    /// Writes the route again when the strategy changed and nothing else did.
    pub(super) fn rewrite_route(&self, plan: &mut Plan) {
        let is_over = matches!(plan.action, Action::Suspended | Action::NotDue);
        let is_written = plan.effects.iter().any(|effect| {
            matches!(
                effect,
                Effect::SetTraffic { .. } | Effect::UpdateRoute { .. }
            )
        });
        let Routed::Even(traffic) = self.routed else {
            return;
        };
        // Other requests to the canary are more of them.
        let is_held = self.rewrite == Rewrite::InPlace && self.held_back().is_some();
        if self.rewrite == Rewrite::None || is_over || is_written || is_held {
            return;
        }
        let mut status = plan.status.take().unwrap_or_else(|| self.status.clone());
        plan.effects.extend(self.traffic_to(traffic, &mut status));
        status.last_step_time = Some(self.now);
        status.last_transition_time = Some(self.now);
        status.not_applied = None;
        plan.traffic = Some(traffic);
        plan.status = Some(status);
        plan.reasons.push(match self.rewrite {
            Rewrite::Reset => "the strategy changed, traffic starts from the primary".to_owned(),
            Rewrite::InPlace | Rewrite::None => {
                "analysis.match changed, the weights stay".to_owned()
            }
        });
    }

    /// Writes the weights unless the route has them. Where the canary is to get
    /// nothing, nothing that still leads there is left behind.
    pub(super) fn traffic_to(&self, traffic: Traffic, status: &mut Status) -> Vec<Effect> {
        status.routed = Some(traffic);
        status.routed_match = self.audience();
        self.renew_cookies(traffic, status);
        let left =
            traffic.canary == 0 && (self.facts.exposed > 0 || !self.status.added_rules.is_empty());
        match self.routed.agrees_with(traffic) && self.rewrite == Rewrite::None && !left {
            true => Vec::new(),
            false => vec![Effect::SetTraffic { traffic }],
        }
    }

    /// A run gets a canary cookie with its first traffic and hands it on as the
    /// previous one with its last. The primary's is made once
    /// (Flagger: `gateway_api.go`, `getSessionAffinityRouteRules`; it makes the
    /// latter without a name, too).
    fn renew_cookies(&self, traffic: Traffic, status: &mut Status) {
        if traffic.canary == 0 {
            if let Some(cookie) = status.session_affinity_cookie.take() {
                status.previous_session_affinity_cookie = Some(cookie);
            }
            return;
        }
        let Some(affinity) = &self.analysis.session_affinity else {
            return;
        };
        let value =
            |of: &str| cookie_value(&[of, &status.last_applied_spec, &self.now.to_string()]);
        let primary = affinity.primary_cookie_name.as_deref().unwrap_or_default();
        let (ours, primarys) = (value("canary"), value("primary"));
        status
            .session_affinity_cookie
            .get_or_insert_with(|| format!("{}={ours}", affinity.cookie_name));
        status
            .primary_session_affinity_cookie
            .get_or_insert_with(|| format!("{primary}={primarys}"));
    }

    /// A generated route follows `spec.service` in every tick, with the weights
    /// it has (Flagger resets them).
    pub(super) fn update_route(&self, plan: &mut Plan) {
        let is_over = matches!(plan.action, Action::Suspended | Action::NotDue);
        if !self.facts.route_outdated || is_over {
            return;
        }
        for effect in &mut plan.effects {
            if let Effect::SetTraffic { traffic } = *effect {
                *effect = Effect::UpdateRoute { traffic };
                return;
            }
        }
        let Routed::Even(traffic) = self.routed else {
            return;
        };
        plan.effects.push(Effect::UpdateRoute { traffic });
        plan.reasons
            .push("the generated route follows spec.service".to_owned());
        // Not a step: the clocks of step and deadline go on.
        plan.status.get_or_insert_with(|| Status {
            last_transition_time: Some(self.now),
            ..self.status.clone()
        });
    }
}

fn checksum(matches: &[HttpMatch]) -> Option<String> {
    use sha2::{Digest as _, Sha256};
    let text = serde_json::to_string(matches)
        .ok()
        .filter(|_| !matches.is_empty())?;
    let digest = Sha256::digest(text.as_bytes());
    Some(
        digest
            .iter()
            .take(4)
            .map(|byte| format!("{byte:02x}"))
            .collect(),
    )
}

/// Ten letters, as Flagger's random ones, but the same for the same tick: a
/// decision made twice is made alike.
fn cookie_value(of: &[&str]) -> String {
    use sha2::{Digest as _, Sha256};
    const LETTERS: &[u8; 52] = b"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ";
    let digest = Sha256::digest(of.join("\n").as_bytes());
    let letters = digest.iter().take(10);
    letters
        .map(|byte| char::from(LETTERS[usize::from(*byte) % LETTERS.len()]))
        .collect()
}
