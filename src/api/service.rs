//! `spec.service`: the three Services and the generated route.

use std::collections::BTreeMap;
use std::fmt;

use serde::de::{self, Deserializer, Visitor};
use serde::{Deserialize, Serialize};

use super::HttpMatch;

/// How the application is reached.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Service {
    /// Apex name. Defaults to the target's name; must not change later.
    pub name: Option<String>,
    /// Service port, also the port of every generated backendRef. Required.
    pub port: Option<i64>,
    /// Name of the port. Defaults to [`Service::PORT_NAME`].
    pub port_name: Option<String>,
    /// Port of the container, number or name. Defaults to `port`; 0 counts as unset.
    pub target_port: Option<Port>,
    /// Application protocol of the port.
    pub app_protocol: Option<String>,
    /// `PreferClose`, `PreferSameZone` or `PreferSameNode`.
    pub traffic_distribution: Option<String>,
    /// Add the other container ports. Defaults to false.
    pub port_discovery: Option<bool>,
    /// Headless Services. Defaults to false.
    pub headless: Option<bool>,
    /// Limit of the whole request, as a Gateway API duration.
    pub timeout: Option<String>,
    /// Limit of one attempt at a backend, as a Gateway API duration.
    pub backend_timeout: Option<String>,
    /// Parents of the route.
    pub gateway_refs: Option<Vec<GatewayRef>>,
    /// Host names of the route.
    pub hosts: Option<Vec<String>>,
    /// Requests the route takes. Defaults to every path.
    #[serde(rename = "match")]
    pub matches: Option<Vec<HttpMatch>>,
    /// Rewrite of path or host.
    pub rewrite: Option<Rewrite>,
    /// Header changes.
    pub headers: Option<Headers>,
    /// Static mirrors, unrelated to `analysis.mirror`.
    pub mirror: Option<Vec<MirrorRef>>,
    /// Cross-origin policy.
    pub cors_policy: Option<CorsPolicy>,
    /// Retries; only in the experimental channel of the Gateway API.
    pub retries: Option<Retries>,
    /// Metadata of apex Service and route.
    pub apex: Option<CustomMetadata>,
    /// Metadata of the primary Service.
    pub primary: Option<CustomMetadata>,
    /// Metadata of the canary Service.
    pub canary: Option<CustomMetadata>,
    /// Keys other controllers keep on the Services.
    pub unmanaged_metadata: Option<UnmanagedMetadata>,
    /// Istio; ignored.
    pub gateways: Option<Vec<String>>,
    /// Istio; ignored.
    pub delegation: Option<bool>,
    /// Istio; ignored.
    pub traffic_policy: Option<serde_yaml::Value>,
    /// App Mesh; ignored.
    pub mesh_name: Option<String>,
    /// App Mesh; ignored.
    pub backends: Option<Vec<String>>,
}

impl Service {
    /// Default of `portName`.
    pub const PORT_NAME: &str = "http";

    /// Name of the Service port.
    #[must_use]
    pub fn port_name(&self) -> &str {
        self.port_name
            .as_deref()
            .filter(|name| !name.is_empty())
            .unwrap_or(Self::PORT_NAME)
    }

    /// Port of the container: `targetPort`, else `port`.
    #[must_use]
    pub fn target_port(&self) -> Port {
        match &self.target_port {
            None | Some(Port::Number(0)) => Port::Number(self.port.unwrap_or(0)),
            Some(port) => port.clone(),
        }
    }
}

/// A port by number or by name.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(untagged)]
pub enum Port {
    /// By number.
    Number(i64),
    /// By the name of a container port.
    Name(String),
}

/// By hand, because the derived one would only say that "data did not match
/// any variant".
impl<'de> Deserialize<'de> for Port {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct PortVisitor;

        impl Visitor<'_> for PortVisitor {
            type Value = Port;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("the number or the name of a port")
            }

            fn visit_i64<E: de::Error>(self, number: i64) -> Result<Port, E> {
                Ok(Port::Number(number))
            }

            fn visit_u64<E: de::Error>(self, number: u64) -> Result<Port, E> {
                i64::try_from(number)
                    .map(Port::Number)
                    .map_err(|_big| E::invalid_type(de::Unexpected::Unsigned(number), &self))
            }

            fn visit_f64<E: de::Error>(self, number: f64) -> Result<Port, E> {
                format!("{number}")
                    .parse()
                    .map(Port::Number)
                    .map_err(|_not_whole| E::invalid_type(de::Unexpected::Float(number), &self))
            }

            fn visit_str<E: de::Error>(self, name: &str) -> Result<Port, E> {
                Ok(Port::Name(name.to_owned()))
            }
        }

        deserializer.deserialize_any(PortVisitor)
    }
}

