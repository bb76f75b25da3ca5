//! From a query set to PromQL: the shapes that queries of all sets share.
//!
//! Selectors are templates (minijinja) in which these are known. A name is escaped for
//! the quotes in which it stands; in those of `=~` and `!~` it is a pattern that fits
//! nothing else, so a dot in it is a dot:
//!
//! | Name | Value |
//! |---|---|
//! | `namespace` | where the Canary, its routes and its Services are |
//! | `target` | workload of the backend, as it is in the cluster |
//! | `other` | the other workload, when its name goes on where that of this one ends: `podinfo-primary` for `podinfo`; else empty |
//! | `service` | Service of the backend |
//! | `kind` | `httproute` or `grpcroute` |
//! | `route` | the routes, as an alternative of a pattern |
//! | `route_slug` | the same, every run of other characters than letters and digits is `-` |
//! | `sites` | the backendRefs: `route`, `rule`, `backend`, `weight` of each |
//! | `gateway` | the Gateways, as `route`; empty for a mesh |
//! | `label` | the alternative of `labels` |
//! | `interval` | the window, `1m` |
//! | `quantile` | `0.99`, in queries of durations |
//! | `series` | a selected series, in `around` |
//!
//! Without a backendRef `sites` is empty and `route` is, too: patterns are to be written
//! so that they fit nothing then.

use serde::Serialize;

use super::set::{Counter, Duration, QuerySet, Question};
use super::values::Values;
use super::{Backend, Place};
use crate::api::BuiltIn;
use crate::template::{self, TemplateError};

/// One shape for each question; the text between `{{ }}` are sums over the series.
const SUCCESS_RATE: &str =
    include_str!("../../templates/queries/shapes/request-success-rate.promql");
const PERCENTILE: &str = include_str!("../../templates/queries/shapes/request-duration.promql");
const AVERAGE: &str =
    include_str!("../../templates/queries/shapes/request-duration-average.promql");
const RETRY_RATE: &str = include_str!("../../templates/queries/shapes/request-retry-rate.promql");
const REQUESTS: &str = include_str!("../../templates/queries/shapes/requests.promql");

/// The query of `set` for one backend; `None` when it has none.
pub(super) fn render(
    set: &QuerySet,
    question: Question,
    place: &Place,
    backend: Backend,
    interval: &str,
) -> Result<Option<String>, TemplateError> {
    let mut values = Values::new(place, backend, interval);
    if let Question::Metric(BuiltIn::Percentile(percent)) = question {
        values = values.with_quantile(percent.quantile());
    }
    if let Some(own) = own(set, question) {
        return values.fill(&set.name, own).map(Some);
    }
    let shaping = Shaping::new(set, values)?;
    let counter = set.counter(place, backend);
    let duration = set.durations(place, backend);
    let rendered = match question {
        Question::Metric(BuiltIn::SuccessRate) => counter
            .filter(|_| !place.is_grpc() || set.grpc.is_some())
            .filter(|counter| {
                let failed = counter.failed.is_some() || counter.failed_metric.is_some();
                failed || counter.good.is_some()
            })
            .map(|counter| shaping.success_rate(counter)),
        Question::Metric(BuiltIn::Percentile(_)) => shaping.percentile(counter, duration),
        Question::Metric(BuiltIn::AverageDuration) => shaping.average(counter, duration),
        Question::Metric(BuiltIn::RetryRate) => shaping.retry_rate(counter),
        Question::Requests => counter.map(|counter| shaping.requests(counter)),
        Question::Series => counter.map(|counter| shaping.series(counter)),
        Question::Buckets => shaping.buckets(counter, duration),
    };
    let rendered = rendered.transpose()?;
    Ok(rendered.map(|query| query.trim().to_owned()))
}

/// The query that the set itself says.
fn own(set: &QuerySet, question: Question) -> Option<&str> {
    set.queries.get(question.name()).map(String::as_str)
}

fn filled(name: &str, text: &str, values: impl Serialize) -> Result<String, TemplateError> {
    template::render(name, text, values).map(|text| text.trim().to_owned())
}

type Rendered = Result<String, TemplateError>;

/// A set and the values of one backend.
struct Shaping<'a> {
    set: &'a QuerySet,
    values: Values<'a>,
    /// What stands before and after each selected series.
    around: [String; 2],
}

impl<'a> Shaping<'a> {
    fn new(set: &'a QuerySet, values: Values<'a>) -> Result<Self, TemplateError> {
        let around = match &set.around {
            Some(around) => values.around(&set.name, around)?,
            None => Default::default(),
        };
        Ok(Self {
            set,
            values,
            around,
        })
    }

