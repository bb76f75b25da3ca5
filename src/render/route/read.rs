//! What a route does, as far as a decision needs it.

use serde_yaml::Value;

use super::filters::is_mirror;
use super::steer::Steering;
use super::{Cookies, RouteState, is_generated};
use super::{Subject, affinity, generate, limits, list, matches, rules};
use crate::api::{Canary, CanarySpec, Problem, Traffic, unsupported_in_generated_route};
use crate::decide::Routed;
use crate::diagnostic::Diagnostic;
use crate::error::{Error, Result};
use crate::render::weights::{self, WeightError};
use crate::repo::manifest::Manifest;

/// What the route of a rollout does. A route whose rules still send everything
/// to the apex Service counts as none: the first step splits them. In A/B testing
/// the weights are those of the rules that take matching requests; another rule
/// that sends something to the canary disagrees with them.
///
/// # Errors
/// When no rule has both backends or the apex Service alone, or a weight is
/// not a number.
pub(in crate::render) fn routed(canary: &Canary, route: Option<&Manifest>) -> Result<Routed> {
    let Some(route) = route else {
        return Ok(Routed::Missing);
    };
    let subject = Subject::of(canary, route);
    let rules = rules(&route.value);
    let is_base = |rule: &Value| subject.is_weighted(rule) && !subject.is_added(rule);
    let added = rules.iter().enumerate();
    let mut added = added.filter(|(_, rule)| subject.is_added(rule)).peekable();
    if !rules.iter().any(is_base) && added.peek().is_some() {
        // Somebody took away what they were added to. They must be able to go.
        let added = added.map(|(index, _)| weights_of(&subject, route, index));
        return Ok(Routed::Uneven(added.collect::<Result<_>>()?));
    }
    if !rules.iter().any(is_base) {
        return match rules.iter().any(|rule| subject.is_unsplit(rule)) {
            true => Ok(Routed::Missing),
            false => Err(without_backends(&canary.spec, route)),
        };
    }
    let (steered, others) = steered(&subject, rules);
    let mut traffic = Vec::new();
    for index in others {
        let other = weights_of(&subject, route, index)?;
        if other.canary > 0 {
            traffic.push(other);
        }
    }
    for index in steered {
        let mirrored = subject.owns_mirror() && is_mirrored(&subject, &rules[index]);
        let weights = weights_of(&subject, route, index)?;
        traffic.push(Traffic {
            mirrored,
            ..weights
        });
    }
    let first = traffic.first().copied().unwrap_or(Traffic::PRIMARY);
    Ok(match traffic.iter().all(|other| *other == first) {
        true => Routed::Even(first),
        false => Routed::Uneven(traffic),
    })
}

/// Positions of the rules whose weights are the routed ones, and of those that
/// must not send anything to the canary.
fn steered(subject: &Subject<'_>, rules: &[Value]) -> (Vec<usize>, Vec<usize>) {
    let positions = |is: &dyn Fn(&Value) -> bool| -> Vec<usize> {
        let found = rules.iter().enumerate().filter(|(_, rule)| is(rule));
        found.map(|(index, _)| index).collect()
    };
    let is_base = |rule: &Value| subject.is_weighted(rule) && !subject.is_added(rule);
    let base = positions(&is_base);
    let analysis = subject.spec.analysis.as_ref();
    let conditions = analysis.map(|analysis| analysis.matches());
    let conditions = matches::conditions(conditions.unwrap_or_default(), subject.kind);
    if conditions.is_empty() {
        return (base, Vec::new());
    }
    let carried = positions(&|rule| is_base(rule) && matches::carries(rule, &conditions));
    let added = positions(&|rule| subject.is_added(rule));
    let tested = match carried.is_empty() {
        true => added,
        false => carried,
    };
    if tested.is_empty() {
        return (base, Vec::new());
    }
    let others = base.into_iter().filter(|index| !tested.contains(index));
    let others = others.collect();
    (tested, others)
}

