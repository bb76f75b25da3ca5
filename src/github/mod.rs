//! GitHub's API, through octocrab on our one HTTP client.
//!
//! [`GitHub`] is one repository at one GitHub (github.com or an Enterprise
//! server). One file per area says what is asked and what of the answer is read.

mod ask;
mod commits;
mod refused;
mod rules;
mod statuses;
mod transport;

use std::fmt;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use http_body_util::BodyExt as _;
use octocrab::{AuthState, Octocrab, OctocrabBuilder};
use reqwest::header::{ACCEPT, AUTHORIZATION, HeaderMap, HeaderValue};
use secrecy::ExposeSecret as _;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use url::Url;

use crate::error::{Error, Result};
use crate::http::{Client, Options, Pause, Retry};
use crate::settings::GithubSettings;
use transport::Transport;

pub use ask::Ask;
pub use commits::{BranchCommit, NewCommit};
pub use refused::Refused;
pub use rules::{Rule, Way};
pub use statuses::{CommitStatus, State};

/// Version of the API that is asked for.
const VERSION: &str = "2022-11-28";

/// Limit of one attempt: a commit of many files takes GitHub a while.
const TIMEOUT: Duration = Duration::from_secs(30);

/// Limit of all attempts of one request.
const DEADLINE: Duration = Duration::from_secs(90);

/// Most pages that are read of one list, 100 entries each.
const PAGES: usize = 50;

/// The API of one GitHub, about one repository.
pub struct GitHub {
    settings: GithubSettings,
    options: Options,
    pause: Pause,
    /// Made when they are first needed.
    clients: Mutex<Option<Clients>>,
}

/// GraphQL has an address of its own, which at an Enterprise server is not
/// below the other one.
#[derive(Clone)]
struct Clients {
    rest: Octocrab,
    graphql: Octocrab,
}

impl GitHub {
    /// A client as `settings` say. Nothing is sent yet.
    #[must_use]
    pub fn new(settings: GithubSettings) -> Self {
        Self {
            settings,
            options: Options {
                timeout: TIMEOUT,
                retry: Retry {
                    deadline: DEADLINE,
                    ..Retry::default()
                },
                // A renamed repository answers with 307; after a 301 a POST would
                // come back as a GET.
                keep_method: true,
                ..Options::default()
            },
            pause: Pause::default(),
            clients: Mutex::default(),
        }
    }

    /// Uses these limits.
    #[must_use]
    pub fn with_options(mut self, options: Options) -> Self {
        self.options = options;
        self
    }

    /// Waits between attempts by `pause` instead of sleeping.
    #[must_use]
    pub fn with_pause(mut self, pause: Pause) -> Self {
        self.pause = pause;
        self
    }

    /// `owner/name` of the repository.
    ///
    /// # Errors
    /// [`Kind::Usage`](crate::error::Kind::Usage) when nobody named it.
    pub fn repository(&self) -> Result<&str> {
        self.settings.repository.as_deref().ok_or_else(|| {
            Error::usage("which repository of GitHub this is, is not known")
                .hint("set GITHUB_REPOSITORY to OWNER/NAME, or use a remote at GitHub")
        })
    }

    /// Is there a repository and a token to ask with?
    #[must_use]
    pub fn is_known(&self) -> bool {
        self.settings.repository.is_some() && self.settings.token.is_some()
    }

    /// Asks, and reads the answer.
    ///
    /// # Errors
    /// [`Refused`] when there is no answer, one of failure, or one that cannot be
    /// read.
    pub async fn ask<T: DeserializeOwned>(&self, ask: &Ask) -> Result<T, Refused> {
        let answer = self.send(ask).await?;
        serde_json::from_slice(&answer).map_err(not_github)
    }

    /// Asks for what may not be there: 404 is `None`.
    ///
    /// # Errors
    /// As [`ask`](Self::ask).
    pub async fn find<T: DeserializeOwned>(&self, ask: &Ask) -> Result<Option<T>, Refused> {
        match self.ask(ask).await {
            Ok(found) => Ok(Some(found)),
            Err(refused) if refused.is(404) => Ok(None),
            Err(refused) => Err(refused),
        }
    }

    /// Asks, and reads nothing but that it was done.
    ///
    /// # Errors
    /// As [`ask`](Self::ask).
    pub async fn tell(&self, ask: &Ask) -> Result<(), Refused> {
        self.send(ask).await.map(drop)
    }

    /// Every entry of a list, over all its pages.
    ///
    /// # Errors
    /// As [`ask`](Self::ask).
    pub async fn pages<T: DeserializeOwned>(&self, ask: &Ask) -> Result<Vec<T>, Refused> {
        let mut entries = Vec::new();
        let mut ask = ask.clone().query("per_page", "100");
        for _ in 0..PAGES {
            let (mut page, next) = self.page(&ask).await?;
            entries.append(&mut page);
            match next {
                Some(next) => ask = ask.at(next),
                None => break,
            }
        }
        Ok(entries)
    }

