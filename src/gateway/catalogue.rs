//! All implementations and query sets that are known.

use std::collections::BTreeMap;
use std::sync::{Arc, OnceLock};

use serde::de::DeserializeOwned;

use super::{Implementation, QuerySet};

/// The files of `templates/gateways`, by name.
pub(super) const GATEWAYS: &[(&str, &str)] = &[
    (
        "agentgateway",
        include_str!("../../templates/gateways/agentgateway.yaml"),
    ),
    (
        "airlock",
        include_str!("../../templates/gateways/airlock.yaml"),
    ),
    (
        "apisix",
        include_str!("../../templates/gateways/apisix.yaml"),
    ),
    (
        "azure-agc",
        include_str!("../../templates/gateways/azure-agc.yaml"),
    ),
    (
        "cilium",
        include_str!("../../templates/gateways/cilium.yaml"),
    ),
    (
        "consul",
        include_str!("../../templates/gateways/consul.yaml"),
    ),
    (
        "contour",
        include_str!("../../templates/gateways/contour.yaml"),
    ),
    (
        "emissary",
        include_str!("../../templates/gateways/emissary.yaml"),
    ),
    (
        "envoy-gateway",
        include_str!("../../templates/gateways/envoy-gateway.yaml"),
    ),
    ("gke", include_str!("../../templates/gateways/gke.yaml")),
    ("gloo", include_str!("../../templates/gateways/gloo.yaml")),
    (
        "haproxy-ingress",
        include_str!("../../templates/gateways/haproxy-ingress.yaml"),
    ),
    (
        "haproxy-kubernetes-ingress",
        include_str!("../../templates/gateways/haproxy-kubernetes-ingress.yaml"),
    ),
    (
        "haproxy-unified-gateway",
        include_str!("../../templates/gateways/haproxy-unified-gateway.yaml"),
    ),
    ("istio", include_str!("../../templates/gateways/istio.yaml")),
    (
        "kgateway",
        include_str!("../../templates/gateways/kgateway.yaml"),
    ),
    (
        "knative",
        include_str!("../../templates/gateways/knative.yaml"),
    ),
    ("kong", include_str!("../../templates/gateways/kong.yaml")),
    ("kuma", include_str!("../../templates/gateways/kuma.yaml")),
    (
        "linkerd",
        include_str!("../../templates/gateways/linkerd.yaml"),
    ),
    (
        "nginx-gateway-fabric",
        include_str!("../../templates/gateways/nginx-gateway-fabric.yaml"),
    ),
    (
        "traefik",
        include_str!("../../templates/gateways/traefik.yaml"),
    ),
    (
        "vpc-lattice",
        include_str!("../../templates/gateways/vpc-lattice.yaml"),
    ),
];

/// The files of `templates/queries`, by name.
pub(super) const QUERIES: &[(&str, &str)] = &[
    (
        "agentgateway",
        include_str!("../../templates/queries/agentgateway.yaml"),
    ),
    (
        "airlock",
        include_str!("../../templates/queries/airlock.yaml"),
    ),
    (
        "apisix",
        include_str!("../../templates/queries/apisix.yaml"),
    ),
    (
        "cilium",
        include_str!("../../templates/queries/cilium.yaml"),
    ),
    (
        "consul",
        include_str!("../../templates/queries/consul.yaml"),
    ),
    (
        "contour",
        include_str!("../../templates/queries/contour.yaml"),
    ),
    (
        "envoy-gateway",
        include_str!("../../templates/queries/envoy-gateway.yaml"),
    ),
    ("gke", include_str!("../../templates/queries/gke.yaml")),
    (
        "haproxy",
        include_str!("../../templates/queries/haproxy.yaml"),
    ),
    ("http", include_str!("../../templates/queries/http.yaml")),
    ("istio", include_str!("../../templates/queries/istio.yaml")),
    (
        "kgateway",
        include_str!("../../templates/queries/kgateway.yaml"),
    ),
    ("kong", include_str!("../../templates/queries/kong.yaml")),
    ("kuma", include_str!("../../templates/queries/kuma.yaml")),
    (
        "linkerd",
        include_str!("../../templates/queries/linkerd.yaml"),
    ),
    (
        "nginx-plus",
        include_str!("../../templates/queries/nginx-plus.yaml"),
    ),
    (
        "traefik",
        include_str!("../../templates/queries/traefik.yaml"),
    ),
    (
        "workload",
        include_str!("../../templates/queries/workload.yaml"),
    ),
];

/// Implementations and query sets by name.
#[derive(Debug, Clone, Default)]
pub struct Catalogue {
    pub(super) implementations: BTreeMap<String, Arc<Implementation>>,
    pub(super) sets: BTreeMap<String, Arc<QuerySet>>,
}

impl Catalogue {
    /// What Weirkeeper brings along.
    #[must_use]
    pub fn builtin() -> &'static Arc<Self> {
        static BUILTIN: OnceLock<Arc<Catalogue>> = OnceLock::new();
        BUILTIN.get_or_init(|| {
            let implementations = GATEWAYS.iter().filter_map(|(name, text)| {
                let found: Implementation = parsed(text)?;
                Some((
                    (*name).to_owned(),
                    Arc::new(Implementation {
                        name: (*name).to_owned(),
                        ..found
                    }),
                ))
            });
            let sets = QUERIES.iter().filter_map(|(_, text)| parsed(text));
            let sets = sets.flat_map(|sets: BTreeMap<String, QuerySet>| {
                sets.into_iter().map(|(name, set)| {
                    let set = QuerySet { name, ..set };
                    (set.name.clone(), Arc::new(set))
                })
            });
            Arc::new(Self {
                implementations: implementations.collect(),
                sets: sets.collect(),
            })
        })
    }

    /// An implementation by name.
    #[must_use]
    pub fn implementation(&self, name: &str) -> Option<Arc<Implementation>> {
        self.implementations.get(name).cloned()
    }

    /// The implementation with this controller.
    #[must_use]
    pub fn by_controller(&self, controller: &str) -> Option<Arc<Implementation>> {
        let mut all = self.implementations.values();
        all.find(|one| one.has_controller(controller)).cloned()
    }

    /// The implementation that itself defines this GatewayClass.
    #[must_use]
    pub fn by_class(&self, class: &str) -> Option<Arc<Implementation>> {
        let mut all = self.implementations.values();
        all.find(|one| one.classes.iter().any(|known| known == class))
            .cloned()
    }

    /// A query set by name.
    #[must_use]
    pub fn set(&self, name: &str) -> Option<Arc<QuerySet>> {
        self.sets.get(name).cloned()
    }

    /// All implementations, by name.
    pub fn implementations(&self) -> impl Iterator<Item = &Implementation> {
        self.implementations.values().map(AsRef::as_ref)
    }

    /// All query sets, by name.
    pub fn sets(&self) -> impl Iterator<Item = &QuerySet> {
        self.sets.values().map(AsRef::as_ref)
    }
}

/// A file of our own; a test reads them all.
fn parsed<T: DeserializeOwned>(text: &str) -> Option<T> {
    serde_yaml::from_str(text).ok()
}
