//! Whose metrics and capabilities apply to a Canary, and where its backends stand.

use std::collections::BTreeSet;
use std::sync::Arc;

use serde_yaml::Value;

use super::search::Search;
use super::{Rollout, RouteSite};
use crate::api::{FieldPath, Problem, closest};
use crate::diagnostic::Diagnostic;
use crate::error::Result;
use crate::gateway::{
    Beside, Catalogue, Gateway, Implementation, Place, Side, Site, is_measured, review,
};
use crate::repo::inventory::{class_of, controller_of};
use crate::repo::manifest::Manifest;

/// What was found out, and what speaks against it.
pub(super) struct Chosen {
    pub(super) gateway: Gateway,
    pub(super) problems: Vec<Problem>,
}

/// An implementation, and how it is known.
struct Known {
    implementation: Arc<Implementation>,
    /// The GatewayClass that it was found by.
    class: Option<String>,
    why: String,
}

/// Why nobody knows it.
struct Unknown {
    why: String,
    /// The GatewayClass, where that is all that is known.
    class: Option<String>,
}

impl From<String> for Unknown {
    fn from(why: String) -> Self {
        Self { why, class: None }
    }
}

/// Finds the gateway of a Canary: the one that it names, else the one whose controller
/// the GatewayClass of the routes' Gateways names. One counts for metrics; the
/// others that the routes attach to are kept beside it. The repository is searched for
/// Gateways at most once.
///
/// # Errors
/// When a file cannot be read from its origin.
pub(super) fn choose(search: &Search<'_>, routes: &[RouteSite], primary: &str) -> Result<Chosen> {
    let catalogue = search.inventory.catalogue()?;
    let place = place(search, routes, primary);
    let gitops = search.canary.spec.gitops();
    let spec = gitops.gateway.clone().unwrap_or_default();
    let mut problems = Vec::new();
    let led = lead(search, &catalogue, routes)?;
    let beside = led.beside(spec.implementation.as_deref());
    let known = match &spec.implementation {
        Some(name) => named(&catalogue, name, &mut problems),
        None => by_class(search, led, &mut problems),
    };
    let mut gateway = match known {
        Ok(known) => {
            let why = (known.why, place);
            Gateway::known(
                &catalogue,
                known.implementation,
                known.class,
                search.canary,
                why,
            )
        }
        Err(Unknown { why, class }) => {
            let guess = class.and_then(|class| guess(&catalogue, &class));
            Gateway {
                guess,
                version: spec.version.clone(),
                ..Gateway::unknown(&catalogue, why, place)
            }
        }
    };
    gateway.beside = beside;
    if let Some(name) = &spec.query_set {
        match catalogue.set(name) {
            Some(set) => gateway.set = Some(set),
            None => {
                let all: Vec<&str> = catalogue.sets().map(|set| set.name.as_str()).collect();
                problems.push(unknown("querySet", "no query set", name, &all));
            }
        }
    }
    if problems.is_empty() {
        let found = review(&gateway, search.canary, is_generated(routes));
        problems.extend(found.into_iter().filter(Problem::is_error));
    }
    Ok(Chosen { gateway, problems })
}

/// What somebody should know about a Canary on its gateway, and need not be told at
/// each step.
#[must_use]
pub(crate) fn gateway_hints(rollout: &Rollout) -> Vec<Diagnostic> {
    let found = review(
        &rollout.gateway,
        &rollout.canary,
        is_generated(&rollout.routes),
    );
    let warnings = found.iter().filter(|problem| !problem.is_error());
    warnings
        .map(|problem| rollout.manifest.diagnostic(problem))
        .collect()
}

/// Is one of the routes still to be made?
fn is_generated(routes: &[RouteSite]) -> bool {
    routes.iter().any(|site| site.manifest.is_none())
}

fn at(field: &str) -> FieldPath {
    let path = FieldPath::root().key("spec").key("gitops").key("gateway");
    path.key(field)
}

