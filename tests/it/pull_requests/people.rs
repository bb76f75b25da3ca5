//! What people do: closing, retrying, aborting, pausing, pushing.

use super::*;

#[test]
fn a_closed_one_is_a_refusal_until_somebody_retries() {
    let there = Protected::begun();
    assert!(there.tick().contains("50/50 advanced"));
    there.github.close(1);
    let asked = there.asked();
    let held = there.tick();
    assert!(
        held.ends_with(
            "held: pull request #1 was closed: weirkeeper retry test/podinfo --commit-via pull-request lifts this"
        ),
        "{held}"
    );
    assert_eq!(there.writes(asked), Vec::<String>::new());
    // With its branch deleted, too, it comes back.
    git(&there.world.remote(), &["branch", "-D", BRANCH]);
    let ran = there.say("retry").exits(0);
    let result = ran.result(PODINFO);
    assert!(
        line(&result).contains("retried: pull request #1 is open again"),
        "{ran}"
    );
    assert_eq!(there.github.pull().number, 1);
    assert!(there.tick().contains("held: pull request #1 waits"));
    there.merge("merge");
    assert!(there.world.read(ROUTE).contains("weight: 50"));
}

#[test]
fn one_that_cannot_be_opened_again_is_opened_anew() {
    let there = Protected::begun();
    assert!(there.tick().contains("50/50 advanced"));
    there.github.close(1);
    there.refuse("PATCH", "/pulls/1", 422, "state cannot be changed");
    let ran = there.say("retry").exits(0);
    assert!(
        line(&ran.result(PODINFO)).contains("counts no longer"),
        "{ran}"
    );
    assert!(there.tick().contains("50/50 advanced"));
    assert_eq!(there.github.pull().number, 2);
}

#[test]
fn a_refusal_is_of_one_step() {
    let there = Protected::begun();
    assert!(there.tick().contains("50/50 advanced"));
    there.github.close(1);
    assert!(there.tick().contains("held: pull request #1 was closed"));
    // A rollback is another one.
    there.fail_checks();
    let mut lines = vec![there.tick()];
    while !lines.last().unwrap().contains("rolledBack") {
        lines.push(there.tick());
        assert!(lines.len() < 6, "{lines:#?}");
    }
    assert_eq!(there.github.pull().number, 2);
    // A refused rollback is held, too, and not quietly; a new revision is another one.
    there.github.close(2);
    there.world.wait(1);
    let call = there.at_github(there.world.stepping());
    let ran = call.env("WEIRKEEPER_FAIL_ON", "rollback").run().exits(6);
    let held = line(&ran.result(PODINFO));
    assert!(
        held.contains("held: pull request #2 was closed, a rollback: "),
        "{held}"
    );
    there.world.release("podinfo:6.1.0", "podinfo:6.2.0");
    let line = there.tick();
    assert!(line.contains("restarted"), "{line}");
    assert_eq!(there.github.pull().number, 3);
}

#[test]
fn an_abort_takes_the_place_of_a_step() {
    let there = Protected::begun();
    assert!(there.tick().contains("50/50 advanced"));
    let ran = there.say("abort").exits(0);
    assert!(
        line(&ran.result(PODINFO)).contains("Failed 100/0 rolledBack"),
        "{ran}"
    );
    let pull = there.github.pull();
    assert_eq!(pull.number, 1);
    assert!(
        pull.title.starts_with("Rollback: podinfo.test: "),
        "{}",
        pull.title
    );
    let author = git(
        &there.world.remote(),
        &["log", "-1", "--format=%an", BRANCH],
    );
    assert_eq!(author, "Ann");
    // No check takes it back, and no new document.
    there
        .world
        .edit(CANARY, "stepWeight: 25 # two steps", "stepWeight: 25");
    let held = there.tick();
    assert!(
        held.contains("held: a rollback waits: merge pull request #1"),
        "{held}"
    );
    there.merge("squash");
    assert!(there.world.read(CANARY).contains("phase: Failed"));
}

#[test]
fn a_pause_takes_the_place_of_a_step_and_a_rollback_that_of_a_pause() {
    let there = Protected::begun();
    assert!(there.tick().contains("50/50 advanced"));
    drop(there.say("pause").exits(0));
    let pull = there.github.pull();
    assert_eq!(pull.number, 1);
    assert!(pull.title.contains("paused by Ann"), "{}", pull.title);
    assert!(!there.proposed(ROUTE).contains("weight: 50"));
    there.fail_checks();
    let mut lines = vec![there.tick()];
    assert!(
        lines[0].contains("held: pull request #1 waits"),
        "{lines:?}"
    );
    while !lines.last().unwrap().contains("rolledBack") {
        lines.push(there.tick());
        assert!(lines.len() < 6, "{lines:#?}");
    }
    let pull = there.github.pull();
    assert!(pull.body.contains("paused by Ann"), "{}", pull.body);
}

