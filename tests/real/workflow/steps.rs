//! Workflows that step and validate.

use serde_json::Value as Json;

use super::{TOKEN, act, binary, example, given, guarded, said};
use crate::gitops::{CANARY, GitOps};
use crate::rollout::{at, at_half, follow, history};
use crate::support::git_http::{Access, GitServer};
use crate::support::world::git;

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs real parts"]
async fn example_workflow_takes_a_step() {
    let prometheus = history();
    let world = at_half(&prometheus);
    let server = guarded(&world).await;
    let before = world.tip();
    let more = format!(
        "          only: test/podinfo\n          extra-args: --now '{}' \"--deadline\" 2m\n",
        at(7)
    );
    let ran = act(
        &world,
        &server,
        "workflow_dispatch",
        &example(&world, &prometheus.url(), &more),
    );
    assert!(ran.success, "{}", ran.text);
    assert!(!ran.text.contains(TOKEN), "{}", ran.text);

    let commits = git(&world.remote(), &["rev-list", &format!("{before}..main")]);
    assert_eq!(commits, world.tip(), "one commit");
    let outputs: Json = serde_json::from_str(ran.line("outputs ")).unwrap();
    println!("outputs: {outputs:#}\n\nsummary:\n{}", ran.summary());
    assert_eq!(outputs["changed"], "true");
    assert_eq!(outputs["commits"], world.tip());
    assert_eq!(outputs["active"], "true");
    assert_eq!(outputs["next-step-at"], at(8));
    let results: Json = serde_json::from_str(outputs["results"].as_str().unwrap()).unwrap();
    assert_eq!(results[0]["canary"], "test/podinfo");
    assert_eq!(results[0]["phase"], "Promoting");
    for name in ["changed", "commits", "results", "active", "next-step-at"] {
        assert_eq!(outputs[name].as_str(), ran.output(name), "{name}");
    }
    let summary = ran.summary();
    for part in [
        "<b>Promoting</b> · canary 50 %",
        "| request-success-rate | 100 | ≥ 99 | ✅ pass |",
        &world.tip(),
    ] {
        assert!(summary.contains(part), "{part}\n{summary}");
    }
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs real parts"]
async fn failing_step_fails_the_workflow_and_says_why() {
    let prometheus = history();
    let world = at_half(&prometheus);
    let gone = prometheus.url();
    drop(prometheus);
    let server = guarded(&world).await;
    let before = world.tip();
    let more = format!("          extra-args: --now {}\n", at(7));
    let ran = act(
        &world,
        &server,
        "workflow_dispatch",
        &example(&world, &gone, &more),
    );
    assert!(!ran.success, "{}", ran.text);
    assert_eq!(world.tip(), before);
    let outputs: Json = serde_json::from_str(ran.line("outputs ")).unwrap();
    assert_eq!(outputs["changed"], "false");
    assert_eq!(outputs["commits"], "");
    let said = said(&world).unwrap();
    assert!(said.contains("::error"), "{said}");
    assert!(ran.summary().contains("cannot"), "{}", ran.summary());
}

/// Inputs that nobody gave do not undo it.
#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs real parts"]
async fn environment_of_the_job_counts() {
    let prometheus = history();
    let world = at_half(&prometheus);
    let server = guarded(&world).await;
    let before = world.tip();
    let more = format!("          extra-args: --now {}\n", at(7));
    let workflow = example(&world, &prometheus.url(), &more);
    let job = "    runs-on: ubuntu-latest\n";
    assert!(workflow.contains(job), "{workflow}");
    let env = format!("{job}    env: {{ WEIRKEEPER_DRY_RUN: true }}\n");
    let ran = act(
        &world,
        &server,
        "workflow_dispatch",
        &workflow.replace(job, &env),
    );
    assert!(ran.success, "{}", ran.text);
    assert_eq!(ran.output("changed"), Some("false"), "{}", ran.text);
    assert_eq!(ran.output("active"), Some("true"), "{}", ran.text);
    assert_eq!(world.tip(), before);
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs real parts"]
async fn credentials_of_the_checkout_are_enough() {
    let prometheus = history();
    let world = at_half(&prometheus);
    let server = guarded(&world).await;
    let before = world.tip();
    let more = format!(
        "          dry-run: true\n          extra-args: --now {}\n",
        at(7)
    );
    let workflow = example(&world, &prometheus.url(), &more)
        .replace("          token: ${{ github.token }}\n", "")
        .replace("persist-credentials: false", "persist-credentials: true");
    let dry = act(&world, &server, "workflow_dispatch", &workflow);
    assert!(dry.success, "{}", dry.text);
    assert_eq!(world.tip(), before);
    assert_eq!(dry.output("changed"), Some("false"));

    let ran = act(
        &world,
        &server,
        "workflow_dispatch",
        &workflow.replace("dry-run: true", "dry-run: false"),
    );
    assert!(ran.success, "{}", ran.text);
    assert_ne!(world.tip(), before);
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs real parts"]
async fn inputs_are_data_and_never_code() {
    let prometheus = history();
    let world = at_half(&prometheus);
    let server = GitServer::start(world.root(), Access::default()).await;
    let before = world.tip();
    let marker = world.root().join("marker");
    let touch = format!("touch {}", marker.display());
    let evil = format!("$({touch}) `{touch}` ; {touch}");
    for (inputs, refusal) in [
        (format!("extra-args: '{evil}'"), Some("unexpected argument")),
        (format!("branch: '{evil}'"), Some("branch")),
        (format!("binary: '{evil}'"), None),
        (format!("version: '{evil}'"), None),
        (format!("command: 'step; {touch}'"), None),
        (
            "command: no-such".to_owned(),
            Some("unrecognized subcommand"),
        ),
        ("extra-args: \"--now 'open\"".to_owned(), None),
    ] {
        let instead = ["binary", "version"];
        let workflow = match instead.iter().any(|input| inputs.starts_with(input)) {
            true => example(&world, &prometheus.url(), "").replace(&binary(&world), &inputs),
            false => example(&world, &prometheus.url(), &format!("          {inputs}\n")),
        };
        let ran = act(&world, &server, "workflow_dispatch", &workflow);
        assert!(!ran.success, "{inputs}{}", ran.text);
        match (said(&world), refusal) {
            (Some(said), Some(refusal)) => assert!(said.contains(refusal), "{inputs}{said}"),
            (None, None) => {}
            (said, _) => panic!("{inputs}{said:?}{}", ran.text),
        }
        assert!(!marker.exists(), "{inputs}");
        assert_eq!(world.tip(), before);
    }
    // Bash would run the file before the script of the action.
    let script = world.root().join("evil.sh");
    fs_err::write(&script, touch).unwrap();
    let workflow = example(&world, &prometheus.url(), "          dry-run: true\n").replacen(
        "        env:\n",
        &format!("        env:\n          BASH_ENV: {}\n", script.display()),
        1,
    );
    let ran = act(&world, &server, "workflow_dispatch", &workflow);
    assert!(ran.success, "{}", ran.text);
    assert!(!marker.exists());
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs real parts"]
async fn a_push_and_an_event_of_flux_take_a_step() {
    let prometheus = history();
    for (name, event) in [("push.yml", "push"), ("flux.yml", "repository_dispatch")] {
        let world = at_half(&prometheus);
        let server = guarded(&world).await;
        let before = world.tip();
        let more = format!("          extra-args: --now {}\n", at(7));
        let workflow = given(name, &prometheus.url(), &binary(&world), &more);
        let ran = act(&world, &server, event, &workflow);
        assert!(ran.success, "{}", ran.text);
        assert_eq!(ran.output("changed"), Some("true"), "{}", ran.text);
        assert_ne!(world.tip(), before, "{name}");
    }
}

/// Who asks for it has a workflow that fails when a release does.
#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs real parts"]
async fn a_rollback_fails_the_workflow_that_asks_for_it() {
    let prometheus = history();
    let world = GitOps::new(CANARY);
    follow(&world, &prometheus, 0..10, "scaled to zero");
    world.edit("apps/podinfo/deployment.yaml", "6.0.0", "6.1.0");
    follow(&world, &prometheus, 22..25, "halted");
    follow(&world, &prometheus, 25..26, "halted");
    let server = guarded(&world).await;
    let before = world.tip();
    let more = |fail_on: &str| {
        let now = at(26);
        format!("          fail-on: {fail_on}\n          extra-args: --now {now}\n")
    };
    let run = |fail_on: &str| {
        let workflow = example(&world, &prometheus.url(), &more(fail_on));
        act(&world, &server, "workflow_dispatch", &workflow)
    };
    let ran = run("rollback");
    assert!(!ran.success, "{}", ran.text);
    let outputs: Json = serde_json::from_str(ran.line("outputs ")).unwrap();
    println!("outputs: {outputs:#}\n\nsummary:\n{}", ran.summary());
    assert_eq!(outputs["changed"], "true", "the rollback itself is pushed");
    let results: Json = serde_json::from_str(outputs["results"].as_str().unwrap()).unwrap();
    assert_eq!(results[0]["action"], "rolledBack", "{results:#}");
    let subject = git(&world.remote(), &["log", "-1", "--format=%s", "main"]);
    assert!(subject.contains("rolled back"), "{subject}");
    assert!(ran.summary().contains("rolled back"), "{}", ran.summary());

    git(&world.remote(), &["update-ref", "refs/heads/main", &before]);
    let ran = run("error");
    assert!(ran.success, "{}", ran.text);
    assert_eq!(ran.output("changed"), Some("true"), "{}", ran.text);
}
