//! Edits as they are written: each is one set of splices whose outcome, read
//! again, must differ from before in just that place. Whether the document then
//! means what it should is not asked here.

use serde_yaml::Value;

use super::site::{self, Site, Splice};
use crate::api::{FieldPath, Segment};
use crate::yaml::error::{EditError, YamlError};
use crate::yaml::node::{Document, Kind, Located, NodeId, Role};
use crate::yaml::read;
use crate::yaml::resolve::Scalar;
use crate::yaml::stream::Stream;
use crate::yaml::verify::{self, Change};

impl Stream {
    /// The value an edit at `path` is about.
    pub(super) fn own(&self, number: usize, path: &FieldPath) -> Result<NodeId, EditError> {
        let document = self.document(number)?;
        let text = path.to_string();
        match document.locate(path) {
            Located::Own(id) => Ok(id),
            Located::Merged(mapping) => Err(EditError::Merged {
                path: text,
                span: document.short_span(mapping),
            }),
            Located::Missing(..) | Located::Empty => Err(EditError::Missing {
                path: text,
                span: document.nearest(path),
            }),
            Located::Through(alias) => Err(self.through(number, path, alias)),
        }
    }

    /// Splices, reads again, and keeps it if it differs by `change` at `target`.
    fn splice(
        &mut self,
        number: usize,
        path: &FieldPath,
        target: Option<NodeId>,
        change: Change<'_>,
        splices: Option<Vec<Splice>>,
    ) -> Result<(), EditError> {
        self.splice_all(number, path, &[(target, change)], splices)
    }

