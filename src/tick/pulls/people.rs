//! People's words as pull requests.
//!
//! An abort and a pause take the place of an open one at once: nothing may go on
//! behind them. Anything else waits for it, for both change the same state.

use super::marker::{Kind, Marker};
use super::propose::is_refused;
use super::standing::{Open, Standing, before};
use super::{Decided, Round, known, proposal};
use crate::decide::{Action, Plan, Word};
use crate::error::{Error, Result};
use crate::github::PullRequest;
use crate::repo::rollout;
use crate::report::{Outcome, Proposal};
use crate::tick::people::{Saying, again};
use crate::tick::select;

/// May this word take the place of an open pull request? A pause never does of a
/// rollback: traffic would stay where it is to go away from.
fn may_displace(word: Word, open: &Open) -> bool {
    let is_back = open
        .marker
        .as_ref()
        .is_some_and(|it| it.kind == Kind::Rollback);
    match word {
        Word::Abort => true,
        Word::Pause => !is_back,
        Word::Approve(_) | Word::Resume | Word::Retry => false,
    }
}

impl Round<'_> {
    /// What a person says, and how the open pull request stands to it.
    ///
    /// # Errors
    /// [`Kind::Usage`](crate::error::Kind::Usage) when it makes no sense as things
    /// stand, or has to wait for that pull request.
    pub(super) async fn decide_word(&self, saying: &Saying) -> Result<Vec<(Decided, Standing)>> {
        if let Some(again) = self.said_before(saying).await? {
            return Ok(vec![(again, Standing::Free)]);
        }
        let open = self.known.open(saying.canary.trim());
        if saying.word == Word::Retry
            && open.is_none()
            && let Some(lifted) = self.retry(saying).await?
        {
            return Ok(vec![(lifted, Standing::Free)]);
        }
        let decided = saying.decide(self.tree, self.world);
        let decided = decided.map_err(|error| match open {
            Some(open) => error.hint(format!("{} is not merged: {}", open.title, open.html_url)),
            None => error,
        })?;
        let mut words = Vec::new();
        for decided in decided {
            let standing = match self.standing(&decided).await {
                Standing::Stale(open, _) | Standing::Conflicts(open) => Standing::Waits(open),
                Standing::Taken(_, error) | Standing::Unknown(_, error) => return Err(error),
                standing @ (Standing::Free | Standing::Waits(_)) => standing,
            };
            if let Standing::Waits(open) = &standing
                && !may_displace(saying.word, open)
            {
                return Err(wait_for(&open.pull));
            }
            words.push((decided, standing));
        }
        Ok(words)
    }

    /// What is said of a comment that was carried out before, in a pull request: it
    /// may be closed by now, and the status knows nothing of it.
    ///
    /// # Errors
    /// [`Kind::Usage`](crate::error::Kind::Usage) when a newer comment was.
    async fn said_before(&self, saying: &Saying) -> Result<Option<Decided>> {
        if saying.comment.is_none() {
            return Ok(None);
        }
        let now = self.world.author.time;
        let found = select(&self.tree.inventory, std::slice::from_ref(&saying.canary))?;
        let [manifest] = found.as_slice() else {
            return Ok(None);
        };
        let branch = known::branch_of(&manifest.id())?;
        let past = self.world.github.pulls_from(branch.name()).await?;
        let markers = past.iter().filter_map(Marker::of);
        let last = markers.filter_map(|marker| marker.comment).max();
        if !saying.was_carried_out(last)? {
            return Ok(None);
        }
        let rollout = rollout::resolve(&self.tree.inventory, manifest, now)?;
        let facts = self.tree.facts(&rollout)?;
        let before = rollout.canary.status.as_ref();
        Ok(Some(again(manifest, &facts, before)))
    }

    /// Takes back that a pull request was closed, if one was: it is opened again;
    /// where GitHub cannot, the next run opens another one.
    async fn retry(&self, saying: &Saying) -> Result<Option<Decided>> {
        let now = self.world.author.time;
        let found = select(&self.tree.inventory, std::slice::from_ref(&saying.canary))?;
        let [manifest] = found.as_slice() else {
            return Ok(None);
        };
        let Ok(rollout) = rollout::resolve(&self.tree.inventory, manifest, now) else {
            return Ok(None);
        };
        let facts = self.tree.facts(&rollout)?;
        let (canary, before) = (manifest.id(), before(&rollout)?);
        let is_wanted = |marker: &Marker| {
            marker.canary == canary && marker.revision == facts.revision && marker.before == before
        };
        let branch = known::branch_of(&canary)?;
        let past = self.world.github.pulls_from(branch.name()).await?;
        let refused = past.iter().find(|pull| is_refused(pull, is_wanted));
        let Some((refused, mut marker)) = refused.and_then(|it| Some((it, Marker::of(it)?))) else {
            return Ok(None);
        };
        let number = refused.number;
        marker.comment = self.comment.or(marker.comment);
        let reason = match self.world.dry_run {
            true => format!("pull request #{number} would be opened again"),
            false if self.reopen(refused, &marker).await? => {
                format!("pull request #{number} is open again")
            }
            false => {
                self.lift(refused, &marker).await?;
                format!(
                    "that pull request #{number} was closed counts no longer: the next run \
                     opens another one"
                )
            }
        };
        let plan = Plan {
            reasons: vec![reason],
            phase: rollout.canary.status.as_ref().and_then(|it| it.phase),
            traffic: rollout.canary.status.as_ref().and_then(|it| it.routed),
            ..Plan::bare(Action::Retried)
        };
        let status = rollout.canary.status.as_ref();
        let outcome = Outcome {
            pull_request: Some(proposal(refused)),
            place: manifest.error_at("metadata.name", "").location(),
            ..Outcome::decided(canary, &facts.revision, status, &plan)
        };
        Ok(Some(Decided {
            outcome,
            work: None,
        }))
    }

    /// Opens it again, with its branch. `false` when GitHub does not: the branch was
    /// put elsewhere since.
    ///
    /// # Errors
    /// When the marker cannot be written as JSON.
    async fn reopen(&self, pull: &PullRequest, marker: &Marker) -> Result<bool> {
        let (github, branch) = (&self.world.github, &pull.head.name);
        if !self.known.branches.contains_key(branch) {
            let restored = github.restore_branch(branch, &pull.head.sha).await;
            if let Err(refused) = restored {
                tracing::debug!(said = refused.said, "cannot restore the branch");
            }
        }
        let text = Marker::below(pull.body.as_deref().unwrap_or_default());
        let body = marker.above(text)?;
        let fields = [("state", "open"), ("body", &*body)];
        let opened = github.change_pull(pull.number, &fields).await;
        Ok(opened.is_ok_and(|pull| pull.is_open()))
    }
}

fn wait_for(pull: &PullRequest) -> Error {
    let Proposal { number, url } = proposal(pull);
    Error::usage(format!("pull request #{number} waits to be merged: {url}"))
        .hint("merge it or close it first: both change the same state")
}
