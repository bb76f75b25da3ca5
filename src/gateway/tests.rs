//! The data, and what becomes of it.

mod docs;

use std::collections::BTreeMap;

use super::catalogue::{GATEWAYS, QUERIES};
use super::*;
use crate::api::{BuiltIn, Metric};

pub(super) fn place() -> Place {
    let side = |workload: &str, service: &str, backend, weight| Side {
        workload: workload.to_owned(),
        service: service.to_owned(),
        sites: vec![Site {
            route: "podinfo".to_owned(),
            rule: 0,
            backend,
            weight,
            filtered: false,
        }],
    };
    Place {
        namespace: "test".to_owned(),
        kind: "HTTPRoute".to_owned(),
        canary: side("podinfo", "podinfo-canary", 1, 10),
        primary: side("podinfo-primary", "podinfo-primary", 0, 90),
        gateways: vec!["web".to_owned()],
        mirrored: false,
    }
}

fn query(set: &str, name: &str, backend: Backend) -> Option<String> {
    let set = Catalogue::builtin().set(set).unwrap();
    let metric = Metric {
        name: name.to_owned(),
        ..Metric::default()
    };
    let question = Question::Metric(metric.builtin().unwrap());
    set.query(question, &place(), backend, "1m").unwrap()
}

#[test]
fn every_file_is_there_and_reads() {
    let folder = |name: &str| {
        let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("templates");
        let mut names: Vec<String> = fs_err::read_dir(path.join(name))
            .unwrap()
            .filter_map(|entry| {
                let name = entry.unwrap().file_name().into_string().unwrap();
                name.strip_suffix(".yaml").map(str::to_owned)
            })
            .collect();
        names.sort();
        names
    };
    let names = |files: &[(&str, &str)]| -> Vec<String> {
        files.iter().map(|(name, _)| (*name).to_owned()).collect()
    };
    assert_eq!(folder("gateways"), names(GATEWAYS));
    assert_eq!(folder("queries"), names(QUERIES));
    for (name, text) in GATEWAYS {
        let read = serde_yaml::from_str::<Implementation>(text);
        let implementation = read.unwrap_or_else(|error| panic!("{name}: {error}"));
        for set in &implementation.query_sets {
            assert!(Catalogue::builtin().set(set).is_some(), "{name}: {set}");
        }
    }
    for (name, text) in QUERIES {
        let read = serde_yaml::from_str::<BTreeMap<String, QuerySet>>(text);
        read.unwrap_or_else(|error| panic!("{name}: {error}"));
    }
}

