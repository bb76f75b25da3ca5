//! The index of a repository: which objects are where.

use std::cell::{OnceCell, RefCell};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use aho_corasick::AhoCorasick;
use memchr::memmem;

use super::clean::GROUP;
use super::files::Files;
use super::generated::Owner;
use super::manifest::{Manifest, ParsedFile};
use crate::error::{Error, Result};

/// File names of a kustomization, in the order in which Kustomize looks.
const KUSTOMIZATIONS: [&str; 3] = ["kustomization.yaml", "kustomization.yml", "Kustomization"];

/// A folder with more files than this is searched by name first.
const FEW_FILES: usize = 64;

/// The objects of a commit or a work tree. Only files that can matter are
/// parsed: those that contain `flagger.app/`, and those near a Canary that
/// contain the name of its target or its apex.
#[derive(Debug)]
pub struct Inventory {
    files: Files,
    canaries: Vec<Manifest>,
    templates: Vec<Manifest>,
    alert_providers: Vec<Manifest>,
    broken: Vec<Error>,
    /// Whom generated files name.
    owners: Vec<Owner>,
    /// Target and apex names of all Canaries.
    names: BTreeSet<String>,
    parsed: RefCell<BTreeMap<String, Parsed>>,
    /// By each of those names, the files that contain it.
    mentions: OnceCell<BTreeMap<String, Vec<String>>>,
}

/// A file that was looked at.
#[derive(Debug, Clone)]
enum Parsed {
    File(Arc<ParsedFile>),
    /// It holds nothing that is looked for.
    Other,
    Broken(Arc<Error>),
}

/// The object that is looked for.
#[derive(Debug, Clone)]
pub struct Wanted<'a> {
    /// Its kind.
    pub kind: &'a str,
    /// Its name.
    pub name: &'a str,
    /// Its namespace; `None` matches all.
    pub namespace: Option<&'a str>,
}

impl Inventory {
    /// Finds the Canaries, MetricTemplates and AlertProviders of `files`.
    ///
    /// # Errors
    /// When a file cannot be read from its origin. A file that is not valid is
    /// kept in [`Inventory::broken`].
    pub fn load(files: Files) -> Result<Self> {
        let found: Vec<(String, Vec<u8>)> = files
            .naming_group()?
            .into_iter()
            .map(|(path, bytes)| (path.to_owned(), bytes))
            .collect();
        let mut inventory = Self {
            files,
            canaries: Vec::new(),
            templates: Vec::new(),
            alert_providers: Vec::new(),
            broken: Vec::new(),
            owners: Vec::new(),
            names: BTreeSet::new(),
            parsed: RefCell::default(),
            mentions: OnceCell::new(),
        };
        for (path, bytes) in found {
            if !inventory.is_chart_template(&path)? {
                inventory.add(&path, &bytes)?;
            }
        }
        Ok(inventory)
    }

    fn add(&mut self, path: &str, bytes: &[u8]) -> Result<()> {
        let file = match ParsedFile::parse(path, bytes) {
            Ok(file) => Arc::new(file),
            Err(error) => {
                self.broken.push(error);
                return Ok(());
            }
        };
        self.owners.extend(Owner::of(&file.source.text));
        let unreadable = file.unreadable();
        if !unreadable.is_empty() {
            let error = Error::document(format!("{path} cannot be read"));
            self.broken.push(error.at(unreadable));
        }
        for mut manifest in file.manifests() {
            if manifest.kind == "List" {
                let error = Error::document(format!("{path} holds a List"));
                let place = manifest.error_at("kind", "items of a List are not read");
                let hint = "write its items as documents of their own, separated by ---";
                self.broken.push(error.at([place.hint(hint)]));
                continue;
            }
            if !manifest.api_version().starts_with(GROUP) {
                continue;
            }
            self.complete(&mut manifest)?;
            match manifest.kind.as_str() {
                "Canary" => {
                    self.names.extend(names(&manifest));
                    self.canaries.push(manifest);
                }
                "MetricTemplate" => self.templates.push(manifest),
                "AlertProvider" => self.alert_providers.push(manifest),
                _ => {}
            }
        }
        self.parsed
            .borrow_mut()
            .insert(path.to_owned(), Parsed::File(file));
        Ok(())
    }

    /// The Canaries, by path.
    #[must_use]
    pub fn canaries(&self) -> &[Manifest] {
        &self.canaries
    }

