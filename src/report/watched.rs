//! What the runs of one `watch` did, together.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::Serialize;
use serde_json::Value;

use super::markdown::{Document, Inline};
use super::{Outcome, Run, summary, text};
use crate::decide::Action;
use crate::error::{Error, Result};

/// Steps that the table of a summary shows, at most.
const ROWS: usize = 100;

/// Why a watch ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum Ended {
    /// No rollout is under way.
    NothingActive,
    /// The next tick would come after its end.
    TimeUsed,
    /// SIGINT.
    Interrupted,
    /// SIGTERM.
    Terminated,
    /// It wrote nothing, so that every tick would be the same.
    DryRun,
    /// An error that no repetition changes.
    Error,
}

impl Ended {
    /// In words, after "ended: ".
    #[must_use]
    pub fn told(self) -> &'static str {
        match self {
            Self::NothingActive => "no rollout is under way",
            Self::TimeUsed => "the time is used up",
            Self::Interrupted => "it was interrupted",
            Self::Terminated => "it was told to end",
            Self::DryRun => "a dry run is one tick",
            Self::Error => "trying again would not help",
        }
    }
}

/// What the runs of one `watch` did, together.
///
/// An error counts until a later run comes without it. What failed beside a step
/// that was committed, such as an alert, counts for good: nobody tries it again.
#[derive(Debug)]
pub struct Watched {
    /// The last result of each Canary, the errors of the last run, and what was
    /// committed before, as one run.
    pub run: Run,
    /// Runs so far.
    pub ticks: u32,
    steps: Vec<Step>,
    /// What was told last of each Canary.
    told: BTreeMap<String, String>,
    /// The errors of the last run that concern no Canary.
    complained: Vec<String>,
}

/// One thing that happened.
#[derive(Debug)]
struct Step {
    json: Value,
    row: Vec<Inline>,
}

/// What is new after a run: positions of its results, and of its errors.
#[derive(Debug, Default)]
pub struct News {
    /// Results that say something new.
    pub results: Vec<usize>,
    /// Errors of the run that say something new.
    pub errors: Vec<usize>,
}

impl Default for Watched {
    fn default() -> Self {
        Self {
            run: Run::new(Vec::new(), None),
            ticks: 0,
            steps: Vec::new(),
            told: BTreeMap::new(),
            complained: Vec::new(),
        }
    }
}

impl Watched {
    /// What `run` says that the runs before it did not. The first one is told whole,
    /// of later ones nothing that goes on as it was.
    pub fn news(&mut self, run: &Run) -> News {
        let first = self.ticks == 0;
        let mut news = News::default();
        for (index, result) in run.results.iter().enumerate() {
            let idle = is_idle(result);
            let says = gist(result);
            if first || (!idle && self.told.get(&result.canary) != Some(&says)) {
                news.results.push(index);
            }
            if !idle {
                self.told.insert(result.canary.clone(), says);
            }
        }
        let complaints: Vec<String> = run.errors.iter().map(Error::chain).collect();
        for (index, complaint) in complaints.iter().enumerate() {
            if !self.complained.contains(complaint) {
                news.errors.push(index);
            }
        }
        self.complained = complaints;
        news
    }

    /// Adds a run of `at` with its `news`. Returns its notes that are new.
    ///
    /// # Errors
    /// When a result cannot be written as JSON.
    pub fn add(&mut self, run: Run, news: &News, at: Timestamp) -> Result<Vec<String>> {
        self.ticks += 1;
        for index in &news.results {
            let result = &run.results[*index];
            if !is_idle(result) {
                self.steps.push(Step::new(result, at)?);
            }
        }
        let all = &mut self.run;
        all.pushed |= run.pushed;
        all.head = run.head.or(all.head.take());
        all.commits_at = run.commits_at.or(all.commits_at.take());
        all.errors = run.errors;
        for result in run.results {
            let same = |known: &&mut Outcome| known.canary == result.canary;
            match all.results.iter_mut().find(same) {
                None => all.results.push(result),
                Some(known) => {
                    let before = std::mem::replace(known, result);
                    // Its step, or what the summary shows as long as nothing else
                    // happens.
                    let is_shown = known.is_quiet() && !before.is_quiet();
                    if before.commit.is_some() || (is_shown && before.errors().next().is_none()) {
                        all.earlier.push(before);
                    }
                }
            }
        }
        let mut notes = run.notes;
        notes.retain(|note| !all.notes.contains(note));
        all.notes.extend(notes.iter().cloned());
        Ok(notes)
    }

