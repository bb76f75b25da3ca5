//! Making a commit without index and work tree.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use git2::FileMode;
use git2::build::TreeUpdateBuilder;
use jiff::Timestamp;

use super::git::{Oid, Repository};
use super::objects::Objects;
use super::process::Call;
use super::sign::Signer;
use crate::error::{Error, Result};

/// Who made a commit, and when.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Signature {
    /// Shown name.
    pub name: String,
    /// Address, as GitHub finds an account by.
    pub email: String,
    /// When; seconds count, in UTC.
    pub time: Timestamp,
}

/// Objects in a pack from which on it is kept as it is, as Git does after a fetch
/// (`fetch.unpackLimit`); a smaller one becomes files.
const KEPT_PACK: usize = 100;

impl Repository {
    /// Makes a commit on top of `parent` and returns its name; `None` when `changes` change nothing.
    ///
    /// `changes` has the new text by path, or nothing for a file to remove. Other files, and the modes
    /// of those that change, stay as they are; new files are plain ones. No reference moves: the commit
    /// is seen by nobody until it is [pushed](Self::push) or the branch is [advanced](Self::advance).
    ///
    /// ```no_run
    /// # use std::collections::BTreeMap;
    /// # use weirkeeper::repo::{Signature, git::Repository};
    /// # async fn example(repository: Repository, author: Signature) -> weirkeeper::error::Result<()> {
    /// let branch = repository.branch(None).await?;
    /// let tip = repository.tip(&branch).await?;
    /// let changes = BTreeMap::from([("apps/route.yaml".to_owned(), Some("kind: HTTPRoute\n".to_owned()))]);
    /// let commit = repository.commit(tip, &changes, "podinfo.test: canary 20 → 30 %\n", &author).await?;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// [`Document`](crate::error::Kind::Document) for a path that leaves the repository, or is or leads
    /// through a symbolic link or submodule; [`Remote`](crate::error::Kind::Remote) when an object is
    /// missing or cannot be written.
    pub async fn commit(
        &self,
        parent: Oid,
        changes: &BTreeMap<String, Option<String>>,
        message: &str,
        author: &Signature,
    ) -> Result<Option<Oid>> {
        let mut commits = self.commits_on(parent)?;
        let commit = commits.add(changes, message, author)?;
        self.store(commits).await?;
        Ok(commit)
    }

    /// Name and address of the person who works here, as Git is configured.
    ///
    /// # Errors
    ///
    /// When Git cannot be asked.
    pub async fn user(&self) -> Result<Option<(String, String)>> {
        let value = async |key: &str| {
            let answer = self.git(Call::new(["config", "--get", key])).await?;
            let text = answer.text();
            Ok::<_, Error>(Some(text).filter(|text| answer.success && !text.is_empty()))
        };
        let name = value("user.name").await?;
        Ok(name.zip(value("user.email").await?))
    }

    /// Begins a line of commits on top of `parent`, in memory.
    ///
    /// # Errors
    ///
    /// [`Remote`](crate::error::Kind::Remote) when the objects cannot be read.
    pub fn commits_on(&self, parent: Oid) -> Result<Commits> {
        let objects = self.objects()?;
        objects.keep_writes()?;
        Ok(Commits {
            objects,
            new: BTreeSet::new(),
            tip: parent,
            last: None,
            signer: self.signer.clone(),
        })
    }

    /// Writes a line of commits into the repository, all at once, and returns the last one.
    ///
    /// # Errors
    ///
    /// [`Remote`](crate::error::Kind::Remote) when it cannot be written.
    pub async fn store(&self, commits: Commits) -> Result<Oid> {
        let Commits {
            objects,
            new,
            tip,
            last: _,
            signer: _,
        } = commits;
        if new.is_empty() {
            return Ok(tip);
        }
        let count = new.len();
        let pack = objects
            .pack(new)
            .map_err(|error| Error::remote("cannot build the commit").because(error))?;
        drop(objects);
        let call = match count < KEPT_PACK {
            true => Call::new(["unpack-objects", "-q"]),
            false => Call::new(["index-pack", "--stdin"]),
        };
        self.git(call.input(pack))
            .await?
            .expect(|| Error::remote("cannot write the commit into the repository"))?;
        Ok(tip)
    }
}

/// Commits on top of one another that nobody has seen: they are in memory until they are
/// [stored](Repository::store).
pub struct Commits {
    objects: Objects,
    /// What they add to the repository.
    new: BTreeSet<Oid>,
    tip: Oid,
    /// Before the last one was added: the tip, and what that one alone adds.
    last: Option<(Oid, Vec<Oid>)>,
    signer: Option<Signer>,
}

impl fmt::Debug for Commits {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Commits")
            .field("new", &self.new.len())
            .field("tip", &self.tip)
            .finish_non_exhaustive()
    }
}