    /// As [`splice`](Self::splice) for several changes, at and below `path`.
    pub(super) fn splice_all(
        &mut self,
        number: usize,
        path: &FieldPath,
        changes: &[(Option<NodeId>, Change<'_>)],
        splices: Option<Vec<Splice>>,
    ) -> Result<(), EditError> {
        let document = self.document(number)?;
        let span = document.nearest(path);
        let Some(splices) = splices else {
            let removes = |(_, change): &(Option<NodeId>, Change<'_>)| match change {
                Change::RemoveEntry(_) | Change::RemoveItem(_) => true,
                Change::Value(_) | Change::InsertEntry(..) | Change::InsertItem(..) => false,
            };
            let what = match changes.iter().any(removes) {
                true => "a change of this kind",
                false => "a value of this kind",
            };
            return Err(EditError::Unwritable { what, span });
        };
        let text = site::apply(&self.text, splices);
        let unfaithful = || EditError::Unfaithful {
            path: path.to_string(),
            span: span.clone(),
        };
        let documents = match read::documents(&text, &self.limits) {
            Ok(documents) => documents,
            Err(YamlError::UnknownAlias { name, .. }) => {
                return Err(anchor_in_use(document, path, &name).unwrap_or_else(unfaithful));
            }
            Err(_unreadable) => return Err(unfaithful()),
        };
        if !verify::differs_by(&self.documents, &documents, number, changes)? {
            return Err(unfaithful());
        }
        self.text = text;
        self.documents = documents;
        Ok(())
    }

    pub(super) fn site(&self, number: usize) -> Result<Site<'_>, EditError> {
        Ok(Site {
            text: &self.text,
            document: self.document(number)?,
        })
    }

    pub(super) fn write_scalar(
        &mut self,
        number: usize,
        path: &FieldPath,
        scalar: &Scalar,
    ) -> Result<(), EditError> {
        let value = Value::from(scalar.clone());
        let document = self.document(number)?;
        if let Located::Merged(mapping) = document.locate(path)
            && let Some(Segment::Key(key)) = path.segments().last()
        {
            let is_same = document
                .find(path)
                .map(|id| document.value(id))
                .transpose()?;
            if is_same.as_ref() == Some(&value) {
                return Ok(());
            }
            let key = Value::from(key.as_str());
            return self.write_entry(number, path, mapping, &key, &value);
        }
        if let Located::Missing(_, depth) = document.locate(path)
            && let Some((Segment::Key(key), parent)) = path.segments().split_last()
            && depth == parent.len()
        {
            let parent = FieldPath::from(parent.to_vec());
            return self.write_key(number, &parent, &Value::from(key.as_str()), &value);
        }
        let id = self.own(number, path)?;
        let is_scalar = matches!(
            document.node(id).kind,
            Kind::Scalar { .. } | Kind::Alias { .. }
        );
        if !is_scalar {
            return Err(self.mismatch(number, path, "a single value"));
        }
        if document.value(id)? == value {
            return Ok(());
        }
        let splices = self.site(number)?.set_scalar(id, scalar);
        self.splice(number, path, Some(id), Change::Value(&value), splices)
    }

    pub(super) fn write_key(
        &mut self,
        number: usize,
        path: &FieldPath,
        key: &Value,
        value: &Value,
    ) -> Result<(), EditError> {
        let id = self.own_or_empty(number, path)?;
        let document = self.document(number)?;
        let is_null = id.is_none_or(|id| {
            let is_alias = matches!(document.node(id).kind, Kind::Alias { .. });
            !is_alias && document.value(id).is_ok_and(|value| value.is_null())
        });
        if is_null {
            let mapping = [(key.clone(), value.clone())].into_iter().collect();
            return self.write_at(number, path, id, &Value::Mapping(mapping));
        }
        let id = id.map_or_else(|| self.own(number, path), Ok)?;
        if !matches!(document.node(id).kind, Kind::Mapping { .. }) {
            if matches!(document.node(id).kind, Kind::Alias { .. }) {
                return Err(self.through(number, path, id));
            }
            return Err(self.mismatch(number, path, "a mapping"));
        }
        let text = key.as_str().unwrap_or_default();
        if let Some(entry) = document.entry(id, text) {
            return Err(EditError::Exists {
                path: path.key(text).to_string(),
                span: document.node(entry.key).span.clone(),
            });
        }
        self.write_entry(number, path, id, key, value)
    }

    pub(super) fn write_entry(
        &mut self,
        number: usize,
        path: &FieldPath,
        mapping: NodeId,
        key: &Value,
        value: &Value,
    ) -> Result<(), EditError> {
        let splices = self.site(number)?.insert_entry(mapping, key, value);
        let count = self.document(number)?.node(mapping).entries().len();
        let change = Change::InsertEntry(count, key, value);
        self.splice(number, path, Some(mapping), change, splices)
    }

    pub(super) fn write_item(
        &mut self,
        number: usize,
        path: &FieldPath,
        index: usize,
        value: &Value,
    ) -> Result<(), EditError> {
        let id = self.own_or_empty(number, path)?;
        let document = self.document(number)?;
        let Some(id) = id.filter(|&id| !document.node(id).is_unwritten()) else {
            let list = Value::Sequence(vec![value.clone()]);
            return self.write_at(number, path, id, &list);
        };
        let Kind::Sequence { items, .. } = &document.node(id).kind else {
            if matches!(document.node(id).kind, Kind::Alias { .. }) {
                return Err(self.through(number, path, id));
            }
            return Err(self.mismatch(number, path, "a list"));
        };
        if index > items.len() {
            return Err(EditError::Missing {
                path: path.index(index).to_string(),
                span: document.nearest(path),
            });
        }
        let splices = self.site(number)?.insert_item(id, index, value);
        let change = Change::InsertItem(index, value);
        self.splice(number, path, Some(id), change, splices)
    }

    pub(super) fn write_removal(
        &mut self,
        number: usize,
        path: &FieldPath,
    ) -> Result<(), EditError> {
        let id = self.own(number, path)?;
        let document = self.document(number)?;
        let Some((parent, role)) = document.node(id).parent else {
            return Err(self.mismatch(number, path, "a key or an item"));
        };
        let (index, change) = match role {
            Role::Item(index) => (index, Change::RemoveItem(index)),
            Role::Key(index) | Role::Value(index) => (index, Change::RemoveEntry(index)),
        };
        let splices = self.site(number)?.remove(parent, index);
        self.splice(number, path, Some(parent), change, splices)
    }

    pub(super) fn write_value(
        &mut self,
        number: usize,
        path: &FieldPath,
        value: &Value,
    ) -> Result<(), EditError> {
        let id = self.own_or_empty(number, path)?;
        self.write_at(number, path, id, value)
    }

    /// Replaces the value `id`, or gives an empty document its first value.
    pub(super) fn write_at(
        &mut self,
        number: usize,
        path: &FieldPath,
        id: Option<NodeId>,
        value: &Value,
    ) -> Result<(), EditError> {
        let site = self.site(number)?;
        let splices = match id {
            Some(id) => site.replace(id, value),
            None => site.put_root(value),
        };
        self.splice(number, path, id, Change::Value(value), splices)
    }

    /// The value at `path`; `None` for the root of an empty document.
    fn own_or_empty(&self, number: usize, path: &FieldPath) -> Result<Option<NodeId>, EditError> {
        let is_empty = self.document(number)?.root().is_none();
        if is_empty && path.segments().is_empty() {
            return Ok(None);
        }
        self.own(number, path).map(Some)
    }
}

/// The anchor `name`, which `path` would have taken away from its aliases.
fn anchor_in_use(document: &Document, path: &FieldPath, name: &str) -> Option<EditError> {
    let anchors = document
        .nodes
        .iter()
        .filter_map(|node| node.anchor.as_deref());
    let anchor = anchors.rev().find(|anchor| anchor.name == name)?;
    Some(EditError::Shared {
        path: path.to_string(),
        anchor: format!("&{name}"),
        span: anchor.span.clone(),
    })
}
