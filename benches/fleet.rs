//! One `step` of a fleet: 1,000 Canaries in one repository, two metrics each, all
//! in the middle of a rollout, and a Prometheus that takes 20 ms for an answer.
//! Prints wall times and the peak memory of the step.
//!
//! `cargo bench --bench fleet` (Canaries and rounds: `-- 1000 5`).

#![allow(clippy::unwrap_used, reason = "a measurement that cannot be made ends")]
#![allow(clippy::print_stdout, reason = "the figures are the result")]
#![allow(
    clippy::disallowed_methods,
    reason = "PATH, and the files of a benchmark"
)]

use std::io::{BufRead as _, BufReader, Write as _};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

/// What Prometheus takes for an answer.
const ANSWERS_AFTER: Duration = Duration::from_millis(20);

/// Folders that share the Canaries.
const TEAMS: usize = 50;

fn main() {
    let mut numbers = std::env::args()
        .skip(1)
        .filter_map(|argument| argument.parse::<usize>().ok());
    let canaries = numbers.next().unwrap_or(1_000);
    let rounds = numbers.next().unwrap_or(5).clamp(1, 40);
    let folder = tempfile::tempdir().unwrap();
    let fleet = Fleet {
        canaries,
        prometheus: prometheus(),
        repo: repository(folder.path(), canaries),
    };
    for minute in 0..3 {
        fleet.step(minute, None);
    }
    release(&fleet.repo, canaries);
    fleet.step(10, Some("started"));

    let mut times = Vec::new();
    let mut most = 0;
    for round in 0..rounds {
        let (time, peak) = fleet.step(11 + round, Some("advanced"));
        times.push(time);
        most = most.max(peak);
    }
    times.sort();
    let seconds = |time: Duration| time.as_secs_f64();
    println!("{canaries} Canaries, 2 metrics each, {rounds} rounds: minimum, median, maximum");
    println!(
        "one step  {:.2} {:.2} {:.2} s, peak memory {} MiB",
        seconds(times[0]),
        seconds(times[times.len() / 2]),
        seconds(times[times.len() - 1]),
        most / 1024
    );
}

struct Fleet {
    canaries: usize,
    prometheus: String,
    repo: PathBuf,
}

impl Fleet {
    /// One step: its wall time and its peak memory in KiB. Every Canary is to
    /// take `action`.
    fn step(&self, minute: usize, action: Option<&str>) -> (Duration, u64) {
        let now = format!("2026-01-01T{:02}:{:02}:00Z", minute / 60, minute % 60);
        let output = tempfile::NamedTempFile::new().unwrap();
        let started = Instant::now();
        let mut child = Command::new(env!("CARGO_BIN_EXE_weirkeeper"))
            .args(["step", "--format", "json", "--now", &now])
            .args(["--prometheus", &self.prometheus, "--repo"])
            .arg(&self.repo)
            .stdout(Stdio::from(output.reopen().unwrap()))
            .spawn()
            .unwrap();
        let mut peak = 0;
        let status = loop {
            if let Some(status) = child.try_wait().unwrap() {
                break status;
            }
            peak = peak.max(high_water(child.id()).unwrap_or(0));
            std::thread::sleep(Duration::from_millis(2));
        };
        let time = started.elapsed();
        assert!(status.success());
        let text = std::fs::read_to_string(output.path()).unwrap();
        let run: serde_json::Value = serde_json::from_str(&text).unwrap();
        let results = run["results"].as_array().unwrap();
        assert_eq!(results.len(), self.canaries);
        if let Some(action) = action {
            let same = |result: &serde_json::Value| result["action"] == action;
            assert!(results.iter().all(same), "not all {action}");
            assert_eq!(run["pushed"], true);
        }
        (time, peak)
    }
}

/// `VmHWM` of a process in KiB.
fn high_water(process: u32) -> Option<u64> {
    let text = std::fs::read_to_string(format!("/proc/{process}/status")).ok()?;
    let line = text.lines().find(|line| line.starts_with("VmHWM:"))?;
    line.split_whitespace().nth(1)?.parse().ok()
}

fn app(number: usize) -> String {
    format!("apps/team-{:02}/app-{number}", number % TEAMS)
}

