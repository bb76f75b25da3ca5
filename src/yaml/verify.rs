//! The proof of an edit: the documents before and after differ in exactly the
//! change that was asked for.

use serde_yaml::Value;

use super::error::YamlError;
use super::node::{Document, Entry, Kind, Node, NodeId, Property, Role};

/// The change an edit makes to the value it touches.
#[derive(Debug, Clone, Copy)]
pub(super) enum Change<'v> {
    /// It now means this. Its anchor stays.
    Value(&'v Value),
    /// A key and its value, at a position.
    InsertEntry(usize, &'v Value, &'v Value),
    /// The entry at a position is gone.
    RemoveEntry(usize),
    /// An item at a position.
    InsertItem(usize, &'v Value),
    /// The item at a position is gone.
    RemoveItem(usize),
}

/// Whether `new` is `old` with each of `changes` made to a value of the document
/// number `at`, and nothing else. Nothing but a value can be given to a document
/// that has none.
///
/// # Errors
///
/// The changed value cannot be understood.
pub(super) fn differs_by(
    old: &[Document],
    new: &[Document],
    at: usize,
    changes: &[(Option<NodeId>, Change<'_>)],
) -> Result<bool, YamlError> {
    if old.len() != new.len() {
        return Ok(false);
    }
    for (number, (old, new)) in old.iter().zip(new).enumerate() {
        let proof = Proof {
            old,
            new,
            changes: if number == at { changes } else { &[] },
        };
        let same = match (old.root, new.root) {
            (Some(old), Some(new)) => proof.same(old, new)?,
            (None, None) => true,
            // An empty document that gets its first value.
            (None, Some(root)) => match proof.changes {
                [(None, change)] => proof.changed_value(change, None, root)?,
                _ => false,
            },
            (Some(_), None) => false,
        };
        if !same {
            return Ok(false);
        }
    }
    Ok(true)
}

struct Proof<'a> {
    old: &'a Document,
    new: &'a Document,
    changes: &'a [(Option<NodeId>, Change<'a>)],
}

fn name(property: Option<&Property>) -> Option<&str> {
    property.map(|property| property.name.as_str())
}

