//! Something wrong with a document, told by field path.

use super::FieldPath;

/// How bad a [`Problem`] is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Severity {
    /// The document is used; somebody should look.
    Warning,
    /// The document is not used.
    Error,
}

/// Something wrong with a document. Where that stands in the text of a file is
/// for the caller to find out: nothing here knows of files.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Problem {
    /// How bad it is.
    pub severity: Severity,
    /// The field. It need not be in the document: a required one may be missing.
    pub path: FieldPath,
    /// Point at the key of the field rather than at its value.
    pub at_key: bool,
    /// One sentence without a full stop and without the field's own name.
    pub message: String,
    /// What to do about it.
    pub hint: Option<String>,
}

impl Problem {
    /// Something that keeps the document from being used.
    #[must_use]
    pub fn error(path: FieldPath, message: impl Into<String>) -> Self {
        Self::new(Severity::Error, path, message)
    }

    /// Something somebody should look at.
    #[must_use]
    pub fn warning(path: FieldPath, message: impl Into<String>) -> Self {
        Self::new(Severity::Warning, path, message)
    }

    fn new(severity: Severity, path: FieldPath, message: impl Into<String>) -> Self {
        Self {
            severity,
            path,
            at_key: false,
            message: message.into(),
            hint: None,
        }
    }

    /// Points at the key instead of the value.
    #[must_use]
    pub fn at_key(mut self) -> Self {
        self.at_key = true;
        self
    }

    /// Says what to do.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// The same as a warning, for a command that carries nothing out.
    #[must_use]
    pub fn as_warning(mut self) -> Self {
        self.severity = Severity::Warning;
        self
    }

    /// Does it keep the document from being used?
    #[must_use]
    pub fn is_error(&self) -> bool {
        self.severity == Severity::Error
    }
}
