//! Which gateway a Canary has.

use super::*;

const WEB: &str = "apiVersion: gateway.networking.k8s.io/v1
kind: Gateway
metadata: {name: edge, namespace: prod}
spec: {gatewayClassName: main}
";

fn class(name: &str, controller: &str) -> String {
    format!(
        "apiVersion: gateway.networking.k8s.io/v1
kind: GatewayClass
metadata: {{name: {name}}}
spec: {{controllerName: {controller}}}
"
    )
}

fn gateway(name: &str, namespace: &str, class: &str) -> String {
    let web = WEB.replace(
        "name: edge, namespace: prod",
        "name: NAME, namespace: SPACE",
    );
    let web = web.replace("NAME", name).replace("SPACE", namespace);
    web.replace("main", class)
}

/// A route whose one rule has both backends.
fn route(parents: &str) -> String {
    format!(
        "apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: {{name: shop, namespace: prod}}
spec:
  parentRefs: [{parents}]
  rules: [{{backendRefs: [{{name: shop-primary, port: 80}}, {{name: shop-canary, port: 80}}]}}]
"
    )
}

/// The shop with these files, and the gateway that is found.
fn shop(more: &str, texts: &[(&str, &str)]) -> Rollout {
    let (canary, deployment) = (canary(more), deployment());
    resolved("apps/shop/canary.yaml", &with(&canary, &deployment, texts))
}

fn with<'a>(
    canary: &'a str,
    deployment: &'a str,
    texts: &[(&'a str, &'a str)],
) -> Vec<(&'a str, &'a str)> {
    let mut all = vec![
        ("apps/shop/canary.yaml", canary),
        ("apps/shop/shop.yaml", deployment),
    ];
    all.extend(texts);
    all
}

fn shop_refused(more: &str, texts: &[(&str, &str)]) -> Vec<String> {
    let (canary, deployment) = (canary(more), deployment());
    refused("apps/shop/canary.yaml", &with(&canary, &deployment, texts))
}

fn name(rollout: &Rollout) -> Option<&str> {
    let implementation = rollout.gateway.implementation.as_ref();
    implementation.map(|one| one.name.as_str())
}

/// Message and hint of what is told about the gateway without stopping it.
fn hints(rollout: &Rollout) -> Vec<String> {
    let hints = gateway_hints(rollout).into_iter();
    hints
        .map(|one| format!("{} ({})", one.message, one.hint.unwrap_or_default()))
        .collect()
}

#[test]
fn the_class_of_the_gateway_tells() {
    let contour = class("main", "projectcontour.io/gateway-controller");
    // The route is generated for `edge` of the Canary's namespace.
    let found = shop(
        "",
        &[("infra/edge.yaml", WEB), ("infra/class.yaml", &contour)],
    );
    assert_eq!(name(&found), Some("contour"));
    assert_eq!(
        found.gateway.why,
        "the GatewayClass main names projectcontour.io/gateway-controller (infra/class.yaml:4:24)"
    );
    assert_eq!(found.gateway.set.as_ref().unwrap().name, "contour");
    assert_eq!(hints(&found), [""; 0]);
    // A route that is there names a Gateway of another namespace.
    let own = route("{name: web, namespace: infra}");
    let web = gateway("web", "infra", "main");
    let found = shop(
        "",
        &[
            ("apps/shop/route.yaml", &own),
            ("infra/edge.yaml", &gateway("web", "other", "unknown")),
            ("infra/web.yaml", &web),
            ("infra/class.yaml", &contour),
        ],
    );
    assert_eq!(name(&found), Some("contour"));
    // A controller below a known domain.
    let nginx = class("main", "gateway.nginx.org/ours");
    let found = shop(
        "  gitops: {gateway: {querySet: application}}",
        &[("infra/edge.yaml", WEB), ("infra/class.yaml", &nginx)],
    );
    assert_eq!(name(&found), Some("nginx-gateway-fabric"));
}

#[test]
fn a_class_that_the_implementation_defines_needs_no_file() {
    let gke = gateway("edge", "prod", "gke-l7-rilb");
    let canary = canary("").replace("interval: 1m", "interval: 5m");
    let deployment = deployment();
    let found = resolved(
        "apps/shop/canary.yaml",
        &with(&canary, &deployment, &[("infra/edge.yaml", &gke)]),
    );
    assert_eq!(name(&found), Some("gke"));
    assert_eq!(found.gateway.class.as_deref(), Some("gke-l7-rilb"));
    assert_eq!(found.gateway.set.as_ref().unwrap().name, "gke-internal");
    assert_eq!(
        found.gateway.why,
        "the GatewayClass is gke-l7-rilb (infra/edge.yaml:4:26)"
    );
}

