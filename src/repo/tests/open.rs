//! What is there and what is not.

use super::*;

#[tokio::test]
async fn what_is_not_there_is_said() {
    let world = World::new();
    let clone = world.clone("clone", &[]);
    git(
        &clone,
        &["remote", "add", "evil", "ext::touch /tmp/weirkeeper-evil"],
    );
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
