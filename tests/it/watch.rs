//! `watch`: steps as they fall due, and the job after this one.

use serde_json::{Value, json};

use crate::support::github::{GitHub, Refusal};
use crate::support::gitops::{PODINFO, World, line};
use crate::support::program::{Call, Ran};
use crate::support::prometheus::Says;
use crate::support::{assert_ran, world::git};

const CANARY: &str = "apps/podinfo/canary.yaml";

/// A world with a new image.
fn released() -> World {
    let world = World::of("podinfo");
    world.bootstrap();
    world.release("podinfo:6.0.0", "podinfo:6.1.0");
    world
}

/// The call of a watch that asks the Prometheus of the world.
fn watching(world: &World) -> Call {
    let call = world.weirkeeper(["watch", "--prometheus"]);
    call.arg(world.prometheus.url())
}

/// The actions of the steps.
fn actions(ran: &Ran) -> Vec<String> {
    let json = ran.json();
    let steps = json["steps"].as_array().unwrap().iter();
    steps
        .map(|step| format!("{} {}", step["at"].as_str().unwrap(), line(step)))
        .collect()
}

#[test]
fn a_release_from_beginning_to_end() {
    let world = released();
    let folder = world.path().join("runner");
    fs_err::create_dir(&folder).unwrap();
    let file = |name: &str| folder.join(name);
    let call = watching(&world)
        .env("GITHUB_ACTIONS", "true")
        .env("GITHUB_OUTPUT", file("output"))
        .env("GITHUB_STEP_SUMMARY", file("summary"));
    let commits = world.commits();
    let ran = call.run().exits(0);
    assert_ran!(world, ran, @"
    exit code: 0
    ----- stdout
    2026-01-01T00:03:00Z
    test/podinfo  Initialized  100/0  notDue
      next step not before 2026-01-01T00:04:00Z
    2026-01-01T00:04:00Z
    test/podinfo  Progressing  100/0  started
      new revision bb1ec46e detected, scaling up podinfo
      commit [COMMIT]
      next step not before 2026-01-01T00:05:00Z
    2026-01-01T00:05:00Z
    test/podinfo  Progressing  75/25  advanced
      canary 0 → 25 %
      commit [COMMIT]
      next step not before 2026-01-01T00:06:00Z
    2026-01-01T00:06:00Z
    test/podinfo  Progressing  50/50  advanced
      canary 25 → 50 %
      pass: request-success-rate 99.9 (min 99)
      commit [COMMIT]
      next step not before 2026-01-01T00:07:00Z
    2026-01-01T00:07:00Z
    test/podinfo  Promoting  50/50  promoting
      revision bb1ec46e copied to podinfo-primary
      pass: request-success-rate 99.9 (min 99)
      commit [COMMIT]
      next step not before 2026-01-01T00:08:00Z
    2026-01-01T00:08:00Z
    test/podinfo  Finalising  100/0  finalising
      all traffic back on podinfo-primary
      commit [COMMIT]
      next step not before 2026-01-01T00:09:00Z
    2026-01-01T00:09:00Z
    test/podinfo  Succeeded  100/0  succeeded
      promotion of bb1ec46e completed
      commit [COMMIT]
    watched for 8 ticks, ended: no rollout is under way
    ");
    assert!(world.read(CANARY).contains("phase: Succeeded"));
    // Every commit is in the outputs, the result of each Canary is the last one.
    let output = fs_err::read_to_string(file("output")).unwrap();
    let value = |name: &str| {
        let lines = output.lines().filter_map(|line| line.split_once('='));
        let mut values = lines
            .filter(|(known, _)| *known == name)
            .map(|(_, value)| value);
        let value = values.next().unwrap().to_owned();
        assert!(values.next().is_none(), "{output}");
        value
    };
    assert_eq!(value("changed"), "true");
    assert_eq!(value("active"), "false");
    let made: Vec<String> = value("commits").split(' ').map(str::to_owned).collect();
    assert_eq!(made.len(), world.commits() - commits);
    let log = world.log(made.len(), "%H");
    assert_eq!(log.lines().rev().collect::<Vec<_>>(), made);
    let results: Value = serde_json::from_str(&value("results")).unwrap();
    assert_eq!(results.as_array().unwrap().len(), 1);
    assert_eq!(results[0]["phase"], "Succeeded");
    // One summary, with a line for each step.
    let summary = fs_err::read_to_string(file("summary")).unwrap();
    assert_eq!(summary.matches("## Weirkeeper").count(), 1, "{summary}");
    assert!(summary.contains("canary 25 → 50 %"), "{summary}");
}

#[test]
fn everything_as_json() {
    let world = released();
    let call = watching(&world).args(["--format", "json", "--for", "3m"]);
    let ran = call.run().exits(0);
    insta::assert_snapshot!(actions(&ran).join("\n"), @"
    2026-01-01T00:04:00Z Progressing 100/0 started: new revision bb1ec46e detected, scaling up podinfo
    2026-01-01T00:05:00Z Progressing 75/25 advanced: canary 0 → 25 %
    2026-01-01T00:06:00Z Progressing 50/50 advanced: canary 25 → 50 %
    ");
    let json = ran.json();
    assert_eq!(
        (&json["version"], &json["ended"]),
        (&json!(1), &json!("timeUsed"))
    );
    assert_eq!(json["pushed"], true);
    assert_eq!(json["results"].as_array().unwrap().len(), 1);
    assert!(ran.result(PODINFO)["phase"] == "Progressing", "{ran}");
}

#[test]
fn one_that_has_nothing_to_do_ends_at_once() {
    let world = World::of("podinfo");
    world.bootstrap();
    let ran = watching(&world).run().exits(0);
    assert_ran!(world, ran, @"
    exit code: 0
    ----- stdout
    2026-01-01T00:03:00Z
    test/podinfo  Initialized  100/0  notDue
      next step not before 2026-01-01T00:04:00Z
    watched for 1 tick, ended: no rollout is under way
    ");
    // What a dry run would do does not change by doing it again.
    world.release("podinfo:6.0.0", "podinfo:6.1.0");
    let ran = watching(&world).arg("--dry-run").run().exits(0);
    assert_ran!(world, ran, @"
    exit code: 0
    ----- stdout
    2026-01-01T00:03:00Z
    test/podinfo  Initialized  100/0  notDue
      next step not before 2026-01-01T00:04:00Z
    dry run: nothing was committed
    watched for 1 tick, ended: a dry run is one tick
    ");
    let ran = watching(&world)
        .args(["--only", "test/nobody"])
        .run()
        .exits(2);
    assert_ran!(world, ran, @"
    exit code: 2
    ----- stderr
    error: there is no Canary test/nobody
    hint: there are: test/podinfo
    ");
}

#[test]
fn a_rollback_is_taken_to_its_end() {
    let world = released();
    world.until("advanced");
    world.prometheus.set("http_request", Says::Value(90.0));
    let call = watching(&world).args(["--format", "json", "--fail-on", "rollback"]);
    let ran = call.run().exits(6);
    insta::assert_snapshot!(actions(&ran).join("\n"), @"
    2026-01-01T00:06:00Z Progressing 75/25 halted f1: check failed: request-success-rate 90 (min 99)
    2026-01-01T00:07:00Z Progressing 75/25 halted f2: check failed: request-success-rate 90 (min 99)
    2026-01-01T00:08:00Z Progressing 75/25 halted f3: check failed: request-success-rate 90 (min 99)
    2026-01-01T00:09:00Z Failed 100/0 rolledBack: revision bb1ec46e rolled back: 3 failed checks reached the threshold of 3
    2026-01-01T00:10:00Z Failed 100/0 idle: podinfo scaled to zero
    ");
    assert_eq!(ran.json()["ended"], "nothingActive");
    assert!(
        world
            .read("apps/podinfo/deployment.yaml")
            .contains("replicas: 0")
    );
}

#[test]
fn a_canary_that_fails_does_not_end_it() {
    let world = released();
    world.until("advanced");
    world.prometheus.set("http_request", Says::Broken);
    let call = watching(&world).args(["--for", "3m", "--prometheus-timeout", "1s"]);
    let ran = call.run().exits(4);
    // It was tried again and again, and told once.
    assert_eq!(ran.stderr.matches("error: ").count(), 1, "{ran}");
    assert!(ran.stdout.contains("the time is used up"), "{ran}");
}

#[test]
fn a_remote_that_is_away_is_told_once_and_asked_again() {
    let world = released();
    fs_err::rename(world.remote(), world.path().join("moved")).unwrap();
    let ran = watching(&world).args(["--for", "10m"]).run().exits(4);
    assert_eq!(ran.stderr.matches("error: ").count(), 1, "{ran}");
    assert!(ran.stdout.contains("watched for 7 ticks"), "{ran}");
}

#[test]
fn a_signal_ends_it_with_its_report() {
    let world = released();
    // Takes steps in its own time, not in a given one.
    let log = world.path().join("log");
    let call = Call::new(&world.checkout(), world.path())
        .args(["watch", "--format", "json", "--prometheus"])
        .arg(world.prometheus.url())
        .env("GITHUB_ACTIONS", "true")
        .env("GITHUB_OUTPUT", &log);
    let commits = world.commits();
    let running = call.start();
    // The step is pushed: it sleeps, or will in a moment.
    while world.commits() == commits {
        std::thread::yield_now();
    }
    let process = rustix::process::Pid::from_raw(running.id()).unwrap();
    rustix::process::kill_process(process, rustix::process::Signal::TERM).unwrap();
    let ran = running.outcome().expect("it ended by itself").exits(0);
    assert_eq!(ran.json()["ended"], "terminated");
    let output = fs_err::read_to_string(log).unwrap();
    assert!(output.contains("changed=true\n") && output.contains("active=true\n"));
    git(&world.remote(), &["fsck", "--strict"]);
}

// ----- the next job -----

const FILE: &str = "rollouts.yml";

/// A GitHub that knows the workflow, and a call of a watch that runs in it.
fn job(world: &World, arguments: &[&str]) -> (GitHub, Call) {
    let github = GitHub::start();
    github.workflow(FILE, "active");
    github.ran(FILE, 7, "schedule", "in_progress", &world.now());
    let call = watching(world)
        .args(["--redispatch"])
        .args(arguments)
        .env("GITHUB_ACTIONS", "true")
        .env("GITHUB_API_URL", github.api())
        .env("GITHUB_REPOSITORY", "me/fleet")
        .env("GITHUB_RUN_ID", "7")
        .env("GITHUB_TOKEN", "t0ken")
        .env(
            "GITHUB_WORKFLOW_REF",
            "me/fleet/.github/workflows/rollouts.yml@refs/heads/main",
        );
    (github, call)
}

/// A world in which a rollout is paused, for as long as anybody watches.
fn paused() -> World {
    let world = released();
    world.until("advanced");
    let call = world.weirkeeper(["pause", PODINFO, "--author", "A <a@example.com>"]);
    call.run().exits(0);
    world
}

#[test]
fn the_next_job_begins_while_rollouts_are_under_way() {
    let world = paused();
    let summary = world.path().join("summary");
    let (github, call) = job(&world, &["--for", "10m"]);
    let ran = call.env("GITHUB_STEP_SUMMARY", &summary).run().exits(0);
    assert_eq!(
        github.dispatched(),
        [(FILE.to_owned(), json!({"ref": "main"}))]
    );
    let told = "started the next job: rollouts.yml at main";
    assert!(ran.stdout.ends_with(&format!("{told}\n")), "{ran}");
    assert!(fs_err::read_to_string(summary).unwrap().contains(told));
    let tokens = github.requests().into_iter().map(|asked| asked.token);
    assert!(
        tokens
            .into_iter()
            .all(|token| token.as_deref() == Some("t0ken"))
    );
}

#[test]
fn a_rollout_that_waits_for_somebody_starts_no_next_job() {
    // Held before it has traffic: no request goes to the canary.
    let world = released();
    drop(world.until("started"));
    let call = world.weirkeeper(["pause", PODINFO, "--author", "A <a@example.com>"]);
    call.run().exits(0);
    let commits = world.commits();
    let (github, call) = job(&world, &["--for", "10m"]);
    let ran = call.run().exits(0);
    assert_eq!(
        (github.dispatched(), world.commits()),
        (vec![], commits),
        "{ran}"
    );
    let told = "no next job was started: what is under way waits for somebody to commit something";
    assert!(ran.stdout.ends_with(&format!("{told}\n")), "{ran}");
    // It goes to sleep for as long as it may.
    assert!(ran.stdout.contains("watched for 3 ticks"), "{ran}");
}

#[test]
fn what_keeps_the_next_job_from_being_started() {
    let world = paused();
    let refused = |arguments: &[&str], prepare: fn(&GitHub, &World)| {
        let (github, call) = job(&world, arguments);
        prepare(&github, &world);
        let ran = call.run().exits(0);
        assert_eq!(github.dispatched(), [], "{ran}");
        ran.stdout.lines().last().unwrap().to_owned()
    };
    let nothing = |_: &GitHub, _: &World| {};
    insta::assert_snapshot!(refused(&["--for", "4m"], nothing), @"no next job was started: this one lasted less than 5 minutes");
    insta::assert_snapshot!(refused(&["--for", "10m"], |github, world| {
        github.ran(FILE, 8, "schedule", "pending", &world.now());
    }), @"no next job was started: run 8 is pending already");
    insta::assert_snapshot!(refused(&["--for", "10m", "--redispatch-limit", "2"], |github, world| {
        github.ran(FILE, 3, "workflow_dispatch", "success", "2025-12-30T00:00:00Z");
        github.ran(FILE, 4, "workflow_dispatch", "success", &world.now());
        github.ran(FILE, 5, "workflow_dispatch", "failure", &world.now());
    }), @"no next job was started: 2 were started by workflow_dispatch in the last 24 hours, and --redispatch-limit is 2");
}

#[test]
fn runs_that_take_no_steps_here_keep_nobody_from_it() {
    let world = paused();
    let (github, call) = job(&world, &["--for", "10m", "--redispatch-limit", "2"]);
    github.ran(
        FILE,
        2,
        "workflow_dispatch",
        "success",
        "2025-12-30T00:00:00Z",
    );
    github.ran(
        FILE,
        3,
        "workflow_dispatch",
        "success",
        "2025-12-30T00:00:00Z",
    );
    github.ran(FILE, 8, "pull_request", "in_progress", &world.now());
    github.ran(FILE, 9, "schedule", "success", &world.now());
    call.run().exits(0);
    assert_eq!(github.dispatched().len(), 1);
}

#[test]
fn a_job_that_ends_because_all_is_done_starts_no_other_one() {
    let world = released();
    let (github, call) = job(&world, &[]);
    let ran = call.run().exits(0);
    assert!(ran.stdout.contains("no rollout is under way"), "{ran}");
    assert_eq!((github.dispatched(), github.requests()), (vec![], vec![]));
}

#[test]
fn a_next_job_that_cannot_be_started_is_an_error() {
    let world = paused();
    for (status, says) in [
        (403, "Resource not accessible by integration"),
        (422, "Workflow does not have 'workflow_dispatch' trigger"),
    ] {
        let (github, call) = job(&world, &["--for", "10m"]);
        github.refuse(Refusal {
            method: "POST",
            path: "/dispatches",
            status,
            headers: Vec::new(),
            body: json!({"message": says}),
            times: 1,
        });
        let ran = call.run().exits(4);
        assert!(ran.stderr.contains(says), "{ran}");
        let hint = match status {
            403 => "`actions: write`",
            _ => "`on: workflow_dispatch`",
        };
        assert!(
            ran.stderr.contains(hint) && ran.stderr.contains("::error"),
            "{ran}"
        );
        // Its steps are told all the same.
        assert!(ran.stdout.contains("the time is used up"), "{ran}");
    }
}

#[test]
fn outside_of_a_workflow_there_is_no_next_job() {
    let world = released();
    let commits = world.commits();
    let ran = watching(&world).arg("--redispatch").run().exits(2);
    assert_ran!(world, ran, @"
    exit code: 2
    ----- stderr
    error: --redispatch starts the workflow that it runs in, and there is none
    hint: use it in a workflow of GitHub, which sets GITHUB_WORKFLOW_REF
    ");
    assert_eq!(world.commits(), commits);
}
