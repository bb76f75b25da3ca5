//! What the Gateway API refuses in a route, field by field and on the whole.

use super::*;

/// A list of `count` items, each with its number in place of `#`.
fn list(count: usize, item: &str) -> String {
    let items: Vec<String> = (0..count)
        .map(|number| item.replace('#', &number.to_string()))
        .collect();
    items.join(", ")
}

fn left(change: &str) -> Vec<String> {
    let change = format!("{{service: {{gatewayRefs: [{{name: a}}]}}, {change}}}");
    let change = change.replace("}, service: {", ", ");
    let (canary, problems) = read::<Canary>(changed(&change));
    let errors = problems.iter().filter(|problem| problem.is_error());
    assert_eq!(errors.count(), 0, "{change}: {problems:#?}");
    let found = unsupported_in_generated_route(&canary.unwrap());
    assert!(found.iter().all(|found| !found.message.is_empty()));
    told(&found)
}

#[test]
fn what_a_route_needs() {
    let bare = |change: &str| {
        let (canary, _) = read::<Canary>(changed(change));
        told(&unsupported_in_generated_route(&canary.unwrap()))
    };
    assert_eq!(bare("service: null"), ["E spec.service"]);
    assert_eq!(
        bare("service: {hosts: ['*']}"),
        ["E spec.service.gatewayRefs", "E spec.service.hosts[0]"]
    );
    assert_eq!(
        left(
            "service: {hosts: [a.b], match: [{uri: {prefix: /}}], rewrite: {uri: /}, headers: {}, headless: true, portDiscovery: true}"
        ),
        [""; 0]
    );
}

#[test]
fn a_prefix_is_replaced_in_one_match() {
    let rewrite = |rest: &str| {
        left(&format!(
            "service: {{rewrite: {{uri: /, type: ReplacePrefixMatch}}, {rest}"
        ))
    };
    let refused = ["E spec.service.rewrite.type"];
    assert_eq!(rewrite("}"), [""; 0]);
    assert_eq!(rewrite("match: [{uri: {prefix: /a}}]}"), [""; 0]);
    assert_eq!(rewrite("match: [{method: {exact: GET}}]}"), [""; 0]);
    assert_eq!(
        rewrite("match: [{uri: {prefix: /a}}, {scheme: {exact: https}}]}"),
        [""; 0]
    );
    assert_eq!(rewrite("match: [{uri: {exact: /a}}]}"), refused);
    assert_eq!(rewrite("match: [{uri: {regex: /a}}]}"), refused);
    assert_eq!(
        rewrite("match: [{uri: {prefix: /a}}, {uri: {prefix: /b}}]}"),
        refused
    );
    let one = "{headers: {a: {exact: b}}}";
    assert_eq!(
        rewrite(&format!("}}, analysis: {{match: [{one}]}}")),
        [""; 0]
    );
    assert_eq!(
        rewrite(&format!("}}, analysis: {{match: [{one}, {one}]}}")),
        refused
    );
    assert_eq!(
        rewrite("}, analysis: {sessionAffinity: {cookieName: a, primaryCookieName: b}}"),
        [""; 0]
    );
    let full = "service: {rewrite: {uri: /}, match: [{uri: {exact: /a}}, {uri: {prefix: /b}}]}";
    assert_eq!(left(full), [""; 0]);
}

#[test]
fn matches_are_counted() {
    let paths = |count: usize| list(count, "{uri: {prefix: /a#}}");
    let tests = |count: usize| list(count, "{headers: {a: {exact: b#}}}");
    let count = |service: usize, rest: &str| {
        left(&format!("service: {{match: [{}]}}, {rest}", paths(service)))
    };
    assert_eq!(count(64, ""), [""; 0]);
    assert_eq!(count(65, ""), ["E spec.service.match"]);
    let with = |service: usize, analysis: usize| {
        count(
            service,
            &format!("analysis: {{match: [{}]}}", tests(analysis)),
        )
    };
    assert_eq!(with(64, 1), [""; 0]);
    assert_eq!(with(32, 2), [""; 0]);
    assert_eq!(with(33, 2), ["E spec.analysis.match"]);
    assert_eq!(with(1, 65), ["E spec.analysis.match"]);
    let sticky = |service: usize, primary: &str| {
        count(
            service,
            &format!("analysis: {{sessionAffinity: {{cookieName: a{primary}}}}}"),
        )
    };
    assert_eq!(sticky(64, ""), [""; 0]);
    assert_eq!(sticky(42, ", primaryCookieName: b"), [""; 0]);
    assert_eq!(
        sticky(43, ", primaryCookieName: b"),
        ["E spec.service.match"]
    );
}

