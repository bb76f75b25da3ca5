//! Implementations of the Gateway API.

use serde::{Deserialize, Serialize};

/// An implementation of the Gateway API: how it is recognised, whose metrics it has.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Implementation {
    /// Its name in `spec.gitops.gateway.implementation`: `envoy-gateway`.
    #[serde(skip)]
    pub name: String,
    /// Its name for people: `Envoy Gateway`.
    pub title: String,
    /// `spec.controllerName` of its GatewayClasses; one that ends with `/` stands for
    /// every path of that domain.
    pub controllers: Vec<String>,
    /// GatewayClasses that the implementation itself defines, by name.
    pub classes: Vec<String>,
    /// Its query sets, in order of preference.
    pub query_sets: Vec<String>,
}

impl Implementation {
    /// Is this the name of its controller?
    #[must_use]
    pub fn has_controller(&self, controller: &str) -> bool {
        self.controllers
            .iter()
            .any(|known| match known.ends_with('/') {
                true => controller.starts_with(known.as_str()),
                false => controller == known,
            })
    }
}
