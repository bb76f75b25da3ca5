//! The branch: where it is, and moving it.

pub(super) mod api;
mod rules;

use tokio::time::Instant;

use super::landed::Landed;
use super::{Cluster, Decided, Tree, Via, World};
use crate::error::{Error, Kind, Result};
use crate::repo::ancestry::History;
use crate::repo::branch::parse_oid;
use crate::repo::git::Oid;
use crate::repo::inventory::Inventory;
use crate::repo::local::Local;
use crate::repo::push::Pushed;

/// What became of the commits.
pub(super) enum Published {
    /// There were none.
    Nothing,
    /// The branch is at the last one; perhaps there is something to say.
    Done(Option<String>),
    /// Somebody else moved the branch.
    Moved,
    /// The other side said no.
    Refused(Error),
}

impl World {
    /// The tip of the branch: the remote's, or the local one.
    pub(super) async fn load(&self) -> Result<Oid> {
        match &self.remote {
            Some(remote) => {
                let fetch = self.repository.fetch(&self.branch, remote);
                let ahead = self.repository.look_ahead(&self.branch);
                let (tip, ()) = tokio::join!(fetch, ahead);
                tip
            }
            None => self.repository.tip(&self.branch).await,
        }
    }

    /// What the commit `base` holds.
    pub(super) async fn tree(&self, base: Oid) -> Result<Tree<'_>> {
        let inventory = Inventory::load(self.repository.files(base).await?)?;
        let history = History::new(&self.repository, base)
            .deepened_from(&self.branch, self.remote.as_deref());
        let mut tree = Tree::new(inventory, Some(Cluster::new(history, &self.github)))?;
        tree.steps_are_merged = matches!(self.via, Via::PullRequest(_));
        Ok(tree)
    }

    /// Moves the branch from `base` to `tip`, and brings the checkout along. What
    /// is on the branch before the rest is goes from `decided` to `landed`. Through
    /// GitHub's API no commit begins after `end`, and one that has begun is waited for.
    pub(super) async fn publish(
        &self,
        base: Oid,
        tip: Oid,
        decided: &mut Vec<Decided>,
        landed: &mut Landed,
        end: Instant,
    ) -> Result<Published> {
        if base == tip {
            return Ok(Published::Nothing);
        }
        let Some(remote) = &self.remote else {
            let advanced = self.repository.advance(&self.branch, base, tip).await?;
            return Ok(match advanced {
                Pushed::Done => Published::Done(None),
                Pushed::Moved => Published::Moved,
                Pushed::Refused(error) => Published::Refused(error),
            });
        };
        match self.via {
            Via::Git | Via::PullRequest(_) => self.push(remote, base, tip).await,
            Via::Api => self.land(base, tip, decided, landed, end).await,
        }
    }

    async fn push(&self, remote: &str, base: Oid, tip: Oid) -> Result<Published> {
        let (repository, branch) = (&self.repository, &self.branch);
        let push = repository.push(branch, remote, base, tip);
        let (pushed, forward) = tokio::join!(push, repository.find_forward(branch, tip));
        Ok(match pushed? {
            Pushed::Moved => Published::Moved,
            Pushed::Refused(error) => {
                Published::Refused(self.name_rules(branch.name(), error).await)
            }
            // The steps are taken, whatever becomes of the checkout.
            Pushed::Done => {
                let local = async { repository.go_forward(branch, tip, forward?).await };
                Published::Done(left(local.await))
            }
        })
    }

    /// Brings the checkout to a commit that was made elsewhere; what keeps it from
    /// that is told.
    pub(super) async fn bring_along(&self, landed: Option<String>) -> Option<String> {
        let (remote, head) = (self.remote.as_deref()?, landed?);
        let local = async {
            self.repository.fetch(&self.branch, remote).await?;
            let head = parse_oid(&head)?;
            self.repository.update_local(&self.branch, head).await
        };
        left(local.await)
    }

    /// Each push was refused as if somebody else were faster, and nobody was.
    pub(super) fn locked(&self) -> Error {
        if let (Via::Api, Ok(repository)) = (&self.via, self.github.repository()) {
            return Error::remote(format!(
                "GitHub has the branch {} of {repository} elsewhere than the remote has it",
                self.branch
            ))
            .hint("is the remote of this checkout the same repository?");
        }
        Error::remote(format!(
            "the branch {} is locked at the remote",
            self.branch
        ))
        .hint(format!(
            "nothing was changed; if the next run says so again, a git that was killed left a lock \
             there: {}.lock",
            self.branch.reference()
        ))
    }

    pub(super) fn lost(&self, landed: &Landed) -> Error {
        let error = Error::new(
            Kind::Conflict,
            format!("the branch {} moved again and again", self.branch),
        );
        error.hint(match landed.is_empty() {
            true => "nothing was changed; the next run decides anew",
            false => "what is not on the branch yet, the next run decides anew",
        })
    }
}

/// Why the checkout was not brought along, if it was not.
fn left(local: Result<Local>) -> Option<String> {
    let why = match local {
        Ok(Local::Current | Local::Moved | Local::BroughtAlong) => return None,
        Ok(Local::Left(why)) => why,
        Err(error) => error.chain(),
    };
    Some(format!("the checkout was left as it is: {why}"))
}
