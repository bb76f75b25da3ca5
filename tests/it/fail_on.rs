//! `--fail-on`: what the exit code says of a run whose work is done.

use crate::support::gitops::World;
use crate::support::prometheus::Says;

const CANARY: &str = "apps/podinfo/canary.yaml";

/// The exit code of a step one interval later.
fn step(world: &World, fail_on: &str) -> i32 {
    world.wait(1);
    let call = world.stepping().env("WEIRKEEPER_FAIL_ON", fail_on);
    call.run().code
}

#[test]
fn a_rollback_is_a_failure_for_those_who_ask() {
    let world = World::of("podinfo");
    world.bootstrap();
    world.release("podinfo:6.0.0", "podinfo:6.1.0");
    world.until("advanced");
    world.prometheus.set("http_request", Says::Value(90.0));
    // Halted twice, then rolled back.
    assert_eq!(step(&world, "rollback"), 6);
    assert_eq!(step(&world, "error"), 0);
    assert_eq!(step(&world, "none"), 0);
    assert_eq!(step(&world, "rollback"), 6);
    assert!(world.read(CANARY).contains("phase: Failed"));
    // Nothing went back in this run.
    assert_eq!(step(&world, "rollback"), 0);
}

#[test]
fn errors_count_unless_none_do() {
    let world = World::with(&[(CANARY, "    maxWeight: 50", "    maxWeight: 500")]);
    for (fail_on, code) in [("", 3), ("error", 3), ("rollback", 3), ("none", 0)] {
        assert_eq!(step(&world, fail_on), code, "{fail_on}");
        let call = world.weirkeeper(["validate"]);
        if fail_on != "rollback" {
            let ran = call.env("WEIRKEEPER_FAIL_ON", fail_on).run().exits(code);
            assert!(ran.stdout.contains("error: must be at most 100"), "{ran}");
        }
    }
    // A wrong command line is never what was asked for.
    let typo = ["step", "--fail-on", "none", "--only", "test/nobody"];
    world.weirkeeper(typo).run().exits(2);
    let other = world.weirkeeper(["validate", "--fail-on", "rollback"]);
    let refused = other.run().exits(2).stderr;
    assert!(
        refused.contains("[possible values: error, warning, none]"),
        "{refused}"
    );
}

#[test]
fn warnings_of_documents_count_for_those_who_ask() {
    let world = World::with(&[(CANARY, "  service:\n", "  sevice: {}\n  service:\n")]);
    for (fail_on, code) in [("error", 0), ("warning", 3), ("none", 0)] {
        let call = world.weirkeeper(["validate", "--fail-on", fail_on]);
        call.run().exits(code);
    }
}
