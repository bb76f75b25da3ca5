//! Running the `git` executable: no hooks, no prompts, a time limit, nothing secret in what it says.

use std::path::Path;
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process_group};
use secrecy::{ExposeSecret as _, SecretString};
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWriteExt as _};
use tokio::process::{Child, Command};

use super::options::GitOptions;
use crate::error::{Error, Result};

/// Most bytes kept of what Git prints to stderr; a remote decides how much that is.
const MAX_STDERR: usize = 1 << 20;

/// How long to wait for output after Git ended: a helper it left behind, such as an SSH connection
/// that is kept open, may hold the pipe for hours.
const DRAIN: Duration = Duration::from_millis(500);

/// Settings passed to every `git`, whatever the user configured.
const SETTINGS: [&str; 6] = [
    "core.hooksPath=/dev/null",
    "core.fsmonitor=false",
    "gc.auto=0",
    "maintenance.auto=false",
    "protocol.ext.allow=never",
    "submodule.recurse=false",
];

/// Variables that would point Git at another repository than the one asked for.
const FOREIGN: [&str; 13] = [
    "GIT_ALTERNATE_OBJECT_DIRECTORIES",
    "GIT_COMMON_DIR",
    "GIT_DIR",
    "GIT_GRAFT_FILE",
    "GIT_IMPLICIT_WORK_TREE",
    "GIT_INDEX_FILE",
    "GIT_INTERNAL_SUPER_PREFIX",
    "GIT_NAMESPACE",
    "GIT_NO_REPLACE_OBJECTS",
    "GIT_OBJECT_DIRECTORY",
    "GIT_PREFIX",
    "GIT_REPLACE_REF_BASE",
    "GIT_WORK_TREE",
];

/// One invocation.
#[derive(Default)]
pub(super) struct Call {
    arguments: Vec<String>,
    variables: Vec<(String, String)>,
    settings: Vec<&'static str>,
    /// Configuration that must not be seen on the command line.
    secrets: Vec<(String, SecretString)>,
    input: Option<Vec<u8>>,
}

/// What came of it.
pub(super) struct Answer {
    pub(super) success: bool,
    pub(super) stdout: Vec<u8>,
    /// Without secrets and control characters.
    pub(super) stderr: String,
}

impl Call {
    pub(super) fn new<'a>(arguments: impl IntoIterator<Item = &'a str>) -> Self {
        let arguments = arguments.into_iter().map(str::to_owned).collect();
        Self {
            arguments,
            ..Self::default()
        }
    }

    /// Adds arguments that may look like anything: none is taken for an option.
    pub(super) fn values<'a>(mut self, values: impl IntoIterator<Item = &'a str>) -> Self {
        self.arguments.push("--end-of-options".into());
        self.arguments.extend(values.into_iter().map(str::to_owned));
        self
    }

    pub(super) fn variable(mut self, name: &str, value: &str) -> Self {
        self.variables.push((name.into(), value.into()));
        self
    }

    pub(super) fn setting(mut self, setting: &'static str) -> Self {
        self.settings.push(setting);
        self
    }

    pub(super) fn secret(mut self, key: String, value: SecretString) -> Self {
        self.secrets.push((key, value));
        self
    }

    pub(super) fn input(mut self, bytes: Vec<u8>) -> Self {
        self.input = Some(bytes);
        self
    }

    /// `git fetch`, for messages.
    fn name(&self) -> String {
        format!("git {}", self.arguments.first().map_or("", |name| name))
    }
}

impl Answer {
    /// What was printed, as text without the line break at its end.
    pub(super) fn text(&self) -> String {
        String::from_utf8_lossy(&self.stdout).trim_end().to_owned()
    }

    /// The last lines of stderr as one, for the cause of an error.
    pub(super) fn complaint(&self) -> String {
        match complaint(&self.stderr) {
            nothing if nothing.is_empty() => "git said nothing".into(),
            complaint => complaint,
        }
    }

    /// The answer, or an error that says `what` could not be done.
    pub(super) fn expect(self, what: impl FnOnce() -> Error) -> Result<Self> {
        if self.success {
            return Ok(self);
        }
        Err(what().because(self.complaint()))
    }
}

impl GitOptions {
    /// Runs `git` in `folder` and waits for its end.
    ///
    /// # Errors
    ///
    /// When it cannot be started, or takes longer than the time limit: then it and all its children
    /// are killed. A `git` that fails is an [`Answer`].
    pub(super) async fn run(&self, folder: &Path, call: Call) -> Result<Answer> {
        let name = call.name();
        let mut command = self.command(folder, &call);
        let ended = finish(&mut command, call.input, self.timeout).await;
        let (status, stdout, stderr) = ended.map_err(|why| match why {
            Unended::NotStarted(error) => self.cannot_start(error),
            Unended::TooLong => {
                let limit = self.timeout;
                Error::remote(format!("{name} took longer than {limit:?}"))
                    .hint("is the remote reachable, and does it ask for a password?")
            }
            Unended::Broken(error) => {
                Error::internal(format!("cannot talk to {name}")).because(error)
            }
        })?;
        let answer = Answer {
            success: status.success(),
            stdout,
            stderr: self.clean(&String::from_utf8_lossy(&stderr)),
        };
        tracing::debug!(command = name, %status, stderr = answer.stderr, "git ended");
        Ok(answer)
    }

