//! Fetch: the tip of a branch, and what a partial clone lacks.

use super::branch::{Branch, no_such_branch, parse_oid};
use super::files::Files;
use super::git::{Oid, Repository};
use super::listing::{FREEZE_FILE, IGNORE_FILE};
use super::process::Call;
use super::transport::{Way, failed, shown};
use crate::error::{Error, Result};

impl Repository {
    /// Fetches `branch` and returns its tip. None of the user's references moves: the tip is kept in
    /// `refs/weirkeeper/<branch>`.
    ///
    /// # Errors
    ///
    /// [`Usage`](crate::error::Kind::Usage) when the remote has no such branch,
    /// [`Remote`](crate::error::Kind::Remote) when it cannot be reached or does not let us in.
    pub async fn fetch(&self, branch: &Branch, remote: &str) -> Result<Oid> {
        let kept = branch.fetched();
        let refspec = format!("+{}:{kept}", branch.reference());
        let mut options = vec!["--refmap="];
        if self.tip_is_enough(branch, remote).await? {
            options.push("--depth=1");
        }
        let call = fetch_call(&options).values([remote, &refspec]);
        let answer = self.talk(Way::Fetch, remote, call).await?;
        if answer.success {
            let tip = self.commit_of(&kept).await?;
            return tip.ok_or_else(|| {
                Error::remote(format!(
                    "`{branch}` of remote `{}` is no commit",
                    shown(remote)
                ))
            });
        }
        if answer.stderr.contains("couldn't find remote ref") {
            let existing = self.remote_branches(remote).await?;
            if !existing.iter().any(|(name, _)| name == branch.name()) {
                let names: Vec<String> = existing.into_iter().map(|(name, _)| name).collect();
                let place = format!("remote `{}`", shown(remote));
                return Err(no_such_branch(branch, &place, &names));
            }
        }
        let error = failed(Way::Fetch, remote, &answer);
        let is_locked = answer.stderr.contains(&format!("{kept}.lock"))
            && answer.stderr.contains("File exists");
        Err(match is_locked {
            true => error.hint(
                "if no other run is at work here, remove the file: a git that was killed left it",
            ),
            false => error,
        })
    }

    /// Whether a fetch without `--depth` would bring the whole history of `branch` into a checkout of
    /// one commit, such as that of a pull request. With more history here a limit could hide some of it.
    async fn tip_is_enough(&self, branch: &Branch, remote: &str) -> Result<bool> {
        if !self.is_shallow() {
            return Ok(false);
        }
        let tracking = format!("refs/remotes/{remote}/{branch}");
        for known in ["HEAD^", &branch.reference(), &branch.fetched(), &tracking] {
            if self.commit_of(known).await?.is_some() {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// Fetches older commits of `branch` into a shallow clone, as the option `limit`
    /// says. No reference moves.
    pub(super) async fn deepen(&self, branch: &Branch, remote: &str, limit: &str) -> Result<()> {
        let call = fetch_call(&["--refmap=", limit]).values([remote, &branch.reference()]);
        let answer = self.talk(Way::Fetch, remote, call).await?;
        match answer.success {
            true => Ok(()),
            false => Err(failed(Way::Fetch, remote, &answer)),
        }
    }

    /// The branches of `remote` and their commits.
    pub(super) async fn remote_branches(&self, remote: &str) -> Result<Vec<(String, Oid)>> {
        let call = Call::new(["ls-remote", "--heads"]).values([remote]);
        let answer = self.talk(Way::Fetch, remote, call).await?;
        if !answer.success {
            return Err(failed(Way::Fetch, remote, &answer));
        }
        let text = answer.text();
        let lines = text
            .lines()
            .filter_map(|line| line.split_once("\trefs/heads/"));
        lines
            .map(|(oid, name)| Ok((name.to_owned(), parse_oid(oid)?)))
            .collect()
    }

    /// Fetches what a partial clone lacks of the documents of `commit`, all at once.
    pub(super) async fn fetch_missing(&self, commit: Oid) -> Result<()> {
        let Some(remote) = self.settings.promisors.first() else {
            return Ok(());
        };
        // Git itself fetches the folders that are missing.
        let name = commit.to_string();
        let call = Call::new(["ls-tree", "-r", "-z"]).values([&*name]);
        let listing = self.talk(Way::Fetch, remote, call).await?;
        if !listing.success {
            return Err(failed(Way::Fetch, remote, &listing));
        }
        let text = String::from_utf8_lossy(&listing.stdout);
        let rules = text.split('\0').filter_map(|line| {
            let (facts, path) = line.split_once('\t')?;
            let name = path.rsplit('/').next()?;
            let wanted = name == IGNORE_FILE || path == FREEZE_FILE;
            wanted.then(|| facts.rsplit(' ').next())?
        });
        let rules: Vec<Oid> = rules.map(parse_oid).collect::<Result<_>>()?;
        let lacking = {
            let objects = self.objects()?;
            rules
                .into_iter()
                .filter(|blob| !objects.has(*blob))
                .collect()
        };
        self.fetch_objects(remote, lacking).await?;
        let lacking = Files::at(self, commit)?.missing(&self.objects()?);
        self.fetch_objects(remote, lacking).await
    }

    async fn fetch_objects(&self, remote: &str, objects: Vec<Oid>) -> Result<()> {
        if objects.is_empty() {
            return Ok(());
        }
        let list: String = objects.iter().map(|object| format!("{object}\n")).collect();
        // As Git does it when it meets a missing object, but for all of them in one go.
        let call = fetch_call(&["--filter=blob:none", "--stdin"])
            .values([remote])
            .setting("fetch.negotiationAlgorithm=noop")
            .input(list.into_bytes());
        let answer = self.talk(Way::Fetch, remote, call).await?;
        if answer.success {
            return Ok(());
        }
        Err(failed(Way::Fetch, remote, &answer)
            .hint("this clone was made with a filter: what it lacks must come from its remote"))
    }
}

pub(super) fn fetch_call(more: &[&str]) -> Call {
    const ALWAYS: [&str; 5] = [
        "fetch",
        "--no-tags",
        "--no-write-fetch-head",
        "--no-recurse-submodules",
        "--no-prune",
    ];
    Call::new(ALWAYS.iter().chain(more).copied())
}
