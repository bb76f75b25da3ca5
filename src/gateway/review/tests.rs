//! Canaries on gateways: what is refused, what is only told.

mod metrics;

use std::collections::BTreeSet;
use std::sync::Arc;

use super::*;
use crate::api::{BuiltIn, Metric};
use crate::gateway::catalogue::GATEWAYS;
use crate::gateway::{
    Backend, Beside, Catalogue, Confidence, Implementation, Place, Question, Side, Site,
};

const METRICS: &str =
    "metrics: [{name: request-success-rate, interval: 5m, thresholdRange: {min: 99}}]";

/// A Canary with this analysis beside interval and threshold, and more of its spec.
fn canary(analysis: &str, more: &str) -> Canary {
    let text = format!(
        "apiVersion: flagger.app/v1beta1
kind: Canary
metadata: {{name: podinfo, namespace: test}}
spec:
  targetRef: {{apiVersion: apps/v1, kind: Deployment, name: podinfo}}
  service: {{port: 80, gatewayRefs: [{{name: web}}]}}
  analysis: {{interval: 10m, threshold: 1, {analysis}}}
  {more}
"
    );
    serde_yaml::from_str(&text).unwrap()
}

fn weighted(more: &str) -> Canary {
    canary(&format!("stepWeight: 10, {METRICS}"), more)
}

fn assuming(assume: &str) -> Canary {
    weighted(&format!("gitops: {{gateway: {{assume: {{{assume}}}}}}}"))
}

fn place(kind: &str, filtered: bool) -> Place {
    let side = |name: &str, backend| Side {
        workload: name.to_owned(),
        service: name.to_owned(),
        sites: vec![Site {
            route: "podinfo".to_owned(),
            rule: 0,
            backend,
            weight: 0,
            filtered,
        }],
    };
    Place {
        namespace: "test".to_owned(),
        kind: kind.to_owned(),
        canary: side("podinfo-canary", 1),
        primary: side("podinfo-primary", 0),
        ..Place::default()
    }
}

fn known(name: &str, canary: &Canary, class: Option<&str>, place: Place) -> Gateway {
    let catalogue = Catalogue::builtin();
    let implementation = catalogue.implementation(name).unwrap();
    let class = class.map(str::to_owned);
    let why = ("the test says so".to_owned(), place);
    let mut gateway = Gateway::known(catalogue, implementation, class, canary, why);
    let spec = canary.spec.gitops().gateway.clone().unwrap_or_default();
    if let Some(set) = spec.query_set {
        gateway.set = Some(catalogue.set(&set).unwrap());
    }
    gateway
}

fn http(name: &str, canary: &Canary) -> Gateway {
    known(name, canary, None, place("HTTPRoute", false))
}

/// `error spec.analysis.mirror: message (hint)`.
fn told(gateway: &Gateway, canary: &Canary) -> Vec<String> {
    let found = review(gateway, canary, false).into_iter();
    let shown = |problem: Problem| {
        let kind = match problem.is_error() {
            true => "error",
            false => "warning",
        };
        let hint = problem.hint.expect("a hint");
        format!("{kind} {}: {} ({hint})", problem.path, problem.message)
    };
    found.map(shown).collect()
}

fn set_of(gateway: &Gateway) -> Option<&str> {
    gateway.set.as_ref().map(|set| set.name.as_str())
}

/// The only thing that is told begins like this.
#[track_caller]
fn only(gateway: &Gateway, canary: &Canary, beginning: &str) -> String {
    let told = told(gateway, canary);
    assert_eq!(told.len(), 1, "{told:#?}");
    assert!(told[0].starts_with(beginning), "{told:#?}");
    told[0].clone()
}

