//! `spec.analysis`: steps, checks, hooks and limits.

use std::collections::BTreeMap;

use jiff::SignedDuration;
use serde::{Deserialize, Serialize};

use super::{NamespacedRef, Strategy, parse_duration};

/// How a new revision is exposed and judged.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Analysis {
    /// Time between two ticks, see [`Analysis::interval`]. Required.
    pub interval: Option<String>,
    /// Failed checks that roll back, see [`Analysis::threshold`]. Required.
    pub threshold: Option<i64>,
    /// Number of checks in A/B testing and blue/green.
    pub iterations: Option<i64>,
    /// Linear weight step in percent.
    pub step_weight: Option<i64>,
    /// Ladder of canary weights in percent.
    pub step_weights: Option<Vec<i64>>,
    /// Weight at which a linear canary is promoted, see [`Analysis::max_weight`].
    pub max_weight: Option<i64>,
    /// Step in which traffic returns to the promoted primary; 0 is all at once.
    pub step_weight_promotion: Option<i64>,
    /// Mirror requests to the canary before it gets live traffic. Defaults to false.
    pub mirror: Option<bool>,
    /// Istio; the Gateway API mirrors every request.
    pub mirror_weight: Option<i64>,
    /// Percent of the primary's pods that must be available. Defaults to
    /// [`Analysis::READY_THRESHOLD`].
    pub primary_ready_threshold: Option<i64>,
    /// Percent of the target's pods that must be available. Defaults to
    /// [`Analysis::READY_THRESHOLD`].
    pub canary_ready_threshold: Option<i64>,
    /// Requests that go to the canary in A/B testing.
    #[serde(rename = "match")]
    pub matches: Option<Vec<HttpMatch>>,
    /// Checks; none means nothing can fail.
    pub metrics: Option<Vec<Metric>>,
    /// Gates and hooks.
    pub webhooks: Option<Vec<Webhook>>,
    /// Who is told.
    pub alerts: Option<Vec<Alert>>,
    /// Sticky sessions.
    pub session_affinity: Option<SessionAffinity>,
    /// Judge the intervals a late run missed, too. Defaults to true.
    pub catch_up: Option<bool>,
}

impl Analysis {
    /// Default of `interval`, also for text that is not a duration.
    pub const INTERVAL: SignedDuration = SignedDuration::from_secs(60);

    /// Shortest `interval`; anything below is raised to it.
    pub const MIN_INTERVAL: SignedDuration = SignedDuration::from_secs(10);

    /// Default of `threshold`, also for 0 and less.
    pub const THRESHOLD: i64 = 1;

    /// Default of `maxWeight` in percent, also for 0 and less.
    pub const MAX_WEIGHT: i64 = 100;

    /// Default of `primaryReadyThreshold` and `canaryReadyThreshold` in percent.
    pub const READY_THRESHOLD: i64 = 100;

    /// Time between two ticks: `interval`, at least 10 s
    /// (Flagger: `canary.go`, `GetAnalysisInterval`).
    ///
    /// ```
    /// use weirkeeper::api::Analysis;
    ///
    /// let mut analysis = Analysis { interval: Some("30s".into()), ..Analysis::default() };
    /// assert_eq!(analysis.interval().as_secs(), 30);
    /// analysis.interval = Some("1s".into());
    /// assert_eq!(analysis.interval().as_secs(), 10);
    /// ```
    #[must_use]
    pub fn interval(&self) -> SignedDuration {
        self.interval
            .as_deref()
            .and_then(|text| parse_duration(text).ok())
            .unwrap_or(Self::INTERVAL)
            .max(Self::MIN_INTERVAL)
    }

    /// Number of failed checks that rolls back, at least 1
    /// (Flagger: `canary.go`, `GetAnalysisThreshold`).
    #[must_use]
    pub fn threshold(&self) -> i64 {
        self.threshold
            .filter(|threshold| *threshold > 0)
            .unwrap_or(Self::THRESHOLD)
    }

    /// Number of iterations, 0 when weights rise instead.
    #[must_use]
    pub fn iterations(&self) -> i64 {
        self.iterations.unwrap_or(0).max(0)
    }

