//! What a Canary asks of its gateway, by field.

use super::{Capability, Place};
use crate::api::{Analysis, Canary, FieldPath, HttpMatch, Strategy, StringMatch};

/// Something that a Canary needs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Need {
    /// What has to be there.
    pub capability: Capability,
    /// The field that asks for it.
    pub path: FieldPath,
    /// What to do where it is not there, as half a sentence.
    pub instead: &'static str,
}

/// What a Canary needs of the gateway so that its release does what it says.
/// `generated`: is a route still to be made from `spec.service`? What a route of
/// its author does by itself is its author's.
#[must_use]
pub fn needs(canary: &Canary, place: &Place, generated: bool) -> Vec<Need> {
    let mut needs = Needs {
        canary,
        found: Vec::new(),
        is_plain: !matches!(place.kind.as_str(), "HTTPRoute" | "GRPCRoute"),
    };
    needs.weights(place.is_grpc());
    needs.mirror(generated);
    needs.headers(generated);
    needs.affinity(generated);
    needs.rules();
    needs.found
}

struct Needs<'a> {
    canary: &'a Canary,
    found: Vec<Need>,
    /// A TCPRoute or TLSRoute: weights only.
    is_plain: bool,
}

fn spec() -> FieldPath {
    FieldPath::root().key("spec")
}

fn analysis() -> FieldPath {
    spec().key("analysis")
}

/// The field that says by how much the weight rises.
#[must_use]
pub(super) fn steps(analysis: &Analysis) -> FieldPath {
    let path = self::analysis();
    match (&analysis.step_weights, analysis.step_weight) {
        (Some(_), _) => path.key("stepWeights"),
        (None, Some(_)) => path.key("stepWeight"),
        (None, None) => path,
    }
}

impl Needs<'_> {
    fn add(&mut self, capability: Capability, path: FieldPath, instead: &'static str) {
        self.found.push(Need {
            capability,
            path,
            instead,
        });
    }

    fn analysis(&self) -> Option<&Analysis> {
        self.canary.spec.analysis.as_ref()
    }

    fn weights(&mut self, is_grpc: bool) {
        self.add(
            Capability::WeightZero,
            spec().key("service"),
            "give the canary a route of its own",
        );
        let Some(analysis) = self.analysis() else {
            return;
        };
        let path = steps(analysis);
        if analysis.strategy() == Strategy::Canary {
            let instead = "use `iterations`, which moves all traffic at once";
            self.add(Capability::Weights, path.clone(), instead);
        }
        if is_grpc {
            let instead = "steer an HTTPRoute that takes the same requests";
            self.add(Capability::GrpcWeights, path, instead);
        }
    }

    fn mirror(&mut self, generated: bool) {
        if self.is_plain {
            return;
        }
        if self.analysis().is_some_and(Analysis::mirrors) {
            let instead = "leave it out, and test the canary with a webhook of type pre-rollout";
            self.add(Capability::Mirror, analysis().key("mirror"), instead);
        }
        let service = self.canary.spec.service.as_ref();
        let mirrors = service.is_some_and(|service| service.mirror.iter().flatten().count() > 0);
        if generated && mirrors {
            let path = spec().key("service").key("mirror");
            self.add(Capability::Mirror, path, "leave it out");
        }
    }

    fn headers(&mut self, generated: bool) {
        if self.is_plain {
            return;
        }
        let service = self.canary.spec.service.as_ref().filter(|_| generated);
        let headers = service.and_then(|service| service.headers.as_ref());
        if headers.is_some_and(|headers| headers.response.is_some()) {
            let path = spec().key("service").key("headers").key("response");
            let instead = "let the application set them";
            self.add(Capability::ResponseHeaders, path, instead);
        }
        let instead = "compare with `exact`";
        let matches = service.and_then(|service| service.matches.as_deref());
        let path = spec().key("service").key("match");
        for path in patterns(matches.unwrap_or_default(), &path) {
            self.add(Capability::HeaderRegex, path, instead);
        }
        let matches = self.analysis().map(Analysis::matches).unwrap_or_default();
        for path in patterns(matches, &analysis().key("match")) {
            self.add(Capability::HeaderRegex, path, instead);
        }
    }

    /// The canary's responses are marked with a cookie on its backendRef, and requests
    /// that carry it are told by a pattern; an old cookie is taken back by a rule.
    fn affinity(&mut self, generated: bool) {
        let affinity = self.analysis().filter(|analysis| {
            analysis.session_affinity.is_some() && analysis.matches().is_empty()
        });
        if self.is_plain || affinity.is_none() {
            return;
        }
        let path = analysis().key("sessionAffinity");
        let instead = "leave it out, or use A/B testing with `match` on a cookie or header that \
                       the application sets";
        self.add(Capability::BackendResponseHeaders, path.clone(), instead);
        self.add(Capability::HeaderRegex, path.clone(), instead);
        if generated {
            self.add(Capability::ResponseHeaders, path, instead);
        }
    }

    fn rules(&mut self) {
        let Some(gitops) = &self.canary.spec.gitops else {
            return;
        };
        let path = spec().key("gitops");
        let one = gitops.route.iter().map(|route| (path.key("route"), route));
        let all = gitops.routes.iter().flatten().enumerate();
        let all = all.map(|(index, route)| (path.key("routes").index(index), route));
        let named = one.chain(all).filter(|(_, route)| route.rule.is_some());
        let named: Vec<FieldPath> = named.map(|(path, _)| path.key("rule")).collect();
        for path in named {
            let instead = "leave the name out, and the other rules in a route of their own";
            self.add(Capability::RuleNames, path, instead);
        }
    }
}

/// The headers in `matches` that are compared with a pattern.
fn patterns(matches: &[HttpMatch], path: &FieldPath) -> Vec<FieldPath> {
    let is_pattern = |way: &StringMatch| way.exact.is_none() && way.regex.is_some();
    let matches = matches.iter().enumerate();
    let found = matches.flat_map(|(index, one)| {
        let headers = one.headers.iter().flatten();
        let patterns = headers.filter(move |(_, way)| is_pattern(way));
        let at = path.index(index).key("headers");
        patterns.map(move |(name, _)| at.key(name.as_str()))
    });
    found.collect()
}
