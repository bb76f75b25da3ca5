//! What changes an open pull request: failed checks, new documents, deletion.

use super::*;

#[test]
fn failed_checks_open_nothing_until_they_roll_back() {
    let there = Protected::begun();
    there.fail_checks();
    for failed in 1..=3 {
        let line = there.tick();
        assert!(line.contains(&format!("75/25 halted f{failed}")), "{line}");
        assert_eq!(there.github.pulls().len(), 0);
    }
    // Twice in one interval is once.
    let again = line(&there.step().exits(0).result(PODINFO));
    assert!(again.contains("halted f3"), "{again}");
    let rolled_back = there.tick();
    assert!(
        rolled_back.contains("Failed 100/0 rolledBack"),
        "{rolled_back}"
    );
    let pull = there.github.pull();
    assert!(
        pull.title.starts_with("Rollback: podinfo.test: "),
        "{}",
        pull.title
    );
    assert!(pull.body.contains("**fail**"), "{}", pull.body);
    there.world.wait(10);
    there.merge("squash");
    // The target keeps its pods until one interval after the merge.
    assert!(there.world.read(CANARY).contains("scale-canary-to-zero"));
    let early = line(&there.step().exits(0).result(PODINFO));
    assert!(early.contains("notDue"), "{early}");
    assert!(there.tick().contains("scaled to zero"));
}

#[test]
fn without_catching_up_each_failed_check_is_one() {
    let there = Protected::begun_in(World::with(&[(
        CANARY,
        "    interval: 1m\n",
        "    interval: 1m\n    catchUp: false\n",
    )]));
    there.fail_checks();
    assert!(there.tick().contains("halted f1"));
    let pull = there.github.pull();
    assert!(pull.title.contains("check failed"), "{}", pull.title);
    assert!(there.proposed(CANARY).contains("failedChecks: 1"));
}

#[test]
fn a_rollback_takes_the_place_of_a_step() {
    let there = Protected::begun();
    assert!(there.tick().contains("50/50 advanced"));
    let (step, first) = (there.github.pull(), there.branch());
    there.fail_checks();
    // First the failed check, then the rollback, in the same pull request.
    let halted = there.tick();
    assert!(halted.contains("75/25 halted"), "{halted}");
    let pull = there.github.pull();
    assert_eq!(pull.number, step.number);
    assert!(pull.title.contains("check failed"), "{}", pull.title);
    assert!(
        pull.body
            .contains("takes the place of: podinfo.test: canary 25 → 50 %"),
        "{}",
        pull.body
    );
    assert_ne!(there.branch(), first);
    let route = there.proposed(ROUTE);
    assert!(route.contains("weight: 75"), "{route}");
    let mut lines = vec![halted];
    while !lines.last().unwrap().contains("rolledBack") {
        lines.push(there.tick());
        assert!(lines.len() < 6, "{lines:#?}");
    }
    let pull = there.github.pull();
    assert_eq!(pull.number, step.number);
    assert!(pull.title.starts_with("Rollback: "), "{}", pull.title);
    let on_top = git(
        &there.world.remote(),
        &["rev-list", "--count", "main..weirkeeper/test/podinfo"],
    );
    assert_eq!(on_top, "1");
    // It stays one, whatever the checks say now.
    there.pass_checks();
    let held = there.tick();
    assert!(held.contains("held: a rollback waits"), "{held}");
    there.merge("merge");
    assert!(there.world.read(CANARY).contains("phase: Failed"));
}

#[test]
fn checks_that_pass_again_go_on() {
    let there = Protected::begun();
    assert!(there.tick().contains("50/50 advanced"));
    there.fail_checks();
    assert!(there.tick().contains("halted"));
    there.pass_checks();
    let again = there.tick();
    assert!(again.contains("50/50 advanced"), "{again}");
    assert_eq!(there.github.pull().number, 1);
    assert!(there.proposed(ROUTE).contains("weight: 50"));
}

#[test]
fn a_new_revision_takes_the_place_of_a_step() {
    let there = Protected::begun();
    assert!(there.tick().contains("50/50 advanced"));
    there.world.release("podinfo:6.1.0", "podinfo:6.2.0");
    let line = there.tick();
    assert!(line.contains("restarted"), "{line}");
    let pull = there.github.pull();
    assert_eq!(pull.number, 1);
    assert!(pull.title.contains("revision"), "{}", pull.title);
    let parent = git(
        &there.world.remote(),
        &["rev-parse", "weirkeeper/test/podinfo^"],
    );
    assert_eq!(parent, there.world.tip());
    assert!(there.tick().contains("held: pull request #1 waits"));
}

