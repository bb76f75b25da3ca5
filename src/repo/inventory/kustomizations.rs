//! The kustomizations of a repository, each read once.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::{Inventory, KUSTOMIZATIONS, Parsed, join};
use crate::error::{Error, Result};
use crate::repo::files::words;
use crate::repo::kustomize::Kustomization;
use crate::repo::manifest::{Manifest, ParsedFile};

impl Inventory {
    /// The kustomizations from the home of a Canary down to the one that lists
    /// `listed` itself: the home is the nearest one from the Canary's folder
    /// upwards that lists the file, also through others, else the nearest one
    /// from the file's own folder upwards. Empty when none lists it.
    ///
    /// # Errors
    /// When a kustomization cannot be read.
    pub(crate) fn chain(&self, canary: &str, listed: &str) -> Result<Vec<Arc<Kustomization>>> {
        for path in [canary, listed] {
            for folder in Self::levels(path, None) {
                if let Some(kustomization) = self.kustomization_in(&folder)?
                    && let Some(chain) = kustomization.chain(self, listed)?
                {
                    return Ok(chain);
                }
            }
        }
        Ok(Vec::new())
    }

    /// The kustomization that lists the file `path` itself.
    ///
    /// # Errors
    /// When a kustomization cannot be read.
    pub fn kustomization_of(&self, path: &str) -> Result<Option<Manifest>> {
        let chain = self.chain(path, path)?;
        let lists = chain.last();
        Ok(lists.map(|kustomization| kustomization.manifest.clone()))
    }

    /// Is there any kustomization in the folder of `path` or above?
    ///
    /// # Errors
    /// When one cannot be read.
    pub fn has_kustomization(&self, path: &str) -> Result<bool> {
        self.nearest_kustomization(path)
            .map(|found| found.is_some())
    }

    /// The kustomization in the folder of `path`, else the nearest above.
    pub(crate) fn nearest_kustomization(&self, path: &str) -> Result<Option<Arc<Kustomization>>> {
        for folder in Self::levels(path, None) {
            if let Some(found) = self.kustomization_in(&folder)? {
                return Ok(Some(found));
            }
        }
        Ok(None)
    }

    /// The kustomization of a folder.
    ///
    /// # Errors
    /// When it cannot be read.
    pub(crate) fn kustomization_in(&self, folder: &str) -> Result<Option<Arc<Kustomization>>> {
        if let Some(known) = self.kustomizations.borrow().get(folder) {
            return Ok(known.clone());
        }
        let found = self.read_kustomization(folder)?.map(Arc::new);
        let mut known = self.kustomizations.borrow_mut();
        known.insert(folder.to_owned(), found.clone());
        Ok(found)
    }

    fn read_kustomization(&self, folder: &str) -> Result<Option<Kustomization>> {
        for name in KUSTOMIZATIONS {
            let path = match folder {
                "" => name.to_owned(),
                folder => format!("{folder}/{name}"),
            };
            if !self.files.contains(&path)? {
                continue;
            }
            let file = match self.parse(&path, "")? {
                Parsed::File(file, _) => file,
                Parsed::Other => continue,
                Parsed::Broken(error) => {
                    return Err(Error::document(error.message()).at(error.diagnostics().to_vec()));
                }
            };
            if let Some(mut manifest) = Manifest::any(&file, 0) {
                "Kustomization".clone_into(&mut manifest.kind);
                let namespace = manifest.value.get("namespace");
                manifest.namespace = namespace
                    .and_then(serde_yaml::Value::as_str)
                    .map(str::to_owned);
                return Ok(Some(Kustomization::new(manifest)));
            }
        }
        Ok(None)
    }

    /// The kustomizations that list the one of `folder` themselves.
    ///
    /// # Errors
    /// When a kustomization cannot be read.
    pub(crate) fn includers(&self, folder: &str) -> Result<Vec<Arc<Kustomization>>> {
        let closed = self.files.is_closed(folder);
        let known = &self.includers[usize::from(closed)];
        let known = match known.get() {
            Some(found) => found,
            None => {
                let found = self.search_includers(closed)?;
                known.get_or_init(|| found)
            }
        };
        let mut includers = Vec::new();
        for outer in known.get(folder).into_iter().flatten() {
            if let Some(outer) = self.kustomization_in(outer)?
                && outer.includes(self, folder)?
            {
                includers.push(outer);
            }
        }
        Ok(includers)
    }

    /// For each folder of a kustomization those whose kustomizations hold a word
    /// that leads there. Nothing is parsed, and `closed` folders are left out unless
    /// they are asked for.
    fn search_includers(&self, closed: bool) -> Result<BTreeMap<String, BTreeSet<String>>> {
        let folder = |path: &str| {
            path.rsplit_once('/')
                .map_or("", |(folder, _)| folder)
                .to_owned()
        };
        let found = self.files.scan_kustomizations(closed, |path, bytes| {
            let here = folder(path);
            let text = String::from_utf8_lossy(bytes);
            let leads = words(&text).filter_map(|word| join(&here, word));
            Some(leads.collect::<BTreeSet<String>>())
        })?;
        let folders: BTreeSet<String> = found.iter().map(|(path, _)| folder(path)).collect();
        let mut includers: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
        for (path, leads) in found {
            let here = folder(path);
            for inner in leads {
                if inner != here && folders.contains(&inner) {
                    includers.entry(inner).or_default().insert(here.clone());
                }
            }
        }
        Ok(includers)
    }

    /// Is the file a patch of a kustomization in its folder or above? Then it
    /// holds no object of its own.
    ///
    /// # Errors
    /// When a kustomization cannot be read.
    pub(crate) fn is_patch(&self, path: &str) -> Result<bool> {
        for folder in Self::levels(path, None) {
            if let Some(kustomization) = self.kustomization_in(&folder)?
                && kustomization.patches_with(path)
            {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// The documents of any file; why not, when they cannot be understood.
    ///
    /// # Errors
    /// When the file cannot be read from its origin.
    pub(crate) fn documents(
        &self,
        path: &str,
    ) -> Result<std::result::Result<Vec<serde_yaml::Value>, String>> {
        Ok(match self.file(path)? {
            None => Err(format!("{path} is not in the repository")),
            Some(Err(error)) => Err(error.chain()),
            Some(Ok(file)) => {
                let documents = file.stream.documents().iter();
                documents
                    .map(|document| document.to_value().map_err(|error| error.to_string()))
                    .collect()
            }
        })
    }

    /// Any file, whatever it is called; `None` when it is not there.
    ///
    /// # Errors
    /// When it cannot be read from its origin.
    pub(crate) fn file(
        &self,
        path: &str,
    ) -> Result<Option<std::result::Result<Arc<ParsedFile>, Arc<Error>>>> {
        if let Some(known) = self.parsed.borrow().get(path) {
            match known {
                Parsed::File(file, _) => return Ok(Some(Ok(Arc::clone(file)))),
                Parsed::Broken(error) => return Ok(Some(Err(Arc::clone(error)))),
                Parsed::Other => {}
            }
        }
        let Some(bytes) = self.files.read(path)? else {
            return Ok(None);
        };
        let parsed = ParsedFile::parse(path, &bytes).map(Arc::new);
        let parsed = parsed.map_err(Arc::new);
        let known = match &parsed {
            Ok(file) => Parsed::file(Arc::clone(file)),
            Err(error) => Parsed::Broken(Arc::clone(error)),
        };
        self.parsed.borrow_mut().insert(path.to_owned(), known);
        Ok(Some(parsed))
    }
}
