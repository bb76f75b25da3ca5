//! Many Canaries in one repository.

use std::collections::BTreeMap;

use crate::support::gitops::{World, fixtures, tree};

/// `count` copies of the fixture `podinfo`, each with a name of its own.
fn fleet(count: usize) -> World {
    let one = tree(&fixtures().join("podinfo/apps/podinfo"));
    let mut files = BTreeMap::new();
    for number in 0..count {
        for (path, text) in &one {
            let text = text.replace("podinfo", &format!("app-{number}"));
            files.insert(format!("apps/app-{number}/{path}"), text);
        }
    }
    World::new(files.iter().map(|(path, text)| (&**path, &**text)))
}

#[test]
fn many_steps_are_one_push_of_one_commit_each() {
    const COUNT: usize = 30;
    let world = fleet(COUNT);
    // One of them cannot be written: a file is in the way.
    world.put("apps/app-7/app-7-primary-deployment.yaml", "in: the way\n");
    let before = world.commits();
    let ran = world.next().exits(3);
    let json = ran.json();
    assert_eq!(world.commits(), before + COUNT - 1, "{ran}");
    assert_eq!(json["head"], world.tip());
    for result in json["results"].as_array().unwrap() {
        let failed = result["canary"] == "test/app-7";
        assert_eq!(result["commit"].is_null(), failed, "{result}");
        assert_eq!(result["error"].is_null(), !failed, "{result}");
    }
    // Each commit is about one Canary, and has its files alone.
    for number in (0..COUNT).filter(|number| *number != 7) {
        let folder = format!("apps/app-{number}/");
        let changed = crate::support::world::git(
            &world.remote(),
            &["log", "--format=%s", "main", "--", &folder],
        );
        let steps: Vec<&str> = changed.lines().collect();
        assert_eq!(steps.len(), 2, "{changed}");
        assert!(
            steps[0].starts_with(&format!("app-{number}.test: ")),
            "{changed}"
        );
    }
    let fsck = crate::support::world::git(&world.remote(), &["fsck", "--strict"]);
    assert_eq!(fsck, "");
}

#[test]
fn jobs_of_a_matrix_share_the_canaries() {
    let world = fleet(6);
    world.wait(1);
    let mut stepped = Vec::new();
    for part in ["1/3", "2/3", "3/3"] {
        let ran = world.stepping().args(["--shard", part]).run().exits(0);
        let json = ran.json();
        let results = json["results"].as_array().unwrap();
        assert!(results.len() < 6, "{ran}");
        stepped.extend(results.iter().map(|result| result["canary"].to_string()));
        let planned = world
            .weirkeeper(["plan", "--format", "json"])
            .env("WEIRKEEPER_SHARD", part)
            .run()
            .exits(0)
            .json();
        assert_eq!(planned["results"].as_array().unwrap().len(), results.len());
    }
    stepped.sort();
    stepped.dedup();
    assert_eq!(stepped.len(), 6);
    assert_eq!(world.commits(), 7);
    for wrong in ["0/2", "3/2", "x"] {
        let ran = world.stepping().args(["--shard", wrong]).run().exits(2);
        assert!(ran.stderr.contains("write I/N"), "{ran}");
    }
}

#[test]
fn a_rival_in_another_part_is_seen() {
    let world = fleet(1);
    let canary = world.read("apps/app-0/canary.yaml");
    world.put(
        "apps/app-0/rival.yaml",
        canary.replacen("name: app-0", "name: rival", 1),
    );
    world.wait(1);
    let ran = world.stepping().args(["--only", "test/app-0"]).run();
    assert!(ran.exits(3).stderr.contains("rival.yaml"));
}
