//! The generated HTTPRoute.

use serde_yaml::{Mapping, Value};

use super::steer::{Placed, Steering};
use super::{RouteState, Subject, filters, matches, object};
use crate::api::{CanarySpec, Channel, Retries, Service};
use crate::render::mapping;
use crate::render::workload::short_hash;

/// Group and version of generated routes.
pub const API_VERSION: &str = "gateway.networking.k8s.io/v1";

/// The same for the provider that asks for the older version.
const OLD_API_VERSION: &str = "gateway.networking.k8s.io/v1beta1";

/// The whole route in Flagger's shape (`gateway_api.go`, `Reconcile`, `SetRoutes`):
/// both backends in each weighted rule, primary first, weights always explicit.
/// Flagger's annotations that make Flux ignore the object are left out: Flux is
/// to apply it. So are `group` and `kind` where they are the defaults.
#[must_use]
pub fn route(spec: &CanarySpec, namespace: Option<&str>, state: &RouteState) -> Value {
    let service = spec.service.clone().unwrap_or_default();
    let apex = service.apex.clone().unwrap_or_default();
    let mut metadata = Mapping::new();
    metadata.insert("name".into(), spec.apex().into());
    if let Some(namespace) = namespace {
        metadata.insert("namespace".into(), namespace.into());
    }
    for (key, map) in [("labels", apex.labels), ("annotations", apex.annotations)] {
        if let Some(map) = map.filter(|map| !map.is_empty()) {
            metadata.insert(key.into(), mapping(map));
        }
    }
    let mut body = Mapping::new();
    let parents = service.gateway_refs.unwrap_or_default();
    let parents = serde_yaml::to_value(parents).unwrap_or_default();
    body.insert("parentRefs".into(), parents);
    if let Some(hosts) = service.hosts.filter(|hosts| !hosts.is_empty()) {
        let hosts = hosts.into_iter().map(Value::from).collect();
        body.insert("hostnames".into(), Value::Sequence(hosts));
    }
    let rules = rules(spec, state).into_iter().map(|placed| placed.rule);
    body.insert("rules".into(), Value::Sequence(rules.collect()));
    let version = match spec.is_v1beta1() {
        true => OLD_API_VERSION,
        false => API_VERSION,
    };
    object([
        ("apiVersion", version.into()),
        ("kind", "HTTPRoute".into()),
        ("metadata", metadata.into()),
        ("spec", body.into()),
    ])
}

/// Checksum of what the route is generated from: equal for routes that differ
/// in nothing but weights, mirror and cookies. Annotations do not count: others
/// may add some.
#[must_use]
pub fn checksum(spec: &CanarySpec) -> String {
    digest(&route(spec, None, &RouteState::idle()))
}

/// The same of a route that stands in a file, without what steps did to it.
pub(super) fn checksum_at_rest(subject: &Subject<'_>, route: &Value) -> String {
    let own = super::rules(route).iter();
    let own: Vec<Value> = own
        .filter(|rule| !subject.is_added(rule))
        .cloned()
        .collect();
    let rest = RouteState::idle();
    let rules = Steering::new(subject, &rest).steer(&own).into_iter();
    let rules = rules.map(|placed| placed.rule).collect();
    let mut route = route.clone();
    if let Some(Value::Mapping(spec)) = route.get_mut("spec") {
        spec.insert("rules".into(), Value::Sequence(rules));
    }
    digest(&route)
}

/// Checksum of everything that [`super::update`] writes but annotations.
fn digest(route: &Value) -> String {
    let part = |holder: &str, keys: &[&str]| {
        let holder = route.get(holder);
        let keys = keys.iter();
        let kept = keys.filter_map(|key| Some(((*key).into(), holder?.get(key)?.clone())));
        Value::Mapping(kept.collect())
    };
    let text = |key: &str| route.get(key).cloned().unwrap_or_default();
    let mut whole = object([
        ("apiVersion", text("apiVersion")),
        ("kind", text("kind")),
        ("metadata", part("metadata", &["name", "labels"])),
        ("spec", part("spec", &["parentRefs", "hostnames", "rules"])),
    ]);
    tidy(&mut whole);
    short_hash(&whole)
}

