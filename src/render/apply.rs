//! From a plan to edits.

use serde_yaml::Value;

use super::changes::Changes;
use super::route::{self, RouteState};
use super::service::{ServiceRole, service};
use super::weights::WeightError;
use super::workload::{SelectorLabel, primary, promote};
use crate::api::{FieldPath, Status, Traffic};
use crate::decide::{Effect, Plan};
use crate::error::{Error, Result};
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
            Effect::SetTraffic { traffic } => self.set_traffic(traffic),
            Effect::UpdateRoute { traffic } => self.update_route(traffic),
            Effect::ScaleCanaryUp { replicas } => self.scale(replicas),
            Effect::ScaleCanaryToZero => self.scale(Some(0)),
            Effect::Promote => self.promote(),
            Effect::Defer { .. } => Ok(()),
        }
    }

    /// Creates the Service, or makes the one that is there select the right
    /// pods. Nothing else of it is touched.
    fn ensure_service(&mut self, role: ServiceRole) -> Result<()> {
        let label = SelectorLabel::of(&self.rollout.target.value)?;
        let existing = match role {
            ServiceRole::Apex => &self.rollout.apex_service,
            ServiceRole::Primary => &self.rollout.primary_service,
            ServiceRole::Canary => &self.rollout.canary_service,
        };
        let Some(existing) = existing else {
            let spec = &self.rollout.canary.spec;
            let target = &self.rollout.target.value;
            let object = service(role, spec, &label, self.namespace(), target);
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

    fn create_primary(&mut self) -> Result<()> {
        let name = self.rollout.canary.spec.primary_name();
        let object = primary(&self.rollout.target.value, &name)?;
        let kind = self.rollout.target.kind.to_lowercase();
        self.create(&kind, &name, &object)
    }

    fn set_traffic(&mut self, traffic: Traffic) -> Result<()> {
        let rollout = self.rollout;
        let state = self.state(traffic);
        let spec = &rollout.canary.spec;
        let Some(existing) = &rollout.route else {
            let object = route::route(spec, self.namespace(), &state);
            self.create("httproute", spec.apex(), &object)?;
            let added = route::added_rules(spec, &state);
            self.note(added, Some(route::checksum(spec)));
            return Ok(());
        };
        let mut added = Vec::new();
        self.edit(existing, |stream| {
            added = route::set(stream, &rollout.canary, existing, &state)?;
            Ok(())
        })?;
        let old = rollout.canary.status.as_ref();
        let generated = old.and_then(|status| status.generated_route.clone());
        let still = generated.filter(|_| route::is_generated(&rollout.canary, existing));
        self.note(added, still);
        Ok(())
    }

    /// Only a route that was generated is brought up to date; any other keeps
    /// what it has.
    fn update_route(&mut self, traffic: Traffic) -> Result<()> {
        let rollout = self.rollout;
        let existing = rollout.route.as_ref();
        let is_generated = |route: &&Manifest| route::is_generated(&rollout.canary, route);
        let Some(existing) = existing.filter(is_generated) else {
            return self.set_traffic(traffic);
        };
        let state = self.state(traffic);
        let mut added = Vec::new();
        self.edit(existing, |stream| {
            added = route::update(stream, &rollout.canary, existing, &state)?;
            Ok(())
        })?;
        self.note(added, Some(route::checksum(&rollout.canary.spec)));
        Ok(())
    }

    /// The route with `traffic` and the cookies of this plan.
    fn state(&self, traffic: Traffic) -> RouteState {
        let canary = &self.rollout.canary;
        let status = self.status.as_ref().or(canary.status.as_ref());
        RouteState::new(&canary.spec, status, traffic)
    }

    /// Notes in the status what the route has of us. A status that would stay as
    /// it is is not written.
    fn note(&mut self, added: Vec<String>, generated: Option<String>) {
        let old = self.rollout.canary.status.clone().unwrap_or_default();
        let is_known = old.added_rules == added && old.generated_route == generated;
        if self.status.is_none() && is_known {
            return;
        }
        let status = self.status.get_or_insert(old);
        status.added_rules = added;
        status.generated_route = generated;
    }

    fn scale(&mut self, replicas: Option<i64>) -> Result<()> {
        let target = &self.rollout.target;
        let path = FieldPath::root().key("spec").key("replicas");
        let present = super::workload::get(&target.value, &["spec", "replicas"]).is_some();
        self.edit(target, |stream| match replicas {
            Some(replicas) => Ok(stream.assign(target.document, &path, &replicas.into())?),
            None if present => Ok(stream.remove_key(target.document, &path)?),
            None => Ok(()),
        })
    }

    /// Copies the pod template; only what differs is edited.
    fn promote(&mut self) -> Result<()> {
        let rollout = self.rollout;
        let Some(existing) = &rollout.primary else {
            return self.create_primary();
        };
        let replicas = rollout.canary.spec.autoscaler_ref.is_none();
        let mut promoted = existing.value.clone();
        promote(&rollout.target.value, &mut promoted, replicas)?;
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

    /// Writes a new file beside the target and lists it in its kustomization.
    fn create(&mut self, kind: &str, name: &str, object: &Value) -> Result<()> {
        let target = &self.rollout.target;
        let file = format!("{name}-{kind}.yaml");
        let path = match target.folder() {
            "" => file,
            folder => format!("{folder}/{file}"),
        };
        let comment = format!(
            "Generated by Weirkeeper for Canary {}.",
            self.rollout.canary.metadata.name
        );
        self.changes.create(self.files, &path, &comment, object)?;
        let Some(kustomization) = &self.rollout.kustomization else {
            return Ok(());
        };
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

    /// The namespace that generated objects spell out: the target's own.
    fn namespace(&self) -> Option<&str> {
        super::workload::get(&self.rollout.target.value, &["metadata", "namespace"])?.as_str()
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
