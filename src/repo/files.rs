//! The files of a commit or of a work tree, by the same rules.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

use git2::Oid;
use memchr::memmem;

use super::clean::{Clean, GROUP, Memory};
use super::git::Repository;
use super::inventory::KUSTOMIZATIONS;
pub use super::listing::IGNORE_FILE;
use super::listing::{self, Entry, Listing};
use super::objects::Objects;
use crate::diagnostic::Source;
use crate::error::{Error, Result};

/// Largest file that is taken for a document: 4 MiB.
pub const MAX_FILE: usize = 4 << 20;

/// Files searched at a time; small enough to share the work, large enough to share it rarely.
const BATCH: usize = 128;

/// The files of one commit, of a folder, or of nothing but memory.
///
/// Left out in both: symbolic links, submodules, paths that are not UTF-8, folders called `vendor` and
/// `node_modules`, and whatever a `.weirkeeperignore` names, in any folder. In a work tree also what
/// Git ignores. Files whose names start with a dot are in.
#[derive(Debug)]
pub struct Files {
    /// Sorted by path.
    entries: Vec<Entry>,
    /// Folders that were not looked into because they are clean, sorted; the `entries` lack what is
    /// in them.
    closed: Vec<String>,
    /// The entries without that lack, once they are asked for.
    all: OnceLock<Vec<Entry>>,
    /// What rules hid in a commit.
    hidden: BTreeSet<String>,
    origin: Origin,
}

#[derive(Debug)]
enum Origin {
    Commit {
        /// The object folder.
        objects: PathBuf,
        commit: Oid,
        memory: Option<Arc<Memory>>,
        /// The object folder, opened once for all single files.
        opened: OnceLock<Mutex<Objects>>,
    },
    /// The top folder.
    Folder(PathBuf),
    /// Texts by path.
    Memory(BTreeMap<String, String>),
    /// Texts by path, in front of other files.
    Over(Arc<Files>, BTreeMap<String, String>),
}