#[test]
fn nobody_knows_is_told_to_those_who_look() {
    let nginx = gateway("edge", "prod", "nginx");
    let found = shop("", &[("infra/edge.yaml", &nginx)]);
    assert_eq!(name(&found), None);
    assert_eq!(found.gateway.set.as_ref().unwrap().name, "http");
    assert!(found.warnings.is_empty(), "{:?}", found.warnings);
    let told = hints(&found);
    assert_eq!(told.len(), 1);
    assert!(
        told[0].starts_with(
            "nobody knows the gateway, since the GatewayClass nginx is not in the repository"
        ),
        "{told:?}"
    );
    assert!(
        told[0].contains("spec.gitops.gateway.implementation: nginx-gateway-fabric"),
        "{told:?}"
    );
    let ours = class("main", "example.com/ours");
    let found = shop("", &[("infra/edge.yaml", WEB), ("infra/class.yaml", &ours)]);
    assert_eq!(
        found.gateway.why,
        "nobody knows the controller example.com/ours of the GatewayClass main (infra/class.yaml:4:24)"
    );
    let found = shop("", &[]);
    assert_eq!(
        found.gateway.why,
        "the Gateway prod/edge is not in the repository"
    );
    let mesh = route("{kind: Service, group: '', name: shop}");
    let found = shop("", &[("apps/shop/route.yaml", &mesh)]);
    assert_eq!(
        found.gateway.why,
        "the route attaches to a mesh, by the Service shop"
    );
    let none = route("");
    let found = shop("", &[("apps/shop/route.yaml", &none)]);
    assert_eq!(found.gateway.why, "the route attaches to no Gateway");
}

#[test]
fn a_route_of_several_gateways_has_to_be_told() {
    let classes = [
        class("main", "projectcontour.io/gateway-controller"),
        class("other", "io.cilium/gateway-controller"),
    ]
    .join("---\n");
    let second = gateway("second", "prod", "other");
    let both = route("{name: edge}, {name: second}");
    let files = [
        ("apps/shop/route.yaml", both.as_str()),
        ("infra/edge.yaml", WEB),
        ("infra/second.yaml", second.as_str()),
        ("infra/classes.yaml", classes.as_str()),
    ];
    let told = shop_refused("", &files);
    assert_eq!(told.len(), 1);
    assert!(
        told[0].contains("attaches to cilium and contour"),
        "{told:?}"
    );
    let named = shop("  gitops: {gateway: {implementation: cilium}}", &files);
    assert_eq!(name(&named), Some("cilium"));
    assert_eq!(named.gateway.place.gateways, ["edge", "second"]);
    // One implementation, twice.
    let same = gateway("second", "prod", "main");
    let files = [
        files[0],
        files[1],
        ("infra/second.yaml", same.as_str()),
        files[3],
    ];
    assert_eq!(name(&shop("", &files)), Some("contour"));
    // A Gateway, and a mesh behind it.
    let mesh = route("{name: edge}, {kind: Service, group: '', name: shop}");
    let files = [("apps/shop/route.yaml", mesh.as_str()), files[1], files[3]];
    let told = shop_refused("", &files);
    assert!(
        told[0].contains("attaches to a mesh, by the Service shop and contour"),
        "{told:?}"
    );
}

#[test]
fn what_a_canary_needs_has_to_be_there_on_each_gateway() {
    let classes = [
        class("main", "projectcontour.io/gateway-controller"),
        class("other", "traefik.io/gateway-controller"),
    ]
    .join("---\n");
    let second = gateway("second", "prod", "other");
    let both = route("{name: edge}, {name: second}");
    let files = [
        ("apps/shop/route.yaml", both.as_str()),
        ("infra/edge.yaml", WEB),
        ("infra/second.yaml", second.as_str()),
        ("infra/classes.yaml", classes.as_str()),
    ];
    let told = |more: &str, measured: bool, texts: &[(&str, &str)]| {
        let text = canary(more).replace("stepWeight: 50,", "stepWeight: 50, mirror: true,");
        let text = match measured {
            true => text,
            false => text.replace(", metrics: [{name: request-success-rate, interval: 1m, thresholdRange: {min: 99}}]", ""),
        };
        let deployment = deployment();
        let files = with(&text, &deployment, texts);
        match try_resolve("apps/shop/canary.yaml", &files) {
            Ok(_) => Vec::new(),
            Err(error) => error
                .diagnostics()
                .iter()
                .map(|it| it.message.clone())
                .collect::<Vec<_>>(),
        }
    };
    let is_traefik = |told: Vec<String>| {
        let message = "needs copies of requests, which Traefik does not have";
        assert!(told.iter().any(|text| text.contains(message)), "{told:?}");
    };
    is_traefik(told("", false, &files));
    is_traefik(told(
        "  gitops: {gateway: {implementation: contour}}",
        true,
        &files,
    ));
    let sure = "  gitops: {gateway: {implementation: contour, assume: {mirror: true}}}";
    assert_eq!(told(sure, true, &files), [""; 0]);
    // One Gateway only: the Canary knows better than its class.
    let one = route("{name: second}");
    let files = [("apps/shop/route.yaml", one.as_str()), files[2], files[3]];
    is_traefik(told("", false, &files));
    let named = "  gitops: {gateway: {implementation: contour}}";
    assert_eq!(told(named, true, &files), [""; 0]);
}

