//! `validate`: every problem of the documents, with its place.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::{Streams, work_tree};
use crate::api::{
    AlertProvider, Canary, Document, MetricTemplate, Problem, read, unsupported, validate_status,
};
use crate::cli::{self, FailedFinding, Format};
use crate::diagnostic::{Diagnostic, Severity, Source, sort};
use crate::error::{Error, Kind, Result};
use crate::render;
use crate::repo::files::Files;
use crate::repo::inventory::Inventory;
use crate::repo::manifest::{Manifest, ParsedFile};
use crate::repo::rollout::{self, Claim};
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
    let mut found = Vec::new();
    for error in inventory.broken() {
        found.extend(error.diagnostics().to_vec());
    }
    let of_kind = |kind: &str| match inventory.canaries().is_empty() {
        true => Ok(Vec::new()),
        false => inventory.of_kind(kind),
    };
    let others = [of_kind("PodDisruptionBudget")?, of_kind("Kustomization")?];
    let mut claims: BTreeMap<Claim, &Manifest> = BTreeMap::new();
    for canary in inventory.canaries() {
        found.extend(document(canary, settings));
        let (together, claimed) = judged(&inventory, canary, &others, settings)?;
        let others = claimed
            .into_iter()
            .filter_map(|claim| claims.insert(claim, canary));
        let shared = others.last().map(|other| {
            let place = other.error_at("metadata.name", "").location();
            let message = format!(
                "changes what another Canary changes, too: {}",
                place.unwrap_or_default()
            );
            canary
                .error_at("metadata.name", message)
                .hint("remove one of the two")
        });
        for diagnostic in together.into_iter().chain(shared) {
            let same = |known: &Diagnostic| {
                known.place == diagnostic.place && known.message == diagnostic.message
            };
            if !found.iter().any(same) {
                found.push(diagnostic);
            }
        }
    }
    let others = [inventory.templates(), inventory.alert_providers()].concat();
    for manifest in &others {
        found.extend(document(manifest, settings));
    }
    Ok((inventory.canaries().len() + others.len(), found))
}

/// What is told by the Canary and its manifests together, and what it changes.
fn judged(
    inventory: &Inventory,
    canary: &Manifest,
    [pdbs, kustomizations]: &[Vec<Manifest>; 2],
    settings: &Settings,
) -> Result<(Vec<Diagnostic>, Vec<Claim>)> {
    let (mut found, mut claims) = (Vec::new(), Vec::new());
    let facts = rollout::resolve(inventory, canary, settings.now).and_then(|rollout| {
        claims = rollout.claims();
        found.extend(rollout.warnings.iter().cloned());
        found.extend(render::warnings(&rollout));
        found.extend(render::pdb_hint(&rollout, pdbs));
        found.extend(render::flux_hints(&rollout, kustomizations));
        render::facts(&rollout)
    });
    match facts {
        Err(error) if error.kind() != Kind::Document => return Err(error),
        Err(error) => found.extend(error.diagnostics().to_vec()),
        Ok(_) => {}
    }
    Ok((found, claims))
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
            found.extend(document(&manifest, settings));
        }
    }
    Ok((documents, found))
}

/// What is wrong with one document by itself. What only this version cannot do
/// is a warning here and an error of `step`.
fn document(manifest: &Manifest, settings: &Settings) -> Vec<Diagnostic> {
    fn problems<T: Document>(manifest: &Manifest) -> (Option<T>, Vec<Problem>) {
        read::<T>(serde_yaml::Value::clone(&manifest.value))
    }
    let problems = match manifest.kind.as_str() {
        Canary::KIND => {
            let (canary, mut found) = problems::<Canary>(manifest);
            if let Some(canary) = &canary {
                let status = canary.status.iter();
                found.extend(status.flat_map(|status| validate_status(status, settings.now)));
                found.extend(unsupported(canary).into_iter().map(Problem::as_warning));
            }
            found
        }
        MetricTemplate::KIND => problems::<MetricTemplate>(manifest).1,
        AlertProvider::KIND => problems::<AlertProvider>(manifest).1,
        _ => Vec::new(),
    };
    problems
        .iter()
        .map(|problem| manifest.diagnostic(problem))
        .collect()
}
