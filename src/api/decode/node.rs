//! A YAML value as a source of serde that knows where it stands.

use std::cell::RefCell;
use std::collections::BTreeSet;

use serde::de::value::{BorrowedStrDeserializer, StringDeserializer};
use serde::de::{self, DeserializeSeed, IntoDeserializer as _, Visitor};
use serde::forward_to_deserialize_any;
use serde_yaml::{Mapping, Number, Value};

use crate::api::words::{closest, name_list, quoted};
use crate::api::{FieldPath, Problem, Segment};

/// Names that changed, and what they are now.
const RENAMED: [(&str, &str); 1] = [("canaryAnalysis", "analysis")];

/// What `value` is, in words.
fn describe(value: &Value) -> String {
    match value {
        Value::Null => "nothing".into(),
        Value::Bool(value) => value.to_string(),
        Value::Number(value) => value.to_string(),
        Value::String(text) => format!("the text {}", quoted(text)),
        Value::Sequence(_) => "a list".into(),
        Value::Mapping(_) => "a mapping".into(),
        Value::Tagged(tagged) => describe(&tagged.value),
    }
}

/// A value that does not fit.
#[derive(Debug, thiserror::Error)]
#[error("{message}")]
pub(super) struct Failure {
    /// Absent until the failure reaches the first list or mapping.
    pub(super) path: Option<FieldPath>,
    pub(super) message: String,
    pub(super) hint: Option<String>,
}

impl Failure {
    fn new(message: String) -> Self {
        Self {
            path: None,
            message,
            hint: None,
        }
    }

    fn at(mut self, path: &FieldPath) -> Self {
        self.path.get_or_insert_with(|| path.clone());
        self
    }
}

impl de::Error for Failure {
    fn custom<M: std::fmt::Display>(message: M) -> Self {
        Self::new(format!("cannot be read: {message}"))
    }

    fn invalid_type(unexpected: de::Unexpected<'_>, expected: &dyn de::Expected) -> Self {
        use de::Unexpected as Found;
        let found = match unexpected {
            Found::Bool(value) => value.to_string(),
            Found::Unsigned(number) => number.to_string(),
            Found::Signed(number) => number.to_string(),
            Found::Float(number) => number.to_string(),
            Found::Str(text) => format!("the text {}", quoted(text)),
            Found::Unit | Found::Option => "nothing".into(),
            Found::Seq => "a list".into(),
            Found::Map => "a mapping".into(),
            Found::Char(_)
            | Found::Bytes(_)
            | Found::NewtypeStruct
            | Found::Enum
            | Found::UnitVariant
            | Found::NewtypeVariant
            | Found::TupleVariant
            | Found::StructVariant
            | Found::Other(_) => unexpected.to_string(),
        };
        Self::new(format!("must be {expected}, found {found}"))
    }

    fn unknown_variant(variant: &str, expected: &'static [&'static str]) -> Self {
        let mut failure = Self::new(format!(
            "must be one of {}, found {}",
            name_list(expected.iter().copied()),
            quoted(variant)
        ));
        failure.hint = closest(variant, expected)
            .filter(|name| !name.is_empty())
            .map(|name| format!("did you mean `{name}`?"));
        failure
    }
}

/// What all nodes of one reading share.
pub(super) struct Pass<'a> {
    /// What failed before and is passed over.
    pub(super) skipped: &'a BTreeSet<FieldPath>,
    /// Fields that do not exist.
    pub(super) unknown: RefCell<Vec<Problem>>,
}

/// A value and where it stands.
pub(super) struct Node<'de, 'p> {
    pub(super) value: &'de Value,
    pub(super) path: FieldPath,
    pub(super) pass: &'p Pass<'p>,
}

