//! What a check found, and what to do about it.

use serde::Serialize;

use crate::error::Error;

/// How a check came out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum Level {
    /// As it should be.
    Ok,
    /// Nobody could be asked.
    Unknown,
    /// It works, or may work, and could be better.
    Warning,
    /// Rollouts do not go on like this.
    Problem,
}

impl Level {
    /// In a word.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Unknown => "unknown",
            Self::Warning => "warning",
            Self::Problem => "problem",
        }
    }
}

/// What a check is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum Area {
    /// Git and the remote.
    Git,
    /// The token for GitHub.
    Token,
    /// Rules of the branch.
    Rules,
    /// The workflow that takes steps.
    Workflow,
    /// The documents.
    Canary,
    /// Prometheus itself.
    Prometheus,
    /// What is measured.
    Metric,
    /// How a workload is known to be ready.
    Readiness,
    /// How a commit is known to run in the cluster.
    Applied,
}

/// The result of one check.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Finding {
    /// What it is about.
    pub area: Area,
    /// Which one of them: a Canary, a file, an address.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub about: Option<String>,
    /// How it came out.
    pub level: Level,
    /// What was found, in a sentence without a full stop.
    pub found: String,
    /// What to do about it.
    pub advice: Vec<String>,
}

impl Finding {
    /// A finding.
    #[must_use]
    pub fn new(area: Area, level: Level, found: impl Into<String>) -> Self {
        Self {
            area,
            about: None,
            level,
            found: found.into(),
            advice: Vec::new(),
        }
    }

    /// A finding about an error, with its hints.
    #[must_use]
    pub fn error(area: Area, level: Level, error: &Error) -> Self {
        let places = error.diagnostics().iter().map(|found| {
            let place = found.location().unwrap_or_default();
            format!("{place} {}", found.message).trim().to_owned()
        });
        Self {
            advice: places.chain(error.hints().iter().cloned()).collect(),
            ..Self::new(area, level, error.chain())
        }
    }

    /// Says which one it is about.
    #[must_use]
    pub fn about(mut self, what: impl Into<String>) -> Self {
        self.about = Some(what.into());
        self
    }

    /// Says what to do.
    #[must_use]
    pub fn advise(mut self, advice: impl Into<String>) -> Self {
        self.advice.push(advice.into());
        self
    }
}
