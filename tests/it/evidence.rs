//! A gateway that is known: its metrics have to be there, and the committed weight in
//! effect, before a rollout goes on.

use crate::support::assert_ran;
use crate::support::gitops::{PODINFO, World, line};
use crate::support::prometheus::Says;

const CANARY: &str = "apps/podinfo/canary.yaml";

/// Series of the gateway for one backend; how many requests they counted.
fn counts(world: &World, backend: &str, requests: f64) {
    let of = |counter: &str| format!("{counter}{{envoy_cluster_name=~\"test_podinfo-{backend}_");
    let series = of("count(envoy_cluster_upstream_rq");
    world.prometheus.set(&series, Says::Value(2.0));
    let counted = of("increase(envoy_cluster_upstream_rq_completed");
    world.prometheus.set(&counted, Says::Value(requests));
    // The success rate has all of these in it.
    world.prometheus.set(
        "rate(envoy_cluster_upstream_rq_completed",
        Says::Value(99.9),
    );
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
    assert_ran!(world, text(&world), @r#"
    exit code: 0
    ----- stdout
    test/podinfo  Progressing  100/0  held
      metrics not wired: the primary serves and has no series, `count(envoy_cluster_upstream_rq{envoy_cluster_name=~"test_podinfo-primary_[0-9]+"})` finds none. Let Prometheus scrape Contour and keep these labels; `weirkeeper doctor metrics` shows what is there. If nobody was served since it started, one request is enough
      next step not before 2026-01-01T00:05:00Z
    "#);
    assert_eq!(world.commits(), commits, "held without a trace");
    counts(&world, "primary", 0.0);
    insta::assert_snapshot!(world.tick(), @"Progressing 75/25 advanced: canary 0 → 25 %");
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
    assert_ran!(world, text(&world), @"
    exit code: 0
    ----- stdout
    test/podinfo  Progressing  75/25  held
      weight not in effect: the canary got 500 of 1000 requests in 1m (50 %), 25 % are committed (15.7 to 35.7 % would fit). Most likely the gateway ignores the weights: this is the canary's share of the pods, 50 %; else sessions are sticky, or few clients keep their connections, or requests take another rule or route than the one that is steered (spec.gitops.route). Held until the share fits; with spec.gitops.observedShare: warn it goes on
      pass: request-success-rate 99.9 (min 99)
      OFF: canary share 50 % of 1000 requests (weight 25 %)
      next step not before 2026-01-01T00:06:00Z
    ");
    assert_eq!(world.commits(), commits);

    counts(&world, "canary", 240.0);
    counts(&world, "primary", 760.0);
    let ran = world.next().exits(0);
    let result = ran.result(PODINFO);
    insta::assert_snapshot!(line(&result), @"Progressing 50/50 advanced: canary 25 → 50 %");
    insta::assert_snapshot!(serde_json::to_string_pretty(&result["share"]).unwrap(), @r#"
    {
      "canaryRequests": 240.0,
      "expected": 25.0,
      "high": 35.70818613501187,
      "low": 15.711966918024705,
      "measured": 24.0,
      "primaryRequests": 760.0,
      "verdict": "fits"
    }
    "#);
    insta::assert_snapshot!(world.log(1, "%B"), @"
    podinfo.test: canary 25 → 50 %

    1 min late: 1 missed check, 0 failed
    request-success-rate 99.9 (min 99) · canary share 24 % of 1000 requests (weight 25 %), 1m to 2026-01-01T00:07:00Z
    next step not before 2026-01-01T00:08:00Z

    Canary: test/podinfo
    Phase: Progressing
    Canary-Weight: 50
    Iterations: 0
    Failed-Checks: 0
    Revision: bb1ec46e
    ");
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
    world.prometheus.set(
        "rate(envoy_cluster_upstream_rq_completed",
        Says::Value(12.0),
    );
    let lines = world.until("rolledBack");
    assert_eq!(lines.len(), 4, "{lines:#?}");
}
