//! Texts in many hands: block and flow, quotes, comments, anchors, line ends.

use proptest::prelude::*;
use serde_yaml::{Mapping, Value};

/// A value and the whims of whoever writes it.
#[derive(Debug, Clone)]
pub(super) struct Tree {
    what: What,
    /// Decides about style, comments and blanks.
    whim: u16,
}

#[derive(Debug, Clone)]
enum What {
    Null,
    Int(i64),
    Word(String),
    Lines(String),
    /// An earlier value with an anchor, if there is one.
    Alias,
    List(Vec<Tree>),
    /// Values with their keys, or keys made up on the way.
    Map(Vec<(Option<String>, Tree)>),
}

/// A whole file.
#[derive(Debug, Clone)]
pub(super) struct File {
    documents: Vec<Tree>,
    mark: bool,
    line_break: u8,
    final_break: bool,
}

/// A file and what its documents mean.
#[derive(Debug, Clone)]
pub(super) struct Written {
    pub(super) text: String,
    pub(super) values: Vec<Value>,
}

fn word() -> impl Strategy<Value = String> {
    prop_oneof![
        4 => "[a-z]{1,6}",
        1 => Just("é ü".to_owned()),
        1 => Just("a: b, #c".to_owned()),
        1 => Just("it's \"so\"".to_owned()),
        1 => Just(String::new()),
        1 => Just("true".to_owned()),
        1 => Just("日本 \u{1f600}".to_owned()),
    ]
}

pub(super) fn tree() -> impl Strategy<Value = Tree> {
    let leaf = prop_oneof![
        1 => Just(What::Null),
        3 => (0..2000i64).prop_map(What::Int),
        3 => word().prop_map(What::Word),
        1 => "[a-z]{1,3}( [a-z]{1,3}|\n\n?[a-z é]{0,3}[a-z]){0,3}".prop_map(What::Lines),
        1 => Just(What::Alias),
    ];
    let leaf = (leaf, any::<u16>()).prop_map(|(what, whim)| Tree { what, whim });
    leaf.prop_recursive(4, 24, 4, |inner| {
        let what = prop_oneof![
            1 => prop::collection::vec(inner.clone(), 0..4).prop_map(What::List),
            2 => prop::collection::vec(inner.prop_map(|tree| (None, tree)), 0..4)
                .prop_map(What::Map),
        ];
        (what, any::<u16>()).prop_map(|(what, whim)| Tree { what, whim })
    })
}

pub(super) fn file() -> impl Strategy<Value = File> {
    let documents = prop::collection::vec(tree(), 1..3);
    (documents, any::<bool>(), 0..4u8, any::<bool>()).prop_map(
        |(documents, mark, line_break, final_break)| File {
            documents,
            mark,
            line_break,
            final_break,
        },
    )
}

/// What one value is when written without whims.
pub(super) fn plain_value() -> impl Strategy<Value = Value> {
    tree().prop_map(|tree| Writer::new(0).flow(&tree))
}

/// A document that means `value`, in the hand that `whims` and `line_break`
/// decide about.
pub(crate) fn by_hand(value: &Value, whims: &[u16], line_break: u8) -> String {
    let mut whims = whims.iter().copied().cycle();
    let tree = Tree::of(value, &mut || whims.next().unwrap_or_default());
    let mut writer = Writer::new(line_break);
    writer.root(&tree);
    writer.line();
    writer.text
}

impl Tree {
    fn of(value: &Value, whim: &mut impl FnMut() -> u16) -> Self {
        let what = match value {
            Value::Number(number) => What::Int(number.as_i64().unwrap()),
            Value::String(text) => What::Word(text.clone()),
            Value::Sequence(items) => {
                What::List(items.iter().map(|item| Self::of(item, whim)).collect())
            }
            Value::Mapping(mapping) => {
                let entries = mapping.iter().map(|(key, value)| {
                    let key = key.as_str().map(str::to_owned);
                    (key, Self::of(value, whim))
                });
                What::Map(entries.collect())
            }
            Value::Null | Value::Bool(_) | Value::Tagged(_) => What::Null,
        };
        Self { what, whim: whim() }
    }

    /// Is it a list or mapping with something in it?
    fn is_filled(&self) -> bool {
        match &self.what {
            What::List(items) => !items.is_empty(),
            What::Map(items) => !items.is_empty(),
            What::Null | What::Int(_) | What::Word(_) | What::Lines(_) | What::Alias => false,
        }
    }
}

