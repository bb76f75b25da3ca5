//! `docs/gateways.md`: its tables and sections are made from the data.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::api::{Canary, Metric, Problem, read};
use crate::gateway::{
    Answer, Backend, Capability, Catalogue, Confidence, Gateway, Implementation, MeasuredBy, Place,
    QuerySet, Question, Refused, Support, review,
};

/// What rewrites the page instead of checking it.
const UPDATE: &str = "WEIRKEEPER_UPDATE_DOCS";

/// The Canary of an implementation that needs no other.
const EXAMPLE: &str = "apiVersion: flagger.app/v1beta1
kind: Canary
metadata: {name: podinfo, namespace: test}
spec:
  targetRef: {apiVersion: apps/v1, kind: Deployment, name: podinfo}
  service: {port: 9898, gatewayRefs: [{name: web, namespace: infra}]}
  analysis:
    interval: 1m
    threshold: 2
    stepWeight: 10
    maxWeight: 50
    metrics:
      - {name: request-success-rate, interval: 1m, thresholdRange: {min: 99}}
      - {name: request-duration, interval: 1m, thresholdRange: {max: BOUND}}
  gitops:
    gateway: {GATEWAY}
";

fn page() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/gateways.md")
}

/// What stands between the markers of each part, by name.
fn parts() -> [(&'static str, String); 3] {
    [
        ("query sets", query_sets()),
        ("capabilities", capabilities()),
        ("implementations", implementations()),
    ]
}

#[test]
#[expect(
    clippy::disallowed_methods,
    reason = "says that the page is to be written"
)]
fn the_page_says_what_the_data_says() {
    let before = fs_err::read_to_string(page()).unwrap();
    let mut after = before.clone();
    for (name, text) in parts() {
        let (begin, end) = (format!("<!-- begin {name}"), format!("<!-- end {name} -->"));
        let start = after.find(&begin).unwrap_or_else(|| panic!("no {begin}"));
        let start = start + after[start..].find('\n').unwrap() + 1;
        let length = after[start..]
            .find(&end)
            .unwrap_or_else(|| panic!("no {end}"));
        after.replace_range(start..start + length, &format!("\n{text}\n"));
    }
    if std::env::var_os(UPDATE).is_some() {
        fs_err::write(page(), &after).unwrap();
        return;
    }
    assert!(
        before == after,
        "docs/gateways.md is not what the data says: run {UPDATE}=1 cargo test docs"
    );
}

#[test]
fn every_example_is_valid_and_measurable() {
    for one in Catalogue::builtin().implementations() {
        let Some(text) = example(one) else {
            continue;
        };
        let value =
            serde_yaml::from_str(&text).unwrap_or_else(|error| panic!("{}: {error}", one.name));
        let (canary, problems) = read::<Canary>(value);
        assert_eq!(problems, [], "{}", one.name);
        let canary: Canary = canary.unwrap();
        let found = reviewed(one, &canary);
        let errors: Vec<&Problem> = found.iter().filter(|one| one.is_error()).collect();
        assert!(errors.is_empty(), "{}: {errors:?}", one.name);
        // The bounds are ones that its buckets can tell.
        let is_guess = |problem: &&Problem| problem.message.contains("is judged by guess");
        assert_eq!(found.iter().find(is_guess), None, "{}", one.name);
    }
}

/// What speaks against an example on its gateway.
fn reviewed(implementation: &Implementation, canary: &Canary) -> Vec<Problem> {
    let catalogue = Catalogue::builtin();
    let spec = canary.spec.gitops().gateway.clone().unwrap();
    assert_eq!(spec.implementation.as_deref(), Some(&*implementation.name));
    let place = Place {
        kind: "HTTPRoute".to_owned(),
        ..Place::default()
    };
    let why = ("it says so".to_owned(), place);
    let known = Arc::new(implementation.clone());
    let mut gateway = Gateway::known(catalogue, known, None, canary, why);
    if let Some(name) = &spec.query_set {
        gateway.set = Some(
            catalogue
                .set(name)
                .unwrap_or_else(|| panic!("no set {name}")),
        );
    }
    review(&gateway, canary, true)
}

/// Those that can be used, then the others; each by title.
fn sorted() -> Vec<&'static Implementation> {
    let mut all: Vec<&Implementation> = Catalogue::builtin().implementations().collect();
    all.sort_by_key(|one| (is_refused(one), one.title.to_lowercase()));
    all
}

fn is_refused(one: &Implementation) -> bool {
    let refused = one.refused.as_ref();
    refused.is_some_and(|refused| refused.what == Refused::Everything)
}

/// The example in the section of an implementation.
fn example(one: &Implementation) -> Option<String> {
    if is_refused(one) {
        return None;
    }
    if let Some(example) = &one.example {
        return Some(example.clone());
    }
    let gateway = match one.refused {
        Some(_) => format!("implementation: {}, querySet: application", one.name),
        None => format!("implementation: {}", one.name),
    };
    let example = EXAMPLE.replace("GATEWAY", &gateway);
    Some(example.replace("BOUND", &bound(one).to_string()))
}

