//! `doctor metrics`: each query, its value, what it matches and what is missing.

use serde::Serialize;

use super::{Documents, documents, exit_code};
use crate::cli::{DoctorMetrics, Format};
use crate::commands::{Streams, step, work_tree};
use crate::doctor::Measuring;
use crate::error::{Error, Result};
use crate::observe::Observer;
use crate::report::finding::Finding;
use crate::report::markdown::{Inline, Limit};
use crate::report::measured::{Measured, markdown, text};
use crate::settings::{MetricsSettings, Settings, duration};

/// Everything that was found.
#[derive(Debug, Serialize)]
struct Report<'a> {
    version: u32,
    canaries: &'a [Measured],
    /// About servers and documents.
    findings: &'a [Finding],
}

pub(super) async fn run(
    options: &DoctorMetrics,
    settings: &Settings,
    streams: &mut Streams<'_>,
) -> Result<u8> {
    if options.markdown && settings.format == Format::Json {
        return Err(
            Error::usage("--markdown and --format json are two formats").hint("give one of them")
        );
    }
    let folder = work_tree(settings)?;
    let Documents {
        rollouts,
        mut findings,
    } = documents(&folder, &options.select.only, options.fix.fix, settings)?;
    let measuring = Measuring {
        observer: Observer::new(MetricsSettings::new(
            &options.metrics,
            &settings.environment,
        )?),
        rollouts,
        now: settings.now,
        limit: duration("--deadline", &options.deadline)?,
    };
    let (measured, servers) = measuring.measure().await;
    findings.extend(servers);
    let note = Inline::ours("The rest was cut: a summary has at most 1 MiB.");
    let document = markdown::document(&measured, &findings);
    let summary = document.to_text(Limit::SUMMARY, &note);
    match (settings.format, options.markdown) {
        (Format::Json, _) => streams.json(&Report {
            version: crate::report::VERSION,
            canaries: &measured,
            findings: &findings,
        })?,
        (Format::Text | Format::Github, true) => streams.print(&summary)?,
        (Format::Text | Format::Github, false) => {
            streams.print(&text::document(&measured, &findings))?;
        }
    }
    if let Some(runner) = &settings.github {
        step::append(runner.summary.as_deref(), &summary)?;
    }
    let of_canaries = measured.iter().flat_map(|measured| &measured.findings);
    Ok(exit_code(findings.iter().chain(of_canaries)))
}
