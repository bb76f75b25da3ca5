//! Fetch and push as in a workflow: over HTTP, with and without credentials.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use weirkeeper::error::{Error, Kind};
use weirkeeper::repo::branch::Branch;
use weirkeeper::repo::git::{Oid, Repository};
use weirkeeper::repo::local::Local;
use weirkeeper::repo::push::Pushed;
use weirkeeper::repo::{GitOptions, Signature};

use crate::support::git_http::{Access, GitServer, basic};
use crate::support::world::{World, environment, git};

const TOKEN: &str = "ghs_right0token";

/// A clone whose `origin` is the server.
fn clone(world: &World, server: &GitServer, options: &[&str]) -> PathBuf {
    let clone = world.clone("clone", options);
    let url = format!("{}remote.git", server.url());
    git(&clone, &["remote", "set-url", "origin", &url]);
    clone
}

async fn open(path: &Path, token: Option<&str>) -> Repository {
    let options = GitOptions {
        environment: environment(),
        token: token.map(|token| token.to_owned().into()),
        ..GitOptions::default()
    };
    Repository::open(path, options).await.unwrap()
}

fn main() -> Branch {
    Branch::new("main").unwrap()
}

async fn step(repository: &Repository, parent: Oid) -> Oid {
    let author = Signature {
        name: "weirkeeper[bot]".into(),
        email: "bot@example.com".into(),
        time: "2024-05-02T08:00:00Z".parse().unwrap(),
    };
    let text = Some("kind: HTTPRoute\nweight: 10\n".to_owned());
    let changes = BTreeMap::from([("apps/route.yaml".to_owned(), text)]);
    let commit = repository.commit(parent, &changes, "step\n", &author).await;
    commit.unwrap().unwrap()
}

/// Fetch, commit, push.
async fn round(repository: &Repository) -> Result<(Oid, Pushed), Error> {
    let tip = repository.fetch(&main(), "origin").await?;
    let new = step(repository, tip).await;
    let pushed = repository.push(&main(), "origin", tip, new).await?;
    Ok((new, pushed))
}

/// Everything a person would see of an error, and more.
fn shown(error: &Error) -> String {
    format!("{error:?} {} {:?}", error.chain(), error.hints())
}

#[tokio::test]
async fn token_goes_to_the_remote_and_nowhere_else() {
    let world = World::new();
    let access = Access {
        token: Some(TOKEN),
        read_only: false,
    };
    let server = GitServer::start(world.path(), access).await;
    let clone = clone(&world, &server, &[]);
    // What actions/checkout left behind has expired; ours must replace it, not join it.
    let key = format!("http.{}.extraheader", server.url());
    let stale = format!("AUTHORIZATION: {}", basic("expired"));
    git(&clone, &["config", &key, &stale]);
    let repository = open(&clone, Some(TOKEN)).await;
    let (new, pushed) = round(&repository).await.unwrap();
    assert!(matches!(pushed, Pushed::Done), "{pushed:?}");
    assert_eq!(world.tip(), new.to_string());
    let log = server.log();
    assert!(log.iter().all(|line| line.starts_with("200 ")), "{log:?}");
    let config = fs_err::read_to_string(clone.join(".git/config")).unwrap();
    assert!(!config.contains(TOKEN) && config.contains(&stale));
}

#[tokio::test]
async fn header_of_the_checkout_is_honoured_without_a_token() {
    let world = World::new();
    let access = Access {
        token: Some(TOKEN),
        read_only: false,
    };
    let server = GitServer::start(world.path(), access).await;
    let clone = clone(&world, &server, &["--depth=1"]);
    let key = format!("http.{}.extraheader", server.url());
    git(
        &clone,
        &["config", &key, &format!("AUTHORIZATION: {}", basic(TOKEN))],
    );
    let repository = open(&clone, None).await;
    assert!(repository.is_shallow());
    let (new, pushed) = round(&repository).await.unwrap();
    assert!(matches!(pushed, Pushed::Done), "{pushed:?}");
    assert_eq!(
        repository.update_local(&main(), new).await.unwrap(),
        Local::BroughtAlong
    );
    assert_eq!(git(&clone, &["rev-parse", "HEAD"]), new.to_string());
}

