//! Operations on awkward texts, one by one; generated texts are in the modules.

mod generate;
mod properties;

pub(crate) use generate::by_hand;

use serde_yaml::Value;

use super::*;
use crate::api::FieldPath;

fn stream(text: &str) -> Stream {
    Stream::parse(text, &Limits::default()).unwrap_or_else(|error| panic!("{text:?}: {error:?}"))
}

fn path(text: &str) -> FieldPath {
    text.parse().unwrap()
}

fn yaml(text: &str) -> Value {
    serde_yaml::from_str(text).unwrap()
}

fn refused(text: &str) -> YamlError {
    Stream::parse(text, &Limits::default()).unwrap_err()
}

/// Makes one edit and returns the text.
fn edited(text: &str, edit: impl FnOnce(&mut Stream) -> Result<(), EditError>) -> String {
    let mut stream = stream(text);
    edit(&mut stream).unwrap_or_else(|error| panic!("{text:?}: {error:?}"));
    stream.into_text()
}

/// The error of one edit, after which nothing may have changed.
fn unedited(text: &str, edit: impl FnOnce(&mut Stream) -> Result<(), EditError>) -> EditError {
    let mut stream = stream(text);
    let error = edit(&mut stream).unwrap_err();
    assert_eq!(stream.text(), text);
    error
}

fn set(text: &str, at: &str, value: impl Into<Scalar>) -> String {
    let value = value.into();
    edited(text, |stream| stream.set_scalar(0, &path(at), &value))
}

fn insert(text: &str, at: &str, key: &str, value: &str) -> String {
    edited(text, |stream| {
        stream.insert_key(0, &path(at), key, &yaml(value))
    })
}

fn remove(text: &str, at: &str) -> String {
    edited(text, |stream| stream.remove_key(0, &path(at)))
}

fn insert_item(text: &str, at: &str, index: usize, value: &str) -> String {
    edited(text, |stream| {
        stream.insert_item(0, &path(at), index, &yaml(value))
    })
}

fn remove_item(text: &str, at: &str, index: usize) -> String {
    edited(text, |stream| stream.remove_item(0, &path(at), index))
}

fn replace(text: &str, at: &str, value: &str) -> String {
    edited(text, |stream| stream.replace(0, &path(at), &yaml(value)))
}

fn assign(text: &str, at: &str, value: &str) -> String {
    edited(text, |stream| stream.assign(0, &path(at), &yaml(value)))
}

#[test]
fn spans_are_those_of_the_text() {
    let text =
        "\u{feff}é: &a !!str \"ü\" # c\r\nlist:\r\n- x y\r\n-\r\n- {k: *a}\r\nb: |\r\n  t\r\n\r\n";
    let stream = stream(text);
    let document = &stream.documents()[0];
    let at = |at: &str| &text[document.get(&path(at)).unwrap().span.clone()];
    assert_eq!(at("é"), "\"ü\"");
    assert_eq!(at("list"), "- x y\r\n-\r\n- {k: *a}");
    assert_eq!(at("list[0]"), "x y");
    assert_eq!(at("list[1]"), "");
    assert_eq!(at("list[2]"), "{k: *a}");
    assert_eq!(at("b"), "|\r\n  t");
    // Aliases are looked through.
    assert_eq!(at("list[2].k"), "\"ü\"");
    assert_eq!(&text[document.key_span(&path("list[2].k")).unwrap()], "k");
    assert_eq!(document.key_span(&path("list[2]")), None);
    assert_eq!(&text[document.nearest(&path("list[2].zz.y"))], "{");
    assert_eq!(&text[document.nearest(&path("list.zz"))], "list");
    assert_eq!(&text[document.nearest(&path("zz"))], "é");
    assert_eq!(
        document.get(&path("é")).unwrap().tag.as_ref().unwrap().name,
        "tag:yaml.org,2002:str"
    );
}

