//! What metrics say, as Markdown. Everything that documents and servers say is data.

use super::text::value;
use super::{Measured, Row, Side, bounds, series};
use crate::decide::Verdict;
use crate::report::finding::{Finding, Level};
use crate::report::markdown::{Document, Inline};

/// Several Canaries, each under its name.
#[must_use]
pub fn document(all: &[Measured], others: &[Finding]) -> Document {
    let mut document = Document::default();
    document.heading(3, Inline::ours("Weirkeeper: what the metrics say"));
    findings(&mut document, others);
    for measured in all {
        document.heading(4, Inline::code(&measured.canary));
        canary(&mut document, measured);
    }
    document
}

/// One Canary: who measures, the table, what is missing, the queries for those who ask.
pub fn canary(document: &mut Document, measured: &Measured) {
    let chosen = &measured.gateway;
    let by = format!("Measured by: {}; {}", chosen.gateway(), chosen.set());
    document.paragraph(Inline::text(&by));
    table(document, &measured.metrics);
    let told = measured.findings.iter();
    let told: Vec<Finding> = told
        .filter(|finding| finding.level != Level::Ok)
        .cloned()
        .collect();
    findings(document, &told);
    let mut inside = Document::default();
    for row in &measured.metrics {
        queries(&mut inside, row);
    }
    document.fold(Inline::ours("The queries, and what they match"), inside);
}

fn table(document: &mut Document, rows: &[Row]) {
    let row = |row: &Row| {
        vec![
            Inline::text(&row.name),
            Inline::text(&value(&row.canary)),
            Inline::text(&value(&row.primary)),
            Inline::text(&row.bounds.map(bounds).unwrap_or_default()),
            verdict(&row.primary),
            Inline::text(&series(row)),
        ]
    };
    let columns = [
        "Metric",
        "The canary now",
        "The primary now",
        "Bounds",
        "The primary's verdict",
        "Series canary / primary",
    ];
    document.table(&columns, rows.iter().map(row));
}

fn verdict(side: &Side) -> Inline {
    Inline::ours(match (&side.error, side.verdict) {
        (Some(_), _) => "not measured",
        (None, Some(Verdict::Pass)) => "pass",
        (None, Some(Verdict::Fail)) => "fail",
        (None, Some(Verdict::NoData)) => "no data",
        (None, Some(Verdict::Error)) => "error",
        (None, None) => "",
    })
}

fn findings(document: &mut Document, findings: &[Finding]) {
    let item = |finding: &Finding| {
        let about = finding.about.as_ref().map(|about| format!("{about}: "));
        let text = format!("{}{}", about.unwrap_or_default(), finding.found);
        let level = Inline::text(&format!("{}:", finding.level.word())).bold();
        let advice = finding
            .advice
            .iter()
            .filter(|advice| !advice.contains('\n'));
        let advice: Vec<&str> = advice.map(String::as_str).collect();
        let text = match advice.is_empty() {
            true => text,
            false => format!("{text} ({})", advice.join("; ")),
        };
        level.and(Inline::ours(" ")).and(Inline::text(&text))
    };
    document.list(findings.iter().map(item));
    for finding in findings {
        let diffs = finding.advice.iter().filter(|advice| advice.contains('\n'));
        diffs.for_each(|diff| document.fence("diff", diff));
    }
}

fn queries(document: &mut Document, row: &Row) {
    for (whose, side) in [("canary", &row.canary), ("primary", &row.primary)] {
        let Some(query) = &side.query else {
            continue;
        };
        let title = Inline::text(&format!("{}, {whose}:", row.name));
        document.paragraph(title);
        document.fence("promql", query);
        let matched = side.series.iter().map(|matched| {
            let count = matched.count.map(|count| format!("{count:.0}"));
            let count = count.unwrap_or_else(|| "?".to_owned());
            let line = Inline::text(&format!("{count} series:")).and(Inline::ours(" "));
            let mut line = line.and(Inline::code(&matched.selector));
            for labels in &matched.labels {
                line = line.and(Inline::ours(" ")).and(Inline::code(labels));
            }
            line
        });
        document.list(matched);
    }
    if let Some(buckets) = &row.buckets {
        let buckets: Vec<String> = buckets.iter().map(f64::to_string).collect();
        let text = format!("{}, buckets in ms: {}", row.name, buckets.join(", "));
        document.paragraph(Inline::text(&text));
    }
}
