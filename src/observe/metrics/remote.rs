//! What the providers beside Prometheus share: a server over HTTP with an address, keys
//! from a Secret, and words for what goes wrong.

mod explain;

use std::fmt;

use reqwest::header::{AUTHORIZATION, HeaderMap, HeaderName, HeaderValue};
use reqwest::{RequestBuilder, Url};
use secrecy::{ExposeSecret as _, SecretString};
use serde::de::DeserializeOwned;

use crate::api::ProviderType;
use crate::error::{Error, Result};
use crate::http::{Answer, Client, Options, masked};
use crate::settings::Secrets;

pub(super) use explain::shortened;

/// Keys of a Secret that are none: names of users, organisations and accounts.
const NO_SECRETS: [&str; 4] = ["username", "org", "project", "newrelic_account_id"];

/// Whom to ask, and with which credentials.
#[derive(Debug)]
pub struct Access<'a> {
    /// What kind of provider it is.
    pub kind: &'static ProviderType,
    /// Base address. Its path is kept; user info counts as basic authentication.
    pub address: Url,
    /// Limits and trust.
    pub options: Options,
    /// The Secret of the template.
    pub keys: Keys<'a>,
}

/// The keys of the Secret that a template names, if it names one.
#[derive(Debug, Clone, Copy)]
pub struct Keys<'a> {
    /// Where Secrets are.
    pub secrets: &'a Secrets,
    /// Name of the Secret.
    pub name: Option<&'a str>,
}

impl Keys<'_> {
    /// The value of a key, without white space around it. `None` when it is not given,
    /// or the template names no Secret.
    ///
    /// # Errors
    /// When it is there and cannot be read.
    pub fn get(&self, key: &str) -> Result<Option<SecretString>> {
        let Some(name) = self.name else {
            return Ok(None);
        };
        let value = self.secrets.get(name, key)?;
        let value = value.map(|value| SecretString::from(value.expose_secret().trim()));
        Ok(value.filter(|value| !value.expose_secret().is_empty()))
    }

    /// The value of a key that must be there.
    ///
    /// # Errors
    /// [`Kind::Document`](crate::error::Kind::Document) when the template names no
    /// Secret, [`Kind::Usage`](crate::error::Kind::Usage) when the key is not given.
    pub fn required(&self, key: &str) -> Result<SecretString> {
        let Some(name) = self.name else {
            return Err(
                Error::document("the template names no Secret").hint(format!(
                    "set spec.provider.secretRef.name to a Secret with the key {key}"
                )),
            );
        };
        self.get(key)?.ok_or_else(|| {
            Error::usage(format!("the Secret {name} is not given, or has no {key}"))
                .hint(Secrets::how_to_give(name, key))
        })
    }
}

/// What to say when a provider refuses.
#[derive(Debug, Clone, Copy)]
pub struct Advice {
    /// What the key must be allowed to do: `the scope metrics.read`.
    pub permission: &'static str,
    /// What to look at when there is nothing at the address.
    pub not_found: &'static str,
}

/// A server over HTTP.
pub struct Remote {
    client: Client,
    title: &'static str,
    /// Without user info.
    address: Url,
    headers: HeaderMap,
    /// Values that never appear in a message.
    hidden: Vec<SecretString>,
    /// Where the credentials are: `the key token of the Secret x`.
    credentials: String,
    advice: Advice,
}

impl Remote {
    /// A server that is asked as `access` says, with `headers` in each request. Nothing
    /// is sent yet.
    ///
    /// # Errors
    /// [`Kind::Usage`](crate::error::Kind::Usage) when a certificate cannot be read or
    /// a header cannot hold its value.
    pub fn new(
        access: &Access<'_>,
        headers: &[(HeaderName, SecretString)],
        advice: Advice,
    ) -> Result<Self> {
        let client = Client::new(&access.options)?;
        let title = access.kind.title;
        // reqwest turns user info into a header.
        let bare = client.inner().get(access.address.clone()).build();
        let bare = bare.map_err(|error| {
            Error::usage(format!("the address of {title} is not usable"))
                .because(error.without_url())
        })?;
        let mut all = HeaderMap::new();
        if let Some(authorization) = bare.headers().get(AUTHORIZATION) {
            all.insert(AUTHORIZATION, authorization.clone());
        }
        for (name, value) in headers {
            let value = HeaderValue::from_str(value.expose_secret());
            let mut value = value.map_err(|_quotes_the_secret| {
                Error::usage(format!(
                    "a key for {title} holds characters that no header can"
                ))
                .hint(credentials(access))
            })?;
            value.set_sensitive(true);
            all.insert(name.clone(), value);
        }
        let mut hidden = Vec::new();
        for key in access.kind.keys {
            if !NO_SECRETS.contains(key) {
                hidden.extend(access.keys.get(key)?);
            }
        }
        for (_, value) in headers {
            // Also as it is sent: `Basic bWU6cHc=`.
            let coded = value.expose_secret().strip_prefix("Basic ");
            hidden.extend(coded.map(SecretString::from));
        }
        let password = access.address.password().unwrap_or_default();
        hidden.extend((!password.is_empty()).then(|| SecretString::from(password)));
        Ok(Self {
            client,
            title,
            address: bare.url().clone(),
            headers: all,
            hidden,
            credentials: credentials(access),
            advice,
        })
    }

