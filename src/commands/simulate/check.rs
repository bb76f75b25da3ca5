//! Comparing what a tick did with what the scenario expects, by the rules of
//! the test corpus.

use std::collections::BTreeMap;

use serde_yaml::{Mapping, Value};

use super::scenario::{Scenario, Tick};
use super::show::Seen;
use crate::api::{FieldPath, Problem};
use crate::diagnostic::Diagnostic;
use crate::error::{Error, Result};

/// Texts of Flagger, for orientation.
const NOT_COMPARED: [&str; 3] = ["events", "alerts", "condition"];

/// Letters of a value that Flagger draws at random.
const RANDOM: usize = 10;

/// Longest value quoted in a message.
const QUOTED: usize = 200;

/// The comparison of one scenario.
#[derive(Debug, Default)]
pub(super) struct Check {
    cookies: Cookies,
}

impl Check {
    /// What differs after the last run of `tick`; keys that are not written are
    /// not compared.
    ///
    /// # Errors
    /// Only when what was seen is no data.
    pub(super) fn tick(
        &mut self,
        scenario: &Scenario,
        tick: &Tick,
        seen: &Seen,
    ) -> Result<Vec<Diagnostic>> {
        let found = serde_yaml::to_value(seen)
            .map_err(|error| Error::internal("cannot compare a tick").because(error))?;
        let expected = tick.expect.as_ref().and_then(Value::as_mapping);
        let mut differences = Vec::new();
        for (key, expected) in expected.into_iter().flatten() {
            let Some(key) = key.as_str().filter(|key| !NOT_COMPARED.contains(key)) else {
                continue;
            };
            let found = found.get(key).cloned().unwrap_or_default();
            // Flagger makes a value for a cookie without a name.
            let is_nameless = key.ends_with("Cookie")
                && expected
                    .as_str()
                    .is_some_and(|cookie| cookie.starts_with('='));
            if is_nameless && found.is_null() {
                continue;
            }
            let path = FieldPath::root().key(key);
            let (expected, found) = (normal(expected), normal(&found));
            self.compare(&path, &expected, &found, &mut differences);
        }
        let number = tick.number + tick.repeat - 1;
        let named = match &tick.name {
            Some(name) => format!("tick {number} ({name})"),
            None => format!("tick {number}"),
        };
        Ok(differences
            .into_iter()
            .map(|(path, message)| {
                let at = tick.path.key("expect").join(&path);
                scenario
                    .file
                    .diagnostic(&Problem::error(at, format!("{named}, {path}: {message}")))
            })
            .collect())
    }

    /// Notes the innermost values that differ.
    fn compare(
        &mut self,
        path: &FieldPath,
        expected: &Value,
        found: &Value,
        differences: &mut Vec<(FieldPath, String)>,
    ) {
        match (expected, found) {
            (Value::Mapping(wanted), Value::Mapping(got)) => {
                self.compare_mappings(path, wanted, got, differences);
            }
            (Value::Sequence(wanted), Value::Sequence(got)) if wanted.len() == got.len() => {
                for (index, (wanted, got)) in wanted.iter().zip(got).enumerate() {
                    self.compare(&path.index(index), wanted, got, differences);
                }
            }
            _ if self.same(expected, found) => {}
            (Value::Sequence(wanted), Value::Sequence(got)) if is_long(wanted) || is_long(got) => {
                let (wanted, got) = (wanted.len(), got.len());
                let message = format!("expected {wanted} items, found {got}");
                differences.push((path.clone(), message));
            }
            _ => differences.push((
                path.clone(),
                format!("expected {}, found {}", shown(expected), shown(found)),
            )),
        }
    }

    fn compare_mappings(
        &mut self,
        path: &FieldPath,
        wanted: &Mapping,
        got: &Mapping,
        differences: &mut Vec<(FieldPath, String)>,
    ) {
        for (key, wanted) in wanted {
            let at = path.key(key.as_str().unwrap_or_default());
            match got.get(key) {
                Some(got) => self.compare(&at, wanted, got, differences),
                None => {
                    let message = format!("expected {}, found nothing", shown(wanted));
                    differences.push((at, message));
                }
            }
        }
        for (key, got) in got.iter().filter(|(key, _)| !wanted.contains_key(key)) {
            let at = path.key(key.as_str().unwrap_or_default());
            differences.push((at, format!("expected nothing, found {}", shown(got))));
        }
    }

    fn same(&mut self, expected: &Value, found: &Value) -> bool {
        match (expected, found) {
            (Value::String(expected), Value::String(found)) => self.cookies.same(expected, found),
            (Value::Number(expected), Value::Number(found)) => {
                expected == found || expected.as_f64() == found.as_f64()
            }
            (expected, found) => expected == found,
        }
    }
}

/// Which generated cookie value stands for which letter of the scenario: one
/// for one, the same in every tick.
#[derive(Debug, Default)]
struct Cookies {
    value_of: BTreeMap<String, String>,
    letters_of: BTreeMap<String, String>,
}

