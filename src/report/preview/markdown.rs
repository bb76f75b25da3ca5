//! A preview for the reviewers of a pull request.

use jiff::Timestamp;
use url::Url;

use super::headline::clock;
use super::text::{ends, nothing, weights};
use super::{Difference, FileDiff, Preview, Previewed, Step};
use crate::decide::Milestone;
use crate::diagnostic::{Diagnostic, Severity};
use crate::report::markdown::{Document, Inline};
use crate::report::measured::markdown as measured;

/// Findings that are listed; the annotations have all.
const FINDINGS: usize = 50;

/// The preview in Markdown. Everything that documents say is data in it.
#[must_use]
pub fn document(preview: &Preview, now: Timestamp) -> Document {
    let mut document = Document::default();
    document.heading(
        3,
        Inline::ours("Weirkeeper: what this change does to rollouts"),
    );
    document.paragraph(summary(preview));
    for previewed in &preview.canaries {
        canary(&mut document, preview, previewed, now);
    }
    findings(&mut document, preview);
    for note in &preview.notes {
        document.paragraph(Inline::text(note));
    }
    if !preview.canaries.is_empty() {
        document.paragraph(compared(preview, now).small());
    }
    document
}

fn summary(preview: &Preview) -> Inline {
    if preview.canaries.is_empty() {
        return Inline::text(&nothing(preview));
    }
    let changes = match preview.canaries.len() {
        1 => "1 rollout is touched".to_owned(),
        count => format!("{count} rollouts are touched"),
    };
    Inline::text(&match preview.untouched {
        0 => format!("{changes}."),
        1 => format!("{changes}, 1 is not."),
        count => format!("{changes}, {count} are not."),
    })
}

/// What the times and the comparison mean.
fn compared(preview: &Preview, now: Timestamp) -> Inline {
    let short = |commit: &Option<String>| {
        let commit = commit.as_deref().unwrap_or("the work tree");
        commit
            .get(..8)
            .filter(|_| commit.len() == 40)
            .unwrap_or(commit)
            .to_owned()
    };
    Inline::text(&format!(
        "{} compared with {}. The schedule is the earliest one: merged at {}, and every check passes.",
        short(&preview.head),
        short(&preview.base),
        clock(now, now)
    ))
}

fn canary(document: &mut Document, preview: &Preview, previewed: &Previewed, now: Timestamp) {
    let name = Inline::code(&previewed.canary);
    document.heading(
        4,
        name.and(Inline::text(&format!(": {}", previewed.headline))),
    );
    if let Some(error) = &previewed.error {
        let places = error.diagnostics().iter().map(|one| finding(preview, one));
        document.list(places);
        document.quote(error.hints().iter().map(|hint| Inline::text(hint)));
    }
    let differences = previewed.versions.iter().chain(&previewed.fields);
    document.list(differences.map(difference));
    if previewed.of_next_release {
        document.paragraph(Inline::ours(
            "A release would take these steps, were it to come now:",
        ));
    }
    schedule(document, &previewed.schedule, now);
    if let Some(measured) = &previewed.metrics {
        measured::canary(document, measured);
    }
    steps(document, &previewed.steps, now);
    let mut inside = Document::default();
    files(&mut inside, &previewed.promotion);
    document.fold(Inline::ours("What promotion would copy"), inside);
    for note in &previewed.notes {
        document.paragraph(Inline::text(note));
    }
}

fn difference(one: &Difference) -> Inline {
    let what = Inline::code(&one.what);
    let and = |text: &'static str, value: &str| Inline::ours(text).and(Inline::code(value));
    match (&one.before, &one.after) {
        (Some(before), Some(after)) => what.and(and(": ", before)).and(and(" → ", after)),
        (None, Some(after)) => what.and(and(" is new: ", after)),
        (Some(before), None) => what.and(and(" is removed: ", before)),
        (None, None) => what,
    }
}

