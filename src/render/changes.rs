//! File changes of one run, on top of the commit that was read.

use std::collections::BTreeMap;

use serde_yaml::Value;

use super::weights::WeightError;
use crate::diagnostic::Diagnostic;
use crate::error::{Error, Result};
use crate::repo::files::Files;
use crate::repo::manifest::{Manifest, ParsedFile};
use crate::yaml::{Stream, to_text};

/// Texts by path that differ from the commit. Canaries that share a file edit
/// it one after the other.
#[derive(Debug, Clone, Default)]
pub struct Changes {
    texts: BTreeMap<String, String>,
    /// Of each file that changed since the last [`keep`](Self::keep), what it
    /// was then; `None` when it was as in the commit.
    before: BTreeMap<String, Option<String>>,
}

impl Changes {
    /// Edits the document of `manifest`; nothing is kept when the edit fails.
    ///
    /// # Errors
    /// With the place in the file, when the edit cannot be made faithfully.
    pub fn edit(
        &mut self,
        files: &Files,
        manifest: &Manifest,
        edit: impl FnOnce(&mut Stream) -> Result<(), WeightError>,
    ) -> Result<()> {
        self.edit_file(files, manifest.path(), edit)
    }

    /// Edits a file; nothing is kept when the edit fails.
    ///
    /// # Errors
    /// As [`edit`](Self::edit), or when there is no such file.
    pub fn edit_file(
        &mut self,
        files: &Files,
        path: &str,
        edit: impl FnOnce(&mut Stream) -> Result<(), WeightError>,
    ) -> Result<()> {
        let Some(bytes) = self.read(files, path)? else {
            return Err(Error::internal(format!("{path} is gone")));
        };
        let ParsedFile { source, mut stream } = ParsedFile::parse(path, &bytes)?;
        edit(&mut stream).map_err(|error| {
            let mut diagnostic = Diagnostic::error(error.to_string()).at(&source, error.span());
            diagnostic.hint = error.hint().map(str::to_owned);
            Error::document(format!("{path} cannot be edited")).at([diagnostic])
        })?;
        if stream.text() != source.text {
            self.put(path, stream.into_text());
        }
        Ok(())
    }

    /// A file as it is now; `None` when there is none.
    ///
    /// # Errors
    /// When it cannot be read from its origin.
    pub fn read(&self, files: &Files, path: &str) -> Result<Option<Vec<u8>>> {
        match self.texts.get(path) {
            Some(text) => Ok(Some(text.clone().into_bytes())),
            None => Ok(files.read(path)?.map(|bytes| bytes.to_vec())),
        }
    }

    /// Creates a file with one object.
    ///
    /// # Errors
    /// When there is something already, hidden or not: it is not ours to overwrite.
    pub fn create(
        &mut self,
        files: &Files,
        path: &str,
        comment: &str,
        object: &Value,
    ) -> Result<()> {
        if files.is_taken(path)? || self.texts.contains_key(path) {
            return Err(in_the_way(path));
        }
        let body = to_text(object)
            .ok_or_else(|| Error::internal(format!("{path} cannot be written as YAML")))?;
        self.put(path, format!("# {comment}\n{body}"));
        Ok(())
    }

    /// Path and new text of each changed file.
    #[must_use]
    pub fn texts(&self) -> &BTreeMap<String, String> {
        &self.texts
    }

    fn put(&mut self, path: &str, text: String) {
        let before = self.texts.insert(path.to_owned(), text);
        self.before.entry(path.to_owned()).or_insert(before);
    }

    /// What changed since the last [`keep`](Self::keep), as a commit wants it.
    #[must_use]
    pub fn changed(&self) -> BTreeMap<String, Option<String>> {
        let texts = self.before.iter().filter_map(|(path, before)| {
            let text = self.texts.get(path)?;
            (before.as_ref() != Some(text)).then(|| (path.clone(), Some(text.clone())))
        });
        texts.collect()
    }

    /// What changed since the last time; from now on it cannot be taken back.
    pub fn keep(&mut self) -> BTreeMap<String, Option<String>> {
        let changed = self.changed();
        self.before.clear();
        changed
    }

    /// Takes back what changed since the last [`keep`](Self::keep).
    pub fn undo(&mut self) {
        for (path, before) in std::mem::take(&mut self.before) {
            match before {
                Some(text) => self.texts.insert(path, text),
                None => self.texts.remove(&path),
            };
        }
    }
}

/// The error that something else stands where a file is to be.
pub(super) fn in_the_way(path: &str) -> Error {
    let message = format!("{path} is in the way: a file with this name is to be generated");
    Error::document(message).hint("rename or remove it")
}