#[test]
fn the_data_is_sound() {
    let catalogue = Catalogue::builtin();
    assert_eq!(catalogue.implementations().count(), GATEWAYS.len());
    let mut controllers = BTreeSet::new();
    for one in catalogue.implementations() {
        let Implementation { name, .. } = one;
        assert!(!one.title.is_empty() && !one.switch_on.is_empty(), "{name}");
        assert!(one.confidence.is_some(), "{name}");
        for controller in &one.controllers {
            assert!(controllers.insert(controller.clone()), "{controller}");
            assert_eq!(catalogue.by_controller(controller).unwrap().name, *name);
        }
        let all = one.capabilities.last().unwrap();
        assert!(all.versions.is_none() && all.classes.is_none(), "{name}");
        for record in &one.capabilities {
            let versions = record.versions.as_deref().unwrap_or("*");
            let some = version::Version::new(1, 0, 0);
            assert!(version::matches(versions, &some).is_some(), "{name}");
            let scale = record.weight_scale.unwrap_or(Implementation::LEAST_SCALE);
            let range = Implementation::LEAST_SCALE..=Implementation::MOST_SCALE;
            assert!(range.contains(&scale), "{name}");
        }
        let refused = one.refused.as_ref();
        let is_refused = refused.is_some_and(|refused| refused.what == Refused::Everything);
        for capability in Capability::ALL.into_iter().filter(|_| !is_refused) {
            let is_said = all.answers.contains_key(&capability);
            assert!(is_said, "{name}: {}", capability.key());
        }
        for reason in [refused.map(|one| &one.reason), one.not_separable.as_ref()] {
            let is_whole = |reason: &crate::gateway::Reason| {
                !reason.why.is_empty() && !reason.instead.is_empty()
            };
            assert!(reason.is_none_or(is_whole), "{name}");
        }
        // Without a set there is a reason.
        let has_reason = refused.is_some() || one.not_separable.is_some();
        assert!(has_reason || !one.query_sets.is_empty(), "{name}");
        let separable = one.answer(Capability::SeparableMetrics, None, None).is;
        if separable == Support::No {
            assert!(has_reason, "{name}");
        }
    }
}

#[test]
fn what_is_said_of_grpc_is_what_the_default_set_knows() {
    for one in Catalogue::builtin().implementations() {
        let canary = weighted("");
        let gateway = known(&one.name, &canary, None, place("GRPCRoute", true));
        let Some(set) = &gateway.set else {
            continue;
        };
        let question = Question::Metric(BuiltIn::SuccessRate);
        let query = set.query(question, &gateway.place, Backend::Canary, "1m");
        let says = one.answer(Capability::GrpcStatus, None, None).is;
        assert_eq!(
            query.unwrap().is_some(),
            says == Support::Yes,
            "{}",
            one.name
        );
    }
}

#[test]
fn no_default_depends_on_what_nobody_has_confirmed() {
    let tested = canary(
        &format!("iterations: 2, match: [{{headers: {{x: {{exact: '1'}}}}}}], {METRICS}"),
        "",
    );
    for one in Catalogue::builtin().implementations() {
        for canary in [&weighted(""), &tested] {
            for filtered in [false, true] {
                let gateway = known(&one.name, canary, None, place("HTTPRoute", filtered));
                let confidence = gateway.set.and_then(|set| set.confidence);
                assert_ne!(confidence, Some(Confidence::Low), "{}", one.name);
            }
        }
    }
}

#[test]
fn most_gateways_take_a_canary_as_it_is() {
    let plain = weighted("");
    for name in [
        "contour",
        "kgateway",
        "agentgateway",
        "istio",
        "traefik",
        "cilium",
        "linkerd",
        "consul",
        "kuma",
    ] {
        let gateway = http(name, &plain);
        assert_eq!(set_of(&gateway), Some(name));
        assert_eq!(told(&gateway, &plain), [""; 0], "{name}");
    }
}

