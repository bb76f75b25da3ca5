//! Finds out what keeps rollouts from going on, before a release does.
//!
//! Nothing is written, no webhook is called, nobody is told. One file per area;
//! each check is a question with a time limit and its [`Finding`]s. What cannot be
//! asked is [`Level::Unknown`], which is no problem by itself: outside of GitHub
//! nobody knows about its workflows.

mod applied;
mod cron;
mod git;
mod metrics;
mod rules;
pub mod separate;
mod servers;
mod token;
mod workflow;

use std::path::PathBuf;
use std::time::Duration;

use futures_util::future::join_all;
use futures_util::stream::{self, StreamExt as _};
use jiff::Timestamp;

use crate::cli::CommitVia;
use crate::error::Error;
use crate::github::{GitHub, Refused};
use crate::observe::{Observer, Subject};
use crate::repo::branch::Branch;
use crate::repo::git::Repository;
use crate::repo::rollout::Rollout;
use crate::report::finding::{Area, Finding, Level};
use crate::report::measured::Measured;

/// Canaries whose metrics are asked for at the same time.
const CANARIES: usize = 4;

/// Series of one selector whose labels are told.
const LABELS: usize = 3;

/// What GitHub did not tell: nobody knows.
fn untold(area: Area, refused: Refused) -> Finding {
    let finding = Finding::error(area, Level::Unknown, &refused.into());
    match finding.advice.is_empty() {
        true => finding.advise("ask again in a while: it is GitHub that has trouble"),
        false => finding,
    }
}

/// What is looked at, and who is asked.
#[derive(Debug)]
pub struct Doctor {
    /// The folder with the checked-out files.
    pub folder: PathBuf,
    /// The repository around it, or why there is none.
    pub repository: Result<Repository, Error>,
    /// The branch that steps are committed to, or why it is not known.
    pub branch: Result<Branch, Error>,
    /// The remote it is pushed to.
    pub remote: Option<String>,
    /// The repository at GitHub.
    pub github: GitHub,
    /// How commits are to reach the branch, when that is said.
    pub via: Option<CommitVia>,
    /// Are commits signed?
    pub signs: bool,
    /// The Canaries, and who is asked about them.
    pub measuring: Measuring,
}

/// Canaries, and who is asked about them.
#[derive(Debug)]
pub struct Measuring {
    /// Who asks Prometheus.
    pub observer: Observer,
    /// The Canaries with what they act on.
    pub rollouts: Vec<Rollout>,
    /// The time it is.
    pub now: Timestamp,
    /// Limit of each check.
    pub limit: Duration,
}

impl Doctor {
    /// Carries out every check, all at the same time. In the order of [`Area`].
    pub async fn look(&self) -> Vec<Finding> {
        let callers = workflow::callers(&self.folder);
        let via = self.via.or_else(|| workflow::via(&callers));
        let via = via.unwrap_or_default();
        let (git, token, rules, workflow, prometheus, applied) = tokio::join!(
            self.limited(Area::Git, self.git()),
            self.limited(Area::Token, self.token()),
            self.limited(Area::Rules, self.rules(via)),
            self.limited(Area::Workflow, self.workflow(&callers, via)),
            self.measuring.prometheus(),
            join_all(self.measuring.rollouts.iter().map(|rollout| async {
                let found = self.limited(Area::Applied, self.applied(rollout)).await;
                of(rollout, found)
            })),
        );
        let mut all = [git, token, rules, workflow, prometheus, applied.concat()].concat();
        all.sort_by_key(|finding| finding.area);
        all
    }

    async fn limited(&self, area: Area, check: impl Future<Output = Vec<Finding>>) -> Vec<Finding> {
        self.measuring.limited(area, check).await
    }

    /// Does the way to GitHub lead anywhere? Else why not.
    fn github_is_known(&self, area: Area) -> Result<(), Finding> {
        if self.github.repository().is_err() {
            let finding = Finding::new(area, Level::Unknown, "the remote is not at GitHub");
            return Err(finding.advise(
                "set GITHUB_REPOSITORY to OWNER/NAME, and GITHUB_API_URL for an Enterprise server",
            ));
        }
        match self.github.is_known() {
            true => Ok(()),
            false => {
                let finding = Finding::new(area, Level::Unknown, "there is no token for GitHub");
                Err(finding.advise("give one in WEIRKEEPER_TOKEN or GITHUB_TOKEN"))
            }
        }
    }
}

impl Measuring {
    /// What the metrics of each Canary say, a few Canaries at the same time, with the
    /// findings about the servers that are asked.
    pub async fn measure(&self) -> (Vec<Measured>, Vec<Finding>) {
        let (found, answering) = self.reached().await;
        let asked = self.rollouts.iter().map(async |rollout| {
            let mut measured = self.measured(rollout, &answering, LABELS).await;
            measured.findings.extend(metrics::without_metrics(rollout));
            measured
        });
        let asked = stream::iter(asked).buffered(CANARIES);
        (asked.collect().await, found)
    }

    /// What a check finds, if it does not take too long.
    async fn limited(&self, area: Area, check: impl Future<Output = Vec<Finding>>) -> Vec<Finding> {
        match tokio::time::timeout(self.limit, check).await {
            Ok(found) => found,
            Err(_elapsed) => {
                let limit = self.limit.as_secs();
                let finding =
                    Finding::new(area, Level::Unknown, format!("no answer within {limit} s"));
                vec![
                    finding
                        .advise("give more time with --deadline, or find out what is slow with -v"),
                ]
            }
        }
    }
}

/// Findings about a rollout.
fn of(rollout: &Rollout, mut found: Vec<Finding>) -> Vec<Finding> {
    let id = rollout.canary.id();
    for finding in &mut found {
        finding.about = Some(match finding.about.take() {
            Some(what) => format!("{id} {what}"),
            None => id.clone(),
        });
    }
    found
}

/// What a rollout's questions are about.
fn subject<'a>(rollout: &'a Rollout, primary: &'a str) -> Subject<'a> {
    Subject {
        canary: &rollout.canary,
        templates: &rollout.templates,
        primary,
        gateway: &rollout.gateway,
    }
}
