//! Every query of every set, asked by `promtool` of series that are like those of the gateways.
//!
//! `fixtures/queries/<set>.yaml` says how the series of the canary are labelled, how those of the primary,
//! and which are only alike. Each case has all of the latter, with heavy failure.

mod cases;
mod fixture;
mod promtool;

use std::collections::BTreeSet;

use weirkeeper::gateway::{Catalogue, Duration, QuerySet, Unit};

use self::cases::{cases_of, mixed_cases, questions};
use self::fixture::{Fixture, places};
use self::promtool::{Case, check, run};
use crate::parts::source_tree;

/// Names of the files of a folder, without the extension.
fn names(folder: &str) -> BTreeSet<String> {
    let entries = fs_err::read_dir(source_tree().join(folder)).unwrap();
    let names = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap());
    names
        .filter_map(|name| name.strip_suffix(".yaml").map(str::to_owned))
        .collect()
}

fn set(name: &str) -> QuerySet {
    QuerySet::clone(&Catalogue::builtin().set(name).unwrap())
}

/// The names of all sets, read from the files themselves.
fn sets() -> BTreeSet<String> {
    let files = names("templates/queries").into_iter();
    files
        .flat_map(|file| {
            let path = format!("templates/queries/{file}.yaml");
            let text = fs_err::read_to_string(source_tree().join(path)).unwrap();
            let sets: serde_yaml::Mapping = serde_yaml::from_str(&text).unwrap();
            sets.into_iter()
                .map(|(name, _)| name.as_str().unwrap().to_owned())
                .collect::<Vec<_>>()
        })
        .collect()
}

#[test]
#[ignore = "needs promtool"]
fn every_query_is_promql() {
    let mut queries = BTreeSet::new();
    for name in sets() {
        let set = set(&name);
        for place in places() {
            for (_, question) in questions() {
                for backend in fixture::BACKENDS {
                    for interval in ["1m", "1h30m"] {
                        let query = set.query(question, &place, backend, interval);
                        queries.extend(query.unwrap());
                    }
                }
            }
        }
    }
    let queries = Vec::from_iter(queries);
    assert!(queries.len() > 1000, "{}", queries.len());
    check(&queries);
}

#[test]
#[ignore = "needs promtool"]
fn queries_select_what_they_should() {
    let sets = sets();
    assert_eq!(
        sets,
        names("fixtures/queries"),
        "sets, and those with cases"
    );
    let mut cases = Vec::new();
    for name in &sets {
        let set = set(name);
        let fixtures = Fixture::of(name);
        let has = |fits: fn(&Fixture) -> bool| fixtures.iter().any(fits);
        assert!(has(|one| !one.is_grpc() && !one.mirrored), "{name}");
        assert!(set.grpc.is_none() || has(Fixture::is_grpc), "{name}: gRPC");
        assert!(
            set.mirror.is_none() || has(|one| one.mirrored),
            "{name}: mirrored"
        );
        for (index, fixture) in fixtures.iter().enumerate() {
            let found = cases_of(&set, fixture);
            let named = found.into_iter().map(|case| Case {
                name: format!("{name} {index}: {}", case.name),
                ..case
            });
            cases.extend(named);
        }
    }
    let failed = run(&cases);
    assert!(failed.is_empty(), "{}", failed.join("\n"));
    let questions: usize = cases.iter().map(|case| case.questions.len()).sum();
    println!("{} cases, {questions} questions", cases.len());
    assert!(cases.len() > 300, "{}", cases.len());
}

/// What is wrong with a set, and how to make it so.
type Damage = (&'static str, fn(&mut QuerySet) -> bool);

/// The text of each selector, changed.
fn change(set: &mut QuerySet, change: impl Fn(&str) -> String) -> bool {
    let before = set.clone();
    let variants = [set.grpc.as_mut(), set.mirror.as_mut()];
    for variant in variants.into_iter().flatten() {
        for counter in variant.requests.iter_mut() {
            counter.selector = change(&counter.selector);
        }
    }
    for counter in set.requests.iter_mut() {
        counter.selector = change(&counter.selector);
    }
    for query in set.queries.values_mut() {
        *query = change(query);
    }
    *set != before
}

const DAMAGES: [Damage; 9] = [
    ("no port", |set| {
        change(set, |text| text.replace("_[0-9]+", ".*"))
    }),
    ("any position", |set| {
        change(set, |text| {
            text.replace("/backend/{{ site.backend }}", "(/.+)?")
        })
    }),
    ("any namespace", |set| {
        set.around = set.around.take().map(|text| {
            text.replace("{{ namespace }}\"", ".*\"")
                .replace("namespace=\"", "namespace=~\"")
        });
        let changed = change(set, |text| {
            let text = text.replace("namespace=\"{{ namespace }}\"", "namespace=~\".*\"");
            text.replace("{{ namespace }}", ".*")
        });
        changed || set.around.is_some()
    }),
    ("any backend", |set| {
        let any = |text: &str| {
            let text = text.replace("=\"{{ service }}\"", "=~\".*\"");
            let text = text.replace("=\"{{ target }}\"", "=~\".*\"");
            text.replace("{{ service }}", ".*")
                .replace("{{ target }}", ".*")
        };
        set.around = set.around.take().map(|text| any(&text));
        change(set, any) || set.around.is_some()
    }),
    ("everything", |set| {
        // A join selects by itself.
        let is_plain = set.around.is_none();
        is_plain
            && change(set, |text| match text.contains("http_request") {
                true => text.to_owned(),
                false => String::new(),
            })
    }),
    ("no join", |set| set.around.take().is_some()),
    ("other failures", |set| {
        let counters = set.requests.iter_mut();
        let variants = [set.grpc.as_mut(), set.mirror.as_mut()];
        let variants = variants.into_iter().flatten();
        let counters = counters.chain(variants.flat_map(|one| one.requests.iter_mut()));
        let mut changed = false;
        for counter in counters {
            for matcher in [&mut counter.failed, &mut counter.good]
                .into_iter()
                .flatten()
            {
                *matcher = "nobody=\"here\"".to_owned();
                changed = true;
            }
        }
        changed
    }),
    ("other unit", |set| {
        let other = |duration: &mut Duration| {
            duration.unit = match duration.unit {
                Unit::Seconds => Unit::Milliseconds,
                Unit::Milliseconds => Unit::Seconds,
            };
        };
        let variants = [set.grpc.as_mut(), set.mirror.as_mut()];
        for variant in variants.into_iter().flatten() {
            variant.duration.iter_mut().for_each(other);
        }
        set.duration.iter_mut().for_each(other);
        set.duration.is_some()
    }),
    ("no exported label", |set| {
        set.labels.truncate(1);
        !set.labels.is_empty()
    }),
];

#[test]
#[ignore = "needs promtool"]
fn what_is_damaged_is_noticed() {
    let mut cases = Vec::new();
    let mut expected = BTreeSet::new();
    for name in sets() {
        for (damage, apply) in DAMAGES {
            let mut damaged = set(&name);
            if !apply(&mut damaged) {
                continue;
            }
            let label = format!("{name}: {damage}");
            for fixture in Fixture::of(&name) {
                let found = mixed_cases(&damaged, &fixture, &["1m"]).into_iter();
                cases.extend(found.map(|case| Case {
                    name: label.clone(),
                    ..case
                }));
            }
            expected.insert(label);
        }
    }
    let noticed = run(&cases).into_iter().collect::<BTreeSet<_>>();
    let missed: Vec<&String> = expected.difference(&noticed).collect();
    assert!(missed.is_empty(), "{missed:#?}");
    assert!(expected.len() > 60, "{}", expected.len());
}
