//! What is read from a route: weights, mirrors, what people changed by hand,
//! and what has no room.

use super::in_place::{manifest, podinfo, step};
use super::*;
use crate::decide::Routed;

const TESTED: &str = "iterations: 3, match: [{headers: {x-beta: {exact: '1'}}}]";

/// A rule with a match on a path and, perhaps, on the header of the test.
fn rule(path: &str, beta: bool, primary: i64, canary: i64) -> String {
    let headers = match beta {
        true => ", headers: [{name: X-Beta, value: '1'}]",
        false => "",
    };
    format!(
        "  - matches: [{{path: {{value: {path}}}{headers}}}]\n    backendRefs: \
         [{{name: podinfo-primary, port: 80, weight: {primary}}}, {{name: podinfo-canary, port: 80, weight: {canary}}}]\n"
    )
}

fn route_of(kind: &str, rules: &[String]) -> String {
    format!(
        "apiVersion: gateway.networking.k8s.io/v1\nkind: {kind}\nmetadata: {{name: podinfo}}\nspec:\n  rules:\n{}",
        rules.concat()
    )
}

fn read(canary: &Canary, text: &str) -> Routed {
    routed(canary, Some(&manifest(text))).unwrap()
}

fn weights(primary: i64, canary: i64) -> Traffic {
    Traffic {
        primary,
        canary,
        mirrored: false,
    }
}

#[test]
fn a_rule_that_carries_the_match_is_the_one_that_is_tested() {
    let mut canary = podinfo(TESTED, "{}");
    let text = route_of(
        "HTTPRoute",
        &[rule("/", true, 100, 0), rule("/", false, 100, 0)],
    );
    assert_eq!(read(&canary, &text), Routed::Even(Traffic::PRIMARY));
    let text = step(&mut canary, &text, Traffic::CANARY, [None; 3]).unwrap();
    let expected = [rule("/", true, 0, 100), rule("/", false, 100, 0)];
    assert_eq!(text, route_of("HTTPRoute", &expected));
    assert!(canary.status.as_ref().unwrap().added_rules.is_empty());
    assert_eq!(read(&canary, &text), Routed::Even(Traffic::CANARY));
    // Somebody lets everybody in.
    let text = route_of(
        "HTTPRoute",
        &[rule("/", true, 0, 100), rule("/", false, 90, 10)],
    );
    assert_eq!(
        read(&canary, &text),
        Routed::Uneven(vec![weights(90, 10), Traffic::CANARY])
    );
}

#[test]
fn an_added_rule_tells_the_weights() {
    let mut canary = podinfo(TESTED, "{}");
    let idle = route_of(
        "HTTPRoute",
        &[rule("/a", false, 100, 0), rule("/b", false, 100, 0)],
    );
    let running = step(&mut canary, &idle, Traffic::CANARY, [None; 3]).unwrap();
    let added = &canary.status.as_ref().unwrap().added_rules;
    assert_eq!(added.len(), 2);
    assert_eq!(rules(&manifest(&running).value).len(), 4);
    assert_eq!(read(&canary, &running), Routed::Even(Traffic::CANARY));
    assert_eq!(exposed(&canary, Some(&manifest(&running))), 100);
    // By hand: one of the added rules, then one of the others.
    let halved = running.replacen("weight: 100", "weight: 50", 1);
    assert_eq!(
        read(&canary, &halved),
        Routed::Uneven(vec![weights(0, 50), Traffic::CANARY])
    );
    let open = running.replace(
        "podinfo-canary, port: 80, weight: 0",
        "podinfo-canary, port: 80, weight: 5",
    );
    assert!(matches!(read(&canary, &open), Routed::Uneven(_)));
    // A rule that is taken out by hand comes back, and goes for good.
    let mut without = rules(&manifest(&running).value).to_vec();
    without.remove(0);
    let mut route = Value::clone(&manifest(&running).value);
    route["spec"]["rules"] = Value::Sequence(without);
    let text = serde_yaml::to_string(&route).unwrap();
    let healed = step(&mut canary, &text, Traffic::CANARY, [None; 3]).unwrap();
    assert_eq!(
        rules(&manifest(&healed).value),
        rules(&manifest(&running).value)
    );
}

