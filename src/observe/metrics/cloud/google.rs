//! Google: tokens (OAuth 2) for the credentials that its tools use.
//!
//! Google's own library makes them: a service account's key signs a token itself, other
//! credentials are exchanged for one where the credentials say. It keeps each until shortly
//! before its end.

mod refused;

use std::error::Error as StdError;
use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use google_cloud_auth::build_errors;
use google_cloud_auth::credentials::service_account::AccessSpecifier;
use google_cloud_auth::credentials::{
    CacheableResource, Credentials, external_account, impersonated, service_account, user_account,
};
use google_cloud_auth::errors::CredentialsError;
use http::Extensions;
use reqwest::Request;
use reqwest::header::{AUTHORIZATION, HeaderMap, HeaderValue};
use secrecy::{ExposeSecret as _, SecretString};
use serde_json::Value;
use tokio::sync::Mutex;
use tokio::time::timeout;

use super::first_line;
use crate::cli::environment;
use crate::error::{Error, Result};
use crate::http::choose_cryptography;
use crate::settings::GoogleSettings;

pub(super) use refused::refused;

/// What the tokens are good for.
const SCOPE: &str = "https://www.googleapis.com/auth/monitoring.read";

/// Limit for a token, with all that is asked for it.
const TIMEOUT: Duration = Duration::from_secs(20);

/// Credentials, and the token for them.
pub struct Tokens {
    source: Source,
    /// Where they come from, for hints.
    from: String,
    /// What keeps a token. One that failed keeps failing, and is made anew.
    made: Mutex<Option<Credentials>>,
}

enum Source {
    Nothing,
    Token(SecretString),
    File(PathBuf),
    Key(SecretString),
}

impl Tokens {
    /// Those of the environment.
    pub(super) fn of_environment(settings: &GoogleSettings) -> Self {
        let (source, from) = match (&settings.token, &settings.credentials_file) {
            (Some(token), _) => (
                Source::Token(token.clone()),
                environment::GOOGLE_OAUTH_ACCESS_TOKEN,
            ),
            (None, Some(file)) => (
                Source::File(file.clone()),
                environment::GOOGLE_APPLICATION_CREDENTIALS,
            ),
            (None, None) => (Source::Nothing, environment::GOOGLE_APPLICATION_CREDENTIALS),
        };
        Self::new(source, from)
    }

    /// Those of a service account's key.
    pub(super) fn of_key(key: SecretString, from: &str) -> Self {
        Self::new(Source::Key(key), from)
    }

    fn new(source: Source, from: &str) -> Self {
        Self {
            source,
            from: from.to_owned(),
            made: Mutex::default(),
        }
    }

    /// Where the credentials come from, for hints.
    pub(super) fn from(&self) -> &str {
        &self.from
    }

    /// Puts a token into `request`.
    pub(super) async fn authorize(&self, request: &mut Request) -> Result<()> {
        for (name, mut value) in self.headers().await? {
            if let Some(name) = name {
                value.set_sensitive(true);
                request.headers_mut().insert(name, value);
            }
        }
        Ok(())
    }

    async fn headers(&self) -> Result<HeaderMap> {
        if let Source::Token(token) = &self.source {
            let value = format!("Bearer {}", token.expose_secret().trim());
            let value = HeaderValue::from_str(&value).map_err(|_quotes_the_token| {
                Error::usage(format!(
                    "the token of {} holds characters that no header can",
                    self.from
                ))
            })?;
            return Ok(HeaderMap::from_iter([(AUTHORIZATION, value)]));
        }
        let made = {
            let mut made = self.made.lock().await;
            match &*made {
                Some(credentials) => credentials.clone(),
                None => made.insert(self.make()?).clone(),
            }
        };
        let result = match timeout(TIMEOUT, made.headers(Extensions::new())).await {
            Ok(Ok(CacheableResource::New { data, .. })) => Ok(data),
            Ok(Ok(CacheableResource::NotModified)) => Err(Error::internal(
                "a token is not given, which nobody had before",
            )),
            Ok(Err(error)) => Err(self.no_token(&error)),
            Err(_elapsed) => Err(Error::remote(format!(
                "Google gives no token for the credentials of {} within {} s",
                self.from,
                TIMEOUT.as_secs()
            ))),
        };
        if result.is_err() {
            *self.made.lock().await = None;
        }
        result
    }

    fn make(&self) -> Result<Credentials> {
        choose_cryptography();
        let from = &self.from;
        let text = match &self.source {
            Source::Key(key) => key.clone(),
            Source::File(path) => {
                let text = fs_err::read_to_string(path).map_err(|error| {
                    Error::usage("cannot read the credentials for Google Cloud")
                        .because(error)
                        .hint(format!("{from} names the file"))
                })?;
                SecretString::from(text)
            }
            Source::Nothing | Source::Token(_) => {
                return Err(
                    Error::usage("there are no credentials for Google Cloud").hint(format!(
                        "run google-github-actions/auth before, or set {} or {}",
                        environment::GOOGLE_APPLICATION_CREDENTIALS,
                        environment::GOOGLE_OAUTH_ACCESS_TOKEN
                    )),
                );
            }
        };
        // Causes could quote the key.
        let unusable =
            |what: &str| Error::usage(format!("the credentials for Google Cloud of {from} {what}"));
        let json: Value = serde_json::from_str(text.expose_secret())
            .map_err(|_quotes| unusable("are not JSON"))?;
        let kind = json["type"].as_str().unwrap_or_default().to_owned();
        if matches!(self.source, Source::Key(_)) && kind != "service_account" {
            return Err(unusable("are not the key of a service account")
                .hint("its JSON has the type `service_account`"));
        }
        match built(&kind, json) {
            Some(Ok(credentials)) => Ok(credentials),
            Some(Err(_quotes)) => Err(unusable(&format!("lack something that `{kind}` has"))
                .hint("write the JSON as Google gave it")),
            None => Err(unusable(&format!(
                "have the type `{}`, which is not known",
                first_line(&kind)
            ))
            .hint("known are service_account, external_account, impersonated_service_account and authorized_user")),
        }
    }

