use super::*;
use crate::api::{AlertProvider, Canary, MetricTemplate, Phase, Port};

/// One line per problem: `E` or `W`, path, message, hint.
fn told<T: DeserializeOwned>(yaml: &str) -> Vec<String> {
    let (_, problems) = decode::<T>(serde_yaml::from_str(yaml).unwrap());
    let line = |problem: &Problem| {
        let severity = if problem.is_error() { 'E' } else { 'W' };
        let hint = problem.hint.as_deref().map(|hint| format!(" ({hint})"));
        let hint = hint.unwrap_or_default();
        format!("{severity} {}: {}{hint}", problem.path, problem.message)
    };
    problems.iter().map(line).collect()
}

#[test]
fn every_wrong_type_is_reported() {
    let yaml = r#"
spec:
  skipAnalysis: "true"
  suspend: maybe
  progressDeadlineSeconds: "60"
  targetRef: podinfo
  service:
    port: 9223372036854775808
    targetPort: 12.5
    hosts: www.example.com
    apex: {labels: {a: true, b: 1}}
  analysis:
    interval: 60
    stepWeights: [1, x, 2.5, 4.0]
    metrics:
    - {name: a, thresholdRange: {min: .nan, max: "99"}, onNoData: fali}
    - null
    - text
    webhooks: [{type: rolout}, {type: [1]}]
status: {lastStepTime: yesterday, phase: Suceeded}
"#;
    insta::assert_snapshot!(told::<Canary>(yaml).join("\n"), @r#"
    E spec.skipAnalysis: must be true or false, found the text "true" (remove the quotes)
    E spec.suspend: must be true or false, found the text "maybe"
    E spec.progressDeadlineSeconds: must be a whole number, found the text "60" (remove the quotes)
    E spec.targetRef: must be a mapping, found the text "podinfo"
    E spec.service.port: must be a whole number, found 9223372036854775808
    E spec.service.targetPort: must be the number or the name of a port, found 12.5
    E spec.service.hosts: must be a list, found the text "www.example.com"
    E spec.service.apex.labels.a: must be text, found true (put it in quotes: "true")
    E spec.service.apex.labels.b: must be text, found 1 (put it in quotes: "1")
    E spec.analysis.interval: must be text, found 60 (put it in quotes: "60")
    E spec.analysis.stepWeights[1]: must be a whole number, found the text "x"
    E spec.analysis.stepWeights[2]: must be a whole number, found 2.5
    E spec.analysis.metrics[0].thresholdRange.min: must be a number, found .nan
    E spec.analysis.metrics[0].thresholdRange.max: must be a number, found the text "99" (remove the quotes)
    E spec.analysis.metrics[0].onNoData: must be one of `fail`, `hold`, `pass`, found "fali" (did you mean `fail`?)
    E spec.analysis.metrics[1]: must be a mapping, found nothing
    E spec.analysis.metrics[2]: must be a mapping, found the text "text"
    E spec.analysis.webhooks[0].type: must be one of `rollout`, `confirm-rollout`, `pre-rollout`, `confirm-traffic-increase`, `confirm-promotion`, `post-rollout`, `rollback`, `event`, found "rolout" (did you mean `rollout`?)
    E spec.analysis.webhooks[1].type: must be one of `rollout`, `confirm-rollout`, `pre-rollout`, `confirm-traffic-increase`, `confirm-promotion`, `post-rollout`, `rollback`, `event`, found a list
    E status.lastStepTime: cannot be read: failed to parse four digit integer as year: invalid digit, expected 0-9 but got y
    E status.phase: must be one of `Initializing`, `Initialized`, `Waiting`, `Progressing`, `WaitingPromotion`, `Promoting`, `Finalising`, `Succeeded`, `Failed`, `Terminating`, `Terminated`, found "Suceeded" (did you mean `Succeeded`?)
    "#);
}

#[test]
fn what_fits_is_kept() {
    let yaml = "
spec:
  service: {port: 80.0, targetPort: 8080.0}
  analysis: {stepWeights: [1, x, 3], threshold: 1e1, webhooks: [{type: ''}]}
status: {phase: Progressing}
";
    let (canary, problems) = decode::<Canary>(serde_yaml::from_str(yaml).unwrap());
    let canary = canary.unwrap();
    assert_eq!(problems.len(), 1);
    let service = canary.spec.service.unwrap();
    assert_eq!(service.port, Some(80));
    assert_eq!(service.target_port, Some(Port::Number(8080)));
    let analysis = canary.spec.analysis.unwrap();
    assert_eq!(analysis.ladder(), [1, 3]);
    assert_eq!(analysis.threshold, Some(10));
    assert_eq!(canary.status.unwrap().phase, Some(Phase::Progressing));
}

#[test]
fn unknown_fields_are_warnings_with_a_guess() {
    let yaml = "
extra: 1
metadata: {name: a, generation: 4, labels: {x: y}, whatever: {a: b}}
spec:
  canaryAnalysis: {interval: 1m}
  analysis:
    stepWeigths: [1]
    iterration: 5
    zzz: 1
    metrics: [{name: a, tresholdRange: {max: 1}}]
  gitops: {onfailure: hold}
status: {phase: '', creationTimestamp: null}
";
    insta::assert_snapshot!(told::<Canary>(yaml).join("\n"), @r"
    W extra: unknown field, ignored
    W spec.canaryAnalysis: unknown field, ignored (it is now called `analysis`)
    W spec.analysis.stepWeigths: unknown field, ignored (did you mean `stepWeights`?)
    W spec.analysis.iterration: unknown field, ignored (did you mean `iterations`?)
    W spec.analysis.zzz: unknown field, ignored
    W spec.analysis.metrics[0].tresholdRange: unknown field, ignored (did you mean `thresholdRange`?)
    W spec.gitops.onfailure: unknown field, ignored (did you mean `onFailure`?)
    ");
}

#[test]
fn nulls_count_as_absent_and_metadata_is_free() {
    let yaml = "
metadata: {name: a, creationTimestamp: null, labels: null, managedFields: [{a: 1}]}
spec: {analysis: {webhooks: null, metrics: [{name: null}]}, unknown: null}
status: null
";
    assert_eq!(told::<Canary>(yaml), [""; 0]);
}

#[test]
fn merge_keys_and_tags_are_read_through() {
    let yaml = "
base: &base {interval: 1m, threshold: !!int 5}
spec: {analysis: {<<: *base, stepWeight: !step 5}}
";
    let (canary, _) = decode::<Canary>(serde_yaml::from_str(yaml).unwrap());
    let analysis = canary.unwrap().spec.analysis.unwrap();
    assert_eq!(analysis.threshold, Some(5));
    assert_eq!(analysis.step_weight, Some(5));
}

#[test]
fn what_is_no_document_is_refused() {
    for yaml in ["", "text", "[]", "5", "~"] {
        let (canary, problems) = decode::<Canary>(serde_yaml::from_str(yaml).unwrap());
        assert_eq!(canary, None, "{yaml}");
        assert_eq!(problems.len(), 1, "{yaml}");
    }
    let many = format!(
        "spec: {{analysis: {{stepWeights: [{}]}}}}",
        "x,".repeat(500)
    );
    let (canary, problems) = decode::<Canary>(serde_yaml::from_str(&many).unwrap());
    assert_eq!((canary, problems.len()), (None, MAX_ERRORS));
}

#[test]
fn nothing_makes_it_panic() {
    use proptest::prelude::*;

    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        "[a-z*./:\\-ä]{0,6}".prop_map(Value::from),
    ];
    let keys = prop::sample::select(vec![
        "metadata",
        "name",
        "spec",
        "service",
        "analysis",
        "gitops",
        "match",
        "headers",
        "metrics",
        "interval",
        "stepWeights",
        "stepWeight",
        "thresholdRange",
        "min",
        "max",
        "targetRef",
        "targetPort",
        "hosts",
        "routes",
        "promotion",
        "mode",
        "fields",
        "from",
        "path",
        "status",
        "phase",
        "<<",
        "x",
    ]);
    let value = leaf.prop_recursive(8, 128, 8, move |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::Sequence),
            prop::collection::vec((keys.clone(), inner), 0..8).prop_map(|fields| {
                let fields = fields.into_iter().map(|(key, value)| (key.into(), value));
                Value::Mapping(fields.collect())
            }),
        ]
    });
    proptest!(|(value in value)| {
        let (canary, problems) = crate::api::read::<Canary>(value);
        prop_assert!(canary.is_some() || !problems.is_empty());
        // Without anything, a name at least is missing.
        prop_assert!(problems.iter().any(Problem::is_error));
    });
}

#[test]
fn the_other_kinds() {
    let yaml = "spec: {provider: {type: 5, headers: {a: b}}, query: [up]}";
    assert_eq!(
        told::<MetricTemplate>(yaml),
        [
            "E spec.provider.type: must be text, found 5 (put it in quotes: \"5\")",
            "E spec.provider.headers.a: must be a list, found the text \"b\"",
            "E spec.query: must be text, found a list",
        ]
    );
    assert_eq!(
        told::<AlertProvider>("spec: {type: slack, adress: x}"),
        ["W spec.adress: unknown field, ignored (did you mean `address`?)"]
    );
}