#[test]
fn mirrors_count_only_where_they_are_asked_for() {
    let mirror = "    filters: [{type: RequestMirror, requestMirror: {backendRef: {name: podinfo-canary, port: 80}}}]\n";
    let text = route_of("HTTPRoute", &[rule("/", false, 100, 0) + mirror]);
    let plain = podinfo("stepWeight: 10", "{}");
    assert_eq!(read(&plain, &text), Routed::Even(Traffic::PRIMARY));
    let mut mirrors = podinfo("iterations: 2, mirror: true", "{}");
    assert_eq!(read(&mirrors, &text), Routed::Even(Traffic::PRIMARY));
    // Somebody's own is refused before a release, and never taken out.
    let error = fits(&mirrors, Some(&manifest(&text))).unwrap_err();
    let place = &error.diagnostics()[0];
    insta::assert_snapshot!(
        format!("{error}\n{}: {}\n{}", place.location().unwrap(), place.message, error.hints()[0]),
        @"
    HTTPRoute podinfo mirrors to podinfo-canary already
    route.yaml:8:15: is what `analysis.mirror` does during a release
    remove it: mirroring is added when it is needed
    ");
    let same = step(&mut mirrors, &text, Traffic::PRIMARY, [None; 3]).unwrap();
    assert_eq!(same, text);
    let text = route_of("HTTPRoute", &[rule("/", false, 100, 0)]);
    // No longer asked for, but still there: it goes with the run.
    let mut dropped = podinfo("iterations: 2", "{}");
    let text = step(&mut mirrors, &text, MIRRORED, [None; 3]).unwrap();
    dropped.status = mirrors.status.clone();
    assert_eq!(read(&dropped, &text), Routed::Even(MIRRORED));
    let text = step(&mut dropped, &text, Traffic::PRIMARY, [None; 3]).unwrap();
    assert_eq!(text, route_of("HTTPRoute", &[rule("/", false, 100, 0)]));
}

#[test]
fn a_rule_for_the_apex_is_split_first() {
    let apex = "  - backendRefs: [{name: podinfo, port: 8080}]\n".to_owned();
    let text = route_of("HTTPRoute", &[apex]);
    let mut canary = podinfo(TESTED, "{}");
    assert_eq!(read(&canary, &text), Routed::Missing);
    let text = step(&mut canary, &text, Traffic::PRIMARY, [None; 3]).unwrap();
    assert_eq!(read(&canary, &text), Routed::Even(Traffic::PRIMARY));
    let text = step(&mut canary, &text, Traffic::CANARY, [None; 3]).unwrap();
    insta::assert_snapshot!(text, @r#"
    apiVersion: gateway.networking.k8s.io/v1
    kind: HTTPRoute
    metadata: {name: podinfo}
    spec:
      rules:
      - matches:
        - headers:
          - type: Exact
            name: x-beta
            value: "1"
        backendRefs:
        - name: podinfo-primary
          port: 8080
          weight: 0
        - name: podinfo-canary
          port: 8080
          weight: 100
      - backendRefs: [{name: podinfo-primary, port: 8080, weight: 100}, {name: podinfo-canary, port: 8080, weight: 0}]
    "#);
}

/// A rule whose only match has these headers.
fn rule_with(headers: &str) -> String {
    format!(
        "  - matches: [{{headers: [{headers}]}}]\n    backendRefs: [{{name: podinfo-primary, port: 80}}, \
         {{name: podinfo-canary, port: 80, weight: 0}}]\n"
    )
}

#[test]
fn conditions_of_the_users_own_rule_stay() {
    let text = route_of("HTTPRoute", &[rule_with("{name: x-tenant, value: a}")]);
    let mut canary = podinfo(TESTED, "{}");
    let text = step(&mut canary, &text, Traffic::CANARY, [None; 3]).unwrap();
    let added = manifest(&text).value["spec"]["rules"][0]["matches"].clone();
    insta::assert_snapshot!(serde_yaml::to_string(&added).unwrap(), @"
    - headers:
      - name: x-tenant
        value: a
      - type: Exact
        name: x-beta
        value: '1'
    ");
}

#[test]
fn conditions_that_exclude_each_other_are_refused() {
    let told = |headers: &str, analysis: &str| {
        let other = "  - backendRefs: [{name: other, port: 80}]\n".to_owned();
        let route = manifest(&route_of("HTTPRoute", &[other, rule_with(headers)]));
        let error = fits(&podinfo(analysis, "{}"), Some(&route)).err()?;
        let place = &error.diagnostics()[0];
        Some(format!("{}: {}", place.location().unwrap(), place.message))
    };
    let affinity = "stepWeight: 10, sessionAffinity: {cookieName: a}";
    insta::assert_snapshot!(told("{name: X-Beta, value: '0'}", TESTED).unwrap(), @"route.yaml:7:5: asks for another x-beta: no request could have both");
    insta::assert_snapshot!(told("{name: cookie, value: a}", affinity).unwrap(), @"route.yaml:7:5: asks for another Cookie: no request could have both");
    assert_eq!(told("{name: x-beta, value: '1'}", TESTED), None);
    assert_eq!(told("{name: x-tenant, value: a}", affinity), None);
    assert_eq!(told("{name: cookie, value: a}", "stepWeight: 10"), None);
}

#[test]
fn routes_without_room_are_refused_before_a_release() {
    let refused = |kind: &str, rules: &[String], analysis: &str| {
        let route = manifest(&route_of(kind, rules));
        let error = fits(&podinfo(analysis, "{}"), Some(&route)).err()?;
        Some(error.diagnostics()[0].message.clone())
    };
    let affinity = "stepWeight: 10, sessionAffinity: {cookieName: a, primaryCookieName: b}";
    let many = |count: usize| -> Vec<String> {
        (0..count)
            .map(|number| rule(&format!("/{number}"), false, 100, 0))
            .collect()
    };
    assert_eq!(refused("HTTPRoute", &many(5), affinity), None);
    assert_eq!(refused("HTTPRoute", &many(16), "stepWeight: 10"), None);
    insta::assert_snapshot!(refused("HTTPRoute", &many(6), affinity).unwrap(), @"during a release it has 18 rules, more than 16");
    insta::assert_snapshot!(refused("GRPCRoute", &many(9), TESTED).unwrap(), @"during a release it has 18 rules, more than 16");
    let with = |rest: &str| vec![rule("/a", false, 100, 0) + rest];
    let prefix = with(
        "    filters: [{type: URLRewrite, urlRewrite: {path: {type: ReplacePrefixMatch, replacePrefixMatch: /}}}]\n",
    );
    assert_eq!(refused("HTTPRoute", &prefix, affinity), None);
    let two = "iterations: 3, match: [{headers: {a: {exact: b}}}, {headers: {a: {exact: c}}}]";
    insta::assert_snapshot!(refused("HTTPRoute", &prefix, two).unwrap(), @"during a release rule 0 replaces the prefix of the path, which needs exactly one match, by `PathPrefix`");
    let cookie = with("").concat().replace(
        "weight: 0",
        "weight: 0, filters: [{type: ResponseHeaderModifier, responseHeaderModifier: {add: [{name: Set-Cookie, value: x=y}]}}]",
    );
    insta::assert_snapshot!(refused("HTTPRoute", &[cookie], affinity).unwrap(), @"during a release rule 2 adds the header Set-Cookie twice in one filter");
    let mirrors =
        vec!["{type: RequestMirror, requestMirror: {backendRef: {name: a, port: 80}}}"; 16]
            .join(", ");
    let mirrors = with(&format!("    filters: [{mirrors}]\n"));
    insta::assert_snapshot!(refused("HTTPRoute", &mirrors, "iterations: 2, mirror: true").unwrap(), @"during a release rule 0 has 17 filters, more than 16");
    // Nothing stands in the way of a rollback.
    let mut running = podinfo(affinity, "{}");
    running.status = Some(Status {
        routed: Some(Traffic::canary(10)),
        ..Status::default()
    });
    let route = manifest(&route_of("HTTPRoute", &many(6)));
    assert!(fits(&running, Some(&route)).is_ok());
    // What is wrong already is not ours to judge.
    assert_eq!(refused("HTTPRoute", &many(17), affinity), None);
}

#[test]
fn cookies_that_were_renamed_go_with_the_run() {
    let names = |rest: &str| format!("stepWeight: 10, {rest}");
    let both = "sessionAffinity: {cookieName: c, primaryCookieName: p}";
    let idle = route_of("HTTPRoute", &[rule("/", false, 100, 0)]);
    for other in [
        "sessionAffinity: {cookieName: c, primaryCookieName: q}",
        "sessionAffinity: {cookieName: c}",
        "sessionAffinity: {cookieName: d, primaryCookieName: q}",
        "iterations: 0",
    ] {
        let cookies = [Some("c=aBcDeFgHiJ"), None, Some("=kLmNoPqRsT")];
        let mut canary = podinfo(&names(both), "{}");
        let first = step(&mut canary, &idle, Traffic::canary(10), cookies).unwrap();
        assert!(first.contains("p=kLmNoPqRsT"), "{first}");
        let mut renamed = podinfo(&names(other), "{}");
        renamed.status = canary.status.clone();
        let next = step(&mut renamed, &first, Traffic::canary(20), cookies).unwrap();
        assert!(!next.contains("p=kLmNoPqRsT"), "{next}");
        let back = [None, cookies[0], cookies[2]];
        let text = step(&mut renamed, &next, Traffic::PRIMARY, back).unwrap();
        assert_eq!(text, idle);
    }
}

#[test]
fn added_rules_go_without_their_base_rule() {
    let mut canary = podinfo(TESTED, "{}");
    let idle = route_of("HTTPRoute", &[rule("/a", false, 100, 0)]);
    let running = step(&mut canary, &idle, Traffic::CANARY, [None; 3]).unwrap();
    let other = "  - backendRefs: [{name: other, port: 80}]\n";
    let apex = "  - backendRefs: [{name: podinfo, port: 8080}]\n";
    let split = "  - backendRefs: [{name: podinfo-primary, port: 8080, weight: 100}, \
                 {name: podinfo-canary, port: 8080, weight: 0}]\n";
    for (by_hand, after) in [(other, other), (apex, split)] {
        let mut canary = canary.clone();
        let text = running.replace(&rule("/a", false, 100, 0), by_hand);
        assert_ne!(text, running);
        let found = read(&canary, &text);
        assert_eq!(found, Routed::Uneven(vec![Traffic::CANARY]));
        let text = step(&mut canary, &text, Traffic::PRIMARY, [None; 3]).unwrap();
        assert_eq!(text, route_of("HTTPRoute", &[after.to_owned()]));
    }
}

/// Kong divides weights by the number of pods: larger ones are the same shares.
#[test]
fn a_larger_scale_is_written_and_read_back() {
    let canary = podinfo("stepWeight: 10", "{}");
    let written = |text: &str, state: RouteState| {
        let route = manifest(text);
        let mut stream = route.file.stream.clone();
        assert_eq!(set(&mut stream, &canary, &route, &state).unwrap(), [""; 0]);
        stream.text().to_owned()
    };
    let state = |weight| RouteState::new(&canary.spec, None, Traffic::canary(weight));
    let of = |primary, canary| route_of("HTTPRoute", &[rule("/", false, primary, canary)]);
    let text = written(&of(100, 0), state(10).scaled(1000));
    assert_eq!(text, of(90_000, 10_000));
    assert_eq!(read(&canary, &text), Routed::Even(Traffic::canary(10)));
    let text = written(&text, state(20).scaled(1000));
    assert_eq!(text, of(80_000, 20_000));
    // Whatever the gateway is now: the next step writes the weights anew.
    let text = written(&text, state(30));
    assert_eq!(text, of(70, 30));
    let text = written(&text, state(30).scaled(1000));
    assert_eq!(read(&canary, &text), Routed::Even(Traffic::canary(30)));
    assert_eq!(
        read(&canary, &of(900, 100)),
        Routed::Even(weights(900, 100))
    );
    // One that is generated splits and is known again.
    let spec = &canary.spec;
    let generated = route(spec, None, &state(10).scaled(1000));
    let backends = &generated["spec"]["rules"][0]["backendRefs"];
    assert_eq!(backends[0]["weight"], 90_000);
    assert_eq!(backends[1]["weight"], 10_000);
}
