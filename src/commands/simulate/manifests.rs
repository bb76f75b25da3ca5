//! The stand-ins: manifests that a scenario does not have and the engine needs.

use serde_yaml::{Mapping, Value};

use crate::api::{API_VERSION, Document as _, MetricProvider, MetricTemplate};

/// The annotation of the pod template that tells its revision.
pub(super) const REVISION: &str = "weirkeeper.dev/simulated-revision";

/// What of `spec.gitops` is about a repository that is not there.
const ABOUT_FILES: [&str; 7] = [
    "path",
    "route",
    "routes",
    "promotion",
    "applied",
    "gateway",
    "observedShare",
];

/// What of `spec.service` is about Services alone.
const ABOUT_SERVICES: [&str; 2] = ["portDiscovery", "headless"];

/// The Canary as it lies in the repository in memory: its target is a
/// Deployment without autoscaler, and its route is generated.
pub(super) fn canary(written: &Value) -> Value {
    let mut canary = written.clone();
    let Some(Value::Mapping(spec)) = canary.get_mut("spec") else {
        return canary;
    };
    spec.shift_remove("autoscalerRef");
    if let Some(Value::Mapping(target)) = spec.get_mut("targetRef") {
        target.insert("apiVersion".into(), "apps/v1".into());
        target.insert("kind".into(), "Deployment".into());
    }
    if let Some(Value::Mapping(gitops)) = spec.get_mut("gitops") {
        gitops.retain(|key, _| !key.as_str().is_some_and(|key| ABOUT_FILES.contains(&key)));
    }
    if let Some(Value::Mapping(service)) = spec.get_mut("service") {
        service.retain(|key, _| {
            !key.as_str()
                .is_some_and(|key| ABOUT_SERVICES.contains(&key))
        });
        let parents = service.get("gatewayRefs").and_then(Value::as_sequence);
        if parents.is_none_or(Vec::is_empty) {
            let gateway = Value::from(map([("name", "gateway".into())]));
            service.insert("gatewayRefs".into(), Value::Sequence(vec![gateway]));
        }
    }
    canary
}

/// A Deployment with the name of the Canary's target, at a revision.
pub(super) fn target(canary: &Value, revision: &str, replicas: Option<Value>) -> Value {
    let text = |path: [&str; 3]| {
        let value = path.iter().try_fold(canary, |value, key| value.get(key));
        value.and_then(Value::as_str)
    };
    let name = text(["spec", "targetRef", "name"]).unwrap_or_default();
    let namespace = canary.get("metadata");
    let namespace = namespace.and_then(|metadata| metadata.get("namespace"));
    let mut metadata = map([("name", name.into())]);
    if let Some(namespace) = namespace {
        metadata.insert("namespace".into(), namespace.clone());
    }
    let labels = || Value::from(map([("app", name.into())]));
    let annotations = map([(REVISION, revision.into())]);
    let container = map([("name", "app".into()), ("image", "simulated".into())]);
    let pods = map([
        (
            "metadata",
            map([("labels", labels()), ("annotations", annotations.into())]).into(),
        ),
        (
            "spec",
            map([("containers", Value::Sequence(vec![container.into()]))]).into(),
        ),
    ]);
    let spec = map([
        ("replicas", replicas.unwrap_or_else(|| 1.into())),
        ("selector", map([("matchLabels", labels())]).into()),
        ("template", pods.into()),
    ]);
    object("apps/v1", "Deployment", metadata, spec)
}

/// A template as given; who would answer does not matter.
pub(super) fn template(given: &Value) -> Value {
    let mut template = given.clone();
    if let Some(Value::Mapping(spec)) = template.get_mut("spec") {
        spec.insert("provider".into(), provider());
    }
    template
}

/// Stand-ins for the templates that the Canary refers to and `given` lacks.
pub(super) fn missing_templates(canary: &Value, given: &[Value]) -> Vec<Value> {
    let metrics = canary
        .get("spec")
        .and_then(|spec| spec.get("analysis")?.get("metrics")?.as_sequence());
    let own = canary.get("metadata");
    let own = own.and_then(|metadata| metadata.get("namespace"));
    let mut missing: Vec<Value> = Vec::new();
    for metric in metrics.into_iter().flatten() {
        let Some(reference) = metric.get("templateRef") else {
            continue;
        };
        let Some(name) = reference.get("name") else {
            continue;
        };
        let named = reference.get("namespace");
        let named = named.filter(|namespace| namespace.as_str() != Some(""));
        let namespace = named.or(own);
        let is_it = |template: &Value| {
            let metadata = template.get("metadata");
            let part = |key| metadata.and_then(|metadata| metadata.get(key));
            let same = match (namespace, part("namespace")) {
                (Some(wanted), Some(found)) => wanted == found,
                (None, _) | (_, None) => true,
            };
            same && part("name") == Some(name)
        };
        if given.iter().chain(&missing).any(is_it) {
            continue;
        }
        let mut metadata = map([("name", name.clone())]);
        if let Some(namespace) = namespace {
            metadata.insert("namespace".into(), namespace.clone());
        }
        let spec = map([("provider", provider()), ("query", "simulated".into())]);
        missing.push(object(API_VERSION, MetricTemplate::KIND, metadata, spec));
    }
    missing
}

/// Applies a JSON merge patch (RFC 7396).
pub(super) fn merge(value: &mut Value, patch: &Value) {
    let Value::Mapping(patch) = patch else {
        value.clone_from(patch);
        return;
    };
    if !value.is_mapping() {
        *value = Value::Mapping(Mapping::new());
    }
    let Value::Mapping(mapping) = value else {
        return;
    };
    for (key, patch) in patch {
        if patch.is_null() {
            mapping.shift_remove(key);
        } else {
            let entry = mapping.entry(key.clone()).or_insert(Value::Null);
            merge(entry, patch);
        }
    }
}

fn provider() -> Value {
    map([
        ("type", MetricProvider::PROMETHEUS.into()),
        ("address", "http://simulated.invalid".into()),
    ])
    .into()
}

fn object(version: &str, kind: &str, metadata: Mapping, spec: Mapping) -> Value {
    map([
        ("apiVersion", version.into()),
        ("kind", kind.into()),
        ("metadata", metadata.into()),
        ("spec", spec.into()),
    ])
    .into()
}

fn map<const N: usize>(entries: [(&str, Value); N]) -> Mapping {
    let entries = entries.into_iter();
    entries.map(|(key, value)| (key.into(), value)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patches_merge_as_json_does() {
        let merged = |value: &str, patch: &str| {
            let mut value: Value = serde_yaml::from_str(value).unwrap();
            merge(&mut value, &serde_yaml::from_str(patch).unwrap());
            value
        };
        // Examples of RFC 7396, appendix A.
        for (value, patch, result) in [
            ("{a: b}", "{a: c}", "{a: c}"),
            ("{a: b}", "{b: c}", "{a: b, b: c}"),
            ("{a: b, b: c}", "{a: null}", "{b: c}"),
            ("{a: [b]}", "{a: c}", "{a: c}"),
            ("{a: {b: c}}", "{a: {b: d, c: null}}", "{a: {b: d}}"),
            ("{a: foo}", "null", "null"),
            ("{e: null}", "{a: 1}", "{e: null, a: 1}"),
            ("[1, 2]", "{a: b, c: null}", "{a: b}"),
            ("{}", "{a: {bb: {ccc: null}}}", "{a: {bb: {}}}"),
        ] {
            let result: Value = serde_yaml::from_str(result).unwrap();
            assert_eq!(merged(value, patch), result, "{value} {patch}");
        }
    }
}
