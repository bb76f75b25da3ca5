//! The ConfigMaps and Secrets that the target's pods refer to.

use std::collections::BTreeMap;

use serde_yaml::Value;

use super::Config;
use super::findings::Findings;
use super::search::Search;
use crate::error::{Error, Kind, Result};
use crate::repo::inventory::Inventory;
use crate::repo::kustomize::Kustomization;
use crate::repo::kustomize::build::{Built, Wanted, build};
use crate::repo::kustomize::generate::{Unknown, unknown};
use crate::repo::manifest::Manifest;

/// Types of Secrets that are tracked; no type is the first.
const PLAIN: [&str; 5] = [
    "Opaque",
    "kubernetes.io/basic-auth",
    "kubernetes.io/ssh-auth",
    "kubernetes.io/tls",
    "",
];

/// The mark of values that SOPS encrypted.
const SOPS: &str = "ENC[AES256_GCM";

/// Annotation that switches the tracking of one object off.
const TRACKING: &str = "flagger.app/config-tracking";

/// A reference of the pod template.
#[derive(Debug, Clone)]
struct Reference {
    /// Where it stands first.
    path: String,
    /// The pods start without the object.
    optional: bool,
}

/// Kind and name of an object, and how it is referred to.
type References = BTreeMap<(&'static str, String), Reference>;

/// The tracked configs of the target, by kind and name; a warning for each that
/// is not.
///
/// # Errors
/// When a file cannot be read. What is wrong with documents is noted.
pub(super) fn find(
    search: &Search<'_>,
    home: Option<&Kustomization>,
    target: &Manifest,
    built: &Value,
    findings: &mut Findings<'_>,
) -> Result<Vec<Config>> {
    let references = references(built);
    let mut manifests = BTreeMap::new();
    for (key, reference) in &references {
        match search.object(key.0, &key.1) {
            Ok(Some(manifest)) => drop(manifests.insert(key.clone(), manifest)),
            Ok(None) => {}
            Err(error) if error.kind() == Kind::Document => {
                unreadable(target, reference, &error, findings);
            }
            Err(error) => return Err(error),
        }
    }
    let objects = objects(search.inventory, home, manifests.values().collect())?;
    findings.errors.extend(objects.problems.iter().cloned());
    let mut configs = Vec::new();
    for (key, reference) in references {
        let generated = objects.objects.iter().find(|object| {
            let kind = object.value.get("kind").and_then(Value::as_str);
            let metadata = object.value.get("metadata");
            let name = metadata.and_then(|metadata| metadata.get("name")?.as_str());
            (kind, name) == (Some(key.0), Some(key.1.as_str()))
        });
        let manifest = manifests.remove(&key);
        let one = One {
            search,
            kind: key.0,
            name: &key.1,
            reference,
            target,
        };
        let (value, manifest) = match (generated, manifest) {
            (Some(object), manifest) => {
                let listed = object.origin.is_some();
                (Some(object.value.clone()), manifest.filter(|_| listed))
            }
            (None, Some(manifest)) => (Some(Value::clone(&manifest.value)), Some(manifest)),
            (None, None) => (None, None),
        };
        if let Some(value) = one.tracked(value, manifest.as_ref(), findings)? {
            let primary = format!("{}-primary", one.name);
            configs.push(Config {
                kind: one.kind.to_owned(),
                name: one.name.to_owned(),
                built: value,
                primary: findings
                    .found(search.object(one.kind, &primary), "spec.targetRef.name")?,
                manifest,
            });
        }
    }
    Ok(configs)
}

/// What the home makes of the manifests, and what its generators make.
fn objects(
    inventory: &Inventory,
    home: Option<&Kustomization>,
    manifests: Vec<&Manifest>,
) -> Result<Built> {
    let Some(home) = home else {
        return Ok(Built::default());
    };
    let wanted = Wanted {
        manifests,
        target: None,
        primary: None,
    };
    build(inventory, home, &wanted)
}

/// Several candidates, or files that cannot be read: not tracked, and said.
fn unreadable(
    target: &Manifest,
    reference: &Reference,
    error: &Error,
    findings: &mut Findings<'_>,
) {
    let message = format!("is not tracked: {}", error.chain());
    let mut warning = target.error_at(&reference.path, message);
    warning.hint = error.hints().first().cloned();
    findings.warn(warning);
}

/// One object that pods refer to.
struct One<'a> {
    search: &'a Search<'a>,
    kind: &'static str,
    name: &'a str,
    reference: Reference,
    target: &'a Manifest,
}

