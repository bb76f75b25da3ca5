//! What the home kustomization does to a primary that is committed.

use super::*;
use crate::diagnostic::Diagnostic;

const LISTS: &str = "resources: [shop.yaml, primary.yaml]\n";
const EXPOSED: &str = "status:
  phase: Progressing
  canaryWeight: 50
  failedChecks: 0
  iterations: 0
  lastAppliedSpec: a
  lastPromotedSpec: b
  trackedConfigs: {}
  routed: {primary: 50, canary: 50}
  lastTransitionTime: '2026-01-01T00:00:00Z'
";

/// Target and primary, whose manifest has `image`, in a home that does `what`.
fn with(image: &str, what: &str, status: &str) -> Result<Rollout> {
    let canary = canary("") + status;
    let deployment = deployment();
    let primary = deployment
        .replace("app: shop", "app: shop-primary")
        .replace("metadata: {name: shop}", "metadata: {name: shop-primary}")
        .replace("r/shop:1", image);
    let kustomization = format!("{LISTS}{what}\n");
    let texts = [
        ("app/canary.yaml", canary.as_str()),
        ("app/shop.yaml", &deployment),
        ("app/primary.yaml", &primary),
        ("app/kustomization.yaml", &kustomization),
    ];
    try_resolve("app/canary.yaml", &texts)
}

/// Place, message and hint of the only error.
fn wrong(image: &str, what: &str) -> (String, String, String) {
    let error = with(image, what, "").unwrap_err();
    let [one] = error.diagnostics() else {
        panic!("{error:#?}");
    };
    shown(one)
}

fn shown(one: &Diagnostic) -> (String, String, String) {
    let hint = one.hint.clone().unwrap_or_default();
    (one.location().unwrap(), one.message.clone(), hint)
}

/// Nobody wrote `images` when the primary was generated; `kustomize edit set
/// image` does it later.
#[test]
fn an_image_that_is_set_later_reaches_the_primary() {
    let (place, message, hint) = wrong("r/shop:1", "images: [{name: r/shop, newTag: 9.9.9}]");
    assert_eq!(place, "app/kustomization.yaml:2:17");
    assert_eq!(
        message,
        "sets the image of shop-primary, too: it would get r/shop:9.9.9 without a release"
    );
    assert_eq!(
        hint,
        "in app/primary.yaml write `image: r/shop-primary` instead of r/shop:1, and below this \
         entry have `- {name: r/shop-primary, newName: r/shop, newTag: 1}`"
            .replace("newTag: 1", "newTag: \"1\"")
    );
    // What the hint says is right, and so is an entry that changes nothing.
    for (image, entries) in [
        (
            "r/shop-primary",
            "{name: r/shop, newTag: 9.9.9}, {name: r/shop-primary, newName: r/shop, newTag: \"1\"}",
        ),
        ("r/shop:1", "{name: r/shop, newTag: '1'}"),
        ("r/shop:1", "{name: r/till, newTag: 9.9.9}"),
    ] {
        let rollout = with(image, &format!("images: [{entries}]"), "").unwrap();
        assert!(rollout.warnings.is_empty(), "{:?}", rollout.warnings);
    }
}

/// People may have had their own primary, whatever their manifest calls it.
#[test]
fn a_primary_of_ones_own_is_reached_as_well() {
    for (image, what, given, version) in [
        (
            "r/shop@sha256:ab",
            "images: [{name: r/shop, newName: x/shop, newTag: 2.0.0}]",
            "x/shop:2.0.0",
            "`image: r/shop-primary` instead of r/shop@sha256:ab, and below this entry have `- \
             {name: r/shop-primary, newName: r/shop, digest: sha256:ab}`",
        ),
        (
            "r/shop:1@sha256:ab",
            "images: [{name: r/shop, newTag: 2.0.0}]",
            "r/shop:2.0.0",
            "`image: r/shop-primary:1@sha256:ab` instead of r/shop:1@sha256:ab, and below this \
             entry have `- {name: r/shop-primary, newName: r/shop}`",
        ),
    ] {
        let (_, message, hint) = wrong(image, what);
        assert!(
            message.contains(&format!("it would get {given} ")),
            "{message}"
        );
        assert_eq!(hint, format!("in app/primary.yaml write {version}"));
    }
}

