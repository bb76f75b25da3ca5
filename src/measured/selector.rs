//! The series that a query looks at: its selectors, read from the text.

use std::fmt;

/// Selectors of one query that are looked at.
const SELECTORS: usize = 4;

/// The name of a metric with label matchers: `up{job="x"}`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Selector {
    pub(super) metric: String,
    pub(super) matchers: Vec<Matcher>,
}

/// One condition of a label.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Matcher {
    pub(super) label: String,
    /// `=`, `!=`, `=~` or `!~`.
    operator: &'static str,
    /// With its quotes.
    value: String,
}

impl Selector {
    /// The metric with these conditions instead.
    pub(super) fn with(&self, matchers: Vec<Matcher>) -> Self {
        Self {
            metric: self.metric.clone(),
            matchers,
        }
    }

    /// Does it select a part of what `other` does, by more conditions?
    fn is_narrower(&self, other: &Self) -> bool {
        self.metric == other.metric
            && self.matchers.len() > other.matchers.len()
            && other.matchers.iter().all(|one| self.matchers.contains(one))
    }
}

impl Matcher {
    /// The same of another label.
    pub(super) fn of_label(&self, label: String) -> Self {
        Self {
            label,
            ..self.clone()
        }
    }
}

impl fmt::Display for Selector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let matchers: Vec<String> = self.matchers.iter().map(Matcher::to_string).collect();
        match matchers.is_empty() {
            true => f.write_str(&self.metric),
            false => write!(f, "{}{{{}}}", self.metric, matchers.join(", ")),
        }
    }
}

impl fmt::Display for Matcher {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{}{}", self.label, self.operator, self.value)
    }
}

/// The selectors of a query that have conditions, each once. One that selects a part of
/// what another does tells nothing more and is left out, as are those beyond the first
/// few. What cannot be read is left out, too: it is the server that judges queries.
pub(super) fn selectors(query: &str) -> Vec<Selector> {
    let mut found: Vec<Selector> = Vec::new();
    let mut rest = query;
    let mut before = String::new();
    while let Some(c) = rest.chars().next() {
        match c {
            '"' | '\'' | '`' => {
                rest = quoted(rest).map_or("", |(_, rest)| rest);
                before.clear();
            }
            '#' => rest = rest.split_once('\n').map_or("", |(_, rest)| rest),
            '{' => {
                let (matchers, after) = matchers(&rest[1..]);
                let metric = name(&before).to_owned();
                if let Some(matchers) = matchers.filter(|_| !metric.is_empty()) {
                    let selector = Selector { metric, matchers };
                    if !found.contains(&selector) {
                        found.push(selector);
                    }
                }
                before.clear();
                rest = after;
            }
            c => {
                before.push(c);
                rest = &rest[c.len_utf8()..];
            }
        }
    }
    let all = found.clone();
    found.retain(|one| !all.iter().any(|other| one.is_narrower(other)));
    found.truncate(SELECTORS);
    found
}

/// The name of a metric at the end of `text`.
fn name(text: &str) -> &str {
    let text = text.trim_end();
    let is_part = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | ':');
    let start = text.trim_end_matches(is_part).len();
    let name = &text[start..];
    match name.starts_with(|c: char| c.is_ascii_digit()) {
        true => "",
        false => name,
    }
}

/// The conditions up to `}`, and what follows it.
fn matchers(text: &str) -> (Option<Vec<Matcher>>, &str) {
    let mut found = Vec::new();
    let mut rest = text.trim_start();
    loop {
        if let Some(after) = rest.strip_prefix('}') {
            return ((!found.is_empty()).then_some(found), after);
        }
        let Some((matcher, after)) = matcher(rest) else {
            return (None, rest);
        };
        found.push(matcher);
        rest = after.trim_start();
        rest = rest.strip_prefix(',').unwrap_or(rest).trim_start();
    }
}

fn matcher(text: &str) -> Option<(Matcher, &str)> {
    let is_part = |c: char| c.is_ascii_alphanumeric() || c == '_';
    let after = text.trim_start_matches(is_part);
    let label = &text[..text.len() - after.len()];
    let after = after.trim_start();
    let operator = ["=~", "!~", "!=", "="];
    let operator = operator.into_iter().find(|one| after.starts_with(one))?;
    let (value, rest) = quoted(after[operator.len()..].trim_start())?;
    let matcher = Matcher {
        label: label.to_owned(),
        operator,
        value: value.to_owned(),
    };
    (!label.is_empty()).then_some((matcher, rest))
}

/// The text between quotes that `text` begins with, with them, and what follows.
fn quoted(text: &str) -> Option<(&str, &str)> {
    let quote = text.chars().next().filter(|c| "\"'`".contains(*c))?;
    let mut escaped = false;
    for (index, c) in text.char_indices().skip(1) {
        match c {
            _ if escaped => escaped = false,
            '\\' if quote != '`' => escaped = true,
            c if c == quote => return Some(text.split_at(index + 1)),
            _ => {}
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn shown(query: &str) -> Vec<String> {
        selectors(query).iter().map(Selector::to_string).collect()
    }

    #[test]
    fn selectors_are_found_once_and_without_their_parts() {
        let query = r#"(1 - (sum(rate(rq{name=~"a_[0-9]+", code=~"5.."}[1m])) or vector(0))
            / sum(rate(rq { name =~ "a_[0-9]+", }[1m]))) * 100"#;
        assert_eq!(shown(query), [r#"rq{name=~"a_[0-9]+"}"#]);
        let two = r#"a{x="}"} / b{x='{"', y!="1"} # c{z="1"}"#;
        assert_eq!(shown(two), [r#"a{x="}"}"#, r#"b{x='{"', y!="1"}"#]);
        for nothing in ["up", "sum by (le) (x)", r#""a{b='c'}""#, "a{", "a{b", "{}"] {
            assert!(shown(nothing).is_empty(), "{nothing}");
        }
        assert!(shown(r#"{__name__=~".+"}"#).is_empty());
    }

    proptest! {
        #[test]
        fn no_query_panics(query in "[a{}=~!\"'`\\\\,# \né\\[\\]()]{0,60}") {
            for selector in selectors(&query) {
                prop_assert_eq!(selectors(&selector.to_string()), vec![selector]);
            }
        }
    }
}
