//! The observed share: do as many requests reach the canary as were committed?

use serde::Serialize;

/// The share that the canary had in a window, beside the committed one.
///
/// Written as `{"expected", "measured", "low", "high", "canaryRequests",
/// "primaryRequests", "verdict"}`, shares in percent.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Share {
    /// The committed share of the canary, in percent.
    pub expected: f64,
    /// The measured one, in percent.
    pub measured: f64,
    /// The least that does not contradict the committed one, in percent.
    pub low: f64,
    /// The most that does not contradict it, in percent.
    pub high: f64,
    /// Requests of the canary in the window.
    pub canary_requests: f64,
    /// Requests of the primary in the window.
    pub primary_requests: f64,
    /// What follows from it.
    pub verdict: ShareVerdict,
}

/// Is the committed weight in effect?
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum ShareVerdict {
    /// Nothing speaks against it.
    Fits,
    /// It is not: the share is outside of the band.
    Off,
    /// Too few requests to say.
    Few,
}

/// Fewer requests say nothing: single clients decide what so few of them do.
const LEAST: f64 = 30.0;

/// How far the ratio of the two counts may be off, as a factor, without anybody
/// being to blame: the two sides are read at different moments, by `increase`
/// stretched to the window, and traffic that is a tenth more at one of them and a tenth
/// less at the other makes 1.1 / 0.9 = 1.22 of it; a step takes effect a few seconds
/// after its commit; gateways round weights. So 8.2 to 12.2 % always pass for 10 %,
/// and 44.4 to 55.6 % for 50 %.
const TOLERANCE: f64 = 1.25;

/// Weights nearer to nothing or to all than this are taken for this far away, so
/// that the last requests of old connections do not count against 100 %.
const EDGE: f64 = 0.01;

/// Natural logarithm of how unlikely counts must be to count as off: less than once
/// in 10 000 windows where each request is counted once. Where a window of two scrapes
/// sees half of its requests and tells each twice, counts scatter more, and most of
/// that is within [`TOLERANCE`]: `cargo bench --bench share` counts what is left, at most
/// one window in 1000 up to 50 %.
const LIMIT: f64 = 9.2;

impl Share {
    /// Compares `canary` of `canary + primary` requests with the committed `weight`,
    /// from 0 to 1; `None` when there were none.
    ///
    /// The share is off when it lies outside of the interval that a factor of 1.25 in the odds leaves
    /// around the weight, and n requests that fall to the nearest end of the interval
    /// `p` would make it with a probability below e^-9.2. The bound is
    /// Chernoff's, `P ≤ exp(−n·KL(x/n ‖ p))`: it needs no table, and holds for every
    /// number of requests, also for few and for weights near 0 and 1, where a normal
    /// approximation does not. Requests are taken to be independent of each other.
    ///
    /// ```
    /// use weirkeeper::decide::{Share, ShareVerdict};
    ///
    /// let of = |canary, primary| Share::of(0.1, canary, primary).map(|share| share.verdict);
    /// assert_eq!(of(0.0, 0.0), None);
    /// assert_eq!(of(0.0, 20.0), Some(ShareVerdict::Few));
    /// assert_eq!(of(60.0, 440.0), Some(ShareVerdict::Fits));
    /// assert_eq!(of(0.0, 500.0), Some(ShareVerdict::Off));
    /// ```
    #[must_use]
    pub fn of(weight: f64, canary: f64, primary: f64) -> Option<Self> {
        let requests = canary + primary;
        if !(requests.is_finite() && requests > 0.0 && canary >= 0.0 && primary >= 0.0) {
            return None;
        }
        let measured = canary / requests;
        let (low, high) = band(weight, requests);
        Some(Self {
            expected: weight * 100.0,
            measured: measured * 100.0,
            low: low * 100.0,
            high: high * 100.0,
            canary_requests: canary,
            primary_requests: primary,
            verdict: match requests < LEAST {
                true => ShareVerdict::Few,
                false if is_off(weight, measured, requests) => ShareVerdict::Off,
                false => ShareVerdict::Fits,
            },
        })
    }

    /// Requests of both.
    #[must_use]
    pub fn requests(&self) -> f64 {
        self.canary_requests + self.primary_requests
    }

    /// Is the share outside of the band?
    #[must_use]
    pub fn is_off(&self) -> bool {
        self.verdict == ShareVerdict::Off
    }

    /// Would the measured share fit another weight?
    pub(super) fn would_fit(&self, weight: f64) -> bool {
        let measured = self.canary_requests / self.requests();
        !is_off(weight, measured, self.requests())
    }

    /// `canary share 9.8 % of 1234 requests (weight 10 %)`.
    #[must_use]
    pub fn summary(&self) -> String {
        format!(
            "canary share {} % of {} requests (weight {} %)",
            short(self.measured),
            self.requests().round(),
            short(self.expected)
        )
    }
}

/// Does a share contradict a weight?
fn is_off(weight: f64, share: f64, requests: f64) -> bool {
    let (low, high) = ends(weight);
    let end = match share {
        share if share < low => low,
        share if share > high => high,
        _ => return false,
    };
    requests * divergence(share, end) > LIMIT
}

