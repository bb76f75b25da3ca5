//! Every problem of a repository's documents: each by itself, and all together.

use std::collections::BTreeMap;

use jiff::Timestamp;

use crate::api::{
    AlertProvider, Canary, Document, MetricTemplate, Problem, read, unsupported, validate_status,
};
use crate::decide::Facts;
use crate::diagnostic::Diagnostic;
use crate::error::{Kind, Result};
use crate::render;
use crate::repo::inventory::Inventory;
use crate::repo::manifest::Manifest;
use crate::repo::rollout::{self, Claim, Rollout};

/// What was found in a repository.
#[derive(Debug)]
pub(crate) struct Linted<'a> {
    /// The Canaries, by path.
    pub(crate) canaries: Vec<Judged<'a>>,
    /// What cannot be read.
    pub(crate) broken: Vec<Diagnostic>,
    /// About templates and providers.
    pub(crate) others: Vec<Diagnostic>,
    /// Templates and providers.
    count: usize,
}

/// One Canary, what it acts on, and what was found about the two.
#[derive(Debug)]
pub(crate) struct Judged<'a> {
    /// The Canary.
    pub(crate) manifest: &'a Manifest,
    /// What a tick would work with, or why there can be none.
    pub(crate) read: Result<(Rollout, Facts)>,
    /// What was found, errors and warnings.
    pub(crate) findings: Vec<Diagnostic>,
}

/// Judges what `inventory` holds as one repository: what a step needs has to be there.
///
/// # Errors
/// When a file cannot be read from its origin. What is wrong with a document is a
/// finding.
pub(crate) fn lint(inventory: &Inventory, now: Timestamp) -> Result<Linted<'_>> {
    let broken = inventory.broken().iter();
    let broken = broken.flat_map(|error| error.diagnostics().to_vec());
    let broken = broken.chain(inventory.catalogue_findings()?);
    let of_kind = |kind: &str| match inventory.canaries().is_empty() {
        true => Ok(Vec::new()),
        false => inventory.of_kind(kind),
    };
    let others = [of_kind("PodDisruptionBudget")?, of_kind("Kustomization")?];
    let mut claims: BTreeMap<Claim, &Manifest> = BTreeMap::new();
    let mut canaries = Vec::new();
    for manifest in inventory.canaries() {
        let (mut judged, claimed) = judge(inventory, manifest, &others, now);
        let claimed = claimed.into_iter();
        let shared = claimed.filter_map(|claim| claims.insert(claim, manifest));
        if let Some(other) = shared.last() {
            add(&mut judged.findings, [is_shared(manifest, other)]);
        }
        canaries.push(judged);
    }
    let others = [inventory.templates(), inventory.alert_providers()].concat();
    Ok(Linted {
        canaries,
        broken: broken.collect(),
        count: others.len(),
        others: others.iter().flat_map(|one| document(one, now)).collect(),
    })
}

/// What is told by the Canary alone, and by the Canary and its manifests together;
/// and what it changes.
fn judge<'a>(
    inventory: &'a Inventory,
    manifest: &'a Manifest,
    [pdbs, kustomizations]: &[Vec<Manifest>; 2],
    now: Timestamp,
) -> (Judged<'a>, Vec<Claim>) {
    let mut findings = document(manifest, now);
    let (mut together, mut claims) = (Vec::new(), Vec::new());
    let read = rollout::resolve(inventory, manifest, now).and_then(|rollout| {
        claims = rollout.claims();
        together.extend(rollout.warnings.iter().cloned());
        together.extend(rollout::gateway_hints(&rollout));
        together.extend(render::warnings(&rollout));
        together.extend(render::pdb_hint(&rollout, pdbs));
        together.extend(render::flux_hints(&rollout, kustomizations));
        let facts = render::facts(&rollout)?;
        Ok((rollout, facts))
    });
    if let Err(error) = &read {
        together.extend(error.diagnostics().to_vec());
    }
    add(&mut findings, together);
    let judged = Judged {
        manifest,
        read,
        findings,
    };
    (judged, claims)
}

/// Adds what is not known yet.
fn add(known: &mut Vec<Diagnostic>, found: impl IntoIterator<Item = Diagnostic>) {
    for finding in found {
        let same =
            |known: &Diagnostic| known.place == finding.place && known.message == finding.message;
        if !known.iter().any(same) {
            known.push(finding);
        }
    }
}

fn is_shared(manifest: &Manifest, other: &Manifest) -> Diagnostic {
    let place = other.error_at("metadata.name", "").location();
    let message = format!(
        "changes what another Canary changes, too: {}",
        place.unwrap_or_default()
    );
    manifest
        .error_at("metadata.name", message)
        .hint("remove one of the two")
}

impl Linted<'_> {
    /// Documents that were judged.
    pub(crate) fn documents(&self) -> usize {
        self.canaries.len() + self.count
    }

    /// Everything that was found, again and again where it concerns several Canaries.
    pub(crate) fn all(&self) -> impl Iterator<Item = &Diagnostic> {
        let of_canaries = self.canaries.iter().flat_map(|one| &one.findings);
        self.broken.iter().chain(of_canaries).chain(&self.others)
    }

    /// Everything that was found, once.
    ///
    /// # Errors
    /// When a Canary could not be judged, and no document is to blame.
    pub(crate) fn into_findings(self) -> Result<Vec<Diagnostic>> {
        let errors = self
            .canaries
            .iter()
            .filter_map(|one| one.read.as_ref().err());
        if let Some(error) = errors.into_iter().find(|one| one.kind() != Kind::Document) {
            return Err(error.again());
        }
        let of_canaries = self.canaries.into_iter().flat_map(|one| one.findings);
        let mut findings = self.broken;
        add(&mut findings, of_canaries);
        findings.extend(self.others);
        Ok(findings)
    }
}

/// What is wrong with one document by itself. What only this version cannot do
/// is a warning here and an error of `step`.
pub(crate) fn document(manifest: &Manifest, now: Timestamp) -> Vec<Diagnostic> {
    fn problems<T: Document>(manifest: &Manifest) -> (Option<T>, Vec<Problem>) {
        read::<T>(serde_yaml::Value::clone(&manifest.value))
    }
    let problems = match manifest.kind.as_str() {
        Canary::KIND => {
            let (canary, mut found) = problems::<Canary>(manifest);
            if let Some(canary) = &canary {
                let status = canary.status.iter();
                found.extend(status.flat_map(|status| validate_status(status, now)));
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
