//! A finding about a place in a document: what, where, why, what to do.

use std::ops::Range;
use std::sync::Arc;

use serde::{Serialize, Serializer};

/// The text of one file, shared by everything that points into it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Source {
    /// Path as shown, relative to the repository with `/`.
    pub path: String,
    /// The whole text, byte for byte.
    pub text: String,
}

/// How bad a [`Diagnostic`] is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum Severity {
    /// Nothing stops; somebody should look.
    Warning,
    /// The document is not used.
    Error,
}

/// A finding about a document.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Diagnostic {
    /// How bad it is.
    pub severity: Severity,
    /// One sentence without a full stop.
    pub message: String,
    /// The field, `spec.analysis.maxWeight`.
    pub field: Option<String>,
    /// What to do.
    pub hint: Option<String>,
    /// Where it stands: the file, and bytes of its text.
    pub place: Option<(Arc<Source>, Range<usize>)>,
}

/// Line and column, both from 1; the column counts characters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Position {
    /// Line, from 1.
    pub line: usize,
    /// Column in characters, from 1.
    pub column: usize,
}

impl Source {
    /// Line and column of the byte `offset`.
    #[must_use]
    pub fn position(&self, offset: usize) -> Position {
        let before = &self.text[..self.text.floor_char_boundary(offset)];
        let line_start = before.rfind('\n').map_or(0, |newline| newline + 1);
        Position {
            line: before.matches('\n').count() + 1,
            column: before[line_start..]
                .trim_start_matches('\u{feff}')
                .chars()
                .count()
                + 1,
        }
    }
}

impl Diagnostic {
    /// An error about a whole document or a repository.
    #[must_use]
    pub fn error(message: impl Into<String>) -> Self {
        Self::new(Severity::Error, message)
    }

    /// A warning about a whole document or a repository.
    #[must_use]
    pub fn warning(message: impl Into<String>) -> Self {
        Self::new(Severity::Warning, message)
    }

    /// A finding of the given severity.
    #[must_use]
    pub fn new(severity: Severity, message: impl Into<String>) -> Self {
        Self {
            severity,
            message: message.into(),
            field: None,
            hint: None,
            place: None,
        }
    }

    /// Points at bytes of a file.
    #[must_use]
    pub fn at(mut self, source: &Arc<Source>, span: Range<usize>) -> Self {
        self.place = Some((Arc::clone(source), span));
        self
    }

    /// Says what to do.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// Names the field.
    #[must_use]
    pub fn field(mut self, field: impl ToString) -> Self {
        self.field = Some(field.to_string());
        self
    }

    /// `file:line:column`, when it is known.
    #[must_use]
    pub fn location(&self) -> Option<String> {
        let (source, span) = self.place.as_ref()?;
        let Position { line, column } = source.position(span.start);
        Some(format!("{}:{line}:{column}", source.path))
    }
}

impl Serialize for Diagnostic {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        use serde::ser::SerializeStruct as _;
        let position = self
            .place
            .as_ref()
            .map(|(source, span)| source.position(span.start));
        let mut object = serializer.serialize_struct("Diagnostic", 7)?;
        object.serialize_field("severity", &self.severity)?;
        object.serialize_field("message", &self.message)?;
        object.serialize_field("field", &self.field)?;
        object.serialize_field("hint", &self.hint)?;
        object.serialize_field("file", &self.place.as_ref().map(|(source, _)| &source.path))?;
        object.serialize_field("line", &position.map(|position| position.line))?;
        object.serialize_field("column", &position.map(|position| position.column))?;
        object.end()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_count_characters() {
        let source = Arc::new(Source {
            path: "a.yaml".into(),
            text: "é: 1\nüü: x\n".into(),
        });
        let at = source.text.find('x').unwrap();
        let diagnostic = Diagnostic::error("no").at(&source, at..at + 1);
        assert_eq!(diagnostic.location().as_deref(), Some("a.yaml:2:5"));
    }
}
