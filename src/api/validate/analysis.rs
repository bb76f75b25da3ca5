//! `spec.analysis`, but for its checks and hooks.

use jiff::SignedDuration;

use super::rules::{
    Found, fits_schema, is_http_name, missing, not_by_schema, one_of, required, within,
};
use super::{matches, metrics};
use crate::api::words::{name_list, quoted};
use crate::api::{Analysis, FieldPath, Problem, SessionAffinity, Strategy, parse_duration};

/// Longest attribute of a cookie that browsers keep.
const MAX_ATTRIBUTE: usize = 1024;

/// Percent.
const PERCENT: (i64, i64) = (0, 100);

pub(super) fn analysis(found: &mut Found, path: &FieldPath, analysis: &Analysis) {
    interval(found, &path.key("interval"), analysis);
    match analysis.threshold {
        None => found.push(missing(path.key("threshold"))),
        Some(threshold) if threshold < Analysis::THRESHOLD => {
            let message = format!("counts as {}, found {threshold}", Analysis::THRESHOLD);
            found.push(Problem::warning(path.key("threshold"), message));
        }
        Some(_) => {}
    }
    steps(found, path, analysis);
    max_weight(found, &path.key("maxWeight"), analysis);
    for (name, percent) in [
        ("stepWeightPromotion", analysis.step_weight_promotion),
        ("primaryReadyThreshold", analysis.primary_ready_threshold),
        ("canaryReadyThreshold", analysis.canary_ready_threshold),
    ] {
        within(found, &path.key(name), percent, PERCENT);
    }
    if analysis.mirrors() && analysis.strategy() == Strategy::AbTesting {
        let message = "has no effect beside `match`";
        found.push(Problem::warning(path.key("mirror"), message).at_key());
    }
    for (index, entry) in analysis.matches().iter().enumerate() {
        matches::of_analysis(found, &path.key("match").index(index), entry);
    }
    metrics::metrics(found, path, analysis);
    metrics::webhooks(found, path, analysis);
    metrics::alerts(found, path, analysis);
    if let Some(affinity) = &analysis.session_affinity {
        let path = path.key("sessionAffinity");
        session_affinity(found, &path, affinity);
        if !analysis.matches().is_empty() {
            let message = "cannot be set together with `match`: in Flagger the sticky rule \
                           takes its place, and requests that do not match reach the canary";
            let hint = "remove it: who matches is sent to the canary each time anyway";
            found.push(Problem::error(path, message).at_key().hint(hint));
        }
    }
}

/// Fields that the Gateway API ignores.
pub(super) fn ignored(path: &FieldPath, analysis: &Analysis) -> Vec<FieldPath> {
    let mut ignored = Vec::new();
    if analysis.mirror_weight.is_some() {
        ignored.push(path.key("mirrorWeight"));
    }
    for (index, entry) in analysis.matches().iter().enumerate() {
        if entry.source_labels.is_some() {
            ignored.push(path.key("match").index(index).key("sourceLabels"));
        }
    }
    ignored
}

fn interval(found: &mut Found, path: &FieldPath, analysis: &Analysis) {
    let Some(text) = analysis.interval.as_deref() else {
        found.push(missing(path.clone()));
        return;
    };
    let shown = |duration: SignedDuration| format!("{}s", duration.as_secs());
    match parse_duration(text) {
        parsed if !fits_schema(text) => found.push(not_by_schema(path, text, parsed.ok())),
        Ok(interval) if interval < Analysis::MIN_INTERVAL => {
            let least = shown(Analysis::MIN_INTERVAL);
            let message = format!("counts as {least}, the shortest there is, found {text:?}");
            found.push(Problem::warning(path.clone(), message));
        }
        Ok(_) => {}
        Err(_) => {
            let default = shown(Analysis::INTERVAL);
            let message = format!(
                "is not a duration and counts as {default}, found {}",
                quoted(text)
            );
            let problem = Problem::warning(path.clone(), message);
            found.push(problem.hint("write it as 30s, 5m or 1m30s"));
        }
    }
}

