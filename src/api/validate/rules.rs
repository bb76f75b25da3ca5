//! Rules that many fields share.

use jiff::SignedDuration;
use url::Url;

use crate::api::words::{closest, name_list, quoted};
use crate::api::{FieldPath, Metadata, Problem, parse_duration};

/// The methods the Gateway API knows.
pub(super) const METHODS: [&str; 9] = [
    "GET", "HEAD", "POST", "PUT", "DELETE", "CONNECT", "OPTIONS", "TRACE", "PATCH",
];

/// Longest name of an object.
const MAX_NAME: usize = 253;

/// Longest DNS label: names of Services and namespaces.
const MAX_LABEL: usize = 63;

/// Where problems are collected.
pub(super) type Found = Vec<Problem>;

/// A required field is missing.
pub(super) fn missing(path: FieldPath) -> Problem {
    Problem::error(path, "is required").at_key()
}

/// Refuses an empty value of a required field; true when it is there.
pub(super) fn required(found: &mut Found, path: &FieldPath, text: &str) -> bool {
    if text.is_empty() {
        found.push(missing(path.clone()));
    }
    !text.is_empty()
}

/// `apiVersion`, `kind`, name and namespace.
pub(super) fn header(
    found: &mut Found,
    (api_version, kind): (&str, &str),
    expected_kind: &str,
    metadata: &Metadata,
) {
    let root = FieldPath::root();
    let version = root.key("apiVersion");
    if required(found, &version, api_version) && api_version != crate::api::API_VERSION {
        let message = format!(
            "must be `{}`, found {}",
            crate::api::API_VERSION,
            quoted(api_version)
        );
        found.push(Problem::error(version, message));
    }
    let kind_path = root.key("kind");
    if required(found, &kind_path, kind) && kind != expected_kind {
        let message = format!("must be `{expected_kind}`, found {}", quoted(kind));
        found.push(Problem::error(kind_path, message));
    }
    let path = root.key("metadata");
    object_name(found, &path.key("name"), &metadata.name);
    if let Some(namespace) = &metadata.namespace {
        label(found, &path.key("namespace"), namespace);
    }
}

/// A required name of an object: a DNS subdomain.
pub(super) fn object_name(found: &mut Found, path: &FieldPath, name: &str) {
    if required(found, path, name) && !is_subdomain(name) {
        let message = format!(
            "must be lower case letters, digits, `-` and `.`, at most {MAX_NAME}, \
             beginning and ending with a letter or digit, found {}",
            quoted(name)
        );
        found.push(Problem::error(path.clone(), message));
    }
}

/// A DNS label, as a namespace.
pub(super) fn label(found: &mut Found, path: &FieldPath, name: &str) {
    if !is_label(name) || name.len() > MAX_LABEL {
        let message = format!(
            "must be lower case letters, digits and `-`, at most {MAX_LABEL}, \
             beginning and ending with a letter or digit, found {}",
            quoted(name)
        );
        found.push(Problem::error(path.clone(), message));
    }
}

/// `[a-z0-9]([-a-z0-9]*[a-z0-9])?`
pub(super) fn is_label(text: &str) -> bool {
    let edge =
        |byte: Option<u8>| byte.is_some_and(|b| b.is_ascii_lowercase() || b.is_ascii_digit());
    let mut bytes = text.bytes();
    edge(text.bytes().next())
        && edge(text.bytes().next_back())
        && bytes.all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')
}

/// Labels joined by dots.
pub(super) fn is_subdomain(text: &str) -> bool {
    text.len() <= MAX_NAME && text.split('.').all(is_label)
}

/// `[a-zA-Z]([-a-zA-Z0-9]*[a-zA-Z0-9])?`, as a kind of the Gateway API.
pub(super) fn is_kind(text: &str) -> bool {
    text.len() <= MAX_LABEL
        && text.starts_with(|c: char| c.is_ascii_alphabetic())
        && text.ends_with(|c: char| c.is_ascii_alphanumeric())
        && text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-')
}

/// A token of HTTP: names of headers and cookies, methods.
pub(super) fn is_token(text: &str) -> bool {
    !text.is_empty()
        && text
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&b))
}

/// Longest name of a header or query parameter in the Gateway API.
pub(super) const MAX_HTTP_NAME: usize = 256;

/// Is the text the name of a header, of a query parameter, or of a cookie?
pub(super) fn is_http_name(text: &str) -> bool {
    is_token(text) && text.len() <= MAX_HTTP_NAME
}

/// A list that the Gateway API takes up to so many items of.
pub(super) fn at_most(found: &mut Found, path: &FieldPath, count: usize, max: usize) {
    if count > max {
        let message = format!("must have at most {max} items, found {count}");
        found.push(Problem::error(path.clone(), message).at_key());
    }
}

/// A text that must say something, up to so many characters.
pub(super) fn filled(found: &mut Found, path: &FieldPath, text: &str, max: usize) {
    let count = text.chars().count();
    if count == 0 || count > max {
        let message = match count {
            0 => "must not be empty".to_owned(),
            _ => format!("must have at most {max} characters, found {count}"),
        };
        found.push(Problem::error(path.clone(), message));
    }
}

