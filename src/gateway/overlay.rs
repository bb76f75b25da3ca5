//! What a repository adds to the catalogue, or says otherwise.

use std::sync::{Arc, LazyLock};

use regex::Regex;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_yaml::Value;

use super::set::{Counter, Duration, Variant};
use super::values::Values;
use super::{Backend, Catalogue, Implementation, Place, QuerySet, Question, Side, Site, shape};
use crate::api::{FieldPath, Metric, Problem, closest, decode, parse_duration};
use crate::template::TemplateError;

/// The most query sets of one file.
const MAX_SETS: usize = 100;

/// Names of [`QuerySet::queries`].
const QUERIES: [&str; 7] = [
    "request-success-rate",
    "request-duration",
    "request-duration-average",
    "request-retry-rate",
    "requests",
    "series",
    "buckets",
];

impl Catalogue {
    /// Takes in a file of query sets: a new name adds a set, a known one changes what it
    /// says, field by field; what is null is taken away. A set with an error stays as it
    /// was, a new one is empty then. Returns what is wrong, by path in the file.
    pub fn add_sets(&mut self, file: Value) -> Vec<Problem> {
        let Value::Mapping(file) = file else {
            let message = "must be a mapping of query sets, by name";
            return vec![Problem::error(FieldPath::root(), message)];
        };
        if file.len() > MAX_SETS {
            let message = format!("has more than {MAX_SETS} query sets");
            return vec![Problem::error(FieldPath::root(), message)];
        }
        let mut problems = Vec::new();
        for (name, part) in file {
            let Some(name) = name.as_str() else {
                let message = "the name of a query set must be text";
                problems.push(Problem::error(FieldPath::root(), message));
                continue;
            };
            problems.extend(self.add_set(name, part));
        }
        problems
    }

    fn add_set(&mut self, name: &str, part: Value) -> Vec<Problem> {
        let at = FieldPath::root().key(name);
        let known = self.sets.get(name).cloned();
        let (said, mut problems) = read::<QuerySet>(&part, &at);
        if let Some(said) = &said {
            problems.extend(check(said, &at));
        }
        let mut whole = merged(known.as_deref(), part);
        if problems.is_empty()
            && let Some(set) = &mut whole
        {
            name.clone_into(&mut set.name);
            problems.extend(check_whole(set, &at));
        }
        let set = match (problems.is_empty(), whole, known) {
            (true, Some(set), _) => Arc::new(set),
            (_, _, Some(known)) => known,
            _ => Arc::new(QuerySet {
                name: name.to_owned(),
                ..QuerySet::default()
            }),
        };
        self.sets.insert(name.to_owned(), set);
        problems
    }

    /// Takes in the file of an implementation, as [`Catalogue::add_sets`].
    pub fn add_implementation(&mut self, name: &str, part: Value) -> Vec<Problem> {
        let known = self.implementations.get(name).cloned();
        let at = FieldPath::root();
        let (said, mut problems) = read::<Implementation>(&part, &at);
        let sets = said.iter().flat_map(|said| said.query_sets.iter());
        for (index, set) in sets.enumerate() {
            if !self.sets.contains_key(set) {
                let at = at.key("querySets").index(index);
                let problem = Problem::error(at, format!("there is no query set `{set}`"));
                let all: Vec<&str> = self.sets.keys().map(String::as_str).collect();
                problems.push(match closest(set, &all) {
                    Some(near) => problem.hint(format!("did you mean `{near}`?")),
                    None => problem.hint("write it in .weirkeeper/queries"),
                });
            }
        }
        problems.extend(said.iter().flat_map(check_scales));
        let whole: Option<Implementation> = merged(known.as_deref(), part);
        let one = match (problems.is_empty(), whole, known) {
            (true, Some(mut one), _) => {
                name.clone_into(&mut one.name);
                if one.title.is_empty() {
                    name.clone_into(&mut one.title);
                }
                Arc::new(one)
            }
            (_, _, Some(known)) => known,
            _ => Arc::new(Implementation {
                name: name.to_owned(),
                title: name.to_owned(),
                ..said.unwrap_or_default()
            }),
        };
        self.implementations.insert(name.to_owned(), one);
        problems
    }
}

