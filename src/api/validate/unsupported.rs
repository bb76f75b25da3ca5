//! What is valid but cannot be carried out by this version.

use crate::api::{
    Analysis, AppliedFrom, Canary, FieldPath, GitOps, ObservedShare, OnFailure, Problem,
    PromotionMode, ReadinessFrom, Service, Strategy,
};

/// What this version cannot carry out yet. A Canary with an error here must not
/// be stepped: its release would not be judged as its author asks.
///
/// Metric providers are not told here; they are a matter of the templates.
#[must_use]
pub fn unsupported(canary: &Canary) -> Vec<Problem> {
    let mut found = Vec::new();
    let spec = &canary.spec;
    let path = FieldPath::root().key("spec");
    if !matches!(spec.target_ref.kind.as_str(), "" | "Deployment") {
        let at = path.key("targetRef").key("kind");
        let what = format!("a target of kind {}", spec.target_ref.kind);
        found.push(not_yet(at, &what, "a target must be a Deployment"));
    }
    if spec.autoscaler_ref.is_some() {
        let at = path.key("autoscalerRef");
        let hint = "remove it and keep the autoscaler of the primary in Git yourself";
        found.push(not_yet(at, "copying an autoscaler", hint).at_key());
    }
    if let Some(analysis) = &spec.analysis {
        of_analysis(&mut found, &path.key("analysis"), analysis);
    }
    if let Some(gitops) = &spec.gitops {
        of_gitops(&mut found, &path.key("gitops"), gitops);
    }
    found
}

/// `what` in one sentence, and what to do instead.
fn not_yet(path: FieldPath, what: &str, hint: &str) -> Problem {
    Problem::error(path, format!("{what} is not supported by this version")).hint(hint)
}

fn of_analysis(found: &mut Vec<Problem>, path: &FieldPath, analysis: &Analysis) {
    let weights = "use `stepWeight` or `stepWeights`";
    match analysis.strategy() {
        Strategy::Canary => {}
        Strategy::AbTesting => {
            found.push(not_yet(path.key("iterations"), "A/B testing", weights).at_key());
        }
        Strategy::BlueGreen => {
            found.push(not_yet(path.key("iterations"), "blue/green", weights).at_key());
        }
    }
    let set = |list: usize| list > 0;
    for (name, set, what, hint) in [
        (
            "match",
            set(analysis.matches().len()),
            "releasing to matching requests",
            "remove it",
        ),
        ("mirror", analysis.mirrors(), "mirroring", "remove it"),
        (
            "sessionAffinity",
            analysis.session_affinity.is_some(),
            "session affinity",
            "remove it",
        ),
    ] {
        if set {
            found.push(not_yet(path.key(name), what, hint).at_key());
        }
    }
}

fn of_gitops(found: &mut Vec<Problem>, path: &FieldPath, gitops: &GitOps) {
    let promotion = gitops.promotion.as_ref().map(|promotion| promotion.mode);
    let applied = gitops.applied.as_ref().map(|applied| applied.from);
    let readiness = gitops.readiness_from();
    let is_some = |list: Option<usize>| list.is_some_and(|length| length > 0);
    for (at, set, what, hint) in [
        (
            path.key("routes"),
            is_some(gitops.routes.as_ref().map(Vec::len)),
            "changing several routes",
            "use `route`, for one",
        ),
        (
            path.key("promotion").key("mode"),
            promotion == Some(PromotionMode::Fields),
            "promotion by fields",
            "use `mode: copy`",
        ),
        (
            path.key("applied").key("from"),
            applied.is_some_and(|from| from != AppliedFrom::None),
            "waiting until a commit is applied",
            "use `from: none` and an `interval` longer than Flux takes",
        ),
        (
            path.key("readiness").key("from"),
            readiness == ReadinessFrom::Applied,
            "readiness by the GitOps controller",
            "use `from: prometheus` or `from: none`",
        ),
        (
            path.key("onFailure"),
            gitops.on_failure == OnFailure::Revert,
            "reverting the target's manifest",
            "use `onFailure: hold` and revert it yourself",
        ),
        (
            path.key("gates"),
            is_some(gitops.gates.as_ref().map(Vec::len)),
            "a gate in Git",
            "remove it",
        ),
        (
            path.key("gateway"),
            gitops.gateway.is_some(),
            "choosing a gateway implementation",
            "remove it",
        ),
        (
            path.key("observedShare"),
            gitops.observed_share == ObservedShare::Hold,
            "holding for the observed share",
            "use `observedShare: warn`",
        ),
        (
            path.key("windows"),
            is_some(gitops.windows.as_ref().map(Vec::len)),
            "a window of time",
            "remove it, or schedule the workflow that runs the steps accordingly",
        ),
    ] {
        if set {
            found.push(not_yet(at, what, hint).at_key());
        }
    }
}

/// What is missing or cannot be carried out when the route does not exist and
/// has to be generated. A route in the repository keeps what it has: there the
/// same fields describe it and are not read.
#[must_use]
pub fn unsupported_in_generated_route(canary: &Canary) -> Vec<Problem> {
    let mut found = Vec::new();
    let path = FieldPath::root().key("spec").key("service");
    let Some(service) = &canary.spec.service else {
        let message = "is required to generate a route";
        found.push(Problem::error(path, message).at_key());
        return found;
    };
    if service.gateway_refs.as_ref().is_none_or(Vec::is_empty) {
        let message = "is required to generate a route";
        let hint = "name the Gateway, or add the HTTPRoute to the repository";
        let at = path.key("gatewayRefs");
        found.push(Problem::error(at, message).at_key().hint(hint));
    }
    for (index, _) in service
        .hosts
        .iter()
        .flatten()
        .enumerate()
        .filter(|(_, host)| *host == "*")
    {
        let message = "is no host name of the Gateway API";
        let problem = Problem::error(path.key("hosts").index(index), message);
        found.push(problem.hint("leave `hosts` out to take every host"));
    }
    for (name, what, owner) in left_out(service) {
        let hint =
            format!("add the {owner} to the repository, with this in it, and remove the field");
        found.push(not_yet(path.key(name), &format!("generating {what}"), &hint).at_key());
    }
    found
}

/// Fields of `service` that a generated route or its Services would lack: name,
/// what it is, and the object it belongs into.
fn left_out(service: &Service) -> Vec<(&'static str, &'static str, &'static str)> {
    const ROUTE: &str = "HTTPRoute";
    const SERVICES: &str = "Services";
    let ports = service.port_discovery == Some(true);
    let headless = service.headless == Some(true);
    [
        ("match", service.matches.is_some(), "matches", ROUTE),
        ("rewrite", service.rewrite.is_some(), "a rewrite", ROUTE),
        (
            "headers",
            service.headers.is_some(),
            "header changes",
            ROUTE,
        ),
        ("mirror", service.mirror.is_some(), "mirrors", ROUTE),
        (
            "corsPolicy",
            service.cors_policy.is_some(),
            "a cross-origin policy",
            ROUTE,
        ),
        ("portDiscovery", ports, "ports by discovery", SERVICES),
        ("headless", headless, "headless Services", SERVICES),
    ]
    .into_iter()
    .filter(|(_, set, _, _)| *set)
    .map(|(name, _, what, owner)| (name, what, owner))
    .collect()
}
