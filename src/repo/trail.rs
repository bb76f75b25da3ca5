//! The trailers of the commits that led to a tip, newest first: messages alone,
//! nothing of what the commits hold.

use std::ops::ControlFlow;

use git2::Commit;
use jiff::Timestamp;

use super::branch::Branch;
use super::git::{Oid, Repository};
use super::objects::Objects;
use super::trailers;
use crate::error::Result;

/// Commits looked at, at most.
const MOST: usize = 5000;

/// How many commits more a shallow clone gets, one after the other.
const DEEPER: [&str; 2] = ["--deepen=50", "--deepen=500"];

/// What one commit says of itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Said {
    /// When it reached the branch: when its author made it, or the merge that
    /// brought it.
    pub time: Timestamp,
    /// Its trailers.
    pub trailers: Vec<(String, String)>,
}

impl Repository {
    /// Goes back from `tip`, always to the first parent, until `visit` has seen
    /// enough, the history ends, or several thousand commits were looked at. Of a
    /// merge its other parent speaks, too: a pull request of one commit.
    ///
    /// What a shallow clone lacks is fetched from the `source`, some hundred commits
    /// at most.
    ///
    /// # Errors
    /// When an object cannot be read, or what is missing cannot be fetched.
    pub async fn trail(
        &self,
        tip: Oid,
        source: Option<(&Branch, &str)>,
        mut visit: impl FnMut(Said) -> ControlFlow<()>,
    ) -> Result<()> {
        let mut next = tip;
        let mut left = MOST;
        let mut deeper = DEEPER.iter();
        loop {
            match walk(&self.objects()?, next, &mut left, &mut visit)? {
                Some(missing) => next = missing,
                None => return Ok(()),
            }
            let (Some((branch, remote)), Some(limit)) = (source, deeper.next()) else {
                return Ok(());
            };
            self.deepen(branch, remote, limit).await?;
            if !self.objects()?.has(next) {
                return Ok(());
            }
        }
    }
}

/// Goes back as long as there are objects; returns the first one that is missing.
fn walk(
    objects: &Objects,
    tip: Oid,
    left: &mut usize,
    visit: &mut impl FnMut(Said) -> ControlFlow<()>,
) -> Result<Option<Oid>> {
    let mut next = Some(tip);
    while let Some(id) = next {
        let Some(rest) = left.checked_sub(1) else {
            return Ok(None);
        };
        if !objects.has(id) {
            return Ok(Some(id));
        }
        *left = rest;
        let commit = objects.commit(id)?;
        let time = commit.author().when().seconds();
        let time = Timestamp::from_second(time).unwrap_or_default();
        let brought = commit.parent_ids().nth(1).filter(|id| objects.has(*id));
        let brought = brought.map(|id| objects.commit(id)).transpose()?;
        for commit in [Some(&commit), brought.as_ref()].into_iter().flatten() {
            let trailers = said(commit);
            if visit(Said { time, trailers }).is_break() {
                return Ok(None);
            }
        }
        next = commit.parent_id(0).ok();
    }
    Ok(None)
}

fn said(commit: &Commit<'_>) -> Vec<(String, String)> {
    trailers::parse(&String::from_utf8_lossy(commit.message_bytes()))
}
