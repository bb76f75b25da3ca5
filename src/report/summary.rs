//! The job summary: what a run did, for those who look at the workflow.

mod sections;

use jiff::Timestamp;
use url::Url;

use super::chart;
use super::markdown::{Document, Inline, Limit};
use super::{Outcome, Point, Run};
use crate::decide::Action;
use crate::diagnostic::Diagnostic;
use crate::error::Error;

/// Charts of one summary, at most: each of them is drawn by the browser.
const CHARTS: usize = 12;

/// The job summary, in Markdown, within GitHub's limit. What went wrong comes first;
/// a run in which nothing was due is one line.
#[must_use]
pub fn summary(run: &Run, now: Timestamp) -> String {
    with(run, Document::default(), now)
}

/// The job summary with `more` after what became of the Canaries.
pub(super) fn with(run: &Run, more: Document, now: Timestamp) -> String {
    let (quiet, mut loud): (Vec<&Outcome>, Vec<&Outcome>) =
        run.results.iter().partition(|result| result.is_quiet());
    loud.extend(quiet.iter().filter_map(|result| before(run, result)));
    loud.sort_by_key(|result| rank(result));
    let mut document = Document::default();
    if loud.is_empty() && run.errors.is_empty() {
        document.paragraph(
            Inline::ours("Weirkeeper: ")
                .bold()
                .and(nothing_done(&quiet)),
        );
    } else {
        document.heading(2, Inline::ours("Weirkeeper"));
        alarms(&mut document, run, &loud);
        if loud.len() > 1 {
            overview(&mut document, &loud, run.commits_at.as_ref());
        }
        let mut charts = CHARTS;
        for result in &loud {
            sections::section(&mut document, result, run.commits_at.as_ref());
            if charts > 0
                && let Some(chart) = chart::weights(&result.canary, past(run, result), now)
            {
                charts -= 1;
                document.fence("mermaid", &chart);
            }
            sections::queries(&mut document, result);
        }
    }
    if !loud.is_empty() || quiet.iter().any(|result| result.is_active()) {
        idle(&mut document, &quiet);
    }
    document.append(more);
    warnings(&mut document, &run.results);
    for note in &run.notes {
        document.paragraph(Inline::text(note));
    }
    document.paragraph(time(now).small());
    let note = "The rest was cut: GitHub shows no summary that is longer than 1 MiB.";
    document.to_text(Limit::SUMMARY, &Inline::ours(note))
}

/// The last step of the Canary of `result`, of which nothing came in the end, when
/// several runs are told as one.
fn before<'a>(run: &'a Run, result: &Outcome) -> Option<&'a Outcome> {
    let mut earlier = run.earlier.iter().rev();
    earlier.find(|step| step.canary == result.canary && !step.is_quiet())
}

/// What is known of its rollout: the last result of the Canary has it.
fn past<'a>(run: &'a Run, result: &'a Outcome) -> &'a [Point] {
    let mut last = run.results.iter();
    let last = last.find(|last| last.canary == result.canary);
    last.map_or(&result.past, |last| &last.past)
}

/// What went wrong before what went well; by name among equals, for the sort is
/// stable.
fn rank(result: &Outcome) -> u8 {
    match result.action {
        Action::RolledBack => 0,
        Action::Failed => 1,
        Action::Halted => 2,
        Action::Started
        | Action::Advanced
        | Action::Promoting
        | Action::Finalising
        | Action::Succeeded
        | Action::Restarted => 4,
        Action::Initialized
        | Action::Held
        | Action::Approved
        | Action::Paused
        | Action::Resumed
        | Action::Retried
        | Action::NotDue
        | Action::Idle
        | Action::Suspended => 5,
    }
    .min(if result.errors().next().is_some() {
        3
    } else {
        5
    })
}

/// What stands out of a tick that went wrong.
fn alarm(result: &Outcome) -> Option<&'static str> {
    if result.is_proposed() && result.action == Action::RolledBack {
        return Some(" is to be rolled back: merge the pull request");
    }
    if result.rollback_waits {
        return Some(" waits to be rolled back");
    }
    let alarms = [
        (Action::RolledBack, " was rolled back"),
        (Action::Failed, " could not be stepped"),
        (Action::Halted, " is halted"),
    ];
    let mut alarms = alarms.into_iter();
    alarms.find_map(|(action, alarm)| (action == result.action).then_some(alarm))
}

/// A run in which nothing was due, in a sentence.
fn nothing_done(quiet: &[&Outcome]) -> Inline {
    let active = quiet.iter().filter(|result| result.is_active()).count();
    let mut parts = Vec::new();
    match (quiet.len(), active) {
        (0, _) => return Inline::ours("nothing to do."),
        (count, 0) => parts.push(format!("nothing to do, {}", idle_count(count))),
        (count, active) => {
            parts.push("nothing was due".to_owned());
            parts.push(counted(
                active,
                "rollout is under way",
                "rollouts are under way",
            ));
            let rest = count - active;
            parts.extend((rest > 0).then(|| idle_count(rest)));
        }
    }
    let next = quiet.iter().filter_map(|result| result.next_step_at).min();
    let sentence = Inline::text(&parts.join(", "));
    match next.filter(|_| active > 0) {
        Some(next) => sentence
            .and(Inline::ours("; the next step is due at "))
            .and(time(next)),
        None => sentence,
    }
    .and(Inline::ours("."))
}

