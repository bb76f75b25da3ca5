//! Observing and deciding: nothing is written.

use std::collections::{BTreeMap, BTreeSet};

use futures_util::future::join_all;
use jiff::Timestamp;

use super::asking::{Asked, Asking};
use super::choose::Choice;
use super::landed::Landed;
use super::rescue;
use super::tree::Tree;
use crate::decide::{Action, Facts, Plan};
use crate::diagnostic::{Diagnostic, Severity};
use crate::error::{Error, Result};
use crate::render;
use crate::repo::inventory::{Inventory, names_of};
use crate::repo::manifest::Manifest;
use crate::repo::rollout::{self, Claim, Rollout};
use crate::report::Outcome;

/// One Canary after deciding, before anything is written.
#[derive(Debug)]
pub(crate) struct Decided {
    /// What is reported.
    pub(crate) outcome: Outcome,
    /// What is to be done; `None` when the tick could not be taken.
    pub(crate) work: Option<(Rollout, Plan)>,
}

/// Observes and decides every Canary that is chosen, all at the same time as far
/// as [`Asking`] allows. Nothing is written.
///
/// # Errors
/// [`Kind::Usage`](crate::error::Kind::Usage) when a Canary is named that is not
/// there.
pub(crate) async fn decide_all(
    tree: &Tree<'_>,
    asking: &Asking<'_>,
    choice: &Choice,
    now: Timestamp,
) -> Result<Vec<Decided>> {
    decide_rest(tree, asking, choice, &Landed::default(), now).await
}

/// The same without those that took their step already.
///
/// # Errors
/// As [`decide_all`].
pub(super) async fn decide_rest(
    tree: &Tree<'_>,
    asking: &Asking<'_>,
    choice: &Choice,
    landed: &Landed,
    now: Timestamp,
) -> Result<Vec<Decided>> {
    let mut manifests = choice.of(&tree.inventory)?;
    manifests.retain(|manifest| !landed.has(&manifest.id(), manifest.path()));
    let decisions = manifests
        .iter()
        .map(|manifest| decide_one(tree, asking, manifest, now));
    let mut decided = join_all(decisions).await;
    refuse_shared_targets(&tree.inventory, &manifests, &mut decided, now);
    Ok(decided)
}

async fn decide_one(
    tree: &Tree<'_>,
    asking: &Asking<'_>,
    manifest: &Manifest,
    now: Timestamp,
) -> Decided {
    let mut warnings = Vec::new();
    let merged = async {
        let mut rollout = rollout::resolve(&tree.inventory, manifest, now)?;
        tree.count_from_merge(&mut rollout, now).await?;
        Ok(rollout)
    };
    let read = merged.await.and_then(|rollout| {
        warnings.clone_from(&rollout.warnings);
        warnings.extend(render::warnings(&rollout));
        let facts = tree.facts(&rollout)?;
        Ok((rollout, facts))
    });
    let mut decided = match read {
        Ok((rollout, facts)) => decide_rollout(tree, asking, rollout, facts, now).await,
        Err(error) => rescue::decide(tree, asking, manifest, error, now).await,
    };
    warnings.append(&mut decided.outcome.warnings);
    decided.outcome.warnings = warnings;
    decided.outcome.place = manifest.error_at("metadata.name", "").location();
    decided
}

async fn decide_rollout(
    tree: &Tree<'_>,
    asking: &Asking<'_>,
    rollout: Rollout,
    facts: Facts,
    now: Timestamp,
) -> Decided {
    let cluster = tree.cluster.as_ref();
    match asking.decide(&rollout, &facts, cluster, now).await {
        Ok(asked) => decided(rollout, &facts, asked),
        Err(error) => {
            let (id, before) = (rollout.canary.id(), rollout.canary.status.as_ref());
            Decided {
                outcome: Outcome::failed(id, before, error),
                work: None,
            }
        }
    }
}

/// What was decided after everybody was asked.
pub(super) fn decided(rollout: Rollout, facts: &Facts, asked: Asked) -> Decided {
    let Asked {
        plan,
        failures,
        unasked,
        assumed,
        is_blind,
    } = asked;
    let (id, before) = (rollout.canary.id(), rollout.canary.status.as_ref());
    let mut outcome = Outcome::decided(id, &facts.revision, before, &plan);
    outcome.reasons.extend(not_called(&assumed));
    if is_blind && plan.action == Action::Held && facts.exposed > 0 {
        outcome.warnings.push(blind(&rollout, &outcome));
    }
    outcome.failures.extend(unasked);
    let failures = failures.into_iter();
    let failures = failures.map(|(index, why)| webhook_failure(&rollout, index, &why));
    outcome.failures.extend(failures);
    Decided {
        outcome,
        work: Some((rollout, plan)),
    }
}

