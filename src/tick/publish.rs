//! The branch: where it is, and moving it.

use super::{Cluster, Tree, Via, World};
use crate::error::{Error, Kind, Result};
use crate::repo::ancestry::History;
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

    /// Moves the branch from `base` to `tip`, and brings the checkout along.
    pub(super) async fn publish(&self, base: Oid, tip: Oid) -> Result<Published> {
        if base == tip {
            return Ok(Published::Nothing);
        }
        let (repository, branch) = (&self.repository, &self.branch);
        let (pushed, forward) = match &self.remote {
            Some(remote) => {
                let push = repository.push(branch, remote, base, tip);
                let (pushed, forward) = tokio::join!(push, repository.find_forward(branch, tip));
                (pushed?, Some(forward))
            }
            None => (repository.advance(branch, base, tip).await?, None),
        };
        Ok(match (pushed, forward) {
            (Pushed::Moved, _) => Published::Moved,
            (Pushed::Refused(error), _) => Published::Refused(error),
            (Pushed::Done, None) => Published::Done(None),
            // The steps are taken, whatever becomes of the checkout.
            (Pushed::Done, Some(forward)) => {
                let local = async { repository.go_forward(branch, tip, forward?).await };
                Published::Done(match local.await {
                    Ok(Local::Left(why)) => Some(format!("the checkout was left as it is: {why}")),
                    Ok(Local::Current | Local::Moved | Local::BroughtAlong) => None,
                    Err(error) => {
                        Some(format!("the checkout was left as it is: {}", error.chain()))
                    }
                })
            }
        })
    }

    /// Each push was refused as if somebody else were faster, and nobody was.
    pub(super) fn locked(&self) -> Error {
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

    pub(super) fn lost(&self) -> Error {
        Error::new(
            Kind::Conflict,
            format!("the branch {} moved again and again", self.branch),
        )
        .hint("nothing was changed; the next run decides anew")
    }
}
