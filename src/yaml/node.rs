//! Documents as trees whose values know the bytes they stand on.

use std::collections::HashSet;
use std::ops::Range;

use crate::api::{FieldPath, Segment};

/// One value of a [`Document`]; only means something there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct NodeId(pub(super) usize);

/// A value, a key, or an alias.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Node {
    /// The bytes of the value alone. Block collections reach from their first
    /// key or dash to the end of their last value; a value that is not written
    /// at all is empty and stands after its colon or dash.
    pub span: Range<usize>,
    /// The span together with anchor and tag.
    pub outer: Range<usize>,
    /// What it is.
    pub kind: Kind,
    /// `&name`; seldom there, so a word long.
    pub anchor: Option<Box<Property>>,
    /// The tag in full, as `tag:yaml.org,2002:int`; `!` alone is `!`.
    pub tag: Option<Box<Property>>,
    pub(super) parent: Option<(NodeId, Role)>,
}

/// An anchor or a tag.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Property {
    /// The name without `&`, the tag in full.
    pub name: String,
    /// Its bytes.
    pub span: Range<usize>,
}

/// What a [`Node`] is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Kind {
    /// Text, as read: without quotes, escapes resolved, lines folded.
    Scalar {
        /// The text.
        value: String,
        /// How it is written.
        style: ScalarStyle,
    },
    /// Keys and values, in their order.
    Mapping {
        /// The keys and values.
        entries: Vec<Entry>,
        /// How it is written.
        style: CollectionStyle,
    },
    /// Items, in their order.
    Sequence {
        /// The items.
        items: Vec<Item>,
        /// How it is written.
        style: CollectionStyle,
    },
    /// `*name`.
    Alias {
        /// The name without `*`.
        name: String,
        /// The value it stands for.
        target: NodeId,
    },
}

/// How a scalar is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ScalarStyle {
    /// Without quotes. A value that is not written at all is plain and empty.
    Plain,
    /// `'…'`.
    SingleQuoted,
    /// `"…"`.
    DoubleQuoted,
    /// `|`.
    Literal,
    /// `>`.
    Folded,
}

/// How a mapping or sequence is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CollectionStyle {
    /// By indentation.
    Block,
    /// In braces or brackets.
    Flow,
    /// A mapping of one key inside brackets without braces of its own: `[a: b]`.
    Pair,
}

/// A key and its value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// The key.
    pub key: NodeId,
    /// The value; an empty scalar if there is none.
    pub value: NodeId,
    /// From the key (or the `?` before it) to the end of the value.
    pub span: Range<usize>,
    /// Where `?` stands.
    pub(super) question: Option<usize>,
    /// Where `:` stands.
    pub(super) colon: Option<usize>,
}

/// One item of a sequence.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Item {
    /// The item.
    pub node: NodeId,
    /// From the dash, if it has one, to the end of the item.
    pub span: Range<usize>,
    /// Where `-` stands.
    pub(super) dash: Option<usize>,
}

/// What a node is to its parent, with the position there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Role {
    Key(usize),
    Value(usize),
    Item(usize),
}

/// One document of a stream.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Document {
    pub(super) nodes: Vec<Node>,
    pub(super) root: Option<NodeId>,
    /// From its directives, `---` or first character to where the next
    /// document begins.
    pub(super) span: Range<usize>,
    /// Where its content may begin: after `---`.
    pub(super) body: usize,
}

/// What an edit finds at a path.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Located {
    /// The value itself.
    Own(NodeId),
    /// The key comes from a merge into this mapping.
    Merged(NodeId),
    /// Nothing; the nearest value that exists, and how many segments led there.
    Missing(NodeId, usize),
    /// The path leads through this alias.
    Through(NodeId),
    /// The document is empty.
    Empty,
}

