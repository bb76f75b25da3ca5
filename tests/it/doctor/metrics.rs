//! `doctor metrics`: what the metrics say, and what they lack.

use crate::support::assert_ran;
use crate::support::gitops::World;
use crate::support::program::Ran;
use crate::support::prometheus::Says;
use crate::support::world::git;

const CANARY: &str = "apps/podinfo/canary.yaml";

/// The selector of one backend at Contour.
fn selector(side: &str) -> String {
    format!("envoy_cluster_upstream_rq{{envoy_cluster_name=~\"test_podinfo-{side}_[0-9]+\"}}")
}

/// The fixture `podinfo` at a gateway, bootstrapped, with more metrics.
fn world(gateway: &str, metrics: &str) -> World {
    let gateway = format!("  gitops: {{gateway: {gateway}}}\n  service:\n");
    let metrics = format!("    metrics:\n{metrics}");
    let world = World::with(&[
        (CANARY, "  service:\n", &gateway),
        (CANARY, "    metrics:\n", &metrics),
    ]);
    world.bootstrap();
    git(&world.checkout(), &["pull", "-q"]);
    world
}

/// One at Contour: the primary serves, the canary is idle.
fn contour(metrics: &str) -> World {
    let world = world("{implementation: contour}", metrics);
    let says = |part: &str, says: Says| world.prometheus.set(part, says);
    says("podinfo-primary_", Says::Value(99.973_33));
    says("podinfo-canary_", Says::Nothing);
    says(
        &format!("count({})", selector("primary")),
        Says::Value(12.0),
    );
    let pods = vec!["envoy-1".to_owned(), "envoy-2".to_owned()];
    says(
        &format!("topk(3, {})", selector("primary")),
        Says::Series("pod", pods),
    );
    world
}

fn ask(world: &World, options: &[&str]) -> Ran {
    world
        .weirkeeper(["doctor", "metrics", "--prometheus"])
        .arg(world.prometheus.url())
        .args(options)
        .run()
}

/// Level, metric, sentence and advice of each finding about the Canary that is not well.
fn told(world: &World) -> String {
    let ran = ask(world, &["--format", "json"]);
    let json = ran.json();
    let findings = json["canaries"][0]["findings"].as_array().unwrap();
    let text = |value: &serde_json::Value| value.as_str().unwrap().to_owned();
    let has_problem = findings.iter().any(|one| one["level"] == "problem");
    assert_eq!(ran.code, if has_problem { 6 } else { 0 }, "{ran}");
    let told = findings.iter().filter(|one| one["level"] != "ok");
    told.map(|one| {
        let advice = one["advice"].as_array().unwrap().iter().map(text);
        let advice = advice.filter(|advice| !advice.starts_with("the query is"));
        let advice: String = advice.map(|advice| format!("\n- {advice}")).collect();
        let [level, about, found] = ["level", "about", "found"].map(|key| text(&one[key]));
        format!("{level} {about}: {found}{advice}\n")
    })
    .collect()
}

#[test]
fn queries_values_and_series_as_text() {
    let world = contour("");
    let ran = ask(&world, &[]).exits(0);
    assert_ran!(world, ran, @"");
}

#[test]
fn the_same_as_json() {
    let world = contour("      - {name: request-duration-p50, thresholdRange: {max: 1000}}\n");
    let buckets = ["100", "500", "1000", "+Inf"].map(str::to_owned).to_vec();
    world
        .prometheus
        .set("count by (le)", Says::Series("le", buckets));
    let json = ask(&world, &["--format", "json"]).exits(0).json();
    assert_eq!(json["version"], 1);
    let canary = &json["canaries"][0];
    assert_eq!(canary["canary"], "test/podinfo");
    assert_eq!(canary["gateway"]["implementation"], "Contour");
    assert_eq!(canary["gateway"]["set"]["name"], "contour");
    let names: Vec<&str> = canary["metrics"]
        .as_array()
        .unwrap()
        .iter()
        .map(|row| row["name"].as_str().unwrap())
        .collect();
    assert_eq!(
        names,
        [
            "request-duration-p50",
            "request-success-rate",
            "requests",
            "series",
            "retry rate"
        ]
    );
    let row = &canary["metrics"][0];
    assert_eq!(row["buckets"], serde_json::json!([100.0, 500.0, 1000.0]));
    assert_eq!(row["primary"]["value"], 99.973_33);
    assert_eq!(row["primary"]["verdict"], "pass");
    assert_eq!(row["canary"]["value"], serde_json::Value::Null);
    let query = row["primary"]["query"].as_str().unwrap();
    assert!(query.contains("test_podinfo-primary_[0-9]+"), "{query}");
    let series = &canary["metrics"][1]["primary"]["series"][0];
    assert_eq!(series["selector"], selector("primary"));
    assert_eq!(series["count"], 12.0);
    let labels = serde_json::json!(["{pod=\"envoy-1\"}", "{pod=\"envoy-2\"}"]);
    assert_eq!(series["labels"], labels);
}