    /// The canary weight at which the release is promoted
    /// (Flagger: `scheduler.go`, `maxWeight`): the last rung of `stepWeights`,
    /// else `maxWeight`, else 100. Kept within 1 to 100, since a weight never
    /// reaches more and a release without traffic is not judged.
    #[must_use]
    pub fn max_weight(&self) -> i64 {
        let max = match self.ladder().last() {
            Some(last) => *last,
            None => self
                .max_weight
                .filter(|weight| *weight > 0)
                .unwrap_or(Self::MAX_WEIGHT),
        };
        max.clamp(1, 100)
    }

    /// `stepWeights`, empty when the weights rise linearly.
    #[must_use]
    pub fn ladder(&self) -> &[i64] {
        self.step_weights.as_deref().unwrap_or_default()
    }

    /// `match`, empty when absent.
    #[must_use]
    pub fn matches(&self) -> &[HttpMatch] {
        self.matches.as_deref().unwrap_or_default()
    }

    /// `metrics`, empty when absent.
    #[must_use]
    pub fn metrics(&self) -> &[Metric] {
        self.metrics.as_deref().unwrap_or_default()
    }

    /// `webhooks`, empty when absent.
    #[must_use]
    pub fn webhooks(&self) -> &[Webhook] {
        self.webhooks.as_deref().unwrap_or_default()
    }

    /// `alerts`, empty when absent.
    #[must_use]
    pub fn alerts(&self) -> &[Alert] {
        self.alerts.as_deref().unwrap_or_default()
    }

    /// Is traffic mirrored before it is shifted?
    #[must_use]
    pub fn mirrors(&self) -> bool {
        self.mirror.unwrap_or(false)
    }

    /// How a new revision is exposed (Flagger: `DeploymentStrategy`):
    /// with iterations and a match A/B testing, with iterations alone
    /// blue/green, else weights.
    #[must_use]
    pub fn strategy(&self) -> Strategy {
        match (self.iterations() > 0, self.matches().is_empty()) {
            (true, false) => Strategy::AbTesting,
            (true, true) => Strategy::BlueGreen,
            (false, _) => Strategy::Canary,
        }
    }
}

/// One check.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Metric {
    /// Name. [`Metric::SUCCESS_RATE`] and [`Metric::DURATION`] are built in. Required.
    pub name: String,
    /// Length of the measured window. Defaults to [`Metric::INTERVAL`].
    pub interval: Option<String>,
    /// Deprecated bound: a minimum for the success rate, a maximum for everything else.
    pub threshold: Option<f64>,
    /// Inclusive bounds; `threshold` is ignored when present.
    pub threshold_range: Option<ThresholdRange>,
    /// Deprecated inline PromQL.
    pub query: Option<String>,
    /// The MetricTemplate that holds the query.
    pub template_ref: Option<NamespacedRef>,
    /// `variables` of the template.
    pub template_variables: Option<BTreeMap<String, String>>,
    /// What an answer without a usable number counts as. Defaults to `fail`,
    /// as in Flagger.
    pub on_no_data: OnNoData,
    /// Fewer requests than this in the window are no data. Defaults to 0,
    /// which does not count them.
    pub min_requests: Option<i64>,
    /// Query that counts the requests of the window, in the language of
    /// templates. Defaults to the requests of the built-in checks.
    pub requests_query: Option<String>,
}

/// What an answer without a usable number (empty, NaN, infinite) counts as.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum OnNoData {
    /// A failed check.
    #[default]
    Fail,
    /// Neither failed nor passed: the tick ends without a step.
    Hold,
    /// A passed check.
    Pass,
}

impl Metric {
    /// Percentage of requests that did not fail, 0 to 100.
    pub const SUCCESS_RATE: &str = "request-success-rate";

    /// 99th percentile of the request duration in milliseconds.
    pub const DURATION: &str = "request-duration";

    /// Percentage of requests that a gateway sent again, 0 to 100.
    pub const RETRY_RATE: &str = "request-retry-rate";

    /// Average of the request duration in milliseconds, for gateways that know no
    /// percentile.
    pub const AVERAGE_DURATION: &str = "request-duration-average";

