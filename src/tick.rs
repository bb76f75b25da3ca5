//! One run: load → observe → decide → edit → commit, push → report.

mod asking;
mod telling;

use std::time::Duration;

use futures_util::StreamExt as _;
use futures_util::stream;
use jiff::Timestamp;
use tokio::time::Instant;

use crate::decide::Plan;
use crate::error::{Error, Kind, Result};
use crate::notify::Notifier;
use crate::observe::Observer;
use crate::render::{self, Changes};
use crate::repo::Signature;
use crate::repo::branch::Branch;
use crate::repo::files::Files;
use crate::repo::git::{Oid, Repository};
use crate::repo::inventory::Inventory;
use crate::repo::local::Local;
use crate::repo::manifest::Manifest;
use crate::repo::push::Pushed;
use crate::repo::retry;
use crate::repo::rollout::{self, Rollout};
use crate::report::{Outcome, Run, message};

use asking::Asked;
pub(crate) use asking::Asking;

/// Everything a run works with.
#[derive(Debug)]
pub struct World {
    /// The repository.
    pub repository: Repository,
    /// The branch that is read and moved.
    pub branch: Branch,
    /// The remote it is pushed to; `None` keeps the commits here.
    pub remote: Option<String>,
    /// Who answers questions.
    pub observer: Observer,
    /// Who tells others.
    pub notifier: Notifier,
    /// The Canaries to step; empty means all.
    pub only: Vec<String>,
    /// Decide and report, write nothing.
    pub dry_run: bool,
    /// Who makes the commits, and when.
    pub author: Signature,
    /// Limit for the whole run.
    pub deadline: Duration,
}

