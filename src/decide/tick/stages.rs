//! The stages around the analysis: bootstrap, start, restart, promotion, end.

use super::{Stage, Tick, Wait};
use crate::api::{AlertSeverity, Deferred, OnFailure, Phase, Traffic};
use crate::decide::{Action, Effect, Plan, Primary, Readiness, Workload, after_promotion_step};

impl Tick<'_> {
    /// Bootstrap: the primary and its Services first; once the primary is
    /// ready the apex Service and the route; the target's pods go in a later
    /// commit, so that no request ever meets a backend without pods.
    pub(super) fn initialise(&self) -> Stage {
        if let Some(paused) = self.paused() {
            return Ok(paused);
        }
        let mut status = self.status.clone();
        let primary = self.spec.primary_name();
        if self.facts.primary == Primary::Missing {
            self.enter(&mut status, Phase::Initializing);
            let effects = vec![Effect::EnsureServices, Effect::CreatePrimary];
            let reason = format!("{primary} created, waiting until it is ready");
            return Ok(self.plan(Action::Held, status, effects, vec![reason]));
        }
        if !self.facts.services {
            self.enter(&mut status, Phase::Initializing);
            let reason = format!("Services of {primary} and its target created");
            let effects = vec![Effect::EnsureServices];
            return Ok(self.plan(Action::Held, status, effects, vec![reason]));
        }
        if let Some(held) = self.not_applied()? {
            return Ok(held);
        }
        if !self.spec.skips_analysis() {
            match self.readiness(Workload::Primary)? {
                Readiness::Ready => {}
                Readiness::NotReady(why) | Readiness::Stuck(why) | Readiness::Unknown(why) => {
                    self.enter(&mut status, Phase::Initializing);
                    return Ok(self.plan(Action::Held, status, Vec::new(), vec![why]));
                }
            }
        }
        self.enter(&mut status, Phase::Initialized);
        // A primary that was there before and runs something else: the target
        // is a new revision, and the next tick starts it.
        let revision = match self.facts.primary {
            Primary::Current => self.facts.revision.clone(),
            Primary::Missing | Primary::Different => String::new(),
        };
        status.last_applied_spec.clone_from(&revision);
        status.primary_spec = Some(revision.clone()).filter(|revision| !revision.is_empty());
        status.last_promoted_spec = revision;
        status.tracked_configs.clone_from(&self.facts.configs);
        status.promoted_configs.clone_from(&self.facts.configs);
        status.routed = Some(Traffic::PRIMARY);
        status.routed_match = self.audience();
        let mut effects = match self.facts.scales {
            true => vec![Effect::EnsureServices, Effect::PointApexAtPrimary],
            // People own the workloads and their Services.
            false => Vec::new(),
        };
        effects.push(Effect::SetTraffic {
            traffic: Traffic::PRIMARY,
        });
        if self.scales_down() {
            status.deferred = vec![Deferred::ScaleCanaryToZero];
            effects.push(Effect::Defer {
                deferred: Deferred::ScaleCanaryToZero,
            });
        }
        let reason = format!(
            "initialized, all traffic on {}",
            self.spec.primary_service()
        );
        let plan = self.plan(Action::Initialized, status, effects, vec![reason]);
        let message = format!("{} is initialized", self.target());
        Ok(plan.alert_with_details(AlertSeverity::Info, message))
    }

    /// Nothing new; carries out what waited for an earlier commit.
    pub(super) fn idle(&self) -> Stage {
        let mut status = self.status.clone();
        // Flagger saves it in every tick while Failed: a revision that failed is
        // new again once the target was back at the promoted one.
        if status.phase == Some(Phase::Failed) && !self.failed_before() {
            status.last_applied_spec.clone_from(&self.facts.revision);
        }
        if status.restored {
            status.tracked_configs.clone_from(&self.facts.configs);
            status.restored = false;
        }
        // Nobody is there to answer what a hand sends to an idle target.
        if self.facts.exposed > 0
            && !self.status.is_exposed()
            && let Some(drift) = self.drift()
        {
            return Ok(drift);
        }
        if !self.scales_down() || status.deferred.is_empty() {
            status.deferred.clear();
            let reason = self.nothing_new();
            return Ok(self.plan(Action::Idle, status, Vec::new(), vec![reason]));
        }
        if let Some(paused) = self.paused() {
            return Ok(paused);
        }
        if let Some(held) = self.cluster_lags()? {
            return Ok(held);
        }
        if self.facts.exposed > 0 {
            let reason = format!(
                "a rule of the route gives the canary a weight of {}: it is not scaled down",
                self.facts.exposed
            );
            return Ok(self.unchanged(Action::Held, reason));
        }
        let mut effects = Vec::new();
        self.scale_to_zero(&mut status, &mut effects);
        let reason = format!("{} scaled to zero", self.spec.target_ref.name);
        Ok(self.plan(Action::Idle, status, effects, vec![reason]))
    }

    fn nothing_new(&self) -> String {
        let revision = &self.facts.revision;
        let failed = self.status.phase == Some(Phase::Failed)
            && (*revision == self.status.last_applied_spec || self.failed_before())
            && *revision != self.status.last_promoted_spec;
        match failed {
            true => format!("revision {revision} failed and is not tried again"),
            false => "no new revision".to_owned(),
        }
    }

    pub(super) fn cancel(&self) -> Plan {
        let mut status = self.status.clone();
        self.enter(&mut status, Phase::Succeeded);
        if let Some(condition) = status.conditions.first_mut() {
            "Cancelled".clone_into(&mut condition.reason);
            "the target returned to the promoted revision".clone_into(&mut condition.message);
        }
        status.failed_checks = 0;
        status.last_applied_spec.clone_from(&self.facts.revision);
        status.tracked_configs.clone_from(&self.facts.configs);
        let mut effects = self.traffic_to(Traffic::PRIMARY, &mut status);
        self.scale_down(&mut status, &mut effects);
        let reason = format!(
            "cancelled: {} is back at the promoted revision {}",
            self.spec.target_ref.name, self.facts.revision
        );
        let message = format!("The rollout of {} is {reason}", self.target());
        self.plan(Action::Succeeded, status, effects, vec![reason])
            .alert(AlertSeverity::Warn, message)
            .ends()
    }

    /// A Service that is gone takes its backend with it: it comes back before
    /// anything else happens (Flagger reconciles them in every tick).
    pub(super) fn restore_services(&self) -> Plan {
        let reason = "a Service of primary or canary was gone, it is created again".to_owned();
        let effects = vec![Effect::EnsureServices];
        self.plan(Action::Held, self.status.clone(), effects, vec![reason])
    }

    /// Stage 8. While a promotion runs a stuck primary is the broken side, so
    /// traffic goes to the canary; where the canary has all traffic it keeps it.
    pub(super) fn primary_not_ready(&self, phase: Phase) -> Stage<Option<Wait>> {
        if self.spec.skips_analysis() {
            return Ok(None);
        }
        let (why, stuck) = match self.readiness(Workload::Primary)? {
            Readiness::Ready => return Ok(None),
            Readiness::Unknown(why) => {
                let held = self.unchanged(Action::Held, why);
                return Ok(Some(Wait::Unknown(held)));
            }
            Readiness::NotReady(why) => (why, false),
            Readiness::Stuck(why) => (why, true),
        };
        let promoting = matches!(phase, Phase::Promoting | Phase::Finalising);
        // After a failed promotion the canary has what the primary cannot serve,
        // and the next release begins with all traffic on it.
        let failed = !Self::is_running(phase)
            || self
                .status
                .primary_spec
                .as_ref()
                .is_some_and(|primary| *primary != self.status.last_promoted_spec);
        let canary_serves = failed && !promoting && self.routed.traffic().percent() == 100;
        Ok(Some(Wait::Known(if canary_serves {
            let advice = format!(
                "{why}; the canary keeps its traffic until it is: \
                 repair the pod template of {} by hand",
                self.spec.primary_name()
            );
            self.unchanged(Action::Held, advice)
        } else if !stuck || !Self::is_running(phase) {
            // Nothing is under analysis that could have failed.
            self.unchanged(Action::Held, why)
        } else if promoting {
            self.fail_promotion(&why)
        } else {
            self.rollback(&why)
        })))
    }

    pub(super) fn canary_not_ready(&self) -> Stage<Option<Wait>> {
        let held = |why: String| self.unchanged(Action::Held, why);
        Ok(match self.readiness(Workload::Canary)? {
            Readiness::Ready => None,
            Readiness::NotReady(why) => Some(Wait::Known(held(why))),
            Readiness::Unknown(why) => Some(Wait::Unknown(held(why))),
            Readiness::Stuck(why) => Some(Wait::Known(self.rollback(&why))),
        })
    }

    /// Stage 10, once every gate is open.
    pub(super) fn start(&self) -> Plan {
        let mut status = self.status.clone();
        self.begin(&mut status);
        status.deferred.clear();
        let replicas = self.replicas_when_up();
        status.target_replicas = None;
        let name = &self.spec.target_ref.name;
        let new = self.what_is_new();
        let message = format!("{} of {}", new.replacen('n', "N", 1), self.target());
        let (reason, effects) = match self.facts.scales {
            true => (
                format!("{new} detected, scaling up {name}"),
                vec![Effect::EnsureServices, Effect::ScaleCanaryUp { replicas }],
            ),
            false => (format!("{new} detected"), Vec::new()),
        };
        self.plan(Action::Started, status, effects, vec![reason])
            .alert_with_details(AlertSeverity::Info, message)
    }

    /// A new revision, or the ConfigMaps and Secrets that changed without one.
    fn what_is_new(&self) -> String {
        let (status, facts) = (&self.status, &self.facts);
        if facts.revision != status.last_applied_spec || facts.configs == status.tracked_configs {
            return format!("new revision {}", facts.revision);
        }
        let old = &status.tracked_configs;
        let changed = facts
            .configs
            .iter()
            .filter(|(name, sum)| old.get(*name) != Some(sum));
        let gone = old.keys().filter(|name| !facts.configs.contains_key(*name));
        let names: Vec<&str> = changed
            .map(|(name, _)| name)
            .chain(gone)
            .map(String::as_str)
            .collect();
        format!("new content of {}", names.join(", "))
    }

    /// Stage 11.
    pub(super) fn restart(&self) -> Plan {
        let mut status = self.status.clone();
        self.begin(&mut status);
        let effects = self.traffic_to(Traffic::PRIMARY, &mut status);
        let reason = format!("{} detected, the analysis starts over", self.what_is_new());
        self.plan(Action::Restarted, status, effects, vec![reason])
    }

    /// Stage 13. The route goes to the primary before the target's pods go.
    pub(super) fn promote_at_once(&self) -> Plan {
        let mut status = self.status.clone();
        self.enter(&mut status, Phase::Succeeded);
        // What is copied is the target as it is now.
        status.last_applied_spec.clone_from(&self.facts.revision);
        status.last_promoted_spec.clone_from(&self.facts.revision);
        status.primary_spec = Some(self.facts.revision.clone());
        status.tracked_configs.clone_from(&self.facts.configs);
        status.promoted_configs.clone_from(&self.facts.configs);
        let mut effects = self.traffic_to(Traffic::PRIMARY, &mut status);
        effects.push(Effect::Promote);
        self.scale_down(&mut status, &mut effects);
        let reason = "promoted without analysis, as spec.skipAnalysis asks".to_owned();
        let message = format!("{} is {reason}", self.target());
        self.plan(Action::Succeeded, status, effects, vec![reason])
            .alert(AlertSeverity::Info, message)
            .ends()
    }

    /// Stage 15 (Flagger: `runPromotionTrafficShift`).
    pub(super) fn return_traffic(&self) -> Plan {
        let next = after_promotion_step(&self.analysis, self.routed.traffic());
        let mut status = self.status.clone();
        let effects = self.traffic_to(next, &mut status);
        if next.canary == 0 {
            self.enter(&mut status, Phase::Finalising);
            let reason = format!("all traffic back on {}", self.spec.primary_service());
            return self.plan(Action::Finalising, status, effects, vec![reason]);
        }
        status.canary_weight = next.canary;
        let reason = format!("primary ready, its weight {} %", next.primary);
        self.plan(Action::Promoting, status, effects, vec![reason])
    }

    /// Stage 16.
    pub(super) fn finish(&self) -> Plan {
        let mut status = self.status.clone();
        self.enter(&mut status, Phase::Succeeded);
        status.last_promoted_spec = status.last_applied_spec.clone();
        status.promoted_configs = status.tracked_configs.clone();
        let mut effects = Vec::new();
        self.scale_down(&mut status, &mut effects);
        let reason = format!("promotion of {} completed", status.last_promoted_spec);
        let message = format!("{}: {reason}", self.target());
        self.plan(Action::Succeeded, status, effects, vec![reason])
            .alert(AlertSeverity::Info, message)
            .ends()
    }

    /// Flagger: `rollback`. Every rollback alerts, also one that is due to the
    /// progress deadline.
    pub(super) fn rollback(&self, why: &str) -> Plan {
        let message = format!("{} is rolled back: {why}", self.target());
        self.roll_back(why).alert(AlertSeverity::Error, message)
    }

    pub(super) fn roll_back(&self, why: &str) -> Plan {
        let mut status = self.status.clone();
        self.enter(&mut status, Phase::Failed);
        status.failed_checks = 0;
        // A revision that came after the one under analysis has not failed: it is
        // still new afterwards.
        let is_judged = !self.judges_another();
        if is_judged {
            status.last_applied_spec.clone_from(&self.facts.revision);
            status.tracked_configs.clone_from(&self.facts.configs);
        }
        let mut effects = self.traffic_to(Traffic::PRIMARY, &mut status);
        let revision = status.last_applied_spec.clone();
        let mut reasons = vec![format!("revision {revision} rolled back: {why}")];
        if is_judged && self.restores_target() {
            effects.push(Effect::RestoreTarget);
            status.failed_spec = Some(revision);
            status.last_applied_spec = status.last_promoted_spec.clone();
            status.restored = true;
            reasons.push(format!(
                "{} goes back to revision {}, as spec.gitops.onFailure asks",
                self.spec.target_ref.name, status.last_promoted_spec
            ));
        }
        self.scale_down(&mut status, &mut effects);
        self.plan(Action::RolledBack, status, effects, reasons)
            .ends()
    }

    /// Does a run judge something else than what the target is now?
    fn judges_another(&self) -> bool {
        let (status, facts) = (&self.status, &self.facts);
        status.phase.is_some_and(Self::is_running)
            && (facts.revision != status.last_applied_spec
                || facts.configs != status.tracked_configs)
    }

    /// Is the target taken back to the promoted revision? Only when that is what
    /// the primary runs.
    fn restores_target(&self) -> bool {
        let promoted = &self.status.last_promoted_spec;
        let primary = self.status.primary_spec.as_ref().unwrap_or(promoted);
        self.gitops.on_failure == OnFailure::Revert && !promoted.is_empty() && primary == promoted
    }

    /// Flagger: `handleFailedPromotion`.
    pub(super) fn fail_promotion(&self, why: &str) -> Plan {
        let mut status = self.status.clone();
        self.enter(&mut status, Phase::Failed);
        let effects = self.traffic_to(Traffic::CANARY, &mut status);
        status.canary_weight = Traffic::CANARY.canary;
        let who = match self.analysis.matches().is_empty() {
            true => "all traffic goes",
            false => "requests that match go",
        };
        let reason = format!("promotion failed, {who} to the canary: {why}");
        let message = format!("{}: {reason}", self.target());
        self.plan(Action::RolledBack, status, effects, vec![reason])
            .alert(AlertSeverity::Error, message)
            .ends()
    }
}
