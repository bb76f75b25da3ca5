//! Why a text is not read, and why an edit is not made.

use std::ops::Range;

/// Why a text cannot be used as YAML.
///
/// Every case knows its bytes ([`YamlError::span`]) and, where there is one, an
/// advice ([`YamlError::hint`]).
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum YamlError {
    /// The bytes are not UTF-8.
    #[error("the file is not UTF-8")]
    NotUtf8 {
        /// First byte that does not belong.
        offset: usize,
    },
    /// The file begins like UTF-16 or UTF-32.
    #[error("the file is UTF-16 or UTF-32")]
    Wide,
    /// A NUL character; parsers take it for the end of the text.
    #[error("the file contains a NUL character")]
    Nul {
        /// Where it stands.
        offset: usize,
    },
    /// More bytes than [`Limits::bytes`](super::Limits::bytes).
    #[error("the file is larger than {limit} bytes")]
    TooLarge {
        /// Size of the file.
        bytes: usize,
        /// The limit.
        limit: usize,
    },
    /// Nested deeper than [`Limits::depth`](super::Limits::depth).
    #[error("values are nested more than {limit} levels deep")]
    TooDeep {
        /// Where the limit was passed.
        offset: usize,
        /// The limit.
        limit: usize,
    },
    /// More values than [`Limits::events`](super::Limits::events).
    #[error("the file has more than {limit} values")]
    TooManyEvents {
        /// Where the limit was passed.
        offset: usize,
        /// The limit.
        limit: usize,
    },
    /// More aliases than [`Limits::aliases`](super::Limits::aliases).
    #[error("the file has more than {limit} aliases")]
    TooManyAliases {
        /// Where the limit was passed.
        offset: usize,
        /// The limit.
        limit: usize,
    },
    /// Aliases that multiply beyond reason.
    #[error("the aliases of this document expand to too many values")]
    Expansion {
        /// The alias that was one too many.
        span: Range<usize>,
    },
    /// Not well-formed YAML.
    #[error("not YAML: {message}")]
    Syntax {
        /// What the parser says.
        message: String,
        /// Where it noticed.
        offset: usize,
    },
    /// The parser and the text do not agree on where a value stands.
    #[error("this YAML cannot be read reliably")]
    Unlocatable {
        /// Where they part.
        offset: usize,
    },
    /// A mapping has the same key twice.
    #[error("the key `{key}` is given twice")]
    DuplicateKey {
        /// The key.
        key: String,
        /// Where it stands first.
        first: Range<usize>,
        /// Where it stands again.
        second: Range<usize>,
    },
    /// An alias without an anchor before it in the same document.
    #[error("no anchor `&{name}` stands before this alias in its document")]
    UnknownAlias {
        /// Name of the alias.
        name: String,
        /// Where it stands.
        span: Range<usize>,
    },
    /// An alias inside the value its anchor names.
    #[error("the alias `*{name}` stands inside its own anchor")]
    RecursiveAlias {
        /// Name of the alias.
        name: String,
        /// Where it stands.
        span: Range<usize>,
    },
    /// `<<` with something else than mappings.
    #[error("`<<` can only merge mappings")]
    Merge {
        /// The value of `<<`.
        span: Range<usize>,
    },
    /// A tag like `!!int` on something that is not one.
    #[error("`{value}` is not {expected}, which its tag says it is")]
    Tagged {
        /// The text.
        value: String,
        /// `an integer`, …
        expected: &'static str,
        /// The value.
        span: Range<usize>,
    },
}

impl YamlError {
    /// The bytes of the file this is about.
    #[must_use]
    pub fn span(&self) -> Range<usize> {
        match self {
            Self::Wide | Self::TooLarge { .. } => 0..0,
            Self::NotUtf8 { offset }
            | Self::Nul { offset }
            | Self::TooDeep { offset, .. }
            | Self::TooManyEvents { offset, .. }
            | Self::TooManyAliases { offset, .. }
            | Self::Syntax { offset, .. }
            | Self::Unlocatable { offset } => *offset..*offset,
            Self::Expansion { span }
            | Self::UnknownAlias { span, .. }
            | Self::RecursiveAlias { span, .. }
            | Self::Merge { span }
            | Self::Tagged { span, .. } => span.clone(),
            Self::DuplicateKey { second, .. } => second.clone(),
        }
    }

    /// A second place that belongs to it, with what it is.
    #[must_use]
    pub fn related(&self) -> Option<(Range<usize>, &'static str)> {
        if let Self::DuplicateKey { first, .. } = self {
            Some((first.clone(), "first given here"))
        } else {
            None
        }
    }

