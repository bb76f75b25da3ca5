//! Pull requests: those that a program opens, and what people do with them. Merging is
//! carried out on the bare repository of the test.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::process::Command;

use axum::extract::{Path, Query, State};
use axum::http::StatusCode;
use axum::routing::{get, post, put};
use axum::{Json, Router};
use serde_json::{Value, json};

use super::{GitHub, Shared, graphql};
use crate::support::gitops::World;
use crate::support::world::environment;

type Answer = (StatusCode, Json<Value>);

/// What is known of them.
#[derive(Debug, Default)]
pub(super) struct Pulls {
    list: Vec<Pull>,
    remote: PathBuf,
    /// When somebody merges.
    pub(super) now: String,
    /// May the repository merge by itself?
    pub(super) allows_auto_merge: bool,
    /// Is nothing waited for?
    pub(super) is_clean: bool,
}

/// One of them.
#[derive(Debug, Clone, Default)]
pub(crate) struct Pull {
    pub(crate) number: usize,
    pub(crate) title: String,
    pub(crate) body: String,
    pub(crate) is_open: bool,
    pub(crate) head: String,
    /// The commit of its branch, as long as it is open.
    pub(crate) sha: String,
    pub(crate) base: String,
    pub(crate) is_fork: bool,
    pub(crate) merged_at: Option<String>,
    pub(crate) merged_as: Option<String>,
    pub(crate) labels: Vec<String>,
    pub(crate) auto_merge: Option<String>,
    /// What GitHub says of it when it is asked for alone, instead of what it is.
    pub(crate) state: Option<&'static str>,
    /// When it changed last.
    pub(crate) updated: usize,
}

pub(super) fn routes() -> Router<Shared> {
    let at = |path: &str| format!("/repos/me/fleet/{path}");
    Router::new()
        .route(&at("pulls"), get(list).post(open))
        .route(&at("pulls/{number}"), get(show).patch(change))
        .route(&at("pulls/{number}/merge"), put(merge))
        .route(&at("issues/{number}/labels"), post(label))
        .route(&at("git/commits/{commit}"), get(commit))
        .route(&at("git/refs"), post(restore))
}

/// `enablePullRequestAutoMerge`.
pub(super) fn enable_auto_merge(shared: &Shared, input: &Value) -> graphql::Answer {
    let pulls = &mut shared.lock().unwrap().pulls;
    let refusal = if !pulls.allows_auto_merge {
        "Auto merge is not allowed for this repository"
    } else if pulls.is_clean {
        "Pull request Pull request is in clean status"
    } else {
        let node = input["pullRequestId"].as_str().unwrap();
        let pull = pulls.list.iter_mut().find(|it| it.node() == node);
        let pull = pull.unwrap();
        pull.auto_merge = Some(input.to_string());
        let number = pull.number;
        return Ok(json!({"enablePullRequestAutoMerge": {"pullRequest": {"number": number}}}));
    };
    Err(("UNPROCESSABLE", refusal.to_owned()))
}

impl Pull {
    fn node(&self) -> String {
        format!("PR_{}", self.number)
    }

    fn json(&self) -> Value {
        let labels: Vec<Value> = self.labels.iter().map(|it| json!({"name": it})).collect();
        json!({
            "number": self.number, "node_id": self.node(),
            "html_url": format!("https://github.com/me/fleet/pull/{}", self.number),
            "title": self.title, "body": self.body,
            "state": if self.is_open { "open" } else { "closed" },
            "head": {"ref": self.head, "sha": self.sha, "repo": {"id": if self.is_fork { 2 } else { 1 }}},
            "base": {"ref": self.base, "sha": "0".repeat(40), "repo": {"id": 1}},
            "merged_at": self.merged_at, "merge_commit_sha": self.merged_as,
            "labels": labels, "auto_merge": self.auto_merge.as_ref().map(|_| json!({})),
        })
    }
}

impl Pulls {
    /// What Git says in the remote, and whether it says yes.
    fn git(&self, arguments: &[&str]) -> (bool, String) {
        let mut command = Command::new("git");
        command.args(arguments).current_dir(&self.remote);
        command.env_clear().envs(environment());
        command.env("GIT_COMMITTER_DATE", &self.now);
        let output = command.output().unwrap();
        let text = String::from_utf8(output.stdout).unwrap();
        (output.status.success(), text.trim().to_owned())
    }