#[test]
fn the_same_as_markdown_and_in_the_job_summary() {
    let world = contour("");
    let hostile = vec!["@all <b>|`x`\n::error::".to_owned()];
    world.prometheus.set("topk(3", Says::Series("pod", hostile));
    let ran = ask(&world, &["--markdown"]).exits(0);
    insta::assert_snapshot!(ran.stdout, @"");
    let summary = world.path().join("summary.md");
    let call = world.weirkeeper(["doctor", "metrics", "--prometheus"]);
    let call = call.arg(world.prometheus.url());
    let call = call.env("GITHUB_ACTIONS", "true");
    let text = call.env("GITHUB_STEP_SUMMARY", &summary).run().exits(0);
    assert_eq!(fs_err::read_to_string(summary).unwrap(), ran.stdout);
    // The runner obeys no line of it.
    let command = |line: &str| line.trim_start().starts_with("::");
    assert!(!text.stdout.lines().any(command), "{text}");
    let ran = ask(&world, &["--markdown", "--format", "json"]).exits(2);
    assert!(ran.stderr.contains("two formats"), "{ran}");
    let call = world.weirkeeper(["doctor", "--only", "test/podinfo", "metrics"]);
    call.run().exits(2);
}

#[test]
fn metrics_that_are_not_wired() {
    let world = contour("");
    world.prometheus.set("podinfo-primary_", Says::Nothing);
    insta::assert_snapshot!(told(&world), @"");
    world
        .prometheus
        .set("count(envoy_cluster_upstream_rq)", Says::Value(40.0));
    insta::assert_snapshot!(told(&world), @"");
    world
        .prometheus
        .set("{exported_envoy_cluster_name=", Says::Value(12.0));
    insta::assert_snapshot!(told(&world), @"");
}

#[test]
fn an_application_that_is_idle() {
    let world = contour("");
    world
        .prometheus
        .set("podinfo-primary_", Says::Value(f64::NAN));
    world
        .prometheus
        .set("count(envoy_cluster", Says::Value(3.0));
    insta::assert_snapshot!(told(&world), @"");
}

#[test]
fn canary_and_primary_have_the_same_series() {
    let world = contour("");
    world.prometheus.set("podinfo-canary_", Says::Value(99.0));
    world.prometheus.set(") and (", Says::Value(4.0));
    insta::assert_snapshot!(told(&world), @"");
}

#[test]
fn answers_that_are_no_number_or_none() {
    let world = contour("");
    let codes = vec!["200".to_owned(), "500".to_owned()];
    world
        .prometheus
        .set("podinfo-primary_", Says::Series("code", codes));
    insta::assert_snapshot!(told(&world), @"");
    world
        .prometheus
        .set("podinfo-primary_", Says::Refusal("parse error"));
    let told = told(&world).replace(&world.prometheus.url(), "http://prometheus");
    insta::assert_snapshot!(told, @"");
}

#[test]
fn maxima_that_the_buckets_cannot_tell() {
    for (max, warned) in [
        (500, ""),
        (600, ""),
        (300, "inside"),
        (2000, "above"),
        (1000, ""),
    ] {
        let metric =
            format!("      - {{name: request-duration, thresholdRange: {{max: {max}}}}}\n");
        let world = contour(&metric);
        let buckets = ["100", "500", "1000", "+Inf"].map(str::to_owned).to_vec();
        world
            .prometheus
            .set("count by (le)", Says::Series("le", buckets));
        let told = told(&world);
        match warned {
            "" => assert_eq!(told, "", "{max}"),
            "inside" => insta::assert_snapshot!(told, @""),
            _ => insta::assert_snapshot!(told, @""),
        }
    }
}

#[test]
fn gateways_that_nobody_knows_or_that_cannot_tell() {
    let world = World::of("podinfo");
    world.bootstrap();
    git(&world.checkout(), &["pull", "-q"]);
    let ran = ask(&world, &[]).exits(0);
    assert!(ran.stdout.contains("nobody knows the gateway"), "{ran}");
    assert!(ran.stdout.contains("query set http:"), "{ran}");
    let kong = "  gitops: {gateway: {implementation: kong}}\n  service:\n";
    world.edit(CANARY, "  service:\n", kong);
    git(&world.checkout(), &["pull", "-q"]);
    let ran = ask(&world, &[]).exits(6);
    assert!(ran.stdout.contains("do not tell the canary apart"), "{ran}");
    // Validation says the same, and that does not keep anybody from looking.
    assert!(ran.stdout.contains("the gateway does not do what"), "{ran}");
}

#[test]
fn queries_of_people_are_looked_into_as_well() {
    let query = "sum(rate(errors{app=\\\"{{ target }}\\\"}[{{ interval }}]))";
    let metric = format!(
        "      - {{name: errors, query: \"{query}\", thresholdRange: {{max: 1}}}}\n      \
         - {{name: all, query: \"sum(up{{a=\\\"b\\\"}})\", thresholdRange: {{max: 1}}}}\n"
    );
    let world = contour(&metric);
    world.prometheus.set("up{", Says::Value(1.0));
    insta::assert_snapshot!(told(&world), @"");
}

#[test]
fn a_prometheus_that_does_not_answer() {
    let world = contour("");
    let call = world.weirkeeper(["doctor", "metrics", "--prometheus-timeout", "1s"]);
    let ran = call
        .args(["--prometheus", "http://127.0.0.1:1/"])
        .run()
        .exits(6);
    assert!(
        ran.stdout
            .contains("not asked, http://127.0.0.1:1/ does not answer"),
        "{ran}"
    );
    let ran = world.weirkeeper(["doctor", "metrics"]).run().exits(6);
    assert!(ran.stdout.contains("give --prometheus"), "{ran}");
}
