//! `simulate`: scenarios as files, what is printed, and what is compared.

use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::support::corpus;
use crate::support::program::{Call, Ran};

/// A Canary as short as it can be.
const SHOP: &str = "canary:
  metadata: {name: shop, namespace: shop}
  spec:
    targetRef: {apiVersion: apps/v1, kind: Deployment, name: shop}
    service: {port: 80}
    analysis:
      interval: 1m
      threshold: 2
      stepWeight: 50
      metrics: [{name: errors, templateRef: {name: errors}, thresholdRange: {max: 1}}]
";

/// Runs `simulate` in `folder`.
fn simulate(folder: &Path, arguments: &[&str]) -> Ran {
    let call = Call::new(folder, folder).arg("simulate");
    call.args(arguments).run()
}

/// Runs `simulate` over the Canary above with these ticks.
fn run(ticks: &str, arguments: &[&str]) -> Ran {
    let folder = tempfile::tempdir().unwrap();
    fs_err::write(folder.path().join("shop.yaml"), format!("{SHOP}{ticks}")).unwrap();
    simulate(folder.path(), &[&["shop.yaml"], arguments].concat())
}

/// The ticks as JSON.
fn ticks(ran: &Ran) -> Vec<Value> {
    let lines = ran.stdout.lines();
    lines
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}

fn scenarios(folder: &Path) -> Vec<PathBuf> {
    let entries = fs_err::read_dir(folder).unwrap();
    let paths = entries.map(|entry| entry.unwrap().path());
    let mut paths: Vec<PathBuf> = paths
        .filter(|path| {
            path.extension()
                .is_some_and(|extension| extension == "yaml")
        })
        .collect();
    paths.sort();
    paths
}

/// Every scenario of a folder, each in a call of its own.
fn all_match(folder: &Path) {
    let scenarios = scenarios(folder);
    assert!(!scenarios.is_empty());
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let failed: Vec<String> = scenarios
        .iter()
        .map(|path| simulate(root, &["--check", path.to_str().unwrap()]))
        .filter(|ran| ran.code != 0)
        .map(|ran| ran.stderr)
        .collect();
    assert!(
        failed.is_empty(),
        "{} of {}:\n{}",
        failed.len(),
        scenarios.len(),
        failed.join("\n")
    );
}

