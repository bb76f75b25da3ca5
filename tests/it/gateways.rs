//! What a gateway cannot do is told before the first step, and what it needs is written.

use crate::support::gitops::{PODINFO, World, line};
use crate::support::prometheus::Says;

const CANARY: &str = "apps/podinfo/canary.yaml";
const ROUTE: &str = "apps/podinfo/podinfo-httproute.yaml";

/// The fixture `podinfo` on this gateway, with more in its analysis.
fn world(gateway: &str, analysis: &str) -> World {
    let text = format!("  gitops:\n    gateway: {{{gateway}}}\n  analysis:\n{analysis}");
    World::with(&[(CANARY, "  analysis:\n", &text)])
}

#[test]
fn weights_of_kong_are_written_large_and_told_small() {
    let world = world("implementation: kong, querySet: application", "");
    world.bootstrap();
    world.release("podinfo:6.0.0", "podinfo:6.1.0");
    let lines = world.until("advanced");
    let last = lines.last().unwrap();
    assert!(last.starts_with("Progressing 75/25 advanced"), "{lines:?}");
    let route = world.read(ROUTE);
    assert!(
        route.contains("weight: 75000") && route.contains("weight: 25000"),
        "{route}"
    );
    let canary = world.read(CANARY);
    assert!(canary.contains("canaryWeight: 25\n"), "{canary}");
    assert!(world.log(1, "%B").contains("Canary-Weight: 25\n"));
    // Nobody takes them for somebody's own.
    let line = world.tick();
    assert!(line.starts_with("Progressing 50/50 advanced"), "{line}");
    world.until("succeeded");
    let route = world.read(ROUTE);
    assert!(route.contains("weight: 100000"), "{route}");
    // A person writes the same share in another scale.
    world.edit(ROUTE, "weight: 100000", "weight: 100");
    let line = world.tick();
    assert!(line.starts_with("Succeeded 100/0 idle"), "{line}");
}

#[test]
fn an_outage_is_refused_with_the_line_it_stands_on() {
    let world = world(
        "implementation: traefik, version: 3.7.10",
        "    mirror: true\n",
    );
    let before = world.files();
    let ran = world.weirkeeper(["validate"]).run().exits(3);
    for part in [
        "apps/podinfo/canary.yaml:21:5",
        "needs copies of requests, which Traefik 3.7.10 does not have",
        "the rule would answer every request with 500",
        "spec.gitops.gateway.assume: {mirror: true}",
    ] {
        assert!(ran.to_string().contains(part), "{part}: {ran}");
    }
    let ran = world.next().exits(3);
    assert!(
        ran.to_string().contains("needs copies of requests"),
        "{ran}"
    );
    assert_eq!(world.files(), before);
}

#[test]
fn what_is_refused_later_does_not_stop_a_rollback() {
    let begun = || {
        let world = world("implementation: traefik, querySet: application", "");
        world.bootstrap();
        world.release("podinfo:6.0.0", "podinfo:6.1.0");
        world.until("advanced");
        world
    };
    let world = begun();
    world.edit(
        CANARY,
        "    threshold: 3",
        "    mirror: true\n    threshold: 3",
    );
    let before = world.files();
    drop(world.next().exits(3));
    assert_eq!(world.files(), before);
    world.prometheus.set("http_request", Says::Value(12.0));
    world.wait(3);
    let ran = world.step().exits(3);
    let line = line(&ran.result(PODINFO));
    assert!(line.starts_with("Failed 100/0 rolledBack"), "{ran}");
    assert!(
        ran.to_string().contains("needs copies of requests"),
        "{ran}"
    );
}

#[test]
fn an_unknown_gateway_is_told_by_validate_and_not_by_steps() {
    let world = World::of("podinfo");
    let ran = world.weirkeeper(["validate"]).run().exits(0);
    let told = "nobody knows the gateway, since the Gateway infra/edge is not in the repository";
    assert!(ran.to_string().contains(told), "{ran}");
    let ran = world.next().exits(0);
    assert!(!ran.to_string().contains("nobody knows"), "{ran}");
}

/// The Gateway of the fixture's route, with a class of this controller.
fn gateway_of(world: &World, controller: &str) {
    let text = format!(
        "apiVersion: gateway.networking.k8s.io/v1\nkind: GatewayClass\nmetadata: {{name: edge}}\n\
         spec: {{controllerName: {controller}}}\n---\n\
         apiVersion: gateway.networking.k8s.io/v1\nkind: Gateway\n\
         metadata: {{name: edge, namespace: infra}}\nspec: {{gatewayClassName: edge}}\n"
    );
    world.put("infra/gateway.yaml", text);
}

#[test]
fn a_gateway_that_cannot_measure_does_not_stop_a_rollback() {
    for (controller, told) in [
        (
            "gateway.envoyproxy.io/gatewayclass-controller",
            "cannot be measured with Envoy Gateway",
        ),
        (
            "konghq.com/kic-gateway-controller",
            "cannot be measured with Kong",
        ),
    ] {
        let world = World::of("podinfo");
        world.bootstrap();
        world.release("podinfo:6.0.0", "podinfo:6.1.0");
        world.until("advanced");
        gateway_of(&world, controller);
        let before = world.files();
        // Nothing goes on, and nothing is written while the checks pass.
        let ran = world.next().exits(3);
        assert!(ran.to_string().contains(told), "{ran}");
        assert_eq!(world.files(), before);
        world.prometheus.set("http_request", Says::Value(12.0));
        world.wait(3);
        let ran = world.step().exits(3);
        let line = line(&ran.result(PODINFO));
        assert!(line.starts_with("Failed 100/0 rolledBack"), "{ran}");
        assert!(ran.to_string().contains(told), "{ran}");
    }
}
