//! Datadog (`GET /api/v1/query`; Flagger: `providers/datadog.go`).

use std::fmt;

use jiff::{SignedDuration, Timestamp};
use reqwest::header::HeaderName;
use serde::Deserialize;

use super::points::{Point, Series, newest_complete};
use super::remote::{Access, Advice, Remote};
use super::{Answered, LOOK_BACK};
use crate::error::Result;

const ADVICE: Advice = Advice {
    permission: "an application key with the scope timeseries_query, of the same site as the address",
    not_found: "the address is that of your site's API, as https://api.datadoghq.eu",
};

/// A Datadog account.
///
/// The query is asked over the last ten intervals of the metric, as Flagger does, so
/// that metrics which arrive late are found. Judged is the newest point that has a value
/// and whose bucket is over; Flagger takes the oldest point of the ten intervals (since
/// 1.41, because the newest is incomplete), which at a quick pace is one from before the
/// last steps, and reads null as 0. Several series are an error that names them, where
/// Flagger takes the first.
#[derive(Debug)]
pub struct Datadog(Remote);

#[derive(Deserialize)]
struct Found {
    status: Option<String>,
    error: Option<String>,
    #[serde(default)]
    series: Vec<One>,
}

#[derive(Deserialize)]
struct One {
    #[serde(default)]
    pointlist: Vec<(f64, Option<f64>)>,
    expression: Option<String>,
    metric: Option<String>,
    scope: Option<String>,
    /// Seconds between points in the answers, milliseconds in the documentation.
    interval: Option<i64>,
}

impl Datadog {
    /// A client for the account of `datadog_api_key` and `datadog_application_key`.
    ///
    /// # Errors
    /// When a key is not given.
    pub fn new(access: &Access<'_>) -> Result<Self> {
        let headers = [
            ("dd-api-key", "datadog_api_key"),
            ("dd-application-key", "datadog_application_key"),
        ];
        let headers = headers.map(|(header, key)| {
            let value = access.keys.required(key)?;
            Ok((HeaderName::from_static(header), value))
        });
        let headers = headers.into_iter().collect::<Result<Vec<_>>>()?;
        Ok(Self(Remote::new(access, &headers, ADVICE)?))
    }

    /// Where it is, without secrets.
    #[must_use]
    pub fn address(&self) -> String {
        self.0.address()
    }

    /// The value of `query` as of `at`.
    ///
    /// # Errors
    /// As [`Provider::instant`](super::Provider::instant).
    pub async fn instant(
        &self,
        query: &str,
        window: SignedDuration,
        at: Timestamp,
    ) -> Result<Answered> {
        let to = at.as_second();
        let asked = window.saturating_mul(LOOK_BACK);
        let from = to - asked.as_secs();
        let (from, to) = (from.to_string(), to.to_string());
        let parameters = [("query", query), ("from", &from), ("to", &to)];
        let answer = self.0.ask(self.0.get("api/v1/query", &parameters)).await?;
        let found: Found = self.0.json(&answer)?;
        if found.status.as_deref() == Some("error") {
            let text = found.error.unwrap_or_default();
            return Err(self.0.rejected(&text, query));
        }
        let series: Vec<Series> = found.series.iter().map(|one| one.series(asked)).collect();
        Ok(newest_complete(&series, window, at))
    }
}

impl One {
    /// The points of the time that was `asked` for.
    fn series(&self, asked: SignedDuration) -> Series {
        let points = self.pointlist.iter().filter_map(|(millis, value)| {
            let at = SignedDuration::try_from_secs_f64(*millis / 1000.0).ok()?;
            let at = Timestamp::from_duration(at).ok()?;
            Some(Point { at, value: *value })
        });
        Series {
            name: self.to_string(),
            points: points.collect(),
            step: self
                .interval
                .map(|interval| match SignedDuration::from_secs(interval) {
                    // No bucket is longer than all of them.
                    long if long > asked => SignedDuration::from_millis(interval),
                    seconds => seconds,
                }),
        }
    }
}

impl fmt::Display for One {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (&self.expression, &self.metric, &self.scope) {
            (_, Some(metric), Some(scope)) => write!(f, "{metric}{{{scope}}}"),
            (Some(expression), _, _) => f.write_str(expression),
            (None, metric, scope) => {
                let name = metric.as_ref().or(scope.as_ref());
                f.write_str(name.map_or("", String::as_str))
            }
        }
    }
}

#[cfg(test)]
mod tests;
