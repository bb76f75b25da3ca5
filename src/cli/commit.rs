//! How commits are made and where they go.

use std::fmt;
use std::path::{Path, PathBuf};

use clap::builder::{FalseyValueParser, TypedValueParser};
use clap::{Args, ValueEnum};

use super::given::{Given, given};
use super::path;

/// How commits are made and where they go.
#[derive(Debug, Clone, Default, Args)]
#[command(next_help_heading = "Commits")]
pub struct Commit {
    /// The branch to read and to push; default the one checked out
    #[arg(long, value_name = "NAME", env = "WEIRKEEPER_BRANCH")]
    pub branch: Option<String>,
    /// Decide and print, commit nothing
    #[arg(long, env = "WEIRKEEPER_DRY_RUN", value_parser = FalseyValueParser::new())]
    pub dry_run: bool,
    /// Commit to the local branch only
    #[arg(long, env = "WEIRKEEPER_NO_PUSH", value_parser = FalseyValueParser::new())]
    pub no_push: bool,
    /// How commits reach the branch; default git
    #[arg(long, value_name = "WAY", env = "WEIRKEEPER_COMMIT_VIA", value_parser = given::<CommitVia>())]
    pub commit_via: Option<Given<CommitVia>>,
    /// Label of the pull requests of `--commit-via pull-request`; may be repeated
    #[arg(
        long,
        value_name = "NAME",
        env = "WEIRKEEPER_LABEL",
        value_delimiter = ','
    )]
    pub label: Vec<String>,
    /// Let GitHub merge those pull requests as soon as the branch's rules allow
    #[arg(long, value_name = "METHOD", env = "WEIRKEEPER_AUTO_MERGE", value_parser = given::<AutoMerge>())]
    pub auto_merge: Option<Given<AutoMerge>>,
    /// SSH key to sign commits with: a file, or the private key itself
    #[arg(long, value_name = "FILE", env = "WEIRKEEPER_SIGN_KEY", value_parser = sign_key(), hide_env_values = true)]
    pub sign_key: Option<SignKey>,
    /// Show each rollout of a revision as a Deployment of GitHub
    #[arg(long, env = "WEIRKEEPER_DEPLOYMENTS", value_parser = FalseyValueParser::new())]
    pub deployments: bool,
}

impl Commit {
    /// How commits reach the branch.
    #[must_use]
    pub fn via(&self) -> CommitVia {
        Given::of(self.commit_via).unwrap_or_default()
    }

    /// How GitHub merges by itself; `None` leaves it to people.
    #[must_use]
    pub fn auto_merge(&self) -> Option<AutoMerge> {
        Given::of(self.auto_merge)
    }

    /// What commits are signed with.
    #[must_use]
    pub fn sign_key(&self) -> Option<&Path> {
        let key = self.sign_key.as_ref().map(SignKey::given);
        key.filter(|key| !key.as_os_str().is_empty())
    }

    /// Labels of pull requests.
    pub fn labels(&self) -> impl Iterator<Item = &str> {
        let labels = self.label.iter().map(|label| label.trim());
        labels.filter(|label| !label.is_empty())
    }
}

/// A file with a private key, or the key itself; never shown.
#[derive(Clone)]
pub struct SignKey(PathBuf);

impl SignKey {
    /// As it was given.
    #[must_use]
    pub fn given(&self) -> &Path {
        &self.0
    }
}

impl fmt::Debug for SignKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SignKey")
    }
}

fn sign_key() -> impl TypedValueParser<Value = SignKey> {
    path().map(SignKey)
}

/// How commits reach the branch.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
pub enum CommitVia {
    /// `git push`.
    #[default]
    Git,
    /// GitHub's API makes them: signed by GitHub.
    Api,
    /// A pull request for each Canary.
    PullRequest,
}

/// How GitHub merges a pull request by itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum AutoMerge {
    /// A merge commit.
    Merge,
    /// One commit.
    Squash,
    /// The commits on top.
    Rebase,
}