/// A parent of the route, copied verbatim to `parentRefs`.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct GatewayRef {
    /// Defaults to `gateway.networking.k8s.io`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub group: Option<String>,
    /// Defaults to `Gateway`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub kind: Option<String>,
    /// Defaults to the route's.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub namespace: Option<String>,
    /// Name. Required.
    pub name: String,
    /// One listener of the Gateway.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub section_name: Option<String>,
    /// One port of the Gateway, 1 to 65535.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub port: Option<i64>,
}

impl Rewrite {
    /// The type that replaces a prefix.
    pub const PREFIX: &str = "ReplacePrefixMatch";

    /// Does it replace the prefix that the match is about?
    #[must_use]
    pub fn replaces_prefix(&self) -> bool {
        let rewrites = self.uri.as_deref().is_some_and(|uri| !uri.is_empty());
        rewrites && self.kind.as_deref() == Some(Self::PREFIX)
    }
}

/// Rewrite of a request before it is sent on.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Rewrite {
    /// New path or prefix.
    pub uri: Option<String>,
    /// New host name.
    pub authority: Option<String>,
    /// `ReplacePrefixMatch`; anything else replaces the full path.
    #[serde(rename = "type")]
    pub kind: Option<String>,
}

/// Header changes of requests and responses.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Headers {
    /// Of requests.
    pub request: Option<HeaderOperations>,
    /// Of responses.
    pub response: Option<HeaderOperations>,
}

/// Headers to add, set and remove.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct HeaderOperations {
    /// Appended to existing values.
    pub add: Option<BTreeMap<String, String>>,
    /// Replacing existing values.
    pub set: Option<BTreeMap<String, String>>,
    /// Removed.
    pub remove: Option<Vec<String>>,
}

/// A static mirror.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct MirrorRef {
    /// Where copies of the requests go.
    pub backend_ref: BackendRef,
}

/// A backend of the Gateway API.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct BackendRef {
    /// Defaults to the core group, `""`.
    pub group: Option<String>,
    /// Defaults to `Service`.
    pub kind: Option<String>,
    /// Name.
    pub name: String,
    /// Defaults to the route's.
    pub namespace: Option<String>,
    /// Port; required for Services.
    pub port: Option<i64>,
}

/// Cross-origin policy.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct CorsPolicy {
    /// Allowed origins.
    pub allow_origin: Option<Vec<String>>,
    /// Patterns of allowed origins; ignored on the Gateway API.
    pub allow_origins: Option<Vec<serde_yaml::Value>>,
    /// Allowed methods.
    pub allow_methods: Option<Vec<String>>,
    /// Allowed request headers.
    pub allow_headers: Option<Vec<String>>,
    /// Response headers that scripts may read.
    pub expose_headers: Option<Vec<String>>,
    /// How long a preflight answer may be kept.
    pub max_age: Option<String>,
    /// May requests carry credentials?
    pub allow_credentials: Option<bool>,
}

/// Retries. Generated with `spec.gitops.route.channel: experimental`, else
/// ignored, as by Flagger.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Retries {
    /// Number of retries.
    pub attempts: Option<i64>,
    /// Limit of one try; counts as `backendTimeout` where that is absent.
    pub per_try_timeout: Option<String>,
    /// Conditions, separated by commas; see [`Retries::codes`].
    pub retry_on: Option<String>,
    /// Istio.
    pub retry_remote_localities: Option<bool>,
}

impl Retries {
    /// The answers of a backend that are tried again, sorted: numbers of
    /// `retryOn` from 400 to 599, and of Envoy's names `gateway-error` (502 to 504)
    /// and `5xx` (500 and those). Other names have no code and are left out.
    ///
    /// ```
    /// use weirkeeper::api::Retries;
    ///
    /// let on = |text: &str| Retries { retry_on: Some(text.into()), ..Retries::default() };
    /// assert_eq!(on("429, gateway-error,reset").codes(), [429, 502, 503, 504]);
    /// ```
    #[must_use]
    pub fn codes(&self) -> Vec<i64> {
        let names = self.retry_on.as_deref().unwrap_or_default().split(',');
        let mut codes: Vec<i64> = names
            .flat_map(|name| match name.trim() {
                "5xx" => vec![500, 502, 503, 504],
                "gateway-error" => vec![502, 503, 504],
                number => number.parse().into_iter().collect(),
            })
            .filter(|code| (400..=599).contains(code))
            .collect();
        codes.sort_unstable();
        codes.dedup();
        codes
    }
}

/// Labels and annotations for a generated object.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct CustomMetadata {
    /// Labels.
    pub labels: Option<BTreeMap<String, String>>,
    /// Annotations.
    pub annotations: Option<BTreeMap<String, String>>,
}

/// Keys that stay on the Services although the Canary does not list them.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct UnmanagedMetadata {
    /// Label keys.
    pub labels: Option<Vec<String>>,
    /// Annotation keys.
    pub annotations: Option<Vec<String>>,
}
