//! The scenario file as it is written.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_yaml::Value;

use crate::api::{FieldPath, Phase, Problem, Traffic};
use crate::render::weights::WEIGHTS;

/// A scenario file.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct Written {
    pub(super) schema: Option<i64>,
    pub(super) id: Option<String>,
    title: Option<Value>,
    features: Option<Value>,
    strategy: Option<Value>,
    derivation: Option<Value>,
    source: Option<Value>,
    notes: Option<Value>,
    quirk: Option<Value>,
    ambiguous: Option<Value>,
    provider_semantics: Option<Value>,
    flagger_version: Option<Value>,
    flagger_commit: Option<Value>,
    canary_valid_by_crd: Option<Value>,
    /// The Canary itself.
    pub(super) canary: Option<Value>,
    /// Or the file it is in, from the scenario's folder.
    pub(super) canary_file: Option<String>,
    pub(super) metric_templates: Option<Vec<Value>>,
    http_route: Option<Value>,
    pub(super) ticks: Option<Vec<WrittenTick>>,
}

/// One of `ticks`.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct WrittenTick {
    pub(super) tick: Option<i64>,
    pub(super) name: Option<String>,
    note: Option<Value>,
    /// How often the tick is run; what it injects is injected once.
    pub(super) repeat: Option<i64>,
    pub(super) input: Option<WrittenInput>,
    expect: Option<Expect>,
    asserted: Option<Value>,
    asserted_fields: Option<Value>,
}

/// What the loop can observe.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct WrittenInput {
    pub(super) inject: Option<Inject>,
    spec_patch: Option<Map>,
    pub(super) revision: Option<String>,
    revision_changed: Option<bool>,
    pub(super) config_revision: Option<String>,
    config_changed: Option<bool>,
    pub(super) primary: Option<State>,
    pub(super) canary: Option<State>,
    pub(super) metrics: Option<BTreeMap<String, Value>>,
    pub(super) webhooks: Option<BTreeMap<String, Value>>,
    pub(super) gates: Option<BTreeMap<String, Gate>>,
}

/// Any mapping.
type Map = BTreeMap<String, Value>;

/// Is a workload ready?
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum State {
    /// Enough pods are available.
    #[default]
    Ready,
    /// Still within its progress deadline.
    NotReady,
    /// Beyond it.
    Stuck,
}

/// What a confirm-* webhook says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Gate {
    Open,
    Closed,
}

/// What somebody wrote before the tick.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct Inject {
    /// `status.phase` alone.
    pub(super) phase: Option<Phase>,
    /// The phase as Flagger sets it (`SetStatusPhase`).
    pub(super) set_status_phase: Option<Phase>,
    pub(super) failed_checks: Option<i64>,
    pub(super) iterations: Option<i64>,
    /// `status.canaryWeight`.
    pub(super) canary_weight: Option<i64>,
    /// The weights in the route.
    pub(super) route: Option<Weights>,
    /// The Accepted condition of the route.
    route_accepted: Option<Value>,
}

/// Weights of a route.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct Weights {
    primary_weight: Option<i64>,
    canary_weight: Option<i64>,
    mirrored: bool,
}

impl Inject {
    /// Is the status changed?
    pub(super) fn sets_status(&self) -> bool {
        let counts = [self.failed_checks, self.iterations, self.canary_weight];
        self.sets_phase() || counts.iter().any(Option::is_some)
    }

    /// Is the phase changed?
    pub(super) fn sets_phase(&self) -> bool {
        self.phase.or(self.set_status_phase).is_some()
    }

    /// Does the gateway accept the route as it is now? `None` when nothing is
    /// said about it.
    pub(super) fn accepted(&self) -> Option<bool> {
        match self.route_accepted.as_ref()? {
            Value::Bool(accepted) => Some(*accepted),
            Value::String(text) => Some(!matches!(text.as_str(), "False" | "Stale")),
            Value::Null
            | Value::Number(_)
            | Value::Sequence(_)
            | Value::Mapping(_)
            | Value::Tagged(_) => Some(true),
        }
    }

    /// What is wrong with the values; `path` is where they stand.
    pub(super) fn problems(&self, path: &FieldPath) -> Vec<Problem> {
        let mut problems = Vec::new();
        let accepted = match &self.route_accepted {
            None | Some(Value::Bool(_)) => true,
            Some(value) => matches!(value.as_str(), Some("True" | "False" | "Stale" | "")),
        };
        if !accepted {
            let message = "must be `True`, `False`, `Stale` or empty";
            problems.push(Problem::error(path.key("routeAccepted"), message));
        }
        if let Some(weights) = self.route {
            let Traffic {
                primary, canary, ..
            } = weights.traffic();
            if !WEIGHTS.contains(&primary) || !WEIGHTS.contains(&canary) {
                let message = format!(
                    "must be weights from {} to {}, found {primary} and {canary}",
                    WEIGHTS.start(),
                    WEIGHTS.end()
                );
                problems.push(Problem::error(path.key("route"), message));
            }
        }
        problems
    }
}

impl Weights {
    /// The weights; one of them tells the other.
    pub(super) fn traffic(self) -> Traffic {
        let (primary, canary) = match (self.primary_weight, self.canary_weight) {
            (Some(primary), Some(canary)) => (primary, canary),
            (Some(primary), None) => (primary, 100_i64.saturating_sub(primary)),
            (None, canary) => {
                let canary = canary.unwrap_or(0);
                (100_i64.saturating_sub(canary), canary)
            }
        };
        Traffic {
            primary,
            canary,
            mirrored: self.mirrored,
        }
    }
}

/// The state after a tick. It is compared as it is written, so that null and
/// absent differ; here it is only seen that it can be meant.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Expect {
    phase: Option<ExpectedPhase>,
    failed_checks: Option<i64>,
    iterations: Option<i64>,
    primary_weight: Option<i64>,
    canary_weight: Option<i64>,
    mirrored: Option<bool>,
    status_canary_weight: Option<i64>,
    rules: Option<Vec<Map>>,
    route_changed: Option<bool>,
    actions: Option<Vec<ExpectedAction>>,
    primary_revision: Option<String>,
    canary_scale: Option<Scale>,
    last_applied_revision: Option<String>,
    last_promoted_revision: Option<String>,
    condition: Option<Value>,
    webhook_calls: Option<Vec<ExpectedCall>>,
    metrics_queried: Option<Vec<String>>,
    session_affinity_cookie: Option<String>,
    previous_session_affinity_cookie: Option<String>,
    primary_session_affinity_cookie: Option<String>,
    events: Option<Value>,
    alerts: Option<Value>,
}

/// A phase, or none yet.
#[derive(Debug, Deserialize)]
enum ExpectedPhase {
    #[serde(rename = "")]
    None,
    Initializing,
    Initialized,
    Waiting,
    Progressing,
    WaitingPromotion,
    Promoting,
    Finalising,
    Succeeded,
    Failed,
    Terminating,
    Terminated,
}

/// What is done to the workloads.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum ExpectedAction {
    ScaleCanaryUp,
    Promote,
    ScaleCanaryToZero,
}

/// Does the target run?
#[derive(Debug, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum Scale {
    Up,
    Zero,
}

/// A webhook that is called.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct ExpectedCall {
    name: Option<String>,
    #[serde(rename = "type")]
    kind: Option<String>,
    phase: Option<ExpectedPhase>,
    result: Option<Value>,
}
