//! What is wrong with a Canary and what belongs to it, collected.

use crate::api::Problem;
use crate::diagnostic::{Diagnostic, Severity};
use crate::error::{Error, Kind, Result};
use crate::repo::manifest::Manifest;

/// Findings about one Canary.
#[derive(Debug)]
pub(super) struct Findings<'a> {
    canary: &'a Manifest,
    pub(super) errors: Vec<Diagnostic>,
    pub(super) warnings: Vec<Diagnostic>,
}

impl<'a> Findings<'a> {
    pub(super) fn new(canary: &'a Manifest, warnings: Vec<Diagnostic>) -> Self {
        Self {
            canary,
            errors: Vec::new(),
            warnings,
        }
    }

    /// Adds problems of the Canary, each with its place.
    pub(super) fn problems(&mut self, problems: Vec<Problem>) {
        let (errors, warnings) = split(self.canary, problems);
        self.errors.extend(errors);
        self.warnings.extend(warnings);
    }

    /// Notes an error about documents at the field that led to it.
    ///
    /// # Errors
    /// Every other error.
    pub(super) fn note(&mut self, error: &Error, path: &str) -> Result<()> {
        if error.kind() != Kind::Document {
            return Err(error.again());
        }
        let mut diagnostic = self.canary.error_at(path, error.chain());
        diagnostic.hint = error.hints().first().cloned();
        self.errors.push(diagnostic);
        self.errors.extend(error.diagnostics().to_vec());
        Ok(())
    }

    /// What was found; an error is noted as [`note`](Self::note) does.
    ///
    /// # Errors
    /// As [`note`](Self::note).
    pub(super) fn found<T>(&mut self, result: Result<Option<T>>, path: &str) -> Result<Option<T>> {
        match result {
            Ok(found) => Ok(found),
            Err(error) => self.note(&error, path).map(|()| None),
        }
    }

    /// Adds a warning that was made as an error.
    pub(super) fn warn(&mut self, mut diagnostic: Diagnostic) {
        diagnostic.severity = Severity::Warning;
        self.warnings.push(diagnostic);
    }

    /// Everything as one error.
    pub(super) fn into_error(self) -> Error {
        invalid(self.canary, self.errors, self.warnings)
    }
}

/// Errors and warnings of `problems`, each with its place.
pub(super) fn split(
    manifest: &Manifest,
    problems: Vec<Problem>,
) -> (Vec<Diagnostic>, Vec<Diagnostic>) {
    problems
        .iter()
        .map(|problem| manifest.diagnostic(problem))
        .partition(|diagnostic| diagnostic.severity == Severity::Error)
}

/// The warnings come along: a misspelt field is one, and why the right one is missing.
pub(super) fn invalid(
    manifest: &Manifest,
    errors: Vec<Diagnostic>,
    warnings: Vec<Diagnostic>,
) -> Error {
    let name = manifest.id();
    Error::document(format!("Canary {name} cannot be carried out"))
        .at(errors)
        .at(warnings)
}
