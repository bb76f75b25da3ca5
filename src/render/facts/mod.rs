//! What a decision needs to know of the manifests.

mod routes;
mod selectors;

use serde_yaml::Value;

use super::workload::{get, primary_template, revision};
use crate::decide::{Facts, Primary};
use crate::diagnostic::Diagnostic;
use crate::error::Result;
use crate::repo::rollout::{Copied, Fields, Release, Rollout};

/// Reads the facts of a rollout from its manifests.
///
/// # Errors
/// When the target has no usable selector label, or a route cannot carry
/// the traffic: no rule has both backends, or a weight is not a number.
pub fn facts(rollout: &Rollout) -> Result<Facts> {
    let workloads = match &rollout.release {
        Release::Copy(copied) => of_copy(rollout, copied)?,
        Release::Fields(fields) => of_fields(fields),
    };
    routes::check(rollout)?;
    Ok(Facts {
        routed: routes::routed(rollout)?,
        route_outdated: routes::outdated(rollout),
        exposed: routes::exposed(rollout),
        ..workloads
    })
}

/// What does not stop the rollout, and is told only by the manifests together.
#[must_use]
pub fn warnings(rollout: &Rollout) -> Vec<Diagnostic> {
    routes::warnings(rollout)
}

fn of_copy(rollout: &Rollout, copied: &Copied) -> Result<Facts> {
    let template = primary_template(&copied.built)?;
    selectors::fit(rollout, copied)?;
    let primary = match &copied.primary {
        None => Primary::Missing,
        Some(primary) if get(&primary.value, &["spec", "template"]) == Some(&template) => {
            Primary::Current
        }
        Some(_) => Primary::Different,
    };
    let primary_value = copied.primary.as_ref().map(|primary| &primary.value);
    Ok(Facts {
        revision: revision(&copied.built),
        primary,
        primary_replicas: primary_value.and_then(replicas),
        target_replicas: replicas(&copied.built),
        services: rollout.canary_service.is_some() && rollout.primary_service.is_some(),
        ..Facts::default()
    })
}

/// People own both sides, and their Services with them.
fn of_fields(fields: &Fields) -> Facts {
    let is_current = |pair: &crate::repo::rollout::FieldPair| pair.from.value == pair.to.value;
    Facts {
        primary: match fields.pairs.iter().all(is_current) {
            true => Primary::Current,
            false => Primary::Different,
        },
        services: true,
        scales: false,
        ..Facts::default()
    }
}

fn replicas(workload: &Value) -> Option<i64> {
    get(workload, &["spec", "replicas"])?.as_i64()
}