#[test]
fn documents_of_a_stream() {
    let text = "# c\n---\n---  # second\n...\n%YAML 1.2\n--- a\n...\n# d\n{b: c}\n--- |\n x\n";
    let stream = stream(text);
    let values: Vec<_> = stream
        .documents()
        .iter()
        .map(|document| document.to_value().unwrap())
        .collect();
    let expected = ["null", "null", "a", "{b: c}", "\"x\\n\""].map(yaml);
    assert_eq!(values, expected);
    let starts: Vec<_> = stream
        .documents()
        .iter()
        .map(|document| text[document.span()].get(..4).unwrap().to_owned())
        .collect();
    assert_eq!(starts, ["---\n", "--- ", "%YAM", "{b: ", "--- "]);
    assert!(
        Stream::parse("# only\n", &Limits::default())
            .unwrap()
            .documents()
            .is_empty()
    );
}

#[test]
fn merges_read_as_yaml_1_1_says() {
    let text = "a: &a {x: 1, y: 2}\nb: &b {y: 3, z: 4}\nc: {<<: [*a, *b], x: 0}\nd: {\"<<\": 5}\ne: {<<: {<<: *b, q: 1}}\n";
    let stream = stream(text);
    let value = stream.documents()[0].to_value().unwrap();
    assert_eq!(value["c"], yaml("{x: 0, y: 2, z: 4}"));
    assert_eq!(value["d"], yaml("{'<<': 5}"));
    assert_eq!(value["e"], yaml("{q: 1, y: 3, z: 4}"));
    let document = &stream.documents()[0];
    assert_eq!(document.get(&path("c.z")).unwrap().scalar().unwrap().0, "4");
    let wrong = self::stream("a: {<<: 1}\n");
    assert!(matches!(
        wrong.documents()[0].to_value(),
        Err(YamlError::Merge { .. })
    ));
}

#[test]
fn texts_that_are_refused() {
    let error = refused("a: 1\nb: 2\n\"\\x61\": 3\n");
    assert_eq!(error.related().unwrap().0, 0..1);
    assert_eq!(error.span(), 10..16);
    assert!(matches!(
        refused("{1: a, '1': b}"),
        YamlError::DuplicateKey { .. }
    ));
    assert!(matches!(
        refused("a: {<<: {}, <<: {}}"),
        YamlError::DuplicateKey { .. }
    ));
    assert!(matches!(
        refused("a: 1\0\nb: 2\n"),
        YamlError::Nul { offset: 4 }
    ));
    assert!(matches!(
        refused("a: *b\n"),
        YamlError::UnknownAlias {
            span: std::ops::Range { start: 3, end: 5 },
            ..
        }
    ));
    assert!(matches!(
        refused("a: &b 1\n---\nc: *b\n"),
        YamlError::UnknownAlias { .. }
    ));
    assert!(matches!(
        refused("&a [*a]"),
        YamlError::RecursiveAlias { .. }
    ));
    assert!(matches!(refused("é: x\nü: [\n"), YamlError::Syntax { .. }));
    let bytes = |bytes: &[u8]| Stream::from_bytes(bytes, &Limits::default()).unwrap_err();
    assert_eq!(bytes(b"a: \xff"), YamlError::NotUtf8 { offset: 3 });
    assert_eq!(bytes(b"\xff\xfea\0"), YamlError::Wide);
    assert_eq!(bytes(b"a\0:\0"), YamlError::Wide);
    let error = refused("a:\n\t- b: 1\n");
    assert_eq!(
        (error.span().start, error.hint()),
        (4, Some("replace the tab by spaces"))
    );
}