#[test]
fn gateways_that_count_backends_together_are_refused() {
    let plain = weighted("");
    for name in [
        "envoy-gateway",
        "kong",
        "haproxy-ingress",
        "nginx-gateway-fabric",
        "airlock",
    ] {
        let gateway = http(name, &plain);
        assert_eq!(set_of(&gateway), None, "{name}");
        let told = only(
            &gateway,
            &plain,
            "error spec.analysis.metrics[0].name: cannot be measured",
        );
        assert!(
            told.contains("spec.gitops.gateway.querySet: application"),
            "{told}"
        );
    }
    let told = only(&http("envoy-gateway", &plain), &plain, "error");
    for way in [
        "doctor --fix",
        "envoy-gateway-merged",
        "envoy-gateway-endpoint",
        "`match`",
    ] {
        assert!(told.contains(way), "{told}");
    }
    // Nothing is measured there.
    let template = canary(
        "stepWeight: 10, metrics: [{name: errors, templateRef: {name: errors}, thresholdRange: {max: 1}}]",
        "",
    );
    assert_eq!(told_of("kong", &template), [""; 0]);
    let counted = canary(
        "stepWeight: 10, metrics: [{name: errors, minRequests: 5, templateRef: {name: errors}, thresholdRange: {max: 1}}]",
        "",
    );
    assert_eq!(told_of("kong", &counted).len(), 1);
    let skipped = weighted("skipAnalysis: true");
    assert_eq!(told_of("kong", &skipped), [""; 0]);
}

fn told_of(name: &str, canary: &Canary) -> Vec<String> {
    told(&http(name, canary), canary)
}

#[test]
fn a_rule_of_its_own_or_filters_or_a_named_set_are_ways_out() {
    let tested = canary(
        &format!("iterations: 2, match: [{{headers: {{x: {{exact: '1'}}}}}}], {METRICS}"),
        "gitops: {applied: {from: delay, delay: 5m}}",
    );
    for (name, set) in [
        ("kong", "kong-rule"),
        ("haproxy-ingress", "haproxy-ingress-rule"),
        ("envoy-gateway", "envoy-gateway-rule"),
    ] {
        let gateway = http(name, &tested);
        assert_eq!(set_of(&gateway), Some(set));
        assert_eq!(told(&gateway, &tested), [""; 0], "{name}");
    }
    let plain = weighted("");
    let filtered = known("envoy-gateway", &plain, None, place("HTTPRoute", true));
    assert_eq!(set_of(&filtered), Some("envoy-gateway"));
    assert_eq!(told(&filtered, &plain), [""; 0]);
    for (name, set) in [
        ("kong", "application"),
        ("envoy-gateway", "envoy-gateway-merged"),
    ] {
        let named = weighted(&format!("gitops: {{gateway: {{querySet: {set}}}}}"));
        assert_eq!(told_of(name, &named), [""; 0], "{name}");
    }
}

#[test]
fn an_assumption_overrules_where_it_can_mean_something() {
    let assumed = assuming("separableMetrics: true");
    assert_eq!(
        set_of(&http("envoy-gateway", &assumed)),
        Some("envoy-gateway")
    );
    let plus = http("nginx-gateway-fabric", &assumed);
    assert_eq!(set_of(&plus), Some("nginx-plus"));
    assert_eq!(told(&plus, &assumed), [""; 0]);
    assert_eq!(set_of(&http("airlock", &assumed)), Some("airlock"));
    // What a whole rule counts is not the canary's, whoever says so.
    let kong = http("kong", &assumed);
    assert_eq!(set_of(&kong), None);
    assert!(only(&kong, &assumed, "error").contains("leave out `assume"));
    let denied = assuming("separableMetrics: false");
    only(
        &http("contour", &denied),
        &denied,
        "error spec.analysis.metrics[0].name",
    );
    let workload =
        weighted("gitops: {gateway: {querySet: application, assume: {separableMetrics: false}}}");
    assert_eq!(told_of("contour", &workload), [""; 0]);
}

