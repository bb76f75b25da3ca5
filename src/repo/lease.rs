//! Branches that belong to Weirkeeper: replaced as a whole, and only while they are where it left them.

use std::collections::BTreeMap;

use super::branch::{Branch, parse_oid};
use super::git::{Oid, Repository};
use super::process::Call;
use super::push::Pushed;
use super::transport::{Way, failed};
use crate::error::Result;

impl Repository {
    /// The branches of `remote` whose names begin with `prefix` and `/`, and their commits.
    ///
    /// # Errors
    ///
    /// [`Remote`](crate::error::Kind::Remote) when it cannot be reached or does not let us in.
    pub async fn branches_below(
        &self,
        remote: &str,
        prefix: &str,
    ) -> Result<BTreeMap<String, Oid>> {
        let pattern = format!("refs/heads/{prefix}/*");
        let call = Call::new(["ls-remote", "--heads"]).values([remote, &pattern]);
        let answer = self.talk(Way::Fetch, remote, call).await?;
        if !answer.success {
            return Err(failed(Way::Fetch, remote, &answer));
        }
        let text = answer.text();
        let lines = text
            .lines()
            .filter_map(|line| line.split_once("\trefs/heads/"))
            .filter(|(_, name)| {
                name.strip_prefix(prefix)
                    .is_some_and(|it| it.starts_with('/'))
            });
        lines
            .map(|(oid, name)| Ok((name.to_owned(), parse_oid(oid)?)))
            .collect()
    }

    /// Puts `branch` at the remote from `expected` to `new`, whatever it held; `None` makes it. It is a
    /// compare-and-swap: what somebody else pushed is never overwritten.
    ///
    /// # Errors
    ///
    /// As [`push`](Self::push).
    pub async fn replace(
        &self,
        branch: &Branch,
        remote: &str,
        expected: Option<Oid>,
        new: Oid,
    ) -> Result<Pushed> {
        self.swap_remote(branch, remote, expected, new).await
    }
}
