//! A harmless filter on each backendRef, which makes Envoy Gateway count the requests to
//! each backend by itself.
//!
//! By default all backends of a rule are one cluster of Envoy, and share its statistics.
//! A filter of a backendRef makes it a cluster of its own. Nobody but a person who asks
//! for it gets this filter: other implementations refuse a backendRef with one, and a
//! session of `sessionPersistence` no longer sticks across backends.

use serde_yaml::{Mapping, Value};

use super::Editor;
use crate::api::FieldPath;
use crate::error::{Error, Result};
use crate::render::changes::Changes;
use crate::render::route::{self, Backends, RouteState};
use crate::render::weights::WeightError;
use crate::repo::files::Files;
use crate::repo::manifest::Manifest;
use crate::repo::rollout::{Rollout, RouteSite};
use crate::yaml::Stream;

/// The header that the filter sets: `canary` or `primary`.
pub const HEADER: &str = "x-weirkeeper-backend";

/// Writes the filter on each backendRef without one, in every rule that leads to canary
/// or primary. A route that is still to be generated is generated with it. Nothing
/// changes where every backendRef has a filter.
///
/// # Errors
/// When a route stands in a base that others share, is of a kind without filters, or
/// cannot be edited faithfully. `changes` is then to be thrown away.
pub fn separate(rollout: &Rollout, files: &Files, changes: &mut Changes) -> Result<()> {
    let mut editor = Editor {
        rollout,
        files,
        changes,
        status: None,
    };
    rollout
        .routes
        .iter()
        .try_for_each(|site| editor.separate(site))
}

impl Editor<'_> {
    fn separate(&mut self, site: &RouteSite) -> Result<()> {
        let backends = Backends::of(&site.canary.spec);
        let Some(route) = &site.manifest else {
            return self.generate_separate(site, &backends);
        };
        let missing = missing(&backends, &route.value);
        if missing.is_empty() {
            return Ok(());
        }
        if !matches!(route.kind.as_str(), "HTTPRoute" | "GRPCRoute") {
            return Err(refused(route, "has no filters", "measure at the workload"));
        }
        if self.is_shared_route(route) {
            return Err(refused(
                route,
                "stands in a base that others share",
                "put the filter into the base, for all of them: each step writes the rules of \
                 this one anew from it",
            ));
        }
        self.edit(route, |stream| set(stream, route.document, &missing))
    }

    /// The route as the first step would make it, with the filters.
    fn generate_separate(&mut self, site: &RouteSite, backends: &Backends) -> Result<()> {
        let spec = &site.canary.spec;
        let mut object = route::route(spec, self.namespace(), &RouteState::idle());
        for (rule, backend, filters) in missing(backends, &object) {
            let found = object
                .get_mut("spec")
                .and_then(|spec| spec.get_mut("rules")?.get_mut(rule))
                .and_then(|rule| rule.get_mut("backendRefs")?.get_mut(backend));
            if let Some(Value::Mapping(found)) = found {
                found.insert("filters".into(), filters);
            }
        }
        self.create("httproute", spec.apex(), &object)
    }
}

/// Rule and position of each backendRef without a filter, in rules that lead to canary
/// or primary, with the filters it is to get.
fn missing(backends: &Backends, route: &Value) -> Vec<(usize, usize, Value)> {
    let mut missing = Vec::new();
    for (rule, refs) in backends.in_rules(route) {
        let has_filters = |one: &Value| {
            let filters = one.get("filters").and_then(Value::as_sequence);
            filters.is_some_and(|filters| !filters.is_empty())
        };
        for (index, one) in refs.iter().enumerate().filter(|(_, one)| !has_filters(one)) {
            missing.push((rule, index, filters(backends.name(one))));
        }
    }
    missing
}

fn filters(backend: &str) -> Value {
    let object = |entries: Vec<(&str, Value)>| {
        let entries = entries.into_iter();
        let mapping: Mapping = entries.map(|(key, value)| (key.into(), value)).collect();
        Value::Mapping(mapping)
    };
    let header = object(vec![("name", HEADER.into()), ("value", backend.into())]);
    let modifier = object(vec![("set", Value::Sequence(vec![header]))]);
    let filter = object(vec![
        ("type", "RequestHeaderModifier".into()),
        ("requestHeaderModifier", modifier),
    ]);
    Value::Sequence(vec![filter])
}

fn set(
    stream: &mut Stream,
    document: usize,
    missing: &[(usize, usize, Value)],
) -> Result<(), WeightError> {
    for (rule, backend, filters) in missing {
        let path = FieldPath::root().key("spec").key("rules").index(*rule);
        let path = path.key("backendRefs").index(*backend).key("filters");
        stream.assign(document, &path, filters)?;
    }
    Ok(())
}

fn refused(route: &Manifest, why: &str, hint: &str) -> Error {
    let message = format!("{} {} {why}", route.kind, route.name);
    Error::document(message)
        .at([route.error_at("spec.rules", "its backendRefs are to get a filter")])
        .hint(hint)
}
