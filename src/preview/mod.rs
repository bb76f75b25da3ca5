//! What a change does to rollouts, found without doing anything.
//!
//! Both sides of the change are read and judged as a tick would, the Canaries that
//! differ are run ahead with the best answers, and their first steps are carried out
//! in memory. Nothing is written and nobody is asked here; who may be asked about the
//! primary is [`measure()`]'s business.
//!
//! The change is a stranger's. What costs time or room is bounded: the whole by the
//! time limit, what is shown by the limits here.

mod ahead;
mod deletion;
pub(crate) mod diff;
mod differ;
mod measure;
mod pairs;
mod pull;

use std::collections::BTreeSet;
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use jiff::Timestamp;
use tokio::sync::oneshot;
use tokio::time::Instant;

use crate::diagnostic::{Diagnostic, sort};
use crate::error::{Error, Result};
use crate::lint::{Linted, lint};
use crate::repo::files::Files;
use crate::repo::inventory::Inventory;
use crate::report::preview::{Change, Preview, headline};
use differ::{Side, differ};
use pairs::pairs;

pub(crate) use measure::{Question, checks, measure};
pub(crate) use pull::Pull;

/// Canaries whose first steps are carried out; the others have their schedule.
const IN_FULL: usize = 20;

/// Canaries that are told of at all.
const CANARIES: usize = 200;

/// Findings that are told.
const FINDINGS: usize = 500;

/// What is looked at.
#[derive(Debug)]
pub(crate) struct Sides {
    /// The files without the change.
    pub(crate) base: Files,
    /// The files with it.
    pub(crate) head: Files,
    /// Only these Canaries; empty is all.
    pub(crate) only: Vec<String>,
    /// The time at which it would be merged.
    pub(crate) now: Timestamp,
}

/// A preview, and what is left to ask.
#[derive(Debug)]
pub(crate) struct Draft {
    /// Everything that documents tell.
    pub(crate) preview: Preview,
    /// Metrics of the Canaries of the preview, by position.
    pub(crate) questions: Vec<(usize, Question)>,
}

/// Compares two sides within `limit`, whatever they hold: the work is done by a thread
/// that is left alone when it takes longer. What is not looked at then is told.
///
/// # Errors
/// When a side cannot be read, a Canary of `only` is on neither, or the time is over.
pub(crate) async fn preview(sides: Sides, limit: Duration) -> Result<Draft> {
    let end = Instant::now() + limit;
    // Time to write what was found.
    let enough = end - limit / 5;
    let (sender, receiver) = oneshot::channel();
    let work = move || {
        // Nobody waits any more when it took too long.
        drop(sender.send(compare(sides, enough)));
    };
    thread::Builder::new()
        .name("preview".to_owned())
        .stack_size(16 << 20)
        .spawn(work)
        .map_err(|error| Error::internal("cannot start a thread").because(error))?;
    match tokio::time::timeout_at(end, receiver).await {
        Ok(Ok(draft)) => draft,
        Ok(Err(error)) => Err(Error::internal("the comparison broke off").because(error)),
        Err(_elapsed) => Err(Error::remote(format!(
            "comparing took longer than {} s",
            limit.as_secs()
        ))
        .hint("give more time with --deadline, or find out what is large with -v")),
    }
}

