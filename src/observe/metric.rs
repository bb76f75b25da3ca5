//! Values of metrics, as of now and as of checks that no run came for.

use jiff::{SignedDuration, Timestamp};

use super::metrics::{Answered, Provider};
use super::{Observer, Subject};
use crate::api::{Metric, parse_duration};
use crate::decide::{MetricAnswer, MetricSource, Times};
use crate::error::{Error, Result};
use crate::gateway::{Backend, Question as Asked};
use crate::template::{QueryVars, render_query};

/// What is asked of whom about one metric.
struct Question<'a> {
    query: String,
    client: Provider,
    /// The interval of the metric; Prometheus has it in the query.
    window: SignedDuration,
    metric: &'a Metric,
    counts: bool,
}

impl Observer {
    /// The value of a metric at `now`; without a `source` the number of requests
    /// in its window.
    pub(super) async fn metric(
        &self,
        subject: &Subject<'_>,
        index: usize,
        source: Option<MetricSource>,
        now: Timestamp,
    ) -> Result<MetricAnswer> {
        self.value_of(subject, index, source, Backend::Canary, now)
            .await
    }

    /// The query of a metric for one backend; without a `source` that which counts its
    /// requests.
    ///
    /// # Errors
    /// When it cannot be rendered, the query set has none, or there is nobody to ask.
    pub fn query_of(
        &self,
        subject: &Subject<'_>,
        index: usize,
        source: Option<MetricSource>,
        backend: Backend,
    ) -> Result<String> {
        let question = self.question(subject, index, source, backend)?;
        Ok(question.query)
    }

    /// What that query comes to at `now`.
    ///
    /// # Errors
    /// As [`Observer::ask`].
    pub async fn value_of(
        &self,
        subject: &Subject<'_>,
        index: usize,
        source: Option<MetricSource>,
        backend: Backend,
        now: Timestamp,
    ) -> Result<MetricAnswer> {
        let question = self.question(subject, index, source, backend)?;
        let answered = question.ask(now).await?;
        Ok(question.answer(answered))
    }

    /// The same at each of `times`, asked for as one range.
    pub(super) async fn missed(
        &self,
        subject: &Subject<'_>,
        index: usize,
        source: Option<MetricSource>,
        times: Times,
    ) -> Result<Vec<MetricAnswer>> {
        let question = self.question(subject, index, source, Backend::Canary)?;
        let Question { query, window, .. } = &question;
        let answers = question.client.each(query, *window, times).await;
        let answers = answers.map_err(|error| question.failed(error))?;
        let answers = answers.into_iter().map(|answer| question.answer(answer));
        Ok(answers.collect())
    }

    /// A metric is asked for where its source says. Requests are counted at the
    /// server of the metric's template, else at the default one.
    fn question<'a>(
        &self,
        subject: &Subject<'a>,
        index: usize,
        source: Option<MetricSource>,
        backend: Backend,
    ) -> Result<Question<'a>> {
        let analysis = subject.canary.spec.analysis.as_ref();
        let metric = analysis
            .and_then(|analysis| analysis.metrics().get(index))
            .ok_or_else(|| Error::internal(format!("there is no metric {index}")))?;
        let about = |error| failed(metric, source.is_none(), error);
        let mut vars = QueryVars::new(subject.canary, metric);
        if backend == Backend::Primary {
            subject.primary.clone_into(&mut vars.target);
        }
        let query = match source {
            Some(source) => query(subject, index, source, metric, &vars, backend),
            None => match metric.requests_query() {
                Some(text) => render(text, &vars),
                None => built_in(subject, Asked::Requests, metric, backend),
            },
        };
        let by_template = match source {
            Some(source) => source == MetricSource::Template,
            None => metric.template_ref.is_some(),
        };
        let client = match by_template {
            true => self.clients.template_client(subject, index),
            false => {
                let client = self.clients.default_client(subject);
                client.map(|client| client.map(Provider::Prometheus))
            }
        };
        let query = query.map_err(about)?;
        let client = client.and_then(|client| {
            client.ok_or_else(|| {
                Error::usage("no Prometheus is named")
                    .hint("give --prometheus, or set spec.metricsServer")
            })
        });
        let client = client.map_err(about)?;
        if source.is_none() && metric.requests_query().is_none() && client.prometheus().is_none() {
            return Err(about(no_promql(&client)));
        }
        Ok(Question {
            query,
            window: window(metric, &client).map_err(about)?,
            client,
            metric,
            counts: source.is_none(),
        })
    }
}

