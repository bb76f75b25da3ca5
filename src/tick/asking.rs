//! Answers to what a decision asks, until it is made.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use jiff::Timestamp;

use crate::decide::{
    self, Answer, Answers, Facts, Next, Plan, Primary, Probe, Readiness, WebhookAnswer, Workload,
};
use crate::error::{Error, Result};
use crate::observe::{Observer, Subject};
use crate::repo::rollout::Rollout;

/// Rounds of questions after which a decision counts as going in circles; the
/// webhooks of a Canary are asked one a round.
const ROUNDS: usize = 16;

/// Who answers, and whether webhooks are called.
#[derive(Debug)]
pub(crate) struct Asking<'a> {
    observer: &'a Observer,
    webhooks: Webhooks,
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
    /// Names of the webhooks that were not called.
    pub(super) assumed: Vec<String>,
}

impl<'a> Asking<'a> {
    /// Everybody is asked.
    pub(crate) fn all(observer: &'a Observer) -> Self {
        Self {
            observer,
            webhooks: Webhooks::Call(Mutex::default()),
        }
    }

    /// Only those are asked who cannot be changed by it: no webhook is called.
    pub(crate) fn harmless(observer: &'a Observer) -> Self {
        Self {
            observer,
            webhooks: Webhooks::Assume,
        }
    }

    /// Asks what the decision asks for, until it is made.
    pub(super) async fn decide(
        &self,
        rollout: &Rollout,
        facts: &Facts,
        now: Timestamp,
    ) -> Result<Asked> {
        let canary = &rollout.canary;
        let subject = Subject {
            canary,
            templates: &rollout.templates,
        };
        let webhooks = canary
            .spec
            .analysis
            .as_ref()
            .map_or(0, |analysis| analysis.webhooks().len());
        let mut answers = Answers::new();
        for _ in 0..ROUNDS + webhooks {
            match decide::decide(canary, facts, &answers, now) {
                Next::Done(plan) => return Ok(self.asked(rollout, *plan, &answers)),
                Next::Ask(mut probes) => {
                    answers.extend(known(&mut probes, rollout, facts));
                    answers.extend(self.remembered(&mut probes, rollout));
                    let new = self.observer.ask(&subject, &probes, now).await?;
                    self.remember(&new, rollout);
                    answers.extend(new);
                }
            }
        }
        Err(Error::internal("the decision asks again and again"))
    }

    fn asked(&self, rollout: &Rollout, plan: Plan, answers: &Answers) -> Asked {
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
            plan,
        }
    }

    /// Answers of webhooks that are not to be called, or not again.
    fn remembered(&self, probes: &mut Vec<Probe>, rollout: &Rollout) -> Answers {
        let mut answers = Answers::new();
        probes.retain(|probe| {
            let Some(key) = key(probe, rollout) else {
                return true;
            };
            let answer = match &self.webhooks {
                Webhooks::Call(answers) => {
                    let answers = answers.lock().unwrap_or_else(PoisonError::into_inner);
                    answers.get(&key).cloned().map(Answer::Webhook)
                }
                Webhooks::Assume => Some(decide::best_answer(&rollout.canary, probe)),
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
        | Probe::Webhook { .. } => true,
    });
    answers
}
