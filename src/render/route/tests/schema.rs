//! Routes of random Canaries: each that validation lets through is one that the
//! CRDs take, and editing leads to what generating gives.

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::{Arc, OnceLock};

use proptest::prelude::*;
use proptest::sample::select;

use super::*;
use crate::api::{Channel, Problem, parse_duration, read, unsupported_in_generated_route};
use crate::decide::Routed;
use crate::repo::manifest::ParsedFile;
use crate::yaml::{Stream, to_text};

/// Fields of `service`, each with values that are good, odd, or refused.
const SERVICE: [(&str, &[&str]); 10] = [
    ("timeout", &["15s", "0s", "''", "1.5s"]),
    ("backendTimeout", &["5s", "20s", "500ms"]),
    ("hosts", &["[a.b]", "[a.b, '*.c.d']", "[]", "['*']"]),
    (
        "gatewayRefs",
        &[
            "[{name: a, namespace: b}, {name: c, sectionName: d}]",
            "[{name: a}, {name: a}]",
            "[{name: a, port: 80}]",
        ],
    ),
    (
        "rewrite",
        &[
            "{uri: /v2, type: ReplacePrefixMatch}",
            "{uri: /v1}",
            "{authority: a.b}",
            "{}",
            "{authority: 'a:1'}",
            "{uri: '', type: ReplacePrefixMatch}",
        ],
    ),
    (
        "headers",
        &[
            "{request: {add: {x-a: '1'}, set: {x-b: '2', x-c: ' 3'}, remove: [x-d]}}",
            "{response: {set: {x-a: b}}}",
            "{response: {add: {Set-Cookie: a=b}}}",
            "{request: {}}",
            "{request: {add: {x: ''}}}",
            "{response: {remove: [x, x]}}",
        ],
    ),
    (
        "mirror",
        &[
            "[{backendRef: {name: shadow, port: 80}}]",
            "[{backendRef: {name: shop-canary, port: 8080}}]",
            "[{backendRef: {name: a, kind: B, group: c.d}}]",
            "[]",
        ],
    ),
    (
        "corsPolicy",
        &[
            "{allowOrigin: ['https://a.b'], allowMethods: [GET, POST], allowCredentials: true, maxAge: 24h}",
            "{}",
            "{allowOrigin: ['*'], allowHeaders: ['*'], exposeHeaders: [x-a], maxAge: 1d}",
            "{allowOrigin: [a.b]}",
            "{allowMethods: ['*', GET]}",
            "{maxAge: 0s}",
        ],
    ),
    (
        "retries",
        &[
            "{attempts: 3, perTryTimeout: 1s, retryOn: '5xx,gateway-error,429'}",
            "{attempts: 0}",
            "{retryOn: reset}",
            "{perTryTimeout: 90s}",
        ],
    ),
    (
        "apex",
        &[
            "{labels: {a: b}, annotations: {c: d}}",
            "{annotations: {e: f}}",
            "{}",
        ],
    ),
];

const MATCHES: [&str; 12] = [
    "{uri: {prefix: /}}",
    "{uri: {prefix: /a/}}",
    "{uri: {exact: /b}}",
    "{uri: {regex: '/c/.*'}}",
    "{uri: {prefix: //}}",
    "{method: {exact: GET}}",
    "{uri: {prefix: /d}, headers: {x-env: {exact: prod}, X-Tenant: {regex: '[a-z]+'}}}",
    "{headers: {x-user: {exact: insider}}}",
    "{headers: {x-user: {exact: a}, X-User: {exact: b}}}",
    "{queryParams: {beta: {exact: '1'}}}",
    "{headers: {x-odd: {exact: 'a  b'}}}",
    "{scheme: {exact: https}}",
];

const ANALYSES: [&str; 8] = [
    "stepWeight: 10",
    "iterations: 2",
    "iterations: 2, mirror: true",
    "stepWeight: 10, mirror: true",
    "iterations: 2, match: [#]",
    "stepWeight: 10, match: [#]",
    "stepWeight: 10, sessionAffinity: {cookieName: shop-c}",
    "stepWeight: 10, sessionAffinity: {cookieName: shop-c, primaryCookieName: p+q, domain: a.b, path: /, secure: true, partitioned: true}",
];

