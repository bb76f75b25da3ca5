//! Writes blocks as long as there is room.

use super::Block;

/// How long a text may be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Limit {
    /// In bytes of UTF-8.
    Bytes(usize),
    /// In characters.
    Characters(usize),
}

impl Limit {
    /// What GitHub takes as the summary of one step: 1 MiB.
    pub const SUMMARY: Self = Self::Bytes(1024 * 1024);
    /// What GitHub takes as a comment or as the text of a pull request.
    pub const COMMENT: Self = Self::Characters(65_536);

    fn most(self) -> usize {
        match self {
            Self::Bytes(most) | Self::Characters(most) => most,
        }
    }

    fn length(self, text: &str) -> usize {
        match self {
            Self::Bytes(_) => text.len(),
            // GitHub counts some of them twice.
            Self::Characters(_) => text.encode_utf16().count(),
        }
    }
}

/// The text of `blocks` within `limit`, `note` at its end when something is missing.
pub(super) fn write(blocks: &[Block], limit: Limit, note: &str) -> String {
    let mut whole = Writer {
        text: String::new(),
        left: limit.most(),
        limit,
    };
    if whole.blocks(blocks) {
        return whole.text;
    }
    let mut part = Writer {
        text: String::new(),
        // One for the empty line before the note.
        left: limit.most().saturating_sub(limit.length(note) + 1),
        limit,
    };
    part.blocks(blocks);
    if !part.text.is_empty() {
        part.text.push('\n');
    }
    part.text.push_str(note);
    part.text
}

struct Writer {
    text: String,
    /// Room that is left.
    left: usize,
    limit: Limit,
}

impl Writer {
    /// Writes blocks as long as they fit; `false` when one did not, or not all of it.
    fn blocks(&mut self, blocks: &[Block]) -> bool {
        blocks.iter().all(|block| self.block(block))
    }

    fn block(&mut self, block: &Block) -> bool {
        let (length, left) = (self.text.len(), self.left);
        if !self.text.is_empty() && !self.push("\n") {
            return false;
        }
        let (written, complete) = match block {
            Block::Lines { head, lines, tail } => self.lines(head, lines, tail),
            Block::Fold { head, inside, tail } => self.fold(head, inside, tail),
        };
        if !written {
            self.text.truncate(length);
            self.left = left;
        }
        written && complete
    }

    /// Was something of it written, and was it everything?
    fn lines(&mut self, head: &str, lines: &[String], tail: &str) -> (bool, bool) {
        if !self.keep(tail) || !self.push(head) {
            return (false, false);
        }
        let fitting = lines.iter().take_while(|line| self.push(line)).count();
        self.close(tail);
        (fitting > 0, fitting == lines.len())
    }

    fn fold(&mut self, head: &str, inside: &[Block], tail: &str) -> (bool, bool) {
        // An empty line before the end, too: else it would be part of a paragraph.
        let tail = format!("\n{tail}");
        if !self.keep(&tail) || !self.push(head) {
            return (false, false);
        }
        let length = self.text.len();
        let complete = self.blocks(inside);
        let written = self.text.len() > length;
        self.close(&tail);
        (written, complete)
    }

    /// Adds `text` if there is room.
    fn push(&mut self, text: &str) -> bool {
        let fits = self.keep(text);
        if fits {
            self.text.push_str(text);
        }
        fits
    }

    /// Keeps room for `text`, if there is any.
    fn keep(&mut self, text: &str) -> bool {
        let left = self.left.checked_sub(self.limit.length(text));
        self.left = left.unwrap_or(self.left);
        left.is_some()
    }

    /// Adds what room was kept for.
    fn close(&mut self, text: &str) {
        self.text.push_str(text);
    }
}
