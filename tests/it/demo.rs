//! The demo is the main job in small: what it prints is what people see first.

use assert_cmd::Command;
use serde_json::Value;

fn demo(arguments: &[&str]) -> (Value, String) {
    let home = tempfile::tempdir().unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_weirkeeper"));
    #[expect(clippy::disallowed_methods, reason = "git is found by PATH")]
    let path = std::env::var_os("PATH").unwrap_or_default();
    let output = command
        .env_clear()
        .env("PATH", path)
        .env("HOME", home.path())
        .env("TMPDIR", home.path())
        .arg("demo")
        .args(arguments)
        .output()
        .unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    let errors = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success(), "{text}{errors}");
    (serde_json::from_str(&text).unwrap_or_default(), text)
}

#[test]
fn one_release_is_promoted_and_one_rolled_back() {
    let (json, _) = demo(&["--format", "json"]);
    let runs = json["runs"].as_array().unwrap();
    let story: Vec<String> = runs
        .iter()
        .map(|run| {
            let result = &run["results"][0];
            let action = result["action"].as_str().unwrap();
            format!("{action} {}", result["canaryWeight"])
        })
        .collect();
    assert_eq!(
        story,
        [
            "held null",
            "initialized 0",
            "idle 0",
            "started 0",
            "advanced 10",
            "advanced 20",
            "advanced 30",
            "advanced 40",
            "advanced 50",
            "promoting 50",
            "finalising 0",
            "succeeded 0",
            "started 0",
            "advanced 10",
            "halted 10",
            "halted 10",
            "rolledBack 0",
            "idle 0",
        ]
    );
    assert!(runs.iter().all(|run| run["pushed"] == true));
}

#[test]
fn people_see_each_step_and_the_history() {
    let (_, text) = demo(&[]);
    for expected in [
        "2. podinfo 6.1.0 is released and does well",
        "12:06  shop/podinfo  Progressing  80/20  advanced",
        "rolled back: 2 failed checks reached the threshold of 2",
        "Canary=shop/podinfo  Phase=Succeeded  Canary-Weight=0",
        "repository  /",
    ] {
        assert!(text.contains(expected), "{expected} is missing in:\n{text}");
    }
}

#[test]
fn a_folder_with_something_in_it_is_left_alone() {
    let dir = tempfile::tempdir().unwrap();
    fs_err::write(dir.path().join("mine"), "").unwrap();
    let output = Command::new(env!("CARGO_BIN_EXE_weirkeeper"))
        .args(["demo", "--dir"])
        .arg(dir.path())
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(2));
    assert_eq!(fs_err::read_dir(dir.path()).unwrap().count(), 1);
}
