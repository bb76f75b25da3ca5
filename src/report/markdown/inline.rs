//! One line of Markdown.

use std::fmt::Write as _;

use url::Url;

use crate::report::diagnostics::harmless;

/// Longest text of others, in characters; what is longer ends with `…`.
const LONGEST: usize = 1000;

/// One line of Markdown. Text of others in it is data: it makes no markup, no cell,
/// no link, and calls nobody.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Inline(String);

impl Inline {
    /// Text of others, as it reads.
    ///
    /// GitHub looks for `@names`, `#numbers` and addresses in what it has rendered, so
    /// that escapes do not help: an empty character after the sign does.
    #[must_use]
    pub fn text(text: &str) -> Self {
        let text = first(&visible(text), LONGEST);
        let text = text.trim();
        let mut safe = String::with_capacity(text.len());
        for (index, c) in text.char_indices() {
            match c {
                '\\' | '`' | '*' | '_' | '[' | ']' | '~' | '<' | '>' | '&' | '|' => {
                    entity(&mut safe, c);
                }
                // Markup only where a line begins, and a line may begin here.
                '-' | '+' | '=' if index == 0 => entity(&mut safe, c),
                '.' | ')' if is_number(&text[..index]) && ends_word(&text[index + 1..]) => {
                    entity(&mut safe, c);
                }
                '@' | '#' => safe.push_str(&format!("{c}&#8203;")),
                // Mathematics.
                '$' => safe.push_str("<span>$</span>"),
                ':' if text[index..].starts_with("://") => entity(&mut safe, c),
                '.' if text[..index].to_ascii_lowercase().ends_with("www") => entity(&mut safe, c),
                '\t' => safe.push(' '),
                c => safe.push(c),
            }
        }
        Self(safe)
    }

    /// Text of others, in the letters of a program.
    #[must_use]
    pub fn code(text: &str) -> Self {
        // Not between backticks, where a pipe would still end a cell.
        Self(format!("<code>{}</code>", Self::text(text).0))
    }

    /// Markdown of ours, on one line; in a table without `|`.
    #[must_use]
    pub fn ours(markdown: &'static str) -> Self {
        Self(markdown.to_owned())
    }

    /// The same, standing out.
    #[must_use]
    pub fn bold(self) -> Self {
        // Asterisks mean nothing between some characters.
        Self(format!("<b>{}</b>", self.0))
    }

    /// The same, smaller.
    #[must_use]
    pub fn small(self) -> Self {
        Self(format!("<sub>{}</sub>", self.0))
    }

    /// The same as a link. An address that is not http or https is left out.
    #[must_use]
    pub fn link(self, to: &Url) -> Self {
        if !matches!(to.scheme(), "http" | "https") {
            return self;
        }
        let address = to
            .as_str()
            .replace('&', "&amp;")
            .replace('"', "%22")
            .replace('<', "%3C")
            .replace('>', "%3E")
            .replace('|', "%7C");
        Self(format!("<a href=\"{address}\">{}</a>", self.0))
    }

    /// The same with `more` after it.
    #[must_use]
    pub fn and(mut self, more: Self) -> Self {
        self.0.push_str(&more.0);
        self
    }

    /// All of them with `between` between two.
    #[must_use]
    pub fn join(all: impl IntoIterator<Item = Self>, between: &'static str) -> Self {
        let all: Vec<String> = all.into_iter().map(|one| one.0).collect();
        Self(all.join(between))
    }

    /// The Markdown.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// `1`, as of a list with numbers.
fn is_number(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit())
}

fn ends_word(rest: &str) -> bool {
    rest.is_empty() || rest.starts_with([' ', '\t'])
}

/// Unlike a backslash, this works inside of HTML, too.
fn entity(text: &mut String, c: char) {
    // Writing to a String cannot fail.
    let _written = write!(text, "&#{};", u32::from(c));
}

/// One line without characters that nobody sees, or that break it; tabs stay.
pub(super) fn visible(text: &str) -> String {
    let parts: Vec<String> = text.split('\t').map(harmless).collect();
    parts.join("\t").replace(['\u{2028}', '\u{2029}'], " ")
}

/// The first characters; `…` says that there are more.
pub(super) fn first(text: &str, most: usize) -> String {
    match text.char_indices().nth(most) {
        None => text.to_owned(),
        Some((end, _)) => format!("{}…", &text[..end]),
    }
}
