//! Runs probes: finds out who to ask, asks at once, and brings the answers.

use std::collections::BTreeMap;

use futures_util::future::join_all;
use jiff::{SignedDuration, Timestamp};

use super::clients::Clients;
use super::readiness::{Measured, Pods, readiness};
use crate::api::{Canary, MetricTemplate, Phase, ReadinessFrom};
use crate::decide::{Answer, Answers, Probe, Readiness, WebhookAnswer, Workload};
use crate::error::{Error, Result};
use crate::gateway::Gateway;
use crate::settings::MetricsSettings;
use crate::webhook::{Payload, Webhooks};

/// What the questions are about.
#[derive(Debug, Clone, Copy)]
pub struct Subject<'a> {
    /// The Canary.
    pub canary: &'a Canary,
    /// The MetricTemplate of each metric that has one, by position.
    pub templates: &'a BTreeMap<usize, MetricTemplate>,
    /// Name of the workload that serves stable traffic.
    pub primary: &'a str,
    /// Whose metrics measure the requests.
    pub gateway: &'a Gateway,
}

/// Asks Prometheus and the gates. Clients are kept, so that each server is
/// connected to once.
#[derive(Debug)]
pub struct Observer {
    webhooks: Webhooks,
    pub(super) clients: Clients,
}

impl Observer {
    /// An observer that asks as `settings` say.
    #[must_use]
    pub fn new(settings: MetricsSettings) -> Self {
        Self {
            webhooks: Webhooks::default(),
            clients: Clients::new(settings),
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
                    Answer::Metric(self.metric(subject, *index, Some(*source), now).await?)
                }
                Probe::Requests { index } => {
                    Answer::Metric(self.metric(subject, *index, None, now).await?)
                }
                Probe::Missed {
                    index,
                    source,
                    times,
                } => Answer::Missed(self.missed(subject, *index, *source, *times).await?),
                Probe::Applied => {
                    return Err(Error::internal("whoever knows the repository answers this"));
                }
                Probe::Evidence => Answer::Evidence(self.evidence(subject, now).await?),
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
            Workload::Primary => subject.primary.to_owned(),
            Workload::Canary => spec.target_ref.name.clone(),
        };
        let Some(prometheus) = self.clients.default_client(subject)? else {
            return Ok(Readiness::Unknown(format!(
                "nobody to ask whether {name} is ready: give --prometheus or spec.metricsServer, \
                 or set spec.gitops.readiness.from to none"
            )));
        };
        let query = gitops
            .readiness
            .as_ref()
            .and_then(|readiness| readiness.query.as_deref());
        let namespace = &subject.canary.metadata.namespace;
        let pods = Pods {
            kind: &spec.target_ref.kind,
            name: &name,
            namespace: namespace.as_deref().unwrap_or_default(),
            percent,
        };
        let measured = readiness(&prometheus, query, pods, now, deadline)
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
}
