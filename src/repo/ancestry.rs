//! The line of commits that led to a tip: which of them changed a file last, and
//! what comes after it.

use std::collections::{BTreeSet, HashMap};

use futures_util::lock::Mutex;
use jiff::Timestamp;

use super::branch::{Branch, parse_oid};
use super::git::{Oid, Repository};
use super::process::{Answer, Call};
use super::transport::Way;
use crate::error::{Error, Result};

/// Commits looked at first, and at most, in one go.
const CHUNK: (usize, usize) = (32, 1024);

/// Changes of a file that are looked at to find the one that wrote something.
const CHANGES: usize = 20;

/// How many commits more a shallow clone gets, one after the other, until the
/// wanted one is among them.
const DEEPER: [&str; 5] = [
    "--deepen=64",
    "--deepen=256",
    "--deepen=1024",
    "--deepen=4096",
    "--deepen=16384",
];

/// The commits from a tip back, each by its first parent: what the branch was at,
/// one after the other. It is looked through once, as far as somebody asks, and
/// remembered.
#[derive(Debug)]
pub struct History<'a> {
    repository: &'a Repository,
    tip: Oid,
    /// Where what a shallow clone lacks comes from.
    source: Option<(&'a Branch, &'a str)>,
    walk: Mutex<Walk>,
}

/// What was looked through.
#[derive(Debug)]
struct Walk {
    /// Newest first.
    line: Vec<Oid>,
    /// Positions in it.
    places: HashMap<Oid, usize>,
    /// Position of the newest commit that changed a path.
    changed: HashMap<String, usize>,
    /// What is to be looked at next; `None` at the end.
    next: Option<Oid>,
    /// The parents of the next one are not here.
    blocked: bool,
    /// How often more was fetched.
    fetched: usize,
}

/// The newest commit that changed one of several files.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Change {
    /// This one.
    By(Oid),
    /// No commit holds one of them.
    Never,
    /// The history that is here, or that could be fetched, ends before it.
    TooFar,
}

impl<'a> History<'a> {
    /// The history of `tip`, as far as it is here.
    #[must_use]
    pub fn new(repository: &'a Repository, tip: Oid) -> Self {
        Self {
            repository,
            tip,
            source: None,
            walk: Mutex::new(Walk {
                line: Vec::new(),
                places: HashMap::new(),
                changed: HashMap::new(),
                next: Some(tip),
                blocked: false,
                fetched: 0,
            }),
        }
    }

    /// Fetches what a shallow clone lacks of `branch` from `remote`, when it is
    /// needed.
    #[must_use]
    pub fn deepened_from(mut self, branch: &'a Branch, remote: Option<&'a str>) -> Self {
        self.source = remote.map(|remote| (branch, remote));
        self
    }

    /// The newest commit that changed one of `paths`. A merge counts as what it
    /// changed on the branch. It is expected not to be much older than `since`.
    ///
    /// # Errors
    /// When Git cannot be asked, or a remote that has more does not answer.
    pub async fn last_change(&self, paths: &[&str], since: Timestamp) -> Result<Change> {
        let mut walk = self.walk.lock().await;
        loop {
            let newest = paths
                .iter()
                .filter_map(|path| walk.changed.get(*path))
                .min();
            if let Some(place) = newest {
                return Ok(Change::By(walk.line[*place]));
            }
            match walk.next {
                None => return Ok(Change::Never),
                Some(_) if walk.blocked => {
                    if !self.fetch_more(&mut walk, since).await? {
                        return Ok(Change::TooFar);
                    }
                }
                Some(next) => self.look_at_more(&mut walk, next).await?,
            }
        }
    }

    /// When the file at `path` came to hold more of something than before, the last
    /// time: the date of that commit on the line of the branch. `count` says how much
    /// of it a text holds; it is expected not to be much older than `since`. `None`
    /// when that is not among the last changes, or not known here.
    ///
    /// # Errors
    /// As [`last_change`](Self::last_change).
    pub async fn since_when(
        &self,
        path: &str,
        since: Timestamp,
        count: impl Fn(&str) -> usize,
    ) -> Result<Option<Timestamp>> {
        let mut older: Option<Self> = None;
        for _ in 0..CHANGES {
            let history = older.as_ref().unwrap_or(self);
            let Change::By(commit) = history.last_change(&[path], since).await? else {
                return Ok(None);
            };
            let now = self.text_at(&commit.to_string(), path).await?;
            let parent = format!("{commit}^");
            let before = self.text_at(&parent, path).await?;
            if count(&now) > count(&before) {
                return self.repository.committed_at(commit).await.map(Some);
            }
            let Some(parent) = self.repository.commit_of(&parent).await? else {
                return Ok(None);
            };
            let mut next = Self::new(self.repository, parent);
            next.source = self.source;
            older = Some(next);
        }
        Ok(None)
    }

    /// The file at `path` in a revision; nothing where there is none.
    async fn text_at(&self, revision: &str, path: &str) -> Result<String> {
        let object = format!("{revision}:{path}");
        let call = Call::new(["cat-file", "-p"]).values([&*object]);
        let answer = self.git(call).await?;
        Ok(match answer.success {
            true => String::from_utf8_lossy(&answer.stdout).into_owned(),
            false => String::new(),
        })
    }

    /// The commits from the tip back to `commit`, newest first, that one included.
    /// Empty when it is not among those that [`last_change`](Self::last_change)
    /// looked at.
    pub async fn down_to(&self, commit: Oid) -> Vec<Oid> {
        let walk = self.walk.lock().await;
        let place = walk.places.get(&commit);
        place.map_or_else(Vec::new, |place| walk.line[..=*place].to_vec())
    }