#[tokio::test]
async fn wrong_or_no_token_is_no_permission() {
    let world = World::new();
    let access = Access {
        token: Some(TOKEN),
        read_only: false,
    };
    let server = GitServer::start(world.path(), access).await;
    let clone = clone(&world, &server, &[]);
    // A helper that is asked for nothing and told nothing when we bring our own token.
    let mark = world.path().join("asked");
    let helper = format!("!touch {}; true", mark.display());
    git(&clone, &["config", "credential.helper", &helper]);
    let error = round(&open(&clone, Some("ghs_wrong")).await)
        .await
        .unwrap_err();
    assert_eq!(error.kind(), Kind::Remote);
    assert_eq!(
        error.message(),
        "no permission to fetch from remote `origin`"
    );
    assert!(!shown(&error).contains("ghs_wrong"), "{}", shown(&error));
    assert!(!mark.exists(), "the credential helper was asked");

    let error = round(&open(&clone, None).await).await.unwrap_err();
    assert_eq!(
        error.message(),
        "no permission to fetch from remote `origin`"
    );
    assert!(mark.exists(), "without a token the user's helper is asked");
}

#[tokio::test]
async fn push_without_the_right_is_no_permission() {
    let world = World::new();
    let access = Access {
        token: Some(TOKEN),
        read_only: true,
    };
    let server = GitServer::start(world.path(), access).await;
    let clone = clone(&world, &server, &[]);
    let before = world.tip();
    let error = round(&open(&clone, Some(TOKEN)).await).await.unwrap_err();
    assert_eq!(error.kind(), Kind::Remote);
    assert_eq!(error.message(), "no permission to push to remote `origin`");
    assert!(error.chain().contains("403"), "{}", error.chain());
    assert!(error.hints()[0].contains("contents: write"));
    assert_eq!(world.tip(), before);
}

#[tokio::test]
async fn password_in_the_address_is_masked() {
    let world = World::new();
    let server = GitServer::start(world.path(), Access::default()).await;
    let clone = clone(&world, &server, &[]);
    let address = server.url().replace("http://", "http://me:hunter2@");
    git(
        &clone,
        &["remote", "set-url", "origin", &format!("{address}gone.git")],
    );
    for token in [None, Some("hunter3")] {
        let repository = open(&clone, token).await;
        let error = repository.fetch(&main(), "origin").await.unwrap_err();
        assert_eq!(error.kind(), Kind::Remote);
        assert!(error.chain().contains("not found"), "{}", error.chain());
        assert!(!shown(&error).contains("hunter"), "{}", shown(&error));
    }
    let direct = format!("{address}gone.git");
    let error = open(&clone, None)
        .await
        .fetch(&main(), &direct)
        .await
        .unwrap_err();
    assert!(!shown(&error).contains("hunter"), "{}", shown(&error));
}

#[tokio::test]
async fn races_and_refusals_are_told_apart() {
    let world = World::new();
    let server = GitServer::start(world.path(), Access::default()).await;
    let clone = clone(&world, &server, &["--depth=1"]);
    let repository = open(&clone, None).await;
    let tip = repository.fetch(&main(), "origin").await.unwrap();
    let new = step(&repository, tip).await;
    let other = world.someone_pushes("other.yaml", "a: 1\n");
    let pushed = repository.push(&main(), "origin", tip, new).await.unwrap();
    assert!(matches!(pushed, Pushed::Moved), "{pushed:?}");
    assert_eq!(world.tip(), other);

    world.hook(
        "pre-receive",
        "echo 'GH006: Protected branch update failed' >&2; exit 1",
    );
    let (_, pushed) = round(&repository).await.unwrap();
    let Pushed::Refused(error) = pushed else {
        panic!("{pushed:?}")
    };
    assert!(error.chain().contains("GH006"), "{}", error.chain());
    assert!(error.hints()[0].contains("protected"));
    assert_eq!(world.tip(), other);
}

#[tokio::test]
async fn partial_clone_is_completed_with_the_token() {
    let world = World::new();
    git(
        &world.remote(),
        &["config", "uploadpack.allowFilter", "true"],
    );
    let access = Access {
        token: Some(TOKEN),
        read_only: false,
    };
    let server = GitServer::start(world.path(), access).await;
    let clone = clone(&world, &server, &["--filter=blob:none", "--no-checkout"]);
    let repository = open(&clone, Some(TOKEN)).await;
    let tip = repository.fetch(&main(), "origin").await.unwrap();
    let found = repository
        .files(tip)
        .await
        .unwrap()
        .containing(&["HTTPRoute"])
        .unwrap();
    assert_eq!(found.len(), 1);
    let (_, pushed) = round(&repository).await.unwrap();
    assert!(matches!(pushed, Pushed::Done), "{pushed:?}");
}
