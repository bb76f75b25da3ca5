//! The one template environment: strict, bounded, without files.
//!
//! [`render`] renders Weirkeeper's own templates (minijinja syntax).
//! [`render_query`] renders what users write in MetricTemplates: Go templates,
//! whose names are functions (`{{ target }}`, `{{ variables.key }}`), translated
//! to minijinja first. Flagger: `pkg/metrics/observers/render.go`.

mod functions;
mod go;
mod lex;
mod printf;
mod vars;

use std::collections::BTreeMap;
use std::io::{self, Write};

use minijinja::syntax::SyntaxConfig;
use minijinja::value::Serde;
use minijinja::{AutoEscape, Environment, UndefinedBehavior, Value};
use serde::Serialize;

pub use vars::{QueryVars, promql_escape};

use crate::error::Error;

/// Steps the rendering of a query may take.
const QUERY_FUEL: u64 = 100_000;

/// Steps [`render`] may take.
const FUEL: u64 = 2_000_000;

/// Longest query template and longest rendered query, in bytes.
const MAX_QUERY: usize = 64 << 10;

/// Longest output of [`render`], in bytes.
const MAX_OUTPUT: usize = 4 << 20;

/// A template that cannot be rendered, and where.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("line {line}, column {column}: {message}")]
pub struct TemplateError {
    /// One sentence without a full stop.
    pub message: String,
    /// What to do.
    pub hint: Option<String>,
    /// Line in the template, from 1.
    pub line: usize,
    /// Column in characters, from 1.
    pub column: usize,
    /// Byte in the template.
    pub offset: usize,
}

impl From<TemplateError> for Error {
    fn from(mut error: TemplateError) -> Self {
        let hint = error.hint.take();
        let outer = Self::document("the template cannot be rendered").because(error);
        match hint {
            Some(hint) => outer.hint(hint),
            None => outer,
        }
    }
}

/// Something wrong at a byte of a template.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
struct Fault {
    offset: usize,
    message: String,
    hint: Option<String>,
}

impl Fault {
    fn new(offset: usize, message: impl Into<String>) -> Self {
        Self {
            offset,
            message: message.into(),
            hint: None,
        }
    }

    fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    fn at(mut self, offset: usize) -> Self {
        self.offset = offset;
        self
    }

    fn within(self, template: &str) -> TemplateError {
        let before = &template[..template.floor_char_boundary(self.offset)];
        let line_start = before.rfind('\n').map_or(0, |newline| newline + 1);
        TemplateError {
            message: self.message,
            hint: self.hint,
            line: before.matches('\n').count() + 1,
            column: before[line_start..].chars().count() + 1,
            offset: before.len(),
        }
    }
}

/// Renders the query template `template` with `vars`.
///
/// Values are inserted as they are. Names are used without dot or dollar sign;
/// `variables.key` wants the key to be there, `index variables "key"` is empty
/// without it. Functions: `and eq ge gt index le len lt ne not or print printf
/// println slice urlquery`.
///
/// # Errors
/// When the template is malformed, names something unknown, uses what is not
/// supported (`range`, `with`, `define`, variables), is or becomes longer than
/// 64 KiB.
///
/// ```
/// use weirkeeper::template::{QueryVars, render_query};
///
/// let vars = QueryVars { target: "podinfo".into(), interval: "1m".into(), ..QueryVars::default() };
/// let query = r#"sum(rate(hits{app=~"{{ target | printf "%s-.*" }}"}[{{ interval }}]))"#;
/// assert_eq!(
///     render_query(query, &vars).unwrap(),
///     r#"sum(rate(hits{app=~"podinfo-.*"}[1m]))"#,
/// );
/// assert_eq!(render_query("{{ .target }}", &vars).unwrap_err().column, 4);
/// ```
pub fn render_query(template: &str, vars: &QueryVars) -> Result<String, TemplateError> {
    render_go(
        template,
        &[
            ("name", Value::from(&vars.name)),
            ("namespace", Value::from(&vars.namespace)),
            ("target", Value::from(&vars.target)),
            ("service", Value::from(&vars.service)),
            ("ingress", Value::from(&vars.ingress)),
            ("route", Value::from(&vars.route)),
            ("interval", Value::from(&vars.interval)),
            ("variables", Value::from_pairs(&vars.variables)),
        ],
    )
}

