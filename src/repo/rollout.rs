//! A Canary together with everything in the repository that belongs to it.

mod configs;
mod fields;
mod findings;
mod gateway;
mod parts;
mod references;
mod routes;
mod search;
#[cfg(test)]
mod tests;
mod workloads;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use jiff::Timestamp;
use serde_yaml::Value;

use super::inventory::Inventory;
use super::kustomize::build::{Wanted, build};
use super::manifest::Manifest;
use crate::api::{
    AlertProvider, Canary, FieldPath, MetricTemplate, Problem, PromotionMode, read, unsupported,
    validate_status,
};
use crate::diagnostic::Diagnostic;
use crate::error::Result;
use crate::gateway::Gateway;
use findings::{Findings, invalid, split};
use references::References;
use routes::routes;
use search::Search;
use workloads::Workloads;

pub(crate) use gateway::gateway_hints;
pub use parts::{
    Config, Copied, FieldPair, FieldSite, Fields, Home, ImageEntry, Release, RouteSite,
    SELECTOR_LABELS, Scaler,
};
pub use routes::{has_no_route, resolve_routes};

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
    /// Whose metrics and capabilities apply.
    pub gateway: Gateway,
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
/// [`Kind::Document`](crate::error::Kind::Document) with every problem when it
/// is not valid.
pub fn check(manifest: &Manifest, now: Timestamp) -> Result<Checked> {
    let (canary, mut problems) = read::<Canary>(Value::clone(&manifest.value));
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
/// [`Kind::Document`](crate::error::Kind::Document) with every problem: the
/// Canary is not valid or asks for what this version cannot do, something it
/// needs is not there, or is there twice.
pub fn resolve(inventory: &Inventory, manifest: &Manifest, now: Timestamp) -> Result<Rollout> {
    let Examined { rollout, against } = examine(inventory, manifest, now)?;
    match against.is_empty() {
        true => Ok(rollout),
        false => Err(invalid(manifest, against, rollout.warnings)),
    }
}

/// A rollout, and what speaks against its gateway.
#[derive(Debug)]
pub struct Examined {
    /// What belongs to the Canary.
    pub rollout: Rollout,
    /// Why the gateway cannot do or tell what the Canary needs: [`resolve`] fails then.
    pub against: Vec<Diagnostic>,
}

/// The same for those who find out what is wrong: a gateway that does not fit does not
/// keep them from looking.
///
/// # Errors
/// As [`resolve`], but for what concerns the gateway alone.
pub fn examine(inventory: &Inventory, manifest: &Manifest, now: Timestamp) -> Result<Examined> {
    let Checked { canary, warnings } = check(manifest, now)?;
    let mut findings = Findings::new(manifest, warnings);
    findings.problems(unsupported(&canary));
    findings.problems(without_namespace(&canary));
    let search = Search::new(inventory, manifest, &canary);
    let workloads = match canary.spec.promotion_mode() {
        PromotionMode::Copy => Workloads::find(&search, &mut findings)?,
        PromotionMode::Fields => None,
    };
    let [apex_service, primary_service, canary_service] = services(&search, &mut findings)?;
    let routes = routes(&search, &mut findings)?;
    let (templates, alert_providers) = references(&search, &mut findings)?;
    let found = match (canary.spec.promotion_mode(), workloads) {
        (PromotionMode::Copy, Some(workloads)) => workloads.built(&search, &mut findings)?,
        (PromotionMode::Copy, None) => None,
        (PromotionMode::Fields, _) => fields::find(&search, &mut findings)?,
    };
    let (Some((release, home)), true) = (found, findings.errors.is_empty()) else {
        return Err(findings.into_error());
    };
    let primary = primary_workload(&canary, &release);
    let gateway::Chosen { gateway, problems } = gateway::choose(&search, &routes, &primary)?;
    inventory.refuse_broken(&gateway)?;
    let problems = problems.iter().map(|problem| manifest.diagnostic(problem));
    let against: Vec<Diagnostic> = problems.collect();
    let mut rollout = Rollout {
        manifest: manifest.clone(),
        release,
        gateway,
        apex_service,
        primary_service,
        canary_service,
        routes,
        home,
        templates,
        alert_providers,
        is_deleted: false,
        warnings: Vec::new(),
        canary,
    };
    rollout.build_shared(inventory, &mut findings)?;
    match findings.errors.is_empty() {
        true => {
            rollout.warnings = findings.warnings;
            Ok(Examined { rollout, against })
        }
        false => {
            findings.errors.extend(against);
            Err(findings.into_error())
        }
    }
}

/// Apex, primary's and canary's Service.
fn services(search: &Search<'_>, findings: &mut Findings<'_>) -> Result<[Option<Manifest>; 3]> {
    let spec = &search.canary.spec;
    let [primary, canary] = [spec.primary_service(), spec.canary_service()];
    let mut service = |name: &str| findings.found(search.object("Service", name), "spec.service");
    Ok([service(spec.apex())?, service(&primary)?, service(&canary)?])
}

/// The documents that the Canary refers to by name.
fn references(
    search: &Search<'_>,
    findings: &mut Findings<'_>,
) -> Result<(
    BTreeMap<usize, MetricTemplate>,
    BTreeMap<usize, AlertProvider>,
)> {
    let references = References::new(search.inventory, search.canary, search.path);
    let (templates, problems) = references.templates()?;
    findings.problems(problems);
    let (alert_providers, problems) = references.alert_providers();
    findings.problems(problems);
    findings.problems(references::queries(search.canary, &templates));
    Ok((templates, alert_providers))
}

/// What a rollout changes, and no other may.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Claim {
    /// The target, as one home builds it.
    Target {
        /// Path of its manifest.
        path: String,
        /// Its document there.
        document: usize,
        /// Path of the home kustomization. Two overlays may each release the
        /// target of one base.
        home: Option<String>,
    },
    /// A field that is written at promotion.
    Field {
        /// Path of the file.
        path: String,
        /// The document there.
        document: usize,
        /// The field.
        field: FieldPath,
    },
    /// The rules of a route that lead to one apex.
    Route {
        /// Path of its manifest.
        path: String,
        /// Its document there.
        document: usize,
        /// As of a target.
        home: Option<String>,
        /// The apex: one route may serve several.
        apex: String,
    },
    /// The apex Service.
    Apex {
        /// Path of its manifest.
        path: String,
        /// Its document there.
        document: usize,
        /// As of a target.
        home: Option<String>,
    },
}

