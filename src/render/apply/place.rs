//! Where a change is written: into the manifest itself, or, when others share
//! that one, into a patch at the rollout's home.

use serde_yaml::{Mapping, Value};

use super::Editor;
use crate::api::{FieldPath, Segment};
use crate::error::{Error, Result};
use crate::render::patches;
use crate::render::weights::WeightError;
use crate::render::workload::get;
use crate::repo::manifest::{Manifest, ParsedFile};
use crate::yaml::Stream;

/// One change of an object. All its paths are keys.
#[derive(Debug)]
pub(super) enum Change {
    /// The field gets this value.
    Set(FieldPath, Value),
    /// The same of what is generated: in the order of the new value.
    Rewrite(FieldPath, Value),
    /// The field goes, and what it leaves empty and was made for it.
    Remove(FieldPath),
}

/// Mappings that go with their last key.
const HOLDERS: [&str; 2] = ["annotations", "nodeSelector"];

impl Change {
    fn carry_out(&self, stream: &mut Stream, document: usize) -> Result<(), WeightError> {
        match self {
            Self::Set(path, value) => {
                // Files in a ConfigMap are read by people: a text of several lines
                // stays one, at the end of its mapping.
                for key in changed_lines(stream, document, path, value) {
                    stream.remove_key(document, &path.key(key))?;
                }
                Ok(stream.assign(document, path, value)?)
            }
            Self::Rewrite(path, value) => match changed_lines(stream, document, path, value) {
                lines if lines.is_empty() => Ok(stream.assign(document, path, value)?),
                _ => Ok(stream.replace(document, path, value)?),
            },
            Self::Remove(path) => {
                let Ok(value) = stream.documents()[document].to_value() else {
                    return Ok(());
                };
                if at(&value, path).is_none() {
                    return Ok(());
                }
                let parent = path.parent().filter(|parent| {
                    let holder = match parent.segments().last() {
                        Some(Segment::Key(key)) => HOLDERS.contains(&key.as_str()),
                        Some(Segment::Index(_)) | None => false,
                    };
                    let mapping = at(&value, parent).and_then(Value::as_mapping);
                    holder && mapping.is_some_and(|mapping| mapping.len() == 1)
                });
                Ok(stream.remove_key(document, parent.as_ref().unwrap_or(path))?)
            }
        }
    }

    /// Is nothing left to do in `value`?
    fn is_done(&self, value: &Value) -> bool {
        match self {
            Self::Set(path, new) | Self::Rewrite(path, new) => at(value, path) == Some(new),
            Self::Remove(path) => at(value, path).is_none(),
        }
    }
}

/// The keys of the mapping at `path` whose texts of several lines change.
fn changed_lines(stream: &Stream, document: usize, path: &FieldPath, new: &Value) -> Vec<String> {
    let old = stream.documents()[document].to_value().unwrap_or_default();
    let old = at(&old, path).and_then(Value::as_mapping);
    let entries = new.as_mapping().into_iter().flatten();
    let changed = entries.filter_map(|(key, new)| {
        let is_text = new.as_str().is_some_and(|text| text.contains('\n'));
        let changes = old?.get(key).is_some_and(|old| old != new);
        key.as_str().filter(|_| is_text && changes)
    });
    changed.map(str::to_owned).collect()
}

/// The value at `path`.
pub(super) fn at<'a>(value: &'a Value, path: &FieldPath) -> Option<&'a Value> {
    path.segments()
        .iter()
        .try_fold(value, |value, segment| match segment {
            Segment::Key(key) => value.get(key.as_str()),
            Segment::Index(index) => value.get(*index),
        })
}

/// A patch that is there, or will be.
struct Patch {
    path: String,
    /// The document; `None` when there is no file yet.
    document: Option<usize>,
    /// What it says.
    value: Value,
}

