//! Runs the program with nothing of the machine's environment.

use std::ffi::OsStr;
use std::fmt;
use std::io::Write as _;
use std::path::Path;
use std::process::{Child, Command, Stdio};

use serde_json::Value;

/// A call of the program that is being put together.
#[derive(Debug)]
pub(crate) struct Call {
    command: Command,
    stdin: Vec<u8>,
}

/// What came of a call.
#[derive(Debug)]
pub(crate) struct Ran {
    pub(crate) code: i32,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Call {
    /// In `folder`, with `home` as the folder of the user.
    pub(crate) fn new(folder: &Path, home: &Path) -> Self {
        let mut command = Command::new(env!("CARGO_BIN_EXE_weirkeeper"));
        command
            .current_dir(folder)
            .env_clear()
            .env("PATH", option_env!("PATH").unwrap_or("/usr/bin:/bin"))
            .env("HOME", home)
            .env("GIT_CONFIG_GLOBAL", "/dev/null")
            .env("GIT_CONFIG_NOSYSTEM", "1")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        Self {
            command,
            stdin: Vec::new(),
        }
    }

    pub(crate) fn arg(mut self, argument: impl AsRef<OsStr>) -> Self {
        self.command.arg(argument);
        self
    }

    pub(crate) fn args<S: AsRef<OsStr>>(mut self, list: impl IntoIterator<Item = S>) -> Self {
        self.command.args(list);
        self
    }

    pub(crate) fn env(mut self, name: &str, value: impl AsRef<OsStr>) -> Self {
        self.command.env(name, value);
        self
    }

    pub(crate) fn stdin(mut self, bytes: impl Into<Vec<u8>>) -> Self {
        self.stdin = bytes.into();
        self
    }

    /// The same call as arguments of another program, such as one that sets limits.
    pub(crate) fn under<S: AsRef<OsStr>>(self, wrapper: impl IntoIterator<Item = S>) -> Self {
        let mut wrapper = wrapper.into_iter();
        let mut command = Command::new(wrapper.next().unwrap());
        command
            .args(wrapper)
            .arg(self.command.get_program())
            .args(self.command.get_args())
            .env_clear()
            .current_dir(self.command.get_current_dir().unwrap())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        for (name, value) in self.command.get_envs() {
            command.env(name, value.unwrap_or_default());
        }
        Self {
            command,
            stdin: self.stdin,
        }
    }

    /// Starts it, to run beside others.
    pub(crate) fn start(mut self) -> Running {
        let mut child = self.command.spawn().unwrap();
        // It may end before it has read everything.
        child.stdin.take().unwrap().write_all(&self.stdin).ok();
        Running(child)
    }

    #[must_use = "look at what came of it"]
    pub(crate) fn run(self) -> Ran {
        self.start().end()
    }
}

/// A call that needs no repository.
pub(crate) fn call<S: AsRef<OsStr>>(arguments: impl IntoIterator<Item = S>) -> Call {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR"));
    Call::new(folder, folder).args(arguments)
}

/// A call under way.
#[derive(Debug)]
#[must_use = "wait for its end"]
pub(crate) struct Running(Child);

impl Running {
    pub(crate) fn end(self) -> Ran {
        self.outcome().expect("ended by a signal")
    }

    /// The process.
    pub(crate) fn id(&self) -> i32 {
        self.0.id().try_into().unwrap()
    }

    /// Waits for the end; `None` when a signal was it.
    pub(crate) fn outcome(self) -> Option<Ran> {
        let output = self.0.wait_with_output().unwrap();
        Some(Ran {
            code: output.status.code()?,
            stdout: String::from_utf8(output.stdout).unwrap(),
            stderr: String::from_utf8(output.stderr).unwrap(),
        })
    }
}

impl Ran {
    /// Checks the exit code.
    #[track_caller]
    pub(crate) fn exits(self, code: i32) -> Self {
        assert_eq!(self.code, code, "{self}");
        self
    }

    /// Standard output as JSON.
    #[track_caller]
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.stdout).unwrap_or_else(|error| panic!("{error}: {self}"))
    }

    /// The result of one Canary.
    #[track_caller]
    pub(crate) fn result(&self, canary: &str) -> Value {
        let json = self.json();
        let results = json["results"].as_array().unwrap();
        let found = results.iter().find(|result| result["canary"] == canary);
        found.cloned().unwrap_or_else(|| panic!("{self}"))
    }
}

impl fmt::Display for Ran {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "exit code: {}", self.code)?;
        for (name, text) in [("stdout", &self.stdout), ("stderr", &self.stderr)] {
            if !text.is_empty() {
                write!(f, "\n----- {name}\n{}", text.trim_end())?;
            }
        }
        Ok(())
    }
}
