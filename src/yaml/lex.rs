//! Where tokens end. The parser tells where they begin, and only that.

/// A place in the text that moves forward and knows line and column the way
/// the parser counts them: lines from 1, columns in characters from 0.
pub(super) struct Cursor<'t> {
    text: &'t str,
    pos: usize,
    line: usize,
    column: usize,
}

impl<'t> Cursor<'t> {
    /// A cursor before the byte `start` of the first line.
    pub(super) fn new(text: &'t str, start: usize) -> Self {
        Self {
            text,
            pos: start,
            line: 1,
            column: 0,
        }
    }

    /// The byte it stands before.
    pub(super) fn pos(&self) -> usize {
        self.pos
    }

    /// Column in characters, from 0.
    pub(super) fn column(&self) -> usize {
        self.column
    }

    /// Whether the parser means this place.
    pub(super) fn is_at(&self, line: usize, column: usize) -> bool {
        self.line == line && self.column == column
    }

    /// The rest of the text.
    pub(super) fn rest(&self) -> &'t str {
        &self.text[self.pos..]
    }

    /// The byte after the cursor, `None` at the end.
    pub(super) fn peek(&self) -> Option<u8> {
        self.text.as_bytes().get(self.pos).copied()
    }

    /// Moves forward to the byte `end`.
    pub(super) fn advance_to(&mut self, end: usize) {
        let mut chars = self.text[self.pos..end].chars().peekable();
        while let Some(char) = chars.next() {
            match char {
                '\r' if chars.peek() == Some(&'\n') => self.column += 1,
                '\n' | '\r' => {
                    self.line += 1;
                    self.column = 0;
                }
                _ => self.column += 1,
            }
        }
        self.pos = end;
    }

    /// Moves over white space, line ends and comments.
    pub(super) fn skip_trivia(&mut self) {
        self.advance_to(skip_trivia(self.text, self.pos));
    }

    /// Whether `indicator` stands here, followed by white space or the end.
    pub(super) fn at_indicator(&self, indicator: &str) -> bool {
        self.rest()
            .strip_prefix(indicator)
            .is_some_and(|after| after.is_empty() || after.starts_with([' ', '\t', '\n', '\r']))
    }
}

/// The first byte from `pos` on that is neither white space, line end nor comment.
pub(super) fn skip_trivia(text: &str, pos: usize) -> usize {
    let bytes = text.as_bytes();
    let mut at = pos;
    while let Some(byte) = bytes.get(at) {
        match byte {
            b' ' | b'\t' | b'\n' | b'\r' => at += 1,
            b'#' => at = line_end(text, at),
            _ => break,
        }
    }
    at
}

/// The first byte from `pos` on that is neither space nor tab.
pub(super) fn skip_blanks(text: &str, pos: usize) -> usize {
    let rest = &text[pos..];
    pos + (rest.len() - rest.trim_start_matches([' ', '\t']).len())
}

/// Where the line of `pos` ends, before its line end.
pub(super) fn line_end(text: &str, pos: usize) -> usize {
    memchr::memchr2(b'\n', b'\r', &text.as_bytes()[pos..]).map_or(text.len(), |found| pos + found)
}

/// Where the line of `pos` starts.
pub(super) fn line_start(text: &str, pos: usize) -> usize {
    let before = &text.as_bytes()[..pos];
    let start = memchr::memrchr2(b'\n', b'\r', before).map_or(0, |found| found + 1);
    if start == 0 && text.starts_with('\u{feff}') {
        pos.min('\u{feff}'.len_utf8())
    } else {
        start
    }
}

/// The line end that stands at `pos`; empty at the end of the text.
pub(super) fn line_break(text: &str, pos: usize) -> &str {
    let rest = &text[pos..];
    ["\r\n", "\n", "\r"]
        .into_iter()
        .find(|&line_break| rest.starts_with(line_break))
        .map_or("", |line_break| &rest[..line_break.len()])
}

/// The end of a scalar in single or double quotes that starts at `pos`.
pub(super) fn quoted_end(text: &str, pos: usize) -> Option<usize> {
    let bytes = text.as_bytes();
    let quote = *bytes.get(pos)?;
    let mut at = pos + 1;
    loop {
        let byte = *bytes.get(at)?;
        if byte == quote {
            if quote == b'\'' && bytes.get(at + 1) == Some(&quote) {
                at += 2;
                continue;
            }
            return Some(at + 1);
        }
        at += if quote == b'"' && byte == b'\\' { 2 } else { 1 };
    }
}

/// The end of a plain scalar that starts at `pos` and reads as `value`: the
/// text is walked along the value, so that a place which reads otherwise is
/// found out.
pub(super) fn plain_end(text: &str, pos: usize, value: &str) -> Option<usize> {
    let mut at = pos;
    let mut value = value;
    while !value.is_empty() {
        let word = value.find([' ', '\t', '\n']).unwrap_or(value.len());
        let (word, rest) = value.split_at(word);
        if !text[at..].starts_with(word) {
            return None;
        }
        at += word.len();
        value = rest;
        if value.is_empty() {
            break;
        }
        let blank = skip_blanks(text, at);
        if line_break(text, blank).is_empty() {
            value = value.strip_prefix(&text[at..blank])?;
            if blank == at {
                return None;
            }
            at = blank;
            continue;
        }
        // One line end reads as a space, each further one as itself.
        let (breaks, end) = fold(text, at);
        let lines = value.len() - value.trim_start_matches('\n').len();
        value = match lines {
            0 => value.strip_prefix(' ')?,
            lines => &value[lines..],
        };
        if breaks != lines + 1 {
            return None;
        }
        at = end;
    }
    Some(at)
}

