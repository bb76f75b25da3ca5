//! Conditions on requests: Flagger writes them as Istio does, the Gateway API
//! can express a part.

use std::collections::BTreeMap;

use super::headers;
use super::rules::{Found, METHODS, at_most, filled, http_names, one_of};
use crate::api::words::{name_list, quoted};
use crate::api::{FieldPath, HttpMatch, Problem, StringMatch};

/// Longest path.
const MAX_PATH: usize = 1024;

/// Longest value of a query parameter.
const MAX_QUERY: usize = 1024;

/// Headers of a match, and query parameters.
const MAX_CONDITIONS: usize = 16;

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
            if let Some(text) = text {
                self::path(found, &path.key(name), text);
            }
        }
        if let Some(text) = &uri.regex {
            filled(found, &path.key(REGEX), text, MAX_PATH);
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

/// An exact path or a prefix.
fn path(found: &mut Found, path: &FieldPath, text: &str) {
    const PARTS: [&str; 6] = ["//", "/./", "/../", "%2f", "%2F", "#"];
    const ENDS: [&str; 2] = ["/..", "/."];
    let mut refuse = |message: String| found.push(Problem::error(path.clone(), message));
    if !text.starts_with('/') {
        refuse(format!("must begin with `/`, found {}", quoted(text)));
    } else if text.len() > MAX_PATH {
        refuse(format!("must have at most {MAX_PATH} characters"));
    } else if let Some(part) = PARTS.into_iter().find(|part| text.contains(part)) {
        refuse(format!("must not hold `{part}`, found {}", quoted(text)));
    } else if let Some(end) = ENDS.into_iter().find(|end| text.ends_with(end)) {
        refuse(format!("must not end with `{end}`, found {}", quoted(text)));
    } else if !is_path(text) {
        refuse(format!(
            "must be a path, other characters written as `%` and two digits, found {}",
            quoted(text)
        ));
    }
}

/// `^(?:[-A-Za-z0-9/._~!$&'()*+,;=:@]|[%][0-9a-fA-F]{2})+$`
fn is_path(text: &str) -> bool {
    let mut bytes = text.bytes();
    while let Some(byte) = bytes.next() {
        let is_escaped = byte == b'%'
            && bytes.next().is_some_and(|digit| digit.is_ascii_hexdigit())
            && bytes.next().is_some_and(|digit| digit.is_ascii_hexdigit());
        let is_plain = byte.is_ascii_alphanumeric() || b"-/._~!$&'()*+,;=:@".contains(&byte);
        if !is_escaped && !is_plain {
            return false;
        }
    }
    true
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
    let headers = (path.key("headers"), &entry.headers, headers::MAX_VALUE);
    let query = (path.key("queryParams"), &entry.query_params, MAX_QUERY);
    for (name, _) in entry.headers.iter().flatten() {
        let same = |other: &&String| other.eq_ignore_ascii_case(name) && *other < name;
        let mut others = entry.headers.iter().flat_map(|map| map.keys());
        if let Some(other) = others.find(same) {
            let message = format!("is the header `{other}` again: names do not heed case");
            found.push(Problem::error(headers.0.key(name), message).at_key());
        }
    }
    for (path, map, longest) in [headers, query] {
        let count = map.as_ref().map_or(0, BTreeMap::len);
        at_most(found, &path, count, MAX_CONDITIONS);
        http_names(found, &path, map.iter().flat_map(|map| map.keys()));
        for (name, condition) in map.iter().flatten() {
            let path = path.key(name);
            comparison(found, &path, condition, &[EXACT, REGEX]);
            for (way, text) in [(EXACT, &condition.exact), (REGEX, &condition.regex)] {
                if let Some(text) = text {
                    filled(found, &path.key(way), text, longest);
                }
            }
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
