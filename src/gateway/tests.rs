//! The data, and what becomes of it.

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
