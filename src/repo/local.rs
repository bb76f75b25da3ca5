//! The local branch and the work tree, after or instead of a push.

use std::path::PathBuf;

use super::branch::Branch;
use super::git::{Oid, Repository};
use super::process::{Answer, Call};
use super::push::Pushed;
use crate::error::{Error, Result};

/// What became of the local branch after a push.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Local {
    /// It was there already.
    Current,
    /// The branch moved; it is not checked out anywhere.
    Moved,
    /// The branch moved, and the work tree with it.
    BroughtAlong,
    /// Nothing was touched, for this reason. `git pull` is up to the user.
    Left(String),
}

/// How the local branch can be brought along.
#[derive(Debug)]
pub struct Forward(Way);

#[derive(Debug)]
enum Way {
    /// Not at all, or it need not be.
    Stay(Local),
    /// The branch alone, from here.
    Swap(Oid),
    /// With this work tree, which is clean.
    WorkTree(PathBuf),
}

impl Repository {
    /// Brings the local branch to `new`, which was pushed, and a clean work tree along.
    ///
    /// It only goes forward, and it never touches a work tree with changes: files that Git does not
    /// track may be there, unless a new file would take their place.
    ///
    /// # Errors
    ///
    /// When Git cannot be asked. What speaks against the update is a [`Local::Left`].
    pub async fn update_local(&self, branch: &Branch, new: Oid) -> Result<Local> {
        let way = self.find_forward(branch, new).await?;
        self.go_forward(branch, new, way).await
    }

    /// The first half of [`update_local`](Self::update_local): nothing is touched, so `new` may still
    /// be on its way to the remote.
    ///
    /// # Errors
    ///
    /// When Git cannot be asked.
    pub async fn find_forward(&self, branch: &Branch, new: Oid) -> Result<Forward> {
        self.find_way(branch, new).await.map(Forward)
    }

    async fn find_way(&self, branch: &Branch, new: Oid) -> Result<Way> {
        let left = |why: String| Ok(Way::Stay(Local::Left(why)));
        let Some(tip) = self.commit_of(&branch.reference()).await? else {
            return left(format!("there is no local branch `{branch}`"));
        };
        if tip == new {
            return Ok(Way::Stay(Local::Current));
        }
        if !self.is_ancestor(tip, new).await? {
            return left(format!("the local branch `{branch}` has other commits"));
        }
        let Some(folder) = self.checked_out(branch).await? else {
            return Ok(Way::Swap(tip));
        };
        let status = Call::new(["status", "--porcelain", "--untracked-files=no"]);
        let status = self.options.run(&folder, status).await?;
        if !status.success {
            return left(status.complaint());
        }
        if !status.stdout.is_empty() {
            return left("the work tree has uncommitted changes".into());
        }
        Ok(Way::WorkTree(folder))
    }

    /// The second half of [`update_local`](Self::update_local). What somebody did meanwhile is not
    /// undone: no file with changes is written, and only `branch` moves.
    ///
    /// # Errors
    ///
    /// When Git cannot be asked.
    pub async fn go_forward(&self, branch: &Branch, new: Oid, way: Forward) -> Result<Local> {
        let (answer, done) = match way.0 {
            Way::Stay(local) => return Ok(local),
            Way::Swap(tip) => (
                self.swap(&branch.reference(), tip, new).await?,
                Local::Moved,
            ),
            Way::WorkTree(folder) => {
                let head = Call::new(["symbolic-ref", "--quiet", "HEAD"]);
                let head = self.options.run(&folder, head).await?;
                if head.text() != branch.reference() {
                    let why = "another branch was checked out meanwhile";
                    return Ok(Local::Left(why.into()));
                }
                let answer = self.options.run(&folder, forward(new)).await?;
                (answer, Local::BroughtAlong)
            }
        };
        Ok(match answer.success {
            true => done,
            false => Local::Left(answer.complaint()),
        })
    }

    /// Moves the local `branch` from `expected` to `new`, or nothing at all: the push of a repository
    /// without remote.
    ///
    /// Where the branch is checked out, index and work tree come along, else the next commit of a
    /// person would take everything back. Uncommitted changes to *other* files stay; a changed file
    /// that `new` changes too makes this a [`Pushed::Refused`] before anything moved.
    ///
    /// # Errors
    ///
    /// When Git cannot be asked.
    pub async fn advance(&self, branch: &Branch, expected: Oid, new: Oid) -> Result<Pushed> {
        let reference = branch.reference();
        if self.commit_of(&reference).await? != Some(expected) {
            return Ok(Pushed::Moved);
        }
        if !self.is_ancestor(expected, new).await? {
            return Err(Error::internal(format!(
                "{new} does not build on {expected}"
            )));
        }
        let answer = match self.checked_out(branch).await? {
            Some(folder) => self.options.run(&folder, forward(new)).await?,
            None => self.swap(&reference, expected, new).await?,
        };
        if answer.success {
            return Ok(Pushed::Done);
        }
        if self.commit_of(&reference).await? != Some(expected) {
            return Ok(Pushed::Moved);
        }
        Ok(Pushed::Refused(
            Error::usage(format!(
                "cannot move branch `{branch}`, nothing was changed"
            ))
            .because(answer.complaint())
            .hint("commit or stash the changes in the work tree first"),
        ))
    }

    async fn swap(&self, reference: &str, old: Oid, new: Oid) -> Result<Answer> {
        let (old, new) = (old.to_string(), new.to_string());
        let call = Call::new(["update-ref", "-m", "weirkeeper"]);
        self.git(call.values([reference, &new, &old])).await
    }

    pub(super) async fn is_ancestor(&self, older: Oid, newer: Oid) -> Result<bool> {
        let (older, newer) = (older.to_string(), newer.to_string());
        let call = Call::new(["merge-base", "--is-ancestor", &older, &newer]);
        Ok(self.git(call).await?.success)
    }

    /// The work tree, this or a linked one, that has `branch` checked out.
    async fn checked_out(&self, branch: &Branch) -> Result<Option<PathBuf>> {
        let answer = self
            .git(Call::new(["worktree", "list", "--porcelain"]))
            .await?;
        let answer = answer.expect(|| Error::usage("cannot list the work trees"))?;
        let text = answer.text();
        let wanted = format!("branch {}", branch.reference());
        let trees = text
            .split("\n\n")
            .filter(|tree| tree.lines().any(|line| line == wanted));
        let folders = trees.filter_map(|tree| tree.lines().next()?.strip_prefix("worktree "));
        // The folder of a linked work tree may have been removed without telling Git.
        Ok(folders.map(PathBuf::from).find(|folder| folder.is_dir()))
    }
}

/// `merge --ff-only` looks at every file before it moves the first one.
fn forward(new: Oid) -> Call {
    Call::new([
        "merge",
        "--ff-only",
        "--no-squash",
        "--no-autostash",
        "--no-verify-signatures",
        "--no-overwrite-ignore",
        "--no-stat",
        "--quiet",
        &new.to_string(),
    ])
}
