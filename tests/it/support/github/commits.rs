//! Commits of a branch, carried out on a bare repository.

use std::io::Write as _;
use std::path::PathBuf;
use std::process::{Command, Stdio};

use axum::extract::{Query, State};
use axum::routing::get;
use axum::{Json, Router};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use serde_json::{Value, json};

use super::graphql::{Answer, Fault};
use super::{GitHub, Shared};
use crate::support::world::{environment, git};

pub(super) fn routes() -> Router<Shared> {
    Router::new().route("/repos/me/fleet/commits", get(list))
}

#[derive(serde::Deserialize)]
struct Wanted {
    sha: String,
    per_page: usize,
}

async fn list(State(shared): State<Shared>, Query(wanted): Query<Wanted>) -> Json<Vec<Value>> {
    let (repository, named) = {
        let known = shared.lock().unwrap();
        (known.repository.clone(), known.access.commits.clone())
    };
    let Some(repository) = repository else {
        return Json(named.iter().map(|name| json!({"sha": name})).collect());
    };
    let log = git(
        &repository,
        &[
            "log",
            "-z",
            &format!("-{}", wanted.per_page),
            "--format=%H%x1f%P%x1f%T%x1f%B",
            &wanted.sha,
        ],
    );
    let commits = log.trim_end_matches('\0').split('\0').map(|entry| {
        let mut fields = entry.split('\u{1f}');
        let mut next = || fields.next().unwrap();
        let (name, parents, tree, message) = (next(), next(), next(), next());
        let parents = parents.split_whitespace().map(|name| json!({"sha": name}));
        json!({
            "sha": name,
            "parents": parents.collect::<Vec<_>>(),
            "commit": {"message": message.trim_end(), "tree": {"sha": tree}},
        })
    });
    Json(commits.collect())
}

/// `createCommitOnBranch`.
pub(super) fn create(shared: &Shared, input: &Value) -> Answer {
    let repository = shared.lock().unwrap().repository.clone().unwrap();
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    assert_eq!(input["branch"]["repositoryNameWithOwner"], "me/fleet");
    let branch = format!("refs/heads/{}", text(&input["branch"]["branchName"]));
    let index = tempfile::tempdir().unwrap();
    let plumbing = Plumbing {
        repository,
        folder: index.path().to_owned(),
    };
    let Some(tip) = plumbing.run(&["rev-parse", "--verify", "--quiet", &branch], b"") else {
        return Err(("NOT_FOUND", format!("No ref found for {branch}")));
    };
    let expected = text(&input["expectedHeadOid"]);
    let stale = || {
        let words = format!(
            "Expected branch to point to \"{expected}\" but it did not. Pull and try again."
        );
        Err(("STALE_DATA", words))
    };
    if tip != expected {
        return stale();
    }
    plumbing.run(&["read-tree", &tip], b"").unwrap();
    let changes = &input["fileChanges"];
    for deletion in changes["deletions"].as_array().into_iter().flatten() {
        let path = text(&deletion["path"]);
        if plumbing
            .run(&["ls-files", "--error-unmatch", &path], b"")
            .is_none()
        {
            return Err((
                "UNPROCESSABLE",
                format!("A path was requested for deletion which does not exist: {path}"),
            ));
        }
        plumbing
            .run(&["update-index", "--force-remove", &path], b"")
            .unwrap();
    }
    for addition in changes["additions"].as_array().into_iter().flatten() {
        let content = BASE64.decode(text(&addition["contents"])).unwrap();
        let blob = plumbing
            .run(&["hash-object", "-w", "--stdin"], &content)
            .unwrap();
        let entry = format!("100644,{blob},{}", text(&addition["path"]));
        plumbing
            .run(&["update-index", "--add", "--cacheinfo", &entry], b"")
            .unwrap();
    }
    let tree = plumbing.run(&["write-tree"], b"").unwrap();
    let mut message = text(&input["message"]["headline"]);
    assert!(!message.contains('\n'), "{message}");
    if let Some(body) = input["message"]["body"].as_str() {
        message.push_str(&format!("\n\n{body}"));
    }
    let new = plumbing
        .run(&["commit-tree", &tree, "-p", &tip], message.as_bytes())
        .unwrap();
    match plumbing.run(&["update-ref", &branch, &new, &tip], b"") {
        Some(_) => Ok(json!({"createCommitOnBranch": {"commit": {"oid": new}}})),
        None => stale(),
    }
}

/// Somebody else commits to `main`.
pub(super) fn overtake(shared: &Shared) {
    let repository = shared.lock().unwrap().repository.clone().unwrap();
    let name = |revision: &str| git(&repository, &["rev-parse", revision]);
    let tip = name("main");
    let new = git(
        &repository,
        &["commit-tree", "main^{tree}", "-p", &tip, "-m", "overtaken"],
    );
    git(&repository, &["update-ref", "refs/heads/main", &new, &tip]);
}

struct Plumbing {
    repository: PathBuf,
    /// Has the index, and is an empty work tree for those who ask for one.
    folder: PathBuf,
}

impl Plumbing {
    /// What `git` prints; `None` when it fails.
    fn run(&self, arguments: &[&str], input: &[u8]) -> Option<String> {
        let mut child = Command::new("git")
            .args(arguments)
            .current_dir(&self.folder)
            .env_clear()
            .envs(environment())
            .env("GIT_DIR", &self.repository)
            .env("GIT_WORK_TREE", &self.folder)
            .env("GIT_AUTHOR_NAME", "weir[bot]")
            .env("GIT_COMMITTER_NAME", "GitHub")
            .env("GIT_INDEX_FILE", self.folder.join("index"))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        child.stdin.take().unwrap().write_all(input).ok();
        let output = child.wait_with_output().unwrap();
        let text = String::from_utf8(output.stdout).unwrap();
        output.status.success().then(|| text.trim_end().to_owned())
    }
}

impl GitHub {
    /// What goes wrong with the next mutations.
    pub(crate) fn faults(&self, faults: &[Fault]) {
        self.known().faults = faults.iter().copied().collect();
    }

    /// How often a commit was asked for.
    pub(crate) fn asked_to_commit(&self) -> usize {
        let requests = self.requests().into_iter();
        requests
            .filter(|asked| {
                let query = asked.body["query"].as_str().unwrap_or_default();
                query.contains("createCommitOnBranch(")
            })
            .count()
    }
}
