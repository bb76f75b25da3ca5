//! A GitHub that knows the statuses of commits.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use axum::extract::{Path, State};
use axum::routing::get;
use axum::{Json, Router};
use serde_json::{Value, json};

use super::prometheus::RUNTIME;

/// Serves until the test process ends.
#[derive(Debug, Clone)]
pub(crate) struct GitHub {
    address: SocketAddr,
    state: Arc<Mutex<Known>>,
}

#[derive(Debug, Default)]
struct Known {
    statuses: BTreeMap<String, Vec<Value>>,
    asked: Vec<String>,
}

impl GitHub {
    pub(crate) fn start() -> Self {
        let state = Arc::new(Mutex::new(Known::default()));
        let app = Router::new()
            .route(
                "/api/v3/repos/me/fleet/commits/{commit}/statuses",
                get(statuses),
            )
            .with_state(Arc::clone(&state));
        let listener = RUNTIME
            .block_on(tokio::net::TcpListener::bind("127.0.0.1:0"))
            .unwrap();
        let address = listener.local_addr().unwrap();
        RUNTIME.spawn(async move { axum::serve(listener, app).await.unwrap() });
        Self { address, state }
    }

    /// What `GITHUB_API_URL` is.
    pub(crate) fn api(&self) -> String {
        format!("http://{}/api/v3", self.address)
    }

    /// Flux reports of the Kustomization `apps` at `commit`.
    pub(crate) fn report(&self, commit: &str, state: &str, description: &str, at: &str) {
        let status = json!({
            "context": "kustomization/apps/1a2b3c4d", "state": state,
            "description": description, "created_at": at,
        });
        let statuses = &mut self.state.lock().unwrap().statuses;
        statuses
            .entry(commit.to_owned())
            .or_default()
            .insert(0, status);
    }

    /// The commits that were asked about so far.
    pub(crate) fn asked(&self) -> Vec<String> {
        self.state.lock().unwrap().asked.clone()
    }
}

async fn statuses(
    State(state): State<Arc<Mutex<Known>>>,
    Path(commit): Path<String>,
) -> Json<Vec<Value>> {
    let mut known = state.lock().unwrap();
    known.asked.push(commit.clone());
    Json(known.statuses.get(&commit).cloned().unwrap_or_default())
}
