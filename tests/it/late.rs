//! Runs that come early or late.

use crate::support::assert_ran;
use crate::support::gitops::{PODINFO, World, line};

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
