//! Findings about documents, with the line they are about.

use std::borrow::Cow;
use std::ops::Range;

use annotate_snippets::{AnnotationKind, Group, Level, Origin, Renderer, Snippet};
use serde_json::json;

use crate::api::without_credentials;
use crate::diagnostic::{Diagnostic, Position, Severity, Source};

pub use super::github::findings as github;

/// Columns after which a line is cut around what it is about.
const WIDTH: usize = 120;

/// Renders each finding with file, line, caret, field and advice, separated by
/// empty lines. Without `colour` the text is plain ASCII around what it quotes.
///
/// ```
/// use std::sync::Arc;
/// use weirkeeper::diagnostic::{Diagnostic, Source};
/// use weirkeeper::report::diagnostics;
///
/// let text = "spec:\n  analysis:\n    maxWeight: 150\n";
/// let source = Arc::new(Source { path: "canary.yaml".into(), text: text.into() });
/// let at = text.find("150").unwrap();
/// let finding = Diagnostic::error("must be at most 100, found 150")
///     .field("spec.analysis.maxWeight")
///     .at(&source, at..at + 3);
/// assert_eq!(
///     diagnostics::text(&[finding], false),
///     "\
/// error: must be at most 100, found 150
///  --> canary.yaml:3:16
///   |
/// 3 |     maxWeight: 150
///   |                ^^^ spec.analysis.maxWeight
/// "
/// );
/// ```
#[must_use]
pub fn text(diagnostics: &[Diagnostic], colour: bool) -> String {
    let renderer = match colour {
        true => Renderer::styled(),
        false => Renderer::plain(),
    }
    .term_width(WIDTH);
    let rendered: Vec<String> = diagnostics
        .iter()
        .map(|diagnostic| format!("{}\n", render(&renderer, diagnostic).trim_end()))
        .collect();
    rendered.join("\n")
}

/// One finding through `renderer`.
fn render(renderer: &Renderer, diagnostic: &Diagnostic) -> String {
    let level = match diagnostic.severity {
        Severity::Error => Level::ERROR,
        Severity::Warning => Level::WARNING,
    };
    let field = diagnostic.field.as_deref().map(harmless);
    let message = harmless(&diagnostic.message);
    let message = match (&field, &diagnostic.place) {
        (Some(field), None) => format!("{field}: {message}"),
        (Some(_) | None, _) => message,
    };
    let mut group = Group::with_title(level.primary_title(message));
    if let Some((source, span)) = &diagnostic.place {
        let line = Line::at(source, span);
        let path = harmless(&source.path);
        group = match line.text.is_empty() {
            true => group.element(
                Origin::path(path)
                    .line(line.position.line)
                    .char_column(line.position.column),
            ),
            false => group.element(
                Snippet::source(line.text)
                    .line_start(line.position.line)
                    .path(path)
                    .annotation(AnnotationKind::Primary.span(line.span).label(field)),
            ),
        };
    }
    if let Some(hint) = &diagnostic.hint {
        group = group.element(Level::HELP.message(harmless(hint)));
    }
    renderer.render(&[group])
}

/// The line on which a span begins, and the span's part of it.
struct Line<'a> {
    position: Position,
    text: Cow<'a, str>,
    span: Range<usize>,
}

impl<'a> Line<'a> {
    fn at(source: &'a Source, span: &Range<usize>) -> Self {
        let all = source.text.as_str();
        let start = all.floor_char_boundary(span.start);
        let mut line_start = all[..start].rfind('\n').map_or(0, |newline| newline + 1);
        let line_end = all[start..].find('\n').map_or(all.len(), |at| start + at);
        if all[line_start..line_end].starts_with('\u{feff}') {
            line_start += '\u{feff}'.len_utf8();
        }
        let text = all[line_start..line_end].trim_end();
        // Text past the line, as the end of a block, is not pointed at.
        let start = start.saturating_sub(line_start).min(text.len());
        let end = all.floor_char_boundary(span.end).saturating_sub(line_start);
        let end = end.clamp(start, text.len());
        let text = match text.contains(['\r', '\u{feff}']) {
            true => Cow::Owned(text.replace('\r', " ").replace('\u{feff}', "   ")),
            false => Cow::Borrowed(text),
        };
        let hidden = match without_credentials(&text) {
            Cow::Owned(hidden) => Some(hidden),
            Cow::Borrowed(_same) => None,
        };
        let text = hidden.map_or(text, Cow::Owned);
        Self {
            position: source.position(span.start),
            span: start..end,
            text,
        }
    }
}

