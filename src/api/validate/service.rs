//! `spec.service`.

use super::rules::{
    Found, at_most, is_kind, is_label, is_subdomain, label, missing, one_of, required, within,
};
use super::{headers, matches};
use crate::api::words::{name_list, quoted};
use crate::api::{
    BackendRef, Channel, FieldPath, GatewayRef, Port, Problem, Retries, Rewrite, Service,
    parse_duration,
};

/// Port numbers.
const PORTS: (i64, i64) = (1, 65_535);

/// The most parents a route may have.
const MAX_PARENTS: usize = 32;

/// The most host names a route may have.
const MAX_HOSTS: usize = 16;

/// Longest path.
const MAX_PATH: usize = 1024;

/// Longest name of a container port.
const MAX_PORT_NAME: usize = 15;

pub(super) fn service(found: &mut Found, path: &FieldPath, service: &Service) {
    ports(found, path, service);
    if let Some(distribution) = &service.traffic_distribution {
        let allowed = ["PreferClose", "PreferSameZone", "PreferSameNode"];
        one_of(
            found,
            &path.key("trafficDistribution"),
            distribution,
            &allowed,
        );
    }
    timeouts(found, path, service);
    if let Some(parents) = &service.gateway_refs {
        gateway_refs(found, &path.key("gatewayRefs"), parents);
    }
    let hosts = service.hosts.as_ref().map_or(0, Vec::len);
    at_most(found, &path.key("hosts"), hosts, MAX_HOSTS);
    for (index, host) in service.hosts.iter().flatten().enumerate() {
        self::host(found, path.key("hosts").index(index), host);
    }
    for (index, entry) in service.matches.iter().flatten().enumerate() {
        matches::of_service(found, &path.key("match").index(index), entry);
    }
    if let Some(rewrite) = &service.rewrite {
        self::rewrite(found, &path.key("rewrite"), rewrite);
    }
    if let Some(headers) = &service.headers {
        let path = path.key("headers");
        for (name, operations) in [
            ("request", &headers.request),
            ("response", &headers.response),
        ] {
            if let Some(operations) = operations {
                headers::operations(found, &path.key(name), operations);
            }
        }
    }
    for (index, mirror) in service.mirror.iter().flatten().enumerate() {
        let path = path.key("mirror").index(index).key("backendRef");
        backend(found, &path, &mirror.backend_ref);
    }
    if let Some(cors) = &service.cors_policy {
        headers::cors_policy(found, &path.key("corsPolicy"), cors);
    }
}

/// Fields that the Gateway API ignores.
pub(super) fn ignored(path: &FieldPath, service: &Service, channel: Channel) -> Vec<FieldPath> {
    let retries = service.retries.is_some() && channel == Channel::Standard;
    let mut ignored: Vec<FieldPath> = [
        ("retries", retries),
        ("trafficPolicy", service.traffic_policy.is_some()),
        ("gateways", service.gateways.is_some()),
        ("delegation", service.delegation.is_some()),
        ("meshName", service.mesh_name.is_some()),
        ("backends", service.backends.is_some()),
    ]
    .into_iter()
    .filter(|(_, set)| *set)
    .map(|(name, _)| path.key(name))
    .collect();
    for (index, entry) in service.matches.iter().flatten().enumerate() {
        ignored.extend(matches::ignored(&path.key("match").index(index), entry));
    }
    let cors = service.cors_policy.as_ref();
    if cors.is_some_and(|cors| cors.allow_origins.is_some()) {
        ignored.push(path.key("corsPolicy").key("allowOrigins"));
    }
    ignored
}

fn ports(found: &mut Found, path: &FieldPath, service: &Service) {
    match service.port {
        Some(port) => within(found, &path.key("port"), Some(port), PORTS),
        None => found.push(missing(path.key("port"))),
    }
    if let Some(name) = service.port_name.as_deref().filter(|name| !name.is_empty()) {
        label(found, &path.key("portName"), name);
    }
    let at = path.key("targetPort");
    match &service.target_port {
        Some(Port::Number(number)) => within(found, &at, Some(*number), (0, PORTS.1)),
        Some(Port::Name(name)) if name.parse::<u16>().is_ok() => {
            let message =
                format!("must be a number or the name of a port, found the text {name:?}");
            found.push(Problem::error(at, message).hint("remove the quotes"));
        }
        Some(Port::Name(name)) => {
            let named = is_label(name) && name.len() <= MAX_PORT_NAME && !name.contains("--");
            if !named || !name.contains(|c: char| c.is_ascii_lowercase()) {
                let message = format!(
                    "must be a number or the name of a port (lower case letters, digits and `-`, \
                     at most {MAX_PORT_NAME}), found {}",
                    quoted(name)
                );
                found.push(Problem::error(at, message));
            }
        }
        None => {}
    }
}