fn unknown(field: &str, what: &str, name: &str, all: &[&str]) -> Problem {
    let problem = Problem::error(at(field), format!("there is {what} `{name}`"));
    match closest(name, all) {
        Some(near) => problem.hint(format!("did you mean `{near}`?")),
        None => problem.hint(format!("one of {}", all.join(", "))),
    }
}

/// The implementation that a GatewayClass is called like, when nothing else tells:
/// class `nginx` may be `nginx-gateway-fabric`.
fn guess(catalogue: &Catalogue, class: &str) -> Option<String> {
    let names: Vec<&str> = catalogue
        .implementations()
        .map(|one| one.name.as_str())
        .collect();
    let is_part = |longer: &str, shorter: &str| {
        let rest = longer.strip_prefix(shorter);
        rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('-'))
    };
    let mut like = names.iter().copied();
    let like = like.find(|name| is_part(name, class) || is_part(class, name));
    like.or_else(|| closest(class, &names)).map(str::to_owned)
}

/// The implementation that the Canary names.
fn named(catalogue: &Catalogue, name: &str, problems: &mut Vec<Problem>) -> Result<Known, Unknown> {
    let Some(implementation) = catalogue.implementation(name) else {
        let all: Vec<&str> = catalogue
            .implementations()
            .map(|one| one.name.as_str())
            .collect();
        problems.push(unknown("implementation", "no implementation", name, &all));
        return Err(format!("there is no implementation `{name}`").into());
    };
    Ok(Known {
        implementation,
        class: None,
        why: "spec.gitops.gateway.implementation says so".to_owned(),
    })
}

/// What the parents of the routes lead to.
#[derive(Default)]
struct Led {
    known: Vec<Known>,
    unknown: Vec<Unknown>,
    meshes: BTreeSet<String>,
}

impl Led {
    /// What tells apart by what requests are served: GatewayClasses of one
    /// implementation may differ.
    fn names(&self) -> BTreeSet<String> {
        let names = self.known.iter().map(|one| match &one.class {
            Some(class) if one.implementation.classes.contains(class) => {
                format!("{} ({class})", one.implementation.name)
            }
            Some(_) | None => one.implementation.name.clone(),
        });
        names.chain(self.meshes.iter().cloned()).collect()
    }

    /// The implementations that are not the one whose metrics count. A name that the
    /// Canary gives to its only parent says what that is, whatever its class tells.
    fn beside(&self, named: Option<&str>) -> Vec<Beside> {
        let is_single = match named {
            Some(_) => self.names().len() + self.unknown.len() <= 1,
            None => self.names().len() <= 1,
        };
        if is_single {
            return Vec::new();
        }
        let mut found = Vec::<Beside>::new();
        for one in &self.known {
            let (implementation, class) = (&one.implementation, &one.class);
            let by_class = class
                .as_ref()
                .filter(|it| implementation.classes.contains(it));
            let is_known = found.iter().any(|other| {
                other.implementation.name == implementation.name
                    && (by_class.is_none() || other.class == *class)
            });
            if !is_known && named != Some(implementation.name.as_str()) {
                found.push(Beside {
                    implementation: implementation.clone(),
                    class: class.clone(),
                });
            }
        }
        found
    }
}

/// Follows the parents of the routes to implementations.
fn lead(search: &Search<'_>, catalogue: &Catalogue, routes: &[RouteSite]) -> Result<Led> {
    let gateways = search.inventory.gateways()?;
    let mut led = Led::default();
    let Led {
        known,
        unknown,
        meshes,
    } = &mut led;
    for parent in parents(search, routes) {
        match parent.kind.as_str() {
            "Gateway" => {}
            "Service" => {
                meshes.insert(format!("a mesh, by the Service {}", parent.name));
                continue;
            }
            kind => {
                unknown.push(format!("its parent is the {kind} {}", parent.name).into());
                continue;
            }
        }
        let namespace = parent.namespace.as_deref();
        let found = gateways.named(&parent.path, namespace, &parent.name);
        if found.is_empty() {
            let shown = shown(&parent.name, namespace);
            unknown.push(format!("the Gateway {shown} is not in the repository").into());
        }
        for gateway in found {
            for one in of_gateway(catalogue, gateway, &gateways.classes(gateway)) {
                match one {
                    Ok(one) => known.push(one),
                    Err(why) => unknown.push(why),
                }
            }
        }
    }
    Ok(led)
}

