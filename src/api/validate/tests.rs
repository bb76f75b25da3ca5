//! Every rule once: a change to a good Canary, and what is said about it.

use std::path::{Path, PathBuf};

use serde_yaml::Value;

use super::*;

const GOOD: &str = "
apiVersion: flagger.app/v1beta1
kind: Canary
metadata: {name: podinfo, namespace: test}
spec:
  targetRef: {apiVersion: apps/v1, kind: Deployment, name: podinfo}
  service: {port: 9898}
  analysis:
    interval: 1m
    threshold: 5
    stepWeight: 10
    metrics: [{name: request-success-rate, thresholdRange: {min: 99}}]
";

/// Mappings are merged, null removes, anything else replaces.
fn merge(into: &mut Value, change: Value) {
    match (into, change) {
        (Value::Mapping(into), Value::Mapping(change)) => {
            for (key, value) in change {
                match into.get_mut(&key) {
                    Some(old) => merge(old, value),
                    None => {
                        into.insert(key, value);
                    }
                }
            }
        }
        (into, change) => *into = change,
    }
}

/// `E path` or `W path` for every problem.
fn told(problems: &[Problem]) -> Vec<String> {
    let line = |problem: &Problem| {
        let severity = if problem.is_error() { 'E' } else { 'W' };
        format!("{severity} {}", problem.path)
    };
    problems.iter().map(line).collect()
}

fn changed(spec: &str) -> Value {
    let mut value: Value = serde_yaml::from_str(GOOD).unwrap();
    let change: Value = serde_yaml::from_str(spec).unwrap();
    merge(value.get_mut("spec").unwrap(), change);
    value
}

/// Each item of the table: a change to `spec`, and what is said below `spec`.
fn check(table: &[(&str, &[&str])]) {
    for (change, expected) in table {
        let (_, problems) = read::<Canary>(changed(change));
        let expected: Vec<String> = expected
            .iter()
            .map(|line| line.replacen(' ', " spec.", 1))
            .collect();
        assert_eq!(told(&problems), expected, "{change}: {problems:#?}");
    }
}

#[test]
fn the_good_canary_is_good() {
    check(&[("{}", &[])]);
}

#[test]
fn the_head_of_a_document() {
    let head = |head: &str| {
        let mut value = changed("{}");
        merge(&mut value, serde_yaml::from_str(head).unwrap());
        told(&read::<Canary>(value).1)
    };
    assert_eq!(head("apiVersion: flagger.app/v1alpha3"), ["E apiVersion"]);
    assert_eq!(head("kind: canary"), ["E kind"]);
    assert_eq!(head("metadata: {name: null}"), ["E metadata.name"]);
    assert_eq!(head("metadata: {name: Pod_info}"), ["E metadata.name"]);
    assert_eq!(head("metadata: {namespace: a.b}"), ["E metadata.namespace"]);
    assert_eq!(
        head("spec: null"),
        ["E spec.targetRef", "E spec.service", "E spec.analysis"]
    );
}

#[test]
fn references() {
    check(&[
        ("targetRef: null", &["E targetRef"]),
        (
            "targetRef: {kind: null, name: ''}",
            &["E targetRef.kind", "E targetRef.name"],
        ),
        ("targetRef: {kind: StatefulSet}", &["E targetRef.kind"]),
        ("targetRef: {kind: DaemonSet}", &[]),
        ("targetRef: {name: a.b}", &["E targetRef.name"]),
        ("{targetRef: {name: a.b}, service: {name: a}}", &[]),
        ("targetRef: {namespace: other}", &["W targetRef.namespace"]),
        (
            "autoscalerRef: {}",
            &[
                "E autoscalerRef.apiVersion",
                "E autoscalerRef.kind",
                "E autoscalerRef.name",
            ],
        ),
        (
            "autoscalerRef: {apiVersion: a/v1, kind: VPA, name: a}",
            &["E autoscalerRef.kind"],
        ),
        (
            "autoscalerRef: {apiVersion: autoscaling/v2, kind: HorizontalPodAutoscaler, name: a, \
             primaryScalerQueries: {a: b}, primaryScalerReplicas: {minReplicas: 0, maxReplicas: 2}}",
            &[
                "W autoscalerRef.primaryScalerQueries",
                "E autoscalerRef.primaryScalerReplicas.minReplicas",
            ],
        ),
        (
            "autoscalerRef: {apiVersion: keda.sh/v1alpha1, kind: ScaledObject, name: a, \
             primaryScalerReplicas: {minReplicas: 5, maxReplicas: 2}}",
            &["E autoscalerRef.primaryScalerReplicas.maxReplicas"],
        ),
        (
            "ingressRef: {apiVersion: a, kind: Service, name: a}",
            &["E ingressRef.kind"],
        ),
        ("routeRef: {apiVersion: a, kind: ApisixRoute, name: a}", &[]),
        (
            "upstreamRef: {apiVersion: a, kind: Upstream, name: a}",
            &["W upstreamRef"],
        ),
    ]);
}

