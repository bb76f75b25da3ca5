//! Implementations and query sets that a repository brings along.

use weirkeeper::gateway::{Backend, Question};
use weirkeeper::repo::files::Files;
use weirkeeper::repo::inventory::Inventory;
use weirkeeper::repo::rollout::{Rollout, resolve};

use crate::support::gitops::World;
use crate::support::program::Ran;
use crate::support::world::git;

const GATEWAY: &str = "apiVersion: gateway.networking.k8s.io/v1
kind: GatewayClass
metadata: {name: sluice}
spec: {controllerName: example.com/sluice}
---
apiVersion: gateway.networking.k8s.io/v1
kind: Gateway
metadata: {name: edge, namespace: infra}
spec: {gatewayClassName: sluice, listeners: [{name: http, protocol: HTTP, port: 80}]}
";

const IMPLEMENTATION: &str = "title: Sluice
controllers: [example.com/sluice]
querySets: [sluice]
";

const SET: &str = "sluice:
  about: Sluice's own metrics
  requests:
    metric: sluice_requests_total
    where: backend=\"{{ service }}.{{ namespace }}\"
    failed: code=~\"5..\"
  leastInterval: 30s

# Ours are scraped through a collector.
contour:
  requests: {metric: envoy_cluster_upstream_rq_sum, completed: null}
  queries:
    requests: sum(increase(requests{service=\"{{ service }}\"}[{{ interval }}]))
";

fn world() -> World {
    let world = World::of("podinfo");
    world.put("infra/gateway.yaml", GATEWAY);
    world.put(".weirkeeper/gateways/sluice.yaml", IMPLEMENTATION);
    world.put(".weirkeeper/queries/ours.yaml", SET);
    world
}

fn inventory(world: &World) -> Inventory {
    world.pull();
    Inventory::load(Files::in_folder(&world.person()).unwrap()).unwrap()
}

fn validate(world: &World) -> Ran {
    git(&world.checkout(), &["pull", "-q", "origin", "main"]);
    world.weirkeeper(["validate"]).run()
}

fn rollout(inventory: &Inventory) -> weirkeeper::error::Result<Rollout> {
    let now = "2026-01-01T00:00:00Z".parse().unwrap();
    resolve(inventory, &inventory.canaries()[0], now)
}

#[test]
fn a_new_one_is_found_by_its_controller() {
    let world = world();
    let inventory = inventory(&world);
    let gateway = rollout(&inventory).unwrap().gateway;
    assert_eq!(gateway.implementation.unwrap().title, "Sluice");
    let set = gateway.set.unwrap();
    let query = set.query(Question::Series, &gateway.place, Backend::Canary, "1m");
    assert_eq!(
        query.unwrap().unwrap(),
        r#"count(sluice_requests_total{backend="podinfo-canary.test"})"#
    );
}

#[test]
fn of_a_known_one_only_what_is_said_changes() {
    let world = world();
    let catalogue = inventory(&world).catalogue().unwrap();
    let builtin = weirkeeper::gateway::Catalogue::builtin()
        .set("contour")
        .unwrap();
    let set = catalogue.set("contour").unwrap();
    assert_eq!(set.duration, builtin.duration);
    assert_eq!(set.about, builtin.about);
    let [ours, theirs] = [&set, &builtin].map(|set| set.requests.clone().unwrap());
    assert_eq!(ours.metric, "envoy_cluster_upstream_rq_sum");
    assert_eq!(ours.completed, None);
    assert_eq!(
        (ours.selector, ours.failed),
        (theirs.selector, theirs.failed)
    );
    let place = rollout(&inventory(&world)).unwrap().gateway.place;
    let query = set.query(Question::Requests, &place, Backend::Primary, "2m");
    assert_eq!(
        query.unwrap().unwrap(),
        r#"sum(increase(requests{service="podinfo-primary"}[2m]))"#
    );
}

#[test]
fn what_is_wrong_is_shown_where_it_stands() {
    let world = world();
    world.put(
        ".weirkeeper/queries/ours.yaml",
        "sluice:
  abuot: Sluice's own metrics
  requests:
    metric: sluice requests
    where: backend=\"{{ servce }}\"
    failed: code=~\"{{ 5.. }}\"
  duration: {histogram: sluice_seconds, unit: seconds}
  around: sum(x)
  leastInterval: 30
  queries:
    request-rate: up
    requests: |
      sum(
        up{job=\"{{ quantile }}\"}
      )
contour:
  retries: [a]
empty: {about: nothing}
",
    );
    world.put(
        ".weirkeeper/gateways/sluice.yaml",
        "controllers: [example.com/sluice]\nquerySets: [sluise]\n",
    );
    let ran = validate(&world).exits(3);
    insta::assert_snapshot!(ran.stdout);
}

#[test]
fn a_factor_of_weights_is_in_its_range() {
    let world = world();
    for (scale, fits) in [
        (100, false),
        (999, false),
        (1000, true),
        (10_000, true),
        (10_001, false),
    ] {
        let text = format!("{IMPLEMENTATION}capabilities:\n- weightScale: {scale}\n");
        world.put(".weirkeeper/gateways/sluice.yaml", text);
        let found = rollout(&inventory(&world));
        let Err(error) = found else {
            assert!(fits, "{scale}");
            assert_eq!(found.unwrap().gateway.weight_scale(), scale);
            continue;
        };
        assert!(!fits, "{scale}: {error}");
        let told = &error.diagnostics()[0];
        let place = ".weirkeeper/gateways/sluice.yaml:5:16";
        assert_eq!(told.location().as_deref(), Some(place));
        let message = format!("must be from 1000 to 10000, found {scale}");
        assert!(told.message.contains(&message), "{}", told.message);
    }
}

#[test]
fn only_who_uses_it_suffers() {
    let world = world();
    let broken = SET.replace("{metric: envoy_cluster_upstream_rq_sum", "{metrics: x");
    world.put(".weirkeeper/queries/ours.yaml", broken);
    assert!(rollout(&inventory(&world)).is_ok());
    validate(&world).exits(3);

    world.put(
        ".weirkeeper/queries/ours.yaml",
        SET.replace("{{ service }}.", "{{ servise }}."),
    );
    let error = rollout(&inventory(&world)).unwrap_err();
    let place = error.diagnostics()[0].location().unwrap();
    assert_eq!(place, ".weirkeeper/queries/ours.yaml:5:12");

    // It cannot even be read; the names in it are.
    world.put(
        ".weirkeeper/queries/ours.yaml",
        format!("{SET}  queries: [\n"),
    );
    rollout(&inventory(&world)).unwrap_err();

    // Nobody knows whose the gateway is.
    world.put(".weirkeeper/queries/ours.yaml", SET);
    world.put(".weirkeeper/gateways/sluice.yaml", "controllers: [\n");
    rollout(&inventory(&world)).unwrap_err();
}

#[test]
fn one_set_is_in_one_file() {
    let world = world();
    world.put(".weirkeeper/queries/zzz.yaml", "contour: {late: false}\n");
    let ran = validate(&world).exits(3);
    assert!(
        ran.stderr.contains("zzz.yaml:1:1") || ran.stdout.contains("zzz.yaml:1:1"),
        "{ran}"
    );
}

#[test]
fn what_is_too_large_is_refused() {
    let world = world();
    let large = format!("# {}\n{SET}", "x".repeat(300 << 10));
    world.put(".weirkeeper/queries/ours.yaml", large);
    let ran = validate(&world).exits(3);
    assert!(format!("{ran}").contains("is larger than 256 KiB"), "{ran}");
}
