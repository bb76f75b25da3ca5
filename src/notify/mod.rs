//! Tells people and programs what happened, once it is pushed: `event`
//! webhooks, alerts, `post-rollout` hooks (Flagger: `events.go`,
//! `scheduler_hooks.go`, `pkg/notifier`).
//!
//! Nothing here changes a release. Whoever cannot be told is handed back as an
//! [`Untold`], and the others are told all the same.

mod alert;
mod format;
mod provider;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::time::Duration;

use futures_util::future::join_all;
use jiff::Timestamp;
use tokio::time::{Instant, timeout_at};

use crate::api::{AlertProvider, Canary, FieldPath, Phase, Problem, Status, Webhook, WebhookType};
use crate::decide::{Event, Notice, Plan, WebhookAnswer};
use crate::error::{Error, Result};
use crate::http::Options;
use crate::settings::NotifySettings;
use crate::webhook::{Payload, Webhooks};
use alert::Message;
use provider::Clients;

/// Limit for all event webhooks of one Canary together, attempts and waits
/// included.
const EVENTS: Duration = Duration::from_secs(60);

/// Limit for all post-rollout hooks of one Canary together.
const POST_ROLLOUT: Duration = Duration::from_secs(300);

/// What happened to one Canary, and who wants to know.
#[derive(Debug, Clone, Copy)]
pub struct News<'a> {
    /// The Canary.
    pub canary: &'a Canary,
    /// Its phase now.
    pub phase: Option<Phase>,
    /// Its status now.
    pub status: Option<&'a Status>,
    /// For event webhooks, in order.
    pub events: &'a [Event],
    /// For alert providers, in order.
    pub notices: &'a [Notice],
    /// Call the `post-rollout` hooks?
    pub post_rollout: bool,
    /// The commit that did it, its full name.
    pub commit: Option<&'a str>,
    /// The AlertProvider of each alert, by position in `analysis.alerts`. An
    /// alert without one tells nobody.
    pub providers: &'a BTreeMap<usize, AlertProvider>,
    /// When it happened.
    pub now: Timestamp,
}

impl<'a> News<'a> {
    /// What `plan` did to `canary`.
    #[must_use]
    pub fn of(
        canary: &'a Canary,
        plan: &'a Plan,
        commit: Option<&'a str>,
        providers: &'a BTreeMap<usize, AlertProvider>,
        now: Timestamp,
    ) -> Self {
        Self {
            canary,
            phase: plan.phase,
            status: plan.status.as_ref().or(canary.status.as_ref()),
            events: &plan.events,
            notices: &plan.alerts,
            post_rollout: plan.post_rollout,
            commit,
            providers,
            now,
        }
    }

    /// The webhooks of one type, by position.
    fn webhooks(&self, kind: WebhookType) -> Vec<(usize, &'a Webhook)> {
        let analysis = self.canary.spec.analysis.as_ref();
        let webhooks = analysis.map(crate::api::Analysis::webhooks);
        let all = webhooks.unwrap_or_default().iter().enumerate();
        all.filter(|(_, webhook)| webhook.kind == kind).collect()
    }

    fn payload(&self, webhook: &Webhook) -> Payload {
        Payload::new(self.canary, self.status, self.phase, webhook)
    }
}

/// Somebody who could not be told. The release is none the worse for it.
#[derive(Debug)]
pub struct Untold {
    /// Where the Canary names them; `None` when the command line does.
    pub path: Option<FieldPath>,
    /// What happened.
    pub error: Error,
}

impl Untold {
    /// The same as a warning about the Canary's document.
    #[must_use]
    pub fn problem(&self) -> Problem {
        let path = self.path.clone().unwrap_or_default();
        let mut problem = Problem::warning(path, self.error.chain());
        problem.hint = self.error.hints().first().cloned();
        problem
    }
}

/// Tells everybody. Clients are kept, so that each receiver is connected to once.
#[derive(Debug)]
pub struct Notifier {
    settings: NotifySettings,
    webhooks: Webhooks,
    clients: Clients,
}

impl Notifier {
    /// A notifier as `settings` say, with the proxies of the environment.
    #[must_use]
    pub fn new(settings: NotifySettings) -> Self {
        Self {
            settings,
            webhooks: Webhooks::default(),
            clients: Clients::new(Options::default()),
        }
    }

    /// The address below which the commits are shown.
    #[must_use]
    pub fn commits(&self) -> Option<&url::Url> {
        self.settings.commits.as_ref()
    }

    /// Calls webhooks by `webhooks`, and AlertProviders with the trust and the
    /// proxies of `options`.
    #[must_use]
    pub fn with(mut self, webhooks: Webhooks, options: Options) -> Self {
        self.webhooks = webhooks;
        self.clients = Clients::new(options);
        self
    }

