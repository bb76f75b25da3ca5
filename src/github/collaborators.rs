//! Who may do what in the repository
//! (`GET /repos/{owner}/{repo}/collaborators/{username}/permission`).

use serde::Deserialize;

use super::{Ask, GitHub, Refused};
use crate::error::Result;

/// An account of GitHub.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct User {
    /// What it is called now; names are given up and taken by others.
    pub login: String,
    /// What it is called for ever.
    pub id: u64,
    /// `User`, `Bot`, `Organization` or `Mannequin`.
    #[serde(rename = "type")]
    pub kind: String,
}

/// What an account may do.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Permission {
    /// `admin`, `write`, `read` or `none`: the role `maintain` counts as `write`,
    /// `triage` as `read`, a role of one's own as what it builds on.
    pub permission: String,
    /// Whose permission it is.
    pub user: Option<User>,
}

impl Permission {
    /// May `user` write? The account with this name now must be the same.
    #[must_use]
    pub fn lets_write(&self, user: &User) -> bool {
        let is_same = self.user.as_ref().is_some_and(|known| known.id == user.id);
        is_same && ["admin", "write"].contains(&&*self.permission)
    }
}

impl GitHub {
    /// What the account `login` may do; `None` when there is none of that name.
    ///
    /// # Errors
    /// As [`ask`](Self::ask).
    pub async fn permission(&self, login: &str) -> Result<Option<Permission>, Refused> {
        let ask = Ask::get(["collaborators", login, "permission"]);
        self.find(&ask.needs("metadata: read")).await
    }
}
