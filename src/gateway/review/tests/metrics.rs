//! What speaks against the built-in metrics.

use super::*;

#[test]
fn grpc_has_a_success_rate_only_where_statuses_are_known() {
    let plain = weighted("");
    let grpc = |name: &str, canary: &Canary| known(name, canary, None, place("GRPCRoute", false));
    for name in ["istio", "traefik"] {
        assert_eq!(told(&grpc(name, &plain), &plain), [""; 0], "{name}");
    }
    let told = only(
        &grpc("contour", &plain),
        &plain,
        "error spec.analysis.metrics[0].name: cannot be measured: the query set contour knows no statuses of gRPC",
    );
    assert!(told.contains("MetricTemplate"), "{told}");
    let filtered = known("envoy-gateway", &plain, None, place("GRPCRoute", true));
    let told = only(&filtered, &plain, "error spec.analysis.metrics[0].name");
    assert!(told.contains("querySet: envoy-gateway-endpoint"), "{told}");
    let denied = assuming("grpcStatus: false");
    only(
        &grpc("istio", &denied),
        &denied,
        "error spec.analysis.metrics[0].name",
    );
    let named = weighted("gitops: {gateway: {querySet: application}}");
    let refused = review(&grpc("consul", &named), &named, false);
    let path = "spec.analysis.stepWeight";
    assert!(
        refused
            .iter()
            .any(|one| one.is_error() && one.path.to_string() == path)
    );
}

#[test]
fn copies_have_to_be_seen() {
    let mirrored = canary(&format!("stepWeight: 10, mirror: true, {METRICS}"), "");
    let told = only(
        &http("istio", &mirrored),
        &mirrored,
        "error spec.analysis.metrics[0].name: does not see copies of requests: the query set istio",
    );
    assert!(
        told.contains("istio-destination or istio-waypoint"),
        "{told}"
    );
    let named = canary(
        &format!("stepWeight: 10, mirror: true, {METRICS}"),
        "gitops: {gateway: {querySet: istio-destination}}",
    );
    assert_eq!(told_of("istio", &named), [""; 0]);
}

#[test]
fn what_a_set_cannot_measure_is_told_with_another_metric() {
    let asked = |name: &str| {
        canary(
            &format!(
                "stepWeight: 10, metrics: [{{name: {name}, interval: 5m, thresholdRange: {{max: 50}}}}]"
            ),
            "",
        )
    };
    let percentile = asked("request-duration");
    let told = only(
        &http(
            "haproxy-unified-gateway",
            &asked("request-duration-average"),
        ),
        &asked("request-duration-average"),
        "warning spec.service",
    );
    assert!(told.contains("weight 0"), "{told}");
    let told = told_of("haproxy-unified-gateway", &percentile);
    let error = told.iter().find(|one| one.starts_with("error")).unwrap();
    assert!(
        error.contains("has no percentiles, only an average"),
        "{error}"
    );
    assert!(error.contains(Metric::AVERAGE_DURATION), "{error}");
    let told = told_of("traefik", &asked("request-retry-rate"));
    assert!(
        told[0].contains("does not count requests that were sent again"),
        "{told:?}"
    );
    assert_eq!(told_of("contour", &asked("request-retry-rate")), [""; 0]);
}

#[test]
fn late_metrics_need_a_long_window() {
    let asked = |interval: &str| {
        canary(
            &format!(
                "stepWeight: 10, metrics: [{{name: request-success-rate, {interval} thresholdRange: {{min: 99}}}}]"
            ),
            "",
        )
    };
    let class = Some("gke-l7-regional-external-managed");
    let at = |canary: &Canary| {
        let gateway = known("gke", canary, class, place("HTTPRoute", false));
        assert_eq!(set_of(&gateway), Some("gke-regional"));
        told(&gateway, canary)
    };
    assert_eq!(at(&asked("interval: 5m,")), [""; 0]);
    let told = at(&asked("interval: 4m59s,"));
    assert!(
        told[0].starts_with("error spec.analysis.metrics[0].interval: is less than the 5m"),
        "{told:?}"
    );
    assert!(at(&asked(""))[0].starts_with("error spec.analysis.metrics[0]: "));
    // Nobody knows the class.
    let plain = weighted("");
    let told = only(
        &http("gke", &plain),
        &plain,
        "error spec.analysis.metrics[0].name",
    );
    assert!(
        told.contains("gke-global, gke-regional, gke-internal"),
        "{told}"
    );
    let classic = known(
        "gke",
        &plain,
        Some("gke-l7-gxlb"),
        place("HTTPRoute", false),
    );
    assert_eq!(set_of(&classic), None);
    let weights = classic.answer(Capability::Weights).is;
    assert_eq!(weights, Support::Unknown);
}

#[test]
fn bounds_that_buckets_cannot_tell_are_warned_about() {
    let bound = |max: &str| {
        canary(
            &format!("stepWeight: 10, metrics: [{{name: request-duration, interval: 5m, {max}}}]"),
            "",
        )
    };
    let told = told_of("traefik", &bound("thresholdRange: {max: 500}"));
    assert!(
        told[0]
            .starts_with("warning spec.analysis.metrics[0].thresholdRange.max: is judged by guess"),
        "{told:?}"
    );
    let told = told_of("traefik", &bound("threshold: 6000"));
    assert!(
        told[0].starts_with("warning spec.analysis.metrics[0].threshold: can never fail"),
        "{told:?}"
    );
    assert_eq!(
        told_of("contour", &bound("thresholdRange: {max: 500}")),
        [""; 0]
    );
}
