//! The pull request that a workflow runs for, from the payload of its event.

use serde::Deserialize;

use crate::error::{Error, Result};
use crate::settings::GithubRunner;

/// Largest payload that is read: GitHub sends 25 MB at most.
const LONGEST: u64 = 32 << 20;

/// A pull request, as its event describes it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Pull {
    /// Its number.
    pub(crate) number: u64,
    /// The newest commit of the change.
    pub(crate) head: String,
    /// The tip of the branch it is for, when the event was sent.
    pub(crate) base: String,
    /// Does the change come from another repository? Then the token of the workflow
    /// may read only.
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
        let Some(path) = runner
            .payload
            .as_ref()
            .filter(|_| event.starts_with("pull_request"))
        else {
            return Ok(None);
        };
        let cannot = || {
            Error::usage("cannot read the event of the pull request")
                .hint("GITHUB_EVENT_PATH names a file with the payload, as the runner sets it")
        };
        let size = fs_err::metadata(path)
            .map_err(|error| cannot().because(error))?
            .len();
        if size > LONGEST {
            return Err(cannot().because(format!("it has {size} bytes")));
        }
        let text = fs_err::read(path).map_err(|error| cannot().because(error))?;
        let payload: Payload =
            serde_json::from_slice(&text).map_err(|error| cannot().because(error))?;
        Ok(payload.pull_request.map(|pull| {
            let name = |side: &Side| side.repo.as_ref().map(|repo| repo.full_name.clone());
            let is_elsewhere = name(&pull.head) != name(&pull.base);
            Self {
                number: pull.number,
                head: pull.head.sha,
                base: pull.base.sha,
                // With pull_request_target the workflow is the branch's own.
                is_fork: is_elsewhere && event != "pull_request_target",
            }
        }))
    }
}
