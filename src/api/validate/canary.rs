//! `spec` of a Canary, but for its three large parts.

use super::rules::{
    Found, header, http_url, is_label, missing, object_name, one_of, required, within,
};
use super::{Document as _, analysis, generated, gitops, service};
use crate::api::words::{name_list, quoted};
use crate::api::{
    AutoscalerRef, Canary, CanarySpec, Channel, FieldPath, ObjectRef, Problem, PromotionMode,
};

/// The providers of Flagger's schema.
const PROVIDERS: [&str; 19] = [
    "apisix",
    "appmesh",
    "appmesh:v1beta2",
    "contour",
    "gatewayapi:v1",
    "gatewayapi:v1beta1",
    "gloo",
    "istio",
    "knative",
    "kubernetes",
    "kuma",
    "linkerd",
    "nginx",
    "osm",
    "skipper",
    "smi:v1alpha1",
    "smi:v1alpha2",
    "smi:v1alpha3",
    "traefik",
];

/// Longest apex name: `<apex>-primary` has to fit a Service.
const MAX_APEX: usize = 63 - "-primary".len();

/// Every problem of a Canary. A Canary without an error is one that Flagger's
/// schema accepts and that can come to an end; whether this version can carry
/// it out is told by [`unsupported`](super::unsupported()).
#[must_use]
pub fn validate_canary(canary: &Canary) -> Vec<Problem> {
    let mut found = Found::new();
    let version_and_kind = (canary.api_version.as_str(), canary.kind.as_str());
    header(&mut found, version_and_kind, Canary::KIND, &canary.metadata);

    let spec = &canary.spec;
    let path = FieldPath::root().key("spec");
    provider(&mut found, &path, spec);
    if let Some(address) = &spec.metrics_server {
        http_url(&mut found, &path.key("metricsServer"), address);
    }
    target(&mut found, &path.key("targetRef"), spec);
    if let Some(autoscaler) = &spec.autoscaler_ref {
        self::autoscaler(&mut found, &path.key("autoscalerRef"), autoscaler);
    }
    for (name, reference, kind) in [
        ("ingressRef", &spec.ingress_ref, "Ingress"),
        ("routeRef", &spec.route_ref, "ApisixRoute"),
        ("upstreamRef", &spec.upstream_ref, "Upstream"),
    ] {
        if let Some(reference) = reference {
            object_ref(&mut found, &path.key(name), reference, &[kind]);
        }
    }
    let deadline = path.key("progressDeadlineSeconds");
    within(
        &mut found,
        &deadline,
        spec.progress_deadline_seconds,
        (0, i64::MAX),
    );
    if spec.revert_on_deletion == Some(true) {
        let message = "has no effect: nothing here sees that a Canary is deleted";
        found.push(Problem::warning(path.key("revertOnDeletion"), message).at_key());
    }

    apex(&mut found, &path, spec);
    match &spec.service {
        Some(service) => service::service(&mut found, &path.key("service"), service),
        None if needs_service(spec) => found.push(missing(path.key("service"))),
        None => {}
    }
    match &spec.analysis {
        Some(analysis) => analysis::analysis(&mut found, &path.key("analysis"), analysis),
        None => found.push(missing(path.key("analysis"))),
    }
    generated::together(&mut found, &path, canary);
    if let Some(gitops) = &spec.gitops {
        gitops::gitops(&mut found, &path.key("gitops"), gitops);
        gitops::gates_are_reached(&mut found, &path.key("gitops"), spec);
        gitops::share_is_compared(&mut found, &path.key("gitops"), spec);
    }
    found
}

/// Must there be a `service`? Not where somebody else owns Services and route.
fn needs_service(spec: &CanarySpec) -> bool {
    let knative = spec.provider.as_deref() == Some("knative");
    !knative && spec.promotion_mode() == PromotionMode::Copy
}

/// The provider, and the fields that the Gateway API ignores: one warning
/// each, or all in one for a Canary of another provider.
fn provider(found: &mut Found, path: &FieldPath, spec: &CanarySpec) {
    let ignored = ignored(path, spec);
    let at = path.key("provider");
    let foreign = match spec.provider.as_deref() {
        None | Some(CanarySpec::PROVIDER) => None,
        Some(CanarySpec::OLD_PROVIDER) => {
            let message = "makes a generated route of version v1beta1, without timeouts, CORS and \
                           the primary's cookie; a route in the repository keeps its own";
            found.push(Problem::warning(at.clone(), message).hint("use gatewayapi:v1"));
            None
        }
        Some("gatewayapi") => {
            let message = "must be `gatewayapi:v1`, found \"gatewayapi\"";
            found.push(Problem::error(at.clone(), message).hint("add the version"));
            None
        }
        Some(provider) => {
            let before = found.len();
            one_of(found, &at, provider, &PROVIDERS);
            (found.len() == before).then_some(provider)
        }
    };
    let Some(provider) = foreign else {
        for path in ignored {
            found.push(Problem::warning(path, "is ignored on the Gateway API").at_key());
        }
        return;
    };
    let mut message = format!("`{provider}` is treated as `{}`", CanarySpec::PROVIDER);
    if !ignored.is_empty() {
        let names: Vec<String> = ignored.iter().map(ToString::to_string).collect();
        message.push_str("; ignored: ");
        message.push_str(&name_list(names.iter().map(String::as_str)));
    }
    found.push(Problem::warning(at, message));
}

