//! What a scalar means: text, a number, a truth value or nothing.

use serde_yaml::{Number, Value};

use super::error::YamlError;
use super::node::{Node, ScalarStyle};

/// A value without parts.
#[derive(Debug, Clone, PartialEq)]
pub enum Scalar {
    /// `null`.
    Null,
    /// `true` or `false`.
    Bool(bool),
    /// An integer or a floating-point number.
    Number(Number),
    /// Text.
    String(String),
}

impl From<i64> for Scalar {
    fn from(number: i64) -> Self {
        Self::Number(number.into())
    }
}

impl From<bool> for Scalar {
    fn from(value: bool) -> Self {
        Self::Bool(value)
    }
}

impl From<&str> for Scalar {
    fn from(text: &str) -> Self {
        Self::String(text.to_owned())
    }
}

impl From<String> for Scalar {
    fn from(text: String) -> Self {
        Self::String(text)
    }
}

impl From<Scalar> for Value {
    fn from(scalar: Scalar) -> Self {
        match scalar {
            Scalar::Null => Self::Null,
            Scalar::Bool(value) => Self::Bool(value),
            Scalar::Number(number) => Self::Number(number),
            Scalar::String(text) => Self::String(text),
        }
    }
}

impl Scalar {
    /// The scalar a value is, `None` for lists, mappings and tagged values.
    #[must_use]
    pub fn from_value(value: &Value) -> Option<Self> {
        match value {
            Value::Null => Some(Self::Null),
            Value::Bool(value) => Some(Self::Bool(*value)),
            Value::Number(number) => Some(Self::Number(number.clone())),
            Value::String(text) => Some(Self::String(text.clone())),
            Value::Sequence(_) | Value::Mapping(_) | Value::Tagged(_) => None,
        }
    }
}

const CORE: &str = "tag:yaml.org,2002:";

/// The name of a tag of YAML itself: `int` for `!!int`.
pub(super) fn core_tag(tag: &str) -> Option<&str> {
    tag.strip_prefix(CORE)
}

/// The integer a text is, the way `serde_yaml` reads plain scalars: decimal
/// without leading zeros, or with `0x`, `0o`, `0b`; with or without a sign.
pub(super) fn integer(text: &str) -> Option<Number> {
    let (negative, digits) = match text.as_bytes().first()? {
        b'-' => (true, &text[1..]),
        b'+' => (false, &text[1..]),
        _ => (false, text),
    };
    let (radix, digits) = match digits.as_bytes() {
        [b'0', b'x', ..] => (16, &digits[2..]),
        [b'0', b'o', ..] => (8, &digits[2..]),
        [b'0', b'b', ..] => (2, &digits[2..]),
        [b'0', _, ..] => return None,
        _ => (10, digits),
    };
    if !digits.bytes().all(|byte| byte.is_ascii_alphanumeric()) {
        return None;
    }
    if negative {
        let magnitude = i128::from_str_radix(digits, radix).ok()?;
        i64::try_from(-magnitude).ok().map(Number::from)
    } else {
        u64::from_str_radix(digits, radix).ok().map(Number::from)
    }
}

/// The floating-point number a text is.
fn float(text: &str) -> Option<f64> {
    let unsigned = text.strip_prefix(['+', '-']).unwrap_or(text);
    match (unsigned, text.starts_with('-')) {
        (".inf" | ".Inf" | ".INF", true) => return Some(f64::NEG_INFINITY),
        (".inf" | ".Inf" | ".INF", false) => return Some(f64::INFINITY),
        _ => {}
    }
    if matches!(text, ".nan" | ".NaN" | ".NAN") {
        return Some(f64::NAN);
    }
    let has_digits = unsigned.starts_with(|first: char| first.is_ascii_digit() || first == '.')
        && unsigned.contains(|digit: char| digit.is_ascii_digit());
    let float: f64 = has_digits.then(|| text.parse().ok())??;
    float.is_finite().then_some(float)
}

/// Digits with a leading zero are text, as `serde_yaml` has it: `007`.
fn digits_but_not_number(text: &str) -> bool {
    let unsigned = text.strip_prefix(['+', '-']).unwrap_or(text);
    unsigned.len() > 1
        && unsigned.starts_with('0')
        && unsigned[1..].bytes().all(|byte| byte.is_ascii_digit())
}