/// The implementation that the GatewayClasses tell.
fn by_class(search: &Search<'_>, led: Led, problems: &mut Vec<Problem>) -> Result<Known, Unknown> {
    let names = led.names();
    if names.len() > 1 && is_measured(search.canary) {
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        let path = FieldPath::root().key("spec").key("service");
        let message = format!(
            "attaches to {}: the Canary has to say whose metrics count, since adding them up would \
             count requests twice",
            names.join(" and ")
        );
        let hint = "name one in spec.gitops.gateway.implementation";
        problems.push(Problem::error(path, message).hint(hint));
    }
    if names.len() > 1 {
        return Err("the route attaches to several".to_owned().into());
    }
    let mut meshes = led.meshes;
    if let Some(mesh) = meshes.pop_first() {
        return Err(format!("the route attaches to {mesh}").into());
    }
    led.known.into_iter().next().ok_or_else(|| {
        let nothing = || "the route attaches to no Gateway".to_owned().into();
        led.unknown.into_iter().next().unwrap_or_else(nothing)
    })
}

/// `infra/web`.
fn shown(name: &str, namespace: Option<&str>) -> String {
    namespace.map_or_else(
        || name.to_owned(),
        |namespace| format!("{namespace}/{name}"),
    )
}

/// What the class of one Gateway tells; several when clusters have one each.
fn of_gateway(
    catalogue: &Catalogue,
    gateway: &Manifest,
    classes: &[&Manifest],
) -> Vec<Result<Known, Unknown>> {
    let class = class_of(gateway);
    let place = |manifest: &Manifest, field: &str| {
        let place = manifest.error_at(field, "").location();
        place.unwrap_or_default()
    };
    let known = |implementation, why| Known {
        implementation,
        class: Some(class.to_owned()),
        why,
    };
    if let Some(implementation) = catalogue.by_class(class) {
        let where_ = place(gateway, "spec.gatewayClassName");
        let why = format!("the GatewayClass is {class} ({where_})");
        return vec![Ok(known(implementation, why))];
    }
    if classes.is_empty() {
        return vec![Err(Unknown {
            why: format!("the GatewayClass {class} is not in the repository"),
            class: Some(class.to_owned()),
        })];
    }
    let of_class = |found: &&Manifest| {
        let controller = controller_of(found);
        let where_ = place(found, "spec.controllerName");
        match catalogue.by_controller(controller) {
            Some(implementation) => {
                let why = format!("the GatewayClass {class} names {controller} ({where_})");
                Ok(known(implementation, why))
            }
            None => Err(Unknown {
                why: format!(
                    "nobody knows the controller {controller} of the GatewayClass {class} \
                     ({where_})"
                ),
                class: Some(class.to_owned()),
            }),
        }
    };
    classes.iter().map(of_class).collect()
}

/// What a route attaches to.
struct Parent {
    kind: String,
    namespace: Option<String>,
    name: String,
    /// The file that says so.
    path: String,
}