    /// The MetricTemplates, by path.
    #[must_use]
    pub fn templates(&self) -> &[Manifest] {
        &self.templates
    }

    /// The AlertProviders, by path.
    #[must_use]
    pub fn alert_providers(&self) -> &[Manifest] {
        &self.alert_providers
    }

    /// Files that name Weirkeeper's group and cannot be read.
    #[must_use]
    pub fn broken(&self) -> &[Error] {
        &self.broken
    }

    /// Whom generated files name, once for each file.
    #[must_use]
    pub fn owners(&self) -> &[Owner] {
        &self.owners
    }

    /// The files themselves.
    #[must_use]
    pub fn files(&self) -> &Files {
        &self.files
    }

    /// The folders to look in for what belongs to the object at `path`, nearest
    /// first: `only` if given, else its own folder and all parents.
    #[must_use]
    pub fn levels(path: &str, only: Option<&str>) -> Vec<String> {
        if let Some(only) = only {
            let folder = only.trim_start_matches("./").trim_matches('/');
            return vec![if folder == "." { "" } else { folder }.to_owned()];
        }
        let mut folder = path;
        let mut levels = Vec::new();
        while let Some((parent, _)) = folder.rsplit_once('/') {
            levels.push(parent.to_owned());
            folder = parent;
        }
        levels.push(String::new());
        levels
    }

    /// The object in the nearest of `levels` (each folder and below) that
    /// `fits`; `None` when there is none.
    ///
    /// # Errors
    /// When there are two in the same level; both are named. When a file that
    /// mentions it cannot be read, or holds it in a `List`.
    pub fn nearest(
        &self,
        levels: &[String],
        wanted: &Wanted<'_>,
        fits: impl Fn(&Manifest) -> bool,
    ) -> Result<Option<Manifest>> {
        let mut unreadable = Vec::new();
        let mut seen: Option<&str> = None;
        for level in levels {
            let mut found = Vec::new();
            for path in self.below(level, wanted.name)? {
                if seen.is_some_and(|seen| is_below(&path, seen)) {
                    continue;
                }
                match self.parse(&path, wanted.name)? {
                    Parsed::File(file) => {
                        for mut manifest in file.manifests() {
                            if wanted.is_listed_in(&manifest) {
                                return Err(wanted.in_list(&manifest));
                            }
                            self.complete(&mut manifest)?;
                            if wanted.is(&manifest) && fits(&manifest) {
                                found.push(manifest);
                            }
                        }
                    }
                    Parsed::Other => {}
                    Parsed::Broken(error) => unreadable.extend(error.diagnostics().to_vec()),
                }
            }
            // What cannot be read here may be what is looked for: farther away
            // would be the wrong one.
            if found.is_empty() && !unreadable.is_empty() {
                return Err(wanted.unreadable().at(unreadable));
            }
            match found.len() {
                0 => seen = Some(level),
                1 => return Ok(found.pop()),
                _ => return Err(wanted.ambiguous(&found)),
            }
        }
        Ok(None)
    }

    /// The nearest kustomization above `path` that names it among its
    /// resources, and the entry's folder.
    ///
    /// # Errors
    /// When a kustomization cannot be read.
    pub fn kustomization_of(&self, path: &str) -> Result<Option<Manifest>> {
        for folder in Self::levels(path, None) {
            let Some(manifest) = self.kustomization_in(&folder)? else {
                continue;
            };
            let listed = manifest
                .value
                .get("resources")
                .and_then(serde_yaml::Value::as_sequence)
                .into_iter()
                .flatten()
                .filter_map(serde_yaml::Value::as_str)
                .any(|entry| join(&folder, entry).as_deref() == Some(path));
            if listed {
                return Ok(Some(manifest));
            }
        }
        Ok(None)
    }

    /// Is there any kustomization in the folder of `path` or above?
    ///
    /// # Errors
    /// When one cannot be read.
    pub fn has_kustomization(&self, path: &str) -> Result<bool> {
        for folder in Self::levels(path, None) {
            if self.kustomization_in(&folder)?.is_some() {
                return Ok(true);
            }
        }
        Ok(false)
    }

