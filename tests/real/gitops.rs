//! A GitOps repository with one Canary, and the built binary that steps it.

use std::path::{Path, PathBuf};
use std::process::Output;

use serde_json::Value as Json;

use crate::parts::{command, everything};
use crate::support::world::{environment, git, write};

/// Analysis every minute; one step of 50 %; the second failed check is one too many.
pub(crate) const CANARY: &str = r#"apiVersion: flagger.app/v1beta1
kind: Canary
metadata:
  name: podinfo
  namespace: test
spec:
  targetRef:
    apiVersion: apps/v1
    kind: Deployment
    name: podinfo
  service:
    port: 9898
    hosts: [podinfo.example.com]
    gatewayRefs:
      - name: public
        namespace: gateways
  analysis:
    interval: 1m
    threshold: 2
    stepWeight: 50
    maxWeight: 50
    metrics:
      - name: request-success-rate
        interval: 1m
        thresholdRange:
          min: 99
      - name: request-duration
        interval: 1m
        thresholdRange:
          max: 500
"#;

const DEPLOYMENT: &str = "apiVersion: apps/v1
kind: Deployment
metadata:
  name: podinfo
  namespace: test
spec:
  replicas: 2
  selector:
    matchLabels:
      app: podinfo
  template:
    metadata:
      labels:
        app: podinfo
    spec:
      containers:
        - name: podinfo
          image: ghcr.io/stefanprodan/podinfo:6.0.0
          ports:
            - containerPort: 9898
";

/// The remote, and the checkout that a workflow would have.
pub(crate) struct GitOps {
    folder: tempfile::TempDir,
}

impl GitOps {
    pub(crate) fn new(canary: &str) -> Self {
        Self::with(&[
            ("apps/podinfo/canary.yaml".to_owned(), canary.to_owned()),
            (
                "apps/podinfo/deployment.yaml".to_owned(),
                DEPLOYMENT.to_owned(),
            ),
        ])
    }

    /// One Canary of each name.
    pub(crate) fn fleet(names: &[String]) -> Self {
        Self::fleet_of(CANARY, names)
    }

    /// The same with another text in place of [`CANARY`].
    pub(crate) fn fleet_of(canary: &str, names: &[String]) -> Self {
        let files = names.iter().flat_map(|name| {
            [("canary", canary), ("deployment", DEPLOYMENT)].map(|(file, text)| {
                let text = text.replace("podinfo", name);
                (format!("apps/{name}/{file}.yaml"), text)
            })
        });
        Self::with(&files.collect::<Vec<_>>())
    }

    fn with(files: &[(String, String)]) -> Self {
        let world = Self {
            folder: tempfile::tempdir().unwrap(),
        };
        let root = world.root();
        git(root, &["init", "-q", "--bare", "-b", "main", "remote.git"]);
        git(root, &["init", "-q", "-b", "main", "checkout"]);
        let remote = format!("file://{}", world.remote().display());
        git(&world.checkout(), &["remote", "add", "origin", &remote]);
        for (path, text) in files {
            write(&world.checkout(), path, text);
        }
        git(&world.checkout(), &["add", "."]);
        git(&world.checkout(), &["commit", "-q", "-m", "Add podinfo"]);
        git(
            &world.checkout(),
            &["push", "-q", "--set-upstream", "origin", "main"],
        );
        world
    }

    pub(crate) fn root(&self) -> &Path {
        self.folder.path()
    }

    pub(crate) fn remote(&self) -> PathBuf {
        self.root().join("remote.git")
    }

    pub(crate) fn checkout(&self) -> PathBuf {
        self.root().join("checkout")
    }

    /// The tip of `main` at the remote.
    pub(crate) fn tip(&self) -> String {
        git(&self.remote(), &["rev-parse", "main"])
    }

    /// A file at the tip of the remote.
    pub(crate) fn file(&self, path: &str) -> String {
        git(&self.remote(), &["show", &format!("main:{path}")])
    }

    /// A file at the tip of the remote, if it is there.
    pub(crate) fn committed(&self, path: &str) -> Option<String> {
        let files = git(&self.remote(), &["ls-tree", "-r", "--name-only", "main"]);
        let mut files = files.lines();
        files.any(|file| file == path).then(|| self.file(path))
    }

    /// Replaces text in a file, as a person would with a commit.
    pub(crate) fn edit(&self, path: &str, from: &str, to: &str) {
        let folder = tempfile::tempdir_in(self.root()).unwrap();
        let clone = folder.path().join("clone");
        let remote = self.remote().display().to_string();
        git(
            self.root(),
            &["clone", "-q", &remote, &clone.display().to_string()],
        );
        let text = fs_err::read_to_string(clone.join(path)).unwrap();
        assert!(text.contains(from), "{text}");
        write(&clone, path, &text.replace(from, to));
        git(&clone, &["commit", "-q", "-a", "-m", "Somebody edits"]);
        git(&clone, &["push", "-q", "origin", "HEAD:main"]);
    }

    /// Installs a hook in the remote that refuses every push.
    pub(crate) fn refuse_pushes(&self, words: &str) {
        use std::os::unix::fs::PermissionsExt as _;
        let path = self.remote().join("hooks/pre-receive");
        fs_err::create_dir_all(path.parent().unwrap()).unwrap();
        let script = format!("#!/bin/sh\necho '{words}' >&2\nexit 1\n");
        fs_err::write(&path, script).unwrap();
        fs_err::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).unwrap();
    }

    /// `weirkeeper step` in the checkout, results as JSON.
    pub(crate) fn step(&self, arguments: &[&str], variables: &[(&str, &str)]) -> Step {
        step(&self.checkout(), arguments, variables)
    }
}

/// `weirkeeper step` in a folder, results as JSON.
pub(crate) fn step(folder: &Path, arguments: &[&str], variables: &[(&str, &str)]) -> Step {
    let output = command(env!("CARGO_BIN_EXE_weirkeeper"))
        .args(["step", "--format", "json"])
        .args(arguments)
        .current_dir(folder)
        .envs(environment())
        .envs(variables.iter().copied())
        .output()
        .unwrap();
    Step(output)
}

/// What a run of `step` said.
#[must_use]
pub(crate) struct Step(Output);

impl Step {
    pub(crate) fn code(&self) -> i32 {
        self.0.status.code().unwrap()
    }

    /// Standard error.
    pub(crate) fn messages(&self) -> String {
        String::from_utf8(self.0.stderr.clone()).unwrap()
    }

    /// The result of the one Canary.
    ///
    /// # Panics
    /// When the run failed.
    pub(crate) fn result(&self) -> Json {
        self.results().swap_remove(0)
    }

    /// The results of all Canaries.
    ///
    /// # Panics
    /// When the run failed.
    pub(crate) fn results(&self) -> Vec<Json> {
        assert_eq!(self.code(), 0, "{}", everything(&self.0));
        let run: Json = serde_json::from_slice(&self.0.stdout).unwrap();
        run["results"].as_array().unwrap().clone()
    }

    /// Phase, weights, and the first reason, on one line.
    pub(crate) fn line(&self) -> String {
        self.lines().swap_remove(0)
    }

    /// The same for all Canaries.
    pub(crate) fn lines(&self) -> Vec<String> {
        let results = self.results();
        results.iter().map(Self::told).collect()
    }

    fn told(result: &Json) -> String {
        let text = |name: &str| result[name].as_str().unwrap_or("-").to_owned();
        format!(
            "{} {} {}/{}: {}",
            text("phase"),
            text("action"),
            result["primaryWeight"],
            result["canaryWeight"],
            result["reasons"][0].as_str().unwrap_or("-")
        )
    }
}