fn idle_count(count: usize) -> String {
    counted(count, "Canary is idle", "Canaries are idle")
}

fn counted(count: usize, one: &str, many: &str) -> String {
    format!("{count} {}", if count == 1 { one } else { many })
}

/// What somebody has to know before everything else.
fn alarms(document: &mut Document, run: &Run, loud: &[&Outcome]) {
    for error in &run.errors {
        let sentence = Inline::ours("❌ ").and(Inline::ours("Error: ").bold());
        let sentence = sentence.and(Inline::text(&error.chain()));
        document.quote(
            [sentence]
                .into_iter()
                .chain(places(error))
                .chain(advice(error)),
        );
    }
    // A rollback stays one, whatever came after it.
    let shown = |step: &&Outcome| loud.iter().any(|result| std::ptr::eq(*result, *step));
    let back = run
        .earlier
        .iter()
        .filter(|step| step.action == Action::RolledBack && !shown(step));
    for result in back.chain(loud.iter().copied()) {
        let Some(what) = alarm(result) else {
            continue;
        };
        let who = Inline::text(&result.canary).and(Inline::ours(what)).bold();
        let reason = result.reasons.first().map_or("", String::as_str);
        document.quote([Inline::ours(mark(result))
            .and(Inline::ours(" "))
            .and(who)
            .and(Inline::ours(": "))
            .and(Inline::text(reason))]);
    }
}

/// Places in documents that an error is about.
fn places(error: &Error) -> impl Iterator<Item = Inline> {
    error.diagnostics().iter().map(finding)
}

/// Where something is, what it is, and what to do.
fn finding(finding: &Diagnostic) -> Inline {
    let message = Inline::text(&finding.message);
    let message = match &finding.hint {
        Some(hint) => message.and(Inline::text(&format!("; {hint}"))),
        None => message,
    };
    match finding.location() {
        Some(place) => Inline::code(&place).and(Inline::ours(" ")).and(message),
        None => message,
    }
}

/// What to do about an error.
fn advice(error: &Error) -> impl Iterator<Item = Inline> {
    let hints = error.hints().iter();
    hints.map(|hint| Inline::ours("hint: ").and(Inline::text(hint)))
}

/// A row for each Canary.
fn overview(document: &mut Document, results: &[&Outcome], commits: Option<&Url>) {
    let rows = results.iter().map(|result| {
        let reason = result.reasons.first().map_or("", String::as_str);
        vec![
            Inline::ours(mark(result)),
            Inline::text(&result.canary),
            phase(result),
            weight(result),
            Inline::text(reason),
            result.next_step_at.map_or_else(nothing, time),
            commit(result, commits).unwrap_or_else(nothing),
        ]
    });
    let columns = [
        "",
        "Canary",
        "Phase",
        "Canary weight",
        "What happened",
        "Next step",
        "Commit",
    ];
    document.table(&columns, rows);
}

/// Canaries with nothing to do.
fn idle(document: &mut Document, quiet: &[&Outcome]) {
    let rows = quiet.iter().map(|result| {
        vec![
            Inline::text(&result.canary),
            phase(result),
            weight(result),
            result.next_step_at.map_or_else(nothing, time),
        ]
    });
    let mut inside = Document::default();
    inside.table(&["Canary", "Phase", "Canary weight", "Next step"], rows);
    let title = counted(quiet.len(), "Canary", "Canaries");
    document.fold(Inline::text(&format!("{title} with nothing to do")), inside);
}

/// What the documents of the Canaries should not be like.
fn warnings(document: &mut Document, results: &[Outcome]) {
    let all = results.iter().flat_map(|result| &result.warnings);
    let all: Vec<Inline> = all.map(finding).collect();
    let title = counted(all.len(), "warning", "warnings");
    let mut inside = Document::default();
    inside.list(all);
    document.fold(Inline::text(&title), inside);
}

/// What a cell says when there is nothing to say.
fn nothing() -> Inline {
    Inline::ours("–")
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

fn phase(result: &Outcome) -> Inline {
    match result.phase {
        Some(phase) => Inline::text(&phase.to_string()),
        None => nothing(),
    }
}

/// The canary's share of the requests.
fn weight(result: &Outcome) -> Inline {
    let mirrored = if result.mirrored { ", mirrored" } else { "" };
    match result.canary_weight {
        Some(weight) => Inline::text(&format!("{weight} %{mirrored}")),
        None => nothing(),
    }
}

/// The commit of the step, as a link where that is known.
fn commit(result: &Outcome, commits: Option<&Url>) -> Option<Inline> {
    let commit = result.commit.as_deref()?;
    let name = Inline::code(super::text::short(commit));
    let address = commits.and_then(|commits| commits.join(commit).ok());
    Some(match address {
        Some(address) => name.link(&address),
        None => name,
    })
}

/// A moment as people read it.
fn time(at: Timestamp) -> Inline {
    Inline::text(&at.strftime("%Y-%m-%d %H:%M:%S UTC").to_string())
}

#[cfg(test)]
mod tests;
