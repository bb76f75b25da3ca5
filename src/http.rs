//! The one HTTP client: its limits, what it repeats, what it follows.
//!
//! Every request of Weirkeeper goes through a [`Client`]. It has time-outs, a
//! limit for bodies, follows redirects only within one origin (so credentials
//! never reach another host), and repeats what is safe to repeat, see
//! [`Client::send_safe`]. URLs are shown through [`masked`].

mod answer;
mod failure;
mod retry;

use std::fmt;
use std::sync::Once;
use std::time::Duration;

use reqwest::redirect::{Attempt, Policy};
use reqwest::{Certificate, Identity, Method, Proxy, Request, StatusCode};
use secrecy::{ExposeSecret as _, SecretString};
use tokio::time::Instant;
use url::Url;

pub use answer::Answer;
pub use failure::{Cause, Failure};
pub use retry::{Pause, Retry};

use crate::api::is_secret;
use crate::error::{Error, Result};

/// `User-Agent` of every request.
pub const USER_AGENT: &str = concat!("weirkeeper/", env!("CARGO_PKG_VERSION"));

/// Redirects followed at most, all within one origin.
const MAX_REDIRECTS: usize = 5;

/// Limits and trust of a [`Client`].
#[derive(Debug, Clone)]
pub struct Options {
    /// Limit for the connection. Defaults to 5 s.
    pub connect_timeout: Duration,
    /// Limit for one attempt, body included. Defaults to 10 s.
    pub timeout: Duration,
    /// Limit for a body in bytes, unpacked. Defaults to 8 MiB.
    pub max_body: usize,
    /// How often and how long safe requests are repeated.
    pub retry: Retry,
    /// Certificate authorities to trust besides the system's, PEM.
    pub ca: Option<String>,
    /// Certificate and private key to show to the server, PEM.
    pub identity: Option<SecretString>,
    /// Do not verify the server's certificate. Defaults to false.
    pub insecure_skip_verify: bool,
    /// Use the proxies named by `HTTPS_PROXY`, `HTTP_PROXY`, `ALL_PROXY` and
    /// `NO_PROXY`. Defaults to true.
    pub environment_proxies: bool,
    /// Send everything through this proxy instead of those of the environment.
    pub proxy: Option<Url>,
    /// Follow only redirects that repeat the request as it is, 307 and 308.
    /// After any other a `POST` comes back as a `GET` without body. Defaults to
    /// false.
    pub keep_method: bool,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            connect_timeout: Duration::from_secs(5),
            timeout: Duration::from_secs(10),
            max_body: 8 << 20,
            retry: Retry::default(),
            ca: None,
            identity: None,
            insecure_skip_verify: false,
            environment_proxies: true,
            proxy: None,
            keep_method: false,
        }
    }
}

/// A client with its limits. Cheap to clone; clones share connections.
#[derive(Clone)]
pub struct Client {
    inner: reqwest::Client,
    timeout: Duration,
    max_body: usize,
    retry: Retry,
    pause: Pause,
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Client")
            .field("timeout", &self.timeout)
            .field("max_body", &self.max_body)
            .field("retry", &self.retry)
            .finish_non_exhaustive()
    }
}

impl Client {
    /// A client with `options`.
    ///
    /// # Errors
    /// [`Kind::Usage`](crate::error::Kind::Usage) when a certificate or key
    /// cannot be read, or the system has no certificate authorities.
    pub fn new(options: &Options) -> Result<Self> {
        Ok(Self {
            inner: reqwest_client(options)?,
            timeout: options.timeout,
            max_body: options.max_body,
            retry: options.retry,
            pause: Pause::default(),
        })
    }

    /// Waits between attempts by `pause` instead of sleeping.
    #[must_use]
    pub fn with_pause(mut self, pause: Pause) -> Self {
        self.pause = pause;
        self
    }

    /// The client below, for building requests and for octocrab.
    #[must_use]
    pub fn inner(&self) -> &reqwest::Client {
        &self.inner
    }

    /// Sends `request` once.
    ///
    /// # Errors
    /// When there is no complete answer. Any status is an answer.
    pub async fn send(&self, request: Request) -> Result<Answer, Failure> {
        self.attempt(request, self.timeout, never).await
    }

