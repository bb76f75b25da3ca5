//! New text where a value stands: another scalar, or another value altogether.

use serde_yaml::Value;

use super::site::{Site, Splice};
use crate::yaml::emit::{self, Fit, Quotes};
use crate::yaml::lex;
use crate::yaml::node::{Kind, Node, NodeId, Role, ScalarStyle};
use crate::yaml::resolve::{Scalar, core_tag};

impl Site<'_> {
    /// Makes `id`, a scalar or an alias, the given scalar. Quotes stay when the
    /// text stays text or a tag says what it is; a tag that would say something
    /// wrong goes. `None` when the tag is not one of YAML's own.
    pub(super) fn set_scalar(&self, id: NodeId, scalar: &Scalar) -> Option<Vec<Splice>> {
        let node = self.document.node(id);
        let keeps_tag = keeps_tag(node, scalar)?;
        let text = self.scalar_text(node, id, scalar, keeps_tag)?;
        let mut splices = self.put(id, &text);
        if !keeps_tag {
            splices.extend(self.without_tag(id));
        }
        Some(splices)
    }

    fn scalar_text(
        &self,
        node: &Node,
        id: NodeId,
        scalar: &Scalar,
        keeps_tag: bool,
    ) -> Option<String> {
        let value = Value::from(scalar.clone());
        let text = emit::scalar(&value, self.quotes(id))?;
        let is_text = matches!(scalar, Scalar::String(_));
        let quote = match node.scalar() {
            Some((_, ScalarStyle::SingleQuoted)) => "'",
            Some((_, ScalarStyle::DoubleQuoted)) => "\"",
            _ => "",
        };
        // `!!int "10"` becomes `!!int "70"`.
        if keeps_tag && node.tag.is_some() && !is_text {
            return Some(format!("{quote}{text}{quote}"));
        }
        Some(text)
    }

    /// Writes `text`, one line, where the scalar, alias or flow collection `id` stands.
    fn put(&self, id: NodeId, text: &str) -> Vec<Splice> {
        let node = self.document.node(id);
        if !node.is_unwritten() {
            return vec![Splice::replace(self.written(id), text)];
        }
        match self.entry_of(id).filter(|entry| entry.colon.is_none()) {
            None => vec![Splice::insert(self.slot(id), format!(" {text}"))],
            Some(entry) => {
                let key_end = self.document.node(entry.key).outer.end;
                match entry.question {
                    Some(question) if !self.in_flow(id) => {
                        let line = self.fit(key_end).new_line(self.column(question));
                        let at = lex::line_end(self.text, key_end);
                        vec![Splice::insert(at, format!("{line}: {text}"))]
                    }
                    _ => vec![Splice::insert(key_end, format!(": {text}"))],
                }
            }
        }
    }

    /// Makes `id` the given value, whatever it was. The anchor stays, the tag
    /// goes. `None` when the value cannot be written.
    pub(super) fn replace(&self, id: NodeId, value: &Value) -> Option<Vec<Splice>> {
        let mut splices = if self.in_flow(id) {
            self.put(id, &emit::flow(value, self.flow(id))?)
        } else if emit::is_filled(value) {
            self.put_block(id, value)?
        } else {
            self.put_leaf(id, value)?
        };
        splices.extend(self.without_tag(id));
        Some(splices)
    }

    /// Writes a scalar or an empty collection in block context.
    fn put_leaf(&self, id: NodeId, value: &Value) -> Option<Vec<Splice>> {
        let text = match value {
            Value::Sequence(_) => "[]".to_owned(),
            Value::Mapping(_) => "{}".to_owned(),
            Value::Null
            | Value::Bool(_)
            | Value::Number(_)
            | Value::String(_)
            | Value::Tagged(_) => emit::scalar(value, Quotes::Needed)?,
        };
        Some(self.put_inline(id, &text))
    }

    /// Writes one line of text for whatever `id` is in block context. Comments
    /// behind the key stay.
    pub(super) fn put_inline(&self, id: NodeId, text: &str) -> Vec<Splice> {
        let node = self.document.node(id);
        let is_below = node.parent.is_some() && self.starts_line(node.span.start);
        if self.is_filled_block(id) && is_below {
            return vec![
                Splice::insert(self.slot(id), format!(" {text}")),
                Splice::delete(self.lines(&self.written(id))),
            ];
        }
        self.put(id, text)
    }

    /// Writes a list or mapping in block style.
    fn put_block(&self, id: NodeId, value: &Value) -> Option<Vec<Splice>> {
        let node = self.document.node(id);
        let written = self.written(id);
        let after = lex::line_end(self.text, written.end);
        let fit = self.fit(written.end);
        let fit_before_comment = Fit {
            lines: after == written.end,
            ..fit
        };
        if self.is_filled_block(id) {
            return self.put_block_over_block(id, value, &fit_before_comment);
        }
        let slot = self.slot(id);
        let has_properties = node.outer.start != node.span.start;
        let below = |column: usize| -> Option<Vec<Splice>> {
            let lines = fit.new_line(column) + &fit.block(value, column)?;
            let (end, space) = self.behind(written.end);
            Some(vec![
                Splice::replace(slot.min(written.start)..end, space),
                Splice::insert(after, lines),
            ])
        };
        match (node.parent, self.entry_of(id)) {
            (None, _) if self.starts_line(node.outer.start) && !has_properties => {
                let block = fit_before_comment.block(value, self.column(written.start))?;
                Some(vec![Splice::replace(written, block)])
            }
            (None, _) => below(0),
            (Some(_), Some(entry)) => {
                let key = self.column(entry.span.start);
                if entry.colon.is_none() {
                    let line = fit.new_line(key) + ":" + &fit.after_colon(value, key)?;
                    return Some(vec![Splice::insert(after, line)]);
                }
                let column = self.column(written.start);
                if !written.is_empty() && self.starts_line(written.start) && column > key {
                    let block = fit_before_comment.block(value, column)?;
                    return Some(vec![Splice::replace(written, block)]);
                }
                below(
                    key + if matches!(value, Value::Sequence(_)) {
                        fit.dash
                    } else {
                        fit.step
                    },
                )
            }
            (Some((_, Role::Item(_) | Role::Key(_) | Role::Value(_))), None) => {
                let dash = self.item_column(id)?;
                if has_properties || !self.is_bare_after(written.end) {
                    return below(dash + 2);
                }
                let block = format!(" {}", fit_before_comment.block(value, dash + 2)?);
                Some(vec![Splice::replace(slot..written.end, block)])
            }
        }
    }

    /// What to take away, and what to leave, when nothing but blanks and a comment
    /// stay behind a dash: other parsers refuse a tab there.
    fn behind(&self, end: usize) -> (usize, &'static str) {
        let after = lex::skip_blanks(self.text, end);
        if !self.text[end..after].contains('\t') {
            (end, "")
        } else if self.text[after..].starts_with('#') {
            (after, " ")
        } else {
            (after, "")
        }
    }

    /// A block collection takes the place of another, at its column.
    fn put_block_over_block(
        &self,
        id: NodeId,
        value: &Value,
        fit: &Fit<'_>,
    ) -> Option<Vec<Splice>> {
        let written = self.written(id);
        let column = self.column(written.start);
        let is_mapping = matches!(value, Value::Mapping(_));
        let key = self.entry_of(id).map(|entry| self.column(entry.span.start));
        // A list may stand right under its key, a mapping may not.
        if let Some(key) = key
            && is_mapping
            && column <= key
            && self.starts_line(written.start)
        {
            let column = key + fit.step;
            let start = lex::line_start(self.text, written.start);
            let block = " ".repeat(column) + &fit.block(value, column)?;
            return Some(vec![Splice::replace(start..written.end, block)]);
        }
        let block = fit.block(value, column)?;
        Some(vec![Splice::replace(written, block)])
    }

    /// Column of the dash before the item `id`.
    fn item_column(&self, id: NodeId) -> Option<usize> {
        let (parent, role) = self.document.node(id).parent?;
        let Role::Item(index) = role else {
            return None;
        };
        let item = self.document.node(parent).items().get(index)?;
        Some(self.column(item.dash?))
    }

    /// The first value of an empty document.
    pub(super) fn put_root(&self, value: &Value) -> Option<Vec<Splice>> {
        let body = self.document.body;
        let fit = self.fit(body);
        let text = if emit::is_filled(value) {
            fit.block(value, 0)?
        } else {
            emit::flow(value, self.plain_flow())?
        };
        let at = lex::line_end(self.text, body);
        Some(vec![Splice::insert(at, fit.new_line(0) + &text)])
    }

    fn plain_flow(&self) -> emit::Flow {
        emit::Flow {
            json: false,
            compact: false,
        }
    }
}

/// Whether the tag of `node` still says the truth about `scalar`; `None` when
/// it is a tag that only its owner understands.
fn keeps_tag(node: &Node, scalar: &Scalar) -> Option<bool> {
    let Some(tag) = &node.tag else {
        return Some(true);
    };
    if matches!(node.kind, Kind::Alias { .. }) {
        return Some(true);
    }
    match (core_tag(&tag.name), tag.name.as_str(), scalar) {
        (Some("int"), _, Scalar::Number(number)) => Some(!number.is_f64()),
        (Some("float"), _, Scalar::Number(number)) => Some(number.is_f64()),
        (Some("bool"), _, Scalar::Bool(_))
        | (Some("null"), _, Scalar::Null)
        | (Some("str"), _, Scalar::String(_))
        | (None, "!", Scalar::String(_)) => Some(true),
        (Some(_), _, _) | (None, "!", _) => Some(false),
        (None, _, _) => None,
    }
}
