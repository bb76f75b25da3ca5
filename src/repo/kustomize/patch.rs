//! The patches of a kustomization: where each stands, what it means, what it does.

use serde_yaml::Value;

use super::select::{Object, Selector};
use super::{Kustomization, items, json, merge};
use crate::diagnostic::Diagnostic;
use crate::error::Result;
use crate::repo::inventory::{Inventory, join};
use crate::yaml::{Limits, Stream};

/// The lists of patches in the order in which Kustomize applies them: those of
/// `patchesJson6902` come after labels and annotations.
pub(super) const LISTS: [&str; 3] = ["patchesStrategicMerge", "patches", "patchesJson6902"];

/// One entry of a list of patches.
#[derive(Debug)]
pub(super) struct Patch {
    /// The list, one of [`LISTS`].
    pub(super) list: &'static str,
    /// Position in it.
    pub(super) index: usize,
    /// The file; `None` for one that is written in the kustomization itself.
    pub(super) file: Option<String>,
    target: Option<std::result::Result<Selector, String>>,
    body: std::result::Result<Body, String>,
    renames: bool,
}

#[derive(Debug)]
enum Body {
    /// Documents to merge.
    Merge(Vec<Value>),
    /// JSON 6902 operations.
    Operations(Vec<Value>),
}

impl Patch {
    /// The patches of one of [`LISTS`].
    ///
    /// # Errors
    /// When a file cannot be read from its origin.
    pub(super) fn of(
        inventory: &Inventory,
        kustomization: &Kustomization,
        list: &'static str,
    ) -> Result<Vec<Self>> {
        let entries = items(&kustomization.manifest.value, list).iter();
        let folder = kustomization.manifest.folder();
        let read = |(index, entry)| Self::read(inventory, folder, list, index, entry);
        entries.enumerate().map(read).collect()
    }

    fn read(
        inventory: &Inventory,
        folder: &str,
        list: &'static str,
        index: usize,
        entry: &Value,
    ) -> Result<Self> {
        let field = |key: &str| entry.get(key).and_then(Value::as_str);
        // The old list holds paths and patches alike.
        let plain = entry.as_str();
        let (path, inline) = match plain {
            Some(text) if text.trim_end().contains('\n') => (None, Some(text)),
            Some(path) => (Some(path), None),
            None => (field("path"), field("patch")),
        };
        let path = path.filter(|path| !path.is_empty());
        let file = path.and_then(|path| join(folder, path));
        let documents = match (&file, inline) {
            (Some(file), _) => inventory.documents(file)?,
            (None, Some(text)) => inline_documents(text),
            (None, None) => Err("it has neither `path` nor `patch`".to_owned()),
        };
        let set = |name: &str| {
            let option = entry.get("options").and_then(|options| options.get(name));
            option.and_then(Value::as_bool) == Some(true)
        };
        Ok(Self {
            list,
            index,
            file,
            target: entry.get("target").map(Selector::read),
            body: documents.and_then(Body::of),
            renames: set("allowNameChange") || set("allowKindChange"),
        })
    }

    /// Is it known what it patches?
    pub(super) fn is_understood(&self) -> bool {
        self.body.is_ok() && !matches!(self.target, Some(Err(_)))
    }

    /// Does it patch this object? One that cannot be understood may.
    pub(super) fn concerns(&self, object: &Object) -> bool {
        match (&self.target, &self.body) {
            (Some(Ok(target)), _) => target.matches(object),
            (Some(Err(_)), _) | (None, Err(_)) => true,
            (None, Ok(Body::Merge(documents))) => documents
                .iter()
                .any(|document| object.is_named_by(document)),
            (None, Ok(Body::Operations(_))) => false,
        }
    }

    /// The object after this patch.
    ///
    /// # Errors
    /// Why that cannot be told, in words that follow "because".
    pub(super) fn apply(&self, object: &Object) -> std::result::Result<Value, String> {
        if let Some(Err(why)) = &self.target {
            return Err(why.clone());
        }
        if self.renames {
            return Err("it may give the object another name or kind".to_owned());
        }
        match self.body.as_ref().map_err(Clone::clone)? {
            Body::Operations(operations) => json::apply(&object.value, operations),
            Body::Merge(documents) => {
                let mut value = object.value.clone();
                for document in documents {
                    if self.target.is_some() || object.is_named_by(document) {
                        value = merge::merge(&value, document)?;
                    }
                }
                Ok(value)
            }
        }
    }

    /// A finding about this entry.
    pub(super) fn error(&self, kustomization: &Kustomization, message: String) -> Diagnostic {
        let entry = items(&kustomization.manifest.value, self.list).get(self.index);
        let named = |key: &&str| entry.is_some_and(|entry| entry.get(*key).is_some());
        let key = ["path", "target", "patch"].into_iter().find(named);
        let place = match key {
            Some(key) => format!("{}[{}].{key}", self.list, self.index),
            None => format!("{}[{}]", self.list, self.index),
        };
        kustomization.manifest.error_at(&place, message)
    }
}

impl Body {
    fn of(documents: Vec<Value>) -> std::result::Result<Self, String> {
        let mut documents: Vec<Value> = documents
            .into_iter()
            .filter(|document| !document.is_null())
            .collect();
        match documents.as_mut_slice() {
            [] => Err("it is empty".to_owned()),
            [Value::Sequence(operations)] => Ok(Self::Operations(std::mem::take(operations))),
            documents if documents.iter().all(Value::is_mapping) => {
                Ok(Self::Merge(documents.to_vec()))
            }
            _ => Err("it is neither objects nor a list of operations".to_owned()),
        }
    }
}

fn inline_documents(text: &str) -> std::result::Result<Vec<Value>, String> {
    let stream = Stream::parse(text, &Limits::default()).map_err(|error| error.to_string())?;
    let documents = stream.documents().iter();
    documents
        .map(|document| document.to_value().map_err(|error| error.to_string()))
        .collect()
}
