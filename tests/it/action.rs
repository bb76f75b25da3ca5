//! `action.yml` against the command line it stands in front of.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use clap::CommandFactory as _;
use serde_yaml::Value;
use weirkeeper::cli::{Cli, environment};
use weirkeeper::report::{Run, github};

use crate::support::world::{environment as world_environment, git};

/// Inputs that the script takes, because they are no options.
const OF_THE_SCRIPT: [(&str, &str); 3] = [
    ("command", "ACTION_COMMAND"),
    ("binary", "ACTION_BINARY"),
    ("extra-args", "ACTION_EXTRA_ARGS"),
];

fn source_tree() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn action() -> Value {
    let text = fs_err::read_to_string(source_tree().join("action.yml")).unwrap();
    serde_yaml::from_str(&text).unwrap()
}

fn steps(action: &Value) -> &Vec<Value> {
    action["runs"]["steps"].as_sequence().unwrap()
}

/// Keys in the order of the file.
fn keys(mapping: &Value) -> Vec<&str> {
    let keys = mapping.as_mapping().unwrap().keys();
    keys.map(|key| key.as_str().unwrap()).collect()
}

/// The variable of each option of `step`, by the option's name.
fn options() -> BTreeMap<String, String> {
    let cli = Cli::command();
    let step = cli.find_subcommand("step").unwrap();
    let arguments = step.get_arguments().chain(cli.get_arguments());
    let named = arguments.filter_map(|argument| {
        let variable = argument.get_env()?.to_str()?.to_owned();
        Some((argument.get_long()?.to_owned(), variable))
    });
    let mut options: BTreeMap<String, String> = named.collect();
    options.insert("token".to_owned(), environment::TOKEN.to_owned());
    options
}

#[test]
fn inputs_reach_the_variables_of_their_options() {
    let action = action();
    let run = steps(&action).last().unwrap();
    let variables = run["env"].as_mapping().unwrap();
    let options = options();
    for input in keys(&action["inputs"]) {
        let of_the_script = OF_THE_SCRIPT.iter().find(|(name, _)| *name == input);
        let variable = match of_the_script {
            Some((_, variable)) => (*variable).to_owned(),
            None => options[input].clone(),
        };
        let given = variables.get(variable.as_str()).and_then(Value::as_str);
        let expected = format!("${{{{ inputs.{input} }}}}");
        assert_eq!(given, Some(expected.as_str()), "{input}");
    }
    let known: BTreeSet<&str> = options.values().map(String::as_str).collect();
    for variable in variables.keys().filter_map(Value::as_str) {
        let foreign = variable.starts_with("WEIRKEEPER_") && !known.contains(variable);
        assert!(!foreign, "no option reads {variable}");
    }
}

#[test]
fn scripts_see_inputs_as_data_only() {
    let action = action();
    for step in steps(&action).iter().filter(|step| !step["run"].is_null()) {
        let script = step["run"].as_str().unwrap();
        assert!(!script.contains("${{"), "{script}");
        assert_eq!(step["shell"].as_str(), Some("bash"));
        for variable in ["BASH_ENV", "ENV"] {
            assert_eq!(step["env"][variable].as_str(), Some(""), "{variable}");
        }
        let file = script.trim_matches('"').replace("$GITHUB_ACTION_PATH/", "");
        assert!(source_tree().join(&file).is_file(), "{file}");
    }
}

#[test]
fn outputs_are_what_the_program_writes() {
    let action = action();
    let written = github::outputs(&Run::new(Vec::new(), None)).unwrap();
    let names: Vec<&str> = written
        .lines()
        .map(|line| line.split_once('=').unwrap().0)
        .collect();
    assert_eq!(keys(&action["outputs"]), names);
    let run = steps(&action).last().unwrap();
    for name in names {
        let from = format!(
            "${{{{ steps.{}.outputs.{name} }}}}",
            run["id"].as_str().unwrap()
        );
        assert_eq!(
            action["outputs"][name]["value"].as_str(),
            Some(from.as_str())
        );
    }
}

