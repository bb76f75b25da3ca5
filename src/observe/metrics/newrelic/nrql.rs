//! Enough of NRQL to see whether a query says of which time it is.

/// The word by which a query says of which time it is, outside of texts, comments and
/// nested queries.
pub(super) fn own_time(query: &str) -> Option<&'static str> {
    let mut depth = 0_usize;
    let mut word = String::new();
    let mut rest = query.char_indices().peekable();
    let mut found = None;
    let mut check = |word: &mut String, depth: usize| {
        let same = |keyword: &&&'static str| word.eq_ignore_ascii_case(keyword);
        if depth == 0 && found.is_none() {
            found = ["SINCE", "UNTIL"].iter().find(same).copied();
        }
        word.clear();
    };
    while let Some((at, c)) = rest.next() {
        if c.is_alphanumeric() || matches!(c, '_' | '.') {
            word.push(c);
            continue;
        }
        check(&mut word, depth);
        let tail = &query[at..];
        let skipped = match c {
            '(' => {
                depth += 1;
                0
            }
            ')' => {
                depth = depth.saturating_sub(1);
                0
            }
            '\'' | '"' | '`' => quoted(&tail[1..], c) + 1,
            _ if tail.starts_with("--") || tail.starts_with("//") => {
                tail.find('\n').unwrap_or(tail.len())
            }
            _ if tail.starts_with("/*") => tail.find("*/").map_or(tail.len(), |end| end + 2),
            _ => 0,
        };
        while rest.next_if(|(next, _)| *next < at + skipped).is_some() {}
    }
    check(&mut word, depth);
    found
}

/// Bytes up to the end of a text, its closing quote included.
fn quoted(text: &str, quote: char) -> usize {
    let mut escaped = false;
    for (at, c) in text.char_indices() {
        match c {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            _ if c == quote => return at + 1,
            _ => {}
        }
    }
    text.len()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_time_of_a_query() {
        for (query, word) in [
            ("SELECT count(*) FROM Transaction", None),
            (
                "SELECT count(*) FROM Transaction since 5 minutes ago",
                Some("SINCE"),
            ),
            ("SELECT count(*) FROM T\nUNTIL now", Some("UNTIL")),
            (
                "SELECT count(*) FROM T WHERE a = 'since' AND b = \"until\"",
                None,
            ),
            (r"SELECT count(*) FROM T WHERE a = 'it\' since'", None),
            ("SELECT `since` FROM T -- SINCE", None),
            ("SELECT a FROM T // SINCE\nSINCE 1", Some("SINCE")),
            ("SELECT a /* SINCE */ FROM T", None),
            ("SELECT a FROM (SELECT b FROM T SINCE 1 day ago)", None),
            ("SELECT sinceBoot, x.since FROM T", None),
            ("SELECT a FROM T WHERE b = 'ä' SINCE 1", Some("SINCE")),
        ] {
            assert_eq!(own_time(query), word, "{query}");
        }
    }

    proptest! {
        #[test]
        fn no_text_panics(text in any::<String>()) {
            own_time(&text);
        }
    }
}