    fn kustomization_in(&self, folder: &str) -> Result<Option<Manifest>> {
        for name in KUSTOMIZATIONS {
            let path = match folder {
                "" => name.to_owned(),
                folder => format!("{folder}/{name}"),
            };
            if !self.files.contains(&path)? {
                continue;
            }
            let file = match self.parse(&path, "")? {
                Parsed::File(file) => file,
                Parsed::Other => continue,
                Parsed::Broken(error) => {
                    return Err(Error::document(error.message()).at(error.diagnostics().to_vec()));
                }
            };
            let value = file
                .stream
                .documents()
                .first()
                .map(crate::yaml::Document::to_value);
            let Some(Ok(value)) = value else {
                continue;
            };
            return Ok(Some(Manifest {
                file,
                document: 0,
                kind: "Kustomization".to_owned(),
                name: String::new(),
                namespace: value
                    .get("namespace")
                    .and_then(serde_yaml::Value::as_str)
                    .map(str::to_owned),
                value,
            }));
        }
        Ok(None)
    }

    /// Fills in the namespace from the nearest kustomization that sets one.
    fn complete(&self, manifest: &mut Manifest) -> Result<()> {
        if manifest.namespace.is_some() {
            return Ok(());
        }
        let path = manifest.path().to_owned();
        for folder in Self::levels(&path, None) {
            if let Some(kustomization) = self.kustomization_in(&folder)?
                && kustomization.namespace.is_some()
            {
                manifest.namespace = kustomization.namespace;
                return Ok(());
            }
        }
        Ok(())
    }

    /// Paths in `folder` and below that may hold an object called `name`.
    fn below(&self, folder: &str, name: &str) -> Result<Vec<String>> {
        // Every object of a Canary is called after its target or its apex.
        let stems = self.names.iter().filter(|stem| name.starts_with(*stem));
        let stem = stems.max_by_key(|stem| stem.len());
        let many = self.files.below(folder)?.nth(FEW_FILES).is_some();
        let (Some(stem), true) = (stem, many) else {
            return Ok(self.files.below(folder)?.map(str::to_owned).collect());
        };
        let mentions = match self.mentions.get() {
            Some(mentions) => mentions,
            None => {
                let found = self.search()?;
                self.mentions.get_or_init(|| found)
            }
        };
        let mentioned = mentions.get(stem).into_iter().flatten();
        let here = mentioned.filter(|path| is_below(path, folder));
        Ok(here.cloned().collect())
    }

    /// For each name of a target or an apex the files that contain it.
    fn search(&self) -> Result<BTreeMap<String, Vec<String>>> {
        let names: Vec<&String> = self.names.iter().collect();
        let automaton = AhoCorasick::new(&names)
            .map_err(|error| Error::internal("cannot search for names").because(error))?;
        let found = self.files.scan(|_, bytes| {
            let matches = automaton.find_overlapping_iter(bytes);
            let found: BTreeSet<usize> = matches.map(|found| found.pattern().as_usize()).collect();
            (!found.is_empty()).then_some(found)
        })?;
        let mut mentions: BTreeMap<String, Vec<String>> = BTreeMap::new();
        for (path, patterns) in found {
            for pattern in patterns {
                let paths = mentions.entry(names[pattern].clone()).or_default();
                paths.push(path.to_owned());
            }
        }
        Ok(mentions)
    }

    /// Parses a file that contains `word`, once.
    fn parse(&self, path: &str, word: &str) -> Result<Parsed> {
        if let Some(known) = self.parsed.borrow().get(path) {
            return Ok(known.clone());
        }
        if !is_document(path) || self.is_chart_template(path)? {
            return Ok(Parsed::Other);
        }
        let Some(bytes) = self.files.read(path)? else {
            return Ok(Parsed::Other);
        };
        if memmem::find(&bytes, word.as_bytes()).is_none() {
            return Ok(Parsed::Other);
        }
        let parsed = match ParsedFile::parse(path, &bytes) {
            Ok(file) => Parsed::File(Arc::new(file)),
            Err(error) => Parsed::Broken(Arc::new(error)),
        };
        self.parsed
            .borrow_mut()
            .insert(path.to_owned(), parsed.clone());
        Ok(parsed)
    }

    /// A template of a Helm chart looks like a manifest and is none.
    fn is_chart_template(&self, path: &str) -> Result<bool> {
        let mut rest = path;
        while let Some(at) = rest.rfind("/templates/") {
            if self
                .files
                .contains(&format!("{}/Chart.yaml", &rest[..at]))?
            {
                return Ok(true);
            }
            rest = &rest[..at];
        }
        Ok(path.starts_with("templates/") && self.files.contains("Chart.yaml")?)
    }
}

