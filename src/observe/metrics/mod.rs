//! Metrics: who is asked.

pub mod cloud;
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
#[cfg(test)]
mod testing;

pub use datadog::Datadog;
pub use dynatrace::Dynatrace;
pub use graphite::Graphite;
pub use influxdb::InfluxDb;
pub use newrelic::NewRelic;
pub use prometheus::{Prometheus, PrometheusConfig};
pub use provider::{Answered, Provider};
pub use remote::{Access, Keys};
pub use splunk::Splunk;

/// Intervals of a metric that some providers are asked about, as Flagger does: their
/// points come late.
const LOOK_BACK: i32 = 10;
