//! Two runs at once.

use crate::support::gitops::{PODINFO, World, line};
use crate::support::program::Call;
use crate::support::world::git;

#[test]
fn two_runs_at_once_take_one_step() {
    let world = World::of("podinfo");
    git(world.path(), &["clone", "-q", "remote.git", "other"]);
    let call = |folder: &str| {
        Call::new(&world.path().join(folder), world.path())
            .args(["step", "--format", "json", "--now", &world.now()])
            .args(["--prometheus", &world.prometheus.url()])
    };
    let mut lines = Vec::new();
    // The bootstrap and the first two steps of a release.
    for round in 1..=5 {
        world.wait(1);
        let commits = world.commits();
        let running = [call("checkout").start(), call("other").start()];
        let ran = running.map(|running| running.end().exits(0));
        assert_eq!(world.commits(), commits + 1, "{}\n{}", ran[0], ran[1]);
        let pushed = |ran: &crate::support::program::Ran| ran.json()["pushed"] == true;
        assert!(pushed(&ran[0]) != pushed(&ran[1]), "{}\n{}", ran[0], ran[1]);
        for ran in &ran {
            assert_eq!(ran.json()["head"], world.tip());
            assert_eq!(ran.stderr, "");
        }
        let mut both = ran.map(|ran| line(&ran.result(PODINFO)));
        both.sort();
        lines.push(both.join(" | "));
        if round == 3 {
            world.release("podinfo:6.0.0", "podinfo:6.1.0");
        }
    }
    insta::assert_snapshot!(lines.join("\n"), @"
    Initializing -/- held: podinfo-primary created, waiting until it is ready | Initializing -/- notDue: next step not before 2026-01-01T00:02:00Z
    Initialized 100/0 initialized: initialized, all traffic on podinfo-primary | Initialized 100/0 notDue: next step not before 2026-01-01T00:03:00Z
    Initialized 100/0 idle: podinfo scaled to zero | Initialized 100/0 notDue: next step not before 2026-01-01T00:04:00Z
    Progressing 100/0 notDue: next step not before 2026-01-01T00:05:00Z | Progressing 100/0 started: new revision bb1ec46e detected, scaling up podinfo
    Progressing 75/25 advanced: canary 0 → 25 % | Progressing 75/25 notDue: next step not before 2026-01-01T00:06:00Z
    ");
    // Neither checkout is left behind for good.
    world.wait(1);
    for folder in ["checkout", "other"] {
        let ran = call(folder).run().exits(0);
        let head = git(&world.path().join(folder), &["rev-parse", "HEAD"]);
        if ran.json()["pushed"] == true {
            assert_eq!(head, world.tip());
        }
    }
}