#[test]
fn what_would_be_an_outage_is_refused() {
    let mirrored = |more: &str| canary(&format!("stepWeight: 10, mirror: true, {METRICS}"), more);
    let told = only(
        &http(
            "traefik",
            &mirrored("gitops: {gateway: {querySet: application}}"),
        ),
        &mirrored("gitops: {gateway: {querySet: application}}"),
        "error spec.analysis.mirror: needs copies of requests, which Traefik does not have",
    );
    assert!(told.contains("answer every request with 500"), "{told}");
    assert!(told.contains("assume: {mirror: true}"), "{told}");
    let versioned = mirrored(
        "gitops: {gateway: {version: v3.7.10, querySet: application, assume: {weights: true}}}",
    );
    only(
        &http("traefik", &versioned),
        &versioned,
        "error spec.analysis.mirror: needs copies of requests, which Traefik v3.7.10",
    );
    let assumed = mirrored("gitops: {gateway: {querySet: application, assume: {mirror: true}}}");
    assert_eq!(told_of("traefik", &assumed), [""; 0]);
    let denied = mirrored("gitops: {gateway: {assume: {mirror: false}}}");
    only(
        &http("contour", &denied),
        &denied,
        "error spec.analysis.mirror: needs copies of requests, and spec",
    );
    assert_eq!(told_of("contour", &mirrored("")), [""; 0]);
}

#[test]
fn cookies_need_filters_on_a_backend() {
    let sticky = canary(
        &format!("stepWeight: 10, sessionAffinity: {{cookieName: c}}, {METRICS}"),
        "gitops: {gateway: {querySet: application}}",
    );
    let told = told_of("nginx-gateway-fabric", &sticky);
    assert_eq!(told.len(), 1, "{told:?}");
    assert!(told[0].starts_with(
        "error spec.analysis.sessionAffinity: needs headers of responses, changed for one backend"
    ));
    assert!(told[0].contains("answers 500"), "{told:?}");
    let told = told_of("kgateway", &sticky);
    assert_eq!(told.len(), 1, "{told:?}");
    assert!(
        told[0].starts_with("warning spec.analysis.sessionAffinity:"),
        "{told:?}"
    );
    assert_eq!(told_of("contour", &sticky), [""; 0]);
}

#[test]
fn needs_point_at_their_fields() {
    let everything = canary(
        &format!(
            "iterations: 2, match: [{{headers: {{x: {{exact: '1'}}, y: {{regex: 'a.*'}}}}}}], {METRICS}"
        ),
        "gitops: {gateway: {querySet: application}, routes: [{name: a}, {name: b, rule: main}]}",
    );
    let told = told_of("airlock", &everything);
    assert_eq!(told.len(), 1, "{told:?}");
    assert!(
        told[0].starts_with("warning spec.analysis.match[0].headers.y:"),
        "{told:?}"
    );
    let told = told_of("contour", &everything);
    assert_eq!(told.len(), 1, "{told:?}");
    assert!(
        told[0].starts_with("warning spec.gitops.routes[1].rule: needs names of rules"),
        "{told:?}"
    );
    // A route that is generated has what `spec.service` says.
    let generated = {
        let mut canary = weighted("");
        let text = "{port: 80, headers: {response: {set: {a: b}}}, mirror: [{backendRef: {name: x, port: 80}}], \
                    match: [{headers: {z: {regex: '1'}}}]}";
        canary.spec.service = Some(serde_yaml::from_str(text).unwrap());
        canary
    };
    let paths = |generated_route| {
        let needs = needs(&generated, &place("HTTPRoute", false), generated_route);
        let paths = needs.iter().map(|need| need.path.to_string());
        paths.collect::<Vec<_>>()
    };
    assert_eq!(paths(false), ["spec.service", "spec.analysis.stepWeight"]);
    assert_eq!(
        paths(true),
        [
            "spec.service",
            "spec.analysis.stepWeight",
            "spec.service.mirror",
            "spec.service.headers.response",
            "spec.service.match[0].headers.z"
        ]
    );
}

