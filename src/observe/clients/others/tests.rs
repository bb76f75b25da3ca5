use clap::Parser as _;

use super::*;
use crate::error::Kind;
use crate::settings::{Environment, MetricsSettings};

#[derive(clap::Parser)]
struct Options {
    #[command(flatten)]
    metrics: crate::cli::Metrics,
}

/// Every key of every provider, in the Secret `a`.
fn environment() -> Environment {
    let keys = ProviderType::ALL.map(|kind| kind.keys).concat();
    let value = |key: &str| match key {
        "newrelic_account_id" => "1".to_owned(),
        key => format!("value-of-{key}"),
    };
    Environment::new(keys.into_iter().map(|key| {
        let variable = crate::settings::Secrets::variable("a", key);
        (variable, value(key))
    }))
}

fn clients(prometheus: &[&str], change: impl FnOnce(&mut MetricsSettings)) -> Clients {
    let mut arguments = vec!["test"];
    for given in prometheus {
        arguments.extend(["--prometheus", given]);
    }
    let options = Options::parse_from(arguments);
    let mut settings = MetricsSettings::new(&options.metrics, &environment()).unwrap();
    change(&mut settings);
    Clients::new(settings)
}

fn template(provider: &str) -> MetricTemplate {
    let text =
        format!("{{metadata: {{name: errors, namespace: test}}, spec: {{provider: {provider}}}}}");
    serde_yaml::from_str(&text).unwrap()
}

/// The address that is asked, or why nobody is.
fn asked(clients: &Clients, provider: &str) -> String {
    match clients.other(&template(provider)) {
        Ok(provider) => provider.address(),
        Err(error) => {
            let text = format!("{} {:?}", error.chain(), error.hints());
            assert!(!text.contains("value-of-"), "{text}");
            text
        }
    }
}

#[test]
fn addresses_have_defaults() {
    let clients = clients(&[], |settings| settings.trusts_documents = true);
    for (provider, address) in [
        ("type: datadog", "https://api.datadoghq.com/"),
        ("type: datadog, address: ''", "https://api.datadoghq.com/"),
        ("type: newrelic", "https://insights-api.newrelic.com/"),
        (
            "type: graphite, address: 'http://a:8080/b'",
            "http://a:8080/b",
        ),
        ("type: influxdb, address: 'https://me:pw@a/'", "https://a/"),
        ("type: dynatrace, address: 'https://a/e/b'", "https://a/e/b"),
        (
            "type: splunk, address: 'wss://stream.us1.signalfx.com'",
            "https://stream.us1.signalfx.com/",
        ),
        (
            "type: splunk, address: 'https://api.us1.signalfx.com'",
            "https://stream.us1.signalfx.com/",
        ),
        (
            "type: splunk, address: 'ws://localhost:1'",
            "http://localhost:1/",
        ),
    ] {
        let provider = format!("{{{provider}, secretRef: {{name: a}}}}");
        assert_eq!(asked(&clients, &provider), address, "{provider}");
    }
    for kind in ["graphite", "influxdb", "dynatrace", "splunk"] {
        let told = asked(
            &clients,
            &format!("{{type: {kind}, secretRef: {{name: a}}}}"),
        );
        assert!(told.contains("spec.provider.address is missing"), "{told}");
    }
    let told = asked(
        &clients,
        "{type: datadog, address: 'ftp://a', secretRef: {name: a}}",
    );
    assert!(told.contains("is not http or https"), "{told}");
    let told = asked(&clients, "{type: nothing}");
    assert!(
        told.contains("asks `nothing`, which is no provider"),
        "{told}"
    );
}

#[test]
fn a_secret_goes_only_where_it_may() {
    let clients = clients(
        &["http://prometheus", "http://graphite=http://127.0.0.1:1"],
        |_| (),
    );
    let asked =
        |provider: &str| asked(&clients, &format!("{{{provider}, secretRef: {{name: a}}}}"));
    for (provider, address) in [
        ("type: datadog", "https://api.datadoghq.com/"),
        (
            "type: datadog, address: 'https://api.datadoghq.eu'",
            "https://api.datadoghq.eu/",
        ),
        (
            "type: newrelic, address: 'https://insights-api.eu.newrelic.com'",
            "https://insights-api.eu.newrelic.com/",
        ),
        (
            "type: splunk, address: 'https://stream.eu0.signalfx.com'",
            "https://stream.eu0.signalfx.com/",
        ),
        // The settings name it.
        (
            "type: influxdb, address: 'http://prometheus/influx'",
            "http://prometheus/influx",
        ),
        (
            "type: graphite, address: 'http://graphite'",
            "http://127.0.0.1:1/",
        ),
    ] {
        assert_eq!(asked(provider), address, "{provider}");
    }
    for provider in [
        "type: datadog, address: 'http://api.datadoghq.com'",
        "type: datadog, address: 'https://api.datadoghq.com:8443'",
        "type: datadog, address: 'https://api.datadoghq.com.evil.example'",
        "type: datadog, address: 'https://evil.example/api.datadoghq.com'",
        "type: datadog, address: 'https://stream.eu0.signalfx.com'",
        "type: splunk, address: 'https://signalfx.com.evil.example'",
        "type: splunk, address: 'https://evilsignalfx.com'",
        "type: dynatrace, address: 'https://abc.live.dynatrace.com'",
        "type: graphite, address: 'http://evil.example'",
    ] {
        let told = asked(provider);
        assert!(
            told.contains("the Secret a is not sent to http"),
            "{provider}: {told}"
        );
    }
}

#[test]
fn who_needs_no_secret_is_asked_without() {
    let clients = clients(&[], |_| ());
    for kind in ["graphite", "influxdb"] {
        let provider = format!("{{type: {kind}, address: 'http://a'}}");
        assert_eq!(asked(&clients, &provider), "http://a/");
    }
    let told = asked(&clients, "{type: datadog}");
    assert!(told.contains("the template names no Secret"), "{told}");
    let told = asked(&clients, "{type: datadog, secretRef: {name: other}}");
    assert!(
        told.contains("the Secret other is not given, or has no datadog_api_key"),
        "{told}"
    );
}

#[test]
fn strangers_make_nobody_ask_others_than_prometheus() {
    let clients = clients(&["http://graphite=http://127.0.0.1:1"], |settings| {
        settings.asks_only_named = true;
    });
    for provider in [
        "{type: datadog, secretRef: {name: a}}",
        "{type: graphite, address: 'http://graphite'}",
    ] {
        let error = clients.other(&template(provider)).unwrap_err();
        assert_eq!(error.kind(), Kind::Usage);
        assert!(
            error.message().contains("is not asked in a preview"),
            "{error}"
        );
    }
}

#[test]
fn a_client_is_made_once_for_each_template() {
    let clients = clients(&[], |_| ());
    let graphite = |name: &str| {
        let mut template = template("{type: graphite, address: 'http://a'}");
        name.clone_into(&mut template.metadata.name);
        match clients.other(&template).unwrap() {
            Provider::Graphite(graphite) => graphite,
            other => panic!("{other:?}"),
        }
    };
    assert!(Arc::ptr_eq(&graphite("a"), &graphite("a")));
    assert!(!Arc::ptr_eq(&graphite("a"), &graphite("b")));
}
