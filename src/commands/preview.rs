//! `preview`: what a change does to rollouts, on a pull request or before one.

use std::time::Duration;

use tokio::time::Instant;

use super::{Streams, git_options, work_tree};
use crate::cli::{self, Format};
use crate::error::{Error, Kind, Result};
use crate::observe::Observer;
use crate::preview::{Draft, Sides, measure, preview};
use crate::repo::files::Files;
use crate::repo::git::{Oid, Repository};
use crate::report::preview::{Preview, text};
use crate::settings::{MetricsSettings, Settings, duration};
use crate::tick::within;

pub(super) async fn run(
    options: &cli::Preview,
    settings: &Settings,
    streams: &mut Streams<'_>,
) -> Result<u8> {
    let limit = duration("--deadline", &options.deadline)?;
    let end = Instant::now() + limit;
    let mut metrics = MetricsSettings::new(&options.metrics, &settings.environment)?;
    metrics.asks_only_named = true;
    let sides = within(end, limit, sides(options, settings)).await?;
    let (base, head) = (sides.1, sides.2);
    // What is left is for those who are asked.
    let draft = preview(sides.0, remaining(end) * 3 / 4).await?;
    let mut preview = measured(draft, metrics, settings, end).await;
    preview.base = Some(base.to_string());
    preview.head = head.map(|head| head.to_string());
    report(&preview, settings, streams)?;
    Ok(match preview.counts() {
        (0, _) => 0,
        _ => Kind::Document.exit_code(),
    })
}

/// Adds what the metrics say, where there is somebody to ask.
async fn measured(
    draft: Draft,
    metrics: MetricsSettings,
    settings: &Settings,
    end: Instant,
) -> Preview {
    let Draft {
        mut preview,
        questions,
    } = draft;
    if metrics.default.is_none() && metrics.replaced.is_empty() {
        return preview;
    }
    let observer = Observer::new(metrics);
    for (position, question) in questions {
        let limit = remaining(end) / 2;
        let checks = measure(&observer, &question, settings.now, limit).await;
        if let Some(previewed) = preview.canaries.get_mut(position) {
            previewed.checks = checks;
        }
    }
    preview
}

fn remaining(end: Instant) -> Duration {
    end.saturating_duration_since(Instant::now())
}

/// What is compared: the files with and without the change, and their commits; the
/// work tree has none.
async fn sides(options: &cli::Preview, settings: &Settings) -> Result<(Sides, Oid, Option<Oid>)> {
    let repository = Repository::open(&settings.repo, git_options(settings)).await?;
    let head = repository.head().await?;
    let head = head.ok_or_else(|| {
        Error::usage("nothing is checked out").hint("check out the change that is to be shown")
    })?;
    let base = base(options, &repository, head).await?;
    repository.have(base).await?;
    let (files, head) = (Files::in_folder(&work_tree(settings)?)?, None);
    let sides = Sides {
        base: repository.files_once(base).await?,
        head: files,
        only: options.select.only.clone(),
        now: settings.now,
    };
    Ok((sides, base, head))
}

/// The commit without the change.
async fn base(options: &cli::Preview, repository: &Repository, head: Oid) -> Result<Oid> {
    let given = options.base.as_deref().map(str::trim);
    if let Some(given) = given.filter(|given| !given.is_empty()) {
        let base = repository.commit_named(given).await?;
        return Ok(repository.fork_point(base, head).await?.unwrap_or(base));
    }
    match repository.parents(head)?.as_slice() {
        [first, _, ..] => Ok(*first),
        _ => Err(Error::usage("nobody said what the change is compared with")
            .hint("give the branch it is for with --base, such as --base main")),
    }
}

fn report(preview: &Preview, settings: &Settings, streams: &mut Streams<'_>) -> Result<()> {
    match settings.format {
        Format::Json => streams.json(preview)?,
        Format::Text | Format::Github => streams.print(&text::preview(preview, settings.now))?,
    }
    streams.note(&crate::report::diagnostics::text(&preview.findings, streams.colour))?;
    for error in &preview.errors {
        streams.error(error)?;
    }
    Ok(())
}
