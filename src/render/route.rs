//! The generated HTTPRoute (Flagger: `gateway_api.go`).

use serde_yaml::{Mapping, Value};

use crate::api::{CanarySpec, Traffic};

/// Group and version of generated routes.
pub const API_VERSION: &str = "gateway.networking.k8s.io/v1";

/// The route in Flagger's default shape: one rule for every path with both
/// backends, primary first, weights always explicit. Flagger's annotations
/// that make Flux ignore the object are left out: Flux is to apply it.
#[must_use]
pub fn route(spec: &CanarySpec, namespace: Option<&str>, traffic: Traffic) -> Value {
    let service = spec.service.clone().unwrap_or_default();
    let apex = service.apex.unwrap_or_default();
    let mut metadata = Mapping::new();
    metadata.insert("name".into(), spec.apex().into());
    if let Some(namespace) = namespace {
        metadata.insert("namespace".into(), namespace.into());
    }
    for (key, map) in [("labels", apex.labels), ("annotations", apex.annotations)] {
        if let Some(map) = map.filter(|map| !map.is_empty()) {
            metadata.insert(key.into(), super::mapping(map));
        }
    }

    let mut path = Mapping::new();
    path.insert("type".into(), "PathPrefix".into());
    path.insert("value".into(), "/".into());
    let mut matches = Mapping::new();
    matches.insert("path".into(), path.into());
    let mut rule = Mapping::new();
    rule.insert("matches".into(), Value::Sequence(vec![matches.into()]));
    let backends = [
        (spec.primary_service(), traffic.primary),
        (spec.canary_service(), traffic.canary),
    ];
    let backends = backends.map(|(name, weight)| {
        let mut backend = Mapping::new();
        backend.insert("name".into(), name.into());
        backend.insert("port".into(), service.port.unwrap_or_default().into());
        backend.insert("weight".into(), weight.into());
        Value::Mapping(backend)
    });
    rule.insert("backendRefs".into(), Value::Sequence(backends.to_vec()));
    let mut timeouts = Mapping::new();
    for (key, limit) in [
        ("request", service.timeout),
        ("backendRequest", service.backend_timeout),
    ] {
        if let Some(limit) = limit.filter(|limit| !limit.is_empty()) {
            timeouts.insert(key.into(), limit.into());
        }
    }
    if !timeouts.is_empty() {
        rule.insert("timeouts".into(), timeouts.into());
    }

    let mut body = Mapping::new();
    let parents = service.gateway_refs.unwrap_or_default();
    let parents = serde_yaml::to_value(parents).unwrap_or_default();
    body.insert("parentRefs".into(), parents);
    if let Some(hosts) = service.hosts.filter(|hosts| !hosts.is_empty()) {
        let hosts = hosts.into_iter().map(Value::from).collect();
        body.insert("hostnames".into(), Value::Sequence(hosts));
    }
    body.insert("rules".into(), Value::Sequence(vec![rule.into()]));

    let mut document = Mapping::new();
    document.insert("apiVersion".into(), API_VERSION.into());
    document.insert("kind".into(), "HTTPRoute".into());
    document.insert("metadata".into(), metadata.into());
    document.insert("spec".into(), body.into());
    document.into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn default_shape() {
        let spec: CanarySpec = serde_yaml::from_str(
            "targetRef: {apiVersion: apps/v1, kind: Deployment, name: podinfo}
service:
  name: shop
  port: 8080
  timeout: 5s
  hosts: [shop.example.com]
  gatewayRefs: [{name: edge, namespace: infra, sectionName: web}]",
        )
        .unwrap();
        let route = route(&spec, Some("prod"), Traffic::canary(20));
        insta::assert_snapshot!(serde_yaml::to_string(&route).unwrap(), @r"
        apiVersion: gateway.networking.k8s.io/v1
        kind: HTTPRoute
        metadata:
          name: shop
          namespace: prod
        spec:
          parentRefs:
          - namespace: infra
            name: edge
            sectionName: web
          hostnames:
          - shop.example.com
          rules:
          - matches:
            - path:
                type: PathPrefix
                value: /
            backendRefs:
            - name: shop-primary
              port: 8080
              weight: 80
            - name: shop-canary
              port: 8080
              weight: 20
            timeouts:
              request: 5s
        ");
    }
}