/// One line without characters that a terminal would act on.
pub(crate) fn harmless(text: &str) -> String {
    text.chars()
        .map(|c| match c {
            _ if c.is_control() => ' ',
            // Marks that turn the direction of the text.
            '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' => ' ',
            _ => c,
        })
        .collect()
}

/// The findings as JSON: `{"version": 1, "errors": N, "warnings": N,
/// "diagnostics": [{severity, message, field, hint, file, line, column}]}`.
#[must_use]
pub fn json(diagnostics: &[Diagnostic]) -> serde_json::Value {
    let (errors, warnings) = count(diagnostics);
    json!({
        "version": 1,
        "errors": errors,
        "warnings": warnings,
        "diagnostics": diagnostics,
    })
}

/// `2 errors, 1 warning`; `None` when there is nothing to report.
#[must_use]
pub fn summary(diagnostics: &[Diagnostic]) -> Option<String> {
    let (errors, warnings) = count(diagnostics);
    let counted = |count: usize, noun: &str| match count {
        0 => None,
        1 => Some(format!("1 {noun}")),
        _ => Some(format!("{count} {noun}s")),
    };
    let parts = [counted(errors, "error"), counted(warnings, "warning")];
    let parts: Vec<String> = parts.into_iter().flatten().collect();
    (!parts.is_empty()).then(|| parts.join(", "))
}

