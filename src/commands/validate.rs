//! `validate`: every problem of the documents, with its place.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::{Streams, work_tree};
use crate::cli::{self, FailedFinding, Format};
use crate::diagnostic::{Diagnostic, Severity, Source, sort};
use crate::error::{Error, Kind, Result};
use crate::lint::{document, lint};
use crate::repo::files::Files;
use crate::repo::inventory::Inventory;
use crate::repo::manifest::ParsedFile;
use crate::report::diagnostics;
use crate::settings::Settings;

pub(super) fn run(
    options: &cli::Validate,
    settings: &Settings,
    streams: &mut Streams<'_>,
) -> Result<u8> {
    let mut findings = Vec::new();
    let mut documents = 0;
    let whole = [work_tree(settings)?];
    let paths: &[PathBuf] = match options.paths.is_empty() {
        true => &whole,
        false => &options.paths,
    };
    for path in paths {
        let (count, mut found) = match path.is_dir() {
            true => folder(path, settings)?,
            false => file(path, settings)?,
        };
        if path.is_dir() && !options.paths.is_empty() {
            found.iter_mut().for_each(|found| place_below(path, found));
        }
        documents += count;
        findings.extend(found);
    }
    sort(&mut findings);
    findings.dedup();
    match settings.format {
        Format::Json => streams.json(&diagnostics::json(&findings))?,
        Format::Github => streams.print(&diagnostics::github(&findings))?,
        Format::Text => streams.print(&diagnostics::text(&findings, streams.colour))?,
    }
    let documents = match documents {
        0 => "no document to validate".to_owned(),
        1 => "1 document".to_owned(),
        count => format!("{count} documents"),
    };
    let summary = diagnostics::summary(&findings).unwrap_or_else(|| "no problem".to_owned());
    streams.note(&format!("{documents}: {summary}\n"))?;
    Ok(exit_code(&findings, options.fail_on.fail_on))
}

/// The exit code of findings about documents, as `--fail-on` wants it.
pub(super) fn exit_code(findings: &[Diagnostic], fail_on: FailedFinding) -> u8 {
    let counts = |finding: &Diagnostic| match fail_on {
        FailedFinding::Error => finding.severity == Severity::Error,
        FailedFinding::Warning => true,
        FailedFinding::None => false,
    };
    match findings.iter().any(counts) {
        true => Kind::Document.exit_code(),
        false => 0,
    }
}

/// Puts the path that was typed before the place, so that it can be opened.
fn place_below(folder: &Path, found: &mut Diagnostic) {
    let Some((source, _)) = &mut found.place else {
        return;
    };
    let path = folder
        .join(&source.path)
        .to_string_lossy()
        .replace('\\', "/");
    let path = path.trim_start_matches("./").to_owned();
    let text = source.text.clone();
    *source = Arc::new(Source { path, text });
}

/// A folder is judged as a repository: what a step needs has to be there.
fn folder(path: &Path, settings: &Settings) -> Result<(usize, Vec<Diagnostic>)> {
    let inventory = Inventory::load(Files::in_folder(path)?)?;
    let linted = lint(&inventory, settings.now)?;
    Ok((linted.documents(), linted.into_findings()?))
}

/// A file is judged by itself.
fn file(path: &Path, settings: &Settings) -> Result<(usize, Vec<Diagnostic>)> {
    let bytes =
        fs_err::read(path).map_err(|error| Error::usage("cannot read a file").because(error))?;
    let shown = path.to_string_lossy().replace('\\', "/");
    let file = match ParsedFile::parse(&shown, &bytes) {
        Ok(file) => Arc::new(file),
        Err(error) => return Ok((1, error.diagnostics().to_vec())),
    };
    let mut found = file.unreadable();
    let mut documents = found.len();
    for manifest in file.manifests() {
        if manifest.api_version().starts_with("flagger.app/") {
            documents += 1;
            found.extend(document(&manifest, settings.now));
        }
    }
    Ok((documents, found))
}
