//! What one tick says about the world, and what of it cannot be meant.

use std::collections::BTreeMap;

use reqwest::StatusCode;
use serde_yaml::Value;

use super::scenario::Tick;
use super::written::{Gate, Inject, State, WrittenInput, WrittenTick};
use crate::api::{FieldPath, Problem};

/// Most ticks of a scenario, repeated ones counted: at one a minute a week.
const MOST_TICKS: i64 = 10_000;

/// What one tick says about the world; what is absent stays as it was.
#[derive(Debug, Default)]
pub(super) struct Input {
    /// What somebody wrote before the tick.
    pub(super) inject: Inject,
    /// A JSON merge patch on `spec`.
    pub(super) spec_patch: Option<Value>,
    /// The target's revision.
    pub(super) revision: Option<String>,
    /// The revision of its ConfigMaps and Secrets.
    pub(super) config_revision: Option<String>,
    /// Is the primary ready?
    pub(super) primary: Option<State>,
    /// Is the target ready?
    pub(super) canary: Option<State>,
    /// Raw results by metric.
    pub(super) metrics: BTreeMap<String, Sample>,
    /// Answers by webhook.
    pub(super) webhooks: BTreeMap<String, Reply>,
}

/// What a query returns.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Sample {
    /// The value.
    pub(super) result: Sampled,
    /// The requests of the window; none given is enough of them.
    pub(super) requests: Option<f64>,
}

/// The value of a [`Sample`].
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Sampled {
    /// A number, finite or not.
    Number(f64),
    /// No series.
    NoValues,
    /// The query failed.
    Error,
}

/// What a webhook answers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Reply {
    /// A status of HTTP.
    Status(StatusCode),
    /// Nothing; the text says why.
    Failure(String),
}

impl Reply {
    /// What an open gate answers.
    pub(super) const OPEN: Self = Self::Status(StatusCode::OK);

    /// What a closed gate answers.
    pub(super) const CLOSED: Self = Self::Status(StatusCode::FORBIDDEN);
}

/// Reads what the types alone do not say.
pub(super) struct Reader<'a> {
    /// The document; what is null there is not in what was decoded.
    pub(super) value: &'a Value,
    pub(super) problems: Vec<Problem>,
    /// The number of the last run so far.
    pub(super) last: Option<i64>,
}

impl Reader<'_> {
    pub(super) fn ticks(&mut self, written: Vec<WrittenTick>) -> Vec<Tick> {
        let ticks = written.into_iter().enumerate();
        ticks.map(|(index, tick)| self.tick(index, tick)).collect()
    }

    fn tick(&mut self, index: usize, written: WrittenTick) -> Tick {
        let path = FieldPath::root().key("ticks").index(index);
        let raw = self.value.get("ticks").and_then(|ticks| ticks.get(index));
        let field = |name: &[&str]| {
            let value = name.iter().try_fold(raw?, |value, key| value.get(key));
            value.filter(|value| value.is_mapping()).cloned()
        };
        let expect = field(&["expect"]);
        let spec_patch = field(&["input", "specPatch"]);
        let repeat = written.repeat.unwrap_or(1);
        if repeat < 1 {
            let message = format!("must be at least 1, found {repeat}");
            self.error(path.key("repeat"), message);
        }
        let next = self.last.map_or(1, |last| last.saturating_add(1));
        let number = written.tick.unwrap_or(next);
        if self.last.is_some() && number < next {
            let message = format!("must be at least {next}, found {number}");
            self.error(path.key("tick"), message);
        }
        let last = number.saturating_add(repeat.max(1) - 1);
        if number <= MOST_TICKS && last > MOST_TICKS {
            let message = format!("makes more than {MOST_TICKS} ticks");
            self.error(path.key("repeat"), message);
        }
        self.last = Some(last);
        let input = written.input.unwrap_or_default();
        Tick {
            number,
            name: written.name,
            repeat,
            input: self.input(&path.key("input"), input, spec_patch),
            expect,
            path,
        }
    }

    fn input(&mut self, at: &FieldPath, written: WrittenInput, patch: Option<Value>) -> Input {
        let mut input = Input {
            inject: written.inject.unwrap_or_default(),
            spec_patch: patch,
            revision: written.revision,
            config_revision: written.config_revision,
            primary: written.primary,
            canary: written.canary,
            ..Input::default()
        };
        for (name, gate) in written.gates.unwrap_or_default() {
            let reply = match gate {
                Gate::Open => Reply::OPEN,
                Gate::Closed => Reply::CLOSED,
            };
            input.webhooks.insert(name, reply);
        }
        for (name, value) in written.webhooks.unwrap_or_default() {
            match reply(&value) {
                Ok(reply) => drop(input.webhooks.insert(name, reply)),
                Err(message) => self.error(at.key("webhooks").key(name), message),
            }
        }
        for (name, value) in written.metrics.unwrap_or_default() {
            match sample(&value) {
                Ok(sample) => drop(input.metrics.insert(name, sample)),
                Err(message) => self.error(at.key("metrics").key(name), message),
            }
        }
        self.problems
            .extend(input.inject.problems(&at.key("inject")));
        input
    }

    fn error(&mut self, path: FieldPath, message: impl Into<String>) {
        self.problems.push(Problem::error(path, message));
    }
}

/// A status of HTTP, or a text for no answer at all.
fn reply(value: &Value) -> Result<Reply, String> {
    match value {
        Value::Number(number) => number
            .as_u64()
            .and_then(|status| StatusCode::from_u16(u16::try_from(status).ok()?).ok())
            .map(Reply::Status)
            .ok_or_else(|| format!("must be a status of HTTP, found {number}")),
        Value::String(text) => Ok(Reply::Failure(text.clone())),
        Value::Null
        | Value::Bool(_)
        | Value::Sequence(_)
        | Value::Mapping(_)
        | Value::Tagged(_) => {
            Err("must be a status of HTTP, or a text for no answer at all".to_owned())
        }
    }
}

/// A result alone, or `{value, requests}`.
fn sample(value: &Value) -> Result<Sample, String> {
    let Value::Mapping(mapping) = value else {
        let result = sampled(value)?;
        return Ok(Sample {
            result,
            requests: None,
        });
    };
    let unknown = mapping
        .keys()
        .find(|key| !matches!(key.as_str(), Some("value" | "requests")));
    let requests = mapping.get("requests");
    match (mapping.get("value"), requests.map(Value::as_f64), unknown) {
        (Some(value), None, None) => sample(value),
        (Some(value), Some(Some(requests)), None) => Ok(Sample {
            result: sampled(value)?,
            requests: Some(requests),
        }),
        _ => Err("must be a result, or {value: result, requests: number}".to_owned()),
    }
}

fn sampled(value: &Value) -> Result<Sampled, String> {
    let number = match value {
        Value::Number(number) => number.as_f64(),
        Value::String(text) => match text.as_str() {
            "no-values" => return Ok(Sampled::NoValues),
            "error" => return Ok(Sampled::Error),
            "NaN" => Some(f64::NAN),
            "+Inf" | "Inf" => Some(f64::INFINITY),
            "-Inf" => Some(f64::NEG_INFINITY),
            _ => None,
        },
        Value::Null
        | Value::Bool(_)
        | Value::Sequence(_)
        | Value::Mapping(_)
        | Value::Tagged(_) => None,
    };
    number
        .map(Sampled::Number)
        .ok_or_else(|| "must be a number, `no-values`, `NaN`, `+Inf`, `-Inf` or `error`".to_owned())
}
