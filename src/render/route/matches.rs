//! Conditions on requests: from Flagger's form to the Gateway API's, merged,
//! and compared (Flagger: `gateway_api.go`, `mapRouteMatches`, `mergeMatchConditions`).

use std::collections::BTreeMap;

use serde_yaml::{Mapping, Value};

use super::{RouteKind, list, object};
use crate::api::{HttpMatch, StringMatch};
use crate::render::workload::short_hash;

/// The lists of conditions inside a match that are merged.
const LISTS: [&str; 2] = ["headers", "queryParams"];

/// How the conditions of two matches come together.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Merge {
    /// Headers or query parameters of the first take the place of all those of
    /// the second, as in Flagger: for generated routes.
    Replace,
    /// Both must hold; of two conditions on the same name the first stays. For
    /// routes that are somebody's own, where a lost condition would take requests
    /// away from another rule.
    Extend,
}

/// The entries of `service.match` as the Gateway API has them. One that maps to
/// nothing is left out.
pub(super) fn converted(entries: &[HttpMatch]) -> Vec<Value> {
    let converted = entries.iter().map(|entry| {
        let mut mapping = Mapping::new();
        if let Some(path) = entry.uri.as_ref().and_then(path) {
            mapping.insert("path".into(), path);
        }
        add_conditions(&mut mapping, entry);
        if let Some(method) = entry.method.as_ref().and_then(|way| way.exact.as_ref()) {
            mapping.insert("method".into(), method.as_str().into());
        }
        mapping
    });
    converted
        .filter(|mapping| !mapping.is_empty())
        .map(Value::from)
        .collect()
}

/// The entries of `analysis.match`: headers and query parameters only, of which
/// a GRPCRoute has the former.
pub(super) fn conditions(entries: &[HttpMatch], kind: RouteKind) -> Vec<Value> {
    let converted = entries.iter().map(|entry| {
        let mut mapping = Mapping::new();
        add_conditions(&mut mapping, entry);
        if kind == RouteKind::Grpc {
            mapping.shift_remove("queryParams");
        }
        mapping
    });
    converted
        .filter(|mapping| !mapping.is_empty() && kind != RouteKind::Plain)
        .map(Value::from)
        .collect()
}

/// Every path.
pub(super) fn everything() -> Value {
    let path = object([("type", "PathPrefix".into()), ("value", "/".into())]);
    object([("path", path)])
}

/// The path of a match; a regular expression comes before an exact path, that
/// before a prefix.
fn path(uri: &StringMatch) -> Option<Value> {
    let ways = [
        ("RegularExpression", &uri.regex),
        ("Exact", &uri.exact),
        ("PathPrefix", &uri.prefix),
    ];
    ways.into_iter().find_map(|(kind, text)| {
        let text = text.as_deref().filter(|text| !text.is_empty())?;
        Some(object([("type", kind.into()), ("value", text.into())]))
    })
}

/// Headers and query parameters, sorted by name.
fn add_conditions(mapping: &mut Mapping, entry: &HttpMatch) {
    for (key, map) in LISTS.into_iter().zip([&entry.headers, &entry.query_params]) {
        let list = named(map.as_ref());
        if !list.is_empty() {
            mapping.insert(key.into(), Value::Sequence(list));
        }
    }
}

fn named(map: Option<&BTreeMap<String, StringMatch>>) -> Vec<Value> {
    let named = map.into_iter().flatten().filter_map(|(name, way)| {
        let (kind, text) = match (&way.exact, &way.regex) {
            (Some(text), _) => ("Exact", text),
            (None, Some(text)) => ("RegularExpression", text),
            (None, None) => return None,
        };
        Some(condition(kind, name, text))
    });
    named.collect()
}

/// One condition on a header or a query parameter.
pub(super) fn condition(kind: &str, name: &str, value: &str) -> Value {
    object([
        ("type", kind.into()),
        ("name", name.into()),
        ("value", value.into()),
    ])
}

