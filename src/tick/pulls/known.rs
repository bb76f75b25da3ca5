//! What is there already: branches, pull requests.

use std::collections::BTreeMap;

use super::marker::Marker;
use crate::error::Result;
use crate::github::{GitHub, PullRequest};
use crate::repo::branch::Branch;
use crate::repo::git::Oid;

/// The branches of pull requests are `weirkeeper/<namespace>/<name>`.
pub(crate) const PREFIX: &str = "weirkeeper";

/// The branch for the pull requests of a Canary, `namespace/name`.
///
/// # Errors
/// [`Kind::Usage`](crate::error::Kind::Usage) when Git takes no such name.
pub(super) fn branch_of(canary: &str) -> Result<Branch> {
    Branch::new(&format!("{PREFIX}/{canary}"))
}

/// What the remote and GitHub have.
#[derive(Debug)]
pub(super) struct Known {
    /// Our branches at the remote, and their commits.
    pub(super) branches: BTreeMap<String, Oid>,
    /// Open pull requests from them, by branch. One into another branch than ours is
    /// here when there is none into ours.
    open: BTreeMap<String, PullRequest>,
    /// Those that were merged into our branch lately, with what is left to tell.
    pub(super) merged: Vec<(PullRequest, Marker)>,
}

impl Known {
    /// `branches` are asked for before, so that a pull request that another run
    /// opens meanwhile is a lost race, and never overwritten.
    ///
    /// # Errors
    /// When GitHub does not answer.
    pub(super) async fn load(
        github: &GitHub,
        base: &Branch,
        branches: BTreeMap<String, Oid>,
    ) -> Result<Self> {
        let (open, closed) = tokio::join!(
            github.open_pulls(),
            github.recently_closed_pulls(base.name())
        );
        let mut known = Self {
            branches,
            open: BTreeMap::new(),
            merged: Vec::new(),
        };
        for pull in open?.into_iter().filter(is_ours) {
            let branch = pull.head.name.clone();
            if pull.base.name == base.name() || !known.open.contains_key(&branch) {
                known.open.insert(branch, pull);
            }
        }
        for pull in closed?.into_iter().filter(is_ours) {
            let marker = Marker::of(&pull).filter(|marker| {
                let is_its = branch_of(&marker.canary).is_ok_and(|it| it.name() == pull.head.name);
                // What was merged is what the marker is about.
                is_its && marker.commit == pull.head.sha && marker.news.is_some()
            });
            if let (Some(_), true, Some(marker)) =
                (pull.merged_at, pull.base.name == base.name(), marker)
            {
                known.merged.push((pull, marker));
            }
        }
        known.merged.sort_by_key(|(pull, _)| pull.merged_at);
        Ok(known)
    }

    /// The open pull request of a Canary.
    pub(super) fn open(&self, canary: &str) -> Option<&PullRequest> {
        self.open.get(&format!("{PREFIX}/{canary}"))
    }

    /// Every Canary with an open pull request, and that.
    pub(super) fn all_open(&self) -> impl Iterator<Item = (&str, &PullRequest)> {
        self.open.iter().filter_map(|(branch, pull)| {
            let canary = branch.strip_prefix(PREFIX)?.strip_prefix('/')?;
            Some((canary, pull))
        })
    }
}

/// Only people who may push make branches here; anybody can open a pull request from
/// a fork, with whatever text.
fn is_ours(pull: &PullRequest) -> bool {
    let below = pull.head.name.strip_prefix(PREFIX);
    pull.is_own() && below.is_some_and(|below| below.starts_with('/'))
}