/// Numbers of errors and warnings.
fn count(diagnostics: &[Diagnostic]) -> (usize, usize) {
    let is_error = |diagnostic: &&Diagnostic| diagnostic.severity == Severity::Error;
    let errors = diagnostics.iter().filter(is_error).count();
    (errors, diagnostics.len() - errors)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;

    /// A finding about the first `what` of `text`.
    fn about(text: &str, what: &str) -> Diagnostic {
        let source = Arc::new(Source {
            path: "apps/shop.yaml".into(),
            text: text.into(),
        });
        let at = text.find(what).unwrap();
        Diagnostic::error("must not be")
            .field("spec.x")
            .at(&source, at..at + what.len())
    }

    #[test]
    fn text_points_at_the_value() {
        let canary = "spec:\n  analysis:\n    stepWeight: 0\n    maxWeigth: 50\n";
        let findings = [
            about(canary, "0"),
            Diagnostic {
                severity: Severity::Warning,
                message: "unknown field, ignored".into(),
                ..about(canary, "maxWeigth").hint("did you mean `maxWeight`?")
            },
            Diagnostic::error("is required").field("spec.targetRef"),
            Diagnostic::warning("no Canary found").hint("see `weirkeeper init`"),
        ];
        insta::assert_snapshot!(text(&findings, false), @r"
        error: must not be
         --> apps/shop.yaml:3:17
          |
        3 |     stepWeight: 0
          |                 ^ spec.x

        warning: unknown field, ignored
         --> apps/shop.yaml:4:5
          |
        4 |     maxWeigth: 50
          |     ^^^^^^^^^ spec.x
          |
          = help: did you mean `maxWeight`?

        error: spec.targetRef: is required

        warning: no Canary found
         |
         = help: see `weirkeeper init`
        ");
    }

    #[test]
    fn colour_is_for_those_who_ask() {
        let findings = [about("a: 1", "1")];
        assert!(text(&findings, true).contains('\u{1b}'));
        assert!(!text(&findings, false).contains('\u{1b}'));
    }

    #[test]
    fn blocks_are_marked_on_their_first_line() {
        let findings = [about("a:\n  b: 1\n  c: 2\n\nd: 3\n", "b: 1\n  c: 2\n")];
        insta::assert_snapshot!(text(&findings, false), @r"
        error: must not be
         --> apps/shop.yaml:2:3
          |
        2 |   b: 1
          |   ^^^^ spec.x
        ");
    }

    #[test]
    fn awkward_lines() {
        let long = format!(
            "{{a: '{}', b: here, c: '{}'}}",
            "x".repeat(300),
            "y".repeat(300)
        );
        let findings = [
            about("\u{feff}a: 1\r\nb: 2\r\n", "a"),
            about("\u{feff}a: 1\r\nb: 2\r\n", "2"),
            about("größe: {日本: here}\n", "here"),
            about("a:\t\there\n", "here"),
            about(&long, "here"),
            about("a: b\n\n", "\n\n"),
        ];
        insta::assert_snapshot!(text(&findings, false), @r"
        error: must not be
         --> apps/shop.yaml:1:1
          |
        1 | a: 1
          | ^ spec.x

        error: must not be
         --> apps/shop.yaml:2:4
          |
        2 | b: 2
          |    ^ spec.x

        error: must not be
         --> apps/shop.yaml:1:13
          |
        1 | größe: {日本: here}
          |               ^^^^ spec.x

        error: must not be
         --> apps/shop.yaml:1:5
          |
        1 | a:        here
          |           ^^^^ spec.x

        error: must not be
         --> apps/shop.yaml:1:312
          |
        1 | ...xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx', b: here, c: 'yyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyy...
          |                                                     ^^^^ spec.x

        error: must not be
         --> apps/shop.yaml:1:5
          |
        1 | a: b
          |     ^ spec.x
        ");
        for finding in &findings {
            let shown = text(std::slice::from_ref(finding), false);
            let location = finding.location().unwrap();
            assert!(
                shown.contains(&format!("{location}\n")),
                "{location}: {shown}"
            );
        }
    }

    #[test]
    fn documents_cannot_act_on_the_terminal() {
        let mut finding = about("a: \u{1b}[31mred\u{7}\u{202e}", "a");
        finding.message = "found \u{1b}]0;x\u{7}\nand\u{202e}".into();
        finding.field = Some("a\u{1b}b".into());
        let shown = text(&[finding], false);
        let acts = |c: char| (c.is_control() && c != '\n') || c == '\u{202e}';
        assert!(!shown.contains(acts), "{shown:?}");
    }

    #[test]
    fn any_span_is_rendered() {
        let source = Arc::new(Source {
            path: "a".into(),
            text: "\u{feff}é: ü\r\n\r\n日".into(),
        });
        let length = source.text.len() + 3;
        for start in 0..length {
            for end in 0..length {
                let finding = Diagnostic::error("m").at(&source, start..end);
                assert!(text(std::slice::from_ref(&finding), false).starts_with("error: m"));
                assert!(github(&[finding]).starts_with("::error file=a,line="));
            }
        }
    }

    #[test]
    fn annotations_are_escaped() {
        let mut finding = about("a: 1", "1").hint("write 2:3, or\r\n50%");
        finding.message = "50%\n::error::x".into();
        finding.field = Some("a.[\"b:c,d\"]".into());
        let other = Diagnostic::warning("nothing found");
        insta::assert_snapshot!(github(&[finding, other]), @r#"
        ::error file=apps/shop.yaml,line=1,col=4,title=a.["b%3Ac%2Cd"]::50%25%0A::error::x%0Ahelp: write 2:3, or%0D%0A50%25
        ::warning title=Weirkeeper::nothing found
        "#);
    }

    #[test]
    fn json_has_a_version() {
        let findings = [about("a: 1", "1"), Diagnostic::warning("w")];
        insta::assert_snapshot!(serde_json::to_string_pretty(&json(&findings)).unwrap(), @r#"
        {
          "diagnostics": [
            {
              "column": 4,
              "field": "spec.x",
              "file": "apps/shop.yaml",
              "hint": null,
              "line": 1,
              "message": "must not be",
              "severity": "error"
            },
            {
              "column": null,
              "field": null,
              "file": null,
              "hint": null,
              "line": null,
              "message": "w",
              "severity": "warning"
            }
          ],
          "errors": 1,
          "version": 1,
          "warnings": 1
        }
        "#);
        assert_eq!(summary(&findings).as_deref(), Some("1 error, 1 warning"));
        assert_eq!(summary(&[]), None);
    }
}
