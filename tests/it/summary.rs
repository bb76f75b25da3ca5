//! The chart of a job summary: told by the history of the branch, whatever of it is
//! in the clone.

use std::path::Path;

use crate::support::gitops::World;
use crate::support::prometheus::Says;
use crate::support::world::git;

/// A clone of the newest commit alone, as `actions/checkout` makes it.
fn shallow(world: &World, name: &str) -> std::path::PathBuf {
    let address = format!("file://{}", world.remote().display());
    let clone = ["clone", "-q", "--depth=1", &address, name];
    git(world.path(), &clone);
    world.path().join(name)
}

/// The summary of a step in this clone, one interval later.
fn summary(world: &World, folder: &Path) -> String {
    world.wait(1);
    let path = world.path().join("summary.md");
    let call = world.stepping_in(folder).env("GITHUB_ACTIONS", "true");
    let call = call.env("GITHUB_STEP_SUMMARY", &path);
    call.run().exits(0);
    let text = fs_err::read_to_string(&path).unwrap();
    fs_err::remove_file(path).unwrap();
    text
}

/// The weights that the chart shows, each once for as long as it stays.
fn weights(summary: &str) -> Vec<i64> {
    let line = summary
        .lines()
        .find_map(|line| line.trim().strip_prefix("line ["));
    let values = line.unwrap().trim_end_matches(']').split(", ");
    let mut values: Vec<i64> = values.map(|value| value.parse().unwrap()).collect();
    assert_eq!(values.len(), 101);
    values.dedup();
    values
}

#[test]
fn a_chart_tells_of_the_whole_rollout_in_any_clone() {
    let world = World::of("podinfo");
    world.bootstrap();
    world.release("podinfo:6.0.0", "podinfo:6.1.0");
    world.until("started");
    let began = world.now();
    world.until("advanced");
    world.put("README.md", "nothing of a rollout");
    let folder = shallow(&world, "shallow");
    let text = summary(&world, &folder);
    assert_eq!(weights(&text), [0, 25, 50], "{text}");
    let since = format!("seconds since {} UTC", began[..16].replace('T', " "));
    assert!(text.contains(&since), "{since}: {text}");
    // With everything there; the end is a part of it.
    world.prometheus.set("http_request", Says::Value(90.0));
    let whole = world.clone("whole");
    for _ in 0..3 {
        assert_eq!(weights(&summary(&world, &whole)), [0, 25, 50]);
    }
    let text = summary(&world, &shallow(&world, "another"));
    assert!(text.contains("test/podinfo was rolled back"), "{text}");
    assert_eq!(weights(&text), [0, 25, 50, 0], "{text}");
    // Then nothing is under way, and nothing to be drawn.
    summary(&world, &whole);
    let text = summary(&world, &whole);
    assert!(
        text.starts_with("<b>Weirkeeper: </b>nothing to do, 1 Canary is idle."),
        "{text}"
    );
}

#[test]
fn history_is_fetched_for_those_who_look_only() {
    let world = World::of("podinfo");
    world.bootstrap();
    world.release("podinfo:6.0.0", "podinfo:6.1.0");
    world.until("advanced");
    let folder = shallow(&world, "shallow");
    world.wait(1);
    world.stepping_in(&folder).run().exits(0);
    let count = || git(&folder, &["rev-list", "--count", "HEAD"]);
    assert_eq!(count(), "2");
    let text = summary(&world, &folder);
    assert!(text.contains("```mermaid"), "{text}");
    assert_ne!(count(), "3");
}

#[test]
fn a_remote_that_gives_no_history_costs_only_a_part_of_the_chart() {
    let world = World::of("podinfo");
    world.bootstrap();
    world.release("podinfo:6.0.0", "podinfo:6.1.0");
    world.until("advanced");
    let folder = shallow(&world, "shallow");
    world.pre_receive("cat >/dev/null; git config uploadpack.hideRefs refs/heads/main");
    let text = summary(&world, &folder);
    assert!(text.contains("### ▶️ test/podinfo"), "{text}");
    assert_eq!(weights(&text), [25, 50], "{text}");
}
