//! Whose metrics and capabilities apply to a Canary, and where its backends stand.

use std::collections::BTreeSet;
use std::sync::Arc;

use serde_yaml::Value;

use super::RouteSite;
use super::search::Search;
use crate::api::{Canary, FieldPath, Problem, Strategy, closest};
use crate::error::Result;
use crate::gateway::{Catalogue, Gateway, Implementation, Place, QuerySet, Side, Site, When};
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

/// Finds the gateway of a Canary: the one that it names, else the one whose controller
/// the GatewayClass of the routes' Gateways names.
///
/// # Errors
/// When a file cannot be read from its origin.
pub(super) fn choose(search: &Search<'_>, routes: &[RouteSite], primary: &str) -> Result<Chosen> {
    let catalogue = search.inventory.catalogue()?;
    let place = place(search.canary, routes, primary);
    let gitops = search.canary.spec.gitops();
    let spec = gitops.gateway.clone().unwrap_or_default();
    let mut problems = Vec::new();
    let known = match &spec.implementation {
        Some(name) => named(&catalogue, name, &mut problems),
        None => by_class(search, &catalogue, routes, &mut problems)?,
    };
    let mut gateway = match known {
        Ok(known) => {
            let class = known.class.as_deref();
            let set = fitting(
                &catalogue,
                &known.implementation,
                search.canary,
                &place,
                class,
            );
            Gateway {
                version: spec.version.clone(),
                why: known.why,
                set,
                place,
                implementation: Some(known.implementation),
            }
        }
        Err(why) => Gateway::unknown(&catalogue, why, place),
    };
    if let Some(name) = &spec.query_set {
        match catalogue.set(name) {
            Some(set) => gateway.set = Some(set),
            None => {
                let all: Vec<&str> = catalogue.sets().map(|set| set.name.as_str()).collect();
                problems.push(unknown("querySet", "query set", name, &all));
            }
        }
    }
    Ok(Chosen { gateway, problems })
}

fn at(field: &str) -> FieldPath {
    let path = FieldPath::root().key("spec").key("gitops").key("gateway");
    path.key(field)
}

fn unknown(field: &str, what: &str, name: &str, all: &[&str]) -> Problem {
    let problem = Problem::error(at(field), format!("there is no {what} `{name}`"));
    match closest(name, all) {
        Some(near) => problem.hint(format!("did you mean `{near}`?")),
        None => problem.hint(format!("one of {}", all.join(", "))),
    }
}

/// The implementation that the Canary names.
fn named(catalogue: &Catalogue, name: &str, problems: &mut Vec<Problem>) -> Result<Known, String> {
    let Some(implementation) = catalogue.implementation(name) else {
        let all: Vec<&str> = catalogue
            .implementations()
            .map(|one| one.name.as_str())
            .collect();
        problems.push(unknown("implementation", "implementation", name, &all));
        return Err(format!("there is no implementation `{name}`"));
    };
    Ok(Known {
        implementation,
        class: None,
        why: "spec.gitops.gateway.implementation says so".to_owned(),
    })
}

/// The implementation that the GatewayClasses tell.
fn by_class(
    search: &Search<'_>,
    catalogue: &Catalogue,
    routes: &[RouteSite],
    problems: &mut Vec<Problem>,
) -> Result<Result<Known, String>> {
    let parents = parents(search.canary, routes);
    let gateways = search.inventory.gateways()?;
    let (mut known, mut unknown) = (Vec::<Known>::new(), Vec::new());
    for parent in &parents {
        if parent.kind == "Service" {
            unknown.push(format!("its parent is the Service {}: a mesh", parent.name));
            continue;
        }
        let namespace = parent.namespace.as_deref();
        let found = gateways.named(&parent.path, namespace, &parent.name);
        if found.is_empty() {
            unknown.push(format!(
                "the Gateway {} is not in the repository",
                parent.name
            ));
        }
        for gateway in found {
            match of_gateway(catalogue, gateway, &gateways.classes(gateway)) {
                Ok(one) => known.push(one),
                Err(why) => unknown.push(why),
            }
        }
    }
    let names: BTreeSet<String> = known
        .iter()
        .map(|one| one.implementation.name.clone())
        .collect();
    if names.len() > 1 {
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        let message = format!(
            "has to say whose metrics count: the route attaches to {}, and adding them up \
             would count requests twice",
            names.join(" and ")
        );
        problems.push(Problem::error(at("implementation"), message));
        return Ok(Err("the route attaches to several".to_owned()));
    }
    Ok(known.into_iter().next().ok_or_else(|| {
        unknown
            .into_iter()
            .next()
            .unwrap_or_else(|| "the route attaches to no Gateway".to_owned())
    }))
}

