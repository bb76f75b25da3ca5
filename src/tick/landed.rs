//! Steps whose commits are on the branch while others of the same run are not.

use super::Decided;
use crate::report::Run;

/// Steps that were taken for good before the run was over. They are kept, and
/// told, whatever becomes of the rest.
#[derive(Debug, Default)]
pub(super) struct Landed {
    /// In the order in which they landed, each with its place among those that
    /// were decided then.
    steps: Vec<(usize, Decided)>,
    head: Option<String>,
}

impl Landed {
    pub(super) fn is_empty(&self) -> bool {
        self.steps.is_empty()
    }

    /// The last commit that landed.
    pub(super) fn head(&self) -> Option<&str> {
        self.head.as_deref()
    }

    pub(super) fn steps(&mut self) -> impl Iterator<Item = &mut Decided> {
        self.steps.iter_mut().map(|(_, step)| step)
    }

    /// Takes the step of the commit `local` out of `decided`: on the branch it is
    /// called `name`.
    pub(super) fn take(&mut self, decided: &mut Vec<Decided>, local: &str, name: &str) {
        self.head = Some(name.to_owned());
        let is_it = |step: &Decided| step.outcome.commit.as_deref() == Some(local);
        if let Some(place) = decided.iter().position(is_it) {
            let mut step = decided.remove(place);
            step.outcome.commit = Some(name.to_owned());
            self.steps.push((place, step));
        }
    }

    /// Did the Canary in the file `path` take its step already?
    pub(super) fn has(&self, canary: &str, path: &str) -> bool {
        self.steps.iter().any(|(_, step)| {
            let at = step
                .work
                .as_ref()
                .map(|(rollout, _)| rollout.manifest.path());
            step.outcome.canary == canary && at == Some(path)
        })
    }

    /// Puts the steps back to where they were among the results.
    pub(super) fn into_run(self, run: &mut Run) {
        if let Some(head) = self.head {
            run.pushed = true;
            run.head = Some(head);
        }
        for (place, step) in self.steps.into_iter().rev() {
            let place = place.min(run.results.len());
            run.results.insert(place, step.outcome);
        }
    }
}
