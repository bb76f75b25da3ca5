//! `doctor`: what keeps rollouts from going on, and what to do about it.

mod fix;
mod metrics;

use serde_json::{Value, json};

use crate::support::assert_ran;
use crate::support::github::{GitHub, Refusal};
use crate::support::gitops::World;
use crate::support::program::{Call, Ran};
use crate::support::prometheus::Says;
use crate::support::world::git;

const CANARY: &str = "apps/podinfo/canary.yaml";
const FILE: &str = "rollouts.yml";
const PATH: &str = ".github/workflows/rollouts.yml";

/// The workflow that `init` writes.
const WORKFLOW: &str = include_str!("../../templates/rollouts.yml");

/// A world after its bootstrap, with the workflow of the README, changed, and what
/// GitHub knows of it.
fn world(changes: &[(&str, &str)]) -> (World, GitHub) {
    world_with(changes, &[])
}

fn world_with(changes: &[(&str, &str)], of_files: &[(&str, &str, &str)]) -> (World, GitHub) {
    let world = World::with(of_files);
    let mut text = WORKFLOW.to_owned();
    for (from, to) in changes {
        assert!(text.contains(from), "no `{from}`");
        text = text.replace(from, to);
    }
    world.put(PATH, text);
    world.bootstrap();
    git(&world.checkout(), &["pull", "-q"]);
    world.prometheus.set("count(up)", Says::Value(42.0));
    let github = GitHub::start();
    github.workflow(FILE, "active");
    github.ran(FILE, 7, "schedule", "success", &world.now());
    github.ran(FILE, 8, "workflow_dispatch", "failure", &world.now());
    (world, github)
}

/// The call in the checkout, with a token.
fn doctor(world: &World, github: &GitHub) -> Call {
    world
        .weirkeeper(["doctor", "--prometheus"])
        .arg(world.prometheus.url())
        .env("GITHUB_API_URL", github.api())
        .env("GITHUB_REPOSITORY", "me/fleet")
        .env("GITHUB_TOKEN", "t0ken")
}

/// What is said about an area: level, sentence and advice, a line for each finding.
fn told(ran: &Ran, area: &str) -> String {
    let findings = ran.json()["findings"].clone();
    let of_area = |finding: &&Value| finding["area"] == area;
    let lines = findings.as_array().unwrap().iter().filter(of_area);
    let lines = lines.map(|finding| {
        let text = |name: &str| finding[name].as_str().unwrap_or_default().to_owned();
        let advice = finding["advice"].as_array().unwrap().iter();
        let advice: String = advice
            .map(|it| format!("\n- {}", it.as_str().unwrap()))
            .collect();
        format!("{} {}{advice}\n", text("level"), text("found"))
    });
    lines.collect()
}

fn ask(world: &World, github: &GitHub, area: &str) -> String {
    let ran = doctor(world, github).args(["--format", "json"]).run();
    let text = told(&ran, area);
    let code = if ran.stdout.contains(r#""level": "problem""#) {
        6
    } else {
        0
    };
    assert_eq!(ran.code, code, "{ran}");
    text
}

/// Every request for `path` is refused.
fn refuse(github: &GitHub, path: &'static str, status: u16, says: &str) {
    let spent = status == 403 && says.contains("rate limit");
    let headers = [
        ("x-ratelimit-remaining", "0".to_owned()),
        ("x-ratelimit-reset", "4102444800".to_owned()),
    ];
    github.refuse(Refusal {
        method: "GET",
        path,
        status,
        headers: if spent { headers.into() } else { Vec::new() },
        body: json!({"message": says}),
        times: 100,
    });
}