fn entries(most: usize) -> impl Strategy<Value = String> {
    prop::collection::vec(select(MATCHES.as_slice()), 0..=most)
        .prop_map(|entries| entries.join(", "))
}

/// A Canary as it may be written.
fn document() -> impl Strategy<Value = Value> {
    let fields: Vec<_> = SERVICE
        .iter()
        .map(|(key, values)| {
            let value = prop::option::weighted(0.35, select(*values));
            value.prop_map(move |value| value.map(|value| format!("{key}: {value}")))
        })
        .collect();
    let matches = prop::option::weighted(0.6, entries(3));
    let analysis = (select(ANALYSES.as_slice()), entries(2));
    (fields, matches, analysis, any::<bool>()).prop_map(|(fields, matches, analysis, is_new)| {
        let mut service: Vec<String> = fields.into_iter().flatten().collect();
        if !service.iter().any(|field| field.starts_with("gatewayRefs")) {
            service.push("gatewayRefs: [{name: a}]".to_owned());
        }
        service.extend(matches.map(|entries| format!("match: [{entries}]")));
        let analysis = analysis.0.replace('#', &analysis.1);
        let channel = if is_new { "experimental" } else { "standard" };
        yaml(&format!(
            "{{apiVersion: flagger.app/v1beta1, kind: Canary, metadata: {{name: shop}}, spec: {{\
             targetRef: {{apiVersion: apps/v1, kind: Deployment, name: shop}}, \
             service: {{port: 8080, {}}}, analysis: {{interval: 1m, threshold: 1, {analysis}}}, \
             gitops: {{route: {{channel: {channel}}}}}}}}}",
            service.join(", ")
        ))
    })
}

/// The Canary, when validation lets it through.
fn valid(document: &Value) -> Option<Canary> {
    let (canary, mut problems) = read::<Canary>(document.clone());
    let canary = canary?;
    problems.extend(unsupported_in_generated_route(&canary));
    let refused = problems.iter().any(Problem::is_error);
    (!refused).then_some(canary)
}

fn canaries() -> impl Strategy<Value = Canary> {
    document().prop_filter_map("refused by validation", |document| valid(&document))
}

/// States that a strategy may bring about, with what the status then knows.
fn states(canary: &Canary) -> Vec<(RouteState, Status)> {
    let run = cookies(Some("shop-c=aaaa"), Some("shop-c=old"), Some("p+q=cccc"));
    let rest = cookies(None, Some("shop-c=aaaa"), Some("p+q=cccc"));
    let mut states = vec![
        (Traffic::PRIMARY, Status::default()),
        (Traffic::canary(30), run.clone()),
        (Traffic::CANARY, run),
        (Traffic::PRIMARY, rest),
    ];
    if canary.spec.analysis.as_ref().unwrap().mirrors() {
        states.insert(1, (MIRRORED, Status::default()));
    }
    let state = |(traffic, status): (Traffic, Status)| {
        (
            RouteState::new(&canary.spec, Some(&status), traffic),
            status,
        )
    };
    states.into_iter().map(state).collect()
}

// ----- the CRDs -----

/// Fields that a schema does not name are an error here, not pruned.
fn close(schema: &mut serde_json::Value) {
    if let Some(object) = schema.as_object_mut() {
        if object.contains_key("properties") && !object.contains_key("additionalProperties") {
            object.insert("additionalProperties".to_owned(), false.into());
        }
        object.values_mut().for_each(close);
    }
    if let Some(items) = schema.as_array_mut() {
        items.iter_mut().for_each(close);
    }
}

/// The specs of HTTPRoutes in the standard and in the experimental channel.
#[expect(clippy::disallowed_methods, reason = "says where the corpus is")]
fn schemas() -> Option<&'static [jsonschema::Validator; 2]> {
    static SCHEMAS: OnceLock<Option<[jsonschema::Validator; 2]>> = OnceLock::new();
    let read = || {
        let Some(corpus) = std::env::var_os("WEIRKEEPER_CORPUS") else {
            eprintln!("skipped: WEIRKEEPER_CORPUS is not set");
            return None;
        };
        let channel = |channel: &str| {
            let file = format!("crds/{channel}/gateway.networking.k8s.io_httproutes.yaml");
            let crd = yaml(&fs_err::read_to_string(Path::new(&corpus).join(file)).unwrap());
            let versions = crd["spec"]["versions"].as_sequence().unwrap();
            let v1 = versions.iter().find(|version| version["name"] == "v1");
            let spec = &v1.unwrap()["schema"]["openAPIV3Schema"]["properties"]["spec"];
            let mut spec: serde_json::Value = serde_yaml::from_value(spec.clone()).unwrap();
            close(&mut spec);
            jsonschema::validator_for(&spec).unwrap()
        };
        Some(["standard", "experimental"].map(channel))
    };
    SCHEMAS.get_or_init(read).as_ref()
}

