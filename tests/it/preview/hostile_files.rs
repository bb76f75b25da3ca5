//! Trees of a pull request that try to make the preview read, write or hide what it
//! must not.

use std::os::unix::fs::symlink;
use std::path::Path;

use super::{CANARY, DEPLOYMENT, Pull};
use crate::support::github::GitHub;
use crate::support::gitops::{World, tree};
use crate::support::program::Ran;
use crate::support::world::write;

/// What stands in files outside of the repository, and must not be read.
const OUTSIDE: &str = "outside-0123456789";

/// A Canary and a Deployment called `name` that carry [`OUTSIDE`].
fn application(name: &str) -> String {
    format!(
        "apiVersion: apps/v1
kind: Deployment
metadata: {{name: {name}, namespace: test, labels: {{mark: {OUTSIDE}}}}}
spec:
  selector: {{matchLabels: {{app: {name}}}}}
  template:
    metadata: {{labels: {{app: {name}}}}}
    spec: {{containers: [{{name: app, image: 'example.com/{OUTSIDE}:1'}}]}}
---
apiVersion: flagger.app/v1beta1
kind: Canary
metadata: {{name: {name}, namespace: test}}
spec:
  targetRef: {{apiVersion: apps/v1, kind: Deployment, name: {name}}}
  service: {{port: 80, gatewayRefs: [{{name: edge}}]}}
  analysis: {{interval: 1m, threshold: 2, stepWeight: 50}}
"
    )
}

/// A world where podinfo is at rest, and a folder outside of every repository.
fn world() -> (World, std::path::PathBuf) {
    let world = World::of("podinfo");
    world.bootstrap();
    let outside = world.path().join("outside");
    write(&outside, "all.yaml", &application("outside"));
    write(&outside, "secret.txt", OUTSIDE);
    (world, outside)
}

/// Previews in both ways, of the commit and of the work tree: nothing of the outside is
/// in what is said, and podinfo is previewed.
#[track_caller]
fn previews(pull: &Pull<'_>, code: i32) -> [Ran; 2] {
    let github = GitHub::start();
    let on_github = pull.on_github(&github, "me/fleet").run().exits(code);
    let here = pull.preview(&[]).run().exits(code);
    let mut all = format!("{on_github}{here}{}", pull.summary());
    github
        .comments()
        .iter()
        .for_each(|(.., body)| all.push_str(body));
    assert!(!all.contains(OUTSIDE) && !all.contains("root:"), "{all}");
    [on_github, here]
}

/// A new image of podinfo, and something else.
fn beside<'w>(world: &'w World, change: impl FnOnce(&Path)) -> Pull<'w> {
    let text = world
        .read(DEPLOYMENT)
        .replace("podinfo:6.0.0", "podinfo:6.0.1");
    Pull::new(world, |person| {
        write(person, DEPLOYMENT, &text);
        change(person);
    })
}

#[track_caller]
fn podinfo_is_shown(ran: &[Ran]) {
    for ran in ran {
        assert!(
            ran.stdout.contains("test/podinfo: 6.0.0 → 6.0.1: 6 steps"),
            "{ran}"
        );
    }
}

#[test]
fn links_to_files_outside_are_not_followed() {
    let (world, outside) = world();
    let pull = beside(&world, |person| {
        fs_err::create_dir_all(person.join("apps/linked")).unwrap();
        let link =
            |to: &str, from: &str| symlink(to, person.join("apps/linked").join(from)).unwrap();
        link(outside.join("all.yaml").to_str().unwrap(), "absolute.yaml");
        link("../../../outside/all.yaml", "relative.yaml");
        link("/etc/passwd", "passwd.yaml");
        link("/dev/zero", "endless.yaml");
        link("loop.yaml", "loop.yaml");
    });
    let ran = previews(&pull, 0);
    podinfo_is_shown(&ran);
    assert!(ran.iter().all(|ran| !ran.stdout.contains("test/outside")));
}

#[test]
fn links_to_folders_outside_are_not_followed() {
    let (world, outside) = world();
    let pull = beside(&world, |person| {
        symlink(&outside, person.join("apps/folder")).unwrap();
        symlink("../../outside", person.join("apps/podinfo/near")).unwrap();
        symlink("/", person.join("apps/root")).unwrap();
        symlink(".", person.join("apps/again")).unwrap();
    });
    let ran = previews(&pull, 0);
    podinfo_is_shown(&ran);
    assert!(ran.iter().all(|ran| !ran.stdout.contains("test/outside")));
}

#[test]
fn a_canary_that_becomes_a_link_is_told_of() {
    let (world, outside) = world();
    let pull = Pull::new(&world, |person| {
        fs_err::remove_file(person.join(CANARY)).unwrap();
        symlink(outside.join("all.yaml"), person.join(CANARY)).unwrap();
    });
    for ran in previews(&pull, 0) {
        let line = "test/podinfo: is hidden: its file is no longer read: no step is taken any more";
        assert!(ran.stdout.contains(line), "{ran}");
    }
}

#[test]
fn folders_outside_are_not_looked_into() {
    let (world, outside) = world();
    for path in [
        "../outside",
        "../../../outside",
        "/etc",
        outside.to_str().unwrap(),
        "apps/../../outside",
    ] {
        let canary = format!(
            "apiVersion: flagger.app/v1beta1\nkind: Canary\nmetadata: {{name: outside, namespace: test}}\n\
             spec:\n  targetRef: {{apiVersion: apps/v1, kind: Deployment, name: outside}}\n  \
             service: {{port: 80, gatewayRefs: [{{name: edge}}]}}\n  gitops: {{path: '{path}'}}\n"
        );
        let pull = beside(&world, |person| {
            write(person, "apps/else/canary.yaml", &canary);
        });
        let ran = previews(&pull, 3);
        podinfo_is_shown(&ran);
        assert!(
            ran[0]
                .stdout
                .contains("test/outside: cannot be carried out"),
            "{}",
            ran[0]
        );
    }
}

