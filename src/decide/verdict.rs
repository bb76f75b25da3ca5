//! From a reading to a verdict.

use serde::{Serialize, Serializer};

use super::{MetricAnswer, MetricSource, Reading};
use crate::api::{Metric, OnNoData, ThresholdRange};

/// How a reading compares with its bounds: four values, never a bool.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum Verdict {
    /// Within the bounds.
    Pass,
    /// Outside the bounds.
    Fail,
    /// No usable number: no series, NaN, infinite.
    NoData,
    /// An answer that is no measurement: several series, not a number.
    Error,
}

/// One measured metric, as it is judged and reported.
#[derive(Debug, Clone, PartialEq)]
pub struct Measurement {
    /// Name of the metric.
    pub name: String,
    /// The measured window, `1m`.
    pub interval: String,
    /// The query as sent.
    pub query: String,
    /// What came back.
    pub reading: Reading,
    /// How it compares with the bounds.
    pub verdict: Verdict,
    /// The inclusive bounds.
    pub bounds: ThresholdRange,
    /// Requests that were seen and that are needed, where they are counted.
    pub requests: Option<Requests>,
    /// What [`Verdict::NoData`] counts as.
    pub on_no_data: OnNoData,
    /// Warnings of the provider.
    pub warnings: Vec<String>,
}

/// Requests in the window of a metric with `minRequests`.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Requests {
    /// How many there were.
    pub seen: f64,
    /// Fewer are no data.
    pub needed: i64,
}

/// Judges a metric's answer (Flagger: `scheduler_metrics.go`). Bounds are
/// inclusive. Unlike Flagger an infinite value is no data, several series are
/// an error instead of the last one's value, and the bounds of
/// `request-duration` are not cut to whole milliseconds.
///
/// The built-in `request-duration` is measured in whole milliseconds
/// (Flagger: `observers/http.go`): 500.9 ms keep a maximum of 500.
///
/// A value that fewer than `minRequests` requests make is no data; `requests`
/// is what counted them.
#[must_use]
pub fn judge(
    metric: &Metric,
    source: MetricSource,
    answer: &MetricAnswer,
    requests: Option<&MetricAnswer>,
) -> Measurement {
    let bounds = metric.bounds(source == MetricSource::Builtin);
    let requests = requests.map(|counted| Requests {
        // Nobody counted any: there were none.
        seen: counted.reading.value().unwrap_or(0.0),
        needed: metric.min_requests(),
    });
    let in_whole = source == MetricSource::Builtin && metric.name == Metric::DURATION;
    let reading = match answer.reading.value().filter(|_| in_whole) {
        Some(value) => Reading::Value(value.trunc()),
        None => answer.reading.clone(),
    };
    let verdict = match &reading {
        Reading::Value(_) if requests.is_some_and(Requests::are_few) => Verdict::NoData,
        Reading::Value(value) => {
            let low = bounds.min.is_some_and(|min| *value < min);
            let high = bounds.max.is_some_and(|max| *value > max);
            match low || high {
                true => Verdict::Fail,
                false => Verdict::Pass,
            }
        }
        Reading::Nan | Reading::Infinite(_) | Reading::Empty => Verdict::NoData,
        Reading::Several(_) | Reading::WrongType(_) => Verdict::Error,
    };
    Measurement {
        name: metric.name.clone(),
        interval: metric.interval().to_owned(),
        query: answer.query.clone(),
        reading,
        verdict,
        bounds,
        requests,
        on_no_data: metric.on_no_data,
        warnings: answer.warnings.clone(),
    }
}

impl Requests {
    #[expect(clippy::cast_precision_loss, reason = "a number people write")]
    fn are_few(self) -> bool {
        self.seen < self.needed as f64
    }
}

impl Measurement {
    /// Does it count as a failed check? No data does unless `onNoData` says
    /// otherwise; an answer that is no measurement always does.
    #[must_use]
    pub fn fails(&self) -> bool {
        match self.verdict {
            Verdict::Pass => false,
            Verdict::Fail | Verdict::Error => true,
            Verdict::NoData => self.on_no_data == OnNoData::Fail,
        }
    }

    /// Does it end the tick without a step and without a failed check?
    #[must_use]
    pub fn holds(&self) -> bool {
        self.verdict == Verdict::NoData && self.on_no_data == OnNoData::Hold
    }

    /// The reading alone: `99.97`, `no series`.
    #[must_use]
    pub fn value(&self) -> String {
        match self.reading.value() {
            Some(value) => short(value),
            None => self.reading.to_string(),
        }
    }

    /// The reading in words, also when too few requests made it: `99.97`,
    /// `99.97 from 3 of at least 100 requests`.
    #[must_use]
    pub fn shown(&self) -> String {
        let shown = self.value();
        match self.requests.filter(|requests| requests.are_few()) {
            Some(Requests { seen, needed }) => {
                format!("{shown} from {} of at least {needed} requests", short(seen))
            }
            None => shown,
        }
    }

    /// Name, reading and bounds: `request-success-rate 98.2 (min 99)`.
    #[must_use]
    pub fn summary(&self) -> String {
        let bounds = [("min", self.bounds.min), ("max", self.bounds.max)];
        let bounds: Vec<String> = bounds
            .into_iter()
            .filter_map(|(name, bound)| Some(format!("{name} {}", short(bound?))))
            .collect();
        match bounds.is_empty() {
            true => format!("{} {}", self.name, self.shown()),
            false => format!("{} {} ({})", self.name, self.shown(), bounds.join(", ")),
        }
    }
}

/// At most four decimals, without trailing zeros.
fn short(value: f64) -> String {
    let rounded = (value * 1e4).round() / 1e4;
    match rounded.is_finite() && rounded.abs() >= 1e-4 {
        true => rounded.to_string(),
        false => value.to_string(),
    }
}

