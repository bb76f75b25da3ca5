//! Keys and items that come and go.

use std::ops::Range;

use serde_yaml::Value;

use super::site::{Site, Splice};
use crate::yaml::emit;
use crate::yaml::lex;
use crate::yaml::node::{CollectionStyle, Kind, NodeId, ScalarStyle};

impl Site<'_> {
    /// The spans of the entries or items of `id`.
    fn children(&self, id: NodeId) -> Vec<Range<usize>> {
        match &self.document.node(id).kind {
            Kind::Mapping { entries, .. } => {
                entries.iter().map(|entry| entry.span.clone()).collect()
            }
            Kind::Sequence { items, .. } => items.iter().map(|item| item.span.clone()).collect(),
            Kind::Scalar { .. } | Kind::Alias { .. } => Vec::new(),
        }
    }

    /// Appends `key: value` to the mapping `id`.
    pub(super) fn insert_entry(
        &self,
        id: NodeId,
        key: &Value,
        value: &Value,
    ) -> Option<Vec<Splice>> {
        let children = self.children(id);
        match (self.style(id)?, children.as_slice()) {
            (CollectionStyle::Block, [first, ..]) => {
                let column = self.column(first.start);
                let fit = self.fit(children.last()?.end);
                let entry = fit.entry(key, value, column)?;
                Some(vec![self.line_after(children.last()?.end, column, &entry)])
            }
            (CollectionStyle::Flow, []) if self.becomes_block(id) => {
                let mapping = [(key.clone(), value.clone())].into_iter().collect();
                self.replace(id, &Value::Mapping(mapping))
            }
            (CollectionStyle::Flow, children) => {
                let entry = emit::flow_entry(key, value, self.flow(id))?;
                Some(self.append_in_flow(id, children, &entry))
            }
            (CollectionStyle::Block, []) | (CollectionStyle::Pair, _) => None,
        }
    }

    /// Inserts `value` before the item `index` of the list `id`, or at its end.
    pub(super) fn insert_item(
        &self,
        id: NodeId,
        index: usize,
        value: &Value,
    ) -> Option<Vec<Splice>> {
        let children = self.children(id);
        match (self.style(id)?, children.as_slice()) {
            (CollectionStyle::Block, [first, ..]) => {
                let column = self.column(first.start);
                if let Some(before) = index.checked_sub(1) {
                    let end = children.get(before)?.end;
                    let item = self.fit(end).item(value, column)?;
                    return Some(vec![self.line_after(end, column, &item)]);
                }
                let fit = self.fit(first.start);
                let item = fit.item(value, column)? + &fit.new_line(column);
                Some(vec![Splice::insert(first.start, item)])
            }
            (CollectionStyle::Flow, []) if self.becomes_block(id) => {
                self.replace(id, &Value::Sequence(vec![value.clone()]))
            }
            (CollectionStyle::Flow, children) => {
                let how = self.flow(id);
                let text = emit::flow(value, how)?;
                let Some(next) = children.get(index) else {
                    return Some(self.append_in_flow(id, children, &text));
                };
                let space = if self.starts_line(next.start) {
                    self.fit(next.start).line_break.to_owned() + self.indentation(next.start)
                } else if how.compact {
                    String::new()
                } else {
                    " ".to_owned()
                };
                Some(vec![Splice::insert(next.start, format!("{text},{space}"))])
            }
            (CollectionStyle::Block, []) | (CollectionStyle::Pair, _) => None,
        }
    }

    /// `text` on a line of its own below that of `end`.
    fn line_after(&self, end: usize, column: usize, text: &str) -> Splice {
        let line = self.fit(end).new_line(column) + text;
        Splice::insert(lex::line_end(self.text, end), line)
    }

    /// Whether the empty `{}` or `[]` may become lines: not inside other
    /// brackets, not as the whole document, not with a comment in it.
    fn becomes_block(&self, id: NodeId) -> bool {
        let node = self.document.node(id);
        let inner = &self.text[node.span.start + 1..node.span.end - 1];
        node.parent.is_some() && !self.in_flow(id) && inner.trim().is_empty()
    }

    /// Appends `text` inside the brackets of `id`: on a line of its own if the
    /// last child has one. A comma at the end stays at the end.
    fn append_in_flow(&self, id: NodeId, children: &[Range<usize>], text: &str) -> Vec<Splice> {
        let Some(last) = children.last() else {
            let start = self.document.node(id).span.start + 1;
            return vec![Splice::insert(start, text)];
        };
        let comma = self.comma_after(last.end);
        if !self.starts_line(last.start) {
            let space = if self.flow(id).compact { "" } else { " " };
            return vec![Splice::insert(last.end, format!(",{space}{text}"))];
        }
        let fit = self.fit(last.start);
        let line = format!("{}{}{text}", fit.line_break, self.indentation(last.start));
        let after = comma.map_or(last.end, |comma| comma + 1);
        if !self.ends_line(after) {
            return vec![Splice::insert(last.end, format!(",{line}"))];
        }
        let end = lex::line_end(self.text, after);
        match comma {
            Some(_) => vec![Splice::insert(end, line + ",")],
            None if end == last.end => vec![Splice::insert(end, format!(",{line}"))],
            None => vec![Splice::insert(last.end, ","), Splice::insert(end, line)],
        }
    }

    /// The comma that follows a child inside brackets.
    fn comma_after(&self, end: usize) -> Option<usize> {
        let at = lex::skip_trivia(self.text, end);
        self.text[at..].starts_with(',').then_some(at)
    }

    /// Takes the child `index` out of the list or mapping `id`.
    pub(super) fn remove(&self, id: NodeId, index: usize) -> Option<Vec<Splice>> {
        let children = self.children(id);
        let child = children.get(index)?;
        match self.style(id)? {
            CollectionStyle::Pair => None,
            CollectionStyle::Block if children.len() == 1 => {
                let empty = match self.document.node(id).kind {
                    Kind::Mapping { .. } => "{}",
                    Kind::Sequence { .. } | Kind::Scalar { .. } | Kind::Alias { .. } => "[]",
                };
                Some(self.put_inline(id, empty))
            }
            CollectionStyle::Block if self.starts_line(child.start) => {
                Some(vec![Splice::delete(self.removable_lines(child))])
            }
            CollectionStyle::Block => {
                // Behind a dash: what follows moves up into its place.
                let end = lex::line_end(self.text, child.end);
                let next = end + lex::line_break(self.text, end).len();
                let next = lex::skip_blanks(self.text, next);
                Some(vec![Splice::delete(child.start..next)])
            }
            CollectionStyle::Flow => Some(self.remove_in_flow(&children, index)),
        }
    }

    /// The lines of a child that goes. Empty lines and line ends behind it must
    /// not become part of a text in front of it that keeps them.
    fn removable_lines(&self, child: &Range<usize>) -> Range<usize> {
        let lines = self.lines(child);
        let start = lex::line_start(self.text, child.start);
        let before = self.text[..start].trim_end_matches([' ', '\n', '\r']).len();
        let text_before = self.document.nodes.iter().find(|node| {
            let is_block = matches!(
                node.scalar(),
                Some((_, ScalarStyle::Literal | ScalarStyle::Folded))
            );
            is_block && (before..start).contains(&node.span.end)
        });
        let Some(text_before) = text_before else {
            return lines;
        };
        if lines.start < start {
            return start..lines.end;
        }
        let header = self.text[text_before.span.start..].bytes().skip(1);
        let mut indicators = header.take_while(|byte| matches!(byte, b'+' | b'-' | b'1'..=b'9'));
        let mut end = lines.end;
        if indicators.any(|byte| byte == b'+') {
            loop {
                let rest = self.text[end..].trim_start_matches(' ');
                let blank = self.text.len() - rest.len();
                let line_break = lex::line_break(self.text, blank);
                if line_break.is_empty() {
                    break;
                }
                end = blank + line_break.len();
            }
        }
        lines.start..end
    }

    fn remove_in_flow(&self, children: &[Range<usize>], index: usize) -> Vec<Splice> {
        let child = &children[index];
        let comma = self.comma_after(child.end);
        let end = comma.map_or(child.end, |comma| comma + 1);
        let has_lines = self.starts_line(child.start) && self.ends_line(end);
        if index + 1 < children.len() || index == 0 {
            if has_lines {
                return vec![Splice::delete(self.lines(&(child.start..end)))];
            }
            let next = lex::skip_blanks(self.text, end);
            let is_comment = self.text[next..].starts_with('#');
            let to = if is_comment { end } else { next };
            return vec![Splice::delete(child.start..to)];
        }
        // The last of several: the comma before it goes too, unless one follows.
        let comma_before = self.comma_after(children[index - 1].end);
        let after_comma = comma_before.map_or(child.start, |comma| comma + 1);
        let is_commented = self.text[after_comma..child.start].contains('#');
        let from = match (has_lines, self.previous_line_end(child.start)) {
            (true, Some(previous)) => previous,
            _ if is_commented => child.start,
            _ => after_comma,
        };
        let to = if has_lines {
            lex::line_end(self.text, end)
        } else {
            end
        };
        let mut splices = vec![Splice::delete(from..to)];
        if let Some(before) = comma_before.filter(|_| comma.is_none()) {
            splices.push(Splice::delete(before..before + 1));
        }
        splices
    }
}
