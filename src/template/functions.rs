//! The functions of Go's `text/template`, for the values queries have: texts,
//! numbers, booleans and the map `variables` (Go: `text/template/funcs.go`).
//!
//! Each takes the offset of its call first, so that an error can point there.

use std::cmp::Ordering;

use minijinja::value::{Rest, ValueKind};
use minijinja::{Environment, Error, Value};
use url::form_urlencoded::byte_serialize;

use super::Fault;
use super::printf::printf;

/// Adds `go_eq`, `go_printf`, … to `environment`.
pub(super) fn add_to(environment: &mut Environment<'_>) {
    environment.add_function("go_show", |value: Value| text_of(&value));
    environment.add_function("go_field", |at: usize, map: Value, key: String| {
        field(&map, &key).map_err(|fault| fault.at(at).raise())
    });
    let mut add = |name: &'static str, function: fn(&[Value]) -> Result<Value, Fault>| {
        environment.add_function(name, move |at: usize, values: Rest<Value>| {
            function(&values).map_err(|fault| fault.at(at).raise())
        });
    };
    add("go_eq", |values| equals_any(values).map(Value::from));
    add("go_ne", |values| {
        equals_any(values).map(|equal| Value::from(!equal))
    });
    add("go_lt", |values| ordered(values, Ordering::is_lt));
    add("go_le", |values| ordered(values, Ordering::is_le));
    add("go_gt", |values| ordered(values, Ordering::is_gt));
    add("go_ge", |values| ordered(values, Ordering::is_ge));
    add("go_index", index);
    add("go_len", length);
    add("go_slice", slice);
    add("go_print", |values| Ok(Value::from(print(values))));
    add("go_println", |values| {
        let texts: Vec<String> = values.iter().map(text_of).collect();
        Ok(Value::from(format!("{}\n", texts.join(" "))))
    });
    add("go_printf", |values| match values {
        [format, arguments @ ..] => printf(text(format)?, arguments).map(Value::from),
        [] => Err(Fault::new(0, "`printf` needs a format")),
    });
    add("go_urlquery", |values| {
        let encoded: String = byte_serialize(print(values).as_bytes()).collect();
        Ok(Value::from(encoded))
    });
}

impl Fault {
    /// The error that carries this fault through minijinja.
    fn raise(self) -> Error {
        Error::new(minijinja::ErrorKind::InvalidOperation, self.message.clone()).with_source(self)
    }
}

/// A value as Go prints it with `%v`.
pub(super) fn text_of(value: &Value) -> String {
    if value.kind() == ValueKind::Map {
        let mut entries: Vec<String> = value
            .try_iter()
            .into_iter()
            .flatten()
            .map(|key| {
                let item = value.get_item(&key).unwrap_or_default();
                format!("{key}:{item}")
            })
            .collect();
        entries.sort_unstable();
        return format!("map[{}]", entries.join(" "));
    }
    if value.kind() == ValueKind::Bool {
        return value.is_true().to_string();
    }
    match f64::try_from(value.clone()) {
        Ok(number) if value.kind() == ValueKind::Number && !value.is_integer() => float(number),
        Ok(_) | Err(_) => value.to_string(),
    }
}

/// A number as Go's `%v` prints it: with an exponent below 1e-4 and from 1e6 on.
pub(super) fn float(number: f64) -> String {
    let scientific = format!("{number:e}");
    let Some((digits, exponent)) = scientific.split_once('e') else {
        return scientific;
    };
    match exponent.parse::<i32>() {
        Ok(exponent) if !(-4..6).contains(&exponent) => {
            let sign = if exponent < 0 { '-' } else { '+' };
            format!("{digits}e{sign}{:02}", exponent.abs())
        }
        Ok(_) | Err(_) => number.to_string(),
    }
}

/// Go's `print`: white space between two values of which neither is a text.
fn print(values: &[Value]) -> String {
    let mut line = String::new();
    for (index, value) in values.iter().enumerate() {
        let plain = |value: &Value| value.kind() != ValueKind::String;
        if index > 0 && plain(value) && plain(&values[index - 1]) {
            line.push(' ');
        }
        line.push_str(&text_of(value));
    }
    line
}

/// The text in `value`.
pub(super) fn text(value: &Value) -> Result<&str, Fault> {
    value
        .as_str()
        .ok_or_else(|| Fault::new(0, format!("{} is not a text", kind_of(value))))
}

