//! What cannot be carried out, and the other kinds.

use super::*;

#[test]
fn what_this_version_cannot_do() {
    let left = |change: &str| {
        let (canary, problems) = read::<Canary>(changed(change));
        assert!(
            !problems.iter().any(Problem::is_error),
            "{change}: {problems:#?}"
        );
        told(&unsupported(&canary.unwrap()))
    };
    assert_eq!(left("{}"), [""; 0]);
    assert_eq!(
        left(
            "analysis: {webhooks: [{name: a, url: 'http://a'}], alerts: [{name: a, providerRef: {name: a}}]}"
        ),
        [""; 0]
    );
    assert_eq!(
        left("{gitops: {route: {name: a}, readiness: {from: none}, onDrift: follow}}"),
        [""; 0]
    );
    assert_eq!(
        left(
            "{targetRef: {kind: DaemonSet}, autoscalerRef: {apiVersion: a, kind: ScaledObject, name: a}}"
        ),
        [""; 0]
    );
    assert_eq!(
        left("targetRef: {kind: Service}"),
        ["E spec.targetRef.kind"]
    );
    assert_eq!(
        left(
            "{gitops: {routes: [{name: a}], applied: {from: githubStatus}, readiness: {from: applied},
             promotion: {mode: fields, fields: [{from: {file: a, path: b}, to: {file: c, path: d}}]},
             onFailure: revert, gates: [{type: confirm-rollout}], gateway: {}, observedShare: hold,
             windows: [{type: deny}]}, analysis: {catchUp: false}}"
        ),
        [""; 0]
    );
}

#[test]
fn metric_templates() {
    let template = |spec: &str| {
        let text = format!(
            "{{apiVersion: flagger.app/v1beta1, kind: MetricTemplate, metadata: {{name: a}}, spec: {spec}}}"
        );
        told(&read::<MetricTemplate>(serde_yaml::from_str(&text).unwrap()).1)
    };
    assert_eq!(
        template("{provider: {type: prometheus, address: 'http://a:9090'}, query: up}"),
        [""; 0]
    );
    assert_eq!(template("{}"), ["E spec.query", "E spec.provider"]);
    assert_eq!(
        template("{provider: {type: promtheus}, query: up}"),
        ["E spec.provider.type"]
    );
    assert_eq!(
        template(
            "{provider: {type: cloudwatch, headers: {a b: [c]}, address: a, secretRef: {}}, query: up}"
        ),
        [
            "W spec.provider.headers",
            "W spec.provider.secretRef",
            "E spec.provider.region",
            "E spec.provider.address",
            "E spec.provider.headers.a b",
            "E spec.provider.secretRef.name",
        ]
    );
}

#[test]
fn what_each_provider_needs() {
    let provider = |provider: &str| {
        let text = format!(
            "{{apiVersion: flagger.app/v1beta1, kind: MetricTemplate, metadata: {{name: a}},
              spec: {{query: up, provider: {provider}}}}}"
        );
        let problems = read::<MetricTemplate>(serde_yaml::from_str(&text).unwrap()).1;
        told(&problems)
    };
    let address = "E spec.provider.address";
    let secret = "E spec.provider.secretRef";
    for (kind, needed) in [
        ("prometheus", &[][..]),
        ("influxdb", &[address]),
        ("datadog", &[secret]),
        ("stackdriver", &[]),
        ("cloudwatch", &["E spec.provider.region"]),
        ("newrelic", &[secret]),
        ("graphite", &[address]),
        ("dynatrace", &[address, secret]),
        ("splunk", &[address, secret]),
    ] {
        let wanted: Vec<&str> = match needed {
            [] => vec![""],
            needed => needed.to_vec(),
        };
        assert_eq!(provider(&format!("{{type: {kind}}}")), wanted, "{kind}");
        let with = match kind {
            "cloudwatch" => "region: eu-west-1",
            _ => "address: 'https://a', secretRef: {name: a}",
        };
        assert_eq!(
            provider(&format!("{{type: {kind}, {with}}}")),
            [""],
            "{kind}"
        );
    }
    assert_eq!(
        provider("{type: splunk, address: 'wss://stream.us1.signalfx.com', secretRef: {name: a}}"),
        [""]
    );
    assert_eq!(
        provider(
            "{type: datadog, address: 'wss://a', secretRef: {name: a}, region: a, insecureSkipVerify: true}"
        ),
        [
            "W spec.provider.region",
            "W spec.provider.insecureSkipVerify",
            address,
        ]
    );
    assert_eq!(
        provider(
            "{type: graphite, address: 'http://a', insecureSkipVerify: true, headers: {a: [b]}}"
        ),
        ["W spec.provider.headers"]
    );
}

#[test]
fn alert_providers() {
    let provider = |spec: &str| {
        let text = format!(
            "{{apiVersion: flagger.app/v1beta1, kind: AlertProvider, metadata: {{name: a}}, spec: {spec}}}"
        );
        told(&read::<AlertProvider>(serde_yaml::from_str(&text).unwrap()).1)
    };
    assert_eq!(provider("{type: slack, address: 'https://a/b'}"), [""; 0]);
    assert_eq!(provider("{type: discord, secretRef: {name: a}}"), [""; 0]);
    assert_eq!(provider("{type: webhook, address: 'https://a/b'}"), [""; 0]);
    assert_eq!(provider("{}"), ["E spec.type", "E spec"]);
    assert_eq!(
        provider("{type: telegram, address: x, proxy: y, secretRef: {}}"),
        [
            "E spec.type",
            "E spec.address",
            "E spec.address",
            "E spec.proxy",
            "E spec.secretRef.name",
        ]
    );
}
