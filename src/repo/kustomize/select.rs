//! Which objects an entry of a kustomization means.

use regex::Regex;
use serde_yaml::{Mapping, Value};

/// An object on its way through kustomizations.
#[derive(Debug, Clone)]
pub(crate) struct Object {
    /// As it is built so far.
    pub(crate) value: Value,
    /// Path and document; `None` when a generator makes it.
    pub(crate) origin: Option<(String, usize)>,
    /// The namespace it is written with, and those that kustomizations gave it.
    /// A selector may name any of them.
    namespaces: Vec<Option<String>>,
}

impl Object {
    pub(super) fn new(value: Value, origin: Option<(String, usize)>) -> Self {
        let namespace = value
            .get("metadata")
            .and_then(|metadata| metadata.get("namespace")?.as_str())
            .map(str::to_owned);
        Self {
            value,
            origin,
            namespaces: vec![namespace],
        }
    }

    /// Notes the `namespace` of a kustomization.
    pub(super) fn moved_to(&mut self, namespace: &str) {
        self.namespaces.push(Some(namespace.to_owned()));
    }

    pub(super) fn is(&self, path: &str, document: usize) -> bool {
        let origin = self.origin.as_ref();
        origin.is_some_and(|origin| origin.0 == path && origin.1 == document)
    }

    fn text(&self, key: &str) -> &str {
        self.value
            .get(key)
            .and_then(Value::as_str)
            .unwrap_or_default()
    }

    pub(super) fn kind(&self) -> &str {
        self.text("kind")
    }

    pub(super) fn name(&self) -> &str {
        let metadata = self.value.get("metadata");
        let name = metadata.and_then(|metadata| metadata.get("name")?.as_str());
        name.unwrap_or_default()
    }

    /// Group (empty for the core) and version.
    fn group_and_version(&self) -> (&str, &str) {
        let version = self.text("apiVersion");
        version.split_once('/').unwrap_or(("", version))
    }

    /// The copy of this object for the primary, as far as selectors see it:
    /// its labels are `labels`.
    pub(super) fn primary(&self, labels: Mapping) -> Self {
        let mut primary = self.clone();
        let name = format!("{}-primary", self.name());
        let metadata = primary.value.get_mut("metadata");
        if let Some(metadata) = metadata.and_then(Value::as_mapping_mut) {
            metadata.insert("name".into(), name.into());
            metadata.insert("labels".into(), labels.into());
        }
        primary.origin = None;
        primary
    }

    /// Does a patch that names its object itself name this one?
    pub(super) fn is_named_by(&self, patch: &Value) -> bool {
        let patch = Self::new(patch.clone(), None);
        let namespace = patch.namespaces.first().cloned().flatten();
        self.kind() == patch.kind()
            && self.name() == patch.name()
            && (patch.text("apiVersion").is_empty()
                || self.group_and_version().0 == patch.group_and_version().0)
            && (namespace.is_none() || self.namespaces.contains(&namespace))
    }
}

/// `target` of a patch or `select` of a replacement.
#[derive(Debug)]
pub(super) struct Selector {
    group: Option<Regex>,
    version: Option<Regex>,
    kind: Option<Regex>,
    name: Option<Regex>,
    namespace: Option<Regex>,
    labels: Vec<Requirement>,
    annotations: Vec<Requirement>,
}

impl Selector {
    /// # Errors
    /// Why it cannot be understood.
    pub(super) fn read(value: &Value) -> Result<Self, String> {
        let text = |key: &str| {
            let text = value.get(key).and_then(Value::as_str);
            text.filter(|text| !text.is_empty())
        };
        let pattern = |key: &str| {
            let pattern = text(key).map(|text| Regex::new(&format!("^(?:{text})$")));
            let pattern = pattern.transpose();
            pattern.map_err(|_invalid| format!("its `{key}` is not a regular expression"))
        };
        let requirements = |key: &str| {
            let text = text(key).unwrap_or_default();
            requirements(text).ok_or_else(|| format!("its `{key}` is not understood"))
        };
        Ok(Self {
            group: pattern("group")?,
            version: pattern("version")?,
            kind: pattern("kind")?,
            name: pattern("name")?,
            namespace: pattern("namespace")?,
            labels: requirements("labelSelector")?,
            annotations: requirements("annotationSelector")?,
        })
    }

    pub(super) fn matches(&self, object: &Object) -> bool {
        let fits = |pattern: &Option<Regex>, text: &str| {
            pattern
                .as_ref()
                .is_none_or(|pattern| pattern.is_match(text))
        };
        let (group, version) = object.group_and_version();
        let mut namespaces = object.namespaces.iter();
        let metadata = |key: &str| object.value.get("metadata")?.get(key)?.as_mapping();
        fits(&self.group, group)
            && fits(&self.version, version)
            && fits(&self.kind, object.kind())
            && fits(&self.name, object.name())
            && namespaces.any(|name| fits(&self.namespace, name.as_deref().unwrap_or("default")))
            && self.labels.iter().all(|one| one.holds(metadata("labels")))
            && self
                .annotations
                .iter()
                .all(|one| one.holds(metadata("annotations")))
    }
}