#[test]
fn a_bump_that_is_reverted_ends_the_run() {
    let there = Protected::begun();
    assert!(there.tick().contains("50/50 advanced"));
    there.world.release("podinfo:6.1.0", "podinfo:6.0.0");
    let line = there.tick();
    assert!(line.contains("Succeeded 100/0"), "{line}");
    assert!(there.proposed(ROUTE).contains("weight: 100"));
    there.merge("merge");
}

#[test]
fn a_changed_canary_is_decided_on_anew() {
    let there = Protected::begun();
    assert!(there.tick().contains("50/50 advanced"));
    there
        .world
        .edit(CANARY, "stepWeight: 25 # two steps", "stepWeight: 10");
    let line = there.tick();
    assert!(line.contains("65/35 advanced"), "{line}");
    assert_eq!(there.github.pull().number, 1);
    assert!(there.proposed(CANARY).contains("stepWeight: 10"));
    there.merge("rebase");
    assert!(there.world.read(ROUTE).contains("weight: 65"));
}

#[test]
fn what_others_push_does_not_matter() {
    let there = Protected::begun();
    assert!(there.tick().contains("50/50 advanced"));
    let before = there.branch();
    there.world.put("README.md", "fleet\n");
    assert!(there.tick().contains("held: pull request #1 waits"));
    assert_eq!(there.branch(), before);
    // But the rules of the branch may want it to be up to date.
    there.github.edit(1, |pull| pull.state = Some("behind"));
    assert!(there.tick().contains("50/50 advanced"));
    assert_ne!(there.branch(), before);
    let parent = git(
        &there.world.remote(),
        &["rev-parse", "weirkeeper/test/podinfo^"],
    );
    assert_eq!(parent, there.world.tip());
}

#[test]
fn a_freeze_closes_what_would_advance() {
    let there = Protected::begun();
    assert!(there.tick().contains("50/50 advanced"));
    there.world.put(".weirkeeperfreeze", "holidays\n");
    let ran = there.next().exits(0);
    assert!(
        line(&ran.result(PODINFO)).contains("held: frozen by"),
        "{ran}"
    );
    let pull = &there.github.pulls()[0];
    assert!(
        !pull.is_open && pull.body.contains("Closed by Weirkeeper"),
        "{}",
        pull.body
    );
    // That is no refusal.
    there.world.pull();
    git(&there.world.person(), &["rm", "-q", ".weirkeeperfreeze"]);
    there.world.push("holidays are over");
    assert!(there.tick().contains("50/50 advanced"));
    assert_eq!(there.github.pull().number, 2);
}

#[test]
fn a_canary_that_is_deleted_gives_all_traffic_back() {
    let there = Protected::begun();
    assert!(there.tick().contains("50/50 advanced"));
    there.world.pull();
    git(&there.world.person(), &["rm", "-q", CANARY]);
    let kustomization = there.world.person().join("apps/podinfo/kustomization.yaml");
    if let Ok(text) = fs_err::read_to_string(&kustomization) {
        fs_err::write(&kustomization, text.replace("  - canary.yaml\n", "")).unwrap();
    }
    there.world.push("remove the Canary");
    let line = there.tick();
    assert!(line.contains("Terminated 100/0 rolledBack"), "{line}");
    let pull = there.github.pull();
    assert_eq!(pull.number, 1);
    assert!(pull.title.starts_with("Rollback: "), "{}", pull.title);
    there.merge("squash");
    assert!(!there.world.read(ROUTE).contains("weight: 25"));
    assert!(there.tick().contains("idle"));
}

#[test]
fn a_canary_that_is_gone_leaves_no_pull_request() {
    let there = Protected::new(World::of("podinfo"));
    assert!(there.tick().contains("held"));
    assert_eq!(there.github.pull().number, 1);
    there.world.pull();
    git(&there.world.person(), &["rm", "-q", CANARY]);
    there.world.push("no rollouts");
    let ran = there.next().exits(0);
    assert_eq!(
        there
            .github
            .pulls()
            .iter()
            .filter(|pull| pull.is_open)
            .count(),
        0,
        "{ran}"
    );
}
