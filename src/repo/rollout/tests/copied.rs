//! Mode `copy`: homes, what they build, what comes with the target.

use super::*;

const OVERLAY: &str = "namespace: prod\nresources: [../base]\n";
const BASE: &str = "resources: [shop.yaml, service.yaml]\n";
const SERVICE: &str = "apiVersion: v1
kind: Service
metadata: {name: shop}
spec: {selector: {app: shop}, ports: [{port: 80}]}
";

/// A base with two overlays, each with a Canary, and more files.
fn overlays(prod: &str, more: Texts<'_>) -> Vec<(String, String)> {
    let canary = canary("");
    let staging = canary.replace("namespace: prod", "namespace: staging");
    let deployment = deployment();
    let mut texts = vec![
        ("base/shop.yaml", deployment.as_str()),
        ("base/service.yaml", SERVICE),
        ("base/kustomization.yaml", BASE),
        ("prod/canary.yaml", &canary),
        ("prod/kustomization.yaml", prod),
        ("staging/canary.yaml", &staging),
        (
            "staging/kustomization.yaml",
            "namespace: staging\nresources: [../base]\n",
        ),
    ];
    texts.extend_from_slice(more);
    let own = |(path, text): (&str, &str)| (path.to_owned(), text.to_owned());
    texts.into_iter().map(own).collect()
}

fn borrowed(texts: &[(String, String)]) -> Vec<(&str, &str)> {
    texts
        .iter()
        .map(|(path, text)| (path.as_str(), text.as_str()))
        .collect()
}

/// The one overlay's errors.
fn wrong(prod: &str, more: Texts<'_>) -> Vec<String> {
    refused("prod/canary.yaml", &borrowed(&overlays(prod, more)))
}

/// Errors of a folder that holds everything.
fn wrong_in_one_folder(kustomization: &str, more: Texts<'_>) -> Vec<String> {
    let (canary, deployment) = (canary(""), deployment());
    let mut texts = vec![
        ("app/canary.yaml", canary.as_str()),
        ("app/shop.yaml", deployment.as_str()),
        ("app/kustomization.yaml", kustomization),
    ];
    texts.extend_from_slice(more);
    refused("app/canary.yaml", &texts)
}

#[test]
fn each_overlay_may_have_a_canary_over_one_base() {
    let patch = "apiVersion: v1\nkind: Service\nmetadata: {name: shop}\nspec: {selector: {app: shop-primary}}\n";
    let prod =
        "namespace: prod\nresources: [../base]\npatches: [{path: shop-service-patch.yaml}]\n";
    let texts = overlays(prod, &[("prod/shop-service-patch.yaml", patch)]);
    let texts = borrowed(&texts);
    let both = ["prod", "staging"].map(|name| resolved(&format!("{name}/canary.yaml"), &texts));
    for (rollout, name) in both.iter().zip(["prod", "staging"]) {
        let home = rollout.home.as_ref().unwrap();
        assert_eq!(home.kustomization.folder(), name);
        let chain: Vec<&str> = home.chain.iter().map(Manifest::folder).collect();
        assert_eq!(chain, [name, "base"]);
        let copied = rollout.release.copied().unwrap();
        assert_eq!(copied.target.path(), "base/shop.yaml");
        assert!(home.shares(&copied.target));
    }
    assert_ne!(both[0].claims(), both[1].claims());
    // The patch is no Service of its own, and a shared one reads as it is built.
    let apex = both[0].apex_service.as_ref().unwrap();
    assert_eq!(apex.path(), "base/service.yaml");
    assert_eq!(apex.value["spec"]["selector"]["app"], "shop-primary");
    let apex = both[1].apex_service.as_ref().unwrap();
    assert_eq!(apex.value["spec"]["selector"]["app"], "shop");
}

