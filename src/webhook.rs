//! Webhooks: how gates are asked and hooks are told
//! (Flagger: `webhook.go`, `callWebhook`).
//!
//! A webhook is a `POST` of a [`Payload`]. Any status from 200 to 299 passes,
//! any other refuses. What is no answer at all refuses, too, and says so in
//! [`WebhookAnswer::failure`]: nobody there, a certificate that is not trusted,
//! a redirect that would lose the payload, a web page.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use jiff::Timestamp;
use reqwest::{Request, StatusCode};
use serde::Serialize;
use sha2::{Digest as _, Sha256};
use url::Url;

use crate::api::{Canary, Phase, Status, Webhook};
use crate::decide::{Event, EventType, WebhookAnswer};
use crate::error::{Error, Result};
use crate::http::{Answer, Client, Failure, Options, Pause, masked};

/// The first wait between two attempts; each further one is twice as long.
const FIRST_WAIT: Duration = Duration::from_secs(1);

/// The longest wait between two attempts.
const LONGEST_WAIT: Duration = Duration::from_secs(30);

/// The longest `Retry-After` that is waited for.
const LONGEST_RETRY_AFTER: Duration = Duration::from_secs(60);

/// Limit for the body of an answer in bytes.
const MAX_BODY: usize = 1 << 20;

/// What a webhook is sent (Flagger: `CanaryWebhookPayload`).
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Payload {
    /// Name of the Canary.
    pub name: String,
    /// Namespace of the Canary; empty when its document has none.
    pub namespace: String,
    /// Phase; empty before the first tick.
    pub phase: String,
    /// Identifies the released configuration, see [`checksum`].
    pub checksum: String,
    /// `metadata` of the webhook; left out when empty.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub metadata: BTreeMap<String, String>,
}

impl Payload {
    /// The payload of `webhook` for `canary` in `phase`; `status` is that of
    /// the release.
    #[must_use]
    pub fn new(
        canary: &Canary,
        status: Option<&Status>,
        phase: Option<Phase>,
        webhook: &Webhook,
    ) -> Self {
        Self {
            name: canary.metadata.name.clone(),
            namespace: canary.metadata.namespace.clone().unwrap_or_default(),
            phase: phase.map(|phase| phase.to_string()).unwrap_or_default(),
            checksum: checksum(status),
            metadata: webhook.metadata(),
        }
    }

    /// The same with what happened: `eventMessage`, `eventType` and
    /// `timestamp`, in milliseconds since 1970 as text. The metadata of the
    /// webhook cannot override them.
    #[must_use]
    pub fn with_event(mut self, event: &Event, now: Timestamp) -> Self {
        let kind = match event.kind {
            EventType::Normal => "Normal",
            EventType::Warning => "Warning",
        };
        for (key, value) in [
            ("eventMessage", event.message.clone()),
            ("eventType", kind.to_owned()),
            ("timestamp", now.as_millisecond().to_string()),
        ] {
            self.metadata.insert(key.to_owned(), value);
        }
        self
    }
}

/// A short checksum of the released configuration: `lastAppliedSpec` and
/// `trackedConfigs`. The same configuration always has the same.
#[must_use]
pub fn checksum(status: Option<&Status>) -> String {
    let mut digest = Sha256::new();
    let mut add = |text: &str| {
        digest.update(text.len().to_be_bytes());
        digest.update(text);
    };
    if let Some(status) = status {
        add(&status.last_applied_spec);
        for (name, checksum) in &status.tracked_configs {
            add(name);
            add(checksum);
        }
    }
    let digest = digest.finalize();
    digest[..6].iter().map(|b| format!("{b:02x}")).collect()
}

/// Calls webhooks. Cheap to clone; clones share connections.
#[derive(Debug, Clone)]
pub struct Webhooks {
    options: Options,
    pause: Pause,
    /// By whether certificates are taken as they are.
    clients: Arc<Mutex<BTreeMap<bool, Client>>>,
}

impl Default for Webhooks {
    fn default() -> Self {
        Self::new(Options::default())
    }
}

impl Webhooks {
    /// Calls webhooks with the trust and the proxies of `options`; its limits
    /// and retries do not count here.
    #[must_use]
    pub fn new(options: Options) -> Self {
        let options = Options {
            // The limit of each attempt holds for its connection, too.
            connect_timeout: Duration::from_secs(3600),
            max_body: MAX_BODY,
            keep_method: true,
            ..options
        };
        Self {
            options,
            pause: Pause::default(),
            clients: Arc::default(),
        }
    }

    /// Waits between attempts by `pause` instead of sleeping.
    #[must_use]
    pub fn with_pause(mut self, pause: Pause) -> Self {
        self.pause = pause;
        self.clients = Arc::default();
        self
    }

