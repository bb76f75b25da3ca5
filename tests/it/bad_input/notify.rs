//! Webhooks and alert providers that cannot be used.

use crate::support::assert_ran;
use crate::support::gitops::World;
use crate::support::hooks::{Hooks, Says};
use crate::support::world::git;

use super::{CANARY, NEIGHBOUR, beside_a_neighbour, changes_nothing, fails_alone};

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

/// Steps: the step is taken, and the warnings say who is not told.
#[track_caller]
fn warns(world: &World) -> String {
    let commits = world.commits();
    let ran = world.next().exits(0);
    assert_eq!(world.commits(), commits + 1, "{ran}");
    ran.stderr
}

#[test]
fn an_alert_provider_of_unknown_type_stops_no_release() {
    let world = alerting("  type: slak\n  address: https://hooks.example.com/a\n");
    insta::assert_snapshot!(warns(&world), @r#"
    warning: nobody is told: AlertProvider test/on-call is not valid: apps/podinfo/on-call.yaml:5:9: spec.type: must be one of `slack`, `msteams`, `discord`, `rocket`, `gchat`, `webhook`, found "slak"
      --> apps/podinfo/canary.yaml:23:46
       |
    23 |     alerts: [{name: ops, providerRef: {name: on-call}}]
       |                                              ^^^^^^^ spec.analysis.alerts[0].providerRef.name
    "#);
}

#[test]
fn a_secret_that_is_missing() {
    let world = alerting("  type: slack\n  secretRef: {name: on-call}\n");
    // Nothing to tell before the bootstrap is done.
    world.tick();
    insta::assert_snapshot!(warns(&world), @"
    warning: AlertProvider on-call was not told: the Secret on-call with the key `address` is not given
      --> apps/podinfo/canary.yaml:23:46
       |
    23 |     alerts: [{name: ops, providerRef: {name: on-call}}]
       |                                              ^^^^^^^ spec.analysis.alerts[0].providerRef.name
       |
       = help: set WEIRKEEPER_SECRET_ON_CALL_ADDRESS, or put the file on-call/address into the folder of --secrets-dir
    ");

    // Of a metric it is no warning: nobody could say how the new version does.
    let template = "apiVersion: flagger.app/v1beta1\nkind: MetricTemplate\nmetadata: {name: errors, namespace: test}\n\
        spec:\n  provider: {type: prometheus, address: http://prometheus.test, secretRef: {name: prom}}\n  query: up\n";
    let metric =
        "metrics:\n      - {name: errors, templateRef: {name: errors}, thresholdRange: {max: 1}}\n";
    let world = World::with(&[(CANARY, "metrics:\n", metric)]);
    world.put("apps/podinfo/errors.yaml", template);
    world.bootstrap();
    world.release("podinfo:6.0.0", "podinfo:6.1.0");
    world.tick();
    world.tick();
    world.put("apps/neighbour/all.yaml", NEIGHBOUR);
    insta::assert_snapshot!(fails_alone(&world, 2), @"
    error: test/podinfo: cannot measure errors
      because: the Secret prom is not given
    hint: set WEIRKEEPER_SECRET_PROM_TOKEN, or put the file prom/token into the folder of --secrets-dir
    ");
}

#[test]
fn whoever_is_told_afterwards_may_fail() {
    let hooks = Hooks::start();
    for name in ["event", "post", "alert"] {
        hooks.say(name, Says::Page);
    }
    let [event, post, alert] = ["event", "post", "alert"].map(|name| hooks.url(name));
    let lines = with(&format!(
        "    alerts: [{{name: ops, providerRef: {{name: on-call}}}}]
    webhooks:
      - {{name: news, type: event, url: \"{event}\"}}
      - {{name: tidy, type: post-rollout, url: \"{post}\"}}
      - {{name: tidier, type: post-rollout, url: \"{post}\"}}
"
    ));
    let world = World::with(&[(CANARY, ANALYSIS, &lines)]);
    let provider = format!(
        "apiVersion: flagger.app/v1beta1\nkind: AlertProvider\nmetadata: {{name: on-call, namespace: test}}\nspec: {{type: webhook, address: \"{alert}\"}}\n"
    );
    world.put(ON_CALL, provider);
    world.bootstrap();
    world.release("podinfo:6.0.0", "podinfo:6.1.0");
    world.until("finalising");
    hooks.take();
    assert_ran!(world, warns(&world), @r#"
    warning: the event webhook news failed: http://127.0.0.1:12345/event answered with a web page, such as a login page or an ingress's default
      --> apps/podinfo/canary.yaml:25:40
       |
    25 |       - {name: news, type: event, url: "http://127.0.0.1:12345/event"}
       |                                        ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^ spec.analysis.webhooks[0].url

    warning: AlertProvider on-call was not told: http://127.0.0.1:12345 answered with a web page
      --> apps/podinfo/canary.yaml:23:46
       |
    23 |     alerts: [{name: ops, providerRef: {name: on-call}}]
       |                                              ^^^^^^^ spec.analysis.alerts[0].providerRef.name

    warning: the post-rollout webhook tidy failed: http://127.0.0.1:12345/post answered with a web page, such as a login page or an ingress's default
      --> apps/podinfo/canary.yaml:26:47
       |
    26 |       - {name: tidy, type: post-rollout, url: "http://127.0.0.1:12345/post"}
       |                                               ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^ spec.analysis.webhooks[1].url
    "#);
    let called: Vec<String> = hooks
        .take()
        .into_iter()
        .map(|request| request.name)
        .collect();
    assert_eq!(called, ["event", "alert", "post"]);
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
