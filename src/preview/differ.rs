//! What differs about one Canary.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use jiff::Timestamp;
use serde_yaml::Value;

use crate::api::FieldPath;
use crate::decide::Facts;
use crate::diagnostic::Diagnostic;
use crate::error::{Kind, Result};
use crate::lint::Judged;
use crate::repo::files::Files;
use crate::repo::rollout::{Release, Rollout};
use crate::report::preview::{Change, Difference, Previewed};

/// Fields that are listed.
const FIELDS: usize = 30;

/// Longest value that is shown, in characters.
const VALUE: usize = 120;

/// A Canary on one side.
#[derive(Debug, Clone, Copy)]
pub(super) struct Side<'a> {
    pub(super) files: &'a Arc<Files>,
    pub(super) judged: &'a Judged<'a>,
    pub(super) now: Timestamp,
}

impl<'a> Side<'a> {
    fn rollout(self) -> Option<&'a (Rollout, Facts)> {
        self.judged.read.as_ref().ok()
    }

    /// Files that the rollout is made of.
    fn paths(self) -> BTreeSet<String> {
        let mut paths = match self.rollout() {
            Some((rollout, _)) => rollout.applied_paths(),
            None => BTreeSet::new(),
        };
        paths.insert(self.judged.manifest.path().to_owned());
        if let Some((rollout, _)) = self.rollout() {
            let chain = rollout.home.iter().flat_map(|home| &home.chain);
            paths.extend(chain.map(|one| one.path().to_owned()));
        }
        paths
    }
}

/// What differs between the sides; `None` when nothing does that concerns the rollout.
pub(super) fn differ(base: Option<Side<'_>>, head: Option<Side<'_>>) -> Result<Option<Previewed>> {
    let Some(side) = head.or(base) else {
        return Ok(None);
    };
    let mut previewed = Previewed {
        canary: side.judged.manifest.id(),
        path: side.judged.manifest.path().to_owned(),
        change: Change::Touched,
        headline: String::new(),
        versions: Vec::new(),
        revision: None,
        fields: Vec::new(),
        files: Vec::new(),
        error: head.and_then(|head| head.judged.read.as_ref().err().map(|error| error.again())),
        rests: None,
        same_schedule: false,
        strategy: None,
        schedule: Vec::new(),
        of_next_release: false,
        ends_at: None,
        largest_share: None,
        steps: Vec::new(),
        promotion: Vec::new(),
        checks: Vec::new(),
        metrics: None,
        notes: Vec::new(),
    };
    let (base, head) = match (base, head) {
        (Some(base), Some(head)) => (base, head),
        (None, _) => {
            previewed.change = Change::New;
            return Ok(Some(previewed));
        }
        (Some(_), None) => {
            previewed.change = Change::Deleted;
            return Ok(Some(previewed));
        }
    };
    previewed.fields = fields(base, head);
    previewed.files = changed_files(base, head)?;
    if previewed
        .fields
        .iter()
        .any(|one| one.what.starts_with("status"))
    {
        let note = "The change writes to the status, which is for Weirkeeper alone to write.";
        previewed.notes.push(note.to_owned());
    }
    let mut touched = !previewed.fields.is_empty() || !previewed.files.is_empty();
    touched |= findings(base) != findings(head);
    if let (Some((before, old)), Some((after, new))) = (base.rollout(), head.rollout()) {
        previewed.versions = versions(before, after);
        previewed.revision = (old.revision != new.revision).then(|| Difference {
            what: "revision".to_owned(),
            before: Some(old.revision.clone()),
            after: Some(new.revision.clone()),
        });
        touched |= old != new || before.templates != after.templates;
        touched |= before.alert_providers != after.alert_providers;
    } else {
        touched |= message(base) != message(head);
    }
    Ok(touched.then_some(previewed))
}

fn message(side: Side<'_>) -> Option<String> {
    side.judged.read.as_ref().err().map(|error| error.chain())
}

fn findings(side: Side<'_>) -> BTreeSet<String> {
    side.judged.findings.iter().map(fingerprint).collect()
}

