//! What speaks against a Canary on its gateway.
//!
//! Errors are told before the first step; warnings by those who look at documents,
//! not by each step.

use super::needs::{Need, needs, steps};
use super::{Answer, Capability, Gateway, MeasuredBy, Refused, Support, metrics, version};
use crate::api::{Canary, FieldPath, Problem, Strategy, closest};

/// Everything that speaks against `canary` on `gateway`, by field. `generated`: is
/// one of its routes still to be made?
#[must_use]
pub fn review(gateway: &Gateway, canary: &Canary, generated: bool) -> Vec<Problem> {
    let review = Review { gateway, canary };
    let mut found = review.words();
    found.extend(review.refused());
    if found.iter().any(Problem::is_error) {
        return found;
    }
    for need in needs(canary, &gateway.place, generated) {
        let problem = review.need(&need);
        let is_new = |problem: &Problem| {
            let same =
                |known: &Problem| known.path == problem.path && known.message == problem.message;
            !found.iter().any(same)
        };
        found.extend(problem.filter(is_new));
    }
    found.extend(review.least_step());
    found.extend(metrics::review(gateway, canary));
    found
}

/// `spec.gitops.gateway.<field>`.
#[must_use]
pub(super) fn at(field: &str) -> FieldPath {
    let path = FieldPath::root().key("spec").key("gitops").key("gateway");
    path.key(field)
}

struct Review<'a> {
    gateway: &'a Gateway,
    canary: &'a Canary,
}

impl Review<'_> {
    /// The words of `spec.gitops.gateway` itself.
    fn words(&self) -> Vec<Problem> {
        let gitops = self.canary.spec.gitops();
        let Some(spec) = &gitops.gateway else {
            return Vec::new();
        };
        let mut found = Vec::new();
        if let Some(text) = &spec.version {
            let path = at("version");
            if version::read(text).is_none() {
                let problem = Problem::error(path, format!("must be a version, found {text:?}"));
                found.push(problem.hint("write its numbers, as 1.9 or v3.7.10"));
            } else if self.gateway.implementation.is_none() {
                let message = "has no effect: nobody knows of which implementation it is";
                let hint = "name it in spec.gitops.gateway.implementation";
                found.push(Problem::warning(path, message).at_key().hint(hint));
            }
        }
        for key in spec.assume.iter().flat_map(|assume| assume.keys()) {
            if Capability::of(key).is_some() {
                continue;
            }
            let all = Capability::ALL.map(Capability::key);
            let path = at("assume").key(key.as_str());
            let message = format!("there is no capability `{key}`");
            let problem = Problem::error(path, message).at_key();
            found.push(match closest(key, &all) {
                Some(near) => problem.hint(format!("did you mean `{near}`?")),
                None => problem.hint(format!("one of {}", all.join(", "))),
            });
        }
        found
    }

    /// An implementation that does not serve the routes at all.
    fn refused(&self) -> Option<Problem> {
        let implementation = self.gateway.implementation.as_ref()?;
        let refused = implementation.refused.as_ref()?;
        let refused = (refused.what == Refused::Everything).then_some(refused)?;
        let message = format!(
            "{} cannot carry a release: {}",
            implementation.title, refused.reason.why
        );
        let problem = Problem::error(self.field(), message);
        Some(problem.hint(refused.reason.instead.join(", or ")))
    }

    /// The field that says which gateway it is.
    fn field(&self) -> FieldPath {
        let gitops = self.canary.spec.gitops();
        let named = gitops.gateway.as_ref();
        match named.is_some_and(|gateway| gateway.implementation.is_some()) {
            true => at("implementation"),
            false => FieldPath::root().key("spec").key("service"),
        }
    }

    /// What speaks against one need.
    fn need(&self, need: &Need) -> Option<Problem> {
        let (key, about) = (need.capability.key(), need.capability.about());
        let title = self.gateway.shown();
        let path = need.path.clone();
        match (self.gateway.assumed(self.canary, need.capability), &title) {
            (Some(true), _) => None,
            (Some(false), _) => {
                let message =
                    format!("needs {about}, and spec.gitops.gateway.assume says there are none");
                Some(Problem::error(path, message).at_key().hint(need.instead))
            }
            (None, None) => None,
            (None, Some(title)) => {
                let Answer { is, note } = self.gateway.answer(need.capability);
                let note = note.map(|note| format!(": {note}")).unwrap_or_default();
                match is {
                    Support::Yes => None,
                    Support::No => {
                        let message = format!("needs {about}, which {title} does not have{note}");
                        let hint = format!(
                            "{}; if yours has it, set spec.gitops.gateway.assume: {{{key}: true}}",
                            need.instead
                        );
                        Some(Problem::error(path, message).at_key().hint(hint))
                    }
                    Support::Unknown => {
                        let message = format!(
                            "needs {about}, and nobody has confirmed that {title} has it{note}"
                        );
                        let hint = format!(
                            "try it, and set spec.gitops.gateway.assume: {{{key}: true}} or \
                             {{{key}: false}}"
                        );
                        Some(Problem::warning(path, message).at_key().hint(hint))
                    }
                }
            }
        }
    }

    /// A step that the gateway rounds away.
    fn least_step(&self) -> Option<Problem> {
        let implementation = self.gateway.implementation.as_ref()?;
        let least = implementation.least_step(self.gateway.version().as_ref())?;
        let analysis = self.canary.spec.analysis.as_ref()?;
        let analysis = (analysis.strategy() == Strategy::Canary).then_some(analysis)?;
        let shares = analysis.ladder().iter().copied().chain(
            analysis
                .step_weight
                .filter(|_| analysis.ladder().is_empty()),
        );
        // The last step leaves the primary a small share instead.
        let shares = shares.filter(|share| (1..100).contains(share));
        let smallest = shares.map(|share| share.min(100 - share)).min()?;
        #[expect(clippy::cast_precision_loss, reason = "at most 50")]
        let is_small = (smallest as f64) < least.percent;
        let title = self.gateway.shown()?;
        let message = format!(
            "{smallest} % is less than the {} % that {title} keeps well: {}",
            least.percent, least.note
        );
        let hint = format!("take steps of {} % or more", least.percent);
        is_small.then(|| Problem::warning(steps(analysis), message).hint(hint))
    }
}

