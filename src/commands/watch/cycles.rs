//! One tick after the other, as they fall due.

use std::time::Duration;

use jiff::Timestamp;

use super::clock::Clock;
use super::stop::{Signal, Stop};
use crate::error::{Error, Kind, Result};
use crate::report::{Ended, Outcome, Run, Watched};

/// From one tick to the next, at least.
const SHORTEST: Duration = Duration::from_secs(5);

/// And at most, so that new revisions are seen.
const LONGEST: Duration = Duration::from_mins(5);

/// The same where something is held that was due: nobody knows when it goes on.
const HELD: Duration = Duration::from_secs(30);

/// The same where only a person can make it go on: that is seen soon enough.
const BY_HAND: Duration = LONGEST;

/// When to end.
#[derive(Debug, Clone, Copy)]
pub(super) struct Limits {
    /// No tick begins later than this after the beginning.
    pub(super) length: Duration,
    /// One tick is all: the next would be the same.
    pub(super) once: bool,
}

/// What happened so far.
#[derive(Debug, Default)]
struct Trouble {
    /// Ticks in a row in which something failed.
    failed: u32,
}

/// Ticks by `step` as they fall due, and tells each by `tell`. Returns why it ended.
///
/// Errors are told and tried again after a growing pause, except those that no
/// repetition changes: a wrong command line, a fault of Weirkeeper.
///
/// # Errors
/// When nothing can be told.
pub(super) async fn cycles(
    mut step: impl AsyncFnMut(Timestamp) -> Result<Run>,
    mut tell: impl FnMut(&mut Watched, Result<Run>, Timestamp) -> Result<()>,
    watched: &mut Watched,
    clock: &mut Clock,
    stop: &mut Stop,
    limits: Limits,
) -> Result<Ended> {
    let mut trouble = Trouble::default();
    loop {
        let at = clock.now();
        let run = step(at).await;
        let ends = run.as_ref().is_err_and(ends_it);
        let pause = trouble.pause(&run, clock);
        tell(watched, run, at)?;
        if ends {
            return Ok(Ended::Error);
        }
        if let Some(signal) = stop.came() {
            return Ok(ended(signal));
        }
        if limits.once {
            return Ok(Ended::DryRun);
        }
        let Some(pause) = pause else {
            return Ok(Ended::NothingActive);
        };
        if clock.elapsed() + pause > limits.length {
            return Ok(Ended::TimeUsed);
        }
        tracing::info!("the next tick comes in {} s", pause.as_secs());
        tokio::select! {
            biased;
            signal = stop.wait() => return Ok(ended(signal)),
            () = clock.sleep(pause) => {}
        }
    }
}

fn ended(signal: Signal) -> Ended {
    match signal {
        Signal::Interrupt => Ended::Interrupted,
        Signal::Terminate => Ended::Terminated,
    }
}

/// Does no repetition change it?
fn ends_it(error: &Error) -> bool {
    matches!(error.kind(), Kind::Usage | Kind::Internal)
}

impl Trouble {
    /// How long to wait after `run`; `None` when nothing is under way.
    fn pause(&mut self, run: &Result<Run>, clock: &Clock) -> Option<Duration> {
        let failed = match run {
            Ok(run) => run.all_errors().next().is_some(),
            Err(_) => true,
        };
        self.failed = if failed { self.failed + 1 } else { 0 };
        let Ok(run) = run else {
            return Some(self.backoff());
        };
        // Who did not get through the push would not at once, either.
        if run
            .errors
            .iter()
            .any(|error| error.kind() != Kind::Document)
        {
            return Some(self.backoff());
        }
        let open = run.results.iter().filter(|result| result.is_open());
        let waits = open.map(|result| match result.is_pending() {
            true => self.until(result, clock),
            false => BY_HAND,
        });
        waits.min().map(|wait| wait.clamp(SHORTEST, LONGEST))
    }

    fn until(&self, result: &Outcome, clock: &Clock) -> Duration {
        let wait = result.next_step_at.map(|at| clock.until(at));
        match wait.filter(|wait| !wait.is_zero()) {
            Some(wait) => wait,
            None if result.error.is_some() => self.backoff(),
            None => HELD,
        }
    }

    /// 5 s, 10 s, 20 s … 5 min.
    fn backoff(&self) -> Duration {
        let doubled = self.failed.saturating_sub(1).min(10);
        (SHORTEST * 2_u32.pow(doubled)).min(LONGEST)
    }
}

#[cfg(test)]
mod tests;
