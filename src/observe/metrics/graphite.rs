//! Graphite (`/render`; Flagger: `providers/graphite.go`).

use jiff::{SignedDuration, Timestamp};
use reqwest::header::AUTHORIZATION;
use secrecy::{ExposeSecret as _, SecretString};
use serde::Deserialize;
use serde_json::value::RawValue;
use url::form_urlencoded;

use super::points::{Point, Series, newest_complete};
use super::remote::{Access, Advice, Remote};
use super::{Answered, LOOK_BACK, MAX_GET};
use crate::error::{Error, Result};

const ADVICE: Advice = Advice {
    permission: "a user that may read the metrics",
    not_found: "the render API is looked for below the address: is a path missing there, or one too many?",
};

/// A Graphite, or anything that speaks its render API.
///
/// The query is the text of a query string, as `target=…&from=-5min`. Weirkeeper sets
/// `format=json` and `now` to the time of the check, to which relative times then refer,
/// and, if they are missing, `until` to the same and `from` to a day before, which is
/// Graphite's default. Judged is the newest point with a value whose bucket is over, if
/// it ended no longer ago than an interval of the metric, or its own length, and 4 min.
/// Flagger takes the newest point however old it is, and the bucket that is still filling.
/// Several targets with points are an error that names them; Flagger takes the last.
#[derive(Debug)]
pub struct Graphite(Remote);

#[derive(Deserialize)]
struct Target<'a> {
    #[serde(default)]
    target: String,
    #[serde(borrow, default)]
    datapoints: Vec<(&'a RawValue, i64)>,
}

impl Graphite {
    /// A client, with `username` and `password` if the template names a Secret.
    ///
    /// # Errors
    /// When a key of the Secret is not given.
    pub fn new(access: &Access<'_>) -> Result<Self> {
        let mut headers = Vec::new();
        if access.keys.name.is_some() {
            let user = access.keys.required("username")?;
            let password = access.keys.required("password")?;
            headers.push((AUTHORIZATION, basic(&user, &password)));
        }
        Ok(Self(Remote::new(access, &headers, ADVICE)?))
    }

    /// Where it is, without secrets.
    #[must_use]
    pub fn address(&self) -> String {
        self.0.address()
    }

    /// The value of `query` as of `at`.
    ///
    /// # Errors
    /// As [`Provider::instant`](super::Provider::instant), and when the query has no
    /// `target`.
    pub async fn instant(
        &self,
        query: &str,
        window: SignedDuration,
        at: Timestamp,
    ) -> Result<Answered> {
        let parameters = parameters(query, at)?;
        let pairs: Vec<(&str, &str)> = parameters
            .iter()
            .map(|(name, value)| (name.as_str(), value.as_str()))
            .collect();
        let request = match query.len() > MAX_GET {
            true => self.0.post("render", &[]).form(&pairs),
            false => self.0.get("render", &pairs),
        };
        let answer = self.0.ask(request).await?;
        let text = std::str::from_utf8(&answer.body)
            .map_err(|_no_text| self.0.not_understood(&answer, "it is no text"))?;
        let found: Vec<Target<'_>> = match serde_json::from_str(text) {
            Ok(found) => found,
            Err(_other) => {
                // Says what is wrong with it.
                self.0.json::<Vec<serde_json::Value>>(&answer)?;
                return Err(self
                    .0
                    .not_understood(&answer, "the targets are not as usual"));
            }
        };
        let oldest = at.checked_sub(window.saturating_mul(LOOK_BACK));
        let oldest = oldest.unwrap_or(Timestamp::MIN);
        let series = found.iter().map(|target| {
            let points = target.datapoints.iter().map(|(value, second)| {
                let at = Timestamp::from_second(*second).ok()?;
                let value = number(value.get())?;
                Some(Point { at, value })
            });
            let points: Option<Vec<Point>> = points.collect();
            let points =
                points.ok_or_else(|| self.0.not_understood(&answer, "a point is no number"))?;
            Ok(Series {
                name: target.target.clone(),
                points,
                step: None,
            }
            .since(oldest, at))
        });
        let series = series.collect::<Result<Vec<Series>>>()?;
        Ok(newest_complete(&series, window, at))
    }
}

/// The parameters of a query, with what is missing.
fn parameters(query: &str, at: Timestamp) -> Result<Vec<(String, String)>> {
    // A query of several lines is one string, as Flagger sends it.
    let query = query.split_whitespace().collect::<Vec<_>>().join(" ");
    let given = form_urlencoded::parse(query.trim_start_matches('?').as_bytes());
    let ours = ["format", "now"];
    let mut parameters: Vec<(String, String)> = given
        .map(|(name, value)| (name.trim().to_owned(), value.trim().to_owned()))
        .filter(|(name, _)| !ours.contains(&name.as_str()))
        .collect();
    let has = |wanted: &str| parameters.iter().any(|(name, _)| name == wanted);
    if !has("target") {
        return Err(Error::document("the query for Graphite has no target")
            .hint("it is the text of a query string: target=sumSeries(…)&from=-5min"));
    }
    let (has_from, has_until) = (has("from"), has("until"));
    let now = at.as_second();
    let mut add = |name: &str, value: String| parameters.push((name.to_owned(), value));
    if !has_from {
        let day = SignedDuration::from_hours(24).as_secs();
        add("from", (now - day).to_string());
    }
    if !has_until {
        add("until", now.to_string());
    }
    add("now", now.to_string());
    add("format", "json".to_owned());
    Ok(parameters)
}

/// A value as Graphite writes it: a number, `null`, `1e9999` for infinity; some write
/// texts. `None` when it is none of these.
fn number(text: &str) -> Option<Option<f64>> {
    match text.trim_matches('"') {
        "null" => Some(None),
        number => number.parse().ok().map(Some),
    }
}

fn basic(user: &SecretString, password: &SecretString) -> SecretString {
    use base64::Engine as _;
    let pair = format!("{}:{}", user.expose_secret(), password.expose_secret());
    let coded = base64::engine::general_purpose::STANDARD.encode(pair);
    SecretString::from(format!("Basic {coded}"))
}

#[cfg(test)]
mod tests;
