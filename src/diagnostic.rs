//! A finding about a place in a document: what, where, why, what to do.

use std::ops::Range;
use std::sync::Arc;

use serde::{Serialize, Serializer};

use crate::api::{self, FieldPath, Problem};

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

impl From<api::Severity> for Severity {
    fn from(severity: api::Severity) -> Self {
        match severity {
            api::Severity::Warning => Self::Warning,
            api::Severity::Error => Self::Error,
        }
    }
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

/// A [`Problem`] in the text of a file. `locate` finds the bytes of a field, of
/// its key if the second argument is true, or of the nearest thing there is
/// when the field is not in the document.
#[must_use]
pub fn to_diagnostic(
    problem: &Problem,
    source: &Arc<Source>,
    locate: &dyn Fn(&FieldPath, bool) -> Range<usize>,
) -> Diagnostic {
    let span = locate(&problem.path, problem.at_key);
    let mut diagnostic =
        Diagnostic::new(problem.severity.into(), problem.message.as_str()).at(source, span);
    if problem.path != FieldPath::root() {
        diagnostic = diagnostic.field(&problem.path);
    }
    diagnostic.hint.clone_from(&problem.hint);
    diagnostic
}

/// Sorts findings as somebody reads them: by file, by place, errors first.
/// Findings about no file come first.
pub fn sort(diagnostics: &mut [Diagnostic]) {
    diagnostics.sort_by(|a, b| {
        let key = |diagnostic: &Diagnostic| {
            let (source, span) = diagnostic.place.as_ref()?;
            Some((source.path.clone(), span.start))
        };
        key(a)
            .cmp(&key(b))
            .then(b.severity.cmp(&a.severity))
            .then_with(|| a.message.cmp(&b.message))
    });
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

    #[test]
    fn problems_get_their_place() {
        let source = Arc::new(Source {
            path: "a.yaml".into(),
            text: "spec: {port: 0}".into(),
        });
        let locate = |path: &FieldPath, at_key: bool| match (path.to_string().as_str(), at_key) {
            ("spec.port", true) => 7..11,
            ("spec.port", false) => 13..14,
            _ => 0..4,
        };
        let path: FieldPath = "spec.port".parse().unwrap();
        let problem = Problem::error(path, "too small").hint("write 1");
        let value = to_diagnostic(&problem, &source, &locate);
        assert_eq!(value.location().as_deref(), Some("a.yaml:1:14"));
        assert_eq!(value.field.as_deref(), Some("spec.port"));
        assert_eq!(value.hint.as_deref(), Some("write 1"));
        let key = to_diagnostic(&problem.at_key().as_warning(), &source, &locate);
        assert_eq!(key.location().as_deref(), Some("a.yaml:1:8"));
        let whole = Problem::error(FieldPath::root(), "no mapping");
        let whole = to_diagnostic(&whole, &source, &locate);
        assert_eq!(whole.field, None);

        let mut all = [Diagnostic::error("z").at(&source, 3..4), key, whole, value];
        sort(&mut all);
        let starts = all
            .each_ref()
            .map(|found| found.place.clone().map(|place| place.1.start));
        assert_eq!(starts, [Some(0), Some(3), Some(7), Some(13)]);
    }
}