/// What is wrong with a route.
fn refused(route: &Value, schema: &jsonschema::Validator) -> Vec<String> {
    let spec: serde_json::Value = serde_yaml::from_value(route["spec"].clone()).unwrap();
    let errors = schema.iter_errors(&spec);
    let errors = errors.map(|error| format!("{}: {error}", error.instance_path()));
    errors
        .chain(rules_of_the_crds(&route["spec"]).err())
        .collect()
}

#[test]
fn the_crds_refuse_what_is_wrong() {
    let Some([standard, experimental]) = schemas() else {
        return;
    };
    let mut canary = canary(
        "gatewayRefs: [{name: a}], retries: {attempts: 1}, match: [{uri: {prefix: /}}]",
        "stepWeight: 10",
    );
    canary.spec.gitops = serde_yaml::from_str("{route: {channel: experimental}}").unwrap();
    let good = route(&canary.spec, None, &RouteState::idle());
    assert_eq!(refused(&good, experimental), [""; 0]);
    assert_eq!(refused(&good, standard).len(), 1);
    let broken = |change: &dyn Fn(&mut Value)| {
        let mut route = good.clone();
        change(&mut route["spec"]["rules"][0]);
        refused(&route, experimental).len()
    };
    assert_eq!(
        broken(&|rule| rule["backendRefs"][0]["weight"] = 1_000_001.into()),
        1
    );
    assert_eq!(
        broken(&|rule| rule["backendRefs"][0]["weight"] = 0.into()),
        1
    );
    assert_eq!(
        broken(&|rule| rule["matches"][0]["path"]["value"] = "a//b".into()),
        1
    );
    assert_eq!(broken(&|rule| rule["filters"] = yaml("[{type: CORS}]")), 1);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn the_crds_take_what_validation_lets_through(all in prop::collection::vec(canaries(), 8)) {
        let Some([standard, experimental]) = schemas() else { return Ok(()) };
        for canary in all {
            let gitops = canary.spec.gitops();
            let schema = match gitops.route.as_ref().unwrap().channel {
                Channel::Standard => standard,
                Channel::Experimental => experimental,
            };
            for (state, _) in states(&canary) {
                let route = route(&canary.spec, None, &state);
                let errors = refused(&route, schema);
                prop_assert!(errors.is_empty(), "{errors:#?}\n{}", serde_yaml::to_string(&route).unwrap());
            }
        }
    }

    #[test]
    fn editing_leads_to_what_is_generated(mut canary in canaries(), order in prop::collection::vec(0..5_usize, 1..6)) {
        let states = states(&canary);
        let generated = route(&canary.spec, None, &states[0].0);
        let mut text = to_text(&generated).unwrap();
        canary.status = Some(Status { generated_route: Some(checksum(&canary.spec)), ..Status::default() });
        for index in order {
            let (state, status) = &states[index % states.len()];
            let file = Arc::new(ParsedFile::parse("a.yaml", text.as_bytes()).unwrap());
            let manifest = file.manifests().remove(0);
            let mut stream = Stream::clone(&file.stream);
            let added = set(&mut stream, &canary, &manifest, state).unwrap();
            prop_assert_eq!(&added, &added_rules(&canary.spec, state));
            let wanted = route(&canary.spec, None, state);
            prop_assert_eq!(stream.documents()[0].to_value().unwrap(), wanted);
            canary.status = Some(Status {
                generated_route: Some(checksum(&canary.spec)),
                added_rules: added,
                routed: Some(state.traffic),
                ..status.clone()
            });
            text = stream.into_text();
            let manifest = Arc::new(ParsedFile::parse("a.yaml", text.as_bytes()).unwrap()).manifests().remove(0);
            let found = routed(&canary, Some(&manifest)).unwrap();
            prop_assert_eq!(found, Routed::Even(state.traffic));
            prop_assert!(is_generated(&canary, &manifest), "{text}");
            prop_assert!(!outdated(&canary, Some(&manifest)));
            fits(&canary, Some(&manifest)).unwrap();
        }
    }

    #[test]
    fn updating_leads_to_what_is_generated(old in canaries(), mut new in canaries(), from in 0..5_usize, to in 0..5_usize) {
        let before = states(&old);
        let (state, status) = &before[from % before.len()];
        let text = to_text(&route(&old.spec, None, state)).unwrap();
        new.status = Some(Status {
            generated_route: Some(checksum(&old.spec)),
            added_rules: added_rules(&old.spec, state),
            routed: Some(state.traffic),
            ..status.clone()
        });
        let after = states(&new);
        let (state, _) = &after[to % after.len()];
        let file = Arc::new(ParsedFile::parse("a.yaml", text.as_bytes()).unwrap());
        let manifest = file.manifests().remove(0);
        prop_assert!(is_generated(&new, &manifest), "{text}");
        let differs = checksum(&old.spec) != checksum(&new.spec);
        prop_assert!(!differs || outdated(&new, Some(&manifest)));
        let mut stream = Stream::clone(&file.stream);
        let added = update(&mut stream, &new, &manifest, state).unwrap();
        prop_assert_eq!(&added, &added_rules(&new.spec, state));
        let mut updated = stream.documents()[0].to_value().unwrap();
        let mut wanted = route(&new.spec, None, state);
        // Annotations of others stay.
        for route in [&mut updated, &mut wanted] {
            route["metadata"].as_mapping_mut().unwrap().shift_remove("annotations");
        }
        prop_assert_eq!(updated, wanted);
    }
}

