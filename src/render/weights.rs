//! The weights in a route: which rules have the backends, what their weights
//! are, and how to change them.

use std::collections::BTreeMap;
use std::ops::{Range, RangeInclusive};

use crate::api::FieldPath;
use crate::yaml::{Document, EditError, Kind, Node, Scalar, ScalarStyle, Stream};

/// Weights the Gateway API allows.
pub const WEIGHTS: RangeInclusive<i64> = 0..=1_000_000;

/// Weight of a backendRef that does not say one.
pub const DEFAULT_WEIGHT: i64 = 1;

/// The least number that percent are multiplied with before they are written, if at
/// all; see [`scaled`].
const LEAST_SCALE: i64 = crate::gateway::Implementation::LEAST_SCALE;

/// The weights to write for two shares, for a gateway that divides weights once more
/// and would round them away: 90 and 10 as 90000 and 10000 for a `scale` of 1000.
/// They stay as they are when that would be more than the Gateway API allows.
#[must_use]
pub fn scaled(shares: (i64, i64), scale: i64) -> (i64, i64) {
    let times = |share: i64| {
        let weight = share.checked_mul(scale);
        weight.filter(|weight| scale >= LEAST_SCALE && WEIGHTS.contains(weight))
    };
    match (times(shares.0), times(shares.1)) {
        (Some(first), Some(second)) => (first, second),
        _ => shares,
    }
}

/// The shares that two weights were written for, whatever their scale was: a route
/// keeps the old one until the next step. Weights that are no multiple of whole
/// percent are their own shares.
///
/// ```
/// use weirkeeper::render::weights::shares;
///
/// assert_eq!(shares((90_000, 10_000)), (90, 10));
/// assert_eq!(shares((90, 10)), (90, 10));
/// assert_eq!(shares((900, 100)), (900, 100));
/// ```
#[must_use]
pub fn shares(weights: (i64, i64)) -> (i64, i64) {
    let scale = weights.0.saturating_add(weights.1) / 100;
    let is_whole = scale >= LEAST_SCALE
        && weights.0 % scale == 0
        && weights.1 % scale == 0
        && weights.0 / scale + weights.1 / scale == 100;
    match is_whole {
        true => (weights.0 / scale, weights.1 / scale),
        false => weights,
    }
}

/// Kinds of routes that carry weights.
const KINDS: [&str; 4] = ["HTTPRoute", "GRPCRoute", "TCPRoute", "TLSRoute"];

/// Why weights cannot be read or set.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum WeightError {
    /// The weight is not one the Gateway API allows.
    #[error("the weight {weight} of `{backend}` is not from 0 to 1000000")]
    OutOfRange {
        /// Name of the backend.
        backend: String,
        /// The weight.
        weight: i64,
        /// Where it stands; empty when it is the new one.
        span: Range<usize>,
    },
    /// No backends were named.
    #[error("no backends are named")]
    NoBackends,
    /// The file has no route.
    #[error(
        "the file has no HTTPRoute, GRPCRoute, TCPRoute or TLSRoute of gateway.networking.k8s.io"
    )]
    NoRoute,
    /// No rule has all the backends.
    #[error("no rule has the backends {wanted} together; {found}")]
    NoRule {
        /// The backends asked for.
        wanted: String,
        /// What the rules have.
        found: String,
        /// Where the rules stand.
        span: Range<usize>,
    },
    /// A rule names a backend twice.
    #[error("the backend `{backend}` is in this rule twice")]
    Twice {
        /// Name of the backend.
        backend: String,
        /// Where it stands again.
        span: Range<usize>,
    },
    /// What stands as weight is none.
    #[error("the weight of `{backend}` is not an integer that can be read for sure: {text}")]
    NotAWeight {
        /// Name of the backend.
        backend: String,
        /// What is there.
        text: String,
        /// Where it stands.
        span: Range<usize>,
    },
    /// The weight cannot be edited.
    #[error(transparent)]
    Edit(#[from] EditError),
}

impl WeightError {
    /// The bytes of the file this is about.
    #[must_use]
    pub fn span(&self) -> Range<usize> {
        match self {
            Self::NoBackends | Self::NoRoute => 0..0,
            Self::OutOfRange { span, .. }
            | Self::NoRule { span, .. }
            | Self::Twice { span, .. }
            | Self::NotAWeight { span, .. } => span.clone(),
            Self::Edit(error) => error.span(),
        }
    }

    /// What to do about it.
    #[must_use]
    pub fn hint(&self) -> Option<&'static str> {
        match self {
            Self::NoBackends | Self::NoRoute | Self::OutOfRange { .. } => None,
            Self::NoRule { .. } => {
                Some("add both backends to the backendRefs of the rule that should shift traffic")
            }
            Self::Twice { .. } => Some("name each Service once in a rule"),
            Self::NotAWeight { .. } => Some("write it as a plain number, as `weight: 100`"),
            Self::Edit(error) => error.hint(),
        }
    }
}

