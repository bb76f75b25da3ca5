//! Metrics: who is asked, and with which query.

pub mod cloud;
mod cloudwatch;
mod datadog;
mod dynatrace;
mod graphite;
mod influxdb;
mod newrelic;
mod points;
pub mod prometheus;
mod provider;
pub mod remote;
mod splunk;
mod stackdriver;
#[cfg(test)]
mod testing;

use crate::api::Metric;
use crate::template::{QueryVars, TemplateError, render_query};

pub use cloudwatch::CloudWatch;
pub use datadog::Datadog;
pub use dynatrace::Dynatrace;
pub use graphite::Graphite;
pub use influxdb::InfluxDb;
pub use newrelic::NewRelic;
pub use prometheus::{Prometheus, PrometheusConfig};
pub use provider::{Answered, Provider};
pub use remote::{Access, Keys};
pub use splunk::Splunk;
pub use stackdriver::Stackdriver;

/// Intervals of a metric that some providers are asked about, as Flagger does: their
/// points come late.
const LOOK_BACK: i32 = 10;

/// Percentage of requests that did not fail, by the application's own metrics.
const HTTP_SUCCESS_RATE: &str =
    include_str!("../../../templates/queries/http/request-success-rate.promql");

/// 99th percentile of the duration in milliseconds, by the application's own metrics.
const HTTP_DURATION: &str = include_str!("../../../templates/queries/http/request-duration.promql");

/// Requests of the window, by the application's own metrics.
const HTTP_REQUESTS: &str = include_str!("../../../templates/queries/http/requests.promql");

/// The query template of a built-in check over metrics of the application
/// itself: `http_request_duration_seconds` with labels `kubernetes_namespace`,
/// `kubernetes_pod_name` and `status` (Flagger: `observers/http.go`, chosen for
/// the providers `gatewayapi` and `kubernetes`).
///
/// `request-success-rate` is in percent, and 0 when every request failed, where
/// Flagger's query finds nothing; both are a failed check. `request-duration` is
/// in milliseconds, not cut to whole ones. `None` for any other name.
#[must_use]
pub fn http_template(name: &str) -> Option<&'static str> {
    match name {
        Metric::SUCCESS_RATE => Some(HTTP_SUCCESS_RATE),
        Metric::DURATION => Some(HTTP_DURATION),
        _custom => None,
    }
}

/// [`http_template`] rendered with `vars`, their values escaped for PromQL.
///
/// # Errors
/// When a value makes the query longer than a query may be.
pub fn http_query(name: &str, vars: &QueryVars) -> Option<Result<String, TemplateError>> {
    let template = http_template(name)?;
    Some(render_query(template, &vars.promql_escaped()))
}

/// Counts the requests to the target in the window, of the same series as the
/// built-in checks, see [`http_template`].
///
/// # Errors
/// As [`http_query`].
pub fn http_requests(vars: &QueryVars) -> Result<String, TemplateError> {
    render_query(HTTP_REQUESTS, &vars.promql_escaped())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn builtin_queries_name_the_target() {
        let vars = QueryVars {
            namespace: "test".into(),
            target: "podinfo".into(),
            interval: "1m".into(),
            ..QueryVars::default()
        };
        for name in [Metric::SUCCESS_RATE, Metric::DURATION] {
            let query = http_query(name, &vars).unwrap().unwrap();
            assert!(query.contains(r#"kubernetes_namespace="test""#), "{query}");
            assert!(query.contains(r#"=~"podinfo-[0-9a-zA-Z]+(-"#), "{query}");
            assert!(query.contains("[1m]"), "{query}");
        }
        let count = http_requests(&vars).unwrap();
        assert!(
            count.starts_with("sum(") && count.contains("[1m]"),
            "{count}"
        );
        assert!(http_template("latency").is_none());
    }
}
