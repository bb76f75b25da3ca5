//! `MetricTemplate` and `AlertProvider`.

use super::Document as _;
use super::rules::{Found, header, http_names, http_url, missing, object_name, one_of, required};
use crate::api::{
    AlertProvider, AlertProviderSpec, FieldPath, LocalRef, MetricProvider, MetricTemplate, Problem,
};

/// The provider types that use `headers`, `region` and `insecureSkipVerify`.
const WITH_REGION: [&str; 1] = ["cloudwatch"];
const SKIPS_VERIFY: [&str; 3] = [MetricProvider::PROMETHEUS, "graphite", "externalmetrics"];

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
    let kind = provider.kind.as_str();
    if required(found, &path.key("type"), kind) {
        one_of(found, &path.key("type"), kind, &MetricProvider::TYPES);
    }
    let known = MetricProvider::TYPES.contains(&kind);
    for (name, set, used_by) in [
        (
            "headers",
            provider.headers.is_some(),
            &[MetricProvider::PROMETHEUS][..],
        ),
        ("region", provider.region.is_some(), &WITH_REGION[..]),
        (
            "insecureSkipVerify",
            provider.insecure_skip_verify.is_some(),
            &SKIPS_VERIFY[..],
        ),
    ] {
        if set && known && !used_by.contains(&kind) {
            let message = format!("has no effect with `type: {kind}`");
            found.push(Problem::warning(path.key(name), message).at_key());
        }
    }
    if WITH_REGION.contains(&kind) {
        let region = provider.region.as_deref().unwrap_or_default();
        required(found, &path.key("region"), region);
    }
    if let Some(address) = provider.address.as_deref().filter(|text| !text.is_empty()) {
        http_url(found, &path.key("address"), address);
    }
    let names = provider.headers.iter().flat_map(|headers| headers.keys());
    http_names(found, &path.key("headers"), names);
    secret(found, &path.key("secretRef"), provider.secret_ref.as_ref());
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
