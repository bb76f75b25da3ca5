//! `doctor --fix`: a filter on each backendRef of Envoy Gateway, and nowhere else.

use crate::support::gitops::{World, fixtures, tree};
use crate::support::prometheus::Says;
use crate::support::world::git;

const ROUTE: &str = "shop/route.yaml";

/// `spec.gitops` with an implementation.
fn gateway(name: &str) -> String {
    format!("spec:\n  gitops: {{gateway: {{implementation: {name}}}}}\n")
}

/// A fixture whose Canary names its gateway, with more files.
fn world(fixture: &str, canary: &str, name: &str, more: &[(&str, &str)]) -> World {
    let mut files = tree(&fixtures().join(fixture));
    let text = files.get_mut(canary).unwrap();
    *text = text.replacen("spec:\n", &gateway(name), 1);
    for (path, text) in more {
        files.insert((*path).to_owned(), (*text).to_owned());
    }
    World::new(files.iter().map(|(path, text)| (&**path, &**text)))
}

fn read(world: &World, path: &str) -> String {
    fs_err::read_to_string(world.checkout().join(path)).unwrap()
}

/// The person commits what was written in the checkout.
fn push(world: &World) {
    let checkout = world.checkout();
    git(&checkout, &["add", "-A"]);
    git(&checkout, &["commit", "-q", "-m", "filters"]);
    git(&checkout, &["push", "-q", "origin", "HEAD:main"]);
}

fn measured_with(world: &World) -> String {
    let call = world.weirkeeper(["doctor", "metrics", "--format", "json", "--prometheus"]);
    let json = call.arg(world.prometheus.url()).run().json();
    let set = &json["canaries"][0]["gateway"]["set"]["name"];
    set.as_str().unwrap_or("none").to_owned()
}

