//! What is there and what is not.

use super::*;

#[tokio::test]
async fn what_is_not_there_is_said() {
    let world = World::new();
    let clone = world.clone("clone", &[]);
    git(&clone, &["remote", "add", "evil", "ext::touch evil"]);
    let repository = open(&clone).await;
    let error = repository
        .fetch(&Branch::new("mian").unwrap(), "origin")
        .await
        .unwrap_err();
    assert_eq!(error.kind(), Kind::Usage);
    assert_eq!(
        error.message(),
        "there is no branch `mian` in remote `origin`"
    );
    assert_eq!(error.hints(), ["it has main"]);
    let error = repository
        .tip(&Branch::new("mian").unwrap())
        .await
        .unwrap_err();
    assert_eq!(error.hints(), ["it has main"]);
    assert_eq!(
        repository.fetch(&main(), "evil").await.unwrap_err().kind(),
        Kind::Remote
    );
    assert_eq!(
        repository
            .fetch(&main(), "--upload-pack=x")
            .await
            .unwrap_err()
            .kind(),
        Kind::Usage
    );

    fs_err::rename(world.remote(), world.path().join("gone")).unwrap();
    let error = repository.fetch(&main(), "origin").await.unwrap_err();
    assert_eq!(error.message(), "cannot fetch from remote `origin`");
    assert_eq!(error.kind(), Kind::Remote);
    let tip = repository.tip(&main()).await.unwrap();
    let new = step(&repository, tip, 1).await;
    assert_eq!(
        repository
            .push(&main(), "origin", tip, new)
            .await
            .unwrap_err()
            .kind(),
        Kind::Remote
    );

    let opened = async |path: &Path| Repository::open(path, options()).await.map(drop);
    let error: Error = opened(world.path()).await.unwrap_err();
    assert!(
        error.message().contains("is not in a Git repository"),
        "{error}"
    );
    assert_eq!(
        opened(&world.path().join("nowhere"))
            .await
            .unwrap_err()
            .kind(),
        Kind::Usage
    );
    git(
        world.path(),
        &["init", "-q", "--object-format=sha256", "wide"],
    );
    let error = opened(&world.path().join("wide")).await.unwrap_err();
    assert!(error.message().contains("sha256"), "{error}");
}

#[tokio::test]
async fn empty_repository_has_no_commit_yet() {
    let world = World::new();
    git(world.path(), &["init", "-q", "-b", "main", "empty"]);
    git(world.path(), &["init", "-q", "--bare", "empty.git"]);
    let empty = world.path().join("empty");
    git(&empty, &["remote", "add", "up", "../empty.git"]);
    let repository = open(&empty).await;
    let branch = repository.branch(None).await.unwrap();
    assert_eq!(repository.remote_for(&branch).as_deref(), Some("up"));
    let error = repository.tip(&branch).await.unwrap_err();
    assert_eq!(error.message(), "branch `main` has no commit yet");
    let error = repository.fetch(&branch, "up").await.unwrap_err();
    assert_eq!(error.kind(), Kind::Usage);
    assert!(error.hints()[0].contains("no branches at all"), "{error:?}");
}

#[tokio::test]
async fn remotes_are_chosen_as_git_does() {
    let world = World::new();
    let clone = world.clone("clone", &[]);
    git(&clone, &["remote", "add", "alpha", "x"]);
    git(&clone, &["config", "branch.a.b.remote", "alpha"]);
    let repository = open(&clone).await;
    let remote = |name: &str| repository.remote_for(&Branch::new(name).unwrap());
    assert_eq!(remote("main").as_deref(), Some("origin"));
    assert_eq!(remote("a.b").as_deref(), Some("alpha"));
    assert_eq!(remote("unknown").as_deref(), Some("origin"));
    assert_eq!(repository.commits_link("alpha"), None);
    git(
        &clone,
        &["config", "remote.alpha.url", "git@h.example:o/r.git"],
    );
    let link = open(&clone).await.commits_link("alpha").map(String::from);
    assert_eq!(link.as_deref(), Some("https://h.example/o/r/commit/"));
    for name in [
        "",
        "-x",
        "a..b",
        "refs/heads/x",
        "HEAD",
        "a b",
        "x.lock",
        "a\nb",
    ] {
        assert_eq!(Branch::new(name).unwrap_err().kind(), Kind::Usage, "{name}");
    }
}

#[tokio::test]
async fn repository_of_somebody_else_is_explained() {
    let world = World::new();
    let clone = world.clone("it's", &[]);
    let mut options = options();
    let foreign = ("GIT_TEST_ASSUME_DIFFERENT_OWNER".into(), "1".into());
    options.environment.push(foreign);
    let opened = Repository::open(&clone, options.clone()).await;
    let error = opened.unwrap_err();
    assert_eq!(error.kind(), Kind::Usage);
    assert!(
        error.message().contains("belongs to another user"),
        "{error}"
    );
    assert!(
        error.hints()[0].contains("--add safe.directory"),
        "{error:?}"
    );
    // Trusted by the environment alone, which libgit2 would not see.
    for (name, value) in [
        ("GIT_CONFIG_COUNT", "1"),
        ("GIT_CONFIG_KEY_0", "safe.directory"),
        ("GIT_CONFIG_VALUE_0", "*"),
    ] {
        options.environment.push((name.into(), value.into()));
    }
    let repository = Repository::open(&clone, options).await.unwrap();
    let tip = repository.tip(&main()).await.unwrap();
    assert_eq!(
        repository
            .files(tip)
            .await
            .unwrap()
            .paths()
            .unwrap()
            .count(),
        3
    );
}

#[tokio::test]
async fn references_may_be_stored_in_tables() {
    let world = World::new();
    let version = git(world.path(), &["version"]);
    let minor = version
        .split('.')
        .nth(1)
        .and_then(|part| part.parse::<u32>().ok());
    if version.starts_with("git version 2.") && minor < Some(45) {
        return;
    }
    let clone = world.clone("clone", &["--ref-format=reftable"]);
    let repository = open(&clone).await;
    assert_eq!(repository.branch(None).await.unwrap(), main());
    let (_, new) = push_step(&repository, 10).await;
    let local = repository.update_local(&main(), new).await.unwrap();
    assert_eq!(local, Local::BroughtAlong);
}
