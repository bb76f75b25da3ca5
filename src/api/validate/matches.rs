//! Conditions on requests: Flagger writes them as Istio does, the Gateway API
//! can express a part.

use std::collections::BTreeMap;

use super::rules::{Found, http_names, one_of};
use crate::api::words::{name_list, quoted};
use crate::api::{FieldPath, HttpMatch, Problem, StringMatch};

/// The methods the Gateway API knows.
const METHODS: [&str; 9] = [
    "GET", "HEAD", "POST", "PUT", "DELETE", "CONNECT", "OPTIONS", "TRACE", "PATCH",
];

/// Ways to compare a text.
const EXACT: &str = "exact";
const PREFIX: &str = "prefix";
const SUFFIX: &str = "suffix";
const REGEX: &str = "regex";

/// An item of `service.match`.
pub(super) fn of_service(found: &mut Found, path: &FieldPath, entry: &HttpMatch) {
    if let Some(uri) = &entry.uri {
        let path = path.key("uri");
        comparison(found, &path, uri, &[EXACT, PREFIX, REGEX]);
        for (name, text) in [(EXACT, &uri.exact), (PREFIX, &uri.prefix)] {
            if let Some(text) = text.as_deref().filter(|text| !text.starts_with('/')) {
                let message = format!("must begin with `/`, found {}", quoted(text));
                found.push(Problem::error(path.key(name), message));
            }
        }
    }
    if let Some(method) = &entry.method {
        let path = path.key("method");
        comparison(found, &path, method, &[EXACT]);
        if let Some(method) = &method.exact {
            one_of(found, &path.key(EXACT), method, &METHODS);
        }
    }
    conditions(found, path, entry);
    let has_none = entry.uri.is_none() && entry.method.is_none() && has_no_conditions(entry);
    if has_none {
        let message = "has no condition the Gateway API knows and is left out";
        found.push(Problem::warning(path.clone(), message));
    }
}

/// An item of `analysis.match`. Flagger swallows one that does not convert, and
/// sends everybody to the canary; so here it is refused.
pub(super) fn of_analysis(found: &mut Found, path: &FieldPath, entry: &HttpMatch) {
    for (name, set) in [
        ("uri", entry.uri.is_some()),
        ("method", entry.method.is_some()),
        ("scheme", entry.scheme.is_some()),
        ("authority", entry.authority.is_some()),
        ("port", entry.port.is_some()),
        ("gateways", entry.gateways.is_some()),
        ("sourceNamespace", entry.source_namespace.is_some()),
        ("withoutHeaders", entry.without_headers.is_some()),
        ("ignoreUriCase", entry.ignore_uri_case.is_some()),
        ("name", entry.name.is_some()),
    ] {
        if set {
            let message = "is ignored: an analysis matches by `headers` and `queryParams`";
            found.push(Problem::warning(path.key(name), message).at_key());
        }
    }
    conditions(found, path, entry);
    if has_no_conditions(entry) {
        let message = "has no condition the Gateway API knows, \
                       so that every request would go to the canary";
        let problem = Problem::error(path.clone(), message);
        found.push(problem.hint("add `headers` or `queryParams`"));
    }
}

/// Fields that the Gateway API ignores.
pub(super) fn ignored(path: &FieldPath, entry: &HttpMatch) -> Vec<FieldPath> {
    [
        ("name", entry.name.is_some()),
        ("scheme", entry.scheme.is_some()),
        ("authority", entry.authority.is_some()),
        ("withoutHeaders", entry.without_headers.is_some()),
        ("port", entry.port.is_some()),
        ("sourceLabels", entry.source_labels.is_some()),
        ("sourceNamespace", entry.source_namespace.is_some()),
        ("gateways", entry.gateways.is_some()),
        ("ignoreUriCase", entry.ignore_uri_case.is_some()),
    ]
    .into_iter()
    .filter(|(_, set)| *set)
    .map(|(name, _)| path.key(name))
    .collect()
}

/// Has the entry neither headers nor query parameters?
fn has_no_conditions(entry: &HttpMatch) -> bool {
    let is_empty =
        |map: &Option<BTreeMap<String, StringMatch>>| map.as_ref().is_none_or(BTreeMap::is_empty);
    is_empty(&entry.headers) && is_empty(&entry.query_params)
}

fn conditions(found: &mut Found, path: &FieldPath, entry: &HttpMatch) {
    let headers = path.key("headers");
    http_names(
        found,
        &headers,
        entry.headers.iter().flat_map(|map| map.keys()),
    );
    let query = path.key("queryParams");
    for (path, map) in [(headers, &entry.headers), (query, &entry.query_params)] {
        for (name, condition) in map.iter().flatten() {
            comparison(found, &path.key(name), condition, &[EXACT, REGEX]);
        }
    }
}

/// Exactly one way to compare, and one that the Gateway API has there.
fn comparison(found: &mut Found, path: &FieldPath, condition: &StringMatch, allowed: &[&str]) {
    let set: Vec<&str> = [
        (EXACT, &condition.exact),
        (PREFIX, &condition.prefix),
        (SUFFIX, &condition.suffix),
        (REGEX, &condition.regex),
    ]
    .into_iter()
    .filter(|(_, text)| text.is_some())
    .map(|(name, _)| name)
    .collect();
    let names = name_list(allowed.iter().copied());
    let needed = match allowed {
        [only] => format!("`{only}`"),
        _ => format!("one of {names}"),
    };
    match set.as_slice() {
        [one] if allowed.contains(one) => {}
        [one] => {
            let message = format!("cannot be expressed in the Gateway API: use {needed}");
            let problem = Problem::error(path.key(*one), message).at_key();
            found.push(match *one != EXACT && allowed.contains(&REGEX) {
                true => problem.hint("a regular expression can say the same"),
                false => problem,
            });
        }
        [] => found.push(Problem::error(path.clone(), format!("needs {needed}"))),
        _ => {
            let message = format!("must have {needed} only, found {}", name_list(set.clone()));
            found.push(Problem::error(path.clone(), message));
        }
    }
}
