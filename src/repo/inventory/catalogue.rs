//! What a repository says of gateways: `.weirkeeper/queries` and `.weirkeeper/gateways`.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::Inventory;
use crate::api::{FieldPath, Problem, Segment};
use crate::diagnostic::Diagnostic;
use crate::error::{Error, Kind, Result};
use crate::gateway::{Catalogue, Gateway};
use crate::repo::manifest::{Manifest, ParsedFile};

/// Files of query sets.
const QUERIES: &str = ".weirkeeper/queries";

/// Files of implementations.
const GATEWAYS: &str = ".weirkeeper/gateways";

/// Largest file of the two folders: 256 KiB.
const MAX_SIZE: usize = 256 << 10;

/// The most files in one of them.
const MAX_FILES: usize = 100;

/// All that is known here, and what is wrong with what the repository says.
#[derive(Debug)]
pub(super) struct Known {
    catalogue: Arc<Catalogue>,
    /// By the query set.
    of_sets: BTreeMap<String, Vec<Diagnostic>>,
    /// By the implementation.
    of_implementations: BTreeMap<String, Vec<Diagnostic>>,
    /// About whole folders.
    others: Vec<Diagnostic>,
}

/// The documents of a file; or its text, and what is wrong with it.
type Said = Result<Vec<Manifest>, (String, Vec<Diagnostic>)>;

impl Inventory {
    /// The implementations and query sets that are known here: Weirkeeper's own, and what
    /// the repository adds or says otherwise. What it says wrongly is left out.
    ///
    /// # Errors
    /// When a file of `.weirkeeper` cannot be read from its origin.
    pub fn catalogue(&self) -> Result<Arc<Catalogue>> {
        Ok(Arc::clone(&self.known()?.catalogue))
    }

    /// What is wrong with the files of `.weirkeeper`.
    ///
    /// # Errors
    /// As [`Inventory::catalogue`].
    pub(crate) fn catalogue_findings(&self) -> Result<Vec<Diagnostic>> {
        let known = self.known()?;
        let by_name = [&known.of_sets, &known.of_implementations];
        let found = by_name.into_iter().flat_map(BTreeMap::values).flatten();
        let mut findings: Vec<Diagnostic> = Vec::new();
        for finding in known.others.iter().chain(found) {
            // A file that cannot be read is about several names.
            if !findings.contains(finding) {
                findings.push(finding.clone());
            }
        }
        Ok(findings)
    }

    /// Refuses a gateway about which the repository says something wrong. One that nobody
    /// knows may be one whose file cannot be used.
    ///
    /// # Errors
    /// [`Document`](Kind::Document) with the places; as [`Inventory::catalogue`].
    pub(crate) fn refuse_broken(&self, gateway: &Gateway) -> Result<()> {
        let known = self.known()?;
        let of_set = gateway.set.iter();
        let of_set = of_set.filter_map(|set| known.of_sets.get(&set.name));
        let of_implementation: Vec<&Vec<Diagnostic>> = match &gateway.implementation {
            Some(one) => known
                .of_implementations
                .get(&one.name)
                .into_iter()
                .collect(),
            None => known.of_implementations.values().collect(),
        };
        let found = of_set.chain(of_implementation).flatten();
        let found: Vec<Diagnostic> = found.cloned().collect();
        match found.is_empty() {
            true => Ok(()),
            false => Err(
                Error::document("what .weirkeeper says of the gateway cannot be used").at(found),
            ),
        }
    }

    fn known(&self) -> Result<&Known> {
        if let Some(known) = self.catalogue.get() {
            return Ok(known);
        }
        let mut known = Known {
            catalogue: Arc::clone(Catalogue::builtin()),
            of_sets: BTreeMap::new(),
            of_implementations: BTreeMap::new(),
            others: Vec::new(),
        };
        let mut catalogue = Catalogue::clone(&known.catalogue);
        let mut seen = BTreeSet::new();
        for path in self.paths_in(QUERIES, &mut known.others)? {
            self.read_sets(&path, &mut catalogue, &mut known, &mut seen)?;
        }
        for path in self.paths_in(GATEWAYS, &mut known.others)? {
            self.read_implementation(&path, &mut catalogue, &mut known)?;
        }
        known.catalogue = Arc::new(catalogue);
        Ok(self.catalogue.get_or_init(|| known))
    }

