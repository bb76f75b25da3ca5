//! Rollouts as Deployments of GitHub: one for each Canary and revision, of the
//! environment `namespace/name`.
//!
//! They are shown, never read: the next step is decided from Git alone.

use std::sync::atomic::{AtomicBool, Ordering};

use futures_util::StreamExt as _;
use futures_util::stream;
use serde_json::json;
use tokio::time::{Instant, timeout_at};
use url::Url;

use super::telling::AT_LEAST;
use super::{Decided, World};
use crate::api::{Phase, Status, Traffic};
use crate::decide::{Action, Plan};
use crate::diagnostic::Diagnostic;
use crate::error::Error;
use crate::github::{Deployment, DeploymentState, GitHub, NewDeployment, NewStatus, Refused};
use crate::repo::rollout::Rollout;

#[cfg(test)]
mod tests;

/// Canaries that are shown at the same time.
const CONCURRENT: usize = 4;

/// Deployments of other revisions whose statuses are looked at, the newest.
const OTHERS: usize = 3;

/// How rollouts are shown.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Deployments {
    /// The run that tells more.
    pub log: Option<Url>,
}

/// How the Deployment of one revision is to stand.
#[derive(Debug, PartialEq)]
struct Shown {
    /// `namespace/name`: the Canary, and the environment.
    canary: String,
    /// The revision that the rollout is about.
    revision: String,
    /// The revision that serves unless this one does.
    promoted: Option<String>,
    commit: String,
    state: DeploymentState,
    /// Did the run end? Then those of others may have to end, too, though this one
    /// stands as before: a run that was cancelled leaves the promoted revision.
    has_ended: bool,
    description: String,
    /// Where users meet it.
    url: Option<Url>,
}

/// Shows what happened to each Canary, a few at a time, until `end`. Canaries to
/// which nothing happened take no request. What fails is a warning of the Canary;
/// when it would fail for all, no more is asked.
pub(super) async fn show<'a>(
    world: &World,
    decided: impl Iterator<Item = (&'a mut Decided, bool)>,
    end: Instant,
) {
    let Some(deployments) = &world.deployments else {
        return;
    };
    let end = end.max(Instant::now() + AT_LEAST);
    let given_up = AtomicBool::new(false);
    stream::iter(decided)
        .for_each_concurrent(CONCURRENT, async |(decided, pushed)| {
            let shown = decided.happened(pushed).then(|| Shown::of(decided));
            let Some(shown) = shown.flatten() else {
                return;
            };
            if given_up.load(Ordering::Relaxed) {
                return;
            }
            if let Err(refused) = deployments.show(world, &shown, end).await {
                // These are about one Deployment, the others about all.
                if !refused.is(409) && !refused.is(422) {
                    given_up.store(true, Ordering::Relaxed);
                }
                decided.outcome.warnings.push(warning(&shown, refused));
            }
        })
        .await;
}

/// Shows a step of `decided`'s Canary that came true as `commit` since, by the merge
/// of its pull request.
pub(super) async fn show_merged(
    world: &World,
    decided: &mut Decided,
    plan: &Plan,
    commit: &str,
    end: Instant,
) {
    let (Some(deployments), Some((rollout, _))) = (&world.deployments, &decided.work) else {
        return;
    };
    let target = decided.outcome.revision.as_deref().unwrap_or_default();
    let Some(shown) = Shown::of_step(rollout, plan, commit, target) else {
        return;
    };
    let end = end.max(Instant::now() + AT_LEAST);
    if let Err(refused) = deployments.show(world, &shown, end).await {
        decided.outcome.warnings.push(warning(&shown, refused));
    }
}

impl Deployments {
    async fn show(&self, world: &World, shown: &Shown, end: Instant) -> Result<(), Refused> {
        let showing = Showing {
            github: &world.github,
            shown,
            log: self.log.as_ref(),
        };
        match timeout_at(end, showing.show()).await {
            Ok(done) => done,
            Err(_elapsed) => Err(Error::remote("GitHub did not answer in time").into()),
        }
    }
}

