//! A person's word: one commit, made and pushed as a step is.

use super::choose::select;
use super::deciding::{Decided, refuse_shared_targets};
use super::{Decider, Tree, Via, World, rescue, run};
use crate::api::{Said, Status};
use crate::decide::{self, Facts, Word};
use crate::error::{Error, Kind, Result};
use crate::repo::manifest::Manifest;
use crate::repo::rollout::{self, Rollout};
use crate::report::{Outcome, Run};
use jiff::Timestamp;
use tokio::time::Instant;
use url::Url;

/// What a person says about a rollout.
#[derive(Debug, Clone)]
pub struct Saying {
    /// The Canary, as `namespace/name`.
    pub canary: String,
    /// What is to happen.
    pub word: Word,
    /// Why, in one line.
    pub reason: Option<String>,
    /// The comment that says it; `None` when it is said in another way.
    pub comment: Option<SaidIn>,
}

/// The comment in which a person says something.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SaidIn {
    /// Its number. Each is larger than those of earlier comments.
    pub id: u64,
    /// Where it is shown; a trailer of the commit.
    pub url: Url,
}

/// Does what a person says: one commit with the person as author, pushed as the
/// commits of [`tick`](super::tick()) are. Nobody is asked anything.
///
/// # Errors
/// [`Kind::Usage`] when there is no such Canary, or its
/// state does not allow it; else as [`tick`](super::tick()).
pub async fn say(world: &World, saying: &Saying) -> Result<Run> {
    run(
        world,
        &Decider::Person(saying),
        Instant::now() + world.deadline,
    )
    .await
}

impl Saying {
    /// Decides what becomes of it, on what the branch says now.
    pub(super) fn decide(&self, tree: &Tree<'_>, world: &World) -> Result<Vec<Decided>> {
        let inventory = &tree.inventory;
        let found = select(inventory, std::slice::from_ref(&self.canary))?;
        let [manifest] = found.as_slice() else {
            return Err(
                Error::usage(format!("there are several Canaries {}", self.canary)).at(found
                    .iter()
                    .map(|canary| canary.error_at("metadata.name", "this is one of them"))),
            );
        };
        let author = &world.author;
        let (rollout, facts, failure) = self.read(tree, manifest, author.time)?;
        let before = rollout.canary.status.as_ref();
        if self.was_carried_out(before.and_then(|status| status.last_comment))? {
            return Ok(vec![again(manifest, &facts, before)]);
        }
        let said = Said {
            by: format!("{} <{}>", author.name, author.email),
            at: author.time,
            reason: self.reason.clone(),
        };
        let plan = decide::person(&rollout.canary, &facts, self.word, &said);
        let mut plan = plan.map_err(|refusal| {
            let error = Error::usage(format!("{}: {}", manifest.id(), refusal.why));
            match refusal.hint {
                Some(hint) => error.hint(hint),
                None => error,
            }
        })?;
        if let (Some(status), Some(comment)) = (&mut plan.status, &self.comment) {
            status.last_comment = Some(comment.id);
        }
        let mut outcome = Outcome::decided(manifest.id(), &facts.revision, before, &plan);
        outcome.comment = self.comment.as_ref().map(|comment| comment.url.to_string());
        // The commits of GitHub's API have whom the token belongs to as their author.
        let is_by_api = world.via == Via::Api && world.remote.is_some();
        outcome.co_author = is_by_api.then(|| said.by.clone());
        outcome.place = manifest.error_at("metadata.name", "").location();
        outcome.warnings.clone_from(&rollout.warnings);
        outcome.failures.extend(failure);
        let mut decided = [Decided {
            outcome,
            work: Some((rollout, plan)),
        }];
        refuse_shared_targets(inventory, &found, &mut decided, author.time);
        Ok(Vec::from(decided))
    }

    /// Was this very comment carried out before, `last` being the newest one that was?
    /// The status knows it, so that it holds for every clone, and for runs that race.
    ///
    /// # Errors
    /// [`Kind::Usage`] when a newer comment was: this one is about a state that is
    /// gone.
    pub(super) fn was_carried_out(&self, last: Option<u64>) -> Result<bool> {
        let (Some(comment), Some(last)) = (&self.comment, last) else {
            return Ok(false);
        };
        match comment.id < last {
            true => Err(Error::usage(format!(
                "{}: a newer comment was carried out meanwhile",
                self.canary
            ))
            .hint("write it once more if it is still meant")),
            false => Ok(comment.id == last),
        }
    }

    /// What the Canary acts on. An abort needs the routes alone: what is wrong
    /// with the rest comes along.
    fn read(
        &self,
        tree: &Tree<'_>,
        manifest: &Manifest,
        now: Timestamp,
    ) -> Result<(Rollout, Facts, Option<Error>)> {
        let read = rollout::resolve(&tree.inventory, manifest, now).and_then(|rollout| {
            let facts = tree.facts(&rollout)?;
            Ok((rollout, facts, None))
        });
        read.or_else(|error| {
            if self.word != Word::Abort || error.kind() != Kind::Document {
                return Err(error);
            }
            match rescue::routes_only(tree, manifest, false, now) {
                Ok((rollout, facts)) => Ok((rollout, facts, Some(error))),
                Err(_) => Err(error),
            }
        })
    }
}

/// A word that was carried out before changes nothing.
pub(super) fn again(manifest: &Manifest, facts: &Facts, before: Option<&Status>) -> Decided {
    let mut plan = decide::Plan::bare(decide::Action::Idle);
    plan.phase = before.and_then(|status| status.phase);
    plan.traffic = before.and_then(|status| status.routed);
    let why = "this comment was carried out before, nothing was done: write a new one";
    plan.reasons.push(why.to_owned());
    Decided {
        outcome: Outcome::decided(manifest.id(), &facts.revision, before, &plan),
        work: None,
    }
}
