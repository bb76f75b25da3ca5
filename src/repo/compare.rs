//! Two commits side by side: what a pull request is compared with.

use super::branch::{Branch, parse_oid};
use super::files::Files;
use super::git::{Oid, Repository};
use super::process::Call;
use super::transport::{Way, failed};
use crate::error::{Error, Result};

/// How many commits more a shallow clone gets, one after the other, until it is known
/// where two lines parted.
const DEEPER: [&str; 3] = ["--deepen=64", "--deepen=512", "--deepen=4096"];

impl Repository {
    /// The commit that `revision` names: a commit, a tag, a branch here or at the
    /// remote.
    ///
    /// # Errors
    /// [`Usage`](crate::error::Kind::Usage) when nothing is called so,
    /// [`Remote`](crate::error::Kind::Remote) when it has to be fetched and cannot be.
    pub async fn commit_named(&self, revision: &str) -> Result<Oid> {
        let remote = self.comparing_remote();
        let mut names = vec![revision.to_owned()];
        names.extend(
            remote
                .as_ref()
                .map(|remote| format!("refs/remotes/{remote}/{revision}")),
        );
        for name in &names {
            if let Some(commit) = self.commit_of(name).await? {
                return Ok(commit);
            }
        }
        if revision.len() == 40 && revision.bytes().all(|b| b.is_ascii_hexdigit()) {
            return parse_oid(revision);
        }
        let nothing = || {
            Error::usage(format!("`{revision}` names no commit"))
                .hint("give a branch, a tag or a commit that the remote has, too")
        };
        let (Ok(branch), Some(remote)) = (Branch::new(revision), remote) else {
            return Err(nothing());
        };
        let branches = self.remote_branches(&remote).await?;
        let found = branches.into_iter().find(|(name, _)| name == branch.name());
        found.map(|(_, commit)| commit).ok_or_else(nothing)
    }

    /// The parents that a commit names, also those that a shallow clone lacks.
    ///
    /// # Errors
    /// When the commit is not here.
    pub fn parents(&self, commit: Oid) -> Result<Vec<Oid>> {
        let objects = self.objects()?;
        let commit = objects.commit(commit)?;
        Ok(commit.parent_ids().collect())
    }

    /// The newest commit that both have in their past, as far as it is here.
    ///
    /// # Errors
    /// When Git cannot be asked.
    pub async fn fork_point(&self, one: Oid, other: Oid) -> Result<Option<Oid>> {
        let names = [one.to_string(), other.to_string()];
        let call = Call::new(["merge-base"]).values(names.iter().map(String::as_str));
        let answer = self.git(call).await?;
        match answer.success {
            true => parse_oid(&answer.text()).map(Some),
            false => Ok(None),
        }
    }

    /// As [`fork_point`](Self::fork_point), but what a shallow clone lacks of the two is
    /// fetched: first `base` itself, then older commits of both, in bounds. `None` when
    /// that was not enough. No reference is written.
    ///
    /// # Errors
    /// As [`have`](Self::have).
    pub async fn fork_point_fetched(&self, base: Oid, other: Oid) -> Result<Option<Oid>> {
        self.have(base).await?;
        let remote = self.comparing_remote().filter(|_| self.is_shallow());
        let names = [base.to_string(), other.to_string()];
        let deeper = DEEPER.iter().filter(|_| remote.is_some());
        for limit in std::iter::once(&"").chain(deeper) {
            if let (Some(remote), false) = (&remote, limit.is_empty()) {
                let values = [&**remote, &names[0], &names[1]];
                let call = super::fetch::fetch_call(&["--refmap=", limit]).values(values);
                let answer = self.talk(Way::Fetch, remote, call).await?;
                if !answer.success {
                    // A commit that was made here is not there.
                    let error = failed(Way::Fetch, remote, &answer);
                    tracing::debug!(%error, limit, "cannot deepen");
                    return Ok(None);
                }
            }
            if let Some(point) = self.fork_point(base, other).await? {
                return Ok(Some(point));
            }
        }
        Ok(None)
    }

    /// Fetches a commit that this clone lacks. No reference is written.
    ///
    /// # Errors
    /// [`Remote`](crate::error::Kind::Remote) when there is nobody to fetch it from, or
    /// it cannot be fetched.
    pub async fn have(&self, commit: Oid) -> Result<()> {
        let objects = self.objects()?;
        if objects.has(commit) {
            return Ok(());
        }
        drop(objects);
        let Some(remote) = self.comparing_remote() else {
            return Err(
                Error::remote(format!("commit {commit} is not in this clone"))
                    .hint("fetch it, or give another one with --base"),
            );
        };
        let mut options = vec!["--refmap="];
        if self.is_shallow() {
            options.push("--depth=1");
        }
        let call = super::fetch::fetch_call(&options).values([&*remote, &commit.to_string()]);
        let answer = self.talk(Way::Fetch, &remote, call).await?;
        match answer.success {
            true => Ok(()),
            false => Err(failed(Way::Fetch, &remote, &answer).hint(
                "the base is needed to compare with: check out with `fetch-depth: 0`, or give one \
                 that is here with --base",
            )),
        }
    }

    /// As [`files`](Self::files), but nothing is remembered for the next time: nothing is
    /// written besides objects that had to be fetched.
    ///
    /// # Errors
    /// As [`files`](Self::files).
    pub async fn files_once(&self, commit: Oid) -> Result<Files> {
        if self.is_partial() {
            self.fetch_missing(commit).await?;
        }
        Files::at(self, commit)
    }

    /// Where a commit that is missing comes from.
    fn comparing_remote(&self) -> Option<String> {
        let remotes = &self.settings.remotes;
        let origin = remotes.iter().find(|name| *name == "origin");
        origin.or(remotes.first()).cloned()
    }
}