    /// What to do about it.
    #[must_use]
    pub fn hint(&self) -> Option<&'static str> {
        match self {
            Self::NotUtf8 { .. } | Self::Wide => Some("save the file as UTF-8"),
            Self::Nul { .. } => Some("remove the NUL character"),
            Self::TooLarge { .. } | Self::TooManyEvents { .. } => Some("split the file"),
            Self::TooDeep { .. } => Some("no Kubernetes object is nested this deep"),
            Self::TooManyAliases { .. } | Self::Expansion { .. } => {
                Some("write the values out instead of using aliases")
            }
            Self::Syntax { message, .. } => syntax_hint(message),
            Self::Unlocatable { .. } => Some("write this value in a simpler way"),
            Self::DuplicateKey { .. } => Some("remove one of the two"),
            Self::UnknownAlias { .. } => {
                Some("an anchor is only known inside its own document, after it is set")
            }
            Self::RecursiveAlias { .. } => Some("a value cannot contain itself"),
            Self::Merge { .. } => Some("use an alias of a mapping, or a list of those"),
            Self::Tagged { .. } => Some("change the tag or the value"),
        }
    }
}

/// Advice for messages of the parser that do not explain themselves.
fn syntax_hint(message: &str) -> Option<&'static str> {
    if message.contains("valid YAML whitespace") || message.contains("tab") {
        Some("replace the tab by spaces")
    } else if message.contains("invalid indentation") {
        Some("indent the lines of this value, also a closing bracket, deeper than its key")
    } else {
        None
    }
}

/// Why an edit was not made. The stream is as it was before.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum EditError {
    /// The stream has no such document.
    #[error("the file has no document number {document}")]
    NoDocument {
        /// The number, from 0.
        document: usize,
    },
    /// Nothing stands at the path.
    #[error("`{path}` does not exist")]
    Missing {
        /// The path.
        path: String,
        /// What exists of it.
        span: Range<usize>,
    },
    /// The key is already there.
    #[error("`{path}` already exists")]
    Exists {
        /// The path.
        path: String,
        /// Where it stands.
        span: Range<usize>,
    },
    /// Something else stands at the path.
    #[error("`{path}` is not {expected}")]
    Mismatch {
        /// The path.
        path: String,
        /// `a mapping`, …
        expected: &'static str,
        /// What is there.
        span: Range<usize>,
    },
    /// The change would be seen elsewhere too: aliases or merges share the place.
    #[error("`{path}` is shared with other places by `{anchor}`")]
    Shared {
        /// The path.
        path: String,
        /// `&name` or `*name`.
        anchor: String,
        /// Where that stands.
        span: Range<usize>,
    },
    /// The value comes from a merge and cannot be taken away here.
    #[error("`{path}` comes from a merge (`<<`)")]
    Merged {
        /// The path.
        path: String,
        /// The mapping that merges.
        span: Range<usize>,
    },
    /// The new value cannot be written.
    #[error("{what} cannot be written")]
    Unwritable {
        /// What it is.
        what: &'static str,
        /// Where it should have gone.
        span: Range<usize>,
    },
    /// The edited text did not read back as exactly the change that was asked for.
    #[error("`{path}` cannot be edited in place without changing something else")]
    Unfaithful {
        /// The path.
        path: String,
        /// What should have changed.
        span: Range<usize>,
    },
    /// The document cannot be understood.
    #[error("the document cannot be edited")]
    Yaml(#[from] YamlError),
}

impl EditError {
    /// The bytes of the unedited file this is about.
    #[must_use]
    pub fn span(&self) -> Range<usize> {
        match self {
            Self::NoDocument { .. } => 0..0,
            Self::Missing { span, .. }
            | Self::Exists { span, .. }
            | Self::Mismatch { span, .. }
            | Self::Shared { span, .. }
            | Self::Merged { span, .. }
            | Self::Unwritable { span, .. }
            | Self::Unfaithful { span, .. } => span.clone(),
            Self::Yaml(error) => error.span(),
        }
    }

    /// What to do about it.
    #[must_use]
    pub fn hint(&self) -> Option<&'static str> {
        match self {
            Self::NoDocument { .. } | Self::Missing { .. } | Self::Exists { .. } => None,
            Self::Mismatch { .. } => Some("change the field by hand"),
            Self::Shared { .. } => Some("write the value out instead of using the alias"),
            Self::Merged { .. } => Some("write the field out, or change where it is merged from"),
            Self::Unwritable { .. } => Some("use plain values, lists and mappings"),
            Self::Unfaithful { .. } => Some("write this part of the file in a simpler way"),
            Self::Yaml(error) => error.hint(),
        }
    }
}
