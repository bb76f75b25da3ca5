//! Commands that people write in comments: `/weirkeeper approve shop/podinfo`.
//!
//! Nothing here asks anybody: a comment in, what it asks for out. Who wrote it, and
//! whether they may, is for others to find out.

use std::fmt;

use pulldown_cmark::{Event, Options, Parser, Tag};

use crate::api::WebhookType;
use crate::decide::Word;

#[cfg(test)]
mod tests;

/// How a command begins.
pub const PREFIX: &str = "/weirkeeper";

/// Longest reason, in characters: it becomes part of a commit.
const LONGEST_REASON: usize = 500;

/// Longest piece of a comment that a refusal repeats, in characters.
const SHOWN: usize = 60;

/// Gates that a person can open.
pub(crate) const GATES: [(&str, WebhookType); 3] = [
    ("confirm-rollout", WebhookType::ConfirmRollout),
    (
        "confirm-traffic-increase",
        WebhookType::ConfirmTrafficIncrease,
    ),
    ("confirm-promotion", WebhookType::ConfirmPromotion),
];

/// The command of a comment, not yet looked at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Command {
    /// The words after `/weirkeeper`.
    words: Vec<String>,
    /// Does the comment hold more commands? They are not carried out.
    pub has_more: bool,
}

/// What a command asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Order {
    /// The Canary, as `namespace/name`.
    pub canary: String,
    /// What is to happen.
    pub word: Word,
    /// Why, in one line without anything that is not shown.
    pub reason: Option<String>,
}

/// Why a command cannot be carried out, in one sentence without a full stop.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unclear(pub String);

impl fmt::Display for Unclear {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Unclear {}

/// Finds the first command in the Markdown text of a comment.
///
/// A command is a line of a plain paragraph that begins with `/weirkeeper` and a
/// space. What GitHub shows as code, a quotation, a list, a table or a heading, or
/// does not show at all, such as an HTML comment, is none.
///
/// ```
/// use weirkeeper::comment;
///
/// assert!(comment::find("Looks good.\n/weirkeeper approve shop/podinfo").is_some());
/// assert!(comment::find("> /weirkeeper approve shop/podinfo").is_none());
/// assert!(comment::find("Write `/weirkeeper approve shop/podinfo`.").is_none());
/// ```
#[must_use]
pub fn find(text: &str) -> Option<Command> {
    let options = Options::ENABLE_TABLES
        | Options::ENABLE_FOOTNOTES
        | Options::ENABLE_STRIKETHROUGH
        | Options::ENABLE_TASKLISTS
        | Options::ENABLE_MATH
        | Options::ENABLE_GFM;
    let mut open = Vec::new();
    let mut found: Option<Command> = None;
    for (event, range) in Parser::new_ext(text, options).into_offset_iter() {
        match event {
            Event::Start(tag) => open.push(matches!(tag, Tag::Paragraph)),
            Event::End(_) => {
                open.pop();
            }
            Event::Text(_) if open == [true] => {
                let Some(line) = line(text, range.start) else {
                    continue;
                };
                match &mut found {
                    Some(first) => first.has_more = true,
                    None => {
                        found = Some(Command {
                            words: line.split_whitespace().map(str::to_owned).collect(),
                            has_more: false,
                        });
                    }
                }
            }
            _ => {}
        }
    }
    found
}

/// What follows the prefix on the line that begins at `start`; `None` when no line
/// begins there, or another one.
fn line(text: &str, start: usize) -> Option<&str> {
    let before = text.get(..start)?.chars().next_back();
    if before.is_some_and(|c| c != '\n' && c != '\r') {
        return None;
    }
    let rest = text.get(start..)?.lines().next()?;
    let rest = rest.split('\r').next()?.strip_prefix(PREFIX)?;
    (rest.is_empty() || rest.starts_with(char::is_whitespace)).then_some(rest)
}

impl Command {
    /// What is asked for. `here` is the Canary that the place of the comment is
    /// about, such as the pull request of a rollout: there the name may be left out.
    ///
    /// # Errors
    /// [`Unclear`] for a word that is none, a Canary that is missing or not the one
    /// of the place, a gate that is none, or a reason that is too long.
    pub fn order(&self, here: Option<&str>) -> Result<Order, Unclear> {
        let mut words = self.words.iter().map(String::as_str).peekable();
        let word = words.next().unwrap_or_default();
        let mut word = match word {
            "approve" => Word::Approve(None),
            "abort" => Word::Abort,
            "pause" => Word::Pause,
            "resume" => Word::Resume,
            "retry" => Word::Retry,
            "" => return Err(Unclear(format!("nothing follows {PREFIX}: {USAGE}"))),
            other => {
                let other = shown(other);
                return Err(Unclear(format!("`{other}` is no command: {USAGE}")));
            }
        };
        let canary = canary(words.peek().copied(), here)?;
        if canary.is_named {
            words.next();
        }
        if let Word::Approve(gate) = &mut word
            && let Some(name) = words.next_if(|word| word.starts_with("confirm-"))
        {
            *gate = Some(self::gate(name)?);
        }
        let rest: Vec<&str> = words.collect();
        Ok(Order {
            canary: canary.id,
            word,
            reason: reason(&rest.join(" "))?,
        })
    }
}

/// What can be written.
const USAGE: &str = "write approve, abort, pause, resume or retry, then NAMESPACE/NAME";

struct Named {
    id: String,
    /// Does the command name it?
    is_named: bool,
}

fn canary(word: Option<&str>, here: Option<&str>) -> Result<Named, Unclear> {
    let given = word.filter(|word| here.is_none() || word.contains('/'));
    match (given, here) {
        (None, Some(here)) => Ok(Named {
            id: here.to_owned(),
            is_named: false,
        }),
        (None, None) => Err(Unclear(
            "which Canary is meant, is not said: write NAMESPACE/NAME after the command".to_owned(),
        )),
        (Some(given), _) if !is_name(given) => {
            let given = shown(given);
            Err(Unclear(format!("`{given}` is not NAMESPACE/NAME")))
        }
        (Some(given), Some(here)) if given != here => Err(Unclear(format!(
            "this pull request is about {here}, the command about {given}"
        ))),
        (Some(given), _) => Ok(Named {
            id: given.to_owned(),
            is_named: true,
        }),
    }
}

/// Can a Canary be called that, as `namespace/name` or, without a namespace, `name`?
fn is_name(text: &str) -> bool {
    let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit();
    let part = |part: &str| {
        part.len() <= 253
            && part.starts_with(plain)
            && part.ends_with(plain)
            && part.chars().all(|c| plain(c) || c == '-' || c == '.')
    };
    match text.split_once('/') {
        Some((namespace, name)) => part(namespace) && part(name),
        None => part(text),
    }
}

/// A mistyped gate must not approve another one.
fn gate(name: &str) -> Result<WebhookType, Unclear> {
    let found = GATES.iter().find(|(known, _)| *known == name);
    found.map(|(_, gate)| *gate).ok_or_else(|| {
        let names: Vec<&str> = GATES.iter().map(|(name, _)| *name).collect();
        Unclear(format!(
            "`{}` is no gate; there are: {}",
            shown(name),
            names.join(", ")
        ))
    })
}

fn reason(text: &str) -> Result<Option<String>, Unclear> {
    // The log of a runner is read for commands; this one may stand anywhere.
    let text = visible(text).replace("##[", "## [");
    let text = text.split_whitespace().collect::<Vec<_>>().join(" ");
    match text.chars().count() {
        0 => Ok(None),
        count if count > LONGEST_REASON => Err(Unclear(format!(
            "the reason has {count} characters, at most {LONGEST_REASON} become part of a commit"
        ))),
        _ => Ok(Some(text)),
    }
}

/// The beginning of something that cannot be understood.
fn shown(text: &str) -> String {
    visible(text).chars().take(SHOWN).collect()
}

/// Without characters that do something else than being seen: controls, marks that
/// turn the direction of the text, characters of no width.
fn visible(text: &str) -> String {
    let hidden = |c: char| {
        c.is_control()
            || matches!(c,
                '\u{ad}' | '\u{61c}' | '\u{180e}' | '\u{200b}'..='\u{200f}'
                | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}'
                | '\u{fe00}'..='\u{fe0f}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}'
                | '\u{e0000}'..='\u{e0fff}')
    };
    text.chars().filter(|c| !hidden(*c)).collect()
}

