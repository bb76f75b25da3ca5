//! The way back is exact.

use proptest::prelude::*;
use serde_yaml::Value;

use super::workloads::{CANARY, with_base, with_configs, with_images};
use crate::decide::{Effect, Facts, Primary};
use crate::render::testing::Repo;

/// The repository after bootstrap, changes by a person, and the way back.
fn there_and_back(repo: &mut Repo, change: impl FnOnce(&mut Repo)) -> (Facts, Repo) {
    repo.carry_out([Effect::CreatePrimary], |_| {});
    let facts = repo.facts();
    let promoted = repo.clone();
    repo.carry_out([], |status| {
        status.promoted_configs.clone_from(&facts.configs);
    });
    change(repo);
    repo.carry_out([Effect::RestoreTarget], |_| {});
    (facts, promoted)
}

#[track_caller]
fn is_back(repo: &Repo, before: &Facts) {
    let after = repo.facts();
    assert_eq!(after.revision, before.revision);
    assert_eq!(after.configs, before.configs);
    assert_eq!(after.primary, Primary::Current);
}

#[test]
fn only_what_differs_goes_back() {
    let mut repo = with_configs();
    let (facts, promoted) = there_and_back(&mut repo, |repo| {
        repo.replace("app.yaml", "image: shop:1 # the", "image: shop:2 # the");
        repo.replace("app.yaml", "replicas: 3", "replicas: 4");
        repo.replace("configs.yaml", "LEVEL: debug", "LEVEL: info");
        repo.replace("configs.yaml", "password: \"on\"", "password: \"off\"");
        assert_eq!(repo.facts().primary, Primary::Different);
    });
    is_back(&repo, &facts);
    // The number of replicas is no part of a revision.
    let app = promoted.texts["app.yaml"].replace("replicas: 3", "replicas: 4");
    assert_eq!(repo.texts["app.yaml"], app);
    assert_eq!(repo.texts["configs.yaml"], promoted.texts["configs.yaml"]);
}

#[test]
fn names_and_what_other_tools_wrote_stay_the_targets() {
    let mut repo = with_configs();
    let spread = "      # Not beside one's like, nor beside the primary.
      affinity:
        podAntiAffinity:
          requiredDuringSchedulingIgnoredDuringExecution:
            - {topologyKey: zone, labelSelector: {matchLabels: {app: shop}}}
            - {topologyKey: node, labelSelector: {matchLabels: {app: shop-primary}}}
      containers:
";
    repo.replace("app.yaml", "      containers:\n", spread);
    let annotations = "\n      annotations: {kubectl.kubernetes.io/restartedAt: now}";
    let labels = "labels: {app: shop}\n    spec";
    repo.replace(
        "app.yaml",
        labels,
        &labels
            .replace("\n    spec", ", tier: web}\n    spec")
            .replace("shop}, ", "shop, "),
    );
    let (facts, promoted) = there_and_back(&mut repo, |repo| {
        let old = "labels: {app: shop, tier: web}";
        repo.replace(
            "app.yaml",
            old,
            &format!("labels: {{app: shop}}{annotations}"),
        );
        repo.replace("app.yaml", "            - configMapRef: {name: conf}\n", "");
        repo.configs.remove(0);
    });
    repo.configs.insert(0, ("ConfigMap", "conf"));
    is_back(&repo, &facts);
    let text = &repo.texts["app.yaml"];
    assert!(text.contains(annotations), "{text}");
    let target = |repo: &Repo| {
        repo.find("Deployment", "shop").unwrap().value["spec"]["template"]["spec"].clone()
    };
    assert_eq!(target(&repo), target(&promoted));
}