fn weights_of(subject: &Subject<'_>, route: &Manifest, rule: usize) -> Result<Traffic> {
    let document = &route.file.stream.documents()[route.document];
    let backends = [subject.primary.as_str(), subject.canary.as_str()];
    let weights = weights::weights_of(document, rule, &backends)
        .map_err(|error| unreadable(route, &error))?;
    let (primary, canary) = weights::shares((weights[0], weights[1]));
    Ok(Traffic {
        primary,
        canary,
        mirrored: false,
    })
}

/// Are the requests of the rule copied to the canary, beyond what `service.mirror`
/// of a generated route does anyway?
fn is_mirrored(subject: &Subject<'_>, rule: &Value) -> bool {
    let filters = list(Some(rule), "filters").iter();
    let mirrors = filters.filter(|filter| is_mirror(filter, &subject.canary));
    let service = subject.spec.service.as_ref();
    let fixed = service.map(super::filters::fixed).unwrap_or_default();
    let fixed = fixed.iter();
    let fixed = fixed.filter(|filter| subject.generated && is_mirror(filter, &subject.canary));
    mirrors.count() > fixed.count()
}

/// The largest weight of the canary Service in any rule of the route, rules that
/// were added included. One that cannot be read counts as all.
pub(in crate::render) fn exposed(canary: &Canary, route: Option<&Manifest>) -> i64 {
    let Some(route) = route else {
        return 0;
    };
    let canary = canary.spec.canary_service();
    let document = &route.file.stream.documents()[route.document];
    let rules = weights::rules_with(document, &[&canary]).into_iter();
    let weights = rules.map(|rule| {
        let weights = weights::weights_of(document, rule, &[&canary]);
        weights.map_or(100, |weights| weights[0])
    });
    weights.max().unwrap_or(0)
}

/// Was the route generated, from something else than what is asked for now? Not
/// when what is asked for cannot be generated.
pub(in crate::render) fn outdated(canary: &Canary, route: Option<&Manifest>) -> bool {
    let Some(route) = route.filter(|route| is_generated(canary, route)) else {
        return false;
    };
    let status = canary.status.as_ref();
    let made_from = status.and_then(|status| status.generated_route.as_ref());
    let differs = made_from.is_some_and(|made_from| *made_from != generate::checksum(&canary.spec));
    (differs || lacks_annotations(&canary.spec, &route.value))
        && !unsupported_in_generated_route(canary)
            .iter()
            .any(Problem::is_error)
}

/// Is an annotation missing that `service.apex` asks for?
fn lacks_annotations(spec: &CanarySpec, route: &Value) -> bool {
    let apex = spec
        .service
        .as_ref()
        .and_then(|service| service.apex.as_ref());
    let wanted = apex.and_then(|apex| apex.annotations.as_ref());
    let found = route
        .get("metadata")
        .and_then(|metadata| metadata.get("annotations"));
    wanted.into_iter().flatten().any(|(key, text)| {
        let found = found.and_then(|found| found.get(key)?.as_str());
        found != Some(text.as_str())
    })
}

