//! Scripted observations: what the scenario says in place of Prometheus, of
//! webhooks and of the cluster.

use std::collections::BTreeMap;

use serde::Serialize;
use serde_yaml::Value;

use super::input::{Input, Reply, Sample, Sampled};
use super::written::State;
use crate::api::{Analysis, Canary, Metric, Phase, Webhook, WebhookType};
use crate::decide::{
    Answer, MetricAnswer, MetricSource, Plan, Probe, Readiness, Reading, WebhookAnswer, Workload,
    best_answer,
};

/// What the world says in a tick; what a tick does not mention stays as it was.
#[derive(Debug, Default)]
pub(super) struct Script {
    primary: State,
    canary: State,
    metrics: BTreeMap<String, Sample>,
    webhooks: BTreeMap<String, Reply>,
    /// Is the target a Service, which nobody waits for (Flagger:
    /// `service_controller.go`, `IsPrimaryReady`)?
    pub(super) always_ready: bool,
    /// The webhooks called in this tick.
    calls: Vec<Call>,
}

/// A webhook that was called.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(super) struct Call {
    name: String,
    #[serde(rename = "type")]
    kind: WebhookType,
    phase: Phase,
    result: Value,
}

impl Script {
    /// Takes over what a tick says.
    pub(super) fn learn(&mut self, input: &Input) {
        self.calls.clear();
        self.primary = input.primary.unwrap_or(self.primary);
        self.canary = input.canary.unwrap_or(self.canary);
        let metrics = input.metrics.iter();
        self.metrics
            .extend(metrics.map(|(name, sample)| (name.clone(), *sample)));
        let webhooks = input.webhooks.iter();
        self.webhooks
            .extend(webhooks.map(|(name, reply)| (name.clone(), reply.clone())));
    }

    /// Is the primary as it should be?
    pub(super) fn primary_is_ready(&self) -> bool {
        self.always_ready || self.primary == State::Ready
    }

    /// The webhooks called since the tick began, in order.
    pub(super) fn calls(&mut self) -> Vec<Call> {
        std::mem::take(&mut self.calls)
    }

    /// The answer to one question about `canary`. What is not scripted lets the
    /// rollout go on.
    pub(super) fn answer(&mut self, canary: &Canary, probe: &Probe) -> Answer {
        let analysis = canary.spec.analysis.as_ref();
        let best = || best_answer(canary, probe);
        match probe {
            Probe::Readiness { workload, .. } => Answer::Readiness(self.readiness(*workload)),
            Probe::Metric { index, source } => analysis
                .and_then(|analysis| analysis.metrics().get(*index))
                .and_then(|metric| self.measured(metric, *source))
                .unwrap_or_else(best),
            Probe::Requests { index } => analysis
                .and_then(|analysis| analysis.metrics().get(*index))
                .and_then(|metric| self.metrics.get(&metric.name)?.requests)
                .map_or_else(best, |requests| measurement(Reading::of(requests))),
            Probe::Missed { .. } | Probe::Applied | Probe::Evidence => best(),
            Probe::Webhook { index, phase } => {
                let webhook = analysis.and_then(|analysis| analysis.webhooks().get(*index));
                webhook.map_or_else(best, |webhook| self.called(webhook, *phase, best))
            }
        }
    }

    /// Calls the hooks that follow the end of a run, until one refuses.
    pub(super) fn after(&mut self, canary: &Canary, plan: &Plan) {
        let (Some(phase), true) = (plan.phase, plan.post_rollout) else {
            return;
        };
        let analysis = canary.spec.analysis.as_ref();
        let webhooks = analysis.map(Analysis::webhooks).unwrap_or_default();
        for (index, webhook) in webhooks.iter().enumerate() {
            if webhook.kind != WebhookType::PostRollout {
                continue;
            }
            let answer = self.answer(canary, &Probe::Webhook { index, phase });
            if !passes(&answer) {
                return;
            }
        }
    }

    fn readiness(&self, workload: Workload) -> Readiness {
        let (state, name) = match workload {
            Workload::Primary => (self.primary, "primary"),
            Workload::Canary => (self.canary, "canary"),
        };
        match state {
            _ if self.always_ready => Readiness::Ready,
            State::Ready => Readiness::Ready,
            State::NotReady => Readiness::NotReady(format!("{name} is not ready")),
            State::Stuck => Readiness::Stuck(format!("{name} exceeded its progress deadline")),
        }
    }

    fn called(&mut self, webhook: &Webhook, phase: Phase, best: impl Fn() -> Answer) -> Answer {
        let reply = self.webhooks.get(&webhook.name).cloned();
        let reply = reply.unwrap_or_else(|| match passes(&best()) {
            true => Reply::OPEN,
            false => Reply::CLOSED,
        });
        let (result, answer) = match reply {
            Reply::Status(status) => {
                let answer = WebhookAnswer {
                    passed: status.is_success(),
                    answer: status.to_string(),
                    failure: None,
                };
                (Value::from(status.as_u16()), answer)
            }
            Reply::Failure(why) => {
                let answer = WebhookAnswer {
                    passed: false,
                    answer: why.clone(),
                    failure: Some(why.clone()),
                };
                (Value::from(why), answer)
            }
        };
        self.calls.push(Call {
            name: webhook.name.clone(),
            kind: webhook.kind,
            phase,
            result,
        });
        Answer::Webhook(answer)
    }

    /// `None` for a metric without a script.
    fn measured(&self, metric: &Metric, source: MetricSource) -> Option<Answer> {
        let in_seconds = source == MetricSource::Builtin && metric.name == Metric::DURATION;
        let reading = match self.metrics.get(&metric.name)?.result {
            Sampled::NoValues => Reading::Empty,
            Sampled::Error => Reading::WrongType("a query error".to_owned()),
            Sampled::Number(seconds) if in_seconds => Reading::of(seconds * 1e3),
            Sampled::Number(value) => Reading::of(value),
        };
        Some(measurement(reading))
    }
}

fn passes(answer: &Answer) -> bool {
    matches!(answer, Answer::Webhook(answer) if answer.passed)
}

fn measurement(reading: Reading) -> Answer {
    Answer::Metric(MetricAnswer {
        query: String::new(),
        reading,
        warnings: Vec::new(),
    })
}
