use super::*;
use crate::render::testing::parse;
use crate::repo::rollout::Config;

fn copied(text: &str) -> Copied {
    let target = parse("app.yaml", text).remove(0);
    Copied {
        built: Value::clone(&target.value),
        target,
        primary: None,
        configs: Vec::new(),
        scaler: None,
        images: Vec::new(),
    }
}

fn alone(copied: &Copied) -> Source<'_> {
    Source { copied, home: None }
}

fn deployment(extra: &str) -> Copied {
    let text = "apiVersion: apps/v1
kind: Deployment
metadata:
  name: podinfo
  namespace: test
  labels: {team: payments}
  annotations: {owner: payments, kustomize.toolkit.fluxcd.io/prune: disabled}
spec:
  replicas: 3
  paused: true
  minReadySeconds: 5
  selector: {matchLabels: {app.kubernetes.io/name: podinfo, tier: web}}
  template:
    metadata:
      labels: {app.kubernetes.io/name: podinfo, tier: web, kustomize.toolkit.fluxcd.io/name: apps}
      annotations: {prometheus.io/scrape: 'true'EXTRA}
    spec:
      containers: [{name: podinfo, image: 'podinfo:1'}]
      topologySpreadConstraints:
      - {maxSkew: 1, labelSelector: {matchLabels: {app.kubernetes.io/name: podinfo, tier: web}}}
      affinity:
        podAntiAffinity:
          preferredDuringSchedulingIgnoredDuringExecution:
          - weight: 1
            podAffinityTerm:
              labelSelector: {matchExpressions: [{key: app.kubernetes.io/name, operator: In, values: [podinfo, podinfo]}]}
";
    copied(&text.replace("EXTRA", extra))
}

