//! Google Cloud Monitoring (`projects.timeSeries.query`; Flagger:
//! `providers/stackdriver.go`).

use std::fmt;

use jiff::{SignedDuration, Timestamp};
use serde::Deserialize;
use serde_json::{Value, json};

use super::Answered;
use super::cloud::Signer;
use super::points::{self, age, named};
use super::remote::{Access, Advice, Remote, shortened};
use crate::decide::Reading;
use crate::error::{Error, Result};
use crate::http::Answer;

const ADVICE: Advice = Advice {
    permission: "the role Monitoring Viewer (roles/monitoring.viewer)",
    not_found: "is there such a project?",
};

/// Cloud Monitoring of a project, asked in its own language, MQL.
///
/// MQL names its own time (`within`), up to now: a check that no run came for cannot be made
/// up for. Judged is the newest point of the only series, unless it is more than 4 min late;
/// Flagger takes the first point of the first series. Whole numbers are read as they are; Flagger reads each as 0. Google
/// recommends PromQL instead: the type `prometheus`, with the address
/// `https://monitoring.googleapis.com/v1/projects/PROJECT/location/global/prometheus`.
#[derive(Debug)]
pub struct Stackdriver {
    remote: Remote,
    path: String,
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "camelCase", default)]
struct Found {
    time_series_descriptor: Descriptor,
    time_series_data: Vec<One>,
    next_page_token: String,
    partial_errors: Vec<PartialError>,
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "camelCase", default)]
struct Descriptor {
    label_descriptors: Vec<Label>,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct Label {
    key: String,
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "camelCase", default)]
struct One {
    label_values: Vec<LabelValue>,
    point_data: Vec<Point>,
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "camelCase", default)]
struct LabelValue {
    bool_value: Option<bool>,
    int64_value: Option<Value>,
    string_value: Option<String>,
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "camelCase", default)]
struct Point {
    values: Vec<TypedValue>,
    time_interval: Interval,
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "camelCase", default)]
struct Interval {
    end_time: Option<Timestamp>,
}

/// A value by its type; 64 bits and what is not finite come as text.
#[derive(Deserialize, Default)]
#[serde(rename_all = "camelCase", default)]
struct TypedValue {
    bool_value: Option<Value>,
    int64_value: Option<Value>,
    double_value: Option<Value>,
    string_value: Option<Value>,
    distribution_value: Option<Value>,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct PartialError {
    message: String,
}

impl Stackdriver {
    /// A client for `project`, an id or a number, whose token `signer` has.
    ///
    /// # Errors
    /// [`Kind::Usage`](crate::error::Kind::Usage) when the project is none; as
    /// [`Remote::new`].
    pub fn new(access: &Access<'_>, project: &str, signer: Signer) -> Result<Self> {
        let project = project.trim().trim_start_matches("projects/");
        let part = |c: char| c.is_ascii_alphanumeric() || "-:.".contains(c);
        if project.is_empty() || !project.chars().all(part) {
            return Err(
                Error::usage("the project for Cloud Monitoring is no id of one")
                    .hint("it looks like my-project-1, or is a number"),
            );
        }
        Ok(Self {
            remote: Remote::new(access, &[], ADVICE)?.with_signer(signer),
            path: format!("v3/projects/{project}/timeSeries:query"),
        })
    }

    /// Where it is.
    #[must_use]
    pub fn address(&self) -> String {
        self.remote.address()
    }

    /// The value of `query` as of now, which `at` should be; `window` only tells when a point
    /// is too old.
    ///
    /// # Errors
    /// As [`Provider::instant`](super::Provider::instant).
    pub async fn instant(
        &self,
        query: &str,
        window: SignedDuration,
        at: Timestamp,
    ) -> Result<Answered> {
        let request = self.remote.post(&self.path, &[]);
        let request = request.json(&json!({ "query": query }));
        let answer = self.remote.ask(request).await?;
        let found: Found = self.remote.json(&answer)?;
        let mut warnings: Vec<String> = found
            .partial_errors
            .iter()
            .map(|error| format!("a part is missing: {}", shortened(&error.message, 200)))
            .collect();
        if !found.next_page_token.is_empty() {
            warnings.push("there are more series than shown".to_owned());
        }
        let (mut reading, time) = self.reading(&found, &answer)?;
        if let Some((ended, period)) = time {
            let age = age(ended, period, window, at);
            if !age.counts {
                reading = Reading::Empty;
            }
            warnings.extend(age.warning);
        }
        Ok(Answered {
            warnings,
            ..Answered::from(reading)
        })
    }

