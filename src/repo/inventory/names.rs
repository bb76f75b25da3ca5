//! Finding files by the names in them, without parsing all.

use std::collections::{BTreeMap, BTreeSet};

use aho_corasick::AhoCorasick;
use memchr::memmem;
use serde_yaml::Value;

use super::{FEW_FILES, Inventory, is_below};
use crate::error::{Error, Result};
use crate::repo::manifest::Manifest;

/// Objects that a pod refers to and that no Canary names.
const CONFIGS: [&str; 2] = ["ConfigMap", "Secret"];

/// Names by which the objects of a Canary can be found.
pub(crate) fn of(canary: &Manifest) -> impl Iterator<Item = String> {
    let spec = canary.value.get("spec").cloned().unwrap_or_default();
    let at = |path: &[&str]| {
        let value = path.iter().try_fold(&spec, |value, key| value.get(*key));
        value.cloned().unwrap_or_default()
    };
    let list = |path: &[&str]| at(path).as_sequence().cloned().unwrap_or_default();
    let mut named: Vec<Value> = ["targetRef", "service", "autoscalerRef"]
        .iter()
        .map(|object| at(&[object]))
        .collect();
    named.push(at(&["gitops", "route"]));
    named.extend(list(&["gitops", "routes"]));
    for pair in list(&["gitops", "promotion", "fields"]) {
        named.extend(
            ["from", "to"]
                .iter()
                .filter_map(|end| pair.get(*end).cloned()),
        );
    }
    let name = |object: Value| object.get("name")?.as_str().map(str::to_owned);
    named
        .into_iter()
        .filter_map(name)
        .filter(|name| !name.is_empty())
}

/// Target and apex names of a Canary: others that have one of them release another
/// copy of it.
pub(super) fn main_of(canary: &Manifest) -> impl Iterator<Item = &str> {
    let spec = canary.value.get("spec");
    let name = move |object| spec?.get(object)?.get("name")?.as_str();
    ["targetRef", "service"].into_iter().filter_map(name)
}

impl Inventory {
    /// The Canaries with the same target or apex name, by path.
    pub(crate) fn namesakes(&self, canary: &Manifest) -> Vec<&Manifest> {
        let found = main_of(canary).filter_map(|name| self.namesakes.get(name));
        let found: BTreeSet<usize> = found.flatten().copied().collect();
        found
            .into_iter()
            .map(|index| &self.canaries[index])
            .collect()
    }

    /// Paths in `folder` and below that may hold an object called `name`.
    pub(super) fn below(&self, folder: &str, name: &str) -> Result<Vec<String>> {
        let many = self.files.below(folder)?.nth(FEW_FILES).is_some();
        if !many {
            return Ok(self.files.below(folder)?.map(str::to_owned).collect());
        }
        let named = self.naming(name)?.iter();
        Ok(named
            .filter(|path| is_below(path, folder))
            .cloned()
            .collect())
    }

    /// Paths that may hold an object called `name`: one that a Canary names, its
    /// copy, or something that pods refer to.
    pub(super) fn naming(&self, name: &str) -> Result<&[String]> {
        // Every object of a Canary is called after one that it names.
        let stems = self.names.iter().filter(|stem| name.starts_with(*stem));
        let index = match stems.max_by_key(|stem| stem.len()) {
            Some(stem) => (self.mentions()?, stem.as_str()),
            None => (self.configs()?, name),
        };
        let (index, name) = index;
        Ok(index.get(name).map(Vec::as_slice).unwrap_or_default())
    }

    /// For each name that a Canary names the files that contain it.
    fn mentions(&self) -> Result<&BTreeMap<String, Vec<String>>> {
        if let Some(mentions) = self.mentions.get() {
            return Ok(mentions);
        }
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
        Ok(self.mentions.get_or_init(|| mentions))
    }

    /// By name, the files that hold something called so, and a ConfigMap or a
    /// Secret of any kind.
    fn configs(&self) -> Result<&BTreeMap<String, Vec<String>>> {
        if let Some(configs) = self.configs.get() {
            return Ok(configs);
        }
        let kinds = CONFIGS.map(memmem::Finder::new);
        let found = self.files.scan(|_, bytes| {
            let holds = kinds.iter().any(|kind| kind.find(bytes).is_some());
            let names = holds.then(|| values_of_name(&String::from_utf8_lossy(bytes)))?;
            (!names.is_empty()).then_some(names)
        })?;
        let mut configs: BTreeMap<String, Vec<String>> = BTreeMap::new();
        for (path, names) in found {
            for name in names {
                configs.entry(name).or_default().push(path.to_owned());
            }
        }
        Ok(self.configs.get_or_init(|| configs))
    }
}

/// What stands after `name:` anywhere in the text.
fn values_of_name(text: &str) -> BTreeSet<String> {
    let value = |(at, key): (usize, &str)| {
        let rest = text[at + key.len()..].trim_start_matches(['"', '\'']);
        let value = rest.trim_start().strip_prefix(':')?;
        let value = value.trim_start();
        // An anchor may come first.
        let value = match value.strip_prefix('&') {
            Some(anchored) => anchored.split_once(' ')?.1.trim_start(),
            None => value,
        };
        let value = value.trim_start_matches(['"', '\'']);
        let end = value.find(|c: char| c.is_whitespace() || "\"',}]".contains(c));
        let value = &value[..end.unwrap_or(value.len())];
        (!value.is_empty()).then(|| value.to_owned())
    };
    text.match_indices("name").filter_map(value).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_read_without_parsing() {
        let text = "metadata:\n  name: \"a\"\n---\n{\"metadata\": {\"name\": \"b\"}}\n---\nmetadata: {name: &it c}\nnamespace: d\n";
        let found = values_of_name(text);
        assert_eq!(found, ["a", "b", "c"].map(str::to_owned).into());
    }
}
