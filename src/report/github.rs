//! What a GitHub workflow gets: annotations, outputs, and the job summary.

use std::fmt::Write as _;

use jiff::Timestamp;

use super::{Outcome, Run, diagnostics};
use crate::decide::{Action, Measurement, Verdict};
use crate::diagnostic::{Diagnostic, Severity};
use crate::error::{Error, Result};

/// Largest summary GitHub takes of one step, in bytes.
pub const SUMMARY_LIMIT: usize = 1024 * 1024;

/// Annotations of everything that went wrong, as workflow commands.
#[must_use]
pub fn annotations(run: &Run) -> String {
    let mut findings = Vec::new();
    for result in run.steps() {
        findings.extend(result.warnings.iter().cloned());
        for error in result.errors() {
            findings.extend(of_error(error, Some(&result.canary)));
        }
        if matches!(result.action, Action::RolledBack | Action::Halted) {
            let reason = result.reasons.join("; ");
            findings.push(Diagnostic::warning(format!("{}: {reason}", result.canary)));
        }
    }
    for error in &run.errors {
        findings.extend(of_error(error, None));
    }
    diagnostics::github(&findings)
}

fn of_error(error: &Error, canary: Option<&str>) -> Vec<Diagnostic> {
    let sentence = match canary {
        Some(canary) => format!("{canary}: {}", error.chain()),
        None => error.chain(),
    };
    let mut whole = Diagnostic::error(sentence);
    whole.hint = error.hints().first().cloned();
    let mut findings = error.diagnostics().to_vec();
    if !findings
        .iter()
        .any(|finding| finding.severity == Severity::Error)
    {
        findings.push(whole);
    }
    findings
}

/// Outputs of the step, in the format of `GITHUB_OUTPUT`.
///
/// # Errors
/// When the results cannot be written as JSON.
pub fn outputs(run: &Run) -> Result<String> {
    let results = serde_json::to_string(&run.results)
        .map_err(|error| Error::internal("cannot write the results").because(error))?;
    let next = run
        .next_step_at()
        .map(|at| at.to_string())
        .unwrap_or_default();
    let changed = run.pushed && !run.commits().is_empty();
    let commits = match changed {
        true => run.commits().join(" "),
        false => String::new(),
    };
    // JSON on one line holds no line break, so no delimiter is needed.
    Ok(format!(
        "changed={changed}\ncommits={commits}\nresults={results}\nactive={}\nnext-step-at={next}\n",
        run.is_active()
    ))
}

/// The job summary, in Markdown.
#[must_use]
pub fn summary(run: &Run, now: Timestamp) -> String {
    let mut text = String::from("## Weirkeeper\n\n");
    if run.results.is_empty() && run.errors.is_empty() {
        text.push_str("No Canary in this repository.\n");
    } else if !run.results.is_empty() {
        text.push_str(
            "| Canary | Phase | Primary / canary | Step | Next step |\n|---|---|---|---|---|\n",
        );
        for result in &run.results {
            row(&mut text, result);
        }
    }
    for result in &run.results {
        details(&mut text, result);
    }
    for error in &run.errors {
        text.push_str(&format!("\n> **Error:** {}\n", cell(&error.chain())));
        for hint in error.hints() {
            text.push_str(&format!("> {}\n", cell(hint)));
        }
    }
    for note in &run.notes {
        text.push_str(&format!("\n{}\n", cell(note)));
    }
    text.push_str(&format!("\n<sub>{now}</sub>\n"));
    cut(text)
}

fn row(text: &mut String, result: &Outcome) {
    let weights = match (result.primary_weight, result.canary_weight) {
        (Some(primary), Some(canary)) => format!("{primary} / {canary}"),
        _ => "–".to_owned(),
    };
    let phase = result
        .phase
        .map_or("–".to_owned(), |phase| phase.to_string());
    let next = result
        .next_step_at
        .map_or("–".to_owned(), |at| at.to_string());
    let reason = result.reasons.first().map_or("", String::as_str);
    // Writing to a String cannot fail.
    let _written = writeln!(
        text,
        "| {} | {phase} | {weights} | {} {} | {next} |",
        cell(&result.canary),
        mark(result),
        cell(reason)
    );
}

