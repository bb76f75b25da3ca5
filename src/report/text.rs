//! Results for people.

use std::fmt::Write as _;

use super::diagnostics::harmless;
use super::{Outcome, Run};
use crate::decide::{Action, ShareVerdict, Verdict};
use crate::error::Error;

/// A run as text: a block for each Canary, then what concerns all.
#[must_use]
pub fn run(run: &Run) -> String {
    let mut text = String::new();
    for result in &run.results {
        text.push_str(&outcome(result));
    }
    for note in &run.notes {
        text.push_str(note);
        text.push('\n');
    }
    text
}

/// One Canary as text.
#[must_use]
pub fn outcome(outcome: &Outcome) -> String {
    let mut text = quoted(&outcome.canary);
    if let Some(phase) = outcome.phase {
        text.push_str(&format!("  {phase}"));
    }
    if let (Some(primary), Some(canary)) = (outcome.primary_weight, outcome.canary_weight) {
        text.push_str(&format!("  {primary}/{canary}"));
    }
    if outcome.mirrored {
        text.push_str(" mirrored");
    }
    text.push_str(&format!("  {}\n", action(outcome)));
    for reason in &outcome.reasons {
        line(&mut text, reason);
    }
    for metric in &outcome.metrics {
        let mark = match metric.verdict {
            Verdict::Pass => "pass",
            Verdict::Fail => "FAIL",
            Verdict::NoData => "NO DATA",
            Verdict::Error => "ERROR",
        };
        let summary = metric.summary();
        // What failed is a reason already.
        if !outcome
            .reasons
            .iter()
            .any(|reason| reason.ends_with(&summary))
        {
            line(&mut text, &format!("{mark}: {summary}"));
        }
        for warning in &metric.warnings {
            line(&mut text, &format!("{}: {warning}", metric.name));
        }
    }
    if let Some(share) = &outcome.share {
        let mark = match share.verdict {
            ShareVerdict::Fits => "pass",
            ShareVerdict::Off => "OFF",
            ShareVerdict::Few => "FEW REQUESTS",
        };
        line(&mut text, &format!("{mark}: {}", share.summary()));
    }
    if let Some(commit) = &outcome.commit {
        line(&mut text, &format!("commit {}", short(commit)));
    }
    if let Some(pull) = &outcome.pull_request {
        let proposes = match outcome.is_proposed() {
            true => ": nothing happens before it is merged",
            false => "",
        };
        line(
            &mut text,
            &format!("pull request #{} {}{proposes}", pull.number, pull.url),
        );
    }
    if let Some(next) = outcome.next_step_at
        && outcome.action != Action::NotDue
    {
        line(&mut text, &format!("next step not before {next}"));
    }
    text
}

/// The tick in words.
fn action(outcome: &Outcome) -> String {
    let word = serde_json::to_value(outcome.action).unwrap_or_default();
    word.as_str().unwrap_or_default().to_owned()
}

fn line(text: &mut String, line: &str) {
    // Writing to a String cannot fail.
    let _written = writeln!(text, "  {}", quoted(line));
}

/// Text of others as one line that nobody takes for a command: neither a
/// terminal nor the runner of a GitHub workflow, which reads all output.
///
/// The runner obeys what begins with `::`, white space or not, and `##[` anywhere.
pub(super) fn quoted(text: &str) -> String {
    let line = harmless(text).replace("##[", "## [");
    match line.trim_start().starts_with("::") {
        true => format!("> {line}"),
        false => line,
    }
}

/// The first digits of a commit.
#[must_use]
pub fn short(commit: &str) -> &str {
    commit.get(..8).unwrap_or(commit)
}

/// An error as text: the sentence, its causes, the places, what to do. `about`
/// is the Canary it concerns, unless it concerns all.
#[must_use]
pub fn error(error: &Error, about: Option<&str>, colour: bool) -> String {
    let message = harmless(error.message());
    let mut text = match about {
        Some(canary) if !message.contains(canary) => {
            format!("error: {}: {message}\n", harmless(canary))
        }
        Some(_) | None => format!("error: {message}\n"),
    };
    let mut cause = std::error::Error::source(error);
    while let Some(source) = cause {
        for (index, line) in source.to_string().lines().enumerate() {
            let lead = if index == 0 {
                "  because: "
            } else {
                "           "
            };
            text.push_str(&format!("{lead}{}\n", quoted(line)));
        }
        cause = source.source();
    }
    if !error.diagnostics().is_empty() {
        text.push_str(&super::diagnostics::text(error.diagnostics(), colour));
    }
    for hint in error.hints() {
        text.push_str(&format!("hint: {}\n", harmless(hint)));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_of_others_are_no_commands() {
        let cause = Error::remote("first\n::add-mask::x\n  ##[error]y\u{1b}[31m");
        let shown = error(&Error::remote("a\n::error::b").because(cause), None, false);
        let command = |line: &str| line.trim_start().starts_with("::") || line.contains("\u{1b}");
        assert!(!shown.lines().any(command), "{shown}");
        insta::assert_snapshot!(shown, @"
        error: a ::error::b
          because: first
                   > ::add-mask::x
                     ## [error]y [31m
        ");
        assert_eq!(quoted("::error::x"), "> ::error::x");
        assert_eq!(quoted("all : good"), "all : good");
    }

    #[test]
    fn the_canary_is_named_once() {
        let about = |message: &str| error(&Error::document(message), Some("test/a"), false);
        assert_eq!(
            about("cannot measure x"),
            "error: test/a: cannot measure x\n"
        );
        assert_eq!(
            about("Canary test/a cannot be"),
            "error: Canary test/a cannot be\n"
        );
    }
}
