//! Go template text, cut into literals and actions, and actions into tokens
//! (Go: `text/template/parse/lex.go`).

use super::Fault;

/// A piece of a template.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Piece {
    /// Text that is copied, trim markers applied.
    Text(String),
    /// The tokens between `{{` and `}}`, and where the action begins.
    Action(Vec<Token>, usize),
}

/// A token of an action.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Token {
    /// What it is.
    pub(super) kind: Kind,
    /// Where it begins, in bytes of the template.
    pub(super) offset: usize,
    /// Does white space precede it?
    pub(super) spaced: bool,
}

/// What a token is.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Kind {
    /// A keyword, function or name.
    Word(String),
    /// `.name`
    Field(String),
    /// `$name`, without the dollar sign.
    Variable(String),
    /// `.`
    Dot,
    /// A string literal, unquoted.
    Text(String),
    /// An integer.
    Int(i64),
    /// A number with a fraction or an exponent.
    Float(f64),
    /// `|`
    Pipe,
    /// `(`
    Open,
    /// `)`
    Close,
    /// `:=`, `=` or `,`: only used by what is not supported.
    Assignment,
}

/// White space as Go's templates trim it.
const SPACE: [char; 4] = [' ', '\t', '\r', '\n'];

/// Cuts `template` into pieces.
///
/// # Errors
/// When an action, a comment or a literal does not end or is malformed.
pub(super) fn pieces(template: &str) -> Result<Vec<Piece>, Fault> {
    let mut pieces = Vec::new();
    let mut at = 0;
    let mut trim_start = false;
    while let Some(found) = template[at..].find("{{") {
        let begin = at + found;
        let mut inside = begin + 2;
        let trims = template[inside..]
            .strip_prefix('-')
            .is_some_and(|rest| rest.starts_with(SPACE));
        if trims {
            inside += 2;
        }
        push_text(&mut pieces, &template[at..begin], trim_start, trims);
        let end = match template[inside..].starts_with("/*") {
            true => comment(template, begin, inside)?,
            false => {
                let mut lexer = Lexer {
                    template,
                    at: inside,
                };
                let (tokens, end) = lexer.action(begin)?;
                pieces.push(Piece::Action(tokens, begin));
                end
            }
        };
        at = end.after;
        trim_start = end.trims;
    }
    push_text(&mut pieces, &template[at..], trim_start, false);
    Ok(pieces)
}

/// Where an action ends.
struct End {
    after: usize,
    trims: bool,
}

fn push_text(pieces: &mut Vec<Piece>, text: &str, trim_start: bool, trim_end: bool) {
    let text = match trim_start {
        true => text.trim_start_matches(SPACE),
        false => text,
    };
    let text = match trim_end {
        true => text.trim_end_matches(SPACE),
        false => text,
    };
    if !text.is_empty() {
        pieces.push(Piece::Text(text.to_owned()));
    }
}

/// The end of the comment whose `/*` is at `inside`.
fn comment(template: &str, begin: usize, inside: usize) -> Result<End, Fault> {
    let Some(length) = template[inside..].find("*/") else {
        return Err(Fault::new(begin, "the comment is not closed").hint("end it with `*/}}`"));
    };
    let after = inside + length + 2;
    match end_at(template, after) {
        Some(end) => Ok(end),
        None => Err(Fault::new(after, "something follows the comment")
            .hint("a comment stands alone: `{{/* … */}}`")),
    }
}

/// The end of an action, if it is at `at`: `}}`, or white space and `-}}`.
fn end_at(template: &str, at: usize) -> Option<End> {
    let rest = &template[at..];
    if rest.starts_with("}}") {
        return Some(End {
            after: at + 2,
            trims: false,
        });
    }
    let trims = rest.starts_with(SPACE) && rest[1..].starts_with("-}}");
    trims.then_some(End {
        after: at + 4,
        trims: true,
    })
}

struct Lexer<'t> {
    template: &'t str,
    at: usize,
}

