//! One file per command: settings in, results to the two streams, exit code out.

mod comment;
mod demo;
mod history;
mod init;
mod people;
mod plan;
mod preview;
mod render;
mod set_weights;
mod simulate;
mod status;
mod step;
mod validate;
mod watch;
mod world;

use std::io::Write;
use std::path::PathBuf;

use crate::Shard;
use crate::cli::{Cli, Command, Format};
use crate::decide::Word;
use crate::error::{Error, Result};
use crate::repo::{GitOptions, Signature};
use crate::report::text;
use crate::settings::Settings;

/// Where results and everything else go.
pub struct Streams<'a> {
    /// Standard output: data.
    pub out: &'a mut dyn Write,
    /// Standard error: everything else.
    pub err: &'a mut dyn Write,
    /// May errors be coloured?
    pub colour: bool,
}

impl Streams<'_> {
    /// Prints data.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn print(&mut self, text: &str) -> Result<()> {
        write_to(self.out, text)
    }

    /// Prints what is no data.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn note(&mut self, text: &str) -> Result<()> {
        write_to(self.err, text)
    }

    /// Prints a value as JSON.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn json(&mut self, value: &impl serde::Serialize) -> Result<()> {
        let text = serde_json::to_string_pretty(value)
            .map_err(|error| Error::internal("cannot write JSON").because(error))?;
        self.print(&format!("{text}\n"))
    }

    /// Prints an error for people.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn error(&mut self, error: &Error) -> Result<()> {
        let text = text::error(error, None, self.colour);
        self.note(&text)
    }

    /// Prints why the tick of `canary` could not be taken.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn error_of(&mut self, canary: &str, error: &Error) -> Result<()> {
        let text = text::error(error, Some(canary), self.colour);
        self.note(&text)
    }
}

/// Writes all of `text`. A reader that has gone, such as `head`, has seen enough.
fn write_to(stream: &mut dyn Write, text: &str) -> Result<()> {
    let written = stream
        .write_all(text.as_bytes())
        .and_then(|()| stream.flush());
    match written {
        Err(error) if error.kind() != std::io::ErrorKind::BrokenPipe => {
            Err(Error::internal("cannot write the output").because(error))
        }
        Err(_) | Ok(()) => Ok(()),
    }
}

/// Runs the command and returns its exit code.
///
/// # Errors
/// What keeps the command from doing its work; its kind decides the exit code.
pub async fn run(cli: &Cli, settings: &Settings, streams: &mut Streams<'_>) -> Result<u8> {
    if settings.format == Format::Github && !matches!(cli.command, Command::Validate(_)) {
        return Err(Error::usage("--format github is for validate")
            .hint("on a GitHub runner step writes its annotations by itself"));
    }
    match &cli.command {
        Command::Step(options) => step::run(options, settings, streams).await,
        Command::Watch(options) => watch::run(options, settings, streams).await,
        Command::Plan(options) => plan::run(options, settings, streams).await,
        Command::Preview(options) => preview::run(options, settings, streams).await,
        Command::Validate(options) => validate::run(options, settings, streams),
        Command::Render(options) => render::run(options, settings, streams),
        Command::SetWeights(options) => set_weights::run(options, streams),
        Command::Status(options) => status::run(options, settings, streams),
        Command::Init(options) => init::run(options, settings, streams),
        Command::History(options) => history::run(options, settings, streams).await,
        Command::Approve(options) => {
            let word = Word::Approve(people::gate(options.gate.as_deref())?);
            people::run(&options.person, word, settings, streams).await
        }
        Command::Abort(options) => people::run(options, Word::Abort, settings, streams).await,
        Command::Pause(options) => people::run(options, Word::Pause, settings, streams).await,
        Command::Resume(options) => people::run(options, Word::Resume, settings, streams).await,
        Command::Retry(options) => people::run(options, Word::Retry, settings, streams).await,
        Command::Comment(options) => comment::run(options, settings, streams).await,
        Command::Simulate(options) => simulate::run(options, settings, streams),
        Command::Demo(options) => demo::run(options, settings, streams).await,
    }
}

/// The top of the work tree around `--repo`, else that folder itself: what is
/// looked at must not depend on where somebody stands.
fn work_tree(settings: &Settings) -> Result<PathBuf> {
    let folder = fs_err::canonicalize(&settings.repo)
        .map_err(|error| Error::usage("cannot open the repository").because(error))?;
    let top = folder
        .ancestors()
        .find(|folder| folder.join(".git").exists());
    Ok(match top {
        // As it was given, so that shown paths are the user's.
        Some(top) if top == folder => settings.repo.clone(),
        Some(top) => top.to_owned(),
        None => settings.repo.clone(),
    })
}

/// Reads `NAME <EMAIL>`.
fn author(text: &str, settings: &Settings) -> Result<Signature> {
    text.trim()
        .strip_suffix('>')
        .and_then(|rest| rest.split_once('<'))
        .map(|(name, email)| (name.trim(), email.trim()))
        .filter(|(name, email)| !name.is_empty() && !email.is_empty())
        .map(|(name, email)| Signature {
            name: name.to_owned(),
            email: email.to_owned(),
            time: settings.now,
        })
        .ok_or_else(|| Error::usage(format!("--author: `{text}` is not NAME <EMAIL>")))
}

/// The part of the Canaries that `--shard` names.
fn shard(text: &str) -> Result<Option<Shard>> {
    match text.trim() {
        "" => Ok(None),
        text => text.parse().map(Some).map_err(|error: String| {
            Error::usage(format!("--shard: `{text}` is no part")).hint(error)
        }),
    }
}

/// How `git` is called: with the environment as it is, without our own secrets.
fn git_options(settings: &Settings) -> GitOptions {
    let variables = settings.environment.iter();
    GitOptions {
        environment: variables
            .filter(|(name, _)| !name.starts_with("WEIRKEEPER_"))
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .collect(),
        token: settings.token.clone(),
        ..GitOptions::default()
    }
}
