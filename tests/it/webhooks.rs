//! How often webhooks are called and others are told: never for what did not happen, and no secrets.

use std::fmt::Write as _;

use serde_json::{Value, json};

use crate::support::assert_ran;
use crate::support::gitops::{PODINFO, World};
use crate::support::hooks::{Hooks, Says};
use crate::support::program::Call;
use crate::support::world::git;

const CANARY: &str = "apps/podinfo/canary.yaml";

const ANALYSIS: &str = "    stepWeight: 25 # two steps\n";

/// Everybody who can be called, in order.
const TYPES: [&str; 8] = [
    "confirm-rollout",
    "pre-rollout",
    "rollout",
    "confirm-traffic-increase",
    "confirm-promotion",
    "post-rollout",
    "rollback",
    "event",
];

/// The fixture `podinfo` with a webhook of each type and an alert, after its bootstrap, with a new revision.
/// Nothing is written down yet.
fn world(hooks: &Hooks) -> World {
    let webhooks: String = TYPES
        .map(|kind| {
            let url = hooks.url(kind);
            format!("      - {{name: the-{kind}, type: {kind}, url: \"{url}\"}}\n")
        })
        .concat();
    let lines = format!(
        "{ANALYSIS}    alerts: [{{name: chat, providerRef: {{name: chat}}}}]\n    webhooks:\n{webhooks}"
    );
    let world = World::with(&[(CANARY, ANALYSIS, &lines)]);
    let address = hooks.url("alert");
    world.put(
        "apps/podinfo/chat.yaml",
        format!(
            "apiVersion: flagger.app/v1beta1\nkind: AlertProvider\n\
             metadata: {{name: chat, namespace: test}}\nspec: {{type: webhook, address: \"{address}\"}}\n"
        ),
    );
    hooks.set("rollback", 403);
    world.bootstrap();
    world.release("podinfo:6.0.0", "podinfo:6.1.0");
    hooks.take();
    world
}

/// Who was called, in order.
fn called(hooks: &Hooks) -> Vec<String> {
    let requests = hooks.take().into_iter();
    requests.map(|request| request.name).collect()
}

/// Lets a person push to `main` just before the next pushes arrive, as often as `times`; `change` is done in
/// the clone of the person.
fn overtake(world: &World, times: usize, change: &str) {
    let left = world.path().join("left");
    fs_err::create_dir(&left).unwrap();
    for time in 0..times {
        fs_err::write(left.join(time.to_string()), "").unwrap();
    }
    // The push of the person runs the hook as well, and passes.
    let script = format!(
        "test -e {busy} && exit 0; one=$(ls {left} | head -1); test -z \"$one\" && exit 0\n\
         rm {left}/$one; touch {busy}; cd {person}\n\
         unset GIT_DIR GIT_QUARANTINE_PATH GIT_OBJECT_DIRECTORY GIT_ALTERNATE_OBJECT_DIRECTORIES\n\
         git pull -q origin main; {change}; git add -A\n\
         git -c user.name=Ann -c user.email=ann@example.com commit -qm later\n\
         git push -q origin HEAD:main; rm {busy}; exit 0",
        left = left.display(),
        busy = world.path().join("busy").display(),
        person = world.person().display(),
    );
    world.pre_receive(&script);
}

/// Messages of events and alerts among the requests.
fn messages(hooks: &Hooks) -> Vec<String> {
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let requests = hooks.take().into_iter();
    let told = requests.filter_map(|request| match &*request.name {
        "event" => Some(format!(
            "event: {}",
            text(&request.body["metadata"]["eventMessage"])
        )),
        "alert" => Some(format!("alert: {}", text(&request.body["message"]))),
        _ => None,
    });
    told.collect()
}

