//! A repository in memory, whose rollout is put together here: what a
//! kustomization does is done in the simplest way.

use std::cell::RefCell;
use std::collections::BTreeMap;

use serde_yaml::{Mapping, Value};

use super::{Changes, apply, facts};
use crate::api::{CanarySpec, RouteRef, Status};
use crate::decide::{Action, Effect, Facts, Plan};
use crate::repo::files::Files;
use crate::repo::inventory::Inventory;
use crate::repo::manifest::{Manifest, ParsedFile};
use crate::repo::rollout::{
    self, Config, Copied, Home, ImageEntry, Release, Rollout, RouteSite, Scaler,
};

/// See the module. The target is called `shop`.
#[derive(Debug, Clone, Default)]
pub(super) struct Repo {
    pub(super) texts: BTreeMap<String, String>,
    /// Kind and name of what is tracked.
    pub(super) configs: Vec<(&'static str, &'static str)>,
    /// Paths of further routes, by name.
    pub(super) routes: Vec<(&'static str, &'static str)>,
    /// Names of `images` of the home that concern the target.
    pub(super) images: Vec<&'static str>,
    /// What texts were read as, by path.
    read: RefCell<BTreeMap<String, (String, Vec<Manifest>)>>,
}

/// The kustomization that is the home, and that of the base.
const HOMES: [&str; 2] = ["prod/kustomization.yaml", "base/kustomization.yaml"];

impl Repo {
    pub(super) fn new<'a>(texts: impl IntoIterator<Item = (&'a str, &'a str)>) -> Self {
        let texts = texts.into_iter();
        Self {
            texts: texts
                .map(|(path, text)| (path.to_owned(), text.to_owned()))
                .collect(),
            ..Self::default()
        }
    }

    pub(super) fn put(&mut self, path: &str, text: &str) {
        self.texts.insert(path.to_owned(), text.to_owned());
    }

    /// Changes a text in a file; it must be there.
    pub(super) fn replace(&mut self, path: &str, from: &str, to: &str) {
        let text = self.texts.get_mut(path).unwrap();
        assert!(text.contains(from), "no {from} in {text}");
        *text = text.replace(from, to);
    }

    fn manifests(&self) -> impl Iterator<Item = Manifest> {
        let documents = |path: &str| !path.ends_with("kustomization.yaml");
        let texts = self.texts.iter().filter(move |(path, _)| documents(path));
        texts.flat_map(|(path, text)| {
            let mut read = self.read.borrow_mut();
            match read.get(path) {
                Some((old, manifests)) if old == text => manifests.clone(),
                _ => {
                    let manifests = parse(path, text);
                    read.insert(path.clone(), (text.clone(), manifests.clone()));
                    manifests
                }
            }
        })
    }

    /// An object; patches are none.
    pub(super) fn find(&self, kind: &str, name: &str) -> Option<Manifest> {
        let mut manifests = self.manifests();
        manifests.find(|found| {
            found.kind == kind && found.name == name && !found.path().ends_with("-patch.yaml")
        })
    }

    fn home(&self) -> Option<Home> {
        let [home, base] = HOMES.map(|path| {
            let text = self.texts.get(path)?;
            Some(kustomization(path, text))
        });
        let kustomization = home?;
        Some(Home {
            chain: std::iter::once(kustomization.clone()).chain(base).collect(),
            kustomization,
        })
    }

    /// An object as the home builds it.
    pub(super) fn built(&self, manifest: &Manifest) -> Value {
        let mut built = Value::clone(&manifest.value);
        let patches = self.manifests().filter(|found| {
            let same = found.kind == manifest.kind && found.name == manifest.name;
            same && found.path().ends_with("-patch.yaml")
        });
        for patch in patches {
            merge(&mut built, &patch.value);
        }
        let home = self.home();
        let images = home.and_then(|home| home.kustomization.value.get("images").cloned());
        for entry in images
            .as_ref()
            .and_then(Value::as_sequence)
            .into_iter()
            .flatten()
        {
            set_images(&mut built, entry);
        }
        built
    }

    /// # Panics
    /// When the Canary is not valid, or something is missing.
    pub(super) fn rollout(&self) -> Rollout {
        let mut texts = self.texts.clone();
        texts.retain(|path, _| !path.ends_with("kustomization.yaml"));
        texts.retain(|path, _| !path.ends_with("-patch.yaml"));
        let inventory = Inventory::load(Files::in_memory(texts)).unwrap();
        let now = "2026-01-01T00:00:00Z".parse().unwrap();
        let rollout = rollout::resolve(&inventory, &inventory.canaries()[0], now);
        let mut rollout = rollout.unwrap_or_else(|error| panic!("{error:?}"));
        rollout.home = self.home();
        if let Release::Copy(copied) = &mut rollout.release {
            self.complete(copied, &rollout.canary.spec);
        }
        for (name, path) in &self.routes {
            let manifest = self.manifests().find(|found| found.path() == *path);
            let mut canary = rollout.canary.clone();
            let gitops = canary.spec.gitops.get_or_insert_default();
            gitops.route = Some(RouteRef {
                name: Some((*name).to_owned()),
                ..RouteRef::default()
            });
            rollout.routes.push(RouteSite { canary, manifest });
        }
        if !self.routes.is_empty() {
            rollout.routes.remove(0);
        }
        rollout
    }

    fn complete(&self, copied: &mut Copied, spec: &CanarySpec) {
        copied.built = self.built(&copied.target);
        copied.configs = self
            .configs
            .iter()
            .map(|(kind, name)| {
                let manifest = self.find(kind, name).unwrap();
                Config {
                    kind: (*kind).to_owned(),
                    name: (*name).to_owned(),
                    built: self.built(&manifest),
                    manifest: Some(manifest),
                    primary: self.find(kind, &format!("{name}-primary")),
                }
            })
            .collect();
        copied.scaler = spec.autoscaler_ref.as_ref().map(|scaler| {
            let manifest = self.find(&scaler.kind, &scaler.name).unwrap();
            Scaler {
                built: self.built(&manifest),
                manifest,
                primary: self.find(&scaler.kind, &format!("{}-primary", scaler.name)),
            }
        });
        let images = self.home().and_then(|home| {
            let images = home.kustomization.value.get("images")?;
            images.as_sequence().cloned()
        });
        let images = images.unwrap_or_default();
        let position = |name: &str| {
            let named = |item: &Value| item["name"] == *name;
            images.iter().position(named)
        };
        copied.images = self
            .images
            .iter()
            .map(|name| ImageEntry {
                name: (*name).to_owned(),
                index: position(name).unwrap(),
                primary: position(&format!("{name}-primary")),
            })
            .collect();
    }

    pub(super) fn facts(&self) -> Facts {
        facts(&self.rollout()).unwrap()
    }

    /// Carries out effects, with the status changed by `change`.
    pub(super) fn carry_out(
        &mut self,
        effects: impl IntoIterator<Item = Effect>,
        change: impl FnOnce(&mut Status),
    ) {
        let rollout = self.rollout();
        self.carry_out_on(&rollout, effects, change);
    }

    /// The same on a rollout that was put together by hand.
    pub(super) fn carry_out_on(
        &mut self,
        rollout: &Rollout,
        effects: impl IntoIterator<Item = Effect>,
        change: impl FnOnce(&mut Status),
    ) {
        let mut status = rollout.canary.status.clone().unwrap_or_default();
        change(&mut status);
        let plan = Plan {
            phase: status.phase,
            status: Some(status).filter(|status| *status != Status::default()),
            effects: effects.into_iter().collect(),
            ..Plan::bare(Action::Advanced)
        };
        self.apply(&plan, rollout);
    }

    pub(super) fn apply(&mut self, plan: &Plan, rollout: &Rollout) {
        let files = Files::in_memory(self.texts.clone());
        let mut changes = Changes::default();
        apply(plan, rollout, &files, &mut changes).unwrap_or_else(|error| panic!("{error:?}"));
        self.texts.extend(changes.texts().clone());
    }

    /// What is new or differs from `before`, file by file.
    pub(super) fn since(&self, before: &Self) -> String {
        let new = self
            .texts
            .iter()
            .filter(|(path, text)| before.texts.get(*path) != Some(text));
        let new = new.map(|(path, text)| format!("--- {path}\n{text}"));
        new.collect()
    }
}

