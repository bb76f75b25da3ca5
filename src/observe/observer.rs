//! Runs probes: finds out who to ask, asks at once, and brings the answers.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use futures_util::future::join_all;
use jiff::{SignedDuration, Timestamp};
use url::Url;

use super::metrics::prometheus::Credentials;
use super::metrics::{Prometheus, PrometheusConfig, http_query, http_requests};
use super::readiness::{Measured, readiness};
use crate::api::{Canary, Metric, MetricProvider, MetricTemplate, Phase, ReadinessFrom};
use crate::cli::environment;
use crate::decide::{
    Answer, Answers, MetricAnswer, MetricSource, Probe, Readiness, WebhookAnswer, Workload,
};
use crate::error::{Error, Result};
use crate::http::masked;
use crate::settings::{MetricsSettings, Secrets, address};
use crate::template::{QueryVars, render_query};
use crate::webhook::{Payload, Webhooks};

/// What the questions are about.
#[derive(Debug, Clone, Copy)]
pub struct Subject<'a> {
    /// The Canary.
    pub canary: &'a Canary,
    /// The MetricTemplate of each metric that has one, by position.
    pub templates: &'a BTreeMap<usize, MetricTemplate>,
}

/// Asks Prometheus and the gates. Clients are kept, so that each server is
/// connected to once.
#[derive(Debug)]
pub struct Observer {
    settings: MetricsSettings,
    webhooks: Webhooks,
    clients: Mutex<BTreeMap<String, Arc<Prometheus>>>,
}

impl Observer {
    /// An observer that asks as `settings` say.
    #[must_use]
    pub fn new(settings: MetricsSettings) -> Self {
        Self {
            settings,
            webhooks: Webhooks::default(),
            clients: Mutex::default(),
        }
    }

    /// Calls webhooks by `webhooks`.
    #[must_use]
    pub fn with_webhooks(mut self, webhooks: Webhooks) -> Self {
        self.webhooks = webhooks;
        self
    }

    /// Answers every probe, all at the same time, as of `now`.
    ///
    /// A webhook that cannot be reached is answered, see
    /// [`WebhookAnswer::failure`].
    ///
    /// # Errors
    /// When one of them cannot be answered: nobody to ask, no answer of
    /// Prometheus, a query that cannot be rendered or is refused. That says
    /// nothing about the release, so there is no tick.
    pub async fn ask(
        &self,
        subject: &Subject<'_>,
        probes: &[Probe],
        now: Timestamp,
    ) -> Result<Answers> {
        let answers = probes.iter().map(async |probe| {
            let answer = match probe {
                Probe::Readiness {
                    workload,
                    percent,
                    deadline,
                } => Answer::Readiness(
                    self.readiness(subject, *workload, *percent, *deadline, now)
                        .await?,
                ),
                Probe::Metric { index, source } => {
                    Answer::Metric(self.metric(subject, *index, *source, now).await?)
                }
                Probe::Requests { index } => {
                    Answer::Metric(self.requests(subject, *index, now).await?)
                }
                Probe::Missed { .. } | Probe::Applied => {
                    return Err(Error::internal(format!("{probe:?} cannot be asked yet")));
                }
                Probe::Webhook { index, phase } => {
                    Answer::Webhook(self.webhook(subject, *index, *phase).await?)
                }
            };
            Ok::<_, Error>((probe.clone(), answer))
        });
        // All are waited for, so that of several failures the first in order is told.
        join_all(answers).await.into_iter().collect()
    }

