//! A server for webhooks and alerts that writes down every request.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, HeaderName, StatusCode, header};
use rcgen::{CertificateParams, KeyPair};
use serde_json::Value;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::crypto::ring::default_provider;
use tokio_rustls::rustls::pki_types::PrivateKeyDer;

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
    /// By name; 200 for all others.
    says: BTreeMap<String, Says>,
}

/// What a request is answered with.
#[derive(Debug, Clone)]
pub(crate) enum Says {
    Status(u16),
    /// 200 with the page where people log in.
    Page,
    /// A redirect of this status to this address.
    Elsewhere(u16, String),
    /// 403 with these words.
    Refusal(String),
    /// The connection is kept and nothing is ever said.
    Silence,
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
        self.say(name, Says::Status(status));
    }

    /// From now on, what requests to `name` are answered with.
    pub(crate) fn say(&self, name: &str, says: Says) {
        let book = &mut self.state.lock().unwrap().says;
        book.insert(name.to_owned(), says);
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
) -> (StatusCode, [(HeaderName, String); 1], String) {
    let says = {
        let mut book = state.lock().unwrap();
        let says = book.says.get(&name).cloned();
        book.requests.push(Request {
            name,
            headers,
            body: serde_json::from_str(&body).unwrap_or(Value::String(body)),
        });
        says.unwrap_or(Says::Status(200))
    };
    let plain = (header::CONTENT_TYPE, "text/plain".to_owned());
    let (status, header, text) = match says {
        Says::Status(status) => (status, plain, String::new()),
        Says::Page => {
            let html = (header::CONTENT_TYPE, "text/html".to_owned());
            (200, html, "<!doctype html><title>Log in</title>".to_owned())
        }
        Says::Elsewhere(status, address) => (status, (header::LOCATION, address), String::new()),
        Says::Refusal(words) => (403, plain, words),
        Says::Silence => std::future::pending().await,
    };
    (StatusCode::from_u16(status).unwrap(), [header], text)
}

/// Address of a server whose certificate nobody trusts.
pub(crate) fn untrusted() -> String {
    let key = KeyPair::generate().unwrap();
    let names = CertificateParams::new(["127.0.0.1".to_owned()]).unwrap();
    let certificate = names.self_signed(&key).unwrap();
    let key = PrivateKeyDer::try_from(key.serialize_der()).unwrap();
    let config = ServerConfig::builder_with_provider(Arc::new(default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![certificate.der().clone()], key)
        .unwrap();
    let acceptor = TlsAcceptor::from(Arc::new(config));
    let listener = RUNTIME
        .block_on(tokio::net::TcpListener::bind("127.0.0.1:0"))
        .unwrap();
    let address = listener.local_addr().unwrap();
    RUNTIME.spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            drop(acceptor.accept(stream).await);
        }
    });
    format!("https://{address}/gate")
}

/// Address where nobody listens.
pub(crate) fn nobody() -> String {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    format!("http://{}/gate", listener.local_addr().unwrap())
}