/// Exactly one of `iterations`, `stepWeight` and `stepWeights`, by presence,
/// and one that leads somewhere.
fn steps(found: &mut Found, path: &FieldPath, analysis: &Analysis) {
    let ways = [
        ("iterations", analysis.iterations.is_some()),
        ("stepWeight", analysis.step_weight.is_some()),
        ("stepWeights", analysis.step_weights.is_some()),
    ];
    let set: Vec<&str> = ways
        .iter()
        .filter(|(_, set)| *set)
        .map(|(name, _)| *name)
        .collect();
    match set.as_slice() {
        [] => {
            let names = name_list(ways.iter().map(|(name, _)| *name));
            let message = format!("needs one of {names}");
            found.push(Problem::error(path.clone(), message).at_key());
        }
        [_] => {}
        [first, others @ ..] => {
            for other in others {
                let message = format!("cannot be set together with `{first}`");
                found.push(Problem::error(path.key(*other), message).at_key());
            }
        }
    }
    if let Some(iterations) = analysis.iterations.filter(|iterations| *iterations < 1) {
        let message = format!("must be at least 1, found {iterations}: it would never end");
        found.push(Problem::error(path.key("iterations"), message));
    }
    if let Some(step) = analysis.step_weight {
        let at = path.key("stepWeight");
        if step < 1 {
            let message = format!("must be at least 1, found {step}: the weight would never rise");
            found.push(Problem::error(at, message));
        } else {
            within(found, &at, Some(step), (1, 100));
        }
    }
    if analysis.step_weights.is_some() {
        ladder(found, &path.key("stepWeights"), analysis.ladder());
    }
}

fn ladder(found: &mut Found, path: &FieldPath, ladder: &[i64]) {
    if ladder.is_empty() {
        let message = "needs at least one weight: it would never rise";
        found.push(Problem::error(path.clone(), message));
    }
    let mut before = None;
    for (index, weight) in ladder.iter().copied().enumerate() {
        let path = path.index(index);
        if weight < 1 {
            let message = format!("must be at least 1, found {weight}");
            found.push(Problem::error(path, message));
        } else if let Some(before) = before.filter(|before| weight <= *before) {
            let message = format!("must be above the {before} before it, found {weight}");
            found.push(Problem::error(path, message));
        } else if weight > 100 {
            let message = format!("counts as 100, found {weight}");
            found.push(Problem::warning(path, message));
        }
        before = Some(weight);
    }
}

fn max_weight(found: &mut Found, path: &FieldPath, analysis: &Analysis) {
    let Some(weight) = analysis.max_weight else {
        return;
    };
    let unused = match (
        analysis.step_weights.is_some(),
        analysis.iterations.is_some(),
    ) {
        (true, _) => Some("is ignored beside `stepWeights`: their last one is the maximum"),
        (false, true) => Some("is ignored beside `iterations`"),
        (false, false) => None,
    };
    if let Some(message) = unused {
        found.push(Problem::warning(path.clone(), message).at_key());
    } else if weight > 100 {
        let message = format!("must be at most 100, found {weight}: it would never be reached");
        found.push(Problem::error(path.clone(), message));
    } else if weight < 1 {
        let message = format!("counts as {}, found {weight}", Analysis::MAX_WEIGHT);
        found.push(Problem::warning(path.clone(), message));
    }
}

fn session_affinity(found: &mut Found, path: &FieldPath, affinity: &SessionAffinity) {
    let canary = path.key("cookieName");
    if required(found, &canary, &affinity.cookie_name) {
        cookie_name(found, &canary, &affinity.cookie_name);
    }
    if let Some(primary) = affinity
        .primary_cookie_name
        .as_deref()
        .filter(|n| !n.is_empty())
    {
        let path = path.key("primaryCookieName");
        if primary == affinity.cookie_name {
            let message = "must differ from `cookieName`";
            found.push(Problem::error(path, message));
        } else {
            cookie_name(found, &path, primary);
        }
    }
    within(found, &path.key("maxAge"), affinity.max_age, (0, i64::MAX));
    for (name, text) in [("domain", &affinity.domain), ("path", &affinity.path)] {
        let count = text.as_deref().map_or(0, str::len);
        if count > MAX_ATTRIBUTE {
            let message = format!("must have at most {MAX_ATTRIBUTE} characters, found {count}");
            found.push(Problem::error(path.key(name), message));
        }
        let breaks_out = |c: char| c == ';' || c.is_control() || !c.is_ascii();
        if let Some(text) = text.as_deref().filter(|text| text.contains(breaks_out)) {
            let message = format!(
                "must not hold `;` or special characters, found {}",
                quoted(text)
            );
            found.push(Problem::error(path.key(name), message));
        }
    }
    if let Some(same_site) = &affinity.same_site {
        let at = path.key("sameSite");
        one_of(found, &at, same_site, &["Strict", "Lax", "None"]);
        if same_site == "None" && affinity.secure != Some(true) {
            let message = "browsers drop such a cookie unless `secure` is true";
            found.push(Problem::warning(at, message));
        }
    }
    if affinity.partitioned == Some(true) && affinity.secure != Some(true) {
        let message = "browsers drop such a cookie unless `secure` is true";
        found.push(Problem::warning(path.key("partitioned"), message));
    }
}

fn cookie_name(found: &mut Found, path: &FieldPath, name: &str) {
    if !is_http_name(name) {
        let message = format!("must be the name of a cookie, found {}", quoted(name));
        let problem = Problem::error(path.clone(), message);
        found.push(problem.hint("use letters, digits, `-`, `_` and `.`"));
    }
}