#[test]
fn the_entry_of_an_image_goes_back_and_the_manifest_stays() {
    let path = "prod/kustomization.yaml";
    for (from, to) in [
        (
            "newTag: \"2\"\n  - name: other",
            "newTag: \"3\"\n  - name: other",
        ),
        (
            "newTag: \"2\"\n  - name: other",
            "digest: sha256:abc\n  - name: other",
        ),
        (
            "newName: registry.example.com/shop",
            "newName: mirror.example.com/shop",
        ),
    ] {
        let mut repo = with_images();
        let (facts, promoted) = there_and_back(&mut repo, |repo| {
            let text = repo.texts[path].replacen(from, to, 1);
            assert_ne!(text, repo.texts[path]);
            repo.put(path, &text);
        });
        is_back(&repo, &facts);
        assert_eq!(repo.texts["prod/app.yaml"], promoted.texts["prod/app.yaml"]);
        if !to.contains("digest") {
            assert_eq!(repo.texts[path], promoted.texts[path]);
        }
    }
    // An entry that gives the name alone: the version is the manifest's.
    let mut repo = with_images();
    repo.replace(
        path,
        "    newTag: \"2\"\n  - name: other",
        "  - name: other",
    );
    let (facts, promoted) = there_and_back(&mut repo, |repo| {
        repo.replace("prod/app.yaml", "shop:1 # the", "shop:2 # the");
    });
    is_back(&repo, &facts);
    for path in ["prod/app.yaml", path] {
        assert_eq!(repo.texts[path], promoted.texts[path]);
    }
}

