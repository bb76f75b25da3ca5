//! Named fields.

use crate::api::FieldPath;
use crate::decide::{Effect, Primary};
use crate::render::testing::{Repo, parse};
use crate::repo::rollout::{FieldPair, FieldSite, Fields, Release};

const FILES: [(&str, &str); 2] = [
    (
        "canary-values.yaml",
        "# The canary.
apiVersion: helm.toolkit.fluxcd.io/v2
kind: HelmRelease
metadata: {name: shop}
spec:
  chart: {spec: {version: 1.0.0}}
  values:
    image: {tag: '2'} # new
    debug: true
    list: [a, b]
",
    ),
    (
        "primary-values.yaml",
        "# The primary.
apiVersion: helm.toolkit.fluxcd.io/v2
kind: HelmRelease
metadata: {name: shop-primary}
spec:
  chart: {spec: {version: 1.0.0}} # pinned
  values:
    image: {tag: '1'} # old
    list: [a]
",
    ),
];

const PATHS: [&str; 4] = [
    "spec.chart.spec.version",
    "spec.values.image.tag",
    "spec.values.debug",
    "spec.values.list",
];

fn fields(repo: &Repo) -> Fields {
    let site = |file: &str, path: &str| {
        let manifest = parse(file, &repo.texts[file]).remove(0);
        let path: FieldPath = path.parse().unwrap();
        let document = &manifest.file.stream.documents()[0];
        let value = document.get(&path).map(|_| {
            let keys: Vec<String> = path.to_string().split('.').map(str::to_owned).collect();
            keys.iter()
                .fold(serde_yaml::Value::clone(&manifest.value), |value, key| {
                    value[key.as_str()].clone()
                })
        });
        FieldSite {
            manifest,
            path,
            value,
        }
    };
    let pairs = PATHS.iter().map(|path| FieldPair {
        from: site(FILES[0].0, path),
        to: site(FILES[1].0, path),
    });
    Fields {
        pairs: pairs.collect(),
    }
}

fn repo() -> Repo {
    let mut repo = Repo::new(FILES);
    repo.put("canary.yaml", super::workloads::CANARY);
    repo.put("app.yaml", super::workloads::APP);
    repo
}

fn carry_out(repo: &mut Repo, effect: Effect) {
    let mut rollout = repo.rollout();
    rollout.release = Release::Fields(fields(repo));
    repo.carry_out_on(&rollout, [effect], |_| {});
}

fn facts(repo: &Repo) -> crate::decide::Facts {
    let mut rollout = repo.rollout();
    rollout.release = Release::Fields(fields(repo));
    crate::render::facts(&rollout).unwrap()
}

#[test]
fn fields_are_copied_and_nothing_else() {
    let mut repo = repo();
    let first = facts(&repo);
    assert_eq!(first.primary, Primary::Different);
    assert!(!first.scales && first.services);
    let before = repo.clone();
    for effect in [
        Effect::EnsureServices,
        Effect::PointApexAtPrimary,
        Effect::ScaleCanaryToZero,
        Effect::ScaleCanaryUp { replicas: Some(1) },
    ] {
        carry_out(&mut repo, effect);
    }
    assert_eq!(repo.since(&before), "");
    carry_out(&mut repo, Effect::Promote);
    insta::assert_snapshot!(repo.since(&before), @"
    --- primary-values.yaml
    # The primary.
    apiVersion: helm.toolkit.fluxcd.io/v2
    kind: HelmRelease
    metadata: {name: shop-primary}
    spec:
      chart: {spec: {version: 1.0.0}} # pinned
      values:
        image: {tag: '2'} # old
        list: [a, b]
        debug: true
    ");
    let promoted = facts(&repo);
    assert_eq!(promoted.primary, Primary::Current);
    assert_eq!(promoted.revision, first.revision);
}

#[test]
fn fields_go_back_and_the_revision_with_them() {
    let mut repo = repo();
    let new = facts(&repo).revision;
    let primary = repo.texts[FILES[1].0].clone();
    carry_out(&mut repo, Effect::RestoreTarget);
    insta::assert_snapshot!(repo.texts[FILES[0].0], @"
    # The canary.
    apiVersion: helm.toolkit.fluxcd.io/v2
    kind: HelmRelease
    metadata: {name: shop}
    spec:
      chart: {spec: {version: 1.0.0}}
      values:
        image: {tag: '1'} # new
        list: [a]
    ");
    assert_eq!(repo.texts[FILES[1].0], primary);
    let old = facts(&repo);
    assert_eq!(old.primary, Primary::Current);
    assert_ne!(old.revision, new);
    // The hash is of the values in their order: one that is absent counts as null.
    repo.replace(
        FILES[0].0,
        "    list: [a]\n",
        "    list: [a]\n    debug: null\n",
    );
    assert_eq!(facts(&repo).revision, old.revision);
}
