//! Strategic merge patches, as Kustomize applies them.
//!
//! Lists with a merge key are merged item by item, what the patch names comes
//! first; all other lists are replaced. Kustomize knows merge keys of built-in
//! kinds only: lists of custom resources are always replaced.

use serde_yaml::{Mapping, Value};

/// The key of a directive.
const DIRECTIVE: &str = "$patch";

/// What a mapping is, as far as that decides how its lists are merged.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Schema {
    /// Nothing is known: lists are replaced.
    Unknown,
    Workload,
    WorkloadSpec,
    Template,
    Pod,
    Container,
    Service,
    ServiceSpec,
    /// Any other object of a built-in kind.
    Plain,
    Metadata,
}

impl Schema {
    fn of(object: &Value) -> Self {
        let text = |key| object.get(key).and_then(Value::as_str).unwrap_or_default();
        match (text("apiVersion"), text("kind")) {
            ("apps/v1", "Deployment" | "DaemonSet" | "StatefulSet" | "ReplicaSet") => {
                Self::Workload
            }
            ("v1", "Service") => Self::Service,
            ("v1", "ConfigMap" | "Secret") => Self::Plain,
            _ => Self::Unknown,
        }
    }

    /// What stands at `key`, or in the items of the list there.
    fn field(self, key: &str) -> Self {
        match (self, key) {
            (Self::Workload, "spec") => Self::WorkloadSpec,
            (Self::WorkloadSpec, "template") => Self::Template,
            (Self::Template, "spec") => Self::Pod,
            (Self::Pod, "containers" | "initContainers" | "ephemeralContainers") => Self::Container,
            (Self::Service, "spec") => Self::ServiceSpec,
            (Self::Workload | Self::Template | Self::Service | Self::Plain, "metadata") => {
                Self::Metadata
            }
            _ => Self::Unknown,
        }
    }

    /// The merge keys of the list at `key`, the first one required; none for a
    /// list of plain values that is merged as a set.
    fn merge_keys(self, key: &str) -> Option<&'static [&'static str]> {
        Some(match (self, key) {
            (
                Self::Pod,
                "containers"
                | "initContainers"
                | "ephemeralContainers"
                | "volumes"
                | "imagePullSecrets",
            )
            | (Self::Container, "env") => &["name"],
            (Self::Pod, "hostAliases") => &["ip"],
            (Self::Pod, "topologySpreadConstraints") => &["topologyKey", "whenUnsatisfiable"],
            (Self::Container, "ports") => &["containerPort", "protocol"],
            (Self::Container, "volumeMounts") => &["mountPath"],
            (Self::Container, "volumeDevices") => &["devicePath"],
            (Self::ServiceSpec, "ports") => &["port", "protocol"],
            (Self::Metadata, "ownerReferences") => &["uid"],
            (Self::Metadata, "finalizers") => &[],
            _ => return None,
        })
    }
}

/// What `$patch` says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Directive {
    Merge,
    Replace,
    Delete,
}

/// `object` with `patch` merged into it. Name, namespace and kind stay.
///
/// # Errors
/// Why the patch cannot be applied, in words that follow "because".
pub(super) fn merge(object: &Value, patch: &Value) -> Result<Value, String> {
    let Value::Mapping(patch) = patch else {
        return Err("it is not a mapping".to_owned());
    };
    let mut merged = match (directive(patch)?, object) {
        (Directive::Delete, _) => return Err("it removes the object".to_owned()),
        (Directive::Replace, _) => Value::Mapping(added(patch, Schema::of(object))?),
        (Directive::Merge, Value::Mapping(object_fields)) => {
            let mut fields = object_fields.clone();
            merge_fields(&mut fields, patch, Schema::of(object))?;
            Value::Mapping(fields)
        }
        (Directive::Merge, _) => return Err("what it patches is not an object".to_owned()),
    };
    keep(object, &mut merged, &["kind"]);
    for field in ["name", "namespace"] {
        keep(object, &mut merged, &["metadata", field]);
    }
    Ok(merged)
}

