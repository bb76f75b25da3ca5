//! What queries may name, and how a name gets into one.

use std::collections::BTreeSet;

use serde::Serialize;

use super::{Backend, Place};
use crate::template::{self, TemplateError, promql_escape};

/// First of the characters that stand for names while a template is rendered, so that
/// each is escaped for the text it stands in. They are for private use.
const FIRST: u32 = 0xF_0000;

/// Stands for a selected series in [`QuerySet::around`](super::QuerySet::around).
const SERIES: char = '\u{10_0000}';

/// What selectors and queries of a set may name.
#[derive(Debug, Clone, Serialize)]
pub(super) struct Values<'a> {
    kind: String,
    namespace: String,
    target: String,
    other: String,
    service: String,
    route: String,
    route_slug: String,
    gateway: String,
    sites: Vec<Named>,
    #[serde(skip_serializing_if = "str::is_empty")]
    label: &'a str,
    interval: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    quantile: Option<f64>,
    #[serde(skip)]
    names: Names,
}

/// A backendRef.
#[derive(Debug, Clone, Serialize)]
struct Named {
    route: String,
    rule: usize,
    backend: usize,
    weight: i64,
}

/// Names, each with a character that stands for it.
#[derive(Debug, Clone, Default)]
struct Names(Vec<String>);

impl Names {
    /// What stands for `name`; nothing for an empty one.
    fn add(&mut self, name: &str) -> String {
        let index = self.0.iter().position(|known| known == name);
        let index = index.unwrap_or_else(|| {
            self.0.push(name.to_owned());
            self.0.len() - 1
        });
        let mark = u32::try_from(index).ok().map(|index| FIRST + index);
        let mark = mark.and_then(char::from_u32).filter(|_| !name.is_empty());
        mark.map(String::from).unwrap_or_default()
    }

    fn of(&self, mark: char) -> Option<&str> {
        let index = u32::from(mark).checked_sub(FIRST)?;
        let name = self.0.get(usize::try_from(index).ok()?)?;
        Some(name)
    }

    /// `text` with the names in it: as they are between the quotes of `=` and `!=`, as
    /// a pattern that fits nothing else in those of `=~` and `!~`.
    fn put_into(&self, text: &str) -> String {
        let mut out = String::with_capacity(text.len());
        let mut quote = None;
        let mut is_pattern = false;
        let mut characters = text.chars();
        while let Some(c) = characters.next() {
            if let Some(name) = self.of(c) {
                let name = match is_pattern && quote.is_some() {
                    true => exactly(name),
                    false => name.to_owned(),
                };
                out.push_str(&match quote {
                    Some('`') => name.replace('`', ""),
                    Some('\'') => {
                        let name = name.replace('\\', "\\\\").replace('\n', "\\n");
                        name.replace('\'', "\\'")
                    }
                    _ => promql_escape(&name),
                });
                continue;
            }
            if quote.is_none() && matches!(c, '"' | '\'' | '`') {
                let before = out.trim_end();
                is_pattern = before.ends_with("=~") || before.ends_with("!~");
                quote = Some(c);
            } else if quote == Some(c) {
                quote = None;
            }
            out.push(c);
            if c == '\\' && matches!(quote, Some('"' | '\'')) {
                out.extend(characters.next());
            }
        }
        out
    }
}

/// A regular expression that fits `name` and nothing else.
fn exactly(name: &str) -> String {
    let mut pattern = String::new();
    for c in name.chars() {
        match c {
            '\\' | '^' => pattern.extend(['\\', c]),
            '.' | '+' | '*' | '?' | '(' | ')' | '|' | '[' | ']' | '{' | '}' | '$' => {
                pattern.extend(['[', c, ']']);
            }
            _ => pattern.push(c),
        }
    }
    pattern
}

/// Every run of other characters than letters and digits as `-`, as Traefik does.
fn slug(name: &str) -> String {
    let words = name.split(|c: char| !c.is_ascii_alphanumeric());
    let words: Vec<&str> = words.filter(|word| !word.is_empty()).collect();
    words.join("-")
}

fn alternatives(names: impl Iterator<Item = String>) -> String {
    let names: Vec<String> = names.collect();
    match names.as_slice() {
        [] => String::new(),
        [one] => one.clone(),
        several => format!("({})", several.join("|")),
    }
}

impl<'a> Values<'a> {
    /// What there may be.
    pub(super) const NAMES: [&'static str; 13] = [
        "namespace",
        "target",
        "other",
        "service",
        "kind",
        "route",
        "route_slug",
        "sites",
        "gateway",
        "label",
        "interval",
        "quantile",
        "series",
    ];

    pub(super) fn new(place: &Place, backend: Backend, interval: &str) -> Self {
        let side = place.side(backend);
        let other = match backend {
            Backend::Canary => &place.primary.workload,
            Backend::Primary => &place.canary.workload,
        };
        let is_longer = |other: &str| {
            let rest = other.strip_prefix(side.workload.as_str());
            rest.is_some_and(|rest| rest.starts_with('-'))
        };
        let mut names = Names::default();
        let routes = side.sites.iter().map(|site| site.route.as_str());
        let routes: BTreeSet<&str> = routes.collect();
        let sites = side.sites.iter().map(|site| Named {
            route: names.add(&site.route),
            rule: site.rule,
            backend: site.backend,
            weight: site.weight,
        });
        let sites = sites.collect();
        Self {
            kind: place.kind.to_lowercase(),
            namespace: names.add(&place.namespace),
            target: names.add(&side.workload),
            other: match is_longer(other) {
                true => names.add(other),
                false => String::new(),
            },
            service: names.add(&side.service),
            route: alternatives(routes.iter().map(|name| names.add(name))),
            route_slug: alternatives(routes.iter().map(|name| slug(name))),
            gateway: alternatives(place.gateways.iter().map(|name| names.add(name))),
            sites,
            label: "",
            interval: promql_escape(interval),
            quantile: None,
            names,
        }
    }

    /// The same with an alternative of the label.
    pub(super) fn with_label(&self, label: &'a str) -> Self {
        Self {
            label,
            ..self.clone()
        }
    }

    /// The same for one quantile.
    pub(super) fn with_quantile(self, quantile: f64) -> Self {
        Self {
            quantile: Some(quantile),
            ..self
        }
    }

    pub(super) fn interval(&self) -> &str {
        &self.interval
    }

    pub(super) fn quantile(&self) -> Option<f64> {
        self.quantile
    }

    /// `text` of the set `name` with all values in it.
    pub(super) fn fill(&self, name: &str, text: &str) -> Result<String, TemplateError> {
        let rendered = template::render(name, text, self)?;
        Ok(self.names.put_into(rendered.trim()))
    }

    /// What stands before and after a series.
    pub(super) fn around(&self, name: &str, text: &str) -> Result<[String; 2], TemplateError> {
        #[derive(Serialize)]
        struct Around<'v, 'a> {
            series: char,
            #[serde(flatten)]
            values: &'v Values<'a>,
        }
        let around = Around {
            series: SERIES,
            values: self,
        };
        let rendered = template::render(name, text, around)?;
        let rendered = self.names.put_into(rendered.trim());
        let (before, after) = rendered.split_once(SERIES).ok_or_else(|| TemplateError {
            message: format!("{name}: {{{{ series }}}} is missing"),
            hint: Some("write {{ series }} where the selected series stands".to_owned()),
            line: 1,
            column: 1,
            offset: 0,
        })?;
        Ok([before.to_owned(), after.to_owned()])
    }
}
