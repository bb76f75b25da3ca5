//! People, their comments, and what they are answered.

use std::collections::BTreeMap;

use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::routing::{get, post};
use axum::{Json, Router};
use serde_json::{Value, json};

use super::{GitHub, Shared};

/// What this GitHub knows of people.
#[derive(Debug, Default)]
pub(super) struct People {
    /// `permission`, `role_name` and number by login.
    permissions: BTreeMap<String, (String, String, u64)>,
    comments: BTreeMap<u64, Value>,
    /// Branch and repository of each pull request.
    pub(super) heads: BTreeMap<u64, Value>,
}

pub(super) fn routes() -> Router<Shared> {
    Router::new()
        .route(
            "/repos/me/fleet/collaborators/{login}/permission",
            get(permission),
        )
        .route("/repos/me/fleet/issues/comments/{id}", get(comment))
        .route(
            "/repos/me/fleet/issues/comments/{id}/reactions",
            post(react),
        )
}

type Answer = (StatusCode, Json<Value>);

fn found(value: Option<Value>) -> Answer {
    match value {
        Some(value) => (StatusCode::OK, Json(value)),
        None => (
            StatusCode::NOT_FOUND,
            Json(json!({"message": "Not Found", "status": "404"})),
        ),
    }
}

async fn permission(State(shared): State<Shared>, Path(login): Path<String>) -> Answer {
    let known = shared.lock().unwrap();
    let known = known.people.permissions.get(&login);
    found(known.map(|(permission, role, id)| {
        json!({
            "permission": permission, "role_name": role,
            "user": {"login": login, "id": id, "type": "User"},
        })
    }))
}

async fn comment(State(shared): State<Shared>, Path(id): Path<u64>) -> Answer {
    found(shared.lock().unwrap().people.comments.get(&id).cloned())
}

async fn react(State(shared): State<Shared>, Path(id): Path<u64>) -> Answer {
    let exists = shared.lock().unwrap().people.comments.contains_key(&id);
    found(exists.then(|| json!({"id": 1, "content": "+1"})))
}

impl GitHub {
    /// Somebody with this permission (`admin`, `write`, `read`, `none`) and role.
    pub(crate) fn person(&self, login: &str, id: u64, permission: &str, role: &str) {
        let entry = (permission.to_owned(), role.to_owned(), id);
        let mut known = self.known();
        known.people.permissions.insert(login.to_owned(), entry);
    }

    /// What a comment says now; `None` deletes it.
    pub(crate) fn set_comment(&self, id: u64, comment: Option<Value>) {
        let comments = &mut self.known().people.comments;
        match comment {
            Some(comment) => comments.insert(id, comment),
            None => comments.remove(&id),
        };
    }

    /// A pull request from `branch` of `repository`.
    pub(crate) fn pull_from(&self, number: u64, branch: &str, repository: &str) {
        let head = json!({"ref": branch, "repo": {"full_name": repository}});
        self.known().people.heads.insert(number, head);
    }

    /// Every reaction that was given, with the comment's number.
    pub(crate) fn reactions(&self) -> Vec<String> {
        let requests = self.requests().into_iter();
        let reactions = requests.filter_map(|asked| {
            let path = asked
                .path
                .strip_prefix("/repos/me/fleet/issues/comments/")?;
            let id = path.strip_suffix("/reactions")?;
            Some(format!("{id} {}", asked.body["content"].as_str()?))
        });
        reactions.collect()
    }

    /// Every reply, in order.
    pub(crate) fn replies(&self) -> Vec<String> {
        let requests = self.requests().into_iter();
        let replies = requests
            .filter(|asked| asked.method == "POST" && asked.path.ends_with("/comments"))
            .filter_map(|asked| Some(asked.body["body"].as_str()?.to_owned()));
        replies.collect()
    }
}