// ----- the rules of the CRDs that are written in CEL -----

fn text<'v>(value: &'v Value, key: &str, default: &'v str) -> &'v str {
    value.get(key).and_then(Value::as_str).unwrap_or(default)
}

fn rules_of_the_crds(spec: &Value) -> Result<(), String> {
    parents(list(Some(spec), "parentRefs"))?;
    let rules = list(Some(spec), "rules");
    let matches = |rule: &Value| list(Some(rule), "matches").len().max(1);
    ensure(
        rules.iter().map(matches).sum::<usize>() <= 128,
        "128 matches",
    )?;
    for rule in rules {
        for found in list(Some(rule), "matches") {
            found.get("path").map_or(Ok(()), path)?;
            unique(list(Some(found), "headers"), true)?;
            unique(list(Some(found), "queryParams"), false)?;
        }
        let holders = std::iter::once(rule).chain(backends(rule));
        for holder in holders {
            filters(list(Some(holder), "filters"))?;
            let rewrites = list(Some(holder), "filters").iter().any(|filter| {
                let path = filter
                    .get("urlRewrite")
                    .and_then(|rewrite| rewrite.get("path"));
                path.is_some_and(|path| path.get("replacePrefixMatch").is_some())
            });
            let found = list(Some(rule), "matches");
            let is_one = found.len() == 1
                && found[0]
                    .get("path")
                    .is_none_or(|path| text(path, "type", "PathPrefix") == "PathPrefix");
            ensure(!rewrites || is_one, "one PathPrefix")?;
        }
        for backend in backends(rule) {
            reference(backend)?;
        }
        timeouts(rule.get("timeouts").unwrap_or(&Value::Null))?;
        let weights: i64 = backends(rule)
            .iter()
            .map(|backend| backend["weight"].as_i64().unwrap())
            .sum();
        ensure(weights > 0, "somebody gets the requests")?;
    }
    Ok(())
}

fn ensure(holds: bool, rule: &str) -> Result<(), String> {
    holds.then_some(()).ok_or_else(|| rule.to_owned())
}

