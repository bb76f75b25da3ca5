//! From a decided step to a pull request.

use super::known::branch_of;
use super::marker::{Kind, Marker, News};
use super::standing::{Open, before};
use super::{Decided, Next, Round, body, changes, fail, hold, proposal};
use crate::diagnostic::Diagnostic;
use crate::error::{Error, Result};
use crate::github::{PullRequest, Refused};
use crate::repo::branch::Branch;
use crate::repo::git::Oid;
use crate::repo::push::Pushed;
use crate::report::message;
use crate::tick::{Merge, committing};

/// A pull request as it is to be.
struct Draft {
    branch: Branch,
    title: String,
    /// Below the marker.
    text: String,
    marker: Marker,
    /// The message of its commit: headline and body.
    message: (String, String),
}

/// Where the branch of a new pull request is.
enum Place {
    /// It may be put there, from here.
    Ours(Option<Oid>),
    /// Somebody else has it.
    Taken,
}

impl Round<'_> {
    /// Opens a pull request with what was decided, or gives it to the open one.
    ///
    /// # Errors
    /// When the remote or GitHub does not do it. What was pushed is found by the next
    /// run.
    pub(super) async fn propose(&self, decided: &mut Decided, open: Option<&Open>) -> Result<Next> {
        let mut draft = self.draft(decided, open)?;
        let past = self.world.github.pulls_from(draft.branch.name()).await?;
        if let Some(refused) = past.iter().find(|pull| refuses(pull, &draft.marker)) {
            return self.hold_refused(decided, refused, open).await;
        }
        let expected = match open {
            Some(open) => Some(open.head),
            None => match self.place(&draft, &past).await? {
                Place::Ours(expected) => expected,
                Place::Taken => return Ok(hold_taken(decided, &draft.branch)),
            },
        };
        if self.world.dry_run {
            decided.outcome.pull_request = open.map(|open| proposal(&open.pull));
            return Ok(Next::Done);
        }
        let (world, inventory) = (self.world, &self.tree.inventory);
        committing::commit_all(world, inventory, self.base, std::slice::from_mut(decided)).await?;
        // Nothing changes, or it cannot be written: that is told.
        let Some(commit) = decided.outcome.commit.take() else {
            return Ok(Next::Done);
        };
        let new = Oid::from_str(&commit)
            .map_err(|error| Error::internal("a commit without a name").because(error))?;
        let push = world
            .repository
            .replace(&draft.branch, self.remote, expected, new);
        match push.await? {
            Pushed::Done => {}
            Pushed::Moved => return Ok(Next::Again),
            Pushed::Refused(error) => return Err(error),
        }
        draft.marker.commit = commit;
        match open {
            Some(open) => self.change(decided, open, &draft).await,
            None => self.open(decided, &draft).await,
        }
    }

    fn draft(&self, decided: &Decided, open: Option<&Open>) -> Result<Draft> {
        let Some((rollout, plan)) = &decided.work else {
            return Err(Error::internal("nothing is proposed"));
        };
        let outcome = &decided.outcome;
        let marker = Marker {
            canary: outcome.canary.clone(),
            revision: outcome.revision.clone().unwrap_or_default(),
            before: before(rollout)?,
            kind: Kind::of(plan),
            word: self.by_person,
            failed_checks: outcome.failed_checks,
            documents: self.documents(rollout)?,
            base: self.base.to_string(),
            commit: String::new(),
            lifted: false,
            comment: self.comment.or_else(|| open?.marker.as_ref()?.comment),
            news: News::of(plan, self.world.deployments.is_some()),
        };
        let message = message::commit(&rollout.canary, plan, outcome)?;
        let (headline, rest) = message.split_once('\n').unwrap_or((&message, ""));
        let title = body::title(&outcome.canary, marker.kind, plan);
        let instead = open.map(|open| open.pull.title.as_str());
        let instead = instead.filter(|before| *before != title);
        Ok(Draft {
            branch: branch_of(&outcome.canary)?,
            text: body::text(&marker, plan, outcome, instead),
            message: (headline.to_owned(), rest.trim().to_owned()),
            title,
            marker,
        })
    }

    /// Where the branch is, and whether it may be put elsewhere: what Weirkeeper
    /// pushed may, also when no pull request came of it.
    async fn place(&self, draft: &Draft, past: &[PullRequest]) -> Result<Place> {
        let Some(at) = self.known.branches.get(draft.branch.name()) else {
            return Ok(Place::Ours(None));
        };
        let commit = at.to_string();
        let is_known = past.iter().any(|pull| {
            let is_named = Marker::of(pull).is_some_and(|marker| marker.commit == commit);
            is_named || (pull.merged_at.is_some() && pull.head.sha == commit)
        });
        Ok(
            match is_known || self.is_ours(&commit, &draft.marker.canary).await? {
                true => Place::Ours(Some(*at)),
                false => Place::Taken,
            },
        )
    }

    async fn open(&self, decided: &mut Decided, draft: &Draft) -> Result<Next> {
        let github = &self.world.github;
        let (head, base) = (draft.branch.name(), self.world.branch.name());
        let body = draft.marker.above(&draft.text)?;
        let opened = github.open_pull(head, base, &draft.title, &body).await;
        let pull = match opened {
            Ok(pull) => pull,
            // Another run was faster, or the branch has the step already.
            Err(refused) if is_race(&refused) => return Ok(Next::Again),
            Err(refused) => return Err(explained(refused)),
        };
        let number = pull.number;
        tracing::info!(number, "opened a pull request");
        let reason = format!("proposed: it counts once pull request #{number} is merged");
        self.finish(decided, &pull, draft, reason).await;
        Ok(Next::Done)
    }

    async fn change(&self, decided: &mut Decided, open: &Open, draft: &Draft) -> Result<Next> {
        let number = open.pull.number;
        let github = &self.world.github;
        // It may have been merged before the branch moved: then the step is another one,
        // and what that one says stays.
        if github.pull(number).await.is_ok_and(|pull| !pull.is_open()) {
            return Ok(Next::Again);
        }
        let body = draft.marker.above(&draft.text)?;
        let fields = [("title", &*draft.title), ("body", &*body)];
        let reason = format!("pull request #{number} proposes this now: it counts once merged");
        match github.change_pull(number, &fields).await {
            Ok(pull) => self.finish(decided, &pull, draft, reason).await,
            Err(refused) => {
                // Its commit is the new one: the next run writes the rest.
                let error = explained(refused);
                self.finish(decided, &open.pull, draft, reason).await;
                decided.outcome.failures.push(error);
            }
        }
        Ok(Next::Done)
    }

    /// Labels, auto-merge, and what is reported. What fails of it is a warning.
    async fn finish(
        &self,
        decided: &mut Decided,
        pull: &PullRequest,
        draft: &Draft,
        reason: String,
    ) {
        let outcome = &mut decided.outcome;
        outcome.pull_request = Some(proposal(pull));
        outcome.next_step_at = None;
        outcome.reasons.push(reason);
        let has = |label: &&str| !pull.labels.iter().any(|known| known.name == **label);
        let labels: Vec<&str> = self.wanted.labels.iter().map(String::as_str).collect();
        let labels: Vec<&str> = labels.into_iter().filter(|label| has(label)).collect();
        let github = &self.world.github;
        if !labels.is_empty()
            && let Err(refused) = github.label_pull(pull.number, &labels).await
        {
            let what = format!("pull request #{} did not get its labels", pull.number);
            outcome.warnings.push(warning(&what, refused.into()));
        }
        if let Some(method) = self.wanted.auto_merge
            && pull.auto_merge.is_none()
        {
            match self.merge(pull, draft, method).await {
                Ok(None) => {}
                Ok(Some(commit)) => {
                    outcome.reasons.pop();
                    outcome
                        .reasons
                        .push(format!("pull request #{} was merged at once", pull.number));
                    outcome.commit = Some(commit);
                }
                Err(warning) => outcome.warnings.push(*warning),
            }
        }
    }

    /// Lets GitHub merge by itself; where nothing is waited for, that is now: the
    /// name of the commit.
    async fn merge(
        &self,
        pull: &PullRequest,
        draft: &Draft,
        method: Merge,
    ) -> Result<Option<String>, Box<Diagnostic>> {
        let (large, small) = match method {
            Merge::Merge => ("MERGE", "merge"),
            Merge::Squash => ("SQUASH", "squash"),
            Merge::Rebase => ("REBASE", "rebase"),
        };
        // GitHub writes a new commit: that of the step, with all that it says.
        let headline = format!("{} (#{})", draft.message.0, pull.number);
        let message = (method == Merge::Squash).then_some((&*headline, &*draft.message.1));
        let github = &self.world.github;
        let asked = github.merge_when_ready(pull, large, message).await;
        let Err(refused) = asked else {
            return Ok(None);
        };
        let what = format!("pull request #{} is not merged by itself", pull.number);
        let said = refused.said.to_lowercase();
        if !said.contains("clean status") {
            let hint = match said.contains("unstable status") {
                true => {
                    "a check that is not required has not passed: require it in the rules of the branch"
                }
                false => {
                    "switch on `Allow auto-merge` in the settings of the repository, and allow \
                     this way of merging"
                }
            };
            return Err(Box::new(warning(&what, refused.into()).hint(hint)));
        }
        let head = &draft.marker.commit;
        let merged = github.merge_pull(pull.number, head, small, message).await;
        merged
            .map(Some)
            .map_err(|refused| Box::new(warning(&what, refused.into())))
    }

    /// Somebody closed the pull request that would be opened now.
    async fn hold_refused(
        &self,
        decided: &mut Decided,
        refused: &PullRequest,
        open: Option<&Open>,
    ) -> Result<Next> {
        if let Some(open) = open {
            let why = format!("#{} with the same step was closed", refused.number);
            self.withdraw(&open.pull, open.marker.as_ref(), &why)
                .await?;
        }
        let is_back = changes(decided).is_some_and(|plan| Kind::of(plan) == Kind::Rollback);
        let what = if is_back { ", a rollback" } else { "" };
        let reason = format!(
            "pull request #{} was closed{what}: {} lifts this",
            refused.number,
            body::retry(&decided.outcome.canary)
        );
        hold(decided, Some(&proposal(refused)), reason);
        decided.outcome.rollback_waits = is_back;
        Ok(Next::Done)
    }
}

