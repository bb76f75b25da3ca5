//! The route: generated as Flagger would, or somebody's own edited in place
//! (Flagger: `gateway_api.go`).
//!
//! Both go through the same steps on plain data. A *base rule* is a rule that
//! stands in the route whether or not a release runs; a *weighted rule* is a
//! base rule with the backends of primary and canary, or the one that
//! `spec.gitops.route.rule` names. `steer` makes of the base rules those that
//! a state of the release asks for: it sets weights, adds the filters and rules
//! that the strategy needs, and leaves everything else alone. A generated route
//! is made by `generate` from the rules of `spec.service`; `edit` takes what
//! stands in a file, without what earlier steps added, and writes the difference.
//!
//! What Weirkeeper added is recognised again: rules by the checksum of their
//! `matches` in `status.addedRules`, the mirror filter by its backend, and
//! `Set-Cookie` by the name or value of the cookie.

mod affinity;
mod edit;
mod filters;
mod generate;
mod limits;
mod matches;
mod read;
mod steer;
#[cfg(test)]
mod tests;

pub(super) use edit::{set, update};
pub(super) use generate::added_rules;
pub use generate::{API_VERSION, checksum, route};
pub(super) use read::{exposed, fits, outdated, routed};

use serde_yaml::{Mapping, Value};

pub use affinity::{Cookie, Cookies};

use crate::api::{Canary, CanarySpec, Status, Traffic};
use crate::render::weights;
use crate::repo::manifest::Manifest;

/// What a route is to do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RouteState {
    /// Weights, and whether requests are mirrored.
    pub traffic: Traffic,
    /// The cookies of session affinity.
    pub cookies: Cookies,
    /// What weights are written times with, for gateways that divide them once more;
    /// [`weights::shares`] reads them back.
    pub scale: i64,
}

impl RouteState {
    /// Everything to the primary, nobody has a cookie.
    #[must_use]
    pub fn idle() -> Self {
        Self {
            traffic: Traffic::PRIMARY,
            cookies: Cookies::default(),
            scale: 1,
        }
    }

    /// `traffic`, with the cookies that `status` knows. Weights that are both 0
    /// would let nobody through and count as 100 for the primary.
    #[must_use]
    pub fn new(spec: &CanarySpec, status: Option<&Status>, traffic: Traffic) -> Self {
        let nobody = traffic.primary <= 0 && traffic.canary <= 0;
        Self {
            traffic: Traffic {
                primary: if nobody { 100 } else { traffic.primary },
                ..traffic
            },
            cookies: Cookies::of(spec, status),
            scale: 1,
        }
    }

    /// The same with weights that are written times `scale`.
    #[must_use]
    pub fn scaled(self, scale: i64) -> Self {
        Self { scale, ..self }
    }

    /// The weights of primary and canary as they are written for `traffic`.
    fn written(&self, traffic: Traffic) -> (i64, i64) {
        weights::scaled((traffic.primary, traffic.canary), self.scale)
    }
}

/// What a kind of route can do beside weights.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum RouteKind {
    /// Matches by path, method, headers and query; filters.
    Http,
    /// Matches by method and headers; filters.
    Grpc,
    /// Weights only: `TCPRoute` and `TLSRoute`.
    Plain,
}

impl RouteKind {
    fn of(kind: &str) -> Self {
        match kind {
            "HTTPRoute" => Self::Http,
            "GRPCRoute" => Self::Grpc,
            _ => Self::Plain,
        }
    }
}

/// Is the route one that Weirkeeper generated and nobody has edited since? Any
/// other is its author's: `spec.service` does not reach it.
pub(super) fn is_generated(canary: &Canary, route: &Manifest) -> bool {
    Subject::of(canary, route).generated
}

/// A route, and what has to be known to find one's way in it.
#[derive(Debug)]
struct Subject<'a> {
    spec: &'a CanarySpec,
    /// The status as it was committed: what earlier steps added.
    status: Option<&'a Status>,
    namespace: Option<&'a str>,
    kind: RouteKind,
    /// Did Weirkeeper generate the route, and has nobody edited it since?
    generated: bool,
    primary: String,
    canary: String,
}