    /// Default of `interval`. Flagger has none for templates, whose window
    /// would be empty; here it is the same for all.
    pub const INTERVAL: &str = "1m";

    /// The measured window as written, `1m` when absent.
    #[must_use]
    pub fn interval(&self) -> &str {
        self.interval
            .as_deref()
            .filter(|interval| !interval.is_empty())
            .unwrap_or(Self::INTERVAL)
    }

    /// Is the name one of the built-in checks?
    #[must_use]
    pub fn is_builtin(&self) -> bool {
        self.builtin().is_some()
    }

    /// The built-in check of this name. Flagger has the first two.
    ///
    /// ```
    /// use weirkeeper::api::{BuiltIn, Metric};
    ///
    /// let named = |name: &str| Metric { name: name.into(), ..Metric::default() }.builtin();
    /// let Some(BuiltIn::Percentile(percentile)) = named("request-duration-p99.9") else { panic!() };
    /// assert_eq!(percentile.quantile(), 0.999);
    /// assert_eq!(named("latency"), None);
    /// ```
    #[must_use]
    pub fn builtin(&self) -> Option<BuiltIn> {
        match self.name.as_str() {
            Self::SUCCESS_RATE => Some(BuiltIn::SuccessRate),
            Self::DURATION => Some(BuiltIn::Percentile(Percentile::P99)),
            Self::AVERAGE_DURATION => Some(BuiltIn::AverageDuration),
            Self::RETRY_RATE => Some(BuiltIn::RetryRate),
            other => {
                let percent = other.strip_prefix(Self::DURATION)?.strip_prefix("-p")?;
                Percentile::parse(percent).map(BuiltIn::Percentile)
            }
        }
    }

    /// `minRequests`, 0 when absent.
    #[must_use]
    pub fn min_requests(&self) -> i64 {
        self.min_requests.unwrap_or(0).max(0)
    }

    /// `query`, `None` when absent or empty.
    #[must_use]
    pub fn inline_query(&self) -> Option<&str> {
        self.query.as_deref().filter(|query| !query.is_empty())
    }

    /// `requestsQuery`, `None` when absent or empty.
    #[must_use]
    pub fn requests_query(&self) -> Option<&str> {
        self.requests_query
            .as_deref()
            .filter(|query| !query.is_empty())
    }

    /// The bounds a value must keep, both inclusive
    /// (Flagger: `scheduler_metrics.go`). Without `thresholdRange` the
    /// deprecated `threshold` counts, 0 when it is absent, too: for the built-in
    /// success rate as a minimum, for every other value as a maximum.
    ///
    /// ```
    /// use weirkeeper::api::{Metric, ThresholdRange};
    ///
    /// let rate = Metric { name: "request-success-rate".into(), threshold: Some(99.0), ..Metric::default() };
    /// assert_eq!(rate.bounds(true), ThresholdRange { min: Some(99.0), max: None });
    /// assert_eq!(rate.bounds(false), ThresholdRange { min: None, max: Some(99.0) });
    /// ```
    #[must_use]
    pub fn bounds(&self, built_in: bool) -> ThresholdRange {
        if let Some(range) = self.threshold_range {
            return range;
        }
        let bound = Some(self.threshold.unwrap_or(0.0));
        match built_in && self.name == Self::SUCCESS_RATE {
            true => ThresholdRange {
                min: bound,
                max: None,
            },
            false => ThresholdRange {
                min: None,
                max: bound,
            },
        }
    }
}

/// A check that needs no query of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BuiltIn {
    /// `request-success-rate`: percent.
    SuccessRate,
    /// `request-duration` is the 99th, `request-duration-p50` the 50th: milliseconds.
    Percentile(Percentile),
    /// `request-duration-average`: milliseconds.
    AverageDuration,
    /// `request-retry-rate`: percent.
    RetryRate,
}

/// A percentile in thousandths of a percent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Percentile(u32);

impl Percentile {
    /// The 99th.
    pub const P99: Self = Self(99_000);

