//! A field path whose list items may be chosen by what they hold.

use std::fmt;

use serde_yaml::Value;

use super::{FieldPath, InvalidFieldPath, Segment};

/// One step of a [`FieldSelector`].
#[derive(Debug, Clone, PartialEq, Eq)]
enum Step {
    /// A key or a position.
    Plain(Segment),
    /// The item of a list whose `key` holds `value`.
    Item { key: String, value: String },
}

/// A [`FieldPath`] that may choose items by one of their fields, as
/// `images[name=podinfo].newTag`. What is chosen depends on the document.
///
/// ```
/// use weirkeeper::api::FieldSelector;
///
/// let selector: FieldSelector = "images[name=podinfo].newTag".parse()?;
/// let document = serde_yaml::from_str("images: [{name: a}, {name: podinfo, newTag: '1'}]").unwrap();
/// let found = selector.find(&document).unwrap();
/// assert_eq!(found.path.to_string(), "images[1].newTag");
/// # Ok::<(), weirkeeper::api::InvalidFieldPath>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FieldSelector(Vec<Step>);

/// What a [`FieldSelector`] chooses in a document.
#[derive(Debug, Clone, PartialEq)]
pub struct Selected<'a> {
    /// Its path; items are positions.
    pub path: FieldPath,
    /// What it holds; `None` when only what it stands in is there.
    pub value: Option<&'a Value>,
}

/// The document has no place for the field.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct NotSelected {
    /// As far as the document goes along.
    pub path: FieldPath,
    message: String,
}

impl FieldSelector {
    /// The field in `document`. The last step may be a key that is not there.
    ///
    /// # Errors
    /// When something on the way is missing, or several items fit.
    pub fn find<'a>(&self, document: &'a Value) -> Result<Selected<'a>, NotSelected> {
        let mut path = FieldPath::root();
        let mut value = document;
        for (position, step) in self.0.iter().enumerate() {
            let is_last = position + 1 == self.0.len();
            let (segment, next) = match step {
                Step::Plain(Segment::Key(key)) => {
                    let next = value.get(key.as_str());
                    if next.is_none() && is_last && value.is_mapping() {
                        let path = path.key(key);
                        return Ok(Selected { path, value: None });
                    }
                    (Segment::Key(key.clone()), next)
                }
                Step::Plain(Segment::Index(index)) => (Segment::Index(*index), value.get(*index)),
                Step::Item { key, value: wanted } => {
                    let index = item(value, key, wanted, &path)?;
                    (Segment::Index(index), value.get(index))
                }
            };
            let Some(next) = next else {
                let message = format!("there is no `{}`", path.with(segment));
                return Err(NotSelected { path, message });
            };
            path = path.with(segment);
            value = next;
        }
        Ok(Selected {
            path,
            value: Some(value),
        })
    }
}

/// The position of the one item whose `key` holds `wanted`.
fn item(list: &Value, key: &str, wanted: &str, path: &FieldPath) -> Result<usize, NotSelected> {
    let holds = |item: &Value| match item.get(key) {
        Some(Value::String(text)) => text == wanted,
        Some(Value::Number(number)) => number.to_string() == wanted,
        Some(Value::Bool(is)) => is.to_string() == wanted,
        _ => false,
    };
    let items = list.as_sequence().into_iter().flatten().enumerate();
    let mut found = items.filter(|(_, item)| holds(item));
    let failed = |message| {
        let path = path.clone();
        Err(NotSelected { path, message })
    };
    match (found.next(), found.next()) {
        (Some((index, _)), None) => Ok(index),
        (None, _) => failed(format!("no item of `{path}` has `{key}: {wanted}`")),
        (Some(_), Some(_)) => failed(format!("several items of `{path}` have `{key}: {wanted}`")),
    }
}

impl fmt::Display for FieldSelector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (position, step) in self.0.iter().enumerate() {
            match step {
                Step::Plain(segment) => {
                    let path = FieldPath::root().with(segment.clone());
                    let dot = position > 0 && matches!(segment, Segment::Key(_));
                    write!(f, "{}{path}", if dot { "." } else { "" })?;
                }
                Step::Item { key, value } if value.contains([']', '"']) => {
                    write!(f, "[{key}={value:?}]")?;
                }
                Step::Item { key, value } => write!(f, "[{key}={value}]")?,
            }
        }
        Ok(())
    }
}

