//! What keeps a rollout from advancing without being about it: a pause, a
//! freeze of the repository, the windows of the Canary.

use super::Tick;
use crate::decide::windows::{self, Closed};
use crate::decide::{Action, Plan};

/// File at the top of the repository that freezes every rollout.
const FREEZE_FILE: &str = ".weirkeeperfreeze";

impl Tick<'_> {
    /// A plan that holds while nothing may start, get more traffic or be
    /// promoted. Checks go on, and so does everything that takes traffic away.
    pub(super) fn held_back(&self) -> Option<Plan> {
        self.paused().or_else(|| self.frozen())
    }

    /// A pause also holds the way back of a promotion, the bootstrap, and what
    /// waits to be carried out.
    pub(super) fn paused(&self) -> Option<Plan> {
        let paused = self.status.paused.as_ref()?;
        let mut reason = format!("paused by {}", paused.by);
        if let Some(why) = &paused.reason {
            reason = format!("{reason}: {why}");
        }
        Some(self.held_by_person(reason))
    }

    /// Holds until a person commits something.
    pub(super) fn held_by_person(&self, reason: String) -> Plan {
        Plan {
            needs_person: true,
            ..self.unchanged(Action::Held, reason)
        }
    }

    fn frozen(&self) -> Option<Plan> {
        if let Some(why) = &self.facts.frozen {
            let reason = match why.trim() {
                "" => format!("frozen by {FREEZE_FILE}"),
                why => format!("frozen by {FREEZE_FILE}: {why}"),
            };
            return Some(self.held_by_person(reason));
        }
        let Closed { opens, shown } = windows::closed(self.gitops.windows(), self.now)?;
        let reason = match shown {
            Some(shown) => format!("outside of its windows, next one opens {shown}"),
            None => "outside of its windows, none opens".to_owned(),
        };
        let mut plan = self.unchanged(Action::Held, reason);
        plan.next_step_at = opens.or(plan.next_step_at);
        plan.needs_person = opens.is_none();
        Some(plan)
    }
}