impl<'t> Lexer<'t> {
    fn rest(&self) -> &'t str {
        &self.template[self.at..]
    }

    fn action(&mut self, begin: usize) -> Result<(Vec<Token>, End), Fault> {
        let mut tokens = Vec::new();
        let mut spaced = false;
        loop {
            if let Some(end) = end_at(self.template, self.at) {
                return Ok((tokens, end));
            }
            let Some(next) = self.rest().chars().next() else {
                return Err(Fault::new(begin, "the action is not closed").hint("end it with `}}`"));
            };
            if SPACE.contains(&next) {
                self.at += 1;
                spaced = true;
                continue;
            }
            let offset = self.at;
            let kind = self.token(next)?;
            tokens.push(Token {
                kind,
                offset,
                spaced,
            });
            spaced = false;
        }
    }

    fn token(&mut self, next: char) -> Result<Kind, Fault> {
        let simple = |kind, length| Ok((kind, length));
        let (kind, length) = match next {
            '|' => simple(Kind::Pipe, 1),
            '(' => simple(Kind::Open, 1),
            ')' => simple(Kind::Close, 1),
            '=' | ',' => simple(Kind::Assignment, 1),
            ':' if self.rest().starts_with(":=") => simple(Kind::Assignment, 2),
            '"' => self.quoted(),
            '`' => self.raw(),
            '.' if !self.rest()[1..].starts_with(|c: char| c.is_ascii_digit()) => {
                let name = word(&self.rest()[1..]);
                let kind = match name.is_empty() {
                    true => Kind::Dot,
                    false => Kind::Field(name.to_owned()),
                };
                simple(kind, 1 + name.len())
            }
            '$' => {
                let name = word(&self.rest()[1..]);
                simple(Kind::Variable(name.to_owned()), 1 + name.len())
            }
            '0'..='9' | '.' | '+' | '-' => self.number(),
            _ => match word(self.rest()) {
                "" => Err(Fault::new(
                    self.at,
                    format!("`{}` has no meaning in an action", next.escape_debug()),
                )),
                name => simple(Kind::Word(name.to_owned()), name.len()),
            },
        }?;
        self.at += length;
        Ok(kind)
    }

    fn number(&self) -> Result<(Kind, usize), Fault> {
        let rest = self.rest();
        let length = rest
            .char_indices()
            .find(|(index, c)| {
                let sign = (*c == '+' || *c == '-')
                    && (*index == 0 || rest[..*index].ends_with(['e', 'E']));
                !(c.is_alphanumeric() || *c == '.' || *c == '_' || sign)
            })
            .map_or(rest.len(), |(index, _)| index);
        let text = &rest[..length];
        if let Ok(int) = text.parse() {
            return Ok((Kind::Int(int), length));
        }
        let digits = text.trim_start_matches(['+', '-']);
        let decimal = digits.starts_with(|c: char| c.is_ascii_digit() || c == '.');
        match text.parse::<f64>() {
            Ok(float) if decimal && float.is_finite() => Ok((Kind::Float(float), length)),
            Ok(_) | Err(_) => {
                let fault = Fault::new(self.at, format!("`{text}` is not a number"));
                Err(match decimal {
                    true => fault.hint("write it in decimal digits"),
                    false => fault.hint("a key with a dash is found by `index variables \"a-b\"`"),
                })
            }
        }
    }

    fn raw(&self) -> Result<(Kind, usize), Fault> {
        match self.rest()[1..].find('`') {
            Some(length) => Ok((Kind::Text(self.rest()[1..=length].to_owned()), length + 2)),
            None => {
                Err(Fault::new(self.at, "the string is not closed").hint("end it with a backtick"))
            }
        }
    }

    fn quoted(&self) -> Result<(Kind, usize), Fault> {
        let unclosed = || {
            Fault::new(self.at, "the string is not closed")
                .hint("end it with `\"` on the same line")
        };
        let body = &self.rest()[1..];
        let mut text = String::new();
        let mut chars = body.char_indices();
        while let Some((index, c)) = chars.next() {
            match c {
                '"' => return Ok((Kind::Text(text), index + 2)),
                '\n' => return Err(unclosed()),
                '\\' => {
                    let at = self.at + 1 + index;
                    let (unescaped, length) = escape(&body[index..]).ok_or_else(|| {
                        Fault::new(at, "the string has an unknown escape")
                            .hint("write a backslash as `\\\\`, or use a `raw` string in backticks")
                    })?;
                    text.push(unescaped);
                    // The backslash is already taken; everything in an escape is ASCII.
                    chars.by_ref().take(length - 1).for_each(drop);
                }
                _ => text.push(c),
            }
        }
        Err(unclosed())
    }
}

/// The character written by the escape at the start of `text`, and its length.
fn escape(text: &str) -> Option<(char, usize)> {
    let code = |from: usize, digits: usize, radix: u32| {
        let number = text.get(from..from + digits)?;
        let valid = number.chars().all(|c| c.is_digit(radix));
        let c = char::from_u32(u32::from_str_radix(number, radix).ok()?)?;
        valid.then_some((c, from + digits))
    };
    let single = |c| Some((c, 2));
    match text[1..].chars().next()? {
        'a' => single('\u{7}'),
        'b' => single('\u{8}'),
        'f' => single('\u{c}'),
        'n' => single('\n'),
        'r' => single('\r'),
        't' => single('\t'),
        'v' => single('\u{b}'),
        '\\' => single('\\'),
        '"' => single('"'),
        'x' => code(2, 2, 16).filter(|(c, _)| c.is_ascii()),
        '0'..='7' => code(1, 3, 8).filter(|(c, _)| c.is_ascii()),
        'u' => code(2, 4, 16),
        'U' => code(2, 8, 16),
        _ => None,
    }
}

/// The name at the start of `text`.
fn word(text: &str) -> &str {
    let end = text
        .find(|c: char| !c.is_alphanumeric() && c != '_')
        .unwrap_or(text.len());
    &text[..end]
}
