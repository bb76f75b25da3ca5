//! The text around a value: lines, columns, line ends and habits.

use std::ops::Range;

use crate::yaml::emit::{Fit, Flow, Quotes};
use crate::yaml::lex;
use crate::yaml::node::{CollectionStyle, Document, Entry, Kind, NodeId, Role, ScalarStyle};

/// Bytes to replace, and by what.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Splice {
    pub(super) range: Range<usize>,
    pub(super) text: String,
}

impl Splice {
    pub(super) fn insert(at: usize, text: impl Into<String>) -> Self {
        Self::replace(at..at, text)
    }

    pub(super) fn delete(range: Range<usize>) -> Self {
        Self::replace(range, "")
    }

    pub(super) fn replace(range: Range<usize>, text: impl Into<String>) -> Self {
        let text = text.into();
        Self { range, text }
    }
}

/// Makes all splices at once. Deletions may overlap.
pub(super) fn apply(text: &str, mut splices: Vec<Splice>) -> String {
    splices.sort_by_key(|splice| (splice.range.start, splice.range.end));
    let mut edited = String::with_capacity(text.len() + 64);
    let mut at = 0;
    for splice in splices {
        edited.push_str(text.get(at..splice.range.start).unwrap_or_default());
        edited.push_str(&splice.text);
        at = at.max(splice.range.end);
    }
    edited.push_str(&text[at..]);
    edited
}

/// One document and the text it stands in.
#[derive(Clone, Copy)]
pub(super) struct Site<'t> {
    pub(super) text: &'t str,
    pub(super) document: &'t Document,
}

impl<'t> Site<'t> {
    /// Column of a byte in characters, as the parser counts them.
    pub(super) fn column(&self, at: usize) -> usize {
        self.text[lex::line_start(self.text, at)..at]
            .chars()
            .count()
    }

    /// Whether nothing but blanks stands before `at` on its line.
    pub(super) fn starts_line(&self, at: usize) -> bool {
        lex::skip_blanks(self.text, lex::line_start(self.text, at)) >= at
    }

    /// Whether nothing but blanks and a comment follows `at` on its line.
    pub(super) fn ends_line(&self, at: usize) -> bool {
        let rest = &self.text[lex::skip_blanks(self.text, at)..];
        rest.is_empty() || rest.starts_with(['\n', '\r', '#'])
    }

    /// Whether nothing but blanks follows `at` on its line.
    pub(super) fn is_bare_after(&self, at: usize) -> bool {
        lex::skip_blanks(self.text, at) == lex::line_end(self.text, at)
    }