impl<'de> Node<'de, '_> {
    /// The value without its YAML tag.
    fn untagged(&self) -> &'de Value {
        let mut value = self.value;
        while let Value::Tagged(tagged) = value {
            value = &tagged.value;
        }
        value
    }

    fn must_be(&self, what: &str) -> Failure {
        let found = describe(self.value);
        Failure::new(format!("must be {what}, found {found}")).at(&self.path)
    }

    fn whole_number<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Failure> {
        let Value::Number(number) = self.untagged() else {
            return Err(self.number_in_quotes(self.must_be("a whole number")));
        };
        match whole(number) {
            Some(number) => visitor.visit_i64(number),
            None => Err(self.must_be("a whole number")),
        }
    }

    /// Adds a hint when the value is a number written as text.
    fn number_in_quotes(&self, mut failure: Failure) -> Failure {
        if let Value::String(text) = self.untagged()
            && text.trim().parse::<f64>().is_ok()
        {
            failure.hint = Some("remove the quotes".into());
        }
        failure
    }

    /// Notes the fields of a mapping that a struct does not have.
    fn note_unknown(&self, fields: &'static [&'static str]) {
        let Value::Mapping(mapping) = self.untagged() else {
            return;
        };
        for key in mapping.keys().filter_map(key_text) {
            let path = self.path.key(key.as_str());
            if fields.contains(&key.as_str()) || self.pass.skipped.contains(&path) {
                continue;
            }
            let renamed = RENAMED.iter().find(|(old, _)| *old == key);
            let mut problem = Problem::warning(path, "unknown field, ignored").at_key();
            problem.hint = match renamed {
                Some((_, new)) => Some(format!("it is now called `{new}`")),
                None => closest(&key, fields).map(|field| format!("did you mean `{field}`?")),
            };
            self.pass.unknown.borrow_mut().push(problem);
        }
    }

    fn visit_mapping<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Failure> {
        let Value::Mapping(mapping) = self.untagged() else {
            return Err(self.must_be("a mapping"));
        };
        visitor.visit_map(Fields::new(mapping, self))
    }

    fn visit_sequence<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Failure> {
        let Value::Sequence(items) = self.untagged() else {
            return Err(self.must_be("a list"));
        };
        visitor.visit_seq(Items {
            rest: items.iter().enumerate(),
            parent: self,
        })
    }
}

/// The number, if it is whole and fits.
fn whole(number: &Number) -> Option<i64> {
    number.as_i64().or_else(|| {
        let float = number.as_f64().filter(|float| float.fract() == 0.0)?;
        format!("{float:.0}").parse().ok()
    })
}

/// A key as the API server reads it: numbers and booleans become text.
fn key_text(key: &Value) -> Option<String> {
    match key {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        Value::Bool(value) => Some(value.to_string()),
        Value::Tagged(tagged) => key_text(&tagged.value),
        Value::Null | Value::Sequence(_) | Value::Mapping(_) => None,
    }
}

impl<'de> de::Deserializer<'de> for Node<'de, '_> {
    type Error = Failure;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Failure> {
        match self.untagged() {
            Value::Null => visitor.visit_unit(),
            Value::Bool(value) => visitor.visit_bool(*value),
            Value::Number(number) => match (number.as_i64(), number.as_u64(), number.as_f64()) {
                (Some(number), _, _) => visitor.visit_i64(number),
                (None, Some(number), _) => visitor.visit_u64(number),
                (None, None, number) => visitor.visit_f64(number.unwrap_or(f64::NAN)),
            },
            Value::String(text) => visitor.visit_borrowed_str(text),
            Value::Sequence(_) => self.visit_sequence(visitor),
            Value::Mapping(_) => self.visit_mapping(visitor),
            Value::Tagged(_) => Err(self.must_be("a value without a tag")),
        }
    }

    fn deserialize_bool<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Failure> {
        match self.untagged() {
            Value::Bool(value) => visitor.visit_bool(*value),
            Value::String(text) => {
                let mut failure = self.must_be("true or false");
                if matches!(text.as_str(), "true" | "false") {
                    failure.hint = Some("remove the quotes".into());
                }
                Err(failure)
            }
            Value::Null
            | Value::Number(_)
            | Value::Sequence(_)
            | Value::Mapping(_)
            | Value::Tagged(_) => Err(self.must_be("true or false")),
        }
    }

    fn deserialize_i64<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Failure> {
        self.whole_number(visitor)
    }

    fn deserialize_f64<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Failure> {
        let number = match self.untagged() {
            Value::Number(number) => number.as_f64().filter(|number| number.is_finite()),
            Value::Null
            | Value::Bool(_)
            | Value::String(_)
            | Value::Sequence(_)
            | Value::Mapping(_)
            | Value::Tagged(_) => None,
        };
        match number {
            Some(number) => visitor.visit_f64(number),
            None => Err(self.number_in_quotes(self.must_be("a number"))),
        }
    }

