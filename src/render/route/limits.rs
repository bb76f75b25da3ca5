//! What the Gateway API allows in a route, as far as a release could break it:
//! list limits and rules of the CRDs of version 1.5, the same in both channels.

use serde_yaml::Value;

use super::{RouteKind, backends, list};

/// Rules of a route.
const RULES: usize = 16;

/// Matches of a rule.
const MATCHES: usize = 64;

/// Matches of all rules together.
const ALL_MATCHES: usize = 128;

/// Headers of a match, filters of a rule or backendRef, headers in one list of
/// a filter.
const ITEMS: usize = 16;

/// What in the rules the Gateway API refuses, as half a sentence.
pub(super) fn broken(rules: &[Value], kind: RouteKind) -> Option<String> {
    if rules.len() > RULES {
        return Some(format!("it has {} rules, more than {RULES}", rules.len()));
    }
    let all: usize = rules.iter().map(matches).sum();
    if all > ALL_MATCHES {
        return Some(format!("it has {all} matches, more than {ALL_MATCHES}"));
    }
    let mut rules = rules.iter().enumerate();
    rules.find_map(|(index, rule)| {
        let what = of_rule(rule, kind)?;
        Some(format!("rule {index} {what}"))
    })
}

/// Without a match there is one for every request.
fn matches(rule: &Value) -> usize {
    list(Some(rule), "matches").len().max(1)
}

fn of_rule(rule: &Value, kind: RouteKind) -> Option<String> {
    let found = list(Some(rule), "matches");
    if found.len() > MATCHES {
        return Some(format!("has {} matches, more than {MATCHES}", found.len()));
    }
    for key in ["headers", "queryParams"] {
        let most = found.iter().map(|found| list(Some(found), key).len()).max();
        if let Some(most) = most.filter(|most| *most > ITEMS) {
            return Some(format!("has a match with {most} {key}, more than {ITEMS}"));
        }
    }
    let holders = std::iter::once(rule).chain(backends(rule));
    if let Some(what) = holders.into_iter().find_map(of_filters) {
        return Some(what);
    }
    let replaces = kind == RouteKind::Http && replaces_prefix(rule);
    (replaces && !has_one_prefix(found)).then(|| {
        "replaces the prefix of the path, which needs exactly one match, by `PathPrefix`".to_owned()
    })
}

fn of_filters(holder: &Value) -> Option<String> {
    let filters = list(Some(holder), "filters");
    if filters.len() > ITEMS {
        return Some(format!("has {} filters, more than {ITEMS}", filters.len()));
    }
    filters.iter().find_map(|filter| {
        let added = list(filter.get("responseHeaderModifier"), "add");
        if added.len() > ITEMS {
            return Some(format!("adds {} headers, more than {ITEMS}", added.len()));
        }
        let names: Vec<_> = added.iter().filter_map(|item| item.get("name")).collect();
        let twice = (1..names.len()).find(|index| names[..*index].contains(&names[*index]))?;
        let name = names[twice].as_str().unwrap_or_default();
        Some(format!("adds the header {name} twice in one filter"))
    })
}

/// Does a filter of the rule, or of one backendRef, replace the prefix?
fn replaces_prefix(rule: &Value) -> bool {
    let mut holders = std::iter::once(rule).chain(backends(rule));
    holders.any(|holder| {
        list(Some(holder), "filters").iter().any(|filter| {
            ["urlRewrite", "requestRedirect"].into_iter().any(|key| {
                let path = filter.get(key).and_then(|filter| filter.get("path"));
                path.is_some_and(|path| path.get("replacePrefixMatch").is_some())
            })
        })
    })
}

/// Without a path the match is by the prefix `/`.
fn has_one_prefix(matches: &[Value]) -> bool {
    let is_prefix = |found: &Value| {
        let path = found.get("path");
        let kind = path.and_then(|path| path.get("type")?.as_str());
        kind.is_none_or(|kind| kind == "PathPrefix")
    };
    match matches {
        [] => true,
        [only] => is_prefix(only),
        [_, _, ..] => false,
    }
}
