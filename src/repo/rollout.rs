//! A Canary together with everything in the repository that belongs to it.

mod parts;
mod references;

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde_yaml::Value;

use super::inventory::{Inventory, Wanted, is_below};
use super::kustomize;
use super::manifest::Manifest;
use crate::api::{
    AlertProvider, Canary, FieldPath, MetricTemplate, Problem, RouteRef, read, unsupported,
    unsupported_by_route, unsupported_in_generated_route, validate_status,
};
use crate::diagnostic::Diagnostic;
use crate::error::{Error, Kind, Result};
use references::References;

pub use parts::{
    Config, Copied, FieldPair, FieldSite, Fields, Home, ImageEntry, Release, RouteSite, Scaler,
};

/// A Canary, and the manifests it acts on.
#[derive(Debug)]
pub struct Rollout {
    /// The Canary; its namespace is filled in.
    pub canary: Canary,
    /// Where the Canary stands.
    pub manifest: Manifest,
    /// How the primary gets what the target runs.
    pub release: Release,
    /// The public Service.
    pub apex_service: Option<Manifest>,
    /// The primary's Service.
    pub primary_service: Option<Manifest>,
    /// The target's Service.
    pub canary_service: Option<Manifest>,
    /// The routes; all change in the same commit.
    pub routes: Vec<RouteSite>,
    /// The kustomization that lists what belongs to the rollout.
    pub home: Option<Home>,
    /// The MetricTemplate of each metric that has one, by position.
    pub templates: BTreeMap<usize, MetricTemplate>,
    /// The AlertProvider of each alert whose provider is there and valid, by
    /// position.
    pub alert_providers: BTreeMap<usize, AlertProvider>,
    /// Was the Canary deleted? This is then its last version, and nothing is
    /// written to it.
    pub is_deleted: bool,
    /// What does not stop the rollout.
    pub warnings: Vec<Diagnostic>,
}

/// A Canary that reads and is valid, with its warnings.
#[derive(Debug)]
pub struct Checked {
    /// The Canary; its namespace is filled in.
    pub canary: Canary,
    /// What does not stop it.
    pub warnings: Vec<Diagnostic>,
}

/// Reads a Canary and checks it by itself, without the rest of the repository.
///
/// # Errors
/// [`Kind::Document`] with every problem when it is not valid.
pub fn check(manifest: &Manifest, now: Timestamp) -> Result<Checked> {
    let (canary, mut problems) = read::<Canary>(manifest.value.clone());
    if let Some(status) = canary.as_ref().and_then(|canary| canary.status.as_ref()) {
        problems.extend(validate_status(status, now));
    }
    let (errors, warnings) = split(manifest, problems);
    match canary {
        Some(mut canary) if errors.is_empty() => {
            canary.metadata.namespace.clone_from(&manifest.namespace);
            Ok(Checked { canary, warnings })
        }
        _ => Err(invalid(manifest, errors, warnings)),
    }
}