/// The repository, packed as a fresh clone is.
fn repository(folder: &Path, canaries: usize) -> PathBuf {
    let seed = folder.join("seed");
    for number in 0..canaries {
        for (file, text) in FILES {
            let text = text.replace("APP", &format!("app-{number}"));
            write(&seed, &format!("{}/{file}", app(number)), &text);
        }
    }
    git(
        folder,
        &["init", "--quiet", "--initial-branch=main", "seed"],
    );
    git(&seed, &["add", "--all"]);
    git(&seed, &["commit", "--quiet", "--message=seed"]);
    git(
        folder,
        &["clone", "--quiet", "--bare", "seed", "remote.git"],
    );
    let remote = folder.join("remote.git");
    git(&remote, &["repack", "-adq"]);
    let url = format!("file://{}", remote.display());
    git(folder, &["clone", "--quiet", &url, "repo"]);
    folder.join("repo")
}

const FILES: [(&str, &str); 4] = [
    (
        "kustomization.yaml",
        "apiVersion: kustomize.config.k8s.io/v1beta1\nkind: Kustomization\nnamespace: shop\n\
         resources:\n  - deployment.yaml\n  - service.yaml\n",
    ),
    (
        "deployment.yaml",
        "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: APP}\n\
         spec:\n  replicas: 2\n  selector: {matchLabels: {app: APP}}\n  template:\n    \
         metadata: {labels: {app: APP}}\n    spec:\n      containers:\n        \
         - {name: APP, image: example.com/APP:1}\n",
    ),
    (
        "service.yaml",
        "apiVersion: v1\nkind: Service\nmetadata: {name: APP}\n\
         spec:\n  selector: {app: APP}\n  ports: [{port: 80}]\n",
    ),
    (
        "canary.yaml",
        "apiVersion: flagger.app/v1beta1\nkind: Canary\nmetadata: {name: APP, namespace: shop}\n\
         spec:\n  targetRef: {apiVersion: apps/v1, kind: Deployment, name: APP}\n  \
         service: {port: 80, gatewayRefs: [{name: edge}]}\n  analysis:\n    interval: 1m\n    \
         threshold: 5\n    stepWeight: 1\n    metrics:\n      \
         - {name: errors, query: 'errors{app=\"{{ target }}\"}', thresholdRange: {max: 1}}\n      \
         - {name: latency, query: 'latency{app=\"{{ target }}\"}', thresholdRange: {max: 500}}\n  \
         gitops: {readiness: {from: none}}\n",
    ),
];

/// A new image for every target.
fn release(repo: &Path, canaries: usize) {
    for number in 0..canaries {
        let path = repo.join(app(number)).join("deployment.yaml");
        let text = std::fs::read_to_string(&path).unwrap();
        std::fs::write(&path, text.replace(":1}", ":2}")).unwrap();
    }
    git(repo, &["commit", "--quiet", "--all", "--message=release"]);
    git(repo, &["push", "--quiet", "origin", "main"]);
}

fn write(root: &Path, path: &str, text: &str) {
    let path = root.join(path);
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    std::fs::write(path, text).unwrap();
}

fn git(folder: &Path, arguments: &[&str]) {
    let output = Command::new("git")
        .args([
            "-c",
            "user.name=bench",
            "-c",
            "user.email=bench@example.com",
        ])
        .args(["-c", "gc.auto=0"])
        .args(arguments)
        .current_dir(folder)
        .env("GIT_CONFIG_GLOBAL", "/dev/null")
        .env("GIT_CONFIG_NOSYSTEM", "1")
        .output()
        .unwrap();
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "git {arguments:?}: {errors}");
}

/// Answers every query with 0 after a while, for as long as the program runs.
/// Connections are kept, as Prometheus keeps them.
fn prometheus() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap());
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let stream = stream.unwrap();
            std::thread::spawn(move || drop(answer(&stream)));
        }
    });
    address
}

/// Answers the requests of one connection until it ends.
fn answer(mut stream: &TcpStream) -> std::io::Result<()> {
    const BODY: &str = r#"{"status":"success","data":{"resultType":"vector","result":[{"metric":{},"value":[0,"0"]}]}}"#;
    stream.set_nodelay(true)?;
    let mut reader = BufReader::new(stream);
    loop {
        let mut length = 0;
        loop {
            let mut line = String::new();
            if reader.read_line(&mut line)? == 0 {
                return Ok(());
            }
            let line = line.trim().to_ascii_lowercase();
            if let Some(value) = line.strip_prefix("content-length:") {
                length = value.trim().parse().unwrap_or(0);
            }
            if line.is_empty() {
                break;
            }
        }
        std::io::Read::read_exact(&mut reader, &mut vec![0; length])?;
        std::thread::sleep(ANSWERS_AFTER);
        let head = "HTTP/1.1 200 OK\r\nContent-Type: application/json";
        let text = format!("{head}\r\nContent-Length: {}\r\n\r\n{BODY}", BODY.len());
        stream.write_all(text.as_bytes())?;
    }
}