fn parents(search: &Search<'_>, routes: &[RouteSite]) -> Vec<Parent> {
    let canary = search.canary;
    let mut parents = Vec::new();
    for site in routes {
        let Some(route) = &site.manifest else {
            let refs = canary.spec.service.iter();
            let refs = refs.flat_map(|service| service.gateway_refs.iter().flatten());
            parents.extend(refs.map(|parent| {
                Parent {
                    kind: parent.kind.clone().unwrap_or_else(|| "Gateway".to_owned()),
                    namespace: parent
                        .namespace
                        .clone()
                        .or_else(|| canary.metadata.namespace.clone()),
                    name: parent.name.clone(),
                    path: search.path.to_owned(),
                }
            }));
            continue;
        };
        let spec = route.value.get("spec");
        let refs = spec.and_then(|spec| spec.get("parentRefs")?.as_sequence());
        parents.extend(refs.into_iter().flatten().map(|parent| {
            let text = |field: &str| parent.get(field).and_then(Value::as_str).map(str::to_owned);
            Parent {
                kind: text("kind").unwrap_or_else(|| "Gateway".to_owned()),
                namespace: text("namespace").or_else(|| route.namespace.clone()),
                name: text("name").unwrap_or_default(),
                path: route.path().to_owned(),
            }
        }));
    }
    parents
}

/// Where the backends stand in the routes; in one that is still to be generated as it
/// will be.
fn place(search: &Search<'_>, routes: &[RouteSite], primary: &str) -> Place {
    let canary = search.canary;
    let spec = &canary.spec;
    let side = |workload: &str, service: String, generated: usize| Side {
        workload: workload.to_owned(),
        sites: routes
            .iter()
            .flat_map(|site| sites(site, &service, generated))
            .collect(),
        service,
    };
    let parents = parents(search, routes);
    let gateways = parents.iter().filter(|parent| parent.kind == "Gateway");
    let gateways: BTreeSet<&str> = gateways.map(|parent| parent.name.as_str()).collect();
    let manifests = || routes.iter().filter_map(|site| site.manifest.as_ref());
    Place {
        namespace: canary.metadata.namespace.clone().unwrap_or_default(),
        kind: manifests()
            .next()
            .map_or_else(|| "HTTPRoute".to_owned(), |route| route.kind.clone()),
        canary: side(&spec.target_ref.name, spec.canary_service(), 1),
        primary: side(primary, spec.primary_service(), 0),
        gateways: gateways.into_iter().map(str::to_owned).collect(),
        mirrored: manifests().any(|route| is_mirrored(route, &spec.canary_service())),
    }
}

fn list<'a>(value: &'a Value, field: &str) -> &'a [Value] {
    let items = value.get(field).and_then(Value::as_sequence);
    items.map(Vec::as_slice).unwrap_or_default()
}

fn rules(route: &Manifest) -> &[Value] {
    route
        .value
        .get("spec")
        .map_or(&[], |spec| list(spec, "rules"))
}

/// The backendRefs of a Service in a route.
fn sites(site: &RouteSite, service: &str, generated: usize) -> Vec<Site> {
    let Some(route) = &site.manifest else {
        return vec![Site {
            route: site.canary.spec.apex().to_owned(),
            rule: 0,
            backend: generated,
            weight: 0,
            filtered: false,
        }];
    };
    let mut found = Vec::new();
    for (rule, value) in rules(route).iter().enumerate() {
        let refs = list(value, "backendRefs");
        let filtered = refs.iter().all(|one| !list(one, "filters").is_empty());
        for (backend, one) in refs.iter().enumerate() {
            let kind = one.get("kind").and_then(Value::as_str).unwrap_or("Service");
            if kind == "Service" && one.get("name").and_then(Value::as_str) == Some(service) {
                found.push(Site {
                    route: route.name.clone(),
                    rule,
                    backend,
                    weight: one.get("weight").and_then(Value::as_i64).unwrap_or(1),
                    filtered,
                });
            }
        }
    }
    found
}

/// Does a rule copy its requests to the canary?
fn is_mirrored(route: &Manifest, canary: &str) -> bool {
    let mut filters = rules(route).iter().flat_map(|rule| list(rule, "filters"));
    filters.any(|filter| {
        let backend = filter
            .get("requestMirror")
            .and_then(|it| it.get("backendRef"));
        backend.and_then(|backend| backend.get("name")?.as_str()) == Some(canary)
    })
}
