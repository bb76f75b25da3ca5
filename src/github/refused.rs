//! Why GitHub did not do what it was asked, and what to do.

use std::error::Error as StdError;
use std::time::Duration;

use jiff::Timestamp;
use reqwest::StatusCode;
use reqwest::header::{HeaderMap, LOCATION, RETRY_AFTER};
use serde_json::Value;

use super::ask::Ask;
use super::transport;
use crate::error::Error;
use crate::http::{Answer, Failure};

/// Characters of GitHub's words that are shown.
const SHOWN: usize = 300;

/// A request that was not carried out, or whose answer did not arrive.
#[derive(Debug)]
pub struct Refused {
    /// The status of the answer; `None` when there was none that could be read,
    /// or the refusal is one of GraphQL.
    pub status: Option<u16>,
    /// `type` of the errors of GraphQL, `code` of those of REST.
    pub kinds: Vec<String>,
    /// GitHub's words, in one line; empty when it said nothing.
    pub said: String,
    /// Did no answer arrive? Then the request may have been carried out.
    pub unanswered: bool,
    error: Box<Error>,
}

impl Refused {
    /// Is it this status?
    #[must_use]
    pub fn is(&self, status: u16) -> bool {
        self.status == Some(status)
    }

    /// Is one of the errors of this kind?
    #[must_use]
    pub fn has(&self, kind: &str) -> bool {
        self.kinds.iter().any(|known| known == kind)
    }

    /// May the request have been carried out all the same? Nobody knows after a
    /// lost answer or a failure of the server.
    #[must_use]
    pub fn is_uncertain(&self) -> bool {
        self.unanswered || self.status.is_some_and(|status| status >= 500)
    }

    /// The refusal behind an answer with a status of failure.
    pub(super) fn by_status(
        parts: &http::response::Parts,
        body: &[u8],
        ask: &Ask,
        has_token: bool,
    ) -> Self {
        let body: Value = serde_json::from_slice(body).unwrap_or_default();
        let said = said(&body);
        let errors = body["errors"].as_array().into_iter().flatten();
        let kinds = errors.filter_map(|error| error["code"].as_str());
        Self {
            status: Some(parts.status.as_u16()),
            kinds: kinds.map(str::to_owned).collect(),
            error: Box::new(explain(parts, &said, ask, has_token)),
            said,
            unanswered: false,
        }
    }

    /// The refusal in an answer of GraphQL; `None` when it has no errors.
    pub(super) fn by_graphql(answer: &Value, headers: &HeaderMap, ask: &Ask) -> Option<Self> {
        let errors = answer["errors"].as_array().filter(|all| !all.is_empty())?;
        let texts = errors.iter().filter_map(|error| error["message"].as_str());
        let said = one_line(&texts.collect::<Vec<_>>().join("; "));
        let kinds = errors.iter().filter_map(|error| error["type"].as_str());
        let kinds: Vec<String> = kinds.map(str::to_owned).collect();
        let error = Error::remote(format!("GitHub refused: {said}"));
        let forbidden = kinds
            .iter()
            .any(|kind| ["FORBIDDEN", "INSUFFICIENT_SCOPES"].contains(&&**kind));
        let limited = kinds.iter().any(|kind| kind == "RATE_LIMITED");
        let error = match (limited, forbidden) {
            (true, _) => takes_no_more(headers, true),
            (false, true) => error.hint(may_not(ask)),
            (false, false) => error,
        };
        Some(Self {
            status: None,
            // What GitHub says when it ran out of time, or has a fault: it may have
            // done its work all the same.
            unanswered: said.contains("Something went wrong while executing your query"),
            kinds,
            said,
            error: Box::new(error),
        })
    }
}

impl From<Error> for Refused {
    fn from(error: Error) -> Self {
        Self {
            status: None,
            kinds: Vec::new(),
            said: String::new(),
            unanswered: false,
            error: Box::new(error),
        }
    }
}

impl From<Refused> for Error {
    fn from(refused: Refused) -> Self {
        *refused.error
    }
}

/// The refusal behind an exchange that did not end.
pub(super) fn unanswered(error: &octocrab::Error) -> Refused {
    let failure = chain(error).find_map(|error| error.downcast_ref::<Failure>());
    let error = match failure {
        Some(failure) => {
            Error::remote(format!("no answer from {}", failure.url)).because(failure.to_string())
        }
        None => Error::remote("no answer from GitHub").because(innermost(error)),
    };
    Refused {
        unanswered: true,
        ..Refused::from(error.hint("is GITHUB_API_URL the API of your GitHub?"))
    }
}

