//! How a Prometheus is told who asks, when its address does not say.

use clap::ValueEnum;

/// Who checks the requests to Prometheus.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum PrometheusAuth {
    /// Amazon: requests are signed (SigV4, service `aps`).
    Sigv4,
    /// Google: requests carry a token (OAuth 2).
    Google,
}
