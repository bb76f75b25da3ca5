//! What is measured, and how workloads are known to be ready.

use tokio::time::Instant;

use super::servers::Answering;
use super::{Measuring, subject};
use crate::api::{Analysis, Phase, ReadinessFrom};
use crate::decide::{Answer, Primary, Probe, Readiness, Workload, metric_probes, request_probes};
use crate::error::{Error, Result};
use crate::measured::{Asking, measure};
use crate::observe::Subject;
use crate::render;
use crate::repo::rollout::Rollout;
use crate::report::finding::{Area, Finding, Level};
use crate::report::measured::Measured;

impl Measuring {
    /// What the metrics of one Canary say, within the limit of a check.
    pub(super) async fn measured(
        &self,
        rollout: &Rollout,
        servers: &Answering,
        labels: usize,
    ) -> Measured {
        let primary = rollout.primary_workload();
        let templates = rollout.templates.keys().map(|index| Some(*index));
        let servers = std::iter::once(None)
            .chain(templates)
            .filter_map(|template| {
                let finding = self.answers(rollout, template, servers).err()?;
                Some((template, finding))
            });
        let facts = render::facts(rollout);
        let status = rollout.canary.status.as_ref();
        measure(Asking {
            observer: &self.observer,
            subject: subject(rollout, &primary),
            now: self.now,
            // What was found has to be told within the limit, too.
            end: Instant::now() + self.limit * 9 / 10,
            has_primary: !facts.is_ok_and(|facts| facts.primary == Primary::Missing),
            is_active: status
                .and_then(|status| status.phase)
                .is_some_and(Phase::is_active),
            labels,
            metrics: usize::MAX,
            silent: servers.collect(),
        })
        .await
    }

    pub(super) async fn metrics(&self, rollout: &Rollout, servers: &Answering) -> Vec<Finding> {
        match without_metrics(rollout) {
            Some(finding) => vec![finding],
            None => self.measured(rollout, servers, 0).await.findings,
        }
    }

    /// Does the server answer that is to be asked? Else that has been told.
    fn answers(
        &self,
        rollout: &Rollout,
        template: Option<usize>,
        servers: &Answering,
    ) -> Result<(), Finding> {
        let server = self.server(rollout, template);
        let problem = |error: &Error| Err(Finding::error(Area::Metric, Level::Problem, error));
        match server {
            Err(error) => problem(&error),
            Ok(None) => problem(
                &Error::usage("no Prometheus is named")
                    .hint("give --prometheus, or set spec.metricsServer"),
            ),
            Ok(Some(server)) => match servers.get(&server.address()) {
                Some(false) => {
                    let found = format!("not asked, {} does not answer", server.address());
                    Err(Finding::new(Area::Metric, Level::Unknown, found))
                }
                Some(true) | None => Ok(()),
            },
        }
    }

    async fn ask(&self, subject: &Subject<'_>, probe: Probe) -> Result<Answer> {
        let answers = self.observer.ask(subject, &[probe], self.now).await?;
        let answer = answers.into_values().next();
        answer.ok_or_else(|| Error::internal("nothing was answered"))
    }

    pub(super) async fn readiness(&self, rollout: &Rollout, servers: &Answering) -> Vec<Finding> {
        let gitops = rollout.canary.spec.gitops();
        if gitops.readiness_from() != ReadinessFrom::Prometheus {
            return Vec::new();
        }
        if let Err(finding) = self.answers(rollout, None, servers) {
            return vec![Finding {
                area: Area::Readiness,
                ..finding
            }];
        }
        let facts = render::facts(rollout);
        let is_missing = facts.is_ok_and(|facts| facts.primary == Primary::Missing);
        let (canary, primary) = tokio::join!(self.ready(rollout, Workload::Canary), async {
            match is_missing {
                true => Finding::new(
                    Area::Readiness,
                    Level::Unknown,
                    "the primary is not committed yet",
                ),
                false => self.ready(rollout, Workload::Primary).await,
            }
        });
        vec![canary.about("canary"), primary.about("primary")]
    }

    async fn ready(&self, rollout: &Rollout, workload: Workload) -> Finding {
        let probe = Probe::Readiness {
            workload,
            percent: Analysis::READY_THRESHOLD,
            deadline: None,
        };
        let ok = |found: &str| Finding::new(Area::Readiness, Level::Ok, found);
        let primary = rollout.primary_workload();
        match self.ask(&subject(rollout, &primary), probe).await {
            Ok(Answer::Readiness(Readiness::Ready)) => ok("ready"),
            Ok(Answer::Readiness(Readiness::NotReady(_) | Readiness::Stuck(_))) => {
                ok("measured, and not ready now, as it is when scaled to zero")
            }
            Ok(Answer::Readiness(Readiness::Unknown(why))) => {
                let (found, advice) = why.split_once(". ").unwrap_or((&why, ""));
                let finding = Finding::new(Area::Readiness, Level::Problem, found);
                match advice.is_empty() {
                    true => finding,
                    false => finding.advise(advice),
                }
            }
            Ok(
                Answer::Metric(_)
                | Answer::Missed(_)
                | Answer::Applied(_)
                | Answer::Evidence(_)
                | Answer::Webhook(_),
            ) => Finding::new(
                Area::Readiness,
                Level::Unknown,
                "something else was answered",
            ),
            Err(error) => Finding::error(Area::Readiness, Level::Problem, &error),
        }
    }
}

/// That nothing is measured, when it is so.
pub(super) fn without_metrics(rollout: &Rollout) -> Option<Finding> {
    let analysis = rollout.canary.spec.analysis.as_ref()?;
    let is_empty = metric_probes(analysis).is_empty() && request_probes(analysis).is_empty();
    let found = "no metric is measured: a rollout advances whatever its requests come to";
    is_empty.then(|| {
        Finding::new(Area::Metric, Level::Warning, found)
            .advise("add `request-success-rate` to spec.analysis.metrics")
    })
}
