//! What must never meet traffic, and what belongs to somebody else.

use crate::support::gitops::{World, line};

const TARGET: &str = "apps/podinfo/deployment.yaml";
const SERVICE: &str = "apps/podinfo/service.yaml";
const KUSTOMIZATION: &str = "apps/podinfo/kustomization.yaml";

/// The step fails with exit code 3, says this, and changes nothing.
fn refused(world: &World, words: &str) {
    let before = world.tip();
    let ran = world.stepping().run().exits(3);
    let text = ran.to_string();
    assert!(text.contains(words), "{words} is missing in:\n{text}");
    assert_eq!(world.tip(), before);
}

fn listed(world: &World, more: &str) {
    let text = world.read(KUSTOMIZATION);
    world.put(KUSTOMIZATION, format!("{text}{more}"));
}

#[test]
fn kustomize_must_not_reach_both_sides() {
    for (more, words) in [
        ("namePrefix: blue-\n", "renames objects"),
        ("commonLabels: {app: podinfo}\n", "the same selector"),
        (
            "labels: [{pairs: {app: podinfo}, includeSelectors: true}]\n",
            "the same selector",
        ),
        ("replicas: [{name: podinfo, count: 3}]\n", "scales podinfo"),
    ] {
        let world = World::of("podinfo");
        listed(&world, more);
        refused(&world, words);
    }
}

/// A second environment with the same names gets a primary of its own.
#[test]
fn another_environment_keeps_what_is_its_own() {
    let world = World::of("podinfo");
    world.bootstrap();
    let theirs = world.files();
    for file in ["canary", "deployment", "service", "kustomization"] {
        let text = world.read(&format!("apps/podinfo/{file}.yaml"));
        let text = text.split("\nstatus:").next().unwrap().to_owned() + "\n";
        let text = text.replace("replicas: 0", "replicas: 2");
        let text: Vec<&str> = text
            .lines()
            .filter(|line| !line.contains("- podinfo-"))
            .collect();
        world.put(&format!("apps/staging/{file}.yaml"), text.join("\n") + "\n");
    }
    world.wait(5);
    assert_eq!(
        world.step().result("test/podinfo")["error"],
        serde_json::Value::Null
    );
    assert!(
        world
            .files()
            .contains_key("apps/staging/podinfo-primary-deployment.yaml")
    );
    for (path, text) in &theirs {
        assert_eq!(world.files().get(path), Some(text), "{path}");
    }
}

#[test]
fn a_service_must_select_the_pods_it_stands_for() {
    let world = World::of("podinfo");
    world.edit(
        SERVICE,
        "    app: podinfo",
        "    track: stable\n    app: podinfo",
    );
    refused(&world, "a label that the pods do not carry");
}

#[test]
fn a_primary_with_other_pods_is_not_taken() {
    let world = World::of("podinfo");
    let primary = world
        .read(TARGET)
        .replacen("name: podinfo\n", "name: podinfo-primary\n", 1)
        .replace("app: podinfo\n", "app: podinfo-stable\n");
    world.put("apps/podinfo/stable.yaml", primary);
    refused(&world, "must carry app: podinfo-primary");
}

#[test]
fn a_service_that_is_deleted_comes_back_before_the_next_weight() {
    let world = World::of("podinfo");
    world.bootstrap();
    world.release("6.0.0", "6.1.0");
    world.until("advanced");
    let path = "apps/podinfo/podinfo-canary-service.yaml";
    let service = world.read(path);
    fs_err::remove_file(world.person().join(path)).unwrap();
    world.edit(KUSTOMIZATION, "  - podinfo-canary-service.yaml\n", "");
    let held = world.next().result("test/podinfo");
    assert!(line(&held).contains("created again"), "{}", line(&held));
    assert_eq!(world.read(path), service);
}

#[test]
fn zero_replicas_are_not_promoted() {
    let world = World::with(&[(
        "apps/podinfo/canary.yaml",
        "  analysis:\n",
        "  gitops: {readiness: {from: none}}\n  analysis:\n",
    )]);
    world.bootstrap();
    world.release("6.0.0", "6.1.0");
    world.until("advanced");
    world.edit(TARGET, "replicas: 2", "replicas: 0");
    world.until("promoting");
    let primary = world.read("apps/podinfo/podinfo-primary-deployment.yaml");
    assert!(primary.contains("replicas: 2"), "{primary}");
    assert!(primary.contains("6.1.0"), "{primary}");
}

#[test]
fn a_list_is_named_instead_of_overlooked() {
    let world = World::of("podinfo");
    let list = "apiVersion: v1\nkind: List\nitems:\n  - apiVersion: gateway.networking.k8s.io/v1\n    \
                kind: HTTPRoute\n    metadata: {name: podinfo}\n";
    world.put("apps/podinfo/routes.yaml", list);
    refused(&world, "is an item of a List");
}

#[test]
fn a_file_that_cannot_be_read_does_not_make_a_farther_one_win() {
    let world = World::of("podinfo");
    world.put(
        "apps/podinfo/route.yaml",
        "kind: HTTPRoute\n<<<<<<< podinfo\n\tx\n",
    );
    refused(&world, "cannot be read");
}

#[test]
fn a_file_that_an_ignore_rule_hides_is_not_overwritten() {
    let world = World::of("podinfo");
    let path = "apps/podinfo/podinfo-primary-deployment.yaml";
    world.put(path, "# mine\n");
    world.put(".weirkeeperignore", "*-deployment.yaml\n");
    refused(&world, "is in the way");
    assert_eq!(world.read(path), "# mine\n");
}

#[test]
fn a_generated_route_reaches_only_ports_that_exist() {
    let world = World::of("podinfo");
    let service = world
        .read(SERVICE)
        .replace("name: podinfo\n", "name: podinfo-canary\n")
        .replace("9898", "80");
    world.put("apps/podinfo/canary-service.yaml", service);
    refused(&world, "lacks port 9898");
}

/// Also when they release different workloads, and only one of them is in the run.
#[test]
fn two_canaries_do_not_share_a_public_service_or_a_route() {
    let world = World::of("podinfo");
    let canary = "apps/podinfo/canary.yaml";
    let other = |path: &str| world.read(path).replace("name: podinfo\n", "name: other\n");
    let mut texts = Vec::from([canary, TARGET].map(|path| (path, other(path))));
    texts[0].1 = texts[0]
        .1
        .replacen("  service:\n", "  service:\n    name: podinfo\n", 1);
    for (path, text) in texts {
        world.put(&path.replace("podinfo/", "podinfo/other-"), text);
    }
    listed(&world, "  - other-deployment.yaml\n");
    for only in ["test/podinfo", "test/other"] {
        let ran = world.stepping().args(["--only", only]).run().exits(3);
        let text = ran.to_string();
        assert!(text.contains("has the same public Service"), "{text}");
    }
    refused(&world, "has the same public Service");
}
