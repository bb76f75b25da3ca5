//! Answers to what a decision asks, until it is made.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use jiff::Timestamp;
use tokio::sync::Semaphore;

use super::applied::{Cluster, applied};
use crate::api::{Analysis, ReadinessFrom};
use crate::decide::{
    self, Action, Answer, Answers, Applied, Evidence, Facts, MetricAnswer, Next, Plan, Primary,
    Probe, Readiness, Reading, WebhookAnswer, Workload,
};
use crate::error::{Error, Kind, Result};
use crate::observe::{Observer, Subject};
use crate::repo::rollout::Rollout;

/// Rounds of questions after which a decision counts as going in circles; the
/// webhooks of a Canary are asked one a round.
const ROUNDS: usize = 16;

/// Questions of a whole run that wait for an answer at the same time. Prometheus works
/// on 20 unless told otherwise, and takes 512 connections: more would only wait there,
/// while their time runs out.
const AT_ONCE: u32 = 128;

/// Who answers, and whether webhooks are called.
#[derive(Debug)]
pub(crate) struct Asking<'a> {
    observer: &'a Observer,
    webhooks: Webhooks,
    /// Limit for the questions of one Canary.
    limit: Duration,
    /// One for each question that may be asked now.
    turns: Semaphore,
    /// Canaries whose webhooks are not called.
    quiet: Mutex<BTreeSet<String>>,
}

/// What a probe of a webhook does.
#[derive(Debug)]
enum Webhooks {
    /// Calls it, once in a run: a decision that is made again, because the
    /// branch moved, gets the same answer.
    Call(Mutex<BTreeMap<String, WebhookAnswer>>),
    /// Nothing: it is taken to let the rollout go on.
    Assume,
}

/// A decision and what came up on the way.
#[derive(Debug)]
pub(super) struct Asked {
    pub(super) plan: Plan,
    /// Webhooks that gave no answer at all, by position.
    pub(super) failures: Vec<(usize, String)>,
    /// Who could not be asked, though a rollback did not wait for that.
    pub(super) unasked: Option<Error>,
    /// Names of the webhooks that were not called.
    pub(super) assumed: Vec<String>,
    /// Does nobody know whether a workload is ready?
    pub(super) is_blind: bool,
}

impl<'a> Asking<'a> {
    /// Everybody is asked, within `deadline`: one Canary takes half of it at
    /// most, so that one slow gate does not keep the others from their steps.
    pub(crate) fn all(observer: &'a Observer, deadline: Duration) -> Self {
        Self {
            observer,
            limit: deadline / 2,
            turns: Semaphore::new(AT_ONCE as usize),
            webhooks: Webhooks::Call(Mutex::default()),
            quiet: Mutex::default(),
        }
    }

    /// Only those are asked who cannot be changed by it: no webhook is called.
    pub(crate) fn harmless(observer: &'a Observer, deadline: Duration) -> Self {
        Self {
            observer,
            limit: deadline / 2,
            turns: Semaphore::new(AT_ONCE as usize),
            webhooks: Webhooks::Assume,
            quiet: Mutex::default(),
        }
    }

    /// From now on, the webhooks of these Canaries are not called: they are taken to
    /// let the rollout go on.
    pub(super) fn keep_quiet_about(&self, canaries: BTreeSet<String>) {
        *self.quiet.lock().unwrap_or_else(PoisonError::into_inner) = canaries;
    }

    fn is_quiet_about(&self, canary: &str) -> bool {
        let quiet = self.quiet.lock().unwrap_or_else(PoisonError::into_inner);
        quiet.contains(canary)
    }

    /// Asks what the decision asks for, until it is made.
    ///
    /// # Errors
    /// When somebody cannot be asked, or it takes too long.
    pub(super) async fn decide(
        &self,
        rollout: &Rollout,
        facts: &Facts,
        cluster: Option<&Cluster<'_>>,
        now: Timestamp,
    ) -> Result<Asked> {
        let asked = self.ask(rollout, facts, cluster, now);
        let asked = tokio::time::timeout(self.limit, asked);
        asked.await.unwrap_or_else(|_elapsed| {
            let limit = self.limit.as_secs();
            Err(
                Error::remote(format!("its questions took longer than {limit} s")).hint(
                    "shorten the timeouts of its webhooks, or give more time with --deadline",
                ),
            )
        })
    }

