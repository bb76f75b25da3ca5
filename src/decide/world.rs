//! A world in memory that carries out what is decided, for tests.

use std::collections::BTreeSet;

use jiff::{SignedDuration, Timestamp};

use super::schedule::carry_out;
use super::{
    Answer, Answers, Applied, Effect, Evidence, Facts, MetricAnswer, Next, Plan, Primary, Probe,
    Readiness, Reading, Refusal, Routed, WebhookAnswer, Word, Workload, decide, person,
};
use crate::api::{Analysis, Canary, Phase, Said, Status, Traffic, Webhook, WebhookType};

/// One Canary, what the repository says about it, and how the world answers.
#[derive(Debug, Clone)]
pub(super) struct World {
    pub(super) canary: Canary,
    pub(super) facts: Facts,
    pub(super) now: Timestamp,
    pub(super) primary: Readiness,
    pub(super) target: Readiness,
    pub(super) reading: Reading,
    /// What the metrics said at checks that nobody came for.
    pub(super) missed: Reading,
    /// `None`: the cluster runs everything as soon as it is committed.
    pub(super) applied: Option<Applied>,
    /// Asked where the facts know the gateway.
    pub(super) evidence: Evidence,
    /// Webhooks that do not say what lets the rollout go on.
    pub(super) against: BTreeSet<String>,
    /// Probes in the order in which they were asked.
    pub(super) asked: Vec<Probe>,
}

impl World {
    /// A bootstrapped Canary whose `analysis` is given as YAML, with one
    /// metric that passes at 0.
    pub(super) fn new(analysis: &str) -> Self {
        let spec = format!(
            "{{metadata: {{name: podinfo, namespace: test}}, spec: {{\
             targetRef: {{apiVersion: apps/v1, kind: Deployment, name: podinfo}}, \
             service: {{port: 80}}, analysis: {{interval: 1m, {analysis}, \
             metrics: [{{name: errors, query: up, thresholdRange: {{max: 1}}}}]}}}}}}"
        );
        let canary = serde_yaml::from_str(&spec).unwrap();
        let mut world = Self {
            canary,
            facts: Facts {
                revision: "v1".to_owned(),
                primary: Primary::Current,
                primary_replicas: Some(2),
                target_replicas: Some(2),
                services: true,
                ..Facts::default()
            },
            now: "2026-01-01T00:00:00Z".parse().unwrap(),
            primary: Readiness::Ready,
            target: Readiness::Ready,
            reading: Reading::Value(0.0),
            missed: Reading::Value(0.0),
            applied: None,
            evidence: Evidence::quiet(),
            against: BTreeSet::new(),
            asked: Vec::new(),
        };
        world.tick();
        assert_eq!(world.phase(), Some(Phase::Initialized));
        world.tick();
        assert_eq!(world.facts.target_replicas, Some(0));
        world
    }

    /// One tick, one interval after the last one.
    pub(super) fn tick(&mut self) -> Plan {
        let plan = self.decide();
        self.commit(&plan);
        self.wait(60);
        plan
    }

    /// What the plan says comes true.
    pub(super) fn commit(&mut self, plan: &Plan) {
        for effect in &plan.effects {
            carry_out(*effect, &mut self.facts);
        }
        if let Some(status) = &plan.status {
            self.canary.status = Some(status.clone());
        }
        if plan.effects.contains(&Effect::RestoreTarget) {
            let status = self.status();
            self.facts.revision = status.last_promoted_spec;
            self.facts.configs = status.promoted_configs;
        }
    }

    pub(super) fn wait(&mut self, seconds: i64) {
        let seconds = SignedDuration::from_secs(seconds);
        self.now = self.now.checked_add(seconds).unwrap();
    }

    /// `spec.gitops` as YAML.
    pub(super) fn gitops(&mut self, gitops: &str) {
        self.canary.spec.gitops = Some(serde_yaml::from_str(gitops).unwrap());
    }

    pub(super) fn status(&self) -> Status {
        self.canary.status.clone().unwrap_or_default()
    }

    /// Ann says something, and it is committed.
    pub(super) fn say(&mut self, word: Word) -> Result<Plan, Refusal> {
        let said = Said {
            by: "Ann <ann@example.com>".to_owned(),
            at: self.now,
            reason: None,
        };
        let plan = person(&self.canary, &self.facts, word, &said)?;
        self.commit(&plan);
        Ok(plan)
    }

