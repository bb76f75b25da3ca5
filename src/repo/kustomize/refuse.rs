//! Transformations that cannot be computed, or that cannot be right for a
//! target and its primary, with what to do instead.

use serde_yaml::{Mapping, Value};

use super::select::{Object, Selector};
use super::{Kustomization, items};
use crate::diagnostic::Diagnostic;
use crate::error::Result;
use crate::repo::inventory::{Inventory, join};
use crate::repo::rollout::SELECTOR_LABELS;

/// Transformations that would rename what a route refers to by name, or give
/// target and primary the same pods.
pub(super) fn names_and_selectors(kustomization: &Kustomization) -> Vec<Diagnostic> {
    let manifest = &kustomization.manifest;
    let mut found = Vec::new();
    for field in ["namePrefix", "nameSuffix"] {
        let text = manifest.value.get(field).and_then(Value::as_str);
        if text.is_some_and(|text| !text.is_empty()) {
            let message = "renames objects, but not the backends a route names";
            let hint = "write the whole names into the manifests and remove it";
            found.push(manifest.error_at(field, message).hint(hint));
        }
    }
    let shared = "would give target and primary the same selector, and their Services with them";
    let hint = "use labels without includeSelectors";
    if manifest.value.get("commonLabels").is_some() {
        found.push(manifest.error_at("commonLabels", shared).hint(hint));
    }
    for (index, entry) in items(&manifest.value, "labels").iter().enumerate() {
        if is_set(entry, "includeSelectors") {
            let path = format!("labels[{index}].includeSelectors");
            found.push(manifest.error_at(&path, shared).hint(hint));
        }
    }
    found
}

pub(super) fn is_set(entry: &Value, key: &str) -> bool {
    entry.get(key).and_then(Value::as_bool) == Some(true)
}

/// Labels of pods that target and primary must not share, set for both.
pub(super) fn pod_labels(kustomization: &Kustomization, target: &Object) -> Vec<Diagnostic> {
    let manifest = &kustomization.manifest;
    let Some(key) = selector_label(&target.value).map(|(key, _)| key) else {
        return Vec::new();
    };
    let mut found = Vec::new();
    for (index, entry) in items(&manifest.value, "labels").iter().enumerate() {
        let sets = entry
            .get("pairs")
            .is_some_and(|pairs| pairs.get(key).is_some());
        if sets && is_set(entry, "includeTemplates") {
            let message = format!("would give the pods of target and primary the same label {key}");
            let hint = "remove it from these pairs, the manifests have it";
            let path = format!("labels[{index}].pairs");
            found.push(manifest.error_at(&path, message).hint(hint));
        }
    }
    found
}

/// The label of the target's selector that the primary has a value of its own for.
pub(super) fn selector_label(workload: &Value) -> Option<(&'static str, &str)> {
    let labels = workload.get("spec")?.get("selector")?.get("matchLabels")?;
    let mut keys = SELECTOR_LABELS.into_iter();
    keys.find_map(|key| Some((key, labels.get(key)?.as_str()?)))
}

/// The labels that the primary is generated with.
pub(super) fn primary_labels(workload: &Value) -> Mapping {
    let mut labels = Mapping::new();
    if let Some((key, value)) = selector_label(workload) {
        labels.insert(key.into(), format!("{value}-primary").into());
    }
    labels
}

/// Transformations of `object` that are not computed here.
///
/// # Errors
/// When a file cannot be read from its origin.
pub(super) fn unknown(
    inventory: &Inventory,
    kustomization: &Kustomization,
    object: &Object,
) -> Result<Vec<Diagnostic>> {
    let manifest = &kustomization.manifest;
    let shown = format!("{} {}", object.kind(), object.name());
    let mut found = Vec::new();
    if !items(&manifest.value, "transformers").is_empty() {
        let message = format!("what transformers do to {shown} is not known before they run");
        let hint = "write it as patches, images, labels or annotations, or list the object in a \
                    kustomization of its own";
        found.push(manifest.error_at("transformers", message).hint(hint));
    }
    for (index, entry) in items(&manifest.value, "replacements").iter().enumerate() {
        if replaces(inventory, manifest.folder(), entry, object)? {
            let message = format!("what this replacement writes into {shown} is not computed");
            let hint = "write the value into the manifest or a patch, or reject the object there";
            let path = format!("replacements[{index}]");
            found.push(manifest.error_at(&path, message).hint(hint));
        }
    }
    for (index, entry) in items(&manifest.value, "vars").iter().enumerate() {
        let name = entry
            .get("name")
            .and_then(Value::as_str)
            .unwrap_or_default();
        if mentions(&object.value, &format!("$({name})")) {
            let message = format!("what this writes into {shown} is not computed");
            let hint = "write the value into the manifest";
            let path = format!("vars[{index}].name");
            found.push(manifest.error_at(&path, message).hint(hint));
        }
    }
    for (index, entry) in items(&manifest.value, "labels").iter().enumerate() {
        if entry.get("fields").is_some() {
            let message = format!("which fields of {shown} this sets is not computed");
            let hint = "use includeTemplates, or a patch";
            let path = format!("labels[{index}].fields");
            found.push(manifest.error_at(&path, message).hint(hint));
        }
    }
    Ok(found)
}

/// May a replacement write into the object? One that cannot be read may.
fn replaces(inventory: &Inventory, folder: &str, entry: &Value, object: &Object) -> Result<bool> {
    let file = entry.get("path").and_then(Value::as_str);
    let entries = match file.and_then(|path| join(folder, path)) {
        Some(file) => match inventory.documents(&file)? {
            Ok(documents) => documents,
            Err(_) => return Ok(true),
        },
        None => vec![entry.clone()],
    };
    let lists = entries.iter().map(|document| {
        let list = document.as_sequence().map(Vec::as_slice);
        list.unwrap_or(std::slice::from_ref(document))
    });
    let selects = |selector: Option<&Value>| {
        let empty = Value::Null;
        let selector = Selector::read(selector.unwrap_or(&empty));
        selector.map_or(true, |selector| selector.matches(object))
    };
    Ok(lists.flatten().any(|entry| {
        items(entry, "targets").iter().any(|target| {
            let rejected = items(target, "reject");
            let rejects = |reject: &Value| {
                let selector = Selector::read(reject);
                selector.is_ok_and(|selector| selector.matches(object))
            };
            selects(target.get("select")) && !rejected.iter().any(rejects)
        })
    }))
}

/// Does a text in it contain `word`?
fn mentions(value: &Value, word: &str) -> bool {
    match value {
        Value::String(text) => text.contains(word),
        Value::Sequence(items) => items.iter().any(|item| mentions(item, word)),
        Value::Mapping(fields) => fields.values().any(|value| mentions(value, word)),
        Value::Tagged(tagged) => mentions(&tagged.value, word),
        Value::Null | Value::Bool(_) | Value::Number(_) => false,
    }
}
