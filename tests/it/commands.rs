//! Every command as it is called: what it prints, what it writes, how it ends.

use crate::support::gitops::World;
use crate::support::program::call;
use crate::support::world::git;
use crate::support::{assert_ran, corpus};

const CANARY: &str = "apps/podinfo/canary.yaml";
const ROUTE: &str = "apps/podinfo/podinfo-httproute.yaml";

/// A release at 25 %, which the checkout has.
fn under_way() -> World {
    let world = World::of("podinfo");
    world.bootstrap();
    world.release("podinfo:6.0.0", "podinfo:6.1.0");
    world.until("advanced");
    world
}

// ----- help -----

/// The reference of the command line: one file for each command.
#[test]
fn help_of_every_command() {
    let mut commands = vec![String::new()];
    let all = call(["help"]).run().exits(0).stdout;
    let listed = all.split("Commands:\n").nth(1).unwrap();
    let listed = listed.split("\n\n").next().unwrap();
    for line in listed
        .lines()
        .filter(|line| line.starts_with("  ") && !line.starts_with("   "))
    {
        commands.push(line.split_whitespace().next().unwrap().to_owned());
    }
    commands.retain(|command| command != "help");
    assert!(commands.len() > 7, "{commands:?}");
    let mut settings = insta::Settings::clone_current();
    settings.set_prepend_module_to_snapshot(false);
    settings.set_omit_expression(true);
    settings.set_snapshot_path("help");
    settings.bind(|| {
        for command in commands {
            let list = [&*command, "--help"];
            let list = list.iter().filter(|word| !word.is_empty());
            let ran = call(list).env("COLUMNS", "100").run().exits(0);
            let name = if command.is_empty() {
                "weirkeeper"
            } else {
                &command
            };
            insta::assert_snapshot!(name, ran.stdout);
        }
    });
}

