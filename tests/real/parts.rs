//! Programs that are not ours: finding them, running them, ending them.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};

/// The folders in which programs are looked for, as the shell of the test has them.
pub(crate) fn path() -> String {
    #[expect(
        clippy::disallowed_methods,
        reason = "whoever runs the tests says where the parts are"
    )]
    std::env::var("PATH").unwrap()
}

/// A program in `PATH`.
///
/// # Panics
/// When it is not there: a test without its part has tested nothing.
pub(crate) fn program(name: &str) -> PathBuf {
    let path = path();
    let mut candidates = std::env::split_paths(&path).map(|folder| folder.join(name));
    candidates
        .find(|candidate| candidate.is_file())
        .unwrap_or_else(|| panic!("{name} is not in PATH: `.ci/tools` installs it"))
}

/// A command for a program in `PATH` that runs until it is ended, and sees
/// nothing else of the machine's environment.
pub(crate) fn server(name: &str) -> Command {
    isolated(&program(name))
}

/// A command for a program that ends by itself; with everything it started it is
/// ended after two minutes.
pub(crate) fn command(name: impl AsRef<Path>) -> Command {
    let name = name.as_ref();
    let program = match name.components().count() {
        1 => program(name.to_str().unwrap()),
        _ => name.to_owned(),
    };
    let mut command = isolated(&self::program("timeout"));
    command.args(["--kill-after=5", "120"]).arg(program);
    command
}

fn isolated(program: &Path) -> Command {
    let mut command = Command::new(program);
    command
        .env_clear()
        .env("PATH", path())
        .env("HOME", "/nonexistent")
        .stdin(Stdio::null());
    command
}

/// Runs `command` to its end.
///
/// # Panics
/// When it fails; shows what it printed.
pub(crate) fn succeed(command: &mut Command) -> String {
    let output = command.output().unwrap();
    let text = everything(&output);
    assert!(output.status.success(), "{command:?}\n{text}");
    text
}

/// Both streams.
pub(crate) fn everything(output: &Output) -> String {
    let [out, err] = [&output.stdout, &output.stderr].map(|text| String::from_utf8_lossy(text));
    format!("{out}{err}")
}

/// The top folder of this source tree.
pub(crate) fn source_tree() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// A server, ended by its own process id when the test ends, however it ends.
pub(crate) struct Server(Child);

impl Server {
    pub(crate) fn start(command: &mut Command, log: &Path) -> Self {
        let log = fs_err::File::create(log).unwrap().into_parts().0;
        let child = command
            .stdout(log.try_clone().unwrap())
            .stderr(log)
            .spawn()
            .unwrap();
        Self(child)
    }

    /// Has it ended by itself?
    pub(crate) fn has_ended(&mut self) -> bool {
        self.0.try_wait().unwrap().is_some()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // It may have ended already; there is nothing to end then.
        self.0.kill().ok();
        self.0.wait().ok();
    }
}
