//! Races, refusals of GitHub, dry runs.

use super::*;

#[test]
fn two_runs_at_once_open_one() {
    let there = Protected::begun();
    let other = there.world.clone("other");
    for round in 1..=3 {
        there.world.wait(1);
        there.github.at(&there.world.now());
        let running = [
            there.at_github(there.world.stepping()).start(),
            there.at_github(there.world.stepping_in(&other)).start(),
        ];
        let ran = running.map(|running| running.end().exits(0));
        assert_eq!(there.github.pulls().len(), round, "{}\n{}", ran[0], ran[1]);
        let mut actions = ran.map(|ran| ran.result(PODINFO)["action"].clone().to_string());
        actions.sort();
        assert!(actions.contains(&"\"held\"".to_owned()), "{actions:?}");
        there.merge("squash");
    }
}

#[test]
fn a_dry_run_changes_nothing() {
    let there = Protected::begun();
    let dry = |there: &Protected| {
        there
            .at_github(there.world.stepping())
            .arg("--dry-run")
            .run()
    };
    there.world.wait(1);
    let ran = dry(&there).exits(0);
    assert!(
        line(&ran.result(PODINFO)).contains("50/50 advanced"),
        "{ran}"
    );
    assert_eq!(there.writes(0), Vec::<String>::new());
    let branches = git(
        &there.world.remote(),
        &["branch", "--format=%(refname:short)"],
    );
    assert_eq!(branches, "main");
    drop(there.step().exits(0));
    let asked = there.asked();
    there.world.release("podinfo:6.1.0", "podinfo:6.2.0");
    let ran = dry(&there).exits(0);
    assert!(line(&ran.result(PODINFO)).contains("restarted"), "{ran}");
    assert_eq!(ran.result(PODINFO)["pullRequest"]["number"], 1);
    assert_eq!(there.writes(asked), Vec::<String>::new());
}

#[test]
fn a_retry_that_writes_nothing_opens_nothing() {
    let there = Protected::begun();
    assert!(there.tick().contains("50/50 advanced"));
    let asked = there.asked();
    there.github.close(1);
    let retry = ["retry", PODINFO, "--dry-run", "--author", "A <a@b>"];
    let ran = there.at_github(there.world.weirkeeper(retry)).run();
    assert!(
        ran.stdout.contains("pull request #1 would be opened again"),
        "{ran}"
    );
    assert_eq!(there.writes(asked), Vec::<String>::new());
}

#[test]
fn what_github_did_not_do_the_next_run_does() {
    let there = Protected::begun();
    there.refuse("POST", "/pulls", 502, "bad gateway");
    let ran = there.next().exits(4);
    assert!(line(&ran.result(PODINFO)).contains("failed"), "{ran}");
    assert_eq!(there.github.pulls().len(), 0);
    let left = there.branch();
    assert!(there.tick().contains("50/50 advanced"));
    assert_eq!(there.github.pull().number, 1);
    assert_ne!(there.branch(), left);
    // The branch is new, the words are not.
    there.world.release("podinfo:6.1.0", "podinfo:6.2.0");
    there.refuse("PATCH", "/pulls/1", 500, "no");
    let ran = there.next().exits(4);
    assert!(line(&ran.result(PODINFO)).contains("restarted"), "{ran}");
    assert!(there.github.pull().title.contains("25 → 50"));
    let ran = there.next().exits(0);
    assert!(line(&ran.result(PODINFO)).contains("restarted"), "{ran}");
    assert!(
        there.github.pull().title.contains("revision"),
        "{}",
        there.github.pull().title
    );
    assert!(there.tick().contains("held: pull request #1 waits"));
}

#[test]
fn a_github_that_refuses_to_list_stops_the_run() {
    let there = Protected::begun();
    there.refuse(
        "GET",
        "/pulls?state=open",
        403,
        "Resource not accessible by integration",
    );
    let tip = there.world.tip();
    let ran = there.next();
    assert!(ran.code == 4, "{ran}\n{:#?}", there.github.requests());
    assert!(ran.stderr.contains("pull-requests: read"), "{ran}");
    assert_eq!(there.world.tip(), tip);
    assert_eq!(there.writes(0), Vec::<String>::new());
}

#[test]
fn actions_that_may_open_none_are_told_what_to_allow() {
    let there = Protected::begun();
    let words = "GitHub Actions is not permitted to create or approve pull requests.";
    there.refuse("POST", "/pulls", 403, words);
    let ran = there.next().exits(4);
    assert!(
        ran.stderr.contains("allow GitHub Actions to create"),
        "{ran}"
    );
    assert_eq!(there.world.read(ROUTE).matches("weight: 25").count(), 1);
}

#[test]
fn one_canary_that_fails_does_not_stop_the_others() {
    let there = Protected::begun();
    there.refuse("POST", "/pulls", 403, "no");
    there.world.wait(1);
    let ran = there.step().exits(4);
    let result = ran.result(PODINFO);
    assert_eq!(result["action"], "failed");
    // The branch is as it was, and so is what is said of it.
    assert_eq!(result["canaryWeight"], 25, "{ran}");
    assert_eq!(result["error"]["kind"], "remote", "{ran}");
}

#[test]
fn it_needs_a_remote_and_a_token() {
    let there = Protected::begun();
    let ran = there
        .at_github(there.world.stepping())
        .arg("--no-push")
        .run()
        .exits(2);
    assert!(ran.stderr.contains("needs a remote"), "{ran}");
    let ran = there
        .world
        .stepping()
        .args(["--commit-via", "pull-request"])
        .env("GITHUB_REPOSITORY", "me/fleet")
        .run()
        .exits(2);
    assert!(ran.stderr.contains("a token"), "{ran}");
}