/// The Gateway API's durations: `^([0-9]{1,5}(h|m|s|ms)){1,4}$`.
fn is_gateway_duration(text: &str) -> bool {
    let mut rest = text;
    let mut parts = 0;
    while !rest.is_empty() {
        let unit = rest.trim_start_matches(|c: char| c.is_ascii_digit());
        let digits = rest.len() - unit.len();
        let Some(after) = unit
            .strip_prefix("ms")
            .or_else(|| unit.strip_prefix(['h', 'm', 's']))
        else {
            return false;
        };
        if !(1..=5).contains(&digits) {
            return false;
        }
        parts += 1;
        rest = after;
    }
    (1..=4).contains(&parts)
}

fn timeouts(found: &mut Found, path: &FieldPath, service: &Service) {
    let mut read = |name: &str, text: &Option<String>| {
        let text = text.as_deref().filter(|text| !text.is_empty())?;
        if is_gateway_duration(text) {
            return parse_duration(text).ok();
        }
        let message = format!(
            "must be a duration of the Gateway API, whole numbers with h, m, s or ms, found {}",
            quoted(text)
        );
        found.push(Problem::error(path.key(name), message).hint("write it as 500ms, 15s or 1m30s"));
        None
    };
    let whole = read("timeout", &service.timeout);
    let attempt = read("backendTimeout", &service.backend_timeout);
    if let (Some(whole), Some(attempt)) = (whole, attempt)
        && attempt > whole
        && !whole.is_zero()
    {
        let message = "must not be longer than `timeout`, which it is a part of";
        found.push(Problem::error(path.key("backendTimeout"), message));
    }
}

/// `retries`, where they end up in a route.
pub(super) fn retries(found: &mut Found, path: &FieldPath, service: &Service) {
    let Some(retries) = &service.retries else {
        return;
    };
    let path = path.key("retries");
    within(
        found,
        &path.key("attempts"),
        retries.attempts,
        (0, i32::MAX.into()),
    );
    let at = path.key("retryOn");
    let names = retries.retry_on.as_deref().unwrap_or_default().split(',');
    let unknown: Vec<&str> = names
        .map(str::trim)
        .filter(|name| !is_retried(name))
        .collect();
    if !unknown.is_empty() {
        let message = format!(
            "{} cannot be told by a status and is ignored",
            name_list(unknown)
        );
        let problem = Problem::warning(at, message);
        found.push(problem.hint("use codes from 400 to 599, `5xx` or `gateway-error`"));
    }
    if retries.retry_remote_localities.is_some() {
        let path = path.key("retryRemoteLocalities");
        found.push(Problem::warning(path, "is ignored on the Gateway API").at_key());
    }
    let per_try = Service {
        backend_timeout: retries.per_try_timeout.clone(),
        timeout: service.timeout.clone(),
        ..Service::default()
    };
    let mut wrong = Found::new();
    timeouts(&mut wrong, &path, &per_try);
    wrong.retain(|problem| problem.path == path.key("backendTimeout"));
    found.extend(wrong.into_iter().map(|problem| Problem {
        path: path.key("perTryTimeout"),
        ..problem
    }));
}

/// Does a condition of `retryOn` stand for codes, or for nothing at all?
fn is_retried(name: &str) -> bool {
    let only = Retries {
        retry_on: Some(name.to_owned()),
        ..Retries::default()
    };
    name.is_empty() || !only.codes().is_empty()
}

/// `""`, or a DNS subdomain.
fn group(found: &mut Found, path: &FieldPath, group: Option<&str>) {
    if let Some(group) = group.filter(|group| !group.is_empty() && !is_subdomain(group)) {
        let message = format!("must be the name of an API group, found {}", quoted(group));
        found.push(Problem::error(path.clone(), message));
    }
}

fn kind(found: &mut Found, path: &FieldPath, kind: Option<&str>) {
    if let Some(kind) = kind.filter(|kind| !is_kind(kind)) {
        let message = format!("must be a kind, found {}", quoted(kind));
        found.push(Problem::error(path.clone(), message));
    }
}

/// A required name that only its length limits, as in the Gateway API.
fn free_name(found: &mut Found, path: &FieldPath, name: &str) {
    const MAX: usize = 253;
    if required(found, path, name) && name.chars().count() > MAX {
        let message = format!("must have at most {MAX} characters");
        found.push(Problem::error(path.clone(), message));
    }
}

