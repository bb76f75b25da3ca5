//! `watch`: steps as they fall due, for some time.

mod clock;
mod cycles;
mod redispatch;
mod stop;

use jiff::Timestamp;

use super::{Streams, step};
use crate::cli::{self, Format};
use crate::error::{Error, Result};
use crate::report::{Ended, Run, Watched, diagnostics, github, text};
use crate::settings::{Settings, duration};
use clock::Clock;
use cycles::{Limits, cycles};
use redispatch::Redispatch;
use stop::Stop;

pub(super) async fn run(
    options: &cli::Watch,
    settings: &Settings,
    streams: &mut Streams<'_>,
) -> Result<u8> {
    let mut clock = Clock::new(settings.now, settings.now_is_given);
    let mut watched = Watched::default();
    let begun = begin(options, settings);
    let (ended, redispatch) = match begun {
        Ok((limits, redispatch)) => {
            let mut stop = Stop::listen()?;
            let ended = watch(
                options,
                settings,
                streams,
                &mut watched,
                &mut clock,
                &mut stop,
                limits,
            );
            (ended.await?, redispatch)
        }
        // A watch that could not begin still owes the workflow its outputs.
        Err(error) => {
            tell(&mut watched, Err(error), clock.now(), settings, streams)?;
            (Ended::Error, None)
        }
    };
    // Who was told to end is soon made to.
    if !matches!(ended, Ended::Error | Ended::Interrupted | Ended::Terminated) {
        step::story(&options.step(), settings, &mut watched.run).await;
    }
    report(&watched, ended, &clock, settings, streams)?;
    let code = step::exit_code(&watched.run, options.fail_on.fail_on);
    let Some(redispatch) = redispatch else {
        return Ok(code);
    };
    let begun = redispatch.go(&watched, ended, &clock).await;
    Ok(code.max(report_next(begun, settings, streams)?))
}

/// What the options say.
fn begin(options: &cli::Watch, settings: &Settings) -> Result<(Limits, Option<Redispatch>)> {
    let limits = Limits {
        length: duration("--for", options.length())?,
        once: options.commit.dry_run,
    };
    let redispatch = options
        .redispatch
        .then(|| Redispatch::new(settings, options.redispatch_limit));
    Ok((limits, redispatch.transpose()?))
}

async fn watch(
    options: &cli::Watch,
    settings: &Settings,
    streams: &mut Streams<'_>,
    watched: &mut Watched,
    clock: &mut Clock,
    stop: &mut Stop,
    limits: Limits,
) -> Result<Ended> {
    let options = options.step();
    // Everything anew each time: the branch, the checkout, the connections.
    let step = async |at: Timestamp| {
        let settings = Settings {
            now: at,
            ..settings.clone()
        };
        step::step(&options, &settings).await
    };
    let tell = |watched: &mut Watched, run, at| tell(watched, run, at, settings, streams);
    cycles(step, tell, watched, clock, stop, limits).await
}

/// Adds a run to the others, and prints what is new in it.
fn tell(
    watched: &mut Watched,
    run: Result<Run>,
    at: Timestamp,
    settings: &Settings,
    streams: &mut Streams<'_>,
) -> Result<()> {
    let run = run.unwrap_or_else(Run::failed);
    let news = watched.news(&run);
    let is_text = settings.format != Format::Json;
    if is_text && !news.results.is_empty() {
        streams.print(&format!("{at}\n"))?;
    }
    for index in &news.results {
        let result = &run.results[*index];
        if is_text {
            streams.print(&text::outcome(result))?;
        }
        if !result.warnings.is_empty() && watched.ticks == 0 {
            streams.note(&diagnostics::text(&result.warnings, streams.colour))?;
        }
        for error in result.errors() {
            streams.error_of(&result.canary, error)?;
        }
    }
    for index in &news.errors {
        streams.error(&run.errors[*index])?;
    }
    for note in watched.add(run, &news, at)? {
        if is_text {
            streams.print(&format!("{note}\n"))?;
        }
    }
    Ok(())
}

/// The report of all runs.
fn report(
    watched: &Watched,
    ended: Ended,
    clock: &Clock,
    settings: &Settings,
    streams: &mut Streams<'_>,
) -> Result<()> {
    match settings.format {
        Format::Json => streams.json(&watched.json(ended)?)?,
        // The error has said it all.
        Format::Text | Format::Github if ended == Ended::Error => {}
        Format::Text | Format::Github => {
            streams.print(&format!("{}\n", watched.told(ended)))?;
        }
    }
    let summary = watched.summary(clock.now());
    step::for_github(&watched.run, settings, &summary, streams)
}

/// Says whether the next job begins, and returns the exit code of that.
fn report_next(
    begun: Result<Option<String>>,
    settings: &Settings,
    streams: &mut Streams<'_>,
) -> Result<u8> {
    let note = match begun {
        Ok(None) => return Ok(0),
        Ok(Some(note)) => note,
        Err(error) => {
            streams.error(&error)?;
            let failed = Run::failed(error);
            streams.note(&github::annotations(&failed))?;
            let told: Vec<String> = failed.errors.iter().map(Error::chain).collect();
            to_summary(&format!("> **Error:** {}", told.join("; ")), settings)?;
            return Ok(failed.exit_code());
        }
    };
    match settings.format {
        Format::Json => streams.note(&format!("{note}\n"))?,
        Format::Text | Format::Github => streams.print(&format!("{note}\n"))?,
    }
    to_summary(&note, settings)?;
    Ok(0)
}

fn to_summary(paragraph: &str, settings: &Settings) -> Result<()> {
    let runner = settings.github.as_ref();
    let summary = runner.and_then(|runner| runner.summary.as_deref());
    step::append(
        summary,
        &format!("\n{}\n", diagnostics::harmless(paragraph)),
    )
}
