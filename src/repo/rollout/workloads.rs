//! Target and primary, and what comes with them: mode `copy`.

use std::sync::Arc;

use super::findings::Findings;
use super::search::Search;
use super::{Copied, Home, Release, Scaler, configs};
use crate::api::Status;
use crate::diagnostic::Diagnostic;
use crate::error::Result;
use crate::repo::inventory::Inventory;
use crate::repo::kustomize::build::{Built, Wanted, build, scaling};
use crate::repo::kustomize::{Kustomization, above};
use crate::repo::manifest::Manifest;

/// The manifests of target, primary and autoscaler.
pub(super) struct Workloads {
    target: Manifest,
    primary: Option<Manifest>,
    scaler: Option<(Manifest, Option<Manifest>)>,
}

impl Workloads {
    /// `None` when there is no target; that is noted.
    ///
    /// # Errors
    /// When a file cannot be read.
    pub(super) fn find(search: &Search<'_>, findings: &mut Findings<'_>) -> Result<Option<Self>> {
        let spec = &search.canary.spec;
        let place = "spec.targetRef.name";
        let target = findings.found(search.target(), place)?;
        let primary = findings.found(search.workload(&spec.primary_name()), place)?;
        let scaler = scaler(search, findings)?;
        Ok(target.map(|target| Self {
            target,
            primary,
            scaler,
        }))
    }

    /// Everything as the kustomizations build it.
    ///
    /// # Errors
    /// When a file cannot be read. What is wrong with documents is noted.
    pub(super) fn built(
        self,
        search: &Search<'_>,
        findings: &mut Findings<'_>,
    ) -> Result<Option<(Release, Option<Home>)>> {
        let inventory = search.inventory;
        let place = "spec.targetRef.name";
        let chain = inventory.chain(search.path, self.target.path()).map(Some);
        let Some(chain) = findings.found(chain, place)? else {
            return Ok(None);
        };
        if chain.is_empty() && inventory.has_kustomization(self.target.path())? {
            findings.warnings.push(unlisted(&self.target));
        }
        let home = home_of(&chain);
        // One that is shared with others is refused as such.
        let shares = |primary: &&Manifest| home.as_ref().is_some_and(|home| home.shares(primary));
        let own = self.primary.as_ref().filter(|primary| !shares(primary));
        let wanted = Wanted {
            manifests: [&self.target]
                .into_iter()
                .chain(self.scaler.as_ref().map(|(scaler, _)| scaler))
                .chain(own)
                .collect(),
            target: Some(&self.target),
            primary: self.primary.as_ref(),
        };
        let status = search.canary.status.as_ref();
        let is_exposed = status.is_some_and(Status::is_exposed);
        let built = match (chain.first(), &home) {
            (Some(first), Some(home)) => {
                let result = kustomized(inventory, first, home, &wanted).map(Some);
                let Some((built, problems)) = findings.found(result, place)? else {
                    return Ok(None);
                };
                findings.errors.extend(problems);
                for found in &built.primary {
                    match is_exposed {
                        // Nothing stands in the way of a rollback.
                        true => findings.warn(found.clone()),
                        false => findings.errors.push(found.clone()),
                    }
                }
                built
            }
            _ => Built::default(),
        };
        let value = |manifest: &Manifest| {
            let object = built.of(manifest);
            let value = object.map_or(&*manifest.value, |object| &object.value);
            value.clone()
        };
        let target = value(&self.target);
        let first = chain.first().map(AsRef::as_ref);
        let configs = configs::find(search, first, &self.target, &target, findings)?;
        let scaler = self.scaler.map(|(manifest, primary)| Scaler {
            built: value(&manifest),
            manifest,
            primary,
        });
        let copied = Copied {
            built: target,
            target: self.target,
            primary: self.primary,
            configs,
            scaler,
            images: built.images,
        };
        Ok(Some((Release::Copy(Box::new(copied)), home)))
    }
}

/// Builds what is wanted of the home, and finds everything that is wrong with it.
fn kustomized(
    inventory: &Inventory,
    first: &Kustomization,
    home: &Home,
    wanted: &Wanted<'_>,
) -> Result<(Built, Vec<Diagnostic>)> {
    let built = build(inventory, first, wanted)?;
    let mut problems = built.problems.clone();
    if let Some(target) = wanted.target {
        problems.extend(scaling(inventory, first, wanted, home.shares(target))?);
        if let Some(object) = built.of(target) {
            problems.extend(above::overrides(inventory, first, object)?);
        }
    }
    Ok((built, problems))
}

/// The home that a chain of kustomizations begins with.
pub(super) fn home_of(chain: &[Arc<Kustomization>]) -> Option<Home> {
    let manifests: Vec<Manifest> = chain.iter().map(|one| one.manifest.clone()).collect();
    Some(Home {
        kustomization: manifests.first()?.clone(),
        chain: manifests,
    })
}

fn unlisted(target: &Manifest) -> Diagnostic {
    Diagnostic::warning(format!(
        "no kustomization lists {}: files generated beside it are not listed either",
        target.path()
    ))
    .hint("list it under resources, or see that the generated files are applied")
}

/// The autoscaler of `spec.autoscalerRef`, and its copy for the primary.
fn scaler(
    search: &Search<'_>,
    findings: &mut Findings<'_>,
) -> Result<Option<(Manifest, Option<Manifest>)>> {
    const HPA: &str = "HorizontalPodAutoscaler";
    let Some(asked) = &search.canary.spec.autoscaler_ref else {
        return Ok(None);
    };
    let place = "spec.autoscalerRef.name";
    let missing = || {
        let hint = "commit its manifest beside the Canary, or remove spec.autoscalerRef";
        search.wanted(&asked.kind, &asked.name).missing().hint(hint)
    };
    let found = search.scaler(&asked.name);
    let found = found.and_then(|found| found.ok_or_else(missing).map(Some));
    let Some(manifest) = findings.found(found, place)? else {
        return Ok(None);
    };
    if manifest.kind == HPA && manifest.api_version() != "autoscaling/v2" {
        let message = format!("a {HPA} is copied in version autoscaling/v2 only");
        let hint = "write it in that version; Kubernetes has it since 1.23";
        findings
            .errors
            .push(manifest.error_at("apiVersion", message).hint(hint));
    }
    let primary = format!("{}-primary", asked.name);
    let primary = findings.found(search.scaler(&primary), place)?;
    Ok(Some((manifest, primary)))
}
