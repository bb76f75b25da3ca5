//! Edits of generated texts change what they should, and nothing else.

use proptest::prelude::*;
use proptest::sample::Index;
use serde_yaml::Value;

use super::generate::{Written, file, plain_value};
use super::*;
use crate::api::Segment;
use crate::yaml::node::Located;

/// All paths of a value, the root first.
fn paths(value: &Value) -> Vec<FieldPath> {
    let mut all = vec![FieldPath::root()];
    let mut at = 0;
    while let Some(path) = all.get(at).cloned() {
        match at_path(value, &path) {
            Value::Mapping(mapping) => {
                let keys = mapping.keys().filter_map(Value::as_str);
                all.extend(keys.map(|key| path.key(key)));
            }
            Value::Sequence(items) => all.extend((0..items.len()).map(|index| path.index(index))),
            Value::Null
            | Value::Bool(_)
            | Value::Number(_)
            | Value::String(_)
            | Value::Tagged(_) => {}
        }
        at += 1;
    }
    all
}

fn at_path<'v>(value: &'v Value, path: &FieldPath) -> &'v Value {
    path.segments()
        .iter()
        .fold(value, |value, segment| match segment {
            Segment::Key(key) => &value[key.as_str()],
            Segment::Index(index) => &value[*index],
        })
}

fn at_path_mut<'v>(value: &'v mut Value, path: &FieldPath) -> &'v mut Value {
    path.segments()
        .iter()
        .fold(value, |value, segment| match segment {
            Segment::Key(key) => &mut value[key.as_str()],
            Segment::Index(index) => &mut value[*index],
        })
}

/// What an independent reader makes of the text; the byte order mark would
/// hide a `---` from it.
fn read(text: &str) -> Vec<Value> {
    use serde::Deserialize as _;
    serde_yaml::Deserializer::from_str(text.trim_start_matches('\u{feff}'))
        .map(|document| {
            let mut value = Value::deserialize(document).unwrap();
            value.apply_merge().unwrap();
            value
        })
        .collect()
}

/// Edits; `None` when the place is shared, which is the only excuse.
fn try_edit(
    written: &Written,
    edit: impl FnOnce(&mut Stream) -> Result<(), EditError>,
) -> Option<Stream> {
    let mut stream = stream(&written.text);
    match edit(&mut stream) {
        Ok(()) => Some(stream),
        Err(EditError::Shared { .. }) => {
            assert_eq!(stream.text(), written.text);
            None
        }
        Err(error) => panic!("{error:?}\n{:?}", written.text),
    }
}

