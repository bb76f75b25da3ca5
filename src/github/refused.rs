//! Why GitHub did not answer as it was asked, and what to do.

use jiff::Timestamp;
use reqwest::StatusCode;

use crate::error::Error;
use crate::http::{Answer, masked};

/// The error behind an answer with a status of failure.
pub(super) fn explain(answer: &Answer, has_token: bool) -> Error {
    let mut message = format!("GitHub answered {}", answer.status_text());
    if let Some(text) = said(answer) {
        message.push_str(&format!(": {text}"));
    }
    let error = Error::remote(message);
    if is_rate_limited(answer) {
        let error = match resets_at(answer) {
            Some(at) => Error::remote(format!("GitHub takes no more requests until {at}")),
            None => Error::remote("GitHub takes no more requests for now"),
        };
        return error.hint(match has_token {
            true => "run less often, or use the token of a GitHub App, which may ask more",
            false => "without a token there are 60 requests an hour: give one in WEIRKEEPER_TOKEN or GITHUB_TOKEN",
        });
    }
    if let Some(target) = answer.redirect() {
        return error.hint(format!(
            "it points to {target}: was the repository renamed, or is GITHUB_API_URL another one?"
        ));
    }
    match answer.status {
        StatusCode::UNAUTHORIZED => {
            error.hint("the token in WEIRKEEPER_TOKEN or GITHUB_TOKEN is not valid any more")
        }
        StatusCode::FORBIDDEN => error.hint(
            "the token may not read commit statuses: in a workflow `permissions: statuses: read`",
        ),
        StatusCode::NOT_FOUND if has_token => error.hint(format!(
            "{} is not there, or the token may not see it: in a workflow `permissions: statuses: read`",
            masked(&answer.url)
        )),
        StatusCode::NOT_FOUND => error.hint(
            "a private repository needs a token: give one in WEIRKEEPER_TOKEN or GITHUB_TOKEN",
        ),
        _other => error,
    }
}

/// What GitHub says about it, in one line.
fn said(answer: &Answer) -> Option<String> {
    let body: serde_json::Value = serde_json::from_slice(&answer.body).ok()?;
    let message: String = body["message"].as_str()?.chars().take(200).collect();
    Some(message.replace(char::is_control, " ")).filter(|text| !text.trim().is_empty())
}

fn header<'a>(answer: &'a Answer, name: &str) -> Option<&'a str> {
    answer.headers.get(name)?.to_str().ok()
}

/// The limit of an hour is used up, or too much came at once.
fn is_rate_limited(answer: &Answer) -> bool {
    let refused = [StatusCode::FORBIDDEN, StatusCode::TOO_MANY_REQUESTS];
    let spent = header(answer, "x-ratelimit-remaining") == Some("0");
    let told = said(answer).is_some_and(|text| text.to_lowercase().contains("rate limit"));
    answer.status == StatusCode::TOO_MANY_REQUESTS
        || refused.contains(&answer.status) && (spent || told)
}

fn resets_at(answer: &Answer) -> Option<Timestamp> {
    let seconds = header(answer, "x-ratelimit-reset")?.trim().parse().ok()?;
    Timestamp::from_second(seconds).ok()
}
