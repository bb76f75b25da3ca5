//! Is there anything to tell what the cluster runs?

use std::collections::BTreeSet;

use futures_util::future::join_all;

use super::{Doctor, subject};
use crate::api::AppliedFrom;
use crate::github::{CommitStatus, State};
use crate::observe::commit_of;
use crate::repo::git::Oid;
use crate::repo::rollout::Rollout;
use crate::report::finding::{Area, Finding, Level};

/// Contexts of Flux.
const CONTEXT: &str = "kustomization/";

impl Doctor {
    pub(super) async fn applied(&self, rollout: &Rollout) -> Vec<Finding> {
        let gitops = rollout.canary.spec.gitops();
        let applied = gitops.applied.as_ref();
        match gitops.applied_from() {
            AppliedFrom::None => {
                let found = "a step counts from its commit, applied or not";
                let finding = Finding::new(Area::Applied, Level::Ok, found);
                vec![finding.advise(
                    "with `spec.gitops.applied.from: githubStatus` or `prometheus` a step is \
                     judged once the cluster runs it, and held when the cluster does not",
                )]
            }
            AppliedFrom::Delay => vec![Finding::new(
                Area::Applied,
                Level::Ok,
                "a commit counts as applied after spec.gitops.applied.delay",
            )],
            AppliedFrom::GithubStatus => {
                let context = applied.and_then(|applied| applied.context.as_deref());
                self.by_statuses(context.unwrap_or(CONTEXT)).await
            }
            AppliedFrom::Prometheus => self.by_revisions(rollout).await,
        }
    }

    async fn by_statuses(&self, context: &str) -> Vec<Finding> {
        if let Err(unknown) = self.github_is_known(Area::Applied) {
            return vec![unknown];
        }
        let Ok(branch) = &self.branch else {
            return Vec::new();
        };
        let commits = match self.github.newest(branch.name()).await {
            Ok(commits) => commits,
            Err(refused) => return vec![super::untold(Area::Applied, refused)],
        };
        let asked = commits
            .iter()
            .map(|commit| self.github.statuses(&commit.sha));
        let mut all = Vec::new();
        for statuses in join_all(asked).await {
            match statuses {
                Ok(statuses) => all.extend(statuses),
                Err(error) => {
                    return vec![Finding::error(Area::Applied, Level::Unknown, &error)];
                }
            }
        }
        vec![by_context(&all, context, commits.len())]
    }

    async fn by_revisions(&self, rollout: &Rollout) -> Vec<Finding> {
        let primary = rollout.primary_workload();
        let subject = subject(rollout, &primary);
        let found = self
            .measuring
            .observer
            .revisions(&subject, self.measuring.now, self.measuring.now)
            .await;
        let problem = |found: String| Finding::new(Area::Applied, Level::Problem, found);
        let revisions = match &found {
            Ok(Some(found)) => found.revisions().collect::<BTreeSet<_>>(),
            Ok(None) => {
                return vec![
                    problem("nobody to ask what the cluster runs".to_owned())
                        .advise("give --prometheus or spec.metricsServer"),
                ];
            }
            Err(error) => return vec![Finding::error(Area::Applied, Level::Problem, error)],
        };
        if revisions.is_empty() {
            return vec![
                problem("no series tells what the cluster runs".to_owned()).advise(
                    "let kube-state-metrics export gotk_resource_info \
                 (https://fluxcd.io/flux/monitoring/custom-metrics/), or correct \
                 spec.gitops.applied.query: its series need a label `revision`",
                ),
            ];
        }
        let mut findings = Vec::new();
        for revision in revisions {
            findings.push(self.revision(revision).await);
        }
        findings
    }

    async fn revision(&self, revision: &str) -> Finding {
        let Some(commit) = commit_of(revision) else {
            let found = format!("the cluster runs `{revision}`, which names no commit");
            return Finding::new(Area::Applied, Level::Problem, found).advise(
                "spec.gitops.applied.query needs the revision as Flux writes it, `main@sha1:…`",
            );
        };
        let Ok(repository) = &self.repository else {
            return Finding::new(
                Area::Applied,
                Level::Ok,
                format!("the cluster runs {commit}"),
            );
        };
        let is_here = match Oid::from_str(commit) {
            Ok(commit) => repository.committed_at(commit).await.is_ok(),
            Err(_) => false,
        };
        let found = format!("the cluster runs {}", &commit[..8]);
        match (is_here, repository.is_shallow()) {
            (true, _) => Finding::new(Area::Applied, Level::Ok, found),
            (false, true) => {
                let found = format!("{found}, which this shallow clone does not hold");
                Finding::new(Area::Applied, Level::Unknown, found)
            }
            (false, false) => {
                let found = format!("{found}, which is no commit of this clone");
                Finding::new(Area::Applied, Level::Warning, found).advise(
                    "fetch; else the query is about another repository: name the right \
                     Kustomization in spec.gitops.applied.query",
                )
            }
        }
    }
}

fn by_context(all: &[CommitStatus], context: &str, commits: usize) -> Finding {
    let below = format!("{}/", context.trim_end_matches('/'));
    let is_ours =
        |status: &&CommitStatus| status.context == context || status.context.starts_with(&below);
    let ours: Vec<&CommitStatus> = all.iter().filter(is_ours).collect();
    let Some(newest) = ours.iter().max_by_key(|status| status.created_at) else {
        let others: BTreeSet<&str> = all.iter().map(|status| &*status.context).collect();
        let found = format!(
            "none of the last {commits} commits has a status `{context}`{}",
            match others.is_empty() {
                true => ", or any other".to_owned(),
                false => format!(
                    "; there are {}",
                    others.into_iter().collect::<Vec<_>>().join(", ")
                ),
            }
        );
        return Finding::new(Area::Applied, Level::Problem, found).advise(
            "let Flux report: a Provider of type github and an Alert on the Kustomization \
             (https://fluxcd.io/flux/monitoring/alerts/#git-commit-status), or correct \
             spec.gitops.applied.context",
        );
    };
    let contexts: BTreeSet<&str> = ours.iter().map(|status| &*status.context).collect();
    let contexts = contexts.into_iter().collect::<Vec<_>>().join(", ");
    let found = format!("Flux reports {contexts}, last at {}", newest.created_at);
    match newest.state {
        State::Success | State::Pending => Finding::new(Area::Applied, Level::Ok, found),
        State::Failure | State::Error => {
            let why = newest.description.clone().unwrap_or_default();
            let found = format!("{found}: {why}");
            Finding::new(Area::Applied, Level::Warning, found)
                .advise("steps are held until Flux succeeds")
        }
    }
}
