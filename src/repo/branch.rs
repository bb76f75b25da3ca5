//! Branches: which one, at which remote, where it stands.

use std::fmt;

use super::git::{Oid, Repository};
use super::process::Call;
use crate::error::{Error, Result};

/// The name of a branch, `main`; known to be a valid one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Branch(String);

impl Branch {
    /// Takes `name` if Git would.
    ///
    /// # Errors
    ///
    /// [`Usage`](crate::error::Kind::Usage) otherwise. A leading `refs/heads/` is not part of a name.
    pub fn new(name: &str) -> Result<Self> {
        let valid = git2::Reference::is_valid_name(&format!("refs/heads/{name}"))
            && !name.starts_with('-')
            && name != "HEAD";
        if !valid {
            return Err(Error::usage(format!(
                "`{name}` cannot be the name of a branch"
            )));
        }
        if name.starts_with("refs/") {
            return Err(
                Error::usage(format!("`{name}` is a reference, not a branch"))
                    .hint("give the name alone, such as `main`"),
            );
        }
        Ok(Self(name.to_owned()))
    }

    /// `main`.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.0
    }

    /// `refs/heads/main`.
    #[must_use]
    pub fn reference(&self) -> String {
        format!("refs/heads/{}", self.0)
    }

    /// Where a fetched tip is kept: no reference of the user's. One level, so that what is left of a
    /// deleted branch `a` is not in the way of `a/b`.
    pub(super) fn fetched(&self) -> String {
        let flat = self.0.replace('%', "%25").replace('/', "%2F");
        format!("refs/weirkeeper/{flat}")
    }
}

impl fmt::Display for Branch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Repository {
    /// The branch to work on: `explicit`, else the one that is checked out.
    ///
    /// # Errors
    ///
    /// [`Usage`](crate::error::Kind::Usage) when the name is not valid, or none is given and `HEAD`
    /// is detached, as after the checkout of a tag or a pull request.
    pub async fn branch(&self, explicit: Option<&str>) -> Result<Branch> {
        if let Some(name) = explicit {
            return Branch::new(name);
        }
        let head = self
            .git(Call::new(["symbolic-ref", "--quiet", "HEAD"]))
            .await?;
        let reference = head.text();
        match reference.strip_prefix("refs/heads/") {
            Some(name) if head.success => Branch::new(name),
            Some(_) | None => Err(Error::usage("no branch is checked out, HEAD is detached")
                .hint("name the branch to work on with --branch")),
        }
    }

    /// The remote `branch` is fetched from and pushed to: the configured one, else `origin`, else the
    /// only one there is. `None` means commits stay in this repository.
    #[must_use]
    pub fn remote_for(&self, branch: &Branch) -> Option<String> {
        let settings = &self.settings;
        if let Some(remote) = settings.upstream.get(branch.name())
            && remote != "."
        {
            return Some(remote.clone());
        }
        match settings.remotes.as_slice() {
            [only] => Some(only.clone()),
            several => several.iter().find(|name| *name == "origin").cloned(),
        }
    }

    /// Where the commits of a remote are shown, by its address in the
    /// configuration, see [`link::commits`](super::link::commits).
    #[must_use]
    pub fn commits_link(&self, remote: &str) -> Option<url::Url> {
        self.settings.links.get(remote).cloned()
    }

    /// The commit of the local branch.
    ///
    /// # Errors
    ///
    /// [`Usage`](crate::error::Kind::Usage) when there is no such branch, or it has no commit yet.
    pub async fn tip(&self, branch: &Branch) -> Result<Oid> {
        if let Some(tip) = self.commit_of(&branch.reference()).await? {
            return Ok(tip);
        }
        let head = self
            .git(Call::new(["symbolic-ref", "--quiet", "HEAD"]))
            .await?;
        if head.text() == branch.reference() {
            return Err(Error::usage(format!("branch `{branch}` has no commit yet"))
                .hint("commit the manifests first"));
        }
        Err(no_such_branch(
            branch,
            "this repository",
            &self.local_branches().await?,
        ))
    }

    /// The commit a reference leads to, if it exists.
    pub(super) async fn commit_of(&self, reference: &str) -> Result<Option<Oid>> {
        let revision = format!("{reference}^{{commit}}");
        let call = Call::new(["rev-parse", "--verify", "--quiet"]).values([&*revision]);
        let answer = self.git(call).await?;
        if !answer.success {
            return Ok(None);
        }
        parse_oid(&answer.text()).map(Some)
    }

    async fn local_branches(&self) -> Result<Vec<String>> {
        let format = "--format=%(refname:strip=2)";
        let answer = self
            .git(Call::new(["for-each-ref", format, "refs/heads"]))
            .await?;
        Ok(answer.text().lines().map(str::to_owned).collect())
    }
}

/// The error for a branch that is not in `place`, with some that are.
pub(super) fn no_such_branch(branch: &Branch, place: &str, existing: &[String]) -> Error {
    const SHOWN: usize = 5;
    let error = Error::usage(format!("there is no branch `{branch}` in {place}"));
    if existing.is_empty() {
        return error.hint("it has no branches at all: push a first commit");
    }
    let shown: Vec<&str> = existing.iter().take(SHOWN).map(|name| &**name).collect();
    let more = if existing.len() > SHOWN { ", …" } else { "" };
    error.hint(format!("it has {}{more}", shown.join(", ")))
}

/// A commit's name that somebody else gave.
///
/// # Errors
/// When it is none.
pub(crate) fn parse_oid(text: &str) -> Result<Oid> {
    Oid::from_str(text)
        .map_err(|error| Error::internal(format!("`{text}` is no commit name")).because(error))
}
