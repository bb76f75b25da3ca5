//! Does a Prometheus answer at all?

use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};

use super::metrics::Prometheus;
use super::{Observer, Subject};
use crate::decide::Reading;
use crate::error::Result;

/// A Prometheus that is asked about a Canary.
#[derive(Debug, Clone)]
pub struct Server(Arc<Prometheus>);

/// What a Prometheus says about itself.
#[derive(Debug, Clone, PartialEq)]
pub struct Reached {
    /// Its version; not everything that speaks the query API tells one.
    pub version: Option<String>,
    /// Targets that it scrapes, by `up`.
    pub targets: Option<f64>,
}

impl Observer {
    /// The Prometheus that is asked about the metric at `template`, else the one for
    /// what names none. `None` when nobody names one.
    ///
    /// # Errors
    /// When its address or its Secret cannot be used.
    pub fn server(&self, subject: &Subject<'_>, template: Option<usize>) -> Result<Option<Server>> {
        let client = match template {
            Some(index) => self.clients.template_client(subject, index),
            None => self.clients.default_client(subject),
        };
        Ok(client?.map(Server))
    }
}

impl Server {
    /// Where it is, without secrets.
    #[must_use]
    pub fn address(&self) -> String {
        self.0.address()
    }

    /// Asks it who it is.
    ///
    /// # Errors
    /// As [`Prometheus::instant`].
    pub async fn reach(&self, now: Timestamp) -> Result<Reached> {
        self.0.instant("vector(1)", now).await?;
        let second = SignedDuration::from_secs(1);
        let (info, targets) = tokio::join!(
            self.0.range("prometheus_build_info", now, now, second),
            self.0.instant("count(up)", now)
        );
        let version = info.ok().and_then(|info| {
            let mut series = info.series.into_iter();
            series.find_map(|series| series.metric.get("version").cloned())
        });
        let targets = targets.ok().and_then(|found| match found.reading {
            Reading::Value(count) => Some(count),
            Reading::Nan
            | Reading::Infinite(_)
            | Reading::Empty
            | Reading::Several(_)
            | Reading::WrongType(_) => None,
        });
        Ok(Reached { version, targets })
    }
}
