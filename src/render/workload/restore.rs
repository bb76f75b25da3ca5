//! The way back: the target's pod template as it was when the primary got it.

use std::collections::BTreeSet;

use serde_yaml::{Mapping, Value};

use super::images::{Image, image_of, raw_image, with_image};
use super::revision::is_volatile;
use super::spreading::unspread;
use super::template::{FLAGGER_ID, containers, pod_lists, shown_template};
use super::{SCALE_TO_ZERO, SelectorLabel, Source, get, get_mut, images, is_daemon_set, name};
use crate::error::Result;
use crate::render::configs;

/// What has to be written so that the target is built as it was.
#[derive(Debug)]
pub(in crate::render) struct Restored {
    /// The pod template that is built now, before `images` of the home.
    pub(in crate::render) now: Value,
    /// The pod template that is to be built, before `images` of the home.
    pub(in crate::render) wanted: Value,
    /// Entries of `images` that differ.
    pub(in crate::render) images: Vec<Value>,
}

/// Undoes what makes the primary's pod template of the target's. What is alike
/// in both stays as the target has it, to the name; labels and annotations that
/// other tools wrote stay, too. `promoted` are the configs that were tracked when
/// the primary was made, by `configmap/<name>`.
///
/// # Errors
/// When the target has no usable selector label.
pub(in crate::render) fn restored(
    source: Source<'_>,
    primary: &Value,
    promoted: &BTreeSet<&str>,
) -> Result<Restored> {
    let target = &source.copied.built;
    let now = get(target, &["spec", "template"]).cloned();
    let now = now.unwrap_or_default();
    let made = shown_template(source)?;
    let has = get(primary, &["spec", "template"]).cloned();
    let mut has = has.unwrap_or_default();
    images::show(source, &mut has);
    let renamed = renamed_back(source, &has, promoted)?;
    let mut built = walk(&now, &made, &has, &renamed);
    keep_volatile(&now, &mut built);
    Ok(before_images(source, now, built))
}

/// The primary's pod template with the names that the target's has.
fn renamed_back(source: Source<'_>, has: &Value, promoted: &BTreeSet<&str>) -> Result<Value> {
    let target = &source.copied.built;
    let label = SelectorLabel::of(target)?;
    let mut template = has.clone();
    if let Some(value) = get_mut(&mut template, &["metadata", "labels", &label.key])
        && value.as_str() == Some(&label.primary_value())
    {
        *value = label.value.clone().into();
    }
    let metadata = template.get_mut("metadata").and_then(Value::as_mapping_mut);
    if let Some(metadata) = metadata
        && let Some(annotations) = metadata.get_mut("annotations")
        && let Some(annotations) = annotations.as_mapping_mut()
    {
        annotations.shift_remove(FLAGGER_ID);
        if annotations.is_empty() {
            metadata.shift_remove("annotations");
        }
    }
    let Some(pods) = template.get_mut("spec") else {
        return Ok(template);
    };
    if !is_daemon_set(target) {
        unspread(pods, name(target));
    }
    configs::rename_references(pods, &|kind, name| {
        let name = name.strip_suffix("-primary")?;
        let is_it =
            |config: &crate::repo::rollout::Config| config.kind == kind && config.name == name;
        let tracked = source.copied.configs.iter().any(is_it)
            || promoted.contains(configs::key(kind, name).as_str());
        tracked.then(|| name.to_owned())
    });
    Ok(template)
}

/// `now` changed as far as what was made of it (`made`) differs from what the
/// primary has; `renamed` is that with the target's names.
fn walk(now: &Value, made: &Value, has: &Value, renamed: &Value) -> Value {
    if made == has {
        return now.clone();
    }
    match (now, made, has, renamed) {
        (
            Value::Mapping(now),
            Value::Mapping(made),
            Value::Mapping(has),
            Value::Mapping(renamed),
        ) => {
            let mut result = Mapping::new();
            for (key, value) in now {
                let value = match (made.get(key), has.get(key), renamed.get(key)) {
                    (Some(made), Some(has), Some(renamed)) => Some(walk(value, made, has, renamed)),
                    (None, None, _) => Some(value.clone()),
                    (None, Some(_), renamed) => renamed.cloned(),
                    (Some(_), _, _) => None,
                };
                result.extend(value.map(|value| (key.clone(), value)));
            }
            let new = renamed.iter().filter(|(key, _)| !now.contains_key(*key));
            result.extend(new.map(|(key, value)| (key.clone(), value.clone())));
            result.into()
        }
        (
            Value::Sequence(now),
            Value::Sequence(made),
            Value::Sequence(has),
            Value::Sequence(renamed),
        ) if is_alike(now, made) && is_alike(now, has) && is_alike(now, renamed) => {
            let pairs = now.iter().zip(made).zip(has.iter().zip(renamed));
            let items = pairs.map(|((now, made), (has, renamed))| walk(now, made, has, renamed));
            Value::Sequence(items.collect())
        }
        _ => renamed.clone(),
    }
}

/// Do two lists have items of the same names, in the same order?
fn is_alike(one: &[Value], other: &[Value]) -> bool {
    let name = |item: &Value| item.get("name").cloned();
    let mut pairs = one.iter().zip(other);
    one.len() == other.len()
        && pairs.all(|(one, other)| name(one).is_some() && name(one) == name(other))
}

