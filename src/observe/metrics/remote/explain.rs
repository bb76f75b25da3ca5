//! What went wrong with a question, in words, and what to do.

use reqwest::StatusCode;
use secrecy::ExposeSecret as _;
use serde_json::Value;

use super::Remote;
use crate::error::Error;
use crate::http::{Answer, Cause, Failure};

/// Characters of a provider's text that are shown at most.
const SHOWN: usize = 400;

/// Shorter values are not looked for in messages: they would hide half of each.
const SHORTEST_HIDDEN: usize = 4;

impl Remote {
    /// There is no answer.
    pub(super) fn unanswered(&self, failure: Failure) -> Error {
        let host = self.address.host_str().unwrap_or_default();
        let title = self.title;
        let hint = match failure.cause {
            Cause::Dns => format!("is `{host}` the right host, and known outside of the cluster?"),
            Cause::Refused => format!("is {title} running there, on this port?"),
            Cause::Connect => {
                "is the address reachable from here, without a proxy or firewall between?".to_owned()
            }
            Cause::Tls if failure.detail.contains("corrupt message") => {
                "the port does not speak TLS: does the address begin with http://?".to_owned()
            }
            Cause::Tls => {
                "a certificate of a private authority is trusted when its CA certificate is given, and --prometheus names the address"
                    .to_owned()
            }
            Cause::Timeout => {
                "a query over less data takes less time; --prometheus-timeout is the limit of one question"
                    .to_owned()
            }
            Cause::TooLarge(_) => "aggregate the query: one number is judged".to_owned(),
            Cause::Cut | Cause::Other => format!("is this the address of {title}?"),
        };
        Error::remote(format!(
            "no usable answer from {title} at {}",
            self.address()
        ))
        .because(failure)
        .hint(hint)
    }

    /// The answer has a status of failure.
    pub(super) fn refused(&self, answer: &Answer) -> Error {
        let status = answer.status;
        if let Some(target) = answer.redirect() {
            return self.answered(answer, "").hint(format!(
                "it redirects to {target}: a login page, or the address to give instead"
            ));
        }
        let error = self.answered(answer, &self.own_words(answer));
        match status {
            StatusCode::UNAUTHORIZED => error.hint(self.credentials.clone()),
            StatusCode::FORBIDDEN => error.hint(format!(
                "{}; it needs {}",
                self.credentials, self.advice.permission
            )),
            StatusCode::NOT_FOUND => error.hint(self.advice.not_found),
            StatusCode::TOO_MANY_REQUESTS => error.hint(too_many(answer)),
            _other_status => error,
        }
    }

    /// The answer is a page for people.
    pub(super) fn web_page(&self, answer: &Answer) -> Error {
        Error::remote(format!(
            "{} answered with a web page: {}",
            self.address(),
            self.first_line(answer)
        ))
        .hint(format!(
            "a login page, a proxy, or not the address of the API of {}",
            self.title
        ))
    }

    /// The answer has a status of success and cannot be used.
    #[must_use]
    pub fn not_understood(&self, answer: &Answer, what: &str) -> Error {
        let error = Error::remote(format!(
            "the answer of {} is not one of {}: {}",
            self.address(),
            self.title,
            self.shown(what)
        ));
        match self.first_line(answer) {
            line if line.is_empty() => error,
            line => error.hint(format!("it begins with: {}", shortened(&line, 80))),
        }
    }

    /// The provider understood the question, and says in `text` why it has no answer.
    #[must_use]
    pub fn rejected(&self, text: &str, query: &str) -> Error {
        Error::remote(format!(
            "{} at {} does not answer the query: {}",
            self.title,
            self.address(),
            self.shown(text)
        ))
        .hint(format!("the query: {}", shortened(query, SHOWN)))
    }