#[test]
fn filters_are_counted() {
    let mirrors = |count: usize, rest: &str| {
        let mirrors = list(count, "{backendRef: {name: a, port: 80}}");
        left(&format!("service: {{mirror: [{mirrors}]{rest}"))
    };
    assert_eq!(mirrors(16, "}"), [""; 0]);
    assert_eq!(mirrors(17, "}"), ["E spec.service.mirror"]);
    assert_eq!(
        mirrors(16, ", rewrite: {uri: /}}"),
        ["E spec.service.mirror"]
    );
    assert_eq!(
        mirrors(16, "}, analysis: {mirror: true}"),
        ["E spec.service.mirror"]
    );
    let headers = |add: &str, analysis: &str| {
        left(&format!(
            "service: {{headers: {{response: {{add: {{{add}}}}}}}}}, {analysis}"
        ))
    };
    let affinity = "analysis: {sessionAffinity: {cookieName: a}}";
    assert_eq!(headers("Set-Cookie: a=b", ""), [""; 0]);
    assert_eq!(
        headers("Set-Cookie: a=b", affinity),
        ["E spec.service.headers.response.add.Set-Cookie"]
    );
    assert_eq!(headers(&list(15, "a#: b"), affinity), [""; 0]);
    assert_eq!(
        headers(&list(16, "a#: b"), affinity),
        ["E spec.service.headers.response.add"]
    );
}

#[test]
fn the_experimental_channel() {
    let experimental = |change: &str| {
        left(&format!(
            "service: {{{change}}}, gitops: {{route: {{channel: experimental}}}}"
        ))
    };
    assert_eq!(experimental(""), [""; 0]);
    assert_eq!(
        experimental("retries: {attempts: 3, perTryTimeout: 1s, retryOn: '5xx, 429'}"),
        [""; 0]
    );
    assert_eq!(
        experimental(
            "timeout: 1s, retries: {attempts: -1, perTryTimeout: 2s, retryOn: 'reset,503', retryRemoteLocalities: true}"
        ),
        [
            "E spec.service.retries.attempts",
            "W spec.service.retries.retryOn",
            "W spec.service.retries.retryRemoteLocalities",
            "E spec.service.retries.perTryTimeout",
        ]
    );
    assert_eq!(
        experimental("headers: {request: {set: {a: ' b'}}}, match: [{headers: {a: {regex: ä}}}]"),
        [
            "E spec.service.headers.request.set.a",
            "E spec.service.match[0].headers.a.regex",
        ]
    );
    assert_eq!(
        left("service: {headers: {request: {set: {a: ' b'}}}}"),
        [""; 0]
    );
    check(&[
        (
            "{gitops: {route: {channel: experimental}}, service: {retries: {attempts: 1}}}",
            &[],
        ),
        (
            "gitops: {route: {channel: alpha}}",
            &["E gitops.route.channel"],
        ),
        ("gitops: {route: {kind: TCPRoute}}", &[]),
        (
            "gitops: {route: {kind: UDPRoute}}",
            &["E gitops.route.kind"],
        ),
    ]);
}

#[test]
fn paths_and_values() {
    let long = "a".repeat(1025);
    let refused = |change: &str, at: &str| check(&[(change, &[at])]);
    for path in [
        "a", "/a//b", "/a/./b", "/a/../b", "/a%2Fb", "/a#b", "/a/..", "/a/.", "/a b", "/ä", "/%zz",
    ] {
        refused(
            &format!("service: {{match: [{{uri: {{prefix: '{path}'}}}}]}}"),
            "E service.match[0].uri.prefix",
        );
    }
    refused(
        &format!("service: {{match: [{{uri: {{exact: /{long}}}}}]}}"),
        "E service.match[0].uri.exact",
    );
    refused(
        &format!("service: {{match: [{{uri: {{regex: {long}}}}}]}}"),
        "E service.match[0].uri.regex",
    );
    refused(
        "service: {match: [{uri: {regex: ''}}]}",
        "E service.match[0].uri.regex",
    );
    refused(
        "service: {match: [{headers: {a: {exact: ''}}}]}",
        "E service.match[0].headers.a.exact",
    );
    refused(
        &format!("service: {{match: [{{queryParams: {{a: {{exact: {long}}}}}}}]}}"),
        "E service.match[0].queryParams.a.exact",
    );
    refused(
        &format!(
            "service: {{match: [{{headers: {{{}}}}}]}}",
            list(17, "a#: {exact: b}")
        ),
        "E service.match[0].headers",
    );
    refused(
        "analysis: {match: [{headers: {X-A: {exact: b}, x-a: {exact: c}}}]}",
        "E analysis.match[0].headers.x-a",
    );
    check(&[(
        "service: {match: [{queryParams: {A: {exact: b}, a: {exact: c}}}]}",
        &[],
    )]);
    refused(
        &format!("service: {{rewrite: {{uri: /{long}}}}}"),
        "E service.rewrite.uri",
    );
    refused(
        "service: {rewrite: {authority: 'a:80'}}",
        "E service.rewrite.authority",
    );
    refused(
        &format!("service: {{hosts: [{}]}}", list(17, "a#.b")),
        "E service.hosts",
    );
    refused(
        &format!(
            "service: {{headers: {{request: {{set: {{a: {}}}}}}}}}",
            long.repeat(4)
        ),
        "E service.headers.request.set.a",
    );
    refused(
        &format!(
            "service: {{headers: {{request: {{add: {{{}}}}}}}}}",
            list(17, "a#: b")
        ),
        "E service.headers.request.add",
    );
    refused(
        "service: {headers: {response: {remove: [a, a]}}}",
        "E service.headers.response.remove[1]",
    );
    refused(
        &format!("analysis: {{sessionAffinity: {{cookieName: a, domain: {long}}}}}"),
        "E analysis.sessionAffinity.domain",
    );
}

