//! `spec.gitops`.

use super::rules::{Found, duration, is_subdomain, missing, object_name, one_of, required};
use crate::api::words::{name_list, quoted};
use crate::api::{
    Analysis, Applied, AppliedFrom, CanarySpec, FieldEnd, FieldPath, FieldSelector, GateSpec,
    GitOps, ObservedShare, Problem, Promotion, PromotionMode, Readiness, ReadinessFrom, RouteRef,
    Strategy, WebhookType, Window, parse_duration,
};

/// What a gate does once its time is over.
const ON_TIMEOUT: [&str; 2] = ["approve", "abort"];

pub(super) fn gitops(found: &mut Found, path: &FieldPath, gitops: &GitOps) {
    if let Some(folder) = &gitops.path {
        repository_path(found, &path.key("path"), folder);
    }
    routes(found, path, gitops);
    if let Some(promotion) = &gitops.promotion {
        self::promotion(found, &path.key("promotion"), promotion);
    }
    if let Some(applied) = &gitops.applied {
        self::applied(found, &path.key("applied"), applied);
    }
    if let Some(readiness) = &gitops.readiness {
        let from = gitops
            .applied
            .as_ref()
            .map_or_else(AppliedFrom::default, |applied| applied.from);
        self::readiness(found, &path.key("readiness"), readiness, from);
    }
    gates(found, &path.key("gates"), gitops.gates.as_deref());
    for (index, window) in gitops.windows.iter().flatten().enumerate() {
        self::window(found, &path.key("windows").index(index), window);
    }
}

/// A file or folder, from the root of the repository and inside it.
fn repository_path(found: &mut Found, path: &FieldPath, text: &str) {
    let drive = text.as_bytes().get(1) == Some(&b':');
    let message = if text.is_empty() {
        "must not be empty".into()
    } else if text.starts_with(['/', '\\', '~']) || drive {
        format!(
            "must start at the root of the repository, without `/` or `~`, found {}",
            quoted(text)
        )
    } else if text.split(['/', '\\']).any(|part| part == "..") {
        format!(
            "must stay inside the repository, without `..`, found {}",
            quoted(text)
        )
    } else if text.contains('\\') || text.contains(char::is_control) {
        format!("must be written with `/`, found {}", quoted(text))
    } else if text
        .split('/')
        .any(|part| part.eq_ignore_ascii_case(".git"))
    {
        format!("must not lead into `.git`, found {}", quoted(text))
    } else {
        return;
    };
    found.push(Problem::error(path.clone(), message));
}

fn routes(found: &mut Found, path: &FieldPath, gitops: &GitOps) {
    if let Some(route) = &gitops.route {
        let path = path.key("route");
        if route.path.is_some() {
            let message = "belongs into `routes`; for one route the folder is `spec.gitops.path`";
            found.push(Problem::error(path.key("path"), message).at_key());
        }
        self::route(found, &path, route);
    }
    let Some(routes) = &gitops.routes else {
        return;
    };
    let path = path.key("routes");
    if gitops.route.is_some() {
        let message = "cannot be set together with `route`";
        found.push(Problem::error(path.clone(), message).at_key());
    }
    if routes.is_empty() {
        found.push(Problem::error(path.clone(), "needs at least one item"));
    }
    for (index, route) in routes.iter().enumerate() {
        let path = path.index(index);
        if let Some(folder) = &route.path {
            repository_path(found, &path.key("path"), folder);
        }
        self::route(found, &path, route);
        if let Some(other) = routes[..index].iter().position(|other| other == route) {
            let message = format!("is the same as item {other}");
            found.push(Problem::error(path, message));
        }
    }
}

fn route(found: &mut Found, path: &FieldPath, route: &RouteRef) {
    if let Some(name) = &route.name {
        object_name(found, &path.key("name"), name);
    }
    if let Some(kind) = &route.kind {
        let kinds = [RouteRef::KINDS, RouteRef::PLAIN_KINDS].concat();
        one_of(found, &path.key("kind"), kind, &kinds);
    }
    if let Some(rule) = route.rule.as_deref().filter(|rule| !is_subdomain(rule)) {
        let message = format!("must be the `name` of a rule, found {}", quoted(rule));
        found.push(Problem::error(path.key("rule"), message));
    }
}

