//! Patches of single objects.

use serde_yaml::Value;

use super::{json, merge};

fn value(text: &str) -> Value {
    serde_yaml::from_str(text).unwrap()
}

/// The pods of a Deployment after a patch of them.
fn patched(pods: &str, patch: &str) -> Result<Value, String> {
    let whole = |pods: &str| {
        value(&format!(
            "{{apiVersion: apps/v1, kind: Deployment, metadata: {{name: a}}, spec: {{template: {{spec: {pods}}}}}}}"
        ))
    };
    let merged = merge::merge(&whole(pods), &whole(patch))?;
    Ok(merged["spec"]["template"]["spec"].clone())
}

#[test]
fn lists_are_merged_by_their_keys() {
    for (pods, patch, expected) in [
        (
            "{containers: [{name: a, image: x}, {name: b}]}",
            "{containers: [{name: b, image: y}, {name: c}]}",
            "{containers: [{name: b, image: y}, {name: c}, {name: a, image: x}]}",
        ),
        (
            "{volumes: [{name: a}, {name: b}]}",
            "{volumes: [{name: a, $patch: delete}]}",
            "{volumes: [{name: b}]}",
        ),
        (
            "{containers: [{name: a, args: [x, y], env: [{name: E, value: '1'}]}]}",
            "{containers: [{name: a, args: [z], env: [{$patch: replace}, {name: F}]}]}",
            "{containers: [{name: a, args: [z], env: [{name: F}]}]}",
        ),
        (
            "{containers: [{name: a, ports: [{containerPort: 1}, {containerPort: 2, protocol: TCP}]}]}",
            "{containers: [{name: a, ports: [{containerPort: 2, name: q}, {containerPort: 3}]}]}",
            "{containers: [{name: a, ports: [{containerPort: 3}, {containerPort: 1}, {containerPort: 2, protocol: TCP, name: q}]}]}",
        ),
        (
            "{tolerations: [{key: a}]}",
            "{tolerations: [{key: b}]}",
            "{tolerations: [{key: b}]}",
        ),
        (
            "{nodeSelector: {a: b}}",
            "{nodeSelector: {a: null, c: d}}",
            "{nodeSelector: {c: d}}",
        ),
        (
            "{nodeSelector: {a: b}}",
            "{nodeSelector: {$patch: replace, c: d}}",
            "{nodeSelector: {c: d}}",
        ),
        ("{affinity: {a: b}}", "{affinity: {$patch: delete}}", "{}"),
    ] {
        assert_eq!(patched(pods, patch).unwrap(), value(expected), "{patch}");
    }
}

#[test]
fn patches_that_are_not_understood_say_why() {
    for (pods, patch, why) in [
        (
            "{}",
            "{$setElementOrder/containers: []}",
            "`$setElementOrder/containers` is not understood",
        ),
        (
            "{containers: [{name: a}]}",
            "{containers: [{image: x}]}",
            "an item of a list has no `name`",
        ),
        (
            "{containers: [{name: a}]}",
            "{containers: {a: b}}",
            "`containers` is something else there",
        ),
        (
            "{containers: [{name: a, ports: [{containerPort: 1, protocol: TCP}, {containerPort: 1, protocol: UDP}]}]}",
            "{containers: [{name: a, ports: [{containerPort: 1, name: x}]}]}",
            "several items have the `containerPort` 1",
        ),
    ] {
        assert_eq!(patched(pods, patch).unwrap_err(), why);
    }
    let object = value("{kind: A, metadata: {name: a}}");
    assert!(merge::merge(&object, &value("{$patch: delete}")).is_err());
    // Of a kind that is not built in, lists are replaced and names stay.
    let custom =
        value("{kind: A, metadata: {name: a, namespace: n}, spec: {containers: [{name: x}]}}");
    let patch = value("{kind: B, metadata: {name: b}, spec: {containers: [{name: y}]}}");
    let expected =
        value("{kind: A, metadata: {name: a, namespace: n}, spec: {containers: [{name: y}]}}");
    assert_eq!(merge::merge(&custom, &patch).unwrap(), expected);
}

#[test]
fn json_patches_work_step_by_step() {
    let object = value("{a: {b/c: [1, 2]}, d: x}");
    let apply = |patch: &str| json::apply(&object, value(patch).as_sequence().unwrap());
    for (patch, expected) in [
        (
            "[{op: add, path: /a/b~1c/-, value: 3}]",
            "{a: {b/c: [1, 2, 3]}, d: x}",
        ),
        (
            "[{op: add, path: /a/b~1c/1, value: 3}]",
            "{a: {b/c: [1, 3, 2]}, d: x}",
        ),
        ("[{op: remove, path: /a/b~1c/-1}]", "{a: {b/c: [1]}, d: x}"),
        (
            "[{op: move, from: /d, path: /a/e}]",
            "{a: {b/c: [1, 2], e: x}}",
        ),
        (
            "[{op: copy, from: /d, path: /f}, {op: replace, path: /d, value: y}]",
            "{a: {b/c: [1, 2]}, d: y, f: x}",
        ),
        (
            "[{op: test, path: /d, value: x}, {op: remove, path: /a}]",
            "{d: x}",
        ),
    ] {
        assert_eq!(apply(patch).unwrap(), value(expected), "{patch}");
    }
    for (patch, why) in [
        (
            "[{op: replace, path: /e, value: 1}]",
            "operation 0 fails: /e is not there",
        ),
        (
            "[{op: remove, path: /d}, {op: remove, path: /d}]",
            "operation 1 fails: /d is not there",
        ),
        (
            "[{op: add, path: /x/y, value: 1}]",
            "operation 0 fails: /x is not there",
        ),
        (
            "[{op: add, path: /a/b~1c/9, value: 1}]",
            "operation 0 fails: /a/b~1c/9 is beyond the list",
        ),
        (
            "[{op: test, path: /d, value: y}]",
            "operation 0 fails: /d holds another value",
        ),
        (
            "[{op: add, path: /d}]",
            "operation 0 fails: it has no `value`",
        ),
        (
            "[{op: swap, path: /d}]",
            "operation 0 fails: there is no operation `swap`",
        ),
    ] {
        assert_eq!(apply(patch).unwrap_err(), why);
    }
}
