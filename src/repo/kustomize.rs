//! What a kustomization does to the manifests it lists, as far as that defeats
//! the split between target and primary.

use serde_yaml::Value;

use super::manifest::Manifest;
use crate::diagnostic::Diagnostic;

/// Transformations of `kustomization` that would reach target and primary
/// alike, or rename what a route refers to by name.
pub(super) fn overrides(
    target: &Manifest,
    primary: &str,
    kustomization: &Manifest,
) -> Vec<Diagnostic> {
    let mut found: Vec<Diagnostic> = image(target, kustomization).into_iter().collect();
    found.extend(replicas(target, primary, kustomization));
    for field in ["namePrefix", "nameSuffix"] {
        if kustomization.value.get(field).is_some() {
            let message = "renames objects, but not the backends a route names";
            let hint = "write the whole names into the manifests and remove it";
            found.push(kustomization.error_at(field, message).hint(hint));
        }
    }
    let shared = "would give target and primary the same selector, and their Services with them";
    let hint = "use labels without includeSelectors";
    if kustomization.value.get("commonLabels").is_some() {
        found.push(kustomization.error_at("commonLabels", shared).hint(hint));
    }
    let labels = items(&kustomization.value, "labels");
    for (index, entry) in labels.iter().enumerate() {
        if entry.get("includeSelectors").and_then(Value::as_bool) == Some(true) {
            let path = format!("labels[{index}].includeSelectors");
            found.push(kustomization.error_at(&path, shared).hint(hint));
        }
    }
    found
}

/// An image set here would reach the primary together with the target, and the
/// target's pod template would not change with it.
fn image(target: &Manifest, kustomization: &Manifest) -> Option<Diagnostic> {
    let pods = target.value.get("spec")?.get("template")?.get("spec")?;
    let images: Vec<&str> = ["containers", "initContainers"]
        .into_iter()
        .flat_map(|list| items(pods, list))
        .filter_map(|container| container.get("image")?.as_str())
        .map(without_tag)
        .collect();
    let overrides = items(&kustomization.value, "images");
    let (index, name) = overrides.iter().enumerate().find_map(|(index, image)| {
        let name = image.get("name").and_then(Value::as_str)?;
        images.contains(&name).then_some((index, name))
    })?;
    let message = format!("a new {name} would reach the primary together with the target");
    let hint = format!("set the image in {} and remove this entry", target.path());
    let place = kustomization.error_at(&format!("images[{index}].name"), message);
    Some(place.hint(hint))
}

/// Replicas set here would undo what a step writes.
fn replicas(target: &Manifest, primary: &str, kustomization: &Manifest) -> Option<Diagnostic> {
    let overrides = items(&kustomization.value, "replicas");
    let (index, name) = overrides.iter().enumerate().find_map(|(index, entry)| {
        let name = entry.get("name").and_then(Value::as_str)?;
        (name == target.name || name == primary).then_some((index, name))
    })?;
    let message = format!("would undo it when Weirkeeper scales {name}");
    let hint = format!(
        "set spec.replicas in {} and remove this entry",
        target.path()
    );
    let place = kustomization.error_at(&format!("replicas[{index}].name"), message);
    Some(place.hint(hint))
}

fn items<'a>(value: &'a Value, key: &str) -> &'a [Value] {
    let items = value.get(key).and_then(Value::as_sequence);
    items.map(Vec::as_slice).unwrap_or_default()
}

fn without_tag(image: &str) -> &str {
    let image = image.split('@').next().unwrap_or(image);
    match image.rsplit_once(':') {
        Some((name, tag)) if !tag.contains('/') => name,
        _ => image,
    }
}