    /// Calls `webhook`: once, and up to [`Webhook::retries`] more times while
    /// the connection fails or the status is 429 or 5xx except 501. The waits
    /// are 1 s, 2 s, 4 s … 30 s; a longer `Retry-After` of up to 60 s is
    /// honoured, and beyond that nothing is repeated.
    ///
    /// Credentials in the URL are sent to its host as Basic authorization and
    /// never shown.
    ///
    /// # Errors
    /// [`Kind::Document`](crate::error::Kind::Document) when the URL is none,
    /// [`Kind::Usage`](crate::error::Kind::Usage) when the system has no
    /// certificate authorities. No answer is none of them.
    pub async fn call(&self, webhook: &Webhook, payload: &Payload) -> Result<WebhookAnswer> {
        let url = Url::parse(&webhook.url).map_err(|error| {
            Error::document(format!("the URL of the webhook {} is none", webhook.name))
                .because(error)
        })?;
        let client = self.client(webhook.skips_verify())?;
        let outcome = attempts(&client, &url, webhook, payload).await?;
        tracing::debug!(
            url = masked(&url),
            webhook = webhook.name,
            "called a webhook"
        );
        Ok(judge(&url, outcome, limit(webhook)))
    }

    fn client(&self, skip_verify: bool) -> Result<Client> {
        let mut clients = self.clients.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(client) = clients.get(&skip_verify) {
            return Ok(client.clone());
        }
        let options = Options {
            insecure_skip_verify: skip_verify || self.options.insecure_skip_verify,
            ..self.options.clone()
        };
        let client = Client::new(&options)?.with_pause(self.pause.clone());
        clients.insert(skip_verify, client.clone());
        Ok(client)
    }
}

fn limit(webhook: &Webhook) -> Duration {
    webhook.timeout().try_into().unwrap_or_default()
}

/// Sends the payload until there is an answer to keep.
async fn attempts(
    client: &Client,
    url: &Url,
    webhook: &Webhook,
    payload: &Payload,
) -> Result<Result<Answer, Failure>> {
    let mut wait = FIRST_WAIT;
    let mut tries = 1;
    loop {
        let request = request(client, url, webhook, payload)?;
        let outcome = client.send_within(request, limit(webhook)).await;
        let left = tries <= webhook.retries();
        let Some(asked) = again(&outcome).filter(|asked| left && *asked <= LONGEST_RETRY_AFTER)
        else {
            return Ok(match outcome {
                Ok(answer) => Ok(Answer { tries, ..answer }),
                Err(failure) => Err(Failure { tries, ..failure }),
            });
        };
        client.wait(wait.max(asked)).await;
        wait = (wait * 2).min(LONGEST_WAIT);
        tries += 1;
    }
}

fn request(client: &Client, url: &Url, webhook: &Webhook, payload: &Payload) -> Result<Request> {
    let request = client.inner().post(url.clone()).json(payload).build();
    request.map_err(|error| {
        Error::document(format!("the webhook {} cannot be called", webhook.name))
            .because(error.without_url())
    })
}

/// Is `outcome` worth another attempt, and after what wait at least
/// (`go-retryablehttp`, `DefaultRetryPolicy`)?
fn again(outcome: &Result<Answer, Failure>) -> Option<Duration> {
    match outcome {
        Err(failure) => failure.is_transient().then_some(Duration::ZERO),
        Ok(answer) => {
            let status = answer.status;
            let transient = status == StatusCode::TOO_MANY_REQUESTS
                || (status.is_server_error() && status != StatusCode::NOT_IMPLEMENTED);
            transient.then(|| answer.retry_after().unwrap_or_default())
        }
    }
}

/// What came back, as the decision counts it and as the run reports it.
fn judge(url: &Url, outcome: Result<Answer, Failure>, limit: Duration) -> WebhookAnswer {
    let none = |answer: String, failure: String| WebhookAnswer {
        passed: false,
        answer,
        failure: Some(failure),
    };
    let shown = masked(url);
    match outcome {
        Err(failure) => {
            let what = failure.told(limit);
            let text = format!("{shown}: {what}");
            none(what, text)
        }
        Ok(answer) => match (answer.redirect(), answer.is_web_page()) {
            (Some(target), _) => none(
                format!("redirects to {target} ({})", answer.status_text()),
                format!(
                    "{shown} redirects to {target}, which is not followed; \
                     give that address if it is the right one"
                ),
            ),
            (None, true) if answer.status.is_success() => none(
                format!("a web page instead of an answer ({})", answer.status_text()),
                format!(
                    "{shown} answered with a web page, such as a login page or an ingress's default"
                ),
            ),
            (None, _) => WebhookAnswer {
                passed: answer.status.is_success(),
                answer: in_a_few_words(&answer),
                failure: None,
            },
        },
    }
}

/// `403 Forbidden: closed by alice`
fn in_a_few_words(answer: &Answer) -> String {
    let mut words = answer.status_text();
    if answer.tries > 1 {
        words.push_str(&format!(", {} tries", answer.tries));
    }
    let refused = !answer.status.is_success();
    match answer.excerpt() {
        excerpt if refused && !excerpt.is_empty() && !answer.is_html() => {
            format!("{words}: {excerpt}")
        }
        _ => words,
    }
}

#[cfg(test)]
mod tests;
