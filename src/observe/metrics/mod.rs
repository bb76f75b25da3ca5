//! Metrics: who is asked.

pub mod prometheus;

pub use prometheus::{Prometheus, PrometheusConfig};
