//! ConfigMaps and Secrets that a release takes along (Flagger: `config_tracker.go`).

use std::collections::BTreeMap;

use serde_yaml::{Mapping, Value};

use super::workload::{checksum, copy_name, pod_lists};
use crate::repo::rollout::{Config, Copied};

/// What a config holds. The type of a Secret cannot change.
pub(super) const CONTENT: [&str; 3] = ["data", "stringData", "binaryData"];

/// Checksum of each tracked config: by `configmap/<name>`, `secret/<name>`.
pub(super) fn checksums(copied: &Copied) -> BTreeMap<String, String> {
    let checksum = |config: &Config| (key(&config.kind, &config.name), sum(&config.built));
    copied.configs.iter().map(checksum).collect()
}

/// How `status.trackedConfigs` calls a config.
pub(super) fn key(kind: &str, name: &str) -> String {
    format!("{}/{name}", kind.to_lowercase())
}

/// Of a config without binary or plain text it is the checksum of `data` alone,
/// as Flagger has it; 16 hex digits.
fn sum(config: &Value) -> String {
    let content = content(config);
    match (content.get("data"), content.len()) {
        (Some(data), 1) => checksum(data),
        _ => checksum(&content.into()),
    }
}

fn content(config: &Value) -> Mapping {
    let parts = CONTENT.into_iter().filter_map(|part| {
        let value = config.get(part).filter(|value| !value.is_null())?;
        Some((Value::from(part), value.clone()))
    });
    parts.collect()
}

/// The primary's copy: the content, and the type of a Secret. Labels and
/// annotations may mean something to other tools, and stay behind.
pub(super) fn copy(config: &Config, namespace: Option<&str>) -> Value {
    let mut metadata = Mapping::new();
    metadata.insert("name".into(), copy_name(&config.name).into());
    if let Some(namespace) = namespace {
        metadata.insert("namespace".into(), namespace.into());
    }
    let mut copy = Mapping::new();
    copy.insert("apiVersion".into(), "v1".into());
    copy.insert("kind".into(), config.kind.clone().into());
    copy.insert("metadata".into(), metadata.into());
    if let Some(kind) = config.built.get("type") {
        copy.insert("type".into(), kind.clone());
    }
    copy.extend(content(&config.built));
    copy.into()
}

/// Is there a copy, and does it hold the same?
pub(super) fn is_current(config: &Config) -> bool {
    let copy = config.primary.as_ref();
    copy.is_some_and(|copy| content(&copy.value) == content(&config.built))
}

/// Lets the pods use the copies of tracked configs.
pub(super) fn refer_to_copies(copied: &Copied, pods: &mut Value) {
    rename_references(pods, &|kind, name| {
        let is_it = |config: &&Config| config.kind == kind && config.name == name;
        let config = copied.configs.iter().find(is_it)?;
        Some(copy_name(&config.name))
    });
}

/// Gives each ConfigMap (`ConfigMap`) and Secret (`Secret`) that pods refer to
/// the name that `rename` makes of kind and name; `None` lets it be. References
/// are in volumes, `env` and `envFrom`; pull secrets are none.
pub(super) fn rename_references(pods: &mut Value, rename: &dyn Fn(&str, &str) -> Option<String>) {
    let apply = |holder: Option<&mut Value>, kind: &str, key: &str| {
        let name = holder.and_then(|holder| holder.get_mut(key));
        if let Some(name) = name
            && let Some(new) = name.as_str().and_then(|name| rename(kind, name))
        {
            *name = new.into();
        }
    };
    for list in pod_lists(pods) {
        for container in list {
            for variable in items(container, "env") {
                if let Some(from) = variable.get_mut("valueFrom") {
                    apply(from.get_mut("configMapKeyRef"), "ConfigMap", "name");
                    apply(from.get_mut("secretKeyRef"), "Secret", "name");
                }
            }
            for from in items(container, "envFrom") {
                apply(from.get_mut("configMapRef"), "ConfigMap", "name");
                apply(from.get_mut("secretRef"), "Secret", "name");
            }
        }
    }
    for volume in items(pods, "volumes") {
        apply(volume.get_mut("configMap"), "ConfigMap", "name");
        apply(volume.get_mut("secret"), "Secret", "secretName");
        if let Some(projected) = volume.get_mut("projected") {
            for part in items(projected, "sources") {
                apply(part.get_mut("configMap"), "ConfigMap", "name");
                apply(part.get_mut("secret"), "Secret", "name");
            }
        }
    }
}

fn items<'a>(value: &'a mut Value, key: &str) -> impl Iterator<Item = &'a mut Value> {
    let items = value.get_mut(key).and_then(Value::as_sequence_mut);
    items.into_iter().flatten()
}
