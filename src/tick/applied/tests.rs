//! Real repositories, and servers that say what the cluster runs.

use std::path::Path;

use clap::Parser as _;
use serde_json::json;
use wiremock::matchers::{method, path, path_regex};
use wiremock::{Mock, MockServer, Request, ResponseTemplate};

use super::*;
use crate::http::Options;
use crate::repo::GitOptions;
use crate::repo::branch::Branch;
use crate::repo::git::Repository;
use crate::repo::inventory::Inventory;
use crate::repo::rollout;
use crate::repo::testing::{World, environment, git};
use crate::settings::{Environment, GithubSettings, MetricsSettings};

/// When every commit of these repositories is made, and the step was taken.
const STEP: &str = "2024-05-01T12:00:00Z";
const NOW: &str = "2024-05-01T12:10:00Z";

fn time(text: &str) -> Timestamp {
    text.parse().unwrap()
}

#[derive(clap::Parser)]
struct Flags {
    #[command(flatten)]
    metrics: crate::cli::Metrics,
}

/// A repository whose Canary was stepped, and a commit after that which changes
/// nothing of what runs.
struct Stepped {
    world: World,
    /// The commit of the step, and the tip.
    step: String,
    tip: String,
}

fn stepped(applied: &str) -> Stepped {
    let world = World::new();
    for (name, text) in [
        (
            "deployment",
            include_str!("../../../fixtures/repos/podinfo/apps/podinfo/deployment.yaml"),
        ),
        (
            "service",
            include_str!("../../../fixtures/repos/podinfo/apps/podinfo/service.yaml"),
        ),
    ] {
        world.someone_pushes(&format!("podinfo/{name}.yaml"), text);
    }
    let canary = include_str!("../../../fixtures/repos/podinfo/apps/podinfo/canary.yaml");
    let gitops = format!("  gitops: {{applied: {applied}}}\n  service:\n");
    let canary = canary.replace("  service:\n", &gitops);
    let status = format!("status: {{phase: Initialized, lastStepTime: '{STEP}'}}\n");
    let canary = canary + &status;
    world.someone_pushes("podinfo/canary.yaml", &canary);
    let scaled = include_str!("../../../fixtures/repos/podinfo/apps/podinfo/deployment.yaml");
    let scaled = scaled.replace("replicas: 2", "replicas: 3");
    let step = world.someone_pushes("podinfo/deployment.yaml", &scaled);
    // A failed check: nothing that a cluster runs.
    let tip = world.someone_pushes("podinfo/canary.yaml", &(canary + "# 1 of 2\n"));
    Stepped { world, step, tip }
}

/// What is known at [`NOW`] in a clone of one commit.
async fn known(of: &Stepped, server: &MockServer) -> Result<Applied> {
    let folder = tempfile::tempdir_in(of.world.path()).unwrap();
    let clone = folder.path().join("clone").display().to_string();
    let clone = of.world.clone(&clone, &["--depth=1"]);
    let repository = open(&clone).await;
    let branch = Branch::new("main").unwrap();
    let tip = repository.fetch(&branch, "origin").await.unwrap();
    let history = History::new(&repository, tip).deepened_from(&branch, Some("origin"));
    let github = github(server);
    let cluster = Cluster::new(history, &github);
    let inventory = Inventory::load(repository.files(tip).await.unwrap()).unwrap();
    let now = time(NOW);
    let rollout = rollout::resolve(&inventory, &inventory.canaries()[0], now).unwrap();
    applied(&rollout, &observer(server), Some(&cluster), now).await
}

async fn open(folder: &Path) -> Repository {
    let options = GitOptions {
        environment: environment(),
        ..GitOptions::default()
    };
    Repository::open(folder, options).await.unwrap()
}

fn github(server: &MockServer) -> GitHub {
    let settings = GithubSettings {
        api: server.uri().parse().unwrap(),
        graphql: server.uri().parse().unwrap(),
        repository: Some("me/fleet".to_owned()),
        token: None,
    };
    GitHub::new(settings).with_options(Options {
        environment_proxies: false,
        ..Options::default()
    })
}

fn observer(server: &MockServer) -> Observer {
    let flags = Flags::parse_from(["test", "--prometheus", &server.uri()]);
    Observer::new(MetricsSettings::new(&flags.metrics, &Environment::default()).unwrap())
}