/// The keys of a map are names of headers.
pub(super) fn http_names<'a>(
    found: &mut Found,
    path: &FieldPath,
    names: impl Iterator<Item = &'a String>,
) {
    for name in names.filter(|name| !is_http_name(name)) {
        let message = format!("must be the name of a header, found {}", quoted(name));
        found.push(Problem::error(path.key(name), message).at_key());
    }
}

/// One of a few values.
pub(super) fn one_of(found: &mut Found, path: &FieldPath, value: &str, allowed: &[&str]) {
    if allowed.contains(&value) {
        return;
    }
    let names = name_list(allowed.iter().copied());
    let mut problem = Problem::error(
        path.clone(),
        format!("must be one of {names}, found {}", quoted(value)),
    );
    problem.hint = closest(value, allowed).map(|name| format!("did you mean `{name}`?"));
    found.push(problem);
}

/// A whole number within bounds, both inclusive.
pub(super) fn within(
    found: &mut Found,
    path: &FieldPath,
    value: Option<i64>,
    (min, max): (i64, i64),
) {
    if let Some(value) = value.filter(|value| *value < min || *value > max) {
        let message = match max {
            i64::MAX => format!("must be at least {min}, found {value}"),
            _ => format!("must be {min} to {max}, found {value}"),
        };
        found.push(Problem::error(path.clone(), message));
    }
}

/// An absolute address of HTTP.
pub(super) fn http_url(found: &mut Found, path: &FieldPath, text: &str) {
    let message = match Url::parse(text) {
        Ok(url) if matches!(url.scheme(), "http" | "https") && url.has_host() => return,
        Ok(_) => format!("must be an http or https address, found {}", quoted(text)),
        Err(error) => format!("is no address: {error}, found {}", quoted(text)),
    };
    let problem = Problem::error(path.clone(), message);
    found.push(match text.contains("://") {
        true => problem,
        false => problem.hint("write it as http://name.namespace:port/path"),
    });
}

/// Flagger's pattern of durations, which is not anchored at the end:
/// `^[0-9]+(m|s)`.
pub(super) fn fits_schema(text: &str) -> bool {
    let unit = text.trim_start_matches(|c: char| c.is_ascii_digit());
    unit.len() < text.len() && unit.starts_with(['m', 's'])
}

/// A duration by Flagger's schema that also has to mean one.
pub(super) fn schema_duration(
    found: &mut Found,
    path: &FieldPath,
    text: &str,
) -> Option<SignedDuration> {
    let parsed = parse_duration(text).ok();
    if !fits_schema(text) {
        found.push(not_by_schema(path, text, parsed));
        return None;
    }
    if parsed.is_none() {
        found.push(not_a_duration(path, text));
    }
    parsed
}

/// The text does not fit [`fits_schema`].
pub(super) fn not_by_schema(
    path: &FieldPath,
    text: &str,
    meaning: Option<SignedDuration>,
) -> Problem {
    let message = format!(
        "must begin with a number of minutes or seconds, found {}",
        quoted(text)
    );
    let seconds = meaning.map_or(0, |duration| duration.as_secs());
    Problem::error(path.clone(), message).hint(match seconds {
        0 => "write it as 30s or 5m".into(),
        _ if seconds % 60 == 0 => format!("write {}m", seconds / 60),
        _ => format!("write {seconds}s"),
    })
}

/// A duration in Go's notation.
pub(super) fn duration(
    found: &mut Found,
    path: &FieldPath,
    text: Option<&str>,
) -> Option<SignedDuration> {
    let text = text?;
    let parsed = parse_duration(text).ok();
    if parsed.is_none() {
        found.push(not_a_duration(path, text));
    }
    parsed
}

fn not_a_duration(path: &FieldPath, text: &str) -> Problem {
    Problem::error(
        path.clone(),
        format!("must be a duration, found {}", quoted(text)),
    )
    .hint("write it as 30s, 5m or 1h30m")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names() {
        assert!(is_subdomain("a.b-c.9"));
        for bad in ["", ".a", "a..b", "-a", "a-", "A", "a_b", "ä"] {
            assert!(!is_subdomain(bad), "{bad}");
        }
        assert!(is_kind("HTTPRoute") && !is_kind("9a") && !is_kind(""));
        assert!(is_token("x-canary") && !is_token("a b") && !is_token(""));
    }

    #[test]
    fn the_pattern_of_the_schema_is_open_at_the_end() {
        for good in ["1m", "30s", "10mfoo", "1m30s", "5ms"] {
            assert!(fits_schema(good), "{good}");
        }
        for bad in ["", "m", "1h", "1.5m", "-1m", " 1m"] {
            assert!(!fits_schema(bad), "{bad}");
        }
    }

    #[test]
    fn addresses() {
        let refused = |text| {
            let mut found = Found::new();
            http_url(&mut found, &FieldPath::root(), text);
            !found.is_empty()
        };
        for good in ["http://a", "https://a.b:80/c?d=e", "http://[::1]:9090"] {
            assert!(!refused(good), "{good}");
        }
        for bad in ["", "a.b/c", "prometheus:9090", "ftp://a", "/a", "http://"] {
            assert!(refused(bad), "{bad}");
        }
    }
}