/// Is `pull` one that somebody closed, with the step of `wanted`? What a person asks
/// for is not kept from them.
fn refuses(pull: &PullRequest, wanted: &Marker) -> bool {
    is_refused(pull, |marker| marker.refuses(wanted))
}

/// Is `pull` closed by somebody, and about what is looked for?
pub(super) fn is_refused(pull: &PullRequest, is_wanted: impl Fn(&Marker) -> bool) -> bool {
    let is_closed = !pull.is_open() && pull.merged_at.is_none();
    is_closed && Marker::of(pull).is_some_and(|marker| !marker.lifted && is_wanted(&marker))
}

fn hold_taken(decided: &mut Decided, branch: &Branch) -> Next {
    let error = Error::remote(format!(
        "the branch {branch} holds commits of somebody else"
    ))
    .hint("delete it, or open a pull request for it: Weirkeeper overwrites no commits of others");
    fail(decided, error);
    Next::Done
}

/// Did another run open it, or is there nothing to merge any more?
fn is_race(refused: &Refused) -> bool {
    let said = refused.said.to_lowercase();
    let words = ["already exists", "no commits between"];
    refused.is(422) && words.iter().any(|words| said.contains(words))
}

/// What to switch on, where GitHub says so in other words.
fn explained(refused: Refused) -> Error {
    let said = refused.said.to_lowercase();
    let error = Error::from(refused);
    match said.contains("not permitted to create") {
        true => error.hint(
            "allow GitHub Actions to create and approve pull requests, in the settings of the \
             repository under Actions, General; or use the token of a GitHub App",
        ),
        false => error,
    }
}

fn warning(what: &str, error: Error) -> Diagnostic {
    let warning = Diagnostic::warning(format!("{what}: {}", error.chain()));
    match error.hints().first() {
        Some(hint) => warning.hint(hint.clone()),
        None => warning,
    }
}