/// What `value` is, in words.
pub(super) fn kind_of(value: &Value) -> &'static str {
    let kind = value.kind();
    match () {
        () if kind == ValueKind::String => "a text",
        () if value.is_integer() => "an integer",
        () if kind == ValueKind::Number => "a number",
        () if kind == ValueKind::Bool => "a boolean",
        () if kind == ValueKind::Map => "a map",
        () => "this",
    }
}

fn field(map: &Value, key: &str) -> Result<Value, Fault> {
    if map.kind() != ValueKind::Map {
        return Err(Fault::new(
            0,
            format!("there is no field `{key}` in {}", kind_of(map)),
        ));
    }
    match map.get_attr(key) {
        Ok(value) if !value.is_undefined() => Ok(value),
        Ok(_) | Err(_) => Err(Fault::new(0, format!("there is no variable `{key}`")).hint(
            match keys(map) {
                keys if keys.is_empty() => "the metric has no `templateVariables`".to_owned(),
                keys => format!("`templateVariables` has {keys}"),
            },
        )),
    }
}

fn keys(map: &Value) -> String {
    let mut keys: Vec<String> = map
        .try_iter()
        .into_iter()
        .flatten()
        .map(|key| format!("`{key}`"))
        .collect();
    keys.sort_unstable();
    keys.join(", ")
}

/// `index variables "key"`: the empty text for a key that is not there.
fn index(values: &[Value]) -> Result<Value, Fault> {
    let [map, key] = values else {
        return Err(Fault::new(0, "`index` takes a map and a key"));
    };
    if map.kind() != ValueKind::Map {
        return Err(
            Fault::new(0, format!("`index` cannot look into {}", kind_of(map)))
                .hint("write `index variables \"key\"`"),
        );
    }
    match map.get_attr(text(key)?) {
        Ok(value) if !value.is_undefined() => Ok(value),
        Ok(_) | Err(_) => Ok(Value::from("")),
    }
}

/// `len`: bytes of a text, entries of a map.
fn length(values: &[Value]) -> Result<Value, Fault> {
    let value = values.first().cloned().unwrap_or_default();
    if let Some(text) = value.as_str() {
        return Ok(Value::from(text.len()));
    }
    match (value.kind(), value.len()) {
        (ValueKind::Map, Some(length)) => Ok(Value::from(length)),
        _no_length => Err(Fault::new(0, format!("{} has no length", kind_of(&value)))),
    }
}

/// `slice text from to`, in bytes.
fn slice(values: &[Value]) -> Result<Value, Fault> {
    let [whole, bounds @ ..] = values else {
        return Err(Fault::new(0, "`slice` takes a text and bounds"));
    };
    let whole = text(whole)?;
    let mut range = [0, whole.len()];
    for (bound, value) in range.iter_mut().zip(bounds) {
        *bound = usize::try_from(value.clone())
            .map_err(|_no_index| Fault::new(0, format!("{} is not an index", kind_of(value))))?;
    }
    match whole.get(range[0]..range[1]) {
        Some(part) => Ok(Value::from(part)),
        None => Err(Fault::new(
            0,
            format!("the text has no bytes {} to {}", range[0], range[1]),
        )),
    }
}

/// Is the first value equal to one of the others?
fn equals_any(values: &[Value]) -> Result<bool, Fault> {
    let [first, others @ ..] = values else {
        return Err(Fault::new(0, "there is nothing to compare"));
    };
    for other in others {
        if compare(first, other)?.is_eq() {
            return Ok(true);
        }
    }
    Ok(false)
}

fn ordered(values: &[Value], test: fn(Ordering) -> bool) -> Result<Value, Fault> {
    let [a, b] = values else {
        return Err(Fault::new(0, "two values are compared"));
    };
    match a.kind() == ValueKind::Bool {
        true => Err(Fault::new(0, "booleans have no order")),
        false => Ok(Value::from(test(compare(a, b)?))),
    }
}

/// Compares two values of the same kind; Go does not convert, either.
fn compare(a: &Value, b: &Value) -> Result<Ordering, Fault> {
    let comparable = matches!(
        a.kind(),
        ValueKind::String | ValueKind::Number | ValueKind::Bool
    );
    if comparable && a.kind() == b.kind() && a.is_integer() == b.is_integer() {
        return Ok(a.cmp(b));
    }
    Err(Fault::new(
        0,
        format!("{} and {} cannot be compared", kind_of(a), kind_of(b)),
    )
    .hint("compare texts with texts, integers with integers"))
}
