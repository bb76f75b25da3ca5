//! From a plan to edits.

mod routes;

use serde_yaml::Value;

use crate::api::{FieldPath, Status};
use crate::decide::{Effect, Plan};
use crate::error::{Error, Result};
use crate::render::changes::Changes;
use crate::render::service::{ServiceRole, service};
use crate::render::weights::WeightError;
use crate::render::workload::{SelectorLabel, primary, promote};
use crate::repo::files::Files;
use crate::repo::manifest::Manifest;
use crate::repo::rollout::Rollout;
use crate::yaml::{EditError, Stream};

/// Edits everything that `plan` changes: manifests and the Canary's status.
///
/// # Errors
/// When a manifest cannot be edited faithfully or a generated file would
/// replace another. `changes` is then to be thrown away.
pub fn apply(plan: &Plan, rollout: &Rollout, files: &Files, changes: &mut Changes) -> Result<()> {
    let mut editor = Editor {
        rollout,
        files,
        changes,
        status: plan.status.clone(),
    };
    for effect in &plan.effects {
        editor.carry_out(*effect)?;
    }
    match editor.status.take() {
        Some(status) => editor.write_status(&status),
        None => Ok(()),
    }
}

struct Editor<'a> {
    rollout: &'a Rollout,
    files: &'a Files,
    changes: &'a mut Changes,
    /// The new status; edits of the route note in it what they added.
    status: Option<Status>,
}

