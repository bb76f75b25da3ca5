//! From parser events to documents. The parser tells what comes next; the text
//! between one value and the next is read here, so that every colon, dash,
//! anchor and end is known, and every event is checked against its place.

use std::collections::HashMap;
use std::ops::Range;

use yaml_rust2::parser::{Event, Tag};
use yaml_rust2::scanner::{Marker, TScalarStyle};

use super::Limits;
use super::error::YamlError;
use super::lex::{self, BlockEnd, Cursor};
use super::node::{
    CollectionStyle, Document, Entry, Item, Kind, Node, NodeId, Property, Role, ScalarStyle,
};
use super::resolve;

/// A collection whose end has not come yet.
struct Open {
    id: NodeId,
    /// A mapping whose key was read and whose value comes next.
    key: Option<PendingKey>,
}

struct PendingKey {
    question: Option<usize>,
    id: NodeId,
}

/// What stands before a value in its collection.
#[derive(Default)]
struct Lead {
    question: Option<usize>,
    colon: Option<usize>,
    dash: Option<usize>,
}

/// Makes documents of events, which it must get in order.
pub(super) struct Builder<'t> {
    text: &'t str,
    cursor: Cursor<'t>,
    limits: &'t Limits,
    events: usize,
    aliases: usize,
    open: Vec<Open>,
    flow: usize,
    nodes: Vec<Node>,
    anchors: HashMap<String, NodeId>,
    document: (usize, usize),
    pub(super) documents: Vec<Document>,
    /// Spans of all scalars that are not plain, in order.
    pub(super) scalars: Vec<Range<usize>>,
}

impl<'t> Builder<'t> {
    /// Starts at the byte `start` of `text`.
    pub(super) fn new(text: &'t str, start: usize, limits: &'t Limits) -> Self {
        Self {
            text,
            cursor: Cursor::new(text, start),
            limits,
            events: 0,
            aliases: 0,
            open: Vec::new(),
            flow: 0,
            nodes: Vec::new(),
            anchors: HashMap::new(),
            document: (0, 0),
            documents: Vec::new(),
            scalars: Vec::new(),
        }
    }

    /// Counts an event against the limits, before the parser reads on.
    pub(super) fn admit(&mut self, event: &Event) -> Result<(), YamlError> {
        let offset = self.cursor.pos();
        self.events += 1;
        if self.events > self.limits.events {
            let limit = self.limits.events;
            return Err(YamlError::TooManyEvents { offset, limit });
        }
        let opens = matches!(event, Event::SequenceStart(..) | Event::MappingStart(..));
        if opens && self.open.len() >= self.limits.depth {
            let limit = self.limits.depth;
            return Err(YamlError::TooDeep { offset, limit });
        }
        if matches!(event, Event::Alias(_)) {
            self.aliases += 1;
            if self.aliases > self.limits.aliases {
                let limit = self.limits.aliases;
                return Err(YamlError::TooManyAliases { offset, limit });
            }
        }
        Ok(())
    }

    /// Takes one event; `next` is the one after it.
    pub(super) fn event(
        &mut self,
        event: Event,
        marker: Marker,
        next: &(Event, Marker),
    ) -> Result<(), YamlError> {
        match event {
            Event::Nothing | Event::StreamStart | Event::StreamEnd => Ok(()),
            Event::DocumentStart => self.start_document(),
            Event::DocumentEnd => self.end_document(),
            Event::Alias(_) => self.alias(marker),
            Event::Scalar(value, style, anchor, tag) => {
                self.scalar(value, style, marker, anchor > 0, tag)
            }
            Event::SequenceStart(anchor, tag) => self.start_sequence(marker, anchor > 0, tag),
            Event::MappingStart(anchor, tag) => self.start_mapping(marker, anchor > 0, tag, next),
            Event::SequenceEnd | Event::MappingEnd => self.end_collection(),
        }
    }

    fn lost<T>(&self) -> Result<T, YamlError> {
        Err(YamlError::Unlocatable {
            offset: self.cursor.pos(),
        })
    }

