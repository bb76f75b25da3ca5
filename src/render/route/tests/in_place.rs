//! Somebody's own routes: whole runs, after which every byte is as it was.

use std::path::Path;
use std::sync::Arc;

use proptest::prelude::*;
use proptest::sample::select;

use super::*;
use crate::api::Phase;
use crate::decide::Routed;
use crate::repo::manifest::ParsedFile;
use crate::yaml::{Stream, by_hand};

/// A strategy and the states of its runs, each with its cookies.
struct Run {
    analysis: &'static str,
    states: Vec<(Traffic, [Option<&'static str>; 3])>,
}

fn steps(analysis: &'static str, states: &[Traffic]) -> Run {
    let states = states.iter().map(|traffic| (*traffic, [None; 3]));
    Run {
        analysis,
        states: states.collect(),
    }
}

fn runs() -> Vec<Run> {
    const MATCH: &str =
        "match: [{headers: {x-beta: {exact: '1'}}}, {headers: {cookie: {regex: '.*beta.*'}}}]";
    let idle = Traffic::PRIMARY;
    let [quarter, half] = [Traffic::canary(25), Traffic::canary(50)];
    let weighted = Box::leak(format!("stepWeight: 25, {MATCH}").into_boxed_str());
    let tested = Box::leak(format!("iterations: 3, {MATCH}").into_boxed_str());
    let both = "stepWeight: 25, sessionAffinity: {cookieName: shop-c, primaryCookieName: shop-p}";
    let (x1, x2, y) = (Some("shop-c=aaa"), Some("shop-c=bbb"), Some("shop-p=ccc"));
    vec![
        steps("stepWeight: 25", &[quarter, half, idle]),
        steps(
            "iterations: 3, mirror: true",
            &[MIRRORED, MIRRORED, Traffic::CANARY, idle],
        ),
        steps(
            "stepWeight: 25, mirror: true",
            &[MIRRORED, quarter, half, idle],
        ),
        steps(
            tested,
            &[
                Traffic::CANARY,
                Traffic::CANARY,
                idle,
                Traffic::CANARY,
                idle,
            ],
        ),
        steps(weighted, &[quarter, half, idle]),
        Run {
            analysis: both,
            states: vec![
                (quarter, [x1, None, y]),
                (half, [x1, None, y]),
                (idle, [None, x1, y]),
                (idle, [None, x1, y]),
                (quarter, [x2, x1, y]),
                (idle, [None, x2, y]),
            ],
        },
        Run {
            analysis: "stepWeight: 25, sessionAffinity: {cookieName: shop-c}",
            states: vec![
                (quarter, [x1, None, Some("=ccc")]),
                (idle, [None, x1, Some("=ccc")]),
            ],
        },
    ]
}

pub(super) fn podinfo(analysis: &str, gitops: &str) -> Canary {
    let mut canary = canary("name: podinfo", analysis);
    canary.spec.gitops = serde_yaml::from_str(gitops).unwrap();
    canary
}

pub(super) fn manifest(text: &str) -> Manifest {
    let file = Arc::new(ParsedFile::parse("route.yaml", text.as_bytes()).unwrap());
    let mut routes = file.manifests();
    routes.retain(|manifest| manifest.kind.ends_with("Route"));
    routes.remove(0)
}

/// The text in another state; the status then knows what was added.
pub(super) fn step(
    canary: &mut Canary,
    text: &str,
    traffic: Traffic,
    cookies: [Option<&str>; 3],
) -> Result<String, String> {
    let route = manifest(text);
    let [own, previous, primary] = cookies;
    let status = super::cookies(own, previous, primary);
    let state = RouteState::new(&canary.spec, Some(&status), traffic);
    let mut stream = Stream::clone(&route.file.stream);
    let added = set(&mut stream, canary, &route, &state).map_err(|error| error.to_string())?;
    let generated_route = canary
        .status
        .as_ref()
        .and_then(|status| status.generated_route.clone());
    canary.status = Some(Status {
        phase: Some(Phase::Progressing),
        routed: Some(traffic),
        added_rules: added,
        generated_route,
        ..status
    });
    Ok(stream.into_text())
}

/// Rules that were there before are the same, but for weights and filters.
fn untouched(before: &Value, after: &Value, canary: &Canary) {
    let subject = Subject::of(canary, &manifest(&serde_yaml::to_string(after).unwrap()));
    let bare = |rule: &Value| {
        let mut rule = rule.clone();
        if subject.is_weighted(&rule) {
            rule.as_mapping_mut().unwrap().shift_remove("filters");
            for backend in rule["backendRefs"].as_sequence_mut().unwrap() {
                let backend = backend.as_mapping_mut().unwrap();
                let name = backend["name"].as_str().unwrap().to_owned();
                if name == subject.primary || name == subject.canary {
                    backend.shift_remove("filters");
                    backend.shift_remove("weight");
                }
            }
        }
        rule
    };
    let kept = rules(after).iter().filter(|rule| !subject.is_added(rule));
    let kept: Vec<Value> = kept.map(bare).collect();
    let own: Vec<Value> = rules(before).iter().map(bare).collect();
    assert_eq!(kept, own);
}

/// Takes a route through a run. The refusal, if one step cannot be taken.
fn whole_run(name: &str, text: &str, run: &Run, gitops: &str) -> Result<(), String> {
    let mut canary = podinfo(run.analysis, gitops);
    let kind = manifest(text).kind;
    // Weights stay as they are written then, not as they were: no alias, no tag.
    let mut plain = podinfo("stepWeight: 25", gitops);
    let start = step(&mut plain, text, Traffic::canary(30), [None; 3])?;
    let start = step(&mut plain, &start, Traffic::PRIMARY, [None; 3])?;
    let route = manifest(&start);
    let mut before = start.clone();
    for (traffic, cookies) in &run.states {
        let after = step(&mut canary, &before, *traffic, *cookies)?;
        let now = manifest(&after);
        let again = step(&mut canary, &after, *traffic, *cookies).unwrap();
        assert_eq!(again, after, "{name} again: {}", run.analysis);
        untouched(&route.value, &now.value, &canary);
        let routed = routed(&canary, Some(&now)).unwrap();
        assert_eq!(
            routed,
            Routed::Even(*traffic),
            "{name}: {}\n{after}",
            run.analysis
        );
        let kind = RouteKind::of(&kind);
        if limits::broken(rules(&route.value), kind).is_none() {
            assert_eq!(limits::broken(rules(&now.value), kind), None);
        }
        let exposed = exposed(&canary, Some(&now));
        assert_eq!(exposed > 0, traffic.canary > 0, "{name}\n{after}");
        if traffic.canary == 0 && !traffic.mirrored {
            assert_eq!(after, start, "{name}: {}", run.analysis);
        } else {
            assert_ne!(after, start, "{name}: {}", run.analysis);
        }
        before = after;
    }
    assert_eq!(before, start, "{name}: {}", run.analysis);
    Ok(())
}

fn fixtures(folder: &str) -> Vec<(String, String)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("fixtures")
        .join(folder);
    let mut files: Vec<_> = fs_err::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| {
            path.extension()
                .is_some_and(|extension| extension == "yaml")
        })
        .collect();
    files.sort();
    let read = |path: std::path::PathBuf| {
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        (name, fs_err::read_to_string(path).unwrap())
    };
    files.into_iter().map(read).collect()
}