/// Finds what belongs to a Canary.
///
/// # Errors
/// [`Kind::Document`] with every problem: the Canary is not valid or asks for
/// what this version cannot do, something it needs is not there, or is there twice.
pub fn resolve(inventory: &Inventory, manifest: &Manifest, now: Timestamp) -> Result<Rollout> {
    let Checked {
        canary,
        mut warnings,
    } = check(manifest, now)?;
    let (mut errors, more) = split(manifest, unsupported(&canary));
    warnings.extend(more);
    warnings.extend(split(manifest, without_namespace(&canary)).1);
    let search = Search::new(inventory, manifest, &canary);
    let note = |error: Error, path: &str, errors: &mut Vec<Diagnostic>| -> Result<()> {
        if error.kind() != Kind::Document {
            return Err(error);
        }
        let mut diagnostic = manifest.error_at(path, error.chain());
        diagnostic.hint = error.hints().first().cloned();
        errors.push(diagnostic);
        errors.extend(error.diagnostics().to_vec());
        Ok(())
    };
    let found =
        |result: Result<Option<Manifest>>, path: &str, errors: &mut Vec<Diagnostic>| match result {
            Ok(manifest) => Ok(manifest),
            Err(error) => note(error, path, errors).map(|()| None),
        };

    let spec = &canary.spec;
    let target = found(search.target(), "spec.targetRef.name", &mut errors)?;
    let primary = found(
        search.workload(&spec.primary_name()),
        "spec.targetRef.name",
        &mut errors,
    )?;
    let service = |name: &str, errors: &mut Vec<Diagnostic>| {
        found(search.object("Service", name), "spec.service", errors)
    };
    let apex_service = service(spec.apex(), &mut errors)?;
    let primary_service = service(&spec.primary_service(), &mut errors)?;
    let canary_service = service(&spec.canary_service(), &mut errors)?;
    let route = found(search.route(), "spec.service", &mut errors)?;
    let references = References::new(inventory, &canary, manifest.path());
    let (templates, problems) = references.templates()?;
    let (template_errors, template_warnings) = split(manifest, problems);
    errors.extend(template_errors);
    warnings.extend(template_warnings);
    let (alert_providers, problems) = references.alert_providers();
    warnings.extend(split(manifest, problems).1);
    let (query_errors, _) = split(manifest, references::queries(&canary, &templates));
    errors.extend(query_errors);
    let problems = match &route {
        Some(route) => unsupported_by_route(&canary, &route.kind),
        None => unsupported_in_generated_route(&canary),
    };
    let (more, less) = split(manifest, problems);
    errors.extend(more);
    warnings.extend(less);
    let mut kustomization = None;
    if let Some(target) = &target {
        kustomization = found(
            inventory.kustomization_of(target.path()),
            "spec.targetRef.name",
            &mut errors,
        )?;
        match &kustomization {
            Some(kustomization) => {
                errors.extend(kustomize::overrides(
                    target,
                    &spec.primary_name(),
                    kustomization,
                ));
            }
            None if inventory.has_kustomization(target.path())? => warnings.push(
                Diagnostic::warning(format!(
                    "no kustomization lists {}: files generated beside it are not listed either",
                    target.path()
                ))
                .hint("list it under resources, or see that the generated files are applied"),
            ),
            None => {}
        }
        warnings.extend(untracked_configs(target));
    }
    match target {
        Some(target) if errors.is_empty() => Ok(Rollout {
            manifest: manifest.clone(),
            release: Release::Copy(Box::new(Copied {
                built: target.value.clone(),
                target,
                primary,
                configs: Vec::new(),
                scaler: None,
                images: Vec::new(),
            })),
            apex_service,
            primary_service,
            canary_service,
            routes: vec![RouteSite {
                canary: canary.clone(),
                manifest: route,
            }],
            home: kustomization.map(|kustomization| Home {
                chain: vec![kustomization.clone()],
                kustomization,
            }),
            canary,
            templates,
            alert_providers,
            is_deleted: false,
            warnings,
        }),
        _ => Err(invalid(manifest, errors, warnings)),
    }
}

/// Looks for the objects of one Canary.
struct Search<'a> {
    inventory: &'a Inventory,
    canary: &'a Canary,
    levels: Vec<String>,
    path: &'a str,
    /// Folders of other Canaries with the same target or apex, such as those
    /// of another environment: what is in there is theirs.
    others: Vec<&'a str>,
}

