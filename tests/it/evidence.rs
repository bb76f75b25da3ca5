//! A gateway that is known: its metrics have to be there, and the committed weight in
//! effect, before a rollout goes on.

use crate::support::assert_ran;
use crate::support::gitops::{PODINFO, World, line};
use crate::support::prometheus::Says;

const CANARY: &str = "apps/podinfo/canary.yaml";

/// Series of the gateway for one backend; how many requests they counted.
fn counts(world: &World, backend: &str, requests: f64) {
    let of = |function: &str| {
        format!(
            "{function}(envoy_cluster_upstream_rq{{envoy_cluster_name=~\"test_podinfo-{backend}_"
        )
    };
    world.prometheus.set(&of("count"), Says::Value(2.0));
    world.prometheus.set(&of("increase"), Says::Value(requests));
    // The success rate has all of these in it.
    world
        .prometheus
        .set("envoy_cluster_upstream_rq_completed", Says::Value(99.9));
}

/// A release behind Contour whose next tick takes the first step.
fn started() -> World {
    let gateway = "  gitops:\n    gateway: {implementation: contour}\n    observedShare: hold\n";
    let spec = format!("{gateway}  service:\n");
    let world = World::with(&[(CANARY, "  service:\n", &spec)]);
    world.bootstrap();
    world.release("podinfo:6.0.0", "podinfo:6.1.0");
    world.until("started");
    world
}

fn text(world: &World) -> crate::support::program::Ran {
    let call = world.weirkeeper(["step", "--prometheus"]);
    call.arg(world.prometheus.url()).run()
}

#[test]
fn nothing_is_shifted_while_the_gateway_is_not_scraped() {
    let world = started();
    let commits = world.commits();
    world.wait(1);
    assert_ran!(world, text(&world), @"");
    assert_eq!(world.commits(), commits, "held without a trace");
    counts(&world, "primary", 0.0);
    insta::assert_snapshot!(world.tick(), @"");
}

#[test]
fn a_weight_that_is_not_in_effect_holds_until_it_is() {
    let world = started();
    counts(&world, "primary", 1000.0);
    assert!(world.tick().contains("advanced: canary 0 → 25 %"));
    let commits = world.commits();
    world.wait(1);
    counts(&world, "canary", 500.0);
    counts(&world, "primary", 500.0);
    assert_ran!(world, text(&world), @"");
    assert_eq!(world.commits(), commits);

    counts(&world, "canary", 240.0);
    counts(&world, "primary", 760.0);
    let ran = world.next().exits(0);
    let result = ran.result(PODINFO);
    insta::assert_snapshot!(line(&result), @"");
    insta::assert_snapshot!(serde_json::to_string_pretty(&result["share"]).unwrap(), @"");
    insta::assert_snapshot!(world.log(1, "%B"), @"");
}

/// Nobody asks where the gateway is not known, nor where other metrics judge.
#[test]
fn an_unknown_gateway_is_not_asked() {
    let world = World::of("podinfo");
    world.bootstrap();
    world.release("podinfo:6.0.0", "podinfo:6.1.0");
    world.until("succeeded");
    let asked = world.prometheus.asked();
    assert!(
        !asked.iter().any(|query| query.contains("count(")),
        "{asked:?}"
    );
}

#[test]
fn failures_roll_back_whatever_the_share() {
    let world = started();
    counts(&world, "primary", 1000.0);
    world.tick();
    counts(&world, "canary", 500.0);
    world
        .prometheus
        .set("envoy_cluster_upstream_rq_completed", Says::Value(12.0));
    let lines = world.until("rolledBack");
    assert_eq!(lines.len(), 4, "{lines:#?}");
}
