//! What is looked for, and what is said when it is not found.

use crate::error::Error;
use crate::repo::manifest::Manifest;

/// The object that is looked for.
#[derive(Debug, Clone)]
pub struct Wanted<'a> {
    /// Its kind.
    pub kind: &'a str,
    /// Its name.
    pub name: &'a str,
    /// Its namespace; `None` matches all.
    pub namespace: Option<&'a str>,
}

impl Wanted<'_> {
    pub(crate) fn is(&self, manifest: &Manifest) -> bool {
        let namespaces = (self.namespace, manifest.namespace.as_deref());
        let same = match namespaces {
            (Some(wanted), Some(found)) => wanted == found,
            (None, _) | (_, None) => true,
        };
        same && manifest.kind == self.kind
            && manifest.name == self.name
            && self.is_of_group(manifest)
    }

    /// Does a `List` hold an object of this kind and name?
    pub(super) fn is_listed_in(&self, list: &Manifest) -> bool {
        let text = |value: &serde_yaml::Value, key: &str| {
            value
                .get(key)
                .and_then(serde_yaml::Value::as_str)
                .map(str::to_owned)
        };
        let items = list
            .value
            .get("items")
            .and_then(serde_yaml::Value::as_sequence);
        list.kind == "List"
            && items.into_iter().flatten().any(|item| {
                let name = item
                    .get("metadata")
                    .and_then(|metadata| text(metadata, "name"));
                text(item, "kind").as_deref() == Some(self.kind)
                    && name.as_deref() == Some(self.name)
            })
    }

    pub(super) fn in_list(&self, list: &Manifest) -> Error {
        Error::document(format!("{} is an item of a List", self.shown()))
            .at([list.error_at("kind", "items of a List are not edited")])
            .hint("write its items as documents of their own, separated by ---")
    }

    /// Other groups have a `Service`, too, such as Knative's.
    fn is_of_group(&self, manifest: &Manifest) -> bool {
        let version = manifest.api_version();
        match self.kind {
            "Service" => version == "v1",
            "Deployment" | "DaemonSet" => version.starts_with("apps/"),
            "ConfigMap" | "Secret" => version == "v1",
            "HorizontalPodAutoscaler" => version.starts_with("autoscaling/"),
            "ScaledObject" => version.starts_with("keda.sh/"),
            kind if kind.ends_with("Route") => version.starts_with("gateway.networking.k8s.io/"),
            _ => true,
        }
    }

    /// `Deployment podinfo`.
    #[must_use]
    pub fn shown(&self) -> String {
        format!("{} {}", self.kind, self.name)
    }

    /// The error that there is none.
    #[must_use]
    pub fn missing(&self) -> Error {
        let namespace = self
            .namespace
            .map(|namespace| format!(" of namespace {namespace}"))
            .unwrap_or_default();
        Error::document(format!(
            "there is no {}{namespace} in the repository",
            self.shown()
        ))
    }

    pub(super) fn unreadable(&self) -> Error {
        Error::document(format!("a file that names {} cannot be read", self.name))
            .hint("mend it, or name it in .weirkeeperignore if it is not for Weirkeeper")
    }

    pub(super) fn ambiguous(&self, found: &[Manifest]) -> Error {
        let places = found
            .iter()
            .map(|manifest| manifest.error_at("metadata.name", "this is one of them"));
        Error::document(format!(
            "{} is there {} times, equally near to the Canary",
            self.shown(),
            found.len()
        ))
        .at(places)
        .hint("name the folder of the right one in spec.gitops.path, or skip the other in .weirkeeperignore")
    }
}
