//! What a Canary asks of its route: of the one that is generated, with the limits
//! the Gateway API sets to the whole, and of the kind of the one that is there.

use super::rules::{Found, at_most};
use crate::api::{
    Analysis, Canary, Channel, FieldPath, HttpMatch, Problem, Rewrite, RouteRef, Service,
    StringMatch,
};

/// Matches of a rule.
const MAX_MATCHES: usize = 64;

/// Matches of all rules together.
const MAX_ALL_MATCHES: usize = 128;

/// Filters of a rule, and headers that one of them adds.
const MAX_ITEMS: usize = 16;

/// What is missing or cannot be carried out when the route does not exist and
/// has to be generated. A route in the repository keeps what it has: there the
/// same fields describe it and are not read.
#[must_use]
pub fn unsupported_in_generated_route(canary: &Canary) -> Vec<Problem> {
    let mut found = Found::new();
    let root = FieldPath::root().key("spec");
    let path = root.key("service");
    let Some(service) = &canary.spec.service else {
        let message = "is required to generate a route";
        found.push(Problem::error(path, message).at_key());
        return found;
    };
    if service.gateway_refs.as_ref().is_none_or(Vec::is_empty) {
        let message = "is required to generate a route";
        let hint = "name the Gateway, or add the HTTPRoute to the repository";
        let at = path.key("gatewayRefs");
        found.push(Problem::error(at, message).at_key().hint(hint));
    }
    let hosts = service.hosts.iter().flatten().enumerate();
    for (index, _) in hosts.filter(|(_, host)| *host == "*") {
        let message = "is no host name of the Gateway API";
        let problem = Problem::error(path.key("hosts").index(index), message);
        found.push(problem.hint("leave `hosts` out to take every host"));
    }
    let shape = Shape::of(service, canary.spec.analysis.as_ref());
    matches(&mut found, &root, &shape);
    prefix(&mut found, &root, service, &shape);
    filters(&mut found, &path, service, &shape);
    if canary.spec.is_v1beta1() {
        without_effect(&mut found, &root, service, canary.spec.analysis.as_ref());
    }
    let gitops = canary.spec.gitops();
    let channel = gitops.route.as_ref().map(|route| route.channel);
    if channel == Some(Channel::Experimental) {
        values(&mut found, &root, canary);
    }
    found
}

/// What Flagger leaves out of routes of version v1beta1.
fn without_effect(
    found: &mut Found,
    root: &FieldPath,
    service: &Service,
    analysis: Option<&Analysis>,
) {
    let path = root.key("service");
    let is_set = |text: &Option<String>| text.as_ref().is_some_and(|text| !text.is_empty());
    let affinity = analysis.and_then(|analysis| analysis.session_affinity.as_ref());
    let primary = affinity.is_some_and(|affinity| is_set(&affinity.primary_cookie_name));
    let affinity = root.key("analysis").key("sessionAffinity");
    for (at, set) in [
        (path.key("timeout"), is_set(&service.timeout)),
        (path.key("backendTimeout"), is_set(&service.backend_timeout)),
        (path.key("corsPolicy"), service.cors_policy.is_some()),
        (affinity.key("primaryCookieName"), primary),
    ] {
        if set {
            let message = "has no effect in a generated route of version v1beta1";
            found.push(
                Problem::warning(at, message)
                    .at_key()
                    .hint("use gatewayapi:v1"),
            );
        }
    }
}

/// How many matches the rules of the generated route have.
struct Shape {
    /// Of `service.match`, at least the default one.
    service: usize,
    /// Of `analysis.match`, 0 without.
    analysis: usize,
    /// Sticky rules.
    sticky: usize,
    /// Does a run add a filter that mirrors?
    mirrors: bool,
}

impl Shape {
    fn of(service: &Service, analysis: Option<&Analysis>) -> Self {
        let known = service.matches.iter().flatten();
        let known = known.filter(|entry| says_something(entry)).count();
        let analysis = analysis.cloned().unwrap_or_default();
        let affinity = analysis.session_affinity.as_ref();
        let sticky = affinity.map_or(0, |affinity| {
            let primary = affinity.primary_cookie_name.as_deref();
            1 + usize::from(primary.is_some_and(|name| !name.is_empty()))
        });
        Self {
            service: known.max(1),
            analysis: analysis.matches().len(),
            sticky,
            mirrors: analysis.mirrors(),
        }
    }
}

