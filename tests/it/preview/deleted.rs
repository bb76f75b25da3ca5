//! What is shown of a change that deletes a Canary: what the next steps really do.

use std::path::Path;

use super::{CANARY, Pull};
use crate::support::gitops::{PODINFO, World, line};
use crate::support::program::Ran;
use crate::support::world::{git, write};

/// A world with a rollout at 25 %.
fn advanced(world: World) -> World {
    world.bootstrap();
    world.release("podinfo:6.0.0", "podinfo:6.0.1");
    world.until("advanced");
    world
}

fn remove(person: &Path) {
    git(person, &["rm", "-q", CANARY]);
    let path = person.join("apps/podinfo/kustomization.yaml");
    let text = fs_err::read_to_string(&path).unwrap();
    fs_err::write(path, text.replace("  - canary.yaml\n", "")).unwrap();
}

/// The line about podinfo.
#[track_caller]
fn told(ran: &Ran) -> String {
    let mut lines = ran.stdout.lines();
    let line = lines.find(|line| line.starts_with("test/podinfo: "));
    line.unwrap_or_else(|| panic!("{ran}")).to_owned()
}

/// Merges the pull request, and tells what the steps do then.
fn merged(pull: &Pull<'_>, steps: usize) -> Vec<String> {
    let world = pull.world;
    git(
        &pull.checkout,
        &["push", "-q", "origin", "HEAD:refs/heads/main"],
    );
    (0..steps)
        .map(|_| line(&world.next().exits(0).result(PODINFO)))
        .collect()
}

/// A way in which a Canary goes.
type Way = fn(&Path);

#[test]
fn at_rest_nothing_is_left_to_do() {
    let world = World::of("podinfo");
    world.bootstrap();
    let pull = Pull::new(&world, remove);
    let ran = pull.preview(&[]).run().exits(0);
    insta::assert_snapshot!(told(&ran), @"test/podinfo: is deleted: nothing is left to do, what was generated stays");
    assert!(!ran.stdout.contains("writes:"), "{ran}");
    insta::assert_snapshot!(merged(&pull, 1).join("\n"), @"Terminated 100/0 idle: the Canary was deleted");
}

#[test]
fn in_the_middle_all_traffic_goes_to_the_primary() {
    let world = advanced(World::of("podinfo"));
    let pull = Pull::new(&world, remove);
    let ran = pull.preview(&[]).run().exits(0);
    insta::assert_snapshot!(ran.stdout, @"
    test/podinfo: is deleted: all traffic goes to the primary (the canary has 25 % until then); what was generated stays
      the step at 00:05 UTC writes:
        apps/podinfo/podinfo-httproute.yaml (+2 -2)
          @@ -16,7 +16,7 @@
                 backendRefs:
                   - name: podinfo-primary
                     port: 9898
          -          weight: 75
          +          weight: 100
                   - name: podinfo-canary
                     port: 9898
          -          weight: 25
          +          weight: 0
    ");
    insta::assert_snapshot!(merged(&pull, 2).join("\n"), @"
    Terminated 100/0 rolledBack: the Canary was deleted: all traffic goes to the primary
    Terminated 100/0 idle: the Canary was deleted
    ");
}

#[test]
fn with_revert_on_deletion_the_target_takes_over_afterwards() {
    let reverts = (CANARY, "spec:\n", "spec:\n  revertOnDeletion: true\n");
    let world = World::with(&[reverts]);
    world.bootstrap();
    let pull = Pull::new(&world, remove);
    insta::assert_snapshot!(told(&pull.preview(&[]).run().exits(0)), @"test/podinfo: is deleted: podinfo.test is scaled up to take over; then, once it is ready, the public Service leads to podinfo.test again; what was generated stays");

    let world = advanced(World::with(&[reverts]));
    let pull = Pull::new(&world, remove);
    let ran = pull.preview(&[]).run().exits(0);
    insta::assert_snapshot!(told(&ran), @"test/podinfo: is deleted: all traffic goes to the primary (the canary has 25 % until then); then, once it is ready, the public Service leads to podinfo.test again; what was generated stays");
    assert!(ran.stdout.contains("apps/podinfo/service.yaml"), "{ran}");
    insta::assert_snapshot!(merged(&pull, 2).join("\n"), @"
    Terminating 100/0 rolledBack: the Canary was deleted: all traffic goes to the primary
    Terminated 100/0 idle: the Canary was deleted: the public Service leads to podinfo.test again
    ");
}

#[test]
fn a_renamed_one_is_taken_over() {
    let in_place = |person: &Path, text: &str| write(person, CANARY, text);
    let elsewhere = |person: &Path, text: &str| {
        git(person, &["rm", "-q", CANARY]);
        write(person, "apps/podinfo/shop.yaml", text);
    };
    let ways: [fn(&Path, &str); 2] = [in_place, elsewhere];
    for way in ways {
        let world = advanced(World::of("podinfo"));
        let text = world.read(CANARY);
        let text = text.replacen("name: podinfo\n", "name: shop\n", 1);
        let pull = Pull::new(&world, |person| way(person, &text));
        let ran = pull.preview(&[]).run();
        assert_eq!(
            told(&ran),
            "test/podinfo: is deleted: test/shop takes over its target and routes as they are"
        );
    }
}

#[test]
fn where_no_step_sees_it_the_canary_keeps_its_share() {
    let hidden = |person: &Path| write(person, ".weirkeeperignore", "canary.yaml\n");
    let unreadable = |person: &Path| {
        remove(person);
        write(
            person,
            "apps/broken.yaml",
            "apiVersion: flagger.app/v1beta1\nkind: [\n",
        );
    };
    let unnamed = |person: &Path| {
        remove(person);
        for entry in fs_err::read_dir(person.join("apps/podinfo")).unwrap() {
            let path = entry.unwrap().path();
            let text = fs_err::read_to_string(&path).unwrap();
            let text = text.trim_start_matches("# Generated by Weirkeeper");
            fs_err::write(&path, text.replacen(" for the Canary ", "# For ", 1)).unwrap();
        }
    };
    let ways: [(Way, &str); 3] = [
        (hidden, "no step is taken any more; the canary keeps 25 %"),
        (
            unreadable,
            "no step is taken any more while a file cannot be read; the canary keeps 25 %",
        ),
        (unnamed, "no step is taken any more; the canary keeps 25 %"),
    ];
    for (way, expected) in ways {
        let world = advanced(World::of("podinfo"));
        let pull = Pull::new(&world, way);
        let ran = pull.preview(&[]).run();
        assert!(told(&ran).contains(expected), "{ran}");
    }
}
