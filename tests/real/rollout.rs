//! Whole rollouts, judged by a real Prometheus.

use std::time::Duration;

use jiff::Timestamp;

use crate::exporter::{App, Exporter};
use crate::gitops::{CANARY, GitOps, Step};
use crate::prometheus::Prometheus;

const DEPLOYMENT: &str = "apps/podinfo/deployment.yaml";

/// When the simulated time begins.
const START: i64 = 1_714_564_800;

/// The simulated time after `minutes`.
pub(crate) fn at(minutes: i64) -> String {
    let second = START + 60 * minutes;
    Timestamp::from_second(second).unwrap().to_string()
}

/// One hour in which the primary needs 90 s to become ready, and the canary
/// fails from minute 20 on.
pub(crate) fn history() -> Prometheus {
    let app = App {
        primary_ready: 90,
        faulty: 20 * 60,
    };
    Prometheus::with_history(&app, START, 3600)
}

/// Steps once a minute, until the story says `last`.
pub(crate) fn follow(
    world: &GitOps,
    prometheus: &Prometheus,
    minutes: std::ops::Range<i64>,
    last: &str,
) -> Vec<String> {
    let mut story = Vec::new();
    for minute in minutes {
        let now = at(minute);
        let step = world.step(&["--now", &now, "--prometheus", &prometheus.url()], &[]);
        let line = step.line();
        story.push(format!("{minute} {line}"));
        if line.contains(last) {
            return story;
        }
    }
    panic!("never {last}: {story:#?}");
}

/// A repository whose canary got half of the traffic in minute 6.
pub(crate) fn at_half(prometheus: &Prometheus) -> GitOps {
    let world = GitOps::new(CANARY);
    follow(&world, prometheus, 0..10, "scaled to zero");
    world.edit(DEPLOYMENT, "6.0.0", "6.1.0");
    follow(&world, prometheus, 5..8, "50/50");
    world
}

