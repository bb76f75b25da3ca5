//! Push: a compare-and-swap. What counts is the remote's answer, not what Git says about it.

use super::branch::Branch;
use super::git::{Oid, Repository};
use super::process::{Answer, Call};
use super::transport::{Way, failed, shown};
use crate::error::{Error, Result};

/// Most commits one push may add.
const MAX_COMMITS: usize = 10_000;

/// What the remote did with a push.
#[derive(Debug)]
#[must_use]
pub enum Pushed {
    /// The branch is at the new commit.
    Done,
    /// Somebody else was faster, nothing changed: load and decide again.
    Moved,
    /// A hook or a rule of the remote said no, nothing changed. Trying again does not help.
    Refused(Error),
}

impl Repository {
    /// Moves `branch` at the remote from `expected` to `new`, or nothing at all. It is never forced:
    /// `new` must build on `expected`, and the remote's branch must still be there.
    ///
    /// # Errors
    ///
    /// [`Remote`](crate::error::Kind::Remote) when the remote cannot be reached, does not let us in, or
    /// did not answer in time. In the last case it may have moved the branch all the same.
    pub async fn push(
        &self,
        branch: &Branch,
        remote: &str,
        expected: Oid,
        new: Oid,
    ) -> Result<Pushed> {
        self.check_descent(expected, new)?;
        self.swap_remote(branch, remote, Some(expected), new).await
    }

    /// The compare-and-swap: `branch` at the remote goes from `expected`, `None` for a branch that is
    /// not there, to `new`, or nothing happens.
    pub(super) async fn swap_remote(
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
        let call = call.values([remote, &refspec]);
        let answer = self.talk(Way::Push, remote, call).await?;
        let stdout = self.options.clean(&String::from_utf8_lossy(&answer.stdout));
        match ref_answer(&stdout, &reference) {
            Some((' ' | '+' | '*', _)) => Ok(Pushed::Done),
            Some(('=', _)) if expected == Some(new) => Ok(Pushed::Done),
            // Another run of this second made the very same commit; it took the step.
            Some(('=', _)) => Ok(Pushed::Moved),
            Some(('!', reason)) if is_race(reason) => Ok(Pushed::Moved),
            Some((_, reason)) => {
                self.judge(branch, remote, (expected, new), reason, &answer)
                    .await
            }
            None => Err(failed(Way::Push, remote, &answer)),
        }
    }

    /// A refusal may be a race in other words: where the branch is now decides.
    async fn judge(
        &self,
        branch: &Branch,
        remote: &str,
        (expected, new): (Option<Oid>, Oid),
        reason: &str,
        answer: &Answer,
    ) -> Result<Pushed> {
        let branches = self.remote_branches(remote).await?;
        let tip = branches
            .iter()
            .find(|(name, _)| name == branch.name())
            .map(|(_, tip)| *tip);
        if tip == Some(new) {
            return Ok(Pushed::Done);
        }
        if tip != expected {
            return Ok(Pushed::Moved);
        }
        Ok(Pushed::Refused(refusal(branch, remote, reason, answer)))
    }

    /// `new` must be `expected` with commits on top.
    fn check_descent(&self, expected: Oid, new: Oid) -> Result<()> {
        let objects = self.objects()?;
        let mut at = new;
        for _ in 0..MAX_COMMITS {
            if at == expected {
                return Ok(());
            }
            match objects.commit(at)?.parent_id(0) {
                Ok(parent) => at = parent,
                Err(_) => break,
            }
        }
        Err(Error::internal(format!(
            "{new} does not build on {expected}"
        )))
    }
}

/// The flag and summary for `reference` in the output of `push --porcelain`.
fn ref_answer<'a>(stdout: &'a str, reference: &str) -> Option<(char, &'a str)> {
    stdout.lines().find_map(|line| {
        let mut fields = line.splitn(3, '\t');
        let (flag, refs, summary) = (fields.next()?, fields.next()?, fields.next()?);
        let (_, to) = refs.rsplit_once(':')?;
        let flag = flag.chars().next()?;
        (to == reference).then_some((flag, summary))
    })
}