#[test]
fn each_cluster_has_its_own() {
    let contour = class("main", "projectcontour.io/gateway-controller");
    let cilium = class("main", "io.cilium/gateway-controller");
    let own = route("{name: edge}");
    let files = [
        ("clusters/a/route.yaml", own.as_str()),
        ("clusters/a/edge.yaml", WEB),
        ("clusters/a/class.yaml", contour.as_str()),
        ("clusters/b/edge.yaml", WEB),
        ("clusters/b/class.yaml", cilium.as_str()),
    ];
    let one = "  gitops: {routes: [{path: clusters/a}]}";
    assert_eq!(name(&shop(one, &files)), Some("contour"));
    let mut all = files.to_vec();
    all.push(("clusters/b/route.yaml", own.as_str()));
    let two = "  gitops: {routes: [{path: clusters/a}, {path: clusters/b}]}";
    let told = shop_refused(two, &all);
    assert!(
        told[0].contains("attaches to cilium and contour"),
        "{told:?}"
    );
    // A route that is still to be made is as near to both.
    let told = shop_refused("", &files[1..]);
    assert!(
        told[0].contains("attaches to cilium and contour"),
        "{told:?}"
    );
    // Classes as near as each other.
    let told = shop_refused(
        "",
        &[
            ("infra/edge.yaml", WEB),
            ("infra/a.yaml", &contour),
            ("infra/b.yaml", &cilium),
        ],
    );
    assert!(
        told[0].contains("attaches to cilium and contour"),
        "{told:?}"
    );
}

#[test]
fn a_canary_that_names_its_gateway_has_it() {
    let named = shop(
        "  gitops: {gateway: {implementation: kgateway, version: v2.4}}",
        &[],
    );
    assert_eq!(name(&named), Some("kgateway"));
    assert_eq!(named.gateway.version.as_deref(), Some("v2.4"));
    assert_eq!(
        named.gateway.why,
        "spec.gitops.gateway.implementation says so"
    );
    let merged = shop(
        "  gitops: {gateway: {implementation: envoy-gateway, querySet: envoy-gateway-merged}}",
        &[],
    );
    let set = merged.gateway.set.as_ref().unwrap();
    assert_eq!(set.name, "envoy-gateway-merged");
    let gateway_of = |text: &str| {
        let more = format!("  gitops: {{gateway: {{{text}}}}}");
        let told = shop_refused(&more, &[]);
        assert_eq!(told.len(), 1, "{told:?}");
        told[0].clone()
    };
    let told = gateway_of("implementation: contuor");
    assert_eq!(
        told,
        "apps/shop/canary.yaml:8:38 there is no implementation `contuor`"
    );
    let told = gateway_of("implementation: contour, querySet: contuor");
    assert!(told.ends_with("there is no query set `contuor`"), "{told}");
    let told = gateway_of("implementation: kong");
    assert!(
        told.contains("canary.yaml:7:75 cannot be measured with Kong: it counts"),
        "{told}"
    );
    let told = gateway_of("implementation: emissary");
    assert!(
        told.contains("canary.yaml:8:38 Emissary-ingress cannot carry a release"),
        "{told}"
    );
    let told = gateway_of("implementation: contour, version: newest");
    assert!(told.contains("must be a version"), "{told}");
}

#[test]
fn filters_on_both_backends_tell_them_apart() {
    let eg = class("main", "gateway.envoyproxy.io/gatewayclass-controller");
    let own = route("{name: edge}");
    let filter = "filters: [{type: RequestHeaderModifier, requestHeaderModifier: {set: [{name: x, value: y}]}}]";
    let filtered = own.replace("port: 80}", &format!("port: 80, {filter}}}"));
    let half = own.replacen("port: 80}", &format!("port: 80, {filter}}}"), 1);
    let with_route = |route: &str| {
        let (canary, deployment) = (canary(""), deployment());
        let texts = [
            ("apps/shop/route.yaml", route),
            ("infra/edge.yaml", WEB),
            ("infra/class.yaml", eg.as_str()),
        ];
        let all = with(&canary, &deployment, &texts);
        let rollout = try_resolve("apps/shop/canary.yaml", &all);
        rollout.map(|found| found.gateway.set.unwrap().name.clone())
    };
    assert_eq!(with_route(&filtered).unwrap(), "envoy-gateway");
    assert!(with_route(&half).is_err());
    assert!(with_route(&own).is_err());
}
