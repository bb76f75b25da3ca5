//! What the repository has for a Deployment.

use serde_yaml::Value;

use crate::api;
use crate::cli;
use crate::error::{Error, Result};
use crate::gateway::Gateway;
use crate::render::workload::SelectorLabel;
use crate::repo::inventory::Inventory;
use crate::repo::manifest::Manifest;
use crate::repo::rollout::Rollout;

/// A Deployment and what belongs to it.
#[derive(Clone)]
pub(super) struct Found {
    deployment: Manifest,
    namespace: Option<String>,
    /// Its Service, and the port.
    service: Option<Manifest>,
    port: i64,
    route: Option<Manifest>,
    scaler: Option<Manifest>,
    gateway: Option<Manifest>,
    /// `spec.gitops.gateway.querySet`.
    query_set: Option<&'static str>,
}

impl Found {
    /// Finds the Deployment that is asked for, or the only one.
    ///
    /// # Errors
    /// [`Kind::Usage`](crate::error::Kind::Usage) when there is none or several.
    pub(super) fn look(inventory: &Inventory, options: &cli::Init) -> Result<Self> {
        let (deployment, namespace) = deployment(inventory, options)?;
        SelectorLabel::of(&deployment.value)?;
        let of_it = |kind: &str| -> Result<Vec<Manifest>> {
            let all = inventory.of_kind(kind)?;
            Ok(near(all, &deployment, namespace.as_deref()))
        };
        let labels = at(
            &deployment.value,
            &["spec", "template", "metadata", "labels"],
        );
        let selects = |service: &&Manifest| {
            let selector = at(&service.value, &["spec", "selector"]).and_then(Value::as_mapping);
            selector.is_some_and(|selector| {
                let mut pairs = selector.iter();
                let has = |(key, value): (&Value, &Value)| {
                    labels.and_then(|all| all.get(key)) == Some(value)
                };
                !selector.is_empty() && pairs.all(has)
            })
        };
        let services = of_it("Service")?;
        let same = |service: &&Manifest| service.name == deployment.name;
        let service = services.iter().filter(selects).find(same);
        let service = service.or_else(|| services.iter().find(selects)).cloned();
        let port = port(&deployment, service.as_ref())?;
        let apex = service
            .as_ref()
            .map_or(&deployment.name, |service| &service.name);
        let routes = of_it("HTTPRoute")?;
        let mut scalers = of_it("HorizontalPodAutoscaler")?;
        scalers.extend(of_it("ScaledObject")?);
        let route = routes.into_iter().find(|route| sends_to(route, apex));
        let scaler = scalers.into_iter().find(|scaler| {
            let scaled = at(&scaler.value, &["spec", "scaleTargetRef"]);
            let text = |key| scaled.and_then(|scaled| scaled.get(key)?.as_str());
            let kind = text("kind").unwrap_or("Deployment");
            text("name") == Some(&*deployment.name) && kind == "Deployment"
        });
        Ok(Self {
            gateway: inventory.of_kind("Gateway")?.into_iter().next(),
            query_set: None,
            deployment,
            namespace,
            service,
            port,
            route,
            scaler,
        })
    }

    /// The same with a Canary that names this query set.
    pub(super) fn measured_with(self, query_set: &'static str) -> Self {
        Self {
            query_set: Some(query_set),
            ..self
        }
    }

    /// Where the Canary is written.
    pub(super) fn path(&self) -> String {
        match self.deployment.folder() {
            "" => "canary.yaml".to_owned(),
            folder => format!("{folder}/canary.yaml"),
        }
    }

