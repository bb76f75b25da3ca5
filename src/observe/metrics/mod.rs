//! Metrics: who is asked.

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
/// points come late. A point that is old by then is no data all the same.
const LOOK_BACK: i32 = 10;

/// Queries longer than this many bytes are sent as a form instead of in the URL, where
/// the server takes both.
const MAX_GET: usize = 2000;
