//! Series themselves, with their labels.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};

use super::metrics::{Prometheus, Provider};
use super::{Observer, Subject};
use crate::error::{Error, Result};

/// A series that was found.
#[derive(Debug, Clone, PartialEq)]
pub struct Found {
    /// Its labels: `up{job="x"}`.
    pub labels: String,
    /// The same by name.
    pub metric: BTreeMap<String, String>,
    /// Its value.
    pub value: f64,
}

impl Observer {
    /// The series that `query` finds at `now`, at the Prometheus of the metric at
    /// `template`, else at the one for what names none. `None` when that one is another
    /// provider, which has no series.
    ///
    /// # Errors
    /// As [`Prometheus::instant`], and when there is nobody to ask.
    pub async fn series(
        &self,
        subject: &Subject<'_>,
        template: Option<usize>,
        query: &str,
        now: Timestamp,
    ) -> Result<Option<Vec<Found>>> {
        let Some(client) = self.prometheus(subject, template)? else {
            return Ok(None);
        };
        let second = SignedDuration::from_secs(1);
        let ranged = client.range(query, now, now, second).await?;
        let found = ranged.series.into_iter().filter_map(|series| {
            Some(Found {
                value: series.points.first()?.1,
                labels: series.labels,
                metric: series.metric,
            })
        });
        Ok(Some(found.collect()))
    }

    fn prometheus(
        &self,
        subject: &Subject<'_>,
        template: Option<usize>,
    ) -> Result<Option<Prometheus>> {
        let client = match template {
            Some(index) => self.clients.template_client(subject, index)?,
            None => self
                .clients
                .default_client(subject)?
                .map(Provider::Prometheus),
        };
        let nobody = || Error::usage("no Prometheus is named");
        Ok(client.ok_or_else(nobody)?.prometheus().cloned())
    }
}