#[test]
fn providers() {
    check(&[
        ("provider: gatewayapi:v1", &[]),
        ("provider: gatewayapi:v1beta1", &["W provider"]),
        ("provider: gatewayapi", &["E provider"]),
        ("provider: isto", &["E provider"]),
        ("provider: istio", &["W provider"]),
        (
            "{provider: istio, service: {retries: {attempts: 3}, gateways: [mesh]}}",
            &["W provider"],
        ),
        (
            "service: {retries: {attempts: 3}, gateways: [mesh], trafficPolicy: {tls: {mode: DISABLE}}}",
            &[
                "W service.retries",
                "W service.trafficPolicy",
                "W service.gateways",
            ],
        ),
        (
            "analysis: {mirrorWeight: 100}",
            &["W analysis.mirrorWeight"],
        ),
    ]);
    let (_, problems) = read::<Canary>(changed(
        "{provider: istio, service: {retries: {attempts: 3}, match: [{uri: {prefix: /}, port: 80}]}}",
    ));
    assert_eq!(
        problems[0].message,
        "`istio` is treated as `gatewayapi:v1`; ignored: `spec.service.retries`, `spec.service.match[0].port`"
    );
}

#[test]
fn top_level() {
    check(&[
        ("metricsServer: prometheus:9090", &["E metricsServer"]),
        ("metricsServer: http://prometheus:9090", &[]),
        (
            "progressDeadlineSeconds: -1",
            &["E progressDeadlineSeconds"],
        ),
        ("progressDeadlineSeconds: 0", &[]),
        ("revertOnDeletion: true", &["W revertOnDeletion"]),
        ("service: null", &["E service"]),
        ("{service: null, provider: knative}", &["W provider"]),
        ("analysis: null", &["E analysis"]),
        ("canaryAnalysis: {interval: 1m}", &["W canaryAnalysis"]),
    ]);
}

#[test]
fn services() {
    check(&[
        ("service: {port: null}", &["E service.port"]),
        ("service: {port: 0}", &["E service.port"]),
        ("service: {port: 65536}", &["E service.port"]),
        ("service: {targetPort: 0}", &[]),
        ("service: {targetPort: http}", &[]),
        ("service: {targetPort: '8080'}", &["E service.targetPort"]),
        (
            "service: {targetPort: a-very-long-port-name}",
            &["E service.targetPort"],
        ),
        ("service: {portName: HTTP}", &["E service.portName"]),
        ("service: {name: 9podinfo}", &["E service.name"]),
        (
            "service: {name: a23456789b123456789c123456789d123456789e123456789f123456}",
            &["E service.name"],
        ),
        (
            "service: {trafficDistribution: Close}",
            &["E service.trafficDistribution"],
        ),
        ("service: {timeout: 0.5s}", &["E service.timeout"]),
        (
            "service: {timeout: 15s, backendTimeout: 20s}",
            &["E service.backendTimeout"],
        ),
        ("service: {timeout: 0s, backendTimeout: 20s}", &[]),
        ("service: {timeout: 15s, backendTimeout: 15s}", &[]),
        ("service: {hosts: ['*.example.com', a.example.com]}", &[]),
        (
            "service: {hosts: ['*', 'a_b', 10.0.0.1]}",
            &[
                "W service.hosts[0]",
                "E service.hosts[1]",
                "E service.hosts[2]",
            ],
        ),
        ("service: {gatewayRefs: []}", &["E service.gatewayRefs"]),
        (
            "service: {gatewayRefs: [{name: a, namespace: b, group: g.io, kind: Gateway, sectionName: http, port: 80}]}",
            &[],
        ),
        (
            "service: {gatewayRefs: [{namespace: A, group: -, kind: '9', sectionName: '', port: 0}]}",
            &[
                "E service.gatewayRefs[0].group",
                "E service.gatewayRefs[0].kind",
                "E service.gatewayRefs[0].name",
                "E service.gatewayRefs[0].namespace",
                "E service.gatewayRefs[0].sectionName",
                "E service.gatewayRefs[0].port",
            ],
        ),
        (
            "service: {mirror: [{}]}",
            &["E service.mirror[0].backendRef"],
        ),
        (
            "service: {mirror: [{backendRef: {name: a}}]}",
            &["E service.mirror[0].backendRef.port"],
        ),
        (
            "service: {mirror: [{backendRef: {name: a, group: b.io, kind: C}}]}",
            &[],
        ),
        (
            "service: {rewrite: {type: prefix}}",
            &["W service.rewrite.type", "W service.rewrite"],
        ),
        (
            "service: {headers: {request: {add: {'a b': c}, remove: ['']}}}",
            &[
                "E service.headers.request.add.a b",
                "E service.headers.request.remove[0]",
            ],
        ),
        (
            "service: {corsPolicy: {maxAge: 1d}}",
            &["W service.corsPolicy.maxAge"],
        ),
        (
            "service: {corsPolicy: {maxAge: 10ms}}",
            &["E service.corsPolicy.maxAge"],
        ),
        (
            "service: {corsPolicy: {allowOrigins: [{exact: a}]}}",
            &["W service.corsPolicy.allowOrigins"],
        ),
    ]);
    let parents = vec!["{name: a}"; 33].join(",");
    let change = format!("service: {{gatewayRefs: [{parents}]}}");
    check(&[(&change, &["E service.gatewayRefs"])]);
}

