//! Mode `fields`.

use super::*;

const RELEASES: &str = "apiVersion: helm.toolkit.fluxcd.io/v2
kind: HelmRelease
metadata: {name: shop-canary, namespace: prod}
spec: {values: {image: {tag: '2'}}}
---
apiVersion: helm.toolkit.fluxcd.io/v2
kind: HelmRelease
metadata: {name: shop-primary, namespace: prod}
spec: {values: {image: {tag: '1'}}}
";

const IMAGES: &str = "resources: [canary.yaml]
images:
- {name: shop, newTag: '2'}
- {name: shop-primary}
";

fn fields(pairs: &str) -> String {
    canary(&format!(
        "  gitops: {{promotion: {{mode: fields, fields: [{pairs}]}}}}"
    ))
    .replace(
        "kind: Deployment, name: shop",
        "kind: HelmRelease, name: shop-canary",
    )
}

#[test]
fn fields_are_found_by_file_and_by_name() {
    let pairs = "{from: {kind: HelmRelease, name: shop-canary, path: spec.values.image.tag}, to: {file: apps/all.yaml, name: shop-primary, path: spec.values.image.tag}},
      {from: {file: ./apps/kustomization.yaml, path: 'images[name=shop].newTag'}, to: {file: apps/kustomization.yaml, path: 'images[name=shop-primary].newTag'}}";
    let canary = fields(pairs);
    let texts: Texts<'_> = &[
        ("apps/canary.yaml", &canary),
        ("apps/all.yaml", RELEASES),
        ("apps/kustomization.yaml", IMAGES),
    ];
    let rollout = resolved("apps/canary.yaml", texts);
    let Release::Fields(fields) = &rollout.release else {
        panic!("{:?}", rollout.release);
    };
    let shown = |site: &FieldSite| {
        let value = site
            .value
            .as_ref()
            .map(|value| value.as_str().unwrap().to_owned());
        format!(
            "{}#{} {} {value:?}",
            site.manifest.path(),
            site.manifest.document,
            site.path
        )
    };
    let pairs = fields.pairs.iter();
    let pairs: Vec<_> = pairs
        .map(|pair| [shown(&pair.from), shown(&pair.to)])
        .collect();
    assert_eq!(
        pairs,
        [
            [
                "apps/all.yaml#0 spec.values.image.tag Some(\"2\")",
                "apps/all.yaml#1 spec.values.image.tag Some(\"1\")"
            ],
            [
                "apps/kustomization.yaml#0 images[0].newTag Some(\"2\")",
                "apps/kustomization.yaml#0 images[1].newTag None"
            ]
        ]
    );
    let home = rollout.home.as_ref().unwrap();
    assert_eq!(home.kustomization.path(), "apps/kustomization.yaml");
    let claims = rollout.claims();
    assert_eq!(claims.len(), 2);
    assert_eq!(
        claims[1],
        Claim::Field {
            path: "apps/kustomization.yaml".to_owned(),
            document: 0,
            field: "images[1].newTag".parse().unwrap(),
        }
    );
}

#[test]
fn what_a_field_needs_is_said_with_its_place() {
    let to = "to: {file: apps/kustomization.yaml, path: 'images[0].newTag'}";
    for (pair, expected) in [
        (
            format!("{{from: {{file: apps/all.yaml, path: spec.chart.version}}, {to}}}"),
            "apps/all.yaml:4:1 there is no `spec.chart`",
        ),
        (
            format!("{{from: {{file: apps/all.yaml, path: spec.digest}}, {to}}}"),
            "apps/all.yaml:4:1 there is no `spec.digest`",
        ),
        (
            format!("{{from: {{file: apps/none.yaml, path: spec}}, {to}}}"),
            "apps/canary.yaml:8:83 there is no file apps/none.yaml",
        ),
        (
            format!("{{from: {{kind: HelmRelease, name: other, path: spec}}, {to}}}"),
            "apps/canary.yaml:8:93 there is no HelmRelease other of namespace prod in the repository",
        ),
        (
            "{from: {file: apps/all.yaml, path: spec.values}, to: {file: apps/kustomization.yaml, path: 'images[name=x].newTag'}}".to_owned(),
            "apps/kustomization.yaml:2:1 no item of `images` has `name: x`",
        ),
    ] {
        let canary = fields(&pair);
        let texts: Texts<'_> = &[
            ("apps/canary.yaml", &canary),
            ("apps/all.yaml", RELEASES),
            ("apps/kustomization.yaml", IMAGES),
        ];
        let error = try_resolve("apps/canary.yaml", texts).unwrap_err();
        let places: Vec<String> = error
            .diagnostics()
            .iter()
            .map(|one| format!("{} {}", one.location().unwrap_or_default(), one.message))
            .collect();
        assert!(places.iter().any(|place| place == expected), "{pair}: {places:#?}");
    }
}