/// Reads files, for one thread.
enum Reader<'a> {
    Commit(Objects),
    Folder(&'a Path),
    Memory(&'a BTreeMap<String, String>),
    Over(Box<Self>, &'a BTreeMap<String, String>),
}

impl Files {
    /// The files of `commit`. Index and work tree play no part.
    ///
    /// # Errors
    ///
    /// [`Remote`](crate::error::Kind::Remote) when a folder is missing in a partial clone,
    /// [`Document`](crate::error::Kind::Document) for a broken `.weirkeeperignore`.
    /// A missing *file* is found when it is read; [`Repository::files`] fetches those first.
    pub fn at(repository: &Repository, commit: Oid) -> Result<Self> {
        Self::remembering(repository.objects_path(), commit, None)
    }

    /// As [`at`](Self::at), but does not look into what the memory calls clean until it has to.
    pub(super) fn remembering(
        objects: &Path,
        commit: Oid,
        memory: Option<Arc<Memory>>,
    ) -> Result<Self> {
        let clean = memory.as_ref().map(|memory| memory.clean());
        let listing =
            listing::commit(&Objects::open(objects)?, commit, &clean.unwrap_or_default())?;
        let origin = Origin::Commit {
            objects: objects.to_owned(),
            commit,
            memory,
            opened: OnceLock::new(),
        };
        Ok(Self::sorted(listing, origin))
    }

    /// The files in `dir` and below; paths start there.
    ///
    /// In a sparse checkout that is less than what the commit holds.
    ///
    /// # Errors
    ///
    /// [`Usage`](crate::error::Kind::Usage) when the folder cannot be read,
    /// [`Document`](crate::error::Kind::Document) for a broken `.weirkeeperignore`.
    pub fn in_folder(dir: &Path) -> Result<Self> {
        let listing = Listing {
            entries: listing::folder(dir)?,
            ..Listing::default()
        };
        Ok(Self::sorted(listing, Origin::Folder(dir.to_owned())))
    }

    /// Files that are nowhere but here: texts by path.
    #[must_use]
    pub fn in_memory(texts: BTreeMap<String, String>) -> Self {
        let entries = texts.keys().map(|path| Entry {
            path: path.clone(),
            blob: Oid::ZERO_SHA1,
        });
        let listing = Listing {
            entries: entries.collect(),
            ..Listing::default()
        };
        Self::sorted(listing, Origin::Memory(texts))
    }

    /// The files of `under` as they were after `texts` were written there.
    ///
    /// # Errors
    /// As [`paths`](Self::paths).
    pub fn over(under: Arc<Self>, texts: BTreeMap<String, String>) -> Result<Self> {
        let new = texts
            .keys()
            .filter(|path| !under.contains(path).unwrap_or(false));
        let new = new.map(|path| Entry {
            path: path.clone(),
            blob: Oid::ZERO_SHA1,
        });
        let listing = Listing {
            entries: under.all()?.iter().cloned().chain(new).collect(),
            ..Listing::default()
        };
        Ok(Self::sorted(listing, Origin::Over(under, texts)))
    }

    fn sorted(listing: Listing, origin: Origin) -> Self {
        let Listing {
            mut entries,
            mut closed,
            hidden,
        } = listing;
        entries.sort_unstable_by(|a, b| a.path.cmp(&b.path));
        closed.sort_unstable();
        Self {
            entries,
            closed,
            all: OnceLock::new(),
            hidden,
            origin,
        }
    }

    /// Every path, in order, with `/`.
    ///
    /// # Errors
    ///
    /// Here and wherever paths are asked for: as [`at`](Self::at), when a folder is looked into only
    /// now.
    pub fn paths(&self) -> Result<impl Iterator<Item = &str>> {
        Ok(self.all()?.iter().map(|entry| &*entry.path))
    }

    /// Whether there is a file at `path`.
    ///
    /// # Errors
    ///
    /// As [`paths`](Self::paths).
    pub fn contains(&self, path: &str) -> Result<bool> {
        self.find(path).map(|entry| entry.is_some())
    }

    /// Whether anything is at `path`, also what is left out here: a hidden file, a link, a folder.
    ///
    /// # Errors
    ///
    /// When the commit cannot be read.
    pub fn is_taken(&self, path: &str) -> Result<bool> {
        match &self.origin {
            Origin::Folder(folder) => Ok(fs_err::symlink_metadata(folder.join(path)).is_ok()),
            Origin::Memory(_) => Ok(self.contains(path)? || self.below(path)?.next().is_some()),
            Origin::Over(under, _) => Ok(self.contains(path)?
                || self.below(path)?.next().is_some()
                || under.is_taken(path)?),
            Origin::Commit {
                objects,
                commit,
                opened,
                ..
            } => {
                let objects = opened_once(opened, objects)?;
                let tree = objects.commit(*commit)?.tree_id();
                let found = objects.tree("/", tree)?.get_path(Path::new(path)).is_ok();
                Ok(found)
            }
        }
    }

    /// The files right in `folder` (`""` is the top), not those below, in order.
    ///
    /// # Errors
    ///
    /// As [`paths`](Self::paths).
    pub fn folder<'a>(&'a self, folder: &'a str) -> Result<impl Iterator<Item = &'a str>> {
        let folder = folder.trim_end_matches('/');
        let inside = move |path: &&'a str| match path.rsplit_once('/') {
            Some((parent, _)) => parent == folder,
            None => folder.is_empty(),
        };
        Ok(self.below(folder)?.filter(inside))
    }

    /// The files in `folder` (`""` is the top) and everywhere below, in order.
    ///
    /// # Errors
    ///
    /// As [`paths`](Self::paths).
    pub fn below<'a>(&'a self, folder: &str) -> Result<impl Iterator<Item = &'a str> + use<'a>> {
        let start = match folder.trim_end_matches('/') {
            "" => String::new(),
            folder => format!("{folder}/"),
        };
        let entries = self.near(&start)?;
        let from = entries.partition_point(|entry| *entry.path < *start);
        let paths = entries[from..].iter().map(|entry| &*entry.path);
        Ok(paths.take_while(move |path| path.starts_with(&start)))
    }

    /// The bytes of the file at `path`; `None` when there is none.
    ///
    /// # Errors
    ///
    /// When it cannot be read, or an object is missing; [`Document`](crate::error::Kind::Document)
    /// when it is larger than [`MAX_FILE`].
    pub fn read(&self, path: &str) -> Result<Option<Vec<u8>>> {
        let Some(entry) = self.find(path)? else {
            return Ok(None);
        };
        let bytes = match &self.origin {
            Origin::Commit {
                objects, opened, ..
            } => opened_once(opened, objects)?.with_blob(path, entry.blob, <[u8]>::to_vec)?,
            Origin::Over(under, texts) => match texts.get(path) {
                Some(text) => text.clone().into_bytes(),
                None => return under.read(path),
            },
            Origin::Folder(_) | Origin::Memory(_) => self.reader()?.read(entry, <[u8]>::to_vec)?,
        };
        check_size(path, bytes.len())?;
        Ok(Some(bytes))
    }

    /// The bytes of the file at `path` if it contains `word`, of any size: of one that is
    /// larger than [`MAX_FILE`] as many as tell that it is.
    ///
    /// # Errors
    ///
    /// When it cannot be read, or an object is missing.
    pub fn read_if_contains(&self, path: &str, word: &str) -> Result<Option<Vec<u8>>> {
        let Some(entry) = self.find(path)? else {
            return Ok(None);
        };
        let look = |bytes: &[u8]| {
            let found = memmem::find(bytes, word.as_bytes()).is_some();
            found.then(|| bytes.get(..MAX_FILE + 1).unwrap_or(bytes).to_vec())
        };
        match &self.origin {
            Origin::Commit {
                objects, opened, ..
            } => opened_once(opened, objects)?.with_blob(path, entry.blob, look),
            Origin::Over(under, texts) if !texts.contains_key(path) => {
                under.read_if_contains(path, word)
            }
            Origin::Over(..) | Origin::Folder(_) | Origin::Memory(_) => {
                self.reader()?.read(entry, look)
            }
        }
    }

    /// The file at `path` as text; `None` when there is none.
    ///
    /// # Errors
    ///
    /// As [`read`](Self::read); also [`Document`](crate::error::Kind::Document) when it is not UTF-8.
    pub fn source(&self, path: &str) -> Result<Option<Source>> {
        let bytes = self.read(path)?;
        bytes.map(|bytes| to_source(path, bytes)).transpose()
    }

    /// The YAML and JSON files that contain one of `words`, as text, by path.
    ///
    /// A file that contains none may be of any size and encoding.
    ///
    /// # Errors
    ///
    /// As [`source`](Self::source), for the files that are found.
    pub fn containing(&self, words: &[&str]) -> Result<Vec<Source>> {
        let finders: Vec<_> = words
            .iter()
            .map(|word| memmem::Finder::new(*word))
            .collect();
        let found = self.scan(|_, bytes| {
            let hit = finders.iter().any(|finder| finder.find(bytes).is_some());
            hit.then(|| bytes.get(..MAX_FILE + 1).unwrap_or(bytes).to_vec())
        })?;
        let source = |(path, bytes): (&str, Vec<u8>)| {
            check_size(path, bytes.len())?;
            to_source(path, bytes)
        };
        found.into_iter().map(source).collect()
    }

    /// Shows every YAML and JSON file to `look`, on all processors, and collects what it finds, by path.
    ///
    /// # Errors
    ///
    /// When one of the files cannot be read: what was not looked at is never taken for "not there".
    pub fn scan<T: Send>(
        &self,
        look: impl Fn(&str, &[u8]) -> Option<T> + Sync,
    ) -> Result<Vec<(&str, T)>> {
        self.scan_in(self.all()?.iter().filter(|e| is_document(&e.path)), look)
    }

    /// As [`scan`](Self::scan), for the files with Gateways or GatewayClasses in them: those that are
    /// not too large, with their bytes.
    ///
    /// # Errors
    ///
    /// As [`scan`](Self::scan).
    pub(super) fn scan_gateways(&self) -> Result<Vec<(&str, Vec<u8>)>> {
        // Whether it comes after `naming_group` or not: a folder with one is never called clean.
        self.scan_in(
            self.entries.iter().filter(|e| is_document(&e.path)),
            |_, bytes| {
                let fits = bytes.len() <= MAX_FILE && names_gateway(bytes);
                fits.then(|| bytes.to_vec())
            },
        )
    }

    /// As [`scan`](Self::scan), for kustomizations: all, or without those in `closed` folders, which
    /// lead nowhere else.
    ///
    /// # Errors
    ///
    /// As [`scan`](Self::scan).
    pub(super) fn scan_kustomizations<T: Send>(
        &self,
        closed: bool,
        look: impl Fn(&str, &[u8]) -> Option<T> + Sync,
    ) -> Result<Vec<(&str, T)>> {
        let entries = match closed {
            true => self.all()?,
            false => &self.entries,
        };
        self.scan_in(entries.iter().filter(|e| is_kustomization(&e.path)), look)
    }

    /// Is `folder` in one that is remembered as clean?
    pub(super) fn is_closed(&self, folder: &str) -> bool {
        let folder = format!("{folder}/");
        let next = self.closed.partition_point(|closed| *closed <= folder);
        let before = self.closed[..next].last();
        before.is_some_and(|closed| folder.starts_with(closed))
    }

    /// The YAML and JSON files that contain `flagger.app/`, and their bytes, by path.
    ///
    /// In a commit the folders without any, without Gateways or their classes, and without
    /// kustomizations that lead out of them, are remembered, and not looked through a second time.
    ///
    /// # Errors
    ///
    /// As [`scan`](Self::scan).
    pub fn naming_group(&self) -> Result<Vec<(&str, Vec<u8>)>> {
        let group = memmem::Finder::new(GROUP);
        let look = |path: &str, bytes: &[u8]| match is_document(path) && group.find(bytes).is_some()
        {
            // What is too large is refused by the one who parses it.
            true => Some((0, Some(bytes.get(..MAX_FILE + 1).unwrap_or(bytes).to_vec()))),
            false if is_document(path) && names_gateway(bytes) => Some((0, None)),
            false if is_kustomization(path) => Some((leads_out(path, bytes)?, None)),
            false => None,
        };
        let fit = |entry: &&Entry| is_document(&entry.path) || is_kustomization(&entry.path);
        let found = self.scan_in(self.entries.iter().filter(fit), look)?;
        if let Origin::Commit {
            objects,
            commit,
            memory: Some(memory),
            ..
        } = &self.origin
        {
            let objects = Objects::open(objects)?;
            let tree = objects.commit(*commit)?.tree_id();
            let open = found.iter().map(|(path, (clean, _))| (*path, *clean));
            memory.learn(Clean::around(&objects, tree, open, &self.hidden)?);
        }
        let named = found.into_iter();
        Ok(named
            .filter_map(|(path, (_, bytes))| Some((path, bytes?)))
            .collect())
    }

    fn scan_in<'a, T: Send>(
        &self,
        entries: impl Iterator<Item = &'a Entry>,
        look: impl Fn(&str, &[u8]) -> Option<T> + Sync,
    ) -> Result<Vec<(&'a str, T)>> {
        let entries: Vec<&Entry> = entries.collect();
        let batches: Vec<&[&Entry]> = entries.chunks(BATCH).collect();
        let next = AtomicUsize::new(0);
        let results = Mutex::new(Vec::new());
        let work = || {
            let reader = self.reader()?;
            let mut found = Vec::new();
            while let Some(batch) = batches.get(next.fetch_add(1, Ordering::Relaxed)) {
                for entry in *batch {
                    if let Some(hit) = reader.read(entry, |bytes| look(&entry.path, bytes))? {
                        found.push((&*entry.path, hit));
                    }
                }
            }
            Ok(found)
        };
        let threads = std::thread::available_parallelism().map_or(1, usize::from);
        std::thread::scope(|scope| {
            for _ in 1..threads.min(batches.len()) {
                scope.spawn(|| {
                    let part = work();
                    results
                        .lock()
                        .unwrap_or_else(PoisonError::into_inner)
                        .push(part);
                });
            }
            let part = work();
            results
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .push(part);
        });
        let parts = results.into_inner().unwrap_or_else(PoisonError::into_inner);
        let parts: Vec<Vec<_>> = parts.into_iter().collect::<Result<_>>()?;
        let mut found: Vec<_> = parts.into_iter().flatten().collect();
        found.sort_unstable_by_key(|(path, _)| *path);
        Ok(found)
    }

    /// Blobs of YAML and JSON files that are not in `objects`.
    pub(super) fn missing(&self, objects: &Objects) -> Vec<Oid> {
        let documents = self.entries.iter().filter(|entry| is_document(&entry.path));
        documents
            .map(|entry| entry.blob)
            .filter(|blob| !objects.has(*blob))
            .collect()
    }

    fn find(&self, path: &str) -> Result<Option<&Entry>> {
        let entries = self.near(path)?;
        let found = entries.binary_search_by(|entry| (*entry.path).cmp(path));
        Ok(found.ok().and_then(|index| entries.get(index)))
    }

    /// Entries among which are all whose paths start with `start`.
    fn near(&self, start: &str) -> Result<&[Entry]> {
        let next = self.closed.partition_point(|folder| **folder < *start);
        let (before, after) = self.closed.split_at(next);
        let inside = before
            .last()
            .is_some_and(|folder| start.starts_with(folder));
        let around = after
            .first()
            .is_some_and(|folder| folder.starts_with(start));
        match inside || around {
            true => self.all(),
            false => Ok(&self.entries),
        }
    }

    /// The entries without a lack.
    fn all(&self) -> Result<&[Entry]> {
        if let Some(all) = self.all.get() {
            return Ok(all);
        }
        match &self.origin {
            Origin::Commit {
                objects, commit, ..
            } if !self.closed.is_empty() => {
                let whole = Self::remembering(objects, *commit, None)?;
                Ok(self.all.get_or_init(|| whole.entries))
            }
            Origin::Commit { .. } | Origin::Folder(_) | Origin::Memory(_) | Origin::Over(..) => {
                Ok(&self.entries)
            }
        }
    }

    fn reader(&self) -> Result<Reader<'_>> {
        match &self.origin {
            Origin::Commit { objects, .. } => Objects::open(objects).map(Reader::Commit),
            Origin::Folder(folder) => Ok(Reader::Folder(folder)),
            Origin::Memory(texts) => Ok(Reader::Memory(texts)),
            Origin::Over(under, texts) => Ok(Reader::Over(Box::new(under.reader()?), texts)),
        }
    }
}