    /// What the next tick would do.
    pub(super) fn decide(&mut self) -> Plan {
        let mut answers = Answers::new();
        loop {
            match decide(&self.canary, &self.facts, &answers, self.now) {
                Next::Done(plan) => return *plan,
                Next::Ask(probes) => {
                    assert!(!probes.is_empty(), "asked for nothing");
                    for probe in probes {
                        self.asked.push(probe.clone());
                        let answer = self.answer(&probe);
                        let twice = answers.insert(probe, answer);
                        assert_eq!(twice, None, "asked twice");
                    }
                }
            }
        }
    }

    fn answer(&self, probe: &Probe) -> Answer {
        match probe {
            Probe::Readiness { workload, .. } => Answer::Readiness(match workload {
                Workload::Primary => self.primary.clone(),
                Workload::Canary => self.target.clone(),
            }),
            Probe::Webhook { index, .. } => {
                let webhook = &self.webhooks()[*index];
                let against = self.against.contains(&webhook.name);
                let passed = against == (webhook.kind == WebhookType::Rollback);
                Answer::Webhook(WebhookAnswer {
                    passed,
                    answer: match passed {
                        true => "200 OK".to_owned(),
                        false => "403 Forbidden".to_owned(),
                    },
                    failure: None,
                })
            }
            Probe::Missed { times, .. } => Answer::Missed(
                times
                    .iter()
                    .map(|_| measured(self.missed.clone()))
                    .collect(),
            ),
            Probe::Applied => match &self.applied {
                Some(applied) => Answer::Applied(applied.clone()),
                None => super::best_answer(&self.canary, probe),
            },
            Probe::Evidence => Answer::Evidence(self.evidence.clone()),
            Probe::Metric { .. } | Probe::Requests { .. } => {
                Answer::Metric(measured(self.reading.clone()))
            }
        }
    }

    fn webhooks(&self) -> &[Webhook] {
        let analysis = self.canary.spec.analysis.as_ref();
        analysis.map(Analysis::webhooks).unwrap_or_default()
    }

    /// Names of the webhooks that were called since the last time this was asked.
    pub(super) fn called(&mut self) -> Vec<String> {
        let asked = std::mem::take(&mut self.asked);
        let webhooks = self.webhooks();
        let names = asked.iter().filter_map(|probe| match probe {
            Probe::Webhook { index, .. } => Some(webhooks[*index].name.clone()),
            Probe::Readiness { .. }
            | Probe::Metric { .. }
            | Probe::Requests { .. }
            | Probe::Missed { .. }
            | Probe::Evidence
            | Probe::Applied => None,
        });
        names.collect()
    }

    /// A new revision of the target lands.
    pub(super) fn release(&mut self, revision: &str) {
        revision.clone_into(&mut self.facts.revision);
        self.facts.primary = Primary::Different;
    }

    pub(super) fn phase(&self) -> Option<Phase> {
        self.canary.status.as_ref()?.phase
    }

    pub(super) fn traffic(&self) -> Traffic {
        self.facts.routed.traffic()
    }

    pub(super) fn route(&mut self, traffic: Traffic) {
        self.facts.routed = Routed::Even(traffic);
        self.facts.exposed = traffic.canary;
    }

    /// Phase, weights, mirror, iterations, failed checks and shown weight, as
    /// one line.
    pub(super) fn line(&self) -> String {
        let status = self.canary.status.clone().unwrap_or_default();
        let Traffic {
            primary,
            canary,
            mirrored,
        } = self.traffic();
        format!(
            "{} {primary}/{canary}{} i{} f{} w{}",
            status
                .phase
                .map(|phase| phase.to_string())
                .unwrap_or_default(),
            if mirrored { " mirrored" } else { "" },
            status.iterations,
            status.failed_checks,
            status.canary_weight
        )
    }

    /// Ticks until nothing is under way, one line a tick.
    pub(super) fn run(&mut self) -> Vec<String> {
        let mut lines = Vec::new();
        loop {
            let plan = self.tick();
            lines.push(self.line());
            if !plan.phase.is_some_and(Phase::is_active) {
                return lines;
            }
            assert!(lines.len() < 300, "the run does not end: {}", self.line());
        }
    }
}

fn measured(reading: Reading) -> MetricAnswer {
    MetricAnswer {
        query: "up".to_owned(),
        reading,
        warnings: Vec::new(),
    }
}
