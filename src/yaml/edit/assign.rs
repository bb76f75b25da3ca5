//! The smallest edits that make a value another.

use serde_yaml::{Mapping, Value};

use super::meaning::set_at;
use crate::api::{FieldPath, Segment};
use crate::yaml::error::EditError;
use crate::yaml::node::{CollectionStyle, Document, Kind, Located, NodeId};
use crate::yaml::resolve::Scalar;
use crate::yaml::stream::Stream;
use crate::yaml::verify::Change;

impl Stream {
    /// Makes what stands at `path` equal to `value`, and changes as little as it
    /// can: keys that differ are set, missing ones added at the end, others taken
    /// away; list items that stay at their place are kept. If it already is equal,
    /// not a byte changes.
    ///
    /// Keys of `path` that do not exist are created, also in an empty document
    /// and where there is a null; an index may be one behind the last.
    ///
    /// # Errors
    ///
    /// Something else than a mapping or list stands on the way, `value` holds
    /// something tagged, or the change would be seen elsewhere.
    pub fn assign(
        &mut self,
        document: usize,
        path: &FieldPath,
        value: &Value,
    ) -> Result<(), EditError> {
        let expect = |root: &mut Value| set_at(root, path.segments(), value.clone());
        self.faithfully(document, &[path], expect, |stream| {
            // What cannot be changed together is changed one by one.
            stream.assign_scalars(document, path, value).ok();
            stream.assign_at(document, path, value)
        })
    }

    /// Changes all scalars that stay scalars together: every change is read again as
    /// a whole, and a status has many.
    fn assign_scalars(
        &mut self,
        number: usize,
        path: &FieldPath,
        value: &Value,
    ) -> Result<(), EditError> {
        let site = self.site(number)?;
        let Located::Own(id) = site.document.locate(path) else {
            return Ok(());
        };
        let mut found = Vec::new();
        differing(site.document, id, value, &mut found);
        if found.len() < 2 {
            return Ok(());
        }
        let mut changes = Vec::new();
        let mut splices = Vec::new();
        for (id, value) in found {
            let scalar = Scalar::from_value(value);
            let Some(new) = scalar.and_then(|scalar| site.set_scalar(id, &scalar)) else {
                continue;
            };
            changes.push((Some(id), Change::Value(value)));
            splices.extend(new);
        }
        self.splice_all(number, path, &changes, Some(splices))
    }

    fn assign_at(
        &mut self,
        number: usize,
        path: &FieldPath,
        value: &Value,
    ) -> Result<(), EditError> {
        let document = self.document(number)?;
        let (id, style) = match document.locate(path) {
            Located::Empty => return self.create(number, &FieldPath::root(), path, value),
            Located::Missing(_, depth) => {
                let existing = FieldPath::from(path.segments()[..depth].to_vec());
                return self.create(number, &existing, path, value);
            }
            Located::Through(_) => return self.own(number, path).map(|_id| ()),
            Located::Merged(mapping) => {
                let merged = document
                    .find(path)
                    .map(|id| document.value(id))
                    .transpose()?;
                return match path.segments().last() {
                    Some(Segment::Key(key)) if merged.as_ref() != Some(value) => {
                        let key = Value::from(key.as_str());
                        self.write_entry(number, path, mapping, &key, value)
                    }
                    _ => Ok(()),
                };
            }
            Located::Own(id) => (id, self.site(number)?.style(id)),
        };
        let current = document.value(id)?;
        if current == *value {
            return Ok(());
        }
        let kind = &document.node(id).kind;
        match (kind, value, &current) {
            (Kind::Mapping { .. }, Value::Mapping(new), Value::Mapping(old))
                if style != Some(CollectionStyle::Pair) && !new.is_empty() =>
            {
                let old = old.clone();
                self.assign_mapping(number, path, &old, new)?;
            }
            (Kind::Sequence { .. }, Value::Sequence(new), Value::Sequence(old))
                if !new.is_empty() && !old.is_empty() =>
            {
                let old = old.clone();
                self.assign_sequence(number, path, &old, new)?;
            }
            (Kind::Scalar { .. } | Kind::Alias { .. }, _, _) => {
                if let Some(scalar) = Scalar::from_value(value)
                    && self.write_scalar(number, path, &scalar).is_ok()
                {
                    return Ok(());
                }
            }
            _ => {}
        }
        // What merges bring in cannot be taken away one by one.
        let id = self.own(number, path)?;
        if self.document(number)?.value(id)? == *value {
            return Ok(());
        }
        self.write_at(number, path, Some(id), value)
    }

