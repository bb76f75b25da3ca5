//! Files that cannot be read, beside one that can.

use crate::support::gitops::World;
use crate::support::program::Ran;

use super::text_step;

/// A Canary, and text that is none.
fn broken_beside(text: impl AsRef<[u8]>) -> (World, Ran) {
    let world = World::of("podinfo");
    world.put("apps/broken.yaml", text);
    let begun = std::time::Instant::now();
    let ran = text_step(&world).run().exits(3);
    assert!(begun.elapsed().as_secs() < 60, "{ran}");
    assert!(ran.stdout.contains("podinfo-primary created"), "{ran}");
    assert_eq!(world.commits(), 3, "{ran}");
    (world, ran)
}

#[test]
fn broken_yaml() {
    let (_, ran) = broken_beside(
        "apiVersion: flagger.app/v1beta1\nkind: Canary\nmetadata: {name: x\nspec: y\n",
    );
    insta::assert_snapshot!(ran.stderr, @"
    error: apps/broken.yaml cannot be read
    error: not YAML: while parsing a flow mapping, did not find expected ',' or '}'
     --> apps/broken.yaml:4:5
      |
    4 | spec: y
      |     ^
    ");
}

#[test]
fn a_file_that_is_not_utf8() {
    let (_, ran) = broken_beside(
        b"apiVersion: flagger.app/v1beta1\nkind: Canary\nmetadata: {name: caf\xe9}\n",
    );
    insta::assert_snapshot!(ran.stderr, @"
    error: apps/broken.yaml cannot be read
    error: the file is not UTF-8
     --> apps/broken.yaml:3:21
      |
    3 | metadata: {name: caf�}
      |                     ^
      |
      = help: save the file as UTF-8
    ");
}

#[test]
fn a_file_with_nul() {
    let (_, ran) = broken_beside(
        "apiVersion: flagger.app/v1beta1\nkind: Canary\nmetadata: {name: \"a\0b\"}\n",
    );
    insta::assert_snapshot!(ran.stderr.replace('\0', "[NUL]"), @r#"
    error: apps/broken.yaml cannot be read
    error: the file contains a NUL character
     --> apps/broken.yaml:3:20
      |
    3 | metadata: {name: "a␀b"}
      |                    ^
      |
      = help: remove the NUL character
    "#);
}

#[test]
fn a_file_that_is_too_deep() {
    let deep = format!(
        "# flagger.app/\na: {}{}\n",
        "[".repeat(100_000),
        "]".repeat(100_000)
    );
    let (_, ran) = broken_beside(deep);
    let said = ran.stderr.replace(&"[".repeat(20), "");
    insta::assert_snapshot!(said, @"
    error: apps/broken.yaml cannot be read
    error: not YAML: recursion limit exceeded
     --> apps/broken.yaml:2:259
      |
    2 | ...[[[[[[[[[[...
      |                                                          ^
    ");
}

#[test]
fn a_file_with_an_alias_bomb() {
    let mut bomb = String::from("# flagger.app/\na0: &a0 [x, x, x, x, x, x, x, x, x]\n");
    for level in 1..12 {
        let item = format!("*a{}", level - 1);
        let list = vec![item; 9].join(", ");
        bomb.push_str(&format!("a{level}: &a{level} [{list}]\n"));
    }
    let (_, ran) = broken_beside(bomb);
    insta::assert_snapshot!(ran.stderr, @"
    error: apps/broken.yaml cannot be read
    error: the aliases of this document expand to too many values
     --> apps/broken.yaml:2:19
      |
    2 | a0: &a0 [x, x, x, x, x, x, x, x, x]
      |                   ^
      |
      = help: write the values out instead of using aliases
    ");
}

#[test]
fn duplicate_keys() {
    let (_, ran) = broken_beside(
        "apiVersion: flagger.app/v1beta1\nkind: Canary\nkind: Canary\nmetadata: {name: x}\n",
    );
    insta::assert_snapshot!(ran.stderr, @"
    error: apps/broken.yaml cannot be read
    error: the key `kind` is given twice
     --> apps/broken.yaml:3:1
      |
    3 | kind: Canary
      | ^^^^
      |
      = help: remove one of the two
    ");
}
