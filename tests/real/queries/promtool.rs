//! Many questions for one run of `promtool`.

use serde_json::{Value, json};

use crate::parts::{command, everything, succeed};

/// Series, and what is asked of them.
#[derive(Debug, Clone)]
pub(super) struct Case {
    pub(super) name: String,
    /// Each with its samples, one every 15 s.
    pub(super) series: Vec<(String, String)>,
    pub(super) questions: Vec<Asked>,
}

/// One question at the time of the last sample.
#[derive(Debug, Clone)]
pub(super) struct Asked {
    pub(super) query: String,
    /// Labels and values; none when the answer is empty.
    pub(super) expected: Vec<(String, f64)>,
}

/// The most that is printed of what went wrong.
const MAX_LINES: usize = 100;

/// The last sample is the 60th after the first.
const AT: &str = "15m";

/// Are they all PromQL?
pub(super) fn check(queries: &[String]) {
    let folder = tempfile::tempdir().unwrap();
    let rules = queries.iter().enumerate();
    let rules = rules.map(|(index, query)| json!({ "record": format!("r{index}"), "expr": query }));
    let rules: Vec<Value> = rules.collect();
    let file = folder.path().join("rules.yaml");
    let text = json!({ "groups": [{ "name": "all", "rules": rules }] });
    fs_err::write(&file, text.to_string()).unwrap();
    let said = succeed(command("promtool").args(["check", "rules"]).arg(&file));
    let found = format!("{} rules found", queries.len());
    assert!(said.contains(&found), "{said}");
}

/// The names of the cases in which an answer is another one than expected. Each is printed.
pub(super) fn run(cases: &[Case]) -> Vec<String> {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("cases.yaml");
    let numbered = cases.iter().enumerate();
    let tests = numbered.map(|(index, case)| to_test(index, case));
    let tests: Vec<Value> = tests.collect();
    let text = json!({ "rule_files": [], "evaluation_interval": "1m", "tests": tests });
    fs_err::write(&file, text.to_string()).unwrap();
    let mut promtool = command("promtool");
    promtool.args(["test", "rules"]).arg(&file);
    promtool.env("TMPDIR", folder.path());
    let output = promtool.output().unwrap();
    let said = everything(&output);
    let failed: Vec<String> = cases
        .iter()
        .enumerate()
        .filter(|(index, _)| said.contains(&format!("# case-{index}\"")))
        .map(|(_, case)| case.name.clone())
        .collect();
    assert_eq!(output.status.success(), failed.is_empty(), "{said}");
    let lines: Vec<&str> = said
        .lines()
        .filter(|line| !line.trim().is_empty())
        .collect();
    for line in lines.iter().take(MAX_LINES).filter(|_| !failed.is_empty()) {
        println!("{line}");
    }
    failed
}

fn to_test(index: usize, case: &Case) -> Value {
    let series = case.series.iter();
    let series = series.map(|(series, values)| json!({ "series": series, "values": values }));
    let questions = case.questions.iter().map(|asked| {
        let expected = asked.expected.iter();
        let expected = expected.map(|(labels, value)| json!({ "labels": labels, "value": value }));
        json!({
            // It prints the query of a wrong answer, and nothing else to know it by.
            "expr": format!("{} # case-{index}", asked.query),
            "eval_time": AT,
            "exp_samples": expected.collect::<Vec<_>>(),
        })
    });
    json!({
        "name": format!("case-{index}"),
        "interval": "15s",
        "input_series": series.collect::<Vec<_>>(),
        "promql_expr_test": questions.collect::<Vec<_>>(),
    })
}