impl Rollout {
    /// Name of the workload that serves stable traffic: in mode `fields` that of
    /// the first object whose fields are written, unless it is a kustomization.
    #[must_use]
    pub fn primary_workload(&self) -> String {
        primary_workload(&self.canary, &self.release)
    }

    /// The files of what a cluster runs of this rollout: workloads, configs,
    /// autoscaler, Services, routes, and the patches of what others share.
    #[must_use]
    pub fn applied_paths(&self) -> BTreeSet<String> {
        let services = [
            &self.apex_service,
            &self.primary_service,
            &self.canary_service,
        ];
        let routes = self.routes.iter().map(|site| &site.manifest);
        let mut manifests: Vec<&Manifest> = services.into_iter().chain(routes).flatten().collect();
        match &self.release {
            Release::Copy(copied) => {
                manifests.push(&copied.target);
                manifests.extend(&copied.primary);
                for config in &copied.configs {
                    manifests.extend(config.manifest.iter().chain(&config.primary));
                }
                if let Some(scaler) = &copied.scaler {
                    manifests.push(&scaler.manifest);
                    manifests.extend(&scaler.primary);
                }
            }
            Release::Fields(fields) => {
                let sites = fields.pairs.iter().flat_map(|pair| [&pair.from, &pair.to]);
                manifests.extend(sites.map(|site| &site.manifest));
            }
        }
        let mut paths: BTreeSet<String> =
            manifests.iter().map(|one| one.path().to_owned()).collect();
        let Some(home) = &self.home else {
            return paths;
        };
        paths.insert(home.kustomization.path().to_owned());
        let folder = home.kustomization.folder();
        let shared = manifests.iter().filter(|one| home.shares(one));
        paths.extend(shared.map(|one| {
            let kind = one.kind.to_lowercase();
            format!("{folder}/{}-{kind}-patch.yaml", one.name)
        }));
        paths
    }

