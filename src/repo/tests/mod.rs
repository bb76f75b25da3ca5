//! Repositories of every shape, with a real `git`.

use std::collections::BTreeMap;
use std::path::Path;

use crate::error::{Error, Kind};
use crate::repo::branch::Branch;
use crate::repo::changes::Made;
use crate::repo::files::Files;
use crate::repo::git::{Oid, Repository};
use crate::repo::local::Local;
use crate::repo::push::Pushed;
use crate::repo::testing::{World, environment, git, write};
use crate::repo::{GitOptions, Signature};

mod ancestry;
mod commit;
mod files;
mod generated;
mod local;
mod open;
mod push;

fn options() -> GitOptions {
    GitOptions {
        environment: environment(),
        ..GitOptions::default()
    }
}

async fn open(path: &Path) -> Repository {
    Repository::open(path, options()).await.unwrap()
}

fn author() -> Signature {
    Signature {
        name: "weirkeeper[bot]".into(),
        email: "bot@example.com".into(),
        time: "2024-05-02T08:00:00Z".parse().unwrap(),
    }
}

fn main() -> Branch {
    Branch::new("main").unwrap()
}

fn changes(list: &[(&str, Option<&str>)]) -> BTreeMap<String, Option<String>> {
    list.iter()
        .map(|(path, text)| ((*path).to_owned(), text.map(str::to_owned)))
        .collect()
}

async fn step(repository: &Repository, parent: Oid, weight: u32) -> Oid {
    let text = format!("kind: HTTPRoute\nweight: {weight}\n");
    let changes = changes(&[("apps/route.yaml", Some(&text))]);
    let commit = repository
        .commit(parent, &changes, "canary step\n", &author())
        .await;
    commit.unwrap().unwrap()
}

/// Fetches, commits a step, pushes.
async fn push_step(repository: &Repository, weight: u32) -> (Oid, Oid) {
    let tip = repository.fetch(&main(), "origin").await.unwrap();
    let new = step(repository, tip, weight).await;
    let pushed = repository.push(&main(), "origin", tip, new).await.unwrap();
    assert!(matches!(pushed, Pushed::Done), "{pushed:?}");
    (tip, new)
}

fn at_remote(world: &World, path: &str) -> String {
    git(&world.remote(), &["show", &format!("main:{path}")])
}
