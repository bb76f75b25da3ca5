//! An Envoy on free ports of 127.0.0.1.

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::path::Path;
use std::thread::sleep;
use std::time::Duration;

use serde_json::Value as Json;

use super::bootstrap::{self, CONFIGURATION, Cluster, Route};
use crate::parts::{Server, server};

/// A running Envoy.
pub(crate) struct Envoy {
    /// Where its statistics are.
    pub(crate) admin: SocketAddr,
    /// Where its routes are served.
    pub(crate) listener: SocketAddr,
    folder: tempfile::TempDir,
    _server: Server,
}

impl Envoy {
    pub(crate) fn start(clusters: &[Cluster], routes: &[Route]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name);
        write_routes(folder.path(), routes);
        let configuration = bootstrap::bootstrap(clusters, &path("routes.json"));
        fs_err::write(path("envoy.json"), configuration.to_string()).unwrap();
        let mut command = server("envoy");
        command
            .arg("--config-path")
            .arg(path("envoy.json"))
            .arg("--admin-address-path")
            .arg(path("admin"))
            .args(["--concurrency", "1", "--log-level", "warn"])
            .arg("--disable-hot-restart");
        let mut server = Server::start(&mut command, &path("log"));
        let admin = waited("it listens", || {
            assert!(!server.has_ended(), "{}", log(folder.path()));
            let admin = fs_err::read_to_string(path("admin")).ok()?;
            let admin: SocketAddr = admin.parse().ok()?;
            // It listens before the first routes are there.
            let reloads = reloads(admin)?;
            (reloads > 0 && answer(admin, "/ready").is_some()).then_some(admin)
        });
        Self {
            admin,
            listener: listener(admin).unwrap(),
            folder,
            _server: server,
        }
    }

    /// Replaces all routes; they are in effect when this returns.
    pub(crate) fn route(&self, routes: &[Route]) {
        let before = reloads(self.admin).unwrap();
        write_routes(self.folder.path(), routes);
        waited("the routes are in effect", || {
            (reloads(self.admin)? > before).then_some(())
        });
    }

    /// The statistics, as Prometheus reads them.
    pub(crate) fn statistics(&self) -> String {
        answer(self.admin, "/stats/prometheus").unwrap()
    }
}

/// Envoy takes note of files that are moved into their place.
fn write_routes(folder: &Path, routes: &[Route]) {
    let next = folder.join("next.json");
    fs_err::write(&next, bootstrap::routes(routes).to_string()).unwrap();
    fs_err::rename(next, folder.join("routes.json")).unwrap();
}

fn log(folder: &Path) -> String {
    fs_err::read_to_string(folder.join("log")).unwrap()
}

/// Asks again and again, for half a minute.
pub(crate) fn waited<T>(what: &str, mut ask: impl FnMut() -> Option<T>) -> T {
    for _ in 0..600 {
        if let Some(answer) = ask() {
            return answer;
        }
        sleep(Duration::from_millis(50));
    }
    panic!("in vain: {what}");
}

/// How often routes were taken over.
fn reloads(admin: SocketAddr) -> Option<u64> {
    let statistics = answer(admin, "/stats?filter=config_reload$")?;
    let name = format!("http.web.rds.{CONFIGURATION}.config_reload: ");
    let line = statistics.lines().find_map(|line| line.strip_prefix(&name));
    line?.parse().ok()
}

fn listener(admin: SocketAddr) -> Option<SocketAddr> {
    let listeners: Json = serde_json::from_str(&answer(admin, "/listeners?format=json")?).ok()?;
    let socket = &listeners["listener_statuses"][0]["local_address"]["socket_address"];
    let port = u16::try_from(socket["port_value"].as_u64()?).ok()?;
    Some(SocketAddr::new(admin.ip(), port))
}

/// The body of a good answer.
fn answer(admin: SocketAddr, path: &str) -> Option<String> {
    let mut stream = TcpStream::connect(admin).ok()?;
    // It refuses HTTP/1.0.
    write!(
        stream,
        "GET {path} HTTP/1.1\r\nhost: {admin}\r\nconnection: close\r\n\r\n"
    )
    .ok()?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).ok()?;
    let (head, body) = answer.split_once("\r\n\r\n")?;
    if !head.starts_with("HTTP/1.1 200 ") {
        return None;
    }
    match head.contains("transfer-encoding: chunked") {
        true => joined(body),
        false => Some(body.to_owned()),
    }
}

/// A body that comes in chunks, each after its length.
fn joined(mut body: &str) -> Option<String> {
    let mut whole = String::new();
    loop {
        let (length, rest) = body.split_once("\r\n")?;
        let length = usize::from_str_radix(length, 16).ok()?;
        if length == 0 {
            return Some(whole);
        }
        whole.push_str(rest.get(..length)?);
        body = rest.get(length..)?.strip_prefix("\r\n")?;
    }
}
