//! A Git server over HTTP: `git http-backend` behind a check of credentials.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::extract::{Request, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use tokio::io::AsyncWriteExt as _;
use tokio::process::Command;

use super::world::environment;

/// Who may do what.
#[derive(Clone, Default)]
pub(crate) struct Access {
    /// The token to present; nobody is asked when there is none.
    pub(crate) token: Option<&'static str>,
    /// Answers a push with 403.
    pub(crate) read_only: bool,
}

/// Serves the repositories of a folder until it is dropped.
pub(crate) struct GitServer {
    address: SocketAddr,
    log: Arc<Mutex<Vec<String>>>,
    task: tokio::task::JoinHandle<()>,
}

#[derive(Clone)]
struct Server {
    root: PathBuf,
    access: Access,
    log: Arc<Mutex<Vec<String>>>,
}

impl GitServer {
    pub(crate) async fn start(root: &Path, access: Access) -> Self {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let log = Arc::new(Mutex::new(Vec::new()));
        let server = Server {
            root: root.to_owned(),
            access,
            log: Arc::clone(&log),
        };
        let app = Router::new().fallback(answer).with_state(server);
        let task = tokio::spawn(async move { axum::serve(listener, app).await.unwrap() });
        Self { address, log, task }
    }

    /// `http://127.0.0.1:1234/`
    pub(crate) fn url(&self) -> String {
        format!("http://{}/", self.address)
    }

    /// Where it listens.
    #[allow(dead_code, reason = "the tests with real parts know it by its address")]
    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    /// Status, method, path and query of each request so far.
    pub(crate) fn log(&self) -> Vec<String> {
        self.log.lock().unwrap().clone()
    }
}

impl Drop for GitServer {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// The value of the header for `token`, as actions/checkout writes it.
pub(crate) fn basic(token: &str) -> String {
    format!("basic {}", BASE64.encode(format!("x-access-token:{token}")))
}

async fn answer(State(server): State<Server>, request: Request) -> Response {
    let asked = format!("{} {}", request.method(), request.uri());
    let response = match refusal(&server.access, &asked, request.headers()) {
        Some(response) => response,
        None => backend(&server.root, request).await,
    };
    let line = format!("{} {asked}", response.status().as_u16());
    server.log.lock().unwrap().push(line);
    response
}

fn refusal(access: &Access, asked: &str, headers: &HeaderMap) -> Option<Response> {
    if let Some(token) = access.token {
        let given: Vec<_> = headers.get_all(header::AUTHORIZATION).iter().collect();
        match given.as_slice() {
            [one] if one.as_bytes().eq_ignore_ascii_case(basic(token).as_bytes()) => {}
            // As GitHub does.
            [_, _, ..] => return Some(StatusCode::BAD_REQUEST.into_response()),
            _ => {
                let ask = [(header::WWW_AUTHENTICATE, "Basic realm=\"test\"")];
                return Some((StatusCode::UNAUTHORIZED, ask).into_response());
            }
        }
    }
    let push = asked.contains("git-receive-pack");
    (push && access.read_only).then(|| StatusCode::FORBIDDEN.into_response())
}

/// Runs the CGI program.
async fn backend(root: &Path, request: Request) -> Response {
    let (parts, body) = request.into_parts();
    let Ok(body) = to_bytes(body, usize::MAX).await else {
        // Cut short; nobody is there to read this.
        return StatusCode::BAD_REQUEST.into_response();
    };
    let header = |name: &str| {
        let value = parts.headers.get(name).map(|value| value.to_str().unwrap());
        value.unwrap_or_default().to_owned()
    };
    let mut child = Command::new("git")
        .arg("http-backend")
        .env_clear()
        .envs(environment())
        .env("GIT_PROJECT_ROOT", root)
        .env("GIT_HTTP_EXPORT_ALL", "1")
        .env("REMOTE_USER", "test")
        .env("REMOTE_ADDR", "127.0.0.1")
        .env("REQUEST_METHOD", parts.method.as_str())
        .env("PATH_INFO", parts.uri.path())
        .env("QUERY_STRING", parts.uri.query().unwrap_or_default())
        .env("CONTENT_TYPE", header("content-type"))
        .env("CONTENT_LENGTH", body.len().to_string())
        .env("HTTP_CONTENT_ENCODING", header("content-encoding"))
        .env("GIT_PROTOCOL", header("git-protocol"))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let mut stdin = child.stdin.take().unwrap();
    let feed = tokio::spawn(async move {
        // It may end before it has read everything.
        stdin.write_all(&body).await.ok();
    });
    let output = child.wait_with_output().await.unwrap();
    feed.await.unwrap();
    to_response(&output.stdout)
}

/// Splits the headers of a CGI answer from its body.
fn to_response(output: &[u8]) -> Response {
    let end = output
        .windows(4)
        .position(|window| window == b"\r\n\r\n")
        .unwrap();
    let mut response = Response::builder();
    for line in std::str::from_utf8(&output[..end]).unwrap().lines() {
        let (name, value) = line.split_once(": ").unwrap();
        response = if name == "Status" {
            response.status(value[..3].parse::<u16>().unwrap())
        } else {
            response.header(name, value)
        };
    }
    response
        .body(Body::from(output[end + 4..].to_vec()))
        .unwrap()
}