/// GitHub has these statuses of one commit, and none of others.
async fn reported(of: &Stepped, commit: &str, state: &str) -> Applied {
    let server = MockServer::start().await;
    let status = json!([{
        "context": "kustomization/apps/1", "state": state,
        "description": "said", "created_at": "2024-05-01T12:05:00Z",
    }]);
    Mock::given(path(format!("/repos/me/fleet/commits/{commit}/statuses")))
        .respond_with(ResponseTemplate::new(200).set_body_json(status))
        .mount(&server)
        .await;
    Mock::given(path_regex("/statuses$"))
        .respond_with(ResponseTemplate::new(200).set_body_json(json!([])))
        .with_priority(9)
        .mount(&server)
        .await;
    known(of, &server).await.unwrap()
}

#[tokio::test]
async fn a_status_of_the_commit_or_a_later_one_counts() {
    let of = stepped("{from: githubStatus}");
    let since = Applied::Since(time("2024-05-01T12:05:00Z"));
    assert_eq!(reported(&of, &of.step, "success").await, since);
    assert_eq!(reported(&of, &of.tip, "success").await, since);
    let failing = Applied::Failing("kustomization/apps/1: said".to_owned());
    assert_eq!(reported(&of, &of.tip, "failure").await, failing);
    let before = git(&of.world.remote(), &["rev-parse", "main~2"]);
    let text = format!("kustomization/… has not reported {}", &of.step[..8]);
    let nobody = Applied::NotYet(text);
    assert_eq!(reported(&of, &before, "success").await, nobody);
}

#[tokio::test]
async fn a_github_that_does_not_answer_is_an_error() {
    let of = stepped("{from: githubStatus}");
    let server = MockServer::start().await;
    Mock::given(method("GET"))
        .respond_with(ResponseTemplate::new(401))
        .mount(&server)
        .await;
    let error = known(&of, &server).await.unwrap_err();
    assert_eq!(error.kind(), crate::error::Kind::Remote);
}

/// Prometheus saw `revision` in the last six minutes, and another one before.
async fn running(of: &Stepped, revision: &str) -> Applied {
    let server = MockServer::start().await;
    let revision = revision.to_owned();
    let answer = move |request: &Request| {
        let query: BTreeMap<String, String> = request.url.query_pairs().into_owned().collect();
        assert_eq!(query["query"], "gotk_resource_info{name=\"podinfo\"}");
        let number = |name: &str| query[name].parse::<f64>().unwrap();
        let (start, end, step) = (number("start"), number("end"), number("step"));
        let all = std::iter::successors(Some(start), |at| Some(at + step));
        let points = all.take_while(|at| *at <= end).map(|at| json!([at, "1"]));
        let (old, new): (Vec<_>, Vec<_>) =
            points.partition(|point| point[0].as_f64().unwrap() <= end - 360.0);
        let result = json!([
            {"metric": {"revision": "main@sha1:0"}, "values": old},
            {"metric": {"revision": revision, "name": "apps", "ready": "True"}, "values": new},
        ]);
        let data = json!({"resultType": "matrix", "result": result});
        ResponseTemplate::new(200).set_body_json(json!({"status": "success", "data": data}))
    };
    Mock::given(path("/api/v1/query_range"))
        .respond_with(answer)
        .mount(&server)
        .await;
    known(of, &server).await.unwrap()
}

#[tokio::test]
async fn a_revision_of_the_commit_or_a_later_one_counts() {
    let of = stepped("{from: prometheus, query: 'gotk_resource_info{name=\"{{ target }}\"}'}");
    // The points are 7 s apart.
    let since = Applied::Since(time("2024-05-01T12:04:03Z"));
    for commit in [&of.step, &of.tip] {
        assert_eq!(running(&of, &format!("main@sha1:{commit}")).await, since);
    }
    let before = git(&of.world.remote(), &["rev-parse", "main~2"]);
    for other in [&before, &"7".repeat(40)] {
        let text = format!("apps runs {}, not {}", &other[..8], &of.step[..8]);
        assert_eq!(running(&of, other).await, Applied::NotYet(text));
    }
}

#[tokio::test]
async fn what_needs_no_commit() {
    let server = MockServer::start().await;
    for (spec, expected) in [
        ("{from: none}", Applied::Since(time(STEP))),
        (
            "{from: delay, delay: 5m}",
            Applied::Since(time("2024-05-01T12:05:00Z")),
        ),
        // Of a time to come.
        (
            "{from: delay, delay: 15m}",
            Applied::Since(time("2024-05-01T12:15:00Z")),
        ),
    ] {
        assert_eq!(known(&stepped(spec), &server).await.unwrap(), expected);
    }
}
