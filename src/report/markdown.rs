//! Markdown as GitHub renders it: what others wrote stays data, and what is too
//! long is cut where nothing breaks.
//!
//! A [`Document`] takes only [`Inline`] text, which is one line whatever was put
//! into it; so a name with a pipe in it never makes a column, and one with a line
//! break never makes a heading.

mod cut;
mod inline;

pub use cut::Limit;
pub use inline::Inline;

/// Longest line inside of a fence, in characters; what is longer ends with `…`.
const LINE: usize = 4000;

/// Blocks of Markdown, with an empty line between two of them.
///
/// ```
/// use weirkeeper::report::markdown::{Document, Inline, Limit};
///
/// let mut document = Document::default();
/// document.paragraph(Inline::text("a|b"));
/// document.table(&["Name", "Value"], [vec![Inline::code("x"), Inline::text("1\n2")]]);
/// let note = Inline::ours("The rest was cut.");
/// assert_eq!(document.to_text(Limit::SUMMARY, &note), "\
/// a&#124;b
///
/// | Name | Value |
/// |---|---|
/// | <code>x</code> | 1 2 |
/// ");
/// ```
#[derive(Debug, Clone, Default)]
pub struct Document {
    blocks: Vec<Block>,
}

/// What is kept whole, or cut inside at a place where that is harmless.
#[derive(Debug, Clone)]
enum Block {
    /// Lines between a beginning and an end: a table, a list, a fence, a paragraph.
    /// The last lines may be cut off, not all of them.
    Lines {
        head: String,
        lines: Vec<String>,
        tail: String,
    },
    /// Blocks that are shown when somebody asks.
    Fold {
        head: String,
        inside: Vec<Self>,
        tail: &'static str,
    },
}

impl Document {
    /// Adds a heading; `level` is 1 to 6.
    pub fn heading(&mut self, level: usize, text: Inline) {
        let marks = "#".repeat(level.clamp(1, 6));
        self.line(format!("{marks} {}\n", text.as_str()));
    }

    /// Adds a paragraph, if there is something in it.
    pub fn paragraph(&mut self, text: Inline) {
        if !text.as_str().is_empty() {
            self.line(format!("{}\n", text.as_str()));
        }
    }

    /// Adds a quotation that stands out, with a paragraph each.
    pub fn quote(&mut self, lines: impl IntoIterator<Item = Inline>) {
        let lines = lines.into_iter().enumerate().map(|(index, line)| {
            let gap = if index == 0 { "" } else { ">\n" };
            format!("{gap}> {}\n", line.as_str())
        });
        self.lines("", lines.collect(), "");
    }

    /// Adds a list with an item each.
    pub fn list(&mut self, items: impl IntoIterator<Item = Inline>) {
        let items = items
            .into_iter()
            .map(|item| format!("- {}\n", item.as_str()));
        self.lines("", items.collect(), "");
    }

    /// Adds a table, if it has rows. Each row gets as many cells as there are
    /// `columns`, empty ones where it has fewer.
    pub fn table(&mut self, columns: &[&'static str], rows: impl IntoIterator<Item = Vec<Inline>>) {
        let rows = rows.into_iter().map(|mut row| {
            row.resize(columns.len(), Inline::default());
            let cells: Vec<&str> = row.iter().map(Inline::as_str).collect();
            format!("| {} |\n", cells.join(" | "))
        });
        let (names, rules) = (columns.join(" | "), "---|".repeat(columns.len()));
        let head = format!("| {names} |\n|{rules}\n");
        self.lines(&head, rows.collect(), "");
    }

    /// Adds `text` as it is, in a fence that nothing in it can close. `language` is
    /// one that GitHub knows, such as `diff`.
    pub fn fence(&mut self, language: &'static str, text: &str) {
        let runs = text.split(|c| c != '`').map(str::len);
        let fence = "`".repeat(runs.max().unwrap_or_default().max(2) + 1);
        let text = text.replace("\r\n", "\n").replace('\r', "\n");
        let lines = text.trim_end().lines().map(|line| {
            let shown = inline::visible(line);
            format!("{}\n", inline::first(&shown, LINE))
        });
        let (head, tail) = (format!("{fence}{language}\n"), format!("{fence}\n"));
        self.lines(&head, lines.collect(), &tail);
    }

    /// Adds what is shown when somebody asks for it by its `title`, if it is not
    /// empty.
    pub fn fold(&mut self, title: Inline, inside: Self) {
        if !inside.blocks.is_empty() {
            self.blocks.push(Block::Fold {
                head: format!("<details><summary>{}</summary>\n", title.as_str()),
                inside: inside.blocks,
                tail: "</details>\n",
            });
        }
    }

    /// Adds the blocks of another document.
    pub fn append(&mut self, other: Self) {
        self.blocks.extend(other.blocks);
    }

    /// Is there nothing in it?
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.blocks.is_empty()
    }

    /// The text, with a line break at its end. One that is longer than `limit` is cut
    /// between two blocks, rows, items or lines of a fence, and ends with `note`;
    /// fences and folds are closed.
    #[must_use]
    pub fn to_text(&self, limit: Limit, note: &Inline) -> String {
        cut::write(&self.blocks, limit, &format!("{}\n", note.as_str()))
    }

    fn line(&mut self, line: String) {
        self.lines("", vec![line], "");
    }

    fn lines(&mut self, head: &str, lines: Vec<String>, tail: &str) {
        if !lines.is_empty() {
            self.blocks.push(Block::Lines {
                head: head.to_owned(),
                lines,
                tail: tail.to_owned(),
            });
        }
    }
}

#[cfg(test)]
mod tests;