/// Factors of weights that would be passed over.
fn check_scales(said: &Implementation) -> Vec<Problem> {
    let range = Implementation::LEAST_SCALE..=Implementation::MOST_SCALE;
    let records = said.capabilities.iter().enumerate();
    let wrong = records.filter_map(|(index, record)| {
        let scale = record.weight_scale.filter(|scale| !range.contains(scale))?;
        let at = FieldPath::root().key("capabilities").index(index);
        let (least, most) = range.clone().into_inner();
        let message = format!("must be from {least} to {most}, found {scale}");
        let hint = "100 % times this is written as a weight, which may be 1000000 at most; less \
                    looks like weights that somebody wrote by hand";
        Some(Problem::error(at.key("weightScale"), message).hint(hint))
    });
    wrong.collect()
}

/// What a file says by itself, and what does not fit: nothing is passed over.
fn read<T: DeserializeOwned>(part: &Value, at: &FieldPath) -> (Option<T>, Vec<Problem>) {
    let (said, problems) = decode::<T>(part.clone());
    let problems = problems.into_iter().map(|problem| Problem {
        path: at.join(&problem.path),
        message: problem
            .message
            .replace("unknown field, ignored", "unknown field"),
        severity: crate::api::Severity::Error,
        ..problem
    });
    (said, problems.collect())
}

/// `known` with what `part` says otherwise.
fn merged<T>(known: Option<&T>, mut part: Value) -> Option<T>
where
    T: Serialize + for<'de> Deserialize<'de>,
{
    part.apply_merge().ok()?;
    let mut whole = match known {
        Some(known) => serde_yaml::to_value(known).ok()?,
        None => Value::Mapping(serde_yaml::Mapping::new()),
    };
    lay_over(&mut whole, part);
    decode(whole).0
}

fn lay_over(under: &mut Value, over: Value) {
    match (under, over) {
        (Value::Mapping(under), Value::Mapping(over)) => {
            for (key, value) in over {
                match under.get_mut(&key) {
                    Some(known) => lay_over(known, value),
                    None => {
                        under.insert(key, value);
                    }
                }
            }
        }
        (under, over) => *under = over,
    }
}

static METRIC: LazyLock<Option<Regex>> =
    LazyLock::new(|| Regex::new("^[a-zA-Z_:][a-zA-Z0-9_:]*$").ok());

/// What is wrong with what a file says of a set.
fn check(set: &QuerySet, at: &FieldPath) -> Vec<Problem> {
    let mut problems = Vec::new();
    let mut checking = Checking {
        label: set.labels.first().map_or("label", String::as_str),
        problems: &mut problems,
    };
    checking.counter(set.requests.as_ref(), &at.key("requests"));
    checking.duration(set.duration.as_ref(), &at.key("duration"));
    checking.variant(set.grpc.as_ref(), &at.key("grpc"));
    checking.variant(set.mirror.as_ref(), &at.key("mirror"));
    checking.metric(set.retries.as_deref(), at.key("retries"));
    for (index, label) in set.labels.iter().enumerate() {
        checking.metric(Some(label), at.key("labels").index(index));
    }
    if let Some(around) = &set.around {
        let at = at.key("around");
        checking.template(around, &at, |values, text| {
            values.around("around", text).map(drop)
        });
    }
    for (name, query) in &set.queries {
        let at = at.key("queries").key(name.as_str());
        if !QUERIES.contains(&name.as_str()) {
            let problem = Problem::error(at, "there is no such query").at_key();
            checking.problems.push(match closest(name, &QUERIES) {
                Some(near) => problem.hint(format!("did you mean `{near}`?")),
                None => problem.hint(format!("one of {}", QUERIES.join(", "))),
            });
            continue;
        }
        let quantile = (name == "request-duration").then_some(0.99);
        checking.template(query, &at, |values, text| {
            let values = values.clone().with_label("");
            let values = match quantile {
                Some(quantile) => values.with_quantile(quantile),
                None => values,
            };
            values.fill("query", text).map(drop)
        });
    }
    if let Some(Err(error)) = set.least_interval.as_deref().map(parse_duration) {
        problems.push(Problem::error(at.key("leastInterval"), error.to_string()));
    }
    problems
}

