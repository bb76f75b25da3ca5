//! One example for each strategy, and the odd cases of each field.

use super::*;

const GATEWAY: &str = "hosts: [shop.example.com], gatewayRefs: [{name: edge, namespace: infra}]";

/// The rules of the generated route.
fn rules(service: &str, analysis: &str, status: &Status, traffic: Traffic) -> String {
    let canary = canary(service, analysis);
    let state = RouteState::new(&canary.spec, Some(status), traffic);
    let route = route(&canary.spec, Some("prod"), &state);
    serde_yaml::to_string(&route["spec"]["rules"]).unwrap()
}

fn steady(service: &str, analysis: &str, traffic: Traffic) -> String {
    rules(service, analysis, &Status::default(), traffic)
}

#[test]
fn weights() {
    let canary = canary(GATEWAY, "stepWeight: 10");
    let state = RouteState::new(&canary.spec, None, Traffic::canary(20));
    let route = route(&canary.spec, Some("prod"), &state);
    insta::assert_snapshot!(serde_yaml::to_string(&route).unwrap(), @"
    apiVersion: gateway.networking.k8s.io/v1
    kind: HTTPRoute
    metadata:
      name: shop
      namespace: prod
    spec:
      parentRefs:
      - namespace: infra
        name: edge
      hostnames:
      - shop.example.com
      rules:
      - matches:
        - path:
            type: PathPrefix
            value: /
        backendRefs:
        - name: shop-primary
          port: 8080
          weight: 80
        - name: shop-canary
          port: 8080
          weight: 20
    ");
}

#[test]
fn a_b_testing() {
    let analysis = "iterations: 3, match: [{headers: {x-beta: {exact: '1'}}}]";
    insta::assert_snapshot!(steady("", analysis, Traffic::CANARY), @"
    - matches:
      - path:
          type: PathPrefix
          value: /
        headers:
        - type: Exact
          name: x-beta
          value: '1'
      backendRefs:
      - name: shop-primary
        port: 8080
        weight: 0
      - name: shop-canary
        port: 8080
        weight: 100
    - matches:
      - path:
          type: PathPrefix
          value: /
      backendRefs:
      - name: shop-primary
        port: 8080
        weight: 100
    ");
    let idle = steady("", analysis, Traffic::PRIMARY);
    assert_eq!(idle.matches("- matches").count(), 2, "{idle}");
}

#[test]
fn blue_green_with_a_mirror() {
    insta::assert_snapshot!(steady("", "iterations: 3, mirror: true", MIRRORED), @"
    - matches:
      - path:
          type: PathPrefix
          value: /
      backendRefs:
      - name: shop-primary
        port: 8080
        weight: 100
      - name: shop-canary
        port: 8080
        weight: 0
      filters:
      - type: RequestMirror
        requestMirror:
          backendRef:
            name: shop-canary
            port: 8080
    ");
}

#[test]
fn session_affinity() {
    let analysis = "stepWeight: 25, sessionAffinity: {cookieName: shop-c, primaryCookieName: shop-p, maxAge: 21600}";
    let status = cookies(Some("shop-c=aBcDeFgHiJ"), None, Some("shop-p=KlMnOpQrSt"));
    insta::assert_snapshot!(rules("", analysis, &status, Traffic::canary(25)), @"
    - matches:
      - headers:
        - type: RegularExpression
          name: Cookie
          value: .*shop-c.*aBcDeFgHiJ.*
      backendRefs:
      - name: shop-primary
        port: 8080
        weight: 0
      - name: shop-canary
        port: 8080
        weight: 100
    - matches:
      - headers:
        - type: RegularExpression
          name: Cookie
          value: .*shop-p.*KlMnOpQrSt.*
      backendRefs:
      - name: shop-primary
        port: 8080
        weight: 100
      - name: shop-canary
        port: 8080
        weight: 0
    - matches:
      - path:
          type: PathPrefix
          value: /
      backendRefs:
      - name: shop-primary
        port: 8080
        weight: 75
        filters:
        - type: ResponseHeaderModifier
          responseHeaderModifier:
            add:
            - name: Set-Cookie
              value: shop-p=KlMnOpQrSt; Max-Age=60
      - name: shop-canary
        port: 8080
        weight: 25
        filters:
        - type: ResponseHeaderModifier
          responseHeaderModifier:
            add:
            - name: Set-Cookie
              value: shop-c=aBcDeFgHiJ; Max-Age=21600
    ");
    let status = cookies(None, Some("shop-c=aBcDeFgHiJ"), Some("shop-p=KlMnOpQrSt"));
    insta::assert_snapshot!(rules("", analysis, &status, Traffic::PRIMARY), @"
    - matches:
      - headers:
        - type: RegularExpression
          name: Cookie
          value: .*shop-c.*aBcDeFgHiJ.*
      backendRefs:
      - name: shop-primary
        port: 8080
        weight: 100
      - name: shop-canary
        port: 8080
        weight: 0
      filters:
      - type: ResponseHeaderModifier
        responseHeaderModifier:
          add:
          - name: Set-Cookie
            value: shop-c=aBcDeFgHiJ; Max-Age=-1
    - matches:
      - path:
          type: PathPrefix
          value: /
      backendRefs:
      - name: shop-primary
        port: 8080
        weight: 100
      - name: shop-canary
        port: 8080
        weight: 0
    ");
}

#[test]
fn cookies_say_where_they_belong() {
    let analysis = "stepWeight: 25, sessionAffinity: {cookieName: a+b, domain: example.com, \
        httpOnly: true, partitioned: true, path: /app, sameSite: None, secure: true}";
    let status = cookies(Some("a+b=X"), None, Some("=Y"));
    let running = rules("", analysis, &status, Traffic::canary(25));
    assert!(
        running.contains(
            "a+b=X; Max-Age=86400; Domain=example.com; HttpOnly; Partitioned; Path=/app; \
             SameSite=None; Secure"
        ),
        "{running}"
    );
    // In a regular expression a plus is none of itself, and there is no primary cookie.
    assert!(running.contains("value: .*a\\+b.*X.*"), "{running}");
    assert!(!running.contains('Y'), "{running}");
    let status = cookies(None, Some("old=X"), None);
    let after = rules("", analysis, &status, Traffic::PRIMARY);
    assert!(after.contains("old=X; Max-Age=-1\n"), "{after}");
}

#[test]
fn cookies_that_nobody_knows_add_nothing() {
    let analysis = "stepWeight: 25, sessionAffinity: {cookieName: a}";
    let plain = steady("", "stepWeight: 25", Traffic::canary(25));
    assert_eq!(steady("", analysis, Traffic::canary(25)), plain);
    let gone = rules(
        "",
        "stepWeight: 25",
        &cookies(Some("a=b"), Some("a=c"), Some("=d")),
        Traffic::canary(25),
    );
    assert_eq!(gone, plain);
}

#[test]
fn a_deleted_cookie_joins_the_header_changes() {
    let service = "headers: {response: {add: {x-a: b}, remove: [x-c]}}";
    let analysis = "stepWeight: 25, sessionAffinity: {cookieName: a}";
    let status = cookies(None, Some("a=b"), None);
    insta::assert_snapshot!(rules(service, analysis, &status, Traffic::PRIMARY), @"
    - matches:
      - headers:
        - type: RegularExpression
          name: Cookie
          value: .*a.*b.*
      filters:
      - type: ResponseHeaderModifier
        responseHeaderModifier:
          add:
          - name: x-a
            value: b
          - name: Set-Cookie
            value: a=b; Max-Age=-1
          remove:
          - x-c
      backendRefs:
      - name: shop-primary
        port: 8080
        weight: 100
      - name: shop-canary
        port: 8080
        weight: 0
    - matches:
      - path:
          type: PathPrefix
          value: /
      filters:
      - type: ResponseHeaderModifier
        responseHeaderModifier:
          add:
          - name: x-a
            value: b
          remove:
          - x-c
      backendRefs:
      - name: shop-primary
        port: 8080
        weight: 100
      - name: shop-canary
        port: 8080
        weight: 0
    ");
}

#[test]
fn every_field_of_the_service() {
    let service = "timeout: 15s, backendTimeout: 5s,
        match: [{name: ignored}, {uri: {prefix: /v1}, method: {exact: GET}, headers: {b: {regex: c.*}, a: {exact: b}},
                 queryParams: {z: {exact: '1'}, y: {regex: '[0-9]+'}}}],
        rewrite: {uri: /v2, type: ReplacePrefixMatch, authority: backend.example.com},
        headers: {request: {add: {x-b: '2', x-a: '1'}, set: {x-c: '3'}, remove: [x-z, x-d]}},
        mirror: [{backendRef: {name: shadow, namespace: other, port: 80}}],
        corsPolicy: {allowOrigin: [https://example.com], allowMethods: [GET], allowHeaders: [x-a], exposeHeaders: [x-b],
                     allowCredentials: false, maxAge: 1d}";
    insta::assert_snapshot!(steady(service, "stepWeight: 10", Traffic::PRIMARY), @"
    - matches:
      - path:
          type: PathPrefix
          value: /v1
        headers:
        - type: Exact
          name: a
          value: b
        - type: RegularExpression
          name: b
          value: c.*
        queryParams:
        - type: RegularExpression
          name: y
          value: '[0-9]+'
        - type: Exact
          name: z
          value: '1'
        method: GET
      filters:
      - type: RequestHeaderModifier
        requestHeaderModifier:
          set:
          - name: x-c
            value: '3'
          add:
          - name: x-a
            value: '1'
          - name: x-b
            value: '2'
          remove:
          - x-z
          - x-d
      - type: URLRewrite
        urlRewrite:
          hostname: backend.example.com
          path:
            type: ReplacePrefixMatch
            replacePrefixMatch: /v2
      - type: RequestMirror
        requestMirror:
          backendRef:
            name: shadow
            namespace: other
            port: 80
      - type: CORS
        cors:
          allowOrigins:
          - https://example.com
          allowMethods:
          - GET
          allowHeaders:
          - x-a
          exposeHeaders:
          - x-b
      backendRefs:
      - name: shop-primary
        port: 8080
        weight: 100
      - name: shop-canary
        port: 8080
        weight: 0
      timeouts:
        request: 15s
        backendRequest: 5s
    ");
}

#[test]
fn what_says_nothing_is_left_out() {
    let service = "timeout: '', match: [{scheme: {exact: https}}], rewrite: {type: ReplaceFullPath}, \
        headers: {request: {add: {}}}, hosts: [], apex: {labels: {}}, retries: {attempts: 3, retryOn: 5xx}";
    assert_eq!(
        steady(service, "stepWeight: 10", Traffic::PRIMARY),
        steady("", "stepWeight: 10", Traffic::PRIMARY)
    );
}

#[test]
fn retries_are_for_the_experimental_channel() {
    let service = "retries: {attempts: 3, perTryTimeout: 1s, retryOn: '5xx,429,reset'}";
    let mut canary = canary(service, "stepWeight: 10");
    canary.spec.gitops = serde_yaml::from_str("{route: {channel: experimental}}").unwrap();
    let route = route(&canary.spec, None, &RouteState::idle());
    insta::assert_snapshot!(serde_yaml::to_string(&route["spec"]["rules"][0]).unwrap(), @"
    matches:
    - path:
        type: PathPrefix
        value: /
    backendRefs:
    - name: shop-primary
      port: 8080
      weight: 100
    - name: shop-canary
      port: 8080
      weight: 0
    timeouts:
      backendRequest: 1s
    retry:
      attempts: 3
      codes:
      - 429
      - 500
      - 502
      - 503
      - 504
    ");
}

#[test]
fn no_weights_at_all_count_as_the_primary() {
    let nobody = Traffic {
        primary: 0,
        ..Traffic::PRIMARY
    };
    assert_eq!(
        steady("", "stepWeight: 10", nobody),
        steady("", "stepWeight: 10", Traffic::PRIMARY)
    );
}

#[test]
fn the_checksum_is_about_the_service_alone() {
    let of = |service: &str, analysis: &str| checksum(&canary(service, analysis).spec);
    let base = of("", "stepWeight: 10");
    assert_eq!(
        base,
        of(
            "",
            "stepWeight: 20, mirror: true, sessionAffinity: {cookieName: a}"
        )
    );
    assert_ne!(base, of("hosts: [a.b]", "stepWeight: 10"));
    assert_ne!(
        base,
        of("", "iterations: 1, match: [{headers: {a: {exact: b}}}]")
    );
}
