//! The primary with everything it needs, and the target's pods.

use serde_yaml::Value;

use super::Editor;
use super::place::Change;
use crate::api::FieldPath;
use crate::error::{Error, Result};
use crate::render::workload::{
    SCALE_TO_ZERO, Source, copy_name, entries, get, is_daemon_set, name, primary, promote,
};
use crate::render::{configs, scaler};
use crate::repo::rollout::{Config, Scaler};

impl Editor<'_> {
    /// Creates the primary, its configs, its autoscaler and the entries of its
    /// images, or makes them what the target has now; only what differs is
    /// edited. Copies of what is no longer tracked stay as they are.
    pub(super) fn write_primary(&mut self) -> Result<()> {
        let Some(source) = Source::of(self.rollout) else {
            return Ok(());
        };
        for config in &source.copied.configs {
            self.write_config(config)?;
        }
        if let Some(scaler) = &source.copied.scaler {
            self.write_scaler(scaler)?;
        }
        for entry in entries(source) {
            self.write_image(&entry)?;
        }
        let spec = &self.rollout.canary.spec;
        let Some(existing) = &source.copied.primary else {
            let name = spec.primary_name();
            let object = primary(source, &name, self.namespace())?;
            return self.create(&source.copied.target.kind, &name, &object);
        };
        let replicas = spec.autoscaler_ref.is_none();
        let mut promoted = Value::clone(&existing.value);
        promote(source, &mut promoted, replicas)?;
        let spec = promoted.get("spec").cloned().unwrap_or_default();
        self.edit(existing, |stream| {
            let path = FieldPath::root().key("spec");
            Ok(stream.assign(existing.document, &path, &spec)?)
        })
    }

    fn write_config(&mut self, config: &Config) -> Result<()> {
        let copy = configs::copy(config, self.namespace());
        let Some(existing) = &config.primary else {
            return self.create(&config.kind, &copy_name(&config.name), &copy);
        };
        let changes = configs::CONTENT.map(|part| {
            let path = FieldPath::root().key(part);
            match copy.get(part) {
                Some(value) => Change::Rewrite(path, value.clone()),
                None => Change::Remove(path),
            }
        });
        self.change(existing, &changes)
    }

    fn write_scaler(&mut self, scaler: &Scaler) -> Result<()> {
        let spec = &self.rollout.canary.spec;
        let Some(existing) = &scaler.primary else {
            let copy = scaler::copy(scaler, spec, self.namespace());
            return self.create(&scaler.manifest.kind, name(&copy), &copy);
        };
        let path = FieldPath::root().key("spec");
        let scaled = scaler::scaled(&scaler.built, spec);
        self.change(existing, &[Change::Set(path, scaled)])
    }

    /// Sets or adds the entry of `images` of this name.
    pub(super) fn write_image(&mut self, entry: &Value) -> Result<()> {
        let Some(home) = &self.rollout.home else {
            return Err(Error::internal("images are set without a kustomization"));
        };
        let kustomization = &home.kustomization;
        self.edit(kustomization, |stream| {
            let current = stream.documents()[kustomization.document].to_value();
            let current = current.map_err(crate::yaml::EditError::from)?;
            let listed = current.get("images").and_then(Value::as_sequence);
            let listed = listed.map(Vec::as_slice).unwrap_or_default();
            let same = |item: &Value| item.get("name") == entry.get("name");
            let index = listed.iter().position(same).unwrap_or(listed.len());
            let path = FieldPath::root().key("images").index(index);
            Ok(stream.assign(kustomization.document, &path, entry)?)
        })
    }

    /// Takes the target's pods away. KEDA is told first: else it starts them again.
    pub(super) fn scale_to_zero(&mut self) -> Result<()> {
        let Some(copied) = self.rollout.release.copied() else {
            return Ok(());
        };
        if let Some(scaler) = scaled_object(copied.scaler.as_ref()) {
            self.change(&scaler.manifest, &[Change::Set(paused(), "0".into())])?;
        }
        let change = match is_daemon_set(&copied.built) {
            true => Change::Set(no_node(), "true".into()),
            false => Change::Set(replicas_path(), 0.into()),
        };
        self.change(&copied.target, &[change])
    }

    /// Lets the target's pods run again. With an autoscaler that owns their
    /// number, because the manifest had none before, it has none again.
    pub(super) fn scale_up(&mut self, replicas: Option<i64>) -> Result<()> {
        let Some(copied) = self.rollout.release.copied() else {
            return Ok(());
        };
        if let Some(scaler) = scaled_object(copied.scaler.as_ref()) {
            self.change(&scaler.manifest, &[Change::Remove(paused())])?;
        }
        let canary = &self.rollout.canary;
        let recorded = canary.status.as_ref();
        let recorded = recorded.and_then(|status| status.target_replicas);
        let was_zero = get(&copied.built, &["spec", "replicas"]) == Some(&0.into());
        let said = get(&copied.target.value, &["spec", "replicas"]).and_then(Value::as_i64);
        // What a base says is there again without the patch, and no autoscaler starts from 0.
        let stays_zero = self.is_shared(&copied.target) && said == Some(0);
        let autoscaled = canary.spec.autoscaler_ref.is_some() && was_zero && recorded.is_none();
        let change = match replicas.filter(|_| !autoscaled) {
            _ if is_daemon_set(&copied.built) => Change::Remove(no_node()),
            _ if stays_zero => Change::Set(replicas_path(), replicas.unwrap_or(1).max(1).into()),
            // The base says it: the patch need not.
            Some(replicas) if self.is_shared(&copied.target) && said == Some(replicas) => {
                Change::Remove(replicas_path())
            }
            Some(replicas) => Change::Set(replicas_path(), replicas.into()),
            None => Change::Remove(replicas_path()),
        };
        self.change(&copied.target, &[change])
    }
}

fn scaled_object(scaler: Option<&Scaler>) -> Option<&Scaler> {
    scaler.filter(|scaler| scaler::is_scaled_object(&scaler.built))
}

fn replicas_path() -> FieldPath {
    FieldPath::root().key("spec").key("replicas")
}

fn paused() -> FieldPath {
    let metadata = FieldPath::root().key("metadata");
    metadata.key("annotations").key(scaler::PAUSED)
}

fn no_node() -> FieldPath {
    let pods = FieldPath::root().key("spec").key("template").key("spec");
    pods.key("nodeSelector").key(SCALE_TO_ZERO)
}
