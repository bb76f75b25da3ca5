//! From text to documents: the checks before parsing, the parser, its errors.

use std::ops::Range;

use yaml_rust2::parser::{Event, Parser};
use yaml_rust2::scanner::ScanError;

use super::Limits;
use super::build::Builder;
use super::error::YamlError;
use super::lex;
use super::node::Document;

/// Reads all documents of `text`.
pub(super) fn documents(text: &str, limits: &Limits) -> Result<Vec<Document>, YamlError> {
    if text.len() > limits.bytes {
        return Err(YamlError::TooLarge {
            bytes: text.len(),
            limit: limits.bytes,
        });
    }
    if let Some(offset) = memchr::memchr(0, text.as_bytes()) {
        return Err(YamlError::Nul { offset });
    }
    // The parser refuses `key:\tvalue`, which YAML allows. It is shown spaces
    // instead, except inside quoted and block scalars, where tabs are text.
    match read(text, limits, &[]) {
        Err(YamlError::Syntax { message, .. }) if message.contains("valid YAML whitespace") => {
            let tabs = tabs_after_colons(text);
            let (_, scalars) = read(text, limits, &tabs)?;
            let tabs: Vec<usize> = tabs
                .into_iter()
                .filter(|&tab| !contains(&scalars, tab))
                .collect();
            Ok(read(text, limits, &tabs)?.0)
        }
        read => Ok(read?.0),
    }
}

/// Tabs that directly follow a colon or another such tab.
fn tabs_after_colons(text: &str) -> Vec<usize> {
    let mut tabs = Vec::new();
    let mut after_colon = false;
    for (at, byte) in text.bytes().enumerate() {
        if byte == b'\t' && after_colon {
            tabs.push(at);
        } else {
            after_colon = byte == b':';
        }
    }
    tabs
}

/// Whether one of the sorted `spans` contains `at`.
fn contains(spans: &[Range<usize>], at: usize) -> bool {
    let after = spans.partition_point(|span| span.start <= at);
    after > 0 && spans[after - 1].contains(&at)
}

/// The documents, and the spans of all scalars that are not plain, in order.
type ReadText = (Vec<Document>, Vec<Range<usize>>);

/// Reads `text` with the tabs at these offsets shown to the parser as spaces.
fn read(text: &str, limits: &Limits, tabs: &[usize]) -> Result<ReadText, YamlError> {
    let start = if text.starts_with('\u{feff}') {
        '\u{feff}'.len_utf8()
    } else {
        0
    };
    let mut tabs = tabs.iter().peekable();
    let chars = text[start..].char_indices().map(|(at, char)| {
        if tabs.next_if_eq(&&(start + at)).is_some() {
            ' '
        } else {
            char
        }
    });
    let mut parser = Parser::new(chars);
    let mut builder = Builder::new(text, start, limits);
    let failed = |error: &ScanError| syntax_error(text, start, error);
    let mut current = parser.next_token().map_err(|error| failed(&error))?;
    while current.0 != Event::StreamEnd {
        builder.admit(&current.0)?;
        let next = parser.next_token().map_err(|error| failed(&error))?;
        builder.event(current.0, current.1, &next)?;
        current = next;
    }
    Ok((builder.documents, builder.scalars))
}

/// What the parser says, with the byte it means.
fn syntax_error(text: &str, start: usize, error: &ScanError) -> YamlError {
    let marker = error.marker();
    let mut at = start;
    for _ in 1..marker.line() {
        let end = lex::line_end(text, at);
        at = end + lex::line_break(text, end).len();
    }
    let line = &text[at..lex::line_end(text, at)];
    let offset = line
        .char_indices()
        .nth(marker.col())
        .map_or(line.len(), |(byte, _)| byte);
    let offset = at + offset;
    if error.info().contains("unknown anchor") {
        let span = offset..lex::name_end(text, offset);
        let name = text[span.clone()].trim_start_matches('*').to_owned();
        return YamlError::UnknownAlias { name, span };
    }
    YamlError::Syntax {
        message: error.info().to_owned(),
        offset,
    }
}
