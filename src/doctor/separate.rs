//! Does the gateway count the requests to canary and primary apart? For one that can be
//! made to by an edit of the route, the edit.

use std::collections::BTreeMap;
use std::path::Path;

use crate::api::Strategy;
use crate::error::{Error, Result};
use crate::gateway::{Capability, is_measured};
use crate::preview::diff;
use crate::render::{Changes, HEADER, separate};
use crate::repo::files::Files;
use crate::repo::rollout::Rollout;
use crate::report::finding::{Area, Finding, Level};

/// What is to be written, and what is to be said about it.
#[derive(Debug, Default)]
pub struct Separated {
    /// New texts by path.
    pub texts: BTreeMap<String, String>,
    /// For each Canary that it helps.
    pub findings: Vec<Finding>,
}

/// Edits the routes whose backends the gateway counts apart only with a filter, in memory.
///
/// # Errors
/// When a file cannot be read from its origin. A route that cannot be edited is told.
pub fn separated(rollouts: &[Rollout], files: &Files, fix: bool) -> Result<Separated> {
    let mut changes = Changes::default();
    let mut findings = Vec::new();
    for rollout in rollouts.iter().filter(|rollout| is_together(rollout)) {
        let before = changes.texts().clone();
        let finding = match separate(rollout, files, &mut changes) {
            Ok(()) => {
                let texts = changes.texts().iter();
                let texts = texts.filter(|(path, text)| before.get(*path) != Some(text));
                let mut diffs = Vec::new();
                for (path, text) in texts {
                    let old = files.read(path)?;
                    let old = old.map(|bytes| String::from_utf8_lossy(&bytes).into_owned());
                    diffs.push((path.clone(), diff::of(path, old.as_deref(), text).diff));
                }
                changes.keep();
                told(rollout, diffs, fix)
            }
            Err(error) => {
                changes.undo();
                let problem = Finding::error(Area::Metric, Level::Problem, &error);
                Some(problem.advise("the filter is not written"))
            }
        };
        let id = rollout.canary.id();
        findings.extend(finding.map(|finding| finding.about(format!("{id} route"))));
    }
    Ok(Separated {
        texts: changes.texts().clone(),
        findings,
    })
}

/// Does the gateway count both backends together, where it is asked for metrics, and
/// does a filter help? Others refuse a backendRef with one, or ignore it. Not when the
/// Canary says what else is measured, or has a rule of its own.
fn is_together(rollout: &Rollout) -> bool {
    let gateway = &rollout.gateway;
    let implementation = gateway.implementation.as_ref();
    let analysis = rollout.canary.spec.analysis.as_ref();
    let spec = rollout.canary.spec.gitops().gateway.clone();
    let assumed = gateway.assumed(&rollout.canary, Capability::SeparableMetrics);
    implementation.is_some_and(|one| one.separated_by_filter)
        && is_measured(&rollout.canary)
        && spec.is_none_or(|spec| spec.query_set.is_none())
        && assumed.is_none()
        && analysis.is_none_or(|analysis| analysis.strategy() != Strategy::AbTesting)
}

/// What was written, or would be. `None` when there is nothing left to do.
fn told(rollout: &Rollout, diffs: Vec<(String, Option<String>)>, fix: bool) -> Option<Finding> {
    let paths: Vec<&str> = diffs.iter().map(|(path, _)| path.as_str()).collect();
    if paths.is_empty() {
        return None;
    }
    let paths = paths.join(", ");
    let implementation = rollout.gateway.implementation.as_ref();
    let title = implementation.map_or("the gateway", |one| &one.title);
    let mut finding = match fix {
        true => Finding::new(
            Area::Metric,
            Level::Ok,
            format!("wrote a filter on each backendRef: {paths}"),
        )
        .advise("look at it and commit it: from then on each backend is counted by itself"),
        false => Finding::new(
            Area::Metric,
            Level::Problem,
            format!(
                "{title} counts both backends together, as long as its backendRefs have no filter"
            ),
        )
        .advise(format!(
            "`weirkeeper doctor --fix` writes one that sets the header {HEADER}, in {paths}"
        )),
    };
    finding = finding.advise(
        "with filters a session of sessionPersistence no longer sticks across the two backends",
    );
    if rollout.routes.iter().any(|site| site.manifest.is_none()) {
        finding = finding.advise(
            "the route is new: the Services it leads to are there after the first step, not before",
        );
    } else if is_generated(rollout) {
        finding = finding.advise(
            "the generated route is yours then: what changes in spec.service no longer reaches it",
        );
    }
    let shown = diffs.into_iter().filter_map(|(path, diff)| {
        let diff = diff.filter(|_| !fix)?;
        Some(format!("{path}:\n{diff}"))
    });
    Some(shown.fold(finding, Finding::advise))
}

fn is_generated(rollout: &Rollout) -> bool {
    let status = rollout.canary.status.as_ref();
    status.is_some_and(|status| status.generated_route.is_some())
}

/// Writes the files into the work tree.
///
/// # Errors
/// When one cannot be written.
pub fn write(folder: &Path, texts: &BTreeMap<String, String>) -> Result<()> {
    for (path, text) in texts {
        let path = folder.join(path);
        fs_err::write(&path, text).map_err(|error| {
            Error::usage(format!("cannot write {}", path.display())).because(error)
        })?;
    }
    Ok(())
}
