//! The primary workload, made from the target (Flagger: `deployment_controller.go`).

use serde_yaml::{Mapping, Value};
use sha2::{Digest as _, Sha256};

use crate::error::{Error, Result};

/// Label keys that may tell the target's pods apart, in order of preference
/// (Flagger: `-selector-labels`).
pub const SELECTOR_LABELS: [&str; 3] = ["app", "name", "app.kubernetes.io/name"];

/// Fields of `spec` that a promotion copies beside the pod template.
const PROMOTED_FIELDS: [&str; 4] = [
    "progressDeadlineSeconds",
    "minReadySeconds",
    "revisionHistoryLimit",
    "strategy",
];

/// Annotations that other tools write and that must not start a rollout.
const VOLATILE: [&str; 3] = ["flagger-id", "toolkit.fluxcd.io", "kubectl.kubernetes.io/"];

/// The label by which the pods of target and primary differ.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SelectorLabel {
    /// Its key, one of [`SELECTOR_LABELS`].
    pub key: String,
    /// Its value on the target's pods.
    pub value: String,
}

impl SelectorLabel {
    /// Finds the label in `spec.selector.matchLabels` of the target.
    ///
    /// # Errors
    /// When the selector has none of the keys.
    pub fn of(target: &Value) -> Result<Self> {
        let labels = get(target, &["spec", "selector", "matchLabels"]);
        SELECTOR_LABELS
            .iter()
            .find_map(|key| {
                let value = labels?.get(*key)?.as_str()?.to_owned();
                Some(Self {
                    key: (*key).to_owned(),
                    value,
                })
            })
            .ok_or_else(|| {
                Error::document("the target's selector has no label that Weirkeeper can use").hint(
                    format!(
                        "add one of {} to spec.selector.matchLabels and to the pod template",
                        SELECTOR_LABELS.join(", ")
                    ),
                )
            })
    }

    /// Its value on the primary's pods.
    #[must_use]
    pub fn primary_value(&self) -> String {
        format!("{}-primary", self.value)
    }
}

/// The revision of a workload: a hash of its pod template without the
/// annotations that other tools write. Eight hex digits; equal templates have
/// equal revisions whatever their layout.
#[must_use]
pub fn revision(target: &Value) -> String {
    let mut template = get(target, &["spec", "template"])
        .cloned()
        .unwrap_or_default();
    drop_volatile(&mut template, &["metadata", "annotations"]);
    drop_volatile(&mut template, &["metadata", "labels"]);
    short_hash(&template)
}

/// Eight hexadecimal digits that are the same for equal values.
pub(super) fn short_hash(value: &Value) -> String {
    let digest = Sha256::digest(canonical(value).as_bytes());
    let bytes = digest[..4].iter();
    bytes.map(|byte| format!("{byte:02x}")).collect()
}

