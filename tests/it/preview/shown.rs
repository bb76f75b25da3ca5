//! What is shown of a change.

use super::Pull;
use crate::support::assert_ran;
use crate::support::gitops::World;

const DEPLOYMENT: &str = "apps/podinfo/deployment.yaml";
const CANARY: &str = "apps/podinfo/canary.yaml";

#[test]
fn a_new_image_is_a_release() {
    let world = World::of("podinfo");
    world.bootstrap();
    let pull = Pull::editing(&world, DEPLOYMENT, "podinfo:6.0.0", "podinfo:6.0.1");
    assert_ran!(world, pull.preview(&[]).run(), @"");
}

#[test]
fn a_new_canary_is_bootstrapped() {
    let world = World::of("podinfo");
    let canary = world.read(CANARY);
    git_rm(&world, CANARY);
    let pull = Pull::writing(&world, &[(CANARY, &canary)]);
    assert_ran!(world, pull.preview(&[]).run(), @"");
}

#[test]
fn nothing_about_rollouts_is_one_sentence() {
    let world = World::of("podinfo");
    let pull = Pull::writing(&world, &[("docs/notes.md", "# Notes\n")]);
    assert_ran!(world, pull.preview(&[]).run(), @"");
}

fn git_rm(world: &World, path: &str) {
    world.pull();
    fs_err::remove_file(world.person().join(path)).unwrap();
    world.push("remove a file");
}