/// Takes the field at `path` over from `from`, or removes it.
fn keep(from: &Value, to: &mut Value, path: &[&str]) {
    let Some((last, parents)) = path.split_last() else {
        return;
    };
    let old = path.iter().try_fold(from, |value, key| value.get(*key));
    let parent = parents
        .iter()
        .try_fold(to, |value, key| value.get_mut(*key));
    let Some(parent) = parent.and_then(Value::as_mapping_mut) else {
        return;
    };
    match old {
        Some(old) => drop(parent.insert((*last).into(), old.clone())),
        None => drop(parent.shift_remove(*last)),
    }
}

fn directive(patch: &Mapping) -> Result<Directive, String> {
    if let Some(key) = patch
        .keys()
        .filter_map(Value::as_str)
        .find(|key| key.starts_with('$') && *key != DIRECTIVE)
    {
        return Err(format!("`{key}` is not understood"));
    }
    match patch.get(DIRECTIVE).map(|value| value.as_str()) {
        None | Some(Some("merge")) => Ok(Directive::Merge),
        Some(Some("replace")) => Ok(Directive::Replace),
        Some(Some("delete")) => Ok(Directive::Delete),
        Some(_) => Err("`$patch` must be merge, replace or delete".to_owned()),
    }
}

fn merge_fields(fields: &mut Mapping, patch: &Mapping, schema: Schema) -> Result<(), String> {
    for (key, new) in patch {
        let name = key.as_str().unwrap_or_default();
        if name == DIRECTIVE {
            continue;
        }
        let value = match (fields.get(key), new) {
            (_, Value::Null) => None,
            (None | Some(Value::Null), new) => add(new, schema, name)?,
            (Some(Value::Mapping(old)), Value::Mapping(new)) => match directive(new)? {
                Directive::Delete => None,
                Directive::Replace => Some(added(new, schema.field(name))?.into()),
                Directive::Merge => {
                    let mut merged = old.clone();
                    merge_fields(&mut merged, new, schema.field(name))?;
                    Some(merged.into())
                }
            },
            (Some(Value::Sequence(old)), Value::Sequence(new)) => {
                match (list_directive(new)?, schema.merge_keys(name)) {
                    (Directive::Merge, Some(keys)) => {
                        Some(merge_items(old, new, keys, schema.field(name))?.into())
                    }
                    (Directive::Delete, Some(_)) => None,
                    (_, keys) => Some(items(new, keys.is_some(), schema.field(name))?.into()),
                }
            }
            (Some(Value::Mapping(_) | Value::Sequence(_)), _)
            | (Some(_), Value::Mapping(_) | Value::Sequence(_)) => {
                return Err(format!("`{name}` is something else there"));
            }
            (Some(_), new) => Some(new.clone()),
        };
        match value {
            Some(value) => drop(fields.insert(key.clone(), value)),
            None => drop(fields.shift_remove(key)),
        }
    }
    Ok(())
}

