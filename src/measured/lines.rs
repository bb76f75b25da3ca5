//! What is asked: the metrics of the analysis, and what the query set has beside them.

use super::{Asking, BOTH, Selector, selectors};
use crate::api::{BuiltIn, Metric, ThresholdRange};
use crate::decide::{MetricSource, Probe, metric_probes, request_probes};
use crate::error::{Error, Result};
use crate::gateway::{Backend, Question};
use crate::report::measured::Wanted;

/// One question, for canary and primary.
#[derive(Debug)]
pub(super) struct Line {
    pub(super) name: String,
    pub(super) what: What,
    pub(super) wanted: Wanted,
    pub(super) interval: String,
    /// The metric whose template says who is asked.
    pub(super) template: Option<usize>,
    /// The check that needs no query of its own.
    pub(super) builtin: Option<BuiltIn>,
    /// Is it measured with the query set?
    pub(super) by_set: bool,
    /// For canary and primary.
    queries: [Result<String>; 2],
}

/// What is asked for.
#[derive(Debug, Clone, Copy)]
pub(super) enum What {
    /// A metric of the analysis; without a source its requests.
    Metric {
        index: usize,
        source: Option<MetricSource>,
    },
    /// What the query set has.
    Offered,
}

impl Line {
    pub(super) fn query(&self, backend: Backend) -> Result<&str, &Error> {
        let [canary, primary] = &self.queries;
        let query = match backend {
            Backend::Canary => canary,
            Backend::Primary => primary,
        };
        query.as_ref().map(String::as_str)
    }

    /// Is the query the same for both?
    pub(super) fn is_same(&self) -> bool {
        matches!(&self.queries, [Ok(canary), Ok(primary)] if canary == primary)
    }

    pub(super) fn selectors_of(&self, backend: Backend) -> Vec<Selector> {
        self.query(backend).map(selectors).unwrap_or_default()
    }

    /// The selectors of both, with who is asked about them.
    pub(super) fn selectors(&self) -> impl Iterator<Item = (Option<usize>, Selector)> {
        let all = BOTH.map(|backend| self.selectors_of(backend)).concat();
        all.into_iter().map(|selector| (self.template, selector))
    }

    pub(super) fn is_percentile(&self) -> bool {
        self.by_set && matches!(self.builtin, Some(BuiltIn::Percentile(_)))
    }

    /// Series by upper bound of the buckets that the query itself reads.
    pub(super) fn buckets_of(&self, backend: Backend) -> Option<String> {
        let selectors = self.selectors_of(backend);
        let mut buckets = selectors.iter();
        let found = buckets.find(|one| one.metric.ends_with("_bucket"))?;
        Some(format!("count by (le) ({found})"))
    }

    /// The metric and its source, where values are judged by bounds.
    pub(super) fn judged<'a>(&self, asking: &'a Asking<'_>) -> Option<(&'a Metric, MetricSource)> {
        match self.what {
            What::Metric {
                index,
                source: Some(source),
            } => Some((metric(asking, index)?, source)),
            What::Metric { source: None, .. } | What::Offered => None,
        }
    }

    pub(super) fn bounds(&self, asking: &Asking<'_>) -> Option<ThresholdRange> {
        let (metric, source) = self.judged(asking)?;
        Some(metric.bounds(source == MetricSource::Builtin))
    }
}

fn metric<'a>(asking: &'a Asking<'_>, index: usize) -> Option<&'a Metric> {
    let analysis = asking.subject.canary.spec.analysis.as_ref()?;
    analysis.metrics().get(index)
}

/// Everything that is asked of one Canary.
pub(super) fn lines(asking: &Asking<'_>) -> Vec<Line> {
    let Some(analysis) = &asking.subject.canary.spec.analysis else {
        return Vec::new();
    };
    let mut lines = Vec::new();
    for probe in metric_probes(analysis) {
        if let Probe::Metric { index, source } = probe {
            lines.extend(of_metric(asking, index, Some(source)));
        }
    }
    lines.truncate(asking.metrics);
    for probe in request_probes(analysis) {
        if let Probe::Requests { index } = probe {
            lines.extend(of_metric(asking, index, None));
        }
    }
    lines.truncate(asking.metrics);
    let offered = offered(asking, &lines);
    lines.extend(offered);
    lines
}

fn of_metric(asking: &Asking<'_>, index: usize, source: Option<MetricSource>) -> Option<Line> {
    let metric = metric(asking, index)?;
    let name = metric.name.clone();
    let is_template = match source {
        Some(source) => source == MetricSource::Template,
        None => metric.template_ref.is_some(),
    };
    let by_set = match source {
        Some(source) => source == MetricSource::Builtin,
        None => metric.requests_query().is_none(),
    };
    let queries = BOTH.map(|backend| {
        asking
            .observer
            .query_of(&asking.subject, index, source, backend)
    });
    Some(Line {
        name: match source {
            Some(_) => name,
            None => format!("requests of {name}"),
        },
        what: What::Metric { index, source },
        wanted: match source {
            Some(_) => Wanted::Metric,
            None => Wanted::Requests,
        },
        interval: metric.interval().to_owned(),
        template: is_template.then_some(index),
        builtin: metric.builtin().filter(|_| source.is_some() && by_set),
        by_set,
        queries,
    })
}

/// What the query set has, and nobody asked for: how many requests there are, how many
/// series, and how many requests were tried again. Only where the set is used at all.
fn offered(asking: &Asking<'_>, asked: &[Line]) -> Vec<Line> {
    let gateway = asking.subject.gateway;
    let used = asked.iter().find(|line| line.by_set);
    let (Some(set), Some(used)) = (&gateway.set, used) else {
        return Vec::new();
    };
    let all = [
        ("requests", Question::Requests),
        ("series", Question::Series),
        ("retry rate", Question::Metric(BuiltIn::RetryRate)),
    ];
    let is_asked = |question: &Question| {
        asked
            .iter()
            .any(|line| line.builtin.map(Question::Metric) == Some(*question))
    };
    let offered = all.into_iter().filter(|(_, one)| !is_asked(one));
    let offered = offered.filter_map(|(name, question)| {
        let [canary, primary] = BOTH.map(|backend| {
            let query = set.query(question, &gateway.place, backend, &used.interval);
            query.map_err(Error::from).transpose()
        });
        Some(Line {
            name: name.to_owned(),
            what: What::Offered,
            wanted: Wanted::Offered,
            interval: used.interval.clone(),
            template: None,
            builtin: None,
            by_set: true,
            queries: [canary?, primary?],
        })
    });
    offered.collect()
}
