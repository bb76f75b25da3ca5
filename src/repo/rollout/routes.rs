//! The routes of a Canary, also when nothing else of it can be resolved.

use jiff::Timestamp;

use super::findings::{Findings, invalid, split};
use super::search::Search;
use super::workloads::home_of;
use super::{Fields, Home, Release, Rollout, RouteSite};
use crate::api::{
    Canary, FieldPath, read, unsupported_by_route, unsupported_in_generated_route, validate_status,
};
use crate::error::Result;
use crate::repo::inventory::{Inventory, is_below};
use crate::repo::manifest::Manifest;

/// The Canary and its routes, and what its metrics and alerts refer to: enough
/// to take traffic back from the canary when the rest cannot be resolved. The
/// release has nothing to copy, and there are no Services.
///
/// `judges` says that the checks of the analysis are to be made: then it has to
/// be valid. Everything else of the spec need only be readable.
///
/// # Errors
/// [`Kind::Document`](crate::error::Kind::Document) when the Canary cannot be
/// read, a route is not there or cannot be told from others, or it is not known
/// where a change of it belongs.
pub fn resolve_routes(
    inventory: &Inventory,
    manifest: &Manifest,
    judges: bool,
    now: Timestamp,
) -> Result<Rollout> {
    let mut canary = readable(manifest, judges, now)?;
    canary.metadata.namespace.clone_from(&manifest.namespace);
    let mut findings = Findings::new(manifest, Vec::new());
    let search = Search::new(inventory, manifest, &canary);
    let routes = sites(&search, &mut findings)?;
    if let Some(missing) = routes.iter().find(|site| site.manifest.is_none()) {
        let apex = missing.canary.spec.apex();
        let place = manifest.error_at("spec.service", format!("there is no route {apex}"));
        findings.errors.push(place);
    }
    let references = &mut Findings::new(manifest, Vec::new());
    let (templates, alert_providers) = super::references(&search, references)?;
    let home = home(&search, &routes)?;
    if !findings.errors.is_empty() {
        return Err(findings.into_error());
    }
    // What speaks against the gateway is told with the rest.
    let gateway = super::gateway::choose(&search, &routes, &canary.spec.primary_name())?.gateway;
    let mut rollout = Rollout {
        manifest: manifest.clone(),
        release: Release::Fields(Fields { pairs: Vec::new() }),
        gateway,
        apex_service: None,
        primary_service: None,
        canary_service: None,
        routes,
        home,
        templates,
        alert_providers,
        is_deleted: false,
        warnings: Vec::new(),
        canary,
    };
    // What a kustomization cannot build of a route is told with the rest.
    rollout.build_shared(inventory, &mut Findings::new(manifest, Vec::new()))?;
    Ok(rollout)
}

/// Is none of the routes of a Canary there? Not when that cannot be told.
#[must_use]
pub fn has_no_route(inventory: &Inventory, manifest: &Manifest) -> bool {
    let (canary, _) = read::<Canary>(manifest.value.as_ref().clone());
    canary.is_some_and(|mut canary| {
        canary.metadata.namespace.clone_from(&manifest.namespace);
        Search::new(inventory, manifest, &canary).has_no_route()
    })
}

/// A Canary whose status can be relied on, and, if it `judges`, its analysis.
fn readable(manifest: &Manifest, judges: bool, now: Timestamp) -> Result<Canary> {
    let (canary, mut problems) = read::<Canary>(manifest.value.as_ref().clone());
    if let Some(status) = canary.as_ref().and_then(|canary| canary.status.as_ref()) {
        problems.extend(validate_status(status, now));
    }
    let status = FieldPath::root().key("status");
    let analysis = FieldPath::root().key("spec").key("analysis");
    problems.retain(|problem| {
        problem.path.starts_with(&status) || (judges && problem.path.starts_with(&analysis))
    });
    let (errors, _) = split(manifest, problems);
    match canary {
        Some(canary) if errors.is_empty() => Ok(canary),
        Some(_) | None => Err(invalid(manifest, errors, Vec::new())),
    }
}

/// Where a change of a shared route belongs. A route beside the Canary or below
/// is its own.
fn home(search: &Search<'_>, routes: &[RouteSite]) -> Result<Option<Home>> {
    let folder = search
        .path
        .rsplit_once('/')
        .map_or("", |(folder, _)| folder);
    let mut routes = routes.iter().filter_map(|site| site.manifest.as_ref());
    let Some(route) = routes.find(|route| !is_below(route.path(), folder)) else {
        return Ok(None);
    };
    let target = search.target().ok().flatten();
    let listed = target.as_ref().map_or(route.path(), Manifest::path);
    Ok(home_of(&search.inventory.chain(search.path, listed)?))
}

/// The routes, and what speaks against them.
pub(super) fn routes(search: &Search<'_>, findings: &mut Findings<'_>) -> Result<Vec<RouteSite>> {
    let sites = sites(search, findings)?;
    for site in &sites {
        findings.problems(match &site.manifest {
            Some(route) => unsupported_by_route(&site.canary, &route.kind),
            None => unsupported_in_generated_route(&site.canary),
        });
    }
    Ok(sites)
}

/// The routes: the one of the apex, or all of `spec.gitops.routes`.
fn sites(search: &Search<'_>, findings: &mut Findings<'_>) -> Result<Vec<RouteSite>> {
    let canary = search.canary;
    let mut sites = Vec::new();
    match &canary.spec.gitops().routes {
        None => {
            let route = findings.found(search.route(), "spec.service")?;
            sites.push(RouteSite {
                canary: canary.clone(),
                manifest: route,
            });
        }
        Some(routes) => {
            for (index, asked) in routes.iter().enumerate() {
                let path = format!("spec.gitops.routes[{index}]");
                let found = findings.found(search.one_of_routes(asked).map(Some), &path)?;
                let mut canary = canary.clone();
                let gitops = canary.spec.gitops.get_or_insert_default();
                gitops.route = Some(asked.clone());
                gitops.routes = None;
                sites.extend(found.map(|route| RouteSite {
                    canary,
                    manifest: Some(route),
                }));
            }
        }
    }
    Ok(sites)
}