/// Refuses a route that the strategy would take beyond what the Gateway API
/// allows, that mirrors by itself what the strategy is to mirror, or whose
/// conditions contradict those of the strategy. Told before a
/// release begins; while the canary has traffic nothing may stand in the way of a
/// rollback.
///
/// # Errors
/// With the place of the rule.
pub(in crate::render) fn fits(canary: &Canary, route: Option<&Manifest>) -> Result<()> {
    let Some(route) = route else {
        return Ok(());
    };
    let subject = Subject::of(canary, route);
    let routed = subject.status.and_then(|status| status.routed);
    if routed.is_some_and(|routed| routed != Traffic::PRIMARY) {
        return Ok(());
    }
    let analysis = canary.spec.analysis.as_ref();
    let state = RouteState {
        traffic: Traffic {
            mirrored: analysis.is_some_and(|analysis| analysis.mirrors()),
            ..Traffic::canary(50)
        },
        cookies: affinity::affinity(&canary.spec).map_or_else(Cookies::default, Cookies::sample),
        scale: 1,
    };
    let own = rules(&route.value).iter().enumerate();
    let own = own.filter(|(_, rule)| !subject.is_added(rule));
    let (positions, base): (Vec<usize>, Vec<Value>) =
        own.map(|(index, rule)| (index, rule.clone())).unzip();
    let shown = format!("{} {}", route.kind, route.name);
    let mirrors = |rule: &Value| {
        let mut filters = list(Some(rule), "filters").iter();
        let is_mirror = |filter: &Value| is_mirror(filter, &subject.canary);
        filters
            .position(is_mirror)
            .filter(|_| subject.is_weighted(rule))
    };
    let own = base.iter().enumerate();
    let mut own = own.filter_map(|(index, rule)| Some((positions[index], mirrors(rule)?)));
    let is_ours_to_add = state.traffic.mirrored && !subject.generated;
    let mirrored = own.find(|_| is_ours_to_add);
    if let Some((rule, filter)) = mirrored {
        let at = format!("spec.rules[{rule}].filters[{filter}]");
        let message = "is what `analysis.mirror` does during a release";
        return Err(
            Error::document(format!("{shown} mirrors to {} already", subject.canary))
                .at([route.error_at(&at, message)])
                .hint("remove it: mirroring is added when it is needed"),
        );
    }
    let steering = Steering::new(&subject, &state);
    if let Some((rule, name)) = steering.clash(&base).filter(|_| !subject.generated) {
        let at = format!("spec.rules[{}].matches", positions[rule]);
        let message = format!("asks for another {name}: no request could have both");
        return Err(
            Error::document(format!("{shown} has a rule that a release cannot divide"))
                .at([route.error_at(&at, message)])
                .hint(
                    "take the condition out of the rule, or name another rule in \
                     spec.gitops.route.rule",
                ),
        );
    }
    let wanted = steering.steer(&base).into_iter();
    let wanted: Vec<Value> = wanted.map(|placed| placed.rule).collect();
    let before = limits::broken(&base, subject.kind);
    match limits::broken(&wanted, subject.kind) {
        Some(broken) if before.is_none() => Err(Error::document(format!(
            "{shown} has no room for what a release adds"
        ))
        .at([route.error_at("spec.rules", format!("during a release {broken}"))])
        .hint(
            "split the route in two, or name one rule for the release in spec.gitops.route.rule",
        )),
        Some(_) | None => Ok(()),
    }
}

fn unreadable(route: &Manifest, error: &WeightError) -> Error {
    let mut diagnostic = Diagnostic::error(error.to_string()).at(&route.file.source, error.span());
    diagnostic.hint = error.hint().map(str::to_owned);
    Error::document(format!(
        "the weights of {} {} cannot be read",
        route.kind, route.name
    ))
    .at([diagnostic])
}

fn without_backends(spec: &CanarySpec, route: &Manifest) -> Error {
    let (primary, canary) = (spec.primary_service(), spec.canary_service());
    let gitops = spec.gitops();
    let rule = gitops.route.as_ref().and_then(|route| route.rule.as_ref());
    let shown = format!("{} {}", route.kind, route.name);
    let (which, what) = match rule {
        Some(rule) => (
            format!("the rule {rule} of {shown}"),
            "is not there or lacks one of the backends",
        ),
        None => (format!("no rule of {shown}"), "has both backends"),
    };
    Error::document(format!("{which} {what}"))
        .at([route.error_at(
            "spec.rules",
            format!("{which} {what} {primary} and {canary}"),
        )])
        .hint(format!(
            "give a rule the backendRefs {primary} and {canary}, or {} alone on the port of \
             spec.service.port to have it split",
            spec.apex()
        ))
}
