//! Amazon: where its services are, its credentials, and the signature of a request
//! (Signature Version 4).

mod refused;
mod sts;

use std::borrow::Cow;
use std::fmt;
use std::time::{Duration, SystemTime};

use aws_credential_types::Credentials;
use aws_sigv4::http_request::{SignableBody, SignableRequest, SigningSettings, sign};
use aws_sigv4::sign::v4;
use jiff::{SignedDuration, Timestamp};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use reqwest::Request;
use reqwest::header::{AUTHORIZATION, CONTENT_TYPE, HeaderName, HeaderValue};
use secrecy::{ExposeSecret as _, SecretString};
use tokio::sync::Mutex;
use url::Url;

use crate::cli::environment;
use crate::error::{Error, Result};
use crate::settings::{AwsSettings, Clock, WebIdentity};

pub(super) use refused::refused;

/// Keys that end within this are fetched anew.
const SLACK: SignedDuration = SignedDuration::from_mins(2);

/// As long nobody is asked again who did not give keys.
const AFTER_FAILURE: SignedDuration = SignedDuration::from_secs(30);

/// What stands as it is in a query that is signed: letters, digits and `-._~`.
const UNRESERVED: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'.')
    .remove(b'_')
    .remove(b'~');

/// A service of AWS, as a signature and its permissions name it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Service {
    /// Its name in signatures: `monitoring`, `aps`.
    pub name: &'static str,
    /// The permission that a query needs: `cloudwatch:GetMetricData`.
    pub action: &'static str,
    /// Such as `eu-west-1`.
    pub region: String,
}

impl Service {
    /// CloudWatch.
    #[must_use]
    pub fn cloudwatch(region: &str) -> Self {
        Self {
            name: "monitoring",
            action: "cloudwatch:GetMetricData",
            region: region.to_owned(),
        }
    }

    /// Amazon Managed Service for Prometheus.
    #[must_use]
    pub fn prometheus(region: &str) -> Self {
        Self {
            name: "aps",
            action: "aps:QueryMetrics",
            region: region.to_owned(),
        }
    }
}

/// The address of `service` in `region`: `https://monitoring.eu-west-1.amazonaws.com/`.
///
/// # Errors
/// [`Kind::Document`](crate::error::Kind::Document) when `region` cannot be part of a
/// host's name.
pub fn endpoint(service: &str, region: &str) -> Result<Url> {
    let part = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    let text = match !region.is_empty() && region.chars().all(part) {
        true => format!("https://{service}.{region}.{}/", domain(region)),
        false => String::new(),
    };
    Url::parse(&text).map_err(|_no_region| {
        Error::document(format!("`{}` is no region of AWS", region.escape_debug()))
            .hint("it looks like eu-west-1")
    })
}

/// Where the services of a region are: each partition of AWS has its own domain.
fn domain(region: &str) -> &'static str {
    match region.split('-').next() {
        Some("cn") => "amazonaws.com.cn",
        Some("eusc") => "amazonaws.eu",
        _ => "amazonaws.com",
    }
}

/// The region of `host`, if it is the own one of `service`:
/// `aps-workspaces.eu-west-1.amazonaws.com`, `aps-workspaces-fips.…`, `….api.aws`.
pub(super) fn region_of(service: &str, host: &str) -> Option<String> {
    let rest = host.strip_prefix(service)?;
    let rest = rest.strip_prefix("-fips").unwrap_or(rest);
    let (region, found) = rest.strip_prefix('.')?.split_once('.')?;
    let own = found == domain(region) || found == "api.aws";
    (own && endpoint(service, region).is_ok()).then(|| region.to_owned())
}

/// What signs.
#[derive(Clone)]
struct Keys {
    id: String,
    secret: SecretString,
    token: Option<SecretString>,
    /// `None` when nobody says.
    ends: Option<Timestamp>,
}

/// The last exchange of a token for keys.
enum Exchanged {
    Never,
    Keys(Keys),
    Failed(Error, Timestamp),
}

/// Where keys come from, in order: the environment's own, else a role for its token.
pub struct Chain {
    settings: AwsSettings,
    clock: Option<Clock>,
    exchanged: Mutex<Exchanged>,
}

impl Chain {
    pub(super) fn new(settings: &AwsSettings, clock: Option<Clock>) -> Self {
        Self {
            settings: settings.clone(),
            clock,
            exchanged: Mutex::new(Exchanged::Never),
        }
    }

