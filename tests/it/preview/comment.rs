//! The comment on the pull request, and what else a workflow gets.

use serde_json::json;

use super::{CANARY, DEPLOYMENT, Pull, TOKEN};
use crate::support::github::{GitHub, Refusal};
use crate::support::gitops::World;

const MARKER: &str = "<!-- weirkeeper preview -->";
const BOT: &str = "github-actions[bot]";

fn released(world: &World) -> Pull<'_> {
    world.bootstrap();
    Pull::editing(world, DEPLOYMENT, "podinfo:6.0.0", "podinfo:6.0.1")
}

/// Methods of the requests that change something.
fn writes(github: &GitHub) -> Vec<String> {
    let requests = github.requests().into_iter();
    let writes =
        requests.filter(|asked| asked.method != "GET" && !asked.path.ends_with("/graphql"));
    writes
        .map(|asked| format!("{} {}", asked.method, asked.path))
        .collect()
}

#[test]
fn one_comment_is_made_and_updated_in_place() {
    let (world, github) = (World::of("podinfo"), GitHub::start());
    let pull = released(&world);
    // More than a page of others.
    for text in ["Nice", "lgtm", "What is this?", "Hm"] {
        github.write_comment("ann", "User", text);
    }
    let ran = pull.on_github(&github, "me/fleet").run().exits(0);
    assert_eq!(
        writes(&github),
        ["POST /repos/me/fleet/issues/1/comments"],
        "{ran}"
    );
    let (id, login, body) = github.comments().pop().unwrap();
    assert_eq!(login, BOT);
    insta::assert_snapshot!(body);
    assert!(
        github
            .requests()
            .iter()
            .all(|asked| asked.token.as_deref() == Some(TOKEN))
    );

    // Nothing changed: nothing is sent.
    pull.on_github(&github, "me/fleet").run().exits(0);
    assert_eq!(writes(&github).len(), 1);

    // The change changes: the same comment says something else.
    let pull = Pull::editing(&world, DEPLOYMENT, "podinfo:6.0.0", "podinfo:6.0.2");
    pull.on_github(&github, "me/fleet").run().exits(0);
    let patch = format!("PATCH /repos/me/fleet/issues/comments/{id}");
    assert_eq!(writes(&github)[1..], [patch]);
    let comments = github.comments();
    assert_eq!(comments.len(), 5);
    assert!(comments[4].2.contains("6.0.0 → 6.0.2"), "{}", comments[4].2);
}

#[test]
fn nothing_about_rollouts_makes_no_comment_and_updates_one() {
    let (world, github) = (World::of("podinfo"), GitHub::start());
    world.bootstrap();
    let pull = Pull::writing(&world, &[("notes.md", "# Notes\n")]);
    pull.on_github(&github, "me/fleet").run().exits(0);
    assert_eq!(writes(&github), [""; 0]);
    assert!(pull.summary().contains("Nothing changes for the rollout"));

    github.write_comment(BOT, "Bot", &format!("{MARKER}\nA release."));
    pull.on_github(&github, "me/fleet").run().exits(0);
    let comments = github.comments();
    assert_eq!(comments.len(), 1);
    assert!(
        comments[0].2.contains("Nothing changes for the rollout"),
        "{}",
        comments[0].2
    );
}

#[test]
fn of_racing_jobs_the_oldest_comment_stays() {
    let (world, github) = (World::of("podinfo"), GitHub::start());
    let pull = released(&world);
    github.race_comment(&format!("{MARKER}\nof another job"));
    pull.on_github(&github, "me/fleet").run().exits(0);
    let comments = github.comments();
    assert_eq!(comments.len(), 1, "{comments:#?}");
    assert_eq!(comments[0].0, 101);
    assert!(comments[0].2.contains("6.0.0 → 6.0.1"));
}

#[test]
fn of_racing_jobs_the_slower_one_takes_over_the_older_comment() {
    let (world, github) = (World::of("podinfo"), GitHub::start());
    let pull = released(&world);
    for text in ["one", "two", "three"] {
        github.write_comment(BOT, "Bot", &format!("{MARKER}\n{text}"));
    }
    // Another job removes one of them first.
    github.refuse(Refusal {
        method: "DELETE",
        path: "/issues/comments/103",
        status: 404,
        headers: Vec::new(),
        body: json!({"message": "Not Found"}),
        times: 1,
    });
    pull.on_github(&github, "me/fleet").run().exits(0);
    let comments = github.comments();
    assert_eq!(comments[0].0, 101);
    assert!(comments[0].2.contains("6.0.0 → 6.0.1"));
    assert!(comments.iter().all(|(id, ..)| *id != 102), "{comments:#?}");
}