    /// Is `newer` the commit `older`, or one that builds on it? One that is not
    /// known here does not.
    ///
    /// # Errors
    /// When Git cannot be asked.
    pub async fn is_at_or_after(&self, newer: Oid, older: Oid) -> Result<bool> {
        if newer == older {
            return Ok(true);
        }
        {
            let walk = self.walk.lock().await;
            if let (Some(newer), Some(older)) = (walk.places.get(&newer), walk.places.get(&older)) {
                return Ok(newer < older);
            }
        }
        // Asked first, so that a partial clone does not look for it elsewhere.
        if !self.repository.objects()?.has(newer) {
            return Ok(false);
        }
        self.repository.is_ancestor(older, newer).await
    }

    /// Looks at the next commits, up to one whose parents are not here.
    async fn look_at_more(&self, walk: &mut Walk, next: Oid) -> Result<()> {
        let (first, most) = CHUNK;
        let count = walk.line.len().clamp(first, most).to_string();
        let call = Call::new(["rev-list", "--first-parent", "--parents", "-n", &count]);
        let answer = self.git(call.values([&*next.to_string()])).await?;
        let text = answer.expect(cannot_read)?.text();
        let mut found = Vec::new();
        let mut following = None;
        for line in text.lines() {
            let mut names = line.split(' ');
            let commit = parse_oid(names.next().unwrap_or_default())?;
            following = names.next().map(parse_oid).transpose()?;
            if following.is_none() && self.repository.boundary().await?.contains(&commit) {
                // What it changed cannot be told without its parent.
                walk.blocked = true;
                following = Some(commit);
                break;
            }
            found.push((commit, following));
        }
        self.note_changes(walk, &found).await?;
        walk.next = following;
        Ok(())
    }

    /// Adds commits to the line, each with its first parent, and notes which files
    /// they changed.
    async fn note_changes(&self, walk: &mut Walk, found: &[(Oid, Option<Oid>)]) -> Result<()> {
        if found.is_empty() {
            return Ok(());
        }
        let pairs = found.iter().map(|(commit, parent)| match parent {
            Some(parent) => format!("{commit} {parent}\n"),
            None => format!("{commit}\n"),
        });
        let call = Call::new([
            "diff-tree",
            "--stdin",
            "--root",
            "-r",
            "-z",
            "--name-only",
            "--no-renames",
            "--ignore-submodules=none",
        ]);
        let call = call.input(pairs.collect::<String>().into_bytes());
        let answer = self.git(call).await?.expect(cannot_read)?;
        for (commit, _) in found {
            walk.places.insert(*commit, walk.line.len());
            walk.line.push(*commit);
        }
        let mut place = None;
        // The name of a commit, then the paths it changed; nothing when it changed none.
        for word in String::from_utf8_lossy(&answer.stdout).split('\0') {
            let commit = word.trim_start_matches('\n');
            let known = Oid::from_str(commit).ok().filter(|_| commit.len() == 40);
            match known.and_then(|commit| walk.places.get(&commit)) {
                Some(found) => place = Some(*found),
                None => {
                    if let Some(place) = place {
                        walk.changed.entry(word.to_owned()).or_insert(place);
                    }
                }
            }
        }
        Ok(())
    }

    /// Fetches older commits; `false` when there is nobody to ask any more.
    async fn fetch_more(&self, walk: &mut Walk, since: Timestamp) -> Result<bool> {
        let Some((branch, remote)) = self.source else {
            return Ok(false);
        };
        // In seconds, for Git takes no fractions.
        let since = Timestamp::from_second(since.as_second()).unwrap_or(since);
        let since = format!("--shallow-since={since}");
        let limit = match walk.fetched {
            // It would hide what is older and already here.
            0 if self.has_older(&since).await? => None,
            0 => Some(&*since),
            times => match DEEPER.get(times - 1) {
                Some(deeper) => Some(*deeper),
                None => return Ok(false),
            },
        };
        walk.fetched += 1;
        if let Some(limit) = limit {
            match self.repository.deepen(branch, remote, limit).await {
                // There is nothing that new: another commit was expected at that time.
                Err(error) if walk.fetched == 1 => {
                    tracing::debug!(%error, limit, "cannot deepen by time");
                }
                done => done?,
            }
            walk.blocked = false;
        }
        Ok(true)
    }

    /// Is a commit here that `--shallow-since` would leave out?
    async fn has_older(&self, since: &str) -> Result<bool> {
        let before = since.replace("--shallow-since", "--before");
        let call = Call::new(["rev-list", "-n", "1", &before]);
        let answer = self.git(call.values([&*self.tip.to_string()])).await?;
        Ok(!answer.expect(cannot_read)?.stdout.is_empty())
    }

    /// Runs `git`; a partial clone may fetch what it lacks.
    async fn git(&self, call: Call) -> Result<Answer> {
        match self.repository.settings.promisors.first() {
            Some(remote) => self.repository.talk(Way::Fetch, remote, call).await,
            None => self.repository.git(call).await,
        }
    }
}

impl Repository {
    /// The commit that is checked out; `None` before the first one.
    ///
    /// # Errors
    /// When Git cannot be asked.
    pub async fn head(&self) -> Result<Option<Oid>> {
        self.commit_of("HEAD").await
    }

    /// The commits whose parents are left out of a shallow clone.
    async fn boundary(&self) -> Result<BTreeSet<Oid>> {
        let call = Call::new([
            "rev-parse",
            "--path-format=absolute",
            "--git-path",
            "shallow",
        ]);
        let path = self.git(call).await?.expect(cannot_read)?.text();
        match fs_err::read_to_string(path) {
            Ok(text) => text.lines().map(parse_oid).collect(),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(BTreeSet::new()),
            Err(error) => Err(cannot_read().because(error)),
        }
    }
}

fn cannot_read() -> Error {
    Error::usage("cannot read the history of the repository")
}