#[test]
fn a_pause_does_not_take_the_place_of_a_rollback() {
    let there = Protected::begun();
    assert!(there.tick().contains("50/50 advanced"));
    drop(there.say("abort").exits(0));
    let before = there.branch();
    let ran = there.say("pause").exits(2);
    assert!(ran.stderr.contains("waits to be merged"), "{ran}");
    assert_eq!(there.branch(), before);
    assert!(there.github.pull().title.contains("Rollback"), "{ran}");
}

#[test]
fn other_words_wait_for_the_open_one() {
    let there = Protected::begun();
    assert!(there.tick().contains("50/50 advanced"));
    let before = there.branch();
    drop(there.say("pause").exits(0));
    let ran = there.say("resume").exits(2);
    assert!(
        !ran.stderr.is_empty() && ran.stderr.contains("pull/1"),
        "{ran}"
    );
    there.merge("merge");
    let ran = there.say("resume").exits(0);
    assert_eq!(ran.result(PODINFO)["pullRequest"]["number"], 2, "{ran}");
    let ran = there.say("resume").exits(2);
    assert!(
        ran.stderr.contains("pull request #2 waits to be merged"),
        "{ran}"
    );
    there.merge("merge");
    assert!(there.tick().contains("50/50 advanced"));
    assert_ne!(there.branch(), before);
}

#[test]
fn commits_of_others_are_never_overwritten() {
    let there = Protected::begun();
    assert!(there.tick().contains("50/50 advanced"));
    let person = there.world.person();
    git(&person, &["fetch", "-q", "origin", BRANCH]);
    git(&person, &["checkout", "-q", "-B", "edit", "FETCH_HEAD"]);
    fs_err::write(person.join("note.md"), "mine\n").unwrap();
    git(&person, &["add", "-A"]);
    git(&person, &["commit", "-q", "-m", "a note"]);
    git(
        &person,
        &["push", "-q", "origin", &format!("HEAD:{BRANCH}")],
    );
    git(&person, &["checkout", "-q", "main"]);
    let theirs = there.branch();
    // Not even by a rollback: that is told.
    there.fail_checks();
    for _ in 0..4 {
        let ran = there.next().exits(4);
        let line = line(&ran.result(PODINFO));
        assert!(
            line.contains("held: somebody pushed to weirkeeper/test/podinfo"),
            "{ran}"
        );
        assert_eq!(there.branch(), theirs);
    }
    drop(there.say("abort").exits(4));
    assert_eq!(there.branch(), theirs);
    // It can be merged all the same.
    there.pass_checks();
    there.merge("merge");
    assert!(there.world.read("note.md").contains("mine"));
    assert!(there.tick().contains("promoting"));
}

#[test]
fn an_amended_commit_is_one_of_others() {
    let there = Protected::begun();
    assert!(there.tick().contains("50/50 advanced"));
    let person = there.world.person();
    git(&person, &["fetch", "-q", "origin", BRANCH]);
    git(&person, &["checkout", "-q", "-B", "edit", "FETCH_HEAD"]);
    git(&person, &["commit", "-q", "--amend", "--no-edit"]);
    git(
        &person,
        &["push", "-q", "-f", "origin", &format!("HEAD:{BRANCH}")],
    );
    git(&person, &["checkout", "-q", "main"]);
    let theirs = there.branch();
    let ran = there.next().exits(4);
    assert!(ran.stderr.contains("somebody pushed"), "{ran}");
    assert_eq!(there.branch(), theirs);
}

#[test]
fn closing_a_step_does_not_silence_failed_checks() {
    let there = Protected::begun_in(World::with(&[(
        CANARY,
        "    interval: 1m\n",
        "    interval: 1m\n    catchUp: false\n",
    )]));
    assert!(there.tick().contains("50/50 advanced"));
    there.github.close(1);
    assert!(there.tick().contains("held: pull request #1 was closed"));
    there.fail_checks();
    assert!(there.tick().contains("75/25 halted f1"));
    // Nor does closing a failed check.
    there.github.close(2);
    let mut lines = Vec::new();
    while !lines
        .last()
        .is_some_and(|it: &String| it.contains("rolledBack"))
    {
        lines.push(there.tick());
        assert!(lines.len() < 8, "{lines:#?}");
        if there.github.pull().title.contains("check failed") {
            there.merge("squash");
        }
    }
    let pull = there.github.pull();
    assert!(pull.title.starts_with("Rollback: "), "{}", pull.title);
}

