//! Cookies of session affinity (Flagger: `gateway_api.go`,
//! `getSessionAffinityRouteRules`; `canary.go`, `BuildCookie`).

use serde_yaml::Value;

use super::matches::condition;
use super::object;
use crate::api::{Analysis, CanarySpec, SessionAffinity, Status};

/// A cookie that tells which version answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cookie {
    /// Name.
    pub name: String,
    /// Value.
    pub value: String,
}

impl Cookie {
    /// Reads `name=value` from the status; without a name it has `name`. `None`
    /// when there is no value or no name at all.
    #[must_use]
    pub fn read(text: &str, name: &str) -> Option<Self> {
        let (own, value) = text.split_once('=')?;
        let name = if own.is_empty() { name } else { own };
        (!name.is_empty() && !value.is_empty()).then(|| Self {
            name: name.to_owned(),
            value: value.to_owned(),
        })
    }

    /// The match that takes the requests with this cookie.
    pub(super) fn condition(&self) -> Value {
        let value = format!(".*{}.*{}.*", literal(&self.name), literal(&self.value));
        let header = condition("RegularExpression", "Cookie", &value);
        object([("headers", Value::Sequence(vec![header]))])
    }

    /// `Set-Cookie` for the browser to keep it so many seconds.
    pub(super) fn set(&self, affinity: &SessionAffinity, max_age: i64) -> String {
        let mut text = format!("{}={}; Max-Age={max_age}", self.name, self.value);
        let valued = |text: &mut String, name: &str, value: Option<&String>| {
            if let Some(value) = value.filter(|value| !value.is_empty()) {
                text.push_str(&format!("; {name}={value}"));
            }
        };
        let flag = |text: &mut String, name: &str, set: Option<bool>| {
            if set == Some(true) {
                text.push_str(&format!("; {name}"));
            }
        };
        valued(&mut text, "Domain", affinity.domain.as_ref());
        flag(&mut text, "HttpOnly", affinity.http_only);
        flag(&mut text, "Partitioned", affinity.partitioned);
        valued(&mut text, "Path", affinity.path.as_ref());
        valued(&mut text, "SameSite", affinity.same_site.as_ref());
        flag(&mut text, "Secure", affinity.secure);
        text
    }

    /// `Set-Cookie` for the browser to forget it, as Flagger writes it: one that
    /// was set for a domain or a path stays until its `Max-Age`, and no rule
    /// looks for its value any more.
    pub(super) fn unset(&self) -> String {
        self.set(&SessionAffinity::default(), -1)
    }
}

/// Characters that a cookie's name may have and that would mean something
/// else in a regular expression. A dot stays: it takes itself, too.
fn literal(text: &str) -> String {
    let mut literal = String::with_capacity(text.len());
    for c in text.chars() {
        if matches!(c, '*' | '+' | '^' | '$' | '|') {
            literal.push('\\');
        }
        literal.push(c);
    }
    literal
}

/// The cookies of a release.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Cookies {
    /// Of the canary, in this run.
    pub canary: Option<Cookie>,
    /// Of the canary, in the run before.
    pub previous: Option<Cookie>,
    /// Of the primary.
    pub primary: Option<Cookie>,
}

impl Cookies {
    /// What the status knows, as far as `spec` asks for it: none without
    /// `sessionAffinity`, none of the primary without `primaryCookieName`.
    #[must_use]
    pub fn of(spec: &CanarySpec, status: Option<&Status>) -> Self {
        let (Some(affinity), Some(status)) = (affinity(spec), status) else {
            return Self::default();
        };
        let read = |text: &Option<String>, name: &str| Cookie::read(text.as_deref()?, name);
        let name = &affinity.cookie_name;
        let primary = affinity.primary_cookie_name.as_deref();
        Self {
            canary: read(&status.session_affinity_cookie, name),
            previous: read(&status.previous_session_affinity_cookie, name),
            primary: primary.filter(|name| !name.is_empty()).and_then(|name| {
                let cookie = read(&status.primary_session_affinity_cookie, name)?;
                let name = name.to_owned();
                Some(Cookie { name, ..cookie })
            }),
        }
    }
}

impl Cookies {
    /// Cookies as long as real ones, to see whether they find room.
    pub(super) fn sample(affinity: &SessionAffinity) -> Self {
        let cookie = |name: &String| Cookie {
            name: name.clone(),
            value: "x".repeat(10),
        };
        let primary = affinity.primary_cookie_name.as_ref();
        Self {
            canary: Some(cookie(&affinity.cookie_name)),
            previous: None,
            primary: primary.filter(|name| !name.is_empty()).map(cookie),
        }
    }
}

/// `analysis.sessionAffinity`. Beside `analysis.match` it has no say.
pub(super) fn affinity(spec: &CanarySpec) -> Option<&SessionAffinity> {
    let analysis = spec.analysis.as_ref()?;
    let affinity = analysis.session_affinity.as_ref();
    affinity.filter(|_| analysis.matches().is_empty())
}

/// Seconds that the canary's cookie lives.
pub(super) fn max_age(affinity: &SessionAffinity) -> i64 {
    let age = affinity.max_age.filter(|age| *age > 0);
    age.unwrap_or(SessionAffinity::MAX_AGE)
}

/// Seconds that the primary's cookie lives: one interval, so that its sessions
/// are drawn again at each step. Not raised to the shortest interval.
pub(super) fn primary_max_age(spec: &CanarySpec) -> i64 {
    let analysis = spec.analysis.as_ref();
    let interval = analysis.and_then(|analysis| analysis.interval.as_deref());
    let interval = interval.and_then(|text| crate::api::parse_duration(text).ok());
    interval.unwrap_or(Analysis::INTERVAL).as_secs()
}

/// What tells our cookies from others: the names that this Canary sets or has
/// set, and the values that the status knows, whatever name they were given.
#[derive(Debug, Default)]
pub(super) struct Ours {
    names: Vec<String>,
    values: Vec<String>,
}

impl Ours {
    pub(super) fn of(spec: &CanarySpec, status: Option<&Status>) -> Self {
        let affinity = spec
            .analysis
            .as_ref()
            .and_then(|analysis| analysis.session_affinity.as_ref());
        let asked = affinity.into_iter().flat_map(|affinity| {
            let primary = affinity.primary_cookie_name.clone();
            [Some(affinity.cookie_name.clone()), primary]
        });
        let mut ours = Self {
            names: asked.flatten().collect(),
            values: Vec::new(),
        };
        let known = status.into_iter().flat_map(|status| {
            [
                &status.session_affinity_cookie,
                &status.previous_session_affinity_cookie,
                &status.primary_session_affinity_cookie,
            ]
        });
        for (name, value) in known.flatten().filter_map(|text| text.split_once('=')) {
            ours.names.push(name.to_owned());
            ours.values.push(value.to_owned());
        }
        ours.names.retain(|name| !name.is_empty());
        ours.values.retain(|value| !value.is_empty());
        ours
    }

    pub(super) fn is_empty(&self) -> bool {
        self.names.is_empty() && self.values.is_empty()
    }

    /// Is the value of a `Set-Cookie` one of ours?
    pub(super) fn has(&self, text: &str) -> bool {
        let Some((name, rest)) = text.split_once('=') else {
            return false;
        };
        let value = rest.split(';').next().unwrap_or_default();
        self.names.iter().any(|ours| ours == name) || self.values.iter().any(|ours| ours == value)
    }
}
