//! Which part may use which, and what nobody may use: read from the source.

use std::collections::BTreeMap;
use std::path::Path;

use crate::support::gitops::tree;

/// Longest file of the program or its tests.
const LINES: usize = 700;

/// Parts that do not know each other.
const APART: [&str; 6] = [
    "observe", "render", "github", "notify", "report", "commands",
];

/// The source of the program by path below `src`, comments left out.
fn source() -> BTreeMap<String, String> {
    let files = tree(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src"));
    let rust = files.into_iter().filter(|(path, _)| path.ends_with(".rs"));
    rust.map(|(path, text)| {
        let code = |line: &&str| !line.trim_start().starts_with("//");
        let lines: Vec<&str> = text.lines().filter(code).collect();
        (path, lines.join("\n"))
    })
    .collect()
}

/// The files of one part: `decide.rs` and `decide/…`.
fn part<'a>(
    source: &'a BTreeMap<String, String>,
    name: &str,
) -> impl Iterator<Item = (&'a String, &'a String)> {
    let (file, folder) = (format!("{name}.rs"), format!("{name}/"));
    source
        .iter()
        .filter(move |(path, _)| **path == file || path.starts_with(&folder))
}

/// The parts of the crate that a text names: `crate::x`, also in `use crate::{x, y::z}`.
fn named(text: &str) -> Vec<String> {
    let mut names = Vec::new();
    for (at, _) in text.match_indices("crate::") {
        let before = text[..at].chars().next_back();
        if before.is_some_and(|c| c.is_alphanumeric() || c == '_') {
            continue;
        }
        let rest = &text[at + "crate::".len()..];
        let word = |text: &str| -> String {
            let word = |c: &char| c.is_alphanumeric() || *c == '_';
            text.trim_start().chars().take_while(word).collect()
        };
        match rest.strip_prefix('{') {
            None => names.push(word(rest)),
            Some(list) => {
                let mut depth = 0;
                let mut items = vec![String::new()];
                for c in list.chars() {
                    match c {
                        '{' => depth += 1,
                        '}' if depth == 0 => break,
                        '}' => depth -= 1,
                        ',' if depth == 0 => items.push(String::new()),
                        _ => {}
                    }
                    items.last_mut().unwrap().push(c);
                }
                names.extend(items.iter().map(|item| word(item.trim_start_matches(','))));
            }
        }
    }
    names.retain(|name| !name.is_empty());
    names
}

/// Checks that the files of `part` name no other part of the crate than `allowed`.
fn check_uses(source: &BTreeMap<String, String>, name: &str, allowed: impl Fn(&str) -> bool) {
    for (path, text) in part(source, name) {
        for used in named(text) {
            assert!(allowed(&used), "src/{path} uses crate::{used}");
        }
    }
}

#[test]
fn parts_know_only_what_they_may() {
    let source = source();
    assert!(part(&source, "api").count() > 10 && part(&source, "decide").count() > 5);
    check_uses(&source, "api", |used| used == "api");
    check_uses(&source, "decide", |used| ["api", "decide"].contains(&used));
    check_uses(&source, "yaml", |used| ["api", "yaml"].contains(&used));
    check_uses(&source, "gateway", |used| {
        ["api", "error", "gateway", "template"].contains(&used)
    });
    check_uses(&source, "webhook", |used| {
        ["api", "decide", "error", "http"].contains(&used)
    });
    for name in APART {
        check_uses(&source, name, |used| {
            // A command joins the parts; nothing joins commands.
            name == "commands" || used == name || !APART.contains(&used)
        });
    }
}

#[test]
fn the_core_touches_nothing() {
    let banned = [
        "tokio",
        "reqwest",
        "git2",
        "std::fs",
        "fs_err",
        "std::process",
        "TcpStream",
        "std::io",
        "SystemTime",
        "Instant::",
        "Timestamp::now",
        "Zoned::now",
        "sleep",
    ];
    let source = source();
    for name in ["api", "decide"] {
        for (path, text) in part(&source, name) {
            if path.contains("tests") {
                continue;
            }
            for word in banned {
                assert!(!text.contains(word), "src/{path} uses {word}");
            }
        }
    }
}

#[test]
fn only_main_reads_clock_and_environment() {
    let banned = [
        "std::env::",
        "env::var",
        "env::args",
        "SystemTime::now",
        "Timestamp::now",
        "Zoned::now",
    ];
    for (path, text) in source() {
        // What follows are tests.
        let text = text.split("#[cfg(test)]\nmod tests {").next().unwrap();
        if path == "main.rs" || path.contains("tests") {
            continue;
        }
        for word in banned {
            assert!(!text.contains(word), "src/{path} uses {word}");
        }
    }
}

#[test]
fn files_stay_small() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    for folder in ["src", "tests"] {
        for (path, text) in tree(&root.join(folder)) {
            let lines = text.lines().count();
            let rust = path.ends_with(".rs");
            assert!(!rust || lines <= LINES, "{folder}/{path} has {lines} lines");
        }
    }
}

#[test]
fn no_test_is_forgotten() {
    let files = tree(&Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it"));
    for (folder, list) in [("", "main.rs"), ("support/", "support/mod.rs")] {
        let declared = &files[list];
        for path in files.keys().filter_map(|path| path.strip_prefix(folder)) {
            let name = path.trim_end_matches(".rs");
            if path.contains('/') || !path.ends_with(".rs") || ["main", "mod"].contains(&name) {
                continue;
            }
            let module = format!("mod {name};");
            assert!(declared.contains(&module), "{list} lacks `{module}`");
        }
    }
}

#[test]
fn names_are_found() {
    let text = "use crate::{World, api::{Canary, Status}, tick};\ncrate::error::Error; mycrate::x;";
    assert_eq!(named(text), ["World", "api", "tick", "error"]);
}