#[test]
fn the_primary_has_a_name_and_pods_of_its_own() {
    let copied = deployment("");
    let primary = primary(alone(&copied), "podinfo-primary", Some("test")).unwrap();
    insta::assert_snapshot!(serde_yaml::to_string(&primary).unwrap(), @"
    apiVersion: apps/v1
    kind: Deployment
    metadata:
      name: podinfo-primary
      namespace: test
      labels:
        app.kubernetes.io/name: podinfo-primary
      annotations:
        owner: payments
    spec:
      replicas: 3
      selector:
        matchLabels:
          app.kubernetes.io/name: podinfo-primary
      minReadySeconds: 5
      template:
        metadata:
          labels:
            app.kubernetes.io/name: podinfo-primary
            tier: web
          annotations:
            prometheus.io/scrape: 'true'
        spec:
          containers:
          - name: podinfo
            image: podinfo:1
          topologySpreadConstraints:
          - maxSkew: 1
            labelSelector:
              matchLabels:
                app.kubernetes.io/name: podinfo-primary
                tier: web
          affinity:
            podAntiAffinity:
              preferredDuringSchedulingIgnoredDuringExecution:
              - weight: 1
                podAffinityTerm:
                  labelSelector:
                    matchExpressions:
                    - key: app.kubernetes.io/name
                      operator: In
                      values:
                      - podinfo-primary
                      - podinfo
    ");
}

const DAEMON: &str = "apiVersion: apps/v1
kind: DaemonSet
metadata: {name: agent}
spec:
  minReadySeconds: 3
  revisionHistoryLimit: 2
  updateStrategy: {type: RollingUpdate, rollingUpdate: {maxUnavailable: 10%}}
  selector: {matchLabels: {app: agent}}
  template:
    metadata: {labels: {app: agent}}
    spec:
      nodeSelector: {flagger.app/scale-to-zero: 'true'}
      containers: [{name: agent, image: 'agent:1'}]
      affinity:
        podAntiAffinity:
          requiredDuringSchedulingIgnoredDuringExecution:
          - {labelSelector: {matchLabels: {app: agent}}, topologyKey: zone}
";

#[test]
fn a_daemon_set_that_is_off_all_nodes_gives_a_primary_that_is_not() {
    let made = |copied: &Copied| primary(alone(copied), "agent-primary", None).unwrap();
    let off = copied(DAEMON);
    assert_eq!(replicas(&off.built), Some(0));
    let primary = made(&off);
    assert_eq!(replicas(&primary), None);
    insta::assert_snapshot!(serde_yaml::to_string(&primary).unwrap(), @"
    apiVersion: apps/v1
    kind: DaemonSet
    metadata:
      name: agent-primary
      labels:
        app: agent-primary
    spec:
      selector:
        matchLabels:
          app: agent-primary
      minReadySeconds: 3
      revisionHistoryLimit: 2
      updateStrategy:
        type: RollingUpdate
        rollingUpdate:
          maxUnavailable: 10%
      template:
        metadata:
          labels:
            app: agent-primary
        spec:
          containers:
          - name: agent
            image: agent:1
          affinity:
            podAntiAffinity:
              requiredDuringSchedulingIgnoredDuringExecution:
              - labelSelector:
                  matchLabels:
                    app: agent
                topologyKey: zone
    ");
    let line = "      nodeSelector: {flagger.app/scale-to-zero: 'true'}\n";
    let running = copied(&DAEMON.replace(line, ""));
    assert_eq!(revision(&off.built), revision(&running.built));
    let chosen = copied(&DAEMON.replace("{flagger.app/", "{disk: ssd, flagger.app/"));
    assert_ne!(revision(&off.built), revision(&chosen.built));
    let nodes = get(
        &made(&chosen),
        &["spec", "template", "spec", "nodeSelector"],
    )
    .cloned();
    assert_eq!(nodes, Some(one_entry("disk", "ssd")));
}

#[test]
fn a_scaled_down_target_gives_a_running_primary() {
    let mut zero = deployment("");
    zero.built["spec"]["replicas"] = 0.into();
    let replicas = |copied: &Copied| {
        let primary = primary(alone(copied), "p", None).unwrap();
        primary["spec"].get("replicas").cloned()
    };
    assert_eq!(replicas(&zero), Some(1.into()));
    let spec = zero.built["spec"].as_mapping_mut().unwrap();
    spec.shift_remove("replicas");
    assert_eq!(replicas(&zero), None);
}

#[test]
fn only_the_pod_template_makes_a_revision() {
    let of = |extra: &str| revision(&deployment(extra).built);
    let base = of("");
    assert_eq!(base.len(), 8);
    assert_eq!(base, of(", kubectl.kubernetes.io/restartedAt: now"));
    assert_ne!(base, of(", prometheus.io/port: '80'"));
    let mut scaled = deployment("").built;
    scaled["spec"]["replicas"] = 7.into();
    assert_eq!(base, revision(&scaled));
}

#[test]
fn promotion_leaves_selector_and_metadata() {
    let first = deployment("");
    let mut primary = primary(alone(&first), "podinfo-primary", None).unwrap();
    let before = primary.clone();
    let mut next = deployment("");
    next.built["spec"]["template"]["spec"]["containers"][0]["image"] = "podinfo:2".into();
    next.built["spec"]["replicas"] = 5.into();
    let spec = next.built["spec"].as_mapping_mut().unwrap();
    spec.shift_remove("minReadySeconds");
    promote(alone(&next), &mut primary, true).unwrap();
    assert_eq!(primary["metadata"], before["metadata"]);
    assert_eq!(primary["spec"]["selector"], before["spec"]["selector"]);
    assert_eq!(primary["spec"]["replicas"], Value::from(5));
    assert_eq!(primary["spec"].get("minReadySeconds"), None);
    let template = &primary["spec"]["template"];
    assert_eq!(
        template["spec"]["containers"][0]["image"],
        Value::from("podinfo:2")
    );
    assert_eq!(*template, primary_template(alone(&next)).unwrap());
}

#[test]
fn a_selector_without_a_known_label_is_refused() {
    let mut odd = deployment("").built;
    odd["spec"]["selector"]["matchLabels"] = serde_yaml::from_str("{tier: web}").unwrap();
    let error = SelectorLabel::of(&odd).unwrap_err();
    assert!(error.hints()[0].contains("app.kubernetes.io/name"));
}

#[test]
fn every_reference_to_a_tracked_config_goes_to_its_copy() {
    let mut copied = copied(
        "apiVersion: apps/v1
kind: Deployment
metadata: {name: shop}
spec:
  selector: {matchLabels: {app: shop}}
  template:
    metadata: {labels: {app: shop}}
    spec:
      imagePullSecrets: [{name: key}]
      initContainers:
      - {name: init, image: i, envFrom: [{secretRef: {name: key}}]}
      containers:
      - name: shop
        image: s
        env:
        - {name: A, valueFrom: {configMapKeyRef: {name: conf, key: a}}}
        - {name: B, valueFrom: {secretKeyRef: {name: key, key: b}}}
        - {name: C, value: conf}
        envFrom: [{configMapRef: {name: conf}}, {configMapRef: {name: other}}]
      volumes:
      - {name: v, configMap: {name: conf}}
      - {name: w, secret: {secretName: key}}
      - {name: x, projected: {sources: [{configMap: {name: conf}}, {secret: {name: key}}, {secret: {name: conf}}]}}
",
    );
    for (kind, name, data) in [
        ("ConfigMap", "conf", "{a: b}"),
        ("Secret", "key", "{b: Yg==}"),
    ] {
        let text =
            format!("{{apiVersion: v1, kind: {kind}, metadata: {{name: {name}}}, data: {data}}}");
        let manifest = parse("config.yaml", &text).remove(0);
        copied.configs.push(Config {
            kind: kind.to_owned(),
            name: name.to_owned(),
            built: Value::clone(&manifest.value),
            manifest: Some(manifest),
            primary: None,
        });
    }
    let template = primary_template(alone(&copied)).unwrap();
    insta::assert_snapshot!(serde_yaml::to_string(&template).unwrap(), @"
    metadata:
      labels:
        app: shop-primary
      annotations:
        flagger-id: 1cf92662
    spec:
      imagePullSecrets:
      - name: key
      initContainers:
      - name: init
        image: i
        envFrom:
        - secretRef:
            name: key-primary
      containers:
      - name: shop
        image: s
        env:
        - name: A
          valueFrom:
            configMapKeyRef:
              name: conf-primary
              key: a
        - name: B
          valueFrom:
            secretKeyRef:
              name: key-primary
              key: b
        - name: C
          value: conf
        envFrom:
        - configMapRef:
            name: conf-primary
        - configMapRef:
            name: other
      volumes:
      - name: v
        configMap:
          name: conf-primary
      - name: w
        secret:
          secretName: key-primary
      - name: x
        projected:
          sources:
          - configMap:
              name: conf-primary
          - secret:
              name: key-primary
          - secret:
              name: conf
    ");
    // A new config alone makes new pods of the primary, and no new revision.
    let before = revision(&copied.built);
    copied.configs[0].built["data"]["a"] = "c".into();
    let changed = primary_template(alone(&copied)).unwrap();
    assert_ne!(changed["metadata"], template["metadata"]);
    assert_eq!(changed["spec"], template["spec"]);
    assert_eq!(revision(&copied.built), before);
}
