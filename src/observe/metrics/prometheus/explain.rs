//! What went wrong with a query, in words, and what to do.

use reqwest::StatusCode;

use super::answer::{Refusal, Unusable, refusal};
use super::{MAX_GET, Prometheus};
use crate::error::Error;
use crate::http::{Answer, Cause, Failure, masked};

/// Characters of a query or of Prometheus' text that are shown at most.
const SHOWN: usize = 400;

/// A query and whom it is asked.
pub(super) struct Question<'a> {
    prometheus: &'a Prometheus,
    query: &'a str,
}

impl<'a> Question<'a> {
    pub(super) fn new(prometheus: &'a Prometheus, query: &'a str) -> Self {
        Self { prometheus, query }
    }

    pub(super) fn query(&self) -> &'a str {
        self.query
    }

    /// There is no answer.
    pub(super) fn unanswered(&self, failure: Failure) -> Error {
        let cause = failure.cause;
        let scheme = self.prometheus.address.scheme();
        let hint = match cause {
            Cause::Dns | Cause::Connect | Cause::Timeout if self.is_in_cluster(cause) => format!(
                "`{}` looks like a name inside the cluster, which a runner outside cannot reach: \
                 give an address it can (ingress, tunnel), or run on a self-hosted runner in the cluster",
                self.host()
            ),
            Cause::Dns => format!("is `{}` the right host?", self.host()),
            Cause::Refused => "is Prometheus running there, on this port?".to_owned(),
            Cause::Connect => {
                "is the address reachable from here, without a proxy or firewall between?"
                    .to_owned()
            }
            Cause::Tls if failure.detail.contains("corrupt message") => {
                "the port does not speak TLS: does the address begin with http://?".to_owned()
            }
            Cause::Tls => {
                "a certificate of a private authority is trusted when its CA certificate is given"
                    .to_owned()
            }
            Cause::Timeout => {
                "a query over less data or a shorter range takes less time".to_owned()
            }
            Cause::TooLarge(_) => "aggregate the query: `sum(…)`, `max(…)`".to_owned(),
            Cause::Cut if scheme == "http" => {
                "is this the port of Prometheus, and does it speak plain http?".to_owned()
            }
            Cause::Cut | Cause::Other => "is this the address of Prometheus?".to_owned(),
        };
        Error::remote(format!(
            "no usable answer from Prometheus at {}",
            self.address()
        ))
        .because(failure)
        .hint(hint)
    }

    /// The answer has a status of failure.
    pub(super) fn refused(&self, answer: &Answer) -> Error {
        let status = answer.status;
        if let Some(target) = answer.redirect() {
            return self.answered(answer).hint(format!(
                "it redirects to {target}: a login page, or the address to give instead"
            ));
        }
        let signer = self.prometheus.signer.as_ref();
        if let Some(refused) = signer.and_then(|signer| signer.refused(answer)) {
            return refused.error(&format!("Prometheus at {}", self.address()), answer);
        }
        match status {
            StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => {
                return self.answered(answer).hint(self.credentials_hint(status));
            }
            StatusCode::METHOD_NOT_ALLOWED if self.query.len() > MAX_GET => {
                return self.answered(answer).hint(format!(
                    "queries longer than {MAX_GET} bytes are sent by POST, which something before Prometheus refuses: \
                     allow POST, or shorten the query"
                ));
            }
            _other_status => {}
        }
        if let Some(refusal) = refusal(answer) {
            return self.rejected(&refusal, answer.tries);
        }
        let error = self.answered(answer);
        match status {
            StatusCode::NOT_FOUND => error.hint(
                "the query API is looked for below the address: is a path missing there (`/prometheus`), or one too many?",
            ),
            StatusCode::TOO_MANY_REQUESTS => error.hint("too many queries at once: run less often, or raise the limit"),
            _other_status => error,
        }
    }

    /// The answer has a status of success and cannot be used.
    pub(super) fn not_understood(&self, unusable: Unusable, answer: &Answer) -> Error {
        let what = match unusable {
            Unusable::Refused(refusal) => return self.rejected(&refusal, answer.tries),
            Unusable::Page => {
                return Error::remote(format!(
                    "{} answered with a web page: {}",
                    self.address(),
                    answer.excerpt()
                ))
                .hint("a login page, a proxy, or a wrong path: open the address with /api/v1/query?query=1 in a browser");
            }
            Unusable::Truncated => "the JSON ends too early".to_owned(),
            Unusable::Malformed(what) => what,
        };
        Error::remote(format!(
            "the answer of {} is not one of Prometheus: {what}",
            self.address()
        ))
        .hint(format!(
            "it begins with: {}",
            shortened(&answer.excerpt(), 80)
        ))
    }

    /// Prometheus says why it does not answer.
    fn rejected(&self, refusal: &Refusal, tries: u32) -> Error {
        let Refusal { kind, text } = refusal;
        let tries = match tries {
            1 => String::new(),
            tries => format!(" ({tries} tries)"),
        };
        let kind = match kind.as_str() {
            "" => "error",
            kind => kind,
        };
        let error = Error::remote(format!(
            "Prometheus at {} does not answer the query{tries}: {kind}: {}",
            self.address(),
            shortened(text, SHOWN)
        ))
        .hint(format!("the query: {}", shortened(self.query, SHOWN)));
        match kind {
            "timeout" | "canceled" => {
                error.hint("a query over less data or a shorter range takes less time")
            }
            _other_kind => error,
        }
    }

    fn answered(&self, answer: &Answer) -> Error {
        let mut message = format!(
            "Prometheus at {} answered {}",
            self.address(),
            answer.status
        );
        if answer.tries > 1 {
            message.push_str(&format!(" ({} tries)", answer.tries));
        }
        match answer.excerpt() {
            excerpt if excerpt.is_empty() => {}
            excerpt => message.push_str(&format!(": {excerpt}")),
        }
        Error::remote(message)
    }

    fn credentials_hint(&self, status: StatusCode) -> String {
        let from = self.prometheus.credentials_from.as_deref();
        match (self.prometheus.has_credentials, from) {
            (false, Some(from)) => format!("it wants credentials and none were sent: set {from}"),
            (false, None) => "it wants credentials and none were sent".to_owned(),
            (true, Some(from)) if status == StatusCode::FORBIDDEN => {
                format!(
                    "the credentials are known but may not do this: check {from} and the tenant header"
                )
            }
            (true, Some(from)) => format!("the credentials were not accepted: check {from}"),
            (true, None) => "the credentials were not accepted".to_owned(),
        }
    }

    fn address(&self) -> String {
        masked(&self.prometheus.address)
    }

    fn host(&self) -> &str {
        self.prometheus.address.host_str().unwrap_or_default()
    }

    /// Does the host look like a Service: `prometheus`, `….svc`,
    /// `….svc.cluster.local`? When it does not resolve, `prometheus.monitoring`
    /// does, too.
    fn is_in_cluster(&self, cause: Cause) -> bool {
        let Some(url::Host::Domain(host)) = self.prometheus.address.host() else {
            return false;
        };
        let host = host.trim_end_matches('.');
        let service = [".svc", ".cluster.local"]
            .iter()
            .any(|end| host.ends_with(end));
        let most_labels = match cause == Cause::Dns {
            true => 2,
            false => 1,
        };
        host != "localhost" && (service || host.split('.').count() <= most_labels)
    }
}

/// `text` on one line, at most `length` characters.
fn shortened(text: &str, length: usize) -> String {
    let words: Vec<&str> = text
        .split(char::is_whitespace)
        .filter(|word| !word.is_empty())
        .collect();
    let line = words.join(" ");
    match line.char_indices().nth(length) {
        Some((end, _)) => format!("{}…", &line[..end]),
        None => line,
    }
}