impl Node {
    /// Text of a scalar, `None` for everything else.
    #[must_use]
    pub fn scalar(&self) -> Option<(&str, ScalarStyle)> {
        if let Kind::Scalar { value, style } = &self.kind {
            Some((value, *style))
        } else {
            None
        }
    }

    /// Keys and values of a mapping, nothing for everything else.
    #[must_use]
    pub fn entries(&self) -> &[Entry] {
        if let Kind::Mapping { entries, .. } = &self.kind {
            entries
        } else {
            &[]
        }
    }

    /// Items of a sequence, nothing for everything else.
    #[must_use]
    pub fn items(&self) -> &[Item] {
        if let Kind::Sequence { items, .. } = &self.kind {
            items
        } else {
            &[]
        }
    }

    /// Whether this is `<<`, the merge key of YAML 1.1. Quoted it is a key like any other.
    pub(super) fn is_merge_key(&self) -> bool {
        match (&self.tag, self.scalar()) {
            (None, Some(("<<", ScalarStyle::Plain))) => true,
            (Some(tag), Some(("<<", _))) => tag.name == "tag:yaml.org,2002:merge",
            _ => false,
        }
    }

    /// Whether this is a scalar that is not written at all.
    pub(super) fn is_unwritten(&self) -> bool {
        self.span.is_empty()
    }
}

impl Document {
    /// The root value, `None` for an empty document.
    #[must_use]
    pub fn root(&self) -> Option<&Node> {
        self.root.map(|root| self.node(root))
    }

    /// A value of this document.
    ///
    /// # Panics
    ///
    /// May panic when `id` comes from another document.
    #[must_use]
    pub fn node(&self, id: NodeId) -> &Node {
        &self.nodes[id.0]
    }

    /// From its directives, `---` or first value to where the next document begins.
    #[must_use]
    pub fn span(&self) -> Range<usize> {
        self.span.clone()
    }

    /// The value `id` stands for: itself, or what an alias means.
    #[must_use]
    pub fn resolve(&self, id: NodeId) -> NodeId {
        let mut id = id;
        // An alias only ever points at an earlier value, so this ends.
        while let Kind::Alias { target, .. } = &self.node(id).kind {
            id = *target;
        }
        id
    }

    /// What a reader finds at `path`: through aliases and merges (`<<`).
    #[must_use]
    pub fn get(&self, path: &FieldPath) -> Option<&Node> {
        self.find(path).map(|id| self.node(id))
    }

    /// The id of what [`get`](Self::get) finds.
    #[must_use]
    pub fn find(&self, path: &FieldPath) -> Option<NodeId> {
        self.descend(path).ok().map(|(_, value)| value)
    }

    /// The key that `path` ends with, where it is written. `None` when it does
    /// not exist or the path ends with an index.
    #[must_use]
    pub fn key_span(&self, path: &FieldPath) -> Option<Range<usize>> {
        let (key, _) = self.descend(path).ok()?;
        Some(self.node(key?).span.clone())
    }

    /// The best place to show for `path`, whether it exists or not: its key or
    /// item, else the nearest key above it, else where the document begins.
    #[must_use]
    pub fn nearest(&self, path: &FieldPath) -> Range<usize> {
        let mut path = path.clone();
        loop {
            if let Ok((key, value)) = self.descend(&path) {
                let node = self.node(key.unwrap_or(value));
                if key.is_none() && path.segments().is_empty() {
                    let start = node.outer.start;
                    return node
                        .entries()
                        .first()
                        .map_or(start..start, |entry| self.node(entry.key).span.clone());
                }
                return first_token(self, node);
            }
            match path.parent() {
                Some(parent) => path = parent,
                None => return self.body..self.body,
            }
        }
    }

    /// Text of a key; aliases are resolved. `None` for lists and mappings.
    pub(super) fn key_text(&self, key: NodeId) -> Option<&str> {
        self.node(self.resolve(key)).scalar().map(|(text, _)| text)
    }

