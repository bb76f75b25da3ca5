//! `preview`: what a pull request does to rollouts.

mod comment;
mod deleted;
mod hostile;
mod hostile_files;
mod shown;

use std::path::{Path, PathBuf};

use crate::support::github::GitHub;
use crate::support::gitops::World;
use crate::support::program::Call;
use crate::support::world::{git, write};

/// The token of the workflow.
const TOKEN: &str = "ghs_of_the_workflow";

/// Where the workload of the fixture stands.
const DEPLOYMENT: &str = "apps/podinfo/deployment.yaml";

/// Where its Canary stands.
const CANARY: &str = "apps/podinfo/canary.yaml";

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
        let name = format!("pull-{}", fs_err::read_dir(world.path()).unwrap().count());
        let checkout = world.clone(&name);
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

    /// The preview as a workflow for the pull request runs it, with `head` as the
    /// repository of the change.
    fn on_github(&self, github: &GitHub, head: &str) -> Call {
        let folder = self.world.path();
        let event = folder.join("event.json");
        let sha = |revision| git(&self.checkout, &["rev-parse", revision]);
        let payload = serde_json::json!({
            "action": "synchronize",
            "number": 1,
            "pull_request": {
                "number": 1,
                "head": {"sha": sha("HEAD^2"), "repo": {"full_name": head}},
                // The event knows the branch as it was when the pull request was opened.
                "base": {"sha": sha("HEAD^1"), "repo": {"full_name": "me/fleet"}},
            },
        });
        fs_err::write(&event, payload.to_string()).unwrap();
        self.preview(&[])
            .env("GITHUB_ACTIONS", "true")
            .env("GITHUB_EVENT_NAME", "pull_request")
            .env("GITHUB_EVENT_PATH", event)
            .env("GITHUB_REPOSITORY", "me/fleet")
            .env("GITHUB_SERVER_URL", "https://github.com")
            .env("GITHUB_RUN_ID", "7")
            .env("GITHUB_API_URL", github.api())
            .env("GITHUB_TOKEN", TOKEN)
            .env("GITHUB_STEP_SUMMARY", self.summary_file())
            .env("GITHUB_OUTPUT", folder.join("output"))
    }

    fn summary_file(&self) -> PathBuf {
        self.world.path().join("summary.md")
    }

    fn summary(&self) -> String {
        fs_err::read_to_string(self.summary_file()).unwrap()
    }

    /// The preview in the checkout of the pull request.
    fn preview(&self, arguments: &[&str]) -> Call {
        Call::new(&self.checkout, self.world.path())
            .args(["preview", "--now", &self.world.now()])
            .args(arguments)
    }
}