/// What a plain scalar without tag means.
pub(super) fn plain(text: &str) -> Value {
    match text {
        "" | "~" | "null" | "Null" | "NULL" => Value::Null,
        "true" | "True" | "TRUE" => Value::Bool(true),
        "false" | "False" | "FALSE" => Value::Bool(false),
        _ => {
            if let Some(number) = integer(text) {
                return Value::Number(number);
            }
            match float(text) {
                Some(float) if !digits_but_not_number(text) => Value::Number(float.into()),
                _ => Value::String(text.to_owned()),
            }
        }
    }
}

/// What a scalar means, its tag considered. Tags other than those of YAML itself
/// are kept (`Value::Tagged`).
///
/// # Errors
///
/// A tag says it is something that the text is not.
pub(super) fn scalar(node: &Node, text: &str, style: ScalarStyle) -> Result<Value, YamlError> {
    let by_style = || match style {
        ScalarStyle::Plain => plain(text),
        ScalarStyle::SingleQuoted
        | ScalarStyle::DoubleQuoted
        | ScalarStyle::Literal
        | ScalarStyle::Folded => Value::String(text.to_owned()),
    };
    let Some(tag) = &node.tag else {
        return Ok(by_style());
    };
    let wrong = |expected| YamlError::Tagged {
        value: text.to_owned(),
        expected,
        span: node.span.clone(),
    };
    match (core_tag(&tag.name), tag.name.as_str()) {
        (Some("int"), _) => integer(text)
            .map(Value::Number)
            .ok_or_else(|| wrong("an integer")),
        (Some("float"), _) => float(text)
            .map(|float| Value::Number(float.into()))
            .ok_or_else(|| wrong("a number")),
        (Some("bool"), _) => Some(plain(text))
            .filter(Value::is_bool)
            .ok_or_else(|| wrong("a truth value")),
        (Some("null"), _) => Some(plain(text))
            .filter(Value::is_null)
            .ok_or_else(|| wrong("null")),
        (Some(_), _) | (None, "!") => Ok(Value::String(text.to_owned())),
        (None, tag) if tag.starts_with('!') => {
            let tag = serde_yaml::value::Tag::new(tag);
            let value = by_style();
            Ok(Value::Tagged(Box::new(serde_yaml::value::TaggedValue {
                tag,
                value,
            })))
        }
        (None, _) => Ok(Value::String(text.to_owned())),
    }
}

/// What makes two keys the same: JSON, and so Kubernetes, only knows text as
/// key, hence `1` and `"1"` are one. `None` for keys that are not scalars.
pub(super) fn key_identity(node: &Node) -> Option<String> {
    let (text, style) = node.scalar()?;
    Some(match scalar(node, text, style) {
        Ok(Value::Number(number)) => number.to_string(),
        Ok(Value::Bool(value)) => value.to_string(),
        Ok(Value::Null) => "null".to_owned(),
        Ok(_) | Err(_) => text.to_owned(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plain_scalars_read_as_serde_yaml_reads_them() {
        for text in [
            "~",
            "null",
            "Null",
            "true",
            "True",
            "yes",
            "on",
            "0",
            "-0",
            "+1",
            "10",
            "010",
            "-010",
            "0x1F",
            "-0x1F",
            "+0x1f",
            "0X1F",
            "0o17",
            "0b101",
            "1_000",
            "1e3",
            "1.5",
            ".5",
            "5.",
            "-.5",
            "+.5",
            ".inf",
            "-.inf",
            "+.INF",
            ".nan",
            "inf",
            "nan",
            "NaN",
            "infinity",
            "1:30",
            "1.2.3",
            "0.0",
            "00.5",
            "1e",
            "e1",
            ".",
            "+",
            "-",
            "--1",
            "+-1",
            "0x",
            "0xg",
            "0x-1",
            "18446744073709551615",
            "-9223372036854775808",
            "1e400",
            "2001-01-01",
            "a",
            "é",
            "<<",
        ] {
            if text == "-" {
                continue;
            }
            let theirs: Value = serde_yaml::from_str(text).unwrap();
            assert_eq!(plain(text), theirs, "{text}");
        }
    }
}
