//! The types of `MetricTemplate.spec.provider`, and what each wants to be told.

/// A type of metric provider (Flagger: `pkg/metrics/providers/factory.go`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ProviderType {
    /// `spec.provider.type`.
    pub name: &'static str,
    /// As people call it.
    pub title: &'static str,
    /// `spec.provider.address`.
    pub address: Address,
    /// `spec.provider.secretRef`.
    pub secret: Wanted,
    /// The keys of the Secret that are read: all of them, but for `prometheus`, which
    /// takes `token` or the other two, and `stackdriver`.
    pub keys: &'static [&'static str],
    /// `spec.provider.headers`.
    pub headers: Wanted,
    /// `spec.provider.region`.
    pub region: Wanted,
    /// `spec.provider.insecureSkipVerify`.
    pub insecure_skip_verify: Wanted,
    /// Why nobody outside the cluster can ask it.
    pub refused: Option<&'static str>,
}

/// Where a provider is when its template does not say.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Address {
    /// At the address of the settings.
    Settings,
    /// Here.
    Default(&'static str),
    /// Nowhere: the template has to say.
    Required,
    /// Where its service is, by region or project.
    Service,
}

/// Does a type use a field?
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wanted {
    /// It must be given.
    Yes,
    /// It may be given.
    Maybe,
    /// It has no effect.
    No,
}

/// A type that wants nothing but to be reached.
const PLAIN: ProviderType = ProviderType {
    name: "",
    title: "",
    address: Address::Required,
    secret: Wanted::Yes,
    keys: &[],
    headers: Wanted::No,
    region: Wanted::No,
    insecure_skip_verify: Wanted::No,
    refused: None,
};

impl ProviderType {
    /// Every type of Flagger's schema.
    pub const ALL: [Self; 11] = [
        Self {
            name: "prometheus",
            title: "Prometheus",
            address: Address::Settings,
            secret: Wanted::Maybe,
            keys: &["token", "username", "password"],
            headers: Wanted::Maybe,
            insecure_skip_verify: Wanted::Maybe,
            ..PLAIN
        },
        Self {
            name: "influxdb",
            title: "InfluxDB",
            secret: Wanted::Maybe,
            keys: &["token", "org"],
            ..PLAIN
        },
        Self {
            name: "datadog",
            title: "Datadog",
            address: Address::Default("https://api.datadoghq.com"),
            keys: &["datadog_api_key", "datadog_application_key"],
            ..PLAIN
        },
        Self {
            name: "externalmetrics",
            title: "the external metrics API",
            address: Address::Service,
            secret: Wanted::Maybe,
            keys: &["token"],
            insecure_skip_verify: Wanted::Maybe,
            refused: Some("the external metrics API is one of the cluster, which is not asked"),
            ..PLAIN
        },
        Self {
            name: "stackdriver",
            title: "Cloud Monitoring",
            address: Address::Service,
            secret: Wanted::Maybe,
            keys: &["project", "serviceAccountKey"],
            ..PLAIN
        },
        Self {
            name: "cloudwatch",
            title: "CloudWatch",
            address: Address::Service,
            secret: Wanted::No,
            region: Wanted::Yes,
            ..PLAIN
        },
        Self {
            name: "newrelic",
            title: "New Relic",
            address: Address::Default("https://insights-api.newrelic.com"),
            keys: &["newrelic_account_id", "newrelic_query_key"],
            ..PLAIN
        },
        Self {
            name: "graphite",
            title: "Graphite",
            secret: Wanted::Maybe,
            keys: &["username", "password"],
            insecure_skip_verify: Wanted::Maybe,
            ..PLAIN
        },
        Self {
            name: "dynatrace",
            title: "Dynatrace",
            keys: &["dynatrace_token"],
            ..PLAIN
        },
        Self {
            name: "keptn",
            title: "Keptn",
            address: Address::Service,
            secret: Wanted::No,
            refused: Some("a metric of Keptn is an object of the cluster, which is not asked"),
            ..PLAIN
        },
        Self {
            name: "splunk",
            title: "Splunk Observability",
            keys: &["sf_token_key"],
            ..PLAIN
        },
    ];

    /// The type of this name.
    #[must_use]
    pub fn of(name: &str) -> Option<&'static Self> {
        const ALL: &[ProviderType] = &ProviderType::ALL;
        ALL.iter().find(|known| known.name == name)
    }
}
