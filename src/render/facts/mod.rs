//! What a decision needs to know of the manifests.

mod evidence;
mod flux;
mod hints;
mod routes;
mod selectors;

use serde_yaml::Value;

pub use flux::flux_hints;
pub use hints::pdb_hint;

use super::workload::{Source, get, images_are_current, primary_template, replicas, revision};
use super::{configs, fields, scaler};
use crate::decide::{Facts, Primary};
use crate::diagnostic::Diagnostic;
use crate::error::{Error, Result};
use crate::repo::manifest::Manifest;
use crate::repo::rollout::{Copied, Release, Rollout};

/// Reads the facts of a rollout from its manifests.
///
/// # Errors
/// When the target has no usable selector label, the primary is not this
/// Canary's alone, or a route cannot carry the traffic: no rule has both
/// backends, or a weight is not a number.
pub fn facts(rollout: &Rollout) -> Result<Facts> {
    let workloads = match &rollout.release {
        Release::Copy(copied) => of_copy(rollout, copied)?,
        Release::Fields(fields) => fields::facts(fields),
    };
    routes::check(rollout)?;
    Ok(Facts {
        routed: routes::routed(rollout)?,
        route_outdated: routes::outdated(rollout),
        exposed: routes::exposed(rollout),
        evidence: evidence::wiring(rollout),
        ..workloads
    })
}

/// What is known of a rollout that [`resolve_routes`] found: what the routes do.
/// The rest is as the status left it, so that nothing new is seen, nothing is
/// made and nothing is scaled before it is known again.
///
/// [`resolve_routes`]: crate::repo::rollout::resolve_routes
///
/// # Errors
/// When no rule of a route has both backends, or a weight is not a number.
pub fn facts_of_routes(rollout: &Rollout) -> Result<Facts> {
    let status = rollout.canary.status.clone().unwrap_or_default();
    Ok(Facts {
        revision: status.last_applied_spec,
        configs: status.tracked_configs,
        primary: Primary::Current,
        apex_at_primary: true,
        services: true,
        routed: routes::routed(rollout)?,
        exposed: routes::exposed(rollout),
        ..Facts::default()
    })
}

/// The largest weight of the canary in any rule of the routes.
#[must_use]
pub fn exposed(rollout: &Rollout) -> i64 {
    routes::exposed(rollout)
}

/// What does not stop the rollout, and is told only by the manifests together.
#[must_use]
pub fn warnings(rollout: &Rollout) -> Vec<Diagnostic> {
    let mut warnings = routes::warnings(rollout);
    warnings.extend(hints::of_restoring(rollout));
    warnings
}

fn of_copy(rollout: &Rollout, copied: &Copied) -> Result<Facts> {
    let source = Source {
        copied,
        home: rollout.home.as_ref(),
    };
    let template = primary_template(source)?;
    selectors::fit(rollout, copied)?;
    selectors::ports_agree(rollout, copied)?;
    let primary_value = copied.primary.as_ref().map(|primary| &primary.value);
    let primary = match primary_value {
        None => Primary::Missing,
        Some(primary) if has_all(source, primary, &template) => Primary::Current,
        Some(_) => Primary::Different,
    };
    if let Some(primary) = &copied.primary {
        is_ours(rollout, primary)?;
    }
    let scaler = copied.scaler.as_ref();
    let least = scaler.map(|scaler| scaler::least(&scaler.built).unwrap_or(1).max(1));
    Ok(Facts {
        revision: revision(&copied.built),
        configs: configs::checksums(copied),
        primary,
        primary_replicas: primary_value.and_then(|primary| replicas(primary).or(least)),
        target_replicas: replicas(&copied.built),
        apex_at_primary: selectors::apex_at_primary(rollout, copied)?,
        services: rollout.canary_service.is_some() && rollout.primary_service.is_some(),
        ..Facts::default()
    })
}

/// Does the primary have what the target has now: pod template, images, configs?
fn has_all(source: Source<'_>, primary: &Value, template: &Value) -> bool {
    get(primary, &["spec", "template"]) == Some(template)
        && images_are_current(source)
        && source.copied.configs.iter().all(configs::is_current)
}

/// A primary in a base would be promoted for all who share it.
fn is_ours(rollout: &Rollout, primary: &Manifest) -> Result<()> {
    let home = rollout.home.as_ref();
    let Some(home) = home.filter(|home| home.shares(primary)) else {
        return Ok(());
    };
    let message = "is shared with others: a promotion would reach all of them";
    let folder = home.kustomization.folder();
    let name = &primary.name;
    Err(
        Error::document(format!("the primary {name} is not this Canary's alone"))
            .at([primary.error_at("metadata.name", message)])
            .hint(format!(
                "remove it there to have one generated in {folder}, or move it there"
            )),
    )
}
