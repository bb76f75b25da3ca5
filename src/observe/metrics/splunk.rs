//! Splunk Observability (`POST /v2/signalflow/execute`; Flagger: `providers/splunk.go`).

mod events;

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};
use reqwest::header::{ACCEPT, CONTENT_TYPE, HeaderName, HeaderValue};
use secrecy::SecretString;
use serde::Deserialize;
use serde_json::Value;

use super::points::{Point, Series, newest_complete};
use super::remote::{Access, Advice, Remote, shortened};
use super::{Answered, LOOK_BACK};
use crate::error::{Error, Result};
use crate::http::Answer;
use events::Event;

const ADVICE: Advice = Advice {
    permission: "an access token of the organisation with the authorization scope API",
    not_found: "the address is that of the realm, as https://stream.us1.signalfx.com",
};

/// A Splunk Observability organisation.
///
/// The query is a SignalFlow program, run over the last ten intervals of the metric, at
/// once and without waiting for late data. Flagger runs it by websocket; here it is the
/// same call over HTTP, answered by server-sent events, so `wss://` in an address counts
/// as `https://`, and the host `api.` as `stream.`. Judged is the newest point whose
/// resolution is over, where Flagger takes the newest. Several series are an error here
/// as there, and named.
#[derive(Debug)]
pub struct Splunk(Remote);