    /// The white space the line of `at` begins with.
    pub(super) fn indentation(&self, at: usize) -> &'t str {
        let start = lex::line_start(self.text, at);
        &self.text[start..lex::skip_blanks(self.text, start).min(at)]
    }

    /// End of the line before that of `at`, without its line end.
    pub(super) fn previous_line_end(&self, at: usize) -> Option<usize> {
        let before = &self.text[..lex::line_start(self.text, at)];
        ["\r\n", "\n", "\r"]
            .into_iter()
            .find_map(|line_break| before.strip_suffix(line_break))
            .map(str::len)
    }

    /// All lines of `span`. At the end of a file without a final line end the
    /// one before goes instead, so that the file stays without.
    pub(super) fn lines(&self, span: &Range<usize>) -> Range<usize> {
        let start = lex::line_start(self.text, span.start);
        let end = lex::line_end(self.text, span.end);
        let line_break = lex::line_break(self.text, end);
        if line_break.is_empty() {
            return self.previous_line_end(start).unwrap_or(start)..end;
        }
        start..end + line_break.len()
    }

    /// The line end a new line beside that of `at` should get.
    fn line_break(&self, at: usize) -> &'t str {
        let end = lex::line_end(self.text, at);
        let own = lex::line_break(self.text, end);
        if !own.is_empty() {
            return own;
        }
        match self.previous_line_end(at) {
            Some(previous) => lex::line_break(self.text, previous),
            None => "\n",
        }
    }

    /// How new lines beside that of `at` are written.
    pub(super) fn fit(&self, at: usize) -> Fit<'t> {
        Fit {
            line_break: self.line_break(at),
            step: self.habit(|kind| matches!(kind, Kind::Mapping { .. }), 1),
            dash: self.habit(|kind| matches!(kind, Kind::Sequence { .. }), 0),
            lines: true,
        }
    }

    /// How much deeper than their key the block collections of this document
    /// stand most often; 2 if there are none.
    fn habit(&self, is_kind: impl Fn(&Kind) -> bool, least: usize) -> usize {
        let mut counts = [0usize; 9];
        for entry in self.document.nodes.iter().flat_map(|node| node.entries()) {
            let value = self.document.node(entry.value);
            if !self.is_filled_block(entry.value) || !is_kind(&value.kind) {
                continue;
            }
            if !self.starts_line(value.span.start) {
                continue;
            }
            let (key, own) = (self.column(entry.span.start), self.column(value.span.start));
            if let Some(count) = own.checked_sub(key).and_then(|by| counts.get_mut(by)) {
                *count += 1;
            }
        }
        let most = (least..counts.len()).rev().max_by_key(|&by| counts[by]);
        most.filter(|&by| counts[by] > 0).unwrap_or(2)
    }

    /// Whether the value is a list or mapping in block style; those are never empty.
    pub(super) fn is_filled_block(&self, id: NodeId) -> bool {
        self.style(id) == Some(CollectionStyle::Block)
    }

    /// How the list or mapping `id` is written.
    pub(super) fn style(&self, id: NodeId) -> Option<CollectionStyle> {
        match &self.document.node(id).kind {
            Kind::Mapping { style, .. } | Kind::Sequence { style, .. } => Some(*style),
            Kind::Scalar { .. } | Kind::Alias { .. } => None,
        }
    }

    /// Whether the value stands inside brackets or braces.
    pub(super) fn in_flow(&self, id: NodeId) -> bool {
        self.document
            .node(id)
            .parent
            .is_some_and(|(parent, _)| !self.is_filled_block(parent))
    }

    /// The entry whose value `id` is.
    pub(super) fn entry_of(&self, id: NodeId) -> Option<&'t Entry> {
        match self.document.node(id).parent? {
            (parent, Role::Value(index)) => self.document.node(parent).entries().get(index),
            (_, Role::Key(_) | Role::Item(_)) => None,
        }
    }

    /// Where a value may be written behind its colon, dash, anchor and tag.
    pub(super) fn slot(&self, id: NodeId) -> usize {
        let node = self.document.node(id);
        let lead = match node.parent {
            None => Some(self.document.body),
            Some((parent, Role::Value(index) | Role::Key(index))) => {
                let entry = self.document.node(parent).entries().get(index);
                entry.and_then(|entry| entry.colon).map(|colon| colon + 1)
            }
            Some((parent, Role::Item(index))) => {
                let item = self.document.node(parent).items().get(index);
                item.and_then(|item| item.dash).map(|dash| dash + 1)
            }
        };
        [&node.anchor, &node.tag]
            .into_iter()
            .flatten()
            .map(|property| property.span.end)
            .fold(lead.unwrap_or(node.outer.start), usize::max)
    }

    /// The bytes to replace when a value gets another: a block scalar without
    /// the empty lines it keeps.
    pub(super) fn written(&self, id: NodeId) -> Range<usize> {
        let span = &self.document.node(id).span;
        let text = &self.text[span.clone()];
        span.start..span.start + text.trim_end_matches([' ', '\t', '\n', '\r']).len()
    }

    /// Takes a tag away, with the blanks before it; at the start of a line, where
    /// those are indentation, with the blanks behind it.
    pub(super) fn without_tag(&self, id: NodeId) -> Option<Splice> {
        let tag = self.document.node(id).tag.as_ref()?;
        if self.starts_line(tag.span.start) {
            let after = lex::skip_blanks(self.text, tag.span.end);
            return Some(Splice::delete(tag.span.start..after));
        }
        let before = self.text[..tag.span.start]
            .trim_end_matches([' ', '\t'])
            .len();
        Some(Splice::delete(before..tag.span.end))
    }

    /// How flow collections are written where `id` stands.
    pub(super) fn flow(&self, id: NodeId) -> Flow {
        let mut at = Some(id);
        while let Some(id) = at {
            let node = self.document.node(id);
            if let (Some(CollectionStyle::Flow), [.., entry]) = (self.style(id), node.entries()) {
                let key = self.document.node(entry.key);
                let json = matches!(key.scalar(), Some((_, ScalarStyle::DoubleQuoted)));
                let value = self.document.node(entry.value);
                let is_tight = entry.colon.map(|colon| colon + 1) == Some(value.outer.start);
                return Flow {
                    json,
                    compact: json && is_tight && !value.is_unwritten(),
                };
            }
            at = node.parent.map(|(parent, _)| parent);
        }
        Flow {
            json: false,
            compact: false,
        }
    }

    /// The quotes for a string that replaces `id` or comes new where it stands.
    pub(super) fn quotes(&self, id: NodeId) -> Quotes {
        let style = self.document.node(id).scalar().map(|(_, style)| style);
        match style {
            Some(ScalarStyle::SingleQuoted) => Quotes::Single,
            Some(ScalarStyle::DoubleQuoted) => Quotes::Double,
            _ if !self.in_flow(id) => Quotes::Needed,
            _ if self.flow(id).json => Quotes::Double,
            _ => Quotes::NeededInFlow,
        }
    }
}
