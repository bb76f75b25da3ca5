//! What Google says when it does not answer, and what to do.

use serde::Deserialize;

use super::super::{Refused, first_line};
use super::Tokens;
use crate::http::Answer;

#[derive(Deserialize)]
struct Envelope {
    error: Status,
}

#[derive(Deserialize)]
#[serde(default)]
#[derive(Default)]
struct Status {
    message: String,
    status: String,
    details: Vec<Detail>,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct Detail {
    reason: String,
}

/// Why Google did not answer, if that is about who asks or how often; otherwise what it
/// says without advice. `None` when the answer is not one of its refusals.
pub(in super::super) fn refused(answer: &Answer, tokens: &Tokens) -> Option<Refused> {
    let Envelope { error } = serde_json::from_slice(&answer.body).ok()?;
    let reason = error.details.iter().map(|detail| detail.reason.as_str());
    let reason = reason.into_iter().find(|reason| !reason.is_empty());
    let hint = hint(
        &error.status,
        reason.unwrap_or_default(),
        &error.message,
        answer.status.as_u16(),
        tokens.from(),
    );
    Some(Refused {
        code: first_line(&error.status),
        text: first_line(&error.message),
        hint,
    })
}

fn hint(code: &str, reason: &str, text: &str, status: u16, from: &str) -> Option<String> {
    let hint = match (code, reason) {
        (_, "SERVICE_DISABLED") => {
            "switch the API on: gcloud services enable monitoring.googleapis.com".to_owned()
        }
        (_, "CONSUMER_INVALID") => {
            "there is no such project: write its id or its number, not its name".to_owned()
        }
        (_, "ACCESS_TOKEN_SCOPE_INSUFFICIENT") => format!(
            "the token of {from} lacks the scope {}, or cloud-platform",
            super::SCOPE
        ),
        ("UNAUTHENTICATED", _) => format!(
            "the token for the credentials of {from} was not accepted: a token given as it is ends \
             after an hour, and the key of a service account when it is deleted"
        ),
        ("RESOURCE_EXHAUSTED", _) => quota(),
        ("PERMISSION_DENIED", _) => format!(
            "the credentials of {from} need the role Monitoring Viewer (roles/monitoring.viewer) in the \
             project of the address, which must exist"
        ),
        ("NOT_FOUND", _) if text.contains("project") => "is there such a project?".to_owned(),
        _ if status == 401 => format!("the credentials of {from} were not accepted"),
        _ if status == 429 => quota(),
        _ => return None,
    };
    Some(hint)
}

fn quota() -> String {
    "too many queries at once: run less often, or ask Google for a higher quota".to_owned()
}