    fn paths_in(&self, folder: &str, others: &mut Vec<Diagnostic>) -> Result<Vec<String>> {
        let files = self.files.folder(folder)?;
        let files = files.filter(|path| path.ends_with(".yaml") || path.ends_with(".yml"));
        let mut paths: Vec<String> = files.map(str::to_owned).collect();
        if paths.len() > MAX_FILES {
            let message =
                format!("{folder} has more than {MAX_FILES} files; the others are not read");
            others.push(Diagnostic::error(message));
            paths.truncate(MAX_FILES);
        }
        Ok(paths)
    }

    fn read_sets(
        &self,
        path: &str,
        catalogue: &mut Catalogue,
        known: &mut Known,
        seen: &mut BTreeSet<String>,
    ) -> Result<()> {
        let documents = match self.said_in(path)? {
            Ok(documents) => documents,
            Err((text, found)) => {
                for name in names_in(&text).chain([stem(path).to_owned()]) {
                    known.of_sets.entry(name).or_default().extend(found.clone());
                }
                return Ok(());
            }
        };
        for document in documents {
            let file = serde_yaml::Value::clone(&document.value);
            let names = file.as_mapping().into_iter().flat_map(|file| file.keys());
            let names: Vec<String> = names
                .filter_map(|name| Some(name.as_str()?.to_owned()))
                .collect();
            let mut problems = catalogue.add_sets(file);
            problems.extend(names.into_iter().filter_map(|name| {
                let again = !seen.insert(name.clone());
                let at = FieldPath::root().key(name);
                again.then(|| {
                    Problem::error(
                        at,
                        "another file of this folder says something of this query set, too",
                    )
                    .at_key()
                    .hint("say all of it in one place")
                })
            }));
            for problem in problems {
                let name = match problem.path.segments().first() {
                    Some(Segment::Key(name)) => name.clone(),
                    Some(Segment::Index(_)) | None => stem(path).to_owned(),
                };
                known
                    .of_sets
                    .entry(name)
                    .or_default()
                    .push(document.diagnostic(&problem));
            }
        }
        Ok(())
    }

    fn read_implementation(
        &self,
        path: &str,
        catalogue: &mut Catalogue,
        known: &mut Known,
    ) -> Result<()> {
        let name = stem(path);
        let found = match self.said_in(path)? {
            Ok(documents) => documents
                .iter()
                .flat_map(|document| {
                    let value = serde_yaml::Value::clone(&document.value);
                    let problems = catalogue.add_implementation(name, value);
                    let found = problems.iter().map(|problem| document.diagnostic(problem));
                    found.collect::<Vec<_>>()
                })
                .collect(),
            Err((_, found)) => found,
        };
        if !found.is_empty() {
            known
                .of_implementations
                .entry(name.to_owned())
                .or_default()
                .extend(found);
        }
        Ok(())
    }

    fn said_in(&self, path: &str) -> Result<Said> {
        let bytes = match self.files.read(path) {
            Err(error) if error.kind() == Kind::Document => {
                let found = Diagnostic::error(error.message());
                return Ok(Err((String::new(), vec![found])));
            }
            read => read?.unwrap_or_default(),
        };
        if bytes.len() > MAX_SIZE {
            let message = format!("{path} is larger than {} KiB", MAX_SIZE >> 10);
            return Ok(Err((String::new(), vec![Diagnostic::error(message)])));
        }
        let file = match ParsedFile::parse(path, &bytes) {
            Ok(file) => Arc::new(file),
            Err(error) => {
                let text = String::from_utf8_lossy(&bytes).into_owned();
                return Ok(Err((text, error.diagnostics().to_vec())));
            }
        };
        let unreadable = file.unreadable();
        if !unreadable.is_empty() {
            return Ok(Err((file.source.text.clone(), unreadable)));
        }
        let documents = 0..file.stream.documents().len();
        let documents = documents.filter_map(|document| Manifest::any(&file, document));
        Ok(Ok(documents.filter(|one| !one.value.is_null()).collect()))
    }
}

/// The name of a file without folder and extension.
fn stem(path: &str) -> &str {
    let name = path.rsplit('/').next().unwrap_or(path);
    name.rsplit_once('.').map_or(name, |(stem, _)| stem)
}

/// What looks like the keys of a file that cannot be read.
fn names_in(text: &str) -> impl Iterator<Item = String> {
    let keys = text.lines().filter_map(|line| line.split_once(':'));
    let keys = keys.filter(|(key, _)| !key.starts_with([' ', '#', '-', '\t']));
    keys.map(|(key, _)| key.trim_matches(['"', '\'']).to_owned())
}
