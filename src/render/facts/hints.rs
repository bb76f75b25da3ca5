//! What people may want to know about the workloads.

use serde_yaml::{Mapping, Value};

use crate::api::{FieldPath, OnFailure, Problem};
use crate::diagnostic::Diagnostic;
use crate::render::workload::{SelectorLabel, get, pod_labels};
use crate::repo::manifest::Manifest;
use crate::repo::rollout::Rollout;

/// What `onFailure: revert` cannot do, or does with a patch that somebody has to
/// remove again.
pub(super) fn of_restoring(rollout: &Rollout) -> Vec<Diagnostic> {
    let gitops = rollout.canary.spec.gitops();
    let copied = rollout.release.copied();
    let Some(copied) = copied.filter(|_| gitops.on_failure == OnFailure::Revert) else {
        return Vec::new();
    };
    let path = FieldPath::root().key("spec").key("gitops").key("onFailure");
    let warning = |message: String, hint: String| {
        let problem = Problem::warning(path.clone(), message);
        rollout.manifest.diagnostic(&problem).hint(hint)
    };
    let mut found = Vec::new();
    let target = &copied.target;
    let home = rollout.home.as_ref();
    if let Some(home) = home.filter(|home| home.shares(target)) {
        let folder = home.kustomization.folder();
        let patch = target.patch_file();
        found.push(warning(
            format!(
                "takes {} back by a patch, since others share {}: it hides what comes there next",
                target.name,
                target.path()
            ),
            format!(
                "after a rollback remove the pod template from {patch} in {folder} with the next release"
            ),
        ));
    }
    let made = copied.configs.iter();
    for config in made.filter(|config| config.manifest.is_none()) {
        found.push(warning(
            format!(
                "does not take {} {} back: a generator makes it",
                config.kind, config.name
            ),
            "revert its files or literals by hand after a rollback".to_owned(),
        ));
    }
    found
}

/// A warning when one of these PodDisruptionBudgets protects the target and none
/// protects the primary, which serves the stable traffic. Nobody makes one for it
/// (Flagger neither); `pdbs` are those near the Canary, of any namespace.
#[must_use]
pub fn pdb_hint(rollout: &Rollout, pdbs: &[Manifest]) -> Option<Diagnostic> {
    let copied = rollout.release.copied()?;
    let label = SelectorLabel::of(&copied.built).ok()?;
    let target = pod_labels(&copied.built)?.clone();
    let mut primary = target.clone();
    primary.insert(label.key.clone().into(), label.primary_value().into());
    let near = |pdb: &&Manifest| {
        let namespaces = (&pdb.namespace, &rollout.canary.metadata.namespace);
        matches!(namespaces, (Some(one), Some(other)) if one == other)
            || matches!(namespaces, (None, _) | (_, None))
    };
    let mut pdbs = pdbs.iter().filter(near);
    if pdbs.clone().any(|pdb| selects(pdb, &primary)) {
        return None;
    }
    let pdb = pdbs.find(|pdb| selects(pdb, &target))?;
    let name = rollout.canary.spec.primary_name();
    let path = FieldPath::root().key("spec").key("selector");
    let message = format!("protects the target, which is idle most of the time, and not {name}");
    let hint = format!(
        "add a PodDisruptionBudget that selects {}: {}",
        label.key,
        label.primary_value()
    );
    let warning = pdb.diagnostic(&Problem::warning(path, message));
    Some(warning.hint(hint))
}

/// Does a label selector (`matchLabels`, `matchExpressions`) select these pods? An
/// empty one selects all, none at all selects nothing.
fn selects(pdb: &Manifest, pods: &Mapping) -> bool {
    let Some(selector) = get(&pdb.value, &["spec", "selector"]) else {
        return false;
    };
    let labels = selector.get("matchLabels").and_then(Value::as_mapping);
    let mut labels = labels.into_iter().flatten();
    let rules = selector
        .get("matchExpressions")
        .and_then(Value::as_sequence);
    selector.is_mapping()
        && labels.all(|(key, value)| pods.get(key) == Some(value))
        && rules.into_iter().flatten().all(|rule| is_met(rule, pods))
}

fn is_met(rule: &Value, pods: &Mapping) -> bool {
    let found = rule.get("key").and_then(|key| pods.get(key));
    let values = rule.get("values").and_then(Value::as_sequence);
    let listed = found.is_some_and(|found| values.is_some_and(|values| values.contains(found)));
    match rule.get("operator").and_then(Value::as_str) {
        Some("In") => listed,
        Some("NotIn") => !listed,
        Some("Exists") => found.is_some(),
        Some("DoesNotExist") => found.is_none(),
        _ => false,
    }
}
