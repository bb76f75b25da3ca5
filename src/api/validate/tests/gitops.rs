//! `spec.gitops`.

use super::*;

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
            "E gates[3].type",
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
    gitops(
        "{windows: [{type: allow, timeZone: Europe/Atlantis}]}",
        &["E windows[0].timeZone"],
    );
}

#[test]
fn whoever_asks_to_be_held_by_the_share_is_told_where_nobody_looks() {
    let hold = "gitops: {observedShare: hold}";
    let told: &[&str] = &["W gitops.observedShare"];
    let with = |analysis: &str| format!("{{{hold}, analysis: {{{analysis}}}}}");
    let own = "metrics: [{name: own, query: up, thresholdRange: {max: 1}}]";
    check(&[
        (hold, &[]),
        (&with(own), told),
        (&with("stepWeight: null, iterations: 5"), told),
        (&with("sessionAffinity: {cookieName: a}"), told),
        (
            &with(
                "interval: 20s, metrics: [{name: request-success-rate, interval: 1m, thresholdRange: {min: 99}}]",
            ),
            &["W analysis.metrics[0].interval", "W gitops.observedShare"],
        ),
        (
            "{gitops: {observedShare: warn}, analysis: {stepWeight: null, iterations: 5}}",
            &[],
        ),
    ]);
}