#[test]
fn hostile_texts_end_early() {
    let limits = Limits::default();
    let parse = |text: String| Stream::parse(text, &limits).unwrap_err();
    assert!(matches!(
        parse("[".repeat(100_000)),
        YamlError::TooDeep { .. } | YamlError::Syntax { .. }
    ));
    assert!(matches!(
        parse("- ".repeat(100_000)),
        YamlError::TooDeep { .. }
    ));
    assert!(matches!(
        parse("? ".repeat(50_000)),
        YamlError::TooDeep { .. } | YamlError::Syntax { .. }
    ));
    assert!(matches!(
        parse(format!("{}a{}", "[".repeat(65), "]".repeat(65))),
        YamlError::TooDeep { .. }
    ));
    assert!(matches!(
        parse("x".repeat(5 << 20)),
        YamlError::TooLarge { .. }
    ));
    assert!(matches!(
        parse(format!("a: &a 1\nb: [{}]", "*a,".repeat(1001))),
        YamlError::TooManyAliases { .. }
    ));
    let few = Limits {
        events: 1000,
        ..limits
    };
    let error = Stream::parse("- a\n".repeat(1000), &few).unwrap_err();
    assert_eq!(
        error,
        YamlError::TooManyEvents {
            offset: 3987,
            limit: 1000
        }
    );
    // As long as a file may be; these take time in proportion only.
    let spaces = format!("a: x{}y\nb: 1\n", " ".repeat(1 << 20));
    assert_eq!(stream(&spaces).documents().len(), 1);
    let mut bomb = "a0: &a0 [x, x, x, x, x, x, x, x]\n".to_owned();
    let mut chain = "b0: &b0 {a: 1}\n".to_owned();
    for level in 1..12 {
        let alias = format!("*a{}", level - 1);
        bomb += &format!("a{level}: &a{level} [{}]\n", [alias.as_str(); 8].join(", "));
    }
    for level in 1..300 {
        let alias = format!("*b{}", level - 1);
        chain += &format!("b{level}: &b{level} {{<<: [{alias}, {alias}], c: [{alias}]}}\n");
    }
    for text in [bomb, chain] {
        let mut stream = stream(&text);
        let value = stream.documents()[0].to_value();
        assert!(matches!(value, Err(YamlError::Expansion { .. })));
        assert!(stream.documents()[0].get(&path("b299.zz")).is_none());
        assert!(stream.set_scalar(0, &path("a0[0]"), &1.into()).is_err());
    }
}

#[test]
fn a_tab_may_follow_a_colon() {
    let text = "a:\t1\nb: \"x:\ty\"\nc: |\n  z:\tw\nd:\t\t- 2\n";
    let text = &text[..text.len() - "d:\t\t- 2\n".len()];
    let value = stream(text).documents()[0].to_value().unwrap();
    assert_eq!(value, yaml("{a: 1, b: \"x:\\ty\", c: \"z:\\tw\\n\"}"));
    assert_eq!(set(text, "a", 2), text.replace("\t1", "\t2"));
    assert!(matches!(refused("d:\t- 2\n"), YamlError::Syntax { .. }));
}

