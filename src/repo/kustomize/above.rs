//! Kustomizations that include the home: what they change reaches target and
//! primary alike.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::patch::{LISTS, Patch};
use super::select::Object;
use super::set::{Image, text};
use super::{DEPTH, Entry, Kustomization, items, refuse};
use crate::diagnostic::Diagnostic;
use crate::error::Result;
use crate::repo::inventory::Inventory;

/// What kustomizations above `home` do to `target` or its primary.
///
/// # Errors
/// When a kustomization cannot be read.
pub(crate) fn overrides(
    inventory: &Inventory,
    home: &Kustomization,
    target: &Object,
) -> Result<Vec<Diagnostic>> {
    let check = Check {
        inventory,
        target,
        primary: target.primary(refuse::primary_labels(&target.value)),
    };
    let mut found = Vec::new();
    let mut seen = BTreeSet::from([home.manifest.folder().to_owned()]);
    let mut pending: Vec<String> = seen.iter().cloned().collect();
    while let Some(folder) = pending.pop() {
        for outer in inventory.includers(&folder)? {
            let place = outer.manifest.folder().to_owned();
            if seen.insert(place.clone()) {
                let problems = check.kustomization(&outer, 0)?;
                let hint = match place.as_str() {
                    "" => "put the Canary into the top folder, where the primary then is listed, or remove this here".to_owned(),
                    place => format!("put the Canary into {place}, where the primary then is listed, or remove this here"),
                };
                found.extend(problems.into_iter().map(|problem| problem.hint(&hint)));
                pending.push(place);
            }
        }
    }
    Ok(found)
}

struct Check<'a> {
    inventory: &'a Inventory,
    target: &'a Object,
    primary: Object,
}

impl Check<'_> {
    fn kustomization(&self, outer: &Arc<Kustomization>, depth: usize) -> Result<Vec<Diagnostic>> {
        let manifest = &outer.manifest;
        let mut found = refuse::names_and_selectors(outer);
        found.extend(refuse::pod_labels(outer, self.target));
        found.extend(refuse::unknown(self.inventory, outer, self.target)?);
        let name = self.target.name();
        for (index, entry) in items(&manifest.value, "images").iter().enumerate() {
            let image = Image::of(entry);
            if image.concerns(&self.target.value) {
                let image = text(entry, "name").unwrap_or_default();
                let message =
                    format!("a new {image} would reach the primary together with the target");
                found.push(manifest.error_at(&format!("images[{index}].name"), message));
            }
        }
        for (index, entry) in items(&manifest.value, "replicas").iter().enumerate() {
            let set = text(entry, "name").unwrap_or_default();
            if set == name || set == self.primary.name() {
                let message = format!("would undo it when Weirkeeper scales {set}");
                found.push(manifest.error_at(&format!("replicas[{index}].name"), message));
            }
        }
        for list in LISTS {
            for patch in Patch::of(self.inventory, outer, list)? {
                let both = [self.target, &self.primary];
                if let Some(patched) = both.into_iter().find(|object| patch.concerns(object)) {
                    let message = format!(
                        "patches {} {}, which a Canary farther in releases",
                        patched.kind(),
                        patched.name()
                    );
                    found.push(patch.error(outer, message));
                }
            }
        }
        for entry in &outer.entries(self.inventory)?.components {
            if let Entry::Folder(folder) = entry
                && depth < DEPTH
                && let Some(component) = self.inventory.kustomization_in(folder)?
            {
                found.extend(self.kustomization(&component, depth + 1)?);
            }
        }
        Ok(found)
    }
}