    fn assign_mapping(
        &mut self,
        number: usize,
        path: &FieldPath,
        old: &Mapping,
        new: &Mapping,
    ) -> Result<(), EditError> {
        for (key, value) in new {
            match key_text(key) {
                Some(text) if old.contains_key(key) => {
                    self.assign_at(number, &path.key(text), value)?;
                }
                _ => {}
            }
        }
        for (key, value) in new {
            let text = key_text(key);
            if old.contains_key(key) || text.is_none() {
                continue;
            }
            let id = self.own(number, path)?;
            let is_free = text.is_some_and(|text| {
                let document = &self.documents[number];
                document.entry(id, &text).is_none()
            });
            if is_free {
                self.write_entry(number, path, id, key, value)?;
            }
        }
        for key in old.keys().filter(|&key| !new.contains_key(key)) {
            let Some(text) = key_text(key) else {
                continue;
            };
            let path = path.key(text);
            if matches!(self.document(number)?.locate(&path), Located::Own(_)) {
                self.write_removal(number, &path)?;
            }
        }
        Ok(())
    }

    /// Items alike at both ends stay as they are; what is between is set item by
    /// item, and the rest added or taken away.
    fn assign_sequence(
        &mut self,
        number: usize,
        path: &FieldPath,
        old: &[Value],
        new: &[Value],
    ) -> Result<(), EditError> {
        let shorter = old.len().min(new.len());
        let alike = |pairs: &mut dyn Iterator<Item = (&Value, &Value)>| {
            pairs.take_while(|(old, new)| old == new).count()
        };
        let head = alike(&mut old.iter().zip(new));
        let tail = alike(&mut old.iter().rev().zip(new.iter().rev())).min(shorter - head);
        let common = shorter - tail;
        for (index, value) in new.iter().enumerate().take(common).skip(head) {
            self.assign_at(number, &path.index(index), value)?;
        }
        for index in (common..old.len() - tail).rev() {
            self.write_removal(number, &path.index(index))?;
        }
        for (index, value) in new.iter().enumerate().take(new.len() - tail).skip(common) {
            self.write_item(number, path, index, value)?;
        }
        Ok(())
    }

    /// Writes `value` at `path`, of which only `existing` exists.
    fn create(
        &mut self,
        number: usize,
        existing: &FieldPath,
        path: &FieldPath,
        value: &Value,
    ) -> Result<(), EditError> {
        let missing = &path.segments()[existing.segments().len()..];
        let Some((first, rest)) = missing.split_first() else {
            return self.write_value(number, path, value);
        };
        let mut nested = Value::Null;
        if !set_at(&mut nested, rest, value.clone()) {
            return Err(self.mismatch(number, path, "a list this long"));
        }
        match first {
            Segment::Key(key) => {
                self.write_key(number, existing, &Value::from(key.as_str()), &nested)
            }
            Segment::Index(index) => self.write_item(number, existing, *index, &nested),
        }
    }
}

/// The scalars in `id`, written there, that stay scalars in `value` and differ.
fn differing<'v>(
    document: &Document,
    id: NodeId,
    value: &'v Value,
    found: &mut Vec<(NodeId, &'v Value)>,
) {
    match (&document.node(id).kind, value) {
        (Kind::Mapping { style, .. }, Value::Mapping(new)) if *style != CollectionStyle::Pair => {
            for (key, value) in new {
                let entry = key_text(key).and_then(|key| document.entry(id, &key));
                if let Some(entry) = entry {
                    differing(document, entry.value, value, found);
                }
            }
        }
        (Kind::Sequence { items, .. }, Value::Sequence(new)) if items.len() == new.len() => {
            for (item, value) in items.iter().zip(new) {
                differing(document, item.node, value, found);
            }
        }
        (Kind::Scalar { .. }, _)
            if Scalar::from_value(value).is_some()
                && document.value(id).is_ok_and(|old| old != *value) =>
        {
            found.push((id, value));
        }
        _ => {}
    }
}

/// A key as a path names it.
fn key_text(key: &Value) -> Option<String> {
    match key {
        Value::String(text) => Some(text.clone()),
        Value::Bool(value) => Some(value.to_string()),
        Value::Number(number) => Some(number.to_string()),
        Value::Null | Value::Sequence(_) | Value::Mapping(_) | Value::Tagged(_) => None,
    }
}
