//! Clients for the templates of other providers than Prometheus.

use std::sync::Arc;

use url::Url;

use super::{Clients, in_template, kept, not_sent, whose};
use crate::api::{Address, MetricProvider, MetricTemplate, ProviderType, Wanted};
use crate::error::{Error, Result};
use crate::http::Options;
use crate::observe::metrics::{
    Access, Datadog, Dynatrace, Graphite, InfluxDb, Keys, NewRelic, Provider, Splunk,
};
use crate::settings::address;

/// Hosts of providers that a template may name besides the default, as `*.` and what a
/// host ends with, or as a whole. They belong to the provider whoever names them, so its
/// keys may be sent there. Hosts of single customers are not among them.
const OWN_HOSTS: [(&str, &[&str]); 3] = [
    (
        "datadog",
        &[
            "api.datadoghq.com",
            "api.us3.datadoghq.com",
            "api.us5.datadoghq.com",
            "api.ap1.datadoghq.com",
            "api.ap2.datadoghq.com",
            "api.datadoghq.eu",
            "api.ddog-gov.com",
            "api.us2.ddog-gov.com",
        ],
    ),
    (
        "newrelic",
        &["insights-api.newrelic.com", "insights-api.eu.newrelic.com"],
    ),
    ("splunk", &["*.signalfx.com"]),
];

impl Clients {
    /// The provider of a template that asks no Prometheus.
    pub(super) fn other(&self, template: &MetricTemplate) -> Result<Provider> {
        let provider = &template.spec.provider;
        let name = &template.metadata.name;
        let kind = ProviderType::of(&provider.kind).ok_or_else(|| {
            Error::document(format!(
                "MetricTemplate {name} asks `{}`, which is no provider",
                provider.kind.escape_debug()
            ))
        })?;
        if self.settings.asks_only_named {
            return Err(
                Error::usage(format!("{} is not asked in a preview", kind.title))
                    .hint("only the Prometheus that is named with --prometheus is asked there"),
            );
        }
        let address = self.other_address(template, kind)?;
        let key = format!("{} {} {}", kind.name, address, whose(template));
        kept(&self.others, key, || self.make(template, kind, address))
    }

    fn make(
        &self,
        template: &MetricTemplate,
        kind: &'static ProviderType,
        address: Url,
    ) -> Result<Provider> {
        let provider = &template.spec.provider;
        let secret = provider
            .secret_ref
            .as_ref()
            .map(|secret| secret.name.as_str());
        let trusted = self.settings.trusts_documents
            || self.is_named(&address)
            || is_own_host(kind, &address);
        if let Some(secret) = secret
            && !trusted
        {
            return Err(not_sent(secret, &address));
        }
        let access = Access {
            kind,
            options: self.options(kind, provider, &address),
            address,
            keys: Keys {
                secrets: &self.settings.secrets,
                name: secret,
            },
        };
        let made = match kind.name {
            "datadog" => Datadog::new(&access).map(|made| Provider::Datadog(Arc::new(made))),
            "dynatrace" => Dynatrace::new(&access).map(|made| Provider::Dynatrace(Arc::new(made))),
            "graphite" => Graphite::new(&access).map(|made| Provider::Graphite(Arc::new(made))),
            "influxdb" => InfluxDb::new(&access).map(|made| Provider::InfluxDb(Arc::new(made))),
            "newrelic" => NewRelic::new(&access).map(|made| Provider::NewRelic(Arc::new(made))),
            "splunk" => Splunk::new(&access).map(|made| Provider::Splunk(Arc::new(made))),
            other => Err(Error::internal(format!("nobody asks {other}"))),
        };
        let name = &template.metadata.name;
        made.map_err(|error| error.while_doing(format!("MetricTemplate {name} cannot be asked")))
    }

    fn options(&self, kind: &ProviderType, provider: &MetricProvider, address: &Url) -> Options {
        let named = self.is_named(address);
        let skip = provider.insecure_skip_verify.unwrap_or(false);
        Options {
            timeout: self.settings.timeout,
            // Nobody but the settings decides whom our own certificates trust.
            insecure_skip_verify: skip && !named && kind.insecure_skip_verify != Wanted::No,
            ca: self.settings.credentials.ca.clone().filter(|_| named),
            ..Options::default()
        }
    }

    /// The address of a template, else the default one, replaced if the settings say so.
    fn other_address(&self, template: &MetricTemplate, kind: &ProviderType) -> Result<Url> {
        let given = template
            .spec
            .provider
            .address
            .as_deref()
            .unwrap_or_default();
        let text = match (given.trim(), kind.address) {
            ("", Address::Default(default)) => default.to_owned(),
            ("", Address::Required | Address::Settings | Address::Service) => {
                let what = in_template(template, "address");
                return Err(Error::document(format!("{what} is missing"))
                    .hint(format!("say where {} is", kind.title)));
            }
            (given, _) if kind.name == "splunk" => stream(given),
            (given, _) => given.to_owned(),
        };
        let what = in_template(template, "address");
        let named = address(&what, &text)
            .map_err(|error| Error::document(error.message()).because(error))?;
        let replaced = self.settings.replaced.get(named.as_str());
        Ok(replaced.cloned().unwrap_or(named))
    }
}

/// The address at which Splunk runs programs. Flagger has it as that of a websocket, or
/// of the API beside it.
fn stream(given: &str) -> String {
    let given = match given.strip_prefix("ws") {
        Some(rest) => format!("http{rest}"),
        None => given.to_owned(),
    };
    given.replacen("://api.", "://stream.", 1)
}

/// Does the address belong to the provider itself?
fn is_own_host(kind: &ProviderType, address: &Url) -> bool {
    let own = OWN_HOSTS.iter().find(|(name, _)| *name == kind.name);
    let hosts = own.map(|(_, hosts)| *hosts).unwrap_or_default();
    let host = address.host_str().unwrap_or_default();
    let is = |own: &&str| match own.strip_prefix('*') {
        Some(end) => host.ends_with(end),
        None => host == *own,
    };
    address.scheme() == "https" && address.port().is_none() && hosts.iter().any(is)
}
