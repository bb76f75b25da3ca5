//! The index of a repository: which objects are where.

mod catalogue;
mod gateways;
mod kustomizations;
mod names;
mod wanted;

use std::cell::{OnceCell, RefCell};
use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;
use std::sync::Arc;

use memchr::memmem;

use super::clean::GROUP;
use super::files::{Files, MAX_FILE};
use super::generated::Owner;
use super::kustomize::Kustomization;
use super::manifest::{Manifest, ParsedFile};
use crate::error::{Error, Kind, Result};

pub(crate) use gateways::{class_of, controller_of};
pub(crate) use names::of as names_of;
pub use wanted::Wanted;

/// File names of a kustomization, in the order in which Kustomize looks.
pub(super) const KUSTOMIZATIONS: [&str; 3] =
    ["kustomization.yaml", "kustomization.yml", "Kustomization"];

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
    /// By target or apex name, the positions of the Canaries that say it.
    namesakes: BTreeMap<String, Vec<usize>>,
    parsed: RefCell<BTreeMap<String, Parsed>>,
    /// By each of those names, the files that contain it.
    mentions: OnceCell<BTreeMap<String, Vec<String>>>,
    /// By name, the files with a ConfigMap, Secret or the like called so.
    configs: OnceCell<BTreeMap<String, Vec<String>>>,
    gateways: OnceCell<gateways::Gateways>,
    catalogue: OnceCell<catalogue::Known>,
    /// By folder.
    kustomizations: RefCell<BTreeMap<String, Option<Arc<Kustomization>>>>,
    /// By folder of a kustomization, the folders of those that may list it; again
    /// with those in folders that are remembered as clean.
    includers: [OnceCell<BTreeMap<String, BTreeSet<String>>>; 2],
}

/// A file that was looked at.
#[derive(Debug, Clone)]
enum Parsed {
    /// With its objects, once they are asked for.
    File(Arc<ParsedFile>, Rc<OnceCell<Vec<Manifest>>>),
    /// It holds nothing that is looked for.
    Other,
    Broken(Arc<Error>),
}

impl Parsed {
    fn file(file: Arc<ParsedFile>) -> Self {
        Self::File(file, Rc::default())
    }
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
            namesakes: BTreeMap::new(),
            parsed: RefCell::default(),
            mentions: OnceCell::new(),
            configs: OnceCell::new(),
            gateways: OnceCell::new(),
            catalogue: OnceCell::new(),
            kustomizations: RefCell::default(),
            includers: Default::default(),
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
        let objects = file.manifests();
        for manifest in &objects {
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
            let mut manifest = manifest.clone();
            match self.complete(&mut manifest) {
                // Nobody knows its namespace; all others have theirs.
                Err(error) if error.kind() == Kind::Document => {
                    let again = |known: &Error| known.message() == error.message();
                    if !self.broken.iter().any(again) {
                        self.broken.push(error);
                    }
                    continue;
                }
                completed => completed?,
            }
            match manifest.kind.as_str() {
                "Canary" => {
                    self.names.extend(names::of(&manifest));
                    for name in names::main_of(&manifest) {
                        let same = self.namesakes.entry(name.to_owned()).or_default();
                        same.push(self.canaries.len());
                    }
                    self.canaries.push(manifest);
                }
                "MetricTemplate" => self.templates.push(manifest),
                "AlertProvider" => self.alert_providers.push(manifest),
                _ => {}
            }
        }
        self.parsed
            .borrow_mut()
            .insert(path.to_owned(), Parsed::File(file, Rc::new(objects.into())));
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

    /// Every object of a kind, by path. Looks through all files.
    ///
    /// # Errors
    /// When a file cannot be read from its origin.
    pub fn of_kind(&self, kind: &str) -> Result<Vec<Manifest>> {
        let mut found = Vec::new();
        let finder = memmem::Finder::new(kind);
        let files = self.files.scan(|_, bytes| {
            let fits = bytes.len() <= MAX_FILE && finder.find(bytes).is_some();
            fits.then(|| bytes.to_vec())
        })?;
        for (path, bytes) in files {
            // What cannot be read is no manifest of this kind, such as a chart's template.
            let Ok(file) = ParsedFile::parse(path, &bytes) else {
                continue;
            };
            for mut manifest in Arc::new(file).manifests() {
                if manifest.kind == kind && !manifest.name.is_empty() {
                    match self.complete(&mut manifest) {
                        Err(error) if error.kind() == Kind::Document => continue,
                        completed => completed?,
                    }
                    found.push(manifest);
                }
            }
        }
        Ok(found)
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
    /// `fits`; `None` when there is none. Patches of kustomizations are none.
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
        self.beyond(None, levels, wanted, |found| {
            wanted.is(found) && fits(found)
        })
    }

