//! A GitOps repository: a bare remote, a person who edits it, and a checkout that takes steps.

use std::cell::Cell;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde_json::Value;

use super::program::{Call, Ran};
use super::prometheus::{Prometheus, Says};
use super::world::{git, write};

/// Name of the Canary of the fixture `podinfo`.
pub(crate) const PODINFO: &str = "test/podinfo";

/// Where example repositories lie.
pub(crate) fn fixtures() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/repos")
}

/// See the module.
#[derive(Debug)]
pub(crate) struct World {
    folder: tempfile::TempDir,
    pub(crate) prometheus: Prometheus,
    /// Minutes since the beginning of 2026.
    minute: Cell<i64>,
}

impl World {
    /// A repository with these files.
    pub(crate) fn new<'a>(files: impl IntoIterator<Item = (&'a str, &'a str)>) -> Self {
        let world = Self {
            folder: tempfile::tempdir().unwrap(),
            prometheus: Prometheus::start(),
            minute: Cell::new(0),
        };
        world.prometheus.set("http_request", Says::Value(99.9));
        // No series is that of canary and primary.
        world.prometheus.set(") and (", Says::Nothing);
        let person = world.person();
        git(
            world.path(),
            &["init", "-q", "--bare", "-b", "main", "remote.git"],
        );
        git(world.path(), &["init", "-q", "-b", "main", "person"]);
        git(&person, &["remote", "add", "origin", "../remote.git"]);
        for (path, text) in files {
            write(&person, path, text);
        }
        world.push("manifests");
        git(world.path(), &["clone", "-q", "remote.git", "checkout"]);
        world
    }

    /// A copy of `fixtures/repos/<name>`.
    pub(crate) fn of(fixture: &str) -> Self {
        let files = tree(&fixtures().join(fixture));
        Self::new(files.iter().map(|(path, text)| (&**path, &**text)))
    }

    /// The fixture `podinfo` with changes: file, what is there, what is to be there.
    pub(crate) fn with(changes: &[(&str, &str, &str)]) -> Self {
        let mut files = tree(&fixtures().join("podinfo"));
        for (path, from, to) in changes {
            let text = files.get_mut(*path).unwrap();
            assert!(text.contains(from), "no `{from}` in {path}");
            *text = text.replacen(from, to, 1);
        }
        Self::new(files.iter().map(|(path, text)| (&**path, &**text)))
    }

    pub(crate) fn path(&self) -> &Path {
        self.folder.path()
    }

    pub(crate) fn remote(&self) -> PathBuf {
        self.path().join("remote.git")
    }

    /// The clone of the person.
    pub(crate) fn person(&self) -> PathBuf {
        self.path().join("person")
    }

    /// The clone that takes steps.
    pub(crate) fn checkout(&self) -> PathBuf {
        self.path().join("checkout")
    }

    // ----- the person -----

    /// The person changes a file at the tip of the branch, and pushes it.
    #[track_caller]
    pub(crate) fn edit(&self, path: &str, from: &str, to: &str) {
        let text = self.read(path);
        assert!(text.contains(from), "no `{from}` in {path}:\n{text}");
        self.put(path, text.replacen(from, to, 1));
    }

    /// The person writes a file and pushes it.
    pub(crate) fn put(&self, path: &str, text: impl AsRef<[u8]>) {
        self.pull();
        let file = self.person().join(path);
        fs_err::create_dir_all(file.parent().unwrap()).unwrap();
        fs_err::write(file, text).unwrap();
        self.push(&format!("change {path}"));
    }

    pub(crate) fn pull(&self) {
        git(
            &self.person(),
            &["pull", "-q", "--ff-only", "origin", "main"],
        );
    }

    pub(crate) fn push(&self, message: &str) {
        let person = self.person();
        git(&person, &["add", "-A"]);
        git(&person, &["commit", "-q", "-m", message]);
        git(&person, &["push", "-q", "origin", "HEAD:main"]);
    }

    // ----- the remote -----

    /// The tip of `main` at the remote.
    pub(crate) fn tip(&self) -> String {
        git(&self.remote(), &["rev-parse", "main"])
    }

    /// A file at the tip of the remote, every byte.
    #[track_caller]
    pub(crate) fn read(&self, path: &str) -> String {
        git_bytes(&self.remote(), &["show", &format!("main:{path}")])
    }

    /// Every file at the tip of the remote.
    pub(crate) fn files(&self) -> BTreeMap<String, String> {
        let folder = tempfile::tempdir_in(self.path()).unwrap();
        let work_tree = format!("--work-tree={}", folder.path().display());
        let index = folder.path().join(".index");
        let mut command = std::process::Command::new("git");
        command
            .args([&work_tree, "--git-dir"])
            .arg(self.remote())
            .args(["checkout", "-q", "-f", "main", "--", "."])
            .env_clear()
            .envs(super::world::environment())
            .env("GIT_INDEX_FILE", &index);
        assert!(command.status().unwrap().success());
        fs_err::remove_file(index).unwrap();
        tree(folder.path())
    }

    /// The log of the remote, newest first, `count` commits in `format`.
    pub(crate) fn log(&self, count: usize, format: &str) -> String {
        let (count, format) = (format!("-{count}"), format!("--format={format}"));
        git(&self.remote(), &["log", &count, &format, "main"])
    }

    /// The number of commits at the remote.
    pub(crate) fn commits(&self) -> usize {
        let count = git(&self.remote(), &["rev-list", "--count", "main"]);
        count.parse().unwrap()
    }

    /// From now on, what the remote runs before it takes a push.
    pub(crate) fn pre_receive(&self, script: &str) {
        use std::os::unix::fs::PermissionsExt as _;
        let hook = self.remote().join("hooks/pre-receive");
        fs_err::create_dir_all(hook.parent().unwrap()).unwrap();
        fs_err::write(&hook, format!("#!/bin/sh\n{script}\n")).unwrap();
        fs_err::set_permissions(hook, std::fs::Permissions::from_mode(0o755)).unwrap();
    }

    // ----- the program -----

    /// Any call, at the time it is now.
    pub(crate) fn weirkeeper<S: AsRef<std::ffi::OsStr>>(
        &self,
        arguments: impl IntoIterator<Item = S>,
    ) -> Call {
        Call::new(&self.checkout(), self.path())
            .args(["--now", &self.now()])
            .args(arguments)
    }

    /// The time it is now.
    pub(crate) fn now(&self) -> String {
        let start: jiff::Timestamp = "2026-01-01T00:00:00Z".parse().unwrap();
        let minutes = jiff::SignedDuration::from_mins(self.minute.get());
        start.checked_add(minutes).unwrap().to_string()
    }

    /// Lets `minutes` pass.
    pub(crate) fn wait(&self, minutes: i64) {
        self.minute.set(self.minute.get() + minutes);
    }

    /// The call of a step that asks the Prometheus of this world, results as JSON.
    pub(crate) fn stepping(&self) -> Call {
        self.weirkeeper(["step", "--format", "json", "--prometheus"])
            .arg(self.prometheus.url())
    }

    /// The same in another clone.
    pub(crate) fn stepping_in(&self, folder: &Path) -> Call {
        Call::new(folder, self.path())
            .args(["step", "--format", "json", "--now", &self.now()])
            .args(["--prometheus", &self.prometheus.url()])
    }

    /// One more clone of the remote.
    pub(crate) fn clone(&self, name: &str) -> PathBuf {
        git(self.path(), &["clone", "-q", "remote.git", name]);
        self.path().join(name)
    }

    /// A step at the time it is now.
    pub(crate) fn step(&self) -> Ran {
        self.stepping().run()
    }

    /// A step one interval later.
    pub(crate) fn next(&self) -> Ran {
        self.wait(1);
        self.step()
    }

    /// A step one interval later, of the Canary of the fixture `podinfo`, in one line.
    #[track_caller]
    pub(crate) fn tick(&self) -> String {
        line(&self.next().exits(0).result(PODINFO))
    }

    /// Ticks until one of them takes this action; the lines of all.
    #[track_caller]
    pub(crate) fn until(&self, action: &str) -> Vec<String> {
        let mut lines = Vec::new();
        loop {
            let line = self.tick();
            let found = line
                .split(" ")
                .nth(2)
                .map(|word| word.trim_end_matches(":"))
                == Some(action);
            lines.push(line);
            if found {
                return lines;
            }
            assert!(lines.len() < 20, "no {action}: {lines:#?}");
        }
    }

    /// The bootstrap of the fixture `podinfo`: route and primary are there, the target is idle.
    pub(crate) fn bootstrap(&self) {
        self.until("initialized");
        assert!(self.tick().ends_with("scaled to zero"));
    }

    /// A new image in the fixture `podinfo`.
    pub(crate) fn release(&self, from: &str, to: &str) {
        self.edit("apps/podinfo/deployment.yaml", from, to);
    }

    /// What to hide of a text that is compared: folders, ports, commits.
    pub(crate) fn filters(&self) -> Vec<(String, &'static str)> {
        vec![
            (self.path().display().to_string(), "[DIR]"),
            (self.prometheus.url(), "http://prometheus"),
            (r"\b[0-9a-f]{40}\b".to_owned(), "[COMMIT]"),
            (r"commit [0-9a-f]{8}\b".to_owned(), "commit [COMMIT]"),
            (r"127\.0\.0\.1:\d{4,5}\b".to_owned(), "127.0.0.1:12345"),
        ]
    }
}

