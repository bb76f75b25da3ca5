//! What went wrong, in one shape: kind, sentence, cause chain, hints.

use std::error::Error as StdError;
use std::fmt;

use serde::{Serialize, Serializer};

use crate::diagnostic::Diagnostic;

/// Result of everything here that can fail.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Who has to act. Decides the exit code, see [`Kind::exit_code`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum Kind {
    /// A fault of Weirkeeper itself.
    Internal,
    /// The command line or the environment asks for something that cannot be.
    Usage,
    /// A document of the repository is wrong.
    Document,
    /// Prometheus, Git, GitHub or a webhook did not do its part.
    Remote,
    /// Another writer won the race to push too often.
    Conflict,
    /// A check or a simulation did not match.
    Mismatch,
}

impl Kind {
    /// The exit code of a run that ends with this kind.
    ///
    /// | code | kind |
    /// |---|---|
    /// | 0 | done, also: nothing to do |
    /// | 1 | internal |
    /// | 2 | usage |
    /// | 3 | invalid documents |
    /// | 4 | a remote failed |
    /// | 5 | lost the race to push too often |
    /// | 6 | a check or simulation did not match |
    #[must_use]
    pub fn exit_code(self) -> u8 {
        match self {
            Self::Internal => 1,
            Self::Usage => 2,
            Self::Document => 3,
            Self::Remote => 4,
            Self::Conflict => 5,
            Self::Mismatch => 6,
        }
    }
}

/// An error as people see it: one sentence, its causes, and what to do.
#[derive(Debug)]
pub struct Error {
    kind: Kind,
    message: String,
    source: Option<Box<dyn StdError + Send + Sync>>,
    hints: Vec<String>,
    diagnostics: Vec<Diagnostic>,
}

impl Error {
    /// An error of `kind`; `message` is one sentence without a full stop.
    #[must_use]
    pub fn new(kind: Kind, message: impl Into<String>) -> Self {
        Self {
            kind,
            message: message.into(),
            source: None,
            hints: Vec::new(),
            diagnostics: Vec::new(),
        }
    }

    /// A fault of Weirkeeper itself.
    #[must_use]
    pub fn internal(message: impl Into<String>) -> Self {
        Self::new(Kind::Internal, message)
    }

    /// The command line asks for something that cannot be.
    #[must_use]
    pub fn usage(message: impl Into<String>) -> Self {
        Self::new(Kind::Usage, message)
    }

    /// A document of the repository is wrong.
    #[must_use]
    pub fn document(message: impl Into<String>) -> Self {
        Self::new(Kind::Document, message)
    }

    /// A remote did not do its part.
    #[must_use]
    pub fn remote(message: impl Into<String>) -> Self {
        Self::new(Kind::Remote, message)
    }

    /// Names the cause. The message should not repeat it.
    #[must_use]
    pub fn because(mut self, source: impl Into<Box<dyn StdError + Send + Sync>>) -> Self {
        self.source = Some(source.into());
        self
    }

    /// The same error under a sentence that says what failed because of it.
    /// Kind, hints and places stay.
    #[must_use]
    pub fn while_doing(mut self, message: impl Into<String>) -> Self {
        let hints = std::mem::take(&mut self.hints);
        let diagnostics = std::mem::take(&mut self.diagnostics);
        Self {
            kind: self.kind,
            message: message.into(),
            source: Some(Box::new(self)),
            hints,
            diagnostics,
        }
    }

    /// The same error once more, its causes as text.
    #[must_use]
    pub fn again(&self) -> Self {
        Self {
            kind: self.kind,
            message: self.chain(),
            source: None,
            hints: self.hints.clone(),
            diagnostics: self.diagnostics.clone(),
        }
    }

    /// Adds an advice, shown on a line of its own.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hints.push(hint.into());
        self
    }

    /// The same error without advice, for one who knows better.
    #[must_use]
    pub fn without_hints(mut self) -> Self {
        self.hints.clear();
        self
    }

    /// Adds places in documents, shown with line and caret.
    #[must_use]
    pub fn at(mut self, diagnostics: impl IntoIterator<Item = Diagnostic>) -> Self {
        self.diagnostics.extend(diagnostics);
        self
    }

    /// Who has to act.
    #[must_use]
    pub fn kind(&self) -> Kind {
        self.kind
    }

    /// The sentence alone.
    #[must_use]
    pub fn message(&self) -> &str {
        &self.message
    }

    /// What to do about it.
    #[must_use]
    pub fn hints(&self) -> &[String] {
        &self.hints
    }

    /// Places in documents this is about.
    #[must_use]
    pub fn diagnostics(&self) -> &[Diagnostic] {
        &self.diagnostics
    }

    /// The sentence and its causes on one line, joined by `: `.
    #[must_use]
    pub fn chain(&self) -> String {
        let mut line = self.message.clone();
        let mut cause = StdError::source(self);
        while let Some(error) = cause {
            line.push_str(": ");
            line.push_str(&error.to_string());
            cause = error.source();
        }
        line
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl StdError for Error {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        let source = self.source.as_deref()?;
        Some(source)
    }
}

/// `{"kind", "message", "hints", "at"}`, as in the JSON output; `message` holds
/// the causes, `at` the places in documents.
impl Serialize for Error {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        use serde::ser::SerializeStruct as _;
        let mut object = serializer.serialize_struct("Error", 4)?;
        object.serialize_field("kind", &self.kind)?;
        object.serialize_field("message", &self.chain())?;
        object.serialize_field("hints", &self.hints)?;
        object.serialize_field("at", &self.diagnostics)?;
        object.end()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn causes_are_chained_once() {
        let error = Error::remote("cannot ask Prometheus")
            .because(Error::remote("connection refused"))
            .hint("start it");
        assert_eq!(error.chain(), "cannot ask Prometheus: connection refused");
        let json = serde_json::to_value(&error).unwrap();
        assert_eq!(json["kind"], "remote");
        assert_eq!(json["hints"][0], "start it");
    }

    #[test]
    fn exit_codes_are_distinct() {
        let kinds = [
            Kind::Internal,
            Kind::Usage,
            Kind::Document,
            Kind::Remote,
            Kind::Conflict,
            Kind::Mismatch,
        ];
        let codes: Vec<u8> = kinds.iter().map(|kind| kind.exit_code()).collect();
        assert_eq!(codes, [1, 2, 3, 4, 5, 6]);
    }
}