#[test]
fn an_abort_that_conflicts_is_told_and_said_again() {
    let there = Protected::begun();
    drop(there.say("abort").exits(0));
    there.world.put("README.md", "fleet\n");
    there.github.edit(1, |pull| pull.state = Some("dirty"));
    let before = there.branch();
    let ran = there.next().exits(4);
    let held = line(&ran.result(PODINFO));
    assert!(
        held.contains("held: pull request #1 conflicts with main"),
        "{held}"
    );
    assert!(ran.stderr.contains("say it again"), "{ran}");
    assert_eq!(there.branch(), before);
    drop(there.say("abort").exits(0));
    assert_ne!(there.branch(), before);
    assert_eq!(there.github.pull().number, 1);
}

#[test]
fn a_rollback_takes_the_place_of_an_abort_that_conflicts() {
    let there = Protected::begun();
    drop(there.say("abort").exits(0));
    there.world.put("README.md", "fleet\n");
    there.github.edit(1, |pull| pull.state = Some("dirty"));
    there.fail_checks();
    let mut ran = there.next();
    for _ in 0..6 {
        if line(&ran.result(PODINFO)).contains("rolledBack") {
            break;
        }
        ran = there.next();
    }
    assert!(
        line(&ran.exits(0).result(PODINFO)).contains("Failed 100/0 rolledBack"),
        "the rollback waits behind the abort"
    );
    assert_eq!(there.github.pull().number, 1);
    let parent = git(
        &there.world.remote(),
        &["rev-parse", "weirkeeper/test/podinfo^"],
    );
    assert_eq!(parent, there.world.tip());
}

#[test]
fn what_a_person_began_stops_no_later_step() {
    let there = Protected::begun();
    there.refuse("POST", "/pulls", 403, "no");
    drop(there.say("abort").exits(4));
    assert_eq!(there.github.pulls().len(), 0);
    let left = there.branch();
    assert!(there.tick().contains("50/50 advanced"));
    assert_eq!(there.github.pull().number, 1);
    assert_ne!(there.branch(), left);
}

#[test]
fn a_rollback_that_waits_is_not_quiet() {
    let there = Protected::begun();
    drop(there.say("abort").exits(0));
    there.world.wait(1);
    let call = there.at_github(there.world.stepping());
    let ran = call
        .env("WEIRKEEPER_FAIL_ON", "rollback")
        .env("GITHUB_ACTIONS", "true")
        .run()
        .exits(6);
    let all = format!("{}{}", ran.stdout, ran.stderr);
    assert!(all.contains("::warning"), "{ran}");
    assert!(
        all.contains("a rollback waits: merge pull request #1"),
        "{ran}"
    );
}

#[test]
fn a_comment_that_is_run_again_opens_nothing_again() {
    let there = Protected::begun();
    assert!(there.tick().contains("50/50 advanced"));
    there.github.close(1);
    there.github.person("ann", 1, "admin", "admin");
    let comment = serde_json::json!({
        "id": 501, "body": "/weirkeeper retry test/podinfo",
        "user": {"login": "ann", "id": 1, "type": "User"},
        "html_url": "https://github.com/me/fleet/issues/7#issuecomment-501",
        "issue_url": "https://api.github.com/repos/me/fleet/issues/7",
        "created_at": there.world.now(), "updated_at": there.world.now(),
        "author_association": "OWNER", "performed_via_github_app": null,
    });
    there.github.set_comment(501, Some(comment.clone()));
    let event = serde_json::json!({
        "action": "created", "comment": comment, "issue": {"number": 7},
        "repository": {"full_name": "me/fleet"}, "sender": {"login": "ann"},
    });
    let path = there.world.path().join("event.json");
    fs_err::write(&path, event.to_string()).unwrap();
    let happens = || {
        let call = there.world.weirkeeper(["comment"]);
        let call = call
            .env("GITHUB_ACTIONS", "true")
            .env("GITHUB_EVENT_NAME", "issue_comment")
            .env("GITHUB_EVENT_PATH", &path)
            .env("GITHUB_SERVER_URL", "https://github.com")
            .env("GITHUB_RUN_ID", "42");
        drop(there.at_github(call).run());
    };
    happens();
    assert_eq!(there.github.pull().number, 1);
    // Somebody closes it once more, and the workflow of the comment is run again.
    there.github.close(1);
    happens();
    assert!(!there.github.pulls()[0].is_open);
    assert_eq!(there.github.pulls().len(), 1);
    // It is said anew by another one.
    drop(there.say("retry").exits(0));
    assert_eq!(there.github.pull().number, 1);
}
