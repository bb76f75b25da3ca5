//! Why there is no complete answer.

use std::error::Error as StdError;
use std::fmt;
use std::io;
use std::time::Duration;

use url::Url;

use super::masked;
use crate::error::Error;

/// No complete answer: what happened, and after how many tries.
#[derive(Debug)]
pub struct Failure {
    /// The address asked, as it may be shown.
    pub url: String,
    /// What happened.
    pub cause: Cause,
    /// The innermost message of the libraries below; empty when it says no more.
    pub detail: String,
    /// How often the request was sent.
    pub tries: u32,
}

/// What kept an answer from being complete.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cause {
    /// The host name does not resolve.
    Dns,
    /// The host refused the connection.
    Refused,
    /// No connection for another reason.
    Connect,
    /// The TLS handshake failed: a certificate, a name, a version.
    Tls,
    /// Not in time.
    Timeout,
    /// The body is larger than this many bytes.
    TooLarge(usize),
    /// The answer broke off.
    Cut,
    /// Anything else.
    Other,
}

impl Failure {
    /// The failure behind an `error` of sending.
    pub(super) fn new(url: &Url, error: reqwest::Error) -> Self {
        let cause = match () {
            () if has_tls_error(&error) => Cause::Tls,
            () if error.is_timeout() => Cause::Timeout,
            () if chain(&error).any(|e| e.to_string() == "dns error") => Cause::Dns,
            () if is_refused(&error) => Cause::Refused,
            () if error.is_connect() => Cause::Connect,
            () if error.is_request() => Cause::Cut,
            () => Cause::Other,
        };
        Self::of(url, cause, root_cause(&error))
    }

    /// The failure behind an `error` of reading the body.
    pub(super) fn in_body(url: &Url, error: reqwest::Error) -> Self {
        let cause = match error.is_timeout() {
            true => Cause::Timeout,
            false => Cause::Cut,
        };
        Self::of(url, cause, root_cause(&error))
    }

    /// The body is larger than `limit` bytes.
    pub(super) fn too_large(url: &Url, limit: usize) -> Self {
        Self::of(url, Cause::TooLarge(limit), String::new())
    }

    fn of(url: &Url, cause: Cause, detail: String) -> Self {
        Self {
            url: masked(url),
            cause,
            detail,
            tries: 1,
        }
    }

    /// What happened, with the `limit` of an attempt when that was reached:
    /// `no answer within 10 s, 2 tries`.
    #[must_use]
    pub fn told(&self, limit: Duration) -> String {
        match (self.cause, self.tries) {
            (Cause::Timeout, 1) => format!("no answer within {} s", limit.as_secs_f64()),
            (Cause::Timeout, tries) => {
                format!("no answer within {} s, {tries} tries", limit.as_secs_f64())
            }
            _ => self.to_string(),
        }
    }

    /// May the same request succeed a moment later?
    #[must_use]
    pub fn is_transient(&self) -> bool {
        match self.cause {
            Cause::Dns | Cause::Refused | Cause::Connect | Cause::Timeout | Cause::Cut => true,
            Cause::Tls | Cause::TooLarge(_) | Cause::Other => false,
        }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.cause {
            Cause::Dns => f.write_str("the host name does not resolve")?,
            Cause::Refused => f.write_str("the connection was refused")?,
            Cause::Connect => f.write_str("no connection could be made")?,
            Cause::Tls => f.write_str("the TLS handshake failed")?,
            Cause::Timeout => f.write_str("no answer in time")?,
            Cause::TooLarge(limit) => write!(f, "the answer is larger than {limit} bytes")?,
            Cause::Cut => f.write_str("the answer broke off")?,
            Cause::Other => f.write_str("the request failed")?,
        }
        let says_more = !matches!(self.cause, Cause::Refused | Cause::Timeout);
        if !self.detail.is_empty() && says_more {
            write!(f, " ({})", self.detail)?;
        }
        match self.tries {
            1 => Ok(()),
            tries => write!(f, ", {tries} tries"),
        }
    }
}

impl StdError for Failure {}

impl From<Failure> for Error {
    fn from(failure: Failure) -> Self {
        Self::remote(format!("no answer from {}", failure.url)).because(failure)
    }
}

/// The innermost message of `error`. Never a URL: those stand in outer layers.
pub(super) fn root_cause(error: &reqwest::Error) -> String {
    chain(error)
        .last()
        .filter(|inner| !inner.is::<reqwest::Error>())
        .map(ToString::to_string)
        .unwrap_or_default()
}

/// `error` and its causes, with those that `io::Error` wraps but does not name.
fn chain<'e>(
    error: &'e (dyn StdError + 'static),
) -> impl Iterator<Item = &'e (dyn StdError + 'static)> {
    std::iter::successors(Some(error), |error: &&'e (dyn StdError + 'static)| {
        let error: &'e (dyn StdError + 'static) = *error;
        let wrapped = error
            .downcast_ref::<io::Error>()
            .and_then(io::Error::get_ref)
            .map(|inner| inner as &(dyn StdError + 'static));
        wrapped.or_else(|| error.source())
    })
}

fn has_tls_error(error: &reqwest::Error) -> bool {
    chain(error).any(|inner| inner.is::<rustls::Error>())
}

fn is_refused(error: &reqwest::Error) -> bool {
    chain(error)
        .filter_map(|inner| inner.downcast_ref::<io::Error>())
        .any(|inner| inner.kind() == io::ErrorKind::ConnectionRefused)
}