    /// Why there is no token. Of the words of who was asked only those are shown that the
    /// standards name, since the others may hold the token that was to be exchanged.
    fn no_token(&self, error: &CredentialsError) -> Error {
        let causes = chain(error);
        let texts: Vec<String> = causes.iter().map(ToString::to_string).collect();
        let what = causes
            .iter()
            .rfind(|cause| cause.is::<CredentialsError>())
            .map(|cause| own_words(&cause.to_string()));
        let said = texts.iter().find_map(|text| words(text));
        let status = causes.iter().find_map(|cause| status(*cause));
        let parts = [what, status, said.clone()];
        let parts: Vec<String> = parts.into_iter().flatten().collect();
        Error::remote(format!(
            "no token for the credentials of {}: {}",
            self.from,
            parts.join(": ")
        ))
        .hint(advice(&said.unwrap_or_default(), &texts.join(" ")))
    }
}

/// `error` and its causes.
fn chain<'e>(error: &'e (dyn StdError + 'static)) -> Vec<&'e (dyn StdError + 'static)> {
    let next = |error: &&'e (dyn StdError + 'static)| {
        let error: &'e (dyn StdError + 'static) = *error;
        error.source()
    };
    std::iter::successors(Some(error), next).collect()
}

/// What the library says, without the answer that it quotes and without its advice.
fn own_words(text: &str) -> String {
    let ends = ["body=<", " and future attempts", " but future attempts"];
    let end = ends.iter().filter_map(|end| text.find(end)).min();
    let own = &text[..end.unwrap_or(text.len())];
    first_line(own.trim_end_matches([',', ' ']))
}

/// Credentials of a type, `None` for one that is not known.
fn built(kind: &str, json: Value) -> Option<Result<Credentials, build_errors::Error>> {
    Some(match kind {
        "service_account" => service_account::Builder::new(json)
            .with_access_specifier(AccessSpecifier::from_scopes([SCOPE]))
            .build(),
        "external_account" => external_account::Builder::new(json)
            .with_scopes([SCOPE])
            .build(),
        "impersonated_service_account" => impersonated::Builder::new(json)
            .with_scopes([SCOPE])
            .build(),
        "authorized_user" => user_account::Builder::new(json)
            .with_scopes([SCOPE])
            .build(),
        _ => return None,
    })
}

/// `error` and `error_description` (RFC 6749), or Google's own `error.message`, of the
/// answer that `text` quotes.
fn words(text: &str) -> Option<String> {
    let quoted = text.get(text.find('{')?..=text.rfind('}')?)?;
    let body: Value = serde_json::from_str(quoted).ok()?;
    let error = &body["error"];
    let values = [
        error,
        &body["error_description"],
        &error["status"],
        &error["message"],
    ];
    let parts: Vec<String> = values
        .iter()
        .filter_map(|value| value.as_str().map(first_line))
        .collect();
    (!parts.is_empty()).then(|| parts.join(": "))
}

/// What became of the request behind `error`.
fn status(error: &(dyn StdError + 'static)) -> Option<String> {
    let error = error.downcast_ref::<reqwest::Error>()?;
    match error.status() {
        Some(status) => Some(format!("the answer is {status}")),
        None if error.is_timeout() => Some("no answer in time".to_owned()),
        None if error.is_connect() => Some("no connection could be made".to_owned()),
        None => None,
    }
}

fn advice(said: &str, text: &str) -> &'static str {
    match () {
        () if said.contains("iam.serviceAccounts.getAccessToken") => {
            "whom the token stands for needs the role Workload Identity User (roles/iam.workloadIdentityUser) \
             on the service account"
        }
        () if said.contains("unauthorized_client") || said.contains("attribute condition") => {
            "the attribute condition of the workload identity provider rejects this repository or branch"
        }
        () if said.contains("invalid_target") => {
            "the audience names no workload identity provider: was it deleted or disabled?"
        }
        () if said.contains("invalid_grant") => {
            "the token that is exchanged has ended, or its issuer is not the provider's: run \
             google-github-actions/auth in the same job, shortly before"
        }
        () if text.contains("subject token") => {
            "the workflow needs `permissions: id-token: write`, and google-github-actions/auth in the same job"
        }
        () => "are the credentials those that Google gave, and still valid?",
    }
}

/// Without the credentials.
impl fmt::Debug for Tokens {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tokens")
            .field("from", &self.from)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