fn warning(shown: &Shown, refused: Refused) -> Diagnostic {
    let error = Error::from(refused);
    let canary = &shown.canary;
    let why = error.chain();
    let warning = Diagnostic::warning(format!("{canary} is not shown as a Deployment: {why}"));
    match error.hints().first() {
        Some(hint) => warning.hint(hint),
        None => warning,
    }
}

impl Shown {
    /// `None` when nothing was committed, or there is no revision to speak of.
    fn of(decided: &Decided) -> Option<Self> {
        let (rollout, plan) = decided.work.as_ref()?;
        let commit = decided.outcome.commit.as_deref()?;
        let target = decided.outcome.revision.as_deref().unwrap_or_default();
        Self::of_step(rollout, plan, commit, target)
    }

    /// What `plan` made of `rollout` by `commit`; `target` is the revision of the
    /// target now.
    fn of_step(rollout: &Rollout, plan: &Plan, commit: &str, target: &str) -> Option<Self> {
        let status = plan.status.as_ref().or(rollout.canary.status.as_ref());
        let phase = plan.phase?;
        let revision = revision(phase, status, target)?;
        let promoted = status.map(|status| status.last_promoted_spec.clone());
        Some(Self {
            canary: rollout.canary.id(),
            promoted: promoted.filter(|promoted| !promoted.is_empty() && *promoted != revision),
            revision,
            commit: commit.to_owned(),
            state: state(phase),
            has_ended: matches!(plan.action, Action::Succeeded | Action::RolledBack),
            description: description(plan),
            url: url(rollout),
        })
    }
}

/// The revision that a rollout in this phase is about; `target` is the one of the
/// target now.
fn revision(phase: Phase, status: Option<&Status>, target: &str) -> Option<String> {
    let run = status.map(|status| status.last_applied_spec.as_str());
    let found = match (phase, status) {
        // The run has not begun.
        (Phase::Waiting, _) => target,
        // Was the target taken back, the run is about the promoted one again.
        (Phase::Failed, Some(status)) => match &status.failed_spec {
            Some(failed) => failed,
            None if status.last_applied_spec == status.last_promoted_spec => return None,
            None => &status.last_applied_spec,
        },
        _ => run.filter(|run| !run.is_empty()).unwrap_or(target),
    };
    (!found.is_empty()).then(|| found.to_owned())
}

fn state(phase: Phase) -> DeploymentState {
    match phase {
        Phase::Waiting => DeploymentState::Queued,
        Phase::Initializing
        | Phase::Progressing
        | Phase::WaitingPromotion
        | Phase::Promoting
        | Phase::Finalising => DeploymentState::InProgress,
        Phase::Initialized | Phase::Succeeded => DeploymentState::Success,
        Phase::Failed => DeploymentState::Failure,
        Phase::Terminating | Phase::Terminated => DeploymentState::Inactive,
    }
}

/// `primary 80, canary 20: canary 10 → 20 %`.
fn description(plan: &Plan) -> String {
    let reason = plan.reasons.first().map_or("", String::as_str);
    let weights = plan.traffic.map(|traffic| {
        let Traffic {
            primary,
            canary,
            mirrored,
        } = traffic;
        let mirrored = if mirrored { " mirrored" } else { "" };
        format!("primary {primary}, canary {canary}{mirrored}")
    });
    match weights {
        Some(weights) => format!("{weights}: {reason}"),
        None => reason.to_owned(),
    }
}

/// The address of a Canary that has one name.
fn url(rollout: &Rollout) -> Option<Url> {
    let hosts = rollout.canary.spec.service.as_ref()?.hosts.as_deref()?;
    let [host] = hosts else { return None };
    let plain = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '.';
    let is_name = !host.is_empty() && host.chars().all(plain);
    Url::parse(&format!("https://{host}"))
        .ok()
        .filter(|_| is_name)
}