impl Proof<'_> {
    fn same(&self, old_id: NodeId, new_id: NodeId) -> Result<bool, YamlError> {
        let mut changes = self.changes.iter();
        if let Some((_, change)) = changes.find(|(target, _)| *target == Some(old_id)) {
            return self.changed(change, old_id, new_id);
        }
        let (old, new) = (self.old.node(old_id), self.new.node(new_id));
        if !same_properties(old, new) {
            return Ok(false);
        }
        match (&old.kind, &new.kind) {
            (
                Kind::Scalar { value, style },
                Kind::Scalar {
                    value: new_value,
                    style: new_style,
                },
            ) => Ok(value == new_value && style == new_style),
            (Kind::Alias { name, .. }, Kind::Alias { name: new_name, .. }) => Ok(name == new_name),
            (
                Kind::Mapping { entries, style },
                Kind::Mapping {
                    entries: new_entries,
                    style: new_style,
                },
            ) => Ok(style == new_style && self.same_entries(entries.iter(), new_entries.iter())?),
            (
                Kind::Sequence { items, style },
                Kind::Sequence {
                    items: new_items,
                    style: new_style,
                },
            ) => {
                let old_nodes = items.iter().map(|item| item.node);
                let new_nodes = new_items.iter().map(|item| item.node);
                Ok(style == new_style && self.same_nodes(old_nodes, new_nodes)?)
            }
            _ => Ok(false),
        }
    }

    fn same_entries<'e>(
        &self,
        old: impl ExactSizeIterator<Item = &'e Entry> + Clone,
        new: impl ExactSizeIterator<Item = &'e Entry> + Clone,
    ) -> Result<bool, YamlError> {
        Ok(self.same_nodes(
            old.clone().map(|entry| entry.key),
            new.clone().map(|entry| entry.key),
        )? && self.same_nodes(old.map(|entry| entry.value), new.map(|entry| entry.value))?)
    }

    fn same_nodes(
        &self,
        old: impl ExactSizeIterator<Item = NodeId>,
        new: impl ExactSizeIterator<Item = NodeId>,
    ) -> Result<bool, YamlError> {
        if old.len() != new.len() {
            return Ok(false);
        }
        for (old, new) in old.zip(new) {
            if !self.same(old, new)? {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// Whether `new` is the target with the change made.
    fn changed(
        &self,
        change: &Change<'_>,
        old_id: NodeId,
        new_id: NodeId,
    ) -> Result<bool, YamlError> {
        let (old, new) = (self.old.node(old_id), self.new.node(new_id));
        if let Change::Value(_) = change {
            return self.changed_value(change, Some(old), new_id);
        }
        if !same_properties(old, new) {
            return Ok(false);
        }
        let (entries, new_entries) = (old.entries(), new.entries());
        let (items, new_items) = (old.items(), new.items());
        match *change {
            Change::Value(_) => Ok(false),
            Change::InsertEntry(at, key, value) => {
                let Some(entry) = new_entries.get(at) else {
                    return Ok(false);
                };
                Ok(self.new.value(entry.key)? == *key
                    && self.new.value(entry.value)? == *value
                    && self.same_entries(entries.iter(), without(new_entries, at).iter())?)
            }
            Change::RemoveEntry(at) => Ok(matches!(new.kind, Kind::Mapping { .. })
                && self.same_entries(without(entries, at).iter(), new_entries.iter())?),
            Change::InsertItem(at, value) => {
                let Some(item) = new_items.get(at) else {
                    return Ok(false);
                };
                let (old, new) = (items.to_vec(), without(new_items, at));
                Ok(self.new.value(item.node)? == *value
                    && self.same_nodes(
                        old.iter().map(|item| item.node),
                        new.iter().map(|item| item.node),
                    )?)
            }
            Change::RemoveItem(at) => {
                let old = without(items, at);
                Ok(matches!(new.kind, Kind::Sequence { .. })
                    && self.same_nodes(
                        old.iter().map(|item| item.node),
                        new_items.iter().map(|item| item.node),
                    )?)
            }
        }
    }

    /// Whether `new` means the value it should; an anchor must have stayed.
    fn changed_value(
        &self,
        change: &Change<'_>,
        old: Option<&Node>,
        new_id: NodeId,
    ) -> Result<bool, YamlError> {
        let Change::Value(value) = *change else {
            return Ok(false);
        };
        let anchor = old.and_then(|old| name(old.anchor.as_deref()));
        Ok(name(self.new.node(new_id).anchor.as_deref()) == anchor
            && self.new.value(new_id)? == *value)
    }
}

fn same_properties(old: &Node, new: &Node) -> bool {
    name(old.anchor.as_deref()) == name(new.anchor.as_deref())
        && name(old.tag.as_deref()) == name(new.tag.as_deref())
}

/// The list without what stands at `at`.
fn without<T: Clone>(list: &[T], at: usize) -> Vec<T> {
    let mut list = list.to_vec();
    if at < list.len() {
        list.remove(at);
    }
    list
}

/// The anchor that makes the value `id`, or a part of it, visible elsewhere: on
/// itself, around or inside it, and named by an alias.
pub(super) fn shared_by(document: &Document, id: NodeId) -> Option<&Property> {
    let aliased = |id: NodeId| {
        document
            .nodes
            .iter()
            .any(|node| matches!(node.kind, Kind::Alias { target, .. } if target == id))
    };
    let mut at = Some(id);
    while let Some(id) = at {
        let node = document.node(id);
        if let Some(anchor) = &node.anchor
            && aliased(id)
        {
            return Some(anchor);
        }
        at = node.parent.map(|(parent, _): (NodeId, Role)| parent);
    }
    document.nodes.iter().find_map(|node| match &node.kind {
        Kind::Alias { target, .. } if is_inside(document, *target, id) => {
            document.node(*target).anchor.as_deref()
        }
        Kind::Alias { .. } | Kind::Scalar { .. } | Kind::Mapping { .. } | Kind::Sequence { .. } => {
            None
        }
    })
}

/// Does the node `inner` stand somewhere in `outer`?
fn is_inside(document: &Document, inner: NodeId, outer: NodeId) -> bool {
    let parent = |id: &NodeId| document.node(*id).parent.map(|(parent, _)| parent);
    std::iter::successors(Some(inner), parent).any(|id| id == outer)
}
