//! What the deletion of a Canary does: what a step would decide for it.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::ahead::written;
use super::differ::Side;
use crate::api::Analysis;
use crate::decide::{self, Facts, Plan, Readiness, Routed};
use crate::error::{Kind, Result};
use crate::render::{self, Changes};
use crate::repo::files::Files;
use crate::repo::generated::Owner;
use crate::repo::inventory::Inventory;
use crate::repo::rollout::Rollout;
use crate::report::preview::{Change, Previewed, Step};
use crate::tick::gone;

/// Steps that are carried out: traffic and replicas, then the public Service.
const STEPS: usize = 2;

/// The side that lacks the Canary.
#[derive(Debug, Clone, Copy)]
pub(super) struct Head<'a> {
    pub(super) files: &'a Arc<Files>,
    pub(super) inventory: &'a Inventory,
    /// The Canaries that a step takes for deleted there.
    pub(super) gone: &'a [Owner],
}

/// Tells what a step does for the Canary that `base` has and `head` lacks; `in_full`
/// also tells what it writes. What cannot be told is the error of the Canary.
///
/// # Errors
/// When a file cannot be read.
pub(super) fn fill(
    previewed: &mut Previewed,
    base: Side<'_>,
    head: Head<'_>,
    in_full: bool,
) -> Result<()> {
    let manifest = base.judged.manifest;
    let is_seen = head.gone.iter().any(|owner| owner.canary == manifest.id());
    let left = gone::left_of(head.inventory, manifest, base.now);
    if !is_seen {
        // Where it cannot be told what is left, it is what there was.
        let share = match (&left, &base.judged.read) {
            (Ok(Some((_, facts))), _) | (Err(_), Ok((_, facts))) => share(facts),
            _ => 0,
        };
        let heir = match (previewed.change, left) {
            (Change::Deleted, Ok(Some((rollout, _)))) => heir(&head, &rollout, base),
            _ => None,
        };
        previewed.rests = Some(heir.unwrap_or_else(|| unseen(&head, share)));
        return Ok(());
    }
    let (rollout, facts) = match left {
        Ok(Some(left)) => left,
        Ok(None) => {
            previewed.rests = Some("nothing leads to its canary any more".to_owned());
            return Ok(());
        }
        Err(error) if error.kind() == Kind::Document => {
            previewed.error = Some(error);
            return Ok(());
        }
        Err(error) => return Err(error),
    };
    if let Some(heir) = heir(&head, &rollout, base) {
        previewed.rests = Some(heir);
        return Ok(());
    }
    let exposed = share(&facts);
    match carry_out(rollout, facts, base, head) {
        Ok((reasons, steps)) => {
            previewed.rests = Some(told(&reasons, exposed));
            if in_full {
                previewed.steps = steps;
            }
        }
        Err(error) if error.kind() == Kind::Document => previewed.error = Some(error),
        Err(error) => return Err(error),
    }
    Ok(())
}

/// The canary's share of the traffic, in percent.
fn share(facts: &Facts) -> i64 {
    match facts.routed {
        Routed::Missing => 0,
        Routed::Even(_) | Routed::Uneven(_) => facts.routed.traffic().percent(),
    }
}

/// Who goes on in its place.
fn heir(head: &Head<'_>, rollout: &Rollout, base: Side<'_>) -> Option<String> {
    let heir = gone::taken_over_by(head.inventory, rollout, base.now)?;
    let id = heir.id();
    Some(format!("{id} takes over its target and routes as they are"))
}

/// Of a deletion that no step sees.
fn unseen(head: &Head<'_>, share: i64) -> String {
    let mut text = "no step is taken any more".to_owned();
    if !head.inventory.broken().is_empty() {
        text.push_str(" while a file cannot be read");
    }
    if share > 0 {
        text.push_str(&format!("; the canary keeps {share} % of traffic"));
    }
    text
}

/// The steps in one line.
fn told(reasons: &[String], exposed: i64) -> String {
    let Some((first, rest)) = reasons.split_first() else {
        return "nothing is left to do, what was generated stays".to_owned();
    };
    let mut text = first.clone();
    if exposed > 0 {
        text.push_str(&format!(" (the canary has {exposed} % until then)"));
    }
    for reason in rest {
        text.push_str(&format!("; then, once it is ready, {reason}"));
    }
    text.push_str("; what was generated stays");
    text
}

/// Decides as a step would and carries it out in memory, one step after the other:
/// what each says and what it writes.
fn carry_out(
    rollout: Rollout,
    facts: Facts,
    base: Side<'_>,
    head: Head<'_>,
) -> Result<(Vec<String>, Vec<Step>)> {
    let (mut reasons, mut steps) = (Vec::new(), Vec::new());
    let mut texts = BTreeMap::new();
    let interval = rollout.canary.spec.analysis.as_ref();
    let interval = interval.map_or_else(|| Analysis::default().interval(), Analysis::interval);
    let mut at = base.now;
    let mut left = Some((rollout, facts));
    while let Some((rollout, facts)) = left.filter(|_| reasons.len() < STEPS) {
        let Some(plan) = decide::deleted(&rollout.canary, &facts, &Readiness::Ready, at) else {
            break;
        };
        let files = Files::over(Arc::clone(head.files), texts.clone())?;
        let mut changes = Changes::default();
        render::apply(&plan, &rollout, &files, &mut changes)?;
        let reason = reason(&plan);
        reasons.push(reason.clone());
        let written = written(&changes, &files, &rollout.manifest)?;
        if !written.is_empty() {
            let files = written;
            steps.push(Step { at, reason, files });
        }
        texts.extend(changes.texts().clone());
        let files = Files::over(Arc::clone(head.files), texts.clone())?;
        left = gone::left_of(&Inventory::load(files)?, base.judged.manifest, at)?;
        // Nobody takes over before the manifests had time to be applied.
        at = at.saturating_add(interval).unwrap_or(at);
    }
    Ok((reasons, steps))
}

/// Why, without what everybody knows.
fn reason(plan: &Plan) -> String {
    let reason = plan.reasons.first().map_or("", String::as_str);
    let known = "the Canary was deleted: ";
    reason.strip_prefix(known).unwrap_or(reason).to_owned()
}