impl Question<'_> {
    async fn ask(&self, at: Timestamp) -> Result<Answered> {
        let answered = self.client.instant(&self.query, self.window, at).await;
        answered.map_err(|error| self.failed(error))
    }

    fn answer(&self, answered: Answered) -> MetricAnswer {
        MetricAnswer {
            query: self.query.clone(),
            reading: answered.reading,
            warnings: answered.warnings,
        }
    }

    fn failed(&self, error: Error) -> Error {
        failed(self.metric, self.counts, error)
    }
}

fn failed(metric: &Metric, counts: bool, error: Error) -> Error {
    error.while_doing(match counts {
        true => format!("cannot count the requests of {}", metric.name),
        false => format!("cannot measure {}", metric.name),
    })
}

/// How far back a provider looks: the interval of the metric. Prometheus has it in the
/// query, as it wants to have it written.
fn window(metric: &Metric, client: &Provider) -> Result<SignedDuration> {
    if client.prometheus().is_some() {
        return Ok(SignedDuration::ZERO);
    }
    let window = parse_duration(metric.interval()).map_err(|error| {
        Error::document(format!("the interval of {} cannot be read", metric.name)).because(error)
    })?;
    match window < SignedDuration::from_secs(1) {
        true => Err(Error::document(format!(
            "the interval of {} is less than a second",
            metric.name
        ))),
        false => Ok(window),
    }
}

/// Requests are counted by a query that is PromQL.
fn no_promql(client: &Provider) -> Error {
    Error::document(format!(
        "requests cannot be counted at {} without a query for it",
        client.address()
    ))
    .hint("set requestsQuery of the metric, in the language of its provider, or leave out minRequests")
}

/// The query of a metric, rendered.
fn query(
    subject: &Subject<'_>,
    index: usize,
    source: MetricSource,
    metric: &Metric,
    vars: &QueryVars,
    backend: Backend,
) -> Result<String> {
    let text = match source {
        MetricSource::Builtin => {
            let builtin = metric
                .builtin()
                .ok_or_else(|| Error::internal(format!("{} is not built in", metric.name)))?;
            return built_in(subject, Asked::Metric(builtin), metric, backend);
        }
        MetricSource::Inline => metric.inline_query().unwrap_or_default(),
        MetricSource::Template => subject
            .templates
            .get(&index)
            .map(|template| template.spec.query.as_str())
            .unwrap_or_default(),
    };
    render(text, vars)
}

/// The query that the gateway's query set has.
fn built_in(
    subject: &Subject<'_>,
    asked: Asked,
    metric: &Metric,
    backend: Backend,
) -> Result<String> {
    let gateway = subject.gateway;
    let query = match &gateway.set {
        Some(set) => set.query(asked, &gateway.place, backend, metric.interval())?,
        None => None,
    };
    query.ok_or_else(|| {
        let name = match (&gateway.set, &gateway.implementation) {
            (Some(set), _) => format!("the query set {} has nothing for it", set.name),
            (None, Some(one)) => {
                format!("the metrics of {} do not tell the canary apart", one.title)
            }
            (None, None) => "nobody knows the gateway".to_owned(),
        };
        Error::document(name).hint("set spec.gitops.gateway.querySet, or give the metric a query")
    })
}

fn render(text: &str, vars: &QueryVars) -> Result<String> {
    Ok(render_query(text, vars)?.trim().to_owned())
}
