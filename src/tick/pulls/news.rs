//! What is told once a pull request is merged, and what becomes of one that nobody
//! needs any longer.

use tokio::time::Instant;

use super::marker::Marker;
use super::{Decided, Decider, Round, World};
use crate::error::Result;
use crate::github::PullRequest;
use crate::tick::{deployments, telling};

/// Tells others of steps that were merged since. It is noted first, in the pull
/// request: nobody is told twice. Sentences about what could not be noted.
pub(super) async fn tell_merged(
    world: &World,
    merged: Vec<(PullRequest, Marker)>,
    results: &mut [Decided],
    end: Instant,
) -> Vec<String> {
    let mut notes = Vec::new();
    for (pull, mut marker) in merged {
        let is_its = |it: &&mut Decided| it.outcome.canary == marker.canary && it.work.is_some();
        let Some(decided) = results.iter_mut().find(is_its) else {
            continue;
        };
        let (Some(news), Some((rollout, _))) = (marker.news.take(), &decided.work) else {
            continue;
        };
        if let Err(error) = note(world, &pull, &marker, None).await {
            notes.push(format!(
                "nobody was told yet that pull request #{} is merged: {}",
                pull.number,
                error.chain()
            ));
            continue;
        }
        let (plan, commit) = (news.into_plan(), pull.merge_commit_sha.as_deref());
        let untold = telling::announce(world, rollout, &plan, commit, end).await;
        decided.outcome.warnings.extend(untold);
        if let Some(commit) = commit {
            deployments::show_merged(world, decided, &plan, commit, end).await;
        }
    }
    notes
}

/// Writes a new marker into a pull request, and closes it when there is a reason.
async fn note(
    world: &World,
    pull: &PullRequest,
    marker: &Marker,
    closed: Option<&str>,
) -> Result<()> {
    let text = Marker::below(pull.body.as_deref().unwrap_or_default());
    let text = match closed {
        Some(why) => format!("{}\n\nClosed by Weirkeeper: {why}.\n", text.trim_end()),
        None => text.to_owned(),
    };
    let body = marker.above(&text)?;
    let mut fields = vec![("body", &*body)];
    if closed.is_some() {
        fields.push(("state", "closed"));
    }
    world.github.change_pull(pull.number, &fields).await?;
    Ok(())
}

impl Round<'_> {
    /// Closes a pull request that nobody needs any longer. That is no refusal.
    ///
    /// # Errors
    /// When GitHub does not do it.
    pub(super) async fn withdraw(
        &self,
        pull: &PullRequest,
        marker: Option<&Marker>,
        why: &str,
    ) -> Result<()> {
        if self.world.dry_run {
            return Ok(());
        }
        match marker.cloned() {
            Some(mut marker) => {
                marker.lifted = true;
                note(self.world, pull, &marker, Some(why)).await
            }
            None => {
                let fields = [("state", "closed")];
                let changed = self.world.github.change_pull(pull.number, &fields).await;
                Ok(changed.map(drop)?)
            }
        }
    }

    /// Takes back the refusal that a closed pull request is.
    ///
    /// # Errors
    /// When GitHub does not do it.
    pub(super) async fn lift(&self, pull: &PullRequest, marker: &Marker) -> Result<()> {
        let lifted = Marker {
            lifted: true,
            ..marker.clone()
        };
        note(self.world, pull, &lifted, None).await
    }

    /// Closes the pull requests of Canaries of which nothing is left.
    pub(super) async fn withdraw_orphans(
        &self,
        decider: &Decider<'_>,
        results: &[Decided],
    ) -> Vec<String> {
        let Decider::Step(_, choice) = decider else {
            return Vec::new();
        };
        let mut notes = Vec::new();
        for (canary, pull) in self.known.all_open() {
            let canaries = self.tree.inventory.canaries();
            let is_there = canaries.iter().any(|manifest| manifest.id() == canary)
                || results.iter().any(|it| it.outcome.canary == canary);
            let marker = Marker::of(pull).filter(|marker| {
                marker.canary == canary
                    && marker.commit == pull.head.sha
                    && pull.base.name == self.world.branch.name()
            });
            // What cannot be read may hold it.
            let is_known = self.tree.inventory.broken().is_empty();
            let (false, true, true, Some(marker)) =
                (is_there, is_known, choice.takes(canary), marker)
            else {
                continue;
            };
            let (number, why) = (pull.number, "the Canary is gone");
            notes.push(match self.withdraw(pull, Some(&marker), why).await {
                Ok(()) => format!("{canary}: pull request #{number} was closed: {why}"),
                Err(error) => format!(
                    "{canary}: {why}, but pull request #{number} is open: {}",
                    error.chain()
                ),
            });
        }
        notes
    }
}
