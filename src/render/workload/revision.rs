//! What makes a revision, and what does not.

use serde_yaml::Value;
use sha2::{Digest as _, Sha256};

use super::{SCALE_TO_ZERO, get, get_mut};

/// Annotations that other tools write and that must not start a rollout.
const VOLATILE: [&str; 3] = ["flagger-id", "toolkit.fluxcd.io", "kubectl.kubernetes.io/"];

/// The revision of a workload: a hash of its pod template without the
/// annotations that other tools write, and without the node label that takes a
/// DaemonSet off all nodes. Eight hex digits; equal templates have equal
/// revisions whatever their layout.
#[must_use]
pub fn revision(target: &Value) -> String {
    let mut template = get(target, &["spec", "template"])
        .cloned()
        .unwrap_or_default();
    settle(&mut template);
    short_hash(&template)
}

/// Takes out of a pod template what comes and goes without a new release.
pub(super) fn settle(template: &mut Value) {
    drop_volatile(template, &["metadata", "annotations"]);
    drop_volatile(template, &["metadata", "labels"]);
    let Some(pods) = template.get_mut("spec").and_then(Value::as_mapping_mut) else {
        return;
    };
    let Some(nodes) = pods.get_mut("nodeSelector").and_then(Value::as_mapping_mut) else {
        return;
    };
    let found = nodes.shift_remove(SCALE_TO_ZERO).is_some();
    if found && nodes.is_empty() {
        pods.shift_remove("nodeSelector");
    }
}

/// Eight hexadecimal digits that are the same for equal values.
pub(in crate::render) fn short_hash(value: &Value) -> String {
    hash(value, 4)
}

/// Sixteen hexadecimal digits that are the same for equal values.
pub(in crate::render) fn checksum(value: &Value) -> String {
    hash(value, 8)
}

/// The first `length` bytes of the SHA-256, in hexadecimal digits.
fn hash(value: &Value, length: usize) -> String {
    let digest = Sha256::digest(canonical(value).as_bytes());
    let bytes = digest.iter().take(length);
    bytes.map(|byte| format!("{byte:02x}")).collect()
}

/// Is it a label or annotation that another tool writes?
pub(super) fn is_volatile(key: &Value) -> bool {
    let key = key.as_str().unwrap_or_default();
    VOLATILE.iter().any(|volatile| key.contains(volatile))
}

/// Removes the keys that other tools write from the mapping at `path`; a
/// mapping left empty goes, too.
pub(in crate::render) fn drop_volatile(value: &mut Value, path: &[&str]) {
    let Some((last, parents)) = path.split_last() else {
        return;
    };
    let parent = get_mut(value, parents).and_then(Value::as_mapping_mut);
    let Some(parent) = parent else { return };
    let Some(mapping) = parent.get_mut(*last).and_then(Value::as_mapping_mut) else {
        return;
    };
    mapping.retain(|key, _| !is_volatile(key));
    if mapping.is_empty() {
        parent.shift_remove(*last);
    }
}

/// The same text for equal values: JSON with sorted keys.
fn canonical(value: &Value) -> String {
    fn sorted(value: &Value) -> serde_json::Value {
        match value {
            Value::Mapping(mapping) => mapping
                .iter()
                .map(|(key, value)| {
                    let key = match key.as_str() {
                        Some(key) => key.to_owned(),
                        None => canonical(key),
                    };
                    (key, sorted(value))
                })
                .collect::<std::collections::BTreeMap<_, _>>()
                .into_iter()
                .collect(),
            Value::Sequence(items) => items.iter().map(sorted).collect(),
            Value::Tagged(tagged) => sorted(&tagged.value),
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {
                serde_json::to_value(value).unwrap_or_default()
            }
        }
    }
    sorted(value).to_string()
}
