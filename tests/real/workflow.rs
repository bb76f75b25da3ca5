//! The example workflow, run by act: the action of this source tree, in a
//! checkout, with the built binary.
//!
//! act cannot fetch actions/checkout and actions/cache here, so they are stood
//! in for; the first does with Git what the real one does.

use std::path::{Path, PathBuf};

use serde_json::Value as Json;

use crate::gitops::{CANARY, GitOps};
use crate::parts::{command, everything, source_tree};
use crate::rollout::{at, at_half, history};
use crate::support::git_http::{Access, GitServer};
use crate::support::world::{git, write};

const TOKEN: &str = "ghs_right0token";

/// Stands in for actions/checkout: a shallow fetch, and the token in a file of
/// its own that the configuration includes.
const CHECKOUT: &str = r#"
name: checkout
description: Fetches the branch as actions/checkout does
inputs:
  token: { description: token, default: "${{ github.token }}" }
  persist-credentials: { description: keep the token, default: "true" }
runs:
  using: composite
  steps:
    - shell: bash
      env:
        TOKEN: ${{ inputs.token }}
        PERSIST: ${{ inputs.persist-credentials }}
      run: |
        header="AUTHORIZATION: basic $(printf 'x-access-token:%s' "$TOKEN" | base64 -w 0)"
        git init -q -b main .
        git remote add origin "${TEST_SERVER}remote.git"
        credentials=$RUNNER_TEMP/git-credentials-test.config
        git config --file "$credentials" "http.$TEST_SERVER.extraheader" "$header"
        git config "includeIf.gitdir:$GITHUB_WORKSPACE/.git.path" "$credentials"
        git fetch -q --depth=1 origin +refs/heads/main:refs/remotes/origin/main
        git checkout -q -B main refs/remotes/origin/main
        if [ "$PERSIST" != true ]; then
          git config --unset "includeIf.gitdir:$GITHUB_WORKSPACE/.git.path"
          rm "$credentials"
        fi
"#;

/// Stands in for actions/cache, which is not needed with `binary`.
const CACHE: &str = "
name: cache
description: Keeps nothing
inputs:
  path: { description: path, required: true }
  key: { description: key, required: true }
runs:
  using: composite
  steps: []
";

/// What one run of a workflow left behind.
struct Ran {
    success: bool,
    /// One JSON object for each thing that happened.
    events: Vec<Json>,
    /// As printed.
    text: String,
}

impl Ran {
    /// The output `name` of the action.
    fn output(&self, name: &str) -> Option<&str> {
        let found = self
            .events
            .iter()
            .rfind(|event| event["command"] == "set-output" && event["name"] == name);
        found.and_then(|event| event["arg"].as_str())
    }

    /// What a line of the workflow printed.
    fn line(&self, start: &str) -> &str {
        let messages = self.events.iter().filter_map(|event| event["msg"].as_str());
        let mut lines = messages.flat_map(str::lines);
        lines
            .find_map(|line| line.strip_prefix(start))
            .unwrap_or_else(|| panic!("no line `{start}`\n{}", self.text))
    }

    fn summary(&self) -> &str {
        let mut events = self.events.iter();
        let found = events.find(|event| event["command"] == "summary");
        found
            .and_then(|event| event["content"].as_str())
            .unwrap_or_else(|| panic!("no summary\n{}", self.text))
    }
}

/// Runs `workflow` for `event` as if the repository at `server` had it.
fn act(world: &GitOps, server: &GitServer, event: &str, workflow: &str) -> Ran {
    let home = world.root().join("home");
    let place = world.root().join("workflow");
    for (name, text) in [("checkout", CHECKOUT), ("cache", CACHE)] {
        write(&home.join("stand-ins").join(name), "action.yml", text);
    }
    write(&home, ".config/act/actrc", "");
    write(&place, ".github/workflows/rollouts.yml", workflow);
    git(&place, &["init", "-q", "-b", "main", "."]);
    git(&place, &["add", "."]);
    git(
        &place,
        &["commit", "-q", "--allow-empty", "-m", "Add the workflow"],
    );
    let source = copy_of_the_action(&home);
    let replaced = |uses: &str, folder: &Path| format!("{uses}={}", folder.display());
    let mut act = command("act");
    act.current_dir(&place)
        .env("HOME", &home)
        .args([event, "--json", "--platform", "ubuntu-latest=-self-hosted"])
        .args([
            "--no-skip-checkout",
            "--no-cache-server",
            "--defaultbranch",
            "main",
        ])
        .args(["--env", &format!("TEST_SERVER={}", server.url())])
        .args(["--secret", &format!("GITHUB_TOKEN={TOKEN}")]);
    for uses in uses(workflow).into_iter().chain(uses(&read("action.yml"))) {
        let folder = match uses.split(['/', '@']).nth(1) {
            Some("checkout") => home.join("stand-ins/checkout"),
            Some("cache") => home.join("stand-ins/cache"),
            _ => source.clone(),
        };
        act.args(["--local-repository", &replaced(&uses, &folder)]);
    }
    let output = act.output().unwrap();
    let text = everything(&output);
    Ran {
        success: output.status.success(),
        events: text
            .lines()
            .filter_map(|line| serde_json::from_str(line).ok())
            .collect(),
        text,
    }
}