/// One condition of a label selector.
#[derive(Debug, PartialEq, Eq)]
struct Requirement {
    key: String,
    condition: Condition,
}

#[derive(Debug, PartialEq, Eq)]
enum Condition {
    Exists,
    Missing,
    In(Vec<String>),
    NotIn(Vec<String>),
}

impl Requirement {
    fn holds(&self, labels: Option<&Mapping>) -> bool {
        let value = labels.and_then(|labels| labels.get(self.key.as_str())?.as_str());
        let among =
            |list: &[String]| value.is_some_and(|value| list.iter().any(|one| one == value));
        match &self.condition {
            Condition::Exists => value.is_some(),
            Condition::Missing => value.is_none(),
            Condition::In(list) => among(list),
            Condition::NotIn(list) => !among(list),
        }
    }
}

/// `a=b,c!=d,e in (f,g),h notin (i),j,!k`.
fn requirements(text: &str) -> Option<Vec<Requirement>> {
    let mut found = Vec::new();
    let mut rest = text.trim();
    while !rest.is_empty() {
        // A comma inside of brackets is no end.
        let bracket = rest.find('(').unwrap_or(rest.len());
        let comma = rest.find(',').unwrap_or(rest.len());
        let end = match comma < bracket {
            true => comma,
            false => {
                let closed = rest[bracket..].find(')').map(|at| bracket + at);
                let from = closed.unwrap_or(bracket);
                rest[from..].find(',').map_or(rest.len(), |at| from + at)
            }
        };
        found.push(requirement(rest[..end].trim())?);
        rest = rest.get(end + 1..).unwrap_or_default().trim();
    }
    Some(found)
}

fn requirement(text: &str) -> Option<Requirement> {
    let list = |text: &str| {
        let inner = text.trim().strip_prefix('(')?.strip_suffix(')')?;
        Some(inner.split(',').map(|one| one.trim().to_owned()).collect())
    };
    let one = |text: &str| vec![text.trim().to_owned()];
    let (key, condition) = if let Some((key, values)) = text.split_once(" notin ") {
        (key, Condition::NotIn(list(values)?))
    } else if let Some((key, values)) = text.split_once(" in ") {
        (key, Condition::In(list(values)?))
    } else if let Some((key, value)) = text.split_once("!=") {
        (key, Condition::NotIn(one(value)))
    } else if let Some((key, value)) = text.split_once("==").or_else(|| text.split_once('=')) {
        (key, Condition::In(one(value)))
    } else if let Some(key) = text.strip_prefix('!') {
        (key, Condition::Missing)
    } else {
        (text, Condition::Exists)
    };
    let key = key.trim().to_owned();
    let plain = !key.is_empty() && !key.contains([' ', '(', ')', ',']);
    plain.then_some(Requirement { key, condition })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn object(text: &str) -> Object {
        Object::new(serde_yaml::from_str(text).unwrap(), None)
    }

    #[test]
    fn selectors_are_anchored_expressions() {
        let mut shop = object(
            "{apiVersion: apps/v1, kind: Deployment, metadata: {name: shop, labels: {app: shop, tier: web}}}",
        );
        shop.moved_to("prod");
        for (selector, expected) in [
            ("{}", true),
            ("{kind: Deployment}", true),
            ("{kind: Deploy}", false),
            ("{name: shop|till}", true),
            ("{name: sh}", false),
            ("{name: 's.*', group: apps, version: v1}", true),
            ("{group: batch}", false),
            ("{namespace: prod}", true),
            ("{namespace: default}", true),
            ("{namespace: test}", false),
            ("{labelSelector: 'app=shop, tier in (web, api)'}", true),
            ("{labelSelector: 'app==shop,!tier'}", false),
            ("{labelSelector: 'tier notin (web),app'}", false),
            ("{labelSelector: 'app!=till'}", true),
            ("{annotationSelector: owner}", false),
        ] {
            let read = Selector::read(&serde_yaml::from_str(selector).unwrap()).unwrap();
            assert_eq!(read.matches(&shop), expected, "{selector}");
        }
        for bad in ["{name: '('}", "{labelSelector: 'a in b'}"] {
            assert!(Selector::read(&serde_yaml::from_str(bad).unwrap()).is_err());
        }
    }

    #[test]
    fn a_patch_names_its_object() {
        let shop = object("{apiVersion: apps/v1, kind: Deployment, metadata: {name: shop}}");
        for (patch, expected) in [
            (
                "{apiVersion: apps/v1, kind: Deployment, metadata: {name: shop}}",
                true,
            ),
            ("{kind: Deployment, metadata: {name: shop}}", true),
            (
                "{apiVersion: apps/v1, kind: Deployment, metadata: {name: till}}",
                false,
            ),
            (
                "{apiVersion: v1, kind: Deployment, metadata: {name: shop}}",
                false,
            ),
            (
                "{kind: Deployment, metadata: {name: shop, namespace: other}}",
                false,
            ),
        ] {
            let patch = serde_yaml::from_str(patch).unwrap();
            assert_eq!(shop.is_named_by(&patch), expected, "{patch:?}");
        }
    }
}