    fn command(&self, folder: &Path, call: &Call) -> Command {
        let mut command = Command::new(&self.git);
        for setting in SETTINGS.iter().chain(&call.settings) {
            command.args(["-c", setting]);
        }
        command
            .args(&call.arguments)
            .current_dir(folder)
            .env_clear()
            .envs(self.environment.iter().map(|(name, value)| (name, value)))
            .env("LC_ALL", "C")
            .env("GIT_TERMINAL_PROMPT", "0")
            .env("GCM_INTERACTIVE", "never")
            .env("SSH_ASKPASS_REQUIRE", "never")
            .env("GIT_OPTIONAL_LOCKS", "0")
            .env("GIT_EDITOR", "true")
            .envs(call.variables.iter().map(|(name, value)| (name, value)))
            .stdin(
                call.input
                    .as_ref()
                    .map_or_else(Stdio::null, |_| Stdio::piped()),
            )
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .process_group(0)
            .kill_on_drop(true);
        for name in FOREIGN {
            command.env_remove(name);
        }
        if self.variable("GIT_ASKPASS").is_none() {
            // Set but empty, so that neither core.askPass nor SSH_ASKPASS opens a window.
            command.env("GIT_ASKPASS", "");
        }
        self.add_secrets(&mut command, &call.secrets);
        command
    }

    /// Configuration by environment variables, after what the environment has of it already.
    fn add_secrets(&self, command: &mut Command, secrets: &[(String, SecretString)]) {
        let first: usize = self
            .variable("GIT_CONFIG_COUNT")
            .and_then(|count| count.trim().parse().ok())
            .unwrap_or(0);
        for (number, (key, value)) in (first..).zip(secrets) {
            command
                .env(format!("GIT_CONFIG_KEY_{number}"), key)
                .env(format!("GIT_CONFIG_VALUE_{number}"), value.expose_secret());
        }
        if !secrets.is_empty() {
            command.env("GIT_CONFIG_COUNT", (first + secrets.len()).to_string());
        }
    }

    fn cannot_start(&self, error: std::io::Error) -> Error {
        let git = self.git.display();
        Error::usage(format!("cannot run `{git}`"))
            .because(error)
            .hint("install Git 2.31 or newer and have it in PATH")
    }
}

/// Why a process has no status.
pub(super) enum Unended {
    NotStarted(std::io::Error),
    /// It was killed, and all its children.
    TooLong,
    Broken(std::io::Error),
}

/// Status, standard output and standard error of a process.
pub(super) type Ended = (ExitStatus, Vec<u8>, Vec<u8>);

/// Runs `command`, which leads a group of its own, feeds it and waits for its end,
/// at most `limit`.
pub(super) async fn finish(
    command: &mut Command,
    input: Option<Vec<u8>>,
    limit: Duration,
) -> Result<Ended, Unended> {
    let mut child = command.spawn().map_err(Unended::NotStarted)?;
    let guard = Group::of(&child);
    let ended = tokio::time::timeout(limit, converse(&mut child, input)).await;
    let Ok(ended) = ended else {
        drop(guard);
        // Reaps it; it is dead already, so this does not wait.
        drop(child.wait().await);
        return Err(Unended::TooLong);
    };
    guard.disarm();
    ended.map_err(Unended::Broken)
}

/// The last lines of `stderr` as one; empty when there are none.
pub(super) fn complaint(stderr: &str) -> String {
    let mut lines: Vec<&str> = stderr.lines().map(str::trim).collect();
    lines.retain(|line| !line.is_empty() && *line != "remote:");
    lines[lines.len().saturating_sub(8)..].join("; ")
}

/// Feeds `input`, collects output, waits.
async fn converse(child: &mut Child, input: Option<Vec<u8>>) -> std::io::Result<Ended> {
    let (mut stdout, mut stderr) = (Vec::new(), Vec::new());
    let (stdin, out, err) = (child.stdin.take(), child.stdout.take(), child.stderr.take());
    let feed = async {
        if let (Some(mut stdin), Some(input)) = (stdin, input) {
            // A process that ends early closes its end; its exit status tells more than that.
            drop(stdin.write_all(&input).await);
            drop(stdin.shutdown().await);
        }
    };
    let status = {
        let talk = async {
            tokio::join!(
                feed,
                collect(out, &mut stdout, usize::MAX),
                collect(err, &mut stderr, MAX_STDERR)
            )
        };
        tokio::pin!(talk);
        tokio::select! {
            _ = &mut talk => child.wait().await?,
            status = child.wait() => {
                drop(tokio::time::timeout(DRAIN, &mut talk).await);
                status?
            }
        }
    };
    Ok((status, stdout, stderr))
}

