//! Edits of plain data, to know what a document should mean after an edit.

use serde_yaml::{Mapping, Value};

use crate::api::Segment;
use crate::yaml::resolve;

/// The value of `key` in a mapping, whatever kind of scalar the key is.
fn key_of(mapping: &Mapping, key: &str) -> Option<Value> {
    let text = Value::from(key);
    if mapping.contains_key(&text) {
        return Some(text);
    }
    let resolved = resolve::plain(key);
    mapping.contains_key(&resolved).then_some(resolved)
}

/// Follows one step; tags are looked through.
fn child<'v>(value: &'v mut Value, segment: &Segment) -> Option<&'v mut Value> {
    match (value, segment) {
        (Value::Tagged(tagged), _) => child(&mut tagged.value, segment),
        (Value::Mapping(mapping), Segment::Key(key)) => {
            let key = key_of(mapping, key)?;
            mapping.get_mut(&key)
        }
        (Value::Sequence(items), Segment::Index(index)) => items.get_mut(*index),
        _ => None,
    }
}

/// Sets the value at a path; whether that could be done. The last key may be
/// new, and so may be what is null.
pub(super) fn set_at(root: &mut Value, path: &[Segment], new: Value) -> bool {
    let Some((segment, rest)) = path.split_first() else {
        *root = new;
        return true;
    };
    if let Value::Tagged(tagged) = root {
        return set_at(&mut tagged.value, path, new);
    }
    if root.is_null() {
        *root = match segment {
            Segment::Key(_) => Value::Mapping(Mapping::new()),
            Segment::Index(_) => Value::Sequence(Vec::new()),
        };
    }
    match (root, segment) {
        (Value::Mapping(mapping), Segment::Key(name)) => {
            let key = key_of(mapping, name).unwrap_or_else(|| Value::from(name.as_str()));
            let value = mapping.entry(key).or_insert(Value::Null);
            set_at(value, rest, new)
        }
        (Value::Sequence(items), Segment::Index(index)) => {
            if *index == items.len() {
                items.push(Value::Null);
            }
            items
                .get_mut(*index)
                .is_some_and(|item| set_at(item, rest, new))
        }
        _ => false,
    }
}

/// Inserts an item into the list at a path.
pub(super) fn insert_at(root: &mut Value, path: &[Segment], index: usize, new: Value) -> bool {
    let mut at = root;
    for segment in path {
        match child(at, segment) {
            Some(next) => at = next,
            None => return false,
        }
    }
    if at.is_null() {
        *at = Value::Sequence(Vec::new());
    }
    at.as_sequence_mut()
        .filter(|items| index <= items.len())
        .is_some_and(|items| {
            items.insert(index, new);
            true
        })
}

/// Takes away what stands at a path.
pub(super) fn remove_at(root: &mut Value, path: &[Segment]) -> bool {
    let Some((segment, parents)) = path.split_last() else {
        return false;
    };
    let mut at = root;
    for parent in parents {
        match child(at, parent) {
            Some(next) => at = next,
            None => return false,
        }
    }
    if let Value::Tagged(tagged) = at {
        at = &mut tagged.value;
    }
    match segment {
        Segment::Key(name) => at.as_mapping_mut().is_some_and(|mapping| {
            let key = key_of(mapping, name);
            key.is_some_and(|key| mapping.shift_remove(&key).is_some())
        }),
        Segment::Index(index) => at
            .as_sequence_mut()
            .filter(|items| *index < items.len())
            .is_some_and(|items| {
                items.remove(*index);
                true
            }),
    }
}
