//! Tells others what happened, once it has.

use std::time::Duration;

use futures_util::StreamExt as _;
use futures_util::stream;
use tokio::time::{Instant, timeout_at};

use super::{Decided, World};
use crate::diagnostic::Diagnostic;
use crate::notify::News;

/// Canaries of which others are told at the same time.
const CONCURRENT: usize = 16;

/// What others get at least, however late it is: the steps are taken, and
/// nobody tells them again.
const AT_LEAST: Duration = Duration::from_secs(30);

/// Tells event webhooks, alert providers and post-rollout hooks of every
/// Canary, several at a time, until `end`; with each comes whether its commit is
/// on the branch. Who could not be told is a warning of the Canary.
pub(super) async fn tell<'a>(
    world: &World,
    decided: impl Iterator<Item = (&'a mut Decided, bool)>,
    end: Instant,
) {
    let end = end.max(Instant::now() + AT_LEAST);
    stream::iter(decided)
        .for_each_concurrent(CONCURRENT, async |(decided, pushed)| {
            if decided.happened(pushed) {
                tell_one(world, decided, end).await;
            }
        })
        .await;
}

async fn tell_one(world: &World, decided: &mut Decided, end: Instant) {
    let Some((rollout, plan)) = &decided.work else {
        return;
    };
    let commit = decided.outcome.commit.as_deref();
    let providers = &rollout.alert_providers;
    let news = News::of(&rollout.canary, plan, commit, providers, world.author.time);
    let warnings = match timeout_at(end, world.notifier.announce(&news)).await {
        Ok(untold) => untold
            .iter()
            .map(|untold| rollout.manifest.diagnostic(&untold.problem()))
            .collect(),
        Err(_elapsed) => vec![Diagnostic::warning(format!(
            "{}: not everybody was told in time what happened",
            rollout.canary.id()
        ))],
    };
    decided.outcome.warnings.extend(warnings);
}

impl Decided {
    /// Did what was decided come true? A plan that changes nothing did.
    fn happened(&self, pushed: bool) -> bool {
        let is_done = |plan: &crate::decide::Plan| match plan.is_empty() {
            true => true,
            false => pushed && self.outcome.commit.is_some(),
        };
        self.outcome.error.is_none() && self.work.as_ref().is_some_and(|(_, plan)| is_done(plan))
    }
}
