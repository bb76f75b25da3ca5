//! A service that does not exist, and a Prometheus that knows all about it.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};

use axum::extract::{Query, State};
use axum::routing::get;
use axum::{Json, Router};
use serde::Deserialize;
use serde_json::{Value, json};
use url::Url;

use crate::error::{Error, Result};

/// How the new version does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Health {
    /// Hardly a request fails.
    Good,
    /// One request in twenty fails.
    Bad,
}

/// The server; it ends with this value.
#[derive(Debug)]
pub(super) struct Metrics {
    address: SocketAddr,
    health: Arc<Mutex<Health>>,
    server: tokio::task::JoinHandle<()>,
}

#[derive(Debug, Deserialize)]
struct Question {
    query: String,
    time: f64,
}

impl Metrics {
    /// Starts the server on a free port of this machine.
    pub(super) async fn start() -> Result<Self> {
        let failed =
            |error| Error::internal("the demo's metrics server cannot start").because(error);
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0")
            .await
            .map_err(|error: std::io::Error| failed(error))?;
        let address = listener.local_addr().map_err(failed)?;
        let health = Arc::new(Mutex::new(Health::Good));
        let app = Router::new()
            .route("/api/v1/query", get(answer).post(answer))
            .with_state(Arc::clone(&health));
        let server = tokio::spawn(async move {
            if let Err(error) = axum::serve(listener, app).await {
                tracing::error!("the demo's metrics server ended: {error}");
            }
        });
        Ok(Self {
            address,
            health,
            server,
        })
    }

    /// Where it listens.
    pub(super) fn address(&self) -> Result<Url> {
        Url::parse(&format!("http://{}/", self.address))
            .map_err(|error| Error::internal("the demo has no address").because(error))
    }

    /// Changes how the new version does.
    pub(super) fn set_health(&self, health: Health) {
        *self.health.lock().unwrap_or_else(PoisonError::into_inner) = health;
    }
}

impl Drop for Metrics {
    fn drop(&mut self) {
        self.server.abort();
    }
}

/// Answers an instant query as Prometheus does.
async fn answer(
    State(health): State<Arc<Mutex<Health>>>,
    Query(question): Query<Question>,
) -> Json<Value> {
    let health = *health.lock().unwrap_or_else(PoisonError::into_inner);
    let value = measure(&question, health).to_string();
    Json(json!({
        "status": "success",
        "data": {
            "resultType": "vector",
            "result": [{"metric": {}, "value": [question.time, value]}],
        },
    }))
}

/// What is measured. Readings differ a little from minute to minute.
fn measure(question: &Question, health: Health) -> f64 {
    let wave = (question.time / 60.0).sin();
    let query = &question.query;
    let value = match (
        query.contains("kube_deployment"),
        query.contains("histogram_quantile"),
    ) {
        (true, _) => return 1.0,
        (false, true) => 212.0 + 9.0 * wave,
        (false, false) if health == Health::Bad => 94.8 + 0.4 * wave,
        (false, false) => 99.95 + 0.03 * wave,
    };
    (value * 100.0).round() / 100.0
}