/// Phase, weights, action, failed checks and first reason of a result.
pub(crate) fn line(result: &Value) -> String {
    let text = |value: &Value| match value.is_null() {
        true => "-".to_owned(),
        false => plain(value),
    };
    let mut line = format!(
        "{} {}/{} {}",
        text(&result["phase"]),
        text(&result["primaryWeight"]),
        text(&result["canaryWeight"]),
        text(&result["action"]),
    );
    if result["failedChecks"] != 0 {
        line.push_str(&format!(" f{}", result["failedChecks"]));
    }
    format!("{line}: {}", text(&result["reasons"][0]))
}

/// A value without the quotes of a text.
pub(crate) fn plain(value: &Value) -> String {
    value
        .as_str()
        .map_or_else(|| value.to_string(), str::to_owned)
}

/// Every file below `folder`, by path.
pub(crate) fn tree(folder: &Path) -> BTreeMap<String, String> {
    let mut files = BTreeMap::new();
    for entry in ignore::WalkBuilder::new(folder)
        .standard_filters(false)
        .build()
    {
        let entry = entry.unwrap();
        if entry.file_type().unwrap().is_file() {
            let path = entry.path().strip_prefix(folder).unwrap();
            let bytes = fs_err::read(entry.path()).unwrap();
            let text = String::from_utf8_lossy(&bytes).into_owned();
            files.insert(path.to_str().unwrap().to_owned(), text);
        }
    }
    files
}

/// What `git` prints, every byte of it.
#[track_caller]
fn git_bytes(folder: &Path, arguments: &[&str]) -> String {
    let output = std::process::Command::new("git")
        .args(arguments)
        .current_dir(folder)
        .env_clear()
        .envs(super::world::environment())
        .output()
        .unwrap();
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "git {arguments:?}: {stderr}");
    String::from_utf8_lossy(&output.stdout).into_owned()
}