    /// As [`nearest`](Self::nearest), for whatever `is` what is wanted, and
    /// leaving out the folder `seen`.
    pub(crate) fn beyond(
        &self,
        seen: Option<&str>,
        levels: &[String],
        wanted: &Wanted<'_>,
        is: impl Fn(&Manifest) -> bool,
    ) -> Result<Option<Manifest>> {
        let mut unreadable = Vec::new();
        let mut seen = seen;
        for level in levels {
            let mut found = Vec::new();
            for path in self.below(level, wanted.name)? {
                if seen.is_some_and(|seen| is_below(&path, seen)) {
                    continue;
                }
                match self.parse(&path, wanted.name)? {
                    Parsed::File(file, objects) => {
                        let objects = objects.get_or_init(|| file.manifests());
                        found.extend(self.found_in(objects, wanted, None, &is)?);
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

    /// Those of the objects of a file that are what is wanted. `namespace` is the one
    /// that a kustomization gives to all it lists.
    fn found_in(
        &self,
        objects: &[Manifest],
        wanted: &Wanted<'_>,
        namespace: Option<&str>,
        is: &impl Fn(&Manifest) -> bool,
    ) -> Result<Vec<Manifest>> {
        let mut found = Vec::new();
        for object in objects {
            if wanted.is_listed_in(object) {
                return Err(wanted.in_list(object));
            }
            let mut object = object.clone();
            match namespace {
                Some(namespace) => object.namespace = Some(namespace.to_owned()),
                None => match self.complete(&mut object) {
                    // What is called otherwise is nobody's concern here.
                    Err(error) if error.kind() == Kind::Document && object.name != wanted.name => {
                        continue;
                    }
                    completed => completed?,
                },
            }
            if is(&object) && !self.is_patch(object.path())? {
                found.push(object);
            }
        }
        Ok(found)
    }

    /// The one object that is wanted among the files that a kustomization lists,
    /// apart from those below the folder `seen`; `None` also when there are two.
    ///
    /// # Errors
    /// When a kustomization cannot be read, or the object is in a `List`.
    pub(crate) fn listed(
        &self,
        kustomization: &Kustomization,
        seen: &str,
        wanted: &Wanted<'_>,
        is: impl Fn(&Manifest) -> bool,
    ) -> Result<Option<Manifest>> {
        let listed = kustomization.listed(self)?;
        let listed: Vec<&String> = match listed.len() > FEW_FILES {
            true => self
                .naming(wanted.name)?
                .iter()
                .filter(|path| listed.contains(*path))
                .collect(),
            false => listed.iter().collect(),
        };
        let namespace = kustomization.manifest.namespace.as_deref();
        let mut found = Vec::new();
        for path in listed.into_iter().filter(|path| !is_below(path, seen)) {
            if let Parsed::File(file, objects) = self.parse(path, wanted.name)? {
                let objects = objects.get_or_init(|| file.manifests());
                found.extend(self.found_in(objects, wanted, namespace, &is)?);
            }
        }
        Ok(match found.len() {
            1 => found.pop(),
            _ => None,
        })
    }

    /// Fills in the namespace from the nearest kustomization that sets one.
    fn complete(&self, manifest: &mut Manifest) -> Result<()> {
        if manifest.namespace.is_some() {
            return Ok(());
        }
        let path = manifest.path().to_owned();
        for folder in Self::levels(&path, None) {
            if let Some(kustomization) = self.kustomization_in(&folder)?
                && kustomization.manifest.namespace.is_some()
            {
                manifest
                    .namespace
                    .clone_from(&kustomization.manifest.namespace);
                return Ok(());
            }
        }
        Ok(())
    }

    /// Parses a file that contains `word`, once.
    fn parse(&self, path: &str, word: &str) -> Result<Parsed> {
        let known = self.parsed.borrow().get(path).cloned();
        match known {
            // Somebody else looked for something in it.
            Some(Parsed::Broken(_)) if self.files.read_if_contains(path, word)?.is_none() => {
                return Ok(Parsed::Other);
            }
            Some(known) => return Ok(known),
            None => {}
        }
        if !is_document(path) || self.is_chart_template(path)? {
            return Ok(Parsed::Other);
        }
        let Some(bytes) = self.files.read_if_contains(path, word)? else {
            return Ok(Parsed::Other);
        };
        let parsed = match ParsedFile::parse(path, &bytes) {
            Ok(file) => Parsed::file(Arc::new(file)),
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
pub(crate) fn join(folder: &str, entry: &str) -> Option<String> {
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
