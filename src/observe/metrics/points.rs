//! Which point of which series is judged.

use jiff::{SignedDuration, Timestamp};

use super::Answered;
use super::remote::shortened;
use crate::decide::Reading;

/// Characters of a series' name that are shown at most.
const NAME: usize = 120;

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
/// warning says why. A warning also tells of a point that is older than the `window`.
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
                let age = at.duration_since(ends(point));
                if age > window {
                    warnings.push(format!(
                        "the newest complete point is of {}, {} s before the check",
                        point.at,
                        age.as_secs()
                    ));
                }
                found.push((series.name.as_str(), value));
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
    fn step(&self) -> SignedDuration {
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
        let old = [series("a", &[(0, Some(1.0)), (20, None)])];
        let (reading, warnings) = read(&old, 600);
        assert_eq!(reading, "1");
        assert_eq!(
            warnings,
            ["the newest complete point is of 1970-01-01T00:00:00Z, 580 s before the check"]
        );
        let mut filling = series("a", &[(600, Some(1.0))]);
        filling.step = Some(SignedDuration::from_secs(600));
        let (reading, warnings) = read(&[filling], 660);
        assert_eq!(reading, "no series");
        assert!(warnings[0].contains("the last 600 s"), "{warnings:?}");
    }
}
