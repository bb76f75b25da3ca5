//! What is wrong, or merely odd: exit code, words, and that nothing else suffers from it.

use std::path::Path;

use crate::support::assert_ran;
use crate::support::gitops::{PODINFO, World, line};
use crate::support::program::{Call, Ran};
use crate::support::prometheus::Says;
use crate::support::world::{git, write};

const DEPLOYMENT: &str = "apps/podinfo/deployment.yaml";
const KUSTOMIZATION: &str = "apps/podinfo/kustomization.yaml";
const CANARY: &str = "apps/podinfo/canary.yaml";
const ROUTE: &str = "apps/podinfo/podinfo-httproute.yaml";

/// A second application with a Canary, which nothing is wrong with.
const NEIGHBOUR: &str = "apiVersion: apps/v1
kind: Deployment
metadata: {name: neighbour, namespace: test}
spec:
  selector: {matchLabels: {app: neighbour}}
  template:
    metadata: {labels: {app: neighbour}}
    spec: {containers: [{name: app, image: example.com/neighbour:1}]}
---
apiVersion: flagger.app/v1beta1
kind: Canary
metadata: {name: neighbour, namespace: test}
spec:
  targetRef: {apiVersion: apps/v1, kind: Deployment, name: neighbour}
  service: {port: 80, gatewayRefs: [{name: edge}]}
  analysis: {interval: 1m, threshold: 2, stepWeight: 50, metrics: [{name: request-success-rate, interval: 1m, thresholdRange: {min: 99}}]}
";

/// The fixture `podinfo` with changes, and the neighbour.
fn beside_a_neighbour(changes: &[(&str, &str, &str)]) -> World {
    let world = World::with(changes);
    world.put("apps/neighbour/all.yaml", NEIGHBOUR);
    world
}

/// A step as people see it.
fn text_step(world: &World) -> Call {
    world
        .weirkeeper(["step", "--prometheus"])
        .arg(world.prometheus.url())
}

/// Steps: podinfo fails with `code`, nothing of it changes, and the neighbour steps all the same. Returns
/// what is said on standard error.
#[track_caller]
fn fails_alone(world: &World, code: i32) -> String {
    let before = world.tip();
    let files = world.files();
    let ran = world.next().exits(code);
    let neighbour = ran.result("test/neighbour");
    assert_eq!(neighbour["error"], serde_json::Value::Null, "{ran}");
    assert_eq!(neighbour["commit"], world.tip(), "{ran}");
    let parent = git(&world.remote(), &["rev-parse", "main^"]);
    assert_eq!(parent, before, "{ran}");
    for (path, text) in world.files() {
        if !path.starts_with("apps/neighbour/") {
            assert_eq!(files.get(&path), Some(&text), "{path}: {ran}");
        }
    }
    ran.stderr
}

/// Steps: the run ends with `code` and nothing changes anywhere.
#[track_caller]
fn changes_nothing(world: &World, call: Call, code: i32) -> Ran {
    let tip = world.tip();
    let head = git(&world.checkout(), &["rev-parse", "HEAD"]);
    let ran = call.run().exits(code);
    assert_eq!(world.tip(), tip, "{ran}");
    assert_eq!(
        git(&world.checkout(), &["rev-parse", "HEAD"]),
        head,
        "{ran}"
    );
    ran
}

// ----- nothing to do -----

