//! The rules that Flagger writes, tick by tick, where the corpus is at hand.

use std::path::Path;

use super::*;

/// Drops what is the default, and rules that Flagger writes twice.
fn normal(value: &Value) -> Value {
    match value {
        Value::Mapping(mapping) => {
            let is_default = |key: &str, value: &Value| match key {
                "group" => value.as_str() == Some(""),
                "kind" => value.as_str() == Some("Service"),
                _ => false,
            };
            let kept = mapping.iter().filter(|(key, value)| {
                let key = key.as_str().unwrap_or_default();
                !is_default(key, value)
            });
            let kept = kept.map(|(key, value)| (key.clone(), normal(value)));
            Value::Mapping(kept.collect())
        }
        Value::Sequence(items) => Value::Sequence(items.iter().map(normal).collect()),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Tagged(_) => {
            value.clone()
        }
    }
}

fn status(expect: &Value) -> Status {
    let text = |key: &str| expect.get(key).and_then(Value::as_str);
    cookies(
        text("sessionAffinityCookie"),
        text("previousSessionAffinityCookie"),
        text("primarySessionAffinityCookie"),
    )
}

/// The state of a tick, and the rules it expects; `None` without a route.
fn tick(canary: &Canary, expect: &Value) -> Option<(RouteState, Value)> {
    let weight = |key: &str| expect.get(key).and_then(Value::as_i64);
    let traffic = Traffic {
        primary: weight("primaryWeight")?,
        canary: weight("canaryWeight")?,
        mirrored: expect.get("mirrored").and_then(Value::as_bool)?,
    };
    let state = RouteState::new(&canary.spec, Some(&status(expect)), traffic);
    let mut rules = normal(expect.get("rules")?);
    if let Value::Sequence(rules) = &mut rules {
        rules.dedup();
    }
    Some((state, rules))
}

fn merge(into: &mut Value, patch: &Value) {
    match (into, patch) {
        (Value::Mapping(into), Value::Mapping(patch)) => {
            for (key, value) in patch {
                match value.is_null() {
                    true => drop(into.shift_remove(key)),
                    false => merge(into.entry(key.clone()).or_insert(Value::Null), value),
                }
            }
        }
        (into, patch) => *into = patch.clone(),
    }
}

#[test]
#[expect(clippy::disallowed_methods, reason = "says where the corpus is")]
fn generated_rules_are_those_of_flagger() {
    let Some(corpus) = std::env::var_os("WEIRKEEPER_CORPUS") else {
        eprintln!("skipped: WEIRKEEPER_CORPUS is not set");
        return;
    };
    let folder = Path::new(&corpus).join("scenarios");
    let mut compared = 0;
    for entry in fs_err::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_none_or(|extension| extension != "yaml") {
            continue;
        }
        let scenario = yaml(&fs_err::read_to_string(&path).unwrap());
        let mut document = scenario["canary"].clone();
        for found in scenario["ticks"].as_sequence().unwrap() {
            if let Some(patch) = found["input"].get("specPatch") {
                merge(&mut document["spec"], patch);
            }
            let canary: Canary = serde_yaml::from_value(document.clone()).unwrap();
            let Some((state, expected)) = tick(&canary, &found["expect"]) else {
                continue;
            };
            let route = route(&canary.spec, None, &state);
            let generated = normal(&route["spec"]["rules"]);
            assert_eq!(
                serde_yaml::to_string(&generated).unwrap(),
                serde_yaml::to_string(&sorted_like(&expected, &generated)).unwrap(),
                "{} tick {:?}",
                path.display(),
                found["tick"]
            );
            compared += 1;
        }
    }
    assert!(compared > 200, "{compared}");
}

/// The same data, with the keys in the order of `model`.
fn sorted_like(value: &Value, model: &Value) -> Value {
    match (value, model) {
        (Value::Mapping(mapping), Value::Mapping(model)) => {
            let first = model.keys().filter(|key| mapping.contains_key(key));
            let rest = mapping.keys().filter(|key| !model.contains_key(key));
            let keys = first.chain(rest);
            let null = Value::Null;
            let sorted = keys.map(|key| {
                let model = model.get(key).unwrap_or(&null);
                (key.clone(), sorted_like(&mapping[key], model))
            });
            Value::Mapping(sorted.collect())
        }
        (Value::Sequence(items), Value::Sequence(model)) => {
            let null = Value::Null;
            let items = items.iter().enumerate();
            let sorted =
                items.map(|(index, item)| sorted_like(item, model.get(index).unwrap_or(&null)));
            Value::Sequence(sorted.collect())
        }
        (value, _) => value.clone(),
    }
}
