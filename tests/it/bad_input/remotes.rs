//! Remotes, branches and checkouts of all kinds.

use std::path::Path;

use crate::support::assert_ran;
use crate::support::gitops::World;
use crate::support::program::{Call, Ran};
use crate::support::world::{git, write};

use super::{CANARY, changes_nothing, text_step};

#[test]
fn without_a_remote_commits_stay_here() {
    let world = World::of("podinfo");
    git(&world.checkout(), &["remote", "remove", "origin"]);
    let ran = world.step().exits(0);
    assert_eq!(ran.json()["pushed"], true);
    let head = git(&world.checkout(), &["rev-parse", "HEAD"]);
    assert_eq!(ran.json()["head"], head);
    assert!(
        world
            .checkout()
            .join("apps/podinfo/podinfo-primary-deployment.yaml")
            .exists()
    );
    assert_eq!(world.commits(), 1);
}

#[test]
fn no_push_keeps_commits_here() {
    let world = World::of("podinfo");
    let _ran = world.stepping().arg("--no-push").run().exits(0);
    assert_eq!(world.commits(), 1);
    assert_eq!(
        git(&world.checkout(), &["rev-list", "--count", "HEAD"]),
        "2"
    );
}

#[test]
fn dry_run_writes_nothing() {
    let world = World::of("podinfo");
    let ran = changes_nothing(&world, text_step(&world).arg("--dry-run"), 0);
    assert_ran!(world, ran, @"
    exit code: 0
    ----- stdout
    test/podinfo  Initializing  held
      podinfo-primary created, waiting until it is ready
      next step not before 2026-01-01T00:01:00Z
    dry run: nothing was committed
    ");
}

#[test]
fn a_remote_that_cannot_be_reached() {
    let world = World::of("podinfo");
    fs_err::rename(world.remote(), world.path().join("gone")).unwrap();
    let ran = text_step(&world).run().exits(4);
    fs_err::rename(world.path().join("gone"), world.remote()).unwrap();
    assert_ran!(world, ran, @"
    exit code: 4
    ----- stderr
    error: cannot fetch from remote `origin`
      because: fatal: '[DIR]/remote.git' does not appear to be a git repository; fatal: Could not read from remote repository.; Please make sure you have the correct access rights; and the repository exists.
    hint: does it exist, and may this token see it?
    ");
    assert_eq!(world.commits(), 1);
}

#[test]
fn a_remote_that_refuses() {
    let world = World::of("podinfo");
    world.pre_receive("echo 'Ask the release managers first.' >&2; exit 1");
    let ran = changes_nothing(&world, text_step(&world), 4);
    assert_ran!(world, ran, @"
    exit code: 4
    ----- stdout
    test/podinfo  failed
      not carried out: podinfo-primary created, waiting until it is ready
    ----- stderr
    error: remote `origin` refused the push to `main`
      because: (pre-receive hook declined); Ask the release managers first.
    hint: a hook or rule of the server refused it: it has to allow these commits
    ");
    let json = changes_nothing(&world, world.stepping(), 4).json();
    assert_eq!(json["pushed"], false);
    assert_eq!(json["head"], world.tip());
    assert_eq!(json["results"][0]["commit"], serde_json::Value::Null);
}

#[test]
fn a_branch_that_moves_while_deciding() {
    let world = World::of("podinfo");
    world.bootstrap();
    // The hook of the remote is a person who is faster, once: the bump lands before the push does.
    world.put("notes.md", "first\n");
    let script = format!(
        "test -e {flag} && exit 0; touch {flag}; cd {person}; unset GIT_DIR GIT_QUARANTINE_PATH GIT_OBJECT_DIRECTORY GIT_ALTERNATE_OBJECT_DIRECTORIES; echo later > notes.md; \
         git -c user.name=Ann -c user.email=ann@example.com commit -qam later; git push -q origin HEAD:main",
        flag = world.path().join("moved").display(),
        person = world.person().display(),
    );
    world.pre_receive(&script);
    fs_err::write(world.path().join("moved"), "").unwrap();
    world.release("podinfo:6.0.0", "podinfo:6.1.0");
    fs_err::remove_file(world.path().join("moved")).unwrap();
    insta::assert_snapshot!(world.tick(), @"Progressing 100/0 started: new revision bb1ec46e detected, scaling up podinfo");
    insta::assert_snapshot!(world.log(3, "%s"), @"
    podinfo.test: new revision bb1ec46e detected, scaling up podinfo
    later
    change apps/podinfo/deployment.yaml
    ");
    assert_eq!(world.read("notes.md"), "later\n");
}

#[test]
fn a_branch_that_does_not_exist() {
    let world = World::of("podinfo");
    let ran = changes_nothing(&world, text_step(&world).args(["--branch", "mian"]), 2);
    assert_ran!(world, ran, @"
    exit code: 2
    ----- stderr
    error: there is no branch `mian` in remote `origin`
    hint: it has main
    ");
}

#[test]
fn a_detached_head() {
    let world = World::of("podinfo");
    git(&world.checkout(), &["checkout", "-q", "--detach"]);
    let ran = changes_nothing(&world, text_step(&world), 2);
    assert_ran!(world, ran, @"
    exit code: 2
    ----- stderr
    error: no branch is checked out, HEAD is detached
    hint: name the branch to work on with --branch
    ");
    let ran = text_step(&world).args(["--branch", "main"]).run().exits(0);
    assert_eq!(world.commits(), 2, "{ran}");
}

#[test]
fn no_repository_at_all() {
    let world = World::of("podinfo");
    let folder = world.path().join("empty");
    fs_err::create_dir(&folder).unwrap();
    let ran = text_step(&world).arg("--repo").arg(&folder).run().exits(2);
    assert_ran!(world, ran, @"
    exit code: 2
    ----- stderr
    error: [DIR]/empty is not in a Git repository
    hint: give its folder with --repo; in a workflow, actions/checkout comes first
    ");
    let ran = text_step(&world).args(["--repo", "nowhere"]).run().exits(2);
    assert_ran!(world, ran, @"
    exit code: 2
    ----- stderr
    error: cannot open the repository
      because: failed to query resolved metadata `nowhere`: No such file or directory (os error 2)
    hint: give its folder with --repo
    ");
}

#[test]
fn a_dirty_work_tree_is_left_as_it_is() {
    let world = World::of("podinfo");
    let mine = "# I am not done.\n";
    write(&world.checkout(), CANARY, mine);
    let head = git(&world.checkout(), &["rev-parse", "HEAD"]);
    let ran = text_step(&world).run().exits(0);
    assert_ran!(world, ran, @"
    exit code: 0
    ----- stdout
    test/podinfo  Initializing  held
      podinfo-primary created, waiting until it is ready
      commit [COMMIT]
      next step not before 2026-01-01T00:01:00Z
    the checkout was left as it is: the work tree has uncommitted changes
    ");
    assert_eq!(world.commits(), 2);
    assert_eq!(git(&world.checkout(), &["rev-parse", "HEAD"]), head);
    let text = fs_err::read_to_string(world.checkout().join(CANARY)).unwrap();
    assert_eq!(text, mine);
}

/// Another clone of the remote takes the step.
fn elsewhere(world: &World, folder: &Path) -> Ran {
    let call = Call::new(folder, world.path());
    let call = call.args(["step", "--format", "json", "--now", &world.now()]);
    let ran = call.arg("--prometheus").arg(world.prometheus.url()).run();
    let ran = ran.exits(0);
    assert_eq!(ran.json()["head"], world.tip());
    assert_eq!(world.commits(), 2);
    let head = git(folder, &["rev-parse", "HEAD"]);
    assert_eq!(head, world.tip());
    assert_eq!(git(folder, &["status", "--porcelain"]), "");
    ran
}

#[test]
fn a_shallow_clone() {
    let world = World::of("podinfo");
    let url = format!("file://{}", world.remote().display());
    git(world.path(), &["clone", "-q", "--depth=1", &url, "shallow"]);
    let _ran = elsewhere(&world, &world.path().join("shallow"));
}

#[test]
fn a_sparse_checkout() {
    let world = World::of("podinfo");
    let sparse = world.checkout();
    git(&sparse, &["sparse-checkout", "set", "nothing"]);
    assert!(!sparse.join(CANARY).exists());
    let _ran = elsewhere(&world, &sparse);
    assert!(!sparse.join(CANARY).exists());
}

#[test]
fn a_linked_work_tree() {
    let world = World::of("podinfo");
    let main = world.checkout();
    git(&main, &["checkout", "-q", "--detach"]);
    git(&main, &["worktree", "add", "-q", "../linked", "main"]);
    let _ran = elsewhere(&world, &world.path().join("linked"));
}

#[test]
fn a_folder_of_the_repository() {
    let world = World::of("podinfo");
    let _ran = text_step(&world)
        .args(["--repo", "apps/podinfo"])
        .run()
        .exits(0);
    assert_eq!(world.commits(), 2);
}

#[test]
fn links_are_not_followed() {
    let world = World::of("podinfo");
    let outside = world.path().join("outside");
    write(
        &outside,
        "canary.yaml",
        &world.read(CANARY).replace("podinfo", "stolen"),
    );
    world.pull();
    std::os::unix::fs::symlink(&outside, world.person().join("apps/linked")).unwrap();
    std::os::unix::fs::symlink("canary.yaml", world.person().join("apps/podinfo/same.yaml"))
        .unwrap();
    world.push("links");
    let ran = world.step().exits(0);
    assert_eq!(ran.json()["results"].as_array().unwrap().len(), 1, "{ran}");
    git(&world.checkout(), &["pull", "-q"]);
    let ran = world.weirkeeper(["validate"]).run().exits(0);
    assert!(!ran.to_string().contains("stolen"), "{ran}");
}

#[test]
fn a_bare_clone() {
    let world = World::of("podinfo");
    git(
        world.path(),
        &["clone", "-q", "--bare", "remote.git", "bare.git"],
    );
    let bare = world.path().join("bare.git");
    let ran = text_step(&world).arg("--repo").arg(&bare).run().exits(0);
    assert_eq!(world.commits(), 2, "{ran}");
}

#[test]
fn a_branch_that_is_not_checked_out() {
    let world = World::of("podinfo");
    git(&world.remote(), &["branch", "staging", "main"]);
    let main = world.tip();
    let ran = world
        .stepping()
        .args(["--branch", "staging"])
        .run()
        .exits(0);
    let staging = git(&world.remote(), &["rev-parse", "staging"]);
    assert_eq!(ran.json()["head"], staging, "{ran}");
    assert_eq!(world.tip(), main);
    assert_ne!(staging, main);
    assert_eq!(git(&world.checkout(), &["status", "--porcelain"]), "");
}