/// What happens to the Deployment of another revision, `now` being its state, when
/// ours gets `ours`; `None` leaves it.
fn other(
    now: Option<DeploymentState>,
    ours: DeploymentState,
    is_promoted: bool,
) -> Option<DeploymentState> {
    use DeploymentState::{Inactive, Success};
    let now = now?;
    if matches!(ours, Success | Inactive) {
        // Ours took its place, or nobody is left.
        return now.is_active().then_some(Inactive);
    }
    match is_promoted {
        // It serves until ours does, also after a promotion that was reverted.
        true => (now != Success).then_some(Success),
        // Was it under way, its run was cut short.
        false => (now.is_active() && now != Success).then_some(Inactive),
    }
}

/// One Canary that is being shown.
struct Showing<'a> {
    github: &'a GitHub,
    shown: &'a Shown,
    log: Option<&'a Url>,
}

impl Showing<'_> {
    async fn show(&self) -> Result<(), Refused> {
        let (github, shown) = (self.github, self.shown);
        let (own, others) = self.found().await?;
        let is_over = shown.state == DeploymentState::Inactive;
        let last = match &own {
            Some(own) => github.deployment_status(own.id).await?,
            None => None,
        };
        let last_state = last.as_ref().map(|last| last.state);
        if last_state != Some(shown.state) || shown.has_ended {
            self.end_others(&others).await?;
        }
        let id = match own {
            Some(own) => own.id,
            None if is_over => return Ok(()),
            None => self.make().await?,
        };
        let status = self.status(shown.state, shown.description.clone());
        let goes_on = matches!(
            shown.state,
            DeploymentState::InProgress | DeploymentState::Queued
        );
        let is_shown = last.is_some_and(|last| {
            let is_told = last.description == status.short();
            last.state == shown.state && (is_told || !goes_on)
        });
        match is_shown {
            true => Ok(()),
            false => github.set_deployment_status(id, &status).await,
        }
    }

    /// The Deployment of the revision, and those of others, each with its revision;
    /// somebody else may use the environment, too.
    async fn found(&self) -> Result<(Option<Deployment>, Vec<(Deployment, String)>), Refused> {
        let shown = self.shown;
        let mut own = None;
        let mut others = Vec::new();
        for deployment in self.github.deployments(&shown.canary).await? {
            let payload = deployment.payload();
            if payload["canary"] != *shown.canary {
                continue;
            }
            match payload["revision"].as_str() {
                Some(revision) if revision == shown.revision => {
                    own.get_or_insert(deployment);
                }
                Some(revision) => others.push((deployment, revision.to_owned())),
                None => {}
            }
        }
        Ok((own, others))
    }

    async fn make(&self) -> Result<u64, Refused> {
        let Shown {
            canary, revision, ..
        } = self.shown;
        let new = NewDeployment {
            commit: &self.shown.commit,
            environment: canary,
            description: &format!("revision {revision} of {canary}"),
            payload: json!({"canary": canary, "revision": revision}),
        };
        Ok(self.github.deploy(&new).await?.id)
    }

    /// The newest ones, and the one that serves.
    async fn end_others(&self, others: &[(Deployment, String)]) -> Result<(), Refused> {
        let shown = self.shown;
        let is_promoted = |revision: &str| shown.promoted.as_deref() == Some(revision);
        let (newest, older) = others.split_at(others.len().min(OTHERS));
        let serving = older.iter().filter(|(_, revision)| is_promoted(revision));
        for (deployment, revision) in newest.iter().chain(serving.take(1)) {
            let now = self.github.deployment_status(deployment.id).await?;
            let now = now.map(|status| status.state);
            let Some(state) = other(now, shown.state, is_promoted(revision)) else {
                continue;
            };
            let why = match state == DeploymentState::Success {
                true => format!("revision {revision} serves"),
                false => format!("revision {} took its place", shown.revision),
            };
            let status = self.status(state, why);
            self.github
                .set_deployment_status(deployment.id, &status)
                .await?;
        }
        Ok(())
    }

    fn status(&self, state: DeploymentState, description: String) -> NewStatus {
        NewStatus {
            state,
            description,
            log: self.log.cloned(),
            environment: self.shown.url.clone(),
        }
    }
}