/// The channel of the Gateway API in use.
fn channel(spec: &CanarySpec) -> Channel {
    let gitops = spec.gitops.as_ref();
    let route = gitops.and_then(|gitops| gitops.route.as_ref());
    route.map_or_else(Channel::default, |route| route.channel)
}

/// Fields that are set and that the Gateway API ignores.
fn ignored(path: &FieldPath, spec: &CanarySpec) -> Vec<FieldPath> {
    let mut ignored = Vec::new();
    if spec.upstream_ref.is_some() {
        ignored.push(path.key("upstreamRef"));
    }
    if let Some(service) = &spec.service {
        ignored.extend(service::ignored(
            &path.key("service"),
            service,
            channel(spec),
        ));
    }
    if let Some(analysis) = &spec.analysis {
        ignored.extend(analysis::ignored(&path.key("analysis"), analysis));
    }
    ignored
}

/// The target is read and copied, so its kind is known; with `mode: fields` it
/// only gives names.
fn target(found: &mut Found, path: &FieldPath, spec: &CanarySpec) {
    let target = &spec.target_ref;
    if *target == ObjectRef::default() {
        found.push(missing(path.clone()));
        return;
    }
    let kinds: &[&str] = match spec.promotion_mode() {
        PromotionMode::Copy => &["Deployment", "DaemonSet", "Service"],
        PromotionMode::Fields => &[target.kind.as_str()],
    };
    object_ref(found, path, target, kinds);
    if target.namespace.is_some() {
        let message = "is ignored: the target lives in the namespace of the Canary";
        found.push(Problem::warning(path.key("namespace"), message).at_key());
    }
}

/// `apiVersion`, `kind` (one of `kinds`) and `name`, all required.
fn object_ref(found: &mut Found, path: &FieldPath, reference: &ObjectRef, kinds: &[&str]) {
    required(found, &path.key("apiVersion"), &reference.api_version);
    if required(found, &path.key("kind"), &reference.kind) {
        one_of(found, &path.key("kind"), &reference.kind, kinds);
    }
    object_name(found, &path.key("name"), &reference.name);
}

fn autoscaler(found: &mut Found, path: &FieldPath, autoscaler: &AutoscalerRef) {
    const SCALED_OBJECT: &str = "ScaledObject";
    let reference = ObjectRef {
        api_version: autoscaler.api_version.clone(),
        kind: autoscaler.kind.clone(),
        name: autoscaler.name.clone(),
        namespace: None,
    };
    let kinds = ["HorizontalPodAutoscaler", SCALED_OBJECT];
    object_ref(found, path, &reference, &kinds);

    if autoscaler.primary_scaler_queries.is_some() && autoscaler.kind != SCALED_OBJECT {
        let message = format!("has an effect on a {SCALED_OBJECT} only");
        found.push(Problem::warning(path.key("primaryScalerQueries"), message).at_key());
    }
    if let Some(replicas) = &autoscaler.primary_scaler_replicas {
        let path = path.key("primaryScalerReplicas");
        within(
            found,
            &path.key("minReplicas"),
            replicas.min_replicas,
            (1, i64::MAX),
        );
        within(
            found,
            &path.key("maxReplicas"),
            replicas.max_replicas,
            (1, i64::MAX),
        );
        if let (Some(min), Some(max)) = (replicas.min_replicas, replicas.max_replicas)
            && min > max
        {
            let message = format!("must be at least minReplicas ({min}), found {max}");
            found.push(Problem::error(path.key("maxReplicas"), message));
        }
    }
}

/// The apex names three Services, so it has to be a short DNS label.
fn apex(found: &mut Found, path: &FieldPath, spec: &CanarySpec) {
    let own = spec
        .service
        .as_ref()
        .and_then(|service| service.name.as_deref());
    let (path, name) = match own.filter(|name| !name.is_empty()) {
        Some(name) => (path.key("service").key("name"), name),
        None if spec.service.is_some() => (
            path.key("targetRef").key("name"),
            spec.target_ref.name.as_str(),
        ),
        None => return,
    };
    let known_bad = found.iter().any(|problem| problem.path == path);
    if known_bad || name.is_empty() {
        return;
    }
    let starts_with_letter = name.starts_with(|c: char| c.is_ascii_lowercase());
    if !is_label(name) || !starts_with_letter || name.len() > MAX_APEX {
        let message = format!(
            "must be lower case letters, digits and `-`, at most {MAX_APEX}, beginning with a \
             letter, to name the Services and the route, found {}",
            quoted(name)
        );
        found.push(Problem::error(path, message));
    }
}
