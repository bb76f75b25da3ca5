//! Does the cluster run what was last committed for a Canary?

mod reports;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, PoisonError};

use jiff::{SignedDuration, Timestamp};

use crate::api::AppliedFrom;
use crate::decide::Applied;
use crate::error::Result;
use crate::github::{CommitStatus, GitHub};
use crate::observe::{Observer, Subject, commit_of};
use crate::repo::ancestry::{Change, History};
use crate::repo::git::Oid;
use crate::repo::rollout::Rollout;
use reports::Reports;

/// Contexts of Flux: `kustomization/<name>/<id>`.
const CONTEXT: &str = "kustomization/";

/// Commits whose statuses are asked for, at most.
const COMMITS: usize = 20;

/// The commit of a step is looked for a little before it was taken: clocks differ.
const EARLIER: SignedDuration = SignedDuration::from_hours(1);

/// Who knows what the cluster runs.
#[derive(Debug)]
pub(crate) struct Cluster<'a> {
    history: History<'a>,
    github: &'a GitHub,
    /// The statuses of commits, asked for once.
    statuses: Mutex<BTreeMap<Oid, Arc<Vec<CommitStatus>>>>,
}

impl<'a> Cluster<'a> {
    /// What the cluster runs, compared with the commits of `history`.
    pub(crate) fn new(history: History<'a>, github: &'a GitHub) -> Self {
        Self {
            history,
            github,
            statuses: Mutex::default(),
        }
    }

    /// The commits that led to what is judged.
    pub(super) fn history(&self) -> &History<'a> {
        &self.history
    }

    async fn by_revisions(&self, of: &Committed<'_>, observer: &Observer) -> Result<Applied> {
        let primary = of.rollout.primary_workload();
        let subject = Subject {
            canary: &of.rollout.canary,
            templates: &of.rollout.templates,
            primary: &primary,
            gateway: &of.rollout.gateway,
        };
        let Some(found) = observer.revisions(&subject, of.at, of.now).await? else {
            return Ok(Applied::Unknown(
                "nobody to ask what the cluster runs: give --prometheus or spec.metricsServer, \
                 or choose another spec.gitops.applied.from"
                    .to_owned(),
            ));
        };
        let mut ours = BTreeSet::new();
        for revision in found.revisions().collect::<BTreeSet<_>>() {
            let commit = commit_of(revision).and_then(|commit| Oid::from_str(commit).ok());
            if let Some(commit) = commit
                && self.history.is_at_or_after(commit, of.commit).await?
            {
                ours.insert(revision);
            }
        }
        Ok(found.judge(&ours, &of.shown()))
    }

    /// Asks for the statuses of the commit; were some of them not reported there,
    /// of those after it, too: what runs may have gone past it.
    async fn by_statuses(&self, of: &Committed<'_>, context: &str) -> Result<Applied> {
        let mut reports = Reports::new(context);
        reports.add(&self.statuses(of.commit).await?);
        if let Some(since) = reports.applied_since() {
            return Ok(Applied::Since(since));
        }
        let after = self.history.down_to(of.commit).await;
        for commit in after
            .iter()
            .take(COMMITS - 1)
            .filter(|it| **it != of.commit)
        {
            reports.add(&self.statuses(*commit).await?);
        }
        Ok(reports.judge(&of.shown()))
    }

    async fn statuses(&self, commit: Oid) -> Result<Arc<Vec<CommitStatus>>> {
        let kept = || self.statuses.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = kept().get(&commit) {
            return Ok(Arc::clone(known));
        }
        let new = Arc::new(self.github.statuses(&commit.to_string()).await?);
        kept().insert(commit, Arc::clone(&new));
        Ok(new)
    }
}

/// The last commit of a Canary.
struct Committed<'a> {
    rollout: &'a Rollout,
    commit: Oid,
    /// When its step was taken.
    at: Timestamp,
    now: Timestamp,
}

impl Committed<'_> {
    fn shown(&self) -> String {
        let mut text = self.commit.to_string();
        text.truncate(8);
        text
    }
}

/// Answers [`Probe::Applied`](crate::decide::Probe::Applied) as
/// `spec.gitops.applied` says. Without a `cluster` nobody knows which commits
/// there are.
///
/// # Errors
/// When Git, Prometheus or GitHub cannot be asked.
pub(super) async fn applied(
    rollout: &Rollout,
    observer: &Observer,
    cluster: Option<&Cluster<'_>>,
    now: Timestamp,
) -> Result<Applied> {
    let gitops = rollout.canary.spec.gitops();
    let applied = gitops.applied.clone().unwrap_or_default();
    let status = rollout.canary.status.as_ref();
    let Some(at) = status.and_then(|status| status.last_step_time) else {
        // Nothing was committed that could be waited for.
        return Ok(Applied::Since(Timestamp::default()));
    };
    match applied.from {
        AppliedFrom::None => return Ok(Applied::Since(at)),
        // Also a time to come: the next tick is due one interval after it.
        AppliedFrom::Delay => {
            let since = at.saturating_add(applied.delay());
            return Ok(Applied::Since(since.unwrap_or(at)));
        }
        AppliedFrom::Prometheus | AppliedFrom::GithubStatus => {}
    }
    let Some(cluster) = cluster else {
        return Ok(Applied::Unknown(
            "the files are not in a Git repository: nobody can tell what the cluster runs of them"
                .to_owned(),
        ));
    };
    let paths = paths(rollout);
    let paths: Vec<&str> = paths.iter().map(String::as_str).collect();
    let since = at.saturating_sub(EARLIER).unwrap_or(at);
    let commit = match cluster.history.last_change(&paths, since).await? {
        Change::By(commit) => commit,
        Change::Never => return Ok(Applied::NotYet("it is not committed yet".to_owned())),
        Change::TooFar => {
            return Ok(Applied::Unknown(
                "the history of this clone ends before its last step: fetch more of it, \
                 with actions/checkout `fetch-depth: 0`"
                    .to_owned(),
            ));
        }
    };
    let of = Committed {
        rollout,
        commit,
        at,
        now,
    };
    let found = match applied.from {
        AppliedFrom::GithubStatus => {
            let context = applied.context.as_deref().unwrap_or(CONTEXT);
            cluster.by_statuses(&of, context).await?
        }
        AppliedFrom::None | AppliedFrom::Delay | AppliedFrom::Prometheus => {
            cluster.by_revisions(&of, observer).await?
        }
    };
    Ok(match found {
        // It was not there before it was made, whatever the clocks say.
        Applied::Since(since) => Applied::Since(since.max(at)),
        other @ (Applied::NotYet(_) | Applied::Failing(_) | Applied::Unknown(_)) => other,
    })
}

/// The files whose last change has to be applied: all that a cluster runs of the
/// rollout. The Canary itself changes nothing there: a failed check is no reason to
/// wait. Without any other file it is all there is.
fn paths(rollout: &Rollout) -> BTreeSet<String> {
    let mut paths = rollout.applied_paths();
    if paths.is_empty() {
        paths.insert(rollout.manifest.path().to_owned());
    }
    paths
}
