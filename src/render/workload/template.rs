//! The pod template of the primary.

use serde_yaml::{Mapping, Value};

use super::revision::{settle, short_hash};
use super::spreading::spread;
use super::{SelectorLabel, Source, get, get_mut, images, is_daemon_set, name};
use crate::error::{Error, Result};
use crate::render::{configs, mapping};

/// Annotation of the primary's pods that changes with the configs: a new config
/// alone makes new pods (Flagger: a random number, `deployment_controller.go`).
pub(in crate::render) const FLAGGER_ID: &str = "flagger-id";

/// The lists of a pod whose items have an image.
const CONTAINERS: [&str; 2] = ["containers", "initContainers"];

/// The target's pod template as the primary carries it: with a label of its own,
/// the copies of the tracked configs, images under names of their own where
/// `images` of a kustomization sets them, and rules that spread its own pods.
/// Those of a DaemonSet stay as they are: it has one pod on each node.
///
/// # Errors
/// When the target has no usable selector label or no pod template.
pub(in crate::render) fn primary_template(source: Source<'_>) -> Result<Value> {
    let mut template = shown_template(source)?;
    images::hide(source, &mut template);
    Ok(template)
}

/// The same with the images that are built.
///
/// # Errors
/// As [`primary_template`].
pub(super) fn shown_template(source: Source<'_>) -> Result<Value> {
    let target = &source.copied.built;
    let label = SelectorLabel::of(target)?;
    let mut template = get(target, &["spec", "template"])
        .cloned()
        .ok_or_else(|| Error::document("the target has no spec.template"))?;
    settle(&mut template);
    if let Some(value) = get_mut(&mut template, &["metadata", "labels", &label.key]) {
        *value = label.primary_value().into();
    }
    if let Some(pods) = template.get_mut("spec") {
        if !is_daemon_set(target) {
            spread(pods, name(target));
        }
        configs::refer_to_copies(source.copied, pods);
    }
    let tracked = configs::checksums(source.copied);
    if !tracked.is_empty() {
        annotate(&mut template, FLAGGER_ID, &short_hash(&mapping(tracked)));
    }
    Ok(template)
}

fn annotate(template: &mut Value, key: &str, value: &str) {
    let Some(template) = template.as_mapping_mut() else {
        return;
    };
    let empty = || Value::Mapping(Mapping::new());
    let metadata = template.entry("metadata".into()).or_insert_with(empty);
    let Some(metadata) = metadata.as_mapping_mut() else {
        return;
    };
    let annotations = metadata.entry("annotations".into()).or_insert_with(empty);
    if let Some(annotations) = annotations.as_mapping_mut() {
        annotations.insert(key.into(), value.into());
    }
}

/// The containers of a pod, those that run first among them, list by list.
pub(in crate::render) fn pod_lists(pods: &mut Value) -> Vec<&mut Vec<Value>> {
    let Some(pods) = pods.as_mapping_mut() else {
        return Vec::new();
    };
    let lists = pods.iter_mut().filter(|(key, _)| {
        let key = key.as_str();
        key.is_some_and(|key| CONTAINERS.contains(&key))
    });
    lists
        .filter_map(|(_, list)| list.as_sequence_mut())
        .collect()
}

/// The same, to look at.
pub(super) fn containers(template: &Value) -> impl Iterator<Item = &Value> {
    let lists = CONTAINERS
        .into_iter()
        .filter_map(|list| get(template, &["spec", list])?.as_sequence());
    lists.flatten()
}
