//! InfluxDB 2 (`POST /api/v2/query` with Flux; Flagger: `providers/influxdb.go`).

mod tables;

use jiff::{SignedDuration, Timestamp};
use reqwest::header::{ACCEPT, AUTHORIZATION};
use secrecy::{ExposeSecret as _, SecretString};
use serde_json::json;

use super::Answered;
use super::points::named;
use super::remote::{Access, Advice, Remote};
use crate::decide::Reading;
use crate::error::Result;
use tables::{Table, Unusable, Value};

const ADVICE: Advice = Advice {
    permission: "a token that may read the bucket, of the organisation org",
    not_found: "is the organisation org known there, and does the server speak Flux (InfluxDB 2)?",
};

/// An InfluxDB 2, or anything that speaks its query API.
///
/// The time of the check is what the query knows as `now()`, so `range(start: -1m)` is
/// the minute before it, also for a missed check. Judged is `_value` of the one record of
/// the one table. Several tables are an error that names them, and several records of a
/// table are not a number; Flagger takes the first record. Whole numbers are numbers here,
/// and an empty answer is no data, where Flagger reads 0.
#[derive(Debug)]
pub struct InfluxDb {
    remote: Remote,
    org: Option<String>,
}

impl InfluxDb {
    /// A client, with `token` and `org` if the template names a Secret.
    ///
    /// # Errors
    /// When a key of the Secret is not given.
    pub fn new(access: &Access<'_>) -> Result<Self> {
        let mut headers = vec![(ACCEPT, SecretString::from("application/csv"))];
        let mut org = None;
        if access.keys.name.is_some() {
            let token = access.keys.required("token")?;
            let token = format!("Token {}", token.expose_secret());
            headers.push((AUTHORIZATION, SecretString::from(token)));
            org = Some(access.keys.required("org")?.expose_secret().to_owned());
        }
        Ok(Self {
            remote: Remote::new(access, &headers, ADVICE)?,
            org,
        })
    }

    /// Where it is, without secrets.
    #[must_use]
    pub fn address(&self) -> String {
        self.remote.address()
    }

    /// The value of `query` as of `at`. How far it looks back, it says itself.
    ///
    /// # Errors
    /// As [`Provider::instant`](super::Provider::instant).
    pub async fn instant(
        &self,
        query: &str,
        _window: SignedDuration,
        at: Timestamp,
    ) -> Result<Answered> {
        let org = self.org.as_deref().map(|org| ("org", org));
        let parameters: Vec<(&str, &str)> = org.into_iter().collect();
        let body = json!({
            "query": query,
            "type": "flux",
            "now": at.to_string(),
            "dialect": {
                "header": true,
                "delimiter": ",",
                "annotations": ["datatype", "group", "default"],
                "commentPrefix": "#",
            },
        });
        let request = self.remote.post("api/v2/query", &parameters).json(&body);
        let answer = self.remote.ask(request).await?;
        let tables = tables::read(&answer.body).map_err(|unusable| match unusable {
            Unusable::Refused(text) => self.remote.rejected(&text, query),
            Unusable::Malformed(what) => self.remote.not_understood(&answer, &what),
        })?;
        Ok(Answered::from(reading(&tables)))
    }
}

fn reading(tables: &[Table]) -> Reading {
    // A table whose only values are missing says no more than none.
    let with_values: Vec<&Table> = tables
        .iter()
        .filter(|table| table.values.iter().any(|value| *value != Value::Missing))
        .collect();
    let table = match with_values.as_slice() {
        [] => return Reading::Empty,
        [one] => one,
        several => {
            let names = several.iter().map(|table| named(&table.name));
            return Reading::Several(names.collect());
        }
    };
    match table.values.as_slice() {
        [Value::Number(number)] => Reading::of(*number),
        [Value::Other(kind)] => Reading::WrongType(format!("a value of type {}", named(kind))),
        [] | [Value::Missing] => Reading::Empty,
        several => Reading::WrongType(format!(
            "{} records (end the query with `last()` or `mean()`)",
            several.len()
        )),
    }
}

#[cfg(test)]
mod tests;
