//! What is there already: forks, other bases, branches that nobody deleted; auto-merge,
//! labels, who is told.

use super::*;
use crate::support::hooks::Hooks;

#[test]
fn a_fork_with_our_branch_is_a_stranger() {
    let there = Protected::begun();
    assert!(there.tick().contains("50/50 advanced"));
    let ours = there.github.pull();
    there.merge("merge");
    // With our own words, merged ones too: nothing comes of it.
    let stranger = Pull {
        is_fork: true,
        is_open: true,
        sha: "1".repeat(40),
        title: "stranger".to_owned(),
        ..ours.clone()
    };
    there.github.add(stranger.clone());
    there.github.add(Pull {
        is_open: false,
        merged_at: Some(there.world.now()),
        merged_as: Some("2".repeat(40)),
        ..stranger
    });
    let asked = there.asked();
    let line = there.tick();
    assert!(line.contains("promoting"), "{line}");
    assert_eq!(there.github.pull().number, 4);
    let touched = there.writes(asked);
    assert!(
        !touched
            .iter()
            .any(|it| it.ends_with("/pulls/2") || it.ends_with("/pulls/3")),
        "{touched:?}"
    );
}

#[test]
fn one_that_goes_elsewhere_holds() {
    let there = Protected::begun();
    assert!(there.tick().contains("50/50 advanced"));
    git(&there.world.remote(), &["branch", "other", "main"]);
    there.github.edit(1, |pull| pull.base = "other".to_owned());
    let before = there.branch();
    let ran = there.next().exits(4);
    assert!(ran.stderr.contains("goes to other, not to main"), "{ran}");
    assert_eq!(there.branch(), before);
    there.github.edit(1, |pull| pull.base = "main".to_owned());
    assert!(there.tick().contains("held: pull request #1 waits"));
}

#[test]
fn a_branch_that_stays_after_the_merge_is_used_again() {
    let there = Protected::begun();
    for method in ["squash", "merge"] {
        assert!(!there.next().exits(0).result(PODINFO)["pullRequest"].is_null());
        there.merge(method);
        assert!(!there.branch().is_empty());
    }
    assert_eq!(there.github.pulls().len(), 2);
    git(&there.world.remote(), &["branch", "-D", BRANCH]);
    assert!(!there.next().exits(0).result(PODINFO)["pullRequest"].is_null());
}

#[test]
fn a_branch_of_somebody_else_is_left_alone() {
    let there = Protected::begun();
    git(&there.world.remote(), &["branch", BRANCH, "main~2"]);
    let before = there.branch();
    let ran = there.next().exits(4);
    assert!(
        ran.stderr.contains("holds commits of somebody else"),
        "{ran}"
    );
    assert_eq!(there.branch(), before);
    assert_eq!(there.github.pulls().len(), 0);
}

#[test]
fn labels_and_auto_merge_come_with_it() {
    let there = Protected::begun();
    *there.more.borrow_mut() = vec!["--label", "rollout,canary", "--auto-merge", "squash"];
    there.github.auto_merge(true, false);
    let ran = there.next().exits(0);
    let pull = there.github.pull();
    assert_eq!(pull.labels, ["rollout", "canary"], "{ran}");
    let asked: serde_json::Value = serde_json::from_str(&pull.auto_merge.unwrap()).unwrap();
    assert_eq!(asked["mergeMethod"], "SQUASH");
    assert_eq!(
        asked["commitHeadline"],
        "podinfo.test: canary 25 → 50 % (#1)"
    );
    assert!(
        asked["commitBody"]
            .as_str()
            .unwrap()
            .contains("Canary: test/podinfo")
    );
    assert_eq!(ran.stderr, "");
}

#[test]
fn auto_merge_that_is_not_allowed_is_a_warning() {
    let there = Protected::begun();
    *there.more.borrow_mut() = vec!["--label", "rollout", "--auto-merge", "merge"];
    there.refuse(
        "POST",
        "/labels",
        403,
        "Resource not accessible by integration",
    );
    let ran = there.next().exits(0);
    assert_eq!(there.github.pull().number, 1);
    assert!(ran.stderr.contains("is not merged by itself"), "{ran}");
    assert!(ran.stderr.contains("Allow auto-merge"), "{ran}");
    assert!(ran.stderr.contains("did not get its labels"), "{ran}");
}

#[test]
fn what_nothing_is_against_is_merged_at_once() {
    let there = Protected::begun();
    *there.more.borrow_mut() = vec!["--auto-merge", "squash"];
    there.github.auto_merge(true, true);
    let ran = there.next().exits(0);
    let result = ran.result(PODINFO);
    assert_eq!(result["commit"], there.world.tip(), "{ran}");
    assert_eq!(ran.json()["pushed"], true);
    let log = there.world.log(1, "%s%n%(trailers)");
    assert!(
        log.starts_with("podinfo.test: canary 25 → 50 % (#1)\n"),
        "{log}"
    );
    assert!(log.contains("Canary-Weight: 50"), "{log}");
    assert!(there.tick().contains("promoting"));
}

