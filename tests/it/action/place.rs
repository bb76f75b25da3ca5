//! A runner of workflows as far as the scripts of the action see it: a copy of
//! the action with a small source, folders, and stand-ins for programs.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use super::source_tree;

/// Version of the copied action.
pub(crate) const VERSION: &str = "0.3.0";

/// What `find.sh` or another script said, and how it ended.
pub(crate) struct Ran {
    pub(crate) code: i32,
    /// Both streams.
    pub(crate) text: String,
    pub(crate) outputs: BTreeMap<String, String>,
}

impl Ran {
    /// Takes it that the script did what it was asked.
    pub(crate) fn fine(self) -> Self {
        assert_eq!(self.code, 0, "{}", self.text);
        self
    }

    /// Takes it that the script refused, with an annotation that says `parts`.
    pub(crate) fn refused(&self, parts: &[&str]) {
        let found = self.text.lines().find(|line| line.starts_with("::error"));
        let annotation = found.unwrap_or_else(|| panic!("{}: {}", self.code, self.text));
        for part in parts {
            assert!(annotation.contains(part), "{part}: {}", self.text);
        }
        assert_eq!(self.code, 2, "{}", self.text);
    }

    pub(crate) fn output(&self, name: &str) -> &str {
        let found = self.outputs.get(name);
        found.unwrap_or_else(|| panic!("no {name}: {:?} {}", self.outputs, self.text))
    }
}

pub(crate) struct Place {
    folder: tempfile::TempDir,
    path: String,
    variables: Vec<(String, String)>,
}

impl Place {
    /// A machine of Linux on x86-64 with Rust, and an action that comes from
    /// `repository`.
    pub(crate) fn new(repository: &str) -> Self {
        let folder = tempfile::Builder::new().prefix("a runner ").tempdir();
        let folder = folder.unwrap();
        let path = option_env!("PATH").unwrap_or("/usr/bin:/bin");
        let path = format!("{}:{path}", folder.path().join("bin").display());
        let mut place = Self {
            folder,
            path,
            variables: Vec::new(),
        };
        for script in ["action", ".github/release"] {
            for entry in fs_err::read_dir(source_tree().join(script)).unwrap() {
                let entry = entry.unwrap();
                let copy = place.source(script).join(entry.file_name());
                fs_err::create_dir_all(copy.parent().unwrap()).unwrap();
                fs_err::copy(entry.path(), copy).unwrap();
            }
        }
        let manifest = format!(
            "[package]\nname = \"weirkeeper\"\nversion = \"{VERSION}\"\nrust-version = \"1.95\"\nrepository = \"{repository}\"\n\n[dependencies]\nother = {{ version = \"1\" }}\n"
        );
        for (file, text) in [
            ("Cargo.toml", manifest.as_str()),
            ("Cargo.lock", ""),
            ("src/main.rs", "fn main() {}"),
            ("templates/summary.md", "x"),
            ("README.md", "read me"),
            ("LICENSE", "do"),
            ("CHANGELOG.md", "new"),
            ("action/checksums", "# none yet\n"),
        ] {
            place.write(&place.source(file), text);
        }
        place.machine("Linux", "x86_64");
        place.program("sleep", "exit 0");
        place.program("rustc", "echo rustc 1.95.0");
        place.program("cargo", "echo no cargo here; exit 9");
        place.program("gh", "exit 1");
        for (name, value) in [
            ("RUNNER_TEMP", "temp"),
            ("RUNNER_TOOL_CACHE", "tools"),
            ("GITHUB_ACTION_PATH", "source"),
        ] {
            let folder = place.folder().join(value);
            fs_err::create_dir_all(&folder).unwrap();
            place.set(name, &folder.display().to_string());
        }
        place.set("GITHUB_SERVER_URL", "https://github.com");
        place.set("ACTION_BINARY", "");
        place.set("ACTION_VERSION", "");
        place.set("ACTION_GITHUB_TOKEN", "");
        place
    }

    pub(crate) fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// A file of the copied action.
    pub(crate) fn source(&self, path: &str) -> PathBuf {
        self.folder().join("source").join(path)
    }

    pub(crate) fn write(&self, path: &Path, text: impl AsRef<[u8]>) {
        fs_err::create_dir_all(path.parent().unwrap()).unwrap();
        fs_err::write(path, text).unwrap();
    }