impl Gateway {
    /// What `spec.gitops.gateway.assume` says.
    #[must_use]
    pub fn assumed(&self, canary: &Canary, capability: Capability) -> Option<bool> {
        let gateway = canary.spec.gitops().gateway.clone()?;
        gateway.assume?.get(capability.key()).copied()
    }

    /// What is known of its implementation.
    #[must_use]
    pub fn answer(&self, capability: Capability) -> Answer {
        let implementation = self.implementation.as_ref();
        let class = self.class.as_deref();
        implementation.map_or_else(Answer::default, |implementation| {
            implementation.answer(capability, self.version().as_ref(), class)
        })
    }

    /// Its version, if that is known and reads.
    #[must_use]
    pub fn version(&self) -> Option<version::Version> {
        version::read(self.version.as_deref()?)
    }

    /// What weights are to be written times with.
    #[must_use]
    pub fn weight_scale(&self) -> i64 {
        let implementation = self.implementation.as_ref();
        implementation.map_or(1, |one| one.weight_scale(self.version().as_ref()))
    }

    /// `Traefik 3.7.10`.
    #[must_use]
    pub fn shown(&self) -> Option<String> {
        let implementation = self.implementation.as_ref()?;
        Some(match &self.version {
            Some(version) => format!("{} {version}", implementation.title),
            None => implementation.title.clone(),
        })
    }

    /// Do workloads measure, not the gateway?
    #[must_use]
    pub(super) fn is_measured_by_workload(&self) -> bool {
        let set = self.set.as_ref();
        set.is_some_and(|set| set.by == MeasuredBy::Workload)
    }
}

#[cfg(test)]
mod tests;
