//! Runs of a workflow
//! (`GET /repos/{owner}/{repo}/actions/workflows/{workflow_id}/runs`).

use jiff::Timestamp;
use serde::Deserialize;

use super::{Ask, GitHub, Refused};
use crate::error::Result;

/// Which runs.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct RunsOf {
    /// Started by this event.
    pub event: Option<&'static str>,
    /// Not older.
    pub since: Option<Timestamp>,
    /// Only how many there are, and the newest one.
    pub only_count: bool,
}

/// Runs of a workflow, the newest first: at most 100.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Runs {
    /// How many there are, beyond those here.
    #[serde(rename = "total_count")]
    pub total: u64,
    /// The newest of them.
    #[serde(rename = "workflow_runs")]
    pub runs: Vec<WorkflowRun>,
}

/// A run of a workflow.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct WorkflowRun {
    /// Its number.
    pub id: u64,
    /// What started it: `schedule`.
    pub event: String,
    /// `queued`, `pending`, `in_progress`, `waiting`, `completed`, …
    pub status: Option<String>,
    /// How it ended: `success`, `failure`, `cancelled`, …
    pub conclusion: Option<String>,
    /// The branch or tag.
    pub head_branch: Option<String>,
    /// When it was asked for.
    pub created_at: Timestamp,
    /// Where it is shown.
    pub html_url: String,
}

impl GitHub {
    /// Runs of the workflow of `file` in `.github/workflows`.
    ///
    /// # Errors
    /// As [`ask`](Self::ask).
    pub async fn runs(&self, file: &str, of: RunsOf) -> Result<Runs, Refused> {
        let count = if of.only_count { "1" } else { "100" };
        let mut ask = Ask::get(["actions", "workflows", file, "runs"])
            .needs("actions: read")
            .query("per_page", count);
        if let Some(event) = of.event {
            ask = ask.query("event", event);
        }
        if let Some(since) = of.since {
            ask = ask.query("created", format!(">={since}"));
        }
        self.ask(&ask).await
    }
}