    /// Moves over `indicator`, which must come next; its place.
    fn expect(&mut self, indicator: u8) -> Result<usize, YamlError> {
        self.cursor.skip_trivia();
        if self.cursor.peek() != Some(indicator) {
            return self.lost();
        }
        let at = self.cursor.pos();
        self.cursor.advance_to(at + 1);
        Ok(at)
    }

    fn start_document(&mut self) -> Result<(), YamlError> {
        let mut start = None;
        loop {
            self.cursor.skip_trivia();
            let at = self.cursor.pos();
            if self.cursor.column() > 0 {
                break;
            }
            if self.cursor.at_indicator("...") {
                self.cursor.advance_to(at + 3);
                start = None;
            } else if self.cursor.peek() == Some(b'%') {
                start = start.or(Some(at));
                self.cursor.advance_to(lex::line_end(self.text, at));
            } else if self.cursor.at_indicator("---") {
                start = start.or(Some(at));
                self.cursor.advance_to(at + 3);
                break;
            } else {
                break;
            }
        }
        let body = self.cursor.pos();
        let start = start.unwrap_or(body);
        if let Some(previous) = self.documents.last_mut() {
            previous.span.end = start;
        }
        self.document = (start, body);
        Ok(())
    }

    fn end_document(&mut self) -> Result<(), YamlError> {
        let (start, body) = self.document;
        let mut nodes = std::mem::take(&mut self.nodes);
        nodes.shrink_to_fit();
        self.anchors.clear();
        let root = nodes
            .first()
            .filter(|root| !root.outer.is_empty())
            .map(|_root| NodeId(0));
        self.documents.push(Document {
            nodes,
            root,
            span: start..self.text.len(),
            body,
        });
        Ok(())
    }

    /// Whether values stand in flow style here.
    fn in_flow(&self) -> bool {
        self.flow > 0
    }

    /// Reads what comes before the next value: `-`, `?`, `:` or `,`.
    fn lead(&mut self, is_written: bool) -> Result<Lead, YamlError> {
        let mut lead = Lead::default();
        let Some(open) = self.open.last() else {
            return Ok(lead);
        };
        let (id, has_key) = (open.id, open.key.is_some());
        match &self.nodes[id.0].kind {
            Kind::Sequence {
                style: CollectionStyle::Block,
                ..
            } => lead.dash = Some(self.expect(b'-')?),
            Kind::Sequence { items, .. } => {
                if !items.is_empty() {
                    self.expect(b',')?;
                }
            }
            Kind::Mapping { .. } if has_key => lead.colon = self.colon(is_written)?,
            Kind::Mapping { entries, style } => {
                if !entries.is_empty() && *style == CollectionStyle::Flow {
                    self.expect(b',')?;
                }
                self.cursor.skip_trivia();
                if self.cursor.at_indicator("?") {
                    lead.question = Some(self.expect(b'?')?);
                }
            }
            Kind::Scalar { .. } | Kind::Alias { .. } => return self.lost(),
        }
        Ok(lead)
    }

    /// The colon before a value. A value that is not written may have none, and
    /// then the cursor stays at the key's end.
    fn colon(&mut self, is_written: bool) -> Result<Option<usize>, YamlError> {
        if is_written {
            return self.expect(b':').map(Some);
        }
        let after = lex::skip_trivia(self.text, self.cursor.pos());
        let rest = &self.text[after..];
        let is_colon = rest.starts_with(':')
            && (self.in_flow() || rest[1..].is_empty() || rest[1..].starts_with(BLANKS));
        if is_colon {
            self.cursor.advance_to(after + 1);
            Ok(Some(after))
        } else {
            Ok(None)
        }
    }

