//! Rules of a branch that refuse a push, and signatures that satisfy one of them.

use serde_json::{Value, json};

use crate::support::assert_ran;
use crate::support::github::{GitHub, Refusal};
use crate::support::gitops::{PODINFO, World};
use crate::support::program::Ran;
use crate::support::world::git;

/// What a push says when a ruleset refuses it.
const GH013: &str =
    "echo 'error: GH013: Repository rule violations found for refs/heads/main.' >&2; exit 1";

fn step(world: &World, github: &GitHub) -> Ran {
    let call = world.weirkeeper(["step", "--prometheus", &world.prometheus.url()]);
    github.around(call).run().exits(4)
}

#[test]
fn each_rule_is_named_with_what_to_change() {
    let world = World::of("podinfo");
    world.pre_receive(GH013);
    let github = GitHub::start();
    for (kind, parameters) in [
        ("deletion", Value::Null),
        (
            "pull_request",
            json!({"required_approving_review_count": 1}),
        ),
        ("required_signatures", Value::Null),
        (
            "required_status_checks",
            json!({"required_status_checks": [{"context": "lint"}, {"context": "test"}]}),
        ),
        (
            "commit_message_pattern",
            json!({"operator": "starts_with", "pattern": "JIRA-", "negate": false}),
        ),
        (
            "file_path_restriction",
            json!({"restricted_file_paths": ["apps/**"]}),
        ),
        ("max_file_size", json!({"max_file_size": 10})),
    ] {
        github.rule(kind, parameters);
    }
    assert_ran!(world, step(&world, &github), @"
    exit code: 4
    ----- stdout
    test/podinfo  failed
      not carried out: podinfo-primary created, waiting until it is ready
    ----- stderr
    error: remote `origin` refused the push to `main`
      because: (pre-receive hook declined); error: GH013: Repository rule violations found for refs/heads/main.
    hint: rule `pull_request` of ruleset 7 of me/fleet asks for a pull request with 1 approval
    hint: rule `required_signatures` of ruleset 7 of me/fleet asks for signed commits
    hint: rule `required_status_checks` of ruleset 7 of me/fleet asks for the checks `lint`, `test` to have passed
    hint: rule `commit_message_pattern` of ruleset 7 of me/fleet asks for the message to match: starts with `JIRA-`
    hint: rule `file_path_restriction` of ruleset 7 of me/fleet asks for no change to `apps/**`
    hint: rule `max_file_size` of ruleset 7 of me/fleet asks for files of at most 10 MB
    hint: use `commit-via: pull-request`, or put this app on the bypass list of the ruleset
    hint: sign the commits with --sign-key, or use `commit-via: api`: GitHub signs those
    hint: change the rule's pattern, commit as another --author, or put this app on the bypass list of the ruleset
    hint: put this app on the bypass list of the ruleset, or change the rule
    ");
    assert_eq!(world.commits(), 1);
}

#[test]
fn rules_of_an_organization_over_several_pages() {
    let world = World::of("podinfo");
    world.pre_receive(GH013);
    let github = GitHub::start();
    for _ in 0..150 {
        github.rule("non_fast_forward", Value::Null);
    }
    github.known().add_rule(json!({
        "type": "merge_queue", "ruleset_source_type": "Organization",
        "ruleset_source": "acme", "ruleset_id": 12,
    }));
    let ran = step(&world, &github);
    let hint = "rule `merge_queue` of ruleset 12 of the organization acme asks for the merge queue";
    assert!(ran.stderr.contains(hint), "{ran}");
    assert_eq!(github.requests().len(), 2);
}

#[test]
fn what_is_not_known_is_not_said() {
    let world = World::of("podinfo");
    let github = GitHub::start();
    // Classic protection, which is in no ruleset.
    world.pre_receive(
        "echo 'error: GH006: Protected branch update failed for refs/heads/main.' >&2; exit 1",
    );
    let ran = step(&world, &github);
    assert!(
        ran.stderr.contains("Settings > Branches of me/fleet"),
        "{ran}"
    );
    // GitHub does not say.
    github.refuse(Refusal {
        method: "GET",
        path: "rules",
        status: 404,
        headers: Vec::new(),
        body: json!({"message": "Not Found"}),
        times: 1,
    });
    let ran = step(&world, &github);
    assert!(
        ran.stderr.contains("let this app or token bypass the rule"),
        "{ran}"
    );
    // Nobody to ask, or nothing to do with rules.
    let asked = github.requests().len();
    let call = world.weirkeeper(["step", "--prometheus", &world.prometheus.url()]);
    let ran = call.run().exits(4);
    assert!(
        ran.stderr.contains("let this app or token bypass the rule"),
        "{ran}"
    );
    world.pre_receive("echo 'Ask the release managers first.' >&2; exit 1");
    let ran = step(&world, &github);
    assert!(
        ran.stderr
            .contains("a hook or rule of the server refused it"),
        "{ran}"
    );
    assert_eq!(github.requests().len(), asked);
}

#[test]
fn signed_commits_of_steps_and_people() {
    let world = World::of("podinfo");
    let key = world.path().join("key");
    let mut keygen = std::process::Command::new("ssh-keygen");
    keygen
        .args(["-q", "-t", "ed25519", "-N", "", "-C", "bot", "-f"])
        .arg(&key);
    assert!(keygen.status().unwrap().success());
    let public = fs_err::read_to_string(key.with_extension("pub")).unwrap();
    let allowed = world.path().join("allowed");
    fs_err::write(&allowed, format!("*@* {public}")).unwrap();
    let text = fs_err::read_to_string(&key).unwrap();
    // What Git runs sees nothing of the key.
    world.pre_receive("env > ../seen; exit 0");
    let ran = world
        .stepping()
        .env("WEIRKEEPER_SIGN_KEY", &text)
        .arg("-vv")
        .run()
        .exits(0);
    assert!(!ran.to_string().contains("PRIVATE KEY"), "{ran}");
    let call = world.weirkeeper(["pause", PODINFO, "--author", "Ann <ann@example.com>"]);
    let _paused = call.arg("--sign-key").arg(&key).run().exits(0);
    let setting = format!("gpg.ssh.allowedSignersFile={}", allowed.display());
    let log = ["-c", &setting, "log", "--format=%G? %an", "main"];
    assert_eq!(
        git(&world.remote(), &log),
        "G Ann\nG weirkeeper[bot]\nN Ann"
    );
    git(
        &world.remote(),
        &["-c", &setting, "verify-commit", "main", "main^"],
    );
    let seen = fs_err::read_to_string(world.path().join("seen")).unwrap();
    assert!(
        !seen.contains("SIGN_KEY") && !seen.contains("PRIVATE KEY"),
        "{seen}"
    );
}
