//! Listing the files of a commit and of a work tree by the same rules.

use std::collections::BTreeSet;
use std::path::Path;

use git2::{ObjectType, Oid, TreeEntry};
use ignore::gitignore::{Gitignore, GitignoreBuilder};

use super::clean::Clean;
use super::objects::Objects;
use crate::error::{Error, Result};

/// Name of the files that say what to skip, in the syntax of `.gitignore`.
pub const IGNORE_FILE: &str = ".weirkeeperignore";

/// The file, at the top of the repository, that keeps every rollout from advancing.
pub(super) const FREEZE_FILE: &str = ".weirkeeperfreeze";

/// Folders skipped wherever they are: other people's manifests.
const SKIPPED: [&str; 3] = [".git", "node_modules", "vendor"];

/// The mode of a folder in a tree.
const FOLDER: i32 = 0o040_000;

/// One file.
#[derive(Debug, Clone)]
pub(super) struct Entry {
    pub(super) path: String,
    /// Zero in a work tree.
    pub(super) blob: Oid,
}

/// What a commit holds.
#[derive(Debug, Default)]
pub(super) struct Listing {
    pub(super) entries: Vec<Entry>,
    /// Folders that are known to be clean and were not looked into, each with a `/` at its end.
    pub(super) closed: Vec<String>,
    /// What a rule hid; folders with a `/` at their ends.
    pub(super) hidden: BTreeSet<String>,
}

/// The files of a commit, apart from those in `clean` folders.
pub(super) fn commit(objects: &Objects, commit: Oid, clean: &Clean) -> Result<Listing> {
    let tree = objects.commit(commit)?.tree_id();
    let mut walk = Walk {
        objects,
        clean,
        rules: Vec::new(),
        listing: Listing::default(),
    };
    walk.folder(tree, String::new())?;
    Ok(walk.listing)
}

/// The name of a folder that is not skipped.
pub(super) fn folder_name<'a>(entry: &'a TreeEntry<'_>) -> Option<&'a str> {
    let name = entry.name().ok()?;
    (entry.filemode() == FOLDER && !skipped(name.as_bytes())).then_some(name)
}

/// The files in `dir` and below.
pub(super) fn folder(dir: &Path) -> Result<Vec<Entry>> {
    let mut walk = ignore::WalkBuilder::new(dir);
    walk.hidden(false)
        .ignore(false)
        .follow_links(false)
        .add_custom_ignore_filename(IGNORE_FILE)
        .filter_entry(|entry| {
            let folder = entry.file_type().is_some_and(|kind| kind.is_dir());
            let nested = || folder && entry.path().join(".git").exists();
            entry.depth() == 0 || !(skipped(entry.file_name().as_encoded_bytes()) || nested())
        });
    let mut entries = Vec::new();
    for found in walk.build() {
        let found = found.map_err(|error| {
            Error::usage(format!("cannot list {}", dir.display())).because(error)
        })?;
        // Of a `.gitignore` too, but Git does not mind those.
        let broken = found.error().map(ToString::to_string);
        if let Some(error) = broken.filter(|error| error.contains(IGNORE_FILE)) {
            return Err(
                Error::document(format!("a {IGNORE_FILE} is not valid")).because(brief(&error))
            );
        }
        let plain = found.file_type().is_some_and(|kind| kind.is_file());
        let path = found.path().strip_prefix(dir).ok().and_then(Path::to_str);
        if let (true, Some(path)) = (plain, path) {
            let blob = Oid::ZERO_SHA1;
            entries.push(Entry {
                path: path.to_owned(),
                blob,
            });
        }
    }
    Ok(entries)
}

/// A walk through the folders of a commit.
struct Walk<'a> {
    objects: &'a Objects,
    clean: &'a Clean,
    /// Of the folders from the top to here.
    rules: Vec<Gitignore>,
    listing: Listing,
}

impl Walk<'_> {
    /// Lists the folder `tree` at `prefix` (`""` or with a `/` at its end) and all below.
    fn folder(&mut self, tree: Oid, prefix: String) -> Result<()> {
        if self.clean.contains(tree) {
            self.listing.closed.push(prefix);
            return Ok(());
        }
        let shown = if prefix.is_empty() { "/" } else { &prefix };
        let tree = self.objects.tree(shown, tree)?;
        let outer = self.rules.len();
        if let Some(entry) = tree.get_name(IGNORE_FILE)
            && entry.kind() == Some(ObjectType::Blob)
        {
            let path = format!("{prefix}{IGNORE_FILE}");
            let parse = |bytes: &[u8]| parse_rules(&path, &prefix, bytes);
            let rules = self.objects.with_blob(&path, entry.id(), parse)??;
            self.rules.push(rules);
        }
        for entry in &tree {
            let Ok(name) = entry.name() else { continue };
            let path = format!("{prefix}{name}");
            // Links are blobs too; a submodule is a commit.
            let (folder, file) = match entry.filemode() {
                FOLDER => (true, false),
                0o120_000 | 0o160_000 => (false, false),
                _ => (false, true),
            };
            if !(folder || file) || skipped(name.as_bytes()) {
                continue;
            }
            match (folder, ignored(&self.rules, &path, folder)) {
                (true, false) => self.folder(entry.id(), path + "/")?,
                (false, false) => self.listing.entries.push(Entry {
                    path,
                    blob: entry.id(),
                }),
                (true, true) => drop(self.listing.hidden.insert(path + "/")),
                (false, true) => drop(self.listing.hidden.insert(path)),
            }
        }
        self.rules.truncate(outer);
        Ok(())
    }
}

fn parse_rules(path: &str, prefix: &str, bytes: &[u8]) -> Result<Gitignore> {
    let invalid = |error: ignore::Error| {
        Error::document(format!("{path} is not valid")).because(brief(&error.to_string()))
    };
    let mut builder = GitignoreBuilder::new(Path::new("/").join(prefix));
    for line in String::from_utf8_lossy(bytes).lines() {
        builder.add_line(None, line).map_err(invalid)?;
    }
    builder.build().map_err(invalid)
}

/// The beginning of what is said about a rule, which repeats it.
fn brief(said: &str) -> String {
    const LONGEST: usize = 300;
    match said.char_indices().nth(LONGEST) {
        Some((end, _)) => format!("{}…", &said[..end]),
        None => said.to_owned(),
    }
}

/// The innermost file with an opinion decides.
fn ignored(rules: &[Gitignore], path: &str, folder: bool) -> bool {
    let full = Path::new("/").join(path);
    let verdicts = rules.iter().rev().map(|rules| rules.matched(&full, folder));
    verdicts
        .into_iter()
        .find(|verdict| !verdict.is_none())
        .is_some_and(|verdict| verdict.is_ignore())
}

fn skipped(name: &[u8]) -> bool {
    SKIPPED.iter().any(|skipped| skipped.as_bytes() == name)
}
