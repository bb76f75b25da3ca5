//! Fetch and push. What counts is the remote's answer, not what Git says about it.

use url::Url;

use super::branch::{Branch, no_such_branch, parse_oid};
use super::files::{Files, IGNORE_FILE};
use super::git::{Oid, Repository};
use super::options::mask_addresses;
use super::process::{Answer, Call};
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

/// Which way objects go.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Way {
    Fetch,
    Push,
}

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
        Err(failed(Way::Fetch, remote, &answer))
    }

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
        let reference = branch.reference();
        let lease = format!("--force-with-lease={reference}:{expected}");
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
            Some((' ' | '+' | '*' | '=', _)) => Ok(Pushed::Done),
            Some(('!', reason)) if is_race(reason) => Ok(Pushed::Moved),
            Some((_, reason)) => {
                self.judge(branch, remote, (expected, new), reason, &answer)
                    .await
            }
            None => Err(failed(Way::Push, remote, &answer)),
        }
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

    /// A refusal may be a race in other words: where the branch is now decides.
    async fn judge(
        &self,
        branch: &Branch,
        remote: &str,
        (expected, new): (Oid, Oid),
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
        if tip != Some(expected) {
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

    async fn remote_branches(&self, remote: &str) -> Result<Vec<(String, Oid)>> {
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
            (name == IGNORE_FILE).then(|| facts.rsplit(' ').next())?
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

    /// Runs a `git` that talks to `remote`, with the token if there is one.
    async fn talk(&self, way: Way, remote: &str, mut call: Call) -> Result<Answer> {
        if remote.is_empty() || remote.starts_with('-') {
            return Err(Error::usage(format!("`{remote}` cannot be a remote")));
        }
        let options = &self.options;
        let chosen = ["GIT_SSH_COMMAND", "GIT_SSH"]
            .iter()
            .any(|n| options.variable(n).is_some());
        if !chosen && !self.settings.ssh {
            call = call.variable("GIT_SSH_COMMAND", "ssh -o BatchMode=yes");
        }
        if let Some(header) = options.authorization()
            && let Some(address) = self.http_address(way, remote).await?
        {
            let key = format!("http.{address}.extraHeader");
            // The empty values drop what the checkout configured: two headers are refused, and a
            // helper would be told to forget good credentials when the token is wrong.
            call = call
                .secret("credential.helper".into(), String::new().into())
                .secret(key.clone(), String::new().into())
                .secret(key, header);
        }
        self.git(call).await
    }

    /// The address of an http(s) remote, without credentials: the token goes nowhere else.
    async fn http_address(&self, way: Way, remote: &str) -> Result<Option<String>> {
        let mut address = remote.to_owned();
        if self.settings.remotes.iter().any(|name| name == remote) {
            let push: &[&str] = if way == Way::Push { &["--push"] } else { &[] };
            let call = Call::new(["remote", "get-url"].iter().chain(push).copied());
            let answer = self.git(call.values([remote])).await?;
            let answer =
                answer.expect(|| Error::usage(format!("no remote `{}`", shown(remote))))?;
            address = answer.text();
        }
        let Ok(mut url) = Url::parse(&address) else {
            return Ok(None);
        };
        if !matches!(url.scheme(), "http" | "https") {
            return Ok(None);
        }
        let cleared = url.set_username("").and_then(|()| url.set_password(None));
        url.set_query(None);
        url.set_fragment(None);
        Ok(cleared.is_ok().then(|| url.to_string()))
    }
}

fn fetch_call(more: &[&str]) -> Call {
    const ALWAYS: [&str; 5] = [
        "fetch",
        "--no-tags",
        "--no-write-fetch-head",
        "--no-recurse-submodules",
        "--no-prune",
    ];
    Call::new(ALWAYS.iter().chain(more).copied())
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
        "the branch is protected: let this app or token bypass the rule, or commit via pull request"
    } else if has(&["currently checked out"]) {
        "the remote has this branch checked out: push to a bare repository"
    } else if has(&["shallow update"]) {
        "the remote takes no push from a shallow clone: use `fetch-depth: 0`"
    } else {
        "a hook or rule of the server refused it: it has to allow these commits, \
         or commit via pull request"
    };
    let remote = shown(remote);
    Error::remote(format!("remote `{remote}` refused the push to `{branch}`"))
        .because(cause)
        .hint(hint)
}

/// Why a remote did not answer.
fn failed(way: Way, remote: &str, answer: &Answer) -> Error {
    const DENIED: [&str; 14] = [
        "authentication failed",
        "could not read username",
        "could not read password",
        "terminal prompts disabled",
        "permission denied (",
        "permission to ",
        "returned error: 401",
        "returned error: 403",
        "write access to repository not granted",
        "host key verification failed",
        "not authorized",
        "access denied",
        "marked as read only",
        "you are not allowed to",
    ];
    let text = answer.stderr.to_lowercase();
    let (remote, complaint) = (shown(remote), answer.complaint());
    let (verb, right) = match way {
        Way::Fetch => ("fetch from", "contents: read"),
        Way::Push => ("push to", "contents: write"),
    };
    if DENIED.iter().any(|part| text.contains(part)) {
        return Error::remote(format!("no permission to {verb} remote `{remote}`"))
            .because(complaint)
            .hint(format!(
                "give a token that may: in a workflow `permissions: {right}`, \
                 and actions/checkout with `persist-credentials: true` or the `token` input here"
            ));
    }
    let error = Error::remote(format!("cannot {verb} remote `{remote}`")).because(complaint);
    if text.contains("not found") || text.contains("does not appear to be a git repository") {
        return error.hint("does it exist, and may this token see it?");
    }
    error
}

/// A remote may be given as an address, with a password.
fn shown(remote: &str) -> String {
    mask_addresses(remote)
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
        assert!(error.hints()[0].contains("pull request"));
    }
}