/// A workflow sets variables from inputs and secrets that nobody gave.
#[test]
fn variables_without_a_value_are_no_settings() {
    let folder = tempfile::tempdir().unwrap();
    git(folder.path(), &["init", "-q", "-b", "main", "."]);
    git(
        folder.path(),
        &["commit", "-q", "--allow-empty", "-m", "first"],
    );
    let output = Command::new(env!("CARGO_BIN_EXE_weirkeeper"))
        .arg("step")
        .current_dir(folder.path())
        .env_clear()
        .envs(world_environment())
        .envs(options().into_values().map(|variable| (variable, "")))
        .env(environment::PROMETHEUS_TOKEN, "")
        .output()
        .unwrap();
    assert!(output.status.success(), "{output:?}");
}

/// Every hash stands for one version, everywhere.
#[test]
fn actions_are_pinned_the_same_everywhere() {
    let mut pins: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    let mut files = vec![source_tree().join("action.yml")];
    for folder in [".github/workflows", ".github/examples"] {
        let entries = fs_err::read_dir(source_tree().join(folder)).unwrap();
        files.extend(entries.map(|entry| entry.unwrap().path()));
    }
    for file in files {
        let text = fs_err::read_to_string(&file).unwrap();
        for (_, uses) in text.lines().filter_map(|line| line.split_once("uses: ")) {
            if uses.starts_with("./") || uses.starts_with("weirkeeper/") {
                continue;
            }
            let (name, pin) = uses.split_once('@').unwrap();
            let (hash, version) = pin.split_once(" # v").unwrap();
            let hexadecimal = hash.chars().all(|c| c.is_ascii_hexdigit());
            assert!(hash.len() == 40 && hexadecimal, "{uses}");
            assert_eq!(version.split('.').count(), 3, "{uses}");
            pins.entry(name.to_owned())
                .or_default()
                .insert(pin.to_owned());
        }
    }
    assert!(pins.values().all(|pins| pins.len() == 1), "{pins:#?}");
}

#[test]
fn readme_shows_the_example_workflow() {
    let read = |path: &str| fs_err::read_to_string(source_tree().join(path)).unwrap();
    let example = read(".github/examples/scheduled.yml");
    assert!(read("README.md").contains(&example));
}

/// A folder with a stand-in for the program, which shows how it was called.
struct Script {
    folder: tempfile::TempDir,
}

impl Script {
    fn new() -> Self {
        let script = Self {
            folder: tempfile::tempdir().unwrap(),
        };
        script.program(
            "weirkeeper",
            "#!/bin/sh\nfor word in \"$@\"; do echo \"[$word]\"; done\nenv | grep ^WEIRKEEPER | sort\nexit 4\n",
        );
        script
    }

    fn program(&self, path: &str, text: &str) -> PathBuf {
        use std::os::unix::fs::PermissionsExt as _;
        let path = self.folder.path().join(path);
        fs_err::create_dir_all(path.parent().unwrap()).unwrap();
        fs_err::write(&path, text).unwrap();
        fs_err::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).unwrap();
        path
    }

    /// Runs `action/run.sh` in the folder, which is no part of this source tree.
    fn run(&self, variables: &[(&str, &str)]) -> Output {
        let path = option_env!("PATH").unwrap_or("/usr/bin:/bin");
        Command::new(source_tree().join("action/run.sh"))
            .current_dir(self.folder.path())
            .env_clear()
            .env(
                "PATH",
                format!("{}:{path}", self.folder.path().join("bin").display()),
            )
            .envs([
                ("ACTION_COMMAND", "step"),
                ("ACTION_BINARY", "./weirkeeper"),
                ("ACTION_BUILT", ""),
                ("ACTION_EXTRA_ARGS", ""),
            ])
            .envs(variables.iter().copied())
            .output()
            .unwrap()
    }
}

fn printed(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).unwrap()
}