    async fn page<T: DeserializeOwned>(
        &self,
        ask: &Ask,
    ) -> Result<(Vec<T>, Option<http::Uri>), Refused> {
        use octocrab::FromResponse as _;
        let response = self.exchange(&self.clients()?.rest, ask).await?;
        let page = octocrab::Page::<T>::from_response(response).await;
        let page = page.map_err(not_github)?;
        Ok((page.items, page.next.filter(|next| self.is_ours(next))))
    }

    /// Runs a GraphQL document; `T` is its `data`.
    ///
    /// # Errors
    /// As [`ask`](Self::ask); also for the first of its `errors`, with its `type` in
    /// [`Refused::kinds`].
    pub async fn graphql<T: DeserializeOwned>(
        &self,
        document: &str,
        variables: impl Serialize,
        needs: &'static str,
    ) -> Result<T, Refused> {
        let body = json!({"query": document, "variables": json!(variables)});
        let ask = Ask::graphql(body).needs(needs);
        let response = self.exchange(&self.clients()?.graphql, &ask).await?;
        let (parts, body) = response.into_parts();
        // A mutation that was answered with success may have been carried out,
        // readable or not.
        let unread = |mut refused: Refused| {
            refused.unanswered = true;
            refused
        };
        let answer: Value = serde_json::from_slice(&collect(body).await?)
            .map_err(|error| unread(not_github(error)))?;
        if let Some(refused) = Refused::by_graphql(&answer, &parts.headers, &ask) {
            return Err(refused);
        }
        T::deserialize(&answer["data"]).map_err(|error| unread(not_github(error)))
    }

    /// Waits before something is asked again, see [`with_pause`](Self::with_pause).
    pub async fn wait(&self, duration: Duration) {
        self.pause.wait(duration).await;
    }

    async fn send(&self, ask: &Ask) -> Result<Vec<u8>, Refused> {
        let response = self.exchange(&self.clients()?.rest, ask).await?;
        read(response).await
    }

    /// One request and its answer, which has a status of success.
    async fn exchange(
        &self,
        octocrab: &Octocrab,
        ask: &Ask,
    ) -> Result<http::Response<Body>, Refused> {
        let address = ask.address(|| self.repository())?;
        let request = http::Request::builder()
            .method(ask.method().clone())
            .uri(address);
        let request = octocrab
            .build_request(request, ask.body())
            .map_err(|error| Error::internal("GitHub cannot be asked").because(error))?;
        let response = octocrab.send(request).await;
        let response = response.map_err(|error| refused::unanswered(&error))?;
        if response.status().is_success() {
            return Ok(response);
        }
        let (parts, body) = response.into_parts();
        let body = collect(body).await?;
        let has_token = self.settings.token.is_some();
        Err(Refused::by_status(&parts, &body, ask, has_token))
    }

    fn clients(&self) -> Result<Clients> {
        let mut kept = self.clients.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(clients) = &*kept {
            return Ok(clients.clone());
        }
        let client = Client::new(&self.options)?.with_pause(self.pause.clone());
        let headers = self.headers()?;
        let below = |base: &Url| {
            let transport = Transport {
                client: client.clone(),
                base: base.clone(),
                headers: headers.clone(),
            };
            let builder = OctocrabBuilder::new_empty().with_service(transport);
            let Ok(octocrab) = builder.with_auth(AuthState::None).build();
            octocrab
        };
        let clients = Clients {
            rest: below(&self.settings.api),
            graphql: below(&self.settings.graphql),
        };
        *kept = Some(clients.clone());
        Ok(clients)
    }

    fn headers(&self) -> Result<HeaderMap> {
        let mut headers = HeaderMap::new();
        headers.insert(
            ACCEPT,
            HeaderValue::from_static("application/vnd.github+json"),
        );
        headers.insert("x-github-api-version", HeaderValue::from_static(VERSION));
        if let Some(token) = &self.settings.token {
            let value = format!("Bearer {}", token.expose_secret().trim());
            // The cause is left out: it could quote the token.
            let mut value = HeaderValue::from_str(&value).map_err(|_quotes_the_token| {
                Error::usage("the token for GitHub holds characters that no token has")
            })?;
            value.set_sensitive(true);
            headers.insert(AUTHORIZATION, value);
        }
        Ok(headers)
    }

    /// A list that goes on elsewhere is not followed.
    fn is_ours(&self, next: &http::Uri) -> bool {
        let url = Url::parse(&next.to_string());
        url.is_ok_and(|url| url.origin() == self.settings.api.origin())
    }
}

/// The body of an answer, as octocrab gives it.
type Body = http_body_util::combinators::BoxBody<bytes::Bytes, octocrab::Error>;

async fn read(response: http::Response<Body>) -> Result<Vec<u8>, Refused> {
    collect(response.into_body()).await
}

async fn collect(body: Body) -> Result<Vec<u8>, Refused> {
    let body = body.collect().await;
    let body = body.map_err(|error| refused::unanswered(&error))?;
    Ok(body.to_bytes().into())
}

fn not_github(error: impl std::error::Error + Send + Sync + 'static) -> Refused {
    Error::remote("the answer is not one of GitHub")
        .because(refused::innermost(&error))
        .hint("is GITHUB_API_URL the API of your GitHub?")
        .into()
}

impl fmt::Debug for GitHub {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("GitHub")
            .field("settings", &self.settings)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