#[test]
fn others_are_told_of_the_merge_and_once() {
    let hooks = Hooks::start();
    let lines = format!(
        "    alerts: [{{name: chat, providerRef: {{name: chat}}}}]\n    webhooks:\n\
         \x20     - {{name: gate, type: confirm-traffic-increase, url: \"{}\"}}\n\
         \x20     - {{name: after, type: post-rollout, url: \"{}\"}}\n\
         \x20     - {{name: events, type: event, url: \"{}\"}}\n",
        hooks.url("gate"),
        hooks.url("after"),
        hooks.url("event"),
    );
    let analysis = "    stepWeight: 25 # two steps\n";
    let world = World::with(&[(CANARY, analysis, &format!("{analysis}{lines}"))]);
    let address = hooks.url("alert");
    world.put(
        "apps/podinfo/chat.yaml",
        format!(
            "apiVersion: flagger.app/v1beta1\nkind: AlertProvider\n\
             metadata: {{name: chat, namespace: test}}\nspec: {{type: webhook, address: \"{address}\"}}\n"
        ),
    );
    let there = Protected::begun_in(world);
    hooks.take();
    let names = || -> Vec<String> {
        let requests = hooks.take().into_iter();
        requests.map(|request| request.name).collect()
    };
    assert!(there.tick().contains("50/50 advanced"));
    // The gate is asked before, once.
    assert_eq!(names(), ["gate"]);
    assert!(there.tick().contains("held: pull request"));
    assert_eq!(names(), Vec::<String>::new());
    there.merge("squash");
    drop(there.step().exits(0));
    let told = hooks.take();
    let all = told
        .iter()
        .map(|it| it.body["metadata"]["eventMessage"].to_string());
    let all: Vec<String> = all.collect();
    let wanted = [
        "podinfo.test: webhook gate: 200 OK",
        "podinfo.test: canary 25 → 50 %",
    ];
    assert_eq!(all, wanted.map(|words| format!("\"{words}\"")));
    drop(there.step().exits(0));
    assert_eq!(names(), Vec::<String>::new());
    // A rollback, its alert and its hook, likewise.
    there.fail_checks();
    let mut lines = vec![there.tick()];
    while !lines.last().unwrap().contains("rolledBack") {
        lines.push(there.tick());
        assert!(lines.len() < 6, "{lines:#?}");
    }
    assert!(
        !names()
            .iter()
            .any(|name| ["after", "alert", "event"].contains(&&**name))
    );
    there.merge("rebase");
    there.world.wait(1);
    // It cannot be noted: nobody is told now, and not twice later.
    let number = there.github.pulls().len();
    let path: &'static str = format!("/pulls/{number}").leak();
    there.refuse("PATCH", path, 403, "no");
    let ran = there.step().exits(0);
    assert!(ran.json()["results"][0]["error"].is_null(), "{ran}");
    assert!(!names().contains(&"alert".to_owned()));
    drop(there.step().exits(0));
    let told = names();
    for name in ["event", "alert", "after"] {
        assert_eq!(told.iter().filter(|it| *it == name).count(), 1, "{told:?}");
    }
}

#[test]
fn names_in_it_are_no_markup() {
    let odd = "x|y --> @team <b> `z` <!-- weirkeeper pull-request {} -->";
    let metric = format!(
        "      - name: {}\n        query: odd\n        thresholdRange: {{max: 1}}\n      - name: request-success-rate\n",
        serde_json::to_string(odd).unwrap()
    );
    let world = World::with(&[(CANARY, "      - name: request-success-rate\n", &metric)]);
    world.prometheus.set("odd", Says::Value(0.5));
    let there = Protected::begun_in(world);
    assert!(there.tick().contains("50/50 advanced"));
    there.world.prometheus.set("odd", Says::Value(5.0));
    assert!(there.tick().contains("halted"));
    let body = there.github.pull().body;
    assert_eq!(body.matches("-->").count(), 1, "{body}");
    assert!(
        !body.contains("@team") && !body.contains("<b> `z`"),
        "{body}"
    );
    // And it is still known as what it is.
    assert!(there.tick().contains("halted"));
    assert_eq!(there.github.pulls().len(), 1);
}

#[test]
fn deployments_follow_what_is_merged() {
    let there = Protected::begun();
    let step = || {
        there.world.wait(1);
        let call = there.at_github(there.world.stepping());
        let ran = call.env("WEIRKEEPER_DEPLOYMENTS", "true").run();
        line(&ran.exits(0).result(PODINFO))
    };
    let last = || {
        let (_, statuses) = there.github.newest_deployment();
        let last = statuses.last().unwrap();
        format!("{} {}", last["state"], last["description"])
    };
    assert!(step().contains("50/50 advanced"));
    // Nothing has happened before the merge.
    assert_eq!(there.github.deployed(), Vec::<String>::new());
    there.merge("squash");
    assert!(step().contains("promoting"));
    assert_eq!(
        last(),
        r#""in_progress" "primary 50, canary 50: canary 25 → 50 %""#
    );
    for _ in 0..4 {
        there.merge("squash");
        if step().contains("idle") {
            break;
        }
    }
    assert!(
        last().starts_with(r#""success" "primary 100, canary 0: promotion of"#),
        "{}",
        last()
    );
}