#[test]
fn scalars_are_set_where_they_stand() {
    for (before, at, value, after) in [
        ("a: 1 # c\n", "a", Scalar::from(2), "a: 2 # c\n"),
        ("a: 'it''s'\n", "a", "o'k".into(), "a: 'o''k'\n"),
        ("a: \"x\"\n", "a", "y\n".into(), "a: \"y\\n\"\n"),
        ("a: \"x\"\n", "a", 5.into(), "a: 5\n"),
        ("a: 'x'\n", "a", "\t".into(), "a: \"\\t\"\n"),
        ("a: 1\n", "a", "2".into(), "a: \"2\"\n"),
        ("a: x y\n  z # c\n", "a", "w".into(), "a: w # c\n"),
        (
            "a: |\n  x\n\n  y\n\n\nb: 1\n",
            "a",
            "w".into(),
            "a: w\n\n\nb: 1\n",
        ),
        (
            "a: >+ # c\n  x\n\nb: 1\n",
            "a",
            "w".into(),
            "a: w\n\nb: 1\n",
        ),
        ("a:\nb:\n", "a", 1.into(), "a: 1\nb:\n"),
        ("a: &x\nb: *x\n", "b", 1.into(), "a: &x\nb: 1\n"),
        ("a: !!int &x '1'\n", "a", 2.into(), "a: !!int &x '2'\n"),
        ("a: &x !!int 1\n", "a", "t".into(), "a: &x t\n"),
        ("a: !!str 1\n", "a", 2.into(), "a: 2\n"),
        ("a: !!str 1\n", "a", "2".into(), "a: !!str \"2\"\n"),
        ("a: ! 1\n", "a", 2.into(), "a: 2\n"),
        (
            "a: !!int\n  # c\n  1\n",
            "a",
            2.into(),
            "a: !!int\n  # c\n  2\n",
        ),
        ("- a\n-\n- c", "[1]", true.into(), "- a\n- true\n- c"),
        ("[a: 1, ? b]", "[1].b", 1.into(), "[a: 1, ? b: 1]"),
        ("{a: ,b}", "a", "x, y".into(), "{a: \"x, y\" ,b}"),
        (
            "{\"a\":\"x\",\"b\":\t2}",
            "b",
            "y".into(),
            "{\"a\":\"x\",\"b\":\t\"y\"}",
        ),
        ("--- 5", "", 6.into(), "--- 6"),
        (
            "%YAML 1.2\n---\na: 1\r...\r",
            "a",
            2.into(),
            "%YAML 1.2\n---\na: 2\r...\r",
        ),
        ("a: {b: 1}\n", "a.c", 2.into(), "a: {b: 1, c: 2}\n"),
        ("a: 0x10\n", "a", 16.into(), "a: 0x10\n"),
        ("a: 1\n", "a", Scalar::Null, "a: null\n"),
        ("*a : 1", "a", 2.into(), ""),
        ("&k a: 1\n*k : 2", "b", 2.into(), ""),
        (
            "- &k a\n- *k : 2\n",
            "[1].a",
            3.into(),
            "- &k a\n- *k : 3\n",
        ),
    ] {
        if after.is_empty() {
            refused(before);
        } else {
            assert_eq!(set(before, at, value), after, "{before:?}");
        }
    }
}

#[test]
fn shared_places_are_not_edited() {
    let text = "a: &x {w: 1}\nb: *x\n";
    let error = unedited(text, |stream| stream.set_scalar(0, &path("a.w"), &2.into()));
    assert!(matches!(error, EditError::Shared { ref anchor, .. } if anchor == "&x"));
    let error = unedited(text, |stream| stream.set_scalar(0, &path("b.w"), &2.into()));
    assert!(matches!(error, EditError::Shared { ref anchor, .. } if anchor == "*x"));
    assert_eq!(error.span(), 16..18);
    unedited(text, |stream| {
        stream.insert_key(0, &path("a"), "v", &yaml("1"))
    });
    unedited(text, |stream| stream.remove_key(0, &path("a.w")));
    let error = unedited(text, |stream| stream.remove_key(0, &path("a")));
    assert!(matches!(error, EditError::Shared { .. }));
    unedited("a: &x 1\nb: *x\n", |stream| {
        stream.replace(0, &path("a"), &yaml("2"))
    });
    // Seen through a merge, but hidden there by a key of its own.
    let merged = "a: &x {w: 1}\nb: {<<: *x, w: 5}\n";
    assert_eq!(set(merged, "a.w", 2), merged.replace("1", "2"));
    // The second `x` would take over.
    let twice = "a: &x 1\nb: &x 2\nc: *x\n";
    unedited(twice, |stream| stream.remove_key(0, &path("b")));
    assert_eq!(remove(twice, "a"), "b: &x 2\nc: *x\n");
    // Together they can change.
    let mut both = stream("a: &x 1\nb: *x\n");
    let values = [(path("a"), 2.into()), (path("b"), 3.into())];
    both.set_scalars(0, &values).unwrap();
    assert_eq!(both.text(), "a: &x 2\nb: 3\n");
    let error = unedited("a: {<<: {b: 1}}\n", |stream| {
        stream.remove_key(0, &path("a.b"))
    });
    assert!(matches!(error, EditError::Merged { .. }));
}

