//! `demo`: a release that is promoted and one that is rolled back, on embedded
//! parts. Nothing but `git` is needed: the repository is made in a temporary
//! folder, the service and its Prometheus are simulated, and so is the time.

mod metrics;
mod repository;

use jiff::{SignedDuration, Timestamp};

use self::metrics::{Health, Metrics};
use self::repository::DemoRepository;
use super::Streams;
use crate::cli::{self, Format};
use crate::error::{Error, Result};
use crate::report::{Run, text};
use crate::settings::Settings;
use crate::{Choice, Stepping, World, tick};

/// Time between two runs, as a schedule of one minute has it.
const INTERVAL: SignedDuration = SignedDuration::from_mins(1);

/// More runs than any act takes; a guard, not a limit.
const MOST_RUNS: usize = 50;

/// One part of the story.
struct Act {
    title: &'static str,
    /// The release that begins it.
    release: Option<&'static str>,
    health: Health,
}

const ACTS: [Act; 3] = [
    Act {
        title: "podinfo 6.0.0 runs; the primary is set up beside it",
        release: None,
        health: Health::Good,
    },
    Act {
        title: "podinfo 6.1.0 is released and does well",
        release: Some("6.1.0"),
        health: Health::Good,
    },
    Act {
        title: "podinfo 6.2.0 is released and answers every twentieth request with an error",
        release: Some("6.2.0"),
        health: Health::Bad,
    },
];

pub(super) async fn run(
    options: &cli::Demo,
    settings: &Settings,
    streams: &mut Streams<'_>,
) -> Result<u8> {
    let start: Timestamp = "2026-01-01T12:00:00Z"
        .parse()
        .map_err(|error| Error::internal("the demo cannot begin").because(error))?;
    let metrics = Metrics::start().await?;
    let repository = DemoRepository::create(options.dir.as_deref(), settings, start).await?;
    let people = settings.format != Format::Json;
    let mut now = start;
    let mut runs = Vec::new();
    for (number, act) in ACTS.iter().enumerate() {
        if people {
            streams.print(&format!("{}. {}\n\n", number + 1, act.title))?;
        }
        if let Some(version) = act.release {
            repository.release(version, now).await?;
        }
        metrics.set_health(act.health);
        for (at, run) in play(&repository, &metrics, &mut now).await? {
            if people {
                streams.print(&shown(at, &run))?;
            }
            runs.push(run);
        }
    }
    match people {
        true => streams.print(&ending(&repository).await?)?,
        false => streams.json(&serde_json::json!({
            "version": crate::report::VERSION,
            "repository": repository.path(),
            "remote": repository.remote(),
            "runs": runs,
        }))?,
    }
    Ok(Run::code_of(runs.iter().flat_map(Run::all_errors)))
}

/// Runs `step` once a minute until there is nothing left to do.
async fn play(
    repository: &DemoRepository,
    metrics: &Metrics,
    now: &mut Timestamp,
) -> Result<Vec<(Timestamp, Run)>> {
    let mut runs = Vec::new();
    for _ in 0..MOST_RUNS {
        let mut world: World = repository.world(*now).await?;
        let stepping = Stepping {
            observer: DemoRepository::observer(metrics.address()?),
            choice: Choice::default(),
            wait: None,
        };
        let run = tick(&mut world, &stepping).await?;
        let (done, at) = (!run.pushed, *now);
        *now = now.saturating_add(INTERVAL).unwrap_or(*now);
        if done && run.all_errors().next().is_none() {
            return Ok(runs);
        }
        let failed = done;
        runs.push((at, run));
        if failed {
            return Ok(runs);
        }
    }
    Err(Error::internal("the demo does not end"))
}

/// A run with its time in front.
fn shown(at: Timestamp, run: &Run) -> String {
    let time = at.strftime("%H:%M");
    let text = text::run(run);
    let errors: String = run
        .all_errors()
        .map(|error| text::error(error, None, false))
        .collect();
    format!("{time}  {text}{errors}\n")
}

async fn ending(repository: &DemoRepository) -> Result<String> {
    let log = repository.log().await?;
    Ok(format!(
        "The book of it, git log --graph:\n\n{}\n\n\
         repository  {}\n\
         remote      {}\n\
         Look at a step:  git -C {} show HEAD~2\n",
        log.trim_end(),
        repository.path().display(),
        repository.remote().display(),
        repository.path().display(),
    ))
}