/// Renders a Go template in which exactly `names` are known, see
/// [`render_query`].
///
/// # Errors
/// As [`render_query`].
pub(crate) fn render_go(template: &str, names: &[(&str, Value)]) -> Result<String, TemplateError> {
    if template.len() > MAX_QUERY {
        return Err(
            Fault::new(0, format!("the template is longer than {MAX_QUERY} bytes"))
                .within(template),
        );
    }
    let known: Vec<&str> = names.iter().map(|(name, _)| *name).collect();
    let translation = go::translate(template, &known).map_err(|fault| fault.within(template))?;
    let mut context: BTreeMap<String, Value> = names
        .iter()
        .map(|(name, value)| (format!("v_{name}"), value.clone()))
        .collect();
    context.insert("c".to_owned(), Value::from(translation.constants));
    let mut environment = environment(QUERY_FUEL);
    functions::add_to(&mut environment);
    let rendered = output(
        &environment,
        "query",
        &translation.source,
        context.into(),
        MAX_QUERY,
    );
    rendered.map_err(|error| fault_of(&error).within(template))
}

/// The fault a function raised, else what minijinja says. Its position is one
/// in the translation and means nothing to anybody.
fn fault_of(error: &minijinja::Error) -> Fault {
    let mut cause = std::error::Error::source(error);
    while let Some(inner) = cause {
        if let Some(fault) = inner.downcast_ref::<Fault>() {
            return fault.clone();
        }
        cause = inner.source();
    }
    Fault::new(0, short(error))
}

fn short(error: &minijinja::Error) -> String {
    if let minijinja::ErrorKind::WriteFailure = error.kind() {
        return "the rendered text is too long".to_owned();
    }
    match error.detail() {
        Some(detail) => format!("{}: {detail}", error.kind()),
        None => error.kind().to_string(),
    }
}

/// Renders one of our own templates (minijinja syntax), called `name` in errors.
///
/// An undefined value is an error. Values are escaped when `name` ends with
/// `.html`, else inserted as they are. The output is at most 4 MiB.
///
/// # Errors
/// When the template is malformed, a value is missing, or a limit is reached.
///
/// ```
/// let context = std::collections::BTreeMap::from([("who", "you")]);
/// assert_eq!(weirkeeper::template::render("greeting", "Hi {{ who }}", context).unwrap(), "Hi you");
/// ```
pub fn render(
    name: &str,
    template: &str,
    context: impl Serialize,
) -> Result<String, TemplateError> {
    let mut environment = environment(FUEL);
    environment.set_auto_escape_callback(|name| match name.ends_with(".html") {
        true => AutoEscape::Html,
        false => AutoEscape::None,
    });
    let context = Value::from(Serde(context));
    output(&environment, name, template, context, MAX_OUTPUT).map_err(|error| {
        let line = error.line().unwrap_or(1);
        let starts = template.match_indices('\n').map(|(index, _)| index + 1);
        let line_start = std::iter::once(0).chain(starts).nth(line - 1).unwrap_or(0);
        let offset = error.range().map_or(line_start, |range| range.start);
        Fault::new(offset, format!("{name}: {}", short(&error))).within(template)
    })
}

/// Strict, with `fuel`, without loader, escaping nothing.
fn environment(fuel: u64) -> Environment<'static> {
    let mut environment = Environment::new();
    environment.set_undefined_behavior(UndefinedBehavior::Strict);
    environment.set_auto_escape_callback(|_| AutoEscape::None);
    environment.set_fuel(Some(fuel));
    if let Ok(syntax) = SyntaxConfig::builder().keep_trailing_newline(true).build() {
        environment.set_syntax(syntax);
    }
    environment.set_recursion_limit(50);
    environment
}

fn output(
    environment: &Environment<'_>,
    name: &str,
    source: &str,
    context: Value,
    limit: usize,
) -> Result<String, minijinja::Error> {
    let template = environment.template_from_named_str(name, source)?;
    let mut output = Bounded {
        bytes: Vec::new(),
        limit,
    };
    template.render_captured_to(context, &mut output)?;
    String::from_utf8(output.bytes).map_err(|error| {
        minijinja::Error::new(minijinja::ErrorKind::InvalidOperation, "not UTF-8")
            .with_source(error)
    })
}

/// Refuses to grow beyond its limit.
struct Bounded {
    bytes: Vec<u8>,
    limit: usize,
}

impl Write for Bounded {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.bytes.len() + bytes.len() > self.limit {
            return Err(io::Error::other("the output is too long"));
        }
        self.bytes.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests;
