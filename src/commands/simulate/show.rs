//! What a tick did: the line that is printed, and the data that is compared.

use serde::Serialize;
use serde_yaml::Value;

use super::answers::Call;
use super::manifests::REVISION;
use super::scenario::{Scenario, Tick};
use super::world::is_scaled_down;
use crate::api::{Canary, Condition, Status};
use crate::decide::{Action, Effect, Plan, Routed};
use crate::repo::rollout::Rollout;
use crate::report::VERSION;
use crate::report::diagnostics::harmless;

/// Widest name in the table.
const NAME: usize = 32;

/// The state after a tick, with the names that `expect` has, and why.
#[derive(Debug, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Seen {
    version: u32,
    scenario: String,
    tick: i64,
    name: Option<String>,
    phase: String,
    primary_weight: Option<i64>,
    canary_weight: Option<i64>,
    mirrored: bool,
    status_canary_weight: i64,
    iterations: i64,
    failed_checks: i64,
    actions: Vec<&'static str>,
    primary_revision: Option<String>,
    canary_scale: &'static str,
    last_applied_revision: String,
    last_promoted_revision: String,
    condition: Option<Shown>,
    pub(super) webhook_calls: Vec<Call>,
    metrics_queried: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    session_affinity_cookie: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    previous_session_affinity_cookie: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    primary_session_affinity_cookie: Option<String>,
    route_changed: bool,
    rules: Value,
    events: Vec<String>,
    alerts: Vec<Alerted>,
    /// The tick in one word.
    action: Option<Action>,
    reasons: Vec<String>,
}

/// The condition `Promoted`.
#[derive(Debug, Serialize)]
struct Shown {
    #[serde(rename = "type")]
    kind: String,
    status: String,
    reason: String,
}

/// An alert, and who gets it.
#[derive(Debug, Serialize)]
struct Alerted {
    message: String,
    severity: crate::api::AlertSeverity,
    #[serde(skip_serializing_if = "Option::is_none")]
    provider: Option<String>,
}

impl Seen {
    pub(super) fn new(scenario: &Scenario, tick: &Tick, run: i64) -> Self {
        Self {
            version: VERSION,
            scenario: scenario.id.clone(),
            tick: tick.number + run,
            name: tick.name.clone(),
            ..Self::default()
        }
    }

    /// What the plan says; `before` is the Canary it was made for.
    pub(super) fn decided(&mut self, before: &Canary, plan: &Plan) {
        self.action = Some(plan.action);
        self.reasons.clone_from(&plan.reasons);
        // What waited was decided by an earlier tick, and told there.
        let actions = plan.effects.iter().filter_map(|effect| match effect {
            Effect::ScaleCanaryUp { .. } => Some("scale-canary-up"),
            Effect::Promote => Some("promote"),
            Effect::ScaleCanaryToZero if matches!(plan.action, Action::Idle | Action::Held) => None,
            Effect::ScaleCanaryToZero | Effect::Defer { .. } => Some("scale-canary-to-zero"),
            Effect::EnsureServices
            | Effect::CreatePrimary
            | Effect::PointApexAtPrimary
            | Effect::PointApexAtTarget
            | Effect::RestoreTarget
            | Effect::SetTraffic { .. }
            | Effect::UpdateRoute { .. } => None,
        });
        self.actions = actions.collect();
        // All are asked at once; the first failure ends the check.
        for measurement in &plan.measurements {
            self.metrics_queried.push(measurement.name.clone());
            if measurement.fails() {
                break;
            }
        }
        let events = plan.events.iter();
        self.events = events
            .map(|event| format!("{:?}: {}", event.kind, event.message))
            .collect();
        let receivers = before.spec.analysis.as_ref();
        let receivers = receivers.map(crate::api::Analysis::alerts);
        for notice in &plan.alerts {
            let alerted = |provider| Alerted {
                message: notice.message.clone(),
                severity: notice.severity,
                provider,
            };
            let takes = |alert: &&crate::api::Alert| alert.severity() <= notice.severity;
            match receivers.unwrap_or_default() {
                [] => self.alerts.push(alerted(None)),
                receivers => self.alerts.extend(
                    receivers
                        .iter()
                        .filter(takes)
                        .map(|alert| alerted(Some(alert.provider_ref.name.clone()))),
                ),
            }
        }
    }

