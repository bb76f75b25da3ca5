//! Header changes and the cross-origin policy, as the Gateway API takes them.

use super::rules::{Found, METHODS, at_most, filled, http_names, is_http_name};
use crate::api::words::quoted;
use crate::api::{CorsPolicy, FieldPath, HeaderOperations, Problem, parse_duration};

/// Items of a list of header changes.
pub(super) const MAX_OPERATIONS: usize = 16;

/// Longest value of a header.
pub(super) const MAX_VALUE: usize = 4096;

/// Items of a list of a cross-origin policy.
const MAX_CORS: usize = 64;

/// Longest origin.
const MAX_ORIGIN: usize = 253;

/// Stands for all, and only alone.
const ALL: &str = "*";

pub(super) fn operations(found: &mut Found, path: &FieldPath, operations: &HeaderOperations) {
    for (name, headers) in [("add", &operations.add), ("set", &operations.set)] {
        let path = path.key(name);
        let count = headers.as_ref().map_or(0, |headers| headers.len());
        at_most(found, &path, count, MAX_OPERATIONS);
        let names = headers.iter().flat_map(|map| map.keys());
        http_names(found, &path, names);
        for (name, value) in headers.iter().flatten() {
            filled(found, &path.key(name), value, MAX_VALUE);
        }
    }
    let remove = operations.remove.as_deref().unwrap_or_default();
    let path = path.key("remove");
    at_most(found, &path, remove.len(), MAX_OPERATIONS);
    for (index, header) in remove.iter().enumerate() {
        if !is_http_name(header) {
            let message = format!("must be the name of a header, found {}", quoted(header));
            found.push(Problem::error(path.index(index), message));
        }
    }
    twice(found, &path, remove);
}

/// A list whose items the Gateway API wants to differ.
fn twice(found: &mut Found, path: &FieldPath, items: &[String]) {
    for (index, item) in items.iter().enumerate() {
        if items[..index].contains(item) {
            let message = format!("is there twice: {}", quoted(item));
            found.push(Problem::error(path.index(index), message));
        }
    }
}

pub(super) fn cors_policy(found: &mut Found, path: &FieldPath, cors: &CorsPolicy) {
    let origins = ("allowOrigin", &cors.allow_origin);
    let methods = ("allowMethods", &cors.allow_methods);
    let headers = ("allowHeaders", &cors.allow_headers);
    let exposed = ("exposeHeaders", &cors.expose_headers);
    for (name, list) in [origins, methods, headers, exposed] {
        let list = list.as_deref().unwrap_or_default();
        let path = path.key(name);
        at_most(found, &path, list.len(), MAX_CORS);
        twice(found, &path, list);
        let all = list.iter().position(|item| item == ALL);
        if let Some(index) = all.filter(|_| list.len() > 1 && name != "exposeHeaders") {
            let message = "stands for all and must be the only item";
            found.push(Problem::error(path.index(index), message));
        }
        for (index, item) in list.iter().enumerate().filter(|(_, item)| *item != ALL) {
            let (fits, what) = match name {
                "allowOrigin" => (is_origin(item), "an origin, as https://example.com"),
                "allowMethods" => (METHODS.contains(&&**item), "a method"),
                _ => (is_http_name(item), "the name of a header"),
            };
            if !fits {
                let message = format!("must be {what}, found {}", quoted(item));
                found.push(Problem::error(path.index(index), message));
            }
        }
    }
    max_age(found, &path.key("maxAge"), cors.max_age.as_deref());
}

/// `http` or `https`, a host that may begin with `*.`, and perhaps a port.
fn is_origin(text: &str) -> bool {
    let Some((scheme, rest)) = text.split_once("://") else {
        return false;
    };
    let (host, port) = rest.split_once(':').unwrap_or((rest, "0"));
    let label = |label: &str| {
        !label.is_empty()
            && label
                .bytes()
                .all(|b| b.is_ascii_alphanumeric() || b == b'-')
    };
    let name = host.strip_prefix("*.").unwrap_or(host);
    matches!(scheme, "http" | "https")
        && (host == ALL || name.split('.').all(label))
        && (1..=5).contains(&port.len())
        && port.bytes().all(|b| b.is_ascii_digit())
        && text.len() <= MAX_ORIGIN
}

fn max_age(found: &mut Found, path: &FieldPath, text: Option<&str>) {
    let Some(text) = text else {
        return;
    };
    match parse_duration(text) {
        Ok(age) if (1..=i64::from(i32::MAX)).contains(&age.as_secs()) => {}
        Ok(_) => {
            let message = format!("must be 1s to {}s, found {}", i32::MAX, quoted(text));
            found.push(Problem::error(path.clone(), message));
        }
        Err(_) => {
            let message = format!("is not a duration and ignored, found {}", quoted(text));
            found.push(Problem::warning(path.clone(), message).hint("write it as 24h"));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn origins() {
        for good in [
            "https://example.com",
            "http://*.example.com:8080",
            "https://*",
            "http://localhost",
        ] {
            assert!(is_origin(good), "{good}");
        }
        for bad in [
            "example.com",
            "ftp://a",
            "https://",
            "https://a/b",
            "https://a:",
            "https://a..b",
        ] {
            assert!(!is_origin(bad), "{bad}");
        }
    }
}
