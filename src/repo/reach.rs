//! What can be found out about Git and a remote without changing either.

use super::branch::Branch;
use super::git::{Oid, Repository};
use super::process::Call;
use super::transport::{Way, failed};
use crate::error::{Error, Result};

/// A branch that nobody has: pushing it for show asks the remote for nothing but
/// whether we may.
const NOBODYS: &str = "refs/heads/weirkeeper-doctor";

impl Repository {
    /// The version of `git`: `2.47.1`.
    ///
    /// # Errors
    ///
    /// When it does not run.
    pub async fn git_version(&self) -> Result<String> {
        let answer = self.git(Call::new(["version"])).await?;
        let text = answer
            .expect(|| Error::usage("git does not tell its version"))?
            .text();
        Ok(text.trim_start_matches("git version ").to_owned())
    }

    /// The commit of `branch` at `remote`; `None` when it has no such branch.
    /// Nothing is fetched.
    ///
    /// # Errors
    ///
    /// [`Remote`](crate::error::Kind::Remote) when the remote cannot be reached or does not let us in.
    pub async fn tip_at(&self, branch: &Branch, remote: &str) -> Result<Option<Oid>> {
        let branches = self.remote_branches(remote).await?;
        let found = branches.iter().find(|(name, _)| name == branch.name());
        Ok(found.map(|(_, tip)| *tip))
    }

    /// Asks whether `remote` takes pushes from us, by a push for show: nothing is
    /// sent. Rules of a branch are not asked about so.
    ///
    /// # Errors
    ///
    /// [`Remote`](crate::error::Kind::Remote) when the remote cannot be reached or does not let us in.
    pub async fn may_push(&self, remote: &str) -> Result<()> {
        let refspec = format!("HEAD:{NOBODYS}");
        let call = Call::new([
            "push",
            "--dry-run",
            "--porcelain",
            "--no-verify",
            "--no-follow-tags",
            "--recurse-submodules=no",
        ]);
        let call = call.values([remote, &refspec]);
        let answer = self.talk(Way::Push, remote, call).await?;
        match answer.success {
            true => Ok(()),
            false => Err(failed(Way::Push, remote, &answer)),
        }
    }
}
