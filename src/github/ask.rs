//! One request to GitHub.

use reqwest::Method;
use serde::Serialize;
use serde_json::{Value, json};
use url::form_urlencoded;

use crate::error::Result;

/// One request to GitHub, about the repository.
///
/// ```
/// use weirkeeper::github::Ask;
///
/// let ask = Ask::get(["pulls"])
///     .query("state", "open")
///     .needs("pull-requests: read");
/// assert_eq!(format!("{ask:?}"), "GET pulls?state=open");
/// ```
#[derive(Clone)]
pub struct Ask {
    method: Method,
    place: Place,
    query: Vec<(&'static str, String)>,
    body: Option<Value>,
    needs: &'static str,
}

#[derive(Clone)]
enum Place {
    /// Below `/repos/OWNER/NAME`, percent-encoded.
    Repository(String),
    /// As GitHub named it.
    At(http::Uri),
    Graphql,
}

impl Ask {
    /// Asks for `path`, below the repository; each part is encoded.
    #[must_use]
    pub fn get<P: AsRef<str>>(path: impl IntoIterator<Item = P>) -> Self {
        Self::new(Method::GET, path)
    }

    /// Makes something.
    #[must_use]
    pub fn post<P: AsRef<str>>(path: impl IntoIterator<Item = P>) -> Self {
        Self::new(Method::POST, path)
    }

    /// Changes something.
    #[must_use]
    pub fn patch<P: AsRef<str>>(path: impl IntoIterator<Item = P>) -> Self {
        Self::new(Method::PATCH, path)
    }

    /// Sets something.
    #[must_use]
    pub fn put<P: AsRef<str>>(path: impl IntoIterator<Item = P>) -> Self {
        Self::new(Method::PUT, path)
    }

    /// Removes something.
    #[must_use]
    pub fn delete<P: AsRef<str>>(path: impl IntoIterator<Item = P>) -> Self {
        Self::new(Method::DELETE, path)
    }

    pub(super) fn graphql(body: Value) -> Self {
        Self {
            place: Place::Graphql,
            body: Some(body),
            ..Self::new(Method::POST, [""; 0])
        }
    }

    fn new<P: AsRef<str>>(method: Method, path: impl IntoIterator<Item = P>) -> Self {
        let encoded = path.into_iter().map(|part| {
            let part: String = form_urlencoded::byte_serialize(part.as_ref().as_bytes()).collect();
            // In a path a space is no plus.
            part.replace('+', "%20")
        });
        Self {
            method,
            place: Place::Repository(encoded.collect::<Vec<_>>().join("/")),
            query: Vec::new(),
            body: None,
            needs: "",
        }
    }

    /// The permission of the token that this takes, as it is written in a
    /// workflow: `pull-requests: write`. It is named when GitHub refuses.
    #[must_use]
    pub fn needs(mut self, permission: &'static str) -> Self {
        self.needs = permission;
        self
    }

    /// Adds a parameter.
    #[must_use]
    pub fn query(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.query.push((name, value.into()));
        self
    }

    /// Sends `body` as JSON.
    #[must_use]
    pub fn json(mut self, body: impl Serialize) -> Self {
        self.body = Some(json!(body));
        self
    }

    /// The same about an address that GitHub gave.
    pub(super) fn at(mut self, uri: http::Uri) -> Self {
        self.place = Place::At(uri);
        self.query.clear();
        self
    }

    pub(super) fn method(&self) -> &Method {
        &self.method
    }

    pub(super) fn body(&self) -> Option<&Value> {
        self.body.as_ref()
    }

    pub(super) fn permission(&self) -> &'static str {
        self.needs
    }

    /// Path and query below the API.
    pub(super) fn address<'a>(
        &self,
        repository: impl FnOnce() -> Result<&'a str>,
    ) -> Result<String> {
        Ok(match &self.place {
            Place::Graphql => "/graphql".to_owned(),
            Place::At(uri) => uri.to_string(),
            Place::Repository(path) if path.is_empty() => format!("/repos/{}", repository()?),
            Place::Repository(path) => {
                format!("/repos/{}/{path}{}", repository()?, self.parameters())
            }
        })
    }

    fn parameters(&self) -> String {
        if self.query.is_empty() {
            return String::new();
        }
        let mut pairs = form_urlencoded::Serializer::for_suffix(String::from("?"), 1);
        pairs.extend_pairs(&self.query);
        pairs.finish()
    }
}

/// Without the body, which may be long.
impl std::fmt::Debug for Ask {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match &self.place {
            Place::Graphql => f.write_str("POST graphql"),
            Place::At(uri) => write!(f, "{} {uri}", self.method),
            Place::Repository(path) => {
                write!(f, "{} {path}{}", self.method, self.parameters())
            }
        }
    }
}
