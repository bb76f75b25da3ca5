//! The schedule ahead: what happens if every check passes.

use jiff::Timestamp;
use serde::Serialize;

use super::{
    Action, Answer, Answers, Applied, Effect, Evidence, Facts, MetricAnswer, MetricSource, Next,
    Plan, Primary, Probe, Readiness, Reading, Routed, WebhookAnswer, decide, windows,
};
use crate::api::{self, AppliedFrom, Canary, Phase, Traffic, WebhookType};

/// One future step.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Milestone {
    /// Not before this time.
    pub at: Timestamp,
    /// What the tick does.
    pub action: Action,
    /// The phase afterwards.
    pub phase: Option<Phase>,
    /// The route afterwards.
    pub traffic: Option<Traffic>,
    /// Why.
    pub reasons: Vec<String>,
}

/// More steps than any valid Canary takes; a guard, not a limit.
const MOST_STEPS: usize = 1000;

/// With the waits in between.
const MOST_ROUNDS: usize = 3 * MOST_STEPS;

/// Runs [`decide`] ahead from `now` as if every workload were ready, every check
/// passed and every gate were open, until nothing is left to do. What waits for
/// a window is at the time it opens. Empty when nothing is under way, and while
/// nobody can tell when it goes on: paused, frozen by a file.
#[must_use]
pub fn schedule(canary: &Canary, facts: &Facts, now: Timestamp) -> Vec<Milestone> {
    let mut canary = without_gates(canary);
    let mut facts = facts.clone();
    let mut at = now;
    let mut milestones = Vec::new();
    for _ in 0..MOST_ROUNDS {
        if milestones.len() == MOST_STEPS {
            break;
        }
        let Some(plan) = decide_hopefully(&canary, &facts, at) else {
            break;
        };
        let due = (plan.action == Action::NotDue).then(|| next_tick(&canary, at));
        let next = plan.next_step_at.or(due).filter(|next| *next > at);
        if !plan.is_empty() {
            for effect in &plan.effects {
                carry_out(*effect, &mut facts);
            }
            milestones.push(Milestone::of(&plan, at));
            canary.status = plan.status.or(canary.status);
        } else if !matches!(plan.action, Action::NotDue | Action::Held) {
            break;
        } else if plan.action == Action::Held && !is_outside(&canary, at) {
            // Nobody knows what it waits for, or for how long.
            break;
        }
        match next {
            Some(next) => at = next,
            None => break,
        }
    }
    milestones
}

/// The Canary as if every gate in Git were open.
fn without_gates(canary: &Canary) -> Canary {
    let mut canary = canary.clone();
    if let Some(gitops) = &mut canary.spec.gitops {
        gitops.gates = None;
    }
    canary
}

/// The tick at `at` if every workload were ready, every check passed and every gate
/// were open: a step of [`schedule`].
#[must_use]
pub fn hopeful(canary: &Canary, facts: &Facts, at: Timestamp) -> Option<Plan> {
    decide_hopefully(&without_gates(canary), facts, at)
}

/// When the next tick may be taken: one interval after the last one, `now` at the
/// earliest.
#[must_use]
pub fn next_tick(canary: &Canary, now: Timestamp) -> Timestamp {
    let status = canary.status.as_ref();
    let analysis = canary.spec.analysis.as_ref();
    let interval = analysis.map_or(api::Analysis::INTERVAL, api::Analysis::interval);
    let last = status.and_then(|status| status.last_step_time);
    let due = last.and_then(|last| last.checked_add(interval).ok());
    due.map_or(now, |due| due.max(now))
}

fn is_outside(canary: &Canary, at: Timestamp) -> bool {
    windows::closed(canary.spec.gitops().windows(), at).is_some()
}

impl Milestone {
    /// That a window was waited for does not make a run late.
    fn of(plan: &Plan, at: Timestamp) -> Self {
        let late = plan.late.map(|late| late.to_string());
        let reasons = plan.reasons.iter();
        Self {
            at,
            action: plan.action,
            phase: plan.phase,
            traffic: plan.traffic,
            reasons: reasons
                .filter(|reason| late.as_ref() != Some(reason))
                .cloned()
                .collect(),
        }
    }
}

