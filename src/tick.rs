//! One run: load → observe → decide → edit → commit, push → report.

mod applied;
mod asking;
mod choose;
mod committing;
mod deciding;
mod deleted;
mod deployments;
mod people;
mod publish;
mod rescue;
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
pub(crate) use deciding::{Decided, decide_all};
use deleted::decide_deleted;
pub use deployments::Deployments;
pub use people::{SaidIn, Saying, say};
use publish::Published;
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
/// is dropped and decided again from the new tip, a bounded number of times.
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
    async fn decide(&self, world: &World, base: Oid, tree: &Tree<'_>) -> Result<Vec<Decided>> {
        match self {
            Self::Person(saying) => saying.decide(tree, world),
            Self::Step(asking, choice) => {
                let now = world.author.time;
                let mut decided = decide_all(tree, asking, choice, now).await?;
                let repository = &world.repository;
                let deleted = decide_deleted(repository, base, tree, asking, choice, now);
                decided.extend(deleted.await?);
                Ok(decided)
            }
        }
    }
}

/// Decides, commits, publishes and tells.
async fn run(world: &World, decider: &Decider<'_>, end: Instant) -> Result<Run> {
    let mut steps = within(end, world.deadline, take_steps(world, decider)).await?;
    if !world.dry_run {
        let pushed = matches!(steps.published, Published::Done(_));
        telling::tell(world, &mut steps.decided, pushed, end).await;
        deployments::show(world, &mut steps.decided, pushed, end).await;
    }
    steps.report(world)
}

/// Steps that are taken: what was decided, on which commit, and what became of
/// the commits.
struct Steps {
    inventory: Inventory,
    decided: Vec<Decided>,
    base: Oid,
    tip: Oid,
    published: Published,
}

async fn take_steps(world: &World, decider: &Decider<'_>) -> Result<Steps> {
    let mut pauses = retry::attempts();
    let mut first = None;
    loop {
        let base = world.load().await?;
        first.get_or_insert(base);
        tracing::debug!(%base, "loaded");
        let tree = world.tree(base).await?;
        let canaries = tree.inventory.canaries().len();
        tracing::debug!(canaries, "read");
        let mut decided = decider.decide(world, base, &tree).await?;
        tracing::debug!("decided");
        let tip = match world.dry_run {
            true => base,
            false => committing::commit_all(world, &tree.inventory, base, &mut decided).await?,
        };
        tracing::debug!(%tip, "committed");
        let published = world.publish(base, tip).await?;
        tracing::debug!("published");
        if let Published::Moved = published
            && let Some(pause) = pauses.next()
        {
            tracing::info!("the branch moved, deciding again in {pause:?}");
            tokio::time::sleep(pause).await;
            continue;
        }
        return Ok(Steps {
            inventory: tree.inventory,
            decided,
            base,
            tip,
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

impl Steps {
    /// # Errors
    /// When the files cannot be listed.
    fn report(self, world: &World) -> Result<Run> {
        let outcomes = self.decided.into_iter().map(|decided| decided.outcome);
        let mut run = Run::new(outcomes.collect(), Some(self.base.to_string()));
        run.errors = self.inventory.broken().iter().map(Error::again).collect();
        if run.results.is_empty() && run.errors.is_empty() {
            run.notes.push(nothing_found(&self.inventory)?);
        }
        match self.published {
            Published::Nothing if world.dry_run => {
                run.notes.push("dry run: nothing was committed".to_owned());
            }
            Published::Nothing => {}
            Published::Done(note) => {
                run.pushed = true;
                run.head = Some(self.tip.to_string());
                run.notes.extend(note);
            }
            Published::Moved => run.give_up(world.lost()),
            Published::Refused(error) => run.give_up(error),
        }
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
        Err(_elapsed) => Err(Error::remote(format!(
            "the run took longer than {} s",
            limit.as_secs()
        ))
        .hint("give more time with --deadline, or find out what is slow with -v")),
    }
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
