//! The routes: what they carry, and whether they can carry the release.

use serde_yaml::Value;

use crate::api::Problem;
use crate::api::{Status, Traffic, unsupported_in_generated_route};
use crate::decide::Routed;
use crate::diagnostic::{Diagnostic, Severity};
use crate::error::{Error, Result};
use crate::render::route;
use crate::render::workload::get;
use crate::repo::rollout::{Rollout, RouteSite};

/// Refuses routes and Services that could not carry the release.
///
/// # Errors
/// With the place of what is in the way.
pub(super) fn check(rollout: &Rollout) -> Result<()> {
    apex_stays(rollout)?;
    if !keeps_port(rollout) {
        ports_fit(rollout)?;
    }
    generates_again(rollout)?;
    let mut sites = rollout.routes.iter();
    sites.try_for_each(|site| route::fits(&site.canary, site.manifest.as_ref()))
}

/// What the routes do: they are to agree.
pub(super) fn routed(rollout: &Rollout) -> Result<Routed> {
    let sites = rollout.routes.iter();
    let routed = sites.map(|site| route::routed(&site.canary, site.manifest.as_ref()));
    let routed: Vec<Routed> = routed.collect::<Result<_>>()?;
    if let Some((first, others)) = routed.split_first()
        && others.iter().all(|other| other == first)
    {
        return Ok(first.clone());
    }
    let rules = routed.iter().flat_map(|routed| match routed {
        Routed::Missing => vec![Traffic::PRIMARY],
        Routed::Even(traffic) => vec![*traffic],
        Routed::Uneven(rules) => rules.clone(),
    });
    Ok(Routed::Uneven(rules.collect()))
}

/// Does `spec.service` say something else than what a route was made from?
pub(super) fn outdated(rollout: &Rollout) -> bool {
    let outdated = |site: &RouteSite| route::outdated(&site.canary, site.manifest.as_ref());
    rollout.routes.iter().any(outdated) && ports_fit(rollout).is_ok()
}

/// The largest weight of the canary in any rule.
pub(super) fn exposed(rollout: &Rollout) -> i64 {
    let sites = rollout.routes.iter();
    let exposed = sites.map(|site| route::exposed(&site.canary, site.manifest.as_ref()));
    exposed.max().unwrap_or_default()
}

/// While the canary has traffic the Services and the route that carry it must be
/// there. When all of them are missing, the apex has most likely another name: a
/// step would make new ones and leave the old route as it is for good.
fn apex_stays(rollout: &Rollout) -> Result<()> {
    let status = rollout.canary.status.as_ref();
    let services = [&rollout.primary_service, &rollout.canary_service];
    let carries = |site: &RouteSite| {
        site.manifest.is_some() && route::routed(&site.canary, site.manifest.as_ref()).is_ok()
    };
    let is_found =
        services.iter().any(|service| service.is_some()) || rollout.routes.iter().any(carries);
    // Without a primary the repository has nothing of the run, as in a simulation.
    let copied = rollout.release.copied();
    let has_primary = copied.is_some_and(|copied| copied.primary.is_some());
    let is_run = has_primary && status.is_some_and(Status::is_exposed);
    if is_found || !is_run {
        return Ok(());
    }
    let spec = &rollout.canary.spec;
    let (primary, canary) = (spec.primary_service(), spec.canary_service());
    let message = format!("the Services {primary} and {canary} and a route to them are missing");
    let named = spec
        .service
        .as_ref()
        .is_some_and(|service| service.name.is_some());
    let at = match named {
        true => "spec.service.name",
        false => "spec.targetRef.name",
    };
    Err(
        Error::document("nothing is left of what carries traffic to the canary")
            .at([rollout.manifest.error_at(at, message)])
            .hint(
                "if the apex was renamed (spec.service.name), take the old name until the run is \
                 over; if Services and route were removed, restore them",
            ),
    )
}

