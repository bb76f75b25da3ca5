//! How to reach a Prometheus.

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use reqwest::header::{AUTHORIZATION, HeaderMap, HeaderName, HeaderValue};
use secrecy::{ExposeSecret as _, SecretString};
use url::Url;

use crate::error::{Error, Result};
use crate::http::{Client, Options, Retry, masked};
use crate::observe::metrics::cloud::Signer;

/// What proves who is asking.
#[derive(Debug, Clone)]
pub enum Credentials {
    /// `Authorization: Bearer`.
    Bearer(SecretString),
    /// `Authorization: Basic`.
    Basic {
        /// User.
        user: String,
        /// Password.
        password: SecretString,
    },
}

/// How to reach a Prometheus, see [`PrometheusConfig::new`] for the defaults.
#[derive(Clone)]
pub struct PrometheusConfig {
    /// Base address. Path and query string are kept; user info counts as
    /// [`Credentials::Basic`].
    pub address: Url,
    /// Win over an `Authorization` in `headers`, and that over user info in
    /// `address`.
    pub credentials: Option<Credentials>,
    /// Where the credentials come from or would come from, for hints: `the
    /// environment variable X`, `the secret monitoring/prom-auth`.
    pub credentials_from: Option<String>,
    /// Proves who asks when nothing else does.
    pub signer: Option<Signer>,
    /// Headers of every request, as `X-Scope-OrgID` for a tenant.
    pub headers: BTreeMap<String, Vec<String>>,
    /// Certificate authorities to trust besides the system's, PEM.
    pub ca: Option<String>,
    /// Certificate to show, PEM. Wants `key`.
    pub certificate: Option<String>,
    /// Private key of `certificate`, PEM.
    pub key: Option<SecretString>,
    /// Do not verify the server's certificate.
    pub insecure_skip_verify: bool,
    /// Limit for one attempt.
    pub timeout: Duration,
    /// How often and how long a query is repeated.
    pub retry: Retry,
    /// Use the proxies of the environment.
    pub environment_proxies: bool,
}

impl PrometheusConfig {
    /// Default of `timeout`. Flagger has 5 s and does not repeat.
    pub const TIMEOUT: Duration = Duration::from_secs(10);

    /// Anonymous access to `address`, verified certificates,
    /// [`PrometheusConfig::TIMEOUT`], the proxies of the environment.
    #[must_use]
    pub fn new(address: Url) -> Self {
        Self {
            address,
            credentials: None,
            credentials_from: None,
            signer: None,
            headers: BTreeMap::new(),
            ca: None,
            certificate: None,
            key: None,
            insecure_skip_verify: false,
            timeout: Self::TIMEOUT,
            retry: Retry::default(),
            environment_proxies: true,
        }
    }

    /// Is it said who asks, by credentials, a header or the address?
    #[must_use]
    pub fn says_who_asks(&self) -> bool {
        let mut headers = self.headers.keys();
        self.credentials.is_some()
            || headers.any(|name| name.eq_ignore_ascii_case(AUTHORIZATION.as_str()))
            || !self.address.username().is_empty()
            || self.address.password().is_some()
    }

    /// What the HTTP client needs to know.
    pub(super) fn http_options(&self) -> Result<Options> {
        let identity = match (&self.certificate, &self.key) {
            (None, None) => None,
            (Some(certificate), Some(key)) => Some(SecretString::from(format!(
                "{}\n{certificate}",
                key.expose_secret().trim_end()
            ))),
            (Some(_), None) => {
                return Err(Error::usage(
                    "the client certificate for Prometheus has no key",
                ));
            }
            (None, Some(_)) => {
                return Err(Error::usage(
                    "the client key for Prometheus has no certificate",
                ));
            }
        };
        Ok(Options {
            timeout: self.timeout,
            retry: self.retry,
            ca: self.ca.clone(),
            identity,
            insecure_skip_verify: self.insecure_skip_verify,
            environment_proxies: self.environment_proxies,
            ..Options::default()
        })
    }

    /// The address without user info, and the headers of every request.
    pub(super) fn address_and_headers(&self, client: &Client) -> Result<(Url, HeaderMap)> {
        // reqwest turns user info into a header, and knows how to write the others.
        let bare = client.inner().get(self.address.clone()).build();
        let bare = bare.map_err(|error| {
            Error::usage("the address of Prometheus is not usable").because(error.without_url())
        })?;
        let address = bare.url().clone();
        let mut headers = HeaderMap::new();
        for (name, values) in &self.headers {
            let valid_name: HeaderName = name.parse().map_err(|error| bad_header(name, error))?;
            for value in values {
                let mut value =
                    HeaderValue::from_str(value).map_err(|error| bad_header(name, error))?;
                value.set_sensitive(true);
                headers.append(valid_name.clone(), value);
            }
        }
        let request = client.inner().get(address.clone());
        let request = match &self.credentials {
            Some(Credentials::Bearer(token)) => {
                Some(request.bearer_auth(token.expose_secret().trim()))
            }
            Some(Credentials::Basic { user, password }) => {
                Some(request.basic_auth(user, Some(password.expose_secret())))
            }
            None => None,
        };
        let authorization = match request {
            Some(request) => {
                let request = request.build().map_err(|_quotes_the_secret| {
                    Error::usage(
                        "the credentials for Prometheus hold characters that no header can",
                    )
                })?;
                request.headers().get(AUTHORIZATION).cloned()
            }
            None if headers.contains_key(AUTHORIZATION) => None,
            None => bare.headers().get(AUTHORIZATION).cloned(),
        };
        if let Some(authorization) = authorization {
            headers.insert(AUTHORIZATION, authorization);
        }
        Ok((address, headers))
    }
}

fn bad_header(name: &str, cause: impl std::error::Error + Send + Sync + 'static) -> Error {
    Error::document(format!(
        "the header `{}` for Prometheus is not valid",
        name.escape_debug()
    ))
    .because(cause)
}

/// Without secrets: headers by name only.
impl fmt::Debug for PrometheusConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PrometheusConfig")
            .field("address", &masked(&self.address))
            .field("credentials", &self.credentials)
            .field("headers", &self.headers.keys())
            .field("insecure_skip_verify", &self.insecure_skip_verify)
            .field("timeout", &self.timeout)
            .finish_non_exhaustive()
    }
}