/// The text means `expected` in the document number `number`, else what it meant.
fn check(written: &Written, stream: &Stream, number: usize, expected: &Value) {
    let mut values = written.values.clone();
    values[number] = expected.clone();
    assert_eq!(
        read(stream.text()),
        values,
        "{:?} -> {:?}",
        written.text,
        stream.text()
    );
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 256,
        failure_persistence: None,
        ..ProptestConfig::default()
    })]

    #[test]
    fn texts_mean_what_was_written(file in file()) {
        let written = file.write();
        let stream = stream(&written.text);
        let values: Vec<_> = stream.documents().iter().map(|one| one.to_value().unwrap()).collect();
        prop_assert_eq!(&values, &written.values, "{:?}", written.text);
        prop_assert_eq!(read(&written.text), values, "{:?}", written.text);
        for (document, value) in stream.documents().iter().zip(&written.values) {
            for path in paths(value) {
                let node = document.find(&path).unwrap();
                prop_assert_eq!(&document.value(node).unwrap(), at_path(value, &path));
            }
        }
    }

    #[test]
    fn scalars_are_set(file in file(), which: Index, at: Index, new in plain_value()) {
        let written = file.write();
        let number = which.index(written.values.len());
        let old = &written.values[number];
        let all: Vec<_> = paths(old)
            .into_iter()
            .filter(|path| Scalar::from_value(at_path(old, path)).is_some())
            .collect();
        if all.is_empty() {
            return Ok(());
        }
        let path = &all[at.index(all.len())];
        let scalar = Scalar::from_value(&new).unwrap_or(Scalar::from(77));
        let mut expected = old.clone();
        *at_path_mut(&mut expected, path) = scalar.clone().into();
        let edit = |stream: &mut Stream| stream.set_scalar(number, path, &scalar);
        let Some(mut stream) = try_edit(&written, edit) else { return Ok(()) };
        check(&written, &stream, number, &expected);
        // Every byte before and behind the value is as it was.
        let before = self::stream(&written.text);
        let document = &before.documents()[number];
        let Located::Own(id) = document.locate(path) else { panic!("{path}") };
        let node = document.node(id);
        prop_assert!(stream.text().starts_with(&written.text[..node.outer.start]));
        prop_assert!(stream.text().ends_with(&written.text[node.span.end..]));
        // Back again; a number comes back byte by byte, unless it was an alias.
        let original = Scalar::from_value(at_path(old, path)).unwrap();
        let is_decimal = node.scalar().is_some_and(|(text, _)| {
            text.bytes().all(|byte| byte.is_ascii_digit()) && !node.is_unwritten()
        });
        stream.set_scalar(number, path, &original).unwrap();
        check(&written, &stream, number, old);
        if is_decimal && matches!((&original, &scalar), (Scalar::Number(_), Scalar::Number(_))) {
            prop_assert_eq!(stream.text(), &written.text);
        }
    }

    #[test]
    fn keys_come_and_go(file in file(), which: Index, at: Index, new in plain_value()) {
        let written = file.write();
        let number = which.index(written.values.len());
        let old = &written.values[number];
        let all: Vec<_> = paths(old)
            .into_iter()
            .filter(|path| at_path(old, path).is_mapping())
            .collect();
        if all.is_empty() {
            return Ok(());
        }
        let path = &all[at.index(all.len())];
        let mut expected = old.clone();
        let mapping = at_path_mut(&mut expected, path).as_mapping_mut().unwrap();
        let was_empty = mapping.is_empty();
        mapping.insert("new".into(), new.clone());
        let edit = |stream: &mut Stream| stream.insert_key(number, path, "new", &new);
        let Some(mut stream) = try_edit(&written, edit) else { return Ok(()) };
        check(&written, &stream, number, &expected);
        stream.remove_key(number, &path.key("new")).unwrap();
        check(&written, &stream, number, old);
        if !was_empty {
            prop_assert_eq!(stream.text(), &written.text);
        }
    }

    #[test]
    fn keys_and_items_are_removed(file in file(), which: Index, at: Index) {
        let written = file.write();
        let number = which.index(written.values.len());
        let old = &written.values[number];
        let all = paths(old);
        if all.len() < 2 {
            return Ok(());
        }
        let path = &all[1 + at.index(all.len() - 1)];
        let parent = path.parent().unwrap();
        let mut expected = old.clone();
        let at = at_path_mut(&mut expected, &parent);
        let edit = |stream: &mut Stream| match path.segments().last().unwrap() {
            Segment::Key(key) => {
                at.as_mapping_mut().unwrap().shift_remove(key.as_str());
                stream.remove_key(number, path)
            }
            Segment::Index(index) => {
                at.as_sequence_mut().unwrap().remove(*index);
                stream.remove_item(number, &parent, *index)
            }
        };
        let Some(stream) = try_edit(&written, edit) else { return Ok(()) };
        check(&written, &stream, number, &expected);
    }

    #[test]
    fn items_are_inserted(
        file in file(), which: Index, at: Index, position: Index, new in plain_value()
    ) {
        let written = file.write();
        let number = which.index(written.values.len());
        let old = &written.values[number];
        let all: Vec<_> = paths(old)
            .into_iter()
            .filter(|path| at_path(old, path).is_sequence())
            .collect();
        if all.is_empty() {
            return Ok(());
        }
        let path = &all[at.index(all.len())];
        let mut expected = old.clone();
        let items = at_path_mut(&mut expected, path).as_sequence_mut().unwrap();
        let was_empty = items.is_empty();
        let index = position.index(items.len() + 1);
        items.insert(index, new.clone());
        let edit = |stream: &mut Stream| stream.insert_item(number, path, index, &new);
        let Some(mut stream) = try_edit(&written, edit) else { return Ok(()) };
        check(&written, &stream, number, &expected);
        stream.remove_item(number, path, index).unwrap();
        check(&written, &stream, number, old);
        if !was_empty {
            prop_assert_eq!(stream.text(), &written.text);
        }
    }

    #[test]
    fn values_are_replaced_and_assigned(
        file in file(), which: Index, at: Index, new in plain_value()
    ) {
        let written = file.write();
        let number = which.index(written.values.len());
        let old = &written.values[number];
        let all = paths(old);
        let path = &all[at.index(all.len())];
        let mut expected = old.clone();
        *at_path_mut(&mut expected, path) = new.clone();
        let replace = |stream: &mut Stream| stream.replace(number, path, &new);
        if let Some(stream) = try_edit(&written, replace) {
            check(&written, &stream, number, &expected);
        }
        let assign = |stream: &mut Stream| stream.assign(number, path, &new);
        if let Some(mut stream) = try_edit(&written, assign) {
            check(&written, &stream, number, &expected);
            let once = stream.text().to_owned();
            stream.assign(number, path, &new).unwrap();
            prop_assert_eq!(stream.text(), once);
            stream.assign(number, path, at_path(old, path)).unwrap();
            check(&written, &stream, number, old);
        }
    }

    #[test]
    fn no_text_makes_it_panic(text in "[-a:,\\[\\]{}&*!|>'\"#%?\n\r\t 0é]{0,40}") {
        if let Ok(stream) = Stream::parse(text, &Limits::default()) {
            for (number, document) in stream.documents().iter().enumerate() {
                let Ok(value) = document.to_value() else { continue };
                let mut edited = stream.clone();
                if edited.assign(number, &FieldPath::root().key("a"), &Value::from(7)).is_ok() {
                    let document = &edited.documents()[number];
                    prop_assert_eq!(&document.to_value().unwrap()["a"], &Value::from(7));
                } else {
                    prop_assert_eq!(edited.text(), stream.text());
                }
                prop_assert_eq!(document.to_value().unwrap(), value);
            }
        }
    }
}
