//! `configMapGenerator` and `secretGenerator`.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_yaml::{Mapping, Value};

use super::Kustomization;
use super::select::Object;
use super::set::{metadata, text};
use crate::error::Result;
use crate::repo::inventory::{Inventory, join};

/// The mark of values that SOPS encrypted, in files of any format.
const SOPS: &[u8] = b"ENC[AES256_GCM";

/// What an entry of a generator makes.
pub(super) struct Generated {
    /// `create`, `merge` or `replace`.
    behavior: String,
    object: Value,
}

/// Why an entry's object is not known.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Unknown {
    /// A file of it is encrypted.
    Encrypted,
    /// Something else, in words that follow "because".
    Because(String),
}

/// The lists of generators, with the kind they make.
pub(super) const GENERATORS: [(&str, &str); 2] = [
    ("configMapGenerator", "ConfigMap"),
    ("secretGenerator", "Secret"),
];

/// The annotation that carries [`Unknown`] in an object whose data is not known.
/// Nobody can write it: what users write is read from their keys.
const UNKNOWN: &str = "weirkeeper/unknown";

/// Makes what the generators of `kustomization` make, beside or into `objects`.
///
/// # Errors
/// When a file cannot be read.
pub(super) fn generate(
    inventory: &Inventory,
    kustomization: &Kustomization,
    objects: &mut Vec<Object>,
) -> Result<()> {
    let value = &kustomization.manifest.value;
    for (list, kind) in GENERATORS {
        for entry in super::items(value, list) {
            let source = Source {
                inventory,
                folder: kustomization.manifest.folder(),
                options: value.get("generatorOptions"),
                entry,
                kind,
            };
            let made = source.generate()?;
            let existing = objects.iter_mut().find(|object| {
                object.kind() == kind && object.name() == text(entry, "name").unwrap_or_default()
            });
            match (made.behavior.as_str(), existing) {
                ("merge", Some(existing)) => merge(&mut existing.value, &made.object),
                ("replace", Some(existing)) => existing.value = made.object,
                _ => objects.push(Object::new(made.object, None)),
            }
        }
    }
    Ok(())
}

/// Why the data of `object` is not known; `None` when it is.
pub(crate) fn unknown(object: &Value) -> Option<Unknown> {
    let why = object.get(UNKNOWN)?.as_str()?;
    Some(match why {
        "" => Unknown::Encrypted,
        why => Unknown::Because(why.to_owned()),
    })
}

/// The same object with data that is not known.
pub(super) fn not_known(object: &mut Value, why: &Unknown) {
    let text = match why {
        Unknown::Encrypted => "",
        Unknown::Because(why) => why,
    };
    if let Some(object) = object.as_mapping_mut() {
        object.insert(UNKNOWN.into(), text.into());
    }
}

/// Adds data, labels and annotations of `new`.
fn merge(object: &mut Value, new: &Value) {
    let part = |key: &str| new.get(key).and_then(Value::as_mapping);
    let Some(fields) = object.as_mapping_mut() else {
        return;
    };
    for key in ["data", "binaryData"] {
        let Some(new) = part(key) else { continue };
        let empty = || Value::Mapping(Mapping::new());
        let data = fields.entry(key.into()).or_insert_with(empty);
        if let Some(data) = data.as_mapping_mut() {
            data.extend(new.clone());
        }
    }
    if let Some(why) = new.get(UNKNOWN) {
        fields.insert(UNKNOWN.into(), why.clone());
    }
    for field in ["labels", "annotations"] {
        let pairs = new
            .get("metadata")
            .and_then(|metadata| metadata.get(field)?.as_mapping());
        if let Some(pairs) = pairs {
            metadata(object, field, pairs, false);
        }
    }
}

/// One entry of a generator.
struct Source<'a> {
    inventory: &'a Inventory,
    folder: &'a str,
    options: Option<&'a Value>,
    entry: &'a Value,
    kind: &'a str,
}

/// Keys and bytes.
type Pairs = Vec<(String, Vec<u8>)>;

