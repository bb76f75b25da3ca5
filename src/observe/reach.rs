//! Does a Prometheus answer at all?

use jiff::{SignedDuration, Timestamp};

use super::metrics::{Prometheus, Provider};
use super::{Observer, Subject};
use crate::decide::Reading;
use crate::error::Result;

/// A server that is asked about a Canary.
#[derive(Debug, Clone)]
pub struct Server(Provider);

/// What a Prometheus says about itself.
#[derive(Debug, Clone, PartialEq)]
pub struct Reached {
    /// Its version; not everything that speaks the query API tells one.
    pub version: Option<String>,
    /// Targets that it scrapes, by `up`.
    pub targets: Option<f64>,
}

impl Observer {
    /// The server that is asked about the metric at `template`, else the Prometheus for
    /// what names none. `None` when nobody names one.
    ///
    /// # Errors
    /// When its address or its Secret cannot be used.
    pub fn server(&self, subject: &Subject<'_>, template: Option<usize>) -> Result<Option<Server>> {
        let client = match template {
            Some(index) => self.clients.template_client(subject, index),
            None => {
                let client = self.clients.default_client(subject);
                client.map(|client| client.map(Provider::Prometheus))
            }
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

    /// Can it be asked who it is? The others only answer the query of a template.
    #[must_use]
    pub fn can_be_reached(&self) -> bool {
        self.0.prometheus().is_some()
    }

    /// Asks a Prometheus who it is. Nothing is known of the others before their query
    /// is asked.
    ///
    /// # Errors
    /// As [`Prometheus::instant`].
    pub async fn reach(&self, now: Timestamp) -> Result<Reached> {
        match self.0.prometheus() {
            Some(prometheus) => reach(prometheus, now).await,
            None => Ok(Reached {
                version: None,
                targets: None,
            }),
        }
    }
}

async fn reach(prometheus: &Prometheus, now: Timestamp) -> Result<Reached> {
    prometheus.instant("vector(1)", now).await?;
    let second = SignedDuration::from_secs(1);
    let (info, targets) = tokio::join!(
        prometheus.range("prometheus_build_info", now, now, second),
        prometheus.instant("count(up)", now)
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
