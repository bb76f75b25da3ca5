//! `--commit-via api`: GitHub makes the commits, one by one.

use std::collections::BTreeMap;

use serde_json::{Value, json};
use weirkeeper::github::NewCommit;
use weirkeeper::settings::GithubSettings;

use crate::support::assert_ran;
use crate::support::github::{Fault, GitHub, Refusal};
use crate::support::gitops::{PODINFO, World, fixtures, line, tree};
use crate::support::hooks::Hooks;
use crate::support::program::{Call, Ran};
use crate::support::world::git;

const SECOND: &str = "test/second";

fn start(world: &World) -> GitHub {
    GitHub::of(world)
}

fn via_api(github: &GitHub, call: Call) -> Call {
    github.around(call).args(["--commit-via", "api"])
}

fn step(world: &World, github: &GitHub) -> Ran {
    via_api(github, world.stepping()).run()
}

/// Two Canaries, `podinfo` and `second`, that step at the same times.
fn two() -> World {
    let files = tree(&fixtures().join("podinfo"));
    let mut both = BTreeMap::new();
    for (path, text) in files {
        both.insert(
            path.replace("podinfo", "second"),
            text.replace("podinfo", "second"),
        );
        both.insert(path, text);
    }
    World::new(both.iter().map(|(path, text)| (&**path, &**text)))
}

/// The checkout is where the remote is, and clean.
#[track_caller]
fn is_brought_along(world: &World) {
    let checkout = world.checkout();
    assert_eq!(git(&checkout, &["rev-parse", "HEAD"]), world.tip());
    assert_eq!(git(&checkout, &["status", "--porcelain"]), "");
}

#[test]
fn the_same_files_and_messages_as_with_git() {
    let (git_world, api_world) = (World::of("podinfo"), World::of("podinfo"));
    let github = start(&api_world);
    for round in 0..7 {
        for world in [&git_world, &api_world] {
            world.wait(1);
            if round == 4 {
                world.release("podinfo:6.0.0", "podinfo:6.1.0");
            }
        }
        let by_git = git_world.step().exits(0);
        let by_api = step(&api_world, &github).exits(0);
        let told = |ran: &Ran| line(&ran.result(PODINFO));
        assert_eq!(told(&by_git), told(&by_api));
        let json = by_api.json();
        assert_eq!(json["head"], api_world.tip());
        if json["pushed"] == true {
            assert_eq!(json["results"][0]["commit"], api_world.tip());
        }
        is_brought_along(&api_world);
    }
    assert_eq!(git_world.files(), api_world.files());
    // GitHub leaves out the line break at the end.
    let messages = |world: &World| world.log(20, "%B").replace("\n\n", "\n");
    assert_eq!(messages(&git_world), messages(&api_world));
    assert!(messages(&api_world).contains("Canary-Weight: 25"));
    assert_eq!(api_world.log(1, "%an %cn"), "weir[bot] GitHub");
    assert_eq!(github.asked_to_commit(), git_world.commits() - 2);
    for asked in github.requests() {
        assert_eq!(asked.token.as_deref(), Some("t0ken"));
    }
}

#[test]
fn a_person_too() {
    let world = World::of("podinfo");
    let github = start(&world);
    let _created = step(&world, &github).exits(0);
    let call = world.weirkeeper(["pause", PODINFO, "--author", "Ann <ann@example.com>"]);
    let ran = via_api(&github, call).run().exits(0);
    assert!(ran.stdout.contains(&world.tip()[..8]), "{ran}");
    assert!(
        world.read("apps/podinfo/canary.yaml").contains("paused"),
        "{ran}"
    );
    // GitHub's author is whom the token belongs to.
    let message = git(&world.remote(), &["log", "-1", "--format=%B", "main"]);
    let last = message.trim_end().lines().last();
    assert_eq!(
        last,
        Some("Co-authored-by: Ann <ann@example.com>"),
        "{message}"
    );
    let checked = world.weirkeeper(["history", PODINFO]).run().exits(0);
    assert!(checked.stdout.contains("paused by Ann"), "{checked}");
    is_brought_along(&world);
}

