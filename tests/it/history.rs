//! `history`: the time line from Git alone, and the proof that it agrees with itself.

use crate::support::gitops::{PODINFO, World};
use crate::support::program::{Call, Ran};
use crate::support::prometheus::Says;
use crate::support::world::git;

fn history(world: &World, arguments: &[&str]) -> Ran {
    world.pull();
    Call::new(&world.person(), world.path())
        .args(["--now", &world.now(), "history"])
        .args(arguments)
        .run()
}

/// A release that is promoted and one that is rolled back.
fn told() -> World {
    let world = World::of("podinfo");
    world.bootstrap();
    world.release("podinfo:6.0.0", "podinfo:6.1.0");
    world.until("succeeded");
    world.release("podinfo:6.1.0", "podinfo:6.2.0");
    world.until("advanced");
    world.prometheus.set("http_request", Says::Value(50.0));
    world.until("rolledBack");
    world
}

#[test]
fn a_promotion_and_a_rollback_are_told_and_agree() {
    let world = told();
    let ran = history(&world, &["--check"]).exits(0);
    insta::with_settings!({filters => vec![(r"Z  [0-9a-f]{8}", "Z  [COMMIT]")]}, {
        insta::assert_snapshot!(ran.stdout);
    });
    let json = history(&world, &["--check", "--format", "json", PODINFO])
        .exits(0)
        .json();
    assert_eq!(json["version"], 1);
    assert_eq!(json["complete"], true);
    assert_eq!(json["head"], world.tip());
    let rollout = &json["rollouts"][0];
    assert_eq!(rollout["canary"], PODINFO);
    let runs = rollout["runs"].as_array().unwrap();
    let last = runs.last().unwrap()["entries"].as_array().unwrap();
    let last = last.last().unwrap();
    assert_eq!(last["phase"], "Failed");
    assert_eq!(last["kind"], "step");
    assert_eq!(last["commit"], world.tip());
}

#[test]
fn less_is_told_on_demand() {
    let world = told();
    let entries = |arguments: &[&str]| {
        let arguments = [arguments, &["--format", "json"]].concat();
        let json = history(&world, &arguments).exits(0).json();
        assert_eq!(json["complete"], false);
        let runs = json["rollouts"][0]["runs"].as_array().unwrap().clone();
        let counts = runs
            .iter()
            .map(|run| run["entries"].as_array().unwrap().len());
        counts.sum::<usize>()
    };
    assert_eq!(entries(&["--limit", "2"]), 2);
    assert_eq!(entries(&["--since", "90s"]), 2);
    assert_eq!(entries(&["--since", &world.now()]), 1);
    drop(history(&world, &["--since", "soon"]).exits(2));
    let ran = history(&world, &["test/other"]).exits(2);
    assert!(ran.stderr.contains("test/other"), "{ran}");
}

#[test]
fn bare_and_shallow_clones_tell_what_they_have() {
    let world = told();
    let bare = Call::new(&world.remote(), world.path())
        .args(["history", "--check", "--branch", "main"])
        .run()
        .exits(0);
    assert_eq!(bare.stdout, history(&world, &["--check"]).exits(0).stdout);
    let url = format!("file://{}", world.remote().display());
    git(
        world.path(),
        &["clone", "-q", "--depth", "3", &url, "shallow"],
    );
    let ran = Call::new(&world.path().join("shallow"), world.path())
        .args(["history", "--check", "--format", "json"])
        .run()
        .exits(0);
    let json = ran.json();
    assert_eq!(json["complete"], false);
    assert!(
        json["notes"][0].as_str().unwrap().contains("shallow"),
        "{ran}"
    );
    assert_eq!(json["checked"], 2, "{ran}");
}

#[test]
fn a_revert_is_recognised() {
    let world = World::of("podinfo");
    world.bootstrap();
    world.release("podinfo:6.0.0", "podinfo:6.1.0");
    world.until("advanced");
    let restored = world.tip();
    world.tick();
    world.pull();
    git(&world.person(), &["revert", "--no-edit", "HEAD"]);
    git(&world.person(), &["push", "-q", "origin", "HEAD:main"]);
    let json = history(&world, &["--check", "--format", "json"])
        .exits(0)
        .json();
    let runs = json["rollouts"][0]["runs"].as_array().unwrap();
    let last = runs.last().unwrap()["entries"].as_array().unwrap();
    let last = last.last().unwrap();
    assert_eq!(last["kind"], "revert");
    assert_eq!(last["restores"], restored);
    assert_eq!(last["canaryWeight"], 25);
    // The next step goes on from there, and still agrees.
    world.tick();
    drop(history(&world, &["--check"]).exits(0));
}

/// A commit of a step with something else in it.
fn tampered(path: &str, from: &str, to: &str) -> Ran {
    let world = World::of("podinfo");
    world.bootstrap();
    world.release("podinfo:6.0.0", "podinfo:6.1.0");
    world.until("advanced");
    world.pull();
    let file = world.person().join(path);
    let text = fs_err::read_to_string(&file).unwrap();
    assert!(text.contains(from), "{text}");
    fs_err::write(&file, text.replacen(from, to, 1)).unwrap();
    git(
        &world.person(),
        &["commit", "-q", "--all", "--amend", "--no-edit"],
    );
    let ran = Call::new(&world.person(), world.path())
        .args(["history", "--check"])
        .run()
        .exits(6);
    let head = git(&world.person(), &["rev-parse", "HEAD"]);
    assert!(
        ran.stdout.contains(&format!("MISMATCH {}", &head[..8])),
        "{ran}"
    );
    ran
}

#[test]
fn what_does_not_agree_is_found() {
    const CANARY: &str = "apps/podinfo/canary.yaml";
    for (path, from, to, says) in [
        (
            CANARY,
            "phase: Progressing",
            "phase: Waiting",
            "trailer Phase says Progressing, the status says Waiting",
        ),
        (
            CANARY,
            "failedChecks: 0",
            "failedChecks: 3",
            "trailer Failed-Checks says 0, the status says 3",
        ),
        (
            CANARY,
            "iterations: 0",
            "iterations: 1",
            "trailer Iterations says 0, the status says 1",
        ),
        (
            "apps/podinfo/podinfo-httproute.yaml",
            "weight: 25",
            "weight: 35",
            "the status says 75/25, the route says 75/35",
        ),
    ] {
        let ran = tampered(path, from, to);
        assert!(ran.stdout.contains(says), "{says}: {ran}");
    }
}
