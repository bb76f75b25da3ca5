//! The memory of clean folders: what was looked through once need not be again.
//!
//! A *clean* folder is one without any document that contains [`GROUP`] or holds a Gateway, in it or
//! below, and without a kustomization that leads out of it: what is in there concerns no Canary elsewhere unless it is
//! asked for. That depends
//! on nothing but the folder's content, whose name is the object name of its tree: so it stays true
//! in every commit, on every branch and at every path. A folder of which a `.weirkeeperignore` hid
//! something was not looked through, and is never called clean.
//!
//! The file is a cache. One that cannot be read, or was cut off, is as good as none; a name that is
//! not the one of a folder says nothing.

use std::collections::BTreeSet;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use git2::Oid;

use super::listing;
use super::objects::Objects;
use crate::error::Result;

/// What every document Weirkeeper reads for itself contains.
pub(super) const GROUP: &str = "flagger.app/";

/// First line of the file. The number goes up when other files count as documents, or other folders
/// are skipped.
const FORMAT: &str = "weirkeeper clean 3";

/// Most folders remembered; with more the file would cost as much as it saves.
const MAX_FOLDERS: usize = 100_000;

/// What is known of a repository, in the folder that all its work trees share.
#[derive(Debug)]
pub(super) struct Memory {
    file: PathBuf,
    known: Mutex<Option<Arc<Clean>>>,
}

/// The trees of clean folders, in order. Of nested ones only the outermost is there.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Clean(Vec<Oid>);

impl Memory {
    pub(super) fn new(git_folder: &Path) -> Self {
        Self {
            file: git_folder.join("weirkeeper").join("clean"),
            known: Mutex::default(),
        }
    }

    /// What is known; the file is read once.
    pub(super) fn clean(&self) -> Arc<Clean> {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        let read = || {
            let text = fs_err::read_to_string(&self.file).unwrap_or_default();
            Arc::new(Clean::parse(&text).unwrap_or_default())
        };
        Arc::clone(known.get_or_insert_with(read))
    }

    /// Replaces what is known, here and in the file.
    pub(super) fn learn(&self, clean: Clean) {
        if *self.clean() == clean {
            return;
        }
        if let Err(error) = self.write(&clean) {
            tracing::debug!(%error, "cannot remember clean folders");
        }
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        *known = Some(Arc::new(clean));
    }

    /// In one go: who reads at the same time sees the old or the new file.
    fn write(&self, clean: &Clean) -> std::io::Result<()> {
        let folder = self.file.parent().unwrap_or(&self.file);
        fs_err::create_dir_all(folder)?;
        let mut file = tempfile::NamedTempFile::new_in(folder)?;
        file.write_all(clean.to_text().as_bytes())?;
        file.persist(&self.file)?;
        Ok(())
    }
}

impl Clean {
    /// The outermost folders below the top folder `tree` that have none of the files `found` and
    /// nothing `hidden` (a folder with a `/` at its end) in them.
    ///
    /// With each of `found` comes how many folders from the top may be clean all the same.
    pub(super) fn around<'a>(
        objects: &Objects,
        tree: Oid,
        found: impl IntoIterator<Item = (&'a str, usize)>,
        hidden: &'a BTreeSet<String>,
    ) -> Result<Self> {
        let mut open = BTreeSet::new();
        let hidden_paths = hidden.iter().map(|path| (&**path, 0));
        for (path, clean) in found.into_iter().chain(hidden_paths) {
            let inner = path.trim_end_matches('/').match_indices('/');
            let folders = std::iter::once("").chain(inner.map(|(end, _)| &path[..=end]));
            open.extend(folders.skip(clean));
        }
        let mut clean = Vec::new();
        collect(objects, tree, "", &open, hidden, &mut clean)?;
        clean.sort_unstable();
        clean.dedup();
        clean.truncate(MAX_FOLDERS);
        Ok(Self(clean))
    }

    pub(super) fn contains(&self, tree: Oid) -> bool {
        self.0.binary_search(&tree).is_ok()
    }

    fn parse(text: &str) -> Option<Self> {
        let mut lines = text.strip_suffix('\n')?.split('\n');
        lines.next().filter(|first| *first == FORMAT)?;
        let tree = |line: &str| (line.len() == 40).then(|| Oid::from_str(line).ok())?;
        let trees: Vec<Oid> = lines.take(MAX_FOLDERS).map(tree).collect::<Option<_>>()?;
        trees.is_sorted().then_some(Self(trees))
    }

    fn to_text(&self) -> String {
        let lines: String = self.0.iter().map(|tree| format!("{tree}\n")).collect();
        format!("{FORMAT}\n{lines}")
    }
}

/// Adds the folder `tree` at `prefix`, or, when it is `open`, what is clean in it.
fn collect(
    objects: &Objects,
    tree: Oid,
    prefix: &str,
    open: &BTreeSet<&str>,
    hidden: &BTreeSet<String>,
    into: &mut Vec<Oid>,
) -> Result<()> {
    if !open.contains(prefix) {
        into.push(tree);
        return Ok(());
    }
    for entry in &objects.tree(prefix, tree)? {
        let Some(name) = listing::folder_name(&entry) else {
            continue;
        };
        let path = format!("{prefix}{name}/");
        if !hidden.contains(&path) {
            collect(objects, entry.id(), &path, open, hidden, into)?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn file_that_is_not_whole_is_no_memory() {
        let tree = Oid::from_str(&"a1".repeat(20)).unwrap();
        let clean = Clean(vec![tree]);
        let text = clean.to_text();
        assert_eq!(Clean::parse(&text), Some(clean));
        for length in 0..text.len() {
            let cut = Clean::parse(&text[..length]);
            assert!(cut.is_none_or(|clean| clean.0.is_empty()), "{length}");
        }
        assert_eq!(
            Clean::parse(&text.replace('1', "2").replace('a', "x")),
            None
        );
    }
}