fn promotion(found: &mut Found, path: &FieldPath, promotion: &Promotion) {
    let at = path.key("fields");
    let fields = promotion.fields.as_deref().unwrap_or_default();
    match promotion.mode {
        PromotionMode::Copy if promotion.fields.is_some() => {
            let message = "needs `mode: fields`";
            found.push(Problem::error(at.clone(), message).at_key());
        }
        PromotionMode::Fields if fields.is_empty() => {
            let message = "is required with `mode: fields`";
            found.push(Problem::error(at.clone(), message).at_key());
        }
        PromotionMode::Copy | PromotionMode::Fields => {}
    }
    for (index, copy) in fields.iter().enumerate() {
        let path = at.index(index);
        field_end(found, &path.key("from"), &copy.from);
        field_end(found, &path.key("to"), &copy.to);
        if copy.from == copy.to && copy.from != FieldEnd::default() {
            let message = "is the same field as `from`";
            found.push(Problem::error(path.key("to"), message));
        }
    }
}

fn field_end(found: &mut Found, path: &FieldPath, end: &FieldEnd) {
    if *end == FieldEnd::default() {
        found.push(missing(path.clone()));
        return;
    }
    if let Some(file) = &end.file {
        repository_path(found, &path.key("file"), file);
    }
    match (&end.file, &end.kind, &end.name) {
        (None, Some(_), None) => found.push(missing(path.key("name"))),
        (None, None, Some(_)) => found.push(missing(path.key("kind"))),
        (None, None, None) => {
            let message = "needs the document: `file`, or `kind` and `name`";
            found.push(Problem::error(path.clone(), message).at_key());
        }
        (Some(_), _, _) | (None, Some(_), Some(_)) => {}
    }
    let at = path.key("path");
    if required(found, &at, &end.path)
        && let Err(error) = end.path.parse::<FieldSelector>()
    {
        found.push(Problem::error(at, error.to_string()));
    }
}

fn applied(found: &mut Found, path: &FieldPath, applied: &Applied) {
    let from = match applied.from {
        AppliedFrom::None => "none",
        AppliedFrom::GithubStatus => "githubStatus",
        AppliedFrom::Prometheus => "prometheus",
        AppliedFrom::Delay => "delay",
    };
    let used = |name: &str| match applied.from {
        AppliedFrom::None => false,
        AppliedFrom::GithubStatus => matches!(name, "context" | "timeout"),
        AppliedFrom::Prometheus => matches!(name, "query" | "timeout"),
        AppliedFrom::Delay => name == "delay",
    };
    for (name, value) in [
        ("context", &applied.context),
        ("query", &applied.query),
        ("delay", &applied.delay),
        ("timeout", &applied.timeout),
    ] {
        if value.is_some() && !used(name) {
            let message = format!("has no effect with `from: {from}`");
            found.push(Problem::warning(path.key(name), message).at_key());
        }
    }
    let is_empty = |text: &Option<String>| text.as_deref().is_none_or(str::is_empty);
    for (name, value, needed) in [
        (
            "query",
            &applied.query,
            applied.from == AppliedFrom::Prometheus,
        ),
        ("delay", &applied.delay, applied.from == AppliedFrom::Delay),
    ] {
        if needed && is_empty(value) {
            let message = format!("is required with `from: {from}`");
            found.push(Problem::error(path.key(name), message).at_key());
        }
    }
    for (name, text) in [("delay", &applied.delay), ("timeout", &applied.timeout)] {
        let text = text.as_deref().filter(|text| !text.is_empty());
        duration(found, &path.key(name), text);
    }
}

fn readiness(found: &mut Found, path: &FieldPath, readiness: &Readiness, applied: AppliedFrom) {
    if readiness.from == ReadinessFrom::Applied && applied == AppliedFrom::None {
        let message = "`applied` needs `spec.gitops.applied`";
        found.push(Problem::error(path.key("from"), message));
    }
    if readiness.query.is_some() && readiness.from != ReadinessFrom::Prometheus {
        let message = "has no effect unless `from` is `prometheus`";
        found.push(Problem::warning(path.key("query"), message).at_key());
    }
}

fn gates(found: &mut Found, path: &FieldPath, gates: Option<&[GateSpec]>) {
    let gates = gates.unwrap_or_default();
    for (index, gate) in gates.iter().enumerate() {
        let path = path.index(index);
        self::gate(found, &path, gate);
        let same = |other: &GateSpec| gate.kind.is_some() && other.kind == gate.kind;
        if let Some(other) = gates[..index].iter().position(same) {
            let message = format!("is the type of item {other}, which one approval opens");
            found.push(Problem::error(path.key("type"), message));
        }
    }
}

/// A gate that the strategy never comes to would let everything pass unseen.
pub(super) fn gates_are_reached(found: &mut Found, path: &FieldPath, spec: &CanarySpec) {
    let strategy = spec.analysis.as_ref().map(Analysis::strategy);
    let gates = spec.gitops.iter().flat_map(|gitops| &gitops.gates);
    for (index, gate) in gates.flatten().enumerate() {
        let why = match gate.kind {
            Some(WebhookType::ConfirmTrafficIncrease | WebhookType::ConfirmPromotion)
                if spec.skips_analysis() =>
            {
                "is never asked with `skipAnalysis`"
            }
            Some(WebhookType::ConfirmTrafficIncrease)
                if strategy.is_some_and(|strategy| strategy != Strategy::Canary) =>
            {
                "is never asked with `iterations`: traffic does not rise in steps"
            }
            Some(_) | None => continue,
        };
        let at = path.key("gates").index(index).key("type");
        let hint = "use confirm-rollout, which is asked before anything else";
        found.push(Problem::error(at, why).hint(hint));
    }
}

