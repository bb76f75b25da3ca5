//! Which point of which series is judged.

use jiff::{SignedDuration, Timestamp};

use super::Answered;
use super::remote::shortened;
use crate::decide::Reading;

/// Characters of a series' name that are shown at most.
const NAME: usize = 120;

/// How late points may come: Google shows some of its metrics 240 s after they were
/// measured, Amazon within a few minutes, the others sooner. While points come, the
/// newest one ended at most this and one period ago; when it is older, they have
/// stopped.
const LATENESS: SignedDuration = SignedDuration::from_mins(4);

/// A series of an answer.
#[derive(Debug, Clone, Default)]
pub(super) struct Series {
    /// Its name, as the provider gives it.
    pub(super) name: String,
    /// Its points, in any order.
    pub(super) points: Vec<Point>,
    /// The time from one point to the next, when the provider says so.
    pub(super) step: Option<SignedDuration>,
}

/// A point that stands for the time from `at` on.
#[derive(Debug, Clone, Copy)]
pub(super) struct Point {
    /// Begin of its bucket.
    pub(super) at: Timestamp,
    /// Its value; `None` when there is none.
    pub(super) value: Option<f64>,
}

/// The reading of points in buckets as of `at`: the newest point that has a value and
/// whose bucket is over by then.
///
/// The bucket that is still filling is left out: a count of it is too low, a rate of it
/// comes from few requests. Flagger takes the newest point for some providers, which is
/// that bucket, and the oldest one for others, which is of ten intervals ago, before the
/// last steps. When nothing but a filling bucket has a value there is no data, and a
/// warning says why. A point that is too old is no data either, see [`age`]: providers are
/// asked about ten intervals, and what has stopped reporting must not pass on its last
/// good value for as long.
pub(super) fn newest_complete(
    series: &[Series],
    window: SignedDuration,
    at: Timestamp,
) -> Answered {
    let mut warnings = Vec::new();
    let mut found = Vec::new();
    for series in series {
        let step = series.step();
        let ends = |point: &Point| point.at.checked_add(step).unwrap_or(Timestamp::MAX);
        let valued = || {
            let points = series.points.iter();
            points.filter_map(|point| point.value.map(|value| (point, value)))
        };
        let complete = valued().filter(|(point, _)| ends(point) <= at);
        let newest = complete.max_by_key(|(point, _)| point.at);
        match newest {
            Some((point, value)) => {
                let age = age(ends(point), step, window, at);
                if age.counts {
                    found.push((series.name.as_str(), value));
                }
                warnings.extend(age.warning);
            }
            None if valued().any(|(point, _)| point.at <= at) => warnings.push(format!(
                "the only point is of the last {} s, which are not over: a longer interval of the metric, or a shorter roll-up, gives complete ones",
                step.as_secs()
            )),
            None => {}
        }
    }
    Answered {
        warnings,
        ..Answered::from(one_of(&found))
    }
}

/// What the age of a point means.
#[derive(Debug)]
pub(super) struct Age {
    /// Is the point data?
    pub(super) counts: bool,
    /// Says how old it is, when that is to be known.
    pub(super) warning: Option<String>,
}

/// The age, as of `at`, of the newest point, which stands for a `period` up to `ended`.
///
/// It counts for the `window` of the metric or the point's own period, whichever is
/// longer, and [`LATENESS`]. One that is older than the window is warned of.
pub(super) fn age(
    ended: Timestamp,
    period: SignedDuration,
    window: SignedDuration,
    at: Timestamp,
) -> Age {
    let age = at.duration_since(ended);
    let most = window.max(period).saturating_add(LATENESS);
    let counts = age <= most;
    let mut told = format!(
        "the newest complete point ended at {ended}, {} s before the check",
        age.as_secs()
    );
    if !counts {
        told.push_str(&format!(
            ", and is no data: one counts for {} s",
            most.as_secs()
        ));
    }
    Age {
        counts,
        warning: (age > window).then_some(told),
    }
}

/// The reading of one value for each series.
pub(super) fn one_of(found: &[(&str, f64)]) -> Reading {
    match found {
        [] => Reading::Empty,
        [(_, value)] => Reading::of(*value),
        several => Reading::Several(several.iter().map(|(name, _)| named(name)).collect()),
    }
}

/// A series as it is told of.
pub(super) fn named(name: &str) -> String {
    match shortened(name, NAME) {
        empty if empty.is_empty() => "(no name)".to_owned(),
        name => name,
    }
}

impl Series {
    /// Without what ended before `oldest` and is not of the last bucket that can be over.
    pub(super) fn since(mut self, oldest: Timestamp, at: Timestamp) -> Self {
        let step = self.step();
        let last = step.checked_mul(2).and_then(|two| at.checked_sub(two).ok());
        let last = last.unwrap_or(oldest);
        self.points.retain(|point| {
            let ends = point.at.checked_add(step).unwrap_or(Timestamp::MAX);
            ends >= oldest || point.at > last
        });
        // What is left may be further apart, or alone.
        self.step = Some(step);
        self
    }

