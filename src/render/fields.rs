//! Mode `fields`: people own both sides, and named fields are copied.

use serde_yaml::Value;

use super::workload::short_hash;
use crate::decide::{Facts, Primary};
use crate::repo::rollout::{FieldPair, Fields};

/// Workloads and Services are people's: nothing is made or scaled.
pub(super) fn facts(fields: &Fields) -> Facts {
    let is_current = |pair: &FieldPair| pair.from.value == pair.to.value;
    Facts {
        revision: revision(fields),
        primary: match fields.pairs.iter().all(is_current) {
            true => Primary::Current,
            false => Primary::Different,
        },
        services: true,
        scales: false,
        ..Facts::default()
    }
}

/// A hash of the canary's fields in their order, where one that is not there is
/// null. Eight hex digits.
fn revision(fields: &Fields) -> String {
    let values = fields.pairs.iter();
    let values = values.map(|pair| pair.from.value.clone().unwrap_or_default());
    short_hash(&Value::Sequence(values.collect()))
}
