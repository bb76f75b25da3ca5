//! What is written between two ticks: by the scenario in place of a person, or
//! of the loop itself.

use serde_yaml::Value;

use super::input::Input;
use super::manifests;
use super::world::{CANARY, World, bare, status_of};
use crate::api::{FieldPath, Phase, Status, Traffic};
use crate::decide::{Effect, Routed};
use crate::error::{Error, Result};

impl World<'_> {
    /// Makes the repository what it is when a Canary has this status.
    pub(super) fn stand_at(&mut self, status: &Status) -> Result<()> {
        let mut status = status.clone();
        let traffic = status
            .routed
            .unwrap_or(Traffic::canary(status.canary_weight));
        status.routed = Some(traffic);
        let promoted = match status.last_promoted_spec.as_str() {
            "" => self.revision.clone(),
            promoted => promoted.to_owned(),
        };
        self.write_target(&promoted)?;
        let mut effects = vec![
            Effect::EnsureServices,
            Effect::CreatePrimary,
            Effect::PointApexAtPrimary,
            Effect::SetTraffic { traffic },
        ];
        let at_rest = status.phase.is_some_and(|phase| !phase.is_active())
            || status.phase == Some(Phase::Waiting);
        if at_rest && traffic.canary == 0 {
            effects.push(Effect::ScaleCanaryToZero);
        }
        self.write_status(&status)?;
        let loaded = self.load()?;
        self.apply(&loaded, &bare(effects))?;
        self.write_target(&self.revision.clone())
    }

    /// Patches `spec`; what is then wrong with the Canary is told there.
    pub(super) fn patch(&mut self, patch: &Value, tick: &FieldPath) -> Result<()> {
        if let Value::Mapping(canary) = &mut self.canary {
            let spec = canary.entry("spec".into()).or_insert(Value::Null);
            manifests::merge(spec, patch);
        }
        self.patches.push(tick.key("input").key("specPatch"));
        for found in self.check()? {
            if !self.warnings.contains(&found) {
                self.warnings.push(found);
            }
        }
        self.write_spec()?;
        self.write_templates()
    }

    /// Writes the patched `spec`; the status stays.
    fn write_spec(&mut self) -> Result<()> {
        let status = self.committed()?.get("status").cloned();
        let mut canary = self.canary.clone();
        if let (Value::Mapping(mapping), Some(status)) = (&mut canary, status) {
            mapping.insert("status".into(), status);
        }
        self.write(CANARY, &manifests::canary(&canary))
    }

    fn write_status(&mut self, status: &Status) -> Result<()> {
        let status = serde_yaml::to_value(status)
            .map_err(|error| Error::internal("cannot write the status").because(error))?;
        let mut canary = self.committed()?;
        if let Value::Mapping(mapping) = &mut canary {
            mapping.insert("status".into(), status);
        }
        self.write(CANARY, &canary)
    }

    /// The Canary as it is committed.
    fn committed(&self) -> Result<Value> {
        let text = self.files.get(CANARY).map_or("", String::as_str);
        serde_yaml::from_str(text)
            .map_err(|error| Error::internal("the Canary cannot be read").because(error))
    }

    /// Writes what somebody wrote before the tick.
    pub(super) fn inject(&mut self, input: &Input) -> Result<()> {
        let inject = &input.inject;
        self.accepted = inject.accepted().unwrap_or(self.accepted);
        if let Some(weights) = inject.route {
            let traffic = weights.traffic();
            let loaded = self.load()?;
            self.apply(&loaded, &bare(vec![Effect::SetTraffic { traffic }]))?;
        }
        if !inject.sets_status() {
            return Ok(());
        }
        let mut status = status_of(&self.committed()?);
        if let Some(phase) = inject.phase {
            status.phase = Some(phase);
        }
        if let Some(phase) = inject.set_status_phase {
            status.phase = Some(phase);
            if !keeps_counters(phase) {
                status.canary_weight = 0;
                status.iterations = 0;
            }
            if phase == Phase::WaitingPromotion {
                let analysis = self.load()?.rollout.canary.spec.analysis;
                status.iterations = analysis.unwrap_or_default().iterations() - 1;
            }
            if phase == Phase::Succeeded {
                status
                    .last_promoted_spec
                    .clone_from(&status.last_applied_spec);
            }
        }
        status.failed_checks = inject.failed_checks.unwrap_or(status.failed_checks);
        status.iterations = inject.iterations.unwrap_or(status.iterations);
        status.canary_weight = inject.canary_weight.unwrap_or(status.canary_weight);
        if inject.sets_phase() {
            // A status that the loop had written would say what the route does.
            let routed = self.load()?.facts.routed;
            status.routed = match routed {
                Routed::Missing => status.routed,
                Routed::Even(_) | Routed::Uneven(_) => Some(in_percent(routed.traffic())),
            };
        }
        self.write_status(&status)
    }
}

/// The weights as the loop itself would write them.
fn in_percent(traffic: Traffic) -> Traffic {
    Traffic {
        mirrored: traffic.mirrored,
        ..Traffic::canary(traffic.percent())
    }
}

/// Flagger: `SetStatusPhase`.
fn keeps_counters(phase: Phase) -> bool {
    matches!(
        phase,
        Phase::Progressing | Phase::Waiting | Phase::Promoting
    )
}