/// `{"name", "interval", "query", "value", "reading", "verdict", "min", "max", "requests",
/// "warnings"}`.
impl Serialize for Measurement {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        use serde::ser::SerializeStruct as _;
        let mut object = serializer.serialize_struct("Measurement", 10)?;
        object.serialize_field("name", &self.name)?;
        object.serialize_field("interval", &self.interval)?;
        object.serialize_field("query", &self.query)?;
        object.serialize_field("value", &self.reading.value())?;
        object.serialize_field("reading", &self.shown())?;
        object.serialize_field("verdict", &self.verdict)?;
        object.serialize_field("min", &self.bounds.min)?;
        object.serialize_field("max", &self.bounds.max)?;
        object.serialize_field("requests", &self.requests)?;
        object.serialize_field("warnings", &self.warnings)?;
        object.end()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn metric(min: Option<f64>, max: Option<f64>) -> Metric {
        Metric {
            name: "latency".into(),
            threshold_range: Some(ThresholdRange { min, max }),
            ..Metric::default()
        }
    }

    fn verdict(metric: &Metric, reading: Reading) -> Verdict {
        let answer = MetricAnswer {
            query: String::new(),
            reading,
            warnings: Vec::new(),
        };
        judge(metric, MetricSource::Template, &answer, None).verdict
    }

    #[test]
    fn bounds_are_inclusive() {
        let range = metric(Some(0.5), Some(99.9));
        for (value, expected) in [
            (0.4999, Verdict::Fail),
            (0.5, Verdict::Pass),
            (99.9, Verdict::Pass),
            (99.91, Verdict::Fail),
        ] {
            assert_eq!(verdict(&range, Reading::Value(value)), expected, "{value}");
        }
        assert_eq!(
            verdict(&metric(None, None), Reading::Value(1e9)),
            Verdict::Pass
        );
    }

    #[test]
    fn what_is_not_a_number_never_passes() {
        let open = metric(None, Some(500.0));
        for reading in [
            Reading::Nan,
            Reading::Empty,
            Reading::Infinite(f64::INFINITY),
        ] {
            assert_eq!(verdict(&open, reading), Verdict::NoData);
        }
        for reading in [
            Reading::Several(vec!["{pod=\"a\"}".into(), "{pod=\"b\"}".into()]),
            Reading::WrongType("a string".into()),
        ] {
            assert_eq!(verdict(&open, reading), Verdict::Error);
        }
    }

    #[test]
    fn without_any_bound_only_the_success_rate_passes() {
        let rate = Metric {
            name: Metric::SUCCESS_RATE.into(),
            ..Metric::default()
        };
        let answer = MetricAnswer {
            query: String::new(),
            reading: Reading::Value(12.0),
            warnings: Vec::new(),
        };
        let judged = |source| judge(&rate, source, &answer, None).verdict;
        assert_eq!(judged(MetricSource::Builtin), Verdict::Pass);
        assert_eq!(
            judged(MetricSource::Template),
            Verdict::Fail,
            "whatever its name"
        );
        let other = Metric {
            name: "errors".into(),
            ..Metric::default()
        };
        assert_eq!(verdict(&other, Reading::Value(0.0)), Verdict::Pass);
        assert_eq!(verdict(&other, Reading::Value(0.1)), Verdict::Fail);
    }

    #[test]
    fn no_data_counts_as_the_metric_says() {
        let mut lenient = metric(None, Some(1.0));
        let answer = MetricAnswer {
            query: String::new(),
            reading: Reading::Empty,
            warnings: Vec::new(),
        };
        assert!(judge(&lenient, MetricSource::Inline, &answer, None).fails());
        lenient.on_no_data = OnNoData::Hold;
        assert!(
            !judge(&lenient, MetricSource::Inline, &answer, None).fails()
                && judge(&lenient, MetricSource::Inline, &answer, None).holds()
        );
        lenient.on_no_data = OnNoData::Pass;
        assert!(
            !judge(&lenient, MetricSource::Inline, &answer, None).fails()
                && !judge(&lenient, MetricSource::Inline, &answer, None).holds()
        );
    }

    #[test]
    fn few_requests_are_no_data() {
        let mut metric = metric(None, Some(1.0));
        metric.min_requests = Some(100);
        let reading = |reading| MetricAnswer {
            query: String::new(),
            reading,
            warnings: Vec::new(),
        };
        let value = reading(Reading::Value(7.0));
        for (counted, expected) in [
            (Reading::Value(99.0), Verdict::NoData),
            (Reading::Empty, Verdict::NoData),
            (Reading::Nan, Verdict::NoData),
            (Reading::Value(100.0), Verdict::Fail),
        ] {
            let counted = reading(counted);
            let measured = judge(&metric, MetricSource::Inline, &value, Some(&counted));
            assert_eq!(measured.verdict, expected, "{:?}", counted.reading);
        }
        let few = reading(Reading::Value(12.0));
        insta::assert_snapshot!(
            judge(&metric, MetricSource::Inline, &value, Some(&few)).summary(),
            @"latency 7 from 12 of at least 100 requests (max 1)"
        );
    }

    #[test]
    fn the_built_in_duration_is_in_whole_milliseconds() {
        let duration = Metric {
            name: Metric::DURATION.into(),
            ..metric(None, Some(500.0))
        };
        let answer = MetricAnswer {
            query: String::new(),
            reading: Reading::Value(500.9),
            warnings: Vec::new(),
        };
        for (source, expected) in [
            (MetricSource::Builtin, Verdict::Pass),
            (MetricSource::Template, Verdict::Fail),
        ] {
            assert_eq!(judge(&duration, source, &answer, None).verdict, expected);
        }
    }
}
