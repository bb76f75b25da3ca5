//! What kustomizations do to the manifests of a rollout.
//!
//! A target in Git is not what runs: patches, images and replicas of the
//! kustomizations that list it come on top. [`build`] computes the result for the
//! few objects that matter, in the order in which Kustomize works; what it cannot
//! compute it refuses with the place. [`above`](above::overrides) finds what
//! kustomizations farther out would do to target and primary alike.

pub(super) mod above;
pub(super) mod build;
pub(super) mod generate;
mod json;
mod merge;
mod patch;
mod primary;
mod refuse;
pub(super) mod select;
mod set;
#[cfg(test)]
mod tests;

pub(crate) use set::split as split_image;

use std::collections::BTreeSet;
use std::sync::{Arc, OnceLock};

use serde_yaml::Value;

use super::inventory::{Inventory, join};
use super::manifest::Manifest;
use crate::error::Result;

/// A kustomization, and what it lists once that is asked for.
#[derive(Debug)]
pub(crate) struct Kustomization {
    /// The file.
    pub(crate) manifest: Manifest,
    entries: OnceLock<Entries>,
    listed: OnceLock<Arc<BTreeSet<String>>>,
}

/// What a kustomization lists.
#[derive(Debug)]
struct Entries {
    /// `resources` and the old `bases`.
    resources: Vec<Entry>,
    components: Vec<Entry>,
}

/// An item of such a list.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Entry {
    /// A file, from the top of the repository.
    File(String),
    /// The folder of a kustomization.
    Folder(String),
    /// Neither: a remote one, or one that is not there. Where it is listed.
    Elsewhere(String),
}

/// How deep kustomizations may list one another.
const DEPTH: usize = 32;

impl Kustomization {
    pub(super) fn new(manifest: Manifest) -> Self {
        Self {
            manifest,
            entries: OnceLock::new(),
            listed: OnceLock::new(),
        }
    }

    fn entries(&self, inventory: &Inventory) -> Result<&Entries> {
        if let Some(entries) = self.entries.get() {
            return Ok(entries);
        }
        let mut resources = self.read(inventory, "resources")?;
        resources.extend(self.read(inventory, "bases")?);
        let components = self.read(inventory, "components")?;
        let entries = Entries {
            resources,
            components,
        };
        Ok(self.entries.get_or_init(|| entries))
    }

    fn read(&self, inventory: &Inventory, list: &str) -> Result<Vec<Entry>> {
        let entries = items(&self.manifest.value, list).iter().enumerate();
        let read = |(index, entry): (usize, &Value)| {
            let here = Entry::Elsewhere(format!("{list}[{index}]"));
            let path = entry
                .as_str()
                .and_then(|entry| join(self.manifest.folder(), entry));
            let Some(path) = path else { return Ok(here) };
            if inventory.files().contains(&path)? {
                return Ok(Entry::File(path));
            }
            match inventory.kustomization_in(&path)? {
                Some(_) => Ok(Entry::Folder(path)),
                None => Ok(here),
            }
        };
        entries.map(read).collect()
    }

    /// Every file that it lists as a resource, also through other kustomizations.
    ///
    /// # Errors
    /// When a kustomization cannot be read.
    pub(super) fn listed(&self, inventory: &Inventory) -> Result<Arc<BTreeSet<String>>> {
        self.listed_from(inventory, 0)
    }

    fn listed_from(&self, inventory: &Inventory, depth: usize) -> Result<Arc<BTreeSet<String>>> {
        if let Some(listed) = self.listed.get() {
            return Ok(Arc::clone(listed));
        }
        let mut listed = BTreeSet::new();
        let entries = self.entries(inventory)?;
        for entry in entries.resources.iter().chain(&entries.components) {
            match entry {
                Entry::File(path) => drop(listed.insert(path.clone())),
                Entry::Folder(folder) if depth < DEPTH => {
                    if let Some(inner) = inventory.kustomization_in(folder)? {
                        let inner = inner.listed_from(inventory, depth + 1)?;
                        listed.extend(inner.iter().cloned());
                    }
                }
                Entry::Folder(_) | Entry::Elsewhere(_) => {}
            }
        }
        Ok(Arc::clone(self.listed.get_or_init(|| Arc::new(listed))))
    }

    /// The kustomizations from this one down to the one that lists `path` itself;
    /// `None` when none does.
    ///
    /// # Errors
    /// When one of them cannot be read.
    pub(super) fn chain(
        self: &Arc<Self>,
        inventory: &Inventory,
        path: &str,
    ) -> Result<Option<Vec<Arc<Self>>>> {
        let mut chain = vec![Arc::clone(self)];
        if !self.listed(inventory)?.contains(path) {
            return Ok(None);
        }
        while let Some(last) = chain.last()
            && chain.len() <= DEPTH
        {
            let entries = last.entries(inventory)?;
            let all = entries.resources.iter().chain(&entries.components);
            let mut next = None;
            for entry in all {
                match entry {
                    Entry::File(file) if file == path => return Ok(Some(chain)),
                    Entry::Folder(folder) => {
                        if let Some(inner) = inventory.kustomization_in(folder)?
                            && inner.listed(inventory)?.contains(path)
                        {
                            next = next.or(Some(inner));
                        }
                    }
                    Entry::File(_) | Entry::Elsewhere(_) => {}
                }
            }
            match next {
                Some(next) => chain.push(next),
                None => return Ok(None),
            }
        }
        Ok(None)
    }

    /// Does it list the kustomization of `folder` itself?
    ///
    /// # Errors
    /// When a kustomization cannot be read.
    pub(super) fn includes(&self, inventory: &Inventory, folder: &str) -> Result<bool> {
        let entries = self.entries(inventory)?;
        let mut all = entries.resources.iter().chain(&entries.components);
        Ok(all.any(|entry| matches!(entry, Entry::Folder(inner) if inner == folder)))
    }

    /// Does it use the file as a patch? Then it is not an object of its own.
    pub(super) fn patches_with(&self, path: &str) -> bool {
        let folder = self.manifest.folder();
        let is = |entry: &str| join(folder, entry).as_deref() == Some(path);
        patch::LISTS.iter().any(|list| {
            items(&self.manifest.value, list).iter().any(|entry| {
                let file = entry.get("path").and_then(Value::as_str);
                file.or_else(|| entry.as_str()).is_some_and(is)
            })
        })
    }
}

/// The list at `key`, empty when there is none.
fn items<'a>(value: &'a Value, key: &str) -> &'a [Value] {
    let items = value.get(key).and_then(Value::as_sequence);
    items.map(Vec::as_slice).unwrap_or_default()
}
