//! The statuses of commits.

use std::collections::BTreeMap;

use axum::extract::{Path, State};
use axum::routing::get;
use axum::{Json, Router};
use serde_json::{Value, json};

use super::{GitHub, Shared};

/// By commit, the newest first.
pub(super) type Statuses = BTreeMap<String, Vec<Value>>;

pub(super) fn routes() -> Router<Shared> {
    Router::new().route("/repos/me/fleet/commits/{commit}/statuses", get(list))
}

async fn list(State(shared): State<Shared>, Path(commit): Path<String>) -> Json<Vec<Value>> {
    let known = shared.lock().unwrap();
    Json(known.statuses.get(&commit).cloned().unwrap_or_default())
}

impl GitHub {
    /// Flux reports of the Kustomization `apps` at `commit`.
    pub(crate) fn report(&self, commit: &str, state: &str, description: &str, at: &str) {
        let status = json!({
            "context": "kustomization/apps/1a2b3c4d", "state": state,
            "description": description, "created_at": at,
        });
        let statuses = &mut self.known().statuses;
        statuses
            .entry(commit.to_owned())
            .or_default()
            .insert(0, status);
    }

    /// The commits that were asked about so far.
    pub(crate) fn asked(&self) -> Vec<String> {
        let requests = self.requests().into_iter();
        let commits = requests.filter_map(|asked| {
            let rest = asked.path.split_once("/commits/")?.1;
            Some(rest.split_once("/statuses")?.0.to_owned())
        });
        commits.collect()
    }
}