#[test]
fn kustomizations_do_not_lead_outside() {
    let (world, outside) = world();
    let absolute = outside.join("all.yaml");
    let absolute = absolute.to_str().unwrap();
    let application = application("inside").replace(OUTSIDE, "inside");
    for kustomization in [
        "resources: [../../../outside/all.yaml, all.yaml]\n".to_owned(),
        format!("resources: [{absolute}, all.yaml]\n"),
        "resources: [../../../outside, all.yaml]\n".to_owned(),
        "resources: [https://127.0.0.1:1/all.yaml, 'git@127.0.0.1:x/y.git', all.yaml]\n".to_owned(),
        "resources: [all.yaml]\npatches: [{path: ../../../outside/all.yaml}]\n".to_owned(),
        "resources: [all.yaml]\nconfigMapGenerator: [{name: c, files: [../../../outside/secret.txt]}]\n".to_owned(),
        "resources: [all.yaml]\nconfigMapGenerator: [{name: c, envs: [/etc/passwd], files: [k=/etc/passwd]}]\n".to_owned(),
        "resources: [all.yaml]\nsecretGenerator: [{name: c, files: [../../../outside/secret.txt]}]\n".to_owned(),
        "resources: [all.yaml]\ncomponents: [../../../outside]\ngenerators: [../../../outside/all.yaml]\n".to_owned(),
        "resources: [all.yaml]\nhelmCharts: [{name: x, repo: 'http://127.0.0.1:1'}]\n".to_owned(),
    ] {
        // The target uses what is generated.
        let application = application.replace(
            "name: app, image",
            "name: app, envFrom: [{configMapRef: {name: c}}, {secretRef: {name: c}}], image",
        );
        let pull = beside(&world, |person| {
            write(person, "apps/inside/all.yaml", &application);
            write(person, "apps/inside/kustomization.yaml", &kustomization);
        });
        let github = GitHub::start();
        let ran = pull.on_github(&github, "me/fleet").run();
        assert!([0, 3].contains(&ran.code), "{kustomization}: {ran}");
        let ran = previews(&pull, ran.code);
        podinfo_is_shown(&ran);
    }
}

#[test]
fn what_an_ignore_file_hides_is_told() {
    let (world, _) = world();
    let pull = Pull::writing(&world, &[(".weirkeeperignore", "*\n")]);
    for ran in previews(&pull, 0) {
        assert!(
            ran.stdout
                .contains("test/podinfo: is hidden: its file is no longer read"),
            "{ran}"
        );
    }
    let pull = Pull::writing(&world, &[("apps/.weirkeeperignore", "deployment.yaml\n")]);
    for ran in previews(&pull, 3) {
        assert!(
            ran.stdout.contains("test/podinfo: cannot be carried out"),
            "{ran}"
        );
    }
    let long = format!("{}\n", "[a-".repeat(100_000));
    let pull = Pull::writing(&world, &[(".weirkeeperignore", &long)]);
    for ran in previews(&pull, 3) {
        assert!(
            ran.stderr.contains(".weirkeeperignore is not valid"),
            "{}",
            ran.stderr.len()
        );
        assert!(ran.stderr.len() < 10_000, "{}", ran.stderr.len());
    }
}

#[test]
fn what_git_ignores_and_tracks_is_judged_as_a_step_will() {
    let (world, _) = world();
    let pull = beside(&world, |person| {
        write(person, ".gitignore", "apps/\n*.yaml\n");
    });
    let github = GitHub::start();
    let ran = pull.on_github(&github, "me/fleet").run().exits(0);
    podinfo_is_shown(&[ran]);
}

#[test]
fn a_freeze_file_is_told() {
    let (world, _) = world();
    let pull = beside(&world, |person| {
        write(person, ".weirkeeperfreeze", "because\n");
    });
    for ran in previews(&pull, 0) {
        assert!(
            ran.stdout.contains("The change freezes the repository"),
            "{ran}"
        );
    }
}

#[test]
fn nothing_is_written_and_no_reference_moves() {
    let (world, _) = world();
    let pull = beside(&world, |person| {
        // What Git would run in a repository that trusted it.
        write(
            person,
            ".gitattributes",
            "* filter=evil diff=evil merge=evil\n",
        );
        write(
            person,
            ".githooks/post-checkout",
            "#!/bin/sh\ntouch ../evil\n",
        );
        write(
            person,
            ".gitmodules",
            "[submodule \"x\"]\n\tpath = x\n\turl = ../outside\n",
        );
    });
    let before = tree(&pull.checkout);
    let ran = previews(&pull, 0);
    podinfo_is_shown(&ran);
    let after = tree(&pull.checkout);
    let names = |files: &std::collections::BTreeMap<String, String>| -> Vec<String> {
        files.keys().cloned().collect()
    };
    assert_eq!(names(&before), names(&after));
    assert_eq!(before, after);
    assert!(!world.path().join("evil").exists());
}

#[test]
fn a_file_in_the_way_is_not_overwritten_in_memory_either() {
    let (world, _) = world();
    let pull = Pull::new(&world, |person| {
        let text = application("new").replace(OUTSIDE, "inside");
        write(person, "apps/new/all.yaml", &text);
        // A link where the first step generates a file.
        symlink(
            "/etc/passwd",
            person.join("apps/new/new-primary-deployment.yaml"),
        )
        .unwrap();
    });
    for ran in previews(&pull, 3) {
        assert!(
            ran.stdout
                .contains("new-primary-deployment.yaml is in the way"),
            "{ran}"
        );
    }
}