    /// Reads anchor and tag in whatever order they come.
    fn properties(
        &mut self,
        has_anchor: bool,
        tag: Option<Tag>,
    ) -> Result<(Option<Property>, Option<Property>), YamlError> {
        let (mut anchor, mut tag_read) = (None, None);
        let count = usize::from(has_anchor) + usize::from(tag.is_some());
        let tag = tag.map(|tag| tag.handle + &tag.suffix);
        for _ in 0..count {
            self.cursor.skip_trivia();
            let start = self.cursor.pos();
            match (self.cursor.peek(), &tag) {
                (Some(b'&'), _) if has_anchor && anchor.is_none() => {
                    let end = lex::name_end(self.text, start);
                    let name = self.text[start + 1..end].to_owned();
                    let span = start..end;
                    anchor = Some(Property { name, span });
                    self.cursor.advance_to(end);
                }
                (Some(b'!'), Some(tag)) if tag_read.is_none() => {
                    let Some(end) = lex::tag_end(self.text, start) else {
                        return self.lost();
                    };
                    let name = tag.clone();
                    let span = start..end;
                    tag_read = Some(Property { name, span });
                    self.cursor.advance_to(end);
                }
                _ => return self.lost(),
            }
        }
        Ok((anchor, tag_read))
    }

    /// Adds a node whose properties were read and whose content is `span`.
    fn add(
        &mut self,
        span: Range<usize>,
        kind: Kind,
        anchor: Option<Property>,
        tag: Option<Property>,
    ) -> NodeId {
        let id = NodeId(self.nodes.len());
        let start = [&anchor, &tag]
            .into_iter()
            .flatten()
            .map(|property| property.span.start)
            .fold(span.start, usize::min);
        if let Some(anchor) = &anchor {
            self.anchors.insert(anchor.name.clone(), id);
        }
        self.nodes.push(Node {
            outer: start..span.end,
            span,
            kind,
            anchor: anchor.map(Box::new),
            tag: tag.map(Box::new),
            parent: None,
        });
        id
    }

    fn alias(&mut self, marker: Marker) -> Result<(), YamlError> {
        let lead = self.lead(true)?;
        self.cursor.skip_trivia();
        let start = self.cursor.pos();
        if self.cursor.peek() != Some(b'*') || !self.cursor.is_at(marker.line(), marker.col()) {
            return self.lost();
        }
        let end = lex::name_end(self.text, start);
        self.cursor.advance_to(end);
        let name = self.text[start + 1..end].to_owned();
        let span = start..end;
        let Some(&target) = self.anchors.get(&name) else {
            return Err(YamlError::UnknownAlias { name, span });
        };
        if self.open.iter().any(|open| open.id == target) {
            return Err(YamlError::RecursiveAlias { name, span });
        }
        let id = self.add(span, Kind::Alias { name, target }, None, None);
        self.attach(id, lead)
    }

    fn scalar(
        &mut self,
        mut value: String,
        style: TScalarStyle,
        marker: Marker,
        has_anchor: bool,
        tag: Option<Tag>,
    ) -> Result<(), YamlError> {
        let is_empty = value.is_empty() && style == TScalarStyle::Plain;
        let lead = self.lead(!is_empty || has_anchor || tag.is_some())?;
        let (anchor, tag) = self.properties(has_anchor, tag)?;
        let style = match style {
            TScalarStyle::Plain => ScalarStyle::Plain,
            TScalarStyle::SingleQuoted => ScalarStyle::SingleQuoted,
            TScalarStyle::DoubleQuoted => ScalarStyle::DoubleQuoted,
            TScalarStyle::Literal => ScalarStyle::Literal,
            TScalarStyle::Folded => ScalarStyle::Folded,
        };
        let span = if is_empty {
            self.cursor.pos()..self.cursor.pos()
        } else {
            self.cursor.skip_trivia();
            let start = self.cursor.pos();
            let end = if let Some(block) = self.block_end(&value, style, marker) {
                value = lex::at_text_end(self.text, block, &value).unwrap_or(value);
                block.end
            } else if let Some(end) = self.scalar_end(&value, style, marker) {
                end
            } else {
                return self.lost();
            };
            self.cursor.advance_to(end);
            if style != ScalarStyle::Plain {
                self.scalars.push(start..end);
            }
            start..end
        };
        let id = self.add(span, Kind::Scalar { value, style }, anchor, tag);
        self.attach(id, lead)
    }

