//! `doctor metrics`: what the metrics say, and what they lack.

use crate::support::assert_ran;
use crate::support::gitops::World;
use crate::support::program::Ran;
use crate::support::prometheus::Says;
use crate::support::world::git;

const CANARY: &str = "apps/podinfo/canary.yaml";

/// What the set of Contour counts first.
const COMPLETED: &str = "envoy_cluster_upstream_rq_completed";

/// The selector of one backend at Contour.
fn selector(metric: &str, side: &str) -> String {
    format!("{metric}{{envoy_cluster_name=~\"test_podinfo-{side}_[0-9]+\"}}")
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
    let pods = vec!["envoy-1".to_owned(), "envoy-2".to_owned()];
    let labels = Says::Series("pod", pods);
    for metric in [
        COMPLETED,
        "envoy_cluster_upstream_rq",
        "envoy_cluster_upstream_rq_retry",
    ] {
        let primary = selector(metric, "primary");
        says(&format!("count({primary})"), Says::Value(12.0));
        says(&format!("topk(3, {primary})"), labels.clone());
    }
    says("count(up)", Says::Value(42.0));
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
    assert_ran!(world, ran, @r#"
    exit code: 0
    ----- stdout
    test/podinfo: Contour (spec.gitops.gateway.implementation says so); query set contour: Envoy's statistics of the cluster that Contour makes for each Service
      All routes to the Service are counted together.
      metric                canary     primary  bounds  series canary / primary
      request-success-rate  no series  99.9733  ≥ 99    0 / 24
      requests              no series  99.9733          0 / 24
      series                no series  12               0 / 12
      retry rate            no series  99.9733          0 / 24
      request-success-rate, canary: ( (((sum(rate(envoy_cluster_upstream_rq{envoy_cluster_name=~"test_podinfo-canary_[0-9]+", envoy_response_code!~"5.."}[1m]))) or vector(0)) / (sum(rate(envoy_cluster_upstream_rq_completed{envoy_cluster_name=~"test_podinfo-canary_[0-9]+"}[1m]))) and on () ((count(envoy_cluster_upstream_rq{envoy_cluster_name=~"test_podinfo-canary_[0-9]+", envoy_response_code!~"5.."} offset 1m)) > 0) and on () ((count(envoy_cluster_upstream_rq{envoy_cluster_name=~"test_podinfo-canary_[0-9]+", envoy_response_code=~"5.."} unless envoy_cluster_upstream_rq{envoy_cluster_name=~"test_podinfo-canary_[0-9]+", envoy_response_code=~"5.."} offset 1m)) > 0)) or (1 - ((sum(rate(envoy_cluster_upstream_rq{envoy_cluster_name=~"test_podinfo-canary_[0-9]+", envoy_response_code=~"5.."}[1m]))) or vector(0)) / (sum(rate(envoy_cluster_upstream_rq{envoy_cluster_name=~"test_podinfo-canary_[0-9]+"}[1m])))) ) * 100
        0 series: envoy_cluster_upstream_rq_completed{envoy_cluster_name=~"test_podinfo-canary_[0-9]+"}
        0 series: envoy_cluster_upstream_rq{envoy_cluster_name=~"test_podinfo-canary_[0-9]+"}
      request-success-rate, primary: ( (((sum(rate(envoy_cluster_upstream_rq{envoy_cluster_name=~"test_podinfo-primary_[0-9]+", envoy_response_code!~"5.."}[1m]))) or vector(0)) / (sum(rate(envoy_cluster_upstream_rq_completed{envoy_cluster_name=~"test_podinfo-primary_[0-9]+"}[1m]))) and on () ((count(envoy_cluster_upstream_rq{envoy_cluster_name=~"test_podinfo-primary_[0-9]+", envoy_response_code!~"5.."} offset 1m)) > 0) and on () ((count(envoy_cluster_upstream_rq{envoy_cluster_name=~"test_podinfo-primary_[0-9]+", envoy_response_code=~"5.."} unless envoy_cluster_upstream_rq{envoy_cluster_name=~"test_podinfo-primary_[0-9]+", envoy_response_code=~"5.."} offset 1m)) > 0)) or (1 - ((sum(rate(envoy_cluster_upstream_rq{envoy_cluster_name=~"test_podinfo-primary_[0-9]+", envoy_response_code=~"5.."}[1m]))) or vector(0)) / (sum(rate(envoy_cluster_upstream_rq{envoy_cluster_name=~"test_podinfo-primary_[0-9]+"}[1m])))) ) * 100
        12 series: envoy_cluster_upstream_rq_completed{envoy_cluster_name=~"test_podinfo-primary_[0-9]+"}
          {pod="envoy-1"}
          {pod="envoy-2"}
        12 series: envoy_cluster_upstream_rq{envoy_cluster_name=~"test_podinfo-primary_[0-9]+"}
          {pod="envoy-1"}
          {pod="envoy-2"}
      requests, canary: (sum(increase(envoy_cluster_upstream_rq_completed{envoy_cluster_name=~"test_podinfo-canary_[0-9]+"}[1m]))) or (sum(increase(envoy_cluster_upstream_rq{envoy_cluster_name=~"test_podinfo-canary_[0-9]+"}[1m]))) or vector(0)
        0 series: envoy_cluster_upstream_rq_completed{envoy_cluster_name=~"test_podinfo-canary_[0-9]+"}
        0 series: envoy_cluster_upstream_rq{envoy_cluster_name=~"test_podinfo-canary_[0-9]+"}
      requests, primary: (sum(increase(envoy_cluster_upstream_rq_completed{envoy_cluster_name=~"test_podinfo-primary_[0-9]+"}[1m]))) or (sum(increase(envoy_cluster_upstream_rq{envoy_cluster_name=~"test_podinfo-primary_[0-9]+"}[1m]))) or vector(0)
        12 series: envoy_cluster_upstream_rq_completed{envoy_cluster_name=~"test_podinfo-primary_[0-9]+"}
          {pod="envoy-1"}
          {pod="envoy-2"}
        12 series: envoy_cluster_upstream_rq{envoy_cluster_name=~"test_podinfo-primary_[0-9]+"}
          {pod="envoy-1"}
          {pod="envoy-2"}
      series, canary: count(envoy_cluster_upstream_rq{envoy_cluster_name=~"test_podinfo-canary_[0-9]+"})
        0 series: envoy_cluster_upstream_rq{envoy_cluster_name=~"test_podinfo-canary_[0-9]+"}
      series, primary: count(envoy_cluster_upstream_rq{envoy_cluster_name=~"test_podinfo-primary_[0-9]+"})
        12 series: envoy_cluster_upstream_rq{envoy_cluster_name=~"test_podinfo-primary_[0-9]+"}
          {pod="envoy-1"}
          {pod="envoy-2"}
      retry rate, canary: ((sum(rate(envoy_cluster_upstream_rq_retry{envoy_cluster_name=~"test_podinfo-canary_[0-9]+"}[1m]))) or vector(0)) / (sum(rate(envoy_cluster_upstream_rq{envoy_cluster_name=~"test_podinfo-canary_[0-9]+"}[1m]))) * 100
        0 series: envoy_cluster_upstream_rq_retry{envoy_cluster_name=~"test_podinfo-canary_[0-9]+"}
        0 series: envoy_cluster_upstream_rq{envoy_cluster_name=~"test_podinfo-canary_[0-9]+"}
      retry rate, primary: ((sum(rate(envoy_cluster_upstream_rq_retry{envoy_cluster_name=~"test_podinfo-primary_[0-9]+"}[1m]))) or vector(0)) / (sum(rate(envoy_cluster_upstream_rq{envoy_cluster_name=~"test_podinfo-primary_[0-9]+"}[1m]))) * 100
        12 series: envoy_cluster_upstream_rq_retry{envoy_cluster_name=~"test_podinfo-primary_[0-9]+"}
          {pod="envoy-1"}
          {pod="envoy-2"}
        12 series: envoy_cluster_upstream_rq{envoy_cluster_name=~"test_podinfo-primary_[0-9]+"}
          {pod="envoy-1"}
          {pod="envoy-2"}
      ok       gateway: Contour (spec.gitops.gateway.implementation says so); query set contour: Envoy's statistics of the cluster that Contour makes for each Service
      ok       request-success-rate: canary no series, primary 99.9733: the canary has no traffic now

    ok       http://prometheus/: answers; 42 targets
    0 problem, 0 warning, 0 unknown, 3 ok
    "#);
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
    assert_eq!(series["selector"], selector(COMPLETED, "primary"));
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
    let url = world.prometheus.url();
    let (_, port) = url.rsplit_once(':').unwrap();
    insta::assert_snapshot!(ran.stdout.replace(port.trim_end_matches('/'), "PORT"), @r#"
    ### Weirkeeper: what the metrics say

    - <b>ok:</b> http&#58;//127.0.0.1:PORT/: answers; 42 targets

    #### <code>test/podinfo</code>

    Measured by: Contour (spec.gitops.gateway.implementation says so); query set contour: Envoy's statistics of the cluster that Contour makes for each Service

    | Metric | The canary now | The primary now | Bounds | The primary's verdict | Series canary / primary |
    |---|---|---|---|---|---|
    | request-success-rate | no series | 99.9733 | ≥ 99 | pass | 0 / 24 |
    | requests | no series | 99.9733 |  |  | 0 / 24 |
    | series | no series | 12 |  |  | 0 / 12 |
    | retry rate | no series | 99.9733 |  |  | 0 / 24 |

    <details><summary>The queries, and what they match</summary>

    request-success-rate, canary:

    ```promql
    (
      (((sum(rate(envoy_cluster_upstream_rq{envoy_cluster_name=~"test_podinfo-canary_[0-9]+", envoy_response_code!~"5.."}[1m]))) or vector(0)) / (sum(rate(envoy_cluster_upstream_rq_completed{envoy_cluster_name=~"test_podinfo-canary_[0-9]+"}[1m])))
        and on () ((count(envoy_cluster_upstream_rq{envoy_cluster_name=~"test_podinfo-canary_[0-9]+", envoy_response_code!~"5.."} offset 1m)) > 0) and on () ((count(envoy_cluster_upstream_rq{envoy_cluster_name=~"test_podinfo-canary_[0-9]+", envoy_response_code=~"5.."} unless envoy_cluster_upstream_rq{envoy_cluster_name=~"test_podinfo-canary_[0-9]+", envoy_response_code=~"5.."} offset 1m)) > 0))
      or (1 - ((sum(rate(envoy_cluster_upstream_rq{envoy_cluster_name=~"test_podinfo-canary_[0-9]+", envoy_response_code=~"5.."}[1m]))) or vector(0)) / (sum(rate(envoy_cluster_upstream_rq{envoy_cluster_name=~"test_podinfo-canary_[0-9]+"}[1m]))))
    ) * 100
    ```

    - 0 series: <code>envoy&#95;cluster&#95;upstream&#95;rq&#95;completed{envoy&#95;cluster&#95;name=&#126;"test&#95;podinfo-canary&#95;&#91;0-9&#93;+"}</code> <code>{pod="@&#8203;all &#60;b&#62;&#124;&#96;x&#96;&#92;n::error::"}</code>
    - 0 series: <code>envoy&#95;cluster&#95;upstream&#95;rq{envoy&#95;cluster&#95;name=&#126;"test&#95;podinfo-canary&#95;&#91;0-9&#93;+"}</code> <code>{pod="@&#8203;all &#60;b&#62;&#124;&#96;x&#96;&#92;n::error::"}</code>

    request-success-rate, primary:

    ```promql
    (
      (((sum(rate(envoy_cluster_upstream_rq{envoy_cluster_name=~"test_podinfo-primary_[0-9]+", envoy_response_code!~"5.."}[1m]))) or vector(0)) / (sum(rate(envoy_cluster_upstream_rq_completed{envoy_cluster_name=~"test_podinfo-primary_[0-9]+"}[1m])))
        and on () ((count(envoy_cluster_upstream_rq{envoy_cluster_name=~"test_podinfo-primary_[0-9]+", envoy_response_code!~"5.."} offset 1m)) > 0) and on () ((count(envoy_cluster_upstream_rq{envoy_cluster_name=~"test_podinfo-primary_[0-9]+", envoy_response_code=~"5.."} unless envoy_cluster_upstream_rq{envoy_cluster_name=~"test_podinfo-primary_[0-9]+", envoy_response_code=~"5.."} offset 1m)) > 0))
      or (1 - ((sum(rate(envoy_cluster_upstream_rq{envoy_cluster_name=~"test_podinfo-primary_[0-9]+", envoy_response_code=~"5.."}[1m]))) or vector(0)) / (sum(rate(envoy_cluster_upstream_rq{envoy_cluster_name=~"test_podinfo-primary_[0-9]+"}[1m]))))
    ) * 100
    ```

    - 12 series: <code>envoy&#95;cluster&#95;upstream&#95;rq&#95;completed{envoy&#95;cluster&#95;name=&#126;"test&#95;podinfo-primary&#95;&#91;0-9&#93;+"}</code> <code>{pod="@&#8203;all &#60;b&#62;&#124;&#96;x&#96;&#92;n::error::"}</code>
    - 12 series: <code>envoy&#95;cluster&#95;upstream&#95;rq{envoy&#95;cluster&#95;name=&#126;"test&#95;podinfo-primary&#95;&#91;0-9&#93;+"}</code> <code>{pod="@&#8203;all &#60;b&#62;&#124;&#96;x&#96;&#92;n::error::"}</code>

    requests, canary:

    ```promql
    (sum(increase(envoy_cluster_upstream_rq_completed{envoy_cluster_name=~"test_podinfo-canary_[0-9]+"}[1m]))) or (sum(increase(envoy_cluster_upstream_rq{envoy_cluster_name=~"test_podinfo-canary_[0-9]+"}[1m]))) or vector(0)
    ```

    - 0 series: <code>envoy&#95;cluster&#95;upstream&#95;rq&#95;completed{envoy&#95;cluster&#95;name=&#126;"test&#95;podinfo-canary&#95;&#91;0-9&#93;+"}</code> <code>{pod="@&#8203;all &#60;b&#62;&#124;&#96;x&#96;&#92;n::error::"}</code>
    - 0 series: <code>envoy&#95;cluster&#95;upstream&#95;rq{envoy&#95;cluster&#95;name=&#126;"test&#95;podinfo-canary&#95;&#91;0-9&#93;+"}</code> <code>{pod="@&#8203;all &#60;b&#62;&#124;&#96;x&#96;&#92;n::error::"}</code>

    requests, primary:

    ```promql
    (sum(increase(envoy_cluster_upstream_rq_completed{envoy_cluster_name=~"test_podinfo-primary_[0-9]+"}[1m]))) or (sum(increase(envoy_cluster_upstream_rq{envoy_cluster_name=~"test_podinfo-primary_[0-9]+"}[1m]))) or vector(0)
    ```

    - 12 series: <code>envoy&#95;cluster&#95;upstream&#95;rq&#95;completed{envoy&#95;cluster&#95;name=&#126;"test&#95;podinfo-primary&#95;&#91;0-9&#93;+"}</code> <code>{pod="@&#8203;all &#60;b&#62;&#124;&#96;x&#96;&#92;n::error::"}</code>
    - 12 series: <code>envoy&#95;cluster&#95;upstream&#95;rq{envoy&#95;cluster&#95;name=&#126;"test&#95;podinfo-primary&#95;&#91;0-9&#93;+"}</code> <code>{pod="@&#8203;all &#60;b&#62;&#124;&#96;x&#96;&#92;n::error::"}</code>

    series, canary:

    ```promql
    count(envoy_cluster_upstream_rq{envoy_cluster_name=~"test_podinfo-canary_[0-9]+"})
    ```

    - 0 series: <code>envoy&#95;cluster&#95;upstream&#95;rq{envoy&#95;cluster&#95;name=&#126;"test&#95;podinfo-canary&#95;&#91;0-9&#93;+"}</code> <code>{pod="@&#8203;all &#60;b&#62;&#124;&#96;x&#96;&#92;n::error::"}</code>

    series, primary:

    ```promql
    count(envoy_cluster_upstream_rq{envoy_cluster_name=~"test_podinfo-primary_[0-9]+"})
    ```

    - 12 series: <code>envoy&#95;cluster&#95;upstream&#95;rq{envoy&#95;cluster&#95;name=&#126;"test&#95;podinfo-primary&#95;&#91;0-9&#93;+"}</code> <code>{pod="@&#8203;all &#60;b&#62;&#124;&#96;x&#96;&#92;n::error::"}</code>

    retry rate, canary:

    ```promql
    ((sum(rate(envoy_cluster_upstream_rq_retry{envoy_cluster_name=~"test_podinfo-canary_[0-9]+"}[1m]))) or vector(0)) / (sum(rate(envoy_cluster_upstream_rq{envoy_cluster_name=~"test_podinfo-canary_[0-9]+"}[1m]))) * 100
    ```

    - 0 series: <code>envoy&#95;cluster&#95;upstream&#95;rq&#95;retry{envoy&#95;cluster&#95;name=&#126;"test&#95;podinfo-canary&#95;&#91;0-9&#93;+"}</code> <code>{pod="@&#8203;all &#60;b&#62;&#124;&#96;x&#96;&#92;n::error::"}</code>
    - 0 series: <code>envoy&#95;cluster&#95;upstream&#95;rq{envoy&#95;cluster&#95;name=&#126;"test&#95;podinfo-canary&#95;&#91;0-9&#93;+"}</code> <code>{pod="@&#8203;all &#60;b&#62;&#124;&#96;x&#96;&#92;n::error::"}</code>

    retry rate, primary:

    ```promql
    ((sum(rate(envoy_cluster_upstream_rq_retry{envoy_cluster_name=~"test_podinfo-primary_[0-9]+"}[1m]))) or vector(0)) / (sum(rate(envoy_cluster_upstream_rq{envoy_cluster_name=~"test_podinfo-primary_[0-9]+"}[1m]))) * 100
    ```

    - 12 series: <code>envoy&#95;cluster&#95;upstream&#95;rq&#95;retry{envoy&#95;cluster&#95;name=&#126;"test&#95;podinfo-primary&#95;&#91;0-9&#93;+"}</code> <code>{pod="@&#8203;all &#60;b&#62;&#124;&#96;x&#96;&#92;n::error::"}</code>
    - 12 series: <code>envoy&#95;cluster&#95;upstream&#95;rq{envoy&#95;cluster&#95;name=&#126;"test&#95;podinfo-primary&#95;&#91;0-9&#93;+"}</code> <code>{pod="@&#8203;all &#60;b&#62;&#124;&#96;x&#96;&#92;n::error::"}</code>

    </details>
    "#);
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
    // Not one series of this name, then series of others, then one of another label.
    insta::assert_snapshot!(told(&world), @r#"
    problem request-success-rate: canary no series, primary no series: the metrics are not wired, no series envoy_cluster_upstream_rq_completed{envoy_cluster_name=~"test_podinfo-primary_[0-9]+"}
    - there is no series envoy_cluster_upstream_rq_completed at all
    - switched on for Contour? The statistics are those of Envoy: let Prometheus read path `/stats/prometheus` of its pods on port 8002. Contour's own pods know nothing of the requests. If you take the PodMonitor among Contour's examples, add the label by which your Prometheus finds such objects.
    "#);
    world
        .prometheus
        .set(&format!("count({COMPLETED})"), Says::Value(40.0));
    insta::assert_snapshot!(told(&world), @r#"
    problem request-success-rate: canary no series, primary no series: the metrics are not wired, no series envoy_cluster_upstream_rq_completed{envoy_cluster_name=~"test_podinfo-primary_[0-9]+"}
    - of 40 series envoy_cluster_upstream_rq_completed none has envoy_cluster_name=~"test_podinfo-primary_[0-9]+"
    - switched on for Contour? The statistics are those of Envoy: let Prometheus read path `/stats/prometheus` of its pods on port 8002. Contour's own pods know nothing of the requests. If you take the PodMonitor among Contour's examples, add the label by which your Prometheus finds such objects.
    "#);
    world
        .prometheus
        .set("{exported_envoy_cluster_name=", Says::Value(12.0));
    insta::assert_snapshot!(told(&world), @r#"
    problem request-success-rate: canary no series, primary no series: the metrics are not wired, no series envoy_cluster_upstream_rq_completed{envoy_cluster_name=~"test_podinfo-primary_[0-9]+"}
    - the scrape renames the label envoy_cluster_name to exported_envoy_cluster_name: 12 series have exported_envoy_cluster_name=~"test_podinfo-primary_[0-9]+"; set `honorLabels: true` for this target, or override the query set
    - switched on for Contour? The statistics are those of Envoy: let Prometheus read path `/stats/prometheus` of its pods on port 8002. Contour's own pods know nothing of the requests. If you take the PodMonitor among Contour's examples, add the label by which your Prometheus finds such objects.
    "#);
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
    insta::assert_snapshot!(told(&world), @"
    warning request-success-rate: the primary itself is beyond the bounds now: 3 (min 99)
    - a release that is as good as the primary would be rolled back: is the primary well, and are the bounds what it can keep?
    ");
}

#[test]
fn canary_and_primary_have_the_same_series() {
    let world = contour("");
    world.prometheus.set("podinfo-canary_", Says::Value(99.0));
    world.prometheus.set(") and (", Says::Value(4.0));
    insta::assert_snapshot!(told(&world), @r#"
    problem request-success-rate: canary and primary have 4 series in common: not separable
    - envoy_cluster_upstream_rq_completed{envoy_cluster_name=~"test_podinfo-canary_[0-9]+"} and envoy_cluster_upstream_rq_completed{envoy_cluster_name=~"test_podinfo-primary_[0-9]+"} match the same
    - choose another query set, or correct the query
    "#);
}

#[test]
fn answers_that_are_no_number_or_none() {
    let world = contour("");
    let codes = vec!["200".to_owned(), "500".to_owned()];
    world
        .prometheus
        .set("podinfo-primary_", Says::Series("code", codes));
    insta::assert_snapshot!(told(&world), @r#"
    problem request-success-rate: primary: 2 series: {code="200"}, {code="500"}
    - one number is judged: aggregate, with sum(…) or without a `by`
    "#);
    world
        .prometheus
        .set("podinfo-primary_", Says::Refusal("parse error"));
    let told = told(&world).replace(&world.prometheus.url(), "http://prometheus");
    insta::assert_snapshot!(told, @r#"
    problem request-success-rate: cannot measure request-success-rate: Prometheus at http://prometheus/ does not answer the query: bad_data: parse error
    - the query: ( (((sum(rate(envoy_cluster_upstream_rq{envoy_cluster_name=~"test_podinfo-primary_[0-9]+", envoy_response_code!~"5.."}[1m]))) or vector(0)) / (sum(rate(envoy_cluster_upstream_rq_completed{envoy_cluster_name=~"test_podinfo-primary_[0-9]+"}[1m]))) and on () ((count(envoy_cluster_upstream_rq{envoy_cluster_name=~"test_podinfo-primary_[0-9]+", envoy_response_code!~"5.."} offset 1m)) > 0) and on () ((co…
    "#);
}

#[test]
fn maxima_that_the_buckets_cannot_tell() {
    for (max, warned) in [
        (500, ""),
        (600, ""),
        (300, "inside"),
        (50, "first"),
        (2000, "above"),
        (1000, "highest"),
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
            "inside" => insta::assert_snapshot!(told, @"
            warning request-duration: the maximum 300 is inside of the bucket from 100 to 500 ms: the value is a guess in between
            - set the maximum to 500 or 100, or configure buckets around it
            "),
            "first" => insta::assert_snapshot!(told, @"
            warning request-duration: the maximum 50 is inside of the bucket from 0 to 100 ms: the value is a guess in between
            - set the maximum to 100, or configure buckets around it
            warning request-duration: the primary itself is beyond the bounds now: 99.9733 (max 50)
            - a release that is as good as the primary would be rolled back: is the primary well, and are the bounds what it can keep?
            "),
            "highest" => insta::assert_snapshot!(told, @"
            warning request-duration: the maximum 1000 can never be exceeded: the highest bucket ends at 1000 ms, and what is slower counts as 1000 ms
            - configure a higher bucket, or set a lower maximum
            "),
            _ => insta::assert_snapshot!(told, @"
            warning request-duration: the maximum 2000 can never be exceeded: the highest bucket ends at 1000 ms, and what is slower counts as 1000 ms
            - configure a higher bucket, or set a lower maximum
            "),
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
    insta::assert_snapshot!(told(&world), @r#"
    warning errors: canary no series, primary no series: the metrics are not wired, no series errors{app="podinfo-primary"}
    - there is no series errors at all
    - is it scraped, and does the query name it as it is? Some counters are there only after the first event
    warning all: 1, whichever workload serves it
    - the query does not name the canary: use {{ target }}, which is the canary's name
    "#);
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
