//! Somebody's own route through whole rollouts: it carries what the strategy needs while that is needed, and
//! every byte is back afterwards.

use std::fmt::Write as _;

use serde_yaml::Value;

use crate::support::assert_ran;
use crate::support::gitops::{PODINFO, World, line};
use crate::support::prometheus::Says;

const CANARY: &str = "apps/podinfo/canary.yaml";
const ROUTE: &str = "apps/podinfo/route.yaml";
const STEPS: &str = "    maxWeight: 50\n    stepWeight: 25 # two steps\n";

/// In the hand of somebody who likes comments, and has reasons for each filter.
const HTTP: &str = "# Owned by the shop team.
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: {name: podinfo, namespace: test, annotations: {note: 'weight: 100'}}
spec:
  parentRefs: [{name: edge, namespace: infra}]   # both listeners
  rules:
    # Static files never change with a release.
    - name: static
      matches: [{path: {type: PathPrefix, value: /static}}]
      filters: [{type: URLRewrite, urlRewrite: {hostname: cdn.example.com}}]
      backendRefs:
        - {name: cdn, port: 80, weight: 7}

    - name: api
      matches:
        - path: {type: PathPrefix, value: /api}   # v1 and v2
        - path: {type: PathPrefix, value: /rpc}
          method: POST
      filters:
        # Seen by the log.
        - type: RequestHeaderModifier
          requestHeaderModifier:
            set:
              - {name: x-from, value: edge}
      backendRefs:
        - name: podinfo-primary
          port: 9898
          weight: 100   # most of it
        # The new one.
        - {name: podinfo-canary, port: 9898, weight: 0}
      timeouts: {request: 30s}
    - backendRefs: [{name: podinfo-canary, weight: 0, port: 9898}, {name: podinfo-primary, port: 9898, weight: 100}] # the rest
    - {name: admin, matches: [{path: {value: /admin}}], backendRefs: [{name: podinfo-primary, port: 9898}]}
";

const GRPC: &str = "apiVersion: gateway.networking.k8s.io/v1
kind: GRPCRoute
metadata: {name: podinfo, namespace: test}
spec:
  rules:
    - name: cart
      matches:
        - method: {service: shop.Cart}   # all of it
        - method: {service: shop.Orders, method: List}
      backendRefs:
        - {name: podinfo-primary, port: 9898, weight: 100}
        - {name: podinfo-canary, port: 9898, weight: 0}
    # Always stable.
    - {name: admin, matches: [{method: {service: shop.Admin}}], backendRefs: [{name: podinfo-primary, port: 9898}]}
";

const TCP: &str = "apiVersion: gateway.networking.k8s.io/v1alpha2
kind: TCPRoute
metadata: {name: podinfo, namespace: test}
spec:
  rules:
    - backendRefs: # no matches here
        - {name: podinfo-primary, port: 9898, weight: 100}
        - {name: podinfo-canary, port: 9898, weight: 0}
";

const MATCH: &str = "match: [{headers: {x-beta: {exact: '1'}}}]";

/// The fixture `podinfo` with this analysis and route, after its bootstrap, which leaves the route alone.
fn world(steps: &str, gitops: &str, route: &str) -> World {
    let steps: String = steps.lines().map(|line| format!("    {line}\n")).collect();
    let world = World::with(&[
        (CANARY, STEPS, &steps),
        (CANARY, "threshold: 3", "threshold: 1"),
        (CANARY, "  service:\n", &format!("{gitops}  service:\n")),
    ]);
    world.put(ROUTE, route);
    world.bootstrap();
    assert_eq!(world.read(ROUTE), route);
    world
}

/// A rule in one line: what it matches, its filters, its backends.
fn rule(rule: &Value) -> String {
    let json = |value: &Value| serde_json::to_string(value).unwrap();
    let mut text = format!("      {}:", rule["name"].as_str().unwrap_or("-"));
    if let Value::Sequence(matches) = &rule["matches"] {
        let matches: Vec<String> = matches.iter().map(json).collect();
        write!(text, " {}", matches.join(" or ")).unwrap();
    }
    for filter in rule["filters"].as_sequence().into_iter().flatten() {
        write!(text, " | {}", json(filter)).unwrap();
    }
    text.push_str(" ->");
    for backend in rule["backendRefs"].as_sequence().unwrap() {
        let name = backend["name"].as_str().unwrap();
        let weight = backend["weight"].as_i64();
        let weight = weight.map_or("-".to_owned(), |weight| weight.to_string());
        write!(text, " {name}={weight}").unwrap();
        for filter in backend["filters"].as_sequence().into_iter().flatten() {
            write!(text, " ({})", json(filter)).unwrap();
        }
    }
    text
}

fn rules(text: &str) -> Vec<Value> {
    let route: Value = serde_yaml::from_str(text).unwrap();
    route["spec"]["rules"].as_sequence().unwrap().clone()
}

