//! `commit-via: api`: GitHub makes the commits, one by one, each a
//! compare-and-swap. A run may end between two of them: what has landed stays.

use std::time::Duration;

use tokio::time::{Instant, timeout_at};

use super::{Published, World};
use crate::error::{Error, Result};
use crate::github::{NewCommit, Refused};
use crate::repo::changes::{Made, Mode};
use crate::repo::git::Oid;
use crate::tick::Decided;
use crate::tick::landed::Landed;
use crate::tick::too_long;

/// Most that one commit may carry, in bytes of base64.
const MOST: usize = 40 << 20;

/// How often a commit is asked for while nobody knows what became of it.
const TRIES: u32 = 3;

/// The first wait between two of those; each further one is twice as long.
const PAUSE: Duration = Duration::from_millis(500);

/// How far beyond the end of the run a commit is waited for that was asked for
/// before: whether it is on the branch decides who is told.
const GRACE: Duration = Duration::from_mins(1);

/// What became of one commit.
enum Landing {
    /// It is on the branch, by this name.
    Done(String),
    /// The branch is elsewhere; nothing happened.
    Moved,
    /// GitHub said no.
    Refused(Error),
}

/// Where a branch is after a request that nobody knows the end of.
enum Found {
    /// The commit is on it, by this name.
    Ours(String),
    /// It is where it was.
    Unmoved,
    /// Somebody else moved it.
    Elsewhere,
}

/// Refuses a commit that GitHub's API would not make as it is.
pub(in crate::tick) fn check(made: &Made) -> Result<()> {
    const INSTEAD: &str = "use `commit-via: git` for this repository";
    let mut sizes = Vec::new();
    for file in &made.files {
        let Some(new) = &file.new else { continue };
        let path = &file.path;
        let kind = match new.mode {
            Mode::Plain => {
                sizes.push((new.content.len().div_ceil(3) * 4, path));
                continue;
            }
            Mode::Executable => "an executable file",
            Mode::Link => "a symbolic link",
            Mode::Submodule => "a submodule",
        };
        return Err(Error::document(format!(
            "cannot write {path} through GitHub's API: it is {kind}, and the API makes every file a plain one"
        ))
        .hint(INSTEAD));
    }
    let all: usize = sizes.iter().map(|(size, _)| size).sum();
    match sizes.iter().max() {
        Some((_, path)) if all > MOST => Err(Error::document(format!(
            "cannot write {path} through GitHub's API: the commit has {} MiB, and 40 MiB is the most",
            all.div_ceil(1 << 20)
        ))
        .hint(INSTEAD)),
        Some(_) | None => Ok(()),
    }
}

impl World {
    /// Has GitHub make the commits that lead from `base` to `tip`. Each step whose
    /// commit is on the branch goes from `decided` to `landed` at once. None begins
    /// after `end`.
    pub(super) async fn land(
        &self,
        base: Oid,
        tip: Oid,
        decided: &mut Vec<Decided>,
        landed: &mut Landed,
        end: Instant,
    ) -> Result<Published> {
        let mut expected = base.to_string();
        for made in self.repository.made_between(base, tip)? {
            check(&made)?;
            if Instant::now() >= end {
                return Ok(Published::Refused(too_long(self.deadline)));
            }
            let landing = timeout_at(end + GRACE, self.land_one(&made, &expected)).await;
            let late = |_| Landing::Refused(self.unknown(too_long(self.deadline)));
            match landing.unwrap_or_else(late) {
                Landing::Done(name) => {
                    tracing::debug!(commit = name, "landed");
                    landed.take(decided, &made.commit.to_string(), &name);
                    expected = name;
                }
                Landing::Moved => return Ok(Published::Moved),
                Landing::Refused(error) => return Ok(Published::Refused(error)),
            }
        }
        Ok(Published::Done(None))
    }

    async fn land_one(&self, made: &Made, expected: &str) -> Landing {
        let branch = self.branch.name();
        let files = made.files.iter();
        let new = NewCommit {
            branch,
            expected,
            message: &made.message,
            additions: files
                .clone()
                .filter_map(|file| Some((&*file.path, &*file.new.as_ref()?.content)))
                .collect(),
            deletions: files
                .filter(|file| file.new.is_none())
                .map(|file| &*file.path)
                .collect(),
        };
        let mut tries = 1;
        loop {
            let refused = match self.github.commit_on_branch(&new).await {
                Ok(name) => return Landing::Done(name),
                Err(refused) => refused,
            };
            // The first answer says it: nothing happened. A later one may be about a
            // commit that an earlier request made.
            if refused.is_stale() && tries == 1 {
                return Landing::Moved;
            }
            if !refused.is_stale() && !refused.is_uncertain() {
                let refused = self.refused(refused);
                return Landing::Refused(self.name_rules(branch, refused).await);
            }
            tracing::info!(tries, said = refused.said, "did GitHub make the commit?");
            match self.find(made, expected).await {
                Ok(Found::Ours(name)) => return Landing::Done(name),
                Ok(Found::Elsewhere) => return Landing::Moved,
                Ok(Found::Unmoved) if tries == TRIES => {
                    return Landing::Refused(self.refused(refused));
                }
                Ok(Found::Unmoved) => {}
                Err(error) => return Landing::Refused(self.unknown(error.into())),
            }
            self.github.wait(PAUSE * 2_u32.pow(tries - 1)).await;
            tries += 1;
        }
    }

    /// The tip decides what became of `made`: it is on the branch when the commit
    /// that came after `expected` holds the same and says the same.
    async fn find(&self, made: &Made, expected: &str) -> Result<Found, Refused> {
        let commits = self.github.last_commits(self.branch.name()).await?;
        if commits.first().is_some_and(|tip| tip.name == expected) {
            return Ok(Found::Unmoved);
        }
        let next = commits.into_iter().find(|commit| {
            let first = commit.parents.first();
            first.is_some_and(|parent| parent == expected)
        });
        Ok(match next {
            Some(next)
                if next.tree == made.tree.to_string()
                    && next.message.trim_end() == made.message.trim_end() =>
            {
                Found::Ours(next.name)
            }
            Some(_) | None => Found::Elsewhere,
        })
    }

    fn refused(&self, refused: Refused) -> Error {
        let is_gone = refused.has("NOT_FOUND");
        let error = Error::from(refused).while_doing(format!(
            "GitHub did not take the commit to `{}`",
            self.branch
        ));
        match (is_gone, self.github.repository()) {
            (true, Ok(repository)) => error.hint(format!(
                "is there a branch `{}` in {repository}, and may the token write to it?",
                self.branch
            )),
            (_, Ok(_) | Err(_)) => error,
        }
    }

    fn unknown(&self, error: Error) -> Error {
        error
            .while_doing(format!(
                "nobody knows whether GitHub took the commit to `{}`",
                self.branch
            ))
            .hint("the next run sees what the branch holds, and goes on from there")
    }
}

#[cfg(test)]
mod tests;