#[test]
fn script_passes_arguments_on_as_they_are() {
    let extra = "--deadline 5m\n  --author 'A B <a@b>' --now=\"x y\" a\\ b '$HOME' $HOME * ''\n";
    let output = Script::new().run(&[("ACTION_EXTRA_ARGS", extra), ("WEIRKEEPER_BRANCH", "main")]);
    insta::assert_snapshot!(printed(&output), @"
    [step]
    [--deadline]
    [5m]
    [--author]
    [A B <a@b>]
    [--now=x y]
    [a b]
    [$HOME]
    [$HOME]
    [*]
    []
    WEIRKEEPER_BRANCH=main
    ");
    assert_eq!(output.status.code(), Some(4), "the program's own exit code");
    let none = Script::new().run(&[("ACTION_EXTRA_ARGS", " \n")]);
    assert_eq!(printed(&none), "[step]\n");
}

#[test]
fn script_refuses_what_it_does_not_know() {
    for (name, value, message) in [
        ("ACTION_COMMAND", "set-weights", "'command' has to be"),
        ("ACTION_COMMAND", "step --help", "'command' has to be"),
        ("ACTION_COMMAND", "", "'command' has to be"),
        ("ACTION_EXTRA_ARGS", "--only 'a", "'extra-args' has a quote"),
        ("ACTION_BINARY", "./nothing", "'binary' names no executable"),
        ("ACTION_BINARY", "--help", "'binary' names no executable"),
    ] {
        let output = Script::new().run(&[(name, value)]);
        let text = printed(&output);
        assert!(text.starts_with("::error"), "{value}: {text}");
        assert!(text.contains(message), "{value}: {text}");
        assert_eq!(output.status.code(), Some(2));
    }
}

/// The repository that is released must not choose how its keeper is built.
#[test]
fn script_builds_from_its_own_source_once() {
    let script = Script::new();
    let built = script.folder.path().join("built");
    let target = script.folder.path().join("temp/weirkeeper-target/release");
    script.program(
        "bin/cargo",
        &format!(
            "#!/bin/sh\necho \"cargo in $PWD: $*\"\nmkdir -p '{0}'\ncp '{1}/weirkeeper' '{0}/'\n",
            target.display(),
            script.folder.path().display()
        ),
    );
    let temp = script.folder.path().join("temp").display().to_string();
    let variables = [
        ("ACTION_BINARY", ""),
        ("ACTION_BUILT", built.to_str().unwrap()),
        ("GITHUB_ACTION_PATH", source_tree().to_str().unwrap()),
        ("RUNNER_TEMP", &temp),
    ];
    let first = printed(&script.run(&variables));
    let expected = format!(
        "cargo in {}: build --release --locked --bin weirkeeper",
        source_tree().display()
    );
    assert!(first.contains(&expected), "{first}");
    assert!(first.ends_with("[step]\n"), "{first}");
    assert_eq!(printed(&script.run(&variables)), "[step]\n");
}

#[test]
fn key_follows_the_source() {
    let script = Script::new();
    let folder = script.folder.path();
    for (path, text) in [
        ("source/Cargo.toml", ""),
        ("source/Cargo.lock", ""),
        ("source/src/main.rs", "fn main() {}"),
        ("source/templates/summary.md", "x"),
    ] {
        script.program(path, text);
    }
    let key = || {
        let outputs = folder.join("outputs");
        fs_err::write(&outputs, "").unwrap();
        let output = Command::new(source_tree().join("action/source-key.sh"))
            .current_dir(folder)
            .env("GITHUB_ACTION_PATH", folder.join("source"))
            .env("GITHUB_OUTPUT", &outputs)
            .env("RUNNER_TOOL_CACHE", "/tools")
            .output()
            .unwrap();
        assert!(output.status.success(), "{output:?}");
        let text = fs_err::read_to_string(outputs).unwrap();
        let (key, kept) = text.trim().split_once('\n').unwrap();
        let key = key.strip_prefix("key=").unwrap().to_owned();
        assert_eq!(kept, format!("folder=/tools/weirkeeper/{key}"));
        key
    };
    let first = key();
    assert_eq!(first.len(), 32);
    assert_eq!(key(), first);
    for path in [
        "source/src/main.rs",
        "source/templates/summary.md",
        "source/src/new.rs",
    ] {
        let before = key();
        script.program(path, "changed");
        assert_ne!(key(), before, "{path}");
    }
}