#[test]
fn an_attackers_comment_with_the_marker_is_never_edited() {
    let (world, github) = (World::of("podinfo"), GitHub::start());
    let pull = released(&world);
    // Older than ours, and by accounts that look like ours.
    for (login, kind) in [
        ("mallory", "User"),
        ("github-actions", "User"),
        ("other[bot]", "Bot"),
    ] {
        github.write_comment(login, kind, &format!("{MARKER}\nmine"));
    }
    // Ours, which quotes the marker without beginning with it.
    github.write_comment(BOT, "Bot", &format!("> {MARKER}\nquoted"));
    pull.on_github(&github, "me/fleet").run().exits(0);
    let comments = github.comments();
    assert!(
        comments[..3]
            .iter()
            .all(|(.., body)| body.ends_with("mine")),
        "{comments:#?}"
    );
    assert!(comments[3].2.ends_with("quoted"));
    assert_eq!(comments.len(), 5);
    assert_eq!(writes(&github), ["POST /repos/me/fleet/issues/1/comments"]);
}

#[test]
fn several_previews_of_one_pull_request_keep_their_own_comments() {
    let (world, github) = (World::of("podinfo"), GitHub::start());
    let pull = released(&world);
    for key in ["", "staging", "eu/prod", "staging"] {
        let call = pull.on_github(&github, "me/fleet");
        call.args(["--comment-key", key]).run().exits(0);
    }
    let firsts: Vec<String> = github
        .comments()
        .iter()
        .map(|(.., body)| body.lines().next().unwrap().to_owned())
        .collect();
    let key = |key| format!("<!-- weirkeeper preview {key} -->");
    assert_eq!(firsts, [MARKER.to_owned(), key("staging"), key("eu/prod")]);
    for key in ["a -->", "a--b", "ä", &"x".repeat(65)] {
        let call = pull.on_github(&github, "me/fleet");
        call.args(["--comment-key", key]).run().exits(2);
    }
}

#[test]
fn a_fork_gets_the_summary_alone() {
    let (world, github) = (World::of("podinfo"), GitHub::start());
    let pull = released(&world);
    let ran = pull.on_github(&github, "mallory/fleet").run().exits(0);
    assert_eq!(github.requests(), []);
    assert!(
        ran.stdout
            .contains("No comment: the change comes from a fork"),
        "{ran}"
    );
    let summary = pull.summary();
    assert!(
        summary.contains("6.0.0 → 6.0.1") && summary.contains("No comment: "),
        "{summary}"
    );
}

#[test]
fn the_queries_of_a_fork_reach_nobody() {
    for event in ["pull_request", "pull_request_target"] {
        let (world, github) = (World::of("podinfo"), GitHub::start());
        let pull = released(&world);
        let before = world.prometheus.asked().len();
        let call = |head| {
            let call = pull
                .on_github(&github, head)
                .env("GITHUB_EVENT_NAME", event);
            call.args(["--prometheus", &world.prometheus.url()])
        };
        let ran = call("mallory/fleet").run().exits(0);
        assert_eq!(world.prometheus.asked().len(), before, "{ran}");
        assert_eq!(github.requests(), []);
        let why = "were not asked for: the change comes from a fork";
        assert!(ran.stdout.contains(why), "{ran}");
        // One of the same repository is measured.
        call("me/fleet").run().exits(0);
        assert!(world.prometheus.asked().len() > before);
    }
}

#[test]
fn a_token_that_may_not_write_is_no_failure() {
    let (world, github) = (World::of("podinfo"), GitHub::start());
    let pull = released(&world);
    github.refuse(Refusal {
        method: "POST",
        path: "/issues/1/comments",
        status: 403,
        headers: Vec::new(),
        body: json!({"message": "Resource not accessible by integration"}),
        times: 9,
    });
    let ran = pull.on_github(&github, "me/fleet").run().exits(0);
    assert!(ran.stdout.contains("takes `pull-requests: write`"), "{ran}");
    assert!(
        pull.summary()
            .contains("No comment: the token may not write one")
    );
}