/// Takes one step for every Canary that is due: one commit each, one push.
///
/// The push is a compare-and-swap. Did the branch move meanwhile, everything
/// is dropped and decided again from the new tip, a bounded number of times.
///
/// # Errors
/// What keeps the whole run from happening: no repository, no branch, a remote
/// that cannot be reached. What concerns one Canary, or the push alone, is in
/// the [`Run`].
pub async fn tick(world: &World) -> Result<Run> {
    let end = Instant::now() + world.deadline;
    let mut steps = within(end, world.deadline, take_steps(world)).await?;
    if !world.dry_run {
        let pushed = matches!(steps.published, Published::Done(_));
        telling::tell(world, &mut steps.decided, pushed, end).await;
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

async fn take_steps(world: &World) -> Result<Steps> {
    let mut pauses = retry::attempts();
    let asking = match world.dry_run {
        true => Asking::harmless(&world.observer, world.deadline),
        false => Asking::all(&world.observer, world.deadline),
    };
    loop {
        let base = world.load().await?;
        let inventory = Inventory::load(world.repository.files(base).await?)?;
        let now = world.author.time;
        let mut decided = decide_all(&inventory, &asking, &world.only, now).await?;
        let tip = match world.dry_run {
            true => base,
            false => commit_all(world, &inventory, base, &mut decided).await?,
        };
        let published = world.publish(base, tip).await?;
        if let Published::Moved = published
            && let Some(pause) = pauses.next()
        {
            tracing::info!("the branch moved, deciding again in {pause:?}");
            tokio::time::sleep(pause).await;
            continue;
        }
        return Ok(Steps {
            inventory,
            decided,
            base,
            tip,
            published,
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
            run.notes.push(nothing_found(self.inventory.files())?);
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

/// What became of the commits.
enum Published {
    /// There were none.
    Nothing,
    /// The branch is at the last one; perhaps there is something to say.
    Done(Option<String>),
    /// Somebody else moved the branch.
    Moved,
    /// The other side said no.
    Refused(Error),
}

impl World {
    /// The tip of the branch: the remote's, or the local one.
    async fn load(&self) -> Result<Oid> {
        match &self.remote {
            Some(remote) => {
                let fetch = self.repository.fetch(&self.branch, remote);
                let ahead = self.repository.look_ahead(&self.branch);
                let (tip, ()) = tokio::join!(fetch, ahead);
                tip
            }
            None => self.repository.tip(&self.branch).await,
        }
    }

    /// Moves the branch from `base` to `tip`, and brings the checkout along.
    async fn publish(&self, base: Oid, tip: Oid) -> Result<Published> {
        if base == tip {
            return Ok(Published::Nothing);
        }
        let (repository, branch) = (&self.repository, &self.branch);
        let (pushed, forward) = match &self.remote {
            Some(remote) => {
                let push = repository.push(branch, remote, base, tip);
                let (pushed, forward) = tokio::join!(push, repository.find_forward(branch, tip));
                (pushed?, Some(forward))
            }
            None => (repository.advance(branch, base, tip).await?, None),
        };
        Ok(match (pushed, forward) {
            (Pushed::Moved, _) => Published::Moved,
            (Pushed::Refused(error), _) => Published::Refused(error),
            (Pushed::Done, None) => Published::Done(None),
            // The steps are taken, whatever becomes of the checkout.
            (Pushed::Done, Some(forward)) => {
                let local = async { repository.go_forward(branch, tip, forward?).await };
                Published::Done(match local.await {
                    Ok(Local::Left(why)) => Some(format!("the checkout was left as it is: {why}")),
                    Ok(Local::Current | Local::Moved | Local::BroughtAlong) => None,
                    Err(error) => {
                        Some(format!("the checkout was left as it is: {}", error.chain()))
                    }
                })
            }
        })
    }

    fn lost(&self) -> Error {
        Error::new(
            Kind::Conflict,
            format!("the branch {} moved again and again", self.branch),
        )
        .hint("nothing was changed; the next run decides anew")
    }
}

fn nothing_found(files: &Files) -> Result<String> {
    Ok(format!(
        "no Canary of {} in {} files: nothing to do",
        crate::api::API_VERSION,
        files.paths()?.count()
    ))
}

/// Canaries that are observed at the same time.
const CONCURRENT: usize = 16;

/// One Canary after deciding, before anything is written.
#[derive(Debug)]
pub(crate) struct Decided {
    /// What is reported.
    pub(crate) outcome: Outcome,
    /// What is to be done; `None` when the tick could not be taken.
    pub(crate) work: Option<(Rollout, Plan)>,
}

/// Observes and decides every Canary that `only` names (all, if it is empty),
/// several at a time. Nothing is written.
///
/// # Errors
/// [`Kind::Usage`] when `only` names a Canary that is not there.
pub(crate) async fn decide_all(
    inventory: &Inventory,
    asking: &Asking<'_>,
    only: &[String],
    now: Timestamp,
) -> Result<Vec<Decided>> {
    let manifests = select(inventory, only)?;
    let mut decided: Vec<Decided> = stream::iter(manifests)
        .map(|manifest| decide_one(inventory, asking, manifest, now))
        .buffered(CONCURRENT)
        .collect()
        .await;
    refuse_shared_targets(&mut decided);
    Ok(decided)
}

/// The Canaries that `only` names.
///
/// # Errors
/// [`Kind::Usage`] for a name that none has.
pub fn select<'a>(inventory: &'a Inventory, only: &[String]) -> Result<Vec<&'a Manifest>> {
    let wanted: Vec<&str> = only
        .iter()
        .map(|name| name.trim())
        .filter(|name| !name.is_empty())
        .collect();
    for name in &wanted {
        if !inventory
            .canaries()
            .iter()
            .any(|canary| id(canary) == **name)
        {
            let known: Vec<String> = inventory.canaries().iter().map(id).collect();
            let error = Error::usage(format!("there is no Canary {name}"));
            return Err(match known.is_empty() {
                true => error,
                false => error.hint(format!("there are: {}", known.join(", "))),
            });
        }
    }
    let chosen = |canary: &&Manifest| wanted.is_empty() || wanted.contains(&id(canary).as_str());
    Ok(inventory.canaries().iter().filter(chosen).collect())
}

/// `namespace/name` of a Canary.
#[must_use]
pub(crate) fn id(manifest: &Manifest) -> String {
    match &manifest.namespace {
        Some(namespace) => format!("{namespace}/{}", manifest.name),
        None => manifest.name.clone(),
    }
}

async fn decide_one(
    inventory: &Inventory,
    asking: &Asking<'_>,
    manifest: &Manifest,
    now: Timestamp,
) -> Decided {
    let mut decided = match rollout::resolve(inventory, manifest, now) {
        Ok(rollout) => decide_rollout(asking, rollout, now).await,
        Err(error) => {
            let checked = rollout::check(manifest, now).ok();
            let status = checked.and_then(|checked| checked.canary.status);
            Decided {
                outcome: Outcome::failed(id(manifest), status.as_ref(), error),
                work: None,
            }
        }
    };
    decided.outcome.place = manifest.error_at("metadata.name", "").location();
    decided
}

async fn decide_rollout(asking: &Asking<'_>, rollout: Rollout, now: Timestamp) -> Decided {
    let before = rollout.canary.status.clone();
    let id = rollout.canary.id();
    let mut warnings = rollout.warnings.clone();
    warnings.extend(render::warnings(&rollout));
    let decided = match render::facts(&rollout) {
        Ok(facts) => asking
            .decide(&rollout, &facts, now)
            .await
            .map(|asked| (facts, asked)),
        Err(error) => Err(error),
    };
    let mut decided = match decided {
        Ok((facts, asked)) => {
            let Asked {
                plan,
                failures,
                assumed,
            } = asked;
            let mut outcome = Outcome::decided(id, &facts.revision, before.as_ref(), &plan);
            outcome.reasons.extend(not_called(&assumed));
            let failures = failures.into_iter();
            outcome.failures = failures
                .map(|(index, why)| webhook_failure(&rollout, index, &why))
                .collect();
            Decided {
                outcome,
                work: Some((rollout, plan)),
            }
        }
        Err(error) => Decided {
            outcome: Outcome::failed(id, before.as_ref(), error),
            work: None,
        },
    };
    decided.outcome.warnings = warnings;
    decided
}

/// The webhooks that were not called, and what took the place of their answers.
fn not_called(names: &[String]) -> Option<String> {
    match names {
        [] => None,
        [name] => Some(format!(
            "webhook {name} is not called, taken to let the rollout go on"
        )),
        names => Some(format!(
            "webhooks {} are not called, taken to let the rollout go on",
            names.join(", ")
        )),
    }
}

/// A webhook that gave no answer counts as one that refused, and is told.
fn webhook_failure(rollout: &Rollout, index: usize, why: &str) -> Error {
    let webhooks = rollout.canary.spec.analysis.as_ref();
    let name = webhooks
        .and_then(|analysis| analysis.webhooks().get(index))
        .map_or("", |webhook| webhook.name.as_str());
    let field = format!("spec.analysis.webhooks[{index}].url");
    Error::remote(format!("webhook {name} gave no usable answer"))
        .at([rollout.manifest.error_at(&field, why)])
        .hint("this counts as a refusal; check the address, and that this machine can reach it")
}

/// Two Canaries that release one target would undo each other's steps.
fn refuse_shared_targets(decided: &mut [Decided]) {
    let target = |decided: &Decided| {
        let (rollout, _) = decided.work.as_ref()?;
        let target = &rollout.release.copied()?.target;
        Some((target.path().to_owned(), target.document))
    };
    let targets: Vec<_> = decided.iter().map(target).collect();
    let places: Vec<String> = decided
        .iter()
        .map(|decided| decided.outcome.place.clone().unwrap_or_default())
        .collect();
    for (index, target) in targets.iter().enumerate() {
        let other = targets
            .iter()
            .enumerate()
            .position(|(other, found)| other != index && target.is_some() && found == target);
        let Some(other) = other else { continue };
        let error = Error::document(format!(
            "another Canary releases the same target: {}",
            places[other]
        ))
        .hint("remove one of the two");
        let Some((rollout, _)) = decided[index].work.take() else {
            continue;
        };
        let outcome = &mut decided[index].outcome;
        let place = outcome.place.clone();
        *outcome = Outcome::failed(rollout.canary.id(), rollout.canary.status.as_ref(), error);
        outcome.place = place;
    }
}

/// Commits the decided steps one by one on top of `base` and returns the last
/// commit. A step that cannot be written fails alone.
///
/// # Errors
/// When a commit cannot be made at all.
async fn commit_all(
    world: &World,
    inventory: &Inventory,
    base: Oid,
    decided: &mut [Decided],
) -> Result<Oid> {
    let mut tip = base;
    let mut changes = Changes::default();
    for decided in decided {
        let Some((rollout, plan)) = &decided.work else {
            continue;
        };
        if plan.is_empty() {
            continue;
        }
        let mut edited = changes.clone();
        let result = render::apply(plan, rollout, inventory.files(), &mut edited)
            .and_then(|()| message::commit(&rollout.canary, plan, &decided.outcome));
        let message = match result {
            Ok(message) => message,
            Err(error) if error.kind() == Kind::Document => {
                let status = rollout.canary.status.as_ref();
                let place = decided.outcome.place.take();
                decided.outcome = Outcome::failed(rollout.canary.id(), status, error);
                decided.outcome.place = place;
                continue;
            }
            Err(error) => return Err(error),
        };
        let new = edited.since(&changes);
        let commit = world.repository.commit(tip, &new, &message, &world.author);
        if let Some(commit) = commit.await? {
            decided.outcome.commit = Some(commit.to_string());
            tip = commit;
            changes = edited;
        }
    }
    Ok(tip)
}
