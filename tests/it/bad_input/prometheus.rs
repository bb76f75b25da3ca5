//! A Prometheus that does not answer, and weights that somebody changed.

use crate::support::assert_ran;
use crate::support::gitops::{PODINFO, World, line};
use crate::support::prometheus::Says;
use crate::support::world::git;

use super::{CANARY, ROUTE, changes_nothing, text_step};

/// The fixture `podinfo` with a step taken, so that metrics are asked for.
fn under_analysis(changes: &[(&str, &str, &str)]) -> World {
    let world = World::with(changes);
    world.bootstrap();
    world.release("podinfo:6.0.0", "podinfo:6.1.0");
    world.until("advanced");
    world.wait(1);
    world
}

#[test]
fn a_query_that_prometheus_rejects() {
    let inline = "      - name: errors\n        query: sum(errors{)\n        thresholdRange: {max: 1}\n      - name: request-success-rate\n";
    let world = under_analysis(&[(CANARY, "      - name: request-success-rate\n", inline)]);
    let refusal = "invalid parameter \"query\": 1:12: parse error: unexpected \")\"";
    world.prometheus.set("sum(errors", Says::Refusal(refusal));
    let ran = changes_nothing(&world, text_step(&world), 4);
    assert_ran!(world, ran, @r#"
    exit code: 4
    ----- stdout
    test/podinfo  Progressing  75/25  failed
      cannot measure errors: Prometheus at http://prometheus/ does not answer the query: bad_data: invalid parameter "query": 1:12: parse error: unexpected ")"
    ----- stderr
    error: test/podinfo: cannot measure errors
      because: Prometheus at http://prometheus/ does not answer the query: bad_data: invalid parameter "query": 1:12: parse error: unexpected ")"
    hint: the query: sum(errors{)
    "#);
}

#[test]
fn a_prometheus_that_is_down() {
    let world = under_analysis(&[]);
    let call = world.weirkeeper(["step", "--prometheus", "http://127.0.0.1:1"]);
    let ran = changes_nothing(&world, call, 4);
    assert_ran!(world, ran, @"
    exit code: 4
    ----- stdout
    test/podinfo  Progressing  75/25  failed
      cannot tell whether podinfo-primary is ready: no usable answer from Prometheus at http://127.0.0.1:1/: the connection was refused, 3 tries
    ----- stderr
    error: test/podinfo: cannot tell whether podinfo-primary is ready
      because: no usable answer from Prometheus at http://127.0.0.1:1/
      because: the connection was refused, 3 tries
    hint: is Prometheus running there, on this port?
    ");
    world.prometheus.set("http_request", Says::Broken);
    let ran = changes_nothing(&world, text_step(&world), 4);
    assert_ran!(world, ran, @r#"
    exit code: 4
    ----- stdout
    test/podinfo  Progressing  75/25  failed
      cannot measure request-success-rate: Prometheus at http://prometheus/ does not answer the query: internal: broken
    ----- stderr
    error: test/podinfo: cannot measure request-success-rate
      because: Prometheus at http://prometheus/ does not answer the query: internal: broken
    hint: the query: ( sum( rate( http_request_duration_seconds_count{ kubernetes_namespace="test", kubernetes_pod_name=~"podinfo-[0-9a-zA-Z]+(-[0-9a-zA-Z]+)", status!~"5.*" }[1m] ) ) or 0 * sum( rate( http_request_duration_seconds_count{ kubernetes_namespace="test", kubernetes_pod_name=~"podinfo-[0-9a-zA-Z]+(-[0-9a-zA-Z]+)" }[1m] ) ) ) / sum( rate( http_request_duration_seconds_count{ kubernetes_namespace="test", kub…
    "#);
}

#[test]
fn no_prometheus() {
    let none = "  gitops: {readiness: {from: none}}\n  service:\n";
    let world = under_analysis(&[(CANARY, "  service:\n", none)]);
    let ran = changes_nothing(&world, world.weirkeeper(["step"]), 2);
    assert_ran!(world, ran, @"
    exit code: 2
    ----- stdout
    test/podinfo  Progressing  75/25  failed
      cannot measure request-success-rate: no Prometheus is named
    ----- stderr
    error: test/podinfo: cannot measure request-success-rate
      because: no Prometheus is named
    hint: give --prometheus, or set spec.metricsServer
    ");

    // Without anybody to say that pods are ready nothing goes on, and the words say what to do.
    let world = under_analysis(&[]);
    let ran = changes_nothing(&world, world.weirkeeper(["step"]), 0);
    assert_ran!(world, ran, @"
    exit code: 0
    ----- stdout
    test/podinfo  Progressing  75/25  held
      nobody to ask whether podinfo-primary is ready: give --prometheus or spec.metricsServer, or set spec.gitops.readiness.from to none
      next step not before 2026-01-01T00:06:00Z
    ----- stderr
    warning: test/podinfo has traffic on the canary, and nobody judges it: nobody to ask whether podinfo-primary is ready: give --prometheus or spec.metricsServer, or set spec.gitops.readiness.from to none
     --> apps/podinfo/canary.yaml:5:9
      |
    5 |   name: podinfo
      |         ^^^^^^^ metadata.name
    ");
}

#[test]
fn weights_edited_by_hand_hold() {
    // A run that held leaves no trace, and its check would be judged again.
    let once = "  analysis:\n    catchUp: false\n";
    let world = under_analysis(&[(CANARY, "  analysis:\n", once)]);
    world.edit(ROUTE, "weight: 75", "weight: 10");
    world.edit(ROUTE, "weight: 25", "weight: 90");
    git(&world.checkout(), &["pull", "-q", "--ff-only"]);
    let ran = changes_nothing(&world, text_step(&world), 0);
    assert_ran!(world, ran, @"
    exit code: 0
    ----- stdout
    test/podinfo  Progressing  10/90  held
      the route carries 10/90 but the state says 75/25: somebody changed it. Set the weights back, accept them with `weirkeeper resume test/podinfo`, or set spec.gitops.onDrift to follow
      pass: request-success-rate 99.9 (min 99)
      next step not before 2026-01-01T00:06:00Z
    ");
    // Set back, it goes on; what fails rolls back whatever the weights.
    world.prometheus.set("http_request", Says::Value(1.0));
    let lines: Vec<String> = (0..4).map(|_| world.tick()).collect();
    insta::assert_snapshot!(lines.join("\n"), @"
    Progressing 75/25 halted f1: check failed: request-success-rate 1 (min 99)
    Progressing 75/25 halted f2: check failed: request-success-rate 1 (min 99)
    Progressing 75/25 halted f3: check failed: request-success-rate 1 (min 99)
    Failed 100/0 rolledBack: revision bb1ec46e rolled back: 3 failed checks reached the threshold of 3
    ");
    assert!(world.read(ROUTE).contains("weight: 100"));
}

#[test]
fn weights_edited_by_hand_are_followed_when_asked_to() {
    let follow = "  gitops: {onDrift: follow}\n  service:\n";
    let world = under_analysis(&[(CANARY, "  service:\n", follow)]);
    world.edit(ROUTE, "weight: 75", "weight: 90");
    world.edit(ROUTE, "weight: 25", "weight: 10");
    insta::assert_snapshot!(line(&world.step().exits(0).result(PODINFO)), @"Progressing 65/35 advanced: canary 10 → 35 %");
}