    /// Where it is, without secrets.
    #[must_use]
    pub fn address(&self) -> String {
        masked(&self.address)
    }

    /// The address of `path` below the base address, without a query.
    #[must_use]
    pub fn at(&self, path: &str) -> Url {
        let mut url = self.address.clone();
        let prefix = url.path().trim_end_matches('/').to_owned();
        url.set_path(&format!("{prefix}/{path}"));
        url.set_query(None);
        url
    }

    /// A `GET`, with `parameters` in the URL.
    pub fn get(&self, path: &str, parameters: &[(&str, &str)]) -> RequestBuilder {
        let mut url = self.at(path);
        url.query_pairs_mut().extend_pairs(parameters);
        self.client.inner().get(url)
    }

    /// A `POST`, with `parameters` in the URL.
    pub fn post(&self, path: &str, parameters: &[(&str, &str)]) -> RequestBuilder {
        let mut url = self.at(path);
        if !parameters.is_empty() {
            url.query_pairs_mut().extend_pairs(parameters);
        }
        self.client.inner().post(url)
    }

    /// Sends a question, again when that may help. The answer has a status of success
    /// and is no web page.
    ///
    /// # Errors
    /// When there is no complete answer, or it has another status.
    pub async fn ask(&self, request: RequestBuilder) -> Result<Answer> {
        self.ask_until(request, |_body| false).await
    }

    /// Like [`Remote::ask`], and takes a body for whole when `is_over` says so, which a
    /// server that streams may not.
    ///
    /// # Errors
    /// As [`Remote::ask`].
    pub async fn ask_until(
        &self,
        request: RequestBuilder,
        is_over: fn(&[u8]) -> bool,
    ) -> Result<Answer> {
        let request = request.headers(self.headers.clone()).build();
        let request = request.map_err(|error| {
            Error::internal("the query cannot be put into a request").because(error.without_url())
        })?;
        let answer = match self.client.send_query_until(request, is_over).await {
            Err(failure) => return Err(self.unanswered(failure)),
            Ok(answer) => answer,
        };
        tracing::debug!(provider = self.title, status = %answer.status, bytes = answer.body.len(), "asked");
        match answer.status.is_success() {
            false => Err(self.refused(&answer)),
            true if answer.is_html() => Err(self.web_page(&answer)),
            true => Ok(answer),
        }
    }

    /// The JSON of an answer.
    ///
    /// # Errors
    /// When it is none, or another one.
    pub fn json<T: DeserializeOwned>(&self, answer: &Answer) -> Result<T> {
        serde_json::from_slice(&answer.body).map_err(|error| match error.is_eof() {
            true if answer.body.trim_ascii().is_empty() => {
                self.not_understood(answer, "it is empty")
            }
            true => self.not_understood(answer, "the JSON ends too early"),
            // The message of the library may quote the text, and that a secret.
            false => self.not_understood(answer, &error.to_string()),
        })
    }
}

/// Where the credentials are, or would be.
fn credentials(access: &Access<'_>) -> String {
    let keys = access.kind.keys;
    let keys = match keys {
        [] => return "check the credentials".to_owned(),
        [key] => format!("the key {key}"),
        keys => format!("the keys {}", keys.join(", ")),
    };
    match access.keys.name {
        Some(name) => format!("check {keys} of the Secret {name}"),
        None => format!("set spec.provider.secretRef to a Secret with {keys}"),
    }
}

impl fmt::Debug for Remote {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Remote")
            .field("title", &self.title)
            .field("address", &self.address())
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