/// A bound of about half a second that the buckets of the first query set know.
fn bound(one: &Implementation) -> f64 {
    let set = one.query_sets.first();
    let set = set.and_then(|name| Catalogue::builtin().set(name));
    let durations = set.and_then(|set| set.duration.clone());
    let Some(durations) = durations.filter(|durations| !durations.bounds.is_empty()) else {
        return 500.0;
    };
    let unit = durations.unit.in_milliseconds();
    let bounds = durations.bounds.iter().map(|bound| bound * unit);
    let far = |bound: f64| (bound - 500.0).abs();
    bounds
        .min_by(|one, other| far(*one).total_cmp(&far(*other)))
        .unwrap()
}

/// One row for each query set.
fn query_sets() -> String {
    let mut text =
        "| Query set | Measures | Success rate | Durations | gRPC statuses | Retries | Copies |\n\
                    |---|---|---|---|---|---|---|\n"
            .to_owned();
    for set in Catalogue::builtin().sets() {
        let by = match set.by {
            MeasuredBy::Gateway => "gateway",
            MeasuredBy::Workload => "workload",
        };
        let row = [
            format!("`{}`", set.name),
            format!("{by}: {}", set.about),
            word(asks(set, "request-success-rate")),
            durations(set),
            word(set.grpc.is_some()),
            word(asks(set, "request-retry-rate")),
            word(!set.blind_to_mirror),
        ];
        writeln!(text, "| {} |", row.map(|cell| in_cell(&cell)).join(" | ")).unwrap();
    }
    text
}

fn word(is: bool) -> String {
    if is { "yes" } else { "no" }.to_owned()
}

/// Does the set have a query for this built-in metric?
fn asks(set: &QuerySet, name: &str) -> bool {
    let metric = Metric {
        name: name.to_owned(),
        ..Metric::default()
    };
    let place = Place {
        kind: "HTTPRoute".to_owned(),
        ..Place::default()
    };
    let question = Question::Metric(metric.builtin().unwrap());
    let query = set.query(question, &place, Backend::Canary, "1m").unwrap();
    query.is_some()
}

fn durations(set: &QuerySet) -> String {
    match (
        asks(set, "request-duration"),
        asks(set, "request-duration-average"),
    ) {
        (true, _) => "percentiles".to_owned(),
        (false, true) => "average".to_owned(),
        (false, false) => "no".to_owned(),
    }
}

fn in_cell(text: &str) -> String {
    text.replace('|', "\\|").replace('\n', " ")
}

/// One row for each implementation.
fn capabilities() -> String {
    let names = Capability::ALL.map(|one| format!("`{}`", one.key()));
    let mut text = format!("| Implementation | {} |\n", names.join(" | "));
    writeln!(text, "|---{}|", "|---".repeat(names.len())).unwrap();
    for one in sorted().into_iter().filter(|one| !is_refused(one)) {
        let cells = Capability::ALL.map(|capability| match one.answer(capability, None, None) {
            Answer { is, note: None } => shown(is).to_owned(),
            Answer { is, note: Some(_) } => format!("{}*", shown(is)),
        });
        writeln!(text, "| {} | {} |", one.title, cells.join(" | ")).unwrap();
    }
    text
}

fn shown(is: Support) -> &'static str {
    match is {
        Support::Yes => "yes",
        Support::No => "no",
        Support::Unknown => "?",
    }
}

/// One section for each implementation.
fn implementations() -> String {
    let sections = sorted().into_iter().map(section);
    sections.collect::<Vec<_>>().join("\n")
}

fn section(one: &Implementation) -> String {
    let mut text = format!("### {}\n\n", one.title);
    let list = |names: &[String]| {
        let names = names.iter().map(|name| format!("`{name}`"));
        names.collect::<Vec<_>>().join(", ")
    };
    writeln!(text, "`implementation: {}`", one.name).unwrap();
    if !one.controllers.is_empty() {
        writeln!(text, "· controller {}", list(&one.controllers)).unwrap();
    }
    if !one.query_sets.is_empty() {
        writeln!(text, "· query sets {}", list(&one.query_sets)).unwrap();
    }
    if let Some(confidence) = one.confidence.filter(|_| one.refused.is_none()) {
        let sure = match confidence {
            Confidence::High => "names of metrics and labels were read in its source",
            Confidence::Medium => "some names of metrics or labels were read in documentation only",
            Confidence::Low => "some names of labels are not confirmed",
        };
        writeln!(text, "· {sure}").unwrap();
    }
    writeln!(text, "\n{}", one.switch_on.trim_end()).unwrap();
    if !one.limits.trim().is_empty() {
        writeln!(text, "\n{}", one.limits.trim_end()).unwrap();
    }
    if is_refused(one) {
        return text;
    }
    text.push_str("\n| Capability | | |\n|---|---|---|\n");
    for capability in Capability::ALL {
        let Answer { is, note } = one.answer(capability, None, None);
        let row = format!(
            "| {} | {} | {} |",
            capability.about(),
            shown(is),
            in_cell(&note.unwrap_or_default())
        );
        writeln!(text, "{}", row.replace("  |", " |")).unwrap();
    }
    if let Some(example) = example(one) {
        write!(text, "\n```yaml\n{example}```\n").unwrap();
    }
    text
}
