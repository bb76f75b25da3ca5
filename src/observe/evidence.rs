//! Do the metrics of the gateway have series of both backends, and how many requests
//! did each get?

use jiff::Timestamp;

use super::metrics::Prometheus;
use super::{Observer, Subject};
use crate::api::parse_duration;
use crate::decide::{Evidence, Reading, evidence_window};
use crate::error::{Error, Result};
use crate::gateway::{Backend, Question};

impl Observer {
    /// Answers [`Probe::Evidence`](crate::decide::Probe::Evidence) with the query set of
    /// the gateway: five questions at the same time.
    ///
    /// # Errors
    /// As [`Observer::ask`].
    pub(super) async fn evidence(&self, subject: &Subject<'_>, now: Timestamp) -> Result<Evidence> {
        let failed = |error: Error| error.while_doing("cannot tell what reaches the canary");
        self.counted(subject, now).await.map_err(failed)
    }

    async fn counted(&self, subject: &Subject<'_>, now: Timestamp) -> Result<Evidence> {
        let analysis = subject.canary.spec.analysis.as_ref();
        let window = analysis
            .and_then(evidence_window)
            .ok_or_else(|| Error::internal("no metric is built in"))?;
        let before = parse_duration(window)
            .ok()
            .and_then(|window| now.checked_sub(window).ok())
            .ok_or_else(|| Error::internal(format!("no time is {window} ago")))?;
        let prometheus = self.clients.default_client(subject)?.ok_or_else(|| {
            Error::usage("no Prometheus is named")
                .hint("give --prometheus, or set spec.metricsServer")
        })?;
        let ask = async |question: Question, backend: Backend, at: Timestamp| {
            let query = query(subject, question, backend, window)?;
            read(&prometheus, &query, at).await
        };
        let (canary, primary, canary_series, primary_series, canary_series_before) = tokio::try_join!(
            ask(Question::Requests, Backend::Canary, now),
            ask(Question::Requests, Backend::Primary, now),
            ask(Question::Series, Backend::Canary, now),
            ask(Question::Series, Backend::Primary, now),
            ask(Question::Series, Backend::Canary, before),
        )?;
        Ok(Evidence {
            canary,
            primary,
            canary_series,
            primary_series,
            canary_series_before,
        })
    }
}

async fn read(prometheus: &Prometheus, query: &str, at: Timestamp) -> Result<Reading> {
    Ok(prometheus.instant(query, at).await?.reading)
}

fn query(
    subject: &Subject<'_>,
    question: Question,
    backend: Backend,
    window: &str,
) -> Result<String> {
    let gateway = subject.gateway;
    let query = match &gateway.set {
        Some(set) => set.query(question, &gateway.place, backend, window)?,
        None => None,
    };
    query.ok_or_else(|| Error::internal("the query set counts no requests"))
}
