//! The jobs of a matrix.

use std::collections::BTreeMap;

use serde_json::Value as Json;

use super::{act, given, guarded};
use crate::gitops::GitOps;
use crate::rollout::{at, history};
use crate::support::world::git;

/// Twelve Canaries, four jobs at the same time, one branch.
#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs real parts"]
async fn each_canary_is_stepped_once_by_one_job_of_the_matrix() {
    let prometheus = history();
    let names: Vec<String> = (0..12).map(|number| format!("app-{number}")).collect();
    let world = GitOps::fleet(&names);
    let server = guarded(&world).await;
    let before = world.tip();
    let more = format!("          extra-args: --now {}\n", at(0));
    let binary = format!("binary: {}", env!("CARGO_BIN_EXE_weirkeeper"));
    let workflow = given("matrix.yml", &prometheus.url(), &binary, &more);
    let ran = act(&world, &server, "workflow_dispatch", &workflow);
    assert!(ran.success, "{}", ran.text);

    let mut jobs: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for event in &ran.events {
        if event["command"] == "set-output" && event["name"] == "results" {
            let results: Json = serde_json::from_str(event["arg"].as_str().unwrap()).unwrap();
            let canaries = results.as_array().unwrap().iter();
            jobs.insert(
                event["matrix"]["shard"].as_str().unwrap().to_owned(),
                canaries
                    .map(|result| result["canary"].as_str().unwrap().to_owned())
                    .collect(),
            );
        }
    }
    println!("{jobs:#?}");
    assert_eq!(jobs.len(), 4, "{jobs:?}");
    let mut stepped: Vec<String> = jobs.values().flatten().cloned().collect();
    stepped.sort();
    let mut expected: Vec<String> = names.iter().map(|name| format!("test/{name}")).collect();
    expected.sort();
    assert_eq!(stepped, expected, "each by one job");

    let range = format!("{before}..main");
    let subjects = git(&world.remote(), &["log", "--format=%s", &range]);
    let mut committed: Vec<&str> = subjects
        .lines()
        .map(|subject| subject.split_once(".test: ").unwrap().0)
        .collect();
    committed.sort_unstable();
    let mut names = names;
    names.sort();
    assert_eq!(committed, names, "each once");
}
