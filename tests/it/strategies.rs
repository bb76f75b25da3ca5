//! Every strategy from the new revision to its end, promoted and rolled back:
//! what the route carries, and who is told what in which order.

use std::fmt::Write as _;

use crate::support::gitops::{PODINFO, World, line};
use crate::support::hooks::{Hooks, Request};
use crate::support::prometheus::Says;

const CANARY: &str = "apps/podinfo/canary.yaml";

/// What takes the place of the steps in the fixture, and what the strategy is called.
const STRATEGIES: [(&str, &str); 7] = [
    ("canary", "stepWeight: 50, maxWeight: 50"),
    (
        "canary-mirrored",
        "stepWeight: 50, maxWeight: 50, mirror: true",
    ),
    (
        "canary-matched",
        "stepWeights: [30, 60], match: [{headers: {x-beta: {exact: '1'}}}]",
    ),
    (
        "session-affinity",
        "stepWeight: 50, maxWeight: 50, stepWeightPromotion: 25, \
         sessionAffinity: {cookieName: shop, primaryCookieName: shop-primary}",
    ),
    (
        "ab-testing",
        "iterations: 2, match: [{headers: {x-beta: {exact: '1'}}}]",
    ),
    ("blue-green", "iterations: 2"),
    ("blue-green-mirrored", "iterations: 2, mirror: true"),
];

/// The fixture with this strategy, a webhook of each type and an alert provider.
fn world(steps: &str, hooks: &Hooks) -> World {
    let types = [
        "confirm-rollout",
        "pre-rollout",
        "rollout",
        "confirm-traffic-increase",
        "confirm-promotion",
        "post-rollout",
        "rollback",
        "event",
    ];
    let mut webhooks = String::new();
    for kind in types {
        let url = hooks.url(kind);
        writeln!(
            webhooks,
            "      - {{name: {kind}, type: {kind}, url: \"{url}\", metadata: {{team: shop}}}}"
        )
        .unwrap();
    }
    let steps = steps_of(steps);
    let more = format!(
        "{steps}    alerts:\n      - {{name: chat, providerRef: {{name: chat}}}}\n    webhooks:\n{webhooks}"
    );
    let world = World::with(&[
        (
            CANARY,
            "    maxWeight: 50\n    stepWeight: 25 # two steps\n",
            &more,
        ),
        (CANARY, "threshold: 3", "threshold: 1"),
    ]);
    let provider = format!(
        "apiVersion: flagger.app/v1beta1\nkind: AlertProvider\n\
         metadata: {{name: chat, namespace: test}}\nspec: {{type: webhook, address: \"{}\"}}\n",
        hooks.url("alert")
    );
    world.put("apps/podinfo/chat.yaml", provider);
    hooks.set("rollback", 403);
    world
}

/// `a: 1, b: [2, 3]` as lines of the analysis.
fn steps_of(steps: &str) -> String {
    let value: serde_yaml::Value = serde_yaml::from_str(&format!("{{{steps}}}")).unwrap();
    let text = serde_yaml::to_string(&value).unwrap();
    text.lines().map(|line| format!("    {line}\n")).collect()
}

/// Who was told what, in one line each.
fn told(requests: &[Request]) -> String {
    let mut text = String::new();
    for request in requests {
        let body = &request.body;
        assert_eq!(request.headers["content-type"], "application/json");
        let what = match request.name.as_str() {
            "event" => format!(
                "{} {}",
                body["metadata"]["eventType"].as_str().unwrap(),
                body["metadata"]["eventMessage"].as_str().unwrap()
            ),
            "alert" => format!(
                "{} {}",
                body["severity"].as_str().unwrap(),
                body["message"].as_str().unwrap()
            ),
            _ => body["phase"].as_str().unwrap().to_owned(),
        };
        writeln!(text, "    {}: {what}", request.name).unwrap();
    }
    text
}

/// Ticks until nothing is left to do.
fn play(world: &World, hooks: &Hooks) -> String {
    let mut story = String::new();
    for _ in 0..20 {
        let commits = world.commits();
        let ran = world.next().exits(0);
        let result = ran.result(PODINFO);
        if result["action"] == "idle" && world.commits() == commits {
            assert_eq!(hooks.take().len(), 0, "told something about nothing");
            return story;
        }
        writeln!(story, "{}", line(&result)).unwrap();
        story.push_str(&told(&hooks.take()));
    }
    panic!("it does not end:\n{story}");
}

#[test]
fn promoted() {
    for (name, steps) in STRATEGIES {
        let hooks = Hooks::start();
        let world = world(steps, &hooks);
        world.bootstrap();
        let before = world.read("apps/podinfo/podinfo-httproute.yaml");
        hooks.take();
        world.release("podinfo:6.0.0", "podinfo:6.1.0");
        let story = play(&world, &hooks);
        insta::assert_snapshot!(format!("{name}-promoted"), story);
        if name != "session-affinity" {
            let after = world.read("apps/podinfo/podinfo-httproute.yaml");
            assert_eq!(after, before, "{name}: the route is not what it was");
        }
    }
}

#[test]
fn rolled_back() {
    for (name, steps) in STRATEGIES {
        let hooks = Hooks::start();
        let world = world(steps, &hooks);
        world.bootstrap();
        let before = world.read("apps/podinfo/podinfo-httproute.yaml");
        world.release("podinfo:6.0.0", "podinfo:6.1.0");
        world.tick();
        world.tick();
        world.prometheus.set("http_request", Says::Value(50.0));
        hooks.take();
        let story = play(&world, &hooks);
        insta::assert_snapshot!(format!("{name}-rolled-back"), story);
        if name != "session-affinity" {
            let after = world.read("apps/podinfo/podinfo-httproute.yaml");
            assert_eq!(after, before, "{name}: the route is not what it was");
        }
    }
}
