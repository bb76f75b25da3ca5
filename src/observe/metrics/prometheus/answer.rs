//! The JSON of Prometheus' query API.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp, Unit};
use serde::Deserialize;
use serde::de::IgnoredAny;
use serde_json::Value;

use crate::decide::Reading;
use crate::http::Answer;
use crate::observe::metrics::Answered;
use crate::template::promql_escape;

/// The answer to a range query.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Ranged {
    /// The series, in the order they came.
    pub series: Vec<Series>,
    /// What Prometheus warns of.
    pub warnings: Vec<String>,
    /// What Prometheus remarks about the query.
    pub infos: Vec<String>,
}

/// One series of a range.
#[derive(Debug, Clone, PartialEq)]
pub struct Series {
    /// Its labels: `{code="200"}`.
    pub labels: String,
    /// The same by name.
    pub metric: BTreeMap<String, String>,
    /// Its samples, by time.
    pub points: Vec<(Timestamp, f64)>,
    /// When it has native histograms instead of samples.
    pub histograms: Vec<Timestamp>,
}

impl Ranged {
    /// Adds what was found in a later range.
    pub(super) fn append(&mut self, later: Self) {
        for series in later.series {
            let known = self
                .series
                .iter_mut()
                .find(|known| known.labels == series.labels);
            match known {
                Some(known) => {
                    known.points.extend(series.points);
                    known.histograms.extend(series.histograms);
                }
                None => self.series.push(series),
            }
        }
        for (all, new) in [
            (&mut self.warnings, later.warnings),
            (&mut self.infos, later.infos),
        ] {
            for text in new {
                if !all.contains(&text) {
                    all.push(text);
                }
            }
        }
    }

    /// What an instant query would have found at `at`, one of the range's steps.
    #[must_use]
    pub fn reading_at(&self, at: Timestamp) -> Reading {
        let millis = at.as_millisecond();
        let mut found = Vec::new();
        for series in &self.series {
            let same = |time: &Timestamp| time.as_millisecond() == millis;
            if let Some((_, value)) = series.points.iter().find(|(time, _)| same(time)) {
                found.push((&series.labels, Reading::of(*value)));
            } else if series.histograms.iter().any(same) {
                found.push((&series.labels, Reading::WrongType(HISTOGRAM.to_owned())));
            }
        }
        match found.as_slice() {
            [] => Reading::Empty,
            [(_, reading)] => reading.clone(),
            several => Reading::Several(
                several
                    .iter()
                    .map(|(labels, _)| (*labels).clone())
                    .collect(),
            ),
        }
    }
}

/// Why an answer with a status of success is not one.
#[derive(Debug)]
pub(super) enum Unusable {
    /// It is a web page.
    Page,
    /// It ends too early.
    Truncated,
    /// It is not the JSON it should be.
    Malformed(String),
    /// It says `status: error`, with type and text.
    Refused(Refusal),
}

/// What Prometheus says of a query it does not answer.
#[derive(Debug, Default)]
pub(super) struct Refusal {
    /// `bad_data`, `execution`, `timeout`, …
    pub(super) kind: String,
    /// The text.
    pub(super) text: String,
}

