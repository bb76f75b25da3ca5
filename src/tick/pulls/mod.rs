//! `commit-via: pull-request`: each step is a pull request.
//!
//! A Canary has one branch, `weirkeeper/<namespace>/<name>`, and one open pull request.
//! While it waits to be merged, the tick is not repeated: metrics are asked, webhooks
//! are not called. It is changed in place when what it was decided on changed, and
//! when traffic is to go back. One that somebody closed is a refusal.
//!
//! Nothing has happened before the merge: the next run sees it, counts time from it,
//! and tells others.

mod body;
mod known;
mod marker;
mod news;
mod people;
mod propose;
mod standing;

use std::collections::{BTreeMap, BTreeSet};

use tokio::time::Instant;

use self::known::Known;
pub(crate) use self::known::PREFIX;
use self::marker::Marker;
use self::standing::{Open, Standing};
use super::deciding::{Decided, decide_all};
use super::landed::Landed;
use super::{Choice, Decider, Tree, World, within};
use crate::decide::{Action, Plan};
use crate::error::{Error, Kind, Result};
use crate::github::PullRequest;
use crate::repo::git::Oid;
use crate::repo::inventory::Inventory;
use crate::repo::retry;
use crate::report::{Outcome, Proposal, Run};
use crate::tick::PullRequests;

/// What became of a step.
enum Next {
    /// What there was to do is done.
    Done,
    /// Somebody else was faster: it is decided again.
    Again,
}

/// One look at everything.
struct Round<'a> {
    world: &'a World,
    wanted: &'a PullRequests,
    remote: &'a str,
    /// The tip of the branch.
    base: Oid,
    tree: &'a Tree<'a>,
    known: Known,
    /// Does a person decide?
    by_person: bool,
    /// The comment in which that person says so.
    comment: Option<u64>,
}

/// Decides as [`tick`](super::tick()) does, and proposes instead of pushing.
///
/// # Errors
/// What keeps the whole run from happening: no remote, no GitHub to ask.
pub(super) async fn run(
    world: &World,
    wanted: &PullRequests,
    decider: &Decider<'_>,
    end: Instant,
) -> Result<Run> {
    let remote = world.remote.as_deref().ok_or_else(|| {
        Error::usage("a pull request needs a remote, and the commits stay here")
            .hint("leave out --no-push, or choose --commit-via git")
    })?;
    if !world.github.is_known() {
        world.github.repository()?;
        return Err(Error::usage("pull requests need a token for GitHub")
            .hint("give one in WEIRKEEPER_TOKEN or GITHUB_TOKEN"));
    }
    let taken = take_steps(world, wanted, remote, decider);
    let mut taken = within(end, world.deadline, taken).await?;
    if !world.dry_run {
        // Nothing reached the branch.
        let all = taken.results.iter_mut().map(|step| (step, false));
        super::telling::tell(world, all, end).await;
        let merged = std::mem::take(&mut taken.merged);
        let notes = news::tell_merged(world, merged, &mut taken.results, end).await;
        taken.notes.extend(notes);
    }
    taken.report(world)
}

/// What was done.
struct Taken {
    inventory: Inventory,
    base: Oid,
    results: Vec<Decided>,
    /// Merged pull requests that others are to be told of.
    merged: Vec<(PullRequest, Marker)>,
    notes: Vec<String>,
}

async fn take_steps(
    world: &World,
    wanted: &PullRequests,
    remote: &str,
    decider: &Decider<'_>,
) -> Result<Taken> {
    let mut pauses = retry::attempts();
    let mut done: BTreeMap<String, Decided> = BTreeMap::new();
    loop {
        let (base, branches) = tokio::try_join!(
            world.load(),
            world.repository.branches_below(remote, PREFIX)
        )?;
        let tree = world.tree(base).await?;
        let round = Round {
            world,
            wanted,
            remote,
            base,
            tree: &tree,
            known: Known::load(&world.github, &world.branch, branches).await?,
            by_person: matches!(decider, Decider::Person(_)),
            comment: match decider {
                Decider::Person(saying) => saying.comment.as_ref().map(|it| it.id),
                Decider::Step(..) => None,
            },
        };
        let mut results = Vec::new();
        let mut lost = BTreeSet::new();
        for (mut decided, standing) in round.decide(decider).await? {
            let id = decided.outcome.canary.clone();
            if let Some(settled) = done.remove(&id) {
                results.push(settled);
                continue;
            }
            if let Next::Again = round.settle(&mut decided, standing).await {
                lost.insert(id);
            }
            results.push(decided);
        }
        if !lost.is_empty()
            && let Some(pause) = pauses.next()
        {
            tracing::info!("another run was faster, deciding again in {pause:?}");
            tokio::time::sleep(pause).await;
            let ids = results
                .into_iter()
                .map(|it| (it.outcome.canary.clone(), it));
            done.extend(ids.filter(|(id, _)| !lost.contains(id)));
            continue;
        }
        for decided in &mut results {
            if lost.contains(&decided.outcome.canary) {
                fail(decided, overtaken());
            }
        }
        results.extend(done.into_values());
        let notes = round.withdraw_orphans(decider, &results).await;
        let merged = round.known.merged;
        return Ok(Taken {
            inventory: tree.inventory,
            base,
            results,
            merged,
            notes,
        });
    }
}

