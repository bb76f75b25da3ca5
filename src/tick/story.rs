//! What happened to the rollouts of a run before it, for those who look at its
//! summary.

use std::collections::BTreeMap;
use std::ops::ControlFlow;
use std::time::Duration;

use super::World;
use crate::api::Phase;
use crate::repo::git::Oid;
use crate::repo::trail::Said;
use crate::report::{Point, Run};

/// Nobody waits longer for a chart.
const LONGEST: Duration = Duration::from_secs(20);

/// Adds what a job summary shows beside the results: where commits are shown, and
/// the weights of the rollouts that are under way or ended in this run, as the
/// trailers of their commits tell them. What cannot be found out is left out.
pub async fn tell_story(world: &World, run: &mut Run) {
    run.commits_at = world.notifier.commits().cloned();
    let mut wanted: BTreeMap<String, Collector> = run
        .steps()
        .filter(|result| !result.is_quiet() && (result.is_active() || result.commit.is_some()))
        .map(|result| (result.canary.clone(), Collector::default()))
        .collect();
    let tip = run
        .head
        .as_deref()
        .and_then(|head| Oid::from_str(head).ok());
    let Some(tip) = tip.filter(|_| !wanted.is_empty()) else {
        return;
    };
    let source = world
        .remote
        .as_deref()
        .map(|remote| (&world.branch, remote));
    let mut open = wanted.len();
    let walk = world.repository.trail(tip, source, |said| {
        if let Some((canary, revision, point)) = step(&said)
            && let Some(collector) = wanted.get_mut(canary)
            && collector.take(revision, point)
        {
            open -= 1;
        }
        match open {
            0 => ControlFlow::Break(()),
            _ => ControlFlow::Continue(()),
        }
    });
    match tokio::time::timeout(LONGEST, walk).await {
        Ok(Ok(())) => {}
        Ok(Err(error)) => tracing::info!("no history for the summary: {}", error.chain()),
        Err(_elapsed) => tracing::info!("no history for the summary in time"),
    }
    for result in &mut run.results {
        if let Some(collector) = wanted.remove(&result.canary) {
            result.past = collector.points();
        }
    }
}

/// The Canary, its revision and its state after a commit that is a step.
fn step(said: &Said) -> Option<(&str, Option<&str>, Point)> {
    let get = |key: &str| {
        let mut found = said.trailers.iter().filter(|(name, _)| name == key);
        found.next().map(|(_, value)| value.as_str())
    };
    // A person may write `Canary:` for another reason.
    get("Failed-Checks")?;
    let phase: Phase = serde_json::from_value(get("Phase")?.into()).ok()?;
    let point = Point {
        time: said.time,
        phase,
        canary_weight: get("Canary-Weight")?.parse().ok()?,
    };
    Some((get("Canary")?, get("Revision"), point))
}

/// Takes the states of one Canary, newest first, back to the beginning of the last
/// rollout.
#[derive(Debug, Default)]
struct Collector {
    /// Newest first.
    points: Vec<Point>,
    revision: Option<String>,
    is_complete: bool,
}

impl Collector {
    /// Is it complete now, and was not before?
    fn take(&mut self, revision: Option<&str>, point: Point) -> bool {
        if self.is_complete {
            return false;
        }
        let was_active = self.points.iter().any(|point| point.phase.is_active());
        let is_other = !self.points.is_empty() && self.revision.as_deref() != revision;
        // What ended before this rollout began, or another one that it replaced.
        self.is_complete = is_other || (was_active && !point.phase.is_active());
        if !self.is_complete {
            self.revision = revision.map(str::to_owned);
            self.points.push(point);
        }
        self.is_complete
    }

    /// Oldest first.
    fn points(mut self) -> Vec<Point> {
        self.points.reverse();
        self.points
    }
}

#[cfg(test)]
mod tests;
