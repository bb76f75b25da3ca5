//! Edits of one value, key or item. Each is proved twice: what is written
//! differs from before in exactly that place, and so does what it means once
//! aliases and merges are resolved.

mod assign;
mod list;
mod meaning;
mod raw;
mod site;
mod write;

use serde_yaml::Value;

use self::meaning::{insert_at, remove_at, set_at};
use super::error::EditError;
use super::node::{Kind, Located, NodeId};
use super::resolve::Scalar;
use super::stream::Stream;
use super::verify;
use crate::api::{FieldPath, Segment};

impl Stream {
    /// Writes `value` where a scalar or an alias stands in the document number
    /// `document` (from 0).
    ///
    /// Quotes stay if the value is text, or if a tag makes it what it is
    /// (`!!int "10"`). An alias is replaced, an anchor on the value stays. A
    /// missing value (`weight:`) is written after the colon. If the last key of
    /// `path` is missing, or comes from a merge, it is added to the mapping
    /// itself. If the path already has the value, nothing is written.
    ///
    /// # Errors
    ///
    /// There is no mapping for the key, or a list or mapping stands at `path`; or
    /// the change would be seen elsewhere, through an alias or a merge.
    pub fn set_scalar(
        &mut self,
        document: usize,
        path: &FieldPath,
        value: &Scalar,
    ) -> Result<(), EditError> {
        self.set_scalars(document, &[(path.clone(), value.clone())])
    }

    /// Like [`set_scalar`](Self::set_scalar) for several paths, all or nothing.
    /// Values that share an anchor can be changed together that way.
    ///
    /// # Errors
    ///
    /// As [`set_scalar`](Self::set_scalar).
    pub fn set_scalars(
        &mut self,
        document: usize,
        values: &[(FieldPath, Scalar)],
    ) -> Result<(), EditError> {
        let paths: Vec<&FieldPath> = values.iter().map(|(path, _)| path).collect();
        let expect = |root: &mut Value| {
            values
                .iter()
                .all(|(path, value)| set_at(root, path.segments(), value.clone().into()))
        };
        self.faithfully(document, &paths, expect, |stream| {
            // First what aliases and merges bring in, the last one first, since
            // they look back: then what they shared is free to change.
            let is_indirect = |path: &FieldPath| {
                let document = &stream.documents[document];
                match document.locate(path) {
                    Located::Own(id) => matches!(document.node(id).kind, Kind::Alias { .. }),
                    Located::Merged(_) | Located::Missing(..) => true,
                    Located::Through(_) | Located::Empty => false,
                }
            };
            let (first, then): (Vec<_>, Vec<_>) =
                values.iter().partition(|(path, _)| is_indirect(path));
            for (path, value) in first.into_iter().rev().chain(then) {
                stream.write_scalar(document, path, value)?;
            }
            Ok(())
        })
    }

    /// Adds `key` with `value` at the end of the mapping at `path`, in its style.
    /// A mapping that is empty or null becomes one with this key.
    ///
    /// # Errors
    ///
    /// The key is already there, there is no mapping at `path`, or the change
    /// would be seen elsewhere.
    pub fn insert_key(
        &mut self,
        document: usize,
        path: &FieldPath,
        key: &str,
        value: &Value,
    ) -> Result<(), EditError> {
        let whole = path.key(key);
        let key = Value::from(key);
        let expect = |root: &mut Value| set_at(root, whole.segments(), value.clone());
        self.faithfully(document, &[&whole], expect, |stream| {
            stream.write_key(document, path, &key, value)
        })
    }

    /// Takes the key at the end of `path` away, with its value and all its lines.
    /// A mapping that loses its last key becomes `{}`.
    ///
    /// # Errors
    ///
    /// The path does not exist or does not end with a key, the key comes from a
    /// merge, or the change would be seen elsewhere.
    pub fn remove_key(&mut self, document: usize, path: &FieldPath) -> Result<(), EditError> {
        if !matches!(path.segments().last(), Some(Segment::Key(_))) {
            return Err(self.mismatch(document, path, "a key"));
        }
        self.remove(document, path)
    }

