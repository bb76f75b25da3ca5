//! The primary as a whole.

use serde_yaml::{Mapping, Value};

use super::{SelectorLabel, Source, copy_of, get, is_daemon_set, one_entry, primary_template};
use crate::error::{Error, Result};

/// Fields of a Deployment's `spec` that a promotion copies beside the pod template.
const OF_DEPLOYMENT: [&str; 4] = [
    "progressDeadlineSeconds",
    "minReadySeconds",
    "revisionHistoryLimit",
    "strategy",
];

/// Those of a DaemonSet.
const OF_DAEMON_SET: [&str; 3] = ["minReadySeconds", "revisionHistoryLimit", "updateStrategy"];

/// The primary as it is created: the target under another name, with pods
/// that carry the primary's label, and running.
///
/// # Errors
/// When the target has no usable selector label.
pub(in crate::render) fn primary(
    source: Source<'_>,
    name: &str,
    namespace: Option<&str>,
) -> Result<Value> {
    let target = &source.copied.built;
    let label = SelectorLabel::of(target)?;
    let own = one_entry(&label.key, &label.primary_value());
    let mut primary = copy_of(target, name, namespace);
    if let Some(metadata) = primary.get_mut("metadata").and_then(Value::as_mapping_mut) {
        let annotations = metadata.shift_remove("annotations");
        metadata.insert("labels".into(), own.clone());
        metadata.extend(annotations.map(|annotations| ("annotations".into(), annotations)));
    }

    let mut spec = Mapping::new();
    match get(target, &["spec", "replicas"]) {
        None => {}
        Some(replicas) if replicas.as_i64().is_some_and(|count| count > 0) => {
            spec.insert("replicas".into(), replicas.clone());
        }
        Some(_) => {
            spec.insert("replicas".into(), 1.into());
        }
    }
    let mut selector = Mapping::new();
    selector.insert("matchLabels".into(), own);
    spec.insert("selector".into(), selector.into());
    primary.insert("spec".into(), spec.into());
    let mut primary = Value::Mapping(primary);
    promote(source, &mut primary, false)?;
    Ok(primary)
}

/// Copies to the primary what a promotion copies: the pod template and the
/// fields of the rollout strategy, and with `replicas` a number of replicas
/// above 0 in place of the primary's own. Selector, metadata and everything else
/// of the primary stay.
///
/// # Errors
/// When the target has no usable selector label or no `spec`.
pub(in crate::render) fn promote(
    source: Source<'_>,
    primary: &mut Value,
    replicas: bool,
) -> Result<()> {
    let target = &source.copied.built;
    let template = primary_template(source)?;
    let Some(spec) = primary.get_mut("spec").and_then(Value::as_mapping_mut) else {
        return Err(Error::document("the primary has no spec"));
    };
    // A number an autoscaler may own, or none at all, is not imposed.
    let running = get(target, &["spec", "replicas"])
        .and_then(Value::as_i64)
        .is_some_and(|count| count > 0);
    let counted = replicas && running && spec.contains_key("replicas");
    let fields: &[&str] = match is_daemon_set(target) {
        true => &OF_DAEMON_SET,
        false => &OF_DEPLOYMENT,
    };
    let copied = fields.iter().copied();
    for field in copied.chain(counted.then_some("replicas")) {
        match get(target, &["spec", field]) {
            Some(value) => {
                spec.insert(field.into(), value.clone());
            }
            None => {
                spec.shift_remove(field);
            }
        }
    }
    spec.insert("template".into(), template);
    Ok(())
}
