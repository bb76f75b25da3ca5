//! A server for webhooks and alerts that writes down every request.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode};
use serde_json::Value;

use super::prometheus::RUNTIME;

/// One request.
#[derive(Debug, Clone)]
pub(crate) struct Request {
    /// Last part of the path.
    pub(crate) name: String,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Value,
}

/// Serves until the test process ends.
#[derive(Debug, Clone)]
pub(crate) struct Hooks {
    address: SocketAddr,
    state: Shared,
}

type Shared = Arc<Mutex<Book>>;

#[derive(Debug, Default)]
struct Book {
    requests: Vec<Request>,
    /// Status by name; 200 for all others.
    says: BTreeMap<String, u16>,
}

impl Hooks {
    /// A server that answers 200 to everything.
    pub(crate) fn start() -> Self {
        let state = Shared::default();
        let app = Router::new()
            .route("/{name}", axum::routing::any(receive))
            .with_state(Arc::clone(&state));
        let listener = RUNTIME
            .block_on(tokio::net::TcpListener::bind("127.0.0.1:0"))
            .unwrap();
        let address = listener.local_addr().unwrap();
        RUNTIME.spawn(async move { axum::serve(listener, app).await.unwrap() });
        Self { address, state }
    }

    /// `http://127.0.0.1:1234/name`
    pub(crate) fn url(&self, name: &str) -> String {
        format!("http://{}/{name}", self.address)
    }

    /// From now on, what requests to `name` are answered with.
    pub(crate) fn set(&self, name: &str, status: u16) {
        let says = &mut self.state.lock().unwrap().says;
        says.insert(name.to_owned(), status);
    }

    /// The requests since the last time this was asked.
    pub(crate) fn take(&self) -> Vec<Request> {
        std::mem::take(&mut self.state.lock().unwrap().requests)
    }
}

async fn receive(
    State(state): State<Shared>,
    Path(name): Path<String>,
    headers: HeaderMap,
    body: String,
) -> StatusCode {
    let mut book = state.lock().unwrap();
    let status = book.says.get(&name).copied().unwrap_or(200);
    book.requests.push(Request {
        name,
        headers,
        body: serde_json::from_str(&body).unwrap_or(Value::String(body)),
    });
    StatusCode::from_u16(status).unwrap()
}
