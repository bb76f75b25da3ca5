//! Webhooks that give no answer, or not the one that is waited for.

use std::fmt::Write as _;
use std::time::{Duration, Instant};

use crate::support::assert_ran;
use crate::support::gitops::{PODINFO, World, line};
use crate::support::hooks::{Hooks, Says, nobody, untrusted};

use super::{CANARY, NEIGHBOUR, text_step};

const ANALYSIS: &str = "    stepWeight: 25 # two steps\n";

/// The fixture `podinfo` with a webhook that may take one second, after its bootstrap, with a new revision.
fn released(kind: &str, url: &str) -> World {
    let webhooks = format!(
        "{ANALYSIS}    webhooks:\n      - {{name: gate, type: {kind}, timeout: 1s, url: \"{url}\"}}\n"
    );
    let world = World::with(&[(CANARY, ANALYSIS, &webhooks)]);
    world.bootstrap();
    world.release("podinfo:6.0.0", "podinfo:6.1.0");
    world
}

/// Steps once, as people see it, beside a new neighbour: both get their commit.
#[track_caller]
fn step(world: &World, code: i32) -> String {
    world.put("apps/neighbour/all.yaml", NEIGHBOUR);
    world.wait(1);
    let commits = world.commits();
    let ran = text_step(world).run().exits(code);
    assert_eq!(world.commits(), commits + 2, "{ran}");
    format!("{ran}\n----- commits\n{}", world.log(2, "%s"))
}

/// The gate of a rollout that is about to begin, answering like this.
fn at_the_gate(says: Says) -> (World, Hooks) {
    let hooks = Hooks::start();
    let world = released("confirm-rollout", &hooks.url("gate"));
    hooks.say("gate", says);
    (world, hooks)
}

