//! One `step` in a repository of 20,000 YAML files and 500 routes, beside what
//! cannot be saved: a `git fetch`, one request, a `git push`. Prints wall times
//! and the peak memory of the step.
//!
//! `cargo bench --bench step` (rounds: `-- 20`).

#![allow(clippy::unwrap_used, reason = "a measurement that cannot be made ends")]
#![allow(clippy::print_stdout, reason = "the figures are the result")]
#![allow(
    clippy::disallowed_methods,
    reason = "PATH, and the files of a benchmark"
)]

use std::fmt::Write as _;
use std::io::{BufRead as _, BufReader, Write as _};
use std::net::TcpListener;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

const FILES: usize = 20_000;
const ROUTES: usize = 500;

fn main() {
    let rounds = std::env::args()
        .skip(1)
        .find_map(|argument| argument.parse().ok())
        .unwrap_or(10_usize)
        .min(45);
    let folder = tempfile::tempdir().unwrap();
    let prometheus = prometheus();
    let repo = repository(folder.path());
    for minute in 0..3 {
        step(&repo, &prometheus, minute);
    }
    release(&repo);
    step(&repo, &prometheus, 10);

    let (mut first, mut next, mut floors) = (Steps::default(), Steps::default(), Vec::new());
    for round in 0..rounds {
        std::fs::remove_dir_all(repo.join(".git/weirkeeper")).unwrap();
        first.push(step(&repo, &prometheus, 11 + 2 * round));
        next.push(step(&repo, &prometheus, 12 + 2 * round));
        floors.push(floor(&repo, &prometheus));
    }
    println!("{FILES} files, {ROUTES} routes, {rounds} rounds: minimum, median, maximum");
    let floor = show("fetch + request + push", &mut floors);
    first.show("step in a fresh clone", floor);
    next.show("step that remembers", floor);
}

/// Steps of one kind.
#[derive(Default)]
struct Steps {
    times: Vec<Duration>,
    /// Of their peak memories.
    most: u64,
}

impl Steps {
    fn push(&mut self, (time, peak): (Duration, u64)) {
        self.times.push(time);
        self.most = self.most.max(peak);
    }

    fn show(&mut self, name: &str, floor: f64) {
        let ratio = show(name, &mut self.times) / floor;
        let most = self.most / 1024;
        println!(
            "{:<24} {ratio:.2} times the floor, peak memory {most} MiB",
            ""
        );
    }
}

fn show(name: &str, times: &mut [Duration]) -> f64 {
    times.sort();
    let millis = |time: Duration| time.as_secs_f64() * 1e3;
    let median = millis(times[times.len() / 2]);
    println!(
        "{name:<24} {:>7.1} {median:>7.1} {:>7.1} ms",
        millis(times[0]),
        millis(times[times.len() - 1])
    );
    median
}

/// One step: its wall time and its peak memory in KiB.
fn step(repo: &Path, prometheus: &str, minute: usize) -> (Duration, u64) {
    let now = format!("2026-01-01T{:02}:{:02}:00Z", minute / 60, minute % 60);
    let started = Instant::now();
    let mut child = Command::new(env!("CARGO_BIN_EXE_weirkeeper"))
        .args(["step", "--prometheus", prometheus, "--now", &now, "--repo"])
        .arg(repo)
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut peak = 0;
    let status = loop {
        if let Some(status) = child.try_wait().unwrap() {
            break status;
        }
        let proc = std::fs::read_to_string(format!("/proc/{}/status", child.id()));
        let high = proc.ok().and_then(|text| {
            let line = text.lines().find(|line| line.starts_with("VmHWM:"))?;
            line.split_whitespace().nth(1)?.parse().ok()
        });
        peak = peak.max(high.unwrap_or(0));
        std::thread::sleep(Duration::from_millis(1));
    };
    let time = started.elapsed();
    let output = child.wait_with_output().unwrap();
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(status.success() && text.contains("commit "), "{text}");
    (time, peak)
}

/// What every program that does this job has to do.
fn floor(repo: &Path, prometheus: &str) -> Duration {
    let commit = git(
        repo,
        &["commit-tree", "-p", "main", "-m", "floor", "main^{tree}"],
    );
    let push = format!("{}:refs/heads/floor", commit.trim());
    let started = Instant::now();
    git(repo, &["fetch", "--quiet", "origin", "main"]);
    let address = format!("{prometheus}/api/v1/query?query=up");
    let asked = Command::new("curl")
        .args(["--silent", "--fail", &address])
        .stdout(Stdio::null())
        .status();
    assert!(asked.unwrap().success());
    git(repo, &["push", "--quiet", "--force", "origin", &push]);
    started.elapsed()
}