    /// The end of the block scalar at the cursor, `None` if there is none.
    fn block_end(&self, value: &str, style: ScalarStyle, marker: Marker) -> Option<BlockEnd> {
        let is_block = matches!(style, ScalarStyle::Literal | ScalarStyle::Folded)
            && matches!(self.cursor.peek(), Some(b'|' | b'>'));
        // The marker of a block scalar is its first content character.
        let has_content = value.bytes().any(|byte| byte != b'\n');
        let indent = has_content.then(|| marker.col());
        is_block.then(|| lex::block_end(self.text, self.cursor.pos(), indent))
    }

    /// The end of the plain or quoted scalar at the cursor, `None` if there is none.
    fn scalar_end(&self, value: &str, style: ScalarStyle, marker: Marker) -> Option<usize> {
        let start = self.cursor.pos();
        let is_at = self.cursor.is_at(marker.line(), marker.col());
        match style {
            ScalarStyle::Plain if is_at => lex::plain_end(self.text, start, value),
            ScalarStyle::SingleQuoted if is_at && self.cursor.peek() == Some(b'\'') => {
                lex::quoted_end(self.text, start)
            }
            ScalarStyle::DoubleQuoted if is_at && self.cursor.peek() == Some(b'"') => {
                lex::quoted_end(self.text, start)
            }
            ScalarStyle::Plain
            | ScalarStyle::SingleQuoted
            | ScalarStyle::DoubleQuoted
            | ScalarStyle::Literal
            | ScalarStyle::Folded => None,
        }
    }

    fn start_sequence(
        &mut self,
        marker: Marker,
        has_anchor: bool,
        tag: Option<Tag>,
    ) -> Result<(), YamlError> {
        let lead = self.lead(true)?;
        let (anchor, tag) = self.properties(has_anchor, tag)?;
        self.cursor.skip_trivia();
        let start = self.cursor.pos();
        let is_at = self.cursor.is_at(marker.line(), marker.col());
        let style = match self.cursor.peek() {
            Some(b'[') if is_at => {
                self.cursor.advance_to(start + 1);
                CollectionStyle::Flow
            }
            Some(b'-') if !self.in_flow() => CollectionStyle::Block,
            _ => return self.lost(),
        };
        let items = Vec::new();
        let id = self.add(start..start, Kind::Sequence { items, style }, anchor, tag);
        self.start(id, style, lead)
    }

    fn start_mapping(
        &mut self,
        marker: Marker,
        has_anchor: bool,
        tag: Option<Tag>,
        next: &(Event, Marker),
    ) -> Result<(), YamlError> {
        let lead = self.lead(true)?;
        let (anchor, tag) = self.properties(has_anchor, tag)?;
        self.cursor.skip_trivia();
        let start = self.cursor.pos();
        // The marker of a mapping without braces may be that of its first key,
        // which may be a mapping in braces: then two events claim the brace.
        let is_first_key = matches!(next.0, Event::MappingStart(..)) && next.1 == marker;
        let is_brace = self.cursor.peek() == Some(b'{')
            && self.cursor.is_at(marker.line(), marker.col())
            && !is_first_key;
        let style = if is_brace {
            self.cursor.advance_to(start + 1);
            CollectionStyle::Flow
        } else if self.in_flow() {
            CollectionStyle::Pair
        } else {
            CollectionStyle::Block
        };
        let entries = Vec::new();
        let id = self.add(start..start, Kind::Mapping { entries, style }, anchor, tag);
        self.start(id, style, lead)
    }

    /// Opens a collection. It is attached to its parent at once; its end follows.
    fn start(&mut self, id: NodeId, style: CollectionStyle, lead: Lead) -> Result<(), YamlError> {
        self.attach(id, lead)?;
        if style != CollectionStyle::Block {
            self.flow += 1;
        }
        self.open.push(Open { id, key: None });
        Ok(())
    }

