//! What the metrics of a Canary say about its primary now.

use std::collections::BTreeMap;
use std::time::Duration;

use futures_util::future::join_all;
use jiff::Timestamp;

use super::differ::Side;
use crate::api::{Canary, MetricTemplate};
use crate::decide::{self, MetricSource, Probe, metric_probes};
use crate::error::Error;
use crate::gateway::Gateway;
use crate::observe::{Observer, Subject};
use crate::report::preview::{Asked, Check};

/// Metrics of one Canary that are asked for.
const METRICS: usize = 20;

/// What is to be asked about one Canary.
#[derive(Debug)]
pub(crate) struct Question {
    canary: Canary,
    templates: BTreeMap<usize, MetricTemplate>,
    primary: String,
    gateway: Gateway,
}

impl Question {
    /// `None` when there is no primary, or nothing to measure.
    pub(super) fn about(side: Side<'_>) -> Option<Self> {
        let (rollout, facts) = side.judged.read.as_ref().ok()?;
        let analysis = rollout.canary.spec.analysis.as_ref()?;
        let is_there = facts.primary != decide::Primary::Missing;
        (is_there && !analysis.metrics().is_empty()).then(|| Self {
            canary: rollout.canary.clone(),
            templates: rollout.templates.clone(),
            primary: rollout.primary_workload(),
            gateway: rollout.gateway.clone(),
        })
    }
}

/// Asks for each metric once, all of a Canary at the same time. Nothing that goes wrong
/// is an error: it says nothing about the change.
pub(crate) async fn measure(
    observer: &Observer,
    question: &Question,
    now: Timestamp,
    limit: Duration,
) -> Vec<Check> {
    let subject = Subject {
        canary: &question.canary,
        templates: &question.templates,
        primary: &question.primary,
        gateway: &question.gateway,
    };
    let Some(analysis) = &question.canary.spec.analysis else {
        return Vec::new();
    };
    let probes = metric_probes(analysis);
    let checks = probes.iter().take(METRICS).filter_map(|probe| match probe {
        Probe::Metric { index, source } => Some((*index, *source)),
        Probe::Readiness { .. }
        | Probe::Requests { .. }
        | Probe::Missed { .. }
        | Probe::Applied
        | Probe::Evidence
        | Probe::Webhook { .. } => None,
    });
    join_all(checks.map(|(index, source)| check(observer, &subject, index, source, now, limit)))
        .await
        .into_iter()
        .flatten()
        .collect()
}

async fn check(
    observer: &Observer,
    subject: &Subject<'_>,
    index: usize,
    source: MetricSource,
    now: Timestamp,
    limit: Duration,
) -> Option<Check> {
    let metric = subject
        .canary
        .spec
        .analysis
        .as_ref()?
        .metrics()
        .get(index)?;
    let asked = observer.of_primary(subject, index, source, now);
    let answer = match tokio::time::timeout(limit, asked).await {
        Ok(Ok((answer, of_primary))) => Asked::Measured {
            measurement: Box::new(decide::judge(metric, source, &answer, None)),
            of_primary,
        },
        Ok(Err(error)) => Asked::NotMeasured(why(&error)),
        Err(_elapsed) => Asked::NotMeasured("nobody answered in time".to_owned()),
    };
    Some(Check {
        name: metric.name.clone(),
        answer,
    })
}

/// The cause, and what to do about it.
fn why(error: &Error) -> String {
    match error.hints().first() {
        Some(hint) => format!("{} ({hint})", error.chain()),
        None => error.chain(),
    }
}
