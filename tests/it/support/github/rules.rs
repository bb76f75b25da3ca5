//! The rules of branches.

use axum::extract::{Path, Query, State};
use axum::http::HeaderMap;
use axum::http::header::LINK;
use axum::response::{IntoResponse as _, Response};
use axum::routing::get;
use axum::{Json, Router};
use serde_json::{Value, json};

use super::{GitHub, Known, REST, Shared};

pub(super) fn routes() -> Router<Shared> {
    Router::new().route("/repos/me/fleet/rules/branches/{branch}", get(list))
}

#[derive(serde::Deserialize)]
struct Wanted {
    per_page: Option<usize>,
    page: Option<usize>,
}

async fn list(
    State(shared): State<Shared>,
    Path(branch): Path<String>,
    headers: HeaderMap,
    Query(wanted): Query<Wanted>,
) -> Response {
    let rules = shared.lock().unwrap().rules.clone();
    let (size, page) = (wanted.per_page.unwrap_or(30), wanted.page.unwrap_or(1));
    let shown: Vec<Value> = rules
        .iter()
        .skip(size * (page - 1))
        .take(size)
        .cloned()
        .collect();
    if size * page >= rules.len() {
        return Json(shown).into_response();
    }
    let host = headers["host"].to_str().unwrap();
    let path = format!("{REST}/repos/me/fleet/rules/branches/{branch}");
    let next = format!(
        "<http://{host}{path}?per_page={size}&page={}>; rel=\"next\"",
        page + 1
    );
    ([(LINK, next)], Json(shown)).into_response()
}

impl GitHub {
    /// A rule of every branch, of ruleset 7 of the repository.
    pub(crate) fn rule(&self, kind: &str, parameters: Value) {
        let mut rule = json!({
            "type": kind, "ruleset_source_type": "Repository",
            "ruleset_source": "me/fleet", "ruleset_id": 7,
        });
        if !parameters.is_null() {
            rule["parameters"] = parameters;
        }
        self.known().add_rule(rule);
    }
}

impl Known {
    pub(crate) fn add_rule(&mut self, rule: Value) {
        self.access.protected = true;
        self.rules.push(rule);
    }
}