/// The primary as it is created: the target under another name, with pods
/// that carry the primary's label, and running.
///
/// # Errors
/// When the target has no usable selector label.
pub fn primary(target: &Value, name: &str) -> Result<Value> {
    let label = SelectorLabel::of(target)?;
    let mut metadata = Mapping::new();
    metadata.insert("name".into(), name.into());
    if let Some(namespace) = get(target, &["metadata", "namespace"]) {
        metadata.insert("namespace".into(), namespace.clone());
    }
    metadata.insert(
        "labels".into(),
        one_entry(&label.key, &label.primary_value()),
    );
    let mut annotated = target.clone();
    drop_volatile(&mut annotated, &["metadata", "annotations"]);
    if let Some(annotations) = get(&annotated, &["metadata", "annotations"]) {
        metadata.insert("annotations".into(), annotations.clone());
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
    selector.insert(
        "matchLabels".into(),
        one_entry(&label.key, &label.primary_value()),
    );
    spec.insert("selector".into(), selector.into());

    let mut primary = Mapping::new();
    for key in ["apiVersion", "kind"] {
        primary.insert(key.into(), target.get(key).cloned().unwrap_or_default());
    }
    primary.insert("metadata".into(), metadata.into());
    primary.insert("spec".into(), spec.into());
    let mut primary = Value::Mapping(primary);
    promote(target, &mut primary, false)?;
    Ok(primary)
}

/// Copies to the primary what a promotion copies: the pod template and the
/// fields of the rollout strategy, and with `replicas` a number of replicas
/// above 0 in place of the primary's own. Selector, metadata and everything else
/// of the primary stay.
///
/// # Errors
/// When the target has no usable selector label or no `spec`.
pub fn promote(target: &Value, primary: &mut Value, replicas: bool) -> Result<()> {
    let template = primary_template(target)?;
    let Some(spec) = primary.get_mut("spec").and_then(Value::as_mapping_mut) else {
        return Err(Error::document("the primary has no spec"));
    };
    // A number an autoscaler may own, or none at all, is not imposed.
    let running = get(target, &["spec", "replicas"])
        .and_then(Value::as_i64)
        .is_some_and(|count| count > 0);
    let counted = replicas && running && spec.contains_key("replicas");
    let copied = PROMOTED_FIELDS
        .into_iter()
        .chain(counted.then_some("replicas"));
    for field in copied {
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

/// The labels of a workload's pods.
pub(super) fn pod_labels(workload: &Value) -> Option<&Mapping> {
    get(workload, &["spec", "template", "metadata", "labels"])?.as_mapping()
}

/// The target's pod template as the primary carries it.
///
/// # Errors
/// When the target has no usable selector label or no pod template.
pub fn primary_template(target: &Value) -> Result<Value> {
    let label = SelectorLabel::of(target)?;
    let name = get(target, &["metadata", "name"])
        .and_then(Value::as_str)
        .unwrap_or_default();
    let mut template = get(target, &["spec", "template"])
        .cloned()
        .ok_or_else(|| Error::document("the target has no spec.template"))?;
    drop_volatile(&mut template, &["metadata", "annotations"]);
    if let Some(value) = template
        .get_mut("metadata")
        .and_then(|metadata| metadata.get_mut("labels"))
        .and_then(|labels| labels.get_mut(label.key.as_str()))
    {
        *value = label.primary_value().into();
    }
    if let Some(pods) = template.get_mut("spec") {
        rename_spreading(pods, name);
    }
    Ok(template)
}

/// Pods spread over nodes by their own label: rules of the target's that name
/// its pods name the primary's in the copy.
fn rename_spreading(pods: &mut Value, name: &str) {
    if let Some(constraints) = pods
        .get_mut("topologySpreadConstraints")
        .and_then(Value::as_sequence_mut)
    {
        for constraint in constraints {
            rename_selector(constraint.get_mut("labelSelector"), name);
        }
    }
    let Some(rules) = pods
        .get_mut("affinity")
        .and_then(|affinity| affinity.get_mut("podAntiAffinity"))
    else {
        return;
    };
    let lists = [
        "requiredDuringSchedulingIgnoredDuringExecution",
        "preferredDuringSchedulingIgnoredDuringExecution",
    ];
    for list in lists {
        let Some(terms) = rules.get_mut(list).and_then(Value::as_sequence_mut) else {
            continue;
        };
        for term in terms {
            let term = match term.get("podAffinityTerm").is_some() {
                true => term.get_mut("podAffinityTerm"),
                false => Some(term),
            };
            rename_selector(term.and_then(|term| term.get_mut("labelSelector")), name);
        }
    }
}

/// Replaces `name` as the value of a selector label by `<name>-primary`.
fn rename_selector(selector: Option<&mut Value>, name: &str) {
    let Some(selector) = selector else { return };
    for key in SELECTOR_LABELS {
        if let Some(value) = selector
            .get_mut("matchLabels")
            .and_then(|labels| labels.get_mut(key))
            && value.as_str() == Some(name)
        {
            *value = format!("{name}-primary").into();
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
        if let Some(value) = expression
            .get_mut("values")
            .and_then(Value::as_sequence_mut)
            .and_then(|values| values.iter_mut().find(|value| value.as_str() == Some(name)))
        {
            *value = format!("{name}-primary").into();
        }
    }
}

/// Removes the keys that other tools write from the mapping at `path`; a
/// mapping left empty goes, too.
fn drop_volatile(value: &mut Value, path: &[&str]) {
    let Some((last, parents)) = path.split_last() else {
        return;
    };
    let Some(parent) = parents
        .iter()
        .try_fold(value, |value, key| value.get_mut(*key))
        .and_then(Value::as_mapping_mut)
    else {
        return;
    };
    let Some(mapping) = parent.get_mut(*last).and_then(Value::as_mapping_mut) else {
        return;
    };
    mapping.retain(|key, _| {
        let key = key.as_str().unwrap_or_default();
        !VOLATILE.iter().any(|volatile| key.contains(volatile))
    });
    if mapping.is_empty() {
        parent.shift_remove(*last);
    }
}

/// The same text for equal values: JSON with sorted keys.
fn canonical(value: &Value) -> String {
    fn sorted(value: &Value) -> serde_json::Value {
        match value {
            Value::Mapping(mapping) => mapping
                .iter()
                .map(|(key, value)| {
                    let key = match key.as_str() {
                        Some(key) => key.to_owned(),
                        None => canonical(key),
                    };
                    (key, sorted(value))
                })
                .collect::<std::collections::BTreeMap<_, _>>()
                .into_iter()
                .collect(),
            Value::Sequence(items) => items.iter().map(sorted).collect(),
            Value::Tagged(tagged) => sorted(&tagged.value),
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {
                serde_json::to_value(value).unwrap_or_default()
            }
        }
    }
    sorted(value).to_string()
}

fn one_entry(key: &str, value: &str) -> Value {
    let mut mapping = Mapping::new();
    mapping.insert(key.into(), value.into());
    mapping.into()
}

/// The value at a path of keys.
pub(crate) fn get<'a>(value: &'a Value, path: &[&str]) -> Option<&'a Value> {
    path.iter().try_fold(value, |value, key| value.get(*key))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn target(extra: &str) -> Value {
        serde_yaml::from_str(&format!(
            "apiVersion: apps/v1
kind: Deployment
metadata:
  name: podinfo
  namespace: test
  annotations: {{owner: payments, kustomize.toolkit.fluxcd.io/prune: disabled}}
spec:
  replicas: 3
  paused: true
  minReadySeconds: 5
  selector: {{matchLabels: {{app.kubernetes.io/name: podinfo}}}}
  template:
    metadata:
      labels: {{app.kubernetes.io/name: podinfo, tier: web}}
      annotations: {{prometheus.io/scrape: 'true'{extra}}}
    spec:
      containers: [{{name: podinfo, image: 'podinfo:1'}}]
      topologySpreadConstraints:
      - {{maxSkew: 1, labelSelector: {{matchLabels: {{app.kubernetes.io/name: podinfo, tier: web}}}}}}
      affinity:
        podAntiAffinity:
          preferredDuringSchedulingIgnoredDuringExecution:
          - weight: 1
            podAffinityTerm:
              labelSelector: {{matchExpressions: [{{key: app.kubernetes.io/name, operator: In, values: [podinfo, podinfo]}}]}}
"
        ))
        .unwrap()
    }

    #[test]
    fn the_primary_has_a_name_and_pods_of_its_own() {
        let primary = primary(&target(""), "podinfo-primary").unwrap();
        insta::assert_snapshot!(serde_yaml::to_string(&primary).unwrap(), @r"
        apiVersion: apps/v1
        kind: Deployment
        metadata:
          name: podinfo-primary
          namespace: test
          labels:
            app.kubernetes.io/name: podinfo-primary
          annotations:
            owner: payments
        spec:
          replicas: 3
          selector:
            matchLabels:
              app.kubernetes.io/name: podinfo-primary
          minReadySeconds: 5
          template:
            metadata:
              labels:
                app.kubernetes.io/name: podinfo-primary
                tier: web
              annotations:
                prometheus.io/scrape: 'true'
            spec:
              containers:
              - name: podinfo
                image: podinfo:1
              topologySpreadConstraints:
              - maxSkew: 1
                labelSelector:
                  matchLabels:
                    app.kubernetes.io/name: podinfo-primary
                    tier: web
              affinity:
                podAntiAffinity:
                  preferredDuringSchedulingIgnoredDuringExecution:
                  - weight: 1
                    podAffinityTerm:
                      labelSelector:
                        matchExpressions:
                        - key: app.kubernetes.io/name
                          operator: In
                          values:
                          - podinfo-primary
                          - podinfo
        ");
    }

    #[test]
    fn a_scaled_down_target_gives_a_running_primary() {
        let mut zero = target("");
        zero["spec"]["replicas"] = 0.into();
        assert_eq!(
            primary(&zero, "p").unwrap()["spec"]["replicas"],
            Value::from(1)
        );
        zero["spec"]
            .as_mapping_mut()
            .unwrap()
            .shift_remove("replicas");
        assert_eq!(primary(&zero, "p").unwrap()["spec"].get("replicas"), None);
    }

    #[test]
    fn only_the_pod_template_makes_a_revision() {
        let base = revision(&target(""));
        assert_eq!(base.len(), 8);
        assert_eq!(
            base,
            revision(&target(", kubectl.kubernetes.io/restartedAt: now"))
        );
        assert_ne!(base, revision(&target(", prometheus.io/port: '80'")));
        let mut scaled = target("");
        scaled["spec"]["replicas"] = 7.into();
        assert_eq!(base, revision(&scaled));
    }

    #[test]
    fn promotion_leaves_selector_and_metadata() {
        let mut primary = primary(&target(""), "podinfo-primary").unwrap();
        let before = primary.clone();
        let mut next = target("");
        next["spec"]["template"]["spec"]["containers"][0]["image"] = "podinfo:2".into();
        next["spec"]["replicas"] = 5.into();
        next["spec"]
            .as_mapping_mut()
            .unwrap()
            .shift_remove("minReadySeconds");
        promote(&next, &mut primary, true).unwrap();
        assert_eq!(primary["metadata"], before["metadata"]);
        assert_eq!(primary["spec"]["selector"], before["spec"]["selector"]);
        assert_eq!(primary["spec"]["replicas"], Value::from(5));
        assert_eq!(primary["spec"].get("minReadySeconds"), None);
        assert_eq!(
            primary["spec"]["template"]["spec"]["containers"][0]["image"],
            Value::from("podinfo:2")
        );
        assert_eq!(
            primary["spec"]["template"],
            primary_template(&next).unwrap()
        );
    }

    #[test]
    fn a_selector_without_a_known_label_is_refused() {
        let mut odd = target("");
        odd["spec"]["selector"]["matchLabels"] = serde_yaml::from_str("{tier: web}").unwrap();
        let error = SelectorLabel::of(&odd).unwrap_err();
        assert!(error.hints()[0].contains("app.kubernetes.io/name"));
    }
}