#[test]
fn a_github_that_is_down_fails_the_comment_and_keeps_the_summary() {
    let (world, github) = (World::of("podinfo"), GitHub::start());
    let pull = released(&world);
    github.refuse(Refusal {
        method: "POST",
        path: "/issues/1/comments",
        status: 500,
        headers: Vec::new(),
        body: json!({"message": "Server Error"}),
        times: 99,
    });
    let ran = pull.on_github(&github, "me/fleet").run().exits(4);
    assert!(
        ran.stderr.contains("the comment could not be written"),
        "{ran}"
    );
    assert!(pull.summary().contains("6.0.0 → 6.0.1"));
    let call = pull.on_github(&github, "me/fleet");
    call.args(["--fail-on", "none"]).run().exits(0);
}

#[test]
fn no_comment_asks_nobody() {
    let (world, github) = (World::of("podinfo"), GitHub::start());
    let pull = released(&world);
    pull.on_github(&github, "me/fleet")
        .arg("--no-comment")
        .run()
        .exits(0);
    pull.on_github(&github, "me/fleet")
        .env("GITHUB_TOKEN", "")
        .run()
        .exits(0);
    assert_eq!(github.requests(), []);
    assert!(pull.summary().contains("6.0.0 → 6.0.1"));
}

#[test]
fn findings_are_annotations_and_links_to_the_pull_request() {
    let (world, github) = (World::of("podinfo"), GitHub::start());
    world.bootstrap();
    let pull = Pull::editing(&world, CANARY, "maxWeight: 50", "maxWeight: 150");
    let ran = pull.on_github(&github, "me/fleet").run().exits(3);
    let line = ran
        .stderr
        .lines()
        .find(|line| line.starts_with("::error "))
        .unwrap();
    assert!(line.contains(&format!("file={CANARY},line=21,")), "{line}");
    let head = crate::support::world::git(&pull.checkout, &["rev-parse", "HEAD^2"]);
    let link = format!("https://github.com/me/fleet/blob/{head}/{CANARY}#L21");
    let (.., body) = github.comments().pop().unwrap();
    assert!(body.contains(&link), "{body}");
    let output = fs_err::read_to_string(world.path().join("output")).unwrap();
    let begins = "changed=false\ncommits=\nresults=[{";
    assert!(output.starts_with(begins), "{output}");
    assert!(output.ends_with("]\nactive=\nnext-step-at=\n"), "{output}");
    assert_eq!(output.lines().count(), 5, "{output}");
}

#[test]
fn a_long_comment_is_cut_and_points_at_the_summary() {
    let (world, github) = (World::of("podinfo"), GitHub::start());
    world.bootstrap();
    // Many Canaries in one file each, with signs that take several bytes.
    let (canary, deployment) = (world.read(CANARY), world.read(DEPLOYMENT));
    let canary = canary.split("\nstatus:").next().unwrap().to_owned();
    let files: Vec<(String, String)> = (0..40)
        .flat_map(|number| {
            let name = format!("name: app{number}");
            let rename = |text: &str| {
                let text = text.replace("name: podinfo", &name);
                text.replace("app: podinfo", &format!("app: app{number}"))
            };
            let canary = rename(&canary).replace(
                "port: 9898",
                "port: 9898\n    apex: {annotations: {a: '日本語'}}",
            );
            [
                (format!("apps/{number}/canary.yaml"), canary),
                (
                    format!("apps/{number}/deployment.yaml"),
                    rename(&deployment),
                ),
            ]
        })
        .collect();
    let files: Vec<(&str, &str)> = files
        .iter()
        .map(|(path, text)| (&**path, &**text))
        .collect();
    let pull = Pull::writing(&world, &files);
    pull.on_github(&github, "me/fleet").run().exits(0);
    let (.., body) = github.comments().pop().unwrap();
    let length = body.chars().count();
    assert!((40_000..=65_536).contains(&length), "{length}");
    assert!(
        body.contains("A comment has at most 65,536 characters."),
        "{length}"
    );
    assert!(body.contains("https://github.com/me/fleet/actions/runs/7"));
    assert!(pull.summary().chars().count() > length);
}
