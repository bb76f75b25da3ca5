//! Manifests: what is generated, and how a plan becomes edits.

mod apply;
mod changes;
mod configs;
mod facts;
mod fields;
mod patches;
pub mod route;
mod scaler;
pub mod service;
#[cfg(test)]
mod testing;
#[cfg(test)]
mod tests;
pub mod weights;
pub mod workload;

pub use apply::{HEADER, apply, separate};
pub use changes::Changes;
pub use facts::{exposed, facts, facts_of_routes, flux_hints, pdb_hint, warnings};

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
