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
        let path = manifest.path();
        let parsed = match self.texts.get(path) {
            Some(text) => ParsedFile::parse(path, text.as_bytes())?,
            None => match files.read(path)? {
                Some(bytes) => ParsedFile::parse(path, &bytes)?,
                None => return Err(Error::internal(format!("{path} is gone"))),
            },
        };
        let ParsedFile { source, mut stream } = parsed;
        edit(&mut stream).map_err(|error| {
            let mut diagnostic = Diagnostic::error(error.to_string()).at(&source, error.span());
            diagnostic.hint = error.hint().map(str::to_owned);
            Error::document(format!("{path} cannot be edited")).at([diagnostic])
        })?;
        if stream.text() != source.text {
            self.texts.insert(path.to_owned(), stream.into_text());
        }
        Ok(())
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
            return Err(Error::document(format!(
                "{path} is in the way: a file with this name is to be generated"
            ))
            .hint("rename or remove it"));
        }
        let body = to_text(object)
            .ok_or_else(|| Error::internal(format!("{path} cannot be written as YAML")))?;
        self.texts
            .insert(path.to_owned(), format!("# {comment}\n{body}"));
        Ok(())
    }

    /// Path and new text of each changed file.
    #[must_use]
    pub fn texts(&self) -> &BTreeMap<String, String> {
        &self.texts
    }

    /// What differs from an earlier state, as a commit wants it.
    #[must_use]
    pub fn since(&self, earlier: &Self) -> BTreeMap<String, Option<String>> {
        let new = |path: &String, text: &String| earlier.texts.get(path) != Some(text);
        let texts = self.texts.iter().filter(|(path, text)| new(path, text));
        texts
            .map(|(path, text)| (path.clone(), Some(text.clone())))
            .collect()
    }
}
