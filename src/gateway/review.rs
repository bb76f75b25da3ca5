//! What speaks against a Canary on its gateway.
//!
//! Errors are told before the first step; warnings by those who look at documents,
//! not by each step.

use super::needs::{Need, needs, steps};
use super::{
    Answer, Capability, Gateway, Implementation, MeasuredBy, Refused, Support, metrics, version,
};
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
        let problems = review.need(&need);
        let is_new = |problem: &Problem| {
            let same =
                |known: &Problem| known.path == problem.path && known.message == problem.message;
            !found.iter().any(same)
        };
        let problems: Vec<Problem> = problems.into_iter().filter(is_new).collect();
        found.extend(problems);
    }
    found.extend(review.least_step());
    found.extend(review.dotted());
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
            let path = at("assume").key(key.as_str());
            match Capability::of(key) {
                Some(one) if one.is_needed() => continue,
                Some(_) => {
                    let message = format!("`{key}` has no effect: nothing in a Canary needs it");
                    let problem = Problem::warning(path, message).at_key();
                    found.push(problem.hint("leave it out"));
                    continue;
                }
                None => {}
            }
            let all = Capability::ALL.map(Capability::key);
            let message = format!("there is no capability `{key}`");
            let problem = Problem::error(path, message).at_key();
            found.push(match closest(key, &all) {
                Some(near) => problem.hint(format!("did you mean `{near}`?")),
                None => problem.hint(format!("one of {}", all.join(", "))),
            });
        }
        found
    }

    /// Implementations that do not serve the routes at all.
    fn refused(&self) -> Vec<Problem> {
        let named = self
            .gateway
            .implementation
            .iter()
            .map(|it| (it, self.field()));
        let service = || FieldPath::root().key("spec").key("service");
        let beside = self.gateway.beside.iter();
        let all = named.chain(beside.map(|one| (&one.implementation, service())));
        let found = all.filter_map(|(implementation, field)| {
            let refused = implementation.refused.as_ref()?;
            let refused = (refused.what == Refused::Everything).then_some(refused)?;
            let message = format!(
                "{} cannot carry a release: {}",
                implementation.title, refused.reason.why
            );
            let problem = Problem::error(field, message);
            Some(problem.hint(refused.reason.instead.join(", or ")))
        });
        found.collect()
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

    /// What speaks against one need: of each implementation that serves the routes.
    fn need(&self, need: &Need) -> Vec<Problem> {
        match self.gateway.assumed(self.canary, need.capability) {
            Some(true) => Vec::new(),
            Some(false) => {
                let about = need.capability.about();
                let message =
                    format!("needs {about}, and spec.gitops.gateway.assume says there are none");
                let problem = Problem::error(need.path.clone(), message);
                vec![problem.at_key().hint(need.instead)]
            }
            None => {
                let answers = self.gateway.answers(need.capability).into_iter();
                answers
                    .filter_map(|(title, answer)| missing(need, &title, answer))
                    .collect()
            }
        }
    }

    /// Envoy ends the name of a cluster at its first dot, and puts the rest into the
    /// name of the metric: a route with a dot in its name is found under neither.
    fn dotted(&self) -> Option<Problem> {
        let set = self.gateway.set.as_ref()?;
        let counter = set.requests.as_ref()?;
        let is_cut = ["envoy_cluster_name", "site.route"];
        let is_cut = is_cut.iter().all(|part| counter.selector.contains(part));
        let mut sites = self.gateway.place.canary.sites.iter();
        let site = sites.find(|site| site.route.contains('.'))?;
        let path = FieldPath::root().key("spec").key("analysis").key("metrics");
        let message = format!(
            "cannot be measured with the query set {}: Envoy cuts names at a dot, and the route is \
             called {}",
            set.name, site.route
        );
        let hint = "give the route a name without dots, or set spec.gitops.gateway.querySet: \
                    application";
        let is_told = is_cut && metrics::is_measured(self.canary);
        is_told.then(|| Problem::error(path, message).at_key().hint(hint))
    }

    /// A step that the gateway rounds away.
    fn least_step(&self) -> Option<Problem> {
        let all = self.gateway.serving().into_iter();
        let least = all.filter_map(|(title, implementation, version)| {
            Some((title, implementation.least_step(version.as_ref())?))
        });
        let (title, least) = least.max_by(|a, b| a.1.percent.total_cmp(&b.1.percent))?;
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
        let message = format!(
            "{smallest} % is less than the {} % that {title} keeps well: {}",
            least.percent, least.note
        );
        let hint = format!("take steps of {} % or more", least.percent);
        is_small.then(|| Problem::warning(steps(analysis), message).hint(hint))
    }
}

/// What speaks against a need where `title` answers so.
fn missing(need: &Need, title: &str, answer: Answer) -> Option<Problem> {
    let (key, about) = (need.capability.key(), need.capability.about());
    let Answer { is, note } = answer;
    let note = note.map(|note| format!(": {note}")).unwrap_or_default();
    let path = need.path.clone();
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
            let message =
                format!("needs {about}, and nobody has confirmed that {title} has it{note}");
            let hint = format!(
                "try it, and set spec.gitops.gateway.assume: {{{key}: true}} or {{{key}: false}}"
            );
            Some(Problem::warning(path, message).at_key().hint(hint))
        }
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

    /// What is known of each implementation that serves the routes, by its name for
    /// people.
    #[must_use]
    pub fn answers(&self, capability: Capability) -> Vec<(String, Answer)> {
        let own = self.shown().map(|title| (title, self.answer(capability)));
        let beside = self.beside.iter().map(|one| {
            let class = one.class.as_deref();
            let answer = one.implementation.answer(capability, None, class);
            (one.implementation.title.clone(), answer)
        });
        own.into_iter().chain(beside).collect()
    }

    /// Each implementation that serves the routes: its name for people, and its version
    /// where somebody says it.
    fn serving(&self) -> Vec<(String, &Implementation, Option<version::Version>)> {
        let own = self.implementation.iter().map(|one| {
            let title = self.shown().unwrap_or_default();
            (title, one.as_ref(), self.version())
        });
        let beside = self.beside.iter().map(|one| {
            let one = one.implementation.as_ref();
            (one.title.clone(), one, None)
        });
        own.chain(beside).collect()
    }

    /// What weights are to be written times with: the most that one of the
    /// implementations needs.
    #[must_use]
    pub fn weight_scale(&self) -> i64 {
        let scales = self.serving().into_iter();
        let scales = scales.map(|(_, one, version)| one.weight_scale(version.as_ref()));
        scales.max().unwrap_or(1)
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