    /// A stand-in for a program of the machine.
    pub(crate) fn program(&self, name: &str, script: &str) {
        self.executable(&self.folder().join("bin").join(name), script);
    }

    pub(crate) fn executable(&self, path: &Path, script: &str) {
        use std::os::unix::fs::PermissionsExt as _;
        self.write(path, format!("#!/bin/sh\n{script}\n"));
        fs_err::set_permissions(path, std::fs::Permissions::from_mode(0o755)).unwrap();
    }

    /// What `uname` says.
    pub(crate) fn machine(&self, system: &str, processor: &str) {
        let script = format!("case $1 in -s) echo {system} ;; -m) echo {processor} ;; esac");
        self.program("uname", &script);
    }

    /// Leaves the machine with the stand-ins and these programs, no others.
    pub(crate) fn only(&mut self, programs: &[&str]) {
        let bin = self.folder().join("bin");
        for program in programs {
            let mut folders = self.path.split(':').map(Path::new);
            let found = folders
                .find_map(|folder| Some(folder.join(program)).filter(|found| found.is_file()));
            let found = found.unwrap_or_else(|| panic!("no {program}"));
            if !bin.join(program).exists() {
                std::os::unix::fs::symlink(found, bin.join(program)).unwrap();
            }
        }
        self.path = bin.display().to_string();
    }

    /// Sets a variable of the scripts.
    pub(crate) fn set(&mut self, name: &str, value: &str) {
        self.variables.retain(|(known, _)| known != name);
        self.variables.push((name.to_owned(), value.to_owned()));
    }

    /// Runs a script of the action in a folder that is no part of it.
    pub(crate) fn script(&self, name: &str, arguments: &[&str]) -> Ran {
        let mut command = Command::new(self.source(name));
        self.run(command.args(arguments)).1
    }

    /// Runs a step as a runner does: `script` in a file, given to bash. The first
    /// value is the process that the runner started, and sends signals to.
    pub(crate) fn step(&self, script: &str) -> (u32, Ran) {
        let file = self.folder().join("step.sh");
        self.write(&file, script);
        let mut command = Command::new("bash");
        command.args(["--noprofile", "--norc", "-e", "-o", "pipefail"]);
        self.run(command.arg(file))
    }

    fn run(&self, command: &mut Command) -> (u32, Ran) {
        let outputs = self.folder().join("outputs");
        fs_err::write(&outputs, "").unwrap();
        let child = command
            .current_dir(self.folder())
            .env_clear()
            .env("PATH", &self.path)
            .env("GITHUB_OUTPUT", &outputs)
            .envs(self.variables.iter().map(|(name, value)| (name, value)))
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let process = child.id();
        let output = child.wait_with_output().unwrap();
        let [out, err] =
            [output.stdout, output.stderr].map(|text| String::from_utf8(text).unwrap());
        let written = fs_err::read_to_string(outputs).unwrap();
        let pairs = written.lines().map(|line| line.split_once('=').unwrap());
        let ran = Ran {
            code: output.status.code().unwrap(),
            text: format!("{out}{err}"),
            outputs: pairs
                .map(|(name, value)| (name.to_owned(), value.to_owned()))
                .collect(),
        };
        (process, ran)
    }

    pub(crate) fn find(&self) -> Ran {
        self.script("action/find.sh", &[])
    }

    /// Gives what was found to the scripts after it, as `action.yml` does.
    pub(crate) fn take(&mut self, found: &Ran) {
        for (variable, output) in [
            ("ACTION_FOLDER", "folder"),
            ("ACTION_RELEASE", "release"),
            ("ACTION_SUM", "sum"),
            ("ACTION_TAG", "tag"),
        ] {
            let value = found.outputs.get(output).map_or("", String::as_str);
            self.set(variable, value);
        }
    }

    /// The files below a folder, by name.
    pub(crate) fn files(&self, folder: &str) -> Vec<String> {
        let mut found = Vec::new();
        let mut folders = vec![self.folder().join(folder)];
        while let Some(folder) = folders.pop() {
            for entry in fs_err::read_dir(folder).unwrap() {
                let entry = entry.unwrap();
                match entry.file_type().unwrap().is_dir() {
                    true => folders.push(entry.path()),
                    false => found.push(entry.file_name().into_string().unwrap()),
                }
            }
        }
        found.sort();
        found
    }
}