/// What is wrong with a route that was generated and may be generated again,
/// errors apart from the rest.
fn generated_again(rollout: &Rollout) -> (Vec<Diagnostic>, Vec<Diagnostic>) {
    if !rollout.routes.iter().any(is_generated) {
        return (Vec::new(), Vec::new());
    }
    let problems = unsupported_in_generated_route(&rollout.canary);
    let (errors, others): (Vec<_>, Vec<_>) = problems.iter().partition(|one| one.is_error());
    let shown = |problems: Vec<&Problem>| {
        let shown = problems.into_iter();
        shown.map(|one| rollout.manifest.diagnostic(one)).collect()
    };
    (shown(errors), shown(others))
}

/// While the canary has traffic the route stays as it is instead: nothing stands
/// in the way of a rollback.
fn generates_again(rollout: &Rollout) -> Result<()> {
    let status = rollout.canary.status.as_ref();
    let (errors, _) = generated_again(rollout);
    match errors.is_empty() || status.is_some_and(Status::is_exposed) {
        true => Ok(()),
        false => Err(Error::document(format!(
            "the route of Canary {} cannot be generated again",
            rollout.canary.id()
        ))
        .at(errors)),
    }
}

/// What does not stop the rollout, and is told only by the manifests together.
#[must_use]
pub(super) fn warnings(rollout: &Rollout) -> Vec<Diagnostic> {
    let mut warnings = Vec::new();
    if keeps_port(rollout)
        && let Err(error) = ports_fit(rollout)
    {
        let places = error.diagnostics().iter().cloned();
        warnings.extend(places.map(|mut place| {
            place.severity = Severity::Warning;
            place.message.push_str(": the route stays as it is");
            let hint = error.hints().first().cloned();
            Diagnostic { hint, ..place }
        }));
    }
    // Errors do not come this far unless the canary has traffic.
    let (errors, others) = generated_again(rollout);
    warnings.extend(others);
    warnings.extend(errors.into_iter().map(|mut error| {
        error.severity = Severity::Warning;
        error
    }));
    warnings.extend(rollout.routes.iter().filter_map(edited));
    warnings
}

/// A generated route with other edits than ours has become its author's.
fn edited(site: &RouteSite) -> Option<Diagnostic> {
    let route = site.manifest.as_ref()?;
    site.canary.status.as_ref()?.generated_route.as_ref()?;
    let warning = || {
        let message = "was generated and has been edited since: it is your own route from now on";
        let mut warning = route.error_at("metadata.name", message);
        warning.severity = Severity::Warning;
        warning.hint(
            "spec.service is no longer carried over; remove the file to have it generated again",
        )
    };
    (!is_generated(site)).then(warning)
}

fn is_generated(site: &RouteSite) -> bool {
    let route = site.manifest.as_ref();
    route.is_some_and(|route| route::is_generated(&site.canary, route))
}

/// Does the route stay on the port it has, whatever `service.port` says? While
/// the canary has traffic nothing may stand in the way of a rollback, which needs
/// no other port.
fn keeps_port(rollout: &Rollout) -> bool {
    let status = rollout.canary.status.as_ref();
    let is_there = rollout.routes.iter().all(|site| site.manifest.is_some());
    is_there && status.is_some_and(Status::is_exposed)
}

/// A route that is generated, for the first time or again, sends to `service.port`:
/// Services that were there before must have it.
fn ports_fit(rollout: &Rollout) -> Result<()> {
    let generated = |site: &RouteSite| {
        let route = site.manifest.as_ref();
        route.is_none() || route::outdated(&site.canary, route)
    };
    if !rollout.routes.iter().any(generated) {
        return Ok(());
    }
    let wanted = rollout.canary.spec.service.as_ref();
    let Some(wanted) = wanted.and_then(|service| service.port) else {
        return Ok(());
    };
    let services = [&rollout.primary_service, &rollout.canary_service];
    for service in services.into_iter().flatten() {
        let ports = get(&service.value, &["spec", "ports"]).and_then(Value::as_sequence);
        let has = |port: &Value| port.get("port").and_then(Value::as_i64) == Some(wanted);
        if !ports.into_iter().flatten().any(has) {
            let place = service.error_at("spec.ports", format!("lacks port {wanted}"));
            let name = &service.name;
            let message = format!("a generated route could not reach Service {name}");
            return Err(Error::document(message)
                .at([place])
                .hint("add the port, or set spec.service.port to one the Service has"));
        }
    }
    Ok(())
}