    async fn ask(
        &self,
        rollout: &Rollout,
        facts: &Facts,
        cluster: Option<&Cluster<'_>>,
        now: Timestamp,
    ) -> Result<Asked> {
        let canary = &rollout.canary;
        let webhooks = canary
            .spec
            .analysis
            .as_ref()
            .map_or(0, |analysis| analysis.webhooks().len());
        let mut answers = Answers::new();
        let mut unasked = None;
        for _ in 0..ROUNDS + webhooks {
            match decide::decide(canary, facts, &answers, now) {
                Next::Done(plan) => {
                    // Only a rollback goes on without an answer.
                    return match unasked {
                        Some(error) if plan.action != Action::RolledBack => Err(error),
                        unasked => Ok(self.asked(rollout, *plan, &answers, unasked)),
                    };
                }
                Next::Ask(mut probes) => {
                    answers.extend(known(&mut probes, rollout, facts));
                    answers.extend(self.remembered(&mut probes, rollout));
                    match self.answers(rollout, &probes, cluster, now).await {
                        Ok(new) => {
                            self.remember(&new, rollout);
                            answers.extend(new);
                        }
                        Err(error) => {
                            if let Some(unknown) = unknown(&probes) {
                                answers.extend(unknown);
                                unasked.get_or_insert(error);
                            } else if error.kind() == Kind::Usage && is_held(&answers) {
                                // What is held for want of somebody to ask says so.
                                answers.extend(no_data(&probes));
                            } else {
                                return Err(unasked.unwrap_or(error));
                            }
                        }
                    }
                }
            }
        }
        Err(Error::internal("the decision asks again and again"))
    }

    /// Is the target ready?
    ///
    /// # Errors
    /// When nobody can be asked.
    pub(super) async fn target_readiness(
        &self,
        rollout: &Rollout,
        cluster: Option<&Cluster<'_>>,
        now: Timestamp,
    ) -> Result<Readiness> {
        let spec = &rollout.canary.spec;
        let percent = spec.analysis.as_ref();
        let percent = percent.and_then(|analysis| analysis.canary_ready_threshold);
        let probe = match spec.gitops().readiness_from() {
            ReadinessFrom::Applied => Probe::Applied,
            ReadinessFrom::Prometheus | ReadinessFrom::None => Probe::Readiness {
                workload: Workload::Canary,
                percent: percent.unwrap_or(Analysis::READY_THRESHOLD),
                deadline: None,
            },
        };
        let answers = self.answers(rollout, &[probe], cluster, now).await?;
        Ok(match answers.into_values().next() {
            Some(Answer::Readiness(readiness)) => readiness,
            Some(Answer::Applied(Applied::Since(_))) => Readiness::Ready,
            Some(Answer::Applied(Applied::NotYet(why) | Applied::Failing(why))) => {
                Readiness::NotReady(why)
            }
            Some(Answer::Applied(Applied::Unknown(why))) => Readiness::Unknown(why),
            Some(
                Answer::Metric(_) | Answer::Webhook(_) | Answer::Missed(_) | Answer::Evidence(_),
            )
            | None => {
                return Err(Error::internal("something else was answered"));
            }
        })
    }

    /// Asks everybody at once, when it is this one's turn: the observer, and who
    /// knows what the cluster runs.
    async fn answers(
        &self,
        rollout: &Rollout,
        probes: &[Probe],
        cluster: Option<&Cluster<'_>>,
        now: Timestamp,
    ) -> Result<Answers> {
        let primary = rollout.primary_workload();
        let subject = Subject {
            canary: &rollout.canary,
            templates: &rollout.templates,
            primary: &primary,
            gateway: &rollout.gateway,
        };
        let others: Vec<Probe> = probes
            .iter()
            .filter(|probe| **probe != Probe::Applied)
            .cloned()
            .collect();
        let count = u32::try_from(probes.len()).unwrap_or(AT_ONCE);
        let turn = self.turns.acquire_many(count.min(AT_ONCE)).await;
        let turn = turn.map_err(|error| Error::internal("nobody may ask").because(error))?;
        let about_cluster = async {
            match others.len() < probes.len() {
                true => applied(rollout, self.observer, cluster, now)
                    .await
                    .map(Some),
                false => Ok(None),
            }
        };
        let (found, applied) =
            tokio::join!(self.observer.ask(&subject, &others, now), about_cluster);
        drop(turn);
        let mut answers = found?;
        let applied = applied?.map(|applied| (Probe::Applied, Answer::Applied(applied)));
        answers.extend(applied);
        Ok(answers)
    }

    fn asked(
        &self,
        rollout: &Rollout,
        plan: Plan,
        answers: &Answers,
        unasked: Option<Error>,
    ) -> Asked {
        let said = |probe: &Probe, answer: &Answer| match (probe, answer) {
            (Probe::Webhook { index, .. }, Answer::Webhook(answer)) => {
                Some((*index, answer.failure.clone()))
            }
            _ => None,
        };
        let webhooks: Vec<_> = answers
            .iter()
            .filter_map(|(probe, answer)| said(probe, answer))
            .collect();
        let name = |(index, _): &(usize, Option<String>)| {
            let analysis = rollout.canary.spec.analysis.as_ref()?;
            Some(analysis.webhooks().get(*index)?.name.clone())
        };
        Asked {
            assumed: match self.webhooks {
                Webhooks::Assume => webhooks.iter().filter_map(name).collect(),
                Webhooks::Call(_) => Vec::new(),
            },
            failures: webhooks
                .into_iter()
                .filter_map(|(index, failure)| Some((index, failure?)))
                .collect(),
            unasked,
            is_blind: is_held(answers),
            plan,
        }
    }

