//! The linters of workflows and scripts, over everything of that kind here.

use std::path::{Path, PathBuf};

use crate::parts::{command, source_tree, succeed};
use crate::support::world::git;

/// Files of the source tree whose path fits, relative to it.
fn files(fits: impl Fn(&Path) -> bool) -> Vec<PathBuf> {
    let listed = git(
        source_tree(),
        &["ls-files", "--cached", "--others", "--exclude-standard"],
    );
    let mut found: Vec<PathBuf> = listed.lines().map(PathBuf::from).collect();
    found.retain(|path| fits(path) && source_tree().join(path).is_file());
    found
}

fn workflows() -> Vec<PathBuf> {
    let found = files(|path| {
        let folder = path.parent().unwrap();
        path.extension().is_some_and(|extension| extension == "yml")
            && [".github/workflows", ".github/examples"]
                .iter()
                .any(|known| folder == Path::new(known))
    });
    assert!(found.len() >= 8, "{found:?}");
    found
}

#[test]
#[ignore = "needs real parts"]
fn actionlint_finds_nothing() {
    succeed(
        command("actionlint")
            .current_dir(source_tree())
            .args(workflows()),
    );
}

#[test]
#[ignore = "needs real parts"]
fn zizmor_finds_nothing() {
    let mut inputs = workflows();
    inputs.extend([
        PathBuf::from("action.yml"),
        PathBuf::from(".github/dependabot.yml"),
    ]);
    let report = succeed(
        command("zizmor")
            .current_dir(source_tree())
            .args(["--offline", "--pedantic", "--strict-collection"])
            .args(["--config", ".github/zizmor.yml"])
            .args(&inputs),
    );
    for input in inputs {
        let seen = format!("completed {}", input.display());
        assert!(report.contains(&seen), "{seen}\n{report}");
    }
}

#[test]
#[ignore = "needs real parts"]
fn shellcheck_finds_nothing() {
    let scripts = files(|path| {
        let text = fs_err::read_to_string(source_tree().join(path)).unwrap_or_default();
        text.starts_with("#!/usr/bin/env bash")
    });
    assert!(scripts.len() >= 10, "{scripts:?}");
    succeed(
        command("shellcheck")
            .current_dir(source_tree())
            .args(scripts),
    );
}
