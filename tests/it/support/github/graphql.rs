//! GraphQL: each named operation has its own answer.

use std::collections::hash_map::DefaultHasher;
use std::hash::{Hash as _, Hasher as _};

use axum::body::Body;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse as _, Response};
use axum::routing::post;
use axum::{Json, Router};
use serde_json::{Value, json};

use super::{Shared, comments, commits, contract, pulls};

/// An answer of one operation: its `data`, or an error with its `type`.
pub(super) type Answer = Result<Value, (&'static str, String)>;

/// What goes wrong with a mutation.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Fault {
    /// Nothing.
    Fine,
    /// A moment before it, somebody else commits to the branch.
    Overtaken,
    /// It is refused with this type and these words.
    Refused(&'static str, &'static str),
    /// It is carried out; something else answers with this status.
    Status(u16),
    /// It is carried out; the connection breaks off in the middle of the answer.
    Cut,
    /// It is carried out; 200 with the words that GitHub has for a fault of its own.
    Broken,
}

pub(super) fn routes() -> Router<Shared> {
    Router::new().route("/api/graphql", post(answer))
}

async fn answer(State(shared): State<Shared>, Json(body): Json<Value>) -> Response {
    let operation = operation(body["query"].as_str().unwrap()).to_owned();
    keep(&operation, &body);
    let fault = shared.lock().unwrap().faults.pop_front();
    let variables = body["variables"].clone();
    let answering = tokio::task::spawn_blocking(move || match (fault, &*operation) {
        (Some(Fault::Refused(kind, words)), _) => Err((kind, words.to_owned())),
        (fault, "CreateCommitOnBranch") => {
            if let Some(Fault::Overtaken) = fault {
                commits::overtake(&shared);
            }
            commits::create(&shared, &variables["input"])
        }
        (_, "EnablePullRequestAutoMerge") => pulls::enable_auto_merge(&shared, &variables["input"]),
        (_, "Viewer") => Ok(comments::viewer(&shared)),
        (_, other) => panic!("nobody answers {other}"),
    });
    let right = match answering.await.unwrap() {
        Ok(data) => json!({"data": data}),
        Err((kind, message)) => json!({
            "data": null, "errors": [{"type": kind, "message": message, "path": ["x"]}],
        }),
    };
    match fault {
        Some(Fault::Status(status)) => StatusCode::from_u16(status).unwrap().into_response(),
        Some(Fault::Broken) => {
            let words = "Something went wrong while executing your query. This may be the result of a timeout.";
            Json(json!({"errors": [{"message": words}]})).into_response()
        }
        Some(Fault::Cut) => {
            let broken: Result<Vec<u8>, _> = Err(std::io::Error::other("cut"));
            let parts = futures_util::stream::iter([Ok(b"{\"data\":".to_vec()), broken]);
            Body::from_stream(parts).into_response()
        }
        None | Some(Fault::Fine | Fault::Overtaken | Fault::Refused(..)) => {
            Json(right).into_response()
        }
    }
}

/// The name in `mutation Name(…)`.
fn operation(document: &str) -> &str {
    let mut words = document.split(|c: char| !c.is_alphanumeric() && c != '_');
    let found = words.find(|word| ["query", "mutation"].contains(word));
    let name = found.and_then(|_| words.next()).unwrap_or_default();
    assert!(!name.is_empty(), "an operation has a name: {document}");
    name
}

/// Keeps one request of each shape for those who check documents and variables.
fn keep(operation: &str, body: &Value) {
    let Some(folder) = contract::seen() else {
        return;
    };
    let mut hasher = DefaultHasher::new();
    shape(&body["variables"]).hash(&mut hasher);
    let folder = folder.join("graphql");
    fs_err::create_dir_all(&folder).unwrap();
    let name = format!("{operation}-{:016x}.json", hasher.finish());
    let new = tempfile::NamedTempFile::new_in(&folder).unwrap();
    fs_err::write(new.path(), body.to_string()).unwrap();
    new.persist(folder.join(name)).unwrap();
}

fn shape(value: &Value) -> String {
    match value {
        Value::Object(map) => {
            let fields = map
                .iter()
                .map(|(key, value)| format!("{key}:{}", shape(value)));
            format!("{{{}}}", fields.collect::<Vec<_>>().join(","))
        }
        Value::Array(list) => format!("[{}]", list.first().map(shape).unwrap_or_default()),
        Value::Null => "null".to_owned(),
        Value::Bool(_) => "bool".to_owned(),
        Value::Number(_) => "number".to_owned(),
        Value::String(_) => "string".to_owned(),
    }
}