#[test]
fn matches_of_the_service() {
    check(&[
        (
            "service: {match: [{uri: {prefix: /}}, {method: {exact: GET}}]}",
            &[],
        ),
        (
            "service: {match: [{uri: {prefix: api}}]}",
            &["E service.match[0].uri.prefix"],
        ),
        (
            "service: {match: [{uri: {suffix: /}}]}",
            &["E service.match[0].uri.suffix"],
        ),
        (
            "service: {match: [{uri: {prefix: /, exact: /}}]}",
            &["E service.match[0].uri"],
        ),
        (
            "service: {match: [{method: {regex: G.*}}]}",
            &["E service.match[0].method.regex"],
        ),
        (
            "service: {match: [{method: {exact: get}}]}",
            &["E service.match[0].method.exact"],
        ),
        (
            "service: {match: [{headers: {a: {prefix: b}}}]}",
            &["E service.match[0].headers.a.prefix"],
        ),
        ("service: {match: [{headers: {a: {regex: b}}}]}", &[]),
        (
            "service: {match: [{queryParams: {a: {prefix: b}}}]}",
            &["E service.match[0].queryParams.a.prefix"],
        ),
        (
            "service: {match: [{scheme: {exact: https}, authority: {exact: a}, ignoreUriCase: true}]}",
            &[
                "W service.match[0].scheme",
                "W service.match[0].authority",
                "W service.match[0].ignoreUriCase",
                "W service.match[0]",
            ],
        ),
    ]);
}

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
        &["E analysis.metrics[0].name"],
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

#[test]
fn gitops() {
    let gitops = |gitops: &str, expected: &[&str]| {
        let change = format!("gitops: {gitops}");
        let expected: Vec<String> = expected
            .iter()
            .map(|line| line.replacen(' ', " gitops.", 1))
            .collect();
        let expected: Vec<&str> = expected.iter().map(String::as_str).collect();
        check(&[(&change, &expected)]);
    };
    gitops(
        "{path: apps/podinfo, route: {name: a, kind: GRPCRoute, rule: main}}",
        &[],
    );
    gitops("{path: ../x}", &["E path"]);
    gitops(
        "{route: {name: A, kind: Ingress, rule: '', path: a}}",
        &[
            "E route.path",
            "E route.name",
            "E route.kind",
            "E route.rule",
        ],
    );
    gitops(
        "{route: {}, routes: [{path: /a}]}",
        &["E routes", "E routes[0].path"],
    );
    gitops("{routes: []}", &["E routes"]);
    gitops("{routes: [{name: a}, {name: a}]}", &["E routes[1]"]);
    gitops("{promotion: {mode: fields}}", &["E promotion.fields"]);
    gitops(
        "{promotion: {fields: [{from: {file: a, path: b}, to: {kind: C, name: d, path: e}}]}}",
        &["E promotion.fields"],
    );
    gitops(
        "{promotion: {mode: fields, fields: [{from: {file: a, path: b}, to: {kind: C, name: d, path: 'e[0]'}}]}}",
        &[],
    );
    gitops(
        "{promotion: {mode: fields, fields: [{from: {file: /a, path: b..c}, to: {kind: C}}, {from: {path: a}}]}}",
        &[
            "E promotion.fields[0].from.file",
            "E promotion.fields[0].from.path",
            "E promotion.fields[0].to.name",
            "E promotion.fields[0].to.path",
            "E promotion.fields[1].from",
            "E promotion.fields[1].to",
        ],
    );
    gitops("{applied: {from: prometheus}}", &["E applied.query"]);
    gitops("{applied: {from: delay}}", &["E applied.delay"]);
    gitops(
        "{applied: {from: delay, delay: soon, query: up}}",
        &["W applied.query", "E applied.delay"],
    );
    gitops(
        "{applied: {from: githubStatus, context: a, timeout: 10m}}",
        &[],
    );
    gitops("{applied: {from: flux}}", &["E applied.from"]);
    gitops("{readiness: {from: applied}}", &["E readiness.from"]);
    gitops(
        "{readiness: {from: none, query: up}}",
        &["W readiness.query"],
    );
    gitops(
        "{gates: [{type: confirm-promotion, timeout: 1h, onTimeout: abort}]}",
        &[],
    );
    gitops(
        "{gates: [{}, {type: rollout}, {type: confirm-rollout, onTimeout: stop}, {type: confirm-rollout, timeout: x}]}",
        &[
            "E gates[0].type",
            "E gates[1].type",
            "E gates[2].onTimeout",
            "W gates[2].onTimeout",
            "E gates[3].timeout",
        ],
    );
    gitops(
        "{windows: [{type: allow, days: [Mon, Fri], hours: '09:00-17:00', timeZone: Europe/Berlin}]}",
        &[],
    );
    gitops(
        "{windows: [{days: [Monday], hours: 9-17, timeZone: +02:00}, {type: deny, days: []}]}",
        &[
            "E windows[0].type",
            "E windows[0].days[0]",
            "E windows[0].hours",
            "E windows[0].timeZone",
            "E windows[1].days",
        ],
    );
}