#[test]
fn queries_name_the_backend() {
    let canary = query("contour", "request-duration-p95", Backend::Canary).unwrap();
    insta::assert_snapshot!(canary, @r#"histogram_quantile(0.95, sum by (le) (rate(envoy_cluster_upstream_rq_time_bucket{envoy_cluster_name=~"test_podinfo-canary_[0-9]+"}[1m])))"#);
    let primary = query("contour", "request-success-rate", Backend::Primary).unwrap();
    assert!(primary.contains("test_podinfo-primary_[0-9]+"), "{primary}");
    let generic = query("http", Metric::SUCCESS_RATE, Backend::Primary).unwrap();
    assert!(
        generic.contains(r#"=~"podinfo-primary-[0-9a-zA-Z]+(-"#),
        "{generic}"
    );
    assert_eq!(query("http", Metric::RETRY_RATE, Backend::Canary), None);
}

/// Questions that are asked of a set, with a name for each.
fn questions() -> [(String, Question); 7] {
    let metric = |name: &str| {
        let metric = Metric {
            name: name.to_owned(),
            ..Metric::default()
        };
        (name.to_owned(), Question::Metric(metric.builtin().unwrap()))
    };
    let other = |question: Question| (question.name().to_owned(), question);
    [
        metric(Metric::SUCCESS_RATE),
        metric(Metric::DURATION),
        metric("request-duration-average"),
        metric(Metric::RETRY_RATE),
        other(Question::Requests),
        other(Question::Series),
        other(Question::Buckets),
    ]
}

/// All that is asked about the canary, as lines.
fn asked(set: &QuerySet, place: &Place) -> String {
    let mut lines = Vec::new();
    for (name, question) in questions() {
        let query = set.query(question, place, Backend::Canary, "1m").unwrap();
        lines.push(format!("{name}: {}", query.as_deref().unwrap_or("-")));
    }
    lines.join("\n")
}

#[test]
fn queries_of_every_set() {
    let grpc = Place {
        kind: "GRPCRoute".to_owned(),
        ..place()
    };
    let mirrored = Place {
        mirrored: true,
        ..place()
    };
    insta::with_settings!({ omit_expression => true, prepend_module_to_snapshot => false }, {
        for set in Catalogue::builtin().sets() {
            let text = format!(
                "{}\n\n# GRPCRoute\n{}\n\n# mirrored\n{}",
                asked(set, &place()),
                asked(set, &grpc),
                asked(set, &mirrored)
            );
            insta::assert_snapshot!(set.name.as_str(), text);
        }
    });
}

#[test]
fn a_name_is_never_more_than_a_name() {
    let names = [
        r#"a"} or vector(1) #"#,
        "back\\slash",
        "new\nline",
        "a.b",
        "a|.*",
        "(x)[y]{2}+?^$",
        "{{ namespace }}{% if %}",
        "\u{f0000}\u{100000}",
        "",
    ];
    for name in names {
        let mut hostile = place();
        hostile.namespace = name.to_owned();
        hostile.gateways = vec![name.to_owned()];
        for side in [&mut hostile.canary, &mut hostile.primary] {
            side.service = name.to_owned();
            side.workload = name.to_owned();
            side.sites[0].route = name.to_owned();
        }
        for set in Catalogue::builtin().sets() {
            for (_, question) in questions() {
                let asked = set.query(question, &hostile, Backend::Canary, "1m");
                let Some(query) = asked.unwrap() else {
                    continue;
                };
                // Outside of quotes nothing depends on the names.
                let plain = set.query(question, &place(), Backend::Canary, "1m");
                let plain = plain.unwrap().unwrap();
                assert_eq!(skeleton(&query), skeleton(&plain), "{}: {name}", set.name);
            }
        }
    }
}

/// A query without what stands between double quotes.
fn skeleton(query: &str) -> String {
    let mut out = String::new();
    let (mut inside, mut escaped) = (false, false);
    for c in query.chars() {
        match c {
            _ if escaped => escaped = false,
            '\\' if inside => escaped = true,
            '"' => inside = !inside,
            _ if inside => {}
            _ => out.push(c),
        }
    }
    assert!(!inside, "{query}");
    out.replace(", pod!~", "")
}

#[test]
fn a_name_in_a_pattern_fits_itself_alone() {
    let set = QuerySet {
        requests: Some(Counter {
            metric: "m".to_owned(),
            selector:
                r#"a="{{ target }}", b=~"{{ target }}-.+", c!~'{{ target }}', d=~`{{ target }}`"#
                    .to_owned(),
            ..Counter::default()
        }),
        ..QuerySet::default()
    };
    let mut odd = place();
    odd.canary.workload = "x.y+\\\"'".to_owned();
    let query = set.query(Question::Series, &odd, Backend::Canary, "1m");
    assert_eq!(
        query.unwrap().unwrap(),
        r#"count(m{a="x.y+\\\"'", b=~"x[.]y[+]\\\\\"'-.+", c!~'x[.]y[+]\\\\"\'', d=~`x[.]y[+]\\"'`})"#
    );
}

#[test]
fn without_a_backend_nothing_is_selected() {
    let mut nowhere = place();
    for side in [&mut nowhere.canary, &mut nowhere.primary] {
        side.sites.clear();
    }
    nowhere.gateways.clear();
    let series = |set: &str| {
        let set = Catalogue::builtin().set(set).unwrap();
        let query = set.query(Question::Series, &nowhere, Backend::Canary, "1m");
        query.unwrap().unwrap()
    };
    let pattern = |set: &str| {
        let query = series(set);
        let start = query.find("=~\"").unwrap() + 3;
        let pattern = &query[start..][..query[start..].find('"').unwrap()];
        regex::Regex::new(&format!("^(?:{pattern})$")).unwrap()
    };
    for (set, known) in [
        ("envoy-gateway", "httproute/test/podinfo/rule/0/backend/1"),
        ("envoy-gateway-rule", "httproute/test/podinfo/rule/0"),
        ("haproxy-ingress-rule", "test_podinfo__rule0"),
        ("kong-rule", "httproute.test.podinfo.0"),
        ("apisix", "test_podinfo_0-0"),
        ("consul-gateway", "web"),
        (
            "traefik",
            "httproute-test-podinfo-gw-infra-web-ep-web-0-0123-svc-test-podinfo-canary-1@kubernetesgateway",
        ),
    ] {
        let pattern = pattern(set);
        assert!(!pattern.is_match(known), "{set}: {pattern}");
        assert!(!pattern.is_match(""), "{set}: {pattern}");
    }
}

#[test]
fn an_uncertain_set_says_why() {
    for set in Catalogue::builtin().sets() {
        assert!(set.confidence.is_some(), "{}", set.name);
        let is_low = set.confidence == Some(Confidence::Low);
        assert!(!is_low || !set.notes.is_empty(), "{}: why?", set.name);
    }
}

#[test]
fn of_grpc_only_a_set_that_knows_its_statuses_has_a_success_rate() {
    let set = Catalogue::builtin().set("contour").unwrap();
    let grpc = Place {
        kind: "GRPCRoute".to_owned(),
        ..place()
    };
    let asked = |question| set.query(question, &grpc, Backend::Canary, "1m").unwrap();
    assert_eq!(asked(Question::Metric(BuiltIn::SuccessRate)), None);
    assert!(asked(Question::Requests).is_some());
}
