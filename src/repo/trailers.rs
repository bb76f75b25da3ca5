//! Trailers: the `Key: value` lines at the end of a commit message.

use crate::error::{Error, Result};

/// Adds `trailers` to `text`, in their order, as one block after an empty line.
///
/// ```
/// use weirkeeper::repo::trailers;
///
/// let message = trailers::append("podinfo.test: canary 20 → 30 %\n", &[("Canary", "test/podinfo"), ("Iterations", "0")]).unwrap();
/// assert_eq!(message, "podinfo.test: canary 20 → 30 %\n\nCanary: test/podinfo\nIterations: 0\n");
/// assert_eq!(trailers::parse(&message), [("Canary".into(), "test/podinfo".into()), ("Iterations".into(), "0".into())]);
/// ```
///
/// # Errors
///
/// [`Internal`](crate::error::Kind::Internal) for a key that is not letters, digits and `-`, or a value
/// that is empty or has a line break: it would not be read back as it was written.
pub fn append<K: AsRef<str>, V: AsRef<str>>(text: &str, trailers: &[(K, V)]) -> Result<String> {
    let mut message = text.trim_end().to_owned();
    message.push('\n');
    if !trailers.is_empty() {
        message.push('\n');
    }
    for (key, value) in trailers {
        let (key, value) = (key.as_ref(), value.as_ref().trim());
        let letters = key
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || byte == b'-');
        if key.is_empty() || !letters || value.is_empty() || value.contains(char::is_control) {
            return Err(Error::internal(format!(
                "`{key}: {value:?}` cannot be a trailer"
            )));
        }
        message.push_str(key);
        message.push_str(": ");
        message.push_str(value);
        message.push('\n');
    }
    Ok(message)
}

/// The trailers of a commit message, in their order; a folded value is one line.
///
/// Git's own rules: the last paragraph, if it is not also the first.
#[must_use]
pub fn parse(message: &str) -> Vec<(String, String)> {
    let Ok(found) = git2::message_trailers_strs(message) else {
        // Only a NUL does that, which no commit has.
        return Vec::new();
    };
    let join = |value: &str| {
        let lines: Vec<&str> = value.lines().map(str::trim).collect();
        lines.join(" ")
    };
    found
        .iter()
        .map(|(key, value)| (key.to_owned(), join(value)))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn block_of_a_commit_is_read() {
        let message = "Subject: not a trailer\n\nbody: neither\nis this\n\nCanary: test/podinfo\n\
                       Phase: Progressing\nNote: folded\n  over two\n";
        let expected = [
            ("Canary", "test/podinfo"),
            ("Phase", "Progressing"),
            ("Note", "folded over two"),
        ];
        let found = parse(message);
        let found: Vec<(&str, &str)> = found.iter().map(|(k, v)| (&**k, &**v)).collect();
        assert_eq!(found, expected);
        assert!(parse("Subject: x\n").is_empty());
        assert!(parse("").is_empty());
    }

    #[test]
    fn what_cannot_be_read_back_is_refused() {
        for (key, value) in [
            ("", "x"),
            ("A b", "x"),
            ("A:", "x"),
            ("A", ""),
            ("A", "x\ny"),
        ] {
            assert!(append("s", &[(key, value)]).is_err(), "{key}: {value}");
        }
        assert_eq!(append("s\n\n", &[] as &[(&str, &str)]).unwrap(), "s\n");
    }

    proptest! {
        #[test]
        fn what_is_written_is_read(
            body in "[ -~\n]{0,60}",
            list in prop::collection::vec(("[A-Z][a-z]{1,8}(-[A-Z][a-z]{1,5})?", "[!-~]([ -~]{0,20}[!-~])?"), 1..5),
        ) {
            let message = append(&format!("subject\n\n{body}"), &list).unwrap();
            prop_assert_eq!(parse(&message), list);
        }
    }
}
