//! How the action calls the program.

use super::place::{Place, Ran};

/// Runs `action/run.sh` with a stand-in for the program, which shows how it was
/// called.
fn run(variables: &[(&str, &str)]) -> Ran {
    let mut place = Place::new("https://github.com/weirkeeper/weirkeeper");
    place.executable(
        &place.folder().join("weirkeeper"),
        "for word in \"$@\"; do echo \"[$word]\"; done\nenv | grep ^WEIRKEEPER | sort\nexit 4",
    );
    place.set("ACTION_COMMAND", "step");
    place.set("ACTION_BINARY", "./weirkeeper");
    place.set("ACTION_MADE", "");
    place.set("ACTION_EXTRA_ARGS", "");
    for (name, value) in variables {
        place.set(name, value);
    }
    place.script("action/run.sh", &[])
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