#[test]
fn after_a_run_every_byte_is_as_it_was() {
    let mut refused = Vec::new();
    let all = [fixtures("own-routes"), fixtures("routes")].concat();
    assert!(all.len() > 30);
    for (name, text) in all {
        for run in runs() {
            // The first has weights only, the other takes long.
            let simple = ["plain-tcp.yaml", "very-long-lines.yaml"].contains(&&*name);
            if simple && run.analysis != "stepWeight: 25" {
                continue;
            }
            if let Err(error) = whole_run(&name, &text, &run, "{}") {
                refused.push(format!("{name}: {}: {error}", run.analysis));
            }
        }
    }
    insta::assert_snapshot!(refused.join("\n"), @"
    anchors.yaml: iterations: 3, mirror: true: `spec.rules[0].filters` is shared with other places by `&mark`
    anchors.yaml: stepWeight: 25, mirror: true: `spec.rules[0].filters` is shared with other places by `&mark`
    ");
}

#[test]
fn one_rule_by_its_name() {
    let (_, text) = fixtures("own-routes")
        .into_iter()
        .find(|(name, _)| name == "several-rules.yaml")
        .unwrap();
    for run in runs() {
        whole_run("several-rules", &text, &run, "{route: {rule: beta}}").unwrap();
    }
}

const MATCHES: [&str; 4] = [
    "[{path: {type: PathPrefix, value: /}}]",
    "[{path: {value: /a}, headers: [{name: x-tenant, value: a}]}, {path: {type: Exact, value: /b}}]",
    "[{headers: [{name: Cookie, type: RegularExpression, value: '.*old.*'}], queryParams: [{name: q, value: '1'}]}]",
    "[{method: GET}]",
];

const FILTERS: [&str; 3] = [
    "[{type: RequestHeaderModifier, requestHeaderModifier: {set: [{name: x-a, value: b}], remove: [x-c]}}]",
    "[{type: RequestMirror, requestMirror: {backendRef: {name: podinfo-canary, port: 80}, percent: 5}}]",
    "[{type: ResponseHeaderModifier, responseHeaderModifier: {add: [{name: x-a, value: b}]}}, \
      {type: ExtensionRef, extensionRef: {group: a.b, kind: C, name: d}}]",
];

const BACKENDS: [&str; 5] = [
    "[{name: podinfo-primary, port: 80}, {name: podinfo-canary, port: 80, weight: 0}]",
    "[{name: podinfo-canary, weight: 0, port: 80}, {name: third, port: 80, weight: 7}, {weight: 100, name: podinfo-primary, port: 80, kind: Service}]",
    "[{name: podinfo-primary, port: 80, weight: 1, filters: [{type: ResponseHeaderModifier, responseHeaderModifier: {remove: [a]}}]}, \
      {name: podinfo-canary, namespace: b, port: 80, weight: 0, filters: \
       [{type: ResponseHeaderModifier, responseHeaderModifier: {add: [{name: x-a, value: b}], set: [{name: c, value: d}]}}]}]",
    "[{name: podinfo-primary, port: 80}]",
    "[{name: third, port: 80}]",
];

/// A rule of somebody's own.
fn own_rule(backends: &'static [&'static str]) -> impl Strategy<Value = Value> {
    let field = |key: &'static str, values: &'static [&'static str]| {
        let value = prop::option::of(select(values));
        value.prop_map(move |value| value.map(|value| (key, value)))
    };
    let fields = (
        field("matches", &MATCHES),
        field("filters", &FILTERS),
        field("timeouts", &["{request: 5s}"]),
    );
    let backends = select(backends).prop_map(|backends| ("backendRefs", backends));
    let shuffled = (fields, backends).prop_map(|((matches, filters, timeouts), backends)| {
        let optional = [matches, filters, timeouts].into_iter().flatten();
        optional.chain([backends]).collect::<Vec<_>>()
    });
    shuffled.prop_shuffle().prop_map(|fields| {
        let fields = fields.into_iter();
        let mapping: Mapping = fields
            .map(|(key, value)| (key.into(), yaml(value)))
            .collect();
        mapping.into()
    })
}

fn own_route() -> impl Strategy<Value = Value> {
    let others = prop::collection::vec(own_rule(&BACKENDS), 0..3);
    let rules = (others, own_rule(&BACKENDS[..3])).prop_map(|(mut rules, weighted)| {
        rules.push(weighted);
        rules
    });
    rules.prop_shuffle().prop_map(|rules| {
        let mut route = yaml(
            "{apiVersion: gateway.networking.k8s.io/v1beta1, kind: HTTPRoute, metadata: {name: podinfo}}",
        );
        route["spec"] = object([("rules", Value::Sequence(rules))]);
        route
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn any_route_in_any_hand_is_as_it_was(
        route in own_route(),
        whims in prop::collection::vec(any::<u16>(), 16..64),
        line_break in 0..4_u8,
        run in 0..7_usize,
    ) {
        let text = by_hand(&route, &whims, line_break);
        prop_assert_eq!(whole_run("generated", &text, &runs()[run], "{}"), Ok(()), "{}", text);
    }
}