const HISTOGRAM: &str = "a native histogram";

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Envelope {
    status: String,
    data: Option<Data>,
    error_type: Option<String>,
    error: Option<String>,
    warnings: Option<Vec<String>>,
    infos: Option<Vec<String>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Data {
    result_type: String,
    #[serde(default)]
    result: Value,
}

/// Time in seconds, value as text.
type Sample = (f64, String);

#[derive(Deserialize)]
struct Found {
    #[serde(default)]
    metric: BTreeMap<String, String>,
    value: Option<Sample>,
    values: Option<Vec<Sample>>,
    histograms: Option<Vec<(f64, IgnoredAny)>>,
}

/// Reads the answer to an instant query.
pub(super) fn instant(answer: &Answer) -> Result<Answered, Unusable> {
    let envelope = success(answer)?;
    let Data {
        result_type,
        result,
    } = data(envelope.data)?;
    let reading = match result_type.as_str() {
        "vector" => vector(result)?,
        "scalar" => {
            let (_, value): Sample = parsed(result)?;
            Reading::of(number(&value)?)
        }
        "string" => Reading::WrongType("a text".to_owned()),
        "matrix" => Reading::WrongType("a range of samples (matrix)".to_owned()),
        other => Reading::WrongType(format!("`{}`", other.escape_debug())),
    };
    Ok(Answered {
        reading,
        warnings: envelope.warnings.unwrap_or_default(),
        infos: envelope.infos.unwrap_or_default(),
    })
}

/// Reads the answer to a range query.
pub(super) fn range(answer: &Answer) -> Result<Ranged, Unusable> {
    let envelope = success(answer)?;
    let data = data(envelope.data)?;
    if data.result_type != "matrix" {
        return Err(Unusable::Malformed(format!(
            "a `{}` answers a range query",
            data.result_type.escape_debug()
        )));
    }
    let found: Vec<Found> = parsed(data.result)?;
    let series = found.into_iter().map(|found| {
        let points = found.values.unwrap_or_default();
        let points = points
            .iter()
            .map(|(at, value)| Ok((time(*at)?, number(value)?)));
        let histograms = found.histograms.unwrap_or_default();
        Ok(Series {
            labels: labels(&found.metric),
            metric: found.metric,
            points: points.collect::<Result<_, Unusable>>()?,
            histograms: histograms
                .iter()
                .map(|(at, _)| time(*at))
                .collect::<Result<_, _>>()?,
        })
    });
    Ok(Ranged {
        series: series.collect::<Result<_, Unusable>>()?,
        warnings: envelope.warnings.unwrap_or_default(),
        infos: envelope.infos.unwrap_or_default(),
    })
}

/// What Prometheus says in an answer with a status of failure, if it is its own.
pub(super) fn refusal(answer: &Answer) -> Option<Refusal> {
    let envelope: Envelope = serde_json::from_slice(&answer.body).ok()?;
    (envelope.status == "error").then(|| refusal_of(envelope))
}

fn refusal_of(envelope: Envelope) -> Refusal {
    Refusal {
        kind: envelope.error_type.unwrap_or_default(),
        text: envelope.error.unwrap_or_default(),
    }
}

fn success(answer: &Answer) -> Result<Envelope, Unusable> {
    if answer.is_html() {
        return Err(Unusable::Page);
    }
    let envelope: Envelope =
        serde_json::from_slice(&answer.body).map_err(|error| match error.is_eof() {
            true => Unusable::Truncated,
            false => Unusable::Malformed(error.to_string()),
        })?;
    match envelope.status.as_str() {
        "success" => Ok(envelope),
        _error => Err(Unusable::Refused(refusal_of(envelope))),
    }
}

fn data(data: Option<Data>) -> Result<Data, Unusable> {
    data.ok_or_else(|| Unusable::Malformed("`data` is missing".to_owned()))
}

fn vector(result: Value) -> Result<Reading, Unusable> {
    let found: Vec<Found> = parsed(result)?;
    match found.as_slice() {
        [] => Ok(Reading::Empty),
        [one] => match &one.value {
            Some((_, value)) => Ok(Reading::of(number(value)?)),
            None => Ok(Reading::WrongType(HISTOGRAM.to_owned())),
        },
        several => Ok(Reading::Several(
            several.iter().map(|found| labels(&found.metric)).collect(),
        )),
    }
}

fn parsed<T: for<'de> Deserialize<'de>>(result: Value) -> Result<T, Unusable> {
    serde_json::from_value(result).map_err(|error| Unusable::Malformed(error.to_string()))
}

/// A sample as Prometheus writes it: a Go float, `NaN`, `+Inf` or `-Inf`.
fn number(text: &str) -> Result<f64, Unusable> {
    text.parse().map_err(|_no_number| {
        Unusable::Malformed(format!(
            "the sample `{}` is not a number",
            text.escape_debug()
        ))
    })
}

fn time(seconds: f64) -> Result<Timestamp, Unusable> {
    SignedDuration::try_from_secs_f64(seconds)
        .and_then(Timestamp::from_duration)
        .and_then(|time| time.round(Unit::Millisecond))
        .map_err(|_out_of_range| Unusable::Malformed(format!("the time `{seconds}` is none")))
}

/// Labels as PromQL writes them: `up{job="x"}`.
fn labels(metric: &BTreeMap<String, String>) -> String {
    let name = metric.get("__name__").map_or("", String::as_str);
    let labels: Vec<String> = metric
        .iter()
        .filter(|(label, _)| *label != "__name__")
        .map(|(label, value)| format!("{label}=\"{}\"", promql_escape(value)))
        .collect();
    match labels.is_empty() && !name.is_empty() {
        true => name.to_owned(),
        false => format!("{name}{{{}}}", labels.join(", ")),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn answer(body: Vec<u8>) -> Answer {
        Answer {
            status: reqwest::StatusCode::OK,
            headers: reqwest::header::HeaderMap::new(),
            url: "http://prometheus/".parse().unwrap(),
            body,
            tries: 1,
        }
    }

    proptest! {
        #[test]
        fn no_answer_panics(
            kind in prop::sample::select(vec!["vector", "matrix", "scalar", "string"]),
            time in any::<f64>(),
            value in "[-+]?(NaN|Inf|[0-9.e]{0,9})",
            junk in ".*",
        ) {
            let samples = serde_json::json!([[time, value], [time, junk]]);
            let found = serde_json::json!([{"metric": {"a": junk}, "value": samples[0], "values": samples}]);
            for result in [found, samples.clone(), samples[0].clone()] {
                let body = serde_json::json!({"status": "success", "data": {"resultType": kind, "result": result}});
                let answer = answer(body.to_string().into_bytes());
                drop(instant(&answer));
                drop(range(&answer));
            }
            let answer = answer(junk.into_bytes());
            prop_assert!(instant(&answer).is_err());
            prop_assert!(refusal(&answer).is_none());
        }
    }
}