impl Wanted<'_> {
    fn is(&self, manifest: &Manifest) -> bool {
        let namespaces = (self.namespace, manifest.namespace.as_deref());
        let same = match namespaces {
            (Some(wanted), Some(found)) => wanted == found,
            (None, _) | (_, None) => true,
        };
        same && manifest.kind == self.kind
            && manifest.name == self.name
            && self.is_of_group(manifest)
    }

    /// Does a `List` hold an object of this kind and name?
    fn is_listed_in(&self, list: &Manifest) -> bool {
        let text = |value: &serde_yaml::Value, key: &str| {
            value
                .get(key)
                .and_then(serde_yaml::Value::as_str)
                .map(str::to_owned)
        };
        let items = list
            .value
            .get("items")
            .and_then(serde_yaml::Value::as_sequence);
        list.kind == "List"
            && items.into_iter().flatten().any(|item| {
                let name = item
                    .get("metadata")
                    .and_then(|metadata| text(metadata, "name"));
                text(item, "kind").as_deref() == Some(self.kind)
                    && name.as_deref() == Some(self.name)
            })
    }

    fn in_list(&self, list: &Manifest) -> Error {
        Error::document(format!("{} is an item of a List", self.shown()))
            .at([list.error_at("kind", "items of a List are not edited")])
            .hint("write its items as documents of their own, separated by ---")
    }

    /// Other groups have a `Service`, too, such as Knative's.
    fn is_of_group(&self, manifest: &Manifest) -> bool {
        let version = manifest.api_version();
        match self.kind {
            "Service" => version == "v1",
            "Deployment" | "DaemonSet" => version.starts_with("apps/"),
            kind if kind.ends_with("Route") => version.starts_with("gateway.networking.k8s.io/"),
            _ => true,
        }
    }

    /// `Deployment podinfo`.
    #[must_use]
    pub fn shown(&self) -> String {
        format!("{} {}", self.kind, self.name)
    }

    /// The error that there is none.
    #[must_use]
    pub fn missing(&self) -> Error {
        let namespace = self
            .namespace
            .map(|namespace| format!(" of namespace {namespace}"))
            .unwrap_or_default();
        Error::document(format!(
            "there is no {}{namespace} in the repository",
            self.shown()
        ))
    }

    fn unreadable(&self) -> Error {
        Error::document(format!("a file that names {} cannot be read", self.name))
            .hint("mend it, or name it in .weirkeeperignore if it is not for Weirkeeper")
    }

    fn ambiguous(&self, found: &[Manifest]) -> Error {
        let places = found
            .iter()
            .map(|manifest| manifest.error_at("metadata.name", "this is one of them"));
        Error::document(format!(
            "{} is there {} times, equally near to the Canary",
            self.shown(),
            found.len()
        ))
        .at(places)
        .hint("name the folder of the right one in spec.gitops.path, or skip the other in .weirkeeperignore")
    }
}

/// Names by which the objects of a Canary can be found.
fn names(canary: &Manifest) -> impl Iterator<Item = String> {
    let spec = canary.value.get("spec");
    let text = |path: [&str; 2]| {
        let value = spec?.get(path[0])?.get(path[1])?;
        value.as_str().map(str::to_owned)
    };
    let route = spec
        .and_then(|spec| spec.get("gitops")?.get("route")?.get("name")?.as_str())
        .map(str::to_owned);
    [
        text(["targetRef", "name"]),
        text(["service", "name"]),
        route,
    ]
    .into_iter()
    .flatten()
    .filter(|name| !name.is_empty())
}

/// May the file hold manifests?
fn is_document(path: &str) -> bool {
    let name = path.rsplit('/').next().unwrap_or(path);
    let extension = name.rsplit_once('.').map(|(_, extension)| extension);
    KUSTOMIZATIONS.contains(&name) || matches!(extension, Some("yaml" | "yml" | "json"))
}

pub(crate) fn is_below(path: &str, folder: &str) -> bool {
    folder.is_empty()
        || path
            .strip_prefix(folder)
            .is_some_and(|rest| rest.starts_with('/'))
}

/// `entry` of a kustomization in `folder` as a path from the top; `None` when
/// it leaves the repository.
fn join(folder: &str, entry: &str) -> Option<String> {
    let mut parts: Vec<&str> = folder.split('/').filter(|part| !part.is_empty()).collect();
    for part in entry.split('/') {
        match part {
            "" | "." => {}
            ".." => {
                parts.pop()?;
            }
            part => parts.push(part),
        }
    }
    Some(parts.join("/"))
}
