//! Waits for a Canary that is nearly due (`step --wait`).

use std::time::Duration;

use futures_util::StreamExt as _;
use futures_util::stream;
use jiff::{SignedDuration, Timestamp};
use tokio::time::Instant;

use super::applied::applied;
use super::tree::Tree;
use super::{Stepping, World};
use crate::decide::{self, Action, Answer, Answers, Next, Probe};
use crate::error::Result;
use crate::repo::rollout;

/// Canaries that are looked at together.
const CONCURRENT: usize = 64;

/// How long a run may wait until the first Canary is due.
#[derive(Debug, Clone, Copy)]
pub struct Wait {
    /// At most this long.
    pub longest: Duration,
    /// Does time pass? When the time is given, waiting takes none.
    pub sleeps: bool,
}

/// A wait that is over.
#[derive(Debug)]
pub(super) struct Waited {
    /// The Canary that was waited for, the first of them.
    canary: String,
    due: Timestamp,
    /// The time it is now.
    pub(super) now: Timestamp,
    pub(super) seconds: i64,
}

impl Waited {
    /// For the report.
    pub(super) fn told(&self) -> String {
        format!(
            "waited {} s for {}, due at {}",
            self.seconds, self.canary, self.due
        )
    }
}

/// When the next tick of a Canary is due.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Due {
    /// It is, or nobody can tell without a tick.
    Now,
    /// Then.
    At(Timestamp),
    /// Nothing is under way.
    Never,
}

/// Waits until the first Canary is due, if none is yet and that is near enough.
/// `start` is when it was the run's time, `end` when its deadline is over.
///
/// # Errors
/// When the documents cannot be loaded. What concerns one Canary the tick will tell.
pub(super) async fn wait(
    world: &World,
    stepping: &Stepping,
    start: Instant,
    end: Instant,
) -> Result<Option<Waited>> {
    let Some(wait) = stepping.wait else {
        return Ok(None);
    };
    let now = world.author.time;
    let Some((canary, due)) = next_due(world, stepping, now).await? else {
        return Ok(None);
    };
    let Ok(length) = Duration::try_from(due.duration_since(now)) else {
        return Ok(None);
    };
    if length > wait.longest || start + length >= end {
        return Ok(None);
    }
    tracing::info!("waiting until {due}, when {canary} is due");
    let mut now = ceil(due);
    if wait.sleeps {
        tokio::time::sleep_until(start + length).await;
        let passed = SignedDuration::try_from(start.elapsed()).unwrap_or_default();
        let clock = world.author.time.saturating_add(passed).unwrap_or(now);
        now = now.max(Timestamp::from_second(clock.as_second()).unwrap_or(now));
    }
    Ok(Some(Waited {
        canary,
        due,
        now,
        seconds: now.duration_since(world.author.time).as_secs(),
    }))
}

/// The next whole second.
fn ceil(time: Timestamp) -> Timestamp {
    let whole = time.subsec_nanosecond() == 0;
    let second = time.as_second() + i64::from(!whole);
    Timestamp::from_second(second).unwrap_or(time)
}

/// The first of the Canaries that will be due; `None` when one is due now.
async fn next_due(
    world: &World,
    stepping: &Stepping,
    now: Timestamp,
) -> Result<Option<(String, Timestamp)>> {
    let base = world.load().await?;
    let tree = world.tree(base).await?;
    let manifests = stepping.choice.of(&tree.inventory)?;
    let all: Vec<(String, Due)> = stream::iter(manifests)
        .map(async |manifest| {
            let due = match rollout::resolve(&tree.inventory, manifest, now) {
                Ok(mut rollout) => match tree.count_from_merge(&mut rollout, now).await {
                    Ok(()) => due(stepping, &tree, &rollout, now).await,
                    Err(_told_by_the_tick) => Due::Never,
                },
                Err(_told_by_the_tick) => Due::Never,
            };
            (manifest.id(), due)
        })
        .buffered(CONCURRENT)
        .collect()
        .await;
    if all.iter().any(|(_, due)| *due == Due::Now) {
        return Ok(None);
    }
    let times = all.into_iter().filter_map(|(canary, due)| match due {
        Due::At(at) => Some((canary, at)),
        Due::Now | Due::Never => None,
    });
    Ok(times.min_by_key(|(_, at)| *at))
}

/// Finds out when a tick is due by beginning one: nobody is asked anything, except
/// whether the last step is applied.
async fn due(
    stepping: &Stepping,
    tree: &Tree<'_>,
    rollout: &rollout::Rollout,
    now: Timestamp,
) -> Due {
    let Ok(facts) = tree.facts(rollout) else {
        return Due::Never;
    };
    let mut answers = Answers::new();
    // Once without an answer, once with it.
    for _ in 0..2 {
        match decide::decide(&rollout.canary, &facts, &answers, now) {
            Next::Done(plan) => {
                return match plan.next_step_at {
                    Some(at) if plan.action == Action::NotDue => Due::At(at),
                    Some(_) | None if plan.is_empty() => Due::Never,
                    Some(_) | None => Due::Now,
                };
            }
            Next::Ask(probes) if probes == [Probe::Applied] => {
                let found = applied(rollout, &stepping.observer, tree.cluster.as_ref(), now).await;
                let Ok(found) = found else { return Due::Now };
                answers.insert(Probe::Applied, Answer::Applied(found));
            }
            Next::Ask(_) => return Due::Now,
        }
    }
    Due::Now
}
