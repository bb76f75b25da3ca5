//! `--redispatch`: the next job, when this one's time is used up.

use std::time::Duration;

use jiff::SignedDuration;

use super::clock::Clock;
use crate::cli::environment;
use crate::error::{Error, Result};
use crate::github::{GitHub, RunsOf, WorkflowRun};
use crate::report::{Ended, Watched};
use crate::settings::{GithubSettings, Settings};

/// A job that was shorter starts no other one: something is wrong with it.
const SHORTEST: Duration = Duration::from_mins(5);

/// The workflow that this runs in, and how often it may be started.
#[derive(Debug)]
pub(super) struct Redispatch {
    github: GitHub,
    workflow: Workflow,
    /// The run of this job.
    run: Option<u64>,
    limit: u64,
}

/// A workflow at a branch or tag.
#[derive(Debug, PartialEq)]
struct Workflow {
    /// `owner/name`.
    repository: String,
    /// Name of its file, which the API takes for a number.
    file: String,
    /// `refs/heads/main`.
    reference: String,
}

impl Redispatch {
    /// # Errors
    /// [`Kind::Usage`](crate::error::Kind::Usage) outside of a workflow, or without
    /// a token.
    pub(super) fn new(settings: &Settings, limit: u64) -> Result<Self> {
        let runner = settings.github.as_ref();
        let workflow = runner.and_then(|runner| runner.workflow.as_deref());
        let workflow = workflow.and_then(Workflow::parse).ok_or_else(|| {
            Error::usage("--redispatch starts the workflow that it runs in, and there is none")
                .hint(format!(
                    "use it in a workflow of GitHub, which sets {}",
                    environment::GITHUB_WORKFLOW_REF
                ))
        })?;
        let mut github = GithubSettings::new(&settings.environment, None)?;
        github.repository = Some(workflow.repository.clone());
        if github.token.is_none() {
            return Err(
                Error::usage("--redispatch needs a token for GitHub").hint(format!(
                    "give one with `actions: write` in {} or {}",
                    environment::TOKEN,
                    environment::GITHUB_TOKEN
                )),
            );
        }
        let run = runner.and_then(|runner| runner.run.as_deref());
        Ok(Self {
            github: GitHub::new(github),
            workflow,
            run: run.and_then(|run| run.parse().ok()),
            limit,
        })
    }

    /// Starts the next job, if there is more to do and nothing speaks against it.
    /// Returns what to say about it; `None` when there is nothing to do.
    ///
    /// # Errors
    /// When GitHub cannot be asked, or refuses.
    pub(super) async fn go(
        &self,
        watched: &Watched,
        ended: Ended,
        clock: &Clock,
    ) -> Result<Option<String>> {
        let has_more = matches!(ended, Ended::TimeUsed | Ended::Terminated);
        if !has_more || !watched.is_open() {
            return Ok(None);
        }
        if !watched.is_pending() {
            let why = "what is under way waits for somebody to commit something";
            return Ok(Some(format!("no next job was started: {why}")));
        }
        if let Some(reason) = self.objection(clock).await? {
            return Ok(Some(format!("no next job was started: {reason}")));
        }
        let Workflow { file, .. } = &self.workflow;
        let name = self.workflow.branch_or_tag().unwrap_or_default();
        self.github.dispatch(file, name).await?;
        Ok(Some(format!("started the next job: {file} at {name}")))
    }

    /// Why no job is started.
    async fn objection(&self, clock: &Clock) -> Result<Option<String>> {
        let Workflow {
            file, reference, ..
        } = &self.workflow;
        if self.workflow.branch_or_tag().is_none() {
            return Ok(Some(format!("{reference} is neither a branch nor a tag")));
        }
        if clock.elapsed() < SHORTEST {
            return Ok(Some(format!(
                "this one lasted less than {} minutes",
                SHORTEST.as_secs() / 60
            )));
        }
        let newest = RunsOf::default();
        let day = SignedDuration::from_hours(24);
        let dispatched = RunsOf {
            event: Some("workflow_dispatch"),
            since: clock.now().checked_sub(day).ok(),
            only_count: true,
        };
        let (newest, dispatched) = tokio::join!(
            self.github.runs(file, newest),
            self.github.runs(file, dispatched)
        );
        let (newest, dispatched) = (newest?, dispatched?);
        if let Some(other) = newest.runs.iter().find(|run| self.takes_over(run)) {
            return Ok(Some(format!(
                "run {} is {} already",
                other.id,
                other.status.as_deref().unwrap_or("there").replace('_', " ")
            )));
        }
        Ok((dispatched.total >= self.limit).then(|| {
            format!(
                "{} were started by workflow_dispatch in the last 24 hours, and \
                 --redispatch-limit is {}",
                dispatched.total, self.limit
            )
        }))
    }

    /// Will this run go on with what is under way here?
    fn takes_over(&self, run: &WorkflowRun) -> bool {
        let is_to_come = run.status.as_deref().is_some_and(|status| {
            ["queued", "in_progress", "pending", "requested"].contains(&status)
        });
        let is_ours = run.head_branch.as_deref() == self.workflow.branch_or_tag();
        let steps = !run.event.starts_with("pull_request");
        Some(run.id) != self.run && is_to_come && is_ours && steps
    }
}

impl Workflow {
    /// Reads `owner/name/.github/workflows/file.yml@refs/heads/main`.
    fn parse(text: &str) -> Option<Self> {
        let (path, reference) = text.split_once('@')?;
        let (repository, file) = path.split_once("/.github/workflows/")?;
        let (owner, name) = repository.split_once('/')?;
        let parts = [owner, name, file, reference];
        let whole = parts.iter().all(|part| !part.is_empty()) && !file.contains('/');
        whole.then(|| Self {
            repository: repository.to_owned(),
            file: file.to_owned(),
            reference: reference.to_owned(),
        })
    }

    fn branch_or_tag(&self) -> Option<&str> {
        let reference = self.reference.as_str();
        let branch = reference.strip_prefix("refs/heads/");
        branch.or_else(|| reference.strip_prefix("refs/tags/"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_workflow_of_a_job() {
        let at = |text: &str| {
            let workflow = Workflow::parse(text)?;
            let name = workflow.branch_or_tag().map(str::to_owned);
            Some((workflow.repository, workflow.file, name))
        };
        let found = |name: Option<&str>| {
            let name = name.map(str::to_owned);
            Some(("me/fleet".to_owned(), "rollouts.yml".to_owned(), name))
        };
        let path = "me/fleet/.github/workflows/rollouts.yml";
        assert_eq!(
            at(&format!("{path}@refs/heads/a@b/c")),
            found(Some("a@b/c"))
        );
        assert_eq!(at(&format!("{path}@refs/tags/v1")), found(Some("v1")));
        assert_eq!(at(&format!("{path}@refs/pull/1/merge")), found(None));
        for none in ["", path, "me/.github/workflows/a.yml@refs/heads/main"] {
            assert_eq!(at(none), None, "{none}");
        }
    }
}