#[test]
fn scenarios_of_ours_match() {
    all_match(&Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/scenarios"));
}

#[test]
fn scenarios_of_flagger_match() {
    if let Some(folder) = corpus("scenarios") {
        all_match(&folder);
    }
}

// ----- output -----

const RELEASE: &str = "ticks:
  - name: begin
  - name: a new version
    input: {revision: v2}
  - name: halfway
  - name: it fails
    input: {metrics: {errors: 7}}
    repeat: 2
  - name: back
";

#[test]
fn table_has_a_line_for_each_tick() {
    insta::assert_snapshot!(run(RELEASE, &[]).exits(0), @"
    exit code: 0
    ----- stdout
    1  begin          Initialized  100/0  iterations 0  failed 0  scale-canary-to-zero  initialized, all traffic on shop-primary
    2  a new version  Progressing  100/0  iterations 0  failed 0  scale-canary-up       new revision v2 detected, scaling up shop
    3  halfway        Progressing  50/50  iterations 0  failed 0  -                     canary 0 → 50 %
    4  it fails       Progressing  50/50  iterations 0  failed 1  -                     check failed: errors 7 (max 1)
    5  it fails       Progressing  50/50  iterations 0  failed 2  -                     check failed: errors 7 (max 1)
    6  back           Failed       100/0  iterations 0  failed 0  scale-canary-to-zero  revision v2 rolled back: 2 failed checks reached the threshold of 2
    ");
}

#[test]
fn json_has_an_object_for_each_tick() {
    let ran = run(RELEASE, &["--format", "json"]).exits(0);
    let ticks = ticks(&ran);
    let numbers: Vec<i64> = ticks
        .iter()
        .map(|tick| tick["tick"].as_i64().unwrap())
        .collect();
    assert_eq!(numbers, [1, 2, 3, 4, 5, 6]);
    let keys: Vec<&str> = ticks[0]
        .as_object()
        .unwrap()
        .keys()
        .map(String::as_str)
        .collect();
    insta::assert_snapshot!(keys.join(" "), @"action actions alerts canaryScale canaryWeight condition events failedChecks iterations lastAppliedRevision lastPromotedRevision metricsQueried mirrored name phase primaryRevision primaryWeight reasons routeChanged rules scenario statusCanaryWeight tick version webhookCalls");
    let last = ticks.last().unwrap();
    assert_eq!(
        (&last["version"], &last["scenario"]),
        (&1.into(), &"shop".into())
    );
    assert_eq!(last["phase"], "Failed");
    assert_eq!(last["primaryRevision"], "v1");
    assert_eq!(last["rules"][0]["backendRefs"][0]["weight"], 100);
    assert_eq!(ticks[3]["metricsQueried"], serde_json::json!(["errors"]));
}

#[test]
fn several_scenarios_are_told_apart() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let one = "fixtures/scenarios/failing-metric.yaml";
    let ran = simulate(root, &[one, "fixtures/scenarios/closed-gate.yaml"]).exits(0);
    let names: Vec<&str> = ran
        .stdout
        .lines()
        .map(|line| line.split("  ").next().unwrap())
        .collect();
    assert_eq!(
        (names[0], *names.last().unwrap()),
        ("failing-metric", "closed-gate")
    );
}

// ----- comparing -----

#[test]
fn what_differs_is_shown_where_it_is_expected() {
    let ran = run(
        "ticks:
  - expect: {phase: Initialized}
  - name: a new version
    input: {revision: v2}
    expect:
      phase: Waiting
      actions: []
      rules: [{matches: [{path: {type: Exact, value: /}}], backendRefs: [{name: shop-primary, port: 80}]}]
  - expect: {canaryWeight: 10}
",
        &["--check"],
    );
    insta::assert_snapshot!(ran.exits(6), @r#"
    exit code: 6
    ----- stdout
    1                 Initialized  100/0  iterations 0  failed 0  scale-canary-to-zero  initialized, all traffic on shop-primary
    2  a new version  Progressing  100/0  iterations 0  failed 0  scale-canary-up       new revision v2 detected, scaling up shop
    3                 Progressing  50/50  iterations 0  failed 0  -                     canary 0 → 50 %
    ----- stderr
    error: scenario shop does not match from tick 2 on
    error: tick 2 (a new version), phase: expected Waiting, found Progressing
      --> shop.yaml:16:14
       |
    16 |       phase: Waiting
       |              ^^^^^^^ ticks[1].expect.phase

    error: tick 2 (a new version), actions: expected [], found ["scale-canary-up"]
      --> shop.yaml:17:7
       |
    17 |       actions: []
       |       ^^^^^^^ ticks[1].expect.actions

    error: tick 2 (a new version), rules[0].matches[0].path.type: expected Exact, found PathPrefix
      --> shop.yaml:18:40
       |
    18 |       rules: [{matches: [{path: {type: Exact, value: /}}], backendRefs: [{name: shop-primary, port: 80}]}]
       |                                        ^^^^^ ticks[1].expect.rules[0].matches[0].path.type

    error: tick 2 (a new version), rules[0].backendRefs: expected [{"name":"shop-primary","port":80}], found [{"name":"shop-primary","port":80,"weight":100},{"name":"shop-canary","port":80,"weight":0}]
      --> shop.yaml:18:60
       |
    18 |       rules: [{matches: [{path: {type: Exact, value: /}}], backendRefs: [{name: shop-primary, port: 80}]}]
       |                                                            ^^^^^^^^^^^ ticks[1].expect.rules[0].backendRefs
    hint: later ticks differ, too: 3
    "#);
}

#[test]
fn only_a_check_compares() {
    let ticks = "ticks: [{expect: {phase: Failed, primaryWeight: null}}]\n";
    let _ran = run(ticks, &[]).exits(0);
    let ran = run(ticks, &["--check"]).exits(6);
    assert!(
        ran.stderr
            .contains("primaryWeight: expected none, found 100"),
        "{ran}"
    );
    let ran = run("ticks: [{}]\n", &["--check"]).exits(0);
    assert!(ran.stderr.contains("1 scenario, 1 tick:"), "{ran}");
}

// ----- the world -----

#[test]
fn a_tick_is_repeated_without_what_somebody_wrote() {
    let ran = run(
        "ticks:
  - {}
  - {input: {revision: v2}}
  - {repeat: 2}
  - input: {inject: {failedChecks: 1}, metrics: {errors: no-values}, specPatch: {analysis: {threshold: 5}}}
    repeat: 3
    expect: {failedChecks: 4}
",
        &["--check", "--format", "json"],
    );
    let failed: Vec<i64> = ticks(&ran.exits(0))
        .iter()
        .map(|tick| tick["failedChecks"].as_i64().unwrap())
        .collect();
    assert_eq!(failed, [0, 0, 0, 0, 2, 3, 4]);
}

#[test]
fn a_rejected_route_holds_without_a_failed_check() {
    let ran = run(
        "ticks:
  - {}
  - {input: {revision: v2}}
  - expect: {canaryWeight: 50}
  - input: {inject: {routeAccepted: 'False'}, metrics: {errors: 9}}
    repeat: 2
    expect: {canaryWeight: 50, failedChecks: 0, metricsQueried: [], routeChanged: false}
  - input: {inject: {routeAccepted: 'True'}}
    expect: {failedChecks: 1}
  - input: {inject: {routeAccepted: Stale}, primary: stuck}
    expect: {phase: Failed, primaryWeight: 100}
",
        &["--check"],
    );
    let _ran = ran.exits(0);
}

#[test]
fn a_run_goes_on_from_the_status_of_the_canary() {
    let ran = run(
        "  status:
    phase: Progressing
    canaryWeight: 50
    lastAppliedSpec: v2
    lastPromotedSpec: v1
ticks:
  - expect: {canaryWeight: 100, primaryRevision: v1, canaryScale: up, lastAppliedRevision: v2}
  - expect: {phase: Promoting, primaryRevision: v2}
",
        &["--check"],
    );
    let _ran = ran.exits(0);
}

#[test]
fn weights_set_by_hand_hold() {
    let ran = run(
        "ticks:
  - {}
  - {input: {revision: v2}}
  - {expect: {canaryWeight: 50}}
  - input: {inject: {route: {canaryWeight: 30}}}
    expect: {primaryWeight: 70, canaryWeight: 30, routeChanged: false}
  - input: {specPatch: {gitops: {onDrift: follow}}}
    expect: {canaryWeight: 80}
",
        &["--check"],
    );
    let _ran = ran.exits(0);
}

// ----- bad input -----

#[test]
fn words_that_mean_nothing() {
    let ran = run(
        "tick: []
authors: somebody
ticks:
  - nam: a
    input: {revison: v2, canary: redy, metrics: {errors: many}}
    expect: {phase: Progresing, canaryWieght: 10}
",
        &[],
    );
    insta::assert_snapshot!(ran.exits(3), @r#"
    exit code: 3
    ----- stderr
    error: shop.yaml is no scenario that can be run
    error: unknown field
      --> shop.yaml:11:1
       |
    11 | tick: []
       | ^^^^ tick
       |
       = help: did you mean `ticks`?

    error: unknown field
      --> shop.yaml:14:5
       |
    14 |   - nam: a
       |     ^^^ ticks[0].nam
       |
       = help: did you mean `name`?

    error: unknown field
      --> shop.yaml:15:13
       |
    15 |     input: {revison: v2, canary: redy, metrics: {errors: many}}
       |             ^^^^^^^ ticks[0].input.revison
       |
       = help: did you mean `revision`?

    error: must be one of `ready`, `not-ready`, `stuck`, found "redy"
      --> shop.yaml:15:34
       |
    15 |     input: {revison: v2, canary: redy, metrics: {errors: many}}
       |                                  ^^^^ ticks[0].input.canary
       |
       = help: did you mean `ready`?

    error: must be one of `Initializing`, `Initialized`, `Waiting`, `Progressing`, `WaitingPromotion`, `Promoting`, `Finalising`, `Succeeded`, `Failed`, `Terminating`, `Terminated`, found "Progresing"
      --> shop.yaml:16:21
       |
    16 |     expect: {phase: Progresing, canaryWieght: 10}
       |                     ^^^^^^^^^^ ticks[0].expect.phase
       |
       = help: did you mean `Progressing`?

    error: unknown field
      --> shop.yaml:16:33
       |
    16 |     expect: {phase: Progresing, canaryWieght: 10}
       |                                 ^^^^^^^^^^^^ ticks[0].expect.canaryWieght
       |
       = help: did you mean `canaryWeight`?

    warning: unknown field, ignored
      --> shop.yaml:12:1
       |
    12 | authors: somebody
       | ^^^^^^^ authors
    "#);
}

#[test]
fn values_that_cannot_be() {
    let ran = run(
        "schema: 2
canaryFile: canary.yaml
ticks:
  - tick: 3
    repeat: 0
    input:
      metrics: {errors: many, erors: 1, latency: 1}
      webhooks: {gate: 2000}
      inject: {routeAccepted: maybe, route: {primaryWeight: 50, canaryWeight: -10}}
  - tick: 3
",
        &[],
    );
    insta::assert_snapshot!(ran.exits(3), @"
    exit code: 3
    ----- stderr
    error: shop.yaml is no scenario that can be run
    error: must be 1, found 2
      --> shop.yaml:11:9
       |
    11 | schema: 2
       |         ^ schema

    error: is a second Canary beside `canary`
      --> shop.yaml:12:1
       |
    12 | canaryFile: canary.yaml
       | ^^^^^^^^^^ canaryFile

    error: must be at least 1, found 0
      --> shop.yaml:15:13
       |
    15 |     repeat: 0
       |             ^ ticks[0].repeat

    error: must be a number, `no-values`, `NaN`, `+Inf`, `-Inf` or `error`
      --> shop.yaml:17:25
       |
    17 |       metrics: {errors: many, erors: 1, latency: 1}
       |                         ^^^^ ticks[0].input.metrics.errors

    error: the Canary has nothing of this name
      --> shop.yaml:17:31
       |
    17 |       metrics: {errors: many, erors: 1, latency: 1}
       |                               ^^^^^ ticks[0].input.metrics.erors
       |
       = help: did you mean `errors`?

    error: must be a status of HTTP, found 2000
      --> shop.yaml:18:24
       |
    18 |       webhooks: {gate: 2000}
       |                        ^^^^ ticks[0].input.webhooks.gate

    error: must be `True`, `False`, `Stale` or empty
      --> shop.yaml:19:31
       |
    19 |       inject: {routeAccepted: maybe, route: {primaryWeight: 50, canaryWeight: -10}}
       |                               ^^^^^ ticks[0].input.inject.routeAccepted

    error: must be weights from 0 to 1000000, found 50 and -10
      --> shop.yaml:19:38
       |
    19 |       inject: {routeAccepted: maybe, route: {primaryWeight: 50, canaryWeight: -10}}
       |                                      ^^^^^ ticks[0].input.inject.route

    error: must be at least 4, found 3
      --> shop.yaml:20:11
       |
    20 |   - tick: 3
       |           ^ ticks[1].tick

    warning: the Canary has nothing of this name
      --> shop.yaml:17:41
       |
    17 |       metrics: {errors: many, erors: 1, latency: 1}
       |                                         ^^^^^^^ ticks[0].input.metrics.latency
    ");
}

#[test]
fn canary_that_cannot_be_carried_out() {
    let folder = tempfile::tempdir().unwrap();
    let scenario = SHOP.replace("stepWeight: 50", "stepWeight: 500");
    fs_err::write(
        folder.path().join("a.yaml"),
        format!("{scenario}ticks: [{{}}]\n"),
    )
    .unwrap();
    insta::assert_snapshot!(simulate(folder.path(), &["a.yaml"]).exits(3), @"
    exit code: 3
    ----- stderr
    error: the Canary of a cannot be carried out
    error: must be 1 to 100, found 500
     --> a.yaml:9:19
      |
    9 |       stepWeight: 500
      |                   ^^^ canary.spec.analysis.stepWeight
    ");

    // A patch is told where it is written, and the ticks before it are shown.
    let ran = run(
        "ticks:
  - {}
  - input: {specPatch: {analysis: {maxWeight: 150}}}
",
        &[],
    );
    insta::assert_snapshot!(ran.exits(3), @"
    exit code: 3
    ----- stdout
    1  Initialized  100/0  iterations 0  failed 0  scale-canary-to-zero  initialized, all traffic on shop-primary
    ----- stderr
    error: shop: tick 2 cannot be taken
      because: the Canary of shop cannot be carried out
    error: must be at most 100, found 150: it would never be reached
      --> shop.yaml:13:47
       |
    13 |   - input: {specPatch: {analysis: {maxWeight: 150}}}
       |                                               ^^^ ticks[1].input.specPatch.analysis.maxWeight
    ");
}

/// What stops nothing is told once, however often the Canary is patched.
#[test]
fn what_only_deserves_a_look() {
    let scenario = SHOP.replace("stepWeight: 50", "stepWeight: 50\n      maxWeigth: 50");
    let folder = tempfile::tempdir().unwrap();
    let ticks = "ticks:
  - {}
  - input: {specPatch: {analysis: {treshold: 5}}}
  - input: {specPatch: {suspend: true}}
";
    fs_err::write(folder.path().join("a.yaml"), format!("{scenario}{ticks}")).unwrap();
    let ran = simulate(folder.path(), &["a.yaml"]).exits(0);
    insta::assert_snapshot!(ran.stderr, @"
    warning: unknown field, ignored
      --> a.yaml:10:7
       |
    10 |       maxWeigth: 50
       |       ^^^^^^^^^ canary.spec.analysis.maxWeigth
       |
       = help: did you mean `maxWeight`?

    warning: unknown field, ignored
      --> a.yaml:14:36
       |
    14 |   - input: {specPatch: {analysis: {treshold: 5}}}
       |                                    ^^^^^^^^ ticks[1].input.specPatch.analysis.treshold
       |
       = help: did you mean `threshold`?
    ");
    assert!(
        !simulate(folder.path(), &["a.yaml", "--check"])
            .stderr
            .contains("warning")
    );
}

#[test]
fn files_that_are_no_scenarios() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    let run = |name: &str| simulate(folder.path(), &[name]);
    assert!(
        run("none.yaml")
            .exits(2)
            .stderr
            .contains("cannot read the scenario")
    );
    fs_err::write(at("broken.yaml"), "ticks: [").unwrap();
    assert!(
        run("broken.yaml")
            .exits(3)
            .stderr
            .contains("broken.yaml:1:")
    );
    fs_err::write(at("two.yaml"), "a: 1\n---\nb: 1\n").unwrap();
    assert!(
        run("two.yaml")
            .exits(3)
            .stderr
            .contains("holds 2 documents")
    );
    fs_err::write(at("list.yaml"), "- a\n").unwrap();
    assert!(
        run("list.yaml")
            .exits(3)
            .stderr
            .contains("must be a mapping")
    );
    fs_err::write(at("empty.yaml"), "id: x\n").unwrap();
    let ran = run("empty.yaml").exits(3);
    assert!(
        ran.stderr.contains("needs a Canary") && ran.stderr.contains("needs a tick"),
        "{ran}"
    );
}

/// A scenario may come from a stranger's pull request.
#[test]
fn canary_files_stay_in_the_repository() {
    let folder = tempfile::tempdir().unwrap();
    let inner = folder.path().join("inner");
    fs_err::create_dir(&inner).unwrap();
    fs_err::write(folder.path().join("secret.yaml"), "password: hunter2\n").unwrap();
    let scenario = "canaryFile: ../secret.yaml\nticks: [{}]\n";
    fs_err::write(inner.join("a.yaml"), scenario).unwrap();
    let ran = simulate(&inner, &["a.yaml"]).exits(3);
    assert!(ran.stderr.contains("outside the repository"), "{ran}");
    assert!(!ran.stderr.contains("hunter2"), "{ran}");
    let ran = simulate(folder.path(), &["inner/a.yaml"]).exits(3);
    assert!(ran.stderr.contains("holds no Canary"), "{ran}");
}
