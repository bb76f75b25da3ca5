//! Weights in a route that is there already: read them, write them, and split
//! a rule that sends everything to the apex Service.

use std::collections::BTreeMap;

use serde_yaml::Value;

use super::weights::{self, WeightError};
use super::workload::get;
use crate::api::{FieldPath, Segment, Traffic};
use crate::decide::Routed;
use crate::diagnostic::Diagnostic;
use crate::error::{Error, Result};
use crate::repo::manifest::Manifest;
use crate::repo::rollout::Rollout;
use crate::yaml::{EditError, Stream};

/// What the route of a rollout does. A route whose rules still send everything
/// to the apex Service counts as none: the first step splits them.
///
/// # Errors
/// When no rule has both backends or the apex Service alone, or a weight is
/// not a number.
pub(super) fn routed(rollout: &Rollout) -> Result<Routed> {
    let Some(route) = &rollout.route else {
        return Ok(Routed::Missing);
    };
    let backends = backends(rollout);
    let rules = rules(rollout, route);
    if rules.is_empty() {
        return match unsplit(rollout, route).is_empty() {
            false => Ok(Routed::Missing),
            true => Err(without_backends(rollout, route)),
        };
    }
    let mut traffic = Vec::new();
    for rule in rules {
        let weights = weights::weights_of(
            &route.file.stream.documents()[route.document],
            rule,
            &[&backends[0], &backends[1]],
        )
        .map_err(|error| unreadable(route, &error))?;
        traffic.push(Traffic {
            primary: weights[0],
            canary: weights[1],
            mirrored: false,
        });
    }
    let first = traffic[0];
    Ok(match traffic.iter().all(|other| *other == first) {
        true => Routed::Even(first),
        false => Routed::Uneven(traffic),
    })
}

/// The largest weight of the canary Service in any rule of the route. One that
/// cannot be read counts as all.
pub(super) fn exposed(rollout: &Rollout) -> i64 {
    let Some(route) = &rollout.route else {
        return 0;
    };
    let [_, canary] = backends(rollout);
    let document = &route.file.stream.documents()[route.document];
    let rules = weights::rules_with(document, &[&canary]).into_iter();
    let weights = rules.map(|rule| {
        let weights = weights::weights_of(document, rule, &[&canary]);
        weights.map_or(100, |weights| weights[0])
    });
    weights.max().unwrap_or(0)
}

/// Writes the weights to every rule with both backends. Where there is none
/// yet, rules that send everything to the apex Service are split first.
///
/// # Errors
/// When a place cannot be edited without changing something else.
pub(super) fn set(
    stream: &mut Stream,
    rollout: &Rollout,
    route: &Manifest,
    traffic: Traffic,
) -> Result<(), WeightError> {
    let [primary, canary] = backends(rollout);
    if rules(rollout, route).is_empty() {
        for (rule, item) in unsplit(rollout, route) {
            split(stream, route, rule, item, [&primary, &canary], traffic)?;
        }
        return Ok(());
    }
    let weights = BTreeMap::from([(primary, traffic.primary), (canary, traffic.canary)]);
    let rules = rules(rollout, route);
    weights::set_in_rules(stream, route.document, &rules, &weights)
}

/// Names of primary and canary backend.
fn backends(rollout: &Rollout) -> [String; 2] {
    let spec = &rollout.canary.spec;
    [spec.primary_service(), spec.canary_service()]
}

/// Rules with both backends, or the one rule that the Canary names.
fn rules(rollout: &Rollout, route: &Manifest) -> Vec<usize> {
    let [primary, canary] = backends(rollout);
    let document = &route.file.stream.documents()[route.document];
    let mut rules = weights::rules_with(document, &[&primary, &canary]);
    rules.retain(|rule| is_asked_for(rollout, route, *rule));
    rules
}

fn is_asked_for(rollout: &Rollout, route: &Manifest, rule: usize) -> bool {
    let gitops = rollout.canary.spec.gitops();
    let asked = gitops.route.as_ref().and_then(|route| route.rule.clone());
    asked.is_none_or(|asked| {
        let name = get(&route.value, &["spec", "rules"])
            .and_then(|rules| rules.get(rule)?.get("name")?.as_str());
        name == Some(&asked)
    })
}

/// Rules whose only backend is the apex Service, with the backend's position.
fn unsplit(rollout: &Rollout, route: &Manifest) -> Vec<(usize, usize)> {
    let rules = get(&route.value, &["spec", "rules"])
        .and_then(Value::as_sequence)
        .map(Vec::as_slice)
        .unwrap_or_default();
    rules
        .iter()
        .enumerate()
        .filter(|(index, _)| is_asked_for(rollout, route, *index))
        .filter(|(_, rule)| {
            let backends = rule.get("backendRefs").and_then(Value::as_sequence);
            backends.is_some_and(|backends| backends.len() == 1 && is_apex(rollout, &backends[0]))
        })
        .map(|(index, _)| (index, 0))
        .collect()
}

/// Is the backend the apex Service, on the port that primary and canary have,
/// too?
fn is_apex(rollout: &Rollout, backend: &Value) -> bool {
    let text = |key: &str| backend.get(key).and_then(Value::as_str);
    let namespace = rollout.canary.metadata.namespace.as_deref();
    let service = rollout.canary.spec.service.as_ref();
    let port = backend.get("port").and_then(Value::as_i64);
    text("name") == Some(rollout.canary.spec.apex())
        && text("kind").is_none_or(|kind| kind == "Service")
        && text("group").is_none_or(str::is_empty)
        && text("namespace").is_none_or(|found| Some(found) == namespace)
        && (port.is_none() || port == service.and_then(|service| service.port))
}

/// Makes of one backend two: the same backend under the primary's name, and a
/// copy of it under the canary's.
fn split(
    stream: &mut Stream,
    route: &Manifest,
    rule: usize,
    item: usize,
    names: [&str; 2],
    traffic: Traffic,
) -> Result<(), EditError> {
    let backends = FieldPath::from(vec![
        Segment::Key("spec".to_owned()),
        Segment::Key("rules".to_owned()),
        Segment::Index(rule),
        Segment::Key("backendRefs".to_owned()),
    ]);
    let old = get(&route.value, &["spec", "rules"])
        .and_then(|rules| rules.get(rule)?.get("backendRefs")?.get(item))
        .cloned()
        .unwrap_or_default();
    let backend = |name: &str, weight: i64| {
        let mut backend = old.clone();
        if let Some(mapping) = backend.as_mapping_mut() {
            mapping.insert("name".into(), name.into());
            mapping.insert("weight".into(), weight.into());
        }
        backend
    };
    let [primary, canary] = names;
    stream.assign(
        route.document,
        &backends.index(item),
        &backend(primary, traffic.primary),
    )?;
    stream.insert_item(
        route.document,
        &backends,
        item + 1,
        &backend(canary, traffic.canary),
    )
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

fn without_backends(rollout: &Rollout, route: &Manifest) -> Error {
    let [primary, canary] = backends(rollout);
    let apex = rollout.canary.spec.apex();
    let gitops = rollout.canary.spec.gitops();
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
            "give a rule the backendRefs {primary} and {canary}, or {apex} alone on the port of \
             spec.service.port to have it split"
        ))
}
