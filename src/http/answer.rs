//! A complete answer, whatever its status.

use std::borrow::Cow;
use std::fmt;
use std::time::Duration;

use reqwest::StatusCode;
use reqwest::header::{CONTENT_TYPE, HeaderMap, LOCATION};
use url::Url;

use super::{masked, retry};
use crate::error::{Error, Result};

/// Characters of a body that are shown at most.
const EXCERPT: usize = 200;

/// A complete answer, whatever its status.
pub struct Answer {
    /// Status.
    pub status: StatusCode,
    /// Headers.
    pub headers: HeaderMap,
    /// The address that answered, after redirects.
    pub url: Url,
    /// Body, unpacked.
    pub body: Vec<u8>,
    /// How often the request was sent.
    pub tries: u32,
}

impl Answer {
    /// The body as text; bytes that are not UTF-8 are replaced.
    #[must_use]
    pub fn text(&self) -> Cow<'_, str> {
        String::from_utf8_lossy(&self.body)
    }

    /// The status as it is shown: `403 Forbidden`, `299`.
    #[must_use]
    pub fn status_text(&self) -> String {
        let code = self.status.as_u16();
        match self.status.canonical_reason() {
            Some(reason) => format!("{code} {reason}"),
            None => code.to_string(),
        }
    }

    /// The first line of the body that is not blank, shortened.
    ///
    /// Control characters are dropped, so the excerpt cannot steer a terminal.
    #[must_use]
    pub fn excerpt(&self) -> String {
        let text = self.text();
        let line = text.lines().map(str::trim).find(|line| !line.is_empty());
        let mut shown: String = line
            .unwrap_or_default()
            .chars()
            .filter(|c| !c.is_control())
            .take(EXCERPT + 1)
            .collect();
        if shown.chars().count() > EXCERPT {
            shown.pop();
            shown.push('…');
        }
        shown
    }

    /// Is the body a web page, by its type or its first character? JSON is none,
    /// whatever its type says.
    #[must_use]
    pub fn is_html(&self) -> bool {
        let declared = self
            .headers
            .get(CONTENT_TYPE)
            .and_then(|value| value.to_str().ok())
            .is_some_and(|kind| {
                kind.trim_start()
                    .to_ascii_lowercase()
                    .starts_with("text/html")
            });
        match self.body.trim_ascii_start() {
            [b'{' | b'[', ..] => false,
            [b'<', ..] => true,
            _text => declared,
        }
    }

    /// Is the body a whole web page? Plain text is none, whatever its type says.
    #[must_use]
    pub fn is_web_page(&self) -> bool {
        const HEAD: usize = 1024;
        let body = self
            .body
            .strip_prefix(b"\xef\xbb\xbf")
            .unwrap_or(&self.body);
        let body = body.trim_ascii_start();
        let head = String::from_utf8_lossy(&body[..body.len().min(HEAD)]).to_ascii_lowercase();
        head.starts_with('<') && (head.contains("<!doctype html") || head.contains("<html"))
    }

    /// The wait that `Retry-After` asks for: seconds, or a date counted from
    /// the answer's own `Date`.
    #[must_use]
    pub fn retry_after(&self) -> Option<Duration> {
        retry::retry_after(self)
    }

    /// Where a redirect that was not followed points to, as it may be shown.
    #[must_use]
    pub fn redirect(&self) -> Option<String> {
        let location = self.headers.get(LOCATION)?.to_str().ok()?;
        let target = self.url.join(location).ok()?;
        self.status.is_redirection().then(|| masked(&target))
    }

    /// The answer, if its status is 2xx.
    ///
    /// # Errors
    /// [`Kind::Remote`](crate::error::Kind::Remote) with the status, the first
    /// line of the body and the number of tries.
    pub fn success(self) -> Result<Self> {
        if self.status.is_success() {
            return Ok(self);
        }
        let mut message = format!("{} answered {}", masked(&self.url), self.status);
        if self.tries > 1 {
            message.push_str(&format!(" ({} tries)", self.tries));
        }
        match self.excerpt() {
            excerpt if excerpt.is_empty() => {}
            excerpt => message.push_str(&format!(": {excerpt}")),
        }
        let error = Error::remote(message);
        Err(match self.redirect() {
            Some(target) => error.hint(format!(
                "it redirects to {target}; give that address if it is the right one"
            )),
            None => error,
        })
    }
}

/// Without the body, which may hold secrets.
impl fmt::Debug for Answer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Answer")
            .field("status", &self.status)
            .field("url", &masked(&self.url))
            .field("bytes", &self.body.len())
            .field("tries", &self.tries)
            .finish_non_exhaustive()
    }
}
