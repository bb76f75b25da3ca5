//! What a pull request gets to see.

use serde_json::{Value as Json, json};

use super::{Ran, act_with, binary, copy_of_the_action, given, guarded, said};
use crate::gitops::GitOps;
use crate::prometheus::Prometheus;
use crate::rollout::{at, follow, history};
use crate::support::git_http::GitServer;
use crate::support::github::GitHub;
use crate::support::prometheus::RUNTIME;
use crate::support::world::git;

const COMMENTS: &str = "/repos/me/fleet/issues/7/comments";
const MARKER: &str = "<!-- weirkeeper preview";

/// A repository in the middle of a day, with a pull request.
struct Pull {
    prometheus: Prometheus,
    world: GitOps,
    server: GitServer,
    github: GitHub,
}

impl Pull {
    fn new() -> Self {
        let prometheus = history();
        let world = GitOps::new(crate::gitops::CANARY);
        follow(&world, &prometheus, 0..10, "scaled to zero");
        let server = RUNTIME.block_on(guarded(&world));
        Self {
            prometheus,
            world,
            server,
            github: GitHub::start(),
        }
    }

    /// Changes a file in the pull request, as one commit on `main` and the merge of it.
    fn change(&self, path: &str, from: &str, to: &str) {
        let folder = tempfile::tempdir_in(self.world.root()).unwrap();
        let clone = folder.path().join("clone");
        let remote = self.world.remote().display().to_string();
        let place = clone.display().to_string();
        git(self.world.root(), &["clone", "-q", &remote, &place]);
        let text = fs_err::read_to_string(clone.join(path)).unwrap();
        assert!(text.contains(from), "{text}");
        fs_err::write(clone.join(path), text.replace(from, to)).unwrap();
        git(&clone, &["checkout", "-q", "-b", "change"]);
        git(&clone, &["commit", "-q", "-a", "-m", "Somebody changes"]);
        git(&clone, &["checkout", "-q", "main"]);
        git(&clone, &["merge", "-q", "--no-ff", "-m", "Merge", "change"]);
        let refs = ["main:refs/pull/7/merge", "change:refs/pull/7/head"];
        git(
            &clone,
            &["push", "-q", "--force", "origin", refs[0], refs[1]],
        );
    }

    /// The payload of the event, from a repository.
    fn payload(&self, from: &str) -> Json {
        let commit = |name: &str| git(&self.world.remote(), &["rev-parse", name]);
        let repository = |name: &str| json!({"full_name": name, "fork": name != "me/fleet"});
        json!({
            "action": "synchronize",
            "number": 7,
            "pull_request": {
                "number": 7,
                "head": {
                    "ref": "change",
                    "sha": commit("refs/pull/7/head"),
                    "repo": repository(from),
                },
                "base": {"ref": "main", "sha": commit("main"), "repo": repository("me/fleet")},
            },
            "repository": repository("me/fleet"),
        })
    }

    fn preview(&self, from: &str) -> Ran {
        let payload = self.world.root().join("payload.json");
        fs_err::write(&payload, self.payload(from).to_string()).unwrap();
        let more = format!("          extra-args: --now {}\n", at(6));
        let binary = binary(&self.world);
        let workflow = given("pull-request.yml", &self.prometheus.url(), &binary, &more);
        let api = format!("GITHUB_API_URL={}", self.github.api());
        let graphql = self.github.api().replace("/v3", "/graphql");
        let graphql = format!("GITHUB_GRAPHQL_URL={graphql}");
        let payload = payload.display().to_string();
        let arguments = ["--eventpath", &payload, "--env", &api, "--env", &graphql];
        let source = copy_of_the_action(&self.world);
        let before = self.world.tip();
        let ran = act_with(
            &self.world,
            &self.server,
            "pull_request",
            &workflow,
            &source,
            &arguments,
        );
        assert_eq!(self.world.tip(), before, "a preview writes nothing");
        ran
    }

    /// Method, path and text of each comment that was written or changed.
    fn written(&self) -> Vec<(String, String, String)> {
        let mut requests = self.github.requests();
        requests.retain(|asked| asked.path.contains("/comments") && asked.method != "GET");
        let text = |body: &Json| body["body"].as_str().unwrap_or_default().to_owned();
        requests
            .into_iter()
            .map(|asked| (asked.method, asked.path, text(&asked.body)))
            .collect()
    }
}

#[test]
#[ignore = "needs real parts"]
fn a_pull_request_gets_one_comment_that_is_updated() {
    let pull = Pull::new();
    pull.change("apps/podinfo/deployment.yaml", "6.0.0", "6.1.0");
    let ran = pull.preview("me/fleet");
    assert!(ran.success, "{}", ran.text);
    println!("summary:\n{}", ran.summary());
    assert!(ran.summary().contains("test/podinfo"), "{}", ran.summary());
    let written = pull.written();
    assert_eq!(written.len(), 1, "{written:?}");
    let (method, path, comment) = &written[0];
    assert_eq!((method.as_str(), path.as_str()), ("POST", COMMENTS));
    println!("comment:\n{comment}");
    assert!(comment.starts_with(MARKER), "{comment}");
    assert!(comment.contains("test/podinfo"), "{comment}");

    pull.change(
        "apps/podinfo/canary.yaml",
        "stepWeight: 50",
        "stepWeight: 500",
    );
    said(&pull.world);
    let ran = pull.preview("me/fleet");
    assert!(!ran.success, "{}", ran.text);
    let annotation = "::error file=apps/podinfo/canary.yaml,line=20,";
    let said = said(&pull.world).unwrap();
    assert!(said.contains(annotation), "{said}");
    let written = pull.written();
    assert_eq!(written.len(), 2, "{written:?}");
    let (method, path, comment) = &written[1];
    assert_eq!(method, "PATCH", "{written:?}");
    assert!(
        path.starts_with("/repos/me/fleet/issues/comments/"),
        "{path}"
    );
    assert!(comment.contains("stepWeight"), "{comment}");
}

#[test]
#[ignore = "needs real parts"]
fn a_pull_request_from_a_fork_gets_the_summary() {
    let pull = Pull::new();
    pull.change("apps/podinfo/deployment.yaml", "6.0.0", "6.1.0");
    let ran = pull.preview("mallory/fleet");
    assert!(ran.success, "{}", ran.text);
    assert!(ran.summary().contains("test/podinfo"), "{}", ran.summary());
    assert_eq!(pull.written(), []);
}
