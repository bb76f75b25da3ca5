//! Amazon CloudWatch (`GetMetricData`, JSON protocol; Flagger: `providers/cloudwatch.go`).

use jiff::{SignedDuration, Timestamp};
use reqwest::header::{CONTENT_TYPE, HeaderName};
use secrecy::SecretString;
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::cloud::Signer;
use super::points::{Point, Series, newest_complete};
use super::remote::{Access, Advice, Remote, shortened};
use super::{Answered, LOOK_BACK};
use crate::error::{Error, Result};
use crate::http::Answer;

const ADVICE: Advice = Advice {
    permission: "cloudwatch:GetMetricData",
    not_found: "the address is that of CloudWatch in the region, or of a private endpoint for it",
};

/// Points of an answer: more than ten intervals have at a point in ten seconds, and the
/// newest come first. Flagger wants 20.
const MOST: usize = 500;

/// The members of a `MetricDataQuery`, which Flagger takes in any case.
const MEMBERS: [&str; 15] = [
    "AccountId",
    "Dimensions",
    "Expression",
    "Id",
    "Label",
    "Metric",
    "MetricName",
    "MetricStat",
    "Name",
    "Namespace",
    "Period",
    "ReturnData",
    "Stat",
    "Unit",
    "Value",
];

/// CloudWatch in a region.
///
/// The query is a JSON list of `MetricDataQuery`. It is asked over the last ten intervals of
/// the metric, as Flagger does, since points come minutes late. Judged is the newest point
/// whose period is over by the time of the check; Flagger takes the newest point, also of a
/// period that is still filling, or of ten intervals ago, where here
/// one that is more than 4 min late is no data.
/// Several results that have points are an error that names
/// them (`ReturnData: false` for all but one avoids it), where Flagger takes the first.
#[derive(Debug)]
pub struct CloudWatch(Remote);

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Found {
    metric_data_results: Option<Vec<One>>,
    messages: Option<Vec<Message>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", default)]
#[derive(Default)]
struct One {
    id: String,
    label: String,
    status_code: String,
    timestamps: Vec<f64>,
    values: Vec<f64>,
    messages: Vec<Message>,
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "PascalCase", default)]
struct Message {
    code: String,
    value: String,
}

impl CloudWatch {
    /// A client that `signer` signs for.
    ///
    /// # Errors
    /// As [`Remote::new`].
    pub fn new(access: &Access<'_>, signer: Signer) -> Result<Self> {
        let text = |value: &str| SecretString::from(value);
        let headers = [
            (CONTENT_TYPE, text("application/x-amz-json-1.0")),
            (
                HeaderName::from_static("x-amz-target"),
                text("GraniteServiceVersion20100801.GetMetricData"),
            ),
        ];
        Ok(Self(
            Remote::new(access, &headers, ADVICE)?.with_signer(signer),
        ))
    }

    /// Where it is.
    #[must_use]
    pub fn address(&self) -> String {
        self.0.address()
    }

    /// The value of `query` as of `at`.
    ///
    /// # Errors
    /// As [`Provider::instant`](super::Provider::instant), and
    /// [`Kind::Document`](crate::error::Kind::Document) when the query is no list of
    /// `MetricDataQuery`.
    pub async fn instant(
        &self,
        query: &str,
        window: SignedDuration,
        at: Timestamp,
    ) -> Result<Answered> {
        let queries = queries(query)?;
        let asked = window.saturating_mul(LOOK_BACK);
        let body = json!({
            "MetricDataQueries": queries,
            "StartTime": at.as_second().saturating_sub(asked.as_secs()),
            "EndTime": at.as_second(),
            "MaxDatapoints": MOST,
            "ScanBy": "TimestampDescending",
        });
        let request = self.0.post("", &[]).body(body.to_string());
        let answer = self.0.ask(request).await?;
        let found: Found = self.0.json(&answer)?;
        self.judged(found, &queries, &answer, window, at)
    }

