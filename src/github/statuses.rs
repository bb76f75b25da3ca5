//! The statuses of a commit
//! (`GET /repos/{owner}/{repo}/commits/{ref}/statuses`).

use jiff::Timestamp;
use serde::Deserialize;

use super::{Ask, GitHub};
use crate::error::Result;

/// What somebody reported about a commit.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct CommitStatus {
    /// What it is about: `kustomization/apps/1a2b3c4d`.
    pub context: String,
    /// How it went.
    pub state: State,
    /// In words.
    pub description: Option<String>,
    /// When it was reported.
    pub created_at: Timestamp,
}

/// How it went.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum State {
    /// It is as it should be.
    Success,
    /// It goes on.
    Pending,
    /// It is not as it should be.
    Failure,
    /// It could not be found out.
    Error,
}

impl GitHub {
    /// Every status of `commit`, the newest first, of all contexts. None when
    /// nobody has reported anything, also about a commit that is not at GitHub
    /// yet.
    ///
    /// # Errors
    /// [`Kind::Usage`](crate::error::Kind::Usage) when the repository is not
    /// known, [`Kind::Remote`](crate::error::Kind::Remote) when GitHub does not
    /// answer, or refuses: its limits, a token that may not.
    pub async fn statuses(&self, commit: &str) -> Result<Vec<CommitStatus>> {
        let ask = Ask::get(["commits", commit, "statuses"]).needs("statuses: read");
        let mut statuses: Vec<CommitStatus> = match self.pages(&ask).await {
            Ok(statuses) => statuses,
            // GitHub does not know the commit.
            Err(refused) if refused.is(422) => Vec::new(),
            Err(refused) => return Err(refused.into()),
        };
        // The order of the API, made sure of.
        statuses.sort_by_key(|status| std::cmp::Reverse(status.created_at));
        Ok(statuses)
    }
}
