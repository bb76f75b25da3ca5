//! `watch`.

use clap::Args;
use clap::builder::FalseyValueParser;

use super::{AUTHOR, Commit, FailOnSteps, Metrics, Notify, Select, Step};

/// `watch`.
#[derive(Debug, Clone, Args)]
pub struct Watch {
    /// Which Canaries.
    #[command(flatten)]
    pub select: Select,
    /// Only one part of the Canaries, such as 2/4, for the jobs of a matrix
    #[arg(
        long,
        value_name = "I/N",
        env = "WEIRKEEPER_SHARD",
        default_value = "",
        hide_default_value = true
    )]
    pub shard: String,
    /// Where metrics come from.
    #[command(flatten)]
    pub metrics: Metrics,
    /// Who is told.
    #[command(flatten)]
    pub notify: Notify,
    /// How commits are made.
    #[command(flatten)]
    pub commit: Commit,
    /// Author of the commits
    #[arg(
        long,
        value_name = "NAME <EMAIL>",
        env = "WEIRKEEPER_AUTHOR",
        default_value = AUTHOR
    )]
    pub author: String,
    /// Take steps for this long, shorter than the job may last; default 50m
    #[arg(long = "for", value_name = "DUR", env = "WEIRKEEPER_FOR")]
    pub length: Option<String>,
    /// Start the next job by workflow_dispatch when the time is used up and rollouts are
    /// under way; needs `actions: write`
    #[arg(long, env = "WEIRKEEPER_REDISPATCH", value_parser = FalseyValueParser::new())]
    pub redispatch: bool,
    /// Most jobs of the workflow that are started so in 24 hours
    #[arg(long, value_name = "N", default_value_t = 100)]
    pub redispatch_limit: u64,
    /// What makes the exit code say that the run failed.
    #[command(flatten)]
    pub fail_on: FailOnSteps,
    /// Limit of one tick
    #[arg(long, value_name = "DUR", default_value = "10m")]
    pub deadline: String,
}

impl Watch {
    /// How long it takes steps.
    #[must_use]
    pub fn length(&self) -> &str {
        let given = self.length.as_deref().map(str::trim);
        given.filter(|text| !text.is_empty()).unwrap_or("50m")
    }

    /// The options of each of its steps.
    #[must_use]
    pub fn step(&self) -> Step {
        Step {
            select: self.select.clone(),
            shard: self.shard.clone(),
            metrics: self.metrics.clone(),
            notify: self.notify.clone(),
            commit: self.commit.clone(),
            author: self.author.clone(),
            wait: None,
            fail_on: self.fail_on,
            deadline: self.deadline.clone(),
        }
    }
}