#[test]
fn rules_about_what_could_not_be_read_are_silent() {
    check(&[
        ("targetRef: podinfo", &["E targetRef"]),
        ("service: {port: '80'}", &["E service.port"]),
        ("analysis: {stepWeight: ten}", &["E analysis.stepWeight"]),
        (
            "analysis: {metrics: [text, {}]}",
            &["E analysis.metrics[0]"],
        ),
    ]);
}

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
        left("{gitops: {route: {name: a}, readiness: {from: none}, onDrift: follow}}"),
        [""; 0]
    );
    assert_eq!(
        left(
            "{targetRef: {kind: DaemonSet}, autoscalerRef: {apiVersion: a, kind: ScaledObject, name: a}}"
        ),
        ["E spec.targetRef.kind", "E spec.autoscalerRef"]
    );
    assert_eq!(
        left("analysis: {stepWeight: null, iterations: 5}"),
        ["E spec.analysis.iterations"]
    );
    assert_eq!(
        left(
            "analysis: {mirror: true, match: [{headers: {a: {exact: b}}}], sessionAffinity: {cookieName: a},
             webhooks: [{name: a, url: 'http://a'}], alerts: [{name: a, providerRef: {name: a}}]}"
        ),
        [
            "E spec.analysis.match",
            "E spec.analysis.mirror",
            "E spec.analysis.sessionAffinity",
            "E spec.analysis.webhooks",
            "W spec.analysis.alerts",
        ]
    );
    assert_eq!(
        left(
            "gitops: {routes: [{name: a}], applied: {from: githubStatus}, readiness: {from: applied},
             promotion: {mode: fields, fields: [{from: {file: a, path: b}, to: {file: c, path: d}}]},
             onFailure: revert, gates: [{type: confirm-rollout}], gateway: {}, observedShare: hold,
             windows: [{type: deny}]}"
        ),
        [
            "E spec.gitops.routes",
            "E spec.gitops.promotion.mode",
            "E spec.gitops.applied.from",
            "E spec.gitops.readiness.from",
            "E spec.gitops.onFailure",
            "E spec.gitops.gates",
            "E spec.gitops.gateway",
            "E spec.gitops.observedShare",
            "E spec.gitops.windows",
        ]
    );
}

