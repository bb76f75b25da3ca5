//! `status`: the rollouts of the work tree.

use serde::Serialize;

use super::{Streams, work_tree};
use crate::api::{Deferred, GateStatus, Phase, Said, Status};
use crate::cli::{self, Format};
use crate::error::{Error, Result};
use crate::repo::files::Files;
use crate::repo::inventory::Inventory;
use crate::repo::manifest::Manifest;
use crate::repo::rollout;
use crate::report::Run;
use crate::report::diagnostics::harmless;
use crate::select;
use crate::settings::Settings;

/// One rollout.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Row {
    canary: String,
    path: String,
    phase: Option<Phase>,
    primary_weight: Option<i64>,
    canary_weight: Option<i64>,
    failed_checks: i64,
    iterations: i64,
    revision: Option<String>,
    promoted_revision: Option<String>,
    last_step_time: Option<jiff::Timestamp>,
    /// Who paused it, when and why.
    paused: Option<Said>,
    /// Gates in Git that wait for an approval.
    waits_for: Vec<GateStatus>,
    /// What waits until an earlier commit is applied.
    deferred: Vec<Deferred>,
    /// The step of which somebody was told that the cluster does not run it.
    not_applied: Option<jiff::Timestamp>,
    error: Option<Error>,
}

pub(super) fn run(
    options: &cli::Select,
    settings: &Settings,
    streams: &mut Streams<'_>,
) -> Result<u8> {
    let inventory = Inventory::load(Files::in_folder(&work_tree(settings)?)?)?;
    let rows: Vec<Row> = select(&inventory, &options.only)?
        .into_iter()
        .map(|manifest| row(manifest, settings))
        .collect();
    let errors = inventory.broken();
    match settings.format {
        Format::Json => streams.json(&serde_json::json!({
            "version": crate::report::VERSION,
            "rollouts": rows,
            "errors": errors,
        }))?,
        Format::Text | Format::Github => streams.print(&table(&rows))?,
    }
    let of_rows = rows.iter().filter_map(|row| row.error.as_ref());
    let all: Vec<&Error> = errors.iter().chain(of_rows).collect();
    for error in &all {
        streams.error(error)?;
    }
    Ok(Run::code_of(all))
}

fn row(manifest: &Manifest, settings: &Settings) -> Row {
    let (status, error) = match rollout::check(manifest, settings.now) {
        Ok(checked) => (checked.canary.status.unwrap_or_default(), None),
        Err(error) => (Status::default(), Some(error)),
    };
    let text = |text: String| (!text.is_empty()).then_some(text);
    Row {
        canary: manifest.id(),
        path: manifest.path().to_owned(),
        phase: status.phase,
        primary_weight: status.routed.map(|routed| routed.primary),
        canary_weight: status.routed.map(|routed| routed.canary),
        failed_checks: status.failed_checks,
        iterations: status.iterations,
        revision: text(status.last_applied_spec),
        promoted_revision: text(status.last_promoted_spec),
        last_step_time: status.last_step_time,
        paused: status.paused,
        waits_for: status
            .gates
            .into_iter()
            .filter(|gate| gate.approved.is_none())
            .collect(),
        deferred: status.deferred,
        not_applied: status.not_applied,
        error,
    }
}

impl Row {
    /// What holds it, in words.
    fn holds(&self) -> String {
        let mut holds = Vec::new();
        if let Some(said) = &self.paused {
            let name = said
                .by
                .rsplit_once(" <")
                .map_or(&*said.by, |(name, _)| name);
            let reason = said.reason.as_ref();
            let reason = reason.map(|reason| format!(": {reason}"));
            holds.push(format!("paused by {name}{}", reason.unwrap_or_default()));
        }
        holds.extend(self.waits_for.iter().map(|gate| {
            let since = gate.since.map(|since| format!(" since {since}"));
            let kind = serde_json::to_value(gate.kind).unwrap_or_default();
            let kind = kind.as_str().unwrap_or_default();
            format!("waits for {kind}{}", since.unwrap_or_default())
        }));
        holds.extend(self.deferred.iter().map(|deferred| match deferred {
            Deferred::ScaleCanaryToZero => "scale-down to come".to_owned(),
        }));
        if let Some(step) = self.not_applied {
            holds.push(format!("the step of {step} is not applied"));
        }
        match holds.is_empty() {
            true => "-".to_owned(),
            false => harmless(&holds.join(", ")),
        }
    }
}

/// Columns as wide as their longest cell.
fn table(rows: &[Row]) -> String {
    if rows.is_empty() {
        return "no Canary here\n".to_owned();
    }
    let head = [
        "CANARY",
        "PHASE",
        "WEIGHTS",
        "FAILED",
        "REVISION",
        "LAST STEP",
        "HOLDS",
    ];
    let mut lines = vec![head.map(str::to_owned)];
    let or_dash = |text: Option<String>| text.unwrap_or_else(|| "-".to_owned());
    lines.extend(rows.iter().map(|row| {
        let weights = row
            .primary_weight
            .zip(row.canary_weight)
            .map(|(primary, canary)| format!("{primary}/{canary}"));
        let phase = match row.error {
            Some(_) => Some("invalid".to_owned()),
            None => row.phase.map(|phase| phase.to_string()),
        };
        [
            row.canary.clone(),
            or_dash(phase),
            or_dash(weights),
            row.failed_checks.to_string(),
            or_dash(row.revision.clone()),
            or_dash(row.last_step_time.map(|time| time.to_string())),
            row.holds(),
        ]
    }));
    // Mostly there is nothing to say.
    let holds = lines.iter().skip(1).any(|line| line[6] != "-");
    if !holds {
        lines.iter_mut().for_each(|line| line[6].clear());
    }
    let widths: Vec<usize> = (0..head.len())
        .map(|column| {
            let cells = lines.iter().map(|line| line[column].chars().count());
            cells.max().unwrap_or_default()
        })
        .collect();
    lines
        .iter()
        .map(|line| {
            let cells = line.iter().zip(&widths);
            let cells: Vec<String> = cells
                .map(|(cell, width)| format!("{cell:<width$}"))
                .collect();
            format!("{}\n", cells.join("  ").trim_end())
        })
        .collect()
}