/// What other tools wrote into the target's pod template stays there, and so
/// does what keeps a DaemonSet off all nodes.
fn keep_volatile(now: &Value, built: &mut Value) {
    let kept = |key: &Value, path: &[&str]| match path {
        ["metadata", ..] => is_volatile(key),
        _ => key.as_str() == Some(SCALE_TO_ZERO),
    };
    for path in [
        ["metadata", "annotations"],
        ["metadata", "labels"],
        ["spec", "nodeSelector"],
    ] {
        let old = get(now, &path).and_then(Value::as_mapping);
        for (key, value) in old.into_iter().flatten() {
            if !kept(key, &path) {
                continue;
            }
            let empty = || Value::Mapping(Mapping::new());
            let parent = built.get_mut(path[0]).and_then(Value::as_mapping_mut);
            let holder = parent.map(|parent| parent.entry(path[1].into()).or_insert_with(empty));
            if let Some(holder) = holder.and_then(Value::as_mapping_mut) {
                holder.insert(key.clone(), value.clone());
            }
        }
    }
}

/// Takes out of both templates what entries of `images` do, and finds the entries
/// that make of the images in the manifest what is wanted.
fn before_images(source: Source<'_>, now: Value, wanted: Value) -> Restored {
    let mut restored = Restored {
        now: now.clone(),
        wanted,
        images: Vec::new(),
    };
    let lists = restored.now.get_mut("spec").map(pod_lists);
    for container in lists.into_iter().flatten().flatten() {
        if image_of(source, container).is_some()
            && let Some(raw) = raw_image(source, container)
        {
            let raw = raw.to_owned();
            with_image(container, &raw);
        }
    }
    let lists = restored.wanted.get_mut("spec").map(pod_lists);
    for container in lists.into_iter().flatten().flatten() {
        let mut same = containers(&now).filter(|old| old.get("name") == container.get("name"));
        let entry = image_of(source, same.next().unwrap_or(container));
        let Some((entry, image)) = entry.zip(container.get("image").and_then(Value::as_str)) else {
            continue;
        };
        let raw = raw_image(source, container).unwrap_or(&entry.name);
        let Some(item) = images::item(source, entry.index).and_then(Value::as_mapping) else {
            continue;
        };
        let (image, entry_wanted) = split(item, &entry.name, raw, Image::of(image));
        let differs = *item != entry_wanted;
        let entry_wanted = Value::from(entry_wanted);
        if differs && !restored.images.contains(&entry_wanted) {
            restored.images.push(entry_wanted);
        }
        with_image(container, &image);
    }
    restored
}

/// The image in the manifest and the entry of `images` that give `wanted`
/// together: as much as can be in the place where it is now.
fn split(item: &Mapping, name: &str, raw: &str, wanted: Image<'_>) -> (String, Mapping) {
    let mut entry = item.clone();
    let given = item.get("newName").and_then(Value::as_str).unwrap_or(name);
    if given != wanted.name {
        match wanted.name == name {
            true => entry.shift_remove("newName"),
            false => entry.insert("newName".into(), wanted.name.into()),
        };
    }
    let has_version = item.contains_key("newTag") || item.contains_key("digest");
    let is_bare = wanted.tag.is_none() && wanted.digest.is_none();
    if Image::of(raw).name == name && (is_bare || !has_version) {
        entry.shift_remove("newTag");
        entry.shift_remove("digest");
        return (name.to_owned() + &wanted.version(), entry);
    }
    for (key, value) in [("newTag", wanted.tag), ("digest", wanted.digest)] {
        match value {
            Some(value) => entry.insert(key.into(), value.into()),
            None => entry.shift_remove(key),
        };
    }
    (raw.to_owned(), entry)
}

/// `raw` changed as what is built of it is to change from `built` to `wanted`.
/// `None` when a patch has its hands in what changes.
pub(in crate::render) fn rebase(raw: &Value, built: &Value, wanted: &Value) -> Option<Value> {
    if built == wanted {
        return Some(raw.clone());
    }
    if raw == built {
        return Some(wanted.clone());
    }
    match (raw, built, wanted) {
        (Value::Mapping(raw), Value::Mapping(built), Value::Mapping(wanted)) => {
            let mut result = Mapping::new();
            let new = wanted.keys().filter(|key| !raw.contains_key(*key));
            for key in raw.keys().chain(new) {
                let value = match (raw.get(key), built.get(key), wanted.get(key)) {
                    (raw, built, wanted) if built == wanted => raw.cloned(),
                    (raw, built, wanted) if raw == built => wanted.cloned(),
                    (Some(raw), Some(built), Some(wanted)) => Some(rebase(raw, built, wanted)?),
                    _ => return None,
                };
                result.extend(value.map(|value| (key.clone(), value)));
            }
            Some(result.into())
        }
        (Value::Sequence(raw), Value::Sequence(built), Value::Sequence(wanted))
            if is_alike(raw, built) && is_alike(raw, wanted) =>
        {
            let items = raw.iter().zip(built).zip(wanted);
            let items = items.map(|((raw, built), wanted)| rebase(raw, built, wanted));
            items.collect::<Option<Vec<_>>>().map(Value::Sequence)
        }
        _ => None,
    }
}