    /// The entry of the mapping `id` itself with this key, merges left aside.
    pub(super) fn entry(&self, id: NodeId, key: &str) -> Option<&Entry> {
        self.node(id).entries().iter().find(|entry| {
            !self.node(entry.key).is_merge_key() && self.key_text(entry.key) == Some(key)
        })
    }

    /// The entry with this key, own or merged.
    pub(super) fn effective_entry(&self, id: NodeId, key: &str) -> Option<&Entry> {
        let mut pending = vec![self.resolve(id)];
        let mut seen = HashSet::new();
        while let Some(mapping) = pending.pop() {
            if !seen.insert(mapping) {
                continue;
            }
            if let Some(entry) = self.entry(mapping, key) {
                return Some(entry);
            }
            let merged = self
                .node(mapping)
                .entries()
                .iter()
                .filter(|entry| self.node(entry.key).is_merge_key())
                .flat_map(|entry| self.merge_sources(entry.value));
            let mut merged: Vec<_> = merged.collect();
            merged.reverse();
            pending.extend(merged);
        }
        None
    }

    /// The mappings a `<<` with this value names, in order of precedence.
    pub(super) fn merge_sources(&self, value: NodeId) -> Vec<NodeId> {
        let value = self.resolve(value);
        match &self.node(value).kind {
            Kind::Sequence { items, .. } => {
                items.iter().map(|item| self.resolve(item.node)).collect()
            }
            Kind::Mapping { .. } | Kind::Scalar { .. } | Kind::Alias { .. } => vec![value],
        }
    }

    /// Follows `path`; the last key, if it ends with one, and the value.
    fn descend(&self, path: &FieldPath) -> Result<(Option<NodeId>, NodeId), ()> {
        let mut value = self.resolve(self.root.ok_or(())?);
        let mut key = None;
        for segment in path.segments() {
            (key, value) = match segment {
                Segment::Key(name) => {
                    let entry = self.effective_entry(value, name).ok_or(())?;
                    (Some(entry.key), self.resolve(entry.value))
                }
                Segment::Index(index) => {
                    let item = self.node(value).items().get(*index).ok_or(())?;
                    (None, self.resolve(item.node))
                }
            };
        }
        Ok((key, value))
    }

    /// What an edit at `path` would touch; aliases and merges are not followed.
    pub(super) fn locate(&self, path: &FieldPath) -> Located {
        let Some(mut id) = self.root else {
            return Located::Empty;
        };
        for (depth, segment) in path.segments().iter().enumerate() {
            if matches!(self.node(id).kind, Kind::Alias { .. }) {
                return Located::Through(id);
            }
            let child = match segment {
                Segment::Key(name) => self.entry(id, name).map(|entry| entry.value),
                Segment::Index(index) => self.node(id).items().get(*index).map(|item| item.node),
            };
            id = match (child, segment) {
                (Some(child), _) => child,
                (None, Segment::Key(name)) if self.effective_entry(id, name).is_some() => {
                    return if depth + 1 == path.segments().len() {
                        Located::Merged(id)
                    } else {
                        Located::Missing(id, depth)
                    };
                }
                (None, _) => return Located::Missing(id, depth),
            };
        }
        Located::Own(id)
    }

    /// A span for messages, short enough to underline.
    pub(super) fn short_span(&self, id: NodeId) -> Range<usize> {
        first_token(self, self.node(id))
    }
}

/// A collection is shown by its first key or bracket, not by all of its lines.
fn first_token(document: &Document, node: &Node) -> Range<usize> {
    match &node.kind {
        Kind::Scalar { .. } | Kind::Alias { .. } => node.span.clone(),
        Kind::Mapping { entries, style } => match (style, entries.first()) {
            (CollectionStyle::Block | CollectionStyle::Pair, Some(entry)) => {
                document.node(entry.key).span.clone()
            }
            _ => node.span.start..node.span.start + 1,
        },
        Kind::Sequence { .. } => node.span.start..node.span.start + 1,
    }
}