    /// One minus the failing share, which counts as none when nothing failed yet: so
    /// that it is 0 and not nothing when every request failed.
    ///
    /// A counter that begins with the failure which it counts shows nothing of its first
    /// failures. Where another one counts all requests from the first one on, the window
    /// in which that happens is measured by what did not fail, as a share of those. Not
    /// in the first window of all: then what did not fail has only just begun, too.
    fn success_rate(&self, counter: &Counter) -> Rendered {
        let Counter {
            metric, selector, ..
        } = counter;
        let sum = |matcher: &str| self.sum("rate", metric, selector, matcher);
        let of = |matcher: &Option<String>| matcher.as_deref().map(sum).transpose();
        let failed = match &counter.failed_metric {
            Some(failed) => Some(self.sum("rate", failed, selector, "")?),
            None => of(&counter.failed)?,
        };
        let all = match (&counter.good_metric, &failed) {
            (Some(good), Some(failed)) => {
                let good = self.sum("rate", good, selector, "")?;
                format!("(({failed}) or vector(0)) + ({good})")
            }
            _ => sum("")?,
        };
        let parts = Parts {
            all,
            good: of(&counter.good)?,
            strict: self.strict(counter)?,
            failed,
        };
        #[derive(Serialize)]
        struct Parts {
            all: String,
            good: Option<String>,
            strict: Option<Strict>,
            failed: Option<String>,
        }
        filled("request-success-rate", SUCCESS_RATE, parts)
    }

    fn strict(&self, counter: &Counter) -> Result<Option<Strict>, TemplateError> {
        let Counter {
            metric, selector, ..
        } = counter;
        let (Some(completed), Some(failed)) = (&counter.completed, &counter.failed) else {
            return Ok(None);
        };
        let Some(others) = negated(failed) else {
            return Ok(None);
        };
        let before = format!(" offset {}", self.values.interval());
        Ok(Some(Strict {
            good: self.sum("rate", metric, selector, &others)?,
            completed: self.sum("rate", completed, selector, "")?,
            known: self.count(metric, selector, &others, &before)?,
            new: self.each(selector, failed, |series| {
                let series = format!("{metric}{{{series}}}");
                let new = self.wrapped(&series);
                let known = self.wrapped(&format!("{series}{before}"));
                format!("count({new} unless {known})")
            })?,
        }))
    }

    fn percentile(
        &self,
        counter: Option<&Counter>,
        duration: Option<&Duration>,
    ) -> Option<Rendered> {
        let duration = duration?;
        let histogram = duration.histogram.as_ref()?;
        let selector = selector(counter, duration);
        Some((|| {
            let metric = format!("{histogram}_bucket");
            let buckets = self.each(&selector, "", |series| {
                format!("sum by (le) ({})", self.rate("rate", &metric, series))
            })?;
            #[derive(Serialize)]
            struct Parts {
                quantile: Option<f64>,
                buckets: String,
                in_seconds: bool,
            }
            let parts = Parts {
                quantile: self.values.quantile(),
                buckets,
                in_seconds: duration.unit.in_milliseconds() > 1.0,
            };
            filled("request-duration", PERCENTILE, parts)
        })())
    }

    fn average(&self, counter: Option<&Counter>, duration: Option<&Duration>) -> Option<Rendered> {
        let duration = duration?;
        let selector = selector(counter, duration);
        let parts = match (&duration.average, &duration.histogram) {
            (Some(gauge), _) => {
                let slowest = self.each(&selector, "", |series| {
                    format!("max({})", self.wrapped(&format!("{gauge}{{{series}}}")))
                });
                slowest.map(|slowest| [Some(slowest), None, None])
            }
            (None, Some(histogram)) => (|| {
                let sum = |what| self.sum("rate", &format!("{histogram}_{what}"), &selector, "");
                Ok([None, Some(sum("sum")?), Some(sum("count")?)])
            })(),
            (None, None) => return None,
        };
        #[derive(Serialize)]
        struct Parts {
            slowest: Option<String>,
            sum: Option<String>,
            count: Option<String>,
            in_seconds: bool,
        }
        Some(parts.and_then(|[slowest, sum, count]| {
            let parts = Parts {
                slowest,
                sum,
                count,
                in_seconds: duration.unit.in_milliseconds() > 1.0,
            };
            filled("request-duration-average", AVERAGE, parts)
        }))
    }

