//! Filters: the fixed ones of `spec.service`, and those that come and go with
//! a release (Flagger: `gateway_api.go`, `makeFilters`).

use std::collections::BTreeMap;

use serde_yaml::{Mapping, Value};

use super::affinity::Ours;
use super::{is_service, list, object};
use crate::api::{BackendRef, CorsPolicy, HeaderOperations, Rewrite, Service, parse_duration};

/// The type of the filter that changes the headers of responses, and its key.
const RESPONSE: (&str, &str) = ("ResponseHeaderModifier", "responseHeaderModifier");

/// The header that sets a cookie.
const SET_COOKIE: &str = "Set-Cookie";

/// The filters that `spec.service` asks for, in Flagger's order.
pub(super) fn fixed(service: &Service) -> Vec<Value> {
    let mut filters = Vec::new();
    let headers = service.headers.clone().unwrap_or_default();
    let request = ("RequestHeaderModifier", "requestHeaderModifier");
    for ((kind, key), operations) in [(request, headers.request), (RESPONSE, headers.response)] {
        let modifier = operations.as_ref().and_then(header_modifier);
        filters.extend(modifier.map(|modifier| filter(kind, key, modifier)));
    }
    let rewrite = service.rewrite.as_ref().and_then(url_rewrite);
    filters.extend(rewrite.map(|rewrite| filter("URLRewrite", "urlRewrite", rewrite)));
    for mirror in service.mirror.iter().flatten() {
        filters.push(mirror_to(backend(&mirror.backend_ref)));
    }
    let cors = service.cors_policy.as_ref().map(cors);
    filters.extend(cors.map(|cors| filter("CORS", "cors", cors)));
    filters
}

fn filter(kind: &str, key: &str, value: Value) -> Value {
    object([("type", kind.into()), (key, value)])
}

fn header_modifier(operations: &HeaderOperations) -> Option<Value> {
    let mut modifier = Mapping::new();
    let values = |map: &BTreeMap<String, String>| {
        let values = map.iter().map(|(name, value)| header(name, value));
        Value::Sequence(values.collect())
    };
    for (key, map) in [("set", &operations.set), ("add", &operations.add)] {
        if let Some(map) = map.as_ref().filter(|map| !map.is_empty()) {
            modifier.insert(key.into(), values(map));
        }
    }
    let remove = operations.remove.as_ref().filter(|list| !list.is_empty());
    if let Some(remove) = remove {
        modifier.insert("remove".into(), texts(remove));
    }
    (!modifier.is_empty()).then(|| modifier.into())
}

fn header(name: &str, value: &str) -> Value {
    object([("name", name.into()), ("value", value.into())])
}

fn texts(list: &[String]) -> Value {
    Value::Sequence(list.iter().map(|text| text.as_str().into()).collect())
}

/// `None` when nothing would be rewritten: the Gateway API has no empty rewrite.
fn url_rewrite(rewrite: &Rewrite) -> Option<Value> {
    let mut mapping = Mapping::new();
    let set = |text: &Option<String>| text.clone().filter(|text| !text.is_empty());
    if let Some(host) = set(&rewrite.authority) {
        mapping.insert("hostname".into(), host.into());
    }
    if let Some(uri) = set(&rewrite.uri) {
        let (kind, key) = match rewrite.replaces_prefix() {
            true => (Rewrite::PREFIX, "replacePrefixMatch"),
            false => ("ReplaceFullPath", "replaceFullPath"),
        };
        let path = object([("type", kind.into()), (key, uri.into())]);
        mapping.insert("path".into(), path);
    }
    (!mapping.is_empty()).then(|| mapping.into())
}

fn backend(reference: &BackendRef) -> Value {
    let mut mapping = Mapping::new();
    let port = reference.port.map(Value::from);
    let text = |text: &Option<String>| text.clone().map(Value::from);
    for (key, value) in [
        ("group", text(&reference.group)),
        ("kind", text(&reference.kind)),
        ("name", Some(reference.name.as_str().into())),
        ("namespace", text(&reference.namespace)),
        ("port", port),
    ] {
        if let Some(value) = value {
            mapping.insert(key.into(), value);
        }
    }
    mapping.into()
}

fn mirror_to(backend: Value) -> Value {
    let mirror = object([("backendRef", backend)]);
    filter("RequestMirror", "requestMirror", mirror)
}

