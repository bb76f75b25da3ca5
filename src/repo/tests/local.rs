//! The local branch and the work tree.

use super::*;

#[tokio::test]
async fn push_leaves_a_dirty_work_tree_alone() {
    let world = World::new();
    let clone = world.clone("clone", &[]);
    write(&clone, "apps/canary.yaml", "kind: Mine\n");
    write(&clone, "run.sh", "staged");
    git(&clone, &["add", "run.sh"]);
    let before = git(&clone, &["status", "--porcelain"]);
    let repository = open(&clone).await;
    let (tip, new) = push_step(&repository, 10).await;
    assert_eq!(world.tip(), new.to_string());
    let left = repository.update_local(&main(), new).await.unwrap();
    assert!(
        matches!(&left, Local::Left(why) if why.contains("uncommitted")),
        "{left:?}"
    );
    assert_eq!(git(&clone, &["status", "--porcelain"]), before);
    assert_eq!(git(&clone, &["rev-parse", "HEAD"]), tip.to_string());
    assert!(!git(&clone, &["for-each-ref"]).contains("refs/heads/weirkeeper"));
}

#[tokio::test]
async fn push_brings_a_clean_work_tree_along() {
    let world = World::new();
    let clone = world.clone("clone", &[]);
    write(&clone, "untracked.txt", "mine");
    let repository = open(&clone).await;
    let (_, new) = push_step(&repository, 10).await;
    assert_eq!(
        repository.update_local(&main(), new).await.unwrap(),
        Local::BroughtAlong
    );
    assert_eq!(
        repository.update_local(&main(), new).await.unwrap(),
        Local::Current
    );
    assert!(
        fs_err::read_to_string(clone.join("apps/route.yaml"))
            .unwrap()
            .contains("10")
    );
    assert_eq!(git(&clone, &["status", "--porcelain"]), "?? untracked.txt");
}

#[tokio::test]
async fn file_in_the_way_stops_the_update() {
    let world = World::new();
    let clone = world.clone("clone", &[]);
    write(&clone, ".gitignore", "new.yaml\n");
    git(&clone, &["add", "."]);
    git(&clone, &["commit", "-q", "-m", "ignore"]);
    git(&clone, &["push", "-q"]);
    write(&clone, "new.yaml", "mine");
    let repository = open(&clone).await;
    let tip = repository.fetch(&main(), "origin").await.unwrap();
    let list = changes(&[("new.yaml", Some("theirs"))]);
    let new = repository
        .commit(tip, &list, "m\n", &author())
        .await
        .unwrap()
        .unwrap();
    let left = repository.update_local(&main(), new).await.unwrap();
    assert!(matches!(left, Local::Left(_)), "{left:?}");
    assert_eq!(
        fs_err::read_to_string(clone.join("new.yaml")).unwrap(),
        "mine"
    );
    assert_eq!(repository.tip(&main()).await.unwrap(), tip);
}

#[tokio::test]
async fn shallow_detached_sparse_bare_and_linked_work_trees_push() {
    let world = World::new();
    let shallow = world.clone("shallow", &["--depth=1"]);
    let repository = open(&shallow).await;
    assert!(repository.is_shallow());
    let (_, new) = push_step(&repository, 1).await;
    assert_eq!(
        repository.update_local(&main(), new).await.unwrap(),
        Local::BroughtAlong
    );
    world.someone_pushes("other.yaml", "a: 1\n");
    push_step(&repository, 2).await;

    let detached = world.clone("detached", &[]);
    git(&detached, &["checkout", "-q", "--detach"]);
    let repository = open(&detached).await;
    let error = repository.branch(None).await.unwrap_err();
    assert_eq!((error.kind(), error.hints().len()), (Kind::Usage, 1));
    let (_, new) = push_step(&repository, 3).await;
    assert_eq!(
        repository.update_local(&main(), new).await.unwrap(),
        Local::Moved
    );

    let sparse = world.clone("sparse", &["--sparse"]);
    git(
        &sparse,
        &["sparse-checkout", "set", "--sparse-index", "nothing"],
    );
    assert!(!sparse.join("apps").exists());
    let repository = open(&sparse).await;
    let (_, new) = push_step(&repository, 4).await;
    assert_eq!(
        repository.update_local(&main(), new).await.unwrap(),
        Local::BroughtAlong
    );
    assert!(!sparse.join("apps").exists());
    assert_eq!(git(&sparse, &["status", "--porcelain"]), "");

    let linked = world.path().join("linked");
    git(
        &sparse,
        &[
            "worktree",
            "add",
            "-q",
            "-b",
            "side",
            &linked.display().to_string(),
        ],
    );
    let repository = open(&linked).await;
    assert_eq!(repository.branch(None).await.unwrap().name(), "side");
    let (_, new) = push_step(&repository, 5).await;
    // `main` is checked out in the other work tree.
    assert_eq!(
        repository.update_local(&main(), new).await.unwrap(),
        Local::BroughtAlong
    );
    assert_eq!(git(&sparse, &["rev-parse", "HEAD"]), new.to_string());

    let bare = world.clone("bare.git", &["--bare"]);
    let repository = open(&bare).await;
    assert_eq!(repository.work_dir(), None);
    let (_, new) = push_step(&repository, 6).await;
    assert_eq!(
        repository.update_local(&main(), new).await.unwrap(),
        Local::Moved
    );
    assert_eq!(
        at_remote(&world, "apps/route.yaml"),
        "kind: HTTPRoute\nweight: 6"
    );
}

