//! Manifests: what is generated, and how a plan becomes edits.

pub mod route;
pub mod service;
pub mod workload;

use std::collections::BTreeMap;

use serde_yaml::Value;

/// A mapping of texts as a YAML value.
fn mapping(map: BTreeMap<String, String>) -> Value {
    Value::Mapping(
        map.into_iter()
            .map(|(key, value)| (Value::from(key), Value::from(value)))
            .collect(),
    )
}
//! From a plan to edits of files.

pub mod weights;