fn parents(parents: &[Value]) -> Result<(), String> {
    let gateway = |parent: &Value| {
        let keys = [
            ("group", "gateway.networking.k8s.io"),
            ("kind", "Gateway"),
            ("name", ""),
            ("namespace", ""),
        ];
        keys.map(|(key, default)| text(parent, key, default).to_owned())
    };
    for (index, one) in parents.iter().enumerate() {
        for other in &parents[..index] {
            if gateway(one) == gateway(other) {
                let (one, other) = (text(one, "sectionName", ""), text(other, "sectionName", ""));
                ensure(
                    one.is_empty() == other.is_empty(),
                    "sectionName when there are several",
                )?;
                ensure(one != other, "sectionName unique")?;
            }
        }
    }
    Ok(())
}

fn path(path: &Value) -> Result<(), String> {
    let (kind, value) = (text(path, "type", "PathPrefix"), text(path, "value", "/"));
    if kind == "RegularExpression" {
        return Ok(());
    }
    let bad = ["//", "/./", "/../", "%2f", "%2F", "#"];
    ensure(
        value.starts_with('/') && !bad.iter().any(|bad| value.contains(bad)),
        "path",
    )?;
    ensure(
        !value.ends_with("/..") && !value.ends_with("/."),
        "path end",
    )
}

/// The keys of list maps differ.
fn unique(items: &[Value], folded: bool) -> Result<(), String> {
    let name = |item: &Value| match folded {
        true => text(item, "name", "").to_ascii_lowercase(),
        false => text(item, "name", "").to_owned(),
    };
    let names: BTreeSet<String> = items.iter().map(name).collect();
    ensure(names.len() == items.len(), "names differ")
}

fn different(items: &[Value]) -> Result<(), String> {
    let all = (1..items.len()).all(|index| !items[..index].contains(&items[index]));
    ensure(all, "items differ")
}

fn filters(filters: &[Value]) -> Result<(), String> {
    let once = [
        "RequestHeaderModifier",
        "ResponseHeaderModifier",
        "URLRewrite",
        "CORS",
    ];
    for kind in once {
        let count = filters
            .iter()
            .filter(|filter| text(filter, "type", "") == kind)
            .count();
        ensure(count <= 1, "at most one of a kind")?;
    }
    for filter in filters {
        let kind = text(filter, "type", "");
        let key = match kind {
            "URLRewrite" => "urlRewrite".to_owned(),
            "CORS" => "cors".to_owned(),
            _ => kind[..1].to_ascii_lowercase() + &kind[1..],
        };
        let keys: Vec<&str> = filter
            .as_mapping()
            .unwrap()
            .keys()
            .filter_map(Value::as_str)
            .collect();
        ensure(keys == ["type", &key], "type and value of a filter agree")?;
        let value = &filter[key.as_str()];
        for list_of in ["add", "set"] {
            unique(list(Some(value), list_of), false)?;
        }
        different(list(Some(value), "remove"))?;
        for list_of in [
            "allowOrigins",
            "allowMethods",
            "allowHeaders",
            "exposeHeaders",
        ] {
            let items = list(Some(value), list_of);
            different(items)?;
            let has_all = items.contains(&Value::from("*"));
            ensure(
                !has_all || items.len() == 1 || list_of == "exposeHeaders",
                "* alone",
            )?;
        }
        if let Some(backend) = value.get("backendRef") {
            reference(backend)?;
        }
        if let Some(path) = value.get("path") {
            let kind = text(path, "type", "");
            let has = |key: &str| path.get(key).is_some();
            ensure(
                has("replaceFullPath") == (kind == "ReplaceFullPath"),
                "full path",
            )?;
            ensure(
                has("replacePrefixMatch") == (kind == "ReplacePrefixMatch"),
                "prefix",
            )?;
        }
    }
    Ok(())
}

fn reference(backend: &Value) -> Result<(), String> {
    let is_service =
        text(backend, "group", "").is_empty() && text(backend, "kind", "Service") == "Service";
    ensure(
        !is_service || backend.get("port").is_some(),
        "port of a Service",
    )
}

fn timeouts(timeouts: &Value) -> Result<(), String> {
    let limit = |key: &str| {
        let text = timeouts.get(key)?.as_str()?;
        Some(parse_duration(text).unwrap())
    };
    let (Some(request), Some(backend)) = (limit("request"), limit("backendRequest")) else {
        return Ok(());
    };
    ensure(
        request.is_zero() || backend <= request,
        "backendRequest within request",
    )
}
