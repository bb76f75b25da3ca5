//! The scenario file: a Canary, and for each tick what the world says and what
//! is expected. The format is that of the test corpus; what a short scenario
//! leaves out is carried over from the tick before.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde_yaml::Value;

use super::input::{Input, Reader};
use super::written::Written;
use crate::api::{API_VERSION, Canary, Document as _, FieldPath, Problem, closest, decode};
use crate::diagnostic::{Diagnostic, Severity, sort};
use crate::error::{Error, Result};
use crate::repo::manifest::{Manifest, ParsedFile};

/// Version of the format.
const SCHEMA: i64 = 1;

/// A scenario that reads.
#[derive(Debug)]
pub(super) struct Scenario {
    /// `id`, else the name of the file.
    pub(super) id: String,
    /// The scenario file as one object.
    pub(super) file: Manifest,
    /// The Canary when the first tick begins.
    pub(super) canary: Value,
    /// Where the Canary is written.
    pub(super) canary_place: Place,
    /// The MetricTemplates that are given.
    pub(super) templates: Vec<Value>,
    /// The runs of the loop, at least one.
    pub(super) ticks: Vec<Tick>,
    /// What does not keep it from being run.
    pub(super) warnings: Vec<Diagnostic>,
}

/// Where an object is written: a file of its own, or a field of another.
#[derive(Debug, Clone)]
pub(super) struct Place {
    /// The object that is a document.
    pub(super) manifest: Manifest,
    /// The field of it.
    pub(super) below: FieldPath,
}

/// One run of the loop, or several alike.
#[derive(Debug)]
pub(super) struct Tick {
    /// The number of its first run.
    pub(super) number: i64,
    /// What it is about.
    pub(super) name: Option<String>,
    /// How often it is run, at least once.
    pub(super) repeat: i64,
    /// What differs from the tick before.
    pub(super) input: Input,
    /// The state after the last run, as far as it is written.
    pub(super) expect: Option<Value>,
    /// Where it stands in the file.
    pub(super) path: FieldPath,
}

impl Place {
    /// A finding at a field of the object.
    pub(super) fn diagnostic(&self, problem: &Problem) -> Diagnostic {
        let mut problem = problem.clone();
        problem.path = self.below.join(&problem.path);
        self.manifest.diagnostic(&problem)
    }
}

impl Scenario {
    /// Reads a scenario file. A `canaryFile` has to lie in one of `inside`.
    ///
    /// # Errors
    /// [`Kind::Usage`](crate::error::Kind::Usage) when the file cannot be read,
    /// [`Kind::Document`](crate::error::Kind::Document) with every problem when
    /// it is no scenario.
    pub(super) fn read(path: &Path, inside: &[PathBuf]) -> Result<Self> {
        let bytes = fs_err::read(path)
            .map_err(|error| Error::usage("cannot read the scenario").because(error))?;
        let shown = path.to_string_lossy().replace('\\', "/");
        let file = parse(&shown, &bytes)?;
        let (written, mut problems) = decode::<Written>(Value::clone(&file.value));
        for problem in &mut problems {
            of_unknown_field(problem);
        }
        // Without what failed, the rest would be misunderstood.
        let is_whole = !problems.iter().any(Problem::is_error);
        let mut written = written.unwrap_or_default();
        if is_whole {
            problems.extend(contradictions(&written));
        }
        let mut reader = Reader {
            value: &file.value,
            problems,
            last: None,
        };
        let ticks = match is_whole {
            true => reader.ticks(written.ticks.take().unwrap_or_default()),
            false => Vec::new(),
        };
        let mut problems = reader.problems;
        let (canary, canary_place) = match (written.canary, &written.canary_file) {
            (Some(canary), _) => (with_kind(canary), place(&file, "canary")),
            (None, Some(name)) => match canary_file(path, name, inside) {
                Ok(manifest) => (without_status(&manifest.value), Place::from(manifest)),
                Err(error) => {
                    problems.push(at_canary_file(&error));
                    (Value::Null, place(&file, "canaryFile"))
                }
            },
            (None, None) => (Value::Null, place(&file, "canary")),
        };
        problems.extend(unknown_names(&canary, &ticks));
        let whole = place(&file, "");
        let mut found: Vec<_> = problems
            .iter()
            .map(|problem| whole.diagnostic(problem))
            .collect();
        sort(&mut found);
        let (errors, warnings): (Vec<_>, Vec<_>) = found
            .into_iter()
            .partition(|diagnostic| diagnostic.severity == Severity::Error);
        if !errors.is_empty() {
            let error = Error::document(format!("{shown} is no scenario that can be run"));
            return Err(error.at(errors).at(warnings));
        }
        let stem = path.file_stem().unwrap_or_default().to_string_lossy();
        Ok(Self {
            id: written.id.unwrap_or_else(|| stem.into_owned()),
            file,
            canary,
            canary_place,
            templates: written.metric_templates.unwrap_or_default(),
            ticks,
            warnings,
        })
    }
}

