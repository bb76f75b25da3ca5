//! Releases that do not go through: failed, cancelled, overtaken, held.

use crate::support::gitops::{PODINFO, World, line};
use crate::support::prometheus::Says;
use crate::support::world::git;

const DEPLOYMENT: &str = "apps/podinfo/deployment.yaml";
const PRIMARY: &str = "apps/podinfo/podinfo-primary-deployment.yaml";
const CANARY: &str = "apps/podinfo/canary.yaml";

/// What a query about a workload's readiness contains.
const TARGET: &str = "deployment=\"podinfo\"";
const PRIMARY_POD: &str = "deployment=\"podinfo-primary\"";

/// A world with a release under way, half of the steps taken.
fn under_way(changes: &[(&str, &str, &str)]) -> World {
    let world = World::with(changes);
    world.bootstrap();
    world.release("podinfo:6.0.0", "podinfo:6.1.0");
    world.until("advanced");
    world
}

fn ticks(world: &World, count: usize) -> String {
    let lines: Vec<String> = (0..count).map(|_| world.tick()).collect();
    lines.join("\n")
}

#[test]
fn failing_checks_roll_back() {
    let world = under_way(&[]);
    world.prometheus.set("http_request", Says::Value(90.0));
    insta::assert_snapshot!(ticks(&world, 6), @"
    Progressing 75/25 halted f1: check failed: request-success-rate 90 (min 99)
    Progressing 75/25 halted f2: check failed: request-success-rate 90 (min 99)
    Progressing 75/25 halted f3: check failed: request-success-rate 90 (min 99)
    Failed 100/0 rolledBack: revision bb1ec46e rolled back: 3 failed checks reached the threshold of 3
    Failed 100/0 idle: podinfo scaled to zero
    Failed 100/0 idle: revision bb1ec46e failed and is not tried again
    ");
    insta::assert_snapshot!(world.log(3, "%B"), @"
    podinfo.test: podinfo scaled to zero

    Canary: test/podinfo
    Phase: Failed
    Canary-Weight: 0
    Iterations: 0
    Failed-Checks: 0
    Revision: bb1ec46e

    podinfo.test: revision bb1ec46e rolled back: 3 failed checks reached the threshold of 3

    next step not before 2026-01-01T00:10:00Z

    Canary: test/podinfo
    Phase: Failed
    Canary-Weight: 0
    Iterations: 0
    Failed-Checks: 0
    Revision: bb1ec46e

    podinfo.test: check failed: request-success-rate 90 (min 99)

    failed checks 3 of 3
    request-success-rate 90 (min 99), 1m to 2026-01-01T00:08:00Z
    next step not before 2026-01-01T00:09:00Z

    Canary: test/podinfo
    Phase: Progressing
    Canary-Weight: 25
    Iterations: 0
    Failed-Checks: 3
    Revision: bb1ec46e
    ");
    // Traffic first, pods later.
    let rolled_back = git(
        &world.remote(),
        &["log", "-2", "--name-only", "--format=%s", "main"],
    );
    insta::assert_snapshot!(rolled_back, @"
    podinfo.test: podinfo scaled to zero

    apps/podinfo/canary.yaml
    apps/podinfo/deployment.yaml
    podinfo.test: revision bb1ec46e rolled back: 3 failed checks reached the threshold of 3

    apps/podinfo/canary.yaml
    apps/podinfo/podinfo-httproute.yaml
    ");
    // The primary still has what was good.
    assert!(world.read(PRIMARY).contains("podinfo:6.0.0"));

    // Not tried again as it is, but once the bump was taken back and made anew.
    world.release("podinfo:6.1.0", "podinfo:6.0.0");
    insta::assert_snapshot!(ticks(&world, 1), @"Failed 100/0 idle: no new revision");
    world.prometheus.set("http_request", Says::Value(99.9));
    world.release("podinfo:6.0.0", "podinfo:6.1.0");
    insta::assert_snapshot!(ticks(&world, 1), @"Progressing 100/0 started: new revision bb1ec46e detected, scaling up podinfo");
    world.release("podinfo:6.1.0", "podinfo:6.2.0");
    insta::assert_snapshot!(world.until("succeeded").join("\n"), @"
    Progressing 100/0 restarted: new revision 4d2df010 detected, the analysis starts over
    Progressing 75/25 advanced: canary 0 → 25 %
    Progressing 50/50 advanced: canary 25 → 50 %
    Promoting 50/50 promoting: revision 4d2df010 copied to podinfo-primary
    Finalising 100/0 finalising: all traffic back on podinfo-primary
    Succeeded 100/0 succeeded: promotion of 4d2df010 completed
    ");
    assert!(world.read(PRIMARY).contains("podinfo:6.2.0"));
}

#[test]
fn a_failed_check_is_forgiven_below_the_threshold() {
    let world = under_way(&[]);
    world.prometheus.set("http_request", Says::Value(90.0));
    let mut lines = vec![world.tick()];
    world.prometheus.set("http_request", Says::Nothing);
    lines.push(world.tick());
    world.prometheus.set("http_request", Says::Value(99.9));
    lines.extend(world.until("succeeded"));
    insta::assert_snapshot!(lines.join("\n"), @"
    Progressing 75/25 halted f1: check failed: request-success-rate 90 (min 99)
    Progressing 75/25 halted f2: check failed: request-success-rate no series (min 99)
    Progressing 50/50 advanced f2: canary 25 → 50 %
    Promoting 50/50 promoting f2: revision bb1ec46e copied to podinfo-primary
    Finalising 100/0 finalising f2: all traffic back on podinfo-primary
    Succeeded 100/0 succeeded f2: promotion of bb1ec46e completed
    ");
}

#[test]
fn a_new_revision_starts_over() {
    let world = under_way(&[]);
    world.release("podinfo:6.1.0", "podinfo:6.2.0");
    insta::assert_snapshot!(world.until("succeeded").join("\n"), @"
    Progressing 100/0 restarted: new revision 4d2df010 detected, the analysis starts over
    Progressing 75/25 advanced: canary 0 → 25 %
    Progressing 50/50 advanced: canary 25 → 50 %
    Promoting 50/50 promoting: revision 4d2df010 copied to podinfo-primary
    Finalising 100/0 finalising: all traffic back on podinfo-primary
    Succeeded 100/0 succeeded: promotion of 4d2df010 completed
    ");
    assert!(world.read(PRIMARY).contains("podinfo:6.2.0"));
}

#[test]
fn reverting_the_bump_cancels() {
    let world = under_way(&[]);
    world.release("podinfo:6.1.0", "podinfo:6.0.0");
    insta::assert_snapshot!(ticks(&world, 3), @"
    Succeeded 100/0 succeeded: cancelled: podinfo is back at the promoted revision 61c54b61
    Succeeded 100/0 idle: podinfo scaled to zero
    Succeeded 100/0 idle: no new revision
    ");
    assert!(world.read(CANARY).contains("reason: Cancelled"));
    assert!(world.read(DEPLOYMENT).contains("replicas: 0"));
}

#[test]
fn suspend_holds_everything() {
    let world = under_way(&[]);
    world.edit(CANARY, "spec:\n", "spec:\n  suspend: true\n");
    let tip = world.tip();
    world.prometheus.set("http_request", Says::Value(0.0));
    insta::assert_snapshot!(ticks(&world, 2), @"
    Progressing 75/25 suspended: suspended by spec.suspend
    Progressing 75/25 suspended: suspended by spec.suspend
    ");
    assert_eq!(world.tip(), tip);
    world.edit(CANARY, "  suspend: true\n", "");
    world.prometheus.set("http_request", Says::Value(99.9));
    assert_eq!(world.until("succeeded").len(), 4);
}

#[test]
fn analysis_can_be_skipped() {
    let world = World::with(&[(CANARY, "spec:\n", "spec:\n  skipAnalysis: true\n")]);
    world.prometheus.set("http_request", Says::Value(0.0));
    world.bootstrap();
    world.release("podinfo:6.0.0", "podinfo:6.1.0");
    insta::assert_snapshot!(ticks(&world, 3), @"
    Progressing 100/0 started: new revision bb1ec46e detected, scaling up podinfo
    Succeeded 100/0 succeeded: promoted without analysis, as spec.skipAnalysis asks
    Succeeded 100/0 idle: no new revision
    ");
    assert!(world.read(PRIMARY).contains("podinfo:6.1.0"));
}

#[test]
fn early_runs_do_nothing() {
    let world = under_way(&[]);
    let tip = world.tip();
    let ran = world.step().exits(0);
    insta::assert_snapshot!(line(&ran.result(PODINFO)), @"Progressing 75/25 notDue: next step not before 2026-01-01T00:06:00Z");
    assert_eq!(ran.result(PODINFO)["nextStepAt"], "2026-01-01T00:06:00Z");
    assert_eq!(world.tip(), tip);
    // A very late one takes one step, no more.
    world.wait(600);
    insta::assert_snapshot!(ticks(&world, 1), @"Progressing 50/50 advanced: canary 25 → 50 %");
}

#[test]
fn promotion_can_go_in_steps() {
    let world = under_way(&[(
        CANARY,
        "    stepWeight: 25",
        "    stepWeightPromotion: 30\n    stepWeight: 25",
    )]);
    insta::assert_snapshot!(world.until("succeeded").join("\n"), @"
    Progressing 50/50 advanced: canary 25 → 50 %
    Promoting 50/50 promoting: revision bb1ec46e copied to podinfo-primary
    Promoting 80/20 promoting: primary ready, its weight 80 %
    Finalising 100/0 finalising: all traffic back on podinfo-primary
    Succeeded 100/0 succeeded: promotion of bb1ec46e completed
    ");
}

#[test]
fn pods_that_are_not_ready_hold() {
    let world = under_way(&[]);
    world.prometheus.set(TARGET, Says::Value(0.0));
    let tip = world.tip();
    let mut lines = vec![world.tick()];
    world.prometheus.set(TARGET, Says::Nothing);
    lines.push(world.tick());
    assert_eq!(world.tip(), tip, "a held tick leaves no trace");
    world.prometheus.set(TARGET, Says::Value(1.0));
    world.prometheus.set(PRIMARY_POD, Says::Value(0.0));
    lines.push(world.tick());
    world.prometheus.set(PRIMARY_POD, Says::Value(1.0));
    lines.push(world.tick());
    insta::assert_snapshot!(lines.join("\n"), @"
    Progressing 75/25 held: waiting for podinfo to become ready
    Progressing 75/25 held: cannot tell whether podinfo is ready: no series. Let Prometheus scrape kube-state-metrics, set spec.gitops.readiness.query, or set spec.gitops.readiness.from to none
    Progressing 75/25 held: waiting for podinfo-primary to become ready
    Progressing 50/50 advanced: canary 25 → 50 %
    ");
}

#[test]
fn a_stuck_canary_rolls_back() {
    let world = under_way(&[]);
    world.prometheus.set(TARGET, Says::Value(0.0));
    insta::assert_snapshot!(ticks(&world, 7), @"
    Progressing 75/25 held: waiting for podinfo to become ready
    Progressing 75/25 held: waiting for podinfo to become ready
    Progressing 75/25 held: waiting for podinfo to become ready
    Progressing 75/25 held: waiting for podinfo to become ready
    Progressing 75/25 held: waiting for podinfo to become ready
    Failed 100/0 rolledBack: revision bb1ec46e rolled back: podinfo did not become ready within 300 s
    Failed 100/0 idle: podinfo scaled to zero
    ");
    assert!(world.read(DEPLOYMENT).contains("replicas: 0"));
}

#[test]
fn a_stuck_promotion_leaves_traffic_on_the_canary() {
    let world = under_way(&[]);
    world.until("promoting");
    world.prometheus.set(PRIMARY_POD, Says::Value(0.0));
    insta::assert_snapshot!(ticks(&world, 8), @"
    Promoting 50/50 held: waiting for podinfo-primary to become ready
    Promoting 50/50 held: waiting for podinfo-primary to become ready
    Promoting 50/50 held: waiting for podinfo-primary to become ready
    Promoting 50/50 held: waiting for podinfo-primary to become ready
    Promoting 50/50 held: waiting for podinfo-primary to become ready
    Failed 0/100 rolledBack: promotion failed, all traffic goes to the canary: podinfo-primary did not become ready within 300 s
    Failed 0/100 idle: revision bb1ec46e failed and is not tried again
    Failed 0/100 idle: revision bb1ec46e failed and is not tried again
    ");
    assert!(world.read(DEPLOYMENT).contains("replicas: 2"));

    // Another revision waits for the primary; once it is ready, it is released.
    world.release("podinfo:6.1.0", "podinfo:6.2.0");
    insta::assert_snapshot!(ticks(&world, 1), @"Failed 0/100 held: waiting for podinfo-primary to become ready; the canary keeps its traffic until it is: repair the pod template of podinfo-primary by hand");
    world.prometheus.set(PRIMARY_POD, Says::Value(1.0));
    insta::assert_snapshot!(world.until("succeeded").join("\n"), @"
    Progressing 0/100 started: new revision 4d2df010 detected, scaling up podinfo
    Promoting 0/100 promoting: revision 4d2df010 copied to podinfo-primary
    Finalising 100/0 finalising: all traffic back on podinfo-primary
    Succeeded 100/0 succeeded: promotion of 4d2df010 completed
    ");
}

#[test]
fn readiness_can_be_asked_otherwise() {
    let readiness = "  gitops:\n    readiness: {query: 'up{job=\"{{ workload }}\", ns=\"{{ namespace }}\"}'}\n  service:\n";
    let world = World::with(&[(CANARY, "  service:\n", readiness)]);
    world
        .prometheus
        .set("kube_deployment", Says::Refusal("never"));
    world.prometheus.set("up{", Says::Value(1.0));
    world.bootstrap();
    assert!(
        world
            .prometheus
            .asked()
            .contains(&"up{job=\"podinfo-primary\", ns=\"test\"}".to_owned())
    );

    let none = "  gitops: {readiness: {from: none}}\n  service:\n";
    let world = World::with(&[(CANARY, "  service:\n", none)]);
    world
        .prometheus
        .set("kube_deployment", Says::Refusal("never"));
    world.bootstrap();
    world.release("podinfo:6.0.0", "podinfo:6.1.0");
    world.until("succeeded");
}

#[test]
fn reverting_a_step_takes_state_and_weights_back() {
    let world = under_way(&[]);
    let before = world.files();
    world.until("advanced");
    world.pull();
    git(&world.person(), &["revert", "--no-edit", "HEAD"]);
    git(&world.person(), &["push", "-q", "origin", "HEAD:main"]);
    assert_eq!(world.files(), before);
    insta::assert_snapshot!(ticks(&world, 1), @"Progressing 50/50 advanced: canary 25 → 50 %");
}

#[test]
fn a_rollback_that_is_due_waits_for_no_prometheus() {
    let world = under_way(&[(CANARY, "threshold: 3", "threshold: 1")]);
    world.prometheus.set("http_request", Says::Value(90.0));
    assert!(world.tick().contains("halted"));
    world.prometheus.set("", Says::Refusal("out of order"));
    let ran = world.next();
    let result = ran.exits(4).result(PODINFO);
    insta::assert_snapshot!(line(&result), @"Failed 100/0 rolledBack: revision bb1ec46e rolled back: 1 failed check reached the threshold of 1");
    // What could not be asked is told all the same.
    let failures = result["failures"].as_array().unwrap();
    let told = failures[0].to_string();
    assert!(
        failures.len() == 1 && told.contains("out of order"),
        "{told}"
    );
}