    /// Is there more to come, see [`Outcome::is_pending`]?
    #[must_use]
    pub fn is_pending(&self) -> bool {
        self.run.results.iter().any(Outcome::is_pending)
    }

    /// Is there more to come, if perhaps not by itself, see [`Outcome::is_open`]?
    #[must_use]
    pub fn is_open(&self) -> bool {
        self.run.results.iter().any(Outcome::is_open)
    }

    /// For the JSON output: the last results and errors, as those of one run, and
    /// every step with its time.
    ///
    /// # Errors
    /// When it cannot be written as JSON.
    pub fn json(&self, ended: Ended) -> Result<Value> {
        let mut value = json(&self.run)?;
        value["ended"] = json(&ended)?;
        value["ticks"] = self.ticks.into();
        value["steps"] = self.steps.iter().map(|step| step.json.clone()).collect();
        Ok(value)
    }

    /// The job summary: that of the last results, and every step before them.
    #[must_use]
    pub fn summary(&self, now: Timestamp) -> String {
        summary::with(&self.run, self.table(), now)
    }

    /// The steps as a table; empty when one run says it all.
    fn table(&self) -> Document {
        let mut document = Document::default();
        if self.ticks < 2 || self.steps.is_empty() {
            return document;
        }
        let left_out = self.steps.len().saturating_sub(ROWS);
        let rows = self
            .steps
            .iter()
            .skip(left_out)
            .map(|step| step.row.clone());
        document.heading(3, Inline::ours("Steps"));
        document.table(
            &[
                "Time",
                "Canary",
                "Phase",
                "Primary / canary",
                "Step",
                "Commit",
            ],
            rows,
        );
        if left_out > 0 {
            let text = format!("{left_out} earlier steps are left out.");
            document.paragraph(Inline::text(&text));
        }
        document
    }

    /// How it ended, in one line.
    #[must_use]
    pub fn told(&self, ended: Ended) -> String {
        let ticks = match self.ticks {
            1 => "1 tick".to_owned(),
            ticks => format!("{ticks} ticks"),
        };
        format!("watched for {ticks}, ended: {}", ended.told())
    }
}

impl Step {
    fn new(result: &Outcome, at: Timestamp) -> Result<Self> {
        let mut value = json(result)?;
        value["at"] = at.to_string().into();
        Ok(Self {
            json: value,
            row: row(result, at),
        })
    }
}

fn json(value: &impl Serialize) -> Result<Value> {
    serde_json::to_value(value)
        .map_err(|error| Error::internal("cannot write the results").because(error))
}

/// Did nothing happen? A scale-down that was deferred is news of an idle Canary.
fn is_idle(result: &Outcome) -> bool {
    matches!(result.action, Action::Idle | Action::NotDue) && result.commit.is_none()
}

fn row(result: &Outcome, at: Timestamp) -> Vec<Inline> {
    let phase = result.phase.map(|phase| phase.to_string());
    let weights = result
        .primary_weight
        .zip(result.canary_weight)
        .map(|(primary, canary)| format!("{primary} / {canary}"));
    let commit = result.commit.as_deref().map(text::short);
    [
        at.to_string(),
        result.canary.clone(),
        phase.unwrap_or_default(),
        weights.unwrap_or_default(),
        result.reasons.first().cloned().unwrap_or_default(),
        commit.unwrap_or_default().to_owned(),
    ]
    .iter()
    .map(|text| Inline::text(text))
    .collect()
}

/// What a result says, times aside.
fn gist(result: &Outcome) -> String {
    let errors: Vec<String> = result.errors().map(Error::chain).collect();
    format!(
        "{:?} {:?} {:?} {:?} {:?} {} {} {:?} {errors:?}",
        result.action,
        result.phase,
        result.primary_weight,
        result.canary_weight,
        result.commit,
        result.iterations,
        result.failed_checks,
        result.reasons,
    )
}