#[test]
fn keys_are_added_after_the_last() {
    for (before, at, value, after) in [
        ("a: 1 # c\n\n# d\n", "", "2", "a: 1 # c\nk: 2\n\n# d\n"),
        ("a: 1", "", "[x]", "a: 1\nk:\n  - x"),
        ("a:\n- 1\n", "", "[x]", "a:\n- 1\nk:\n- x\n"),
        (
            "a:\r\n  b: 1\r\nc: 2\n",
            "a",
            "{d: e}",
            "a:\r\n  b: 1\r\n  k:\r\n    d: e\r\nc: 2\n",
        ),
        (
            "a:\n    b: 1\n",
            "a",
            "{d: e}",
            "a:\n    b: 1\n    k:\n        d: e\n",
        ),
        ("a: 1\rb: 2", "", "2", "a: 1\rb: 2\rk: 2"),
        (
            "- a: |+\n    x\n\n- b\n",
            "[0]",
            "2",
            "- a: |+\n    x\n\n  k: 2\n- b\n",
        ),
        (
            "- a: |\n    x\n\n- b\n",
            "[0]",
            "2",
            "- a: |\n    x\n  k: 2\n\n- b\n",
        ),
        ("- - a: 1\n", "[0][0]", "2", "- - a: 1\n    k: 2\n"),
        ("a:\n", "a", "2", "a:\n  k: 2\n"),
        ("a: # c\nb: 1\n", "a", "2", "a: # c\n  k: 2\nb: 1\n"),
        ("a: ~ # c\n", "a", "2", "a: # c\n  k: 2\n"),
        ("a: {}\n", "a", "2", "a:\n  k: 2\n"),
        ("- {} # c\n", "[0]", "2", "- # c\n  k: 2\n"),
        ("- {}\n", "[0]", "2", "- k: 2\n"),
        ("[{}]", "[0]", "2", "[{k: 2}]"),
        ("{ }", "", "2", "{k: 2 }"),
        ("a: {b: 1, }\n", "a", "'x: y'", "a: {b: 1, k: \"x: y\", }\n"),
        (
            "a: { b: [c] } # c\n",
            "a",
            "[{d: e}]",
            "a: { b: [c], k: [{d: e}] } # c\n",
        ),
        (
            "{\n  \"a\": 1\n}\n",
            "",
            "[true, x]",
            "{\n  \"a\": 1,\n  \"k\": [true, \"x\"]\n}\n",
        ),
        (
            "{\n\t\"a\":1, # c\n}\n",
            "",
            "x",
            "{\n\t\"a\":1, # c\n\t\"k\":\"x\",\n}\n",
        ),
        (
            "{\n\t\"a\":1 # c\n}\n",
            "",
            "x",
            "{\n\t\"a\":1, # c\n\t\"k\":\"x\"\n}\n",
        ),
        ("{\n  a: 1}\n", "", "x", "{\n  a: 1,\n  k: x}\n"),
        ("? a\n: b\n", "", "x", "? a\n: b\nk: x\n"),
        (
            "--- # c\na: 1\n--- b\n",
            "",
            "x",
            "--- # c\na: 1\nk: x\n--- b\n",
        ),
        ("é: {ü: 1}\n", "é", "x", "é: {ü: 1, k: x}\n"),
        ("a: 1\n", "", "\"x\\ny\\n\"", "a: 1\nk: |\n  x\n  y\n"),
        ("a: &x\n  b: 1\n", "a", "2", "a: &x\n  b: 1\n  k: 2\n"),
        ("&x a: 1\n", "", "2", "&x a: 1\nk: 2\n"),
    ] {
        assert_eq!(insert(before, at, "k", value), after, "{before:?}");
        if !before.contains('~') && !before.starts_with("a:\n") && !before.starts_with("a: #") {
            let at = if at.is_empty() {
                "k".to_owned()
            } else {
                format!("{at}.k")
            };
            let back = remove(after, &at);
            let is_same = before.contains("{}") || before.contains("{ }");
            assert!(back == before || is_same, "{before:?} {back:?}");
        }
    }
    let error = unedited("a: 1\n", |stream| {
        stream.insert_key(0, &path(""), "a", &yaml("1"))
    });
    assert!(matches!(error, EditError::Exists { .. }));
    unedited("a: 1\n", |stream| {
        stream.insert_key(0, &path("a"), "b", &yaml("1"))
    });
    unedited("[a: 1]", |stream| {
        stream.insert_key(0, &path("[0]"), "b", &yaml("1"))
    });
    unedited("a: 1\n", |stream| {
        stream.insert_key(3, &path(""), "b", &yaml("1"))
    });
}

