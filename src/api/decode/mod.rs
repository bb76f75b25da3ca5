//! From a YAML value to a type of this module, with *all* that does not fit.
//!
//! Serde stops at the first value of a wrong type. So the value is read again
//! without what failed, until nothing fails any more.

mod node;
#[cfg(test)]
mod tests;

use std::cell::RefCell;
use std::collections::BTreeSet;

use serde::de::DeserializeOwned;
use serde_yaml::Value;

use self::node::{Node, Pass};
use super::{FieldPath, Problem};

/// The most errors reported for one document; one with more is no document of
/// its kind at all.
const MAX_ERRORS: usize = 64;

/// Reads `value`. What does not fit a field is left out of the result and
/// reported as an error; a field that does not exist is a warning. So the
/// result must not be used when there is an error, except to look for more.
///
/// As in the API server, fields that are null count as absent and whole
/// numbers may be written as `12.0`; text in place of a number is refused.
///
/// ```
/// use weirkeeper::api::{Canary, decode};
///
/// let value = serde_yaml::from_str(
///     "{spec: {analysis: {maxWeigth: 50, stepWeight: 12.5, threshold: 5.0, interval: null}}}",
/// )?;
/// let (canary, problems) = decode::<Canary>(value);
/// assert_eq!(canary.unwrap().spec.analysis.unwrap().threshold, Some(5));
///
/// let told: Vec<String> = problems
///     .iter()
///     .map(|problem| format!("{}: {}", problem.path, problem.message))
///     .collect();
/// assert_eq!(told, [
///     "spec.analysis.stepWeight: must be a whole number, found 12.5",
///     "spec.analysis.maxWeigth: unknown field, ignored",
/// ]);
/// assert_eq!(problems[1].hint.as_deref(), Some("did you mean `maxWeight`?"));
/// # Ok::<(), serde_yaml::Error>(())
/// ```
#[must_use]
pub fn decode<T: DeserializeOwned>(mut value: Value) -> (Option<T>, Vec<Problem>) {
    if let Err(error) = value.apply_merge() {
        let message = format!("cannot be merged with `<<`: {error}");
        return (None, vec![Problem::error(FieldPath::root(), message)]);
    }
    drop_nulls(&mut value);

    let mut errors: Vec<Problem> = Vec::new();
    let mut skipped = BTreeSet::new();
    loop {
        let pass = Pass {
            skipped: &skipped,
            unknown: RefCell::default(),
        };
        let read = T::deserialize(Node {
            value: &value,
            path: FieldPath::root(),
            pass: &pass,
        });
        let unknown = pass.unknown.into_inner();
        match read {
            Ok(read) => {
                errors.extend(unknown);
                return (Some(read), errors);
            }
            Err(failure) => {
                let path = failure.path.unwrap_or_default();
                let mut problem = Problem::error(path.clone(), failure.message);
                problem.hint = failure.hint;
                errors.push(problem);
                let again =
                    path != FieldPath::root() && skipped.insert(path) && errors.len() < MAX_ERRORS;
                if !again {
                    errors.extend(unknown);
                    return (None, errors);
                }
            }
        }
    }
}

/// Removes map fields that are null, at any depth.
fn drop_nulls(value: &mut Value) {
    match value {
        Value::Mapping(mapping) => {
            mapping.retain(|_, value| !value.is_null());
            mapping.values_mut().for_each(drop_nulls);
        }
        Value::Sequence(items) => items.iter_mut().for_each(drop_nulls),
        Value::Tagged(tagged) => drop_nulls(&mut tagged.value),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}
