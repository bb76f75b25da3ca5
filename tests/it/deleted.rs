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
    insta::assert_snapshot!(line(&ran.result(PODINFO)), @"- -/- idle: the Canary was deleted");
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
    - -/- idle: the Canary was deleted
    - -/- idle: the Canary was deleted
    ");
    assert!(!world.read(APEX).contains("podinfo-primary"));
    assert!(!world.read(DEPLOYMENT).contains("replicas: 0"));
}
