//! Documents that cannot be used do not stand in the way of a rollback.

use crate::support::gitops::{PODINFO, World, line};
use crate::support::program::Ran;
use crate::support::prometheus::Says;

const CANARY: &str = "apps/podinfo/canary.yaml";
const ROUTE: &str = "apps/podinfo/podinfo-httproute.yaml";
const TARGET: &str = "apps/podinfo/deployment.yaml";
const KUSTOMIZATION: &str = "apps/podinfo/kustomization.yaml";

/// A rollout at 25 %.
fn begun() -> World {
    let world = World::of("podinfo");
    world.bootstrap();
    world.release("podinfo:6.0.0", "podinfo:6.1.0");
    world.until("advanced");
    assert!(world.read(ROUTE).contains("weight: 25"));
    world
}

fn cannot_be_built(world: &World) {
    let text = world.read(KUSTOMIZATION);
    world.put(KUSTOMIZATION, format!("{text}namePrefix: blue-\n"));
}

fn cannot_be_read(world: &World) {
    world.edit(TARGET, "spec:\n", "spec:\n\tx: [\n");
}

/// Only the route and the status of the Canary changed since `before`.
fn changed(world: &World, before: &std::collections::BTreeMap<String, String>) {
    let after = world.files();
    let changed: Vec<&String> = after
        .iter()
        .filter(|(path, text)| before.get(*path) != Some(text))
        .map(|(path, _)| path)
        .collect();
    assert_eq!(changed, [CANARY, ROUTE]);
    assert_eq!(after.len(), before.len());
    assert!(!after[ROUTE].contains("weight: 25"), "{}", after[ROUTE]);
    assert!(after[CANARY].contains("phase: Failed"));
}

fn abort(world: &World) -> Ran {
    let arguments = ["abort", PODINFO, "--author", "Ann <ann@example.com>"];
    let call = world.weirkeeper(arguments);
    call.args(["--format", "json"]).run()
}

#[test]
fn failed_checks_roll_back_whatever_else_is_wrong() {
    for (breaks, words) in [
        (cannot_be_built as fn(&World), "renames objects"),
        (cannot_be_read, "cannot be read"),
    ] {
        let world = begun();
        breaks(&world);
        let before = world.files();
        // Nothing goes on, and nothing is written while the checks pass.
        let ran = world.next().exits(3);
        assert!(ran.to_string().contains(words), "{ran}");
        assert_eq!(world.files(), before);
        world.prometheus.set("http_request", Says::Value(12.0));
        world.wait(3);
        let ran = world.step().exits(3);
        let result = ran.result(PODINFO);
        assert!(
            line(&result).starts_with("Failed 100/0 rolledBack"),
            "{ran}"
        );
        assert_eq!(result["commit"], world.tip());
        assert!(ran.to_string().contains(words), "{ran}");
        changed(&world, &before);
        // It is told again until somebody mends it.
        let ran = world.next().exits(3);
        assert!(ran.to_string().contains(words), "{ran}");
    }
}

#[test]
fn an_abort_rolls_back_whatever_else_is_wrong() {
    let not_valid: fn(&World) = |world| world.edit(CANARY, "    port: 9898", "    port: many");
    let no_analysis: fn(&World) = |world| world.edit(CANARY, "interval: 1m", "interval: soon");
    for breaks in [cannot_be_built, cannot_be_read, not_valid, no_analysis] {
        let world = begun();
        breaks(&world);
        let before = world.files();
        world.wait(1);
        let ran = abort(&world).exits(3);
        assert!(
            line(&ran.result(PODINFO)).starts_with("Failed 100/0 rolledBack"),
            "{ran}"
        );
        changed(&world, &before);
    }
}

#[test]
fn what_waits_for_the_target_is_done_once_it_is_mended() {
    let world = begun();
    cannot_be_built(&world);
    abort(&world).exits(3);
    let text = world.read(KUSTOMIZATION);
    world.put(KUSTOMIZATION, text.replace("namePrefix: blue-\n", ""));
    assert!(world.tick().ends_with("scaled to zero"));
    assert!(world.read(TARGET).contains("replicas: 0"));
}

#[test]
fn a_second_canary_for_the_same_target_does_not_stop_a_rollback() {
    let world = begun();
    let text = world.read(CANARY);
    let text = text.split("\nstatus:").next().unwrap();
    let other = text.replacen("name: podinfo", "name: other", 1);
    world.put("apps/podinfo/other.yaml", other + "\n");
    world.prometheus.set("http_request", Says::Value(12.0));
    world.wait(5);
    let ran = world.step().exits(3);
    assert!(
        line(&ran.result(PODINFO)).starts_with("Failed 100/0 rolledBack"),
        "{ran}"
    );
    assert_eq!(ran.result("test/other")["action"], "failed");
}
