//! Somebody deletes a Canary in the middle of its rollout.

use crate::support::gitops::{PODINFO, World, line};
use crate::support::world::git;

const CANARY: &str = "apps/podinfo/canary.yaml";
const ROUTE: &str = "apps/podinfo/podinfo-httproute.yaml";
const APEX: &str = "apps/podinfo/service.yaml";
const DEPLOYMENT: &str = "apps/podinfo/deployment.yaml";

/// A rollout at 25 %, and the Canary removed with its entry in the kustomization.
fn deleted(world: &World) {
    world.bootstrap();
    world.release("podinfo:6.0.0", "podinfo:6.1.0");
    world.until("advanced");
    assert!(world.read(ROUTE).contains("weight: 25"));
    world.pull();
    let person = world.person();
    git(&person, &["rm", "-q", CANARY]);
    let kustomization = person.join("apps/podinfo/kustomization.yaml");
    if let Ok(text) = fs_err::read_to_string(&kustomization) {
        fs_err::write(&kustomization, text.replace("  - canary.yaml\n", "")).unwrap();
    }
    world.push("remove the Canary");
}

#[test]
fn all_traffic_goes_to_the_primary() {
    let world = World::of("podinfo");
    deleted(&world);
    let ran = world.next().exits(0);
    insta::assert_snapshot!(line(&ran.result(PODINFO)), @"Terminated 100/0 rolledBack: the Canary was deleted: all traffic goes to the primary");
    assert!(!world.read(ROUTE).contains("weight: 25"));
    insta::assert_snapshot!(world.log(1, "%B"), @"
    podinfo.test: the Canary was deleted: all traffic goes to the primary

    Canary: test/podinfo
    Phase: Terminated
    Canary-Weight: 0
    Iterations: 0
    Failed-Checks: 0
    Revision: bb1ec46e
    ");
    // There is nothing more to do, and somebody is told what is left.
    let (tip, ran) = (world.tip(), world.next().exits(0));
    insta::assert_snapshot!(line(&ran.result(PODINFO)), @"Terminated 100/0 idle: the Canary was deleted");
    assert_eq!(world.tip(), tip);
    assert!(
        ran.stderr
            .contains("is gone, but what was generated for it is still there")
    );
}

#[test]
fn a_clone_of_one_commit_finds_the_last_version() {
    let world = World::of("podinfo");
    deleted(&world);
    let url = format!("file://{}", world.remote().display());
    fs_err::remove_dir_all(world.checkout()).unwrap();
    git(
        world.path(),
        &["clone", "-q", "--depth=1", &url, "checkout"],
    );
    world.next().exits(0);
    assert!(!world.read(ROUTE).contains("weight: 25"));
}

#[test]
fn with_revert_on_deletion_the_target_takes_over() {
    let world = World::with(&[(CANARY, "spec:\n", "spec:\n  revertOnDeletion: true\n")]);
    deleted(&world);
    let mut lines = Vec::new();
    for _ in 0..4 {
        lines.push(line(&world.next().exits(0).result(PODINFO)));
    }
    insta::assert_snapshot!(lines.join("\n"), @"
    Terminating 100/0 rolledBack: the Canary was deleted: all traffic goes to the primary
    Terminated 100/0 idle: the Canary was deleted: the public Service leads to podinfo.test again
    Terminated 100/0 idle: the Canary was deleted
    Terminated 100/0 idle: the Canary was deleted
    ");
    assert!(!world.read(APEX).contains("podinfo-primary"));
    assert!(!world.read(DEPLOYMENT).contains("replicas: 0"));
}

#[test]
fn it_can_be_named() {
    let world = World::of("podinfo");
    deleted(&world);
    world.wait(1);
    let ran = world.stepping().args(["--only", PODINFO]).run().exits(0);
    assert!(line(&ran.result(PODINFO)).starts_with("Terminated 100/0 rolledBack"));
    assert_eq!(ran.json()["results"].as_array().unwrap().len(), 1);
    let ran = world.stepping().args(["--only", "test/other"]).run();
    drop(ran.exits(2));
}

#[test]
fn a_rename_or_a_rule_that_hides_it_deletes_nothing() {
    let renamed: fn(&World) = |world| world.edit(CANARY, "  name: podinfo\n", "  name: shop\n");
    let moved: fn(&World) = |world| {
        let text = world
            .read(CANARY)
            .replacen("name: podinfo\n", "name: shop\n", 1);
        world.pull();
        git(&world.person(), &["rm", "-q", CANARY]);
        world.put("apps/podinfo/shop.yaml", text);
    };
    let hidden: fn(&World) = |world| world.put(".weirkeeperignore", "canary.yaml\n");
    for changes in [renamed, moved, hidden] {
        let world = World::of("podinfo");
        world.bootstrap();
        world.release("podinfo:6.0.0", "podinfo:6.1.0");
        world.until("advanced");
        changes(&world);
        let ran = world.next().exits(0).json();
        for result in ran["results"].as_array().unwrap() {
            assert_eq!(result["canary"], "test/shop", "{ran}");
        }
        assert!(!world.log(1, "%B").contains("deleted"));
        assert!(!world.read(ROUTE).contains("weight: 100"), "{ran}");
    }
}

#[test]
fn traffic_goes_to_the_primary_when_more_was_deleted() {
    let world = World::of("podinfo");
    deleted(&world);
    git(&world.person(), &["rm", "-q", DEPLOYMENT]);
    world.push("remove the Deployment, too");
    let ran = world.next().exits(0);
    assert!(line(&ran.result(PODINFO)).starts_with("Terminated 100/0 rolledBack"));
    assert!(!world.read(ROUTE).contains("weight: 25"));
    assert!(line(&world.next().exits(0).result(PODINFO)).starts_with("Terminated 100/0 idle"));
    world.pull();
    git(&world.person(), &["rm", "-q", ROUTE]);
    world.push("remove the route, too");
    assert!(line(&world.next().exits(0).result(PODINFO)).starts_with("- -/- idle"));
}

#[test]
fn it_is_said_when_requests_may_still_go_to_the_canary() {
    let world = World::of("podinfo");
    deleted(&world);
    let again = world.read(ROUTE);
    world.put("apps/podinfo/again.yaml", again);
    let ran = world.next().exits(3);
    let text = ran.to_string();
    for part in [
        "may still go to the canary of test/podinfo",
        "restore the Canary",
    ] {
        assert!(text.contains(part), "{text}");
    }
}

#[test]
fn the_target_takes_over_one_interval_after_it_was_scaled_up() {
    let changes = [
        ("spec:\n", "spec:\n  revertOnDeletion: true\n"),
        (
            "  analysis:\n",
            "  gitops: {readiness: {from: none}}\n  analysis:\n",
        ),
    ];
    let world = World::with(&changes.map(|(from, to)| (CANARY, from, to)));
    world.bootstrap();
    world.pull();
    git(&world.person(), &["rm", "-q", CANARY]);
    world.push("remove the Canary");
    world.wait(1);
    for expected in ["is scaled up to take over", "less than one interval ago"] {
        let told = line(&world.step().exits(0).result(PODINFO));
        assert!(told.contains(expected), "{told}");
        assert!(world.read(APEX).contains("podinfo-primary"));
    }
    world.wait(1);
    let told = line(&world.step().exits(0).result(PODINFO));
    assert!(told.contains("leads to podinfo.test again"), "{told}");
}