#[test]
#[ignore = "needs real parts"]
fn good_revision_is_promoted_and_a_faulty_one_is_rolled_back() {
    let prometheus = history();
    let world = GitOps::new(CANARY);
    let mut story = follow(&world, &prometheus, 0..10, "scaled to zero");
    world.edit(DEPLOYMENT, "6.0.0", "6.1.0");
    story.extend(follow(&world, &prometheus, 5..15, "Succeeded"));
    world.edit(DEPLOYMENT, "6.1.0", "6.2.0");
    story.extend(follow(&world, &prometheus, 22..40, "scaled to zero"));
    insta::assert_snapshot!(story.join("\n"), @"
    0 Initializing held null/null: podinfo-primary created, waiting until it is ready
    1 Initializing held null/null: waiting for podinfo-primary to become ready
    2 Initialized initialized 100/0: initialized, all traffic on podinfo-primary
    3 Initialized idle 100/0: podinfo scaled to zero
    5 Progressing started 100/0: new revision bb1ec46e detected, scaling up podinfo
    6 Progressing advanced 50/50: canary 0 → 50 %
    7 Promoting promoting 50/50: revision bb1ec46e copied to podinfo-primary
    8 Finalising finalising 100/0: all traffic back on podinfo-primary
    9 Succeeded succeeded 100/0: promotion of bb1ec46e completed
    22 Progressing started 100/0: new revision 4d2df010 detected, scaling up podinfo
    23 Progressing advanced 50/50: canary 0 → 50 %
    24 Progressing halted 50/50: check failed: request-success-rate 50 (min 99)
    25 Progressing halted 50/50: check failed: request-success-rate 50 (min 99)
    26 Failed rolledBack 100/0: revision 4d2df010 rolled back: 2 failed checks reached the threshold of 2
    27 Failed idle 100/0: podinfo scaled to zero
    ");
    let primary = world.file("apps/podinfo/podinfo-primary-deployment.yaml");
    assert!(primary.contains("podinfo:6.1.0"), "{primary}");
    let route = world.file("apps/podinfo/podinfo-httproute.yaml");
    assert!(route.contains("weight: 100"), "{route}");
}

#[test]
#[ignore = "needs real parts"]
fn query_that_prometheus_refuses_changes_nothing() {
    let prometheus = history();
    let world = at_half(&prometheus);
    world.edit(
        "apps/podinfo/canary.yaml",
        "- name: request-duration",
        "- name: wrong\n        query: sum(rate(x[1m])",
    );
    let tip = world.tip();
    let step = world.step(&["--now", &at(7), "--prometheus", &prometheus.url()], &[]);
    assert_eq!(step.code(), 4, "{}", step.messages());
    let messages = step.messages().replace(&prometheus.url(), "<url>");
    insta::assert_snapshot!(messages, @r#"
    error: test/podinfo: cannot measure wrong
      because: Prometheus at <url> does not answer the query: bad_data: invalid parameter "query": 1:16: parse error: unclosed left parenthesis
    hint: the query: sum(rate(x[1m])
    "#);
    assert_eq!(world.tip(), tip);
}

#[test]
#[ignore = "needs real parts"]
fn prometheus_that_has_gone_changes_nothing() {
    let prometheus = history();
    let world = at_half(&prometheus);
    let tip = world.tip();
    let url = prometheus.url();
    drop(prometheus);
    let step = world.step(&["--now", &at(7), "--prometheus", &url], &[]);
    assert_eq!(step.code(), 4, "{}", step.messages());
    // Both workloads are asked about at the same time; either may be told.
    let messages = step.messages();
    for part in [
        "cannot tell whether podinfo",
        &url,
        "connection was refused",
    ] {
        assert!(messages.contains(part), "{messages}");
    }
    assert_eq!(world.tip(), tip);
}

/// In real time, with nothing simulated but the pods.
#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs real parts"]
async fn scraped_canary_is_judged_in_real_time() {
    let exporter = Exporter::start(App {
        primary_ready: 5,
        faulty: i64::MAX,
    })
    .await;
    let prometheus = Prometheus::scraping(exporter.address);
    let canary = CANARY
        .replace("interval: 1m", "interval: 10s")
        .replace("threshold: 2", "threshold: 1");
    let world = GitOps::new(&canary);
    let step = || world.step(&["--prometheus", &prometheus.url()], &[]);

    let mut story = vec![step().line()];
    until(&mut story, "scaled to zero", step).await;
    world.edit(DEPLOYMENT, "6.0.0", "6.1.0");
    until(&mut story, "50/50", step).await;
    let early = step().line();
    assert!(early.contains("notDue"), "{early}");
    exporter.fail_from_now_on();
    until(&mut story, "Failed", step).await;
    // How long the first scrapes take is up to the machine.
    story.retain(|line| !line.contains("waiting for podinfo-primary"));
    let expected = [
        "Initializing held null/null: podinfo-primary created",
        "Initialized initialized 100/0",
        "Initialized idle 100/0: podinfo scaled to zero",
        "Progressing started 100/0: new revision bb1ec46e detected",
        "Progressing advanced 50/50: canary 0 → 50 %",
        "Progressing halted 50/50: check failed: request-success-rate",
        "Failed rolledBack 100/0: revision bb1ec46e rolled back: 1 failed check reached",
    ];
    assert_eq!(story.len(), expected.len(), "{story:#?}");
    for (line, start) in story.iter().zip(expected) {
        assert!(line.starts_with(start), "{start}: {story:#?}");
    }
}

/// Steps as soon as the analysis allows, until the story says `last`.
async fn until(story: &mut Vec<String>, last: &str, step: impl Fn() -> Step) {
    for _ in 0..6 {
        tokio::time::sleep(Duration::from_millis(10_100)).await;
        story.push(step().line());
        if story.last().is_some_and(|line| line.contains(last)) {
            return;
        }
    }
    panic!("never {last}: {story:#?}");
}
