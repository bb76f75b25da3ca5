//! New Relic (`GET /v1/accounts/<id>/query`; Flagger: `providers/newrelic.go`).

mod nrql;

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};
use reqwest::header::HeaderName;
use secrecy::ExposeSecret as _;
use serde::Deserialize;
use serde_json::Value;

use super::Answered;
use super::points::named;
use super::remote::{Access, Advice, Remote, shortened};
use crate::decide::Reading;
use crate::error::{Error, Result};

const ADVICE: Advice = Advice {
    permission: "a query key of the account newrelic_account_id, in the same region as the address",
    not_found: "for an account in the EU the address is https://insights-api.eu.newrelic.com",
};

/// A New Relic account.
///
/// The time of the check is added to the query: `SINCE` an interval of the metric before
/// it `UNTIL` then, in epoch milliseconds, where Flagger adds `SINCE 60 seconds ago`.
/// So a missed check can be made up for. A query with a `SINCE` or `UNTIL` of its own is
/// refused. Judged is the one number of the answer, whatever the function is called;
/// Flagger wants it to be called `result`. Several numbers or facets are named.
#[derive(Debug)]
pub struct NewRelic {
    remote: Remote,
    path: String,
}

#[derive(Deserialize)]
struct Found {
    results: Option<Vec<BTreeMap<String, Value>>>,
    facets: Option<Vec<Facet>>,
    #[serde(rename = "timeSeries")]
    time_series: Option<Value>,
    current: Option<Value>,
    #[serde(default)]
    metadata: Metadata,
}

#[derive(Deserialize)]
struct Facet {
    #[serde(default)]
    name: Value,
    #[serde(default)]
    results: Vec<BTreeMap<String, Value>>,
}

#[derive(Deserialize, Default)]
struct Metadata {
    #[serde(default)]
    messages: Vec<Value>,
}

impl NewRelic {
    /// A client for the account `newrelic_account_id` with its `newrelic_query_key`.
    ///
    /// # Errors
    /// When a key is not given, or the account is no number.
    pub fn new(access: &Access<'_>) -> Result<Self> {
        let account = access.keys.required("newrelic_account_id")?;
        let account = account.expose_secret();
        if !account.bytes().all(|c| c.is_ascii_digit()) {
            return Err(Error::usage(
                "newrelic_account_id is not the number of an account",
            ));
        }
        let key = access.keys.required("newrelic_query_key")?;
        let headers = [(HeaderName::from_static("x-query-key"), key)];
        Ok(Self {
            remote: Remote::new(access, &headers, ADVICE)?,
            path: format!("v1/accounts/{account}/query"),
        })
    }

    /// Where it is, without secrets.
    #[must_use]
    pub fn address(&self) -> String {
        self.remote.address()
    }

    /// The value of `query` as of `at`.
    ///
    /// # Errors
    /// As [`Provider::instant`](super::Provider::instant), and when the query has a time
    /// of its own.
    pub async fn instant(
        &self,
        query: &str,
        window: SignedDuration,
        at: Timestamp,
    ) -> Result<Answered> {
        if let Some(word) = nrql::own_time(query) {
            return Err(Error::document(format!(
                "the query says {word} itself, and a check is of its own time"
            ))
            .hint("leave SINCE and UNTIL out: they are added, by the interval of the metric"));
        }
        let until = at.as_millisecond();
        let since = i128::from(until) - window.as_millis();
        // On a line of its own: the query may end in a comment.
        let nrql = format!("{query}\nSINCE {since} UNTIL {until}");
        let request = self.remote.get(&self.path, &[("nrql", &nrql)]);
        let answer = self.remote.ask(request).await?;
        let found: Found = self.remote.json(&answer)?;
        let reading = found
            .reading()
            .ok_or_else(|| self.remote.not_understood(&answer, "it has no results"))?;
        let messages = found.metadata.messages.iter().filter_map(Value::as_str);
        Ok(Answered {
            warnings: messages.map(|text| shortened(text, 200)).collect(),
            ..Answered::from(reading)
        })
    }
}

impl Found {
    /// `None` when there is nothing to read.
    fn reading(&self) -> Option<Reading> {
        let other = |what: &str| Some(Reading::WrongType(what.to_owned()));
        if self.time_series.is_some() {
            return other("a time series (leave TIMESERIES out)");
        }
        if self.current.is_some() {
            return other("a comparison (leave COMPARE WITH out)");
        }
        match self.facets.as_deref() {
            Some([]) => Some(Reading::Empty),
            Some([one]) => Some(reading(&one.results)),
            Some(several) => Some(Reading::Several(several.iter().map(Facet::named).collect())),
            None => self.results.as_deref().map(reading),
        }
    }
}

impl Facet {
    fn named(&self) -> String {
        if let Some(name) = self.name.as_str() {
            return named(name);
        }
        match self.name.as_array() {
            Some(parts) => {
                let parts: Vec<&str> = parts.iter().filter_map(Value::as_str).collect();
                named(&parts.join(", "))
            }
            None => named(&self.name.to_string()),
        }
    }
}

/// The number in the results of one query.
fn reading(results: &[BTreeMap<String, Value>]) -> Reading {
    match results {
        [] => Reading::Empty,
        [one] => number(one),
        several => {
            let names = several.iter().map(|result| {
                let names: Vec<&str> = result.keys().map(String::as_str).collect();
                named(&names.join(", "))
            });
            Reading::Several(names.collect())
        }
    }
}

/// The number of `{"average": 1}` or of `{"percentiles": {"99": 1}}`.
fn number(result: &BTreeMap<String, Value>) -> Reading {
    let mut members = result.iter();
    let (name, value) = match (result.get("result"), members.next(), members.next()) {
        (Some(value), _, _) => ("result", value),
        (None, Some((name, value)), None) => (name.as_str(), value),
        (None, None, _) => return Reading::Empty,
        (None, Some(_), Some(_)) => {
            let names = result.keys().map(|name| named(name));
            return Reading::Several(names.collect());
        }
    };
    match value {
        Value::Null => Reading::Empty,
        Value::Number(number) => number.as_f64().map_or(Reading::Nan, Reading::of),
        Value::Object(inner) => {
            let inner = inner
                .iter()
                .map(|(name, value)| (name.clone(), value.clone()));
            match inner.collect::<BTreeMap<_, _>>() {
                inner if inner.values().any(Value::is_object) => wrong_type(name),
                inner => number(&inner),
            }
        }
        Value::Bool(_) | Value::String(_) | Value::Array(_) => wrong_type(name),
    }
}

fn wrong_type(name: &str) -> Reading {
    Reading::WrongType(format!("`{}`", named(name)))
}

#[cfg(test)]
mod tests;