/// Has the entry a condition that the Gateway API knows?
fn says_something(entry: &HttpMatch) -> bool {
    let any = |map: &Option<std::collections::BTreeMap<String, StringMatch>>| {
        map.as_ref().is_some_and(|map| !map.is_empty())
    };
    entry.uri.is_some() || entry.method.is_some() || any(&entry.headers) || any(&entry.query_params)
}

fn matches(found: &mut Found, root: &FieldPath, shape: &Shape) {
    let at = root.key("service").key("match");
    let before = found.len();
    at_most(found, &at, shape.service, MAX_MATCHES);
    if found.len() > before {
        return;
    }
    let tested = shape.analysis * shape.service;
    let all = tested + (1 + shape.sticky) * shape.service;
    let too_many = |path: FieldPath, count: usize, max: usize, what: &str| {
        let message = format!("makes {count} matches in {what}, at most {max} are allowed");
        Problem::error(path, message).hint("join paths or conditions by a regular expression")
    };
    let analysis = root.key("analysis").key("match");
    if tested > MAX_MATCHES {
        let what = "one rule, each with each of `service.match`";
        found.push(too_many(analysis, tested, MAX_MATCHES, what).at_key());
    } else if all > MAX_ALL_MATCHES {
        let at = if shape.analysis > 0 { analysis } else { at };
        found.push(too_many(at, all, MAX_ALL_MATCHES, "the route").at_key());
    }
}

/// A prefix is replaced only where exactly one is asked for.
fn prefix(found: &mut Found, root: &FieldPath, service: &Service, shape: &Shape) {
    let rewrite = service.rewrite.as_ref();
    if !rewrite.is_some_and(Rewrite::replaces_prefix) {
        return;
    }
    let path = root.key("service").key("rewrite").key("type");
    let by_other = service.matches.iter().flatten().any(|entry| {
        let uri = entry.uri.as_ref();
        uri.is_some_and(|uri| uri.prefix.is_none() || uri.exact.is_some() || uri.regex.is_some())
    });
    let message = if shape.service > 1 {
        "needs `service.match` to have one entry, by prefix: several prefixes cannot be replaced"
    } else if by_other {
        "needs `service.match` to be by prefix: there is none to replace"
    } else if shape.analysis > 1 {
        "needs `analysis.match` to have one entry: a rule that replaces a prefix has one match"
    } else {
        return;
    };
    let problem = Problem::error(path, message);
    found.push(problem.hint("rewrite in the application, or use ReplaceFullPath"));
}

fn filters(found: &mut Found, path: &FieldPath, service: &Service, shape: &Shape) {
    let headers = service.headers.clone().unwrap_or_default();
    let mirrors = service.mirror.as_ref().map_or(0, Vec::len);
    let others = [
        headers.request.is_some(),
        headers.response.is_some() || shape.sticky > 0,
        service.rewrite.is_some(),
        service.cors_policy.is_some(),
        shape.mirrors,
    ];
    let others = others.into_iter().filter(|set| *set).count();
    at_most(found, &path.key("mirror"), mirrors, MAX_ITEMS - others);
    let added = headers.response.and_then(|response| response.add);
    let Some(added) = added.filter(|_| shape.sticky > 0) else {
        return;
    };
    let at = path.key("headers").key("response").key("add");
    if added.contains_key("Set-Cookie") {
        let message = "cannot be added beside `sessionAffinity`, which adds it to the same filter";
        let problem = Problem::error(at.key("Set-Cookie"), message).at_key();
        found.push(problem.hint("set the cookie in the application"));
    }
    if added.len() == MAX_ITEMS {
        let message = format!(
            "must leave room for the cookie of `sessionAffinity`: {MAX_ITEMS} headers are the most"
        );
        found.push(Problem::error(at, message).at_key());
    }
}

/// The experimental channel takes visible characters only, single blanks between
/// them.
fn values(found: &mut Found, root: &FieldPath, canary: &Canary) {
    let service = canary.spec.service.clone().unwrap_or_default();
    let path = root.key("service");
    super::service::retries(found, &path, &service);
    let mut check = |path: FieldPath, text: &str| {
        if !is_visible(text) && !text.is_empty() {
            let message = "must have visible characters only, with single blanks between them";
            found.push(Problem::error(path, message));
        }
    };
    let headers = service.headers.unwrap_or_default();
    for (side, operations) in [("request", headers.request), ("response", headers.response)] {
        let operations = operations.unwrap_or_default();
        for (list, map) in [("add", operations.add), ("set", operations.set)] {
            for (name, value) in map.into_iter().flatten() {
                let path = path.key("headers").key(side).key(list).key(name);
                check(path, &value);
            }
        }
    }
    let analysis = canary.spec.analysis.clone().unwrap_or_default();
    let of_service = service.matches.unwrap_or_default();
    let lists = [
        (path, of_service.as_slice()),
        (root.key("analysis"), analysis.matches()),
    ];
    for (path, entries) in lists {
        for (index, entry) in entries.iter().enumerate() {
            for (name, condition) in entry.headers.iter().flatten() {
                let path = path.key("match").index(index).key("headers").key(name);
                for (way, text) in [("exact", &condition.exact), ("regex", &condition.regex)] {
                    check(path.key(way), text.as_deref().unwrap_or_default());
                }
            }
        }
    }
}