#[test]
fn a_branch_that_moves_between_two_commits() {
    let world = two();
    let github = start(&world);
    let hooks = Hooks::start();
    github.faults(&[Fault::Fine, Fault::Overtaken]);
    let call = via_api(&github, world.stepping());
    let ran = call
        .args(["--event-webhook", &hooks.url("event")])
        .run()
        .exits(0);
    insta::assert_snapshot!(world.log(4, "%s"), @"
    second.test: second-primary created, waiting until it is ready
    overtaken
    podinfo.test: podinfo-primary created, waiting until it is ready
    manifests
    ");
    let json = ran.json();
    let commits: Vec<&Value> = [PODINFO, SECOND]
        .map(|name| {
            json["results"]
                .as_array()
                .unwrap()
                .iter()
                .find(|r| r["canary"] == name)
                .unwrap()
        })
        .map(|result| &result["commit"])
        .to_vec();
    let log = world.log(3, "%H");
    let log: Vec<&str> = log.lines().collect();
    assert_eq!(commits, [log[2], log[0]]);
    assert_eq!(
        (&json["head"], &json["pushed"]),
        (&json!(log[0]), &json!(true))
    );
    assert_eq!(github.asked_to_commit(), 3);
    is_brought_along(&world);
    let told = hooks.take();
    let about = |name: &str| {
        told.iter()
            .filter(|request| request.body["name"] == name)
            .count()
    };
    assert_eq!((about("podinfo"), about("second")), (1, 1), "{told:?}");
}

#[test]
fn what_landed_stays_when_the_rest_is_refused() {
    let world = two();
    let github = start(&world);
    let hooks = Hooks::start();
    github.rule(
        "pull_request",
        json!({"required_approving_review_count": 2}),
    );
    github.rule("non_fast_forward", Value::Null);
    let words = "Repository rule violations found\n\nChanges must be made through a pull request.";
    github.faults(&[Fault::Fine, Fault::Refused("UNPROCESSABLE", words)]);
    let outputs = world.path().join("outputs");
    let ran = via_api(
        &github,
        world.weirkeeper(["step", "--prometheus", &world.prometheus.url()]),
    )
    .args(["--event-webhook", &hooks.url("event")])
    .env("GITHUB_ACTIONS", "true")
    .env("GITHUB_OUTPUT", &outputs)
    .run();
    assert_eq!(ran.code, 4, "{ran}");
    for said in [
        "test/podinfo  Initializing  held",
        "test/second  failed\n  not carried out: second-primary created",
        "error: GitHub did not take the commit to `main`\n",
        "hint: rule `pull_request` of ruleset 7 of me/fleet asks for a pull request with 2 approvals\n\
         hint: use `commit-via: pull-request`, or put this app on the bypass list of the ruleset\n",
    ] {
        assert!(ran.to_string().contains(said), "{said}: {ran}");
    }
    assert_eq!(world.commits(), 2);
    is_brought_along(&world);
    let outputs = fs_err::read_to_string(outputs).unwrap();
    assert!(
        outputs.contains(&format!("changed=true\ncommits={}\n", world.tip())),
        "{outputs}"
    );
    let told = hooks.take();
    assert!(!told.is_empty() && told.iter().all(|request| request.body["name"] == "podinfo"));
    // The next run takes the step that is left, and no other.
    let json = step(&world, &github).exits(0).json();
    assert_eq!(world.commits(), 3);
    assert_eq!(json["results"][1]["commit"], world.tip());
}

#[test]
fn an_answer_that_is_lost_makes_no_second_commit() {
    for fault in [
        Fault::Status(502),
        Fault::Status(504),
        Fault::Cut,
        Fault::Broken,
    ] {
        let world = two();
        let github = start(&world);
        github.faults(&[fault]);
        let ran = step(&world, &github).exits(0);
        assert_eq!(world.commits(), 3, "{fault:?} {ran}");
        assert_eq!(github.asked_to_commit(), 2, "{fault:?}");
        assert_eq!(ran.json()["head"], world.tip());
        is_brought_along(&world);
    }
}

#[test]
fn a_fault_of_github_is_tried_again_a_few_times() {
    let world = World::of("podinfo");
    let github = start(&world);
    let gone = |times| Refusal {
        method: "POST",
        path: "graphql",
        status: 502,
        headers: Vec::new(),
        body: json!({"message": "Server Error"}),
        times,
    };
    github.refuse(gone(2));
    let _made = step(&world, &github).exits(0);
    assert_eq!((world.commits(), github.asked_to_commit()), (2, 3));
    world.wait(1);
    github.refuse(gone(3));
    let call = world.weirkeeper(["step", "--prometheus", &world.prometheus.url()]);
    let ran = via_api(&github, call).run();
    assert_eq!(ran.code, 4, "{ran}");
    for said in [
        "test/podinfo  Initializing  failed",
        "did not take the commit to `main`",
        "502 Bad Gateway",
    ] {
        assert!(ran.to_string().contains(said), "{said}: {ran}");
    }
    assert_eq!((world.commits(), github.asked_to_commit()), (2, 6));
    is_brought_along(&world);
}

#[test]
fn refusals_are_explained() {
    let world = World::of("podinfo");
    let github = start(&world);
    for (kind, words, said) in [
        (
            "FORBIDDEN",
            "Resource not accessible by integration",
            "`contents: write`",
        ),
        (
            "NOT_FOUND",
            "No ref",
            "is there a branch `main` in me/fleet",
        ),
        (
            "RATE_LIMITED",
            "API rate limit exceeded",
            "takes no more requests",
        ),
        (
            "BRANCH_PROTECTION_RULE_VIOLATION",
            "Protected branch update failed",
            "classic protection of `main`",
        ),
    ] {
        github.faults(&[Fault::Refused(kind, words)]);
        let ran = step(&world, &github).exits(4);
        assert!(ran.to_string().contains(said), "{kind}: {ran}");
        assert_eq!(ran.json()["pushed"], false);
    }
    assert_eq!(world.commits(), 1);
    // A limit that passes at once: GitHub did nothing, so it is sent again.
    github.refuse(Refusal {
        method: "POST",
        path: "graphql",
        status: 403,
        headers: vec![("retry-after", "0".to_owned())],
        body: json!({"message": "You have exceeded a secondary rate limit."}),
        times: 1,
    });
    let _made = step(&world, &github).exits(0);
    assert_eq!(world.commits(), 2);
}

#[test]
fn an_executable_file_stops_its_canary_alone() {
    let world = two();
    world.pull();
    git(
        &world.person(),
        &[
            "update-index",
            "--chmod=+x",
            "apps/podinfo/kustomization.yaml",
        ],
    );
    git(&world.person(), &["commit", "-q", "-m", "x"]);
    git(&world.person(), &["push", "-q", "origin", "HEAD:main"]);
    let github = start(&world);
    let call = world.weirkeeper(["step", "--prometheus", &world.prometheus.url()]);
    let ran = via_api(&github, call).run();
    assert_ran!(world, ran, @"
    exit code: 3
    ----- stdout
    test/podinfo  failed
      cannot write apps/podinfo/kustomization.yaml through GitHub's API: it is an executable file, and the API makes every file a plain one
    test/second  Initializing  held
      second-primary created, waiting until it is ready
      commit [COMMIT]
      next step not before 2026-01-01T00:01:00Z
    ----- stderr
    error: test/podinfo: cannot write apps/podinfo/kustomization.yaml through GitHub's API: it is an executable file, and the API makes every file a plain one
    hint: use `commit-via: git` for this repository
    ");
    assert_eq!(world.commits(), 3);
    assert!(world.log(1, "%s").starts_with("second.test"));
    assert!(
        !world
            .read("apps/podinfo/kustomization.yaml")
            .contains("primary")
    );
}

#[test]
fn two_runs_at_once_take_each_step_once() {
    let world = two();
    world.clone("other");
    let github = start(&world);
    let hooks = Hooks::start();
    for round in 1..=3 {
        world.wait(1);
        let before = world.commits();
        let running = ["checkout", "other"].map(|folder| {
            let call = world.stepping_in(&world.path().join(folder));
            let call = call.args(["--event-webhook", &hooks.url("event")]);
            via_api(&github, call).start()
        });
        let ran = running.map(|running| running.end().exits(0));
        assert_eq!(
            world.commits(),
            before + 2,
            "{round}: {}\n{}",
            ran[0],
            ran[1]
        );
        let commits: Vec<String> = ran
            .iter()
            .flat_map(|ran| ran.json()["results"].as_array().unwrap().clone())
            .filter_map(|result| result["commit"].as_str().map(str::to_owned))
            .collect();
        let mut log: Vec<String> = world.log(2, "%H").lines().map(str::to_owned).collect();
        let mut sorted = commits;
        sorted.sort();
        log.sort();
        assert_eq!(sorted, log);
        let told = hooks.take();
        let about = |name: &str| told.iter().filter(|r| r.body["name"] == name).count();
        assert_eq!((about("podinfo"), about("second")), (1, 1), "{told:?}");
    }
}

#[test]
fn without_what_it_needs_it_says_what_to_set() {
    let world = World::of("podinfo");
    let api = |call: Call| call.args(["--commit-via", "api"]);
    let ran = api(world.stepping()).run().exits(2);
    assert!(
        ran.to_string()
            .contains("set GITHUB_REPOSITORY to OWNER/NAME"),
        "{ran}"
    );
    let call = world.stepping().env("GITHUB_REPOSITORY", "me/fleet");
    let ran = api(call).run().exits(2);
    assert!(
        ran.to_string().contains("WEIRKEEPER_TOKEN or GITHUB_TOKEN"),
        "{ran}"
    );
    let github = start(&world);
    let ran = via_api(&github, world.stepping())
        .args(["--branch", "mian"])
        .run()
        .exits(2);
    assert!(
        ran.to_string().contains("there is no branch `mian`"),
        "{ran}"
    );
    let ran = via_api(&github, world.stepping())
        .args(["--sign-key", "key"])
        .run()
        .exits(2);
    assert!(
        ran.to_string()
            .contains("GitHub signs these commits itself"),
        "{ran}"
    );
    git(&world.checkout(), &["remote", "remove", "origin"]);
    let ran = via_api(&github, world.stepping()).run().exits(2);
    assert!(ran.to_string().contains("needs a remote"), "{ran}");
    assert_eq!((world.commits(), github.requests().len()), (1, 0));
    // Nothing is sent: nothing is needed.
    let _local = api(world.stepping()).arg("--no-push").run().exits(0);
}

/// The client of the program, for what no step does.
pub(crate) fn client(github: &GitHub) -> weirkeeper::github::GitHub {
    weirkeeper::github::GitHub::new(GithubSettings {
        api: github.api().parse().expect("an address"),
        graphql: github.api().replace("/v3", "").parse().expect("an address"),
        repository: Some("me/fleet".to_owned()),
        token: Some("t0ken".to_owned().into()),
    })
}

#[tokio::test(flavor = "multi_thread")]
async fn several_files_and_deletions() {
    let world = tokio::task::spawn_blocking(|| World::of("podinfo"))
        .await
        .unwrap();
    let github = tokio::task::block_in_place(|| start(&world));
    let client = client(&github);
    let base = world.tip();
    let commit = NewCommit {
        branch: "main",
        expected: &base,
        message: "first line\n\nwhy\n\nKey: ü\n",
        additions: vec![("new/a.yaml", b"a\r\n"), ("b.bin", &[0, 255, 10])],
        deletions: vec!["README.md", "apps/podinfo/service.yaml"],
    };
    let name = client.commit_on_branch(&commit).await.unwrap();
    assert_eq!(name, world.tip());
    let changed = git(
        &world.remote(),
        &["show", "--format=%B", "--name-status", "main"],
    );
    insta::assert_snapshot!(changed, @"
    first line

    why

    Key: ü

    D\tREADME.md
    D\tapps/podinfo/service.yaml
    A\tb.bin
    A\tnew/a.yaml
    ");
    assert_eq!(world.read("new/a.yaml"), "a\r\n");
    // The same once more: the branch is elsewhere, nothing happens.
    let refused = client.commit_on_branch(&commit).await.unwrap_err();
    assert!(refused.is_stale() && !refused.is_uncertain(), "{refused:?}");
    assert_eq!(name, world.tip());
    let last = client.last_commits("main").await.unwrap();
    assert_eq!((&last[0].name, &last[0].parents[0]), (&name, &base));
    assert_eq!(last[0].message, "first line\n\nwhy\n\nKey: ü");
}