    /// Answers of webhooks that are not to be called, or not again.
    fn remembered(&self, probes: &mut Vec<Probe>, rollout: &Rollout) -> Answers {
        let mut answers = Answers::new();
        let is_quiet = self.is_quiet_about(&rollout.canary.id());
        probes.retain(|probe| {
            let Some(key) = key(probe, rollout) else {
                return true;
            };
            let answer = match &self.webhooks {
                Webhooks::Call(answers) if !is_quiet => {
                    let answers = answers.lock().unwrap_or_else(PoisonError::into_inner);
                    answers.get(&key).cloned().map(Answer::Webhook)
                }
                Webhooks::Call(_) | Webhooks::Assume => {
                    Some(decide::best_answer(&rollout.canary, probe))
                }
            };
            match answer {
                Some(answer) => {
                    answers.insert(probe.clone(), answer);
                    false
                }
                None => true,
            }
        });
        answers
    }

    fn remember(&self, new: &Answers, rollout: &Rollout) {
        let Webhooks::Call(answers) = &self.webhooks else {
            return;
        };
        let mut answers = answers.lock().unwrap_or_else(PoisonError::into_inner);
        for (probe, answer) in new {
            if let (Some(key), Answer::Webhook(answer)) = (key(probe, rollout), answer) {
                answers.insert(key, answer.clone());
            }
        }
    }
}

/// What makes two calls of a webhook the same call.
fn key(probe: &Probe, rollout: &Rollout) -> Option<String> {
    let Probe::Webhook { index, phase } = probe else {
        return None;
    };
    let analysis = rollout.canary.spec.analysis.as_ref()?;
    let webhook = analysis.webhooks().get(*index)?;
    Some(format!(
        "{} {index} {phase} {webhook:?}",
        rollout.canary.id()
    ))
}

/// Nobody can be asked how the workloads are: a rollback that is due does not
/// wait for that. `None` when something else was asked, too.
fn unknown(probes: &[Probe]) -> Option<Answers> {
    let unknown = |probe: &Probe| match probe {
        Probe::Readiness { .. } => {
            let why = "nobody can be asked whether it is ready".to_owned();
            Some((probe.clone(), Answer::Readiness(Readiness::Unknown(why))))
        }
        Probe::Applied => {
            let why = "nobody can be asked whether it is applied".to_owned();
            Some((probe.clone(), Answer::Applied(Applied::Unknown(why))))
        }
        Probe::Metric { .. }
        | Probe::Requests { .. }
        | Probe::Missed { .. }
        | Probe::Evidence
        | Probe::Webhook { .. } => None,
    };
    probes.iter().map(unknown).collect()
}

/// Is it unknown whether a workload is ready?
fn is_held(answers: &Answers) -> bool {
    let is_unknown = |answer: &Answer| matches!(answer, Answer::Readiness(Readiness::Unknown(_)));
    answers.values().any(is_unknown)
}

/// Metrics that nobody measures.
fn no_data(probes: &[Probe]) -> Answers {
    let answer = MetricAnswer {
        query: String::new(),
        reading: Reading::Empty,
        warnings: Vec::new(),
    };
    let answers = probes.iter().map(|probe| {
        let answer = match probe {
            Probe::Evidence => Answer::Evidence(Evidence::quiet()),
            Probe::Metric { .. }
            | Probe::Requests { .. }
            | Probe::Missed { .. }
            | Probe::Readiness { .. }
            | Probe::Applied
            | Probe::Webhook { .. } => Answer::Metric(answer.clone()),
        };
        (probe.clone(), answer)
    });
    answers.collect()
}

/// What needs no asking: a workload that is not committed is not ready.
fn known(probes: &mut Vec<Probe>, rollout: &Rollout, facts: &Facts) -> Answers {
    let mut answers = Answers::new();
    probes.retain(|probe| match probe {
        Probe::Readiness {
            workload: Workload::Primary,
            ..
        } if facts.primary == Primary::Missing => {
            let why = format!(
                "{} is not committed yet",
                rollout.canary.spec.primary_name()
            );
            let answer = Answer::Readiness(Readiness::NotReady(why));
            answers.insert(probe.clone(), answer);
            false
        }
        Probe::Readiness { .. }
        | Probe::Metric { .. }
        | Probe::Requests { .. }
        | Probe::Missed { .. }
        | Probe::Applied
        | Probe::Evidence
        | Probe::Webhook { .. } => true,
    });
    answers
}
