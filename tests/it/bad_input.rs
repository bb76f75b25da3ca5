//! What is wrong, or merely odd: exit code, words, and that nothing else suffers from it.

use crate::support::gitops::World;
use crate::support::program::{Call, Ran};
use crate::support::world::git;

mod documents;
mod files;
mod gates;
mod notify;
mod prometheus;
mod remotes;

const DEPLOYMENT: &str = "apps/podinfo/deployment.yaml";
const KUSTOMIZATION: &str = "apps/podinfo/kustomization.yaml";
const CANARY: &str = "apps/podinfo/canary.yaml";
const ROUTE: &str = "apps/podinfo/podinfo-httproute.yaml";

/// A second application with a Canary, which nothing is wrong with.
const NEIGHBOUR: &str = "apiVersion: apps/v1
kind: Deployment
metadata: {name: neighbour, namespace: test}
spec:
  selector: {matchLabels: {app: neighbour}}
  template:
    metadata: {labels: {app: neighbour}}
    spec: {containers: [{name: app, image: example.com/neighbour:1}]}
---
apiVersion: flagger.app/v1beta1
kind: Canary
metadata: {name: neighbour, namespace: test}
spec:
  targetRef: {apiVersion: apps/v1, kind: Deployment, name: neighbour}
  service: {port: 80, gatewayRefs: [{name: edge}]}
  analysis: {interval: 1m, threshold: 2, stepWeight: 50, metrics: [{name: request-success-rate, interval: 1m, thresholdRange: {min: 99}}]}
";

/// The fixture `podinfo` with changes, and the neighbour.
fn beside_a_neighbour(changes: &[(&str, &str, &str)]) -> World {
    let world = World::with(changes);
    world.put("apps/neighbour/all.yaml", NEIGHBOUR);
    world
}

/// A step as people see it.
fn text_step(world: &World) -> Call {
    world
        .weirkeeper(["step", "--prometheus"])
        .arg(world.prometheus.url())
}

/// Steps: podinfo fails with `code`, nothing of it changes, and the neighbour steps all the same. Returns
/// what is said on standard error.
#[track_caller]
fn fails_alone(world: &World, code: i32) -> String {
    let before = world.tip();
    let files = world.files();
    let ran = world.next().exits(code);
    let neighbour = ran.result("test/neighbour");
    assert_eq!(neighbour["error"], serde_json::Value::Null, "{ran}");
    assert_eq!(neighbour["commit"], world.tip(), "{ran}");
    let parent = git(&world.remote(), &["rev-parse", "main^"]);
    assert_eq!(parent, before, "{ran}");
    for (path, text) in world.files() {
        if !path.starts_with("apps/neighbour/") {
            assert_eq!(files.get(&path), Some(&text), "{path}: {ran}");
        }
    }
    ran.stderr
}

/// Steps: the run ends with `code` and nothing changes anywhere.
#[track_caller]
fn changes_nothing(world: &World, call: Call, code: i32) -> Ran {
    let tip = world.tip();
    let head = git(&world.checkout(), &["rev-parse", "HEAD"]);
    let ran = call.run().exits(code);
    assert_eq!(world.tip(), tip, "{ran}");
    assert_eq!(
        git(&world.checkout(), &["rev-parse", "HEAD"]),
        head,
        "{ran}"
    );
    ran
}
