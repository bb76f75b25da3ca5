//! From a plan to edits.

mod fields;
mod place;
mod restore;
mod routes;
mod separate;
mod services;
mod workloads;

use serde_yaml::Value;

pub use separate::{HEADER, separate};

use crate::api::{FieldPath, Status};
use crate::decide::{Effect, Plan};
use crate::error::{Error, Result};
use crate::render::changes::{Changes, in_the_way};
use crate::render::service::ServiceRole;
use crate::render::weights::WeightError;
use crate::repo::files::Files;
use crate::repo::generated::Owner;
use crate::repo::manifest::Manifest;
use crate::repo::rollout::{Release, Rollout};
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
        Some(status) if !rollout.is_deleted => editor.write_status(&status),
        Some(_) | None => Ok(()),
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
            Effect::CreatePrimary | Effect::Promote => match &self.rollout.release {
                Release::Copy(_) => self.write_primary(),
                Release::Fields(fields) => self.promote_fields(fields),
            },
            Effect::PointApexAtPrimary => self.ensure_service(ServiceRole::Apex),
            Effect::PointApexAtTarget => self.point_apex_at_target(),
            Effect::SetTraffic { traffic } => self.set_traffic(traffic),
            Effect::UpdateRoute { traffic } => self.update_route(traffic),
            Effect::ScaleCanaryUp { replicas } => self.scale_up(replicas),
            Effect::ScaleCanaryToZero => self.scale_to_zero(),
            Effect::RestoreTarget => match &self.rollout.release {
                Release::Copy(_) => self.restore_target(),
                Release::Fields(fields) => self.restore_fields(fields),
            },
            Effect::Defer { .. } => Ok(()),
        }
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
        let file = format!("{name}-{}.yaml", kind.to_lowercase());
        let path = join(self.folder(), &file);
        let comment = self.comment();
        self.changes.create(self.files, &path, &comment, object)?;
        let Some(home) = &self.rollout.home else {
            return Ok(());
        };
        let entry = relative(home.kustomization.folder(), &path);
        self.list("resources", &entry.into(), |item| {
            let listed = item.as_str();
            listed.is_some_and(|listed| is_same_file(listed, entry))
        })
    }

    /// Adds an entry to a list of the home kustomization, unless one of those
    /// there `is_it`: Kustomize refuses a file that it is told of twice, and that
    /// of a file that somebody removed may still be there.
    fn list(&mut self, list: &str, entry: &Value, is_it: impl Fn(&Value) -> bool) -> Result<()> {
        let Some(home) = &self.rollout.home else {
            return Ok(());
        };
        let kustomization = &home.kustomization;
        let path = FieldPath::root().key(list);
        self.edit(kustomization, |stream| {
            let current = stream.documents()[kustomization.document].to_value();
            let current = current.map_err(EditError::from)?;
            let listed = current.get(list).and_then(Value::as_sequence);
            let listed = listed.map(Vec::as_slice).unwrap_or_default();
            if listed.iter().any(is_it) {
                return Ok(());
            }
            let path = path.index(listed.len());
            Ok(stream.assign(kustomization.document, &path, entry)?)
        })
    }

    fn edit(
        &mut self,
        manifest: &Manifest,
        edit: impl FnOnce(&mut Stream) -> Result<(), WeightError>,
    ) -> Result<()> {
        self.changes.edit(self.files, manifest, edit)
    }

    /// What stands at the top of a generated file: whose it is.
    fn comment(&self) -> String {
        let rollout = self.rollout;
        Owner::new(rollout.canary.id(), rollout.manifest.path()).comment()
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

/// The path of `file` in `folder`.
fn join(folder: &str, file: &str) -> String {
    match folder {
        "" => file.to_owned(),
        folder => format!("{folder}/{file}"),
    }
}

/// `path` as a kustomization in `folder` names it.
fn relative<'a>(folder: &str, path: &'a str) -> &'a str {
    match folder {
        "" => path,
        folder => path
            .strip_prefix(folder)
            .map_or(path, |rest| rest.trim_start_matches('/')),
    }
}

/// Do two entries name the same file?
fn is_same_file(one: &str, other: &str) -> bool {
    let plain = |text: &str| {
        let parts = text.split('/').filter(|part| !matches!(*part, "" | "."));
        parts.collect::<Vec<_>>().join("/")
    };
    plain(one) == plain(other)
}
