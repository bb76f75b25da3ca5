//! `spec.analysis.metrics`, `webhooks` and `alerts`.

use super::rules::{
    Found, http_url, label, missing, object_name, one_of, required, schema_duration, within,
};
use crate::api::words::closest;
use crate::api::{Analysis, FieldPath, Metric, NamespacedRef, Problem, ThresholdRange, Webhook};

/// Severities of alerts; an empty one counts as `info`.
const SEVERITIES: [&str; 3] = ["info", "warn", "error"];

pub(super) fn metrics(found: &mut Found, path: &FieldPath, analysis: &Analysis) {
    let path = path.key("metrics");
    if analysis.metrics().is_empty() {
        let message = "no metrics: nothing but webhooks could stop a bad version";
        found.push(Problem::warning(path.clone(), message).at_key());
    }
    for (index, metric) in analysis.metrics().iter().enumerate() {
        let path = path.index(index);
        source(found, &path, metric);
        bounds(found, &path, metric);
        requests(found, &path, metric);
        let at = path.key("interval");
        let window = metric.interval.as_deref().filter(|text| !text.is_empty());
        let window = window.and_then(|text| schema_duration(found, &at, text));
        if window.is_some_and(|window| window > analysis.interval()) {
            let message = format!(
                "is longer than the interval of the analysis ({}s), \
                 so that the measured windows overlap and mix two weights",
                analysis.interval().as_secs()
            );
            found.push(Problem::warning(at, message));
        }
    }
}

/// Where the value comes from.
fn source(found: &mut Found, path: &FieldPath, metric: &Metric) {
    let named = required(found, &path.key("name"), &metric.name);
    if let Some(template) = &metric.template_ref {
        reference(found, &path.key("templateRef"), template);
    }
    let other = match (&metric.template_ref, metric.inline_query()) {
        (Some(_), _) => Some("templateRef"),
        (None, Some(_)) => Some("query"),
        (None, None) => None,
    };
    match other {
        Some(other) if metric.is_builtin() => {
            let message = format!(
                "is asked besides the built-in check `{}`, each with the same bounds",
                metric.name
            );
            let problem = Problem::warning(path.key(other), message).at_key();
            found.push(problem.hint("give the metric another name"));
        }
        None if named && !metric.is_builtin() => {
            let message = "is not a built-in check and has neither `templateRef` nor `query`, \
                           so that it would always fail";
            let mut problem = Problem::error(path.clone(), message);
            let builtin = [Metric::SUCCESS_RATE, Metric::DURATION];
            problem.hint =
                closest(&metric.name, &builtin).map(|name| format!("did you mean `{name}`?"));
            found.push(problem);
        }
        Some(_) | None => {}
    }
}

/// What the value is compared with.
fn bounds(found: &mut Found, path: &FieldPath, metric: &Metric) {
    let threshold = path.key("threshold");
    let range = path.key("thresholdRange");
    match (metric.threshold, metric.threshold_range) {
        (Some(_), Some(_)) => {
            let message = "is ignored beside `thresholdRange`";
            found.push(Problem::warning(threshold, message).at_key());
        }
        (Some(bound), None) => {
            let side = match metric.name == Metric::SUCCESS_RATE {
                true => "min",
                false => "max",
            };
            let problem = Problem::warning(threshold, "is deprecated").at_key();
            found.push(problem.hint(format!("write `thresholdRange: {{{side}: {bound}}}`")));
        }
        (None, None) => {
            let message = match metric.name == Metric::SUCCESS_RATE {
                true => "no `thresholdRange`: any value passes",
                false => "no `thresholdRange`: only 0 and less passes",
            };
            found.push(Problem::warning(path.clone(), message));
        }
        (None, Some(_)) => {}
    }
    match metric.threshold_range {
        Some(ThresholdRange {
            min: None,
            max: None,
        }) => {
            let message = "has neither `min` nor `max`: any value passes";
            found.push(Problem::warning(range, message));
        }
        Some(ThresholdRange {
            min: Some(min),
            max: Some(max),
        }) if min > max => {
            let message = format!("no value is at least {min} and at most {max}");
            found.push(Problem::error(range, message));
        }
        Some(_) | None => {}
    }
}

/// How many requests make a value count.
fn requests(found: &mut Found, path: &FieldPath, metric: &Metric) {
    within(
        found,
        &path.key("minRequests"),
        metric.min_requests,
        (0, i64::MAX),
    );
    if metric.requests_query.is_some() && metric.min_requests.unwrap_or(0) <= 0 {
        let message = "has no effect without `minRequests`";
        found.push(Problem::warning(path.key("requestsQuery"), message).at_key());
    }
}

/// Name (required) and namespace of another object.
fn reference(found: &mut Found, path: &FieldPath, reference: &NamespacedRef) {
    object_name(found, &path.key("name"), &reference.name);
    if let Some(namespace) = reference
        .namespace
        .as_deref()
        .filter(|name| !name.is_empty())
    {
        label(found, &path.key("namespace"), namespace);
    }
}

pub(super) fn webhooks(found: &mut Found, path: &FieldPath, analysis: &Analysis) {
    let path = path.key("webhooks");
    for (index, webhook) in analysis.webhooks().iter().enumerate() {
        let path = path.index(index);
        let named = required(found, &path.key("name"), &webhook.name);
        let same = |other: &Webhook| (&other.name, other.kind) == (&webhook.name, webhook.kind);
        if named && analysis.webhooks()[..index].iter().any(same) {
            let message = "is also the name of another webhook of this type: \
                           nobody could tell which one refused";
            found.push(Problem::warning(path.key("name"), message));
        }
        if required(found, &path.key("url"), &webhook.url) {
            http_url(found, &path.key("url"), &webhook.url);
        }
        if let Some(timeout) = &webhook.timeout {
            let at = path.key("timeout");
            if schema_duration(found, &at, timeout).is_some_and(|limit| limit.is_zero()) {
                found.push(Problem::error(at, "must be longer than nothing"));
            }
        }
        attempts(found, &path.key("retries"), webhook);
        if webhook.mute_alert.is_some() && !webhook.kind.confirms() {
            let message = "has no effect: only gates that confirm alert while they are closed";
            found.push(Problem::warning(path.key("muteAlert"), message).at_key());
        }
    }
}

fn attempts(found: &mut Found, path: &FieldPath, webhook: &Webhook) {
    within(found, path, webhook.retries, (0, i64::MAX));
    let max = i64::from(Webhook::MAX_RETRIES);
    if webhook.retries.is_some_and(|retries| retries > max) {
        let message = format!("is more than {max}, after which nothing is repeated");
        found.push(Problem::warning(path.clone(), message));
    }
}

pub(super) fn alerts(found: &mut Found, path: &FieldPath, analysis: &Analysis) {
    for (index, alert) in analysis.alerts().iter().enumerate() {
        let path = path.key("alerts").index(index);
        required(found, &path.key("name"), &alert.name);
        if let Some(severity) = alert.severity.as_deref().filter(|text| !text.is_empty()) {
            one_of(found, &path.key("severity"), severity, &SEVERITIES);
        }
        match alert.provider_ref == NamespacedRef::default() {
            true => found.push(missing(path.key("providerRef"))),
            false => reference(found, &path.key("providerRef"), &alert.provider_ref),
        }
    }
}