/// One sign for how the tick went.
fn mark(result: &Outcome) -> &'static str {
    match result.action {
        Action::Initialized | Action::Succeeded => "✅",
        Action::Started | Action::Advanced | Action::Promoting | Action::Finalising => "▶️",
        Action::Approved | Action::Resumed => "▶️",
        Action::Restarted | Action::Retried => "🔁",
        Action::Held | Action::NotDue | Action::Idle | Action::Paused | Action::Suspended => "⏸️",
        Action::Halted => "⚠️",
        Action::RolledBack => "⏪",
        Action::Failed => "❌",
    }
}

fn details(text: &mut String, result: &Outcome) {
    let more = result.reasons.len() > 1;
    if result.metrics.is_empty()
        && result.errors().next().is_none()
        && result.commit.is_none()
        && !more
    {
        return;
    }
    text.push_str(&format!("\n### {}\n\n", cell(&result.canary)));
    for reason in result.reasons.iter().skip(1) {
        text.push_str(&format!("- {}\n", cell(reason)));
    }
    if let Some(commit) = &result.commit {
        text.push_str(&format!("- commit {commit}\n"));
    }
    for error in result.errors() {
        for finding in error.diagnostics() {
            let place = finding.location().unwrap_or_default();
            text.push_str(&format!(
                "- `{}` {}\n",
                cell(&place),
                cell(&finding.message)
            ));
        }
        for hint in error.hints() {
            text.push_str(&format!("- {}\n", cell(hint)));
        }
    }
    if result.metrics.is_empty() {
        return;
    }
    text.push_str("\n| Check | Value | Bounds | Verdict |\n|---|---|---|---|\n");
    for metric in &result.metrics {
        text.push_str(&format!(
            "| {} | {} | {} | {} |\n",
            cell(&metric.name),
            cell(&metric.shown()),
            bounds(metric),
            verdict(metric.verdict)
        ));
    }
    text.push_str("\n<details><summary>Queries</summary>\n\n");
    for metric in &result.metrics {
        let fence = fence(&metric.query);
        text.push_str(&format!(
            "{}\n\n{fence}promql\n{}\n{fence}\n\n",
            cell(&metric.name),
            metric.query.trim()
        ));
    }
    text.push_str("</details>\n");
}

fn bounds(metric: &Measurement) -> String {
    match (metric.bounds.min, metric.bounds.max) {
        (Some(min), Some(max)) => format!("{min} to {max}"),
        (Some(min), None) => format!("≥ {min}"),
        (None, Some(max)) => format!("≤ {max}"),
        (None, None) => "–".to_owned(),
    }
}

fn verdict(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Pass => "pass",
        Verdict::Fail => "**fail**",
        Verdict::NoData => "no data",
        Verdict::Error => "**error**",
    }
}

/// A fence longer than any run of backticks inside.
fn fence(text: &str) -> String {
    let longest = text
        .split(|c| c != '`')
        .map(str::len)
        .max()
        .unwrap_or_default();
    "`".repeat((longest + 1).max(3))
}

/// Text that stays inside its cell: no line break, no markup of its own.
pub(super) fn cell(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '\n' | '\r' => safe.push(' '),
            '|' | '*' | '_' | '`' | '[' | ']' | '#' | '\\' | '~' => {
                safe.push('\\');
                safe.push(c);
            }
            '<' => safe.push_str("&lt;"),
            '>' => safe.push_str("&gt;"),
            '&' => safe.push_str("&amp;"),
            '@' => safe.push_str("&#64;"),
            c => safe.push(c),
        }
    }
    safe
}

/// Keeps within GitHub's limit and says so.
fn cut(mut text: String) -> String {
    const NOTE: &str = "\n\nThe rest was cut: a summary has at most 1 MiB.\n";
    if text.len() > SUMMARY_LIMIT {
        let end = text.floor_char_boundary(SUMMARY_LIMIT - NOTE.len());
        text.truncate(end);
        text.push_str(NOTE);
    }
    text
}
