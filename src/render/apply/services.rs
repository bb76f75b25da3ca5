//! The three Services.

use serde_yaml::Value;

use super::Editor;
use super::place::Change;
use crate::api::FieldPath;
use crate::error::Result;
use crate::render::service::{ServiceRole, service};
use crate::render::workload::SelectorLabel;
use crate::repo::manifest::Manifest;

impl Editor<'_> {
    /// Creates the Service, or makes the one that is there select the right
    /// pods. Nothing else of it is touched.
    pub(super) fn ensure_service(&mut self, role: ServiceRole) -> Result<()> {
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
        self.select(existing, &label, role.selects(&label))
    }

    /// What was before the Canary: the public name leads to the target. An apex
    /// Service that is gone stays gone.
    pub(super) fn point_apex_at_target(&mut self) -> Result<()> {
        let rollout = self.rollout;
        let (Some(copied), Some(apex)) = (rollout.release.copied(), &rollout.apex_service) else {
            return Ok(());
        };
        let label = SelectorLabel::of(&copied.built)?;
        self.select(apex, &label, label.value.clone())
    }

    fn select(&mut self, service: &Manifest, label: &SelectorLabel, value: String) -> Result<()> {
        let path = FieldPath::root()
            .key("spec")
            .key("selector")
            .key(&label.key);
        self.change(service, &[Change::Set(path, Value::from(value))])
    }
}
