//! Where a value stands inside a document.

use std::fmt;

/// One step of a [`FieldPath`].
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Segment {
    /// A key of a mapping.
    Key(String),
    /// A position in a sequence, from 0.
    Index(usize),
}

/// The way from a document's root to one of its values, as
/// `spec.analysis.metrics[0].thresholdRange.max`.
///
/// ```
/// use weirkeeper::api::FieldPath;
///
/// let path = FieldPath::root().key("spec").key("rules").index(2);
/// assert_eq!(path.to_string(), "spec.rules[2]");
/// assert_eq!("spec.rules[2]".parse(), Ok(path));
/// ```
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct FieldPath(Vec<Segment>);

impl FieldPath {
    /// The document itself.
    #[must_use]
    pub fn root() -> Self {
        Self::default()
    }

    /// The value of `name` below this one.
    #[must_use]
    pub fn key(&self, name: impl Into<String>) -> Self {
        self.with(Segment::Key(name.into()))
    }

    /// The item at `index` (from 0) below this one.
    #[must_use]
    pub fn index(&self, index: usize) -> Self {
        self.with(Segment::Index(index))
    }

    /// This path with one more segment.
    #[must_use]
    pub fn with(&self, segment: Segment) -> Self {
        let mut segments = self.0.clone();
        segments.push(segment);
        Self(segments)
    }

    /// This path followed by `rest`.
    #[must_use]
    pub fn join(&self, rest: &Self) -> Self {
        Self(self.0.iter().chain(&rest.0).cloned().collect())
    }

    /// The steps from the root.
    #[must_use]
    pub fn segments(&self) -> &[Segment] {
        &self.0
    }

    /// Is `other` this path or on the way to it?
    #[must_use]
    pub fn starts_with(&self, other: &Self) -> bool {
        self.0.starts_with(&other.0)
    }

    /// The path without its last step, `None` for the root.
    #[must_use]
    pub fn parent(&self) -> Option<Self> {
        let (_, rest) = self.0.split_last()?;
        Some(Self(rest.to_vec()))
    }
}

impl From<Vec<Segment>> for FieldPath {
    fn from(segments: Vec<Segment>) -> Self {
        Self(segments)
    }
}

impl fmt::Display for FieldPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (position, segment) in self.0.iter().enumerate() {
            match segment {
                Segment::Index(index) => write!(f, "[{index}]")?,
                Segment::Key(key) => {
                    if position > 0 {
                        f.write_str(".")?;
                    }
                    if key.is_empty() || key.contains(['.', '[', ']', '"']) {
                        write!(f, "[{key:?}]")?;
                    } else {
                        f.write_str(key)?;
                    }
                }
            }
        }
        Ok(())
    }
}

/// The text is not a field path.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not a field path; write it as spec.rules[0].name")]
pub struct InvalidFieldPath(String);

impl InvalidFieldPath {
    pub(super) fn of(text: &str) -> Self {
        Self(text.to_owned())
    }
}

impl std::str::FromStr for FieldPath {
    type Err = InvalidFieldPath;

    /// Reads `a.b[0].c`. A key that itself holds a dot is written in brackets
    /// and quotes: `metadata.annotations["example.com/owner"]`.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let invalid = || InvalidFieldPath(text.to_owned());
        let mut segments = Vec::new();
        let mut rest = text;
        while !rest.is_empty() {
            if let Some(inner) = rest.strip_prefix('[') {
                let (segment, after) = if let Some(quoted) = inner.strip_prefix('"') {
                    let end = quoted.find("\"]").ok_or_else(invalid)?;
                    (Segment::Key(quoted[..end].to_owned()), &quoted[end + 2..])
                } else {
                    let end = inner.find(']').ok_or_else(invalid)?;
                    let index = inner[..end].parse().map_err(|_not_a_number| invalid())?;
                    (Segment::Index(index), &inner[end + 1..])
                };
                segments.push(segment);
                rest = after;
            } else {
                let rest_of_key = match segments.is_empty() {
                    true => rest,
                    false => rest.strip_prefix('.').unwrap_or(rest),
                };
                if rest_of_key.starts_with('[') {
                    rest = rest_of_key;
                    continue;
                }
                let end = rest_of_key.find(['.', '[']).unwrap_or(rest_of_key.len());
                if end == 0 {
                    return Err(invalid());
                }
                segments.push(Segment::Key(rest_of_key[..end].to_owned()));
                rest = &rest_of_key[end..];
                if rest == "." {
                    return Err(invalid());
                }
            }
        }
        Ok(Self(segments))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shown_paths_read_back() {
        for text in [
            "",
            "spec",
            "spec.rules[0].backendRefs[1].weight",
            "metadata.annotations.[\"a.b/c\"]",
            "a[0][1].b",
        ] {
            let path: FieldPath = text.parse().unwrap();
            assert_eq!(path.to_string(), text);
        }
    }

    #[test]
    fn nonsense_is_refused() {
        for text in ["a..b", "a[", "a[x]", ".a", "a.", "a[\"b"] {
            assert!(text.parse::<FieldPath>().is_err(), "{text}");
        }
    }
}
