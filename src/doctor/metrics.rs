//! What is measured: does each query give one number, for canary and primary?

use futures_util::future::join_all;

use super::servers::Answering;
use super::{Area, Doctor, Finding, Level, subject};
use crate::api::{Analysis, Canary, Phase, ReadinessFrom};
use crate::decide::{
    Answer, MetricAnswer, MetricSource, Primary, Probe, Readiness, Reading, Workload,
    metric_probes, request_probes,
};
use crate::error::{Error, Result};
use crate::observe::Subject;
use crate::render;
use crate::repo::rollout::Rollout;

/// What to do when nothing is measured.
const NOTHING: &str = "is the application scraped, and has it had traffic in the window? Try the query \
     in Prometheus, label by label";

impl Doctor {
    pub(super) async fn metrics(&self, rollout: &Rollout, servers: &Answering) -> Vec<Finding> {
        let Some(analysis) = &rollout.canary.spec.analysis else {
            return Vec::new();
        };
        let probes = [metric_probes(analysis), request_probes(analysis)].concat();
        if probes.is_empty() {
            let found = "no metric is measured: a rollout advances whatever its requests come to";
            return vec![
                Finding::new(Area::Metric, Level::Warning, found)
                    .advise("add `request-success-rate` to spec.analysis.metrics"),
            ];
        }
        let primary = rollout.primary_workload();
        let canary = subject(rollout, &primary);
        let as_primary = as_primary(rollout);
        let gateway = rollout.gateway.of_primary();
        let primary = Subject {
            canary: &as_primary,
            gateway: &gateway,
            ..canary
        };
        let asked = probes.iter().map(async |probe| {
            let name = name(analysis, probe);
            if let Err(finding) = self.answers(rollout, template(analysis, probe), servers) {
                return Finding {
                    area: Area::Metric,
                    ..finding
                }
                .about(name);
            }
            let (canary, primary) =
                tokio::join!(self.metric(&canary, probe), self.metric(&primary, probe));
            let active = rollout.canary.status.as_ref();
            let active = active
                .and_then(|status| status.phase)
                .is_some_and(Phase::is_active);
            match canary.and_then(|canary| Ok((canary, primary?))) {
                Ok((canary, primary)) => judge(&canary, &primary, active),
                Err(error) => Finding::error(Area::Metric, Level::Problem, &error),
            }
            .about(name)
        });
        join_all(asked).await
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

    async fn metric(&self, subject: &Subject<'_>, probe: &Probe) -> Result<MetricAnswer> {
        match self.ask(subject, probe.clone()).await? {
            Answer::Metric(answer) => Ok(answer),
            Answer::Readiness(_)
            | Answer::Missed(_)
            | Answer::Applied(_)
            | Answer::Evidence(_)
            | Answer::Webhook(_) => Err(Error::internal("something else was answered")),
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

/// The same Canary as if the primary were its target: queries are then about the
/// primary, as far as they name the target.
fn as_primary(rollout: &Rollout) -> Canary {
    let mut canary = rollout.canary.clone();
    canary.spec.target_ref.name = rollout.primary_workload();
    canary
}

/// The metric of a probe, as people know it.
fn name(analysis: &Analysis, probe: &Probe) -> String {
    let of = |index: &usize| {
        let metric = analysis.metrics().get(*index);
        metric.map_or_else(String::new, |metric| metric.name.clone())
    };
    match probe {
        Probe::Metric { index, .. } => of(index),
        Probe::Requests { index } => format!("requests of {}", of(index)),
        Probe::Readiness { .. }
        | Probe::Missed { .. }
        | Probe::Applied
        | Probe::Evidence
        | Probe::Webhook { .. } => String::new(),
    }
}

/// The metric whose template says who is asked.
fn template(analysis: &Analysis, probe: &Probe) -> Option<usize> {
    match probe {
        Probe::Metric {
            index,
            source: MetricSource::Template,
        } => Some(*index),
        Probe::Requests { index } => {
            let metric = analysis.metrics().get(*index);
            metric.and_then(|metric| metric.template_ref.as_ref().map(|_| *index))
        }
        Probe::Metric { .. }
        | Probe::Readiness { .. }
        | Probe::Missed { .. }
        | Probe::Applied
        | Probe::Evidence
        | Probe::Webhook { .. } => None,
    }
}

/// What the two readings say together. `active` is a rollout under way, in which the
/// canary should be measured.
fn judge(canary: &MetricAnswer, primary: &MetricAnswer, active: bool) -> Finding {
    let new = |level, found: String| Finding::new(Area::Metric, level, found);
    let query = format!(
        "the query is {}",
        canary
            .query
            .split_whitespace()
            .collect::<Vec<_>>()
            .join(" ")
    );
    for (side, answer) in [("canary", canary), ("primary", primary)] {
        match &answer.reading {
            Reading::Several(_) => {
                return new(Level::Problem, format!("{side}: {}", answer.reading))
                    .advise("one number is judged: aggregate, with sum(…) or without a `by`")
                    .advise(query);
            }
            Reading::WrongType(_) => {
                return new(Level::Problem, format!("{side}: {}", answer.reading)).advise(query);
            }
            Reading::Value(_) | Reading::Nan | Reading::Infinite(_) | Reading::Empty => {}
        }
    }
    let shown = match canary.query == primary.query {
        true => canary.reading.to_string(),
        false => format!("canary {}, primary {}", canary.reading, primary.reading),
    };
    let (of_canary, of_primary) = (canary.reading.value(), primary.reading.value());
    match (of_canary, of_primary) {
        (Some(_), _) if canary.query == primary.query && !canary.query.contains("canary") => new(
            Level::Warning,
            format!("{shown}, whichever workload serves it"),
        )
        .advise("the query does not name the canary: use {{ target }}, which is the canary's name")
        .advise(query),
        (Some(_), _) => new(Level::Ok, shown),
        (None, Some(_)) if !active => {
            new(Level::Ok, format!("{shown}: the canary has no traffic now"))
        }
        (None, Some(_)) => new(Level::Warning, shown)
            .advise("the canary is under analysis and nothing is measured of it")
            .advise(NOTHING)
            .advise(query),
        (None, None) => new(Level::Warning, shown).advise(NOTHING).advise(query),
    }
}
