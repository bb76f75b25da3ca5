//! `spec.analysis`.

use super::*;

#[test]
fn steps() {
    check(&[
        ("analysis: {stepWeight: null}", &["E analysis"]),
        ("analysis: {iterations: 5}", &["E analysis.stepWeight"]),
        (
            "analysis: {iterations: 5, stepWeights: [1]}",
            &["E analysis.stepWeight", "E analysis.stepWeights"],
        ),
        ("analysis: {stepWeight: null, iterations: 5}", &[]),
        (
            "analysis: {stepWeight: null, iterations: 0}",
            &["E analysis.iterations"],
        ),
        ("analysis: {stepWeight: 0}", &["E analysis.stepWeight"]),
        ("analysis: {stepWeight: -5}", &["E analysis.stepWeight"]),
        ("analysis: {stepWeight: 101}", &["E analysis.stepWeight"]),
        ("analysis: {stepWeight: 100}", &[]),
        (
            "analysis: {stepWeight: null, stepWeights: [1, 10, 80]}",
            &[],
        ),
        (
            "analysis: {stepWeight: null, stepWeights: []}",
            &["E analysis.stepWeights"],
        ),
        (
            "analysis: {stepWeight: null, stepWeights: [50, 20]}",
            &["E analysis.stepWeights[1]"],
        ),
        (
            "analysis: {stepWeight: null, stepWeights: [10, 10, 50]}",
            &["E analysis.stepWeights[1]"],
        ),
        (
            "analysis: {stepWeight: null, stepWeights: [0, 10]}",
            &["E analysis.stepWeights[0]"],
        ),
        (
            "analysis: {stepWeight: null, stepWeights: [10, 60, 150]}",
            &["W analysis.stepWeights[2]"],
        ),
        ("analysis: {maxWeight: 150}", &["E analysis.maxWeight"]),
        ("analysis: {maxWeight: 0}", &["W analysis.maxWeight"]),
        (
            "analysis: {stepWeight: null, stepWeights: [1], maxWeight: 150}",
            &["W analysis.maxWeight"],
        ),
        (
            "analysis: {stepWeight: null, iterations: 1, maxWeight: 50}",
            &["W analysis.maxWeight"],
        ),
        (
            "analysis: {stepWeightPromotion: 101}",
            &["E analysis.stepWeightPromotion"],
        ),
        (
            "analysis: {primaryReadyThreshold: 101}",
            &["E analysis.primaryReadyThreshold"],
        ),
        (
            "analysis: {canaryReadyThreshold: -1}",
            &["E analysis.canaryReadyThreshold"],
        ),
    ]);
}

#[test]
fn time_and_threshold() {
    check(&[
        ("analysis: {interval: null}", &["E analysis.interval"]),
        ("analysis: {interval: 1h}", &["E analysis.interval"]),
        ("analysis: {interval: 1m30s}", &[]),
        ("analysis: {interval: 10mfoo}", &["W analysis.interval"]),
        ("analysis: {interval: 1min}", &["W analysis.interval"]),
        (
            "{analysis: {interval: 5s, metrics: [{name: request-duration, interval: 10s, thresholdRange: {max: 1}}]}}",
            &["W analysis.interval"],
        ),
        ("analysis: {threshold: null}", &["E analysis.threshold"]),
        ("analysis: {threshold: 0}", &["W analysis.threshold"]),
    ]);
    let (_, problems) = read::<Canary>(changed("analysis: {interval: 1h}"));
    assert_eq!(problems[0].hint.as_deref(), Some("write 60m"));
    let (_, problems) = read::<Canary>(changed("analysis: {interval: 1min}"));
    assert!(
        problems[0].message.contains("counts as 60s"),
        "{problems:?}"
    );
}

#[test]
fn matches_of_the_analysis() {
    check(&[
        (
            "analysis: {match: [{headers: {a: {exact: b}}}, {queryParams: {a: {regex: b}}}]}",
            &[],
        ),
        ("analysis: {match: [{}]}", &["E analysis.match[0]"]),
        (
            "analysis: {match: [{headers: {}}]}",
            &["E analysis.match[0]"],
        ),
        (
            "analysis: {match: [{headers: {a: {prefix: b}}}]}",
            &["E analysis.match[0].headers.a.prefix"],
        ),
        (
            "analysis: {match: [{headers: {a: {suffix: b}}}]}",
            &["E analysis.match[0].headers.a.suffix"],
        ),
        (
            "analysis: {match: [{headers: {a: {}}}]}",
            &["E analysis.match[0].headers.a"],
        ),
        (
            "analysis: {match: [{sourceLabels: {a: b}}]}",
            &["W analysis.match[0].sourceLabels", "E analysis.match[0]"],
        ),
        (
            "analysis: {match: [{uri: {prefix: /}, headers: {a: {exact: b}}}]}",
            &["W analysis.match[0].uri"],
        ),
        (
            "analysis: {stepWeight: null, iterations: 2, mirror: true, match: [{headers: {a: {exact: b}}}]}",
            &["W analysis.mirror"],
        ),
    ]);
}

