//! What a commit changes: each file with its new content, for those who write it
//! in another way than Git does.

use std::collections::BTreeMap;

use super::commit::Commits;
use super::git::{Oid, Repository};
use super::objects::Objects;
use crate::error::{Error, Result};

/// Most commits of one line.
const MAX_COMMITS: usize = 10_000;

/// Deepest folder; Git itself has no limit.
const MAX_DEPTH: usize = 100;

/// A commit and what it changes against its first parent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Made {
    /// Its name.
    pub commit: Oid,
    /// The commit it builds on.
    pub parent: Oid,
    /// Everything it holds.
    pub tree: Oid,
    /// Why, as it was written.
    pub message: String,
    /// The files, in order of their paths.
    pub files: Vec<FileChange>,
}

/// One file that a commit changes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FileChange {
    /// From the top of the repository.
    pub path: String,
    /// What it is now; `None` when it is gone.
    pub new: Option<NewFile>,
}

/// What a file is after a commit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewFile {
    /// Of which kind.
    pub mode: Mode,
    /// Every byte; nothing for a submodule.
    pub content: Vec<u8>,
}

/// Kinds of files Git knows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// 100644
    Plain,
    /// 100755
    Executable,
    /// 120000: the content is where it leads to.
    Link,
    /// 160000
    Submodule,
}

impl Repository {
    /// The commits that lead from `base` to `tip`, the oldest first, each with what
    /// it changes.
    ///
    /// # Errors
    ///
    /// [`Internal`](crate::error::Kind::Internal) when `tip` does not build on `base` in a line;
    /// [`Remote`](crate::error::Kind::Remote) when an object cannot be read.
    pub fn made_between(&self, base: Oid, tip: Oid) -> Result<Vec<Made>> {
        let objects = self.objects()?;
        let mut commits = Vec::new();
        let mut at = tip;
        while at != base {
            if commits.len() == MAX_COMMITS {
                return Err(Error::internal(format!("{tip} does not build on {base}")));
            }
            let commit = made(&objects, at)?;
            at = commit.parent;
            commits.push(commit);
        }
        commits.reverse();
        Ok(commits)
    }
}

impl Commits {
    /// The last commit that was added, and what it changes.
    ///
    /// # Errors
    ///
    /// As [`Repository::made_between`].
    pub fn last(&self) -> Result<Made> {
        made(self.objects(), self.tip())
    }
}

fn made(objects: &Objects, name: Oid) -> Result<Made> {
    let commit = objects.commit(name)?;
    let parent = commit
        .parent_id(0)
        .map_err(|error| Error::internal(format!("{name} builds on nothing")).because(error))?;
    let before = objects.commit(parent)?.tree_id();
    let mut files = BTreeMap::new();
    compare(
        objects,
        "",
        (Some(before), Some(commit.tree_id())),
        0,
        &mut files,
    )?;
    Ok(Made {
        commit: name,
        parent,
        tree: commit.tree_id(),
        message: String::from_utf8_lossy(commit.message_raw_bytes()).into_owned(),
        files: files
            .into_iter()
            .map(|(path, new)| FileChange { path, new })
            .collect(),
    })
}

/// Mode and object of each entry of a folder; none when there is no folder.
fn entries(objects: &Objects, path: &str, tree: Option<Oid>) -> Result<BTreeMap<String, Entry>> {
    let mut entries = BTreeMap::new();
    let Some(tree) = tree else {
        return Ok(entries);
    };
    for entry in &objects.tree(path, tree)? {
        // A name that is no text is never one that we change.
        if let Ok(name) = entry.name() {
            entries.insert(name.to_owned(), (entry.filemode(), entry.id()));
        }
    }
    Ok(entries)
}

type Entry = (i32, Oid);

const FOLDER: i32 = 0o040_000;

fn compare(
    objects: &Objects,
    prefix: &str,
    (old, new): (Option<Oid>, Option<Oid>),
    depth: usize,
    into: &mut BTreeMap<String, Option<NewFile>>,
) -> Result<()> {
    if depth == MAX_DEPTH {
        return Err(Error::document(format!("{prefix} is too deep")));
    }
    let old = entries(objects, prefix, old)?;
    let new = entries(objects, prefix, new)?;
    let names = old
        .keys()
        .chain(new.keys().filter(|name| !old.contains_key(*name)));
    for name in names {
        let (was, is) = (old.get(name), new.get(name));
        if was == is {
            continue;
        }
        let path = format!("{prefix}{name}");
        let folder =
            |entry: Option<&Entry>| entry.filter(|(mode, _)| *mode == FOLDER).map(|(_, id)| *id);
        let file = |entry: Option<&Entry>| entry.copied().filter(|(mode, _)| *mode != FOLDER);
        match (file(was), file(is)) {
            (_, Some((mode, id))) => {
                into.insert(path.clone(), Some(new_file(objects, &path, mode, id)?));
            }
            (Some(_), None) => {
                into.insert(path.clone(), None);
            }
            (None, None) => {}
        }
        let folders = (folder(was), folder(is));
        if folders != (None, None) {
            compare(objects, &format!("{path}/"), folders, depth + 1, into)?;
        }
    }
    Ok(())
}

fn new_file(objects: &Objects, path: &str, mode: i32, id: Oid) -> Result<NewFile> {
    let mode = match mode {
        0o100_755 => Mode::Executable,
        0o120_000 => Mode::Link,
        0o160_000 => Mode::Submodule,
        _ => Mode::Plain,
    };
    let content = match mode {
        Mode::Submodule => Vec::new(),
        Mode::Plain | Mode::Executable | Mode::Link => {
            objects.with_blob(path, id, <[u8]>::to_vec)?
        }
    };
    Ok(NewFile { mode, content })
}
