//! Dynatrace (`GET /api/v2/metrics/query`; Flagger: `providers/dynatrace.go`).

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};
use reqwest::header::AUTHORIZATION;
use secrecy::{ExposeSecret as _, SecretString};
use serde::Deserialize;

use super::points::named;
use super::remote::{Access, Advice, Remote, shortened};
use super::{Answered, LOOK_BACK};
use crate::decide::Reading;
use crate::error::Result;

const ADVICE: Advice = Advice {
    permission: "a token with the scope metrics.read",
    not_found: "the address is that of the environment, as https://abc12345.live.dynatrace.com, or with /e/<environment> on Managed",
};

/// A Dynatrace environment.
///
/// As in Flagger, the query is a metric selector, and its resolution is `Inf` over the
/// last ten intervals of the metric: one value for all of that time, so that no point can
/// be incomplete. To judge a shorter time, give the metric a shorter interval. Several
/// series are an error that names them, where Flagger takes the last, and null is no data.
#[derive(Debug)]
pub struct Dynatrace(Remote);

#[derive(Deserialize)]
struct Found {
    result: Vec<Metric>,
    #[serde(default)]
    warnings: Option<Vec<String>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Metric {
    #[serde(default)]
    metric_id: String,
    #[serde(default)]
    data: Vec<Tuple>,
    #[serde(default)]
    warnings: Option<Vec<String>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Tuple {
    #[serde(default)]
    dimensions: Vec<String>,
    #[serde(default)]
    dimension_map: BTreeMap<String, String>,
    #[serde(default)]
    values: Vec<Option<f64>>,
}

impl Dynatrace {
    /// A client for the environment of `dynatrace_token`.
    ///
    /// # Errors
    /// When the key is not given.
    pub fn new(access: &Access<'_>) -> Result<Self> {
        let token = access.keys.required("dynatrace_token")?;
        let token = SecretString::from(format!("Api-Token {}", token.expose_secret()));
        Ok(Self(Remote::new(
            access,
            &[(AUTHORIZATION, token)],
            ADVICE,
        )?))
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
        let to = at.as_millisecond();
        let from = i128::from(to) - window.saturating_mul(LOOK_BACK).as_millis();
        let (from, to) = (from.to_string(), to.to_string());
        let parameters = [
            ("metricSelector", query),
            ("resolution", "Inf"),
            ("from", &from),
            ("to", &to),
        ];
        let request = self.0.get("api/v2/metrics/query", &parameters);
        let answer = self.0.ask(request).await?;
        let found: Found = self.0.json(&answer)?;
        let of_metrics = found
            .result
            .iter()
            .flat_map(|metric| metric.warnings.iter());
        let warnings = found.warnings.iter().chain(of_metrics).flatten();
        Ok(Answered {
            warnings: warnings.map(|text| shortened(text, 200)).collect(),
            ..Answered::from(reading(&found.result))
        })
    }
}

fn reading(result: &[Metric]) -> Reading {
    let all = result
        .iter()
        .flat_map(|metric| metric.data.iter().map(move |tuple| (metric, tuple)));
    let with_values: Vec<(&Metric, &Tuple, Vec<f64>)> = all
        .map(|(metric, tuple)| {
            (
                metric,
                tuple,
                tuple.values.iter().copied().flatten().collect(),
            )
        })
        .filter(|(_, _, values): &(_, _, Vec<f64>)| !values.is_empty())
        .collect();
    match with_values.as_slice() {
        [] => Reading::Empty,
        [(_, _, values)] => match values.as_slice() {
            [value] => Reading::of(*value),
            several => Reading::WrongType(format!("{} points", several.len())),
        },
        several => {
            let names = several.iter().map(|(metric, tuple, _)| tuple.named(metric));
            Reading::Several(names.collect())
        }
    }
}

impl Tuple {
    fn named(&self, metric: &Metric) -> String {
        let by_name = self.dimension_map.iter();
        let mut parts: Vec<String> = by_name
            .map(|(name, value)| format!("{name}={value}"))
            .collect();
        if parts.is_empty() {
            parts.clone_from(&self.dimensions);
        }
        match parts.is_empty() {
            true => named(&metric.metric_id),
            false => named(&format!("{}{{{}}}", metric.metric_id, parts.join(", "))),
        }
    }
}

#[cfg(test)]
mod tests;