#[test]
fn a_folder_without_kustomization_is_no_home() {
    let (canary, deployment) = (canary(""), deployment());
    let texts: Texts<'_> = &[("a/canary.yaml", &canary), ("a/shop.yaml", &deployment)];
    let rollout = resolved("a/canary.yaml", texts);
    assert!(rollout.home.is_none() && rollout.warnings.is_empty());
    let copied = rollout.release.copied().unwrap();
    assert_eq!(copied.built, *copied.target.value);
    let unlisted = [texts, &[("kustomization.yaml", "resources: []\n")]].concat();
    let rollout = resolved("a/canary.yaml", &unlisted);
    assert!(rollout.home.is_none());
    assert!(
        rollout.warnings[0]
            .message
            .contains("no kustomization lists a/shop.yaml")
    );
}

#[test]
fn what_happens_above_the_home_is_refused() {
    for (above, expected) in [
        (
            "images: [{name: r/shop, newTag: '2'}]",
            "top/kustomization.yaml:2:17 a new r/shop would reach the primary together with the target",
        ),
        (
            "replicas: [{name: shop-primary, count: 2}]",
            "top/kustomization.yaml:2:19 would undo it when Weirkeeper scales shop-primary",
        ),
        (
            "patches: [{target: {kind: Deployment}, patch: '- {op: remove, path: /x}'}]",
            "top/kustomization.yaml:2:12 patches Deployment shop, which a Canary farther in releases",
        ),
        (
            "namePrefix: a-",
            "top/kustomization.yaml:2:13 renames objects, but not the backends a route names",
        ),
    ] {
        let above = format!("resources: [../prod]\n{above}\n");
        let found = wrong(OVERLAY, &[("top/kustomization.yaml", &above)]);
        assert_eq!(found, [expected]);
    }
    let harmless = "resources: [../prod]\nimages: [{name: r/till, newTag: '2'}]\nnamespace: prod\n";
    let texts = overlays(OVERLAY, &[("top/kustomization.yaml", harmless)]);
    resolved("prod/canary.yaml", &borrowed(&texts));
}

#[test]
fn images_of_the_home_are_found_with_the_primarys() {
    let prod = "resources: [../base]\nimages: [{name: other}, {name: r/shop, newTag: '2'}, {name: r/shop-primary, newName: r/shop, newTag: '1'}]\n";
    let texts = overlays(prod, &[]);
    let rollout = resolved("prod/canary.yaml", &borrowed(&texts));
    let copied = rollout.release.copied().unwrap();
    assert_eq!(
        copied.images,
        [ImageEntry {
            name: "r/shop".to_owned(),
            index: 1,
            primary: Some(2)
        }]
    );
    let pods = &copied.built["spec"]["template"]["spec"];
    assert_eq!(pods["containers"][0]["image"], "r/shop:2");
    let turned =
        "resources: [../base]\nimages: [{name: r/shop-primary}, {name: r/shop, newTag: '2'}]\n";
    assert_eq!(
        wrong(turned, &[]),
        ["prod/kustomization.yaml:2:17 would be set again by the entry of r/shop below"]
    );
}

#[test]
fn nothing_may_undo_the_scaling() {
    let undo = "would undo it when Weirkeeper scales shop";
    let entry = "resources: [shop.yaml]\nreplicas: [{name: shop, count: 3}]\n";
    assert_eq!(
        wrong_in_one_folder(entry, &[]),
        [format!("app/kustomization.yaml:2:19 {undo}")]
    );
    let patch = "resources: [shop.yaml]\npatches: [{path: p.yaml}]\n";
    let body =
        "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: shop}\nspec: {replicas: 3}\n";
    assert_eq!(
        wrong_in_one_folder(patch, &[("app/p.yaml", body)]),
        [format!("app/kustomization.yaml:2:18 {undo}")]
    );
    // What a base sets is patched over in the home, but not what the home sets later.
    let base = "resources: [shop.yaml, service.yaml]\nreplicas: [{name: shop, count: 3}]\n";
    let mut texts = overlays(OVERLAY, &[]);
    texts.retain(|(path, _)| path != "base/kustomization.yaml");
    texts.push(("base/kustomization.yaml".to_owned(), base.to_owned()));
    let rollout = resolved("prod/canary.yaml", &borrowed(&texts));
    assert_eq!(
        rollout.release.copied().unwrap().built["spec"]["replicas"],
        3
    );
    let home = format!("{OVERLAY}replicas: [{{name: shop, count: 3}}]\n");
    assert_eq!(
        wrong(&home, &[]),
        [format!("prod/kustomization.yaml:3:19 {undo}")]
    );
}