/// Opening looks at every pack there is: too much for one file.
fn opened_once<'a>(
    opened: &'a OnceLock<Mutex<Objects>>,
    folder: &Path,
) -> Result<MutexGuard<'a, Objects>> {
    let opened = match opened.get() {
        Some(opened) => opened,
        None => {
            let objects = Mutex::new(Objects::open(folder)?);
            opened.get_or_init(|| objects)
        }
    };
    Ok(opened.lock().unwrap_or_else(PoisonError::into_inner))
}

impl Reader<'_> {
    fn read<T>(&self, entry: &Entry, look: impl FnOnce(&[u8]) -> T) -> Result<T> {
        match self {
            Self::Commit(objects) => objects.with_blob(&entry.path, entry.blob, look),
            Self::Folder(folder) => fs_err::read(folder.join(&entry.path))
                .map(|bytes| look(&bytes))
                .map_err(|error| Error::usage("cannot read the work tree").because(error)),
            Self::Memory(texts) => {
                let text = texts.get(&entry.path).map_or("", String::as_str);
                Ok(look(text.as_bytes()))
            }
            Self::Over(under, texts) => match texts.get(&entry.path) {
                Some(text) => Ok(look(text.as_bytes())),
                None => under.read(entry, look),
            },
        }
    }
}