impl Source<'_> {
    fn generate(&self) -> Result<Generated> {
        let mut object = self.empty();
        let mut pairs = self.literals();
        let mut problem = None;
        let mut add = |more: std::result::Result<Pairs, Unknown>| match more {
            Ok(more) => pairs.extend(more),
            Err(unknown) => problem = Some(unknown),
        };
        for source in super::items(self.entry, "files") {
            add(self.file(source.as_str().unwrap_or_default())?);
        }
        let one = self.entry.get("env").into_iter();
        for source in super::items(self.entry, "envs").iter().chain(one) {
            add(self.variables(source.as_str().unwrap_or_default())?);
        }
        self.fill(&mut object, pairs);
        if let Some(problem) = problem {
            not_known(&mut object, &problem);
        }
        Ok(Generated {
            behavior: text(self.entry, "behavior").unwrap_or_default(),
            object,
        })
    }

    /// The object without data.
    fn empty(&self) -> Value {
        let mut object = Mapping::new();
        object.insert("apiVersion".into(), "v1".into());
        object.insert("kind".into(), self.kind.into());
        let mut about = Mapping::new();
        for key in ["name", "namespace"] {
            if let Some(text) = text(self.entry, key) {
                about.insert(key.into(), text.into());
            }
        }
        object.insert("metadata".into(), about.into());
        if self.kind == "Secret" {
            let kind = text(self.entry, "type").unwrap_or_else(|| "Opaque".to_owned());
            object.insert("type".into(), kind.into());
        }
        let mut object = Value::Mapping(object);
        for options in [self.options, self.entry.get("options")]
            .into_iter()
            .flatten()
        {
            for field in ["labels", "annotations"] {
                if let Some(pairs) = options.get(field).and_then(Value::as_mapping) {
                    metadata(&mut object, field, pairs, false);
                }
            }
            let immutable = options.get("immutable").and_then(Value::as_bool);
            if let (Some(true), Some(fields)) = (immutable, object.as_mapping_mut()) {
                fields.insert("immutable".into(), true.into());
            }
        }
        object
    }

    /// `key=value`; quotes around the value are dropped.
    fn literals(&self) -> Pairs {
        let literals = super::items(self.entry, "literals").iter();
        let pairs = literals.filter_map(|literal| literal.as_str()?.split_once('='));
        pairs
            .map(|(key, value)| {
                let value = value.trim_matches(['"', '\'']);
                (key.to_owned(), value.as_bytes().to_vec())
            })
            .collect()
    }

    fn read(&self, path: &str) -> Result<std::result::Result<Vec<u8>, Unknown>> {
        let bytes = match join(self.folder, path) {
            Some(path) => self.inventory.files().read(&path)?,
            None => None,
        };
        Ok(match bytes {
            Some(bytes) if memchr::memmem::find(&bytes, SOPS).is_some() => Err(Unknown::Encrypted),
            Some(bytes) => Ok(bytes),
            None => Err(Unknown::Because(format!(
                "its file {path} is not in the repository"
            ))),
        })
    }

    /// `path` or `key=path`.
    fn file(&self, source: &str) -> Result<std::result::Result<Pairs, Unknown>> {
        let (key, path) = match source.split_once('=') {
            Some((key, path)) => (key, path),
            None => (source.rsplit('/').next().unwrap_or(source), source),
        };
        let read = self.read(path)?;
        Ok(read.map(|bytes| vec![(key.to_owned(), bytes)]))
    }

    /// A file of `KEY=value` lines.
    fn variables(&self, path: &str) -> Result<std::result::Result<Pairs, Unknown>> {
        let bytes = match self.read(path)? {
            Ok(bytes) => bytes,
            Err(unknown) => return Ok(Err(unknown)),
        };
        let all = String::from_utf8_lossy(&bytes).into_owned();
        let mut pairs = Pairs::new();
        for line in all.trim_start_matches('\u{feff}').lines() {
            let line = line.trim_start();
            if line.is_empty() || line.starts_with('#') {
                continue;
            }
            let Some((key, value)) = line.split_once('=') else {
                return Ok(Err(Unknown::Because(format!(
                    "{path} takes {line} from the environment of whoever builds it"
                ))));
            };
            pairs.push((key.to_owned(), value.as_bytes().to_vec()));
        }
        Ok(Ok(pairs))
    }

    /// Text as it is in a ConfigMap, everything else in Base64.
    fn fill(&self, object: &mut Value, pairs: Pairs) {
        let (mut data, mut binary) = (Mapping::new(), Mapping::new());
        for (key, bytes) in pairs {
            match String::from_utf8(bytes) {
                Ok(text) if self.kind == "ConfigMap" => {
                    data.insert(key.into(), text.into());
                }
                Ok(text) => {
                    data.insert(key.into(), STANDARD.encode(text).into());
                }
                Err(bytes) => {
                    let encoded = STANDARD.encode(bytes.as_bytes());
                    let part = match self.kind {
                        "ConfigMap" => &mut binary,
                        _ => &mut data,
                    };
                    part.insert(key.into(), encoded.into());
                }
            }
        }
        let Some(object) = object.as_mapping_mut() else {
            return;
        };
        for (key, part) in [("data", data), ("binaryData", binary)] {
            if !part.is_empty() {
                object.insert(key.into(), part.into());
            }
        }
    }
}