    fn end_collection(&mut self) -> Result<(), YamlError> {
        let Some(open) = self.open.pop() else {
            return self.lost();
        };
        let (style, close) = match &self.nodes[open.id.0].kind {
            Kind::Mapping { style, .. } => (*style, b'}'),
            Kind::Sequence { style, .. } => (*style, b']'),
            Kind::Scalar { .. } | Kind::Alias { .. } => return self.lost(),
        };
        if style != CollectionStyle::Block {
            self.flow -= 1;
        }
        if style == CollectionStyle::Flow {
            self.cursor.skip_trivia();
            if self.cursor.peek() == Some(b',') {
                self.expect(b',')?;
            }
            self.expect(close)?;
        }
        let end = self.cursor.pos();
        let node = &mut self.nodes[open.id.0];
        node.span.end = end;
        node.outer.end = end;
        // Thousands of files are kept until the end of a run.
        match &mut node.kind {
            Kind::Mapping { entries, .. } => entries.shrink_to_fit(),
            Kind::Sequence { items, .. } => items.shrink_to_fit(),
            Kind::Scalar { .. } | Kind::Alias { .. } => {}
        }
        self.close_child(open.id, end);
        self.check_keys(open.id)
    }

    /// Tells the parent of a collection where its child ends.
    fn close_child(&mut self, id: NodeId, end: usize) {
        let Some((parent, role)) = self.nodes[id.0].parent else {
            return;
        };
        match (&mut self.nodes[parent.0].kind, role) {
            (Kind::Mapping { entries, .. }, Role::Value(index)) => entries[index].span.end = end,
            (Kind::Sequence { items, .. }, Role::Item(index)) => items[index].span.end = end,
            _ => {}
        }
    }

    /// Makes the node the next key, value or item of the innermost collection.
    fn attach(&mut self, id: NodeId, lead: Lead) -> Result<(), YamlError> {
        let Some(open) = self.open.last_mut() else {
            return Ok(());
        };
        let outer = self.nodes[id.0].outer.clone();
        let key = open.key.take();
        let parent = open.id;
        let (role, pending) = match (&self.nodes[parent.0].kind, &key) {
            (Kind::Sequence { items, .. }, _) => (Role::Item(items.len()), None),
            (Kind::Mapping { entries, .. }, Some(_)) => (Role::Value(entries.len()), None),
            (Kind::Mapping { entries, .. }, None) => {
                let question = lead.question;
                (Role::Key(entries.len()), Some(PendingKey { question, id }))
            }
            (Kind::Scalar { .. } | Kind::Alias { .. }, _) => return self.lost(),
        };
        open.key = pending;
        self.nodes[id.0].parent = Some((parent, role));
        let key_start = key.as_ref().map(|key| self.nodes[key.id.0].outer.start);
        match (&mut self.nodes[parent.0].kind, key) {
            (Kind::Sequence { items, .. }, _) => items.push(Item {
                node: id,
                span: lead.dash.unwrap_or(outer.start)..outer.end,
                dash: lead.dash,
            }),
            (Kind::Mapping { entries, .. }, Some(key)) => {
                let start = key.question.or(key_start).unwrap_or(outer.start);
                entries.push(Entry {
                    key: key.id,
                    value: id,
                    span: start..outer.end,
                    question: key.question,
                    colon: lead.colon,
                });
            }
            _ => {}
        }
        Ok(())
    }

    /// Refuses a mapping with two keys that read the same.
    fn check_keys(&self, id: NodeId) -> Result<(), YamlError> {
        let mut seen = HashMap::new();
        for entry in self.nodes[id.0].entries() {
            let mut key = entry.key;
            while let Kind::Alias { target, .. } = &self.nodes[key.0].kind {
                key = *target;
            }
            let node = &self.nodes[key.0];
            let Some(name) = resolve::key_identity(node) else {
                continue;
            };
            let second = self.nodes[entry.key.0].span.clone();
            let identity = (node.is_merge_key(), name);
            if let Some(first) = seen.insert(identity, second.clone()) {
                let key = self.text[second.clone()].to_owned();
                return Err(YamlError::DuplicateKey { key, first, second });
            }
        }
        Ok(())
    }
}

/// What separates a colon from the value after it.
const BLANKS: [char; 4] = [' ', '\t', '\n', '\r'];
