//! Commits without index and work tree.

use super::*;

#[tokio::test]
async fn commit_keeps_modes_and_other_files() {
    let world = World::new();
    let clone = world.clone("clone", &[]);
    let repository = open(&clone.join("apps")).await;
    assert_eq!(
        repository.work_dir(),
        Some(&*fs_err::canonicalize(&clone).unwrap())
    );
    let branch = repository.branch(None).await.unwrap();
    let tip = repository.tip(&branch).await.unwrap();
    let list = changes(&[
        ("apps/canary.yaml", None),
        ("new/deep/file.yaml", Some("a: 1\n")),
        ("run.sh", Some("#!/bin/sh\ntrue\n")),
        ("gone.yaml", None),
    ]);
    let new = repository
        .commit(tip, &list, "message\n\nKey: v\n", &author())
        .await
        .unwrap()
        .unwrap();
    let tree = git(
        &clone,
        &[
            "ls-tree",
            "-r",
            "--format=%(objectmode) %(path)",
            &new.to_string(),
        ],
    );
    assert_eq!(
        tree,
        "100644 apps/route.yaml\n100644 new/deep/file.yaml\n100755 run.sh"
    );
    let facts = git(
        &clone,
        &["log", "-1", "--format=%an %ce %ct %P%n%B", &new.to_string()],
    );
    let expected = format!("weirkeeper[bot] bot@example.com 1714636800 {tip}\nmessage\n\nKey: v");
    assert_eq!(facts.trim_end(), expected);
    assert_eq!(git(&clone, &["status", "--porcelain"]), "");
    assert_eq!(repository.tip(&branch).await.unwrap(), tip);
    git(&clone, &["fsck", "--strict"]);
}

#[tokio::test]
async fn folder_that_loses_its_last_file_is_gone() {
    let world = World::new();
    let repository = open(&world.remote()).await;
    let tip = repository.tip(&main()).await.unwrap();
    let list = changes(&[("apps/route.yaml", None), ("apps/canary.yaml", None)]);
    let new = repository
        .commit(tip, &list, "m\n", &author())
        .await
        .unwrap()
        .unwrap();
    let tree = git(
        &world.remote(),
        &["ls-tree", "--name-only", &new.to_string()],
    );
    assert_eq!(tree, "run.sh");
}

#[tokio::test]
async fn nothing_to_change_is_no_commit() {
    let world = World::new();
    let repository = open(&world.remote()).await;
    let tip = repository.tip(&main()).await.unwrap();
    for list in [
        changes(&[]),
        changes(&[("run.sh", Some("#!/bin/sh\n"))]),
        changes(&[("none", None)]),
    ] {
        assert_eq!(
            repository
                .commit(tip, &list, "m\n", &author())
                .await
                .unwrap(),
            None
        );
    }
}

#[tokio::test]
async fn paths_stay_in_the_repository() {
    let world = World::new();
    let clone = world.clone("clone", &[]);
    std::os::unix::fs::symlink("/etc", clone.join("link")).unwrap();
    git(&clone, &["add", "."]);
    let head = git(&clone, &["rev-parse", "HEAD"]);
    git(
        &clone,
        &[
            "update-index",
            "--add",
            "--cacheinfo",
            &format!("160000,{head},module"),
        ],
    );
    git(&clone, &["commit", "-q", "-m", "link"]);
    let repository = open(&clone).await;
    let tip = repository.tip(&main()).await.unwrap();
    for path in [
        "../x",
        "/etc/x",
        "a/../b",
        "",
        "a//b",
        "a/",
        ".git/config",
        "a/.GIT/x",
        ".git /x",
        "a\\b",
        "git~1/x",
        "./a",
        "link",
        "link/passwd",
        "module",
        "module/x",
        "apps",
        "run.sh/x",
    ] {
        let result = repository
            .commit(tip, &changes(&[(path, Some("x"))]), "m\n", &author())
            .await;
        assert_eq!(result.unwrap_err().kind(), Kind::Document, "{path}");
    }
    let files = repository.files(tip).await.unwrap();
    let paths: Vec<&str> = files.paths().unwrap().collect();
    assert_eq!(paths, ["apps/canary.yaml", "apps/route.yaml", "run.sh"]);
}
