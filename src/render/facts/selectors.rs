//! Do Services select the pods they stand for?

use serde_yaml::Value;

use crate::api::{FieldPath, Problem};
use crate::error::{Error, Result};
use crate::render::workload::{SelectorLabel, get, pod_labels};
use crate::repo::rollout::{Copied, Rollout};

/// Does the apex Service select the primary's pods?
///
/// # Errors
/// When the target has no usable selector label.
pub(super) fn apex_at_primary(rollout: &Rollout, copied: &Copied) -> Result<bool> {
    let label = SelectorLabel::of(&copied.built)?;
    let apex = rollout.apex_service.as_ref();
    let selected = apex.and_then(|apex| get(&apex.value, &["spec", "selector", &label.key]));
    Ok(selected.and_then(Value::as_str) == Some(&*label.primary_value()))
}

/// Services that are generated send to the port that the public one sends to: else
/// the first route would lead to where nobody listens.
///
/// # Errors
/// With the place of the public Service's port.
pub(super) fn ports_agree(rollout: &Rollout, copied: &Copied) -> Result<()> {
    let complete = rollout.primary_service.is_some() && rollout.canary_service.is_some();
    let (Some(apex), Some(wanted), false) = (
        &rollout.apex_service,
        &rollout.canary.spec.service,
        complete,
    ) else {
        return Ok(());
    };
    let Some(port) = wanted.port else {
        return Ok(());
    };
    let ports = get(&apex.value, &["spec", "ports"]).and_then(Value::as_sequence);
    let mut ports = ports.into_iter().flatten().enumerate();
    let same = ports.find(|(_, item)| item.get("port").and_then(Value::as_i64) == Some(port));
    let Some((index, item)) = same else {
        return Ok(());
    };
    let own = Value::from(port);
    let theirs = item.get("targetPort").unwrap_or(&own);
    let ours = wanted.target_port.as_ref().map(serde_yaml::to_value);
    let ours = ours.and_then(Result::ok).unwrap_or_else(|| own.clone());
    if number_of(copied, theirs) == number_of(copied, &ours) {
        return Ok(());
    }
    let shown = |value: &Value| match value.as_str() {
        Some(name) => name.to_owned(),
        None => value
            .as_i64()
            .map_or_else(String::new, |number| number.to_string()),
    };
    let message = format!(
        "sends to {}, a generated Service to {}",
        shown(theirs),
        shown(&ours)
    );
    let place = apex.error_at(&format!("spec.ports[{index}]"), message);
    let what = format!(
        "the Services of {} would lead to another port",
        copied.target.name
    );
    let hint = format!(
        "set spec.service.targetPort of the Canary to {}",
        shown(theirs)
    );
    Err(Error::document(what).at([place]).hint(hint))
}

/// The number of a port of the pods; a name that no container has stays itself.
fn number_of(copied: &Copied, port: &Value) -> Value {
    let containers = get(&copied.built, &["spec", "template", "spec", "containers"]);
    let containers = containers
        .and_then(Value::as_sequence)
        .into_iter()
        .flatten();
    let ports = containers.filter_map(|one| one.get("ports")?.as_sequence());
    let named = ports.flatten().find(|one| one.get("name") == Some(port));
    named
        .and_then(|one| one.get("containerPort"))
        .unwrap_or(port)
        .clone()
}

/// Primary and Services that were there before must select the pods they stand
/// for once their selector label is right: else a step would send traffic to
/// nobody.
pub(super) fn fit(rollout: &Rollout, copied: &Copied) -> Result<()> {
    let label = SelectorLabel::of(&copied.built)?;
    let target = pod_labels(&copied.built).cloned();
    let target = target.unwrap_or_default();
    let mut copy = target.clone();
    copy.insert(label.key.clone().into(), label.primary_value().into());
    if let Some(primary) = &copied.primary {
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