#[test]
fn a_gate_that_never_answers() {
    let (world, hooks) = at_the_gate(Says::Silence);
    let start = Instant::now();
    assert_ran!(world, step(&world, 4), @r#"
    exit code: 4
    ----- stdout
    test/neighbour  Initializing  held
      neighbour-primary created, waiting until it is ready
      commit [COMMIT]
      next step not before 2026-01-01T00:05:00Z
    test/podinfo  Waiting  100/0  held
      waiting for approval to start: webhook gate: no answer within 1 s
      commit [COMMIT]
      next step not before 2026-01-01T00:05:00Z
    ----- stderr
    error: test/podinfo: webhook gate gave no usable answer
    error: http://127.0.0.1:12345/gate: no answer within 1 s
      --> apps/podinfo/canary.yaml:24:63
       |
    24 |       - {name: gate, type: confirm-rollout, timeout: 1s, url: "http://127.0.0.1:12345/gate"}
       |                                                               ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^ spec.analysis.webhooks[0].url
    hint: this counts as a refusal; check the address, and that this machine can reach it
    ----- commits
    podinfo.test: waiting for approval to start: webhook gate: no answer within 1 s
    neighbour.test: neighbour-primary created, waiting until it is ready
    "#);
    let took = start.elapsed();
    assert!(
        took < Duration::from_secs(8),
        "not the second it may take: {took:?}"
    );
    assert_eq!(hooks.take().len(), 1);
    // It is asked again each time, which is no news, until it opens.
    let commits = world.commits();
    world.wait(1);
    let ran = world.stepping().args(["--only", PODINFO]).run().exits(4);
    insta::assert_snapshot!(line(&ran.result(PODINFO)), @"Waiting 100/0 held: waiting for approval to start: webhook gate: no answer within 1 s");
    assert_eq!(world.commits(), commits);
    hooks.set("gate", 200);
    insta::assert_snapshot!(world.tick(), @"Progressing 100/0 started: new revision bb1ec46e detected, scaling up podinfo");
}

#[test]
fn a_gate_that_answers_with_a_page() {
    let (world, _hooks) = at_the_gate(Says::Page);
    assert_ran!(world, step(&world, 4), @r#"
    exit code: 4
    ----- stdout
    test/neighbour  Initializing  held
      neighbour-primary created, waiting until it is ready
      commit [COMMIT]
      next step not before 2026-01-01T00:05:00Z
    test/podinfo  Waiting  100/0  held
      waiting for approval to start: webhook gate: a web page instead of an answer (200 OK)
      commit [COMMIT]
      next step not before 2026-01-01T00:05:00Z
    ----- stderr
    error: test/podinfo: webhook gate gave no usable answer
    error: http://127.0.0.1:12345/gate answered with a web page, such as a login page or an ingress's default
      --> apps/podinfo/canary.yaml:24:63
       |
    24 |       - {name: gate, type: confirm-rollout, timeout: 1s, url: "http://127.0.0.1:12345/gate"}
       |                                                               ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^ spec.analysis.webhooks[0].url
    hint: this counts as a refusal; check the address, and that this machine can reach it
    ----- commits
    podinfo.test: waiting for approval to start: webhook gate: a web page instead of an answer (200 OK)
    neighbour.test: neighbour-primary created, waiting until it is ready
    "#);
}

#[test]
fn a_gate_that_redirects() {
    let elsewhere = Hooks::start();
    let (world, hooks) = at_the_gate(Says::Elsewhere(307, elsewhere.url("gate")));
    assert_ran!(world, step(&world, 4), @r#"
    exit code: 4
    ----- stdout
    test/neighbour  Initializing  held
      neighbour-primary created, waiting until it is ready
      commit [COMMIT]
      next step not before 2026-01-01T00:05:00Z
    test/podinfo  Waiting  100/0  held
      waiting for approval to start: webhook gate: redirects to http://127.0.0.1:12345/gate (307 Temporary Redirect)
      commit [COMMIT]
      next step not before 2026-01-01T00:05:00Z
    ----- stderr
    error: test/podinfo: webhook gate gave no usable answer
    error: http://127.0.0.1:12345/gate redirects to http://127.0.0.1:12345/gate, which is not followed; give that address if it is the right one
      --> apps/podinfo/canary.yaml:24:63
       |
    24 |       - {name: gate, type: confirm-rollout, timeout: 1s, url: "http://127.0.0.1:12345/gate"}
       |                                                               ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^ spec.analysis.webhooks[0].url
    hint: this counts as a refusal; check the address, and that this machine can reach it
    ----- commits
    podinfo.test: waiting for approval to start: webhook gate: redirects to http://127.0.0.1:12345/gate…
    neighbour.test: neighbour-primary created, waiting until it is ready
    "#);
    hooks.say("gate", Says::Elsewhere(308, elsewhere.url("gate")));
    let _ran = world.next().exits(4);
    assert_eq!(elsewhere.take().len(), 0, "the payload went elsewhere");
    hooks.take();

    // A browser asks again without the payload.
    for status in [301, 302, 303] {
        hooks.say("gate", Says::Elsewhere(status, "/other".to_owned()));
        let ran = world.next().exits(4);
        assert_eq!(hooks.take().len(), 1, "{ran}");
    }
    let ran = text_step(&world).args(["--only", PODINFO]).run().exits(4);
    assert_ran!(world, ran, @r#"
    exit code: 4
    ----- stdout
    test/podinfo  Waiting  100/0  held
      waiting for approval to start: webhook gate: redirects to http://127.0.0.1:12345/other (303 See Other)
      next step not before 2026-01-01T00:08:00Z
    ----- stderr
    error: test/podinfo: webhook gate gave no usable answer
    error: http://127.0.0.1:12345/gate redirects to http://127.0.0.1:12345/other, which is not followed; give that address if it is the right one
      --> apps/podinfo/canary.yaml:24:63
       |
    24 |       - {name: gate, type: confirm-rollout, timeout: 1s, url: "http://127.0.0.1:12345/gate"}
       |                                                               ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^ spec.analysis.webhooks[0].url
    hint: this counts as a refusal; check the address, and that this machine can reach it
    "#);
    hooks.take();

    // On the same host, with the payload, it is followed.
    hooks.say("gate", Says::Elsewhere(307, "/other".to_owned()));
    assert!(world.tick().contains("started"));
    let requests = hooks.take();
    let names: Vec<&str> = requests.iter().map(|request| &*request.name).collect();
    assert_eq!(names, ["gate", "other"]);
    assert_eq!(requests[0].body, requests[1].body);
}

#[test]
fn a_gate_with_a_certificate_of_nobody() {
    let world = released("confirm-rollout", &untrusted());
    assert_ran!(world, step(&world, 4), @r#"
    exit code: 4
    ----- stdout
    test/neighbour  Initializing  held
      neighbour-primary created, waiting until it is ready
      commit [COMMIT]
      next step not before 2026-01-01T00:05:00Z
    test/podinfo  Waiting  100/0  held
      waiting for approval to start: webhook gate: the TLS handshake failed (invalid peer certificate: UnknownIssuer)
      commit [COMMIT]
      next step not before 2026-01-01T00:05:00Z
    ----- stderr
    error: test/podinfo: webhook gate gave no usable answer
    error: https://127.0.0.1:12345/gate: the TLS handshake failed (invalid peer certificate: UnknownIssuer)
      --> apps/podinfo/canary.yaml:24:63
       |
    24 |       - {name: gate, type: confirm-rollout, timeout: 1s, url: "https://127.0.0.1:12345/gate"}
       |                                                               ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^ spec.analysis.webhooks[0].url
    hint: this counts as a refusal; check the address, and that this machine can reach it
    ----- commits
    podinfo.test: waiting for approval to start: webhook gate: the TLS handshake failed (invalid peer c…
    neighbour.test: neighbour-primary created, waiting until it is ready
    "#);
}

#[test]
fn a_gate_that_is_not_there() {
    let world = released("confirm-rollout", &nobody());
    assert_ran!(world, step(&world, 4), @r#"
    exit code: 4
    ----- stdout
    test/neighbour  Initializing  held
      neighbour-primary created, waiting until it is ready
      commit [COMMIT]
      next step not before 2026-01-01T00:05:00Z
    test/podinfo  Waiting  100/0  held
      waiting for approval to start: webhook gate: the connection was refused
      commit [COMMIT]
      next step not before 2026-01-01T00:05:00Z
    ----- stderr
    error: test/podinfo: webhook gate gave no usable answer
    error: http://127.0.0.1:12345/gate: the connection was refused
      --> apps/podinfo/canary.yaml:24:63
       |
    24 |       - {name: gate, type: confirm-rollout, timeout: 1s, url: "http://127.0.0.1:12345/gate"}
       |                                                               ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^ spec.analysis.webhooks[0].url
    hint: this counts as a refusal; check the address, and that this machine can reach it
    ----- commits
    podinfo.test: waiting for approval to start: webhook gate: the connection was refused
    neighbour.test: neighbour-primary created, waiting until it is ready
    "#);
}

#[test]
fn a_gate_that_says_no() {
    let (world, _hooks) = at_the_gate(Says::Refusal("ask Ann first".to_owned()));
    assert_ran!(world, step(&world, 0), @"
    exit code: 0
    ----- stdout
    test/neighbour  Initializing  held
      neighbour-primary created, waiting until it is ready
      commit [COMMIT]
      next step not before 2026-01-01T00:05:00Z
    test/podinfo  Waiting  100/0  held
      waiting for approval to start: webhook gate: 403 Forbidden: ask Ann first
      commit [COMMIT]
      next step not before 2026-01-01T00:05:00Z
    ----- commits
    podinfo.test: waiting for approval to start: webhook gate: 403 Forbidden: ask Ann first
    neighbour.test: neighbour-primary created, waiting until it is ready
    ");
}

#[test]
fn checks_that_nobody_answers_fail() {
    let hooks = Hooks::start();
    let world = released("rollout", &hooks.url("gate"));
    assert!(world.tick().contains("started"));
    assert!(world.tick().contains("advanced"));
    hooks.say("gate", Says::Page);
    assert_ran!(world, step(&world, 4), @r#"
    exit code: 4
    ----- stdout
    test/neighbour  Initializing  held
      neighbour-primary created, waiting until it is ready
      commit [COMMIT]
      next step not before 2026-01-01T00:07:00Z
    test/podinfo  Progressing  75/25  halted
      check failed: rollout webhook gate: a web page instead of an answer (200 OK)
      failed checks 1 of 3
      commit [COMMIT]
      next step not before 2026-01-01T00:07:00Z
    ----- stderr
    error: test/podinfo: webhook gate gave no usable answer
    error: http://127.0.0.1:12345/gate answered with a web page, such as a login page or an ingress's default
      --> apps/podinfo/canary.yaml:24:55
       |
    24 |       - {name: gate, type: rollout, timeout: 1s, url: "http://127.0.0.1:12345/gate"}
       |                                                       ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^ spec.analysis.webhooks[0].url
    hint: this counts as a refusal; check the address, and that this machine can reach it
    ----- commits
    podinfo.test: check failed: rollout webhook gate: a web page instead of an answer (200 OK)
    neighbour.test: neighbour-primary created, waiting until it is ready
    "#);
    // And no answer often enough rolls back.
    let mut story = String::new();
    for _ in 0..3 {
        let ran = world.next();
        writeln!(story, "{} {}", ran.code, line(&ran.result(PODINFO))).unwrap();
    }
    insta::assert_snapshot!(story, @"
    4 Progressing 75/25 halted f2: check failed: rollout webhook gate: a web page instead of an answer (200 OK)
    4 Progressing 75/25 halted f3: check failed: rollout webhook gate: a web page instead of an answer (200 OK)
    0 Failed 100/0 rolledBack: revision bb1ec46e rolled back: 3 failed checks reached the threshold of 3
    ");
}

/// Ticks until one ends with another code than 0; the last line, and what the webhook was asked.
fn until_it_fails(kind: &str) -> String {
    let hooks = Hooks::start();
    let world = released(kind, &hooks.url("gate"));
    if kind == "rollback" {
        hooks.set("gate", 403);
        world.tick();
        world.tick();
    }
    hooks.say("gate", Says::Page);
    for _ in 0..12 {
        let commits = world.commits();
        hooks.take();
        let ran = world.next();
        let result = ran.result(PODINFO);
        if ran.code != 0 || result["phase"] == "Succeeded" {
            let told = world.commits() - commits;
            let asked = hooks.take().len();
            return format!(
                "{kind}: exit {}, {told} commit, asked {asked}: {}\n",
                ran.code,
                line(&result)
            );
        }
    }
    panic!("{kind} is never asked");
}

#[test]
fn every_type_of_webhook_without_an_answer() {
    let kinds = [
        "confirm-rollout",
        "pre-rollout",
        "rollout",
        "confirm-traffic-increase",
        "confirm-promotion",
        "rollback",
        "post-rollout",
        "event",
    ];
    let story: String = kinds.into_iter().map(until_it_fails).collect();
    insta::assert_snapshot!(story, @"
    confirm-rollout: exit 4, 1 commit, asked 1: Waiting 100/0 held: waiting for approval to start: webhook gate: a web page instead of an answer (200 OK)
    pre-rollout: exit 4, 1 commit, asked 1: Progressing 100/0 halted f1: check failed: pre-rollout webhook gate: a web page instead of an answer (200 OK)
    rollout: exit 4, 1 commit, asked 1: Progressing 75/25 halted f1: check failed: rollout webhook gate: a web page instead of an answer (200 OK)
    confirm-traffic-increase: exit 4, 0 commit, asked 1: Progressing 100/0 held: waiting for approval to send more traffic: webhook gate: a web page instead of an answer (200 OK)
    confirm-promotion: exit 4, 1 commit, asked 1: WaitingPromotion 50/50 held: waiting for approval to promote: webhook gate: a web page instead of an answer (200 OK)
    rollback: exit 4, 1 commit, asked 1: Progressing 50/50 advanced: canary 25 → 50 %
    post-rollout: exit 0, 1 commit, asked 1: Succeeded 100/0 succeeded: promotion of bb1ec46e completed
    event: exit 0, 1 commit, asked 1: Succeeded 100/0 succeeded: promotion of bb1ec46e completed
    ");
}

/// A gate may take its time; the other Canaries do not wait for it, and their
/// steps are not lost with it.
#[test]
fn a_gate_that_takes_all_the_time() {
    let silent = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/", silent.local_addr().unwrap());
    let webhook = format!(
        "  analysis:\n    webhooks:\n      - {{name: slow, type: confirm-rollout, timeout: 10m, url: \"{url}\"}}\n"
    );
    let world = World::with(&[(CANARY, "  analysis:\n", &webhook)]);
    world.bootstrap();
    world.put("apps/neighbour/all.yaml", NEIGHBOUR);
    world.release("podinfo:6.0.0", "podinfo:6.1.0");
    world.wait(1);
    let ran = world.stepping().args(["--deadline", "4s"]).run().exits(4);
    let error = &ran.result(PODINFO)["error"]["message"];
    assert_eq!(error, "its questions took longer than 2 s", "{ran}");
    assert_eq!(ran.result("test/neighbour")["commit"], world.tip(), "{ran}");
}
