//! Canaries that were deleted while something of their rollout is left.

use jiff::{SignedDuration, Timestamp};

use super::asking::Asking;
use super::choose::Choice;
use super::deciding::Decided;
use super::gone;
use super::landed::Landed;
use super::tree::Tree;
use crate::api::{Analysis, Phase, Traffic};
use crate::decide::{self, Readiness, Routed};
use crate::diagnostic::Diagnostic;
use crate::error::Result;
use crate::repo::ancestry::Change;
use crate::repo::generated::Owner;
use crate::repo::git::{Oid, Repository};
use crate::repo::rollout::Rollout;
use crate::report::Outcome;

/// How far a shallow clone is deepened at first to find the last version.
const RECENT: SignedDuration = SignedDuration::from_hours(7 * 24);

/// Where a deleted Canary is looked for, and who is asked.
struct Deleted<'a> {
    repository: &'a Repository,
    tip: Oid,
    tree: &'a Tree<'a>,
    asking: &'a Asking<'a>,
    now: Timestamp,
}

/// Decides for every chosen Canary that generated files name and that is gone.
///
/// # Errors
/// When the files cannot be listed.
pub(super) async fn decide_deleted(
    repository: &Repository,
    tip: Oid,
    tree: &Tree<'_>,
    asking: &Asking<'_>,
    choice: &Choice,
    landed: &Landed,
    now: Timestamp,
) -> Result<Vec<Decided>> {
    let deleted = Deleted {
        repository,
        tip,
        tree,
        asking,
        now,
    };
    let mut decided = Vec::new();
    for owner in tree.inventory.gone()? {
        if !choice.takes(&owner.canary) || landed.has(&owner.canary, &owner.path) {
            continue;
        }
        let made = deleted.decide(&owner).await.unwrap_or_else(|error| {
            Some(Decided {
                outcome: Outcome::failed(owner.canary.clone(), None, error),
                work: None,
            })
        });
        decided.extend(made);
    }
    Ok(decided)
}

impl Deleted<'_> {
    /// `None` when another Canary has taken over.
    async fn decide(&self, owner: &Owner) -> Result<Option<Decided>> {
        let Self { tree, now, .. } = *self;
        if let Some(cluster) = &tree.cluster {
            // What a shallow clone lacks is fetched; whether it was found is seen below.
            let since = now.saturating_sub(RECENT).unwrap_or(now);
            let paths = [owner.path.as_str()];
            cluster.history().last_change(&paths, since).await?;
        }
        let Some(last) = self.repository.last_version(self.tip, owner).await? else {
            let why = "what is to be done is not known: \
                       no version of it is in the history that is here";
            return Ok(Some(idle(owner, None, &[why])));
        };
        let Some((rollout, facts)) = gone::left_of(&tree.inventory, &last, now)? else {
            return Ok(Some(idle(owner, None, &[])));
        };
        if gone::taken_over_by(&tree.inventory, &rollout, now).is_some() {
            return Ok(None);
        }
        // Only who takes over has to be ready.
        let ready = match facts.apex_at_primary && facts.target_replicas != Some(0) {
            true => self.readiness(&rollout).await?,
            false => Readiness::NotReady("it is scaled down".to_owned()),
        };
        let Some(plan) = decide::deleted(&rollout.canary, &facts, &ready, now) else {
            let carried = (facts.routed != Routed::Missing).then(|| facts.routed.traffic());
            return Ok(Some(idle(owner, carried, &[])));
        };
        let before = rollout.canary.status.clone();
        let mut outcome = Outcome::decided(
            owner.canary.clone(),
            &facts.revision,
            before.as_ref(),
            &plan,
        );
        outcome.warnings.push(left(owner));
        let work = Some((rollout, plan));
        Ok(Some(Decided { outcome, work }))
    }

    /// Is the target ready to take over? Not before it was in Git for one interval:
    /// those who are asked may not yet know of its pods, or know of nothing.
    async fn readiness(&self, rollout: &Rollout) -> Result<Readiness> {
        let cluster = self.tree.cluster.as_ref();
        let interval = rollout.canary.spec.analysis.as_ref();
        let interval = interval.map_or_else(|| Analysis::default().interval(), Analysis::interval);
        if let (Some(cluster), Some(copied)) = (cluster, rollout.release.copied()) {
            let target = &copied.target;
            let folder = rollout.home.as_ref();
            let folder = folder.map_or(target.folder(), |home| home.kustomization.folder());
            // Where others share it, its replicas are set in a patch.
            let kind = target.kind.to_lowercase();
            let patch = format!("{folder}/{}-{kind}-patch.yaml", target.name);
            let paths = [target.path(), patch.trim_start_matches('/')];
            let since = self.now.saturating_sub(RECENT).unwrap_or(self.now);
            if let Change::By(commit) = cluster.history().last_change(&paths, since).await? {
                let changed = self.repository.committed_at(commit).await?;
                if self.now.duration_since(changed) < interval {
                    let why = "it was changed less than one interval ago".to_owned();
                    return Ok(Readiness::NotReady(why));
                }
            }
        }
        self.asking
            .target_readiness(rollout, cluster, self.now)
            .await
    }
}

/// Nothing has to be done, except by people.
fn idle(owner: &Owner, traffic: Option<Traffic>, more: &[&str]) -> Decided {
    let plan = decide::Plan {
        phase: traffic.map(|_| Phase::Terminated),
        traffic,
        reasons: std::iter::once("the Canary was deleted")
            .chain(more.iter().copied())
            .map(str::to_owned)
            .collect(),
        ..decide::Plan::bare(decide::Action::Idle)
    };
    let mut outcome = Outcome::decided(owner.canary.clone(), "", None, &plan);
    outcome.warnings.push(left(owner));
    Decided {
        outcome,
        work: None,
    }
}

fn left(owner: &Owner) -> Diagnostic {
    Diagnostic::warning(format!(
        "Canary {} is gone, but what was generated for it is still there",
        owner.canary
    ))
    .hint(
        "once nothing leads to it any more, remove the files that begin with \
         `# Generated by Weirkeeper for the Canary`, and their entries in the kustomization",
    )
}
