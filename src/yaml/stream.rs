//! One file: its text and its documents.

use super::error::{EditError, YamlError};
use super::node::Document;
use super::read;

/// What a file may ask of us. Checked while reading, before any other parser
/// sees the text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Size of the file. Default [`Limits::BYTES`].
    pub bytes: usize,
    /// Lists and mappings inside each other. Default [`Limits::DEPTH`].
    pub depth: usize,
    /// Parser events: values, keys, starts and ends of lists, mappings and
    /// documents. Default [`Limits::EVENTS`].
    pub events: usize,
    /// Aliases (`*name`). Default [`Limits::ALIASES`].
    pub aliases: usize,
}

impl Limits {
    /// 4 MiB; etcd takes 1.5 MiB per object.
    pub const BYTES: usize = 4 * 1024 * 1024;
    /// 64 levels; an HTTPRoute has about ten.
    pub const DEPTH: usize = 64;
    /// Half a million.
    pub const EVENTS: usize = 500_000;
    /// One thousand.
    pub const ALIASES: usize = 1_000;
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            bytes: Self::BYTES,
            depth: Self::DEPTH,
            events: Self::EVENTS,
            aliases: Self::ALIASES,
        }
    }
}

/// One file: its text and the documents in it.
#[derive(Debug, Clone)]
pub struct Stream {
    pub(super) text: String,
    pub(super) documents: Vec<Document>,
    pub(super) limits: Limits,
}

impl Stream {
    /// Reads a file.
    ///
    /// A file with nothing but comments has no documents; a document without a
    /// value (`---` twice) is one whose root is `None`.
    ///
    /// # Errors
    ///
    /// A NUL character, a passed limit, text that is not YAML, a key given
    /// twice, or an alias without its anchor.
    pub fn parse(text: impl Into<String>, limits: &Limits) -> Result<Self, YamlError> {
        let text = text.into();
        let documents = read::documents(&text, limits)?;
        Ok(Self {
            text,
            documents,
            limits: *limits,
        })
    }

    /// Reads a file from its bytes.
    ///
    /// # Errors
    ///
    /// As [`parse`](Self::parse), and anything that is not UTF-8.
    pub fn from_bytes(bytes: &[u8], limits: &Limits) -> Result<Self, YamlError> {
        if bytes.len() > limits.bytes {
            return Err(YamlError::TooLarge {
                bytes: bytes.len(),
                limit: limits.bytes,
            });
        }
        let is_wide = matches!(
            bytes,
            [0xFF, 0xFE, ..] | [0xFE, 0xFF, ..] | [0, _, 0, _, ..] | [_, 0, _, 0, ..]
        );
        if is_wide {
            return Err(YamlError::Wide);
        }
        let text = std::str::from_utf8(bytes).map_err(|error| YamlError::NotUtf8 {
            offset: error.valid_up_to(),
        })?;
        Self::parse(text, limits)
    }

    /// The text, with all edits made so far.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.text
    }

    /// The text, with all edits made so far.
    #[must_use]
    pub fn into_text(self) -> String {
        self.text
    }

    /// The documents, in their order.
    #[must_use]
    pub fn documents(&self) -> &[Document] {
        &self.documents
    }

    /// The document number `document`, from 0.
    pub(super) fn document(&self, document: usize) -> Result<&Document, EditError> {
        self.documents
            .get(document)
            .ok_or(EditError::NoDocument { document })
    }
}
