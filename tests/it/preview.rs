//! `preview`: what a pull request does to rollouts.

mod hostile;
mod shown;

use std::path::{Path, PathBuf};

use crate::support::gitops::World;
use crate::support::program::Call;
use crate::support::world::{git, write};

/// A pull request, checked out as GitHub does: its merge with the branch.
struct Pull<'w> {
    world: &'w World,
    checkout: PathBuf,
}

impl<'w> Pull<'w> {
    /// A pull request from the tip of the branch; `change` edits the files.
    fn new(world: &'w World, change: impl FnOnce(&Path)) -> Self {
        world.pull();
        let person = world.person();
        git(&person, &["checkout", "-q", "-B", "change", "origin/main"]);
        change(&person);
        git(&person, &["add", "-A", "-f"]);
        git(&person, &["commit", "-q", "--allow-empty", "-m", "change"]);
        git(&person, &["checkout", "-q", "--detach", "origin/main"]);
        git(
            &person,
            &["merge", "-q", "--no-ff", "-m", "merge", "change"],
        );
        git(
            &person,
            &["push", "-q", "-f", "origin", "HEAD:refs/pull/1/merge"],
        );
        git(&person, &["checkout", "-q", "main"]);
        let checkout = world.clone(&format!("pull-{}", world.commits()));
        git(&checkout, &["fetch", "-q", "origin", "refs/pull/1/merge"]);
        git(&checkout, &["checkout", "-q", "--detach", "FETCH_HEAD"]);
        Self { world, checkout }
    }

    /// A pull request that writes these files.
    fn writing(world: &'w World, files: &[(&str, &str)]) -> Self {
        Self::new(world, |person| {
            for (path, text) in files {
                write(person, path, text);
            }
        })
    }

    /// A pull request that replaces a part of a file.
    fn editing(world: &'w World, path: &str, from: &str, to: &str) -> Self {
        let text = world.read(path);
        assert!(text.contains(from), "no `{from}` in {path}:\n{text}");
        Self::writing(world, &[(path, &text.replacen(from, to, 1))])
    }

    /// The preview in the checkout of the pull request.
    fn preview(&self, arguments: &[&str]) -> Call {
        Call::new(&self.checkout, self.world.path())
            .args(["preview", "--now", &self.world.now()])
            .args(arguments)
    }
}
