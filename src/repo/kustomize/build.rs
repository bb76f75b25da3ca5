//! Building the objects of a rollout as Kustomize does.

use serde_yaml::{Mapping, Value};

use super::patch::{LISTS, Patch};
use super::select::Object;
use super::set::{self, Image, text};
use super::{DEPTH, Entry, Kustomization, generate, items, primary, refuse};
use crate::diagnostic::Diagnostic;
use crate::error::Result;
use crate::repo::inventory::Inventory;
use crate::repo::manifest::Manifest;
use crate::repo::rollout::ImageEntry;

/// Where a kustomization stands. What the home does, the primary gets, too: it
/// is listed there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Role {
    Home,
    /// A component of the home works on all that the home lists.
    Component,
    Inner,
}

/// The objects to build, and whose they are.
#[derive(Debug)]
pub(crate) struct Wanted<'a> {
    /// Their manifests.
    pub(crate) manifests: Vec<&'a Manifest>,
    /// The one among them that is the target.
    pub(crate) target: Option<&'a Manifest>,
    /// Its primary, once there is one.
    pub(crate) primary: Option<&'a Manifest>,
}

/// What came out.
#[derive(Debug, Default)]
pub(crate) struct Built {
    /// The objects that were wanted and are listed, and all that generators make.
    pub(crate) objects: Vec<Object>,
    /// What cannot be computed, or cannot be right.
    pub(crate) problems: Vec<Diagnostic>,
    /// What would change the primary without a release, if it is wanted, too.
    pub(crate) primary: Vec<Diagnostic>,
    /// Entries of the home's `images` that concern the target.
    pub(crate) images: Vec<ImageEntry>,
    /// What sets the target's replicas.
    replicas: Vec<Override>,
}

impl Built {
    /// The object of a manifest, if it is listed.
    pub(crate) fn of(&self, manifest: &Manifest) -> Option<&Object> {
        let mut objects = self.objects.iter();
        objects.find(|object| object.is(manifest.path(), manifest.document))
    }
}

/// A transformation that sets `spec.replicas` of the target.
#[derive(Debug)]
struct Override {
    role: Role,
    list: &'static str,
    /// File of a patch.
    file: Option<String>,
    place: Diagnostic,
}

/// Builds what is `wanted` of `home`.
///
/// # Errors
/// When a file cannot be read from its origin, or a kustomization is not valid.
pub(crate) fn build(
    inventory: &Inventory,
    home: &Kustomization,
    wanted: &Wanted<'_>,
) -> Result<Built> {
    let mut builder = Builder {
        inventory,
        wanted,
        replicas: None,
        built: Built::default(),
    };
    let objects = builder.folder(home, Role::Home, 0)?;
    let mut built = builder.built;
    built.objects = objects;
    if let (Some(target), Some(primary)) = (wanted.target, wanted.primary)
        && let (Some(target_built), Some(primary_built)) = (built.of(target), built.of(primary))
    {
        let target = (target, target_built);
        let found = primary::without_entry(&home.manifest, primary, primary_built, target);
        built.primary.extend(found);
    }
    Ok(built)
}

/// What would undo it when the target is scaled: transformations that set
/// `spec.replicas` after the edit. `shared` targets are scaled by a patch of the
/// home, all others in their manifest.
///
/// # Errors
/// As [`build`].
pub(crate) fn scaling(
    inventory: &Inventory,
    home: &Kustomization,
    wanted: &Wanted<'_>,
    shared: bool,
) -> Result<Vec<Diagnostic>> {
    // A number that nobody writes shows who writes another.
    const MARK: i64 = -7_919;
    let mut builder = Builder {
        inventory,
        wanted,
        replicas: Some(MARK),
        built: Built::default(),
    };
    drop(builder.folder(home, Role::Home, 0)?);
    let Some(target) = wanted.target else {
        return Ok(Vec::new());
    };
    let ours = target.patch_file();
    let is_ours = |found: &Override| {
        let file = found.file.as_deref();
        file.is_some_and(|file| file.rsplit('/').next() == Some(ours.as_str()))
    };
    let found = builder.built.replicas;
    let mark = found.iter().position(is_ours);
    let mut refused = Vec::new();
    for (index, one) in found.into_iter().enumerate() {
        let before = match (one.role, one.list) {
            (Role::Home, "patchesStrategicMerge" | "patches") => {
                mark.is_none_or(|mark| index <= mark)
            }
            (Role::Home, _) => false,
            (Role::Component | Role::Inner, _) => true,
        };
        if shared && before {
            continue;
        }
        let hint = match shared {
            true => format!("set spec.replicas in {} and remove it here", target.path()),
            false if one.list == "replicas" => format!(
                "set spec.replicas in {} and remove this entry",
                target.path()
            ),
            false => format!(
                "take spec.replicas out of this patch and set it in {}",
                target.path()
            ),
        };
        refused.push(one.place.hint(hint));
    }
    Ok(refused)
}

