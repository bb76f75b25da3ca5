//! GitHub's REST API, as far as it is needed: the statuses of a commit.

mod refused;
mod statuses;

use std::fmt;
use std::sync::{Mutex, PoisonError};

use reqwest::StatusCode;
use reqwest::header::{ACCEPT, AUTHORIZATION, HeaderMap, HeaderValue};
use secrecy::ExposeSecret as _;
use url::Url;

use crate::error::{Error, Result};
use crate::http::{Answer, Client, Options, Pause};
use crate::settings::GithubSettings;

pub use statuses::{CommitStatus, State};

/// Version of the API that is asked for.
const VERSION: &str = "2022-11-28";

/// The API of one GitHub, about one repository.
pub struct GitHub {
    settings: GithubSettings,
    options: Options,
    pause: Pause,
    /// Made when it is first needed.
    client: Mutex<Option<Client>>,
}

impl GitHub {
    /// A client as `settings` say. Nothing is sent yet.
    #[must_use]
    pub fn new(settings: GithubSettings) -> Self {
        Self {
            settings,
            options: Options::default(),
            pause: Pause::default(),
            client: Mutex::default(),
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
    fn repository(&self) -> Result<&str> {
        self.settings.repository.as_deref().ok_or_else(|| {
            Error::usage("which repository of GitHub this is, is not known")
                .hint("set GITHUB_REPOSITORY to OWNER/NAME, or use a remote at GitHub")
        })
    }

    /// Asks for `url`. The answer has a status of success; `None` is a question
    /// about what GitHub does not know, such as a commit that is not pushed.
    async fn get(&self, url: Url) -> Result<Option<Answer>> {
        let client = self.client()?;
        let request = client.inner().get(url).headers(self.headers()?).build();
        let request = request.map_err(|error| {
            Error::internal("GitHub cannot be asked").because(error.without_url())
        })?;
        let answer = client.send_safe(request).await.map_err(|failure| {
            Error::from(failure).hint("is GITHUB_API_URL the API of your GitHub?")
        })?;
        match answer.status {
            status if status.is_success() => Ok(Some(answer)),
            StatusCode::UNPROCESSABLE_ENTITY => Ok(None),
            _refused => Err(refused::explain(&answer, self.settings.token.is_some())),
        }
    }

    fn client(&self) -> Result<Client> {
        let mut kept = self.client.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(client) = &*kept {
            return Ok(client.clone());
        }
        let client = Client::new(&self.options)?.with_pause(self.pause.clone());
        *kept = Some(client.clone());
        Ok(client)
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