impl Cookies {
    /// Is `found` the text `expected`, with a generated value in place of ten
    /// equal letters?
    fn same(&mut self, expected: &str, found: &str) -> bool {
        let Some((before, letters, after)) = split(expected) else {
            return expected == found;
        };
        let value = found
            .strip_prefix(before)
            .and_then(|rest| rest.strip_suffix(after))
            .filter(|value| !value.is_empty() && value.bytes().all(|b| b.is_ascii_alphanumeric()));
        let Some(value) = value else {
            return false;
        };
        match (self.value_of.get(letters), self.letters_of.get(value)) {
            (Some(known), _) => known == value,
            (None, Some(_)) => false,
            (None, None) => {
                self.value_of.insert(letters.to_owned(), value.to_owned());
                self.letters_of.insert(value.to_owned(), letters.to_owned());
                true
            }
        }
    }
}

/// The text before, the ten equal letters, and the text after.
fn split(text: &str) -> Option<(&str, &str, &str)> {
    let bytes = text.as_bytes();
    let start = bytes.windows(RANDOM).position(|window| {
        window[0].is_ascii_lowercase() && window.iter().all(|byte| *byte == window[0])
    })?;
    let (before, rest) = text.split_at(start);
    let (letters, after) = rest.split_at(RANDOM);
    Some((before, letters, after))
}

/// The value without what is a default and may be absent, and with the
/// conditions of a match in the order of their names.
pub(super) fn normal(value: &Value) -> Value {
    match value {
        Value::Mapping(mapping) => {
            let mapping = mapping.iter().filter(|(key, value)| {
                let default = match key.as_str() {
                    Some("group") => Some(""),
                    Some("kind") => Some("Service"),
                    _ => None,
                };
                default.is_none() || value.as_str() != default
            });
            let mapping = mapping.map(|(key, value)| {
                let mut value = normal(value);
                if matches!(key.as_str(), Some("headers" | "queryParams"))
                    && let Value::Sequence(conditions) = &mut value
                {
                    conditions.sort_by_cached_key(condition);
                }
                (key.clone(), value)
            });
            Value::Mapping(mapping.collect())
        }
        Value::Sequence(items) => Value::Sequence(items.iter().map(normal).collect()),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Tagged(_) => {
            value.clone()
        }
    }
}

/// What a condition is sorted by.
fn condition(condition: &Value) -> [String; 3] {
    ["name", "type", "value"].map(|key| {
        let text = condition.get(key).and_then(Value::as_str);
        text.unwrap_or_default().to_owned()
    })
}

/// Is a list better counted than quoted?
fn is_long(items: &[Value]) -> bool {
    serde_json::to_string(items).is_ok_and(|text| text.len() > QUOTED)
}

/// A value on one line, cut when it is long.
fn shown(value: &Value) -> String {
    let text = match value.as_str().filter(|text| !text.is_empty()) {
        Some(text) => text.to_owned(),
        None if value.is_null() => "none".to_owned(),
        None => serde_json::to_string(value).unwrap_or_default(),
    };
    match text.char_indices().nth(QUOTED) {
        Some((cut, _)) => format!("{}…", &text[..cut]),
        None => text,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn differences(expected: &str, found: &str) -> Vec<String> {
        let value = |text: &str| normal(&serde_yaml::from_str(text).unwrap());
        let mut differences = Vec::new();
        let mut check = Check::default();
        check.compare(
            &FieldPath::root(),
            &value(expected),
            &value(found),
            &mut differences,
        );
        let lines = differences.into_iter();
        lines
            .map(|(path, message)| format!("{path}: {message}"))
            .collect()
    }

    #[test]
    fn defaults_may_be_absent() {
        let same = "[{backendRefs: [{group: '', kind: Service, name: a, weight: 1}]}]";
        let none: [&str; 0] = [];
        assert_eq!(
            differences(same, "[{backendRefs: [{name: a, weight: 1}]}]"),
            none
        );
        assert_eq!(
            differences(same, "[{backendRefs: [{kind: Other, name: a, weight: 2}]}]"),
            [
                "[0].backendRefs[0].weight: expected 1, found 2",
                "[0].backendRefs[0].kind: expected nothing, found Other",
            ]
        );
    }

    #[test]
    fn conditions_of_a_match_have_no_order_and_rules_have_one() {
        let none: [&str; 0] = [];
        let expected = "{headers: [{name: b, value: '1'}, {name: a, value: '2'}]}";
        let found = "{headers: [{name: a, value: '2'}, {name: b, value: '1'}]}";
        assert_eq!(differences(expected, found), none);
        assert_eq!(
            differences("[{name: b}, {name: a}]", "[{name: a}, {name: b}]"),
            [
                "[0].name: expected b, found a",
                "[1].name: expected a, found b"
            ]
        );
        assert_eq!(
            differences("[promote]", "[]"),
            [": expected [\"promote\"], found []"]
        );
    }

    #[test]
    fn cookies_are_bound_one_for_one() {
        let mut cookies = Cookies::default();
        assert!(cookies.same("c=aaaaaaaaaa", "c=xYz"));
        assert!(cookies.same(".*c.*aaaaaaaaaa.*", ".*c.*xYz.*"));
        assert!(!cookies.same("c=aaaaaaaaaa; Max-Age=1", "c=other; Max-Age=1"));
        assert!(!cookies.same("c=bbbbbbbbbb", "c=xYz"));
        assert!(!cookies.same("c=bbbbbbbbbb", "d=new"));
        assert!(cookies.same("c=bbbbbbbbbb", "c=new"));
        assert!(cookies.same("plain", "plain") && !cookies.same("plain", "other"));
    }
}
