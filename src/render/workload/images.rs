//! Images that the home kustomization sets. An entry of its `images` would set
//! the primary's image together with the target's, so the primary names its
//! images `<name>-primary` there, and has entries of its own.

use serde_yaml::{Mapping, Value};

use super::template::{containers, pod_lists};
use super::{Source, copy_name, get};
use crate::repo::kustomize::split_image;
use crate::repo::rollout::ImageEntry;

/// An image in its parts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::render) struct Image<'a> {
    /// Registry and repository.
    pub(in crate::render) name: &'a str,
    /// What follows the colon.
    pub(in crate::render) tag: Option<&'a str>,
    /// What follows the `@`.
    pub(in crate::render) digest: Option<&'a str>,
}

impl<'a> Image<'a> {
    /// Takes an image apart as Kustomize does.
    pub(in crate::render) fn of(text: &'a str) -> Self {
        let (name, tag, digest) = split_image(text);
        Self { name, tag, digest }
    }

    /// Tag and digest, as they follow the name.
    pub(in crate::render) fn version(&self) -> String {
        let tag = self.tag.map(|tag| format!(":{tag}"));
        let digest = self.digest.map(|digest| format!("@{digest}"));
        tag.unwrap_or_default() + &digest.unwrap_or_default()
    }
}

/// What the primary's image is called, and the entry that says what it is.
#[derive(Debug)]
struct Hidden {
    /// In the primary's manifest.
    image: String,
    /// In `images`.
    entry: Mapping,
}

/// The entry of `images` by which a container of the built target has its image:
/// it names the image that the target's manifest has, else its name gives the
/// one that is built.
pub(in crate::render) fn image_of<'a>(
    source: Source<'a>,
    container: &Value,
) -> Option<&'a ImageEntry> {
    let entries = &source.copied.images;
    let built = Image::of(container.get("image")?.as_str()?).name;
    let raw = raw_image(source, container).map(|image| Image::of(image).name);
    let by_raw = entries.iter().find(|entry| Some(&*entry.name) == raw);
    by_raw.or_else(|| {
        let gives = |entry: &&ImageEntry| {
            let name = item(source, entry.index).and_then(|item| item.get("newName")?.as_str());
            name.unwrap_or(&entry.name) == built
        };
        entries.iter().find(gives)
    })
}

/// The image of the same container in the target's manifest.
pub(super) fn raw_image<'a>(source: Source<'a>, container: &Value) -> Option<&'a str> {
    let name = container.get("name")?;
    let template = get(&source.copied.target.value, &["spec", "template"])?;
    let mut same = containers(template).filter(|raw| raw.get("name") == Some(name));
    same.next()?.get("image")?.as_str()
}

/// An item of `images` in the home kustomization.
pub(super) fn item(source: Source<'_>, index: usize) -> Option<&Value> {
    set_images(source).get(index)
}

/// Gives the images of a pod template that entries set the names of the primary's.
pub(super) fn hide(source: Source<'_>, template: &mut Value) {
    let lists = template.get_mut("spec").map(pod_lists);
    for container in lists.into_iter().flatten().flatten() {
        if let Some(hidden) = hidden(source, container) {
            with_image(container, &hidden.image);
        }
    }
}

/// Gives the images of the primary's pod template the names that are built.
pub(super) fn show(source: Source<'_>, template: &mut Value) {
    let lists = template.get_mut("spec").map(pod_lists);
    for container in lists.into_iter().flatten().flatten() {
        let image = container
            .get("image")
            .and_then(Value::as_str)
            .map(Image::of);
        let Some(image) = image else { continue };
        let is_ours = |entry: &ImageEntry| copy_name(&entry.name) == image.name;
        if !source.copied.images.iter().any(is_ours) {
            continue;
        }
        let Some(entry) = set_images(source)
            .iter()
            .find(|item| is_named(item, image.name))
        else {
            continue;
        };
        let text = |key: &str| entry.get(key).and_then(Value::as_str);
        let has_version = text("newTag").is_some() || text("digest").is_some();
        let shown = Image {
            name: text("newName").unwrap_or(image.name),
            tag: text("newTag").or(image.tag.filter(|_| !has_version)),
            digest: text("digest").or(image.digest.filter(|_| !has_version)),
        };
        let shown = shown.name.to_owned() + &shown.version();
        with_image(container, &shown);
    }
}

/// `images` of the home kustomization.
fn set_images(source: Source<'_>) -> &[Value] {
    let images = source
        .home
        .and_then(|home| home.kustomization.value.get("images"));
    let images = images.and_then(Value::as_sequence);
    images.map(Vec::as_slice).unwrap_or_default()
}

fn is_named(item: &Value, name: &str) -> bool {
    item.get("name").and_then(Value::as_str) == Some(name)
}

/// Sets the image of a container.
pub(in crate::render) fn with_image(container: &mut Value, image: &str) {
    if let Some(container) = container.as_mapping_mut() {
        container.insert("image".into(), image.into());
    }
}

/// The entries of `images` that the primary needs.
pub(in crate::render) fn entries(source: Source<'_>) -> Vec<Value> {
    let template = get(&source.copied.built, &["spec", "template"]);
    let hidden = template
        .into_iter()
        .flat_map(containers)
        .filter_map(|container| hidden(source, container));
    let mut entries = Vec::new();
    for entry in hidden.map(|hidden| Value::from(hidden.entry)) {
        if !entries.contains(&entry) {
            entries.push(entry);
        }
    }
    entries
}

/// Does every image of the primary have the entry it needs?
pub(in crate::render) fn are_current(source: Source<'_>) -> bool {
    entries(source).iter().all(|entry| {
        let same = |item: &&Value| item.get("name") == entry.get("name");
        set_images(source).iter().find(same) == Some(entry)
    })
}

/// One entry gives one version. Where containers have the same image in several
/// versions, the manifest keeps them and the entry gives the name alone.
fn hidden(source: Source<'_>, container: &Value) -> Option<Hidden> {
    let entry = image_of(source, container)?;
    let image = Image::of(container.get("image")?.as_str()?);
    let template = get(&source.copied.built, &["spec", "template"])?;
    let siblings = containers(template)
        .filter(|other| image_of(source, other).is_some_and(|other| other.name == entry.name))
        .filter_map(|other| other.get("image")?.as_str().map(Image::of));
    let siblings: Vec<Image<'_>> = siblings.collect();
    if siblings.iter().any(|other| other.name != image.name) {
        return None;
    }
    let placeholder = copy_name(&entry.name);
    let mut item = Mapping::new();
    item.insert("name".into(), placeholder.clone().into());
    item.insert("newName".into(), image.name.into());
    let is_plain = image.tag.is_none() || image.digest.is_none();
    if is_plain && siblings.iter().all(|other| *other == image) {
        if let Some(tag) = image.tag {
            item.insert("newTag".into(), tag.into());
        }
        if let Some(digest) = image.digest {
            item.insert("digest".into(), digest.into());
        }
        return Some(Hidden {
            image: placeholder,
            entry: item,
        });
    }
    Some(Hidden {
        image: placeholder + &image.version(),
        entry: item,
    })
}
