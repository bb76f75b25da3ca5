//! Evidence that metrics tell something: do the series exist, and do the counts agree
//! with what was committed?

use jiff::SignedDuration;

use super::Reading;
use crate::api::{Analysis, parse_duration};

/// What is known of the metrics of a gateway that tells primary and canary apart.
///
/// Absent from [`Facts`](super::Facts) where nobody knows the gateway: then nothing is
/// asked, and no data means what it means in Flagger.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Wiring {
    /// The query that counts the series of the canary.
    pub canary: String,
    /// The same of the primary.
    pub primary: String,
    /// Who has these series, in a few words: `the gateway`.
    pub measured_at: String,
    /// Do counters begin with the first requests that they count? Then these are missed.
    pub late: bool,
    /// How late values come at most.
    pub lag: SignedDuration,
    /// Did the canary's series count the primary's requests before the canary was
    /// exposed? So it is where a rule is known by its position alone.
    pub reused: bool,
    /// Do the weights of the route decide about every request that is counted? Not when
    /// a rule leads to one of the two alone, nor when the metrics also count requests
    /// that do not come by the route.
    pub divided: bool,
}

/// The answer to [`Probe::Evidence`](super::Probe::Evidence).
#[derive(Debug, Clone, PartialEq)]
pub struct Evidence {
    /// Requests of the canary in the window.
    pub canary: Reading,
    /// Requests of the primary in the window.
    pub primary: Reading,
    /// How many series of the canary there are.
    pub canary_series: Reading,
    /// How many of the primary there are.
    pub primary_series: Reading,
    /// How many of the canary there were one window earlier.
    pub canary_series_before: Reading,
}

/// The window in which requests are counted: the longest interval of the built-in
/// metrics, as it is written. `None` without any.
///
/// ```
/// use weirkeeper::api::{Analysis, Metric};
/// use weirkeeper::decide::evidence_window;
///
/// let metric = |name: &str, interval: &str| Metric {
///     name: name.to_owned(),
///     interval: Some(interval.to_owned()),
///     ..Metric::default()
/// };
/// let mut analysis = Analysis::default();
/// assert_eq!(evidence_window(&analysis), None);
/// analysis.metrics = Some(vec![
///     metric(Metric::SUCCESS_RATE, "2m"),
///     metric(Metric::DURATION, "90s"),
///     metric("own", "1h"),
/// ]);
/// assert_eq!(evidence_window(&analysis), Some("2m"));
/// ```
#[must_use]
pub fn evidence_window(analysis: &Analysis) -> Option<&str> {
    let builtin = analysis.metrics().iter().filter(|one| one.is_builtin());
    let windows = builtin.map(|metric| metric.interval());
    windows.max_by_key(|window| parse_duration(window).unwrap_or_default())
}

impl Evidence {
    /// Nothing speaks against going on: series of both, no request yet.
    #[must_use]
    pub fn quiet() -> Self {
        Self {
            canary: Reading::Value(0.0),
            primary: Reading::Value(0.0),
            canary_series: Reading::Value(1.0),
            primary_series: Reading::Value(1.0),
            canary_series_before: Reading::Value(1.0),
        }
    }
}

/// Are there series? What is no number is not held against anybody.
pub(super) fn exists(series: &Reading) -> bool {
    match series {
        Reading::Empty => false,
        Reading::Value(count) => *count > 0.0,
        Reading::Nan | Reading::Infinite(_) | Reading::Several(_) | Reading::WrongType(_) => true,
    }
}

/// How many requests there were; `None` when that is not known.
pub(super) fn requests(counted: &Reading) -> Option<f64> {
    match counted {
        Reading::Value(count) => Some(*count),
        Reading::Empty | Reading::Nan => Some(0.0),
        Reading::Infinite(_) | Reading::Several(_) | Reading::WrongType(_) => None,
    }
}