    fn deserialize_str<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Failure> {
        match self.untagged() {
            Value::String(text) => visitor.visit_borrowed_str(text),
            scalar @ (Value::Bool(_) | Value::Number(_)) => {
                let mut failure = self.must_be("text");
                failure.hint = Some(format!("put it in quotes: \"{}\"", describe(scalar)));
                Err(failure)
            }
            Value::Null | Value::Sequence(_) | Value::Mapping(_) | Value::Tagged(_) => {
                Err(self.must_be("text"))
            }
        }
    }

    fn deserialize_string<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Failure> {
        self.deserialize_str(visitor)
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Failure> {
        match self.value.is_null() {
            true => visitor.visit_none(),
            false => visitor.visit_some(self),
        }
    }

    fn deserialize_seq<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Failure> {
        self.visit_sequence(visitor)
    }

    fn deserialize_map<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Failure> {
        self.visit_mapping(visitor)
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _name: &'static str,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Failure> {
        self.note_unknown(fields);
        self.visit_mapping(visitor)
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _name: &'static str,
        variants: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Failure> {
        let Value::String(text) = self.untagged() else {
            let names = name_list(variants.iter().copied());
            return Err(self.must_be(&format!("one of {names}")));
        };
        let variant: BorrowedStrDeserializer<'de, Failure> = BorrowedStrDeserializer::new(text);
        visitor.visit_enum(variant)
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        _name: &'static str,
        visitor: V,
    ) -> Result<V::Value, Failure> {
        visitor.visit_newtype_struct(self)
    }

    fn deserialize_ignored_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Failure> {
        visitor.visit_unit()
    }

    forward_to_deserialize_any! {
        i8 i16 i32 i128 u8 u16 u32 u64 u128 f32 char bytes byte_buf unit
        unit_struct tuple tuple_struct identifier
    }
}

/// The fields of a mapping, in order, without those that failed before.
struct Fields<'de, 'p> {
    rest: serde_yaml::mapping::Iter<'de>,
    next: Option<Node<'de, 'p>>,
    parent: Node<'de, 'p>,
}

impl<'de, 'p> Fields<'de, 'p> {
    fn new(mapping: &'de Mapping, parent: Node<'de, 'p>) -> Self {
        Self {
            rest: mapping.iter(),
            next: None,
            parent,
        }
    }
}

impl<'de> de::MapAccess<'de> for Fields<'de, '_> {
    type Error = Failure;

    fn next_key_seed<K: DeserializeSeed<'de>>(
        &mut self,
        seed: K,
    ) -> Result<Option<K::Value>, Failure> {
        for (key, value) in self.rest.by_ref() {
            let Some(key) = key_text(key) else {
                let message = format!("a key must be text, found {}", describe(key));
                return Err(Failure::new(message).at(&self.parent.path));
            };
            let path = self.parent.path.key(key.as_str());
            if self.parent.pass.skipped.contains(&path) {
                continue;
            }
            self.next = Some(Node {
                value,
                path,
                pass: self.parent.pass,
            });
            let key: StringDeserializer<Failure> = key.into_deserializer();
            return seed.deserialize(key).map(Some);
        }
        Ok(None)
    }

    fn next_value_seed<V: DeserializeSeed<'de>>(&mut self, seed: V) -> Result<V::Value, Failure> {
        match self.next.take() {
            Some(node) => {
                let path = node.path.clone();
                seed.deserialize(node).map_err(|failure| failure.at(&path))
            }
            None => Err(Failure::new("a value was read before its key".into())),
        }
    }
}

/// The items of a list, without those that failed before.
struct Items<'de, 'p> {
    rest: std::iter::Enumerate<std::slice::Iter<'de, Value>>,
    parent: Node<'de, 'p>,
}

impl<'de> de::SeqAccess<'de> for Items<'de, '_> {
    type Error = Failure;

    fn next_element_seed<T: DeserializeSeed<'de>>(
        &mut self,
        seed: T,
    ) -> Result<Option<T::Value>, Failure> {
        for (index, value) in self.rest.by_ref() {
            let path = self.parent.path.with(Segment::Index(index));
            if self.parent.pass.skipped.contains(&path) {
                continue;
            }
            let node = Node {
                value,
                path: path.clone(),
                pass: self.parent.pass,
            };
            let item = seed
                .deserialize(node)
                .map_err(|failure| failure.at(&path))?;
            return Ok(Some(item));
        }
        Ok(None)
    }
}
