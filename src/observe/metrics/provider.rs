//! Who answers the query of a MetricTemplate: Prometheus, and everybody else.

use std::sync::Arc;

use futures_util::{StreamExt as _, TryStreamExt as _, stream};
use jiff::{SignedDuration, Timestamp};

use super::{Datadog, Dynatrace, Graphite, InfluxDb, NewRelic, Prometheus, Splunk};
use crate::decide::{Reading, Times};
use crate::error::Result;

/// Questions about past times that one server gets at once.
const AT_ONCE: usize = 4;

/// What a provider found.
#[derive(Debug, Clone, PartialEq)]
pub struct Answered {
    /// What was found.
    pub reading: Reading,
    /// What the provider warns of, a partial answer for one, and what is to be known
    /// about the point that was taken.
    pub warnings: Vec<String>,
    /// What the provider remarks about the query.
    pub infos: Vec<String>,
}

impl From<Reading> for Answered {
    fn from(reading: Reading) -> Self {
        Self {
            reading,
            warnings: Vec::new(),
            infos: Vec::new(),
        }
    }
}

/// A server that answers the query of a MetricTemplate. Cheap to clone; clones share
/// connections.
///
/// All of them are asked as of a time, so that a check that no run came for can be
/// made up for. What they have in common: one number is judged, so several series are
/// [`Reading::Several`] and never one of them; a point that is missing or null is no
/// data and never 0; an answer that cannot be understood is an error of
/// [`Kind::Remote`](crate::error::Kind::Remote) that holds no secret.
#[derive(Debug, Clone)]
pub enum Provider {
    /// Prometheus, or anything that speaks its query API.
    Prometheus(Arc<Prometheus>),
    /// Datadog.
    Datadog(Arc<Datadog>),
    /// Dynatrace.
    Dynatrace(Arc<Dynatrace>),
    /// Graphite.
    Graphite(Arc<Graphite>),
    /// InfluxDB 2.
    InfluxDb(Arc<InfluxDb>),
    /// New Relic.
    NewRelic(Arc<NewRelic>),
    /// Splunk Observability.
    Splunk(Arc<Splunk>),
}

impl Provider {
    /// Where it is, without secrets.
    #[must_use]
    pub fn address(&self) -> String {
        match self {
            Self::Prometheus(prometheus) => prometheus.address(),
            Self::Datadog(datadog) => datadog.address(),
            Self::Dynatrace(dynatrace) => dynatrace.address(),
            Self::Graphite(graphite) => graphite.address(),
            Self::InfluxDb(influxdb) => influxdb.address(),
            Self::NewRelic(newrelic) => newrelic.address(),
            Self::Splunk(splunk) => splunk.address(),
        }
    }

    /// The Prometheus, if it is one: its queries are PromQL.
    #[must_use]
    pub fn prometheus(&self) -> Option<&Prometheus> {
        match self {
            Self::Prometheus(prometheus) => Some(prometheus),
            Self::Datadog(_)
            | Self::Dynatrace(_)
            | Self::Graphite(_)
            | Self::InfluxDb(_)
            | Self::NewRelic(_)
            | Self::Splunk(_) => None,
        }
    }

    /// The value of `query` as of `at`. `window` is the interval of the metric, from
    /// which most providers but Prometheus take the time they look back.
    ///
    /// # Errors
    /// When there is no answer, the query is refused, or the answer cannot be
    /// understood. An answer without a usable number is a [`Reading`].
    pub async fn instant(
        &self,
        query: &str,
        window: SignedDuration,
        at: Timestamp,
    ) -> Result<Answered> {
        match self {
            Self::Prometheus(prometheus) => prometheus.instant(query, at).await,
            Self::Datadog(datadog) => datadog.instant(query, window, at).await,
            Self::Dynatrace(dynatrace) => dynatrace.instant(query, window, at).await,
            Self::Graphite(graphite) => graphite.instant(query, window, at).await,
            Self::InfluxDb(influxdb) => influxdb.instant(query, window, at).await,
            Self::NewRelic(newrelic) => newrelic.instant(query, window, at).await,
            Self::Splunk(splunk) => splunk.instant(query, window, at).await,
        }
    }

    /// The value of `query` as of each of `times`, in order: one range for Prometheus,
    /// a question for each time for the others, a few of them at once.
    ///
    /// # Errors
    /// As [`Provider::instant`], when one of them fails.
    pub async fn each(
        &self,
        query: &str,
        window: SignedDuration,
        times: Times,
    ) -> Result<Vec<Answered>> {
        let Some(prometheus) = self.prometheus() else {
            let questions = times.iter().map(|at| self.instant(query, window, at));
            return stream::iter(questions)
                .buffered(AT_ONCE)
                .try_collect()
                .await;
        };
        let last = times.iter().last().unwrap_or(times.first);
        let ranged = prometheus
            .range(query, times.first, last, times.every)
            .await?;
        let answers = times.iter().map(|at| Answered {
            reading: ranged.reading_at(at),
            warnings: ranged.warnings.clone(),
            infos: ranged.infos.clone(),
        });
        Ok(answers.collect())
    }
}
