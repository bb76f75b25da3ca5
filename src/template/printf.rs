//! `printf` as in Go, for texts, numbers and booleans. A verb that does not fit
//! its value is an error, where Go prints `%!d(string=x)` into the query.

use minijinja::Value;
use minijinja::value::ValueKind;

use super::Fault;
use super::functions::{float as float_text, kind_of, text_of};

/// Greatest width and precision.
const MAX_WIDTH: usize = 1000;

/// A verb with its flags: `%-10.3f`.
#[derive(Default)]
struct Verb {
    left: bool,
    zero: bool,
    plus: bool,
    width: Option<usize>,
    precision: Option<usize>,
    letter: char,
}

/// Formats `values` by `format`.
///
/// # Errors
/// For an unknown verb, one that does not fit its value, and when there are too
/// many or too few values.
pub(super) fn printf(format: &str, values: &[Value]) -> Result<String, Fault> {
    let mut line = String::new();
    let mut values = values.iter();
    let mut rest = format;
    while let Some(percent) = rest.find('%') {
        line.push_str(&rest[..percent]);
        let (verb, after) = verb(&rest[percent + 1..])?;
        rest = after;
        if verb.letter == '%' {
            line.push('%');
            continue;
        }
        let value = values
            .next()
            .ok_or_else(|| Fault::new(0, format!("`%{}` has no value", verb.letter)))?;
        line.push_str(&padded(&verb, shown(&verb, value)?));
    }
    line.push_str(rest);
    match values.len() {
        0 => Ok(line),
        left => Err(Fault::new(
            0,
            format!("{left} values have no verb in the format"),
        )),
    }
}

/// The verb whose `%` is just before `text`, and the rest.
fn verb(text: &str) -> Result<(Verb, &str), Fault> {
    let mut verb = Verb::default();
    let mut rest = text;
    while let Some(flag) = rest.chars().next().filter(|c| "-0+ #".contains(*c)) {
        match flag {
            '-' => verb.left = true,
            '0' => verb.zero = true,
            '+' => verb.plus = true,
            _blank_or_hash => {
                return Err(Fault::new(0, format!("the flag `{flag}` is not supported")));
            }
        }
        rest = &rest[1..];
    }
    (verb.width, rest) = number(rest)?;
    if let Some(after) = rest.strip_prefix('.') {
        let (precision, after) = number(after)?;
        verb.precision = Some(precision.unwrap_or(0));
        rest = after;
    }
    let letter = rest.chars().next().ok_or_else(|| {
        Fault::new(0, "the format ends within a verb").hint("write `%%` for a percent sign")
    })?;
    verb.letter = letter;
    Ok((verb, &rest[letter.len_utf8()..]))
}

fn number(text: &str) -> Result<(Option<usize>, &str), Fault> {
    let digits = text
        .find(|c: char| !c.is_ascii_digit())
        .unwrap_or(text.len());
    if digits == 0 {
        return Ok((None, text));
    }
    match text[..digits].parse() {
        Ok(number) if number <= MAX_WIDTH => Ok((Some(number), &text[digits..])),
        Ok(_) | Err(_) => Err(Fault::new(0, format!("a width is at most {MAX_WIDTH}"))),
    }
}

fn shown(verb: &Verb, value: &Value) -> Result<String, Fault> {
    let integer = i64::try_from(value.clone())
        .ok()
        .filter(|_| value.is_integer());
    let float = f64::try_from(value.clone())
        .ok()
        .filter(|_| value.kind() == ValueKind::Number && integer.is_none());
    let cut = |text: &str| match verb.precision {
        Some(precision) => text.chars().take(precision).collect(),
        None => text.to_owned(),
    };
    let precision = verb.precision.unwrap_or(6);
    match (verb.letter, value.as_str(), integer, float) {
        ('s' | 'v', Some(text), ..) => Ok(cut(text)),
        ('q', Some(text), ..) => Ok(quoted(text)),
        ('x', Some(text), ..) => Ok(text.bytes().map(|byte| format!("{byte:02x}")).collect()),
        ('d' | 'v', _, Some(int), _) => Ok(signed(verb, int.to_string())),
        ('x', _, Some(int), _) if int >= 0 => Ok(format!("{int:x}")),
        ('f' | 'F', .., Some(float)) => Ok(signed(verb, format!("{float:.precision$}"))),
        ('g' | 'v', .., Some(float)) => Ok(signed(verb, float_text(float))),
        ('t', ..) if value.kind() == ValueKind::Bool => Ok(text_of(value)),
        ('v', None, None, None) => Ok(text_of(value)),
        (letter, ..) => Err(Fault::new(
            0,
            format!("`%{letter}` does not fit {}", kind_of(value)),
        )
        .hint("`%s` and `%q` take texts, `%d` integers, `%f` numbers, `%t` booleans, `%v` anything")),
    }
}

/// A text between double quotes, as Go writes a literal.
fn quoted(text: &str) -> String {
    let mut quoted = String::from("\"");
    for c in text.chars() {
        match c {
            '"' => quoted.push_str("\\\""),
            '\\' => quoted.push_str("\\\\"),
            '\n' => quoted.push_str("\\n"),
            '\r' => quoted.push_str("\\r"),
            '\t' => quoted.push_str("\\t"),
            c if c.is_ascii_control() => quoted.push_str(&format!("\\x{:02x}", u32::from(c))),
            c => quoted.push(c),
        }
    }
    quoted.push('"');
    quoted
}

fn signed(verb: &Verb, number: String) -> String {
    match verb.plus && !number.starts_with('-') {
        true => format!("+{number}"),
        false => number,
    }
}

fn padded(verb: &Verb, text: String) -> String {
    let width = verb.width.unwrap_or(0);
    let missing = width.saturating_sub(text.chars().count());
    if verb.left {
        return format!("{text}{}", " ".repeat(missing));
    }
    if !verb.zero {
        return format!("{}{text}", " ".repeat(missing));
    }
    let sign = usize::from(text.starts_with(['+', '-']) && verb.letter != 's');
    let (sign, digits) = text.split_at(sign);
    format!("{sign}{}{digits}", "0".repeat(missing))
}