#[test]
fn a_repository_without_a_canary() {
    let world = World::new([("README.md", "Nothing here.\n"), ("a.yaml", "kind: Pod\n")]);
    let ran = changes_nothing(&world, text_step(&world), 0);
    assert_ran!(world, ran, @"
    exit code: 0
    ----- stdout
    no Canary of flagger.app/v1beta1 in 2 files: nothing to do
    ");
}

#[test]
fn only_names_a_canary_that_is_not_there() {
    let world = World::of("podinfo");
    let ran = changes_nothing(&world, text_step(&world).args(["--only", "test/podinf"]), 2);
    assert_ran!(world, ran, @"
    exit code: 2
    ----- stderr
    error: there is no Canary test/podinf
    hint: there are: test/podinfo
    ");
}

// ----- documents -----

#[test]
fn a_target_that_is_not_there() {
    let world = beside_a_neighbour(&[(CANARY, "    name: podinfo\n", "    name: podinfi\n")]);
    insta::assert_snapshot!(fails_alone(&world, 3), @"
    warning: no `thresholdRange`: any value passes
      --> apps/neighbour/all.yaml:16:68
       |
    16 |   analysis: {interval: 1m, threshold: 2, stepWeight: 50, metrics: [{name: request-success-rate, interval: 1m, thresholdRange: {min: 99}}]}
       |                                                                    ^ spec.analysis.metrics[0]
    error: Canary test/podinfo cannot be carried out
    error: there is no Deployment podinfi of namespace test in the repository
      --> apps/podinfo/canary.yaml:11:11
       |
    11 |     name: podinfi
       |           ^^^^^^^ spec.targetRef.name
       |
       = help: commit its manifest beside the Canary, or name its folder in spec.gitops.path
    ");
}

#[test]
fn a_target_that_is_there_twice() {
    let world = beside_a_neighbour(&[]);
    let copy = world.read(DEPLOYMENT);
    world.put("apps/podinfo/old/deployment.yaml", copy);
    insta::assert_snapshot!(fails_alone(&world, 3), @"
    warning: no `thresholdRange`: any value passes
      --> apps/neighbour/all.yaml:16:68
       |
    16 |   analysis: {interval: 1m, threshold: 2, stepWeight: 50, metrics: [{name: request-success-rate, interval: 1m, thresholdRange: {min: 99}}]}
       |                                                                    ^ spec.analysis.metrics[0]
    error: Canary test/podinfo cannot be carried out
    error: there are 2 of Deployment podinfo at the same distance from the Canary
      --> apps/podinfo/canary.yaml:11:11
       |
    11 |     name: podinfo
       |           ^^^^^^^ spec.targetRef.name
       |
       = help: name the folder of the right one in spec.gitops.path, or skip the other in .weirkeeperignore

    error: one Deployment podinfo
     --> apps/podinfo/deployment.yaml:5:9
      |
    5 |   name: podinfo
      |         ^^^^^^^ metadata.name

    error: one Deployment podinfo
     --> apps/podinfo/old/deployment.yaml:5:9
      |
    5 |   name: podinfo
      |         ^^^^^^^ metadata.name
    ");
}

#[test]
fn a_route_that_is_there_twice() {
    let world = beside_a_neighbour(&[]);
    let route = "apiVersion: gateway.networking.k8s.io/v1\nkind: HTTPRoute\nmetadata: {name: podinfo, namespace: test}\nspec: {rules: [{backendRefs: [{name: podinfo, port: 80}]}]}\n";
    world.put("apps/podinfo/route.yaml", [route, "---\n", route].concat());
    insta::assert_snapshot!(fails_alone(&world, 3), @"
    warning: no `thresholdRange`: any value passes
      --> apps/neighbour/all.yaml:16:68
       |
    16 |   analysis: {interval: 1m, threshold: 2, stepWeight: 50, metrics: [{name: request-success-rate, interval: 1m, thresholdRange: {min: 99}}]}
       |                                                                    ^ spec.analysis.metrics[0]
    error: Canary test/podinfo cannot be carried out
    error: there are 2 of HTTPRoute podinfo at the same distance from the Canary
      --> apps/podinfo/canary.yaml:13:3
       |
    13 |   service:
       |   ^^^^^^^ spec.service
       |
       = help: name the folder of the right one in spec.gitops.path, or skip the other in .weirkeeperignore

    error: one HTTPRoute podinfo
     --> apps/podinfo/route.yaml:3:18
      |
    3 | metadata: {name: podinfo, namespace: test}
      |                  ^^^^^^^ metadata.name

    error: one HTTPRoute podinfo
     --> apps/podinfo/route.yaml:8:18
      |
    8 | metadata: {name: podinfo, namespace: test}
      |                  ^^^^^^^ metadata.name
    ");
}

#[test]
fn a_route_without_the_backends() {
    let world = beside_a_neighbour(&[]);
    let route = "apiVersion: gateway.networking.k8s.io/v1\nkind: HTTPRoute\nmetadata: {name: podinfo, namespace: test}\nspec:\n  rules:\n    - backendRefs: [{name: podinfo-v1, port: 80}]\n";
    world.put("apps/podinfo/route.yaml", route);
    insta::assert_snapshot!(fails_alone(&world, 3), @"
    warning: no `thresholdRange`: any value passes
      --> apps/neighbour/all.yaml:16:68
       |
    16 |   analysis: {interval: 1m, threshold: 2, stepWeight: 50, metrics: [{name: request-success-rate, interval: 1m, thresholdRange: {min: 99}}]}
       |                                                                    ^ spec.analysis.metrics[0]
    error: no rule of HTTPRoute podinfo has both backends
    error: no rule of HTTPRoute podinfo has both backends podinfo-primary and podinfo-canary
     --> apps/podinfo/route.yaml:5:3
      |
    5 |   rules:
      |   ^^^^^ spec.rules
    hint: give a rule the backendRefs podinfo-primary and podinfo-canary, or podinfo alone to have it split
    ");
}

#[test]
fn a_canary_that_is_not_valid() {
    let world = beside_a_neighbour(&[
        (CANARY, "    maxWeight: 50", "    maxWeight: 150"),
        (CANARY, "    threshold: 3", "    treshold: 3"),
    ]);
    insta::assert_snapshot!(fails_alone(&world, 3), @"
    warning: no `thresholdRange`: any value passes
      --> apps/neighbour/all.yaml:16:68
       |
    16 |   analysis: {interval: 1m, threshold: 2, stepWeight: 50, metrics: [{name: request-success-rate, interval: 1m, thresholdRange: {min: 99}}]}
       |                                                                    ^ spec.analysis.metrics[0]
    error: Canary test/podinfo cannot be carried out
    error: is required
      --> apps/podinfo/canary.yaml:18:3
       |
    18 |   analysis:
       |   ^^^^^^^^ spec.analysis.threshold

    error: must be at most 100, found 150: it would never be reached
      --> apps/podinfo/canary.yaml:21:16
       |
    21 |     maxWeight: 150
       |                ^^^ spec.analysis.maxWeight
    ");
}

#[test]
fn a_template_that_is_not_there() {
    let template = "      - name: errors\n        templateRef: {name: errors, namespace: monitoring}\n        thresholdRange: {max: 1}\n      - name: request-success-rate\n";
    let changes = [(CANARY, "      - name: request-success-rate\n", template)];
    let world = beside_a_neighbour(&changes);
    insta::assert_snapshot!(fails_alone(&world, 3), @"
    warning: no `thresholdRange`: any value passes
      --> apps/neighbour/all.yaml:16:68
       |
    16 |   analysis: {interval: 1m, threshold: 2, stepWeight: 50, metrics: [{name: request-success-rate, interval: 1m, thresholdRange: {min: 99}}]}
       |                                                                    ^ spec.analysis.metrics[0]
    error: Canary test/podinfo cannot be carried out
    error: there is no MetricTemplate monitoring/errors in the repository
      --> apps/podinfo/canary.yaml:25:29
       |
    25 |         templateRef: {name: errors, namespace: monitoring}
       |                             ^^^^^^ spec.analysis.metrics[0].templateRef.name
       |
       = help: commit the MetricTemplate, or set templateRef.namespace to where it is
    ");
}

#[test]
fn a_template_that_does_not_render() {
    let inline = "      - name: errors\n        query: 'sum(errors{x=\"{{ nothing }}\"})'\n        thresholdRange: {max: 1}\n";
    let world = beside_a_neighbour(&[(
        CANARY,
        "      - name: request-success-rate\n        interval: 1m\n        thresholdRange:\n          min: 99\n",
        inline,
    )]);
    let said = fails_alone(&world, 3);
    insta::assert_snapshot!(said, @"");
}

#[test]
fn images_set_by_kustomize() {
    let images = "images:\n  - name: ghcr.io/stefanprodan/podinfo\n    newTag: 6.1.0\nresources:\n";
    let world = beside_a_neighbour(&[(KUSTOMIZATION, "resources:\n", images)]);
    insta::assert_snapshot!(fails_alone(&world, 3), @"
    warning: no `thresholdRange`: any value passes
      --> apps/neighbour/all.yaml:16:68
       |
    16 |   analysis: {interval: 1m, threshold: 2, stepWeight: 50, metrics: [{name: request-success-rate, interval: 1m, thresholdRange: {min: 99}}]}
       |                                                                    ^ spec.analysis.metrics[0]
    error: Canary test/podinfo cannot be carried out
    error: a new ghcr.io/stefanprodan/podinfo would reach the primary together with the target
     --> apps/podinfo/kustomization.yaml:5:11
      |
    5 |   - name: ghcr.io/stefanprodan/podinfo
      |           ^^^^^^^^^^^^^^^^^^^^^^^^^^^^ images[0].name
      |
      = help: set the image in apps/podinfo/deployment.yaml and remove this entry
    ");
}

#[test]
fn strategies_this_version_cannot_carry_out() {
    let changes = [(
        CANARY,
        "    maxWeight: 50\n    stepWeight: 25 # two steps\n",
        "    iterations: 5\n    webhooks: [{name: load, url: http://loadtester/}]\n",
    )];
    let world = beside_a_neighbour(&changes);
    insta::assert_snapshot!(fails_alone(&world, 3), @"
    warning: no `thresholdRange`: any value passes
      --> apps/neighbour/all.yaml:16:68
       |
    16 |   analysis: {interval: 1m, threshold: 2, stepWeight: 50, metrics: [{name: request-success-rate, interval: 1m, thresholdRange: {min: 99}}]}
       |                                                                    ^ spec.analysis.metrics[0]
    error: Canary test/podinfo cannot be carried out
    error: blue/green is not supported by this version
      --> apps/podinfo/canary.yaml:21:5
       |
    21 |     iterations: 5
       |     ^^^^^^^^^^ spec.analysis.iterations
       |
       = help: use `stepWeight` or `stepWeights`

    error: calling webhooks is not supported by this version
      --> apps/podinfo/canary.yaml:22:5
       |
    22 |     webhooks: [{name: load, url: http://loadtester/}]
       |     ^^^^^^^^ spec.analysis.webhooks
       |
       = help: remove them; a rollout cannot wait for them nor be stopped by them
    ");
}

#[test]
fn a_generated_file_that_is_in_the_way() {
    let world = beside_a_neighbour(&[]);
    world.put(
        "apps/podinfo/podinfo-primary-deployment.yaml",
        "mine: true\n",
    );
    insta::assert_snapshot!(fails_alone(&world, 3), @"
    warning: no `thresholdRange`: any value passes
      --> apps/neighbour/all.yaml:16:68
       |
    16 |   analysis: {interval: 1m, threshold: 2, stepWeight: 50, metrics: [{name: request-success-rate, interval: 1m, thresholdRange: {min: 99}}]}
       |                                                                    ^ spec.analysis.metrics[0]
    error: apps/podinfo/podinfo-primary-deployment.yaml is in the way: a file with this name is to be generated
    hint: rename or remove it
    ");
}

#[test]
fn a_status_that_was_edited_into_nonsense() {
    let world = World::of("podinfo");
    world.bootstrap();
    world.put("apps/neighbour/all.yaml", NEIGHBOUR);
    world.edit(CANARY, "canaryWeight: 0", "canaryWeight: 250");
    world.edit(CANARY, "phase: Initialized", "phase: Almost");
    insta::assert_snapshot!(fails_alone(&world, 3), @r#"
    warning: no `thresholdRange`: any value passes
      --> apps/neighbour/all.yaml:16:68
       |
    16 |   analysis: {interval: 1m, threshold: 2, stepWeight: 50, metrics: [{name: request-success-rate, interval: 1m, thresholdRange: {min: 99}}]}
       |                                                                    ^ spec.analysis.metrics[0]
    error: Canary test/podinfo cannot be carried out
    error: must be one of `Initializing`, `Initialized`, `Waiting`, `Progressing`, `WaitingPromotion`, `Promoting`, `Finalising`, `Succeeded`, `Failed`, `Terminating`, `Terminated`, found "Almost"
      --> apps/podinfo/canary.yaml:29:10
       |
    29 |   phase: Almost
       |          ^^^^^^ status.phase

    error: must be from 0 to 100, found 250
      --> apps/podinfo/canary.yaml:30:17
       |
    30 |   canaryWeight: 250
       |                 ^^^ status.canaryWeight
       |
       = help: restore what Weirkeeper last committed: git log -p shows it
    "#);
}

#[test]
fn two_canaries_of_one_target() {
    let world = World::of("podinfo");
    let other = world
        .read(CANARY)
        .replacen("  name: podinfo\n", "  name: again\n", 1);
    world.put(
        "apps/podinfo/again.yaml",
        other.replace("  service:\n", "  service:\n    name: again\n"),
    );
    let ran = changes_nothing(&world, text_step(&world), 3);
    assert_ran!(world, ran, @"
    exit code: 3
    ----- stdout
    test/again  failed
      another Canary releases the same target: apps/podinfo/canary.yaml:5:9
    test/podinfo  failed
      another Canary releases the same target: apps/podinfo/again.yaml:5:9
    ----- stderr
    error: another Canary releases the same target: apps/podinfo/canary.yaml:5:9
    hint: remove one of the two
    error: another Canary releases the same target: apps/podinfo/again.yaml:5:9
    hint: remove one of the two
    ");
}

// ----- files that cannot be read -----

/// A Canary, and text that is none.
fn broken_beside(text: impl AsRef<[u8]>) -> (World, Ran) {
    let world = World::of("podinfo");
    world.put("apps/broken.yaml", text);
    let begun = std::time::Instant::now();
    let ran = text_step(&world).run().exits(3);
    assert!(begun.elapsed().as_secs() < 20, "{ran}");
    assert!(ran.stdout.contains("podinfo-primary created"), "{ran}");
    assert_eq!(world.commits(), 3, "{ran}");
    (world, ran)
}

#[test]
fn broken_yaml() {
    let (_, ran) = broken_beside(
        "apiVersion: flagger.app/v1beta1\nkind: Canary\nmetadata: {name: x\nspec: y\n",
    );
    insta::assert_snapshot!(ran.stderr, @"
    error: apps/broken.yaml cannot be read
    error: not YAML: while parsing a flow mapping, did not find expected ',' or '}'
     --> apps/broken.yaml:4:5
      |
    4 | spec: y
      |     ^
    ");
}

#[test]
fn a_file_that_is_not_utf8() {
    let (_, ran) = broken_beside(
        b"apiVersion: flagger.app/v1beta1\nkind: Canary\nmetadata: {name: caf\xe9}\n",
    );
    insta::assert_snapshot!(ran.stderr, @"
    error: apps/broken.yaml cannot be read
    error: the file is not UTF-8
     --> apps/broken.yaml:3:21
      |
    3 | metadata: {name: caf�}
      |                     ^
      |
      = help: save the file as UTF-8
    ");
}

#[test]
fn a_file_with_nul() {
    let (_, ran) = broken_beside(
        "apiVersion: flagger.app/v1beta1\nkind: Canary\nmetadata: {name: \"a\0b\"}\n",
    );
    insta::assert_snapshot!(ran.stderr.replace('\0', "[NUL]"), @r#"
    error: apps/broken.yaml cannot be read
    error: the file contains a NUL character
     --> apps/broken.yaml:3:20
      |
    3 | metadata: {name: "a␀b"}
      |                    ^
      |
      = help: remove the NUL character
    "#);
}

#[test]
fn a_file_that_is_too_deep() {
    let deep = format!(
        "# flagger.app/\na: {}{}\n",
        "[".repeat(100_000),
        "]".repeat(100_000)
    );
    let (_, ran) = broken_beside(deep);
    let said = ran.stderr.replace(&"[".repeat(20), "");
    insta::assert_snapshot!(said, @"
    error: apps/broken.yaml cannot be read
    error: not YAML: recursion limit exceeded
     --> apps/broken.yaml:2:259
      |
    2 | ...[[[[[[[[[[...
      |                                                          ^
    ");
}

#[test]
fn a_file_with_an_alias_bomb() {
    let mut bomb = String::from("# flagger.app/\na0: &a0 [x, x, x, x, x, x, x, x, x]\n");
    for level in 1..12 {
        let item = format!("*a{}", level - 1);
        let list = vec![item; 9].join(", ");
        bomb.push_str(&format!("a{level}: &a{level} [{list}]\n"));
    }
    let (_, ran) = broken_beside(bomb);
    insta::assert_snapshot!(ran.stderr, @"
    error: apps/broken.yaml cannot be read
    error: the aliases of this document expand to too many values
     --> apps/broken.yaml:2:19
      |
    2 | a0: &a0 [x, x, x, x, x, x, x, x, x]
      |                   ^
      |
      = help: write the values out instead of using aliases
    ");
}

#[test]
fn duplicate_keys() {
    let (_, ran) = broken_beside(
        "apiVersion: flagger.app/v1beta1\nkind: Canary\nkind: Canary\nmetadata: {name: x}\n",
    );
    insta::assert_snapshot!(ran.stderr, @"
    error: apps/broken.yaml cannot be read
    error: the key `kind` is given twice
     --> apps/broken.yaml:3:1
      |
    3 | kind: Canary
      | ^^^^
      |
      = help: remove one of the two
    ");
}

// ----- Prometheus -----

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
    error: cannot measure errors
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
      cannot tell whether podinfo-primary is ready: no usable answer from Prometheus at http://127.0.0.1:1/: the connection was refused (Connection refused (os error 111)), 3 tries
    ----- stderr
    error: cannot tell whether podinfo-primary is ready
      because: no usable answer from Prometheus at http://127.0.0.1:1/
      because: the connection was refused (Connection refused (os error 111)), 3 tries
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
    error: cannot measure request-success-rate
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
    error: cannot measure request-success-rate
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
    ");
}

// ----- a human's hand -----

#[test]
fn weights_edited_by_hand_hold() {
    let world = under_analysis(&[]);
    world.edit(ROUTE, "weight: 75", "weight: 10");
    world.edit(ROUTE, "weight: 25", "weight: 90");
    git(&world.checkout(), &["pull", "-q", "--ff-only"]);
    let ran = changes_nothing(&world, text_step(&world), 0);
    assert_ran!(world, ran, @"
    exit code: 0
    ----- stdout
    test/podinfo  Progressing  75/25  held
      the route carries 10/90 but the state says 75/25: somebody changed it. Set the weights back, or set spec.gitops.onDrift to follow
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
    Failed 100/0 rolledBack: 3 failed checks reached the threshold of 3
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

// ----- Git -----

#[test]
fn without_a_remote_commits_stay_here() {
    let world = World::of("podinfo");
    git(&world.checkout(), &["remote", "remove", "origin"]);
    let ran = world.step().exits(0);
    assert_eq!(ran.json()["pushed"], true);
    let head = git(&world.checkout(), &["rev-parse", "HEAD"]);
    assert_eq!(ran.json()["head"], head);
    assert!(
        world
            .checkout()
            .join("apps/podinfo/podinfo-primary-deployment.yaml")
            .exists()
    );
    assert_eq!(world.commits(), 1);
}

#[test]
fn no_push_keeps_commits_here() {
    let world = World::of("podinfo");
    world.stepping().arg("--no-push").run().exits(0);
    assert_eq!(world.commits(), 1);
    assert_eq!(
        git(&world.checkout(), &["rev-list", "--count", "HEAD"]),
        "2"
    );
}

#[test]
fn dry_run_writes_nothing() {
    let world = World::of("podinfo");
    let ran = changes_nothing(&world, text_step(&world).arg("--dry-run"), 0);
    assert_ran!(world, ran, @"
    exit code: 0
    ----- stdout
    test/podinfo  Initializing  held
      podinfo-primary created, waiting until it is ready
      next step not before 2026-01-01T00:01:00Z
    ");
}

#[test]
fn a_remote_that_cannot_be_reached() {
    let world = World::of("podinfo");
    fs_err::rename(world.remote(), world.path().join("gone")).unwrap();
    let ran = text_step(&world).run().exits(4);
    fs_err::rename(world.path().join("gone"), world.remote()).unwrap();
    assert_ran!(world, ran, @"
    exit code: 4
    ----- stderr
    error: cannot fetch from remote `origin`
      because: fatal: '[DIR]/remote.git' does not appear to be a git repository; fatal: Could not read from remote repository.; Please make sure you have the correct access rights; and the repository exists.
    hint: does it exist, and may this token see it?
    ");
    assert_eq!(world.commits(), 1);
}

#[test]
fn a_remote_that_refuses() {
    let world = World::of("podinfo");
    hook(
        &world.remote(),
        "pre-receive",
        "echo 'Ask the release managers first.' >&2; exit 1",
    );
    let ran = changes_nothing(&world, text_step(&world), 4);
    assert_ran!(world, ran, @"
    exit code: 4
    ----- stdout
    test/podinfo  Initializing  held
      podinfo-primary created, waiting until it is ready
      next step not before 2026-01-01T00:01:00Z
    ----- stderr
    error: remote `origin` refused the push to `main`
      because: (pre-receive hook declined); Ask the release managers first.
    hint: a hook or rule of the server refused it: it has to allow these commits, or commit via pull request
    ");
    let json = changes_nothing(&world, world.stepping(), 4).json();
    assert_eq!(json["pushed"], false);
    assert_eq!(json["head"], world.tip());
    assert_eq!(json["results"][0]["commit"], serde_json::Value::Null);
}

#[test]
fn a_branch_that_moves_while_deciding() {
    let world = World::of("podinfo");
    world.bootstrap();
    // The hook of the remote is a person who is faster, once: the bump lands before the push does.
    world.put("notes.md", "first\n");
    let script = format!(
        "test -e {flag} && exit 0; touch {flag}; cd {person}; unset GIT_DIR GIT_QUARANTINE_PATH GIT_OBJECT_DIRECTORY GIT_ALTERNATE_OBJECT_DIRECTORIES; echo later > notes.md; \
         git -c user.name=Ann -c user.email=ann@example.com commit -qam later; git push -q origin HEAD:main",
        flag = world.path().join("moved").display(),
        person = world.person().display(),
    );
    hook(&world.remote(), "pre-receive", &script);
    fs_err::write(world.path().join("moved"), "").unwrap();
    world.release("podinfo:6.0.0", "podinfo:6.1.0");
    fs_err::remove_file(world.path().join("moved")).unwrap();
    insta::assert_snapshot!(world.tick(), @"Progressing 100/0 started: new revision bb1ec46e detected, scaling up podinfo");
    insta::assert_snapshot!(world.log(3, "%s"), @"
    podinfo.test: new revision bb1ec46e detected, scaling up podinfo
    later
    change apps/podinfo/deployment.yaml
    ");
    assert_eq!(world.read("notes.md"), "later\n");
}

#[test]
fn a_branch_that_does_not_exist() {
    let world = World::of("podinfo");
    let ran = changes_nothing(&world, text_step(&world).args(["--branch", "mian"]), 2);
    assert_ran!(world, ran, @"
    exit code: 2
    ----- stderr
    error: there is no branch `mian` in remote `origin`
    hint: it has main
    ");
}

#[test]
fn a_detached_head() {
    let world = World::of("podinfo");
    git(&world.checkout(), &["checkout", "-q", "--detach"]);
    let ran = changes_nothing(&world, text_step(&world), 2);
    assert_ran!(world, ran, @"
    exit code: 2
    ----- stderr
    error: no branch is checked out, HEAD is detached
    hint: name the branch to work on with --branch
    ");
    let ran = text_step(&world).args(["--branch", "main"]).run().exits(0);
    assert_eq!(world.commits(), 2, "{ran}");
}

#[test]
fn no_repository_at_all() {
    let world = World::of("podinfo");
    let folder = world.path().join("empty");
    fs_err::create_dir(&folder).unwrap();
    let ran = text_step(&world).arg("--repo").arg(&folder).run().exits(2);
    assert_ran!(world, ran, @"
    exit code: 2
    ----- stderr
    error: [DIR]/empty is not in a Git repository
    hint: give its folder with --repo; in a workflow, actions/checkout comes first
    ");
    let ran = text_step(&world).args(["--repo", "nowhere"]).run().exits(2);
    assert_ran!(world, ran, @"
    exit code: 2
    ----- stderr
    error: cannot open the repository
      because: failed to query resolved metadata `nowhere`: No such file or directory (os error 2)
    ");
}

#[test]
fn a_dirty_work_tree_is_left_as_it_is() {
    let world = World::of("podinfo");
    let mine = "# I am not done.\n";
    write(&world.checkout(), CANARY, mine);
    let head = git(&world.checkout(), &["rev-parse", "HEAD"]);
    let ran = text_step(&world).run().exits(0);
    assert_ran!(world, ran, @"
    exit code: 0
    ----- stdout
    test/podinfo  Initializing  held
      podinfo-primary created, waiting until it is ready
      commit [COMMIT]
      next step not before 2026-01-01T00:01:00Z
    the checkout was left as it is: the work tree has uncommitted changes
    ");
    assert_eq!(world.commits(), 2);
    assert_eq!(git(&world.checkout(), &["rev-parse", "HEAD"]), head);
    let text = fs_err::read_to_string(world.checkout().join(CANARY)).unwrap();
    assert_eq!(text, mine);
}

/// Another clone of the remote takes the step.
fn elsewhere(world: &World, folder: &Path) -> Ran {
    let call = Call::new(folder, world.path());
    let call = call.args(["step", "--format", "json", "--now", &world.now()]);
    let ran = call.arg("--prometheus").arg(world.prometheus.url()).run();
    let ran = ran.exits(0);
    assert_eq!(ran.json()["head"], world.tip());
    assert_eq!(world.commits(), 2);
    let head = git(folder, &["rev-parse", "HEAD"]);
    assert_eq!(head, world.tip());
    assert_eq!(git(folder, &["status", "--porcelain"]), "");
    ran
}

#[test]
fn a_shallow_clone() {
    let world = World::of("podinfo");
    let url = format!("file://{}", world.remote().display());
    git(world.path(), &["clone", "-q", "--depth=1", &url, "shallow"]);
    let _ran = elsewhere(&world, &world.path().join("shallow"));
}

#[test]
fn a_sparse_checkout() {
    let world = World::of("podinfo");
    let sparse = world.checkout();
    git(&sparse, &["sparse-checkout", "set", "nothing"]);
    assert!(!sparse.join(CANARY).exists());
    let _ran = elsewhere(&world, &sparse);
    assert!(!sparse.join(CANARY).exists());
}

#[test]
fn a_linked_work_tree() {
    let world = World::of("podinfo");
    let main = world.checkout();
    git(&main, &["checkout", "-q", "--detach"]);
    git(&main, &["worktree", "add", "-q", "../linked", "main"]);
    let _ran = elsewhere(&world, &world.path().join("linked"));
}

#[test]
fn a_folder_of_the_repository() {
    let world = World::of("podinfo");
    let _ran = text_step(&world)
        .args(["--repo", "apps/podinfo"])
        .run()
        .exits(0);
    assert_eq!(world.commits(), 2);
}

#[test]
fn links_are_not_followed() {
    let world = World::of("podinfo");
    let outside = world.path().join("outside");
    write(
        &outside,
        "canary.yaml",
        &world.read(CANARY).replace("podinfo", "stolen"),
    );
    world.pull();
    std::os::unix::fs::symlink(&outside, world.person().join("apps/linked")).unwrap();
    std::os::unix::fs::symlink("canary.yaml", world.person().join("apps/podinfo/same.yaml"))
        .unwrap();
    world.push("links");
    let ran = world.step().exits(0);
    assert_eq!(ran.json()["results"].as_array().unwrap().len(), 1, "{ran}");
    git(&world.checkout(), &["pull", "-q"]);
    let ran = world.weirkeeper(["validate"]).run().exits(0);
    assert!(!ran.to_string().contains("stolen"), "{ran}");
}

/// Installs a hook, whatever the configuration of the test's `git` says.
fn hook(repository: &Path, name: &str, script: &str) {
    use std::os::unix::fs::PermissionsExt as _;
    let path = format!("hooks/{name}");
    write(repository, &path, &format!("#!/bin/sh\n{script}\n"));
    let mode = std::fs::Permissions::from_mode(0o755);
    fs_err::set_permissions(repository.join(path), mode).unwrap();
}
