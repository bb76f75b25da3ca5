//! Runs that come early, late, or before the cluster has followed.

use crate::support::assert_ran;
use crate::support::github::GitHub;
use crate::support::gitops::{PODINFO, World, line};
use crate::support::program::Ran;
use crate::support::prometheus::Says;

const CANARY: &str = "apps/podinfo/canary.yaml";

/// A world with a release under way.
fn under_way(changes: &[(&str, &str, &str)]) -> World {
    let world = World::with(changes);
    world.bootstrap();
    world.release("podinfo:6.0.0", "podinfo:6.1.0");
    world.until("started");
    world
}

#[test]
fn a_run_waits_for_a_canary_that_is_nearly_due() {
    let world = under_way(&[]);
    let stepping = |wait: &str| world.stepping().args(["--wait", wait]).run().exits(0);
    for too_short in ["59s", "0s", ""] {
        let ran = stepping(too_short);
        assert_eq!(ran.json()["waited"], serde_json::Value::Null);
        assert!(line(&ran.result(PODINFO)).contains("notDue"), "{ran}");
    }
    let ran = stepping("60s");
    assert_eq!(ran.json()["waited"], 60);
    insta::assert_snapshot!(line(&ran.result(PODINFO)), @"Progressing 75/25 advanced: canary 0 → 25 %");
    // The step was taken when it was due.
    world.wait(1);
    let (canary, due) = (world.read(CANARY), world.now());
    let taken = |line: &str| line.contains("lastStepTime") && line.contains(&due);
    assert!(canary.lines().any(taken), "{due}: {canary}");

    // As people see it, and nobody is waited for beyond the deadline.
    let text = |arguments: &[&str]| {
        let call = world.weirkeeper(["step", "--dry-run", "--prometheus"]);
        call.arg(world.prometheus.url()).args(arguments).run()
    };
    assert_ran!(world, text(&["--wait", "5m"]), @"
    exit code: 0
    ----- stdout
    test/podinfo  Progressing  50/50  advanced
      canary 25 → 50 %
      pass: request-success-rate 99.9 (min 99)
      next step not before 2026-01-01T00:07:00Z
    waited 60 s for test/podinfo, due at 2026-01-01T00:06:00Z
    dry run: nothing was committed
    ");
    let ran = text(&["--wait", "5m", "--deadline", "50s"]).exits(0);
    assert!(ran.stdout.contains("notDue"), "{ran}");
    // One that is due does not wait for others.
    world.wait(1);
    let ran = text(&["--wait", "5m"]).exits(0);
    assert!(!ran.stdout.contains("waited"), "{ran}");
}

/// How late a run was.
fn lateness(ran: &Ran) -> [serde_json::Value; 3] {
    let result = ran.result(PODINFO);
    ["late", "missedChecks", "missedFailed"].map(|name| result[name].clone())
}

#[test]
fn a_late_run_judges_what_it_missed_and_takes_one_step() {
    let world = under_way(&[]);
    assert!(world.tick().contains("0 → 25 %"));
    world.wait(8);
    let ran = world.step().exits(0);
    assert_eq!(lateness(&ran), [420, 7, 0]);
    insta::assert_snapshot!(line(&ran.result(PODINFO)), @"Progressing 50/50 advanced: canary 25 → 50 %");
    let told = "7 min late: 7 missed checks, 0 failed";
    assert!(world.log(1, "%b").contains(told), "{}", world.log(1, "%b"));

    // A run in time says nothing of it.
    let ran = world.next().exits(0);
    assert_eq!(lateness(&ran)[1..], [0, 0]);
}

#[test]
fn a_late_run_rolls_back_when_too_many_missed_checks_failed() {
    let world = under_way(&[]);
    assert!(world.tick().contains("0 → 25 %"));
    world.prometheus.set("http_request", Says::Value(90.0));
    world.wait(8);
    let ran = world.step().exits(0);
    assert_eq!(lateness(&ran), [420, 7, 7]);
    let result = ran.result(PODINFO);
    assert_eq!(
        (&result["phase"], &result["canaryWeight"]),
        (&"Failed".into(), &0.into())
    );
}

#[test]
fn a_frozen_repository_holds_what_would_advance() {
    let world = under_way(&[]);
    world.put(".weirkeeperfreeze", "# until Monday\nholidays\n");
    let held = world.tick();
    assert!(held.contains("held") && held.contains("holidays"), "{held}");
    world.wait(1);
    let plan = world.weirkeeper(["plan", "--prometheus", &world.prometheus.url()]);
    crate::support::world::git(&world.checkout(), &["pull", "-q"]);
    let plan = plan.run().exits(0);
    assert!(plan.stdout.contains("holidays"), "{plan}");
    world.pull();
    fs_err::remove_file(world.person().join(".weirkeeperfreeze")).unwrap();
    world.push("thaw");
    assert!(world.tick().contains("0 → 25 %"));
}

#[test]
fn a_step_counts_from_when_flux_reports_it() {
    let applied = "  gitops: {applied: {from: githubStatus}}\n  service:\n";
    let world = World::with(&[(CANARY, "  service:\n", applied)]);
    let github = GitHub::start();
    let step = || {
        let call = world.stepping().env("GITHUB_API_URL", github.api());
        call.env("GITHUB_REPOSITORY", "me/fleet").run()
    };
    let told = || line(&step().exits(0).result(PODINFO));
    let succeeds = || github.report(&world.tip(), "success", "applied", &world.now());
    // The bootstrap, each of its commits applied at once.
    for _ in 0..6 {
        if step().exits(0).json()["pushed"] == true {
            succeeds();
        }
        world.wait(1);
    }
    world.release("podinfo:6.0.0", "podinfo:6.1.0");
    insta::assert_snapshot!(told(), @"Progressing 100/0 started: new revision bb1ec46e detected, scaling up podinfo");
    let started = world.tip();
    world.wait(1);
    let held = told();
    insta::assert_snapshot!(held.replace(&started[..8], "[STARTED]"), @"Progressing 100/0 held: kustomization/… has not reported [STARTED]");
    github.report(&started, "pending", "reconciling", &world.now());
    world.wait(1);
    insta::assert_snapshot!(told(), @"Progressing 100/0 held: kustomization/apps/1a2b3c4d is pending");
    // Somebody else's commit is applied; it has ours below it.
    world.put("other.md", "x");
    github.report(&started, "failure", "health check failed", &world.now());
    insta::assert_snapshot!(told(), @"Progressing 100/0 held: kustomization/apps/1a2b3c4d: health check failed");
    succeeds();
    insta::assert_snapshot!(told(), @"Progressing 100/0 notDue: next step not before 2026-01-01T00:09:00Z, one interval after it was applied");
    world.wait(1);
    insta::assert_snapshot!(told(), @"Progressing 75/25 advanced: canary 0 → 25 %");
    assert!(github.asked().contains(&started), "{:?}", github.asked());
}
