//! The past of a branch: its commits, and what the Canaries said in them.
//!
//! Nothing is checked out: objects are read as they are, so that bare, sparse and
//! dirty clones tell the same story.

use std::collections::BTreeMap;
use std::path::Path;

use git2::Oid;
use jiff::Timestamp;

use super::files::Files;
use super::git::Repository;
use super::inventory::{Inventory, KUSTOMIZATIONS};
use super::objects::Objects;
use super::trailers;
use crate::api::Status;
use crate::error::{Error, Result};

/// One commit of the past.
#[derive(Debug, Clone)]
pub struct Past {
    /// Its name.
    pub id: Oid,
    /// The commit it was made on; `None` for the first one.
    pub parent: Option<Oid>,
    /// When its author made it.
    pub time: Timestamp,
    /// `NAME <EMAIL>`.
    pub author: String,
    /// The first line of its message.
    pub subject: String,
    /// The trailers of its message.
    pub trailers: Vec<(String, String)>,
    /// Files that differ from the commit it was made on.
    pub changed: Vec<String>,
}

/// What the status of a Canary reads like in one commit.
#[derive(Debug, Clone, PartialEq)]
pub enum Written {
    /// There is none yet.
    Nothing,
    /// As it reads.
    Status(Box<Status>),
    /// It cannot be read, for this reason.
    Unreadable(String),
}

/// The Canaries of a file, by `namespace/name`.
pub type Canaries = BTreeMap<String, Written>;

/// Walks back from commit to commit, always to the first parent.
pub struct History {
    objects: Objects,
    next: Option<Oid>,
    /// Does the history end early because the clone is shallow?
    shallow: bool,
    cut: bool,
    read: BTreeMap<Vec<(String, Oid)>, Canaries>,
}

impl Repository {
    /// Begins a walk at `tip`.
    ///
    /// # Errors
    /// [`Kind::Remote`](crate::error::Kind::Remote) when the objects cannot be read.
    pub fn history(&self, tip: Oid) -> Result<History> {
        Ok(History {
            objects: self.objects()?,
            next: Some(tip),
            shallow: self.is_shallow(),
            cut: false,
            read: BTreeMap::new(),
        })
    }
}

impl History {
    /// The next older commit; `None` at the end. The last one of a shallow clone is
    /// left out: what it changed is not known here.
    ///
    /// # Errors
    /// When an object cannot be read.
    pub fn older(&mut self) -> Result<Option<Past>> {
        let Some(id) = self.next.take() else {
            return Ok(None);
        };
        let commit = self.objects.commit(id)?;
        let parent = commit.parent_id(0).ok();
        let known = parent.filter(|parent| self.objects.has(*parent));
        if parent.is_some() && known.is_none() {
            if !self.shallow {
                // Says what is missing, and what to do.
                self.objects.commit(parent.unwrap_or(id))?;
            }
            // What this commit changed nobody can tell.
            self.cut = true;
            return Ok(None);
        }
        let changed = self.changed(&commit, known)?;
        self.next = known;
        let brought = self.brought(&commit)?;
        let author = brought.as_ref().unwrap_or(&commit).author();
        let text = brought.as_ref().unwrap_or(&commit).message_bytes();
        let text = String::from_utf8_lossy(text).into_owned();
        let past = Past {
            id,
            parent: known,
            time: Timestamp::from_second(author.when().seconds()).unwrap_or_default(),
            author: format!(
                "{} <{}>",
                String::from_utf8_lossy(author.name_bytes()),
                String::from_utf8_lossy(author.email_bytes())
            ),
            subject: text.lines().next().unwrap_or_default().to_owned(),
            trailers: trailers::parse(&text),
            changed,
        };
        Ok(Some(past))
    }