/// A file of this source tree.
fn read(path: &str) -> String {
    fs_err::read_to_string(source_tree().join(path)).unwrap()
}

/// The actions that a workflow or an action uses.
fn uses(text: &str) -> Vec<String> {
    let lines = text.lines().filter_map(|line| line.split_once("uses: "));
    lines
        .map(|(_, rest)| rest.split_whitespace().next().unwrap().to_owned())
        .collect()
}

/// act copies the whole folder of an action, so it gets one without `target`.
fn copy_of_the_action(home: &Path) -> PathBuf {
    let copy = home.join("source");
    let scripts = fs_err::read_dir(source_tree().join("action")).unwrap();
    let scripts = scripts.map(|entry| format!("action/{}", entry.unwrap().file_name().display()));
    for path in scripts.chain(["action.yml".to_owned(), "Cargo.toml".to_owned()]) {
        let target = copy.join(&path);
        fs_err::create_dir_all(target.parent().unwrap()).unwrap();
        fs_err::copy(source_tree().join(path), target).unwrap();
    }
    copy
}

/// The input that names the built binary, behind a script that keeps what it
/// says: act drops output of a step that fails.
fn binary(world: &GitOps) -> String {
    use std::os::unix::fs::PermissionsExt as _;
    let script = world.root().join("weirkeeper");
    let text = format!(
        "#!/bin/sh\n{} \"$@\" >'{said}' 2>&1\ncode=$?\ncat '{said}'\nexit $code\n",
        env!("CARGO_BIN_EXE_weirkeeper"),
        said = file_of_said(world).display(),
    );
    fs_err::write(&script, text).unwrap();
    fs_err::set_permissions(&script, std::fs::Permissions::from_mode(0o755)).unwrap();
    format!("binary: {}", script.display())
}

fn file_of_said(world: &GitOps) -> PathBuf {
    world.root().join("said")
}

/// What the binary said since this was last asked; nothing when it was not run.
fn said(world: &GitOps) -> Option<String> {
    let text = fs_err::read_to_string(file_of_said(world)).ok()?;
    fs_err::remove_file(file_of_said(world)).unwrap();
    Some(text)
}

/// The example, given the binary and the simulated time.
fn example(world: &GitOps, prometheus: &str, more: &str) -> String {
    let text = read(".github/examples/scheduled.yml");
    let ours = "          prometheus: ${{ vars.PROMETHEUS_URL }}\n";
    assert!(text.contains(ours), "{text}");
    let inputs = format!(
        "          prometheus: {prometheus}\n          {}\n{more}",
        binary(world)
    );
    let text = text.replace(ours, &inputs).replace(
        "      - uses: weirkeeper/",
        "      - id: step\n        uses: weirkeeper/",
    );
    let echo = "
      - if: always()
        env:
          OUTPUTS: ${{ toJSON(steps.step.outputs) }}
        run: echo \"outputs $(tr -d '\\n' <<<\"$OUTPUTS\")\"
";
    format!("{}{echo}", text.trim_end())
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs real parts"]
async fn example_workflow_takes_a_step() {
    let prometheus = history();
    let world = at_half(&prometheus);
    let server = GitServer::start(
        world.root(),
        Access {
            token: Some(TOKEN),
            read_only: false,
        },
    )
    .await;
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
        "| test/podinfo | Promoting | 50 / 50 |",
        "| request-success-rate | 100 | ≥ 99 | pass |",
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
    let server = GitServer::start(
        world.root(),
        Access {
            token: Some(TOKEN),
            read_only: false,
        },
    )
    .await;
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

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs real parts"]
async fn credentials_of_the_checkout_are_enough() {
    let prometheus = history();
    let world = at_half(&prometheus);
    let server = GitServer::start(
        world.root(),
        Access {
            token: Some(TOKEN),
            read_only: false,
        },
    )
    .await;
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
async fn example_for_pull_requests_points_at_the_line() {
    let world = GitOps::new(CANARY);
    let server = GitServer::start(world.root(), Access::default()).await;
    let given = format!("command: validate\n          {}", binary(&world));
    let workflow = read(".github/examples/pull-request.yml").replace("command: validate", &given);
    let ran = act(&world, &server, "pull_request", &workflow);
    assert!(ran.success, "{}", ran.text);

    world.edit(
        "apps/podinfo/canary.yaml",
        "stepWeight: 50",
        "stepWeight: 500",
    );
    let ran = act(&world, &server, "pull_request", &workflow);
    assert!(!ran.success, "{}", ran.text);
    let annotation = "::error file=apps/podinfo/canary.yaml,line=20,";
    let said = said(&world).unwrap();
    assert!(said.contains(annotation), "{said}");
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
