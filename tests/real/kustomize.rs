//! What is computed of kustomizations, against what `kubectl kustomize` builds.

use std::path::{Path, PathBuf};

use serde_yaml::Value;
use weirkeeper::repo::files::Files;
use weirkeeper::repo::inventory::Inventory;
use weirkeeper::repo::rollout::{Copied, Rollout, resolve};

use crate::parts::{command, source_tree, succeed};

/// The example repositories, each with one Canary.
fn cases() -> Vec<PathBuf> {
    let folder = source_tree().join("fixtures/kustomize");
    let entries = fs_err::read_dir(folder).unwrap();
    let mut cases: Vec<PathBuf> = entries.map(|entry| entry.unwrap().path()).collect();
    cases.sort();
    assert!(cases.len() >= 10, "{cases:?}");
    cases
}

fn rollout(case: &Path) -> Rollout {
    let inventory = Inventory::load(Files::in_folder(case).unwrap()).unwrap();
    let now = "2026-01-01T00:00:00Z".parse().unwrap();
    resolve(&inventory, &inventory.canaries()[0], now)
        .unwrap_or_else(|error| panic!("{case:?}: {error:#?}"))
}

/// The objects that a kustomization makes, the hashes in the names of
/// generated ones taken away again, the namespace left out.
fn built(folder: &Path) -> Vec<Value> {
    let text = succeed(command("kubectl").arg("kustomize").arg(folder));
    let documents = serde_yaml::Deserializer::from_str(&text);
    let mut objects: Vec<Value> = documents
        .map(|document| serde::Deserialize::deserialize(document).unwrap())
        .collect();
    let is_hash = |text: &str| text.len() == 10 && text.bytes().all(|b| b.is_ascii_alphanumeric());
    let hashed: Vec<(String, String)> = objects
        .iter()
        .filter(|object| ["ConfigMap", "Secret"].contains(&object["kind"].as_str().unwrap()))
        .filter_map(|object| {
            let name = object["metadata"]["name"].as_str()?;
            let (plain, hash) = name.rsplit_once('-')?;
            is_hash(hash).then(|| (name.to_owned(), plain.to_owned()))
        })
        .collect();
    for object in &mut objects {
        replace(object, &hashed);
        without_namespace(object);
    }
    objects
}

fn without_namespace(object: &mut Value) {
    let metadata = object["metadata"].as_mapping_mut().unwrap();
    metadata.shift_remove("namespace");
}

fn replace(value: &mut Value, names: &[(String, String)]) {
    match value {
        Value::String(text) => {
            if let Some((_, plain)) = names.iter().find(|(hashed, _)| hashed == text) {
                text.clone_from(plain);
            }
        }
        Value::Sequence(items) => items.iter_mut().for_each(|item| replace(item, names)),
        Value::Mapping(fields) => fields
            .iter_mut()
            .for_each(|(_, value)| replace(value, names)),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::Tagged(_) => {}
    }
}

fn object<'a>(objects: &'a [Value], kind: &str, name: &str) -> &'a Value {
    let mut objects = objects.iter();
    let is = |object: &&Value| object["kind"] == kind && object["metadata"]["name"] == name;
    objects.find(is).unwrap_or_else(|| panic!("{kind} {name}"))
}

fn target(copied: &Copied) -> Value {
    let mut built = copied.built.clone();
    without_namespace(&mut built);
    built
}

#[test]
#[ignore = "needs real parts"]
fn kustomizations_are_computed_as_kubectl_builds_them() {
    for case in cases() {
        let rollout = rollout(&case);
        let copied = rollout.release.copied().unwrap();
        let home = rollout.home.as_ref().unwrap().kustomization.folder();
        let objects = built(&case.join(home));
        let expected = object(&objects, &copied.target.kind, &copied.target.name);
        same(&target(copied), expected, &case);
        for config in &copied.configs {
            let expected = object(&objects, &config.kind, &config.name);
            let mut built = config.built.clone();
            without_namespace(&mut built);
            same(&built, expected, &case);
        }
    }
}

fn same(built: &Value, expected: &Value, case: &Path) {
    let [built, expected] =
        [built, expected].map(|value| serde_yaml::to_string(&sorted(value)).unwrap());
    assert_eq!(
        built, expected,
        "{case:?}\nours:\n{built}\nkubectl:\n{expected}"
    );
}

/// Keys in order, so that a difference is easy to see.
fn sorted(value: &Value) -> Value {
    match value {
        Value::Mapping(fields) => {
            let mut pairs: Vec<(Value, Value)> = fields
                .iter()
                .map(|(key, value)| (key.clone(), sorted(value)))
                .collect();
            pairs.sort_by(|(a, _), (b, _)| a.as_str().cmp(&b.as_str()));
            Value::Mapping(pairs.into_iter().collect())
        }
        Value::Sequence(items) => items.iter().map(sorted).collect(),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Tagged(_) => {
            value.clone()
        }
    }
}

/// The primary is listed beside the target; nothing that is done to the one
/// may reach the other.
#[test]
#[ignore = "needs real parts"]
fn a_primary_beside_it_leaves_the_target_as_it_was() {
    for case in cases() {
        let rollout = rollout(&case);
        let copied = rollout.release.copied().unwrap();
        let home = rollout.home.as_ref().unwrap();
        let (kind, name) = (&copied.target.kind, &copied.target.name);
        let own = format!("{name}-primary");
        let mut primary = copied.built.clone();
        primary["metadata"]["name"] = own.as_str().into();
        primary["spec"]["replicas"] = 3.into();

        let copy = tempfile::tempdir().unwrap();
        succeed(
            command("cp")
                .arg("-r")
                .arg(&case)
                .arg(copy.path().join("case")),
        );
        let folder = copy.path().join("case").join(home.kustomization.folder());
        let before = built(&folder);
        let mut kustomization = Value::clone(&home.kustomization.value);
        let list = match kustomization.get("resources") {
            Some(_) => "resources",
            None => "bases",
        };
        let mut listed = kustomization[list].as_sequence().unwrap().clone();
        listed.push("primary.yaml".into());
        let fields = kustomization.as_mapping_mut().unwrap();
        fields.insert(list.into(), listed.into());
        fs_err::write(
            folder.join("kustomization.yaml"),
            serde_yaml::to_string(&kustomization).unwrap(),
        )
        .unwrap();
        fs_err::write(
            folder.join("primary.yaml"),
            serde_yaml::to_string(&primary).unwrap(),
        )
        .unwrap();

        let after = built(&folder);
        let both = [&before, &after].map(|objects| object(objects, kind, name));
        assert_eq!(both[0], both[1], "{case:?}");
        let primary = object(&after, kind, &own);
        assert_eq!(primary["spec"]["replicas"], 3, "{case:?}");
        assert_eq!(
            sorted(&primary["spec"]["template"]),
            sorted(&both[1]["spec"]["template"]),
            "{case:?}"
        );
    }
}
