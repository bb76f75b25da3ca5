//! The workloads: the target, and the primary made from it (Flagger:
//! `deployment_controller.go`, `daemonset_controller.go`).

mod images;
mod primary;
mod restore;
mod revision;
mod spreading;
mod template;
#[cfg(test)]
mod tests;

use serde_yaml::{Mapping, Value};

use crate::error::{Error, Result};
use crate::repo::rollout::{Copied, Home, Rollout};

pub use crate::repo::rollout::SELECTOR_LABELS;
pub(super) use images::{are_current as images_are_current, entries};
pub(super) use primary::{primary, promote};
pub(super) use restore::{rebase, restored};
pub use revision::revision;
pub(super) use revision::{checksum, drop_volatile, short_hash};
pub(super) use template::{pod_lists, primary_template};

/// Node label that no node has: a DaemonSet that asks for it has no pods
/// (Flagger: `daemonset_controller.go`).
pub(super) const SCALE_TO_ZERO: &str = "flagger.app/scale-to-zero";

/// What the primary is made from.
#[derive(Debug, Clone, Copy)]
pub(super) struct Source<'a> {
    /// The target, and what belongs to it.
    pub(super) copied: &'a Copied,
    /// Where the images that concern the target are set.
    pub(super) home: Option<&'a Home>,
}

impl<'a> Source<'a> {
    /// `None` in mode `fields`.
    pub(super) fn of(rollout: &'a Rollout) -> Option<Self> {
        Some(Self {
            copied: rollout.release.copied()?,
            home: rollout.home.as_ref(),
        })
    }
}

/// The label by which the pods of target and primary differ.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SelectorLabel {
    /// Its key, one of [`SELECTOR_LABELS`].
    pub key: String,
    /// Its value on the target's pods.
    pub value: String,
}

impl SelectorLabel {
    /// Finds the label in `spec.selector.matchLabels` of the target.
    ///
    /// # Errors
    /// When the selector has none of the keys.
    pub fn of(target: &Value) -> Result<Self> {
        let labels = get(target, &["spec", "selector", "matchLabels"]);
        SELECTOR_LABELS
            .iter()
            .find_map(|key| {
                let value = labels?.get(*key)?.as_str()?.to_owned();
                Some(Self {
                    key: (*key).to_owned(),
                    value,
                })
            })
            .ok_or_else(|| {
                Error::document("the target's selector has no label that Weirkeeper can use").hint(
                    format!(
                        "add one of {} to spec.selector.matchLabels and to the pod template",
                        SELECTOR_LABELS.join(", ")
                    ),
                )
            })
    }

    /// Its value on the primary's pods.
    #[must_use]
    pub fn primary_value(&self) -> String {
        copy_name(&self.value)
    }
}

/// What the primary's copy of something is called.
pub(super) fn copy_name(name: &str) -> String {
    format!("{name}-primary")
}

/// `spec.replicas` of a Deployment. A DaemonSet has none; one whose pods were
/// taken off all nodes counts as 0.
pub(super) fn replicas(workload: &Value) -> Option<i64> {
    if is_daemon_set(workload) {
        let nodes = ["spec", "template", "spec", "nodeSelector", SCALE_TO_ZERO];
        return get(workload, &nodes).map(|_| 0);
    }
    get(workload, &["spec", "replicas"])?.as_i64()
}

pub(super) fn is_daemon_set(workload: &Value) -> bool {
    workload.get("kind").and_then(Value::as_str) == Some("DaemonSet")
}

/// The labels of a workload's pods.
pub(super) fn pod_labels(workload: &Value) -> Option<&Mapping> {
    get(workload, &["spec", "template", "metadata", "labels"])?.as_mapping()
}

/// The name of an object, empty when it has none.
pub(super) fn name(object: &Value) -> &str {
    let name = get(object, &["metadata", "name"]);
    name.and_then(Value::as_str).unwrap_or_default()
}

/// Apiversion, kind and metadata of a copy: another name, the namespace that is
/// spelt out, and the annotations of the original that people wrote.
pub(super) fn copy_of(original: &Value, name: &str, namespace: Option<&str>) -> Mapping {
    let mut metadata = Mapping::new();
    metadata.insert("name".into(), name.into());
    if let Some(namespace) = namespace {
        metadata.insert("namespace".into(), namespace.into());
    }
    let mut annotated = original.clone();
    drop_volatile(&mut annotated, &["metadata", "annotations"]);
    if let Some(annotations) = get(&annotated, &["metadata", "annotations"]) {
        metadata.insert("annotations".into(), annotations.clone());
    }
    let mut copy = Mapping::new();
    for key in ["apiVersion", "kind"] {
        copy.insert(key.into(), original.get(key).cloned().unwrap_or_default());
    }
    copy.insert("metadata".into(), metadata.into());
    copy
}

pub(super) fn one_entry(key: &str, value: &str) -> Value {
    let mut mapping = Mapping::new();
    mapping.insert(key.into(), value.into());
    mapping.into()
}

/// The value at a path of keys.
pub(crate) fn get<'a>(value: &'a Value, path: &[&str]) -> Option<&'a Value> {
    path.iter().try_fold(value, |value, key| value.get(*key))
}

/// The value at a path of keys, to be changed.
pub(super) fn get_mut<'a>(value: &'a mut Value, path: &[&str]) -> Option<&'a mut Value> {
    path.iter()
        .try_fold(value, |value, key| value.get_mut(*key))
}