fn cors(policy: &CorsPolicy) -> Value {
    let mut cors = Mapping::new();
    let lists = [
        ("allowOrigins", &policy.allow_origin),
        ("allowMethods", &policy.allow_methods),
        ("allowHeaders", &policy.allow_headers),
        ("exposeHeaders", &policy.expose_headers),
    ];
    for (key, list) in lists {
        if let Some(list) = list.as_ref().filter(|list| !list.is_empty()) {
            cors.insert(key.into(), texts(list));
        }
    }
    if policy.allow_credentials == Some(true) {
        cors.insert("allowCredentials".into(), true.into());
    }
    let age = policy.max_age.as_deref();
    let age = age.and_then(|text| parse_duration(text).ok());
    if let Some(seconds) = age.map(|age| age.as_secs()).filter(|age| *age >= 1) {
        cors.insert("maxAge".into(), seconds.into());
    }
    cors.into()
}

/// The filter that copies the requests of a rule to its backend `canary`.
pub(super) fn mirror_of(rule: &Value, canary: &str) -> Option<Value> {
    let mut backends = super::backends(rule).iter();
    let backend = backends.find(|backend| is_service(backend, canary))?;
    let keys = ["group", "kind", "name", "namespace", "port"];
    let keys = keys.into_iter();
    let copied = keys.filter_map(|key| Some((key.into(), backend.get(key)?.clone())));
    Some(mirror_to(copied.collect::<Mapping>().into()))
}

/// Is it a filter that copies every request to the Service `canary`?
pub(super) fn is_mirror(filter: &Value, canary: &str) -> bool {
    let mirror = filter.get("requestMirror").and_then(Value::as_mapping);
    let whole = mirror.filter(|mirror| mirror.len() == 1);
    let backend = whole.and_then(|mirror| mirror.get("backendRef"));
    backend.is_some_and(|backend| is_service(backend, canary))
}

/// Adds `Set-Cookie` to the filter of `holder` (a rule or a backendRef) that
/// changes the headers of responses; there may be only one.
pub(super) fn add_cookie(holder: &mut Mapping, text: &str) {
    let cookie = header(SET_COOKIE, text);
    edit_list(holder, "filters", |filters| {
        let modifier = filters.iter_mut().find_map(|filter| modifier_of(filter));
        match modifier {
            Some(modifier) => edit_list(modifier, "add", |add| add.push(cookie)),
            None => {
                let modifier = object([("add", Value::Sequence(vec![cookie]))]);
                filters.push(filter(RESPONSE.0, RESPONSE.1, modifier));
            }
        }
    });
}

/// Takes every `Set-Cookie` of ours out of `holder`, and what is left empty by
/// that.
pub(super) fn remove_cookies(holder: &mut Mapping, ours: &Ours) {
    let is_ours = |item: &Value| {
        let text = |key: &str| item.get(key).and_then(Value::as_str).unwrap_or_default();
        text("name").eq_ignore_ascii_case(SET_COOKIE) && ours.has(text("value"))
    };
    let has_ours = |filter: &Value| list(filter.get(RESPONSE.1), "add").iter().any(is_ours);
    edit_list(holder, "filters", |filters| {
        filters.retain_mut(|filter| {
            if !has_ours(filter) {
                return true;
            }
            let Some(modifier) = modifier_of(filter) else {
                return true;
            };
            edit_list(modifier, "add", |add| add.retain(|item| !is_ours(item)));
            !modifier.is_empty()
        });
    });
}

fn modifier_of(filter: &mut Value) -> Option<&mut Mapping> {
    let is_response = filter.get("type").and_then(Value::as_str) == Some(RESPONSE.0);
    let modifier = filter.get_mut(RESPONSE.1).filter(|_| is_response)?;
    modifier.as_mapping_mut()
}

/// Changes a list in `holder`. It is made when it is missing, and goes with its
/// last item.
pub(super) fn edit_list(holder: &mut Mapping, key: &str, edit: impl FnOnce(&mut Vec<Value>)) {
    let mut items = match holder.get(key) {
        Some(Value::Sequence(items)) => items.clone(),
        Some(_) | None => Vec::new(),
    };
    let before = items.clone();
    edit(&mut items);
    if items == before {
        return;
    }
    match items.is_empty() {
        true => holder.shift_remove(key),
        false => holder.insert(key.into(), Value::Sequence(items)),
    };
}