/// What a computation sent.
#[derive(Default)]
struct Found {
    series: BTreeMap<String, Series>,
    names: BTreeMap<String, String>,
    step: Option<SignedDuration>,
    warnings: Vec<String>,
    ended: bool,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Batch {
    #[serde(default)]
    data: Vec<Datum>,
    logical_timestamp_ms: i64,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Datum {
    ts_id: String,
    #[serde(default)]
    value: Value,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Metadata {
    ts_id: String,
    #[serde(default)]
    properties: BTreeMap<String, Value>,
}

impl Splunk {
    /// A client for the organisation of `sf_token_key`.
    ///
    /// # Errors
    /// When the key is not given.
    pub fn new(access: &Access<'_>) -> Result<Self> {
        let headers = [
            (
                HeaderName::from_static("x-sf-token"),
                access.keys.required("sf_token_key")?,
            ),
            (ACCEPT, SecretString::from("text/event-stream")),
        ];
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
        let stop = at.as_millisecond();
        let start = i128::from(stop) - window.saturating_mul(LOOK_BACK).as_millis();
        let (start, stop) = (start.to_string(), stop.to_string());
        let parameters = [
            ("start", start.as_str()),
            ("stop", &stop),
            ("immediate", "true"),
        ];
        let request = self.0.post("v2/signalflow/execute", &parameters);
        let request = request
            .header(CONTENT_TYPE, HeaderValue::from_static("text/plain"))
            .body(query.to_owned());
        let answer = self.0.ask_until(request, is_over).await?;
        let found = self.found(&answer, query)?;
        if !found.ended {
            return Err(self
                .0
                .not_understood(&answer, "the stream ends before the computation"));
        }
        let mut answered = newest_complete(&found.series(), window, at);
        answered.warnings.extend(found.warnings);
        Ok(answered)
    }

    fn found(&self, answer: &Answer, query: &str) -> Result<Found> {
        let mut found = Found::default();
        for Event { kind, data } in events::read(&answer.text()) {
            let unusable = |error: serde_json::Error| {
                self.0
                    .not_understood(answer, &format!("an event is {error}"))
            };
            match kind.as_str() {
                "data" => {
                    let batch: Batch = serde_json::from_str(&data).map_err(unusable)?;
                    found
                        .add(batch)
                        .map_err(|what| self.0.not_understood(answer, what))?;
                }
                "metadata" => {
                    let metadata: Metadata = serde_json::from_str(&data).map_err(unusable)?;
                    found.names.insert(metadata.ts_id.clone(), metadata.named());
                }
                "control-message" => {
                    let message: Value = serde_json::from_str(&data).map_err(unusable)?;
                    match message["event"].as_str() {
                        Some("END_OF_CHANNEL") => found.ended = true,
                        Some("CHANNEL_ABORT") => return Err(self.aborted(&message, query)),
                        Some(_) | None => {}
                    }
                }
                "message" => {
                    let message: Value = serde_json::from_str(&data).map_err(unusable)?;
                    found.note(&message["message"]);
                }
                "error" => return Err(self.0.rejected(&errors(&data), query)),
                _other => {}
            }
        }
        Ok(found)
    }

    fn aborted(&self, message: &Value, query: &str) -> Error {
        let info = &message["abortInfo"];
        let reason = info["sf_job_abortReason"].as_str();
        let state = info["sf_job_abortState"].as_str();
        let reason = reason.or(state).unwrap_or("it gives no reason");
        self.0
            .rejected(&format!("the computation was aborted: {reason}"), query)
    }
}

impl Found {
    fn add(&mut self, batch: Batch) -> Result<(), &'static str> {
        let at = Timestamp::from_millisecond(batch.logical_timestamp_ms);
        let at = at.map_err(|_out_of_range| "a time is none")?;
        for datum in batch.data {
            // `"NaN"` is a value that is none.
            let value = datum.value.as_f64();
            let series = self.series.entry(datum.ts_id).or_default();
            series.points.push(Point { at, value });
        }
        Ok(())
    }

    /// What the computation says about itself.
    fn note(&mut self, message: &Value) {
        match message["messageCode"].as_str() {
            Some("JOB_RUNNING_RESOLUTION") => {
                let millis = message["contents"]["resolutionMs"].as_i64();
                self.step = millis.map(SignedDuration::from_millis);
            }
            Some(
                code @ ("FIND_MATCHED_NO_TIMESERIES"
                | "FIND_LIMITED_RESULT_SET"
                | "GROUPBY_MISSING_PROPERTY"),
            ) => {
                self.warnings
                    .push(code.to_ascii_lowercase().replace('_', " "));
            }
            Some(_) | None => {}
        }
    }

    fn series(&self) -> Vec<Series> {
        let all = self.series.iter();
        let all = all.map(|(id, series)| Series {
            name: self.names.get(id).unwrap_or(id).clone(),
            points: series.points.clone(),
            step: self.step,
        });
        all.collect()
    }
}

impl Metadata {
    /// Label of the stream, and the dimensions: `errors{host=a}`.
    fn named(&self) -> String {
        let text = |name: &str| self.properties.get(name).and_then(Value::as_str);
        let name = ["sf_streamLabel", "sf_originatingMetric", "sf_metric"];
        let name = name.into_iter().find_map(text).unwrap_or(&self.ts_id);
        let keys = self.properties.get("sf_key").and_then(Value::as_array);
        let keys = keys.into_iter().flatten().filter_map(Value::as_str);
        let dimensions = keys.filter(|key| !key.starts_with("sf_"));
        let dimensions: Vec<String> = dimensions
            .filter_map(|key| Some(format!("{key}={}", text(key)?)))
            .collect();
        match dimensions.is_empty() {
            true => name.to_owned(),
            false => format!("{name}{{{}}}", dimensions.join(", ")),
        }
    }
}

/// The text of an event of type `error`.
fn errors(data: &str) -> String {
    let Ok(event) = serde_json::from_str::<Value>(data) else {
        return shortened(data, 200);
    };
    if let Some(message) = event["message"].as_str().filter(|text| !text.is_empty()) {
        return message.to_owned();
    }
    let all = event["errors"].as_array();
    let all = all.into_iter().flatten().map(|error| {
        let code = error["code"].as_str().unwrap_or_default();
        let context = &error["context"];
        match context.is_null() {
            true => code.to_owned(),
            false => format!("{code} {context}"),
        }
    });
    let all: Vec<String> = all.collect();
    match all.is_empty() {
        true => event["errorType"].as_str().unwrap_or(data).to_owned(),
        false => all.join("; "),
    }
}

/// Is the last event of a computation there? The server may keep the connection.
fn is_over(body: &[u8]) -> bool {
    const TAIL: usize = 1024;
    let tail = &body[body.len().saturating_sub(TAIL)..];
    let has = |text: &str| memchr::memmem::find(tail, text.as_bytes()).is_some();
    let event_ends = tail.ends_with(b"\n\n") || tail.ends_with(b"\r\n\r\n");
    event_ends && (has("END_OF_CHANNEL") || has("CHANNEL_ABORT"))
}

#[cfg(test)]
mod tests;
