//! The Prometheus client (reference 5.6; API: `/api/v1/query`, `/api/v1/query_range`).
//!
//! Everything that answers 200 with a result is a [`Reading`]; everything else
//! is an error of [`Kind::Remote`](crate::error::Kind::Remote) that says what to
//! do. Neither holds a secret.

mod answer;
mod config;
mod explain;

use std::fmt;

use jiff::{SignedDuration, Timestamp};
use reqwest::Request;
use reqwest::header::HeaderMap;
use url::Url;

pub use answer::{Ranged, Series};
pub use config::{Credentials, PrometheusConfig};

use super::cloud::Signer;
use super::{Answered, MAX_GET};
use crate::error::{Error, Result};
use crate::http::{Answer, Client, Pause};
use explain::Question;

#[cfg(doc)]
use crate::decide::Reading;

/// Steps of a range asked for at once.
const MAX_STEPS: i32 = 10_000;

/// A Prometheus, or anything that speaks its query API.
#[derive(Clone)]
pub struct Prometheus {
    client: Client,
    /// Without user info.
    address: Url,
    headers: HeaderMap,
    has_credentials: bool,
    credentials_from: Option<String>,
    signer: Option<Signer>,
}

impl Prometheus {
    /// A client for `config`. Nothing is sent yet.
    ///
    /// # Errors
    /// [`Kind::Usage`](crate::error::Kind::Usage) when the address is not one of
    /// HTTP, or a certificate cannot be read;
    /// [`Kind::Document`](crate::error::Kind::Document) when a header is none.
    pub fn new(config: &PrometheusConfig) -> Result<Self> {
        if !matches!(config.address.scheme(), "http" | "https") {
            return Err(Error::usage(format!(
                "the address of Prometheus begins with `{}:`",
                config.address.scheme()
            ))
            .hint("it begins with http:// or https://"));
        }
        let client = Client::new(&config.http_options()?)?;
        let (address, headers) = config.address_and_headers(&client)?;
        Ok(Self {
            client,
            has_credentials: headers.contains_key(reqwest::header::AUTHORIZATION),
            headers,
            address,
            credentials_from: config.credentials_from.clone(),
            signer: config.signer.clone(),
        })
    }

    /// Waits between attempts by `pause` instead of sleeping.
    #[must_use]
    pub fn with_pause(mut self, pause: Pause) -> Self {
        self.client = self.client.with_pause(pause);
        self
    }

    /// Where it is, without secrets.
    #[must_use]
    pub fn address(&self) -> String {
        crate::http::masked(&self.address)
    }

    /// Evaluates `query` at `at`.
    ///
    /// The query is sent as it is, without the white space around it. Attempts
    /// that fail for a moment are repeated, see
    /// [`Client::send_safe`](crate::http::Client::send_safe).
    ///
    /// # Errors
    /// When there is no answer, the query is refused, or the answer is none of
    /// Prometheus'. An answer without a usable number is a [`Reading`].
    pub async fn instant(&self, query: &str, at: Timestamp) -> Result<Answered> {
        let parameters = [("time", seconds(at.as_millisecond().into()))];
        let (question, answer) = self.ask("api/v1/query", query, &parameters).await?;
        let answered =
            answer::instant(&answer).map_err(|error| question.not_understood(error, &answer))?;
        tracing::debug!(query = question.query(), reading = %answered.reading, "asked Prometheus");
        Ok(answered)
    }

    /// Evaluates `query` at `start`, `start + step`, … up to `end`, inclusive.
    ///
    /// Prometheus answers at most 11 000 steps at once; a longer range is asked
    /// for in parts, one after the other.
    ///
    /// # Errors
    /// As [`Prometheus::instant`], and when `step` is not positive.
    pub async fn range(
        &self,
        query: &str,
        start: Timestamp,
        end: Timestamp,
        step: SignedDuration,
    ) -> Result<Ranged> {
        if step < SignedDuration::from_millis(1) {
            return Err(Error::internal("a range is asked for without a step"));
        }
        let length = step.saturating_mul(MAX_STEPS);
        let mut ranged = Ranged::default();
        let mut start = start;
        loop {
            let last = start.checked_add(length).map_or(end, |last| last.min(end));
            ranged.append(self.part(query, start, last, step).await?);
            match last.checked_add(step) {
                Ok(next) if last < end && next <= end => start = next,
                Ok(_) | Err(_) => return Ok(ranged),
            }
        }
    }

    async fn part(
        &self,
        query: &str,
        start: Timestamp,
        end: Timestamp,
        step: SignedDuration,
    ) -> Result<Ranged> {
        let parameters = [
            ("start", seconds(start.as_millisecond().into())),
            ("end", seconds(end.as_millisecond().into())),
            ("step", seconds(step.as_millis())),
        ];
        let (question, answer) = self.ask("api/v1/query_range", query, &parameters).await?;
        answer::range(&answer).map_err(|error| question.not_understood(error, &answer))
    }

    /// Sends the question; the answer is a success of some kind.
    async fn ask<'a>(
        &'a self,
        endpoint: &str,
        query: &'a str,
        parameters: &[(&str, String)],
    ) -> Result<(Question<'a>, Answer)> {
        let question = Question::new(self, query.trim());
        let mut request = self.request(endpoint, question.query(), parameters)?;
        if let Some(signer) = &self.signer {
            signer.sign(&mut request).await?;
        }
        match self.client.send_query(request).await {
            Err(failure) => Err(question.unanswered(failure)),
            Ok(answer) if answer.status.is_success() => Ok((question, answer)),
            Ok(answer) => Err(question.refused(&answer)),
        }
    }

    fn request(
        &self,
        endpoint: &str,
        query: &str,
        parameters: &[(&str, String)],
    ) -> Result<Request> {
        let mut url = self.address.clone();
        let prefix = url.path().trim_end_matches('/').to_owned();
        url.set_path(&format!("{prefix}/{endpoint}"));
        let pairs = || {
            let parameters = parameters
                .iter()
                .map(|(name, value)| (*name, value.as_str()));
            std::iter::once(("query", query)).chain(parameters)
        };
        let builder = match query.len() > MAX_GET {
            true => {
                let form: Vec<(&str, &str)> = pairs().collect();
                self.client.inner().post(url).form(&form)
            }
            false => {
                url.query_pairs_mut().extend_pairs(pairs());
                self.client.inner().get(url)
            }
        };
        builder
            .headers(self.headers.clone())
            .build()
            .map_err(|error| {
                Error::internal("the query cannot be put into a request")
                    .because(error.without_url())
            })
    }
}

impl fmt::Debug for Prometheus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Prometheus")
            .field("address", &crate::http::masked(&self.address))
            .finish_non_exhaustive()
    }
}

/// Milliseconds as the API takes times and steps: seconds with a fraction.
fn seconds(millis: i128) -> String {
    format!("{}.{:03}", millis.div_euclid(1000), millis.rem_euclid(1000))
}

#[cfg(test)]
mod tests;