impl<'a> Search<'a> {
    fn new(inventory: &'a Inventory, manifest: &'a Manifest, canary: &'a Canary) -> Self {
        let only = canary
            .spec
            .gitops
            .as_ref()
            .and_then(|gitops| gitops.path.as_deref());
        let text = |canary: &Manifest, path: [&str; 2]| {
            let value = canary.value.get("spec")?.get(path[0])?.get(path[1])?;
            value.as_str().map(str::to_owned)
        };
        let names = |canary: &Manifest| {
            ["targetRef", "service"].map(|object| text(canary, [object, "name"]))
        };
        let ours = names(manifest);
        let same = |other: &&Manifest| {
            let theirs = names(other);
            ours.iter()
                .flatten()
                .any(|name| theirs.contains(&Some(name.clone())))
        };
        let others = inventory.canaries().iter().filter(same);
        let folders = others.map(Manifest::folder);
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

    fn wanted<'b>(&'b self, kind: &'b str, name: &'b str) -> Wanted<'b> {
        Wanted {
            kind,
            name,
            namespace: self.canary.metadata.namespace.as_deref(),
        }
    }

    fn object(&self, kind: &str, name: &str) -> Result<Option<Manifest>> {
        let wanted = self.wanted(kind, name);
        self.inventory
            .nearest(&self.levels, &wanted, |manifest| !self.is_foreign(manifest))
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
    fn workload(&self, name: &str) -> Result<Option<Manifest>> {
        let wanted = self.wanted(&self.canary.spec.target_ref.kind, name);
        self.inventory.nearest(&self.levels, &wanted, |manifest| {
            let spec = manifest.value.get("spec");
            let whole = spec.is_some_and(|spec| spec.get("selector").is_some());
            whole && !self.is_foreign(manifest)
        })
    }

    fn target(&self) -> Result<Option<Manifest>> {
        let target = &self.canary.spec.target_ref;
        match self.workload(&target.name)? {
            Some(manifest) => Ok(Some(manifest)),
            None => Err(self.wanted(&target.kind, &target.name).missing().hint(
                "commit its manifest beside the Canary, or name its folder in spec.gitops.path",
            )),
        }
    }

    /// The route by name: of the kind asked for, else an HTTPRoute, else a
    /// GRPCRoute.
    fn route(&self) -> Result<Option<Manifest>> {
        let gitops = self.canary.spec.gitops();
        let asked = gitops.route.clone().unwrap_or_default();
        let name = asked.name.as_deref().unwrap_or(self.canary.spec.apex());
        let kinds = match &asked.kind {
            Some(kind) => vec![kind.as_str()],
            None => RouteRef::KINDS.to_vec(),
        };
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
}

/// Queries say the namespace, and one that nobody knows measures nothing.
fn without_namespace(canary: &Canary) -> Vec<Problem> {
    let path = FieldPath::root().key("metadata").key("name");
    let message = "has no namespace, and no kustomization gives one: queries ask for none";
    let problem =
        Problem::warning(path, message).hint("set metadata.namespace to where the workload runs");
    match canary.metadata.namespace {
        Some(_) => Vec::new(),
        None => vec![problem],
    }
}

/// ConfigMaps and Secrets are shared by target and primary in this version.
fn untracked_configs(target: &Manifest) -> Option<Diagnostic> {
    const REFERENCES: [&str; 6] = [
        "configMapRef",
        "configMapKeyRef",
        "configMap",
        "secretRef",
        "secretKeyRef",
        "secret",
    ];
    fn refers(value: &Value) -> bool {
        match value {
            Value::Mapping(mapping) => mapping.iter().any(|(key, value)| {
                key.as_str().is_some_and(|key| REFERENCES.contains(&key)) || refers(value)
            }),
            Value::Sequence(items) => items.iter().any(refers),
            Value::Tagged(tagged) => refers(&tagged.value),
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => false,
        }
    }
    let pods = target.value.get("spec")?.get("template")?.get("spec")?;
    let warning = || {
        let mut warning = target.error_at(
            "spec.template.spec",
            "ConfigMaps and Secrets are not tracked: a change reaches target and primary alike",
        );
        warning.severity = crate::diagnostic::Severity::Warning;
        warning
            .hint("give a changed ConfigMap a new name, so that the pod template changes with it")
    };
    refers(pods).then(warning)
}

/// Errors and warnings of `problems`, each with its place.
fn split(manifest: &Manifest, problems: Vec<Problem>) -> (Vec<Diagnostic>, Vec<Diagnostic>) {
    problems
        .iter()
        .map(|problem| manifest.diagnostic(problem))
        .partition(|diagnostic| diagnostic.severity == crate::diagnostic::Severity::Error)
}

/// The warnings come along: a misspelt field is one, and why the right one is missing.
fn invalid(manifest: &Manifest, errors: Vec<Diagnostic>, warnings: Vec<Diagnostic>) -> Error {
    let name = match &manifest.namespace {
        Some(namespace) => format!("{namespace}/{}", manifest.name),
        None => manifest.name.clone(),
    };
    Error::document(format!("Canary {name} cannot be carried out"))
        .at(errors)
        .at(warnings)
}