impl<'a> Subject<'a> {
    fn of(canary: &'a Canary, route: &Manifest) -> Self {
        let status = canary.status.as_ref();
        let made_from = status.and_then(|status| status.generated_route.as_ref());
        let mut subject = Self {
            status,
            namespace: canary.metadata.namespace.as_deref(),
            kind: RouteKind::of(&route.kind),
            generated: made_from.is_some(),
            ..Self::generated(&canary.spec)
        };
        subject.generated = made_from.is_some_and(|made_from| {
            *made_from == generate::checksum_at_rest(&subject, &route.value)
        });
        subject
    }

    /// A route that is generated right now.
    fn generated(spec: &'a CanarySpec) -> Self {
        Self {
            spec,
            status: None,
            namespace: None,
            kind: RouteKind::Http,
            generated: true,
            primary: spec.primary_service(),
            canary: spec.canary_service(),
        }
    }

    /// `spec.gitops.route.rule`; a generated route has no names.
    fn rule_name(&self) -> Option<&'a str> {
        let route = self.spec.gitops.as_ref()?.route.as_ref()?;
        route.rule.as_deref().filter(|_| !self.generated)
    }

    /// May the rule be steered: is it the one named, or is none named?
    fn is_asked_for(&self, rule: &Value) -> bool {
        let name = rule.get("name").and_then(Value::as_str);
        self.rule_name().is_none_or(|asked| name == Some(asked))
    }

    /// Has the rule both backends?
    fn has_both(&self, rule: &Value) -> bool {
        let has = |name: &str| {
            backends(rule)
                .iter()
                .any(|backend| is_service(backend, name))
        };
        has(&self.primary) && has(&self.canary)
    }

    fn is_weighted(&self, rule: &Value) -> bool {
        self.is_asked_for(rule) && self.has_both(rule)
    }

    /// Did an earlier step add the rule?
    fn is_added(&self, rule: &Value) -> bool {
        let added = self.status.map(|status| status.added_rules.as_slice());
        let added = added.unwrap_or_default();
        !added.is_empty() && self.has_both(rule) && added.contains(&matches::checksum(rule))
    }
}

/// The Services of canary and primary, as rules name them.
#[derive(Debug)]
pub(super) struct Backends {
    primary: String,
    canary: String,
}

impl Backends {
    pub(super) fn of(spec: &CanarySpec) -> Self {
        Self {
            primary: spec.primary_service(),
            canary: spec.canary_service(),
        }
    }

    /// The backendRefs of each rule that leads to one of them, by position.
    pub(super) fn in_rules<'v>(
        &self,
        route: &'v Value,
    ) -> impl Iterator<Item = (usize, &'v [Value])> {
        let all = rules(route).iter().map(backends).enumerate();
        all.filter(|(_, refs)| refs.iter().any(|one| self.name(one) != OTHER))
    }

    /// Which of the two a backendRef names.
    pub(super) fn name(&self, backend: &Value) -> &'static str {
        match backend {
            one if is_service(one, &self.canary) => "canary",
            one if is_service(one, &self.primary) => "primary",
            _ => OTHER,
        }
    }
}

/// A backend that is neither canary nor primary.
const OTHER: &str = "other";

/// `spec.rules`.
fn rules(route: &Value) -> &[Value] {
    list(route.get("spec"), "rules")
}

fn backends(rule: &Value) -> &[Value] {
    list(Some(rule), "backendRefs")
}

fn list<'v>(value: Option<&'v Value>, key: &str) -> &'v [Value] {
    value
        .and_then(|value| value.get(key))
        .and_then(Value::as_sequence)
        .map(Vec::as_slice)
        .unwrap_or_default()
}

/// Does the backendRef name this Service?
fn is_service(backend: &Value, name: &str) -> bool {
    let text = |key: &str| backend.get(key).and_then(Value::as_str);
    text("name") == Some(name)
        && text("kind").is_none_or(|kind| kind == "Service")
        && text("group").is_none_or(str::is_empty)
}

/// A mapping with these keys.
fn object<const N: usize>(entries: [(&str, Value); N]) -> Value {
    let entries = entries.into_iter();
    let mapping: Mapping = entries.map(|(key, value)| (key.into(), value)).collect();
    mapping.into()
}