fn chain<'e>(
    error: &'e (dyn StdError + 'static),
) -> impl Iterator<Item = &'e (dyn StdError + 'static)> {
    std::iter::successors(Some(error), |error: &&'e (dyn StdError + 'static)| {
        let error: &'e (dyn StdError + 'static) = *error;
        error.source()
    })
}

/// The message at the bottom: octocrab's own ones quote backtraces.
pub(super) fn innermost(error: &(dyn StdError + 'static)) -> String {
    let last = chain(error).last().map(ToString::to_string);
    one_line(&last.unwrap_or_default())
}

fn explain(parts: &http::response::Parts, said: &str, ask: &Ask, has_token: bool) -> Error {
    let reason = parts.status.canonical_reason().unwrap_or_default();
    let status = format!("{} {reason}", parts.status.as_u16());
    let mut message = format!("GitHub answered {}", status.trim_end());
    if !said.is_empty() {
        message.push_str(&format!(": {said}"));
    }
    let error = Error::remote(message);
    if is_limited(parts.status, &parts.headers, said) {
        return takes_no_more(&parts.headers, has_token);
    }
    if parts.status.is_redirection() {
        let target = text(&parts.headers, LOCATION.as_str()).unwrap_or("nowhere");
        return error.hint(format!(
            "it points to {target}: was the repository renamed, or is GITHUB_API_URL another one?"
        ));
    }
    match parts.status {
        StatusCode::UNAUTHORIZED => {
            error.hint("the token in WEIRKEEPER_TOKEN or GITHUB_TOKEN is not valid any more")
        }
        StatusCode::FORBIDDEN => error.hint(may_not(ask)),
        StatusCode::NOT_FOUND if has_token => error.hint(format!(
            "{ask:?} is not there, or the token may not see it: {}",
            may_not(ask)
        )),
        StatusCode::NOT_FOUND => error.hint(
            "a private repository needs a token: give one in WEIRKEEPER_TOKEN or GITHUB_TOKEN",
        ),
        _other => error,
    }
}

fn takes_no_more(headers: &HeaderMap, has_token: bool) -> Error {
    let error = match resets_at(headers) {
        Some(at) => Error::remote(format!("GitHub takes no more requests until {at}")),
        None => Error::remote("GitHub takes no more requests for now"),
    };
    error.hint(match has_token {
        true => "run less often, or use the token of a GitHub App, which may ask more",
        false => "without a token there are 60 requests an hour: give one in WEIRKEEPER_TOKEN or GITHUB_TOKEN",
    })
}

fn may_not(ask: &Ask) -> String {
    match ask.permission() {
        "" => "the token may not do that".to_owned(),
        permission => format!("the token needs `{permission}` (in a workflow under `permissions`)"),
    }
}

/// What GitHub says about it: the message, and those of its errors.
fn said(body: &Value) -> String {
    let errors = body["errors"].as_array().into_iter().flatten();
    let errors = errors.filter_map(|error| error["message"].as_str().or(error.as_str()));
    let all = body["message"].as_str().into_iter().chain(errors);
    one_line(&all.collect::<Vec<_>>().join("; "))
}

fn one_line(text: &str) -> String {
    let shown: String = text.chars().take(SHOWN).collect();
    shown.replace(char::is_control, " ").trim().to_owned()
}

fn text<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    headers.get(name)?.to_str().ok()
}

/// The limit of an hour is used up, or too much came at once.
fn is_limited(status: StatusCode, headers: &HeaderMap, said: &str) -> bool {
    let spent = text(headers, "x-ratelimit-remaining") == Some("0");
    let told = said.to_lowercase().contains("rate limit");
    status == StatusCode::TOO_MANY_REQUESTS || transport::is_limit(status) && (spent || told)
}

fn resets_at(headers: &HeaderMap) -> Option<Timestamp> {
    let seconds = text(headers, "x-ratelimit-reset")?.trim().parse().ok()?;
    Timestamp::from_second(seconds).ok()
}

/// How long to wait before the same request may be sent again, when `answer` is
/// one of a limit that says so. GitHub asks for a minute where it says nothing
/// of a secondary limit
/// (docs.github.com, "Best practices for using the REST API").
pub(super) fn wait(answer: &Answer) -> Option<Duration> {
    if !transport::is_limit(answer.status) {
        return None;
    }
    let body: Value = serde_json::from_slice(&answer.body).unwrap_or_default();
    if answer.headers.contains_key(RETRY_AFTER) {
        return answer.retry_after();
    }
    if text(&answer.headers, "x-ratelimit-remaining") == Some("0") {
        return transport::until(answer, resets_at(&answer.headers)?);
    }
    let secondary = said(&body).to_lowercase().contains("secondary rate limit");
    secondary.then_some(Duration::from_secs(60))
}
