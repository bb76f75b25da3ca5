//! Results for tests.

use jiff::Timestamp;

use super::Outcome;
use crate::api::{OnNoData, Phase, ThresholdRange};
use crate::decide::{Action, Measurement, Reading, Requests, Verdict};
use crate::error::Error;

/// Five past midnight.
pub(super) fn now() -> Timestamp {
    "2026-01-01T00:05:00Z".parse().unwrap()
}

/// A Canary to which this happened.
pub(super) fn outcome(canary: &str, action: Action) -> Outcome {
    let mut outcome = Outcome::failed(canary.to_owned(), None, Error::internal("-"));
    (outcome.error, outcome.action) = (None, action);
    outcome.reasons = Vec::new();
    outcome
}

/// One that goes on from 20 to 30 %.
pub(super) fn advanced(canary: &str) -> Outcome {
    let mut outcome = outcome(canary, Action::Advanced);
    outcome.phase = Some(Phase::Progressing);
    (outcome.primary_weight, outcome.canary_weight) = (Some(70), Some(30));
    outcome.revision = Some("7c9e2f1a".into());
    outcome.commit = Some("1234567890abcdef1234567890abcdef12345678".into());
    outcome.reasons = vec!["canary 20 → 30 %".into()];
    outcome.next_step_at = "2026-01-01T00:06:00Z".parse().ok();
    outcome.metrics = vec![
        measured("request-success-rate", Reading::Value(99.97), Verdict::Pass),
        measured("latency", Reading::Empty, Verdict::NoData),
    ];
    outcome
}

/// One that was rolled back.
pub(super) fn rolled_back(canary: &str) -> Outcome {
    let mut outcome = outcome(canary, Action::RolledBack);
    outcome.phase = Some(Phase::Failed);
    (outcome.primary_weight, outcome.canary_weight) = (Some(100), Some(0));
    outcome.revision = Some("bb1ec46e".into());
    outcome.commit = Some("abcdef1234567890abcdef1234567890abcdef12".into());
    outcome.reasons = vec![
        "revision bb1ec46e rolled back: 3 failed checks reached the threshold of 3".into(),
        "check failed: latency 812 (max 500)".into(),
    ];
    outcome.metrics = vec![measured("latency", Reading::Value(812.0), Verdict::Fail)];
    outcome
}

pub(super) fn measured(name: &str, reading: Reading, verdict: Verdict) -> Measurement {
    Measurement {
        name: name.to_owned(),
        interval: "1m".to_owned(),
        query: "sum(rate(x{a=\"b|c\"}[1m]))\n> 0".to_owned(),
        reading,
        verdict,
        bounds: ThresholdRange {
            min: None,
            max: Some(500.0),
        },
        requests: Some(Requests {
            seen: 1234.4,
            needed: 100,
        }),
        on_no_data: OnNoData::Fail,
        warnings: Vec::new(),
    }
}
