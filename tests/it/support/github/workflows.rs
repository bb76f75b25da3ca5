//! Workflows, their runs, and what starts them.

use std::collections::BTreeMap;

use axum::extract::{Path, Query, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse as _, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use serde_json::{Value, json};

use super::{GitHub, Shared};

/// What is known of workflows.
#[derive(Debug, Default)]
pub(super) struct Workflows {
    /// File to state.
    states: BTreeMap<String, String>,
    /// By file, the newest first.
    runs: BTreeMap<String, Vec<Value>>,
    /// Files that were started, with what was sent.
    dispatched: Vec<(String, Value)>,
}

pub(super) fn routes() -> Router<Shared> {
    let below = "/repos/me/fleet/actions/workflows/{file}";
    Router::new()
        .route(below, get(workflow))
        .route(&format!("{below}/runs"), get(runs))
        .route(&format!("{below}/dispatches"), post(dispatch))
}

fn missing() -> Response {
    (StatusCode::NOT_FOUND, Json(json!({"message": "Not Found"}))).into_response()
}

async fn workflow(State(shared): State<Shared>, Path(file): Path<String>) -> Response {
    let known = shared.lock().unwrap();
    match known.workflows.states.get(&file) {
        Some(state) => Json(json!({
            "id": 1, "state": state, "path": format!(".github/workflows/{file}"),
        }))
        .into_response(),
        None => missing(),
    }
}

async fn runs(
    State(shared): State<Shared>,
    Path(file): Path<String>,
    Query(asked): Query<BTreeMap<String, String>>,
) -> Response {
    let known = shared.lock().unwrap();
    if !known.workflows.states.contains_key(&file) {
        return missing();
    }
    let mut found = known.workflows.runs.get(&file).cloned().unwrap_or_default();
    if let Some(event) = asked.get("event") {
        found.retain(|run| run["event"] == event.as_str());
    }
    if let Some(since) = asked
        .get("created")
        .and_then(|text| text.strip_prefix(">="))
    {
        found.retain(|run| run["created_at"].as_str().unwrap() >= since);
    }
    let total = found.len();
    found.truncate(asked["per_page"].parse().unwrap());
    Json(json!({"total_count": total, "workflow_runs": found})).into_response()
}

async fn dispatch(
    State(shared): State<Shared>,
    Path(file): Path<String>,
    Json(body): Json<Value>,
) -> Response {
    let mut known = shared.lock().unwrap();
    if !known.workflows.states.contains_key(&file) {
        return missing();
    }
    known.workflows.dispatched.push((file, body));
    StatusCode::NO_CONTENT.into_response()
}

impl GitHub {
    /// Knows the workflow of a file, in a state.
    pub(crate) fn workflow(&self, file: &str, state: &str) {
        let states = &mut self.known().workflows.states;
        states.insert(file.to_owned(), state.to_owned());
    }

    /// One more run of a workflow on `main`, newer than those before it; `ended` is
    /// its conclusion, or its status while it has none.
    pub(crate) fn ran(&self, file: &str, id: u64, event: &str, ended: &str, at: &str) {
        let is_over = ["success", "failure", "cancelled"].contains(&ended);
        let (status, conclusion) = match is_over {
            true => ("completed", Some(ended)),
            false => (ended, None),
        };
        let run = json!({
            "id": id, "event": event, "status": status, "conclusion": conclusion,
            "head_branch": "main", "created_at": at,
            "html_url": format!("https://github.com/me/fleet/actions/runs/{id}"),
        });
        let runs = &mut self.known().workflows.runs;
        runs.entry(file.to_owned()).or_default().insert(0, run);
    }

    /// The workflows that were started, and with what.
    pub(crate) fn dispatched(&self) -> Vec<(String, Value)> {
        self.known().workflows.dispatched.clone()
    }
}
