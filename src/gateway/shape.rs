//! From a query set to PromQL: the shapes that queries of all sets share.
//!
//! Selectors are templates (minijinja) in which these are known, escaped for a
//! text between double quotes:
//!
//! | Name | Value |
//! |---|---|
//! | `namespace` | namespace of the route and its backends |
//! | `target` | workload of the backend, as it is in the cluster |
//! | `service` | Service of the backend |
//! | `route` | the routes, as an alternative of a regular expression; dots are `[.]` |
//! | `route_slug` | the same, every run of other characters than letters and digits is `-` |
//! | `sites` | the backendRefs: `route`, `rule`, `backend` of each |
//! | `gateway` | the Gateways, as `route`; empty for a mesh |
//! | `label` | the alternative of `labels` |
//! | `interval` | the window, `1m` |
//! | `quantile` | `0.99`, in queries of durations |

use std::collections::BTreeSet;

use serde::Serialize;

use super::set::{Counter, Duration, QuerySet, Question};
use super::{Backend, Place, Site};
use crate::api::BuiltIn;
use crate::template::{self, TemplateError, promql_escape};

/// One shape for each question; the text between `{{ }}` are sums over the series.
const SUCCESS_RATE: &str =
    include_str!("../../templates/queries/shapes/request-success-rate.promql");
const PERCENTILE: &str = include_str!("../../templates/queries/shapes/request-duration.promql");
const AVERAGE: &str =
    include_str!("../../templates/queries/shapes/request-duration-average.promql");
const RETRY_RATE: &str = include_str!("../../templates/queries/shapes/request-retry-rate.promql");
const REQUESTS: &str = include_str!("../../templates/queries/shapes/requests.promql");

/// Stands for a selected series in [`QuerySet::around`].
const SERIES: &str = "{{ series }}";

/// What selectors and queries of a set may name.
#[derive(Debug, Clone, Serialize)]
struct Values<'a> {
    namespace: String,
    target: String,
    service: String,
    route: String,
    route_slug: String,
    sites: Vec<Site>,
    gateway: String,
    label: &'a str,
    interval: String,
    quantile: Option<f64>,
}

impl<'a> Values<'a> {
    fn new(place: &Place, backend: Backend, interval: &str) -> Self {
        let side = place.side(backend);
        let names = side.sites.iter().map(|site| site.route.as_str());
        let names: BTreeSet<&str> = names.collect();
        let sites = side.sites.iter().map(|site| Site {
            route: in_pattern(&site.route),
            ..site.clone()
        });
        Self {
            namespace: promql_escape(&place.namespace),
            target: promql_escape(&side.workload),
            service: promql_escape(&side.service),
            route: alternatives(names.iter().map(|name| in_pattern(name))),
            route_slug: alternatives(names.iter().map(|name| slug(name))),
            sites: sites.collect(),
            gateway: alternatives(place.gateways.iter().map(|name| in_pattern(name))),
            label: "",
            interval: promql_escape(interval),
            quantile: None,
        }
    }
}

/// As it stands in a regular expression between double quotes.
fn in_pattern(name: &str) -> String {
    promql_escape(name).replace('.', "[.]")
}

/// Every run of other characters than letters and digits as `-`, as Traefik does.
fn slug(name: &str) -> String {
    let words = name.split(|c: char| !c.is_ascii_alphanumeric());
    let words: Vec<&str> = words.filter(|word| !word.is_empty()).collect();
    words.join("-")
}

fn alternatives(names: impl Iterator<Item = String>) -> String {
    let names: Vec<String> = names.collect();
    match names.as_slice() {
        [] => String::new(),
        [one] => one.clone(),
        several => format!("({})", several.join("|")),
    }
}

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
        values.quantile = Some(percent.quantile());
    }
    if let Some(own) = own(set, question) {
        return filled(&set.name, own, &values).map(Some);
    }
    let shaping = Shaping::new(set, values)?;
    let counter = set.counter(place, backend);
    let duration = set.durations(place, backend);
    let rendered = match question {
        Question::Metric(BuiltIn::SuccessRate) => counter
            .filter(|_| !place.is_grpc() || set.grpc.is_some())
            .filter(|counter| counter.failed.is_some() || counter.good.is_some())
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
    let name = match question {
        Question::Metric(BuiltIn::SuccessRate) => "request-success-rate",
        Question::Metric(BuiltIn::Percentile(_)) => "request-duration",
        Question::Metric(BuiltIn::AverageDuration) => "request-duration-average",
        Question::Metric(BuiltIn::RetryRate) => "request-retry-rate",
        Question::Requests => "requests",
        Question::Series => "series",
        Question::Buckets => "buckets",
    };
    set.queries.get(name).map(String::as_str)
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
        let around = set.around.as_deref().unwrap_or(SERIES);
        let (before, after) = around.split_once(SERIES).unwrap_or((around, ""));
        let around = [
            template::render(&set.name, before, &values)?,
            template::render(&set.name, after, &values)?,
        ];
        Ok(Self {
            set,
            values,
            around,
        })
    }

    /// One minus the failing share, which counts as none when nothing failed yet: so
    /// that it is 0 and not nothing when every request failed. Where a counter is there
    /// from the first request on it is divided by that one, once others are, too: an
    /// error whose own counter has just begun counts at once.
    fn success_rate(&self, counter: &Counter) -> Rendered {
        let all = self.sum("rate", &counter.metric, &counter.selector, "")?;
        let of = |matcher: &Option<String>| match matcher {
            Some(matcher) => {
                let sum = self.sum("rate", &counter.metric, &counter.selector, matcher);
                sum.map(Some)
            }
            None => Ok(None),
        };
        let (failed, good) = (of(&counter.failed)?, of(&counter.good)?);
        let others = counter.failed.as_deref().and_then(negated);
        let strict = match (&counter.completed, others) {
            (Some(completed), Some(others)) => {
                let before = format!(" offset {}", self.values.interval);
                Some([
                    self.sum("rate", &counter.metric, &counter.selector, &others)?,
                    self.sum("rate", completed, &counter.selector, "")?,
                    self.count(&counter.metric, &counter.selector, &others, &before)?,
                ])
            }
            _ => None,
        };
        #[derive(Serialize)]
        struct Parts {
            all: String,
            failed: Option<String>,
            good: Option<String>,
            strict: Option<[String; 3]>,
        }
        let parts = Parts {
            all,
            failed,
            good,
            strict,
        };
        filled("request-success-rate", SUCCESS_RATE, parts)
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
                quantile: self.values.quantile,
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
        }
        let all = self.sum("increase", &counter.metric, &counter.selector, "")?;
        filled("requests", REQUESTS, Parts { all })
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
        let interval = &self.values.interval;
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
            let values = Values {
                label,
                ..self.values.clone()
            };
            let matchers = [selector, more].map(str::trim);
            let matchers = matchers.iter().filter(|text| !text.is_empty());
            let matchers: Vec<&str> = matchers.copied().collect();
            let series = filled(&self.set.name, &matchers.join(", "), values)?;
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

/// The matcher of everything that `matcher` does not select.
fn negated(matcher: &str) -> Option<String> {
    let (label, value) = matcher.split_once('=')?;
    Some(match value.strip_prefix('~') {
        Some(pattern) => format!("{label}!~{pattern}"),
        None => format!("{label}!={value}"),
    })
}