#[test]
fn what_others_share_is_taken_back_by_a_patch() {
    let mut repo = with_base();
    let base = |repo: &Repo| repo.texts["base/app.yaml"].clone();
    let mut changed = String::new();
    let (facts, _) = there_and_back(&mut repo, |repo| {
        repo.carry_out([Effect::ScaleCanaryToZero], |_| {});
        repo.replace(
            "base/app.yaml",
            "image: shop:1",
            "args: [a]\n          image: shop:2",
        );
        repo.replace(
            "base/app.yaml",
            "      containers:\n",
            "      tolerations: [{key: a}]\n      containers:\n",
        );
        changed = base(repo);
    });
    is_back(&repo, &facts);
    assert_eq!(base(&repo), changed);
    assert_eq!(repo.facts().target_replicas, Some(0));
    insta::assert_snapshot!(repo.texts["prod/shop-deployment-patch.yaml"], @"
    # Generated by Weirkeeper for the Canary test/shop (flagger.app/v1beta1) in prod/canary.yaml.
    apiVersion: apps/v1
    kind: Deployment
    metadata:
      name: shop
      namespace: test
    spec:
      replicas: 0
      template:
        spec:
          containers:
            - name: shop
              image: shop:1
              args: null
          tolerations: null
    ");
}

#[test]
fn what_a_patch_of_the_home_says_is_taken_back_by_another() {
    let mut repo = with_images();
    repo.put(
        "prod/level-patch.yaml",
        "apiVersion: apps/v1
kind: Deployment
metadata: {name: shop, namespace: test}
spec: {template: {spec: {containers: [{name: shop, env: [{name: LEVEL, value: debug}]}]}}}
",
    );
    let (facts, promoted) = there_and_back(&mut repo, |repo| {
        repo.replace("prod/level-patch.yaml", "debug", "info");
        repo.replace(
            "prod/app.yaml",
            "labels: {app: shop}\n",
            "labels: {app: shop, tier: web}\n",
        );
    });
    is_back(&repo, &facts);
    let patch = &repo.texts["prod/shop-deployment-patch.yaml"];
    assert!(patch.contains("value: debug"), "{patch}");
    assert!(repo.texts["prod/level-patch.yaml"].contains("info"));
    // One field is patched, so that all of them go that way.
    assert_ne!(repo.texts["prod/app.yaml"], promoted.texts["prod/app.yaml"]);
}

#[test]
fn without_a_primary_nothing_goes_back() {
    let mut repo = with_configs();
    let before = repo.texts.clone();
    repo.carry_out([Effect::RestoreTarget], |_| {});
    assert_eq!(repo.texts, before);
}

/// Parts of a pod template that come and go.
fn template() -> impl Strategy<Value = String> {
    let label = prop::option::of("tier: (web|api)");
    let note = prop::option::of("(note|kubectl\\.kubernetes\\.io/x): [abc]");
    let nodes = prop::option::of("disk: (ssd|hdd)");
    let containers = prop::collection::vec((0..3usize, 1..4u8, any::<bool>()), 1..4);
    (label, note, nodes, containers).prop_map(|(label, note, nodes, containers)| {
        let label = label.map(|label| format!(", {label}")).unwrap_or_default();
        let note = note
            .map(|note| format!("      annotations: {{{note}}}\n"))
            .unwrap_or_default();
        let nodes = nodes
            .map(|nodes| format!("      nodeSelector: {{{nodes}}}\n"))
            .unwrap_or_default();
        let mut seen = Vec::new();
        let mut list = String::new();
        for (index, version, config) in containers {
            if seen.contains(&index) {
                continue;
            }
            seen.push(index);
            list.push_str(&format!(
                "      - name: c{index}\n        image: c{index}:{version}\n"
            ));
            if config {
                list.push_str("        envFrom: [{configMapRef: {name: conf}}]\n");
            }
        }
        format!(
            "apiVersion: apps/v1\nkind: KIND\nmetadata: {{name: shop, namespace: test}}\nspec:\n  \
             selector: {{matchLabels: {{app: shop}}}}\n  template:\n    metadata:\n      \
             labels: {{app: shop{label}}}\n{note}    spec:\n{nodes}      containers:\n{list}"
        )
    })
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 48,
        failure_persistence: None,
        ..ProptestConfig::default()
    })]

    #[test]
    fn any_change_goes_back(
        first in template(),
        second in template(),
        daemon in any::<bool>(),
        idle in any::<bool>(),
        shared in any::<bool>(),
    ) {
        let kind = if daemon { "DaemonSet" } else { "Deployment" };
        let canary = CANARY.replace("kind: Deployment", &format!("kind: {kind}"));
        let [first, second] = [first, second].map(|text| text.replace("KIND", kind));
        let path = if shared { "base/app.yaml" } else { "prod/app.yaml" };
        let conf = "{apiVersion: v1, kind: ConfigMap, metadata: {name: conf, namespace: test}, data: {a: b}}\n";
        let resources = if shared { "[../base]" } else { "[app.yaml]" };
        let home = format!("resources: {resources}\n");
        let mut repo = Repo::new([
            ("prod/canary.yaml", &*canary),
            ("prod/conf.yaml", conf),
            ("prod/kustomization.yaml", &home),
            (path, &first),
        ]);
        if shared {
            repo.put("base/kustomization.yaml", "resources: [app.yaml]\n");
        }
        let used = |repo: &mut Repo| {
            let text = serde_yaml::to_string(&repo.built(&repo.find(kind, "shop").unwrap())).unwrap();
            repo.configs = vec![("ConfigMap", "conf")];
            repo.configs.retain(|_| text.contains("configMapRef"));
        };
        used(&mut repo);
        let (before, _) = there_and_back(&mut repo, |repo| {
            repo.put(path, &second);
            if idle {
                repo.carry_out([Effect::ScaleCanaryToZero], |_| {});
            }
            used(repo);
        });
        used(&mut repo);
        is_back(&repo, &before);
        if idle {
            prop_assert_eq!(repo.facts().target_replicas, Some(0));
        }
        if shared {
            prop_assert!(repo.texts[path] == second);
        }
        // What other tools wrote into the target is still there.
        let notes = |text: &str| -> Option<Value> {
            let value: Value = serde_yaml::from_str(text).unwrap();
            value["spec"]["template"]["metadata"].get("annotations")?.get("kubectl.kubernetes.io/x").cloned()
        };
        prop_assert_eq!(notes(&repo.texts[path]), notes(&second));
    }
}