impl One<'_> {
    /// The object, if it is tracked; else perhaps a warning.
    fn tracked(
        &self,
        value: Option<Value>,
        manifest: Option<&Manifest>,
        findings: &mut Findings<'_>,
    ) -> Result<Option<Value>> {
        let Some(value) = value else {
            self.missing(findings)?;
            return Ok(None);
        };
        if is_disabled(&value) {
            return Ok(None);
        }
        let encrypted = value.get("sops").is_some()
            || manifest.is_some_and(|manifest| {
                let document = manifest.file.stream.documents().get(manifest.document);
                let span = document.map(crate::yaml::Document::span);
                let text = span.and_then(|span| manifest.file.source.text.get(span));
                text.is_some_and(|text| text.contains(SOPS))
            });
        let why = match unknown(&value) {
            Some(Unknown::Because(why)) => {
                self.warn(findings, &why, "mend it, or give a changed one a new name");
                return Ok(None);
            }
            Some(Unknown::Encrypted) => true,
            None => encrypted,
        };
        if why {
            self.warn(
                findings,
                "it is encrypted",
                "give a changed one a new name, so that the pod template changes with it",
            );
            return Ok(None);
        }
        let kind = value
            .get("type")
            .and_then(Value::as_str)
            .unwrap_or_default();
        Ok((self.kind == "ConfigMap" || PLAIN.contains(&kind)).then_some(value))
    }

    fn missing(&self, findings: &mut Findings<'_>) -> Result<()> {
        let maker = match self.kind {
            "Secret" => match self.search.maker_of_secret(self.name) {
                Ok(maker) => maker,
                Err(error) if error.kind() == Kind::Document => None,
                Err(error) => return Err(error),
            },
            _ => None,
        };
        match maker {
            Some(maker) if is_disabled(&maker.value) => {}
            Some(maker) => self.warn(
                findings,
                &format!("{} {} makes it in the cluster", maker.kind, maker.name),
                "give a changed one a new name, so that the pod template changes with it",
            ),
            None if self.reference.optional => {}
            None => self.warn(
                findings,
                "it is not in the repository",
                "commit it, or give a changed one a new name, so that the pod template changes with it",
            ),
        }
        Ok(())
    }

    fn warn(&self, findings: &mut Findings<'_>, why: &str, hint: &str) {
        let message = format!(
            "{} {} is not tracked, a change of it reaches target and primary alike: {why}",
            self.kind, self.name
        );
        let place = self.target.error_at(&self.reference.path, message);
        findings.warn(place.hint(hint));
    }
}

fn is_disabled(object: &Value) -> bool {
    let annotations = object
        .get("metadata")
        .and_then(|metadata| metadata.get("annotations"));
    let tracking = annotations.and_then(|annotations| annotations.get(TRACKING)?.as_str());
    tracking.is_some_and(|tracking| tracking.starts_with("disable"))
}

/// What the pod template of a workload refers to: in volumes, also projected
/// ones, and in the environment of containers and init containers. Said twice,
/// the last one tells whether it is optional.
fn references(workload: &Value) -> References {
    let mut found = References::new();
    let pods = workload
        .get("spec")
        .and_then(|spec| spec.get("template")?.get("spec"));
    let Some(pods) = pods else { return found };
    let path = "spec.template.spec";
    for (index, volume) in items(pods, "volumes").iter().enumerate() {
        let path = format!("{path}.volumes[{index}]");
        note(&mut found, volume, "configMap", "name", &path);
        note(&mut found, volume, "secret", "secretName", &path);
        let Some(projected) = volume.get("projected") else {
            continue;
        };
        for (index, source) in items(projected, "sources").iter().enumerate() {
            let path = format!("{path}.projected.sources[{index}]");
            note(&mut found, source, "configMap", "name", &path);
            note(&mut found, source, "secret", "name", &path);
        }
    }
    for list in ["initContainers", "containers"] {
        for (index, container) in items(pods, list).iter().enumerate() {
            let path = format!("{path}.{list}[{index}]");
            for (index, variable) in items(container, "env").iter().enumerate() {
                let path = format!("{path}.env[{index}].valueFrom");
                if let Some(from) = variable.get("valueFrom") {
                    note(&mut found, from, "configMapKeyRef", "name", &path);
                    note(&mut found, from, "secretKeyRef", "name", &path);
                }
            }
            for (index, from) in items(container, "envFrom").iter().enumerate() {
                let path = format!("{path}.envFrom[{index}]");
                note(&mut found, from, "configMapRef", "name", &path);
                note(&mut found, from, "secretRef", "name", &path);
            }
        }
    }
    found
}

fn note(found: &mut References, at: &Value, key: &str, name: &str, path: &str) {
    let Some(object) = at.get(key) else { return };
    let Some(text) = object.get(name).and_then(Value::as_str) else {
        return;
    };
    let kind = match key.starts_with("configMap") {
        true => "ConfigMap",
        false => "Secret",
    };
    let optional = object.get("optional").and_then(Value::as_bool) == Some(true);
    let path = format!("{path}.{key}.{name}");
    found
        .entry((kind, text.to_owned()))
        .and_modify(|reference| reference.optional = optional)
        .or_insert(Reference { path, optional });
}

fn items<'a>(value: &'a Value, key: &str) -> &'a [Value] {
    let items = value.get(key).and_then(Value::as_sequence);
    items.map(Vec::as_slice).unwrap_or_default()
}
