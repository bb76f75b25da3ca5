use jiff::Timestamp;

use super::*;
use crate::repo::ancestry::{Change, History};

/// Every commit of these repositories was made an hour later.
const BEFORE: &str = "2024-05-01T11:00:00Z";
const AFTER: &str = "2025-01-01T00:00:00Z";

fn time(text: &str) -> Timestamp {
    text.parse().unwrap()
}

fn oid(text: &str) -> Oid {
    Oid::from_str(text).unwrap()
}

fn commit(folder: &Path, path: &str, text: &str) -> Oid {
    write(folder, path, text);
    git(folder, &["add", "."]);
    git(folder, &["commit", "-q", "-m", path]);
    oid(&git(folder, &["rev-parse", "HEAD"]))
}

/// The commits that changed these files of the world, oldest first.
fn log(world: &World) -> Vec<Oid> {
    let text = git(&world.remote(), &["rev-list", "--reverse", "main"]);
    text.lines().map(oid).collect()
}

async fn changed(history: &History<'_>, paths: &[&str], since: &str) -> Change {
    history.last_change(paths, time(since)).await.unwrap()
}

#[tokio::test]
async fn the_newest_commit_that_changed_one_of_the_files() {
    let world = World::new();
    let clone = world.clone("clone", &[]);
    // More than one look.
    for number in 0..40 {
        commit(&clone, "other", &number.to_string());
    }
    let repository = open(&clone).await;
    let tip = repository.tip(&main()).await.unwrap();
    let history = History::new(&repository, tip);
    let commits = log(&world);
    for (paths, expected) in [
        (vec!["other"], Change::By(tip)),
        (vec!["apps/route.yaml"], Change::By(commits[0])),
        (
            vec!["apps/route.yaml", "apps/canary.yaml"],
            Change::By(commits[1]),
        ),
        (vec!["apps"], Change::Never),
        (vec![], Change::Never),
    ] {
        assert_eq!(
            changed(&history, &paths, AFTER).await,
            expected,
            "{paths:?}"
        );
    }
    let down = history.down_to(commits[2]).await;
    assert_eq!((down.len(), down[0], down[40]), (41, tip, commits[2]));
    assert!(history.down_to(Oid::ZERO_SHA1).await.is_empty());
}

#[tokio::test]
async fn a_merge_counts_as_what_it_brought() {
    let world = World::new();
    let clone = world.clone("clone", &[]);
    git(&clone, &["checkout", "-q", "-b", "side"]);
    let side = commit(&clone, "apps/canary.yaml", "kind: Canary # new\n");
    git(&clone, &["checkout", "-q", "main"]);
    let own = commit(&clone, "apps/route.yaml", "kind: HTTPRoute\nweight: 1\n");
    git(&clone, &["merge", "-q", "--no-ff", "-m", "merge", "side"]);
    let repository = open(&clone).await;
    let tip = repository.tip(&main()).await.unwrap();
    let history = History::new(&repository, tip);
    let canary = changed(&history, &["apps/canary.yaml"], AFTER).await;
    assert_eq!(canary, Change::By(tip));
    let route = changed(&history, &["apps/route.yaml"], AFTER).await;
    assert_eq!(route, Change::By(own));
    for (newer, older, expected) in [
        (tip, tip, true),
        (tip, own, true),
        (tip, side, true),
        (own, tip, false),
        (own, side, false),
        (side, own, false),
        (Oid::from_str(&"7".repeat(40)).unwrap(), own, false),
    ] {
        let found = history.is_at_or_after(newer, older).await.unwrap();
        assert_eq!(found, expected, "{newer} {older}");
    }
}

#[tokio::test]
async fn a_shallow_clone_gets_what_it_lacks() {
    let world = World::new();
    let commits = log(&world);
    for (name, since) in [("by-time", BEFORE), ("by-number", AFTER)] {
        let clone = world.clone(name, &["--depth=1"]);
        let repository = open(&clone).await;
        let branch = main();
        let tip = repository.fetch(&branch, "origin").await.unwrap();
        let local = History::new(&repository, tip);
        let canary = ["apps/canary.yaml"];
        // All there is came with the only commit that is here.
        assert_eq!(changed(&local, &canary, since).await, Change::TooFar);
        let history = History::new(&repository, tip).deepened_from(&branch, Some("origin"));
        assert_eq!(
            changed(&history, &canary, since).await,
            Change::By(commits[1])
        );
        assert!(history.is_at_or_after(tip, commits[1]).await.unwrap());
        assert_eq!(git(&clone, &["rev-parse", "main"]), tip.to_string());
        // Known now: nobody is asked any more.
        fs_err::rename(world.remote(), world.path().join("away")).unwrap();
        let route = changed(&history, &["apps/route.yaml"], since).await;
        assert_eq!(route, Change::By(commits[0]));
        assert_eq!(changed(&history, &["no"], since).await, Change::Never);
        fs_err::rename(world.path().join("away"), world.remote()).unwrap();
    }
}

#[tokio::test]
async fn a_remote_that_does_not_answer_is_an_error() {
    let world = World::new();
    let clone = world.clone("clone", &["--depth=1"]);
    let repository = open(&clone).await;
    let (branch, tip) = (main(), oid(&world.tip()));
    let history = History::new(&repository, tip).deepened_from(&branch, Some("origin"));
    fs_err::remove_dir_all(world.remote()).unwrap();
    let found = history.last_change(&["x"], time(BEFORE)).await;
    assert_eq!(found.unwrap_err().kind(), Kind::Remote);
}

#[tokio::test]
async fn a_clone_without_old_files_is_enough() {
    let world = World::new();
    git(
        &world.remote(),
        &["config", "uploadpack.allowFilter", "true"],
    );
    let commits = log(&world);
    for filter in ["blob:none", "tree:0"] {
        let clone = world.clone(filter, &[&format!("--filter={filter}"), "--no-checkout"]);
        let repository = open(&clone).await;
        let history = History::new(&repository, oid(&world.tip()));
        let canary = changed(&history, &["apps/canary.yaml"], BEFORE).await;
        assert_eq!(canary, Change::By(commits[1]), "{filter}");
    }
}

#[tokio::test]
async fn the_freeze_file_is_read_in_a_partial_clone() {
    let world = World::new();
    git(
        &world.remote(),
        &["config", "uploadpack.allowFilter", "true"],
    );
    world.someone_pushes(".weirkeeperfreeze", "holidays\n");
    let clone = world.clone("clone", &["--filter=blob:none", "--no-checkout"]);
    let files = open(&clone).await.files(oid(&world.tip())).await.unwrap();
    assert_eq!(files.frozen().unwrap().as_deref(), Some("holidays"));
}