/// New revisions have traffic, and nobody looks: a run that is merely held would be
/// green for ever.
fn blind(rollout: &Rollout, outcome: &Outcome) -> Diagnostic {
    let (canary, held) = (&outcome.canary, &outcome.reasons);
    let why = held.first().map_or("", String::as_str);
    let message = format!("{canary} has traffic on the canary, and nobody judges it: {why}");
    Diagnostic {
        severity: Severity::Warning,
        ..rollout.manifest.error_at("metadata.name", message)
    }
}

/// The webhooks that were not called, and what took the place of their answers.
fn not_called(names: &[String]) -> Option<String> {
    match names {
        [] => None,
        [name] => Some(format!(
            "webhook {name} is not called, taken to let the rollout go on"
        )),
        names => Some(format!(
            "webhooks {} are not called, taken to let the rollout go on",
            names.join(", ")
        )),
    }
}

/// A webhook that gave no answer counts as one that refused, and is told.
fn webhook_failure(rollout: &Rollout, index: usize, why: &str) -> Error {
    let webhooks = rollout.canary.spec.analysis.as_ref();
    let name = webhooks
        .and_then(|analysis| analysis.webhooks().get(index))
        .map_or("", |webhook| webhook.name.as_str());
    let field = format!("spec.analysis.webhooks[{index}].url");
    Error::remote(format!("webhook {name} gave no usable answer"))
        .at([rollout.manifest.error_at(&field, why)])
        .hint("this counts as a refusal; check the address, and that this machine can reach it")
}

/// Two Canaries that change the same target, or the same field, would undo each
/// other's steps, also when the other one is not part of this run.
pub(super) fn refuse_shared_targets(
    inventory: &Inventory,
    manifests: &[&Manifest],
    decided: &mut [Decided],
    now: Timestamp,
) {
    let mut claims: BTreeMap<Claim, Vec<(usize, String)>> = BTreeMap::new();
    for (index, decided) in decided.iter().enumerate() {
        let rollout = decided.work.as_ref().map(|(rollout, _)| rollout);
        for claim in rollout.map(Rollout::claims).unwrap_or_default() {
            let place = decided.outcome.place.clone().unwrap_or_default();
            claims.entry(claim).or_default().push((index, place));
        }
    }
    for other in rivals(inventory, manifests) {
        let Ok(rollout) = rollout::resolve(inventory, other, now) else {
            continue;
        };
        for claim in rollout.claims() {
            if let Some(shared) = claims.get_mut(&claim) {
                shared.push((usize::MAX, place_of(other)));
            }
        }
    }
    let mut refused = BTreeSet::new();
    for (claim, shared) in claims.iter().filter(|(_, shared)| shared.len() > 1) {
        for (index, _) in shared {
            let mut others = shared.iter().filter(|(other, _)| other != index);
            if let (Some(decided), Some((_, other))) = (decided.get_mut(*index), others.next())
                && refused.insert(*index)
            {
                refuse(decided, claim, other);
            }
        }
    }
}

/// Canaries that are not among `manifests` and may have something in common with
/// one of them.
fn rivals<'a>(
    inventory: &'a Inventory,
    manifests: &'a [&'a Manifest],
) -> impl Iterator<Item = &'a Manifest> {
    let all = inventory.canaries();
    let chosen: BTreeSet<String> = match manifests.len() == all.len() {
        true => BTreeSet::new(),
        false => manifests.iter().copied().flat_map(names_of).collect(),
    };
    let is_chosen = |other: &Manifest| manifests.iter().any(|canary| std::ptr::eq(*canary, other));
    let may_share = move |other: &Manifest| names_of(other).any(|name| chosen.contains(&name));
    all.iter()
        .filter(move |other| may_share(other) && !is_chosen(other))
}

fn refuse(decided: &mut Decided, claim: &Claim, other: &str) {
    let what = match claim {
        Claim::Target { .. } | Claim::Field { .. } => "releases the same target",
        Claim::Route { .. } => "steers the same route",
        Claim::Apex { .. } => "has the same public Service",
    };
    let error =
        Error::document(format!("another Canary {what}: {other}")).hint("remove one of the two");
    // A rollback takes traffic away, whoever else wants the target.
    if let Some((_, plan)) = &decided.work
        && plan.action == Action::RolledBack
    {
        decided.outcome.failures.push(error);
        return;
    }
    let Some((rollout, _)) = decided.work.take() else {
        return;
    };
    let place = decided.outcome.place.clone();
    decided.outcome = Outcome::failed(rollout.canary.id(), rollout.canary.status.as_ref(), error);
    decided.outcome.place = place;
}

/// Where a Canary stands, `path:line:column`.
fn place_of(manifest: &Manifest) -> String {
    let place = manifest.error_at("metadata.name", "").location();
    place.unwrap_or_default()
}
