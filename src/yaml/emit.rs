//! New text for values.

use serde_yaml::Value;

use super::resolve;

/// How new text fits in with the text around it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Fit<'t> {
    /// Line end.
    pub(super) line_break: &'t str,
    /// How much deeper the keys of a mapping stand than the key it belongs to.
    pub(super) step: usize,
    /// How much deeper the dashes of a list stand than the key it belongs to.
    pub(super) dash: usize,
    /// Whether texts of several lines may be written as such. Not in front of
    /// blanks or a comment, which would become part of them.
    pub(super) lines: bool,
}

/// `value` as a file of its own, in block style, ending with a line break.
/// Texts that some reader of YAML 1.1 takes for something else (`on`, `y`,
/// `1_000`) are quoted. `None` for a value with a tag, or without parts.
///
/// ```
/// let value = serde_yaml::from_str("{name: 'on', ports: [80]}").unwrap();
/// assert_eq!(weirkeeper::yaml::to_text(&value).unwrap(), "name: \"on\"\nports:\n  - 80\n");
/// ```
#[must_use]
pub fn to_text(value: &Value) -> Option<String> {
    let fit = Fit {
        line_break: "\n",
        step: 2,
        dash: 2,
        lines: true,
    };
    let text = is_filled(value).then(|| fit.block(value, 0))??;
    Some(format!("{text}\n"))
}

/// How a flow collection is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Flow {
    /// Keys and strings in double quotes, as JSON wants them.
    pub(super) json: bool,
    /// No space after colon and comma; only with `json`.
    pub(super) compact: bool,
}

/// What a scalar stands in, and which quotes it should have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Quotes {
    /// None, if the text reads as itself without.
    Needed,
    /// None inside brackets, if the text reads as itself without.
    NeededInFlow,
    /// `'…'`, if that can hold the text.
    Single,
    /// `"…"`.
    Double,
}

/// Text of a scalar on one line; lists, mappings and tagged values are `None`.
pub(super) fn scalar(value: &Value, quotes: Quotes) -> Option<String> {
    let text = match value {
        Value::Null => "null".to_owned(),
        Value::Bool(value) => value.to_string(),
        Value::Number(number) => number.to_string(),
        Value::String(text) => return Some(string(text, quotes)),
        Value::Sequence(_) | Value::Mapping(_) | Value::Tagged(_) => return None,
    };
    Some(text)
}

/// A string on one line.
pub(super) fn string(text: &str, quotes: Quotes) -> String {
    match quotes {
        Quotes::Needed if is_plain(text, false) => text.to_owned(),
        Quotes::NeededInFlow if is_plain(text, true) => text.to_owned(),
        Quotes::Single if text.chars().all(is_plain_char) => {
            format!("'{}'", text.replace('\'', "''"))
        }
        Quotes::Needed | Quotes::NeededInFlow | Quotes::Single | Quotes::Double => {
            double_quoted(text)
        }
    }
}

/// Characters that stand for themselves on one line, without an escape.
fn is_plain_char(char: char) -> bool {
    !char.is_control()
        && !matches!(
            char,
            '\u{2028}' | '\u{2029}' | '\u{feff}' | '\u{fffe}' | '\u{ffff}'
        )
}

/// Whether `text` without quotes reads as itself, in every YAML of use.
fn is_plain(text: &str, in_flow: bool) -> bool {
    let starts_wrong = text.starts_with([
        ',', '[', ']', '{', '}', '#', '&', '*', '!', '|', '>', '\'', '"', '%', '@', '`', '?', ':',
        '=', '<', ' ',
    ]);
    let is_marker =
        text == "-" || text.starts_with("- ") || text.starts_with("---") || text.starts_with("...");
    let ends_wrong = text.ends_with([' ', ':']);
    let has_mark = text.contains(": ") || text.contains(" #");
    let has_bracket = in_flow && text.contains([',', '[', ']', '{', '}']);
    !(text.is_empty() || starts_wrong || is_marker || ends_wrong || has_mark || has_bracket)
        && text.chars().all(is_plain_char)
        && matches!(resolve::plain(text), Value::String(_))
        && !is_number_elsewhere(text)
        && !is_truth_elsewhere(text)
        && serde_yaml::to_string(text).is_ok_and(|plain| plain.strip_suffix('\n') == Some(text))
}

/// Texts that YAML 1.1, and so Kubernetes, takes for truth values.
fn is_truth_elsewhere(text: &str) -> bool {
    let words = ["y", "n", "yes", "no", "on", "off", "true", "false"];
    words.iter().any(|word| text.eq_ignore_ascii_case(word))
}