#[test]
fn the_entry_of_the_primary_must_stay() {
    for (image, what, version) in [
        (
            "r/shop-primary",
            "images: [{name: r/shop, newTag: '2'}]",
            ", newTag: TAG",
        ),
        ("r/shop-primary", "", ", newTag: TAG"),
        ("r/shop-primary:1", "", ""),
    ] {
        let (place, message, hint) = wrong(image, what);
        assert_eq!(place, "app/primary.yaml:11:16");
        assert!(message.ends_with("r/shop-primary cannot be pulled"));
        let entry = format!(
            "add `- {{name: r/shop-primary, newName: r/shop{version}}}` to images in \
             app/kustomization.yaml"
        );
        assert!(hint.starts_with(&entry), "{hint}");
        let log = "`git log -p -- app/kustomization.yaml` shows";
        assert_eq!(hint.contains(log), !version.is_empty());
    }
    // It may be what an image is really called.
    with("r/till-primary:1", "", "").unwrap();
}

#[test]
fn nothing_else_changes_the_pods_of_the_primary() {
    let template = "{op: add, path: /spec/template/spec/hostNetwork, value: true}";
    let named = "kind: Deployment, name: shop-primary";
    for (what, at, expected) in [
        (
            format!("patches: [{{target: {{{named}}}, patch: '[{template}]'}}]"),
            "2:12",
            "changes the pod template of shop-primary without a release",
        ),
        (
            format!("patchesJson6902: [{{target: {{{named}}}, patch: '[{template}]'}}]"),
            "2:20",
            "changes the pod template of shop-primary without a release",
        ),
        (
            "patches: [{patch: '{apiVersion: apps/v1, kind: Deployment, metadata: {name: \
             shop-primary}, spec: {replicas: 5}}'}]"
                .to_owned(),
            "2:19",
            "sets the replicas of shop-primary: a promotion could not",
        ),
        (
            "replicas: [{name: shop-primary, count: 5}]".to_owned(),
            "2:19",
            "would undo it when Weirkeeper scales shop-primary",
        ),
        (
            "replacements: [{source: {kind: A}, targets: [{select: {name: shop-primary}}]}]"
                .to_owned(),
            "2:16",
            "what this replacement writes into Deployment shop-primary is not computed",
        ),
    ] {
        let (place, message, hint) = wrong("r/shop:1", &what);
        assert_eq!(place, format!("app/kustomization.yaml:{at}"), "{what}");
        assert_eq!(message, expected);
        assert!(!hint.is_empty());
    }
    // Labels and annotations are for both, and the target has them, too.
    for what in [
        "labels: [{pairs: {team: a}, includeTemplates: true}]\ncommonAnnotations: {b: c}",
        "patches: [{target: {name: shop-primary}, patch: '[{op: add, path: /metadata/annotations, value: {a: b}}]'}]",
    ] {
        with("r/shop:1", what, "").unwrap();
    }
}

#[test]
fn what_reaches_the_primary_does_not_stop_a_rollback() {
    for (image, what) in [
        ("r/shop:1", "images: [{name: r/shop, newTag: 9.9.9}]"),
        ("r/shop-primary", ""),
    ] {
        let rollout = with(image, what, EXPOSED).unwrap();
        let [one] = rollout.warnings.as_slice() else {
            panic!("{:#?}", rollout.warnings);
        };
        assert_eq!(one.severity, crate::diagnostic::Severity::Warning);
        let (_, message, hint) = wrong(image, what);
        assert_eq!(
            (&one.message, one.hint.as_deref()),
            (&message, Some(&*hint))
        );
    }
}
