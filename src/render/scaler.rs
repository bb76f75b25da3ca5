//! Autoscalers (Flagger: `hpa_reconciler.go`, `scaled_object_reconciler.go`).

use serde_yaml::{Mapping, Value};

use super::workload::{copy_name, copy_of, get, get_mut, name};
use crate::api::{AutoscalerRef, CanarySpec};
use crate::repo::rollout::Scaler;

/// Annotation by which KEDA keeps a workload at a number of replicas.
pub(super) const PAUSED: &str = "autoscaling.keda.sh/paused-replicas";

/// All annotations by which KEDA pauses.
const PAUSES: &str = "autoscaling.keda.sh/paused";

/// Is it KEDA's?
pub(super) fn is_scaled_object(scaler: &Value) -> bool {
    scaler.get("kind").and_then(Value::as_str) == Some("ScaledObject")
}

/// The least replicas that the autoscaler allows, if it says so.
pub(super) fn least(scaler: &Value) -> Option<i64> {
    let key = match is_scaled_object(scaler) {
        true => "minReplicaCount",
        false => "minReplicas",
    };
    get(scaler, &["spec", key])?.as_i64()
}

/// The autoscaler of the primary: the target's under another name, for another
/// workload, with the bounds and queries that the Canary asks for.
pub(super) fn copy(scaler: &Scaler, spec: &CanarySpec, namespace: Option<&str>) -> Value {
    let built = &scaler.built;
    let mut copy = copy_of(built, &copy_name(name(built)), namespace);
    if let Some(metadata) = copy.get_mut("metadata").and_then(Value::as_mapping_mut) {
        let annotations = metadata.get_mut("annotations");
        if let Some(annotations) = annotations.and_then(Value::as_mapping_mut) {
            annotations.retain(|key, _| !key.as_str().is_some_and(|key| key.starts_with(PAUSES)));
            if annotations.is_empty() {
                metadata.shift_remove("annotations");
            }
        }
    }
    copy.insert("spec".into(), scaled(built, spec));
    copy.into()
}

/// `spec` of the primary's autoscaler.
pub(super) fn scaled(built: &Value, spec: &CanarySpec) -> Value {
    let mut scaled = built.get("spec").cloned().unwrap_or_default();
    let asked = spec.autoscaler_ref.clone().unwrap_or_default();
    if let Some(target) = get_mut(&mut scaled, &["scaleTargetRef", "name"]) {
        *target = spec.primary_name().into();
    }
    let keys = match is_scaled_object(built) {
        true => ["minReplicaCount", "maxReplicaCount"],
        false => ["minReplicas", "maxReplicas"],
    };
    let bounds = asked.primary_scaler_replicas.clone().unwrap_or_default();
    if let Some(scaled) = scaled.as_mapping_mut() {
        let bounds = keys
            .into_iter()
            .zip([bounds.min_replicas, bounds.max_replicas]);
        for (key, bound) in bounds {
            scaled.extend(bound.map(|bound| (Value::from(key), Value::from(bound))));
        }
    }
    if is_scaled_object(built) {
        of_keda(&mut scaled, spec, &asked);
    }
    scaled
}

/// KEDA's queries tell the pods of the target: those of the copy tell the
/// primary's. An HPA that it names is another one.
fn of_keda(scaled: &mut Value, spec: &CanarySpec, asked: &AutoscalerRef) {
    let hpa = ["advanced", "horizontalPodAutoscalerConfig", "name"];
    if let Some(name) = get_mut(scaled, &hpa)
        && let Some(old) = name.as_str()
    {
        *name = copy_name(old).into();
    }
    let triggers = scaled.get_mut("triggers").and_then(Value::as_sequence_mut);
    for trigger in triggers.into_iter().flatten() {
        let named = trigger.get("name").and_then(Value::as_str);
        let asked = asked.primary_scaler_queries.as_ref().map(|queries| {
            let query = named.and_then(|name| queries.get(name));
            query.cloned()
        });
        let Some(metadata) = trigger.get_mut("metadata").and_then(Value::as_mapping_mut) else {
            continue;
        };
        match asked {
            Some(None) => {}
            Some(Some(query)) => {
                metadata.insert("query".into(), query.into());
            }
            None => rename(metadata, &spec.target_ref.name),
        }
    }
}

fn rename(metadata: &mut Mapping, target: &str) {
    if let Some(query) = metadata.get_mut("query")
        && let Some(text) = query.as_str()
    {
        *query = renamed(text, target).into();
    }
}

/// `query` with the primary's name for the target's, also where that one is
/// followed by `-canary` or is the primary's already. Not inside of a longer word.
fn renamed(query: &str, target: &str) -> String {
    let is_word = |char: char| char.is_alphanumeric() || char == '_';
    let mut text = String::with_capacity(query.len());
    let mut rest = query;
    while let Some(at) = rest.find(target).filter(|_| !target.is_empty()) {
        let (before, after) = (&rest[..at], &rest[at + target.len()..]);
        let seen = before.chars().next_back().or(text.chars().next_back());
        let inside = seen.is_some_and(is_word) || after.starts_with(is_word);
        text.push_str(before);
        text.push_str(target);
        rest = after;
        if inside {
            continue;
        }
        text.push_str("-primary");
        for role in ["-canary", "-primary"] {
            if let Some(after) = rest.strip_prefix(role)
                && !after.starts_with(is_word)
            {
                rest = after;
                break;
            }
        }
    }
    text + rest
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn queries_tell_the_primarys_pods() {
        for (query, expected) in [
            ("up{pod=~\"shop-.*\"}", "up{pod=~\"shop-primary-.*\"}"),
            ("up{app=\"shop-canary\"}", "up{app=\"shop-primary\"}"),
            ("up{app=\"shop-primary\"}", "up{app=\"shop-primary\"}"),
            ("shop + shop", "shop-primary + shop-primary"),
            ("shop_total{w=\"workshop\"}", "shop_total{w=\"workshop\"}"),
            ("shop-canaryish", "shop-primary-canaryish"),
            ("", ""),
        ] {
            assert_eq!(renamed(query, "shop"), expected);
        }
    }
}
