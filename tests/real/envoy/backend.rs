//! Servers behind the proxy: slow or failing as they are told.

use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use axum::Router;
use axum::extract::State;
use axum::http::{HeaderMap, HeaderName, StatusCode};

/// Who answered: the address.
pub(crate) const SERVED_BY: HeaderName = HeaderName::from_static("x-served-by");
/// How many microseconds the answer took, where it was made.
pub(crate) const TOOK: HeaderName = HeaderName::from_static("x-took");
/// The status of gRPC that the client wants to get.
pub(crate) const WANTED: HeaderName = HeaderName::from_static("x-wanted-grpc-status");
/// Envoy counts the attempts of a request in it.
const ATTEMPT: &str = "x-envoy-attempt-count";

/// How a server answers. "Every n-th" is never for 0.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Behaviour {
    /// Every n-th answer is a 500.
    pub(crate) fails: usize,
    /// Only the first attempt of a request counts and may fail.
    pub(crate) recovers: bool,
    /// Answers take so long,
    pub(crate) delay: Duration,
    /// and every n-th so long.
    pub(crate) slow: (usize, Duration),
}

impl Behaviour {
    /// Quick and good.
    pub(crate) const GOOD: Self = Self {
        fails: 0,
        recovers: false,
        delay: Duration::ZERO,
        slow: (0, Duration::ZERO),
    };
    /// Quick, and never good.
    pub(crate) const FAULTY: Self = Self {
        fails: 1,
        ..Self::GOOD
    };
}

/// Answers until it is dropped.
pub(crate) struct Backend {
    pub(crate) address: SocketAddr,
    state: Shared,
    task: tokio::task::JoinHandle<()>,
}

type Shared = Arc<Mutex<Inner>>;

struct Inner {
    behaviour: Behaviour,
    address: SocketAddr,
    answered: usize,
    failed: usize,
}

impl Backend {
    /// At a free port of `ip`, as every pod has an address of its own.
    pub(crate) async fn start(ip: impl Into<IpAddr>, behaviour: Behaviour) -> Self {
        let listener = tokio::net::TcpListener::bind((ip.into(), 0)).await.unwrap();
        let address = listener.local_addr().unwrap();
        let state = Arc::new(Mutex::new(Inner {
            behaviour,
            address,
            answered: 0,
            failed: 0,
        }));
        let router = Router::new().fallback(serve).with_state(state.clone());
        let task = tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
        Self {
            address,
            state,
            task,
        }
    }

    /// From now on.
    pub(crate) fn behave(&self, behaviour: Behaviour) {
        self.state.lock().unwrap().behaviour = behaviour;
    }

    /// All answers, and those that were a 500.
    pub(crate) fn answered(&self) -> (usize, usize) {
        let inner = self.state.lock().unwrap();
        (inner.answered, inner.failed)
    }
}

impl Drop for Backend {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Inner {
    /// Status, and how long to wait.
    fn next(&mut self, attempt: usize) -> (StatusCode, Duration) {
        let Behaviour {
            fails,
            recovers,
            delay,
            slow,
        } = self.behaviour;
        self.answered += 1;
        let turn = |every: usize| every > 0 && self.answered.is_multiple_of(every);
        let delay = if turn(slow.0) { slow.1 } else { delay };
        let fails = turn(fails) && (attempt == 1 || !recovers);
        self.failed += usize::from(fails);
        let status = match fails {
            true => StatusCode::INTERNAL_SERVER_ERROR,
            false => StatusCode::OK,
        };
        (status, delay)
    }
}

async fn serve(State(state): State<Shared>, request: HeaderMap) -> (StatusCode, HeaderMap) {
    let began = Instant::now();
    let attempt = request
        .get(ATTEMPT)
        .map_or(1, |attempt| attempt.to_str().unwrap().parse().unwrap());
    let (status, delay) = state.lock().unwrap().next(attempt);
    tokio::time::sleep(delay).await;
    let mut headers = HeaderMap::new();
    let address = state.lock().unwrap().address;
    headers.insert(SERVED_BY, address.to_string().parse().unwrap());
    if let Some(wanted) = request.get(WANTED) {
        headers.insert("grpc-status", wanted.clone());
        headers.insert("content-type", "application/grpc".parse().unwrap());
    }
    let took = began.elapsed().as_micros().to_string();
    headers.insert(TOOK, took.parse().unwrap());
    (status, headers)
}