fn is_document(path: &str) -> bool {
    let extension = path.rsplit_once('.').map(|(_, extension)| extension);
    matches!(extension, Some("yaml" | "yml" | "json"))
}

/// May it hold a Gateway or a GatewayClass?
fn names_gateway(bytes: &[u8]) -> bool {
    let words = ["gatewayClassName", "GatewayClass"];
    words
        .iter()
        .any(|word| memmem::find(bytes, word.as_bytes()).is_some())
}

/// Is it called as Kustomize wants it?
pub(super) fn is_kustomization(path: &str) -> bool {
    KUSTOMIZATIONS.contains(&path.rsplit('/').next().unwrap_or(path))
}

/// The words of a kustomization among which are all paths in it.
pub(super) fn words(text: &str) -> impl Iterator<Item = &str> {
    let words = text.split(|c: char| c.is_whitespace() || "[]{},\"'".contains(c));
    words.filter(|word| !word.is_empty())
}

/// How many folders from the top hold everything that the kustomization at `path` leads to; `None`
/// when it leads nowhere but into its own folder.
fn leads_out(path: &str, bytes: &[u8]) -> Option<usize> {
    memmem::find(bytes, b"..")?;
    let here = path.matches('/').count();
    let least = |word: &str| {
        let (mut depth, mut least) = (here, here);
        for part in word.split('/') {
            match part {
                "" | "." => {}
                ".." if depth == 0 => return 0,
                ".." => depth -= 1,
                _ => depth += 1,
            }
            least = least.min(depth);
        }
        // The top itself is one of the folders.
        least + 1
    };
    let text = String::from_utf8_lossy(bytes);
    let least = words(&text).map(least).min()?;
    (least <= here).then_some(least)
}

fn check_size(path: &str, size: usize) -> Result<()> {
    if size <= MAX_FILE {
        return Ok(());
    }
    Err(
        Error::document(format!("{path} is larger than {} MiB", MAX_FILE >> 20)).hint(format!(
            "name it in {IGNORE_FILE} if it is not for Weirkeeper"
        )),
    )
}

fn to_source(path: &str, bytes: Vec<u8>) -> Result<Source> {
    let text = String::from_utf8(bytes).map_err(|error| {
        Error::document(format!("{path} is not UTF-8 text")).because(error.utf8_error())
    })?;
    Ok(Source {
        path: path.to_owned(),
        text,
    })
}
