//! Strategic merge patches: what turns one object into another.

use serde_yaml::{Mapping, Value};

/// Lists that Kustomize merges item by item, and the field that tells items
/// apart. Any other list is replaced as a whole.
const MERGED: [(&str, &str); 11] = [
    ("containers", "name"),
    ("initContainers", "name"),
    ("ephemeralContainers", "name"),
    ("volumes", "name"),
    ("env", "name"),
    ("ports", "containerPort"),
    ("volumeMounts", "mountPath"),
    ("volumeDevices", "devicePath"),
    ("imagePullSecrets", "name"),
    ("hostAliases", "ip"),
    ("topologySpreadConstraints", "topologyKey"),
];

/// The patch that makes `new` of `old`: keys that differ, and `null` for keys
/// that go. `None` when nothing differs.
pub(super) fn patch(old: &Value, new: &Value) -> Option<Value> {
    changed("", old, new)
}

/// Makes `patch` do what `more` does, too.
pub(super) fn combine(patch: &mut Value, more: Value) {
    match (patch, more) {
        (Value::Mapping(patch), Value::Mapping(more)) => {
            for (key, value) in more {
                match patch.get_mut(&key) {
                    Some(old) => combine(old, value),
                    None => {
                        patch.insert(key, value);
                    }
                }
            }
        }
        (Value::Sequence(patch), Value::Sequence(more))
            if patch
                .iter()
                .chain(&more)
                .all(|item| item.get("name").is_some()) =>
        {
            for item in more {
                let same = |old: &&mut Value| old.get("name") == item.get("name");
                match patch.iter_mut().find(same) {
                    Some(old) => combine(old, item),
                    None => patch.push(item),
                }
            }
        }
        (patch, more) => *patch = more,
    }
}

fn changed(key: &str, old: &Value, new: &Value) -> Option<Value> {
    if old == new {
        return None;
    }
    Some(match (old, new) {
        (Value::Mapping(old), Value::Mapping(new)) => of_mapping(old, new).into(),
        (Value::Sequence(old), Value::Sequence(new)) => match merge_key(key) {
            Some(id) => of_list(id, old, new).into(),
            None => new.clone().into(),
        },
        _ => new.clone(),
    })
}

fn of_mapping(old: &Mapping, new: &Mapping) -> Mapping {
    let mut patch = Mapping::new();
    for (key, value) in new {
        let change = match old.get(key) {
            Some(old) => changed(key.as_str().unwrap_or_default(), old, value),
            None => Some(value.clone()),
        };
        patch.extend(change.map(|change| (key.clone(), change)));
    }
    let gone = old.keys().filter(|key| !new.contains_key(*key));
    patch.extend(gone.map(|key| (key.clone(), Value::Null)));
    patch
}

/// Named items that differ in some of their fields are merged. When one comes or
/// goes, or items have no names, the list is replaced: then it has the order of
/// the new one.
fn of_list(id: &str, old: &[Value], new: &[Value]) -> Vec<Value> {
    let name = |item: &Value| item.get("name").cloned();
    let pairs = || old.iter().zip(new);
    let stay = id == "name"
        && old.len() == new.len()
        && pairs().all(|(old, new)| name(old).is_some() && name(old) == name(new));
    if !stay {
        let mut directive = Mapping::new();
        directive.insert("$patch".into(), "replace".into());
        let directive = std::iter::once(Value::from(directive));
        return directive.chain(new.iter().cloned()).collect();
    }
    let changes = pairs().filter_map(|(old, new)| {
        let change = changed("", old, new)?;
        let mut item = Mapping::new();
        item.insert("name".into(), name(new)?);
        item.extend(change.as_mapping().cloned().unwrap_or_default());
        Some(item.into())
    });
    changes.collect()
}

fn merge_key(list: &str) -> Option<&'static str> {
    let found = MERGED.iter().find(|(key, _)| *key == list);
    found.map(|(_, id)| *id)
}
