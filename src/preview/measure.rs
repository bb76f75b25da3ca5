//! What the metrics of a Canary say about its primary now.

use std::collections::BTreeMap;
use std::time::Duration;

use jiff::Timestamp;
use tokio::time::Instant;

use super::differ::Side;
use crate::api::{Canary, MetricTemplate, Phase};
use crate::decide;
use crate::gateway::Gateway;
use crate::measured::{self, Asking};
use crate::observe::{Observer, Subject};
use crate::report::measured::{Measured, Row, Wanted};
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

/// Asks for each metric, all of a Canary at the same time. Nothing that goes wrong is an
/// error: it says nothing about the change.
pub(crate) async fn measure(
    observer: &Observer,
    question: &Question,
    now: Timestamp,
    limit: Duration,
) -> Measured {
    let status = question.canary.status.as_ref();
    measured::measure(Asking {
        observer,
        subject: Subject {
            canary: &question.canary,
            templates: &question.templates,
            primary: &question.primary,
            gateway: &question.gateway,
        },
        now,
        end: Instant::now() + limit,
        has_primary: true,
        is_active: status
            .and_then(|status| status.phase)
            .is_some_and(Phase::is_active),
        // Numbers are for everybody who reads the pull request, labels are not.
        labels: 0,
        metrics: METRICS,
        silent: BTreeMap::new(),
    })
    .await
}

/// The metrics of the analysis among them, as a step would judge the primary.
pub(crate) fn checks(measured: &Measured) -> Vec<Check> {
    let rows = measured.metrics.iter();
    let rows = rows.filter(|row| row.wanted == Wanted::Metric);
    let check = |row: &Row| Check {
        name: row.name.clone(),
        answer: match &row.primary.measurement {
            Some(measurement) => Asked::Measured {
                measurement: measurement.clone(),
                of_primary: row.primary.query != row.canary.query,
            },
            None => {
                let why = row.primary.error.as_deref();
                Asked::NotMeasured(why.unwrap_or("nobody was asked").to_owned())
            }
        },
    };
    rows.map(check).collect()
}