/// What makes two findings the same one, though lines were added above it.
pub(super) fn fingerprint(finding: &Diagnostic) -> String {
    let path = finding
        .place
        .as_ref()
        .map(|(source, _)| source.path.as_str());
    format!(
        "{path:?} {:?} {:?} {}",
        finding.severity, finding.field, finding.message
    )
}

/// Files of either side whose bytes differ.
fn changed_files(base: Side<'_>, head: Side<'_>) -> Result<Vec<String>> {
    let mut changed = Vec::new();
    // One that is too large differs from every other.
    let bytes = |side: Side<'_>, path: &str| match side.files.read(path) {
        Err(error) if error.kind() == Kind::Document => Ok(Err(error.chain())),
        read => read.map(Ok),
    };
    for path in base.paths().union(&head.paths()) {
        if bytes(base, path)? != bytes(head, path)? {
            changed.push(path.clone());
        }
    }
    Ok(changed)
}

/// Fields of the two documents that differ.
fn fields(base: Side<'_>, head: Side<'_>) -> Vec<Difference> {
    let mut found = Vec::new();
    let [before, after] = [base, head].map(|side| &*side.judged.manifest.value);
    compare(&FieldPath::root(), Some(before), Some(after), &mut found);
    if found.len() > FIELDS {
        let more = found.len() - FIELDS;
        found.truncate(FIELDS);
        found.push(Difference {
            what: format!("{more} more fields"),
            before: None,
            after: None,
        });
    }
    found
}

fn compare(
    path: &FieldPath,
    before: Option<&Value>,
    after: Option<&Value>,
    found: &mut Vec<Difference>,
) {
    if before == after {
        return;
    }
    match (before, after) {
        (Some(Value::Mapping(before)), Some(Value::Mapping(after))) => {
            let new = after.keys().filter(|key| !before.contains_key(*key));
            for key in before.keys().chain(new) {
                let path = path.key(key.as_str().unwrap_or("?"));
                compare(&path, before.get(key), after.get(key), found);
            }
        }
        (Some(Value::Sequence(before)), Some(Value::Sequence(after)))
            if before.len() == after.len() =>
        {
            for (index, (before, after)) in before.iter().zip(after).enumerate() {
                compare(&path.index(index), Some(before), Some(after), found);
            }
        }
        (before, after) => found.push(Difference {
            what: short(&path.to_string()),
            before: before.map(shown),
            after: after.map(shown),
        }),
    }
}

/// A value on one line, cut when it is long.
fn shown(value: &Value) -> String {
    match value.as_str() {
        Some(text) => short(text),
        None => short(&serde_json::to_string(value).unwrap_or_default()),
    }
}

fn short(text: &str) -> String {
    let text = crate::api::without_credentials(text);
    match text.char_indices().nth(VALUE) {
        Some((cut, _)) => format!("{}…", &text[..cut]),
        None => text.into_owned(),
    }
}

/// What is released: the images of the target's containers, or the named fields.
fn versions(before: &Rollout, after: &Rollout) -> Vec<Difference> {
    let (before, after) = (released(before), released(after));
    let names: BTreeSet<&String> = before.keys().chain(after.keys()).collect();
    let differences = names.into_iter().map(|name| Difference {
        what: name.clone(),
        before: before.get(name).cloned(),
        after: after.get(name).cloned(),
    });
    differences
        .filter(|one| one.before != one.after)
        .take(FIELDS)
        .collect()
}

fn released(rollout: &Rollout) -> BTreeMap<String, String> {
    match &rollout.release {
        Release::Fields(fields) => {
            let pairs = fields.pairs.iter();
            let values = pairs.filter_map(|pair| {
                let value = pair.from.value.as_ref()?;
                Some((short(&pair.from.path.to_string()), shown(value)))
            });
            values.collect()
        }
        Release::Copy(copied) => {
            let lists = ["initContainers", "containers"].map(|list| {
                let spec = copied.built.get("spec");
                let pods = spec.and_then(|spec| spec.get("template")?.get("spec")?.get(list));
                pods.and_then(Value::as_sequence)
            });
            let containers = lists.into_iter().flatten().flatten();
            let images = containers.filter_map(|container| {
                let name = container.get("name")?.as_str()?;
                Some((short(name), short(container.get("image")?.as_str()?)))
            });
            images.collect()
        }
    }
}
