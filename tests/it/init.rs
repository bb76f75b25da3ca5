//! `init`: a Canary and a workflow for a Deployment that is there.

use crate::support::gitops::{World, fixtures, tree};
use crate::support::world::git;

const CANARY: &str = "apps/podinfo/canary.yaml";
const WORKFLOW: &str = ".github/workflows/rollouts.yml";

/// The fixture `podinfo` without its Canary, and with more files.
fn world(more: &[(&str, &str)]) -> World {
    let mut files = tree(&fixtures().join("podinfo"));
    files.remove(CANARY).unwrap();
    for (path, text) in more {
        files.insert((*path).to_owned(), (*text).to_owned());
    }
    World::new(files.iter().map(|(path, text)| (&**path, &**text)))
}

#[test]
fn what_is_written_is_valid_and_takes_its_first_step() {
    let world = world(&[]);
    let dry = world.weirkeeper(["init", "--dry-run"]).run().exits(0);
    let checkout = world.checkout();
    assert!(!checkout.join(CANARY).exists());
    assert!(dry.stdout.contains("kind: Canary"), "{dry}");
    let ran = world.weirkeeper(["init"]).run().exits(0);
    insta::assert_snapshot!(ran.stdout);
    insta::assert_snapshot!(
        "canary",
        fs_err::read_to_string(checkout.join(CANARY)).unwrap()
    );
    drop(world.weirkeeper(["validate"]).run().exits(0));
    let example = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/.github/examples/scheduled.yml"
    );
    let example = fs_err::read_to_string(example).unwrap();
    assert_eq!(
        fs_err::read_to_string(checkout.join(WORKFLOW)).unwrap(),
        example
    );
    git(&checkout, &["add", "-A"]);
    git(&checkout, &["commit", "-q", "-m", "canary"]);
    git(&checkout, &["push", "-q", "origin", "HEAD:main"]);
    world.wait(1);
    let ran = world.step().exits(0);
    assert_eq!(ran.json()["results"][0]["phase"], "Initializing", "{ran}");
    // Nothing is written twice.
    let again = world.weirkeeper(["init"]).run().exits(2);
    assert!(again.stderr.contains("has a Canary already"), "{again}");
}

#[test]
fn the_route_that_is_there_is_found() {
    let route = "apiVersion: gateway.networking.k8s.io/v1\nkind: HTTPRoute\n\
                 metadata: {name: shop, namespace: test}\nspec:\n  parentRefs: [{name: edge, namespace: infra}]\n  \
                 rules:\n    - backendRefs: [{name: podinfo, port: 9898}]\n";
    let world = world(&[
        ("apps/podinfo/route.yaml", route),
        (WORKFLOW, "name: ours\n"),
    ]);
    let ran = world
        .weirkeeper(["init", "test/podinfo", "--format", "json"])
        .run()
        .exits(0);
    let json = ran.json();
    assert_eq!(json["files"].as_array().unwrap().len(), 1, "{ran}");
    let text = json["files"][0]["text"].as_str().unwrap();
    assert!(
        text.contains("name: edge\n        namespace: infra"),
        "{text}"
    );
    assert!(
        text.contains("gitops:\n    route:\n      name: shop"),
        "{text}"
    );
    drop(world.weirkeeper(["validate"]).run().exits(0));
}

#[test]
fn several_deployments_are_listed() {
    let other = "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: other, namespace: test}\n\
                 spec:\n  selector: {matchLabels: {app: other}}\n  template:\n    metadata: {labels: {app: other}}\n    \
                 spec: {containers: [{name: other, image: other:1}]}\n";
    let world = world(&[("apps/other/deployment.yaml", other)]);
    let ran = world.weirkeeper(["init"]).run().exits(2);
    for part in [
        "test/podinfo (apps/podinfo/deployment.yaml)",
        "test/other (",
    ] {
        assert!(ran.stderr.contains(part), "{ran}");
    }
    let ran = world.weirkeeper(["init", "other"]).run().exits(2);
    assert!(ran.stderr.contains("nobody knows the port"), "{ran}");
    drop(world.weirkeeper(["init", "third"]).run().exits(2));
    drop(
        world
            .weirkeeper(["init", "--dir", "apps/podinfo"])
            .run()
            .exits(0),
    );
}

#[test]
fn nothing_is_written_that_could_not_be_carried_out() {
    let overlay = "resources: [../../apps/podinfo]\nimages: [{name: ghcr.io/stefanprodan/podinfo, newTag: 7.0.0}]\n";
    let world = world(&[("clusters/production/kustomization.yaml", overlay)]);
    let ran = world.weirkeeper(["init"]).run().exits(3);
    assert!(
        ran.stderr
            .contains("clusters/production/kustomization.yaml:2:"),
        "{ran}"
    );
    assert!(ran.stderr.contains("nothing was written"), "{ran}");
    assert!(!world.checkout().join(CANARY).exists());
}
