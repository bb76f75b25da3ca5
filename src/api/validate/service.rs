//! `spec.service`.

use super::matches;
use super::rules::{
    Found, http_names, is_kind, is_label, is_subdomain, is_token, label, missing, one_of, required,
    within,
};
use crate::api::words::quoted;
use crate::api::{
    BackendRef, CorsPolicy, FieldPath, GatewayRef, HeaderOperations, Port, Problem, Rewrite,
    Service, parse_duration,
};

/// Port numbers.
const PORTS: (i64, i64) = (1, 65_535);

/// The most parents a route may have.
const MAX_PARENTS: usize = 32;

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
                self::headers(found, &path.key(name), operations);
            }
        }
    }
    for (index, mirror) in service.mirror.iter().flatten().enumerate() {
        let path = path.key("mirror").index(index).key("backendRef");
        backend(found, &path, &mirror.backend_ref);
    }
    if let Some(cors) = &service.cors_policy {
        cors_policy(found, &path.key("corsPolicy"), cors);
    }
}

/// Fields that the Gateway API ignores.
pub(super) fn ignored(path: &FieldPath, service: &Service) -> Vec<FieldPath> {
    let mut ignored: Vec<FieldPath> = [
        ("retries", service.retries.is_some()),
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
    let kinds = ["ReplacePrefixMatch", "ReplaceFullPath"];
    if let Some(kind) = rewrite.kind.as_deref().filter(|kind| !kinds.contains(kind)) {
        let message = format!("{} counts as `ReplaceFullPath`", quoted(kind));
        found.push(Problem::warning(path.key("type"), message));
    }
    if rewrite.uri.is_none() && rewrite.authority.is_none() {
        let message = "rewrites nothing: it has neither `uri` nor `authority`";
        found.push(Problem::warning(path.clone(), message).at_key());
    }
}

fn headers(found: &mut Found, path: &FieldPath, operations: &HeaderOperations) {
    for (name, headers) in [("add", &operations.add), ("set", &operations.set)] {
        http_names(
            found,
            &path.key(name),
            headers.iter().flat_map(|map| map.keys()),
        );
    }
    for (index, header) in operations.remove.iter().flatten().enumerate() {
        if !is_token(header) {
            let message = format!("must be the name of a header, found {}", quoted(header));
            found.push(Problem::error(path.key("remove").index(index), message));
        }
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

fn cors_policy(found: &mut Found, path: &FieldPath, cors: &CorsPolicy) {
    let Some(text) = cors.max_age.as_deref() else {
        return;
    };
    let path = path.key("maxAge");
    match parse_duration(text) {
        Ok(age) if age.as_secs() >= 1 => {}
        Ok(_) => {
            let message = format!("must be at least 1s, found {}", quoted(text));
            found.push(Problem::error(path, message));
        }
        Err(_) => {
            let message = format!("is not a duration and ignored, found {}", quoted(text));
            found.push(Problem::warning(path, message).hint("write it as 24h"));
        }
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