#[test]
fn keys_go_with_their_lines() {
    for (before, at, after) in [
        ("a: 1\nb: 2 # c\nc: 3\n", "b", "a: 1\nc: 3\n"),
        ("a: 1\nb: 2", "b", "a: 1"),
        ("# x\na: 1\n# y\nb: 2\n", "a", "# x\n# y\nb: 2\n"),
        ("a:\n  b: 1 # c\nd: 2\n", "a.b", "a: {}\nd: 2\n"),
        (
            "a: # x\n  # y\n  b: 1\nd: 2\n",
            "a.b",
            "a: {} # x\n  # y\nd: 2\n",
        ),
        ("- a: 1 # c\n  b: 2\n", "[0].a", "- b: 2\n"),
        ("- a: 1\n  # c\n  b: 2\n", "[0].a", "- # c\n  b: 2\n"),
        ("- a: 1\n- 2\n", "[0].a", "- {}\n- 2\n"),
        ("a: 1\n", "a", "{}\n"),
        ("{a: 1, b: 2, c: 3}", "b", "{a: 1, c: 3}"),
        ("{a: 1, b: 2}", "a", "{b: 2}"),
        ("{a: 1, b: 2}", "b", "{a: 1}"),
        ("{ a: 1, b: 2, }", "b", "{ a: 1, }"),
        ("{ a: 1 }", "a", "{ }"),
        ("{\n  a: 1, # x\n  b: 2 # y\n}\n", "b", "{\n  a: 1 # x\n}\n"),
        ("{\n  a: 1, # x\n  b: 2 # y\n}\n", "a", "{\n  b: 2 # y\n}\n"),
        ("{\n  a: 1\n}\n", "a", "{\n}\n"),
        ("{a: 1, # x\n b: 2}\n", "a", "{ # x\n b: 2}\n"),
        ("{a: 1, # x\n b: 2}\n", "b", "{a: 1 # x\n }\n"),
        ("? a\n: - 1\n  - 2\nb: 3\n", "a", "b: 3\n"),
        ("a: |+\n  x\n\nb: 1\n", "a", "b: 1\n"),
        ("a: |+\n  x\nb: 1\n\nc: 2\n", "b", "a: |+\n  x\nc: 2\n"),
        ("a: |\n  x\nb: 1\n\nc: 2\n", "b", "a: |\n  x\n\nc: 2\n"),
        ("a: |\n  x\nb: 1", "b", "a: |\n  x\n"),
    ] {
        assert_eq!(remove(before, at), after, "{before:?}");
    }
    let error = unedited("a: 1\n", |stream| stream.remove_key(0, &path("b")));
    assert!(matches!(error, EditError::Missing { .. }));
}