#[test]
fn a_lost_race_calls_nobody_twice() {
    let hooks = Hooks::start();
    let world = world(&hooks);
    overtake(&world, 2, "echo later >> notes.md");
    let commits = world.commits();
    insta::assert_snapshot!(world.tick(), @"Progressing 100/0 started: new revision bb1ec46e detected, scaling up podinfo");
    assert_eq!(world.commits(), commits + 3);
    let expected = ["confirm-rollout", "event", "event", "alert"];
    assert_eq!(called(&hooks), expected);
    // A step with every gate that is asked on the way, and the one that ends it.
    let mut story = String::new();
    for _ in 0..5 {
        fs_err::remove_dir(world.path().join("left")).unwrap();
        overtake(&world, 2, "echo later >> notes.md");
        let line = world.tick();
        writeln!(story, "{line}\n    {}", called(&hooks).join(", ")).unwrap();
    }
    insta::assert_snapshot!(story, @"
    Progressing 75/25 advanced: canary 0 → 25 %
        rollback, pre-rollout, confirm-traffic-increase, event, event, event, event
    Progressing 50/50 advanced: canary 25 → 50 %
        rollback, rollout, confirm-traffic-increase, event, event, event, event
    Promoting 50/50 promoting: revision bb1ec46e copied to podinfo-primary
        rollback, rollout, confirm-traffic-increase, confirm-promotion, event, event, event, event, event
    Finalising 100/0 finalising: all traffic back on podinfo-primary
        event
    Succeeded 100/0 succeeded: promotion of bb1ec46e completed
        event, alert, post-rollout
    ");
}

#[test]
fn only_what_landed_is_told() {
    let hooks = Hooks::start();
    let world = world(&hooks);
    world.tick();
    hooks.take();
    overtake(
        &world,
        1,
        "sed -i s/podinfo:6.1.0/podinfo:6.2.0/ apps/podinfo/deployment.yaml",
    );
    insta::assert_snapshot!(world.tick(), @"Progressing 100/0 restarted: new revision 4d2df010 detected, the analysis starts over");
    insta::assert_snapshot!(messages(&hooks).join("\n"), @"event: podinfo.test: new revision 4d2df010 detected, the analysis starts over");
}

#[test]
fn a_race_that_is_lost_for_good_tells_nobody() {
    let hooks = Hooks::start();
    let world = world(&hooks);
    overtake(&world, 20, "echo later >> notes.md");
    world.wait(1);
    let ran = text_step(&world).run().exits(5);
    assert_ran!(world, ran, @"
    exit code: 5
    ----- stdout
    test/podinfo  Initialized  100/0  failed
      not carried out: new revision bb1ec46e detected, scaling up podinfo
    ----- stderr
    error: the branch main moved again and again
    hint: nothing was changed; the next run decides anew
    ");
    assert_eq!(called(&hooks), ["confirm-rollout"]);
    assert_eq!(world.log(1, "%s"), "later");
}

#[test]
fn a_refused_push_tells_nobody() {
    let hooks = Hooks::start();
    let world = world(&hooks);
    world.pre_receive("echo 'Not today.' >&2; exit 1");
    let tip = world.tip();
    world.wait(1);
    let ran = text_step(&world).run().exits(4);
    assert_ran!(world, ran, @"
    exit code: 4
    ----- stdout
    test/podinfo  Initialized  100/0  failed
      not carried out: new revision bb1ec46e detected, scaling up podinfo
    ----- stderr
    error: remote `origin` refused the push to `main`
      because: (pre-receive hook declined); Not today.
    hint: a hook or rule of the server refused it: it has to allow these commits
    ");
    assert_eq!(world.tip(), tip);
    assert_eq!(called(&hooks), ["confirm-rollout"]);
}

#[test]
fn a_dry_run_and_a_plan_call_nobody() {
    let hooks = Hooks::start();
    let world = world(&hooks);
    world.wait(1);
    let tip = world.tip();
    let ran = text_step(&world).arg("--dry-run").run().exits(0);
    assert_ran!(world, ran, @"
    exit code: 0
    ----- stdout
    test/podinfo  Progressing  100/0  started
      new revision bb1ec46e detected, scaling up podinfo
      webhook the-confirm-rollout is not called, taken to let the rollout go on
      next step not before 2026-01-01T00:05:00Z
    dry run: nothing was committed
    ");
    git(&world.checkout(), &["pull", "-q", "--ff-only"]);
    let plan = || {
        let call = world.weirkeeper(["plan", "--prometheus"]);
        call.arg(world.prometheus.url()).run().exits(0)
    };
    assert_ran!(world, plan(), @"
    exit code: 0
    ----- stdout
    test/podinfo  Progressing  100/0  started
      new revision bb1ec46e detected, scaling up podinfo
      webhook the-confirm-rollout is not called, taken to let the rollout go on
      next step not before 2026-01-01T00:05:00Z
      would change apps/podinfo/canary.yaml
      would change apps/podinfo/deployment.yaml
      schedule, if every check passes:
        2026-01-01T00:04:00Z  Progressing     100/0  new revision bb1ec46e detected, scaling up podinfo
        2026-01-01T00:05:00Z  Progressing     75/25  canary 0 → 25 %
        2026-01-01T00:06:00Z  Progressing     50/50  canary 25 → 50 %
        2026-01-01T00:07:00Z  Promoting       50/50  revision bb1ec46e copied to podinfo-primary
        2026-01-01T00:08:00Z  Finalising      100/0  all traffic back on podinfo-primary
        2026-01-01T00:09:00Z  Succeeded       100/0  promotion of bb1ec46e completed
    ");
    assert_eq!(world.tip(), tip);
    assert_eq!(called(&hooks), [""; 0]);

    world.tick();
    world.tick();
    hooks.take();
    world.wait(1);
    let ran = text_step(&world).arg("--dry-run").run().exits(0);
    assert_ran!(world, ran, @"
    exit code: 0
    ----- stdout
    test/podinfo  Progressing  50/50  advanced
      canary 25 → 50 %
      webhooks the-rollout, the-confirm-traffic-increase, the-rollback are not called, taken to let the rollout go on
      pass: request-success-rate 99.9 (min 99)
      next step not before 2026-01-01T00:08:00Z
    dry run: nothing was committed
    ");
    assert_ran!(world, plan(), @"
    exit code: 0
    ----- stdout
    test/podinfo  Progressing  50/50  advanced
      canary 25 → 50 %
      webhooks the-rollout, the-confirm-traffic-increase, the-rollback are not called, taken to let the rollout go on
      pass: request-success-rate 99.9 (min 99)
      next step not before 2026-01-01T00:08:00Z
      would change apps/podinfo/canary.yaml
      would change apps/podinfo/podinfo-httproute.yaml
      schedule, if every check passes:
        2026-01-01T00:07:00Z  Progressing     50/50  canary 25 → 50 %
        2026-01-01T00:08:00Z  Promoting       50/50  revision bb1ec46e copied to podinfo-primary
        2026-01-01T00:09:00Z  Finalising      100/0  all traffic back on podinfo-primary
        2026-01-01T00:10:00Z  Succeeded       100/0  promotion of bb1ec46e completed
    ");
    assert_eq!(called(&hooks), [""; 0]);
}

/// The call of a step as people see it.
fn text_step(world: &World) -> Call {
    world
        .weirkeeper(["step", "--prometheus"])
        .arg(world.prometheus.url())
}

#[test]
fn without_a_push_there_is_no_link() {
    let commit = |hooks: &Hooks| {
        let requests = hooks.take();
        let alert = requests.iter().find(|request| request.name == "alert");
        alert.expect("no alert").body["commit"].clone()
    };
    let on_github = |call: Call| {
        call.env("GITHUB_SERVER_URL", "https://github.com")
            .env("GITHUB_REPOSITORY", "me/fleet")
    };
    let hooks = Hooks::start();
    let world = world(&hooks);
    world.wait(1);
    git(&world.checkout(), &["pull", "-q", "--ff-only"]);
    let ran = on_github(world.stepping()).arg("--no-push").run().exits(0);
    let sha = ran.result(PODINFO)["commit"].clone();
    assert_eq!(commit(&hooks), json!({"sha": sha, "url": null}));
    git(&world.checkout(), &["reset", "-q", "--hard", "origin/main"]);
    let ran = on_github(world.stepping()).run().exits(0);
    let sha = ran.result(PODINFO)["commit"].clone();
    let url = format!(
        "https://github.com/me/fleet/commit/{}",
        sha.as_str().unwrap()
    );
    assert_eq!(commit(&hooks), json!({"sha": sha, "url": url}));
}

/// What must not be seen anywhere: the password and the token of a webhook's address, and how the first is
/// sent; the address and the token of an alert's Secret.
const SECRETS: [&str; 5] = ["hunter2", "tiptop", "YW5uOmh1bnRlcjI=", "B0000", "xoxb"];

#[track_caller]
fn says_no_secret(text: &str) {
    for secret in SECRETS {
        assert!(!text.contains(secret), "{secret} in:\n{text}");
    }
}

#[test]
fn secrets_are_never_seen() {
    let hooks = Hooks::start();
    for kind in ["confirm-rollout", "pre-rollout", "event", "post-rollout"] {
        let url = hooks.url(kind).replace("//", "//ann:hunter2@") + "?token=tiptop";
        let lines = format!(
            "{ANALYSIS}    alerts: [{{name: chat, providerRef: {{name: chat}}}}]\n    webhooks:\n      \
             - {{name: it, type: {kind}, url: \"{url}\"}}\n"
        );
        let world = World::with(&[(CANARY, ANALYSIS, &lines)]);
        world.put(
            "apps/podinfo/chat.yaml",
            "apiVersion: flagger.app/v1beta1\nkind: AlertProvider\n\
             metadata: {name: chat, namespace: test}\nspec: {type: slack, secretRef: {name: chat}}\n",
        );
        let address = hooks.url("B0000");
        let call = |arguments: &[&str]| {
            world.wait(1);
            world
                .stepping()
                .args(arguments)
                .env("WEIRKEEPER_SECRET_CHAT_ADDRESS", &address)
                .env("WEIRKEEPER_SECRET_CHAT_TOKEN", "xoxb")
        };
        for _ in 0..3 {
            let _ran = call(&[]).run().exits(0);
        }
        hooks.take();
        world.release("podinfo:6.0.0", "podinfo:6.1.0");
        hooks.say(kind, Says::Page);
        hooks.set("B0000", 500);
        let summary = world.path().join("summary.md");
        let output = world.path().join("output");
        for _ in 0..6 {
            for more in [&["--format", "text"][..], &["-vv"], &["--dry-run"]] {
                let ran = call(more)
                    .env("GITHUB_ACTIONS", "true")
                    .env("GITHUB_STEP_SUMMARY", &summary)
                    .env("GITHUB_OUTPUT", &output)
                    .run();
                says_no_secret(&ran.to_string());
            }
        }
        let requests = hooks.take();
        let sent = requests.iter().find(|request| request.name == kind);
        let authorization = &sent.expect(kind).headers["authorization"];
        assert_eq!(authorization, "Basic YW5uOmh1bnRlcjI=");
        if kind != "confirm-rollout" {
            let alert = requests.iter().find(|request| request.name == "B0000");
            assert_eq!(
                alert.expect("no alert").headers["authorization"],
                "Bearer xoxb"
            );
        }
        says_no_secret(&fs_err::read_to_string(summary).unwrap());
        says_no_secret(&fs_err::read_to_string(output).unwrap());
        says_no_secret(&world.log(30, "%B"));
        let files = world.files();
        let status = files[CANARY].split_once("\nstatus:").unwrap().1;
        says_no_secret(status);
    }
}