/// Whether a rejection can only mean that the branch is not where it was.
fn is_race(reason: &str) -> bool {
    const LOCAL: [&str; 4] = [
        "stale info",
        "fetch first",
        "non-fast-forward",
        "remote ref updated",
    ];
    const REMOTE: [&str; 5] = [
        "cannot lock ref",
        "failed to update ref",
        "incorrect old value",
        "failed to lock",
        "lock failure",
    ];
    let any = |texts: &[&str]| texts.iter().any(|text| reason.contains(text));
    (reason.starts_with("[rejected]") && any(&LOCAL))
        || (reason.starts_with("[remote rejected]") && any(&REMOTE))
}

fn refusal(branch: &Branch, remote: &str, reason: &str, answer: &Answer) -> Error {
    let said = answer
        .stderr
        .lines()
        .filter_map(|line| line.trim().strip_prefix("remote:"));
    let mut causes = vec![reason.trim_start_matches("[remote rejected]").trim()];
    causes.extend(said.map(str::trim).filter(|line| !line.is_empty()));
    let cause = causes.join("; ");
    let lower = cause.to_lowercase();
    let has = |texts: &[&str]| texts.iter().any(|text| lower.contains(text));
    let hint = if has(&["protected branch", "rule violations", "gh006", "gh013"]) {
        "the branch is protected: let this app or token bypass the rule"
    } else if has(&["currently checked out"]) {
        "the remote has this branch checked out: push to a bare repository"
    } else if has(&["shallow update"]) {
        "the remote takes no push from a shallow clone: use `fetch-depth: 0`"
    } else {
        "a hook or rule of the server refused it: it has to allow these commits"
    };
    let remote = shown(remote);
    Error::remote(format!("remote `{remote}` refused the push to `{branch}`"))
        .because(cause)
        .hint(hint)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_are_read_per_reference() {
        let text = "To /x\n!\tabc:refs/heads/main\t[rejected] (stale info)\nDone\n";
        let found = ref_answer(text, "refs/heads/main");
        assert_eq!(found, Some(('!', "[rejected] (stale info)")));
        assert_eq!(ref_answer(text, "refs/heads/other"), None);
        let text = "To /x\n \tabc:refs/heads/main\tabc..def\nDone\n";
        assert_eq!(ref_answer(text, "refs/heads/main"), Some((' ', "abc..def")));
    }

    #[test]
    fn races_are_told_from_refusals() {
        for race in [
            "[rejected] (stale info)",
            "[rejected] (fetch first)",
            "[rejected] (non-fast-forward)",
            "[remote rejected] (cannot lock ref 'refs/heads/main': is at a but expected b)",
            "[remote rejected] (failed to update ref)",
            "[remote rejected] (incorrect old value provided)",
        ] {
            assert!(is_race(race), "{race}");
        }
        for refusal in [
            "[remote rejected] (pre-receive hook declined)",
            "[remote rejected] (protected branch hook declined)",
            "[remote failure] (remote failed to report status)",
        ] {
            assert!(!is_race(refusal), "{refusal}");
        }
    }

    #[test]
    fn protected_branch_says_what_to_change() {
        let answer = Answer {
            success: false,
            stdout: Vec::new(),
            stderr: "remote: error: GH006: Protected branch update failed.\nerror: failed".into(),
        };
        let reason = "[remote rejected] (protected branch hook declined)";
        let error = refusal(&Branch::new("main").unwrap(), "origin", reason, &answer);
        assert_eq!(
            error.chain(),
            "remote `origin` refused the push to `main`: (protected branch hook declined); \
             error: GH006: Protected branch update failed."
        );
        assert!(error.hints()[0].contains("bypass"));
    }
}