struct Builder<'a> {
    inventory: &'a Inventory,
    wanted: &'a Wanted<'a>,
    /// Takes the place of the target's replicas.
    replicas: Option<i64>,
    built: Built,
}

impl Builder<'_> {
    /// Everything of interest that the kustomization makes.
    fn folder(
        &mut self,
        kustomization: &Kustomization,
        role: Role,
        depth: usize,
    ) -> Result<Vec<Object>> {
        let mut objects = Vec::new();
        self.add(kustomization, role, depth, &mut objects)?;
        Ok(objects)
    }

    /// Adds what a kustomization lists, then changes everything: for a component
    /// `objects` are those of whoever includes it.
    fn add(
        &mut self,
        kustomization: &Kustomization,
        role: Role,
        depth: usize,
        objects: &mut Vec<Object>,
    ) -> Result<()> {
        if depth > DEPTH {
            return Ok(());
        }
        let entries = kustomization.entries(self.inventory)?;
        for entry in &entries.resources {
            match entry {
                Entry::File(path) => self.load(path, objects),
                Entry::Folder(folder) => {
                    if let Some(inner) = self.inventory.kustomization_in(folder)? {
                        objects.extend(self.folder(&inner, Role::Inner, depth + 1)?);
                    }
                }
                Entry::Elsewhere(_) => {}
            }
        }
        generate::generate(self.inventory, kustomization, objects)?;
        for entry in &entries.components {
            let inner = match entry {
                Entry::Folder(folder) => self.inventory.kustomization_in(folder)?,
                Entry::File(_) | Entry::Elsewhere(_) => None,
            };
            let role = match role {
                Role::Home | Role::Component => Role::Component,
                Role::Inner => Role::Inner,
            };
            match (inner, entry) {
                (Some(inner), _) => self.add(&inner, role, depth + 1, objects)?,
                (None, Entry::Elsewhere(place)) if self.target(objects).is_some() => {
                    let message =
                        "is not in the repository: what it does to the target is not known";
                    let hint = "commit the component";
                    let place = kustomization.manifest.error_at(place, message);
                    self.built.problems.push(place.hint(hint));
                }
                (None, _) => {}
            }
        }
        self.change(kustomization, role, objects)
    }

    /// Adds the wanted objects of a file.
    fn load(&self, path: &str, objects: &mut Vec<Object>) {
        for manifest in &self.wanted.manifests {
            if manifest.path() != path || objects.iter().any(|one| one.is(path, manifest.document))
            {
                continue;
            }
            let origin = (path.to_owned(), manifest.document);
            let mut object = Object::new(Value::clone(&manifest.value), Some(origin));
            if let (Some(count), true) = (self.replicas, self.is_target(&object))
                && let Some(spec) = object.value.get_mut("spec").and_then(Value::as_mapping_mut)
            {
                spec.insert("replicas".into(), count.into());
            }
            objects.push(object);
        }
    }

    fn is_target(&self, object: &Object) -> bool {
        let target = self.wanted.target;
        target.is_some_and(|target| object.is(target.path(), target.document))
    }

    /// The primary where it is wanted; it is listed like everything else.
    fn primary(&self, object: &Object) -> Option<&'_ Manifest> {
        let primary = self.wanted.primary?;
        object
            .is(primary.path(), primary.document)
            .then_some(primary)
    }

    /// Notes what happens to the primary, unless that place is refused anyway.
    fn of_primary(&mut self, found: Diagnostic) {
        let built = &mut self.built;
        let mut known = built.problems.iter().chain(&built.primary);
        if !known.any(|one| one.location() == found.location()) {
            built.primary.push(found);
        }
    }

    fn target<'o>(&self, objects: &'o [Object]) -> Option<&'o Object> {
        objects.iter().find(|object| self.is_target(object))
    }

    /// What the kustomization does to all that is there, in Kustomize's order.
    fn change(
        &mut self,
        kustomization: &Kustomization,
        role: Role,
        objects: &mut [Object],
    ) -> Result<()> {
        self.refuse(kustomization, role, objects)?;
        let value = &kustomization.manifest.value;
        for list in [LISTS[0], LISTS[1]] {
            self.patch(kustomization, role, list, objects)?;
        }
        if let Some(namespace) = text(value, "namespace").filter(|name| !name.is_empty()) {
            for object in objects.iter_mut() {
                object.moved_to(&namespace);
            }
        }
        for object in objects.iter_mut() {
            for entry in items(value, "labels") {
                let empty = Mapping::new();
                let pairs = entry.get("pairs").and_then(Value::as_mapping);
                let templates = refuse::is_set(entry, "includeTemplates");
                set::metadata(
                    &mut object.value,
                    "labels",
                    pairs.unwrap_or(&empty),
                    templates,
                );
            }
            if let Some(pairs) = value.get("commonAnnotations").and_then(Value::as_mapping) {
                set::metadata(&mut object.value, "annotations", pairs, true);
            }
        }
        self.patch(kustomization, role, LISTS[2], objects)?;
        self.replicas(kustomization, role, objects);
        self.images(kustomization, role, objects);
        Ok(())
    }

    fn refuse(
        &mut self,
        kustomization: &Kustomization,
        role: Role,
        objects: &[Object],
    ) -> Result<()> {
        let Some(target) = self.target(objects) else {
            return Ok(());
        };
        let problems = &mut self.built.problems;
        problems.extend(refuse::names_and_selectors(kustomization));
        problems.extend(refuse::unknown(self.inventory, kustomization, target)?);
        if role != Role::Inner {
            problems.extend(refuse::pod_labels(kustomization, target));
        }
        let mut others = objects.iter();
        if let Some(primary) = others.find(|object| self.primary(object).is_some()) {
            for found in refuse::unknown(self.inventory, kustomization, primary)? {
                self.of_primary(found);
            }
        }
        Ok(())
    }

    fn patch(
        &mut self,
        kustomization: &Kustomization,
        role: Role,
        list: &'static str,
        objects: &mut [Object],
    ) -> Result<()> {
        for patch in Patch::of(self.inventory, kustomization, list)? {
            for object in objects.iter_mut() {
                if !patch.concerns(object) || self.primary(object).is_some() {
                    continue;
                }
                let shown = format!("{} {}", object.kind(), object.name());
                let both = role != Role::Inner && patch.is_understood();
                let primary = self.primary_of(object).filter(|_| both);
                if primary.is_some_and(|primary| patch.concerns(&primary)) {
                    let message = format!(
                        "patches {shown} and its copy for the primary: a change would reach both at once"
                    );
                    let hint = format!("have it name one object: target.name: {}", object.name());
                    let place = patch.error(kustomization, message);
                    self.built.problems.push(place.hint(hint));
                }
                let before = replicas_of(&object.value).cloned();
                match (patch.apply(object), &object.origin) {
                    (Ok(value), _) => object.value = value,
                    (Err(why), Some(_)) => {
                        let message = format!("this patch of {shown} is not understood: {why}");
                        let hint = "mend it, or write the value into the manifest";
                        let place = patch.error(kustomization, message);
                        self.built.problems.push(place.hint(hint));
                    }
                    (Err(why), None) => {
                        let why = format!("a patch of it is not understood: {why}");
                        generate::not_known(&mut object.value, &generate::Unknown::Because(why));
                    }
                }
                if self.is_target(object) && replicas_of(&object.value) != before.as_ref() {
                    let message = format!("would undo it when Weirkeeper scales {}", object.name());
                    self.built.replicas.push(Override {
                        role,
                        list,
                        file: patch.file.clone(),
                        place: patch.error(kustomization, message),
                    });
                }
            }
            self.patch_primary(kustomization, &patch, objects);
        }
        Ok(())
    }

    /// A patch may give the primary what its release does not: labels, say.
    fn patch_primary(
        &mut self,
        kustomization: &Kustomization,
        patch: &Patch,
        objects: &mut [Object],
    ) {
        let mut objects = objects.iter_mut();
        let Some(object) = objects.find(|object| self.primary(object).is_some()) else {
            return;
        };
        let Some(primary) = self.wanted.primary.filter(|_| patch.concerns(object)) else {
            return;
        };
        let found = match patch.apply(object) {
            Ok(value) => {
                let found = primary::patched(primary, &object.value, &value);
                object.value = value;
                found
            }
            Err(why) => {
                let (kind, name) = (object.kind(), object.name());
                let message = format!("this patch of {kind} {name} is not understood: {why}");
                let hint = "mend it, or write the value into the manifest";
                Some((message, hint.to_owned()))
            }
        };
        if let Some((message, hint)) = found {
            self.of_primary(patch.error(kustomization, message).hint(hint));
        }
    }

    /// The copy of an object for the primary, as selectors see it; `None` for what
    /// is not copied, and for what nobody may use.
    fn primary_of(&self, object: &Object) -> Option<Object> {
        object.origin.as_ref()?;
        if object.kind() == "Service" || object.kind().ends_with("Route") {
            return None;
        }
        let labels = match (self.is_target(object), self.wanted.primary) {
            (false, _) => Mapping::new(),
            (true, None) => refuse::primary_labels(&object.value),
            (true, Some(primary)) => {
                let metadata = primary.value.get("metadata");
                let labels = metadata.and_then(|metadata| metadata.get("labels")?.as_mapping());
                labels.cloned().unwrap_or_default()
            }
        };
        Some(object.primary(labels))
    }

    fn replicas(&mut self, kustomization: &Kustomization, role: Role, objects: &mut [Object]) {
        let manifest = &kustomization.manifest;
        let mut of_primary = Vec::new();
        for (index, entry) in items(&manifest.value, "replicas").iter().enumerate() {
            let Some(name) = text(entry, "name") else {
                continue;
            };
            let message = format!("would undo it when Weirkeeper scales {name}");
            let place = manifest.error_at(&format!("replicas[{index}].name"), message);
            for object in objects.iter_mut() {
                let is_target = self.is_target(object);
                if object.name() == name {
                    let before = replicas_of(&object.value).cloned();
                    set::replicas(entry, &mut object.value);
                    if let Some(primary) = self.primary(object)
                        && before.as_ref() != replicas_of(&object.value)
                    {
                        let hint =
                            format!("set spec.replicas in {} and remove it here", primary.path());
                        of_primary.push(place.clone().hint(hint));
                    }
                    if is_target {
                        self.built.replicas.push(Override {
                            role,
                            list: "replicas",
                            file: None,
                            place: place.clone(),
                        });
                    }
                }
                if is_target && role != Role::Inner && format!("{}-primary", object.name()) == name
                {
                    let hint = "set spec.replicas in the primary's manifest and remove this entry";
                    self.built.problems.push(place.clone().hint(hint));
                }
            }
        }
        for found in of_primary {
            self.of_primary(found);
        }
    }

    fn images(&mut self, kustomization: &Kustomization, role: Role, objects: &mut [Object]) {
        let manifest = &kustomization.manifest;
        let entries = items(&manifest.value, "images");
        for (index, entry) in entries.iter().enumerate() {
            let image = Image::of(entry);
            let concerned = self
                .target(objects)
                .is_some_and(|target| image.concerns(&target.value));
            let name = text(entry, "name").unwrap_or_default();
            if concerned {
                match role {
                    Role::Inner => {}
                    Role::Home => self.image(manifest, entries, index, &name),
                    Role::Component => {
                        let message = format!(
                            "a new {name} would reach the primary together with the target"
                        );
                        let hint = "move this entry to the kustomization that lists the primary";
                        let place = manifest.error_at(&format!("images[{index}].name"), message);
                        self.built.problems.push(place.hint(hint));
                    }
                }
            }
            // The entry for the primary says what it is to be; the target has none
            // of that name.
            let is_own = role == Role::Home && !concerned && primary::is_own(&name);
            // One that comes too early is refused above.
            let is_undone = role == Role::Home
                && concerned
                && entries[..index].iter().any(|entry| {
                    text(entry, "name").is_some_and(|own| primary::is_of(&own, &name))
                });
            for object in objects.iter_mut() {
                let primary = self.primary(object).filter(|_| !is_own && !is_undone);
                let before = primary.map(|_| set::images_of(&object.value));
                image.apply(&mut object.value);
                let Some((primary, before)) = primary.zip(before) else {
                    continue;
                };
                let imaged = primary::Imaged {
                    kustomization: manifest,
                    index,
                    name: &name,
                    primary,
                    before,
                    after: set::images_of(&object.value),
                };
                let found = imaged.finding(role != Role::Inner);
                found.into_iter().for_each(|found| self.of_primary(found));
            }
        }
    }

    /// Notes an entry of the home that sets an image of the target, with the
    /// one for the primary, which has to come later: each works on what the one
    /// before it left.
    fn image(&mut self, home: &Manifest, entries: &[Value], index: usize, name: &str) {
        let problems = &mut self.built.problems;
        let own = format!("{name}-primary");
        let is_own = |entry: &Value| text(entry, "name").is_some_and(|name| name == own);
        let primary = entries.iter().position(is_own);
        if name.contains(|c: char| "*+?()[]{}|^$\\".contains(c)) {
            let message = "is a pattern: the primary's images would match it, too";
            let hint = "write the whole name of the image";
            let place = home.error_at(&format!("images[{index}].name"), message);
            problems.push(place.hint(hint));
        }
        if primary.is_some_and(|primary| primary < index) {
            let message = format!("would be set again by the entry of {name} below");
            let at = primary.unwrap_or(index);
            let place = home.error_at(&format!("images[{at}].name"), message);
            let hint = format!("move it below the entry of {name}");
            problems.push(place.hint(hint));
        }
        self.built.images.push(ImageEntry {
            name: name.to_owned(),
            index,
            primary,
        });
    }
}

fn replicas_of(workload: &Value) -> Option<&Value> {
    workload.get("spec")?.get("replicas")
}
