//! `images`, `replicas`, `labels` and `commonAnnotations`: values that a
//! kustomization sets by name.

use regex::Regex;
use serde_yaml::{Mapping, Value};

/// An entry of `images`.
#[derive(Debug)]
pub(super) struct Image<'a> {
    entry: &'a Value,
    pattern: Option<Regex>,
}

impl<'a> Image<'a> {
    pub(super) fn of(entry: &'a Value) -> Self {
        let name = text(entry, "name").unwrap_or_default();
        // As Kustomize has it: the name is an expression, tag and digest are free.
        let pattern = format!(r"^(?:{name})(:[a-zA-Z0-9_.{{}}-]*)?(@sha256:[a-zA-Z0-9_.{{}}-]*)?$");
        Self {
            entry,
            pattern: Regex::new(&pattern).ok(),
        }
    }

    /// Does it set an image of one of the containers?
    pub(super) fn concerns(&self, workload: &Value) -> bool {
        let mut concerns = false;
        let mut copy = workload.clone();
        each_image(&mut copy, &mut |image| {
            concerns |= self.matches(image);
        });
        concerns
    }

    pub(super) fn matches(&self, image: &str) -> bool {
        let pattern = self.pattern.as_ref();
        pattern.is_some_and(|pattern| pattern.is_match(image))
    }

    /// Sets every image of that name.
    pub(super) fn apply(&self, workload: &mut Value) {
        each_image(workload, &mut |image| {
            if self.matches(image) {
                *image = self.set(image);
            }
        });
    }

    fn set(&self, image: &str) -> String {
        let (name, tag, digest) = split(image);
        let new = |key| text(self.entry, key).filter(|text| !text.is_empty());
        let name = new("newName").unwrap_or_else(|| name.to_owned());
        let (tag, digest) = match (new("newTag"), new("digest"), new("tagSuffix")) {
            (None, None, None) => (tag.map(str::to_owned), digest.map(str::to_owned)),
            (None, None, Some(suffix)) => {
                (Some(tag.unwrap_or_default().to_owned() + &suffix), None)
            }
            (tag, digest, _) => (tag, digest),
        };
        let tag = tag.map(|tag| format!(":{tag}")).unwrap_or_default();
        let digest = digest
            .map(|digest| format!("@{digest}"))
            .unwrap_or_default();
        format!("{name}{tag}{digest}")
    }
}

/// Shows every image of a workload's containers.
fn each_image(value: &mut Value, see: &mut dyn FnMut(&mut String)) {
    let pods = value
        .get_mut("spec")
        .and_then(|spec| spec.get_mut("template")?.get_mut("spec"));
    let Some(pods) = pods else { return };
    for list in ["containers", "initContainers"] {
        let containers = pods.get_mut(list).and_then(Value::as_sequence_mut);
        for container in containers.into_iter().flatten() {
            if let Some(Value::String(image)) = container.get_mut("image") {
                see(image);
            }
        }
    }
}

/// The images of a workload's containers, in their order.
pub(super) fn images_of(workload: &Value) -> Vec<String> {
    let mut images = Vec::new();
    each_image(&mut workload.clone(), &mut |image| {
        images.push(image.clone());
    });
    images
}

/// Name, tag and digest of an image, as Kustomize takes it apart.
pub(crate) fn split(image: &str) -> (&str, Option<&str>, Option<&str>) {
    let (rest, digest) = match image.split_once('@') {
        Some((rest, digest)) => (rest, Some(digest)),
        None => (image, None),
    };
    match rest.rsplit_once(':') {
        Some((name, tag)) if !tag.contains('/') => (name, Some(tag), digest),
        _ => (rest, None, digest),
    }
}

/// A plain value as text; tags such as `1.10` may be written without quotes.
pub(super) fn text(entry: &Value, key: &str) -> Option<String> {
    match entry.get(key)? {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        Value::Bool(is) => Some(is.to_string()),
        Value::Null | Value::Mapping(_) | Value::Sequence(_) | Value::Tagged(_) => None,
    }
}

/// Kinds whose `spec.replicas` an entry of `replicas` sets.
pub(super) fn replicas(entry: &Value, workload: &mut Value) {
    let kind = workload.get("kind").and_then(Value::as_str);
    let scalable = matches!(kind, Some("Deployment" | "StatefulSet" | "ReplicaSet"));
    let count = entry.get("count").cloned().unwrap_or_else(|| 0.into());
    let spec = workload.get_mut("spec").and_then(Value::as_mapping_mut);
    if let (true, Some(spec)) = (scalable, spec) {
        spec.insert("replicas".into(), count);
    }
}

/// Adds `pairs` to `metadata.<field>`, and with `templates` to that of the pods.
pub(super) fn metadata(object: &mut Value, field: &str, pairs: &Mapping, templates: bool) {
    add(object, field, pairs);
    let template = object
        .get_mut("spec")
        .and_then(|spec| spec.get_mut("template"));
    if let (true, Some(template)) = (templates, template) {
        add(template, field, pairs);
    }
}

fn add(object: &mut Value, field: &str, pairs: &Mapping) {
    let Some(object) = object.as_mapping_mut() else {
        return;
    };
    let empty = || Value::Mapping(Mapping::new());
    let metadata = object.entry("metadata".into()).or_insert_with(empty);
    let Some(metadata) = metadata.as_mapping_mut() else {
        return;
    };
    let field = metadata.entry(field.into()).or_insert_with(empty);
    if let Some(field) = field.as_mapping_mut() {
        field.extend(pairs.clone());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn images_are_set_by_name() {
        for (entry, image, expected) in [
            ("{name: a/b, newTag: '2'}", "a/b:1", "a/b:2"),
            ("{name: a/b, newTag: 2}", "a/b", "a/b:2"),
            ("{name: a/b, newTag: '2'}", "x/a/b:1", "x/a/b:1"),
            ("{name: a/b, newTag: '2'}", "a/b-primary:1", "a/b-primary:1"),
            ("{name: a/b, newName: r:5000/c}", "a/b:1", "r:5000/c:1"),
            (
                "{name: r:5000/c, digest: 'sha256:ab'}",
                "r:5000/c:1",
                "r:5000/c@sha256:ab",
            ),
            ("{name: a, newTag: '2'}", "a:1@sha256:ab", "a:2"),
            (
                "{name: a, newTag: '2', digest: 'sha256:cd'}",
                "a:1",
                "a:2@sha256:cd",
            ),
            ("{name: a, tagSuffix: -fips}", "a:1@sha256:ab", "a:1-fips"),
            ("{name: a, newName: b}", "a:1@sha256:ab", "b:1@sha256:ab"),
        ] {
            let entry = serde_yaml::from_str(entry).unwrap();
            let mut workload: Value = serde_yaml::from_str(&format!(
                "spec: {{template: {{spec: {{initContainers: [{{image: '{image}'}}]}}}}}}"
            ))
            .unwrap();
            Image::of(&entry).apply(&mut workload);
            let found = &workload["spec"]["template"]["spec"]["initContainers"][0]["image"];
            assert_eq!(found, expected, "{entry:?}");
        }
    }
}