/// Texts that YAML 1.1 takes for numbers or dates: `1_000`, `1:30`, `010`, `2001-01-01`.
fn is_number_elsewhere(text: &str) -> bool {
    let unsigned = text.trim_start_matches(['+', '-', '.']);
    let starts_with_digit = unsigned.starts_with(|first: char| first.is_ascii_digit());
    let is_grouped = unsigned
        .bytes()
        .all(|byte| byte.is_ascii_hexdigit() || matches!(byte, b'_' | b':' | b'.' | b'x' | b'o'));
    let has_group = unsigned.contains(['_', ':']) || unsigned.starts_with('0');
    let bytes = unsigned.as_bytes();
    let is_date = bytes.len() > 7 && bytes[..4].iter().all(u8::is_ascii_digit) && bytes[4] == b'-';
    let is_version = unsigned.matches('.').count() > 1 && !unsigned.contains(['_', ':']);
    starts_with_digit && (is_date || (is_grouped && has_group && !is_version))
}

fn double_quoted(text: &str) -> String {
    use std::fmt::Write as _;
    let mut quoted = String::with_capacity(text.len() + 2);
    quoted.push('"');
    for char in text.chars() {
        match char {
            '"' => quoted.push_str("\\\""),
            '\\' => quoted.push_str("\\\\"),
            '\n' => quoted.push_str("\\n"),
            '\r' => quoted.push_str("\\r"),
            '\t' => quoted.push_str("\\t"),
            char if is_plain_char(char) => quoted.push(char),
            // All of these are below U+10000; writing to a string cannot fail.
            char => write!(quoted, "\\u{:04x}", u32::from(char)).unwrap_or_default(),
        }
    }
    quoted.push('"');
    quoted
}

/// A value on one line; `None` if it holds something that cannot be written.
pub(super) fn flow(value: &Value, how: Flow) -> Option<String> {
    let comma = if how.compact { "," } else { ", " };
    Some(match value {
        Value::Sequence(items) => {
            let items: Option<Vec<_>> = items.iter().map(|item| flow(item, how)).collect();
            format!("[{}]", items?.join(comma))
        }
        Value::Mapping(mapping) => {
            let entries: Option<Vec<_>> = mapping
                .iter()
                .map(|(key, value)| flow_entry(key, value, how))
                .collect();
            format!("{{{}}}", entries?.join(comma))
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Tagged(_) => {
            let quotes = if how.json {
                Quotes::Double
            } else {
                Quotes::NeededInFlow
            };
            scalar(value, quotes)?
        }
    })
}

/// `key: value` inside braces.
pub(super) fn flow_entry(key: &Value, value: &Value, how: Flow) -> Option<String> {
    let colon = if how.compact { ":" } else { ": " };
    let key = match (key, how.json) {
        (Value::String(_), true) => scalar(key, Quotes::Double)?,
        _ => scalar(key, Quotes::NeededInFlow)?,
    };
    Some(format!("{key}{colon}{}", flow(value, how)?))
}

/// Whether the value is a list or mapping with something in it.
pub(super) fn is_filled(value: &Value) -> bool {
    match value {
        Value::Sequence(items) => !items.is_empty(),
        Value::Mapping(mapping) => !mapping.is_empty(),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Tagged(_) => {
            false
        }
    }
}

impl Fit<'_> {
    /// A line end and `column` spaces.
    pub(super) fn new_line(&self, column: usize) -> String {
        format!("{}{}", self.line_break, " ".repeat(column))
    }

    /// A filled list or mapping in block style whose keys or dashes stand at
    /// `column`, without indentation before the first.
    pub(super) fn block(&self, value: &Value, column: usize) -> Option<String> {
        let lines: Option<Vec<_>> = match value {
            Value::Sequence(items) => items.iter().map(|item| self.item(item, column)).collect(),
            Value::Mapping(mapping) => mapping
                .iter()
                .map(|(key, value)| self.entry(key, value, column))
                .collect(),
            Value::Null
            | Value::Bool(_)
            | Value::Number(_)
            | Value::String(_)
            | Value::Tagged(_) => None,
        };
        Some(lines?.join(&self.new_line(column)))
    }

    /// `- value` with the dash at `column`.
    pub(super) fn item(&self, value: &Value, column: usize) -> Option<String> {
        if is_filled(value) {
            return Some(format!("- {}", self.block(value, column + 2)?));
        }
        Some(format!("- {}", self.leaf(value, column)?))
    }

    /// `key: value` with the key at `column`.
    pub(super) fn entry(&self, key: &Value, value: &Value, column: usize) -> Option<String> {
        let key = scalar(key, Quotes::Needed)?;
        Some(format!("{key}:{}", self.after_colon(value, column)?))
    }

    /// What follows the colon of a key at `column`: on the same line, or on lines
    /// of its own.
    pub(super) fn after_colon(&self, value: &Value, column: usize) -> Option<String> {
        if !is_filled(value) {
            return Some(format!(" {}", self.leaf(value, column)?));
        }
        let is_list = matches!(value, Value::Sequence(_));
        let column = column + if is_list { self.dash } else { self.step };
        Some(self.new_line(column) + &self.block(value, column)?)
    }

    /// A value without parts, behind a key or dash at `column`.
    fn leaf(&self, value: &Value, column: usize) -> Option<String> {
        match value {
            Value::Sequence(_) => Some("[]".to_owned()),
            Value::Mapping(_) => Some("{}".to_owned()),
            Value::String(text) if self.lines && is_literal(text) => {
                let indent = self.new_line(column + 2);
                let (header, body) = match text.strip_suffix('\n') {
                    Some(body) => ("|", body),
                    None => ("|-", text.as_str()),
                };
                let mut block = header.to_owned();
                for line in body.split('\n') {
                    if line.is_empty() {
                        block.push_str(self.line_break);
                    } else {
                        block.push_str(&indent);
                        block.push_str(line);
                    }
                }
                Some(block)
            }
            Value::Null
            | Value::Bool(_)
            | Value::Number(_)
            | Value::String(_)
            | Value::Tagged(_) => scalar(value, Quotes::Needed),
        }
    }
}