fn compare(sides: Sides, enough: Instant) -> Result<Draft> {
    let Sides {
        base,
        head,
        only,
        now,
    } = sides;
    let (base, head) = (Arc::new(base), Arc::new(head));
    let over = |files: &Arc<Files>| Files::over(Arc::clone(files), Default::default());
    let (base_inventory, head_inventory) = (
        Inventory::load(over(&base)?)?,
        Inventory::load(over(&head)?)?,
    );
    let (linted, relinted) = (lint(&base_inventory, now)?, lint(&head_inventory, now)?);
    let mut draft = Draft {
        preview: Preview {
            version: crate::report::VERSION,
            ..Preview::default()
        },
        questions: Vec::new(),
    };
    let gone = head_inventory.gone()?;
    let paired = pairs(&linted, &relinted);
    all_there(&only, paired.iter().map(|pair| pair.id()))?;
    let mut touched = BTreeSet::new();
    let mut unseen = 0;
    for pair in paired {
        if !only.is_empty() && !only.contains(&pair.id()) {
            continue;
        }
        let side = |files, judged: Option<_>| judged.map(|judged| Side { files, judged, now });
        let (before, after) = (side(&base, pair.base), side(&head, pair.head));
        let Some(mut previewed) = differ(before, after)? else {
            draft.preview.untouched += 1;
            continue;
        };
        touched.insert(pair.id());
        if draft.preview.canaries.len() == CANARIES || Instant::now() > enough {
            unseen += 1;
            continue;
        }
        if let Some(after) = after {
            let in_full = draft.preview.canaries.len() < IN_FULL;
            ahead::fill(&mut previewed, before, after, in_full)?;
            let question = Question::about(after);
            let position = draft.preview.canaries.len();
            draft
                .questions
                .extend(question.map(|question| (position, question)));
        } else if let Some(before) = before {
            let path = before.judged.manifest.path();
            if head.is_taken(path)? && !head.contains(path)? {
                previewed.change = Change::Hidden;
            }
            let in_full = draft.preview.canaries.len() < IN_FULL;
            let head = deletion::Head {
                files: &head,
                inventory: &head_inventory,
                gone: &gone,
            };
            deletion::fill(&mut previewed, before, head, in_full)?;
        }
        previewed.headline = headline(&previewed, now);
        draft.preview.canaries.push(previewed);
    }
    findings(&mut draft.preview, &linted, &relinted, &touched);
    if unseen > 0 {
        let note =
            format!("{unseen} more Canaries are touched and not shown: it would be too much");
        draft.preview.notes.push(note);
    }
    draft.preview.notes.extend(freeze(&base, &head)?);
    Ok(draft)
}

/// A Canary that is asked for has to be on one side.
fn all_there(only: &[String], ids: impl Iterator<Item = String>) -> Result<()> {
    let ids: BTreeSet<String> = ids.collect();
    match only.iter().find(|id| !ids.contains(*id)) {
        None => Ok(()),
        Some(missing) => Err(Error::usage(format!("there is no Canary {missing}"))
            .hint("write it as NAMESPACE/NAME, as `weirkeeper status` shows it")),
    }
}

/// Findings that the change is to blame for, and all about touched Canaries.
fn findings(
    preview: &mut Preview,
    before: &Linted<'_>,
    after: &Linted<'_>,
    touched: &BTreeSet<String>,
) {
    let concerned: Vec<Diagnostic> = after
        .canaries
        .iter()
        .filter(|judged| touched.contains(&judged.manifest.id()))
        .flat_map(|judged| judged.findings.clone())
        .collect();
    let older: BTreeSet<String> = before.all().map(differ::fingerprint).collect();
    let all: Vec<Diagnostic> = after.all().cloned().collect();
    for finding in all {
        if concerned.contains(&finding) || !older.contains(&differ::fingerprint(&finding)) {
            if !preview.findings.contains(&finding) {
                preview.findings.push(finding);
            }
        } else {
            preview.older_findings += 1;
        }
    }
    sort(&mut preview.findings);
    if preview.findings.len() > FINDINGS {
        let more = preview.findings.len() - FINDINGS;
        // Errors are not what is left out.
        preview
            .findings
            .sort_by_key(|finding| std::cmp::Reverse(finding.severity));
        preview.findings.truncate(FINDINGS);
        preview
            .notes
            .push(format!("{more} more findings are not shown"));
    }
}

/// Whether the change freezes the repository, or lets it go on.
fn freeze(base: &Files, head: &Files) -> Result<Option<String>> {
    Ok(match (base.frozen()?, head.frozen()?) {
        (None, Some(_)) => {
            Some("The change freezes the repository: no rollout advances.".to_owned())
        }
        (Some(_), None) => Some("The change ends the freeze of the repository.".to_owned()),
        _ => None,
    })
}
