//! Races, refusals.

use super::*;

#[tokio::test]
async fn one_of_two_racing_pushes_moves_the_branch() {
    let world = World::new();
    let (a, b) = (world.clone("a", &[]), world.clone("b", &[]));
    let (a, b) = (open(&a).await, open(&b).await);
    let tip = a.fetch(&main(), "origin").await.unwrap();
    b.fetch(&main(), "origin").await.unwrap();
    let (x, y) = (step(&a, tip, 10).await, step(&b, tip, 20).await);
    let branch = main();
    let (left, right) = tokio::join!(
        a.push(&branch, "origin", tip, x),
        b.push(&branch, "origin", tip, y)
    );
    let done = |pushed: &Pushed| matches!(pushed, Pushed::Done);
    let (left, right) = (left.unwrap(), right.unwrap());
    assert!(done(&left) != done(&right), "{left:?} {right:?}");
    let winner = if done(&left) { x } else { y };
    assert_eq!(world.tip(), winner.to_string());
    let late = a
        .push(&branch, "origin", tip, step(&a, tip, 30).await)
        .await
        .unwrap();
    assert!(matches!(late, Pushed::Moved), "{late:?}");
    // A commit that is there already was not pushed by us: read the branch again.
    let again = b.push(&branch, "origin", tip, winner).await;
    assert!(again.is_err() || matches!(again.unwrap(), Pushed::Moved));
}

#[tokio::test]
async fn race_that_the_remote_notices_last_is_a_race() {
    let world = World::new();
    let clone = world.clone("clone", &[]);
    // While our push is in the hook, another one lands.
    let other = world.someone_pushes("other.yaml", "a: 1\n");
    git(
        &world.remote(),
        &["update-ref", "refs/heads/main", "main~1"],
    );
    world.hook(
        "pre-receive",
        &format!("unset GIT_QUARANTINE_PATH; git update-ref refs/heads/main {other}"),
    );
    let repository = open(&clone).await;
    let tip = repository.fetch(&main(), "origin").await.unwrap();
    let new = step(&repository, tip, 10).await;
    let pushed = repository.push(&main(), "origin", tip, new).await.unwrap();
    assert!(matches!(pushed, Pushed::Moved), "{pushed:?}");
    assert_eq!(world.tip(), other);
}

#[tokio::test]
async fn hooks_that_refuse_are_quoted() {
    for hook in ["pre-receive", "update"] {
        let world = World::new();
        let clone = world.clone("clone", &[]);
        world.hook(hook, "echo 'tickets only' >&2; exit 1");
        let repository = open(&clone).await;
        let tip = repository.fetch(&main(), "origin").await.unwrap();
        let new = step(&repository, tip, 10).await;
        let pushed = repository.push(&main(), "origin", tip, new).await.unwrap();
        let Pushed::Refused(error) = pushed else {
            panic!("{hook}: {pushed:?}")
        };
        assert_eq!(error.kind(), Kind::Remote);
        assert!(
            error.chain().contains("declined") && error.chain().contains("tickets only"),
            "{error:?}"
        );
        assert_eq!(world.tip(), tip.to_string());
    }
}

#[tokio::test]
async fn push_never_goes_back() {
    let world = World::new();
    let repository = open(&world.clone("clone", &[])).await;
    let (tip, new) = push_step(&repository, 10).await;
    let error = repository
        .push(&main(), "origin", new, tip)
        .await
        .unwrap_err();
    assert_eq!(error.kind(), Kind::Internal);
    assert_eq!(world.tip(), new.to_string());
}

#[tokio::test]
async fn deleted_branch_is_not_in_the_way_of_one_below() {
    let world = World::new();
    let repository = open(&world.clone("clone", &[])).await;
    for (old, name) in [("main", "a"), ("a", "a/b"), ("a/b", "a")] {
        git(
            &world.remote(),
            &["symbolic-ref", "HEAD", "refs/heads/other"],
        );
        git(&world.remote(), &["branch", "-m", old, "moving"]);
        git(&world.remote(), &["branch", "-m", "moving", name]);
        let tip = repository
            .fetch(&Branch::new(name).unwrap(), "origin")
            .await
            .unwrap();
        assert_eq!(tip.to_string(), git(&world.remote(), &["rev-parse", name]));
    }
}

#[tokio::test]
async fn everything_may_run_on_any_thread() {
    let world = World::new();
    let clone = world.clone("clone", &[]);
    let task = tokio::spawn(async move {
        let repository = open(&clone).await;
        let (_, new) = push_step(&repository, 10).await;
        let files = repository.files(new).await.unwrap();
        let local = repository.update_local(&main(), new).await.unwrap();
        let advanced = repository.advance(&main(), new, new).await.unwrap();
        assert!(matches!(advanced, Pushed::Done), "{advanced:?}");
        (files, local)
    });
    let (files, local) = task.await.unwrap();
    assert_eq!(local, Local::BroughtAlong);
    let text = files.source("apps/route.yaml").unwrap().unwrap().text;
    assert_eq!(text, "kind: HTTPRoute\nweight: 10\n");
}
