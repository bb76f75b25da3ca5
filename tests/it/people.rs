//! What people say, as commits.

use crate::support::gitops::{PODINFO, World, line};
use crate::support::program::{Call, Ran};
use crate::support::world::git;

fn call(world: &World, arguments: &[&str]) -> Call {
    world.weirkeeper(arguments).args(["--format", "json"])
}

fn say(world: &World, word: &str, more: &[&str]) -> Ran {
    let arguments = [&[word, PODINFO, "--author", "Ann <ann@example.com>"], more].concat();
    call(world, &arguments).run()
}

/// A release of which a quarter of the traffic is on the canary.
fn begun() -> World {
    let world = World::of("podinfo");
    world.bootstrap();
    world.release("podinfo:6.0.0", "podinfo:6.1.0");
    world.until("advanced");
    world
}

#[test]
fn a_pause_holds_and_a_resume_goes_on() {
    let world = begun();
    let ran = say(
        &world,
        "pause",
        &["--reason", "the database is being moved"],
    )
    .exits(0);
    let result = ran.result(PODINFO);
    assert_eq!(result["commit"], world.tip());
    let message = world.log(1, "%an <%ae>%n%cn%n%B");
    assert!(
        message.starts_with("Ann <ann@example.com>\nAnn\npodinfo.test: "),
        "{message}"
    );
    for part in [
        "the database is being moved",
        "Canary: test/podinfo",
        "Canary-Weight: 25",
    ] {
        assert!(message.contains(part), "{message}");
    }
    // Pauses are told, and nothing goes on.
    let status = call(&world, &["status"]).run().exits(0).json();
    let paused = &status["rollouts"][0]["paused"];
    assert_eq!(paused["by"], "Ann <ann@example.com>");
    assert!(world.tick().contains("75/25 held"));
    let ran = say(&world, "pause", &[]).exits(2);
    assert!(ran.stderr.contains(PODINFO), "{ran}");
    drop(say(&world, "resume", &[]).exits(0));
    assert!(world.tick().contains("50/50 advanced"));
    world.pull();
    let checked = Call::new(&world.person(), world.path()).args([
        "--now",
        &world.now(),
        "history",
        "--check",
    ]);
    let checked = checked.run().exits(0);
    assert!(checked.stdout.contains("Ann: "), "{checked}");
}

#[test]
fn an_abort_rolls_back_and_a_retry_starts_again() {
    let world = begun();
    let ran = say(&world, "abort", &["--reason", "wrong colours"]).exits(0);
    assert!(
        line(&ran.result(PODINFO)).starts_with("Failed 100/0 rolledBack"),
        "{ran}"
    );
    world.wait(2);
    assert!(
        say(&world, "abort", &[])
            .exits(2)
            .stderr
            .contains("error: ")
    );
    world.tick();
    drop(say(&world, "retry", &[]).exits(0));
    world.until("advanced");
    world.pull();
    let checked = Call::new(&world.person(), world.path()).args([
        "--now",
        &world.now(),
        "history",
        "--check",
    ]);
    drop(checked.run().exits(0));
}

#[test]
fn a_word_without_a_sense_is_refused_and_changes_nothing() {
    let world = World::of("podinfo");
    world.bootstrap();
    let tip = world.tip();
    for (word, more) in [
        ("approve", &[][..]),
        ("approve", &["--gate", "confirm-promotion"]),
        ("approve", &["--gate", "confirm-lunch"]),
        ("abort", &[]),
        ("resume", &[]),
        ("retry", &[]),
        ("pause", &["--reason", "two\nlines"]),
        ("pause", &["--author", "Ann"]),
    ] {
        let ran = match more.first() {
            Some(&"--author") => call(&world, &[&[word, PODINFO], more].concat()).run(),
            _ => say(&world, word, more),
        };
        let ran = ran.exits(2);
        assert!(ran.stderr.starts_with("error: "), "{word}: {ran}");
    }
    let ran = call(&world, &["pause", "test/other", "--author", "A <a@b>"])
        .run()
        .exits(2);
    assert!(
        ran.stderr.contains("there is no Canary test/other"),
        "{ran}"
    );
    assert_eq!(world.tip(), tip);
}

#[test]
fn who_says_it_is_known_from_git() {
    let world = begun();
    let tip = world.tip();
    let ran = call(&world, &["pause", PODINFO]).run().exits(2);
    assert!(ran.stderr.contains("user.name"), "{ran}");
    let checkout = world.checkout();
    git(&checkout, &["config", "user.name", "Bea"]);
    git(&checkout, &["config", "user.email", "bea@example.com"]);
    drop(
        call(&world, &["pause", PODINFO, "--dry-run"])
            .run()
            .exits(0),
    );
    assert_eq!(world.tip(), tip);
    // Kept here: the remote hears nothing of it.
    drop(
        call(&world, &["pause", PODINFO, "--no-push"])
            .run()
            .exits(0),
    );
    assert_eq!(world.tip(), tip);
    assert_eq!(
        git(&checkout, &["log", "-1", "--format=%an <%ae>"]),
        "Bea <bea@example.com>"
    );
    assert_eq!(git(&checkout, &["rev-parse", "HEAD^"]), tip);
}

#[test]
fn a_gate_in_git_is_opened_by_an_approval() {
    let world = World::with(&[(
        "apps/podinfo/canary.yaml",
        "spec:\n",
        "spec:\n  gitops: {gates: [{type: confirm-promotion}]}\n",
    )]);
    world.bootstrap();
    world.release("podinfo:6.0.0", "podinfo:6.1.0");
    world.until("advanced");
    let mut last = world.tick();
    while !last.starts_with("WaitingPromotion") {
        last = world.tick();
        assert!(world.commits() < 30, "{last}");
    }
    let rows = call(&world, &["status"]).run().exits(0).json();
    assert_eq!(
        rows["rollouts"][0]["waitsFor"][0]["type"],
        "confirm-promotion"
    );
    let text = world.weirkeeper(["status"]).run().exits(0);
    assert!(text.stdout.contains("confirm-promotion"), "{text}");
    assert!(say(&world, "approve", &["--gate", "confirm-rollout"]).code == 2);
    drop(say(&world, "approve", &[]).exits(0));
    let lines = world.until("succeeded");
    assert!(
        lines.iter().any(|line| line.contains("promoting")),
        "{lines:#?}"
    );
}

/// A step and a person's word at the same time: both are done, one after the other.
#[test]
fn a_word_and_a_step_do_not_get_in_each_others_way() {
    let world = begun();
    git(world.path(), &["clone", "-q", "remote.git", "other"]);
    world.wait(1);
    let commits = world.commits();
    let pause = Call::new(&world.path().join("other"), world.path()).args([
        "--now",
        &world.now(),
        "pause",
        PODINFO,
        "--author",
        "A <a@b>",
    ]);
    let running = [world.stepping().start(), pause.start()];
    let [step, pause] = running.map(|running| running.end().exits(0));
    let stepped = step.json()["pushed"] == true;
    assert_eq!(
        world.commits(),
        commits + 1 + usize::from(stepped),
        "{step}\n{pause}"
    );
    assert!(world.read("apps/podinfo/canary.yaml").contains("paused:"));
}