/// What the class of one Gateway tells.
fn of_gateway(
    catalogue: &Catalogue,
    gateway: &Manifest,
    classes: &[&Manifest],
) -> Result<Known, String> {
    let class = class_of(gateway);
    let place = |manifest: &Manifest, field: &str| {
        let place = manifest.error_at(field, "").location();
        place.unwrap_or_default()
    };
    if let Some(implementation) = catalogue.by_class(class) {
        let where_ = place(gateway, "spec.gatewayClassName");
        return Ok(Known {
            implementation,
            class: Some(class.to_owned()),
            why: format!("the GatewayClass is {class} ({where_})"),
        });
    }
    let Some(found) = classes.first() else {
        return Err(format!("the GatewayClass {class} is not in the repository"));
    };
    let controller = controller_of(found);
    let where_ = place(found, "spec.controllerName");
    match catalogue.by_controller(controller) {
        Some(implementation) => Ok(Known {
            implementation,
            class: Some(class.to_owned()),
            why: format!("the GatewayClass {class} names {controller} ({where_})"),
        }),
        None => Err(format!(
            "nobody knows the controller {controller} of the GatewayClass {class} ({where_})"
        )),
    }
}

/// The first query set of an implementation that fits the route.
fn fitting(
    catalogue: &Catalogue,
    implementation: &Implementation,
    canary: &Canary,
    place: &Place,
    class: Option<&str>,
) -> Option<Arc<QuerySet>> {
    let sets = implementation.query_sets.iter();
    let mut sets = sets.filter_map(|name| catalogue.set(name));
    sets.find(|set| fits(&set.when, canary, place, class))
}

fn fits(when: &When, canary: &Canary, place: &Place, class: Option<&str>) -> bool {
    let analysis = canary.spec.analysis.as_ref();
    let own_rule = analysis.is_some_and(|analysis| analysis.strategy() == Strategy::AbTesting);
    let sites = || place.canary.sites.iter().chain(&place.primary.sites);
    let filters = sites().next().is_some() && sites().all(|site| site.filtered);
    let class_fits = |classes: &Vec<String>| {
        class.is_some_and(|class| classes.iter().any(|known| known == class))
    };
    when.filters.is_none_or(|wanted| wanted == filters)
        && when.own_rule.is_none_or(|wanted| wanted == own_rule)
        && when.classes.as_ref().is_none_or(class_fits)
}

/// What a route attaches to.
struct Parent {
    kind: String,
    namespace: Option<String>,
    name: String,
    /// The file that says so.
    path: String,
}

fn parents(canary: &Canary, routes: &[RouteSite]) -> Vec<Parent> {
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
                    path: String::new(),
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
fn place(canary: &Canary, routes: &[RouteSite], primary: &str) -> Place {
    let spec = &canary.spec;
    let side = |workload: &str, service: String, generated: usize| Side {
        workload: workload.to_owned(),
        sites: routes
            .iter()
            .flat_map(|site| sites(site, &service, generated))
            .collect(),
        service,
    };
    let parents = parents(canary, routes);
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