#[test]
fn a_step_that_is_rounded_away_is_warned_about() {
    let steps = |steps: &str| {
        canary(
            &format!("{steps}, {METRICS}"),
            "gitops: {gateway: {querySet: application}}",
        )
    };
    let told = told_of("haproxy-ingress", &steps("stepWeight: 1"));
    assert!(
        told[0].starts_with("warning spec.analysis.stepWeight: 1 % is less than the 4 %"),
        "{told:?}"
    );
    let told = told_of("haproxy-ingress", &steps("stepWeights: [10, 50, 98]"));
    assert!(
        told[0].starts_with("warning spec.analysis.stepWeights: 2 %"),
        "{told:?}"
    );
    assert_eq!(told_of("haproxy-ingress", &steps("stepWeight: 5")), [""; 0]);
    assert_eq!(
        told_of("nginx-gateway-fabric", &steps("stepWeight: 1")),
        [""; 0]
    );
}

#[test]
fn words_that_mean_nothing_are_refused() {
    let told = only(
        &http("contour", &assuming("miror: true")),
        &assuming("miror: true"),
        "error spec.gitops.gateway.assume.miror: there is no capability `miror`",
    );
    assert!(told.contains("did you mean `mirror`?"), "{told}");
    let latest = weighted("gitops: {gateway: {version: latest}}");
    only(
        &http("contour", &latest),
        &latest,
        "error spec.gitops.gateway.version: must be a version",
    );
    let nobody = weighted("gitops: {gateway: {version: '1.9', querySet: http}}");
    let unknown = Gateway::unknown(
        Catalogue::builtin(),
        "nobody says so".to_owned(),
        place("HTTPRoute", false),
    );
    only(
        &unknown,
        &nobody,
        "warning spec.gitops.gateway.version: has no effect",
    );
}

#[test]
fn an_unknown_gateway_is_told_where_it_matters() {
    let unknown = |canary: &Canary, guess: Option<&str>| {
        let gateway = Gateway {
            guess: guess.map(str::to_owned),
            ..Gateway::unknown(
                Catalogue::builtin(),
                "the GatewayClass nginx is not in the repository".to_owned(),
                place("HTTPRoute", false),
            )
        };
        told(&gateway, canary)
    };
    let told = unknown(&weighted(""), Some("nginx-gateway-fabric"));
    assert_eq!(told.len(), 1);
    assert!(told[0].starts_with("warning spec.analysis.metrics[0].name: nobody knows the gateway, since the GatewayClass nginx"), "{told:?}");
    assert!(
        told[0].contains("spec.gitops.gateway.implementation: nginx-gateway-fabric"),
        "{told:?}"
    );
    let template = canary(
        "stepWeight: 10, metrics: [{name: errors, templateRef: {name: errors}, thresholdRange: {max: 1}}]",
        "",
    );
    assert_eq!(unknown(&template, None), [""; 0]);
    let meant = weighted("gitops: {gateway: {querySet: http}}");
    assert_eq!(unknown(&meant, None), [""; 0]);
}

#[test]
fn what_serves_no_routes_is_refused_for_everything() {
    let named = |name: &str| weighted(&format!("gitops: {{gateway: {{implementation: {name}}}}}"));
    for name in ["emissary", "haproxy-kubernetes-ingress", "knative"] {
        let canary = named(name);
        only(
            &http(name, &canary),
            &canary,
            "error spec.gitops.gateway.implementation",
        );
    }
    for name in ["vpc-lattice", "azure-agc", "gloo"] {
        let canary = named(name);
        let told = told_of(name, &canary);
        let error = told.iter().find(|one| one.starts_with("error")).unwrap();
        assert!(
            error.starts_with("error spec.analysis.metrics[0].name: cannot be measured"),
            "{error}"
        );
        assert!(error.contains("MetricTemplate"), "{error}");
    }
}

