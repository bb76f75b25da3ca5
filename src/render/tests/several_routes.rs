//! Several routes of one Canary change together.

use super::workloads::{APP, CANARY};
use crate::api::{Status, Traffic};
use crate::decide::{Effect, Routed};
use crate::render::testing::Repo;

const EAST: &str = "# East.
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: {name: shop-east, namespace: test}
spec:
  rules:
  - backendRefs: # all of it
    - {name: shop-primary, port: 80, weight: 100}
    - {name: shop-canary, port: 80, weight: 0}
";

const WEST: &str = "apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata:
    name: shop-west
    namespace: test
spec:
    hostnames: ['west.example.com']
    rules:
        # Pictures come from elsewhere.
        - matches: [{path: {type: PathPrefix, value: /static}}]
          backendRefs: [{name: cdn, port: 80}]

        - matches:
            - path: {type: PathPrefix, value: /shop}
          filters: [{type: RequestHeaderModifier, requestHeaderModifier: {remove: [x-debug]}}]
          backendRefs:
            - name: shop-canary
              port: 80
              weight: 0   # none yet
            - name: shop-primary
              port: 80
              weight: 100
";

const PATHS: [(&str, &str); 2] = [
    ("shop-east", "clusters/east/route.yaml"),
    ("shop-west", "clusters/west/route.yaml"),
];

fn repo(analysis: &str) -> Repo {
    let canary = CANARY.replace("stepWeight: 50", analysis);
    let mut repo = Repo::new([
        ("apps/canary.yaml", &*canary),
        ("apps/app.yaml", APP),
        (PATHS[0].1, EAST),
        (PATHS[1].1, WEST),
    ]);
    repo.routes = PATHS.to_vec();
    repo
}

fn set(repo: &mut Repo, traffic: Traffic, change: impl FnOnce(&mut Status)) {
    repo.carry_out([Effect::SetTraffic { traffic }], |status| {
        super::workloads::progressing(status);
        status.routed = Some(traffic);
        change(status);
    });
}

fn texts(repo: &Repo) -> [String; 2] {
    PATHS.map(|(_, path)| repo.texts[path].clone())
}

#[test]
fn all_have_the_same_weights_and_come_back_to_the_byte() {
    let mut repo = repo("stepWeight: 50");
    for canary in [10, 60, 100] {
        let before = texts(&repo);
        set(&mut repo, Traffic::canary(canary), |_| {});
        assert_eq!(repo.facts().routed, Routed::Even(Traffic::canary(canary)));
        let after = texts(&repo);
        assert!(
            before
                .iter()
                .zip(&after)
                .all(|(before, after)| before != after)
        );
    }
    set(&mut repo, Traffic::PRIMARY, |_| {});
    assert_eq!(texts(&repo), [EAST, WEST]);
}

#[test]
fn rules_that_were_added_are_taken_out_of_each() {
    let headers = "iterations: 2, match: [{headers: {x-beta: {exact: '1'}}}]";
    let mut matched = repo(headers);
    set(&mut matched, Traffic::CANARY, |_| {});
    let [east, west] = texts(&matched);
    assert!(
        [&east, &west].iter().all(|text| text.contains("x-beta")),
        "{east}{west}"
    );
    let status = matched.rollout().canary.status.unwrap();
    assert!(!status.added_rules.is_empty());
    set(&mut matched, Traffic::PRIMARY, |_| {});
    assert_eq!(texts(&matched), [EAST, WEST]);
    assert!(
        matched
            .rollout()
            .canary
            .status
            .unwrap()
            .added_rules
            .is_empty()
    );

    let mut sticky = repo("stepWeight: 50, sessionAffinity: {cookieName: c}");
    set(&mut sticky, Traffic::canary(50), |status| {
        status.session_affinity_cookie = Some("c=abc".to_owned());
    });
    let [east, west] = texts(&sticky);
    assert!(
        [&east, &west].iter().all(|text| text.contains("c=abc")),
        "{east}{west}"
    );
    set(&mut sticky, Traffic::canary(70), |status| {
        status.session_affinity_cookie = Some("c=abc".to_owned());
    });
    assert_eq!(sticky.facts().routed, Routed::Even(Traffic::canary(70)));
    set(&mut sticky, Traffic::PRIMARY, |status| {
        status.session_affinity_cookie = None;
    });
    assert_eq!(texts(&sticky), [EAST, WEST]);
}

#[test]
fn routes_that_disagree_are_seen() {
    let mut repo = repo("stepWeight: 50");
    set(&mut repo, Traffic::canary(50), |_| {});
    repo.put(PATHS[0].1, EAST);
    let found = repo.facts();
    assert_eq!(
        found.routed,
        Routed::Uneven(vec![Traffic::PRIMARY, Traffic::canary(50)])
    );
    assert_eq!(found.exposed, 50);
    set(&mut repo, Traffic::PRIMARY, |_| {});
    assert_eq!(texts(&repo), [EAST, WEST]);
}
