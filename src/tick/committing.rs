//! From decisions to commits.

use super::deciding::Decided;
use super::publish::api;
use super::{Via, World};
use crate::error::{Kind, Result};
use crate::render::{self, Changes};
use crate::repo::Commits;
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
        let message = render::apply(plan, rollout, inventory.files(), &mut changes)
            .and_then(|()| message::commit(&rollout.canary, plan, &decided.outcome));
        let added = match message {
            Ok(message) => match add(world, &mut commits, &changes, &message) {
                Err(error) if error.kind() != Kind::Document => return Err(error),
                added => added,
            },
            Err(error) => Err(error),
        };
        match added {
            Ok(commit) => {
                changes.keep();
                decided.outcome.commit = commit.map(|commit| commit.to_string());
            }
            Err(error) => {
                changes.undo();
                let status = rollout.canary.status.as_ref();
                let failed = Outcome::failed(rollout.canary.id(), status, error);
                let before = std::mem::replace(&mut decided.outcome, failed);
                decided.outcome.place = before.place;
                decided.outcome.warnings = before.warnings;
                decided.outcome.failures = before.failures;
            }
        }
    }
    world.repository.store(commits).await
}

/// Adds the commit of one step; not one that could not be made elsewhere.
fn add(
    world: &World,
    commits: &mut Commits,
    changes: &Changes,
    message: &str,
) -> Result<Option<Oid>> {
    let commit = commits.add(&changes.changed(), message, &world.author)?;
    if commit.is_some() && world.via == Via::Api && world.remote.is_some() {
        let checked = commits.last().and_then(|made| api::check(&made));
        if let Err(error) = checked {
            commits.take_back();
            return Err(error);
        }
    }
    Ok(commit)
}