    /// The length of a bucket: as the nearest points are apart, or less if the provider
    /// says so; nothing when neither is known.
    pub(super) fn step(&self) -> SignedDuration {
        let mut times: Vec<Timestamp> = self.points.iter().map(|point| point.at).collect();
        times.sort_unstable();
        times.dedup();
        let apart = times.windows(2).map(|pair| pair[1].duration_since(pair[0]));
        apart.chain(self.step).min().unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    fn series(name: &str, points: &[(i64, Option<f64>)]) -> Series {
        let point = |(second, value): &(i64, Option<f64>)| Point {
            at: at(*second),
            value: *value,
        };
        Series {
            name: name.to_owned(),
            points: points.iter().map(point).collect(),
            step: None,
        }
    }

    fn read(all: &[Series], second: i64) -> (String, Vec<String>) {
        let found = newest_complete(all, SignedDuration::from_secs(60), at(second));
        (found.reading.to_string(), found.warnings)
    }

    #[test]
    fn the_newest_point_whose_bucket_is_over_counts() {
        let points = [(0, Some(1.0)), (20, Some(2.0)), (40, Some(3.0)), (60, None)];
        let all = [series("a", &points)];
        assert_eq!(read(&all, 79), ("3".to_owned(), vec![]));
        assert_eq!(read(&all, 60), ("3".to_owned(), vec![]));
        assert_eq!(read(&all, 59), ("2".to_owned(), vec![]));
        assert_eq!(read(&all, 19).0, "no series");
    }

    #[test]
    fn the_order_of_points_does_not_matter() {
        let all = [series(
            "a",
            &[(40, Some(3.0)), (0, Some(1.0)), (20, Some(2.0))],
        )];
        assert_eq!(read(&all, 60).0, "3");
    }

    #[test]
    fn a_missing_point_is_not_zero() {
        let all = [series("a", &[(0, None), (20, None)])];
        assert_eq!(read(&all, 60), ("no series".to_owned(), vec![]));
        assert_eq!(read(&[], 60).0, "no series");
        assert_eq!(read(&[series("a", &[])], 60).0, "no series");
    }

    #[test]
    fn several_series_are_named_and_those_without_points_do_not_count() {
        let one = [(0, Some(1.0))];
        let all = [
            series("a", &one),
            series("nothing", &[(0, None)]),
            series("b\u{1b}[31m\n c", &one),
            series("", &one),
        ];
        assert_eq!(read(&all, 60).0, "3 series: a, b[31m c, (no name)");
        assert_eq!(read(&all[..2], 60).0, "1");
    }

    #[test]
    fn what_is_not_plain_about_a_point_is_told() {
        let late = [series("a", &[(0, Some(1.0)), (20, None)])];
        let (reading, warnings) = read(&late, 100);
        assert_eq!(reading, "1");
        assert_eq!(
            warnings,
            ["the newest complete point ended at 1970-01-01T00:00:20Z, 80 s before the check"]
        );
        assert_eq!(read(&late, 80), ("1".to_owned(), vec![]));
        let mut filling = series("a", &[(600, Some(1.0))]);
        filling.step = Some(SignedDuration::from_secs(600));
        let (reading, warnings) = read(&[filling], 660);
        assert_eq!(reading, "no series");
        assert!(warnings[0].contains("the last 600 s"), "{warnings:?}");
    }

    #[test]
    fn what_has_stopped_reporting_is_no_data() {
        // The window of 60 s, and 240 s that points may be late.
        let silent = [series("a", &[(0, Some(1.0)), (20, Some(2.0)), (40, None)])];
        assert_eq!(read(&silent, 340).0, "2");
        let (reading, warnings) = read(&silent, 341);
        assert_eq!(reading, "no series");
        assert_eq!(
            warnings,
            [
                "the newest complete point ended at 1970-01-01T00:00:40Z, 301 s before the check, and is no data: one counts for 300 s"
            ]
        );
    }

    #[test]
    fn a_point_of_a_long_period_counts_until_the_next_one_is_due() {
        let mut hourly = series("a", &[(0, Some(1.0))]);
        hourly.step = Some(SignedDuration::from_hours(1));
        let all = [hourly];
        assert_eq!(read(&all, 3600), ("1".to_owned(), vec![]));
        assert_eq!(read(&all, 2 * 3600 + 240).0, "1");
        assert_eq!(read(&all, 2 * 3600 + 241).0, "no series");
    }

    #[test]
    fn a_point_is_as_old_as_it_was_at_the_time_of_a_missed_check() {
        let silent = [
            (0, Some(1.0)),
            (20, Some(2.0)),
            (40, None),
            (900, Some(9.0)),
        ];
        let all = [series("a", &silent)];
        assert_eq!(read(&all, 40), ("2".to_owned(), vec![]));
        assert_eq!(read(&all, 340).0, "2");
        assert_eq!(read(&all, 341).0, "no series");
        assert_eq!(read(&all, 919).0, "no series");
        assert_eq!(read(&all, 920), ("9".to_owned(), vec![]));
    }

    #[test]
    fn a_series_that_ended_is_none_of_several() {
        let all = [
            series("gone", &[(0, Some(1.0)), (20, Some(1.0))]),
            series("here", &[(960, Some(5.0)), (980, Some(6.0))]),
        ];
        let (reading, warnings) = read(&all, 1000);
        assert_eq!(reading, "6");
        assert!(warnings[0].contains("960 s before"), "{warnings:?}");
    }
}
