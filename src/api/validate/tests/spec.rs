//! `spec` and `spec.service`.

use super::*;

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
    let parents: Vec<String> = (0..33)
        .map(|number| format!("{{name: a{number}}}"))
        .collect();
    let parents = parents.join(",");
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
fn rules_about_what_could_not_be_read_are_silent() {
    check(&[
        ("targetRef: podinfo", &["E targetRef"]),
        ("service: {port: '80'}", &["E service.port"]),
        (
            "analysis: {metrics: [{name: a, query: 5, thresholdRange: {max: x}}]}",
            &[
                "E analysis.metrics[0].query",
                "E analysis.metrics[0].thresholdRange.max",
            ],
        ),
        (
            "analysis: {stepWeight: null, metrics: [{name: request-duration, threshold: x}]}",
            &["E analysis.metrics[0].threshold", "E analysis"],
        ),
        (
            "gitops: {applied: {from: flux, query: up}, promotion: {mode: feilds, fields: []}}",
            &["E gitops.applied.from", "E gitops.promotion.mode"],
        ),
        ("analysis: {stepWeight: ten}", &["E analysis.stepWeight"]),
        (
            "analysis: {metrics: [text, {}]}",
            &["E analysis.metrics[0]"],
        ),
    ]);
}
