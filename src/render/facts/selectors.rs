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