    /// `99`, `99.9`: more than 0, less than 100, up to three decimals.
    fn parse(text: &str) -> Option<Self> {
        let (whole, part) = text.split_once('.').unwrap_or((text, "0"));
        let digits = |text: &str| {
            !text.is_empty() && text.len() <= 3 && text.bytes().all(|byte| byte.is_ascii_digit())
        };
        if !digits(whole) || !digits(part) {
            return None;
        }
        let thousandths = format!("{whole}{part:0<3}").parse().ok()?;
        (1..100_000)
            .contains(&thousandths)
            .then_some(Self(thousandths))
    }

    /// As Prometheus takes it: 0.99.
    #[must_use]
    pub fn quantile(self) -> f64 {
        f64::from(self.0) / 100_000.0
    }
}

/// Inclusive bounds; a missing one is not tested.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct ThresholdRange {
    /// Smallest value that passes.
    pub min: Option<f64>,
    /// Largest value that passes.
    pub max: Option<f64>,
}

/// A gate or a hook.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Webhook {
    /// Name. Required.
    pub name: String,
    /// When it is called.
    #[serde(rename = "type")]
    pub kind: WebhookType,
    /// Address. Required.
    pub url: String,
    /// Limit of one attempt. Defaults to 10s.
    pub timeout: Option<String>,
    /// Extra attempts. Defaults to 0.
    pub retries: Option<i64>,
    /// Send no alert while this gate is closed. Defaults to false.
    pub mute_alert: Option<bool>,
    /// Do not verify the certificate. Defaults to false.
    #[serde(rename = "disableTLS")]
    pub disable_tls: Option<bool>,
    /// Part of the payload.
    pub metadata: Option<BTreeMap<String, String>>,
}

impl Webhook {
    /// Default of `timeout`.
    pub const TIMEOUT: SignedDuration = SignedDuration::from_secs(10);

    /// Extra attempts at most, whatever `retries` says: their waits alone take
    /// more than three minutes.
    pub const MAX_RETRIES: u32 = 10;

    /// Limit of one attempt (Flagger: `webhook.go`, `callWebhook`). Text
    /// shorter than two characters counts as none.
    ///
    /// ```
    /// use weirkeeper::api::Webhook;
    ///
    /// let mut webhook = Webhook { timeout: Some("1m30s".into()), ..Webhook::default() };
    /// assert_eq!(webhook.timeout().as_secs(), 90);
    /// webhook.timeout = Some("5".into());
    /// assert_eq!(webhook.timeout().as_secs(), 10);
    /// ```
    #[must_use]
    pub fn timeout(&self) -> SignedDuration {
        self.timeout
            .as_deref()
            .filter(|text| text.len() >= 2)
            .and_then(|text| parse_duration(text).ok())
            .filter(|timeout| timeout.is_positive())
            .unwrap_or(Self::TIMEOUT)
    }

    /// Extra attempts, 0 to [`Webhook::MAX_RETRIES`].
    #[must_use]
    pub fn retries(&self) -> u32 {
        let retries = self.retries.unwrap_or(0).max(0);
        u32::try_from(retries).map_or(Self::MAX_RETRIES, |retries| retries.min(Self::MAX_RETRIES))
    }

    /// Is no alert sent while this gate is closed?
    #[must_use]
    pub fn mutes_alert(&self) -> bool {
        self.mute_alert.unwrap_or(false)
    }

    /// Is the certificate taken as it is?
    #[must_use]
    pub fn skips_verify(&self) -> bool {
        self.disable_tls.unwrap_or(false)
    }

    /// `metadata`, empty when absent.
    #[must_use]
    pub fn metadata(&self) -> BTreeMap<String, String> {
        self.metadata.clone().unwrap_or_default()
    }
}

impl WebhookType {
    /// Does a refusal wait? Only such a gate has an alert that can be muted.
    #[must_use]
    pub fn confirms(self) -> bool {
        match self {
            Self::ConfirmRollout | Self::ConfirmTrafficIncrease | Self::ConfirmPromotion => true,
            Self::Rollout | Self::PreRollout | Self::PostRollout | Self::Rollback | Self::Event => {
                false
            }
        }
    }
}

