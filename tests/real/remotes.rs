//! What `step` does when the remote does not play along.

use crate::gitops::{self, CANARY, GitOps, Step};
use crate::parts::program;
use crate::support::git_http::{Access, GitServer};
use crate::support::world::git;

const TOKEN: &str = "ghs_right0token";
const NOW: &str = "2024-05-01T12:00:00Z";

/// A repository whose checkout knows the remote by the server's address.
async fn served(access: Access) -> (GitOps, GitServer) {
    program("git");
    let world = GitOps::new(CANARY);
    let server = GitServer::start(world.root(), access).await;
    let url = format!("{}remote.git", server.url());
    git(&world.checkout(), &["remote", "set-url", "origin", &url]);
    (world, server)
}

/// The first tick, which creates the primary and asks nobody.
fn step(world: &GitOps, token: &str) -> Step {
    world.step(&["--now", NOW], &[("WEIRKEEPER_TOKEN", token)])
}

/// The messages of a step that failed and left the remote alone.
fn refused(world: &GitOps, token: &str) -> String {
    let tip = world.tip();
    let step = step(world, token);
    assert_eq!(step.code(), 4, "{}", step.messages());
    assert_eq!(world.tip(), tip);
    assert!(!step.messages().contains(TOKEN), "{}", step.messages());
    step.messages()
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs real parts"]
async fn step_reaches_the_remote_over_http() {
    let (world, server) = served(Access {
        token: Some(TOKEN),
        read_only: false,
    })
    .await;
    let result = step(&world, TOKEN).result();
    assert_eq!(result["commit"], world.tip());
    assert_eq!(git(&world.checkout(), &["rev-parse", "HEAD"]), world.tip());
    assert_eq!(git(&world.checkout(), &["status", "--porcelain"]), "");
    assert!(
        server
            .log()
            .iter()
            .any(|line| line.contains("git-receive-pack"))
    );
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs real parts"]
async fn wrong_token_is_told() {
    let (world, server) = served(Access {
        token: Some(TOKEN),
        read_only: false,
    })
    .await;
    let messages = refused(&world, "ghs_wrong");
    for part in [
        "no permission to fetch from remote `origin`",
        "contents: read",
    ] {
        assert!(messages.contains(part), "{messages}");
    }
    assert!(server.log().iter().all(|line| line.starts_with("401")));
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs real parts"]
async fn read_only_token_is_told() {
    let (world, server) = served(Access {
        token: Some(TOKEN),
        read_only: true,
    })
    .await;
    let messages = refused(&world, TOKEN).replace(&server.url(), "<server>/");
    insta::assert_snapshot!(messages, @r"
    error: no permission to push to remote `origin`
      because: fatal: unable to access '<server>/remote.git/': The requested URL returned error: 403
    hint: give a token that may: in a workflow `permissions: contents: write`, and actions/checkout with `persist-credentials: true` or the `token` input here
    ");
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs real parts"]
async fn refusing_hook_is_quoted() {
    const WORDS: &str = "GH006: Protected branch update failed for refs/heads/main.";
    let (world, server) = served(Access::default()).await;
    world.refuse_pushes(WORDS);
    let over_http = refused(&world, "").replace(&server.url(), "<remote>/");
    assert!(over_http.contains(WORDS), "{over_http}");

    let remote = format!("file://{}", world.remote().display());
    git(&world.checkout(), &["remote", "set-url", "origin", &remote]);
    let over_files = refused(&world, "");
    assert!(over_files.contains(WORDS), "{over_files}");
    insta::assert_snapshot!(over_http, @r"
    error: remote `origin` refused the push to `main`
      because: (pre-receive hook declined); GH006: Protected branch update failed for refs/heads/main.
    hint: the branch is protected: let this app or token bypass the rule
    ");
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs real parts"]
async fn branch_counts_and_not_the_checkout() {
    let (world, _server) = served(Access::default()).await;
    world.edit("apps/podinfo/deployment.yaml", "6.0.0", "6.0.1");
    let result = step(&world, "").result();
    assert_eq!(result["commit"], world.tip());
    let primary = world.file("apps/podinfo/podinfo-primary-deployment.yaml");
    assert!(primary.contains("podinfo:6.0.1"), "{primary}");
}

/// Runs that overlap: one takes the step, the others find it taken.
#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs real parts"]
async fn runners_that_race_take_one_step() {
    // Each by its own clock: at the same second they would make the same commit.
    const RUNNERS: [(&str, &str); 4] = [
        ("a", "2024-05-01T12:00:00Z"),
        ("b", "2024-05-01T12:00:01Z"),
        ("c", "2024-05-01T12:00:02Z"),
        ("d", "2024-05-01T12:00:03Z"),
    ];
    let (world, server) = served(Access::default()).await;
    let before = world.tip();
    let url = format!("{}remote.git", server.url());
    for (runner, _) in RUNNERS {
        git(world.root(), &["clone", "-q", &url, runner]);
    }
    let actions = std::thread::scope(|scope| {
        let run = |(runner, now)| {
            let folder = world.root().join(runner);
            scope.spawn(move || gitops::step(&folder, &["--now", now], &[]).result())
        };
        let runs = RUNNERS.map(run);
        runs.map(|run| run.join().unwrap()["action"].as_str().unwrap().to_owned())
    });
    let commits = git(&world.remote(), &["rev-list", &format!("{before}..main")]);
    assert_eq!(commits, world.tip(), "one commit: {actions:?}");
    let taken = actions.iter().filter(|action| *action == "held").count();
    assert_eq!(taken, 1, "{actions:?}");
    let found = actions.iter().filter(|action| *action == "notDue").count();
    assert_eq!(found, RUNNERS.len() - 1, "{actions:?}");
}