#[test]
fn origins_and_methods() {
    let cors = |policy: &str, expected: &[&str]| {
        let expected: Vec<String> = expected
            .iter()
            .map(|at| format!("E service.corsPolicy.{at}"))
            .collect();
        let expected: Vec<&str> = expected.iter().map(String::as_str).collect();
        check(&[(&format!("service: {{corsPolicy: {policy}}}"), &expected)]);
    };
    cors(
        "{allowOrigin: ['*'], allowMethods: ['*'], allowHeaders: ['*'], exposeHeaders: ['*', a]}",
        &[],
    );
    cors(
        "{allowOrigin: [example.com, 'https://a', '*']}",
        &["allowOrigin[2]", "allowOrigin[0]"],
    );
    cors(
        "{allowMethods: [get, GET, GET]}",
        &["allowMethods[2]", "allowMethods[0]"],
    );
    cors(
        "{allowHeaders: ['a b'], exposeHeaders: ['']}",
        &["allowHeaders[0]", "exposeHeaders[0]"],
    );
    cors(
        &format!("{{allowOrigin: [{}]}}", list(65, "https://a#")),
        &["allowOrigin"],
    );
    cors("{maxAge: 3000000h}", &["maxAge"]);
}

#[test]
fn parents_differ() {
    let parents = |parents: &str, expected: &[&str]| {
        check(&[(&format!("service: {{gatewayRefs: [{parents}]}}"), expected)]);
    };
    let second = ["E service.gatewayRefs[1]"];
    parents(
        "{name: a, sectionName: b}, {name: a, sectionName: c}, {name: a, namespace: d}",
        &[],
    );
    parents("{name: a}, {name: a, port: 80}", &second);
    parents("{name: a}, {name: a, sectionName: b}", &second);
    parents(
        "{name: a, group: gateway.networking.k8s.io, sectionName: b}, {name: a, kind: Gateway, sectionName: b}",
        &second,
    );
}

#[test]
fn what_does_not_go_together() {
    check(&[
        (
            "analysis: {match: [{headers: {a: {exact: b}}}], sessionAffinity: {cookieName: a}}",
            &["E analysis.sessionAffinity"],
        ),
        (
            "{service: {mirror: [{backendRef: {name: podinfo-canary, port: 80}}]}, analysis: {mirror: true}}",
            &["E service.mirror[0].backendRef.name"],
        ),
        (
            "service: {mirror: [{backendRef: {name: podinfo-canary, port: 80}}]}",
            &[],
        ),
        (
            "{service: {match: [{headers: {a: {exact: b}, c: {exact: d}}}]}, analysis: {match: [{headers: {a: {exact: b}}}]}}",
            &["E analysis.match"],
        ),
        (
            "{service: {match: [{headers: {a: {exact: b}}}, {uri: {prefix: /}}]}, analysis: {match: [{headers: {a: {exact: b}}}]}}",
            &[],
        ),
    ]);
}

#[test]
fn what_a_kind_of_route_cannot_do() {
    let told_for = |kind: &str, analysis: &str| {
        let (canary, _) = read::<Canary>(changed(&format!("analysis: {{{analysis}}}")));
        told(&unsupported_by_route(&canary.unwrap(), kind))
    };
    let all =
        "match: [{queryParams: {a: {exact: b}}}], mirror: true, sessionAffinity: {cookieName: a}";
    assert_eq!(told_for("HTTPRoute", all), [""; 0]);
    assert_eq!(
        told_for("GRPCRoute", all),
        ["E spec.analysis.match[0].queryParams"]
    );
    assert_eq!(
        told_for("TLSRoute", all),
        [
            "E spec.analysis.match",
            "E spec.analysis.mirror",
            "E spec.analysis.sessionAffinity"
        ]
    );
    assert_eq!(told_for("TCPRoute", ""), [""; 0]);
}
