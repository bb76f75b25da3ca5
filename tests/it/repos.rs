//! Every example repository: bootstrap, a release that is promoted, one that is rolled back.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::support::gitops::{World, fixtures, plain};
use crate::support::judge::judge;
use crate::support::program::Ran;
use crate::support::walk::{Files, Walk, repositories};
use crate::support::world::git;

/// Everything that holds for any release, for every example repository: `<name>.history` beside it is
/// what the history has to say, `<name>.release.yaml` how somebody releases there.
#[test]
fn every_example_repository_gets_its_release() {
    let names = repositories();
    assert!(names.len() > 4, "{names:?}");
    std::thread::scope(|scope| {
        let running: Vec<_> = names
            .iter()
            .map(|name| (name, scope.spawn(|| tell(name))))
            .collect();
        let mut failed = Vec::new();
        for (name, running) in running {
            let Ok(story) = running.join() else {
                failed.push(name);
                continue;
            };
            let path = fixtures().join(format!("{name}.history"));
            let wanted = fs_err::read_to_string(&path).unwrap_or_default();
            // Write the file by hand, or with UPDATE_HISTORY=1, and read it.
            #[expect(clippy::disallowed_methods, reason = "a wish of the developer")]
            if std::env::var_os("UPDATE_HISTORY").is_some() {
                fs_err::write(&path, &story).unwrap();
            } else {
                assert!(story == wanted, "{name}: the history is now\n{story}");
            }
        }
        assert!(failed.is_empty(), "{failed:?}");
    });
}

/// Carries a repository through promotion and rollback; returns the history.
fn tell(name: &str) -> String {
    let walk = Walk::new(name);
    walk.until_idle(check_step);
    let idle = walk.world.files();
    walk.promote();
    walk.until_idle(check_step);
    let promoted = walk.world.files();
    let new = promoted.keys().filter(|path| !idle.contains_key(*path));
    assert_eq!(new.count(), 0, "a release makes no new files");
    check_promoted(&walk, &promoted);
    walk.fail();
    walk.until_idle(check_step);
    check_rolled_back(&walk, &promoted, &walk.world.files());
    judge(&walk.world.remote(), 60);
    let log = walk.world.log(100, "%x00%s%n%(trailers:separator=%x2C )");
    let mut story: Vec<String> = log
        .split('\0')
        .map(|entry| entry.trim().to_owned())
        .filter(|entry| !entry.is_empty())
        .collect();
    story.reverse();
    story.join("\n") + "\n"
}

/// What is reported is what is in the repository: commits, trailers, the head, the weights.
fn check_step(world: &World, before: &str, ran: &Ran) {
    let json = ran.json();
    let commits: Vec<&Value> = json["results"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|result| !result["commit"].is_null())
        .collect();
    assert_eq!(json["pushed"], !commits.is_empty(), "{ran}");
    assert_eq!(json["head"], world.tip(), "{ran}");
    let range = format!("{before}..main");
    let format = "--format=%x00%H%n%(trailers:unfold)";
    let listed = git(&world.remote(), &["log", "--reverse", format, &range]);
    let listed: Vec<(&str, &str)> = listed
        .split_terminator('\0')
        .filter_map(|entry| entry.split_once('\n'))
        .collect();
    let reported = commits
        .iter()
        .map(|result| result["commit"].as_str().unwrap());
    let hashes = listed.iter().map(|(hash, _)| *hash);
    assert!(reported.eq(hashes), "{ran}{listed:?}");
    for (result, (commit, trailers)) in commits.into_iter().zip(listed) {
        let trailers: BTreeMap<&str, &str> = trailers
            .lines()
            .filter_map(|line| line.split_once(": "))
            .collect();
        for (trailer, key) in [
            ("Canary", "canary"),
            ("Phase", "phase"),
            ("Iterations", "iterations"),
            ("Failed-Checks", "failedChecks"),
            ("Revision", "revision"),
        ] {
            assert_eq!(
                trailers[trailer],
                plain(&result[key]),
                "{trailer} of {commit}: {ran}"
            );
        }
        assert_eq!(trailers.get("Canary-Weight").map(|w| (*w).to_owned()), {
            let weight = &result["canaryWeight"];
            (!weight.is_null()).then(|| plain(weight))
        });
    }
    // The checkout comes along.
    let status = git(&world.checkout(), &["status", "--porcelain=v2", "--branch"]);
    let lines: Vec<&str> = status
        .lines()
        .filter(|line| !line.starts_with("# branch."))
        .collect();
    assert_eq!(lines, [""; 0]);
    let head = format!("# branch.oid {}\n", json["head"].as_str().unwrap());
    assert!(status.starts_with(&head), "{status}");
}

/// A release that failed leaves nothing but itself: what serves the traffic is as it was promoted.
fn check_rolled_back(walk: &Walk, promoted: &Files, now: &Files) {
    assert!(promoted.keys().eq(now.keys()));
    for (path, before) in promoted {
        if path.contains("primary") || path.ends_with("route.yaml") || walk.table.is_others(path) {
            assert_eq!(before, &now[path], "{}/{path}", walk.name);
        }
    }
}

/// Compares what was there before the bootstrap with what is there after the promotion.
fn check_promoted(walk: &Walk, now: &Files) {
    let name = &walk.name;
    for (path, before) in &walk.original {
        let after = &now[path];
        // A route that was not split is back at 100/0.
        let others = walk.table.is_others(path);
        if others || path.ends_with("route.yaml") {
            assert_eq!(before, after, "{name}/{path}");
            continue;
        }
        for comment in comments(before) {
            let found = after.lines().any(|line| line.ends_with(comment));
            assert!(found, "{name}/{path} lost `{comment}`:\n{after}");
        }
        let windows = |text: &str| text.matches("\r\n").count() == text.matches('\n').count();
        assert_eq!(windows(before), windows(after), "{name}/{path}:\n{after:?}");
        // Nothing is reordered or rewritten: what was there is still there, line by line.
        let mut lines = after.lines();
        let edited = |line: &&str| walk.table.edited.iter().any(|part| line.contains(part));
        let before = walk.table.promotion.apply(path, before);
        for line in before
            .lines()
            .filter(|line| !may_change(line) && !edited(line))
        {
            let found = lines.any(|other| other == line);
            assert!(found, "{name}/{path} lost `{line}`:\n{after}");
        }
    }
}

/// Lines that a release edits where they stand.
fn may_change(line: &str) -> bool {
    let edited = [
        "replicas:",
        "weight:",
        "selector: {",
        "# moves to the primary",
        "- name: web #",
    ];
    // A document, or a list, in flow style grows on its last line.
    let flow = [
        "resources: [",
        "   analysis: {",
        "  analysis: {interval: 1m, threshold: 2, stepWeights",
    ];
    edited.iter().chain(&flow).any(|part| line.contains(part))
}

fn comments(text: &str) -> impl Iterator<Item = &str> {
    let comment = |line: &str| line.starts_with('#') || line.contains(" #");
    let lines = text.lines().filter(move |line| comment(line));
    lines.map(|line| &line[line.find('#').unwrap()..])
}
