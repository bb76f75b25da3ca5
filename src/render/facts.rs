//! What a decision needs to know of the manifests.

use std::collections::BTreeMap;

use serde_yaml::Value;

use super::route;
use super::workload::{SelectorLabel, get, pod_labels, primary_template, revision};
use crate::api::{FieldPath, Problem, Status, unsupported_in_generated_route};
use crate::decide::{Facts, Primary};
use crate::diagnostic::{Diagnostic, Severity};
use crate::error::{Error, Result};
use crate::repo::rollout::Rollout;

/// Reads the facts of a rollout from its manifests.
///
/// # Errors
/// When the target has no usable selector label, or the route cannot carry
/// the traffic: no rule has both backends, or a weight is not a number.
pub fn facts(rollout: &Rollout) -> Result<Facts> {
    let target = &rollout.target.value;
    let template = primary_template(target)?;
    apex_stays(rollout)?;
    selectors_fit(rollout)?;
    let (canary, route) = (&rollout.canary, rollout.route.as_ref());
    if !keeps_port(rollout) {
        ports_fit(rollout)?;
    }
    generates_again(rollout)?;
    route::fits(canary, route)?;
    let primary = match &rollout.primary {
        None => Primary::Missing,
        Some(primary) if get(&primary.value, &["spec", "template"]) == Some(&template) => {
            Primary::Current
        }
        Some(_) => Primary::Different,
    };
    Ok(Facts {
        revision: revision(target),
        configs: BTreeMap::new(),
        primary,
        primary_replicas: rollout
            .primary
            .as_ref()
            .and_then(|primary| replicas(&primary.value)),
        target_replicas: replicas(target),
        services: rollout.canary_service.is_some() && rollout.primary_service.is_some(),
        routed: route::routed(canary, route)?,
        route_outdated: route::outdated(canary, route) && ports_fit(rollout).is_ok(),
        exposed: route::exposed(canary, route),
    })
}

/// While the canary has traffic the Services and the route that carry it must be
/// there. When all of them are missing, the apex has most likely another name: a
/// step would make new ones and leave the old route as it is for good.
fn apex_stays(rollout: &Rollout) -> Result<()> {
    let status = rollout.canary.status.as_ref();
    let services = [&rollout.primary_service, &rollout.canary_service];
    let route = rollout.route.as_ref();
    let is_found = services.iter().any(|service| service.is_some())
        || route.is_some_and(|route| route::routed(&rollout.canary, Some(route)).is_ok());
    // Without a primary the repository has nothing of the run, as in a simulation.
    let is_run = rollout.primary.is_some() && status.is_some_and(Status::is_exposed);
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

/// Primary and Services that were there before must select the pods they stand
/// for once their selector label is right: else a step would send traffic to
/// nobody.
fn selectors_fit(rollout: &Rollout) -> Result<()> {
    let label = SelectorLabel::of(&rollout.target.value)?;
    let target = pod_labels(&rollout.target.value).cloned();
    let target = target.unwrap_or_default();
    let mut copy = target.clone();
    copy.insert(label.key.clone().into(), label.primary_value().into());
    if let Some(primary) = &rollout.primary {
        let wanted = Value::from(label.primary_value());
        let labels = pod_labels(&primary.value);
        if labels.and_then(|labels| labels.get(&label.key)) != Some(&wanted) {
            let message = format!("must carry {}: {}", label.key, label.primary_value());
            let place = primary.error_at("spec.template.metadata.labels", message);
            return Err(Error::document(format!(
                "the pods of {} are not the primary's",
                primary.name
            ))
            .at([place])
            .hint("rename the workload, or remove it to have the primary generated"));
        }
    }
    let services = [
        (&rollout.apex_service, &copy),
        (&rollout.primary_service, &copy),
        (&rollout.canary_service, &target),
    ];
    for (service, pods) in services {
        let Some(service) = service else { continue };
        let selector = get(&service.value, &["spec", "selector"]).and_then(Value::as_mapping);
        for (key, value) in selector.into_iter().flatten() {
            if key.as_str() == Some(&label.key) || pods.get(key) == Some(value) {
                continue;
            }
            let key = key.as_str().unwrap_or_default();
            let path = FieldPath::root().key("spec").key("selector").key(key);
            let message = "selects a label that the pods do not carry".to_owned();
            let place = service.diagnostic(&Problem::error(path, message));
            return Err(
                Error::document(format!("Service {} would select no pods", service.name))
                    .at([place])
                    .hint("remove the label from the selector, or add it to the pod template"),
            );
        }
    }
    Ok(())
}

/// What is wrong with a route that was generated and may be generated again,
/// errors apart from the rest.
fn generated_again(rollout: &Rollout) -> (Vec<Diagnostic>, Vec<Diagnostic>) {
    let canary = &rollout.canary;
    let is_generated = |route| route::is_generated(canary, route);
    if !rollout.route.as_ref().is_some_and(is_generated) {
        return (Vec::new(), Vec::new());
    }
    let problems = unsupported_in_generated_route(canary);
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
pub fn warnings(rollout: &Rollout) -> Vec<Diagnostic> {
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
    warnings.extend(edited_route(rollout));
    warnings
}

/// A generated route with other edits than ours has become its author's.
fn edited_route(rollout: &Rollout) -> Option<Diagnostic> {
    let route = rollout.route.as_ref()?;
    rollout.canary.status.as_ref()?.generated_route.as_ref()?;
    let warning = || {
        let message = "was generated and has been edited since: it is your own route from now on";
        let mut warning = route.error_at("metadata.name", message);
        warning.severity = Severity::Warning;
        warning.hint(
            "spec.service is no longer carried over; remove the file to have it generated again",
        )
    };
    (!route::is_generated(&rollout.canary, route)).then(warning)
}

/// Does the route stay on the port it has, whatever `service.port` says? While
/// the canary has traffic nothing may stand in the way of a rollback, which needs
/// no other port.
fn keeps_port(rollout: &Rollout) -> bool {
    let status = rollout.canary.status.as_ref();
    rollout.route.is_some() && status.is_some_and(Status::is_exposed)
}

/// A route that is generated, for the first time or again, sends to `service.port`:
/// Services that were there before must have it.
fn ports_fit(rollout: &Rollout) -> Result<()> {
    let route = rollout.route.as_ref();
    if route.is_some() && !route::outdated(&rollout.canary, route) {
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

fn replicas(workload: &Value) -> Option<i64> {
    get(workload, &["spec", "replicas"])?.as_i64()
}