impl File {
    pub(super) fn write(&self) -> Written {
        let mut writer = Writer::new(self.line_break);
        if self.mark {
            writer.text.push('\u{feff}');
        }
        let mut values = Vec::new();
        for (number, tree) in self.documents.iter().enumerate() {
            writer.anchors.clear();
            let whim = tree.whim >> 8;
            if number > 0 || whim.is_multiple_of(3) {
                if number > 0 && whim % 4 == 1 {
                    writer.text += "...";
                    writer.line();
                    writer.text += "%YAML 1.2";
                    writer.line();
                }
                writer.text += if whim.is_multiple_of(2) {
                    "---"
                } else {
                    "--- # new: one"
                };
                writer.line();
            } else if whim % 3 == 1 {
                writer.text += "# first: document";
                writer.line();
            }
            values.push(writer.root(tree));
            writer.line();
        }
        let mut text = writer.text;
        // Without it a block scalar at the end would be a different one.
        if !self.final_break && !text.contains('|') {
            text.truncate(text.trim_end_matches(['\r', '\n']).len());
        }
        Written { text, values }
    }
}

struct Writer {
    text: String,
    line_break: u8,
    lines: usize,
    anchors: Vec<(String, Value)>,
    keys: usize,
    kept: bool,
}

impl Writer {
    fn new(line_break: u8) -> Self {
        Self {
            text: String::new(),
            line_break,
            lines: 0,
            anchors: Vec::new(),
            keys: 0,
            kept: false,
        }
    }

    fn line(&mut self) {
        self.lines += 1;
        let breaks = ["\n", "\r\n", "\r"];
        let one = match self.line_break {
            fixed @ 0..=2 => usize::from(fixed),
            _ => self.lines % 3,
        };
        // A line feed right behind a carriage return would be part of that.
        let after_return = self.text.ends_with('\r') && breaks[one] == "\n";
        self.text += if after_return { "\r" } else { breaks[one] };
    }

    fn comment(&mut self, whim: u16) {
        if whim.is_multiple_of(5) {
            self.text += " # weight: 1, {é}";
        }
    }

    /// Behind a value there may be tabs; `libyaml` refuses them behind a dash.
    fn comment_or_tab(&mut self, whim: u16) {
        self.comment(whim);
        if whim % 5 == 1 {
            self.text += " \t";
        }
    }

    fn own_comment(&mut self, column: usize, whim: u16) {
        // An empty line would belong to the text that keeps it.
        let after_kept = std::mem::take(&mut self.kept);
        if whim.is_multiple_of(7) {
            self.text += &" ".repeat(column);
            self.text += "# - before: [";
            self.line();
        } else if whim % 7 == 1 && !after_kept {
            self.line();
        }
    }

    fn anchor(&mut self, whim: u16, value: &Value) {
        if whim.is_multiple_of(11) {
            let name = format!("a{}", self.anchors.len());
            self.text += &format!("&{name} ");
            self.anchors.push((name, value.clone()));
        }
    }

    fn root(&mut self, tree: &Tree) -> Value {
        match &tree.what {
            What::List(_) | What::Map(_) if tree.is_filled() && !tree.whim.is_multiple_of(4) => {
                self.block(tree, 0)
            }
            What::Null => {
                self.text += "null";
                Value::Null
            }
            What::Int(_)
            | What::Word(_)
            | What::Lines(_)
            | What::Alias
            | What::List(_)
            | What::Map(_) => self.flow(tree),
        }
    }

    /// Keys or dashes at `column`, the first without indentation; ends before
    /// the last line end.
    fn block(&mut self, tree: &Tree, column: usize) -> Value {
        match &tree.what {
            What::List(items) => {
                let mut values = Vec::new();
                for (index, item) in items.iter().enumerate() {
                    if index > 0 {
                        self.line();
                        self.own_comment(column, item.whim >> 3);
                        self.text += &" ".repeat(column);
                    }
                    self.text += "-";
                    values.push(self.after(item, column, None));
                }
                Value::Sequence(values)
            }
            What::Map(items) => {
                let mut mapping = Mapping::new();
                for (index, (name, item)) in items.iter().enumerate() {
                    if index > 0 {
                        self.line();
                        self.own_comment(column, item.whim >> 3);
                        self.text += &" ".repeat(column);
                    }
                    let name = self.key_name(name.as_ref(), item.whim >> 6);
                    if item.whim.is_multiple_of(13) {
                        self.text += "? ";
                        self.text += &key_text(&name, item.whim >> 4);
                        self.line();
                        self.text += &" ".repeat(column);
                    } else {
                        self.text += &key_text(&name, item.whim >> 4);
                    }
                    self.text += ":";
                    let value = self.after(item, column, Some(tree.whim));
                    mapping.insert(name.into(), value);
                }
                Value::Mapping(mapping)
            }
            What::Null | What::Int(_) | What::Word(_) | What::Lines(_) | What::Alias => {
                self.flow(tree)
            }
        }
    }

    fn key_name(&mut self, name: Option<&String>, whim: u16) -> String {
        if let Some(name) = name {
            return name.clone();
        }
        self.keys += 1;
        let names = ["k", "weight", "é", "a b", "x.y/z"];
        format!("{}{}", names[usize::from(whim) % names.len()], self.keys)
    }