    /// Sends `request` once, with a limit of its own instead of
    /// [`Options::timeout`].
    ///
    /// # Errors
    /// As [`Client::send`].
    pub async fn send_within(&self, request: Request, limit: Duration) -> Result<Answer, Failure> {
        self.attempt(request, limit, never).await
    }

    /// Waits as between two attempts, see [`Client::with_pause`].
    pub async fn wait(&self, duration: Duration) {
        self.pause.wait(duration).await;
    }

    /// Sends `request` and repeats it when that is safe: the method is
    /// idempotent (`GET`, `HEAD`, `OPTIONS`, `PUT`, `DELETE`), and the
    /// connection failed, time ran out, or the status is 429, 502, 503 or 504.
    /// Waits grow by [`Retry`]; a longer `Retry-After` is honoured, and when it
    /// reaches beyond the deadline the answer is returned at once.
    ///
    /// # Errors
    /// When there is no complete answer, the last time. Any status is an answer.
    pub async fn send_safe(&self, request: Request) -> Result<Answer, Failure> {
        let idempotent = [
            Method::GET,
            Method::HEAD,
            Method::OPTIONS,
            Method::PUT,
            Method::DELETE,
        ];
        match idempotent.contains(request.method()) {
            true => self.repeat(request, never).await,
            false => self.send(request).await,
        }
    }

    /// Like [`Client::send_safe`] for any method: for a `POST` that only reads.
    ///
    /// # Errors
    /// As [`Client::send_safe`].
    pub async fn send_query(&self, request: Request) -> Result<Answer, Failure> {
        self.repeat(request, never).await
    }

    /// Like [`Client::send_query`] for a server that streams: the body is whole when
    /// `is_over` says so, without waiting for the server to close.
    ///
    /// # Errors
    /// As [`Client::send_safe`].
    pub async fn send_query_until(
        &self,
        request: Request,
        is_over: fn(&[u8]) -> bool,
    ) -> Result<Answer, Failure> {
        self.repeat(request, is_over).await
    }

    async fn repeat(
        &self,
        request: Request,
        is_over: fn(&[u8]) -> bool,
    ) -> Result<Answer, Failure> {
        let started = Instant::now();
        // An injected pause takes no time, so the waits are summed up as well.
        let mut waited = Duration::ZERO;
        let mut delays = self.retry.delays();
        let mut tries = 1;
        loop {
            let left = self.retry.left(started.elapsed().max(waited));
            let Some(copy) = request.try_clone() else {
                return self.attempt(request, left.min(self.timeout), is_over).await;
            };
            let outcome = self.attempt(copy, left.min(self.timeout), is_over).await;
            let delay = match retry::wish(&outcome) {
                retry::Wish::Done => None,
                retry::Wish::Again(at_least) => delays.next().map(|delay| delay.max(at_least)),
            };
            let left = self.retry.left(started.elapsed().max(waited));
            match delay.filter(|delay| *delay < left) {
                None => return retry::counted(outcome, tries),
                Some(delay) => {
                    tracing::debug!(url = masked(request.url()), tries, ?delay, "asking again");
                    self.pause.wait(delay).await;
                    waited += delay;
                    tries += 1;
                }
            }
        }
    }

    async fn attempt(
        &self,
        mut request: Request,
        limit: Duration,
        is_over: fn(&[u8]) -> bool,
    ) -> Result<Answer, Failure> {
        *request.timeout_mut() = Some(limit);
        let url = request.url().clone();
        let mut response = match self.inner.execute(request).await {
            Ok(response) => response,
            Err(error) => return Err(Failure::new(&url, error)),
        };
        let mut body = Vec::new();
        loop {
            match response.chunk().await {
                Ok(None) => break,
                Ok(Some(chunk)) if body.len() + chunk.len() > self.max_body => {
                    return Err(Failure::too_large(&url, self.max_body));
                }
                Ok(Some(chunk)) => {
                    body.extend_from_slice(&chunk);
                    if is_over(&body) {
                        break;
                    }
                }
                Err(error) => return Err(Failure::in_body(&url, error)),
            }
        }
        Ok(Answer {
            status: response.status(),
            headers: std::mem::take(response.headers_mut()),
            url: response.url().clone(),
            body,
            tries: 1,
        })
    }
}

/// A body is whole when the server says so.
fn never(_body: &[u8]) -> bool {
    false
}

