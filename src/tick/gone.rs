//! What a Canary that was deleted leaves in the manifests.

use std::collections::BTreeSet;

use jiff::Timestamp;

use crate::decide::Facts;
use crate::error::{Error, Kind, Result};
use crate::render;
use crate::repo::inventory::{Inventory, names_of};
use crate::repo::manifest::Manifest;
use crate::repo::rollout::{self, Rollout};

/// What the last version acts on. Was more deleted than the Canary, it is the
/// routes alone; `None` when they lead nowhere, either.
///
/// # Errors
/// [`Kind::Document`] when something may still lead to the canary.
pub(crate) fn left_of(
    inventory: &Inventory,
    last: &Manifest,
    now: Timestamp,
) -> Result<Option<(Rollout, Facts)>> {
    let whole = rollout::resolve(inventory, last, now).and_then(|rollout| {
        let mut facts = render::facts(&rollout)?;
        facts.frozen = inventory.files().frozen()?;
        Ok((rollout, facts))
    });
    let mut found = match whole {
        Ok(found) => Some(found),
        Err(error) if error.kind() != Kind::Document => return Err(error),
        Err(error) => {
            tracing::debug!(error = %error.chain(), canary = last.id(), "deleted with more");
            routes_of(inventory, last, now)?
        }
    };
    if let Some((rollout, _)) = &mut found {
        rollout.is_deleted = true;
    }
    Ok(found)
}

fn routes_of(
    inventory: &Inventory,
    last: &Manifest,
    now: Timestamp,
) -> Result<Option<(Rollout, Facts)>> {
    let unknown = |error: Error| {
        let canary = last.id();
        let message = format!("requests may still go to the canary of {canary}, which is gone");
        Error::document(message)
            .at(error.diagnostics().to_vec())
            .hint("restore the Canary, or send all traffic to the primary in its routes")
            .because(error)
    };
    let rollout = match rollout::resolve_routes(inventory, last, false, now) {
        Ok(rollout) => rollout,
        Err(_) if rollout::has_no_route(inventory, last) => return Ok(None),
        Err(error) => return Err(unknown(error)),
    };
    match render::facts_of_routes(&rollout) {
        Ok(mut facts) => {
            // Nobody can be scaled up to take over.
            facts.scales = false;
            Ok(Some((rollout, facts)))
        }
        Err(_) if render::exposed(&rollout) == 0 => Ok(None),
        Err(error) => Err(unknown(error)),
    }
}

/// The Canary that is there and has a target or route of the deleted one: it was
/// renamed to that.
pub(crate) fn taken_over_by<'a>(
    inventory: &'a Inventory,
    rollout: &Rollout,
    now: Timestamp,
) -> Option<&'a Manifest> {
    let names: BTreeSet<String> = names_of(&rollout.manifest).collect();
    let claims = rollout.claims();
    let mut others = inventory.canaries().iter();
    others.find(|other| {
        if !names_of(other).any(|name| names.contains(&name)) {
            return false;
        }
        let found = rollout::resolve(inventory, other, now)
            .or_else(|_| rollout::resolve_routes(inventory, other, false, now));
        found.is_ok_and(|found| found.claims().iter().any(|claim| claims.contains(claim)))
    })
}
