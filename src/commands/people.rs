//! `approve`, `abort`, `pause`, `resume`, `retry`: a person's word, as a commit.

use super::world::Opened;
use super::{Streams, author, step};
use crate::api::WebhookType;
use crate::cli;
use crate::comment::GATES;
use crate::decide::Word;
use crate::error::{Error, Result};
use crate::repo::Signature;
use crate::repo::git::Repository;
use crate::report::Run;
use crate::settings::{Secrets, Settings};
use crate::{Saying, say};

/// Reads the type of a gate.
pub(super) fn gate(text: Option<&str>) -> Result<Option<WebhookType>> {
    let Some(text) = text.map(str::trim).filter(|text| !text.is_empty()) else {
        return Ok(None);
    };
    let found = GATES.iter().find(|(name, _)| *name == text);
    found.map(|(_, kind)| Some(*kind)).ok_or_else(|| {
        let names: Vec<&str> = GATES.iter().map(|(name, _)| *name).collect();
        Error::usage(format!("--gate: `{text}` is no gate"))
            .hint(format!("there are: {}", names.join(", ")))
    })
}

pub(super) async fn run(
    options: &cli::Person,
    word: Word,
    settings: &Settings,
    streams: &mut Streams<'_>,
) -> Result<u8> {
    let run = commit(options, word, settings).await?;
    step::report(&run, settings, streams)?;
    Ok(run.exit_code())
}

async fn commit(options: &cli::Person, word: Word, settings: &Settings) -> Result<Run> {
    let reason = reason(options.reason.as_deref())?;
    let opened = Opened::open(&options.commit, settings).await?;
    let author = who(options, &opened.repository, settings).await?;
    let secrets = Secrets::new(options.secrets_dir.as_deref(), &settings.environment);
    let world = opened.world(author, &options.notify, secrets, &options.deadline)?;
    let saying = Saying {
        canary: options.canary.clone(),
        word,
        reason,
        comment: None,
    };
    say(&world, &saying).await
}

/// One line: it is part of a commit and of the status.
fn reason(text: Option<&str>) -> Result<Option<String>> {
    let Some(text) = text.map(str::trim).filter(|text| !text.is_empty()) else {
        return Ok(None);
    };
    match text.contains(char::is_control) {
        true => Err(Error::usage("--reason is to be one line")),
        false => Ok(Some(text.to_owned())),
    }
}

/// The person: as given, else as Git knows them.
async fn who(
    options: &cli::Person,
    repository: &Repository,
    settings: &Settings,
) -> Result<Signature> {
    let given = options.author.as_deref().map(str::trim);
    if let Some(text) = given.filter(|text| !text.is_empty()) {
        return author(text, settings);
    }
    let variable = |name| settings.environment.get(name).map(str::to_owned);
    let of_git = variable("GIT_AUTHOR_NAME").zip(variable("GIT_AUTHOR_EMAIL"));
    let known = match of_git {
        Some(known) => Some(known),
        None => repository.user().await?,
    };
    match known {
        Some((name, email)) => Ok(Signature {
            name,
            email,
            time: settings.now,
        }),
        None => Err(Error::usage("nobody knows who says so")
            .hint("give --author 'NAME <EMAIL>', or set user.name and user.email with git config")),
    }
}
