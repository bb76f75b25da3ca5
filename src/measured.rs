//! What the metrics of a Canary say now, with which queries, and what they lack.
//!
//! Each query is rendered for canary and primary and asked for its value; the selectors
//! in it are asked how many series they match. So that everybody sees whether nothing
//! happened or nothing is measured. Everything is asked at the same time, a few at once,
//! until the time is over; nothing that goes wrong is an error, it is told.

mod judge;
mod lines;
mod selector;

use std::collections::{BTreeMap, BTreeSet};

use futures_util::future::join_all;
use jiff::Timestamp;
use tokio::sync::Semaphore;
use tokio::time::Instant;

use crate::decide::{self, Reading};
use crate::error::{Error, Result};
use crate::gateway::{Backend, Gateway, Question};
use crate::observe::{Found, Observer, Subject};
use crate::report::finding::Finding;
use crate::report::measured::{Chosen, ChosenSet, Matched, Measured, Row, Side};
use lines::{Line, What};
use selector::{Selector, selectors};

#[cfg(doc)]
use crate::api::Metric;

/// Questions that are under way at once for one Canary.
const AT_ONCE: usize = 8;

/// Both backends, in the order in which they are told of.
const BOTH: [Backend; 2] = [Backend::Canary, Backend::Primary];

/// Who is asked about what.
#[derive(Debug)]
pub(crate) struct Asking<'a> {
    /// Who asks.
    pub(crate) observer: &'a Observer,
    /// The Canary.
    pub(crate) subject: Subject<'a>,
    /// As of when.
    pub(crate) now: Timestamp,
    /// When the time is over.
    pub(crate) end: Instant,
    /// Is the primary committed? Else it serves nothing.
    pub(crate) has_primary: bool,
    /// Is a rollout under way, in which the canary should be measured?
    pub(crate) is_active: bool,
    /// Labels of series that are told, for each selector.
    pub(crate) labels: usize,
    /// Metrics that are asked for at most.
    pub(crate) metrics: usize,
    /// Servers that are not asked: of the template at a position, and of what names
    /// none, with the reason.
    pub(crate) silent: BTreeMap<Option<usize>, Finding>,
}

/// What was found out about a line, not yet judged.
struct Asked {
    line: Line,
    /// Of canary and primary.
    answers: [Result<Reading>; 2],
    selectors: [Vec<Selector>; 2],
    /// Upper bounds of the buckets, in milliseconds.
    buckets: Option<Vec<f64>>,
}

/// How many series a selector matches, and the labels of some; `None` when nobody said.
type Counted = Option<(f64, Vec<String>)>;

/// By server, as in [`Asking::silent`], and selector.
type Counts = BTreeMap<(Option<usize>, Selector), Counted>;

/// Asks for everything.
pub(crate) async fn measure(asking: Asking<'_>) -> Measured {
    let slots = Semaphore::new(AT_ONCE);
    let round = Round {
        asking: &asking,
        slots: &slots,
    };
    let lines = lines::lines(&asking);
    let wanted = lines.iter().flat_map(Line::selectors).collect();
    let (asked, counts) = tokio::join!(
        join_all(lines.into_iter().map(|line| round.line(line))),
        round.counts(wanted)
    );
    let findings = round.judged(&asked, &counts).await;
    Measured {
        canary: asking.subject.canary.id(),
        gateway: chosen(asking.subject.gateway),
        metrics: asked
            .into_iter()
            .map(|asked| row(&asking, asked, &counts))
            .collect(),
        findings,
    }
}

/// What is asked under one limit.
#[derive(Clone, Copy)]
struct Round<'a> {
    asking: &'a Asking<'a>,
    slots: &'a Semaphore,
}

