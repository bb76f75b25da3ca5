//! What an Envoy is told when it starts: listener, routes, clusters.

use std::net::SocketAddr;
use std::path::Path;

use serde_json::{Value as Json, json};

const MANAGER: &str = "type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager";
const ROUTER: &str = "type.googleapis.com/envoy.extensions.filters.http.router.v3.Router";
const ROUTES: &str = "type.googleapis.com/envoy.config.route.v3.RouteConfiguration";

/// The name of the one route configuration.
pub(crate) const CONFIGURATION: &str = "routes";

/// A group of endpoints, with a name in the statistics.
#[derive(Debug, Clone)]
pub(crate) struct Cluster {
    name: String,
    alternative: Option<String>,
    /// Each in a locality of its own, with the weight of that one.
    endpoints: Vec<(u32, SocketAddr)>,
}

impl Cluster {
    /// All traffic goes to one address.
    pub(crate) fn new(name: &str, endpoint: SocketAddr) -> Self {
        Self {
            name: name.to_owned(),
            alternative: None,
            endpoints: vec![(1, endpoint)],
        }
    }

    /// Nothing is behind it.
    pub(crate) fn empty(name: &str) -> Self {
        Self {
            name: name.to_owned(),
            alternative: None,
            endpoints: Vec::new(),
        }
    }

    /// Endpoints in localities, chosen by weight, with statistics of each.
    pub(crate) fn localities(name: &str, endpoints: &[(u32, SocketAddr)]) -> Self {
        Self {
            name: name.to_owned(),
            alternative: None,
            endpoints: endpoints.to_vec(),
        }
    }

    /// Statistics go by this name instead (`alt_stat_name`).
    pub(crate) fn known_as(mut self, name: &str) -> Self {
        self.alternative = Some(name.to_owned());
        self
    }

    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    fn json(&self) -> Json {
        let endpoints = self.endpoints.iter().enumerate();
        let endpoints = endpoints.map(|(index, (weight, address))| {
            json!({
                "locality": {"region": index.to_string()},
                "load_balancing_weight": weight,
                "lb_endpoints": [{"endpoint": {"address": socket(address)}}],
            })
        });
        let mut cluster = json!({
            "name": self.name,
            "type": "STATIC",
            "connect_timeout": "1s",
            // Of each cluster at the same time; else only three, and others fail.
            "circuit_breakers": {"thresholds": [{"max_retries": 100}]},
            "load_assignment": {
                "cluster_name": self.name,
                "endpoints": endpoints.collect::<Vec<_>>(),
            },
        });
        if let Some(name) = &self.alternative {
            cluster["alt_stat_name"] = json!(name);
        }
        if self.endpoints.len() > 1 {
            cluster["lb_policy"] = json!("LEAST_REQUEST");
            cluster["common_lb_config"] = json!({"locality_weighted_lb_config": {}});
            cluster["track_cluster_stats"] = json!({"per_endpoint_stats": true});
        }
        cluster
    }
}

/// Where requests to one host go.
#[derive(Debug, Clone)]
pub(crate) struct Route {
    host: String,
    clusters: Vec<(String, i64)>,
    mirror: Option<String>,
    retries: bool,
}

impl Route {
    /// Shares of `clusters`, by weight.
    pub(crate) fn weighted(host: &str, clusters: &[(&Cluster, i64)]) -> Self {
        let clusters = clusters.iter();
        let clusters = clusters.map(|(cluster, weight)| (cluster.name(), *weight));
        Self::named(host, &clusters.collect::<Vec<_>>())
    }

    /// The same, with clusters by name.
    pub(crate) fn named(host: &str, clusters: &[(&str, i64)]) -> Self {
        let clusters = clusters.iter();
        Self {
            host: host.to_owned(),
            clusters: clusters
                .map(|(name, weight)| ((*name).to_owned(), *weight))
                .collect(),
            mirror: None,
            retries: false,
        }
    }

    /// Everything goes to `cluster`.
    pub(crate) fn to(host: &str, cluster: &Cluster) -> Self {
        Self::weighted(host, &[(cluster, 1)])
    }

    /// A copy of every request goes to `cluster`.
    pub(crate) fn mirrored(mut self, cluster: &Cluster) -> Self {
        self.mirror = Some(cluster.name.clone());
        self
    }

    /// What fails is tried once more.
    pub(crate) fn retried(mut self) -> Self {
        self.retries = true;
        self
    }

    fn json(&self) -> Json {
        let clusters = self.clusters.iter();
        let clusters = clusters.map(|(name, weight)| json!({"name": name, "weight": weight}));
        let mut action = json!({
            "weighted_clusters": {"clusters": clusters.collect::<Vec<_>>()},
        });
        if let Some(cluster) = &self.mirror {
            action["request_mirror_policies"] = json!([{"cluster": cluster}]);
        }
        if self.retries {
            action["retry_policy"] = json!({
                "retry_on": "5xx",
                "num_retries": 1,
                "retry_back_off": {"base_interval": "0.001s"},
            });
        }
        json!({
            "name": self.host,
            "domains": [self.host],
            "include_request_attempt_count": true,
            "routes": [{"match": {"prefix": "/"}, "route": action}],
        })
    }
}

/// The routes, as a file that Envoy watches.
pub(crate) fn routes(routes: &[Route]) -> Json {
    let hosts = routes.iter().map(Route::json);
    json!({
        "resources": [{
            "@type": ROUTES,
            "name": CONFIGURATION,
            "virtual_hosts": hosts.collect::<Vec<_>>(),
        }],
    })
}

/// Everything else. Addresses are chosen by the system; routes are in a file.
pub(crate) fn bootstrap(clusters: &[Cluster], routes: &Path) -> Json {
    let any = json!({"socket_address": {"address": "127.0.0.1", "port_value": 0}});
    let manager = json!({
        "@type": MANAGER,
        "stat_prefix": "web",
        "http_filters": [
            {"name": "envoy.filters.http.router", "typed_config": {"@type": ROUTER}},
        ],
        "rds": {
            "route_config_name": CONFIGURATION,
            "config_source": {"path_config_source": {"path": routes}},
        },
    });
    json!({
        "node": {"id": "test", "cluster": "test"},
        "admin": {"address": any},
        // Histograms are put together at each flush.
        "stats_flush_interval": "0.5s",
        "static_resources": {
            "listeners": [{
                "name": "web",
                "address": any,
                "filter_chains": [{
                    "filters": [{"name": "web", "typed_config": manager}],
                }],
            }],
            "clusters": clusters.iter().map(Cluster::json).collect::<Vec<_>>(),
        },
    })
}

fn socket(address: &SocketAddr) -> Json {
    json!({"socket_address": {"address": address.ip(), "port_value": address.port()}})
}