    /// Tells `news` to the event webhooks, to the alert providers, and to the
    /// post-rollout hooks, in this order.
    ///
    /// A Canary with an `event` webhook is not told to the one of the command
    /// line. A hook that did not take one event gets no further ones. When a
    /// post-rollout hook fails, those after it are not called. An alert takes
    /// 5 s at most and is not repeated, the event webhooks of a Canary take one
    /// minute, its post-rollout hooks five.
    pub async fn announce(&self, news: &News<'_>) -> Vec<Untold> {
        let mut untold = self.events(news).await;
        untold.extend(self.alerts(news).await);
        untold.extend(self.post_rollout(news).await);
        untold
    }

    async fn events(&self, news: &News<'_>) -> Vec<Untold> {
        if news.events.is_empty() {
            return Vec::new();
        }
        let until = Instant::now() + EVENTS;
        let own = news.webhooks(WebhookType::Event);
        if let (true, Some(url)) = (own.is_empty(), &self.settings.event_webhook) {
            let webhook = Webhook {
                name: "of --event-webhook".to_owned(),
                kind: WebhookType::Event,
                url: url.to_string(),
                ..Webhook::default()
            };
            let told = self.tell_events(news, &webhook, until).await;
            let untold = told.err().map(|error| Untold { path: None, error });
            return untold.into_iter().collect();
        }
        let told = own.into_iter().map(async |(index, webhook)| {
            let error = self.tell_events(news, webhook, until).await.err()?;
            let path = Some(url_of(index));
            Some(Untold { path, error })
        });
        join_all(told).await.into_iter().flatten().collect()
    }

    async fn tell_events(&self, news: &News<'_>, webhook: &Webhook, until: Instant) -> Result<()> {
        for event in news.events {
            let payload = news.payload(webhook).with_event(event, news.now);
            self.hook(webhook, "event", &payload, (until, EVENTS))
                .await?;
        }
        Ok(())
    }

    async fn post_rollout(&self, news: &News<'_>) -> Option<Untold> {
        if !news.post_rollout {
            return None;
        }
        let until = Instant::now() + POST_ROLLOUT;
        for (index, webhook) in news.webhooks(WebhookType::PostRollout) {
            let payload = news.payload(webhook);
            let within = (until, POST_ROLLOUT);
            let called = self.hook(webhook, "post-rollout", &payload, within);
            if let Err(error) = called.await {
                let path = Some(url_of(index));
                return Some(Untold { path, error });
            }
        }
        None
    }

    /// Calls one hook, of which a refusal is an error.
    async fn hook(
        &self,
        webhook: &Webhook,
        kind: &str,
        payload: &Payload,
        (until, limit): (Instant, Duration),
    ) -> Result<()> {
        let about = |what: String| {
            let name = &webhook.name;
            Error::remote(format!("the {kind} webhook {name} failed: {what}"))
        };
        match timeout_at(until, self.webhooks.call(webhook, payload)).await {
            Err(_elapsed) => Err(about(format!("not done within {} s", limit.as_secs()))),
            Ok(Err(error)) => Err(error),
            Ok(Ok(WebhookAnswer { passed: true, .. })) => Ok(()),
            Ok(Ok(answer)) => Err(about(answer.failure.unwrap_or(answer.answer))),
        }
    }

    async fn alerts(&self, news: &News<'_>) -> Vec<Untold> {
        let analysis = news.canary.spec.analysis.as_ref();
        let alerts = analysis.map(crate::api::Analysis::alerts);
        let alerts = alerts.unwrap_or_default().iter().enumerate();
        let told = alerts.map(async |(index, alert)| {
            let provider = news.providers.get(&index)?;
            let wanted = news
                .notices
                .iter()
                .filter(|notice| notice.severity >= alert.severity());
            let mut first = None;
            for notice in wanted {
                let told = self.alert(news, provider, notice).await;
                first = first.or(told.err());
            }
            let alert = analysis_path("alerts").index(index);
            let path = Some(alert.key("providerRef").key("name"));
            first.map(|error| Untold { path, error })
        });
        join_all(told).await.into_iter().flatten().collect()
    }

    async fn alert(
        &self,
        news: &News<'_>,
        provider: &AlertProvider,
        notice: &Notice,
    ) -> Result<()> {
        let message = Message::new(news, notice, &self.settings);
        let sent = self
            .clients
            .send(provider, &message, &self.settings.secrets);
        sent.await.map_err(|error| {
            let name = &provider.metadata.name;
            error.while_doing(format!("AlertProvider {name} was not told"))
        })
    }
}

/// The address of a webhook.
fn url_of(index: usize) -> FieldPath {
    analysis_path("webhooks").index(index).key("url")
}

fn analysis_path(list: &str) -> FieldPath {
    FieldPath::root().key("spec").key("analysis").key(list)
}
