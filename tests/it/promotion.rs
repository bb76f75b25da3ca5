//! A release from the first commit to the promotion.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};

use crate::support::gitops::{PODINFO, World, fixtures, line, plain};
use crate::support::program::Ran;
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

/// Folders of the example repositories that belong to others.
const OTHERS: [&str; 5] = [
    "archive/",
    "vendor/",
    "monitoring/",
    "other/",
    "clusters/staging/",
];

/// Everything that holds for any release, for every example repository: `<name>.history` beside it is
/// what the history has to say.
#[test]
fn every_example_repository_gets_its_release() {
    let mut names = Vec::new();
    for entry in fs_err::read_dir(fixtures()).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            names.push(path.file_name().unwrap().to_str().unwrap().to_owned());
        }
    }
    names.sort();
    assert!(names.len() > 4, "{names:?}");
    std::thread::scope(|scope| {
        let running: Vec<_> = names
            .iter()
            .map(|name| (name, scope.spawn(|| release(name))))
            .collect();
        for (name, running) in running {
            let story = running.join().unwrap_or_else(|_| panic!("{name}"));
            let path = fixtures().join(format!("{name}.history"));
            let wanted = fs_err::read_to_string(&path).unwrap_or_default();
            // Write the file by hand, or with UPDATE_HISTORY=1, and read it.
            #[expect(clippy::disallowed_methods, reason = "a wish of the developer")]
            if std::env::var_os("UPDATE_HISTORY").is_some() {
                fs_err::write(&path, &story).unwrap();
            } else {
                assert!(story == wanted, "{name}: the history is now\n{story}");
            }
        }
    });
}

/// Bootstraps, releases, promotes; returns the history.
fn release(name: &str) -> String {
    let world = World::of(name);
    let original = world.files();
    run_until_idle(&world);
    let idle = world.files();
    world.pull();
    for (path, text) in &idle {
        let ours = !OTHERS.iter().any(|folder| path.starts_with(folder));
        if text.contains(":6.0.0") && !path.contains("-primary-") && ours {
            crate::support::world::write(&world.person(), path, &text.replace(":6.0.0", ":6.1.0"));
        }
    }
    world.push("release 6.1.0");
    run_until_idle(&world);
    assert_eq!(
        world.files().len(),
        idle.len(),
        "a release makes no new files"
    );
    check_bytes(name, &original, &world.files());
    let log = world.log(60, "%x00%s%n%(trailers:separator=%x2C )");
    let mut story: Vec<String> = log
        .split('\0')
        .map(|entry| entry.trim().to_owned())
        .filter(|entry| !entry.is_empty())
        .collect();
    story.reverse();
    story.join("\n") + "\n"
}

/// Steps until nothing is under way and nothing changes any more; checks each step.
fn run_until_idle(world: &World) {
    for _ in 0..30 {
        let before = world.tip();
        let ran = world.next().exits(0);
        check_step(world, &before, &ran);
        let results = ran.json()["results"].clone();
        let results = results.as_array().unwrap();
        let quiet = results.iter().all(|result| result["commit"].is_null());
        if quiet && results.iter().all(|result| result["action"] == "idle") {
            assert_eq!(world.tip(), before);
            return;
        }
    }
    panic!("it does not end: {}", world.log(10, "%s"));
}

/// What is reported is what is in the repository: commits, trailers, the head, the weights.
fn check_step(world: &World, before: &str, ran: &Ran) {
    let json = ran.json();
    let commits: Vec<&Value> = json["results"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|result| !result["commit"].is_null())
        .collect();
    assert_eq!(json["pushed"], !commits.is_empty(), "{ran}");
    assert_eq!(json["head"], world.tip(), "{ran}");
    let range = format!("{before}..main");
    let format = "--format=%x00%H%n%(trailers:unfold)";
    let listed = git(&world.remote(), &["log", "--reverse", format, &range]);
    let listed: Vec<(&str, &str)> = listed
        .split_terminator('\0')
        .filter_map(|entry| entry.split_once('\n'))
        .collect();
    let reported = commits
        .iter()
        .map(|result| result["commit"].as_str().unwrap());
    let hashes = listed.iter().map(|(hash, _)| *hash);
    assert!(reported.eq(hashes), "{ran}{listed:?}");
    for (result, (commit, trailers)) in commits.into_iter().zip(listed) {
        let trailers: BTreeMap<&str, &str> = trailers
            .lines()
            .filter_map(|line| line.split_once(": "))
            .collect();
        for (trailer, key) in [
            ("Canary", "canary"),
            ("Phase", "phase"),
            ("Iterations", "iterations"),
            ("Failed-Checks", "failedChecks"),
            ("Revision", "revision"),
        ] {
            assert_eq!(
                trailers[trailer],
                plain(&result[key]),
                "{trailer} of {commit}: {ran}"
            );
        }
        assert_eq!(trailers.get("Canary-Weight").map(|w| (*w).to_owned()), {
            let weight = &result["canaryWeight"];
            (!weight.is_null()).then(|| plain(weight))
        });
    }
    // The checkout comes along.
    let status = git(&world.checkout(), &["status", "--porcelain=v2", "--branch"]);
    let lines: Vec<&str> = status
        .lines()
        .filter(|line| !line.starts_with("# branch."))
        .collect();
    assert_eq!(lines, [""; 0]);
    let head = format!("# branch.oid {}\n", json["head"].as_str().unwrap());
    assert!(status.starts_with(&head), "{status}");
}

/// Compares what was there before the bootstrap with what is there after the promotion.
fn check_bytes(name: &str, original: &BTreeMap<String, String>, now: &BTreeMap<String, String>) {
    for (path, before) in original {
        let after = &now[path];
        // A route that was not split is back at 100/0.
        let others = OTHERS.iter().any(|folder| path.starts_with(folder));
        if others || path.ends_with("route.yaml") {
            assert_eq!(before, after, "{name}/{path}");
            continue;
        }
        for comment in comments(before) {
            let found = after.lines().any(|line| line.ends_with(comment));
            assert!(found, "{name}/{path} lost `{comment}`:\n{after}");
        }
        let windows = |text: &str| text.matches("\r\n").count() == text.matches('\n').count();
        assert_eq!(windows(before), windows(after), "{name}/{path}:\n{after:?}");
        // Nothing is reordered or rewritten: what was there is still there, line by line.
        let mut lines = after.lines();
        for line in before.lines().filter(|line| !may_change(line)) {
            let line = line.replace(":6.0.0", ":6.1.0");
            let found = lines.any(|other| other == line);
            assert!(found, "{name}/{path} lost `{line}`:\n{after}");
        }
    }
}

/// Lines that a release edits where they stand.
fn may_change(line: &str) -> bool {
    let edited = [
        "replicas:",
        "weight:",
        "selector: {",
        "app: podinfo # moves",
        "- name: web #",
    ];
    // A document, or a list, in flow style grows on its last line.
    let flow = [
        "resources: [",
        "   analysis: {",
        "  analysis: {interval: 1m, threshold: 2, stepWeights",
    ];
    edited.iter().chain(&flow).any(|part| line.contains(part))
}

fn comments(text: &str) -> impl Iterator<Item = &str> {
    let comment = |line: &str| line.starts_with('#') || line.contains(" #");
    let lines = text.lines().filter(move |line| comment(line));
    lines.map(|line| &line[line.find('#').unwrap()..])
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
    # Generated by Weirkeeper for Canary podinfo.
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
    # Generated by Weirkeeper for Canary podinfo.
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
    # Generated by Weirkeeper for Canary podinfo.
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