/// What a patch adds at `name`, where there is nothing yet.
fn add(new: &Value, schema: Schema, name: &str) -> Result<Option<Value>, String> {
    Ok(match new {
        Value::Mapping(new) => match directive(new)? {
            Directive::Delete => None,
            Directive::Merge | Directive::Replace => Some(added(new, schema.field(name))?.into()),
        },
        Value::Sequence(new) => {
            let merged = schema.merge_keys(name).is_some();
            match list_directive(new)? {
                Directive::Delete if merged => None,
                Directive::Delete | Directive::Merge | Directive::Replace => {
                    Some(items(new, merged, schema.field(name))?.into())
                }
            }
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Tagged(_) => {
            Some(new.clone())
        }
    })
}

/// A mapping of a patch as it is added: without directives and nulls.
fn added(new: &Mapping, schema: Schema) -> Result<Mapping, String> {
    let mut fields = Mapping::new();
    for (key, value) in new {
        let name = key.as_str().unwrap_or_default();
        if name == DIRECTIVE || value.is_null() {
            continue;
        }
        if let Some(value) = add(value, schema, name)? {
            fields.insert(key.clone(), value);
        }
    }
    Ok(fields)
}

/// The items of a patch's list as they are added; in a list that is `merged`
/// by key without directives.
fn items(new: &[Value], merged: bool, schema: Schema) -> Result<Vec<Value>, String> {
    if !merged {
        return Ok(new.to_vec());
    }
    let mut items = Vec::new();
    for item in new {
        match item.as_mapping() {
            Some(fields) if is_directive(fields) => {}
            Some(fields) => match directive(fields)? {
                Directive::Delete => {}
                Directive::Merge | Directive::Replace => items.push(added(fields, schema)?.into()),
            },
            None => items.push(item.clone()),
        }
    }
    Ok(items)
}

/// Is it an item that speaks of its whole list?
fn is_directive(item: &Mapping) -> bool {
    item.len() == 1 && item.contains_key(DIRECTIVE)
}

/// What an item with nothing but `$patch` says about its list.
fn list_directive(new: &[Value]) -> Result<Directive, String> {
    let mut items = new.iter().filter_map(Value::as_mapping);
    items
        .find(|item| is_directive(item))
        .map_or(Ok(Directive::Merge), directive)
}

/// The items of `new` first, each merged with the one of `old` that has the
/// same keys, then the rest of `old`. In a list with several keys those that are
/// merged stay where they were.
fn merge_items(
    old: &[Value],
    new: &[Value],
    keys: &[&str],
    schema: Schema,
) -> Result<Vec<Value>, String> {
    let Some(first) = keys.first() else {
        let rest = old.iter().filter(|item| !new.contains(item));
        return Ok(new.iter().chain(rest).cloned().collect());
    };
    let mut rest: Vec<Option<Value>> = old.iter().cloned().map(Some).collect();
    let mut merged = Vec::new();
    for item in new {
        let fields = item.as_mapping().filter(|item| item.contains_key(*first));
        let fields = fields.ok_or_else(|| format!("an item of a list has no `{first}`"))?;
        let is_same = |index: &usize| {
            let old = rest[*index].as_ref();
            old.is_some_and(|old| is_same(old, item, keys))
        };
        let mut same = (0..rest.len()).filter(is_same);
        let (index, other) = (same.next(), same.next());
        if other.is_some() {
            let value = fields.get(*first).map(shown).unwrap_or_default();
            return Err(format!("several items have the `{first}` {value}"));
        }
        let before = index.and_then(|index| rest[index].take());
        let item = match (directive(fields)?, before) {
            (Directive::Delete, _) => continue,
            // Kustomize leaves the old item as it is, which nobody can want.
            (Directive::Replace, Some(_)) => {
                return Err("`$patch: replace` has no effect on an item of a list".to_owned());
            }
            (Directive::Merge, Some(Value::Mapping(mut before))) => {
                merge_fields(&mut before, fields, schema)?;
                before.into()
            }
            (Directive::Merge | Directive::Replace, _) => added(fields, schema)?.into(),
        };
        match index {
            Some(index) if keys.len() > 1 => rest[index] = Some(item),
            _ => merged.push(item),
        }
    }
    merged.extend(rest.into_iter().flatten());
    Ok(merged)
}

/// Are the keys that both have equal, the first of them among these?
fn is_same(old: &Value, new: &Value, keys: &[&str]) -> bool {
    let pair = |key: &&str| Some((shown(old.get(*key)?), shown(new.get(*key)?)));
    keys.first().is_some_and(|first| pair(first).is_some())
        && keys.iter().filter_map(pair).all(|(old, new)| old == new)
}

/// A plain value as text: `80` and `"80"` are the same key.
fn shown(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Number(number) => number.to_string(),
        Value::Bool(is) => is.to_string(),
        Value::Null | Value::Mapping(_) | Value::Sequence(_) | Value::Tagged(_) => String::new(),
    }
}
