//! Who is asked: addresses, credentials, and a client for each server.

mod clouds;
mod others;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use url::Url;

use super::Subject;
use super::metrics::cloud::{Cloud, Host, Service, Signer};
use super::metrics::prometheus::Credentials;
use super::metrics::{Prometheus, PrometheusConfig, Provider};
use crate::api::{MetricProvider, MetricTemplate};
use crate::cli::{PrometheusAuth, environment};
use crate::error::{Error, Result};
use crate::http::masked;
use crate::settings::{MetricsSettings, Secrets, address};

/// Clients by server, kept, so that each server is connected to once.
#[derive(Debug)]
pub(super) struct Clients {
    settings: MetricsSettings,
    cloud: Cloud,
    known: Mutex<BTreeMap<String, Arc<Prometheus>>>,
    others: Mutex<BTreeMap<String, Provider>>,
}

impl Clients {
    /// Clients that ask as `settings` say.
    pub(super) fn new(settings: MetricsSettings) -> Self {
        Self {
            cloud: Cloud::new(&settings.cloud),
            settings,
            known: Mutex::default(),
            others: Mutex::default(),
        }
    }

    /// The Prometheus for what names none itself: `spec.metricsServer`, else
    /// the default.
    pub(super) fn default_client(&self, subject: &Subject<'_>) -> Result<Option<Arc<Prometheus>>> {
        let named = subject.canary.spec.metrics_server.as_deref();
        match self.address(named, "spec.metricsServer")? {
            Some(address) => self.client(self.config(address), "").map(Some),
            None => Ok(None),
        }
    }

    /// Who answers the query of the template of the metric at `index`.
    pub(super) fn template_client(
        &self,
        subject: &Subject<'_>,
        index: usize,
    ) -> Result<Option<Provider>> {
        let Some(template) = subject.templates.get(&index) else {
            return Ok(None);
        };
        match template.spec.provider.kind == MetricProvider::PROMETHEUS {
            true => {
                let prometheus = self.template_prometheus(template)?;
                Ok(prometheus.map(Provider::Prometheus))
            }
            false => self.other(template).map(Some),
        }
    }

    fn template_prometheus(&self, template: &MetricTemplate) -> Result<Option<Arc<Prometheus>>> {
        let provider = &template.spec.provider;
        let what = in_template(template, "address");
        let Some(address) = self.address(provider.address.as_deref(), &what)? else {
            return Ok(None);
        };
        let mut config = self.config(address);
        let whose = whose(template);
        if self.settings.asks_only_named {
            return self.client(config, &whose).map(Some);
        }
        if let Some(headers) = &provider.headers {
            config.headers.extend(headers.clone());
        }
        // Nobody but the settings decides whom our own credentials trust.
        let skip_verify =
            provider.insecure_skip_verify.unwrap_or(false) && !self.is_named(&config.address);
        config.insecure_skip_verify = skip_verify;
        self.apply_secret(provider, &mut config)?;
        self.client(config, &whose).map(Some)
    }

    /// Credentials of a template's Secret: `token`, or `username` and
    /// `password` (Flagger: `prometheus.go`).
    fn apply_secret(&self, provider: &MetricProvider, config: &mut PrometheusConfig) -> Result<()> {
        let Some(reference) = &provider.secret_ref else {
            return Ok(());
        };
        let name = &reference.name;
        if !self.settings.trusts_documents && !self.is_named(&config.address) {
            return Err(not_sent(name, &config.address));
        }
        let secrets = &self.settings.secrets;
        let username = secrets.get(name, "username")?;
        let credentials = match (secrets.get(name, "token")?, username) {
            (Some(token), _) => Credentials::Bearer(token),
            (None, Some(user)) => Credentials::Basic {
                user: secrecy::ExposeSecret::expose_secret(&user).to_owned(),
                password: secrets.get(name, "password")?.unwrap_or_default(),
            },
            (None, None) => {
                return Err(Error::usage(format!("the Secret {name} is not given"))
                    .hint(Secrets::how_to_give(name, "token")));
            }
        };
        config.credentials = Some(credentials);
        config.credentials_from = Some(format!("the Secret {name}"));
        Ok(())
    }

    /// The address a document names, replaced if the settings say so, else the
    /// default.
    ///
    /// # Errors
    /// When it is none, or may not be asked: see [`MetricsSettings::asks_only_named`].
    fn address(&self, named: Option<&str>, what: &str) -> Result<Option<Url>> {
        let Some(named) = named.filter(|named| !named.is_empty()) else {
            return Ok(self.settings.default.clone());
        };
        let named = address(what, named)
            .map_err(|error| Error::document(error.message()).because(error))?;
        match self.settings.replaced.get(named.as_str()) {
            Some(replaced) => Ok(Some(replaced.clone())),
            None if self.settings.asks_only_named && !self.is_given(&named) => {
                let shown = masked(&named);
                Err(
                    Error::usage(format!("{shown} is not asked, which only a document names"))
                        .hint(format!(
                            "name it with --prometheus, or another one for it as {shown}=URL"
                        )),
                )
            }
            None => Ok(Some(named)),
        }
    }

