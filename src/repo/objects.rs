//! Reading objects through libgit2.

use std::fmt;
use std::path::Path;

use git2::{ErrorCode, ObjectType, Odb, OdbLookupFlags, Oid};

use crate::error::{Error, Result};

/// The object database of a repository, for one thread.
///
/// It holds no references and no configuration: libgit2 is shown the object folder (and through it the
/// alternates), because it refuses to open some repositories that Git opens. Nothing is written there:
/// see [`commit`](super::commit).
pub(super) struct Objects(git2::Repository);

impl fmt::Debug for Objects {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Objects").finish_non_exhaustive()
    }
}

impl Objects {
    pub(super) fn open(folder: &Path) -> Result<Self> {
        let path = folder
            .to_str()
            .ok_or_else(|| Error::usage(format!("the path {} is not UTF-8", folder.display())))?;
        // Git itself does not hash again what it reads from a pack, which carries its own checksums.
        git2::opts::strict_hash_verification(false);
        let open = || {
            let odb = Odb::new()?;
            odb.add_disk_alternate(path)?;
            git2::Repository::from_odb(odb)
        };
        open().map(Self).map_err(|error| {
            Error::usage(format!("cannot open the objects in {path}")).because(error)
        })
    }

    /// From now on what is written stays in memory, to be taken out with [`pack`](Self::pack).
    pub(super) fn keep_writes(&self) -> Result<()> {
        const BEFORE_FILES: i32 = 1000;
        let odb = self.0.odb();
        odb.and_then(|odb| odb.add_new_mempack_backend(BEFORE_FILES).map(drop))
            .map_err(|error| Error::internal("cannot keep objects in memory").because(error))
    }

    /// A pack of the given objects, as `git unpack-objects` reads it.
    pub(super) fn pack(
        &self,
        objects: impl IntoIterator<Item = Oid>,
    ) -> Result<Vec<u8>, git2::Error> {
        let mut pack = self.0.packbuilder()?;
        pack.set_threads(1);
        for object in objects {
            pack.insert_object(object, None)?;
        }
        let mut bytes = git2::Buf::new();
        pack.write_buf(&mut bytes)?;
        Ok(bytes.to_vec())
    }

    /// For what libgit2 wants a repository for.
    pub(super) fn repository(&self) -> &git2::Repository {
        &self.0
    }

    /// Hands the bytes of the blob at `path` to `look`.
    pub(super) fn with_blob<T>(
        &self,
        path: &str,
        blob: Oid,
        look: impl FnOnce(&[u8]) -> T,
    ) -> Result<T> {
        let odb = self.0.odb().map_err(|error| unreadable(path, error))?;
        let object = odb.read(blob).map_err(|error| unreadable(path, error))?;
        if object.kind() != ObjectType::Blob {
            return Err(Error::remote(format!(
                "`{path}` is not a file, the repository is damaged"
            )));
        }
        Ok(look(object.data()))
    }

    /// The folder at `path`.
    pub(super) fn tree(&self, path: &str, tree: Oid) -> Result<git2::Tree<'_>> {
        self.0
            .find_tree(tree)
            .map_err(|error| unreadable(path, error))
    }

    pub(super) fn commit(&self, commit: Oid) -> Result<git2::Commit<'_>> {
        self.0
            .find_commit(commit)
            .map_err(|error| unreadable(&format!("commit {commit}"), error))
    }

    /// Whether `object` was here when this was opened.
    pub(super) fn has(&self, object: Oid) -> bool {
        self.0
            .odb()
            .is_ok_and(|odb| odb.exists_ext(object, OdbLookupFlags::NO_REFRESH))
    }
}

/// An object that is not there is never an empty file: that would read as "no rollouts here".
fn unreadable(what: &str, error: git2::Error) -> Error {
    if error.code() == ErrorCode::NotFound {
        return Error::remote(format!("`{what}` is missing in this clone"))
            .because(error)
            .hint(
                "a clone made with a filter must be able to fetch what it lacks; \
                 in a workflow leave out `filter` of actions/checkout",
            );
    }
    Error::remote(format!("cannot read `{what}` from the repository")).because(error)
}