/// Chooses ring for cryptography, for what has no [`Client`] of ours.
pub(crate) fn choose_cryptography() {
    static PROVIDER: Once = Once::new();
    PROVIDER.call_once(|| {
        // An error means that somebody else chose a provider before: fine, too.
        drop(rustls::crypto::ring::default_provider().install_default());
    });
}

fn reqwest_client(options: &Options) -> Result<reqwest::Client> {
    choose_cryptography();
    let mut builder = reqwest::Client::builder()
        .user_agent(USER_AGENT)
        .connect_timeout(options.connect_timeout)
        .timeout(options.timeout)
        .referer(false)
        .redirect(redirects(options.keep_method));
    if !options.environment_proxies {
        builder = builder.no_proxy();
    }
    if let Some(proxy) = &options.proxy {
        // The cause is left out: it could quote the password.
        let proxy = Proxy::all(proxy.clone())
            .map_err(|_quotes_the_address| Error::usage("the proxy cannot be used"))?;
        builder = builder.proxy(proxy);
    }
    if options.insecure_skip_verify {
        builder = builder.tls_danger_accept_invalid_certs(true);
    }
    if let Some(pem) = &options.ca {
        let certificates = Certificate::from_pem_bundle(pem.as_bytes())
            .map_err(|error| bad_pem("the CA certificate").because(error))?;
        if certificates.is_empty() {
            return Err(bad_pem("the CA certificate"));
        }
        builder = builder.tls_certs_merge(certificates);
    }
    if let Some(pem) = &options.identity {
        // The cause is left out: it could quote the key.
        let identity = Identity::from_pem(pem.expose_secret().as_bytes())
            .map_err(|_quotes_the_key| bad_pem("the client certificate or its key"))?;
        builder = builder.identity(identity);
    }
    builder.build().map_err(|error| {
        Error::usage("the HTTP client cannot be set up")
            .because(failure::root_cause(&error))
            .hint("install the system's CA certificates (package `ca-certificates`), or name a bundle in SSL_CERT_FILE")
    })
}

fn bad_pem(what: &str) -> Error {
    Error::usage(format!("{what} is not usable PEM"))
        .hint("it begins with a line `-----BEGIN …-----`; certificate and key are both needed for a client certificate")
}

/// Follows redirects within the origin, with `keep_method` only those that
/// repeat the request; any other is returned as it is.
fn redirects(keep_method: bool) -> Policy {
    Policy::custom(move |attempt| {
        let repeats = [
            StatusCode::TEMPORARY_REDIRECT,
            StatusCode::PERMANENT_REDIRECT,
        ];
        match keep_method && !repeats.contains(&attempt.status()) {
            true => attempt.stop(),
            false => same_origin(attempt),
        }
    })
}

fn same_origin(attempt: Attempt<'_>) -> reqwest::redirect::Action {
    let within = attempt
        .previous()
        .last()
        .is_some_and(|previous| previous.origin() == attempt.url().origin());
    match within && attempt.previous().len() <= MAX_REDIRECTS {
        true => attempt.follow(),
        false => attempt.stop(),
    }
}

/// `url` as it may be shown: user info and the values of query parameters that
/// sound like secrets are replaced by `***`, the fragment is dropped.
///
/// ```
/// use weirkeeper::http::masked;
///
/// let url = "https://me:pw@prom.example/api?query=up&api_key=1".parse().unwrap();
/// assert_eq!(masked(&url), "https://***@prom.example/api?query=up&api_key=***");
/// ```
#[must_use]
pub fn masked(url: &Url) -> String {
    let mut shown = url.clone();
    shown.set_fragment(None);
    if let Some(query) = url.query() {
        let parameters: Vec<String> = query.split('&').map(masked_parameter).collect();
        shown.set_query(Some(&parameters.join("&")));
    }
    let has_user = !url.username().is_empty() || url.password().is_some();
    if has_user && (shown.set_password(None).is_err() || shown.set_username("***").is_err()) {
        // Such a URL cannot have user info to begin with.
        return format!("{}:***", url.scheme());
    }
    shown.to_string()
}

fn masked_parameter(parameter: &str) -> String {
    let Some((name, value)) = parameter.split_once('=') else {
        return parameter.to_owned();
    };
    match is_secret(name) && !value.is_empty() {
        true => format!("{name}=***"),
        false => parameter.to_owned(),
    }
}

#[cfg(test)]
mod tests;