    async fn readiness(
        &self,
        subject: &Subject<'_>,
        workload: Workload,
        percent: i64,
        deadline: Option<SignedDuration>,
        now: Timestamp,
    ) -> Result<Readiness> {
        let spec = &subject.canary.spec;
        let gitops = spec.gitops();
        if gitops.readiness_from() == ReadinessFrom::None {
            return Ok(Readiness::Ready);
        }
        let name = match workload {
            Workload::Primary => spec.primary_name(),
            Workload::Canary => spec.target_ref.name.clone(),
        };
        let Some(prometheus) = self.default_client(subject)? else {
            return Ok(Readiness::Unknown(format!(
                "nobody to ask whether {name} is ready: give --prometheus or spec.metricsServer, \
                 or set spec.gitops.readiness.from to none"
            )));
        };
        let query = gitops
            .readiness
            .as_ref()
            .and_then(|readiness| readiness.query.as_deref());
        let namespace = subject
            .canary
            .metadata
            .namespace
            .as_deref()
            .unwrap_or_default();
        let measured = readiness(&prometheus, query, &name, namespace, percent, now, deadline)
            .await
            .map_err(|error| error.while_doing(format!("cannot tell whether {name} is ready")))?;
        Ok(match measured {
            Measured::Ready => Readiness::Ready,
            Measured::NotReady => {
                Readiness::NotReady(format!("waiting for {name} to become ready"))
            }
            Measured::Stuck => Readiness::Stuck(format!(
                "{name} did not become ready within {} s",
                deadline.unwrap_or_default().as_secs()
            )),
            Measured::Unknown(found) => Readiness::Unknown(format!(
                "cannot tell whether {name} is ready: {found}. Let Prometheus scrape \
                 kube-state-metrics, set spec.gitops.readiness.query, or set \
                 spec.gitops.readiness.from to none"
            )),
        })
    }

    async fn metric(
        &self,
        subject: &Subject<'_>,
        index: usize,
        source: MetricSource,
        now: Timestamp,
    ) -> Result<MetricAnswer> {
        let metric = metric_of(subject, index)?;
        let about = |error: Error| error.while_doing(format!("cannot measure {}", metric.name));
        let vars = QueryVars::new(subject.canary, metric);
        let query = query(subject, index, source, metric, &vars).map_err(about)?;
        let client = match source {
            MetricSource::Builtin | MetricSource::Inline => self.default_client(subject),
            MetricSource::Template => self.template_client(subject, index),
        };
        measure(client, query, now).await.map_err(about)
    }

    /// Counts the requests of a metric's window: at the server of its template,
    /// else at the default one.
    async fn requests(
        &self,
        subject: &Subject<'_>,
        index: usize,
        now: Timestamp,
    ) -> Result<MetricAnswer> {
        let metric = metric_of(subject, index)?;
        let about = |error: Error| {
            error.while_doing(format!("cannot count the requests of {}", metric.name))
        };
        let vars = QueryVars::new(subject.canary, metric);
        let query = match metric.requests_query() {
            Some(text) => render_query(text, &vars).map(|query| query.trim().to_owned()),
            None => http_requests(&vars),
        };
        let query = query.map_err(|error| about(error.into()))?;
        let client = match metric.template_ref {
            Some(_) => self.template_client(subject, index),
            None => self.default_client(subject),
        };
        measure(client, query, now).await.map_err(about)
    }

    async fn webhook(
        &self,
        subject: &Subject<'_>,
        index: usize,
        phase: Phase,
    ) -> Result<WebhookAnswer> {
        let canary = subject.canary;
        let analysis = canary.spec.analysis.as_ref();
        let webhook = analysis
            .and_then(|analysis| analysis.webhooks().get(index))
            .ok_or_else(|| Error::internal(format!("there is no webhook {index}")))?;
        let payload = Payload::new(canary, canary.status.as_ref(), Some(phase), webhook);
        self.webhooks.call(webhook, &payload).await
    }

    /// The Prometheus for what names none itself: `spec.metricsServer`, else
    /// the default.
    fn default_client(&self, subject: &Subject<'_>) -> Result<Option<Arc<Prometheus>>> {
        let named = subject.canary.spec.metrics_server.as_deref();
        match self.address(named, "spec.metricsServer")? {
            Some(address) => self.client(self.config(address), "").map(Some),
            None => Ok(None),
        }
    }