    /// The newest point of the only series, when it ended, and the time between points.
    fn reading(
        &self,
        found: &Found,
        answer: &Answer,
    ) -> Result<(Reading, Option<(Timestamp, SignedDuration)>)> {
        let series = found.time_series_data.iter();
        let series: Vec<&One> = series.filter(|one| !one.point_data.is_empty()).collect();
        let one = match series.as_slice() {
            [] => return Ok((Reading::Empty, None)),
            [one] => one,
            several => {
                let labels = &found.time_series_descriptor.label_descriptors;
                let names = several.iter().map(|one| named(&one.name(labels)));
                return Ok((Reading::Several(names.collect()), None));
            }
        };
        // Of points without times the first is the newest, as Google orders them.
        let mut newest: Option<&Point> = None;
        for point in &one.point_data {
            let ends = |point: &Point| point.time_interval.end_time;
            if newest.is_none_or(|known| ends(point) > ends(known)) {
                newest = Some(point);
            }
        }
        let Some(point) = newest else {
            return Ok((Reading::Empty, None));
        };
        let reading = match point.values.as_slice() {
            [] => Reading::Empty,
            [value] => value.reading().ok_or_else(|| {
                self.remote
                    .not_understood(answer, "a value is not of its type")
            })?,
            several => Reading::WrongType(format!("{} values in a point", several.len())),
        };
        let time = point.time_interval.end_time;
        Ok((reading, time.map(|ended| (ended, one.period()))))
    }
}

impl One {
    /// The time between points. Where they begin says nothing: for some kinds of metrics
    /// it is when they end, for others when the counter began.
    fn period(&self) -> SignedDuration {
        let ends = self.point_data.iter().filter_map(|point| {
            let at = point.time_interval.end_time?;
            Some(points::Point { at, value: None })
        });
        let series = points::Series {
            points: ends.collect(),
            ..points::Series::default()
        };
        series.step()
    }

    /// `code="200", zone="a"`.
    fn name(&self, labels: &[Label]) -> String {
        let pairs =
            self.label_values
                .iter()
                .enumerate()
                .map(|(index, value)| match labels.get(index) {
                    Some(label) => format!("{}=\"{value}\"", label.key),
                    None => format!("\"{value}\""),
                });
        pairs.collect::<Vec<_>>().join(", ")
    }
}

impl fmt::Display for LabelValue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (&self.string_value, &self.int64_value, self.bool_value) {
            (Some(text), _, _) => f.write_str(text),
            (None, Some(Value::String(number)), _) => f.write_str(number),
            (None, Some(number), _) => write!(f, "{number}"),
            (None, None, Some(value)) => write!(f, "{value}"),
            (None, None, None) => Ok(()),
        }
    }
}

impl TypedValue {
    /// `None` when the value is not what its type says.
    fn reading(&self) -> Option<Reading> {
        let wrong = |what: &str| Some(Reading::WrongType(what.to_owned()));
        if let Some(value) = self.double_value.as_ref().or(self.int64_value.as_ref()) {
            return number(value).map(Reading::of);
        }
        match self {
            Self {
                bool_value: Some(_),
                ..
            } => wrong("a truth value"),
            Self {
                string_value: Some(_),
                ..
            } => wrong("a text"),
            Self {
                distribution_value: Some(_),
                ..
            } => wrong("a distribution: take a percentile of it"),
            _nothing => Some(Reading::Empty),
        }
    }
}

/// A number of protobuf's JSON: also `"42"`, `"NaN"`, `"-Infinity"`.
fn number(value: &Value) -> Option<f64> {
    match value {
        Value::String(text) => text.parse().ok(),
        Value::Number(number) => number.as_f64(),
        Value::Null | Value::Bool(_) | Value::Array(_) | Value::Object(_) => None,
    }
}

#[cfg(test)]
mod tests;