    /// The Canary.
    pub(super) fn canary(&self) -> String {
        let name = &self.deployment.name;
        let mut text = format!(
            "apiVersion: {}\nkind: Canary\nmetadata:\n  name: {name}\n",
            api::API_VERSION
        );
        if let Some(namespace) = &self.namespace {
            text.push_str(&format!("  namespace: {namespace}\n"));
        }
        text.push_str(&format!(
            "spec:\n  targetRef:\n    apiVersion: apps/v1\n    kind: Deployment\n    name: {name}\n"
        ));
        if let Some(scaler) = &self.scaler {
            text.push_str(&format!(
                "  autoscalerRef:\n    apiVersion: {}\n    kind: {}\n    name: {}\n",
                scaler.api_version(),
                scaler.kind,
                scaler.name
            ));
        }
        text.push_str("  service:\n");
        if let Some(service) = self
            .service
            .as_ref()
            .filter(|service| service.name != *name)
        {
            text.push_str(&format!("    name: {}\n", service.name));
        }
        text.push_str(&format!("    port: {}\n", self.port));
        if let Some(target) = self.target_port() {
            text.push_str(&format!("    targetPort: {target}\n"));
        }
        text.push_str("    gatewayRefs:\n");
        let (gateway, namespace) = self.gateway();
        text.push_str(&format!("      - name: {gateway}\n"));
        if let Some(namespace) = namespace {
            text.push_str(&format!("        namespace: {namespace}\n"));
        }
        text.push_str(
            "  analysis:\n    interval: 5m # between two steps\n    threshold: 2 # failed checks that roll back\n    \
             stepWeight: 10\n    maxWeight: 50\n    metrics:\n      - name: request-success-rate\n        \
             interval: 5m\n        thresholdRange:\n          min: 99 # percent\n      \
             - name: request-duration\n        interval: 5m\n        thresholdRange:\n          \
             max: 500 # milliseconds\n",
        );
        let route = self.route.as_ref();
        let route = route.filter(|route| route.name != self.apex());
        if route.is_some() || self.query_set.is_some() {
            text.push_str("  gitops:\n");
        }
        if let Some(route) = route {
            text.push_str(&format!("    route:\n      name: {}\n", route.name));
        }
        if let Some(set) = self.query_set {
            text.push_str(&format!("    gateway:\n      querySet: {set}\n"));
        }
        text
    }

    /// Where the Service sends its port, if that is another one.
    fn target_port(&self) -> Option<String> {
        let ports = at(&self.service.as_ref()?.value, &["spec", "ports"])?.as_sequence()?;
        let is_it = |item: &&Value| item.get("port").and_then(Value::as_i64) == Some(self.port);
        let target = ports.iter().find(is_it)?.get("targetPort")?;
        match target.as_str() {
            Some(name) => Some(name.to_owned()),
            None => Some(target.as_i64()?.to_string()),
        }
    }

    fn apex(&self) -> &str {
        let service = self.service.as_ref();
        service.map_or(&self.deployment.name, |service| &service.name)
    }

    /// Name and namespace of the Gateway: the route's, else one of the repository,
    /// else a guess.
    fn gateway(&self) -> (String, Option<String>) {
        let text = |value: &Value, key: &str| value.get(key)?.as_str().map(str::to_owned);
        let parent = self.route.as_ref().and_then(|route| {
            let parents = at(&route.value, &["spec", "parentRefs"])?.as_sequence()?;
            let parent = parents.first()?;
            Some((text(parent, "name")?, text(parent, "namespace")))
        });
        let gateway = self.gateway.as_ref();
        parent
            .or_else(|| gateway.map(|gateway| (gateway.name.clone(), gateway.namespace.clone())))
            .unwrap_or_else(|| ("gateway".to_owned(), None))
    }