    fn template_client(
        &self,
        subject: &Subject<'_>,
        index: usize,
    ) -> Result<Option<Arc<Prometheus>>> {
        let Some(template) = subject.templates.get(&index) else {
            return Ok(None);
        };
        let name = &template.metadata.name;
        let provider = &template.spec.provider;
        let what = format!("MetricTemplate {name}, spec.provider.address");
        let Some(address) = self.address(provider.address.as_deref(), &what)? else {
            return Ok(None);
        };
        let mut config = self.config(address);
        if let Some(headers) = &provider.headers {
            config.headers.extend(headers.clone());
        }
        // Nobody but the settings decides whom our own credentials trust.
        let skip_verify =
            provider.insecure_skip_verify.unwrap_or(false) && !self.is_named(&config.address);
        config.insecure_skip_verify = skip_verify;
        self.apply_secret(provider, &mut config)?;
        let namespace = template.metadata.namespace.as_deref().unwrap_or_default();
        self.client(config, &format!("{namespace}/{name}"))
            .map(Some)
    }

    /// Credentials of a template's Secret: `token`, or `username` and
    /// `password` (Flagger: `prometheus.go`).
    fn apply_secret(&self, provider: &MetricProvider, config: &mut PrometheusConfig) -> Result<()> {
        let Some(reference) = &provider.secret_ref else {
            return Ok(());
        };
        let name = &reference.name;
        if !self.settings.trusts_documents && !self.is_named(&config.address) {
            return Err(Error::usage(format!(
                "the Secret {name} is not sent to {}, which only a document names",
                masked(&config.address)
            ))
            .hint(
                "name the address with --prometheus; step, which reads the pushed branch, sends it",
            ));
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
    fn address(&self, named: Option<&str>, what: &str) -> Result<Option<Url>> {
        let Some(named) = named.filter(|named| !named.is_empty()) else {
            return Ok(self.settings.default.clone());
        };
        let named = address(what, named)
            .map_err(|error| Error::document(error.message()).because(error))?;
        Ok(Some(match self.settings.replaced.get(named.as_str()) {
            Some(replaced) => replaced.clone(),
            None => named,
        }))
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

    /// Do the settings name this server?
    fn is_named(&self, address: &Url) -> bool {
        let default = self.settings.default.iter();
        default
            .chain(self.settings.replaced.values())
            .any(|known| known.origin() == address.origin())
    }

    /// The client for `config`, made once for each address and what a template
    /// adds to it.
    fn client(&self, config: PrometheusConfig, template: &str) -> Result<Arc<Prometheus>> {
        let key = format!("{} {template}", config.address);
        let mut clients = self.clients.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(client) = clients.get(&key) {
            return Ok(Arc::clone(client));
        }
        let client = Arc::new(Prometheus::new(&config)?);
        clients.insert(key, Arc::clone(&client));
        Ok(client)
    }
}

fn metric_of<'a>(subject: &Subject<'a>, index: usize) -> Result<&'a Metric> {
    let analysis = subject.canary.spec.analysis.as_ref();
    analysis
        .and_then(|analysis| analysis.metrics().get(index))
        .ok_or_else(|| Error::internal(format!("there is no metric {index}")))
}

async fn measure(
    client: Result<Option<Arc<Prometheus>>>,
    query: String,
    now: Timestamp,
) -> Result<MetricAnswer> {
    let client = client?.ok_or_else(|| {
        Error::usage("no Prometheus is named").hint("give --prometheus, or set spec.metricsServer")
    })?;
    let answered = client.instant(&query, now).await?;
    Ok(MetricAnswer {
        query,
        reading: answered.reading,
        warnings: answered.warnings,
    })
}

/// The query of a metric, rendered.
fn query(
    subject: &Subject<'_>,
    index: usize,
    source: MetricSource,
    metric: &Metric,
    vars: &QueryVars,
) -> Result<String> {
    let text = match source {
        MetricSource::Builtin => {
            let rendered = http_query(&metric.name, vars)
                .ok_or_else(|| Error::internal(format!("{} is not built in", metric.name)))?;
            return Ok(rendered?);
        }
        MetricSource::Inline => metric.inline_query().unwrap_or_default(),
        MetricSource::Template => subject
            .templates
            .get(&index)
            .map(|template| template.spec.query.as_str())
            .unwrap_or_default(),
    };
    Ok(render_query(text, vars)?.trim().to_owned())
}
