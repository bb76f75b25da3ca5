//! A preview for people at a terminal.

use super::headline::clock;
use super::{Change, Difference, FileDiff, Preview, Previewed};
use crate::decide::Milestone;
use crate::report::finding::Level;
use crate::report::measured::text as measured;
use crate::report::text::quoted;
use jiff::Timestamp;

/// Milestones at the beginning and at the end that are always shown.
pub(super) const ENDS: usize = 6;

/// The preview as text. No line of it is taken by a terminal or a GitHub runner for a
/// command, whatever the documents say.
#[must_use]
pub fn preview(preview: &Preview, now: Timestamp) -> String {
    let mut lines = Vec::new();
    if preview.canaries.is_empty() {
        lines.push(nothing(preview));
    }
    for previewed in &preview.canaries {
        canary(&mut lines, previewed, now);
    }
    lines.extend(preview.notes.iter().cloned());
    lines
        .iter()
        .map(|line| format!("{}\n", quoted(line)))
        .collect()
}

/// That no rollout changes, as one sentence.
#[must_use]
pub fn nothing(preview: &Preview) -> String {
    match preview.untouched {
        0 => "Nothing changes for rollouts: there is no Canary here.".to_owned(),
        1 => "Nothing changes for the rollout of the one Canary here.".to_owned(),
        count => format!("Nothing changes for the rollouts of the {count} Canaries here."),
    }
}

fn canary(lines: &mut Vec<String>, previewed: &Previewed, now: Timestamp) {
    lines.push(format!("{}: {}", previewed.canary, previewed.headline));
    let differences = previewed.versions.iter().chain(&previewed.fields);
    lines.extend(differences.map(|one| format!("  {}", difference(one))));
    if !previewed.schedule.is_empty() && previewed.change != Change::Deleted {
        lines.push(match previewed.of_next_release {
            true => "  the next release, if every check passes:".to_owned(),
            false => "  if merged now and every check passes:".to_owned(),
        });
        let (first, left_out, last) = ends(&previewed.schedule);
        lines.extend(first.iter().map(|step| milestone(step, now)));
        if left_out > 0 {
            lines.push(format!("    … {left_out} more …"));
        }
        lines.extend(last.iter().map(|step| milestone(step, now)));
    }
    for step in &previewed.steps {
        lines.push(format!("  the step at {} writes:", clock(step.at, now)));
        files(lines, &step.files);
    }
    if !previewed.promotion.is_empty() {
        lines.push("  promotion would write:".to_owned());
        files(lines, &previewed.promotion);
    }
    if let Some(measured) = &previewed.metrics {
        let chosen = &measured.gateway;
        lines.push(format!(
            "  metrics now: {}; {}",
            chosen.gateway(),
            chosen.set()
        ));
        let table = measured::table(&measured.metrics).into_iter();
        lines.extend(table.map(|line| format!("  {line}")));
        let findings = measured.findings.iter();
        let findings = findings.filter(|finding| finding.level != Level::Ok);
        lines.extend(
            findings
                .flat_map(measured::finding_lines)
                .map(|line| format!("  {line}")),
        );
    }
    lines.extend(previewed.notes.iter().map(|note| format!("  {note}")));
}

/// A difference in words.
pub(super) fn difference(one: &Difference) -> String {
    match (&one.before, &one.after) {
        (Some(before), Some(after)) => format!("{}: {before} → {after}", one.what),
        (None, Some(after)) => format!("{}: {after} (new)", one.what),
        (Some(before), None) => format!("{}: {before} (removed)", one.what),
        (None, None) => one.what.clone(),
    }
}

/// What is shown of a schedule: its beginning, how many are left out, its end.
pub(super) fn ends(schedule: &[Milestone]) -> (&[Milestone], usize, &[Milestone]) {
    if schedule.len() <= 2 * ENDS {
        return (schedule, 0, &[]);
    }
    let (first, rest) = schedule.split_at(ENDS);
    let (middle, last) = rest.split_at(rest.len() - ENDS);
    (first, middle.len(), last)
}

fn milestone(step: &Milestone, now: Timestamp) -> String {
    format!(
        "    {:<9}  {:<13} {:>7}  {}",
        clock(step.at, now),
        step.phase
            .map(|phase| phase.to_string())
            .unwrap_or_default(),
        weights(step),
        step.reasons.first().map_or("", String::as_str)
    )
}

/// The weights of primary and canary after a step.
pub(super) fn weights(step: &Milestone) -> String {
    let weights = step.traffic.map(|traffic| {
        let mirrored = if traffic.mirrored { " mirrored" } else { "" };
        format!("{}/{}{mirrored}", traffic.primary, traffic.canary)
    });
    weights.unwrap_or_default()
}

fn files(lines: &mut Vec<String>, files: &[FileDiff]) {
    for file in files {
        let new = if file.created { "new, " } else { "" };
        let note = file
            .note
            .map(|note| format!(": {note}"))
            .unwrap_or_default();
        lines.push(format!(
            "    {} ({new}+{} -{}){note}",
            file.path, file.added, file.removed
        ));
        let diff = file.diff.as_deref().unwrap_or_default();
        lines.extend(diff.lines().map(|line| format!("      {line}")));
    }
}
