//! Annotations: what GitHub shows on top of a run, and in a pull request next to
//! the line.

use std::fmt::Write as _;

use crate::decide::Action;
use crate::diagnostic::{Diagnostic, Position, Severity};
use crate::error::Error;
use crate::report::{Outcome, Run, diagnostics};

/// Annotations of one severity that GitHub shows of one step.
const SHOWN: usize = 10;

/// One workflow command.
#[derive(Debug, Clone)]
struct Annotation {
    severity: Severity,
    /// File, line and column.
    place: Option<(String, usize, usize)>,
    title: String,
    message: String,
    /// The more important ones come first: 0 before 1.
    rank: u8,
}

/// Annotations of everything that went wrong in a run of steps, as workflow
/// commands: errors before warnings, what went back before what is merely odd. Of
/// more than GitHub shows the last one says how many there are in the job summary.
#[must_use]
pub fn annotations(run: &Run) -> String {
    let mut all: Vec<Annotation> = Vec::new();
    for error in &run.errors {
        all.extend(of_error(error, None));
    }
    for result in run.steps() {
        for error in result.errors() {
            all.extend(of_error(error, Some(result)));
        }
        if result.went_back() {
            all.push(of_way_back(result));
        }
        all.extend(result.warnings.iter().map(Annotation::of));
    }
    all.sort_by_key(|annotation| (annotation.severity != Severity::Error, annotation.rank));
    let (shown, left) = shown(all);
    let mut commands: String = shown.iter().map(Annotation::command).collect();
    for (severity, left) in [Severity::Error, Severity::Warning].into_iter().zip(left) {
        commands.push_str(&more(
            severity,
            left.len(),
            "the job summary has all of them",
        ));
    }
    commands
}

/// Annotations of findings about documents, in their order. What GitHub would not
/// show follows as text, for the log.
#[must_use]
pub fn findings(findings: &[Diagnostic]) -> String {
    let (shown, left) = shown(findings.iter().map(Annotation::of).collect());
    let mut text: String = shown.iter().map(Annotation::command).collect();
    for (severity, left) in [Severity::Error, Severity::Warning].into_iter().zip(&left) {
        text.push_str(&more(severity, left.len(), "the log has all of them"));
    }
    let mut seen = [0; 2];
    let rest = findings.iter().filter(|finding| {
        let kind = usize::from(finding.severity != Severity::Error);
        seen[kind] += 1;
        !left[kind].is_empty() && seen[kind] >= SHOWN
    });
    let rest: Vec<Diagnostic> = rest.cloned().collect();
    text + &diagnostics::text(&rest, false)
}

/// What GitHub shows, and what is left of errors and of warnings.
fn shown(all: Vec<Annotation>) -> (Vec<Annotation>, [Vec<Annotation>; 2]) {
    let of = |severity| all.iter().filter(|one| one.severity == severity).count();
    // The last one is for telling about the others.
    let room = |count: usize| if count > SHOWN { SHOWN - 1 } else { count };
    let mut rooms = [room(of(Severity::Error)), room(of(Severity::Warning))];
    let mut left = [Vec::new(), Vec::new()];
    let mut shown = Vec::new();
    for annotation in all {
        let kind = usize::from(annotation.severity != Severity::Error);
        match rooms[kind].checked_sub(1) {
            Some(room) => {
                rooms[kind] = room;
                shown.push(annotation);
            }
            None => left[kind].push(annotation),
        }
    }
    (shown, left)
}

/// The annotation that tells of `count` others; nothing when there are none.
fn more(severity: Severity, count: usize, rest: &str) -> String {
    let what = match severity {
        Severity::Error => "errors",
        Severity::Warning => "warnings",
    };
    match count {
        0 => String::new(),
        count => Annotation::new(severity, format!("{count} more {what}: {rest}")).command(),
    }
}

/// An error at its places; without any, at the Canary it concerns.
fn of_error(error: &Error, result: Option<&Outcome>) -> Vec<Annotation> {
    let places = error.diagnostics().iter().map(Annotation::of);
    let mut all: Vec<Annotation> = places.collect();
    if all.iter().any(|one| one.severity == Severity::Error) {
        return all;
    }
    let sentence = match result {
        Some(result) if !error.chain().contains(&result.canary) => {
            format!("{}: {}", result.canary, error.chain())
        }
        Some(_) | None => error.chain(),
    };
    let hints = error.hints().iter().map(|hint| format!("\nhelp: {hint}"));
    let hints: String = hints.collect();
    let mut whole = Annotation::new(Severity::Error, sentence + &hints);
    whole.place = result.and_then(place);
    all.push(whole);
    all
}

/// A rollout that was rolled back or halted.
fn of_way_back(result: &Outcome) -> Annotation {
    let (what, rank) = if result.action == Action::RolledBack && result.is_proposed() {
        ("is to be rolled back: merge the pull request", 0)
    } else if result.action == Action::RolledBack {
        ("was rolled back", 0)
    } else if result.rollback_waits {
        ("waits to be rolled back", 0)
    } else {
        ("is halted", 1)
    };
    Annotation {
        severity: Severity::Warning,
        place: place(result),
        title: format!("{} {what}", result.canary),
        message: result.reasons.join("\n"),
        rank,
    }
}

/// Where the Canary stands.
fn place(result: &Outcome) -> Option<(String, usize, usize)> {
    let (rest, column) = result.place.as_deref()?.rsplit_once(':')?;
    let (path, line) = rest.rsplit_once(':')?;
    Some((path.to_owned(), line.parse().ok()?, column.parse().ok()?))
}

impl Annotation {
    fn new(severity: Severity, message: String) -> Self {
        Self {
            severity,
            place: None,
            title: "Weirkeeper".to_owned(),
            message,
            rank: 0,
        }
    }

    fn of(finding: &Diagnostic) -> Self {
        let mut message = finding.message.clone();
        if let Some(hint) = &finding.hint {
            message.push_str("\nhelp: ");
            message.push_str(hint);
        }
        let mut annotation = Self::new(finding.severity, message);
        annotation.rank = 2;
        if let Some(field) = &finding.field {
            annotation.title.clone_from(field);
        }
        annotation.place = finding.place.as_ref().map(|(source, span)| {
            let Position { line, column } = source.position(span.start);
            (source.path.clone(), line, column)
        });
        annotation
    }

    /// The workflow command, on a line of its own.
    fn command(&self) -> String {
        let mut text = match self.severity {
            Severity::Error => "::error ".to_owned(),
            Severity::Warning => "::warning ".to_owned(),
        };
        if let Some((file, line, column)) = &self.place {
            // Writing to a String cannot fail.
            let _written = write!(text, "file={},line={line},col={column},", property(file));
        }
        let (title, message) = (property(&self.title), data(&self.message));
        let _written = writeln!(text, "title={title}::{message}");
        text
    }
}

/// Escapes the message of a workflow command.
fn data(text: &str) -> String {
    text.replace('%', "%25")
        .replace('\r', "%0D")
        .replace('\n', "%0A")
}

/// Escapes a property of a workflow command.
fn property(text: &str) -> String {
    data(text).replace(':', "%3A").replace(',', "%2C")
}

#[cfg(test)]
mod tests;