    fn tip(&self, branch: &str) -> Option<String> {
        let name = format!("refs/heads/{branch}");
        let (found, tip) = self.git(&["rev-parse", "--verify", "--quiet", &name]);
        found.then_some(tip)
    }

    /// What was pushed, and which branches are gone.
    fn look(&mut self) {
        for index in 0..self.list.len() {
            if !self.list[index].is_open || self.list[index].is_fork {
                continue;
            }
            match self.tip(&self.list[index].head) {
                Some(tip) => self.list[index].sha = tip,
                None => self.list[index].is_open = false,
            }
        }
    }

    fn touch(&mut self, number: usize) -> Option<&mut Pull> {
        let newest = self.list.iter().map(|pull| pull.updated).max();
        let pull = self.list.iter_mut().find(|pull| pull.number == number)?;
        pull.updated = newest.unwrap_or_default() + 1;
        Some(pull)
    }

    /// The tree of both, when they do not conflict.
    fn merged_tree(&self, pull: &Pull) -> Option<String> {
        let (clean, tree) = self.git(&["merge-tree", "--write-tree", &pull.base, &pull.sha]);
        clean.then_some(tree)
    }

    fn merge(&mut self, number: usize, method: &str, message: Option<String>) -> Option<String> {
        self.look();
        let pull = self.list.iter().find(|it| it.number == number)?.clone();
        let tree = self.merged_tree(&pull)?;
        let base = self.tip(&pull.base)?;
        let (_, said) = self.git(&["log", "-1", "--format=%B", &pull.sha]);
        let (_, author) = self.git(&["log", "-1", "--format=%an|%ae|%aI", &pull.sha]);
        let author: Vec<&str> = author.split('|').collect();
        let message = message.unwrap_or(match method {
            "merge" => format!("Merge pull request #{number} from me/{}", pull.head),
            _ => said,
        });
        let mut arguments = vec!["commit-tree", &tree, "-m", &message, "-p", &base];
        if method == "merge" {
            arguments.extend(["-p", &pull.sha]);
        }
        let mut command = Command::new("git");
        command.args(arguments).current_dir(&self.remote);
        command.env_clear().envs(environment());
        command.env("GIT_COMMITTER_DATE", &self.now);
        command.env("GIT_AUTHOR_DATE", &self.now);
        if method == "rebase" {
            command.env("GIT_AUTHOR_NAME", author[0]);
            command.env("GIT_AUTHOR_EMAIL", author[1]);
            command.env("GIT_AUTHOR_DATE", author[2]);
        }
        let made = String::from_utf8(command.output().unwrap().stdout).unwrap();
        let made = made.trim().to_owned();
        let name = format!("refs/heads/{}", pull.base);
        assert!(self.git(&["update-ref", &name, &made, &base]).0);
        let now = self.now.clone();
        let pull = self.touch(number)?;
        pull.is_open = false;
        pull.merged_at = Some(now);
        pull.merged_as = Some(made.clone());
        Some(made)
    }
}

fn invalid(message: &str) -> Answer {
    let errors = json!([{"resource": "PullRequest", "code": "custom", "message": message}]);
    let body = json!({"message": "Validation Failed", "errors": errors});
    (StatusCode::UNPROCESSABLE_ENTITY, Json(body))
}

fn missing() -> Answer {
    (StatusCode::NOT_FOUND, Json(json!({"message": "Not Found"})))
}

async fn list(
    State(shared): State<Shared>,
    Query(query): Query<BTreeMap<String, String>>,
) -> Json<Vec<Value>> {
    let pulls = &mut shared.lock().unwrap().pulls;
    pulls.look();
    let wanted = |name: &str, found: &str| query.get(name).is_none_or(|wanted| wanted == found);
    let mut found: Vec<&Pull> = pulls.list.iter().collect();
    found.retain(|pull| {
        let state = if pull.is_open { "open" } else { "closed" };
        let owner = if pull.is_fork { "stranger" } else { "me" };
        (query["state"] == "all" || query["state"] == state)
            && wanted("base", &pull.base)
            && wanted("head", &format!("{owner}:{}", pull.head))
    });
    found.sort_by_key(|pull| std::cmp::Reverse((pull.updated, pull.number)));
    Json(found.into_iter().map(Pull::json).collect())
}

