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
    let inside: Vec<PathBuf> = work_tree(settings)
        .and_then(|top| {
            fs_err::canonicalize(top)
                .map_err(|error| Error::usage("cannot open the repository").because(error))
        })
        .into_iter()
        .collect();
    let several = options.scenarios.len() > 1;
    let (mut code, mut ticks, mut differing) = (0, 0, 0);
    for path in &options.scenarios {
        let scenario = match Scenario::read(path, &inside) {
            Ok(scenario) => scenario,
            Err(error) => {
                streams.error(&error)?;
                code = code.max(error.kind().exit_code());
                continue;
            }
        };
        let outcome = simulate(&scenario);
        ticks += outcome.ticks.len();
        match settings.format {
            Format::Json => {
                for seen in &outcome.ticks {
                    let line = serde_json::to_string(seen)
                        .map_err(|error| Error::internal("cannot write JSON").because(error))?;
                    streams.print(&format!("{line}\n"))?;
                }
            }
            Format::Text | Format::Github => {
                streams.print(&show::table(&outcome.ticks, several))?;
            }
        }
        if !options.check {
            streams.note(&diagnostics::text(&outcome.warnings, streams.colour))?;
        }
        let mismatch = options.check.then(|| outcome.mismatch(&scenario)).flatten();
        differing += usize::from(mismatch.is_some());
        for error in outcome.error.into_iter().chain(mismatch) {
            streams.error(&error)?;
            code = code.max(error.kind().exit_code());
        }
    }
    if options.check && code == 0 {
        let scenarios = count(options.scenarios.len(), "scenario");
        let ticks = count(ticks, "tick");
        streams.note(&format!("{scenarios}, {ticks}: all as expected\n"))?;
    } else if several && differing > 0 {
        let scenarios = count(options.scenarios.len(), "scenario");
        streams.note(&format!("{differing} of {scenarios} do not match\n"))?;
    }
    Ok(code)
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
        let mut check = Check::default();
        self.warnings.append(&mut world.warnings);
        for tick in &scenario.ticks {
            for run in 0..tick.repeat {
                let seen = world.tick(tick, run).map_err(|error| {
                    let number = tick.number + run;
                    error.while_doing(format!("{}: tick {number} cannot be taken", scenario.id))
                })?;
                self.warnings.append(&mut world.warnings);
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