    /// What the repository says afterwards.
    pub(super) fn state(&mut self, rollout: &Rollout, routed: &Routed) {
        let status = rollout.canary.status.clone().unwrap_or_default();
        let traffic = match routed {
            Routed::Missing => None,
            Routed::Even(_) | Routed::Uneven(_) => Some(routed.traffic()),
        };
        self.phase = status
            .phase
            .map(|phase| phase.to_string())
            .unwrap_or_default();
        self.primary_weight = traffic.map(|traffic| traffic.primary);
        self.canary_weight = traffic.map(|traffic| traffic.canary);
        self.mirrored = traffic.is_some_and(|traffic| traffic.mirrored);
        self.primary_revision = primary_revision(rollout);
        self.canary_scale = if is_scaled_down(rollout) {
            "zero"
        } else {
            "up"
        };
        self.condition = status.conditions.first().map(Shown::from);
        let Status {
            canary_weight,
            failed_checks,
            iterations,
            last_applied_spec,
            last_promoted_spec,
            session_affinity_cookie,
            previous_session_affinity_cookie,
            primary_session_affinity_cookie,
            ..
        } = status;
        self.status_canary_weight = canary_weight;
        self.failed_checks = failed_checks;
        self.iterations = iterations;
        self.last_applied_revision = last_applied_spec;
        self.last_promoted_revision = last_promoted_spec;
        self.session_affinity_cookie = session_affinity_cookie;
        self.previous_session_affinity_cookie = previous_session_affinity_cookie;
        self.primary_session_affinity_cookie = primary_session_affinity_cookie;
    }

    /// What the route is, and whether it was something else.
    pub(super) fn route(&mut self, before: &Rollout, after: &Rollout) {
        self.rules = rules(after);
        self.route_changed =
            super::check::normal(&rules(before)) != super::check::normal(&self.rules);
    }

    /// The cells of the line of the table.
    fn cells(&self) -> [String; 8] {
        let weights = match (self.primary_weight, self.canary_weight) {
            (Some(primary), Some(canary)) => format!("{primary}/{canary}"),
            _ => "no route".to_owned(),
        };
        let name: String = self
            .name
            .as_deref()
            .unwrap_or_default()
            .chars()
            .take(NAME)
            .collect();
        [
            self.tick.to_string(),
            name,
            self.phase.clone(),
            match self.mirrored {
                true => format!("{weights} mirrored"),
                false => weights,
            },
            format!("iterations {}", self.iterations),
            format!("failed {}", self.failed_checks),
            match self.actions.is_empty() {
                true => "-".to_owned(),
                false => self.actions.join(","),
            },
            self.reasons.first().cloned().unwrap_or_default(),
        ]
    }
}

impl From<&Condition> for Shown {
    fn from(condition: &Condition) -> Self {
        Self {
            kind: condition.kind.clone(),
            status: condition.status.clone(),
            reason: condition.reason.clone(),
        }
    }
}

/// One line a tick, in columns; those that are empty in every line are left out.
pub(super) fn table(ticks: &[Seen], with_scenario: bool) -> String {
    let rows: Vec<Vec<String>> = ticks
        .iter()
        .map(|seen| {
            let scenario = with_scenario.then(|| seen.scenario.clone());
            let cells = scenario.into_iter().chain(seen.cells());
            cells.map(|cell| harmless(&cell)).collect()
        })
        .collect();
    let columns = rows.first().map_or(0, Vec::len);
    let width = |column: usize| {
        let cells = rows.iter().filter_map(|row| row.get(column));
        cells.map(|cell| cell.chars().count()).max().unwrap_or(0)
    };
    let widths: Vec<usize> = (0..columns).map(width).collect();
    let mut text = String::new();
    for row in &rows {
        let cells = row.iter().zip(&widths).filter(|(_, width)| **width > 0);
        let cells = cells.map(|(cell, width)| format!("{cell:<width$}"));
        let line = cells.collect::<Vec<_>>().join("  ");
        text.push_str(line.trim_end());
        text.push('\n');
    }
    text
}

/// `spec.rules` of the route; an empty list when there is none.
fn rules(rollout: &Rollout) -> Value {
    let site = rollout.routes.first();
    let rules = site.and_then(|site| site.manifest.as_ref());
    let rules = rules.and_then(|route| route.value.get("spec")?.get("rules").cloned());
    rules.unwrap_or(Value::Sequence(Vec::new()))
}

/// The revision that was copied to the primary.
fn primary_revision(rollout: &Rollout) -> Option<String> {
    let pods = rollout
        .release
        .copied()?
        .primary
        .as_ref()?
        .value
        .get("spec")?
        .get("template")?;
    let annotations = pods.get("metadata")?.get("annotations")?;
    Some(annotations.get(REVISION)?.as_str()?.to_owned())
}