#[test]
fn items_come_and_go() {
    for (before, at, index, value, after) in [
        (
            "a:\n- 1 # c\n",
            "a",
            1,
            "{b: 1, c: [d]}",
            "a:\n- 1 # c\n- b: 1\n  c:\n  - d\n",
        ),
        (
            "a:\n  - 1\n  # c\n  - 2\n",
            "a",
            1,
            "x",
            "a:\n  - 1\n  - x\n  # c\n  - 2\n",
        ),
        ("a:\n  - 1\n", "a", 0, "x", "a:\n  - x\n  - 1\n"),
        ("- - 1\n", "[0]", 0, "x", "- - x\n  - 1\n"),
        ("a: []\n", "a", 0, "{b: c}", "a:\n  - b: c\n"),
        ("a:\n", "a", 0, "1", "a:\n  - 1\n"),
        ("[1, 2]", "", 1, "[3]", "[1, [3], 2]"),
        ("[1, 2]", "", 2, "3", "[1, 2, 3]"),
        (
            "[\n  1, # x\n  2 # y\n]",
            "",
            2,
            "3",
            "[\n  1, # x\n  2, # y\n  3\n]",
        ),
        ("[\n  1,\n  2\n]", "", 0, "3", "[\n  3,\n  1,\n  2\n]"),
        ("{\"a\":[1,2]}", "a", 1, "x", "{\"a\":[1,\"x\",2]}"),
        ("- a", "", 1, "\"x\\ny\"", "- a\n- |-\n  x\n  y"),
    ] {
        assert_eq!(insert_item(before, at, index, value), after, "{before:?}");
        if !before.contains("[]") && before != "a:\n" {
            assert_eq!(remove_item(after, at, index), before, "{after:?}");
        }
    }
    assert_eq!(
        remove_item("a: # c\n- 1\nb: 2\n", "a", 0),
        "a: [] # c\nb: 2\n"
    );
    assert_eq!(remove_item("- - 1\n  - 2\n", "[0]", 0), "- - 2\n");
    unedited("[1]", |stream| {
        stream.insert_item(0, &path(""), 2, &yaml("1"))
    });
    unedited("a: 1", |stream| {
        stream.insert_item(0, &path("a"), 0, &yaml("1"))
    });
}

#[test]
fn values_are_replaced() {
    for (before, at, value, after) in [
        (
            "a: 1 # c\nb: 2\n",
            "a",
            "[p, q]",
            "a: # c\n  - p\n  - q\nb: 2\n",
        ),
        ("a:\n  # c\n  b: 1\nc: 2\n", "a", "5", "a: 5\n  # c\nc: 2\n"),
        ("a: # c\n- 1\n- 2\n", "a", "{b: c}", "a: # c\n  b: c\n"),
        ("a:\n    b: 1\n", "a", "[1]", "a:\n    - 1\n"),
        ("a: &x {b: 1}\n", "a", "{c: 2}", "a: &x\n  c: 2\n"),
        (
            "- 1\n- 2 # c\n",
            "[1]",
            "{a: 1, b: 2}",
            "- 1\n- # c\n  a: 1\n  b: 2\n",
        ),
        ("- 1\n", "[0]", "{a: 1, b: 2}", "- a: 1\n  b: 2\n"),
        ("- &x 1\n", "[0]", "{a: 1}", "- &x\n  a: 1\n"),
        ("- !t 1\n", "[0]", "2", "- 2\n"),
        ("- a: 1\n  b: 2\n", "[0]", "x", "- x\n"),
        (
            "{a: 1, b: [2]}",
            "b",
            "{c: [d, 'e,']}",
            "{a: 1, b: {c: [d, \"e,\"]}}",
        ),
        ("--- {a: 1} # c\n", "", "{b: 2}", "--- # c\nb: 2\n"),
        ("--- # c\n", "", "{b: 2}", "--- # c\nb: 2\n"),
        ("---", "", "5", "---\n5"),
        ("a: 1\nb:\n  c: 2\n", "", "[1]", "- 1\n"),
        ("5 # c\n", "", "x", "x # c\n"),
        ("? a\nb: 1\n", "a", "[1]", "? a\n:\n  - 1\nb: 1\n"),
        ("a: |\n  x\nb: 1\n", "a", "{c: d}", "a:\n  c: d\nb: 1\n"),
        ("a:\n  # c\n  x\n", "a", "{c: d}", "a:\n  # c\n  c: d\n"),
        ("5 # c\n", "", "[\"p\\nq\"]", "- \"p\\nq\" # c\n"),
        ("- 1 # c\n", "", "[\"p\\nq\"]", "- \"p\\nq\" # c\n"),
    ] {
        assert_eq!(replace(before, at, value), after, "{before:?}");
    }
    let tagged = Value::Tagged(Box::new(serde_yaml::value::TaggedValue {
        tag: serde_yaml::value::Tag::new("t"),
        value: Value::Null,
    }));
    let error = unedited("a: 1\n", |stream| stream.replace(0, &path("a"), &tagged));
    assert!(matches!(error, EditError::Unwritable { .. }));
}