impl Round<'_> {
    /// The answer to a question, if it comes in time.
    async fn in_time<T>(&self, asked: impl Future<Output = Result<T>>) -> Result<T> {
        let asked = async {
            let _slot = self.slots.acquire().await;
            asked.await
        };
        match tokio::time::timeout_at(self.asking.end, asked).await {
            Ok(answer) => answer,
            Err(_elapsed) => Err(Error::remote("nobody answered in time")
                .hint("give more time with --deadline, or find out what is slow with -v")),
        }
    }

    async fn line(&self, line: Line) -> Asked {
        let [of_canary, of_primary] = BOTH.map(|backend| self.reading(&line, backend));
        let (of_canary, of_primary, buckets) =
            tokio::join!(of_canary, of_primary, self.buckets(&line));
        Asked {
            selectors: BOTH.map(|backend| line.selectors_of(backend)),
            answers: [of_canary, of_primary],
            buckets,
            line,
        }
    }

    async fn reading(&self, line: &Line, backend: Backend) -> Result<Reading> {
        let query = match line.query(backend) {
            Ok(query) => query,
            Err(error) => return Err(error.again()),
        };
        if let Some(silent) = self.asking.silent.get(&line.template) {
            return Err(Error::remote(silent.found.clone()));
        }
        let Asking {
            observer,
            subject,
            now,
            ..
        } = self.asking;
        match line.what {
            What::Metric { index, source } => {
                let asked = observer.value_of(subject, index, source, backend, *now);
                Ok(self.in_time(asked).await?.reading)
            }
            What::Offered => {
                let found = self.series(None, query).await?;
                Ok(match found.as_slice() {
                    [] => Reading::Empty,
                    [one] => Reading::of(one.value),
                    several => {
                        Reading::Several(several.iter().map(|one| one.labels.clone()).collect())
                    }
                })
            }
        }
    }

    /// The series that `query` finds; of a provider without series, none.
    async fn series(&self, template: Option<usize>, query: &str) -> Result<Vec<Found>> {
        let Asking {
            observer,
            subject,
            now,
            ..
        } = self.asking;
        let asked = observer.series(subject, template, query, *now);
        Ok(self.in_time(asked).await?.unwrap_or_default())
    }

    /// The number that `query` counts; 0 when there is nothing to count.
    async fn count(&self, template: Option<usize>, query: &str) -> Option<f64> {
        let found = self.series(template, query).await.ok()?;
        Some(found.first().map_or(0.0, |found| found.value))
    }

    async fn counts(&self, wanted: BTreeSet<(Option<usize>, Selector)>) -> Counts {
        let wanted = wanted
            .into_iter()
            .filter(|(template, _)| !self.asking.silent.contains_key(template));
        let counted = wanted.map(async |(template, selector)| {
            let most = self.asking.labels;
            let (count, labels) = (
                format!("count({selector})"),
                format!("topk({most}, {selector})"),
            );
            let (count, labels) = tokio::join!(self.count(template, &count), async {
                match most {
                    0 => Vec::new(),
                    _ => self.series(template, &labels).await.unwrap_or_default(),
                }
            });
            let labels = labels.into_iter().map(|found| found.labels).take(most);
            let counted = count.map(|count| (count, labels.collect()));
            ((template, selector), counted)
        });
        join_all(counted).await.into_iter().collect()
    }

    /// The finite bounds of the buckets that a percentile is read from, in milliseconds:
    /// those that are there, else those that are there by default.
    async fn buckets(&self, line: &Line) -> Option<Vec<f64>> {
        if !line.is_percentile() || self.asking.silent.contains_key(&None) {
            return None;
        }
        let gateway = self.asking.subject.gateway;
        let set = gateway.set.as_ref()?;
        let asked = BOTH.map(async |backend| {
            let query = set
                .query(Question::Buckets, &gateway.place, backend, &line.interval)
                .ok()?;
            let query = query.or_else(|| line.buckets_of(backend))?;
            self.series(None, &query).await.ok()
        });
        let [canary, primary] = asked;
        let (canary, primary) = tokio::join!(canary, primary);
        let durations = set.durations(&gateway.place, Backend::Primary);
        let unit = match durations {
            Some(durations) => durations.unit.in_milliseconds(),
            None if line.buckets_of(Backend::Primary)?.contains("_seconds_") => 1000.0,
            None => 1.0,
        };
        let found = [canary, primary].into_iter().flatten().flatten();
        let mut bounds: Vec<f64> = found
            .filter_map(|found| found.metric.get("le")?.parse::<f64>().ok())
            .collect();
        if bounds.is_empty() {
            bounds.clone_from(&durations?.bounds);
        }
        bounds.retain(|bound| bound.is_finite());
        let mut bounds: Vec<f64> = bounds.into_iter().map(|bound| bound * unit).collect();
        bounds.sort_by(f64::total_cmp);
        bounds.dedup();
        (!bounds.is_empty()).then_some(bounds)
    }
}

fn chosen(gateway: &Gateway) -> Chosen {
    let implementation = gateway.implementation.as_ref();
    Chosen {
        implementation: implementation.map(|one| match one.title.is_empty() {
            true => one.name.clone(),
            false => one.title.clone(),
        }),
        version: gateway.version.clone(),
        why: gateway.why.clone(),
        set: gateway.set.as_ref().map(|set| ChosenSet {
            name: set.name.clone(),
            about: set.about.clone(),
            by: set.by,
            notes: set.notes.clone(),
        }),
    }
}

/// A line as it is told.
fn row(asking: &Asking<'_>, asked: Asked, counts: &Counts) -> Row {
    let Asked {
        line,
        answers,
        selectors,
        buckets,
    } = asked;
    let [of_canary, of_primary] = answers;
    let [canary_series, primary_series] = selectors.map(|selectors| {
        let matched = selectors.into_iter().map(|selector| {
            let key = (line.template, selector);
            let counted = counts.get(&key).cloned().flatten();
            let (count, labels) = counted.unzip();
            Matched {
                selector: key.1.to_string(),
                count,
                labels: labels.unwrap_or_default(),
            }
        });
        matched.collect::<Vec<_>>()
    });
    let side = |backend, answer, series| side(asking, &line, backend, answer, series);
    Row {
        canary: side(Backend::Canary, of_canary, canary_series),
        primary: side(Backend::Primary, of_primary, primary_series),
        bounds: line.bounds(asking),
        name: line.name,
        wanted: line.wanted,
        interval: line.interval,
        buckets,
    }
}

fn side(
    asking: &Asking<'_>,
    line: &Line,
    backend: Backend,
    answer: Result<Reading>,
    series: Vec<Matched>,
) -> Side {
    let query = line.query(backend).ok().map(str::to_owned);
    let (reading, error) = match answer {
        Ok(reading) => (Some(reading), None),
        Err(error) => (None, Some(error.chain())),
    };
    let measurement = reading.as_ref().and_then(|reading| {
        let (metric, source) = line.judged(asking)?;
        let answer = decide::MetricAnswer {
            query: query.clone().unwrap_or_default(),
            reading: reading.clone(),
            warnings: Vec::new(),
        };
        Some(Box::new(decide::judge(metric, source, &answer, None)))
    });
    Side {
        query,
        value: reading.as_ref().and_then(Reading::value),
        shown: reading.as_ref().map(judge::shown).unwrap_or_default(),
        verdict: measurement.as_ref().map(|one| one.verdict),
        series,
        error,
        measurement,
    }
}