    /// What was assumed, with places, and what to look at; `rollout` is what the Canary
    /// comes to.
    pub(super) fn checks(
        &self,
        inventory: &Inventory,
        rollout: Option<&Rollout>,
    ) -> Result<Vec<String>> {
        let place = |manifest: &Manifest, path: &str| {
            let place = manifest.error_at(path, "").location();
            place.unwrap_or_else(|| manifest.path().to_owned())
        };
        let deployment = &self.deployment;
        let label = SelectorLabel::of(&deployment.value)?;
        let mut checks = vec![format!(
            "{}: the label {}={} tells primary and canary apart",
            place(deployment, "spec.selector"),
            label.key,
            label.value
        )];
        checks.push(match &self.service {
            Some(service) => format!(
                "{}: Service {} is the public name, on port {}",
                place(service, "metadata.name"),
                service.name,
                self.port
            ),
            None => format!(
                "no Service selects the pods: one is generated, on port {} of the container",
                self.port
            ),
        });
        checks.push(match (&self.route, &self.gateway) {
            (Some(route), _) => format!(
                "{}: HTTPRoute {} sends to {} and is edited in place",
                place(route, "metadata.name"),
                route.name,
                self.apex()
            ),
            (None, Some(gateway)) => format!(
                "{}: no HTTPRoute sends to {}: one is generated for Gateway {}",
                place(gateway, "metadata.name"),
                self.apex(),
                gateway.name
            ),
            (None, None) => format!(
                "no HTTPRoute sends to {} and no Gateway is in the repository: correct \
                 spec.service.gatewayRefs, `gateway` is a guess",
                self.apex()
            ),
        });
        if let Some(scaler) = &self.scaler {
            checks.push(format!(
                "{}: {} {} is copied for the primary",
                place(scaler, "metadata.name"),
                scaler.kind,
                scaler.name
            ));
        }
        checks.extend(rollout.map(|rollout| self.measures(&rollout.gateway)));
        checks.push(
            "readiness comes from kube-state-metrics: without it set spec.gitops.readiness.from"
                .to_owned(),
        );
        checks.push(match inventory.kustomization_of(deployment.path())? {
            Some(kustomization) => format!(
                "{}: {} is not listed, since the cluster need not know it and without the CRDs of \
                 flagger.app Flux could not apply it",
                kustomization.path(),
                self.path()
            ),
            None => format!(
                "{}: without a kustomization Flux applies every file of the folder and would stop at \
                 this one unless the CRDs of flagger.app are there: write a kustomization that does \
                 not list it, or name it in .sourceignore",
                self.path()
            ),
        });
        Ok(checks)
    }
}

impl Found {
    /// What request-success-rate and request-duration are measured with.
    fn measures(&self, gateway: &Gateway) -> String {
        let set = gateway.set.as_ref();
        let about = set.map(|set| set.about.as_str()).unwrap_or_default();
        let name = set.map(|set| set.name.as_str()).unwrap_or_default();
        match (gateway.shown(), self.query_set) {
            (Some(title), Some(_)) => format!(
                "spec.analysis.metrics: the metrics of {title} do not tell the canary apart by \
                 weights, so they are {about}; docs/gateways.md has other ways"
            ),
            (Some(title), None) => format!(
                "spec.analysis.metrics: measured at {title} with {about} (query set {name}), since \
                 {}; docs/gateways.md says what has to be switched on",
                gateway.why
            ),
            (None, _) => format!(
                "spec.analysis.metrics: nobody knows the gateway, since {}: request-success-rate and \
                 request-duration are {about}; to measure at the gateway name it in \
                 spec.gitops.gateway.implementation",
                gateway.why
            ),
        }
    }
}