impl std::str::FromStr for FieldSelector {
    type Err = InvalidFieldPath;

    /// Reads what [`FieldPath`] reads, and `[key=value]`; a value that holds `]`
    /// is written in quotes.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let invalid = || InvalidFieldPath::of(text);
        let mut steps = Vec::new();
        let mut rest = text;
        while !rest.is_empty() {
            let (plain, item) = split(rest).ok_or_else(invalid)?;
            let plain = match steps.is_empty() {
                true => plain,
                // After an item, a dot and a key.
                false => match plain.strip_prefix('.') {
                    Some("") => return Err(invalid()),
                    Some(plain) => plain,
                    None => plain,
                },
            };
            let path: FieldPath = plain.parse().map_err(|_invalid| invalid())?;
            let segments = path.segments().iter().cloned();
            steps.extend(segments.map(Step::Plain));
            let Some((key, value, after)) = item else {
                break;
            };
            steps.push(Step::Item {
                key: key.to_owned(),
                value: value.to_owned(),
            });
            if !after.is_empty() && !after.starts_with(['.', '[']) {
                return Err(invalid());
            }
            rest = after;
        }
        Ok(Self(steps))
    }
}

/// Key and value of the first `[key=value]`, and what comes after it.
type ItemAnd<'a> = (&'a str, &'a str, &'a str);

/// What comes before the first `[key=value]`, and that. `None` when a bracket
/// or a quote does not end.
fn split(text: &str) -> Option<(&str, Option<ItemAnd<'_>>)> {
    let mut from = 0;
    while let Some(open) = text[from..].find('[').map(|at| from + at) {
        let inner = &text[open + 1..];
        if let Some(quoted) = inner.strip_prefix('"') {
            from = open + 2 + quoted.find("\"]")? + 2;
            continue;
        }
        let end = inner.find([']', '='])?;
        if inner[end..].starts_with(']') {
            from = open + 1 + end + 1;
            continue;
        }
        let (key, value) = (&inner[..end], &inner[end + 1..]);
        let (value, after) = match value.strip_prefix('"') {
            Some(quoted) => quoted.split_once("\"]")?,
            None => value.split_once(']')?,
        };
        if key.is_empty() || value.is_empty() {
            return None;
        }
        return Some((&text[..open], Some((key, value, after))));
    }
    Some((text, None))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn items_are_chosen_by_what_they_hold() {
        let document: Value = serde_yaml::from_str(
            "images: [{name: a/b, newTag: '1'}, {name: c, tags: [x, y]}, {name: c}]\nspec: {a.b: 1}",
        )
        .unwrap();
        for (text, expected) in [
            ("images[name=a/b].newTag", Ok("images[0].newTag")),
            ("images[newTag=1].newName", Ok("images[0].newName")),
            ("images[1].tags[0]", Ok("images[1].tags[0]")),
            ("spec[\"a.b\"]", Ok("spec.[\"a.b\"]")),
            ("images[name=\"a/b\"]", Ok("images[0]")),
            (
                "images[name=d].newTag",
                Err("no item of `images` has `name: d`"),
            ),
            (
                "images[name=c].newTag",
                Err("several items of `images` have `name: c`"),
            ),
            ("images[4].newTag", Err("there is no `images[4]`")),
            ("spec.x.y", Err("there is no `spec.x`")),
        ] {
            let selector: FieldSelector = text.parse().unwrap();
            let found = selector.find(&document);
            let found = found.map(|found| found.path.to_string());
            let found = found.map_err(|error| error.to_string());
            let found = found.as_deref().map_err(String::as_str);
            assert_eq!(found, expected, "{text}");
            let again: FieldSelector = selector.to_string().parse().unwrap();
            assert_eq!(again, selector);
        }
        let selector: FieldSelector = "images[name=a/b].newName".parse().unwrap();
        assert_eq!(selector.find(&document).unwrap().value, None);
    }

    #[test]
    fn nonsense_is_refused() {
        for text in [
            "a[name=]",
            "a[=b]",
            "a[name=b",
            "a[name=b]c",
            "a[name=b].",
            "a..b",
            "[x]",
        ] {
            assert!(text.parse::<FieldSelector>().is_err(), "{text}");
        }
    }
}
