//! Branches that belong to Weirkeeper: replaced as a whole, and only while they are where it left them.

use std::collections::BTreeMap;

use super::branch::{Branch, parse_oid};
use super::git::{Oid, Repository};
use super::process::Call;
use super::push::{Pushed, is_race, ref_answer, refusal};
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
        let reference = branch.reference();
        // Nothing after the colon: it must not be there.
        let known = expected.map(|oid| oid.to_string()).unwrap_or_default();
        let lease = format!("--force-with-lease={reference}:{known}");
        let refspec = format!("{new}:{reference}");
        let call = Call::new([
            "push",
            "--porcelain",
            "--no-verify",
            "--no-follow-tags",
            "--recurse-submodules=no",
            &lease,
        ]);
        let answer = self
            .talk(Way::Push, remote, call.values([remote, &refspec]))
            .await?;
        let stdout = self.options.clean(&String::from_utf8_lossy(&answer.stdout));
        let reason = match ref_answer(&stdout, &reference) {
            Some((' ' | '+' | '*', _)) => return Ok(Pushed::Done),
            // The very same commit, of this run or of another one.
            Some(('=', _)) if expected == Some(new) => return Ok(Pushed::Done),
            Some(('=', _)) => return Ok(Pushed::Moved),
            Some(('!', reason)) if is_race(reason) => return Ok(Pushed::Moved),
            Some((_, reason)) => reason,
            None => return Err(failed(Way::Push, remote, &answer)),
        };
        let branches = self.remote_branches(remote).await?;
        let mut found = branches.iter().filter(|(name, _)| name == branch.name());
        let tip = found.next().map(|(_, tip)| *tip);
        Ok(match tip {
            tip if tip == Some(new) => Pushed::Done,
            tip if tip != expected => Pushed::Moved,
            _ => Pushed::Refused(refusal(branch, remote, reason, &answer)),
        })
    }
}
