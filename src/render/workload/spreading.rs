//! Rules that spread pods over nodes.

use serde_yaml::Value;

use super::{SELECTOR_LABELS, copy_name, get_mut};

/// Pods spread over nodes by their own label: rules of the target's that name
/// its pods name the primary's in the copy.
pub(super) fn spread(pods: &mut Value, name: &str) {
    rename_all(pods, name, &copy_name(name));
}

/// The way back.
pub(super) fn unspread(pods: &mut Value, name: &str) {
    rename_all(pods, &copy_name(name), name);
}

fn rename_all(pods: &mut Value, from: &str, to: &str) {
    let constraints = pods.get_mut("topologySpreadConstraints");
    let constraints = constraints.and_then(Value::as_sequence_mut);
    for constraint in constraints.into_iter().flatten() {
        rename(constraint.get_mut("labelSelector"), from, to);
    }
    let Some(rules) = get_mut(pods, &["affinity", "podAntiAffinity"]) else {
        return;
    };
    let lists = [
        "requiredDuringSchedulingIgnoredDuringExecution",
        "preferredDuringSchedulingIgnoredDuringExecution",
    ];
    for list in lists {
        let terms = rules.get_mut(list).and_then(Value::as_sequence_mut);
        for term in terms.into_iter().flatten() {
            let term = match term.get("podAffinityTerm").is_some() {
                true => term.get_mut("podAffinityTerm"),
                false => Some(term),
            };
            rename(
                term.and_then(|term| term.get_mut("labelSelector")),
                from,
                to,
            );
        }
    }
}

/// Replaces `from` as the value of a selector label; of a list of values only
/// the first, as Flagger does.
fn rename(selector: Option<&mut Value>, from: &str, to: &str) {
    let Some(selector) = selector else { return };
    for key in SELECTOR_LABELS {
        if let Some(value) = get_mut(selector, &["matchLabels", key])
            && value.as_str() == Some(from)
        {
            *value = to.into();
        }
    }
    let expressions = selector
        .get_mut("matchExpressions")
        .and_then(Value::as_sequence_mut);
    for expression in expressions.into_iter().flatten() {
        let key = expression.get("key").and_then(Value::as_str);
        if !key.is_some_and(|key| SELECTOR_LABELS.contains(&key)) {
            continue;
        }
        let values = expression.get_mut("values");
        let mut values = values
            .and_then(Value::as_sequence_mut)
            .into_iter()
            .flatten();
        if let Some(value) = values.find(|value| value.as_str() == Some(from)) {
            *value = to.into();
        }
    }
}