pub(super) fn parse(path: &str, text: &str) -> Vec<Manifest> {
    let file = ParsedFile::parse(path, text.as_bytes()).unwrap();
    std::sync::Arc::new(file).manifests()
}

fn kustomization(path: &str, text: &str) -> Manifest {
    let file = ParsedFile::parse(path, text.as_bytes()).unwrap();
    let value = file.stream.documents()[0].to_value().unwrap();
    Manifest {
        file: std::sync::Arc::new(file),
        document: 0,
        value: value.into(),
        kind: "Kustomization".to_owned(),
        name: String::new(),
        namespace: None,
    }
}

/// A strategic merge, as far as the tests need it.
pub(super) fn merge(value: &mut Value, patch: &Value) {
    match (value, patch) {
        (Value::Mapping(value), Value::Mapping(patch)) => {
            for (key, patch) in patch {
                match value.get_mut(key) {
                    _ if patch.is_null() => {
                        value.shift_remove(key);
                    }
                    Some(value) => merge(value, patch),
                    None => {
                        let mut new = Value::Mapping(Mapping::new());
                        merge(&mut new, patch);
                        value.insert(key.clone(), new);
                    }
                }
            }
        }
        (Value::Sequence(value), Value::Sequence(patch)) => {
            let replaces = |item: &Value| item.get("$patch").is_some();
            if patch.iter().any(replaces) || patch.iter().any(|item| item.get("name").is_none()) {
                let items = patch.iter().filter(|item| !replaces(item));
                *value = items.cloned().collect();
                return;
            }
            for patch in patch {
                let same = |item: &&mut Value| item.get("name") == patch.get("name");
                match value.iter_mut().find(same) {
                    Some(item) => merge(item, patch),
                    None => value.push(patch.clone()),
                }
            }
        }
        (value, patch) => *value = patch.clone(),
    }
}

fn set_images(built: &mut Value, entry: &Value) {
    let text = |key: &str| entry.get(key).and_then(Value::as_str).map(str::to_owned);
    let pods = super::workload::get_mut(built, &["spec", "template", "spec"]);
    let lists = pods.map(super::workload::pod_lists);
    for container in lists.into_iter().flatten().flatten() {
        let image = container["image"].as_str().unwrap().to_owned();
        let (name, tag) = image.rsplit_once(':').unwrap_or((&image, ""));
        if Some(name) != text("name").as_deref() {
            continue;
        }
        let name = text("newName").unwrap_or(name.to_owned());
        let tag = text("newTag").unwrap_or(tag.to_owned());
        container["image"] = match tag.as_str() {
            "" => name.into(),
            tag => format!("{name}:{tag}").into(),
        };
    }
}