    fn judged(
        &self,
        found: Found,
        queries: &[Map<String, Value>],
        answer: &Answer,
        window: SignedDuration,
        at: Timestamp,
    ) -> Result<Answered> {
        let results = found.metric_data_results.ok_or_else(|| {
            self.0
                .not_understood(answer, "`MetricDataResults` is missing")
        })?;
        let mut warnings: Vec<String> = Vec::new();
        for message in found.messages.unwrap_or_default() {
            warnings.push(message.told());
        }
        for one in &results {
            match one.status_code.as_str() {
                "Complete" | "PartialData" | "" => {}
                _failed => return Err(self.failed(one)),
            }
            let partial = (one.status_code == "PartialData" && one.values.len() < MOST)
                .then(|| format!("CloudWatch has only a part of `{}`", one.id));
            warnings.extend(partial);
            warnings.extend(one.messages.iter().map(Message::told));
        }
        let series: Vec<Series> = results.iter().map(|one| one.series(queries)).collect();
        let mut answered = newest_complete(&series, window, at);
        answered.warnings.extend(warnings);
        Ok(answered)
    }

    /// One result is no result: `Forbidden` or `InternalError`.
    fn failed(&self, one: &One) -> Error {
        let messages: Vec<String> = one.messages.iter().map(Message::told).collect();
        let mut message = format!(
            "CloudWatch at {} has no value for `{}`: {}",
            self.address(),
            shortened(&one.id, 80),
            shortened(&one.status_code, 80)
        );
        if !messages.is_empty() {
            message.push_str(&format!(": {}", messages.join(", ")));
        }
        let error = Error::remote(message);
        match one.status_code.as_str() {
            "Forbidden" => error.hint(
                "the credentials may not read this metric: it is of another account (AccountId) that shares none, \
                 or cloudwatch:GetMetricData is missing",
            ),
            _ => error.hint("that is a fault of CloudWatch: the next run asks again"),
        }
    }
}

impl One {
    fn series(&self, queries: &[Map<String, Value>]) -> Series {
        let points = self.timestamps.iter().zip(&self.values);
        let points = points.filter_map(|(seconds, value)| {
            let at = SignedDuration::try_from_secs_f64(*seconds).ok()?;
            Some(Point {
                at: Timestamp::from_duration(at).ok()?,
                value: Some(*value),
            })
        });
        let name = match self.label == self.id || self.label.is_empty() {
            true => self.id.clone(),
            false => format!("{} ({})", self.id, self.label),
        };
        Series {
            name,
            points: points.collect(),
            step: period(queries, &self.id),
        }
    }
}

impl Message {
    fn told(&self) -> String {
        match shortened(&self.value, 200) {
            empty if empty.is_empty() => shortened(&self.code, 80),
            text => format!("{}: {text}", shortened(&self.code, 80)),
        }
    }
}

/// The period of a result in seconds: the query's own, for an expression without one the
/// longest that there is.
fn period(queries: &[Map<String, Value>], id: &str) -> Option<SignedDuration> {
    let of = |query: &Map<String, Value>| {
        let metric = query
            .get("MetricStat")
            .and_then(|metric| metric.get("Period"));
        metric.or_else(|| query.get("Period"))?.as_i64()
    };
    let own = queries
        .iter()
        .find(|query| query.get("Id").is_some_and(|own| own == id));
    let own = own.and_then(of);
    let seconds = own.or_else(|| queries.iter().filter_map(of).max())?;
    Some(SignedDuration::from_secs(seconds))
}

/// Reads a query.
fn queries(query: &str) -> Result<Vec<Map<String, Value>>> {
    let wrong = |what: String| {
        Error::document(format!("the query is none of CloudWatch: {what}"))
            .hint("write a JSON list of MetricDataQuery: [{\"Id\": \"m1\", \"MetricStat\": {…}}]")
    };
    let list: Vec<Map<String, Value>> =
        serde_json::from_str(query).map_err(|error| wrong(error.to_string()))?;
    if list.is_empty() {
        return Err(wrong("the list is empty".to_owned()));
    }
    let list = list.into_iter().map(|query| members(query).map_err(wrong));
    list.collect()
}

/// The same with the names of members as CloudWatch writes them.
fn members(members: Map<String, Value>) -> Result<Map<String, Value>, String> {
    let mut named = Map::new();
    for (name, value) in members {
        let known = MEMBERS
            .iter()
            .find(|known| known.eq_ignore_ascii_case(&name));
        let known = known.ok_or_else(|| format!("`{}` is not known", name.escape_debug()))?;
        named.insert((*known).to_owned(), spelled(value)?);
    }
    Ok(named)
}

fn spelled(value: Value) -> Result<Value, String> {
    Ok(match value {
        Value::Object(object) => Value::Object(members(object)?),
        Value::Array(list) => {
            let list = list.into_iter().map(spelled);
            Value::Array(list.collect::<Result<_, _>>()?)
        }
        plain @ (Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_)) => plain,
    })
}

#[cfg(test)]
mod tests;