#[tokio::test]
async fn without_remote_the_local_branch_moves() {
    let world = World::new();
    let clone = world.clone("clone", &[]);
    git(&clone, &["remote", "remove", "origin"]);
    let repository = open(&clone).await;
    assert_eq!(repository.remote_for(&main()), None);
    let tip = repository.tip(&main()).await.unwrap();
    let new = step(&repository, tip, 10).await;
    write(&clone, "run.sh", "mine");
    let done = repository.advance(&main(), tip, new).await.unwrap();
    assert!(matches!(done, Pushed::Done), "{done:?}");
    assert_eq!(git(&clone, &["status", "--porcelain"]), " M run.sh");
    assert!(
        fs_err::read_to_string(clone.join("apps/route.yaml"))
            .unwrap()
            .contains("10")
    );

    write(&clone, "apps/route.yaml", "mine");
    let next = step(&repository, new, 20).await;
    let refused = repository.advance(&main(), new, next).await.unwrap();
    assert!(matches!(refused, Pushed::Refused(_)), "{refused:?}");
    assert_eq!(repository.tip(&main()).await.unwrap(), new);
    assert_eq!(
        fs_err::read_to_string(clone.join("apps/route.yaml")).unwrap(),
        "mine"
    );

    let moved = repository.advance(&main(), tip, next).await.unwrap();
    assert!(matches!(moved, Pushed::Moved), "{moved:?}");
    git(&clone, &["checkout", "-q", "-f", "--detach"]);
    let done = repository.advance(&main(), new, next).await.unwrap();
    assert!(matches!(done, Pushed::Done), "{done:?}");
    assert_eq!(repository.tip(&main()).await.unwrap(), next);
}

#[tokio::test]
async fn hooks_and_settings_of_the_clone_do_not_run() {
    let world = World::new();
    let clone = world.clone("clone", &[]);
    let mark = world.path().join("ran");
    for hook in [
        "pre-push",
        "post-merge",
        "reference-transaction",
        "post-checkout",
    ] {
        let script = format!("#!/bin/sh\ntouch {}\n", mark.display());
        write(&clone, &format!(".git/hooks/{hook}"), &script);
        let path = clone.join(".git/hooks").join(hook);
        fs_err::set_permissions(path, std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
    }
    git(&clone, &["config", "branch.main.mergeOptions", "--no-ff"]);
    git(&clone, &["config", "push.followTags", "true"]);
    let repository = open(&clone).await;
    let (_, new) = push_step(&repository, 10).await;
    assert_eq!(
        repository.update_local(&main(), new).await.unwrap(),
        Local::BroughtAlong
    );
    assert!(!mark.exists());
}

#[tokio::test]
async fn removed_work_tree_and_shared_objects_do_no_harm() {
    let world = World::new();
    let clone = world.clone("clone", &[]);
    let shared = world.path().join("shared").display().to_string();
    git(&clone, &["clone", "-q", "--shared", ".", &shared]);
    let origin = format!("file://{}", world.remote().display());
    git(
        Path::new(&shared),
        &["remote", "set-url", "origin", &origin],
    );
    let repository = open(Path::new(&shared)).await;
    push_step(&repository, 10).await;

    git(&clone, &["checkout", "-q", "--detach"]);
    let linked = world.path().join("linked");
    git(
        &clone,
        &[
            "worktree",
            "add",
            "-q",
            &linked.display().to_string(),
            "main",
        ],
    );
    fs_err::remove_dir_all(&linked).unwrap();
    let repository = open(&clone).await;
    let (_, new) = push_step(&repository, 20).await;
    let local = repository.update_local(&main(), new).await.unwrap();
    assert_eq!(local, Local::Moved);
}

#[tokio::test]
async fn checkout_of_one_commit_fetches_only_the_tip_of_another_branch() {
    let world = World::new();
    git(&world.remote(), &["branch", "side", "main~1"]);
    let count = |clone: &Path, tip: Oid| git(clone, &["rev-list", "--count", &tip.to_string()]);

    let one = world.clone("one", &["--depth=1", "--branch=side"]);
    let repository = open(&one).await;
    let (_, new) = push_step(&repository, 10).await;
    assert_eq!(count(&one, new), "2");
    let other = world.someone_pushes("other.yaml", "a: 1\n");
    let tip = repository.fetch(&main(), "origin").await.unwrap();
    assert_eq!(tip.to_string(), other);
    assert_eq!(count(&one, tip), "3");

    git(&world.remote(), &["branch", "-f", "side", "main~1"]);
    let two = world.clone("two", &["--depth=2", "--branch=side"]);
    let repository = open(&two).await;
    let (_, new) = push_step(&repository, 20).await;
    assert_eq!(count(&two, new), "4");
}
