//! `doctor`.

use std::path::Path;

use clap::{Args, Subcommand};

use super::commit::SignKey;
use super::given::{Given, given};
use super::{CommitVia, Metrics, Select};

/// `doctor`.
#[derive(Debug, Clone, Args)]
#[command(args_conflicts_with_subcommands = true)]
pub struct Doctor {
    /// One area alone.
    #[command(subcommand)]
    pub area: Option<DoctorArea>,
    /// Which Canaries.
    #[command(flatten)]
    pub select: Select,
    /// Where metrics come from.
    #[command(flatten)]
    pub metrics: Metrics,
    /// The branch that steps are committed to; default the one checked out
    #[arg(long, value_name = "NAME", env = "WEIRKEEPER_BRANCH")]
    pub branch: Option<String>,
    /// How commits are to reach the branch; default what the workflow says, else git
    #[arg(long, value_name = "WAY", env = "WEIRKEEPER_COMMIT_VIA", value_parser = given::<CommitVia>())]
    pub commit_via: Option<Given<CommitVia>>,
    /// SSH key that commits are signed with
    #[arg(long, value_name = "FILE", env = "WEIRKEEPER_SIGN_KEY", value_parser = super::commit::sign_key(), hide_env_values = true)]
    pub sign_key: Option<SignKey>,
    /// Limit of each check
    #[arg(long, value_name = "DUR", default_value = "30s")]
    pub deadline: String,
    /// What may be changed.
    #[command(flatten)]
    pub fix: Fix,
}

/// What may be changed.
#[derive(Debug, Clone, Default, Args)]
pub struct Fix {
    /// Write what can be repaired into the work tree; nothing is committed. That is a harmless
    /// filter on each backendRef of a route at Envoy Gateway, which counts the requests to canary
    /// and primary together otherwise
    #[arg(long)]
    pub fix: bool,
}

/// One area of `doctor`.
#[derive(Debug, Clone, Subcommand)]
pub enum DoctorArea {
    /// Show each query for canary and primary, its value, the series it matches, what is missing
    Metrics(DoctorMetrics),
}

/// `doctor metrics`.
#[derive(Debug, Clone, Args)]
pub struct DoctorMetrics {
    /// Which Canaries.
    #[command(flatten)]
    pub select: Select,
    /// Where metrics come from.
    #[command(flatten)]
    pub metrics: Metrics,
    /// Print Markdown, as the job summary has it
    #[arg(long)]
    pub markdown: bool,
    /// Limit of all questions about one Canary
    #[arg(long, value_name = "DUR", default_value = "30s")]
    pub deadline: String,
    /// What may be changed.
    #[command(flatten)]
    pub fix: Fix,
}

impl Doctor {
    /// How commits are to reach the branch, when that is said.
    #[must_use]
    pub fn commit_via(&self) -> Option<CommitVia> {
        Given::of(self.commit_via)
    }

    /// Are commits signed?
    #[must_use]
    pub fn signs(&self) -> bool {
        let key = self.sign_key.as_ref().map(SignKey::given);
        key.is_some_and(|key| key != Path::new(""))
    }
}