#[test]
fn what_a_generated_route_cannot_have() {
    let left = |change: &str| {
        let (canary, _) = read::<Canary>(changed(change));
        told(&unsupported_in_generated_route(&canary.unwrap()))
    };
    assert_eq!(
        left("service: {gatewayRefs: [{name: a}], hosts: [a.b], timeout: 1s}"),
        [""; 0]
    );
    assert_eq!(left("service: null"), ["E spec.service"]);
    assert_eq!(
        left(
            "service: {hosts: ['*'], match: [{uri: {prefix: /}}], rewrite: {uri: /}, headers: {}, headless: true, portDiscovery: true}"
        ),
        [
            "E spec.service.gatewayRefs",
            "E spec.service.hosts[0]",
            "E spec.service.match",
            "E spec.service.rewrite",
            "E spec.service.headers",
            "E spec.service.portDiscovery",
            "E spec.service.headless",
        ]
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
            "E spec.provider.region",
            "E spec.provider.address",
            "E spec.provider.headers.a b",
            "E spec.provider.secretRef.name",
        ]
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

/// Every problem of the one document in `text`.
fn read_any(text: &str) -> Vec<Problem> {
    let value: Value = serde_yaml::from_str(text).unwrap();
    match value.get("kind").and_then(Value::as_str) {
        Some("MetricTemplate") => read::<MetricTemplate>(value).1,
        Some("AlertProvider") => read::<AlertProvider>(value).1,
        _ => read::<Canary>(value).1,
    }
}

fn fixtures(folder: &str) -> Vec<(PathBuf, String)> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/canaries");
    let mut files: Vec<PathBuf> = fs_err::read_dir(root.join(folder))
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    files.sort();
    assert!(!files.is_empty());
    let read = |path: PathBuf| {
        let text = fs_err::read_to_string(&path).unwrap();
        (path, text)
    };
    files.into_iter().map(read).collect()
}

#[test]
fn valid_fixtures_have_no_problem_at_all() {
    for (path, text) in fixtures("valid") {
        let problems = read_any(&text);
        assert!(problems.is_empty(), "{}: {problems:#?}", path.display());
    }
}

/// Each file begins with `# error: <path>: <part of the message>` for every
/// error, and `# warning: …` for every warning.
#[test]
fn invalid_fixtures_have_the_problems_they_say() {
    for (path, text) in fixtures("invalid") {
        let mut expected: Vec<(bool, &str, &str)> = Vec::new();
        for line in text.lines() {
            let (is_error, rest) = match (
                line.strip_prefix("# error: "),
                line.strip_prefix("# warning: "),
            ) {
                (Some(rest), _) => (true, rest),
                (_, Some(rest)) => (false, rest),
                (None, None) => break,
            };
            let (field, part) = rest.split_once(": ").unwrap();
            expected.push((is_error, field, part));
        }
        let mut problems = read_any(&text);
        for (is_error, field, part) in expected {
            let position = problems.iter().position(|problem| {
                problem.is_error() == is_error
                    && problem.path.to_string() == field
                    && problem.message.contains(part)
            });
            let Some(position) = position else {
                panic!("{}: no `{field}: {part}` in {problems:#?}", path.display());
            };
            problems.remove(position);
        }
        assert!(
            problems.is_empty(),
            "{}: also {problems:#?}",
            path.display()
        );
    }
}

#[allow(clippy::disallowed_methods, reason = "tests read where the corpus is")]
fn corpus() -> Option<PathBuf> {
    let found = std::env::var("WEIRKEEPER_CORPUS").ok();
    if found.is_none() {
        println!("skipped: WEIRKEEPER_CORPUS names no folder");
    }
    found.map(PathBuf::from)
}

/// The field a line of `crd_errors` is about: `spec: 'analysis' is a required
/// property` is about `spec.analysis`.
fn field_of(error: &str) -> FieldPath {
    let (path, message) = error.split_once(": ").unwrap();
    let path: FieldPath = path.parse().unwrap();
    match message.split_once("' is a required property") {
        Some((name, _)) => path.key(name.trim_start_matches('\'')),
        None => path,
    }
}

#[test]
fn the_corpus_is_judged_as_by_the_schema() {
    let Some(corpus) = corpus() else { return };
    let folder = corpus.join("canaries");
    let index = fs_err::read_to_string(folder.join("index.tsv")).unwrap();
    let mut rows = index.lines();
    let head: Vec<&str> = rows.next().unwrap().split('\t').collect();
    let column = |name: &str| head.iter().position(|head| *head == name).unwrap();
    let (file, valid, errors) = (column("file"), column("valid_by_crd"), column("crd_errors"));
    for row in rows {
        let row: Vec<&str> = row.split('\t').collect();
        let text = fs_err::read_to_string(folder.join(row[file])).unwrap();
        let problems: Vec<Problem> = read_any(&text)
            .into_iter()
            .filter(Problem::is_error)
            .collect();
        if row[valid] == "true" {
            assert!(problems.is_empty(), "{}: {problems:#?}", row[file]);
            continue;
        }
        for error in row[errors]
            .split(" | ")
            .filter(|error| error.contains(": "))
        {
            let field = field_of(error);
            let told = problems
                .iter()
                .any(|problem| problem.path.starts_with(&field));
            assert!(
                told,
                "{}: nothing about {field} in {problems:#?}",
                row[file]
            );
        }
        assert!(!problems.is_empty(), "{}", row[file]);
    }
}
