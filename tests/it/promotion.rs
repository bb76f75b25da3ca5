//! A release from the first commit to the promotion.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use crate::support::gitops::{PODINFO, World, line};
use crate::support::prometheus::Says;
use crate::support::world::git;

const DEPLOYMENT: &str = "apps/podinfo/deployment.yaml";
const PRIMARY: &str = "apps/podinfo/podinfo-primary-deployment.yaml";
const CANARY: &str = "apps/podinfo/canary.yaml";

#[test]
fn from_nothing_to_a_promoted_release() {
    let world = World::of("podinfo");
    let mut lines = vec![line(&world.step().exits(0).result(PODINFO))];
    lines.extend(world.until("idle"));
    lines.push(world.tick());
    world.release("podinfo:6.0.0", "podinfo:6.1.0");
    lines.extend(world.until("idle"));
    lines.push(world.tick());
    insta::assert_snapshot!(lines.join("\n"), @"
    Initializing -/- held: podinfo-primary created, waiting until it is ready
    Initialized 100/0 initialized: initialized, all traffic on podinfo-primary
    Initialized 100/0 idle: podinfo scaled to zero
    Initialized 100/0 idle: no new revision
    Progressing 100/0 started: new revision bb1ec46e detected, scaling up podinfo
    Progressing 75/25 advanced: canary 0 → 25 %
    Progressing 50/50 advanced: canary 25 → 50 %
    Promoting 50/50 promoting: revision bb1ec46e copied to podinfo-primary
    Finalising 100/0 finalising: all traffic back on podinfo-primary
    Succeeded 100/0 succeeded: promotion of bb1ec46e completed
    Succeeded 100/0 idle: no new revision
    Succeeded 100/0 idle: no new revision
    ");
    insta::assert_snapshot!(world.log(20, "%s"), @"
    podinfo.test: promotion of bb1ec46e completed
    podinfo.test: all traffic back on podinfo-primary
    podinfo.test: revision bb1ec46e copied to podinfo-primary
    podinfo.test: canary 25 → 50 %
    podinfo.test: canary 0 → 25 %
    podinfo.test: new revision bb1ec46e detected, scaling up podinfo
    change apps/podinfo/deployment.yaml
    podinfo.test: podinfo scaled to zero
    podinfo.test: initialized, all traffic on podinfo-primary
    podinfo.test: podinfo-primary created, waiting until it is ready
    manifests
    ");
    insta::assert_snapshot!(world.log(1, "%an <%ae> %aI, %cn %cI%n%n%B"), @"
    weirkeeper[bot] <weirkeeper[bot]@users.noreply.github.com> 2026-01-01T00:09:00Z, weirkeeper[bot] 2026-01-01T00:09:00Z

    podinfo.test: promotion of bb1ec46e completed

    Canary: test/podinfo
    Phase: Succeeded
    Canary-Weight: 0
    Iterations: 0
    Failed-Checks: 0
    Revision: bb1ec46e
    ");
}

#[test]
fn results_have_every_documented_key() {
    let world = World::of("podinfo");
    world.bootstrap();
    world.release("podinfo:6.0.0", "podinfo:6.1.0");
    world.until("advanced");
    let run = world.next().exits(0).json();
    let keys = |value: &Value| -> BTreeSet<String> {
        value.as_object().unwrap().keys().cloned().collect()
    };
    let missing = |value: &Value, wanted: &[&str]| -> Vec<String> {
        let found = keys(value);
        let wanted = wanted.iter().map(|key| (*key).to_owned());
        wanted.filter(|key| !found.contains(key)).collect()
    };
    let none: Vec<String> = Vec::new();
    assert_eq!(
        missing(&run, &["version", "pushed", "head", "results"]),
        none
    );
    assert_eq!(run["version"], 1);
    let result = &run["results"][0];
    let wanted = [
        "canary",
        "phase",
        "action",
        "primaryWeight",
        "canaryWeight",
        "mirrored",
        "iterations",
        "failedChecks",
        "commit",
        "nextStepAt",
        "reasons",
        "metrics",
        "error",
    ];
    assert_eq!(missing(result, &wanted), none);
    let metric = &result["metrics"][0];
    let wanted = ["name", "query", "value", "verdict", "min", "max"];
    assert_eq!(missing(metric, &wanted), none);
    assert_eq!(metric["name"], "request-success-rate");
    assert_eq!(metric["verdict"], "pass");
    assert_eq!(metric["min"], 99.0);
    assert_eq!(metric["max"], Value::Null);
    assert_eq!(result["nextStepAt"], "2026-01-01T00:07:00Z");

    world.prometheus.set("http_request", Says::Refusal("no"));
    let result = world.next().exits(4).result(PODINFO);
    assert_eq!(
        missing(&result["error"], &["kind", "message", "hints"]),
        none
    );
    assert_eq!(result["error"]["kind"], "remote");
}

#[test]
fn generated_files_are_listed_beside_the_others() {
    let world = World::of("podinfo");
    world.bootstrap();
    let files: Vec<String> = world.files().into_keys().collect();
    insta::assert_snapshot!(files.join("\n"), @"
    README.md
    apps/podinfo/canary.yaml
    apps/podinfo/deployment.yaml
    apps/podinfo/kustomization.yaml
    apps/podinfo/podinfo-canary-service.yaml
    apps/podinfo/podinfo-httproute.yaml
    apps/podinfo/podinfo-primary-deployment.yaml
    apps/podinfo/podinfo-primary-service.yaml
    apps/podinfo/service.yaml
    ");
    insta::assert_snapshot!(world.read("apps/podinfo/kustomization.yaml"), @"
    apiVersion: kustomize.config.k8s.io/v1beta1
    kind: Kustomization
    # Everything of podinfo.
    resources:
      - deployment.yaml
      - service.yaml # the public name
      - podinfo-canary-service.yaml
      - podinfo-primary-service.yaml
      - podinfo-primary-deployment.yaml
      - podinfo-httproute.yaml
    ");
    insta::assert_snapshot!(world.read("apps/podinfo/podinfo-httproute.yaml"), @"
    # Generated by Weirkeeper for the Canary test/podinfo (flagger.app/v1beta1) in apps/podinfo/canary.yaml.
    apiVersion: gateway.networking.k8s.io/v1
    kind: HTTPRoute
    metadata:
      name: podinfo
      namespace: test
    spec:
      parentRefs:
        - namespace: infra
          name: edge
      rules:
        - matches:
            - path:
                type: PathPrefix
                value: /
          backendRefs:
            - name: podinfo-primary
              port: 9898
              weight: 100
            - name: podinfo-canary
              port: 9898
              weight: 0
    ");
    insta::assert_snapshot!(world.read("apps/podinfo/podinfo-canary-service.yaml"), @"
    # Generated by Weirkeeper for the Canary test/podinfo (flagger.app/v1beta1) in apps/podinfo/canary.yaml.
    apiVersion: v1
    kind: Service
    metadata:
      name: podinfo-canary
      namespace: test
      labels:
        app: podinfo-canary
    spec:
      type: ClusterIP
      selector:
        app: podinfo
      ports:
        - name: http
          protocol: TCP
          port: 9898
          targetPort: 9898
    ");
    insta::assert_snapshot!(world.read(PRIMARY), @"
    # Generated by Weirkeeper for the Canary test/podinfo (flagger.app/v1beta1) in apps/podinfo/canary.yaml.
    apiVersion: apps/v1
    kind: Deployment
    metadata:
      name: podinfo-primary
      namespace: test
      labels:
        app: podinfo-primary
    spec:
      replicas: 2
      selector:
        matchLabels:
          app: podinfo-primary
      template:
        metadata:
          labels:
            app: podinfo-primary
        spec:
          containers:
            - name: podinfo
              image: ghcr.io/stefanprodan/podinfo:6.0.0
              ports:
                - containerPort: 9898
    ");
    insta::assert_snapshot!(world.read("apps/podinfo/service.yaml"), @"
    apiVersion: v1
    kind: Service
    metadata:
      name: podinfo
      namespace: test
    spec:
      selector:
        app: podinfo-primary # moves to the primary
      ports:
        - name: http
          port: 9898
    ");
    let canary = world.read(CANARY);
    insta::assert_snapshot!(&canary[canary.find("status:").unwrap()..], @r#"
    status:
      phase: Initialized
      canaryWeight: 0
      failedChecks: 0
      iterations: 0
      lastAppliedSpec: "61c54b61"
      lastPromotedSpec: "61c54b61"
      lastStepTime: "2026-01-01T00:03:00Z"
      lastTransitionTime: "2026-01-01T00:03:00Z"
      conditions:
        - type: Promoted
          status: "True"
          reason: Initialized
          message: the primary serves all traffic
          lastUpdateTime: "2026-01-01T00:02:00Z"
          lastTransitionTime: "2026-01-01T00:02:00Z"
      routed:
        primary: 100
        canary: 0
      primarySpec: 61c54b61
      generatedRoute: f47f05ea
      targetReplicas: 2
    "#);
}

#[test]
fn replicas_come_back() {
    let world = World::of("podinfo");
    let replicas = |world: &World, path: &str| {
        let text = world.read(path);
        let line = text.lines().find(|line| line.contains("replicas:"));
        line.map(|line| line.trim().to_owned())
    };
    let kept = Some("replicas: 2 # enough for now".to_owned());
    world.until("initialized");
    assert_eq!(replicas(&world, DEPLOYMENT), kept);
    world.tick();
    let zero = Some("replicas: 0 # enough for now".to_owned());
    assert_eq!(replicas(&world, DEPLOYMENT), zero);
    assert_eq!(replicas(&world, PRIMARY), Some("replicas: 2".to_owned()));
    world.release("podinfo:6.0.0", "podinfo:6.1.0");
    world.until("started");
    assert_eq!(replicas(&world, DEPLOYMENT), kept);
    world.until("succeeded");
    assert_eq!(replicas(&world, DEPLOYMENT), zero);
    assert_eq!(replicas(&world, PRIMARY), Some("replicas: 2".to_owned()));

    let world = World::with(&[(DEPLOYMENT, "  replicas: 2 # enough for now\n", "")]);
    let original = world.read(DEPLOYMENT);
    world.bootstrap();
    assert_eq!(replicas(&world, DEPLOYMENT), Some("replicas: 0".to_owned()));
    assert_eq!(replicas(&world, PRIMARY), None);
    world.release("podinfo:6.0.0", "podinfo:6.1.0");
    world.until("started");
    assert_eq!(world.read(DEPLOYMENT), original.replace("6.0.0", "6.1.0"));
}

#[test]
fn an_idle_target_stays_when_asked_to() {
    let world = World::with(&[(
        CANARY,
        "  service:\n",
        "  gitops: {scaleDown: false}\n  service:\n",
    )]);
    let original = world.read(DEPLOYMENT);
    world.until("idle");
    world.release("podinfo:6.0.0", "podinfo:6.1.0");
    world.until("succeeded");
    world.tick();
    assert_eq!(world.read(DEPLOYMENT), original.replace("6.0.0", "6.1.0"));
}

#[test]
fn a_route_changes_in_its_weights_only() {
    for fixture in ["route-in-place", "one-rule"] {
        let world = World::of(fixture);
        let original = world.read("shop/route.yaml");
        while line(&world.next().exits(0).result("shop/shop"))
            != "Initialized 100/0 idle: no new revision"
        {
            assert_eq!(world.read("shop/route.yaml"), original);
        }
        world.edit("shop/app.yaml", ":6.0.0", ":6.1.0");
        while !line(&world.next().exits(0).result("shop/shop")).contains("60/40") {}
        let changed: Vec<String> = original
            .lines()
            .zip(world.read("shop/route.yaml").lines())
            .filter(|(before, after)| before != after)
            .map(|(before, after)| format!("-{before}\n+{after}"))
            .collect();
        match fixture {
            "one-rule" => insta::assert_snapshot!(changed.join("\n"), @"
            -          weight: 100   # most of it
            +          weight: 60   # most of it
            -        - {name: shop-canary, port: 80, weight: 0}
            +        - {name: shop-canary, port: 80, weight: 40}
            "),
            _ => insta::assert_snapshot!(changed.join("\n"), @"
            -          weight: 100   # most of it
            +          weight: 60   # most of it
            -        - {name: shop-canary, port: 80, weight: 0}
            +        - {name: shop-canary, port: 80, weight: 40}
            -        - {name: shop-canary, weight: 0, port: 80}
            +        - {name: shop-canary, weight: 40, port: 80}
            -        - {weight: 100, name: shop-primary, port: 80}
            +        - {weight: 60, name: shop-primary, port: 80}
            "),
        }
    }
}

#[test]
fn a_route_to_the_public_service_is_split() {
    let world = World::of("apex-route");
    let (original, _) = (world.read("app/all.yaml"), world.next().exits(0));
    let _ran = world.next().exits(0);
    let split = world.read("app/all.yaml");
    let at = |text: &str| text.find("  rules:").unwrap();
    // The Service moves to the primary, the comments stay.
    assert!(
        split.contains("spec: {selector: {app: web-primary}, ports: [{port: 80}]}"),
        "{split}"
    );
    assert!(original[..at(&original)].contains("# One entry for all."));
    assert!(split[..at(&split)].contains("# One entry for all."));
    insta::assert_snapshot!(&split[at(&split)..], @"
    rules:
      - backendRefs:
          - name: web-primary # the public name
            port: 80
            filters: []
            weight: 100
          - name: web-canary
            port: 80
            filters: []
            weight: 0
    ");
}

#[test]
fn all_canaries_step_in_one_push() {
    let world = World::of("two-in-one-file");
    let pushes = world.path().join("pushes");
    crate::support::world::write(
        &world.remote(),
        "hooks/post-receive",
        &format!("#!/bin/sh\ncat >> {}\n", pushes.display()),
    );
    git(&world.remote(), &["config", "core.hooksPath", "hooks"]);
    make_executable(&world.remote().join("hooks/post-receive"));
    let before = world.tip();
    let json = world.next().exits(0).json();
    let commit = |index: usize| json["results"][index]["commit"].as_str().unwrap();
    assert_eq!(json["pushed"], true);
    assert_eq!(world.tip(), commit(1));
    let pushed = fs_err::read_to_string(pushes).unwrap();
    assert_eq!(pushed, format!("{before} {} refs/heads/main\n", commit(1)));
    let parent = git(&world.remote(), &["rev-parse", &format!("{}^", commit(1))]);
    assert_eq!(parent, commit(0));
}

#[test]
fn templates_get_the_namespace_of_the_canary() {
    let world = World::of("far-apart");
    for _ in 0..3 {
        let _ran = world.next().exits(0);
    }
    world.edit("clusters/prod/api/deployment.yaml", ":6.0.0", ":6.1.0");
    for _ in 0..3 {
        let _ran = world.next().exits(0);
    }
    let asked = world.prometheus.asked();
    let query = asked
        .iter()
        .find(|query| query.contains("http_requests_total"));
    let wanted =
        r#"sum(rate(http_requests_total{namespace="prod", app="api", status=~"5.."}[1m]))"#;
    assert_eq!(query.unwrap(), wanted);
}

#[test]
fn a_run_without_anything_to_do_leaves_no_trace() {
    let world = World::of("podinfo");
    world.bootstrap();
    let (tip, files) = (world.tip(), world.files());
    let ran = world.next().exits(0);
    assert_eq!(ran.json()["pushed"], false);
    assert_eq!(ran.json()["head"], tip);
    assert_eq!(ran.result(PODINFO)["commit"], json!(null));
    assert_eq!((world.tip(), world.files()), (tip, files));
}

fn make_executable(path: &std::path::Path) {
    use std::os::unix::fs::PermissionsExt as _;
    fs_err::set_permissions(path, std::fs::Permissions::from_mode(0o755)).unwrap();
}

#[test]
fn the_bootstrap_waits_for_the_primary() {
    let world = World::of("podinfo");
    world.prometheus.set("kube_deployment", Says::Value(0.0));
    let mut lines: Vec<String> = (0..3).map(|_| world.tick()).collect();
    assert_eq!(world.commits(), 2, "waiting leaves no trace");
    world.prometheus.set("kube_deployment", Says::Nothing);
    lines.push(world.tick());
    world.prometheus.set("kube_deployment", Says::Value(1.0));
    lines.push(world.tick());
    insta::assert_snapshot!(lines.join("\n"), @"
    Initializing -/- held: podinfo-primary created, waiting until it is ready
    Initializing -/- held: waiting for podinfo-primary to become ready
    Initializing -/- held: waiting for podinfo-primary to become ready
    Initializing -/- held: cannot tell whether podinfo-primary is ready: no series. Let Prometheus scrape kube-state-metrics, set spec.gitops.readiness.query, or set spec.gitops.readiness.from to none
    Initialized 100/0 initialized: initialized, all traffic on podinfo-primary
    ");
}