fn deployment(inventory: &Inventory, options: &cli::Init) -> Result<(Manifest, Option<String>)> {
    let folder = options.dir.as_deref().unwrap_or_default();
    let folder = folder.trim_start_matches("./").trim_matches('/');
    let mut found = Vec::new();
    for manifest in inventory.of_kind("Deployment")? {
        let whole = at(&manifest.value, &["spec", "selector"]).is_some();
        let here = folder.is_empty()
            || folder == "."
            || manifest.path().starts_with(&format!("{folder}/"));
        if !(whole && here) || manifest.name.ends_with("-primary") {
            continue;
        }
        let namespace = manifest.namespace.clone();
        found.push((manifest, namespace));
    }
    let all: Vec<String> = found
        .iter()
        .map(|one| format!("{} ({})", one.0.id(), one.0.path()))
        .collect();
    if let Some(wanted) = &options.name {
        found.retain(|one| one.0.id() == *wanted || one.0.name == *wanted);
    }
    match found.len() {
        1 => {}
        0 => {
            let what = options.name.as_deref().unwrap_or("at all");
            let error = Error::usage(format!("there is no Deployment {what}"));
            return Err(match all.is_empty() {
                true => error.hint("commit its manifest first, or name the folder with --dir"),
                false => error.hint(format!("there are: {}", all.join(", "))),
            });
        }
        _ => {
            let all: Vec<String> = found
                .iter()
                .map(|one| format!("{} ({})", one.0.id(), one.0.path()))
                .collect();
            return Err(Error::usage("there are several Deployments")
                .hint(format!("name one: {}", all.join(", ")))
                .hint("or its folder with --dir"));
        }
    }
    let (manifest, namespace) = found.remove(0);
    let taken = inventory.canaries().iter().find(|canary| {
        let name = at(&canary.value, &["spec", "targetRef", "name"]).and_then(Value::as_str);
        let same =
            namespace.is_none() || canary.namespace.is_none() || canary.namespace == namespace;
        name == Some(&*manifest.name) && same
    });
    match taken {
        Some(canary) => Err(
            Error::usage(format!("{} has a Canary already", manifest.name))
                .at([canary.error_at("metadata.name", "this one")]),
        ),
        None => Ok((manifest, namespace)),
    }
}

/// Those of the same namespace, the nearest first.
fn near(all: Vec<Manifest>, to: &Manifest, namespace: Option<&str>) -> Vec<Manifest> {
    let common = |manifest: &Manifest| {
        let folders = manifest.folder().split('/').zip(to.folder().split('/'));
        folders.take_while(|(a, b)| a == b).count()
    };
    let same = |manifest: &Manifest| match (&manifest.namespace, namespace) {
        (Some(found), Some(wanted)) => found == wanted,
        (None, _) | (_, None) => true,
    };
    let mut found: Vec<Manifest> = all.into_iter().filter(same).collect();
    found.sort_by_key(|manifest| std::cmp::Reverse(common(manifest)));
    found
}

/// The port of the Service, else of the first container.
fn port(deployment: &Manifest, service: Option<&Manifest>) -> Result<i64> {
    let first = |value: Option<&Value>, key: &str| {
        let ports = value?.as_sequence()?;
        ports.first()?.get(key)?.as_i64()
    };
    let of_service =
        service.and_then(|service| first(at(&service.value, &["spec", "ports"]), "port"));
    let containers = at(
        &deployment.value,
        &["spec", "template", "spec", "containers"],
    );
    let container = containers.and_then(|containers| containers.as_sequence()?.first());
    let of_container = first(container.and_then(|one| one.get("ports")), "containerPort");
    of_service.or(of_container).ok_or_else(|| {
        Error::usage(format!("nobody knows the port of {}", deployment.name))
            .at([deployment.error_at("spec.template.spec.containers", "names no port")])
            .hint("commit its Service, or name the containerPort")
    })
}

fn sends_to(route: &Manifest, service: &str) -> bool {
    let rules = at(&route.value, &["spec", "rules"]).and_then(Value::as_sequence);
    let backends = rules
        .into_iter()
        .flatten()
        .filter_map(|rule| rule.get("backendRefs")?.as_sequence());
    let names = |name: &str| {
        name == service
            || name
                .strip_prefix(service)
                .is_some_and(|rest| ["-primary", "-canary"].contains(&rest))
    };
    backends
        .flatten()
        .filter_map(|backend| backend.get("name")?.as_str())
        .any(names)
}

fn at<'a>(value: &'a Value, path: &[&str]) -> Option<&'a Value> {
    path.iter().try_fold(value, |value, key| value.get(*key))
}
