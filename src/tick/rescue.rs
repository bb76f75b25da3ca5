//! What is left to do when the documents of a Canary cannot be used: a rollback
//! needs its routes alone, and must not wait until somebody mends the rest.

use jiff::Timestamp;

use super::asking::Asking;
use super::deciding::{Decided, decided};
use super::tree::Tree;
use crate::api::{OnFailure, Status};
use crate::decide::{Action, Facts};
use crate::error::{Error, Kind, Result};
use crate::gateway::QuerySet;
use crate::render;
use crate::repo::manifest::Manifest;
use crate::repo::rollout::{self, Rollout};
use crate::report::Outcome;

/// The tick of a Canary that cannot be resolved because of `error`: a rollback
/// that is due, else nothing. The error is told either way.
pub(super) async fn decide(
    tree: &Tree<'_>,
    asking: &Asking<'_>,
    manifest: &Manifest,
    error: Error,
    now: Timestamp,
) -> Decided {
    if let Some(mut rolled_back) = rollback(tree, asking, manifest, &error, now).await {
        rolled_back.outcome.failures.insert(0, error);
        return rolled_back;
    }
    // Whatever is wrong with the rest: a rollout that is under way stays one.
    let status = manifest.value.get("status").cloned();
    let status = status.and_then(|status| serde_yaml::from_value::<Status>(status).ok());
    Decided {
        outcome: Outcome::failed(manifest.id(), status.as_ref(), error),
        work: None,
    }
}

async fn rollback(
    tree: &Tree<'_>,
    asking: &Asking<'_>,
    manifest: &Manifest,
    error: &Error,
    now: Timestamp,
) -> Option<Decided> {
    if error.kind() != Kind::Document {
        return None;
    }
    let found = routes_only(tree, manifest, true, now);
    let (mut rollout, mut facts) = found.inspect_err(untold).ok()?;
    let status = rollout.canary.status.as_ref();
    if !status.is_some_and(Status::is_exposed) {
        return None;
    }
    // Failed checks cannot be counted in the status, which only a rollback
    // writes: they are those since the last step.
    if let Some(analysis) = &mut rollout.canary.spec.analysis {
        analysis.catch_up = Some(true);
    }
    let asked = asking.decide(&rollout, &facts, tree.cluster.as_ref(), now);
    let asked = match asked.await {
        // A query set that does not know what is asked of it is no better than none.
        Err(error)
            if error.kind() == Kind::Document && rollout.gateway.implementation.is_some() =>
        {
            untold(&error);
            measure_as_unknown(tree, &mut rollout)
                .inspect_err(untold)
                .ok()?;
            facts.evidence = None;
            let asked = asking.decide(&rollout, &facts, tree.cluster.as_ref(), now);
            asked.await
        }
        asked => asked,
    };
    let asked = asked.inspect_err(untold).ok()?;
    let is_rollback = asked.plan.action == Action::RolledBack;
    is_rollback.then(|| decided(rollout, &facts, asked))
}

/// The routes of a Canary and what they do. The target stays as it is, also with
/// `onFailure: revert`: it is not known.
///
/// # Errors
/// As [`rollout::resolve_routes`] and [`render::facts_of_routes`].
pub(super) fn routes_only(
    tree: &Tree<'_>,
    manifest: &Manifest,
    judges: bool,
    now: Timestamp,
) -> Result<(Rollout, Facts)> {
    let mut rollout = rollout::resolve_routes(&tree.inventory, manifest, judges, now)?;
    if rollout.gateway.set.is_none() {
        measure_as_unknown(tree, &mut rollout)?;
    }
    let mut facts = render::facts_of_routes(&rollout)?;
    // A scale-down has to wait until there is something to scale.
    facts.exposed = facts.exposed.max(1);
    if let Some(gitops) = &mut rollout.canary.spec.gitops {
        gitops.on_failure = OnFailure::Hold;
    }
    Ok((rollout, facts))
}

/// Measures as if nobody knew the gateway: one that became known during a rollout, or
/// whose route changed, cannot measure what a rollback may depend on.
///
/// # Errors
/// As [`Inventory::catalogue`](crate::repo::inventory::Inventory::catalogue).
fn measure_as_unknown(tree: &Tree<'_>, rollout: &mut Rollout) -> Result<()> {
    rollout.gateway.set = tree.inventory.catalogue()?.set(QuerySet::GENERIC);
    Ok(())
}

/// The first error is told, and says what is to be mended.
fn untold(error: &Error) {
    tracing::debug!(error = %error.chain(), "no rollback either");
}
