//! What is to be seen in the series of a gateway.
//!
//! The canary has 100 good and 5 failed requests each 15 s, the primary 50 and 50. All take between 100 and
//! 250 ms, 200 on average; what only looks like theirs fails and takes ages.

use weirkeeper::api::Metric;
use weirkeeper::gateway::{Backend, QuerySet, Question};

use super::fixture::Fixture;
use super::promtool::{Asked, Case};

/// Everything that may be asked, by name.
pub(super) fn questions() -> Vec<(String, Question)> {
    let metrics = [
        Metric::SUCCESS_RATE,
        Metric::DURATION,
        "request-duration-p50",
        "request-duration-p99.9",
        Metric::AVERAGE_DURATION,
        Metric::RETRY_RATE,
    ];
    let metrics = metrics.iter().map(|name| {
        let metric = Metric {
            name: (*name).to_owned(),
            ..Metric::default()
        };
        (
            (*name).to_owned(),
            Question::Metric(metric.builtin().unwrap()),
        )
    });
    let others = [Question::Requests, Question::Series, Question::Buckets];
    let others = others.map(|question| (question.name().to_owned(), question));
    metrics.chain(others).collect()
}

/// Samples of one backend's counters: 61, one every 15 s.
#[derive(Default)]
struct Flow {
    good: Option<String>,
    /// Other answers that are no failures.
    other: Option<String>,
    failed: Option<String>,
    all: String,
    /// Increase of `all` with each sample, where it is the same.
    each: Option<u32>,
}

fn steady(each: u32) -> String {
    format!("0+{each}x60")
}

impl Flow {
    fn steady(good: u32, failed: u32) -> Self {
        let samples = |each| (each > 0).then(|| steady(each));
        Self {
            good: samples(good),
            failed: samples(failed),
            all: steady(good + failed),
            each: Some(good + failed),
            ..Self::default()
        }
    }

    fn idle() -> Self {
        let still = "7+0x60".to_owned();
        Self {
            good: Some(still.clone()),
            failed: Some(still.clone()),
            all: still,
            each: Some(0),
            ..Self::default()
        }
    }
}

/// `metric{labels, more}`.
fn series(metric: &str, labels: &[&str]) -> String {
    let labels: Vec<&str> = labels
        .iter()
        .copied()
        .filter(|one| !one.is_empty())
        .collect();
    format!("{metric}{{{}}}", labels.join(", "))
}

impl Fixture {
    /// The series of whoever has `labels`.
    fn series(&self, labels: &str, flow: &Flow, slow: bool) -> Vec<(String, String)> {
        let mut all = Vec::new();
        match &self.failed_metric {
            Some(failed) => {
                all.push((series(&self.requests, &[labels]), flow.all.clone()));
                let samples = flow.failed.clone().unwrap_or_else(|| "0+0x60".to_owned());
                all.push((series(failed, &[labels]), samples));
                if let Some(good) = &self.good_metric {
                    let samples = flow.good.clone().unwrap_or_else(|| "0+0x60".to_owned());
                    all.push((series(good, &[labels]), samples));
                }
            }
            None => {
                let mut add = |more: Option<&String>, samples: &Option<String>| {
                    if let (Some(more), Some(samples)) = (more, samples) {
                        all.push((series(&self.requests, &[labels, more]), samples.clone()));
                    }
                };
                add(self.good.first(), &flow.good);
                add(self.good.get(1), &flow.other);
                add(self.failed.first(), &flow.failed);
            }
        }
        if let Some(completed) = &self.completed {
            all.push((series(completed, &[labels]), flow.all.clone()));
        }
        all.extend(self.durations(labels, flow, slow));
        if let (Some(retries), Some(_)) = (&self.retries, flow.each) {
            let samples = match slow {
                true => steady(1000),
                false => steady(10),
            };
            all.push((series(retries, &[labels]), samples));
        }
        all
    }

    fn durations(&self, labels: &str, flow: &Flow, slow: bool) -> Vec<(String, String)> {
        let labels = &[labels, &self.of_durations];
        let mut all = Vec::new();
        if let Some(histogram) = &self.histogram {
            for (bound, in_seconds) in BOUNDS {
                let le = match self.seconds {
                    true => in_seconds,
                    false => bound,
                };
                let is_below = bound == "50" || bound == "100" || (slow && bound != "+Inf");
                let samples = match is_below {
                    true => "0+0x60".to_owned(),
                    false => flow.all.clone(),
                };
                let le = format!("le=\"{le}\"");
                let bucket = format!("{histogram}_bucket");
                all.push((series(&bucket, &[labels[0], labels[1], &le]), samples));
            }
            let each = flow.each.unwrap_or_default();
            let sum = match (self.seconds, slow) {
                (_, true) => each * 1_000_000,
                (true, false) => each / 5,
                (false, false) => each * 200,
            };
            all.push((series(&format!("{histogram}_sum"), labels), steady(sum)));
            // It may be the counter of requests itself.
            let count = format!("{histogram}_count");
            if count != self.requests {
                all.push((series(&count, labels), flow.all.clone()));
            }
        }
        if let Some(gauge) = &self.average {
            let value = match (self.seconds, slow) {
                (_, true) => "99999x60",
                (true, false) => "0.2x60",
                (false, false) => "200x60",
            };
            all.push((series(gauge, labels), value.to_owned()));
        }
        all
    }