#[test]
fn a_patch_must_not_reach_both_sides() {
    for (target, reaches) in [
        ("{kind: Deployment}", true),
        ("{name: 'shop.*'}", true),
        ("{kind: Deployment, name: shop}", false),
        ("{labelSelector: app=shop}", false),
    ] {
        let prod = format!(
            "{OVERLAY}patches: [{{target: {target}, patch: '[{{op: add, path: /spec/paused, value: false}}]'}}]\n"
        );
        let texts = overlays(&prod, &[]);
        let found = try_resolve("prod/canary.yaml", &borrowed(&texts));
        assert_eq!(found.is_err(), reaches, "{target}: {found:#?}");
        if let Err(error) = found {
            let one = &error.diagnostics()[0];
            assert!(
                one.message.contains("a change would reach both at once"),
                "{one:?}"
            );
            assert_eq!(one.location().unwrap(), "prod/kustomization.yaml:3:12");
        }
    }
}

#[test]
fn what_cannot_be_computed_is_refused() {
    for (what, expected) in [
        (
            "transformers: [x.yaml]",
            "3:1 what transformers do to Deployment shop is not known before they run",
        ),
        (
            "components: ['https://example.com/c']",
            "3:14 is not in the repository: what it does to the target is not known",
        ),
        (
            "patches: [{path: gone.yaml}]",
            "3:18 this patch of Deployment shop is not understood: prod/gone.yaml is not in the repository",
        ),
        (
            "patches: [{target: {name: shop}, patch: '[{op: remove, path: /spec/x}]'}]",
            "3:12 this patch of Deployment shop is not understood: operation 0 fails: /spec/x is not there",
        ),
        (
            "replacements: [{source: {kind: A}, targets: [{select: {kind: Deployment}}]}]",
            "3:16 what this replacement writes into Deployment shop is not computed",
        ),
        (
            "commonLabels: {a: b}",
            "3:1 would give target and primary the same selector, and their Services with them",
        ),
        (
            "labels: [{pairs: {app: x}, includeTemplates: true}]",
            "3:11 would give the pods of target and primary the same label app",
        ),
    ] {
        let found = wrong(&format!("{OVERLAY}{what}\n"), &[]);
        assert!(!found.is_empty(), "{what}");
        assert_eq!(found[0], format!("prod/kustomization.yaml:{expected}"));
    }
    let harmless = format!(
        "{OVERLAY}replacements: [{{source: {{kind: A}}, targets: [{{select: {{kind: Job}}}}]}}]\nvars: [{{name: X}}]\n"
    );
    resolved("prod/canary.yaml", &borrowed(&overlays(&harmless, &[])));
}

