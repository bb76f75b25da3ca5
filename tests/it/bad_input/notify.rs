//! Webhooks and alert providers that cannot be used.

use crate::support::assert_ran;

use super::{CANARY, beside_a_neighbour, changes_nothing, fails_alone};
use crate::support::gitops::World;
use crate::support::world::git;

const ANALYSIS: &str = "    stepWeight: 25 # two steps\n";

const ON_CALL: &str = "apps/podinfo/on-call.yaml";

fn with(lines: &str) -> String {
    format!("{ANALYSIS}{lines}")
}

#[test]
fn webhooks_that_cannot_be_called() {
    let lines = with(
        "    webhooks:
      - {name: load, url: loadtester.test/, timeout: 5}
      - {name: gate, type: confirm-rolout, url: http://gate}
      - {name: mail, type: event, url: mailto://a, retries: 50}
",
    );
    let world = beside_a_neighbour(&[(CANARY, ANALYSIS, &lines)]);
    insta::assert_snapshot!(fails_alone(&world, 3), @r#"
    error: Canary test/podinfo cannot be carried out
    error: must be text, found 5
      --> apps/podinfo/canary.yaml:24:54
       |
    24 |       - {name: load, url: loadtester.test/, timeout: 5}
       |                                                      ^ spec.analysis.webhooks[0].timeout
       |
       = help: put it in quotes: "5"

    error: must be one of `rollout`, `confirm-rollout`, `pre-rollout`, `confirm-traffic-increase`, `confirm-promotion`, `post-rollout`, `rollback`, `event`, found "confirm-rolout"
      --> apps/podinfo/canary.yaml:25:28
       |
    25 |       - {name: gate, type: confirm-rolout, url: http://gate}
       |                            ^^^^^^^^^^^^^^ spec.analysis.webhooks[1].type
       |
       = help: did you mean `confirm-rollout`?

    error: is no address: relative URL without a base, found "loadtester.test/"
      --> apps/podinfo/canary.yaml:24:27
       |
    24 |       - {name: load, url: loadtester.test/, timeout: 5}
       |                           ^^^^^^^^^^^^^^^^ spec.analysis.webhooks[0].url
       |
       = help: write it as http://name.namespace:port/path

    error: must be an http or https address, found "mailto://a"
      --> apps/podinfo/canary.yaml:26:40
       |
    26 |       - {name: mail, type: event, url: mailto://a, retries: 50}
       |                                        ^^^^^^^^^^ spec.analysis.webhooks[2].url

    warning: is more than 10, after which nothing is repeated
      --> apps/podinfo/canary.yaml:26:61
       |
    26 |       - {name: mail, type: event, url: mailto://a, retries: 50}
       |                                                             ^^ spec.analysis.webhooks[2].retries
    "#);
}

#[test]
fn a_query_of_requests_that_cannot_be_rendered() {
    let metric = "metrics:\n      - {name: a, query: up, minRequests: 9, requestsQuery: 'x{{ targt }}', thresholdRange: {min: 1}}\n";
    let world = beside_a_neighbour(&[(CANARY, "metrics:\n", metric)]);
    insta::assert_snapshot!(fails_alone(&world, 3), @"
    error: Canary test/podinfo cannot be carried out
    error: the query cannot be rendered: line 1, column 5: `targt` is not known here
      --> apps/podinfo/canary.yaml:24:61
       |
    24 |       - {name: a, query: up, minRequests: 9, requestsQuery: 'x{{ targt }}', thresholdRange: {min: 1}}
       |                                                             ^^^^^^^^^^^^^^ spec.analysis.metrics[0].requestsQuery
       |
       = help: names: name, namespace, target, service, ingress, route, interval, variables; functions: and, eq, ge, gt, index, le, len, lt, ne, not, or, print, printf, println, slice, urlquery
    ");
}

/// An alert, and the provider it names.
fn alerting(provider: &str) -> World {
    let lines = with("    alerts: [{name: ops, providerRef: {name: on-call}}]\n");
    let world = World::with(&[(CANARY, ANALYSIS, &lines)]);
    world.put(
        ON_CALL,
        format!(
            "apiVersion: flagger.app/v1beta1
kind: AlertProvider
metadata: {{name: on-call, namespace: test}}
spec:
{provider}"
        ),
    );
    world
}

#[test]
fn an_alert_provider_of_unknown_type_is_found_by_validate() {
    let world = alerting("  type: slak\n  address: https://hooks.example.com/a\n");
    git(&world.checkout(), &["pull", "--quiet"]);
    let call = world.weirkeeper(["validate", ON_CALL]);
    let ran = changes_nothing(&world, call, 3);
    assert_ran!(world, ran, @r#"
    exit code: 3
    ----- stdout
    error: must be one of `slack`, `msteams`, `discord`, `rocket`, `gchat`, `webhook`, found "slak"
     --> apps/podinfo/on-call.yaml:5:9
      |
    5 |   type: slak
      |         ^^^^ spec.type
      |
      = help: did you mean `slack`?
    ----- stderr
    1 document: 1 error
    "#);
}

#[test]
fn an_alert_provider_that_is_wrong_stops_no_release() {
    let world = alerting("  type: slack\n");
    let ran = world.next().exits(0);
    insta::assert_snapshot!(ran.stderr, @"
    warning: nobody is told: AlertProvider test/on-call is not valid: apps/podinfo/on-call.yaml:4:1: spec: needs `address` or `secretRef`
      --> apps/podinfo/canary.yaml:23:46
       |
    23 |     alerts: [{name: ops, providerRef: {name: on-call}}]
       |                                              ^^^^^^^ spec.analysis.alerts[0].providerRef.name
    ");
}

#[test]
fn an_alert_provider_that_is_missing_stops_no_release() {
    let lines = with("    alerts: [{name: ops, providerRef: {name: on-call, namespace: infra}}]\n");
    let world = World::with(&[(CANARY, ANALYSIS, &lines)]);
    let ran = world.next().exits(0);
    insta::assert_snapshot!(ran.stderr, @"
    warning: nobody is told: there is no AlertProvider infra/on-call in the repository
      --> apps/podinfo/canary.yaml:23:46
       |
    23 |     alerts: [{name: ops, providerRef: {name: on-call, namespace: infra}}]
       |                                              ^^^^^^^ spec.analysis.alerts[0].providerRef.name
       |
       = help: commit the AlertProvider, or set providerRef.namespace to where it is
    ");
}