#[test]
fn the_filter_is_written_once_and_stays() {
    let world = world("route-in-place", "shop/canary.yaml", "envoy-gateway", &[]);
    let before = read(&world, ROUTE);
    // Asking alone writes nothing, and shows what would be.
    let call = world.weirkeeper(["doctor", "metrics", "--prometheus"]);
    let ran = call.arg(world.prometheus.url()).run().exits(6);
    assert!(
        ran.stdout.contains("counts both backends together"),
        "{ran}"
    );
    assert!(ran.stdout.contains("+          filters:"), "{ran}");
    assert_eq!(read(&world, ROUTE), before);
    assert_eq!(measured_with(&world), "none");

    let ran = world.weirkeeper(["doctor", "--fix"]).run();
    assert!(
        ran.stdout
            .contains("wrote a filter on each backendRef: shop/route.yaml"),
        "{ran}"
    );
    assert!(
        ran.stdout.contains("sessionPersistence no longer sticks"),
        "{ran}"
    );
    let fixed = read(&world, ROUTE);
    let diff = git(&world.checkout(), &["diff", "-U0", "--", ROUTE]);
    let lines = diff
        .lines()
        .filter(|line| !line.starts_with("index") && !line.starts_with("@@"));
    insta::assert_snapshot!(lines.collect::<Vec<_>>().join("\n"), @"
    diff --git a/shop/route.yaml b/shop/route.yaml
    --- a/shop/route.yaml
    +++ b/shop/route.yaml
    -        - {name: shop-canary, port: 80, weight: 0}
    +          filters:
    +            - type: RequestHeaderModifier
    +              requestHeaderModifier:
    +                set:
    +                  - name: x-weirkeeper-backend
    +                    value: primary
    +        - {name: shop-canary, port: 80, weight: 0, filters: [{type: RequestHeaderModifier, requestHeaderModifier: {set: [{name: x-weirkeeper-backend, value: canary}]}}]}
    -        - {name: shop-canary, weight: 0, port: 80}
    -        - {weight: 100, name: shop-primary, port: 80}
    +        - {name: shop-canary, weight: 0, port: 80, filters: [{type: RequestHeaderModifier, requestHeaderModifier: {set: [{name: x-weirkeeper-backend, value: canary}]}}]}
    +        - {weight: 100, name: shop-primary, port: 80, filters: [{type: RequestHeaderModifier, requestHeaderModifier: {set: [{name: x-weirkeeper-backend, value: primary}]}}]}
    +          filters:
    +            - type: RequestHeaderModifier
    +              requestHeaderModifier:
    +                set:
    +                  - name: x-weirkeeper-backend
    +                    value: other
    ");
    // Nothing is committed, and nothing else is touched.
    let status = git(&world.checkout(), &["status", "--porcelain"]);
    assert_eq!(status.trim(), "M shop/route.yaml");

    let ran = world.weirkeeper(["doctor", "metrics", "--fix"]).run();
    assert!(!ran.stdout.contains("wrote"), "{ran}");
    assert_eq!(read(&world, ROUTE), fixed);
    assert_eq!(measured_with(&world), "envoy-gateway");

    push(&world);
    world.prometheus.set("envoy_cluster", Says::Value(99.9));
    while !world.next().exits(0).result("shop/shop")["action"]
        .as_str()
        .unwrap()
        .contains("nitialized")
    {}
    world.edit("shop/app.yaml", "shop:6.0.0", "shop:6.0.1");
    let mut seen = false;
    for _ in 0..12 {
        world.next().exits(0);
        let route = world.read(ROUTE);
        seen |= route.contains("weight: 60");
        let plain = |text: &str| -> Vec<String> {
            let digits = |c: char| c.is_ascii_digit();
            text.lines().map(|line| line.replace(digits, "")).collect()
        };
        // Weights change, filters stay.
        assert_eq!(plain(&route), plain(&fixed), "{route}");
    }
    assert!(seen, "{}", world.read(ROUTE));
    let asked = world.prometheus.asked();
    let canary = "httproute/shop/";
    assert!(
        asked.iter().any(|query| query.contains(canary)),
        "{asked:#?}"
    );
}

#[test]
fn a_route_that_is_still_to_be_made_is_made_with_it() {
    let world = world("podinfo", "apps/podinfo/canary.yaml", "envoy-gateway", &[]);
    let ran = world.weirkeeper(["doctor", "--fix"]).run();
    assert!(ran.stdout.contains("after the first step"), "{ran}");
    let route = "apps/podinfo/podinfo-httproute.yaml";
    let made = read(&world, route);
    insta::assert_snapshot!(made, @"
    # Generated by Weirkeeper for the Canary test/podinfo (flagger.app/v1beta1) in apps/podinfo/canary.yaml.
    apiVersion: gateway.networking.k8s.io/v1
    kind: HTTPRoute
    metadata:
      name: podinfo
      namespace: test
    spec:
      parentRefs:
        - namespace: infra
          name: edge
      rules:
        - matches:
            - path:
                type: PathPrefix
                value: /
          backendRefs:
            - name: podinfo-primary
              port: 9898
              weight: 100
              filters:
                - type: RequestHeaderModifier
                  requestHeaderModifier:
                    set:
                      - name: x-weirkeeper-backend
                        value: primary
            - name: podinfo-canary
              port: 9898
              weight: 0
              filters:
                - type: RequestHeaderModifier
                  requestHeaderModifier:
                    set:
                      - name: x-weirkeeper-backend
                        value: canary
    ");
    let kustomization = read(&world, "apps/podinfo/kustomization.yaml");
    assert!(
        kustomization.contains("- podinfo-httproute.yaml"),
        "{kustomization}"
    );
    let ran = world.weirkeeper(["doctor", "--fix"]).run();
    assert!(!ran.stdout.contains("wrote"), "{ran}");
    push(&world);
    world.prometheus.set("envoy_cluster", Says::Value(99.9));
    world.bootstrap();
    assert_eq!(world.read(route), made);
    world.release("podinfo:6.0.0", "podinfo:6.0.1");
    world.until("advanced");
    let advanced = world.read(route);
    assert_eq!(
        advanced.matches("x-weirkeeper-backend").count(),
        2,
        "{advanced}"
    );
    assert!(advanced.contains("weight: 25"), "{advanced}");
    world.until("succeeded");
}

#[test]
fn a_generated_route_is_the_persons_from_then_on() {
    let world = World::of("podinfo");
    world.bootstrap();
    let text = world.read("apps/podinfo/canary.yaml");
    let text = text.replacen("spec:\n", &gateway("envoy-gateway"), 1);
    world.put("apps/podinfo/canary.yaml", text);
    git(&world.checkout(), &["pull", "-q"]);
    let ran = world.weirkeeper(["doctor", "--fix"]).run();
    assert!(
        ran.stdout.contains("the generated route is yours then"),
        "{ran}"
    );
    push(&world);
    world.edit(
        "apps/podinfo/canary.yaml",
        "    port: 9898\n",
        "    port: 9898\n    timeout: 7s\n",
    );
    world.prometheus.set("envoy_cluster", Says::Value(99.9));
    world.next().exits(0);
    let route = world.read("apps/podinfo/podinfo-httproute.yaml");
    assert_eq!(route.matches("x-weirkeeper-backend").count(), 2, "{route}");
    assert!(!route.contains("7s"), "{route}");
}

#[test]
fn nothing_is_written_for_other_gateways_or_what_else_is_measured() {
    for name in [
        "contour",
        "nginx-gateway-fabric",
        "envoy-gateway, querySet: envoy-gateway-merged",
    ] {
        let world = world("route-in-place", "shop/canary.yaml", name, &[]);
        let ran = world.weirkeeper(["doctor", "--fix"]).run();
        assert!(!ran.stdout.contains("a filter on each backendRef"), "{ran}");
        assert_eq!(
            git(&world.checkout(), &["status", "--porcelain"]),
            "",
            "{ran}"
        );
    }
}

#[test]
fn nothing_is_wrong_where_the_gateway_is_not_asked() {
    let canary = "shop/canary.yaml";
    let text = &tree(&fixtures().join("route-in-place"))[canary];
    let text = text.replacen("spec:\n", &gateway("envoy-gateway"), 1);
    let (rest, _) = text
        .split_once("      - name: request-success-rate")
        .unwrap();
    let own =
        "      - {name: errors, query: 'errors{app=\"{{ target }}\"}', thresholdRange: {max: 1}}\n";
    let only_own = format!("{rest}{own}");
    for (text, is_asked) in [(format!("{text}{own}"), true), (only_own, false)] {
        let world = world("route-in-place", canary, "", &[(canary, &text)]);
        let told = |options: &[&str]| {
            let call = world.weirkeeper(["doctor", "metrics", "--prometheus"]);
            let ran = call.arg(world.prometheus.url()).args(options).run();
            assert_eq!(ran.stdout.contains("backendRef"), is_asked, "{ran}");
            ran
        };
        assert_eq!(told(&[]).code, if is_asked { 6 } else { 0 });
        told(&["--fix"]);
        let status = git(&world.checkout(), &["status", "--porcelain"]);
        assert_eq!(!status.is_empty(), is_asked, "{status}");
    }
}

#[test]
fn a_route_that_others_share_is_left_alone() {
    let canary = "apps/podinfo/overlays/production/canary.yaml";
    let base = "apps/podinfo/base/kustomization.yaml";
    let route = "apiVersion: gateway.networking.k8s.io/v1\nkind: HTTPRoute\nmetadata: {name: podinfo}\n\
         spec:\n  parentRefs: [{name: edge, namespace: infra}]\n  rules:\n  - backendRefs:\n    \
         - {name: podinfo-primary, port: 9898, weight: 100}\n    - {name: podinfo-canary, port: 9898, weight: 0}\n";
    let listed = tree(&fixtures().join("overlays"))[base].replacen(
        "resources:\n",
        "resources:\n  - route.yaml\n",
        1,
    );
    let more = [("apps/podinfo/base/route.yaml", route), (base, &listed)];
    let world = world("overlays", canary, "envoy-gateway", &more);
    let ran = world.weirkeeper(["doctor", "--fix"]).run().exits(6);
    assert!(
        ran.stdout.contains("stands in a base that others share"),
        "{ran}"
    );
    assert_eq!(
        git(&world.checkout(), &["status", "--porcelain"]),
        "",
        "{ran}"
    );
}
