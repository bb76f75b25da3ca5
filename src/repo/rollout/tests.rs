//! What belongs to a Canary, found in small repositories.

mod copied;
mod fields;
mod gateway;
mod primary;

use super::*;
use crate::error::{Error, Kind};
use crate::repo::files::Files;

/// Files by path.
type Texts<'a> = &'a [(&'a str, &'a str)];

/// A Deployment `shop` in full.
fn deployment() -> String {
    "apiVersion: apps/v1
kind: Deployment
metadata: {name: shop}
spec:
  selector: {matchLabels: {app: shop}}
  template:
    metadata: {labels: {app: shop}}
    spec:
      containers:
      - name: shop
        image: r/shop:1
"
    .to_owned()
}

/// A Canary for `shop` with more fields in its `spec`.
fn canary(more: &str) -> String {
    format!(
        "apiVersion: flagger.app/v1beta1
kind: Canary
metadata: {{name: shop, namespace: prod}}
spec:
  targetRef: {{apiVersion: apps/v1, kind: Deployment, name: shop}}
  service: {{port: 80, gatewayRefs: [{{name: edge}}]}}
  analysis: {{interval: 1m, threshold: 1, stepWeight: 50, metrics: [{{name: request-success-rate, interval: 1m, thresholdRange: {{min: 99}}}}]}}
{more}
"
    )
}

/// What belongs to the Canary in the file `path`.
fn try_resolve(path: &str, texts: Texts<'_>) -> Result<Rollout> {
    let own = |(path, text): &(&str, &str)| ((*path).to_owned(), (*text).to_owned());
    let files = Files::in_memory(texts.iter().map(own).collect());
    let inventory = Inventory::load(files).unwrap();
    let mut canaries = inventory.canaries().iter();
    let manifest = canaries.find(|canary| canary.path() == path).unwrap();
    resolve(
        &inventory,
        manifest,
        "2026-01-01T00:00:00Z".parse().unwrap(),
    )
}

fn resolved(path: &str, texts: Texts<'_>) -> Rollout {
    try_resolve(path, texts).unwrap_or_else(|error| panic!("{error:#?}"))
}

/// Place and message of each error.
fn refused(path: &str, texts: Texts<'_>) -> Vec<String> {
    let error: Error = try_resolve(path, texts).unwrap_err();
    assert_eq!(error.kind(), Kind::Document);
    let errors = error.diagnostics().iter();
    errors
        .filter(|one| one.severity == crate::diagnostic::Severity::Error)
        .map(|one| {
            assert!(
                one.hint.is_some() || one.message.contains("one of them"),
                "{one:?}"
            );
            format!("{} {}", one.location().unwrap_or_default(), one.message)
        })
        .collect()
}

/// Several routes, each in the folder of a cluster.
#[test]
fn one_canary_drives_the_routes_of_several_clusters() {
    let route = "apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: {name: shop, namespace: prod}
spec: {rules: [{backendRefs: [{name: shop-primary, port: 80}, {name: shop-canary, port: 80}]}]}
";
    let more = "  gitops: {routes: [{path: clusters/a}, {path: clusters/b, rule: main}]}";
    let canary = canary(more);
    let other = canary.replace("namespace: prod", "namespace: test");
    let deployment = deployment();
    let rollout = resolved(
        "apps/shop/canary.yaml",
        &[
            ("apps/shop/canary.yaml", &canary),
            ("apps/shop/shop.yaml", &deployment),
            ("clusters/a/route.yaml", route),
            ("clusters/b/route.yaml", route),
            ("clusters/b/canary.yaml", &other),
        ],
    );
    let sites = rollout.routes.iter().map(|site| {
        let gitops = site.canary.spec.gitops();
        assert!(gitops.routes.is_none());
        let rule = gitops.route.as_ref().unwrap().rule.clone();
        (site.manifest.as_ref().unwrap().path(), rule)
    });
    assert_eq!(
        sites.collect::<Vec<_>>(),
        [
            ("clusters/a/route.yaml", None),
            ("clusters/b/route.yaml", Some("main".to_owned()))
        ]
    );
    let missing = refused(
        "apps/shop/canary.yaml",
        &[
            ("apps/shop/canary.yaml", &canary),
            ("apps/shop/shop.yaml", &deployment),
            ("clusters/a/route.yaml", route),
        ],
    );
    assert_eq!(
        missing,
        [
            "apps/shop/canary.yaml:8:41 there is no HTTPRoute shop of namespace prod in the repository"
        ]
    );
}
