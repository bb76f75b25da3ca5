//! `simulate`: the engine over scripted observations, in memory.

mod answers;
mod check;
mod edits;
mod input;
mod manifests;
mod places;
mod scenario;
mod show;
mod world;
mod written;

use std::path::PathBuf;

use self::check::Check;
use self::scenario::Scenario;
use self::show::Seen;
use self::world::World;
use super::{Streams, work_tree};
use crate::cli::{self, Format};
use crate::diagnostic::Diagnostic;
use crate::error::{Error, Kind, Result};
use crate::report::diagnostics;
use crate::settings::Settings;

/// What came of one scenario.
struct Outcome {
    ticks: Vec<Seen>,
    /// What differs from what is expected, by tick, without ticks that agree.
    differences: Vec<(i64, Vec<Diagnostic>)>,
    warnings: Vec<Diagnostic>,
    /// Why it could not be run to its end.
    error: Option<Error>,
}

pub(super) fn run(
    options: &cli::Simulate,
    settings: &Settings,
    streams: &mut Streams<'_>,
) -> Result<u8> {
    let top = work_tree(settings).and_then(|top| {
        fs_err::canonicalize(top)
            .map_err(|error| Error::usage("cannot open the repository").because(error))
    });
    let inside: Vec<PathBuf> = top.into_iter().collect();
    let several = options.scenarios.len() > 1;
    let (mut code, mut ticks, mut differing) = (0, 0, 0);
    for path in &options.scenarios {
        let mut errors = Vec::new();
        match Scenario::read(path, &inside) {
            Ok(scenario) => {
                let outcome = simulate(&scenario);
                ticks += outcome.ticks.len();
                print(&outcome.ticks, settings.format, several, streams)?;
                let mismatch = outcome.mismatch(&scenario).filter(|_| options.check);
                differing += usize::from(mismatch.is_some());
                if !options.check {
                    streams.note(&diagnostics::text(&outcome.warnings, streams.colour))?;
                }
                errors.extend(outcome.error.into_iter().chain(mismatch));
            }
            Err(error) => errors.push(error),
        }
        for error in errors {
            streams.error(&error)?;
            code = code.max(error.kind().exit_code());
        }
    }
    let scenarios = count(options.scenarios.len(), "scenario");
    if options.check && code == 0 {
        let ticks = count(ticks, "tick");
        streams.note(&format!("{scenarios}, {ticks}: all as expected\n"))?;
    } else if several && differing > 0 {
        streams.note(&format!("{differing} of {scenarios} do not match\n"))?;
    }
    Ok(code)
}

/// One line, or one object of JSON, for each tick.
fn print(
    ticks: &[Seen],
    format: Format,
    with_scenario: bool,
    streams: &mut Streams<'_>,
) -> Result<()> {
    if format != Format::Json {
        return streams.print(&show::table(ticks, with_scenario));
    }
    for seen in ticks {
        let line = serde_json::to_string(seen)
            .map_err(|error| Error::internal("cannot write JSON").because(error))?;
        streams.print(&format!("{line}\n"))?;
    }
    Ok(())
}

fn count(count: usize, noun: &str) -> String {
    match count {
        1 => format!("1 {noun}"),
        count => format!("{count} {noun}s"),
    }
}

/// Runs a scenario to its end, or to the tick that cannot be taken.
fn simulate(scenario: &Scenario) -> Outcome {
    let mut outcome = Outcome {
        ticks: Vec::new(),
        differences: Vec::new(),
        warnings: scenario.warnings.clone(),
        error: None,
    };
    if let Err(error) = outcome.run(scenario) {
        outcome.error = Some(error);
    }
    outcome
}

impl Outcome {
    fn run(&mut self, scenario: &Scenario) -> Result<()> {
        let mut world = World::new(scenario)?;
        let result = self.take_ticks(scenario, &mut world);
        self.warnings.append(&mut world.warnings);
        result
    }

    fn take_ticks(&mut self, scenario: &Scenario, world: &mut World<'_>) -> Result<()> {
        let mut check = Check::default();
        for tick in &scenario.ticks {
            for run in 0..tick.repeat {
                let seen = world.tick(tick, run).map_err(|error| {
                    let number = tick.number + run;
                    error.while_doing(format!("{}: tick {number} cannot be taken", scenario.id))
                })?;
                if run + 1 == tick.repeat {
                    let differences = check.tick(scenario, tick, &seen)?;
                    if !differences.is_empty() {
                        self.differences.push((tick.number + run, differences));
                    }
                }
                self.ticks.push(seen);
            }
        }
        Ok(())
    }

    /// The first tick that differs in full; what follows differs because of it.
    fn mismatch(&self, scenario: &Scenario) -> Option<Error> {
        let ((first, differences), later) = self.differences.split_first()?;
        let message = format!(
            "scenario {} does not match from tick {first} on",
            scenario.id
        );
        let error = Error::new(Kind::Mismatch, message).at(differences.iter().cloned());
        if later.is_empty() {
            return Some(error);
        }
        let later: Vec<String> = later.iter().map(|(tick, _)| tick.to_string()).collect();
        Some(error.hint(format!("later ticks differ, too: {}", later.join(", "))))
    }
}
