//! The repository, and what the token may do with it (`GET /repos/{owner}/{repo}`).

use secrecy::ExposeSecret as _;
use serde::Deserialize;

use super::{Ask, GitHub, Refused, not_github, read};
use crate::error::Result;

/// The repository, and what the token may do with it.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Access {
    /// The branch whose schedules run.
    pub default_branch: String,
    /// Nothing can be changed any more.
    #[serde(default)]
    pub archived: bool,
    /// What the account behind the token may do; none without a token.
    pub permissions: Option<Permissions>,
    /// Scopes of a classic token.
    #[serde(skip)]
    pub scopes: Option<Vec<String>>,
}

/// What an account may do. Of the token of an app or a workflow it says nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
pub struct Permissions {
    /// Commits.
    #[serde(default)]
    pub push: bool,
}

/// A commit of the repository.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct ListedCommit {
    /// Its name.
    pub sha: String,
}

/// A branch, as far as protection goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
pub struct Protection {
    /// By rulesets or classic protection.
    pub protected: bool,
}

/// Whose token it is, by its beginning.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TokenKind {
    /// Of an app, or of a workflow.
    App,
    /// Of a person, with scopes.
    Classic,
    /// Of a person, for chosen repositories.
    FineGrained,
    /// Something else.
    Other,
}

impl GitHub {
    /// Whose token it is; `None` without one.
    #[must_use]
    pub fn token_kind(&self) -> Option<TokenKind> {
        let token = self.settings.token.as_ref()?.expose_secret().trim();
        Some(match token {
            _ if token.starts_with("ghs_") => TokenKind::App,
            _ if token.starts_with("github_pat_") => TokenKind::FineGrained,
            _ if token.starts_with("ghp_") || token.starts_with("gho_") => TokenKind::Classic,
            _ => TokenKind::Other,
        })
    }

    /// The repository, and what the token may do with it.
    ///
    /// # Errors
    /// As [`ask`](Self::ask).
    pub async fn access(&self) -> Result<Access, Refused> {
        let ask = Ask::get([""; 0]).needs("metadata: read");
        let response = self.exchange(&self.clients()?.rest, &ask).await?;
        let scopes = response.headers().get("x-oauth-scopes");
        let scopes = scopes.and_then(|scopes| scopes.to_str().ok()).map(|text| {
            let scopes = text.split(',').map(|scope| scope.trim().to_owned());
            scopes.filter(|scope| !scope.is_empty()).collect()
        });
        let answer = read(response).await?;
        let access: Access = serde_json::from_slice(&answer).map_err(not_github)?;
        Ok(Access { scopes, ..access })
    }

    /// The newest commits of `branch`, at most ten.
    ///
    /// # Errors
    /// As [`ask`](Self::ask).
    pub async fn newest(&self, branch: &str) -> Result<Vec<ListedCommit>, Refused> {
        let ask = Ask::get(["commits"])
            .query("sha", branch)
            .query("per_page", "10")
            .needs("contents: read");
        self.ask(&ask).await
    }

    /// Is `branch` protected?
    ///
    /// # Errors
    /// As [`ask`](Self::ask).
    pub async fn protection(&self, branch: &str) -> Result<Protection, Refused> {
        let ask = Ask::get(["branches", branch]).needs("contents: read");
        self.ask(&ask).await
    }
}
