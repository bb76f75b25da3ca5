//! What a kustomization does to the primary beside its own entries of `images`:
//! whatever it changes there is served without a release.

use serde_yaml::Value;

use super::items;
use super::select::Object;
use super::set::{images_of, split, text};
use crate::diagnostic::Diagnostic;
use crate::repo::manifest::Manifest;

/// What the name of the primary's images ends with.
const OWN: &str = "-primary";

/// Does an entry of `images` have the name of an image of the primary alone?
pub(super) fn is_own(name: &str) -> bool {
    name.ends_with(OWN)
}

/// Is `own` the name of the entry for the primary beside the entry of `name`?
pub(super) fn is_of(own: &str, name: &str) -> bool {
    own.strip_suffix(OWN) == Some(name)
}

/// An entry of `images`, and what it made of the primary.
#[derive(Debug)]
pub(super) struct Imaged<'a> {
    /// The kustomization with the entry.
    pub(super) kustomization: &'a Manifest,
    /// Position of the entry.
    pub(super) index: usize,
    /// Its name.
    pub(super) name: &'a str,
    /// The primary's manifest.
    pub(super) primary: &'a Manifest,
    /// Images before the entry.
    pub(super) before: Vec<String>,
    /// The same after it.
    pub(super) after: Vec<String>,
}

impl Imaged<'_> {
    /// What is wrong with it: `in_home` has it in the kustomization that may have
    /// an entry for the primary, too.
    pub(super) fn finding(&self, in_home: bool) -> Option<Diagnostic> {
        let pairs = self.before.iter().zip(&self.after);
        let changed: Vec<_> = pairs.filter(|(before, after)| before != after).collect();
        let (_, given) = changed.first()?;
        let primary = &self.primary.name;
        let message =
            format!("sets the image of {primary}, too: it would get {given} without a release");
        let place = format!("images[{}].name", self.index);
        let hint = match in_home {
            true => self.hint(changed.iter().map(|(before, _)| before.as_str())),
            false => format!(
                "list {} in the kustomization that this one is listed in, where the Canary is",
                self.primary.path()
            ),
        };
        let found = self.kustomization.error_at(&place, message);
        Some(found.hint(hint))
    }

    /// Both texts to write: one version goes into the entry, several stay in the
    /// manifest, as a promotion writes them.
    fn hint<'i>(&self, images: impl Iterator<Item = &'i str>) -> String {
        let mut images: Vec<&str> = images.collect();
        images.dedup();
        let own = format!("{}{OWN}", self.name);
        let parts = images.iter().map(|image| split(image));
        let parts: Vec<_> = parts.collect();
        let mut entry = Entry {
            name: &own,
            new_name: parts.first().map_or(self.name, |(name, ..)| name),
            tag: None,
            digest: None,
        };
        let lines = match parts.as_slice() {
            [(_, tag, digest)] if tag.is_none() || digest.is_none() => {
                (entry.tag, entry.digest) = (*tag, *digest);
                format!("`image: {own}`")
            }
            parts => {
                let line = |(name, _, _): &(&str, _, _), image: &&str| {
                    let version = image.strip_prefix(name).unwrap_or_default();
                    format!("`image: {own}{version}`")
                };
                let lines = parts.iter().zip(&images);
                let lines: Vec<_> = lines.map(|(part, image)| line(part, image)).collect();
                lines.join(", ")
            }
        };
        format!(
            "in {} write {lines} instead of {}, and below this entry have `- {}`",
            self.primary.path(),
            images.join(", "),
            entry.shown()
        )
    }
}

/// An entry of `images` for the primary.
#[derive(Debug)]
struct Entry<'a> {
    name: &'a str,
    new_name: &'a str,
    tag: Option<&'a str>,
    digest: Option<&'a str>,
}