impl From<Manifest> for Place {
    fn from(manifest: Manifest) -> Self {
        Self {
            manifest,
            below: FieldPath::root(),
        }
    }
}

/// A field of the scenario file, the file itself for `""`.
fn place(file: &Manifest, field: &str) -> Place {
    let below = match field {
        "" => FieldPath::root(),
        field => FieldPath::root().key(field),
    };
    Place {
        manifest: file.clone(),
        below,
    }
}

/// The one document of the file, merge keys resolved.
fn parse(shown: &str, bytes: &[u8]) -> Result<Manifest> {
    let file = Arc::new(ParsedFile::parse(shown, bytes)?);
    let unreadable = file.unreadable();
    if !unreadable.is_empty() {
        return Err(Error::document(format!("{shown} cannot be read")).at(unreadable));
    }
    let [document] = file.stream.documents() else {
        let count = file.stream.documents().len();
        let message = format!("{shown} holds {count} documents, a scenario is one");
        return Err(Error::document(message));
    };
    let mut value = document.to_value().unwrap_or_default();
    // What cannot be merged is told when it is decoded.
    value.apply_merge().ok();
    Ok(Manifest {
        file,
        document: 0,
        value: Arc::new(value),
        kind: "Scenario".to_owned(),
        name: String::new(),
        namespace: None,
    })
}

/// An unknown field that looks like a known one, or that would say something
/// about the world, is an error. Whatever else a scenario notes about itself is
/// not in the way.
fn of_unknown_field(problem: &mut Problem) {
    if problem.is_error() {
        return;
    }
    let path = problem.path.to_string();
    let means_something = path.contains(".input.") || path.contains(".expect.");
    if means_something || problem.hint.is_some() {
        let hint = problem.hint.take();
        *problem = Problem::error(problem.path.clone(), "unknown field").at_key();
        problem.hint = hint;
    }
}

fn contradictions(written: &Written) -> Vec<Problem> {
    let root = FieldPath::root();
    let mut problems = Vec::new();
    if let Some(schema) = written.schema.filter(|schema| *schema != SCHEMA) {
        let message = format!("must be {SCHEMA}, found {schema}");
        problems.push(Problem::error(root.key("schema"), message));
    }
    match (&written.canary, &written.canary_file) {
        (None, None) => {
            let problem = Problem::error(root.key("canary"), "a scenario needs a Canary");
            let hint = "write it as `canary`, or name its file in `canaryFile`";
            problems.push(problem.hint(hint));
        }
        (Some(_), Some(_)) => {
            let message = "is a second Canary beside `canary`";
            problems.push(Problem::error(root.key("canaryFile"), message).at_key());
        }
        (Some(_), None) | (None, Some(_)) => {}
    }
    if written.ticks.as_ref().is_none_or(Vec::is_empty) {
        problems.push(Problem::error(root.key("ticks"), "a scenario needs a tick"));
    }
    problems
}

