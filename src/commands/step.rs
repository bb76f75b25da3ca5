//! `step`: one tick for every Canary.

use std::collections::BTreeSet;

use super::world::Opened;
use super::{Streams, author, shard};
use crate::cli::{self, FailedStep, Format};
use crate::error::{Error, Kind, Result};
use crate::observe::Observer;
use crate::report::{Outcome, Run, github, summary, text};
use crate::settings::{MetricsSettings, Secrets, Settings, duration};
use crate::{Choice, Stepping, Wait, tell_story, tick};

pub(super) async fn run(
    options: &cli::Step,
    settings: &Settings,
    streams: &mut Streams<'_>,
) -> Result<u8> {
    let run = step(options, settings).await;
    // A run that could not begin still owes the workflow its outputs.
    let run = match run {
        Ok(mut run) => {
            story(options, settings, &mut run).await;
            run
        }
        Err(error) => Run::failed(error),
    };
    report(&run, settings, streams)?;
    Ok(exit_code(&run, options.fail_on.fail_on))
}

/// Takes the steps that the options describe.
pub(super) async fn step(options: &cli::Step, settings: &Settings) -> Result<Run> {
    let choice = Choice {
        only: options.select.only.clone(),
        shard: shard(&options.shard)?,
    };
    let mut metrics = MetricsSettings::new(&options.metrics, &settings.environment)?;
    metrics.trusts_documents = true;
    let author = match options.author.trim() {
        "" => author(cli::AUTHOR, settings)?,
        text => author(text, settings)?,
    };
    let secrets = metrics.secrets.clone();
    let opened = Opened::open(&options.commit, settings).await?;
    let mut world = opened.world(author, &options.notify, secrets, &options.deadline)?;
    let stepping = Stepping {
        observer: Observer::new(metrics),
        choice,
        wait: wait(options.wait.as_deref(), settings)?,
    };
    let mut run = tick(&mut world, &stepping).await?;
    if wants_summary(settings) {
        run.commits_at = world.notifier.commits().cloned();
    }
    Ok(run)
}

/// Adds what came before the steps, for the summary. Nothing fails without it.
pub(super) async fn story(options: &cli::Step, settings: &Settings, run: &mut Run) {
    if !wants_summary(settings) {
        return;
    }
    let told = async {
        let opened = Opened::open(&options.commit, settings).await?;
        let author = author(cli::AUTHOR, settings)?;
        let secrets = Secrets::new(None, &settings.environment);
        let world = opened.world(author, &options.notify, secrets, &options.deadline)?;
        tell_story(&world, run).await;
        Ok::<(), Error>(())
    };
    if let Err(error) = told.await {
        tracing::info!("no history for the summary: {}", error.chain());
    }
}

/// Does a workflow show what happened?
pub(super) fn wants_summary(settings: &Settings) -> bool {
    let runner = settings.github.as_ref();
    runner.is_some_and(|runner| runner.summary.is_some())
}

/// The exit code of a run of steps, as `--fail-on` wants it.
pub(super) fn exit_code(run: &Run, fail_on: FailedStep) -> u8 {
    match fail_on {
        FailedStep::Error => run.exit_code(),
        FailedStep::Rollback => {
            let went_back = run.steps().any(Outcome::went_back);
            let back = went_back.then_some(Kind::Mismatch.exit_code());
            run.exit_code().max(back.unwrap_or(0))
        }
        FailedStep::None => {
            let usage = |error: &&Error| error.kind() == Kind::Usage;
            Run::code_of(run.all_errors().filter(usage))
        }
    }
}

/// How long the run may wait; nothing is no wait.
fn wait(text: Option<&str>, settings: &Settings) -> Result<Option<Wait>> {
    let given = text.map(str::trim).filter(|text| !text.is_empty());
    let Some(text) = given.filter(|text| !["0", "0s"].contains(text)) else {
        return Ok(None);
    };
    Ok(Some(Wait {
        longest: duration("--wait", text)?,
        sleeps: !settings.now_is_given,
    }))
}

/// Prints the run, and gives a GitHub workflow what it wants.
pub(super) fn report(run: &Run, settings: &Settings, streams: &mut Streams<'_>) -> Result<()> {
    match settings.format {
        Format::Json => streams.json(run)?,
        Format::Text | Format::Github => streams.print(&text::run(run))?,
    }
    for result in &run.results {
        let warnings = &result.warnings;
        if !warnings.is_empty() {
            streams.note(&crate::report::diagnostics::text(warnings, streams.colour))?;
        }
    }
    for error in &run.errors {
        streams.error(error)?;
    }
    for result in &run.results {
        for error in result.errors() {
            streams.error_of(&result.canary, error)?;
        }
    }
    for_github(run, settings, &summary(run, settings.now), streams)
}

/// Gives a GitHub workflow its annotations, outputs and `summary`.
pub(super) fn for_github(
    run: &Run,
    settings: &Settings,
    summary: &str,
    streams: &mut Streams<'_>,
) -> Result<()> {
    let Some(runner) = &settings.github else {
        return Ok(());
    };
    // What several Canaries, or several runs, have in common is said once.
    let mut said = BTreeSet::new();
    for annotation in github::annotations(run).lines() {
        if said.insert(annotation) {
            streams.note(&format!("{annotation}\n"))?;
        }
    }
    append(runner.output.as_deref(), &github::outputs(run)?)?;
    append(runner.summary.as_deref(), summary)
}

/// Adds to a file of the runner.
pub(super) fn append(path: Option<&std::path::Path>, text: &str) -> Result<()> {
    use std::io::Write as _;
    let Some(path) = path else { return Ok(()) };
    let file = fs_err::OpenOptions::new()
        .create(true)
        .append(true)
        .open(path);
    file.and_then(|mut file| file.write_all(text.as_bytes()))
        .map_err(|error| Error::usage("cannot write for the GitHub runner").because(error))
}
