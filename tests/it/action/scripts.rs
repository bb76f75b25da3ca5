//! How the action calls the program.

use super::place::{Place, Ran};
use super::{OF_THE_SCRIPTS, action, keys, steps};

/// A stand-in for the program, which shows how it was called, and the variables of
/// the step.
fn place(variables: &[(&str, &str)]) -> Place {
    let mut place = Place::new("https://github.com/weirkeeper/weirkeeper");
    place.executable(
        &place.folder().join("weirkeeper"),
        "for word in \"$@\"; do echo \"[$word]\"; done\nenv | grep -E '^(WEIRKEEPER|GITHUB_TOKEN)' | sort\nexit 4",
    );
    place.set("ACTION_COMMAND", "step");
    place.set("ACTION_BINARY", "./weirkeeper");
    place.set("ACTION_MADE", "");
    place.set("ACTION_EXTRA_ARGS", "");
    for (name, value) in variables {
        place.set(name, value);
    }
    place
}

/// Runs `action/run.sh`.
fn run(variables: &[(&str, &str)]) -> Ran {
    place(variables).script("action/run.sh", &[])
}

#[test]
fn script_passes_arguments_on_as_they_are() {
    let extra = "--deadline 5m\n  --author 'A B <a@b>' --now=\"x y\" a\\ b '$HOME' $HOME * ''\n";
    let ran = run(&[("ACTION_EXTRA_ARGS", extra), ("WEIRKEEPER_BRANCH", "main")]);
    insta::assert_snapshot!(ran.text, @"
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
    assert_eq!(ran.code, 4, "the program's own exit code");
    assert_eq!(run(&[("ACTION_EXTRA_ARGS", " \n")]).text, "[step]\n");
    let person = run(&[
        ("ACTION_COMMAND", "set-weights"),
        ("ACTION_EXTRA_ARGS", "route.yaml a=1"),
    ]);
    assert_eq!(person.text, "[set-weights]\n[route.yaml]\n[a=1]\n");
}

#[test]
fn script_refuses_what_it_does_not_know() {
    for (name, value, message) in [
        (
            "ACTION_COMMAND",
            "step --help",
            "'command' is 'step --help'",
        ),
        ("ACTION_COMMAND", "--help", "'command' is '--help'"),
        ("ACTION_COMMAND", "step\nplan", "'command' is 'step%0Aplan'"),
        ("ACTION_COMMAND", "", "'command' is ''"),
        ("ACTION_EXTRA_ARGS", "--only 'a", "'extra-args' has a quote"),
        ("ACTION_BINARY", "./nothing", "'binary' names no executable"),
        ("ACTION_BINARY", "--help", "'binary' names no executable"),
        (
            "ACTION_BINARY",
            "x\n::set-output name=a::b",
            "executable: x%0A::set",
        ),
    ] {
        run(&[(name, value)]).refused(&[message]);
    }
}

#[test]
fn inputs_take_the_place_of_the_workflows_own_variables() {
    let action = action();
    let inputs = keys(&action["inputs"]);
    let options = inputs.into_iter().filter(|input| {
        let mut scripts = OF_THE_SCRIPTS.iter();
        scripts.all(|(name, _)| name != input)
    });
    for option in options {
        let name = option.to_uppercase().replace('-', "_");
        let (given, own) = (format!("ACTION_{name}"), format!("WEIRKEEPER_{name}"));
        for (input, variable, expected) in [
            ("a b $c", "", "a b $c"),
            ("a b $c", "own", "a b $c"),
            ("", "own", "own"),
        ] {
            let ran = run(&[(&given, input), (&own, variable)]);
            let line = format!("{own}={expected}");
            assert!(ran.text.lines().any(|found| found == line), "{}", ran.text);
        }
        assert_eq!(run(&[(&given, "")]).text, shown(&[]), "{option}");
    }
}

/// What the stand-in shows: the command and these variables.
fn shown(variables: &[&str]) -> String {
    let variables: String = variables.iter().map(|line| format!("{line}\n")).collect();
    format!("[step]\n{variables}")
}

#[test]
fn api_has_the_token_of_the_job_unless_there_is_another() {
    let job = ("ACTION_GITHUB_TOKEN", "job");
    assert_eq!(run(&[job]).text, shown(&["GITHUB_TOKEN=job"]));
    let own = run(&[job, ("GITHUB_TOKEN", "own")]);
    assert_eq!(own.text, shown(&["GITHUB_TOKEN=own"]));
    let given = run(&[job, ("ACTION_TOKEN", "given")]);
    let both = ["GITHUB_TOKEN=job", "WEIRKEEPER_TOKEN=given"];
    assert_eq!(given.text, shown(&both));
}

/// A runner sends signals to the shell that it started, and to nobody else.
#[test]
fn program_is_the_process_that_the_runner_started() {
    let place = place(&[]);
    let program = place.folder().join("weirkeeper");
    place.executable(&program, "echo \"process $$\"");
    let action = action();
    let script = steps(&action).last().unwrap()["run"].as_str().unwrap();
    let (process, ran) = place.step(script);
    assert_eq!(ran.fine().text, format!("process {process}\n"));
}