/// Whether the document is a route of the Gateway API that carries weights.
#[must_use]
pub fn is_route(document: &Document) -> bool {
    let text = |field: &str| text_of(document, &FieldPath::root().key(field));
    text("apiVersion").is_some_and(|version| version.starts_with("gateway.networking.k8s.io/"))
        && text("kind").is_some_and(|kind| KINDS.contains(&kind))
}

/// Positions of the rules of a route whose backendRefs hold all of `backends`.
///
/// A backendRef names a Service unless it says another kind or group. Names are
/// found through anchors and merges.
#[must_use]
pub fn rules_with(document: &Document, backends: &[&str]) -> Vec<usize> {
    (0..rules(document))
        .filter(|&rule| {
            let names = services(document, rule);
            backends
                .iter()
                .all(|backend| names.iter().any(|(name, _)| name == backend))
        })
        .collect()
}

/// The current weights of `backends` in one rule of a route, in their order.
///
/// A weight that is absent or null is 1. Only what every reader takes for the
/// same integer counts: digits without leading zero, a plain hexadecimal number,
/// or whatever the tag `!!int` makes one.
///
/// # Errors
///
/// A backend is not in the rule or is there twice, or its weight is something else.
pub fn weights_of(
    document: &Document,
    rule: usize,
    backends: &[&str],
) -> Result<Vec<i64>, WeightError> {
    backends
        .iter()
        .map(|&backend| weight_at(document, backend, &weight_path(document, rule, backend)?))
        .collect()
}

/// Sets weights by name of the backend in every rule that has all of them, in
/// every route of the file. Returns how many rules those are.
///
/// A weight that already is what it should be is not touched, so a file that is
/// right stays as it is. A missing weight is added after the last key of its
/// backendRef. An integer that readers take for different ones (`010`) or that
/// is out of range is overwritten.
///
/// # Errors
///
/// No backends, a weight out of range, no route, no rule with all the backends,
/// a weight that is not an integer at all, or one that cannot be changed without changing
/// something else. Nothing is changed then.
pub fn set_weights(
    stream: &mut Stream,
    weights: &BTreeMap<String, i64>,
) -> Result<usize, WeightError> {
    let backends: Vec<&str> = weights.keys().map(String::as_str).collect();
    if backends.is_empty() {
        return Err(WeightError::NoBackends);
    }
    for (backend, &weight) in weights {
        if !WEIGHTS.contains(&weight) {
            return Err(WeightError::OutOfRange {
                backend: backend.clone(),
                weight,
                span: 0..0,
            });
        }
    }
    let mut edited = stream.clone();
    let mut touched = 0;
    for (number, document) in stream.documents().iter().enumerate() {
        if !is_route(document) {
            continue;
        }
        let rules = rules_with(document, &backends);
        touched += rules.len();
        set_in_rules(&mut edited, number, &rules, weights)?;
    }
    if touched == 0 {
        return Err(not_found(stream, &backends));
    }
    *stream = edited;
    Ok(touched)
}

/// Sets weights by name of the backend in these rules of one document. A weight
/// that already is what it should be is not touched.
///
/// # Errors
///
/// A backend is not in one of the rules or there twice, or its weight cannot be
/// read or changed.
pub fn set_in_rules(
    stream: &mut Stream,
    document: usize,
    rules: &[usize],
    weights: &BTreeMap<String, i64>,
) -> Result<(), WeightError> {
    let Some(tree) = stream.documents().get(document) else {
        return Err(EditError::NoDocument { document }.into());
    };
    let mut values = Vec::new();
    for &rule in rules {
        for (backend, &weight) in weights {
            let path = weight_path(tree, rule, backend)?;
            match weight_at(tree, backend, &path) {
                Ok(current) if current == weight => {}
                Err(error) if !is_some_integer(tree, &path) => return Err(error),
                Ok(_) | Err(_) => values.push((path, Scalar::from(weight))),
            }
        }
    }
    if values.is_empty() {
        return Ok(());
    }
    Ok(stream.set_scalars(document, &values)?)
}

fn rules_path() -> FieldPath {
    FieldPath::root().key("spec").key("rules")
}

fn rules(document: &Document) -> usize {
    document
        .get(&rules_path())
        .map_or(0, |rules| rules.items().len())
}

/// Text of a scalar that is not null.
fn text_of<'d>(document: &'d Document, path: &FieldPath) -> Option<&'d str> {
    let node = document.get(path)?;
    let (text, _) = node.scalar()?;
    (!is_null(node)).then_some(text)
}

/// Whether the scalar says that there is no value.
fn is_null(node: &Node) -> bool {
    matches!(
        node.scalar(),
        Some(("" | "~" | "null" | "Null" | "NULL", ScalarStyle::Plain))
    )
}

