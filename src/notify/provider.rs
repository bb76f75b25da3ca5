//! Sends an alert to whom an AlertProvider names.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use secrecy::{ExposeSecret as _, SecretString};
use serde_json::Value;
use url::Url;

use super::alert::Message;
use super::format;
use crate::api::{AlertProvider, AlertProviderSpec};
use crate::error::{Error, Result};
use crate::http::{Answer, Client, Options, Retry};
use crate::settings::Secrets;

/// Longest limit for one alert (Flagger: `client.go`, `postMessage`).
const TIMEOUT: Duration = Duration::from_secs(5);

/// Limit for the body of an answer in bytes.
const MAX_BODY: usize = 64 << 10;

/// The clients, one for each proxy.
#[derive(Debug)]
pub(super) struct Clients {
    options: Options,
    by_proxy: Mutex<BTreeMap<Option<Url>, Client>>,
}

/// Where an alert goes. Never shown in full: the path of such an address is a
/// secret.
struct Receiver {
    address: Url,
    token: Option<SecretString>,
}

impl Clients {
    /// Clients with the trust and the proxies of `options`.
    pub(super) fn new(options: Options) -> Self {
        let limit = options.timeout.min(TIMEOUT);
        let options = Options {
            connect_timeout: limit,
            timeout: limit,
            max_body: MAX_BODY,
            retry: Retry {
                tries: 1,
                ..options.retry
            },
            keep_method: true,
            ..options
        };
        Self {
            options,
            by_proxy: Mutex::default(),
        }
    }

    /// Sends `message` as `provider` wants it.
    ///
    /// # Errors
    /// [`Kind::Usage`](crate::error::Kind::Usage) when its Secret or proxy
    /// cannot be used, [`Kind::Document`](crate::error::Kind::Document) when
    /// its type or address is none, [`Kind::Remote`](crate::error::Kind::Remote)
    /// when it did not take the message.
    pub(super) async fn send(
        &self,
        provider: &AlertProvider,
        message: &Message<'_>,
        secrets: &Secrets,
    ) -> Result<()> {
        let spec = &provider.spec;
        let mut receiver = receiver(spec, secrets)?;
        let body = match spec.kind.as_str() {
            "slack" => format::slack(message, spec),
            "discord" => {
                receiver.address = slack_compatible(receiver.address);
                format::discord(message, spec)
            }
            "rocket" => format::rocket(message, spec),
            "msteams" => format::teams(message),
            "gchat" => format::google_chat(message),
            AlertProviderSpec::WEBHOOK => format::plain(message),
            other => {
                return Err(Error::document(format!(
                    "nobody knows the type `{}`",
                    other.escape_debug()
                )));
            }
        };
        let client = self.client(proxy(spec)?)?;
        post(&client, &receiver, &body, self.options.timeout).await
    }

    fn client(&self, proxy: Option<Url>) -> Result<Client> {
        let mut clients = self.by_proxy.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(client) = clients.get(&proxy) {
            return Ok(client.clone());
        }
        let client = Client::new(&Options {
            proxy: proxy.clone(),
            ..self.options.clone()
        })?;
        clients.insert(proxy, client.clone());
        Ok(client)
    }
}

/// The address, and for Slack the token. A Secret's token goes to no other
/// address than the Secret's.
fn receiver(spec: &AlertProviderSpec, secrets: &Secrets) -> Result<Receiver> {
    let Some(reference) = &spec.secret_ref else {
        let address = spec.address.as_deref().unwrap_or_default();
        let address = http_url(address)
            .ok_or_else(|| Error::document("spec.address is no http or https address"))?;
        let token = None;
        return Ok(Receiver { address, token });
    };
    let name = &reference.name;
    let address = secrets.get(name, "address")?.ok_or_else(|| {
        Error::usage(format!(
            "the Secret {name} with the key `address` is not given"
        ))
        .hint(Secrets::how_to_give(name, "address"))
    })?;
    let address = http_url(address.expose_secret()).ok_or_else(|| {
        Error::usage(format!(
            "the key `address` of the Secret {name} is no http or https address"
        ))
    })?;
    let token = match spec.kind.as_str() {
        "slack" => secrets.get(name, "token")?,
        _ => None,
    };
    Ok(Receiver { address, token })
}

fn proxy(spec: &AlertProviderSpec) -> Result<Option<Url>> {
    let proxy = spec.proxy.as_deref().filter(|text| !text.is_empty());
    proxy
        .map(|text| {
            http_url(text).ok_or_else(|| Error::document("spec.proxy is no http or https address"))
        })
        .transpose()
}

fn http_url(text: &str) -> Option<Url> {
    let url = Url::parse(text.trim()).ok()?;
    matches!(url.scheme(), "http" | "https").then_some(url)
}

/// Discord takes messages for Slack below its own address
/// (Flagger: `discord.go`, `NewDiscord`).
fn slack_compatible(mut address: Url) -> Url {
    let path = address.path().trim_end_matches('/');
    if !path.ends_with("/slack") {
        address.set_path(&format!("{path}/slack"));
    }
    address
}

async fn post(client: &Client, receiver: &Receiver, body: &Value, limit: Duration) -> Result<()> {
    let shown = origin(&receiver.address);
    let mut request = client.inner().post(receiver.address.clone()).json(body);
    if let Some(token) = &receiver.token {
        request = request.bearer_auth(token.expose_secret().trim());
    }
    let request = request.build().map_err(|_quotes_the_secret| {
        Error::usage("the token holds characters that no header can")
    })?;
    match client.send(request).await {
        Err(failure) => Err(Error::remote(format!("{shown}: {}", failure.told(limit)))),
        Ok(answer) => match refusal(&answer) {
            Some(what) => Err(Error::remote(format!("{shown} {what}"))),
            None => Ok(()),
        },
    }
}

/// Scheme, host and port.
fn origin(address: &Url) -> String {
    address.origin().ascii_serialization()
}

/// Why `answer` does not mean that the message was taken.
fn refusal(answer: &Answer) -> Option<String> {
    if answer.redirect().is_some() {
        return Some("redirects to another address, which is not followed".to_owned());
    }
    let status = answer.status_text();
    if !answer.status.is_success() {
        return Some(match answer.excerpt() {
            excerpt if excerpt.is_empty() || answer.is_html() => format!("answered {status}"),
            excerpt => format!("answered {status}: {excerpt}"),
        });
    }
    if answer.is_web_page() {
        return Some("answered with a web page".to_owned());
    }
    // Slack's Web API says 200 to everything.
    let body: Value = serde_json::from_slice(&answer.body).ok()?;
    let error = body.get("error").and_then(Value::as_str).unwrap_or("no");
    let refused = body.get("ok").and_then(Value::as_bool) == Some(false);
    refused.then(|| format!("answered {status}: {error}"))
}