impl Taken {
    /// # Errors
    /// When the files cannot be listed.
    fn report(self, world: &World) -> Result<Run> {
        let outcomes = self.results.into_iter().map(|decided| decided.outcome);
        let mut run = Run::new(outcomes.collect(), Some(self.base.to_string()));
        run.errors = self.inventory.broken().iter().map(Error::again).collect();
        if run.results.is_empty() && run.errors.is_empty() {
            run.notes.push(super::nothing_found(&self.inventory)?);
        }
        run.notes.extend(self.notes);
        if world.dry_run {
            run.notes
                .push("dry run: no pull request was opened".to_owned());
        }
        // GitHub merged what nothing was against.
        let merged = run.commits().last().map(|commit| (*commit).to_owned());
        if let Some(merged) = merged {
            run.pushed = true;
            run.head = Some(merged);
        }
        Ok(run)
    }
}

impl Round<'_> {
    /// What is decided for each Canary, and how its pull request stands to that.
    /// Where one waits, no webhook is called; where it does not build on what there
    /// is now, everybody is asked again.
    async fn decide(&self, decider: &Decider<'_>) -> Result<Vec<(Decided, Standing)>> {
        let (asking, choice) = match decider {
            Decider::Person(saying) => return self.decide_word(saying).await,
            Decider::Step(asking, choice) => (asking, choice),
        };
        let open: BTreeSet<String> = self.open_canaries();
        asking.keep_quiet_about(open.clone());
        let now = self.world.author.time;
        let landed = Landed::default();
        let (world, base) = (self.world, self.base);
        let mut decided = decider.decide(world, base, self.tree, &landed).await?;
        let mut standings = Vec::new();
        for decided in &decided {
            standings.push(self.standing(decided).await);
        }
        let mut stale = Vec::new();
        for (decided, standing) in decided.iter().zip(&standings) {
            let is_deleted = decided.work.as_ref().is_some_and(|(it, _)| it.is_deleted);
            if matches!(standing, Standing::Stale(..)) && !is_deleted {
                stale.push(decided.outcome.canary.clone());
            }
        }
        if !stale.is_empty() {
            let is_stale = |canary: &String| stale.contains(canary);
            asking.keep_quiet_about(open.into_iter().filter(|it| !is_stale(it)).collect());
            let anew = Choice {
                only: stale.clone(),
                shard: choice.shard,
            };
            for anew in decide_all(self.tree, asking, &anew, now).await? {
                let same = |old: &&mut Decided| {
                    old.outcome.canary == anew.outcome.canary
                        && old.outcome.place == anew.outcome.place
                };
                if let Some(old) = decided.iter_mut().find(same) {
                    *old = anew;
                }
            }
        }
        refuse_namesakes(&mut decided);
        Ok(decided.into_iter().zip(standings).collect())
    }

    fn open_canaries(&self) -> BTreeSet<String> {
        let open = self.known.all_open();
        open.map(|(canary, _)| canary.to_owned()).collect()
    }

    /// Does what is left to do for one Canary. What fails is told of it alone.
    async fn settle(&self, decided: &mut Decided, standing: Standing) -> Next {
        let settled = match standing {
            Standing::Free => self.settle_free(decided).await,
            Standing::Waits(open) => self.settle_waiting(decided, &open).await,
            Standing::Conflicts(open) => self.settle_conflicting(decided, &open).await,
            Standing::Stale(open, why) => self.settle_stale(decided, &open, why).await,
            Standing::Taken(pull, error) | Standing::Unknown(pull, error) => {
                let reason = error.message().to_owned();
                hold(decided, Some(&proposal(&pull)), reason);
                decided.outcome.failures.push(error);
                Ok(Next::Done)
            }
        };
        settled.unwrap_or_else(|error| {
            fail(decided, error);
            Next::Done
        })
    }

    async fn settle_free(&self, decided: &mut Decided) -> Result<Next> {
        match changes(decided) {
            None => Ok(Next::Done),
            Some(plan) if plan.counted_again => {
                let why = "no pull request for that: the metrics tell the next run again";
                decided.outcome.reasons.push(why.to_owned());
                Ok(Next::Done)
            }
            Some(_) => self.propose(decided, None).await,
        }
    }

    async fn settle_waiting(&self, decided: &mut Decided, open: &Open) -> Result<Next> {
        let shown = proposal(&open.pull);
        if decided.outcome.error.is_some() {
            decided.outcome.pull_request = Some(shown);
            return Ok(Next::Done);
        }
        let failed = decided.outcome.failed_checks;
        let gives_way = |plan: &Plan| {
            let kind = marker::Kind::of(plan);
            let marker = open.marker.as_ref();
            self.by_person || marker.is_none_or(|marker| marker.gives_way_to(kind, failed))
        };
        if changes(decided).is_some_and(gives_way) {
            return self.propose(decided, Some(open)).await;
        }
        hold_waiting(decided, open);
        Ok(Next::Done)
    }

    /// What a person said cannot be merged any more. It is not said again for them,
    /// and a rollback does not wait for them.
    async fn settle_conflicting(&self, decided: &mut Decided, open: &Open) -> Result<Next> {
        let is_back = |plan: &Plan| marker::Kind::of(plan) == marker::Kind::Rollback;
        if changes(decided).is_some_and(|plan| self.by_person || is_back(plan)) {
            return self.propose(decided, Some(open)).await;
        }
        let (number, base) = (open.pull.number, self.world.branch.name());
        let error = Error::remote(format!(
            "pull request #{number} conflicts with {base}: nobody can merge it"
        ))
        .hint(
            "say it again (abort and pause take its place), or close it: until then the \
             rollout stands",
        );
        if decided.outcome.error.is_some() {
            decided.outcome.pull_request = Some(proposal(&open.pull));
        } else {
            hold_waiting(decided, open);
            decided.outcome.reasons = vec![error.message().to_owned()];
        }
        decided.outcome.failures.push(error);
        Ok(Next::Done)
    }

    async fn settle_stale(&self, decided: &mut Decided, open: &Open, why: &str) -> Result<Next> {
        if decided.outcome.error.is_some() {
            decided.outcome.pull_request = Some(proposal(&open.pull));
            return Ok(Next::Done);
        }
        if changes(decided).is_some() {
            return self.propose(decided, Some(open)).await;
        }
        self.withdraw(&open.pull, open.marker.as_ref(), why).await?;
        let told = format!("pull request #{} was closed: {why}", open.pull.number);
        decided.outcome.reasons.push(told);
        Ok(Next::Done)
    }
}