impl Commits {
    /// Adds a commit and returns its name, see [`Repository::commit`]; `None` when `changes` change
    /// nothing.
    ///
    /// # Errors
    ///
    /// As [`Repository::commit`]; the commits that were added before stay.
    pub fn add(
        &mut self,
        changes: &BTreeMap<String, Option<String>>,
        message: &str,
        author: &Signature,
    ) -> Result<Option<Oid>> {
        let failed = |error| Error::remote("cannot build the commit").because(error);
        let objects = &self.objects;
        let parent = objects.commit(self.tip)?;
        let repository = objects.repository();
        let base = objects.tree("/", parent.tree_id())?;
        let mut update = TreeUpdateBuilder::new();
        let mut new = Vec::new();
        for (path, text) in changes {
            let mode = mode_at(objects, &base, path)?;
            match (text, mode) {
                (Some(text), mode) => {
                    let blob = repository.blob(text.as_bytes()).map_err(failed)?;
                    new.push(blob);
                    update.upsert(&**path, blob, mode.unwrap_or(FileMode::Blob));
                }
                (None, Some(_)) => {
                    update.remove(&**path);
                }
                (None, None) => {}
            }
        }
        let tree = update.create_updated(repository, &base).map_err(failed)?;
        if tree == base.id() {
            return Ok(None);
        }
        let tree = objects.tree("/", tree)?;
        new.push(tree.id());
        for path in changes.keys() {
            for (end, _) in path.match_indices('/') {
                if let Ok(entry) = tree.get_path(path[..end].as_ref()) {
                    new.push(entry.id());
                }
            }
        }
        let signature = signature(author)?;
        let commit = match &self.signer {
            None => repository
                .commit(None, &signature, &signature, message, &tree, &[&parent])
                .map_err(failed)?,
            Some(signer) => {
                let buffer = repository
                    .commit_create_buffer(&signature, &signature, message, &tree, &[&parent])
                    .map_err(failed)?;
                let buffer = buffer
                    .as_str()
                    .map_err(|error| Error::internal("a commit is no text").because(error))?;
                let signed = signer.sign(buffer.as_bytes())?;
                repository
                    .commit_signed(buffer, &signed, Some("gpgsig"))
                    .map_err(failed)?
            }
        };
        new.push(commit);
        drop((tree, base, parent));
        new.retain(|object| self.new.insert(*object));
        self.last = Some((self.tip, new));
        self.tip = commit;
        Ok(Some(commit))
    }

    /// Takes the last commit back, as if it had not been added. Before that one
    /// nothing can be taken back.
    pub fn take_back(&mut self) {
        if let Some((tip, objects)) = self.last.take() {
            for object in objects {
                self.new.remove(&object);
            }
            self.tip = tip;
        }
    }

    pub(super) fn objects(&self) -> &Objects {
        &self.objects
    }

    pub(super) fn tip(&self) -> Oid {
        self.tip
    }
}

fn signature(author: &Signature) -> Result<git2::Signature<'static>> {
    let time = git2::Time::new(author.time.as_second(), 0);
    git2::Signature::new(&author.name, &author.email, &time).map_err(|error| {
        let Signature {
            name,
            email,
            time: _,
        } = author;
        Error::usage(format!("`{name} <{email}>` cannot be an author")).because(error)
    })
}

/// The mode of the file at `path`, if there is one.
fn mode_at(objects: &Objects, top: &git2::Tree<'_>, path: &str) -> Result<Option<FileMode>> {
    check_path(path)?;
    let mut folder = top.clone();
    let mut seen = 0;
    for name in path.split('/') {
        seen += name.len();
        let (here, last) = (&path[..seen], seen == path.len());
        seen += 1;
        let facts = folder
            .get_name(name)
            .map(|entry| (entry.filemode(), entry.id()));
        let Some((mode, id)) = facts else {
            return Ok(None);
        };
        match mode {
            0o040_000 if !last => {}
            0o040_000 => return Err(not_a_file(path, here, "a folder")),
            0o120_000 => return Err(not_a_file(path, here, "a symbolic link")),
            0o160_000 => return Err(not_a_file(path, here, "a submodule")),
            _ if !last => return Err(not_a_file(path, here, "a file")),
            0o100_755 => return Ok(Some(FileMode::BlobExecutable)),
            _ => return Ok(Some(FileMode::Blob)),
        }
        folder = objects.tree(here, id)?;
    }
    Ok(None)
}

fn not_a_file(path: &str, here: &str, what: &str) -> Error {
    Error::document(format!("cannot write {path}: {here} is {what}"))
}

/// Refuses what is not a plain path below the top of the repository, on any system.
fn check_path(path: &str) -> Result<()> {
    let bad = |name: &str| {
        let plain = name.trim_end_matches(['.', ' ']).to_ascii_lowercase();
        matches!(&*plain, "" | ".git" | "git~1")
            || name.contains(|c: char| c == '\\' || c.is_control())
    };
    if path.split('/').any(bad) {
        return Err(Error::document(format!(
            "{path:?} is not a path in the repository"
        )));
    }
    Ok(())
}