    /// The canary in one state, the primary, and all that is only alike.
    fn all_series(&self, labels: &str, flow: Option<&Flow>) -> Vec<(String, String)> {
        let mut all: Vec<(String, String)> = Vec::new();
        if let Some(flow) = flow {
            all.extend(self.series(labels, flow, false));
        }
        if let Some(primary) = self.primary.first() {
            all.extend(self.series(primary, &Flow::steady(50, 50), false));
        }
        for labels in &self.ignores {
            match labels.contains('{') {
                true => all.push((labels.clone(), steady(1000))),
                false => all.extend(self.series(labels, &Flow::steady(1, 1000), true)),
            }
        }
        let constant = self.also.iter();
        all.extend(constant.map(|series| (series.clone(), "1x60".to_owned())));
        all.sort();
        for pair in all.windows(2) {
            assert_ne!(pair[0].0, pair[1].0, "the same series twice");
        }
        all
    }
}

/// Bounds of buckets in milliseconds, and in seconds.
const BOUNDS: [(&str, &str); 5] = [
    ("50", "0.05"),
    ("100", "0.1"),
    ("250", "0.25"),
    ("500", "0.5"),
    ("+Inf", "+Inf"),
];

/// A query and what it should answer; nothing when the set has none.
struct Asking<'a> {
    set: &'a QuerySet,
    fixture: &'a Fixture,
    backend: Backend,
    interval: &'a str,
}

impl Asking<'_> {
    fn query(&self, name: &str) -> Option<String> {
        let place = self.fixture.place();
        let (_, question) = questions().into_iter().find(|(known, _)| known == name)?;
        let query = self
            .set
            .query(question, &place, self.backend, self.interval);
        query.unwrap()
    }

    fn is(&self, name: &str, value: Option<f64>) -> Option<Asked> {
        Some(Asked {
            query: format!("round(({}), 0.001)", self.query(name)?),
            expected: value
                .iter()
                .map(|value| ("{}".to_owned(), *value))
                .collect(),
        })
    }

    /// Neither a number nor nothing.
    fn is_nan(&self, name: &str) -> Option<Asked> {
        let query = self.query(name)?;
        Some(Asked {
            query: format!("count(({query}) != ({query}))"),
            expected: vec![("{}".to_owned(), 1.0)],
        })
    }

    fn buckets(&self, count: f64) -> Option<Asked> {
        let bounds = BOUNDS.iter().map(|(bound, in_seconds)| {
            let le = match self.fixture.seconds {
                true => in_seconds,
                false => bound,
            };
            (format!("{{le=\"{le}\"}}"), count)
        });
        Some(Asked {
            query: self.query("buckets")?,
            expected: bounds.collect(),
        })
    }

    /// All that is to be seen of a steady flow.
    fn steadily(&self, good: u32, failed: u32) -> Vec<Asked> {
        let all = f64::from(good + failed);
        let windows = match self.interval {
            "1m" => 4.0,
            "2m" => 8.0,
            _ => 20.0,
        };
        let rounded = |value: f64| (value * 1000.0).round() / 1000.0;
        let success = rounded(f64::from(good) / all * 100.0);
        let kinds = usize::from(good > 0) + usize::from(failed > 0);
        let series = match self.fixture.failed_metric {
            Some(_) => 1.0,
            None => kinds as f64,
        };
        let mut asked = vec![
            self.is("request-success-rate", Some(success)),
            self.is("requests", Some(all * windows)),
            self.is("series", Some(series)),
        ];
        if self.fixture.histogram.is_some() {
            asked.extend([
                self.is("request-duration", Some(248.5)),
                self.is("request-duration-p50", Some(175.0)),
                self.is("request-duration-p99.9", Some(249.85)),
                self.buckets(1.0),
            ]);
        }
        if self.fixture.histogram.is_some() || self.fixture.average.is_some() {
            asked.push(self.is("request-duration-average", Some(200.0)));
        }
        if self.fixture.retries.is_some() {
            asked.push(self.is("request-retry-rate", Some(rounded(1000.0 / all))));
        }
        asked.into_iter().flatten().collect()
    }
}