/// The Services in the backendRefs of a rule, with the path of each.
fn services(document: &Document, rule: usize) -> Vec<(&str, FieldPath)> {
    let path = rules_path().index(rule).key("backendRefs");
    let count = document.get(&path).map_or(0, |refs| refs.items().len());
    (0..count)
        .map(|index| path.index(index))
        .filter_map(|path| {
            let text = |field: &str| text_of(document, &path.key(field));
            let is_service = text("kind").is_none_or(|kind| kind == "Service")
                && text("group").is_none_or(str::is_empty);
            let name = text("name").filter(|_| is_service)?;
            Some((name, path))
        })
        .collect()
}

/// Path of the weight of a backend; it may not exist.
fn weight_path(document: &Document, rule: usize, backend: &str) -> Result<FieldPath, WeightError> {
    let services = services(document, rule);
    let mut named = services.iter().filter(|(name, _)| *name == backend);
    match (named.next(), named.next()) {
        (Some((_, path)), None) => Ok(path.key("weight")),
        (Some(_), Some((_, again))) => Err(WeightError::Twice {
            backend: backend.to_owned(),
            span: document.nearest(&again.key("name")),
        }),
        (None, _) => Err(WeightError::NoRule {
            wanted: format!("`{backend}`"),
            found: found(&services),
            span: document.nearest(&rules_path().index(rule).key("backendRefs")),
        }),
    }
}

fn weight_at(document: &Document, backend: &str, path: &FieldPath) -> Result<i64, WeightError> {
    let Some(id) = document.find(path) else {
        return Ok(DEFAULT_WEIGHT);
    };
    let node = document.node(id);
    if is_null(node) && node.tag.is_none() {
        return Ok(DEFAULT_WEIGHT);
    }
    let not_a_weight = || WeightError::NotAWeight {
        backend: backend.to_owned(),
        text: match &node.kind {
            Kind::Scalar { value, .. } => value.clone(),
            Kind::Mapping { .. } => "a mapping".to_owned(),
            Kind::Sequence { .. } => "a list".to_owned(),
            Kind::Alias { .. } => "an alias".to_owned(),
        },
        span: document.nearest(path),
    };
    let (text, style) = node.scalar().ok_or_else(not_a_weight)?;
    let is_tagged = node
        .tag
        .as_ref()
        .is_some_and(|tag| tag.name == "tag:yaml.org,2002:int");
    let is_decimal =
        text == "0" || (!text.starts_with('0') && text.bytes().all(|byte| byte.is_ascii_digit()));
    let is_hexadecimal = text.starts_with("0x");
    let is_plain = style == ScalarStyle::Plain && node.tag.is_none();
    if !(is_tagged || (is_plain && (is_decimal || is_hexadecimal))) {
        return Err(not_a_weight());
    }
    let value = document.value(id).ok().and_then(|value| value.as_i64());
    let weight = value.ok_or_else(not_a_weight)?;
    if !WEIGHTS.contains(&weight) {
        return Err(WeightError::OutOfRange {
            backend: backend.to_owned(),
            weight,
            span: document.nearest(path),
        });
    }
    Ok(weight)
}

/// Whether what stands at `path` is meant as an integer, whichever.
fn is_some_integer(document: &Document, path: &FieldPath) -> bool {
    let node = document.get(path).filter(|node| node.tag.is_none());
    let Some((text, ScalarStyle::Plain)) = node.and_then(Node::scalar) else {
        return false;
    };
    let digits = text.trim_start_matches(['+', '-']);
    digits.starts_with(|first: char| first.is_ascii_digit())
        && digits
            .bytes()
            .all(|byte| byte.is_ascii_hexdigit() || matches!(byte, b'x' | b'X' | b'o' | b'_'))
}

/// Says what the rules of the file have instead.
fn not_found(stream: &Stream, backends: &[&str]) -> WeightError {
    let mut routes = stream
        .documents()
        .iter()
        .filter(|document| is_route(document))
        .peekable();
    let Some(first) = routes.peek() else {
        return WeightError::NoRoute;
    };
    let span = first.nearest(&rules_path());
    let mut described = Vec::new();
    for document in routes {
        let name = FieldPath::root().key("metadata").key("name");
        let name = text_of(document, &name).unwrap_or("without a name");
        for rule in 0..rules(document) {
            let services = services(document, rule);
            described.push(format!("rule {rule} of {name} has {}", found(&services)));
        }
    }
    if described.is_empty() {
        described.push("there are no rules".to_owned());
    }
    let wanted: Vec<_> = backends.iter().map(|name| format!("`{name}`")).collect();
    WeightError::NoRule {
        wanted: wanted.join(" and "),
        found: described.join(", "),
        span,
    }
}

fn found(services: &[(&str, FieldPath)]) -> String {
    if services.is_empty() {
        return "no Services".to_owned();
    }
    let names: Vec<_> = services
        .iter()
        .map(|(name, _)| format!("`{name}`"))
        .collect();
    names.join(", ")
}

#[cfg(test)]
mod tests;
