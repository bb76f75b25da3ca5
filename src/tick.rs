//! One run: load → observe → decide → edit → commit, push → report.

mod applied;
mod asking;
mod choose;
mod committing;
mod deciding;
mod deleted;
mod deployments;
pub(crate) mod gone;
mod landed;
mod people;
mod publish;
mod pulls;
mod rescue;
mod story;
mod telling;
mod tree;
mod via;
mod waiting;

use std::time::Duration;

use tokio::time::Instant;

use crate::error::{Error, Result};
use crate::github::GitHub;
use crate::notify::Notifier;
use crate::observe::Observer;
use crate::repo::Signature;
use crate::repo::branch::Branch;
use crate::repo::git::{Oid, Repository};
use crate::repo::inventory::Inventory;
use crate::repo::retry;
use crate::report::Run;

pub(crate) use applied::Cluster;
pub(crate) use asking::Asking;
pub use choose::{Choice, Shard, select};
use deciding::decide_rest;
pub(crate) use deciding::{Decided, decide_all};
use deleted::decide_deleted;
pub use deployments::Deployments;
use landed::Landed;
pub use people::{SaidIn, Saying, say};
use publish::Published;
pub(crate) use pulls::PREFIX;
pub use story::tell_story;
pub(crate) use tree::Tree;
pub use via::{Merge, PullRequests, Via};
pub use waiting::Wait;

/// Everything that a run works with, whoever decides.
#[derive(Debug)]
pub struct World {
    /// The repository.
    pub repository: Repository,
    /// The branch that is read and moved.
    pub branch: Branch,
    /// The remote it is pushed to; `None` keeps the commits here.
    pub remote: Option<String>,
    /// How commits reach that branch.
    pub via: Via,
    /// The repository at GitHub.
    pub github: GitHub,
    /// Who tells others.
    pub notifier: Notifier,
    /// Shows rollouts as Deployments of GitHub; `None` does not.
    pub deployments: Option<Deployments>,
    /// Decide and report, write nothing.
    pub dry_run: bool,
    /// Who makes the commits, and when.
    pub author: Signature,
    /// Limit for the whole run.
    pub deadline: Duration,
}

/// What a run of steps is about.
#[derive(Debug)]
pub struct Stepping {
    /// Who answers questions.
    pub observer: Observer,
    /// The Canaries to step.
    pub choice: Choice,
    /// Waits for a Canary that is nearly due; `None` does not.
    pub wait: Option<Wait>,
}

/// Takes one step for every chosen Canary that is due: one commit each, one push.
///
/// Is none due yet, it waits for the first of them as [`Stepping::wait`] says; the
/// time of `world` is then the one after the wait.
///
/// The push is a compare-and-swap. Did the branch move meanwhile, everything
/// is dropped and decided again from the new tip, a bounded number of times. By
/// [`Via::Api`] each commit is one of its own: what is on the branch already stays.
///
/// # Errors
/// What keeps the whole run from happening: no repository, no branch, a remote
/// that cannot be reached. What concerns one Canary, or the push alone, is in
/// the [`Run`].
pub async fn tick(world: &mut World, stepping: &Stepping) -> Result<Run> {
    let start = Instant::now();
    let end = start + world.deadline;
    let wait = waiting::wait(world, stepping, start, end);
    let waited = within(end, world.deadline, wait).await?;
    if let Some(waited) = &waited {
        world.author.time = waited.now;
    }
    let asking = match world.dry_run {
        true => Asking::harmless(&stepping.observer, world.deadline),
        false => Asking::all(&stepping.observer, world.deadline),
    };
    let mut run = run(world, &Decider::Step(&asking, &stepping.choice), end).await?;
    if let Some(waited) = waited {
        run.waited = Some(waited.seconds);
        run.notes.insert(0, waited.told());
    }
    Ok(run)
}

/// Who decides.
enum Decider<'a> {
    /// The engine, after observing.
    Step(&'a Asking<'a>, &'a Choice),
    /// A person.
    Person(&'a Saying),
}

impl Decider<'_> {
    async fn decide(
        &self,
        world: &World,
        base: Oid,
        tree: &Tree<'_>,
        landed: &Landed,
    ) -> Result<Vec<Decided>> {
        match self {
            Self::Person(saying) => saying.decide(tree, world),
            Self::Step(asking, choice) => {
                let now = world.author.time;
                let mut decided = decide_rest(tree, asking, choice, landed, now).await?;
                let repository = &world.repository;
                let deleted = decide_deleted(repository, base, tree, asking, choice, landed, now);
                decided.extend(deleted.await?);
                Ok(decided)
            }
        }
    }
}

/// Decides, commits, publishes and tells.
async fn run(world: &World, decider: &Decider<'_>, end: Instant) -> Result<Run> {
    if let Via::PullRequest(wanted) = &world.via {
        let mut run = pulls::run(world, wanted, decider, end).await?;
        for result in &mut run.results {
            // One that GitHub merges by itself goes on with time.
            result.needs_person |= result.pull_request.is_some() && wanted.auto_merge.is_none();
        }
        return Ok(run);
    }
    let mut landed = Landed::default();
    let steps = take_steps(world, decider, &mut landed, end).await;
    let mut steps = match steps {
        Ok(steps) => steps,
        Err(error) if landed.is_empty() => return Err(error),
        Err(error) => Steps::broken_off(error),
    };
    let head = landed.head().map(str::to_owned);
    if !world.dry_run {
        let pushed = matches!(steps.published, Published::Done(_));
        let rest = steps.decided.iter_mut().map(|step| (step, pushed));
        let all = landed.steps().map(|step| (step, true)).chain(rest);
        let tell = telling::tell(world, all, end);
        let ((), note) = tokio::join!(tell, world.bring_along(head));
        steps.notes.extend(note);
        let rest = steps.decided.iter_mut().map(|step| (step, pushed));
        let all = landed.steps().map(|step| (step, true)).chain(rest);
        deployments::show(world, all, end).await;
    }
    steps.report(world, landed)
}