/// `text` as Markdown that shows it as it is, in one line: no markup, no mention, no
/// link, and no command.
///
/// ```
/// use weirkeeper::comment;
///
/// assert_eq!(comment::plain("@me *now*\n# x"), "&#64;me \\*now\\* \\# x");
/// ```
#[must_use]
pub fn plain(text: &str) -> String {
    let line = text.split_whitespace().collect::<Vec<_>>().join(" ");
    let mut safe = String::with_capacity(line.len());
    for c in visible(&line).chars() {
        match c {
            '&' => safe.push_str("&amp;"),
            '<' => safe.push_str("&lt;"),
            '>' => safe.push_str("&gt;"),
            // Nobody is called by a name that somebody else wrote.
            '@' => safe.push_str("&#64;"),
            // Nothing is linked, and no emoji made.
            ':' => safe.push_str("&#58;"),
            '\\' | '`' | '*' | '_' | '~' | '[' | ']' | '(' | ')' | '#' | '|' | '!' | '$' => {
                safe.push('\\');
                safe.push(c);
            }
            c => safe.push(c),
        }
    }
    safe
}

/// The text of an answer: its sentences, each shown as it is, below a mark that
/// tells whose it is. No answer is a command.
#[must_use]
pub fn answer<S: AsRef<str>>(sentences: impl IntoIterator<Item = S>) -> String {
    let mut text = String::from("<!-- weirkeeper answer -->\n");
    for sentence in sentences {
        let sentence = plain(sentence.as_ref());
        if !sentence.is_empty() {
            text.push_str(&format!("\n- {sentence}"));
        }
    }
    text.push('\n');
    text
}