/// The steps ahead, collapsed in the middle.
fn schedule(document: &mut Document, schedule: &[Milestone], now: Timestamp) {
    let row = |step: &Milestone| {
        let phase = step
            .phase
            .map(|phase| phase.to_string())
            .unwrap_or_default();
        let reason = step.reasons.first().map_or("", String::as_str);
        [clock(step.at, now), phase, weights(step), reason.to_owned()]
            .map(|cell| Inline::text(&cell))
            .to_vec()
    };
    let (first, left_out, last) = ends(schedule);
    let mut rows: Vec<Vec<Inline>> = first.iter().map(row).collect();
    if left_out > 0 {
        let more = Inline::text(&format!("{left_out} more steps"));
        rows.push(vec![
            Inline::ours("…"),
            Inline::default(),
            Inline::default(),
            more,
        ]);
    }
    rows.extend(last.iter().map(row));
    document.table(
        &["Not before", "Phase", "Primary / canary", "What happens"],
        rows,
    );
}

fn steps(document: &mut Document, steps: &[Step], now: Timestamp) {
    let mut inside = Document::default();
    for step in steps {
        let at = Inline::text(&clock(step.at, now)).bold();
        inside.paragraph(at.and(Inline::text(&format!(": {}", step.reason))));
        files(&mut inside, &step.files);
    }
    let title = match steps {
        [_] => Inline::ours("What the first step writes"),
        _ => Inline::text(&format!("What the first {} steps write", steps.len())),
    };
    document.fold(title, inside);
}

fn files(document: &mut Document, files: &[FileDiff]) {
    for file in files {
        let new = if file.created { "new, " } else { "" };
        let note = file
            .note
            .map(|note| format!(": {note}"))
            .unwrap_or_default();
        let counts = Inline::text(&format!("({new}+{} −{}){note}", file.added, file.removed));
        document.paragraph(Inline::join([Inline::code(&file.path), counts], " "));
        if let Some(diff) = &file.diff {
            document.fence("diff", diff);
        }
    }
}

fn findings(document: &mut Document, preview: &Preview) {
    if preview.findings.is_empty() {
        return;
    }
    document.heading(4, Inline::ours("Findings"));
    let listed = preview.findings.iter().take(FINDINGS);
    document.list(listed.map(|one| finding(preview, one)));
    if preview.findings.len() > FINDINGS {
        let more = preview.findings.len() - FINDINGS;
        document.paragraph(Inline::text(&format!(
            "{more} more are in the annotations."
        )));
    }
}

/// Severity, place and message of a finding.
fn finding(preview: &Preview, finding: &Diagnostic) -> Inline {
    let severity = match finding.severity {
        Severity::Error => Inline::ours("error: ").bold(),
        Severity::Warning => Inline::ours("warning: "),
    };
    let mut line = severity;
    if let Some((source, span)) = &finding.place {
        let at = source.position(span.start).line;
        let place = Inline::code(&format!("{}:{at}", source.path));
        let link = preview
            .blob
            .as_ref()
            .and_then(|blob| link(blob, &source.path, at));
        line = line.and(match link {
            Some(link) => place.link(&link),
            None => place,
        });
        line = line.and(Inline::ours(" "));
    }
    if let Some(field) = &finding.field {
        line = line.and(Inline::code(field)).and(Inline::ours(" "));
    }
    line = line.and(Inline::text(&finding.message));
    match &finding.hint {
        Some(hint) => Inline::join([line, Inline::text(&format!("({hint})"))], " "),
        None => line,
    }
}

/// Where the line of a file is shown.
fn link(blob: &Url, path: &str, line: usize) -> Option<Url> {
    let mut link = blob.clone();
    let mut segments = link.path_segments_mut().ok()?;
    segments.pop_if_empty().extend(path.split('/'));
    drop(segments);
    link.set_fragment(Some(&format!("L{line}")));
    Some(link)
}
