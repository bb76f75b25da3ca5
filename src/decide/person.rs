//! What people decide.

use std::fmt;

use super::tick::Tick;
use super::{Answers, Facts, Plan};
use crate::api::{Canary, Said, WebhookType};

/// What a person says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Word {
    /// A gate in Git may be passed, once. Without a type it is the one that waits.
    Approve(Option<WebhookType>),
    /// The rollout ends: all traffic goes back to the primary.
    Abort,
    /// Nothing goes on, except a rollback.
    Pause,
    /// It goes on, or weights that were changed by hand are what is wanted.
    Resume,
    /// The revision that failed is tried again.
    Retry,
}

/// Why a person's word makes no sense as things stand.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    /// One sentence without a full stop.
    pub why: String,
    /// What to do instead.
    pub hint: Option<String>,
}

impl Refusal {
    pub(super) fn new(why: impl Into<String>) -> Self {
        Self {
            why: why.into(),
            hint: None,
        }
    }

    pub(super) fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.why)
    }
}

impl std::error::Error for Refusal {}

/// What a person's word changes. `said.at` is the time of now. An abort is a
/// step like a rollback that the checks ask for; everything else leaves
/// `lastStepTime` alone, so that it delays nothing.
///
/// # Errors
/// When it makes no sense as things stand: an approval that nothing waits for,
/// an abort of nothing, a second pause, a resume of what is neither paused nor
/// changed by hand, a retry of what did not fail.
pub fn person(canary: &Canary, facts: &Facts, word: Word, said: &Said) -> Result<Plan, Refusal> {
    let answers = Answers::new();
    Tick::new(canary, facts, &answers, said.at).person(word, said)
}
