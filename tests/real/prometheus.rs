//! Debian's Prometheus, on a free port, with a store of its own.

use std::fmt::Write as _;
use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::thread::sleep;
use std::time::Duration;

use serde_json::Value as Json;
use url::form_urlencoded::Serializer;

use crate::exporter::App;
use crate::parts::{Server, command, server, succeed};

/// A running Prometheus.
pub(crate) struct Prometheus {
    address: SocketAddr,
    _server: Server,
    _folder: tempfile::TempDir,
}

impl Prometheus {
    /// Holds what it would have scraped of `app` every 15 s, for `length`
    /// seconds from the Unix time `start`.
    pub(crate) fn with_history(app: &App, start: i64, length: i64) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let history = folder.path().join("history.om");
        fs_err::write(&history, open_metrics(app, start, length)).unwrap();
        let store = folder.path().join("data");
        fs_err::create_dir(&store).unwrap();
        succeed(
            command("promtool")
                .args(["tsdb", "create-blocks-from", "openmetrics"])
                .args([&history, &store]),
        );
        Self::start(folder, "")
    }

    /// Scrapes `target` every second.
    pub(crate) fn scraping(target: SocketAddr) -> Self {
        Self::scraping_all(&[("test", target, "/metrics")])
    }

    /// Scrapes each of `jobs` every second: name, address, path.
    pub(crate) fn scraping_all(jobs: &[(&str, SocketAddr, &str)]) -> Self {
        let mut text = "global: {scrape_interval: 1s, scrape_timeout: 1s}\n".to_owned();
        text.push_str("scrape_configs:\n");
        for (name, target, path) in jobs {
            writeln!(
                text,
                "  - {{job_name: {name}, metrics_path: {path}, \
                 static_configs: [{{targets: ['{target}']}}]}}"
            )
            .unwrap();
        }
        Self::start(tempfile::tempdir().unwrap(), &text)
    }

    /// The one value of `query` at the Unix time `at`, or now; `None` when there is
    /// no series.
    ///
    /// # Panics
    /// When the query is refused, or there are several series.
    pub(crate) fn value(&self, query: &str, at: Option<f64>) -> Option<f64> {
        let mut values = self.values(query, at);
        assert!(values.len() < 2, "{query}: {values:?}");
        values.pop()
    }

    /// The values of all series, as [`Prometheus::value`].
    pub(crate) fn values(&self, query: &str, at: Option<f64>) -> Vec<f64> {
        const PATH: &str = "/api/v1/query?";
        let mut path = Serializer::for_suffix(PATH.to_owned(), PATH.len());
        path.append_pair("query", query);
        if let Some(at) = at {
            path.append_pair("time", &format!("{at:.3}"));
        }
        let answer = get(self.address, &path.finish()).unwrap();
        let body = answer.split_once("\r\n\r\n").unwrap().1;
        let body: Json = serde_json::from_str(body).unwrap();
        assert_eq!(body["status"], "success", "{query}: {body}");
        let result = &body["data"]["result"];
        let value = |value: &Json| value[1].as_str().unwrap().parse().unwrap();
        match body["data"]["resultType"].as_str().unwrap() {
            "scalar" => vec![value(result)],
            _ => {
                let series = result.as_array().unwrap().iter();
                series.map(|series| value(&series["value"])).collect()
            }
        }
    }

    /// `http://127.0.0.1:1234/`
    pub(crate) fn url(&self) -> String {
        format!("http://{}/", self.address)
    }

    fn start(folder: tempfile::TempDir, configuration: &str) -> Self {
        let file = folder.path().join("prometheus.yml");
        fs_err::write(&file, configuration).unwrap();
        // Between finding a free port and using it somebody else may take it.
        for _ in 0..5 {
            let address = free_address();
            let log = folder.path().join("log");
            let mut server = Server::start(&mut invocation(folder.path(), address), &log);
            if is_ready(&mut server, address) {
                return Self {
                    address,
                    _server: server,
                    _folder: folder,
                };
            }
        }
        let log = fs_err::read_to_string(folder.path().join("log")).unwrap();
        panic!("Prometheus does not start:\n{log}");
    }
}

fn invocation(folder: &Path, address: SocketAddr) -> std::process::Command {
    let option = |name: &str, value: &dyn std::fmt::Display| format!("--{name}={value}");
    let mut command = server("prometheus");
    command.args([
        option("config.file", &folder.join("prometheus.yml").display()),
        option("storage.tsdb.path", &folder.join("data").display()),
        option("storage.tsdb.retention.time", &"100y"),
        option("web.listen-address", &address),
        option("log.level", &"warn"),
    ]);
    command
}

fn free_address() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    listener.local_addr().unwrap()
}

/// Waits until it answers; `false` when it has ended instead.
fn is_ready(server: &mut Server, address: SocketAddr) -> bool {
    for _ in 0..600 {
        if server.has_ended() {
            return false;
        }
        if get(address, "/-/ready").is_some_and(|answer| answer.starts_with("HTTP/1.0 200")) {
            return true;
        }
        sleep(Duration::from_millis(50));
    }
    false
}

/// The whole answer.
fn get(address: SocketAddr, path: &str) -> Option<String> {
    let mut stream = TcpStream::connect(address).ok()?;
    write!(stream, "GET {path} HTTP/1.0\r\n\r\n").ok()?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).ok()?;
    Some(answer)
}

/// The history as text; all samples of a metric stand together.
fn open_metrics(app: &App, start: i64, length: i64) -> String {
    let mut lines = Vec::new();
    for second in (0..=length).step_by(15) {
        for (name, labels, value) in app.samples(second) {
            let line = format!("{name}{{{labels}}} {value} {}", start + second);
            lines.push((name, labels, second, line));
        }
    }
    lines.sort();
    let mut text = String::new();
    for (_, _, _, line) in lines {
        writeln!(text, "{line}").unwrap();
    }
    text.push_str("# EOF\n");
    text
}