/// Others did the same again and again.
fn overtaken() -> Error {
    Error::new(
        Kind::Conflict,
        "its branch or its pull request changed again and again",
    )
    .hint("the next run decides anew")
}

/// What is to be committed, if something is.
fn changes(decided: &Decided) -> Option<&Plan> {
    let (_, plan) = decided.work.as_ref()?;
    Some(plan).filter(|plan| !plan.is_empty() && decided.outcome.error.is_none())
}

/// One branch cannot be that of two Canaries.
fn refuse_namesakes(decided: &mut [Decided]) {
    let mut seen = BTreeSet::new();
    for decided in decided {
        if !seen.insert(decided.outcome.canary.clone()) && changes(decided).is_some() {
            let name = &decided.outcome.canary;
            let error = Error::document(format!("there are several Canaries {name}"))
                .hint("give each its own name: pull requests are told apart by it");
            fail(decided, error);
        }
    }
}

fn proposal(pull: &PullRequest) -> Proposal {
    Proposal {
        number: pull.number,
        url: pull.html_url.clone(),
    }
}

/// The outcome of a tick that is not taken now, for `reason`: the branch is as it was.
fn hold(decided: &mut Decided, pull: Option<&Proposal>, reason: String) {
    let outcome = &mut decided.outcome;
    let before = outcome.before.as_deref();
    let plan = Plan {
        phase: before.and_then(|status| status.phase),
        traffic: before.and_then(|status| status.routed),
        reasons: vec![reason],
        measurements: std::mem::take(&mut outcome.metrics),
        share: outcome.share,
        ..Plan::bare(Action::Held)
    };
    let revision = outcome.revision.clone().unwrap_or_default();
    let held = Outcome::decided(outcome.canary.clone(), &revision, before, &plan);
    let old = std::mem::replace(outcome, held);
    outcome.place = old.place;
    outcome.warnings = old.warnings;
    outcome.failures = old.failures;
    outcome.pull_request = pull.cloned();
    if let Some((_, work)) = &mut decided.work {
        // Nobody is told of it: it has not happened.
        *work = plan;
    }
}

/// The outcome of a tick whose pull request nobody merged yet.
fn hold_waiting(decided: &mut Decided, open: &Open) {
    let shown = proposal(&open.pull);
    let kind = open.marker.as_ref().map(|marker| marker.kind);
    let is_back = kind == Some(marker::Kind::Rollback);
    let reason = match is_back {
        true => format!("a rollback waits: merge pull request #{}", shown.number),
        false => format!("pull request #{} waits to be merged", shown.number),
    };
    hold(decided, Some(&shown), reason);
    decided.outcome.rollback_waits = is_back;
}

/// The outcome of a tick that could not be taken.
fn fail(decided: &mut Decided, error: Error) {
    let before = decided.outcome.before.as_deref();
    let failed = Outcome::failed(decided.outcome.canary.clone(), before, error);
    let old = std::mem::replace(&mut decided.outcome, failed);
    decided.outcome.place = old.place;
    decided.outcome.warnings = old.warnings;
    decided.outcome.failures = old.failures;
    decided.outcome.pull_request = old.pull_request;
}