/// `^[!-~]+([\t ]?[!-~]+)*$`
fn is_visible(text: &str) -> bool {
    let mut words = text.split([' ', '\t']);
    words.all(|word| !word.is_empty() && word.bytes().all(|byte| byte.is_ascii_graphic()))
}

/// What a route of this kind, which is in the repository, cannot do.
#[must_use]
pub fn unsupported_by_route(canary: &Canary, kind: &str) -> Vec<Problem> {
    let mut found = Found::new();
    let analysis = canary.spec.analysis.clone().unwrap_or_default();
    let path = FieldPath::root().key("spec").key("analysis");
    if RouteRef::PLAIN_KINDS.contains(&kind) {
        for (name, set) in [
            ("match", !analysis.matches().is_empty()),
            ("mirror", analysis.mirrors()),
            ("sessionAffinity", analysis.session_affinity.is_some()),
        ] {
            if set {
                let message = format!("cannot be done by a {kind}, which has weights only");
                let problem = Problem::error(path.key(name), message).at_key();
                found.push(problem.hint("use `stepWeight` alone, or an HTTPRoute"));
            }
        }
    } else if kind == "GRPCRoute" {
        for (index, entry) in analysis.matches().iter().enumerate() {
            if entry
                .query_params
                .as_ref()
                .is_some_and(|map| !map.is_empty())
            {
                let path = path.key("match").index(index).key("queryParams");
                let message = "cannot be told by a GRPCRoute";
                let problem = Problem::error(path, message).at_key();
                found.push(problem.hint("use `headers`"));
            }
        }
    }
    found
}

/// Requirements on a route that reach over `service` and `analysis`.
pub(super) fn together(found: &mut Found, root: &FieldPath, canary: &Canary) {
    let (Some(service), Some(analysis)) = (&canary.spec.service, &canary.spec.analysis) else {
        return;
    };
    let canary_service = canary.spec.canary_service();
    if analysis.mirrors() {
        for (index, mirror) in service.mirror.iter().flatten().enumerate() {
            if mirror.backend_ref.name == canary_service {
                let path = root.key("service").key("mirror").index(index);
                let message = "is what `analysis.mirror` does during a release";
                let problem = Problem::error(path.key("backendRef").key("name"), message);
                found.push(problem.hint("remove one of them"));
            }
        }
    }
    let entries = service.matches.as_deref().unwrap_or_default();
    let mut known = entries
        .iter()
        .filter(|entry| says_something(entry))
        .peekable();
    let implied = |entry: &&HttpMatch| analysis.matches().iter().any(|asked| implies(entry, asked));
    if known.peek().is_some() && known.all(|entry| implied(&entry)) {
        let message = "has no effect: `service.match` asks for the same, \
                       so that every request would go to the canary";
        let path = root.key("analysis").key("match");
        let problem = Problem::error(path, message).at_key();
        found.push(problem.hint("match what only some of the requests have"));
    }
}

/// Do headers and query parameters of `entry` hold those of `asked`?
fn implies(entry: &HttpMatch, asked: &HttpMatch) -> bool {
    let pairs = [
        (&entry.headers, &asked.headers),
        (&entry.query_params, &asked.query_params),
    ];
    let any = |(_, asked): &(_, &Option<std::collections::BTreeMap<_, _>>)| {
        asked.as_ref().is_some_and(|map| !map.is_empty())
    };
    pairs.iter().any(any)
        && pairs.into_iter().all(|(has, asked)| {
            let mut asked = asked.iter().flatten();
            asked.all(|(name, way)| has.as_ref().is_some_and(|has| has.get(name) == Some(way)))
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn visible_values() {
        for good in ["a", "a b", "a\tb", "^(.*?;)?(x=y)$"] {
            assert!(is_visible(good), "{good}");
        }
        for bad in ["", " a", "a ", "a  b", "ä", "a\nb"] {
            assert!(!is_visible(bad), "{bad}");
        }
    }
}