/// The repository, packed as a fresh clone is.
fn repository(folder: &Path) -> std::path::PathBuf {
    let (seed, remote, repo) = (
        folder.join("seed"),
        folder.join("remote.git"),
        folder.join("repo"),
    );
    let mut settings = String::new();
    for key in 0..70 {
        writeln!(settings, "  key-{key}: \"a setting of about this length\"").unwrap();
    }
    for number in 0..FILES {
        let app = format!("apps/team-{}/app-{number}", number % 50);
        if number < ROUTES {
            write(&seed, &format!("{app}/route.yaml"), &route(number));
        }
        let config = format!(
            "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: app-{number}\ndata:\n{settings}"
        );
        write(&seed, &format!("{app}/config.yaml"), &config);
    }
    for (path, text) in PODINFO {
        write(&seed, path, text);
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
    git(&remote, &["repack", "-adq"]);
    let url = format!("file://{}", remote.display());
    git(folder, &["clone", "--quiet", &url, "repo"]);
    repo
}

const PODINFO: [(&str, &str); 3] = [
    (
        "apps/podinfo/deployment.yaml",
        "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: podinfo, namespace: shop}\n\
         spec:\n  replicas: 2\n  selector: {matchLabels: {app: podinfo}}\n  template:\n    \
         metadata: {labels: {app: podinfo}}\n    spec:\n      containers:\n        \
         - {name: podinfo, image: podinfo:1}\n",
    ),
    (
        "apps/podinfo/service.yaml",
        "apiVersion: v1\nkind: Service\nmetadata: {name: podinfo, namespace: shop}\n\
         spec:\n  selector: {app: podinfo}\n  ports: [{port: 80}]\n",
    ),
    (
        "apps/podinfo/canary.yaml",
        "apiVersion: flagger.app/v1beta1\nkind: Canary\nmetadata: {name: podinfo, namespace: shop}\n\
         spec:\n  targetRef: {apiVersion: apps/v1, kind: Deployment, name: podinfo}\n  \
         service: {port: 80, gatewayRefs: [{name: edge}]}\n  analysis:\n    interval: 1m\n    \
         threshold: 5\n    stepWeight: 1\n    metrics:\n      \
         - {name: up, query: up, thresholdRange: {max: 1}}\n  \
         gitops: {readiness: {from: none}}\n",
    ),
];

fn route(number: usize) -> String {
    format!(
        "apiVersion: gateway.networking.k8s.io/v1\nkind: HTTPRoute\nmetadata:\n  name: app-{number}\n\
         spec:\n  rules:\n    - backendRefs:\n        - name: app-{number}\n          port: 80\n"
    )
}

fn release(repo: &Path) {
    let path = repo.join("apps/podinfo/deployment.yaml");
    let text = std::fs::read_to_string(&path).unwrap();
    std::fs::write(&path, text.replace("podinfo:1", "podinfo:2")).unwrap();
    git(repo, &["commit", "--quiet", "--all", "--message=release"]);
    git(repo, &["push", "--quiet", "origin", "main"]);
}

fn write(root: &Path, path: &str, text: &str) {
    let path = root.join(path);
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    std::fs::write(path, text).unwrap();
}

fn git(folder: &Path, arguments: &[&str]) -> String {
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
    String::from_utf8(output.stdout).unwrap()
}

/// Answers every query with 0, for as long as the program runs.
fn prometheus() -> String {
    const BODY: &str = r#"{"status":"success","data":{"resultType":"vector","result":[{"metric":{},"value":[0,"0"]}]}}"#;
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap());
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            let lines = BufReader::new(stream.try_clone().unwrap()).lines();
            let _request: Vec<_> = lines
                .take_while(|line| line.as_ref().is_ok_and(|line| !line.is_empty()))
                .collect();
            let head = "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nConnection: close";
            let length = BODY.len();
            write!(stream, "{head}\r\nContent-Length: {length}\r\n\r\n{BODY}").unwrap();
        }
    });
    address
}
