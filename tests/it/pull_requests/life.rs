//! The whole life of a Canary.

use super::*;

/// Bootstrap, a release, its promotion: each step is merged half an hour later.
fn live(method: &str) -> (Protected, Vec<String>) {
    let there = Protected::new(World::of("podinfo"));
    let mut lines = Vec::new();
    let mut released = false;
    for _ in 0..40 {
        let ran = there.next().exits(0);
        let result = ran.result(PODINFO);
        assert!(result["commit"].is_null(), "{ran}");
        lines.push(line(&result));
        if result["pullRequest"].is_null() {
            if result["action"] == "idle" && released {
                return (there, lines);
            }
            if result["action"] == "idle" {
                released = true;
                there.world.release("podinfo:6.0.0", "podinfo:6.1.0");
            }
            continue;
        }
        // Nothing happens before somebody merges.
        let (tip, asked) = (there.world.tip(), there.asked());
        let held = there.next().exits(0).result(PODINFO);
        assert_eq!(held["action"], "held", "{held}");
        assert_eq!(held["pullRequest"], result["pullRequest"]);
        assert_eq!(there.writes(asked), Vec::<String>::new());
        assert_eq!(there.world.tip(), tip);
        there.world.wait(29);
        there.merge(method);
    }
    panic!("it does not end: {lines:#?}");
}

