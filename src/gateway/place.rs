//! Where the canary and the primary stand: what queries name.

use serde::Serialize;

/// One of the two backends of a Canary.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum Backend {
    /// The new version.
    Canary,
    /// What serves stable traffic.
    Primary,
}

impl Backend {
    /// `canary` or `primary`.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Canary => "canary",
            Self::Primary => "primary",
        }
    }
}

/// Where both backends of a Canary stand in its routes.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Place {
    /// Namespace of the route and its backends; empty when nobody knows.
    pub namespace: String,
    /// Kind of the routes: `HTTPRoute`.
    pub kind: String,
    /// The new version.
    pub canary: Side,
    /// What serves stable traffic.
    pub primary: Side,
    /// The Gateways that the routes attach to, by name.
    pub gateways: Vec<String>,
    /// Are requests copied to the canary now?
    pub mirrored: bool,
}

/// One backend.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Side {
    /// Name of the workload, as it is in the cluster.
    pub workload: String,
    /// Name of its Service, as `backendRefs[].name` says it.
    pub service: String,
    /// Its backendRefs.
    pub sites: Vec<Site>,
}

/// A backendRef.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Site {
    /// Name of the route.
    pub route: String,
    /// Position of the rule in `spec.rules`.
    pub rule: usize,
    /// Position in `backendRefs` of the rule.
    pub backend: usize,
    /// Its weight; 1 when absent.
    pub weight: i64,
    /// Does every backendRef of the rule carry a filter?
    pub filtered: bool,
}

impl Place {
    /// One of the two.
    #[must_use]
    pub fn side(&self, backend: Backend) -> &Side {
        match backend {
            Backend::Canary => &self.canary,
            Backend::Primary => &self.primary,
        }
    }

    /// Is it a route for gRPC?
    #[must_use]
    pub fn is_grpc(&self) -> bool {
        self.kind == "GRPCRoute"
    }
}
