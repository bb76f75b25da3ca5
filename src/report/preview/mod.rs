//! What a change does to rollouts, as one serialisable value. Text and Markdown are
//! functions of it.

mod headline;
pub mod markdown;
pub mod text;

use jiff::Timestamp;
use serde::Serialize;
use url::Url;

use crate::api::Strategy;
use crate::decide::{Measurement, Milestone};
use crate::diagnostic::{Diagnostic, Severity};
use crate::error::Error;
use crate::report::measured::Measured;

pub use headline::headline;

/// What a change does to the rollouts of a repository.
#[derive(Debug, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Preview {
    /// [`VERSION`](super::VERSION).
    pub version: u32,
    /// The commit that is compared with.
    pub base: Option<String>,
    /// The commit with the change; `None` is the work tree.
    pub head: Option<String>,
    /// The Canaries that the change touches, by path.
    pub canaries: Vec<Previewed>,
    /// How many Canaries it does not touch.
    pub untouched: usize,
    /// What is wrong with the documents, as far as the change is to blame or a
    /// touched Canary is concerned.
    pub findings: Vec<Diagnostic>,
    /// Findings that were there before, elsewhere.
    pub older_findings: usize,
    /// Sentences about the whole.
    pub notes: Vec<String>,
    /// Where the files of the change are shown, `https://…/blob/<commit>`.
    #[serde(skip)]
    pub blob: Option<Url>,
    /// What went wrong besides the documents: a comment that was not taken.
    pub errors: Vec<Error>,
}

/// What a change does to one Canary.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Previewed {
    /// Namespace and name.
    pub canary: String,
    /// Path of its file; of a deleted one, where it was.
    pub path: String,
    /// What became of its document.
    pub change: Change,
    /// All of it in one line.
    pub headline: String,
    /// Images, or fields in mode `fields`, that are released.
    pub versions: Vec<Difference>,
    /// The revision of the target, before and after.
    pub revision: Option<Difference>,
    /// Fields of the Canary that differ.
    pub fields: Vec<Difference>,
    /// Files of the rollout that differ.
    pub files: Vec<String>,
    /// Why no tick could be taken after the change.
    pub error: Option<Error>,
    /// Why nothing follows, when nothing does.
    pub rests: Option<String>,
    /// Is what follows the same without the change?
    pub same_schedule: bool,
    /// How a new revision is exposed.
    #[serde(skip)]
    pub strategy: Option<Strategy>,
    /// Steps ahead, if every check passes and the change were merged now.
    pub schedule: Vec<Milestone>,
    /// Is that the schedule of a release to come, because none follows the change?
    pub of_next_release: bool,
    /// When the last of them is taken at the earliest.
    pub ends_at: Option<Timestamp>,
    /// The canary's largest share on the way, in percent.
    pub largest_share: Option<i64>,
    /// What the first steps write.
    pub steps: Vec<Step>,
    /// What promotion would copy.
    pub promotion: Vec<FileDiff>,
    /// What the metrics say about the primary now.
    pub checks: Vec<Check>,
    /// The same with queries, for canary and primary, and what they lack.
    pub metrics: Option<Measured>,
    /// What could not be shown.
    pub notes: Vec<String>,
}

/// What became of a Canary's document.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum Change {
    /// It is there for the first time.
    New,
    /// It is there before and after.
    Touched,
    /// It is gone.
    Deleted,
    /// Its file is there and no longer read: something is hidden by
    /// `.weirkeeperignore`, or is a link now.
    Hidden,
}

/// Something before and after.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Difference {
    /// What it is: a field, a container.
    pub what: String,
    /// `None` when it was not there.
    pub before: Option<String>,
    /// `None` when it is gone.
    pub after: Option<String>,
}

/// What one step writes.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Step {
    /// Not before this time.
    pub at: Timestamp,
    /// Why, in one sentence.
    pub reason: String,
    /// The files.
    pub files: Vec<FileDiff>,
}

/// One file before and after.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct FileDiff {
    /// Its path.
    pub path: String,
    /// Was there none before?
    pub created: bool,
    /// Lines that are added.
    pub added: usize,
    /// Lines that are removed.
    pub removed: usize,
    /// Unified, without the names of the files; `None` when it is not shown.
    pub diff: Option<String>,
    /// Why it is not shown, or not whole.
    pub note: Option<&'static str>,
}

/// One metric of the primary.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Check {
    /// Name of the metric.
    pub name: String,
    /// What came of asking.
    #[serde(flatten)]
    pub answer: Asked,
}

/// What came of asking for a metric.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase", rename_all_fields = "camelCase")]
pub enum Asked {
    /// It was measured.
    Measured {
        /// Value, bounds and verdict.
        measurement: Box<Measurement>,
        /// Does the query name the target, so that this is the primary's value?
        of_primary: bool,
    },
    /// Nobody was asked, or nobody answered; the text says why.
    NotMeasured(String),
}

impl Preview {
    /// Does the change touch nothing that belongs to a rollout?
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.canaries.is_empty() && self.findings.is_empty()
    }

    /// Numbers of errors and warnings that the documents give; a Canary that
    /// cannot be carried out is an error.
    #[must_use]
    pub fn counts(&self) -> (usize, usize) {
        let is_error = |finding: &&Diagnostic| finding.severity == Severity::Error;
        let errors = self.findings.iter().filter(is_error).count();
        let unplaced = self.canaries.iter().filter(|canary| {
            let error = canary.error.as_ref();
            error.is_some_and(|error| error.diagnostics().is_empty())
        });
        (errors + unplaced.count(), self.findings.len() - errors)
    }
}
