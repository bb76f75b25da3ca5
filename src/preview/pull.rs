//! The pull request that a workflow runs for, from the payload of its event.

use serde::Deserialize;

use crate::error::Result;
use crate::settings::GithubRunner;

/// A pull request, as its event describes it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Pull {
    /// Its number.
    pub(crate) number: u64,
    /// The newest commit of the change.
    pub(crate) head: String,
    /// The tip of the branch it is for, when the event was sent.
    pub(crate) base: String,
    /// Does the change come from another repository, or from one that was deleted?
    /// Its author is a stranger then, whatever the workflow may do.
    pub(crate) is_fork: bool,
}

#[derive(Deserialize)]
struct Payload {
    pull_request: Option<Described>,
}

#[derive(Deserialize)]
struct Described {
    number: u64,
    head: Side,
    base: Side,
}

#[derive(Deserialize)]
struct Side {
    sha: String,
    /// `null` when it was deleted.
    repo: Option<Repository>,
}

#[derive(Deserialize)]
struct Repository {
    full_name: String,
}

impl Pull {
    /// The pull request of the event that started the workflow; `None` for every
    /// other event.
    ///
    /// # Errors
    /// [`Kind::Usage`](crate::error::Kind::Usage) when the payload cannot be read.
    pub(crate) fn of(runner: &GithubRunner) -> Result<Option<Self>> {
        let event = runner.event.as_deref().unwrap_or_default();
        if !event.starts_with("pull_request") {
            return Ok(None);
        }
        let payload = runner.read_payload::<Payload>()?;
        Ok(payload
            .and_then(|payload| payload.pull_request)
            .map(|pull| {
                let name = |side: &Side| side.repo.as_ref().map(|repo| repo.full_name.clone());
                let head = name(&pull.head);
                Self {
                    number: pull.number,
                    is_fork: head.is_none() || head != name(&pull.base),
                    head: pull.head.sha,
                    base: pull.base.sha,
                }
            }))
    }
}