    /// Is it, to the letter, an address of the settings? Another path of the same
    /// server may be another tenant, or no Prometheus.
    fn is_given(&self, address: &Url) -> bool {
        let given = self.settings.default.iter();
        let plain = |url: &Url| url.as_str().trim_end_matches('/').to_owned();
        given
            .chain(self.settings.replaced.values())
            .any(|known| plain(known) == plain(address))
    }

    /// How to reach `address`. Credentials of the settings go only to servers
    /// that the settings name.
    fn config(&self, address: Url) -> PrometheusConfig {
        let settings = &self.settings;
        let ours = self.is_named(&address);
        let mut config = PrometheusConfig::new(address);
        config.timeout = settings.timeout;
        if !ours {
            return config;
        }
        let given = &settings.credentials;
        config.credentials = match (&given.token, &given.basic) {
            (Some(token), _) => Some(Credentials::Bearer(token.clone())),
            (None, Some((user, password))) => Some(Credentials::Basic {
                user: user.clone(),
                password: password.clone(),
            }),
            (None, None) => None,
        };
        config.credentials_from = Some(format!(
            "the environment variable {}",
            match given.basic.is_some() {
                true => environment::PROMETHEUS_PASSWORD,
                false => environment::PROMETHEUS_TOKEN,
            }
        ));
        for (name, value) in &given.headers {
            let value = secrecy::ExposeSecret::expose_secret(value).to_owned();
            config.headers.entry(name.clone()).or_default().push(value);
        }
        config.ca.clone_from(&given.ca);
        if let Some((certificate, key)) = &given.identity {
            config.certificate = Some(certificate.clone());
            config.key = Some(key.clone());
        }
        config
    }

    /// What proves who asks at `address` when the settings and the document say nothing:
    /// the cloud's own hosts want it, and those of the settings if these say so. Nobody
    /// else gets anything of the environment.
    fn signer(&self, address: &Url) -> Result<Option<Signer>> {
        let host = Host::of(address);
        let said = self.settings.prometheus_auth;
        let said = said.filter(|_| self.is_named(address));
        let aws = |region: &str| Some(self.cloud.aws(Service::prometheus(region)));
        Ok(match (said, host) {
            (Some(PrometheusAuth::Google), _) | (None, Some(Host::CloudMonitoring)) => {
                Some(self.cloud.google())
            }
            (_, Some(Host::ManagedPrometheus { region })) => aws(&region),
            (Some(PrometheusAuth::Sigv4), _) => {
                let region = self.cloud.settings().aws.region.as_deref();
                aws(region.ok_or_else(|| {
                    Error::usage(format!(
                        "--prometheus-auth sigv4 needs a region: {} is not set",
                        environment::AWS_REGION
                    ))
                })?)
            }
            (None, None) => None,
        })
    }

    /// Do the settings name this server?
    fn is_named(&self, address: &Url) -> bool {
        let default = self.settings.default.iter();
        default
            .chain(self.settings.replaced.values())
            .any(|known| known.origin() == address.origin())
    }

    /// The client for `config`, made once for each address and what a template
    /// adds to it.
    fn client(&self, mut config: PrometheusConfig, template: &str) -> Result<Arc<Prometheus>> {
        if !config.says_who_asks() {
            config.signer = self.signer(&config.address)?;
        }
        let key = format!("{} {template}", config.address);
        kept(&self.known, key, || Prometheus::new(&config).map(Arc::new))
    }
}

/// What is known by `key`, made if it is not.
fn kept<T: Clone>(
    known: &Mutex<BTreeMap<String, T>>,
    key: String,
    make: impl FnOnce() -> Result<T>,
) -> Result<T> {
    let mut known = known.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(client) = known.get(&key) {
        return Ok(client.clone());
    }
    let client = make()?;
    known.insert(key, client.clone());
    Ok(client)
}

/// A field of a template's provider, as it is told of.
fn in_template(template: &MetricTemplate, field: &str) -> String {
    let name = &template.metadata.name;
    format!("MetricTemplate {name}, spec.provider.{field}")
}

/// Tells the clients of templates apart.
fn whose(template: &MetricTemplate) -> String {
    let metadata = &template.metadata;
    let namespace = metadata.namespace.as_deref().unwrap_or_default();
    format!("{namespace}/{}", metadata.name)
}

/// The Secret stays here.
fn not_sent(name: &str, address: &Url) -> Error {
    Error::usage(format!(
        "the Secret {name} is not sent to {}, which only a document names",
        masked(address)
    ))
    .hint(
        "name the address with --prometheus, as ADDRESS=ADDRESS where it is not the default; step, \
         which reads the pushed branch, sends it",
    )
}

#[cfg(test)]
mod tests;
