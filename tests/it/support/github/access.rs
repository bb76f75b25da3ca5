//! The repository itself: who may do what, its commits, the rules of its branches.

use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::{IntoResponse as _, Response};
use axum::routing::get;
use axum::{Json, Router};
use serde_json::{Value, json};

use super::{GitHub, Shared};

/// What is known of the repository.
#[derive(Debug, Default)]
pub(super) struct Access {
    /// Fields that are otherwise than usual.
    fields: Vec<(String, Value)>,
    scopes: Option<String>,
    pub(super) protected: bool,
    /// The newest first.
    pub(super) commits: Vec<String>,
}

pub(super) fn routes() -> Router<Shared> {
    let below = |path: &str| format!("/repos/me/fleet{path}");
    Router::new()
        .route(&below(""), get(repository))
        .route(&below("/branches/{branch}"), get(branch))
}

async fn repository(State(shared): State<Shared>) -> Response {
    let known = shared.lock().unwrap();
    let mut found = json!({
        "full_name": "me/fleet", "default_branch": "main", "archived": false,
        "permissions": {"admin": false, "push": true, "pull": true},
    });
    for (name, value) in &known.access.fields {
        found[name] = value.clone();
    }
    let mut headers = HeaderMap::new();
    if let Some(scopes) = &known.access.scopes {
        headers.insert("x-oauth-scopes", scopes.parse().unwrap());
    }
    (headers, Json(found)).into_response()
}

async fn branch(State(shared): State<Shared>) -> Json<Value> {
    let known = shared.lock().unwrap();
    Json(json!({"name": "main", "protected": known.access.protected}))
}

impl GitHub {
    /// Says something else about the repository.
    pub(crate) fn repository_says(&self, name: &str, value: Value) {
        self.known().access.fields.push((name.to_owned(), value));
    }

    /// The token is a classic one with these scopes.
    pub(crate) fn scopes(&self, scopes: &str) {
        self.known().access.scopes = Some(scopes.to_owned());
    }

    /// The branch has classic protection.
    pub(crate) fn protect(&self) {
        self.known().access.protected = true;
    }

    /// One more commit of the branch.
    pub(crate) fn commit(&self, name: &str) {
        self.known().access.commits.insert(0, name.to_owned());
    }
}
