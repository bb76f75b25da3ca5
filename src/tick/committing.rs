//! From decisions to commits.

use super::World;
use super::deciding::Decided;
use crate::error::{Kind, Result};
use crate::render::{self, Changes};
use crate::repo::git::Oid;
use crate::repo::inventory::Inventory;
use crate::report::{Outcome, message};

/// Commits the decided steps one by one on top of `base` and returns the last
/// commit. A step that cannot be written fails alone.
///
/// # Errors
/// When a commit cannot be made at all.
pub(super) async fn commit_all(
    world: &World,
    inventory: &Inventory,
    base: Oid,
    decided: &mut [Decided],
) -> Result<Oid> {
    let mut commits = world.repository.commits_on(base)?;
    let mut changes = Changes::default();
    for decided in decided {
        let Some((rollout, plan)) = &decided.work else {
            continue;
        };
        if plan.is_empty() {
            continue;
        }
        let result = render::apply(plan, rollout, inventory.files(), &mut changes)
            .and_then(|()| message::commit(&rollout.canary, plan, &decided.outcome))
            .and_then(|message| commits.add(&changes.keep(), &message, &world.author));
        match result {
            Ok(commit) => decided.outcome.commit = commit.map(|commit| commit.to_string()),
            Err(error) if error.kind() == Kind::Document => {
                changes.undo();
                let status = rollout.canary.status.as_ref();
                let place = decided.outcome.place.take();
                decided.outcome = Outcome::failed(rollout.canary.id(), status, error);
                decided.outcome.place = place;
            }
            Err(error) => return Err(error),
        }
    }
    world.repository.store(commits).await
}