struct Checking<'a> {
    label: &'a str,
    problems: &'a mut Vec<Problem>,
}

impl Checking<'_> {
    fn variant(&mut self, variant: Option<&Variant>, at: &FieldPath) {
        let variant = variant.cloned().unwrap_or_default();
        self.counter(variant.requests.as_ref(), &at.key("requests"));
        self.duration(variant.duration.as_ref(), &at.key("duration"));
    }

    fn counter(&mut self, counter: Option<&Counter>, at: &FieldPath) {
        let Some(counter) = counter else { return };
        let metric = Some(counter.metric.as_str()).filter(|metric| !metric.is_empty());
        self.metric(metric, at.key("metric"));
        self.metric(counter.completed.as_deref(), at.key("completed"));
        self.metric(counter.failed_metric.as_deref(), at.key("failedMetric"));
        self.metric(counter.good_metric.as_deref(), at.key("goodMetric"));
        self.selector(Some(&counter.selector), &at.key("where"));
        self.selector(counter.failed.as_ref(), &at.key("failed"));
        self.selector(counter.good.as_ref(), &at.key("good"));
    }

    fn duration(&mut self, duration: Option<&Duration>, at: &FieldPath) {
        let Some(duration) = duration else { return };
        self.metric(duration.histogram.as_deref(), at.key("histogram"));
        self.metric(duration.average.as_deref(), at.key("average"));
        self.selector(duration.selector.as_ref(), &at.key("where"));
    }

    fn metric(&mut self, name: Option<&str>, at: FieldPath) {
        let fits = |name: &str| METRIC.as_ref().is_some_and(|one| one.is_match(name));
        if name.is_some_and(|name| !fits(name)) {
            let message = "must be a name: letters, digits, `_` and `:`";
            self.problems.push(Problem::error(at, message));
        }
    }

    fn selector(&mut self, text: Option<&String>, at: &FieldPath) {
        let Some(text) = text else { return };
        let label = self.label;
        self.template(text, at, |values, text| {
            values.with_label(label).fill("selector", text).map(drop)
        });
    }

    /// Renders a template everywhere; the first fault counts.
    fn template(
        &mut self,
        text: &str,
        at: &FieldPath,
        render: impl Fn(&Values<'_>, &str) -> Result<(), TemplateError>,
    ) {
        for place in samples() {
            for backend in [Backend::Canary, Backend::Primary] {
                let values = Values::new(&place, backend, "1m");
                if let Err(error) = render(&values, text) {
                    self.problems.push(cannot(&error, text, at));
                    return;
                }
            }
        }
    }
}