/// Whether a text of several lines can stand as it is, under `|`.
fn is_literal(text: &str) -> bool {
    let body = text.strip_suffix('\n').unwrap_or(text);
    text.contains('\n')
        && !body.is_empty()
        && !body.starts_with([' ', '\t', '\n'])
        && body.split('\n').all(|line| {
            !line.ends_with([' ', '\t'])
                && !line.starts_with('\t')
                && line.chars().all(is_plain_char)
        })
        && !body.ends_with('\n')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn strings_that_read_as_something_else_are_quoted() {
        for text in [
            "",
            "true",
            "yes",
            "No",
            "on",
            "y",
            "null",
            "~",
            "1",
            "1.5",
            "0x1f",
            "010",
            "1_000",
            "1:30",
            "2001-01-01",
            "2001-01-01T00:00:00Z",
            "a: b",
            "a #b",
            "- a",
            "a:",
            " a",
            "a ",
            "a\nb",
            "<<",
            "=",
            "*a",
            "&a",
            "---",
            "\u{feff}",
            "a\u{85}b",
            "é\u{2028}",
        ] {
            let written = string(text, Quotes::Needed);
            assert!(written.starts_with(['"', '\'']), "{text:?} → {written}");
            let read: Value = serde_yaml::from_str(&written).unwrap();
            assert_eq!(read, Value::from(text));
        }
        for text in [
            "a",
            "podinfo:6.0.0",
            "6.0.1",
            "v1.2",
            "http://a/b?c=d",
            "-a",
            "a, b",
            "é",
            "7d",
            "30s",
            "@a",
        ] {
            let is_plain = text != "@a";
            assert_eq!(string(text, Quotes::Needed) == text, is_plain, "{text}");
        }
        assert_eq!(string("a, b", Quotes::NeededInFlow), "\"a, b\"");
        assert_eq!(string("it's", Quotes::Single), "'it''s'");
        assert_eq!(string("a\tb", Quotes::Single), "\"a\\tb\"");
    }

    #[test]
    fn blocks_are_indented_to_their_place() {
        let value: Value = serde_yaml::from_str(
            "{a: {b: [1, {c: d, e: []}]}, f: \"x\\n\\ny\\n\", g: [[1, 2], \"p\\nq\"], h: {}}",
        )
        .unwrap();
        let fit = Fit {
            line_break: "\n",
            step: 2,
            dash: 0,
            lines: true,
        };
        let text = fit.block(&value, 0).unwrap();
        assert_eq!(
            text,
            "a:\n  b:\n  - 1\n  - c: d\n    e: []\nf: |\n  x\n\n  y\ng:\n- - 1\n  - 2\n- |-\n  p\n  q\nh: {}"
        );
        assert_eq!(serde_yaml::from_str::<Value>(&text).unwrap(), value);
        let how = Flow {
            json: true,
            compact: true,
        };
        let json = flow(&value, how).unwrap();
        let read: Value = serde_json::from_str(&json).unwrap();
        assert_eq!(read, value);
    }
}
