//! What the program can ask of GitHub's REST API: each `Ask::get([…])` in its source.

use std::collections::BTreeSet;
use std::path::Path;

use crate::support::gitops::tree;

/// `GET` and the parts of a path below the repository; `None` is one that the
/// program fills in.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Asked {
    pub(crate) method: String,
    pub(crate) parts: Vec<Option<String>>,
}

impl Asked {
    /// The path, with something for each part that is filled in.
    pub(crate) fn path(&self) -> String {
        let parts = self.parts.iter().map(|part| match part {
            Some(part) => format!("/{part}"),
            None => "/1".to_owned(),
        });
        format!("/repos/me/fleet{}", parts.collect::<String>())
    }

    /// Was a request for `path` one of these?
    pub(crate) fn fits(&self, method: &str, path: &str) -> bool {
        let Some(below) = path.strip_prefix("/repos/me/fleet") else {
            return false;
        };
        let given: Vec<&str> = below.split('/').skip(1).collect();
        let mut pairs = self.parts.iter().zip(&given);
        method == self.method
            && given.len() == self.parts.len()
            && pairs.all(|(part, given)| part.as_ref().is_none_or(|part| part == given))
    }
}

/// All of them.
///
/// # Panics
/// When one is not written as a list, which could not be read here.
pub(crate) fn all() -> BTreeSet<Asked> {
    let source = tree(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src"));
    let program = source
        .iter()
        .filter(|(path, _)| path.ends_with(".rs") && !path.contains("tests"));
    let mut asked = BTreeSet::new();
    for (path, text) in program {
        let code: Vec<&str> = text
            .lines()
            .filter(|line| !line.trim_start().starts_with("//"))
            .collect();
        let code = code.join("\n");
        for method in ["get", "post", "patch", "put", "delete"] {
            for (at, call) in code.match_indices(&format!("Ask::{method}(")) {
                let rest = code[at + call.len()..].trim_start();
                let list = rest.strip_prefix('[').and_then(|rest| rest.split_once(']'));
                let (list, _) = list.unwrap_or_else(|| panic!("src/{path}: {call} takes a list"));
                asked.insert(Asked {
                    method: method.to_uppercase(),
                    parts: parts(list),
                });
            }
        }
    }
    asked
}

fn parts(list: &str) -> Vec<Option<String>> {
    let entries = list
        .split(',')
        .map(str::trim)
        .filter(|entry| !entry.is_empty());
    let literal = |entry: &str| Some(entry.strip_prefix('"')?.strip_suffix('"')?.to_owned());
    // `[""; 0]` is the repository itself.
    entries
        .filter(|entry| !entry.contains(';'))
        .map(literal)
        .collect()
}