    /// Inserts `value` into the list at `path`, before its item `index`, or at
    /// its end if it has just as many items. A null becomes a list.
    ///
    /// # Errors
    ///
    /// There is no list at `path`, it is shorter than `index`, or the change
    /// would be seen elsewhere.
    pub fn insert_item(
        &mut self,
        document: usize,
        path: &FieldPath,
        index: usize,
        value: &Value,
    ) -> Result<(), EditError> {
        let whole = path.index(index);
        let expect = |root: &mut Value| insert_at(root, path.segments(), index, value.clone());
        self.faithfully(document, &[&whole], expect, |stream| {
            stream.write_item(document, path, index, value)
        })
    }

    /// Takes the item `index` out of the list at `path`, with all its lines. A
    /// list that loses its last item becomes `[]`.
    ///
    /// # Errors
    ///
    /// There is no such item, or the change would be seen elsewhere.
    pub fn remove_item(
        &mut self,
        document: usize,
        path: &FieldPath,
        index: usize,
    ) -> Result<(), EditError> {
        self.remove(document, &path.index(index))
    }

    /// Writes `value` in place of whatever stands at `path`. Comments inside go,
    /// comments around it stay. An anchor stays, a tag does not.
    ///
    /// # Errors
    ///
    /// There is nothing at `path`, the value holds something tagged, or the
    /// change would be seen elsewhere.
    pub fn replace(
        &mut self,
        document: usize,
        path: &FieldPath,
        value: &Value,
    ) -> Result<(), EditError> {
        let expect = |root: &mut Value| set_at(root, path.segments(), value.clone());
        self.faithfully(document, &[path], expect, |stream| {
            stream.write_value(document, path, value)
        })
    }

    fn remove(&mut self, document: usize, path: &FieldPath) -> Result<(), EditError> {
        let expect = |root: &mut Value| remove_at(root, path.segments());
        self.faithfully(document, &[path], expect, |stream| {
            stream.write_removal(document, path)
        })
    }

    /// Makes `edit` and checks that the document then means what `expect` makes
    /// of what it meant; otherwise everything is as it was.
    fn faithfully(
        &mut self,
        document: usize,
        paths: &[&FieldPath],
        expect: impl FnOnce(&mut Value) -> bool,
        edit: impl FnOnce(&mut Self) -> Result<(), EditError>,
    ) -> Result<(), EditError> {
        let mut expected = self.document(document)?.to_value()?;
        let is_known = expect(&mut expected);
        let before = self.clone();
        let outcome = edit(self).and_then(|()| {
            if is_known && self.document(document)?.to_value()? == expected {
                Ok(())
            } else {
                Err(before.unfaithful(document, paths))
            }
        });
        if outcome.is_err() {
            *self = before;
        }
        outcome
    }

    /// Why a well-made edit meant something else than it should.
    fn unfaithful(&self, number: usize, paths: &[&FieldPath]) -> EditError {
        let document = &self.documents[number];
        for path in paths {
            let id = match document.locate(path) {
                Located::Own(id) | Located::Merged(id) | Located::Missing(id, _) => id,
                Located::Through(alias) => return self.through(number, path, alias),
                Located::Empty => continue,
            };
            if let Some(anchor) = verify::shared_by(document, id) {
                return EditError::Shared {
                    path: path.to_string(),
                    anchor: format!("&{}", anchor.name),
                    span: anchor.span.clone(),
                };
            }
        }
        let path = paths.first().copied().cloned().unwrap_or_default();
        EditError::Unfaithful {
            span: document.nearest(&path),
            path: path.to_string(),
        }
    }

    fn through(&self, number: usize, path: &FieldPath, alias: NodeId) -> EditError {
        let node = self.documents[number].node(alias);
        let name = match &node.kind {
            Kind::Alias { name, .. } => name.as_str(),
            Kind::Scalar { .. } | Kind::Mapping { .. } | Kind::Sequence { .. } => "",
        };
        EditError::Shared {
            path: path.to_string(),
            anchor: format!("*{name}"),
            span: node.span.clone(),
        }
    }

    fn mismatch(&self, number: usize, path: &FieldPath, expected: &'static str) -> EditError {
        match self.document(number) {
            Ok(document) => EditError::Mismatch {
                path: path.to_string(),
                expected,
                span: document.nearest(path),
            },
            Err(error) => error,
        }
    }
}
