//! Every rule once: a change to a good Canary, and what is said about it.

use serde_yaml::Value;

use super::*;

mod analysis;
mod files;
mod generated;
mod gitops;
mod others;
mod spec;

const GOOD: &str = "
apiVersion: flagger.app/v1beta1
kind: Canary
metadata: {name: podinfo, namespace: test}
spec:
  targetRef: {apiVersion: apps/v1, kind: Deployment, name: podinfo}
  service: {port: 9898}
  analysis:
    interval: 1m
    threshold: 5
    stepWeight: 10
    metrics: [{name: request-success-rate, thresholdRange: {min: 99}}]
";

/// Mappings are merged, null removes, anything else replaces.
fn merge(into: &mut Value, change: Value) {
    match (into, change) {
        (Value::Mapping(into), Value::Mapping(change)) => {
            for (key, value) in change {
                match into.get_mut(&key) {
                    Some(old) => merge(old, value),
                    None => {
                        into.insert(key, value);
                    }
                }
            }
        }
        (into, change) => *into = change,
    }
}

/// `E path` or `W path` for every problem.
fn told(problems: &[Problem]) -> Vec<String> {
    let line = |problem: &Problem| {
        let severity = if problem.is_error() { 'E' } else { 'W' };
        format!("{severity} {}", problem.path)
    };
    problems.iter().map(line).collect()
}

fn changed(spec: &str) -> Value {
    let mut value: Value = serde_yaml::from_str(GOOD).unwrap();
    let change: Value = serde_yaml::from_str(spec).unwrap();
    merge(value.get_mut("spec").unwrap(), change);
    value
}

/// Each item of the table: a change to `spec`, and what is said below `spec`.
fn check(table: &[(&str, &[&str])]) {
    for (change, expected) in table {
        let (_, problems) = read::<Canary>(changed(change));
        let expected: Vec<String> = expected
            .iter()
            .map(|line| line.replacen(' ', " spec.", 1))
            .collect();
        assert_eq!(told(&problems), expected, "{change}: {problems:#?}");
    }
}