/// Takes out what is empty: a list may stay behind when its last item goes.
fn tidy(value: &mut Value) {
    let is_empty = |value: &Value| match value {
        Value::Null => true,
        Value::Sequence(items) => items.is_empty(),
        Value::Mapping(mapping) => mapping.is_empty(),
        Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Tagged(_) => false,
    };
    match value {
        Value::Mapping(mapping) => {
            mapping.values_mut().for_each(tidy);
            mapping.retain(|_, value| !is_empty(value));
        }
        Value::Sequence(items) => items.iter_mut().for_each(tidy),
        Value::Tagged(tagged) => tidy(&mut tagged.value),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

/// Checksums of the rules that `state` adds to the generated route.
pub(in crate::render) fn added_rules(spec: &CanarySpec, state: &RouteState) -> Vec<String> {
    super::steer::added(&rules(spec, state))
}

/// The rules of the generated route.
pub(super) fn rules(spec: &CanarySpec, state: &RouteState) -> Vec<Placed> {
    let subject = Subject::generated(spec);
    Steering::new(&subject, state).steer(&base(&subject))
}

/// The rules of a route at rest. In A/B testing the first takes the requests
/// that match, the second the others.
fn base(subject: &Subject<'_>) -> Vec<Value> {
    let service = subject.spec.service.clone().unwrap_or_default();
    let mut wanted = matches::converted(service.matches.as_deref().unwrap_or_default());
    if wanted.is_empty() {
        wanted.push(matches::everything());
    }
    let port = service.port.unwrap_or_default();
    let primary = backend(&subject.primary, port, 100);
    let both = vec![primary.clone(), backend(&subject.canary, port, 0)];
    let analysis = subject.spec.analysis.as_ref();
    let conditions = analysis.map(|analysis| analysis.matches());
    let conditions = matches::conditions(conditions.unwrap_or_default(), subject.kind);
    if conditions.is_empty() {
        return vec![rule(subject.spec, &service, wanted, both)];
    }
    let tested = matches::merged(&conditions, &wanted, matches::Merge::Replace);
    vec![
        rule(subject.spec, &service, tested, both),
        rule(subject.spec, &service, wanted, vec![primary]),
    ]
}

fn backend(name: &str, port: i64, weight: i64) -> Value {
    object([
        ("name", name.into()),
        ("port", port.into()),
        ("weight", weight.into()),
    ])
}

fn rule(spec: &CanarySpec, service: &Service, matches: Vec<Value>, backends: Vec<Value>) -> Value {
    let mut rule = Mapping::new();
    rule.insert("matches".into(), Value::Sequence(matches));
    let mut filters = filters::fixed(service);
    if spec.is_v1beta1() {
        filters.retain(|filter| filter.get("cors").is_none());
    }
    if !filters.is_empty() {
        rule.insert("filters".into(), Value::Sequence(filters));
    }
    rule.insert("backendRefs".into(), Value::Sequence(backends));
    let retries = spec.retries();
    let timeouts = timeouts(service, retries);
    if !timeouts.is_empty() && !spec.is_v1beta1() {
        rule.insert("timeouts".into(), timeouts.into());
    }
    if let Some(retry) = retries.and_then(retry) {
        rule.insert("retry".into(), retry);
    }
    rule.into()
}

fn timeouts(service: &Service, retries: Option<&Retries>) -> Mapping {
    let set = |text: &Option<String>| text.clone().filter(|text| !text.is_empty());
    let per_try = retries.and_then(|retries| set(&retries.per_try_timeout));
    let timeouts = [
        ("request", set(&service.timeout)),
        ("backendRequest", set(&service.backend_timeout).or(per_try)),
    ];
    let set = timeouts.into_iter();
    set.filter_map(|(key, limit)| Some((key.into(), limit?.into())))
        .collect()
}

/// `None` when nothing is to be retried.
fn retry(retries: &Retries) -> Option<Value> {
    let mut retry = Mapping::new();
    if let Some(attempts) = retries.attempts.filter(|attempts| *attempts >= 1) {
        retry.insert("attempts".into(), attempts.into());
    }
    let codes = retries.codes();
    if !codes.is_empty() {
        let codes = codes.into_iter().map(Value::from).collect();
        retry.insert("codes".into(), Value::Sequence(codes));
    }
    (!retry.is_empty() && retries.attempts != Some(0)).then(|| retry.into())
}

impl CanarySpec {
    /// `service.retries`, where the routes in use can have them.
    fn retries(&self) -> Option<&Retries> {
        let route = self.gitops.as_ref()?.route.as_ref()?;
        let retries = self.service.as_ref()?.retries.as_ref();
        retries.filter(|_| route.channel == Channel::Experimental)
    }
}
