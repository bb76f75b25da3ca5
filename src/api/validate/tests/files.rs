//! Whole documents: our fixtures, and a corpus if there is one.

use std::path::{Path, PathBuf};

use super::*;

/// Every problem of the one document in `text`.
fn read_any(text: &str) -> Vec<Problem> {
    let value: Value = serde_yaml::from_str(text).unwrap();
    match value.get("kind").and_then(Value::as_str) {
        Some("MetricTemplate") => read::<MetricTemplate>(value).1,
        Some("AlertProvider") => read::<AlertProvider>(value).1,
        _ => read::<Canary>(value).1,
    }
}

fn fixtures(folder: &str) -> Vec<(PathBuf, String)> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/canaries");
    let mut files: Vec<PathBuf> = fs_err::read_dir(root.join(folder))
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    files.sort();
    assert!(!files.is_empty());
    let read = |path: PathBuf| {
        let text = fs_err::read_to_string(&path).unwrap();
        (path, text)
    };
    files.into_iter().map(read).collect()
}

#[test]
fn valid_fixtures_have_no_problem_at_all() {
    for (path, text) in fixtures("valid") {
        let problems = read_any(&text);
        assert!(problems.is_empty(), "{}: {problems:#?}", path.display());
    }
}

/// Each file begins with `# error: <path>: <part of the message>` for every
/// error, and `# warning: …` for every warning.
#[test]
fn invalid_fixtures_have_the_problems_they_say() {
    for (path, text) in fixtures("invalid") {
        let mut expected: Vec<(bool, &str, &str)> = Vec::new();
        for line in text.lines() {
            let (is_error, rest) = match (
                line.strip_prefix("# error: "),
                line.strip_prefix("# warning: "),
            ) {
                (Some(rest), _) => (true, rest),
                (_, Some(rest)) => (false, rest),
                (None, None) => break,
            };
            let (field, part) = rest.split_once(": ").unwrap();
            expected.push((is_error, field, part));
        }
        let mut problems = read_any(&text);
        for (is_error, field, part) in expected {
            let position = problems.iter().position(|problem| {
                problem.is_error() == is_error
                    && problem.path.to_string() == field
                    && problem.message.contains(part)
            });
            let Some(position) = position else {
                panic!("{}: no `{field}: {part}` in {problems:#?}", path.display());
            };
            problems.remove(position);
        }
        assert!(
            problems.is_empty(),
            "{}: also {problems:#?}",
            path.display()
        );
    }
}

#[allow(clippy::disallowed_methods, reason = "tests read where the corpus is")]
fn corpus() -> Option<PathBuf> {
    let found = std::env::var("WEIRKEEPER_CORPUS").ok();
    if found.is_none() {
        println!("skipped: WEIRKEEPER_CORPUS names no folder");
    }
    found.map(PathBuf::from)
}

/// The field a line of `crd_errors` is about: `spec: 'analysis' is a required
/// property` is about `spec.analysis`.
fn field_of(error: &str) -> FieldPath {
    let (path, message) = error.split_once(": ").unwrap();
    let path: FieldPath = path.parse().unwrap();
    match message.split_once("' is a required property") {
        Some((name, _)) => path.key(name.trim_start_matches('\'')),
        None => path,
    }
}

#[test]
fn the_corpus_is_judged_as_by_the_schema() {
    let Some(corpus) = corpus() else { return };
    let folder = corpus.join("canaries");
    let index = fs_err::read_to_string(folder.join("index.tsv")).unwrap();
    let mut rows = index.lines();
    let head: Vec<&str> = rows.next().unwrap().split('\t').collect();
    let column = |name: &str| head.iter().position(|head| *head == name).unwrap();
    let (file, valid, errors) = (column("file"), column("valid_by_crd"), column("crd_errors"));
    for row in rows {
        let row: Vec<&str> = row.split('\t').collect();
        let text = fs_err::read_to_string(folder.join(row[file])).unwrap();
        let problems: Vec<Problem> = read_any(&text)
            .into_iter()
            .filter(Problem::is_error)
            .collect();
        if row[valid] == "true" {
            assert!(problems.is_empty(), "{}: {problems:#?}", row[file]);
            continue;
        }
        for error in row[errors]
            .split(" | ")
            .filter(|error| error.contains(": "))
        {
            let field = field_of(error);
            let told = problems
                .iter()
                .any(|problem| problem.path.starts_with(&field));
            assert!(
                told,
                "{}: nothing about {field} in {problems:#?}",
                row[file]
            );
        }
        assert!(!problems.is_empty(), "{}", row[file]);
    }
}

/// Some scenarios are about Canaries that Flagger cannot bring to an end, so
/// that they need not be valid; but all of them can be read.
#[test]
fn the_scenarios_of_the_corpus_can_be_read() {
    let Some(corpus) = corpus() else { return };
    let mut count = 0;
    for entry in fs_err::read_dir(corpus.join("scenarios")).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_none_or(|extension| extension != "yaml") {
            continue;
        }
        let text = fs_err::read_to_string(&path).unwrap();
        let scenario: Value = serde_yaml::from_str(&text).unwrap();
        let (canary, problems) = decode::<Canary>(scenario["canary"].clone());
        assert!(problems.is_empty(), "{}: {problems:#?}", path.display());
        let invalid: Vec<String> = validate_canary(&canary.unwrap())
            .into_iter()
            .filter(Problem::is_error)
            .map(|problem| format!("{}: {}", problem.path, problem.message))
            .collect();
        if !invalid.is_empty() {
            println!("{}: {invalid:?}", path.display());
        }
        count += 1;
    }
    assert!(count > 0);
}