#[test]
fn records_are_by_version() {
    let text = "
capabilities:
- {versions: '<2', mirror: {is: no, note: it is ignored}, weightScale: 1000}
- {versions: '<3', headerRegex: no, mirror: no}
- {mirror: yes, headerRegex: yes}
";
    let one: Implementation = serde_yaml::from_str(text).unwrap();
    let at = |capability, version| one.answer(capability, version::read(version).as_ref(), None);
    assert_eq!(
        at(Capability::Mirror, "1.9").note.as_deref(),
        Some("it is ignored")
    );
    assert_eq!(at(Capability::HeaderRegex, "1.9").is, Support::No);
    assert_eq!(at(Capability::Mirror, "v2.5").note, None);
    assert_eq!(at(Capability::Mirror, "3").is, Support::Yes);
    assert_eq!(at(Capability::Mirror, "").is, Support::Yes);
    assert_eq!(at(Capability::Weights, "3").is, Support::Unknown);
    assert_eq!(one.weight_scale(version::read("1.0").as_ref()), 1000);
    assert_eq!(one.weight_scale(None), 1);
    let gateway = Gateway {
        implementation: Some(Arc::new(one)),
        version: Some("1.9".to_owned()),
        ..http("contour", &weighted(""))
    };
    assert_eq!(gateway.weight_scale(), 1000);
}

#[test]
fn every_implementation_on_the_way_has_to_do_it() {
    let catalogue = Catalogue::builtin();
    let beside = |name: &str| Beside {
        implementation: catalogue.implementation(name).unwrap(),
        class: None,
    };
    let mirrored = canary("stepWeight: 1, mirror: true", "");
    let gateway = Gateway {
        beside: vec![beside("traefik"), beside("kong")],
        ..http("contour", &mirrored)
    };
    let told = told(&gateway, &mirrored);
    let is_mirror = |text: &str| {
        format!("error spec.analysis.mirror: needs copies of requests, which {text} does not")
    };
    assert!(told[0].starts_with(&is_mirror("Traefik")), "{told:#?}");
    assert!(told[1].starts_with(&is_mirror("Kong")), "{told:#?}");
    assert_eq!(gateway.weight_scale(), 1000);
    assert_eq!(http("contour", &mirrored).weight_scale(), 1);
    let sure = canary(
        "stepWeight: 1, mirror: true",
        "gitops: {gateway: {assume: {mirror: true}}}",
    );
    assert_eq!(self::told(&gateway, &sure), [""; 0]);
    let gateway = Gateway {
        beside: vec![beside("emissary")],
        ..gateway
    };
    only(
        &gateway,
        &mirrored,
        "error spec.service: Emissary-ingress cannot carry a release",
    );
}

#[test]
fn a_dot_in_the_name_of_a_route_hides_it_from_envoy() {
    let mut dotted = place("HTTPRoute", true);
    for site in &mut dotted.canary.sites {
        site.route = "podinfo.internal".to_owned();
    }
    let plain = weighted("");
    let told =
        |name: &str, canary: &Canary| told(&known(name, canary, None, dotted.clone()), canary);
    let found = told("envoy-gateway", &plain);
    assert_eq!(found.len(), 1, "{found:#?}");
    assert!(
        found[0].starts_with(
            "error spec.analysis.metrics: cannot be measured with the query set envoy-gateway:"
        ),
        "{found:#?}"
    );
    assert_eq!(told("contour", &plain), [""; 0]);
    assert_eq!(
        told("envoy-gateway", &canary("stepWeight: 10", "")),
        [""; 0]
    );
    let merged = weighted("gitops: {gateway: {querySet: envoy-gateway-merged}}");
    assert_eq!(told("envoy-gateway", &merged), [""; 0]);
}

#[test]
fn what_nothing_needs_has_no_effect() {
    let assumed = assuming("mirrorPercent: true");
    only(
        &http("contour", &assumed),
        &assumed,
        "warning spec.gitops.gateway.assume.mirrorPercent: `mirrorPercent` has no effect",
    );
}

#[test]
fn a_record_of_the_data_is_by_version() {
    let traefik = Catalogue::builtin().implementation("traefik").unwrap();
    let grpc = |version| {
        let version = version::read(version);
        traefik
            .answer(Capability::GrpcWeights, version.as_ref(), None)
            .is
    };
    assert_eq!(
        [grpc("3.1.7"), grpc("3.2.0"), grpc("")],
        [Support::No, Support::Yes, Support::Yes]
    );
}