    /// The step that a merge commit brought to the branch, if it was one: it says
    /// more than the merge does.
    fn brought(&self, merge: &git2::Commit<'_>) -> Result<Option<git2::Commit<'_>>> {
        let says_what = |commit: &git2::Commit<'_>| {
            let text = String::from_utf8_lossy(commit.message_bytes()).into_owned();
            let trailers = trailers::parse(&text);
            trailers.iter().any(|(key, _)| key == "Canary")
        };
        let step = match (merge.parent_count(), merge.parent_id(1)) {
            (2, Ok(step)) if self.objects.has(step) && !says_what(merge) => step,
            _ => return Ok(None),
        };
        let step = self.objects.commit(step)?;
        Ok(Some(step).filter(says_what))
    }

    /// Did the walk end where the clone ends, and not the history?
    #[must_use]
    pub fn is_cut(&self) -> bool {
        self.cut
    }

    fn changed(&self, commit: &git2::Commit<'_>, parent: Option<Oid>) -> Result<Vec<String>> {
        let failed = |error| Error::remote("cannot compare two commits").because(error);
        let tree = self.objects.tree("/", commit.tree_id())?;
        let before = match parent {
            Some(parent) => {
                let parent = self.objects.commit(parent)?;
                Some(self.objects.tree("/", parent.tree_id())?)
            }
            None => None,
        };
        let repository = self.objects.repository();
        let diff = repository
            .diff_tree_to_tree(before.as_ref(), Some(&tree), None)
            .map_err(failed)?;
        let paths = diff.deltas().flat_map(|delta| {
            let files = [delta.old_file(), delta.new_file()];
            files.map(|file| file.path().and_then(Path::to_str).map(str::to_owned))
        });
        let mut paths: Vec<String> = paths.flatten().collect();
        paths.sort();
        paths.dedup();
        Ok(paths)
    }

    /// What the Canaries in the file at `path` say in `commit`; nothing when there
    /// is no such file. Only this file and the kustomizations above it are read,
    /// which may give the namespace.
    ///
    /// # Errors
    /// When an object cannot be read. A file that is not valid holds no Canary.
    pub fn canaries(&mut self, commit: Oid, path: &str) -> Result<Canaries> {
        let Some(blob) = self.blob(commit, path)? else {
            return Ok(Canaries::new());
        };
        let mut files = vec![(path.to_owned(), blob)];
        for folder in Inventory::levels(path, None) {
            for name in KUSTOMIZATIONS {
                let path = match folder.as_str() {
                    "" => name.to_owned(),
                    folder => format!("{folder}/{name}"),
                };
                if let Some(blob) = self.blob(commit, &path)? {
                    files.push((path, blob));
                }
            }
        }
        if let Some(known) = self.read.get(&files) {
            return Ok(known.clone());
        }
        let mut texts = BTreeMap::new();
        for (path, blob) in &files {
            let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
            texts.insert(path.clone(), self.objects.with_blob(path, *blob, text)?);
        }
        let inventory = Inventory::load(Files::in_memory(texts))?;
        let canaries = inventory.canaries().iter().map(|canary| {
            let id = canary.id();
            let written = match canary.value.get("status").filter(|value| !value.is_null()) {
                None => Written::Nothing,
                Some(value) => match serde_yaml::from_value(value.clone()) {
                    Ok(status) => Written::Status(Box::new(status)),
                    Err(error) => Written::Unreadable(error.to_string()),
                },
            };
            (id, written)
        });
        let canaries: Canaries = canaries.collect();
        self.read.insert(files, canaries.clone());
        Ok(canaries)
    }

    fn blob(&self, commit: Oid, path: &str) -> Result<Option<Oid>> {
        let tree = self.objects.commit(commit)?.tree_id();
        let tree = self.objects.tree("/", tree)?;
        match tree.get_path(Path::new(path)) {
            Ok(entry) if entry.kind() == Some(git2::ObjectType::Blob) => Ok(Some(entry.id())),
            Ok(_) => Ok(None),
            Err(error) if error.code() == git2::ErrorCode::NotFound => Ok(None),
            Err(error) => Err(Error::remote(format!("cannot look for {path}")).because(error)),
        }
    }
}