    /// Where the keys come from, for hints.
    pub(super) fn source(&self) -> &'static str {
        match self.settings.key.is_some() {
            true => environment::AWS_ACCESS_KEY_ID,
            false => environment::AWS_ROLE_ARN,
        }
    }

    /// Signs `request` for `service`, as of now.
    pub(super) async fn sign(&self, request: &mut Request, service: &Service) -> Result<()> {
        let clock = self
            .clock
            .ok_or_else(|| Error::internal("nobody says what time it is"))?;
        let keys = self.keys(clock.now()).await?;
        signed(request, &keys, service, clock.now())
    }

    async fn keys(&self, now: Timestamp) -> Result<Keys> {
        let settings = &self.settings;
        if let Some((id, secret)) = &settings.key {
            return Ok(Keys {
                id: id.clone(),
                secret: secret.clone(),
                token: settings.session_token.clone(),
                ends: None,
            });
        }
        match &settings.web_identity {
            Some(identity) => self.exchange(identity, now).await,
            None => Err(
                Error::usage("there are no credentials for AWS").hint(format!(
                    "run aws-actions/configure-aws-credentials before, set {} and {}, or {} and {}",
                    environment::AWS_ACCESS_KEY_ID,
                    environment::AWS_SECRET_ACCESS_KEY,
                    environment::AWS_ROLE_ARN,
                    environment::AWS_WEB_IDENTITY_TOKEN_FILE
                )),
            ),
        }
    }

    /// Keys of a role, kept until they end. One exchange at a time, so that all who wait
    /// get the keys of the first.
    async fn exchange(&self, identity: &WebIdentity, now: Timestamp) -> Result<Keys> {
        let mut exchanged = self.exchanged.lock().await;
        match &*exchanged {
            Exchanged::Keys(keys) if !ends_within(keys, now, SLACK) => return Ok(keys.clone()),
            Exchanged::Failed(error, at) if now.duration_since(*at) < AFTER_FAILURE => {
                return Err(error.again());
            }
            Exchanged::Never | Exchanged::Keys(_) | Exchanged::Failed(..) => {}
        }
        let address = match (&self.settings.sts, &self.settings.region) {
            (Some(address), _) => Ok(address.clone()),
            (None, Some(region)) => endpoint("sts", region),
            (None, None) => Err(Error::usage(format!(
                "a role of AWS is taken in a region, and {} is not set",
                environment::AWS_REGION
            ))),
        };
        let result = match address {
            Ok(address) => sts::exchange(&address, identity).await,
            Err(error) => Err(error),
        };
        let kept = match &result {
            Ok(keys) => Exchanged::Keys(keys.clone()),
            Err(error) => Exchanged::Failed(error.again(), now),
        };
        *exchanged = kept;
        result
    }
}

fn ends_within(keys: &Keys, now: Timestamp, slack: SignedDuration) -> bool {
    keys.ends
        .is_some_and(|ends| ends.duration_since(now) <= slack)
}

/// Puts the signature of `keys` into `request`.
fn signed(request: &mut Request, keys: &Keys, service: &Service, at: Timestamp) -> Result<()> {
    let unsigned = |error: &dyn std::error::Error| {
        Error::internal("the request cannot be signed").because(error.to_string())
    };
    spell_out(request.url_mut());
    request.headers_mut().remove(AUTHORIZATION);
    let credentials = Credentials::new(
        keys.id.clone(),
        keys.secret.expose_secret(),
        keys.token
            .as_ref()
            .map(|token| token.expose_secret().to_owned()),
        None,
        "weirkeeper",
    );
    let identity = credentials.into();
    let parameters = v4::SigningParams::builder()
        .identity(&identity)
        .region(&service.region)
        .name(service.name)
        .time(SystemTime::from(at))
        .settings(SigningSettings::default())
        .build()
        .map_err(|error| unsigned(&error))?
        .into();
    let instructions = {
        let wanted = [CONTENT_TYPE, HeaderName::from_static("x-amz-target")];
        let headers = wanted.iter().filter_map(|name| {
            let value = request.headers().get(name)?.to_str().ok()?;
            Some((name.as_str(), value))
        });
        let body = match request.body().map(reqwest::Body::as_bytes) {
            Some(Some(bytes)) => SignableBody::Bytes(bytes),
            None => SignableBody::empty(),
            Some(None) => return Err(Error::internal("a request that is signed has a stream")),
        };
        let address = Cow::from(request.url().as_str());
        let signable = SignableRequest::new(request.method().as_str(), address, headers, body)
            .map_err(|error| unsigned(&error))?;
        let output = sign(signable, &parameters).map_err(|error| unsigned(&error))?;
        output.into_parts().0
    };
    for (name, value) in instructions.headers() {
        let name = HeaderName::from_bytes(name.as_bytes()).map_err(|error| unsigned(&error))?;
        let mut value = HeaderValue::from_str(value).map_err(|_quotes_the_token| {
            Error::usage(format!(
                "the credentials of {} hold characters that no header can",
                environment::AWS_ACCESS_KEY_ID
            ))
        })?;
        value.set_sensitive(true);
        request.headers_mut().insert(name, value);
    }
    Ok(())
}

/// Writes the query as signatures see it: a space as `%20`, not `+`, which AWS takes for
/// itself.
fn spell_out(url: &mut Url) {
    if url.query().is_none_or(str::is_empty) {
        return;
    }
    let encoded = |text: &str| utf8_percent_encode(text, UNRESERVED).to_string();
    let pairs: Vec<String> = url
        .query_pairs()
        .map(|(name, value)| format!("{}={}", encoded(&name), encoded(&value)))
        .collect();
    url.set_query(Some(&pairs.join("&")));
}

/// Limit of one attempt of an exchange.
const TIMEOUT: Duration = Duration::from_secs(10);

/// Without keys.
impl fmt::Debug for Chain {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Chain").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