#[test]
fn configs_are_tracked_or_it_is_said_why_not() {
    let more = "        envFrom:
        - configMapRef: {name: plain}
        - configMapRef: {name: generated}
        - configMapRef: {name: free}
        - configMapRef: {name: gone}
        - configMapRef: {name: perhaps, optional: true}
        - secretRef: {name: plain}
        - secretRef: {name: sealed}
        - secretRef: {name: sops}
        - secretRef: {name: docker}
";
    let deployment = deployment() + more;
    let canary = canary("");
    let objects = "apiVersion: v1
kind: ConfigMap
metadata: {name: plain}
data: {a: '1'}
---
apiVersion: v1
kind: ConfigMap
metadata: {name: plain-primary}
data: {a: '0'}
---
apiVersion: v1
kind: ConfigMap
metadata: {name: free, annotations: {flagger.app/config-tracking: disabled}}
---
apiVersion: v1
kind: Secret
metadata: {name: plain}
stringData: {a: b}
---
apiVersion: bitnami.com/v1alpha1
kind: SealedSecret
metadata: {name: sealed}
---
apiVersion: v1
kind: Secret
metadata: {name: sops}
data: {a: 'ENC[AES256_GCM,data:x]'}
sops: {version: 3}
---
apiVersion: v1
kind: Secret
metadata: {name: docker}
type: kubernetes.io/dockerconfigjson
";
    let kustomization = "resources: [shop.yaml, objects.yaml]
configMapGenerator: [{name: generated, literals: [x=y]}]
patches: [{patch: '{apiVersion: v1, kind: ConfigMap, metadata: {name: plain}, data: {b: c}}'}]
";
    let rollout = resolved(
        "a/canary.yaml",
        &[
            ("a/canary.yaml", &canary),
            ("a/shop.yaml", &deployment),
            ("a/objects.yaml", objects),
            ("a/kustomization.yaml", kustomization),
        ],
    );
    let copied = rollout.release.copied().unwrap();
    let configs = copied.configs.iter().map(|config| {
        let primary = config.primary.is_some();
        (
            &*config.kind,
            &*config.name,
            config.manifest.is_some(),
            primary,
        )
    });
    assert_eq!(
        configs.collect::<Vec<_>>(),
        [
            ("ConfigMap", "generated", false, false),
            ("ConfigMap", "plain", true, true),
            ("Secret", "plain", true, false),
        ]
    );
    let data = &copied.configs[1].built["data"];
    assert_eq!((&data["a"], &data["b"]), (&"1".into(), &"c".into()));
    let warnings = rollout.warnings.iter().map(|warning| {
        assert_eq!(warning.severity, crate::diagnostic::Severity::Warning);
        let (what, why) = warning.message.split_once(" is not tracked, ").unwrap();
        format!("{what}: {}", why.rsplit_once(": ").unwrap().1)
    });
    assert_eq!(
        warnings.collect::<Vec<_>>(),
        [
            "ConfigMap gone: it is not in the repository",
            "Secret sealed: SealedSecret sealed makes it in the cluster",
            "Secret sops: it is encrypted",
        ]
    );
}

#[test]
fn an_autoscaler_comes_with_its_copy() {
    let reference =
        "  autoscalerRef: {apiVersion: autoscaling/v2, kind: HorizontalPodAutoscaler, name: shop}";
    let (canary, deployment) = (canary(reference), deployment());
    let scaler = "apiVersion: autoscaling/v2
kind: HorizontalPodAutoscaler
metadata: {name: shop}
spec: {scaleTargetRef: {name: shop}, maxReplicas: 4}
";
    let copy = scaler.replace("name: shop}\n", "name: shop-primary}\n");
    let old = scaler.replace("/v2", "/v1");
    let kustomization = "resources: [shop.yaml, scaler.yaml]
patches: [{target: {kind: HorizontalPodAutoscaler, name: shop}, patch: '[{op: add, path: /spec/minReplicas, value: 2}]'}]
";
    let with = |scaler: &str| {
        let texts = [
            ("a/canary.yaml", canary.as_str()),
            ("a/shop.yaml", deployment.as_str()),
            ("a/kustomization.yaml", kustomization),
            ("a/scaler.yaml", scaler),
            ("a/copy.yaml", copy.as_str()),
        ];
        try_resolve("a/canary.yaml", &texts)
    };
    let rollout = with(scaler).unwrap();
    let found = rollout.release.copied().unwrap().scaler.as_ref().unwrap();
    assert_eq!(found.built["spec"]["minReplicas"], 2);
    assert_eq!(found.primary.as_ref().unwrap().path(), "a/copy.yaml");
    let message = |error: &Error| error.diagnostics()[0].message.clone();
    assert!(message(&with(&old).unwrap_err()).contains("autoscaling/v2 only"));
    assert!(message(&with("").unwrap_err()).contains("there is no HorizontalPodAutoscaler shop"));
}
