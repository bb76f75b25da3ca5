//! The three Services (Flagger: `kubernetes_default.go`).

use serde::Serialize;
use serde_yaml::{Mapping, Value};

use super::workload::SelectorLabel;
use crate::api::{CanarySpec, CustomMetadata};

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

/// The Service as it is created: ClusterIP, one port, the selector label of
/// the workload it stands for, and the metadata the Canary asks for.
#[must_use]
pub fn service(
    role: ServiceRole,
    spec: &CanarySpec,
    label: &SelectorLabel,
    namespace: Option<&str>,
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
        crate::api::Port::Number(number) => Value::from(number),
        crate::api::Port::Name(name) => Value::from(name),
    };
    port.insert("targetPort".into(), target_port);
    if let Some(protocol) = service.app_protocol {
        port.insert("appProtocol".into(), protocol.into());
    }

    let mut selector = Mapping::new();
    selector.insert(label.key.clone().into(), role.selects(label).into());
    let mut body = Mapping::new();
    body.insert("type".into(), "ClusterIP".into());
    if service.headless.unwrap_or(false) {
        body.insert("clusterIP".into(), "None".into());
    }
    body.insert("selector".into(), selector.into());
    body.insert("ports".into(), Value::Sequence(vec![port.into()]));
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