impl Entry<'_> {
    /// In one line of YAML.
    fn shown(&self) -> String {
        let mut text = format!("{{name: {}, newName: {}", self.name, self.new_name);
        for (key, value) in [("newTag", self.tag), ("digest", self.digest)] {
            let Some(value) = value else { continue };
            // `1.10` is a number without quotes.
            let plain = serde_yaml::from_str::<Value>(value).is_ok_and(|value| value.is_string());
            text.push_str(&match plain {
                true => format!(", {key}: {value}"),
                false => format!(", {key}: \"{value}\""),
            });
        }
        text + "}"
    }
}

/// What a patch changed in the primary, and what to do instead.
pub(super) fn patched(
    primary: &Manifest,
    before: &Value,
    after: &Value,
) -> Option<(String, String)> {
    let field = |value: &Value, key: &str| value.get("spec")?.get(key).cloned();
    let differs = |key: &str| field(before, key) != field(after, key);
    let name = &primary.name;
    if differs("template") {
        let target = name.strip_suffix(OWN).unwrap_or(name);
        let message = format!("changes the pod template of {name} without a release");
        let hint = format!("patch {target} instead: its release brings the change to {name}");
        return Some((message, hint));
    }
    let message = format!("sets the replicas of {name}: a promotion could not");
    let hint = format!("set spec.replicas in {} and remove it here", primary.path());
    differs("replicas").then_some((message, hint))
}

/// Images of the primary that only an entry of `images` gives a real name, and
/// that have none: they cannot be pulled. `target` is built, as `primary` is.
pub(super) fn without_entry(
    home: &Manifest,
    manifest: &Manifest,
    primary: &Object,
    target: (&Manifest, &Object),
) -> Vec<Diagnostic> {
    let of_target = [&target.0.value, &target.1.value].map(images_of).concat();
    let entries = items(&home.value, "images").iter();
    let names: Vec<String> = entries
        .flat_map(|entry| [text(entry, "name"), text(entry, "newName")])
        .flatten()
        .collect();
    let is_of_target = |name: &str| of_target.iter().any(|image| split(image).0 == name);
    let mut found = Vec::new();
    for (path, container) in containers(&primary.value) {
        let image = container.get("image").and_then(Value::as_str);
        let (name, tag, digest) = split(image.unwrap_or_default());
        let Some(stem) = name.strip_suffix(OWN).filter(|_| !is_of_target(name)) else {
            continue;
        };
        let is_known = is_of_target(stem) || names.iter().any(|name| name == stem);
        let has_version = tag.is_some() || digest.is_some();
        if has_version && !is_known {
            continue;
        }
        let same = containers(&target.1.value);
        let mut same = same.filter(|(_, other)| other.get("name") == container.get("name"));
        let same = same.find_map(|(_, other)| other.get("image")?.as_str());
        let entry = Entry {
            name,
            new_name: same.map_or(stem, |image| split(image).0),
            tag: Some("TAG").filter(|_| !has_version),
            digest: None,
        };
        let home = home.path();
        let mut hint = format!("add `- {}` to images in {home}", entry.shown());
        if !has_version {
            hint += &format!(
                "; `git log -p -- {home}` shows the promoted TAG in the entry that was there"
            );
        }
        let message = format!(
            "is no image by itself, and no entry of images in {home} says which it stands for: \
             {name} cannot be pulled"
        );
        found.push(
            manifest
                .error_at(&format!("{path}.image"), message)
                .hint(hint),
        );
    }
    found
}

/// The containers of a workload, with their paths.
fn containers(workload: &Value) -> impl Iterator<Item = (String, &Value)> {
    let template = workload.get("spec").and_then(|spec| spec.get("template"));
    let pods = template.and_then(|template| template.get("spec"));
    let of = move |list: &'static str| {
        let containers = pods.map(|pods| items(pods, list)).unwrap_or_default();
        let path = move |index| format!("spec.template.spec.{list}[{index}]");
        let containers = containers.iter().enumerate();
        containers.map(move |(index, container)| (path(index), container))
    };
    ["containers", "initContainers"].into_iter().flat_map(of)
}
