//! Words that messages share.

use std::borrow::Cow;
use std::ops::Range;

/// Parts of a query parameter's name that make its value a secret.
const SECRET_NAMES: [&str; 9] = [
    "auth",
    "code",
    "credential",
    "key",
    "passw",
    "secret",
    "session",
    "sig",
    "token",
];

/// Is the value of the query parameter `name` a secret?
pub(crate) fn is_secret(name: &str) -> bool {
    let lower = name.to_ascii_lowercase();
    SECRET_NAMES.iter().any(|secret| lower.contains(secret))
}

/// `text` with stars for the user and the secret parameters of each address in
/// it. Every other byte stays where it is.
pub(crate) fn without_credentials(text: &str) -> Cow<'_, str> {
    const SCHEME_END: &str = "://";
    let ends = |c: char| c.is_whitespace() || matches!(c, '"' | '\'');
    let mut shown = Cow::Borrowed(text);
    let mut hide = |bytes: Range<usize>| {
        let stars = "*".repeat(bytes.len());
        shown.to_mut().replace_range(bytes, &stars);
    };
    let mut rest = 0;
    while let Some(found) = text[rest..].find(SCHEME_END) {
        let start = rest + found + SCHEME_END.len();
        let length = text[start..].find(ends).unwrap_or(text.len() - start);
        let address = text[start..start + length].trim_end_matches([',', '}', ']']);
        let authority = address.find(['/', '?', '#']).unwrap_or(address.len());
        if let Some(at) = address[..authority].rfind('@') {
            hide(start..start + at);
        }
        let mut next = address.find('?').map_or(address.len(), |at| at + 1);
        for parameter in address[next..].split('&') {
            let end = next + parameter.len();
            match parameter.split_once('=') {
                Some((name, value)) if is_secret(name) => {
                    hide(start + end - value.len()..start + end);
                }
                Some(_) | None => {}
            }
            next = end + 1;
        }
        rest = start + length;
    }
    shown
}

/// The allowed name most like `name`, if it is like enough to be meant.
pub(crate) fn closest<'a>(name: &str, allowed: &[&'a str]) -> Option<&'a str> {
    const MAX: usize = 64;
    if name.len() > MAX {
        return None;
    }
    let lower = name.to_lowercase();
    allowed
        .iter()
        .map(|candidate| {
            let distance = strsim::damerau_levenshtein(&lower, &candidate.to_lowercase());
            (distance, *candidate)
        })
        .filter(|(distance, candidate)| {
            *distance <= 1.max(candidate.chars().count().min(lower.chars().count()) / 3)
        })
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, candidate)| candidate)
}

/// `` `a`, `b` ``, without empty names.
pub(in crate::api) fn name_list<'a>(names: impl IntoIterator<Item = &'a str>) -> String {
    let names: Vec<String> = names
        .into_iter()
        .filter(|name| !name.is_empty())
        .map(|name| format!("`{name}`"))
        .collect();
    names.join(", ")
}

/// `text` in quotes without credentials, cut when it is long.
pub(in crate::api) fn quoted(text: &str) -> String {
    const MAX: usize = 40;
    let text = without_credentials(text);
    match text.char_indices().nth(MAX) {
        Some((cut, _)) => format!("{:?}…", &text[..cut]),
        None => format!("{text:?}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn credentials_become_stars() {
        for (text, shown) in [
            ("", ""),
            ("http://gate/check?x=1", "http://gate/check?x=1"),
            (
                "a: {url: http://ann:pass@gate/?a=b&token=xyz}, b",
                "a: {url: http://********@gate/?a=b&token=***}, b",
            ),
            (
                "'https://t@h' \"https://h/a@b?api_key=äö&c\"",
                "'https://*@h' \"https://h/a@b?api_key=****&c\"",
            ),
            ("http://h?sig=", "http://h?sig="),
            ("://", "://"),
        ] {
            assert_eq!(without_credentials(text), shown);
        }
    }
}