#[test]
fn metrics() {
    let metric = |metric: &str, expected: &[&str]| {
        let change = format!("analysis: {{metrics: [{metric}]}}");
        check(&[(&change, expected)]);
    };
    check(&[
        ("analysis: {metrics: null}", &["W analysis.metrics"]),
        ("analysis: {metrics: []}", &["W analysis.metrics"]),
    ]);
    metric(
        "{thresholdRange: {max: 1}}",
        &["E analysis.metrics[0].name"],
    );
    metric(
        "{name: errors, thresholdRange: {max: 1}}",
        &["E analysis.metrics[0]"],
    );
    metric("{name: errors, query: up, thresholdRange: {max: 1}}", &[]);
    metric(
        "{name: errors, templateRef: {name: a, namespace: b}, thresholdRange: {max: 1}}",
        &[],
    );
    metric(
        "{name: errors, templateRef: {}, thresholdRange: {max: 1}}",
        &["E analysis.metrics[0].templateRef.name"],
    );
    metric(
        "{name: request-duration, query: up, thresholdRange: {max: 1}}",
        &["W analysis.metrics[0].query"],
    );
    metric(
        "{name: request-duration, threshold: 500}",
        &["W analysis.metrics[0].threshold"],
    );
    metric(
        "{name: request-duration, threshold: 500, thresholdRange: {max: 1}}",
        &["W analysis.metrics[0].threshold"],
    );
    metric("{name: request-duration}", &["W analysis.metrics[0]"]);
    metric(
        "{name: request-duration, thresholdRange: {}}",
        &["W analysis.metrics[0].thresholdRange"],
    );
    metric(
        "{name: request-duration, thresholdRange: {min: 2, max: 1}}",
        &["E analysis.metrics[0].thresholdRange"],
    );
    metric(
        "{name: request-duration, thresholdRange: {min: 1, max: 1}}",
        &[],
    );
    metric(
        "{name: request-duration, interval: 2m, thresholdRange: {max: 1}}",
        &["W analysis.metrics[0].interval"],
    );
    metric(
        "{name: request-duration, interval: 1h, thresholdRange: {max: 1}}",
        &["E analysis.metrics[0].interval"],
    );
    metric(
        "{name: request-duration, interval: 1min, thresholdRange: {max: 1}}",
        &["E analysis.metrics[0].interval"],
    );
}

#[test]
fn requests_of_a_metric() {
    let metric = |rest: &str, expected: &[&str]| {
        let change = format!(
            "analysis: {{metrics: [{{name: request-duration, thresholdRange: {{max: 1}}, {rest}}}]}}"
        );
        check(&[(change.as_str(), expected)]);
    };
    metric("minRequests: 100, requestsQuery: up", &[]);
    metric("minRequests: -1", &["E analysis.metrics[0].minRequests"]);
    metric(
        "requestsQuery: up",
        &["W analysis.metrics[0].requestsQuery"],
    );
}

#[test]
fn hooks_and_alerts() {
    check(&[
        (
            "analysis: {webhooks: [{name: a, url: 'http://a/b', type: rollout, timeout: 5s}]}",
            &[],
        ),
        (
            "analysis: {webhooks: [{}]}",
            &["E analysis.webhooks[0].name", "E analysis.webhooks[0].url"],
        ),
        (
            "analysis: {webhooks: [{name: a, url: a/b}]}",
            &["E analysis.webhooks[0].url"],
        ),
        (
            "analysis: {webhooks: [{name: a, url: 'http://a', type: gate}]}",
            &["E analysis.webhooks[0].type"],
        ),
        (
            "analysis: {webhooks: [{name: a, url: 'http://a', timeout: 1h, retries: -1}]}",
            &[
                "E analysis.webhooks[0].timeout",
                "E analysis.webhooks[0].retries",
            ],
        ),
        (
            "analysis: {webhooks: [{name: a, url: 'http://a', timeout: 0s, retries: 11, muteAlert: true}]}",
            &[
                "E analysis.webhooks[0].timeout",
                "W analysis.webhooks[0].retries",
                "W analysis.webhooks[0].muteAlert",
            ],
        ),
        (
            "analysis: {webhooks: [{name: a, url: 'http://a', type: confirm-rollout, muteAlert: true},
             {name: a, url: 'http://b'}, {name: a, url: 'http://a', type: rollout}]}",
            &["W analysis.webhooks[2].name"],
        ),
        (
            "analysis: {alerts: [{name: a, providerRef: {name: b}}]}",
            &[],
        ),
        (
            "analysis: {alerts: [{name: a, severity: '', providerRef: {name: b}}]}",
            &[],
        ),
        (
            "analysis: {alerts: [{severity: warning}]}",
            &[
                "E analysis.alerts[0].name",
                "E analysis.alerts[0].severity",
                "E analysis.alerts[0].providerRef",
            ],
        ),
    ]);
}

#[test]
fn session_affinity() {
    let affinity = |affinity: &str, expected: &[&str]| {
        let change = format!("analysis: {{sessionAffinity: {affinity}}}");
        let expected: Vec<String> = expected
            .iter()
            .map(|line| line.replacen(' ', " analysis.sessionAffinity.", 1))
            .collect();
        let expected: Vec<&str> = expected.iter().map(String::as_str).collect();
        check(&[(&change, &expected)]);
    };
    affinity(
        "{cookieName: a, primaryCookieName: b, maxAge: 0, sameSite: Lax, domain: a.b, path: /}",
        &[],
    );
    affinity("{}", &["E cookieName"]);
    affinity("{cookieName: a;b}", &["E cookieName"]);
    affinity(
        "{cookieName: a, primaryCookieName: a}",
        &["E primaryCookieName"],
    );
    affinity(
        "{cookieName: a, maxAge: -1, sameSite: lax, path: /;x}",
        &["E maxAge", "E path", "E sameSite"],
    );
    affinity(
        "{cookieName: a, sameSite: None, partitioned: true}",
        &["W sameSite", "W partitioned"],
    );
    affinity(
        "{cookieName: a, sameSite: None, partitioned: true, secure: true}",
        &[],
    );
}