/// How many line ends come before the next word, and where that begins.
fn fold(text: &str, pos: usize) -> (usize, usize) {
    let mut at = pos;
    let mut breaks = 0;
    loop {
        let blank = skip_blanks(text, at);
        let line_break = line_break(text, blank);
        if line_break.is_empty() {
            return (breaks, blank);
        }
        breaks += 1;
        at = blank + line_break.len();
    }
}

/// The end of `&name` or `*name` that starts at `pos`.
pub(super) fn name_end(text: &str, pos: usize) -> usize {
    text[pos..]
        .find([
            ' ', '\t', '\n', '\r', ',', '[', ']', '{', '}', '\0', '\u{feff}',
        ])
        .map_or(text.len(), |found| pos + found)
}

/// The end of the tag that starts at `pos`.
pub(super) fn tag_end(text: &str, pos: usize) -> Option<usize> {
    let rest = &text[pos..];
    if rest.starts_with("!<") {
        return rest.find('>').map(|found| pos + found + 1);
    }
    Some(name_end(text, pos))
}

/// Where a block scalar ends, without the last line end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct BlockEnd {
    /// End of its last line that is not empty.
    pub(super) content: usize,
    /// Its end: trailing empty lines belong to it only when it keeps them (`+`).
    pub(super) end: usize,
    /// `+` or `-`, if it has one.
    pub(super) chomping: Option<u8>,
}

/// The end of a block scalar whose `|` or `>` stands at `pos`. `indent` is the
/// column of its content, `None` if it has none but line ends.
pub(super) fn block_end(text: &str, pos: usize, indent: Option<usize>) -> BlockEnd {
    let header = &text[pos..line_end(text, pos)];
    let indicators = header
        .bytes()
        .skip(1)
        .take_while(|byte| matches!(byte, b'+' | b'-' | b'0'..=b'9'))
        .count();
    let is_chomping = |byte: &u8| matches!(byte, b'+' | b'-');
    let chomping = header[1..=indicators].bytes().find(is_chomping);
    let content = pos + 1 + indicators;
    let mut block = BlockEnd {
        content,
        end: content,
        chomping,
    };
    let mut line_end_before = line_end(text, pos);
    loop {
        let line_break = line_break(text, line_end_before);
        let start = line_end_before + line_break.len();
        if line_break.is_empty() || start == text.len() {
            return block;
        }
        let line = &text[start..line_end(text, start)];
        let spaces = line.len() - line.trim_start_matches(' ').len();
        let spaces = indent.map_or(spaces, |indent| spaces.min(indent));
        let is_empty = spaces == line.len();
        let is_content = indent == Some(spaces) && !is_empty;
        let is_document_end = indent == Some(0)
            && line
                .strip_prefix("...")
                .is_some_and(|after| after.is_empty() || after.starts_with([' ', '\t']));
        if is_document_end || !(is_empty || is_content) {
            return block;
        }
        line_end_before = start + line.len();
        if is_content {
            block.content = line_end_before;
        }
        if is_content || chomping == Some(b'+') {
            block.end = line_end_before;
        }
    }
}

/// What a block scalar reads as when nothing but empty lines follows it up to
/// the end of the text; the parser adds line ends there that do not exist.
pub(super) fn at_text_end(text: &str, block: BlockEnd, value: &str) -> Option<String> {
    let tail = &text[block.content..];
    let tail = tail.find(['\n', '\r']).map_or("", |at| &tail[at..]);
    if !tail.trim_matches([' ', '\n', '\r']).is_empty() {
        return None;
    }
    let breaks = tail.matches(['\n', '\r']).count() - tail.matches("\r\n").count();
    let body = value.trim_end_matches('\n');
    let kept = match (block.chomping, body.is_empty()) {
        (Some(b'+'), false) => breaks,
        (Some(b'+'), true) => breaks.saturating_sub(1),
        (None, false) => breaks.min(1),
        _ => 0,
    };
    Some(body.to_owned() + &"\n".repeat(kept))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quotes_end_where_they_close() {
        assert_eq!(quoted_end("'a''b' c", 0), Some(6));
        assert_eq!(quoted_end(r#""a\"b\\" c"#, 0), Some(8));
        assert_eq!(quoted_end("'a", 0), None);
    }

    #[test]
    fn plain_scalars_fold() {
        assert_eq!(plain_end("a b # c", 0, "a b"), Some(3));
        assert_eq!(plain_end("a \r\n  b\n", 0, "a b"), Some(7));
        assert_eq!(plain_end("a\n\n\n  b", 0, "a\n\nb"), Some(7));
        assert_eq!(plain_end("a\n\n  b", 0, "a b"), None);
        assert_eq!(plain_end("a c", 0, "a b"), None);
        assert_eq!(plain_end("a\t b", 0, "a\t b"), Some(4));
        assert_eq!(plain_end("ab", 0, "a b"), None);
    }

    #[test]
    fn block_scalars_end_with_their_indentation() {
        let text = "a: |\n  x\n\n   y\n\nb: 1\n";
        let end = |text, indent| block_end(text, 3, indent).end;
        assert_eq!(&text[3..end(text, Some(2))], "|\n  x\n\n   y");
        let text = "a: |+ # c\n  x\n\nb: 1\n";
        assert_eq!(&text[3..end(text, Some(2))], "|+ # c\n  x\n");
        let text = "a: >-\n\nb: 1\n";
        assert_eq!(&text[3..end(text, None)], ">-");
    }

    #[test]
    fn columns_count_characters_and_lines_any_line_end() {
        let text = "é\rü\r\n  x";
        let mut cursor = Cursor::new(text, 0);
        cursor.advance_to(text.len() - 1);
        assert!(cursor.is_at(3, 2));
    }
}