#[test]
fn a_repository_that_is_well() {
    let (world, github) = world(&[]);
    let tip = world.tip();
    let ran = doctor(&world, &github).run().exits(0);
    let version = git(&world.checkout(), &["version"]).replace("version ", "");
    let ran = Ran {
        stdout: ran
            .stdout
            .replace(&version, "git [VERSION]")
            .replace(&tip[..8], "[TIP]"),
        ..ran
    };
    assert_ran!(world, ran, @"
    exit code: 0
    ----- stdout
    ok       git        git [VERSION]; the whole history is here
    ok       git        origin/main: the remote is at [TIP]
    ok       git        origin/main: the remote takes pushes from here
    ok       token      me/fleet: the token may push
    ok       rules      main: no rule is in the way of a push
    ok       workflow   .github/workflows/rollouts.yml: takes steps by the schedule `*/5 * * * *`
    ok       workflow   .github/workflows/rollouts.yml: its schedule started it last at 2026-01-01T00:03:00Z
    ok       prometheus http://prometheus/: answers; 42 targets
    ok       metric     test/podinfo gateway: nobody knows the gateway (the Gateway infra/edge is not in the repository); query set http: the application's own `http_request_duration_seconds`, with the labels of Flagger's bundled Prometheus
                        - set spec.gitops.gateway.implementation to measure at the gateway
    ok       metric     test/podinfo request-success-rate: canary 99.9, primary 99.9
    ok       readiness  test/podinfo canary: ready
    ok       readiness  test/podinfo primary: ready
    ok       applied    test/podinfo: a step counts from its commit, applied or not
                        - with `spec.gitops.applied.from: githubStatus` or `prometheus` a step is judged once the cluster runs it, and held when the cluster does not
    0 problem, 0 warning, 0 unknown, 13 ok
    ");
    // Nothing was written, nowhere.
    assert_eq!(world.tip(), tip);
    assert_eq!(git(&world.checkout(), &["status", "--porcelain"]), "");
    let only_asked = |asked: &crate::support::github::Asked| asked.method == "GET";
    assert!(github.requests().iter().all(only_asked));
}

#[test]
fn outside_of_github_nobody_knows() {
    let (world, _) = world(&[]);
    let call = world.weirkeeper(["doctor", "--format", "json", "--prometheus"]);
    let ran = call.arg(world.prometheus.url()).run().exits(0);
    for area in ["token", "rules", "workflow"] {
        let text = told(&ran, area);
        assert!(
            text.contains("unknown the remote is not at GitHub"),
            "{area}: {text}"
        );
        assert!(!text.contains("problem"), "{text}");
    }
}

#[test]
fn a_folder_without_anything() {
    let folder = tempfile::tempdir().unwrap();
    let ran = Call::new(folder.path(), folder.path())
        .arg("doctor")
        .run()
        .exits(6);
    assert!(ran.stdout.contains("problem  git"), "{ran}");
    assert!(ran.stdout.contains("there is no Canary here"), "{ran}");
}

// ----- GitHub -----

#[test]
fn a_token_that_may_not() {
    let (world, github) = world(&[]);
    github.repository_says("permissions", json!({"push": false}));
    insta::assert_snapshot!(ask(&world, &github, "token"), @"
    problem the token may not push
    - give its owner the role `write`, and the token `contents: write`
    ");
    github.repository_says("archived", json!(true));
    insta::assert_snapshot!(ask(&world, &github, "token"), @"
    problem the repository is archived
    - nobody can push to it: take it out of the archive
    ");
}

#[test]
fn a_classic_token_without_the_scope() {
    let (world, github) = world(&[]);
    github.scopes("gist, read:org");
    let call = doctor(&world, &github).env("GITHUB_TOKEN", "ghp_123");
    let ran = call.args(["--format", "json"]).run().exits(6);
    insta::assert_snapshot!(told(&ran, "token"), @"
    problem the token has the scopes gist, read:org
    - it needs `repo`; a fine-grained token with `contents: write` is better
    ");
    assert!(!ran.to_string().contains("ghp_123"), "{ran}");
}

#[test]
fn a_github_that_does_not_tell() {
    for (status, says) in [
        (401, "Bad credentials"),
        (403, "Resource not accessible by integration"),
        (403, "API rate limit exceeded"),
        (404, "Not Found"),
        (502, "Bad Gateway"),
    ] {
        let (world, github) = world(&[]);
        refuse(&github, "/repos/me/fleet", status, says);
        let ran = doctor(&world, &github).args(["--format", "json"]).run();
        let levels = |area: &str| -> Vec<String> {
            let text = told(&ran, area);
            let lines = text.lines().filter(|line| !line.starts_with('-'));
            lines
                .map(|line| line.split(' ').next().unwrap().to_owned())
                .collect()
        };
        let token = match status {
            401 | 404 => "problem",
            _ => "unknown",
        };
        assert_eq!(levels("token"), [token], "{ran}");
        assert_eq!(levels("rules"), ["unknown"], "{ran}");
        // The file is well.
        assert!(levels("workflow").contains(&"ok".to_owned()), "{ran}");
        if status != 404 {
            assert_eq!(levels("workflow"), ["ok", "unknown"], "{ran}");
        }
        // Who asks is told what to do.
        assert!(told(&ran, "token").contains("\n- "), "{ran}");
    }
}

#[test]
fn rules_that_would_refuse_a_step() {
    let (world, github) = world(&[]);
    github.rule("required_linear_history", json!({}));
    insta::assert_snapshot!(ask(&world, &github, "rules"), @"ok no rule is in the way of a push");
    github.rule(
        "pull_request",
        json!({"required_approving_review_count": 1}),
    );
    github.rule("required_signatures", json!({}));
    insta::assert_snapshot!(ask(&world, &github, "rules"), @"
    problem rule `pull_request` of ruleset 7 of me/fleet asks for a pull request with 1 approval
    - use `commit-via: pull-request`
    - or put this app on the bypass list of the ruleset
    problem rule `required_signatures` of ruleset 7 of me/fleet asks for signed commits
    - use `commit-via: api`, with which GitHub signs, or --sign-key
    - or put this app on the bypass list of the ruleset
    ");
    // The way that fits, by option or as the workflow says.
    let call = doctor(&world, &github).args(["--format", "json", "--commit-via", "pull-request"]);
    let ran = call.env("WEIRKEEPER_SIGN_KEY", "key").run();
    insta::assert_snapshot!(told(&ran, "rules"), @"ok no rule is in the way of a pull request");
}

#[test]
fn the_workflow_says_how_commits_are_made() {
    let token = "token: ${{ github.token }}";
    let via = format!("{token}\n          commit-via: api");
    let (world, github) = world(&[(token, &via)]);
    github.rule("required_signatures", json!({}));
    insta::assert_snapshot!(ask(&world, &github, "rules"), @"ok no rule is in the way of a commit by the API");
}

#[test]
fn classic_protection_is_not_told_in_full() {
    let (world, github) = world(&[]);
    github.protect();
    insta::assert_snapshot!(ask(&world, &github, "rules"), @"
    warning the branch has classic protection; what it asks for only administrators may read
    - let this app bypass it (Settings > Branches), or use `commit-via: pull-request`
    ");
}

// ----- the workflow -----

#[test]
fn a_workflow_that_is_switched_off() {
    let (world, github) = world(&[]);
    github.workflow(FILE, "disabled_inactivity");
    insta::assert_snapshot!(ask(&world, &github, "workflow"), @"
    ok takes steps by the schedule `*/5 * * * *`
    problem GitHub switched it off: there was no commit in the repository for 60 days (`disabled_inactivity`)
    - switch it on: gh workflow enable rollouts.yml, or under Actions
    ");
    github.workflow(FILE, "disabled_manually");
    insta::assert_snapshot!(ask(&world, &github, "workflow"), @"
    ok takes steps by the schedule `*/5 * * * *`
    problem somebody switched it off (`disabled_manually`)
    - switch it on: gh workflow enable rollouts.yml, or under Actions
    ");
}

#[test]
fn a_schedule_that_starts_nothing() {
    let (world, github) = world(&[]);
    // Three times late are 15 minutes; an hour is what GitHub is late by itself.
    world.wait(70);
    assert!(ask(&world, &github, "workflow").starts_with("ok"));
    world.wait(30);
    insta::assert_snapshot!(ask(&world, &github, "workflow"), @"
    ok takes steps by the schedule `*/5 * * * *`
    warning its schedule started it last at 2026-01-01T00:03:00Z; since 2026-01-01T01:30:00Z it was due 3 times
    - GitHub delays and drops schedules: start it by repository_dispatch from Flux, or use watch with --redispatch, which goes on by itself
    ");
    github.ran(FILE, 9, "schedule", "failure", &world.now());
    insta::assert_snapshot!(ask(&world, &github, "workflow"), @"
    ok takes steps by the schedule `*/5 * * * *`
    warning its last run of 2026-01-01T01:43:00Z ended with `failure`
    - look at https://github.com/me/fleet/actions/runs/9
    ");
    let github = GitHub::start();
    github.workflow(FILE, "active");
    insta::assert_snapshot!(ask(&world, &github, "workflow"), @"
    ok takes steps by the schedule `*/5 * * * *`
    warning its schedule has never started it
    - a new schedule takes an hour at times, and only that of the default branch runs
    ");
}

#[test]
fn a_workflow_that_is_not_written_well() {
    let schedule = "  schedule: [{ cron: \"*/5 * * * *\" }]\n";
    let concurrency = "concurrency: { group: rollouts, cancel-in-progress: false }\n";
    let permissions = "permissions:
      contents: write # each step is a commit
      statuses: read # what Flux reported, with `applied.from: githubStatus`";
    let persist = "with: { persist-credentials: false }";
    let token = "token: ${{ github.token }}";
    let (world, github) = world(&[]);
    let mut told = String::new();
    for changes in [
        vec![(schedule, "")],
        vec![("*/5 * * * *", "*/5 * * *")],
        vec![("*/5 * * * *", "* * * * *")],
        vec![(concurrency, "")],
        vec![("cancel-in-progress: false", "cancel-in-progress: true")],
        vec![(permissions, "permissions: { contents: read }")],
        vec![(permissions, ""), ("permissions: {}\n", "")],
        vec![(persist, "with: { persist-credentials: true }")],
        vec![(token, "command: step")],
        vec![
            (
                token,
                "token: x\n          command: watch\n          for: 20m",
            ),
            (permissions, ""),
        ],
        vec![(token, "commit-via: api")],
        vec![(
            token,
            "token: x\n          command: watch\n          for: 10m",
        )],
        vec![(
            token,
            "token: ${{ github.token }}\n          commit-via: pull-request\n          extra-args: --redispatch",
        )],
        vec![(
            "uses: weirkeeper/weirkeeper@v0",
            "uses: weirkeeper/other@v0",
        )],
    ] {
        // The work tree is looked at, committed or not.
        let mut text = WORKFLOW.to_owned();
        for (from, to) in &changes {
            assert!(text.contains(from), "no `{from}`");
            text = text.replace(from, to);
        }
        fs_err::write(world.checkout().join(PATH), text).unwrap();
        let text = ask(&world, &github, "workflow");
        let of_the_file = text
            .lines()
            .filter(|line| !line.starts_with("ok its schedule"));
        for line in of_the_file {
            told.push_str(&format!("{line}\n"));
        }
        told.push('\n');
    }
    insta::assert_snapshot!(told, @"
    problem it has no schedule
    - a step is taken only when something starts it: add `on: schedule`, also as a safety net beside other events

    problem its schedule is none: `*/5 * * *`: Invalid pattern: Pattern must have 5 fields when seconds are disallowed.
    - write minute, hour, day, month, weekday, such as `*/5 * * * *`

    warning its schedule is shorter than 5 minutes
    - GitHub starts it every 5 minutes at most; use watch in between

    warning it has no `concurrency`: runs overlap, and race to push
    - add `concurrency: { group: rollouts, cancel-in-progress: false }`

    warning a new run cancels the one under way
    - set `cancel-in-progress: false`: a run that waits is enough

    problem its token lacks `contents: write`
    - add `permissions: { contents: write }` to the job

    warning it does not say its `permissions`: those of the repository apply
    - add `permissions: { contents: write }` to the job

    warning the checkout leaves its token behind for every step
    - set `persist-credentials: false` on actions/checkout

    problem nobody gives it a token to push with
    - give `token: ${{ github.token }}`: the checkout left none

    problem it watches as long as the job may last, 15 minutes
    - set `timeout-minutes` longer than `for` and `deadline` together: GitHub ends the job in the middle, and nothing is reported

    warning nobody gives it a token to fetch with
    - give `token: ${{ github.token }}`: a private repository needs one

    warning it watches for up to 20 minutes with its last tick, and the job may last 15
    - set `timeout-minutes` longer than `for` and `deadline` together: GitHub ends the job in the middle, and nothing is reported

    problem its token lacks `pull-requests: write, actions: write`
    - add `permissions: { contents: write, pull-requests: write, actions: write }` to the job

    problem no workflow in .github/workflows takes steps
    - weirkeeper init writes one: .github/workflows/rollouts.yml
    ");
}

// ----- Prometheus -----

#[test]
fn a_prometheus_that_does_not_answer() {
    let (world, github) = world(&[]);
    let call = world.weirkeeper(["doctor", "--format", "json", "--prometheus"]);
    let call = call.args(["http://127.0.0.1:1/", "--prometheus-timeout", "1s"]);
    let ran = call.env("GITHUB_API_URL", github.api()).run().exits(6);
    let prometheus = told(&ran, "prometheus");
    assert!(prometheus.starts_with("problem"), "{ran}");
    // What would be asked of it is not known, which is said once for each.
    for area in ["metric", "readiness"] {
        let told = told(&ran, area);
        assert_eq!(told.matches("unknown not asked").count(), 1, "{ran}");
        assert!(!told.contains("problem"), "{ran}");
    }
    let ran = world
        .weirkeeper(["doctor", "--format", "json"])
        .run()
        .exits(6);
    assert!(told(&ran, "metric").contains("give --prometheus"), "{ran}");
}

#[test]
fn metrics_that_are_not_one_number() {
    let (world, github) = world(&[]);
    let metric = |part: &str, says: Says| {
        world.prometheus.set(part, says);
        let text = ask(&world, &github, "metric");
        // The query of the built-in check is long.
        let lines = text.lines().filter(|line| !line.starts_with("- the query"));
        let lines = lines.collect::<Vec<_>>().join("\n");
        lines.replace(&world.prometheus.url(), "http://prometheus")
    };
    insta::assert_snapshot!(metric("http_request", Says::Nothing), @r#"
    ok nobody knows the gateway (the Gateway infra/edge is not in the repository); query set http: the application's own `http_request_duration_seconds`, with the labels of Flagger's bundled Prometheus
    - set spec.gitops.gateway.implementation to measure at the gateway
    problem canary no series, primary no series: the metrics are not wired, no series http_request_duration_seconds_count{kubernetes_namespace="test", kubernetes_pod_name=~"podinfo-primary-[0-9a-zA-Z]+(-[0-9a-zA-Z]+)"}
    - there is no series http_request_duration_seconds_count at all
    - let Prometheus scrape the workload, with the labels that the query asks for
    "#);
    insta::assert_snapshot!(metric("podinfo-primary", Says::Value(99.0)), @"
    ok nobody knows the gateway (the Gateway infra/edge is not in the repository); query set http: the application's own `http_request_duration_seconds`, with the labels of Flagger's bundled Prometheus
    - set spec.gitops.gateway.implementation to measure at the gateway
    ok canary no series, primary 99: the canary has no traffic now
    ");
    insta::assert_snapshot!(metric("http_request", Says::Series("code", vec!["200".to_owned(), "500".to_owned()])), @r#"
    ok nobody knows the gateway (the Gateway infra/edge is not in the repository); query set http: the application's own `http_request_duration_seconds`, with the labels of Flagger's bundled Prometheus
    - set spec.gitops.gateway.implementation to measure at the gateway
    problem canary: 2 series: {code="200"}, {code="500"}
    - one number is judged: aggregate, with sum(…) or without a `by`
    problem canary and primary have 1 series in common: not separable
    - http_request_duration_seconds_count{kubernetes_namespace="test", kubernetes_pod_name=~"podinfo-[0-9a-zA-Z]+(-[0-9a-zA-Z]+)"} and http_request_duration_seconds_count{kubernetes_namespace="test", kubernetes_pod_name=~"podinfo-primary-[0-9a-zA-Z]+(-[0-9a-zA-Z]+)"} match the same
    - choose another query set, or correct the query
    "#);
    insta::assert_snapshot!(metric("http_request", Says::Refusal("parse error")), @"
    ok nobody knows the gateway (the Gateway infra/edge is not in the repository); query set http: the application's own `http_request_duration_seconds`, with the labels of Flagger's bundled Prometheus
    - set spec.gitops.gateway.implementation to measure at the gateway
    problem cannot measure request-success-rate: Prometheus at http://prometheus/ does not answer the query: bad_data: parse error
    ");
    insta::assert_snapshot!(metric("count(up)", Says::Nothing), @"
    ok nobody knows the gateway (the Gateway infra/edge is not in the repository); query set http: the application's own `http_request_duration_seconds`, with the labels of Flagger's bundled Prometheus
    - set spec.gitops.gateway.implementation to measure at the gateway
    problem cannot measure request-success-rate: Prometheus at http://prometheus/ does not answer the query: bad_data: parse error
    ");
    assert!(ask(&world, &github, "prometheus").starts_with("warning"));
}

#[test]
fn workloads_that_nobody_measures() {
    let (world, github) = world(&[]);
    world.prometheus.set("kube_deployment", Says::Nothing);
    insta::assert_snapshot!(ask(&world, &github, "readiness"), @"
    problem cannot tell whether podinfo is ready: no series
    - Let Prometheus scrape kube-state-metrics, set spec.gitops.readiness.query, or set spec.gitops.readiness.from to none
    problem cannot tell whether podinfo-primary is ready: no series
    - Let Prometheus scrape kube-state-metrics, set spec.gitops.readiness.query, or set spec.gitops.readiness.from to none
    ");
    world.prometheus.set("kube_deployment", Says::Value(0.0));
    insta::assert_snapshot!(ask(&world, &github, "readiness"), @"
    ok measured, and not ready now, as it is when scaled to zero
    ok measured, and not ready now, as it is when scaled to zero
    ");
}

// ----- Flux -----

#[test]
fn commit_statuses_of_flux() {
    let applied =
        "  gitops: {applied: {from: githubStatus}, readiness: {from: applied}}\n  service:\n";
    let world = World::with(&[(CANARY, "  service:\n", applied)]);
    let github = GitHub::start();
    let tip = world.tip();
    github.commit(&tip);
    insta::assert_snapshot!(ask(&world, &github, "applied"), @"
    problem none of the last 1 commits has a status `kustomization/`, or any other
    - let Flux report: a Provider of type github and an Alert on the Kustomization (https://fluxcd.io/flux/monitoring/alerts/#git-commit-status), or correct spec.gitops.applied.context
    ");
    github.report(&tip, "success", "applied", &world.now());
    insta::assert_snapshot!(ask(&world, &github, "applied"), @"ok Flux reports kustomization/apps/1a2b3c4d, last at 2026-01-01T00:00:00Z");
    github.report(
        &tip,
        "failure",
        "health check failed",
        "2026-01-01T00:05:00Z",
    );
    insta::assert_snapshot!(ask(&world, &github, "applied"), @"
    warning Flux reports kustomization/apps/1a2b3c4d, last at 2026-01-01T00:05:00Z: health check failed
    - steps are held until Flux succeeds
    ");
    refuse(
        &github,
        "/statuses",
        403,
        "Resource not accessible by integration",
    );
    insta::assert_snapshot!(ask(&world, &github, "applied"), @"
    unknown GitHub answered 403 Forbidden: Resource not accessible by integration
    - the token needs `statuses: read` (in a workflow under `permissions`)
    ");
}

#[test]
fn revisions_that_flux_runs() {
    let applied =
        "  gitops: {applied: {from: prometheus, query: gotk_resource_info}}\n  service:\n";
    let world = World::with(&[(CANARY, "  service:\n", applied)]);
    let github = GitHub::start();
    insta::assert_snapshot!(ask(&world, &github, "applied"), @"
    problem no series tells what the cluster runs
    - let kube-state-metrics export gotk_resource_info (https://fluxcd.io/flux/monitoring/custom-metrics/), or correct spec.gitops.applied.query: its series need a label `revision`
    ");
    let runs = |revision: &str| {
        let series = Says::Series("revision", vec![revision.to_owned()]);
        world.prometheus.set("gotk_resource_info", series);
        let told = ask(&world, &github, "applied");
        told.replace(&world.tip()[..8], "[TIP]")
    };
    insta::assert_snapshot!(runs(&format!("main@sha1:{}", world.tip())), @"ok the cluster runs [TIP]");
    insta::assert_snapshot!(runs(&format!("main@sha1:{}", "1".repeat(40))), @"
    warning the cluster runs 11111111, which is no commit of this clone
    - fetch; else the query is about another repository: name the right Kustomization in spec.gitops.applied.query
    ");
    insta::assert_snapshot!(runs("v1.2"), @"
    problem the cluster runs `v1.2`, which names no commit
    - spec.gitops.applied.query needs the revision as Flux writes it, `main@sha1:…`
    ");
}

#[test]
fn the_examples_that_belong_together() {
    let (world, github) = world(&[]);
    let folder = world.checkout().join(".github/workflows");
    fs_err::remove_file(folder.join(FILE)).unwrap();
    let write = |file: &str, text: &str| {
        fs_err::write(folder.join(file), text).unwrap();
        github.workflow(file, "active");
    };
    write("push.yml", include_str!("../../.github/examples/push.yml"));
    write("flux.yml", include_str!("../../.github/examples/flux.yml"));
    // Events alone start nothing that waits for time.
    let alone = ask(&world, &github, "workflow");
    assert_eq!(
        alone.matches("problem it has no schedule").count(),
        2,
        "{alone}"
    );
    let scheduled = include_str!("../../.github/examples/scheduled.yml");
    write("scheduled.yml", scheduled);
    github.ran("scheduled.yml", 9, "schedule", "success", &world.now());
    insta::assert_snapshot!(ask(&world, &github, "workflow"), @"
    ok takes steps beside the schedule of another workflow
    ok takes steps beside the schedule of another workflow
    ok takes steps by the schedule `*/5 * * * *`
    ok its schedule started it last at 2026-01-01T00:03:00Z
    ");
}