/// Steps that are taken: what was decided, on which commit, and what became of
/// the commits.
struct Steps {
    /// What the branch held, as far as it was read.
    inventory: Option<Inventory>,
    decided: Vec<Decided>,
    base: Option<Oid>,
    tip: Option<Oid>,
    published: Published,
    notes: Vec<String>,
}

async fn take_steps(
    world: &World,
    decider: &Decider<'_>,
    landed: &mut Landed,
    end: Instant,
) -> Result<Steps> {
    let mut pauses = retry::attempts();
    let mut first = None;
    loop {
        let made = within(end, world.deadline, make(world, decider, landed));
        let (base, tree, mut decided, tip) = made.await?;
        first.get_or_insert(base);
        let publish = world.publish(base, tip, &mut decided, landed, end);
        let published = match world.via {
            // What GitHub was asked for is not dropped: it may come true.
            Via::Api => publish.await?,
            Via::Git | Via::PullRequest(_) => within(end, world.deadline, publish).await?,
        };
        tracing::debug!("published");
        if let Published::Moved = published
            && let Some(pause) = pauses.next()
        {
            tracing::info!("the branch moved, deciding again in {pause:?}");
            tokio::time::sleep(pause).await;
            continue;
        }
        return Ok(Steps {
            inventory: Some(tree.inventory),
            decided,
            base: Some(base),
            tip: Some(tip),
            notes: Vec::new(),
            published: match published {
                Published::Moved if first == Some(base) => Published::Refused(world.locked()),
                published @ (Published::Nothing
                | Published::Done(_)
                | Published::Moved
                | Published::Refused(_)) => published,
            },
        });
    }
}

/// Decides on what the branch says now, and makes the commits: the base, what it
/// holds, what was decided, and the last commit.
async fn make<'a>(
    world: &'a World,
    decider: &Decider<'_>,
    landed: &Landed,
) -> Result<(Oid, Tree<'a>, Vec<Decided>, Oid)> {
    let base = world.load().await?;
    tracing::debug!(%base, "loaded");
    let tree = world.tree(base).await?;
    let canaries = tree.inventory.canaries().len();
    tracing::debug!(canaries, "read");
    let mut decided = decider.decide(world, base, &tree, landed).await?;
    tracing::debug!("decided");
    let tip = match world.dry_run {
        true => base,
        false => committing::commit_all(world, &tree.inventory, base, &mut decided).await?,
    };
    tracing::debug!(%tip, "committed");
    Ok((base, tree, decided, tip))
}

impl Steps {
    /// Steps of a run that `error` ended when some of them had landed.
    fn broken_off(error: Error) -> Self {
        Self {
            inventory: None,
            decided: Vec::new(),
            base: None,
            tip: None,
            published: Published::Refused(error),
            notes: Vec::new(),
        }
    }

    /// # Errors
    /// When the files cannot be listed.
    fn report(self, world: &World, landed: Landed) -> Result<Run> {
        let outcomes = self.decided.into_iter().map(|decided| decided.outcome);
        let base = self.base.map(|base| base.to_string());
        let mut run = Run::new(outcomes.collect(), base);
        if let Some(inventory) = &self.inventory {
            run.errors = inventory.broken().iter().map(Error::again).collect();
            if run.results.is_empty() && run.errors.is_empty() && landed.is_empty() {
                run.notes.push(nothing_found(inventory)?);
            }
        }
        match self.published {
            Published::Nothing if world.dry_run => {
                run.notes.push("dry run: nothing was committed".to_owned());
            }
            Published::Nothing => {}
            Published::Done(note) => {
                run.pushed = true;
                run.head = self.tip.map(|tip| tip.to_string());
                run.notes.extend(note);
            }
            Published::Moved => run.give_up(world.lost(&landed)),
            Published::Refused(error) => run.give_up(error),
        }
        run.notes.extend(self.notes);
        landed.into_run(&mut run);
        Ok(run)
    }
}

/// Ends what is not done at `end`, which is `limit` after the beginning.
pub(crate) async fn within<T>(
    end: Instant,
    limit: Duration,
    work: impl Future<Output = Result<T>>,
) -> Result<T> {
    match tokio::time::timeout_at(end, work).await {
        Ok(result) => result,
        Err(_elapsed) => Err(too_long(limit)),
    }
}

fn too_long(limit: Duration) -> Error {
    Error::remote(format!("the run took longer than {} s", limit.as_secs()))
        .hint("give more time with --deadline, or find out what is slow with -v")
}

fn nothing_found(inventory: &Inventory) -> Result<String> {
    let others = inventory.canaries().len();
    if others > 0 {
        return Ok(format!(
            "none of the {others} Canaries is in this shard: nothing to do"
        ));
    }
    Ok(format!(
        "no Canary of {} in {} files: nothing to do",
        crate::api::API_VERSION,
        inventory.files().paths()?.count()
    ))
}