fn gateway_refs(found: &mut Found, path: &FieldPath, parents: &[GatewayRef]) {
    if parents.is_empty() || parents.len() > MAX_PARENTS {
        let message = format!(
            "must have 1 to {MAX_PARENTS} items, found {}",
            parents.len()
        );
        found.push(Problem::error(path.clone(), message));
    }
    for (index, parent) in parents.iter().enumerate() {
        let path = path.index(index);
        group(found, &path.key("group"), parent.group.as_deref());
        kind(found, &path.key("kind"), parent.kind.as_deref());
        free_name(found, &path.key("name"), &parent.name);
        if let Some(namespace) = &parent.namespace {
            label(found, &path.key("namespace"), namespace);
        }
        if let Some(section) = parent
            .section_name
            .as_deref()
            .filter(|name| !is_subdomain(name))
        {
            let message = format!("must be the name of a listener, found {}", quoted(section));
            found.push(Problem::error(path.key("sectionName"), message));
        }
        within(found, &path.key("port"), parent.port, PORTS);
    }
    for (index, parent) in parents.iter().enumerate() {
        if let Some(message) = parents[..index]
            .iter()
            .find_map(|other| clash(other, parent))
        {
            found.push(Problem::error(path.index(index), message));
        }
    }
}

/// Why two parents cannot stand side by side: the Gateway API tells them apart by
/// their sections, and not by port.
fn clash(one: &GatewayRef, other: &GatewayRef) -> Option<&'static str> {
    let gateway = |parent: &GatewayRef| {
        let set = |text: &Option<String>| text.clone().unwrap_or_default();
        let group = parent.group.clone();
        let kind = parent.kind.clone();
        (
            group.unwrap_or_else(|| "gateway.networking.k8s.io".to_owned()),
            kind.unwrap_or_else(|| "Gateway".to_owned()),
            parent.name.clone(),
            set(&parent.namespace),
        )
    };
    let section = |parent: &GatewayRef| parent.section_name.clone().filter(|name| !name.is_empty());
    match (section(one), section(other)) {
        _ if gateway(one) != gateway(other) => None,
        (None, None) => Some("is the same parent again"),
        (Some(one), Some(other)) if one == other => Some("is the same parent again"),
        (Some(_), Some(_)) => None,
        (Some(_), None) | (None, Some(_)) => {
            Some("is the same parent again: with several, each needs a `sectionName`")
        }
    }
}

fn host(found: &mut Found, path: FieldPath, host: &str) {
    let name = host.strip_prefix("*.").unwrap_or(host);
    let is_address = name.parse::<std::net::Ipv4Addr>().is_ok();
    if host == "*" {
        let message = "is no host name of the Gateway API";
        found.push(Problem::warning(path, message).hint("leave `hosts` out to take every host"));
    } else if !is_subdomain(name) || is_address {
        let message = format!(
            "must be a host name, perhaps with `*.` in front, found {}",
            quoted(host)
        );
        found.push(Problem::error(path, message));
    }
}

fn rewrite(found: &mut Found, path: &FieldPath, rewrite: &Rewrite) {
    let kinds = [Rewrite::PREFIX, "ReplaceFullPath"];
    if let Some(kind) = rewrite.kind.as_deref().filter(|kind| !kinds.contains(kind)) {
        let message = format!("{} counts as `ReplaceFullPath`", quoted(kind));
        found.push(Problem::warning(path.key("type"), message));
    }
    let uri = rewrite.uri.as_deref().unwrap_or_default();
    if uri.chars().count() > MAX_PATH {
        let message = format!("must have at most {MAX_PATH} characters");
        found.push(Problem::error(path.key("uri"), message));
    }
    let authority = rewrite.authority.as_deref().unwrap_or_default();
    if !authority.is_empty() && !is_subdomain(authority) {
        let message = format!("must be a host name, found {}", quoted(authority));
        found.push(Problem::error(path.key("authority"), message));
    }
    if uri.is_empty() && authority.is_empty() {
        let message = "rewrites nothing: it has neither `uri` nor `authority`";
        found.push(Problem::warning(path.clone(), message).at_key());
    }
}

fn backend(found: &mut Found, path: &FieldPath, backend: &BackendRef) {
    if *backend == BackendRef::default() {
        found.push(missing(path.clone()));
        return;
    }
    group(found, &path.key("group"), backend.group.as_deref());
    kind(found, &path.key("kind"), backend.kind.as_deref());
    free_name(found, &path.key("name"), &backend.name);
    if let Some(namespace) = &backend.namespace {
        label(found, &path.key("namespace"), namespace);
    }
    within(found, &path.key("port"), backend.port, PORTS);
    let in_core = backend.group.as_deref().unwrap_or_default().is_empty();
    let is_service = backend.kind.as_deref().unwrap_or("Service") == "Service";
    if in_core && is_service && backend.port.is_none() {
        let message = "is required for a Service";
        found.push(Problem::error(path.key("port"), message).at_key());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_of_the_gateway_api() {
        for good in ["0s", "15s", "1h2m3s4ms", "99999ms"] {
            assert!(is_gateway_duration(good), "{good}");
        }
        for bad in [
            "",
            "15",
            "s",
            "0.5s",
            "1d",
            "123456s",
            "1h1h1h1h1h",
            "1m 1s",
            "-1s",
        ] {
            assert!(!is_gateway_duration(bad), "{bad}");
        }
    }
}