async fn show(State(shared): State<Shared>, Path(number): Path<usize>) -> Answer {
    let mut known = shared.lock().unwrap();
    if let Some(head) = known.people.heads.get(&(number as u64)) {
        return (
            StatusCode::OK,
            Json(json!({"number": number, "head": head})),
        );
    }
    let pulls = &mut known.pulls;
    pulls.look();
    let Some(pull) = pulls.list.iter().find(|it| it.number == number) else {
        return missing();
    };
    let mut json = pull.json();
    let state = match pulls.merged_tree(pull) {
        _ if pull.state.is_some() => pull.state.unwrap(),
        Some(_) => "clean",
        None => "dirty",
    };
    json["mergeable_state"] = state.into();
    (StatusCode::OK, Json(json))
}

async fn open(State(shared): State<Shared>, Json(asked): Json<Value>) -> Answer {
    let pulls = &mut shared.lock().unwrap().pulls;
    pulls.look();
    let text = |name: &str| asked[name].as_str().unwrap().to_owned();
    let (head, base) = (text("head"), text("base"));
    let same = |pull: &&Pull| pull.is_open && !pull.is_fork && pull.head == head;
    if pulls
        .list
        .iter()
        .any(|pull| same(&pull) && pull.base == base)
    {
        return invalid(&format!("A pull request already exists for me:{head}."));
    }
    let Some(sha) = pulls.tip(&head) else {
        return invalid("head is invalid");
    };
    let (_, ahead) = pulls.git(&["rev-list", "--count", &format!("{base}..{sha}")]);
    if ahead == "0" {
        return invalid(&format!("No commits between {base} and {head}"));
    }
    let number = pulls.list.len() + 1;
    pulls.list.push(Pull {
        number,
        title: text("title"),
        body: text("body"),
        is_open: true,
        head,
        sha,
        base,
        ..Pull::default()
    });
    let pull = pulls.touch(number).unwrap();
    (StatusCode::CREATED, Json(pull.json()))
}

async fn change(
    State(shared): State<Shared>,
    Path(number): Path<usize>,
    Json(asked): Json<Value>,
) -> Answer {
    let mut known = shared.lock().unwrap();
    if let Some(head) = known.people.heads.get(&(number as u64)) {
        return (
            StatusCode::OK,
            Json(json!({"number": number, "head": head})),
        );
    }
    let pulls = &mut known.pulls;
    pulls.look();
    let Some(pull) = pulls.list.iter().find(|it| it.number == number) else {
        return missing();
    };
    let tip = pulls.tip(&pull.head);
    if asked["state"] == "open" && tip.as_ref() != Some(&pull.sha) {
        return invalid("state cannot be changed. The branch was force-pushed or recreated.");
    }
    let pull = pulls.touch(number).unwrap();
    let given = |name: &str| asked[name].as_str().map(str::to_owned);
    pull.title = given("title").unwrap_or_else(|| pull.title.clone());
    pull.body = given("body").unwrap_or_else(|| pull.body.clone());
    pull.is_open = given("state").map_or(pull.is_open, |state| state == "open");
    (StatusCode::OK, Json(pull.json()))
}

async fn merge(
    State(shared): State<Shared>,
    Path(number): Path<usize>,
    Json(asked): Json<Value>,
) -> Answer {
    let mut known = shared.lock().unwrap();
    if let Some(head) = known.people.heads.get(&(number as u64)) {
        return (
            StatusCode::OK,
            Json(json!({"number": number, "head": head})),
        );
    }
    let pulls = &mut known.pulls;
    pulls.look();
    let Some(pull) = pulls.list.iter().find(|it| it.number == number) else {
        return missing();
    };
    if asked["sha"] != pull.sha {
        return (
            StatusCode::CONFLICT,
            Json(json!({"message": "Head branch was modified"})),
        );
    }
    let message = asked["commit_title"].as_str().map(|title| {
        format!(
            "{title}\n\n{}",
            asked["commit_message"].as_str().unwrap_or_default()
        )
    });
    match pulls.merge(number, asked["merge_method"].as_str().unwrap(), message) {
        Some(sha) => (StatusCode::OK, Json(json!({"sha": sha, "merged": true}))),
        None => (
            StatusCode::METHOD_NOT_ALLOWED,
            Json(json!({"message": "Not mergeable"})),
        ),
    }
}

