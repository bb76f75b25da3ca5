//! What the API cannot write is refused before anything is sent.

use super::*;
use crate::repo::changes::{FileChange, NewFile};

fn oid(digit: char) -> Oid {
    Oid::from_str(&digit.to_string().repeat(40)).unwrap()
}

fn made(files: Vec<FileChange>) -> Made {
    Made {
        commit: oid('1'),
        parent: oid('2'),
        tree: oid('3'),
        message: "m\n".to_owned(),
        files,
    }
}

fn file(path: &str, mode: Mode, size: usize) -> FileChange {
    FileChange {
        path: path.to_owned(),
        new: Some(NewFile {
            mode,
            content: vec![b'a'; size],
        }),
    }
}

#[test]
fn modes_are_kept_or_refused() {
    let gone = FileChange {
        path: "run.sh".to_owned(),
        new: None,
    };
    let plain = made(vec![file("a.yaml", Mode::Plain, 3), gone]);
    assert!(check(&plain).is_ok());
    for (mode, said) in [
        (Mode::Executable, "an executable file"),
        (Mode::Link, "a symbolic link"),
        (Mode::Submodule, "a submodule"),
    ] {
        let commit = made(vec![
            file("a.yaml", Mode::Plain, 3),
            file("apps/x", mode, 3),
        ]);
        let error = check(&commit).unwrap_err();
        assert!(error.message().contains("apps/x"), "{error}");
        assert!(error.message().contains(said), "{error}");
        assert!(error.hints()[0].contains("commit-via: git"), "{error:?}");
    }
}

#[test]
fn the_limit_is_of_base64_and_of_the_whole_commit() {
    let most = MOST / 4 * 3;
    assert!(check(&made(vec![file("a.yaml", Mode::Plain, most)])).is_ok());
    let two = made(vec![
        file("a.yaml", Mode::Plain, 100),
        file("b.yaml", Mode::Plain, most),
    ]);
    let error = check(&two).unwrap_err();
    let said =
        "cannot write b.yaml through GitHub's API: the commit has 41 MiB, and 40 MiB is the most";
    assert_eq!(error.message(), said);
}
