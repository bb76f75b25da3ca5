//! `MetricTemplate` and `AlertProvider`.

use super::Document as _;
use super::rules::{Found, header, http_names, http_url, missing, object_name, one_of, required};
use crate::api::{
    Address, AlertProvider, AlertProviderSpec, FieldPath, LocalRef, MetricProvider, MetricTemplate,
    Problem, ProviderType, Wanted,
};

/// Every problem of a MetricTemplate.
#[must_use]
pub fn validate_metric_template(template: &MetricTemplate) -> Vec<Problem> {
    let mut found = Found::new();
    let version_and_kind = (template.api_version.as_str(), template.kind.as_str());
    header(
        &mut found,
        version_and_kind,
        MetricTemplate::KIND,
        &template.metadata,
    );
    let path = FieldPath::root().key("spec");
    required(&mut found, &path.key("query"), &template.spec.query);
    match template.spec.provider == MetricProvider::default() {
        true => found.push(missing(path.key("provider"))),
        false => provider(&mut found, &path.key("provider"), &template.spec.provider),
    }
    found
}

fn provider(found: &mut Found, path: &FieldPath, provider: &MetricProvider) {
    let name = provider.kind.as_str();
    let known = ProviderType::of(name);
    if required(found, &path.key("type"), name) {
        let names = ProviderType::ALL.map(|kind| kind.name);
        one_of(found, &path.key("type"), name, &names);
    }
    let region = provider.region.as_deref().filter(|text| !text.is_empty());
    if let Some(kind) = known {
        let insecure = provider.insecure_skip_verify.is_some();
        for (field, set, wanted) in [
            ("headers", provider.headers.is_some(), kind.headers),
            ("region", provider.region.is_some(), kind.region),
            ("insecureSkipVerify", insecure, kind.insecure_skip_verify),
            ("secretRef", provider.secret_ref.is_some(), kind.secret),
        ] {
            if set && wanted == Wanted::No {
                let message = format!("has no effect with `type: {name}`");
                found.push(Problem::warning(path.key(field), message).at_key());
            }
        }
        needed(found, path, kind, provider);
    }
    if known.is_some_and(|kind| kind.region == Wanted::Yes) {
        required(found, &path.key("region"), region.unwrap_or_default());
    }
    if let Some(address) = provider.address.as_deref().filter(|text| !text.is_empty()) {
        // Flagger has the address of Splunk as one of a websocket.
        let of_websocket = known.is_some_and(|kind| kind.name == "splunk");
        let address = match address.strip_prefix("ws") {
            Some(rest) if of_websocket => format!("http{rest}"),
            Some(_) | None => address.to_owned(),
        };
        http_url(found, &path.key("address"), &address);
    }
    let names = provider.headers.iter().flat_map(|headers| headers.keys());
    http_names(found, &path.key("headers"), names);
    secret(found, &path.key("secretRef"), provider.secret_ref.as_ref());
}

/// Address and Secret, which are found out too late in the middle of a release.
fn needed(found: &mut Found, path: &FieldPath, kind: &ProviderType, provider: &MetricProvider) {
    let address = provider.address.as_deref().unwrap_or_default();
    if kind.address == Address::Required && address.is_empty() {
        let problem = missing(path.key("address"));
        found.push(problem.hint(format!("say where {} is", kind.title)));
    }
    if kind.secret == Wanted::Yes && provider.secret_ref.is_none() {
        let problem = missing(path.key("secretRef"));
        let keys = kind.keys.join(" and ");
        found.push(problem.hint(format!("name a Secret with {keys}")));
    }
}

/// Every problem of an AlertProvider.
#[must_use]
pub fn validate_alert_provider(provider: &AlertProvider) -> Vec<Problem> {
    let mut found = Found::new();
    let version_and_kind = (provider.api_version.as_str(), provider.kind.as_str());
    header(
        &mut found,
        version_and_kind,
        AlertProvider::KIND,
        &provider.metadata,
    );
    let spec = &provider.spec;
    let path = FieldPath::root().key("spec");
    if required(&mut found, &path.key("type"), &spec.kind) {
        one_of(
            &mut found,
            &path.key("type"),
            &spec.kind,
            &AlertProviderSpec::TYPES,
        );
    }
    match (&spec.address, &spec.secret_ref) {
        (None, None) => {
            let message = "needs `address` or `secretRef`";
            found.push(Problem::error(path.clone(), message).at_key());
        }
        (Some(_), Some(_)) => {
            let message = "cannot be set together with `secretRef`";
            let problem = Problem::error(path.key("address"), message).at_key();
            found.push(problem.hint("keep the address in the Secret, under the key `address`"));
        }
        (Some(_), None) | (None, Some(_)) => {}
    }
    for (name, address) in [("address", &spec.address), ("proxy", &spec.proxy)] {
        if let Some(address) = address {
            http_url(&mut found, &path.key(name), address);
        }
    }
    secret(&mut found, &path.key("secretRef"), spec.secret_ref.as_ref());
    found
}

fn secret(found: &mut Found, path: &FieldPath, secret: Option<&LocalRef>) {
    if let Some(secret) = secret {
        object_name(found, &path.key("name"), &secret.name);
    }
}
