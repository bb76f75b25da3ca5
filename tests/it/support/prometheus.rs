//! A Prometheus whose answers are set by what the query contains.

use std::net::SocketAddr;
use std::sync::{Arc, LazyLock, Mutex};

use axum::extract::{Form, Query, State};
use axum::http::StatusCode;
use axum::routing::get;
use axum::{Json, Router};
use serde_json::{Value, json};
use tokio::runtime::Runtime;

/// Servers live on threads of their own, so that the tests need not be async.
pub(crate) static RUNTIME: LazyLock<Runtime> = LazyLock::new(|| {
    tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build()
        .unwrap()
});

/// What a query gets.
#[derive(Debug, Clone)]
pub(crate) enum Says {
    /// One series with this value, at every time that is asked for.
    Value(f64),
    /// A series for each value of a label.
    Series(&'static str, Vec<String>),
    /// No series.
    Nothing,
    /// 400 with this error.
    Refusal(&'static str),
    /// 500.
    Broken,
}

/// Serves until the test process ends.
#[derive(Debug, Clone)]
pub(crate) struct Prometheus {
    address: SocketAddr,
    state: Arc<Mutex<Answers>>,
}

#[derive(Debug, Default)]
struct Answers {
    rules: Vec<(String, Says)>,
    asked: Vec<String>,
}

impl Prometheus {
    /// A server where every workload is ready and every other query gives nothing.
    pub(crate) fn start() -> Self {
        let state = Arc::new(Mutex::new(Answers::default()));
        let app = Router::new()
            .route("/api/v1/query", get(instant).post(instant_form))
            .route("/api/v1/query_range", get(range).post(range_form))
            .with_state(Arc::clone(&state));
        let listener = RUNTIME
            .block_on(tokio::net::TcpListener::bind("127.0.0.1:0"))
            .unwrap();
        let address = listener.local_addr().unwrap();
        RUNTIME.spawn(async move { axum::serve(listener, app).await.unwrap() });
        let server = Self { address, state };
        server.set("kube_deployment", Says::Value(1.0));
        server
    }

    /// `http://127.0.0.1:1234`
    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Where it listens.
    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    /// From now on, what a query that contains `part` gets. The last word counts.
    pub(crate) fn set(&self, part: &str, says: Says) {
        let rules = &mut self.state.lock().unwrap().rules;
        rules.insert(0, (part.to_owned(), says));
    }

    /// The queries so far, in the order in which they came.
    pub(crate) fn asked(&self) -> Vec<String> {
        self.state.lock().unwrap().asked.clone()
    }
}

type Parameters = std::collections::BTreeMap<String, String>;
type Shared = State<Arc<Mutex<Answers>>>;

async fn instant(state: Shared, Query(asked): Query<Parameters>) -> (StatusCode, Json<Value>) {
    let time = number(&asked, "time");
    answer(&state, &asked, "vector", |value| json!([time, value]))
}

async fn instant_form(state: Shared, Form(asked): Form<Parameters>) -> (StatusCode, Json<Value>) {
    instant(state, Query(asked)).await
}

async fn range(state: Shared, Query(asked): Query<Parameters>) -> (StatusCode, Json<Value>) {
    let (start, end) = (number(&asked, "start"), number(&asked, "end"));
    let step = number(&asked, "step");
    answer(&state, &asked, "matrix", |value| {
        let points = std::iter::successors(Some(start), |at| Some(at + step));
        let points = points.take_while(|at| *at <= end);
        points.map(|at| json!([at, value])).collect()
    })
}

async fn range_form(state: Shared, Form(asked): Form<Parameters>) -> (StatusCode, Json<Value>) {
    range(state, Query(asked)).await
}

fn number(asked: &Parameters, name: &str) -> f64 {
    asked[name].parse().unwrap()
}

fn answer(
    state: &Shared,
    asked: &Parameters,
    kind: &str,
    points: impl Fn(String) -> Value,
) -> (StatusCode, Json<Value>) {
    let query = &asked["query"];
    let says = {
        let mut answers = state.lock().unwrap();
        answers.asked.push(query.clone());
        let found = answers.rules.iter().find(|(part, _)| query.contains(part));
        found.map_or(Says::Nothing, |(_, says)| says.clone())
    };
    let key = if kind == "vector" { "value" } else { "values" };
    let result = match says {
        Says::Value(value) => json!([{"metric": {}, key: points(value.to_string())}]),
        Says::Series(label, values) => {
            let one =
                |value: &String| json!({"metric": {label: value}, key: points("1".to_owned())});
            values.iter().map(one).collect()
        }
        Says::Nothing => json!([]),
        Says::Refusal(error) => {
            let body = json!({"status": "error", "errorType": "bad_data", "error": error});
            return (StatusCode::BAD_REQUEST, Json(body));
        }
        Says::Broken => {
            let body = json!({"status": "error", "errorType": "internal", "error": "broken"});
            return (StatusCode::INTERNAL_SERVER_ERROR, Json(body));
        }
    };
    let data = json!({"resultType": kind, "result": result});
    (
        StatusCode::OK,
        Json(json!({"status": "success", "data": data})),
    )
}