#[test]
fn words_that_mean_nothing() {
    let world = World::new([("a.yaml", "a: 1\n")]);
    let ran = world.weirkeeper(["stepp"]).run().exits(2);
    assert_ran!(world, ran, @"
    exit code: 2
    ----- stderr
    error: unrecognized subcommand 'stepp'

      tip: a similar subcommand exists: 'step'

    Usage: weirkeeper [OPTIONS] <COMMAND>

    For more information, try '--help'.
    ");
    let ran = world
        .weirkeeper(["step", "--format", "github"])
        .run()
        .exits(2);
    assert_ran!(world, ran, @"
    exit code: 2
    ----- stderr
    error: --format github is for validate
    hint: on a GitHub runner step writes its annotations by itself
    ");
    let ran = world
        .weirkeeper(["step", "--deadline", "soon"])
        .run()
        .exits(2);
    assert_ran!(world, ran, @"
    exit code: 2
    ----- stderr
    error: --deadline is not a duration
      because: `soon` is not a duration; write it as 30s, 5m or 1h30m
    ");
    let ran = world
        .weirkeeper(["step", "--prometheus", "prometheus:9090"])
        .run()
        .exits(2);
    assert_ran!(world, ran, @"
    exit code: 2
    ----- stderr
    error: --prometheus is not http or https
    hint: write it as https://name.example.com
    ");
    let ran = world.weirkeeper(["step", "--author", "me"]).run().exits(2);
    assert_ran!(world, ran, @"
    exit code: 2
    ----- stderr
    error: --author: `me` is not NAME <EMAIL>
    ");
}

// ----- plan -----

#[test]
fn plan_shows_the_way_ahead_and_writes_nothing() {
    let world = under_way();
    world.wait(1);
    let before = (world.tip(), git(&world.checkout(), &["for-each-ref"]));
    let plan = |arguments: &[&str]| {
        world
            .weirkeeper(["plan", "--prometheus", &world.prometheus.url()])
            .args(arguments)
            .run()
    };
    assert_ran!(world, plan(&[]).exits(0), @"
    exit code: 0
    ----- stdout
    test/podinfo  Progressing  50/50  advanced
      canary 25 → 50 %
      pass: request-success-rate 99.9 (min 99)
      next step not before 2026-01-01T00:07:00Z
      would change apps/podinfo/canary.yaml
      would change apps/podinfo/podinfo-httproute.yaml
      schedule, if every check passes:
        2026-01-01T00:06:00Z  Progressing     50/50  canary 25 → 50 %
        2026-01-01T00:07:00Z  Promoting       50/50  revision bb1ec46e copied to podinfo-primary
        2026-01-01T00:08:00Z  Finalising      100/0  all traffic back on podinfo-primary
        2026-01-01T00:09:00Z  Succeeded       100/0  promotion of bb1ec46e completed
    ");
    let json = plan(&["--format", "json"]).exits(0).json();
    assert_eq!(json["version"], 1);
    assert_eq!(json["results"][0]["action"], "advanced");
    assert_eq!(json["results"][0]["canaryWeight"], 50);
    assert_eq!(
        json["results"][0]["files"],
        serde_json::json!([CANARY, ROUTE])
    );
    assert_eq!(json["results"][0]["schedule"].as_array().unwrap().len(), 4);
    // What is seen is what is judged: the work tree, not the branch.
    let path = world.checkout().join(CANARY);
    let text = fs_err::read_to_string(&path).unwrap();
    fs_err::write(&path, text.replace("stepWeight: 25", "stepWeight: 5")).unwrap();
    let json = plan(&["--format", "json"]).exits(0).json();
    assert_eq!(json["results"][0]["canaryWeight"], 30);
    fs_err::write(&path, text).unwrap();
    assert_eq!(
        before,
        (world.tip(), git(&world.checkout(), &["for-each-ref"]))
    );
    assert_eq!(git(&world.checkout(), &["status", "--porcelain"]), "");
}

#[test]
fn plan_of_nothing_and_of_what_cannot_be() {
    let world = World::new([("a.yaml", "a: 1\n")]);
    assert_ran!(world, world.weirkeeper(["plan"]).run().exits(0), @"
    exit code: 0
    ----- stdout
    no Canary here: nothing to do
    ");
    let world = World::with(&[(CANARY, "    stepWeight: 25", "    stepWeight: 0")]);
    assert_ran!(world, world.weirkeeper(["plan"]).run().exits(3), @"
    exit code: 3
    ----- stdout
    test/podinfo  failed
      Canary test/podinfo cannot be carried out
    ----- stderr
    error: Canary test/podinfo cannot be carried out
    error: must be at least 1, found 0: the weight would never rise
      --> apps/podinfo/canary.yaml:22:17
       |
    22 |     stepWeight: 0 # two steps
       |                 ^ spec.analysis.stepWeight
    ");
}

// ----- validate -----

#[test]
fn validate_a_folder() {
    let world = World::of("podinfo");
    assert_ran!(world, world.weirkeeper(["validate"]).run().exits(0), @"
    exit code: 0
    ----- stdout
    warning: nobody knows the gateway, since the Gateway infra/edge is not in the repository: built-in metrics are the application's own `http_request_duration_seconds`, with the labels of Flagger's bundled Prometheus
      --> apps/podinfo/canary.yaml:24:15
       |
    24 |       - name: request-success-rate
       |               ^^^^^^^^^^^^^^^^^^^^ spec.analysis.metrics[0].name
       |
       = help: name it in spec.gitops.gateway.implementation, or set spec.gitops.gateway.querySet if that is meant
    ----- stderr
    1 document: 1 warning
    ");
    let world = World::with(&[
        (CANARY, "    maxWeight: 50", "    maxWeight: 500"),
        (
            CANARY,
            "    name: podinfo\n  progress",
            "    name: podinf\n  progress",
        ),
        (CANARY, "  service:\n", "  sevice: {}\n  service:\n"),
    ]);
    assert_ran!(world, world.weirkeeper(["validate"]).run().exits(3), @"
    exit code: 3
    ----- stdout
    warning: unknown field, ignored
      --> apps/podinfo/canary.yaml:13:3
       |
    13 |   sevice: {}
       |   ^^^^^^ spec.sevice
       |
       = help: did you mean `service`?

    error: must be at most 100, found 500: it would never be reached
      --> apps/podinfo/canary.yaml:22:16
       |
    22 |     maxWeight: 500
       |                ^^^ spec.analysis.maxWeight
    ----- stderr
    1 document: 1 error, 1 warning
    ");
    // Places are as they were typed.
    for folder in ["apps", "apps/", "./apps"] {
        let ran = world.weirkeeper(["validate", folder]).run().exits(3);
        assert!(
            ran.stdout.contains(" apps/podinfo/canary.yaml:22:16"),
            "{ran}"
        );
    }
    let ran = world
        .weirkeeper(["validate", "--format", "github"])
        .run()
        .exits(3);
    assert_ran!(world, ran, @"
    exit code: 3
    ----- stdout
    ::warning file=apps/podinfo/canary.yaml,line=13,col=3,title=spec.sevice::unknown field, ignored%0Ahelp: did you mean `service`?
    ::error file=apps/podinfo/canary.yaml,line=22,col=16,title=spec.analysis.maxWeight::must be at most 100, found 500: it would never be reached
    ----- stderr
    1 document: 1 error, 1 warning
    ");
    let json = world
        .weirkeeper(["validate", "--format", "json"])
        .run()
        .exits(3)
        .json();
    assert_eq!((&json["version"], &json["errors"]), (&1.into(), &1.into()));
    let first = &json["diagnostics"][0];
    for key in [
        "file", "line", "column", "field", "message", "hint", "severity",
    ] {
        assert!(first.get(key).is_some(), "{key}: {first}");
    }
}

#[test]
fn validate_a_file() {
    let world = World::of("podinfo");
    let ran = world
        .weirkeeper(["validate", CANARY, "apps/podinfo/service.yaml"])
        .run();
    assert_ran!(world, ran.exits(0), @"
    exit code: 0
    ----- stderr
    1 document: no problem
    ");
    let ran = world
        .weirkeeper(["validate", "apps/podinfo/service.yaml"])
        .run();
    assert_ran!(world, ran.exits(0), @"
    exit code: 0
    ----- stderr
    no document to validate: no problem
    ");
    let ran = world.weirkeeper(["validate", "apps/nothing.yaml"]).run();
    assert_ran!(world, ran.exits(2), @"
    exit code: 2
    ----- stderr
    error: cannot read a file
      because: failed to open file `apps/nothing.yaml`: No such file or directory (os error 2)
    ");
}

// ----- render -----

#[test]
fn render_what_would_be_generated() {
    let world = World::of("podinfo");
    let ran = world
        .weirkeeper(["render", "test/podinfo", "--canary", "20"])
        .run();
    assert_ran!(world, ran.exits(0), @"
    exit code: 0
    ----- stdout
    ---
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
              weight: 80
            - name: podinfo-canary
              port: 9898
              weight: 20
    ---
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
    ---
    apiVersion: v1
    kind: Service
    metadata:
      name: podinfo-primary
      namespace: test
      labels:
        app: podinfo-primary
    spec:
      type: ClusterIP
      selector:
        app: podinfo-primary
      ports:
        - name: http
          protocol: TCP
          port: 9898
          targetPort: 9898
    ---
    apiVersion: v1
    kind: Service
    metadata:
      name: podinfo
      namespace: test
      labels:
        app: podinfo
    spec:
      type: ClusterIP
      selector:
        app: podinfo-primary
      ports:
        - name: http
          protocol: TCP
          port: 9898
          targetPort: 9898
    ");
    let list = ["render", "test/podinfo", "--format", "json"];
    let json = world.weirkeeper(list).run().exits(0).json();
    assert_eq!(json["objects"].as_array().unwrap().len(), 4);
    let list = [
        "render",
        "test/podinfo",
        "--primary",
        "80",
        "--canary",
        "30",
    ];
    assert_ran!(world, world.weirkeeper(list).run().exits(2), @"
    exit code: 2
    ----- stderr
    error: --primary and --canary sum up to 110, not to 100
    ");
    assert_ran!(world, world.weirkeeper(["render", "podinfo"]).run().exits(2), @"
    exit code: 2
    ----- stderr
    error: there is no Canary podinfo
    hint: there are: test/podinfo
    ");
}

// ----- status -----

#[test]
fn status_of_every_rollout() {
    let world = under_way();
    world.put(
        "apps/bad.yaml",
        "apiVersion: flagger.app/v1beta1\nkind: Canary\nmetadata: {name: bad}\n",
    );
    git(&world.checkout(), &["pull", "-q"]);
    let ran = world.weirkeeper(["status"]).run();
    assert_ran!(world, ran.exits(3), @"
    exit code: 3
    ----- stdout
    CANARY        PHASE        WEIGHTS  FAILED  REVISION  LAST STEP
    bad           invalid      -        0       -         -
    test/podinfo  Progressing  75/25    0       bb1ec46e  2026-01-01T00:05:00Z
    ----- stderr
    error: Canary bad cannot be carried out
    error: is required
     --> apps/bad.yaml:1:1
      |
    1 | apiVersion: flagger.app/v1beta1
      | ^^^^^^^^^^ spec.targetRef

    error: is required
     --> apps/bad.yaml:1:1
      |
    1 | apiVersion: flagger.app/v1beta1
      | ^^^^^^^^^^ spec.service

    error: is required
     --> apps/bad.yaml:1:1
      |
    1 | apiVersion: flagger.app/v1beta1
      | ^^^^^^^^^^ spec.analysis
    ");
    let list = ["status", "--only", "test/podinfo", "--format", "json"];
    let json = world.weirkeeper(list).run().exits(0).json();
    assert_eq!(json["version"], 1);
    assert_eq!(json["rollouts"][0]["phase"], "Progressing");
    assert_eq!(json["rollouts"][0]["canaryWeight"], 25);
}

#[test]
fn corpus_of_canaries() {
    let Some(folder) = corpus("canaries") else {
        return;
    };
    let index = fs_err::read_to_string(folder.join("index.tsv")).unwrap();
    let mut lines = index
        .lines()
        .map(|line| line.split('\t').collect::<Vec<_>>());
    let head = lines.next().unwrap();
    let column = |name: &str| head.iter().position(|column| *column == name).unwrap();
    let (file, valid) = (column("file"), column("valid_by_crd"));
    let mut odd = Vec::new();
    for line in lines {
        let ran = call(["validate"]).arg(folder.join(line[file])).run();
        let wanted = if line[valid] == "true" { 0 } else { 3 };
        if ran.code != wanted {
            odd.push(format!("{}: {ran}", line[file]));
        }
    }
    assert!(odd.is_empty(), "{}", odd.join("\n\n"));
}

#[test]
fn a_budget_of_the_target_alone_is_told() {
    let pdb = "apiVersion: policy/v1\nkind: PodDisruptionBudget\nmetadata: {name: podinfo, namespace: test}\n\
               spec: {minAvailable: 1, selector: {matchLabels: {app: podinfo}}}\n";
    let world = World::of("podinfo");
    world.put("apps/podinfo/pdb.yaml", pdb);
    git(&world.checkout(), &["pull", "-q"]);
    let ran = world.weirkeeper(["validate"]).run().exits(0);
    assert!(ran.stdout.contains("and not podinfo-primary"), "{ran}");
    assert!(ran.stdout.contains("apps/podinfo/pdb.yaml:4:"), "{ran}");
}

#[test]
fn what_flux_changes_by_itself_is_told() {
    let flux = "apiVersion: kustomize.toolkit.fluxcd.io/v1\nkind: Kustomization\nmetadata: {name: apps, namespace: flux-system}\n\
                spec:\n  path: ./apps\n  images: [{name: ghcr.io/stefanprodan/podinfo, newTag: 9.0.0}]\n  patches: [{patch: x}]\n";
    let world = World::of("podinfo");
    world.put("clusters/apps.yaml", flux);
    git(&world.checkout(), &["pull", "-q"]);
    let ran = world.weirkeeper(["validate"]).run().exits(3);
    assert!(ran.stdout.contains("clusters/apps.yaml:6:19"), "{ran}");
    assert!(
        ran.stdout
            .contains("sets the image of podinfo and of its primary alike"),
        "{ran}"
    );
    assert!(ran.stdout.contains("is not seen here"), "{ran}");
}