/// Every condition with every match, the conditions first. Path and method come
/// from the match. An empty side returns the other.
pub(super) fn merged(conditions: &[Value], matches: &[Value], how: Merge) -> Vec<Value> {
    if conditions.is_empty() || matches.is_empty() {
        return [conditions, matches].concat();
    }
    let pairs = conditions
        .iter()
        .flat_map(|condition| matches.iter().map(move |found| (condition, found)));
    pairs
        .map(|(condition, found)| both(condition, found, how))
        .collect()
}

fn both(condition: &Value, found: &Value, how: Merge) -> Value {
    let mut both = found.clone();
    let Some(mapping) = both.as_mapping_mut() else {
        return condition.clone();
    };
    for key in LISTS {
        let asked = list(Some(condition), key);
        if asked.is_empty() {
            continue;
        }
        let kept = list(Some(found), key).iter().filter(|item| {
            let is_asked = asked.iter().any(|asked| same_name(key, asked, item));
            how == Merge::Extend && !is_asked
        });
        let items = kept.chain(asked).cloned().collect();
        mapping.insert(key.into(), Value::Sequence(items));
    }
    both
}

/// The name on which a match of the rule and one of `conditions` ask for different
/// things: no match can ask for both.
pub(super) fn clash(rule: &Value, conditions: &[Value]) -> Option<String> {
    let matches = list(Some(rule), "matches");
    let mut pairs = conditions
        .iter()
        .flat_map(|condition| matches.iter().map(move |found| (condition, found)));
    pairs.find_map(|(condition, found)| {
        LISTS.into_iter().find_map(|key| {
            let asked = list(Some(condition), key).iter();
            let mut named = asked.flat_map(|asked| {
                let has = list(Some(found), key).iter();
                has.map(move |has| (asked, has))
            });
            let differs = |(asked, has): &(&Value, &Value)| {
                same_name(key, asked, has) && !same_condition(key, asked, has)
            };
            let (asked, _) = named.find(differs)?;
            Some(asked.get("name")?.as_str()?.to_owned())
        })
    })
}

/// Names of headers do not heed case, those of query parameters do.
fn same_name(key: &str, one: &Value, other: &Value) -> bool {
    let name = |value: &Value| {
        let name = value.get("name").and_then(Value::as_str).map(str::to_owned);
        match key {
            "headers" => name.map(|name| name.to_ascii_lowercase()),
            _ => name,
        }
    };
    name(one) == name(other)
}

/// Does the rule take only requests that one of `conditions` holds for?
pub(super) fn carries(rule: &Value, conditions: &[Value]) -> bool {
    let matches = list(Some(rule), "matches");
    let holds = |found: &Value, condition: &Value| {
        LISTS.into_iter().all(|key| {
            let has = list(Some(found), key);
            let mut asked = list(Some(condition), key).iter();
            asked.all(|asked| has.iter().any(|has| same_condition(key, has, asked)))
        })
    };
    let carries = |found: &Value| conditions.iter().any(|condition| holds(found, condition));
    !matches.is_empty() && matches.iter().all(carries)
}

fn same_condition(key: &str, one: &Value, other: &Value) -> bool {
    let text = |value: &Value, key: &str| value.get(key).and_then(Value::as_str).map(str::to_owned);
    let kind = |value: &Value| text(value, "type").unwrap_or_else(|| "Exact".to_owned());
    same_name(key, one, other)
        && kind(one) == kind(other)
        && text(one, "value") == text(other, "value")
}

/// Does the rule take every request, and say no more than that?
pub(super) fn takes_everything(rule: &Value) -> bool {
    let every_path = |found: &Value| {
        let Some(mapping) = found.as_mapping() else {
            return found.is_null();
        };
        let text = |key: &str, default: &str| {
            let path = mapping.get("path").unwrap_or(&Value::Null);
            let text = path.get(key).and_then(Value::as_str);
            text.unwrap_or(default).to_owned()
        };
        let more = mapping.keys().any(|key| key.as_str() != Some("path"));
        !more && text("type", "PathPrefix") == "PathPrefix" && text("value", "/") == "/"
    };
    match list(Some(rule), "matches") {
        [] => true,
        [only] => every_path(only),
        [_, _, ..] => false,
    }
}

/// Checksum of the `matches` of a rule, whatever their layout.
pub(super) fn checksum(rule: &Value) -> String {
    short_hash(rule.get("matches").unwrap_or(&Value::Null))
}
