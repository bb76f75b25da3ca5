//! `doctor`: what keeps rollouts from going on.

mod metrics;

use std::path::Path;

use serde::Serialize;

use super::{Streams, git_options, work_tree};
use crate::cli::{self, DoctorArea, Format};
use crate::doctor::separate::{Separated, separated, write};
use crate::doctor::{Doctor, Measuring};
use crate::error::{Error, Kind, Result};
use crate::github::GitHub;
use crate::observe::Observer;
use crate::repo::files::Files;
use crate::repo::git::Repository;
use crate::repo::inventory::Inventory;
use crate::repo::rollout::{self, Rollout};
use crate::report::diagnostics::harmless;
use crate::report::finding::{Area, Finding, Level};
use crate::select;
use crate::settings::{GithubSettings, MetricsSettings, Settings, duration};

/// Everything that was found.
#[derive(Debug, Serialize)]
struct Report<'a> {
    version: u32,
    findings: &'a [Finding],
}

pub(super) async fn run(
    options: &cli::Doctor,
    settings: &Settings,
    streams: &mut Streams<'_>,
) -> Result<u8> {
    if let Some(DoctorArea::Metrics(options)) = &options.area {
        return metrics::run(options, settings, streams).await;
    }
    let (doctor, mut findings) = prepare(options, settings).await?;
    findings.extend(doctor.look().await);
    findings.sort_by_key(|finding| finding.area);
    match settings.format {
        Format::Json => streams.json(&Report {
            version: crate::report::VERSION,
            findings: &findings,
        })?,
        Format::Text | Format::Github => streams.print(&text(&findings))?,
    }
    Ok(exit_code(&findings))
}

/// A problem is one of the exit code, too.
fn exit_code<'a>(findings: impl IntoIterator<Item = &'a Finding>) -> u8 {
    let mut findings = findings.into_iter();
    match findings.any(|finding| finding.level == Level::Problem) {
        true => Kind::Mismatch.exit_code(),
        false => 0,
    }
}

/// The Canaries of the work tree, and what their documents themselves have to say.
struct Documents {
    rollouts: Vec<Rollout>,
    findings: Vec<Finding>,
}

/// Reads the Canaries that are asked for. With `fix` what can be mended in the work tree
/// is, first.
fn documents(folder: &Path, only: &[String], fix: bool, settings: &Settings) -> Result<Documents> {
    let mut documents = read(folder, only, settings)?;
    let files = Files::in_folder(folder)?;
    let Separated { texts, findings } = separated(&documents.rollouts, &files, fix)?;
    if fix && !texts.is_empty() {
        write(folder, &texts)?;
        documents = read(folder, only, settings)?;
    }
    documents.findings.extend(findings);
    Ok(documents)
}

fn read(folder: &Path, only: &[String], settings: &Settings) -> Result<Documents> {
    let inventory = Inventory::load(Files::in_folder(folder)?)?;
    let mut findings: Vec<Finding> = inventory.broken().iter().map(document).collect();
    let mut rollouts = Vec::new();
    for manifest in select(&inventory, only)? {
        match rollout::examine(&inventory, manifest, settings.now) {
            Ok(examined) => {
                rollouts.push(examined.rollout);
                if !examined.against.is_empty() {
                    let error = Error::document("the gateway does not do what the Canary needs");
                    let error = error.at(examined.against);
                    findings.push(document(&error).about(manifest.id()));
                }
            }
            Err(error) => findings.push(document(&error).about(manifest.id())),
        }
    }
    if inventory.canaries().is_empty() {
        let finding = Finding::new(Area::Canary, Level::Warning, "there is no Canary here");
        findings.push(finding.advise("weirkeeper init writes one for a Deployment"));
    }
    Ok(Documents { rollouts, findings })
}

/// What is looked at, and what the documents themselves have to say.
async fn prepare(options: &cli::Doctor, settings: &Settings) -> Result<(Doctor, Vec<Finding>)> {
    let metrics = MetricsSettings::new(&options.metrics, &settings.environment)?;
    let folder = work_tree(settings)?;
    let Documents { rollouts, findings } =
        documents(&folder, &options.select.only, options.fix.fix, settings)?;
    let repository = Repository::open(&settings.repo, git_options(settings)).await;
    let branch = options.branch.as_deref().filter(|name| !name.is_empty());
    let branch = match &repository {
        Ok(repository) => repository.branch(branch).await,
        Err(error) => Err(error.again()),
    };
    let remote = match (&repository, &branch) {
        (Ok(repository), Ok(branch)) => repository.remote_for(branch),
        _ => None,
    };
    let link = repository
        .as_ref()
        .ok()
        .and_then(|repository| repository.commits_link(remote.as_deref().unwrap_or("origin")));
    let doctor = Doctor {
        folder,
        branch,
        remote,
        github: GitHub::new(GithubSettings::new(&settings.environment, link)?),
        via: options.commit_via(),
        signs: options.signs(),
        measuring: Measuring {
            observer: Observer::new(metrics),
            rollouts,
            now: settings.now,
            limit: duration("--deadline", &options.deadline)?,
        },
        repository,
    };
    Ok((doctor, findings))
}

fn document(error: &Error) -> Finding {
    Finding::error(Area::Canary, Level::Problem, error)
        .advise("weirkeeper validate shows the place")
}

/// A line for each finding, with what to do below it.
fn text(findings: &[Finding]) -> String {
    let mut text = String::new();
    for finding in findings {
        let level = finding.level.word();
        let area = serde_json::to_value(finding.area).unwrap_or_default();
        let area = area.as_str().unwrap_or_default().to_owned();
        let about = finding.about.as_ref().map(|about| format!("{about}: "));
        let line = format!("{}{}", about.unwrap_or_default(), finding.found);
        text.push_str(&format!("{level:<8} {area:<10} {}\n", harmless(&line)));
        for advice in &finding.advice {
            let leads = std::iter::once("- ").chain(std::iter::repeat("  "));
            for (lead, line) in leads.zip(advice.lines()) {
                text.push_str(&format!("{:<20}{lead}{}\n", "", harmless(line)));
            }
        }
    }
    let levels = [Level::Problem, Level::Warning, Level::Unknown, Level::Ok];
    let counts = levels.map(|level| {
        let count = findings
            .iter()
            .filter(|finding| finding.level == level)
            .count();
        format!("{count} {}", level.word())
    });
    text + &format!("{}\n", counts.join(", "))
}
