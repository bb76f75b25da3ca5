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

#[tokio::test]
async fn what_a_commit_changes_is_told_with_modes() {
    let world = World::new();
    let first = world.clone("links", &[]);
    std::os::unix::fs::symlink("run.sh", first.join("link")).unwrap();
    write(&first, "folder/a", "a\n");
    git(&first, &["add", "."]);
    git(&first, &["commit", "-q", "-m", "link"]);
    // A file takes the place of a folder, and the other way round.
    git(&first, &["rm", "-rq", "folder", "link"]);
    write(&first, "folder", "file\n");
    write(&first, "link/b", "b\n");
    write(&first, "run.sh", "#!/bin/sh\ntrue\n");
    git(&first, &["add", "."]);
    git(&first, &["commit", "-q", "-m", "swap\n\nwhy\n"]);
    let name = |revision: &str| {
        git(&first, &["rev-parse", revision])
            .parse::<Oid>()
            .unwrap()
    };
    let repository = open(&first).await;
    let made = repository.made_between(name("HEAD~2"), name("HEAD"));
    let [linked, swapped] = made.unwrap().try_into().unwrap();
    let told = |made: &Made| -> Vec<String> {
        let files = made.files.iter().map(|file| match &file.new {
            None => format!("-{}", file.path),
            Some(new) => {
                let text = String::from_utf8_lossy(&new.content);
                format!("{} {:?} {}", file.path, new.mode, text.escape_debug())
            }
        });
        files.collect()
    };
    assert_eq!(told(&linked), ["folder/a Plain a\\n", "link Link run.sh"]);
    assert_eq!(
        told(&swapped),
        [
            "folder Plain file\\n",
            "-folder/a",
            "-link",
            "link/b Plain b\\n",
            "run.sh Executable #!/bin/sh\\ntrue\\n",
        ]
    );
    assert_eq!(swapped.message, "swap\n\nwhy\n");
    assert_eq!(
        (swapped.parent, swapped.commit),
        (linked.commit, name("HEAD"))
    );
    let apart = repository.made_between(name("HEAD"), name("HEAD~1"));
    assert_eq!(apart.unwrap_err().kind(), Kind::Internal);
}

#[tokio::test]
async fn the_last_commit_can_be_taken_back() {
    let world = World::new();
    let clone = world.clone("clone", &[]);
    let repository = open(&clone).await;
    let tip = repository.tip(&main()).await.unwrap();
    let mut commits = repository.commits_on(tip).unwrap();
    let add = |commits: &mut crate::repo::Commits, text: &str| {
        let list = changes(&[("apps/route.yaml", Some(text))]);
        commits.add(&list, "m\n", &author()).unwrap()
    };
    let first = add(&mut commits, "weight: 1\n").unwrap();
    let second = add(&mut commits, "weight: 2\n").unwrap();
    assert_eq!(commits.last().unwrap().commit, second);
    commits.take_back();
    assert_eq!(commits.last().unwrap().commit, first);
    let third = add(&mut commits, "weight: 3\n").unwrap();
    assert_eq!(repository.store(commits).await.unwrap(), third);
    let log = git(&clone, &["log", "--format=%H", &third.to_string(), "-2"]);
    assert_eq!(log, format!("{third}\n{first}"));
    git(&clone, &["fsck", "--strict"]);
}
