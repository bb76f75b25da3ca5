//! Test support: repositories in a temporary folder, and a `git` that sees nothing of the machine's
//! configuration. Also part of the integration tests.

use std::path::{Path, PathBuf};
use std::process::Command;

/// The environment every `git` of a test gets.
pub(crate) fn environment() -> Vec<(String, String)> {
    let date = "2024-05-01T12:00:00Z";
    let pairs = [
        ("PATH", option_env!("PATH").unwrap_or("/usr/bin:/bin")),
        ("HOME", "/nonexistent"),
        ("GIT_CONFIG_GLOBAL", "/dev/null"),
        ("GIT_CONFIG_NOSYSTEM", "1"),
        ("GIT_AUTHOR_NAME", "Ann"),
        ("GIT_AUTHOR_EMAIL", "ann@example.com"),
        ("GIT_AUTHOR_DATE", date),
        ("GIT_COMMITTER_NAME", "Ann"),
        ("GIT_COMMITTER_EMAIL", "ann@example.com"),
        ("GIT_COMMITTER_DATE", date),
    ];
    pairs
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .to_vec()
}

/// Runs `git` in `folder` and returns what it prints; panics when it fails.
pub(crate) fn git<S: AsRef<str>>(folder: &Path, arguments: &[S]) -> String {
    let output = Command::new("git")
        .args(arguments.iter().map(AsRef::as_ref))
        .current_dir(folder)
        .env_clear()
        .envs(environment())
        .output()
        .unwrap();
    let stderr = String::from_utf8_lossy(&output.stderr);
    let list: Vec<&str> = arguments.iter().map(AsRef::as_ref).collect();
    assert!(output.status.success(), "git {list:?}: {stderr}");
    String::from_utf8(output.stdout)
        .unwrap()
        .trim_end()
        .to_owned()
}

/// Writes a file and the folders above it.
pub(crate) fn write(folder: &Path, path: &str, text: &str) {
    let path = folder.join(path);
    fs_err::create_dir_all(path.parent().unwrap()).unwrap();
    fs_err::write(path, text).unwrap();
}

/// A bare repository with three commits on `main`, and clones of it.
pub(crate) struct World {
    folder: tempfile::TempDir,
}

impl World {
    pub(crate) fn new() -> Self {
        let world = Self {
            folder: tempfile::tempdir().unwrap(),
        };
        git(
            world.path(),
            &["init", "-q", "--bare", "-b", "main", "remote.git"],
        );
        let first = world.clone("first", &[]);
        for (path, text) in [
            ("apps/route.yaml", "kind: HTTPRoute\nweight: 0\n"),
            ("apps/canary.yaml", "kind: Canary\n"),
            ("run.sh", "#!/bin/sh\n"),
        ] {
            write(&first, path, text);
            git(&first, &["add", "."]);
            if path == "run.sh" {
                git(&first, &["update-index", "--chmod=+x", "run.sh"]);
            }
            git(&first, &["commit", "-q", "-m", path]);
        }
        git(&first, &["push", "-q", "origin", "HEAD:main"]);
        world
    }

    pub(crate) fn path(&self) -> &Path {
        self.folder.path()
    }

    pub(crate) fn remote(&self) -> PathBuf {
        self.path().join("remote.git")
    }

    /// `git clone` with `options`, over `file://`, so that depth and filter work.
    pub(crate) fn clone(&self, name: &str, options: &[&str]) -> PathBuf {
        let url = format!("file://{}", self.remote().display());
        let mut arguments = vec!["clone", "-q"];
        arguments.extend_from_slice(options);
        arguments.extend_from_slice(&[&*url, name]);
        git(self.path(), &arguments);
        self.path().join(name)
    }

    /// The tip of `main` at the remote.
    pub(crate) fn tip(&self) -> String {
        git(&self.remote(), &["rev-parse", "main"])
    }

    /// Commits a file from a fresh clone and pushes it.
    pub(crate) fn someone_pushes(&self, path: &str, text: &str) -> String {
        let folder = tempfile::tempdir_in(self.path()).unwrap();
        let name = folder.path().join("clone").display().to_string();
        let clone = self.clone(&name, &[]);
        write(&clone, path, text);
        git(&clone, &["add", "."]);
        git(&clone, &["commit", "-q", "-m", "someone"]);
        git(&clone, &["push", "-q", "origin", "HEAD:main"]);
        self.tip()
    }

    /// Installs a hook in the remote.
    #[cfg(unix)]
    pub(crate) fn hook(&self, name: &str, script: &str) {
        use std::os::unix::fs::PermissionsExt as _;
        let path = self.remote().join("hooks").join(name);
        fs_err::create_dir_all(path.parent().unwrap()).unwrap();
        fs_err::write(&path, format!("#!/bin/sh\n{script}\n")).unwrap();
        fs_err::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).unwrap();
    }
}