/// Releases a new version, which fails after two steps if `fails`, until nothing is left to do: what was
/// decided, and the rules that are not the person's own, whenever they change.
fn play(name: &str, world: &World, route: &str, fails: bool) -> String {
    world.prometheus.set("http_request", Says::Value(99.9));
    let release = ["6.0.0", "6.1.0", "6.2.0"].map(|version| format!("podinfo:{version}"));
    let deployment = world.read("apps/podinfo/deployment.yaml");
    let now = release
        .iter()
        .position(|image| deployment.contains(image))
        .unwrap();
    world.release(&release[now], &release[now + 1]);
    let others = |text: &str| {
        let mut rules = rules(text);
        rules.retain(|rule| ["static", "admin"].contains(&rule["name"].as_str().unwrap_or("")));
        rules
    };
    let own = rules(route);
    let mut story = String::new();
    let mut before = route.to_owned();
    for tick in 0..20 {
        if fails && tick == 2 {
            world.prometheus.set("http_request", Says::Value(50.0));
        }
        let commits = world.commits();
        let result = world.next().exits(0).result(PODINFO);
        let now = world.read(ROUTE);
        assert_eq!(others(&now), others(route), "{name}: {now}");
        for comment in route.lines().filter_map(|line| line.split_once('#')) {
            assert!(
                now.contains(comment.1),
                "{name}: {comment:?} is lost: {now}"
            );
        }
        writeln!(story, "{}", line(&result)).unwrap();
        if now != before {
            let changed = rules(&now).into_iter().filter(|rule| !own.contains(rule));
            changed.for_each(|changed| writeln!(story, "{}", rule(&changed)).unwrap());
        }
        if result["action"] == "idle" && world.commits() == commits {
            assert_eq!(now, route, "{name}: the route is not what it was");
            return story;
        }
        before = now;
    }
    panic!("{name} does not end:\n{story}");
}

/// A promotion and then a rollback.
fn whole_runs(name: &str, steps: &str, route: &str) {
    let gitops = if route == TCP { IS_TCP } else { "" };
    let world = world(steps, gitops, route);
    let promoted = play(name, &world, route, false);
    assert!(promoted.contains("Succeeded"), "{name}: {promoted}");
    let rolled_back = play(name, &world, route, true);
    assert!(rolled_back.contains("rolledBack"), "{name}: {rolled_back}");
    insta::assert_snapshot!(name, format!("{promoted}----- and another\n{rolled_back}"));
}

#[test]
fn an_own_http_route_with_weights() {
    whole_runs("canary", "stepWeight: 50\nmaxWeight: 50", HTTP);
    whole_runs(
        "canary-mirrored",
        "stepWeight: 50\nmaxWeight: 50\nmirror: true",
        HTTP,
    );
    let matched = format!("stepWeights: [30, 60]\n{MATCH}");
    whole_runs("canary-matched", &matched, HTTP);
}

#[test]
fn an_own_http_route_with_cookies() {
    let affinity = "stepWeight: 50\nmaxWeight: 50\nstepWeightPromotion: 25\n\
                    sessionAffinity: {cookieName: shop, primaryCookieName: shop-primary}";
    whole_runs("session-affinity", affinity, HTTP);
}

#[test]
fn an_own_http_route_with_iterations() {
    whole_runs("ab-testing", &format!("iterations: 2\n{MATCH}"), HTTP);
    whole_runs("blue-green", "iterations: 2", HTTP);
    whole_runs("blue-green-mirrored", "iterations: 2\nmirror: true", HTTP);
}

#[test]
fn an_own_grpc_route() {
    whole_runs("grpc-canary", "stepWeight: 50\nmaxWeight: 50", GRPC);
    whole_runs("grpc-ab-testing", &format!("iterations: 2\n{MATCH}"), GRPC);
}

const IS_TCP: &str = "  gitops: {route: {kind: TCPRoute}}\n";

#[test]
fn an_own_tcp_route() {
    whole_runs("tcp", "stepWeight: 50\nmaxWeight: 50", TCP);
}

#[test]
fn a_tcp_route_cannot_tell_requests_apart() {
    for (steps, first) in [
        (format!("iterations: 2\n{MATCH}"), true),
        ("iterations: 2\nmirror: true".to_owned(), false),
        (
            "stepWeight: 50\nsessionAffinity: {cookieName: shop}".to_owned(),
            false,
        ),
    ] {
        let steps: String = steps.lines().map(|line| format!("    {line}\n")).collect();
        let world = World::with(&[
            (CANARY, STEPS, &steps),
            (CANARY, "  service:\n", &format!("{IS_TCP}  service:\n")),
        ]);
        world.put(ROUTE, TCP);
        let commits = world.commits();
        let ran = world.step().exits(3);
        assert_eq!(world.commits(), commits, "{ran}");
        if first {
            assert_ran!(world, ran.stderr, @"
            error: Canary test/podinfo cannot be carried out
            error: cannot be done by a TCPRoute, which has weights only
              --> apps/podinfo/canary.yaml:23:5
               |
            23 |     match: [{headers: {x-beta: {exact: '1'}}}]
               |     ^^^^^ spec.analysis.match
               |
               = help: use `stepWeight` alone, or an HTTPRoute
            ");
        } else {
            assert!(ran.stderr.contains("TCPRoute"), "{ran}");
        }
    }
}