    fn retry_rate(&self, counter: Option<&Counter>) -> Option<Rendered> {
        let (counter, retries) = (counter?, self.set.retries.as_ref()?);
        Some((|| {
            #[derive(Serialize)]
            struct Parts {
                retries: String,
                all: String,
            }
            let parts = Parts {
                retries: self.sum("rate", retries, &counter.selector, "")?,
                all: self.sum("rate", &counter.metric, &counter.selector, "")?,
            };
            filled("request-retry-rate", RETRY_RATE, parts)
        })())
    }

    fn requests(&self, counter: &Counter) -> Rendered {
        #[derive(Serialize)]
        struct Parts {
            all: String,
            completed: Option<String>,
        }
        let sum = |metric: &str| self.sum("increase", metric, &counter.selector, "");
        let parts = Parts {
            all: sum(&counter.metric)?,
            completed: counter.completed.as_deref().map(sum).transpose()?,
        };
        filled("requests", REQUESTS, parts)
    }

    fn series(&self, counter: &Counter) -> Rendered {
        self.count(&counter.metric, &counter.selector, "", "")
    }

    fn buckets(&self, counter: Option<&Counter>, duration: Option<&Duration>) -> Option<Rendered> {
        let duration = duration?;
        let metric = format!("{}_bucket", duration.histogram.as_ref()?);
        let selector = selector(counter, duration);
        Some(self.each(&selector, "", |series| {
            let series = self.wrapped(&format!("{metric}{{{series}}}"));
            format!("count by (le) ({series})")
        }))
    }

    /// The sum over the selected series of their increase, absolute or by second.
    fn sum(&self, function: &str, metric: &str, selector: &str, more: &str) -> Rendered {
        self.each(selector, more, |series| {
            format!("sum({})", self.rate(function, metric, series))
        })
    }

    fn count(&self, metric: &str, selector: &str, more: &str, offset: &str) -> Rendered {
        self.each(selector, more, |series| {
            let series = self.wrapped(&format!("{metric}{{{series}}}{offset}"));
            format!("count({series})")
        })
    }

    fn rate(&self, function: &str, metric: &str, series: &str) -> String {
        let interval = self.values.interval();
        self.wrapped(&format!("{function}({metric}{{{series}}}[{interval}])"))
    }

    /// `series` with what the set has around each.
    fn wrapped(&self, series: &str) -> String {
        let [before, after] = &self.around;
        format!("{before}{series}{after}")
    }

    /// `part` of the selector with each alternative of the label; the first that selects
    /// something counts.
    fn each(&self, selector: &str, more: &str, part: impl Fn(&str) -> String) -> Rendered {
        let labels = self.set.labels.iter().map(String::as_str);
        let labels: Vec<&str> = match self.set.labels.is_empty() {
            true => vec![""],
            false => labels.collect(),
        };
        let parts = labels.into_iter().map(|label| {
            let values = self.values.with_label(label);
            let matchers = [selector, more].map(str::trim);
            let matchers = matchers.iter().filter(|text| !text.is_empty());
            let matchers: Vec<&str> = matchers.copied().collect();
            let series = values.fill(&self.set.name, &matchers.join(", "))?;
            Ok(part(&series))
        });
        let parts: Vec<String> = parts.collect::<Result<_, TemplateError>>()?;
        Ok(parts.join(" or "))
    }
}

fn selector(counter: Option<&Counter>, duration: &Duration) -> String {
    let own = duration.selector.clone();
    own.or_else(|| counter.map(|counter| counter.selector.clone()))
        .unwrap_or_default()
}

/// What is needed to notice failures whose counters have only just begun.
#[derive(Serialize)]
struct Strict {
    /// Rate of requests that did not fail.
    good: String,
    /// Rate of all.
    completed: String,
    /// Counters of such that did not fail, one window ago.
    known: String,
    /// Counters of failures that were not there then.
    new: String,
}

/// The matcher of everything that `matcher` does not select; `None` when it is more
/// than one matcher.
fn negated(matcher: &str) -> Option<String> {
    let matcher = matcher.trim();
    let at = matcher.find(['=', '!'])?;
    let (label, rest) = matcher.split_at(at);
    let value = rest.find('"')?;
    let (operator, value) = rest.split_at(value);
    let is_one = value.len() > 1 && value.matches('"').count() == 2 && value.ends_with('"');
    let operator = match operator.trim() {
        "=" => "!=",
        "!=" => "=",
        "=~" => "!~",
        "!~" => "=~",
        _ => return None,
    };
    is_one.then(|| format!("{label}{operator}{value}"))
}