    /// What follows a dash, or the colon of a key in a mapping of that whim.
    fn after(&mut self, tree: &Tree, column: usize, mapping: Option<u16>) -> Value {
        let whim = tree.whim;
        let is_empty = matches!(tree.what, What::List(_) | What::Map(_)) && !tree.is_filled();
        let in_block = !is_empty && !whim.is_multiple_of(5);
        match &tree.what {
            What::List(_) if in_block && mapping.is_some_and(|whim| whim.is_multiple_of(2)) => {
                self.comment(whim >> 2);
                self.line();
                self.text += &" ".repeat(column);
                self.block(tree, column)
            }
            What::List(_) | What::Map(_) if in_block => {
                if mapping.is_none() && !whim.is_multiple_of(3) {
                    self.text += " ";
                    return self.block(tree, column + 2);
                }
                self.comment(whim >> 2);
                self.line();
                self.own_comment(column + 2, whim >> 5);
                self.text += &" ".repeat(column + 2);
                self.block(tree, column + 2)
            }
            What::Null if whim.is_multiple_of(3) => {
                self.comment(whim >> 2);
                Value::Null
            }
            What::Lines(text) if !whim.is_multiple_of(3) => self.literal(text, column, whim),
            What::Alias | What::Null | What::Int(_) | What::Word(_) | What::Lines(_)
                if whim % 17 == 1 =>
            {
                self.line();
                self.text += &" ".repeat(column + 1);
                let value = self.flow(tree);
                self.comment_or_tab(whim >> 2);
                value
            }
            What::Null
            | What::Int(_)
            | What::Word(_)
            | What::Lines(_)
            | What::Alias
            | What::List(_)
            | What::Map(_) => {
                self.text += " ";
                let value = self.flow(tree);
                self.comment_or_tab(whim >> 2);
                value
            }
        }
    }

    fn literal(&mut self, text: &str, column: usize, whim: u16) -> Value {
        let (header, end) = match whim % 4 {
            0 => ("|", "\n"),
            1 => ("|-", ""),
            2 => ("|2", "\n"),
            _ => ("|+ # keep", "\n"),
        };
        self.kept = header.starts_with("|+");
        // A root scalar never comes here, so an indicator counts from `column`.
        self.text += " ";
        self.text += header;
        for line in text.split('\n') {
            self.line();
            if !line.is_empty() {
                self.text += &" ".repeat(column + 2);
                self.text += line;
            }
        }
        format!("{text}{end}").into()
    }

    /// On one line.
    fn flow(&mut self, tree: &Tree) -> Value {
        let whim = tree.whim;
        let space = if whim.is_multiple_of(3) { " " } else { "" };
        match &tree.what {
            What::Null => {
                self.text += if whim.is_multiple_of(2) { "null" } else { "~" };
                Value::Null
            }
            What::Int(number) => {
                let value = Value::from(*number);
                self.anchor(whim, &value);
                self.text += &match whim % 6 {
                    0 => format!("!!int '{number}'"),
                    1 => format!("{number:#x}"),
                    _ => number.to_string(),
                };
                value
            }
            What::Word(text) => {
                let value = Value::from(text.as_str());
                self.anchor(whim, &value);
                self.text += &scalar_text(text, whim >> 2);
                value
            }
            What::Lines(text) => {
                self.text += &format!("{text:?}");
                text.as_str().into()
            }
            What::Alias => match self.anchors.get(usize::from(whim) % 3).cloned() {
                Some((name, value)) => {
                    self.text += &format!("*{name}");
                    value
                }
                None => {
                    self.text += "none";
                    "none".into()
                }
            },
            What::List(items) => {
                let mut values = Vec::new();
                self.text += &format!("[{space}");
                for (index, item) in items.iter().enumerate() {
                    if index > 0 {
                        self.text += ", ";
                    }
                    values.push(self.flow(item));
                }
                self.text += &format!("{space}]");
                Value::Sequence(values)
            }
            What::Map(items) => {
                let mut mapping = Mapping::new();
                self.text += &format!("{{{space}");
                for (index, (name, item)) in items.iter().enumerate() {
                    if index > 0 {
                        self.text += ", ";
                    }
                    let name = self.key_name(name.as_ref(), item.whim >> 6);
                    self.text += &key_text(&name, item.whim >> 4);
                    self.text += ": ";
                    let value = self.flow(item);
                    mapping.insert(name.into(), value);
                }
                if !items.is_empty() && whim.is_multiple_of(7) {
                    self.text += ",";
                }
                self.text += &format!("{space}}}");
                Value::Mapping(mapping)
            }
        }
    }
}

fn key_text(name: &str, whim: u16) -> String {
    match whim % 4 {
        0 => format!("'{name}'"),
        1 => format!("\"{name}\""),
        2 if name.starts_with('k') => format!("\"\\x6b{}\"", &name[1..]),
        _ => name.to_owned(),
    }
}

fn scalar_text(text: &str, whim: u16) -> String {
    let is_word = text.len() > 1 && text.bytes().all(|byte| byte.is_ascii_lowercase());
    match whim % 3 {
        0 => format!("'{}'", text.replace('\'', "''")),
        1 if is_word && !matches!(text, "true" | "null") => text.to_owned(),
        _ => format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\"")),
    }
}
