//! What a decision needs to know of the manifests.

use std::collections::BTreeMap;

use serde_yaml::Value;

use super::traffic;
use super::workload::{get, primary_template, revision};
use crate::decide::{Facts, Primary};
use crate::error::Result;
use crate::repo::rollout::Rollout;

/// Reads the facts of a rollout from its manifests.
///
/// # Errors
/// When the target has no usable selector label, or the route cannot carry
/// the traffic: no rule has both backends, or a weight is not a number.
pub fn facts(rollout: &Rollout) -> Result<Facts> {
    let target = &rollout.target.value;
    let template = primary_template(target)?;
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
        routed: traffic::routed(rollout)?,
        exposed: traffic::exposed(rollout),
    })
}

fn replicas(workload: &Value) -> Option<i64> {
    get(workload, &["spec", "replicas"])?.as_i64()
}