/// A template that cannot be rendered. In one of several lines its own line is told.
fn cannot(error: &TemplateError, text: &str, at: &FieldPath) -> Problem {
    let rest = text.get(error.offset..).unwrap_or_default();
    let rest = rest.trim_start_matches(['{', '%', '-', ' ']);
    let is_name = |c: char| c.is_alphanumeric() || c == '_' || c == '.';
    let named: String = rest.chars().take_while(|c| is_name(*c)).collect();
    let (_, reason) = error
        .message
        .split_once(": ")
        .unwrap_or(("", &error.message));
    let place = match text.contains('\n') {
        true => format!(", line {} of it", error.line),
        false => String::new(),
    };
    if reason.starts_with("undefined value") {
        let message = format!("names something unknown, `{named}`{place}");
        let problem = Problem::error(at.clone(), message);
        if Values::NAMES.contains(&named.as_str()) {
            return problem.hint("it is known in other templates of a set, but not here");
        }
        return match closest(&named, &Values::NAMES) {
            Some(near) => problem.hint(format!("did you mean `{near}`?")),
            None => problem.hint(format!("known are {}", Values::NAMES.join(", "))),
        };
    }
    let problem = Problem::error(at.clone(), format!("cannot be rendered{place}: {reason}"));
    match &error.hint {
        Some(hint) => problem.hint(hint.clone()),
        None => problem,
    }
}

/// What is wrong with a set and what it changes together.
fn check_whole(set: &QuerySet, at: &FieldPath) -> Option<Problem> {
    if set.requests.is_none() && set.queries.is_empty() {
        let problem = Problem::error(at.clone(), "measures nothing");
        return Some(problem.hint("give it requests, or queries"));
    }
    let variants = [set.grpc.as_ref(), set.mirror.as_ref()]
        .into_iter()
        .flatten();
    let counters = variants.filter_map(|variant| variant.requests.as_ref());
    for counter in set.requests.iter().chain(counters) {
        for (text, field) in [(&counter.metric, "metric"), (&counter.selector, "where")] {
            if text.trim().is_empty() {
                let at = at.key("requests").key(field);
                let hint = "metric is the counter, where its label matchers";
                return Some(Problem::error(at, "is missing").hint(hint));
            }
        }
        if counter.good_metric.is_some() && counter.failed_metric.is_none() {
            let at = at.key("requests").key("goodMetric");
            let problem = Problem::error(at, "has no effect without `failedMetric`");
            return Some(problem.hint("name the counter of those that failed, too"));
        }
    }
    let metrics = [
        Metric::SUCCESS_RATE,
        Metric::DURATION,
        Metric::AVERAGE_DURATION,
    ];
    let metrics = metrics
        .iter()
        .chain([&Metric::RETRY_RATE])
        .filter_map(|name| {
            let metric = Metric {
                name: (*name).to_owned(),
                ..Metric::default()
            };
            metric.builtin().map(Question::Metric)
        });
    let others = [Question::Requests, Question::Series, Question::Buckets];
    let questions: Vec<Question> = metrics.chain(others).collect();
    for place in samples() {
        for question in &questions {
            let rendered = shape::render(set, *question, &place, Backend::Canary, "1m");
            if let Err(error) = rendered {
                let message = format!("{} cannot be rendered: {error}", question.name());
                return Some(Problem::error(at.clone(), message));
            }
        }
    }
    None
}

/// Places that differ in what a template may ask for.
fn samples() -> Vec<Place> {
    let site = |rule, backend, weight| Site {
        route: "route".to_owned(),
        rule,
        backend,
        weight,
        filtered: false,
    };
    let side = |name: &str, sites| Side {
        workload: name.to_owned(),
        service: name.to_owned(),
        sites,
    };
    let full = Place {
        namespace: "namespace".to_owned(),
        kind: "HTTPRoute".to_owned(),
        canary: side("app", vec![site(0, 1, 10), site(1, 0, 0)]),
        primary: side("app-primary", vec![site(0, 0, 90), site(1, 1, 100)]),
        gateways: vec!["gateway".to_owned()],
        mirrored: false,
    };
    let grpc = Place {
        kind: "GRPCRoute".to_owned(),
        ..full.clone()
    };
    let mirrored = Place {
        mirrored: true,
        ..full.clone()
    };
    let nowhere = Place {
        canary: side("app", Vec::new()),
        primary: side("app-primary", Vec::new()),
        gateways: Vec::new(),
        ..full.clone()
    };
    vec![full, grpc, mirrored, nowhere]
}
