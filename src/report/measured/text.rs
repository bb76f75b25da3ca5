//! What metrics say, for people at a terminal.

use super::{Measured, Row, Side, bounds, series};
use crate::report::finding::{Finding, Level};
use crate::report::text::quoted;

/// The columns of the table.
const COLUMNS: [&str; 5] = [
    "metric",
    "canary",
    "primary",
    "bounds",
    "series canary / primary",
];

/// Widest cell of a column.
const WIDEST: usize = 40;

/// Several Canaries as text, then what else was found, and how much of it.
#[must_use]
pub fn document(all: &[Measured], others: &[Finding]) -> String {
    let mut text: String = all.iter().map(|one| measured(one) + "\n").collect();
    for line in others.iter().flat_map(finding_lines) {
        text.push_str(&format!(
            "{}\n",
            quoted(line.strip_prefix("  ").unwrap_or(&line))
        ));
    }
    let findings = all.iter().flat_map(|one| &one.findings).chain(others);
    let findings: Vec<&Finding> = findings.collect();
    let levels = [Level::Problem, Level::Warning, Level::Unknown, Level::Ok];
    let counts = levels.map(|level| {
        let of_level = findings.iter().filter(|finding| finding.level == level);
        format!("{} {}", of_level.count(), level.word())
    });
    text + &format!("{}\n", counts.join(", "))
}

/// One Canary as text: the table, the queries with what they match, what is missing.
/// No line of it is taken by a terminal or a GitHub runner for a command.
#[must_use]
pub fn measured(measured: &Measured) -> String {
    let mut lines = vec![format!(
        "{}: {}; {}",
        measured.canary,
        measured.gateway.gateway(),
        measured.gateway.set()
    )];
    let set = measured.gateway.set.iter();
    lines.extend(set.flat_map(|set| set.notes.iter().map(|note| format!("  {note}"))));
    lines.extend(table(&measured.metrics));
    for row in &measured.metrics {
        queries(&mut lines, row);
    }
    for finding in &measured.findings {
        lines.extend(finding_lines(finding));
    }
    let lines = lines.iter().map(|line| quoted(line) + "\n");
    lines.collect()
}

/// A table of metrics, two characters from the left.
pub(in crate::report) fn table(rows: &[Row]) -> Vec<String> {
    if rows.is_empty() {
        return Vec::new();
    }
    let cells = |row: &Row| {
        [
            row.name.clone(),
            value(&row.canary),
            value(&row.primary),
            row.bounds.map(bounds).unwrap_or_default(),
            series(row),
        ]
    };
    let mut all = vec![COLUMNS.map(str::to_owned)];
    all.extend(rows.iter().map(cells));
    let mut widths = [0; COLUMNS.len()];
    for row in &all {
        for (width, cell) in widths.iter_mut().zip(row) {
            *width = cell.chars().count().min(WIDEST).max(*width);
        }
    }
    let line = |row: &[String; COLUMNS.len()]| {
        let cells = row.iter().zip(widths);
        let cells = cells.map(|(cell, width)| format!("{cell:<width$}"));
        let line = cells.collect::<Vec<_>>().join("  ");
        format!("  {}", line.trim_end())
    };
    all.iter().map(line).collect()
}

/// What came back, or that nothing did: why is said elsewhere.
pub(super) fn value(side: &Side) -> String {
    match &side.error {
        Some(_) => "not measured".to_owned(),
        None => side.shown.clone(),
    }
}

fn queries(lines: &mut Vec<String>, row: &Row) {
    for (whose, side) in [("canary", &row.canary), ("primary", &row.primary)] {
        let Some(query) = &side.query else {
            continue;
        };
        let query: Vec<&str> = query.split_whitespace().collect();
        lines.push(format!("  {}, {whose}: {}", row.name, query.join(" ")));
        for matched in &side.series {
            let count = matched.count.map(|count| format!("{count:.0}"));
            let count = count.unwrap_or_else(|| "?".to_owned());
            lines.push(format!("    {count} series: {}", matched.selector));
            let labels = matched.labels.iter();
            lines.extend(labels.map(|labels| format!("      {labels}")));
        }
    }
    if let Some(buckets) = &row.buckets {
        let buckets: Vec<String> = buckets.iter().map(f64::to_string).collect();
        lines.push(format!(
            "  {}, buckets in ms: {}",
            row.name,
            buckets.join(", ")
        ));
    }
}

/// A finding with what to do below it, two characters from the left.
pub(in crate::report) fn finding_lines(finding: &Finding) -> Vec<String> {
    let about = finding.about.as_ref().map(|about| format!("{about}: "));
    let mut lines = vec![format!(
        "  {:<8} {}{}",
        finding.level.word(),
        about.unwrap_or_default(),
        finding.found
    )];
    for advice in &finding.advice {
        let leads = std::iter::once("- ").chain(std::iter::repeat("  "));
        let advice = leads.zip(advice.lines());
        lines.extend(advice.map(|(lead, line)| format!("           {lead}{line}")));
    }
    lines
}
