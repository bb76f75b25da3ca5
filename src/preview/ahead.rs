//! The steps ahead, and what the first of them write: carried out in memory.

use std::collections::BTreeMap;
use std::sync::Arc;

use jiff::Timestamp;

use super::diff;
use super::differ::Side;
use crate::api::{Analysis, Canary};
use crate::decide::{
    Action, Effect, Facts, Milestone, Plan, Primary, hopeful, next_tick, schedule,
};
use crate::error::Result;
use crate::render::{self, Changes};
use crate::repo::files::Files;
use crate::repo::inventory::Inventory;
use crate::repo::manifest::Manifest;
use crate::repo::rollout::{self, Rollout};
use crate::report::preview::{FileDiff, Previewed, Step};

/// Stands for the name of a revision that nobody knows yet.
const NEXT: &str = "next";

/// Steps that are carried out.
const STEPS: usize = 3;

/// Tells what follows the change. `base` is the Canary without it, when it was there;
/// `in_full` also carries the first steps out.
///
/// What cannot be carried out is told as the error of the Canary.
///
/// # Errors
/// When a file cannot be read.
pub(super) fn fill(
    previewed: &mut Previewed,
    base: Option<Side<'_>>,
    head: Side<'_>,
    in_full: bool,
) -> Result<()> {
    let Ok((rollout, facts)) = &head.judged.read else {
        return Ok(());
    };
    let mut facts = facts.clone();
    facts.frozen = head.files.frozen()?;
    let canary = &rollout.canary;
    previewed.strategy = canary.spec.analysis.as_ref().map(Analysis::strategy);
    previewed.schedule = schedule(canary, &facts, head.now);
    let follows = !previewed.schedule.is_empty();
    if !follows
        && previewed
            .fields
            .iter()
            .any(|one| one.what.starts_with("spec"))
    {
        previewed.schedule = next_release(canary, &facts, head.now);
        previewed.of_next_release = !previewed.schedule.is_empty();
    }
    previewed.ends_at = previewed.schedule.last().map(|step| step.at);
    let shares = previewed.schedule.iter().filter_map(|step| step.traffic);
    previewed.largest_share = shares.map(|traffic| traffic.percent()).max();
    if !follows {
        let plan = hopeful(canary, &facts, next_tick(canary, head.now));
        previewed.rests = plan.and_then(|plan| plan.reasons.into_iter().next());
    }
    previewed.same_schedule =
        match base.and_then(|base| Some((base, base.judged.read.as_ref().ok()?))) {
            Some((base, (rollout, facts))) => {
                let mut facts = facts.clone();
                facts.frozen = base.files.frozen()?;
                let before = match previewed.of_next_release {
                    true => next_release(&rollout.canary, &facts, base.now),
                    false => schedule(&rollout.canary, &facts, base.now),
                };
                before == previewed.schedule
            }
            None => false,
        };
    let is_old = previewed.same_schedule && previewed.revision.is_none();
    if is_old || previewed.of_next_release {
        return Ok(());
    }
    if !in_full && !previewed.schedule.is_empty() {
        let note = "its files are not shown: many Canaries are touched".to_owned();
        previewed.notes.push(note);
        return Ok(());
    }
    match carry_out(&head, rollout, &facts, &previewed.schedule) {
        Ok(steps) => previewed.steps = steps,
        Err(error) => previewed.error = Some(error),
    }
    if previewed
        .schedule
        .iter()
        .any(|step| step.action == Action::Promoting)
    {
        match promotion(&head, rollout) {
            Ok(files) => previewed.promotion = files,
            Err(error) => previewed.error = Some(error),
        }
    }
    Ok(())
}

/// The steps of a release to come, when it lands as soon as a tick may be taken.
fn next_release(canary: &Canary, facts: &Facts, now: Timestamp) -> Vec<Milestone> {
    let facts = Facts {
        revision: NEXT.to_owned(),
        primary: Primary::Different,
        ..facts.clone()
    };
    schedule(canary, &facts, next_tick(canary, now))
}

/// The repository after a step.
struct After {
    inventory: Inventory,
    rollout: Rollout,
    facts: Facts,
}

/// Carries out the first steps one after the other, each on what the one before left.
fn carry_out(
    head: &Side<'_>,
    rollout: &Rollout,
    facts: &Facts,
    schedule: &[Milestone],
) -> Result<Vec<Step>> {
    let mut steps = Vec::new();
    let mut texts = BTreeMap::new();
    let mut after: Option<After> = None;
    let ahead = schedule
        .iter()
        .take_while(|step| step.action != Action::Promoting);
    for milestone in ahead.take(STEPS) {
        let (files, rollout, facts) = match &after {
            Some(after) => (after.inventory.files(), &after.rollout, &after.facts),
            None => (&**head.files, rollout, facts),
        };
        let Some(plan) = hopeful(&rollout.canary, facts, milestone.at) else {
            break;
        };
        let mut changes = Changes::default();
        render::apply(&plan, rollout, files, &mut changes)?;
        let written = written(&changes, files, &rollout.manifest)?;
        if !written.is_empty() {
            steps.push(Step {
                at: milestone.at,
                reason: milestone.reasons.first().cloned().unwrap_or_default(),
                files: written,
            });
        }
        texts.extend(changes.texts().clone());
        let files = Files::over(Arc::clone(head.files), texts.clone())?;
        after = read(Inventory::load(files)?, &rollout.manifest, milestone.at)?;
        if after.is_none() {
            break;
        }
    }
    Ok(steps)
}

/// Reads a Canary again; `None` when it is not there any more.
fn read(inventory: Inventory, manifest: &Manifest, now: Timestamp) -> Result<Option<After>> {
    let is_it = |one: &&Manifest| one.path() == manifest.path() && one.id() == manifest.id();
    let Some(manifest) = inventory.canaries().iter().find(is_it) else {
        return Ok(None);
    };
    let rollout = rollout::resolve(&inventory, manifest, now)?;
    let mut facts = render::facts(&rollout)?;
    facts.frozen = inventory.files().frozen()?;
    Ok(Some(After {
        rollout,
        facts,
        inventory,
    }))
}

/// The files that a step changes; of the Canary itself only the status, which is not
/// shown.
pub(super) fn written(
    changes: &Changes,
    files: &Files,
    canary: &Manifest,
) -> Result<Vec<FileDiff>> {
    let mut written = Vec::new();
    for (path, after) in changes.texts() {
        let before = files.read(path)?;
        let before = before.map(|bytes| String::from_utf8_lossy(&bytes).into_owned());
        if path != canary.path() && before.as_ref() != Some(after) {
            written.push(diff::of(path, before.as_deref(), after));
        }
    }
    Ok(written)
}

/// What the primary would get.
fn promotion(head: &Side<'_>, rollout: &Rollout) -> Result<Vec<FileDiff>> {
    let mut changes = Changes::default();
    let plan = Plan {
        effects: vec![Effect::Promote],
        ..Plan::bare(Action::Promoting)
    };
    render::apply(&plan, rollout, head.files, &mut changes)?;
    written(&changes, head.files, &rollout.manifest)
}
