//! Comments on pull requests, and whose token it is.

use axum::extract::{Path, Query, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse as _, Response};
use axum::routing::{get, patch};
use axum::{Json, Router};
use serde_json::{Value, json};

use super::{GitHub, Shared};

/// Entries of a page, whatever is asked for: so a test needs few comments.
const PAGE: usize = 3;

/// See the module.
#[derive(Debug)]
pub(super) struct Comments {
    /// The oldest first.
    pub(super) all: Vec<Value>,
    next: u64,
    /// As GraphQL says it.
    pub(super) viewer: String,
    /// What another job writes when the next comment has been written.
    racing: Vec<String>,
}

impl Default for Comments {
    fn default() -> Self {
        Self {
            all: Vec::new(),
            next: 100,
            viewer: "github-actions[bot]".to_owned(),
            racing: Vec::new(),
        }
    }
}

impl Comments {
    fn add(&mut self, login: &str, kind: &str, body: &str) -> Value {
        self.next += 1;
        let comment = json!({
            "id": self.next, "body": body, "user": {"login": login, "type": kind},
        });
        self.all.push(comment.clone());
        comment
    }

    fn position(&self, id: u64) -> Option<usize> {
        self.all.iter().position(|comment| comment["id"] == id)
    }
}

pub(super) fn routes() -> Router<Shared> {
    Router::new()
        .route(
            "/repos/me/fleet/issues/{issue}/comments",
            get(list).post(create),
        )
        .route(
            "/repos/me/fleet/issues/comments/{id}",
            patch(edit).delete(remove),
        )
}

/// The answer to a document of GraphQL about the viewer.
pub(super) fn graphql(shared: &Shared, document: &str) -> Option<Value> {
    let known = shared.lock().unwrap();
    let asked = document.contains("viewer");
    asked.then(|| json!({"viewer": {"login": known.comments.viewer}}))
}

#[derive(serde::Deserialize)]
struct Pages {
    page: Option<usize>,
}

async fn list(State(shared): State<Shared>, headers: HeaderMap, pages: Query<Pages>) -> Response {
    let known = shared.lock().unwrap();
    let page = pages.page.unwrap_or(1);
    let all = &known.comments.all;
    let shown: Vec<Value> = all
        .iter()
        .skip((page - 1) * PAGE)
        .take(PAGE)
        .cloned()
        .collect();
    let mut response = Json(shown).into_response();
    if all.len() > page * PAGE {
        let host = headers["host"].to_str().unwrap();
        let next = format!(
            "<http://{host}/api/v3/repos/me/fleet/issues/1/comments?page={}>; rel=\"next\"",
            page + 1
        );
        response.headers_mut().insert("link", next.parse().unwrap());
    }
    response
}

async fn create(State(shared): State<Shared>, Json(asked): Json<Value>) -> Response {
    let mut known = shared.lock().unwrap();
    let body = asked["body"].as_str().unwrap();
    if body.chars().count() > 65_536 {
        let body = json!({"message": "Body is too long (maximum is 65536 characters)"});
        return (StatusCode::UNPROCESSABLE_ENTITY, Json(body)).into_response();
    }
    let comments = &mut known.comments;
    let comment = comments.add("github-actions[bot]", "Bot", body);
    for body in std::mem::take(&mut comments.racing) {
        comments.add("github-actions[bot]", "Bot", &body);
    }
    (StatusCode::CREATED, Json(comment)).into_response()
}

async fn edit(
    State(shared): State<Shared>,
    Path(id): Path<u64>,
    Json(asked): Json<Value>,
) -> Response {
    let mut known = shared.lock().unwrap();
    let comments = &mut known.comments;
    let Some(position) = comments.position(id) else {
        return StatusCode::NOT_FOUND.into_response();
    };
    comments.all[position]["body"] = asked["body"].clone();
    Json(comments.all[position].clone()).into_response()
}

async fn remove(State(shared): State<Shared>, Path(id): Path<u64>) -> Response {
    let mut known = shared.lock().unwrap();
    match known.comments.position(id) {
        Some(position) => drop(known.comments.all.remove(position)),
        None => return StatusCode::NOT_FOUND.into_response(),
    }
    StatusCode::NO_CONTENT.into_response()
}

impl GitHub {
    /// Somebody wrote a comment.
    pub(crate) fn write_comment(&self, login: &str, kind: &str, body: &str) {
        self.known().comments.add(login, kind, body);
    }

    /// When the next comment has been written, another job has written this one.
    pub(crate) fn race_comment(&self, body: &str) {
        self.known().comments.racing.push(body.to_owned());
    }

    /// Number, author and text of every comment, the oldest first.
    pub(crate) fn comments(&self) -> Vec<(u64, String, String)> {
        let known = self.known();
        let text = |value: &Value| value.as_str().unwrap().to_owned();
        let all = known.comments.all.iter();
        all.map(|one| {
            let id = one["id"].as_u64().unwrap();
            (id, text(&one["user"]["login"]), text(&one["body"]))
        })
        .collect()
    }
}
