//! The time line of rollouts, as Git tells it.

use std::fmt::Write as _;

use jiff::Timestamp;
use serde::Serialize;

use super::diagnostics::harmless;
use super::text::short;
use crate::api::{Phase, Status};

/// What happened to the rollouts of a repository.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct History {
    /// [`VERSION`](super::VERSION).
    pub version: u32,
    /// The commit the walk began at.
    pub head: String,
    /// By name.
    pub rollouts: Vec<Rollout>,
    /// Was everything looked at, back to the first commit?
    pub complete: bool,
    /// With `--check`: how many steps were judged.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub checked: Option<usize>,
    /// With `--check`: what does not agree, oldest first.
    pub findings: Vec<Finding>,
    /// What should be known about it.
    pub notes: Vec<String>,
}

/// One Canary.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Rollout {
    /// Namespace and name.
    pub canary: String,
    /// Oldest first.
    pub runs: Vec<Run>,
}

/// What happened while one revision was released.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Run {
    /// The revision; `None` before there was one.
    pub revision: Option<String>,
    /// Oldest first.
    pub entries: Vec<Entry>,
}

/// One commit that concerns one Canary.
#[derive(Debug, Clone, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Entry {
    /// When its author made it.
    pub time: Timestamp,
    /// Its name.
    pub commit: String,
    /// `NAME <EMAIL>`.
    pub author: String,
    /// What it is.
    pub kind: Kind,
    /// The phase afterwards.
    pub phase: Option<Phase>,
    /// The primary's weight afterwards.
    pub primary_weight: Option<i64>,
    /// The canary's weight afterwards.
    pub canary_weight: Option<i64>,
    /// Are requests mirrored afterwards?
    pub mirrored: bool,
    /// Iterations afterwards.
    pub iterations: i64,
    /// Failed checks afterwards.
    pub failed_checks: i64,
    /// The revision the run is about.
    pub revision: Option<String>,
    /// What was done, and why.
    pub what: String,
    /// The commit whose state this one restores.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub restores: Option<String>,
}

/// What a commit is to a rollout.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum Kind {
    /// A step, or a person's command: it has trailers.
    #[default]
    Step,
    /// Somebody took the state back to an earlier one.
    Revert,
    /// Somebody changed the state in another way.
    Edit,
    /// The Canary is new.
    Added,
    /// The Canary is gone.
    Removed,
}

/// Something that does not agree.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Finding {
    /// The commit.
    pub commit: String,
    /// Namespace and name.
    pub canary: String,
    /// What differs.
    pub message: String,
}

impl Entry {
    /// Takes over what `status` says.
    pub fn set(&mut self, status: &Status) {
        let text = |text: &String| (!text.is_empty()).then(|| text.clone());
        self.phase = status.phase;
        self.primary_weight = status.routed.map(|routed| routed.primary);
        self.canary_weight = status.routed.map(|routed| routed.canary);
        self.mirrored = status.routed.is_some_and(|routed| routed.mirrored);
        self.iterations = status.iterations;
        self.failed_checks = status.failed_checks;
        self.revision = text(&status.last_applied_spec);
    }
}

impl Rollout {
    /// Groups entries, oldest first, by the revision they are about.
    #[must_use]
    pub fn new(canary: String, entries: Vec<Entry>) -> Self {
        let mut runs: Vec<Run> = Vec::new();
        for entry in entries {
            match runs.last_mut() {
                Some(run) if run.revision == entry.revision => run.entries.push(entry),
                Some(_) | None => runs.push(Run {
                    revision: entry.revision.clone(),
                    entries: vec![entry],
                }),
            }
        }
        Self { canary, runs }
    }
}

/// The time line for people.
#[must_use]
pub fn text(history: &History) -> String {
    let mut text = String::new();
    if history.rollouts.is_empty() {
        text.push_str("nothing happened to a rollout\n");
    }
    for rollout in &history.rollouts {
        line(&mut text, 0, &rollout.canary);
        for run in &rollout.runs {
            let title = match &run.revision {
                Some(revision) => format!("revision {revision}"),
                None => "before the first revision".to_owned(),
            };
            line(&mut text, 1, &title);
            for entry in &run.entries {
                line(&mut text, 2, &entry.text());
            }
        }
    }
    for finding in &history.findings {
        let commit = short(&finding.commit);
        line(
            &mut text,
            0,
            &format!("MISMATCH {commit} {}: {}", finding.canary, finding.message),
        );
    }
    if let Some(checked) = history.checked {
        let found = history.findings.len();
        line(
            &mut text,
            0,
            &format!("{checked} steps checked, {found} mismatches"),
        );
    }
    for note in &history.notes {
        line(&mut text, 0, note);
    }
    text
}

fn line(text: &mut String, indent: usize, line: &str) {
    // Writing to a String cannot fail.
    let _written = writeln!(text, "{}{}", "  ".repeat(indent), harmless(line));
}

impl Entry {
    fn text(&self) -> String {
        let phase = self
            .phase
            .map_or_else(|| "-".to_owned(), |phase| phase.to_string());
        let mut text = format!("{}  {}  {phase}", self.time, short(&self.commit));
        if let (Some(primary), Some(canary)) = (self.primary_weight, self.canary_weight) {
            text.push_str(&format!("  {primary}/{canary}"));
        }
        if self.mirrored {
            text.push_str(" mirrored");
        }
        if self.failed_checks != 0 {
            text.push_str(&format!("  f{}", self.failed_checks));
        }
        let name = self
            .author
            .rsplit_once(" <")
            .map_or(&*self.author, |(name, _)| name);
        text.push_str(&format!("  {name}: {}", self.what));
        if let Some(restores) = &self.restores {
            text.push_str(&format!(" (back to {})", short(restores)));
        }
        text
    }
}