/// Whoever asks to be held by the observed share has to know where it is never looked at.
pub(super) fn share_is_compared(found: &mut Found, path: &FieldPath, spec: &CanarySpec) {
    let holds = |gitops: &GitOps| gitops.observed_share == ObservedShare::Hold;
    let analysis = spec.analysis.as_ref();
    let Some(analysis) = analysis.filter(|_| spec.gitops.as_ref().is_some_and(holds)) else {
        return;
    };
    let metrics = analysis.metrics().iter();
    let builtin = metrics.filter(|metric| metric.is_builtin());
    let windows = builtin.filter_map(|metric| parse_duration(metric.interval()).ok());
    let Some(window) = windows.max() else {
        let message = "has no effect without a built-in metric: nothing is counted at the gateway";
        found.push(Problem::warning(path.key("observedShare"), message));
        return;
    };
    let message = if analysis.strategy() != Strategy::Canary || !analysis.matches().is_empty() {
        "has no effect: only steps of weights have a share that can be compared".to_owned()
    } else if analysis.session_affinity.is_some() {
        "has no effect with `sessionAffinity`, which keeps clients where they are".to_owned()
    } else if window > analysis.interval() {
        format!(
            "never holds: the window of the built-in metrics ({} s) is longer than the interval of \
             the analysis ({} s), so that it always reaches back before the step",
            window.as_secs(),
            analysis.interval().as_secs()
        )
    } else {
        return;
    };
    found.push(Problem::warning(path.key("observedShare"), message));
}

fn gate(found: &mut Found, path: &FieldPath, gate: &GateSpec) {
    let at = path.key("type");
    match gate.kind {
        None => found.push(missing(at)),
        Some(
            WebhookType::ConfirmRollout
            | WebhookType::ConfirmTrafficIncrease
            | WebhookType::ConfirmPromotion,
        ) => {}
        Some(
            WebhookType::Rollout
            | WebhookType::PreRollout
            | WebhookType::PostRollout
            | WebhookType::Rollback
            | WebhookType::Event,
        ) => {
            let gates = [
                "confirm-rollout",
                "confirm-traffic-increase",
                "confirm-promotion",
            ];
            let message = format!("must be a gate: one of {}", name_list(gates));
            found.push(Problem::error(at, message));
        }
    }
    duration(found, &path.key("timeout"), gate.timeout.as_deref());
    if let Some(action) = &gate.on_timeout {
        let at = path.key("onTimeout");
        one_of(found, &at, action, &ON_TIMEOUT);
        if gate.timeout.is_none() {
            let message = "has no effect without `timeout`";
            found.push(Problem::warning(at, message).at_key());
        }
    }
}

fn window(found: &mut Found, path: &FieldPath, window: &Window) {
    if window.kind.is_none() {
        found.push(missing(path.key("type")));
    }
    if window.days.as_ref().is_some_and(Vec::is_empty) {
        let message = "needs at least one day, or leave it out for all";
        found.push(Problem::error(path.key("days"), message));
    }
    for (index, day) in window.days.iter().flatten().enumerate() {
        one_of(found, &path.key("days").index(index), day, &Window::DAYS);
    }
    if let Some(hours) = &window.hours
        && window.minutes().is_none()
    {
        let message = format!("must be hours of the day, found {}", quoted(hours));
        found.push(Problem::error(path.key("hours"), message).hint("write it as 09:00-17:00"));
    }
    if let Some(zone) = &window.time_zone
        && window.zone().is_none()
    {
        let message = format!("must be the name of a time zone, found {}", quoted(zone));
        found.push(Problem::error(path.key("timeZone"), message).hint("write it as Europe/Berlin"));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_stay_inside() {
        let refused = |text| {
            let mut found = Found::new();
            repository_path(&mut found, &FieldPath::root(), text);
            !found.is_empty()
        };
        for good in [".", "apps/podinfo", "a/..b/c", "./a"] {
            assert!(!refused(good), "{good}");
        }
        for bad in [
            "",
            "/etc",
            "..",
            "a/../../b",
            "..\\a",
            "a\\b",
            "C:/a",
            "~/a",
            ".git/config",
            "a\nb",
        ] {
            assert!(refused(bad), "{bad}");
        }
    }
}