/// What [`TOLERANCE`] leaves around a weight. Of the ratio canary to primary, so
/// that it is as fair to 1 % as to 99 %.
fn ends(weight: f64) -> (f64, f64) {
    let weight = weight.clamp(0.0, 1.0);
    let odds = weight.clamp(EDGE, 1.0 - EDGE);
    let odds = odds / (1.0 - odds);
    let share = |odds: f64| odds / (1.0 + odds);
    let low = share(odds / TOLERANCE).min(weight);
    let high = share(odds * TOLERANCE).max(weight);
    (low, high)
}

/// How far a share is from what `end` lets one expect: the Kullback-Leibler
/// divergence of two coins.
fn divergence(share: f64, end: f64) -> f64 {
    let term = |of: f64, from: f64| match of > 0.0 {
        true => of * (of / from).ln(),
        false => 0.0,
    };
    term(share, end) + term(1.0 - share, 1.0 - end)
}

/// The shares that `requests` may make with this weight, from and to.
fn band(weight: f64, requests: f64) -> (f64, f64) {
    let (low, high) = ends(weight);
    let edge = |fits: f64, outside: f64| {
        // Halved until nobody sees the difference.
        let (mut fits, mut outside) = (fits, outside);
        if !is_off(weight, outside, requests) {
            return outside;
        }
        for _ in 0..40 {
            let middle = f64::midpoint(fits, outside);
            match is_off(weight, middle, requests) {
                true => outside = middle,
                false => fits = middle,
            }
        }
        fits
    };
    (edge(low, 0.0), edge(high, 1.0))
}

/// Three digits that matter, without trailing zeros: `0.98`, `12.3`, `100`.
pub(super) fn short(percent: f64) -> String {
    let factor = if percent < 10.0 { 100.0 } else { 10.0 };
    ((percent * factor).round() / factor).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn verdict(weight: f64, canary: f64, primary: f64) -> ShareVerdict {
        Share::of(weight, canary, primary).unwrap().verdict
    }

    #[test]
    fn what_is_not_counted_is_no_share() {
        assert_eq!(Share::of(0.1, 0.0, 0.0), None);
        assert_eq!(Share::of(0.1, f64::NAN, 5.0), None);
        assert_eq!(Share::of(0.1, -1.0, 5.0), None);
        assert_eq!(Share::of(0.1, f64::INFINITY, 5.0), None);
    }

    #[test]
    fn few_requests_are_never_off() {
        assert_eq!(verdict(0.1, 29.0, 0.0), ShareVerdict::Few);
        assert_eq!(verdict(1.0, 0.0, 29.9), ShareVerdict::Few);
        assert_eq!(verdict(1.0, 0.0, 30.0), ShareVerdict::Off);
        assert_eq!(verdict(0.01, 0.0, 1000.0), ShareVerdict::Fits);
        assert_eq!(verdict(0.01, 0.0, 3000.0), ShareVerdict::Off);
    }

    #[test]
    fn many_requests_tell_small_differences_beyond_the_tolerance() {
        assert_eq!(verdict(0.5, 445_000.0, 555_000.0), ShareVerdict::Fits);
        assert_eq!(verdict(0.5, 435_000.0, 565_000.0), ShareVerdict::Off);
        assert_eq!(verdict(0.1, 122_000.0, 878_000.0), ShareVerdict::Fits);
        assert_eq!(verdict(0.1, 126_000.0, 874_000.0), ShareVerdict::Off);
    }

    #[test]
    fn nothing_and_all() {
        assert_eq!(verdict(0.0, 0.0, 1e6), ShareVerdict::Fits);
        assert_eq!(verdict(0.0, 500.0, 500.0), ShareVerdict::Off);
        assert_eq!(verdict(1.0, 1e6, 0.0), ShareVerdict::Fits);
        assert_eq!(verdict(1.0, 995.0, 5.0), ShareVerdict::Fits);
        assert_eq!(verdict(1.0, 500.0, 500.0), ShareVerdict::Off);
    }

    #[test]
    fn both_sides_are_alike() {
        for percent in 0..=100 {
            let weight = f64::from(percent) / 100.0;
            for canary in 0..=50 {
                let (canary, primary) = (f64::from(canary) * 20.0, 1000.0);
                let one = verdict(weight, canary, primary);
                assert_eq!(
                    one,
                    verdict(1.0 - weight, primary, canary),
                    "{percent} {canary}"
                );
            }
        }
    }

    #[test]
    fn the_band_is_where_the_verdict_turns() {
        for weight in [0.01, 0.1, 0.5, 0.99, 1.0] {
            for requests in [30.0, 1000.0, 1e6] {
                let (low, high) = band(weight, requests);
                assert!(low <= weight && weight <= high);
                let off = |share: f64| is_off(weight, share, requests);
                assert!(!off(low) && !off(high), "{weight} {requests}");
                assert!(low < 1e-6 || off(low - 1e-6), "{weight} {requests}");
                assert!(high > 1.0 - 1e-6 || off(high + 1e-6), "{weight} {requests}");
            }
        }
    }

    #[test]
    fn in_words() {
        let share = Share::of(0.1, 49.0, 951.4).unwrap();
        assert_eq!(
            share.summary(),
            "canary share 4.9 % of 1000 requests (weight 10 %)"
        );
        let written = serde_json::to_value(Share::of(0.5, 30.0, 30.0).unwrap()).unwrap();
        let fields: Vec<&String> = written.as_object().unwrap().keys().collect();
        assert_eq!(
            fields,
            [
                "canaryRequests",
                "expected",
                "high",
                "low",
                "measured",
                "primaryRequests",
                "verdict"
            ]
        );
        assert_eq!(written["verdict"], "fits");
    }
}