impl Editor<'_> {
    /// Makes changes of an object where that may be done. A patch is not made
    /// for what the object says already.
    pub(super) fn change(&mut self, manifest: &Manifest, changes: &[Change]) -> Result<()> {
        if !self.is_shared(manifest) {
            return self.edit(manifest, |stream| {
                let mut changes = changes.iter();
                changes.try_for_each(|change| change.carry_out(stream, manifest.document))
            });
        }
        let patch = self.patch_of(manifest)?;
        if patch.document.is_none() {
            let removes = |change: &Change| matches!(change, Change::Remove(_));
            let needless = |change| removes(change) || change.is_done(&manifest.value);
            if changes.iter().all(needless) {
                return Ok(());
            }
        }
        self.edit_patch(patch, |stream, document| {
            let mut changes = changes.iter();
            changes.try_for_each(|change| change.carry_out(stream, document))
        })
    }

    /// Adds to the patch of an object what makes `new` of `old`, which is what
    /// the patched object is now.
    pub(super) fn patch(&mut self, manifest: &Manifest, old: &Value, new: &Value) -> Result<()> {
        let Some(more) = patches::patch(old, new) else {
            return Ok(());
        };
        let patch = self.patch_of(manifest)?;
        let mut value = patch.value.clone();
        patches::combine(&mut value, more);
        self.edit_patch(patch, |stream, document| {
            Ok(stream.assign(document, &FieldPath::root(), &value)?)
        })
    }

    /// Do others share the object? Then it is not edited.
    pub(super) fn is_shared(&self, manifest: &Manifest) -> bool {
        let home = self.rollout.home.as_ref();
        home.is_some_and(|home| home.shares(manifest))
    }

    /// The patch of an object at home, with what names the object.
    fn patch_of(&self, manifest: &Manifest) -> Result<Patch> {
        let home = self.rollout.home.as_ref();
        let folder = home.map_or(manifest.folder(), |home| home.kustomization.folder());
        let path = super::join(folder, &manifest.patch_file());
        if let Some(bytes) = self.changes.read(self.files, &path)? {
            let parsed = std::sync::Arc::new(ParsedFile::parse(&path, &bytes)?);
            let mut found = parsed.manifests().into_iter();
            let same =
                |found: &Manifest| found.kind == manifest.kind && found.name == manifest.name;
            return match found.find(same) {
                Some(found) => Ok(Patch {
                    path,
                    document: Some(found.document),
                    value: Value::clone(&found.value),
                }),
                None => Err(super::in_the_way(&path)),
            };
        }
        let mut metadata = Mapping::new();
        for key in ["name", "namespace"] {
            let value = get(&manifest.value, &["metadata", key]);
            metadata.extend(value.map(|value| (Value::from(key), value.clone())));
        }
        let mut value = Mapping::new();
        for key in ["apiVersion", "kind"] {
            let text = manifest.value.get(key).cloned();
            value.insert(key.into(), text.unwrap_or_default());
        }
        value.insert("metadata".into(), metadata.into());
        Ok(Patch {
            path,
            document: None,
            value: value.into(),
        })
    }

    /// Edits a patch; one that is not there is created first, and one that is
    /// not listed is listed.
    fn edit_patch(
        &mut self,
        patch: Patch,
        edit: impl FnOnce(&mut Stream, usize) -> Result<(), WeightError>,
    ) -> Result<()> {
        let Patch {
            path,
            document,
            value,
        } = patch;
        if document.is_none() {
            let comment = self.comment();
            self.changes.create(self.files, &path, &comment, &value)?;
        }
        self.changes.edit_file(self.files, &path, |stream| {
            edit(stream, document.unwrap_or_default())
        })?;
        let Some(home) = &self.rollout.home else {
            return Err(Error::internal("a patch has no kustomization"));
        };
        let mut entry = Mapping::new();
        let relative = super::relative(home.kustomization.folder(), &path);
        entry.insert("path".into(), relative.into());
        self.list("patches", &entry.into(), |item| {
            let path = item.get("path").and_then(Value::as_str);
            path.is_some_and(|path| super::is_same_file(path, relative))
        })
    }
}