async fn label(
    State(shared): State<Shared>,
    Path(number): Path<usize>,
    Json(asked): Json<Value>,
) -> Answer {
    let pulls = &mut shared.lock().unwrap().pulls;
    let labels = asked["labels"].as_array().unwrap().iter();
    let labels = labels.map(|label| label.as_str().unwrap().to_owned());
    match pulls.touch(number) {
        Some(pull) => pull.labels.extend(labels),
        None => return missing(),
    }
    (StatusCode::OK, Json(json!([])))
}

async fn commit(State(shared): State<Shared>, Path(commit): Path<String>) -> Answer {
    let pulls = &shared.lock().unwrap().pulls;
    let format = "--format=%an%x00%ae%x00%aI%x00%cn%x00%ce%x00%cI%x00%P%x00%B";
    let (found, text) = pulls.git(&["log", "-1", format, &commit]);
    if !found {
        return missing();
    }
    let fields: Vec<&str> = text.splitn(8, '\0').collect();
    let who =
        |at: usize| json!({"name": fields[at], "email": fields[at + 1], "date": fields[at + 2]});
    let parents: Vec<Value> = fields[6]
        .split(' ')
        .map(|sha| json!({"sha": sha}))
        .collect();
    (
        StatusCode::OK,
        Json(json!({
            "sha": commit, "author": who(0), "committer": who(3), "parents": parents,
            "message": fields[7],
        })),
    )
}

async fn restore(State(shared): State<Shared>, Json(asked): Json<Value>) -> Answer {
    let pulls = &shared.lock().unwrap().pulls;
    let (name, sha) = (
        asked["ref"].as_str().unwrap(),
        asked["sha"].as_str().unwrap(),
    );
    let zero = "0".repeat(40);
    match pulls.git(&["update-ref", name, sha, &zero]).0 {
        true => (StatusCode::CREATED, Json(json!({}))),
        false => invalid("Reference already exists"),
    }
}

impl GitHub {
    /// Its repository is the remote of `world`.
    pub(crate) fn of(world: &World) -> Self {
        let github = Self::start();
        let mut known = github.known();
        known.pulls.remote = world.remote();
        known.repository = Some(world.remote());
        drop(known);
        github
    }

    /// Whether the repository allows auto-merge, and whether nothing is waited for.
    pub(crate) fn auto_merge(&self, allowed: bool, is_clean: bool) {
        let pulls = &mut self.known().pulls;
        pulls.allows_auto_merge = allowed;
        pulls.is_clean = is_clean;
    }

    /// The time at which it merges from now on.
    pub(crate) fn at(&self, now: &str) {
        now.clone_into(&mut self.known().pulls.now);
    }

    /// Every pull request there is, the oldest first.
    pub(crate) fn pulls(&self) -> Vec<Pull> {
        let pulls = &mut self.known().pulls;
        pulls.look();
        pulls.list.clone()
    }

    /// The only open one.
    #[track_caller]
    pub(crate) fn pull(&self) -> Pull {
        let mut open = self.pulls();
        open.retain(|pull| pull.is_open && !pull.is_fork);
        assert_eq!(open.len(), 1, "{open:#?}");
        open.remove(0)
    }

    /// Somebody merges: by `merge`, `squash` or `rebase`.
    #[track_caller]
    pub(crate) fn merge(&self, number: usize, method: &str) -> String {
        let pulls = &mut self.known().pulls;
        let merged = pulls.merge(number, method, None);
        merged.unwrap_or_else(|| panic!("#{number} cannot be merged: {:#?}", pulls.list))
    }

    /// Somebody changes one.
    pub(crate) fn edit(&self, number: usize, edit: impl FnOnce(&mut Pull)) {
        let pulls = &mut self.known().pulls;
        pulls.look();
        edit(pulls.touch(number).unwrap());
    }

    /// Somebody closes one.
    pub(crate) fn close(&self, number: usize) {
        self.edit(number, |pull| pull.is_open = false);
    }

    /// Somebody opens one, as it is.
    pub(crate) fn add(&self, pull: Pull) -> usize {
        let list = &mut self.known().pulls.list;
        let number = list.len() + 1;
        list.push(Pull { number, ..pull });
        number
    }
}
