//! Credentials of Amazon's and Google's clouds: found in the environment, kept for a run,
//! put into requests.
//!
//! They go to the clouds' own hosts, and to addresses that the settings name: whoever
//! builds a [`Signer`] sees to that. Nothing here shows a secret.

mod aws;
mod google;

use std::fmt;
use std::sync::Arc;

use reqwest::Request;
use secrecy::SecretString;
use url::Url;

use crate::error::{Error, Result};
use crate::http::Answer;
use crate::settings::CloudSettings;

pub use aws::{Service, endpoint};

/// Characters of a cloud's own words that are shown at most.
const SHOWN: usize = 300;

/// The credentials of the environment, each found once for a run. Clones share them.
#[derive(Clone)]
pub struct Cloud {
    aws: Arc<aws::Chain>,
    google: Arc<google::Tokens>,
    settings: Arc<CloudSettings>,
}

/// Proves to a cloud who asks.
#[derive(Clone)]
pub enum Signer {
    /// By a signature (SigV4).
    Aws {
        /// Whose.
        chain: Arc<aws::Chain>,
        /// For whom.
        service: Service,
    },
    /// By a token (OAuth 2).
    Google(Arc<google::Tokens>),
}

/// Which cloud an address belongs to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Host {
    /// Amazon Managed Service for Prometheus, in a region.
    ManagedPrometheus {
        /// Such as `eu-west-1`.
        region: String,
    },
    /// Google Cloud Monitoring, which has Managed Service for Prometheus, too.
    CloudMonitoring,
}

impl Cloud {
    /// The credentials that `settings` name. Nothing is read or sent yet.
    #[must_use]
    pub fn new(settings: &CloudSettings) -> Self {
        Self {
            aws: Arc::new(aws::Chain::new(&settings.aws, settings.clock)),
            google: Arc::new(google::Tokens::of_environment(&settings.google)),
            settings: Arc::new(settings.clone()),
        }
    }

    /// What the environment says.
    #[must_use]
    pub fn settings(&self) -> &CloudSettings {
        &self.settings
    }

    /// Signs for a service of AWS.
    #[must_use]
    pub fn aws(&self, service: Service) -> Signer {
        Signer::Aws {
            chain: Arc::clone(&self.aws),
            service,
        }
    }

    /// Sends the environment's token of Google Cloud.
    #[must_use]
    pub fn google(&self) -> Signer {
        Signer::Google(Arc::clone(&self.google))
    }

    /// Sends a token for the service account whose `key` is the JSON that Google gives,
    /// from where `from` says.
    #[must_use]
    pub fn google_key(key: SecretString, from: &str) -> Signer {
        Signer::Google(Arc::new(google::Tokens::of_key(key, from)))
    }
}

impl Signer {
    /// Puts the proof into `request`, for some minutes: long enough for its repetitions.
    ///
    /// # Errors
    /// [`Kind::Usage`](crate::error::Kind::Usage) when there are no credentials or they
    /// cannot be read; [`Kind::Remote`](crate::error::Kind::Remote) when nobody gives a
    /// token for them.
    pub async fn sign(&self, request: &mut Request) -> Result<()> {
        match self {
            Self::Aws { chain, service } => chain.sign(request, service).await,
            Self::Google(tokens) => tokens.authorize(request).await,
        }
    }

    /// Why the cloud did not answer, if that is about who asks or how often: what it says,
    /// and what to do. `None` leaves it to whoever knows the query.
    #[must_use]
    pub fn refused(&self, answer: &Answer) -> Option<Refused> {
        match self {
            Self::Aws { chain, service } => aws::refused(answer, chain, service),
            Self::Google(tokens) => google::refused(answer, tokens),
        }
    }
}

/// What a cloud says instead of an answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refused {
    /// Its name for it: `AccessDeniedException`, `PERMISSION_DENIED`.
    pub code: String,
    /// Its words, shortened, without what may hold secrets.
    pub text: String,
    /// What to do.
    pub hint: Option<String>,
}

impl Refused {
    /// The error of `who`, which answered with a status of failure.
    #[must_use]
    pub fn error(self, who: &str, answer: &Answer) -> Error {
        let mut message = format!("{who} answered {}", answer.status_text());
        if answer.tries > 1 {
            message.push_str(&format!(" ({} tries)", answer.tries));
        }
        for part in [&self.code, &self.text] {
            if !part.is_empty() {
                message.push_str(&format!(": {part}"));
            }
        }
        let error = Error::remote(message);
        match self.hint {
            Some(hint) => error.hint(hint),
            None => error,
        }
    }
}

impl Host {
    /// The cloud that serves `address` itself. Only https is one of its hosts.
    #[must_use]
    pub fn of(address: &Url) -> Option<Self> {
        if address.scheme() != "https" || address.port().is_some() {
            return None;
        }
        let host = address.host_str()?;
        match host {
            "monitoring.googleapis.com" => Some(Self::CloudMonitoring),
            _ => aws::region_of("aps-workspaces", host)
                .map(|region| Self::ManagedPrometheus { region }),
        }
    }
}

/// The first line of a cloud's own words, shortened. What follows may repeat the request
/// with its token.
fn first_line(text: &str) -> String {
    let line = text.lines().map(str::trim).find(|line| !line.is_empty());
    let mut shown: String = line
        .unwrap_or_default()
        .chars()
        .filter(|c| !c.is_control())
        .take(SHOWN + 1)
        .collect();
    if shown.chars().count() > SHOWN {
        shown.pop();
        shown.push('…');
    }
    shown
}

impl fmt::Debug for Cloud {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Cloud").finish_non_exhaustive()
    }
}

impl fmt::Debug for Signer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Aws { service, .. } => f.debug_tuple("Aws").field(service).finish(),
            Self::Google(_) => f.debug_tuple("Google").finish_non_exhaustive(),
        }
    }
}

#[cfg(test)]
pub(super) mod testing;

#[cfg(test)]
mod tests;
