//! Deployments.

use std::collections::BTreeMap;

use axum::extract::{Path, Query, State};
use axum::http::StatusCode;
use axum::routing::{get, post};
use axum::{Json, Router};
use serde_json::{Value, json};

use super::{GitHub, Shared};

/// In the order in which they were made.
#[derive(Debug, Default)]
pub(super) struct Deployments {
    all: Vec<Deployment>,
    statuses: u64,
}

#[derive(Debug)]
struct Deployment {
    id: u64,
    made_with: Value,
    /// The oldest first.
    statuses: Vec<Value>,
}

pub(super) fn routes() -> Router<Shared> {
    let statuses = "/repos/me/fleet/deployments/{id}/statuses";
    Router::new()
        .route("/repos/me/fleet/deployments", get(list).post(make))
        .route(statuses, get(list_statuses))
        .route(statuses, post(set_status))
}

impl Deployment {
    fn shown(&self) -> Value {
        let mut shown = self.made_with.clone();
        shown["id"] = json!(self.id);
        // As GitHub gives it, whatever it was made with.
        shown["payload"] = match self.id % 2 {
            0 => json!(self.made_with["payload"].to_string()),
            _ => self.made_with["payload"].clone(),
        };
        shown
    }

    fn state(&self) -> Option<&str> {
        self.statuses.last()?["state"].as_str()
    }
}

async fn list(
    State(shared): State<Shared>,
    Query(query): Query<BTreeMap<String, String>>,
) -> Json<Vec<Value>> {
    let known = shared.lock().unwrap();
    let count = query
        .get("per_page")
        .map_or(30, |count| count.parse().unwrap());
    let found = known.deployments.all.iter().rev().filter(|deployment| {
        let environment = query.get("environment");
        environment.is_none_or(|wanted| deployment.made_with["environment"] == **wanted)
    });
    Json(found.take(count).map(Deployment::shown).collect())
}

async fn make(State(shared): State<Shared>, Json(body): Json<Value>) -> (StatusCode, Json<Value>) {
    let mut known = shared.lock().unwrap();
    let all = &mut known.deployments.all;
    let deployment = Deployment {
        id: 100 + u64::try_from(all.len()).unwrap(),
        made_with: body,
        statuses: Vec::new(),
    };
    let shown = deployment.shown();
    all.push(deployment);
    (StatusCode::CREATED, Json(shown))
}

async fn list_statuses(State(shared): State<Shared>, Path(id): Path<u64>) -> Json<Vec<Value>> {
    let known = shared.lock().unwrap();
    let found = known.deployments.all.iter().find(|found| found.id == id);
    Json(found.map_or_else(Vec::new, |found| {
        found.statuses.iter().rev().cloned().collect()
    }))
}

/// Keeps to what GitHub says of `auto_inactive`.
async fn set_status(
    State(shared): State<Shared>,
    Path(id): Path<u64>,
    Json(mut body): Json<Value>,
) -> (StatusCode, Json<Value>) {
    let mut known = shared.lock().unwrap();
    let deployments = &mut known.deployments;
    let mut number = || {
        deployments.statuses += 1;
        deployments.statuses
    };
    body["id"] = json!(number());
    let ends_others = body["state"] == "success" && body["auto_inactive"] != false;
    for other in &mut deployments.all {
        if other.id == id {
            other.statuses.push(body.clone());
        } else if ends_others && other.id < id && other.state() == Some("success") {
            let ended = json!({"id": number(), "state": "inactive", "description": ""});
            other.statuses.push(ended);
        }
    }
    (StatusCode::CREATED, Json(body))
}

impl GitHub {
    /// Somebody else deploys something.
    pub(crate) fn deploy(&self, made_with: Value, state: &str) {
        let mut known = self.known();
        let all = &mut known.deployments.all;
        all.push(Deployment {
            id: 100 + u64::try_from(all.len()).unwrap(),
            made_with,
            statuses: vec![json!({"id": 0, "state": state, "description": ""})],
        });
    }

    /// Each Deployment in one line: environment, revision, its states in order.
    pub(crate) fn deployed(&self) -> Vec<String> {
        let known = self.known();
        let lines = known.deployments.all.iter().map(|deployment| {
            let made_with = &deployment.made_with;
            let states = deployment.statuses.iter();
            let mut states: Vec<&str> = states
                .filter_map(|status| status["state"].as_str())
                .collect();
            states.dedup();
            format!(
                "{} {}: {}",
                made_with["environment"].as_str().unwrap(),
                made_with["payload"]["revision"].as_str().unwrap_or("-"),
                states.join(" ")
            )
        });
        lines.collect()
    }

    /// What the newest Deployment was made with, and its statuses.
    pub(crate) fn newest_deployment(&self) -> (Value, Vec<Value>) {
        let known = self.known();
        let newest = known.deployments.all.last().unwrap();
        (newest.made_with.clone(), newest.statuses.clone())
    }
}