impl Editor<'_> {
    fn carry_out(&mut self, effect: Effect) -> Result<()> {
        match effect {
            Effect::EnsureServices => {
                self.ensure_service(ServiceRole::Canary)?;
                self.ensure_service(ServiceRole::Primary)
            }
            Effect::CreatePrimary => self.create_primary(),
            Effect::PointApexAtPrimary => self.ensure_service(ServiceRole::Apex),
            Effect::PointApexAtTarget => self.point_apex_at_target(),
            Effect::SetTraffic { traffic } => self.set_traffic(traffic),
            Effect::UpdateRoute { traffic } => self.update_route(traffic),
            Effect::ScaleCanaryUp { replicas } => self.scale(replicas),
            Effect::ScaleCanaryToZero => self.scale(Some(0)),
            Effect::Promote => self.promote(),
            Effect::RestoreTarget => Err(Error::internal("a target is not taken back yet")),
            Effect::Defer { .. } => Ok(()),
        }
    }

    /// Creates the Service, or makes the one that is there select the right
    /// pods. Nothing else of it is touched.
    fn ensure_service(&mut self, role: ServiceRole) -> Result<()> {
        let Some(copied) = self.rollout.release.copied() else {
            return Ok(());
        };
        let label = SelectorLabel::of(&copied.built)?;
        let existing = match role {
            ServiceRole::Apex => &self.rollout.apex_service,
            ServiceRole::Primary => &self.rollout.primary_service,
            ServiceRole::Canary => &self.rollout.canary_service,
        };
        let Some(existing) = existing else {
            let spec = &self.rollout.canary.spec;
            let object = service(role, spec, &label, self.namespace(), &copied.built);
            return self.create("service", &role.name(spec), &object);
        };
        let path = FieldPath::root()
            .key("spec")
            .key("selector")
            .key(&label.key);
        let selected = Value::from(role.selects(&label));
        self.edit(existing, |stream| {
            Ok(stream.assign(existing.document, &path, &selected)?)
        })
    }

    /// What was before the Canary: the public name leads to the target. An apex
    /// Service that is gone stays gone.
    fn point_apex_at_target(&mut self) -> Result<()> {
        let rollout = self.rollout;
        let (Some(copied), Some(apex)) = (rollout.release.copied(), &rollout.apex_service) else {
            return Ok(());
        };
        let label = SelectorLabel::of(&copied.built)?;
        let path = FieldPath::root()
            .key("spec")
            .key("selector")
            .key(&label.key);
        let selected = Value::from(label.value);
        self.edit(apex, |stream| {
            Ok(stream.assign(apex.document, &path, &selected)?)
        })
    }

    fn create_primary(&mut self) -> Result<()> {
        let Some(copied) = self.rollout.release.copied() else {
            return Ok(());
        };
        let name = self.rollout.canary.spec.primary_name();
        let object = primary(&copied.built, &name)?;
        let kind = copied.target.kind.to_lowercase();
        self.create(&kind, &name, &object)
    }

    fn scale(&mut self, replicas: Option<i64>) -> Result<()> {
        let Some(copied) = self.rollout.release.copied() else {
            return Ok(());
        };
        let target = &copied.target;
        let path = FieldPath::root().key("spec").key("replicas");
        let present = crate::render::workload::get(&target.value, &["spec", "replicas"]).is_some();
        self.edit(target, |stream| match replicas {
            Some(replicas) => Ok(stream.assign(target.document, &path, &replicas.into())?),
            None if present => Ok(stream.remove_key(target.document, &path)?),
            None => Ok(()),
        })
    }

    /// Copies the pod template; only what differs is edited.
    fn promote(&mut self) -> Result<()> {
        let rollout = self.rollout;
        let Some(copied) = rollout.release.copied() else {
            return Ok(());
        };
        let Some(existing) = &copied.primary else {
            return self.create_primary();
        };
        let replicas = rollout.canary.spec.autoscaler_ref.is_none();
        let mut promoted = existing.value.clone();
        promote(&copied.built, &mut promoted, replicas)?;
        let spec = promoted.get("spec").cloned().unwrap_or_default();
        let path = FieldPath::root().key("spec");
        self.edit(existing, |stream| {
            Ok(stream.assign(existing.document, &path, &spec)?)
        })
    }

    fn write_status(&mut self, status: &Status) -> Result<()> {
        let value = serde_yaml::to_value(status)
            .map_err(|error| Error::internal("cannot write the status").because(error))?;
        let canary = &self.rollout.manifest;
        let path = FieldPath::root().key("status");
        self.edit(canary, |stream| {
            Ok(stream.assign(canary.document, &path, &value)?)
        })
    }

    /// Writes a new file where the rollout is at home and lists it there.
    fn create(&mut self, kind: &str, name: &str, object: &Value) -> Result<()> {
        let file = format!("{name}-{kind}.yaml");
        let path = match self.folder() {
            "" => file,
            folder => format!("{folder}/{file}"),
        };
        let comment = format!(
            "Generated by Weirkeeper for Canary {}.",
            self.rollout.canary.metadata.name
        );
        self.changes.create(self.files, &path, &comment, object)?;
        let Some(home) = &self.rollout.home else {
            return Ok(());
        };
        let kustomization = &home.kustomization;
        let folder = kustomization.folder();
        let entry = match folder {
            "" => path.clone(),
            folder => path
                .strip_prefix(folder)
                .map_or(path.as_str(), |rest| rest.trim_start_matches('/'))
                .to_owned(),
        };
        let resources = FieldPath::root().key("resources");
        self.edit(kustomization, |stream| {
            let current = stream.documents()[kustomization.document].to_value();
            let current = current.map_err(EditError::from)?;
            let listed = current.get("resources").and_then(Value::as_sequence);
            let listed = listed.map(Vec::as_slice).unwrap_or_default();
            if listed.iter().any(|item| names_file(item, &entry)) {
                return Ok(());
            }
            Ok(stream.insert_item(
                kustomization.document,
                &resources,
                listed.len(),
                &entry.clone().into(),
            )?)
        })
    }

    fn edit(
        &mut self,
        manifest: &Manifest,
        edit: impl FnOnce(&mut Stream) -> Result<(), WeightError>,
    ) -> Result<()> {
        self.changes.edit(self.files, manifest, edit)
    }

    /// The folder for new files: the target's, unless others share that one.
    fn folder(&self) -> &str {
        let rollout = self.rollout;
        let target = rollout.release.copied().map(|copied| &copied.target);
        match (&rollout.home, target) {
            (Some(home), Some(target)) if home.shares(target) => home.kustomization.folder(),
            (_, Some(target)) => target.folder(),
            (_, None) => rollout.manifest.folder(),
        }
    }

    /// The namespace that generated objects spell out: the target's own.
    fn namespace(&self) -> Option<&str> {
        let copied = self.rollout.release.copied()?;
        crate::render::workload::get(&copied.target.value, &["metadata", "namespace"])?.as_str()
    }
}

/// Does an entry of `resources` name the file `path`? The entry of a file that
/// somebody removed may still be there, and kustomize refuses a file it is told
/// of twice.
fn names_file(entry: &Value, path: &str) -> bool {
    let plain = |text: &str| {
        let parts = text.split('/').filter(|part| !matches!(*part, "" | "."));
        parts.collect::<Vec<_>>().join("/")
    };
    entry
        .as_str()
        .is_some_and(|entry| plain(entry) == plain(path))
}