/// Metrics and webhooks that neither the Canary nor a patch has. One that looks
/// like another is an error: it would say nothing.
fn unknown_names(canary: &Value, ticks: &[Tick]) -> Vec<Problem> {
    let patches = ticks
        .iter()
        .filter_map(|tick| tick.input.spec_patch.as_ref());
    let specs: Vec<&Value> = canary.get("spec").into_iter().chain(patches).collect();
    let names = |list: &str| -> Vec<&str> {
        let lists = specs
            .iter()
            .filter_map(|spec| spec.get("analysis")?.get(list)?.as_sequence());
        let names = lists
            .flatten()
            .filter_map(|item| item.get("name")?.as_str());
        names.collect()
    };
    let (metrics, webhooks) = (names("metrics"), names("webhooks"));
    let mut problems = Vec::new();
    for tick in ticks {
        let at = tick.path.key("input");
        let mut check = |list: &str, name: &String, known: &[&str]| {
            if known.contains(&name.as_str()) {
                return;
            }
            let path = at.key(list).key(name);
            let message = "the Canary has nothing of this name";
            problems.push(match closest(name, known) {
                Some(meant) => Problem::error(path, message)
                    .at_key()
                    .hint(format!("did you mean `{meant}`?")),
                None => Problem::warning(path, message).at_key(),
            });
        };
        for name in tick.input.metrics.keys() {
            check("metrics", name, &metrics);
        }
        for name in tick.input.webhooks.keys() {
            check("webhooks", name, &webhooks);
        }
    }
    problems
}

/// The Canary written in a scenario need not say what it is.
fn with_kind(mut canary: Value) -> Value {
    if let Value::Mapping(mapping) = &mut canary {
        let kind = [("kind", Canary::KIND), ("apiVersion", API_VERSION)];
        for (key, value) in kind {
            if !mapping.contains_key(key) {
                mapping.insert(key.into(), value.into());
            }
        }
    }
    canary
}

/// A Canary of a repository begins as if it were new: its revisions are
/// hashes, those of a scenario are names.
fn without_status(canary: &Value) -> Value {
    let mut canary = canary.clone();
    if let Value::Mapping(mapping) = &mut canary {
        mapping.shift_remove("status");
    }
    canary
}

/// The Canary of another file.
fn canary_file(scenario: &Path, name: &str, inside: &[PathBuf]) -> Result<Manifest> {
    let folder = scenario.parent().unwrap_or(Path::new(""));
    let path = folder.join(name);
    let failed = |error| Error::document("cannot read the Canary").because(error);
    let real = fs_err::canonicalize(&path).map_err(failed)?;
    let own = fs_err::canonicalize(folder).ok();
    let allowed = inside.iter().chain(&own);
    if !allowed.into_iter().any(|folder| real.starts_with(folder)) {
        return Err(Error::document(format!("{name} is outside the repository")));
    }
    let bytes = fs_err::read(&path).map_err(failed)?;
    let shown = path.to_string_lossy().replace('\\', "/");
    let file = Arc::new(ParsedFile::parse(&shown, &bytes)?);
    let is_canary = |manifest: &Manifest| {
        manifest.kind == Canary::KIND && manifest.api_version().starts_with("flagger.app/")
    };
    let mut canaries = file.manifests().into_iter().filter(is_canary);
    match (canaries.next(), canaries.next()) {
        (Some(canary), None) => Ok(canary),
        (None, _) => Err(Error::document(format!("{name} holds no Canary"))),
        (Some(_), Some(_)) => Err(Error::document(format!("{name} holds several Canaries"))),
    }
}

fn at_canary_file(error: &Error) -> Problem {
    let place = error.diagnostics().first().and_then(Diagnostic::location);
    let place = place.map_or_else(String::new, |place| format!(" ({place})"));
    let message = format!("{}{place}", error.chain());
    Problem::error(FieldPath::root().key("canaryFile"), message)
}
