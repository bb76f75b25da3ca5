//! Looking for the objects of one Canary.

use serde_yaml::Value;

use crate::api::{Canary, RouteRef};
use crate::error::Result;
use crate::repo::inventory::{Inventory, Wanted, is_below};
use crate::repo::manifest::Manifest;

/// Looks for the objects of one Canary.
pub(super) struct Search<'a> {
    pub(super) inventory: &'a Inventory,
    pub(super) canary: &'a Canary,
    levels: Vec<String>,
    pub(super) path: &'a str,
    /// Folders of other Canaries with the same target or apex, such as those
    /// of another environment: what is in there is theirs.
    others: Vec<&'a str>,
}

impl<'a> Search<'a> {
    pub(super) fn new(
        inventory: &'a Inventory,
        manifest: &'a Manifest,
        canary: &'a Canary,
    ) -> Self {
        let only = canary
            .spec
            .gitops
            .as_ref()
            .and_then(|gitops| gitops.path.as_deref());
        let others = inventory.namesakes(manifest);
        let folders = others.into_iter().map(Manifest::folder);
        Self {
            inventory,
            canary,
            levels: Inventory::levels(manifest.path(), only),
            path: manifest.path(),
            others: folders
                .filter(|folder| *folder != manifest.folder())
                .collect(),
        }
    }

