//! The three Services (Flagger: `kubernetes_default.go`).

use serde::Serialize;
use serde_yaml::{Mapping, Value};

use super::workload::{SelectorLabel, get};
use crate::api::{CanarySpec, CustomMetadata, Port, Service};

/// Which of the three Services.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum ServiceRole {
    /// The public name; selects the primary.
    Apex,
    /// Selects the primary.
    Primary,
    /// Selects the target.
    Canary,
}

impl ServiceRole {
    /// All three, in the order in which they are created.
    pub const ALL: [Self; 3] = [Self::Canary, Self::Primary, Self::Apex];

    /// The name of the Service.
    #[must_use]
    pub fn name(self, spec: &CanarySpec) -> String {
        match self {
            Self::Apex => spec.apex().to_owned(),
            Self::Primary => spec.primary_service(),
            Self::Canary => spec.canary_service(),
        }
    }

    /// The value of the selector label it selects.
    #[must_use]
    pub fn selects(self, label: &SelectorLabel) -> String {
        match self {
            Self::Apex | Self::Primary => label.primary_value(),
            Self::Canary => label.value.clone(),
        }
    }

    fn metadata(self, spec: &CanarySpec) -> Option<&CustomMetadata> {
        let service = spec.service.as_ref()?;
        match self {
            Self::Apex => service.apex.as_ref(),
            Self::Primary => service.primary.as_ref(),
            Self::Canary => service.canary.as_ref(),
        }
    }
}

/// Containers that meshes add; their ports are not the application's.
const SIDECARS: [&str; 2] = ["istio-proxy", "envoy"];

/// The Service as it is created: ClusterIP (`headless`: without an address of its
/// own), one port (`portDiscovery`: and those of the containers of `target`), the
/// selector label of the workload it stands for, and the metadata the Canary asks for.
#[must_use]
pub fn service(
    role: ServiceRole,
    spec: &CanarySpec,
    label: &SelectorLabel,
    namespace: Option<&str>,
    target: &Value,
) -> Value {
    let name = role.name(spec);
    let service = spec.service.clone().unwrap_or_default();
    let custom = role.metadata(spec).cloned().unwrap_or_default();
    let mut labels = custom.labels.unwrap_or_default();
    labels.insert(label.key.clone(), name.clone());

    let mut metadata = Mapping::new();
    metadata.insert("name".into(), name.into());
    if let Some(namespace) = namespace {
        metadata.insert("namespace".into(), namespace.into());
    }
    metadata.insert("labels".into(), super::mapping(labels));
    if let Some(annotations) = custom.annotations.filter(|map| !map.is_empty()) {
        metadata.insert("annotations".into(), super::mapping(annotations));
    }

    let mut port = Mapping::new();
    port.insert("name".into(), service.port_name().into());
    port.insert("protocol".into(), "TCP".into());
    port.insert("port".into(), service.port.unwrap_or_default().into());
    let target_port = match service.target_port() {
        Port::Number(number) => Value::from(number),
        Port::Name(name) => Value::from(name),
    };
    port.insert("targetPort".into(), target_port);
    if let Some(protocol) = &service.app_protocol {
        port.insert("appProtocol".into(), protocol.as_str().into());
    }
    let mut ports = vec![Value::from(port)];
    if service.port_discovery == Some(true) {
        ports.extend(discovered(target, &service));
    }

    let mut selector = Mapping::new();
    selector.insert(label.key.clone().into(), role.selects(label).into());
    let mut body = Mapping::new();
    body.insert("type".into(), "ClusterIP".into());
    if service.headless.unwrap_or(false) {
        body.insert("clusterIP".into(), "None".into());
    }
    body.insert("selector".into(), selector.into());
    body.insert("ports".into(), Value::Sequence(ports));
    if let Some(distribution) = service.traffic_distribution {
        body.insert("trafficDistribution".into(), distribution.into());
    }

    let mut document = Mapping::new();
    document.insert("apiVersion".into(), "v1".into());
    document.insert("kind".into(), "Service".into());
    document.insert("metadata".into(), metadata.into());
    document.insert("spec".into(), body.into());
    document.into()
}

/// The other ports of the target's containers, by TCP (Flagger:
/// `kubernetes_default.go`; `util.go`, `getPorts`): all but the target port, and
/// none of a sidecar. One without a name is called after its container. Names and
/// numbers that the Service has already are left out: it could not have both.
fn discovered(target: &Value, service: &Service) -> Vec<Value> {
    let containers = ["spec", "template", "spec", "containers"];
    let containers = get(target, &containers).and_then(Value::as_sequence);
    let text = |value: &Value, key: &str| value.get(key).and_then(Value::as_str).map(str::to_owned);
    let mut names = vec![service.port_name().to_owned()];
    let mut numbers = vec![service.port.unwrap_or_default()];
    let mut ports = Vec::new();
    for container in containers.into_iter().flatten() {
        let owner = text(container, "name").unwrap_or_default();
        let listed = container.get("ports").and_then(Value::as_sequence);
        for (index, port) in listed.into_iter().flatten().enumerate() {
            let Some(number) = port.get("containerPort").and_then(Value::as_i64) else {
                continue;
            };
            let own = text(port, "name");
            let is_target = match service.target_port() {
                Port::Number(target) => target == number,
                Port::Name(target) => own.as_ref() == Some(&target),
            };
            let name = own.unwrap_or_else(|| format!("tcp-{owner}-{index}"));
            let is_taken = names.contains(&name) || numbers.contains(&number);
            if is_target || is_taken || SIDECARS.contains(&owner.as_str()) {
                continue;
            }
            names.push(name.clone());
            numbers.push(number);
            let mut port = Mapping::new();
            port.insert("name".into(), name.into());
            port.insert("protocol".into(), "TCP".into());
            port.insert("port".into(), number.into());
            port.insert("targetPort".into(), number.into());
            ports.push(port.into());
        }
    }
    ports
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ports_are_discovered() {
        let spec: CanarySpec = serde_yaml::from_str(
            "{targetRef: {name: shop}, service: {port: 80, targetPort: web, portDiscovery: true, headless: true}}",
        )
        .unwrap();
        let target: Value = serde_yaml::from_str(
            "spec:
  selector: {matchLabels: {app: shop}}
  template:
    spec:
      containers:
      - name: shop
        ports: [{name: web, containerPort: 8080}, {containerPort: 9090}, {name: grpc, containerPort: 9999},
                {name: twice, containerPort: 9999}, {name: http, containerPort: 8081}]
      - {name: envoy, ports: [{containerPort: 15000}]}
      - {name: quiet}",
        )
        .unwrap();
        let label = SelectorLabel::of(&target).unwrap();
        let service = service(ServiceRole::Canary, &spec, &label, None, &target);
        insta::assert_snapshot!(serde_yaml::to_string(&service["spec"]).unwrap(), @"
        type: ClusterIP
        clusterIP: None
        selector:
          app: shop
        ports:
        - name: http
          protocol: TCP
          port: 80
          targetPort: web
        - name: tcp-shop-1
          protocol: TCP
          port: 9090
          targetPort: 9090
        - name: grpc
          protocol: TCP
          port: 9999
          targetPort: 9999
        ");
    }
}