#[test]
fn each_step_is_merged_by_a_merge_commit() {
    let (there, lines) = live("merge");
    insta::assert_snapshot!(lines.join("\n"), @"
    Initializing -/- held: podinfo-primary created, waiting until it is ready
    Initialized 100/0 initialized: initialized, all traffic on podinfo-primary
    Initialized 100/0 idle: podinfo scaled to zero
    Initialized 100/0 idle: no new revision
    Progressing 100/0 started: new revision bb1ec46e detected, scaling up podinfo
    Progressing 75/25 advanced: canary 0 → 25 %
    Progressing 50/50 advanced: canary 25 → 50 %
    Promoting 50/50 promoting: revision bb1ec46e copied to podinfo-primary
    Finalising 100/0 finalising: all traffic back on podinfo-primary
    Succeeded 100/0 succeeded: promotion of bb1ec46e completed
    Succeeded 100/0 idle: no new revision
    ");
    let route = there.world.read(ROUTE);
    assert!(
        route.contains("weight: 100") && route.contains("weight: 0"),
        "{route}"
    );
    let primary = there
        .world
        .read("apps/podinfo/podinfo-primary-deployment.yaml");
    assert!(primary.contains("podinfo:6.1.0"), "{primary}");
}

#[test]
fn squashed_and_rebased_it_is_the_same() {
    let (merged, lines) = live("merge");
    let told = |there: &Protected| {
        there.world.pull();
        let check = Call::new(&there.world.person(), there.world.path());
        let check = check.args(["--now", &there.world.now(), "history", "--check"]);
        let checked = check.run().exits(0);
        assert!(checked.stdout.contains("25 %"), "{checked}");
        checked.stdout
    };
    let story = told(&merged);
    for method in ["squash", "rebase"] {
        let (there, others) = live(method);
        assert_eq!(others, lines, "{method}");
        // The same files, times included, and the same story.
        assert_eq!(there.world.files(), merged.world.files(), "{method}");
        let times = |story: &str| story.lines().count();
        assert_eq!(times(&told(&there)), times(&story), "{method}");
    }
}

#[test]
fn time_counts_from_the_merge() {
    let there = Protected::begun();
    assert!(there.tick().contains("50/50 advanced"));
    there.world.wait(30);
    there.merge("rebase");
    // Half a minute of the interval is left, whatever the step says itself.
    let now = line(&there.step().exits(0).result(PODINFO));
    assert!(now.contains("notDue"), "{now}");
    let ran = there.next().exits(0);
    let result = ran.result(PODINFO);
    assert_eq!(result["action"], "promoting", "{ran}");
    // Nothing was missed before it was there.
    assert_eq!(result["missedChecks"], 0, "{ran}");
    // Somebody who edits the Canary later changes nothing about that.
    there.world.wait(5);
    there.merge("merge");
    there.world.wait(3);
    there.world.edit(CANARY, "# Half", "# A half");
    let due = there.step().exits(0).result(PODINFO);
    assert_eq!(due["action"], "finalising", "{due}");
}

#[test]
fn time_counts_from_the_merge_in_a_clone_of_one_commit() {
    let there = Protected::begun();
    assert!(there.tick().contains("50/50 advanced"));
    there.world.wait(30);
    there.merge("squash");
    there.world.put("README.md", "fleet\n");
    there.world.put("README.md", "fleet of ships\n");
    let url = format!("file://{}", there.world.remote().display());
    fs_err::remove_dir_all(there.world.checkout()).unwrap();
    git(
        there.world.path(),
        &["clone", "-q", "--depth=1", &url, "checkout"],
    );
    let now = line(&there.step().exits(0).result(PODINFO));
    assert!(now.contains("notDue"), "{now}");
    let ran = there.next().exits(0);
    let result = ran.result(PODINFO);
    assert_eq!(result["action"], "promoting", "{ran}");
    assert_eq!(result["missedChecks"], 0, "{ran}");
}

#[test]
fn what_it_looks_like() {
    let there = Protected::begun();
    there.world.wait(1);
    let ran = there
        .at_github(
            there
                .world
                .weirkeeper(["step", "--prometheus", &there.world.prometheus.url()]),
        )
        .run()
        .exits(0);
    insta::assert_snapshot!(ran.stdout, @"
    test/podinfo  Progressing  50/50  advanced
      canary 25 → 50 %
      proposed: it counts once pull request #1 is merged
      pass: request-success-rate 99.9 (min 99)
      pull request #1 https://github.com/me/fleet/pull/1: nothing happens before it is merged
    ");
    let pull = there.github.pull();
    assert_eq!((&*pull.head, &*pull.base), (BRANCH, "main"));
    insta::assert_snapshot!(pull.title, @"podinfo.test: canary 25 → 50 %");
    let (marker, text) = pull.body.split_once('\n').unwrap();
    assert!(
        marker.starts_with("<!-- weirkeeper pull-request {"),
        "{marker}"
    );
    insta::assert_snapshot!(text, @"
    <code>test/podinfo</code>: <b>canary 25 → 50 %</b>

    |  | now | once merged |
    |---|---|---|
    | Phase | Progressing | Progressing |
    | Primary / canary | 75 / 25 | 50 / 50 |
    | Failed checks | 0 | 0 |

    | Check | Verdict |
    |---|---|
    | request-success-rate 99.9 (min 99) | pass |

    <sub>Merging takes this step, and time counts from then. Closing refuses it; <code>weirkeeper retry test/podinfo --commit-via pull-request</code> lifts that. The branch belongs to Weirkeeper: commits of others on it stop the rollout.</sub>
    ");
    // One commit on top of the branch, with everything that a pushed one says.
    let log = git(
        &there.world.remote(),
        &[
            "log",
            "--format=%s%n%(trailers)",
            "main..weirkeeper/test/podinfo",
        ],
    );
    insta::assert_snapshot!(log, @"
    podinfo.test: canary 25 → 50 %
    Canary: test/podinfo
    Phase: Progressing
    Canary-Weight: 50
    Iterations: 0
    Failed-Checks: 0
    Revision: bb1ec46e
    ");
    let ran = there.at_github(there.world.weirkeeper([
        "step",
        "--prometheus",
        &there.world.prometheus.url(),
    ]));
    insta::assert_snapshot!(ran.run().exits(0).stdout, @"
    test/podinfo  Progressing  75/25  held
      pull request #1 waits to be merged
      pass: request-success-rate 99.9 (min 99)
      pull request #1 https://github.com/me/fleet/pull/1
    ");
}

#[test]
fn two_canaries_have_one_each() {
    let world = World::of("podinfo");
    for (path, text) in world.files() {
        if let Some(rest) = path.strip_prefix("apps/podinfo/") {
            world.pull();
            let path = there_path(rest);
            crate::support::world::write(&world.person(), &path, &text.replace("podinfo", "other"));
        }
    }
    world.push("another one");
    let there = Protected::new(world);
    let ran = there.next().exits(0);
    let pulls = there.github.pulls();
    let heads: Vec<&str> = pulls.iter().map(|pull| &*pull.head).collect();
    assert_eq!(heads, ["weirkeeper/test/other", BRANCH], "{ran}");
    for head in heads {
        let paths = git(
            &there.world.remote(),
            &["diff", "--name-only", "main", head],
        );
        let folder = head.replace("weirkeeper/test/", "apps/");
        assert!(
            paths.lines().all(|path| path.starts_with(&folder)),
            "{paths}"
        );
    }
    // One is merged, the other one waits: neither minds.
    there.github.merge(2, "merge");
    let ran = there.next().exits(0);
    assert_eq!(ran.result("test/other")["action"], "held", "{ran}");
    assert_eq!(ran.result(PODINFO)["action"], "initialized", "{ran}");
    assert_eq!(there.github.pulls().len(), 3);
}

fn there_path(rest: &str) -> String {
    format!("apps/other/{}", rest.replace("podinfo", "other"))
}