    fn answered(&self, answer: &Answer, words: &str) -> Error {
        let mut message = format!(
            "{} at {} answered {}",
            self.title,
            self.address(),
            answer.status_text()
        );
        if answer.tries > 1 {
            message.push_str(&format!(" ({} tries)", answer.tries));
        }
        if !words.is_empty() {
            message.push_str(&format!(": {words}"));
        }
        Error::remote(message)
    }

    /// What the provider says, out of its JSON if there is something, else the first
    /// line of the answer.
    fn own_words(&self, answer: &Answer) -> String {
        let json = serde_json::from_slice::<Value>(&answer.body).ok();
        let words = json.as_ref().and_then(words);
        match words {
            Some(words) => self.shown(&words),
            None => self.first_line(answer),
        }
    }

    /// The first line of an answer that is not blank, as it may be shown.
    fn first_line(&self, answer: &Answer) -> String {
        // Keys are hidden before anything is cut, which could leave the half of one.
        let text = self.without_keys(&answer.text());
        let line = text.lines().find(|line| !line.trim().is_empty());
        shortened(line.unwrap_or_default(), SHOWN / 2)
    }

    /// A foreign text as it may be shown: harmless, short, without our keys.
    fn shown(&self, text: &str) -> String {
        shortened(&self.without_keys(text), SHOWN)
    }

    fn without_keys(&self, text: &str) -> String {
        let mut text = text.to_owned();
        for secret in &self.hidden {
            let secret = secret.expose_secret();
            if secret.len() >= SHORTEST_HIDDEN {
                text = text.replace(secret, "***");
            }
        }
        text
    }
}

/// What a rate limit says about itself.
fn too_many(answer: &Answer) -> String {
    let header = |name: &str| {
        let value = answer.headers.get(name)?.to_str().ok()?;
        value.trim().parse::<u64>().ok()
    };
    let mut hint = "too many questions at once: run less often, or raise the limit".to_owned();
    // Some count the reset in seconds from now, others write a time.
    let reset = header("x-ratelimit-reset").filter(|seconds| *seconds < 1_000_000);
    let limit = header("x-ratelimit-limit");
    match limit.zip(header("x-ratelimit-period")) {
        Some((limit, period)) => hint.push_str(&format!("; it is {limit} in {period} s")),
        None => {
            if let Some(limit) = limit {
                hint.push_str(&format!("; it is {limit}"));
            }
        }
    }
    let wait = answer.retry_after().map(|wait| wait.as_secs()).or(reset);
    if let Some(wait) = wait {
        hint.push_str(&format!("; again in {wait} s"));
    }
    hint
}

/// The text of an error in JSON, wherever the providers put it.
fn words(json: &Value) -> Option<String> {
    match json {
        Value::Array(all) => all.iter().find_map(words),
        Value::String(text) => (!text.trim().is_empty()).then(|| text.clone()),
        Value::Object(members) => {
            let named = |name: &str| members.get(name);
            let violations = named("constraintViolations").and_then(words);
            let message = [
                "message",
                "Message",
                "error_description",
                "title",
                "error",
                "errors",
                "detail",
            ]
            .into_iter()
            .filter_map(named)
            .find_map(words);
            match (message, violations) {
                (Some(message), Some(violation)) => Some(format!("{message} {violation}")),
                (message, violation) => message.or(violation),
            }
        }
        Value::Null | Value::Bool(_) | Value::Number(_) => None,
    }
}

/// `text` without control characters, on one line, at most `length` characters.
pub(in crate::observe::metrics) fn shortened(text: &str, length: usize) -> String {
    let line = harmless(text);
    match line.char_indices().nth(length) {
        Some((end, _)) => format!("{}…", &line[..end]),
        None => line,
    }
}

/// `text` on one line, without control characters.
fn harmless(text: &str) -> String {
    let words = text.split(char::is_whitespace);
    let words = words.map(|word| word.chars().filter(|c| !c.is_control()).collect::<String>());
    let words: Vec<String> = words.filter(|word| !word.is_empty()).collect();
    words.join(" ")
}
