//! The target goes back to what the primary runs (`onFailure: revert`).

use std::collections::BTreeSet;

use serde_yaml::{Mapping, Value};

use super::Editor;
use super::place::Change;
use crate::api::{FieldPath, Segment};
use crate::error::Result;
use crate::render::configs;
use crate::render::workload::{Source, get, rebase, restored};
use crate::repo::manifest::Manifest;
use crate::repo::rollout::Config;

impl Editor<'_> {
    /// Takes the pod template, the tracked configs and the entries of images back
    /// to what the primary has. Without a primary there is nothing to go back to.
    /// A config that a generator makes stays: its sources are files and literals
    /// that are not for us to write.
    pub(super) fn restore_target(&mut self) -> Result<()> {
        let Some(source) = Source::of(self.rollout) else {
            return Ok(());
        };
        let Some(primary) = &source.copied.primary else {
            return Ok(());
        };
        let status = self.rollout.canary.status.as_ref();
        let promoted = status.map(|status| &status.promoted_configs);
        let promoted = promoted.into_iter().flat_map(|configs| configs.keys());
        let promoted: BTreeSet<&str> = promoted.map(String::as_str).collect();
        let restored = restored(source, &primary.value, &promoted)?;
        for entry in &restored.images {
            self.write_image(entry)?;
        }
        let target = &source.copied.target;
        let raw = get(&target.value, &["spec", "template"]).cloned();
        let spec = FieldPath::root().key("spec");
        let path = spec.key("template");
        let (now, wanted) = (&restored.now, &restored.wanted);
        self.take_back(target, &path, raw.as_ref(), Some(now), Some(wanted))?;
        let mut configs = source.copied.configs.iter();
        configs.try_for_each(|config| self.restore_config(config))
    }

    fn restore_config(&mut self, config: &Config) -> Result<()> {
        let (Some(manifest), Some(copy)) = (&config.manifest, &config.primary) else {
            return Ok(());
        };
        for part in configs::CONTENT {
            let path = FieldPath::root().key(part);
            let parts = [&manifest.value, &config.built, &copy.value].map(|value| value.get(part));
            let [raw, now, wanted] = parts;
            self.take_back(manifest, &path, raw, now, wanted)?;
        }
        Ok(())
    }

    /// Makes a field that is built as `now` be built as `wanted`: in the manifest,
    /// where it is `raw`, or else by a patch.
    fn take_back(
        &mut self,
        manifest: &Manifest,
        path: &FieldPath,
        raw: Option<&Value>,
        now: Option<&Value>,
        wanted: Option<&Value>,
    ) -> Result<()> {
        if now == wanted {
            return Ok(());
        }
        if !self.is_shared(manifest) {
            let change = match (raw, now, wanted) {
                (raw, now, Some(wanted)) if raw == now => Some(wanted.clone()),
                (Some(raw), Some(now), Some(wanted)) => rebase(raw, now, wanted),
                _ => None,
            };
            let change = match change {
                Some(value) => Some(Change::Set(path.clone(), value)),
                None if raw == now && wanted.is_none() => Some(Change::Remove(path.clone())),
                None => None,
            };
            if let Some(change) = change {
                return self.change(manifest, &[change]);
            }
        }
        let [now, wanted] = [now, wanted].map(|value| nested(path, value));
        self.patch(manifest, &now, &wanted)
    }
}

/// An object that has `value` at `path`, and nothing else.
fn nested(path: &FieldPath, value: Option<&Value>) -> Value {
    let mut nested = value.cloned();
    for key in path.segments().iter().rev() {
        let mut mapping = Mapping::new();
        if let Segment::Key(key) = key {
            mapping.extend(nested.map(|value| (Value::from(key.as_str()), value)));
        }
        nested = Some(mapping.into());
    }
    nested.unwrap_or_default()
}