/// All cases of one kind of route.
pub(super) fn cases_of(set: &QuerySet, fixture: &Fixture) -> Vec<Case> {
    let canary = Asking {
        set,
        fixture,
        backend: Backend::Canary,
        interval: "1m",
    };
    let mut cases = mixed_cases(set, fixture, &["1m", "2m", "5m"]);
    let labels = &fixture.matches[0];
    let mut add = |name: &str, flow: Option<Flow>, questions: Vec<Option<Asked>>| {
        cases.push(Case {
            name: name.to_owned(),
            series: fixture.all_series(labels, flow.as_ref()),
            questions: questions.into_iter().flatten().collect(),
        });
    };
    add("nothing", None, of_nothing(&canary));
    for (name, good, failed) in [("only failures", 0, 5), ("only successes", 100, 0)] {
        let asked = canary.steadily(good, failed);
        let asked = asked.into_iter().map(Some).collect();
        add(name, Some(Flow::steady(good, failed)), asked);
    }
    let mut idle = vec![
        canary.is_nan("request-success-rate"),
        canary.is("requests", Some(0.0)),
    ];
    if fixture.histogram.is_some() {
        idle.push(canary.is_nan("request-duration"));
    }
    add("idle", Some(Flow::idle()), idle);
    if fixture.good_metric.is_some() {
        // As many again are under way, or nobody waited for them.
        let flow = Flow {
            all: steady(210),
            each: None,
            ..Flow::steady(100, 5)
        };
        let asked = canary.is("request-success-rate", Some(95.238));
        add("without an end", Some(flow), vec![asked]);
    }
    if fixture.failed_metric.is_none() {
        for (name, flow, success) in beginnings(fixture) {
            add(
                name,
                Some(flow),
                vec![canary.is("request-success-rate", Some(success))],
            );
        }
    }
    cases
}

/// The cases with everything at once, one for each name of the canary.
pub(super) fn mixed_cases(set: &QuerySet, fixture: &Fixture, intervals: &[&str]) -> Vec<Case> {
    let names = fixture.matches.iter();
    names
        .map(|labels| mixed(set, fixture, intervals, labels))
        .collect()
}

fn mixed(set: &QuerySet, fixture: &Fixture, intervals: &[&str], labels: &str) -> Case {
    let mut questions = Vec::new();
    for interval in intervals {
        let canary = Asking {
            set,
            fixture,
            backend: Backend::Canary,
            interval,
        };
        questions.extend(canary.steadily(100, 5));
        // Copies go to the canary alone.
        let primary = Asking {
            backend: Backend::Primary,
            ..canary
        };
        if !fixture.primary.is_empty() {
            questions.extend(primary.steadily(50, 50));
        }
    }
    Case {
        name: format!("mixed, {labels}"),
        series: fixture.all_series(labels, Some(&Flow::steady(100, 5))),
        questions,
    }
}

fn of_nothing(canary: &Asking<'_>) -> Vec<Option<Asked>> {
    let requests = match canary.fixture.silent {
        true => None,
        false => Some(0.0),
    };
    vec![
        canary.is("request-success-rate", None),
        canary.is("request-duration", None),
        canary.is("request-duration-average", None),
        canary.is("request-retry-rate", None),
        canary.is("requests", requests),
        canary.is("series", None),
    ]
}

/// Counters that begin with the first request that they count.
fn beginnings(fixture: &Fixture) -> Vec<(&'static str, Flow, f64)> {
    let counted = fixture.completed.is_some();
    // 20 failures in the last 15 s, the first of all.
    let burst = Flow {
        good: Some(steady(100)),
        failed: Some("_x60 20".to_owned()),
        all: "0+100x59 6020".to_owned(),
        ..Flow::default()
    };
    let seen = match fixture.shows_first {
        true => 95.238,
        false => 100.0,
    };
    // The canary's first requests of all, 45 s ago.
    let first = Flow {
        good: Some("_x58 100 200 300".to_owned()),
        failed: Some("_x58 5 10 15".to_owned()),
        all: "0x57 105 210 315".to_owned(),
        ..Flow::default()
    };
    // A new answer that is no failure is none.
    let new = Flow {
        good: Some(steady(100)),
        other: Some("_x60 20".to_owned()),
        failed: Some(steady(5)),
        all: "0+105x59 6320".to_owned(),
        ..Flow::default()
    };
    let mut found = vec![("first failures", burst, seen)];
    if counted {
        found.push(("first requests", first, 95.238));
    }
    if fixture.good.len() > 1 {
        found.push(("a new answer", new, 95.238));
    }
    found
}
