//! One file before and after, as far as it may be shown.

use std::time::Duration;

use similar::{ChangeTag, TextDiff};

use crate::report::preview::FileDiff;

/// Lines of one diff that are shown.
const LINES: usize = 200;

/// Bytes of one line that are shown.
const WIDTH: usize = 500;

/// Limit for finding the smallest difference; a larger one does as well.
const PATIENCE: Duration = Duration::from_millis(500);

/// What becomes of the file at `path`. The values of a Secret are nobody's business,
/// whoever may read the repository.
pub(crate) fn of(path: &str, before: Option<&str>, after: &str) -> FileDiff {
    let old = before.unwrap_or_default();
    let diff = TextDiff::configure()
        .timeout(PATIENCE)
        .diff_lines(old, after);
    let count = |tag| {
        diff.iter_all_changes()
            .filter(|change| change.tag() == tag)
            .count()
    };
    let mut shown = FileDiff {
        path: path.to_owned(),
        created: before.is_none(),
        added: count(ChangeTag::Insert),
        removed: count(ChangeTag::Delete),
        diff: None,
        note: None,
    };
    if holds_secret(old) || holds_secret(after) {
        shown.note = Some("it holds a Secret and is not shown");
        return shown;
    }
    let text = diff.unified_diff().context_radius(3).to_string();
    let lines: Vec<&str> = text.lines().collect();
    if lines.len() > LINES {
        shown.note = Some("its beginning");
    }
    let lines = lines.iter().take(LINES).map(|line| cut(line));
    shown.diff = Some(lines.collect::<Vec<_>>().join("\n"));
    shown
}

fn cut(line: &str) -> String {
    match line.len() > WIDTH {
        true => format!("{}…", &line[..line.floor_char_boundary(WIDTH)]),
        false => line.to_owned(),
    }
}

/// Is one of the objects a Secret? Rather once too often than once too little.
fn holds_secret(text: &str) -> bool {
    let plain = |line: &str| {
        let quotes = |c: char| c.is_whitespace() || matches!(c, '"' | '\'' | ',' | '{' | '-');
        line.split(" #").next().unwrap_or(line).replace(quotes, "")
    };
    text.lines().any(|line| plain(line).contains("kind:Secret"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn differences_are_unified() {
        let diff = of("a.yaml", Some("a: 1\nb: 2\n"), "a: 1\nb: 3\n");
        assert_eq!((diff.added, diff.removed, diff.created), (1, 1, false));
        assert_eq!(diff.diff.unwrap(), "@@ -1,2 +1,2 @@\n a: 1\n-b: 2\n+b: 3");
    }

    #[test]
    fn values_of_secrets_are_not_shown() {
        for text in [
            "kind: Secret\nstringData: {a: hush}\n",
            "kind: \"Secret\" # mine\ndata: {a: hush}\n",
            "{\"kind\": \"Secret\", \"data\": {\"a\": \"hush\"}}\n",
            "- kind: 'Secret'\n  data: {a: hush}\n",
            "kind: SecretList\nitems: [hush]\n",
        ] {
            assert_eq!(of("s.yaml", None, text).diff, None, "{text}");
            assert_eq!(of("s.yaml", Some(text), "a: 1\n").diff, None, "{text}");
        }
    }

    #[test]
    fn large_files_are_cut() {
        let text = format!("{}\n", "x".repeat(10_000)).repeat(10_000);
        let diff = of("a.yaml", None, &text);
        assert_eq!(diff.added, 10_000);
        let shown = diff.diff.unwrap();
        assert!(shown.len() < LINES * (WIDTH + 10), "{}", shown.len());
    }
}