    pub(super) fn wanted<'b>(&'b self, kind: &'b str, name: &'b str) -> Wanted<'b> {
        Wanted {
            kind,
            name,
            namespace: self.canary.metadata.namespace.as_deref(),
        }
    }

    pub(super) fn object(&self, kind: &str, name: &str) -> Result<Option<Manifest>> {
        let wanted = self.wanted(kind, name);
        self.find(&wanted, |manifest| wanted.is(manifest))
    }

    /// The nearest object that `is` what is wanted: in the Canary's own folder or
    /// below, else among what its kustomization lists, else farther out. With
    /// `spec.gitops.path` in that folder only.
    pub(super) fn find(
        &self,
        wanted: &Wanted<'_>,
        is: impl Fn(&Manifest) -> bool,
    ) -> Result<Option<Manifest>> {
        let ours = |manifest: &Manifest| is(manifest) && !self.is_foreign(manifest);
        let inventory = self.inventory;
        let Some((own, farther)) = self.levels.split_first() else {
            return Ok(None);
        };
        let levels = std::slice::from_ref(own);
        if let Some(found) = inventory.beyond(None, levels, wanted, ours)? {
            return Ok(Some(found));
        }
        if self.canary.spec.gitops().path.is_some() {
            return Ok(None);
        }
        if let Some(kustomization) = inventory.nearest_kustomization(self.path)?
            && let Some(found) = inventory.listed(&kustomization, own, wanted, &is)?
        {
            return Ok(Some(found));
        }
        inventory.beyond(Some(own), farther, wanted, ours)
    }

    /// Does it lie with another Canary of the same name, and not with this one?
    fn is_foreign(&self, manifest: &Manifest) -> bool {
        let own = Inventory::levels(self.path, None).into_iter().next();
        let is_own = own.is_some_and(|own| is_below(manifest.path(), &own));
        let only = self.canary.spec.gitops().path.is_some();
        let near = |folder: &&str| is_below(manifest.path(), folder);
        !is_own && !only && self.others.iter().any(near)
    }

    /// A workload in full: a patch of one has no selector.
    pub(super) fn workload(&self, name: &str) -> Result<Option<Manifest>> {
        let wanted = self.wanted(&self.canary.spec.target_ref.kind, name);
        self.find(&wanted, |manifest| {
            let spec = manifest.value.get("spec");
            let whole = spec.is_some_and(|spec| spec.get("selector").is_some());
            whole && wanted.is(manifest)
        })
    }

    pub(super) fn target(&self) -> Result<Option<Manifest>> {
        let target = &self.canary.spec.target_ref;
        match self.workload(&target.name)? {
            Some(manifest) => Ok(Some(manifest)),
            None => Err(self.wanted(&target.kind, &target.name).missing().hint(
                "commit its manifest beside the Canary, or name its folder in spec.gitops.path",
            )),
        }
    }

    /// The autoscaler called so; there is none without `spec.scaleTargetRef`.
    pub(super) fn scaler(&self, name: &str) -> Result<Option<Manifest>> {
        let autoscaler = self.canary.spec.autoscaler_ref.as_ref();
        let kind = autoscaler.map_or("", |autoscaler| autoscaler.kind.as_str());
        let wanted = self.wanted(kind, name);
        self.find(&wanted, |manifest| {
            let spec = manifest.value.get("spec");
            let whole = spec.is_some_and(|spec| spec.get("scaleTargetRef").is_some());
            whole && wanted.is(manifest)
        })
    }

    /// What makes a Secret called `name` in the cluster: an ExternalSecret, a
    /// SealedSecret.
    pub(super) fn maker_of_secret(&self, name: &str) -> Result<Option<Manifest>> {
        let wanted = self.wanted("ExternalSecret", name);
        let makes = |manifest: &Manifest| {
            let kind = matches!(manifest.kind.as_str(), "ExternalSecret" | "SealedSecret");
            let named = |path: &[&str]| {
                let value = path
                    .iter()
                    .try_fold(&*manifest.value, |value, key| value.get(*key));
                value.and_then(Value::as_str) == Some(name)
            };
            let same = match (wanted.namespace, manifest.namespace.as_deref()) {
                (Some(wanted), Some(found)) => wanted == found,
                (None, _) | (_, None) => true,
            };
            kind && same
                && (manifest.name == name
                    || named(&["spec", "target", "name"])
                    || named(&["spec", "template", "metadata", "name"]))
        };
        self.find(&wanted, makes)
    }

    /// The route by name: of the kind asked for, else an HTTPRoute, else a
    /// GRPCRoute.
    pub(super) fn route(&self) -> Result<Option<Manifest>> {
        let gitops = self.canary.spec.gitops();
        let asked = gitops.route.clone().unwrap_or_default();
        let name = asked.name.as_deref().unwrap_or(self.canary.spec.apex());
        let kinds = kinds(&asked);
        for kind in &kinds {
            if let Some(route) = self.object(kind, name)? {
                return Ok(Some(route));
            }
        }
        if asked.name.is_none() && asked.kind.is_none() {
            return Ok(None);
        }
        Err(self.wanted(kinds[0], name).missing().hint(
            "a route named in spec.gitops.route has to exist; remove the field to have one generated",
        ))
    }

    /// A route of `spec.gitops.routes`: in its folder, else as near as any object.
    pub(super) fn one_of_routes(&self, asked: &RouteRef) -> Result<Manifest> {
        let name = asked.name.as_deref().unwrap_or(self.canary.spec.apex());
        let kinds = kinds(asked);
        for kind in &kinds {
            if let Some(route) = self.route_of_kind(kind, asked)? {
                return Ok(route);
            }
        }
        let missing = self.wanted(kinds[0], name).missing();
        let place = asked
            .path
            .as_deref()
            .unwrap_or("the folder of each cluster");
        Err(missing.hint(format!(
            "every route in spec.gitops.routes has to exist: commit it in {place}"
        )))
    }

    fn route_of_kind(&self, kind: &str, asked: &RouteRef) -> Result<Option<Manifest>> {
        let name = asked.name.as_deref().unwrap_or(self.canary.spec.apex());
        match &asked.path {
            None => self.object(kind, name),
            Some(folder) => {
                let levels = Inventory::levels(self.path, Some(folder));
                let wanted = self.wanted(kind, name);
                self.inventory.nearest(&levels, &wanted, |_| true)
            }
        }
    }

    /// Is none of the routes there? Not while a file that may hold one cannot be
    /// read.
    pub(super) fn has_no_route(&self) -> bool {
        let gitops = self.canary.spec.gitops();
        let one = || vec![gitops.route.clone().unwrap_or_default()];
        let asked = gitops.routes.clone().unwrap_or_else(one);
        asked.iter().all(|asked| {
            let mut kinds = kinds(asked).into_iter();
            kinds.all(|kind| matches!(self.route_of_kind(kind, asked), Ok(None)))
        })
    }
}

/// The kinds of a route to look for.
fn kinds(asked: &RouteRef) -> Vec<&str> {
    match &asked.kind {
        Some(kind) => vec![kind.as_str()],
        None => RouteRef::KINDS.to_vec(),
    }
}
