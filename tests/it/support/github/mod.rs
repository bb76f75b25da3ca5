//! A GitHub that remembers, of the repository `me/fleet`. One file for each area of
//! the API: its routes, what it knows, and what tests ask it.
//!
//! Every request is written down ([`GitHub::requests`]), and checked against GitHub's
//! own description of its API when there is one: a request that is none of it is
//! answered with 500, and fails the test that began this GitHub when it ends.

mod access;
pub(crate) mod asks;
mod comments;
mod commits;
pub(crate) mod contract;
mod deployments;
mod graphql;
mod people;
mod pulls;
mod rules;
mod statuses;
mod workflows;

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard};

use axum::body::{Body, to_bytes};
use axum::extract::{Request, State};
use axum::http::StatusCode;
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{IntoResponse as _, Response};
use axum::{Json, Router};
use serde_json::Value;

use super::program::Call;
use super::prometheus::RUNTIME;

pub(crate) use graphql::Fault;
#[allow(unused_imports, reason = "shared with tests that use less of it")]
pub(crate) use pulls::Pull;

/// Path of the REST API, as an Enterprise server has it.
const REST: &str = "/api/v3";

/// Longest body of a request.
const LONGEST: usize = 64 << 20;

/// Serves until the test process ends.
#[derive(Debug, Clone)]
pub(crate) struct GitHub {
    address: SocketAddr,
    shared: Shared,
    _contract: Arc<Contract>,
}

/// Looks at the end of a test whether every request was one that GitHub describes.
#[derive(Debug)]
struct Contract(Shared);

impl Drop for Contract {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            let violations = self.0.lock().unwrap().violations.clone();
            assert!(violations.is_empty(), "{violations:#?}");
        }
    }
}

/// What the areas share.
pub(crate) type Shared = Arc<Mutex<Known>>;

/// What this GitHub knows.
#[derive(Debug, Default)]
pub(crate) struct Known {
    pub(crate) requests: Vec<Asked>,
    pub(crate) refusals: Vec<Refusal>,
    access: access::Access,
    deployments: deployments::Deployments,
    people: people::People,
    pulls: pulls::Pulls,
    /// Requests that GitHub does not describe.
    violations: Vec<String>,
    /// The bare repository that is `me/fleet`.
    repository: Option<PathBuf>,
    /// What goes wrong with the next mutations.
    faults: VecDeque<Fault>,
    rules: Vec<Value>,
    statuses: statuses::Statuses,
    comments: comments::Comments,
    workflows: workflows::Workflows,
}

/// A request that came.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Asked {
    pub(crate) method: String,
    /// Below the API, with the query: `/repos/me/fleet/pulls?state=open`.
    pub(crate) path: String,
    pub(crate) token: Option<String>,
    pub(crate) body: Value,
}

/// An answer that comes instead of the right one.
#[derive(Debug, Clone)]
pub(crate) struct Refusal {
    pub(crate) method: &'static str,
    /// Part of the path.
    pub(crate) path: &'static str,
    pub(crate) status: u16,
    pub(crate) headers: Vec<(&'static str, String)>,
    pub(crate) body: Value,
    /// How often; then the right answers come.
    pub(crate) times: usize,
}

impl GitHub {
    pub(crate) fn start() -> Self {
        let shared = Shared::default();
        let rest = Router::new()
            .merge(access::routes())
            .merge(pulls::routes())
            .merge(statuses::routes())
            .merge(comments::routes())
            .merge(workflows::routes())
            .merge(deployments::routes())
            .merge(people::routes())
            .merge(commits::routes())
            .merge(rules::routes());
        let app = Router::new()
            .nest(REST, rest)
            .merge(graphql::routes())
            .layer(from_fn_with_state(Arc::clone(&shared), write_down))
            .with_state(Arc::clone(&shared));
        let listener = RUNTIME
            .block_on(tokio::net::TcpListener::bind("127.0.0.1:0"))
            .unwrap();
        let address = listener.local_addr().unwrap();
        RUNTIME.spawn(async move { axum::serve(listener, app).await.unwrap() });
        let _contract = Arc::new(Contract(Arc::clone(&shared)));
        Self {
            address,
            shared,
            _contract,
        }
    }

    /// The call in a workflow of `me/fleet` at this GitHub.
    pub(crate) fn around(&self, call: Call) -> Call {
        call.env("GITHUB_API_URL", self.api())
            .env("GITHUB_REPOSITORY", "me/fleet")
            .env("GITHUB_TOKEN", "t0ken")
    }

    /// What `GITHUB_API_URL` is.
    pub(crate) fn api(&self) -> String {
        format!("http://{}{REST}", self.address)
    }

    pub(crate) fn known(&self) -> MutexGuard<'_, Known> {
        self.shared.lock().unwrap()
    }

    /// Every request so far, in order.
    pub(crate) fn requests(&self) -> Vec<Asked> {
        self.known().requests.clone()
    }

    /// Answers the next requests that fit otherwise.
    pub(crate) fn refuse(&self, refusal: Refusal) {
        self.known().refusals.push(refusal);
    }
}

/// Writes the request down, and gives the answer that a test wants instead.
async fn write_down(State(shared): State<Shared>, request: Request, next: Next) -> Response {
    let (parts, body) = request.into_parts();
    let bytes = to_bytes(body, LONGEST).await.unwrap();
    let path = parts.uri.path_and_query().unwrap().as_str();
    let rest = path.strip_prefix(REST);
    let violation = rest.and_then(|path| contract::violation(parts.method.as_str(), path, &bytes));
    let path = rest.unwrap_or(path).to_owned();
    let token = parts.headers.get("authorization");
    let asked = Asked {
        method: parts.method.to_string(),
        token: token.map(|token| token.to_str().unwrap().replace("Bearer ", "")),
        body: serde_json::from_slice(&bytes).unwrap_or_default(),
        path,
    };
    let refusal = {
        let mut known = shared.lock().unwrap();
        let refusal = known.refusals.iter_mut().find(|refusal| {
            refusal.times > 0 && refusal.method == asked.method && asked.path.contains(refusal.path)
        });
        let refusal = refusal.map(|refusal| {
            refusal.times -= 1;
            refusal.clone()
        });
        known.requests.push(asked);
        known.violations.extend(violation.clone());
        refusal
    };
    if let Some(violation) = violation {
        return (StatusCode::INTERNAL_SERVER_ERROR, violation).into_response();
    }
    let Some(refusal) = refusal else {
        return next
            .run(Request::from_parts(parts, Body::from(bytes)))
            .await;
    };
    let status = StatusCode::from_u16(refusal.status).unwrap();
    let mut response = (status, Json(refusal.body)).into_response();
    for (name, value) in refusal.headers {
        response.headers_mut().insert(name, value.parse().unwrap());
    }
    response
}
