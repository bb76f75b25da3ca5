//! The example workflows, run by act: the action of this source tree, in a
//! checkout, with the built binary.
//!
//! act cannot fetch actions/checkout and actions/cache here, so they are stood
//! in for; the first does with Git what the real one does.

mod fleet;
mod install;
mod people;
mod preview;
mod steps;

use std::path::{Path, PathBuf};

use serde_json::Value as Json;

use crate::gitops::GitOps;
use crate::parts::{command, everything, source_tree};
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
        if [ "$GITHUB_EVENT_NAME" = pull_request ]; then
          git fetch -q --depth=1 origin +refs/pull/7/merge:refs/remotes/pull/7/merge
          git checkout -q refs/remotes/pull/7/merge
        else
          git fetch -q --depth=1 origin +refs/heads/main:refs/remotes/origin/main
          git checkout -q -B main refs/remotes/origin/main
        fi
        if [ "$PERSIST" != true ]; then
          git config --unset "includeIf.gitdir:$GITHUB_WORKSPACE/.git.path"
          rm "$credentials"
        fi
"#;

/// Stands in for actions/cache: act keeps the folder of tools from run to run.
const CACHE: &str = "
name: cache
description: Keeps nothing
inputs:
  path: { description: path, required: true }
  key: { description: key, required: true }
runs:
  using: composite
  steps: [{ shell: bash, run: \"true\" }]
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
    let source = copy_of_the_action(world);
    act_with(world, server, event, workflow, &source, &[])
}

/// The same with an action of its own and more arguments.
fn act_with(
    world: &GitOps,
    server: &GitServer,
    event: &str,
    workflow: &str,
    source: &Path,
    arguments: &[&str],
) -> Ran {
    let home = world.root().join("home");
    let place = world.root().join("workflow");
    for (name, text) in [("checkout", CHECKOUT), ("cache", CACHE)] {
        write(&home.join("stand-ins").join(name), "action.yml", text);
    }
    write(&home, ".config/act/actrc", "");
    write(&place, ".github/workflows/rollouts.yml", workflow);
    git(&place, &["init", "-q", "-b", "main", "."]);
    git(
        &place,
        &["config", "remote.origin.url", "https://github.com/me/fleet"],
    );
    git(&place, &["add", "."]);
    git(
        &place,
        &["commit", "-q", "--allow-empty", "-m", "Add the workflow"],
    );
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
        // Nobody is there, unless a test says otherwise.
        .args(["--env", "GITHUB_API_URL=http://127.0.0.1:9/api/v3"])
        .args(["--env", "GITHUB_GRAPHQL_URL=http://127.0.0.1:9/api/graphql"])
        .args(["--secret", &format!("GITHUB_TOKEN={TOKEN}")])
        .args(arguments);
    for uses in uses(workflow).into_iter().chain(uses(&read("action.yml"))) {
        let folder = match uses.split(['/', '@']).nth(1) {
            Some("checkout") => home.join("stand-ins/checkout"),
            Some("cache") => home.join("stand-ins/cache"),
            _ => source.to_owned(),
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
fn copy_of_the_action(world: &GitOps) -> PathBuf {
    let copy = world.root().join("home/source");
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

/// The scheduled example, given the binary and the simulated time.
fn example(world: &GitOps, prometheus: &str, more: &str) -> String {
    given("scheduled.yml", prometheus, &binary(world), more)
}

/// An example that steps, with the input that says where the binary is from.
fn given(name: &str, prometheus: &str, binary: &str, more: &str) -> String {
    let text = read(&format!(".github/examples/{name}"));
    let ours = "          prometheus: ${{ vars.PROMETHEUS_URL }}\n";
    assert!(text.contains(ours), "{text}");
    let inputs = format!("          prometheus: {prometheus}\n          {binary}\n{more}",);
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

/// A server that knows the token.
async fn guarded(world: &GitOps) -> GitServer {
    let access = Access {
        token: Some(TOKEN),
        read_only: false,
    };
    GitServer::start(world.root(), access).await
}
