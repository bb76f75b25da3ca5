//! Gateways and their classes, wherever they stand in the repository.

use std::sync::Arc;

use serde_yaml::Value;

use super::{Inventory, is_below};
use crate::error::{Kind, Result};
use crate::repo::manifest::{Manifest, ParsedFile};

/// The Gateways and GatewayClasses of a repository.
#[derive(Debug, Clone, Default)]
pub(crate) struct Gateways {
    gateways: Vec<Manifest>,
    classes: Vec<Manifest>,
}

impl Inventory {
    /// The Gateways and GatewayClasses, found once. What cannot be read is left out: it
    /// is somebody else's, and the Canary can say what it is.
    ///
    /// # Errors
    /// When a file cannot be read from its origin.
    pub(crate) fn gateways(&self) -> Result<&Gateways> {
        if let Some(known) = self.gateways.get() {
            return Ok(known);
        }
        let mut found = Gateways::default();
        for (path, bytes) in self.files.scan_gateways()? {
            let Ok(file) = ParsedFile::parse(path, &bytes) else {
                continue;
            };
            for mut manifest in Arc::new(file).manifests() {
                let list = match manifest.kind.as_str() {
                    "Gateway" => &mut found.gateways,
                    "GatewayClass" => &mut found.classes,
                    _ => continue,
                };
                let group = manifest.api_version().split('/').next();
                if group != Some("gateway.networking.k8s.io") {
                    continue;
                }
                match self.complete(&mut manifest) {
                    Err(error) if error.kind() == Kind::Document => continue,
                    completed => completed?,
                }
                list.push(manifest);
            }
        }
        Ok(self.gateways.get_or_init(|| found))
    }
}

impl Gateways {
    /// The Gateways that a route at `path` may mean, the nearest ones: several when
    /// clusters have one each.
    pub(crate) fn named(&self, path: &str, namespace: Option<&str>, name: &str) -> Vec<&Manifest> {
        nearest(&self.gateways, path, |one| {
            let other = one.namespace.as_deref();
            one.name == name && (namespace.is_none() || other.is_none() || namespace == other)
        })
    }

    /// The GatewayClasses of a Gateway, the nearest ones.
    pub(crate) fn classes(&self, gateway: &Manifest) -> Vec<&Manifest> {
        let class = class_of(gateway);
        nearest(&self.classes, gateway.path(), |one| one.name == class)
    }
}

/// `spec.gatewayClassName`.
pub(crate) fn class_of(gateway: &Manifest) -> &str {
    text(&gateway.value, "gatewayClassName")
}

/// `spec.controllerName`.
pub(crate) fn controller_of(class: &Manifest) -> &str {
    text(&class.value, "controllerName")
}

fn text<'a>(value: &'a Value, field: &str) -> &'a str {
    let spec = value.get("spec").and_then(|spec| spec.get(field)?.as_str());
    spec.unwrap_or_default()
}

fn nearest<'a>(
    all: &'a [Manifest],
    path: &str,
    fits: impl Fn(&Manifest) -> bool,
) -> Vec<&'a Manifest> {
    let fitting: Vec<&Manifest> = all.iter().filter(|one| fits(one)).collect();
    let levels = Inventory::levels(path, None);
    let near = levels.iter().map(|level| {
        let here = fitting.iter().copied();
        here.filter(|one| is_below(one.path(), level)).collect()
    });
    let mut near = near.skip_while(Vec::is_empty);
    near.next().unwrap_or_default()
}