#[test]
fn assigning_changes_only_what_differs() {
    let text = "spec: # s\n  a: 1 # one\n  list:\n  - name: x # x\n    v: 1\n  - name: y # y\n  gone: 2\n  same: {k: 'v'}\n";
    let new = "{a: 2, list: [{name: x, v: 1, w: 3}, {name: z}, 5], same: {k: v}, new: {p: [q]}}";
    assert_eq!(
        assign(text, "spec", new),
        "spec: # s\n  a: 2 # one\n  list:\n  - name: x # x\n    v: 1\n    w: 3\n  - name: z # y\n  - 5\n  same: {k: 'v'}\n  new:\n    p:\n    - q\n"
    );
    for (before, at, value, after) in [
        (text, "spec.same", "{k: v}", text),
        ("a: 1\n", "b.c.d", "1", "a: 1\nb:\n  c:\n    d: 1\n"),
        ("a: 1\n", "b[0].c", "1", "a: 1\nb:\n  - c: 1\n"),
        ("a:\n", "a.b", "[]", "a:\n  b: []\n"),
        ("a: [p, q, r]\n", "a", "[p, r]", "a: [p, r]\n"),
        ("a: [p, r]\n", "a", "[p, q, r]", "a: [p, q, r]\n"),
        ("a: [x]\n", "a", "[]", "a: []\n"),
        ("a: [p]\n", "a[1]", "q", "a: [p, q]\n"),
        ("a: {}\n", "a", "{b: 1, c: 2}", "a:\n  b: 1\n  c: 2\n"),
        ("a:\n  b: 1\n", "a", "{c: 2}", "a:\n  c: 2\n"),
        ("a: 1\n", "a", "{c: 2}", "a:\n  c: 2\n"),
        ("---\n# c\n", "a.b", "1", "---\na:\n  b: 1\n# c\n"),
        (
            "x: &x {p: 1}\na: {<<: *x, q: 2}\n",
            "a",
            "{p: 3, q: 2}",
            "x: &x {p: 1}\na: {<<: *x, q: 2, p: 3}\n",
        ),
        (
            "x: &x {p: 1}\na: {<<: *x, q: 2}\n",
            "a",
            "{q: 2}",
            "x: &x {p: 1}\na:\n  q: 2\n",
        ),
        (
            "x: &x {p: 1}\na: *x\n",
            "a",
            "{p: 1}",
            "x: &x {p: 1}\na: *x\n",
        ),
        (
            "x: &x {p: 1}\na: *x\n",
            "a",
            "{p: 2}",
            "x: &x {p: 1}\na:\n  p: 2\n",
        ),
        ("80: a\n", "", "{80: b}", "80: b\n"),
    ] {
        assert_eq!(assign(before, at, value), after, "{before:?} {value}");
    }
    unedited("a: 1\n", |stream| {
        stream.assign(0, &path("a.b"), &yaml("1"))
    });
    unedited("a: [1]\n", |stream| {
        stream.assign(0, &path("a[3]"), &yaml("1"))
    });
    unedited("x: &x {p: 1}\na: *x\n", |stream| {
        stream.assign(0, &path("a.p"), &yaml("2"))
    });
}

#[test]
fn a_part_that_is_shared_is_named() {
    let mut stream = stream("a: [[&n 0], *n]\n");
    let path: FieldPath = "a[0]".parse().unwrap();
    let value = serde_yaml::from_str("[1]").unwrap();
    let error = stream.assign(0, &path, &value).unwrap_err();
    assert!(
        matches!(&error, EditError::Shared { anchor, .. } if anchor == "&n"),
        "{error:?}"
    );
    assert_eq!(stream.text(), "a: [[&n 0], *n]\n");
}