/// When a webhook is called and what its refusal means.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum WebhookType {
    /// Every analysis; a refusal is a failed check. The default.
    #[default]
    #[serde(alias = "")]
    Rollout,
    /// Before the target is scaled up; a refusal waits.
    ConfirmRollout,
    /// Before the first traffic; a refusal is a failed check.
    PreRollout,
    /// Before each weight; a refusal waits.
    ConfirmTrafficIncrease,
    /// Before the promotion; a refusal waits.
    ConfirmPromotion,
    /// After success or failure; a refusal is a warning.
    PostRollout,
    /// Every analysis; *success* rolls back.
    Rollback,
    /// Everything that happens; a refusal is logged.
    Event,
}

/// Who is told about what.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Alert {
    /// Name. Required.
    pub name: String,
    /// `info`, `warn` or `error`. Defaults to `info`.
    pub severity: Option<String>,
    /// The AlertProvider. Required.
    pub provider_ref: NamespacedRef,
}

/// Sticky sessions by cookie.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct SessionAffinity {
    /// Cookie of the canary. Required.
    pub cookie_name: String,
    /// Cookie of the primary; none leaves its sessions free.
    pub primary_cookie_name: Option<String>,
    /// Life of the canary cookie in seconds. Defaults to
    /// [`SessionAffinity::MAX_AGE`], also for 0.
    pub max_age: Option<i64>,
    /// `Domain` of the cookie.
    pub domain: Option<String>,
    /// `Path` of the cookie.
    pub path: Option<String>,
    /// `HttpOnly`. Defaults to false.
    pub http_only: Option<bool>,
    /// `Partitioned`. Defaults to false.
    pub partitioned: Option<bool>,
    /// `Secure`. Defaults to false.
    pub secure: Option<bool>,
    /// `Strict`, `Lax` or `None`.
    pub same_site: Option<String>,
}

impl SessionAffinity {
    /// Default of `maxAge` in seconds.
    pub const MAX_AGE: i64 = 86_400;
}

/// How bad something is. An [`Alert`] gets what is at least as bad as its
/// `severity`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum AlertSeverity {
    /// Something went as it should.
    #[default]
    Info,
    /// Somebody is waited for, or should look.
    Warn,
    /// A release failed.
    Error,
}

impl Alert {
    /// The least bad that is told: `severity`, `info` when absent or empty.
    /// Flagger documents that default, but tells nothing then
    /// (`events.go`, `shouldAlert`).
    #[must_use]
    pub fn severity(&self) -> AlertSeverity {
        match self.severity.as_deref() {
            Some("error") => AlertSeverity::Error,
            Some("warn") => AlertSeverity::Warn,
            Some(_) | None => AlertSeverity::Info,
        }
    }
}

/// Conditions on a request, as Istio writes them. `service.match` and
/// `analysis.match` share the type; the schema keeps only some fields of the latter.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct HttpMatch {
    /// Ignored on the Gateway API.
    pub name: Option<String>,
    /// Path.
    pub uri: Option<StringMatch>,
    /// Ignored on the Gateway API.
    pub scheme: Option<StringMatch>,
    /// Method; only `exact`.
    pub method: Option<StringMatch>,
    /// Ignored on the Gateway API.
    pub authority: Option<StringMatch>,
    /// Headers; only `exact` and `regex`.
    pub headers: Option<BTreeMap<String, StringMatch>>,
    /// Ignored on the Gateway API.
    pub without_headers: Option<BTreeMap<String, StringMatch>>,
    /// Ignored on the Gateway API.
    pub port: Option<i64>,
    /// Ignored on the Gateway API.
    pub source_labels: Option<BTreeMap<String, String>>,
    /// Ignored on the Gateway API.
    pub source_namespace: Option<String>,
    /// Ignored on the Gateway API.
    pub gateways: Option<Vec<String>>,
    /// Query parameters; only `exact` and `regex`.
    pub query_params: Option<BTreeMap<String, StringMatch>>,
    /// Ignored on the Gateway API.
    pub ignore_uri_case: Option<bool>,
}

/// One of four ways to compare a text; exactly one is set.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct StringMatch {
    /// Equal.
    pub exact: Option<String>,
    /// Begins with.
    pub prefix: Option<String>,
    /// Ends with.
    pub suffix: Option<String>,
    /// Matches, in the gateway's dialect.
    pub regex: Option<String>,
}
