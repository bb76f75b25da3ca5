//! Documents that cannot be carried out.

use crate::support::assert_ran;
use crate::support::gitops::World;

use super::{
    CANARY, DEPLOYMENT, KUSTOMIZATION, NEIGHBOUR, beside_a_neighbour, changes_nothing, fails_alone,
    text_step,
};

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

#[test]
fn a_target_that_is_not_there() {
    let world = beside_a_neighbour(&[(CANARY, "    name: podinfo\n", "    name: podinfi\n")]);
    insta::assert_snapshot!(fails_alone(&world, 3), @"
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
    error: Canary test/podinfo cannot be carried out
    error: Deployment podinfo is there 2 times, equally near to the Canary
      --> apps/podinfo/canary.yaml:11:11
       |
    11 |     name: podinfo
       |           ^^^^^^^ spec.targetRef.name
       |
       = help: name the folder of the right one in spec.gitops.path, or skip the other in .weirkeeperignore

    error: this is one of them
     --> apps/podinfo/deployment.yaml:5:9
      |
    5 |   name: podinfo
      |         ^^^^^^^ metadata.name

    error: this is one of them
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
    error: Canary test/podinfo cannot be carried out
    error: HTTPRoute podinfo is there 2 times, equally near to the Canary
      --> apps/podinfo/canary.yaml:13:3
       |
    13 |   service:
       |   ^^^^^^^ spec.service
       |
       = help: name the folder of the right one in spec.gitops.path, or skip the other in .weirkeeperignore

    error: this is one of them
     --> apps/podinfo/route.yaml:3:18
      |
    3 | metadata: {name: podinfo, namespace: test}
      |                  ^^^^^^^ metadata.name

    error: this is one of them
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
    error: test/podinfo: no rule of HTTPRoute podinfo has both backends
    error: no rule of HTTPRoute podinfo has both backends podinfo-primary and podinfo-canary
     --> apps/podinfo/route.yaml:5:3
      |
    5 |   rules:
      |   ^^^^^ spec.rules
    hint: give a rule the backendRefs podinfo-primary and podinfo-canary, or podinfo alone on the port of spec.service.port to have it split
    ");
}

#[test]
fn a_canary_that_is_not_valid() {
    let world = beside_a_neighbour(&[
        (CANARY, "    maxWeight: 50", "    maxWeight: 150"),
        (CANARY, "    threshold: 3", "    treshold: 3"),
    ]);
    insta::assert_snapshot!(fails_alone(&world, 3), @"
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

    warning: unknown field, ignored
      --> apps/podinfo/canary.yaml:20:5
       |
    20 |     treshold: 3
       |     ^^^^^^^^ spec.analysis.treshold
       |
       = help: did you mean `threshold`?
    ");
}

#[test]
fn a_template_that_is_not_there() {
    let template = "      - name: errors\n        templateRef: {name: errors, namespace: monitoring}\n        thresholdRange: {max: 1}\n      - name: request-success-rate\n";
    let changes = [(CANARY, "      - name: request-success-rate\n", template)];
    let world = beside_a_neighbour(&changes);
    insta::assert_snapshot!(fails_alone(&world, 3), @"
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
    insta::assert_snapshot!(said, @r#"
    error: Canary test/podinfo cannot be carried out
    error: the query cannot be rendered: line 1, column 18: `nothing` is not known here
      --> apps/podinfo/canary.yaml:25:16
       |
    25 |         query: 'sum(errors{x="{{ nothing }}"})'
       |                ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^ spec.analysis.metrics[0].query
       |
       = help: names: name, namespace, target, service, ingress, route, interval, variables; functions: and, eq, ge, gt, index, le, len, lt, ne, not, or, print, printf, println, slice, urlquery
    "#);
}

#[test]
fn images_set_by_a_component() {
    let world = beside_a_neighbour(&[(
        KUSTOMIZATION,
        "resources:\n",
        "components: [pinned]\nresources:\n",
    )]);
    world.put(
        "apps/podinfo/pinned/kustomization.yaml",
        "kind: Component\nimages:\n  - name: ghcr.io/stefanprodan/podinfo\n    newTag: 6.1.0\n",
    );
    insta::assert_snapshot!(fails_alone(&world, 3), @"
    error: Canary test/podinfo cannot be carried out
    error: a new ghcr.io/stefanprodan/podinfo would reach the primary together with the target
     --> apps/podinfo/pinned/kustomization.yaml:3:11
      |
    3 |   - name: ghcr.io/stefanprodan/podinfo
      |           ^^^^^^^^^^^^^^^^^^^^^^^^^^^^ images[0].name
      |
      = help: move this entry to the kustomization that lists the primary
    ");
}

#[test]
fn what_this_version_cannot_carry_out() {
    let service = "    kind: Service\n    name: podinfo\n";
    let deployment = "    kind: Deployment\n    name: podinfo\n";
    let world = beside_a_neighbour(&[(CANARY, deployment, service)]);
    insta::assert_snapshot!(fails_alone(&world, 3), @"
    error: Canary test/podinfo cannot be carried out
    error: a target of kind Service is not supported by this version
      --> apps/podinfo/canary.yaml:10:11
       |
    10 |     kind: Service
       |           ^^^^^^^ spec.targetRef.kind
       |
       = help: name a Deployment or a DaemonSet
    ");
}

#[test]
fn an_autoscaler_that_is_not_there() {
    let autoscaler = "  autoscalerRef: {apiVersion: autoscaling/v2, kind: HorizontalPodAutoscaler, name: podinfo}\n  service:\n";
    let world = beside_a_neighbour(&[(CANARY, "  service:\n", autoscaler)]);
    insta::assert_snapshot!(fails_alone(&world, 3), @"
    error: Canary test/podinfo cannot be carried out
    error: there is no HorizontalPodAutoscaler podinfo of namespace test in the repository
      --> apps/podinfo/canary.yaml:13:84
       |
    13 |   autoscalerRef: {apiVersion: autoscaling/v2, kind: HorizontalPodAutoscaler, name: podinfo}
       |                                                                                    ^^^^^^^ spec.autoscalerRef.name
       |
       = help: commit its manifest beside the Canary, or remove spec.autoscalerRef
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
    error: test/podinfo: apps/podinfo/podinfo-primary-deployment.yaml is in the way: a file with this name is to be generated
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
    error: test/again: another Canary releases the same target: apps/podinfo/canary.yaml:5:9
    hint: remove one of the two
    error: test/podinfo: another Canary releases the same target: apps/podinfo/again.yaml:5:9
    hint: remove one of the two
    ");
}

#[test]
fn objects_of_the_same_kind_in_another_group() {
    let knative = "apiVersion: serving.knative.dev/v1\nkind: Service\nmetadata: {name: podinfo, namespace: test}\n";
    let world = World::of("podinfo");
    world.put("apps/podinfo/knative.yaml", knative);
    world.bootstrap();
    assert_eq!(world.read("apps/podinfo/knative.yaml"), knative);
}

#[test]
fn a_canary_without_a_namespace() {
    let world = World::with(&[
        (CANARY, "  namespace: test\n", ""),
        (DEPLOYMENT, "  namespace: test\n", ""),
        ("apps/podinfo/service.yaml", "  namespace: test\n", ""),
    ]);
    assert_ran!(world, text_step(&world).run().exits(0), @"
    exit code: 0
    ----- stdout
    podinfo  Initializing  held
      podinfo-primary created, waiting until it is ready
      commit [COMMIT]
      next step not before 2026-01-01T00:01:00Z
    ----- stderr
    warning: has no namespace, and no kustomization gives one: queries ask for none
     --> apps/podinfo/canary.yaml:5:9
      |
    5 |   name: podinfo
      |         ^^^^^^^ metadata.name
      |
      = help: set metadata.namespace to where the workload runs
    ");
}

#[test]
fn replicas_that_are_shared_by_an_anchor() {
    let shared = "  replicas: &count 2\n  revisionHistoryLimit: *count\n";
    let changes = [(DEPLOYMENT, "  replicas: 2 # enough for now\n", shared)];
    let world = beside_a_neighbour(&changes);
    for _ in 0..2 {
        let _ran = world.next().exits(0);
    }
    insta::assert_snapshot!(fails_alone(&world, 3), @"
    error: test/podinfo: apps/podinfo/deployment.yaml cannot be edited
    error: `spec.replicas` is shared with other places by `&count`
     --> apps/podinfo/deployment.yaml:8:13
      |
    8 |   replicas: &count 2
      |             ^^^^^^
      |
      = help: write the value out instead of using the alias
    ");
}

#[test]
fn a_status_that_is_empty() {
    for status in ["status:\n", "status: {}\n", "status: null # none yet\n"] {
        let world = World::of("podinfo");
        world.put(CANARY, world.read(CANARY) + status);
        world.bootstrap();
        assert!(
            world.read(CANARY).contains("phase: Initialized"),
            "{status}"
        );
    }
}

#[test]
fn only_steps_what_it_names() {
    let world = beside_a_neighbour(&[]);
    let ran = world
        .stepping()
        .args(["--only", "test/neighbour"])
        .run()
        .exits(0);
    let results = ran.json()["results"].clone();
    assert_eq!(results.as_array().unwrap().len(), 1, "{ran}");
    assert_eq!(results[0]["commit"], world.tip());
}

/// Steps with this instead of the step of the fixture; the neighbour goes on.
#[track_caller]
fn analysis(lines: &str) -> String {
    let changes = [(CANARY, "    stepWeight: 25 # two steps\n", lines)];
    fails_alone(&beside_a_neighbour(&changes), 3)
}

#[test]
fn a_cookie_name_that_is_no_token() {
    let lines = "    stepWeight: 25\n    sessionAffinity: {cookieName: 'my cookie', primaryCookieName: 'a;b', maxAge: 60}\n";
    insta::assert_snapshot!(analysis(lines), @r#"
    error: Canary test/podinfo cannot be carried out
    error: must be the name of a cookie, found "my cookie"
      --> apps/podinfo/canary.yaml:23:35
       |
    23 |     sessionAffinity: {cookieName: 'my cookie', primaryCookieName: 'a;b', maxAge: 60}
       |                                   ^^^^^^^^^^^ spec.analysis.sessionAffinity.cookieName
       |
       = help: use letters, digits, `-`, `_` and `.`

    error: must be the name of a cookie, found "a;b"
      --> apps/podinfo/canary.yaml:23:67
       |
    23 |     sessionAffinity: {cookieName: 'my cookie', primaryCookieName: 'a;b', maxAge: 60}
       |                                                                   ^^^^^ spec.analysis.sessionAffinity.primaryCookieName
       |
       = help: use letters, digits, `-`, `_` and `.`
    "#);
}

#[test]
fn matches_without_effect() {
    let lines = "    iterations: 3
    match:
      - {}
      - headers: {x-beta: {}}
      - sourceLabels: {app: shop}
      - {uri: {prefix: /beta}, headers: {x-beta: {exact: '1'}}}
      - headers: {'x beta': {prefix: '1'}}
";
    insta::assert_snapshot!(analysis(lines), @r#"
    error: Canary test/podinfo cannot be carried out
    error: has no condition the Gateway API knows, so that every request would go to the canary
      --> apps/podinfo/canary.yaml:24:9
       |
    24 |       - {}
       |         ^ spec.analysis.match[0]
       |
       = help: add `headers` or `queryParams`

    error: needs one of `exact`, `regex`
      --> apps/podinfo/canary.yaml:25:19
       |
    25 |       - headers: {x-beta: {}}
       |                   ^^^^^^ spec.analysis.match[1].headers.x-beta

    error: has no condition the Gateway API knows, so that every request would go to the canary
      --> apps/podinfo/canary.yaml:26:9
       |
    26 |       - sourceLabels: {app: shop}
       |         ^^^^^^^^^^^^ spec.analysis.match[2]
       |
       = help: add `headers` or `queryParams`

    error: must be the name of a header, found "x beta"
      --> apps/podinfo/canary.yaml:28:19
       |
    28 |       - headers: {'x beta': {prefix: '1'}}
       |                   ^^^^^^^^ spec.analysis.match[4].headers.x beta

    error: cannot be expressed in the Gateway API: use one of `exact`, `regex`
      --> apps/podinfo/canary.yaml:28:30
       |
    28 |       - headers: {'x beta': {prefix: '1'}}
       |                              ^^^^^^ spec.analysis.match[4].headers.x beta.prefix
       |
       = help: a regular expression can say the same

    warning: is ignored on the Gateway API
      --> apps/podinfo/canary.yaml:26:9
       |
    26 |       - sourceLabels: {app: shop}
       |         ^^^^^^^^^^^^ spec.analysis.match[2].sourceLabels

    warning: is ignored beside `iterations`
      --> apps/podinfo/canary.yaml:21:5
       |
    21 |     maxWeight: 50
       |     ^^^^^^^^^ spec.analysis.maxWeight

    warning: is ignored: an analysis matches by `headers` and `queryParams`
      --> apps/podinfo/canary.yaml:27:10
       |
    27 |       - {uri: {prefix: /beta}, headers: {x-beta: {exact: '1'}}}
       |          ^^^ spec.analysis.match[3].uri
    "#);
}

#[test]
fn iterations_with_weights() {
    let lines = "    stepWeight: 25\n    stepWeights: [1, 2]\n    iterations: 3\n";
    insta::assert_snapshot!(analysis(lines), @"
    error: Canary test/podinfo cannot be carried out
    error: cannot be set together with `iterations`
      --> apps/podinfo/canary.yaml:22:5
       |
    22 |     stepWeight: 25
       |     ^^^^^^^^^^ spec.analysis.stepWeight

    error: cannot be set together with `iterations`
      --> apps/podinfo/canary.yaml:23:5
       |
    23 |     stepWeights: [1, 2]
       |     ^^^^^^^^^^^ spec.analysis.stepWeights

    warning: is ignored beside `stepWeights`: their last one is the maximum
      --> apps/podinfo/canary.yaml:21:5
       |
    21 |     maxWeight: 50
       |     ^^^^^^^^^ spec.analysis.maxWeight
    ");
}
