//! Findings about the manifests in memory, at the places in the files on disk.

use serde_yaml::Value;

use super::world::{CANARY, World};
use crate::api::{Canary, FieldPath, MetricTemplate, Problem, read};
use crate::diagnostic::{Diagnostic, Severity};
use crate::error::{Error, Result};

impl World<'_> {
    /// Judges Canary and templates as their author wrote them.
    pub(super) fn check(&self) -> Result<Vec<Diagnostic>> {
        let mut value = self.canary.clone();
        if let Value::Mapping(mapping) = &mut value {
            mapping.shift_remove("status");
        }
        let (_, problems) = read::<Canary>(value);
        let mut found: Vec<Diagnostic> = problems
            .iter()
            .map(|problem| self.diagnostic(problem))
            .collect();
        for (index, template) in self.scenario.templates.iter().enumerate() {
            let path = FieldPath::root().key("metricTemplates").index(index);
            for mut problem in read::<MetricTemplate>(template.clone()).1 {
                problem.path = path.join(&problem.path);
                found.push(self.scenario.file.diagnostic(&problem));
            }
        }
        let (errors, warnings): (Vec<_>, Vec<_>) = found
            .into_iter()
            .partition(|found| found.severity == Severity::Error);
        match errors.is_empty() {
            true => Ok(warnings),
            false => Err(Error::document(format!(
                "the Canary of {} cannot be carried out",
                self.scenario.id
            ))
            .at(errors)
            .at(warnings)),
        }
    }

    /// A finding about the Canary where its author wrote the field: in the
    /// latest patch that has it, else in the Canary.
    fn diagnostic(&self, problem: &Problem) -> Diagnostic {
        let file = &self.scenario.file;
        let document = &file.file.stream.documents()[file.document];
        let segments = problem.path.segments();
        if let Some((first, rest)) = segments.split_first()
            && FieldPath::from(vec![first.clone()]).to_string() == "spec"
        {
            let rest = FieldPath::from(rest.to_vec());
            for patch in self.patches.iter().rev() {
                let path = patch.join(&rest);
                if document.get(&path).is_some() {
                    let mut problem = problem.clone();
                    problem.path = path;
                    return file.diagnostic(&problem);
                }
            }
        }
        self.scenario.canary_place.diagnostic(problem)
    }

    /// An error about the files in memory as one about the files on disk.
    pub(super) fn at_home(&self, error: &Error) -> Error {
        let places = error.diagnostics().iter().map(|found| {
            let source = found.place.as_ref().map(|(source, _)| source.path.as_str());
            let field: Option<FieldPath> =
                found.field.as_ref().and_then(|field| field.parse().ok());
            let mut place = found.clone();
            place.place = None;
            if let (Some(CANARY), Some(field)) = (source, field) {
                let at = self.diagnostic(&Problem::error(field, ""));
                place.place = at.place;
                place.field = at.field;
            }
            place
        });
        let hints = error.hints().iter();
        let moved = Error::new(error.kind(), error.chain()).at(places);
        hints.fold(moved, |moved, hint| moved.hint(hint.clone()))
    }
}