/// What `effect` makes of the facts once it is committed and applied.
pub(super) fn carry_out(effect: Effect, facts: &mut Facts) {
    match effect {
        Effect::CreatePrimary | Effect::Promote => facts.primary = Primary::Current,
        Effect::EnsureServices => facts.services = true,
        Effect::SetTraffic { traffic } | Effect::UpdateRoute { traffic } => {
            facts.routed = Routed::Even(traffic);
            facts.exposed = traffic.canary;
            facts.route_outdated = false;
        }
        Effect::ScaleCanaryUp { replicas } => facts.target_replicas = replicas,
        Effect::ScaleCanaryToZero => facts.target_replicas = Some(0),
        Effect::RestoreTarget => facts.primary = Primary::Current,
        Effect::PointApexAtPrimary => facts.apex_at_primary = true,
        Effect::PointApexAtTarget => facts.apex_at_primary = false,
        Effect::Defer { .. } => {}
    }
}

/// The plan when every answer is the best one.
fn decide_hopefully(canary: &Canary, facts: &Facts, at: Timestamp) -> Option<Plan> {
    let mut answers = Answers::new();
    // Each round answers at least one probe more, and there are finitely many.
    for _ in 0..MOST_STEPS {
        match decide(canary, facts, &answers, at) {
            Next::Done(plan) => return Some(*plan),
            Next::Ask(probes) => {
                answers.extend(probes.into_iter().map(|probe| {
                    let answer = best_answer(canary, &probe);
                    (probe, answer)
                }));
            }
        }
    }
    None
}

/// The answer that lets the rollout go on.
#[must_use]
pub fn best_answer(canary: &Canary, probe: &Probe) -> Answer {
    match probe {
        Probe::Readiness { .. } => Answer::Readiness(Readiness::Ready),
        Probe::Requests { .. } => Answer::Metric(MetricAnswer {
            query: String::new(),
            reading: Reading::Value(f64::MAX),
            warnings: Vec::new(),
        }),
        Probe::Applied => {
            let status = canary.status.as_ref();
            let last = status.and_then(|status| status.last_step_time);
            let last = last.unwrap_or_default();
            let gitops = canary.spec.gitops();
            let applied = gitops.applied.as_ref();
            // What takes a fixed time takes it in the best case, too.
            let delay = applied.filter(|applied| applied.from == AppliedFrom::Delay);
            let delay = delay.map(api::Applied::delay).unwrap_or_default();
            Answer::Applied(Applied::Since(last.saturating_add(delay).unwrap_or(last)))
        }
        Probe::Evidence => Answer::Evidence(Evidence::quiet()),
        Probe::Missed {
            index,
            source,
            times,
        } => {
            let (index, source) = (*index, *source);
            let probe = match source {
                Some(source) => Probe::Metric { index, source },
                None => Probe::Requests { index },
            };
            let best = match best_answer(canary, &probe) {
                Answer::Metric(answer) => Some(answer),
                Answer::Readiness(_)
                | Answer::Webhook(_)
                | Answer::Missed(_)
                | Answer::Applied(_)
                | Answer::Evidence(_) => None,
            };
            let each = times.iter().filter_map(|_| best.clone());
            Answer::Missed(each.collect())
        }
        Probe::Webhook { index, .. } => {
            // A rollback webhook that says yes rolls back.
            let analysis = canary.spec.analysis.as_ref();
            let webhook = analysis.and_then(|analysis| analysis.webhooks().get(*index));
            let passed = webhook.is_none_or(|webhook| webhook.kind != WebhookType::Rollback);
            Answer::Webhook(WebhookAnswer {
                passed,
                answer: String::new(),
                failure: None,
            })
        }
        Probe::Metric { index, source } => {
            let bounds = canary
                .spec
                .analysis
                .as_ref()
                .and_then(|analysis| analysis.metrics().get(*index))
                .map(|metric| metric.bounds(*source == MetricSource::Builtin))
                .unwrap_or_default();
            Answer::Metric(MetricAnswer {
                query: String::new(),
                reading: Reading::Value(bounds.min.or(bounds.max).unwrap_or(0.0)),
                warnings: Vec::new(),
            })
        }
    }
}