/// Reads to the end; past `limit` bytes the older half is forgotten.
async fn collect(pipe: Option<impl AsyncRead + Unpin>, into: &mut Vec<u8>, limit: usize) {
    let Some(mut pipe) = pipe else { return };
    while let Ok(1..) = pipe.read_buf(into).await {
        if into.len() > limit {
            into.drain(..limit / 2);
        }
    }
}

/// Kills a process and its children when dropped, also when the future that waits is.
struct Group(Option<Pid>);

impl Group {
    fn of(child: &Child) -> Self {
        let id = child.id().and_then(|id| i32::try_from(id).ok());
        Self(id.and_then(Pid::from_raw))
    }

    fn disarm(mut self) {
        self.0 = None;
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        if let Some(group) = self.0 {
            // Fails when it is gone already, which is as good.
            kill_process_group(group, Signal::KILL).ok();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::Kind;
    use std::os::unix::fs::PermissionsExt as _;

    fn fake_git(folder: &Path, script: &str) -> GitOptions {
        let git = folder.join("git");
        fs_err::write(&git, format!("#!/bin/sh\n{script}\n")).unwrap();
        fs_err::set_permissions(&git, std::fs::Permissions::from_mode(0o755)).unwrap();
        GitOptions {
            git,
            environment: vec![("PATH".into(), "/usr/bin:/bin".into())],
            ..GitOptions::default()
        }
    }

    #[tokio::test]
    async fn hanging_git_is_killed_with_its_children() {
        let folder = tempfile::tempdir().unwrap();
        let pids = folder.path().join("pids");
        let script = format!("sleep 1000 & echo $$ $! > {}; wait", pids.display());
        let mut options = fake_git(folder.path(), &script);
        options.timeout = Duration::from_millis(300);
        let error = options
            .run(folder.path(), Call::new(["fetch"]))
            .await
            .err()
            .unwrap();
        assert_eq!(error.kind(), Kind::Remote);
        assert_eq!(error.message(), "git fetch took longer than 300ms");
        all_gone(&pids).await;
    }

    #[tokio::test]
    async fn git_nobody_waits_for_any_more_is_killed() {
        let folder = tempfile::tempdir().unwrap();
        let pids = folder.path().join("pids");
        let script = format!("sleep 1000 & echo $$ $! > {}; wait", pids.display());
        let options = fake_git(folder.path(), &script);
        let run = options.run(folder.path(), Call::new(["fetch"]));
        assert!(
            tokio::time::timeout(Duration::from_millis(300), run)
                .await
                .is_err()
        );
        all_gone(&pids).await;
    }

    /// Waits until the processes listed in a file have ended; a zombie has.
    async fn all_gone(pids: &Path) {
        for pid in fs_err::read_to_string(pids).unwrap().split_whitespace() {
            let stat = format!("/proc/{pid}/stat");
            let gone = || fs_err::read_to_string(&stat).map_or(true, |stat| stat.contains(") Z "));
            let mut tries = 0;
            while !gone() && tries < 100 {
                tokio::time::sleep(Duration::from_millis(20)).await;
                tries += 1;
            }
            assert!(gone(), "process {pid} is still there");
        }
    }

    #[tokio::test]
    async fn output_held_open_by_a_helper_does_not_hang() {
        let folder = tempfile::tempdir().unwrap();
        let options = fake_git(folder.path(), "echo yes; sleep 5 & exit 0");
        let answer = options
            .run(folder.path(), Call::new(["fetch"]))
            .await
            .unwrap();
        assert_eq!(answer.text(), "yes");
    }

    #[tokio::test]
    async fn environment_is_the_given_one_with_secrets_appended() {
        let folder = tempfile::tempdir().unwrap();
        let mut options = fake_git(folder.path(), "env; echo args $@");
        options.environment.extend([
            ("GIT_CONFIG_COUNT".into(), "1".into()),
            ("GIT_CONFIG_KEY_0".into(), "a.b".into()),
            ("GIT_DIR".into(), "/elsewhere".into()),
        ]);
        let call = Call::new(["push"])
            .values(["-x"])
            .secret("c.d".into(), "hush".to_owned().into());
        let text = options.run(folder.path(), call).await.unwrap().text();
        for line in [
            "GIT_CONFIG_COUNT=2",
            "GIT_CONFIG_KEY_1=c.d",
            "GIT_CONFIG_VALUE_1=hush",
        ] {
            assert!(text.lines().any(|found| found == line), "{line} in {text}");
        }
        assert!(!text.contains("/elsewhere") && !text.contains("HOME="));
        let arguments = text.lines().find(|line| line.starts_with("args")).unwrap();
        assert!(
            arguments.ends_with("push --end-of-options -x"),
            "{arguments}"
        );
        assert!(!arguments.contains("hush"));
    }

    #[tokio::test]
    async fn missing_git_says_so() {
        let options = GitOptions {
            git: "/nowhere/git".into(),
            ..GitOptions::default()
        };
        let error = options
            .run(Path::new("/"), Call::new(["x"]))
            .await
            .err()
            .unwrap();
        assert_eq!(error.kind(), Kind::Usage);
    }
}
