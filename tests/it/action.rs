//! `action.yml` against the command line it stands in front of, its scripts, and
//! the workflows that are shown.

mod install;
mod place;
mod scripts;

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::process::Command;

use clap::CommandFactory as _;
use serde_yaml::Value;
use weirkeeper::cli::{Cli, environment};
use weirkeeper::report::{Run, github};

use crate::support::world::{environment as world_environment, git};

/// Inputs that the scripts take, because they are no options.
const OF_THE_SCRIPTS: [(&str, &str); 4] = [
    ("command", "ACTION_COMMAND"),
    ("version", "ACTION_VERSION"),
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

/// The variable of each option that has one, by the option's name, over all
/// commands.
fn options() -> BTreeMap<String, String> {
    let cli = Cli::command();
    let commands = cli.get_subcommands().chain([&cli]);
    let arguments = commands.flat_map(|command| command.get_arguments());
    let named = arguments.filter_map(|argument| {
        let variable = argument.get_env()?.to_str()?.to_owned();
        Some((argument.get_long()?.to_owned(), variable))
    });
    let mut options: BTreeMap<String, String> = BTreeMap::new();
    for (option, variable) in named {
        let known = options.insert(option.clone(), variable.clone());
        let same = known.is_none_or(|known| known == variable);
        assert!(same, "--{option} has two variables");
    }
    options.insert("token".to_owned(), environment::TOKEN.to_owned());
    options
}

#[test]
fn inputs_reach_the_variables_of_their_options() {
    let action = action();
    let mut given: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    for step in steps(&action) {
        for (variable, value) in step["env"].as_mapping().into_iter().flatten() {
            let known = given.entry(variable.as_str().unwrap()).or_default();
            known.insert(value.as_str().unwrap());
        }
    }
    let options = options();
    for input in keys(&action["inputs"]) {
        let of_the_scripts = OF_THE_SCRIPTS.iter().find(|(name, _)| *name == input);
        let variable = match of_the_scripts {
            Some((_, variable)) => *variable,
            None => {
                let found = options.get(input);
                let option = found
                    .and_then(|variable| variable.strip_prefix("WEIRKEEPER_"))
                    .unwrap_or_else(|| panic!("no command has --{input} with a variable"));
                // An empty one is none, so that the workflow's own `env:` counts.
                assert_eq!(action["inputs"][input]["default"].as_str(), Some(""));
                &format!("ACTION_{option}")
            }
        };
        let expected = format!("${{{{ inputs.{input} }}}}");
        let values = given.get(variable);
        assert_eq!(
            values,
            Some(&BTreeSet::from([expected.as_str()])),
            "{input}"
        );
    }
    for variable in given.keys() {
        let theirs = ["WEIRKEEPER_", "GITHUB_"].iter();
        let shadowed = theirs.clone().any(|start| variable.starts_with(start));
        assert!(!shadowed, "{variable} of the workflow would not count");
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
        let file = script.trim_start_matches("exec ").trim_matches('"');
        let file = file.replace("$GITHUB_ACTION_PATH/", "");
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
    for (message, canary) in [("first", "a"), ("second", "b")] {
        fs_err::write(folder.path().join(canary), "nothing").unwrap();
        git(folder.path(), &["add", "."]);
        git(folder.path(), &["commit", "-q", "-m", message]);
    }
    let cli = Cli::command();
    let alone = cli.get_subcommands().filter(|command| {
        let mut arguments = command.get_arguments();
        // The demo shows a whole rollout, whatever is set.
        command.get_name() != "demo" && !arguments.any(|argument| argument.is_required_set())
    });
    let mut ran = 0;
    for command in alone {
        let run = |variables: Vec<(String, &str)>| {
            Command::new(env!("CARGO_BIN_EXE_weirkeeper"))
                .args([command.get_name(), "--now", "2026-01-01T00:00:00Z"])
                .current_dir(folder.path())
                .env_clear()
                .envs(world_environment())
                .envs(variables)
                .output()
                .unwrap()
        };
        let empty = options().into_values().map(|variable| (variable, ""));
        let secret = (environment::PROMETHEUS_TOKEN.to_owned(), "");
        let (with, without) = (run(empty.chain([secret]).collect()), run(Vec::new()));
        assert_eq!(with, without, "{}", command.get_name());
        ran += usize::from(with.status.success());
    }
    assert!(ran >= 5, "{ran} commands do something here");
}

/// The workflows of a folder below `.github`, with their paths.
fn workflows(folder: &str) -> Vec<(PathBuf, String)> {
    let folder = source_tree().join(".github").join(folder);
    let paths = fs_err::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path());
    paths
        .map(|path| (path.clone(), fs_err::read_to_string(path).unwrap()))
        .collect()
}

/// Every hash stands for one version, everywhere.
#[test]
fn actions_are_pinned_the_same_everywhere() {
    let mut pins: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    let action = fs_err::read_to_string(source_tree().join("action.yml")).unwrap();
    let mut files = vec![action];
    for folder in ["workflows", "examples"] {
        files.extend(workflows(folder).into_iter().map(|(_, text)| text));
    }
    for text in files {
        let steps = text.lines().map(|line| line.trim_start_matches([' ', '-']));
        for uses in steps.filter_map(|line| line.strip_prefix("uses: ")) {
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
fn examples_say_what_they_are_for_and_ask_for_what_there_is() {
    let action = action();
    let inputs = keys(&action["inputs"]);
    let commands = Cli::command();
    for (path, text) in workflows("examples") {
        let about = text.lines().take_while(|line| line.starts_with("# "));
        assert!(
            about.count() >= 2,
            "{} begins with no comment",
            path.display()
        );
        assert!(!text.contains("pull_request_target"), "{}", path.display());
        let workflow: Value = serde_yaml::from_str(&text).unwrap();
        assert_eq!(
            workflow["permissions"].as_mapping().map(|all| all.len()),
            Some(0)
        );
        assert!(!workflow["concurrency"].is_null(), "{}", path.display());
        let jobs = workflow["jobs"].as_mapping().unwrap().values();
        for job in jobs {
            assert!(job["permissions"].is_mapping(), "{}", path.display());
            let steps = job["steps"].as_sequence().unwrap();
            let ours = steps.iter().filter(|step| {
                let uses = step["uses"].as_str().unwrap_or_default();
                uses.starts_with("weirkeeper/")
            });
            for step in ours {
                for input in keys(&step["with"]) {
                    assert!(inputs.contains(&input), "{}: {input}", path.display());
                }
                let asked = &workflow["on"]["workflow_dispatch"]["inputs"];
                let named = match step["with"]["command"].as_str() {
                    Some("${{ inputs.decision }}") => &asked["decision"]["options"],
                    _ => &step["with"]["command"],
                };
                let named = match named.as_sequence() {
                    Some(several) => several.iter().filter_map(Value::as_str).collect(),
                    None => vec![named.as_str().unwrap_or("step")],
                };
                for command in named {
                    let known = commands.find_subcommand(command).is_some();
                    assert!(known, "{}: {command}", path.display());
                }
            }
        }
    }
}

/// Whatever is pinned finds the archives of its release in here.
#[test]
fn checksums_are_recorded_whole() {
    let text = fs_err::read_to_string(source_tree().join("action/checksums")).unwrap();
    assert!(text.ends_with('\n'));
    let mut versions: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    for line in text.lines().filter(|line| !line.starts_with('#')) {
        let (sum, name) = line.split_once("  ").unwrap_or_else(|| panic!("{line}"));
        let hexadecimal = sum
            .chars()
            .all(|c| c.is_ascii_digit() || ('a'..='f').contains(&c));
        assert!(sum.len() == 64 && hexadecimal, "{line}");
        let named = name.strip_prefix("weirkeeper-v").unwrap();
        let parts = install::TARGETS.map(|target| format!("-{target}.tar.gz"));
        let parts = parts.into_iter().chain(["-source".to_owned()]);
        let (version, part) = parts
            .filter_map(|part| {
                Some((
                    named.strip_suffix(part.as_str())?,
                    &named[named.len() - part.len()..],
                ))
            })
            .next()
            .unwrap_or_else(|| panic!("{line}"));
        assert!(
            versions.entry(version).or_default().insert(part),
            "twice: {line}"
        );
    }
    for (version, parts) in versions {
        assert_eq!(parts.len(), install::TARGETS.len() + 1, "{version}");
    }
}

#[test]
fn readme_shows_the_example_workflow() {
    let read = |path: &str| fs_err::read_to_string(source_tree().join(path)).unwrap();
    let example = read(".github/examples/scheduled.yml");
    assert!(read("README.md").contains(&example));
}