    /// What this rollout changes. Two rollouts with a claim in common would undo
    /// each other's steps.
    #[must_use]
    pub fn claims(&self) -> Vec<Claim> {
        let mut claims: Vec<Claim> = match &self.release {
            Release::Copy(copied) => vec![Claim::Target {
                path: copied.target.path().to_owned(),
                document: copied.target.document,
                home: self.home_of_shared(&copied.target),
            }],
            Release::Fields(fields) => {
                let sites = fields.pairs.iter().map(|pair| &pair.to);
                let claim = |site: &FieldSite| Claim::Field {
                    path: site.manifest.path().to_owned(),
                    document: site.manifest.document,
                    field: site.path.clone(),
                };
                sites.map(claim).collect()
            }
        };
        let routes = self.routes.iter();
        let routes = routes.filter_map(|site| site.manifest.as_ref());
        claims.extend(routes.map(|route| Claim::Route {
            path: route.path().to_owned(),
            document: route.document,
            home: self.home_of_shared(route),
            apex: self.canary.spec.apex().to_owned(),
        }));
        // In mode `fields` nobody changes it.
        let apex = self.apex_service.iter();
        let apex = apex.filter(|_| self.release.copied().is_some());
        claims.extend(apex.map(|apex| Claim::Apex {
            path: apex.path().to_owned(),
            document: apex.document,
            home: self.home_of_shared(apex),
        }));
        claims
    }

    fn home_of_shared(&self, manifest: &Manifest) -> Option<String> {
        let home = self.home.as_ref();
        let home = home.filter(|home| home.shares(manifest))?;
        Some(home.kustomization.path().to_owned())
    }

    /// Gives Services and routes that are shared with others the values that the
    /// home builds of them: what has to change in them is patched there.
    fn build_shared(&mut self, inventory: &Inventory, findings: &mut Findings<'_>) -> Result<()> {
        let Some(home) = &self.home else {
            return Ok(());
        };
        let kustomization = inventory.kustomization_in(home.kustomization.folder())?;
        let routes = self.routes.iter_mut().map(|site| &mut site.manifest);
        let services = [
            &mut self.apex_service,
            &mut self.primary_service,
            &mut self.canary_service,
        ];
        let mut shared: Vec<&mut Manifest> = services
            .into_iter()
            .chain(routes)
            .flatten()
            .filter(|manifest| home.shares(manifest))
            .collect();
        let (Some(kustomization), false) = (kustomization, shared.is_empty()) else {
            return Ok(());
        };
        let built = {
            let manifests = shared.iter().map(|manifest| &**manifest).collect();
            let wanted = Wanted {
                manifests,
                target: None,
                primary: None,
            };
            build(inventory, &kustomization, &wanted)?
        };
        for manifest in &mut shared {
            if let Some(object) = built.of(manifest) {
                manifest.value = Arc::new(object.value.clone());
            }
        }
        findings.errors.extend(built.problems);
        Ok(())
    }
}

/// See [`Rollout::primary_workload`].
fn primary_workload(canary: &Canary, release: &Release) -> String {
    let named = match release {
        Release::Copy(_) => None,
        Release::Fields(fields) => {
            let mut objects = fields.pairs.iter().map(|pair| &pair.to.manifest);
            objects.find(|one| one.kind != "Kustomization" && !one.name.is_empty())
        }
    };
    named.map_or_else(|| canary.spec.primary_name(), |one| one.name.clone())
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
